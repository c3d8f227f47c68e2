; Characters, scrolling and dots in the graphics modes. A glyph cell is 8 dots wide and as high as
; 40h:85h says; a dot line of a cell takes 1 byte (mode 6, planar), 2 (modes 4, 5) or 8 (mode 13h).

; ES = video memory of L_KIND.
graphics_segment:
        push 0A000h
        cmp byte [bp + L_KIND], KIND_PLANAR
        jae .done
        pop es
        push 0B800h
.done:  pop es
        ret

; DI = offset of dot line AX, at text column BL. Uses AX, DX.
graphics_offset:
        push bx
        mov bh, 0
        cmp byte [bp + L_KIND], KIND_PLANAR
        jb .cga
        je .planar
        shl bx, 3
        mov dx, 320
        mul dx
        jmp .sum
.planar:
        mul word [B_COLUMNS]
        add ax, [bp + L_BASE]
.sum:   add ax, bx
        mov di, ax
        pop bx
        ret
.cga:   cmp byte [bp + L_KIND], KIND_CGA2
        je .narrow
        shl bx, 1
.narrow:
        xor dx, dx
        shr ax, 1
        jnc .even
        mov dh, 20h
.even:  push dx
        mov dx, 80
        mul dx
        pop dx
        add ax, dx
        jmp .sum

; CX = bytes of a dot line in the window's columns.
graphics_width:
        mov cl, [bp + L_BOTTOM]
        sub cl, [bp + L_TOP]
        mov ch, 0
        inc cx
        cmp byte [bp + L_KIND], KIND_CGA4
        jne .linear
        shl cx, 1
.linear:
        cmp byte [bp + L_KIND], KIND_LINEAR
        jne .done
        shl cx, 3
.done:  ret

; Planar: the latches copy all four planes at once (write mode 1). Keeps all.
graphics_copy_begin:
        cmp byte [bp + L_KIND], KIND_PLANAR
        jne .done
        push ax
        mov ax, 0F02h
        call seq_out
        mov ax, 0105h
        call gc_out
        pop ax
.done:  ret

; Planar: now dots of one colour are set (set/reset). Keeps all.
graphics_copy_end:
        cmp byte [bp + L_KIND], KIND_PLANAR
        jne .done
        push ax
        mov ax, 0005h
        call gc_out
        mov ax, 0003h
        call gc_out
        mov ax, 0FF08h
        call gc_out
        mov al, 0
        mov ah, [bp + L_ATTR]
        call gc_out
        mov ax, 0F01h
        call gc_out
        pop ax
.done:  ret

graphics_clear_end:
        cmp byte [bp + L_KIND], KIND_PLANAR
        jne .done
        mov ax, 0000h
        call gc_out
        mov ax, 0001h
        call gc_out
.done:  ret

; Copies text row AL to DH within the window's columns.
graphics_row_copy:
        call graphics_segment
        mov bl, [bp + L_TOP]
        mul byte [B_POINTS]
        mov si, ax                     ; first source line
        mov al, dh
        mul byte [B_POINTS]            ; AX first target line
        mov cx, [B_POINTS]
.line:  push cx
        push ax
        push si
        push ax
        mov ax, si
        call graphics_offset
        mov si, di
        pop ax
        call graphics_offset
        call graphics_width
        push ds
        push es
        pop ds
        rep movsb
        pop ds
        pop si
        pop ax
        pop cx
        inc ax
        inc si
        loop .line
        ret

; Fills text row DH of the window with L_ATTR.
graphics_row_clear:
        call graphics_segment
        mov bl, [bp + L_TOP]
        mov al, dh
        mul byte [B_POINTS]
        mov cx, [B_POINTS]
.line:  push cx
        push ax
        call graphics_offset
        call graphics_width
        mov al, [bp + L_ATTR]
        cmp byte [bp + L_KIND], KIND_PLANAR
        jae .fill                      ; planar: set/reset gives the colour
        call cga_pattern
.fill:  rep stosb
        pop ax
        pop cx
        inc ax
        loop .line
        ret

; AL = a byte of dots in the CGA colour AL.
cga_pattern:
        cmp byte [bp + L_KIND], KIND_CGA2
        je .two
        and al, 3
        mov ah, 55h
        mul ah
        ret
.two:   and al, 1
        neg al
        ret

; ES:SI = glyph AL. Modes 4 to 6 have codes 80h up at INT 1Fh. Uses AX, BX.
glyph_pointer:
        push 0
        pop es
        mov bx, 43h * 4
        cmp byte [bp + L_KIND], KIND_CGA2
        ja .table
        cmp al, 80h
        jb .table
        mov bx, 1Fh * 4
        and al, 7Fh
.table: mul byte [B_POINTS]
        les si, [es:bx]
        add si, ax
        ret

; Draws AL at row DH, column DL in colour BL, on page BH (mode 13h: on background BH). Bit 7 of BL:
; exclusive-or, but in mode 13h.
graphics_char:
        call mode_kind_keep
        cmp byte [bp + L_KIND], KIND_OTHER
        jae .done
        cmp dh, [B_LAST_ROW]
        ja .done
        cmp dl, [B_COLUMNS]
        jae .done
        push ax
        push dx
        mov al, bh
        and ax, 7
        mul word [B_PAGE_SIZE]
        mov [bp + L_BASE], ax
        pop dx
        mov cx, bx
        mov bl, dl
        mov al, dh
        mul byte [B_POINTS]            ; first dot line
        mov dx, ax
        pop ax
        push bx
        call glyph_pointer
        pop bx
        call glyph_copy
        mov ax, dx
        call graphics_segment
        ; SS:SI glyph, ES video memory, AX line, BL column, CX colours
        cmp byte [bp + L_KIND], KIND_PLANAR
        je planar_char
        ja linear_char
        jmp cga_char
.done:  ret

; Copies the glyph at ES:SI, 32 lines at most, to the stack and lets SS:SI point at it. FS and GS stay
; free: a program in "unreal" mode keeps 4 GiB segments in them that a load would cut to 64 KiB.
glyph_copy:
        push di
        push cx
        lea di, [bp + L_GLYPH]
        mov cl, [B_POINTS]
        cmp cl, 32
        jbe .copy
        mov cl, 32
.copy:  mov ch, [es:si]
        mov [ss:di], ch
        inc si
        inc di
        dec cl
        jnz .copy
        lea si, [bp + L_GLYPH]
        pop cx
        pop di
        ret

mode_kind_keep:
        push ax
        call mode_kind
        pop ax
        ret

linear_char:
        mov bh, [B_POINTS]
        call graphics_offset
.line:  mov ah, [ss:si]
        inc si
        mov dl, 8
.dot:   mov al, cl
        shl ah, 1
        jc .put
        mov al, ch
.put:   stosb
        dec dl
        jnz .dot
        add di, 320 - 8
        dec bh
        jnz .line
        ret

; Not exclusive-or: the glyph goes to the planes of the colour, zeros to the others. Else it is
; exclusive-ored into the planes of the colour.
planar_char:
        call graphics_offset
        mov ax, 0001h
        call gc_out
        mov ax, 0005h
        call gc_out
        mov ax, 0FF08h
        call gc_out
        mov ax, 0003h
        test cl, 80h
        jz .function
        mov ah, 18h
.function:
        call gc_out
        mov ah, cl
        and ah, 0Fh
        mov al, 2
        call seq_out
        mov bl, 0FFh
        call .column
        mov ax, 0003h
        call gc_out
        test cl, 80h
        jnz .restore
        mov ah, cl
        and ah, 0Fh
        xor ah, 0Fh
        mov al, 2
        call seq_out
        mov bl, 0
        call .column
.restore:
        mov ax, 0F02h
        call seq_out
        ret
.column:                               ; the cell's bytes, and BL
        push si
        push di
        mov bh, [B_POINTS]
        mov dx, [B_COLUMNS]
.line:  mov al, [ss:si]
        inc si
        and al, bl
        mov ah, [es:di]                ; fill the latches
        mov [es:di], al
        add di, dx
        dec bh
        jnz .line
        pop di
        pop si
        ret

cga_char:
        mov bh, [B_POINTS]
.line:  push ax
        call graphics_offset
        mov al, [ss:si]
        inc si
        cmp byte [bp + L_KIND], KIND_CGA2
        je .one_bit
        call double_dots               ; AX: each dot as two bits
        mov dx, ax
        mov al, cl
        call cga_pattern
        mov ah, al
        and ax, dx
        xchg al, ah                    ; the left dots first
        test cl, 80h
        jz .store
        xor [es:di], ax
        jmp .next
.store: mov [es:di], ax
        jmp .next
.one_bit:
        mov ah, al
        mov al, cl
        and al, 1
        neg al
        and al, ah
        test cl, 80h
        jz .store_byte
        xor [es:di], al
        jmp .next
.store_byte:
        mov [es:di], al
.next:  pop ax
        inc ax
        dec bh
        jnz .line
        ret

; AX = AL with every bit doubled. Uses DX.
double_dots:
        push cx
        mov dl, al
        mov cx, 8
.bit:   shl ax, 2
        shl dl, 1
        jnc .clear
        or al, 3
.clear: loop .bit
        pop cx
        ret

; 08h in graphics modes: the cell at DX of page BH as a pattern of dots that are not background,
; looked up in the font. AL = the code, 0 when there is none; AH = 0.
graphics_char_read:
        mov word [bp + F_AX], 0
        cmp byte [bp + L_KIND], KIND_OTHER
        jae .done
        cmp byte [B_POINTS], 32
        ja .done
        cmp dh, [B_LAST_ROW]
        ja .done
        push dx
        movzx ax, bh
        and al, 7
        mul word [B_PAGE_SIZE]
        mov [bp + L_BASE], ax
        pop dx
        call graphics_segment
        sub sp, 32
        mov si, sp
        mov bl, dl
        mov al, dh
        mul byte [B_POINTS]
        mov cx, [B_POINTS]
        cmp byte [bp + L_KIND], KIND_PLANAR
        jne .line
        push ax
        mov ax, 0805h                  ; read mode 1: which dots are colour 0
        call gc_out
        mov ax, 0002h
        call gc_out
        mov ax, 0F07h
        call gc_out
        pop ax
.line:  push ax
        call graphics_offset
        call .dots
        mov [ss:si], al
        inc si
        pop ax
        inc ax
        loop .line
        cmp byte [bp + L_KIND], KIND_PLANAR
        jne .look
        mov ax, 0005h
        call gc_out
.look:  mov dl, 0                      ; compare with each glyph
.glyph: mov al, dl
        call glyph_pointer
        mov di, si
        mov si, sp
        mov cx, [B_POINTS]
.row:   mov al, [ss:si]
        cmp al, [es:di]
        jne .other
        inc si
        inc di
        loop .row
        mov [bp + F_AL], dl
        jmp .found
.other: inc dl
        jnz .glyph
.found: add sp, 32
.done:  ret

.dots:  cmp byte [bp + L_KIND], KIND_PLANAR
        ja .linear
        je .planar
        cmp byte [bp + L_KIND], KIND_CGA2
        jne .pairs
        mov al, [es:di]
        ret
.planar:
        mov al, [es:di]
        not al
        ret
.linear:
        push cx
        mov cx, 8
.next:  shl al, 1
        cmp byte [es:di], 0
        je .zero
        or al, 1
.zero:  inc di
        loop .next
        pop cx
        ret
.pairs: push cx
        mov dx, [es:di]
        xchg dl, dh
        mov cx, 8
.pair:  shl al, 1
        test dh, 0C0h
        jz .none
        or al, 1
.none:  shl dx, 2
        loop .pair
        pop cx
        ret

; DI, CL = byte and left shift of dot (CX column, DX line) on page BH; DX < 480 or so is the caller's
; affair: offsets wrap within 64 KiB.
dot_address:
        push bx
        push cx
        movzx ax, bh
        and al, 7
        push dx
        mul word [B_PAGE_SIZE]
        pop dx
        mov [bp + L_BASE], ax
        mov ax, dx
        mov bx, cx
        cmp byte [bp + L_KIND], KIND_LINEAR
        je .linear
        push bx
        mov cl, 3
        cmp byte [bp + L_KIND], KIND_CGA4
        jne .cell
.cell:  shr bx, cl                     ; the column of cells
        call graphics_offset
        pop bx
        pop cx
        cmp byte [bp + L_KIND], KIND_CGA4
        jne .bit
        test cl, 4
        jz .left
        inc di                         ; the cell's second byte
.left:  not cl
        and cl, 3
        shl cl, 1
        pop bx
        ret
.bit:   not cl
        and cl, 7
        pop bx
        ret
.linear:
        push bx
        mov bl, 0
        call graphics_offset
        pop bx
        add di, bx
        pop cx
        pop bx
        ret

; 0Ch: dot (CX, DX) of page BH in colour AL; bit 7: exclusive-or.
pixel_write:
        call mode_kind
        mov bh, [bp + F_BH]
        mov cx, [bp + F_CX]
        mov dx, [bp + F_DX]
        cmp byte [bp + L_KIND], KIND_TEXT
        je .done
        cmp byte [bp + L_KIND], KIND_OTHER
        jae .done
        call graphics_segment
        call dot_address
        mov bl, [bp + F_AL]
        cmp byte [bp + L_KIND], KIND_PLANAR
        je .planar
        ja .linear
        mov bh, 1
        mov al, bl
        and al, 1
        cmp byte [bp + L_KIND], KIND_CGA2
        je .mask
        mov bh, 3
        mov al, bl
        and al, 3
.mask:  shl bh, cl
        shl al, cl
        test bl, 80h
        jnz .xor
        not bh
        and [es:di], bh
        or [es:di], al
.done:  ret
.xor:   xor [es:di], al
        ret
.linear:
        mov [es:di], bl
        ret
.planar:
        mov ah, 1
        shl ah, cl
        mov al, 8
        call gc_out
        mov ax, 0205h                  ; write mode 2: the byte is a colour
        call gc_out
        mov ax, 0003h
        test bl, 80h
        jz .function
        mov ah, 18h
.function:
        call gc_out
        mov al, [es:di]
        mov [es:di], bl
        mov ax, 0FF08h
        call gc_out
        mov ax, 0005h
        call gc_out
        mov ax, 0003h
        call gc_out
        ret

; 0Dh: AL = colour of dot (CX, DX) of page BH.
pixel_read:
        call mode_kind
        mov bh, [bp + F_BH]
        mov cx, [bp + F_CX]
        mov dx, [bp + F_DX]
        cmp byte [bp + L_KIND], KIND_TEXT
        je .done
        cmp byte [bp + L_KIND], KIND_OTHER
        jae .done
        call graphics_segment
        call dot_address
        cmp byte [bp + L_KIND], KIND_PLANAR
        je .planar
        mov al, [es:di]
        ja .store
        shr al, cl
        mov ah, 1
        cmp byte [bp + L_KIND], KIND_CGA2
        je .mask
        mov ah, 3
.mask:  and al, ah
.store: mov [bp + F_AL], al
.done:  ret
.planar:
        xor bx, bx
        mov ax, 0304h                  ; read plane 3 first
.plane: call gc_out
        mov bh, [es:di]
        shr bh, cl
        and bh, 1
        shl bl, 1
        or bl, bh
        dec ah
        jns .plane
        mov ax, 0004h
        call gc_out
        mov [bp + F_AL], bl
        ret
