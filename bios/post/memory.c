/* How much RAM there is: from CMOS, where the board puts it (bytes 17h/18h and 30h/31h: KiB above
 * 1 MiB, to 63 MiB; 34h/35h: 64 KiB blocks above 16 MiB; 5Bh to 5Dh: 64 KiB blocks above 4 GiB). */
#include "post.h"

enum { ACPI_BYTES = 0x10000, NVS_BYTES = 0x1000 };

static void add(struct machine *m, u64 base, u64 length, u32 type)
{
    if (length && m->map_count < E820_MAX)
        m->map[m->map_count++] = (struct e820){base, length, type};
}

void memory_find(struct machine *m)
{
    u32 kb = cmos_read(0x30) | (u32)cmos_read(0x31) << 8;
    u32 blocks = cmos_read(0x34) | (u32)cmos_read(0x35) << 8;
    u32 high = cmos_read(0x5B) | (u32)cmos_read(0x5C) << 8 | (u32)cmos_read(0x5D) << 16;
    if (blocks)
        kb = 15 * 1024 + blocks * 64;
    m->low_kb = kb;
    m->above_4g_mb = high / 16;

    u32 top = 0x100000 + kb * 1024;
    u32 acpi = kb >= 1024 ? ACPI_BYTES : 0;
    add(m, 0, BASE_KB * 1024, E820_RAM);
    add(m, BASE_KB * 1024, EBDA_KB * 1024, E820_RESERVED);
    add(m, 0xE0000, 0x20000, E820_RESERVED);
    add(m, 0x100000, kb * 1024 - acpi, E820_RAM);
    if (acpi) {
        add(m, top - ACPI_BYTES, ACPI_BYTES - NVS_BYTES, E820_ACPI);
        add(m, top - NVS_BYTES, NVS_BYTES, E820_NVS);
        m->low_kb -= ACPI_BYTES / 1024; /* the older calls must not hand out the tables */
    }
    if (m->cpu_features & 1 << 9) {
        add(m, 0xFEC00000, 0x1000, E820_RESERVED);
        add(m, 0xFEE00000, 0x1000, E820_RESERVED);
    }
    add(m, 0xFFFC0000, 0x40000, E820_RESERVED);
    add(m, 0x100000000, (u64)high << 16, E820_RAM);
}
