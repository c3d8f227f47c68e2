; The ACPI namespace (DSDT) as AML bytes, so that no AML compiler is needed. `iasl -d` of a running
; guest's table shows it as source. Encoding: ACPI specification, chapter 20 (AML) and 6.4 (resources).
        section .aml align=16 noexec nowrite alloc progbits
%macro pkglen 1                         ; two-byte PkgLength from here to %1
        db      0x40 | ((%1 - $) & 15), ((%1 - $) >> 4)
%endmacro
; name NAME: NameOp and a four-letter name
%macro name 1
        db      0x08, %1
%endmacro
%macro hid 1
        name    "_HID"
        db      0x0C
        dd      %1
%endmacro
; crs_begin END: Name (_CRS, Buffer () { ... }), its bytes end with the End Tag at END
%macro crs_begin 1
        name    "_CRS"
        db      0x11
        pkglen  %1
        db      0x0B
        dw      %1 - ($ + 2)
%endmacro
%macro crs_end 0
        db      0x79, 0x00
%endmacro
%macro io_port 2                        ; base, count
        db      0x47, 0x01
        dw      %1, %1
        db      0x01, %2
%endmacro
%macro irq 1
        db      0x22
        dw      1 << %1
%endmacro

        global  dsdt_start, dsdt_end
dsdt_start:
        db      "DSDT"
        dd      dsdt_end - dsdt_start
        db      1, 0                    ; revision, checksum (acpi.c)
        db      "UMBRA UMBRAPC "
        dd      1
        db      "UMBR"
        dd      1

        ; Name (\_S5, Package () {0, 0, 0, 0}): sleep type 0 is soft off on the PIIX4
        db      0x08, "\_S5_", 0x12, 0x06, 0x04, 0, 0, 0, 0

        db      0x10                    ; Scope (\_SB)
        pkglen  scope_end
        db      "\_SB_"
        db      0x5B, 0x82              ; Device (PCI0)
        pkglen  pci_end
        db      "PCI0"
        hid     0x030AD041              ; PNP0A03
        name    "_ADR"
        db      0
        name    "_UID"
        db      0
        crs_begin pci_crs
        db      0x88                    ; buses 0 to 255
        dw      0x0D
        db      0x02, 0x0C, 0x00
        dw      0, 0, 0xFF, 0, 0x100
        io_port 0xCF8, 8
        db      0x88                    ; I/O 0000-0CF7
        dw      0x0D
        db      0x01, 0x0C, 0x03
        dw      0, 0, 0x0CF7, 0, 0x0CF8
        db      0x88                    ; I/O 0D00-FFFF
        dw      0x0D
        db      0x01, 0x0C, 0x03
        dw      0, 0x0D00, 0xFFFF, 0, 0xF300
        db      0x87                    ; memory A0000-BFFFF
        dw      0x17
        db      0x00, 0x0C, 0x03
        dd      0, 0xA0000, 0xBFFFF, 0, 0x20000
        db      0x87                    ; memory E0000000-FEBFFFFF
        dw      0x17
        db      0x00, 0x0C, 0x01
        dd      0, 0xE0000000, 0xFEBFFFFF, 0, 0x1EC00000
        crs_end
pci_crs:
        ; _PRT: device d, pin p goes to PIRQ (d - 1 + p) & 3, and POST routed those to 10 10 11 11.
        ; The I/O APIC has the same numbers, so one table serves both interrupt models.
        name    "_PRT"
        db      0x12
        pkglen  prt_end
        db      31 * 4
%assign dev 1
%rep 31
%assign pin 0
%rep 4
        db      0x12, 0x0C, 0x04        ; Package (4) {address, pin, 0, GSI}
        db      0x0C
        dd      (dev << 16) | 0xFFFF
        db      0x0A, pin
        db      0x00
        db      0x0A, 10 + (((dev - 1 + pin) & 3) >> 1)
%assign pin pin + 1
%endrep
%assign dev dev + 1
%endrep
prt_end:
        db      0x5B, 0x82              ; Device (ISA)
        pkglen  isa_end
        db      "ISA_"
        name    "_ADR"
        db      0x0C
        dd      0x00010000

        db      0x5B, 0x82
        pkglen  kbd_end
        db      "KBD_"
        hid     0x0303D041              ; PNP0303
        crs_begin kbd_crs
        io_port 0x60, 1
        io_port 0x64, 1
        irq     1
        crs_end
kbd_crs:
kbd_end:
        db      0x5B, 0x82
        pkglen  mou_end
        db      "MOU_"
        hid     0x130FD041              ; PNP0F13
        crs_begin mou_crs
        irq     12
        crs_end
mou_crs:
mou_end:
        db      0x5B, 0x82
        pkglen  rtc_end
        db      "RTC_"
        hid     0x000BD041              ; PNP0B00
        crs_begin rtc_crs
        io_port 0x70, 2
        irq     8
        crs_end
rtc_crs:
rtc_end:
isa_end:
pci_end:
scope_end:
dsdt_end:
