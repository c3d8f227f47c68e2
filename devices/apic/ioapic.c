#include "devices/apic/ioapic.h"

#include "devices/bus.h"

#define RTE_MASKED     UINT64_C(0x10000)
#define RTE_LEVEL      UINT64_C(0x8000)
#define RTE_REMOTE_IRR UINT64_C(0x4000)
#define RTE_ACTIVE_LOW UINT64_C(0x2000)
#define RTE_READ_ONLY  (RTE_REMOTE_IRR | UINT64_C(0x1000))

enum { INDEX_ID, INDEX_VERSION, INDEX_ARBITRATION, INDEX_TABLE = 0x10 };

struct ioapic {
    struct bus *bus;
    uint8_t index;
    uint32_t id;
    uint64_t table[IOAPIC_PINS];
    bool level[IOAPIC_PINS];    /* the pins, high is asserted */
    bool edge_due[IOAPIC_PINS]; /* an edge came while masked is lost; while undelivered it waits */
};

static void deliver(struct ioapic *a, unsigned pin)
{
    uint64_t e = a->table[pin];
    struct apic_message m = {
        .vector = (uint8_t)e,
        .delivery_mode = e >> 8 & 7,
        .destination = (uint8_t)(e >> 56),
        .logical = e >> 11 & 1,
        .level = e & RTE_LEVEL,
        .assert_level = true,
    };
    if (bus_apic_message(a->bus, &m) && e & RTE_LEVEL)
        a->table[pin] |= RTE_REMOTE_IRR;
}

/* Sends what a pin owes. */
static void service(struct ioapic *a, unsigned pin)
{
    uint64_t e = a->table[pin];
    if (e & RTE_MASKED)
        return;
    if (e & RTE_LEVEL) {
        if (a->level[pin] && !(e & RTE_REMOTE_IRR))
            deliver(a, pin);
    } else if (a->edge_due[pin]) {
        a->edge_due[pin] = false;
        deliver(a, pin);
    }
}

/* Boards wire ISA and PCI lines so that high is asserted at this chip; the polarity bit describes
 * the line outside and changes nothing here. */
static void input(void *state, unsigned pin, bool level)
{
    struct ioapic *a = state;
    bool rose = level && !a->level[pin];
    a->level[pin] = level;
    if (rose && !(a->table[pin] & (RTE_LEVEL | RTE_MASKED)))
        a->edge_due[pin] = true;
    service(a, pin);
}

static void end_of_interrupt(void *state, uint8_t vector)
{
    struct ioapic *a = state;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if ((uint8_t)a->table[pin] != vector || !(a->table[pin] & RTE_REMOTE_IRR))
            continue;
        a->table[pin] &= ~RTE_REMOTE_IRR;
        service(a, pin);
    }
}

static uint32_t read_index(const struct ioapic *a)
{
    if (a->index >= INDEX_TABLE && a->index < INDEX_TABLE + 2 * IOAPIC_PINS) {
        uint64_t e = a->table[(a->index - INDEX_TABLE) / 2];
        return a->index & 1 ? (uint32_t)(e >> 32) : (uint32_t)e;
    }
    switch (a->index) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return a->id;
    case INDEX_VERSION:
        return 0x11 | (IOAPIC_PINS - 1) << 16;
    }
    return 0;
}

static void write_index(struct ioapic *a, uint32_t value)
{
    if (a->index == INDEX_ID)
        a->id = value & 0x0F000000;
    if (a->index < INDEX_TABLE || a->index >= INDEX_TABLE + 2 * IOAPIC_PINS)
        return;
    unsigned pin = (a->index - INDEX_TABLE) / 2u;
    uint64_t *e = &a->table[pin];
    if (a->index & 1)
        *e = (*e & UINT32_MAX) | (uint64_t)(value & 0xFF000000) << 32;
    else
        *e = (*e & ~(uint64_t)UINT32_MAX) | (*e & RTE_READ_ONLY) | (value & 0x1AFFF);
    if (!(*e & RTE_LEVEL))
        *e &= ~RTE_REMOTE_IRR; /* an edge entry has none: also how old kernels clear it */
    service(a, pin);
}

/* The index is 8 bits wide and guests (PrettyOS) write it as a byte; data moves as dwords only. */
static uint64_t mmio_read(void *state, unsigned range, uint64_t offset, unsigned size)
{
    struct ioapic *a = state;
    (void)range;
    if (offset == 0)
        return a->index;
    return offset == 0x10 && size == 4 ? read_index(a) : 0;
}

static void mmio_write(void *state, unsigned range, uint64_t offset, uint64_t value, unsigned size)
{
    struct ioapic *a = state;
    (void)range;
    if (offset == 0)
        a->index = (uint8_t)value;
    else if (offset == 0x10 && size == 4)
        write_index(a, (uint32_t)value);
}

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct ioapic *a = state;
    (void)config;
    a->bus = bus;
    return NULL;
}

static void reset(void *state)
{
    struct ioapic *a = state;
    a->index = 0;
    a->id = 0;
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        a->table[i] = RTE_MASKED;
        a->edge_due[i] = false;
    }
}

static const struct field fields[] = {
    FIELD(struct ioapic, index, "register index"),
    FIELD(struct ioapic, id, "APIC id, bits 24-27"),
    FIELD_ARRAY(struct ioapic, table, "redirection table"),
    FIELD_ARRAY(struct ioapic, level, "pin levels"),
    FIELD_ARRAY(struct ioapic, edge_due, "edges not yet sent"),
    FIELD_END,
};
static const struct mmio_range mmio[] = {{0xFEC00000, 4096, SIZE_1 | SIZE_2 | SIZE_4}};
static const char *const inputs[IOAPIC_PINS] = {
    "IN0",  "IN1",  "IN2",  "IN3",  "IN4",  "IN5",  "IN6",  "IN7",  "IN8",  "IN9",  "IN10", "IN11",
    "IN12", "IN13", "IN14", "IN15", "IN16", "IN17", "IN18", "IN19", "IN20", "IN21", "IN22", "IN23"};

const struct device_class ioapic_class = {
    .name = "ioapic",
    .title = "82093AA I/O APIC",
    .state_size = sizeof(struct ioapic),
    .fields = fields,
    .mmio = mmio,
    .mmio_count = ARRAY_LEN(mmio),
    .inputs = inputs,
    .input_count = ARRAY_LEN(inputs),
    .init = init,
    .reset = reset,
    .mmio_read = mmio_read,
    .mmio_write = mmio_write,
    .input = input,
    .apic_eoi = end_of_interrupt,
};
