/* Files of kernels, as sources of segments (devices/loader.h).
 *
 * They are read again at each reset rather than kept: an initrd can be as large as the rest of the
 * machine. They are read by descriptor, not mapped: a file that is cut short would end the process
 * by a signal. So one that is replaced by another of the same name is still the old one; one that
 * was written to is noticed by its size and times, and no longer read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partition/kernel_parse.h"

struct kernel_file {
    struct loader_source source; /* the first member */
    int fd;
    struct stat opened;
    char why[256]; /* read's sentence */
    char path[];
};

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* As it was when it was opened. (The inode's change time says more, but it also changes when the
 * file is renamed or removed, which leaves its bytes alone.) */
static bool unchanged(const struct kernel_file *f)
{
    struct stat now;
    return !fstat(f->fd, &now) && now.st_size == f->opened.st_size &&
           same_time(now.st_mtim, f->opened.st_mtim);
}

/* Reads len bytes at at; false with errno 0 when the file ends before. */
static bool read_at(int fd, uint64_t at, uint8_t *to, size_t len)
{
    while (len) {
        errno = 0;
        ssize_t n = pread(fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* loader_source. It is looked at after reading: then what was read is what was meant. */
static const char *file_read(struct loader_source *source, uint64_t at, void *to, size_t len)
{
    struct kernel_file *f = (struct kernel_file *)source;
    bool good = read_at(f->fd, at, to, len);
    if (!good && errno) {
        snprintf(f->why, sizeof f->why, "%s: cannot be read: %s", f->path, strerror(errno));
    } else if (!good || !unchanged(f)) {
        snprintf(f->why, sizeof f->why,
                 "%s: was changed since the machine was made; end it and start it anew", f->path);
    } else {
        return NULL;
    }
    return f->why;
}

static void file_destroy(struct loader_source *source)
{
    struct kernel_file *f = (struct kernel_file *)source;
    close(f->fd);
    free(f);
}

static bool check(struct kernel_load *k, const char *path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return kernel_fail(k, "%s: not a file", path);
    if (st->st_size == 0)
        return kernel_fail(k, "%s: the file is empty", path);
    if ((uint64_t)st->st_size > KERNEL_FILE_MAX)
        return kernel_fail(k, "%s: too large", path);
    return true;
}

struct loader_source *kernel_open(struct kernel_load *k, const char *path, size_t *len)
{
    struct kernel_file *f = calloc(1, sizeof *f + strlen(path) + 1);
    if (!f) {
        kernel_fail(k, "%s: out of memory", path);
        return NULL;
    }
    f->source = (struct loader_source){.read = file_read, .destroy = file_destroy};
    strcpy(f->path, path);
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &f->opened)) {
        kernel_fail(k, "%s: %s", path, strerror(errno));
    } else if (check(k, path, &f->opened)) {
        *len = (size_t)f->opened.st_size;
        f->source.next = k->plan->sources;
        k->plan->sources = &f->source;
        return &f->source;
    }
    if (f->fd >= 0)
        close(f->fd);
    free(f);
    return NULL;
}

bool kernel_read(struct kernel_load *k, struct loader_source *source, size_t len, struct span *out)
{
    uint8_t *data = malloc(len);
    const char *why = data ? source->read(source, 0, data, len) : "out of memory";
    if (why) {
        kernel_fail(k, "%s", why);
        free(data);
        return false;
    }
    *out = (struct span){data, len};
    return true;
}
