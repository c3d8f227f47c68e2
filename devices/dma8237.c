/* devices/dma8237.c: see dma8237.h.
 *
 * A channel runs when it is requested (DRQ pin or software), not masked, and its controller is
 * enabled. A step of the engine moves up to STEP bytes between the client (bus_dack) and memory
 * (bus_dma_*), and stops when the client has no more or the count ends. A client that raises DRQ
 * from within its dack is served by the same loop: run() is entered once.
 *
 *   mode    | 7 6          | 5         | 4    | 3 2                    | 1 0     |
 *           | 0 demand 1 single       | dec  | auto | 0 verify 1 write 2 read | channel |
 *           | 2 block  3 cascade
 *   "write" writes to memory. */
#include "devices/dma8237.h"

#define STEP 512 /* bytes a call: one floppy sector */

enum { MODE_AUTO = 0x10, MODE_DOWN = 0x20 };
enum { TRANSFER_VERIFY, TRANSFER_WRITE, TRANSFER_READ, TRANSFER_ILLEGAL };
enum { COMMAND_MEM_TO_MEM = 0x01, COMMAND_DISABLE = 0x04 };
enum { RANGE_SLAVE, RANGE_PAGES, RANGE_MASTER };

struct dma_channel {
    uint16_t base_address, base_count;
    uint16_t address, count; /* count: transfers left, less one */
    uint8_t mode;
};

struct dma_controller {
    struct dma_channel channel[4];
    uint8_t command, mask, temporary;
    uint8_t drq;     /* pins */
    uint8_t request; /* by software */
    uint8_t reached; /* terminal counts since the status was read */
    uint8_t high;    /* flip-flop: the next byte is the high one */
};

struct dma8237 {
    struct bus *bus;
    struct dma_controller controller[2];
    uint8_t page[16];
    uint8_t running; /* run() is on the stack */
};

/* --- Moving data --------------------------------------------------------------------------- */

/* Page registers lie in no order at all (82371SB 2.5.1.12): by channel. */
static uint8_t page_of(const struct dma8237 *dma, unsigned channel)
{
    static const uint8_t port[8] = {0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};
    return dma->page[port[channel & 7]];
}

/* The address that the channel's counter means. */
static uint32_t gpa_of(const struct dma8237 *dma, unsigned channel)
{
    const struct dma_channel *c = &dma->controller[channel / 4].channel[channel % 4];
    uint32_t page = page_of(dma, channel);
    return channel < 4 ? page << 16 | c->address : (page & 0xfe) << 16 | (uint32_t)c->address << 1;
}

/* Transfers that one step may make before the count ends, the counter wraps in its page, or the
 * step's buffer is full. Going down, one at a time: rare, and simple. */
static uint32_t step_transfers(const struct dma_channel *c, unsigned unit)
{
    uint32_t left = c->count + 1u, n = STEP / unit;
    uint32_t to_wrap = 0x10000u - c->address;
    if (c->mode & MODE_DOWN)
        return 1;
    n = left < n ? left : n;
    return to_wrap < n ? to_wrap : n;
}

static void terminal_count(struct dma_controller *k, unsigned n)
{
    struct dma_channel *c = &k->channel[n];
    k->reached |= (uint8_t)(1 << n);
    k->request &= (uint8_t) ~(1 << n);
    if (c->mode & MODE_AUTO) {
        c->address = c->base_address;
        c->count = c->base_count;
    } else {
        k->mask |= (uint8_t)(1 << n);
    }
}

/* Counts transfers made; true when the count ended. */
static bool advance(struct dma_controller *k, unsigned n, uint32_t transfers)
{
    struct dma_channel *c = &k->channel[n];
    bool end = transfers > c->count;
    c->count = (uint16_t)(c->count - transfers);
    c->address = (uint16_t)(c->mode & MODE_DOWN ? c->address - transfers : c->address + transfers);
    if (end)
        terminal_count(k, n);
    return end;
}

static bool is_requested(const struct dma8237 *dma, unsigned channel)
{
    const struct dma_controller *k = &dma->controller[channel / 4];
    const struct dma_controller *master = &dma->controller[1];
    unsigned n = channel % 4;
    if (channel == 4 || k->command & COMMAND_DISABLE || k->channel[n].mode >> 6 == 3)
        return false;
    if (channel < 4 && (master->command & COMMAND_DISABLE || master->mask & 1))
        return false; /* the cascade is closed */
    return ((k->drq & ~k->mask) | k->request) >> n & 1;
}

static void tell_denied(struct dma8237 *dma, unsigned channel, bool to_memory)
{
    struct dack transfer = {.to_memory = to_memory, .denied = true};
    bus_dack(dma->bus, channel, &transfer);
}

/* One step of a channel; false when nothing moved and it must wait. A denied access moves nothing
 * in memory; the client is told. A real ISA bus has nobody to tell it. */
static bool step(struct dma8237 *dma, unsigned channel)
{
    struct dma_controller *k = &dma->controller[channel / 4];
    struct dma_channel *c = &k->channel[channel % 4];
    uint8_t buf[STEP] = {0};
    unsigned unit = channel < 4 ? 1 : 2, type = c->mode >> 2 & 3;
    uint32_t n = step_transfers(c, unit), gpa = gpa_of(dma, channel);
    bool ends = n > c->count;
    if (type == TRANSFER_READ && !bus_dma_read(dma->bus, gpa, buf, n * unit)) {
        tell_denied(dma, channel, false);
        advance(k, channel % 4, n);
        return is_requested(dma, channel);
    }
    struct dack transfer = {
        .buf = buf, .len = n * unit, .to_memory = type != TRANSFER_READ, .terminal_count = ends};
    size_t moved = bus_dack(dma->bus, channel, &transfer);
    moved = (moved < transfer.len ? moved : transfer.len) / unit;
    if (!moved)
        return false;
    if (type == TRANSFER_WRITE && !bus_dma_write(dma->bus, gpa, buf, moved * unit))
        tell_denied(dma, channel, true);
    advance(k, channel % 4, (uint32_t)moved);
    return true;
}

/* Serves requests, lowest channel first, until none can go on. Bounded: a channel in autoinit whose
 * client never drops DRQ gets at most a page's worth a call. */
static void run(struct dma8237 *dma)
{
    if (dma->running)
        return;
    dma->running = 1;
    for (unsigned channel = 0; channel < 8; channel++) {
        unsigned steps = 0;
        while (is_requested(dma, channel) && steps++ < 65536 && step(dma, channel))
            ;
        dma->controller[channel / 4].request &= (uint8_t) ~(1 << channel % 4);
    }
    dma->running = 0;
}

/* --- Registers ----------------------------------------------------------------------------- */

static uint8_t flip(struct dma_controller *k, uint16_t value)
{
    uint8_t byte = (uint8_t)(k->high ? value >> 8 : value);
    k->high ^= 1;
    return byte;
}

static uint16_t replace(uint16_t old, bool high, uint8_t byte)
{
    return (uint16_t)(high ? (old & 0xff) | byte << 8 : (old & 0xff00) | byte);
}

static void write_counter(struct dma_controller *k, unsigned reg, uint8_t value)
{
    struct dma_channel *c = &k->channel[reg >> 1 & 3];
    if (reg & 1) {
        c->base_count = c->count = replace(c->base_count, k->high, value);
    } else {
        c->base_address = c->address = replace(c->base_address, k->high, value);
    }
    k->high ^= 1;
}

static void master_clear(struct dma_controller *k)
{
    k->command = k->temporary = k->reached = k->request = k->high = 0;
    k->mask = 15;
}

static uint8_t controller_read(struct dma_controller *k, unsigned reg)
{
    uint8_t status;
    if (reg < 8) {
        struct dma_channel *c = &k->channel[reg >> 1];
        return flip(k, reg & 1 ? c->count : c->address);
    }
    switch (reg) {
    case 8:
        status = (uint8_t)((k->drq | k->request) << 4 | k->reached);
        k->reached = 0;
        return status;
    case 13:
        return k->temporary;
    case 15: /* 82371SB: reads back the mask */
        return 0xf0 | k->mask;
    }
    return 0xff;
}

static void controller_write(struct dma8237 *dma, struct dma_controller *k, unsigned reg,
                             uint8_t value)
{
    uint8_t bit = (uint8_t)(1 << (value & 3));
    if (reg < 8) {
        write_counter(k, reg, value);
        return;
    }
    switch (reg) {
    case 8:
        k->command = value;
        if (value & COMMAND_MEM_TO_MEM)
            log_once(bus_log(dma->bus), 0, "8237: memory-to-memory transfers are not implemented");
        break;
    case 9:
        k->request = value & 4 ? k->request | bit : k->request & (uint8_t)~bit;
        break;
    case 10:
        k->mask = value & 4 ? k->mask | bit : k->mask & (uint8_t)~bit;
        break;
    case 11:
        k->channel[value & 3].mode = value & 0xfc;
        break;
    case 12:
        k->high = 0;
        break;
    case 13:
        master_clear(k);
        break;
    case 14:
        k->mask = 0;
        break;
    case 15:
        k->mask = value & 15;
        break;
    }
    run(dma);
}

static uint32_t dma_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct dma8237 *dma = state;
    (void)size;
    if (range == RANGE_PAGES)
        return dma->page[(offset + 1) & 15];
    if (range == RANGE_MASTER)
        return controller_read(&dma->controller[1], offset >> 1);
    return controller_read(&dma->controller[0], offset & 15);
}

static void dma_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct dma8237 *dma = state;
    (void)size;
    if (range == RANGE_PAGES)
        dma->page[(offset + 1) & 15] = (uint8_t)value;
    else if (range == RANGE_MASTER)
        controller_write(dma, &dma->controller[1], offset >> 1, (uint8_t)value);
    else
        controller_write(dma, &dma->controller[0], offset & 15, (uint8_t)value);
}

static void dma_input(void *state, unsigned pin, bool level)
{
    struct dma8237 *dma = state;
    struct dma_controller *k = &dma->controller[pin / 4 & 1];
    uint8_t bit = (uint8_t)(1 << pin % 4);
    k->drq = level ? k->drq | bit : k->drq & (uint8_t)~bit;
    if (level)
        run(dma);
}

/* --- The descriptor ------------------------------------------------------------------------ */

static const char *dma_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct dma8237 *)state)->bus = bus;
    bus_port_map(bus, RANGE_SLAVE, 0, true); /* its base is 0: "placed later" */
    return NULL;
}

static void dma_reset(void *state)
{
    struct dma8237 *dma = state;
    for (unsigned i = 0; i < 2; i++) {
        struct dma_controller *k = &dma->controller[i];
        uint8_t drq = k->drq;
        memset(k, 0, sizeof *k);
        k->drq = drq;
        master_clear(k);
    }
    memset(dma->page, 0, sizeof dma->page);
    dma->running = 0;
}

static const struct field channel_fields[] = {
    FIELD(struct dma_channel, base_address, "base address"),
    FIELD(struct dma_channel, base_count, "base count"),
    FIELD(struct dma_channel, address, "current address"),
    FIELD(struct dma_channel, count, "current count"),
    FIELD(struct dma_channel, mode, "mode"),
    FIELD_END,
};

static const struct field controller_fields[] = {
    FIELD_SUB(struct dma_controller, channel, channel_fields, "channels"),
    FIELD(struct dma_controller, command, "command"),
    FIELD(struct dma_controller, mask, "mask"),
    FIELD(struct dma_controller, temporary, "temporary"),
    FIELD(struct dma_controller, drq, "DRQ pins"),
    FIELD(struct dma_controller, request, "software requests"),
    FIELD(struct dma_controller, reached, "terminal counts"),
    FIELD(struct dma_controller, high, "byte flip-flop"),
    FIELD_END,
};

static const struct field dma_fields[] = {
    FIELD_SUB(struct dma8237, controller, controller_fields, "controllers"),
    FIELD_ARRAY(struct dma8237, page, "page registers 80h-8Fh"),
    FIELD_END,
};

/* 80h is the POST code port and belongs to the board; page 0 is nobody's. */
static const struct port_range dma_ports[] = {
    [RANGE_SLAVE] = {0x00, 16, SIZE_1},
    [RANGE_PAGES] = {0x81, 15, SIZE_1},
    [RANGE_MASTER] = {0xc0, 32, SIZE_1},
};

static const char *const dma_inputs[] = {"DRQ0", "DRQ1", "DRQ2", "DRQ3",
                                         "DRQ4", "DRQ5", "DRQ6", "DRQ7"};

const struct device_class dma8237_class = {
    .name = "dma8237",
    .title = "8237A DMA controllers",
    .state_size = sizeof(struct dma8237),
    .fields = dma_fields,
    .ports = dma_ports,
    .port_count = ARRAY_LEN(dma_ports),
    .inputs = dma_inputs,
    .input_count = ARRAY_LEN(dma_inputs),
    .init = dma_init,
    .reset = dma_reset,
    .port_read = dma_port_read,
    .port_write = dma_port_write,
    .input = dma_input,
};
