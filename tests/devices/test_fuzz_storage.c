/* Random traffic on the storage devices; see fuzz_device.h. Besides raw register noise, the host
 * step plays a driver that has lost its mind: whole commands with random parameters, DMA tables
 * wherever they happen to lie, disks changed in mid-command, host errors. */
#include "devices/disk/probe.h"
#include "devices/dma8237.h"
#include "devices/fdc.h"
#include "devices/ide/ide.h"
#include "tests/devices/fuzz_device.h"

#include <stdlib.h>

#define DISK_SECTORS 2048

/* The media of all targets; one program, one thread. */
static struct disk_image *disk, *disc, *floppy;

static void refill(struct disk_image *image)
{
    uint8_t sector[DISK_SECTOR];
    for (uint64_t i = 0; i < disk_image_sectors(image); i++) {
        memset(sector, (int)i, sizeof sector);
        if (disk_image_write(image, i, (struct span){sector, sizeof sector}))
            abort();
    }
}

static void rewind_media(const void *config)
{
    (void)config;
    struct disk_image *all[] = {disk, disc, floppy};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        for (enum disk_operation op = DISK_OP_READ; op <= DISK_OP_FLUSH; op++)
            disk_image_fail(all[i], op, 0, DISK_OK);
        refill(all[i]);
    }
}

static void ide_put(void *state, unsigned range, unsigned reg, uint64_t value)
{
    ide_class.port_write(state, range, reg, (uint32_t)(value & 0xff), 1);
}

static void ide_packet(void *state, unsigned channel, struct fuzz_random *r)
{
    static const uint8_t commands[] = {0x00, 0x03, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25,
                                       0x28, 0x2b, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x52,
                                       0x55, 0x5a, 0xa8, 0xb9, 0xbd, 0xbe};
    uint64_t v = fuzz_next(r);
    uint8_t p[12] = {commands[fuzz_below(r, sizeof commands)]};
    for (unsigned i = 1; i < 12; i++)
        p[i] = fuzz_below(r, 3) ? (uint8_t)fuzz_below(r, 8) : (uint8_t)fuzz_next(r);
    ide_put(state, channel * 2, 1, v & 1);
    ide_put(state, channel * 2, 7, 0xa0);
    ide_class.timer(state, channel, 0); /* the board's timer, come early */
    for (unsigned i = 0; i < 12; i += 2)
        ide_class.port_write(state, channel * 2, 0, load_le16(p + i), 2);
}

static void ide_host(void *state, struct fuzz_random *r)
{
    static const uint8_t commands[] = {0x20, 0x24, 0x29, 0x30, 0x34, 0x39, 0xc4, 0xc5, 0xc6, 0xc8,
                                       0xca, 0x25, 0x35, 0x40, 0x42, 0xec, 0xa1, 0x91, 0xef, 0x90};
    uint64_t v = fuzz_next(r);
    unsigned channel = v & 1;
    switch (v >> 8 & 15) {
    case 0:
        ide_change_disc(state, 2, v >> 20 & 1 ? disc : NULL);
        return;
    case 1:
        disk_image_fail(v >> 20 & 1 ? disk : disc, v >> 21 & 1, 1 + (v >> 22 & 3),
                        v >> 24 & 1 ? DISK_IO_ERROR : DISK_NO_SPACE);
        return;
    }
    ide_put(state, channel * 2, 6, 0xe0);
    for (unsigned reg = 1; reg <= 5; reg++)
        ide_put(state, channel * 2, reg, reg > 3 ? v >> 60 : v >> (reg * 8));
    uint32_t table = (uint32_t)(v >> 30) & 0xffff8;
    ide_class.port_write(state, 4, channel * 8 + 4, table, 4);
    if (channel)
        ide_packet(state, 1, r);
    else
        ide_put(state, 0, 7, commands[fuzz_below(r, sizeof commands)]);
    ide_class.port_write(state, 4, channel * 8, v >> 40 & 9, 1);
    for (unsigned i = 0; i < (v >> 50 & 0xff); i++) {
        ide_class.port_write(state, channel * 2, 0, (uint32_t)v, 4);
        ide_class.port_read(state, channel * 2, 0, 4);
    }
}

static void fdc_host(void *state, struct fuzz_random *r)
{
    static const uint8_t commands[] = {0x46, 0xe6, 0x45, 0xc5, 0x42, 0x4d, 0x4a, 0x0f, 0x07,
                                       0x08, 0x13, 0x03, 0x8f, 0x56, 0x4c, 0x12, 0x0e};
    uint64_t v = fuzz_next(r);
    if (!(v & 0xf00)) {
        fdc_change_disk(state, 0, v & 1 ? floppy : NULL);
        return;
    }
    if (!(v & 0xf000))
        disk_image_fail(floppy, v & 1, 1, DISK_IO_ERROR);
    fdc_class.port_write(state, 0, 2, 0x1c, 1);
    fdc_class.port_write(state, 1, 0, v >> 16 & 3 ? 0 : 2, 1);
    fdc_class.port_write(state, 0, 5, commands[fuzz_below(r, sizeof commands)], 1);
    for (unsigned i = 0; i < 8; i++)
        fdc_class.port_write(state, 0, 5, (uint32_t)(i == 4 ? 2 : fuzz_below(r, 20)), 1);
}

/* The content probe on random first sectors: any answer, but a sane geometry. */
static int fuzz_probe(void)
{
    struct fuzz_random r = {7};
    for (unsigned run = 0; run < 20000; run++) {
        uint8_t sector0[512] = {0}, volume[2048];
        for (unsigned i = 0; i < 64; i++)
            sector0[fuzz_below(&r, 512)] = (uint8_t)fuzz_next(&r);
        if (fuzz_below(&r, 2))
            sector0[510] = 0x55, sector0[511] = 0xaa;
        for (unsigned i = 0; i < sizeof volume; i += 8)
            store_le64(volume + i, fuzz_next(&r));
        if (fuzz_below(&r, 2))
            memcpy(volume, "\1CD001", 6);
        struct disk_info info;
        struct disk_probe probe = {
            .file_size = 512 + (fuzz_next(&r) >> fuzz_below(&r, 56)) / 4,
            .sector0 = {sector0, sizeof sector0},
            .volume = {volume, fuzz_below(&r, sizeof volume + 1)},
            .boot_record = {volume, fuzz_below(&r, sizeof volume + 1)},
        };
        disk_probe(&probe, &info);
        if (info.medium_size < probe.file_size ||
            (info.kind != DISK_CD && (!info.geometry.heads || !info.geometry.sectors)))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    disk = disk_image_memory(NULL, 0, DISK_SECTORS * DISK_SECTOR);
    disc = disk_image_memory(NULL, 0, DISK_SECTORS * DISK_SECTOR);
    floppy = disk_image_memory(NULL, 0, 1440 * 1024);
    if (!disk || !disc || !floppy || fuzz_probe())
        return 1;
    struct ide_config ide = {.unit = {{IDE_DISK, disk}, {IDE_NONE, NULL}, {IDE_CDROM, disc}}};
    struct fdc_config fdc = {.unit = {{FDC_1440K, floppy}, {FDC_1200K, NULL}}};
    const struct fuzz_target targets[] = {
        {.class = &dma8237_class, .limits = {.address_bits = 24}, .damage_snapshots = true},
        {.class = &fdc_class,
         .config = &fdc,
         .host = fdc_host,
         .rewind = rewind_media,
         .damage_snapshots = true},
        {.class = &ide_class,
         .config = &ide,
         .host = ide_host,
         .rewind = rewind_media,
         .damage_snapshots = true},
    };
    int status = fuzz_main(argc, argv, targets, ARRAY_LEN(targets));
    disk_image_close(disk);
    disk_image_close(disc);
    disk_image_close(floppy);
    return status;
}
