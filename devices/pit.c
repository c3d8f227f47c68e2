/* A counter is described by the tick at which it was loaded and its count N. e is the number of
 * ticks since then (frozen while the gate of modes 0 and 4 is low):
 *
 *   mode  OUT                          counter
 *   0     high from e = N              N - e
 *   1     low for e < N                N - e             (e from the gate's edge)
 *   2     low when e mod N = N-1       N - e mod N
 *   3     high for ceil(N/2) of N      N - 2 (e mod N/2), N-1 for N when N is odd
 *   4, 5  low when e = N               N - e             (5: e from the gate's edge)
 */
#include "devices/pit.h"

#include "devices/bus.h"

#define MIN_EVENT_TICKS 12 /* edges of counter 0 closer than 10 us are taken together */

struct counter {
    uint64_t start;     /* tick of the load */
    uint64_t frozen;    /* e while stopped */
    uint64_t switch_at; /* modes 2, 3: tick when next_count takes over */
    uint32_t count;     /* N in use, 1..65536 */
    uint32_t next_count;
    uint16_t written; /* count register as written so far */
    uint16_t latch;   /* latched count */
    uint8_t mode, rw; /* as in the control word */
    bool bcd, gate;
    bool loaded;                /* a count was written since the control word */
    bool running;               /* counting: loaded, and gate or trigger allow */
    bool triggered;             /* modes 1, 5: the gate has risen since the count was written */
    bool pending;               /* next_count waits for switch_at */
    bool write_high, read_high; /* the next byte of a pair is the high one */
    bool count_latched, status_latched;
    uint8_t status;
};

struct pit {
    struct bus *bus;
    struct counter counter[3];
    uint8_t port61; /* bits 0..3 */
};

static const struct field counter_fields[] = {
    FIELD(struct counter, start, "tick of the load"),
    FIELD(struct counter, frozen, "ticks counted when stopped"),
    FIELD(struct counter, switch_at, "tick when the next count takes over"),
    FIELD(struct counter, count, "count in use"),
    FIELD(struct counter, next_count, "next count"),
    FIELD(struct counter, written, "count register"),
    FIELD(struct counter, latch, "latched count"),
    FIELD(struct counter, mode, "mode"),
    FIELD(struct counter, rw, "byte access mode"),
    FIELD(struct counter, bcd, "counts in BCD"),
    FIELD(struct counter, gate, "gate input"),
    FIELD(struct counter, loaded, "a count was written"),
    FIELD(struct counter, running, "counting"),
    FIELD(struct counter, triggered, "triggered by the gate"),
    FIELD(struct counter, pending, "a next count waits"),
    FIELD(struct counter, write_high, "next write is the high byte"),
    FIELD(struct counter, read_high, "next read is the high byte"),
    FIELD(struct counter, count_latched, "count is latched"),
    FIELD(struct counter, status_latched, "status is latched"),
    FIELD(struct counter, status, "latched status"),
    FIELD_END,
};

static const struct field pit_fields[] = {
    FIELD_SUB(struct pit, counter, counter_fields, "counters"),
    FIELD(struct pit, port61, "port 61h, bits 0 to 3"),
    FIELD_END,
};

/* 105 ticks are 88000 ns. */
static uint64_t ticks_at(uint64_t ns)
{
    return ns / 88000 * 105 + ns % 88000 * 105 / 88000;
}

/* The first ns at which ticks_at gives tick. */
static uint64_t ns_of(uint64_t tick)
{
    return tick / 105 * 88000 + (tick % 105 * 88000 + 104) / 105;
}

static uint64_t now_ticks(const struct pit *p)
{
    return ticks_at(bus_now(p->bus));
}

static uint32_t modulus(const struct counter *c)
{
    return c->bcd ? 10000 : 65536;
}

/* v as a count, 1..modulus: 0 stands for the modulus. */
static uint32_t within_modulus(const struct counter *c, uint32_t v)
{
    v %= modulus(c);
    return v ? v : modulus(c);
}

/* e, the ticks counted. The load itself takes one tick, during which e is 0. */
static uint64_t elapsed(const struct counter *c, uint64_t now)
{
    if (!c->running)
        return c->frozen;
    return (int64_t)(now - c->start) > 0 ? now - c->start : 0;
}

static uint32_t high_ticks(uint32_t n)
{
    return (n + 1) / 2;
}

static bool output(const struct counter *c, uint64_t now)
{
    uint64_t e = elapsed(c, now);
    uint32_t n = c->count;
    if (!c->loaded)
        return c->mode != 0;
    switch (c->mode) {
    case 0:
        return !c->write_high && e >= n;
    case 1:
        return !c->triggered || e >= n;
    case 2:
        return !c->running || e % n != n - 1 || n == 1;
    case 3:
        return !c->running || e % n < high_ticks(n);
    case 5:
        return !c->triggered || e != n;
    default:
        return e != n;
    }
}

/* The counting element as a number (not yet BCD). */
static uint32_t value(const struct counter *c, uint64_t now)
{
    uint64_t e = elapsed(c, now);
    uint32_t n = c->count, m = modulus(c);
    if (c->mode == 2)
        return n - (uint32_t)(e % n);
    if (c->mode == 3) {
        uint32_t at = (uint32_t)(e % n), high = high_ticks(n);
        return (n & ~1u) - 2 * (at < high ? at : at - high);
    }
    return (uint32_t)((n + m - e % m) % m);
}

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static uint16_t count_register(const struct counter *c, uint64_t now)
{
    uint32_t v = value(c, now);
    return c->bcd ? to_bcd(v) : (uint16_t)v;
}

/* Lets a waiting count take over when its time has come. */
static void sync(struct counter *c, uint64_t now)
{
    if (!c->pending || !c->running || (int64_t)(now - c->switch_at) < 0)
        return;
    bool low_half = c->mode == 3 && (c->switch_at - c->start) % c->count;
    c->count = c->next_count;
    c->start = c->switch_at - (low_half ? high_ticks(c->count) : 0);
    c->pending = false;
}

/* --- Counter 0's edges --------------------------------------------------------------------- */

/* The tick of the next edge worth an event, after now; 0 when there is none. Low pulses of one
 * tick (modes 2, 4, 5) are one event, at their end: the PIC latches rising edges. */
static uint64_t next_edge(const struct counter *c, uint64_t now)
{
    if (!c->loaded || !c->running)
        return 0;
    uint64_t e = elapsed(c, now), n = c->count;
    uint64_t base = c->start, at;
    switch (c->mode) {
    case 2:
    case 3:
        if (n < MIN_EVENT_TICKS)
            at = (e / n + (MIN_EVENT_TICKS + n - 1) / n) * n;
        else if (c->mode == 3 && e % n < high_ticks((uint32_t)n))
            at = e / n * n + high_ticks((uint32_t)n);
        else
            at = (e / n + 1) * n;
        if (c->pending && base + at > c->switch_at)
            return c->switch_at;
        return base + at;
    case 4:
    case 5:
        n++;
        break;
    default:
        break;
    }
    return e < n ? base + n : 0;
}

static void schedule(struct pit *p)
{
    uint64_t at = next_edge(&p->counter[0], now_ticks(p));
    if (at)
        bus_timer(p->bus, 0, ns_of(at));
    else
        bus_timer_cancel(p->bus, 0);
}

static void drive(struct pit *p)
{
    bus_irq(p->bus, PIT_OUT0, output(&p->counter[0], now_ticks(p)));
}

static void pit_timer(void *state, unsigned timer, uint64_t now_ns)
{
    struct pit *p = state;
    struct counter *c = &p->counter[0];
    (void)timer;
    uint64_t now = ticks_at(now_ns);
    /* A pulse of one tick that has just ended, or several edges taken together: an edge. */
    if (output(c, now) && (c->mode != 3 || c->count < MIN_EVENT_TICKS))
        bus_irq(p->bus, PIT_OUT0, false);
    sync(c, now);
    drive(p);
    schedule(p);
}

/* --- Gate and registers -------------------------------------------------------------------- */

static void set_gate(struct counter *c, bool level, uint64_t now)
{
    if (c->gate == level)
        return;
    sync(c, now);
    c->gate = level;
    if (!c->loaded)
        return;
    switch (c->mode) {
    case 0:
    case 4: /* the level enables counting */
        c->frozen = elapsed(c, now);
        c->running = level;
        c->start = now - c->frozen;
        break;
    case 2:
    case 3: /* low stops, the rising edge loads */
        c->frozen = elapsed(c, now) % c->count;
        c->running = level;
        break;
    default:
        break;
    }
    if (level && c->mode != 0 && c->mode != 4) {
        c->count = c->next_count;
        c->pending = false;
        c->triggered = c->running = true;
        c->start = now + 1;
    }
}

static uint32_t count_of(const struct counter *c)
{
    uint32_t v = c->written;
    if (c->bcd)
        v = (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12) * 1000;
    return within_modulus(c, v);
}

/* The whole count has been written. */
static void load_count(struct counter *c, uint64_t now)
{
    c->next_count = count_of(c);
    if (c->mode == 1 || c->mode == 5) { /* waits for the gate */
        if (!c->loaded)
            c->count = c->next_count;
        c->loaded = true;
        return;
    }
    if (c->loaded && c->running && (c->mode == 2 || c->mode == 3)) {
        uint64_t e = elapsed(c, now), n = c->count, at = (e / n + 1) * n;
        if (c->mode == 3 && e % n < high_ticks((uint32_t)n))
            at = e / n * n + high_ticks((uint32_t)n);
        c->switch_at = c->start + at;
        c->pending = true;
        return;
    }
    c->count = c->next_count;
    c->loaded = true;
    c->pending = false;
    c->frozen = 0;
    c->running = c->gate;
    c->start = now + 1;
}

static void write_count(struct counter *c, uint8_t byte, uint64_t now)
{
    sync(c, now);
    switch (c->rw) {
    case 1:
        c->written = byte;
        break;
    case 2:
        c->written = (uint16_t)(byte << 8);
        break;
    default:
        c->write_high = !c->write_high;
        if (c->write_high) {
            c->written = byte;
            if (c->mode == 0) { /* the first byte stops the count; OUT goes low */
                c->frozen = 0;
                c->running = false;
            }
            return;
        }
        c->written = (uint16_t)(c->written | byte << 8);
    }
    load_count(c, now);
}

static void latch_count(struct counter *c, uint64_t now)
{
    if (c->count_latched)
        return;
    c->latch = count_register(c, now);
    c->count_latched = true;
}

static void latch_status(struct counter *c, uint64_t now)
{
    if (c->status_latched)
        return;
    bool null_count = !c->loaded || c->pending || (c->running && (int64_t)(now - c->start) < 0) ||
                      ((c->mode == 1 || c->mode == 5) && c->next_count != c->count);
    c->status = (uint8_t)((output(c, now) ? 0x80 : 0) | (null_count ? 0x40 : 0) | c->rw << 4 |
                          c->mode << 1 | (c->bcd ? 1 : 0));
    c->status_latched = true;
}

static void write_control(struct pit *p, uint8_t word, uint64_t now)
{
    if (word >> 6 == 3) { /* read-back command: bits 5 and 4 low latch count and status */
        for (unsigned i = 0; i < 3; i++) {
            if (!(word & 2u << i))
                continue;
            sync(&p->counter[i], now);
            if (!(word & 0x10))
                latch_status(&p->counter[i], now);
            if (!(word & 0x20))
                latch_count(&p->counter[i], now);
        }
        return;
    }
    struct counter *c = &p->counter[word >> 6];
    sync(c, now);
    if (!(word & 0x30)) {
        latch_count(c, now);
        return;
    }
    uint32_t held = value(c, now);
    c->frozen = 0;
    c->rw = word >> 4 & 3;
    c->mode = word >> 1 & 7;
    if (c->mode > 5)
        c->mode -= 4;
    c->bcd = word & 1;
    /* The counting element keeps what it held until a new count is loaded. */
    c->count = within_modulus(c, held);
    c->next_count = within_modulus(c, c->next_count);
    c->loaded = c->running = c->triggered = c->pending = false;
    c->write_high = c->read_high = c->count_latched = c->status_latched = false;
}

static uint8_t read_counter(struct counter *c, uint64_t now)
{
    sync(c, now);
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t v = c->count_latched ? c->latch : count_register(c, now);
    bool high = c->rw == 2 || (c->rw == 3 && c->read_high);
    if (c->rw == 3)
        c->read_high = !c->read_high;
    if (c->rw != 3 || high)
        c->count_latched = false;
    return (uint8_t)(high ? v >> 8 : v);
}

static uint32_t pit_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct pit *p = state;
    uint64_t now = now_ticks(p);
    (void)size;
    bus_polled(p->bus);
    if (range == 1) {
        /* Bit 4 toggles with each refresh request: every 18 ticks, as counter 1 is set in a PC. */
        sync(&p->counter[2], now);
        return p->port61 | (uint32_t)(now / 18 & 1) << 4 |
               (uint32_t)output(&p->counter[2], now) << 5;
    }
    return offset == 3 ? 0xFF : read_counter(&p->counter[offset], now);
}

static void pit_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct pit *p = state;
    uint64_t now = now_ticks(p);
    (void)size;
    if (range == 1) {
        p->port61 = value & 0x0F;
        set_gate(&p->counter[2], value & 1, now);
        return;
    }
    if (offset == 3)
        write_control(p, (uint8_t)value, now);
    else
        write_count(&p->counter[offset], (uint8_t)value, now);
    bool is_latch = offset == 3 && !(value & 0x30);
    if (is_latch)
        bus_polled(p->bus);
    if (offset == 0 || (offset == 3 && value >> 6 == 0 && !is_latch)) {
        drive(p);
        schedule(p);
    }
}

bool pit_speaker_tone(const void *state, unsigned *hz)
{
    const struct pit *p = state;
    const struct counter *c = &p->counter[2];
    if ((p->port61 & 3) != 3 || !c->loaded || c->mode != 3)
        return false;
    *hz = 1193182 / (c->pending ? c->next_count : c->count);
    return true;
}

static const char *pit_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct pit *)state)->bus = bus;
    return NULL;
}

static void pit_reset(void *state)
{
    struct pit *p = state;
    for (unsigned i = 0; i < 3; i++)
        p->counter[i] = (struct counter){
            .count = 65536, .next_count = 65536, .mode = 3, .rw = 3, .gate = i != 2};
    p->port61 = 0;
    drive(p);
    schedule(p);
}

static void pit_loaded(void *state)
{
    struct pit *p = state;
    for (unsigned i = 0; i < 3; i++) {
        struct counter *c = &p->counter[i];
        c->mode = c->mode > 5 ? 3 : c->mode;
        c->rw = (c->rw & 3) ? c->rw & 3 : 3;
        c->count = within_modulus(c, c->count);
        c->next_count = within_modulus(c, c->next_count);
        uint64_t now = now_ticks(p);
        if ((int64_t)(c->start - now) > 1)
            c->start = now;
        /* At most one period from a load's end; the past is fine: sync takes it up. */
        if ((int64_t)(c->switch_at - now) > 65536 + 1)
            c->pending = false;
    }
    drive(p);
    schedule(p);
}

static const struct port_range pit_ports[] = {{0x40, 4, SIZE_1}, {0x61, 1, SIZE_1}};
static const char *const pit_outputs[] = {"OUT0"};

const struct device_class pit_class = {
    .name = "pit",
    .title = "8254 interval timer",
    .state_size = sizeof(struct pit),
    .fields = pit_fields,
    .ports = pit_ports,
    .port_count = ARRAY_LEN(pit_ports),
    .outputs = pit_outputs,
    .output_count = ARRAY_LEN(pit_outputs),
    .timer_count = 1,
    .init = pit_init,
    .reset = pit_reset,
    .port_read = pit_port_read,
    .port_write = pit_port_write,
    .timer = pit_timer,
    .loaded = pit_loaded,
};
