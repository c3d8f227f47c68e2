#include "devices/pci/i440fx.h"

#include "devices/bus.h"
#include "devices/pci/config.h"

#define PAM0         0x59 /* bits 7..4: F0000-FFFFF */
#define PAM_LAST     0x5F
#define SMRAM        0x72
#define RESET_CPU    0x04
#define ADDRESS_MASK 0x80FFFFFC

struct i440fx {
    struct bus *bus;
    struct pci_config pci;
    uint32_t address; /* CF8h: enable, bus, device, function, register */
    uint8_t reset_control;
};

/* PAM nibbles: bit 0 reads go to RAM, bit 1 writes go to RAM. PAM1..6 cover 16 KiB each half:
 * low nibble the lower one, C0000 upwards; PAM0's high nibble is F0000-FFFFF. */
static void apply_pam(struct i440fx *h)
{
    for (unsigned n = 0; n < 12; n++) {
        unsigned nibble = h->pci.space[PAM0 + 1 + n / 2] >> (n & 1 ? 4 : 0);
        bus_pam(h->bus, n, nibble & 1, nibble & 2);
    }
    unsigned nibble = h->pci.space[PAM0] >> 4;
    bus_pam(h->bus, 12, nibble & 1, nibble & 2);
}

/* Ports CF8..CFF. An access to the data window at CFC + n reaches byte n of the register. */
static uint32_t port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct i440fx *h = state;
    (void)range;
    if (offset < 4) {
        if (offset == 1 && size == 1)
            return h->reset_control;
        return h->address >> (8 * offset);
    }
    if (!(h->address >> 31))
        return UINT32_MAX;
    return bus_pci_read(h->bus, h->address >> 16 & 0xFF, h->address >> 8 & 0xFF,
                        (h->address & 0xFC) + (offset & 3), size);
}

static void port_write(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size)
{
    struct i440fx *h = state;
    (void)range;
    if (offset == 0 && size == 4) {
        h->address = value & ADDRESS_MASK;
    } else if (offset == 1 && size == 1) {
        bool rises = !(h->reset_control & RESET_CPU) && value & RESET_CPU;
        h->reset_control = value & 0x06;
        if (rises)
            bus_machine(h->bus, MACHINE_RESET);
    } else if (offset >= 4 && h->address >> 31) {
        bus_pci_write(h->bus, h->address >> 16 & 0xFF, h->address >> 8 & 0xFF,
                      (h->address & 0xFC) + (offset & 3), value, size);
    }
}

static uint32_t pci_read(void *state, unsigned reg, unsigned size)
{
    struct i440fx *h = state;
    return pci_config_read(&h->pci, reg, size);
}

static void pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct i440fx *h = state;
    uint8_t before[PAM_LAST - PAM0 + 1];
    memcpy(before, &h->pci.space[PAM0], sizeof before);
    pci_config_write(&h->pci, h->bus, reg, value, size);
    if (memcmp(before, &h->pci.space[PAM0], sizeof before) != 0)
        apply_pam(h);
}

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct i440fx *h = state;
    (void)config;
    h->bus = bus;
    /* The subsystem is how firmware that knows this family of virtual boards recognises it. */
    pci_config_init(&h->pci, &(struct pci_identity){.vendor = 0x8086,
                                                    .device = 0x1237,
                                                    .revision = 2,
                                                    .class_code = 0x060000,
                                                    .subsystem_vendor = 0x1AF4,
                                                    .subsystem = 0x1100,
                                                    .command_mask = 0x0102});
    pci_config_set(&h->pci, PCI_COMMAND, 2, 0x0006, 0x0102);
    pci_config_set(&h->pci, PCI_STATUS, 2, 0x0280, 0);
    for (unsigned reg = PAM0; reg <= PAM_LAST; reg++)
        pci_config_set(&h->pci, reg, 1, 0, reg == PAM0 ? 0xF0 : 0xFF);
    for (unsigned reg = 0x60; reg <= 0x67; reg++) /* DRAM row boundaries: firmware's scratch here */
        pci_config_set(&h->pci, reg, 1, 1, 0xFF);
    pci_config_set(&h->pci, SMRAM, 1, 0x02, 0x78);
    return NULL;
}

static void reset(void *state)
{
    struct i440fx *h = state;
    pci_config_reset(&h->pci, h->bus);
    h->address = 0;
    h->reset_control = 0;
    apply_pam(h);
}

static const struct field fields[] = {
    FIELD_SUB1(struct i440fx, pci, pci_config_fields, "configuration space"),
    FIELD(struct i440fx, address, "configuration address (CF8h)"),
    FIELD(struct i440fx, reset_control, "reset control (CF9h)"),
    FIELD_END,
};
static const struct port_range ports[] = {{0xCF8, 8, SIZE_1 | SIZE_2 | SIZE_4}};

const struct device_class i440fx_class = {
    .name = "i440fx",
    .title = "82441FX host bridge",
    .state_size = sizeof(struct i440fx),
    .fields = fields,
    .ports = ports,
    .port_count = ARRAY_LEN(ports),
    .init = init,
    .reset = reset,
    .port_read = port_read,
    .port_write = port_write,
    .pci_read = pci_read,
    .pci_write = pci_write,
};
