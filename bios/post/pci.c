/* PCI: finds the functions of bus 0, gives them I/O ports, memory and interrupt lines, brings the
 * PIIX4 power-management function up, and copies option ROMs below 1 MiB.
 * Sources: PCI Local Bus Specification 2.1, chapter 6; Intel 82371SB (PIIX3) and 82371AB (PIIX4).
 */
#include "post.h"

enum {
    REG_COMMAND = 0x04,
    REG_CLASS = 0x08,
    REG_HEADER = 0x0E,
    REG_BAR0 = 0x10,
    REG_ROM = 0x30,
    REG_LINE = 0x3C,
    REG_PIN = 0x3D,
    IO_START = 0xC000,
    MEM_START = 0xE0000000u,
    MEM_END = 0xFEB00000u,
    PM_BASE = 0x600,
    SMB_BASE = 0x700
};

struct allocator {
    u32 io, mem;
};

/* What PIRQA to PIRQD are routed to. */
static const u8 pirq_line[4] = {10, 10, 11, 11};

static int is_pcir(const u8 *p)
{
    return p[0] == 'P' && p[1] == 'C' && p[2] == 'I' && p[3] == 'R';
}

int pci_is_present(u16 bdf)
{
    if ((bdf & 7) && !(pci_read8(bdf & 0xF8, REG_HEADER) & 0x80))
        return 0;
    return pci_read16(bdf, 0) != 0xFFFF;
}

/* The size of a BAR or ROM register; 0 when there is none. */
static u32 bar_size(u16 bdf, u8 reg, u32 mask)
{
    u32 old = pci_read32(bdf, reg);
    pci_write32(bdf, reg, reg == REG_ROM ? 0xFFFFF800u : 0xFFFFFFFFu);
    u32 v = pci_read32(bdf, reg);
    pci_write32(bdf, reg, old);
    v &= mask;
    return v & (0u - v); /* the lowest bit that can be set */
}

static int is_legacy_ide(u16 bdf)
{
    u32 class = pci_read32(bdf, REG_CLASS) >> 8;
    return class >> 8 == 0x0101 && !(class & 5);
}

/* Assigns every BAR of exactly this size: called from the largest down, so that nothing is wasted.
 */
static void assign_size(u16 bdf, u32 size, struct allocator *a)
{
    u32 bars = (pci_read8(bdf, REG_HEADER) & 0x7F) == 0 ? 6 : 2;
    for (u32 i = 0; i < bars; i++) {
        u8 reg = (u8)(REG_BAR0 + i * 4);
        u32 v = pci_read32(bdf, reg);
        int io = v & 1, wide = !io && (v & 6) == 4;
        if (!(is_legacy_ide(bdf) && i < 4)) {
            u32 bytes = bar_size(bdf, reg, io ? 0xFFFC : 0xFFFFFFF0);
            if (bytes == size) {
                u32 *next = io ? &a->io : &a->mem;
                u32 at = (*next + size - 1) & ~(size - 1);
                u32 end = io ? 0xFFFF : MEM_END;
                if (at <= end && size <= end - at) {
                    pci_write32(bdf, reg, at);
                    *next = at + size;
                }
                if (wide)
                    pci_write32(bdf, (u8)(reg + 4), 0);
            }
        }
        if (wide)
            i++;
    }
}

static void assign_irq(u16 bdf)
{
    u8 pin = pci_read8(bdf, REG_PIN);
    if (pin >= 1 && pin <= 4)
        pci_write8(bdf, REG_LINE, pirq_line[((bdf >> 3) - 1 + pin - 1) & 3]);
}

/* PIIX3 ISA bridge: the four PIRQ lines, and level triggering for what they go to. */
static void route_irqs(u16 bdf)
{
    u16 levels = 0;
    for (u8 i = 0; i < 4; i++) {
        pci_write8(bdf, (u8)(0x60 + i), pirq_line[i]);
        levels |= (u16)(1 << pirq_line[i]);
    }
    out8(0x4D0, (u8)levels);
    out8(0x4D1, (u8)(levels >> 8));
}

/* PIIX4 function 3: I/O bases for power management and SMBus, SCI on IRQ 9. */
static void power_init(struct machine *m, u16 bdf)
{
    pci_write8(bdf, REG_LINE, 9);
    pci_write32(bdf, 0x40, PM_BASE | 1);
    pci_write8(bdf, 0x80, 1);
    pci_write32(bdf, 0x90, SMB_BASE | 1);
    pci_write8(bdf, 0xD2, 9);
    m->pm_base = PM_BASE;
    m->smb_base = SMB_BASE;
}

/* Copies the x86 image of a function's ROM to *at, and moves *at behind it. */
static void copy_rom(struct machine *m, u16 bdf, u32 window, u32 *at)
{
    u32 size = bar_size(bdf, REG_ROM, 0xFFFFF800u);
    if (!size || size > 0x1000000)
        return;
    u16 command = pci_read16(bdf, REG_COMMAND);
    window = (window + size - 1) & ~(size - 1);
    pci_write32(bdf, REG_ROM, window | 1);
    pci_write16(bdf, REG_COMMAND, command | 2);
    const u8 *rom = (const u8 *)(uintptr_t)window;
    u32 left = size;
    while (left >= 0x200 && rom[0] == 0x55 && rom[1] == 0xAA) {
        u32 pcir = rom[0x18] | (u32)rom[0x19] << 8;
        if (pcir + 0x18 > left || !is_pcir(rom + pcir))
            break;
        u32 image = (rom[pcir + 0x10] | (u32)rom[pcir + 0x11] << 8) * 512;
        int last = rom[pcir + 0x15] & 0x80;
        if (rom[pcir + 0x14] == 0) { /* PC-AT code */
            u32 bytes = rom[2] * 512u;
            if (bytes && bytes <= left && *at + bytes <= OPTION_ROM_END &&
                m->rom_count < PCI_ROM_MAX) {
                memcpy((void *)(uintptr_t)*at, rom, bytes);
                m->rom_seg[m->rom_count] = (u16)(*at >> 4);
                m->rom_devfn[m->rom_count++] = bdf;
                *at = (*at + bytes + 0x7FF) & ~0x7FFu;
            }
            break;
        }
        if (last || !image || image >= left)
            break;
        rom += image;
        left -= image;
    }
    pci_write16(bdf, REG_COMMAND, command);
    pci_write32(bdf, REG_ROM, 0);
}

/* The video ROM goes to C0000, unless the board has one there already; others follow. */
static void copy_roms(struct machine *m, u32 window)
{
    const u8 *video = (const u8 *)OPTION_ROM_START;
    int have_video = video[0] == 0x55 && video[1] == 0xAA;
    u32 at = OPTION_ROM_START;
    for (u32 pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            at = have_video ? OPTION_ROM_START + video[2] * 512u : at;
            if (at == OPTION_ROM_START)
                at = 0xC8000;
            /* step over what the board has mapped itself */
            for (u32 look = at = (at + 0x7FF) & ~0x7FFu; look < OPTION_ROM_END; look += 0x800) {
                const u8 *rom = (const u8 *)(uintptr_t)look;
                if (rom[0] == 0x55 && rom[1] == 0xAA)
                    at = (look + rom[2] * 512u + 0x7FF) & ~0x7FFu;
            }
        }
        for (u16 bdf = 0; bdf < 0x100; bdf++) {
            if (!pci_is_present(bdf))
                continue;
            int is_video = pci_read8(bdf, REG_CLASS + 3) == 3;
            if (is_video == (pass == 0) && !(is_video && have_video))
                copy_rom(m, bdf, window, &at);
            if (is_video && at != OPTION_ROM_START)
                have_video = 1;
        }
    }
}

void pci_init(struct machine *m)
{
    struct allocator a = {IO_START, MEM_START};
    out32(0xCF8, 0x80000000);
    m->has_pci = in32(0xCF8) == 0x80000000 && pci_read16(0, 0) != 0xFFFF;
    if (!m->has_pci)
        return;
    for (u32 size = 0x10000000; size >= 4; size >>= 1)
        for (u16 bdf = 0; bdf < 0x100; bdf++)
            if (pci_is_present(bdf))
                assign_size(bdf, size, &a);
    for (u16 bdf = 0; bdf < 0x100; bdf++) {
        if (!pci_is_present(bdf))
            continue;
        u32 id = pci_read32(bdf, 0), class = pci_read32(bdf, REG_CLASS) >> 16;
        assign_irq(bdf);
        if (id == 0x70008086 || id == 0x71108086)
            route_irqs(bdf);
        if (id == 0x71138086)
            power_init(m, bdf);
        if (class == 0x0101) { /* decode the legacy ports of both channels */
            pci_write16(bdf, 0x40, 0x8000);
            pci_write16(bdf, 0x42, 0x8000);
            m->ide_bmdma = (u16)(pci_read32(bdf, 0x20) & 0xFFF0);
        }
        pci_write16(bdf, REG_COMMAND, pci_read16(bdf, REG_COMMAND) | 3 | (class == 0x0101 ? 4 : 0));
    }
    copy_roms(m, a.mem);
}
