/* devices/rtc.h: the MC146818 real-time clock with 128 bytes of CMOS RAM, ports 70h and 71h.
 * Motorola MC146818A datasheet; century at 32h as on PCs.
 *
 * Bit 7 of port 70h masks NMI: output RTC_NMI_ENABLE is high while NMIs may pass.
 *
 * CMOS bytes that the board's configuration fills, and who reads them (all of them: Umbra's BIOS):
 *   0Fh        shutdown code 0
 *   10h        floppy types, A in the high half
 *   12h, 19h, 1Ah, 1Bh-23h, 24h-2Ch  hard disks C and D, type 47 with their geometry
 *   14h        equipment: floppies, FPU, display 00 (EGA/VGA)
 *   15h/16h    640 KiB; 17h/18h and 30h/31h KiB between 1 MiB and 64 MiB
 *   34h/35h    RAM from 16 MiB up to 4 GiB, in 64 KiB units          (SeaBIOS: memory size)
 *   5Bh-5Dh    RAM above 4 GiB, in 64 KiB units                      (SeaBIOS)
 *   38h, 3Dh   boot order: 3Dh low half first, 3Dh high half second, 38h high half third
 *              (1 floppy, 2 hard disk, 3 CD, 4 network); 38h bit 0: no floppy signature check
 *   39h        translation of the four IDE disks, 2 bits each (0 none, 1 LBA)   (SeaBIOS)
 *   5Fh        number of CPUs - 1                                    (SeaBIOS)
 *   2Eh/2Fh    checksum of 10h-2Dh
 * SeaBIOS only believes the bytes marked when the host bridge has subsystem id 1AF4:1100. */
#ifndef UMBRA_DEVICES_RTC_H
#define UMBRA_DEVICES_RTC_H

#include "devices/device.h"

enum { RTC_IRQ8, RTC_NMI_ENABLE };

struct rtc_disk {
    uint32_t cylinders; /* 0: no disk */
    uint8_t heads, sectors;
};

enum rtc_boot { RTC_BOOT_NONE, RTC_BOOT_FLOPPY, RTC_BOOT_DISK, RTC_BOOT_CD, RTC_BOOT_NET };

struct rtc_config {
    uint64_t ram_below_4g, ram_above_4g; /* bytes */
    uint8_t floppy[2];                   /* CMOS types: 0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M */
    struct rtc_disk disk[4];             /* primary master, slave, secondary master, slave */
    uint8_t boot[3];                     /* enum rtc_boot */
    bool fpu;
    uint8_t cpus;              /* 0 counts as 1 */
    int64_t offset_ns;         /* guest clock minus bus_wall_clock */
    bool boot_unsigned_floppy; /* skip the check for 55AAh */
};

extern const struct device_class rtc_class; /* config: struct rtc_config, or NULL */

/* CMOS byte index (0..127) as the guest would read it, for the board and tests: no side effects. */
uint8_t rtc_cmos(const void *state, unsigned index);
/* Sets a CMOS byte from outside; index 14..127. The checksum is kept right. */
void rtc_cmos_set(void *state, unsigned index, uint8_t value);

#endif
