/* Keyboard controller: scan codes through the translation, commands of controller, keyboard and
 * mouse, interrupts, A20 and reset. */
#include "devices/i8042.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static struct testbus *tb;
static struct bus *kbc;

static void start(void)
{
    tb = testbus_create(1 << 20);
    kbc = testbus_add(tb, &i8042_class, NULL);
}

/* The next byte, waiting for the wire at most 20 ms; -1 when none comes. */
static int next_byte(void)
{
    for (int i = 0; i < 200; i++) {
        if (tb_in8(tb, 0x64) & 1)
            return tb_in8(tb, 0x60);
        testbus_advance(tb, 100000);
    }
    return -1;
}

#define expect(...)                                   \
    do {                                              \
        static const uint8_t want[] = {__VA_ARGS__};  \
        for (unsigned i_ = 0; i_ < sizeof want; i_++) \
            ck_assert_int_eq(next_byte(), want[i_]);  \
        ck_assert_int_eq(next_byte(), -1);            \
    } while (0)

static void to_mouse(uint8_t byte)
{
    tb_out8(tb, 0x64, 0xD4);
    tb_out8(tb, 0x60, byte);
}

static void tap(uint16_t key)
{
    i8042_key(kbc->state, key, true);
    i8042_key(kbc->state, key, false);
}

START_TEST(keys_translated_and_raw)
{
    start();
    i8042_key(kbc->state, 0x1E, true);
    ck_assert(kbc->pin[I8042_IRQ1].level);
    ck_assert_uint_eq(tb_in8(tb, 0x64) & 0x21, 0x01);
    i8042_key(kbc->state, 0x1E, false);
    ck_assert_uint_eq(tb_in8(tb, 0x60), 0x1E);
    ck_assert_uint_eq(tb_in8(tb, 0x60), 0x1E); /* a second read finds the same byte */
    ck_assert(!kbc->pin[I8042_IRQ1].level);
    testbus_save_load(kbc);
    testbus_advance(tb, 1000000);
    ck_assert(kbc->pin[I8042_IRQ1].level);
    expect(0x9E);
    tap(0x148);
    expect(0xE0, 0x48, 0xE0, 0xC8);
    tap(I8042_KEY_PAUSE);
    expect(0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5);
    tap(I8042_KEY_PRINT);
    expect(0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA);
    tb_out8(tb, 0x64, 0x60); /* translation off: set 2 */
    tb_out8(tb, 0x60, 0x01);
    tap(0x1E);
    expect(0x1C, 0xF0, 0x1C);
    tap(0x41);
    expect(0x83, 0xF0, 0x83);
    tap(I8042_KEY_PAUSE);
    expect(0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77);
    testbus_destroy(tb);
}
END_TEST

/* Every set 1 code comes out of set 2 and the translation as itself. */
START_TEST(translation_is_the_identity_on_set_1)
{
    start();
    for (uint16_t key = 1; key <= 0x58; key++) {
        if (key == 0x55)
            continue;
        tap(key);
        ck_assert_int_eq(next_byte(), key);
        ck_assert_int_eq(next_byte(), key | 0x80);
    }
    testbus_destroy(tb);
}
END_TEST

START_TEST(keyboard_commands)
{
    start();
    tb_out8(tb, 0x60, 0xFF);
    expect(0xFA, 0xAA);
    tb_out8(tb, 0x60, 0xF2);
    expect(0xFA, 0xAB, 0x41); /* 83h, translated */
    tb_out8(tb, 0x60, 0xED);
    expect(0xFA);
    tb_out8(tb, 0x60, 0x06);
    expect(0xFA);
    ck_assert_uint_eq(i8042_leds(kbc->state), 6);
    tb_out8(tb, 0x60, 0xEE);
    expect(0xEE);
    tb_out8(tb, 0x60, 0xF5); /* stops scanning */
    expect(0xFA);
    tap(0x1E);
    ck_assert_int_eq(next_byte(), -1);
    tb_out8(tb, 0x60, 0xF4);
    expect(0xFA);
    tb_out8(tb, 0x64, 0x60);
    tb_out8(tb, 0x60, 0x01);
    tb_out8(tb, 0x60, 0xF0);
    expect(0xFA);
    tb_out8(tb, 0x60, 3);
    expect(0xFA);
    tb_out8(tb, 0x60, 0xF8); /* all keys make and break */
    expect(0xFA);
    tap(0x148);
    expect(0x63, 0xF0, 0x63);
    tb_out8(tb, 0x60, 0xF0);
    expect(0xFA);
    tb_out8(tb, 0x60, 0);
    expect(0xFA, 0x03);
    tb_out8(tb, 0x60, 0x99);
    expect(0xFE);
    testbus_destroy(tb);
}
END_TEST

START_TEST(controller_commands)
{
    start();
    tb_out8(tb, 0x64, 0xAA);
    expect(0x55);
    ck_assert_uint_eq(tb_in8(tb, 0x64) & 4, 4);
    tb_out8(tb, 0x64, 0xAB);
    expect(0x00);
    tb_out8(tb, 0x64, 0xAD);
    tap(0x1E);
    ck_assert_int_eq(next_byte(), -1);
    tb_out8(tb, 0x64, 0x20);
    expect(0x57);
    tb_out8(tb, 0x64, 0xAE);
    expect(0x1E, 0x9E);
    ck_assert(kbc->pin[I8042_A20].level);
    tb_out8(tb, 0x64, 0xD1);
    tb_out8(tb, 0x60, 0xDD);
    ck_assert(!kbc->pin[I8042_A20].level);
    tb_out8(tb, 0x64, 0xD0);
    ck_assert_int_eq(next_byte() & 3, 1);
    tb_out8(tb, 0x64, 0xDF);
    ck_assert(kbc->pin[I8042_A20].level);
    tb_out8(tb, 0x64, 0xD3);
    tb_out8(tb, 0x60, 0x5A);
    ck_assert_uint_eq(tb_in8(tb, 0x64) & 0x21, 0x21);
    expect(0x5A);
    tb_out8(tb, 0x64, 0xFE);
    ck_assert_uint_eq(tb->resets, 1);
    testbus_destroy(tb);
}
END_TEST

START_TEST(mouse_protocols)
{
    start();
    to_mouse(0xFF);
    expect(0xFA, 0xAA, 0x00);
    ck_assert_uint_ge(kbc->pin[I8042_IRQ12].rises, 3);
    to_mouse(0xF4);
    expect(0xFA);
    i8042_mouse(kbc->state, 5, -3, 0, 1); /* right 5, up 3 */
    expect(0x09, 5, 3);
    i8042_mouse(kbc->state, -300, 0, 1, 0); /* more than a byte: two packets */
    expect(0x18, 0x01, 0x00, 0x18, (uint8_t)-45, 0x00);
    static const uint8_t rates[] = {200, 100, 80};
    for (int i = 0; i < 3; i++) {
        to_mouse(0xF3);
        expect(0xFA);
        to_mouse(rates[i]);
        expect(0xFA);
    }
    to_mouse(0xF2);
    expect(0xFA, 0x03);
    i8042_mouse(kbc->state, 0, 0, -1, 2);
    expect(0x0A, 0, 0, 0xFF);
    to_mouse(0xF0); /* remote mode: only when asked */
    expect(0xFA);
    i8042_mouse(kbc->state, 1, 0, 0, 0);
    ck_assert_int_eq(next_byte(), -1);
    to_mouse(0xEB);
    expect(0xFA, 0x08, 1, 0, 0);
    to_mouse(0xE9);
    expect(0xFA, 0x60, 2, 80);
    testbus_destroy(tb);
}
END_TEST

START_TEST(a_guest_that_does_not_read_loses_keys_only)
{
    start();
    for (int i = 0; i < 1000; i++) {
        tap(0x1E);
        i8042_mouse(kbc->state, 1000000, -1000000, 5, (unsigned)i);
    }
    ck_assert(!i8042_key_room(kbc->state));
    int n = 0;
    while (next_byte() >= 0)
        n++;
    ck_assert_int_gt(n, 16);
    ck_assert(i8042_key_room(kbc->state));
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("i8042", keys_translated_and_raw, translation_is_the_identity_on_set_1,
           keyboard_commands, controller_commands, mouse_protocols,
           a_guest_that_does_not_read_loses_keys_only)
