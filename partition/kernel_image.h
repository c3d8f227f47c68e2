/* partition/kernel_image.h: kernel files for --kernel, turned into a plan for the loader device:
 *
 *   Linux boot protocol 2.00 to 2.15 (Linux, memtest86+, iPXE, memdisk), with initrd and command
 *   line; the one before it (memtest86); ELF32 or "a.out kludge" multiboot 1 kernels, whose initrd
 *   is a list of modules: "FILE ARGUMENTS,FILE ARGUMENTS".
 *
 * Linux from 2.09 on is given a seed for its random numbers, as boot loaders do: without one a
 * guest with no RDRAND spends its first second making entropy from its timer.
 *
 * The files are data from outside: every offset and length in them is checked, and a damaged or
 * truncated one is refused with a sentence that says so. */
#ifndef UMBRA_PARTITION_KERNEL_IMAGE_H
#define UMBRA_PARTITION_KERNEL_IMAGE_H

#include "base/span.h"
#include "devices/loader.h"

#define KERNEL_SEED_MAX 64

/* initrd_path may be NULL, cmdline empty; seed: up to KERNEL_SEED_MAX bytes, or empty. ram_size:
 * bytes of RAM from gpa 0 (what lies above 3 GiB is not used). NULL with a sentence in error when
 * the files cannot be booted; free the plan with loader_plan_free. */
struct loader_plan *kernel_image_load(const char *kernel_path, const char *initrd_path,
                                      const char *cmdline, struct span seed, uint64_t ram_size,
                                      char *error, size_t error_len);

#endif
