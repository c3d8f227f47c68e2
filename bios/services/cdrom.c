/* Booting from CD: El Torito 1.0 without emulation, and with a floppy or hard-disk image, whose
 * 512-byte sectors are then served from the CD under the image's drive number. */
#include "services.h"

struct cd_emulation cd_emulation;

static u8 read_sector(u32 device, u32 lba)
{
    u32 done;
    struct farptr buffer = {DATA_SEG, (u16)(uintptr_t)disk_buffer};
    return cd_read(&drives[cd_drive[device]], lba, 1, buffer, &done);
}

static u32 dword_at(const u8 *p)
{
    return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static int text_at(const u8 *p, const char *s)
{
    for (; *s; s++)
        if (*p++ != (u8)*s)
            return 0;
    return 1;
}

/* The LBA of the boot catalog from the boot record in sector 17, or 0. */
static u32 find_catalog(u32 device)
{
    if (read_sector(device, 17) != DISK_OK)
        return 0;
    if (disk_buffer[0] != 0 || !text_at(disk_buffer + 1, "CD001") ||
        !text_at(disk_buffer + 7, "EL TORITO SPECIFICATION"))
        return 0;
    return dword_at(disk_buffer + 0x47);
}

static int catalog_valid(void)
{
    u16 sum = 0;
    for (u32 i = 0; i < 32; i += 2)
        sum = (u16)(sum + (disk_buffer[i] | disk_buffer[i + 1] << 8));
    return disk_buffer[0] == 1 && disk_buffer[30] == 0x55 && disk_buffer[31] == 0xAA && sum == 0;
}

/* Geometry of the image: fixed for floppies, from the first partition's end for a disk. */
static int set_geometry(struct cd_emulation *e)
{
    static const u8 per_track[] = {0, 15, 18, 36};
    if (e->media >= 1 && e->media <= 3) {
        e->cylinders = 80;
        e->heads = 2;
        e->per_track = per_track[e->media];
    } else if (e->media == 4) {
        if (read_sector(e->device, e->lba) != DISK_OK)
            return 0;
        const u8 *p = disk_buffer + 0x1BE;
        e->heads = (u16)(p[5] + 1);
        e->per_track = p[6] & 0x3F;
        e->cylinders = (u16)((p[7] | (u32)(p[6] & 0xC0) << 2) + 1);
    }
    return e->media == 0 || e->per_track != 0;
}

/* Makes room for the image among the drives that DOS counts. */
static void count_drive(const struct cd_emulation *e)
{
    u16 equipment = bda16(BDA_EQUIPMENT);
    if (e->media >= 1 && e->media <= 3)
        set_bda16(BDA_EQUIPMENT, (equipment & 1) ? (equipment & 0xFF3F) | 0x40 : equipment | 1);
    else if (e->media == 4)
        set_bda8(BDA_HD_COUNT, (u8)(hard_disk_count + 1));
}

static u8 emulated_read(u32 lba512, u32 count, struct farptr p, u32 *done)
{
    const struct cd_emulation *e = &cd_emulation;
    *done = 0;
    while (*done < count) {
        u32 at = lba512 + *done, within = at & 3, n = 4 - within;
        struct farptr to = far_normal(p.seg, p.off);
        to = far_normal((u16)(to.seg + *done * 32), to.off);
        if (n > count - *done)
            n = count - *done;
        u8 status = read_sector(e->device, e->lba + (at >> 2));
        if (status != DISK_OK)
            return status;
        copy_out(to.seg, to.off, disk_buffer + within * 512, n * 512);
        *done += n;
    }
    return DISK_OK;
}

static const char *load_image(struct cd_emulation *e, struct farptr *entry)
{
    u32 done, sectors = e->load_sectors;
    u16 seg = e->segment ? e->segment : 0x7C0;
    u8 status;
    if (e->media) {
        e->active = 1;
        status = emulated_read(0, sectors, (struct farptr){seg, 0}, &done);
    } else {
        status = cd_read(&drives[cd_drive[e->device]], e->lba, (sectors + 3) / 4,
                         (struct farptr){seg, 0}, &done);
        e->active = 1;
    }
    if (status != DISK_OK) {
        e->active = 0;
        return "boot image cannot be read";
    }
    count_drive(e);
    /* Code assembled for 0000:7C00 finds itself there. */
    *entry = seg == 0x7C0 ? (struct farptr){0, 0x7C00} : (struct farptr){seg, 0};
    return 0;
}

const char *cd_boot(u32 n, struct farptr *entry)
{
    struct cd_emulation *e = &cd_emulation;
    memset(e, 0, sizeof *e);
    u8 status = cd_wait_ready(&drives[cd_drive[n]]);
    if (status != DISK_OK)
        return status == DISK_NO_MEDIA ? "no disc in the drive" : "drive not ready";
    u32 catalog = find_catalog(n);
    if (!catalog)
        return "no boot record (El Torito) on the disc";
    if (read_sector(n, catalog) != DISK_OK || !catalog_valid())
        return "boot catalog is damaged";
    const u8 *initial = disk_buffer + 32;
    if (initial[0] != 0x88)
        return "disc is marked as not bootable";
    e->device = (u8)n;
    e->media = initial[1] & 15;
    e->segment = (u16)(initial[2] | initial[3] << 8);
    e->load_sectors = (u16)(initial[6] | initial[7] << 8);
    e->lba = dword_at(initial + 8);
    if (e->media > 4)
        return "unknown kind of boot image";
    if (!e->load_sectors)
        e->load_sectors = e->media ? 1 : 4;
    u32 room = 0xA000u - (e->segment ? e->segment : 0x7C0);
    if (e->segment >= 0x9800 || e->load_sectors * 32u > room)
        return "boot image does not fit into memory";
    e->drive = e->media == 4 ? 0x80 : e->media ? 0x00 : (u8)(0xE0 + n);
    if (!set_geometry(e))
        return "boot image has no partition table";
    return load_image(e, entry);
}

/* --- INT 13h 4Ah to 4Eh --- */

static void write_specification(const struct regs *r)
{
    const struct cd_emulation *e = &cd_emulation;
    u16 at = r->si;
    u32 last = e->cylinders ? e->cylinders - 1u : 0;
    poke8(r->ds, at, 0x13);
    poke8(r->ds, (u16)(at + 1), e->media);
    poke8(r->ds, (u16)(at + 2), e->drive);
    poke8(r->ds, (u16)(at + 3), (u8)((drives[cd_drive[e->device]].port == 0x170)));
    poke32(r->ds, (u16)(at + 4), e->lba);
    poke16(r->ds, (u16)(at + 8), drives[cd_drive[e->device]].slave);
    poke16(r->ds, (u16)(at + 10), 0);
    poke16(r->ds, (u16)(at + 12), e->segment);
    poke16(r->ds, (u16)(at + 14), e->load_sectors);
    poke8(r->ds, (u16)(at + 16), (u8)last);
    poke8(r->ds, (u16)(at + 17), (u8)((last >> 2 & 0xC0) | e->per_track));
    poke8(r->ds, (u16)(at + 18), (u8)(e->heads ? e->heads - 1 : 0));
}

/* 4Ah and 4Ch: an image that the caller describes. */
static u8 initiate(const struct regs *r, struct farptr *entry, int boot)
{
    struct cd_emulation next = cd_emulation;
    next.media = peek8(r->ds, (u16)(r->si + 1)) & 15;
    next.drive = peek8(r->ds, (u16)(r->si + 2));
    next.lba = peek32(r->ds, (u16)(r->si + 4));
    next.segment = peek16(r->ds, (u16)(r->si + 12));
    next.load_sectors = peek16(r->ds, (u16)(r->si + 14));
    if (next.media > 4 || !cd_count || !set_geometry(&next))
        return DISK_BAD_COMMAND;
    cd_emulation = next;
    cd_emulation.active = 1;
    return boot && load_image(&cd_emulation, entry) ? DISK_CONTROLLER : DISK_OK;
}

/* 4Dh: sectors of the boot catalog. */
static u8 give_catalog(const struct regs *r)
{
    u32 catalog = find_catalog(cd_emulation.device), done;
    u32 count = peek8(r->ds, (u16)(r->si + 1)), first = peek16(r->ds, (u16)(r->si + 6));
    struct farptr to = {peek16(r->ds, (u16)(r->si + 4)), peek16(r->ds, (u16)(r->si + 2))};
    if (!catalog)
        return DISK_CONTROLLER;
    return cd_read(&drives[cd_drive[cd_emulation.device]], catalog + first, count, to, &done);
}

static int torito_function(struct regs *r)
{
    u8 status = DISK_OK;
    struct farptr entry;
    switch (r->ah) {
    case 0x4A:
        status = initiate(r, &entry, 0);
        break;
    case 0x4B:
        write_specification(r);
        if (r->al == 0)
            cd_emulation.active = 0;
        break;
    case 0x4C:
        status = initiate(r, &entry, 1);
        if (status == DISK_OK)
            boot_jump(cd_emulation.drive, (u32)entry.seg << 16 | entry.off);
        break;
    case 0x4D:
        status = give_catalog(r);
        break;
    default:
        return 0;
    }
    r->ah = status;
    set_carry(r, status != DISK_OK);
    return 1;
}

/* --- INT 13h for the image --- */

static u8 image_chs(struct regs *r, int read)
{
    const struct cd_emulation *e = &cd_emulation;
    u32 cylinder = r->ch | (u32)(r->cl & 0xC0) << 2, sector = r->cl & 0x3F, count = r->al, done = 0;
    if (!count || !sector || sector > e->per_track || r->dh >= e->heads ||
        cylinder >= e->cylinders) {
        r->al = 0;
        return DISK_NOT_FOUND;
    }
    u32 lba = (cylinder * e->heads + r->dh) * e->per_track + sector - 1;
    u8 status = DISK_OK;
    if (read) {
        status = emulated_read(lba, count, (struct farptr){r->es, r->bx}, &done);
        r->al = (u8)done;
    }
    return status;
}

static u32 image_sectors(void)
{
    const struct cd_emulation *e = &cd_emulation;
    return (u32)e->cylinders * e->heads * e->per_track;
}

/* 42h and 44h for a disk image. */
static u8 image_edd(struct regs *r, int read)
{
    u32 done = 0, lba = peek32(r->ds, (u16)(r->si + 8)), count = peek16(r->ds, (u16)(r->si + 2));
    struct farptr to = {peek16(r->ds, (u16)(r->si + 6)), peek16(r->ds, (u16)(r->si + 4))};
    if (peek8(r->ds, r->si) < 16)
        return DISK_BAD_COMMAND;
    u8 status = DISK_NOT_FOUND;
    if (!peek32(r->ds, (u16)(r->si + 12)) && lba < image_sectors() &&
        count <= image_sectors() - lba) {
        status = read ? emulated_read(lba, count, to, &done) : DISK_OK;
        done = read ? done : count;
    }
    poke16(r->ds, (u16)(r->si + 2), (u16)done);
    return status;
}

/* 48h for a disk image: the 26 bytes of EDD 1.x. */
static u8 image_edd_parameters(const struct regs *r)
{
    const struct cd_emulation *e = &cd_emulation;
    if (peek16(r->ds, r->si) < 26)
        return DISK_BAD_COMMAND;
    poke16(r->ds, r->si, 26);
    poke16(r->ds, (u16)(r->si + 2), 2); /* the geometry is valid */
    poke32(r->ds, (u16)(r->si + 4), e->cylinders);
    poke32(r->ds, (u16)(r->si + 8), e->heads);
    poke32(r->ds, (u16)(r->si + 12), e->per_track);
    poke32(r->ds, (u16)(r->si + 16), image_sectors());
    poke32(r->ds, (u16)(r->si + 20), 0);
    poke16(r->ds, (u16)(r->si + 24), 512);
    return DISK_OK;
}

static void image_parameters(struct regs *r)
{
    const struct cd_emulation *e = &cd_emulation;
    u32 last = e->cylinders - 1u;
    static const u8 types[] = {0, 2, 4, 6, 0};
    r->ax = 0;
    r->bl = types[e->media];
    r->ch = (u8)last;
    r->cl = (u8)((last >> 2 & 0xC0) | e->per_track);
    r->dh = (u8)(e->heads - 1);
    r->dl = e->media == 4 ? bda8(BDA_HD_COUNT) : (u8)(1 + (bda16(BDA_EQUIPMENT) >> 6 & 3));
    if (e->media < 4) {
        r->es = peek16(0, 0x7A);
        r->di = peek16(0, 0x78);
    }
}

static void image_int13(struct regs *r)
{
    u8 status = DISK_OK;
    int disk = cd_emulation.media == 4;
    switch (r->ah) {
    case 0x00:
    case 0x09:
    case 0x0D:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x16:
    case 0x47:
        break;
    case 0x01:
        r->ah = bda8(disk ? BDA_HD_STATUS : BDA_FD_STATUS);
        set_carry(r, r->ah != 0);
        return;
    case 0x02:
        status = image_chs(r, 1);
        break;
    case 0x04:
        status = image_chs(r, 0);
        break;
    case 0x03:
    case 0x05:
    case 0x43:
        status = DISK_WRITE_PROTECTED;
        break;
    case 0x08:
        image_parameters(r);
        break;
    case 0x15:
        r->ah = disk ? 3 : 1;
        set_carry(r, 0);
        return;
    case 0x41:
        if (disk && r->bx == 0x55AA) {
            r->bx = 0xAA55;
            r->ax = 0x2100;
            r->cx = 1;
            set_carry(r, 0);
            return;
        }
        status = DISK_BAD_COMMAND;
        break;
    case 0x42:
    case 0x44:
        status = disk ? image_edd(r, r->ah == 0x42) : DISK_BAD_COMMAND;
        break;
    case 0x48:
        status = disk ? image_edd_parameters(r) : DISK_BAD_COMMAND;
        break;
    default:
        status = DISK_BAD_COMMAND;
    }
    set_bda8(disk ? BDA_HD_STATUS : BDA_FD_STATUS, status);
    r->ah = status;
    set_carry(r, status != DISK_OK);
}

/* The image takes number 0 or 80h; the drives of that kind move up by one. 4Ah, 4Ch and 4Dh need no
 * image yet, only a CD drive. */
int cd_emulated_int13(struct regs *r)
{
    const struct cd_emulation *e = &cd_emulation;
    if (r->ah >= 0x4A && r->ah <= 0x4D && cd_count && (e->active || r->ah != 0x4B))
        return torito_function(r);
    if (!e->active || !e->media)
        return 0;
    if (r->dl == e->drive) {
        image_int13(r);
        return 1;
    }
    if ((r->dl & 0x80) == (e->drive & 0x80) && r->dl < 0xE0) {
        u8 dl = r->dl;
        r->dl = (u8)(dl - 1);
        if (r->dl & 0x80) {
            if (r->dl - 0x80 < hard_disk_count)
                disk_int13(r, &drives[hard_disk[r->dl - 0x80]]);
            else
                return r->dl = dl, 0;
        } else {
            floppy_int13(r);
        }
        if (r->dl == (u8)(dl - 1))
            r->dl = dl;
        return 1;
    }
    return 0;
}
