/* devices/disk/image.c: raw images on host files. See image.h for the promises.
 *
 * A sector comes from the overlay (snapshot mode, when it was written), else from the content in
 * memory, else from the file, else it is zeros: the medium may be longer than what holds it. */
#include "devices/disk/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/disk/overlay.h"
#include "devices/disk/probe.h"

struct disk_image {
    char *path;
    int fd; /* -1: in memory */
    struct log *log;
    struct disk_info info;
    uint64_t sectors;
    uint64_t file_end; /* bytes that the file is known to hold */
    bool read_only;
    uint8_t *content; /* in memory: what lies under the overlay */
    size_t content_len;
    struct overlay *overlay; /* NULL: writes go to the file */
    struct disk_counters counters;
    struct {
        unsigned countdown; /* 0: off */
        enum disk_status status;
    } fault[DISK_OP_FLUSH + 1];
};

const char *disk_status_text(enum disk_status status)
{
    switch (status) {
    case DISK_OK:
        return "fine";
    case DISK_RANGE:
        return "beyond the end of the medium";
    case DISK_PROTECTED:
        return "the medium is read-only";
    case DISK_NO_SPACE:
        return "no space left on the host's disk";
    case DISK_IO_ERROR:
        break;
    }
    return "the host reports an I/O error";
}

const char *disk_kind_name(enum disk_kind kind)
{
    return kind == DISK_FLOPPY ? "floppy" : kind == DISK_CD ? "CD" : "hard disk";
}

/* --- Opening ------------------------------------------------------------------------------- */

#define FAIL(...) (snprintf(error, error_len, __VA_ARGS__), false)

/* Only regular files and block devices have sectors. */
static bool check_file_type(const char *path, mode_t mode, char *error, size_t error_len)
{
    if (S_ISREG(mode) || S_ISBLK(mode))
        return true;
    if (S_ISDIR(mode))
        return FAIL("%s is a directory, not a disk image", path);
    return FAIL("%s is a %s, not a disk image", path,
                S_ISFIFO(mode)   ? "pipe"
                : S_ISSOCK(mode) ? "socket"
                                 : "character device");
}

static bool open_failed(const char *path, char *error, size_t error_len)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return FAIL("%s: no such file (create one with 'umbra img create')", path);
    if (errno == EACCES || errno == EPERM)
        return FAIL("%s: permission denied; it must at least be readable", path);
    return FAIL("%s cannot be opened: %s", path, strerror(errno));
}

static struct span probe_part(int fd, uint64_t offset, uint8_t *buf, size_t size)
{
    ssize_t n = pread(fd, buf, size, (off_t)offset);
    return (struct span){buf, n > 0 ? (size_t)n : 0};
}

/* Fills info from an open file. *warning is set to a remark, or NULL. */
static bool look_at(int fd, const char *path, struct disk_info *info, const char **warning,
                    char *error, size_t error_len)
{
    uint8_t sector0[DISK_SECTOR], volume[2048], boot_record[2048];
    struct disk_probe probe = {0};
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return FAIL("%s: its size cannot be read: %s", path, strerror(errno));
    if (size == 0)
        return FAIL("%s is empty (0 bytes), not a disk image", path);
    if (size < DISK_SECTOR)
        return FAIL("%s has only %lld bytes; a disk image has at least one sector of 512", path,
                    (long long)size);
    probe.file_size = (uint64_t)size;
    probe.sector0 = probe_part(fd, 0, sector0, sizeof sector0);
    if (probe.sector0.len != sizeof sector0)
        return FAIL("%s cannot be read: %s", path, strerror(errno ? errno : EIO));
    probe.volume = probe_part(fd, 0x8000, volume, sizeof volume);
    probe.boot_record = probe_part(fd, 0x8800, boot_record, sizeof boot_record);
    *warning = disk_probe(&probe, info);
    return true;
}

/* Opens for writing when asked and possible, else for reading; *read_only tells which. O_NONBLOCK
 * so that a pipe does not stop us before it is refused. */
static int open_file(const char *path, bool writable, bool *read_only, char *error,
                     size_t error_len)
{
    struct stat st;
    if (stat(path, &st) == 0 && !check_file_type(path, st.st_mode, error, error_len))
        return -1;
    const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = writable ? open(path, O_RDWR | flags) : -1;
    *read_only = fd < 0;
    if (fd < 0 &&
        (!writable || errno == EACCES || errno == EPERM || errno == EROFS || errno == ETXTBSY))
        fd = open(path, O_RDONLY | flags);
    if (fd < 0) {
        open_failed(path, error, error_len);
        return -1;
    }
    if (fstat(fd, &st) != 0 || !check_file_type(path, st.st_mode, error, error_len)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A writer excludes everybody, readers exclude writers. Held until the file is closed. */
static bool lock_file(int fd, bool exclusive, const char *path, struct log *log, char *error,
                      size_t error_len)
{
    struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return FAIL("%s is in use by another run, or named twice in this one (the file is locked); "
                    "stop that run, or open the image read-only or with --snapshot in both",
                    path);
    log_msg(log, LOG_WARN, "%s cannot be locked (%s): make sure that only one run uses it", path,
            strerror(errno));
    return true;
}

static bool set_up(struct disk_image *image, const char *path, enum disk_mode mode, char *error,
                   size_t error_len)
{
    bool fell_back, writable = mode == DISK_READ_WRITE;
    const char *warning = NULL;
    image->fd = open_file(path, writable, &fell_back, error, error_len);
    if (image->fd < 0)
        return false;
    if (!lock_file(image->fd, !fell_back, path, image->log, error, error_len) ||
        !look_at(image->fd, path, &image->info, &warning, error, error_len))
        return false;
    if (writable && fell_back)
        log_msg(image->log, LOG_WARN, "%s is not writable: the guest gets it read-only", path);
    if (warning)
        log_msg(image->log, LOG_WARN, "%s: %s", path, warning);
    image->read_only = mode != DISK_SNAPSHOT && fell_back;
    image->sectors = image->info.medium_size / DISK_SECTOR;
    image->file_end = image->info.file_size;
    if (mode == DISK_SNAPSHOT && !(image->overlay = overlay_create(image->sectors)))
        return FAIL("%s: no room for the snapshot's temporary file: %s", path, strerror(errno));
    return true;
}

struct disk_image *disk_image_open(const char *path, enum disk_mode mode, struct log *log,
                                   char *error, size_t error_len)
{
    struct disk_image *image = calloc(1, sizeof *image);
    if (!image || !(image->path = strdup(path))) {
        free(image);
        snprintf(error, error_len, "%s: out of memory", path);
        return NULL;
    }
    image->fd = -1;
    image->log = log;
    if (!set_up(image, path, mode, error, error_len)) {
        disk_image_close(image);
        return NULL;
    }
    return image;
}

bool disk_image_kind(const char *path, struct disk_info *info, char *error, size_t error_len)
{
    bool read_only;
    const char *warning;
    struct disk_info found;
    int fd = open_file(path, false, &read_only, error, error_len);
    if (fd < 0)
        return false;
    bool ok = look_at(fd, path, &found, &warning, error, error_len);
    close(fd);
    if (ok)
        *info = found;
    return ok;
}

bool disk_image_as_floppy(struct disk_image *image)
{
    struct disk_info *info = &image->info;
    if (info->kind == DISK_FLOPPY)
        return true;
    const uint64_t size = (info->file_size <= 1440 * 1024 ? 1440 : 2880) * 1024;
    if (info->file_size > size)
        return false;
    if (image->overlay) {
        struct overlay *larger = overlay_create(size / DISK_SECTOR);
        if (!larger)
            return false;
        overlay_destroy(image->overlay);
        image->overlay = larger;
    }
    info->kind = DISK_FLOPPY;
    info->medium_size = size;
    image->sectors = size / DISK_SECTOR;
    return disk_floppy_geometry(size, &info->geometry);
}

static struct span memory_part(const struct disk_image *image, size_t offset, size_t len)
{
    return span_slice((struct span){image->content, image->content_len}, offset, len);
}

struct disk_image *disk_image_memory(const void *content, size_t len, uint64_t size)
{
    if (len > size || size > INT64_MAX - DISK_SECTOR)
        return NULL;
    struct disk_image *image = calloc(1, sizeof *image);
    if (!image)
        return NULL;
    image->fd = -1;
    image->path = strdup("(memory)");
    image->content = malloc(len ? len : 1);
    image->sectors = align_up(size, DISK_SECTOR) / DISK_SECTOR;
    image->overlay = overlay_create(image->sectors);
    if (!image->path || !image->content || !image->overlay) {
        disk_image_close(image);
        return NULL;
    }
    if (len)
        memcpy(image->content, content, len);
    image->content_len = len;
    struct disk_probe probe = {
        .file_size = size,
        .sector0 = memory_part(image, 0, DISK_SECTOR),
        .volume = memory_part(image, 0x8000, 2048),
        .boot_record = memory_part(image, 0x8800, 2048),
    };
    disk_probe(&probe, &image->info);
    image->sectors = image->info.medium_size / DISK_SECTOR;
    return image;
}

void disk_image_close(struct disk_image *image)
{
    if (!image)
        return;
    if (image->fd >= 0)
        close(image->fd);
    overlay_destroy(image->overlay);
    free(image->content);
    free(image->path);
    free(image);
}

/* --- Moving sectors ------------------------------------------------------------------------ */

/* Does the test's fault strike now? */
static bool fault(struct disk_image *image, enum disk_operation op, enum disk_status *status)
{
    if (!image->fault[op].countdown || --image->fault[op].countdown)
        return false;
    *status = image->fault[op].status;
    return true;
}

static enum disk_status failed(struct disk_image *image, const char *what, uint64_t lba,
                               enum disk_status status)
{
    image->counters.errors++;
    log_guest(image->log, LOG_ERROR, "%s: cannot %s sector %llu: %s", image->path, what,
              (unsigned long long)lba, disk_status_text(status));
    return status;
}

static enum disk_status status_of_errno(int e)
{
    return e == ENOSPC || e == EDQUOT || e == EFBIG ? DISK_NO_SPACE : DISK_IO_ERROR;
}

static bool in_range(const struct disk_image *image, uint64_t lba, size_t len)
{
    return len % DISK_SECTOR == 0 && lba <= image->sectors &&
           len / DISK_SECTOR <= image->sectors - lba;
}

/* Reads what the file holds, and zeros for what lies beyond its end. */
static enum disk_status read_file(struct disk_image *image, uint64_t offset, struct span to)
{
    size_t held = offset >= image->file_end ? 0 : span_slice(to, 0, image->file_end - offset).len;
    memset(to.data + held, 0, to.len - held);
    for (size_t done = 0; done < held;) {
        ssize_t n = pread(image->fd, to.data + done, held - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* 0: somebody cut the file */
            return DISK_IO_ERROR;
        done += (size_t)n;
    }
    return DISK_OK;
}

static enum disk_status write_file(struct disk_image *image, uint64_t offset, struct span from)
{
    for (size_t done = 0; done < from.len;) {
        ssize_t n = pwrite(image->fd, from.data + done, from.len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? status_of_errno(errno) : DISK_IO_ERROR;
        done += (size_t)n;
        if (offset + done > image->file_end)
            image->file_end = offset + done;
    }
    return DISK_OK;
}

static enum disk_status read_base(struct disk_image *image, uint64_t lba, struct span to)
{
    uint64_t offset = lba * DISK_SECTOR;
    if (image->fd >= 0)
        return read_file(image, offset, to);
    size_t n =
        offset < image->content_len ? span_copy(to, memory_part(image, (size_t)offset, to.len)) : 0;
    memset(to.data + n, 0, to.len - n);
    return DISK_OK;
}

/* Reads run by run: a run of sectors lies all in the overlay or all in the base. */
static enum disk_status read_layers(struct disk_image *image, uint64_t lba, struct span to)
{
    while (to.len) {
        uint64_t run;
        bool overlaid = overlay_run(image->overlay, lba, to.len / DISK_SECTOR, &run);
        struct span part = span_slice(to, 0, (size_t)run * DISK_SECTOR);
        if (overlaid) {
            int e = overlay_read(image->overlay, lba, part);
            if (e)
                return status_of_errno(e);
        } else {
            enum disk_status status = read_base(image, lba, part);
            if (status)
                return status;
        }
        to = span_slice(to, part.len, to.len);
        lba += run;
    }
    return DISK_OK;
}

enum disk_status disk_image_read(struct disk_image *image, uint64_t lba, struct span to)
{
    enum disk_status status;
    if (!in_range(image, lba, to.len))
        return DISK_RANGE;
    image->counters.reads++;
    if (!fault(image, DISK_OP_READ, &status))
        status = image->overlay ? read_layers(image, lba, to) : read_base(image, lba, to);
    if (status)
        return failed(image, "read", lba, status);
    image->counters.sectors_read += to.len / DISK_SECTOR;
    return DISK_OK;
}

enum disk_status disk_image_write(struct disk_image *image, uint64_t lba, struct span from)
{
    enum disk_status status;
    if (image->read_only)
        return DISK_PROTECTED;
    if (!in_range(image, lba, from.len))
        return DISK_RANGE;
    image->counters.writes++;
    if (fault(image, DISK_OP_WRITE, &status)) {
    } else if (image->overlay) {
        int e = overlay_write(image->overlay, lba, from);
        status = e ? status_of_errno(e) : DISK_OK;
    } else {
        status = write_file(image, lba * DISK_SECTOR, from);
    }
    if (status)
        return failed(image, "write", lba, status);
    image->counters.sectors_written += from.len / DISK_SECTOR;
    return DISK_OK;
}

enum disk_status disk_image_flush(struct disk_image *image)
{
    enum disk_status status = DISK_OK;
    image->counters.flushes++;
    if (!fault(image, DISK_OP_FLUSH, &status) && image->fd >= 0 && !image->overlay &&
        !image->read_only && fdatasync(image->fd) != 0 && errno != EINVAL && errno != EROFS)
        status = status_of_errno(errno);
    if (status) {
        image->counters.errors++;
        log_guest(image->log, LOG_ERROR, "%s: cannot flush: %s", image->path,
                  disk_status_text(status));
    }
    return status;
}

/* --- Looking ------------------------------------------------------------------------------- */

uint64_t disk_image_sectors(const struct disk_image *image)
{
    return image->sectors;
}

bool disk_image_is_read_only(const struct disk_image *image)
{
    return image->read_only;
}

const struct disk_info *disk_image_info(const struct disk_image *image)
{
    return &image->info;
}

const char *disk_image_path(const struct disk_image *image)
{
    return image->path;
}

struct disk_counters disk_image_counters(const struct disk_image *image)
{
    return image->counters;
}

void disk_image_fail(struct disk_image *image, enum disk_operation op, unsigned nth,
                     enum disk_status status)
{
    image->fault[op].countdown = nth;
    image->fault[op].status = status;
}
