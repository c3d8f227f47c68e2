; PCI BIOS for INT 1Ah: near, 16-bit.
        cpu     386
        section .text16 align=4 exec progbits alloc
        bits    16
        global  pci_bios16
pci_bios16:
%include "pcibios.inc"
