#include "devices/pci/config.h"

#include "devices/bus.h"

const struct field pci_config_fields[] = {
    FIELD_ARRAY(struct pci_config, space, "configuration space"),
    FIELD_END,
};

void pci_config_set(struct pci_config *c, unsigned reg, unsigned size, uint32_t value,
                    uint32_t writable)
{
    for (unsigned i = 0; i < size && reg + i < 256; i++) {
        c->space[reg + i] = c->reset_space[reg + i] = (uint8_t)(value >> (8 * i));
        c->mask[reg + i] = (uint8_t)(writable >> (8 * i));
    }
}

void pci_config_init(struct pci_config *c, const struct pci_identity *id)
{
    pci_config_set(c, PCI_VENDOR, 2, id->vendor, 0);
    pci_config_set(c, PCI_DEVICE, 2, id->device, 0);
    pci_config_set(c, PCI_COMMAND, 2, 0, id->command_mask);
    pci_config_set(c, PCI_REVISION, 4, id->revision | id->class_code << 8, 0);
    pci_config_set(c, 0x0D, 1, 0, 0xF8); /* latency timer */
    pci_config_set(c, PCI_HEADER_TYPE, 1, id->multifunction ? 0x80 : 0, 0);
    pci_config_set(c, PCI_SUBSYSTEM, 4, id->subsystem_vendor | (uint32_t)id->subsystem << 16, 0);
    pci_config_set(c, PCI_INTERRUPT_LINE, 1, 0, 0xFF);
    pci_config_set(c, PCI_INTERRUPT_PIN, 1, id->interrupt_pin, 0);
}

void pci_config_bar(struct pci_config *c, unsigned n, struct pci_bar bar)
{
    uint32_t kind = bar.kind == BAR_PORTS ? 1 : bar.prefetchable ? 8 : 0;
    c->bar[n] = bar;
    pci_config_set(c, PCI_BAR0 + 4 * n, 4, kind, ~(bar.size - 1));
}

uint32_t pci_config_bar_base(const struct pci_config *c, unsigned n, bool *enabled)
{
    const struct pci_bar *bar = &c->bar[n];
    uint32_t base = load_le32(&c->space[PCI_BAR0 + 4 * n]) & ~(bar->size - 1);
    uint16_t command = pci_config_get16(c, PCI_COMMAND);
    bool decodes = command & (bar->kind == BAR_PORTS ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
    uint64_t end = (uint64_t)base + bar->size;
    /* All ones is how a BAR is sized, zero is "not assigned". */
    *enabled = bar->kind != BAR_NONE && decodes && base &&
               end <= (bar->kind == BAR_PORTS ? 0x10000 : UINT64_C(0xFFFFFFFF));
    return base;
}

static void place_bar(struct pci_config *c, struct bus *bus, unsigned n)
{
    bool enabled;
    uint32_t base = pci_config_bar_base(c, n, &enabled);
    switch (c->bar[n].kind) {
    case BAR_PORTS:
        bus_port_map(bus, c->bar[n].index, (uint16_t)base, enabled);
        break;
    case BAR_MMIO:
        bus_mmio_map(bus, c->bar[n].index, base, enabled);
        break;
    case BAR_VRAM:
        bus_vram_map(bus, base, enabled);
        break;
    }
}

void pci_config_reset(struct pci_config *c, struct bus *bus)
{
    memcpy(c->space, c->reset_space, sizeof c->space);
    for (unsigned n = 0; n < PCI_BARS; n++)
        place_bar(c, bus, n);
}

void pci_config_loaded(struct pci_config *c, struct bus *bus)
{
    for (unsigned i = 0; i < 256; i++)
        c->space[i] = (uint8_t)((c->space[i] & c->mask[i]) | (c->reset_space[i] & ~c->mask[i]));
    for (unsigned n = 0; n < PCI_BARS; n++)
        place_bar(c, bus, n);
}

uint32_t pci_config_read(const struct pci_config *c, unsigned reg, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size && reg + i < 256; i++)
        value |= (uint32_t)c->space[reg + i] << (8 * i);
    return value;
}

void pci_config_write(struct pci_config *c, struct bus *bus, unsigned reg, uint32_t value,
                      unsigned size)
{
    uint8_t before[256];
    memcpy(before, c->space, sizeof before);
    for (unsigned i = 0; i < size && reg + i < 256; i++) {
        uint8_t mask = c->mask[reg + i];
        uint8_t byte = (uint8_t)(value >> (8 * i));
        c->space[reg + i] = (uint8_t)((c->space[reg + i] & ~mask) | (byte & mask));
    }
    bool command = memcmp(&before[PCI_COMMAND], &c->space[PCI_COMMAND], 2) != 0;
    for (unsigned n = 0; n < PCI_BARS; n++) {
        unsigned at = PCI_BAR0 + 4 * n;
        if (c->bar[n].kind && (command || memcmp(&before[at], &c->space[at], 4) != 0))
            place_bar(c, bus, n);
    }
}
