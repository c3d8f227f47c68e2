/* devices/ide/busmaster.c: the bus master of SFF-8038i.
 *
 *   offset 0  command: bit 0 start, bit 3 direction (1: to memory)
 *   offset 2  status: bit 0 active, 1 error (write 1 to clear), 2 interrupt (same), 5/6 DMA capable
 *   offset 4  descriptor table (dword aligned)
 *
 *   descriptor | address, even                      |
 *              | EOT | reserved       | bytes, even | 0 means 64 KiB
 *
 * A table cannot cross a 64 KiB boundary, so it has at most 8192 descriptors: a walk that fetches
 * more has run in a circle and ends with an error. */
#include "devices/ide/state.h"

#define MAX_DESCRIPTORS 8192

enum { BM_START = 0x01, BM_TO_MEMORY = 0x08 };
enum { BM_ACTIVE = 0x01, BM_FAULT = 0x02, BM_INT = 0x04, BM_CAPABLE = 0x60 };

void bm_reset(struct ide_channel *ch)
{
    ch->bm = (struct ide_bm){0};
}

void bm_interrupt(struct ide_channel *ch)
{
    ch->bm.status |= BM_INT;
}

/* Is a drive waiting for this channel's DMA? */
static struct ide_drive *waiting_drive(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drive[i];
        bool stalled = d->kind && d->status & ST_DRQ && !d->action && !d->after;
        if (stalled && (d->left || d->cd.dma))
            return d;
    }
    return NULL;
}

static void start(struct ide_channel *ch)
{
    ch->bm.status |= BM_ACTIVE;
    ch->bm.next = ch->bm.table;
    ch->bm.left = ch->bm.fetched = 0;
    ch->bm.last = 0;
    struct ide_drive *d = waiting_drive(ch);
    if (d)
        ide_later(ch, d, d->kind == IDE_CDROM ? ACT_PACKET_DMA : ACT_DMA, 1000);
}

static uint8_t bm_read_byte(struct ide_channel *ch, unsigned offset)
{
    switch (offset) {
    case 0:
        return ch->bm.command;
    case 2:
        return ch->bm.status;
    case 4:
    case 5:
    case 6:
    case 7:
        return (uint8_t)(ch->bm.table >> (offset - 4) * 8);
    }
    return 0;
}

static void bm_write_byte(struct ide_channel *ch, unsigned offset, uint8_t value)
{
    struct ide_bm *bm = &ch->bm;
    uint8_t was = bm->command;
    unsigned shift = (offset & 3) * 8;
    switch (offset) {
    case 0:
        bm->command = value & (BM_START | BM_TO_MEMORY);
        if (!(was & BM_START) && value & BM_START)
            start(ch);
        else if (was & BM_START && !(value & BM_START))
            bm->status &= (uint8_t)~BM_ACTIVE;
        break;
    case 2:
        bm->status = (uint8_t)((bm->status & BM_ACTIVE) | (value & BM_CAPABLE) |
                               (bm->status & ~value & (BM_FAULT | BM_INT)));
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        bm->table = (bm->table & ~(0xffu << shift)) | (uint32_t)value << shift;
        bm->table &= ~3u;
        break;
    }
}

uint32_t bm_read(struct ide_channel *ch, unsigned offset, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)bm_read_byte(ch, offset + i) << i * 8;
    return value;
}

void bm_write(struct ide_channel *ch, unsigned offset, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        bm_write_byte(ch, offset + i, (uint8_t)(value >> i * 8));
}

static enum bm_result fault(struct ide_channel *ch, struct ide_drive *d)
{
    d->counters.dma_denied++;
    ch->bm.status |= BM_FAULT;
    ch->bm.status &= (uint8_t)~BM_ACTIVE;
    return BM_ERROR;
}

/* The next descriptor of the table. */
static bool fetch(struct ide_channel *ch)
{
    struct ide_bm *bm = &ch->bm;
    uint8_t descriptor[8];
    if (bm->fetched++ >= MAX_DESCRIPTORS) {
        log_once(bus_log(ch->ide->bus), bm->table, "IDE: a DMA table at %08x has no end",
                 bm->table);
        return false;
    }
    if (!bus_dma_read(ch->ide->bus, bm->next, descriptor, sizeof descriptor))
        return false;
    bm->next = (bm->next & 0xffff0000u) | ((bm->next + 8) & 0xffffu);
    bm->address = load_le32(descriptor) & ~1u;
    bm->left = load_le16(descriptor + 4) & 0xfffeu;
    bm->left = bm->left ? bm->left : 0x10000;
    bm->last = descriptor[7] >> 7;
    return true;
}

enum bm_result bm_move(struct ide_channel *ch, struct ide_drive *d)
{
    struct ide_bm *bm = &ch->bm;
    if (!(bm->status & BM_ACTIVE))
        return BM_STALL;
    if (!(bm->command & BM_TO_MEMORY) != !d->to_host) {
        log_once(bus_log(ch->ide->bus), bus_guest_pc(ch->ide->bus),
                 "IDE: the bus master's direction is not the command's (guest at %llx)",
                 (unsigned long long)bus_guest_pc(ch->ide->bus));
        return fault(ch, d);
    }
    while (d->buf_pos < d->buf_len) {
        if (!bm->left && bm->last) { /* the table is used up before the drive is done */
            bm->status &= (uint8_t)~BM_ACTIVE;
            return BM_STALL;
        }
        if (!bm->left && !fetch(ch))
            return fault(ch, d);
        uint32_t rest = d->buf_len - d->buf_pos;
        uint32_t n = rest < bm->left ? rest : bm->left;
        uint8_t *at = d->buffer + d->buf_pos;
        if (d->to_host ? !bus_dma_write(ch->ide->bus, bm->address, at, n)
                       : !bus_dma_read(ch->ide->bus, bm->address, at, n))
            return fault(ch, d);
        bm->address += n;
        bm->left -= n;
        d->buf_pos += n;
    }
    if (!bm->left && bm->last)
        bm->status &= (uint8_t)~BM_ACTIVE;
    return BM_DONE;
}
