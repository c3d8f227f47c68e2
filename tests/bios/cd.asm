; El Torito: booted from the CD that test_cdrom.py makes, and judging by DL how. -DMEDIA=n says what the catalog's
; entry is: 0 no emulation, 2 a 1.44 MB floppy, 4 a hard disk. Sector 19 of the CD is the boot catalog; this image lies
; at CD sector 32, and its last 512 bytes hold "LAST".
SECTORS equ     20
%include "check.inc"

main:
        cld
        cmp     byte [second], 0        ; booted a second time, through 4Ch
        jne     again
%if MEDIA == 0
        cmp     byte [boot_drive], 0xE0
        check   "DL is E0h", e
%elif MEDIA == 4
        cmp     byte [boot_drive], 0x80
        check   "DL is 80h", e
%else
        cmp     byte [boot_drive], 0
        check   "DL is 0", e
%endif
        mov     byte [buffer], 0x13
        mov     ax, 0x4B01
        mov     dl, [boot_drive]
        mov     si, buffer
        int     0x13
        check   "4B01h", nc
        cmp     byte [buffer], 0x13
        check   "4B01h: the packet's size", e
        mov     al, [buffer + 1]
        and     al, 15
        cmp     al, MEDIA
        check   "4B01h: the kind of image", e
        mov     al, [buffer + 2]
        cmp     al, [boot_drive]
        check   "4B01h: the drive", e
        cmp     dword [buffer + 4], 32
        check   "4B01h: where the image lies", e

        mov     dword [buffer], 0x01000108      ; 4Dh: one sector of the catalog
        mov     word [buffer + 2], buffer + 64
        mov     dword [buffer + 4], 0
        mov     ax, 0x4D00
        mov     dl, [boot_drive]
        mov     si, buffer
        int     0x13
        check   "4D00h", nc
        cmp     word [buffer + 64 + 30], 0xAA55
        check   "4D00h: the catalog's key", e

%if MEDIA == 0
        mov     ah, 0x41
        mov     bx, 0x55AA
        mov     dl, 0xE0
        int     0x13
        check   "41h", nc
        cmp     bx, 0xAA55
        check   "41h: the signature", e
        mov     ah, 0x42
        mov     dl, 0xE0
        mov     si, packet
        int     0x13
        check   "42h: reads", nc
        cmp     dword [buffer + 1], "CD00"
        check   "42h: sector 16", e
        mov     dword [packet + 8], 0x7FFFFFFF
        mov     ah, 0x42
        mov     dl, 0xE0
        mov     si, packet
        int     0x13
        check   "42h: behind the end", c
        mov     word [buffer], 30
        mov     ah, 0x48
        mov     dl, 0xE0
        mov     si, buffer
        int     0x13
        check   "48h", nc
        cmp     word [buffer + 24], 2048
        check   "48h: 2048 bytes a sector", e
        mov     dword [packet + 8], 16
        mov     ax, 0x4300
        mov     dl, 0xE0
        mov     si, packet
        int     0x13
        check   "43h: a CD cannot be written", c
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 0x00E0
        mov     bx, buffer
        int     0x13
        check   "02h: there is no CHS without emulation", c
        mov     ax, 0x4501
        mov     dl, 0xE0
        int     0x13
        check   "45h", nc

        mov     si, specification       ; 4Ah: the floppy image at CD sector 32 + 720 as drive A
        mov     ax, 0x4A00
        mov     dl, 0
        int     0x13
        check   "4A00h", nc
        mov     ax, 0x0201
        mov     cx, 0x4F12
        mov     dx, 0x0100
        mov     bx, buffer
        int     0x13
        check   "4A00h: drive A is there", nc
        cmp     dword [buffer], "LAST"
        check   "4A00h: and it is that image", e
        mov     ax, 0x4B00
        mov     dl, 0
        mov     si, buffer
        int     0x13
        check   "4B00h: ends the emulation", nc
        mov     ax, 0x0201
        mov     cx, 0x4F12
        mov     dx, 0x0100
        mov     bx, buffer
        mov     dword [buffer], 0
        int     0x13
        cmp     dword [buffer], "LAST"
        check   "4B00h: the image is gone", ne
        mov     si, specification       ; and 4Ch: boots it. It goes on below, at again, in that image.
        mov     ax, 0x4C00
        mov     dl, 0
        int     0x13
        stc
        check   "4C00h: does not return", nc
        jmp     finish
%else
        mov     ah, 8
        mov     dl, [boot_drive]
        int     0x13
        push    word 0
        pop     es
        check   "08h", nc
        and     cl, 63
        cmp     cl, 18
        check   "08h: 18 sectors", e
        cmp     ch, 79
        check   "08h: 80 cylinders", e
        cmp     dh, 1
        check   "08h: 2 heads", e
        mov     ax, 0x0201
        mov     cx, 0x4F12
        mov     dh, 1
        mov     dl, [boot_drive]
        mov     bx, buffer
        int     0x13
        check   "02h: the last sector", nc
        cmp     dword [buffer], "LAST"
        check   "02h: is the last one", e
        mov     ax, 0x0204              ; four sectors that lie in two of the CD's
        mov     cx, 0x4F0F
        mov     dh, 1
        mov     dl, [boot_drive]
        mov     bx, buffer
        int     0x13
        cmp     dword [buffer + 3 * 512], "LAST"
        check   "02h: several sectors", e
        mov     ax, 0x0401
        mov     cx, 0x4F12
        mov     dh, 1
        mov     dl, [boot_drive]
        int     0x13
        check   "04h", nc
        mov     ax, 0x0301
        mov     cx, 0x4F12
        mov     dh, 1
        mov     dl, [boot_drive]
        mov     bx, buffer
        int     0x13
        check   "03h: cannot be written", c
        cmp     ah, 3
        check   "03h: ... says write-protected", e
        mov     ax, 0x0201
        mov     cx, 0x5001
        mov     dh, 0
        mov     dl, [boot_drive]
        mov     bx, buffer
        int     0x13
        check   "02h: cylinder 80 does not exist", c
  %if MEDIA == 4
        mov     ah, 0x41
        mov     bx, 0x55AA
        mov     dl, 0x80
        int     0x13
        check   "41h", nc
        mov     dword [packet + 8], 2879
        mov     ah, 0x42
        mov     dl, 0x80
        mov     si, packet
        mov     dword [buffer], 0
        int     0x13
        check   "42h: the last sector", nc
        cmp     dword [buffer], "LAST"
        check   "42h: is the last one", e
        mov     word [buffer], 26
        mov     ah, 0x48
        mov     dl, 0x80
        mov     si, buffer
        int     0x13
        check   "48h", nc
        cmp     word [buffer + 24], 512
        check   "48h: 512 bytes a sector", e
        cmp     byte [0x475], 2
        check   "the real disk counts as well", e
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 0x81
        mov     bx, buffer
        int     0x13
        check   "the real disk is 81h", nc
        cmp     dword [buffer], "REAL"
        check   "the real disk: its data", e
  %else
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 1
        mov     bx, buffer
        int     0x13
        check   "the real drive A is drive 1", nc
        cmp     dword [buffer], "REAL"
        check   "the real drive A: its data", e
  %endif
        mov     ax, 0x4B00
        mov     dl, [boot_drive]
        mov     si, buffer
        int     0x13
        check   "4B00h: ends the emulation", nc
        mov     ax, 0x0201
        mov     cx, 1
        mov     dh, 0
        mov     dl, [boot_drive]
        mov     bx, buffer
        int     0x13
        check   "4B00h: the real drive has its number again", nc
        cmp     dword [buffer], "REAL"
        check   "4B00h: the real drive: its data", e
        jmp     finish
%endif

again:  cmp     byte [boot_drive], 0
        check   "4C00h: the image booted as drive A", e
        mov     ax, 0x0201
        mov     cx, 0x4F12
        mov     dx, 0x0100
        mov     bx, buffer
        int     0x13
        cmp     dword [buffer], "LAST"
        check   "4C00h: and can be read", e
        jmp     finish

        align   4
packet: dw      16, 1, buffer, 0
        dq      16
specification:
        db      0x13, 2, 0, 0
        dd      32 + 720
        dw      0, 0, 0x7C0, 1
        db      0, 0, 0
%ifdef SECOND
second: db      1
%else
second: db      0
%endif
        image_end
buffer  equ     0xB000
