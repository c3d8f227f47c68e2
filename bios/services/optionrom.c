/* Option ROMs: those that the board maps from C0000 and those that POST copied from PCI ROM bars.
 * Sources: PCI Firmware Specification, section 5 (expansion ROMs); Plug and Play BIOS
 * Specification 1.0A, section 3 (BCV and BEV). */
#include "services.h"

struct bev bevs[BEV_MAX];
u8 bev_count;

static u32 rom_bytes(u16 seg)
{
    return peek16(seg, 0) == 0xAA55 ? peek8(seg, 2) * 512u : 0;
}

static int checksum_right(u16 seg)
{
    u32 bytes = rom_bytes(seg);
    u8 sum = 0;
    for (u32 i = 0; i < bytes; i++)
        sum = (u8)(sum + peek8((u16)(seg + (i >> 4)), i & 15));
    return bytes && sum == 0;
}

/* The expansion header of a PnP ROM, or 0. */
static u16 pnp_header(u16 seg)
{
    u16 at = peek16(seg, 0x1A);
    return at && at < 0x8000 && peek32(seg, at) == 0x506E5024 ? at : 0; /* "$PnP" */
}

static void copy_name(struct bev *b, u16 seg, u16 header)
{
    u16 text = peek16(seg, (u16)(header + 16));
    u32 i;
    for (i = 0; text && i + 1 < sizeof b->name; i++) {
        u8 c = peek8(seg, (u16)(text + i));
        if (c < ' ' || c > '~')
            break;
        b->name[i] = (char)c;
    }
    b->name[i] = 0;
    if (!i) {
        static const char unnamed[] = "Option ROM";
        for (i = 0; i < sizeof unnamed; i++)
            b->name[i] = unnamed[i];
    }
}

/* Calls the initialisation entry; AX = bus and devfn of a PCI ROM, else FFFFh. */
static void rom_init(u16 seg, u16 bdf)
{
    struct regs r = {0};
    r.ax = bdf;
    r.bx = 0xFFFF;
    r.dx = 0xFFFF;
    r.es = ROM_SEG; /* ES:DI: no PnP installation check structure */
    call_far_low(&r, (u32)seg << 16 | 3);
    u16 header = pnp_header(seg);
    if (!header)
        return;
    u16 bcv = peek16(seg, (u16)(header + 22)), bev = peek16(seg, (u16)(header + 26));
    if (bcv) {
        struct regs c = {0};
        c.ax = bdf;
        call_far_low(&c, (u32)seg << 16 | bcv);
    } else if (bev && bev_count < BEV_MAX) {
        struct bev *b = &bevs[bev_count++];
        b->seg = seg;
        b->off = bev;
        copy_name(b, seg, header);
    }
}

static u16 bdf_of(u16 seg)
{
    for (u32 i = 0; i < machine.rom_count; i++)
        if (machine.rom_seg[i] == seg)
            return machine.rom_devfn[i];
    return 0xFFFF;
}

void option_roms_video(void)
{
    if (checksum_right(0xC000))
        rom_init(0xC000, bdf_of(0xC000));
    if (video_present()) {
        struct regs r = {0};
        r.ax = 0x0003;
        call_int16(&r, 0x10);
    }
}

void option_roms_rest(void)
{
    u32 at = 0xC0000 + (rom_bytes(0xC000) ? rom_bytes(0xC000) : 0);
    for (at = (at + 0x7FF) & ~0x7FFu; at < OPTION_ROM_END; at += 0x800) {
        u16 seg = (u16)(at >> 4);
        if (!checksum_right(seg))
            continue;
        rom_init(seg, bdf_of(seg));
        u32 size = (rom_bytes(seg) + 0x7FF) & ~0x7FFu; /* initialisation may have shrunk it */
        at += size ? size - 0x800 : 0;
    }
}

/* C0000-EBFFF and F0000-FFFFF become read-only; EC000-EFFFF stays our data (PAM6, high nibble). */
void disable_shadow_writes(void)
{
    if (!machine.has_i440fx)
        return;
    pci_write8(0, 0x59, 0x10);
    pci_write8(0, 0x5A, 0x11);
    pci_write8(0, 0x5B, 0x11);
    pci_write8(0, 0x5C, 0x11);
    pci_write8(0, 0x5D, 0x11);
    pci_write8(0, 0x5E, 0x11);
    pci_write8(0, 0x5F, 0x31);
}
