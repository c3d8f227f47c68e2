/* devices/disk/overlay.c: see overlay.h.
 *
 *   lba  | directory index        | bit in page |
 *        | 63                  15 | 14        0 |
 *
 * A page of the bitmap is 4 KiB and covers 16 MiB of the medium; it is made on the first write. */
#include "devices/disk/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SECTORS 32768
#define SECTOR       512

struct overlay {
    int fd;
    uint64_t page_count;
    uint8_t **page; /* NULL: no sector of it was written */
};

/* Where there is room first: /tmp may be memory. */
static int temporary_file(void)
{
    const char *dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    for (unsigned i = 0; i < ARRAY_LEN(dirs); i++) {
        int fd = dirs[i] ? open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
        if (fd >= 0)
            return fd;
    }
    return memfd_create("umbra-snapshot", MFD_CLOEXEC);
}

struct overlay *overlay_create(uint64_t sectors)
{
    struct overlay *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->page_count = sectors / PAGE_SECTORS + 1;
    o->page = o->page_count <= SIZE_MAX / sizeof *o->page
                  ? calloc((size_t)o->page_count, sizeof *o->page)
                  : NULL;
    o->fd = temporary_file();
    if (!o->page || o->fd < 0) {
        int e = o->page ? errno : ENOMEM;
        overlay_destroy(o);
        errno = e;
        return NULL;
    }
    return o;
}

void overlay_destroy(struct overlay *o)
{
    if (!o)
        return;
    if (o->fd >= 0)
        close(o->fd);
    for (uint64_t i = 0; o->page && i < o->page_count; i++)
        free(o->page[i]);
    free(o->page);
    free(o);
}

static bool has_sector(const struct overlay *o, uint64_t lba)
{
    const uint8_t *page = o->page[lba / PAGE_SECTORS];
    return page && page[lba % PAGE_SECTORS / 8] & 1 << lba % 8;
}

bool overlay_run(const struct overlay *o, uint64_t lba, uint64_t max, uint64_t *run)
{
    bool there = has_sector(o, lba);
    uint64_t n = 1;
    while (n < max && has_sector(o, lba + n) == there)
        n++;
    *run = n;
    return there;
}

int overlay_read(struct overlay *o, uint64_t lba, struct span to)
{
    for (size_t done = 0; done < to.len;) {
        ssize_t n = pread(o->fd, to.data + done, to.len - done, (off_t)(lba * SECTOR + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    return 0;
}

int overlay_write(struct overlay *o, uint64_t lba, struct span from)
{
    for (size_t done = 0; done < from.len;) {
        ssize_t n = pwrite(o->fd, from.data + done, from.len - done, (off_t)(lba * SECTOR + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    for (uint64_t i = lba; i < lba + from.len / SECTOR; i++) {
        uint8_t **page = &o->page[i / PAGE_SECTORS];
        if (!*page && !(*page = calloc(1, PAGE_SECTORS / 8)))
            return ENOMEM;
        (*page)[i % PAGE_SECTORS / 8] |= (uint8_t)(1 << i % 8);
    }
    return 0;
}
