/* devices/ide/channel.c: one IDE channel: task file, device control, data port, interrupts, and the
 * engine that carries a command from BSY to its last interrupt. See state.h for the life of a
 * command.
 *
 * Both drives hear every register write; the one selected answers reads. A drive that is absent
 * answers 0; nothing at all on the channel reads as 0 too (a pulled-down bus: no BSY, so that no
 * guest waits). */
#include "devices/ide/state.h"

#define COMMAND_NS 10000 /* a command without data */
#define RESET_NS   50000 /* SRST to signature */

enum { CONTROL_NIEN = 0x02, CONTROL_SRST = 0x04, CONTROL_HOB = 0x80 };
enum { SELECT_SLAVE = 0x10 };
enum { CMD_DEVICE_RESET = 0x08, CMD_DIAGNOSTIC = 0x90 };

/* --- Interrupts ---------------------------------------------------------------------------- */

void ide_update_irq(struct ide_channel *ch)
{
    struct ide_drive *d = ide_selected(ch);
    bool level = d->kind && d->intrq && !(ch->control & CONTROL_NIEN);
    if (level && !ch->irq_level)
        bm_interrupt(ch);
    ch->irq_level = level;
    bus_irq(ch->ide->bus, ch->number, level);
}

void ide_raise(struct ide_channel *ch, struct ide_drive *d)
{
    d->intrq = 1;
    ide_update_irq(ch);
}

/* --- The engine ---------------------------------------------------------------------------- */

static void arm(struct ide_channel *ch, uint64_t deadline)
{
    ch->timer_on = 1;
    ch->deadline = deadline;
    bus_timer(ch->ide->bus, ch->number, deadline);
}

void ide_later(struct ide_channel *ch, struct ide_drive *d, enum ide_action action, uint64_t ns)
{
    d->action = (uint8_t)action;
    d->status = ST_BSY | (d->status & ST_READY);
    arm(ch, bus_now(ch->ide->bus) + ns);
}

void ide_finish(struct ide_channel *ch, struct ide_drive *d, uint8_t error)
{
    d->action = d->after = ACT_NONE;
    d->error = error;
    d->status = ST_READY | (error ? ST_ERR : 0);
    d->counters.errors += error != 0;
    ide_raise(ch, d);
}

void ide_finish_later(struct ide_channel *ch, struct ide_drive *d, uint8_t error)
{
    d->pending_error = error;
    ide_later(ch, d, ACT_FINISH, COMMAND_NS);
}

void ide_data_block(struct ide_channel *ch, struct ide_drive *d, uint32_t pos, uint32_t len,
                    bool to_host, enum ide_action after, bool irq)
{
    d->buf_pos = pos < IDE_BUFFER ? pos : IDE_BUFFER;
    d->buf_drq = len < IDE_BUFFER - d->buf_pos ? d->buf_pos + len : IDE_BUFFER;
    d->to_host = to_host;
    d->action = ACT_NONE;
    d->after = (uint8_t)after;
    d->status = ST_READY | ST_DRQ;
    if (irq)
        ide_raise(ch, d);
}

static void act(struct ide_channel *ch, struct ide_drive *d, enum ide_action action)
{
    d->action = ACT_NONE;
    if (action == ACT_FINISH)
        ide_finish(ch, d, d->pending_error);
    else if (action >= ACT_PACKET_WANTED && action < ACT_COUNT)
        atapi_action(ch, d, action);
    else if (action != ACT_NONE && action != ACT_RESET)
        ata_action(ch, d, action);
}

/* The last byte of a DRQ block went through. */
static void data_end(struct ide_channel *ch, struct ide_drive *d)
{
    d->status &= (uint8_t)~ST_DRQ;
    enum ide_action after = d->after;
    d->after = ACT_NONE;
    act(ch, d, after);
}

/* --- Reset --------------------------------------------------------------------------------- */

/* What a drive's registers hold after reset and diagnostics (ATA-6 9.12). */
void ide_signature(struct ide_drive *d)
{
    bool cd = d->kind == IDE_CDROM;
    d->count[0] = d->lba_low[0] = 1;
    d->lba_mid[0] = cd ? 0x14 : 0;
    d->lba_high[0] = cd ? 0xeb : 0;
    d->device &= SELECT_SLAVE;
    d->error = 1;
    d->status = cd ? 0 : ST_READY;
}

/* SET MULTIPLE and the CHS translation outlive it, as if SET FEATURES 66h had been given: firmware
 * that sets them once finds them after a driver's reset. */
static void drive_soft_reset(struct ide_drive *d)
{
    d->action = d->after = ACT_NONE;
    d->buf_pos = d->buf_drq = d->buf_len = 0;
    d->left = 0;
    d->pending_error = 0;
    d->intrq = 0;
    d->power_mode = 0xff;
    d->cd.left = 0;
}

void ide_channel_reset(struct ide_channel *ch)
{
    ch->select = 0;
    ch->control = 0;
    ch->timer_on = 0;
    bus_timer_cancel(ch->ide->bus, ch->number);
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drive[i];
        struct disk_geometry g = ata_default_geometry(d);
        drive_soft_reset(d);
        d->multiple = 0;
        d->heads = (uint16_t)g.heads;
        d->track = (uint16_t)g.sectors;
        d->dma_mode = 0;
        d->write_cache = 1;
        d->device = 0;
        d->cd.locked = 0;
        memset(d->feature, 0, 2);
        memset(d->count, 0, 2);
        memset(d->lba_low, 0, 2);
        memset(d->lba_mid, 0, 2);
        memset(d->lba_high, 0, 2);
        ide_signature(d);
    }
    bm_reset(ch);
    ide_update_irq(ch);
}

/* SRST: both drives stop what they do. They are ready some time after it is released. */
static void software_reset(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        drive_soft_reset(&ch->drive[i]);
        ch->drive[i].status = ST_BSY;
    }
    ch->select = 0;
    ch->timer_on = 0;
    bus_timer_cancel(ch->ide->bus, ch->number);
    ide_update_irq(ch);
}

static void begin_reset(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        ch->drive[i].status = ST_BSY;
        ch->drive[i].action = ACT_RESET;
    }
    arm(ch, bus_now(ch->ide->bus) + RESET_NS);
}

/* EXECUTE DEVICE DIAGNOSTIC ends with an interrupt from device 0. */
static void diagnostic(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        ch->drive[i].buf_pos = ch->drive[i].buf_drq = 0;
        ch->drive[i].pending_error = 1; /* marks: interrupt at the end */
    }
    ch->select &= (uint8_t)~SELECT_SLAVE;
    begin_reset(ch);
}

static void end_reset(struct ide_channel *ch, unsigned i)
{
    struct ide_drive *d = &ch->drive[i];
    bool interrupts = i == 0 || !ch->drive[0].kind;
    d->action = ACT_NONE;
    ide_signature(d);
    if (d->pending_error && interrupts)
        d->intrq = 1;
    d->pending_error = 0;
    ide_update_irq(ch);
}

void ide_channel_timer(struct ide_channel *ch)
{
    enum ide_action due[2] = {ch->drive[0].action, ch->drive[1].action};
    ch->timer_on = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (due[i] == ACT_RESET)
            end_reset(ch, i);
        else if (ch->drive[i].kind)
            act(ch, &ch->drive[i], due[i]);
    }
}

void ide_channel_loaded(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) { /* a damaged snapshot must not reach beyond the buffer */
        struct ide_drive *d = &ch->drive[i];
        d->buf_len = d->buf_len < IDE_BUFFER ? d->buf_len : IDE_BUFFER;
        d->buf_drq = d->buf_drq < IDE_BUFFER ? d->buf_drq : IDE_BUFFER;
        d->buf_pos = d->buf_pos < IDE_BUFFER ? d->buf_pos : IDE_BUFFER;
        d->heads = d->heads ? d->heads : 1;
        d->track = d->track ? d->track : 1;
        if (d->kind != IDE_DISK) {
            d->left = 0;
            if (d->action == ACT_WRITE_BLOCK || d->action == ACT_VERIFY || d->action == ACT_DMA)
                d->action = ACT_FINISH;
            if (d->after == ACT_WRITE_BLOCK || d->after == ACT_VERIFY || d->after == ACT_DMA)
                d->after = ACT_FINISH;
        }
    }
    if (ch->timer_on)
        bus_timer(ch->ide->bus, ch->number, ch->deadline);
    bus_irq(ch->ide->bus, ch->number, ch->irq_level);
}

/* --- Registers ----------------------------------------------------------------------------- */

static bool channel_is_empty(const struct ide_channel *ch)
{
    return !ch->drive[0].kind && !ch->drive[1].kind;
}

/* The index into a task file pair that reads see. */
static unsigned hob(const struct ide_channel *ch)
{
    return ch->control & CONTROL_HOB ? 1 : 0;
}

static uint8_t read_status(const struct ide_channel *ch, const struct ide_drive *d)
{
    if (d->status & ST_BSY)
        bus_polled(ch->ide->bus);
    return d->status;
}

uint8_t ide_alternate_status(struct ide_channel *ch)
{
    struct ide_drive *d = ide_selected(ch);
    return d->kind ? read_status(ch, d) : 0;
}

uint8_t ide_register_read(struct ide_channel *ch, unsigned reg)
{
    struct ide_drive *d = ide_selected(ch);
    if (channel_is_empty(ch))
        return 0;
    if (reg == 6)
        return (ch->select & 0xf0) | (d->device & 0x0f) | 0xa0;
    if (!d->kind)
        return 0;
    switch (reg) {
    case 1:
        return d->error;
    case 2:
        return d->count[hob(ch)];
    case 3:
        return d->lba_low[hob(ch)];
    case 4:
        return d->lba_mid[hob(ch)];
    case 5:
        return d->lba_high[hob(ch)];
    case 7:
        d->intrq = 0;
        ide_update_irq(ch);
        return read_status(ch, d);
    }
    return 0;
}

static void command(struct ide_channel *ch, uint8_t value)
{
    struct ide_drive *d = ide_selected(ch);
    if (value == CMD_DIAGNOSTIC && !channel_is_empty(ch)) {
        diagnostic(ch);
        return;
    }
    if (!d->kind)
        return;
    d->intrq = 0;
    ide_update_irq(ch);
    if (value == CMD_DEVICE_RESET && d->kind == IDE_CDROM) {
        drive_soft_reset(d);
        ide_later(ch, d, ACT_RESET, COMMAND_NS);
        return;
    }
    /* BSY or DRQ: the drive is in the middle of a command and does not listen. */
    if (d->status & ST_BSY || ch->drive[0].action || ch->drive[1].action)
        return;
    d->after = ACT_NONE;
    d->error = 0;
    d->pending_error = 0;
    d->ext = 0;
    d->counters.commands++;
    d->buf_pos = d->buf_drq = d->buf_len = 0;
    if (d->kind == IDE_CDROM && atapi_command(ch, d, value))
        return;
    ata_command(ch, d, value);
}

static void push(uint8_t pair[2], uint8_t value)
{
    pair[1] = pair[0];
    pair[0] = value;
}

void ide_register_write(struct ide_channel *ch, unsigned reg, uint8_t value)
{
    ch->control &= (uint8_t)~CONTROL_HOB;
    if (reg == 7) {
        command(ch, value);
        return;
    }
    if (ide_selected(ch)->kind && ide_selected(ch)->status & ST_BSY)
        return; /* ATA-6 7.2: the task file belongs to the drive while BSY is set */
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drive[i];
        switch (reg) {
        case 1:
            push(d->feature, value);
            break;
        case 2:
            push(d->count, value);
            break;
        case 3:
            push(d->lba_low, value);
            break;
        case 4:
            push(d->lba_mid, value);
            break;
        case 5:
            push(d->lba_high, value);
            break;
        case 6:
            d->device = value;
            break;
        }
    }
    if (reg == 6) {
        ch->select = value;
        ide_update_irq(ch);
    }
}

void ide_control_write(struct ide_channel *ch, uint8_t value)
{
    uint8_t changed = ch->control ^ value;
    ch->control = value;
    if (changed & CONTROL_SRST) {
        if (value & CONTROL_SRST)
            software_reset(ch);
        else
            begin_reset(ch);
    }
    ide_update_irq(ch);
}

/* --- The data port ------------------------------------------------------------------------- */

uint32_t ide_data_read(struct ide_channel *ch, unsigned size)
{
    struct ide_drive *d = ide_selected(ch);
    uint32_t value = 0;
    if (!(d->status & ST_DRQ) || !d->to_host || d->buf_pos >= d->buf_drq)
        return d->kind ? 0xffffffff : 0;
    uint32_t rest = d->buf_drq - d->buf_pos;
    uint32_t n = size < rest ? size : rest;
    memcpy(&value, d->buffer + d->buf_pos, n);
    d->buf_pos += n;
    if (d->buf_pos == d->buf_drq)
        data_end(ch, d);
    return value;
}

void ide_data_write(struct ide_channel *ch, uint32_t value, unsigned size)
{
    struct ide_drive *d = ide_selected(ch);
    if (!(d->status & ST_DRQ) || d->to_host || d->buf_pos >= d->buf_drq)
        return;
    uint32_t rest = d->buf_drq - d->buf_pos;
    uint32_t n = size < rest ? size : rest;
    memcpy(d->buffer + d->buf_pos, &value, n);
    d->buf_pos += n;
    if (d->buf_pos == d->buf_drq)
        data_end(ch, d);
}
