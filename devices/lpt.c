#include "devices/lpt.h"

#include "devices/bus.h"

/* Status, bits as read: 7 not busy, 6 ACK# (low pulse), 5 paper out, 4 selected, 3 error#, 0 the
 * time-out of an EPP cycle, of which there are none (SeaBIOS takes this bit for INT 17h's own).
 * The pulse begins with the end of the strobe and lasts until somebody has seen it, for at least
 * 5 us: firmware polls for it and must not miss it when the host is slow.
 * Control: 5 direction, 4 IRQ enable, 3 select in, 2 init# (0 resets), 1 auto feed, 0 strobe. */
#define STATUS_NOT_BUSY 0x80
#define STATUS_ACK      0x40
#define STATUS_SELECT   0x10
#define STATUS_NO_ERROR 0x08
#define STATUS_RESERVED 0x06
#define CONTROL_STROBE  0x01
#define CONTROL_IRQ     0x10
#define CONTROL_INPUT   0x20
#define CONTROL_MASK    0x3F
#define ACK_DELAY_NS    5000

struct lpt {
    struct bus *bus;
    const struct lpt_config *config;
    uint8_t data, control;
    bool ack;      /* ACK# is low */
    bool ack_seen; /* and somebody has read it */
    bool ack_over; /* its 5 us have passed (IRQ) */
};

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct lpt *l = state;
    l->bus = bus;
    l->config = config;
    return NULL;
}

static void reset(void *state)
{
    struct lpt *l = state;
    l->data = 0;
    l->control = 0x0C;
    l->ack = l->ack_seen = l->ack_over = false;
    bus_irq(l->bus, 0, false);
    bus_timer_cancel(l->bus, 0);
}

static uint32_t port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct lpt *l = state;
    (void)range;
    (void)size;
    if (offset == 0) /* no device drives the lines when they are inputs */
        return l->control & CONTROL_INPUT ? 0xFF : l->data;
    if (offset == 1) {
        uint8_t ack = l->ack ? 0 : STATUS_ACK;
        bus_irq(l->bus, 0, false);
        l->ack_seen = true;
        if (l->ack_over)
            l->ack = false;
        return STATUS_NOT_BUSY | ack | STATUS_SELECT | STATUS_NO_ERROR | STATUS_RESERVED;
    }
    return l->control | 0xC0;
}

static void port_write(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size)
{
    struct lpt *l = state;
    (void)range;
    (void)size;
    if (offset == 0) {
        l->data = (uint8_t)value;
    } else if (offset == 2) {
        bool was = l->control & CONTROL_STROBE, is = value & CONTROL_STROBE;
        l->control = value & CONTROL_MASK;
        if (!(value & CONTROL_IRQ))
            bus_irq(l->bus, 0, false);
        if (!was && is)
            char_write(&l->config->out, l->data);
        if (was && !is) {
            l->ack = true;
            l->ack_seen = l->ack_over = false;
            bus_timer(l->bus, 0, bus_now(l->bus) + ACK_DELAY_NS);
        }
    }
}

static void timer(void *state, unsigned id, uint64_t now_ns)
{
    struct lpt *l = state;
    (void)id;
    (void)now_ns;
    l->ack_over = true;
    if (l->ack_seen)
        l->ack = false;
    if (l->control & CONTROL_IRQ)
        bus_irq(l->bus, 0, true);
}

static const struct field fields[] = {
    FIELD(struct lpt, data, "data register"),
    FIELD(struct lpt, control, "control register"),
    FIELD(struct lpt, ack, "ACK# is low"),
    FIELD(struct lpt, ack_seen, "ACK# was read while low"),
    FIELD(struct lpt, ack_over, "the ACK# pulse is over"),
    FIELD_END,
};
static const struct port_range ports[] = {{0x378, 3, SIZE_1}};
static const char *const outputs[] = {"IRQ"};

const struct device_class lpt_class = {
    .name = "lpt",
    .title = "parallel port",
    .state_size = sizeof(struct lpt),
    .fields = fields,
    .ports = ports,
    .port_count = ARRAY_LEN(ports),
    .outputs = outputs,
    .output_count = ARRAY_LEN(outputs),
    .timer_count = 1,
    .init = init,
    .reset = reset,
    .port_read = port_read,
    .port_write = port_write,
    .timer = timer,
};
