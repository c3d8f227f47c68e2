; INT 10h AH=00h and 0Fh: setting and reading the mode; helpers on the VGA's registers.

KIND_TEXT   equ 0
KIND_CGA4   equ 1                      ; modes 4, 5: two bits a dot, B8000h, interleaved
KIND_CGA2   equ 2                      ; mode 6: one bit a dot
KIND_PLANAR equ 3                      ; modes 0Dh to 12h
KIND_LINEAR equ 4                      ; mode 13h
KIND_OTHER  equ 5                      ; a VBE graphics mode

mode_kinds: db 0, 0, 0, 0, 1, 1, 2, 0, 5, 5, 5, 5, 5, 3, 3, 3, 3, 3, 3, 4
; What the CGA's mode and colour registers would hold, for 465h and 466h.
cga_modes:  db 2Ch, 28h, 2Dh, 29h, 2Ah, 2Eh, 1Eh, 29h

; AL = KIND_* of the current mode, also kept in L_KIND.
mode_kind:
        push bx
        mov al, KIND_OTHER
        cmp word [B_VBE_MODE], 0
        jne .done
        movzx bx, byte [B_MODE]
        cmp bl, 13h
        ja .done
        mov al, [cs:mode_kinds + bx]
.done:  mov [bp + L_KIND], al
        pop bx
        ret

; Sequencer or graphics controller register: AL index, AH value. Keeps all.
seq_out:
        push dx
        mov dx, 3C4h
        out dx, ax
        pop dx
        ret
gc_out:
        push dx
        mov dx, 3CEh
        out dx, ax
        pop dx
        ret
crtc_out:
        push dx
        mov dx, [B_CRTC]
        out dx, ax
        pop dx
        ret

; DX = input status 1, read once: the attribute controller now expects an index. Keeps AX.
attr_reset:
        push ax
        mov dx, [B_CRTC]
        add dl, 6
        in al, dx
        pop ax
        ret

; Attribute register AL = AH; the screen stays on for the palette when AL has bit 5. Uses DX.
attr_out:
        call attr_reset
        mov dx, 3C0h
        out dx, al
        xchg al, ah
        out dx, al
        xchg al, ah
        ret

; AH = attribute register AL (bit 5 as given). Uses DX.
attr_in:
        call attr_reset
        push ax
        mov dx, 3C0h
        out dx, al
        inc dx
        in al, dx
        mov dl, al
        pop ax
        mov ah, dl
        ret

; Ends attribute accesses with the screen on. Uses AX, DX.
attr_end:
        call attr_reset
        mov dx, 3C0h
        mov al, 20h
        out dx, al
        ret

; SI = offset of mode BL's 64-byte entry in the parameter table.
; Modes 0 to 3 and 7 have entries of 200, 350 and 400 lines (INT 10h AX=1200h BL=30h chooses).
mode_params:
        push ax
        push bx
        mov bh, 0
        mov al, bl
        cmp bl, 7
        je .mono
        cmp bl, 3
        jbe .text
        movzx si, bl
        mov al, [cs:mode_entries + si]
.found: mov ah, 0
        shl ax, 6
        add ax, video_params
        mov si, ax
        pop bx
        pop ax
        ret
.mono:  test byte [B_FLAGS], 10h
        jz .found                      ; 350 lines: entry 7
        mov al, 19h
        jmp .found
.text:  test byte [B_FLAGS], 80h
        jnz .found                     ; 200 lines: entries 0 to 3
        test byte [B_FLAGS], 10h
        jnz .lines400
        add al, 13h
        jmp .found
.lines400:
        shr al, 1
        add al, 17h
        jmp .found

mode_entries: db 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0Dh, 0Eh, 11h, 12h, 1Ah, 1Bh, 1Ch

; 00h: set mode AL; bit 7: leave video memory as it is.
mode_set:
        mov bl, al
        and bl, 7Fh
        cmp bl, 13h
        ja .refuse
        cmp bl, 7
        jbe .good
        cmp bl, 0Dh
        jb .refuse
.good:  call vbe_off
        mov word [B_VBE_MODE], 0
        mov bh, [bp + F_AL]
        and bh, 80h
        call mode_program
        mov al, 20h                    ; what the IBM VGA leaves in AL
        cmp byte [B_MODE], 7
        ja .al
        mov al, 30h
        cmp byte [B_MODE], 6
        jne .al
        mov al, 3Fh
.al:    mov [bp + F_AL], al
.refuse:
        ret

; Programs standard mode BL; BH bit 7 set: video memory stays. All of the BIOS data area follows.
mode_program:
        call mode_params               ; CS:SI
        and byte [B_VIDEO_CTL], 7Fh
        or [B_VIDEO_CTL], bh
        mov [B_MODE], bl
        mov word [B_CRTC], 3D4h
        test byte [cs:si + 9], 1
        jnz .colour
        mov word [B_CRTC], 3B4h
.colour:
        call mode_registers
        call mode_data_area
        call mode_palette
        test byte [B_VIDEO_CTL], 80h
        jnz .kept
        call mode_clear
.kept:  call mode_font
        call attr_end
        ret

; All registers from the entry at CS:SI. Keeps SI.
mode_registers:
        mov dx, 3DAh
        test byte [cs:si + 9], 1
        jnz .screen_off
        mov dl, 0BAh
.screen_off:
        in al, dx
        mov dx, 3C0h
        mov al, 0
        out dx, al                     ; the palette is the CPU's, the screen dark
        mov ax, 0100h
        call seq_out                   ; hold the sequencer while the clock changes
        mov dx, 3C2h
        mov al, [cs:si + 9]
        out dx, al
        xor bx, bx
.seq:   lea ax, [bx + 1]
        mov ah, [cs:si + bx + 5]
        call seq_out
        inc bx
        cmp bl, 4
        jb .seq
        mov ax, 0300h
        call seq_out
        mov ax, 0011h
        call crtc_out                  ; unlock registers 0 to 7
        xor bx, bx
.crtc:  mov al, bl
        mov ah, [cs:si + bx + 10]
        call crtc_out
        inc bx
        cmp bl, 25
        jb .crtc
        xor bx, bx
.attr:  mov al, bl
        mov ah, [cs:si + bx + 35]
        test byte [B_FLAGS], 8         ; default palette loading off: registers 0 to 15 stay
        jz .load
        cmp bl, 10h
        jb .skip
.load:  call attr_out
.skip:  inc bx
        cmp bl, 20
        jb .attr
        mov ax, 0014h                  ; colour select
        call attr_out
        xor bx, bx
.gc:    mov al, bl
        mov ah, [cs:si + bx + 55]
        call gc_out
        inc bx
        cmp bl, 9
        jb .gc
        ret

; The BIOS data area's video fields from the entry at CS:SI. Keeps SI.
mode_data_area:
        push ds
        pop es
        xor ax, ax
        mov al, [cs:si]
        mov [B_COLUMNS], ax
        mov al, [cs:si + 1]
        mov [B_LAST_ROW], al
        mov al, [cs:si + 2]
        mov [B_POINTS], ax
        mov ax, [cs:si + 3]
        mov [B_PAGE_SIZE], ax
        xor ax, ax
        mov [B_PAGE_START], ax
        mov [B_PAGE], al
        mov di, B_CURSOR
        mov cx, 8
        rep stosw
        mov bx, ax
        mov bl, [B_MODE]
        call mode_kind
        cmp al, KIND_TEXT
        mov ax, 0607h
        je .shape
        xor ax, ax
.shape: mov [B_SHAPE], ax
        cmp bl, 7
        ja .vga_only
        mov al, [cs:cga_modes + bx]
        mov [B_CGA_MODE], al
        mov al, 30h
        cmp bl, 6
        jne .colour
        mov al, 3Fh
.colour:
        mov [B_CGA_COLOUR], al
.vga_only:
        ; INT 43h: the font of graphics modes
        push 0
        pop es
        call mode_kind
        cmp al, KIND_TEXT
        je .done
        call font_of_height
        mov [es:43h * 4], di
        mov [es:43h * 4 + 2], cs
.done:  ret

; DI = ROM font for the character height in the BIOS data area.
font_of_height:
        mov di, font8
        cmp byte [B_POINTS], 8
        jbe .done
        mov di, font14
        cmp byte [B_POINTS], 14
        jbe .done
        mov di, font16
.done:  ret

; Clears all of video memory in the way of the current mode.
mode_clear:
        call mode_kind
        mov dx, 0A000h
        mov cx, 4000h                  ; dwords
        xor eax, eax
        cmp byte [bp + L_KIND], KIND_PLANAR
        jae .fill
        mov dx, 0B800h
        mov cx, 2000h
        cmp byte [bp + L_KIND], KIND_TEXT
        jne .fill
        mov eax, 07200720h
        cmp byte [B_MODE], 7
        jne .fill
        mov dh, 0B0h
.fill:  mov es, dx
        xor di, di
        rep stosd
        ret

; Text modes: the ROM font of the right height into block 0.
mode_font:
        call mode_kind
        cmp al, KIND_TEXT
        jne .done
        call font_of_height
        mov si, di
        push cs
        pop es
        mov bh, [B_POINTS]
        mov bl, 0
        mov cx, 256
        xor dx, dx
        call font_load
        mov ax, 0003h                  ; character map select: block 0 twice
        call seq_out
.done:  ret

; 0Fh: AL = mode with the no-clear bit, AH = columns, BH = page.
mode_get:
        mov al, [B_VIDEO_CTL]
        and al, 80h
        or al, [B_MODE]
        mov [bp + F_AL], al
        mov al, [B_COLUMNS]
        mov [bp + F_AH], al
        mov al, [B_PAGE]
        mov [bp + F_BH], al
        ret
