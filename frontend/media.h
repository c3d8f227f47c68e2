/* frontend/media.h: opening what a machine is made of (disk images, ROMs, kernel) from the options,
 * with errors that a user can act on. */
#ifndef UMBRA_FRONTEND_MEDIA_H
#define UMBRA_FRONTEND_MEDIA_H

#include "frontend/options.h"
#include "partition/kernel_image.h"
#include "partition/pc.h"

#define MEDIA_IMAGES (PC_FLOPPIES + PC_IDE_DRIVES)

struct media {
    struct disk_image *images[MEDIA_IMAGES];
    unsigned image_count;
    struct bytes bios, vga_bios, boot_rom;
    struct loader_plan *kernel; /* --kernel, or NULL */
    bool is_demo;               /* nothing was given: the built-in guest */
};

/* Opens all and fills pc's drives, ROMs and kernel. False with a sentence in error. */
bool media_open(struct media *m, const struct options *o, struct pc_config *pc, struct log *log,
                char *error, size_t error_len);

/* Puts another image into the running machine's floppy drive A or CD drive, as its content says.
 * The log says what came of it. Partition thread only. */
void media_insert(struct media *m, struct pc *pc, const char *path, const struct options *o,
                  struct log *log);

/* Flushes and closes all. False when a flush failed (the log says which). */
bool media_close(struct media *m, struct log *log);

#endif
