; linux.asm: a "kernel" of the Linux boot protocol 2.06, whose setup code says on port E9h what it was given.
%include "linux_header.inc"
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
%include "kernel_end.inc"
good:   db " linux end", 10
wrong:  db "linux FAIL", 10
        times 1024 - ($ - $$) db 0
        times 512 db 90h
