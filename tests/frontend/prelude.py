"""What the tests of the frontend begin and fail with."""
import os
import sys

_watched = None


def umbra_of(build):
    """The program in a build folder; the test is skipped when it or its firmware is not built."""
    umbra = os.path.join(build, "umbra")
    if not os.access(umbra, os.X_OK) or not os.path.exists(os.path.join(build, "bios/demo.img")):
        print("SKIP: umbra or its firmware is not built")
        sys.exit(77)
    return umbra


def watch(process):
    """A test that fails from now on ends this process, and prints what it said on stderr."""
    global _watched
    _watched = process
    return process


def expect(good, what, *detail):
    if good:
        return
    print(f"FAIL: {what}", *detail, sep="\n")
    if _watched and _watched.poll() is None:
        _watched.kill()
        if _watched.stderr:
            print(_watched.stderr.read().decode(errors="replace"))
    sys.exit(1)
