/* The boot loader device: see loader.h. What it holds back from the guest is the plan itself: the
 * guest can only ask for all of it, again and again, into its own memory. */
#include "devices/loader.h"

#include "devices/bus.h"

enum { CHUNK = 64 * 1024, ZERO_CHUNK = 4096 };

struct loader {
    struct bus *bus;
    const struct loader_plan *plan;
    uint32_t selected;
    uint32_t state; /* enum loader_state */
};

static const struct field loader_fields[] = {
    FIELD(struct loader, selected, "selected register"),
    FIELD(struct loader, state, "0 idle, 1 loaded, 2 refused"),
    FIELD_END,
};

static bool load_bytes(struct loader *l, const struct loader_segment *s)
{
    for (size_t at = 0; at < s->len; at += CHUNK) {
        size_t len = s->len - at < CHUNK ? s->len - at : CHUNK;
        if (!bus_dma_write(l->bus, s->gpa + at, s->bytes + at, len))
            return false;
    }
    return true;
}

static bool load_zeros(struct loader *l, const struct loader_segment *s)
{
    static const uint8_t zeros[ZERO_CHUNK];
    for (uint64_t at = 0; at < s->zeros; at += ZERO_CHUNK) {
        uint64_t len = s->zeros - at < ZERO_CHUNK ? s->zeros - at : ZERO_CHUNK;
        if (!bus_dma_write(l->bus, s->gpa + s->len + at, zeros, (size_t)len))
            return false;
    }
    return true;
}

static void load_all(struct loader *l)
{
    for (unsigned i = 0; i < l->plan->segment_count; i++) {
        const struct loader_segment *s = &l->plan->segment[i];
        if (!load_bytes(l, s) || !load_zeros(l, s)) {
            log_msg(bus_log(l->bus), LOG_ERROR,
                    "kernel: %zu bytes do not fit guest memory at %#llx: more memory is needed",
                    s->len, (unsigned long long)s->gpa);
            l->state = LOADER_REFUSED;
            return;
        }
    }
    l->state = LOADER_DONE;
}

static const char *loader_init(void *state, struct bus *bus, const void *config)
{
    struct loader *l = state;
    l->bus = bus;
    l->plan = config;
    return config ? NULL : "the loader device needs a plan";
}

static void loader_reset(void *state)
{
    struct loader *l = state;
    l->selected = 0;
    l->state = LOADER_IDLE;
}

static uint32_t loader_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    const struct loader *l = state;
    (void)range;
    (void)size;
    if (offset == 0)
        return l->state;
    if (offset == 4)
        return l->selected;
    return offset == 8 && l->selected < LOADER_REGISTERS ? l->plan->value[l->selected] : 0;
}

static void loader_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                              unsigned size)
{
    struct loader *l = state;
    (void)range;
    (void)size;
    if (offset == 0 && value == 1)
        load_all(l);
    else if (offset == 4)
        l->selected = value;
}

static const struct port_range loader_ports[] = {{LOADER_PORT, 12, SIZE_4}};

const struct device_class loader_class = {
    .name = "loader",
    .title = "boot loader for --kernel",
    .state_size = sizeof(struct loader),
    .fields = loader_fields,
    .ports = loader_ports,
    .port_count = ARRAY_LEN(loader_ports),
    .init = loader_init,
    .reset = loader_reset,
    .port_read = loader_port_read,
    .port_write = loader_port_write,
};
