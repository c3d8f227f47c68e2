#!/usr/bin/env python3
"""Boots one guest of guests.py and checks that it reaches what its entry says.

    boot.py BUILD SOURCE NAME[@HOW] [OPTION...]  exit 0 fine, 1 failed, 77 skipped; OPTIONs go to umbra
    boot.py --list                               the names of all tests, for CMake

HOW is interp, soft, window (the engine, or the translator and its form of shadow map) or lockstep
(the translator against the interpreter); without it, as users run it. All guests are listed in all
ways; unless UMBRA_TEST_FULL is set only a few of those with a HOW run.
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
from recipes import Kit, skip  # noqa: E402

SEABIOS = ["/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/bios.bin"]
SEAVGA = ["/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin"]


HOW = {
    "interp": ["--engine", "interp"],
    "soft": ["--engine", "translate", "--shadow", "soft"],
    "window": ["--engine", "translate", "--shadow", "window"],
    "lockstep": ["--engine", "translate", "--lockstep", "20000"],
}
# What guests.py says is for the translator; the interpreter takes some 8 times as long.
SLOWER = {"interp": 8}
# And for a host with little else to do; a slow and busy one gets this many times as long.
PATIENCE = 5
# Those that always run; with ./test --full all do.
FEW = {
    "interp": ("freedos-144", "elks", "xv6"),
    "soft": ("freedos-emm386", "xv6", "menuet"),
    "window": ("freedos-emm386", "xv6", "menuet", "snowdrop"),
    "lockstep": ("freedos-144", "elks", "snowdrop"),
}


def can_run(guest, how):
    """Lockstep takes no input from outside, and ends by a marker."""
    return how != "lockstep" or guest.until or guest.talk


def first_file(paths, what):
    for p in paths:
        if os.path.exists(p):
            return p
    skip(f"{what} is not installed")


def main():
    if sys.argv[1:] == ["--list"]:
        for g in GUESTS:
            print(g.name)
            if g.seabios:
                print(g.name + "-seabios")
            for how in HOW:
                if can_run(g, how):
                    print(f"{g.name}@{how}")
        return 0
    build, source = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    name, _, how = sys.argv[3].partition("@")
    if "--lockstep" in sys.argv[4:]:  # asked for by hand, with an N of one's own
        how = "lockstep"
    elif how and name not in FEW[how] and not os.environ.get("UMBRA_TEST_FULL"):
        skip(f"{name} with {how} runs with ./test --full")
    seabios = name.endswith("-seabios")
    guest = next(g for g in GUESTS if g.name == name.removesuffix("-seabios"))
    with tempfile.TemporaryDirectory() as folder:
        kit = Kit(source, pathlib.Path(folder))
        if how == "lockstep":
            return lockstep(build, guest, kit)
        sys.argv[4:4] = HOW.get(how, [])
        return boot(build, guest, kit, seabios, SLOWER.get(how, 1))


def lockstep(build, guest, kit):
    """Both engines, as far as the marker or ten minutes: what counts is that they agree."""
    until = guest.until or "init: the kernel is up"
    command = [str(build / "umbra"), "run", "--display", "none", *HOW["lockstep"], *guest.options]
    command += guest.recipe(kit) if guest.recipe else [guest.drive, str(kit.image(guest.image))]
    command += ["--type", guest.type] if guest.type else []
    command += ["--until", until, "--timeout", "600", *sys.argv[4:]]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE)
    print(run.stderr.decode(errors="replace")[-8000:])
    if run.returncode in (0, 3):
        return 0
    print(" ".join(command))
    print(f"exit status {run.returncode}, expected 0: the same course to '{until}'")
    return 1


def talk(run, lines):
    """Waits for texts on the guest's serial port and answers each; returns all that came."""
    heard, start = b"", 0
    for wait_for, answer in lines:
        while wait_for.encode() not in heard[start:]:
            more = os.read(run.stdout.fileno(), 4096)
            if not more:
                print(f"the guest never said '{wait_for}'")
                return heard
            heard += more
        start = heard.index(wait_for.encode(), start) + len(wait_for)
        run.stdin.write(answer.encode())
        run.stdin.flush()
    return heard


def run_umbra(command, guest, errors):
    """Runs until umbra ends by itself (it has a --timeout). Returns exit status and output."""
    stdin = subprocess.PIPE if guest.talk else subprocess.DEVNULL
    run = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors)
    try:
        heard = talk(run, guest.talk)
        heard += run.stdout.read()
    except BrokenPipeError:
        heard = b""
    return run.wait(timeout=600), heard


def boot(build, guest, kit, seabios, slower):
    """Guests judged by their picture alone get more time when it is not right yet: a busy machine
    is no failure. Each try starts afresh, twice as long as the one before: up to eight times, and a minute."""
    if guest.until or guest.powers_off:
        return attempt(build, guest, kit, seabios, min(guest.seconds * slower * PATIENCE, 6000))
    if not guest.screen:
        return attempt(build, guest, kit, seabios, guest.after)
    seconds = guest.after
    most = min(max(60, guest.after * 8 * slower), 2000)
    while (status := attempt(build, guest, kit, seabios, seconds)) == 1 and seconds < most:
        seconds *= 2
    return status


def attempt(build, guest, kit, seabios, timeout):
    shot = kit.folder / "screen.png"
    command = [str(build / "umbra"), "run", "--display", "none", "--screenshot", str(shot)]
    command += guest.options + sys.argv[4:]
    command += guest.recipe(kit) if guest.recipe else [guest.drive, str(kit.copy(kit.image(guest.image)))]
    if seabios:
        command += ["--bios", first_file(SEABIOS, "SeaBIOS (package seabios)"),
                    "--vga-bios", first_file(SEAVGA, "SeaBIOS's VGA BIOS (package seabios)")]
    if guest.type:  # SeaBIOS waits some seconds for its menu key and swallows keys meanwhile
        command += ["--type", ("{wait 4}" if seabios else "") + guest.type]
    if guest.until:
        command += ["--until", guest.until]
    command += ["--timeout", str(timeout)]
    started = time.monotonic()
    with open(kit.folder / "errors", "w+b") as errors:
        status, heard = run_umbra(command, guest, errors)
        errors.seek(0)
        messages = errors.read()
    seconds = time.monotonic() - started
    complaints = []
    expected = 0 if guest.until or guest.powers_off else 3
    if status != expected:
        complaints.append(f"exit status {status}, expected {expected}")
    if guest.screen and not complaints:
        complaints += guest.screen(Picture(shot))
    print(f"{guest.name}: {seconds:.1f} s")
    if not complaints:
        return 0
    print(" ".join(command))
    print("\n".join(complaints))
    print(heard.decode(errors="replace")[-2000:])
    print(messages.decode(errors="replace")[-4000:])
    keep = build / "failed-guests"
    keep.mkdir(exist_ok=True)
    if shot.exists():
        shutil.copyfile(shot, keep / f"{guest.name}.png")
        print(f"screenshot: {keep / (guest.name + '.png')}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
