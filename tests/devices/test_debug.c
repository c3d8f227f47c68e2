/* Debug consoles and the debug-exit port. */
#include "devices/debug.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static void collect(void *ctx, const uint8_t *data, size_t len)
{
    strncat(ctx, (const char *)data, len);
}

START_TEST(consoles_and_exit)
{
    char a[16] = "", b[16] = "";
    struct debug_config config = {.console = {{0xE9, {a, collect}}, {0x402, {b, collect}}},
                                  .exit_port = 0x501};
    struct testbus *tb = testbus_create(1 << 20);
    testbus_add(tb, &debug_class, &config);
    ck_assert_uint_eq(tb_in8(tb, 0xE9), 0xE9);
    ck_assert_uint_eq(tb_in8(tb, 0x402), 0xE9);
    tb_out8(tb, 0xE9, 'x');
    tb_out8(tb, 0x402, 'y');
    tb_out8(tb, 0x402, 'z');
    ck_assert_str_eq(a, "x");
    ck_assert_str_eq(b, "yz");
    tb_out8(tb, 0x80, 0x5A);
    tb_out8(tb, 0x501, 7);
    ck_assert_uint_eq(tb->debug_exits, 1);
    ck_assert_uint_eq(tb->debug_exit_value, 7);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("debug", consoles_and_exit)
