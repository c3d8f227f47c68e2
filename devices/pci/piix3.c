#include "devices/pci/piix3.h"

#include "devices/bus.h"
#include "devices/pci/config.h"

#define PIRQRCA    0x60 /* route control, one byte a line: bit 7 off, bits 3..0 IRQ */
#define ROUTE_OFF  0x80
#define OUT_PIRQ   16
#define VALID_IRQS 0xDEF8 /* 3-7, 9-12, 14, 15 */

struct piix3 {
    struct bus *bus;
    struct pci_config pci;
    bool input[32 * 4]; /* levels of the slots' lines */
};

/* Which PIRQ lines are asserted. */
static unsigned pirq_levels(const struct piix3 *p)
{
    unsigned levels = 0;
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned line = 0; line < 4; line++) {
            if (p->input[piix3_input(slot, line)])
                levels |= 1u << ((slot + line + 3) & 3);
        }
    }
    return levels;
}

static void update(struct piix3 *p)
{
    unsigned levels = pirq_levels(p);
    unsigned irqs = 0;
    for (unsigned n = 0; n < 4; n++) {
        uint8_t route = p->pci.space[PIRQRCA + n];
        if (levels >> n & 1 && !(route & ROUTE_OFF))
            irqs |= 1u << (route & 15);
        bus_irq(p->bus, OUT_PIRQ + n, levels >> n & 1);
    }
    for (unsigned n = 0; n < 16; n++)
        bus_irq(p->bus, n, irqs & VALID_IRQS & 1u << n);
}

static void input(void *state, unsigned pin, bool level)
{
    struct piix3 *p = state;
    p->input[pin] = level;
    update(p);
}

static uint32_t pci_read(void *state, unsigned reg, unsigned size)
{
    struct piix3 *p = state;
    return pci_config_read(&p->pci, reg, size);
}

static void pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct piix3 *p = state;
    pci_config_write(&p->pci, p->bus, reg, value, size);
    update(p);
}

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct piix3 *p = state;
    (void)config;
    p->bus = bus;
    pci_config_init(&p->pci, &(struct pci_identity){.vendor = 0x8086,
                                                    .device = 0x7000,
                                                    .class_code = 0x060100,
                                                    .subsystem_vendor = 0x1AF4,
                                                    .subsystem = 0x1100,
                                                    .multifunction = true,
                                                    .command_mask = 0x0008});
    pci_config_set(&p->pci, PCI_COMMAND, 2, 0x0007, 0x0008);
    pci_config_set(&p->pci, PCI_STATUS, 2, 0x0200, 0);
    pci_config_set(&p->pci, 0x4C, 1, 0x4D, 0x7F);     /* ISA I/O recovery */
    pci_config_set(&p->pci, 0x4E, 2, 0x0003, 0x09FF); /* X-bus chip selects */
    for (unsigned n = 0; n < 4; n++)
        pci_config_set(&p->pci, PIRQRCA + n, 1, ROUTE_OFF, 0x8F);
    pci_config_set(&p->pci, 0x69, 1, 0x02, 0xFE);     /* top of memory for ISA masters */
    pci_config_set(&p->pci, 0x70, 1, 0x80, 0xCF);     /* motherboard device route */
    pci_config_set(&p->pci, 0x76, 2, 0x0C0C, 0x8F8F); /* motherboard DMA */
    pci_config_set(&p->pci, 0x82, 1, 0, 0xFF);        /* DMA and delayed-transaction control */
    pci_config_set(&p->pci, 0xA0, 1, 0x08, 0x0F);
    return NULL;
}

static void reset(void *state)
{
    struct piix3 *p = state;
    pci_config_reset(&p->pci, p->bus);
    update(p);
}

static const struct field fields[] = {
    FIELD_SUB1(struct piix3, pci, pci_config_fields, "configuration space"),
    FIELD_ARRAY(struct piix3, input, "levels of the PCI slots' interrupt lines"),
    FIELD_END,
};
static const char *const outputs[] = {"IRQ0",  "IRQ1",  "IRQ2",  "IRQ3",  "IRQ4",  "IRQ5",  "IRQ6",
                                      "IRQ7",  "IRQ8",  "IRQ9",  "IRQ10", "IRQ11", "IRQ12", "IRQ13",
                                      "IRQ14", "IRQ15", "PIRQA", "PIRQB", "PIRQC", "PIRQD"};

const struct device_class piix3_class = {
    .name = "piix3",
    .title = "82371SB PCI-to-ISA bridge",
    .state_size = sizeof(struct piix3),
    .fields = fields,
    .outputs = outputs,
    .output_count = ARRAY_LEN(outputs),
    .input_count = 32 * 4,
    .init = init,
    .reset = reset,
    .input = input,
    .pci_read = pci_read,
    .pci_write = pci_write,
};
