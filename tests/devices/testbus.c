#include "tests/devices/testbus.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FIRES_AT_ONCE 100000 /* timer calls with virtual time standing still */

static void die(const struct bus *bus, const char *what)
{
    fprintf(stderr, "testbus: %s: %s\n", bus ? bus->class->name : "?", what);
    abort();
}

static void note_line(void *ctx, enum log_level level, const char *line)
{
    (void)level;
    struct testbus *tb = ctx;
    snprintf(tb->log_text[tb->log_lines++ % TESTBUS_LINES], sizeof tb->log_text[0], "%s", line);
}

bool testbus_logged(const struct testbus *tb, const char *text)
{
    for (unsigned i = 0; i < TESTBUS_LINES; i++)
        if (strstr(tb->log_text[i], text))
            return true;
    return false;
}

struct testbus *testbus_create(uint64_t ram_size)
{
    struct testbus *tb = calloc(1, sizeof *tb);
    if (!tb)
        abort();
    tb->log = log_create(LOG_DEBUG, note_line, tb);
    tb->pm = physmap_create(ram_size, UINT64_C(32) << 20, tb->log);
    if (!tb->log || !tb->pm)
        abort();
    physmap_map_ram(tb->pm, 0, ram_size, 0);
    tb->now = 1000000;
    tb->ack_vector = -1;
    return tb;
}

void testbus_destroy(struct testbus *tb)
{
    for (unsigned i = tb->device_count; i-- > 0;) {
        struct bus *bus = tb->device[i];
        if (bus->class->destroy)
            bus->class->destroy(bus->state);
        dma_domain_destroy(bus->domain);
        free(bus->state);
        free(bus);
    }
    physmap_destroy(tb->pm);
    log_destroy(tb->log);
    free(tb);
}

static uint64_t host_now(void *ctx)
{
    return ((struct testbus *)ctx)->now;
}

struct bus *testbus_add_dma(struct testbus *tb, const struct device_class *class,
                            const void *config, struct dma_limits limits)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        abort();
    bus->tb = tb;
    bus->class = class;
    bus->pci_devfn = 256;
    bus->vram_offset = NO_BACKING;
    bus->state = calloc(1, class->state_size ? class->state_size : 1);
    bus->domain = dma_domain_create(class->name, tb->pm, tb->log, limits,
                                    (struct dma_host){.ctx = tb, .now = host_now});
    if (!bus->state || !bus->domain || tb->device_count == TESTBUS_DEVICES)
        die(bus, "no room for the device");
    if (class->port_count > TESTBUS_RANGES || class->mmio_count > TESTBUS_RANGES ||
        class->output_count > TESTBUS_PINS || class->timer_count > TESTBUS_TIMERS)
        die(bus, "more ranges, pins or timers than the test bus has");
    tb->device[tb->device_count++] = bus;
    for (unsigned i = 0; i < class->port_count; i++)
        bus->port[i].base = class->ports[i].base, bus->port[i].enabled = class->ports[i].base != 0;
    for (unsigned i = 0; i < class->mmio_count; i++) {
        bus->mmio[i].bus = bus;
        bus->mmio[i].index = i;
        if (class->mmio[i].base)
            bus_mmio_map(bus, i, class->mmio[i].base, true);
    }
    const char *problem = class->init ? class->init(bus->state, bus, config) : NULL;
    if (problem)
        die(bus, problem);
    if (class->reset)
        class->reset(bus->state);
    return bus;
}

struct bus *testbus_add(struct testbus *tb, const struct device_class *class, const void *config)
{
    return testbus_add_dma(tb, class, config, (struct dma_limits){0});
}

/* --- Pins --------------------------------------------------------------------------------- */

void testbus_input(struct bus *bus, unsigned pin, bool level)
{
    if (pin >= bus->class->input_count)
        die(bus, "input pin out of range");
    if (bus->class->input)
        bus->class->input(bus->state, pin, level);
}

void testbus_wire(struct bus *from, unsigned output, struct bus *to, unsigned input)
{
    struct testbus *tb = from->tb;
    if (tb->wire_count == TESTBUS_WIRES)
        die(from, "too many wires");
    tb->wire[tb->wire_count++] = (struct testbus_wire){from, to, output, input};
    testbus_input(to, input, from->pin[output].level);
}

void bus_irq(struct bus *bus, unsigned pin, bool level)
{
    struct testbus *tb = bus->tb;
    if (pin >= bus->class->output_count)
        die(bus, "output pin out of range");
    struct testbus_pin *p = &bus->pin[pin];
    if (p->level == level)
        return;
    p->level = level;
    level ? p->rises++ : p->falls++;
    if (++tb->wire_depth > 64)
        die(bus, "pins feed back for ever");
    for (unsigned i = 0; i < tb->wire_count; i++)
        if (tb->wire[i].from == bus && tb->wire[i].output == pin)
            testbus_input(tb->wire[i].to, tb->wire[i].input, level);
    tb->wire_depth--;
}

/* --- Time --------------------------------------------------------------------------------- */

uint64_t bus_now(struct bus *bus)
{
    return bus->tb->now;
}

void bus_polled(struct bus *bus)
{
    (void)bus;
}

uint64_t bus_wall_clock(struct bus *bus)
{
    return bus->tb->wall_start + bus->tb->now;
}

void bus_timer(struct bus *bus, unsigned id, uint64_t deadline_ns)
{
    if (id >= bus->class->timer_count)
        die(bus, "timer out of range");
    bus->timer_armed[id] = true;
    bus->timer_deadline[id] = deadline_ns;
}

void bus_timer_cancel(struct bus *bus, unsigned id)
{
    if (id >= bus->class->timer_count)
        die(bus, "timer out of range");
    bus->timer_armed[id] = false;
}

/* The armed timer with the earliest deadline; false when none is armed. */
static bool earliest(struct testbus *tb, struct bus **bus, unsigned *id)
{
    *bus = NULL;
    for (unsigned i = 0; i < tb->device_count; i++) {
        struct bus *b = tb->device[i];
        for (unsigned t = 0; t < b->class->timer_count; t++) {
            if (!b->timer_armed[t])
                continue;
            if (!*bus || b->timer_deadline[t] < (*bus)->timer_deadline[*id]) {
                *bus = b;
                *id = t;
            }
        }
    }
    return *bus != NULL;
}

static void fire(struct testbus *tb, struct bus *bus, unsigned id)
{
    if (bus->timer_deadline[id] > tb->now)
        tb->now = bus->timer_deadline[id];
    bus->timer_armed[id] = false;
    bus->timer_fires++;
    bus->class->timer(bus->state, id, tb->now);
}

void testbus_advance(struct testbus *tb, uint64_t ns)
{
    uint64_t end = tb->now + ns, last = UINT64_MAX;
    unsigned standing = 0;
    struct bus *bus;
    unsigned id;
    while (earliest(tb, &bus, &id) && bus->timer_deadline[id] <= end) {
        fire(tb, bus, id);
        standing = tb->now == last ? standing + 1 : 0;
        last = tb->now;
        if (standing > MAX_FIRES_AT_ONCE)
            die(bus, "timer fires for ever at one instant");
    }
    tb->now = end;
}

uint64_t testbus_next_deadline(struct testbus *tb)
{
    struct bus *bus;
    unsigned id;
    return earliest(tb, &bus, &id) ? bus->timer_deadline[id] : UINT64_MAX;
}

bool testbus_next(struct testbus *tb)
{
    struct bus *bus;
    unsigned id;
    if (!earliest(tb, &bus, &id))
        return false;
    fire(tb, bus, id);
    return true;
}

/* --- Memory ------------------------------------------------------------------------------- */

bool bus_dma_read(struct bus *bus, uint64_t gpa, void *buf, size_t len)
{
    return dma_read(bus->domain, gpa, buf, len) == DMA_OK;
}

bool bus_dma_write(struct bus *bus, uint64_t gpa, const void *buf, size_t len)
{
    return dma_write(bus->domain, gpa, buf, len) == DMA_OK;
}

void tb_poke(struct testbus *tb, uint64_t gpa, const void *data, size_t len)
{
    if (physmap_poke(tb->pm, gpa, data, len) != len)
        abort();
}

void tb_peek(struct testbus *tb, uint64_t gpa, void *data, size_t len)
{
    if (physmap_peek(tb->pm, gpa, data, len) != len)
        abort();
}

/* The largest size of the set that is at most size, naturally aligned at address, and that ends
 * before limit; 0 when there is none. */
static unsigned chunk(uint64_t address, unsigned size, uint8_t sizes, uint64_t limit)
{
    for (unsigned s = 8; s; s >>= 1)
        if (s <= size && (sizes & s) && !(address & (s - 1)) && address + s <= limit)
            return s;
    return 0;
}

static uint64_t ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static uint64_t mmio_read(void *ctx, uint64_t offset, unsigned size)
{
    struct testbus_range *r = ctx;
    const struct device_class *class = r->bus->class;
    const struct mmio_range *range = &class->mmio[r->index];
    uint64_t value = 0;
    for (unsigned at = 0; at < size;) {
        unsigned n = chunk(offset + at, size - at, range->sizes, range->size);
        uint64_t part = ones(1);
        if (n && class->mmio_read)
            part = class->mmio_read(r->bus->state, r->index, offset + at, n) & ones(n);
        value |= part << at * 8;
        at += n ? n : 1;
    }
    return value;
}

static void mmio_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    struct testbus_range *r = ctx;
    const struct device_class *class = r->bus->class;
    const struct mmio_range *range = &class->mmio[r->index];
    for (unsigned at = 0; at < size;) {
        unsigned n = chunk(offset + at, size - at, range->sizes, range->size);
        if (n && class->mmio_write)
            class->mmio_write(r->bus->state, r->index, offset + at, value >> at * 8 & ones(n), n);
        at += n ? n : 1;
    }
}

static const struct mmio_ops range_ops = {mmio_read, mmio_write};

void bus_mmio_map(struct bus *bus, unsigned range, uint64_t base, bool enabled)
{
    if (range >= bus->class->mmio_count)
        die(bus, "MMIO range out of range");
    struct testbus_range *r = &bus->mmio[range];
    uint64_t size = bus->class->mmio[range].size;
    if (r->enabled)
        physmap_unmap(bus->tb->pm, r->base, size);
    r->enabled = enabled && !(base & PAGE_MASK) && base + size <= BIT(GPA_BITS);
    r->base = base;
    if (r->enabled)
        physmap_map_mmio(bus->tb->pm, base, size, &range_ops, r);
}

void bus_mmio_quick(struct bus *bus, unsigned range, uint64_t offset, uint64_t size,
                    quick_read_fn *read, quick_write_fn *write)
{
    struct testbus_range *r = &bus->mmio[range];
    if (range >= bus->class->mmio_count || offset + size > bus->class->mmio[range].size)
        die(bus, "quick part of an MMIO range out of range");
    *physmap_quick(bus->tb->pm) = (struct mmio_quick){.base = r->base + offset,
                                                      .size = r->enabled ? size : 0,
                                                      .ctx = bus->state,
                                                      .read = read,
                                                      .write = write,
                                                      .reads = &r->reads,
                                                      .writes = &r->writes};
}

uint8_t *bus_vram(struct bus *bus, size_t size, size_t spare)
{
    size = align_up(size, PAGE_SIZE);
    spare = align_up(spare, PAGE_SIZE);
    bus->vram_offset = physmap_alloc(bus->tb->pm, size + spare);
    if (bus->vram_offset == NO_BACKING)
        return NULL;
    bus->vram_size = size;
    bus->vram_spare = spare;
    return physmap_host(bus->tb->pm, bus->vram_offset);
}

void bus_vram_map(struct bus *bus, uint64_t base, bool enabled)
{
    if (bus->vram_offset == NO_BACKING)
        die(bus, "bus_vram_map without video memory");
    if (bus->vram_mapped)
        physmap_unmap(bus->tb->pm, bus->vram_base, bus->vram_size);
    bus->vram_mapped = enabled;
    bus->vram_base = base;
    if (enabled)
        physmap_map_vram(bus->tb->pm, base, bus->vram_size, bus->vram_offset);
    bus_vram_cover(bus, bus->vram_cover, bus->vram_covered);
}

void bus_vram_cover(struct bus *bus, unsigned range, uint64_t size)
{
    if (range >= bus->class->mmio_count || size > bus->vram_size)
        die(bus, "cover of video memory out of range");
    if (bus->vram_mapped && bus->vram_covered)
        physmap_map_vram(bus->tb->pm, bus->vram_base, bus->vram_covered, bus->vram_offset);
    bus->vram_cover = range;
    bus->vram_covered = size;
    if (bus->vram_mapped && size)
        physmap_map_mmio(bus->tb->pm, bus->vram_base, size, &range_ops, &bus->mmio[range]);
}

void bus_vram_window(struct bus *bus, unsigned range, uint64_t base, uint64_t offset, uint64_t size,
                     bool enabled)
{
    struct testbus_range *r = &bus->mmio[range];
    if (range >= bus->class->mmio_count || offset + size > bus->vram_size + bus->vram_spare)
        die(bus, "video memory window out of range");
    if (r->enabled)
        physmap_map_mmio(bus->tb->pm, r->base, bus->class->mmio[range].size, &range_ops, r);
    if (enabled)
        physmap_map_vram(bus->tb->pm, base, size, bus->vram_offset + offset);
}

bool bus_vram_dirty(struct bus *bus, size_t offset, size_t len, uint8_t *bitmap)
{
    uint64_t end = bus->vram_size + bus->vram_spare;
    if (offset > end || len > end - offset)
        die(bus, "bus_vram_dirty beyond video memory");
    return physmap_take_dirty(bus->tb->pm, bus->vram_offset + offset, len, PAGE_DIRTY_DISPLAY,
                              bitmap);
}

void bus_vram_wrote(struct bus *bus, size_t offset, size_t len)
{
    physmap_wrote(bus->tb->pm, bus->vram_offset + offset, len);
}

uint64_t tb_read(struct testbus *tb, uint64_t gpa, unsigned size)
{
    return physmap_read(tb->pm, gpa, size);
}

void tb_write(struct testbus *tb, uint64_t gpa, unsigned size, uint64_t value)
{
    physmap_write(tb->pm, gpa, value & ones(size), size);
}

/* --- Ports -------------------------------------------------------------------------------- */

void bus_port_map(struct bus *bus, unsigned range, uint16_t base, bool enabled)
{
    if (range >= bus->class->port_count)
        die(bus, "port range out of range");
    bus->port[range].base = base;
    bus->port[range].enabled = enabled;
}

/* The device and range that answer at port; the one added last wins. */
static struct bus *port_owner(struct testbus *tb, unsigned port, unsigned *range)
{
    for (unsigned i = tb->device_count; i-- > 0;) {
        struct bus *b = tb->device[i];
        for (unsigned r = 0; r < b->class->port_count; r++) {
            if (b->port[r].enabled && port >= b->port[r].base &&
                port - b->port[r].base < b->class->ports[r].count) {
                *range = r;
                return b;
            }
        }
    }
    return NULL;
}

/* One step of a port access: the owner (NULL: nobody) and how many bytes it takes. */
static struct bus *port_step(struct testbus *tb, unsigned port, unsigned left, unsigned *range,
                             unsigned *n)
{
    struct bus *b = port_owner(tb, port, range);
    *n = 0;
    if (b) {
        const struct port_range *pr = &b->class->ports[*range];
        unsigned base = (unsigned)b->port[*range].base;
        *n = chunk(port, left, pr->sizes, base + pr->count);
    }
    if (!*n) {
        *n = 1;
        return NULL;
    }
    return b;
}

uint32_t tb_in(struct testbus *tb, uint16_t port, unsigned size)
{
    uint32_t value = 0;
    for (unsigned at = 0, n; at < size; at += n) {
        unsigned range, p = (port + at) & 0xFFFF;
        struct bus *b = port_step(tb, p, size - at, &range, &n);
        uint32_t part = (uint32_t)ones(n);
        if (b && b->class->port_read)
            part &= b->class->port_read(b->state, range, p - b->port[range].base, n);
        value |= part << at * 8;
    }
    return value;
}

void tb_out(struct testbus *tb, uint16_t port, unsigned size, uint32_t value)
{
    for (unsigned at = 0, n; at < size; at += n) {
        unsigned range, p = (port + at) & 0xFFFF;
        struct bus *b = port_step(tb, p, size - at, &range, &n);
        if (b && b->class->port_write)
            b->class->port_write(b->state, range, p - b->port[range].base,
                                 (uint32_t)(value >> at * 8 & ones(n)), n);
    }
}

/* --- Fabric ------------------------------------------------------------------------------- */

void testbus_dack(struct testbus *tb, unsigned channel, struct bus *client)
{
    tb->dack_client[channel & 7] = client;
}

size_t bus_dack(struct bus *bus, unsigned channel, struct dack *transfer)
{
    struct bus *client = channel < 8 ? bus->tb->dack_client[channel] : NULL;
    if (!client || !client->class->dack)
        return 0;
    return client->class->dack(client->state, channel, transfer);
}

int bus_interrupt_ack(struct bus *bus)
{
    for (unsigned i = 0; i < bus->tb->device_count; i++) {
        struct bus *b = bus->tb->device[i];
        if (b != bus && b->class->interrupt_ack)
            return b->class->interrupt_ack(b->state);
    }
    return bus->tb->ack_vector;
}

bool bus_apic_message(struct bus *bus, const struct apic_message *message)
{
    struct testbus *tb = bus->tb;
    tb->apic_messages++;
    tb->last_message = *message;
    bool accepted = tb->apic_accept;
    for (unsigned i = 0; i < tb->device_count; i++)
        if (tb->device[i]->class->apic_message)
            accepted |= tb->device[i]->class->apic_message(tb->device[i]->state, message);
    return accepted;
}

void bus_apic_eoi(struct bus *bus, uint8_t vector)
{
    struct testbus *tb = bus->tb;
    tb->apic_eois++;
    tb->last_eoi = vector;
    for (unsigned i = 0; i < tb->device_count; i++)
        if (tb->device[i]->class->apic_eoi)
            tb->device[i]->class->apic_eoi(tb->device[i]->state, vector);
}

void testbus_pci(struct bus *bus, unsigned devfn)
{
    bus->pci_devfn = devfn;
}

static struct bus *pci_device(struct testbus *tb, unsigned pci_bus, unsigned devfn)
{
    for (unsigned i = 0; pci_bus == 0 && i < tb->device_count; i++)
        if (tb->device[i]->pci_devfn == devfn)
            return tb->device[i];
    return NULL;
}

uint32_t tb_pci_read(struct bus *bus, unsigned reg, unsigned size)
{
    if (!bus->class->pci_read)
        return (uint32_t)ones(size);
    return bus->class->pci_read(bus->state, reg, size) & (uint32_t)ones(size);
}

void tb_pci_write(struct bus *bus, unsigned reg, unsigned size, uint32_t value)
{
    if (bus->class->pci_write)
        bus->class->pci_write(bus->state, reg, value & (uint32_t)ones(size), size);
}

uint32_t bus_pci_read(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg,
                      unsigned size)
{
    struct bus *b = pci_device(bus->tb, pci_bus, devfn);
    return b ? tb_pci_read(b, reg, size) : (uint32_t)ones(size);
}

void bus_pci_write(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg, uint32_t value,
                   unsigned size)
{
    struct bus *b = pci_device(bus->tb, pci_bus, devfn);
    if (b)
        tb_pci_write(b, reg, size, value);
}

void bus_pam(struct bus *bus, unsigned segment, bool read_ram, bool write_ram)
{
    if (segment > 12)
        die(bus, "PAM segment out of range");
    bus->tb->pam_read[segment] = read_ram;
    bus->tb->pam_write[segment] = write_ram;
}

struct log *bus_log(struct bus *bus)
{
    return bus->tb->log;
}

void bus_machine(struct bus *bus, enum machine_request request)
{
    request == MACHINE_POWER_OFF ? bus->tb->power_offs++ : bus->tb->resets++;
}

void bus_debug_exit(struct bus *bus, uint32_t value)
{
    bus->tb->debug_exits++;
    bus->tb->debug_exit_value = value;
}

uint64_t bus_guest_pc(struct bus *bus)
{
    (void)bus;
    return 0;
}

/* --- Saving ------------------------------------------------------------------------------- */

static void scramble(const struct field *table, void *object)
{
    for (const struct field *f = table; f->name; f++) {
        uint8_t *unit = (uint8_t *)object + f->offset;
        if (!f->sub)
            memset(unit, 0xA5, (size_t)f->size * f->count);
        for (uint32_t i = 0; f->sub && i < f->count; i++)
            scramble(f->sub, unit + (size_t)i * f->size);
    }
}

void testbus_save_load(struct bus *bus)
{
    const struct device_class *class = bus->class;
    struct bytes saved = {0};
    fields_save(class->fields, bus->state, &saved);
    scramble(class->fields, bus->state);
    if (fields_load(class->fields, bus->state, saved.data, saved.len) != saved.len)
        die(bus, "its own saved state was refused");
    bytes_free(&saved);
    if (class->loaded)
        class->loaded(bus->state);
}
