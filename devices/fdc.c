/* devices/fdc.c: registers, pins, DMA and time of the floppy controller; the commands are in
 * fdc_commands.c.
 *
 * INT and DRQ reach the PC only while DOR bit 3 is set. A sector that the host does not take (its
 * DMA channel is masked, its driver asleep) ends in an overrun after a while, never in a hang. */
#include "devices/fdc_state.h"

#define RESET_NS   100000
#define OVERRUN_NS UINT64_C(1000000000)

enum { RANGE_MAIN, RANGE_DIR };

/* --- Pins and time ------------------------------------------------------------------------- */

static void drive_pins(struct fdc *f)
{
    bool gate = f->dor & DOR_DMA_GATE;
    bus_irq(f->bus, FDC_PIN_IRQ6, f->irq && gate);
    bus_irq(f->bus, FDC_PIN_DRQ2, f->drq && gate);
}

void fdc_raise(struct fdc *f)
{
    f->irq = 1;
    drive_pins(f);
}

void fdc_lower(struct fdc *f)
{
    f->irq = 0;
    drive_pins(f);
}

void fdc_arm(struct fdc *f, enum fdc_timer timer, uint64_t ns)
{
    f->deadline[timer] = bus_now(f->bus) + ns;
    bus_timer(f->bus, timer, f->deadline[timer]);
}

void fdc_cancel(struct fdc *f, enum fdc_timer timer)
{
    f->deadline[timer] = 0;
    bus_timer_cancel(f->bus, timer);
}

/* A real 300 rpm drive passes 18 sectors in 200 ms. Loaders and the BIOS poll meanwhile: what a
 * sector takes is processor time of the host. */
uint64_t fdc_sector_ns(const struct fdc *f)
{
    return f->real_speed ? 11100000 : 20000;
}

uint64_t fdc_seek_ns(const struct fdc *f, unsigned cylinders)
{
    uint64_t step = f->real_speed ? (16 - (f->specify[0] >> 4)) * UINT64_C(1000000) : 20000;
    return 50000 + cylinders * step;
}

static bool non_dma(const struct fdc *f)
{
    return f->specify[1] & 1;
}

void fdc_data(struct fdc *f, bool to_host, uint16_t length)
{
    f->phase = to_host ? FDC_DATA_IN : FDC_DATA_OUT;
    f->position = 0;
    f->length = length <= FDC_SECTOR ? length : FDC_SECTOR;
    f->action = FDC_ACT_OVERRUN;
    fdc_arm(f, FDC_TIMER_EXECUTE, OVERRUN_NS);
    if (non_dma(f)) {
        fdc_raise(f);
    } else {
        f->drq = 1; /* may be answered, to the last byte, before this returns */
        drive_pins(f);
    }
}

void fdc_stop_data(struct fdc *f)
{
    f->drq = 0;
    f->action = FDC_ACT_NONE;
    fdc_cancel(f, FDC_TIMER_EXECUTE);
    drive_pins(f);
}

static void block_through(struct fdc *f)
{
    fdc_stop_data(f);
    f->phase = FDC_EXECUTE;
    fdc_data_done(f);
}

static size_t fdc_dack(void *state, unsigned channel, struct dack *transfer)
{
    struct fdc *f = state;
    (void)channel;
    bool in = f->phase == FDC_DATA_IN;
    if (transfer->denied) {
        fdc_denied(f);
        return 0;
    }
    if (!f->drq || (!in && f->phase != FDC_DATA_OUT) || in != transfer->to_memory)
        return 0;
    struct span block = span_slice((struct span){f->buffer, f->length}, f->position, transfer->len);
    struct span host = {transfer->buf, transfer->len};
    size_t n = in ? span_copy(host, block) : span_copy(block, host);
    f->position = (uint16_t)(f->position + n);
    if (transfer->terminal_count && n == transfer->len)
        f->terminal_count = 1;
    if (f->position >= f->length || f->terminal_count)
        block_through(f);
    return n;
}

static void fdc_timer(void *state, unsigned timer, uint64_t now_ns)
{
    struct fdc *f = state;
    (void)now_ns;
    f->deadline[timer] = 0;
    if (timer != FDC_TIMER_EXECUTE) {
        fdc_seek_done(f, timer);
        return;
    }
    uint8_t action = f->action;
    f->action = FDC_ACT_NONE;
    if (action == FDC_ACT_RESET) {
        for (unsigned i = 0; i < 4; i++) /* polling found four drives ready */
            f->interrupt[i] = (uint8_t)(ST0_POLLING | i);
        fdc_raise(f);
    } else if (action == FDC_ACT_OVERRUN) {
        fdc_overrun(f);
    } else if (action != FDC_ACT_NONE) {
        f->action = action;
        fdc_execute(f);
    }
}

/* --- Reset --------------------------------------------------------------------------------- */

static void soft_reset(struct fdc *f)
{
    fdc_stop_data(f);
    f->phase = FDC_IDLE;
    f->command_len = f->result_len = f->result_pos = 0;
    f->terminal_count = 0;
    memset(f->interrupt, 0, sizeof f->interrupt);
    memset(f->pcn, 0, sizeof f->pcn);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        f->drive[i].seeking = 0;
        fdc_cancel(f, i);
    }
    if (!f->locked) { /* LOCK keeps these over a software reset (82077AA 5.2.6) */
        f->config = 0x20;
        f->pretrk = 0;
    }
    f->perpendicular &= 0x3c;
    fdc_lower(f);
}

static void fdc_reset(void *state)
{
    struct fdc *f = state;
    f->dor = f->tdr = f->locked = f->perpendicular = f->last_eot = 0;
    f->rate = 2;
    f->specify[0] = f->specify[1] = 0;
    soft_reset(f);
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        f->drive[i].changed = 1;
}

static void begin_reset_end(struct fdc *f)
{
    f->action = FDC_ACT_RESET;
    fdc_arm(f, FDC_TIMER_EXECUTE, RESET_NS);
}

static void write_dor(struct fdc *f, uint8_t value)
{
    uint8_t was = f->dor;
    f->dor = value;
    if (!(value & DOR_RESET))
        soft_reset(f);
    else if (!(was & DOR_RESET))
        begin_reset_end(f);
    drive_pins(f);
}

static void write_dsr(struct fdc *f, uint8_t value)
{
    f->rate = value & 3;
    if (value & 0x80 && f->dor & DOR_RESET) {
        soft_reset(f);
        begin_reset_end(f);
    }
}

/* --- Registers ----------------------------------------------------------------------------- */

static uint8_t read_msr(const struct fdc *f)
{
    uint8_t msr = 0;
    if (!(f->dor & DOR_RESET) || f->action == FDC_ACT_RESET)
        return 0;
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        msr |= (uint8_t)(f->drive[i].seeking << i);
    switch (f->phase) {
    case FDC_IDLE:
        return msr | MSR_RQM | (f->command_len ? MSR_BUSY : 0);
    case FDC_RESULT:
        return msr | MSR_RQM | MSR_DIO | MSR_BUSY;
    case FDC_DATA_IN:
    case FDC_DATA_OUT:
        if (non_dma(f))
            msr |= MSR_RQM | MSR_NDMA | (f->phase == FDC_DATA_IN ? MSR_DIO : 0);
        break;
    }
    if (!(msr & MSR_RQM))
        bus_polled(f->bus);
    return msr | MSR_BUSY;
}

/* After a byte of a non-DMA transfer: the next one asks again. */
static void byte_through(struct fdc *f)
{
    fdc_lower(f);
    if (f->position >= f->length)
        block_through(f);
    else
        fdc_raise(f);
}

static uint8_t read_data(struct fdc *f)
{
    if (f->phase == FDC_DATA_IN && non_dma(f)) {
        uint8_t byte = span_byte((struct span){f->buffer, f->length}, f->position++);
        byte_through(f);
        return byte;
    }
    if (f->phase != FDC_RESULT)
        return 0;
    fdc_lower(f);
    uint8_t byte = span_byte((struct span){f->result, sizeof f->result}, f->result_pos++);
    if (f->result_pos >= f->result_len) {
        f->phase = FDC_IDLE;
        f->result_len = f->result_pos = 0;
    }
    return byte;
}

static void write_data(struct fdc *f, uint8_t value)
{
    if (!(f->dor & DOR_RESET) || f->action == FDC_ACT_RESET)
        return;
    if (f->phase == FDC_DATA_OUT && non_dma(f)) {
        span_put((struct span){f->buffer, f->length}, f->position++, value);
        byte_through(f);
        return;
    }
    if (f->phase != FDC_IDLE)
        return;
    span_put((struct span){f->command, sizeof f->command}, f->command_len++, value);
    if (f->command_len >= fdc_command_length(f->command[0])) {
        f->command_len = 0;
        fdc_run_command(f);
    }
}

static uint8_t read_dir(const struct fdc *f)
{
    unsigned unit = f->dor & 3;
    bool motor = f->dor >> (4 + unit) & 1;
    return motor && unit < FDC_DRIVES && f->drive[unit].type && f->drive[unit].changed ? 0x80 : 0;
}

static uint32_t fdc_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct fdc *f = state;
    (void)size;
    if (range == RANGE_DIR)
        return read_dir(f);
    switch (offset) {
    case 2:
        return f->dor;
    case 3:
        return f->tdr;
    case 4:
        return read_msr(f);
    case 5:
        return read_data(f);
    }
    return 0xff; /* status registers A and B: PS/2 only */
}

static void fdc_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct fdc *f = state;
    (void)size;
    if (range == RANGE_DIR)
        f->rate = value & 3;
    else if (offset == 2)
        write_dor(f, (uint8_t)value);
    else if (offset == 3)
        f->tdr = value & 3;
    else if (offset == 4)
        write_dsr(f, (uint8_t)value);
    else if (offset == 5)
        write_data(f, (uint8_t)value);
}

/* --- For the board and the frontend --------------------------------------------------------- */

static void put_disk(struct fdc_drive *d, struct disk_image *image)
{
    d->image = image;
    d->geometry = (struct disk_geometry){0};
    if (image && !disk_floppy_geometry(disk_image_sectors(image) * DISK_SECTOR, &d->geometry))
        d->geometry = (struct disk_geometry){80, 2, 18}; /* what there is of it */
}

struct disk_image *fdc_change_disk(void *state, unsigned drive, struct disk_image *image)
{
    struct fdc *f = state;
    if (drive >= FDC_DRIVES || !f->drive[drive].type)
        return image;
    struct disk_image *old = f->drive[drive].image;
    put_disk(&f->drive[drive], image);
    f->drive[drive].changed = 1;
    return old;
}

enum fdc_drive_type fdc_drive_for(const struct disk_image *image)
{
    uint64_t kb = image ? disk_image_sectors(image) / 2 : 1440;
    if (kb > 1440)
        return FDC_2880K;
    return kb == 720 || kb > 1200 ? FDC_1440K : FDC_1200K; /* a 1.2 MB drive reads 160K to 360K */
}

bool fdc_motor_is_on(const void *state, unsigned drive)
{
    return drive < FDC_DRIVES && ((const struct fdc *)state)->dor >> (4 + drive) & 1;
}

uint64_t fdc_activity(const void *state, unsigned drive)
{
    return drive < FDC_DRIVES ? ((const struct fdc *)state)->drive[drive].activity : 0;
}

/* --- The descriptor ------------------------------------------------------------------------ */

static const char *fdc_init(void *state, struct bus *bus, const void *config)
{
    struct fdc *f = state;
    const struct fdc_config *c = config;
    f->bus = bus;
    f->real_speed = c->real_speed;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        f->drive[i].type = c->unit[i].type;
        put_disk(&f->drive[i], c->unit[i].type ? c->unit[i].image : NULL);
    }
    return NULL;
}

static void fdc_loaded(void *state)
{
    struct fdc *f = state;
    f->unit &= 3;
    f->head &= 1;
    f->length = f->length <= FDC_SECTOR ? f->length : FDC_SECTOR;
    for (unsigned i = 0; i < FDC_TIMERS; i++)
        if (f->deadline[i])
            bus_timer(f->bus, i, f->deadline[i]);
    drive_pins(f);
}

static const struct field drive_fields[] = {
    FIELD(struct fdc_drive, cylinder, "head position"),
    FIELD(struct fdc_drive, target, "seek target"),
    FIELD(struct fdc_drive, seeking, "head moves"),
    FIELD(struct fdc_drive, changed, "disk change line"),
    FIELD_END,
};

static const struct field fdc_fields[] = {
    FIELD_SUB(struct fdc, drive, drive_fields, "drives"),
    FIELD(struct fdc, dor, "digital output register"),
    FIELD(struct fdc, tdr, "tape drive register"),
    FIELD(struct fdc, rate, "data rate"),
    FIELD(struct fdc, phase, "phase"),
    FIELD(struct fdc, action, "what happens at the timer"),
    FIELD(struct fdc, irq, "INT"),
    FIELD(struct fdc, drq, "DRQ"),
    FIELD_ARRAY(struct fdc, command, "command bytes"),
    FIELD(struct fdc, command_len, "command bytes so far"),
    FIELD_ARRAY(struct fdc, result, "result bytes"),
    FIELD(struct fdc, result_len, "result bytes in all"),
    FIELD(struct fdc, result_pos, "result bytes read"),
    FIELD_ARRAY(struct fdc, interrupt, "pending ST0 by drive"),
    FIELD_ARRAY(struct fdc, specify, "SPECIFY"),
    FIELD(struct fdc, config, "CONFIGURE"),
    FIELD(struct fdc, pretrk, "precompensation start track"),
    FIELD(struct fdc, perpendicular, "PERPENDICULAR MODE"),
    FIELD(struct fdc, locked, "LOCK"),
    FIELD(struct fdc, last_eot, "last EOT"),
    FIELD_ARRAY(struct fdc, pcn, "present cylinder numbers"),
    FIELD(struct fdc, c, "sector ID: cylinder"),
    FIELD(struct fdc, h, "sector ID: head"),
    FIELD(struct fdc, r, "sector ID: sector"),
    FIELD(struct fdc, n, "sector ID: size"),
    FIELD(struct fdc, head, "selected head"),
    FIELD(struct fdc, eot, "last sector of the track"),
    FIELD(struct fdc, unit, "selected drive"),
    FIELD(struct fdc, terminal_count, "TC seen"),
    FIELD(struct fdc, rotation, "sector under the head"),
    FIELD(struct fdc, position, "bytes through"),
    FIELD(struct fdc, length, "bytes of the block"),
    FIELD(struct fdc, format_left, "sectors to go"),
    FIELD_ARRAY(struct fdc, buffer, "sector buffer"),
    FIELD_ARRAY(struct fdc, deadline, "timers, ns"),
    FIELD_END,
};

static const struct port_range fdc_ports[] = {
    [RANGE_MAIN] = {0x3f0, 6, SIZE_1},
    [RANGE_DIR] = {0x3f7, 1, SIZE_1},
};

static const char *const fdc_outputs[] = {"IRQ6", "DRQ2"};

const struct device_class fdc_class = {
    .name = "fdc",
    .title = "82077AA floppy controller",
    .state_size = sizeof(struct fdc),
    .fields = fdc_fields,
    .ports = fdc_ports,
    .port_count = ARRAY_LEN(fdc_ports),
    .outputs = fdc_outputs,
    .output_count = ARRAY_LEN(fdc_outputs),
    .timer_count = FDC_TIMERS,
    .init = fdc_init,
    .reset = fdc_reset,
    .port_read = fdc_port_read,
    .port_write = fdc_port_write,
    .timer = fdc_timer,
    .dack = fdc_dack,
    .loaded = fdc_loaded,
};
