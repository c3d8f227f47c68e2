#!/usr/bin/env bash
# --kernel with Umbra's BIOS and, where it is installed, with SeaBIOS: multiboot kernels with a module, above 1 MiB and
# over the loader's own memory, a Linux kernel with an initrd, and one from before its setup header. All check what they
# are given.   $1 build folder
set -eu
command -v nasm >/dev/null || { echo "SKIP: nasm is not installed"; exit 77; }
[ -x "$1/umbra" ] && [ -s "$1/bios/loader.bin" ] || { echo "SKIP: umbra or its firmware is not built"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
nasm -f bin -o multiboot.img "$here/multiboot.asm"
nasm -f bin -DORIGIN=0x6000 -o low.img "$here/multiboot.asm"
nasm -f bin -i "$here/" -o linux.img "$here/linux.asm"
nasm -f bin -i "$here/" -o oldlinux.img "$here/oldlinux.asm"
printf 'module\0' >module
head -c 1474560 /dev/zero >floppy.img # bootable, and must not be booted: the kernel comes first
printf "\\xEB\\xFE" | dd of=floppy.img conv=notrunc status=none
printf "\\x55\\xAA" | dd of=floppy.img bs=1 seek=510 conv=notrunc status=none

expect() { # NAME LINE BIOS...
    name=$1 line=$2
    shift 2
    status=0
    "$1" run --display none -m 64 --fda floppy.img --snapshot --kernel "$name.img" --append "hello world" "${@:2}" --debug-exit 0xF4 --timeout 300 \
        >out 2>&1 || status=$?
    cat out
    [ $status = 33 ] || { echo "$name: exit status $status"; exit 1; }
    grep -aq "$line" out && grep -aq "${kind:-$name} end" out || { echo "$name: not as expected"; exit 1; }
}
each() {
    for name in multiboot low; do
        kind=multiboot expect $name "^$name.img hello world\$" "$@" --initrd "module with arguments"
        grep -aq '^module with arguments$' out && grep -aq '^module$' out || { echo "module lost"; exit 1; }
    done
    expect linux '^hello world linux end$' "$@" --initrd module
    expect oldlinux '^hello world oldlinux end$' "$@"
}
each "$1/umbra"
seabios=/usr/share/seabios/bios-256k.bin
[ -r $seabios ] || { echo "SeaBIOS is not installed (Debian package 'seabios'): not tried"; exit 0; }
each "$1/umbra" --bios $seabios
