/* Port 92h, the x87 error latch, and the parallel port. */
#include "devices/fpuirq.h"
#include "devices/lpt.h"
#include "devices/port92.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

START_TEST(port92_gates_a20_and_resets)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct bus *p = testbus_add(tb, &port92_class, NULL);
    tb_out8(tb, 0x92, 2);
    ck_assert(p->pin[PORT92_A20].level);
    testbus_save_load(p);
    ck_assert_uint_eq(tb_in8(tb, 0x92), 2);
    tb_out8(tb, 0x92, 3);
    tb_out8(tb, 0x92, 3); /* only the rising edge */
    ck_assert_uint_eq(tb->resets, 1);
    tb_out8(tb, 0x92, 0);
    ck_assert(!p->pin[PORT92_A20].level);
    testbus_destroy(tb);
}
END_TEST

START_TEST(x87_error_becomes_irq_13)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct bus *f = testbus_add(tb, &fpuirq_class, NULL);
    testbus_input(f, 0, true);
    ck_assert(f->pin[FPUIRQ_IRQ13].level);
    ck_assert(!f->pin[FPUIRQ_IGNNE].level);
    testbus_save_load(f);
    tb_out8(tb, 0xF0, 0);
    ck_assert(!f->pin[FPUIRQ_IRQ13].level);
    ck_assert(f->pin[FPUIRQ_IGNNE].level);
    testbus_input(f, 0, false);
    ck_assert(!f->pin[FPUIRQ_IGNNE].level);
    tb_out8(tb, 0xF0, 0); /* no error: nothing to ignore */
    ck_assert(!f->pin[FPUIRQ_IGNNE].level);
    testbus_destroy(tb);
}
END_TEST

static void collect(void *ctx, const uint8_t *data, size_t len)
{
    strncat(ctx, (const char *)data, len);
}

START_TEST(printer_takes_bytes_and_interrupts)
{
    char printed[16] = "";
    struct lpt_config config = {{printed, collect}};
    struct testbus *tb = testbus_create(1 << 20);
    struct bus *lpt = testbus_add(tb, &lpt_class, &config);
    ck_assert_uint_eq(tb_in8(tb, 0x379) & 0xF8, 0xD8);
    for (const char *s = "Hi"; *s; s++) {
        tb_out8(tb, 0x378, (uint8_t)*s);
        tb_out8(tb, 0x37A, 0x1D);
        tb_out8(tb, 0x37A, 0x1C);
        bool poll = *s == 'H'; /* at once, or when the pulse is long over: it is seen once */
        if (poll)
            ck_assert_uint_eq(tb_in8(tb, 0x379) & 0x40, 0);
        testbus_save_load(lpt);
        testbus_advance(tb, 1000000);
        ck_assert(lpt->pin[0].level);
        if (!poll)
            ck_assert_uint_eq(tb_in8(tb, 0x379) & 0x40, 0);
        ck_assert_uint_eq(tb_in8(tb, 0x379) & 0x40, 0x40);
        ck_assert(!lpt->pin[0].level);
    }
    ck_assert_str_eq(printed, "Hi");
    ck_assert_uint_eq(tb_in8(tb, 0x378), 'i');
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("system_ports", port92_gates_a20_and_resets, x87_error_becomes_irq_13,
           printer_takes_bytes_and_interrupts)
