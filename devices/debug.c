#include "devices/debug.h"

#include "devices/bus.h"

#define CONSOLE_PRESENT 0xE9
#define RANGE_EXIT      DEBUG_CONSOLES
#define RANGE_POST      (DEBUG_CONSOLES + 1)
#define POST_CODES      16

struct debug {
    struct bus *bus;
    const struct debug_config *config;
    uint8_t post[POST_CODES]; /* ring of the latest POST codes */
    uint8_t post_next;
    uint64_t console_bytes;
};

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct debug *d = state;
    d->bus = bus;
    d->config = config;
    for (unsigned i = 0; i < DEBUG_CONSOLES; i++) {
        if (d->config->console[i].port)
            bus_port_map(bus, i, d->config->console[i].port, true);
    }
    if (d->config->exit_port)
        bus_port_map(bus, RANGE_EXIT, d->config->exit_port, true);
    return NULL;
}

static uint32_t port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct debug *d = state;
    (void)offset;
    (void)size;
    if (range < DEBUG_CONSOLES)
        return CONSOLE_PRESENT;
    if (range == RANGE_POST)
        return d->post[(d->post_next + POST_CODES - 1) % POST_CODES];
    return 0;
}

static void port_write(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size)
{
    struct debug *d = state;
    (void)offset;
    (void)size;
    if (range < DEBUG_CONSOLES) {
        d->console_bytes++;
        char_write(&d->config->console[range].out, (uint8_t)value);
    } else if (range == RANGE_EXIT) {
        bus_debug_exit(d->bus, value);
    } else {
        d->post[d->post_next % POST_CODES] = (uint8_t)value;
        d->post_next = (uint8_t)((d->post_next + 1) % POST_CODES);
    }
}

static const struct field fields[] = {
    FIELD_ARRAY(struct debug, post, "ring of the latest POST codes"),
    FIELD(struct debug, post_next, "where the next POST code goes"),
    FIELD(struct debug, console_bytes, "bytes written to debug consoles"),
    FIELD_END,
};

static const struct port_range ports[] = {
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    {0, 1, SIZE_1},
    [RANGE_EXIT] = {0, 4, SIZE_1 | SIZE_2 | SIZE_4},
    [RANGE_POST] = {0x80, 1, SIZE_1},
};

const struct device_class debug_class = {
    .name = "debug",
    .title = "debug console, debug exit and POST ports",
    .state_size = sizeof(struct debug),
    .fields = fields,
    .ports = ports,
    .port_count = ARRAY_LEN(ports),
    .init = init,
    .port_read = port_read,
    .port_write = port_write,
};
