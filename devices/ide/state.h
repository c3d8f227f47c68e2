/* devices/ide/state.h: the IDE controller's state and the calls between its parts. Internal to
 * devices/ide.
 *
 * A channel runs one command at a time. Its life, whatever the command:
 *
 *   command written -> BSY, timer -> action at timer -> data block (DRQ, IRQ) -> guest drains or
 *   fills it -> `after` -> BSY, timer -> ... -> final status, IRQ
 *
 * What comes next is data (enum ide_action), so that a save in mid-transfer is a plain copy. */
#ifndef UMBRA_DEVICES_IDE_STATE_H
#define UMBRA_DEVICES_IDE_STATE_H

#include "devices/ide/ide.h"
#include "devices/pci/config.h"

#define IDE_BUFFER 32768 /* bytes: a DRQ block, or one step of a DMA */

/* Status register (ATA-6 7.15). */
enum {
    ST_ERR = 0x01,
    ST_DRQ = 0x08,
    ST_DSC = 0x10,
    ST_DF = 0x20,
    ST_DRDY = 0x40,
    ST_BSY = 0x80,
    ST_READY = ST_DRDY | ST_DSC,
};

/* Error register (ATA-6 7.9). */
enum {
    ER_ABRT = 0x04,
    ER_IDNF = 0x10,
    ER_UNC = 0x40,
};

/* Interrupt reason, in the sector count register of packet devices. */
enum { REASON_COMMAND = 1, REASON_TO_HOST = 2 };

/* What the channel does when its timer fires, or when a data block is through. */
enum ide_action {
    ACT_NONE,
    ACT_FINISH,      /* final status: pending_error */
    ACT_READ_BLOCK,  /* PIO in: fetch the next block */
    ACT_WRITE_BLOCK, /* PIO out: put the block that the guest filled */
    ACT_VERIFY,      /* read without transfer */
    ACT_DMA,         /* one step of a disk's DMA */
    ACT_FLUSH,
    ACT_STANDARD_DATA,  /* a data-in block already in the buffer (IDENTIFY): raise DRQ */
    ACT_DATA_TAKEN,     /* a data-out block that goes nowhere (WRITE BUFFER) */
    ACT_RESET,          /* end of SRST, DEVICE RESET or diagnostics */
    ACT_PACKET_WANTED,  /* ATAPI: ask for the 12 command bytes */
    ACT_PACKET_RUN,     /* they are here */
    ACT_PACKET_DATA_IN, /* next DRQ block of the answer */
    ACT_PACKET_DATA_OUT,
    ACT_PACKET_DMA,
    ACT_PACKET_END,
    ACT_COUNT,
};

struct ide_cd {
    uint8_t packet[12];
    uint8_t sense_key, asc, ascq;
    uint8_t attention; /* 1: report UNIT ATTENTION, medium changed */
    uint8_t event;     /* pending media event, 0 none (MMC-3 6.7.2: 2 new media, 3 removal) */
    uint8_t locked;    /* PREVENT MEDIUM REMOVAL */
    uint8_t tray_open;
    uint8_t dma;          /* this packet moves its data by DMA */
    uint8_t sector_flags; /* READ CD: which parts of a sector to send (byte 9) */
    uint16_t byte_limit;  /* of one DRQ block */
    uint32_t lba, left;   /* blocks still to fetch for a read */
    uint32_t block_size;  /* 2048 or 2352.. as they go to the host */
};

struct ide_drive {
    /* From the configuration. */
    struct disk_image *image;
    enum ide_drive_kind kind;
    uint64_t sectors; /* of 512 bytes; disk */

    /* Task file; [1] is what was written before [0] (48-bit commands). */
    uint8_t feature[2], count[2], lba_low[2], lba_mid[2], lba_high[2];
    uint8_t device, status, error;
    uint8_t intrq;

    uint8_t action, after; /* enum ide_action */
    uint8_t to_host;       /* direction of the data block or DMA */
    uint8_t pending_error;
    uint8_t ext; /* the command uses 48-bit addresses */
    uint64_t lba;
    uint32_t left;                      /* sectors to go, the current block included */
    uint32_t block;                     /* sectors a DRQ block */
    uint32_t buf_pos, buf_drq, buf_len; /* pos <= drq <= len <= IDE_BUFFER */
    uint8_t buffer[IDE_BUFFER];

    uint16_t heads, track; /* CHS translation in force */
    uint8_t multiple;      /* 0: not set */
    uint8_t dma_mode;      /* as SET FEATURES 03h gave it; 0: none chosen */
    uint8_t power_mode;    /* CHECK POWER MODE's answer */
    uint8_t write_cache, smart;

    struct ide_cd cd;
    struct ide_counters counters;
};

/* Bus master (SFF-8038i 2 and 3). */
struct ide_bm {
    uint8_t command, status;
    uint8_t last;     /* the current descriptor has EOT */
    uint32_t table;   /* base, as the guest wrote it */
    uint32_t next;    /* the descriptor to fetch */
    uint32_t address; /* rest of the current descriptor */
    uint32_t left;
    uint32_t fetched; /* descriptors since START: bounds the walk */
};

struct ide;

struct ide_channel {
    struct ide *ide;
    unsigned number;
    uint8_t select;  /* device/head register as last written */
    uint8_t control; /* nIEN, SRST, HOB */
    uint8_t irq_level;
    uint8_t timer_on;
    uint64_t deadline;
    struct ide_drive drive[2];
    struct ide_bm bm;
};

struct ide {
    struct bus *bus;
    struct ide_channel channel[2];
    struct pci_config pci;
};

/* --- channel.c: registers, interrupts, the command engine --- */

static inline struct ide_drive *ide_selected(struct ide_channel *ch)
{
    return &ch->drive[ch->select >> 4 & 1];
}

uint8_t ide_register_read(struct ide_channel *ch, unsigned reg);
void ide_register_write(struct ide_channel *ch, unsigned reg, uint8_t value);
uint32_t ide_data_read(struct ide_channel *ch, unsigned size);
void ide_data_write(struct ide_channel *ch, uint32_t value, unsigned size);
uint8_t ide_alternate_status(struct ide_channel *ch);
void ide_control_write(struct ide_channel *ch, uint8_t value);
void ide_channel_reset(struct ide_channel *ch);
void ide_channel_timer(struct ide_channel *ch);
void ide_channel_loaded(struct ide_channel *ch);
void ide_update_irq(struct ide_channel *ch);

/* The drive goes busy and does action after ns of virtual time. */
void ide_later(struct ide_channel *ch, struct ide_drive *d, enum ide_action action, uint64_t ns);
/* Final status with IRQ, now: error 0 is success. */
void ide_finish(struct ide_channel *ch, struct ide_drive *d, uint8_t error);
/* The same after the usual command time. */
void ide_finish_later(struct ide_channel *ch, struct ide_drive *d, uint8_t error);
/* Offers buffer[pos..pos+len) to the guest (or asks for it), with IRQ when irq. */
void ide_data_block(struct ide_channel *ch, struct ide_drive *d, uint32_t pos, uint32_t len,
                    bool to_host, enum ide_action after, bool irq);
void ide_raise(struct ide_channel *ch, struct ide_drive *d);
void ide_signature(struct ide_drive *d);

/* --- ata.c, identify.c --- */
void ata_command(struct ide_channel *ch, struct ide_drive *d, uint8_t command);
void ata_action(struct ide_channel *ch, struct ide_drive *d, enum ide_action action);
void ata_identify(const struct ide_channel *ch, const struct ide_drive *d, uint8_t out[512]);
void atapi_identify(const struct ide_channel *ch, const struct ide_drive *d, uint8_t out[512]);
/* The geometry that IDENTIFY gives as the drive's own (cylinders at most 16383, heads 16). */
struct disk_geometry ata_default_geometry(const struct ide_drive *d);
/* SET FEATURES, shared with packet devices. */
bool ata_set_features(struct ide_drive *d);

/* --- atapi.c: the PACKET protocol; cdrom.c: the commands --- */
bool atapi_command(struct ide_channel *ch, struct ide_drive *d, uint8_t command);
void atapi_action(struct ide_channel *ch, struct ide_drive *d, enum ide_action action);

/* What a packet command wants done. */
enum cd_result {
    CD_DONE,     /* no data */
    CD_FAILED,   /* sense is set */
    CD_DATA,     /* buffer[0..buf_len) goes to the host */
    CD_READ,     /* cd.lba, cd.left, cd.block_size: blocks go to the host */
    CD_DATA_OUT, /* buf_len bytes come from the host; cdrom_data_out takes them */
};
enum cd_result cdrom_run(struct ide_drive *d);
enum cd_result cdrom_data_out(struct ide_drive *d);
/* Fetches the next blocks of a CD_READ into the buffer; false with sense set on an error. */
bool cdrom_fetch(struct ide_drive *d);
void cdrom_sense(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq);

/* --- busmaster.c --- */
uint32_t bm_read(struct ide_channel *ch, unsigned offset, unsigned size);
void bm_write(struct ide_channel *ch, unsigned offset, uint32_t value, unsigned size);
void bm_reset(struct ide_channel *ch);
/* The interrupt line rose. */
void bm_interrupt(struct ide_channel *ch);

enum bm_result {
    BM_DONE,  /* all bytes moved */
    BM_STALL, /* not started, or the table ended early: the drive waits */
    BM_ERROR, /* the DMA checker said no: error bit set */
};
/* Moves the rest of the drive's buffer, buf_pos up to buf_len, along the table. */
enum bm_result bm_move(struct ide_channel *ch, struct ide_drive *d);

#endif
