#!/usr/bin/env python3
"""Messages of Umbra's own, and what a guest writes to the debug console, while the guest's screen is in the terminal: they come
behind it, when the terminal is given back, and at once where stderr is something else.

Arguments: build folder, source folder."""
import os
import pty
import sys
import tempfile

from prelude import expect, umbra_of

umbra = umbra_of(sys.argv[1])
folder = tempfile.TemporaryDirectory()
LEAVE = b"\x1b[?1049l"  # the terminal's own screen again



def boot_sector(name, code):
    with open(f"{folder.name}/{name}", "wb") as f:
        f.write(code.ljust(510, b"\0") + b"\x55\xaa")


# Writes "hello", a byte 0 and a new line to port E9h, an x to 402h, and reads MSR 3Ah, which no CPU model has: there is a warning,
# once, and #GP.
hello = b"".join(b"\xb0" + bytes([c]) + b"\xe6\xe9" for c in b"hello\0\n")  # mov al, c / out E9h, al
boot_sector("boot", hello + b"\xba\x02\x04\xb0x\xee"  # mov dx, 402h / mov al, 'x' / out dx, al
            + b"\x66\xb9\x3a\x00\x00\x00\x0f\x32\xf4\xeb\xfd")  # mov ecx, 3Ah / rdmsr / hlt
# Writes z to port E9h 100,000 times: mov ecx, 100000 / mov al, 'z' / 1: out E9h, al / dec ecx / jnz 1b / hlt
boot_sector("flood", b"\x66\xb9\xa0\x86\x01\x00\xb0z\xe6\xe9\x66\x49\x75\xfa\xf4\xeb\xfd")


def run(seconds, stderr, image="boot"):
    """What came to the terminal until the run ended."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        if stderr:
            os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        os.execv(umbra, [umbra, "run", "--display", "term", "--timeout", str(seconds), f"{folder.name}/{image}"])
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
TEXT = b"hello\0\r\n"  # the terminal adds the \r
screen, behind = out[: out.rfind(LEAVE)], out[out.rfind(LEAVE) :]
expect(b"umbra: warning: RDMSR of 3Ah" in behind, "the guest's warning does not come behind the screen", out)
expect(b"umbra: timed out after" in behind, "nor why the run ended", out)
expect(b"umbra: " not in screen, "a message stands in the guest's screen", screen)
expect(TEXT in behind and b"x" in behind, "what the guest wrote to E9h and 402h does not come behind the screen", out)
expect(b"hello" not in screen, "it stands in the guest's screen", screen)

out = run(seconds, f"{folder.name}/err")
with open(f"{folder.name}/err", "rb") as f:
    err = f.read()
expect(b"umbra: warning: RDMSR of 3Ah" in err, "the warning is not in the file that stderr is", err)
expect(b"umbra: " not in out, "a message is in the terminal, which stderr is not", out)
expect(b"hello\0\n" in err, "what the guest wrote to E9h is not in that file", err)
expect(b"hello" not in out, "it is in the terminal, which stderr is not", out)

for seconds in (3, 15, 60):
    out = run(seconds, None, "flood")
    if b"wrote %d bytes more" % (100000 - 32768) in out:
        break
else:
    expect(False, "what was lost of much that the guest wrote is not told", out[-500:])
expect(out.count(b"z") == 32768, "it is not 32 KiB that were held", out.count(b"z"))
expect(b"umbra: timed out after" in out, "messages find no room beside it", out[-500:])
print("ok")
