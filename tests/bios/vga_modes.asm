; vga_modes.asm: a boot sector that asks INT 10h, mode after mode, to write a character and read it
; back, to scroll it and find it a row up or down, and to set, exclusive-or and read dots. A line on port E9h for each
; mode: "mode MM ok" or "mode MM FAIL step"; "end" after the last, then the ROM font sheet stays on the screen.
        org 7C00h
        bits 16
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 7C00h
        mov si, modes
next:   lodsb
        cmp al, 0FFh
        je end
        mov [mode], al
        push si
        push ax
        mov si, text
        call print
        pop ax
        push ax
        call hex
        pop ax
        mov ah, 0
        int 10h
        call check
        pop si
        jmp next
end:    mov si, done
        call print
        mov ax, 0013h
        int 10h
        mov ax, 1112h                  ; ignored: not a text mode
        int 10h
        mov bx, 0
        mov cx, 20
.rows:  mov ah, 0Eh
        mov al, bh
        add al, 'A'
        mov bl, bh
        add bl, 30h
        inc bh
        int 10h
        loop .rows
        out 0F4h, al                   ; ends the run, when told so (--debug-exit)
        cli
        hlt

; The step's number in [step]; jumps to fail when a comparison fails.
check:  mov byte [step], '1'
        mov dx, 0203h                  ; row 2, column 3
        call goto
        mov ax, 0951h                  ; 'Q'
        mov bx, 0003h
        mov cx, 1
        int 10h
        call expect_q
        inc byte [step]                ; 2: scroll up one row
        mov ax, 0601h
        call window
        mov dx, 0103h
        call goto
        call expect_q
        inc byte [step]                ; 3: and down two
        mov ax, 0702h
        call window
        mov dx, 0303h
        call goto
        call expect_q
        inc byte [step]                ; 4: the row above is blank
        mov dx, 0203h
        call goto
        mov ah, 8
        int 10h
        cmp al, ' '
        je .blank
        cmp al, 0
        jne fail
.blank: mov al, [mode]
        cmp al, 4
        jb pass
        cmp al, 7
        je pass
        inc byte [step]                ; 5: dots
        mov ax, 0C01h
        mov bx, 0
        mov cx, 101
        mov dx, 77
        int 10h
        mov ah, 0Dh
        int 10h
        cmp al, 1
        jne fail
        inc byte [step]                ; 6: the neighbour is not touched
        inc cx
        mov ah, 0Dh
        int 10h
        cmp al, 0
        jne fail
        inc byte [step]                ; 7: exclusive-or clears it (mode 13h has no such bit)
        cmp byte [mode], 13h
        je pass
        dec cx
        mov ax, 0C81h
        int 10h
        mov ah, 0Dh
        int 10h
        cmp al, 0
        jne fail
pass:   mov si, good
        jmp print
expect_q:
        mov ah, 8
        mov bh, 0
        int 10h
        cmp al, 'Q'
        jne .bad
        ret
.bad:   pop ax
fail:   push ax
        mov si, bad
        call print
        mov al, [step]
        out 0E9h, al
        mov al, ' '
        out 0E9h, al
        pop ax
        call hex
        mov al, 10
        out 0E9h, al
        ret
window: mov bh, 0
        mov cx, 0101h
        mov dx, 1414h
        int 10h
        ret
goto:   mov ah, 2
        mov bh, 0
        int 10h
        ret
print:  lodsb
        cmp al, 0
        je .done
        out 0E9h, al
        jmp print
.done:  ret
hex:    push ax
        shr al, 4
        call .digit
        pop ax
        and al, 15
.digit: cmp al, 10
        sbb al, 69h
        das
        out 0E9h, al
        ret
modes:  db 0, 1, 2, 3, 4, 5, 6, 7, 0Dh, 0Eh, 0Fh, 10h, 11h, 12h, 13h, 0FFh
text:   db "mode ", 0
good:   db " ok", 10, 0
bad:    db " FAIL ", 0
done:   db "end", 10, 0
mode:   db 0
step:   db 0
        times 510 - ($ - $$) db 0
        dw 0AA55h
