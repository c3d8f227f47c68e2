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
    struct disk_image *in_floppy[PC_FLOPPIES], *in_ide[PC_IDE_DRIVES]; /* NULL: empty, or none */
    struct loader_plan *kernel;                                        /* --kernel, or NULL */
    bool is_demo; /* nothing was given: the built-in guest */
};

/* Opens all and fills pc's drives, ROMs and kernel. False with a sentence in error. */
bool media_open(struct media *m, const struct options *o, struct pc_config *pc, struct log *log,
                char *error, size_t error_len);

/* Puts another image into the running machine's floppy drive A or CD drive, as its content says.
 * The log says what came of it. Partition thread only. */
void media_insert(struct media *m, struct pc *pc, const char *path, const struct options *o,
                  struct log *log);

/* A drive: fda, fdb, hda .. hdd (cdrom: hdc). */
struct media_drive {
    char name[4];
    const char *kind; /* "floppy", "disk", "CD" */
    const char *path; /* of the image in it; NULL: empty */
    bool removable, locked, read_only;
    uint64_t bytes;
    unsigned unit; /* of its kind */
};
/* The index-th drive that the machine has. False beyond the last. Partition thread only. */
bool media_drive_at(const struct media *m, const struct pc *pc, unsigned index,
                    struct media_drive *out);

/* Puts path into the drive of that name, or with NULL takes out what is in it. False with a
 * sentence in error: no such drive, no such image, or the guest has locked the CD and force is not
 * set. Partition thread only. */
bool media_change(struct media *m, struct pc *pc, const char *drive, const char *path, bool force,
                  const struct options *o, struct log *log, char *error, size_t error_len);

/* Flushes and closes all. False when a flush failed (the log says which). */
bool media_close(struct media *m, struct log *log);

#endif
