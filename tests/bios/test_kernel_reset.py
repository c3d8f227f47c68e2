#!/usr/bin/env python3
"""--kernel's file is read again at each reset: into memory that the guest changed meanwhile; also where the file was
renamed over or removed since; not where it was written to, which is said on the screen and by Umbra, and costs the
machine nothing: with the file as it was the next reset boots again."""
import os
import subprocess
import sys
import time

from machine import BUILD, DIR, HERE, assemble, expect

sys.path.insert(0, str(HERE.parent / "frontend"))
from clients import PATIENCE, Control  # noqa: E402
from prelude import watch  # noqa: E402

kernel = assemble("waiting")
sent, said, path = DIR / "sent", DIR / "said", DIR / "control"
sent.touch()
with open(said, "wb") as errors:
    process = watch(subprocess.Popen(
        [BUILD / "umbra", "run", "--display", "none", "--kernel", kernel, "--serial", f"file:{sent}", "--control",
         f"unix:{path}", "--timeout", "600"], stdin=subprocess.DEVNULL, stderr=errors))


def comes(what, condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        expect(process.poll() is None and time.monotonic() < until, what, said.read_text())
        time.sleep(0.05)


def boots(what, times):
    comes(what, lambda: sent.read_text() == "kernel\n" * times)


boots("the kernel starts", 1)
control = Control(str(path))
control.ask("reset")
boots("it is read again", 2)

status, content = os.stat(kernel), kernel.read_bytes()
kernel.write_bytes(content.replace(b"kernel", b"KERNEL"))
control.ask("reset")
comes("the screen tells of the change", lambda: "a file of the kernel's changed" in str(control.ask("screen")))
expect(f"{kernel}: was changed since the machine was made" in said.read_text(), "Umbra tells, too", said.read_text())
boots("what was changed does not run", 2)

kernel.write_bytes(content)
os.utime(kernel, ns=(status.st_atime_ns, status.st_mtime_ns))
control.ask("reset")
boots("with the file as it was it boots", 3)

other = DIR / "other"
other.write_bytes(content.replace(b"kernel", b"KERNEL"))
os.rename(other, kernel)
control.ask("reset")
boots("a file renamed over it is another one", 4)
os.remove(kernel)
control.ask("reset")
boots("removed, it is still there", 5)
control.ask("quit")
expect(process.wait(PATIENCE) == 0, f"exit status {process.returncode}", said.read_text())
