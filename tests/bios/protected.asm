; The BIOS from protected mode: the BIOS32 directory and PCI BIOS, APM's 16- and 32-bit entries (the machine is
; switched off through the last); and "unreal mode": limits of 4 GiB in segment registers outlive the services.
SECTORS equ     20
%include "check.inc"

%macro protected 0                      ; on to 32 bits, flat
        cli
        o32 lgdt [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:%%there
        bits    32
%%there:
        mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        movzx   esp, sp
%endmacro
%macro real 0                           ; and back, with limits of 64 KiB
        jmp     0x18:%%sixteen
        bits    16
%%sixteen:
        mov     ax, 0x20
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     0:%%there
%%there:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        sti
%endmacro

main:
        cld
; --- unreal mode -----------------------------------------------------------------------------
        mov     word [0x0D * 4], limit_fault
        mov     word [0x0D * 4 + 2], 0
        call    flat_all
        mov     edi, 0x200000
        mov     dword [fs:edi], 0x55AA1234
        mov     ax, 0x0201
        mov     bx, buffer
        mov     cx, 2
        mov     dx, 0
        int     0x13
        mov     eax, [fs:edi]
        mov     eax, [gs:edi]
        mov     eax, [edi]
        mov     eax, [es:edi]
        cmp     eax, 0x55AA1234
        check   "limits of 4 GiB outlive INT 13h", e
        mov     ax, 0x0E20
        mov     bx, 7
        int     0x10
        mov     eax, [fs:edi]
        mov     eax, [gs:edi]
        mov     eax, [edi]
        mov     eax, [es:edi]
        cmp     eax, 0x55AA1234
        check   "limits of 4 GiB outlive INT 10h", e
        mov     ah, 1
        int     0x16
        mov     ah, 2
        int     0x1A
        mov     ah, 0x88
        int     0x15
        mov     ax, 0x2402
        int     0x15
        sti
        hlt
        mov     eax, [fs:edi]
        mov     eax, [gs:edi]
        mov     eax, [edi]
        mov     eax, [es:edi]
        cmp     eax, 0x55AA1234
        check   "limits of 4 GiB outlive INT 15h, 16h, 1Ah and the timer", e
        mov     si, block_gdt
        mov     cx, 8
        mov     ah, 0x87
        int     0x15
        mov     eax, [fs:edi]
        cmp     eax, [gs:edi]
        check   "FS and GS keep them in INT 15h 87h too", e
        cmp     byte [lost], 0
        check   "nothing faulted", e

; --- BIOS32 ----------------------------------------------------------------------------------
        mov     dx, 0xF000
.find:  mov     es, dx
        cmp     dword [es:0], "_32_"
        je      .found
        inc     dx
        jnz     .find
.found: mov     eax, [es:4]
        mov     [bios32], eax
        push    word 0
        pop     es
        protected
        mov     eax, "$PCI"
        xor     ebx, ebx
        call    far [bios32]
        mov     [answer], al
        add     edx, ebx
        mov     [pci32], edx
        mov     eax, "$XYZ"
        xor     ebx, ebx
        call    far [bios32]
        mov     [answer + 1], al
        mov     ax, 0xB101
        call    far [pci32]
        setc    [answer + 2]
        mov     [answer + 4], edx
        mov     ax, 0xB103
        mov     ecx, 0x060000
        xor     esi, esi
        call    far [pci32]
        setc    [answer + 3]
        mov     ax, 0xB10A
        xor     edi, edi
        call    far [pci32]
        mov     [answer + 8], ecx
        mov     ax, 0xB109              ; write the latency timer and read it back
        mov     edi, 0x0D
        call    far [pci32]
        setc    [answer + 12]
        mov     ax, 0xB10B
        mov     edi, 0x0D
        mov     cl, 0x40
        call    far [pci32]
        mov     ax, 0xB108
        mov     cl, 0
        call    far [pci32]
        mov     [answer + 13], cl
        real
        cmp     byte [answer], 0
        check   "BIOS32 finds $PCI", e
        cmp     byte [answer + 1], 0x80
        check   "BIOS32 does not find $XYZ", e
        cmp     byte [answer + 2], 0
        check   "PCI BIOS, 32 bits: there", e
        cmp     dword [answer + 4], "PCI "
        check   "PCI BIOS, 32 bits: signature", e
        cmp     byte [answer + 3], 0
        check   "PCI BIOS, 32 bits: finds the host bridge", e
        cmp     dword [answer + 8], 0x12378086
        check   "PCI BIOS, 32 bits: reads it", e
        cmp     byte [answer + 12], 1
        check   "PCI BIOS, 32 bits: refuses a misaligned word", e
        cmp     byte [answer + 13], 0x40
        check   "PCI BIOS, 32 bits: writes a byte", e

; --- APM ---------------------------------------------------------------------------------------
        mov     ax, 0x5302
        xor     bx, bx
        int     0x15
        check   "APM 02h: connects in 16-bit protected mode", nc
        movzx   eax, ax
        shl     eax, 4
        mov     edi, gdt.apm16
        call    set_base
        movzx   eax, cx
        shl     eax, 4
        mov     edi, gdt.apm_data
        call    set_base
        mov     [apm16], bx
        cli
        o32 lgdt [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     0x18:.sixteen
.sixteen:
        mov     ax, 0x20
        mov     ss, ax
        mov     ax, 0x38
        mov     ds, ax
        mov     ax, 0x530E
        xor     bx, bx
        mov     cx, 0x0102
        call    far [ss:apm16]
        mov     bx, 0x20
        mov     ds, bx
        mov     [answer], ax
        mov     ax, 0x530B
        call    far [apm16]
        setc    [answer + 2]
        mov     [answer + 3], ah
        mov     es, bx
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     0:.back
.back:  xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        sti
        cmp     word [answer], 0x0102
        check   "APM, 16 bits: version 1.2", e
        cmp     word [answer + 2], 0x8001
        check   "APM, 16 bits: no event", e
        mov     ax, 0x5304
        xor     bx, bx
        int     0x15
        check   "APM 04h: disconnects", nc
        mov     ax, 0x5303
        xor     bx, bx
        int     0x15
        check   "APM 03h: connects in 32-bit protected mode", nc
        mov     [apm32], ebx
        movzx   eax, ax
        shl     eax, 4
        mov     edi, gdt.apm32
        call    set_base
        movzx   eax, cx
        shl     eax, 4
        mov     edi, gdt.apm16
        call    set_base
        movzx   eax, dx
        shl     eax, 4
        mov     edi, gdt.apm_data
        call    set_base
        protected
        mov     ax, 0x530E
        xor     ebx, ebx
        mov     ecx, 0x0102
        call    far [apm32]
        mov     [answer], ax
        mov     ax, 0x530A
        mov     ebx, 1
        call    far [apm32]
        setc    [answer + 2]
        mov     [answer + 3], bh
        mov     ax, 0x53C0
        call    far [apm32]
        setc    [answer + 4]
        real
        cmp     word [answer], 0x0102
        check   "APM, 32 bits: version 1.2", e
        cmp     word [answer + 2], 0x0100
        check   "APM, 32 bits: on mains", e
        cmp     byte [answer + 4], 1
        check   "APM, 32 bits: an unknown function", e
        call    finish_text
        protected
        mov     ax, 0x5307              ; off
        mov     ebx, 1
        mov     ecx, 3
        call    far [apm32]
        real
.stop:  cli
        hlt
        jmp     .stop

; The base of the descriptor at EDI is EAX
set_base:
        mov     [edi + 2], ax
        push    eax
        shr     eax, 16
        mov     [edi + 4], al
        pop     eax
        ret

flat_all:
        cli
        o32 lgdt [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     bx, 0x10
        mov     ds, bx
        mov     es, bx
        mov     fs, bx
        mov     gs, bx
        and     al, 0xFE
        mov     cr0, eax
        xor     bx, bx
        mov     ds, bx
        mov     es, bx
        mov     fs, bx
        mov     gs, bx
        sti
        ret

; #GP: a limit was lost. Make them flat again, but remember.
limit_fault:
        pushad
        inc     byte [cs:lost]
        call    flat_all
        popad
        iret
lost:   db      0

        align   8
gdt:    dq      0
        dq      0x00CF9B000000FFFF      ; 08h: flat code
        dq      0x00CF93000000FFFF      ; 10h: flat data
        dq      0x00009B000000FFFF      ; 18h: 16-bit code at 0
        dq      0x000093000000FFFF      ; 20h: 16-bit data at 0
.apm32: dq      0x00409B000000FFFF      ; 28h
.apm16: dq      0x00009B000000FFFF      ; 30h: follows, as APM wants
.apm_data: dq   0x000093000000FFFF      ; 38h
gdt_pointer: dw $ - gdt - 1
        dd      gdt
block_gdt: times 2 dq 0
        dw      0xFFFF, buffer, 0x9300, 0
        dw      0xFFFF, buffer + 64, 0x9300, 0
        times   2 dq 0
bios32: dd      0
        dw      0x08
pci32:  dd      0
        dw      0x08
apm16:  dw      0, 0x30
apm32:  dd      0
        dw      0x28
answer: times   16 db 0
        image_end
buffer  equ     0xB000
