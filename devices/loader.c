/* The boot loader device: see loader.h. What it holds back from the guest is the plan itself: the
 * guest can only ask for all of it, again and again, into its own memory. */
#include "devices/loader.h"

#include "devices/bus.h"
#include "devices/pci/config.h"

enum { CHUNK = 64 * 1024, ZERO_CHUNK = 4096 };

#define ROM_BAR        0x30
#define ROM_BAR_ENABLE 1u

struct loader {
    struct bus *bus;
    const struct loader_plan *plan;
    uint32_t selected;
    uint32_t state; /* enum loader_state */
    struct pci_config pci;
    uint8_t rom[LOADER_ROM_MAX]; /* configuration, not state */
    bool has_rom;
    uint32_t said; /* bit per loader_state: failures told since the last reset */
};

static const struct field loader_fields[] = {
    FIELD(struct loader, selected, "selected register"),
    FIELD(struct loader, state, "0 idle, 1 loaded, 2 refused, 3 unreadable"),
    FIELD_SUB1(struct loader, pci, pci_config_fields, "PCI configuration space"),
    FIELD_END,
};

/* Loading ends in failure: true when that is to be said. A guest that tries again and again, with
 * success in between or not, must not fill the host's terminal. */
static bool fails(struct loader *l, enum loader_state state)
{
    bool first = !(l->said & BIT(state));
    l->said |= (uint32_t)BIT(state);
    l->state = state;
    return first;
}

static bool fits(struct loader *l, const struct loader_segment *s, bool done)
{
    if (!done && fails(l, LOADER_REFUSED))
        log_guest(bus_log(l->bus), LOG_ERROR,
                  "kernel: %zu bytes do not fit guest memory at %#llx: more memory is needed",
                  s->len, (unsigned long long)s->gpa);
    return done;
}

static bool load_chunk(struct loader *l, const struct loader_segment *s, size_t at, size_t len)
{
    if (s->bytes)
        return fits(l, s, bus_dma_write(l->bus, s->gpa + at, s->bytes + at, len));
    uint8_t chunk[CHUNK];
    const char *why = s->source->read(s->source, s->at + at, chunk, len);
    if (why) {
        if (fails(l, LOADER_UNREADABLE))
            log_guest(bus_log(l->bus), LOG_ERROR, "kernel: %s", why);
        return false;
    }
    return fits(l, s, bus_dma_write(l->bus, s->gpa + at, chunk, len));
}

static bool load_bytes(struct loader *l, const struct loader_segment *s)
{
    for (size_t at = 0; at < s->len; at += CHUNK) {
        if (!load_chunk(l, s, at, s->len - at < CHUNK ? s->len - at : CHUNK))
            return false;
    }
    return true;
}

static bool load_zeros(struct loader *l, const struct loader_segment *s)
{
    static const uint8_t zeros[ZERO_CHUNK];
    for (uint64_t at = 0; at < s->zeros; at += ZERO_CHUNK) {
        uint64_t len = s->zeros - at < ZERO_CHUNK ? s->zeros - at : ZERO_CHUNK;
        if (!fits(l, s, bus_dma_write(l->bus, s->gpa + s->len + at, zeros, (size_t)len)))
            return false;
    }
    return true;
}

static void load_all(struct loader *l)
{
    for (unsigned i = 0; i < l->plan->segment_count; i++) {
        const struct loader_segment *s = &l->plan->segment[i];
        if (!load_bytes(l, s) || !load_zeros(l, s))
            return;
    }
    l->state = LOADER_DONE;
}

/* The ROM is decoded when its BAR and the command register both say so (PCI 2.1, 6.2.5.2). */
static void place_rom(struct loader *l)
{
    uint32_t bar = load_le32(&l->pci.space[ROM_BAR]);
    uint32_t base = bar & ~(LOADER_ROM_MAX - 1);
    bool on = l->has_rom && bar & ROM_BAR_ENABLE && base && base != ~(LOADER_ROM_MAX - 1) &&
              pci_config_get16(&l->pci, PCI_COMMAND) & PCI_COMMAND_MEMORY;
    bus_mmio_map(l->bus, 0, base, on);
}

static const char *loader_init(void *state, struct bus *bus, const void *config)
{
    struct loader *l = state;
    const struct loader_config *c = config;
    if (!c || !c->plan)
        return "the loader device needs a plan";
    if (c->rom_size > LOADER_ROM_MAX)
        return "the kernel loader's ROM is larger than 4 KiB";
    l->bus = bus;
    l->plan = c->plan;
    l->has_rom = c->rom && c->rom_size;
    memset(l->rom, 0xFF, sizeof l->rom);
    if (l->has_rom)
        memcpy(l->rom, c->rom, c->rom_size);
    pci_config_init(&l->pci, &(struct pci_identity){
                                 .vendor = 0x1234,
                                 .device = 0x4C44, /* "LD": ours */
                                 .class_code = 0x088000,
                                 .command_mask = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                             });
    if (l->has_rom)
        pci_config_set(&l->pci, ROM_BAR, 4, 0, ~(LOADER_ROM_MAX - 1) | ROM_BAR_ENABLE);
    return NULL;
}

static uint32_t loader_pci_read(void *state, unsigned reg, unsigned size)
{
    const struct loader *l = state;
    return pci_config_read(&l->pci, reg, size);
}

static void loader_pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct loader *l = state;
    pci_config_write(&l->pci, l->bus, reg, value, size);
    place_rom(l);
}

static uint64_t loader_mmio_read(void *state, unsigned range, uint64_t offset, unsigned size)
{
    const struct loader *l = state;
    uint64_t value = 0;
    (void)range;
    if (offset + size <= LOADER_ROM_MAX)
        memcpy(&value, l->rom + offset, size);
    return value;
}

static void loader_loaded(void *state)
{
    struct loader *l = state;
    pci_config_loaded(&l->pci, l->bus);
    place_rom(l);
}

static void loader_reset(void *state)
{
    struct loader *l = state;
    l->selected = 0;
    l->state = LOADER_IDLE;
    l->said = 0;
    pci_config_reset(&l->pci, l->bus);
    place_rom(l);
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

static const struct mmio_range loader_mmio[] = {
    {0, LOADER_ROM_MAX, SIZE_1 | SIZE_2 | SIZE_4 | SIZE_8}};
static const struct port_range loader_ports[] = {{LOADER_PORT, 12, SIZE_4}};

const struct device_class loader_class = {
    .name = "loader",
    .title = "boot loader for --kernel",
    .state_size = sizeof(struct loader),
    .fields = loader_fields,
    .ports = loader_ports,
    .port_count = ARRAY_LEN(loader_ports),
    .mmio = loader_mmio,
    .mmio_count = ARRAY_LEN(loader_mmio),
    .init = loader_init,
    .reset = loader_reset,
    .port_read = loader_port_read,
    .port_write = loader_port_write,
    .mmio_read = loader_mmio_read,
    .pci_read = loader_pci_read,
    .pci_write = loader_pci_write,
    .loaded = loader_loaded,
};
