/* The two chips are one device: the slave's INT output is the master's IR2, inside.
 *
 * A request of an edge-triggered input is latched by the rising edge and, as on the real chip, is
 * lost when the line falls before the INTA cycle; the INTA then finds nothing and answers with the
 * spurious vector 7. */
#include "devices/pic.h"

#include "devices/bus.h"

enum ocw2 {
    ROTATE_AEOI_CLEAR,
    EOI,
    OCW2_NOP,
    EOI_SPECIFIC,
    ROTATE_AEOI_SET,
    ROTATE_EOI,
    SET_PRIORITY,
    ROTATE_EOI_SPECIFIC
};

struct chip {
    uint8_t irr, isr, imr, elcr;
    uint8_t line;      /* levels at the inputs */
    uint8_t lowest;    /* the input of lowest priority, 0..7 */
    uint8_t init_step; /* 0: operating; 2, 3, 4: the ICW expected next */
    uint8_t icw1, icw3, icw4;
    uint8_t vector_base; /* ICW2, bits 7..3 */
    bool special_mask, rotate_aeoi, poll, read_isr;
};

struct pic {
    struct bus *bus;
    struct chip chip[2]; /* master, slave */
};

static const struct field chip_fields[] = {
    FIELD(struct chip, irr, "interrupt requests"),
    FIELD(struct chip, isr, "in service"),
    FIELD(struct chip, imr, "mask"),
    FIELD(struct chip, elcr, "level-triggered inputs"),
    FIELD(struct chip, line, "input levels"),
    FIELD(struct chip, lowest, "input of lowest priority"),
    FIELD(struct chip, init_step, "ICW expected next, 0: none"),
    FIELD(struct chip, icw1, "ICW1"),
    FIELD(struct chip, icw3, "ICW3"),
    FIELD(struct chip, icw4, "ICW4"),
    FIELD(struct chip, vector_base, "first vector"),
    FIELD(struct chip, special_mask, "special mask mode"),
    FIELD(struct chip, rotate_aeoi, "rotate in automatic EOI mode"),
    FIELD(struct chip, poll, "next read is a poll"),
    FIELD(struct chip, read_isr, "port reads ISR, not IRR"),
    FIELD_END,
};

static const struct field pic_fields[] = {
    FIELD_SUB(struct pic, chip, chip_fields, "master and slave"),
    FIELD_END,
};

/* How far input n stands from the top: 0 is the highest priority. */
static unsigned rank(const struct chip *c, unsigned n)
{
    return (n - c->lowest - 1) & 7;
}

/* The input of highest priority in set, or -1. */
static int highest(const struct chip *c, uint8_t set)
{
    for (unsigned i = 1; set && i <= 8; i++) {
        unsigned n = (c->lowest + i) & 7;
        if (set & BIT(n))
            return (int)n;
    }
    return -1;
}

/* The input that the chip asks for service, or -1: the highest request, when nothing of the same or
 * higher priority is in service. */
static int requesting(const struct chip *c, bool master)
{
    int want = highest(c, c->irr & (uint8_t)~c->imr);
    if (want < 0)
        return -1;
    uint8_t blocking = c->isr;
    if (c->special_mask)
        blocking &= (uint8_t)~c->imr;
    if (master &&
        c->icw4 & 0x10) /* special fully nested: the slave may interrupt its own service */
        blocking &= (uint8_t)~0x04;
    int busy = highest(c, blocking);
    if (busy >= 0 && rank(c, (unsigned)busy) <= rank(c, (unsigned)want))
        return -1;
    return want;
}

static void set_line(struct chip *c, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)BIT(n);
    bool was = c->line & bit;
    if (!level) {
        c->line &= (uint8_t)~bit;
        c->irr &= (uint8_t)~bit;
        return;
    }
    c->line |= bit;
    if (!was || c->elcr & bit)
        c->irr |= bit;
}

static void update(struct pic *p)
{
    set_line(&p->chip[0], 2, requesting(&p->chip[1], false) >= 0);
    bus_irq(p->bus, PIC_INTR, requesting(&p->chip[0], true) >= 0);
}

static void end_of_interrupt(struct chip *c, int n, bool rotate)
{
    if (n < 0)
        return;
    c->isr &= (uint8_t)~BIT(n);
    if (rotate)
        c->lowest = (uint8_t)n;
}

/* The INTA cycle of one chip: returns the input number, 7 when spurious. */
static unsigned acknowledge(struct chip *c, bool master)
{
    int n = requesting(c, master);
    if (n < 0)
        return 7;
    uint8_t bit = (uint8_t)BIT(n);
    if (!(c->elcr & bit))
        c->irr &= (uint8_t)~bit;
    if (c->icw4 & 0x02) {
        if (c->rotate_aeoi)
            c->lowest = (uint8_t)n;
    } else {
        c->isr |= bit;
    }
    return (unsigned)n;
}

/* After the slave's INTA its INT output goes low for a moment, so a further request is a new edge
 * for the master. */
static unsigned acknowledge_slave(struct pic *p)
{
    unsigned n = acknowledge(&p->chip[1], false);
    set_line(&p->chip[0], 2, false);
    return n;
}

static int pic_interrupt_ack(void *state)
{
    struct pic *p = state;
    unsigned n = acknowledge(&p->chip[0], true);
    int vector = p->chip[0].vector_base + (int)n;
    if (n == 2)
        vector = p->chip[1].vector_base + (int)acknowledge_slave(p);
    update(p);
    return vector;
}

/* --- Registers ----------------------------------------------------------------------------- */

static void start_init(struct pic *p, struct chip *c, uint8_t value)
{
    c->icw1 = value;
    c->imr = 0;
    c->isr = 0;
    c->irr = c->line & c->elcr; /* edge latches are reset: a new edge is needed */
    c->lowest = 7;
    c->special_mask = c->read_isr = c->poll = c->rotate_aeoi = false;
    c->init_step = 2;
    if (!(value & 0x01))
        c->icw4 = 0;
    if (value & 0x02)
        log_once(bus_log(p->bus), bus_guest_pc(p->bus), "pic: single mode (ICW1 %02x) is ignored",
                 value);
}

static void write_ocw2(struct chip *c, uint8_t value)
{
    unsigned level = value & 7;
    /* In special mask mode a non-specific EOI does not see masked levels. */
    int top = highest(c, c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr);
    switch ((enum ocw2)(value >> 5)) {
    case ROTATE_AEOI_CLEAR:
        c->rotate_aeoi = false;
        break;
    case ROTATE_AEOI_SET:
        c->rotate_aeoi = true;
        break;
    case EOI:
    case ROTATE_EOI:
        end_of_interrupt(c, top, value & 0x80);
        break;
    case EOI_SPECIFIC:
    case ROTATE_EOI_SPECIFIC:
        end_of_interrupt(c, (int)level, value & 0x80);
        break;
    case SET_PRIORITY:
        c->lowest = (uint8_t)level;
        break;
    case OCW2_NOP:
        break;
    }
}

static void write_ocw3(struct chip *c, uint8_t value)
{
    if (value & 0x40)
        c->special_mask = value & 0x20;
    if (value & 0x04)
        c->poll = true;
    if (value & 0x02)
        c->read_isr = value & 0x01;
}

static void write_data(struct pic *p, struct chip *c, uint8_t value)
{
    switch (c->init_step) {
    case 2:
        c->vector_base = value & 0xF8;
        c->init_step = c->icw1 & 0x02 ? (c->icw1 & 0x01 ? 4 : 0) : 3;
        return;
    case 3:
        c->icw3 = value;
        c->init_step = c->icw1 & 0x01 ? 4 : 0;
        return;
    case 4:
        c->icw4 = value;
        c->init_step = 0;
        if (!(value & 0x01))
            log_once(bus_log(p->bus), bus_guest_pc(p->bus), "pic: MCS-80 mode is not implemented");
        return;
    default:
        c->imr = value;
    }
}

static void pic_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct pic *p = state;
    (void)size;
    if (range == 2) { /* 82371SB: IRQ0-2, 8 and 13 are always edge-triggered */
        struct chip *c = &p->chip[offset & 1];
        c->elcr = (uint8_t)value & (offset & 1 ? 0xDE : 0xF8);
        c->irr |= c->line & c->elcr;
    } else {
        struct chip *c = &p->chip[range & 1];
        if (offset)
            write_data(p, c, (uint8_t)value);
        else if (value & 0x10)
            start_init(p, c, (uint8_t)value);
        else if (value & 0x08)
            write_ocw3(c, (uint8_t)value);
        else
            write_ocw2(c, (uint8_t)value);
    }
    update(p);
}

static uint32_t poll(struct pic *p, unsigned which)
{
    struct chip *c = &p->chip[which];
    c->poll = false;
    if (requesting(c, which == 0) < 0)
        return 0;
    unsigned n = which ? acknowledge_slave(p) : acknowledge(c, true);
    update(p);
    return 0x80 | n;
}

static uint32_t pic_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct pic *p = state;
    (void)size;
    if (range == 2)
        return p->chip[offset & 1].elcr;
    struct chip *c = &p->chip[range & 1];
    if (c->poll)
        return poll(p, range & 1);
    if (offset)
        return c->imr;
    return c->read_isr ? c->isr : c->irr;
}

static void pic_input(void *state, unsigned pin, bool level)
{
    struct pic *p = state;
    if (pin == 2)
        return;
    set_line(&p->chip[pin >> 3 & 1], pin & 7, level);
    update(p);
}

static const char *pic_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct pic *)state)->bus = bus;
    return NULL;
}

/* The 8259A has no reset pin; a PC's reset leaves it to be initialized. All masked until then. */
static void pic_reset(void *state)
{
    struct pic *p = state;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t line = p->chip[i].line;
        p->chip[i] = (struct chip){.line = line, .imr = 0xFF, .lowest = 7, .icw4 = 1};
        p->chip[i].vector_base = i ? 0x70 : 0x08;
    }
    update(p);
}

static void pic_loaded(void *state)
{
    struct pic *p = state;
    for (unsigned i = 0; i < 2; i++)
        p->chip[i].lowest &= 7;
    bus_irq(p->bus, PIC_INTR, requesting(&p->chip[0], true) >= 0);
}

static const struct port_range pic_ports[] = {
    {0x20, 2, SIZE_1}, {0xA0, 2, SIZE_1}, {0x4D0, 2, SIZE_1}};
static const char *const pic_outputs[] = {"INTR"};
static const char *const pic_inputs[] = {"IRQ0",  "IRQ1",  "IRQ2",  "IRQ3", "IRQ4",  "IRQ5",
                                         "IRQ6",  "IRQ7",  "IRQ8",  "IRQ9", "IRQ10", "IRQ11",
                                         "IRQ12", "IRQ13", "IRQ14", "IRQ15"};

const struct device_class pic_class = {
    .name = "pic",
    .title = "8259A interrupt controllers",
    .state_size = sizeof(struct pic),
    .fields = pic_fields,
    .ports = pic_ports,
    .port_count = ARRAY_LEN(pic_ports),
    .outputs = pic_outputs,
    .output_count = ARRAY_LEN(pic_outputs),
    .inputs = pic_inputs,
    .input_count = ARRAY_LEN(pic_inputs),
    .init = pic_init,
    .reset = pic_reset,
    .port_read = pic_port_read,
    .port_write = pic_port_write,
    .input = pic_input,
    .interrupt_ack = pic_interrupt_ack,
    .loaded = pic_loaded,
};
