#include "devices/fpuirq.h"

#include "devices/bus.h"

struct fpuirq {
    struct bus *bus;
    bool ferr, irq, ignne;
};

static const struct field fpuirq_fields[] = {
    FIELD(struct fpuirq, ferr, "FERR# asserted"),
    FIELD(struct fpuirq, irq, "IRQ 13 latched"),
    FIELD(struct fpuirq, ignne, "IGNNE# asserted"),
    FIELD_END,
};

static void drive(void *state)
{
    struct fpuirq *f = state;
    bus_irq(f->bus, FPUIRQ_IRQ13, f->irq);
    bus_irq(f->bus, FPUIRQ_IGNNE, f->ignne);
}

static void fpuirq_input(void *state, unsigned pin, bool level)
{
    struct fpuirq *f = state;
    (void)pin;
    if (level && !f->ferr)
        f->irq = true;
    if (!level)
        f->ignne = false;
    f->ferr = level;
    drive(f);
}

static void fpuirq_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                              unsigned size)
{
    struct fpuirq *f = state;
    (void)range;
    (void)offset; /* F1h resets a separate 80287 on an AT; here it only clears the interrupt too */
    (void)value;
    (void)size;
    f->irq = false;
    f->ignne = f->ferr;
    drive(f);
}

static const char *fpuirq_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct fpuirq *)state)->bus = bus;
    return NULL;
}

static void fpuirq_reset(void *state)
{
    struct fpuirq *f = state;
    f->irq = f->ignne = false;
    drive(f);
}

static const struct port_range fpuirq_ports[] = {{0xF0, 2, SIZE_1}};
static const char *const fpuirq_outputs[] = {"IRQ13", "IGNNE"};
static const char *const fpuirq_inputs[] = {"FERR"};

const struct device_class fpuirq_class = {
    .name = "fpuirq",
    .title = "x87 error latch",
    .state_size = sizeof(struct fpuirq),
    .fields = fpuirq_fields,
    .ports = fpuirq_ports,
    .port_count = ARRAY_LEN(fpuirq_ports),
    .outputs = fpuirq_outputs,
    .output_count = ARRAY_LEN(fpuirq_outputs),
    .inputs = fpuirq_inputs,
    .input_count = ARRAY_LEN(fpuirq_inputs),
    .init = fpuirq_init,
    .reset = fpuirq_reset,
    .port_write = fpuirq_port_write,
    .input = fpuirq_input,
    .loaded = drive,
};
