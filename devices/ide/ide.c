/* devices/ide/ide.c: the PCI function, its ports, and what the board calls. The channels do the
 * work (channel.c). */
#include "devices/ide/state.h"

enum { RANGE_COMMAND0, RANGE_CONTROL0, RANGE_COMMAND1, RANGE_CONTROL1, RANGE_BM };

/* --- PCI configuration (82371SB 2.3) -------------------------------------------------------- */

enum { PCI_IDETIM = 0x40, PCI_SIDETIM = 0x44 };

static void pci_describe(struct pci_config *pci)
{
    pci_config_init(pci, &(struct pci_identity){
                             .vendor = 0x8086,
                             .device = 0x7010,
                             .class_code = 0x010180,
                             .command_mask = PCI_COMMAND_IO | PCI_COMMAND_MASTER,
                         });
    pci_config_set(pci, PCI_STATUS, 2, 0x0280, 0);
    pci_config_bar(pci, 4, (struct pci_bar){BAR_PORTS, RANGE_BM, false, 16});
    /* The datasheet's reset value is 0, both channels off until the BIOS turns them on. The legacy
     * ports of ours always answer; so that drivers which look here agree, they are on from reset.
     */
    pci_config_set(pci, PCI_IDETIM, 4, 0x80008000, 0xffffffff);
    pci_config_set(pci, PCI_SIDETIM, 1, 0, 0xff);
}

static uint32_t ide_pci_read(void *state, unsigned reg, unsigned size)
{
    return pci_config_read(&((struct ide *)state)->pci, reg, size);
}

static void ide_pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct ide *ide = state;
    pci_config_write(&ide->pci, ide->bus, reg, value, size);
}

/* --- Life ---------------------------------------------------------------------------------- */

static const char *ide_init(void *state, struct bus *bus, const void *config)
{
    struct ide *ide = state;
    const struct ide_config *c = config;
    ide->bus = bus;
    pci_describe(&ide->pci);
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        const struct ide_unit *unit = &c->unit[i];
        struct ide_drive *d = &ide->channel[i / 2].drive[i % 2];
        if (unit->kind == IDE_DISK && !unit->image)
            return "an IDE disk needs an image";
        d->kind = unit->kind;
        d->image = unit->image;
        d->sectors = unit->kind == IDE_DISK ? disk_image_sectors(unit->image) : 0;
        ide->channel[i / 2].ide = ide;
        ide->channel[i / 2].number = i / 2;
    }
    return NULL;
}

static void ide_reset(void *state)
{
    struct ide *ide = state;
    pci_config_reset(&ide->pci, ide->bus);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_reset(&ide->channel[i]);
}

static void ide_loaded(void *state)
{
    struct ide *ide = state;
    pci_config_loaded(&ide->pci, ide->bus);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_loaded(&ide->channel[i]);
}

static void ide_timer(void *state, unsigned timer, uint64_t now_ns)
{
    struct ide *ide = state;
    (void)now_ns;
    ide_channel_timer(&ide->channel[timer & 1]);
}

/* --- Ports --------------------------------------------------------------------------------- */

static uint32_t ide_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct ide *ide = state;
    uint32_t value = 0;
    if (range == RANGE_BM)
        return bm_read(&ide->channel[offset >> 3 & 1], offset & 7, size);
    struct ide_channel *ch = &ide->channel[range / 2];
    if (range == RANGE_CONTROL0 || range == RANGE_CONTROL1)
        return ide_alternate_status(ch);
    if (offset == 0)
        return ide_data_read(ch, size);
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)ide_register_read(ch, offset + i) << i * 8;
    return value;
}

static void ide_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct ide *ide = state;
    if (range == RANGE_BM) {
        bm_write(&ide->channel[offset >> 3 & 1], offset & 7, value, size);
        return;
    }
    struct ide_channel *ch = &ide->channel[range / 2];
    if (range == RANGE_CONTROL0 || range == RANGE_CONTROL1) {
        ide_control_write(ch, (uint8_t)value);
    } else if (offset == 0) {
        ide_data_write(ch, value, size);
    } else {
        for (unsigned i = 0; i < size; i++)
            ide_register_write(ch, offset + i, (uint8_t)(value >> i * 8));
    }
}

/* --- For the board and the frontend --------------------------------------------------------- */

static struct ide_drive *drive_of(void *state, unsigned unit)
{
    struct ide *ide = state;
    return unit < IDE_UNITS ? &ide->channel[unit / 2].drive[unit % 2] : NULL;
}

struct disk_image *ide_change_disc(void *state, unsigned unit, struct disk_image *image)
{
    struct ide_drive *d = drive_of(state, unit);
    if (!d || d->kind != IDE_CDROM)
        return image;
    struct disk_image *old = d->image;
    d->image = image;
    d->cd.tray_open = 0;
    d->cd.attention = image != NULL;
    d->cd.event = image ? 2 : 3;
    d->cd.left = 0; /* a read in flight ends short: its blocks are gone */
    return old;
}

bool ide_disc_is_locked(const void *state, unsigned unit)
{
    const struct ide *ide = state;
    return unit < IDE_UNITS && ide->channel[unit / 2].drive[unit % 2].cd.locked;
}

struct ide_counters ide_activity(const void *state, unsigned unit)
{
    const struct ide *ide = state;
    return unit < IDE_UNITS ? ide->channel[unit / 2].drive[unit % 2].counters
                            : (struct ide_counters){0};
}

/* --- The descriptor ------------------------------------------------------------------------ */

static const struct field cd_fields[] = {
    FIELD_ARRAY(struct ide_cd, packet, "command packet"),
    FIELD(struct ide_cd, sense_key, "sense key"),
    FIELD(struct ide_cd, asc, "additional sense code"),
    FIELD(struct ide_cd, ascq, "its qualifier"),
    FIELD(struct ide_cd, attention, "UNIT ATTENTION pending"),
    FIELD(struct ide_cd, event, "media event pending"),
    FIELD(struct ide_cd, locked, "medium removal prevented"),
    FIELD(struct ide_cd, tray_open, "tray is open"),
    FIELD(struct ide_cd, dma, "packet uses DMA"),
    FIELD(struct ide_cd, sector_flags, "READ CD: parts of a sector"),
    FIELD(struct ide_cd, byte_limit, "bytes a DRQ block at most"),
    FIELD(struct ide_cd, lba, "next block"),
    FIELD(struct ide_cd, left, "blocks to go"),
    FIELD(struct ide_cd, block_size, "bytes a block"),
    FIELD_END,
};

static const struct field drive_fields[] = {
    FIELD_ARRAY(struct ide_drive, feature, "feature register, and before"),
    FIELD_ARRAY(struct ide_drive, count, "sector count, and before"),
    FIELD_ARRAY(struct ide_drive, lba_low, "LBA low, and before"),
    FIELD_ARRAY(struct ide_drive, lba_mid, "LBA mid, and before"),
    FIELD_ARRAY(struct ide_drive, lba_high, "LBA high, and before"),
    FIELD(struct ide_drive, device, "device/head register"),
    FIELD(struct ide_drive, status, "status register"),
    FIELD(struct ide_drive, error, "error register"),
    FIELD(struct ide_drive, intrq, "interrupt pending"),
    FIELD(struct ide_drive, action, "what happens at the timer"),
    FIELD(struct ide_drive, after, "what happens after the data block"),
    FIELD(struct ide_drive, to_host, "direction of the data"),
    FIELD(struct ide_drive, pending_error, "error to report"),
    FIELD(struct ide_drive, ext, "48-bit command"),
    FIELD(struct ide_drive, lba, "next sector"),
    FIELD(struct ide_drive, left, "sectors to go"),
    FIELD(struct ide_drive, block, "sectors a DRQ block"),
    FIELD(struct ide_drive, buf_pos, "bytes of the buffer through"),
    FIELD(struct ide_drive, buf_drq, "end of the DRQ block"),
    FIELD(struct ide_drive, buf_len, "bytes in the buffer"),
    FIELD_ARRAY(struct ide_drive, buffer, "sector buffer"),
    FIELD(struct ide_drive, heads, "heads of the CHS translation"),
    FIELD(struct ide_drive, track, "sectors a track of it"),
    FIELD(struct ide_drive, multiple, "SET MULTIPLE"),
    FIELD(struct ide_drive, dma_mode, "transfer mode chosen"),
    FIELD(struct ide_drive, power_mode, "power mode"),
    FIELD(struct ide_drive, write_cache, "write cache on"),
    FIELD(struct ide_drive, smart, "SMART on"),
    FIELD_SUB1(struct ide_drive, cd, cd_fields, "CD-ROM"),
    FIELD_END,
};

static const struct field bm_fields[] = {
    FIELD(struct ide_bm, command, "command"),
    FIELD(struct ide_bm, status, "status"),
    FIELD(struct ide_bm, last, "descriptor is the last"),
    FIELD(struct ide_bm, table, "descriptor table"),
    FIELD(struct ide_bm, next, "next descriptor"),
    FIELD(struct ide_bm, address, "current address"),
    FIELD(struct ide_bm, left, "bytes left of the descriptor"),
    FIELD(struct ide_bm, fetched, "descriptors fetched"),
    FIELD_END,
};

static const struct field channel_fields[] = {
    FIELD(struct ide_channel, select, "selected drive"),
    FIELD(struct ide_channel, control, "device control"),
    FIELD(struct ide_channel, irq_level, "interrupt line"),
    FIELD(struct ide_channel, timer_on, "timer runs"),
    FIELD(struct ide_channel, deadline, "its deadline, ns"),
    FIELD_SUB(struct ide_channel, drive, drive_fields, "drives"),
    FIELD_SUB1(struct ide_channel, bm, bm_fields, "bus master"),
    FIELD_END,
};

static const struct field ide_fields[] = {
    FIELD_SUB(struct ide, channel, channel_fields, "channels"),
    FIELD_SUB1(struct ide, pci, pci_config_fields, "PCI configuration"),
    FIELD_END,
};

static const struct port_range ide_ports[] = {
    [RANGE_COMMAND0] = {0x1f0, 8, SIZE_1 | SIZE_2 | SIZE_4}, [RANGE_CONTROL0] = {0x3f6, 1, SIZE_1},
    [RANGE_COMMAND1] = {0x170, 8, SIZE_1 | SIZE_2 | SIZE_4}, [RANGE_CONTROL1] = {0x376, 1, SIZE_1},
    [RANGE_BM] = {0, 16, SIZE_1 | SIZE_2 | SIZE_4},
};

static const char *const ide_outputs[] = {"IRQ14", "IRQ15"};

const struct device_class ide_class = {
    .name = "ide",
    .title = "PIIX3 IDE controller",
    .state_size = sizeof(struct ide),
    .fields = ide_fields,
    .ports = ide_ports,
    .port_count = ARRAY_LEN(ide_ports),
    .outputs = ide_outputs,
    .output_count = ARRAY_LEN(ide_outputs),
    .timer_count = 2,
    .init = ide_init,
    .reset = ide_reset,
    .port_read = ide_port_read,
    .port_write = ide_port_write,
    .timer = ide_timer,
    .pci_read = ide_pci_read,
    .pci_write = ide_pci_write,
    .loaded = ide_loaded,
};
