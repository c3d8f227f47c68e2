#!/usr/bin/env bash
# A guest that triple-faults ends the run with status 4 and the story of its faults; with a debugger there it stops first. Its symbols are
# known from NASM's map file.
set -eu
umbra=$1/umbra
command -v nasm >/dev/null || { echo "SKIP: no nasm"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/boot.asm" <<'ASM'
[map symbols boot.map]
    org 0x7c00
start:
    cli
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 8:protected
bits 32
protected:
    mov ax, 16
    mov ds, ax
    mov ss, ax
    mov esp, 0x7000
    lidt [idtr]
crash:
    mov dword [0x12345678], eax
    ud2
gdtr: dw 23
    dd gdt
idtr: dw 0x77
    dd idt
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
idt: times 510-($-$$) db 0
    dw 0xaa55
ASM
(cd "$dir" && nasm -f bin boot.asm -o boot.img)

fail() { echo "FAILED: $1"; cat "$dir/out"; exit 1; }
shows() { grep -qF -- "$1" "$dir/out" || fail "no '$1'"; }

status=0
"$umbra" run --display none --timeout 600 "$dir/boot.img" >"$dir/out" 2>&1 || status=$?
[ "$status" = 4 ] || fail "status $status"
shows "the guest triple-faulted (shutdown) at 0008:"
shows "1.  #UD invalid opcode (vector 6)"
shows "06 empty"
shows "error code 0033: entry 06 of the IDT"
shows "2.  #GP general protection (vector 13)"
shows "these two make a double fault"
shows "the CPU shuts down"
shows "so: IDT entry 06 holds no gate that is present: the system has no handler for #UD"

cat >"$dir/script" <<'SCRIPT'
break crash
continue
wait 300
where
continue
wait 300
status
history 8
SCRIPT
"$umbra" run --display none --timeout 600 --symbols "$dir/boot.map" --console-script "$dir/script" --stopped "$dir/boot.img" >"$dir/out" 2>&1 || true
shows "crash"
shows "triple fault at 0008:"
shows "32-bit protected mode"
echo "the faults are told in turn, the symbols are known"
