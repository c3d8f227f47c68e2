#!/usr/bin/env bash
# services.asm on Umbra: once judged by the debug console, once by what comes out of COM1, which shows that
# POST left the serial port ready to use.   $1 build folder
set -eu
[ -x "$1/umbra" ] && [ -s "$1/bios/bios.bin" ] || { echo "SKIP: umbra or its firmware is not built"; exit 77; }
run=$(dirname "$0")/run_services.sh
"$run" "$1/umbra" run --display none --timeout 300 --fda
"$run" "$1/umbra" run --display none --timeout 300 --serial stdio --debugcon 0xE9:/dev/null --fda >/dev/null
