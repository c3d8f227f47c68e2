; INT 10h AH=0Bh and 10h: CGA colours, palette registers, DAC; and the colours a mode starts with.

; The DAC for the current mode, unless default palette loading is off (12h BL=31h).
mode_palette:
        test byte [B_FLAGS], 8
        jnz .done
        mov dx, 3C6h
        mov al, 0FFh
        out dx, al
        mov dl, 0C8h
        mov al, 0
        out dx, al
        inc dx
        mov al, [B_MODE]
        cmp al, 13h
        je .vga
        cmp al, 7
        je .mono
        cmp al, 0Fh
        je .mono
        cmp al, 10h
        jae .ega
        cmp al, 3
        ja .cga
        test byte [B_FLAGS], 80h
        jnz .cga
.ega:   mov bx, ega_colour
.table: xor cx, cx
.entry: mov al, cl
        call bx                        ; AL number -> AL, AH, CH colour; keeps CL, DX
        out dx, al
        mov al, ah
        out dx, al
        mov al, ch
        out dx, al
        mov ch, 0
        inc cl
        cmp cl, 64
        jb .entry
        mov cx, 64
.grey:  test byte [B_FLAGS], 2
        jz .done
        xor bx, bx
        jmp dac_grey
.done:  ret
.cga:   mov bx, cga_colour
        jmp .table
.mono:  mov bx, mono_colour
        jmp .table
.vga:   call dac_256
        mov cx, 256
        jmp .grey

; EGA: bits rgbRGB of the number; capitals count two thirds, small letters one.
ega_colour:
        push bx
        mov bl, al
        call .level                    ; blue
        mov ch, al
        shr bl, 1
        call .level                    ; green
        mov ah, al
        shr bl, 1
        call .level
        pop bx
        ret
.level: mov al, 0
        test bl, 1
        jz .third
        mov al, 2Ah
.third: test bl, 8
        jz .full
        add al, 15h
.full:  ret

; CGA: bits 0 to 2 choose red, green, blue; bit 4 makes it bright; dark yellow is brown.
cga_colour:
        mov ch, 0
        test al, 10h
        jz .dark
        mov ch, 15h
.dark:  and al, 7
        mov ah, al
        push bx
        mov bl, ah
        mov al, ch
        mov bh, ch
        test bl, 4
        jz .green
        add al, 2Ah
.green: test bl, 2
        jz .blue
        add bh, 2Ah
.blue:  test bl, 1
        jz .brown
        add ch, 2Ah
.brown: cmp bl, 6
        jne .done
        cmp ch, 0
        jne .done
        mov bh, 15h
.done:  mov ah, bh
        pop bx
        ret

; MDA: numbers 8 to 15 are normal, 18h to 1Fh bright, the rest black.
mono_colour:
        mov ah, 0
        test al, 8
        jz .grey
        mov ah, 2Ah
        test al, 10h
        jz .grey
        mov ah, 3Fh
.grey:  mov al, ah
        mov ch, ah
        ret

; Mode 13h: 16 CGA colours, 16 greys, then 24 hues in three intensities of three saturations.
dac_256:
        xor cx, cx
.low:   mov al, cl
        test al, 8
        jz .number
        xor al, 18h                    ; 8..15 -> 10h..17h
.number:
        call cga_colour
        out dx, al
        mov al, ah
        out dx, al
        mov al, ch
        out dx, al
        mov ch, 0
        inc cl
        cmp cl, 16
        jb .low
        mov si, grey_ramp
.ramp:  mov al, [cs:si]
        out dx, al
        out dx, al
        out dx, al
        inc si
        cmp si, grey_ramp_end
        jb .ramp
        mov si, hue_levels
.group: mov cl, 0
.hue:   mov al, cl                     ; red runs 16 hues behind blue, green 8
        add al, 16
        call .channel
        mov al, cl
        add al, 8
        call .channel
        mov al, cl
        call .channel
        inc cl
        cmp cl, 24
        jb .hue
        add si, 5
        cmp si, hue_levels_end
        jb .group
        mov cx, 8 * 3
        mov al, 0
.black: out dx, al
        loop .black
        ret
.channel:                              ; the level of blue at hue AL
        cmp al, 24
        jb .wheel
        sub al, 24
.wheel: movzx bx, al
        mov bl, [cs:hue_wheel + bx]
        mov al, [cs:si + bx]
        out dx, al
        ret

grey_ramp:  db 0, 5, 8, 0Bh, 0Eh, 11h, 14h, 18h, 1Ch, 20h, 24h, 28h, 2Dh, 32h, 38h, 3Fh
grey_ramp_end:
hue_wheel:  db 4, 4, 4, 4, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4
hue_levels: db 0, 10h, 1Fh, 2Fh, 3Fh
            db 1Fh, 27h, 2Fh, 37h, 3Fh
            db 2Dh, 31h, 36h, 3Ah, 3Fh
            db 0, 7, 0Eh, 15h, 1Ch
            db 0Eh, 11h, 15h, 18h, 1Ch
            db 14h, 16h, 18h, 1Ah, 1Ch
            db 0, 4, 8, 0Ch, 10h
            db 8, 0Ah, 0Ch, 0Eh, 10h
            db 0Bh, 0Ch, 0Dh, 0Fh, 10h
hue_levels_end:

; CX entries of the DAC from BX on become grey: 30 % red + 59 % green + 11 % blue.
dac_grey:
        cmp bx, 255
        ja .done
        jcxz .done
        mov dx, 3C7h
        mov al, bl
        out dx, al
        mov dl, 0C9h
        xor si, si
        mov ah, 77                     ; of 256
        call .part
        mov ah, 151
        call .part
        mov ah, 28
        call .part
        mov dl, 0C8h
        mov al, bl
        out dx, al
        inc dx
        mov ax, si
        add ax, 80h
        mov al, ah
        out dx, al
        out dx, al
        out dx, al
        inc bx
        loop dac_grey
.done:  ret
.part:  in al, dx
        mul ah
        add si, ax
        ret

; 0Bh: BH = 0: border, and background of modes 4 and 5, BL; BH = 1: palette BL of modes 4 and 5.
cga_palette:
        mov bx, [bp + F_BX]
        mov cl, [B_CGA_COLOUR]
        cmp bh, 0
        jne .palette
        and cl, 0E0h
        and bl, 1Fh
        or cl, bl
        mov [B_CGA_COLOUR], cl
        mov ah, bl
        and ah, 0Fh
        test ah, 8
        jz .border
        xor ah, 18h                    ; the DAC entry of the bright colour
.border:
        mov al, 11h
        call attr_out
        cmp byte [B_MODE], 3
        jbe .done
        mov al, 0
        call attr_out
        jmp .intensity
.palette:
        cmp bh, 1
        jne .none
        and cl, 0DFh
        test bl, 1
        jz .even
        or cl, 20h
.even:  mov [B_CGA_COLOUR], cl
        cmp byte [B_MODE], 3
        jbe .none
.intensity:                            ; colours 1 to 3: 2 4 6, or 3 5 7; +10h when bright
        mov al, [B_MODE]
        cmp al, 6
        jae .done
        mov ah, 2
        test cl, 20h
        jz .base
        inc ah
.base:  test cl, 10h
        jz .colour
        or ah, 10h
.colour:
        mov al, 1
.next:  call attr_out
        add ah, 2
        inc al
        cmp al, 4
        jb .next
.done:  call attr_end
.none:  ret

; 10h: the palette functions, by AL.
palette_function:
        movzx si, al
        cmp al, 1Bh
        ja .none
        shl si, 1
        jmp [cs:.table + si]
.none:  ret
.table: dw .set, .border, .set_all, .blink, .none, .none, .none, .get, .get_border, .get_all
        dw .none, .none, .none, .none, .none, .none, .dac_set, .none, .dac_set_block, .page_set
        dw .none, .dac_get, .none, .dac_get_block, .mask_set, .mask_get, .page_get, .grey

.border:                               ; 01h: border BH
        mov bl, 11h
.set:                                  ; 00h: register BL = BH
        cmp bl, 14h
        ja .none
        mov al, bl
        mov ah, bh
        call attr_out
        jmp attr_end
.set_all:                              ; 02h: registers 0 to 15 and border from ES:DX
        mov es, [bp + F_ES]
        mov si, [bp + F_DX]
        mov al, 0
.set_next:
        mov ah, [es:si]
        inc si
        call attr_out
        inc al
        cmp al, 10h
        jb .set_next
        mov al, 11h
        mov ah, [es:si]
        call attr_out
        jmp attr_end
.blink:                                ; 03h: BL = 0: attribute bit 7 is intensity, 1: blinking
        mov al, 10h
        call attr_in
        and ah, ~8
        test byte [bp + F_BL], 1
        jz .blink_set
        or ah, 8
.blink_set:
        call attr_out
        mov al, [B_CGA_MODE]
        and al, ~20h
        test ah, 8
        jz .blink_data
        or al, 20h
.blink_data:
        mov [B_CGA_MODE], al
        jmp attr_end
.get_border:                           ; 08h
        mov bl, 11h
.get:                                  ; 07h: BH = register BL
        cmp bl, 14h
        ja .none
        mov al, bl
        call attr_in
        mov [bp + F_BH], ah
        jmp attr_end
.get_all:                              ; 09h
        mov es, [bp + F_ES]
        mov di, [bp + F_DX]
        mov al, 0
.get_next:
        call attr_in
        mov [es:di], ah
        inc di
        inc al
        cmp al, 10h
        jb .get_next
        mov al, 11h
        call attr_in
        mov [es:di], ah
        jmp attr_end
.dac_set:                              ; 10h: entry BX = DH, CH, CL
        mov dx, 3C8h
        mov al, bl
        out dx, al
        inc dx
        mov al, [bp + F_DH]
        mov ah, ch
        call .summed
        ret
.dac_set_block:                        ; 12h: CX entries from BX on at ES:DX
        mov es, [bp + F_ES]
        mov si, [bp + F_DX]
        mov dx, 3C8h
        mov al, bl
        out dx, al
        inc dx
        cmp cx, 256
        jbe .block_next
        mov cx, 256
.block_next:
        jcxz .block_done
        push cx
        mov al, [es:si]
        mov ah, [es:si + 1]
        mov cl, [es:si + 2]
        call .summed
        pop cx
        add si, 3
        dec cx
        jmp .block_next
.block_done:
        ret
.summed:                               ; AL, AH, CL to the DAC, summed to grey when that is on
        test byte [B_FLAGS], 2
        jz .plain
        push bx
        push cx
        mov ch, ah
        mov bl, 77
        mul bl
        mov bx, ax
        mov al, ch
        mov ah, 151
        mul ah
        add bx, ax
        mov al, cl
        mov ah, 28
        mul ah
        add bx, ax
        add bx, 80h
        mov al, bh
        mov ah, bh
        pop cx
        mov cl, bh
        pop bx
.plain: out dx, al
        mov al, ah
        out dx, al
        mov al, cl
        out dx, al
        ret
.page_set:                             ; 13h: BL = 0: 4 pages of 64 or 16 of 16; BL = 1: page BH
        mov bx, [bp + F_BX]
        mov al, 10h
        call attr_in
        cmp bl, 0
        jne .page
        and ah, 7Fh
        shl bh, 7
        or ah, bh
        call attr_out
        jmp attr_end
.page:  test ah, 80h
        mov al, 14h
        mov ah, bh
        jnz .page_out
        shl ah, 2
.page_out:
        and ah, 0Fh
        call attr_out
        jmp attr_end
.page_get:                             ; 1Ah: BL = mode, BH = page
        mov al, 10h
        call attr_in
        mov bl, ah
        shr bl, 7
        mov al, 14h
        call attr_in
        and ah, 0Fh
        cmp bl, 0
        jne .page_16
        shr ah, 2
.page_16:
        mov [bp + F_BL], bl
        mov [bp + F_BH], ah
        jmp attr_end
.dac_get:                              ; 15h: DH, CH, CL = entry BX
        mov dx, 3C7h
        mov al, bl
        out dx, al
        mov dl, 0C9h
        in al, dx
        mov [bp + F_DH], al
        in al, dx
        mov [bp + F_CH], al
        in al, dx
        mov [bp + F_CL], al
        ret
.dac_get_block:                        ; 17h
        mov es, [bp + F_ES]
        mov di, [bp + F_DX]
        mov dx, 3C7h
        mov al, bl
        out dx, al
        mov dl, 0C9h
        cmp cx, 256
        jbe .read
        mov cx, 256
.read:  mov ax, cx
        add cx, ax
        add cx, ax
        jcxz .read_done
.read_next:
        in al, dx
        stosb
        loop .read_next
.read_done:
        ret
.mask_set:                             ; 18h: mask BL
        mov dx, 3C6h
        mov al, bl
        out dx, al
        ret
.mask_get:                             ; 19h
        mov dx, 3C6h
        in al, dx
        mov ah, 0
        mov [bp + F_BX], ax
        ret
.grey:                                 ; 1Bh: CX entries from BX on
        jmp dac_grey
