; Umbra's VGA BIOS: option ROM header, initialisation, and the INT 10h entry.
;
; Everything runs in real or virtual-8086 mode on the caller's stack, never in protected mode, so
; memory managers and V86 monitors may call it. It keeps no state but the BIOS data area's (segment
; 40h) and the hardware's: the image may lie in ROM.
;
; Every handler is entered with
;     BP    the caller's registers (F_* below); a result is stored there
;     DS    40h, the BIOS data area;   direction flag clear
; and all other registers as the caller had them. Handlers and helpers may use any register but
; BP, DS and SP.

        cpu 386
        bits 16
        org 0

BLOCKS      equ 64                     ; 512-byte blocks: 32 KiB

; The caller's registers, from BP.
F_DI        equ 0
F_SI        equ 4
F_BP        equ 8
F_BX        equ 16
F_BL        equ 16
F_BH        equ 17
F_DX        equ 20
F_DL        equ 20
F_DH        equ 21
F_CX        equ 24
F_CL        equ 24
F_CH        equ 25
F_AX        equ 28
F_AL        equ 28
F_AH        equ 29
F_ES        equ 32
; Scratch of one call, below BP.
L_KIND      equ -1                     ; KIND_* of the current mode
L_COUNT     equ -2
L_BASE      equ -4                     ; offset of the page in video memory
L_TOP       equ -6                     ; first row and column of a scroll
L_BOTTOM    equ -8                     ; last row and column
L_ATTR      equ -9
L_STEP      equ -10                    ; +1 or -1: direction of a scroll
L_WORD      equ -12
L_GLYPH     equ -44                    ; the glyph being drawn: up to 32 lines
L_SIZE      equ 44

; The BIOS data area, segment 40h.
B_EQUIPMENT equ 10h
B_MODE      equ 49h
B_COLUMNS   equ 4Ah
B_PAGE_SIZE equ 4Ch
B_PAGE_START equ 4Eh
B_CURSOR    equ 50h                    ; 8 words: column, row
B_SHAPE     equ 60h                    ; last line, first line
B_PAGE      equ 62h
B_CRTC      equ 63h
B_CGA_MODE  equ 65h
B_CGA_COLOUR equ 66h
B_LAST_ROW  equ 84h
B_POINTS    equ 85h
B_VIDEO_CTL equ 87h
B_SWITCHES  equ 88h
B_FLAGS     equ 89h
B_DCC       equ 8Ah
B_SAVE_PTR  equ 0A8h
B_VBE_MODE  equ 0BAh                   ; word: the VBE mode set, 0: none. A vendor field: ours.

        db 55h, 0AAh, BLOCKS
        jmp near init                  ; offset 3
        db 0                           ; offset 6: checksum (romtool)
        times 18h - ($ - $$) db 0
        dw pcir, pnp
        dw 0
        db "IBM"                       ; 1Eh: some programs look for a VGA by this
        db 0
        db "Umbra VGA BIOS", 0

        align 4
pcir:   db "PCIR"                      ; PCI firmware specification 3.0, 5.1.2
        dw 1234h, 1111h                ; the Bochs/QEMU "standard VGA"
        dw 0, 18h
        db 0, 0, 0, 3                  ; revision; class: VGA-compatible display
        dw BLOCKS, 1
        db 0, 80h                      ; PC-AT code; the last image
        dw 0

        align 4
pnp:    db "$PnP", 1, 2                ; Plug and Play BIOS 1.0A, 3.2
        dw 0
        db 0, 0                        ; checksum (romtool)
        dd 0
        dw vendor_name, product_name
        db 3, 0, 0                     ; display controller, VGA
        db 00110100b                   ; a display; may be shadowed; needed only as such
        dw 0, 0, 0, 0, 0

vendor_name:  db "Umbra", 0
product_name: db "Umbra VGA BIOS", 0
        align 2

; --- Initialisation, far called by the system BIOS -----------------------------------------------

init:
        pushad
        push ds
        push es
        cld
        xor ax, ax
        mov ds, ax
        mov eax, [10h * 4]             ; the old INT 10h becomes INT 42h (IBM EGA and later)
        mov [42h * 4], eax
        mov ax, cs
        shl eax, 16
        mov ax, int10
        mov [10h * 4], eax
        mov [6Dh * 4], eax
        mov ax, font8 + 128 * 8
        mov [1Fh * 4], eax
        mov ax, font16
        mov [43h * 4], eax
        push 40h
        pop ds
        mov ax, save_pointers
        mov [B_SAVE_PTR], eax
        and byte [B_EQUIPMENT], ~30h
        or byte [B_EQUIPMENT], 20h     ; 80 columns, colour
        mov byte [B_VIDEO_CTL], 60h    ; 256 KiB, active
        mov byte [B_SWITCHES], 0F9h
        mov byte [B_FLAGS], 11h        ; 400 lines, VGA active
        mov byte [B_DCC], 8            ; VGA with an analogue colour display
        mov word [B_VBE_MODE], 0
        mov dx, 3C3h                   ; wake the adapter
        mov al, 1
        out dx, al
        mov ax, 3
        int 10h
        pop es
        pop ds
        popad
        retf

; --- INT 10h -------------------------------------------------------------------------------------

int10:
        cld
        push ds
        push es
        pushad
        mov bp, sp
        sub sp, L_SIZE
        push 40h
        pop ds
        movzx si, ah
        cmp ah, 4Fh
        je .vbe
        cmp ah, 1Ch
        ja .done
        shl si, 1
        call [cs:functions + si]
.done:
        mov sp, bp
        popad
        pop es
        pop ds
        iret
.vbe:
        call vbe_function
        jmp .done

        align 2
functions:
        dw mode_set, cursor_shape, cursor_move, cursor_get, light_pen, page_select
        dw scroll_up, scroll_down, char_read, char_write, char_only, cga_palette
        dw pixel_write, pixel_read, teletype, mode_get, palette_function, font_function
        dw alternate_select, string_write, unused, unused, unused, unused, unused, unused
        dw display_combination, state_info, state_function

unused: ret

; 04h: there is no light pen: AH = 0, not triggered.
light_pen:
        mov byte [bp + F_AH], 0
        ret

%include "mode.asm"
%include "params.asm"
%include "text.asm"
%include "graphics.asm"
%include "palette.asm"
%include "font.asm"
%include "info.asm"
%include "vbe.asm"
%include "vbe_modes.asm"
%include "font8.inc"
%include "font14.inc"
%include "font16.inc"
font_alternate: db 0                   ; 9-dot alternates: none, all glyphs fit
rom_end:
