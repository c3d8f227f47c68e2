/* partition/board.h: the fabric that devices sit on: port and MMIO decoding, nets between pins,
 * timers, one DMA domain per device, PCI slots. It implements devices/bus.h. Which devices there
 * are and how they are wired is partition/pc.c's matter.
 *
 * Ranges that a guest places over one another (PCI BARs, the local APIC) are settled by rules that
 * know no history, so that a loaded snapshot decodes as the machine that was saved:
 *  - a port belongs to the enabled range that was added last;
 *  - a window in memory (MMIO, video RAM) is reached whole or not at all. RAM and ROM come first:
 *    the host bridge claims those addresses for itself. Then ranges of fixed places come before
 *    those that BARs place, and among equals the one added first. A window that finds its place
 *    taken appears when the place becomes free.
 *
 * A net joins output pins to input pins: its level is the OR of the outputs driving it, and every
 * change of level goes to all its sinks, in the order in which they were connected. */
#ifndef UMBRA_PARTITION_BOARD_H
#define UMBRA_PARTITION_BOARD_H

#include "devices/bus.h"
#include "mmu/dma.h"
#include "mmu/physmap.h"
#include "partition/timers.h"

#define BOARD_MAX_DEVICES 40
#define BOARD_MAX_RANGES  160
#define BOARD_MAX_NETS    96
#define NET_MAX_SINKS     4
#define DEVICE_MAX_PINS   64
#define DEVICE_MAX_TIMERS 16
#define DEVICE_MAX_RANGES 24
#define PAM_SEGMENTS      13

struct board;

struct bus {
    struct board *board;
    const struct device_class *cls;
    void *state;
    struct dma_domain *dma;
    uint64_t output_levels;               /* bit per output pin */
    uint8_t net[DEVICE_MAX_PINS];         /* per output pin: net number + 1, 0 for none */
    unsigned timer[DEVICE_MAX_TIMERS];    /* index in the board's timers */
    uint8_t port_slot[DEVICE_MAX_RANGES]; /* per port range: slot in board.ports */
    uint8_t mmio_slot[DEVICE_MAX_RANGES];
    uint64_t vram_offset, vram_size, vram_base; /* machine offset; where the guest sees it */
    bool vram_mapped;                           /* wanted at vram_base */
    bool vram_shown;                            /* and it is there */
    uint64_t vram_spare;                        /* bytes behind vram_size */
    uint64_t vram_covered;                      /* bytes that vram_cover is shown in place of */
    unsigned vram_cover;                        /* slot in board.mmio */
    struct {                                    /* video RAM in place of a part of an MMIO range */
        unsigned slot;                          /* in board.mmio; 0: none */
        uint64_t base, offset, size;
    } vram_window;
};

/* A port or MMIO range that a device decodes. */
struct decoded_range {
    struct bus *bus;
    unsigned index; /* range number in the device's descriptor */
    uint64_t base, size;
    uint8_t sizes;
    bool enabled;           /* wanted at base */
    bool mapped;            /* an MMIO range, and it is there */
    uint64_t reads, writes; /* counters */
};

typedef void net_sink_fn(void *ctx, unsigned pin, bool level);

struct net {
    const char *name;
    unsigned high; /* outputs driving it high */
    unsigned sink_count;
    struct {
        net_sink_fn *fn;
        void *ctx;
        unsigned pin;
    } sink[NET_MAX_SINKS];
};

/* What the board asks of the partition. */
struct board_host {
    void *ctx;
    uint64_t (*now)(void *ctx);
    uint64_t (*wall_clock)(void *ctx);
    void (*timer_armed)(void *ctx, uint64_t deadline_ns);
    void (*machine)(void *ctx, enum machine_request request);
    void (*debug_exit)(void *ctx, uint32_t value);
    uint64_t (*guest_pc)(void *ctx);
    void (*polled)(void *ctx); /* the guest read what changes by time; NULL: nobody asks */
    void (*dma_denied)(void *ctx, const struct dma_denial *denial, bool pause);
};

struct board {
    struct physmap *pm;
    struct log *log;
    struct board_host host;
    struct timers timers;
    struct bus *device[BOARD_MAX_DEVICES];
    unsigned device_count;
    struct decoded_range ports[BOARD_MAX_RANGES]; /* slot 0 is unused */
    unsigned port_count;
    struct decoded_range mmio[BOARD_MAX_RANGES]; /* slot 0 is unused */
    unsigned mmio_count;
    struct { /* the part of a range that is mmu's mmio_quick while the range is there */
        unsigned slot;
        uint64_t offset, size;
        quick_read_fn *read;
        quick_write_fn *write;
    } quick;
    uint8_t port_owner[65536]; /* slot in ports, 0: nobody */
    struct net net[BOARD_MAX_NETS];
    unsigned net_count;
    struct bus *pci[256];       /* by devfn, bus 0 */
    struct bus *dma_channel[8]; /* ISA DMA clients */
    struct bus *pic, *lapic, *ioapic;
    uint64_t port_reads, port_writes;
    uint64_t rom_offset[PAM_SEGMENTS]; /* machine offset of the ROM behind a PAM segment */
    uint8_t pam[PAM_SEGMENTS];         /* bit 0: reads from RAM, bit 1: writes to RAM */
};

/* NULL when out of memory. */
struct board *board_create(struct physmap *pm, struct log *log, struct board_host host);
void board_destroy(struct board *b);

/* Makes a device and puts it on the board: its fixed ranges decode from now on. NULL and *error
 * (static text) when its init refuses. limits are its DMA domain's. */
struct bus *board_add(struct board *b, const struct device_class *cls, const void *config,
                      struct dma_limits limits, const char **error);

/* The device of that class name, or NULL. */
struct bus *board_find(const struct board *b, const char *name);

/* The net of that name, made when there is none. */
unsigned board_net(struct board *b, const char *name);
void board_net_sink(struct board *b, unsigned net, net_sink_fn *fn, void *ctx, unsigned pin);
/* Connects an output or input pin, named as in the descriptor, to a net. */
void board_connect_output(struct board *b, struct bus *from, const char *pin, unsigned net);
void board_connect_input(struct board *b, struct bus *to, const char *pin, unsigned net);

/* Resets every device, in the order in which they were added. */
void board_reset(struct board *b);

/* The CPU's port space. size 1, 2, 4. */
uint32_t board_port_read(struct board *b, uint16_t port, unsigned size);
void board_port_write(struct board *b, uint16_t port, uint32_t value, unsigned size);

/* Decodes ports and memory anew from what is enabled: after loading. */
void board_settle(struct board *b);

/* Says which ROM (machine offset) stands behind a PAM segment; NO_BACKING: an empty socket. */
void board_rom_socket(struct board *b, unsigned segment, uint64_t offset);

/* Saves or loads every device's fields and the state of nets, ranges and timers. board_load leaves
 * the board unchanged and returns false when the stream does not fit this board. */
void board_save(const struct board *b, struct bytes *out);
must_use bool board_load(struct board *b, const uint8_t *data, size_t len);

/* The state of a board as objects with field tables: the board itself, then each device's bus and
 * the device. False beyond the last. For those who look: debuggers, comparison. */
struct board_part {
    const char *name;
    const struct field *table;
    const void *object;
};
bool board_part(const struct board *b, unsigned n, struct board_part *out);

#endif
