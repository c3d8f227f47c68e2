#!/usr/bin/env python3
"""What memory of the host a run of Umbra takes.

  scripts/host-memory.py build/umbra run [options] IMAGE

Runs the command, looks at it four times a second, and prints the look with the largest sum: memory
counted once however often it is mapped (Pss of /proc/PID/smaps), by what it is. docs/performance.md
has the aim, and some runs.
"""
import collections
import re
import subprocess
import sys
import time

KINDS = (
    ("guest memory touched", r"memfd:umbra-machine-memory"),
    ("host code", r"memfd:umbra-code"),
    ("libraries and program", r"/(usr/)?lib|/umbra$"),
    ("everything else", r""),
)


def look(pid):
    """KiB by kind, and how many mappings there are."""
    sums, mappings, kind = collections.Counter(), 0, None
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            start = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)", line)
            if start:
                mappings += 1
                kind = next(name for name, pattern in KINDS if re.search(pattern, start[1]))
            elif line.startswith("Pss:"):
                sums[kind] += int(line.split()[1])
    return sums, mappings


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    run = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    most = (collections.Counter(), 0)
    while run.poll() is None:
        try:
            most = max(most, look(run.pid), key=lambda seen: sum(seen[0].values()))
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.25)
    status = run.wait()
    for name, _ in KINDS:
        print(f"{most[0][name] / 1024:8.1f} MiB  {name}")
    total = sum(most[0].values())
    print(f"{total / 1024:8.1f} MiB  in {most[1]} mappings; exit status {status}")
    print(f"{(total - most[0][KINDS[0][0]]) / 1024:8.1f} MiB  beyond the guest's; the aim is 48 and --code-cache at most")
    return status


if __name__ == "__main__":
    sys.exit(main())
