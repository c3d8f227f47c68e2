#!/usr/bin/env python3
"""Writes tests/cpu/capstone.txt anew: each encoding about which the decoder and Capstone disagree,
in few lines, and why.

    build/tests/test-cpu-decode --disagreements | tests/cpu/capstone_list.py >tests/cpu/capstone.txt

The test reads that file and fails on any disagreement that it does not list, and on any that it
lists and that is none. A reason for a new disagreement is a line of REASONS and one of reason().
"""

import sys
from collections import defaultdict
from itertools import groupby

PREFIXES = ["-", "66", "67", "F3", "F2", "66+67", "66+F3", "66+F2", "F0"]

# name: (who is right, why)
REASONS = {
    "spelling": ("both", "two names of one instruction; Umbra's is that of Intel's manual"),
    "x87-alias": ("both", "an alias or a NOP of the 387; Capstone's name is its own"),
    "osize": ("Umbra", "Capstone takes no account of the operand size: it forgets 66 when 67, F2 or "
              "F3 follows, and the code's size for CBW and CWD. The host runs these as Umbra does "
              "(test-cpu-host)"),
    "mandatory": ("Umbra", "Capstone forgets a mandatory 66 when 67 follows, and all mandatory prefixes in "
                  "16-bit code. The host runs these as Umbra does (test-cpu-hostfp)"),
    "later": ("both", "came after the Pentium 4, or with another maker's chips; Capstone knows all at once, "
              "a P4 raises #UD"),
    "p4-ignores": ("Umbra", "a later instruction made of an old one and a prefix that a P4 ignores"),
    "hint": ("Umbra", "0F 18 to 0F 1F are hints, which do nothing where they mean nothing (SDM vol. 2, "
             "NOP; opcode map, note); the host runs each"),
    "fence": ("Umbra", "a fence whose ModRM.rm is not 0: the manual's E8+r, F0+r, F8+r"),
    "reserved": ("Umbra", "with a prefix for which the manual has no such instruction (NP, or another): "
                 "#UD, as the host for each of these; Capstone ignores the prefix"),
    "lock": ("Umbra", "LOCK where the destination is no memory, or on a NOP: #UD, as the host"),
    "register": ("Umbra", "MOV to CS: #UD, as the host"),
    "ud1": ("Umbra", "UD1 has a ModRM byte (SDM vol. 2, UD); Capstone's ud2b has none"),
    "smm": ("Umbra", "RSM outside of system-management mode: #UD"),
}

X87 = {"fstpnce", "feni8087_nop", "fdisi8087_nop", "fsetpm"}
SPELLINGS = {("call far", "lcall"), ("jmp far", "ljmp"), ("shl", "sal"), ("sal", "shl"), ("pushad", "pushal"),
             ("popad", "popal"), ("pusha", "pushaw"), ("popa", "popaw"), ("salc", "setalc"),
             ("int1", "icebp"), ("wait", "fwait"), ("xlatb", "xlat"), ("fcompi", "fcomip"),
             ("fucompi", "fucomip"), ("fcom2", "fcom"), ("retf", "ret far")}
OSIZE = {"cbw", "cwd", "cwde", "cdq", "pusha", "popa", "insw", "outsw", "pushf", "popf", "movsw", "cmpsw",
         "stosw", "lodsw", "scasw", "iret", "call", "mov"}
# Known without a mandatory prefix, or with one, to a P4: with another they are nothing.
P4_SIMD = set(range(0x110, 0x118)) | set(range(0x128, 0x130)) | set(range(0x150, 0x178)) | \
    {0x17C, 0x17D, 0x17E, 0x17F, 0x1AE, 0x1C2, 0x1C3, 0x1C4, 0x1C5, 0x1C6} | set(range(0x1D0, 0x1FF))
LATER_SIMD = {"movntss", "movntsd", "xsave", "xrstor", "xsaveopt", "clwb", "clflushopt", "pcommit"}
LATER_FORMS = {("movntps", 0x12B), ("clflush", 0x1AE)}  # by its other names: MOVNTSS, CLFLUSHOPT


def reason(kind, ours, theirs, prefix, opcode):
    if kind == "name" or kind == "length":
        if theirs in X87:
            return "x87-alias"
        if (ours, theirs) in SPELLINGS:
            return "spelling"
        if ours == "ud1":
            return "ud1"
        if theirs in ("tzcnt", "lzcnt", "endbr32", "endbr64"):
            return "p4-ignores"
        if ours in OSIZE:
            return "osize"
        if ours == "pause" or opcode in P4_SIMD:
            return "mandatory"
    if kind == "ours":
        if ours == "nop":
            return "hint"
        if ours in ("lfence", "mfence", "sfence"):
            return "fence"
        if ours == "mov":
            return "osize"
        if opcode in P4_SIMD:
            return "mandatory"
    if kind == "theirs":
        if theirs == "rsm":
            return "smm"
        if theirs == "mov":
            return "register"
        if prefix == "F0":
            return "lock"
        if (theirs, opcode) in LATER_FORMS and not (theirs == "clflush" and "F" in prefix):
            return "later"
        if theirs in LATER_SIMD or opcode not in P4_SIMD | {0x177}:
            return "later"
        return "reserved"
    raise SystemExit(f"no reason for {kind} {ours} {theirs} {prefix} {opcode:03x}")


def ranges(values):
    """{1, 2, 3, 7} as 01-03,07."""
    out = []
    for _, run in groupby(enumerate(sorted(values)), lambda p: p[1] - p[0]):
        run = [v for _, v in run]
        out.append(f"{run[0]:02X}" if len(run) == 1 else f"{run[0]:02X}-{run[-1]:02X}")
    return ",".join(out)


def merged(rows, axis):
    """Rows (tuples of sets) that differ in one axis alone become one."""
    out = defaultdict(set)
    for row in rows:
        out[tuple(frozenset(x) for k, x in enumerate(row) if k != axis)] |= row[axis]
    result = []
    for key, values in out.items():
        row = list(key)
        row.insert(axis, frozenset(values))
        result.append(tuple(row))
    return result


def main():
    groups = defaultdict(list)
    for line in sys.stdin:
        mode, prefix, opcode, modrm, kind, ours, theirs = line.rstrip("\n").split("|")
        why = reason(kind, ours, theirs, prefix, int(opcode, 16))
        groups[(why, kind, ours, theirs)].append((mode, prefix, int(opcode, 16), int(modrm, 16)))
    print("# Where the decoder and Capstone 4 disagree: each encoding that tests/cpu/test_decode.c tries, as\n"
          "# products of sets. Written by tests/cpu/capstone_list.py; the test checks that it is complete\n"
          "# and that nothing stands in it that is no disagreement.\n#\n"
          "# !reason who-is-right why\n"
          "# reason  code  prefixes  map:opcodes  second bytes (ModRM)  Umbra  Capstone; - is: not an "
          "instruction")
    for why, (right, text) in REASONS.items():
        print(f"\n!{why} {right} {text}")
        for (w, kind, ours, theirs), points in sorted(groups.items(), key=lambda g: (g[1][0][2], g[0])):
            if w != why:
                continue
            rows = [tuple(frozenset([x]) for x in p) for p in points]
            for axis in (3, 0, 1, 2):
                rows = merged(rows, axis)
            for modes, prefixes, opcodes, modrms in sorted(rows, key=lambda r: tuple(map(sorted, r))):
                for page in (0, 1):
                    here = {o & 0xFF for o in opcodes if o >> 8 == page}
                    if not here:
                        continue
                    second = "*" if len(modrms) == 256 else ranges(modrms)
                    print(why, "both" if len(modes) == 2 else min(modes),
                          "/".join(p for p in PREFIXES if p in prefixes),
                          ("0F:" if page else "1:") + ranges(here), second,
                          ours.replace(" ", "~"), theirs)


main()
