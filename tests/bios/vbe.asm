; vbe.asm: a boot sector that sets VBE modes and looks at what it gets. A line on port E9h for each
; step, a letter from a on: "vbe a ok" or "vbe a FAIL"; "end" after the last.
        org 7C00h
        bits 16
        cpu 386
INFO    equ 8000h
%macro STEP 0                          ; after a comparison: zero flag = good
        call report
%endmacro
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 7C00h
        mov di, INFO                   ; 1: the information block
        mov dword [di], "VBE2"
        mov ax, 4F00h
        int 10h
        cmp ax, 4Fh
        jne .one
        cmp dword [INFO], "VESA"
        jne .one
        cmp word [INFO + 4], 300h
.one:   STEP
        les si, [INFO + 14]            ; 2: every mode of the list has information
.list:  mov cx, [es:si]
        add si, 2
        cmp cx, 0FFFFh
        je .two
        push es
        push 0
        pop es
        mov di, INFO + 200h
        mov ax, 4F01h
        int 10h
        pop es
        cmp ax, 4Fh
        jne .two
        test byte [INFO + 200h], 1
        jnz .list
        inc cx                         ; not zero: failed
.two:   STEP
        push 0
        pop es
        mov cx, 144h                   ; 3: 1024x768x32: pitch, frame buffer
        mov di, INFO
        mov ax, 4F01h
        int 10h
        cmp word [INFO + 16], 4096
        jne .three
        cmp word [INFO + 42], 0
        sete al
        cmp al, 0
.three: STEP
        mov bx, 4144h                  ; 4: set it, with the linear frame buffer; it is what 03 says
        mov ax, 4F02h
        int 10h
        mov ax, 4F03h
        int 10h
        cmp bx, 4144h
        STEP
        mov ax, 4F06h                  ; 5: a longer line: 2048 dots, 8192 bytes
        mov bx, 0
        mov cx, 2048
        int 10h
        cmp bx, 8192
        jne .five
        cmp cx, 2048
.five:  STEP
        mov ax, 4F07h                  ; 6: display start, there and back
        mov bx, 0
        mov cx, 100
        mov dx, 50
        int 10h
        mov ax, 4F07h
        mov bx, 1
        int 10h
        cmp cx, 100
        jne .six
        cmp dx, 50
.six:   STEP
        mov ax, 4F02h                  ; 7: banks keep their bytes: 640x480x8
        mov bx, 101h
        int 10h
        push 0A000h
        pop es
        mov dx, 1
        call bank
        mov byte [es:0], 5Ah
        mov dx, 2
        call bank
        mov byte [es:0], 0A5h
        mov dx, 1
        call bank
        cmp byte [es:0], 5Ah
        STEP
        mov ax, 4F08h                  ; 8: the DAC with 8 bits
        mov bx, 800h
        int 10h
        cmp bh, 8
        STEP
        mov ax, 4F02h                  ; 9: no such mode
        mov bx, 1FFh
        int 10h
        cmp ax, 014Fh
        STEP
        push 0                         ; 10: the EDID sums to zero
        pop es
        mov di, INFO
        mov ax, 4F15h
        mov bx, 1
        xor dx, dx
        int 10h
        mov cx, 128
        mov si, INFO
        mov ah, 0
.sum:   lodsb
        add ah, al
        loop .sum
        cmp ah, 0
        STEP
        mov ax, 3                      ; 11: back to text
        int 10h
        mov ax, 4F03h
        int 10h
        cmp bx, 3
        STEP
        mov si, done
        call print
        out 0F4h, al
        cli
        hlt
bank:   mov ax, 4F05h
        mov bx, 0
        int 10h
        ret
report: pushf
        mov si, text
        call print
        inc byte [number]
        mov al, [number]
        add al, 'a' - 1
        out 0E9h, al
        popf
        mov si, good
        je print
        mov si, bad
print:  cs lodsb
        cmp al, 0
        je .done
        out 0E9h, al
        jmp print
.done:  ret
text:   db "vbe ", 0
good:   db " ok", 10, 0
bad:    db " FAIL", 10, 0
done:   db "end", 10, 0
number: db 0
        times 510 - ($ - $$) db 0
        dw 0AA55h
