#!/usr/bin/env bash
# INT 10h of Umbra's VGA BIOS in every standard mode, and VBE: vga_modes.asm and vbe.asm say on the debug console
# how each went.   $1 build folder
set -eu
command -v nasm >/dev/null || { echo "SKIP: nasm is not installed"; exit 77; }
[ -x "$1/umbra" ] && [ -s "$1/bios/vgabios.bin" ] || { echo "SKIP: umbra or its firmware is not built"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for name in vga_modes vbe; do
    nasm -f bin -o "$dir/$name.img" "$here/$name.asm"
    "$1/umbra" run --display none --fda "$dir/$name.img" --snapshot --debug-exit 0xF4 --timeout 300 \
        >"$dir/out" 2>&1 || true
    cat "$dir/out"
    grep -q '^end$' "$dir/out" || { echo "$name: did not come to its end"; exit 1; }
    ! grep -q FAIL "$dir/out" || { echo "$name: failed"; exit 1; }
done
[ "$(grep -c ' ok$' "$dir/out")" -ge 8 ]
