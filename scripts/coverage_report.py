#!/usr/bin/env python3
"""What a coverage build's runs have counted: see scripts/coverage.sh.

coverage_report.py BUILD [--lines]
"""

import collections
import glob
import json
import os
import subprocess
import sys

GOAL = 95.0


def gcov(build):
    """gcov's records of every file of the cpu library, by source path relative to the tree."""
    notes = glob.glob(f"{build}/**/umbra_cpu.dir/**/*.gcno", recursive=True)
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    functions = collections.defaultdict(dict)
    for note in notes:
        out = subprocess.run(["gcov", "--json-format", "--stdout", note], check=True,
                             capture_output=True, text=True).stdout
        for text in out.splitlines():
            for record in json.loads(text)["files"]:
                path = os.path.relpath(record["file"], os.getcwd())
                for line in record["lines"]:
                    lines[path][line["line_number"]] += line["count"]
                for function in record["functions"]:
                    name = function["name"]
                    functions[path][name] = (functions[path].get(name, 0)
                                             + function["execution_count"])
    return lines, functions


def table_rows(path):
    """id -> how often it ran, of every row of the opcode table (cpu/interp/rows.c wrote it)."""
    rows = collections.defaultdict(int)
    for line in open(path, encoding="utf-8"):
        count, row = line.split()
        rows[row] += int(count)
    return rows


def ranges(numbers):
    """12, 13, 14, 20 -> "12-14 20"."""
    out, start, last = [], None, None
    for n in numbers + [None]:
        if start is not None and n != last + 1 if n is not None else start is not None:
            out.append(f"{start}-{last}" if last > start else f"{start}")
            start = None
        if start is None:
            start = n
        last = n
    return " ".join(out)


def main():
    build = sys.argv[1]
    lines, functions = gcov(build)
    total = run = 0
    print("\n   lines    run      %  file")
    for path in sorted(lines):
        if not path.startswith("cpu/") or path.endswith((".def", "/rows.c")):
            continue
        counts = lines[path]
        ran = sum(1 for count in counts.values() if count)
        total += len(counts)
        run += ran
        print(f"  {len(counts):6} {ran:6} {100 * ran / len(counts):6.1f}  {path}")
        if "--lines" in sys.argv:
            missing = sorted(n for n, count in counts.items() if not count)
            if missing:
                print(f"                          {ranges(missing)}")
    percent = 100 * run / total
    print(f"  {total:6} {run:6} {percent:6.1f}  all of cpu/")

    never = [f"{path}: {name}" for path in sorted(functions) if path.startswith("cpu/")
             for name, count in sorted(functions[path].items())
             if not count and not path.endswith("rows.c")]
    print(f"\nfunctions never run: {len(never)}")
    for name in never:
        print(f"  {name}")

    rows = table_rows(f"{build}/rows.txt")
    missing = [row for row, count in rows.items() if not count]
    print(f"\nrows of the opcode table run: {len(rows) - len(missing)} of {len(rows)}")
    for row in missing:
        print(f"  {row}")
    return percent < GOAL or bool(missing)


if __name__ == "__main__":
    sys.exit(main())
