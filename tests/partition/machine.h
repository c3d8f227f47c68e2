/* tests/partition/machine.h: a whole partition for a test, with small disks in memory, and a
 * 64 KiB ROM of the test's own that does nothing but jump to 0000:7C00. Everything is owned by the
 * struct, so that a test can have several machines side by side. */
#ifndef UMBRA_TESTS_PARTITION_MACHINE_H
#define UMBRA_TESTS_PARTITION_MACHINE_H

#include <stdio.h>
#include <stdlib.h>

#include "partition/partition.h"

#define MACHINE_DISK_SECTORS 512
#define MACHINE_ROM_SIZE     0x10000

struct machine {
    struct partition *p;
    struct disk_image *floppy, *disk, *disc;
    uint8_t rom[MACHINE_ROM_SIZE];
};

struct machine_options {
    uint64_t memory; /* bytes */
    enum cpu_model cpu;
    struct pc_rom bios; /* data NULL: the jump to 7C00 */
    const void *floppy; /* NULL: an empty disk */
    size_t floppy_len;
    struct char_backend serial; /* COM1 */
    bool no_apic;
    struct host_clock host_clock; /* with a clock, time follows it; else it counts instructions */
    const struct engine *engine;  /* NULL: the best of this build */
    struct engine_tuning tuning;
    struct log *log;
    void (*settle)(void *ctx); /* partition_config's */
    void *settle_ctx;
};

static inline void machine_end(struct machine *m)
{
    if (!m)
        return;
    partition_destroy(m->p);
    disk_image_close(m->floppy);
    disk_image_close(m->disk);
    disk_image_close(m->disc);
    free(m);
}

/* NULL when it cannot be made; says why on stderr. */
static inline struct machine *machine_new(const struct machine_options *o)
{
    struct machine *m = calloc(1, sizeof *m);
    char error[256] = "out of memory";
    if (!m)
        return NULL;
    static const uint8_t jump[] = {0xEA, 0x00, 0x7C, 0x00, 0x00};
    memset(m->rom, 0xF4, sizeof m->rom);
    memcpy(m->rom + 0xFFF0, jump, sizeof jump);
    m->floppy = disk_image_memory(o->floppy, o->floppy_len, 1440 * 1024);
    m->disk = disk_image_memory(NULL, 0, MACHINE_DISK_SECTORS * DISK_SECTOR);
    m->disc = disk_image_memory(NULL, 0, MACHINE_DISK_SECTORS * DISK_SECTOR);
    struct partition_config config = {
        .memory = o->memory,
        .cpu = o->cpu,
        .engine = o->engine,
        .tuning = o->tuning,
        .clock = o->host_clock.now ? CLOCK_HOST : CLOCK_INSNS,
        .host_clock = o->host_clock,
        .wall_clock_start = UINT64_C(1700000000000000000),
        .log = o->log,
        .settle = o->settle,
        .settle_ctx = o->settle_ctx,
        .pc = {.bios = o->bios.data ? o->bios : (struct pc_rom){m->rom, sizeof m->rom},
               .vga_bios = {m->rom, 0x8000}, /* only its place matters */
               .floppy = {m->floppy},
               .ide = {{IDE_DISK, m->disk}, {IDE_NONE, NULL}, {IDE_CDROM, m->disc}},
               .serial = {o->serial},
               .debug = {.console = {{0xE9, {NULL, NULL}}}, .exit_port = 0xF4},
               .has_apic = !o->no_apic},
    };
    if (m->floppy && m->disk && m->disc)
        m->p = partition_create(&config, error, sizeof error);
    if (!m->p) {
        fprintf(stderr, "no machine: %s\n", error);
        machine_end(m);
        return NULL;
    }
    return m;
}

/* Copies every sector of one medium to another of the same size. */
static inline bool machine_copy_disk(struct disk_image *to, struct disk_image *from)
{
    uint8_t sector[DISK_SECTOR];
    for (uint64_t i = 0; i < disk_image_sectors(from); i++) {
        if (disk_image_read(from, i, (struct span){sector, sizeof sector}) ||
            disk_image_write(to, i, (struct span){sector, sizeof sector}))
            return false;
    }
    return true;
}

/* For a test that found two machines to differ: says on stdout where. The name of the field that
 * differs is the last word before it in the stream. */
static inline void machine_show_difference(struct partition *a, struct partition *b)
{
    struct bytes x = {0}, y = {0};
    partition_save(a, &x);
    partition_save(b, &y);
    size_t at = 0, end = x.len < y.len ? x.len : y.len;
    while (at < end && x.data[at] == y.data[at])
        at++;
    printf("streams of %zu and %zu bytes differ at %zu, after", x.len, y.len, at);
    unsigned letters = 0, words = 0;
    for (size_t i = at; i-- > 0 && words < 8;) {
        bool letter = x.data[i] >= '_' && x.data[i] <= 'z';
        if (letter && ++letters == 4) {
            size_t from = i;
            while (from > 0 && x.data[from - 1] >= '_' && x.data[from - 1] <= 'z')
                from--;
            printf(" <- %.*s", (int)(i + 4 - from), (char *)&x.data[from]);
            i = from;
            words++;
        }
        if (!letter || letters >= 4)
            letters = 0;
    }
    printf(" (%02x, %02x)\n", at < end ? x.data[at] : 0, at < end ? y.data[at] : 0);
    bytes_free(&x);
    bytes_free(&y);
}

#endif
