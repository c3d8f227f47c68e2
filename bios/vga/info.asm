; INT 10h AH=12h, 1Ah, 1Bh, 1Ch: alternate select, display combination, state.

; 12h, by BL.
alternate_select:
        cmp bl, 10h
        je .info
        sub bl, 30h
        jb .none
        cmp bl, 6
        ja .none
        movzx si, bl
        shl si, 1
        jmp [cs:.table + si]
.none:  ret
.table: dw .lines, .palette, .address, .grey, .cursor, .none, .refresh
.info:                                 ; 10h: colour or mono, 256 KiB, feature bits, switches
        mov bx, 0003h
        cmp byte [B_CRTC], 0D4h
        je .colour
        mov bh, 1
.colour:
        mov [bp + F_BX], bx
        mov al, [B_SWITCHES]
        mov ah, al
        and al, 0Fh
        shr ah, 4
        mov [bp + F_CX], ax
        ret
.lines:                                ; 30h: lines of text modes: AL = 0: 200, 1: 350, 2: 400
        mov ah, 80h
        cmp al, 1
        jb .lines_set
        mov ah, 0
        je .lines_set
        mov ah, 10h
        cmp al, 2
        jne .none
.lines_set:
        mov al, [B_FLAGS]
        and al, 6Fh
        or al, ah
        mov [B_FLAGS], al
        jmp .ok
.palette:                              ; 31h: AL = 1: modes leave the palette alone
        mov ah, 8
        jmp .flag
.grey:                                 ; 33h: AL = 0: sum to grey
        xor al, 1
        mov ah, 2
.flag:  mov bl, [B_FLAGS]
        not ah
        and bl, ah
        not ah
        test al, 1
        jz .flag_set
        or bl, ah
.flag_set:
        mov [B_FLAGS], bl
        jmp .ok
.address:                              ; 32h: AL = 0: the CPU reaches video memory
        mov bl, al
        mov dx, 3CCh
        in al, dx
        and al, ~2
        test bl, 1
        jnz .address_set
        or al, 2
.address_set:
        mov dx, 3C2h
        out dx, al
        jmp .ok
.cursor:                               ; 34h: AL = 0: cursor emulation on
        mov bl, [B_VIDEO_CTL]
        and bl, ~1
        and al, 1
        or bl, al
        mov [B_VIDEO_CTL], bl
        jmp .ok
.refresh:                              ; 36h: AL = 0: screen on
        mov bl, al
        mov dx, 3C4h
        mov al, 1
        out dx, al
        inc dx
        in al, dx
        and al, ~20h
        test bl, 1
        jz .refresh_set
        or al, 20h
.refresh_set:
        out dx, al
.ok:    mov byte [bp + F_AL], 12h
        ret

; 1Ah: AL = 0: BL = active display's code, BH = the other's; AL = 1: set.
display_combination:
        cmp al, 1
        ja .none
        je .set
        movzx ax, byte [B_DCC]
        mov [bp + F_BX], ax
        jmp .ok
.set:   mov [B_DCC], bl
.ok:    mov byte [bp + F_AL], 1Ah
.none:  ret

; 1Bh, BX = 0: 64 bytes of state at ES:DI (IBM PS/2 BIOS Interface Technical Reference).
state_info:
        cmp bx, 0
        jne .none
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov ax, static_info
        stosw
        mov ax, cs
        stosw
        mov si, B_MODE                 ; 449h..466h as they are
        mov cx, 30
        rep movsb
        mov al, [B_LAST_ROW]
        inc al
        stosb
        mov ax, [B_POINTS]
        stosw
        movzx ax, byte [B_DCC]
        stosw
        call mode_kind
        xor cx, cx                     ; colours
        mov dl, 1                      ; pages
        movzx bx, al
        mov ah, [B_MODE]
        cmp al, KIND_OTHER
        je .colours
        shl bx, 1
        mov cx, [cs:.kind_colours + bx]
        cmp al, KIND_TEXT
        jne .planar
        mov dl, 8
        cmp ah, 7
        jne .colours
        xor cx, cx
        jmp .colours
.planar:
        cmp ah, 0Dh
        jne .mode_0e
        mov dl, 8
.mode_0e:
        cmp ah, 0Eh
        jne .mode_0f
        mov dl, 4
.mode_0f:
        cmp ah, 10h
        ja .two_colours
        cmp ah, 0Fh
        jb .colours
        mov dl, 2
        je .two
.two_colours:
        cmp ah, 11h
        jne .colours
.two:   mov cx, 2
.colours:
        mov ax, cx
        stosw
        mov al, dl
        stosb
        mov al, 3                      ; scan lines: 0 200, 1 350, 2 400, 3 480
        cmp byte [B_MODE], 11h
        je .scan
        cmp byte [B_MODE], 12h
        je .scan
        mov al, 0
        cmp byte [B_MODE], 13h
        je .scan
        cmp byte [B_MODE], 7
        je .by_flags
        cmp byte [B_MODE], 3
        jbe .by_flags
        cmp byte [B_MODE], 0Fh
        jb .scan
        mov al, 1
        jmp .scan
.by_flags:
        test byte [B_FLAGS], 80h
        jnz .scan
        mov al, 1
        test byte [B_FLAGS], 10h
        jz .scan
        mov al, 2
.scan:  stosb
        mov dx, 3C4h                   ; character blocks
        mov al, 3
        out dx, al
        inc dx
        in al, dx
        mov ah, al
        mov bl, al
        and al, 3
        shr bl, 2
        and bl, 4
        or al, bl
        stosb
        mov al, ah
        shr al, 2
        and al, 3
        shr ah, 3
        and ah, 4
        or al, ah
        stosb
        mov al, [B_FLAGS]              ; 2Dh: 3 default palette off, 1 grey, 0 all modes
        and al, 0Ah
        or al, 1
        mov ah, [B_VIDEO_CTL]
        test ah, 1
        jnz .emulation
        or al, 10h
.emulation:
        mov ah, [B_CGA_MODE]
        test ah, 20h
        jz .blink
        or al, 20h
.blink: stosb
        xor ax, ax
        stosb
        stosb
        stosb
        mov al, 3                      ; 256 KiB
        stosb
        mov al, 0
        mov cx, 14
        rep stosb
        mov byte [bp + F_AL], 1Bh
.none:  ret
.kind_colours: dw 16, 4, 2, 16, 256

static_info:
        db 0FFh, 0E0h, 0Fh, 0, 0, 0, 0 ; modes 0-7, 0Dh-13h
        db 7, 2, 8                     ; 200/350/400 lines; two character blocks of eight
        db 0E7h, 0Ch                   ; what INT 10h can do
        dw 0
        db 0, 0

; --- 1Ch: saving and restoring. The buffer holds the parts that CX chooses, one after the other ---
STATE_HW    equ 2                      ; 64-byte blocks
STATE_BDA   equ 1
STATE_DAC   equ 13
STATE_VBE   equ 1                      ; 4F04h only

state_function:
        and cx, 7
        call state_any
        jc .none
        mov byte [bp + F_AL], 1Ch
.none:  ret

; AL = 0: F_BX = blocks for the set CX; 1: save to, 2: restore from ES:BX. Carry: no such function.
state_any:
        cmp al, 1
        jb .size
        je .save
        cmp al, 2
        jne .bad
        mov es, [bp + F_ES]
        mov si, [bp + F_BX]
        jmp state_restore
.save:  mov es, [bp + F_ES]
        mov di, [bp + F_BX]
        jmp state_save
.bad:   stc
        ret
.size:  xor bx, bx
        test cl, 1
        jz .bda
        add bx, STATE_HW
.bda:   test cl, 2
        jz .dac
        add bx, STATE_BDA
.dac:   test cl, 4
        jz .vbe
        add bx, STATE_DAC
.vbe:   test cl, 8
        jz .store
        add bx, STATE_VBE
.store: mov [bp + F_BX], bx
        clc
        ret

; AH registers of the pair at DX to ES:DI (indexed_in) or from ES:SI (indexed_out).
indexed_in:
        mov al, 0
.next:  out dx, al
        push ax
        inc dx
        in al, dx
        dec dx
        stosb
        pop ax
        inc al
        cmp al, ah
        jb .next
        ret
indexed_out:
        mov bl, 0
.next:  mov bh, ah
        mov al, bl
        mov ah, [es:si]
        inc si
        out dx, ax
        mov ah, bh
        inc bl
        cmp bl, ah
        jb .next
        ret

state_save:
        test cl, 1
        jz .bda
        push di
        mov dx, 3C4h                   ; the index registers first
        in al, dx
        stosb
        mov dl, 0CEh
        in al, dx
        stosb
        mov dx, [B_CRTC]
        mov ax, dx
        stosw
        in al, dx
        stosb
        mov dx, 3CCh
        in al, dx
        stosb
        mov dx, 3C4h
        mov ah, 5
        call indexed_in
        mov dx, [B_CRTC]
        mov ah, 25
        call indexed_in
        mov dx, 3CEh
        mov ah, 9
        call indexed_in
        mov al, 0
.attr:  call attr_in
        mov [es:di], ah
        inc di
        inc al
        cmp al, 21
        jb .attr
        call attr_end
        pop di
        add di, STATE_HW * 64
.bda:   test cl, 2
        jz .dac
        push di
        push cx
        mov si, B_MODE
        mov cx, 30
        rep movsb
        mov si, B_LAST_ROW
        mov cx, 7
        rep movsb
        mov eax, [B_SAVE_PTR]
        stosd
        mov ax, [B_VBE_MODE]
        stosw
        push ds
        push 0
        pop ds
        mov eax, [1Fh * 4]
        stosd
        mov eax, [43h * 4]
        stosd
        pop ds
        pop cx
        pop di
        add di, STATE_BDA * 64
.dac:   test cl, 4
        jz .vbe
        push di
        push cx
        mov dx, 3C6h
        in al, dx
        stosb
        mov dl, 0C8h
        in al, dx
        stosb
        dec dx
        mov al, 0
        out dx, al
        mov dl, 0C9h
        mov cx, 768
.entry: in al, dx
        stosb
        loop .entry
        pop cx
        pop di
        add di, STATE_DAC * 64
.vbe:   test cl, 8
        jz .done
        call vbe_state_save
.done:  clc
        ret

state_restore:
        push cx
        push si
        test cl, 8                     ; the VBE part lies last and is restored first
        jz .hw
        call .skip
        call vbe_state_restore
.hw:    pop si
        pop cx
        test cl, 1
        jz .bda
        push si
        mov di, si
        add si, 6
        mov dx, 3C2h
        mov al, [es:si - 1]
        out dx, al
        mov ax, 0100h
        call seq_out
        mov dx, 3C4h
        mov bx, 1
        inc si                         ; sequencer 0 is the reset
.seq:   mov al, bl
        mov ah, [es:si]
        inc si
        out dx, ax
        inc bl
        cmp bl, 5
        jb .seq
        mov ax, 0300h
        call seq_out
        mov dx, [es:di + 2]
        mov ax, 0011h
        out dx, ax
        mov ah, 25
        call indexed_out
        push dx
        mov dx, 3CEh
        mov ah, 9
        call indexed_out
        pop dx
        add dl, 6                      ; the attribute controller by that CRTC's status port
        in al, dx
        mov dx, 3C0h
        mov al, 0
.attr:  mov ah, al
        out dx, al
        mov al, [es:si]
        inc si
        out dx, al
        mov al, ah
        inc al
        cmp al, 21
        jb .attr
        mov al, 20h
        out dx, al
        pop si
        mov dx, 3C4h
        mov al, [es:si]
        out dx, al
        mov dl, 0CEh
        mov al, [es:si + 1]
        out dx, al
        mov dx, [es:si + 2]
        mov al, [es:si + 4]
        out dx, al
        add si, STATE_HW * 64
.bda:   test cl, 2
        jz .dac
        push si
        push cx
        mov di, B_MODE
        mov cx, 30
        call .copy
        mov di, B_LAST_ROW
        mov cx, 7
        call .copy
        mov di, B_SAVE_PTR
        mov cx, 4
        call .copy
        mov di, B_VBE_MODE
        mov cx, 2
        call .copy
        push ds
        push 0
        pop ds
        mov eax, [es:si]
        mov [1Fh * 4], eax
        mov eax, [es:si + 4]
        mov [43h * 4], eax
        pop ds
        pop cx
        pop si
        add si, STATE_BDA * 64
.dac:   test cl, 4
        jz .done
        mov dx, 3C6h
        mov al, [es:si]
        out dx, al
        mov bl, [es:si + 1]
        add si, 2
        mov dl, 0C8h
        mov al, 0
        out dx, al
        inc dx
        mov cx, 768
.entry: mov al, [es:si]
        inc si
        out dx, al
        loop .entry
        dec dx
        mov al, bl
        out dx, al
.done:  clc
        ret
.copy:  mov al, [es:si]
        inc si
        mov [di], al
        inc di
        loop .copy
        ret
.skip:  test cl, 1
        jz .skip_bda
        add si, STATE_HW * 64
.skip_bda:
        test cl, 2
        jz .skip_dac
        add si, STATE_BDA * 64
.skip_dac:
        test cl, 4
        jz .skipped
        add si, STATE_DAC * 64
.skipped:
        ret
