/* partition/kernel_image: whole and damaged kernel files, byte for byte what would reach guest
 * memory. The files are made here; each test spoils one thing and names the sentence expected. */
#include "partition/kernel_image.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_main.h"

enum { RAM = 64 << 20 };

static char path[64], initrd[64];
static char error[256];
static struct span seed; /* none, unless a test has one */
static uint64_t ram = RAM;

static void write_file(const char *name, const void *data, size_t len)
{
    FILE *f = fopen(name, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

static struct loader_plan *load(const void *data, size_t len, const char *with, const char *cmdline)
{
    snprintf(path, sizeof path, "/tmp/umbra-kernel-%d", (int)getpid());
    write_file(path, data, len);
    error[0] = 0;
    struct loader_plan *plan =
        kernel_image_load(path, with, cmdline, seed, ram, error, sizeof error);
    unlink(path);
    return plan;
}

static void refused(const void *data, size_t len, const char *why)
{
    struct loader_plan *plan = load(data, len, NULL, "");
    ck_assert_ptr_null(plan);
    ck_assert_msg(strstr(error, why), "expected \"%s\", got \"%s\"", why, error);
}

/* What the plan puts at gpa: the segment that begins there. */
static const struct loader_segment *segment_at(const struct loader_plan *plan, uint64_t gpa)
{
    for (unsigned i = 0; i < plan->segment_count; i++)
        if (plan->segment[i].gpa == gpa)
            return &plan->segment[i];
    ck_abort_msg("no segment at %#llx", (unsigned long long)gpa);
}

/* What its bytes are, wherever they come from: good until the next call. */
static const uint8_t *bytes_at(const struct loader_plan *plan, uint64_t gpa)
{
    static uint8_t read[65536];
    const struct loader_segment *s = segment_at(plan, gpa);
    if (s->bytes)
        return s->bytes;
    ck_assert_uint_le(s->len, sizeof read);
    const char *why = s->source->read(s->source, s->at, read, s->len);
    ck_assert_msg(!why, "%s", why);
    return read;
}

/* A bzImage: one setup sector, protocol 2.06, 4096 bytes of kernel. */
static void make_linux(uint8_t *f)
{
    memset(f, 0, 1024 + 4096);
    f[0x1F1] = 1;
    store_le32(f + 0x1F4, 4096 / 16);
    store_le16(f + 0x1FE, 0xAA55);
    memcpy(f + 0x202, "HdrS", 4);
    store_le16(f + 0x206, 0x206);
    f[0x211] = 1;
    store_le32(f + 0x22C, 0x37FFFFFF);
    store_le32(f + 0x238, 255);
    memset(f + 1024, 0x90, 4096);
}

START_TEST(linux_is_placed_by_the_protocol)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    struct loader_plan *plan = load(f, sizeof f, NULL, "root=/dev/ram vga=5");
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(plan->value[LOADER_REG_KIND], LOADER_LINUX16);
    ck_assert_uint_eq(plan->value[LOADER_REG_SEGMENT], 0x1000);
    const struct loader_segment *setup = segment_at(plan, 0x10000);
    ck_assert_uint_eq(setup->len, 1024);
    ck_assert_uint_eq(setup->bytes[0x210], 0xFF);
    ck_assert_uint_eq(setup->bytes[0x211], 0x81);
    ck_assert_uint_eq(load_le16(setup->bytes + 0x1FA), 5);
    ck_assert_uint_eq(load_le32(setup->bytes + 0x228), 0x20000);
    ck_assert_str_eq((char *)bytes_at(plan, 0x20000), "root=/dev/ram vga=5");
    ck_assert_uint_eq(segment_at(plan, 0x100000)->len, 4096);
    ck_assert_mem_eq(bytes_at(plan, 0x100000), f + 1024, 4096);
    loader_plan_free(plan);
    ram = 0x101000;
    plan = load(f, sizeof f, NULL, "");
    ck_assert_msg(plan, "%s", error);
    loader_plan_free(plan);
    ram -= 1;
    refused(f, sizeof f, "needs memory");
}
END_TEST

START_TEST(initrd_lies_high_and_whole)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    snprintf(initrd, sizeof initrd, "/tmp/umbra-initrd-%d", (int)getpid());
    write_file(initrd, "0123456789", 10);
    struct loader_plan *plan = load(f, sizeof f, initrd, "");
    ck_assert_msg(plan, "%s", error);
    const uint8_t *setup = bytes_at(plan, 0x10000);
    uint32_t gpa = load_le32(setup + 0x218);
    ck_assert_uint_eq(load_le32(setup + 0x21C), 10);
    ck_assert_uint_eq(gpa % 4096, 0);
    ck_assert_uint_le(gpa + 10, RAM);
    ck_assert_uint_gt(gpa, 0x101000);
    ck_assert_mem_eq(bytes_at(plan, gpa), "0123456789", 10);
    loader_plan_free(plan);

    store_le32(f + 0x22C, 0x100FFF); /* the kernel itself ends at 101000h */
    ck_assert_ptr_null(load(f, sizeof f, initrd, ""));
    ck_assert_ptr_nonnull(strstr(error, "do not fit"));
    unlink(initrd);
    ck_assert_ptr_null(load(f, sizeof f, "/nonexistent/initrd", ""));
    ck_assert_ptr_nonnull(strstr(error, "/nonexistent/initrd"));
}
END_TEST

START_TEST(seed_is_the_list_of_setup_data)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    seed = (struct span){(uint8_t *)"0123456789abcdef", 16};
    struct loader_plan *plan = load(f, sizeof f, NULL, "");
    ck_assert_uint_eq(load_le32(bytes_at(plan, 0x10000) + 0x250), 0); /* 2.06: too old */
    loader_plan_free(plan);
    store_le16(f + 0x206, 0x209);
    plan = load(f, sizeof f, NULL, "");
    seed = (struct span){0};
    ck_assert_msg(plan, "%s", error);
    uint64_t gpa = load_le64(bytes_at(plan, 0x10000) + 0x250);
    const struct loader_segment *node = segment_at(plan, gpa);
    ck_assert_uint_eq(node->len, 32);
    ck_assert_uint_eq(load_le64(node->bytes), 0);     /* the last one */
    ck_assert_uint_eq(load_le32(node->bytes + 8), 9); /* SETUP_RNG_SEED */
    ck_assert_uint_eq(load_le32(node->bytes + 12), 16);
    ck_assert_mem_eq(node->bytes + 16, "0123456789abcdef", 16);
    loader_plan_free(plan);

    static char cmdline[0x8001]; /* one character more than fits before it */
    memset(cmdline, 'a', 0x8000);
    store_le32(f + 0x238, 0x10000);
    ck_assert_ptr_null(load(f, sizeof f, NULL, cmdline));
    ck_assert_ptr_nonnull(strstr(error, "this kernel takes 32767"));
    cmdline[0x7FFF] = 0;
    plan = load(f, sizeof f, NULL, cmdline);
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_le(0x20000 + segment_at(plan, 0x20000)->len, gpa);
    loader_plan_free(plan);
}
END_TEST

/* Where protocols before 2.02 have the setup code, the command line "x" and 4096 bytes of kernel.
 */
static const struct loader_segment *old_setup(const struct loader_plan *plan)
{
    const struct loader_segment *setup = segment_at(plan, 0x90000);
    ck_assert_uint_eq(load_le16(setup->bytes + 0x20), 0xA33F);
    ck_assert_uint_eq(segment_at(plan, 0x90000 + load_le16(setup->bytes + 0x22))->bytes[0], 'x');
    ck_assert_uint_eq(segment_at(plan, 0x10000)->len, 4096);
    return setup;
}

START_TEST(old_protocol_loads_at_90000)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    store_le16(f + 0x206, 0x200);
    f[0x211] = 0; /* zImage */
    struct loader_plan *plan = load(f, sizeof f, NULL, "x");
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(old_setup(plan)->len, 1024);
    loader_plan_free(plan);
    refused(f, 1024, "truncated"); /* setup code, and nothing that it would set up */

    static uint8_t large[1024 + 0x80001];
    memcpy(large, f, 1024);
    refused(large, sizeof large, "loaded low");
}
END_TEST

/* Before protocol 2.00: no header, and what stands in its place is code. memtest86+ 5.01 has the
 * magic number of a multiboot header in it as well. */
START_TEST(kernel_without_header)
{
    uint8_t f[2560 + 4096];
    memset(f, 0x90, sizeof f);
    f[0x1F1] = 0; /* four sectors */
    store_le32(f + 0x1F4, 4096 / 16);
    store_le16(f + 0x1FE, 0xAA55);
    uint32_t multiboot[3] = {0x1BADB002, 0, -0x1BADB002u};
    memcpy(f + 2560, multiboot, sizeof multiboot);
    struct loader_plan *plan = load(f, sizeof f, NULL, "x");
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(plan->value[LOADER_REG_KIND], LOADER_LINUX16);
    ck_assert_uint_eq(plan->value[LOADER_REG_SEGMENT], 0x9000);
    const struct loader_segment *setup = old_setup(plan);
    ck_assert_uint_eq(setup->len, 2560);
    for (int i = 0x200; i < 2560; i++)
        ck_assert_msg(setup->bytes[i] == 0x90, "the code at %#x was written to", i);
    loader_plan_free(plan);

    ck_assert_ptr_null(load(f, sizeof f, "/dev/null", ""));
    ck_assert_ptr_nonnull(strstr(error, "no initrd"));
    refused(f, sizeof f - 16, "neither ELF nor");
    memset(f + 2560, 0x90, 12);
    refused(f, sizeof f - 16, "is no kernel"); /* the sizes don't add up: a boot disk, perhaps */
}
END_TEST

START_TEST(damaged_linux_is_refused)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    refused(f, 0x220, "is no kernel");
    refused(f, 1024, "truncated");
    refused(f, sizeof f - 2048, "truncated");
    refused(f, 0, "empty");
    f[0x1F1] = 255;
    refused(f, sizeof f, "truncated");
    make_linux(f);
    store_le16(f + 0x206, 0x100);
    refused(f, sizeof f, "protocol");
    make_linux(f);
    char longer[300];
    memset(longer, 'a', sizeof longer);
    longer[299] = 0;
    ck_assert_ptr_null(load(f, sizeof f, NULL, longer));
    ck_assert_ptr_nonnull(strstr(error, "command line"));
    ck_assert_ptr_null(kernel_image_load("/tmp", NULL, "", seed, RAM, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "not a file"));
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* nobody will ever write to it */
    ck_assert_ptr_null(kernel_image_load(path, NULL, "", seed, RAM, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "not a file"));
    unlink(path);

    static uint8_t large[129 * 512 + 4096]; /* setup code of more than 64 KiB */
    memcpy(large, f, 1024);
    large[0x1F1] = 128;
    refused(large, sizeof large, "no room for a stack");
}
END_TEST

/* ELF32 with a multiboot header at 0x80 and one segment: 0x100 bytes from offset 0x100, to 1 MiB,
 * 0x180 in memory, entered at its virtual address + 4. */
static void make_elf(uint8_t *f)
{
    memset(f, 0, 0x200);
    memcpy(f, "\177ELF\1\1\1", 7);
    store_le16(f + 16, 2);
    store_le16(f + 18, 3);
    store_le32(f + 24, 0xC0100004);
    store_le32(f + 28, 52);
    store_le16(f + 42, 32);
    store_le16(f + 44, 1);
    uint32_t ph[8] = {1, 0x100, 0xC0100000, 0x100000, 0x100, 0x180, 7, 4096};
    memcpy(f + 52, ph, sizeof ph);
    store_le32(f + 0x80, 0x1BADB002);
    store_le32(f + 0x84, 3);
    store_le32(f + 0x88, -(0x1BADB002u + 3));
    memset(f + 0x100, 0xAB, 0x100);
}

START_TEST(elf_is_loaded_with_its_bss_and_modules)
{
    uint8_t f[0x200];
    make_elf(f);
    snprintf(initrd, sizeof initrd, "/tmp/umbra-module-%d", (int)getpid());
    write_file(initrd, "module", 6);
    char modules[160];
    snprintf(modules, sizeof modules, "%s one two,%s", initrd, initrd);
    struct loader_plan *plan = load(f, sizeof f, modules, "debug");
    unlink(initrd);
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(plan->value[LOADER_REG_KIND], LOADER_MULTIBOOT);
    ck_assert_uint_eq(plan->value[LOADER_REG_ENTRY], 0x100004);
    ck_assert_uint_eq(segment_at(plan, 0x100000)->len, 0x100);
    ck_assert_uint_eq(segment_at(plan, 0x100000)->zeros, 0x80);
    const uint8_t *info = bytes_at(plan, plan->value[LOADER_REG_INFO]);
    const struct loader_segment *extras = segment_at(plan, 0x102000);
    ck_assert_uint_eq(load_le32(info + 20), 2);
    const char *cmdline = (char *)extras->bytes + (load_le32(info + 16) - extras->gpa);
    ck_assert_str_eq(strchr(cmdline, ' '), " debug");
    const uint8_t *table = extras->bytes + (load_le32(info + 24) - extras->gpa);
    ck_assert_uint_le(load_le32(info + 24) - extras->gpa + 32, extras->len);
    for (int i = 0; i < 2; i++) {
        const struct loader_segment *s = segment_at(plan, load_le32(table + 16 * i));
        ck_assert_uint_eq(s->gpa % 4096, 0);
        ck_assert_uint_ge(s->gpa, extras->gpa + extras->len);
        ck_assert_uint_eq(load_le32(table + 16 * i + 4), s->gpa + 6);
        ck_assert_mem_eq(bytes_at(plan, s->gpa), "module", 6);
    }
    ck_assert_ptr_nonnull(
        strstr((char *)extras->bytes + (load_le32(table + 8) - extras->gpa), " one two"));
    loader_plan_free(plan);
}
END_TEST

START_TEST(modules_are_as_many_as_fit_their_table)
{
    uint8_t f[0x200];
    make_elf(f);
    snprintf(initrd, sizeof initrd, "/tmp/umbra-module-%d", (int)getpid());
    write_file(initrd, "module", 6);
    char modules[33 * sizeof initrd] = "";
    for (int n = 0; n < 32; n++)
        strcat(strcat(modules, initrd), ",");
    struct loader_plan *plan = load(f, sizeof f, modules, "");
    ck_assert_msg(plan, "%s", error);
    loader_plan_free(plan);
    strcat(modules, initrd);
    ck_assert_ptr_null(load(f, sizeof f, modules, ""));
    ck_assert_ptr_nonnull(strstr(error, "more than 32"));
    unlink(initrd);
}
END_TEST

/* A kernel may lie over the BIOS's vectors; what it is told lies behind it, above 1 MiB. */
START_TEST(elf_at_address_zero)
{
    uint8_t f[0x200];
    make_elf(f);
    store_le32(f + 52 + 12, 0);
    store_le32(f + 52 + 20, 0x71400);
    struct loader_plan *plan = load(f, sizeof f, NULL, "");
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(plan->value[LOADER_REG_ENTRY], 4);
    ck_assert_uint_eq(segment_at(plan, 0)->len, 0x100);
    ck_assert_uint_eq(plan->value[LOADER_REG_INFO], 0x100000);
    uint32_t map = plan->value[LOADER_REG_MEMORY_MAP];
    uint32_t map_end = map + 24 * plan->value[LOADER_REG_MAP_ENTRIES];
    ck_assert_uint_eq(load_le32(bytes_at(plan, 0x100000) + 48), map);
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct loader_segment *s = &plan->segment[i];
        ck_assert(s->gpa >= map_end || s->gpa + s->len + s->zeros <= map);
    }
    loader_plan_free(plan);
}
END_TEST

START_TEST(damaged_elf_is_refused)
{
    uint8_t f[0x200];
    make_elf(f);
    refused(f, 0x180, "truncated");
    store_le32(f + 52 + 4, 0xFFFFFFF0);
    refused(f, sizeof f, "truncated");
    make_elf(f);
    store_le32(f + 52 + 20, 0x80);
    refused(f, sizeof f, "larger in the file");
    make_elf(f);
    store_le32(f + 52 + 20, 0xFFFFFF00);
    refused(f, sizeof f, "needs memory");
    make_elf(f);
    store_le32(f + 52 + 12, 0x9FFFF);
    refused(f, sizeof f, "video memory");
    make_elf(f);
    store_le32(f + 28, 0xFFFFFFFF);
    refused(f, sizeof f, "program headers");
    make_elf(f);
    store_le16(f + 44, 0xFFFF);
    refused(f, sizeof f, "program headers");
    make_elf(f);
    store_le32(f + 28, sizeof f - 31); /* one byte less than a header before the end */
    refused(f, sizeof f, "program headers");
    make_elf(f);
    store_le16(f + 42, 31);
    refused(f, sizeof f, "program headers");
    make_elf(f);
    store_le16(f + 44, 0);
    refused(f, sizeof f, "without anything");
    make_elf(f);
    store_le16(f + 18, 62);
    refused(f, sizeof f, "32-bit x86");
    make_elf(f);
    store_le32(f + 0x84, 8);
    store_le32(f + 0x88, -(0x1BADB002u + 8));
    refused(f, sizeof f, "features");
}
END_TEST

START_TEST(kludge_addresses_are_checked)
{
    uint8_t f[0x200] = {0};
    uint32_t header[8] = {0x1BADB002, 0x10000,  -(0x1BADB002u + 0x10000),
                          0x100010,   0x100000, 0x1001F0,
                          0x100300,   0x100040};
    memcpy(f + 0x10, header, sizeof header);
    struct loader_plan *plan = load(f, sizeof f, NULL, "");
    ck_assert_msg(plan, "%s", error);
    ck_assert_uint_eq(segment_at(plan, 0x100000)->len, 0x1F0);
    ck_assert_uint_eq(segment_at(plan, 0x100000)->zeros, 0x110);
    ck_assert_uint_eq(plan->value[LOADER_REG_ENTRY], 0x100040);
    loader_plan_free(plan);
    store_le32(f + 0x10 + 20, 0x100400);
    refused(f, sizeof f, "truncated");
    store_le32(f + 0x10 + 20, 0xFFFFF);
    refused(f, sizeof f, "ends its text");
    store_le32(f + 0x10 + 12, 0xFFFFF);
    refused(f, sizeof f, "contradict");
    store_le32(f + 0x10 + 12, 0x100020);
    refused(f, sizeof f, "contradict");
    refused(f, 0x20, "truncated");
}
END_TEST

START_TEST(elf_has_as_many_segments_as_a_plan)
{
    static uint8_t f[0x1000];
    make_elf(f);
    store_le32(f + 28, 0x200);
    store_le16(f + 44, LOADER_SEGMENTS + 1);
    for (uint32_t n = 0; n <= LOADER_SEGMENTS; n++) {
        uint32_t ph[8] = {1, 0x100, 0, 0x100000 + n * 0x1000, 1, 1, 7, 1};
        memcpy(f + 0x200 + n * sizeof ph, ph, sizeof ph);
    }
    refused(f, sizeof f, "segments");
}
END_TEST

/* Any truncation and any one changed byte of the headers: a plan or a sentence, never a crash. */
START_TEST(no_damage_crashes)
{
    uint8_t good[0x200], f[0x200];
    make_elf(good);
    for (unsigned at = 0; at < 0x8C; at++) {
        for (int value = 0; value < 256; value += 51) {
            memcpy(f, good, sizeof f);
            f[at] = (uint8_t)value;
            struct loader_plan *plan = load(f, at % 3 ? sizeof f : 0x100 + at, NULL, "");
            ck_assert(plan || error[0]);
            loader_plan_free(plan);
        }
    }
}
END_TEST

/* At a reset the initrd is read again: it is what it was, or it is refused. */
START_TEST(changed_files_are_refused)
{
    uint8_t f[1024 + 4096], to[10];
    make_linux(f);
    snprintf(initrd, sizeof initrd, "/tmp/umbra-initrd-%d", (int)getpid());
    write_file(initrd, "0123456789", 10);
    struct timespec times[2] = {{1000, 0}, {1000, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, initrd, times, 0), 0);
    struct loader_plan *plan = load(f, sizeof f, initrd, "");
    ck_assert_msg(plan, "%s", error);
    const struct loader_segment *s = segment_at(plan, load_le32(bytes_at(plan, 0x10000) + 0x218));
    struct loader_source *source = s->source;
    ck_assert_ptr_null(source->read(source, s->at, to, 10));

    FILE *in_place = fopen(initrd, "r+b"); /* another byte, at another time */
    fputc('x', in_place);
    fclose(in_place);
    times[1].tv_nsec = 1;
    ck_assert_int_eq(utimensat(AT_FDCWD, initrd, times, 0), 0);
    const char *why = source->read(source, s->at, to, 10);
    ck_assert(why && strstr(why, initrd) && strstr(why, "was changed"));

    ck_assert_int_eq(truncate(initrd, 11), 0); /* longer, but as old as it was */
    times[1].tv_nsec = 0;
    ck_assert_int_eq(utimensat(AT_FDCWD, initrd, times, 0), 0);
    why = source->read(source, s->at, to, 10);
    ck_assert(why && strstr(why, "was changed"));

    ck_assert_int_eq(truncate(initrd, 5), 0);
    why = source->read(source, s->at, to, 10);
    ck_assert(why && strstr(why, "was changed"));
    unlink(initrd);
    loader_plan_free(plan);
}
END_TEST

START_TEST(replaced_files_are_still_the_old_ones)
{
    uint8_t f[1024 + 4096];
    make_linux(f);
    snprintf(initrd, sizeof initrd, "/tmp/umbra-initrd-%d", (int)getpid());
    write_file(initrd, "0123456789", 10);
    struct loader_plan *plan = load(f, sizeof f, initrd, "");
    ck_assert_msg(plan, "%s", error);
    unlink(initrd);
    write_file(initrd, "abcdefghij", 10);
    ck_assert_mem_eq(bytes_at(plan, load_le32(bytes_at(plan, 0x10000) + 0x218)), "0123456789", 10);
    unlink(initrd);
    loader_plan_free(plan);
}
END_TEST

CHECK_MAIN("kernel-image", changed_files_are_refused, replaced_files_are_still_the_old_ones,
           linux_is_placed_by_the_protocol, seed_is_the_list_of_setup_data,
           initrd_lies_high_and_whole, old_protocol_loads_at_90000, kernel_without_header,
           damaged_linux_is_refused, elf_is_loaded_with_its_bss_and_modules,
           modules_are_as_many_as_fit_their_table, elf_at_address_zero,
           elf_has_as_many_segments_as_a_plan, damaged_elf_is_refused, kludge_addresses_are_checked,
           no_damage_crashes)
