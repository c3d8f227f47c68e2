; oldlinux.asm: a "kernel" from before boot protocol 2.00: no header, setup code right at 200h. Says its command line on
; port E9h, if the boot loader left all as such kernels expect it.
        bits 16
        org 0
        times 1F1h db 0
        db 1                           ; setup sectors
        dw 0
        dw 512 / 16                    ; syssize
        dw 0, 0, 0, 0
        dw 0AA55h
setup:  mov bx, wrong
        mov ax, cs                     ; CS = DS + 20h = 9020h, SS = DS
        cmp ax, 9020h
        jne end
        mov ax, ds
        cmp ax, 9000h
        jne end
        mov cx, ss
        cmp ax, cx
        jne end
        cmp word [20h], 0A33Fh         ; the command line's magic number, and its offset
        jne end
        mov ax, 1000h                  ; the system part at 10000h
        mov es, ax
        cmp dword [es:0], "kern"
        jne end
        mov es, cx                     ; DS
        mov si, [22h]
%include "kernel_end.inc"
good:   db " oldlinux end", 10
wrong:  db "oldlinux FAIL", 10
        times 1024 - ($ - $$) db 0
        db "kern"
        times 508 db 90h
