/* devices/ide/ata.c: the commands of an ATA disk (ATA-6 chapter 8), in PIO and DMA, 28 and 48 bits.
 *
 * While a transfer runs, `lba` is the first sector not yet done and `left` counts the sectors to
 * go; both bound every access to the medium, whatever the guest wrote. Nothing is reported done
 * before the image has taken it. */
#include "devices/ide/state.h"

#define SEEK_NS        15000 /* command to first data; quick, but a driver sees BSY first */
#define NEXT_BLOCK_NS  4000
#define FLUSH_NS       20000
#define NS_PER_SECTOR  250 /* some 2 GB/s: the host takes longer, a guest should not wait twice */
#define SECTORS_A_STEP (IDE_BUFFER / DISK_SECTOR)
#define MAX_MULTIPLE   16

enum { DEVICE_LBA = 0x40 };

/* --- Addresses ----------------------------------------------------------------------------- */

struct disk_geometry ata_default_geometry(const struct ide_drive *d)
{
    struct disk_geometry g = {1, 16, 63};
    if (d->kind != IDE_DISK)
        return g;
    const struct disk_geometry *guess = &disk_image_info(d->image)->geometry;
    if (guess->heads >= 1 && guess->heads <= 16 && guess->sectors >= 1 && guess->sectors <= 63) {
        g.heads = guess->heads;
        g.sectors = guess->sectors;
    }
    uint64_t cylinders = d->sectors / (g.heads * g.sectors);
    g.cylinders = cylinders < 1 ? 1 : cylinders > 16383 ? 16383 : (uint32_t)cylinders;
    return g;
}

/* The address in the task file; UINT64_MAX for a CHS address that does not exist. */
static uint64_t task_file_lba(const struct ide_drive *d)
{
    uint64_t low = d->lba_low[0] | d->lba_mid[0] << 8 | (uint64_t)d->lba_high[0] << 16;
    if (d->ext)
        return low | (uint64_t)d->lba_low[1] << 24 | (uint64_t)d->lba_mid[1] << 32 |
               (uint64_t)d->lba_high[1] << 40;
    if (d->device & DEVICE_LBA)
        return low | (uint64_t)(d->device & 15) << 24;
    uint32_t cylinder = d->lba_mid[0] | (uint32_t)d->lba_high[0] << 8;
    uint32_t head = d->device & 15, sector = d->lba_low[0];
    if (head >= d->heads || sector < 1 || sector > d->track)
        return UINT64_MAX;
    return ((uint64_t)cylinder * d->heads + head) * d->track + sector - 1;
}

static void set_task_file_lba(struct ide_drive *d, uint64_t lba)
{
    if (!d->ext && !(d->device & DEVICE_LBA)) {
        uint64_t track = lba / d->track, cylinder = track / d->heads;
        d->lba_low[0] = (uint8_t)(lba % d->track + 1);
        d->device = (uint8_t)((d->device & 0xf0) | (track % d->heads & 15));
        d->lba_mid[0] = (uint8_t)cylinder;
        d->lba_high[0] = (uint8_t)(cylinder >> 8);
        return;
    }
    d->lba_low[0] = (uint8_t)lba;
    d->lba_mid[0] = (uint8_t)(lba >> 8);
    d->lba_high[0] = (uint8_t)(lba >> 16);
    if (d->ext) {
        d->lba_low[1] = (uint8_t)(lba >> 24);
        d->lba_mid[1] = (uint8_t)(lba >> 32);
        d->lba_high[1] = (uint8_t)(lba >> 40);
    } else {
        d->device = (uint8_t)((d->device & 0xf0) | (lba >> 24 & 15));
    }
}

static uint32_t task_file_count(const struct ide_drive *d)
{
    uint32_t count = d->count[0] | (d->ext ? d->count[1] << 8 : 0);
    return count ? count : d->ext ? 65536 : 256;
}

static void set_task_file_count(struct ide_drive *d, uint32_t count)
{
    d->count[0] = (uint8_t)count;
    d->count[1] = d->ext ? (uint8_t)(count >> 8) : d->count[1];
}

/* --- Transfers ----------------------------------------------------------------------------- */

/* Ends the transfer with error, the registers telling where. */
static void transfer_failed(struct ide_channel *ch, struct ide_drive *d, enum disk_status status,
                            bool writing)
{
    set_task_file_lba(d, d->lba);
    set_task_file_count(d, d->left);
    d->left = 0;
    uint8_t error = status == DISK_RANGE ? ER_IDNF : writing ? ER_ABRT : ER_UNC;
    ide_finish(ch, d, error);
    if (status != DISK_RANGE && status != DISK_PROTECTED && writing)
        d->status |= ST_DF;
}

/* n sectors are done; the registers show the last one done and what is left. */
static void advance(struct ide_drive *d, uint32_t n)
{
    d->lba += n;
    d->left -= n < d->left ? n : d->left;
    d->counters.activity += n;
    set_task_file_lba(d, d->lba - 1);
    set_task_file_count(d, d->left);
}

/* Sectors of the next step: at most max, within the transfer, the buffer and the medium; 0 beyond
 * its end. */
static uint32_t step_sectors(const struct ide_drive *d, uint32_t max)
{
    uint64_t n = d->left < max ? d->left : max;
    n = n < SECTORS_A_STEP ? n : SECTORS_A_STEP;
    uint64_t there = d->lba < d->sectors ? d->sectors - d->lba : 0;
    return (uint32_t)(n < there ? n : there);
}

static enum disk_status load(struct ide_drive *d, uint32_t n)
{
    d->buf_pos = 0;
    d->buf_len = n * DISK_SECTOR;
    return n ? disk_image_read(d->image, d->lba, (struct span){d->buffer, d->buf_len}) : DISK_RANGE;
}

static enum disk_status store(struct ide_drive *d, uint32_t n)
{
    return n ? disk_image_write(d->image, d->lba, (struct span){d->buffer, n * DISK_SECTOR})
             : DISK_RANGE;
}

static void read_block(struct ide_channel *ch, struct ide_drive *d)
{
    if (!d->left) { /* the guest took the last block: no further interrupt */
        d->status = ST_READY;
        return;
    }
    uint32_t n = step_sectors(d, d->block);
    enum disk_status status = load(d, n);
    if (status) {
        transfer_failed(ch, d, status, false);
        return;
    }
    advance(d, n);
    ide_data_block(ch, d, 0, d->buf_len, true, ACT_READ_BLOCK, true);
}

/* Asks for the next block of a write. The first comes without an interrupt. */
static void want_block(struct ide_channel *ch, struct ide_drive *d, bool first)
{
    uint32_t n = d->left < d->block ? d->left : d->block;
    n = n < SECTORS_A_STEP ? n : SECTORS_A_STEP;
    d->buf_len = n * DISK_SECTOR;
    ide_data_block(ch, d, 0, d->buf_len, false, ACT_WRITE_BLOCK, !first);
}

static void write_block(struct ide_channel *ch, struct ide_drive *d)
{
    uint32_t want = d->buf_len / DISK_SECTOR, n = step_sectors(d, want);
    enum disk_status status = store(d, n);
    if (!status) {
        advance(d, n);
        status = n < want ? DISK_RANGE : DISK_OK;
    }
    if (status)
        transfer_failed(ch, d, status, true);
    else if (d->left)
        want_block(ch, d, false);
    else
        ide_finish(ch, d, 0);
}

static void verify_step(struct ide_channel *ch, struct ide_drive *d)
{
    uint32_t n = step_sectors(d, SECTORS_A_STEP);
    enum disk_status status = load(d, n);
    if (status) {
        transfer_failed(ch, d, status, false);
        return;
    }
    advance(d, n);
    if (d->left)
        ide_later(ch, d, ACT_VERIFY, n * NS_PER_SECTOR);
    else
        ide_finish(ch, d, 0);
}

/* One step of a DMA: up to 32 KiB. */
static void dma_step(struct ide_channel *ch, struct ide_drive *d)
{
    if (d->buf_pos == d->buf_len) { /* begin a step */
        uint32_t n = step_sectors(d, SECTORS_A_STEP);
        enum disk_status status = d->to_host ? load(d, n) : n ? DISK_OK : DISK_RANGE;
        if (status) {
            transfer_failed(ch, d, status, !d->to_host);
            return;
        }
        d->buf_pos = 0;
        d->buf_len = n * DISK_SECTOR;
    }
    d->action = ACT_NONE;
    enum bm_result moved = bm_move(ch, d);
    if (moved == BM_STALL) { /* bm_write goes on when the guest starts a new table */
        d->status = ST_READY | ST_DRQ;
        return;
    }
    uint32_t n = d->buf_len / DISK_SECTOR;
    enum disk_status status = moved == BM_DONE && !d->to_host ? store(d, n) : DISK_OK;
    if (moved == BM_ERROR) {
        set_task_file_lba(d, d->lba);
        d->left = 0;
        ide_finish(ch, d, ER_ABRT);
    } else if (status) {
        transfer_failed(ch, d, status, true);
    } else {
        advance(d, n);
        if (d->left)
            ide_later(ch, d, ACT_DMA, n * NS_PER_SECTOR);
        else
            ide_finish(ch, d, 0);
    }
}

enum transfer { READ_PIO, WRITE_PIO, READ_DMA, WRITE_DMA, VERIFY };

static void begin_transfer(struct ide_channel *ch, struct ide_drive *d, enum transfer transfer,
                           bool ext, uint32_t block)
{
    d->ext = ext;
    d->lba = task_file_lba(d);
    d->left = task_file_count(d);
    d->block = block;
    d->buf_pos = d->buf_len = 0;
    d->power_mode = 0xff;
    bool writes = transfer == WRITE_PIO || transfer == WRITE_DMA;
    if (!block) { /* READ/WRITE MULTIPLE without SET MULTIPLE */
        ide_finish_later(ch, d, ER_ABRT);
    } else if (d->lba >= d->sectors) {
        ide_finish_later(ch, d, ER_IDNF);
    } else if (writes && disk_image_is_read_only(d->image)) {
        log_once(bus_log(ch->ide->bus), ch->number * 2u + (d != ch->drive),
                 "the guest writes to %s, which is read-only: its writes fail",
                 disk_image_path(d->image));
        ide_finish_later(ch, d, ER_ABRT);
    } else if (transfer == WRITE_PIO) {
        want_block(ch, d, true);
    } else {
        d->to_host = transfer == READ_DMA;
        ide_later(ch, d,
                  transfer == READ_PIO ? ACT_READ_BLOCK
                  : transfer == VERIFY ? ACT_VERIFY
                                       : ACT_DMA,
                  SEEK_NS);
    }
}

/* --- Other commands ------------------------------------------------------------------------ */

static void flush(struct ide_channel *ch, struct ide_drive *d)
{
    bool failed = d->image && disk_image_flush(d->image) != DISK_OK;
    ide_finish(ch, d, failed ? ER_ABRT : 0);
    if (failed)
        d->status |= ST_DF;
}

bool ata_set_features(struct ide_drive *d)
{
    switch (d->feature[0]) {
    case 0x02: /* write cache on */
    case 0x82: /* off */
        d->write_cache = d->feature[0] == 0x02;
        return true;
    case 0x03: { /* transfer mode: PIO default, PIO flow control, multiword DMA, Ultra DMA */
        uint8_t kind = d->count[0] >> 3, mode = d->count[0] & 7;
        if (kind == 0 ? mode > 1 : kind == 1 ? mode > 4 : kind == 4 ? mode > 2 : true) {
            if (kind != 8 || mode > 2)
                return false;
        }
        if (kind >= 4)
            d->dma_mode = d->count[0];
        return true;
    }
    case 0x05: /* advanced power management on */
    case 0x85:
    case 0x55: /* read look-ahead off */
    case 0xaa:
    case 0x66: /* keep settings over a soft reset */
    case 0xcc:
        return true;
    }
    return false;
}

static bool init_parameters(struct ide_drive *d)
{
    if (!d->count[0])
        return false;
    d->heads = (d->device & 15) + 1;
    d->track = d->count[0];
    return true;
}

static bool set_multiple(struct ide_drive *d)
{
    uint8_t n = d->count[0];
    if (n > MAX_MULTIPLE || (n && !is_power_of_two(n)))
        return false;
    d->multiple = n;
    return true;
}

static void native_max(struct ide_drive *d, bool ext)
{
    uint64_t last = d->sectors - 1;
    d->ext = ext;
    d->device |= DEVICE_LBA;
    set_task_file_lba(d, ext || last < 0x0fffffff ? last : 0x0fffffff);
}

/* SMART: on, off, and a status that is always good (ATA-6 8.55). */
static bool smart(struct ide_drive *d)
{
    if (d->lba_mid[0] != 0x4f || d->lba_high[0] != 0xc2)
        return false;
    switch (d->feature[0]) {
    case 0xd8:
    case 0xd9:
        d->smart = d->feature[0] == 0xd8;
        return true;
    case 0xda: /* 4Fh C2h: no threshold exceeded */
    case 0xd2:
        return d->smart;
    }
    return false;
}

static void standard_data(struct ide_channel *ch, struct ide_drive *d)
{
    d->buf_len = DISK_SECTOR;
    d->left = 0;
    ide_later(ch, d, ACT_STANDARD_DATA, SEEK_NS);
}

/* Seek and recalibrate: the sector must exist. */
static void seek(struct ide_channel *ch, struct ide_drive *d)
{
    ide_finish_later(ch, d, task_file_lba(d) < d->sectors ? 0 : ER_IDNF);
}

static bool transfer_command(struct ide_channel *ch, struct ide_drive *d, uint8_t command)
{
    static const struct {
        uint8_t command, transfer, ext, multiple;
    } table[] = {
        {0x20, READ_PIO, 0, 0},  {0x21, READ_PIO, 0, 0},  {0x24, READ_PIO, 1, 0},
        {0xc4, READ_PIO, 0, 1},  {0x29, READ_PIO, 1, 1},  {0x30, WRITE_PIO, 0, 0},
        {0x31, WRITE_PIO, 0, 0}, {0x3c, WRITE_PIO, 0, 0}, {0x34, WRITE_PIO, 1, 0},
        {0xc5, WRITE_PIO, 0, 1}, {0x39, WRITE_PIO, 1, 1}, {0xc8, READ_DMA, 0, 0},
        {0xc9, READ_DMA, 0, 0},  {0x25, READ_DMA, 1, 0},  {0xca, WRITE_DMA, 0, 0},
        {0xcb, WRITE_DMA, 0, 0}, {0x35, WRITE_DMA, 1, 0}, {0x40, VERIFY, 0, 0},
        {0x41, VERIFY, 0, 0},    {0x42, VERIFY, 1, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].command == command) {
            begin_transfer(ch, d, table[i].transfer, table[i].ext,
                           table[i].multiple ? d->multiple : 1);
            return true;
        }
    }
    return false;
}

/* Commands without data that succeed or fail at once; false: not one of them. */
static bool simple_command(struct ide_drive *d, uint8_t command, bool *ok)
{
    *ok = true;
    switch (command) {
    case 0x91:
        *ok = init_parameters(d);
        return true;
    case 0xc6:
        *ok = set_multiple(d);
        return true;
    case 0xef:
        *ok = ata_set_features(d);
        return true;
    case 0xf8:
    case 0x27:
        native_max(d, command == 0x27);
        return true;
    case 0xb0:
        *ok = smart(d);
        return true;
    case 0xe0: /* STANDBY IMMEDIATE, STANDBY, and their old codes */
    case 0xe2:
    case 0x94:
    case 0x96:
    case 0xe6: /* SLEEP: wakes without the reset that it would need */
    case 0x99:
        d->power_mode = 0x00;
        return true;
    case 0xe1: /* IDLE IMMEDIATE, IDLE */
    case 0xe3:
    case 0x95:
    case 0x97:
        d->power_mode = 0xff;
        return true;
    case 0xe5: /* CHECK POWER MODE */
    case 0x98:
        d->count[0] = d->power_mode;
        return true;
    }
    return false;
}

void ata_command(struct ide_channel *ch, struct ide_drive *d, uint8_t command)
{
    bool disk = d->kind == IDE_DISK, ok;
    if (disk && transfer_command(ch, d, command))
        return;
    if ((disk || command == 0xef || (command >= 0xe0 && command <= 0xe6)) &&
        simple_command(d, command, &ok)) {
        ide_finish_later(ch, d, ok ? 0 : ER_ABRT);
        return;
    }
    if (command == 0xe7 || command == 0xea) {
        ide_later(ch, d, ACT_FLUSH, FLUSH_NS);
    } else if (disk && command == 0xec) {
        ata_identify(ch, d, d->buffer);
        standard_data(ch, d);
    } else if (disk && command == 0xe4) { /* READ BUFFER */
        standard_data(ch, d);
    } else if (disk && command == 0xe8) { /* WRITE BUFFER */
        ide_data_block(ch, d, 0, DISK_SECTOR, false, ACT_DATA_TAKEN, false);
    } else if (disk && command >= 0x10 && command <= 0x1f) { /* RECALIBRATE */
        ide_finish_later(ch, d, 0);
    } else if (disk && command >= 0x70 && command <= 0x7f) {
        seek(ch, d);
    } else { /* NOP too ends with ABRT (ATA-6 8.24) */
        if (disk && command != 0x00 && command != 0x08 && command != 0xa0 && command != 0xa1)
            log_once(bus_log(ch->ide->bus), command,
                     "IDE: disk command %02xh is not implemented (guest at %llx)", command,
                     (unsigned long long)bus_guest_pc(ch->ide->bus));
        ide_finish_later(ch, d, ER_ABRT);
    }
}

void ata_action(struct ide_channel *ch, struct ide_drive *d, enum ide_action action)
{
    bool was_busy = d->status & ST_BSY;
    switch (action) {
    case ACT_READ_BLOCK:
        if (was_busy || !d->left)
            read_block(ch, d);
        else
            ide_later(ch, d, ACT_READ_BLOCK, NEXT_BLOCK_NS);
        break;
    case ACT_WRITE_BLOCK:
        if (was_busy)
            write_block(ch, d);
        else
            ide_later(ch, d, ACT_WRITE_BLOCK, NEXT_BLOCK_NS);
        break;
    case ACT_VERIFY:
        verify_step(ch, d);
        break;
    case ACT_DMA:
        dma_step(ch, d);
        break;
    case ACT_FLUSH:
        flush(ch, d);
        break;
    case ACT_STANDARD_DATA:
        ide_data_block(ch, d, 0, DISK_SECTOR, true, ACT_READ_BLOCK, true);
        break;
    case ACT_DATA_TAKEN:
        ide_finish_later(ch, d, 0);
        break;
    default:
        break;
    }
}
