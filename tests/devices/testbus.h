/* tests/devices/testbus.h: a fake machine for unit tests of device models. It implements every
 * function of devices/bus.h over a real physical map and real DMA domains, with a virtual clock
 * that only the test moves.
 *
 *     struct testbus *tb = testbus_create(1 << 20);
 *     struct bus *pit = testbus_add(tb, &pit_class, NULL);
 *     tb_out8(tb, 0x43, 0x34);
 *     testbus_advance(tb, 1000000);            (fires timers in order)
 *     ck_assert(pit->pin[PIT_OUT0].level);
 *
 * Several devices may be added and wired to each other. Ports and MMIO are reached as a CPU would:
 * with the splitting that the real bus does. A port that nobody claims reads as all ones. */
#ifndef UMBRA_TESTS_DEVICES_TESTBUS_H
#define UMBRA_TESTS_DEVICES_TESTBUS_H

#include "devices/bus.h"
#include "mmu/dma.h"
#include "mmu/physmap.h"

#define TESTBUS_DEVICES 16
#define TESTBUS_PINS    160
#define TESTBUS_TIMERS  16
#define TESTBUS_RANGES  24
#define TESTBUS_WIRES   256
#define TESTBUS_LINES   64

struct testbus_pin {
    bool level;
    unsigned rises, falls; /* edges since the device was added */
};

struct testbus_range {
    uint64_t base;
    bool enabled;
    struct bus *bus; /* for the physical map's callbacks */
    unsigned index;
    uint64_t reads, writes; /* of its quick part */
};

/* One device's bus; the test may read (and reset) what was recorded. */
struct bus {
    struct testbus *tb;
    const struct device_class *class;
    void *state;
    struct dma_domain *domain;
    struct testbus_pin pin[TESTBUS_PINS];
    bool timer_armed[TESTBUS_TIMERS];
    uint64_t timer_deadline[TESTBUS_TIMERS];
    uint64_t timer_fires;
    struct testbus_range port[TESTBUS_RANGES], mmio[TESTBUS_RANGES];
    uint64_t vram_offset, vram_size, vram_spare;
    uint64_t vram_covered;
    unsigned vram_cover; /* MMIO range in place of that many first bytes */
    uint64_t vram_base;
    bool vram_mapped;
    unsigned pci_devfn; /* 256: not on the PCI bus */
};

struct testbus_wire {
    struct bus *from, *to;
    unsigned output, input;
};

struct testbus {
    struct physmap *pm;
    struct log *log;
    uint64_t now;        /* virtual ns; starts at 1 ms */
    uint64_t wall_start; /* ns since 1970 at virtual time 0 */
    struct bus *device[TESTBUS_DEVICES];
    unsigned device_count;
    struct testbus_wire wire[TESTBUS_WIRES];
    unsigned wire_count;
    unsigned wire_depth;
    struct bus *dack_client[8];
    unsigned dack_channel[8];

    /* What was asked of the machine. */
    unsigned power_offs, resets;
    unsigned debug_exits;
    uint32_t debug_exit_value;
    unsigned apic_messages, apic_eois;
    struct apic_message last_message;
    uint8_t last_eoi;
    bool apic_accept; /* what bus_apic_message answers when no device takes messages */
    int ack_vector;   /* what bus_interrupt_ack answers when no device does */
    bool pam_read[13], pam_write[13];
    unsigned log_lines;
    char log_text[TESTBUS_LINES][200]; /* the last lines logged, line n at n % TESTBUS_LINES */
};

/* A machine with ram_size bytes of RAM at 0 (without a hole at A0000h: map one if you need it).
 * extra is what bus_vram can hand out, 32 MiB. Aborts when the host has no memory. */
struct testbus *testbus_create(uint64_t ram_size);
void testbus_destroy(struct testbus *tb);

/* Makes a device, resets it, maps its fixed ranges. Aborts, saying why, when init refuses. */
struct bus *testbus_add(struct testbus *tb, const struct device_class *class, const void *config);
/* The same, with limits of the device's DMA domain. */
struct bus *testbus_add_dma(struct testbus *tb, const struct device_class *class,
                            const void *config, struct dma_limits limits);

/* Output pin of from drives input pin of to, from now on (its present level is passed on). */
void testbus_wire(struct bus *from, unsigned output, struct bus *to, unsigned input);
/* bus_dack(channel) reaches the device's dack with this channel number. */
void testbus_dack(struct testbus *tb, unsigned channel, struct bus *client);
void testbus_pci(struct bus *bus, unsigned devfn);

/* Drives an input pin of the device. */
void testbus_input(struct bus *bus, unsigned pin, bool level);

/* Moves virtual time on by ns, firing every timer that comes due, in order of time. Aborts when a
 * device re-arms itself without end at one instant. */
void testbus_advance(struct testbus *tb, uint64_t ns);
/* Moves time to the next deadline and fires it; false when none is armed. */
bool testbus_next(struct testbus *tb);
/* The earliest deadline armed; UINT64_MAX when there is none. */
uint64_t testbus_next_deadline(struct testbus *tb);

/* Saves the device's fields, scrambles its state, loads them back and calls loaded(). The device's
 * behaviour must be as before. Aborts when the stream is refused. Pointers set by init (the bus,
 * backends, configuration) are no fields; they are kept. So are armed timers, pins and the ranges'
 * places, which the board saves with its own state. */
void testbus_save_load(struct bus *bus);

/* CPU accesses. */
uint32_t tb_in(struct testbus *tb, uint16_t port, unsigned size);
void tb_out(struct testbus *tb, uint16_t port, unsigned size, uint32_t value);
uint64_t tb_read(struct testbus *tb, uint64_t gpa, unsigned size);
void tb_write(struct testbus *tb, uint64_t gpa, unsigned size, uint64_t value);

static inline uint8_t tb_in8(struct testbus *tb, uint16_t port)
{
    return (uint8_t)tb_in(tb, port, 1);
}

static inline void tb_out8(struct testbus *tb, uint16_t port, uint8_t value)
{
    tb_out(tb, port, 1, value);
}

static inline uint16_t tb_in16(struct testbus *tb, uint16_t port)
{
    return (uint16_t)tb_in(tb, port, 2);
}

static inline void tb_out16(struct testbus *tb, uint16_t port, uint16_t value)
{
    tb_out(tb, port, 2, value);
}

/* PCI configuration space through the device's own handlers (no host bridge needed). */
uint32_t tb_pci_read(struct bus *bus, unsigned reg, unsigned size);
void tb_pci_write(struct bus *bus, unsigned reg, unsigned size, uint32_t value);

/* Fake RAM, for setting up and checking; lies outside the device's DMA checks. */
void tb_poke(struct testbus *tb, uint64_t gpa, const void *data, size_t len);
void tb_peek(struct testbus *tb, uint64_t gpa, void *data, size_t len);

/* Does a logged line contain text? */
bool testbus_logged(const struct testbus *tb, const char *text);

#endif
