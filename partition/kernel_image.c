/* Kernel files: telling them apart, and the plan's segments. */
#include "partition/kernel_image.h"

#include <stdarg.h>
#include <stdlib.h>

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

/* A segment for len bytes, then zeros; NULL when it does not lie in RAM. */
static struct loader_segment *new_segment(struct kernel_load *k, uint64_t gpa, size_t len,
                                          uint64_t zeros)
{
    struct loader_plan *plan = k->plan;
    if (plan->segment_count >= LOADER_SEGMENTS) {
        kernel_fail(k, "%s: has more than %d segments", k->path, LOADER_SEGMENTS);
        return NULL;
    }
    if (gpa > k->ram || len > k->ram - gpa || zeros > k->ram - gpa - len) {
        kernel_fail(k, "%s: needs memory up to %#llx, the machine has %llu MB", k->path,
                    (unsigned long long)(gpa + len + zeros), (unsigned long long)(k->ram >> 20));
        return NULL;
    }
    struct loader_segment *s = &plan->segment[plan->segment_count++];
    *s = (struct loader_segment){.gpa = gpa, .len = len, .zeros = zeros};
    plan->value[LOADER_REG_SEGMENTS] = plan->segment_count;
    return s;
}

bool kernel_add(struct kernel_load *k, uint64_t gpa, struct span bytes, uint64_t zeros)
{
    struct loader_segment *s = new_segment(k, gpa, bytes.len, zeros);
    if (!s)
        return false;
    s->bytes = malloc(bytes.len ? bytes.len : 1);
    if (!s->bytes)
        return kernel_fail(k, "%s: out of memory", k->path);
    memcpy(s->bytes, bytes.data, bytes.len);
    return true;
}

bool kernel_add_part(struct kernel_load *k, uint64_t gpa, struct loader_source *source, uint64_t at,
                     size_t len, uint64_t zeros)
{
    struct loader_segment *s = new_segment(k, gpa, len, zeros);
    if (!s)
        return false;
    s->source = source;
    s->at = at;
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
    struct span file = {0};
    size_t len;
    k.plan = calloc(1, sizeof *k.plan);
    if (!k.plan) {
        kernel_fail(&k, "out of memory");
        return NULL;
    }
    k.source = kernel_open(&k, kernel_path, &len);
    bool good = k.source && kernel_read(&k, k.source, len, &file) && load_any(&k, file);
    free(file.data);
    if (good) {
        k.plan->value[LOADER_REG_MAGIC] = LOADER_MAGIC;
        return k.plan;
    }
    loader_plan_free(k.plan);
    return NULL;
}
