/* devices/loader.h: the boot loader device, for --kernel. It exists only when a plan is given.
 *
 * partition/kernel_image.h turns files into a struct loader_plan; the option ROM bios/loader asks
 * the device, at boot time, to copy the plan's segments into guest memory by DMA (so the DMA
 * checker sees it as it sees any device) and enters the kernel.
 *
 * It is a PCI function with the ROM behind its expansion ROM BAR: SeaBIOS runs no other option
 * ROMs, and ours takes them from there too.
 *
 * Ports, all 32 bits wide:
 *   5E0h read   the state: 0 nothing done, 1 loaded, 2 refused by the DMA checker,
 *               3 a file cannot be read any more, or is another than when the machine was made
 *   5E0h write  1: load all segments now; done when the write returns
 *   5E4h write  selects one of enum loader_register; read gives the selection
 *   5E8h read   the value of the selected register; unknown ones read as 0 */
#ifndef UMBRA_DEVICES_LOADER_H
#define UMBRA_DEVICES_LOADER_H

#include "devices/device.h"

#define LOADER_PORT  0x5E0
#define LOADER_MAGIC 0x44414F4Cu /* "LOAD" */

enum loader_kind {
    LOADER_LINUX16 = 1,   /* real-mode setup code: Linux boot protocol */
    LOADER_MULTIBOOT = 2, /* 32-bit protected mode, EBX = information structure */
};

enum loader_register {
    LOADER_REG_MAGIC,
    LOADER_REG_KIND,
    LOADER_REG_SEGMENT,     /* linux: real-mode segment of the setup code (entered 20h above it) */
    LOADER_REG_STACK,       /* linux: SP in that segment */
    LOADER_REG_ENTRY,       /* multiboot: physical entry point */
    LOADER_REG_INFO,        /* multiboot: information structure */
    LOADER_REG_MEMORY_MAP,  /* multiboot: where the ROM puts the memory map, outside all segments */
    LOADER_REG_MAP_ENTRIES, /* multiboot: entries of 24 bytes that fit there, up to 165 */
    LOADER_REG_SEGMENTS,    /* number of segments, for messages */
    LOADER_REGISTERS,
};

enum loader_state { LOADER_IDLE, LOADER_DONE, LOADER_REFUSED, LOADER_UNREADABLE };

/* Where the bytes of segments come from each time that they are loaded: a file of the host. */
struct loader_source {
    /* Reads len bytes at offset `at`. NULL, or a sentence why they cannot be had any more, which
     * stands as long as the source; *to may be overwritten then. */
    const char *(*read)(struct loader_source *source, uint64_t at, void *to, size_t len);
    void (*destroy)(struct loader_source *source);
    struct loader_source *next; /* of the plan's */
};

struct loader_segment {
    uint64_t gpa;
    uint8_t *bytes; /* owned by the plan; NULL: they are read from source */
    size_t len;
    uint64_t zeros; /* bytes of zero that follow */
    struct loader_source *source;
    uint64_t at; /* offset in source */
};

#define LOADER_SEGMENTS 64

struct loader_plan {
    uint32_t value[LOADER_REGISTERS];
    struct loader_segment segment[LOADER_SEGMENTS];
    unsigned segment_count;
    struct loader_source *sources; /* owned */
};

/* Frees the plan, its segments and sources; NULL is allowed. */
void loader_plan_free(struct loader_plan *plan);

#define LOADER_ROM_MAX 4096u

struct loader_config {
    const struct loader_plan *plan; /* borrowed for the device's life */
    const uint8_t *rom;             /* the option ROM, copied; may be NULL */
    size_t rom_size;                /* up to LOADER_ROM_MAX */
};

/* config: struct loader_config. */
extern const struct device_class loader_class;

#endif
