; waiting.asm: a "kernel" that sends the line which its file has at 400h to COM1, spoils it in memory, and waits.
%include "linux_header.inc"
setup:  mov ax, 2401h                  ; A20, for FFFF:10 is where that line was loaded
        int 15h
        mov ax, 0FFFFh
        mov ds, ax
        mov si, 10h
        mov dx, 3F8h
.next:  lodsb
        out dx, al
        cmp al, 10
        jne .next
        mov byte [10h], "X"
        sti
.wait:  hlt
        jmp .wait
        times 1024 - ($ - $$) db 0
        db "kernel", 10
        times 1536 - ($ - $$) db 90h
