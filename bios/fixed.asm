; F000:E000 to F000:FFFF: reset, and the entry points and tables at the addresses that the PC fixed.
; Programs jump to some of them, or read them.
        cpu     386
%include "layout.inc"

        extern  flat_high, int02, int05, int08, int09, int0e, int10, int11, int12, int13, int14
        extern  int15, int16, int17, int19, int1a
        global  reset16, iret_stub, config_table, floppy_params

        section .fixed align=1 exec progbits alloc
        bits    16
fixed:
%macro place 1
        times   (%1 - 0xE000) - ($ - fixed) db 0
%endmacro

        place 0xE05B
        jmp     reset16

; Reset. Everything up to the test for an 80386 runs on an 8086.
reset16:
        cli
        cld
        mov     al, 0x0F                ; shutdown code: how protected-mode code of the 286 gets back
        out     0x70, al
        jmp     short $ + 2
        in      al, 0x71
        mov     ah, al
        mov     al, 0x0F
        out     0x70, al
        mov     al, 0
        out     0x71, al
        cmp     ah, 5
        je      .jump_467_eoi
        cmp     ah, 0x0A
        je      .jump_467
        cmp     ah, 0x09
        je      .iret_467
        cmp     ah, 0x0B
        je      .iret_467
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        pushf                           ; bits 12..15 of FLAGS: 1111 on an 8086, 0000 on a 286
        pop     ax
        and     ah, 0x0F
        push    ax
        popf
        pushf
        pop     ax
        and     ah, 0xF0
        cmp     ah, 0xF0
        je      .too_old
        or      ah, 0xF0
        push    ax
        popf
        pushf
        pop     ax
        and     ah, 0xF0
        jz      .too_old
        xor     ax, ax
        push    ax
        popf
        mov     al, 0x01
        out     0x80, al
        in      al, 0x92                ; A20 on: the flash below 4 GiB needs it
        or      al, 2
        and     al, 0xFE
        out     0x92, al
        o32 lgdt [cs:gdt_pointer]
        mov     eax, cr0
        and     eax, 0x9FFFFFFF         ; caches on
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:(flat_high + HIGH_ALIAS)

.jump_467_eoi:
        mov     al, 0x20
        out     0x20, al
        out     0xA0, al
.jump_467:
        mov     ax, 0x40
        mov     ds, ax
        jmp     far [0x67]
.iret_467:
        mov     ax, 0x40
        mov     ds, ax
        lss     sp, [0x67]
        pop     ds
        pop     es
        popa
        iret

.too_old:
        mov     al, 0xFD
        out     0x80, al
        mov     si, old_cpu
        mov     dx, 0xE9                ; the debug console: at E9h when that port says so, else at 402h
        in      al, dx
        cmp     al, dl
        je      .say
        mov     dx, 0x402
.say:   cs lodsb
        or      al, al
        jz      .halt
        out     dx, al
        jmp     .say
.halt:  hlt
        jmp     .halt

        align   8
gdt:    dq      0
        dq      0x00CF9B000000FFFF      ; 08h: flat code
        dq      0x00CF93000000FFFF      ; 10h: flat data
        dq      0x00009B0F0000FFFF      ; 18h: 16-bit code at F0000
        dq      0x000093000000FFFF      ; 20h: 16-bit data at 0
gdt_pointer: dw $ - gdt - 1
        dd      gdt + 0xF0000
old_cpu: db     "Umbra BIOS: this firmware needs an 80386 or later (--cpu 386)", 10, 0

        place 0xE2C3
        jmp     int02
        place 0xE3FE
        jmp     int13
        place 0xE6F2
        jmp     int19
; System configuration (INT 15h C0h): AT, submodel 1, with RTC, slave PIC, keyboard hook, EBDA.
        place 0xE6F5
config_table:
        dw      8
        db      0xFC, 0x01, 0x00, 0x74, 0x40, 0, 0, 0
        place 0xE739
        jmp     int14
        place 0xE82E
        jmp     int16
        place 0xE987
        jmp     int09
        place 0xEC59
        jmp     int13
        place 0xEF57
        jmp     int0e
; Diskette parameters (INT 1Eh): 1.44 MB.
        place 0xEFC7
floppy_params:
        db      0xAF, 0x02, 0x25, 2, 18, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08
        place 0xEFD2
        jmp     int17
        place 0xF065
        jmp     int10
        place 0xF841
        jmp     int12
        place 0xF84D
        jmp     int11
        place 0xF859
        jmp     int15
; The first 128 characters of the 8 x 8 font, which programs read here for CGA graphics.
        place 0xFA6E
%assign glyph 0
%macro db 8
  %if glyph < 128
        db      %1, %2, %3, %4, %5, %6, %7, %8
  %endif
  %assign glyph glyph + 1
%endmacro
%include "font8.inc"
%unmacro db 8
        place 0xFE6E
        jmp     int1a
        place 0xFEA5
        jmp     int08
        place 0xFF53
iret_stub:
        iret
        place 0xFF54
        jmp     int05
        place 0xFFF0
        jmp     ROM_SEG:reset16
        db      "11/22/26"              ; the date that the interface wants here
        db      0
        db      0xFC                    ; model: AT
        db      0
