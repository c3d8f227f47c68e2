; VBE tables: modes, the monitor's EDID, the protected-mode interface.

; number, width, height, bits a dot. 100h-11Bh are VESA's; 140h-146h what the Bochs VBE BIOS gave
; them; the rest is to be found by its size.
VBE_MODE_SIZE equ 7
%macro VBE 4
        dw %1, %2, %3
        db %4
%endmacro
%macro VBE_ALL 3                       ; five depths from number %1 on
        VBE %1 + 0, %2, %3, 8
        VBE %1 + 1, %2, %3, 15
        VBE %1 + 2, %2, %3, 16
        VBE %1 + 3, %2, %3, 24
        VBE %1 + 4, %2, %3, 32
%endmacro

vbe_modes:
        VBE 100h, 640, 400, 8
        VBE 101h, 640, 480, 8
        VBE 102h, 800, 600, 4
        VBE 103h, 800, 600, 8
        VBE 104h, 1024, 768, 4
        VBE 105h, 1024, 768, 8
        VBE 106h, 1280, 1024, 4
        VBE 107h, 1280, 1024, 8
        VBE 10Dh, 320, 200, 15
        VBE 10Eh, 320, 200, 16
        VBE 10Fh, 320, 200, 24
        VBE 110h, 640, 480, 15
        VBE 111h, 640, 480, 16
        VBE 112h, 640, 480, 24
        VBE 113h, 800, 600, 15
        VBE 114h, 800, 600, 16
        VBE 115h, 800, 600, 24
        VBE 116h, 1024, 768, 15
        VBE 117h, 1024, 768, 16
        VBE 118h, 1024, 768, 24
        VBE 119h, 1280, 1024, 15
        VBE 11Ah, 1280, 1024, 16
        VBE 11Bh, 1280, 1024, 24
        VBE 140h, 320, 200, 32
        VBE 141h, 640, 400, 32
        VBE 142h, 640, 480, 32
        VBE 143h, 800, 600, 32
        VBE 144h, 1024, 768, 32
        VBE 145h, 1280, 1024, 32
        VBE 146h, 320, 200, 8
        VBE_ALL 150h, 1152, 864
        VBE_ALL 155h, 1280, 720
        VBE_ALL 15Ah, 1280, 768
        VBE_ALL 160h, 1280, 800
        VBE_ALL 165h, 1366, 768
        VBE_ALL 16Ah, 1400, 1050
        VBE_ALL 170h, 1440, 900
        VBE_ALL 175h, 1600, 900
        VBE_ALL 17Ah, 1600, 1200
        VBE_ALL 180h, 1680, 1050
        VBE_ALL 185h, 1920, 1080
        VBE_ALL 18Ah, 1920, 1200
vbe_modes_end:
        dw 0FFFFh
VBE_MODE_COUNT equ (vbe_modes_end - vbe_modes) / VBE_MODE_SIZE
%if VBE_MODE_COUNT > 109
%error the mode list does not fit the information block
%endif

; EDID 1.3 of a monitor that prefers 1024 x 768; byte 127, the checksum, is made when it is read.
edid:   db 0, 0FFh, 0FFh, 0FFh, 0FFh, 0FFh, 0FFh, 0
        db 55h, 0A2h, 1, 0, 0, 0, 0, 0 ; "UMB", product 1
        db 1, 36, 1, 3                 ; week 1 of 2026; version 1.3
        db 0Eh, 32, 24, 120, 0Ah       ; analogue, 32 x 24 cm, gamma 2.2, RGB, preferred timing
        db 0EEh, 91h, 0A3h, 54h, 4Ch, 99h, 26h, 0Fh, 50h, 54h ; sRGB
        db 21h, 08h, 0                 ; 640x480, 800x600, 1024x768 at 60 Hz
        db 81h, 80h, 0A9h, 40h, 0D1h, 0C0h, 81h, 0C0h, 95h, 00h, 0B3h, 00h, 1, 1, 1, 1
        db 64h, 19h, 0, 40h, 41h, 0, 26h, 30h, 24, 136, 36h, 0, 40h, 0F0h, 10h, 0, 0, 18h
        db 0, 0, 0, 0FDh, 0, 50, 75, 30, 83, 17, 0, 10, "      "
        db 0, 0, 0, 0FCh, 0, "Umbra", 10, "       "
        db 0, 0, 0, 0FFh, 0, "1", 10, "           "
        db 0
edid_end:
%if edid_end - edid != 127
%error the EDID is not 128 bytes long
%endif

; --- Protected-mode interface (VBE 2.0): 32-bit, position-independent, needs I/O only -------------
        align 4
pmi_table:
        dw pmi_bank - pmi_table, pmi_start - pmi_table, pmi_palette - pmi_table, 0
        bits 32
pmi_bank:                              ; DX = unit, BL = 0
        cmp bx, 0
        jne pmi_failed
        push edx
        push edx
        mov edx, 1CEh
        mov ax, DISPI_BANK
        out dx, ax
        inc edx
        pop eax
        out dx, ax
        pop edx
        mov ax, 004Fh
        ret
pmi_failed:
        mov ax, 014Fh
        ret
pmi_read:                              ; EAX = display register AX
        push edx
        mov edx, 1CEh
        out dx, ax
        inc edx
        xor eax, eax
        in ax, dx
        pop edx
        ret
pmi_write:                             ; display register AX = CX
        push edx
        mov edx, 1CEh
        out dx, ax
        inc edx
        mov ax, cx
        out dx, ax
        pop edx
        ret
pmi_start:                             ; DX:CX = start in dwords
        push ebx
        push ecx
        push edx
        push esi
        shl edx, 16
        mov dx, cx
        mov esi, edx
        shl esi, 2                     ; bytes
        mov ax, DISPI_BPP
        call pmi_read
        lea ecx, [eax + 7]
        shr ecx, 3
        mov ax, DISPI_WIDTH
        call pmi_read
        imul eax, ecx
        mov ebx, eax
        cmp ebx, 0
        je .bad
        mov eax, esi
        xor edx, edx
        div ebx
        mov esi, eax                   ; line
        mov eax, edx
        xor edx, edx
        div ecx                        ; dot
        mov ecx, eax
        mov ax, DISPI_X
        call pmi_write
        mov ecx, esi
        mov ax, DISPI_Y
        call pmi_write
        mov ax, 004Fh
        jmp .done
.bad:   mov ax, 014Fh
.done:  pop esi
        pop edx
        pop ecx
        pop ebx
        ret
pmi_palette:                           ; CX entries from DX on at ES:EDI
        cmp bl, 80h
        je .set
        cmp bl, 0
        jne pmi_failed
.set:   pushad
        movzx ecx, cx
        cmp ecx, 256
        ja .done
        jecxz .done
        mov al, dl
        mov edx, 3C8h
        out dx, al
        inc edx
.next:  mov al, [es:edi + 2]
        out dx, al
        mov al, [es:edi + 1]
        out dx, al
        mov al, [es:edi]
        out dx, al
        add edi, 4
        dec ecx
        jnz .next
.done:  popad
        mov ax, 004Fh
        ret
pmi_end:
        bits 16
