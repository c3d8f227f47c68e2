/* Interrupt sources, by priority (IIR value):
 *   06 line status   04 received data (trigger level)   0C timeout (four characters of silence)
 *   02 transmitter holding register empty                00 modem status
 * The transmitter's is a latch: set when THR empties, or when IER enables it while empty; cleared
 * by a THR write or by reading it from IIR. */
#include "devices/uart.h"

#include "base/fifo.h"
#include "devices/bus.h"

#define TX_NS_PER_BYTE 2000

enum { IER_RDA = 1, IER_THRE = 2, IER_RLS = 4, IER_MSR = 8 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64 };
enum { LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI };
enum { MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };
enum { TIMER_TX, TIMER_TIMEOUT };

struct uart {
    struct bus *bus;
    const struct uart_config *config;
    struct fifo rx, rx_errors; /* bytes, and the LSR error bits of each */
    uint8_t ier, fcr, lcr, mcr, msr, scratch;
    uint8_t overrun;  /* LSR_OE, until read */
    uint8_t tx_count; /* bytes in THR or its FIFO */
    uint16_t divisor;
    bool tx_shifting; /* the shift register is busy */
    bool thre_pending, timeout_pending;
    uint64_t tx_done, timeout_at;
};

static const struct field uart_fields[] = {
    FIELD_SUB1(struct uart, rx, fifo_fields, "received bytes"),
    FIELD_SUB1(struct uart, rx_errors, fifo_fields, "their errors"),
    FIELD(struct uart, ier, "interrupt enables"),
    FIELD(struct uart, fcr, "FIFO control"),
    FIELD(struct uart, lcr, "line control"),
    FIELD(struct uart, mcr, "modem control"),
    FIELD(struct uart, msr, "modem status"),
    FIELD(struct uart, scratch, "scratch"),
    FIELD(struct uart, overrun, "overrun error"),
    FIELD(struct uart, tx_count, "bytes waiting to be sent"),
    FIELD(struct uart, divisor, "baud rate divisor"),
    FIELD(struct uart, tx_shifting, "shift register busy"),
    FIELD(struct uart, thre_pending, "transmitter interrupt"),
    FIELD(struct uart, timeout_pending, "receiver timeout interrupt"),
    FIELD(struct uart, tx_done, "transmitter done at, ns"),
    FIELD(struct uart, timeout_at, "receiver timeout at, ns"),
    FIELD_END,
};

static unsigned trigger_level(const struct uart *u)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    return u->fcr & FCR_ENABLE ? levels[u->fcr >> 6] : 1;
}

static unsigned tx_capacity(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? 16 : 1;
}

static uint8_t line_status(const struct uart *u)
{
    uint8_t v = u->overrun;
    if (u->rx.count)
        v |= LSR_DR | fifo_peek(&u->rx_errors, 0);
    if (!u->tx_count)
        v |= LSR_THRE;
    if (!u->tx_count && !u->tx_shifting)
        v |= LSR_TEMT;
    for (unsigned i = 0; u->fcr & FCR_ENABLE && i < u->rx_errors.count; i++)
        if (fifo_peek(&u->rx_errors, i))
            v |= 0x80;
    return v;
}

/* The IIR source of highest priority; 1 when there is none. */
static uint8_t source(const struct uart *u)
{
    if (u->ier & IER_RLS && line_status(u) & LSR_ERRORS)
        return 6;
    if (u->ier & IER_RDA && u->rx.count >= trigger_level(u))
        return 4;
    if (u->ier & IER_RDA && u->timeout_pending)
        return 12;
    if (u->ier & IER_THRE && u->thre_pending)
        return 2;
    if (u->ier & IER_MSR && u->msr & 15)
        return 0;
    return 1;
}

static void update(struct uart *u)
{
    bus_irq(u->bus, UART_IRQ, source(u) != 1);
}

/* --- Receiver ------------------------------------------------------------------------------ */

/* Start bit, data, parity, stop: the time of one character on the line. */
static uint64_t char_ns(const struct uart *u)
{
    unsigned bits = 1 + 5 + (u->lcr & 3) + (u->lcr >> 3 & 1) + 1 + (u->lcr >> 2 & 1);
    uint64_t divisor = u->divisor ? u->divisor : 1;
    return bits * divisor * UINT64_C(1000000000) / 115200;
}

static void restart_timeout(struct uart *u)
{
    u->timeout_pending = false;
    if (u->rx.count && u->fcr & FCR_ENABLE) {
        u->timeout_at = bus_now(u->bus) + 4 * char_ns(u);
        bus_timer(u->bus, TIMER_TIMEOUT, u->timeout_at);
    } else {
        u->timeout_at = 0;
        bus_timer_cancel(u->bus, TIMER_TIMEOUT);
    }
}

static void clear_rx(struct uart *u)
{
    fifo_init(&u->rx, u->fcr & FCR_ENABLE ? 16 : 1);
    fifo_init(&u->rx_errors, u->fcr & FCR_ENABLE ? 16 : 1);
    u->overrun = 0;
    restart_timeout(u);
}

static void receive(struct uart *u, uint8_t byte, uint8_t errors)
{
    if (fifo_is_full(&u->rx)) {
        u->overrun = LSR_OE;
        if (!(u->fcr & FCR_ENABLE)) { /* without FIFO the new byte replaces the old */
            fifo_clear(&u->rx);
            fifo_clear(&u->rx_errors);
        }
    }
    fifo_push(&u->rx, byte);
    fifo_push(&u->rx_errors, errors);
    restart_timeout(u);
    update(u);
}

size_t uart_room(const void *state)
{
    const struct uart *u = state;
    return u->mcr & MCR_LOOP || u->rx.count >= u->rx.limit ? 0
                                                           : (size_t)(u->rx.limit - u->rx.count);
}

size_t uart_receive(void *state, const uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len && uart_room(state))
        receive(state, data[done++], 0);
    return done;
}

void uart_receive_break(void *state)
{
    struct uart *u = state;
    if (!(u->mcr & MCR_LOOP))
        receive(u, 0, LSR_BI);
}

static uint8_t read_rbr(struct uart *u)
{
    uint8_t byte = fifo_pop(&u->rx);
    fifo_pop(&u->rx_errors);
    restart_timeout(u);
    return byte;
}

/* --- Transmitter --------------------------------------------------------------------------- */

static uint8_t data_mask(const struct uart *u)
{
    return (uint8_t)(0xFF >> (3 - (u->lcr & 3)));
}

/* A timer for the transmitter's end is needed only where an interrupt tells of it. Else whoever
 * looks at a register finds it (see uart_port_read): an event for each byte took longer than all
 * that a guest does that prints its messages so. */
static void arm_transmitter(struct uart *u)
{
    if (u->tx_shifting && u->ier & IER_THRE)
        bus_timer(u->bus, TIMER_TX, u->tx_done);
    else
        bus_timer_cancel(u->bus, TIMER_TX);
}

static void transmitted(struct uart *u)
{
    if (u->tx_count)
        u->thre_pending = true;
    u->tx_count = 0;
    u->tx_shifting = false;
}

/* The transmitter as it is now. */
static void catch_up(struct uart *u)
{
    if (u->tx_shifting && bus_now(u->bus) >= u->tx_done)
        transmitted(u);
}

static void write_thr(struct uart *u, uint8_t byte)
{
    byte &= data_mask(u);
    if (u->mcr & MCR_LOOP)
        receive(u, byte, 0);
    else
        char_write(&u->config->out, byte);
    u->thre_pending = false;
    if (u->tx_count < tx_capacity(u))
        u->tx_count++;
    uint64_t now = bus_now(u->bus);
    if (!u->tx_shifting)
        u->tx_done = now;
    u->tx_shifting = true;
    u->tx_done += TX_NS_PER_BYTE;
    /* A guest that does not wait for room overwrites what waits: it has no more to send then. */
    uint64_t most = now + (tx_capacity(u) + 1) * (uint64_t)TX_NS_PER_BYTE;
    if (u->tx_done > most)
        u->tx_done = most;
    arm_transmitter(u);
}

static void uart_timer(void *state, unsigned timer, uint64_t now_ns)
{
    struct uart *u = state;
    (void)now_ns;
    if (timer == TIMER_TX) {
        transmitted(u);
    } else if (u->rx.count && u->fcr & FCR_ENABLE) {
        u->timeout_pending = true;
    }
    update(u);
}

/* --- Registers ----------------------------------------------------------------------------- */

/* The upper half of MSR: a modem that is always ready, or the loop from MCR. */
static void update_msr(struct uart *u)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;
    if (u->mcr & MCR_LOOP)
        lines = (uint8_t)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
                          (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
    uint8_t changed = (uint8_t)((u->msr ^ lines) & 0xF0);
    uint8_t delta = changed >> 4;
    if (lines & MSR_RI)
        delta &= (uint8_t)~4; /* the trailing edge only */
    u->msr = lines | (u->msr & 15) | delta;
}

static void write_fcr(struct uart *u, uint8_t value)
{
    bool toggled = (u->fcr ^ value) & FCR_ENABLE;
    u->fcr = value & FCR_ENABLE ? value & 0xC9 : 0;
    if (toggled || value & FCR_CLEAR_RX)
        clear_rx(u);
    if (toggled || value & FCR_CLEAR_TX)
        u->tx_count = 0;
}

static uint8_t read_iir(struct uart *u)
{
    uint8_t s = source(u);
    if (s == 2)
        u->thre_pending = false;
    return s | (u->fcr & FCR_ENABLE ? 0xC0 : 0);
}

static void write_ier(struct uart *u, uint8_t value)
{
    bool enabled = value & ~u->ier & IER_THRE;
    u->ier = value & 15;
    if (enabled && !u->tx_count)
        u->thre_pending = true;
    arm_transmitter(u);
}

static uint8_t read_lsr(struct uart *u)
{
    uint8_t v = line_status(u);
    u->overrun = 0;
    if (u->rx_errors.count) /* the errors of the byte on top have been seen */
        u->rx_errors.data[u->rx_errors.head % FIFO_CAPACITY] = 0;
    return v;
}

static uint8_t read_msr(struct uart *u)
{
    uint8_t v = u->msr;
    u->msr &= 0xF0;
    return v;
}

static uint8_t read_register(struct uart *u, unsigned offset)
{
    bool dlab = u->lcr & LCR_DLAB;
    switch (offset) {
    case 0:
        return dlab ? (uint8_t)u->divisor : read_rbr(u);
    case 1:
        return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
    case 2:
        return read_iir(u);
    case 3:
        return u->lcr;
    case 4:
        return u->mcr;
    case 5:
        return read_lsr(u);
    case 6:
        return read_msr(u);
    default:
        return u->scratch;
    }
}

static uint32_t uart_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    (void)range;
    (void)size;
    catch_up(state);
    uint8_t value = read_register(state, offset);
    update(state);
    return value;
}

static void write_lcr(struct uart *u, uint8_t value)
{
    bool starts_break = value & ~u->lcr & LCR_BREAK;
    u->lcr = value;
    if (starts_break && u->mcr & MCR_LOOP)
        receive(u, 0, LSR_BI);
}

static void uart_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                            unsigned size)
{
    struct uart *u = state;
    uint8_t byte = (uint8_t)value;
    bool dlab = u->lcr & LCR_DLAB;
    (void)range;
    (void)size;
    catch_up(u);
    switch (offset) {
    case 0:
        if (dlab)
            u->divisor = (u->divisor & 0xFF00) | byte;
        else
            write_thr(u, byte);
        break;
    case 1:
        if (dlab)
            u->divisor = (uint16_t)((u->divisor & 0xFF) | byte << 8);
        else
            write_ier(u, byte);
        break;
    case 2:
        write_fcr(u, byte);
        break;
    case 3:
        write_lcr(u, byte);
        break;
    case 4:
        u->mcr = byte & 0x1F;
        update_msr(u);
        break;
    case 7:
        u->scratch = byte;
        break;
    default: /* LSR and MSR are read-only */
        break;
    }
    update(u);
}

static const char *uart_init(void *state, struct bus *bus, const void *config)
{
    const struct uart_config *c = config;
    struct uart *u = state;
    if (!c)
        return "uart: no configuration";
    u->bus = bus;
    u->config = c;
    bus_port_map(bus, 0, c->base, true);
    return NULL;
}

static void uart_reset(void *state)
{
    struct uart *u = state;
    u->ier = u->fcr = u->lcr = u->mcr = u->overrun = u->tx_count = 0;
    u->divisor = 12;
    u->tx_shifting = u->thre_pending = false;
    u->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    clear_rx(u);
    bus_timer_cancel(u->bus, TIMER_TX);
    update(u);
}

static void uart_loaded(void *state)
{
    struct uart *u = state;
    uint64_t now = bus_now(u->bus);
    unsigned limit = u->fcr & FCR_ENABLE ? 16 : 1;
    if (u->rx.limit != limit || u->rx_errors.limit != limit || u->rx.count > limit ||
        u->rx_errors.count != u->rx.count)
        clear_rx(u);
    if (u->tx_done > now + 17 * TX_NS_PER_BYTE) /* FIFO and shift register */
        u->tx_done = now;
    u->tx_shifting |= u->tx_count != 0;
    arm_transmitter(u);
    if (u->timeout_at > now)
        bus_timer(u->bus, TIMER_TIMEOUT, u->timeout_at);
    update(u);
}

static const struct port_range uart_ports[] = {{0, 8, SIZE_1}};
static const char *const uart_outputs[] = {"IRQ"};

const struct device_class uart_class = {
    .name = "uart",
    .title = "16550A serial port",
    .state_size = sizeof(struct uart),
    .fields = uart_fields,
    .ports = uart_ports,
    .port_count = ARRAY_LEN(uart_ports),
    .outputs = uart_outputs,
    .output_count = ARRAY_LEN(uart_outputs),
    .timer_count = 2,
    .init = uart_init,
    .reset = uart_reset,
    .port_read = uart_port_read,
    .port_write = uart_port_write,
    .timer = uart_timer,
    .loaded = uart_loaded,
};
