#!/usr/bin/env bash
# Symbol files as the usual tools write them, loaded by a running Umbra: NASM's map, its a.out and ELF objects, GNU ld's map and ELF with
# source lines, nm's list. In each a breakpoint by name stops where it should.
set -u
umbra=$1/umbra
for tool in nasm ld nm; do
    command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
[ -x "$umbra" ] && [ -s "$1/bios/bios.bin" ] || { echo "SKIP: umbra or its firmware is not built"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() {
    echo "FAIL: $*"
    cat out log 2>/dev/null
    exit 1
}

cat >body.inc <<'END'
start:
    xor ax, ax
    mov ds, ax
    mov cx, 3
again:
    call count
    loop again
stay:
    jmp stay
count:
    inc word [counter]
    ret
counter:
    dw 0
END
# The boot sector itself, with NASM's map of it.
cat >boot.asm <<'END'
bits 16
org 0x7c00
[map symbols boot.map]
%include "body.inc"
times 510 - ($ - $$) db 0
dw 0xaa55
END
nasm -f bin boot.asm -o boot.img || fail "nasm -f bin"
# The same as an object, from address 0: names with an offset.
printf 'bits 16\nglobal start, count, counter, again, stay\nsection .text\n%%include "body.inc"\n' >object.asm

# finds FILE[@OFFSET]: breaks at count and at stay by name, and looks at counter
finds() {
    cat >script <<'END'
break count ignore 2
continue
where
eval word [@counter]
until stay
eval word [@counter]
eval count - start
END
    timeout 300 "$umbra" debug --display none --symbols "$1" --console-script script boot.img >out 2>log || fail "$1: exit $?"
    grep -q 'breakpoint 1 at 0000:00007C0E' out || fail "$1: count is elsewhere"
    grep -q 'count' out || fail "$1: no name in the answer"
    grep -q '^0x2  2' out || fail "$1: two calls before the third"
    grep -q 'reached at 0000:00007C0C' out || fail "$1: stay is elsewhere"
    grep -q '^0x3  3' out || fail "$1: three calls"
    grep -q '^0xe  14' out || fail "$1: sums of names"
    echo "ok: $1"
}

finds boot.map
nasm -f aout object.asm -o object.aout 2>log || fail "nasm -f aout"
finds object.aout@7c00
nasm -f elf32 -g -F dwarf object.asm -o object.o || fail "nasm -f elf32"
finds object.o@7c00
ld -m elf_i386 -Ttext 0x7c00 -e start -Map linked.map object.o -o linked.elf 2>log || fail "ld"
finds linked.elf
nm linked.elf >System.map
finds System.map
ld -m elf_i386 -Ttext 0 -e start -Map zero.map object.o -o zero.elf 2>log || fail "ld"
nm zero.elf >zero.list
finds zero.list@7c00
finds linked.map

# source lines, where libdw was there
echo 'where count' >script
timeout 300 "$umbra" debug --display none --symbols linked.elf --console-script script boot.img >out 2>log || fail "where"
if ldd "$umbra" | grep -q libdw; then
    grep -q 'body.inc:11\|object.asm:' out || fail "no source line"
fi
echo "all passed"
