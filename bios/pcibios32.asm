; PCI BIOS for 32-bit callers, and the BIOS32 service directory that leads to it (Standard BIOS
; 32-bit Service Directory Proposal 0.4). Both are far-called with CS covering the named pages. APM for 32-bit protected mode too.
        cpu     386
%include "layout.inc"
        section .text32 align=16 exec progbits alloc
        bits    32
        global  bios32_entry, pci_bios32_entry, apm32_entry

; EAX = "$PCI", BL = 0 -> AL = 0, EBX base, ECX length, EDX entry offset
bios32_entry:
        test    bl, bl
        jnz     .bad_function
        cmp     eax, 0x49435024         ; "$PCI"
        jne     .unknown
        mov     ebx, 0xF0000
        mov     ecx, 0x10000
        mov     edx, pci_bios32_entry
        xor     al, al
        retf
.unknown:
        mov     al, 0x80
        retf
.bad_function:
        mov     al, 0x81
        retf

pci_bios32_entry:
        pushfd
        cli
        call    pci_dispatch
        jc      .error
        popfd
        clc
        retf
.error: popfd
        stc
        retf
%include "pcibios.inc"

apm32_entry:
%include "apm.inc"
