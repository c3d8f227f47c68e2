#include "partition/board.h"

#include <assert.h>
#include <stdlib.h>

struct board *board_create(struct physmap *pm, struct log *log, struct board_host host)
{
    struct board *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->pm = pm;
    b->log = log;
    b->host = host;
    b->port_count = b->mmio_count = 1;
    timers_init(&b->timers);
    for (unsigned i = 0; i < PAM_SEGMENTS; i++)
        b->rom_offset[i] = NO_BACKING;
    return b;
}

static void bus_destroy(struct bus *bus)
{
    if (bus->cls->destroy)
        bus->cls->destroy(bus->state);
    dma_domain_destroy(bus->dma);
    free(bus->state);
    free(bus);
}

void board_destroy(struct board *b)
{
    if (!b)
        return;
    while (b->device_count)
        bus_destroy(b->device[--b->device_count]);
    free(b);
}

static void timer_fired(void *ctx, unsigned arg, uint64_t now_ns)
{
    struct bus *bus = ctx;
    bus->cls->timer(bus->state, arg, now_ns);
}

static uint64_t dma_now(void *ctx)
{
    struct board *b = ctx;
    return b->host.now(b->host.ctx);
}

static void dma_was_denied(void *ctx, const struct dma_denial *denial, bool pause)
{
    struct board *b = ctx;
    if (b->host.dma_denied)
        b->host.dma_denied(b->host.ctx, denial, pause);
}

static void add_ranges(struct board *b, struct bus *bus)
{
    const struct device_class *cls = bus->cls;
    assert(cls->port_count <= DEVICE_MAX_RANGES && cls->mmio_count <= DEVICE_MAX_RANGES);
    for (unsigned i = 0; i < cls->port_count; i++) {
        assert(b->port_count < BOARD_MAX_RANGES);
        const struct port_range *r = &cls->ports[i];
        b->ports[b->port_count] = (struct decoded_range){
            .bus = bus, .index = i, .base = r->base, .size = r->count, .sizes = r->sizes};
        bus->port_slot[i] = (uint8_t)b->port_count++;
        if (r->base)
            bus_port_map(bus, i, r->base, true);
    }
    for (unsigned i = 0; i < cls->mmio_count; i++) {
        assert(b->mmio_count < BOARD_MAX_RANGES);
        const struct mmio_range *r = &cls->mmio[i];
        b->mmio[b->mmio_count] = (struct decoded_range){
            .bus = bus, .index = i, .base = r->base, .size = r->size, .sizes = r->sizes};
        bus->mmio_slot[i] = (uint8_t)b->mmio_count++;
        if (r->base)
            bus_mmio_map(bus, i, r->base, true);
    }
}

struct bus *board_add(struct board *b, const struct device_class *cls, const void *config,
                      struct dma_limits limits, const char **error)
{
    assert(b->device_count < BOARD_MAX_DEVICES);
    assert(cls->output_count <= DEVICE_MAX_PINS && cls->timer_count <= DEVICE_MAX_TIMERS);
    struct bus *bus = calloc(1, sizeof *bus);
    void *state = calloc(1, cls->state_size);
    struct dma_host dma_host = {.ctx = b, .now = dma_now, .denied = dma_was_denied};
    struct dma_domain *dma = dma_domain_create(cls->name, b->pm, b->log, limits, dma_host);
    if (!bus || !state || !dma) {
        free(bus);
        free(state);
        dma_domain_destroy(dma);
        *error = "out of memory";
        return NULL;
    }
    *bus = (struct bus){.board = b, .cls = cls, .state = state, .dma = dma};
    for (unsigned i = 0; i < cls->timer_count; i++)
        bus->timer[i] = timers_add(&b->timers, timer_fired, bus, i);
    b->device[b->device_count++] = bus;
    add_ranges(b, bus);
    const char *why = cls->init ? cls->init(state, bus, config) : NULL;
    if (why) {
        *error = why;
        return NULL; /* board_destroy frees it: destroy copes with an init that stopped half way */
    }
    return bus;
}

struct bus *board_find(const struct board *b, const char *name)
{
    for (unsigned i = 0; i < b->device_count; i++) {
        if (strcmp(b->device[i]->cls->name, name) == 0)
            return b->device[i];
    }
    return NULL;
}

unsigned board_net(struct board *b, const char *name)
{
    for (unsigned i = 0; i < b->net_count; i++) {
        if (strcmp(b->net[i].name, name) == 0)
            return i;
    }
    assert(b->net_count < BOARD_MAX_NETS);
    b->net[b->net_count].name = name;
    return b->net_count++;
}

void board_net_sink(struct board *b, unsigned net, net_sink_fn *fn, void *ctx, unsigned pin)
{
    struct net *n = &b->net[net];
    assert(n->sink_count < NET_MAX_SINKS);
    n->sink[n->sink_count].fn = fn;
    n->sink[n->sink_count].ctx = ctx;
    n->sink[n->sink_count].pin = pin;
    n->sink_count++;
}

static unsigned pin_number(const char *const *names, unsigned count, const char *pin)
{
    for (unsigned i = 0; i < count; i++) {
        if (names[i] && strcmp(names[i], pin) == 0)
            return i;
    }
    assert(!"no pin of that name");
    return 0;
}

void board_connect_output(struct board *b, struct bus *from, const char *pin, unsigned net)
{
    unsigned n = pin_number(from->cls->outputs, from->cls->output_count, pin);
    assert(!from->net[n] && "an output drives one net");
    (void)b;
    from->net[n] = (uint8_t)(net + 1);
}

static void input_sink(void *ctx, unsigned pin, bool level)
{
    struct bus *bus = ctx;
    if (bus->cls->input)
        bus->cls->input(bus->state, pin, level);
}

void board_connect_input(struct board *b, struct bus *to, const char *pin, unsigned net)
{
    unsigned n = pin_number(to->cls->inputs, to->cls->input_count, pin);
    board_net_sink(b, net, input_sink, to, n);
}

void board_reset(struct board *b)
{
    for (unsigned i = 0; i < b->device_count; i++) {
        struct bus *bus = b->device[i];
        if (bus->cls->reset)
            bus->cls->reset(bus->state);
    }
}

/* --- Ports ------------------------------------------------------------------------------- */

/* The range that takes an access of size bytes at port whole, or NULL. */
static struct decoded_range *port_find(struct board *b, uint16_t port, unsigned size)
{
    struct decoded_range *r = &b->ports[b->port_owner[port]];
    if (b->port_owner[port] && r->sizes & size && port - r->base + size <= r->size)
        return r;
    return NULL;
}

uint32_t board_port_read(struct board *b, uint16_t port, unsigned size)
{
    struct decoded_range *r = port_find(b, port, size);
    if (r && r->bus->cls->port_read) {
        r->reads++;
        b->port_reads++;
        uint32_t value =
            r->bus->cls->port_read(r->bus->state, r->index, (unsigned)(port - r->base), size);
        return size == 4 ? value : value & (uint32_t)(BIT(8 * size) - 1);
    }
    if (size == 1)
        return 0xFF;
    unsigned half = size / 2;
    uint32_t low = board_port_read(b, port, half);
    return low | board_port_read(b, (uint16_t)(port + half), half) << (8 * half);
}

void board_port_write(struct board *b, uint16_t port, uint32_t value, unsigned size)
{
    struct decoded_range *r = port_find(b, port, size);
    if (r) {
        r->writes++;
        b->port_writes++;
        if (size < 4)
            value &= (uint32_t)(BIT(8 * size) - 1);
        if (r->bus->cls->port_write)
            r->bus->cls->port_write(r->bus->state, r->index, (unsigned)(port - r->base), value,
                                    size);
        return;
    }
    if (size == 1)
        return;
    unsigned half = size / 2;
    board_port_write(b, port, value, half);
    board_port_write(b, (uint16_t)(port + half), value >> (8 * half), half);
}

void board_rom_socket(struct board *b, unsigned segment, uint64_t offset)
{
    b->rom_offset[segment] = offset;
}

/* --- Saving ------------------------------------------------------------------------------ */

static const struct field bus_fields[] = {
    FIELD(struct bus, output_levels, "levels of the output pins"),
    FIELD(struct bus, vram_base, "where the guest sees the video RAM"),
    FIELD(struct bus, vram_mapped, "video RAM is mapped"),
    FIELD_END,
};
static const struct field range_fields[] = {
    FIELD(struct decoded_range, base, "first port or address"),
    FIELD(struct decoded_range, enabled, "decodes"),
    FIELD_END,
};
static const struct field net_fields[] = {
    FIELD(struct net, high, "outputs driving it high"),
    FIELD_END,
};
static const struct field timer_fields[] = {
    FIELD(struct timer, deadline, "virtual ns, all ones: not armed"),
    FIELD(struct timer, sequence, "order among equals"),
    FIELD_END,
};
static const struct field board_fields[] = {
    FIELD_SUB(struct board, ports, range_fields, "port ranges"),
    FIELD_SUB(struct board, mmio, range_fields, "MMIO ranges"),
    FIELD_SUB(struct board, net, net_fields, "nets"),
    FIELD_AT(struct board, timers.slot, struct timer, TIMERS_MAX, timer_fields, "timers"),
    FIELD(struct board, timers.next_sequence, "timer order"),
    FIELD_ARRAY(struct board, pam, "what answers in the upper memory area"),
    FIELD_END,
};

bool board_part(const struct board *b, unsigned n, struct board_part *out)
{
    if (n > 2 * b->device_count)
        return false;
    const struct bus *bus = n ? b->device[(n - 1) / 2] : NULL;
    *out = !bus    ? (struct board_part){"board", board_fields, b}
           : n & 1 ? (struct board_part){bus->cls->name, bus_fields, bus}
                   : (struct board_part){bus->cls->name, bus->cls->fields, bus->state};
    return true;
}

void board_save(const struct board *b, struct bytes *out)
{
    fields_save(board_fields, b, out);
    for (unsigned i = 0; i < b->device_count; i++) {
        fields_save(bus_fields, b->device[i], out);
        fields_save(b->device[i]->cls->fields, b->device[i]->state, out);
    }
}

/* One pass over the stream; into scratch copies when dry, else into the board. */
static bool load_pass(struct board *b, const uint8_t *data, size_t len, bool dry)
{
    size_t used = 0;
    for (unsigned i = 0; i <= 2 * b->device_count; i++) {
        struct bus *bus = i ? b->device[(i - 1) / 2] : NULL;
        const struct field *table = !i ? board_fields : i & 1 ? bus_fields : bus->cls->fields;
        void *target = !i ? (void *)b : i & 1 ? (void *)bus : bus->state;
        size_t size = !i ? sizeof *b : i & 1 ? sizeof *bus : bus->cls->state_size;
        void *scratch = dry ? malloc(size) : NULL;
        if (dry && !scratch)
            return false;
        size_t n = fields_load(table, dry ? scratch : target, data + used, len - used);
        free(scratch);
        if (!n)
            return false;
        used += n;
    }
    return used == len;
}

bool board_load(struct board *b, const uint8_t *data, size_t len)
{
    if (!load_pass(b, data, len, true))
        return false;
    /* Take all windows away first: they lie where the stream may not say. */
    for (unsigned i = 1; i < b->mmio_count; i++)
        b->mmio[i].enabled = false;
    for (unsigned i = 0; i < b->device_count; i++)
        b->device[i]->vram_mapped = false;
    board_settle(b);
    bool ok = load_pass(b, data, len, false);
    assert(ok);
    b->timers.soonest = TIMER_NEVER;
    for (unsigned i = 0; i < b->timers.count; i++) {
        if (b->timers.slot[i].deadline < b->timers.soonest)
            b->timers.soonest = b->timers.slot[i].deadline;
    }
    for (unsigned i = 0; i < PAM_SEGMENTS; i++)
        bus_pam(b->device[0], i, b->pam[i] & 1, b->pam[i] & 2);
    board_settle(b);
    /* A device may arm its timers once more, for hosts that do not keep them: ours stay, and with
     * them the order among equals. */
    struct timers timers = b->timers;
    for (unsigned i = 0; i < b->device_count; i++) {
        if (b->device[i]->cls->loaded)
            b->device[i]->cls->loaded(b->device[i]->state);
    }
    b->timers = timers;
    return true;
}
