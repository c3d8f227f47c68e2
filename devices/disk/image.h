/* devices/disk/image.h: the raw disk images behind floppy, IDE and CD drives.
 *
 * An image is a row of 512-byte sectors. It is opened for one run only: an OFD lock (fcntl(2)) on
 * the file refuses a second writer; readers share. What is acknowledged has been taken by
 * pwrite(2); disk_image_flush is fdatasync(2). Nothing here exits, blocks on a pipe or trusts a
 * size: every failure is a status, and a line in the log.
 *
 * A file that is not whole sectors, or a floppy image shorter than a floppy, reads as zeros beyond
 * its end; a write there lets the file grow (never beyond the size of the medium).
 *
 * One thread uses an image. Two partitions never share a struct disk_image. */
#ifndef UMBRA_DEVICES_DISK_IMAGE_H
#define UMBRA_DEVICES_DISK_IMAGE_H

#include "base/log.h"
#include "base/span.h"

#define DISK_SECTOR 512

enum disk_mode {
    DISK_READ_WRITE, /* becomes read-only, with a warning, when the file cannot be written */
    DISK_READ_ONLY,
    DISK_SNAPSHOT, /* writes go to a private overlay that vanishes with the image */
};

enum disk_status {
    DISK_OK,
    DISK_RANGE,     /* beyond the end of the medium, or not whole sectors */
    DISK_PROTECTED, /* read-only */
    DISK_NO_SPACE,  /* the host's disk (or the file size limit) is full: nothing was acknowledged */
    DISK_IO_ERROR,  /* the host could not read or write, or the file shrank under us */
};
const char *disk_status_text(enum disk_status status);

enum disk_kind { DISK_FLOPPY, DISK_CD, DISK_HARD };
const char *disk_kind_name(enum disk_kind kind); /* "floppy", "CD", "hard disk" */

struct disk_geometry {
    uint32_t cylinders, heads, sectors;
};

/* What a look at the content says. */
struct disk_info {
    enum disk_kind kind;
    uint64_t file_size;   /* bytes of the file */
    uint64_t medium_size; /* bytes the guest sees: a floppy's size, else file_size rounded up to a
                             sector (CD: 2048) */
    bool boot_signature;  /* 55h AAh at the end of sector 0 (a CD: an El Torito boot record) */
    bool text;            /* sector 0 is nothing but printable text */
    struct disk_geometry geometry; /* floppy: exact; else from the MBR or by size, as a hard disk */
};

struct disk_image;

/* Opens path. On failure NULL, with one sentence for the user in error (names the path, says why
 * and what to do). A kind other than expected is not an error here. log gets warnings (read-only
 * fallback, an image that looks truncated) and later I/O errors; it may be NULL and must outlive
 * the image. */
struct disk_image *disk_image_open(const char *path, enum disk_mode mode, struct log *log,
                                   char *error, size_t error_len);

/* A medium in memory: content (len bytes, copied) followed by zeros up to size (rounded up to a
 * sector). Writable, never saved. NULL when out of memory or len > size. */
struct disk_image *disk_image_memory(const void *content, size_t len, uint64_t size);

/* The user says that this is a floppy though its content looks like something else (GRUB's rescue
 * floppy is an ISO 9660 volume): makes it one, padded with zeros to 1.44 or 2.88 MB. To be called
 * before the first access. False, and nothing changed, when the file is larger. */
bool disk_image_as_floppy(struct disk_image *image);

/* Closes the file and drops the lock; NULL is fine. Does not flush: what was flushed is safe, the
 * rest is in the host's cache. */
void disk_image_close(struct disk_image *image);

/* Moves whole sectors, starting at sector lba; span.len is a multiple of 512 (else DISK_RANGE). On
 * failure the span (read) or the medium (write) may have been changed in part, as on a real disk.
 */
must_use enum disk_status disk_image_read(struct disk_image *image, uint64_t lba, struct span to);
must_use enum disk_status disk_image_write(struct disk_image *image, uint64_t lba,
                                           struct span from);

/* Returns once all that was written is on the host's stable storage. */
must_use enum disk_status disk_image_flush(struct disk_image *image);

uint64_t disk_image_sectors(const struct disk_image *image);
bool disk_image_is_read_only(const struct disk_image *image);
const struct disk_info *disk_image_info(const struct disk_image *image);
const char *disk_image_path(const struct disk_image *image); /* "(memory)" for one in memory */

/* Looks at a file without locking it: floppy, CD or hard disk? False with a sentence in error. */
bool disk_image_kind(const char *path, struct disk_info *info, char *error, size_t error_len);

/* The floppy geometry of a medium of exactly this many bytes; false when there is none. */
bool disk_floppy_geometry(uint64_t bytes, struct disk_geometry *geometry);

/* For tests: the nth next read (write, flush) from now, counted from 1, gives status, once; 0 takes
 * it back. */
enum disk_operation { DISK_OP_READ, DISK_OP_WRITE, DISK_OP_FLUSH };
void disk_image_fail(struct disk_image *image, enum disk_operation op, unsigned nth,
                     enum disk_status status);

/* Counters for --stats. */
struct disk_counters {
    uint64_t reads, writes, flushes, sectors_read, sectors_written, errors;
};
struct disk_counters disk_image_counters(const struct disk_image *image);

#endif
