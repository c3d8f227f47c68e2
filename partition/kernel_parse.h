/* partition/kernel_parse.h: what the files kernel_*.c share; for them and their tests only. */
#ifndef UMBRA_PARTITION_KERNEL_PARSE_H
#define UMBRA_PARTITION_KERNEL_PARSE_H

#include <stdio.h>

#include "base/span.h"
#include "partition/kernel_image.h"

#define KERNEL_FILE_MAX (UINT64_C(1) << 31) /* larger files cannot be a kernel or an initrd */
#define KERNEL_RAM_MAX  UINT64_C(0xC0000000)

struct kernel_load {
    struct loader_plan *plan;
    const char *path;             /* of the kernel, for messages */
    struct loader_source *source; /* the kernel's file */
    const char *initrd_path;
    const char *cmdline;
    struct span seed;
    uint64_t ram;
    char *error;
    size_t error_len;
};

/* Writes the message; always false. */
bool kernel_fail(struct kernel_load *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens a file, which belongs to the plan from now on, as a source of segments; its length. NULL:
 * it cannot be one. */
must_use struct loader_source *kernel_open(struct kernel_load *k, const char *path, size_t *len);
/* Reads its first len bytes into malloc'ed memory. */
must_use bool kernel_read(struct kernel_load *k, struct loader_source *source, size_t len,
                          struct span *out);

/* Adds a segment: a copy of bytes, then zeros. Refused when it does not lie in RAM. */
must_use bool kernel_add(struct kernel_load *k, uint64_t gpa, struct span bytes, uint64_t zeros);
/* The same with len bytes of a file from offset at, which are read each time they are loaded. */
must_use bool kernel_add_part(struct kernel_load *k, uint64_t gpa, struct loader_source *source,
                              uint64_t at, size_t len, uint64_t zeros);

/* True when file is of that kind: it has a Linux setup header; a multiboot header (at *header). */
bool kernel_is_linux(struct span file);
bool kernel_is_multiboot(struct span file, size_t *header);

/* True when a multiboot header's file says where it is to be loaded: it is ELF or has addresses. */
bool kernel_multiboot_loads(struct span file, size_t header);

must_use bool kernel_load_linux(struct kernel_load *k, struct span file);
must_use bool kernel_load_multiboot(struct kernel_load *k, struct span file, size_t header);

#endif
