; PCI BIOS for INT 1Ah (near, 16-bit), and APM for 16-bit protected mode.
        cpu     386
%include "layout.inc"
        section .text16 align=4 exec progbits alloc
        bits    16
        global  pci_bios16, apm16_entry
pci_bios16:
%include "pcibios.inc"

apm16_entry:
%include "apm.inc"
