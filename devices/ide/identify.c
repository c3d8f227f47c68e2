/* devices/ide/identify.c: what IDENTIFY DEVICE and IDENTIFY PACKET DEVICE answer
 * (ATA-6 8.15, 8.16).
 */
#include "devices/ide/state.h"

#include <stdio.h>

static void word(uint8_t *out, unsigned n, unsigned value)
{
    store_le16(out + n * 2, (uint16_t)value);
}

/* ATA strings: padded with spaces, the first character in the high byte. */
static void string(uint8_t *out, unsigned n, unsigned words, const char *text)
{
    size_t len = strlen(text);
    for (unsigned i = 0; i < words * 2; i++)
        out[(n * 2 + i) ^ 1] = i < len ? (uint8_t)text[i] : ' ';
}

/* Words 49..64, 80..: what disks and CD-ROMs share. dma_mode: 20h+n multiword, 40h+n ultra. */
static void modes(const struct ide_drive *d, uint8_t *out)
{
    unsigned mode = d->dma_mode & 7;
    word(out, 53, 6); /* words 64-70 and 88 are valid */
    word(out, 63, 0x07 | (d->dma_mode >> 3 == 4 ? 0x100u << mode : 0));
    word(out, 64, 3);   /* PIO 3 and 4 */
    word(out, 65, 120); /* ns a cycle: minimum, advised, PIO */
    word(out, 66, 120);
    word(out, 67, 120);
    word(out, 68, 120);
    word(out, 80, 0x7e); /* ATA-1 to ATA/ATAPI-6 */
    word(out, 88, 0x07 | (d->dma_mode >> 3 == 8 ? 0x100u << mode : 0));
}

static void serial(const struct ide_channel *ch, const struct ide_drive *d, uint8_t *out)
{
    char text[21];
    snprintf(text, sizeof text, "UM%05u", ch->number * 2u + (d != ch->drive) + 1);
    string(out, 10, 10, text);
    string(out, 23, 4, "1.0");
}

void ata_identify(const struct ide_channel *ch, const struct ide_drive *d, uint8_t out[512])
{
    struct disk_geometry g = ata_default_geometry(d);
    uint32_t lba28 = d->sectors < 0x0fffffff ? (uint32_t)d->sectors : 0x0fffffff;
    uint32_t current = (uint32_t)d->heads * d->track;
    uint64_t cylinders = current ? d->sectors / current : 0;
    cylinders = cylinders > 65535 ? 65535 : cylinders;
    uint64_t capacity = cylinders * current;
    memset(out, 0, 512);
    word(out, 0, 0x0040); /* fixed */
    word(out, 1, g.cylinders);
    word(out, 3, g.heads);
    word(out, 4, g.sectors * DISK_SECTOR);
    word(out, 5, DISK_SECTOR);
    word(out, 6, g.sectors);
    serial(ch, d, out);
    word(out, 20, 3);
    word(out, 21, 512);
    string(out, 27, 20, "UMBRA HARDDISK");
    word(out, 47, 0x8010); /* READ MULTIPLE: at most 16 */
    word(out, 48, 1);      /* 32-bit data port */
    word(out, 49, 0x0f00); /* IORDY, LBA, DMA */
    word(out, 50, 0x4000);
    word(out, 51, 0x0200);
    modes(d, out);
    word(out, 53, 7);
    word(out, 54, (unsigned)cylinders);
    word(out, 55, d->heads);
    word(out, 56, d->track);
    store_le32(out + 57 * 2, (uint32_t)capacity);
    word(out, 59, d->multiple ? 0x0100u | d->multiple : 0);
    store_le32(out + 60 * 2, lba28);
    word(out, 82, 0x4029); /* NOP, write cache, power management, SMART */
    word(out, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit */
    word(out, 84, 0x4000);
    word(out, 85, 0x4008 | (d->write_cache ? 0x20 : 0) | (d->smart ? 1 : 0));
    word(out, 86, 0x3400);
    word(out, 87, 0x4000);
    word(out, 93, d == ch->drive ? 0x600b : 0x6b00); /* reset result, 40-wire cable */
    store_le64(out + 100 * 2, d->sectors);
}

void atapi_identify(const struct ide_channel *ch, const struct ide_drive *d, uint8_t out[512])
{
    memset(out, 0, 512);
    word(out, 0, 0x85c0); /* ATAPI CD-ROM, removable, DRQ within 50 us, 12-byte packets */
    serial(ch, d, out);
    string(out, 27, 20, "UMBRA CD-ROM");
    word(out, 48, 1);
    word(out, 49, 0x0b00);
    modes(d, out);
    word(out, 71, 30);
    word(out, 72, 30);
    word(out, 82, 0x4010);
    word(out, 83, 0x4000);
    word(out, 84, 0x4000);
    word(out, 85, 0x4010);
    word(out, 87, 0x4000);
    word(out, 93, d == ch->drive ? 0x600b : 0x6b00);
}
