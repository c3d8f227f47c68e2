#!/usr/bin/env python3
"""A whole Debian 12 i386 on an IDE disk, started by its own GRUB: log in on the serial port, write
files, reboot, compare them, power off; then the file system must be clean and hold the same bytes.

Takes several minutes, so only ./test --full runs it. debian-disk.sh makes the disk.
"""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(SOURCE / "tests/guests"))
from boot import talk  # noqa: E402
from recipes import SKIP, Kit, skip  # noqa: E402

PROMPT = "root@umbra:~# "
LOG_IN = [("umbra login: ", "root\n"), ("Password: ", "umbra\n")]
# What the guest writes: many small files, and a large one of known bytes.
WRITE = [
    (PROMPT, "stty -echo; seq 1 300000 >numbers && mkdir many && cd many && "
             "for i in $(seq 1 200); do echo file $i >$i; done; cd; cp -r /usr/share/doc docs; "
             "find many docs numbers -type f | sort | xargs md5sum >sums; wc -l <sums; echo written-$?\n"),
    ("written-0", ""),
    (PROMPT, "reboot\n"),
]
COMPARE = [
    (PROMPT, "stty -echo; md5sum --quiet -c sums && echo compared-$?\n"),
    ("compared-0", ""),
    (PROMPT, "poweroff\n"),
]


def main():
    if os.environ.get("UMBRA_TEST_FULL") != "1":
        skip("takes several minutes; ./test --full runs it")
    umbra = pathlib.Path(sys.argv[1]).resolve() / "umbra"
    made = subprocess.run([SOURCE / "tests/guests/debian-disk.sh"], capture_output=True, text=True)
    if made.returncode == SKIP:
        skip(made.stderr.strip().removeprefix("SKIP: "))
    if made.returncode:
        sys.exit(made.stderr)
    with tempfile.TemporaryDirectory() as folder:
        kit = Kit(SOURCE, pathlib.Path(folder))
        disk = kit.folder / "disk.img"
        kit.run("cp", "--sparse=always", made.stdout.strip(), disk)
        run_guest(umbra, disk)
        check_disk(kit, disk)
    print("debian-disk: fine")


def run_guest(umbra, disk):
    command = [umbra, "run", "--display", "none", "-m", "512", "--hda", disk, "--serial", "stdio",
               "--timeout", "2400"]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started = time.monotonic()
    heard = b""
    for what, lines in (("login", LOG_IN), ("written", WRITE), ("second login", LOG_IN),
                        ("compared", COMPARE)):
        heard += talk(run, lines)
        print(f"{what}: {time.monotonic() - started:.0f} s", flush=True)
    heard += run.stdout.read()
    status = run.wait()
    print(f"power-off: {time.monotonic() - started:.0f} s")
    if status or b"compared-0" not in heard:
        print(heard.decode(errors="replace")[-6000:])
        sys.exit(f"exit status {status}, expected 0 after the power-off")


def check_disk(kit, disk):
    part = f"{disk}?offset={2048 * 512}"
    checked = subprocess.run([kit.tool("e2fsck"), "-fn", part], capture_output=True, text=True)
    print(checked.stdout)
    if checked.returncode or re.search("Fix|WARNING", checked.stdout):
        sys.exit(f"e2fsck -fn: exit status {checked.returncode}: {checked.stderr}")
    numbers = kit.run("debugfs", "-R", "cat /root/numbers", part)
    want = "".join(f"{n}\n" for n in range(1, 300001)).encode()
    if hashlib.md5(numbers).digest() != hashlib.md5(want).digest():
        sys.exit("the file that the guest wrote has other bytes on the host")


if __name__ == "__main__":
    main()
