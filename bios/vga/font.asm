; INT 10h AH=11h: character generators.

; CX glyphs of BH rows at ES:SI into plane 2, from code DX on, block BL. Text modes only. Keeps BX.
font_load:
        push bx
        cmp cx, 256
        jbe .count
        mov cx, 256
.count: cmp cx, 0
        je .done
        cmp bh, 32
        ja .done
        cmp bh, 0
        je .done
        and dx, 0FFh
        shl dx, 5
        mov di, dx
        and bl, 7
        movzx ax, bl                   ; blocks 0..3 at 16 KiB each, 4..7 8 KiB above them
        shl al, 6
        mov ah, al
        mov al, 0
        add di, ax
        test bl, 4
        jz .open
        add di, 2000h
.open:  mov ax, 0100h
        call seq_out
        mov ax, 0402h                  ; plane 2, linear, at A0000h
        call seq_out
        mov ax, 0704h
        call seq_out
        mov ax, 0300h
        call seq_out
        mov ax, 0204h
        call gc_out
        mov ax, 0005h
        call gc_out
        mov ax, 0406h
        call gc_out
        mov ax, 0001h
        call gc_out
        mov ax, 0003h
        call gc_out
        mov ax, 0FF08h
        call gc_out
        push ds
        push es
        pop ds
        push 0A000h
        pop es
.glyph: push cx
        movzx cx, bh
        rep movsb
        mov cl, 32
        sub cl, bh
        mov al, 0
        rep stosb
        pop cx
        loop .glyph
        pop ds
        mov ax, 0100h                  ; back to text
        call seq_out
        mov ax, 0302h
        call seq_out
        mov ax, 0204h
        call seq_out
        mov ax, 0300h
        call seq_out
        mov ax, 0004h
        call gc_out
        mov ax, 1005h
        call gc_out
        mov ax, 0E06h
        cmp byte [B_MODE], 7
        jne .map
        mov ah, 0Ah
.map:   call gc_out
.done:  pop bx
        ret

; A text mode with cells of BH rows: rows, page size, cursor and the last scan line follow.
font_height:
        cmp bh, 2
        jb .done
        cmp bh, 32
        ja .done
        mov [B_POINTS], bh
        mov dx, [B_CRTC]
        mov al, 9                      ; maximum scan line
        out dx, al
        inc dx
        in al, dx
        and al, 0E0h
        mov ah, bh
        dec ah
        or al, ah
        out dx, al
        dec dx
        cmp byte [B_MODE], 7
        jne .cursor
        mov al, 14h                    ; underline in the last line
        call crtc_out
.cursor:
        mov ch, bh                     ; the cursor: the last two lines but one
        sub ch, 2
        mov cl, bh
        dec cl
        cmp bh, 14
        jb .shape
        sub cx, 0101h
.shape: mov al, 0Ah
        mov ah, ch
        call crtc_out
        mov al, 0Bh
        mov ah, cl
        call crtc_out
        mov ax, 400
        test byte [B_FLAGS], 10h
        jnz .lines
        mov ax, 350
        test byte [B_FLAGS], 80h
        jz .lines
        mov ax, 200
.lines: div bh                         ; AL rows
        mov cl, al
        dec al
        mov [B_LAST_ROW], al
        mov al, cl
        mul bh
        test byte [B_FLAGS], 80h
        jz .end
        shl ax, 1                      ; 200 lines are scanned twice
.end:   dec ax
        mov ah, al                     ; bits 8 and 9 stay as the mode has them
        mov al, 12h
        call crtc_out
        mov al, [B_COLUMNS]
        mul cl
        shl ax, 1
        add ax, 0FFh
        mov al, 0
        mov [B_PAGE_SIZE], ax
.done:  ret

; 11h, by AL.
font_function:
        cmp al, 14h
        jbe .text
        cmp al, 30h
        je font_info
        cmp al, 20h
        jb .none
        cmp al, 24h
        jbe .graphics
.none:  ret

.text:  mov ah, al
        and ah, 0Fh
        cmp ah, 3
        je .blocks
        ja .rom16
        cmp ah, 0
        jne .rom
        mov es, [bp + F_ES]
        mov si, [bp + F_BP]
        jmp .load
.rom16: cmp ah, 4
        jne .none
        mov si, font16
        mov bh, 16
        jmp .whole
.rom:   mov si, font14
        mov bh, 14
        cmp ah, 1
        je .whole
        mov si, font8
        mov bh, 8
.whole: push cs
        pop es
        mov cx, 256
        xor dx, dx
.load:  call mode_kind
        cmp al, KIND_TEXT
        jne .none
        call font_load
        cmp byte [bp + F_AL], 10h
        jae font_height
        ret
.blocks:                               ; 03h: character map select
        mov al, 3
        mov ah, bl
        jmp seq_out

.graphics:                             ; 20h..24h: the fonts of graphics modes
        push 0
        pop es
        mov si, [bp + F_BP]
        mov di, [bp + F_ES]
        cmp al, 20h
        jne .vector43
        mov [es:1Fh * 4], si
        mov [es:1Fh * 4 + 2], di
        ret
.vector43:
        cmp al, 21h
        je .set                        ; user's: ES:BP, CX bytes a glyph
        mov di, cs
        mov si, font14
        mov cx, 14
        cmp al, 22h
        je .set
        mov si, font8
        mov cx, 8
        cmp al, 23h
        je .set
        mov si, font16
        mov cx, 16
.set:   mov [es:43h * 4], si
        mov [es:43h * 4 + 2], di
        cmp cx, 1
        jb .none
        cmp cx, 32
        ja .none
        mov [B_POINTS], cx
        mov al, [bp + F_DL]            ; rows: by BL, or DL when BL = 0
        mov bl, [bp + F_BL]
        cmp bl, 0
        je .rows
        mov al, 14
        cmp bl, 1
        je .rows
        mov al, 25
        cmp bl, 2
        je .rows
        mov al, 43
        cmp bl, 3
        jne .none
.rows:  cmp al, 0
        je .none
        dec al
        mov [B_LAST_ROW], al
        ret

; 30h: ES:BP = font BH; CX = height of the current one, DL = last row.
font_info:
        mov ax, [B_POINTS]
        mov [bp + F_CX], ax
        mov al, [B_LAST_ROW]
        mov [bp + F_DL], al
        cmp bh, 7
        ja .done
        push 0
        pop es
        cmp bh, 1
        ja .rom
        mov si, 1Fh * 4
        jb .vector
        mov si, 43h * 4
.vector:
        mov eax, [es:si]
        mov [bp + F_BP], ax
        shr eax, 16
        mov [bp + F_ES], ax
.done:  ret
.rom:   movzx si, bh
        shl si, 1
        mov ax, [cs:.fonts - 4 + si]
        mov [bp + F_BP], ax
        mov [bp + F_ES], cs
        ret
.fonts: dw font14, font8, font8 + 128 * 8, font_alternate, font16, font_alternate
