; Says on port E9h what INT 16h gives for each key: function 10h until q, then 00h until q, then it switches the
; machine off. INT 05h and 1Bh say so, too. test_keys.py types.
SECTORS equ     4
%include "check.inc"

main:
        mov     word [0x1B * 4], on_break
        mov     word [0x1B * 4 + 2], 0
        mov     word [0x05 * 4], on_print
        mov     word [0x05 * 4 + 2], 0
        mov     si, text_boot
        call    tell
.enhanced:
        mov     ah, 0x10
        int     0x16
        call    hex
        cmp     al, 'q'
        jne     .enhanced
.plain: mov     ah, 0
        int     0x16
        call    hex
        cmp     al, 'q'
        jne     .plain
        jmp     finish

hex:    push    ax
        mov     dx, ax
        mov     cx, 4
.digit: rol     dx, 4
        mov     al, dl
        and     al, 15
        cmp     al, 10
        sbb     al, 0x69                ; the classic way from a nibble to a hexadecimal digit
        das
        out     0xE9, al
        loop    .digit
        mov     al, 10
        out     0xE9, al
        pop     ax
        ret
tell:   cs lodsb
        or      al, al
        jz      .end
        out     0xE9, al
        jmp     tell
.end:   ret
on_break:
        push    ax
        push    si
        mov     si, text_break
        call    tell
        pop     si
        pop     ax
        iret
on_print:
        push    ax
        push    si
        mov     si, text_print
        call    tell
        pop     si
        pop     ax
        iret
text_boot: db   "BOOT", 10, 0
text_break: db  "BREAK", 10, 0
text_print: db  "PRINT", 10, 0
        image_end
