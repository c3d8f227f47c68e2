/* frontend/img.c: see img.h. Nothing here overwrites a file that exists unless --force says so, and
 * never one that a running machine holds (the image's lock). */
#include "frontend/img.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/disk/image.h"
#include "frontend/options.h"

enum { FAILED = 1 };

#define STEP (1u << 16) /* bytes copied or checked at a time; the grain of holes */

static int say(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int say(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("umbra img: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

static int usage(void)
{
    fputs(
        "usage: umbra img create [--force] FILE SIZE   an empty image; SIZE like 512M, 2G, 1.44M\n"
        "       umbra img info FILE                    kind, size, geometry\n"
        "       umbra img convert [--force] FROM TO    a raw copy, padded to its medium's size\n"
        "       umbra img check FILE                   read it all; say what looks wrong\n",
        stderr);
    return EXIT_USAGE;
}

bool img_parse_size(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *text;
        uint32_t kilobytes;
    } sold[] = {{"1.2M", 1200}, {"1.44M", 1440}, {"2.88M", 2880}};
    for (unsigned i = 0; i < ARRAY_LEN(sold); i++) {
        if (strcasecmp(text, sold[i].text) == 0) {
            *bytes = sold[i].kilobytes * UINT64_C(1024);
            return true;
        }
    }
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long n = strtoull(text, &end, 10);
    static const char letters[] = "KMGT";
    unsigned shift = 0;
    if (*end) {
        const char *at = strchr(letters, *end & ~0x20);
        if (!at || !*at)
            return false;
        shift = (unsigned)(at - letters + 1) * 10;
        end++;
        if ((*end & ~0x20) == 'B') /* 10MB, 10MiB mean the same here */
            end++;
        else if ((end[0] & ~0x20) == 'I' && (end[1] & ~0x20) == 'B')
            end += 2;
    }
    if (errno || *end || n > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes = (uint64_t)n << shift;
    return true;
}

/* A new file; an existing one only by force, and not while it is locked. -1 after a message. */
static int new_file(const char *path, bool force)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
        return fd;
    if (errno == EEXIST && !force)
        return say(-1, "%s exists; --force overwrites it", path);
    if (errno == EEXIST && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return say(-1, "%s is no regular file: not overwritten", path);
    if (errno == EEXIST)
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return say(-1, "%s cannot be written: %s", path, strerror(errno));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES)) {
        close(fd);
        return say(-1, "%s is in use by a running machine: not overwritten", path);
    }
    if (ftruncate(fd, 0) != 0) {
        close(fd);
        return say(-1, "%s cannot be emptied: %s", path, strerror(errno));
    }
    return fd;
}

/* Ends a file that was being made: a half-made one is removed. */
static int finish_file(int fd, const char *path, bool fine)
{
    int e = errno;
    if (fine && fsync(fd) != 0 && errno != EINVAL) {
        e = errno;
        fine = false;
    }
    if (close(fd) != 0 && fine) {
        e = errno;
        fine = false;
    }
    if (fine)
        return 0;
    unlink(path);
    return say(FAILED, "%s could not be written: %s", path, strerror(e));
}

static int create(const char *path, const char *size, bool force)
{
    uint64_t bytes;
    if (!img_parse_size(size, &bytes))
        return say(EXIT_USAGE, "'%s' is no size: write bytes, or a number with K, M, G or T", size);
    if (bytes < DISK_SECTOR)
        return say(EXIT_USAGE, "%s is too small: an image has at least one sector of 512 bytes",
                   size);
    bytes = align_up(bytes, DISK_SECTOR);
    int fd = new_file(path, force);
    if (fd < 0)
        return FAILED;
    return finish_file(fd, path, bytes <= INT64_MAX && ftruncate(fd, (off_t)bytes) == 0);
}

static int info(const char *path)
{
    struct disk_info i;
    struct stat st;
    char error[512];
    if (!disk_image_kind(path, &i, error, sizeof error))
        return say(FAILED, "%s", error);
    printf("file: %s\nkind: %s\nsize: %llu bytes", path, disk_kind_name(i.kind),
           (unsigned long long)i.file_size);
    if (i.medium_size != i.file_size)
        printf(" (the guest sees %llu)", (unsigned long long)i.medium_size);
    printf("\nsectors: %llu\n", (unsigned long long)i.medium_size / DISK_SECTOR);
    if (i.kind != DISK_CD)
        printf("geometry: %u cylinders, %u heads, %u sectors\n", i.geometry.cylinders,
               i.geometry.heads, i.geometry.sectors);
    printf("boot %s: %s\n", i.kind == DISK_CD ? "record" : "signature",
           i.boot_signature ? "yes" : "no");
    if (stat(path, &st) == 0)
        printf("on the host's disk: %llu bytes\n", (unsigned long long)st.st_blocks * 512);
    return 0;
}

static bool all_zeros(const uint8_t *p, size_t len)
{
    return !len || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static bool write_all(int fd, const uint8_t *p, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, p + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Copies the medium to fd (fd -1: only reads it); holes stay holes. *bad counts unreadable parts;
 * false when fd could not be written. */
static bool copy_sectors(struct disk_image *image, int fd, uint64_t *bad)
{
    uint64_t sectors = disk_image_sectors(image), step = STEP / DISK_SECTOR;
    uint8_t *buf = malloc(STEP);
    bool fine = buf != NULL;
    *bad = 0;
    for (uint64_t lba = 0; fine && lba < sectors; lba += step) {
        uint64_t n = sectors - lba < step ? sectors - lba : step;
        struct span part = {buf, (size_t)n * DISK_SECTOR};
        if (disk_image_read(image, lba, part))
            ++*bad;
        else if (fd >= 0 && !all_zeros(part.data, part.len))
            fine = write_all(fd, part.data, part.len, lba * DISK_SECTOR);
    }
    free(buf);
    return fine;
}

static int convert(const char *from, const char *to, bool force, struct log *log)
{
    char error[512];
    uint64_t bad;
    struct disk_image *image = disk_image_open(from, DISK_READ_ONLY, log, error, sizeof error);
    if (!image)
        return say(FAILED, "%s", error);
    int fd = new_file(to, force); /* FROM itself is locked: never overwritten */
    if (fd < 0) {
        disk_image_close(image);
        return FAILED;
    }
    uint64_t bytes = disk_image_sectors(image) * DISK_SECTOR;
    bool fine = ftruncate(fd, (off_t)bytes) == 0 && copy_sectors(image, fd, &bad);
    if (fine && bad) {
        errno = EIO;
        fine = false;
    }
    int status = finish_file(fd, to, fine);
    disk_image_close(image);
    return status;
}

static int check(const char *path, struct log *log)
{
    char error[512];
    uint64_t bad;
    struct disk_image *image = disk_image_open(path, DISK_READ_ONLY, log, error, sizeof error);
    if (!image)
        return say(FAILED, "%s", error);
    uint64_t warnings = log_count(log, LOG_WARN); /* they are on stderr already */
    bool fine = copy_sectors(image, -1, &bad) && !bad && !warnings;
    if (fine)
        printf("%s: a %s of %llu sectors, all readable\n", path,
               disk_kind_name(disk_image_info(image)->kind),
               (unsigned long long)disk_image_sectors(image));
    disk_image_close(image);
    return fine ? 0 : say(FAILED, "%s has problems: see above", path);
}

int img_main(int argc, char **argv)
{
    static const char *const commands[] = {"create", "info", "convert", "check", NULL};
    const char *argument[2] = {NULL, NULL};
    unsigned count = 0;
    bool force = false;
    if (argc < 2)
        return usage();
    const char *command = argv[1];
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0 || strcmp(argv[i], "-f") == 0)
            force = true;
        else if (argv[i][0] == '-' || count == 2)
            return usage();
        else
            argument[count++] = argv[i];
    }
    bool two = strcmp(command, "create") == 0 || strcmp(command, "convert") == 0;
    bool one = strcmp(command, "info") == 0 || strcmp(command, "check") == 0;
    if (!one && !two) {
        const char *near = nearest_word(command, commands);
        if (near)
            say(0, "there is no command '%s'; did you mean %s?", command, near);
        return usage();
    }
    if (count != (two ? 2 : 1))
        return usage();
    if (strcmp(command, "create") == 0)
        return create(argument[0], argument[1], force);
    if (strcmp(command, "info") == 0)
        return info(argument[0]);
    struct log *log = log_create(LOG_WARN, NULL, NULL);
    int status = two ? convert(argument[0], argument[1], force, log) : check(argument[0], log);
    log_destroy(log);
    return status;
}
