/* devices/fdc.h: the 82077AA floppy disk controller with two drives, at 3F0h-3F5h and 3F7h, IRQ 6,
 * DMA channel 2.
 *
 * Source: Intel 82077AA datasheet (290166). Media are images of 512-byte sectors, 160 KB to 2.88
 * MB. Writing deleted data marks and sectors of other sizes cannot be kept in a raw image: see
 * docs/caveats.md. */
#ifndef UMBRA_DEVICES_FDC_H
#define UMBRA_DEVICES_FDC_H

#include "devices/bus.h"
#include "devices/disk/image.h"

#define FDC_DRIVES 2

/* As CMOS register 10h codes them. */
enum fdc_drive_type { FDC_NONE, FDC_360K, FDC_1200K, FDC_720K, FDC_1440K, FDC_2880K };

struct fdc_unit {
    enum fdc_drive_type type; /* FDC_NONE: no drive on the cable */
    struct disk_image *image; /* NULL: no disk in the drive */
};

/* What init wants. The images stay the board's and must outlive the device. */
struct fdc_config {
    struct fdc_unit unit[FDC_DRIVES];
    bool real_speed; /* false (usual): seeks and sectors take far less time than a real drive's */
};

/* The drive in which a disk like this is usually found; FDC_1440K for NULL. */
enum fdc_drive_type fdc_drive_for(const struct disk_image *image);

enum { FDC_PIN_IRQ6, FDC_PIN_DRQ2, FDC_PINS };

extern const struct device_class fdc_class;

/* Changes the disk in a drive (NULL: takes it out); the guest sees the disk change line. Returns
 * the old image, or image itself when there is no such drive. state is the device's. */
struct disk_image *fdc_change_disk(void *state, unsigned drive, struct disk_image *image);

/* For drive lights: the motor runs; sectors moved so far (on while it grows). */
bool fdc_motor_is_on(const void *state, unsigned drive);
uint64_t fdc_activity(const void *state, unsigned drive);

#endif
