/* The MultiProcessor tables (MP specification 1.4, chapter 4) for one CPU and one I/O APIC: older
 * systems find the I/O APIC by them. */
#include "post.h"

struct pointer {
    char signature[4];
    u32 table;
    u8 length, revision, checksum, features[5];
} packed;

struct config {
    char signature[4];
    u16 length;
    u8 revision, checksum;
    char oem[8], product[12];
    u32 oem_table;
    u16 oem_size, entries;
    u32 lapic;
    u16 ext_length;
    u8 ext_checksum, reserved;
} packed;

struct cpu_entry {
    u8 type, apic_id, version, flags;
    u32 signature, features, reserved[2];
} packed;

struct bus_entry {
    u8 type, id;
    char name[6];
} packed;

struct ioapic_entry {
    u8 type, id, version, flags;
    u32 address;
} packed;

struct interrupt_entry {
    u8 type, kind;
    u16 flags;
    u8 bus, irq, apic, pin;
} packed;

/* At the very beginning of what is searched: Linux maps all that is left of the segment anew for
 * each paragraph that it looks at, which took 60,000 INVLPGs to where the other tables are. */
#define POINTER ((struct pointer *)0xF0000)

enum { BUS_PCI = 0, BUS_ISA = 1, KIND_INT = 0, KIND_NMI = 1, KIND_EXT = 3, LEVEL_HIGH = 0x000D };

static void add_interrupt(struct config *c, struct tables *t, struct interrupt_entry e)
{
    *(struct interrupt_entry *)table_bytes(t, sizeof e) = e;
    c->entries++;
}

static void add_interrupts(struct config *c, struct tables *t, u8 apic)
{
    u32 taken = 0;
    for (u16 bdf = 0; bdf < 0x100; bdf++) {
        u8 pin = pci_is_present(bdf) ? pci_read8(bdf, 0x3D) : 0, line = pci_read8(bdf, 0x3C);
        if (pin < 1 || pin > 4 || line > 15 || line == 9)
            continue;
        u8 source = (u8)((bdf >> 3) << 2 | (pin - 1));
        taken |= 1u << line;
        add_interrupt(
            c, t, (struct interrupt_entry){3, KIND_INT, LEVEL_HIGH, BUS_PCI, source, apic, line});
    }
    for (u8 irq = 0; irq < 16; irq++) {
        if (irq == 2 || taken & 1u << irq)
            continue;
        u16 flags = irq == 9 ? LEVEL_HIGH : 0;
        add_interrupt(
            c, t, (struct interrupt_entry){3, KIND_INT, flags, BUS_ISA, irq, apic, irq ? irq : 2});
    }
    add_interrupt(c, t, (struct interrupt_entry){4, KIND_EXT, 0, BUS_ISA, 0, 0xFF, 0});
    add_interrupt(c, t, (struct interrupt_entry){4, KIND_NMI, 0, BUS_ISA, 0, 0xFF, 1});
}

void mp_build(const struct machine *m, struct tables *t)
{
    if (!has_apic(m))
        return;
    struct pointer *p = POINTER;
    struct config *c = table_space(t, sizeof *c);
    memcpy(c->signature, "PCMP", 4);
    c->revision = 4;
    memcpy(c->oem, "UMBRA   ", 8);
    memcpy(c->product, "PC          ", 12);
    c->lapic = LAPIC;

    struct cpu_entry *cpu = table_bytes(t, sizeof *cpu);
    *cpu = (struct cpu_entry){
        0, lapic_id(), lapic_version(), 3, m->cpu_signature, m->cpu_features, {0, 0}};
    struct bus_entry *bus = table_bytes(t, sizeof *bus);
    *bus = (struct bus_entry){1, BUS_PCI, {'P', 'C', 'I', ' ', ' ', ' '}};
    bus = table_bytes(t, sizeof *bus);
    *bus = (struct bus_entry){1, BUS_ISA, {'I', 'S', 'A', ' ', ' ', ' '}};
    struct ioapic_entry *io = table_bytes(t, sizeof *io);
    *io = (struct ioapic_entry){2, ioapic_id(), ioapic_version(), 1, IOAPIC};
    c->entries = 4;
    add_interrupts(c, t, ioapic_id());
    c->length = (u16)(table_end(t) - (u32)c);
    c->checksum = checksum(c, c->length);

    sign(p->signature, "\xA0MP_", 4);
    p->table = (u32)c;
    p->length = 1;
    p->revision = 4;
    p->checksum = checksum(p, sizeof *p);
}
