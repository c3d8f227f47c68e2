; linux.asm: a "kernel" of the Linux boot protocol 2.06, whose setup code says on port E9h what it was given.
        bits 16
        org 0
        times 1F1h db 0
        db 1                           ; setup sectors
        dw 0
        dd 512 / 16                    ; syssize
        dw 0, 0, 0
        dw 0AA55h
        jmp short setup
        db "HdrS"
        dw 206h
        times 211h - ($ - $$) db 0
        db 1                           ; loadflags: high
        times 218h - ($ - $$) db 0
initrd: dd 0
initrd_size: dd 0
        times 228h - ($ - $$) db 0
cmdline: dd 0
        dd 37FFFFFFh
        times 238h - ($ - $$) db 0
        dd 255
setup:  mov bx, wrong
        mov ax, cs                     ; CS = DS + 20h, SS = DS, the flag of a loader
        sub ax, 20h
        mov cx, ds
        cmp ax, cx
        jne end
        mov ax, ss
        cmp ax, cx
        jne end
        cmp byte [210h], 0
        je end
        cmp dword [initrd_size], 7
        jne end
        mov eax, [cmdline]
        shr eax, 4
        mov es, ax
        xor si, si
.next:  es lodsb
        cmp al, 0
        je .ends
        out 0E9h, al
        jmp .next
.ends:  mov bx, good
end:    mov al, [bx]
        inc bx
        out 0E9h, al
        cmp al, 10
        jne end
        mov al, 16
        out 0F4h, al
        cli
        hlt
good:   db " linux end", 10
wrong:  db "linux FAIL", 10
        times 1024 - ($ - $$) db 0
        times 512 db 90h
