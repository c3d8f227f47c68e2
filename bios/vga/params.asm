; The video parameter table, as the save pointer at 40h:A8h gives it to programs (IBM PS/2 BIOS
; Interface Technical Reference): 64 bytes a mode.
;     0 columns  1 rows-1  2 character height  3 page size (word)  5 sequencer 1..4
;     9 miscellaneous output  10 CRTC 0..24  35 attribute 0..19  55 graphics controller 0..8

        align 2
save_pointers:                         ; 4A8h points here: seven far pointers
        dw video_params, 0C000h        ; the segment at which a VGA BIOS always lies
        dd 0, 0, 0
        dw secondary_pointers, 0C000h
        dd 0, 0
secondary_pointers:
        dw 26
        dw dcc_table, 0C000h
        dd 0, 0, 0, 0, 0
; Display combination code table: the index is the code, entries up to 8.
dcc_table:
        db 9, 1, 8, 0
        db 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8

; ENTRY columns, rows-1, height, page size; then the macros of the groups of registers.
%macro ENTRY 4
        db %1, %2, %3
        dw %4
%endmacro
%macro ATTR_CGA 1                      ; the CGA's colours by number; %1 = mode control
        db 0, 1, 2, 3, 4, 5, 6, 7, 10h, 11h, 12h, 13h, 14h, 15h, 16h, 17h, %1, 0, 15, 0
%endmacro
%macro ATTR_EGA 3                      ; brown by EGA colour 14h; mode, plane enable, panning
        db 0, 1, 2, 3, 4, 5, 14h, 7, 38h, 39h, 3Ah, 3Bh, 3Ch, 3Dh, 3Eh, 3Fh, %1, 0, %2, %3
%endmacro
%macro ATTR_MONO 2
        db 0, 8, 8, 8, 8, 8, 8, 8, 10h, 18h, 18h, 18h, 18h, 18h, 18h, 18h, 0Eh, 0, %1, %2
%endmacro
%macro HORIZONTAL_40 1
        db 2Dh, 27h, 28h, 90h, 2Bh, %1
%endmacro
%macro HORIZONTAL_80 2
        db 5Fh, 4Fh, 50h, 82h, %1, %2
%endmacro
%macro LINES_200 5                     ; CRTC 6..24: scan, cursor first and last, offset, underline, mode
        db 0BFh, 1Fh, 0, %1, %2, %3, 0, 0, 0, 0, 9Ch, 8Eh, 8Fh, %4, LINES_UNDER, 96h, 0B9h, %5, 0FFh
%endmacro
%macro LINES_350 5
        db 0BFh, 1Fh, 0, %1, %2, %3, 0, 0, 0, 0, 83h, 85h, 5Dh, %4, LINES_UNDER, 63h, 0BAh, %5, 0FFh
%endmacro
%macro LINES_480 1
        db 0Bh, 3Eh, 0, 40h, 0, 0, 0, 0, 0, 0, 0EAh, 8Ch, 0DFh, 28h, 0, 0E7h, 04h, %1, 0FFh
%endmacro
%macro GC_REGS 3                       ; mode, miscellaneous, colour don't care
        db 0, 0, 0, 0, 0, %1, %2, %3, 0FFh
%endmacro

%macro TEXT_200_40 0
        ENTRY 40, 24, 8, 800h
        db 9, 3, 0, 2, 63h
        HORIZONTAL_40 0A0h
%define LINES_UNDER 1Fh
        LINES_200 0C7h, 6, 7, 14h, 0A3h
        ATTR_CGA 8
        GC_REGS 10h, 0Eh, 0
%endmacro
%macro TEXT_200_80 0
        ENTRY 80, 24, 8, 1000h
        db 1, 3, 0, 2, 63h
        HORIZONTAL_80 55h, 81h
%define LINES_UNDER 1Fh
        LINES_200 0C7h, 6, 7, 28h, 0A3h
        ATTR_CGA 8
        GC_REGS 10h, 0Eh, 0
%endmacro
%macro CGA_4 0
        ENTRY 40, 24, 8, 4000h
        db 9, 3, 0, 2, 63h
        HORIZONTAL_40 80h
%define LINES_UNDER 0
        LINES_200 0C1h, 0, 0, 14h, 0A2h
        db 0, 13h, 15h, 17h, 2, 4, 6, 7, 10h, 11h, 12h, 13h, 14h, 15h, 16h, 17h, 1, 0, 3, 0
        GC_REGS 30h, 0Fh, 0Fh
%endmacro
%macro CGA_2 0
        ENTRY 80, 24, 8, 4000h
        db 1, 1, 0, 6, 63h
        HORIZONTAL_80 54h, 80h
%define LINES_UNDER 0
        LINES_200 0C1h, 0, 0, 28h, 0C2h
        db 0, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 17h, 1, 0, 1, 0
        GC_REGS 0, 0Dh, 0Fh
%endmacro
%macro MONO_350 0
        ENTRY 80, 24, 14, 1000h
        db 0, 3, 0, 2, 0A2h
        HORIZONTAL_80 55h, 81h
%define LINES_UNDER 0Dh
        LINES_350 4Dh, 0Bh, 0Ch, 28h, 0A3h
        ATTR_MONO 15, 8
        GC_REGS 10h, 0Ah, 0
%endmacro
%macro PLANAR_200_40 0
        ENTRY 40, 24, 8, 2000h
        db 9, 15, 0, 6, 63h
        HORIZONTAL_40 80h
%define LINES_UNDER 0
        LINES_200 0C0h, 0, 0, 14h, 0E3h
        ATTR_CGA 1
        GC_REGS 0, 5, 15
%endmacro
%macro PLANAR_200_80 0
        ENTRY 80, 24, 8, 4000h
        db 1, 15, 0, 6, 63h
        HORIZONTAL_80 54h, 80h
%define LINES_UNDER 0
        LINES_200 0C0h, 0, 0, 28h, 0E3h
        ATTR_CGA 1
        GC_REGS 0, 5, 15
%endmacro
%macro PLANAR_350 1                    ; 1: monochrome (mode 0Fh)
        ENTRY 80, 24, 14, 8000h
        db 1, 15, 0, 6, 0A3h - %1
        HORIZONTAL_80 54h, 80h
%define LINES_UNDER 0Fh
        LINES_350 40h, 0, 0, 28h, 0E3h
%if %1
        db 0, 8, 0, 0, 18h, 18h, 0, 0, 0, 8, 0, 0, 0, 18h, 0, 0, 0Bh, 0, 5, 0
        GC_REGS 0, 5, 5
%else
        ATTR_EGA 1, 15, 0
        GC_REGS 0, 5, 15
%endif
%endmacro
%macro UNUSED_ENTRY 0
        times 64 db 0
%endmacro
%macro TEXT_350_40 0
        ENTRY 40, 24, 14, 800h
        db 9, 3, 0, 2, 0A3h
        HORIZONTAL_40 0A0h
%define LINES_UNDER 1Fh
        LINES_350 4Dh, 0Bh, 0Ch, 14h, 0A3h
        ATTR_EGA 8, 15, 0
        GC_REGS 10h, 0Eh, 0
%endmacro
%macro TEXT_350_80 0
        ENTRY 80, 24, 14, 1000h
        db 1, 3, 0, 2, 0A3h
        HORIZONTAL_80 55h, 81h
%define LINES_UNDER 1Fh
        LINES_350 4Dh, 0Bh, 0Ch, 28h, 0A3h
        ATTR_EGA 8, 15, 0
        GC_REGS 10h, 0Eh, 0
%endmacro

        align 2
video_params:
        TEXT_200_40                    ; 00h, 01h
        TEXT_200_40
        TEXT_200_80                    ; 02h, 03h
        TEXT_200_80
        CGA_4                          ; 04h, 05h
        CGA_4
        CGA_2                          ; 06h
        MONO_350                       ; 07h
        UNUSED_ENTRY                   ; 08h to 0Ch: PCjr, internal
        UNUSED_ENTRY
        UNUSED_ENTRY
        UNUSED_ENTRY
        UNUSED_ENTRY
        PLANAR_200_40                  ; 0Dh
        PLANAR_200_80                  ; 0Eh
        PLANAR_350 1                   ; 0Fh, 10h with 64 KiB
        PLANAR_350 0
        PLANAR_350 1                   ; 11h: mode 0Fh
        PLANAR_350 0                   ; 12h: mode 10h
        TEXT_350_40                    ; 13h, 14h: modes 0, 1 in 350 lines
        TEXT_350_40
        TEXT_350_80                    ; 15h, 16h: modes 2, 3 in 350 lines
        TEXT_350_80
                                       ; 17h: modes 0, 1 in 400 lines
        ENTRY 40, 24, 16, 800h
        db 8, 3, 0, 2, 67h
        HORIZONTAL_40 0A0h
%define LINES_UNDER 1Fh
        LINES_200 4Fh, 0Dh, 0Eh, 14h, 0A3h
        ATTR_EGA 0Ch, 15, 8
        GC_REGS 10h, 0Eh, 0
                                       ; 18h: modes 2, 3 in 400 lines
        ENTRY 80, 24, 16, 1000h
        db 0, 3, 0, 2, 67h
        HORIZONTAL_80 55h, 81h
        LINES_200 4Fh, 0Dh, 0Eh, 28h, 0A3h
        ATTR_EGA 0Ch, 15, 8
        GC_REGS 10h, 0Eh, 0
                                       ; 19h: mode 7 in 400 lines
        ENTRY 80, 24, 16, 1000h
        db 0, 3, 0, 2, 66h
        HORIZONTAL_80 55h, 81h
%define LINES_UNDER 0Fh
        LINES_200 4Fh, 0Dh, 0Eh, 28h, 0A3h
        ATTR_MONO 15, 8
        GC_REGS 10h, 0Ah, 0
                                       ; 1Ah: mode 11h
        ENTRY 80, 29, 16, 0A000h
        db 1, 15, 0, 6, 0E3h
        HORIZONTAL_80 54h, 80h
        LINES_480 0C3h
        db 0, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 3Fh, 1, 0, 15, 0
        GC_REGS 0, 5, 1
                                       ; 1Bh: mode 12h
        ENTRY 80, 29, 16, 0A000h
        db 1, 15, 0, 6, 0E3h
        HORIZONTAL_80 54h, 80h
        LINES_480 0E3h
        ATTR_EGA 1, 15, 0
        GC_REGS 0, 5, 15
                                       ; 1Ch: mode 13h
        ENTRY 40, 24, 8, 2000h
        db 1, 15, 0, 0Eh, 63h
        HORIZONTAL_80 54h, 80h
%define LINES_UNDER 40h
        LINES_200 41h, 0, 0, 28h, 0A3h
        db 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 41h, 0, 15, 0
        GC_REGS 40h, 5, 15
video_params_end:
%if video_params_end - video_params != 1Dh * 64
%error a mode entry is not 64 bytes long
%endif
