/* ACPI 1.0 tables: RSDP below 1 MiB, RSDT, FADT, MADT and DSDT at the top of RAM, FACS behind them
 * in NVS memory. The numbers are the PIIX4's (ports at m->pm_base, SCI on IRQ 9).
 * Source: ACPI specification 1.0b, chapter 5; 2.0 for the MADT. */
#include "post.h"

extern const u8 dsdt_start[], dsdt_end[];

struct header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem[6], table[8];
    u32 oem_revision;
    char creator[4];
    u32 creator_revision;
} packed;

struct fadt {
    struct header h;
    u32 facs, dsdt;
    u8 int_model, reserved0;
    u16 sci_int;
    u32 smi_cmd;
    u8 acpi_enable, acpi_disable, s4bios_req, reserved1;
    u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
    u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base, reserved2;
    u16 lvl2_latency, lvl3_latency, flush_size, flush_stride;
    u8 duty_offset, duty_width, day_alarm, month_alarm, century, reserved3[3];
    u32 flags;
} packed;
_Static_assert(sizeof(struct fadt) == 116, "ACPI 1.0 FADT");

struct madt {
    struct header h;
    u32 lapic;
    u32 flags;
    struct {
        u8 type, length, processor, apic_id;
        u32 flags;
    } packed cpu;
    struct {
        u8 type, length, id, reserved;
        u32 address, gsi_base;
    } packed ioapic;
    struct {
        u8 type, length, bus, irq;
        u32 gsi;
        u16 flags;
    } packed overrides[4];
    struct {
        u8 type, length, processor;
        u16 flags;
        u8 lint;
    } packed nmi;
} packed;

struct rsdp {
    char signature[8];
    u8 checksum;
    char oem[6];
    u8 revision;
    u32 rsdt;
} packed;

static void fill_header(struct header *h, const char *signature, u32 length, u8 revision)
{
    memcpy(h->signature, signature, 4);
    h->length = length;
    h->revision = revision;
    memcpy(h->oem, "UMBRA ", 6);
    memcpy(h->table, "UMBRAPC ", 8);
    h->oem_revision = 1;
    memcpy(h->creator, "UMBR", 4);
    h->creator_revision = 1;
}

static void close(struct header *h)
{
    h->checksum = 0;
    h->checksum = checksum(h, h->length);
}

static void make_fadt(struct fadt *f, const struct machine *m, u32 facs, u32 dsdt)
{
    fill_header(&f->h, "FACP", sizeof *f, 1);
    f->facs = facs;
    f->dsdt = dsdt;
    f->int_model = 1; /* dual PIC */
    f->sci_int = 9;
    f->smi_cmd = 0xB2;
    f->acpi_enable = 0xF1;
    f->acpi_disable = 0xF0;
    f->pm1a_evt = m->pm_base;
    f->pm1a_cnt = m->pm_base + 4u;
    f->pm_tmr = m->pm_base + 8u;
    f->pm1_evt_len = 4;
    f->pm1_cnt_len = 2;
    f->pm_tmr_len = 4;
    f->lvl2_latency = 0xFFF; /* no C2, no C3 */
    f->lvl3_latency = 0xFFF;
    f->century = 0x32;
    f->flags = 1 | 4 | 0x20; /* WBINVD works, C1, no sleep button */
    close(&f->h);
}

static u32 make_madt(struct madt *t)
{
    static const u8 source[4] = {0, 9, 10, 11};
    fill_header(&t->h, "APIC", sizeof *t, 1);
    t->lapic = LAPIC;
    t->flags = 1; /* there are 8259s too */
    t->cpu.length = 8;
    t->cpu.apic_id = lapic_id();
    t->cpu.flags = 1;
    t->ioapic.type = 1;
    t->ioapic.length = 12;
    t->ioapic.id = ioapic_id();
    t->ioapic.address = IOAPIC;
    for (u32 i = 0; i < ARRAY_LEN(source); i++) {
        t->overrides[i].type = 2;
        t->overrides[i].length = 10;
        t->overrides[i].irq = source[i];
        t->overrides[i].gsi = i ? source[i] : 2; /* the timer is on pin 2 */
        t->overrides[i].flags = i ? 0x000D : 0;  /* active high, level */
    }
    t->nmi.type = 4;
    t->nmi.length = 6;
    t->nmi.processor = 0xFF;
    t->nmi.lint = 1;
    close(&t->h);
    return sizeof *t;
}

void acpi_build(const struct machine *m, struct tables *t)
{
    u32 base = 0, nvs = 0;
    for (u32 i = 0; i < m->map_count; i++) {
        if (m->map[i].type == E820_ACPI)
            base = (u32)m->map[i].base;
        if (m->map[i].type == E820_NVS)
            nvs = (u32)m->map[i].base;
    }
    if (!base || !nvs || !m->pm_base)
        return;
    memset((void *)base, 0, nvs - base);

    u8 *facs = (u8 *)nvs;
    memset(facs, 0, 64);
    memcpy(facs, "FACS", 4);
    facs[4] = 64;

    struct {
        struct header h;
        u32 entries[2];
    } packed *rsdt = (void *)base;
    struct fadt *fadt = (void *)(base + 0x40);
    struct madt *madt = (void *)(base + 0xC0);
    struct header *dsdt = (void *)(base + 0x200);

    memcpy(dsdt, dsdt_start, (size_t)(dsdt_end - dsdt_start));
    close(dsdt);
    make_fadt(fadt, m, nvs, (u32)dsdt);
    u32 entries = 1;
    rsdt->entries[0] = (u32)fadt;
    if (has_apic(m)) {
        make_madt(madt);
        rsdt->entries[entries++] = (u32)madt;
    }
    fill_header(&rsdt->h, "RSDT", sizeof(struct header) + entries * 4, 1);
    close(&rsdt->h);

    struct rsdp *rsdp = table_space(t, sizeof *rsdp);
    sign(rsdp->signature, "\xADSD PTR ", 8);
    memcpy(rsdp->oem, "UMBRA ", 6);
    rsdp->rsdt = (u32)rsdt;
    rsdp->checksum = checksum(rsdp, sizeof *rsdp);
}
