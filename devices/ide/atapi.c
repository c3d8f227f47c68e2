/* devices/ide/atapi.c: the PACKET protocol (ATA-6 9.8, 9.9): twelve command bytes in, then data in
 * blocks of at most the guest's byte count, or by DMA, then a final interrupt. The sector count
 * register says what a DRQ means (interrupt reason). */
#include "devices/ide/state.h"

#define PACKET_NS     2000
#define COMMAND_NS    20000
#define NEXT_BLOCK_NS 4000
#define DMA_STEP_NS   60000

/* The final interrupt; a failed command shows its sense key. */
static void packet_end(struct ide_channel *ch, struct ide_drive *d, bool failed)
{
    d->count[0] = REASON_COMMAND | REASON_TO_HOST;
    d->cd.left = 0;
    d->cd.dma = 0;
    ide_finish(ch, d, failed ? (uint8_t)(d->cd.sense_key << 4 | ER_ABRT) : 0);
}

static void packet_wanted(struct ide_channel *ch, struct ide_drive *d)
{
    d->count[0] = REASON_COMMAND;
    ide_data_block(ch, d, 0, sizeof d->cd.packet, false, ACT_PACKET_RUN, false);
}

/* Makes sure that the buffer has data to move: false when the command is over, one way or other. */
static bool have_data(struct ide_channel *ch, struct ide_drive *d)
{
    if (d->buf_pos < d->buf_len)
        return true;
    if (!d->cd.left) {
        packet_end(ch, d, false);
        return false;
    }
    if (!cdrom_fetch(d) || !d->buf_len) {
        packet_end(ch, d, true);
        return false;
    }
    d->buf_pos = 0;
    return true;
}

/* One DRQ block: at most the guest's byte count, even unless it is the last. */
static void packet_data(struct ide_channel *ch, struct ide_drive *d, bool to_host)
{
    if (to_host && !have_data(ch, d))
        return;
    uint32_t limit = d->cd.byte_limit ? d->cd.byte_limit : 0xfffe;
    uint32_t rest = d->buf_len - d->buf_pos;
    uint32_t n = rest <= limit ? rest : limit & ~1u;
    n = n ? n : rest < 2 ? rest : 2;
    d->count[0] = to_host ? REASON_TO_HOST : 0;
    d->lba_mid[0] = (uint8_t)n;
    d->lba_high[0] = (uint8_t)(n >> 8);
    ide_data_block(ch, d, d->buf_pos, n, to_host,
                   to_host ? ACT_PACKET_DATA_IN : ACT_PACKET_DATA_OUT, true);
}

static void packet_dma(struct ide_channel *ch, struct ide_drive *d)
{
    d->to_host = 1;
    if (!have_data(ch, d))
        return;
    switch (bm_move(ch, d)) {
    case BM_STALL:
        d->action = d->after = ACT_NONE;
        d->buf_drq = d->buf_pos; /* DRQ, but nothing through the data port */
        d->status = ST_READY | ST_DRQ;
        break;
    case BM_ERROR:
        cdrom_sense(d, 0x0b, 0, 0); /* ABORTED COMMAND */
        packet_end(ch, d, true);
        break;
    case BM_DONE:
        ide_later(ch, d, ACT_PACKET_DMA, d->cd.left ? DMA_STEP_NS : NEXT_BLOCK_NS);
        break;
    }
}

static void packet_run(struct ide_channel *ch, struct ide_drive *d)
{
    memcpy(d->cd.packet, d->buffer, sizeof d->cd.packet);
    d->buf_pos = d->buf_len = 0;
    d->cd.left = 0;
    switch (cdrom_run(d)) {
    case CD_DONE:
        packet_end(ch, d, false);
        break;
    case CD_FAILED:
        if (d->cd.asc == 0x20) /* no such command */
            log_once(bus_log(ch->ide->bus), d->cd.packet[0],
                     "IDE: packet command %02xh is not implemented (guest at %llx)",
                     d->cd.packet[0], (unsigned long long)bus_guest_pc(ch->ide->bus));
        packet_end(ch, d, true);
        break;
    case CD_DATA:
    case CD_READ:
        if (d->cd.dma)
            packet_dma(ch, d);
        else
            packet_data(ch, d, true);
        break;
    case CD_DATA_OUT:
        packet_data(ch, d, false);
        break;
    }
}

static void packet_data_out(struct ide_channel *ch, struct ide_drive *d)
{
    if (d->buf_pos < d->buf_len)
        packet_data(ch, d, false);
    else
        packet_end(ch, d, cdrom_data_out(d) == CD_FAILED);
}

bool atapi_command(struct ide_channel *ch, struct ide_drive *d, uint8_t command)
{
    switch (command) {
    case 0xa0: /* PACKET */
        d->cd.dma = d->feature[0] & 1;
        d->cd.byte_limit = (uint16_t)(d->lba_mid[0] | d->lba_high[0] << 8);
        ide_later(ch, d, ACT_PACKET_WANTED, PACKET_NS);
        return true;
    case 0xa1: /* IDENTIFY PACKET DEVICE */
        atapi_identify(ch, d, d->buffer);
        d->buf_len = 512;
        d->left = 0;
        ide_later(ch, d, ACT_STANDARD_DATA, COMMAND_NS);
        return true;
    case 0xec: /* IDENTIFY DEVICE, READ SECTORS: abort with the signature (ATA-6 8.15.5.2) */
    case 0x20:
        ide_signature(d);
        ide_finish_later(ch, d, ER_ABRT);
        return true;
    }
    return false;
}

void atapi_action(struct ide_channel *ch, struct ide_drive *d, enum ide_action action)
{
    bool was_busy = d->status & ST_BSY;
    if (d->kind != IDE_CDROM) /* only a damaged snapshot gets here */
        return;
    if (!was_busy) { /* the guest moved a block: think, then go on */
        ide_later(ch, d, action, action == ACT_PACKET_RUN ? COMMAND_NS : NEXT_BLOCK_NS);
        return;
    }
    switch (action) {
    case ACT_PACKET_WANTED:
        packet_wanted(ch, d);
        break;
    case ACT_PACKET_RUN:
        packet_run(ch, d);
        break;
    case ACT_PACKET_DATA_IN:
        packet_data(ch, d, true);
        break;
    case ACT_PACKET_DATA_OUT:
        packet_data_out(ch, d);
        break;
    case ACT_PACKET_DMA:
        packet_dma(ch, d);
        break;
    default:
        break;
    }
}
