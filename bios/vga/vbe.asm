; INT 10h AH=4Fh: VESA BIOS Extension 3.0, on the Bochs display interface: an index at port 1CEh, a
; 16-bit value at 1CFh. A handler returns AX = 004Fh, 014Fh failed, 024Fh not on this hardware.

DISPI_ID        equ 0
DISPI_XRES      equ 1
DISPI_YRES      equ 2
DISPI_BPP       equ 3
DISPI_ENABLE    equ 4                  ; 1 on, 20h 8-bit DAC, 40h linear, 80h memory stays
DISPI_BANK      equ 5
DISPI_WIDTH     equ 6                  ; of the virtual screen
DISPI_X         equ 8
DISPI_Y         equ 9
DISPI_MEMORY    equ 10                 ; in 64 KiB

; AX = register AL.
dispi_read:
        push dx
        mov dx, 1CEh
        mov ah, 0
        out dx, ax
        inc dx
        in ax, dx
        pop dx
        ret

; Register AL = BX. Keeps all.
dispi_write:
        push dx
        push ax
        mov dx, 1CEh
        mov ah, 0
        out dx, ax
        inc dx
        mov ax, bx
        out dx, ax
        pop ax
        pop dx
        ret

; Zero flag: the interface is there. Keeps all else.
vbe_present:
        push ax
        mov al, DISPI_ID
        call dispi_read
        and al, 0F0h
        cmp ax, 0B0C0h
        pop ax
        ret

; Back to the plain VGA. Keeps all.
vbe_off:
        call vbe_present
        jne .done
        push ax
        push bx
        mov al, DISPI_ENABLE
        xor bx, bx
        call dispi_write
        pop bx
        pop ax
.done:  ret

; AX = video memory in 64 KiB.
vbe_memory:
        mov al, DISPI_MEMORY
        call dispi_read
        cmp ax, 4                      ; an old interface has no such register
        jb .old
        cmp ax, 4096
        jb .done
.old:   mov ax, 64
.done:  ret

; EAX = gpa of the linear frame buffer: BAR 0 of 1234:1111 on bus 0. Keeps all else.
vbe_lfb:
        pushad
        mov dx, 0CF8h
        in eax, dx
        push eax                       ; the address of a caller that we interrupt
        mov ebx, 80000000h
.slot:  mov eax, ebx
        call .config
        cmp eax, 11111234h
        je .found
        add ebx, 800h
        cmp ebx, 80010000h
        jb .slot
        mov eax, 0E0000000h            ; no PCI: where the Bochs display has it
        jmp .done
.found: lea eax, [ebx + 10h]
        call .config
        and al, 0F0h
.done:  mov ebx, eax
        pop eax
        mov dx, 0CF8h
        out dx, eax
        mov bp, sp
        mov [bp + F_AX], ebx           ; popad's EAX
        popad
        ret
.config:                               ; EAX = register EAX
        mov dx, 0CF8h
        out dx, eax
        mov dx, 0CFCh
        in eax, dx
        ret

; CS:SI = mode BX's entry (modes.asm); carry: there is none, or it does not fit the memory.
vbe_find:
        mov si, vbe_modes
.next:  cmp word [cs:si], 0FFFFh
        je .none
        cmp [cs:si], bx
        je .found
        add si, VBE_MODE_SIZE
        jmp .next
.found: push eax
        push edx
        call vbe_mode_bytes
        mov edx, eax
        call vbe_memory
        movzx eax, ax
        shl eax, 16
        cmp eax, edx                   ; carry when too small
        pop edx
        pop eax
        ret
.none:  stc
        ret

; AX = bytes in a line of the mode at CS:SI (4 bpp: of one plane).
vbe_pitch:
        push bx
        push dx
        mov ax, [cs:si + 2]
        add ax, 7
        and al, 0F8h
        movzx bx, byte [cs:si + 6]
        cmp bl, 4
        je .planar
        add bl, 7
        shr bl, 3
        mul bx
        jmp .done
.planar:
        shr ax, 3
.done:  pop dx
        pop bx
        ret

; EAX = bytes of video memory that the mode at CS:SI takes.
vbe_mode_bytes:
        push edx
        call vbe_pitch
        movzx eax, ax
        movzx edx, word [cs:si + 4]
        imul eax, edx
        cmp byte [cs:si + 6], 4
        jne .done
        shl eax, 2
.done:  pop edx
        ret

vbe_function:
        call vbe_present
        jne .absent
        cmp al, 15h
        je .ddc
        cmp al, 0Ah
        ja .absent
        movzx si, al
        shl si, 1
        mov ax, [cs:.table + si]
        jmp .call
.ddc:   mov ax, vbe_ddc
.call:  mov si, ax
        call si
        mov [bp + F_AX], ax
.absent:
        ret                            ; AX as it was: not supported
.table: dw vbe_info, vbe_mode_info, vbe_set, vbe_get, vbe_state, vbe_bank, vbe_line, vbe_start
        dw vbe_dac, vbe_palette, vbe_pmi

vbe_ok:
        mov ax, 004Fh
        ret
vbe_failed:
        mov ax, 014Fh
        ret
vbe_not_here:
        mov ax, 024Fh
        ret

; 00h: the information block at ES:DI: 256 bytes, 512 when the caller wrote "VBE2".
vbe_info:
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        xor dx, dx
        cmp dword [es:di], "VBE2"
        jne .old
        inc dx
.old:   push di
        mov cx, 128
        cmp dl, 0
        je .size
        mov ch, 1
.size:  mov al, 0
        push di
        rep stosb
        pop di
        mov dword [es:di], "VESA"
        mov word [es:di + 4], 0300h
        mov word [es:di + 6], oem_name
        mov [es:di + 8], cs
        mov byte [es:di + 10], 1       ; the DAC can be switched to 8 bits
        lea ax, [di + 34]
        mov [es:di + 14], ax
        mov [es:di + 16], es
        call vbe_memory
        mov [es:di + 18], ax
        cmp dl, 0
        je .modes
        mov word [es:di + 20], 0100h   ; our version
        mov word [es:di + 22], vendor_name
        mov [es:di + 24], cs
        mov word [es:di + 26], product_name
        mov [es:di + 28], cs
        mov word [es:di + 30], product_version
        mov [es:di + 32], cs
.modes: add di, 34
        mov si, vbe_modes
.next:  mov bx, [cs:si]
        cmp bx, 0FFFFh
        je .end
        push si
        call vbe_find
        pop si
        jc .skip
        mov [es:di], bx
        add di, 2
.skip:  add si, VBE_MODE_SIZE
        jmp .next
.end:   mov word [es:di], 0FFFFh
        pop di
        jmp vbe_ok

oem_name:        db "Umbra VBE", 0
product_version: db "1.0", 0

; 01h: 256 bytes on mode CX at ES:DI.
vbe_mode_info:
        mov bx, cx
        and bx, 3FFFh
        call vbe_find
        jc vbe_failed
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        push di
        mov cx, 128
        xor ax, ax
        rep stosw
        pop di
        mov word [es:di], 1Bh          ; there, extended info, colour, graphics
        mov bl, [cs:si + 6]
        mov word [es:di + 2], 0007h    ; window A: there, read, write
        mov word [es:di + 4], 64
        mov word [es:di + 6], 64
        mov word [es:di + 8], 0A000h
        mov word [es:di + 12], vbe_bank_far
        mov [es:di + 14], cs
        call vbe_pitch
        mov [es:di + 16], ax
        mov [es:di + 50], ax
        mov ax, [cs:si + 2]
        mov [es:di + 18], ax
        mov ax, [cs:si + 4]
        mov [es:di + 20], ax
        mov word [es:di + 22], 1008h   ; cell 8 x 16
        mov byte [es:di + 24], 1
        mov [es:di + 25], bl
        mov byte [es:di + 26], 1       ; banks
        mov byte [es:di + 30], 1
        call vbe_mode_bytes            ; pages: memory / size - 1
        mov ecx, eax
        call vbe_memory
        movzx eax, ax
        shl eax, 16
        xor edx, edx
        div ecx
        dec ax
        cmp ax, 255
        jbe .pages
        mov ax, 255
.pages: mov [es:di + 29], al
        mov [es:di + 52], al
        mov [es:di + 53], al
        mov dword [es:di + 62], 400000000 ; highest dot clock, Hz
        mov al, 3                      ; planar
        mov byte [es:di + 24], 4
        cmp bl, 4
        je .model
        mov byte [es:di + 24], 1
        or byte [es:di], 80h           ; linear frame buffer
        call vbe_lfb
        mov [es:di + 40], eax
        mov al, 4                      ; packed
        cmp bl, 8
        je .model
        mov si, vbe_masks
.masks: cmp [cs:si], bl
        je .copy
        add si, 9
        jmp .masks
.copy:  push di
        inc si
        lea di, [di + 31]
        mov cx, 4
.mask:  mov ax, [cs:si]                ; size and position; banked and linear alike
        mov [es:di], ax
        mov [es:di + 54 - 31], ax
        add si, 2
        add di, 2
        loop .mask
        pop di
        cmp bl, 24
        jb .direct
        je .direct
        mov byte [es:di + 39], 2       ; the reserved byte may be used
.direct:
        mov al, 6                      ; direct colour
.model: mov [es:di + 27], al
        jmp vbe_ok

vbe_masks:                             ; bpp; red, green, blue, reserved: size, position
        db 15, 5, 10, 5, 5, 5, 0, 1, 15
        db 16, 5, 11, 6, 5, 5, 0, 0, 0
        db 24, 8, 16, 8, 8, 8, 0, 0, 0
        db 32, 8, 16, 8, 8, 8, 0, 8, 24

; 02h: mode BX; bit 14: linear, bit 15: memory stays.
vbe_set:
        and bx, 3FFFh
        and bh, ~08h                   ; CRTC values of the caller: refresh is not ours to set
        cmp bx, 100h
        jae .vbe
        cmp bl, 80h
        jae vbe_failed
        mov al, bl                     ; a mode of the VGA
        call vbe_off
        mov word [B_VBE_MODE], 0
        cmp bl, 13h
        ja vbe_failed
        mov bh, [bp + F_BH]
        and bh, 80h
        call mode_program
        jmp vbe_ok
.vbe:   call vbe_find
        jc vbe_failed
        call vbe_off
        mov word [B_VBE_MODE], 0
        push bx
        push si
        mov bx, 8012h                  ; a VGA mode of the same kind below it
        cmp byte [cs:si + 6], 4
        je .base
        mov bl, 13h
.base:  call mode_program
        pop si
        mov al, DISPI_XRES
        mov bx, [cs:si + 2]
        call dispi_write
        mov al, DISPI_YRES
        mov bx, [cs:si + 4]
        call dispi_write
        mov al, DISPI_BPP
        movzx bx, byte [cs:si + 6]
        call dispi_write
        mov bx, [bp + F_BX]
        and bx, 0C000h
        shr bx, 8                      ; 40h linear, 80h memory stays: the same order
        or bl, 1
        mov al, DISPI_ENABLE
        call dispi_write
        xor bx, bx
        mov al, DISPI_BANK
        call dispi_write
        mov bx, [cs:si + 2]
        add bx, 7
        and bl, 0F8h
        mov al, DISPI_WIDTH
        call dispi_write
        xor bx, bx
        mov al, DISPI_X
        call dispi_write
        mov al, DISPI_Y
        call dispi_write
        call vbe_vga_registers
        pop bx
        mov ax, [bp + F_BX]
        and ax, 0C000h
        or ax, bx
        mov [B_VBE_MODE], ax
        and bl, 7Fh
        mov [B_MODE], bl
        mov ax, [cs:si + 2]
        shr ax, 3
        mov [B_COLUMNS], ax
        mov ax, [cs:si + 4]
        shr ax, 4
        dec ax
        mov [B_LAST_ROW], al
        mov word [B_POINTS], 16
        and byte [B_VIDEO_CTL], 7Fh
        mov al, [bp + F_BH]
        and al, 80h
        or [B_VIDEO_CTL], al
        jmp vbe_ok

; The VGA's own registers as the Bochs interface wants them: one dot line a row, 64 KiB at A0000h.
vbe_vga_registers:
        mov ax, 0011h                  ; CRTC 0 to 7 open
        call crtc_out
        mov ax, [cs:si + 2]
        shr ax, 3
        dec ax
        mov ah, al
        mov al, 1
        call crtc_out
        mov bx, [cs:si + 4]
        dec bx
        mov ah, bl
        mov al, 12h
        call crtc_out
        mov dx, [B_CRTC]
        mov al, 7
        out dx, al
        inc dx
        in al, dx
        and al, 0BDh
        test bh, 1
        jz .bit9
        or al, 02h
.bit9:  test bh, 2
        jz .overflow
        or al, 40h
.overflow:
        out dx, al
        mov ax, 0009h
        call crtc_out
        mov ax, 0317h
        cmp byte [cs:si + 6], 4
        jne .mode
        mov ah, 0E3h
.mode:  jmp crtc_out

; 03h: BX = the mode.
vbe_get:
        mov bx, [B_VBE_MODE]
        cmp bx, 0
        jne .done
        mov al, [B_VIDEO_CTL]
        and al, 80h
        mov bh, al
        mov bl, [B_MODE]
.done:  mov [bp + F_BX], bx
        jmp vbe_ok

; 04h: state: DL = 0 size, 1 save, 2 restore; CX as 1Ch, and bit 3.
vbe_state:
        mov al, [bp + F_DL]
        and cx, 15
        call state_any
        jc vbe_failed
        jmp vbe_ok

; The display interface to ES:DI; from ES:SI.
vbe_state_save:
        push bx
        mov bl, DISPI_XRES
.next:  mov al, bl
        call dispi_read
        stosw
        inc bl
        cmp bl, DISPI_Y
        jbe .next
        pop bx
        ret
vbe_state_restore:
        call vbe_off
        test byte [es:si + (DISPI_ENABLE - 1) * 2], 1
        jz .done
        mov al, DISPI_XRES
.mode:  call .write
        inc al
        cmp al, DISPI_BPP
        jbe .mode
        mov bx, [es:si + (DISPI_ENABLE - 1) * 2]
        or bl, 80h
        mov al, DISPI_ENABLE
        call dispi_write
        mov al, DISPI_BANK
.rest:  call .write
        inc al
        cmp al, 7                      ; the virtual height follows from the width
        je .skip
        cmp al, DISPI_Y
        jbe .rest
.done:  ret
.skip:  inc al
        jmp .rest
.write: movzx bx, al
        shl bx, 1
        mov bx, [es:si + bx - 2]
        jmp dispi_write

; 05h: BH = 0: window BL to 64 KiB unit DX; 1: DX = unit. vbe_bank_far is the same by far call.
vbe_bank:
        call .do
        mov [bp + F_DX], dx
        ret
.do:    cmp bl, 0
        jne vbe_failed
        cmp bh, 1
        ja vbe_failed
        mov al, DISPI_BANK
        je .get
        call vbe_memory
        cmp dx, ax
        jae vbe_failed
        mov al, DISPI_BANK
        push bx
        mov bx, dx
        call dispi_write
        pop bx
        jmp vbe_ok
.get:   call dispi_read
        mov dx, ax
        jmp vbe_ok
vbe_bank_far:
        call vbe_bank.do
        retf

; EAX = bytes in a line as the hardware has it (4 bpp: of one plane), ECX = bytes in a dot, or 0.
; Carry: no VBE mode is set.
vbe_geometry:
        mov al, DISPI_ENABLE
        call dispi_read
        test al, 1
        jz .none
        mov al, DISPI_BPP
        call dispi_read
        movzx ecx, ax
        mov al, DISPI_WIDTH
        call dispi_read
        movzx eax, ax
        cmp cl, 4
        je .planar
        add cl, 7
        shr cl, 3
        imul eax, ecx
        clc
        ret
.planar:
        xor ecx, ecx
        shr eax, 3
        ret
.none:  stc
        ret

; 06h: BL = 0: CX dots a line, 2: CX bytes a line, 1: what it is, 3: the most.
; BX = bytes, CX = dots, DX = lines that fit.
vbe_line:
        call vbe_geometry
        jc vbe_failed
        mov bl, [bp + F_BL]
        cmp bl, 1
        je .report
        cmp bl, 3
        ja vbe_failed
        je .most
        movzx eax, word [bp + F_CX]
        cmp bl, 0
        je .dots
        cmp ecx, 0
        je .planes
        xor edx, edx
        div ecx
        cmp edx, 1                     ; round up to whole dots
        cmc
        adc eax, 0
        jmp .dots
.planes:
        shl eax, 3
.dots:  add eax, 7
        and al, 0F8h
        mov ebx, eax
        mov al, DISPI_XRES             ; not below the visible width
        call dispi_read
        cmp bx, ax
        jb vbe_not_here
        cmp ebx, 8000
        ja vbe_not_here
        mov al, DISPI_WIDTH
        call dispi_write
        call vbe_geometry
.report:
        mov [bp + F_BX], ax
        mov ebx, eax
        mov al, DISPI_WIDTH
        call dispi_read
        mov [bp + F_CX], ax
.lines: call vbe_memory
        movzx eax, ax
        shl eax, 16
        cmp ecx, 0
        jne .divide
        shr eax, 2                     ; four planes
.divide:
        cmp ebx, 0
        je vbe_failed
        xor edx, edx
        div ebx
        cmp eax, 0FFFFh
        jbe .fits
        mov ax, 0FFFFh
.fits:  mov [bp + F_DX], ax
        jmp vbe_ok
.most:  mov ebx, 8000
        mov [bp + F_CX], bx
        cmp ecx, 0
        je .most_planes
        imul ebx, ecx
        jmp .most_set
.most_planes:
        shr ebx, 3
.most_set:
        mov [bp + F_BX], bx
        jmp .lines

; 07h: display start. BL = 0, 80h: dot CX of line DX (80h: in the retrace); 1: what it is;
; 2, 82h: byte ECX; 4: CX not 0 when a start set by 2 is shown, which is always so.
vbe_start:
        mov al, bl
        and al, 7Fh
        cmp al, 1
        je .get
        cmp al, 4
        je .status
        cmp al, 2
        je .bytes
        cmp al, 0
        jne vbe_failed
        mov cx, [bp + F_CX]
        mov dx, [bp + F_DX]
.set:   test byte [bp + F_BL], 80h
        jz .now
        call wait_retrace
.now:   mov bx, cx
        mov al, DISPI_X
        call dispi_write
        mov bx, dx
        mov al, DISPI_Y
        call dispi_write
        jmp vbe_ok
.bytes: call vbe_geometry
        jc vbe_failed
        cmp eax, 0
        je vbe_failed
        mov ebx, eax
        mov eax, [bp + F_CX]
        xor edx, edx
        div ebx                        ; EAX line, EDX bytes into it
        push ax
        mov eax, edx
        cmp ecx, 0
        jne .dots
        shl eax, 3
        jmp .split
.dots:  xor edx, edx
        div ecx
.split: mov cx, ax
        pop dx
        jmp .set
.get:   mov byte [bp + F_BH], 0
        mov al, DISPI_X
        call dispi_read
        mov [bp + F_CX], ax
        mov al, DISPI_Y
        call dispi_read
        mov [bp + F_DX], ax
        jmp vbe_ok
.status:
        mov word [bp + F_CX], 1
        jmp vbe_ok

; Returns as a vertical retrace begins, or after a bounded wait. Keeps all.
wait_retrace:
        push ax
        push cx
        push dx
        mov dx, [B_CRTC]
        add dl, 6
        mov cx, 0FFFFh
.in:    in al, dx
        test al, 8
        loopnz .in
        mov cx, 0FFFFh
.out:   in al, dx
        test al, 8
        loopz .out
        pop dx
        pop cx
        pop ax
        ret

; 08h: BL = 0: DAC of BH bits, 6 or 8; 1: BH = bits.
vbe_dac:
        mov al, DISPI_ENABLE
        call dispi_read
        cmp bl, 1
        ja vbe_failed
        je .get
        and al, ~20h
        cmp byte [bp + F_BH], 8
        jb .write
        or al, 20h
.write: or al, 80h                     ; never clears memory here
        mov bx, ax
        mov al, DISPI_ENABLE
        call dispi_write
        mov ax, bx
.get:   mov bl, 6
        test al, 20h
        jz .bits
        mov bl, 8
.bits:  mov [bp + F_BH], bl
        jmp vbe_ok

; 09h: CX palette entries from DX on at ES:DI (blue, green, red, 0). BL = 0, 80h: set, 1: get.
vbe_palette:
        mov al, bl
        and al, 7Fh
        cmp al, 1
        ja vbe_not_here
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        cmp cx, 256
        ja vbe_failed
        cmp dx, 255
        ja vbe_failed
        jcxz .done
        test al, al
        mov al, dl
        jnz .get
        test bl, 80h
        jz .set
        call wait_retrace
.set:   mov dx, 3C8h
        out dx, al
        inc dx
.next:  mov al, [es:di + 2]
        out dx, al
        mov al, [es:di + 1]
        out dx, al
        mov al, [es:di]
        out dx, al
        add di, 4
        loop .next
.done:  jmp vbe_ok
.get:   mov dx, 3C7h
        out dx, al
        mov dl, 0C9h
.read:  in al, dx
        mov [es:di + 2], al
        in al, dx
        mov [es:di + 1], al
        in al, dx
        mov [es:di], al
        mov byte [es:di + 3], 0
        add di, 4
        loop .read
        jmp vbe_ok

; 0Ah: ES:DI = protected-mode code, CX = its length.
vbe_pmi:
        cmp bl, 0
        jne vbe_failed
        mov [bp + F_ES], cs
        mov word [bp + F_DI], pmi_table
        mov word [bp + F_CX], pmi_end - pmi_table
        jmp vbe_ok

; 15h: BL = 0: DDC2 is there; 1: EDID block DX at ES:DI.
vbe_ddc:
        cmp bl, 1
        ja vbe_failed
        je .read
        mov word [bp + F_BX], 0102h    ; a second a block; DDC2
        jmp vbe_ok
.read:  cmp dx, 0
        jne vbe_failed
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov si, edid
        mov cx, 127
        mov ah, 0
.next:  mov al, [cs:si]
        inc si
        stosb
        sub ah, al
        loop .next
        mov [es:di], ah                ; the checksum
        jmp vbe_ok
