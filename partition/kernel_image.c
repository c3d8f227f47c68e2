/* Kernel files: reading, telling them apart, and the plan's segments. */
#include "partition/kernel_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partition/kernel_parse.h"

bool kernel_fail(struct kernel_load *k, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (k->error_len)
        vsnprintf(k->error, k->error_len, format, args);
    va_end(args);
    return false;
}

static bool read_all(int fd, uint8_t *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, to + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_opened(struct kernel_load *k, const char *path, int fd, struct span *out)
{
    struct stat st;
    if (fstat(fd, &st))
        return kernel_fail(k, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return kernel_fail(k, "%s: not a file", path);
    if (st.st_size == 0)
        return kernel_fail(k, "%s: the file is empty", path);
    if ((uint64_t)st.st_size > KERNEL_FILE_MAX)
        return kernel_fail(k, "%s: too large", path);
    size_t len = (size_t)st.st_size;
    uint8_t *data = malloc(len);
    if (!data)
        return kernel_fail(k, "%s: out of memory", path);
    if (!read_all(fd, data, len)) {
        free(data);
        return kernel_fail(k, "%s: cannot be read: %s", path, strerror(errno));
    }
    *out = (struct span){data, len};
    return true;
}

bool kernel_read_file(struct kernel_load *k, const char *path, struct span *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return kernel_fail(k, "%s: %s", path, strerror(errno));
    bool good = read_opened(k, path, fd, out);
    close(fd);
    return good;
}

bool kernel_add(struct kernel_load *k, uint64_t gpa, struct span bytes, uint64_t zeros)
{
    struct loader_plan *plan = k->plan;
    if (plan->segment_count >= LOADER_SEGMENTS)
        return kernel_fail(k, "%s: has more than %d segments", k->path, LOADER_SEGMENTS);
    if (gpa > k->ram || bytes.len > k->ram - gpa || zeros > k->ram - gpa - bytes.len)
        return kernel_fail(k, "%s: needs memory up to %#llx, the machine has %llu MB", k->path,
                           (unsigned long long)(gpa + bytes.len + zeros),
                           (unsigned long long)(k->ram >> 20));
    struct loader_segment *s = &plan->segment[plan->segment_count];
    *s = (struct loader_segment){gpa, NULL, bytes.len, zeros};
    if (bytes.len) {
        s->bytes = malloc(bytes.len);
        if (!s->bytes)
            return kernel_fail(k, "%s: out of memory", k->path);
        memcpy(s->bytes, bytes.data, bytes.len);
    }
    plan->segment_count++;
    plan->value[LOADER_REG_SEGMENTS] = plan->segment_count;
    return true;
}

static bool load_any(struct kernel_load *k, struct span file)
{
    size_t header;
    bool multiboot = kernel_is_multiboot(file, &header);
    /* "neither ELF nor gives addresses" is a Linux kernel with an ELF multiboot kernel inside. */
    if (kernel_is_linux(file) && !(multiboot && kernel_multiboot_loads(file, header)))
        return kernel_load_linux(k, file);
    if (multiboot)
        return kernel_load_multiboot(k, file, header);
    if (file.len > 2 && file.data[0] == 0x1F && file.data[1] == 0x8B)
        return kernel_fail(k, "%s: is compressed: gunzip it first", k->path);
    return kernel_fail(k, "%s: is no kernel (neither Linux boot protocol nor multiboot)", k->path);
}

struct loader_plan *kernel_image_load(const char *kernel_path, const char *initrd_path,
                                      const char *cmdline, struct span seed, uint64_t ram_size,
                                      char *error, size_t error_len)
{
    struct kernel_load k = {
        .path = kernel_path,
        .initrd_path = initrd_path,
        .cmdline = cmdline ? cmdline : "",
        .seed = seed,
        .ram = ram_size < KERNEL_RAM_MAX ? ram_size : KERNEL_RAM_MAX,
        .error = error,
        .error_len = error_len,
    };
    struct span file;
    if (!kernel_read_file(&k, kernel_path, &file))
        return NULL;
    k.plan = calloc(1, sizeof *k.plan);
    bool good = k.plan ? load_any(&k, file) : kernel_fail(&k, "out of memory");
    free(file.data);
    if (good) {
        k.plan->value[LOADER_REG_MAGIC] = LOADER_MAGIC;
        return k.plan;
    }
    loader_plan_free(k.plan);
    return NULL;
}
