#include "devices/apic/lapic.h"

#include "devices/bus.h"

#define APIC_DEFAULT_BASE UINT64_C(0xFEE00000)
#define MSR_BSP           0x100
#define MSR_ENABLE        0x800
#define BUS_HZ            UINT64_C(100000000) /* the timer's clock before its divider */
#define TIMER_EVENT_NS    5000 /* timer interrupts closer than this are taken together */

/* Register offsets. */
enum {
    REG_ID = 0x20,
    REG_VERSION = 0x30,
    REG_TPR = 0x80,
    REG_APR = 0x90,
    REG_PPR = 0xA0,
    REG_EOI = 0xB0,
    REG_LDR = 0xD0,
    REG_DFR = 0xE0,
    REG_SVR = 0xF0,
    REG_ISR = 0x100,
    REG_TMR = 0x180,
    REG_IRR = 0x200,
    REG_ESR = 0x280,
    REG_ICR_LOW = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT = 0x320, /* timer, thermal, performance, LINT0, LINT1, error */
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3E0,
};
enum lvt { LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

#define LVT_MASKED      0x10000
#define LVT_LEVEL       0x08000
#define LVT_REMOTE_IRR  0x04000
#define LVT_ACTIVE_LOW  0x02000
#define LVT_PERIODIC    0x20000
#define LVT_MODE(lvt)   ((lvt) >> 8 & 7)
#define SVR_ENABLE      0x100
#define ESR_SEND_VECTOR 0x20
#define ESR_RECV_VECTOR 0x40
#define ESR_REGISTER    0x80
#define VERSION         (0x14 | (LVT_COUNT - 1) << 16)

enum delivery { FIXED, LOWEST, SMI, RESERVED3, NMI, INIT, STARTUP, EXTINT };
enum { OUT_INTR, OUT_NMI, OUT_INIT };
enum { IN_LINT0, IN_LINT1 };

struct lapic {
    struct bus *bus;
    uint64_t base; /* MSR 1Bh */
    uint32_t id, tpr, ldr, dfr, svr, esr, esr_pending;
    uint32_t icr_low, icr_high;
    uint32_t lvt[LVT_COUNT];
    uint32_t irr[8], isr[8], tmr[8];
    uint32_t timer_initial, timer_divide;
    uint64_t timer_start; /* virtual ns at which the count was initial; 0 while stopped */
    bool lint[2];
    bool extint; /* an ExtINT is asked for by LINT0 or a message */
};

static bool is_enabled(const struct lapic *l)
{
    return l->base & MSR_ENABLE;
}

/* Highest vector set in a 256-bit register, or -1. */
static int highest(const uint32_t set[8])
{
    for (int i = 7; i >= 0; i--) {
        if (set[i])
            return i * 32 + 31 - __builtin_clz(set[i]);
    }
    return -1;
}

static void set_bit(uint32_t set[8], uint8_t v)
{
    set[v / 32] |= UINT32_C(1) << (v % 32);
}

static void clear_bit(uint32_t set[8], uint8_t v)
{
    set[v / 32] &= ~(UINT32_C(1) << (v % 32));
}

static bool has_bit(const uint32_t set[8], uint8_t v)
{
    return set[v / 32] >> (v % 32) & 1;
}

/* SDM vol. 3, 11.8.3.1: the class of the TPR or of the interrupt in service, whichever is higher.
 */
static uint32_t ppr(const struct lapic *l)
{
    int in_service = highest(l->isr);
    uint32_t isr_class = in_service < 0 ? 0 : (uint32_t)in_service & 0xF0;
    return (l->tpr & 0xF0) >= isr_class ? l->tpr : isr_class;
}

/* The vector to deliver now, or -1. */
static int deliverable(const struct lapic *l)
{
    int v = highest(l->irr);
    if (v < 0 || !(l->svr & SVR_ENABLE) || ((uint32_t)v & 0xF0) <= (ppr(l) & 0xF0))
        return -1;
    return v;
}

static bool extint_pending(const struct lapic *l)
{
    if (!is_enabled(l))
        return l->lint[IN_LINT0];
    if (l->lvt[LVT_LINT0] & LVT_MASKED || LVT_MODE(l->lvt[LVT_LINT0]) != EXTINT)
        return false;
    return l->lint[IN_LINT0] || l->extint;
}

static void update(struct lapic *l)
{
    bool intr = extint_pending(l) || (is_enabled(l) && deliverable(l) >= 0);
    bus_irq(l->bus, OUT_INTR, intr);
}

static void pulse(struct lapic *l, unsigned pin)
{
    bus_irq(l->bus, pin, true);
    bus_irq(l->bus, pin, false);
}

static void error(struct lapic *l, uint32_t bit);

static void accept(struct lapic *l, unsigned mode, uint8_t vector, bool level)
{
    switch (mode) {
    case FIXED:
    case LOWEST:
        if (vector < 16) {
            error(l, ESR_RECV_VECTOR);
            return;
        }
        set_bit(l->irr, vector);
        if (level)
            set_bit(l->tmr, vector);
        else
            clear_bit(l->tmr, vector);
        break;
    case NMI:
        pulse(l, OUT_NMI);
        break;
    case INIT:
        pulse(l, OUT_INIT);
        break;
    case EXTINT:
        l->extint = true;
        break;
    default: /* SMI, startup: a running boot processor takes no notice */
        break;
    }
    update(l);
}

/* A local interrupt source fires. */
static void local(struct lapic *l, enum lvt which)
{
    uint32_t lvt = l->lvt[which];
    if (!is_enabled(l) || lvt & LVT_MASKED)
        return;
    bool level = (which == LVT_LINT0 || which == LVT_LINT1) && lvt & LVT_LEVEL;
    accept(l, which == LVT_TIMER || which == LVT_ERROR ? FIXED : LVT_MODE(lvt), (uint8_t)lvt,
           level);
}

static void error(struct lapic *l, uint32_t bit)
{
    bool news = !(l->esr_pending & bit);
    l->esr_pending |= bit;
    if (news && bit != ESR_RECV_VECTOR)
        local(l, LVT_ERROR);
}

/* --- Timer ------------------------------------------------------------------------------- */

/* ns of one count: the divide configuration's bits 3, 1, 0 give 2, 4 ... 128, 1. */
static uint64_t timer_tick_ns(const struct lapic *l)
{
    unsigned code = (l->timer_divide & 3) | (l->timer_divide >> 1 & 4);
    return (UINT64_C(1000000000) / BUS_HZ) << ((code + 1) & 7);
}

static uint32_t timer_current(const struct lapic *l)
{
    if (!l->timer_start || !l->timer_initial)
        return 0;
    uint64_t ticks = (bus_now(l->bus) - l->timer_start) / timer_tick_ns(l);
    if (l->lvt[LVT_TIMER] & LVT_PERIODIC)
        return l->timer_initial - (uint32_t)(ticks % l->timer_initial);
    return ticks >= l->timer_initial ? 0 : l->timer_initial - (uint32_t)ticks;
}

/* Starts the count from value. */
static void timer_start(struct lapic *l, uint32_t value)
{
    bus_timer_cancel(l->bus, 0);
    l->timer_start = 0;
    if (!l->timer_initial || !value)
        return;
    uint64_t now = bus_now(l->bus);
    uint64_t run = (l->timer_initial - value) * timer_tick_ns(l);
    l->timer_start = now > run ? now - run : 1;
    bus_timer(l->bus, 0, l->timer_start + l->timer_initial * timer_tick_ns(l));
}

static void timer(void *state, unsigned id, uint64_t now_ns)
{
    struct lapic *l = state;
    (void)id;
    uint64_t period = l->timer_initial * timer_tick_ns(l);
    if (l->lvt[LVT_TIMER] & LVT_PERIODIC && period) {
        /* From the ideal moment, so that it does not drift; missed periods are skipped. */
        l->timer_start += period * ((now_ns - l->timer_start) / period);
        uint64_t together = period < TIMER_EVENT_NS ? TIMER_EVENT_NS / period + 1 : 1;
        bus_timer(l->bus, 0, l->timer_start + together * period);
    }
    local(l, LVT_TIMER);
}

/* --- Interrupt command ------------------------------------------------------------------- */

static bool is_destination(const struct lapic *l, const struct apic_message *m)
{
    if (!m->logical)
        return m->destination == 0xFF || m->destination == l->id >> 24;
    if (l->dfr >> 28 == 0xF)
        return m->destination & l->ldr >> 24;
    return (m->destination >> 4 == l->ldr >> 28 || m->destination >> 4 == 0xF) &&
           (m->destination & 0xF & l->ldr >> 24);
}

static void send_ipi(struct lapic *l)
{
    unsigned shorthand = l->icr_low >> 18 & 3;
    struct apic_message m = {
        .vector = (uint8_t)l->icr_low,
        .delivery_mode = l->icr_low >> 8 & 7,
        .destination = (uint8_t)(l->icr_high >> 24),
        .logical = l->icr_low >> 11 & 1,
        .level = l->icr_low >> 15 & 1,
        .assert_level = l->icr_low >> 14 & 1,
    };
    bool init_deassert = m.delivery_mode == INIT && m.level && !m.assert_level;
    if (init_deassert)
        return;
    if (m.delivery_mode == FIXED && m.vector < 16) {
        error(l, ESR_SEND_VECTOR);
        return;
    }
    if (shorthand == 3)
        return; /* all but self: there is nobody else */
    if (shorthand || is_destination(l, &m))
        accept(l, m.delivery_mode, m.vector, m.level && m.delivery_mode == FIXED);
}

static bool message(void *state, const struct apic_message *m)
{
    struct lapic *l = state;
    if (!is_enabled(l) || !is_destination(l, m))
        return false;
    accept(l, m->delivery_mode, m->vector, m->level);
    return true;
}

static void eoi(struct lapic *l)
{
    int v = highest(l->isr);
    if (v < 0)
        return;
    clear_bit(l->isr, (uint8_t)v);
    if (has_bit(l->tmr, (uint8_t)v)) {
        clear_bit(l->tmr, (uint8_t)v);
        bus_apic_eoi(l->bus, (uint8_t)v);
    }
    for (unsigned i = 0; i < 2; i++) { /* a level-triggered LINT pin still high comes again */
        uint32_t *lvt = &l->lvt[LVT_LINT0 + i];
        if (LVT_MODE(*lvt) == FIXED && *lvt & LVT_LEVEL && (uint8_t)*lvt == v && l->lint[i])
            local(l, LVT_LINT0 + i);
    }
    update(l);
}

static int interrupt_ack(void *state)
{
    struct lapic *l = state;
    int v = is_enabled(l) ? deliverable(l) : -1;
    if (v < 0 && extint_pending(l)) {
        l->extint = false;
        v = bus_interrupt_ack(l->bus);
        update(l);
        return v;
    }
    if (v < 0)
        return is_enabled(l) ? (int)(l->svr & 0xFF) : -1; /* went away meanwhile: spurious */
    clear_bit(l->irr, (uint8_t)v);
    set_bit(l->isr, (uint8_t)v);
    update(l);
    return v;
}

/* --- Registers --------------------------------------------------------------------------- */

static uint32_t lvt_read(const struct lapic *l, unsigned i)
{
    return l->lvt[i];
}

static uint64_t mmio_read(void *state, unsigned range, uint64_t offset, unsigned size)
{
    struct lapic *l = state;
    (void)range;
    (void)size;
    unsigned reg = (unsigned)offset & ~0xFu;
    if (offset & 0xF)
        return 0;
    if (reg >= REG_ISR && reg < REG_ESR) {
        const uint32_t *set = reg < REG_TMR ? l->isr : reg < REG_IRR ? l->tmr : l->irr;
        return set[(reg & 0x70) / 16];
    }
    if (reg >= REG_LVT && reg < REG_LVT + LVT_COUNT * 16)
        return lvt_read(l, (reg - REG_LVT) / 16);
    switch (reg) {
    case REG_ID:
        return l->id;
    case REG_VERSION:
        return VERSION;
    case REG_TPR:
        return l->tpr;
    case REG_APR:
        return 0;
    case REG_PPR:
        return ppr(l);
    case REG_LDR:
        return l->ldr;
    case REG_DFR:
        return l->dfr;
    case REG_SVR:
        return l->svr;
    case REG_ESR:
        return l->esr;
    case REG_ICR_LOW:
        return l->icr_low;
    case REG_ICR_HIGH:
        return l->icr_high;
    case REG_TIMER_INITIAL:
        return l->timer_initial;
    case REG_TIMER_CURRENT:
        bus_polled(l->bus);
        return timer_current(l);
    case REG_TIMER_DIVIDE:
        return l->timer_divide;
    default:
        error(l, ESR_REGISTER);
        return 0;
    }
}

static void lvt_write(struct lapic *l, unsigned i, uint32_t value)
{
    static const uint32_t writable[LVT_COUNT] = {0x300FF, 0x107FF, 0x107FF,
                                                 0x1A7FF, 0x1A7FF, 0x100FF};
    value &= writable[i] | (i == LVT_TIMER ? LVT_PERIODIC : 0) | LVT_MASKED;
    if (!(l->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    uint32_t current = timer_current(l);
    bool mode_changed = (l->lvt[i] ^ value) & LVT_PERIODIC;
    l->lvt[i] = value;
    if (i == LVT_TIMER && mode_changed)
        timer_start(l, current);
    if (i == LVT_LINT0 && l->lint[0] && LVT_MODE(value) == FIXED && value & LVT_LEVEL)
        local(l, LVT_LINT0);
    update(l);
}

static void svr_write(struct lapic *l, uint32_t value)
{
    l->svr = value & 0x1FF;
    if (!(l->svr & SVR_ENABLE)) {
        for (unsigned i = 0; i < LVT_COUNT; i++)
            l->lvt[i] |= LVT_MASKED;
    }
    update(l);
}

static void mmio_write(void *state, unsigned range, uint64_t offset, uint64_t value64,
                       unsigned size)
{
    struct lapic *l = state;
    (void)range;
    (void)size;
    unsigned reg = (unsigned)offset & ~0xFu;
    uint32_t value = (uint32_t)value64;
    if (offset & 0xF)
        return;
    if (reg >= REG_LVT && reg < REG_LVT + LVT_COUNT * 16) {
        lvt_write(l, (reg - REG_LVT) / 16, value);
        return;
    }
    switch (reg) {
    case REG_ID:
        l->id = value & 0x0F000000;
        break;
    case REG_TPR:
        l->tpr = value & 0xFF;
        update(l);
        break;
    case REG_EOI:
        eoi(l);
        break;
    case REG_LDR:
        l->ldr = value & 0xFF000000;
        break;
    case REG_DFR:
        l->dfr = value | 0x0FFFFFFF;
        break;
    case REG_SVR:
        svr_write(l, value);
        break;
    case REG_ESR:
        l->esr = l->esr_pending;
        l->esr_pending = 0;
        break;
    case REG_ICR_LOW:
        l->icr_low = value & 0xCCFFF;
        send_ipi(l);
        break;
    case REG_ICR_HIGH:
        l->icr_high = value & 0xFF000000;
        break;
    case REG_TIMER_INITIAL:
        l->timer_initial = value;
        timer_start(l, value);
        break;
    case REG_TIMER_DIVIDE: {
        uint32_t current = timer_current(l);
        l->timer_divide = value & 0xB;
        timer_start(l, current);
        break;
    }
    case REG_VERSION:
    case REG_APR:
    case REG_PPR:
    case REG_TIMER_CURRENT:
        break; /* read-only */
    default:
        if (reg < REG_ISR || reg >= REG_ESR)
            error(l, ESR_REGISTER);
        break;
    }
}

static void input(void *state, unsigned pin, bool level)
{
    struct lapic *l = state;
    bool rose = level && !l->lint[pin];
    l->lint[pin] = level;
    unsigned lvt = LVT_LINT0 + pin;
    if (!is_enabled(l)) {
        if (pin == IN_LINT1 && rose)
            pulse(l, OUT_NMI);
    } else if (rose && LVT_MODE(l->lvt[lvt]) != EXTINT) {
        local(l, lvt);
    }
    update(l);
}

bool lapic_msr_read(const void *state, uint64_t *value)
{
    const struct lapic *l = state;
    *value = l->base;
    return true;
}

bool lapic_msr_write(void *state, uint64_t value)
{
    struct lapic *l = state;
    if (value & ~(UINT64_C(0xFFFFFF000) | MSR_BSP | MSR_ENABLE))
        return false;
    l->base = (value & ~(uint64_t)MSR_BSP) | MSR_BSP;
    bus_mmio_map(l->bus, 0, l->base & ~UINT64_C(0xFFF), is_enabled(l));
    update(l);
    return true;
}

static const char *init(void *state, struct bus *bus, const void *config)
{
    struct lapic *l = state;
    (void)config;
    l->bus = bus;
    return NULL;
}

/* SDM vol. 3, 11.4.7.1. Firmware that leaves the APIC alone still gets the 8259s' interrupts: LINT0
 * comes up as the boot processor's virtual wire. */
static void reset(void *state)
{
    struct lapic *l = state;
    struct lapic fresh = {.bus = l->bus, .lint = {l->lint[0], l->lint[1]}};
    *l = fresh;
    l->base = APIC_DEFAULT_BASE | MSR_BSP | MSR_ENABLE;
    l->dfr = 0xFFFFFFFF;
    l->svr = 0xFF;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
    l->lvt[LVT_LINT0] = EXTINT << 8;
    l->lvt[LVT_LINT1] = NMI << 8;
    bus_timer_cancel(l->bus, 0);
    bus_mmio_map(l->bus, 0, APIC_DEFAULT_BASE, true);
    update(l);
}

static void loaded(void *state)
{
    struct lapic *l = state;
    if (l->timer_start > bus_now(l->bus)) /* a snapshot from elsewhere: not in the future */
        l->timer_start = bus_now(l->bus);
    update(l);
}

static const struct field fields[] = {
    FIELD(struct lapic, base, "MSR 1Bh"),
    FIELD(struct lapic, id, "APIC id, bits 24-27"),
    FIELD(struct lapic, tpr, "task priority"),
    FIELD(struct lapic, ldr, "logical destination"),
    FIELD(struct lapic, dfr, "destination format"),
    FIELD(struct lapic, svr, "spurious vector and enable"),
    FIELD(struct lapic, esr, "error status as read"),
    FIELD(struct lapic, esr_pending, "errors since the last write to ESR"),
    FIELD(struct lapic, icr_low, "interrupt command"),
    FIELD(struct lapic, icr_high, "its destination"),
    FIELD_ARRAY(struct lapic, lvt, "local vector table"),
    FIELD_ARRAY(struct lapic, irr, "interrupts requested"),
    FIELD_ARRAY(struct lapic, isr, "interrupts in service"),
    FIELD_ARRAY(struct lapic, tmr, "level-triggered ones"),
    FIELD(struct lapic, timer_initial, "timer's initial count"),
    FIELD(struct lapic, timer_divide, "timer's divider"),
    FIELD(struct lapic, timer_start, "virtual ns at which the count was initial"),
    FIELD_ARRAY(struct lapic, lint, "levels of LINT0 and LINT1"),
    FIELD(struct lapic, extint, "an ExtINT message waits"),
    FIELD_END,
};
static const struct mmio_range mmio[] = {{APIC_DEFAULT_BASE, 4096, SIZE_4}};
static const char *const outputs[] = {"INTR", "NMI", "INIT"};
static const char *const inputs[] = {"LINT0", "LINT1"};

const struct device_class lapic_class = {
    .name = "lapic",
    .title = "local APIC",
    .state_size = sizeof(struct lapic),
    .fields = fields,
    .mmio = mmio,
    .mmio_count = ARRAY_LEN(mmio),
    .outputs = outputs,
    .output_count = ARRAY_LEN(outputs),
    .inputs = inputs,
    .input_count = ARRAY_LEN(inputs),
    .timer_count = 1,
    .init = init,
    .reset = reset,
    .mmio_read = mmio_read,
    .mmio_write = mmio_write,
    .input = input,
    .timer = timer,
    .interrupt_ack = interrupt_ack,
    .apic_message = message,
    .loaded = loaded,
};
