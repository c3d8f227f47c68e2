/* 16550A: identification, interrupt sources and priorities, FIFO triggers, timeout, loopback. */
#include "devices/uart.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

struct sink {
    uint8_t data[256];
    size_t len;
};

static struct testbus *tb;
static struct bus *uart;
static struct sink sink;

static void sink_write(void *ctx, const uint8_t *data, size_t len)
{
    struct sink *s = ctx;
    for (size_t i = 0; i < len && s->len < sizeof s->data; i++)
        s->data[s->len++] = data[i];
}

static const struct uart_config config = {0x3F8, {&sink, sink_write}};

static void start(void)
{
    sink.len = 0;
    tb = testbus_create(1 << 20);
    uart = testbus_add(tb, &uart_class, &config);
    tb_out8(tb, 0x3FB, 3);
}

static uint8_t iir(void)
{
    return tb_in8(tb, 0x3FA);
}

START_TEST(sends_and_interrupts)
{
    start();
    ck_assert_uint_eq(tb_in8(tb, 0x3FD), 0x60);
    tb_out8(tb, 0x3F9, 2);
    ck_assert(uart->pin[UART_IRQ].level); /* THR is empty already */
    ck_assert_uint_eq(iir(), 2);
    ck_assert_uint_eq(iir(), 1);
    ck_assert(!uart->pin[UART_IRQ].level);
    tb_out8(tb, 0x3F8, 'A');
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0);
    ck_assert(!uart->pin[UART_IRQ].level);
    testbus_save_load(uart);
    testbus_advance(tb, 1000000);
    ck_assert(uart->pin[UART_IRQ].level);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD), 0x60);
    ck_assert_uint_eq(sink.len, 1);
    ck_assert_uint_eq(sink.data[0], 'A');
    tb_out8(tb, 0x3FA, 0x01); /* FIFO: 16 bytes, one interrupt */
    unsigned rises = uart->pin[UART_IRQ].rises;
    for (int i = 0; i < 16; i++)
        tb_out8(tb, 0x3F8, (uint8_t)('a' + i));
    testbus_advance(tb, 1000000);
    ck_assert_uint_eq(uart->pin[UART_IRQ].rises, rises + 1);
    ck_assert_uint_eq(sink.len, 17);
    testbus_destroy(tb);
}
END_TEST

/* Who polls the line status sees it go on, without an event of the machine's for each byte. */
START_TEST(polled_output_arms_no_timer)
{
    start();
    for (int i = 0; i < 3; i++) {
        tb_out8(tb, 0x3F8, (uint8_t)('a' + i));
        ck_assert_uint_eq(testbus_next_deadline(tb), UINT64_MAX);
        ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0);
        testbus_save_load(uart);
        testbus_advance(tb, 1000000);
        ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0x60);
    }
    ck_assert_uint_eq(sink.len, 3);
    tb_out8(tb, 0x3F8, 'd');
    tb_out8(tb, 0x3F9, 2); /* from now on somebody waits for it */
    ck_assert(!uart->pin[UART_IRQ].level);
    ck_assert_uint_ne(testbus_next_deadline(tb), UINT64_MAX);
    testbus_advance(tb, 1000000);
    ck_assert(uart->pin[UART_IRQ].level);
    ck_assert_uint_eq(iir(), 2);
    tb_out8(tb, 0x3F8, 'e');
    tb_out8(tb, 0x3F9, 0); /* or no more */
    ck_assert_uint_eq(testbus_next_deadline(tb), UINT64_MAX);
    testbus_advance(tb, 1000000);
    ck_assert(!uart->pin[UART_IRQ].level);
    tb_out8(tb, 0x3F9, 2); /* sent meanwhile: at once */
    ck_assert(uart->pin[UART_IRQ].level);
    testbus_destroy(tb);
}
END_TEST

/* A byte takes 2 us; a guest that does not wait for room has no more on its way than fits. */
START_TEST(output_takes_its_time)
{
    start();
    tb_out8(tb, 0x3FA, 0x01);
    for (int i = 0; i < 3; i++)
        tb_out8(tb, 0x3F8, 'x');
    testbus_advance(tb, 5999);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0);
    testbus_advance(tb, 1);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0x60);
    for (int i = 0; i < 100; i++)
        tb_out8(tb, 0x3F8, 'x');
    testbus_advance(tb, 33999); /* 16 in the FIFO, one in the shift register */
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0);
    testbus_advance(tb, 1);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x60, 0x60);
    ck_assert_uint_eq(sink.len, 103);
    testbus_destroy(tb);
}
END_TEST

START_TEST(receives_with_trigger_and_timeout)
{
    start();
    ck_assert_uint_eq(uart_receive(uart->state, (const uint8_t *)"xy", 2), 1); /* no FIFO: one */
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 1, 1);
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 'x');
    tb_out8(tb, 0x3FA, 0x47); /* FIFO, trigger 4 */
    ck_assert_uint_eq(iir() & 0xC0, 0xC0);
    tb_out8(tb, 0x3F9, 1);
    ck_assert_uint_eq(uart_receive(uart->state, (const uint8_t *)"abc", 3), 3);
    ck_assert(!uart->pin[UART_IRQ].level);
    testbus_advance(tb, 100000000);
    ck_assert(uart->pin[UART_IRQ].level);
    ck_assert_uint_eq(iir(), 0xCC);
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 'a');
    ck_assert(!uart->pin[UART_IRQ].level);
    ck_assert_uint_eq(uart_receive(uart->state, (const uint8_t *)"0123456789abcdefgh", 18), 14);
    ck_assert_uint_eq(iir(), 0xC4);
    for (int i = 0; i < 13; i++)
        tb_in8(tb, 0x3F8);
    ck_assert_uint_eq(iir(), 0xC1);
    testbus_destroy(tb);
}
END_TEST

START_TEST(priorities_and_line_errors)
{
    start();
    tb_out8(tb, 0x3FA, 0x01);
    tb_out8(tb, 0x3FC, 0x10); /* loop: all modem lines fall */
    tb_out8(tb, 0x3F9, 0x0F);
    uart->class->port_write(uart->state, 0, 4, 0x0B, 1);
    uart_receive_break(uart->state);
    uart_receive(uart->state, (const uint8_t *)"q", 1);
    ck_assert_uint_eq(iir(), 0xC6);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 0x91, 0x91);
    ck_assert_uint_eq(iir(), 0xC4);
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 0);
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 'q');
    ck_assert_uint_eq(iir(), 0xC2);
    ck_assert_uint_eq(iir(), 0xC0);
    ck_assert_uint_eq(tb_in8(tb, 0x3FE) & 0xF0, 0xB0);
    ck_assert_uint_eq(iir(), 0xC1);
    testbus_destroy(tb);
}
END_TEST

START_TEST(loopback_scratch_divisor)
{
    start();
    tb_out8(tb, 0x3FC, 0x1A);
    ck_assert_uint_eq(tb_in8(tb, 0x3FE) & 0xF0, 0x90); /* Linux's probe: RTS and OUT2 */
    tb_out8(tb, 0x3F8, 0xAE);
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 0xAE);
    ck_assert_uint_eq(sink.len, 0);
    ck_assert_uint_eq(uart_receive(uart->state, (const uint8_t *)"x", 1), 0);
    tb_out8(tb, 0x3F8, 1);
    tb_out8(tb, 0x3F8, 2);
    ck_assert_uint_eq(tb_in8(tb, 0x3FD) & 3, 3); /* overrun */
    ck_assert_uint_eq(tb_in8(tb, 0x3F8), 2);
    tb_out8(tb, 0x3FF, 0x5A);
    ck_assert_uint_eq(tb_in8(tb, 0x3FF), 0x5A);
    tb_out8(tb, 0x3FB, 0x83);
    tb_out16(tb, 0x3F8, 0x0C01);
    ck_assert_uint_eq(tb_in16(tb, 0x3F8), 0x0C01);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("uart", sends_and_interrupts, polled_output_arms_no_timer, output_takes_its_time,
           receives_with_trigger_and_timeout, priorities_and_line_errors, loopback_scratch_divisor)
