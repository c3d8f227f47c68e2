/* devices/ide/ide.h: the IDE function of the PIIX3 (8086:7010): two channels at 1F0h/3F6h IRQ 14
 * and 170h/376h IRQ 15, each with up to two drives (ATA disks, ATAPI CD-ROMs), and the bus master
 * that moves their data by DMA (BAR 4).
 *
 * Sources: ATA/ATAPI-6 (T13 1410D), Intel 82371SB (PIIX3) datasheet 2.3 and 3.5, SFF-8038i 1.0
 * (bus master), SFF-8020i / MMC-3 (CD-ROM).
 *
 * Units are numbered 0 primary master, 1 primary slave, 2 secondary master, 3 secondary slave. */
#ifndef UMBRA_DEVICES_IDE_IDE_H
#define UMBRA_DEVICES_IDE_IDE_H

#include "devices/bus.h"
#include "devices/disk/image.h"

#define IDE_UNITS 4

enum ide_drive_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

struct ide_unit {
    enum ide_drive_kind kind;
    struct disk_image *image; /* a disk's: needed; a CD-ROM's: NULL is an empty tray */
};

/* What init wants. The images stay the board's: they must outlive the device. */
struct ide_config {
    struct ide_unit unit[IDE_UNITS];
};

enum { IDE_PIN_IRQ14, IDE_PIN_IRQ15, IDE_PINS };

extern const struct device_class ide_class;

/* Puts another disc into the CD-ROM drive unit (image NULL: takes it out); the guest sees a medium
 * change. Returns the old image, which the caller may then close. Does nothing, and returns image
 * itself, when the unit is no CD-ROM. state is the device's. */
struct disk_image *ide_change_disc(void *state, unsigned unit, struct disk_image *image);

/* True while the guest forbids taking the disc out (PREVENT MEDIUM REMOVAL). */
bool ide_disc_is_locked(const void *state, unsigned unit);

/* Counters for drive lights and --stats: a light is on while activity grows. */
struct ide_counters {
    uint64_t commands, activity; /* activity: blocks moved between drive and medium */
    uint64_t errors;             /* commands ended with ERR */
    uint64_t dma_denied;         /* descriptors or transfers that the DMA checker refused */
};
struct ide_counters ide_activity(const void *state, unsigned unit);

#endif
