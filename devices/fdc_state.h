/* devices/fdc_state.h: the floppy controller's state, shared by fdc.c (registers, pins, time) and
 * fdc_commands.c (what the commands do). Internal. */
#ifndef UMBRA_DEVICES_FDC_STATE_H
#define UMBRA_DEVICES_FDC_STATE_H

#include "devices/fdc.h"

#define FDC_SECTOR 512

enum fdc_phase {
    FDC_IDLE,    /* waits for a command byte, or its parameters */
    FDC_EXECUTE, /* the timer runs: no data yet */
    FDC_DATA_IN, /* a sector waits to be taken: by DMA, or through the data register */
    FDC_DATA_OUT,
    FDC_RESULT,
};

enum fdc_timer { FDC_TIMER_SEEK0, FDC_TIMER_SEEK1, FDC_TIMER_EXECUTE, FDC_TIMERS };

/* What the execute timer does. */
enum fdc_action { FDC_ACT_NONE, FDC_ACT_RESET, FDC_ACT_SECTOR, FDC_ACT_OVERRUN, FDC_ACT_NEXT };

enum { DOR_RESET = 0x04, DOR_DMA_GATE = 0x08 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NDMA = 0x20, MSR_BUSY = 0x10 };
enum { ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_POLLING = 0xc0, ST0_SEEK_END = 0x20 };
enum { ST0_EQUIPMENT = 0x10 };
enum { ST1_END = 0x80, ST1_DATA = 0x20, ST1_OVERRUN = 0x10, ST1_NO_DATA = 0x04 };
enum { ST1_PROTECTED = 0x02, ST1_NO_MARK = 0x01 };
enum { ST2_DELETED = 0x40, ST2_DATA = 0x20, ST2_CYLINDER = 0x10 };

struct fdc_drive {
    /* From the configuration, and fdc_change_disk. */
    enum fdc_drive_type type;
    struct disk_image *image;
    struct disk_geometry geometry; /* of the disk; zeros without one */
    uint64_t activity;

    uint8_t cylinder; /* where the head is */
    uint8_t target;   /* where it goes */
    uint8_t seeking;
    uint8_t changed; /* the disk change line */
};

struct fdc {
    struct bus *bus;
    bool real_speed;
    struct fdc_drive drive[FDC_DRIVES];

    uint8_t dor, tdr, rate; /* rate: 0 500, 1 300, 2 250, 3 1000 kbit/s */
    uint8_t phase, action;
    uint8_t irq, drq;
    uint8_t command[9], command_len;
    uint8_t result[10], result_len, result_pos;
    uint8_t interrupt[4]; /* ST0 that SENSE INTERRUPT gives for each drive; 0 none */

    uint8_t specify[2]; /* SRT/HUT, HLT/ND */
    uint8_t config;     /* CONFIGURE: EIS EFIFO POLL FIFOTHR */
    uint8_t pretrk, perpendicular, locked, last_eot;
    uint8_t pcn[4]; /* as the controller believes */

    /* The data command that runs. */
    uint8_t c, h, r, n, head, eot, unit;
    uint8_t terminal_count;    /* TC came with the current sector's last byte, or before */
    uint8_t rotation;          /* READ ID: sector that passes next */
    uint16_t position, length; /* in buffer */
    uint16_t format_left;      /* FORMAT: sectors to go; READ TRACK: sectors read */
    uint8_t buffer[FDC_SECTOR];

    uint64_t deadline[FDC_TIMERS]; /* 0: off */
};

/* --- fdc.c --- */
void fdc_arm(struct fdc *f, enum fdc_timer timer, uint64_t ns);
void fdc_cancel(struct fdc *f, enum fdc_timer timer);
void fdc_raise(struct fdc *f);
void fdc_lower(struct fdc *f);
/* Offers (or asks for) length bytes of the buffer. */
void fdc_data(struct fdc *f, bool to_host, uint16_t length);
void fdc_stop_data(struct fdc *f);
/* ns for the next sector to pass, and for the head to move by so many cylinders. */
uint64_t fdc_sector_ns(const struct fdc *f);
uint64_t fdc_seek_ns(const struct fdc *f, unsigned cylinders);

/* --- fdc_commands.c --- */
/* Bytes of the command that starts with this byte; 1 for an unknown one. */
unsigned fdc_command_length(uint8_t first);
void fdc_run_command(struct fdc *f);
void fdc_execute(struct fdc *f);   /* the execute timer fired: fetch or ask for a sector */
void fdc_data_done(struct fdc *f); /* the buffer went through, or TC came */
void fdc_seek_done(struct fdc *f, unsigned drive);
void fdc_overrun(struct fdc *f);
/* The DMA of the last block was refused: the command ends as with an overrun, also when its last
 * block seemed to be through. */
void fdc_denied(struct fdc *f);

#endif
