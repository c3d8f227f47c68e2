#!/usr/bin/env python3
"""Reads every #include of every folder and fails on one against the layer drawing of
docs/architecture.md, and on a device that could reach RAM other than through its bus.

Arguments: build folder, source folder (as all test scripts get them)."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[2])

# What a folder may include beside itself.
ALLOWED = {
    "base": set(),
    "mmu": {"base"},
    "cpu": {"base", "mmu"},
    "translator": {"base", "mmu", "cpu"},
    "devices": {"base"},  # of mmu nothing: DMA goes through devices/bus.h
    "partition": {"base", "mmu", "cpu", "translator", "devices"},
    "frontend": {"base", "mmu", "cpu", "translator", "devices", "partition"},
}
# The trusted core has no third-party code: only the C library and POSIX.
THIRD_PARTY = re.compile(r"^(SDL|capstone|zlib|slirp|seccomp|rfb|check)", re.I)
CORE = {"base", "mmu", "cpu", "translator", "devices", "partition"}
# A device that maps memory or opens guest memory by other means would break isolation; only the
# disk images touch the host's files.
FORBIDDEN_IN_DEVICES = re.compile(r"\b(physmap_\w+|dma_(?:read|write)|mmap|vcpu_\w+)\s*\(")

include = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
errors = []
checked = 0
for folder, allowed in ALLOWED.items():
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in (".c", ".h", ".def", ".cpp"):
            continue
        text = path.read_text()
        name = path.relative_to(root)
        checked += 1
        for kind, target in include.findall(text):
            if kind == '"':
                top = target.split("/")[0]
                if "/" not in target:
                    errors.append(f'{name}: "{target}": write includes from the root, "folder/file.h"')
                elif top != folder and top not in allowed:
                    errors.append(f'{name}: {folder} may not include {target}')
            elif folder in CORE and THIRD_PARTY.match(target):
                errors.append(f"{name}: third-party <{target}> in the core")
        if folder == "devices":
            code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
            for match in FORBIDDEN_IN_DEVICES.finditer(code):
                errors.append(f"{name}: a device may not call {match.group(1)}")

print(f"{checked} files checked")
for e in errors:
    print(e)
if checked < 20:
    print("too few files: is the source folder right?")
    sys.exit(1)
sys.exit(1 if errors else 0)
