; A boot sector whose unit has as many slow paths as one can have: 95 times PUSH [mem] and a CALL through memory,
; in segments that end below 64 KiB, so that each offset is checked. Ends with status 85.
        org 0x7C00
        bits 16
        cli
        xor ax, ax
        mov ds, ax
        lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:protected

        bits 32
protected:
        mov ax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov ebx, 0x8000
        xor esi, esi
        mov dword [ebx], target
        mov ecx, 3000
again:
        mov esp, 0x7000
        times 95 push dword [ebx + esi]
        call dword [ebx]
target:
        dec ecx
        jnz near again
        mov al, 42
        out 0xF4, al
        hlt

        align 8, db 0
gdt:    dq 0
        dw 0xFFEE, 0, 0x9A00, 0x0040
        dw 0xFFEE, 0, 0x9200, 0x0040
gdtr:   dw 23
        dd gdt
        times 510 - ($ - $$) db 0
        dw 0xAA55
