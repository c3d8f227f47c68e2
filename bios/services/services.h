#ifndef UMBRA_BIOS_SERVICES_H
#define UMBRA_BIOS_SERVICES_H

/* The 16-bit services: real mode (or V86), DS = SS = DATA_SEG, no caller's stack, see entry.asm. */
#include "../io.h"
#include "../layout.h"
#include "../regs.h"

extern struct machine machine;

/* --- memory in other segments. Offsets wrap as the caller's would: never a segment overrun. --- */
static inline u8 peek8(u16 seg, u16 off)
{
    u8 v;
    __asm__ volatile("movw %w1, %%es\n\tmovb %%es:(%2), %0\n\tpushw %%ds\n\tpopw %%es"
                     : "=q"(v)
                     : "r"(seg), "r"((u32)off)
                     : "memory");
    return v;
}

static inline void poke8(u16 seg, u16 off, u8 v)
{
    __asm__ volatile("movw %w1, %%es\n\tmovb %0, %%es:(%2)\n\tpushw %%ds\n\tpopw %%es"
                     :
                     : "q"(v), "r"(seg), "r"((u32)off)
                     : "memory");
}

static inline u16 peek16(u16 seg, u16 off)
{
    return (u16)(peek8(seg, off) | peek8(seg, (u16)(off + 1)) << 8);
}

static inline void poke16(u16 seg, u16 off, u16 v)
{
    poke8(seg, off, (u8)v);
    poke8(seg, (u16)(off + 1), (u8)(v >> 8));
}

static inline u32 peek32(u16 seg, u16 off)
{
    return peek16(seg, off) | (u32)peek16(seg, (u16)(off + 2)) << 16;
}

static inline void poke32(u16 seg, u16 off, u32 v)
{
    poke16(seg, off, (u16)v);
    poke16(seg, (u16)(off + 2), (u16)(v >> 16));
}

/* Copies between our data and seg:off; the range must not wrap its segment (bytes <= 64 KiB - off).
 */
void copy_out(u16 seg, u16 off, const void *from, u32 bytes);
void copy_in(void *to, u16 seg, u16 off, u32 bytes);

/* A far pointer normalised so that its offset is below 16: room for 65,520 bytes. */
struct farptr {
    u16 seg, off;
};
static inline struct farptr far_normal(u16 seg, u16 off)
{
    return (struct farptr){(u16)(seg + (off >> 4)), off & 15};
}

/* --- BIOS data area (40:00); names follow the IBM AT listing --- */
enum bda {
    BDA_COM = 0x00,
    BDA_LPT = 0x08,
    BDA_EBDA = 0x0E,
    BDA_EQUIPMENT = 0x10,
    BDA_BASE_KB = 0x13,
    BDA_KBD_FLAGS = 0x17,
    BDA_KBD_FLAGS2 = 0x18,
    BDA_ALT_NUMBER = 0x19,
    BDA_KBD_HEAD = 0x1A,
    BDA_KBD_TAIL = 0x1C,
    BDA_KBD_BUFFER = 0x1E,
    BDA_FD_RECALIBRATED = 0x3E,
    BDA_FD_MOTOR = 0x3F,
    BDA_FD_TIMEOUT = 0x40,
    BDA_FD_STATUS = 0x41,
    BDA_FD_RESULT = 0x42,
    BDA_VIDEO_MODE = 0x49,
    BDA_COLUMNS = 0x4A,
    BDA_VIDEO_PAGE = 0x62,
    BDA_TICKS = 0x6C,
    BDA_MIDNIGHT = 0x70,
    BDA_BREAK = 0x71,
    BDA_RESET = 0x72,
    BDA_HD_STATUS = 0x74,
    BDA_HD_COUNT = 0x75,
    BDA_LPT_TIMEOUT = 0x78,
    BDA_COM_TIMEOUT = 0x7C,
    BDA_KBD_START = 0x80,
    BDA_KBD_END = 0x82,
    BDA_ROWS = 0x84,
    BDA_FD_RATE = 0x8B,
    BDA_HD_DONE = 0x8E,
    BDA_FD_CONTROLLER = 0x8F,
    BDA_FD_MEDIA = 0x90,
    BDA_FD_TRACK = 0x94,
    BDA_KBD_MODE = 0x96,
    BDA_KBD_LEDS = 0x97,
    BDA_WAIT_FLAG = 0x98,
    BDA_WAIT_US = 0x9C,
    BDA_WAIT_ACTIVE = 0xA0
};
#define BDA_SEG 0x40u

static inline u8 bda8(u16 at)
{
    return peek8(BDA_SEG, at);
}
static inline u16 bda16(u16 at)
{
    return peek16(BDA_SEG, at);
}
static inline u32 bda32(u16 at)
{
    return peek32(BDA_SEG, at);
}
static inline void set_bda8(u16 at, u8 v)
{
    poke8(BDA_SEG, at, v);
}
static inline void set_bda16(u16 at, u16 v)
{
    poke16(BDA_SEG, at, v);
}
static inline void set_bda32(u16 at, u32 v)
{
    poke32(BDA_SEG, at, v);
}

/* --- entry.asm --- */
void call_int16(struct regs *r, u32 vector);
void call_far_low(struct regs *r, u32 segoff);
void boot_jump(u32 dl, u32 segoff) __attribute__((noreturn));
void block_move_asm(u32 gdt_linear, u32 words);

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}
static inline void interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

/* --- time.c: short delays from the power-management timer --- */
struct deadline {
    u32 left, last; /* in timer counts of 279 ns */
};
struct deadline deadline_us(u32 microseconds);
/* True once the time is over. Must be called at least every 4 s: the timer has 24 bits. */
int deadline_over(struct deadline *d);
void delay_us(u32 microseconds);
void time_init(void);

/* --- screen.c: POST's own output through INT 10h --- */
void put_char(char c);
void put(const char *s);
void put_color(u8 attribute);
void put_dec(u32 n);
void put_hex(u32 n, u32 digits);
void put_n(const char *s, u32 n);
int video_present(void);

/* --- keyboard.c, mouse.c --- */
void keyboard_init(void);
extern u8 early_f12;     /* the boot menu's key was seen before the ring buffer existed */
u16 keyboard_poll(void); /* the next key (scan code << 8 | ASCII), or 0 */
void mouse_int15(struct regs *r);
void mouse_init(void);
int kbc_command(u8 command);
int kbc_write_data(u8 v);
int kbc_read(void); /* a byte, or -1 after a time-out */

/* --- ports.c: divisor of 115200 baud, line control register; its interrupts off --- */
void serial_set_line(u16 port, u16 divisor, u8 lcr);

/* --- disks --- */
enum disk_status {
    DISK_OK = 0x00,
    DISK_BAD_COMMAND = 0x01,
    DISK_NO_ADDRESS_MARK = 0x02,
    DISK_WRITE_PROTECTED = 0x03,
    DISK_NOT_FOUND = 0x04,
    DISK_CHANGED = 0x06,
    DISK_DMA_OVERRUN = 0x08,
    DISK_DMA_BOUNDARY = 0x09,
    DISK_BAD_MEDIA = 0x0C,
    DISK_CRC = 0x10,
    DISK_CONTROLLER = 0x20,
    DISK_SEEK = 0x40,
    DISK_TIMEOUT = 0x80,
    DISK_NOT_READY = 0xAA,
    DISK_NO_MEDIA = 0x31,
    DISK_WRITE_FAULT = 0xCC
};

enum { DRIVE_MAX = 4 };
enum drive_kind { DRIVE_NONE, DRIVE_ATA, DRIVE_ATAPI };

struct drive {
    u8 kind;
    u8 slave;
    u8 lba48;
    u8 lba;
    u8 multiple; /* sectors per interrupt block in READ MULTIPLE, or 0 */
    u8 irq;
    u16 port;    /* command block */
    u16 control; /* control block: device control register */
    u64 sectors;
    u16 cylinders, heads, per_track;   /* what the drive itself says */
    u16 l_cylinders, l_heads, l_track; /* what INT 13h shows */
    char model[41];
};
extern struct drive drives[DRIVE_MAX];
extern u8 hard_disk[DRIVE_MAX]; /* index of drives[] of BIOS disk 80h + i */
extern u8 hard_disk_count;
extern u8 cd_drive[DRIVE_MAX];
extern u8 cd_count;
extern u8 sense_data[20];
extern u8 disk_buffer[2048]; /* one CD sector; owned by whoever runs INT 13h */

void ata_init(void);
enum ata_op { ATA_READ, ATA_WRITE, ATA_VERIFY };
u8 ata_transfer(const struct drive *d, enum ata_op op, u64 lba, u32 count, struct farptr buffer,
                u32 *done);
u8 ata_reset(const struct drive *d);
u8 ata_flush(const struct drive *d);
/* One ATAPI command; data of up to max bytes go to buffer. sense gets key << 8 | ASC on an error.
 */
u8 atapi_command(const struct drive *d, const u8 packet[12], struct farptr buffer, u32 max,
                 u16 *sense);
u8 cd_read(const struct drive *d, u32 lba, u32 count, struct farptr buffer, u32 *done);
u8 cd_wait_ready(const struct drive *d);

void floppy_init(void);
void floppy_int13(struct regs *r);
void hard_disk_set_geometry(u32 disk);
void disk_int13(struct regs *r, struct drive *d);

/* --- cdrom.c: El Torito --- */
struct cd_emulation {
    u8 active; /* a boot image poses as a drive, or a CD was booted without emulation */
    u8 media;  /* 0 none, 1 1.2M, 2 1.44M, 3 2.88M, 4 hard disk */
    u8 drive;  /* DL of the image */
    u8 device; /* index into cd_drive[] */
    u32 lba;   /* of the image, in 2048-byte sectors */
    u16 segment, load_sectors;
    u16 cylinders, heads, per_track;
};
extern struct cd_emulation cd_emulation;
/* Loads the boot image of CD n. Returns 0, or a message saying why not. */
const char *cd_boot(u32 n, struct farptr *entry);
int cd_emulated_int13(struct regs *r); /* 1 when it was for the image */
void cd_int13(struct regs *r, struct drive *d);

/* --- boot.c, optionrom.c --- */
enum { BEV_MAX = 4 };
struct bev {
    u16 seg, off;
    char name[32];
};
extern struct bev bevs[BEV_MAX];
extern u8 bev_count;
void option_roms_video(void);
void option_roms_rest(void);
void ivt_init(void);
void bda_init(void);
void apm_int15(struct regs *r);
void disable_shadow_writes(void);

/* Handlers reached only from entry.asm. */
void services_start(void) __attribute__((noreturn));
void c_boot(void) __attribute__((noreturn));      /* INT 19h */
void c_boot_next(void) __attribute__((noreturn)); /* INT 18h */

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int v, size_t n);

#endif
