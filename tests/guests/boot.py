#!/usr/bin/env python3
"""Boots one guest of guests.py and checks that it reaches what its entry says.

    boot.py BUILD SOURCE NAME [--seabios]     exit 0 fine, 1 failed, 77 skipped
    boot.py --list                            the names of all tests, for CMake
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guests import GUESTS  # noqa: E402
from png import Picture  # noqa: E402

SKIP = 77
SEABIOS = ["/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/bios.bin"]
SEAVGA = ["/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin"]


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(SKIP)


def first_file(paths, what):
    for p in paths:
        if os.path.exists(p):
            return p
    skip(f"{what} is not installed")


def find_image(source, name):
    folders = [os.environ.get("UMBRA_GUESTS"), source / ".." / "shared" / "guests",
               "/work/shared/guests"]
    for folder in folders:
        if folder and (pathlib.Path(folder) / name).exists():
            return pathlib.Path(folder) / name
    skip(f"{name} is not in shared/guests beside the checkout")


def main():
    if sys.argv[1:] == ["--list"]:
        for g in GUESTS:
            print(g.name)
            if g.seabios:
                print(g.name + "-seabios")
        return 0
    build, source = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    name = sys.argv[3]
    seabios = name.endswith("-seabios")
    guest = next(g for g in GUESTS if g.name == name.removesuffix("-seabios"))
    image = find_image(source, guest.image)
    with tempfile.TemporaryDirectory() as folder:
        return boot(build, guest, image, pathlib.Path(folder), seabios)


def boot(build, guest, image, folder, seabios):
    copy = folder / guest.image
    shutil.copyfile(image, copy)
    copy.chmod(0o644)
    shot = folder / "screen.png"
    command = [str(build / "umbra"), "run", "--display", "none", "--screenshot", str(shot)]
    command += guest.options + [guest.drive, str(copy)]
    if seabios:
        command += ["--bios", first_file(SEABIOS, "SeaBIOS (package seabios)"),
                    "--vga-bios", first_file(SEAVGA, "SeaBIOS's VGA BIOS (package seabios)")]
    if guest.type:  # SeaBIOS waits some seconds for its menu key and swallows keys meanwhile
        command += ["--type", ("{wait 4}" if seabios else "") + guest.type]
    if guest.until:
        command += ["--until", guest.until, "--timeout", str(guest.seconds)]
    else:
        command += ["--timeout", str(guest.after)]
    started = time.monotonic()
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=guest.seconds + 60)
    seconds = time.monotonic() - started
    complaints = []
    expected = 0 if guest.until else 3
    if run.returncode != expected:
        complaints.append(f"exit status {run.returncode}, expected {expected}")
    if guest.screen and not complaints:
        complaints += guest.screen(Picture(shot))
    print(f"{guest.name}: {seconds:.1f} s")
    if not complaints:
        return 0
    print(" ".join(command))
    print("\n".join(complaints))
    print(run.stdout.decode(errors="replace")[-2000:])
    print(run.stderr.decode(errors="replace")[-4000:])
    keep = build / "failed-guests"
    keep.mkdir(exist_ok=True)
    if shot.exists():
        shutil.copyfile(shot, keep / f"{guest.name}.png")
        print(f"screenshot: {keep / (guest.name + '.png')}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
