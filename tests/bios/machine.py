"""Runs a floppy of checks (check.inc) on Umbra and judges its PASS and FAIL lines.

Every test_*.py of this folder gets the build folder as its first argument.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
SKIP = 77


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(SKIP)


if not BUILD or not (BUILD / "umbra").exists() or not (BUILD / "bios" / "bios.bin").exists():
    skip("umbra or its firmware is not built")
if not shutil.which("nasm"):
    skip("nasm is not installed")
folder = tempfile.TemporaryDirectory()
DIR = pathlib.Path(folder.name)


def assemble(name, defines=()):
    image = DIR / f"{name}.img"
    subprocess.run(["nasm", "-f", "bin", "-w-all", "-i", f"{HERE}/", *[f"-D{d}" for d in defines],
                    "-o", image, HERE / f"{name}.asm"], check=True)
    return image


def umbra(*arguments, seconds=600):
    """The exit status and all that was written to the debug console, the serial port and stderr. Time is counted in
    instructions: keys are typed at the same place in POST however slow and busy the host is. What takes longer than
    seconds of the host's hangs."""
    run = subprocess.run([BUILD / "umbra", "run", "--display", "none", "--clock", "insns", "--timeout", str(seconds),
                          *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=seconds + 30)
    return run.returncode, run.stdout.decode(errors="replace").replace("\r", "")


def expect(condition, what, output=""):
    if not condition:
        print(output)
        print(f"FAILED: {what}")
        sys.exit(1)


def checks(title, *arguments, seconds=600):
    """Boots a floppy of checks; ends the test when one of them fails. Returns the output."""
    status, output = umbra(*arguments, seconds=seconds)
    print(f"-- {title}: {output.count('PASS ')} passed")
    expect("BIOS TESTS DONE, 00 FAILED" in output and status == 0,
           f"{title} (exit status {status})", output)
    return output
