; INT 10h: cursor, pages, scrolling, characters, teletype, strings. What depends on graphics kinds
; is in graphics.asm.

; AX = offset in video memory of the cell at row DH, column DL of page BH (text modes). Uses CX.
text_offset:
        push dx
        mov al, dh
        mul byte [B_COLUMNS]
        xor dh, dh
        add ax, dx
        shl ax, 1
        mov cx, ax
        movzx ax, bh
        mul word [B_PAGE_SIZE]
        add ax, cx
        pop dx
        ret

; ES = text video memory.
text_segment:
        push 0B800h
        pop es
        cmp byte [B_MODE], 7
        jne .done
        push 0B000h
        pop es
.done:  ret

; DX = cursor of page BH (0..7), BH brought into range.
cursor_of_page:
        push bx
        and bh, 7
        movzx bx, bh
        shl bx, 1
        mov dx, [B_CURSOR + bx]
        pop bx
        ret

; 01h: CH, CL = first and last line of the cursor. With cursor emulation on (487h bit 0 clear), a
; shape meant for the CGA's 8-line cell is scaled to the cell's height.
cursor_shape:
        mov [B_SHAPE], cx
        call mode_kind
        cmp al, KIND_TEXT
        jne .done
        test byte [B_VIDEO_CTL], 1
        jnz .write
        mov dl, [B_POINTS]
        cmp dl, 8
        jbe .write
        test ch, 20h                   ; hidden
        jnz .write
        and cx, 1F1Fh
        cmp cl, 8
        jae .write
        cmp ch, 8
        jae .write
        cmp ch, cl
        ja .write
        ; an underline keeps to the cell's end; a block's first line scales
        mov al, cl
        inc al
        sub al, ch                     ; lines
        cmp al, 2
        ja .block
        mov ah, al
        mov al, cl
        inc al
        mul dl
        shr ax, 3
        mov cl, al
        sub cl, 2
        mov ch, cl
        cmp byte [bp + F_CH], 0
        je .write
        mov ah, [bp + F_CL]
        cmp ah, [bp + F_CH]
        je .write
        dec ch
        jmp .write
.block: mov al, ch
        mul dl
        shr ax, 3
        mov ch, al
        mov al, cl
        inc al
        mul dl
        shr ax, 3
        mov cl, al
        dec cl
.write: mov al, 0Ah
        mov ah, ch
        call crtc_out
        mov al, 0Bh
        mov ah, cl
        call crtc_out
.done:  ret

; 02h: page BH's cursor to row DH, column DL.
cursor_move:
        mov bh, [bp + F_BH]
        mov dx, [bp + F_DX]
cursor_put:                            ; the same for BH, DX; keeps them
        push bx
        and bh, 7
        movzx bx, bh
        shl bx, 1
        mov [B_CURSOR + bx], dx
        pop bx
        mov al, bh
        and al, 7
        cmp al, [B_PAGE]
        jne cursor_done
; The hardware cursor to row DH, column DL of the active page. Keeps BX, DX.
cursor_show:
        call mode_kind
        cmp al, KIND_TEXT
        jne cursor_done
        push dx
        mov al, dh
        mul byte [B_COLUMNS]
        xor dh, dh
        add ax, dx
        mov dx, [B_PAGE_START]
        shr dx, 1
        add dx, ax
        mov ah, dh
        mov al, 0Eh
        call crtc_out
        mov ah, dl
        mov al, 0Fh
        call crtc_out
        pop dx
cursor_done:
        ret

; 03h: DX = cursor of page BH, CX = its shape.
cursor_get:
        mov bh, [bp + F_BH]
        call cursor_of_page
        mov [bp + F_DX], dx
        mov ax, [B_SHAPE]
        mov [bp + F_CX], ax
        ret

; 05h: page AL becomes visible.
page_select:
        mov al, [bp + F_AL]
        cmp al, 7
        ja .done
        mov [B_PAGE], al
        mov ah, 0
        mul word [B_PAGE_SIZE]
        mov [B_PAGE_START], ax
        mov bx, ax
        call mode_kind
        cmp al, KIND_PLANAR
        je .start
        cmp al, KIND_TEXT
        jne .cursor
        shr bx, 1
.start: mov ah, bh
        mov al, 0Ch
        call crtc_out
        mov ah, bl
        mov al, 0Dh
        call crtc_out
.cursor:
        mov bh, [B_PAGE]
        call cursor_of_page
        call cursor_show
.done:  ret

; 06h, 07h: window CX to DX up or down by AL rows (0: clear it), new rows in attribute BH.
scroll_up:
        mov byte [bp + L_STEP], 1
        jmp scroll_caller
scroll_down:
        mov byte [bp + L_STEP], -1
scroll_caller:
        mov bh, [bp + F_BH]
        mov al, [bp + F_AL]
        mov cx, [bp + F_CX]
        mov dx, [bp + F_DX]
; The same for AL, BH, CX, DX and L_STEP. Keeps none.
scroll:
        mov [bp + L_ATTR], bh
        cmp dl, [B_COLUMNS]            ; the window is clipped to the screen
        jb .columns
        mov dl, [B_COLUMNS]
        dec dl
.columns:
        cmp dh, [B_LAST_ROW]
        jbe .rows
        mov dh, [B_LAST_ROW]
.rows:  cmp ch, dh
        ja .done
        cmp cl, dl
        ja .done
        mov [bp + L_TOP], cx
        mov [bp + L_BOTTOM], dx
        mov ah, dh
        sub ah, ch
        inc ah                         ; AH rows in the window
        cmp al, 0
        je .all
        cmp al, ah
        jbe .some
.all:   mov al, ah
.some:  mov [bp + L_COUNT], al         ; rows to clear
        sub ah, al                     ; rows to move
        mov dl, ah
        push dx
        call mode_kind
        mov al, [B_PAGE]
        mov ah, 0
        mul word [B_PAGE_SIZE]
        mov [bp + L_BASE], ax
        cmp byte [bp + L_KIND], KIND_OTHER
        pop dx
        jae .done
        call graphics_copy_begin
        mov dh, [bp + L_TOP + 1]       ; DH: row written
        cmp byte [bp + L_STEP], 1
        je .move
        mov dh, [bp + L_BOTTOM + 1]
.move:  cmp dl, 0
        je .clear
        mov al, [bp + L_COUNT]         ; source row = row written +- count
        cmp byte [bp + L_STEP], 1
        je .source
        neg al
.source:
        add al, dh
        push dx
        call row_copy                  ; AL to DH
        pop dx
        add dh, [bp + L_STEP]
        dec dl
        jmp .move
.clear: call graphics_copy_end
        mov dl, [bp + L_COUNT]
.next:  push dx
        call row_clear                 ; DH
        pop dx
        add dh, [bp + L_STEP]
        dec dl
        jnz .next
        call graphics_clear_end
.done:  ret

; Copies row AL to row DH within the window's columns.
row_copy:
        cmp byte [bp + L_KIND], KIND_TEXT
        jne graphics_row_copy
        call text_segment
        mov bl, al
        call .offset                   ; DH
        mov di, ax
        mov dh, bl
        call .offset
        mov si, ax
        push ds
        push es
        pop ds
        rep movsw
        pop ds
        ret
.offset:                               ; AX = offset of row DH, CX = cells in a row
        mov dl, [bp + L_TOP]
        mov al, dh
        mul byte [B_COLUMNS]
        movzx cx, dl
        add ax, cx
        shl ax, 1
        add ax, [bp + L_BASE]
        mov cl, [bp + L_BOTTOM]
        sub cl, dl
        inc cx
        ret

; Fills row DH of the window.
row_clear:
        cmp byte [bp + L_KIND], KIND_TEXT
        jne graphics_row_clear
        call text_segment
        call row_copy.offset
        mov di, ax
        mov ah, [bp + L_ATTR]
        mov al, ' '
        rep stosw
        ret

; 08h: AL, AH = character and attribute at page BH's cursor.
char_read:
        mov bh, [bp + F_BH]
        call cursor_of_page
        call mode_kind
        cmp al, KIND_TEXT
        jne graphics_char_read
        call text_segment
        call text_offset
        mov di, ax
        mov ax, [es:di]
        mov [bp + F_AX], ax
        ret

; 09h, 0Ah: AL CX times from page BH's cursor on, 09h with attribute BL. The cursor stays.
char_write:
        mov byte [bp + L_WORD], 1      ; attribute too
        jmp char_put
char_only:
        mov byte [bp + L_WORD], 0
char_put:
        mov bx, [bp + F_BX]
        call cursor_of_page
        call mode_kind
        cmp al, KIND_TEXT
        jne .graphics
        call text_segment
        call text_offset
        mov di, ax
        mov ax, [bp + F_AX]
        mov ah, bl
        mov cx, [bp + F_CX]
        jcxz .done
        cmp byte [bp + L_WORD], 0
        je .next
        rep stosw
.done:  ret
.next:  stosb
        inc di
        loop .next
        ret
.graphics:
        mov cx, [bp + F_CX]
        jcxz .done
        mov al, [bp + F_AL]
.glyph: push cx
        push ax
        push dx
        push bx
        call graphics_char             ; AL in colour BL at DX on page BH
        pop bx
        pop dx
        pop ax
        pop cx
        inc dl
        cmp dl, [B_COLUMNS]
        jb .more
        mov dl, 0
        inc dh
        cmp dh, [B_LAST_ROW]
        ja .done                       ; nothing below the screen
.more:  loop .glyph
        ret

; 0Eh: AL on the active page as a terminal prints it; BL = colour in graphics modes.
teletype:
        mov al, [bp + F_AL]
        mov bl, [bp + F_BL]
        mov bh, [B_PAGE]
        mov byte [bp + L_WORD], 0
; The same for AL, BX; L_WORD not 0: with attribute BL in text modes too.
tty_put:
        call cursor_of_page
        cmp al, 7
        je beep
        cmp al, 8
        je .back
        cmp al, 10
        je .line
        cmp al, 13
        je .return
        mov cl, al
        call mode_kind
        cmp al, KIND_TEXT
        mov al, cl
        jne .graphics
        call text_segment
        push ax
        call text_offset
        mov di, ax
        pop ax
        stosb
        cmp byte [bp + L_WORD], 0
        je .advance
        mov [es:di], bl
        jmp .advance
.graphics:
        push bx
        push dx
        call graphics_char
        pop dx
        pop bx
.advance:
        inc dl
        cmp dl, [B_COLUMNS]
        jb .place
        mov dl, 0
.line:  inc dh
        cmp dh, [B_LAST_ROW]
        jbe .place
        mov dh, [B_LAST_ROW]
        push bx
        push dx
        push word [bp + L_WORD]
        call .scroll
        pop word [bp + L_WORD]
        pop dx
        pop bx
.place: jmp cursor_put
.return:
        mov dl, 0
        jmp .place
.back:  cmp dl, 0
        je .place
        dec dl
        jmp .place
.scroll:                               ; the new line takes the attribute of the last one
        mov bh, [B_PAGE]
        call mode_kind
        cmp al, KIND_TEXT
        mov al, 0
        jne .blank
        call text_segment
        call text_offset
        mov di, ax
        mov al, [es:di + 1]
.blank: mov bh, al
        mov al, 1
        xor cx, cx
        mov dl, [B_COLUMNS]
        dec dl
        mov byte [bp + L_STEP], 1
        jmp scroll

; About a tenth of a second of 880 Hz on the speaker.
beep:
        mov al, 0B6h
        out 43h, al
        mov ax, 1193182 / 880
        out 42h, al
        mov al, ah
        out 42h, al
        in al, 61h
        mov ah, al
        or al, 3
        out 61h, al
        mov cx, 6600                   ; changes of the refresh bit, 15 us each
.tick:  mov bx, 1000                   ; ...waited for within bounds
        in al, 61h
        and al, 10h
        mov dl, al
.wait:  in al, 61h
        and al, 10h
        cmp al, dl
        jne .changed
        dec bx
        jnz .wait
        jmp .off                       ; no such bit here
.changed:
        loop .tick
.off:   mov al, ah
        out 61h, al
        ret

; 13h: CX characters at ES:BP from row DH, column DL of page BH on. AL bit 0: the cursor follows;
; bit 1: each character is followed by its attribute, else BL is it.
string_write:
        mov cx, [bp + F_CX]
        jcxz .done
        mov al, [B_PAGE]               ; tty_put works on the active page
        push ax
        mov bh, [bp + F_BH]
        and bh, 7
        mov [B_PAGE], bh
        call cursor_of_page
        push dx
        mov dx, [bp + F_DX]
        call cursor_put
        mov si, [bp + F_BP]
.next:  mov es, [bp + F_ES]
        mov al, [es:si]
        inc si
        mov bl, [bp + F_BL]
        test byte [bp + F_AL], 2
        jz .put
        mov bl, [es:si]
        inc si
.put:   push cx
        push si
        mov bh, [B_PAGE]
        mov byte [bp + L_WORD], 1
        call tty_put
        pop si
        pop cx
        loop .next
        pop dx
        mov bh, [B_PAGE]
        test byte [bp + F_AL], 1
        jnz .follow
        call cursor_put
.follow:
        pop ax
        cmp al, [B_PAGE]
        je .done
        mov [B_PAGE], al               ; the hardware cursor back to the visible page
        mov bh, al
        call cursor_of_page
        call cursor_show
.done:  ret
