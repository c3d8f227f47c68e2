#!/usr/bin/env python3
"""Messages of Umbra's own, while the guest's screen is in the terminal: they come behind it, when the terminal is given back, and
at once where stderr is something else.

Arguments: build folder, source folder."""
import os
import pty
import sys
import tempfile

from prelude import expect, umbra_of

umbra = umbra_of(sys.argv[1])
folder = tempfile.TemporaryDirectory()
LEAVE = b"\x1b[?1049l"  # the terminal's own screen again

# A boot sector that reads MSR 3Ah, which no CPU model has (mov ecx, 3Ah / rdmsr): there is a warning, once, and #GP.
with open(f"{folder.name}/boot", "wb") as f:
    f.write((b"\x66\xb9\x3a\x00\x00\x00\x0f\x32\xf4\xeb\xfd").ljust(510, b"\0") + b"\x55\xaa")


def run(seconds, stderr):
    """What came to the terminal until the run ended."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        if stderr:
            os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        os.execv(umbra, [umbra, "run", "--display", "term", "--timeout", str(seconds), f"{folder.name}/boot"])
    out = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:  # it has closed the terminal
            break
        if not part:
            break
        out += part
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    expect(status == 3, f"the run ends with status {status}, not 3", out)
    return out


for seconds in (3, 15, 60):  # a busy host may need longer until the guest has done its part
    out = run(seconds, None)
    if b"RDMSR of 3Ah" in out:
        break
screen, behind = out[: out.rfind(LEAVE)], out[out.rfind(LEAVE) :]
expect(b"umbra: warning: RDMSR of 3Ah" in behind, "the guest's warning does not come behind the screen", out)
expect(b"umbra: timed out after" in behind, "nor why the run ended", out)
expect(b"umbra: " not in screen, "a message stands in the guest's screen", screen)

out = run(seconds, f"{folder.name}/err")
with open(f"{folder.name}/err", "rb") as f:
    err = f.read()
expect(b"umbra: warning: RDMSR of 3Ah" in err, "the warning is not in the file that stderr is", err)
expect(b"umbra: " not in out, "a message is in the terminal, which stderr is not", out)
print("ok")
