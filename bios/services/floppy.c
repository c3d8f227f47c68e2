/* INT 13h for diskettes: the 82077AA controller with 8237 DMA channel 2 and IRQ 6.
 *
 * Invariant: no command is sent and no result awaited without a deadline, and every DMA transfer
 * lies in one 64 KiB page, which the 8237 cannot leave. Sources: Intel 82077AA datasheet; IBM AT
 * Technical Reference (INT 13h, the diskette bytes of the BIOS data area). */
#include "services.h"

enum {
    FDC_DOR = 0x3F2,
    FDC_MSR = 0x3F4,
    FDC_DATA = 0x3F5,
    FDC_DIR = 0x3F7,
    FDC_CCR = 0x3F7,
    CMD_READ = 0xE6,   /* MT | MFM | SK */
    CMD_WRITE = 0xC5,  /* MT | MFM */
    CMD_FORMAT = 0x4D, /* MFM */
    CMD_READ_ID = 0x4A,
    CMD_SEEK = 0x0F,
    CMD_RECALIBRATE = 0x07,
    CMD_SENSE = 0x08,
    CMD_SPECIFY = 0x03,
    WAIT_US = 3000000
};

enum floppy_type { FD_NONE, FD_360, FD_1200, FD_720, FD_1440, FD_2880 };

struct geometry {
    u8 tracks, per_track, gap;
};
static const struct geometry geometries[] = {
    {0, 0, 0}, {40, 9, 0x2A}, {80, 15, 0x1B}, {80, 9, 0x2A}, {80, 18, 0x1B}, {80, 36, 0x1B},
};
/* Diskette parameter tables as INT 13h 08h shows them. */
static const u8 params[][11] = {
    {0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 0x0F, 0x08},
    {0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 0x0F, 0x08},
    {0xDF, 0x02, 0x25, 2, 15, 0x1B, 0xFF, 0x54, 0xF6, 0x0F, 0x08},
    {0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 0x0F, 0x08},
    {0xAF, 0x02, 0x25, 2, 18, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08},
    {0xAF, 0x02, 0x25, 2, 36, 0x1B, 0xFF, 0x54, 0xF6, 0x0F, 0x08},
};

static u8 drive_type(u8 drive)
{
    u8 types = cmos_read(0x10);
    u8 type = drive ? types & 15 : types >> 4;
    return type <= FD_2880 ? type : FD_NONE;
}

static int send(u8 v)
{
    struct deadline d = deadline_us(500000);
    while ((in8(FDC_MSR) & 0xC0) != 0x80)
        if (deadline_over(&d))
            return 0;
    out8(FDC_DATA, v);
    return 1;
}

static int receive(u8 *v)
{
    struct deadline d = deadline_us(500000);
    while ((in8(FDC_MSR) & 0xC0) != 0xC0)
        if (deadline_over(&d))
            return 0;
    *v = in8(FDC_DATA);
    return 1;
}

static int command(const u8 *bytes, u32 n)
{
    set_bda8(BDA_FD_RECALIBRATED, bda8(BDA_FD_RECALIBRATED) & 0x7F);
    for (u32 i = 0; i < n; i++)
        if (!send(bytes[i]))
            return 0;
    return 1;
}

/* Waits for IRQ 6. A guest may have masked or taken the interrupt: a result that stands ready in
 * the status register counts as well. */
static int wait_irq(int has_result)
{
    struct deadline d = deadline_us(WAIT_US);
    int done = 0;
    while (!done) {
        interrupts_on();
        done = (bda8(BDA_FD_RECALIBRATED) & 0x80) || (has_result && (in8(FDC_MSR) & 0xF0) == 0xD0);
        if (!done && deadline_over(&d))
            break;
    }
    interrupts_off();
    set_bda8(BDA_FD_RECALIBRATED, bda8(BDA_FD_RECALIBRATED) & 0x7F);
    return done;
}

static int results(u8 *r, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (!receive(&r[i]))
            return 0;
        if (i < 7)
            set_bda8((u16)(BDA_FD_RESULT + i), r[i]);
    }
    return 1;
}

static void controller_reset(void)
{
    u8 dor = (u8)((bda8(BDA_FD_MOTOR) & 3) << 4);
    set_bda8(BDA_FD_RECALIBRATED, 0);
    out8(FDC_DOR, dor);
    delay_us(10);
    out8(FDC_DOR, dor | 0x0C);
    wait_irq(0);
    for (u32 i = 0; i < 4; i++) {
        u8 st[2];
        if (!send(CMD_SENSE) || !results(st, 2))
            break;
    }
    static const u8 specify[] = {CMD_SPECIFY, 0xAF, 0x02};
    command(specify, sizeof specify);
}

static void motor_on(u8 drive)
{
    set_bda8(BDA_FD_TIMEOUT, 0xFF);
    set_bda8(BDA_FD_MOTOR, (u8)((bda8(BDA_FD_MOTOR) & 0xF0) | 1 << drive));
    out8(FDC_DOR, (u8)(0x0C | 0x10 << drive | drive));
}

/* Ends a seek or recalibrate: IRQ, then what SENSE INTERRUPT says. */
static int seek_result(void)
{
    u8 st[2];
    if (!wait_irq(0) || !send(CMD_SENSE) || !results(st, 2))
        return 0;
    return (st[0] & 0xC0) == 0;
}

static int recalibrate(u8 drive)
{
    u8 c[] = {CMD_RECALIBRATE, drive};
    for (u32 i = 0; i < 2; i++) /* 77 steps a try: from track 79 it takes two */
        if (command(c, sizeof c) && seek_result()) {
            set_bda8(BDA_FD_RECALIBRATED, (u8)(bda8(BDA_FD_RECALIBRATED) | 1 << drive));
            set_bda8((u16)(BDA_FD_TRACK + drive), 0);
            return 1;
        }
    return 0;
}

static int seek(u8 drive, u8 track, u8 head)
{
    if (!(bda8(BDA_FD_RECALIBRATED) & 1 << drive) && !recalibrate(drive))
        return 0;
    if (bda8((u16)(BDA_FD_TRACK + drive)) == track)
        return 1;
    u8 c[] = {CMD_SEEK, (u8)(head << 2 | drive), track};
    if (!command(c, sizeof c) || !seek_result())
        return 0;
    set_bda8((u16)(BDA_FD_TRACK + drive), track);
    return 1;
}

/* Programs DMA channel 2. mode: 46h device to memory, 4Ah memory to device, 42h verify. */
static void dma_setup(u32 linear, u32 bytes, u8 mode)
{
    out8(0x0A, 0x06);
    out8(0x0C, 0);
    out8(0x0B, mode);
    out8(0x04, (u8)linear);
    out8(0x04, (u8)(linear >> 8));
    out8(0x81, (u8)(linear >> 16));
    out8(0x05, (u8)(bytes - 1));
    out8(0x05, (u8)((bytes - 1) >> 8));
    out8(0x0A, 0x02);
}

static u8 error_of(const u8 *st)
{
    if ((st[0] & 0xC0) == 0)
        return DISK_OK;
    if (st[1] & 0x02)
        return DISK_WRITE_PROTECTED;
    if (st[1] & 0x10)
        return DISK_DMA_OVERRUN;
    if (st[1] & 0x20)
        return DISK_CRC;
    if (st[1] & 0x84)
        return DISK_NOT_FOUND;
    if (st[1] & 0x01)
        return DISK_NO_ADDRESS_MARK;
    return st[0] & 0x08 ? DISK_TIMEOUT : DISK_CONTROLLER;
}

/* Data rates to try for a drive, first the likeliest: 0 500, 1 300, 2 250, 3 1000 kbit/s. */
static u8 find_rate(u8 drive)
{
    static const u8 order[][4] = {{0, 0, 0, 0}, {2, 2, 2, 2}, {0, 1, 2, 2},
                                  {2, 2, 2, 2}, {0, 2, 1, 2}, {3, 0, 2, 2}};
    u8 type = drive_type(drive);
    for (u32 i = 0; i < 4; i++) {
        u8 rate = order[type][i], st[7];
        u8 c[] = {CMD_READ_ID, drive};
        if (i && rate == order[type][i - 1])
            break;
        out8(FDC_CCR, rate);
        if (!command(c, sizeof c) || !wait_irq(1) || !results(st, 7)) {
            controller_reset();
            motor_on(drive);
            continue;
        }
        if (error_of(st) == DISK_OK) {
            u8 low = rate == 0 ? (type == FD_1200 ? 5 : 7) : rate == 1 ? 4 : 7;
            set_bda8((u16)(BDA_FD_MEDIA + drive), (u8)(rate << 6 | 0x10 | low));
            set_bda8(BDA_FD_RATE, (u8)(rate << 6));
            return DISK_OK;
        }
    }
    return DISK_NOT_FOUND;
}

/* The drive turns, holds a diskette and its data rate is known; or an error, DISK_CHANGED once
 * after the diskette of a known drive was changed. */
static u8 ready(u8 drive)
{
    motor_on(drive);
    u8 media = bda8((u16)(BDA_FD_MEDIA + drive));
    int line = drive_type(drive) != FD_360 && (in8(FDC_DIR) & 0x80);
    if (line) {
        set_bda8((u16)(BDA_FD_MEDIA + drive), 0);
        set_bda8(BDA_FD_RECALIBRATED, (u8)(bda8(BDA_FD_RECALIBRATED) & ~(1 << drive)));
        /* The line falls when the head steps with a diskette inside. */
        recalibrate(drive);
        seek(drive, 1, 0);
        seek(drive, 0, 0);
        if (in8(FDC_DIR) & 0x80)
            return DISK_TIMEOUT;
        if (media & 0x10)
            return DISK_CHANGED;
        media = 0;
    }
    if (!(media & 0x10)) {
        if (!seek(drive, 0, 0))
            return DISK_SEEK;
        return find_rate(drive);
    }
    out8(FDC_CCR, media >> 6);
    return DISK_OK;
}

/* The diskette parameter table that INT 1Eh points at. */
static u8 param(u32 i)
{
    return peek8(peek16(0, 0x7A), (u16)(peek16(0, 0x78) + i));
}

/* One command: count sectors from sector on of one track. mode as dma_setup. */
static u8 transfer(u8 drive, u8 mode, u8 track, u8 head, u8 sector, u8 count, u32 linear)
{
    u8 st[7];
    if (!seek(drive, track, head))
        return DISK_SEEK;
    dma_setup(linear, (u32)count * 512, mode);
    u8 c[] = {mode == 0x4A ? CMD_WRITE : CMD_READ,
              (u8)(head << 2 | drive),
              track,
              head,
              sector,
              2,
              (u8)(sector + count - 1),
              param(5),
              0xFF};
    if (!command(c, sizeof c) || !wait_irq(1) || !results(st, 7)) {
        controller_reset();
        set_bda8(BDA_FD_RECALIBRATED, 0);
        return DISK_TIMEOUT;
    }
    return error_of(st);
}

static u8 read_write(struct regs *r, u8 mode)
{
    u8 drive = r->dl, track = r->ch, head = r->dh, sector = r->cl & 0x3F, count = r->al;
    u32 linear = mode == 0x42 ? 0 : ((u32)r->es << 4) + r->bx;
    u8 status = DISK_OK, done = 0;
    if (!count || !sector || head > 1) {
        r->al = 0;
        return DISK_BAD_COMMAND;
    }
    u32 bytes = (u32)count * 512;
    if (mode != 0x42 && (linear & 0xFFFF) + bytes > 0x10000) {
        r->al = 0;
        return DISK_DMA_BOUNDARY;
    }
    status = ready(drive);
    while (status == DISK_OK && done < count) {
        u8 last = param(4);
        u8 n = (u8)(count - done);
        if (sector <= last && n > last - sector + 1)
            n = (u8)(last - sector + 1);
        for (u32 try = 0; try < 2; try++) {
            status = transfer(drive, mode, track, head, sector, n, linear + done * 512u);
            if (status == DISK_OK || status == DISK_WRITE_PROTECTED)
                break;
            recalibrate(drive);
        }
        if (status != DISK_OK)
            break;
        done = (u8)(done + n);
        sector = 1;
        if (head == 0) {
            head = 1;
        } else { /* more than the AT did, but loaders do ask for several cylinders at once */
            head = 0;
            track++;
        }
    }
    if (status != DISK_OK && status != DISK_CHANGED && status != DISK_WRITE_PROTECTED &&
        status != DISK_TIMEOUT)
        set_bda8((u16)(BDA_FD_MEDIA + drive), bda8((u16)(BDA_FD_MEDIA + drive)) & (u8)~0x10);
    r->al = done;
    return status;
}

static u8 format(struct regs *r)
{
    u32 linear = ((u32)r->es << 4) + r->bx;
    u8 drive = r->dl, count = r->al ? r->al : param(4), st[7];
    if ((linear & 0xFFFF) + count * 4u > 0x10000)
        return DISK_DMA_BOUNDARY;
    u8 status = ready(drive);
    if (status != DISK_OK && status != DISK_NOT_FOUND)
        return status;
    if (!seek(drive, r->ch, r->dh))
        return DISK_SEEK;
    dma_setup(linear, count * 4u, 0x4A);
    u8 c[] = {CMD_FORMAT, (u8)((r->dh & 1) << 2 | drive), param(3), count, param(7), param(8)};
    if (!command(c, sizeof c) || !wait_irq(1) || !results(st, 7)) {
        controller_reset();
        return DISK_TIMEOUT;
    }
    return error_of(st);
}

/* 17h and 18h: the format that the next 05h is to write sets the data rate. */
static u8 set_media(u8 drive, u8 tracks, u8 sectors)
{
    u8 type = drive_type(drive);
    u8 rate = sectors > 18 ? 3 : sectors >= 15 ? 0 : type == FD_1200 && tracks < 80 ? 1 : 2;
    if (tracks > geometries[type].tracks || sectors > geometries[type].per_track)
        return DISK_BAD_MEDIA;
    set_bda8((u16)(BDA_FD_MEDIA + drive), (u8)(rate << 6 | 0x10 | (rate == 1 ? 4 : 7)));
    return DISK_OK;
}

static u8 show_parameters(struct regs *r)
{
    u8 type = r->dl < 2 ? drive_type(r->dl) : FD_NONE;
    u8 drives_there = (u8)((drive_type(0) != 0) + (drive_type(1) != 0));
    r->bx = type;
    r->ax = 0;
    r->dl = drives_there;
    if (!type) {
        r->cx = 0;
        r->dh = 0;
        r->es = 0;
        r->di = 0;
        return DISK_OK;
    }
    r->ch = (u8)(geometries[type].tracks - 1);
    r->cl = geometries[type].per_track;
    r->dh = 1;
    r->es = DATA_SEG;
    r->di = (u16)(uintptr_t)params[type];
    return DISK_OK;
}

void floppy_int13(struct regs *r)
{
    u8 status = DISK_OK, f = r->ah;
    if (f == 0x08) {
        r->ah = show_parameters(r);
        set_carry(r, 0);
        return;
    }
    if (f == 0x15) {
        u8 type = r->dl < 2 ? drive_type(r->dl) : FD_NONE;
        r->ah = type == FD_NONE ? 0 : type == FD_360 ? 1 : 2;
        set_carry(r, 0);
        return;
    }
    if (f == 0x01) {
        r->ah = bda8(BDA_FD_STATUS);
        set_carry(r, r->ah != 0);
        return;
    }
    if (f && (r->dl > 1 || drive_type(r->dl) == FD_NONE)) {
        status = r->dl > 1 ? DISK_BAD_COMMAND : DISK_TIMEOUT;
    } else {
        switch (f) {
        case 0x00:
            controller_reset();
            set_bda8(BDA_FD_RECALIBRATED, 0);
            break;
        case 0x02:
            status = read_write(r, 0x46);
            break;
        case 0x03:
            status = read_write(r, 0x4A);
            break;
        case 0x04:
            status = read_write(r, 0x42);
            break;
        case 0x05:
            status = format(r);
            break;
        case 0x16:
            motor_on(r->dl);
            if (drive_type(r->dl) != FD_360 && (in8(FDC_DIR) & 0x80)) {
                status = ready(r->dl) == DISK_TIMEOUT ? DISK_TIMEOUT : DISK_CHANGED;
            }
            break;
        case 0x17: {
            static const u8 tracks[] = {0, 40, 40, 80, 80}, sectors[] = {0, 9, 9, 15, 9};
            status = r->al >= 1 && r->al <= 4 ? set_media(r->dl, tracks[r->al], sectors[r->al])
                                              : DISK_BAD_COMMAND;
            break;
        }
        case 0x18:
            status = set_media(r->dl, (u8)(r->ch + 1), r->cl & 0x3F);
            if (status == DISK_OK) {
                r->es = DATA_SEG;
                r->di = (u16)(uintptr_t)params[drive_type(r->dl)];
            }
            break;
        default:
            status = DISK_BAD_COMMAND;
        }
    }
    set_bda8(BDA_FD_TIMEOUT, param(2));
    set_bda8(BDA_FD_STATUS, status);
    r->ah = status;
    set_carry(r, status != DISK_OK);
}

void floppy_init(void)
{
    u32 count = (drive_type(0) != 0) + (drive_type(1) != 0);
    u16 equipment = bda16(BDA_EQUIPMENT) & 0xFF3E;
    if (!count)
        return;
    set_bda16(BDA_EQUIPMENT, (u16)(equipment | 1 | (count - 1) << 6));
    /* The parameter table says how long a track is: it must fit drive A's diskettes. */
    if (drive_type(0) != FD_1440 && drive_type(0) != FD_NONE)
        poke32(0, 0x1E * 4, (u32)DATA_SEG << 16 | (u16)(uintptr_t)params[drive_type(0)]);
    set_bda8(BDA_FD_CONTROLLER, (u8)((drive_type(0) ? 0x07 : 0) | (drive_type(1) ? 0x70 : 0)));
    controller_reset();
}
