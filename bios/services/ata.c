/* IDE: finding the drives on the two legacy channels, and PIO transfers of ATA and ATAPI.
 * Sources: ATA/ATAPI-6 (T13/1410D), SFF-8020i. Every wait has a deadline. */
#include "services.h"

struct drive drives[DRIVE_MAX];
u8 hard_disk[DRIVE_MAX];
u8 hard_disk_count;
u8 cd_drive[DRIVE_MAX];
u8 cd_count;
u8 disk_buffer[2048];
/* Not a local: its segment address is computed, which hides from the compiler that it is written.
 */
u8 sense_data[20];

enum {
    ST_ERR = 0x01,
    ST_DRQ = 0x08,
    ST_DF = 0x20,
    ST_BSY = 0x80,
    REG_ERROR = 1,
    REG_COUNT = 2,
    REG_LBA0 = 3,
    REG_LBA1 = 4,
    REG_LBA2 = 5,
    REG_DEVICE = 6,
    REG_STATUS = 7,
    CMD_READ = 0x20,
    CMD_READ_EXT = 0x24,
    CMD_WRITE = 0x30,
    CMD_WRITE_EXT = 0x34,
    CMD_VERIFY = 0x40,
    CMD_VERIFY_EXT = 0x42,
    CMD_READ_MULTIPLE = 0xC4,
    CMD_READ_MULTIPLE_EXT = 0x29,
    CMD_WRITE_MULTIPLE = 0xC5,
    CMD_WRITE_MULTIPLE_EXT = 0x39,
    CMD_SET_MULTIPLE = 0xC6,
    CMD_FLUSH = 0xE7,
    CMD_PACKET = 0xA0,
    CMD_IDENTIFY = 0xEC,
    CMD_IDENTIFY_PACKET = 0xA1,
    BUSY_US = 30000000 /* what ATA allows a drive that spins up */
};

static u8 reg_in(const struct drive *d, u16 reg)
{
    return in8((u16)(d->port + reg));
}

static void reg_out(const struct drive *d, u16 reg, u8 v)
{
    out8((u16)(d->port + reg), v);
}

/* Waits until BSY is clear, with interrupts on: a slow drive must not cost the clock its ticks. The
 * drive's own interrupt is off (select_drive). */
static int wait_idle(const struct drive *d, u32 us)
{
    struct deadline limit = deadline_us(us);
    in8(d->control); /* 400 ns for the status to become valid */
    in8(d->control);
    in8(d->control);
    in8(d->control);
    while (reg_in(d, REG_STATUS) & ST_BSY) {
        interrupts_on();
        int over = deadline_over(&limit);
        interrupts_off();
        if (over)
            return 0;
    }
    return 1;
}

/* After BSY: DRQ as wanted, or the error. */
static u8 wait_data(const struct drive *d)
{
    if (!wait_idle(d, BUSY_US))
        return DISK_TIMEOUT;
    u8 st = reg_in(d, REG_STATUS);
    if (st & (ST_ERR | ST_DF)) {
        u8 e = reg_in(d, REG_ERROR);
        return e & 0x40   ? DISK_CRC
               : e & 0x10 ? DISK_NOT_FOUND
               : e & 0x04 ? DISK_BAD_COMMAND
                          : DISK_CONTROLLER;
    }
    return st & ST_DRQ ? DISK_OK : DISK_CONTROLLER;
}

static u8 finished(const struct drive *d)
{
    u8 status = wait_data(d);
    return status == DISK_CONTROLLER && !(reg_in(d, REG_STATUS) & (ST_ERR | ST_DF)) ? DISK_OK
                                                                                    : status;
}

static void select_drive(const struct drive *d, u8 bits)
{
    wait_idle(d, 1000000);
    reg_out(d, REG_DEVICE, (u8)(bits | d->slave << 4));
    wait_idle(d, 1000000);
    out8(d->control, 0x0A); /* no interrupt: we poll */
}

static void finish(const struct drive *d)
{
    reg_in(d, REG_STATUS);
    out8(d->control, 0x08); /* interrupts on again, as a driver expects to find it */
}

/* Moves words between the data register and far memory; 32 bits at a time. */
static void pio_in(u16 port, struct farptr p, u32 bytes)
{
    u32 di = p.off, n = bytes / 4;
    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tcld\n\trep insl\n\tpopw %%es"
                     : "+D"(di), "+c"(n)
                     : "d"(port), "r"(p.seg)
                     : "memory");
}

static void pio_out(u16 port, struct farptr p, u32 bytes)
{
    u32 si = p.off, n = bytes / 4;
    __asm__ volatile("pushw %%ds\n\tmovw %w3, %%ds\n\tcld\n\trep outsl\n\tpopw %%ds"
                     : "+S"(si), "+c"(n)
                     : "d"(port), "r"(p.seg)
                     : "memory");
}

static struct farptr forward(struct farptr p, u32 bytes)
{
    return far_normal((u16)(p.seg + (bytes >> 4)), (u16)(p.off + (bytes & 15)));
}

static void issue(const struct drive *d, int ext, u8 command, u64 lba, u32 count)
{
    u32 low = (u32)lba, high = (u32)(lba >> 32);
    select_drive(d, ext ? 0x40 : (u8)(0xE0 | (low >> 24 & 15)));
    if (ext) {
        reg_out(d, REG_COUNT, (u8)(count >> 8));
        reg_out(d, REG_LBA0, (u8)(low >> 24));
        reg_out(d, REG_LBA1, (u8)high);
        reg_out(d, REG_LBA2, (u8)(high >> 8));
    }
    reg_out(d, REG_COUNT, (u8)count);
    reg_out(d, REG_LBA0, (u8)low);
    reg_out(d, REG_LBA1, (u8)(low >> 8));
    reg_out(d, REG_LBA2, (u8)(low >> 16));
    reg_out(d, REG_STATUS, command);
}

/* A drive without LBA is addressed by its own geometry. */
static void issue_chs(const struct drive *d, u8 command, u32 lba, u32 count)
{
    u32 track = lba / d->per_track;
    select_drive(d, (u8)(0xA0 | track % d->heads));
    reg_out(d, REG_COUNT, (u8)count);
    reg_out(d, REG_LBA0, (u8)(lba % d->per_track + 1));
    reg_out(d, REG_LBA1, (u8)(track / d->heads));
    reg_out(d, REG_LBA2, (u8)(track / d->heads >> 8));
    reg_out(d, REG_STATUS, command);
}

static u8 command_for(const struct drive *d, enum ata_op op, int ext)
{
    if (op == ATA_VERIFY)
        return ext ? CMD_VERIFY_EXT : CMD_VERIFY;
    if (d->multiple > 1)
        return op == ATA_READ ? (ext ? CMD_READ_MULTIPLE_EXT : CMD_READ_MULTIPLE)
                              : (ext ? CMD_WRITE_MULTIPLE_EXT : CMD_WRITE_MULTIPLE);
    return op == ATA_READ ? (ext ? CMD_READ_EXT : CMD_READ) : (ext ? CMD_WRITE_EXT : CMD_WRITE);
}

/* One ATA command of up to 128 sectors. */
static u8 one_command(const struct drive *d, enum ata_op op, u64 lba, u32 count, struct farptr p,
                      u32 *done)
{
    int ext = d->lba48 && lba + count > 0x0FFFFFFF;
    u8 command = command_for(d, op, ext), status = DISK_OK;
    if (d->lba)
        issue(d, ext, command, lba, count);
    else
        issue_chs(d, command, (u32)lba, count);
    if (op == ATA_VERIFY) {
        status = finished(d);
        *done += status == DISK_OK ? count : 0;
        finish(d);
        return status;
    }
    u32 block = d->multiple > 1 ? d->multiple : 1;
    for (u32 at = 0; at < count && status == DISK_OK;) {
        u32 n = count - at < block ? count - at : block;
        status = wait_data(d);
        if (status != DISK_OK)
            break;
        if (op == ATA_READ)
            pio_in(d->port, p, n * 512);
        else
            pio_out(d->port, p, n * 512);
        p = forward(p, n * 512);
        at += n;
        *done += n;
    }
    if (status == DISK_OK)
        status = finished(d);
    finish(d);
    return status;
}

u8 ata_transfer(const struct drive *d, enum ata_op op, u64 lba, u32 count, struct farptr p,
                u32 *done)
{
    *done = 0;
    if (lba >= d->sectors || count > d->sectors - lba)
        return DISK_NOT_FOUND;
    p = far_normal(p.seg, p.off);
    while (*done < count) {
        u32 before = *done, n = count - *done > 64 ? 64 : count - *done;
        u8 status = one_command(d, op, lba + before, n, p, done);
        if (status != DISK_OK)
            return status;
        p = forward(p, n * 512);
    }
    return DISK_OK;
}

u8 ata_flush(const struct drive *d)
{
    select_drive(d, 0xA0);
    reg_out(d, REG_STATUS, CMD_FLUSH);
    u8 status = finished(d);
    finish(d);
    return status;
}

/* --- ATAPI --- */

static u8 packet_data(const struct drive *d, struct farptr p, u32 max)
{
    u32 got = 0;
    for (;;) {
        if (!wait_idle(d, BUSY_US))
            return DISK_TIMEOUT;
        u8 st = reg_in(d, REG_STATUS);
        if (st & ST_ERR)
            return DISK_CONTROLLER;
        if (!(st & ST_DRQ))
            return DISK_OK;
        u32 bytes = reg_in(d, REG_LBA1) | (u32)reg_in(d, REG_LBA2) << 8;
        u32 take = got + bytes <= max ? bytes : max - got;
        pio_in(d->port, p, take & ~3u);
        for (u32 i = take & ~3u; i < bytes; i += 2) {
            u16 w = in16(d->port);
            if (i + 1 < take)
                poke16(p.seg, (u16)(p.off + i), w);
        }
        p = forward(p, take);
        got += take;
    }
}

static u8 send_packet(const struct drive *d, const u8 packet[12], struct farptr p, u32 max)
{
    select_drive(d, 0xA0);
    reg_out(d, REG_ERROR, 0); /* features: PIO */
    reg_out(d, REG_LBA1, 0x00);
    reg_out(d, REG_LBA2, 0xF0); /* at most 60 KiB a burst */
    reg_out(d, REG_STATUS, CMD_PACKET);
    u8 status = wait_data(d);
    if (status == DISK_OK) {
        for (u32 i = 0; i < 12; i += 2)
            out16(d->port, (u16)(packet[i] | packet[i + 1] << 8));
        status = packet_data(d, p, max);
    }
    finish(d);
    return status;
}

u8 atapi_command(const struct drive *d, const u8 packet[12], struct farptr p, u32 max, u16 *sense)
{
    static const u8 request_sense[12] = {0x03, 0, 0, 0, 18};
    u8 *const answer = sense_data;
    u8 status = send_packet(d, packet, far_normal(p.seg, p.off), max);
    *sense = 0;
    if (status == DISK_OK || status == DISK_TIMEOUT)
        return status;
    memset(answer, 0, sizeof sense_data);
    struct farptr to = far_normal(DATA_SEG, (u16)(uintptr_t)answer);
    if (send_packet(d, request_sense, to, 18) == DISK_OK)
        *sense = (u16)((answer[2] & 15) << 8 | answer[12]);
    return *sense >> 8 == 2   ? (*sense & 0xFF) == 0x3A ? DISK_NO_MEDIA : DISK_NOT_READY
           : *sense >> 8 == 5 ? DISK_NOT_FOUND
           : *sense >> 8 == 6 ? DISK_CHANGED
                              : DISK_CONTROLLER;
}

u8 cd_read(const struct drive *d, u32 lba, u32 count, struct farptr p, u32 *done)
{
    *done = 0;
    p = far_normal(p.seg, p.off);
    while (*done < count) {
        u32 n = count - *done > 16 ? 16 : count - *done, at = lba + *done;
        u8 packet[12] = {0x28, 0, (u8)(at >> 24), (u8)(at >> 16), (u8)(at >> 8), (u8)at,
                         0,    0, (u8)n};
        u16 sense;
        u8 status = DISK_OK;
        for (u32 try = 0; try < 4; try++) {
            status = atapi_command(d, packet, p, n * 2048, &sense);
            if (status != DISK_CHANGED) /* a unit attention is told once */
                break;
        }
        if (status != DISK_OK)
            return status;
        *done += n;
        p = forward(p, n * 2048);
    }
    return DISK_OK;
}

/* TEST UNIT READY until the disc has been recognised; at most 10 s. */
u8 cd_wait_ready(const struct drive *d)
{
    static const u8 test_unit_ready[12] = {0};
    struct farptr none = {DATA_SEG, 0};
    u8 status = DISK_TIMEOUT;
    for (u32 i = 0; i < 200; i++) {
        u16 sense;
        status = atapi_command(d, test_unit_ready, none, 0, &sense);
        if (status == DISK_OK || status == DISK_NO_MEDIA)
            break;
        if (status != DISK_CHANGED)
            delay_us(50000);
    }
    return status;
}

u8 ata_reset(const struct drive *d)
{
    out8(d->control, 0x0C);
    delay_us(10);
    out8(d->control, 0x08);
    delay_us(2000);
    return wait_idle(d, BUSY_US) ? DISK_OK : DISK_TIMEOUT;
}

/* --- finding drives --- */

static u16 id_word(u32 i)
{
    return (u16)(disk_buffer[i * 2] | disk_buffer[i * 2 + 1] << 8);
}

static u32 id_dword(u32 i)
{
    return id_word(i) | (u32)id_word(i + 1) << 16;
}

static void copy_model(struct drive *d)
{
    u32 end = 0;
    for (u32 i = 0; i < 40; i++) {
        char c = (char)disk_buffer[(27 * 2 + i) ^ 1];
        d->model[i] = c >= ' ' && c <= '~' ? c : ' ';
        if (d->model[i] != ' ')
            end = i + 1;
    }
    d->model[end] = 0;
}

static int identify(struct drive *d, u8 command)
{
    select_drive(d, 0xA0);
    reg_out(d, REG_STATUS, command);
    u8 status = wait_data(d);
    if (status == DISK_OK)
        pio_in(d->port, far_normal(DATA_SEG, (u16)(uintptr_t)disk_buffer), 512);
    finish(d);
    return status == DISK_OK;
}

static void set_multiple(struct drive *d)
{
    u8 most = (u8)id_word(47);
    u8 n = 16;
    while (n > most)
        n >>= 1;
    if (n < 2)
        return;
    select_drive(d, 0xA0);
    reg_out(d, REG_COUNT, n);
    reg_out(d, REG_STATUS, CMD_SET_MULTIPLE);
    if (finished(d) == DISK_OK)
        d->multiple = n;
    finish(d);
}

static void read_identity(struct drive *d)
{
    copy_model(d);
    if (d->kind == DRIVE_ATAPI)
        return;
    d->cylinders = id_word(1);
    d->heads = id_word(3);
    d->per_track = id_word(6);
    d->lba = (id_word(49) & 0x200) != 0;
    d->lba48 = d->lba && (id_word(83) & 0xC400) == 0x4400;
    d->sectors = d->lba ? id_dword(60) : (u32)d->cylinders * d->heads * d->per_track;
    if (d->lba48)
        d->sectors = id_dword(100) | (u64)id_dword(102) << 32;
    set_multiple(d);
}

static int detect(struct drive *d)
{
    reg_out(d, REG_DEVICE, (u8)(0xA0 | d->slave << 4));
    reg_out(d, REG_COUNT, 0x55); /* does anything keep what is written? */
    reg_out(d, REG_LBA0, 0xAA);
    if (reg_in(d, REG_COUNT) != 0x55 || reg_in(d, REG_LBA0) != 0xAA)
        return 0;
    if (!wait_idle(d, 1000000))
        return 0;
    if (identify(d, CMD_IDENTIFY))
        d->kind = DRIVE_ATA;
    else if (identify(d, CMD_IDENTIFY_PACKET))
        d->kind = DRIVE_ATAPI;
    if (d->kind)
        read_identity(d);
    return d->kind;
}

void ata_init(void)
{
    static const u16 ports[] = {0x1F0, 0x170}, controls[] = {0x3F6, 0x376};
    for (u8 i = 0; i < DRIVE_MAX; i++) {
        struct drive *d = &drives[i];
        d->port = ports[i / 2];
        d->control = controls[i / 2];
        d->slave = i & 1;
        d->irq = (u8)(14 + i / 2);
        if (!(i & 1)) {
            if (reg_in(d, REG_STATUS) == 0xFF) { /* a floating bus: no drive on this channel */
                i++;
                continue;
            }
            ata_reset(d);
        }
        if (!detect(d))
            continue;
        if (d->kind == DRIVE_ATA) {
            hard_disk[hard_disk_count] = i;
            hard_disk_set_geometry(hard_disk_count++);
        } else {
            cd_drive[cd_count++] = i;
        }
        out8(0xA1, (u8)(in8(0xA1) & ~(1 << (d->irq - 8))));
    }
    set_bda8(BDA_HD_COUNT, hard_disk_count);
}
