#!/usr/bin/env bash
# Boots services.asm and judges what it says:  run_services.sh EMULATOR ARGUMENTS...
# The floppy image is appended as the last argument; the emulator's output (its serial port or debug
# console on stdout) must end with "BIOS TESTS DONE, 00 FAILED". By hand under QEMU:
#   tests/bios/run_services.sh qemu-system-i386 -bios build/bios/bios.bin -display none \
#       -debugcon stdio -drive if=floppy,format=raw,file=
# An argument that ends in '=' gets the image's name without a space.
set -eu
[ $# -gt 0 ] || { sed -n '2,7p' "$0"; exit 2; }
command -v nasm >/dev/null || { echo "SKIP: nasm is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
here=$(dirname "$0")
nasm -f bin -w-all -i "$here/" -o "$dir/services.img" "$here/services.asm"
arguments=("$@")
last=${arguments[-1]}
case $last in
*=) arguments[-1]=$last$dir/services.img ;;
*) arguments+=("$dir/services.img") ;;
esac
status=0
timeout "${TIMEOUT:-320}" "${arguments[@]}" >"$dir/out" 2>&1 </dev/null || status=$?
grep -aE 'PASS|FAIL' "$dir/out" || true
if grep -aq 'BIOS TESTS DONE, 00 FAILED' "$dir/out"; then
    exit 0
fi
echo "the services test did not finish clean (emulator's exit status $status)"
exit 1
