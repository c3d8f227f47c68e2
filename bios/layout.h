#ifndef UMBRA_BIOS_LAYOUT_H
#define UMBRA_BIOS_LAYOUT_H

#include "types.h"

/* What POST (32-bit) and the services (16-bit) agree on; layout.inc says the same to nasm. */
#define ROM_SEG   0xF000u
#define DATA_SEG  0xEC00u  /* DS and SS of the services */
#define DATA_BASE 0xEC000u /* its linear address */
#define EBDA_SEG  0x9FC0u
#define EBDA_KB   1u
#define BASE_KB   639u
#define SLOT_BASE 0x2000u

/* Option ROMs lie from C0000; a video ROM first. POST keeps EC000 and up, and itself at E0000. */
#define OPTION_ROM_START 0xC0000u
#define OPTION_ROM_END   0xE0000u

enum { E820_MAX = 12 };

/* One line of the memory map as INT 15h E820h hands it out (ACPI specification, chapter 15). */
struct e820 {
    u64 base;
    u64 length;
    u32 type;
} packed;

enum e820_type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };

enum { PCI_ROM_MAX = 8 };

/* What POST found out, for the services. It lies in the services' data. */
struct machine {
    struct e820 map[E820_MAX];
    u32 map_count;
    u32 low_kb;        /* KiB of RAM from 1 MiB to the hole below 4 GiB */
    u32 above_4g_mb;   /* MiB of RAM above 4 GiB */
    u32 cpu_signature; /* CPUID 1 EAX, or 0 */
    u32 cpu_features;  /* CPUID 1 EDX, or 0 */
    char cpu_name[16]; /* "GenuineIntel", or empty */
    u16 pm_base;       /* PIIX4 power-management I/O base, or 0 */
    u16 smb_base;      /* PIIX4 SMBus I/O base, or 0 */
    u8 has_i440fx;     /* PAM registers at 0:0.0 59h */
    u8 has_pci;        /* configuration mechanism 1 answers */
    u8 last_bus;       /* highest PCI bus number */
    u8 rom_count;      /* PCI option ROMs copied below 1 MiB */
    u16 rom_seg[PCI_ROM_MAX];
    u16 rom_devfn[PCI_ROM_MAX];
    u16 rom_free_seg; /* first segment behind them */
    u16 ide_bmdma;    /* bus-master I/O base of the IDE function, or 0 */
};

#endif
