/* devices/ide/cdrom.c: the commands of the CD-ROM drive (SFF-8020i, MMC-3, SPC-2). A disc is one
 * data track of 2048-byte blocks, mode 1, in one session.
 *
 * Every answer is built in the drive's buffer and cut to the length that the packet allows. */
#include "devices/ide/state.h"

#define CD_BLOCK     2048
#define LEAD_IN      150 /* frames before block 0 */
#define LEAD_OUT     0xaa
#define FRAME_SECOND 75

enum {
    KEY_NONE,
    KEY_NOT_READY = 2,
    KEY_MEDIUM_ERROR = 3,
    KEY_ILLEGAL_REQUEST = 5,
    KEY_UNIT_ATTENTION = 6,
};

/* A command whose answer starts zeroed and may be this long before it is cut. */
#define ANSWER_MAX 4096

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

void cdrom_sense(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->cd.sense_key = key;
    d->cd.asc = asc;
    d->cd.ascq = ascq;
}

static enum cd_result fail(struct ide_drive *d, uint8_t key, uint8_t asc)
{
    cdrom_sense(d, key, asc, 0);
    return CD_FAILED;
}

static enum cd_result bad_field(struct ide_drive *d)
{
    return fail(d, KEY_ILLEGAL_REQUEST, 0x24);
}

/* An answer of len bytes, cut to what the packet allows; an empty one is no data phase. */
static enum cd_result answer(struct ide_drive *d, uint32_t len, uint32_t allowed)
{
    d->buf_pos = 0;
    d->buf_len = len < allowed ? len : allowed;
    return d->buf_len ? CD_DATA : CD_DONE;
}

static bool has_disc(const struct ide_drive *d)
{
    return d->image && !d->cd.tray_open;
}

static uint32_t disc_blocks(const struct ide_drive *d)
{
    uint64_t blocks = d->image ? disk_image_sectors(d->image) / (CD_BLOCK / DISK_SECTOR) : 0;
    return blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX;
}

/* An address as LBA or, when msf, as minute, second, frame. */
static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
    if (!msf) {
        put32(p, lba);
        return;
    }
    uint32_t frame = lba + LEAD_IN;
    p[0] = 0;
    p[1] = (uint8_t)(frame / (60 * FRAME_SECOND));
    p[2] = (uint8_t)(frame / FRAME_SECOND % 60);
    p[3] = (uint8_t)(frame % FRAME_SECOND);
}

/* --- Reading ------------------------------------------------------------------------------- */

static enum cd_result begin_read(struct ide_drive *d, uint32_t lba, uint32_t count,
                                 uint32_t block_size)
{
    uint32_t blocks = disc_blocks(d);
    if (lba > blocks || count > blocks - lba)
        return fail(d, KEY_ILLEGAL_REQUEST, 0x21);
    d->cd.lba = lba;
    d->cd.left = count;
    d->cd.block_size = block_size;
    d->buf_pos = d->buf_len = 0;
    return count ? CD_READ : CD_DONE;
}

/* READ CD's byte 9: 80h sync, 60h headers, 10h user data, 08h EDC and ECC. Mode 1 has no subheader.
 */
enum { PART_SYNC = 0x80, PART_HEADER = 0x20, PART_DATA = 0x10, PART_ECC = 0x08 };

static uint32_t parts_size(uint8_t flags)
{
    return (flags & PART_SYNC ? 12u : 0) + (flags & PART_HEADER ? 4u : 0) +
           (flags & PART_DATA ? (uint32_t)CD_BLOCK : 0) + (flags & PART_ECC ? 288u : 0);
}

static uint8_t bcd(uint32_t v)
{
    return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

/* Lays out the asked parts of one block at out; data is its 2048 bytes. EDC and ECC are zeros. */
static void put_parts(uint8_t *out, uint8_t flags, uint32_t lba, const uint8_t *data)
{
    if (flags & PART_SYNC) {
        memset(out, 0xff, 12);
        out[0] = out[11] = 0;
        out += 12;
    }
    if (flags & PART_HEADER) {
        uint8_t msf[4];
        put_address(msf, lba, true);
        out[0] = bcd(msf[1]);
        out[1] = bcd(msf[2]);
        out[2] = bcd(msf[3]);
        out[3] = 1;
        out += 4;
    }
    if (flags & PART_DATA) {
        memcpy(out, data, CD_BLOCK);
        out += CD_BLOCK;
    }
    if (flags & PART_ECC)
        memset(out, 0, 288);
}

static bool read_failed(struct ide_drive *d)
{
    cdrom_sense(d, KEY_MEDIUM_ERROR, 0x11, 0); /* unrecovered read error */
    d->cd.left = 0;
    d->buf_len = 0;
    return false;
}

bool cdrom_fetch(struct ide_drive *d)
{
    struct ide_cd *cd = &d->cd;
    uint32_t size = cd->block_size, n = size ? IDE_BUFFER / size : 0;
    n = cd->left < n ? cd->left : n;
    d->buf_pos = d->buf_len = 0;
    if (!has_disc(d)) {
        cdrom_sense(d, KEY_NOT_READY, 0x3a, 0);
        return false;
    }
    if (!n || cd->lba >= disc_blocks(d))
        return read_failed(d);
    uint64_t sector = (uint64_t)cd->lba * (CD_BLOCK / DISK_SECTOR);
    if (size == CD_BLOCK) {
        if (disk_image_read(d->image, sector, (struct span){d->buffer, n * CD_BLOCK}))
            return read_failed(d);
    } else {
        uint8_t block[CD_BLOCK];
        if (size != parts_size(cd->sector_flags))
            return read_failed(d);
        for (uint32_t i = 0; i < n; i++, sector += CD_BLOCK / DISK_SECTOR) {
            if (disk_image_read(d->image, sector, (struct span){block, sizeof block}))
                return read_failed(d);
            put_parts(d->buffer + i * size, cd->sector_flags, cd->lba + i, block);
        }
    }
    d->buf_len = n * size;
    cd->lba += n;
    cd->left -= n;
    d->counters.activity += n;
    return true;
}

static enum cd_result read_cd(struct ide_drive *d, uint32_t lba, uint32_t count)
{
    const uint8_t *p = d->cd.packet;
    uint8_t type = p[1] >> 2 & 7;
    if (type != 0 && type != 2) /* any, mode 1 */
        return fail(d, KEY_ILLEGAL_REQUEST, 0x64);
    if (p[10] & 7) /* no subchannel data */
        return bad_field(d);
    d->cd.sector_flags = p[9] & (PART_SYNC | PART_HEADER | PART_DATA | PART_ECC);
    uint32_t size = parts_size(d->cd.sector_flags);
    return size ? begin_read(d, lba, count, size) : CD_DONE;
}

static uint32_t msf_to_lba(const uint8_t *msf)
{
    uint32_t frame = (msf[0] * 60u + msf[1]) * FRAME_SECOND + msf[2];
    return frame >= LEAD_IN ? frame - LEAD_IN : UINT32_MAX;
}

static enum cd_result read_cd_msf(struct ide_drive *d)
{
    uint32_t from = msf_to_lba(d->cd.packet + 3), to = msf_to_lba(d->cd.packet + 6);
    if (from == UINT32_MAX || to == UINT32_MAX || to < from)
        return bad_field(d);
    return read_cd(d, from, to - from);
}

static enum cd_result read_capacity(struct ide_drive *d)
{
    put32(d->buffer, disc_blocks(d) - 1);
    put32(d->buffer + 4, CD_BLOCK);
    return answer(d, 8, 8);
}

/* --- What is on the disc -------------------------------------------------------------------- */

static uint8_t *toc_entry(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
    p[1] = 0x14; /* Q channel holds position; data track */
    p[2] = track;
    put_address(p + 4, lba, msf);
    return p + 8;
}

static enum cd_result read_toc(struct ide_drive *d)
{
    const uint8_t *packet = d->cd.packet;
    bool msf = packet[1] & 2;
    uint8_t format = packet[2] & 15, start = packet[6];
    uint8_t *p = d->buffer + 4;
    if (!format) /* SFF-8020i had it in the control byte */
        format = packet[9] >> 6;
    d->buffer[2] = d->buffer[3] = 1;
    switch (format) {
    case 0:
        if (start > 1 && start != LEAD_OUT)
            return bad_field(d);
        if (start <= 1)
            p = toc_entry(p, 1, 0, msf);
        p = toc_entry(p, LEAD_OUT, disc_blocks(d), msf);
        break;
    case 1:
        p = toc_entry(p, 1, 0, msf);
        break;
    case 2: /* raw Q channel: first track, last track, lead-out, track 1 */
        for (unsigned i = 0; i < 4; i++, p += 11) {
            static const uint8_t point[] = {0xa0, 0xa1, 0xa2, 1};
            uint8_t address[4];
            p[0] = 1;
            p[1] = 0x14;
            p[3] = point[i];
            if (i < 2) {
                p[8] = 1;
                continue;
            }
            put_address(address, i == 2 ? disc_blocks(d) : 0, true);
            memcpy(p + 8, address + 1, 3);
        }
        break;
    default:
        return bad_field(d);
    }
    uint32_t len = (uint32_t)(p - d->buffer);
    put16(d->buffer, len - 2);
    return answer(d, len, be16(packet + 7));
}

static enum cd_result read_disc_info(struct ide_drive *d)
{
    uint8_t *p = d->buffer;
    put16(p, 32);
    p[2] = 0x0e; /* complete, last session complete, not erasable */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20; /* unrestricted use */
    memset(p + 16, 0xff, 8);
    return answer(d, 34, be16(d->cd.packet + 7));
}

static enum cd_result read_track_info(struct ide_drive *d)
{
    uint8_t *p = d->buffer;
    put16(p, 34);
    p[2] = p[3] = 1;
    p[5] = 4;
    p[6] = 1;
    put32(p + 24, disc_blocks(d));
    return answer(d, 36, be16(d->cd.packet + 7));
}

static enum cd_result read_subchannel(struct ide_drive *d)
{
    uint8_t *p = d->buffer, format = d->cd.packet[3];
    uint32_t len = 4;
    p[1] = 0x15; /* no audio status */
    if (d->cd.packet[2] & 0x40) {
        if (format < 1 || format > 3)
            return bad_field(d);
        len = format == 1 ? 16 : 24;
        p[4] = format;
        if (format == 1) {
            p[5] = 0x14;
            p[6] = p[7] = 1;
        }
        put16(p + 2, len - 4);
    }
    return answer(d, len, be16(d->cd.packet + 7));
}

/* --- What the drive is ---------------------------------------------------------------------- */

static enum cd_result inquiry(struct ide_drive *d)
{
    uint8_t *p = d->buffer;
    if (d->cd.packet[1] & 3 || d->cd.packet[2])
        return bad_field(d);
    p[0] = 5;    /* CD-ROM */
    p[1] = 0x80; /* removable */
    p[3] = 0x21; /* ATAPI, response format 1 */
    p[4] = 31;
    memcpy(p + 8, "UMBRA   CD-ROM          1.0 ", 28);
    return answer(d, 36, d->cd.packet[4]);
}

static enum cd_result request_sense(struct ide_drive *d)
{
    uint8_t *p = d->buffer;
    if (d->cd.attention && !d->cd.sense_key) {
        cdrom_sense(d, KEY_UNIT_ATTENTION, 0x28, 0);
        d->cd.attention = 0;
    }
    p[0] = 0x70;
    p[2] = d->cd.sense_key;
    p[7] = 10;
    p[12] = d->cd.asc;
    p[13] = d->cd.ascq;
    cdrom_sense(d, KEY_NONE, 0, 0);
    return answer(d, 18, d->cd.packet[4]);
}

/* Appends a mode page at p; returns its length, 0 for a page that there is not. */
static uint32_t mode_page(const struct ide_drive *d, uint8_t *p, uint8_t page, bool changeable)
{
    switch (page) {
    case 0x01: /* error recovery */
        p[1] = 6;
        p[3] = changeable ? 0 : 5;
        break;
    case 0x0d: /* CD: S and F units */
        p[1] = 6;
        p[5] = changeable ? 0 : 60;
        p[7] = changeable ? 0 : FRAME_SECOND;
        break;
    case 0x0e: /* audio control: none to be heard */
        p[1] = 14;
        p[2] = changeable ? 0 : 4;
        break;
    case 0x2a: /* capabilities */
        p[1] = 18;
        if (!changeable) {
            p[2] = 3;                             /* reads CD-R, CD-RW */
            p[4] = 0x70;                          /* multisession, mode 2 */
            p[6] = 0x29 | (d->cd.locked ? 2 : 0); /* tray, eject, lock */
            put16(p + 8, 706);
            put16(p + 12, 128);
            put16(p + 14, 706);
        }
        break;
    default:
        return 0;
    }
    p[0] = page;
    return p[1] + 2u;
}

static enum cd_result mode_sense(struct ide_drive *d, bool ten)
{
    static const uint8_t pages[] = {0x01, 0x0d, 0x0e, 0x2a};
    uint8_t page = d->cd.packet[2] & 0x3f, control = d->cd.packet[2] >> 6;
    uint32_t len = ten ? 8 : 4, found = 0;
    if (control == 3) /* saved values */
        return fail(d, KEY_ILLEGAL_REQUEST, 0x39);
    for (unsigned i = 0; i < sizeof pages; i++) {
        if (page != 0x3f && page != pages[i])
            continue;
        found = mode_page(d, d->buffer + len, pages[i], control == 1);
        len += found;
    }
    if (!found)
        return bad_field(d);
    uint8_t medium = !has_disc(d) ? (d->cd.tray_open ? 0x71 : 0x70) : 0x01;
    if (ten) {
        put16(d->buffer, len - 2);
        d->buffer[2] = medium;
        return answer(d, len, be16(d->cd.packet + 7));
    }
    d->buffer[0] = (uint8_t)(len - 1);
    d->buffer[1] = medium;
    return answer(d, len, d->cd.packet[4]);
}

/* MODE SELECT: the parameters are taken and change nothing. */
static enum cd_result mode_select(struct ide_drive *d, uint32_t len)
{
    d->buf_pos = 0;
    d->buf_len = len < IDE_BUFFER ? len : IDE_BUFFER;
    return len ? CD_DATA_OUT : CD_DONE;
}

enum cd_result cdrom_data_out(struct ide_drive *d)
{
    (void)d;
    return CD_DONE;
}

static uint8_t *feature(uint8_t *p, unsigned code, bool current, bool persistent, uint8_t extra)
{
    put16(p, code);
    p[2] = (uint8_t)((current ? 1 : 0) | (persistent ? 2 : 0));
    p[3] = extra;
    return p + 4;
}

static enum cd_result get_configuration(struct ide_drive *d)
{
    const uint8_t *packet = d->cd.packet;
    uint8_t type = packet[1] & 3, *p = d->buffer + 8;
    unsigned start = be16(packet + 2);
    bool disc = has_disc(d);
    static const uint16_t codes[] = {0x0000, 0x0001, 0x0003, 0x0010, 0x001e};
    if (type == 3)
        return bad_field(d);
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
        uint16_t code = codes[i];
        bool current = code < 0x10 || disc;
        if ((type == 2 && code != start) || code < start || (type == 1 && !current))
            continue;
        p = feature(p, code, current, code < 0x10, code == 0x10 ? 8 : code == 1 ? 8 : 4);
        if (code == 0x0000) { /* one profile: CD-ROM */
            put16(p, 8);
            p[2] = disc;
        } else if (code == 0x0001) {
            p[3] = 2; /* ATAPI */
            p += 4;
        } else if (code == 0x0003) {
            p[0] = 0x29; /* tray, eject, lock */
        } else if (code == 0x0010) {
            put32(p, CD_BLOCK);
            put16(p + 4, 1);
            p += 4;
        }
        p += 4;
    }
    uint32_t len = (uint32_t)(p - d->buffer);
    put32(d->buffer, len - 4);
    put16(d->buffer + 6, disc ? 8 : 0);
    return answer(d, len, be16(packet + 7));
}

static enum cd_result get_event(struct ide_drive *d)
{
    const uint8_t *packet = d->cd.packet;
    uint8_t *p = d->buffer;
    if (!(packet[1] & 1)) /* asynchronous: not there */
        return bad_field(d);
    p[3] = 0x10; /* supported: media */
    if (!(packet[4] & 0x10)) {
        put16(p, 2);
        p[2] = 0x80;
        return answer(d, 4, be16(packet + 7));
    }
    put16(p, 6);
    p[2] = 4;
    p[4] = d->cd.event;
    p[5] = (uint8_t)((has_disc(d) ? 2 : 0) | (d->cd.tray_open ? 1 : 0));
    d->cd.event = 0;
    return answer(d, 8, be16(packet + 7));
}

static enum cd_result mechanism_status(struct ide_drive *d)
{
    d->buffer[1] = d->cd.tray_open ? 0x10 : 0;
    d->buffer[5] = 1; /* one slot */
    return answer(d, 8, be16(d->cd.packet + 8));
}

static enum cd_result start_stop(struct ide_drive *d)
{
    bool load_eject = d->cd.packet[4] & 2, start = d->cd.packet[4] & 1;
    if (!load_eject)
        return CD_DONE;
    if (!start && d->cd.locked)
        return fail(d, KEY_ILLEGAL_REQUEST, 0x53); /* removal prevented */
    if (start && d->cd.tray_open && d->image) {
        d->cd.attention = 1;
        d->cd.event = 2;
    }
    d->cd.tray_open = !start;
    return CD_DONE;
}

static enum cd_result seek(struct ide_drive *d)
{
    return be32(d->cd.packet + 2) < disc_blocks(d) ? CD_DONE : fail(d, KEY_ILLEGAL_REQUEST, 0x21);
}

/* --- Dispatch ------------------------------------------------------------------------------ */

enum { NEEDS_DISC = 1, SKIPS_ATTENTION = 2 };

/* Which conditions come before the command. */
static unsigned command_needs(uint8_t command)
{
    switch (command) {
    case 0x03: /* REQUEST SENSE, INQUIRY, GET CONFIGURATION, GET EVENT: always answered */
    case 0x12:
    case 0x46:
    case 0x4a:
        return SKIPS_ATTENTION;
    case 0x1a: /* MODE SENSE and SELECT, START STOP, PREVENT, MECHANISM STATUS, SET SPEED */
    case 0x5a:
    case 0x15:
    case 0x55:
    case 0x1b:
    case 0x1e:
    case 0xbd:
    case 0xbb:
        return 0;
    }
    return NEEDS_DISC;
}

static enum cd_result dispatch(struct ide_drive *d)
{
    const uint8_t *p = d->cd.packet;
    switch (p[0]) {
    case 0x00: /* TEST UNIT READY, REZERO */
    case 0x01:
    case 0x4b: /* PAUSE RESUME, STOP PLAY, SET SPEED, READ AHEAD: nothing plays */
    case 0x4e:
    case 0xbb:
    case 0x35: /* SYNCHRONIZE CACHE */
        return CD_DONE;
    case 0x03:
        return request_sense(d);
    case 0x12:
        return inquiry(d);
    case 0x15:
        return mode_select(d, p[4]);
    case 0x55:
        return mode_select(d, be16(p + 7));
    case 0x1a:
        return mode_sense(d, false);
    case 0x5a:
        return mode_sense(d, true);
    case 0x1b:
        return start_stop(d);
    case 0x1e:
        d->cd.locked = p[4] & 1;
        return CD_DONE;
    case 0x25:
        return read_capacity(d);
    case 0x08:
        return begin_read(d, (be32(p) & 0x1fffff), p[4] ? p[4] : 256, CD_BLOCK);
    case 0x28:
        return begin_read(d, be32(p + 2), be16(p + 7), CD_BLOCK);
    case 0xa8:
        return begin_read(d, be32(p + 2), be32(p + 6), CD_BLOCK);
    case 0x2b:
        return seek(d);
    case 0x2f: /* VERIFY */
        return CD_DONE;
    case 0x42:
        return read_subchannel(d);
    case 0x43:
        return read_toc(d);
    case 0x46:
        return get_configuration(d);
    case 0x4a:
        return get_event(d);
    case 0x51:
        return read_disc_info(d);
    case 0x52:
        return read_track_info(d);
    case 0xb9:
        return read_cd_msf(d);
    case 0xbd:
        return mechanism_status(d);
    case 0xbe:
        return read_cd(d, be32(p + 2), (uint32_t)p[6] << 16 | be16(p + 7));
    }
    return fail(d, KEY_ILLEGAL_REQUEST, 0x20); /* no such command */
}

enum cd_result cdrom_run(struct ide_drive *d)
{
    uint8_t command = d->cd.packet[0];
    unsigned needs = command_needs(command);
    if (d->cd.attention && !(needs & SKIPS_ATTENTION)) {
        d->cd.attention = 0;
        return fail(d, KEY_UNIT_ATTENTION, 0x28);
    }
    if (command != 0x03)
        cdrom_sense(d, KEY_NONE, 0, 0);
    if (needs & NEEDS_DISC && !has_disc(d))
        return fail(d, KEY_NOT_READY, 0x3a);
    memset(d->buffer, 0, ANSWER_MAX);
    return dispatch(d);
}
