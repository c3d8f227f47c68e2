/* partition/bus.c: devices/bus.h on the board: what a device may ask for. */
#include "devices/bus.h"

#include <assert.h>

#include "partition/board.h"

void bus_irq(struct bus *bus, unsigned pin, bool level)
{
    assert(pin < DEVICE_MAX_PINS);
    if (!!(bus->output_levels & BIT(pin)) == level)
        return;
    bus->output_levels ^= BIT(pin);
    if (!bus->net[pin])
        return;
    struct net *net = &bus->board->net[bus->net[pin] - 1];
    net->high += level ? 1 : -1u;
    if (net->high > 1 || (net->high == 1 && !level))
        return; /* the OR did not change */
    for (unsigned i = 0; i < net->sink_count; i++)
        net->sink[i].fn(net->sink[i].ctx, net->sink[i].pin, level);
}

uint64_t bus_now(struct bus *bus)
{
    return bus->board->host.now(bus->board->host.ctx);
}

void bus_polled(struct bus *bus)
{
    struct board *b = bus->board;
    if (b->host.polled)
        b->host.polled(b->host.ctx);
}

uint64_t bus_wall_clock(struct bus *bus)
{
    return bus->board->host.wall_clock(bus->board->host.ctx);
}

void bus_timer(struct bus *bus, unsigned id, uint64_t deadline_ns)
{
    assert(id < bus->cls->timer_count);
    struct board *b = bus->board;
    timers_arm(&b->timers, bus->timer[id], deadline_ns);
    if (b->timers.soonest == deadline_ns)
        b->host.timer_armed(b->host.ctx, deadline_ns);
}

void bus_timer_cancel(struct bus *bus, unsigned id)
{
    assert(id < bus->cls->timer_count);
    timers_cancel(&bus->board->timers, bus->timer[id]);
}

bool bus_dma_read(struct bus *bus, uint64_t gpa, void *buf, size_t len)
{
    return dma_read(bus->dma, gpa, buf, len) == DMA_OK;
}

bool bus_dma_write(struct bus *bus, uint64_t gpa, const void *buf, size_t len)
{
    return dma_write(bus->dma, gpa, buf, len) == DMA_OK;
}

/* --- Where ranges lie -------------------------------------------------------------------- */

/* Gives each of [base, base + size) to the last enabled range that has it. */
static void settle_ports(struct board *b, uint64_t base, uint64_t size)
{
    for (uint64_t port = base; port < base + size && port < 65536; port++) {
        b->port_owner[port] = 0;
        for (unsigned slot = b->port_count; slot-- > 1;) {
            const struct decoded_range *r = &b->ports[slot];
            if (r->enabled && port - r->base < r->size) {
                b->port_owner[port] = (uint8_t)slot;
                break;
            }
        }
    }
}

void bus_port_map(struct bus *bus, unsigned range, uint16_t base, bool enabled)
{
    struct board *b = bus->board;
    assert(range < bus->cls->port_count);
    struct decoded_range *r = &b->ports[bus->port_slot[range]];
    uint64_t old = r->base;
    r->base = base;
    r->enabled = enabled;
    settle_ports(b, old, r->size);
    settle_ports(b, base, r->size);
}

static uint64_t mmio_read(void *ctx, uint64_t offset, unsigned size)
{
    struct decoded_range *r = ctx;
    if (r->sizes & size && !(offset & (size - 1))) {
        r->reads++;
        return r->bus->cls->mmio_read(r->bus->state, r->index, offset, size);
    }
    if (size == 1)
        return 0xFF;
    unsigned half = size / 2;
    return mmio_read(ctx, offset, half) | mmio_read(ctx, offset + half, half) << (8 * half);
}

static void mmio_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    struct decoded_range *r = ctx;
    if (size < 8)
        value &= BIT(8 * size) - 1;
    if (r->sizes & size && !(offset & (size - 1))) {
        r->writes++;
        r->bus->cls->mmio_write(r->bus->state, r->index, offset, value, size);
    } else if (size > 1) {
        unsigned half = size / 2;
        mmio_write(ctx, offset, value, half);
        mmio_write(ctx, offset + half, value >> (8 * half), half);
    }
}

static const struct mmio_ops mmio_ops = {mmio_read, mmio_write};

/* Is [base, base + size) a hole throughout? Asked without the A20 gate, which sits at the CPU. */
static bool place_is_free(struct board *b, uint64_t base, uint64_t size)
{
    if (base & PAGE_MASK || base + size < base || base + size > BIT(GPA_BITS))
        return false;
    const struct region *r = physmap_find_ungated(b->pm, base);
    return r->kind == REGION_HOLE && base + size <= r->base + r->size;
}

static void show_vram_window(struct board *b, const struct bus *bus)
{
    if (bus->vram_window.slot && b->mmio[bus->vram_window.slot].mapped)
        physmap_map_vram(b->pm, bus->vram_window.base, bus->vram_window.size,
                         bus->vram_offset + bus->vram_window.offset);
}

/* The video RAM's first pages, or what covers them. */
static void show_vram_start(struct board *b, const struct bus *bus, uint64_t size)
{
    if (!bus->vram_shown || !size)
        return;
    if (bus->vram_covered)
        physmap_map_mmio(b->pm, bus->vram_base, size, &mmio_ops, &b->mmio[bus->vram_cover]);
    else
        physmap_map_vram(b->pm, bus->vram_base, size, bus->vram_offset);
}

static void show_range(struct board *b, struct decoded_range *r)
{
    r->mapped = r->enabled && place_is_free(b, r->base, r->size);
    if (!r->mapped)
        return;
    physmap_map_mmio(b->pm, r->base, r->size, &mmio_ops, r);
    if (r->bus->vram_window.slot == (unsigned)(r - b->mmio))
        show_vram_window(b, r->bus);
}

static void show_quick(struct board *b)
{
    struct decoded_range *r = &b->mmio[b->quick.slot];
    *physmap_quick(b->pm) =
        (struct mmio_quick){.base = r->base + b->quick.offset,
                            .size = b->quick.slot && r->mapped ? b->quick.size : 0,
                            .ctx = b->quick.slot ? r->bus->state : NULL,
                            .read = b->quick.read,
                            .write = b->quick.write,
                            .reads = &r->reads,
                            .writes = &r->writes};
}

static void hide_windows(struct board *b)
{
    physmap_quick(b->pm)->size = 0;
    for (unsigned i = 1; i < b->mmio_count; i++) {
        if (b->mmio[i].mapped)
            physmap_unmap(b->pm, b->mmio[i].base, b->mmio[i].size);
        b->mmio[i].mapped = false;
    }
    for (unsigned i = 0; i < b->device_count; i++) {
        struct bus *bus = b->device[i];
        if (bus->vram_shown)
            physmap_unmap(b->pm, bus->vram_base, bus->vram_size);
        bus->vram_shown = false;
    }
}

/* In the order of the rules in board.h. */
static void show_windows(struct board *b)
{
    for (unsigned placed = 0; placed < 2; placed++) {
        for (unsigned i = 1; i < b->mmio_count; i++) {
            struct decoded_range *r = &b->mmio[i];
            bool fixed = r->bus->cls->mmio[r->index].base != 0;
            if (fixed != placed)
                show_range(b, r);
        }
    }
    for (unsigned i = 0; i < b->device_count; i++) {
        struct bus *bus = b->device[i];
        bus->vram_shown = bus->vram_mapped && place_is_free(b, bus->vram_base, bus->vram_size);
        if (bus->vram_shown)
            physmap_map_vram(b->pm, bus->vram_base, bus->vram_size, bus->vram_offset);
        show_vram_start(b, bus, bus->vram_covered);
    }
    show_quick(b);
}

void board_settle(struct board *b)
{
    settle_ports(b, 0, 65536);
    hide_windows(b);
    show_windows(b);
}

void bus_mmio_map(struct bus *bus, unsigned range, uint64_t base, bool enabled)
{
    struct board *b = bus->board;
    assert(range < bus->cls->mmio_count);
    struct decoded_range *r = &b->mmio[bus->mmio_slot[range]];
    if (r->base == base && r->enabled == enabled)
        return;
    hide_windows(b);
    r->base = base;
    r->enabled = enabled;
    show_windows(b);
}

void bus_mmio_quick(struct bus *bus, unsigned range, uint64_t offset, uint64_t size,
                    quick_read_fn *read, quick_write_fn *write)
{
    struct board *b = bus->board;
    unsigned slot = bus->mmio_slot[range];
    assert(offset + size <= b->mmio[slot].size && !((offset | size) & PAGE_MASK));
    b->quick.slot = slot;
    b->quick.offset = offset;
    b->quick.size = size;
    b->quick.read = read;
    b->quick.write = write;
    show_quick(b);
}

uint8_t *bus_vram(struct bus *bus, size_t size, size_t spare)
{
    size = align_up(size, PAGE_SIZE);
    spare = align_up(spare, PAGE_SIZE);
    uint64_t offset = physmap_alloc(bus->board->pm, size + spare);
    if (offset == NO_BACKING)
        return NULL;
    bus->vram_offset = offset;
    bus->vram_size = size;
    bus->vram_spare = spare;
    return physmap_host(bus->board->pm, offset);
}

void bus_vram_map(struct bus *bus, uint64_t base, bool enabled)
{
    struct board *b = bus->board;
    if (bus->vram_base == base && bus->vram_mapped == enabled)
        return;
    hide_windows(b);
    bus->vram_base = base;
    bus->vram_mapped = enabled;
    show_windows(b);
}

void bus_vram_cover(struct bus *bus, unsigned range, uint64_t size)
{
    struct board *b = bus->board;
    assert(size <= bus->vram_size && !(size & PAGE_MASK));
    uint64_t was = bus->vram_covered;
    bus->vram_covered = 0;
    show_vram_start(b, bus, was);
    bus->vram_cover = bus->mmio_slot[range];
    bus->vram_covered = size;
    show_vram_start(b, bus, size);
}

void bus_vram_window(struct bus *bus, unsigned range, uint64_t base, uint64_t offset, uint64_t size,
                     bool enabled)
{
    struct board *b = bus->board;
    unsigned slot = bus->mmio_slot[range];
    struct decoded_range *r = &b->mmio[slot];
    assert(offset + size <= bus->vram_size + bus->vram_spare);
    assert(base >= r->base && base + size <= r->base + r->size);
    bus->vram_window.slot = enabled ? slot : 0;
    bus->vram_window.base = base;
    bus->vram_window.offset = offset;
    bus->vram_window.size = size;
    if (r->mapped)
        physmap_map_mmio(b->pm, r->base, r->size, &mmio_ops, r);
    show_vram_window(b, bus);
}

bool bus_vram_dirty(struct bus *bus, size_t offset, size_t len, uint8_t *bitmap)
{
    return physmap_take_dirty(bus->board->pm, bus->vram_offset + offset, len, PAGE_DIRTY_DISPLAY,
                              bitmap);
}

void bus_vram_wrote(struct bus *bus, size_t offset, size_t len)
{
    physmap_wrote(bus->board->pm, bus->vram_offset + offset, len);
}

/* --- The machine's fabric ---------------------------------------------------------------- */

size_t bus_dack(struct bus *bus, unsigned channel, struct dack *transfer)
{
    struct bus *client = channel < 8 ? bus->board->dma_channel[channel] : NULL;
    if (!client || !client->cls->dack)
        return 0;
    return client->cls->dack(client->state, channel, transfer);
}

int bus_interrupt_ack(struct bus *bus)
{
    struct bus *pic = bus->board->pic;
    return pic ? pic->cls->interrupt_ack(pic->state) : -1;
}

bool bus_apic_message(struct bus *bus, const struct apic_message *message)
{
    struct bus *lapic = bus->board->lapic;
    return lapic && lapic->cls->apic_message(lapic->state, message);
}

void bus_apic_eoi(struct bus *bus, uint8_t vector)
{
    struct bus *ioapic = bus->board->ioapic;
    if (ioapic && ioapic->cls->apic_eoi)
        ioapic->cls->apic_eoi(ioapic->state, vector);
}

uint32_t bus_pci_read(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg,
                      unsigned size)
{
    struct bus *target = pci_bus == 0 && devfn < 256 ? bus->board->pci[devfn] : NULL;
    if (!target || reg + size > 256)
        return UINT32_MAX >> (32 - 8 * size);
    return target->cls->pci_read(target->state, reg, size);
}

void bus_pci_write(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg, uint32_t value,
                   unsigned size)
{
    struct bus *target = pci_bus == 0 && devfn < 256 ? bus->board->pci[devfn] : NULL;
    if (target && reg + size <= 256)
        target->cls->pci_write(target->state, reg, value, size);
}

void bus_pam(struct bus *bus, unsigned segment, bool read_ram, bool write_ram)
{
    struct board *b = bus->board;
    assert(segment < PAM_SEGMENTS);
    uint64_t base = 0xC0000 + segment * UINT64_C(0x4000);
    uint64_t size = segment == PAM_SEGMENTS - 1 ? 0x10000 : 0x4000;
    uint64_t rom = b->rom_offset[segment];
    b->pam[segment] = (uint8_t)(read_ram | write_ram << 1);
    hide_windows(b); /* one may lie where there was no ROM */
    if (physmap_ram_size(b->pm) < base + size)
        read_ram = write_ram = false;
    if (read_ram && write_ram)
        physmap_map_ram(b->pm, base, size, base);
    else if (read_ram || rom != NO_BACKING)
        physmap_map_rom(b->pm, base, size, read_ram ? base : rom, write_ram ? base : NO_BACKING);
    else
        physmap_unmap(b->pm, base, size);
    show_windows(b);
}

struct log *bus_log(struct bus *bus)
{
    return bus->board->log;
}

void bus_machine(struct bus *bus, enum machine_request request)
{
    bus->board->host.machine(bus->board->host.ctx, request);
}

void bus_debug_exit(struct bus *bus, uint32_t value)
{
    bus->board->host.debug_exit(bus->board->host.ctx, value);
}

uint64_t bus_guest_pc(struct bus *bus)
{
    return bus->board->host.guest_pc ? bus->board->host.guest_pc(bus->board->host.ctx) : 0;
}
