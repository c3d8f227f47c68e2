#!/usr/bin/env bash
# The verbs of docs/control.md are those of the console (scripts/control-verbs.sh writes them).
[ -s "$1/bios/bios.bin" ] || { echo "SKIP: the firmware is not built"; exit 77; }
UMBRA=$1/umbra exec "$2/scripts/control-verbs.sh" --check
