#include "partition/pc.h"

#include <stdio.h>

#include "cpu/state.h"
#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "devices/dma8237.h"
#include "devices/fpuirq.h"
#include "devices/i8042.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/pci/piix4pm.h"
#include "devices/pic.h"
#include "devices/pit.h"
#include "devices/port92.h"

#define VRAM_SIZE    (UINT32_C(16) << 20)
#define ROM_SPACE    (UINT64_C(1) << 20)
#define DEVFN(d, f)  ((d) << 3 | (f))
#define UPPER_MEMORY 0xC0000
#define LOW_BIOS_SEG 8 /* E0000 */
#define PAM_SEG_SIZE 0x4000

uint64_t pc_extra_memory(void)
{
    return VRAM_SIZE + VGA_FLAT_BYTES + ROM_SPACE;
}

void pc_power_button(struct pc *pc)
{
    piix4pm_power_button(pc->pm->state);
}

/* --- Memory ------------------------------------------------------------------------------ */

/* Puts a ROM into machine memory; NO_BACKING when it is empty. */
static uint64_t rom_place(struct board *b, struct pc_rom rom)
{
    if (!rom.len)
        return NO_BACKING;
    uint64_t offset = physmap_alloc(b->pm, rom.len);
    if (offset != NO_BACKING)
        memcpy(physmap_host(b->pm, offset), rom.data, rom.len);
    return offset;
}

static void rom_segments(struct board *b, unsigned first, uint64_t offset, size_t len)
{
    for (unsigned n = 0; offset != NO_BACKING && n * (size_t)PAM_SEG_SIZE < len; n++)
        board_rom_socket(b, first + n, offset + n * (uint64_t)PAM_SEG_SIZE);
}

/* What the PAM registers leave to ROM: the sockets. i440FX's reset maps them. */
static const char *place_roms(struct board *b, const struct pc_config *config)
{
    struct pc_rom bios = config->bios;
    if (bios.len < 0x10000 || bios.len > 0x40000 || bios.len % PAGE_SIZE)
        return "the system BIOS must be 64 KiB to 256 KiB, in whole 4 KiB";
    if (config->vga_bios.len > 0x10000)
        return "an option ROM must not be larger than 64 KiB";
    uint64_t offset = rom_place(b, bios);
    uint64_t vga = rom_place(b, config->vga_bios);
    if (offset == NO_BACKING)
        return "no room for the ROMs";
    physmap_map_rom(b->pm, BIT(32) - bios.len, bios.len, offset, NO_BACKING);
    rom_segments(b, 0, vga, config->vga_bios.len);
    board_rom_socket(b, PAM_SEGMENTS - 1, offset + bios.len - 0x10000);
    if (bios.len >= 0x20000)
        rom_segments(b, LOW_BIOS_SEG, offset + bios.len - 0x20000, 0x10000);
    return NULL;
}

static void place_ram(struct board *b)
{
    uint64_t size = physmap_ram_size(b->pm);
    physmap_map_ram(b->pm, 0, 0xA0000, 0);
    if (size > 0x100000)
        physmap_map_ram(b->pm, 0x100000, size - 0x100000, 0x100000);
}

/* --- Devices ----------------------------------------------------------------------------- */

static void fill_boot(struct pc *pc)
{
    const struct pc_config *c = &pc->config;
    char all[4] = {0};
    bool disk = false, cd = false;
    for (unsigned i = 0; i < PC_IDE_DRIVES; i++) {
        disk |= c->ide[i].kind == IDE_DISK;
        cd |= c->ide[i].kind == IDE_CDROM && c->ide[i].image;
    }
    snprintf(all, sizeof all, "%s%s%s", c->floppy[0] ? "a" : "", disk ? "c" : "", cd ? "d" : "");
    const char *letters = c->boot ? c->boot : all;
    unsigned n = 0;
    for (; *letters && n < 3; letters++) {
        enum rtc_boot what = *letters == 'a'   ? RTC_BOOT_FLOPPY
                             : *letters == 'c' ? RTC_BOOT_DISK
                             : *letters == 'd' ? RTC_BOOT_CD
                                               : RTC_BOOT_NET;
        pc->rtc_config.boot[n++] = (uint8_t)what;
    }
}

static void fill_configs(struct pc *pc, struct board *b, struct vcpu *c)
{
    const struct pc_config *config = &pc->config;
    pc->rtc_config.ram_below_4g = physmap_ram_size(b->pm);
    pc->rtc_config.fpu = c->model >= CPU_386;
    pc->rtc_config.cpus = 1;
    pc->rtc_config.boot_unsigned_floppy = true;
    for (unsigned i = 0; i < PC_FLOPPIES; i++) {
        bool present = i == 0 || config->floppy[i]; /* A is always there, B for its image */
        enum fdc_drive_type type = present ? fdc_drive_for(config->floppy[i]) : FDC_NONE;
        pc->fdc_config.unit[i] = (struct fdc_unit){type, config->floppy[i]};
        pc->rtc_config.floppy[i] = (uint8_t)type;
    }
    for (unsigned i = 0; i < PC_IDE_DRIVES; i++) {
        pc->ide_config.unit[i] = config->ide[i];
        if (config->ide[i].kind != IDE_DISK)
            continue;
        const struct disk_geometry g = disk_image_info(config->ide[i].image)->geometry;
        pc->rtc_config.disk[i] =
            (struct rtc_disk){g.cylinders, (uint8_t)(g.heads & 0xFF), (uint8_t)g.sectors};
    }
    fill_boot(pc);
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        pc->uart_config[i] =
            (struct uart_config){.base = i ? 0x2F8 : 0x3F8, .out = config->serial[i]};
    pc->lpt_config.out = config->parallel;
    pc->loader_config.plan = config->kernel;
    pc->loader_config.rom = config->boot_rom.data;
    pc->loader_config.rom_size = config->boot_rom.len;
    pc->vga_config.vram_size = VRAM_SIZE;
    pc->vga_config.rom = config->vga_bios.data;
    pc->vga_config.rom_size = config->vga_bios.len;
}

struct builder {
    struct board *b;
    const char *error;
};

/* Adds a device unless an earlier one failed. */
static struct bus *add(struct builder *k, const struct device_class *cls, const void *config,
                       struct dma_limits limits)
{
    return k->error ? NULL : board_add(k->b, cls, config, limits, &k->error);
}

static struct bus *add_isa(struct builder *k, const struct device_class *cls, const void *config)
{
    return add(k, cls, config, (struct dma_limits){0});
}

static struct bus *add_pci(struct builder *k, const struct device_class *cls, const void *config,
                           unsigned devfn)
{
    struct bus *bus = add(k, cls, config, (struct dma_limits){.address_bits = 32});
    k->b->pci[devfn] = bus;
    return bus;
}

/* --- Wiring ------------------------------------------------------------------------------ */

static const char *const irq_nets[16] = {"IRQ0",  "IRQ1",  "IRQ2",  "IRQ3", "IRQ4",  "IRQ5",
                                         "IRQ6",  "IRQ7",  "IRQ8",  "IRQ9", "IRQ10", "IRQ11",
                                         "IRQ12", "IRQ13", "IRQ14", "IRQ15"};

static void wire_out(struct builder *k, struct bus *from, const char *pin, const char *net)
{
    if (from)
        board_connect_output(k->b, from, pin, board_net(k->b, net));
}

static void wire_in(struct builder *k, struct bus *to, const char *pin, const char *net)
{
    if (to)
        board_connect_input(k->b, to, pin, board_net(k->b, net));
}

static void intr_sink(void *ctx, unsigned pin, bool level)
{
    struct vcpu *c = ctx;
    (void)pin;
    if (level)
        vcpu_attend(c, EVENT_INTR);
    else
        c->events &= ~(uint32_t)EVENT_INTR;
}

static void nmi_sink(void *ctx, unsigned pin, bool level)
{
    (void)pin;
    if (level)
        vcpu_attend(ctx, EVENT_NMI);
}

static void init_sink(void *ctx, unsigned pin, bool level)
{
    (void)pin;
    if (level)
        vcpu_attend(ctx, EVENT_INIT);
}

static void ignne_sink(void *ctx, unsigned pin, bool level)
{
    struct vcpu *c = ctx;
    (void)pin;
    c->ignne = level;
}

static void a20_sink(void *ctx, unsigned pin, bool level)
{
    (void)pin;
    physmap_set_a20(ctx, level);
}

static void wire_interrupts(struct builder *k, struct bus *pic, struct bus *lapic,
                            struct bus *ioapic, struct bus *piix3, struct vcpu *c)
{
    static const char *const ioapic_pin[16] = {"IN2",  "IN1",  NULL,   "IN3", "IN4",  "IN5",
                                               "IN6",  "IN7",  "IN8",  "IN9", "IN10", "IN11",
                                               "IN12", "IN13", "IN14", "IN15"};
    for (unsigned n = 0; n < 16; n++) {
        if (n == 2)
            continue; /* the cascade */
        wire_in(k, pic, irq_nets[n], irq_nets[n]);
        if (ioapic_pin[n])
            wire_in(k, ioapic, ioapic_pin[n], irq_nets[n]);
        wire_out(k, piix3, irq_nets[n], irq_nets[n]);
    }
    wire_out(k, pic, "INTR", "PIC-INTR");
    if (lapic) {
        wire_in(k, lapic, "LINT0", "PIC-INTR");
        wire_out(k, lapic, "INTR", "CPU-INTR");
        wire_out(k, lapic, "NMI", "CPU-NMI");
        wire_out(k, lapic, "INIT", "CPU-INIT");
        board_net_sink(k->b, board_net(k->b, "CPU-NMI"), nmi_sink, c, 0);
        board_net_sink(k->b, board_net(k->b, "CPU-INIT"), init_sink, c, 0);
    }
    const char *cpu_net = lapic ? "CPU-INTR" : "PIC-INTR";
    board_net_sink(k->b, board_net(k->b, cpu_net), intr_sink, c, 0);
}

const char *pc_build(struct pc *pc, struct board *b, const struct pc_config *config, struct vcpu *c)
{
    struct builder k = {b, NULL};
    pc->config = *config;
    fill_configs(pc, b, c);
    place_ram(b);
    k.error = place_roms(b, config);

    add_pci(&k, &i440fx_class, NULL, DEVFN(0, 0));
    struct bus *piix3 = add_pci(&k, &piix3_class, NULL, DEVFN(1, 0));
    pc->ide = add_pci(&k, &ide_class, &pc->ide_config, DEVFN(1, 1));
    pc->pm = add_pci(&k, &piix4pm_class, NULL, DEVFN(1, 3));
    pc->vga = add_pci(&k, &vga_class, &pc->vga_config, DEVFN(2, 0));
    struct bus *pic = b->pic = add_isa(&k, &pic_class, NULL);
    pc->pit = add_isa(&k, &pit_class, NULL);
    struct bus *rtc = add_isa(&k, &rtc_class, &pc->rtc_config);
    pc->i8042 = add_isa(&k, &i8042_class, NULL);
    struct bus *port92 = add_isa(&k, &port92_class, NULL);
    struct bus *fpuirq = add_isa(&k, &fpuirq_class, NULL);
    struct bus *dma = add(&k, &dma8237_class, NULL, (struct dma_limits){.address_bits = 24});
    pc->fdc = add_isa(&k, &fdc_class, &pc->fdc_config);
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        pc->uart[i] = add_isa(&k, &uart_class, &pc->uart_config[i]);
    struct bus *lpt = add_isa(&k, &lpt_class, &pc->lpt_config);
    add_isa(&k, &debug_class, &pc->config.debug);
    struct bus *ioapic = NULL;
    if (config->has_apic && c->model >= CPU_PENTIUM) {
        pc->lapic = b->lapic = add_isa(&k, &lapic_class, NULL);
        ioapic = b->ioapic = add_isa(&k, &ioapic_class, NULL);
    }
    if (config->kernel)
        add_pci(&k, &loader_class, &pc->loader_config, DEVFN(3, 0));
    if (k.error)
        return k.error;

    wire_interrupts(&k, pic, pc->lapic, ioapic, piix3, c);
    wire_out(&k, pc->pit, "OUT0", "IRQ0");
    wire_out(&k, pc->i8042, "IRQ1", "IRQ1");
    wire_out(&k, pc->i8042, "IRQ12", "IRQ12");
    wire_out(&k, pc->i8042, "A20", "A20");
    wire_out(&k, port92, "A20", "A20");
    board_net_sink(b, board_net(b, "A20"), a20_sink, b->pm, 0);
    wire_out(&k, rtc, "IRQ8", "IRQ8");
    wire_in(&k, pc->pm, "IRQ8", "IRQ8");
    wire_out(&k, pc->pm, "SCI", "IRQ9");
    wire_out(&k, pc->uart[0], "IRQ", "IRQ4");
    wire_out(&k, pc->uart[1], "IRQ", "IRQ3");
    wire_out(&k, lpt, "IRQ", "IRQ7");
    wire_out(&k, pc->fdc, "IRQ6", "IRQ6");
    wire_out(&k, pc->fdc, "DRQ2", "DRQ2");
    wire_in(&k, dma, "DRQ2", "DRQ2");
    b->dma_channel[2] = pc->fdc;
    wire_out(&k, pc->ide, "IRQ14", "IRQ14");
    wire_out(&k, pc->ide, "IRQ15", "IRQ15");
    wire_in(&k, fpuirq, "FERR", "FERR");
    wire_out(&k, fpuirq, "IRQ13", "IRQ13");
    wire_out(&k, fpuirq, "IGNNE", "IGNNE");
    board_net_sink(b, board_net(b, "IGNNE"), ignne_sink, c, 0);
    return NULL;
}
