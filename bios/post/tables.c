/* Tables for operating systems in F000:D800-DFFF: the space itself, the APIC registers that several
 * of them quote, $PIR and the BIOS32 directory. */
#include "post.h"

enum { TABLES_START = 0xFD800, TABLES_END = 0xFE000 };

extern const char bios32_entry[]; /* an offset in ROM_SEG */

u8 checksum(const void *p, u32 bytes)
{
    const u8 *b = p;
    u8 sum = 0;
    for (u32 i = 0; i < bytes; i++)
        sum = (u8)(sum + b[i]);
    return (u8)-sum;
}

void sign(void *to, const char *first_inverted, u32 bytes)
{
    u8 *b = to;
    memcpy(b, first_inverted, bytes);
    b[0] ^= 0xFF;
}

void *table_bytes(struct tables *t, u32 bytes)
{
    if (bytes > TABLES_END - t->next) { /* a host invariant, in guest form: stop where it shows */
        out8(0x80, 0xFC);
        for (;;)
            __asm__ volatile("cli\n\thlt");
    }
    void *p = (void *)t->next;
    memset(p, 0, bytes);
    t->next += bytes;
    return p;
}

void *table_space(struct tables *t, u32 bytes)
{
    t->next = (t->next + 15) & ~15u;
    return table_bytes(t, bytes);
}

u32 table_end(const struct tables *t)
{
    return t->next;
}

int has_apic(const struct machine *m)
{
    return (m->cpu_features & 1 << 9) != 0;
}

static u32 lapic_read(u32 reg)
{
    return *(volatile u32 *)(LAPIC + reg);
}

static u32 ioapic_read(u32 reg)
{
    *(volatile u32 *)IOAPIC = reg;
    return *(volatile u32 *)(IOAPIC + 0x10);
}

u8 lapic_id(void)
{
    return (u8)(lapic_read(0x20) >> 24);
}

u8 lapic_version(void)
{
    return (u8)lapic_read(0x30);
}

u8 ioapic_id(void)
{
    return ioapic_read(0) >> 24 & 15;
}

u8 ioapic_version(void)
{
    return (u8)ioapic_read(1);
}

/* PCI IRQ routing table (Microsoft, version 1.0): what each pin of each slot can be routed to. */
static void pir_build(struct tables *t)
{
    struct pir {
        char signature[4];
        u16 version, size;
        u8 bus, devfn;
        u16 exclusive;
        u32 compatible, miniport;
        u8 reserved[11], checksum;
        struct {
            u8 bus, devfn;
            struct {
                u8 link;
                u16 mask;
            } packed pin[4];
            u8 slot, reserved;
        } packed slots[31];
    } packed *p = table_space(t, sizeof *p);
    sign(p->signature, "\xDBPIR", 4);
    p->version = 0x0100;
    p->size = sizeof *p;
    p->devfn = 1 << 3;
    p->compatible = 0x122E8086; /* PIIX */
    for (u32 i = 0; i < ARRAY_LEN(p->slots); i++) {
        u32 device = i + 1;
        p->slots[i].devfn = (u8)(device << 3);
        for (u32 pin = 0; pin < 4; pin++) {
            p->slots[i].pin[pin].link = (u8)(0x60 + ((device - 1 + pin) & 3));
            p->slots[i].pin[pin].mask = 0xDEF8;
        }
        p->slots[i].slot = device > 1 ? (u8)(device - 1) : 0; /* 0: on the board */
    }
    p->checksum = checksum(p, sizeof *p);
}

static void bios32_build(struct tables *t)
{
    struct directory {
        char signature[4];
        u32 entry;
        u8 revision, length, checksum, reserved[5];
    } packed *d = table_space(t, sizeof *d);
    sign(d->signature,
         "\xA0"
         "32_",
         4);
    d->entry = 0xF0000 + (u32)bios32_entry;
    d->length = 1;
    d->checksum = checksum(d, sizeof *d);
}

void tables_build(const struct machine *m)
{
    struct tables t = {TABLES_START};
    smbios_build(m, &t);
    if (m->has_pci) {
        bios32_build(&t);
        pir_build(&t);
    }
    mp_build(m, &t);
    acpi_build(m, &t);
}
