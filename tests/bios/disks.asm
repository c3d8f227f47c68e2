; INT 13h for floppies and hard disks: writing, verifying, formatting, CHS and EDD. Boots from drive A, which
; it writes on, and expects one disk at 80h whose contents may be destroyed. test_disks.py runs it.
SECTORS equ     20
%include "check.inc"

%macro int13 0-1 0
        int     0x13
        pushf
        mov     [status], ah
        popf
%endmacro

main:
        cld
; --- the floppy -----------------------------------------------------------------------------
        mov     eax, 0x464C4F50
        call    fill
        mov     ax, 0x0301
        mov     cx, 0x4F12              ; cylinder 79, sector 18
        mov     dx, 0x0100              ; head 1: the last sector
        mov     bx, buffer
        int13
        check   "floppy 03h: writes the last sector", nc
        call    clear
        mov     ax, 0x0201
        mov     cx, 0x4F12
        mov     dx, 0x0100
        mov     bx, buffer
        int13
        check   "floppy 02h: reads it back", nc
        mov     eax, 0x464C4F50
        call    compare
        check   "floppy 02h: what was written", e
        mov     ax, 0x0401
        mov     cx, 0x4F12
        mov     dx, 0x0100
        int13
        check   "floppy 04h: verifies", nc
        cmp     al, 1
        check   "floppy 04h: AL is the number of sectors", e

        mov     eax, 0x11112222         ; two sectors, the second on the other head
        call    fill
        mov     eax, 0x33334444
        mov     di, buffer + 512
        call    fill_at
        mov     ax, 0x0302
        mov     cx, 0x1E12
        mov     dx, 0
        mov     bx, buffer
        int13
        check   "floppy 03h: over the end of a track", nc
        call    clear
        mov     ax, 0x0201
        mov     cx, 0x1E01
        mov     dx, 0x0100
        mov     bx, buffer
        int13
        mov     eax, 0x33334444
        call    compare
        check   "floppy 03h: went on on head 1", e

        mov     di, buffer              ; format cylinder 40, head 1
        mov     cl, 1
.ids:   mov     al, 40
        stosb
        mov     al, 1
        stosb
        mov     al, cl
        stosb
        mov     al, 2
        stosb
        inc     cl
        cmp     cl, 19
        jb      .ids
        mov     ah, 0x18
        mov     cx, 0x4F12
        mov     dl, 0
        int13
        push    es
        pop     ax
        push    word 0
        pop     es
        check   "floppy 18h: 80 cylinders of 18 sectors", nc
        or      ax, ax
        check   "floppy 18h: gives a parameter table", nz
        mov     ax, 0x0512
        mov     cx, 0x2801
        mov     dx, 0x0100
        mov     bx, buffer
        int13
        check   "floppy 05h: formats a track", nc
        mov     ax, 0x0201
        mov     cx, 0x2812
        mov     dx, 0x0100
        mov     bx, buffer
        int13
        check   "floppy 05h: the sectors can be read", nc
        mov     eax, 0xF6F6F6F6
        call    compare
        check   "floppy 05h: they hold the fill byte", e
        mov     ah, 0x16
        mov     dl, 0
        int13
        check   "floppy 16h: the disk was not changed", nc
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 1
        mov     bx, buffer
        int13
        check   "floppy 02h: drive B is not there", c
        mov     ax, 0x0201
        mov     cx, 0x5001
        mov     dx, 0
        mov     bx, buffer
        int13
        check   "floppy 02h: cylinder 80 does not exist", c
        mov     ax, 0x0201
        mov     cx, 0x0101
        mov     dx, 0
        mov     bx, buffer
        int13
        check   "floppy 02h: and the next call works again", nc
        mov     ah, 0
        mov     dl, 0
        int13
        check   "floppy 00h", nc

; --- the disk: CHS --------------------------------------------------------------------------
        mov     ah, 8
        mov     dl, 0x80
        int13
        push    word 0
        pop     es
        check   "disk 08h", nc
        movzx   eax, dh
        inc     eax
        mov     [heads], eax
        movzx   eax, cl
        and     al, 63
        mov     [per_track], eax
        cmp     dl, 1
        check   "disk 08h: one disk", e
        mov     ah, 0x15
        mov     dl, 0x80
        int13
        check   "disk 15h", nc
        cmp     byte [status], 3
        check   "disk 15h: a fixed disk", e
        mov     ah, 0x10
        mov     dl, 0x80
        int13
        check   "disk 10h: ready", nc
        mov     ah, 0x0D
        mov     dl, 0x80
        int13
        check   "disk 0Dh: resets", nc

        mov     eax, 0x43485357         ; cylinder 3, head 2, sector 5 by CHS
        call    fill
        mov     ax, 0x0301
        mov     cx, 0x0305
        mov     dx, 0x0280
        mov     bx, buffer
        int13
        check   "disk 03h: writes", nc
        mov     eax, 3                  ; ... and by its number
        mul     dword [heads]
        add     eax, 2
        mul     dword [per_track]
        add     eax, 4
        mov     [packet.lba], eax
        call    clear
        mov     ah, 0x42
        call    edd
        check   "disk 42h: reads", nc
        mov     eax, 0x43485357
        call    compare
        check   "disk 42h: what 03h wrote", e
        mov     eax, 0x4C424157
        call    fill
        mov     ax, 0x4300
        call    edd
        check   "disk 43h: writes", nc
        call    clear
        mov     ax, 0x0201
        mov     cx, 0x0305
        mov     dx, 0x0280
        mov     bx, buffer
        int13
        check   "disk 02h: reads", nc
        mov     eax, 0x4C424157
        call    compare
        check   "disk 02h: what 43h wrote", e
        mov     ax, 0x0440
        mov     cx, 0x0305
        mov     dx, 0x0280
        int13
        check   "disk 04h: verifies 64 sectors", nc
        mov     ax, 0x0201
        mov     cx, 0x0301
        mov     dx, 0x0280
        or      cl, 63                  ; one sector more than a track may have
        cmp     byte [per_track], 63
        jb      .there
        mov     dh, 0xFF
.there: mov     bx, buffer
        int13
        check   "disk 02h: a sector outside the geometry", c
        mov     ah, 1
        mov     dl, 0x80
        int13
        cmp     byte [status], 0
        check   "disk 01h: told so", ne
        mov     ax, 0x0200 + 127        ; 63.5 KiB to an odd address: no boundary matters to a disk
        mov     cx, 0x0305
        mov     dx, 0x0280
        push    word 0x1FF1
        pop     es
        mov     bx, 0x00F3
        int13
        check   "disk 02h: 127 sectors over a 64 KiB boundary", nc
        cmp     dword [es:0x00F3], 0x4C424157
        push    word 0
        pop     es
        check   "disk 02h: arrived there", e

; --- the disk: EDD --------------------------------------------------------------------------
        mov     ah, 0x41
        mov     bx, 0x55AA
        mov     dl, 0x80
        int13
        check   "disk 41h", nc
        cmp     bx, 0xAA55
        check   "disk 41h: signature", e
        test    cl, 1
        check   "disk 41h: packet calls", nz
        mov     word [buffer], 26
        mov     ah, 0x48
        mov     dl, 0x80
        mov     si, buffer
        int13
        check   "disk 48h: 26 bytes", nc
        cmp     word [buffer + 24], 512
        check   "disk 48h: 512 bytes a sector", e
        mov     eax, [buffer + 16]
        mov     [total], eax
        mov     eax, [buffer + 20]
        mov     [total + 4], eax
        mov     word [buffer], 66
        mov     ah, 0x48
        mov     dl, 0x80
        mov     si, buffer
        int13
        check   "disk 48h: 66 bytes", nc
        cmp     word [buffer + 30], 0xBEDD
        check   "disk 48h: the path", e
        mov     si, buffer + 30
        mov     cx, 36
        mov     ah, 0
.sum:   lodsb
        add     ah, al
        loop    .sum
        check   "disk 48h: the path's checksum", z
        mov     word [buffer], 20
        mov     ah, 0x48
        mov     dl, 0x80
        mov     si, buffer
        int13
        check   "disk 48h: too small a buffer", c

        mov     eax, [total]            ; the last sector, wherever it is
        mov     edx, [total + 4]
        sub     eax, 1
        sbb     edx, 0
        mov     [packet.lba], eax
        mov     [packet.lba + 4], edx
        mov     eax, 0x454E4421
        call    fill
        mov     ax, 0x4302
        call    edd
        check   "disk 43h: the last sector", nc
        mov     ah, 0x44
        call    edd
        check   "disk 44h: verifies it", nc
        call    clear
        mov     ah, 0x42
        call    edd
        mov     eax, 0x454E4421
        call    compare
        check   "disk 42h: the last sector", e
        mov     word [packet.count], 2
        mov     ah, 0x42
        call    edd
        check   "disk 42h: nothing behind the end", c
        cmp     word [packet.count], 0
        check   "disk 42h: ... says that it moved nothing", e
        mov     word [packet.count], 1
        mov     byte [packet], 8
        mov     ah, 0x42
        call    edd
        check   "disk 42h: too short a packet", c
        mov     byte [packet], 24       ; a flat address
        mov     dword [packet.buffer], 0xFFFFFFFF
        mov     dword [packet.flat], 0x30000
        mov     ah, 0x42
        call    edd
        check   "disk 42h: to a flat address", nc
        push    word 0x3000
        pop     es
        cmp     dword [es:0], 0x454E4421
        push    word 0
        pop     es
        check   "disk 42h: arrived there", e
        mov     ah, 0x47
        call    edd
        check   "disk 47h: seeks", nc
        jmp     finish

; INT 13h with the packet, for disk 80h
edd:    mov     dl, 0x80
        mov     si, packet
        int     0x13
        ret

fill:   mov     di, buffer              ; a sector of EAX
fill_at:
        mov     cx, 128
        rep     stosd
        ret
clear:  xor     eax, eax
        jmp     fill
compare:
        mov     di, buffer
        mov     cx, 128
        repe    scasd
        ret

        align   4
heads:  dd      0
per_track: dd   0
total:  dq      0
status: db      0
        align   4
packet: dw      16
.count: dw      1
.buffer: dw     buffer, 0
.lba:   dq      0
.flat:  dq      0
        image_end
buffer  equ     0xB000
