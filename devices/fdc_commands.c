/* devices/fdc_commands.c: the commands of the 82077AA (datasheet chapter 5).
 *
 * A data command moves one sector after the other: fdc_execute fetches it (or asks for it),
 * fdc_data_done goes on from there. The sector's ID (C, H, R, N) must be one that the disk has
 * under the head; all indices come from check_sector, which bounds them by the disk's geometry. */
#include "devices/fdc_state.h"

enum {
    CMD_READ_TRACK = 0x02,
    CMD_SPECIFY = 0x03,
    CMD_SENSE_DRIVE = 0x04,
    CMD_WRITE = 0x05,
    CMD_READ = 0x06,
    CMD_RECALIBRATE = 0x07,
    CMD_SENSE_INTERRUPT = 0x08,
    CMD_WRITE_DELETED = 0x09,
    CMD_READ_ID = 0x0a,
    CMD_READ_DELETED = 0x0c,
    CMD_FORMAT = 0x0d,
    CMD_DUMPREG = 0x0e,
    CMD_SEEK = 0x0f,
    CMD_VERSION = 0x10,
    CMD_PERPENDICULAR = 0x12,
    CMD_CONFIGURE = 0x13,
    CMD_LOCK = 0x14,
    CMD_VERIFY = 0x16,
};

enum { BIT_MT = 0x80, BIT_MFM = 0x40 };
enum { CONFIG_IMPLIED_SEEK = 0x40 };

/* The bits above the five of the opcode that a command knows as options. */
static const struct {
    uint8_t opcode, options, length;
} commands[] = {
    {CMD_READ_TRACK, 0x60, 9},   {CMD_SPECIFY, 0, 3},          {CMD_SENSE_DRIVE, 0, 2},
    {CMD_WRITE, 0xc0, 9},        {CMD_READ, 0xe0, 9},          {CMD_RECALIBRATE, 0, 2},
    {CMD_SENSE_INTERRUPT, 0, 1}, {CMD_WRITE_DELETED, 0xc0, 9}, {CMD_READ_ID, 0x40, 2},
    {CMD_READ_DELETED, 0xe0, 9}, {CMD_FORMAT, 0x40, 6},        {CMD_DUMPREG, 0, 1},
    {CMD_SEEK, 0xc0, 3},         {CMD_VERSION, 0, 1},          {CMD_PERPENDICULAR, 0, 2},
    {CMD_CONFIGURE, 0, 4},       {CMD_LOCK, 0x80, 1},          {CMD_VERIFY, 0xe0, 9},
};

/* Index into commands, or -1 for an unknown one. */
static int find_command(uint8_t first)
{
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        if ((first & 0x1f) == commands[i].opcode && !(first & 0xe0 & ~commands[i].options))
            return (int)i;
    return -1;
}

unsigned fdc_command_length(uint8_t first)
{
    int i = find_command(first);
    return i < 0 ? 1 : commands[i].length;
}

static uint8_t opcode(const struct fdc *f)
{
    return f->command[0] & 0x1f;
}

/* The drive that the command names; NULL when it is not there. */
static struct fdc_drive *selected(struct fdc *f)
{
    return f->unit < FDC_DRIVES && f->drive[f->unit].type ? &f->drive[f->unit] : NULL;
}

/* --- Results ------------------------------------------------------------------------------- */

static void result(struct fdc *f, const uint8_t *bytes, unsigned len)
{
    span_copy((struct span){f->result, sizeof f->result}, (struct span){(uint8_t *)bytes, len});
    f->result_len = (uint8_t)len;
    f->result_pos = 0;
    f->phase = FDC_RESULT;
}

static void invalid(struct fdc *f)
{
    result(f, (const uint8_t[]){ST0_INVALID}, 1);
}

/* The seven result bytes of a data command, with the interrupt. */
static void end_command(struct fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    fdc_stop_data(f);
    st0 |= (uint8_t)(f->head << 2 | f->unit);
    result(f, (const uint8_t[]){st0, st1, st2, f->c, f->h, f->r, f->n}, 7);
    fdc_raise(f);
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
    end_command(f, ST0_ABNORMAL, st1, st2);
}

void fdc_overrun(struct fdc *f)
{
    fail(f, ST1_OVERRUN, 0);
}

void fdc_denied(struct fdc *f)
{
    bool data_command = f->result_len == 7 && f->result_pos == 0;
    if (f->phase == FDC_RESULT && data_command) { /* not yet read: the IRQ has just been raised */
        f->result[0] = (uint8_t)((f->result[0] & 0x3F) | ST0_ABNORMAL);
        f->result[1] |= ST1_OVERRUN;
    } else if (f->phase == FDC_EXECUTE || f->phase == FDC_DATA_IN || f->phase == FDC_DATA_OUT) {
        fdc_overrun(f);
    }
}

/* --- Finding sectors ----------------------------------------------------------------------- */

/* Can this disk be read at the rate chosen? 500 kbit/s: 1.2 and 1.44 MB; 300 and 250: what is
 * less; 1000: 2.88 MB. */
static bool rate_fits(const struct fdc *f, const struct fdc_drive *d)
{
    uint32_t track = d->geometry.sectors;
    if (track > 18)
        return f->rate == 3;
    return track > 9 ? f->rate == 0 : f->rate == 1 || f->rate == 2;
}

/* Does the head find address marks at all? */
static bool can_read(struct fdc *f)
{
    const struct fdc_drive *d = selected(f);
    return d && d->image && f->command[0] & BIT_MFM && rate_fits(f, d) &&
           d->cylinder < d->geometry.cylinders && f->head < d->geometry.heads;
}

/* The sector with the command's ID on the track under the head. False with the status bits. */
static bool check_sector(struct fdc *f, uint64_t *lba, uint8_t *st1, uint8_t *st2)
{
    const struct fdc_drive *d = selected(f);
    *st1 = *st2 = 0;
    if (!can_read(f)) {
        *st1 = ST1_NO_MARK;
        return false;
    }
    if (f->c != d->cylinder)
        *st2 = ST2_CYLINDER;
    if (f->c != d->cylinder || f->h != f->head || f->n != 2 || f->r < 1 ||
        f->r > d->geometry.sectors) {
        *st1 = ST1_NO_DATA;
        return false;
    }
    *lba = ((uint64_t)d->cylinder * d->geometry.heads + f->head) * d->geometry.sectors + f->r - 1;
    return true;
}

/* EOT beyond the track: the chip would look for sectors that the track does not have, and fail.
 * SeaBIOS gives first sector + count - 1 as EOT and relies on emulators that go on, with MT, to
 * head 1 and from there to the next cylinder; so does this. */
static bool runs_over_the_track(const struct fdc *f, const struct fdc_drive *d)
{
    return f->command[0] & BIT_MT && f->r == d->geometry.sectors && f->eot > f->r;
}

static void step_over(struct fdc *f, struct fdc_drive *d)
{
    f->r = 1;
    f->head = f->h = (uint8_t)(f->head + 1u < d->geometry.heads);
    if (f->head == 0) {
        f->c++;
        d->cylinder++;
        f->pcn[f->unit]++;
    }
}

/* Moves C, H, R past the sector just done, as the datasheet's table of result bytes says (82077AA
 * 5.1.1). False when that was the last sector of the cylinder (EOT, both heads with MT). */
static bool next_sector(struct fdc *f)
{
    bool mt = f->command[0] & BIT_MT;
    struct fdc_drive *d = selected(f);
    if (d && runs_over_the_track(f, d)) {
        step_over(f, d);
        return true;
    }
    if (f->r != f->eot) {
        f->r++;
        return true;
    }
    f->r = 1;
    if (mt) {
        f->h ^= 1;
        if (f->head == 0) {
            f->head = 1;
            return true;
        }
    }
    f->c++;
    return false;
}

/* --- Data commands ------------------------------------------------------------------------- */

static bool is_write(const struct fdc *f)
{
    return opcode(f) == CMD_WRITE || opcode(f) == CMD_WRITE_DELETED;
}

static void later(struct fdc *f, enum fdc_action action, uint64_t ns)
{
    f->phase = FDC_EXECUTE;
    f->action = (uint8_t)action;
    fdc_arm(f, FDC_TIMER_EXECUTE, ns);
}

/* Goes on to the next sector, or ends: normally by TC, abnormally at the end of the cylinder. The
 * head that the result names is that of the last sector. */
static void go_on(struct fdc *f, uint8_t st2)
{
    uint8_t head = f->head;
    bool more = next_sector(f);
    if (f->terminal_count || st2) {
        f->head = head;
        end_command(f, 0, 0, st2);
    } else if (!more) {
        fail(f, ST1_END, 0);
    } else {
        later(f, FDC_ACT_SECTOR, fdc_sector_ns(f));
    }
}

static bool read_sector(struct fdc *f, uint64_t lba)
{
    struct fdc_drive *d = selected(f);
    d->activity++;
    if (disk_image_read(d->image, lba, (struct span){f->buffer, FDC_SECTOR}) == DISK_OK)
        return true;
    fail(f, ST1_DATA, ST2_DATA);
    return false;
}

static bool write_sector(struct fdc *f, uint64_t lba)
{
    struct fdc_drive *d = selected(f);
    d->activity++;
    if (disk_image_write(d->image, lba, (struct span){f->buffer, FDC_SECTOR}) == DISK_OK)
        return true;
    fail(f, ST1_DATA, ST2_DATA);
    return false;
}

/* VERIFY with EC set counts sectors in its last parameter; the others end at EOT. */
static void verify(struct fdc *f, uint64_t lba)
{
    if (!read_sector(f, lba))
        return;
    if (f->command[1] & 0x80)
        f->terminal_count = --f->command[8] == 0;
    else
        f->terminal_count = f->r == f->eot && (!(f->command[0] & BIT_MT) || f->head == 1);
    go_on(f, 0);
}

static void transfer_sector(struct fdc *f)
{
    uint64_t lba;
    uint8_t st1, st2;
    if (opcode(f) == CMD_READ_TRACK) { /* in the order of the track, whatever R says */
        uint8_t r = f->r;
        f->r = (uint8_t)(f->format_left + 1);
        bool found = check_sector(f, &lba, &st1, &st2);
        f->r = found ? f->r : r;
    } else {
        check_sector(f, &lba, &st1, &st2);
    }
    if (st1) {
        fail(f, st1, st2);
    } else if (is_write(f)) {
        fdc_data(f, false, FDC_SECTOR);
    } else if (opcode(f) == CMD_VERIFY) {
        verify(f, lba);
    } else if (read_sector(f, lba)) {
        fdc_data(f, true, FDC_SECTOR);
    }
}

static void read_track_done(struct fdc *f)
{
    f->format_left++;
    bool end = f->format_left >= f->eot;
    if (f->terminal_count || end) {
        f->r++;
        end_command(f, f->terminal_count ? 0 : ST0_ABNORMAL, f->terminal_count ? 0 : ST1_END, 0);
    } else {
        later(f, FDC_ACT_SECTOR, fdc_sector_ns(f));
    }
}

static void write_done(struct fdc *f)
{
    uint64_t lba;
    uint8_t st1, st2;
    if (f->position < f->length) /* TC in mid-sector: the rest is zeros (5.1.3) */
        memset(f->buffer + f->position, 0, (size_t)(f->length - f->position));
    if (!check_sector(f, &lba, &st1, &st2)) /* the disk was taken out meanwhile */
        fail(f, st1, st2);
    else if (write_sector(f, lba))
        go_on(f, 0);
}

/* --- FORMAT TRACK -------------------------------------------------------------------------- */

/* The four ID bytes of one sector are here. A raw image has no IDs: a sector that it has is
 * filled, any other is dropped. */
static void format_sector(struct fdc *f)
{
    uint64_t lba;
    uint8_t st1, st2;
    f->c = f->buffer[0];
    f->h = f->buffer[1];
    f->r = f->buffer[2];
    f->n = f->buffer[3];
    if (check_sector(f, &lba, &st1, &st2)) {
        memset(f->buffer, f->command[5], FDC_SECTOR);
        if (!write_sector(f, lba))
            return;
    } else if (st1 & ST1_NO_MARK) {
        fail(f, st1, st2);
        return;
    } else {
        log_once(bus_log(f->bus), (uint64_t)f->n << 8 | f->r,
                 "floppy: formatting sector %u of size code %u, which the image cannot hold", f->r,
                 f->n);
    }
    if (--f->format_left == 0 || f->terminal_count)
        end_command(f, 0, 0, 0);
    else
        later(f, FDC_ACT_SECTOR, fdc_sector_ns(f));
}

/* --- READ ID ------------------------------------------------------------------------------- */

static void read_id(struct fdc *f)
{
    const struct fdc_drive *d = selected(f);
    if (!can_read(f)) {
        fail(f, ST1_NO_MARK, 0);
        return;
    }
    f->rotation = (uint8_t)(f->rotation % d->geometry.sectors + 1);
    f->c = d->cylinder;
    f->h = f->head;
    f->r = f->rotation;
    f->n = 2;
    end_command(f, 0, 0, 0);
}

/* --- The engine's calls -------------------------------------------------------------------- */

static bool is_protected(struct fdc *f)
{
    const struct fdc_drive *d = selected(f);
    return d && d->image && disk_image_is_read_only(d->image);
}

void fdc_execute(struct fdc *f)
{
    f->action = FDC_ACT_NONE;
    uint8_t op = opcode(f);
    if ((is_write(f) || op == CMD_FORMAT) && is_protected(f)) {
        fail(f, ST1_PROTECTED, 0);
    } else if (op == CMD_READ_ID) {
        read_id(f);
    } else if (op == CMD_FORMAT) {
        if (can_read(f))
            fdc_data(f, false, 4);
        else
            fail(f, ST1_NO_MARK, 0);
    } else {
        transfer_sector(f);
    }
}

void fdc_data_done(struct fdc *f)
{
    switch (opcode(f)) {
    case CMD_FORMAT:
        format_sector(f);
        break;
    case CMD_READ_TRACK:
        read_track_done(f);
        break;
    case CMD_READ_DELETED: /* all marks are normal ones: the control mark flag, and the end */
        go_on(f, ST2_DELETED);
        break;
    default:
        if (is_write(f))
            write_done(f);
        else
            go_on(f, 0);
    }
}

static void begin_data(struct fdc *f)
{
    uint64_t ns = fdc_sector_ns(f);
    struct fdc_drive *d = selected(f);
    f->c = f->command[2];
    f->h = f->command[3];
    f->r = f->command[4];
    f->n = f->command[5];
    f->eot = f->last_eot = f->command[6];
    f->format_left = 0;
    if (d && f->config & CONFIG_IMPLIED_SEEK && f->c != d->cylinder) {
        unsigned way = f->c > d->cylinder ? f->c - d->cylinder : d->cylinder - f->c;
        ns += fdc_seek_ns(f, way);
        d->cylinder = f->pcn[f->unit] = f->c;
        d->changed = d->image == NULL;
    }
    later(f, FDC_ACT_SECTOR, ns);
}

static void begin_format(struct fdc *f)
{
    f->n = f->command[2];
    f->format_left = f->command[3];
    f->last_eot = f->command[3];
    f->c = f->h = f->r = 0;
    if (f->format_left)
        later(f, FDC_ACT_SECTOR, fdc_sector_ns(f));
    else
        end_command(f, 0, 0, 0);
}

/* --- Seeking ------------------------------------------------------------------------------- */

#define LAST_CYLINDER 83 /* where the drive's mechanical stop is */

static void begin_seek(struct fdc *f, uint8_t target)
{
    struct fdc_drive *d = selected(f);
    unsigned way = 0;
    f->phase = FDC_IDLE;
    if (f->unit >= FDC_DRIVES || !d) { /* no drive: track 0 is never found */
        bool recalibrate = opcode(f) == CMD_RECALIBRATE;
        f->pcn[f->unit] = target;
        f->interrupt[f->unit] =
            (uint8_t)(ST0_SEEK_END | f->unit | (recalibrate ? ST0_ABNORMAL | ST0_EQUIPMENT : 0));
        fdc_raise(f);
        return;
    }
    way = target > d->cylinder ? target - d->cylinder : d->cylinder - target;
    d->target = target;
    d->seeking = 1;
    fdc_arm(f, FDC_TIMER_SEEK0 + f->unit, fdc_seek_ns(f, way));
}

void fdc_seek_done(struct fdc *f, unsigned unit)
{
    struct fdc_drive *d = &f->drive[unit % FDC_DRIVES];
    uint8_t stop = d->target > LAST_CYLINDER ? LAST_CYLINDER : d->target;
    if (d->cylinder != stop && d->image) /* a step pulse with a disk in clears the line */
        d->changed = 0;
    d->cylinder = stop;
    d->seeking = 0;
    f->pcn[unit] = d->target;
    f->interrupt[unit] = (uint8_t)(ST0_SEEK_END | f->head << 2 | unit);
    fdc_raise(f);
}

static void relative_seek(struct fdc *f)
{
    const struct fdc_drive *d = selected(f);
    unsigned from = d ? d->cylinder : 0, by = f->command[2], to;
    if (f->command[0] & 0x40) /* towards the middle */
        to = from + by > 255 ? 255 : from + by;
    else
        to = by > from ? 0 : from - by;
    begin_seek(f, (uint8_t)to);
}

/* --- Short commands ------------------------------------------------------------------------ */

static void sense_interrupt(struct fdc *f)
{
    for (unsigned i = 0; i < 4; i++) {
        if (!f->interrupt[i])
            continue;
        result(f, (const uint8_t[]){f->interrupt[i], f->pcn[i]}, 2);
        f->interrupt[i] = 0;
        fdc_lower(f);
        return;
    }
    invalid(f);
}

static void sense_drive(struct fdc *f)
{
    const struct fdc_drive *d = selected(f);
    uint8_t st3 = (uint8_t)(0x28 | f->head << 2 | f->unit);
    if (d && d->cylinder == 0)
        st3 |= 0x10;
    if (is_protected(f))
        st3 |= 0x40;
    result(f, &st3, 1);
}

static void dump_registers(struct fdc *f)
{
    const uint8_t bytes[10] = {
        f->pcn[0],     f->pcn[1],
        f->pcn[2],     f->pcn[3],
        f->specify[0], f->specify[1],
        f->last_eot,   (uint8_t)(f->locked << 7 | (f->perpendicular & 0x3f)),
        f->config,     f->pretrk,
    };
    result(f, bytes, sizeof bytes);
}

static void lock(struct fdc *f)
{
    f->locked = f->command[0] >> 7;
    result(f, (const uint8_t[]){(uint8_t)(f->locked << 4)}, 1);
}

static void perpendicular(struct fdc *f)
{
    uint8_t v = f->command[1]; /* OW lets the drive bits change */
    f->perpendicular = (uint8_t)((v & 0x80 ? v & 0x3c : f->perpendicular & 0x3c) | (v & 3));
    f->phase = FDC_IDLE;
}

void fdc_run_command(struct fdc *f)
{
    uint8_t op = opcode(f);
    if (find_command(f->command[0]) < 0) {
        log_once(bus_log(f->bus), f->command[0],
                 "floppy: command %02xh is not known (guest at %llx)", f->command[0],
                 (unsigned long long)bus_guest_pc(f->bus));
        invalid(f);
        return;
    }
    if (commands[find_command(f->command[0])].length > 1 && op != CMD_SPECIFY &&
        op != CMD_CONFIGURE && op != CMD_PERPENDICULAR) {
        f->unit = f->command[1] & 3;
        f->head = f->command[1] >> 2 & 1;
    }
    f->terminal_count = 0;
    switch (op) {
    case CMD_SPECIFY:
        f->specify[0] = f->command[1];
        f->specify[1] = f->command[2];
        break;
    case CMD_SENSE_DRIVE:
        sense_drive(f);
        break;
    case CMD_RECALIBRATE:
        f->head = 0;
        begin_seek(f, 0);
        break;
    case CMD_SEEK:
        if (f->command[0] & 0x80)
            relative_seek(f);
        else if (f->command[0] & 0x40)
            invalid(f);
        else
            begin_seek(f, f->command[2]);
        break;
    case CMD_SENSE_INTERRUPT:
        sense_interrupt(f);
        break;
    case CMD_READ_ID:
        later(f, FDC_ACT_SECTOR, fdc_sector_ns(f));
        break;
    case CMD_FORMAT:
        begin_format(f);
        break;
    case CMD_DUMPREG:
        dump_registers(f);
        break;
    case CMD_VERSION:
        result(f, (const uint8_t[]){0x90}, 1);
        break;
    case CMD_PERPENDICULAR:
        perpendicular(f);
        break;
    case CMD_CONFIGURE:
        f->config = f->command[2] & 0x7f;
        f->pretrk = f->command[3];
        break;
    case CMD_LOCK:
        lock(f);
        break;
    default:
        begin_data(f);
    }
}
