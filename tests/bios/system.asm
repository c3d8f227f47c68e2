; INT 05h, 10h, 14h, 15h, 16h, 17h, 1Ah and APM in real mode. test_system.py runs it, with a file behind LPT1.
SECTORS equ     20
%include "check.inc"

main:
        cld
; --- INT 10h, with the video BIOS ----------------------------------------------------------------
        mov     ax, 3
        int     0x10
        mov     ah, 0x0F
        int     0x10
        cmp     ax, 0x5003
        check   "INT 10h 0Fh: mode 3 of 80 columns", e
        mov     ah, 2
        mov     bh, 0
        mov     dx, 0x0507
        int     0x10
        mov     ax, 0x0E40
        mov     bx, 7
        int     0x10
        mov     ah, 3
        mov     bh, 0
        int     0x10
        cmp     dx, 0x0508
        check   "INT 10h 0Eh: the cursor goes on", e
        mov     ah, 2
        mov     dx, 0x0507
        int     0x10
        mov     ah, 8
        mov     bh, 0
        int     0x10
        cmp     al, 0x40
        check   "INT 10h 08h: reads it back", e
        mov     si, text_screen
        call    put

; --- A20 -----------------------------------------------------------------------------------------
        mov     ax, 0x2403
        int     0x15
        check   "INT 15h 2403h", nc
        test    bx, 2
        check   "INT 15h 2403h: port 92h", nz
        mov     ax, 0x2400
        int     0x15
        check   "INT 15h 2400h", nc
        mov     byte [0x500], 0x5A
        push    word 0xFFFF
        pop     fs
        cmp     byte [fs:0x510], 0x5A
        check   "INT 15h 2400h: 1 MiB is 0 again", e
        mov     ax, 0x2402
        int     0x15
        cmp     ax, 0
        check   "INT 15h 2402h: off", e
        mov     ax, 0x2401
        int     0x15
        inc     byte [fs:0x510]
        cmp     byte [0x500], 0x5A
        check   "INT 15h 2401h: 1 MiB is another byte", e
        mov     ax, 0x2402
        int     0x15
        cmp     ax, 1
        check   "INT 15h 2402h: on", e

; --- memory and configuration --------------------------------------------------------------------
        xor     ebx, ebx
        mov     eax, 0xE820
        mov     edx, 0x12345678
        mov     ecx, 20
        mov     di, buffer
        int     0x15
        check   "INT 15h E820h: without SMAP it is an error", c
        mov     eax, 0xE820
        mov     edx, 0x534D4150
        mov     ecx, 19
        xor     ebx, ebx
        int     0x15
        check   "INT 15h E820h: 19 bytes are too few", c
        mov     ax, 0xE801
        int     0x15
        cmp     ax, cx
        check   "INT 15h E801h: AX is CX", e
        cmp     bx, dx
        check   "INT 15h E801h: BX is DX", e
        cmp     ax, 0x3C00
        check   "INT 15h E801h: 15 MiB below 16", e
        mov     ah, 0xC0
        int     0x15
        cmp     word [es:bx], 8
        check   "INT 15h C0h: eight bytes", ae
        test    byte [es:bx + 5], 0x40
        check   "INT 15h C0h: a second interrupt controller", nz
        mov     ah, 0xC1
        int     0x15
        mov     ax, es
        push    word 0
        pop     es
        check   "INT 15h C1h", nc
        cmp     ax, [0x40E]
        check   "INT 15h C1h: the extended BIOS data area", e
        mov     ax, 0x4F1E
        stc
        int     0x15
        check   "INT 15h 4Fh: CF stays", c
        cmp     al, 0x1E
        check   "INT 15h 4Fh: the key stays", e

; --- waiting -------------------------------------------------------------------------------------
        mov     byte [flag], 0
        mov     ax, 0x8300
        mov     cx, 0
        mov     dx, 50000
        mov     bx, flag
        int     0x15
        check   "INT 15h 83h", nc
        mov     ax, 0x8300
        mov     cx, 0
        mov     dx, 50000
        mov     bx, flag
        int     0x15
        check   "INT 15h 83h: one at a time", c
        mov     ecx, [0x46C]
        add     ecx, 10
.event: cmp     [0x46C], ecx
        jae     .late
        hlt
        test    byte [flag], 0x80
        jz      .event
.late:  test    byte [flag], 0x80
        check   "INT 15h 83h: the flag rises", nz
        cmp     byte [0x4A0], 0
        check   "INT 15h 83h: over", e
        mov     byte [flag], 0
        mov     ax, 0x8300
        mov     cx, 1
        mov     bx, flag
        int     0x15
        mov     ax, 0x8301
        int     0x15
        check   "INT 15h 8301h", nc
        cmp     byte [0x4A0], 0
        check   "INT 15h 8301h: given up", e

; --- the clock -----------------------------------------------------------------------------------
        mov     ah, 1
        mov     cx, 0x18
        mov     dx, 0x00AF
        int     0x1A
        mov     eax, [0x46C]
.tick:  hlt
        cmp     [0x46C], eax
        je      .tick
        mov     ah, 0
        int     0x1A
        cmp     al, 1
        check   "INT 1Ah 00h: midnight passed", e
        mov     ah, 0
        int     0x1A
        cmp     al, 0
        check   "INT 1Ah 00h: told once", e
        mov     ah, 5
        mov     cx, 0x2004
        mov     dx, 0x0229
        int     0x1A
        check   "INT 1Ah 05h", nc
        mov     ah, 3
        mov     cx, 0x1234
        mov     dx, 0x5600
        int     0x1A
        check   "INT 1Ah 03h", nc
        mov     ah, 2
        int     0x1A
        cmp     cx, 0x1234
        check   "INT 1Ah 02h: the time that was set", e
        mov     ah, 4
        int     0x1A
        cmp     cx, 0x2004
        check   "INT 1Ah 04h: the year", e
        cmp     dx, 0x0229
        check   "INT 1Ah 04h: 29 February", e
        mov     word [0x4A * 4], alarm
        mov     word [0x4A * 4 + 2], 0
        mov     ah, 6
        mov     cx, 0x1234
        mov     dx, 0x5700
        int     0x1A
        check   "INT 1Ah 06h: an alarm", nc
        mov     ah, 6
        mov     cx, 0x1234
        mov     dx, 0x5800
        int     0x1A
        check   "INT 1Ah 06h: one at a time", c
        mov     ecx, [0x46C]
        add     ecx, 55
.alarm: cmp     [0x46C], ecx
        jae     .rung
        hlt
        cmp     byte [rung], 0
        je      .alarm
.rung:  cmp     byte [rung], 1
        check   "INT 1Ah 06h: it rings", e
        mov     ah, 7
        int     0x1A
        check   "INT 1Ah 07h", nc
        mov     ah, 6
        mov     cx, 0x0100
        mov     dx, 0
        int     0x1A
        check   "INT 1Ah 07h: room for another", nc
        mov     ah, 7
        int     0x1A
        mov     ah, 0x55
        int     0x1A
        check   "INT 1Ah: an unknown function", c

; --- COM1, looped back ---------------------------------------------------------------------------
        call    all_sent
        mov     ax, 0x00E3              ; 9600 8N1
        mov     dx, 0
        int     0x14
        and     ah, 0x60
        cmp     ah, 0x60
        check   "INT 14h 00h: ready to send", e
        mov     dx, 0x3FC               ; (no check here: it would say so through the loop)
        mov     al, 0x10
        out     dx, al
        mov     byte [0x47C], 1
        mov     ah, 2                   ; what is left of the texts
        mov     dx, 0
        int     0x14
        mov     ax, 0x015A
        mov     dx, 0
        int     0x14
        mov     [sent], ah
        mov     ah, 2
        mov     dx, 0
        int     0x14
        mov     [received], ax
        mov     ah, 2
        mov     dx, 0
        int     0x14
        mov     [silence], ah
        mov     ax, 0x0500
        mov     dx, 0
        int     0x14
        push    bx
        mov     ax, 0x0501
        mov     bl, 3
        mov     dx, 0
        int     0x14
        pop     bx
        test    bl, 0x10
        check   "INT 14h 05h: the modem control register", nz
        test    byte [sent], 0x80
        check   "INT 14h 01h: sends", z
        cmp     word [received], 0x005A
        check   "INT 14h 02h: receives it", e
        test    byte [silence], 0x80
        check   "INT 14h 02h: nothing more comes", nz
        mov     ah, 3
        mov     dx, 0
        int     0x14
        test    ah, 1
        check   "INT 14h 03h: no data", z
        mov     ah, 3
        mov     dx, 3
        int     0x14
        test    ah, 0x80
        check   "INT 14h: COM4 is not there", nz
        call    all_sent
        mov     ax, 0x0400
        mov     bx, 0
        mov     cx, 0x0308
        mov     dx, 0
        int     0x14
        test    ah, 0x20
        check   "INT 14h 04h", nz

; --- LPT1 and the screen on paper ----------------------------------------------------------------
        mov     ah, 1
        mov     dx, 0
        int     0x17
        test    ah, 0x29
        check   "INT 17h 01h: the printer is well", z
        mov     ax, 0x0050
        mov     dx, 0
        int     0x17
        test    ah, 0x29
        check   "INT 17h 00h: prints", z
        mov     ah, 2
        mov     dx, 0
        int     0x17
        test    ah, 0x80
        check   "INT 17h 02h: not busy", nz
        mov     ah, 2
        mov     dx, 2
        int     0x17
        test    ah, 1
        check   "INT 17h: LPT3 is not there", nz
        int     0x05
        cmp     byte [0x500], 0
        check   "INT 05h: the screen is printed", e

; --- keyboard ------------------------------------------------------------------------------------
        mov     ah, 2
        int     0x16
        test    al, 0x0F
        check   "INT 16h 02h: no shift key is down", z
        mov     ah, 0x12
        int     0x16
        test    ah, 0x0F
        check   "INT 16h 12h: none of the others", z
        mov     ax, 0x0305
        mov     bx, 0x0000
        int     0x16
        mov     ah, 9
        int     0x16
        test    al, 0x20
        check   "INT 16h 09h: enhanced functions", nz

; --- the mouse -----------------------------------------------------------------------------------
        mov     ax, 0xC207
        xor     bx, bx
        int     0x15
        check   "INT 15h C207h: no handler", nc
        mov     ax, 0xC205
        mov     bh, 3
        int     0x15
        check   "INT 15h C205h", nc
        mov     ax, 0xC200
        mov     bh, 1
        int     0x15
        check   "INT 15h C200h: not without a handler", c
        cmp     ah, 5
        check   "INT 15h C200h: ... error 5", e
        mov     ax, 0xC207
        mov     bx, mouse
        int     0x15
        check   "INT 15h C207h: a handler", nc
        mov     ax, 0xC203
        mov     bh, 3
        int     0x15
        check   "INT 15h C203h: resolution", nc
        mov     ax, 0xC202
        mov     bh, 4
        int     0x15
        check   "INT 15h C202h: 80 a second", nc
        mov     ax, 0xC200
        mov     bh, 1
        int     0x15
        check   "INT 15h C200h: on", nc
        mov     ax, 0xC206
        mov     bh, 0
        int     0x15
        check   "INT 15h C206h", nc
        test    bl, 0x20
        check   "INT 15h C206h: it is on", nz
        cmp     cl, 3
        check   "INT 15h C206h: the resolution", e
        cmp     dl, 80
        check   "INT 15h C206h: the rate", e
        mov     ax, 0xC204
        int     0x15
        check   "INT 15h C204h", nc
        cmp     bh, 0
        check   "INT 15h C204h: a standard mouse", e
        mov     ax, 0xC200
        mov     bh, 0
        int     0x15
        check   "INT 15h C200h: off", nc
        mov     ax, 0xC200
        mov     bh, 2
        int     0x15
        check   "INT 15h C200h: a wrong value", c

; --- APM -----------------------------------------------------------------------------------------
        mov     ax, 0x5304
        xor     bx, bx
        int     0x15
        check   "APM 04h: not connected", c
        mov     ax, 0x5301
        xor     bx, bx
        int     0x15
        check   "APM 01h: connects", nc
        mov     ax, 0x5301
        xor     bx, bx
        int     0x15
        check   "APM 01h: once", c
        cmp     ah, 2
        check   "APM 01h: ... error 2", e
        mov     ax, 0x530E
        xor     bx, bx
        mov     cx, 0x0102
        int     0x15
        cmp     ax, 0x0102
        check   "APM 0Eh: version 1.2", e
        mov     ax, 0x530A
        mov     bx, 1
        int     0x15
        check   "APM 0Ah", nc
        cmp     bh, 1
        check   "APM 0Ah: on mains", e
        mov     ax, 0x530B
        int     0x15
        check   "APM 0Bh: no event", c
        cmp     ah, 0x80
        check   "APM 0Bh: ... error 80h", e
        mov     ax, 0x5305
        int     0x15
        check   "APM 05h: idle comes back", nc
        mov     ax, 0x5304
        xor     bx, bx
        int     0x15
        check   "APM 04h: disconnects", nc
        jmp     finish

all_sent:                               ; the last text has left COM1
        mov     dx, 0x3FD
.wait:  in      al, dx
        test    al, 0x40
        jz      .wait
        ret
alarm:  inc     byte [cs:rung]
        iret
mouse:  retf
put:    lodsb
        or      al, al
        jz      .end
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        jmp     put
.end:   ret

received: dw    0
sent:   db      0
silence: db     0
rung:   db      0
flag:   db      0
text_screen: db 13, 10, "This line goes to the printer.", 13, 10, 0
        image_end
buffer  equ     0xB000
