#!/usr/bin/env python3
"""FreeDOS, ELKS and MikeOS come to their prompts on every --cpu from the 386 to the Pentium III.

    test_cpu_models.py BUILD SOURCE
"""
import pathlib
import subprocess
import sys
import time

BOOT = pathlib.Path(__file__).resolve().parent / "boot.py"
MODELS = ("386", "486", "pentium", "p2", "p3")
GUESTS = ("freedos-144", "elks", "mikeos")

ran = failed = 0
for guest in GUESTS:
    for model in MODELS:
        started = time.monotonic()
        run = subprocess.run([BOOT, sys.argv[1], sys.argv[2], guest, "--cpu", model],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(f"{guest} --cpu {model}: {'SKIP' if run.returncode == 77 else run.returncode}, "
              f"{time.monotonic() - started:.1f} s", flush=True)
        ran += run.returncode != 77
        if run.returncode not in (0, 77):
            failed += 1
            print(run.stdout.decode(errors="replace"))
sys.exit(1 if failed else 0 if ran else 77)
