#include "devices/port92.h"

#include "devices/bus.h"

enum { FAST_RESET = 1, A20_GATE = 2 };

struct port92 {
    struct bus *bus;
    uint8_t value;
};

static const struct field port92_fields[] = {
    FIELD(struct port92, value, "port 92h"),
    FIELD_END,
};

static uint32_t port92_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    (void)range;
    (void)offset;
    (void)size;
    return ((struct port92 *)state)->value;
}

static void port92_write(void *state, unsigned range, unsigned offset, uint32_t value,
                         unsigned size)
{
    struct port92 *p = state;
    (void)range;
    (void)offset;
    (void)size;
    bool resets = value & ~p->value & FAST_RESET;
    p->value = (uint8_t)value;
    bus_irq(p->bus, PORT92_A20, value & A20_GATE);
    if (resets)
        bus_machine(p->bus, MACHINE_RESET);
}

static const char *port92_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct port92 *)state)->bus = bus;
    return NULL;
}

static void port92_loaded(void *state)
{
    struct port92 *p = state;
    bus_irq(p->bus, PORT92_A20, p->value & A20_GATE);
}

static void port92_reset(void *state)
{
    ((struct port92 *)state)->value = 0;
    port92_loaded(state);
}

static const struct port_range port92_ports[] = {{0x92, 1, SIZE_1}};
static const char *const port92_outputs[] = {"A20"};

const struct device_class port92_class = {
    .name = "port92",
    .title = "system control port A",
    .state_size = sizeof(struct port92),
    .fields = port92_fields,
    .ports = port92_ports,
    .port_count = ARRAY_LEN(port92_ports),
    .outputs = port92_outputs,
    .output_count = ARRAY_LEN(port92_outputs),
    .init = port92_init,
    .reset = port92_reset,
    .port_read = port92_read,
    .port_write = port92_write,
    .loaded = port92_loaded,
};
