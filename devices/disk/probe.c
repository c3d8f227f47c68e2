/* devices/disk/probe.c: floppy, CD or hard disk, and its geometry, from size and content.
 *
 * Size decides first: the sizes of PC floppies belong to floppies. A file below 1.44 MB that is one
 * sector long or ends its first sector with 55h AAh is a floppy too, padded with zeros, unless it
 * has a partition table with an active partition. CD001 at
 * 8001h is an ISO 9660 volume. All else is a hard disk. */
#include "devices/disk/probe.h"

#define FLOPPY_144 (1440 * 1024)

static const struct floppy_size {
    uint16_t kilobytes;
    uint8_t cylinders, heads, sectors;
} floppy_sizes[] = {
    {160, 40, 1, 8}, {180, 40, 1, 9},   {320, 40, 2, 8},   {360, 40, 2, 9},
    {720, 80, 2, 9}, {1200, 80, 2, 15}, {1440, 80, 2, 18}, {2880, 80, 2, 36},
};

bool disk_floppy_geometry(uint64_t bytes, struct disk_geometry *geometry)
{
    for (unsigned i = 0; i < ARRAY_LEN(floppy_sizes); i++) {
        const struct floppy_size *f = &floppy_sizes[i];
        if (bytes == f->kilobytes * UINT64_C(1024)) {
            *geometry = (struct disk_geometry){f->cylinders, f->heads, f->sectors};
            return true;
        }
    }
    return false;
}

static uint16_t word_at(struct span s, size_t at)
{
    return (uint16_t)(span_byte(s, at) | span_byte(s, at + 1) << 8);
}

static uint32_t dword_at(struct span s, size_t at)
{
    return word_at(s, at) | (uint32_t)word_at(s, at + 2) << 16;
}

static bool has_signature(struct span sector0)
{
    return word_at(sector0, 510) == 0xaa55;
}

/* The medium's size as the BIOS parameter block tells it (FAT: bytes per sector at 0Bh, total
 * sectors at 13h, sectors per track at 18h, heads at 1Ah); 0 when there is no believable one. */
static uint64_t bpb_size(struct span sector0)
{
    struct disk_geometry unused;
    uint64_t size = word_at(sector0, 0x13) * UINT64_C(512);
    bool plausible = word_at(sector0, 0x0b) == 512 && word_at(sector0, 0x18) >= 1 &&
                     word_at(sector0, 0x18) <= 36 && word_at(sector0, 0x1a) >= 1 &&
                     word_at(sector0, 0x1a) <= 2;
    return plausible && disk_floppy_geometry(size, &unused) ? size : 0;
}

/* A file shorter than its medium: the BPB's word, else 1.44 MB, the size that every PC reads. */
static uint64_t padded_floppy_size(const struct disk_probe *probe)
{
    uint64_t size = bpb_size(probe->sector0);
    return size >= probe->file_size ? size : FLOPPY_144;
}

struct mbr_entry {
    uint8_t type, end_head, end_sector;
    uint32_t start, count;
};

static struct mbr_entry mbr_entry(struct span sector0, unsigned n)
{
    size_t at = 0x1be + 16 * n;
    return (struct mbr_entry){
        .type = span_byte(sector0, at + 4),
        .end_head = span_byte(sector0, at + 5),
        .end_sector = span_byte(sector0, at + 6) & 0x3f,
        .start = dword_at(sector0, at + 8),
        .count = dword_at(sector0, at + 12),
    };
}

/* A boot sector's code can look like a table: believe it only when every entry in use makes sense.
 */
static bool mbr_is_valid(struct span sector0)
{
    unsigned used = 0;
    if (!has_signature(sector0))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry e = mbr_entry(sector0, i);
        uint8_t status = span_byte(sector0, 0x1be + 16 * i);
        if (status & 0x7f)
            return false;
        if (!e.type)
            continue;
        if (!e.start || !e.count)
            return false;
        used++;
    }
    return used > 0;
}

/* A small disk with an active partition (xv6 makes one of 1.1 MB) is no floppy. */
static bool mbr_is_bootable(struct span sector0)
{
    unsigned active = 0;
    for (unsigned i = 0; i < 4; i++)
        active += span_byte(sector0, 0x1be + 16 * i) == 0x80;
    return active == 1 && mbr_is_valid(sector0);
}

static struct disk_geometry hard_disk_geometry(const struct disk_probe *probe)
{
    struct disk_geometry g = {0, 16, 63};
    uint64_t sectors = (probe->file_size + DISK_SECTOR - 1) / DISK_SECTOR;
    if (mbr_is_valid(probe->sector0)) {
        for (unsigned i = 0; i < 4; i++) {
            struct mbr_entry e = mbr_entry(probe->sector0, i);
            if (e.type && e.end_head && e.end_head < 255 && e.end_sector) {
                g.heads = e.end_head + 1u;
                g.sectors = e.end_sector;
                break;
            }
        }
    } else if (sectors > UINT64_C(1024) * 16 * 63) {
        g.heads = 255;
    }
    uint64_t cylinders = sectors / (g.heads * g.sectors);
    g.cylinders = cylinders < 1 ? 1 : cylinders > UINT32_MAX ? UINT32_MAX : (uint32_t)cylinders;
    return g;
}

static bool is_iso9660(const struct disk_probe *probe)
{
    return probe->volume.len >= 6 && memcmp(probe->volume.data + 1, "CD001", 5) == 0;
}

static const char *probe_cd(const struct disk_probe *probe, struct disk_info *info)
{
    struct span boot = probe->boot_record;
    info->kind = DISK_CD;
    info->medium_size = align_up(probe->file_size, 2048);
    info->geometry = hard_disk_geometry(probe); /* isohybrid images boot as hard disks too */
    info->boot_signature = boot.len >= 0x27 && boot.data[0] == 0 &&
                           memcmp(boot.data + 1, "CD001", 5) == 0 &&
                           memcmp(boot.data + 7, "EL TORITO SPECIFICATION", 23) == 0;
    if (probe->volume.data[0] == 1 &&
        dword_at(probe->volume, 80) * UINT64_C(2048) > info->medium_size)
        return "the ISO 9660 volume is longer than the file: it looks truncated";
    return NULL;
}

static const char *probe_hard_disk(const struct disk_probe *probe, struct disk_info *info)
{
    info->kind = DISK_HARD;
    info->medium_size = align_up(probe->file_size, DISK_SECTOR);
    info->geometry = hard_disk_geometry(probe);
    if (mbr_is_valid(probe->sector0)) {
        for (unsigned i = 0; i < 4; i++) {
            struct mbr_entry e = mbr_entry(probe->sector0, i);
            /* EEh: a GPT's protective entry may cover more than there is */
            if (e.type && e.type != 0xee &&
                ((uint64_t)e.start + e.count) * DISK_SECTOR > info->medium_size)
                return "a partition ends beyond the end of the file: it looks truncated";
        }
    }
    return NULL;
}

static bool is_text(struct span sector)
{
    for (size_t i = 0; i < sector.len; i++) {
        uint8_t c = span_byte(sector, i);
        if (c == 0x7f || (c < 0x20 && (c < '\t' || c > '\r')))
            return false;
    }
    return true;
}

const char *disk_probe(const struct disk_probe *probe, struct disk_info *info)
{
    *info = (struct disk_info){
        .file_size = probe->file_size,
        .boot_signature = has_signature(probe->sector0),
        .text = is_text(probe->sector0),
    };
    if (disk_floppy_geometry(probe->file_size, &info->geometry)) {
        info->kind = DISK_FLOPPY;
        info->medium_size = probe->file_size;
        return NULL;
    }
    if (is_iso9660(probe))
        return probe_cd(probe, info);
    bool short_floppy =
        probe->file_size == DISK_SECTOR ||
        (probe->file_size < FLOPPY_144 && info->boot_signature && !mbr_is_bootable(probe->sector0));
    if (!short_floppy)
        return probe_hard_disk(probe, info);
    info->kind = DISK_FLOPPY;
    info->medium_size = padded_floppy_size(probe);
    disk_floppy_geometry(info->medium_size, &info->geometry);
    return NULL;
}
