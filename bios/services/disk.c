/* INT 13h for hard disks: CHS functions with a translated geometry, and the EDD extensions; and the
 * dispatch of every INT 13h between floppies, disks, CD-ROMs and the El Torito image.
 * Sources: IBM PS/2 and PC BIOS Interface Technical Reference; Enhanced Disk Drive
 * Specification 3.0. */
#include "services.h"

void c_int13(struct regs *r);

/* --- geometry --- */

/* What the partition table was made for: the end of a partition is the last sector of a track, so
 * its head and sector give the geometry. 0 when the sector holds no such table. */
static int geometry_from_table(const struct drive *d, u16 *heads, u16 *per_track)
{
    if (disk_buffer[510] != 0x55 || disk_buffer[511] != 0xAA)
        return 0;
    for (u32 i = 0; i < 4; i++) {
        const u8 *p = disk_buffer + 0x1BE + i * 16;
        u32 start = p[8] | (u32)p[9] << 8 | (u32)p[10] << 16 | (u32)p[11] << 24;
        u32 size = p[12] | (u32)p[13] << 8 | (u32)p[14] << 16 | (u32)p[15] << 24;
        u32 end_head = p[5], end_sector = p[6] & 0x3F, end_cyl = p[7] | (u32)(p[6] & 0xC0) << 2;
        if ((p[0] & 0x7F) || !p[4] || !size || !end_sector || !end_head)
            continue;
        u32 h = end_head + 1, s = end_sector;
        u32 end = start + size - 1;
        u32 begin_lba = ((p[3] | (u32)(p[2] & 0xC0) << 2) * h + p[1]) * s + (p[2] & 0x3F) - 1;
        u32 end_lba = (end_cyl * h + end_head) * s + end_sector - 1;
        if (begin_lba != start || (end_lba != end && end_cyl < 1022))
            continue;
        if ((u64)end >= d->sectors)
            continue;
        *heads = (u16)h;
        *per_track = (u16)s;
        return 1;
    }
    return 0;
}

/* LBA assist (EDD annex): 63 sectors, and heads so that at most 1024 cylinders result. */
static void geometry_assist(const struct drive *d, u16 *heads, u16 *per_track)
{
    u32 sectors = d->sectors > 0xFFFFFFFF ? 0xFFFFFFFF : (u32)d->sectors;
    if (d->cylinders && d->heads && d->heads <= 16 && d->per_track && d->cylinders <= 1024 &&
        (u32)d->cylinders * d->heads * d->per_track + 16384 >= sectors) {
        *heads = d->heads;
        *per_track = d->per_track;
        return;
    }
    u32 per_cylinder = sectors / (63 * 1024);
    *per_track = 63;
    *heads = per_cylinder < 16    ? 16
             : per_cylinder < 32  ? 32
             : per_cylinder < 64  ? 64
             : per_cylinder < 128 ? 128
                                  : 255;
}

/* Fixed-disk parameter table for INT 41h and 46h (IBM AT), in the EBDA at 3Dh and 4Dh. */
static void write_fdpt(u32 disk, const struct drive *d)
{
    u16 at = (u16)(0x3D + disk * 16);
    poke16(EBDA_SEG, at, d->l_cylinders);
    poke8(EBDA_SEG, (u16)(at + 2), (u8)d->l_heads);
    poke16(EBDA_SEG, (u16)(at + 5), 0xFFFF);
    poke8(EBDA_SEG, (u16)(at + 8), d->l_heads > 8 ? 0x08 : 0);
    poke16(EBDA_SEG, (u16)(at + 12), d->l_cylinders);
    poke8(EBDA_SEG, (u16)(at + 14), (u8)d->l_track);
    poke32(0, disk ? 0x46 * 4 : 0x41 * 4, (u32)EBDA_SEG << 16 | at);
}

void hard_disk_set_geometry(u32 disk)
{
    struct drive *d = &drives[hard_disk[disk]];
    u32 done;
    struct farptr buffer = {DATA_SEG, (u16)(uintptr_t)disk_buffer};
    d->l_heads = 0;
    if (ata_transfer(d, ATA_READ, 0, 1, buffer, &done) != DISK_OK ||
        !geometry_from_table(d, &d->l_heads, &d->l_track))
        geometry_assist(d, &d->l_heads, &d->l_track);
    u32 sectors = d->sectors > 0xFFFFFFFF ? 0xFFFFFFFF : (u32)d->sectors;
    u32 cylinders = sectors / ((u32)d->l_heads * d->l_track);
    d->l_cylinders = (u16)(cylinders > 1024 ? 1024 : cylinders ? cylinders : 1);
    if (disk < 2)
        write_fdpt(disk, d);
}

/* --- CHS functions --- */

static u8 chs_transfer(struct regs *r, const struct drive *d, enum ata_op op)
{
    u32 cylinder = r->ch | (u32)(r->cl & 0xC0) << 2, sector = r->cl & 0x3F, count = r->al, done;
    r->al = 0;
    if (!count || !sector)
        return DISK_BAD_COMMAND;
    if (r->dh >= d->l_heads || sector > d->l_track)
        return DISK_BAD_COMMAND;
    u32 lba = (cylinder * d->l_heads + r->dh) * d->l_track + sector - 1;
    u8 status = ata_transfer(d, op, lba, count, (struct farptr){r->es, r->bx}, &done);
    r->al = (u8)done;
    return status;
}

static void parameters(struct regs *r, const struct drive *d)
{
    u32 last = d->l_cylinders > 1 ? d->l_cylinders - 2u : 0; /* the last one is for diagnostics */
    r->ax = 0;
    r->bl = 0;
    r->ch = (u8)last;
    r->cl = (u8)((last >> 2 & 0xC0) | d->l_track);
    r->dh = (u8)(d->l_heads - 1);
    r->dl = hard_disk_count;
}

/* --- EDD --- */

/* The disk address packet at DS:SI. */
struct packet {
    u16 count;
    struct farptr buffer;
    u64 lba;
};

/* Returns DISK_OK, or why the packet is not valid. */
static u8 read_packet(const struct regs *r, struct packet *p)
{
    u8 size = peek8(r->ds, r->si);
    if (size < 16)
        return DISK_BAD_COMMAND;
    p->count = peek16(r->ds, (u16)(r->si + 2));
    p->buffer.off = peek16(r->ds, (u16)(r->si + 4));
    p->buffer.seg = peek16(r->ds, (u16)(r->si + 6));
    p->lba = peek32(r->ds, (u16)(r->si + 8)) | (u64)peek32(r->ds, (u16)(r->si + 12)) << 32;
    if (p->buffer.off == 0xFFFF && p->buffer.seg == 0xFFFF) {
        /* a flat 64-bit address: served where real mode reaches it */
        if (size < 24 || peek32(r->ds, (u16)(r->si + 20)) ||
            peek32(r->ds, (u16)(r->si + 16)) >= 0xA0000)
            return DISK_BAD_COMMAND;
        u32 flat = peek32(r->ds, (u16)(r->si + 16));
        p->buffer = (struct farptr){(u16)(flat >> 4), flat & 15};
    }
    return DISK_OK;
}

static u8 edd_transfer(struct regs *r, const struct drive *d, enum ata_op op)
{
    struct packet p;
    u32 done = 0;
    u8 status = read_packet(r, &p);
    if (status != DISK_OK)
        return status;
    if (d->kind == DRIVE_ATAPI)
        status = op == ATA_WRITE  ? DISK_WRITE_PROTECTED
                 : p.lba >> 32    ? DISK_NOT_FOUND
                 : op != ATA_READ ? DISK_OK
                                  : cd_read(d, (u32)p.lba, p.count, p.buffer, &done);
    else
        status = ata_transfer(d, op, p.lba, p.count, p.buffer, &done);
    if (status != DISK_OK)
        poke16(r->ds, (u16)(r->si + 2), (u16)done);
    return status;
}

static void put_text(u16 seg, u16 off, const char *s, u32 n)
{
    for (; n; n--)
        poke8(seg, off++, *s ? (u8)*s++ : ' ');
}

/* 48h: the result buffer of 26, 30 or 74 bytes. */
static u8 edd_parameters(struct regs *r, const struct drive *d)
{
    u16 seg = r->ds, at = r->si, size = peek16(seg, at);
    int cd = d->kind == DRIVE_ATAPI;
    if (size < 26)
        return DISK_BAD_COMMAND;
    u64 sectors = cd ? ~0ull : d->sectors;
    poke16(seg, at, 26);
    poke16(seg, (u16)(at + 2), cd ? 0x74 : d->sectors < 0xFC0000 ? 2 : 0);
    poke32(seg, (u16)(at + 4), cd ? 0xFFFFFFFF : d->cylinders);
    poke32(seg, (u16)(at + 8), cd ? 0xFFFFFFFF : d->heads);
    poke32(seg, (u16)(at + 12), cd ? 0xFFFFFFFF : d->per_track);
    poke32(seg, (u16)(at + 16), (u32)sectors);
    poke32(seg, (u16)(at + 20), (u32)(sectors >> 32));
    poke16(seg, (u16)(at + 24), cd ? 2048 : 512);
    if (size >= 30) {
        poke16(seg, at, 30);
        poke32(seg, (u16)(at + 26), 0xFFFFFFFF); /* no device parameter table extension */
    }
    if (size >= 66) {
        u8 sum = 0;
        poke16(seg, at, 66);
        poke16(seg, (u16)(at + 30), 0xBEDD);
        poke8(seg, (u16)(at + 32), 36);
        for (u16 i = 33; i < 66; i++)
            poke8(seg, (u16)(at + i), 0);
        put_text(seg, (u16)(at + 36), "ISA", 4);
        put_text(seg, (u16)(at + 40), cd ? "ATAPI" : "ATA", 8);
        poke16(seg, (u16)(at + 48), d->port);
        poke8(seg, (u16)(at + 56), d->slave);
        for (u16 i = 30; i < 65; i++)
            sum = (u8)(sum + peek8(seg, (u16)(at + i)));
        poke8(seg, (u16)(at + 65), (u8)-sum);
    }
    return DISK_OK;
}

static u8 edd_present(struct regs *r, const struct drive *d)
{
    if (r->bx != 0x55AA)
        return DISK_BAD_COMMAND;
    r->bx = 0xAA55;
    r->ax = 0x3000;
    r->cx = d->kind == DRIVE_ATAPI ? 0x0007 : 0x0005; /* packet access, (removable,) EDD */
    return DISK_OK;
}

static u8 check_ready(const struct drive *d)
{
    return in8((u16)(d->port + 7)) & 0x80 ? DISK_NOT_READY : DISK_OK;
}

static void answer(struct regs *r, u8 status)
{
    set_bda8(BDA_HD_STATUS, status);
    r->ah = status;
    set_carry(r, status != DISK_OK);
}

void disk_int13(struct regs *r, struct drive *d)
{
    u8 status = DISK_OK;
    switch (r->ah) {
    case 0x00:
    case 0x0D:
        status = ata_reset(d);
        break;
    case 0x01:
        r->ah = bda8(BDA_HD_STATUS);
        set_bda8(BDA_HD_STATUS, 0);
        set_carry(r, r->ah != 0);
        return;
    case 0x02:
    case 0x0A:
        status = chs_transfer(r, d, ATA_READ);
        break;
    case 0x03:
    case 0x0B:
        status = chs_transfer(r, d, ATA_WRITE);
        break;
    case 0x04:
        status = chs_transfer(r, d, ATA_VERIFY);
        break;
    case 0x05: /* IDE drives are formatted in the factory */
    case 0x09: /* geometry: the drive keeps its own */
    case 0x0C:
    case 0x11:
    case 0x47:
        break;
    case 0x08:
        parameters(r, d);
        break;
    case 0x10:
        status = check_ready(d);
        break;
    case 0x14:
        break;
    case 0x15: {
        u32 sectors = ((u32)d->l_cylinders - 1) * d->l_heads * d->l_track;
        r->cx = (u16)(sectors >> 16);
        r->dx = (u16)sectors;
        set_bda8(BDA_HD_STATUS, 0);
        r->ah = 3;
        set_carry(r, 0);
        return;
    }
    case 0x41:
        status = edd_present(r, d);
        if (status == DISK_OK) {
            set_carry(r, 0);
            return;
        }
        break;
    case 0x42:
        status = edd_transfer(r, d, ATA_READ);
        break;
    case 0x43:
        status = r->al > 2 ? DISK_BAD_COMMAND : edd_transfer(r, d, ATA_WRITE);
        break;
    case 0x44:
        status = edd_transfer(r, d, ATA_VERIFY);
        break;
    case 0x48:
        status = edd_parameters(r, d);
        break;
    default:
        status = DISK_BAD_COMMAND;
    }
    answer(r, status);
}

/* --- CD-ROMs without emulation --- */

static u8 eject(const struct drive *d)
{
    static const u8 start_stop[12] = {0x1B, 0, 0, 0, 2};
    u16 sense;
    return atapi_command(d, start_stop, (struct farptr){DATA_SEG, 0}, 0, &sense);
}

void cd_int13(struct regs *r, struct drive *d)
{
    u8 status = DISK_OK;
    switch (r->ah) {
    case 0x00:
    case 0x09:
    case 0x0D:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x47:
        break;
    case 0x01:
        r->ah = bda8(BDA_HD_STATUS);
        set_carry(r, r->ah != 0);
        return;
    case 0x03:
    case 0x05:
    case 0x43:
        status = DISK_WRITE_PROTECTED;
        break;
    case 0x15:
        r->ah = 2;
        set_carry(r, 0);
        return;
    case 0x41:
        status = edd_present(r, d);
        if (status == DISK_OK) {
            set_carry(r, 0);
            return;
        }
        break;
    case 0x42:
        status = edd_transfer(r, d, ATA_READ);
        break;
    case 0x44:
        status = edd_transfer(r, d, ATA_VERIFY);
        break;
    case 0x45: /* the tray is never locked */
        if (r->al == 2)
            r->al = 0;
        break;
    case 0x46:
        status = eject(d);
        break;
    case 0x48:
        status = edd_parameters(r, d);
        break;
    case 0x49:
        status = cd_wait_ready(d) == DISK_OK ? DISK_OK : DISK_CHANGED;
        break;
    default:
        status = DISK_BAD_COMMAND;
    }
    answer(r, status);
}

/* --- dispatch --- */

static struct drive *drive_of(u8 dl)
{
    if (dl >= 0x80 && dl - 0x80 < hard_disk_count)
        return &drives[hard_disk[dl - 0x80]];
    if (dl >= 0xE0 && dl - 0xE0 < cd_count)
        return &drives[cd_drive[dl - 0xE0]];
    return 0;
}

void c_int13(struct regs *r)
{
    if (cd_emulated_int13(r))
        return;
    if (r->dl < 0x80) {
        floppy_int13(r);
        return;
    }
    struct drive *d = drive_of(r->dl);
    if (!d) {
        r->ah = r->ah == 0x15 ? 0 : DISK_BAD_COMMAND;
        set_bda8(BDA_HD_STATUS, DISK_BAD_COMMAND);
        set_carry(r, 1);
    } else if (d->kind == DRIVE_ATAPI) {
        cd_int13(r, d);
    } else {
        disk_int13(r, d);
    }
}
