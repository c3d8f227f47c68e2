; Asks the BIOS services, one check each. A floppy image: run_services.sh boots it on any emulator.
SECTORS equ     20
%include "check.inc"

main:
        mov     al, 0x0C                ; through the whole of one call, registers stay what they were
        mov     eax, 0x12340000
        mov     ebx, 0xA1A20000
        mov     ecx, 0xB1B20000
        mov     edx, 0xC1C20000
        mov     esi, 0xD1D2D3D4
        mov     edi, 0xE1E2E3E4
        mov     ebp, 0xF1F2F3F4
        mov     fs, bp
        mov     ah, 0x01
        mov     dl, 0
        int     0x13
        shr     eax, 16
        cmp     ax, 0x1234
        jne     .regs
        cmp     ebx, 0xA1A20000
        jne     .regs
        cmp     esi, 0xD1D2D3D4
        jne     .regs
        cmp     edi, 0xE1E2E3E4
        jne     .regs
        cmp     ebp, 0xF1F2F3F4
        jne     .regs
        mov     ax, fs
        cmp     ax, 0xF3F4
.regs:  check   "INT 13h keeps the other registers and upper halves", e

        mov     [save_sp], sp           ; a caller with 48 bytes of stack
        mov     dword [tiny - 4], 0x5AA55AA5
        mov     sp, tiny + 48
        mov     ax, 0x0201
        mov     bx, buffer
        mov     cx, 1
        mov     dx, 0
        int     0x13
        mov     sp, [save_sp]
        cmp     dword [tiny - 4], 0x5AA55AA5
        check   "INT 13h needs less than 48 bytes of stack", e

        int     0x12
        cmp     ax, 639
        check   "INT 12h: 639 KiB", e
        int     0x11
        and     ax, 1
        check   "INT 11h: a floppy drive", nz

        mov     ax, 0x0201
        mov     bx, buffer
        mov     cx, 1
        xor     dx, dx
        mov     word [buffer + 510], 0
        int     0x13
        check   "INT 13h 02h: reads the boot sector", nc
        cmp     word [buffer + 510], 0xAA55
        check   "INT 13h 02h: the data is right", e
        mov     ax, 0x0201
        mov     cx, 63
        xor     dx, dx
        int     0x13
        check   "INT 13h 02h: sector 63 does not exist", c
        cmp     ah, 4
        check   "INT 13h 02h: ... and the status is 04h", e
        mov     ah, 1
        xor     dx, dx
        int     0x13
        cmp     ah, 4
        check   "INT 13h 01h: the last status", e
        push    es
        mov     ax, 0x1FF0
        mov     es, ax
        mov     ax, 0x0201
        xor     bx, bx
        mov     cx, 1
        xor     dx, dx
        int     0x13
        pop     es
        cmp     ah, 9
        check   "INT 13h 02h: a buffer across 64 KiB is refused", e
        mov     ah, 8
        xor     dx, dx
        int     0x13
        push    word 0
        pop     es
        check   "INT 13h 08h: drive A", nc
        cmp     dh, 1
        check   "INT 13h 08h: two heads", e
        mov     ax, 0x1500
        xor     dx, dx
        int     0x13
        dec     ah
        cmp     ah, 1
        check   "INT 13h 15h: a floppy drive", be
        mov     ax, 0x0201
        mov     dl, 0xDF
        int     0x13
        check   "INT 13h: an absent drive is an error", c

        xor     ebx, ebx                ; the memory map: starts with RAM at 0, ends within 32 lines
        mov     byte [count], 0
        mov     byte [ram_at_1m], 0
.map:   mov     eax, 0xE820
        mov     edx, 0x534D4150
        mov     ecx, 20
        mov     di, buffer
        int     0x15
        jc      .map_end
        cmp     eax, 0x534D4150
        jne     .map_end
        cmp     dword [buffer], 0x100000
        jne     .not_1m
        cmp     dword [buffer + 16], 1
        jne     .not_1m
        inc     byte [ram_at_1m]
.not_1m:
        inc     byte [count]
        cmp     byte [count], 32
        je      .map_end
        or      ebx, ebx
        jnz     .map
.map_end:
        or      ebx, ebx
        check   "INT 15h E820h: the list ends", z
        cmp     byte [ram_at_1m], 1
        check   "INT 15h E820h: RAM at 1 MiB", e
        mov     ax, 0xE801
        int     0x15
        check   "INT 15h E801h", nc
        cmp     ax, 0
        check   "INT 15h E801h: memory above 1 MiB", ne
        mov     ah, 0x88
        int     0x15
        cmp     ax, 0
        check   "INT 15h 88h: memory above 1 MiB", ne
        mov     ah, 0xC0
        int     0x15
        check   "INT 15h C0h", nc
        cmp     byte [es:bx + 2], 0xFC
        push    word 0
        pop     es
        check   "INT 15h C0h: an AT", e
        mov     ax, 0x2402
        int     0x15
        check   "INT 15h 2402h: A20 state", nc
        mov     ah, 0x7F
        int     0x15
        check   "INT 15h: an unknown function sets CF", c
        cmp     ah, 0x86
        check   "INT 15h: ... and AH = 86h", e

        mov     dword [buffer], 0xCAFEF00D     ; block move to 1 MiB + 256 and back
        mov     si, gdt_up
        mov     cx, 2
        mov     ah, 0x87
        int     0x15
        check   "INT 15h 87h: up", nc
        mov     dword [buffer], 0
        mov     si, gdt_down
        mov     cx, 2
        mov     ah, 0x87
        int     0x15
        check   "INT 15h 87h: down", nc
        cmp     dword [buffer], 0xCAFEF00D
        check   "INT 15h 87h: the data came back", e

        mov     ah, 0
        int     0x1A
        mov     [ticks], dx
        mov     cx, 3                   ; 200 ms are at least three ticks
        mov     dx, 0x0D40
        mov     ah, 0x86
        int     0x15
        check   "INT 15h 86h", nc
        mov     ah, 0
        int     0x1A
        sub     dx, [ticks]
        cmp     dx, 3
        check   "INT 1Ah 00h: the tick count follows INT 15h 86h", ae
        mov     ah, 2
        int     0x1A
        check   "INT 1Ah 02h", nc
        cmp     ch, 0x24
        check   "INT 1Ah 02h: the hour is BCD below 24", b
        mov     ah, 4
        int     0x1A
        cmp     ch, 0x20
        check   "INT 1Ah 04h: the 21st century", e

.drain: mov     ah, 1
        int     0x16
        jz      .empty
        mov     ah, 0
        int     0x16
        jmp     .drain
.empty: mov     ah, 5
        mov     cx, 0x1E61
        int     0x16
        cmp     al, 0
        check   "INT 16h 05h: stores a key", e
        mov     ah, 1
        int     0x16
        check   "INT 16h 01h: sees it", nz
        mov     ah, 0x10
        int     0x16
        cmp     ax, 0x1E61
        check   "INT 16h 10h: takes it", e
        mov     ah, 0x11
        int     0x16
        check   "INT 16h 11h: the buffer is empty again", z
        mov     ah, 5
        mov     cx, 0x48E0
        int     0x16
        mov     ah, 0
        int     0x16
        cmp     ax, 0x4800
        check   "INT 16h 00h: a grey key looks like the number pad's", e
        xor     dl, dl                  ; the buffer holds 15 keys
.fill:  mov     ah, 5
        mov     cx, 0x1E61
        int     0x16
        or      al, al
        jnz     .full
        inc     dl
        cmp     dl, 40
        jb      .fill
.full:  cmp     dl, 15
        check   "INT 16h 05h: the sixteenth key is refused", e

        mov     ax, 0xB101
        int     0x1A
        check   "PCI BIOS present", nc
        cmp     edx, 0x20494350
        check   "PCI BIOS signature", e
        mov     ax, 0xB102
        mov     cx, 0x1237
        mov     dx, 0x8086
        xor     si, si
        int     0x1A
        check   "PCI BIOS finds the host bridge", nc
        or      bx, bx
        check   "PCI BIOS: it is 0:0.0", z
        mov     ax, 0xB10A
        xor     di, di
        int     0x1A
        cmp     ecx, 0x12378086
        check   "PCI BIOS reads a dword", e
        mov     ax, 0xB103
        mov     ecx, 0x060100
        xor     si, si
        int     0x1A
        check   "PCI BIOS finds the ISA bridge by class", nc
        mov     ax, 0xB102
        mov     cx, 0x1237
        mov     dx, 0x8086
        mov     si, 1
        int     0x1A
        check   "PCI BIOS: there is no second host bridge", c
        mov     ax, 0xB10A
        xor     bx, bx
        mov     di, 2
        int     0x1A
        check   "PCI BIOS refuses a misaligned dword", c

        mov     ax, 0xC201
        int     0x15
        check   "INT 15h C201h: the mouse resets", nc
        cmp     bx, 0x00AA
        check   "INT 15h C201h: BX = 00AAh", e

        mov     eax, "_SM_"
        mov     cx, 31
        call    find_table
        check   "SMBIOS entry point", nc
        mov     eax, "$PIR"
        mov     cx, 0
        call    find_table
        check   "$PIR", nc
        mov     eax, "_32_"
        mov     cx, 16
        call    find_table
        check   "BIOS32 directory", nc
        mov     eax, "RSD "
        mov     cx, 20
        call    find_table
        check   "RSDP", nc

        mov     ax, 0x5300
        xor     bx, bx
        int     0x15
        check   "APM present", nc
        cmp     bx, 0x504D
        check   "APM signature", e

        jmp     finish

; EAX at a paragraph of F0000-FFFFF, with a byte sum of 0 over CX bytes (0: do not sum)
find_table:
        mov     dx, 0xF000
.next:  mov     es, dx
        cmp     [es:0], eax
        je      .found
.step:  inc     dx
        jnz     .next
        push    word 0
        pop     es
        stc
        ret
.found: xor     bx, bx
        mov     bp, 0
        jcxz    .right
        push    cx
        push    ax
        xor     al, al
.sum:   add     al, [es:bx]
        inc     bx
        loop    .sum
        or      al, al
        pop     ax
        pop     cx
        jnz     .step
.right: push    word 0
        pop     es
        clc
        ret

        align   8
gdt_up: times   2 dq 0
        dw      0xFFFF, buffer, 0x9300, 0
        dw      0xFFFF, 0x0100, 0x9310, 0
        times   2 dq 0
gdt_down: times 2 dq 0
        dw      0xFFFF, 0x0100, 0x9310, 0
        dw      0xFFFF, buffer, 0x9300, 0
        times   2 dq 0
count:  db      0
ram_at_1m: db   0
ticks:  dw      0
save_sp: dw     0
        image_end

buffer  equ     0xB000
tiny    equ     0xC010
