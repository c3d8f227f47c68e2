/* devices/device.h: what a device model is. A model is a descriptor (struct device_class) and a
 * plain struct of state; it sees ports, MMIO, pins, timers and DMA through its struct bus, and
 * nothing else: never a RAM pointer, never a vCPU, never the host's clock.
 *
 * The bus checks, the device trusts: an access arrives with a size the range allows (larger ones
 * have been split into smaller ones, low address first), an offset inside the range, and a value
 * masked to size. What a guest *chose* (lengths, counts, descriptors in memory) is checked where it
 * is used.
 *
 * Pins. A device has numbered output pins (INTR, DRQ, A20, RESET ...), driven with bus_irq, and
 * numbered input pins, which arrive in input(). The board (partition/pc.c) wires outputs to inputs.
 *
 * All calls come from the partition's one thread. The same model can later run in a driver
 * partition, since nothing here passes a pointer to guest memory. */
#ifndef UMBRA_DEVICES_DEVICE_H
#define UMBRA_DEVICES_DEVICE_H

#include "base/bits.h"
#include "base/fields.h"
#include "base/log.h"

struct bus;

/* Access sizes a range takes, as a set: the sizes in bytes or-ed together. */
enum access_sizes { SIZE_1 = 1, SIZE_2 = 2, SIZE_4 = 4, SIZE_8 = 8 };

struct port_range {
    uint16_t base;  /* first port; ranges with count but base 0 are placed by bus_port_map */
    uint16_t count; /* ports */
    uint8_t sizes;  /* set of enum access_sizes the device takes */
};

/* Accesses to memory behind an MMIO range that need none of the bus: bus_mmio_quick. offset counts
 * from the part that was named there; size is 1, 2 or 4, offset any. Of value the low bytes count.
 */
typedef uint32_t quick_read_fn(void *state, uint32_t offset, unsigned size);
typedef void quick_write_fn(void *state, uint32_t offset, uint32_t value, unsigned size);

struct mmio_range {
    uint64_t base; /* gpa; 0: placed later by bus_mmio_map */
    uint64_t size; /* whole pages */
    uint8_t sizes;
};

/* How an ISA DMA client answers DACK: up to len bytes are moved between the device and buf.
 * terminal_count: the controller's counter ends with the last of these bytes. Returns the bytes
 * moved.
 *
 * denied: the DMA checker refused the memory's side of the transfer, and the client may end its
 * command with an error; the return value says nothing. On the way to the device nothing was read
 * (len is 0). On the way to memory it is told by a second call with len 0, right after the one
 * whose bytes were lost. */
struct dack {
    uint8_t *buf;
    size_t len;
    bool to_memory; /* true: the device fills buf; false: it takes from buf */
    bool terminal_count;
    bool denied;
};

/* An interrupt message on the APIC bus (SDM vol. 3, 11.11). */
struct apic_message {
    uint8_t vector;
    uint8_t
        delivery_mode; /* 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 6 startup, 7 ExtINT */
    uint8_t destination;
    bool logical; /* destination mode */
    bool level;   /* trigger mode: level */
    bool assert_level;
};

struct device_class {
    const char *name;  /* short and unique, as the debugger and the DMA log show it: "pit" */
    const char *title; /* chip and role: "8254 interval timer" */
    size_t state_size;
    const struct field *fields; /* all persistent state: saving, loading, debugger, docs */

    const struct port_range *ports;
    unsigned port_count;
    const struct mmio_range *mmio;
    unsigned mmio_count;
    const char *const *outputs; /* output pin names, for wiring and the debugger */
    unsigned output_count;
    const char *const *inputs;
    unsigned input_count;
    unsigned timer_count;

    /* Any of these may be NULL when the device has no use for it. */

    /* Once, on zeroed state. config is the device's own configuration struct (its header says
     * which), valid for the device's life. Returns NULL, or why it cannot be made (static text). */
    const char *(*init)(void *state, struct bus *bus, const void *config);
    void (*destroy)(void *state);
    void (*reset)(void *state); /* hardware reset; also called once after init */
    uint32_t (*port_read)(void *state, unsigned range, unsigned offset, unsigned size);
    void (*port_write)(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size);
    uint64_t (*mmio_read)(void *state, unsigned range, uint64_t offset, unsigned size);
    void (*mmio_write)(void *state, unsigned range, uint64_t offset, uint64_t value, unsigned size);
    void (*input)(void *state, unsigned pin, bool level);
    void (*timer)(void *state, unsigned timer, uint64_t now_ns); /* one-shot: re-arm if periodic */
    int (*interrupt_ack)(void *state);                           /* INTA: the vector, or -1 */
    size_t (*dack)(void *state, unsigned channel, struct dack *transfer);
    bool (*apic_message)(void *state, const struct apic_message *message); /* true: accepted */
    void (*apic_eoi)(void *state, uint8_t vector);
    uint32_t (*pci_read)(void *state, unsigned reg, unsigned size); /* aligned, within 256 bytes */
    void (*pci_write)(void *state, unsigned reg, uint32_t value, unsigned size);
    void (*loaded)(void *state); /* after fields were loaded: recompute what is derived */
};

#endif
