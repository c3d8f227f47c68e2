/* 8254: the modes' outputs against the datasheet's timing, latching, BCD, read-back, port 61h. */
#include "devices/pit.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define TICK 838 /* ns, rounded down */

static struct testbus *tb;
static struct bus *pit;

static void start(void)
{
    tb = testbus_create(1 << 20);
    pit = testbus_add(tb, &pit_class, NULL);
}

static void program(unsigned counter, uint8_t control, uint16_t count)
{
    tb_out8(tb, 0x43, (uint8_t)(counter << 6 | control));
    tb_out8(tb, (uint16_t)(0x40 + counter), (uint8_t)count);
    tb_out8(tb, (uint16_t)(0x40 + counter), (uint8_t)(count >> 8));
}

static uint16_t latched(unsigned counter)
{
    tb_out8(tb, 0x43, (uint8_t)(counter << 6));
    uint8_t low = tb_in8(tb, (uint16_t)(0x40 + counter));
    return (uint16_t)(low | tb_in8(tb, (uint16_t)(0x40 + counter)) << 8);
}

/* One hour of IRQ0 at the BIOS's rate: 3600 s * 1193181.81.. / 65536 edges, not one less. */
START_TEST(mode_3_does_not_drift)
{
    start();
    program(0, 0x36, 0);
    unsigned before = pit->pin[PIT_OUT0].rises;
    testbus_advance(tb, UINT64_C(3600) * 1000000000 + 10000);
    ck_assert_uint_eq(pit->pin[PIT_OUT0].rises - before, 65543); /* floor(65543.4) */
    testbus_destroy(tb);
}
END_TEST

START_TEST(mode_2_period_and_reload)
{
    start();
    program(0, 0x34, 11932); /* 99.998 Hz: 10.00015 ms */
    unsigned before = pit->pin[PIT_OUT0].rises;
    testbus_advance(tb, 1000000000);
    ck_assert_uint_eq(pit->pin[PIT_OUT0].rises - before, 99);
    testbus_save_load(pit);
    testbus_advance(tb, 1000000000);
    ck_assert_uint_eq(pit->pin[PIT_OUT0].rises - before, 199);
    /* A new count waits for the end of the period. */
    program(2, 0x34, 1000);
    tb_out8(tb, 0x61, 1);
    testbus_advance(tb, 500 * TICK);
    uint16_t v = latched(2);
    ck_assert_uint_ge(v, 499);
    ck_assert_uint_le(v, 503);
    tb_out8(tb, 0x42, 0x10);
    tb_out8(tb, 0x42, 0x00);
    ck_assert_uint_ge(latched(2), 400);
    testbus_advance(tb, 600 * TICK);
    ck_assert_uint_le(latched(2), 16);
    testbus_destroy(tb);
}
END_TEST

START_TEST(mode_0_and_gate)
{
    start();
    program(0, 0x30, 1000);
    ck_assert(!pit->pin[PIT_OUT0].level);
    testbus_advance(tb, 1000 * TICK);
    ck_assert(!pit->pin[PIT_OUT0].level);
    testbus_advance(tb, 3 * TICK);
    ck_assert(pit->pin[PIT_OUT0].level);
    testbus_advance(tb, 100 * TICK);
    ck_assert_uint_gt(latched(0), 0xFF00); /* goes on below zero */
    /* Counter 2: port 61h bit 0 is the gate, bit 5 the output. */
    program(2, 0x30, 100);
    testbus_advance(tb, 1000 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x21, 0);
    ck_assert_uint_eq(latched(2), 100);
    tb_out8(tb, 0x61, 0x01);
    testbus_advance(tb, 50 * TICK);
    tb_out8(tb, 0x61, 0x00);
    testbus_advance(tb, 1000 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x21, 0);
    ck_assert_uint_le(latched(2), 52);
    tb_out8(tb, 0x61, 0x01);
    testbus_advance(tb, 60 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x21, 0x21);
    testbus_destroy(tb);
}
END_TEST

START_TEST(one_shots)
{
    start();
    program(2, 0x32, 200); /* mode 1: triggered by the gate */
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x20, 0x20);
    testbus_advance(tb, 1000 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x20, 0x20);
    tb_out8(tb, 0x61, 1);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x20, 0);
    testbus_advance(tb, 199 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x20, 0);
    testbus_advance(tb, 4 * TICK);
    ck_assert_uint_eq(tb_in8(tb, 0x61) & 0x20, 0x20);
    program(0, 0x38, 500); /* mode 4: one strobe */
    ck_assert(pit->pin[PIT_OUT0].level);
    unsigned rises = pit->pin[PIT_OUT0].rises;
    testbus_advance(tb, 100000 * TICK);
    ck_assert_uint_eq(pit->pin[PIT_OUT0].rises, rises + 1);
    testbus_destroy(tb);
}
END_TEST

START_TEST(bcd_latch_readback)
{
    start();
    program(2, 0x31, 0x1000); /* mode 0, BCD 1000 */
    tb_out8(tb, 0x61, 1);
    testbus_advance(tb, 3 * TICK + 500);
    uint16_t v = latched(2);
    ck_assert(v == 0x0998 || v == 0x0997);
    tb_out8(tb, 0x43, 0xC8); /* read-back: status and count of counter 2 */
    ck_assert_uint_eq(tb_in8(tb, 0x42), 0x31);
    uint8_t low = tb_in8(tb, 0x42);
    testbus_advance(tb, 1000000);
    ck_assert_uint_eq(tb_in8(tb, 0x42), 0x09);
    ck_assert_uint_ge(low, 0x96);
    tb_out8(tb, 0x43, 0xB6);
    tb_out8(tb, 0x43, 0xE8);
    ck_assert_uint_eq(tb_in8(tb, 0x42), 0xF6); /* OUT high, null count, rw 3, mode 3 */
    ck_assert_uint_eq(tb_in8(tb, 0x43), 0xFF);
    testbus_destroy(tb);
}
END_TEST

START_TEST(refresh_bit_and_speaker)
{
    start();
    unsigned changes = 0, hz = 0;
    uint8_t last = tb_in8(tb, 0x61) & 0x10;
    for (int i = 0; i < 10000; i++, testbus_advance(tb, 1000)) {
        uint8_t v = tb_in8(tb, 0x61) & 0x10;
        changes += v != last;
        last = v;
    }
    ck_assert_uint_ge(changes, 661); /* 10 ms / 15.085 us = 662.9 */
    ck_assert_uint_le(changes, 664);
    program(2, 0x36, 1193);
    ck_assert(!pit_speaker_tone(pit->state, &hz));
    tb_out8(tb, 0x61, 3);
    ck_assert(pit_speaker_tone(pit->state, &hz));
    ck_assert_uint_eq(hz, 1000);
    testbus_destroy(tb);
}
END_TEST

/* The smallest counts must not cost an event for each tick. */
START_TEST(tiny_counts_are_bounded)
{
    start();
    for (unsigned mode = 0; mode < 8; mode++) {
        for (unsigned count = 1; count < 4; count++) {
            program(0, (uint8_t)(0x30 | mode << 1), (uint16_t)count);
            uint64_t fires = pit->timer_fires;
            testbus_advance(tb, 1000000);
            ck_assert_uint_le(pit->timer_fires - fires, 101);
        }
    }
    testbus_destroy(tb);
}
END_TEST

/* What a control word leaves in a counter is a state that a snapshot keeps as it is. */
START_TEST(loading_keeps_every_count)
{
    for (unsigned control = 0; control < 0x40; control++) {
        start();
        tb_out8(tb, 0x61, 1);
        program(2, 0x34, 0); /* binary, 65536; the control word may turn it to BCD */
        testbus_advance(tb, 3 * TICK);
        tb_out8(tb, 0x43, (uint8_t)(0x80 | control));
        struct bytes before = {0}, after = {0};
        fields_save(pit->class->fields, pit->state, &before);
        testbus_save_load(pit);
        fields_save(pit->class->fields, pit->state, &after);
        ck_assert_msg(before.len == after.len && !memcmp(before.data, after.data, before.len),
                      "control word %02x", control);
        bytes_free(&before);
        bytes_free(&after);
        testbus_destroy(tb);
    }
}
END_TEST

/* A second count written within the tick of the first waits 65537 ticks: the load's and a period.
 */
START_TEST(loading_keeps_a_waiting_count)
{
    start();
    tb_out8(tb, 0x61, 1);
    program(2, 0x34, 0);
    tb_out8(tb, 0x42, 0x64);
    tb_out8(tb, 0x42, 0);
    testbus_save_load(pit);
    testbus_advance(tb, 65600 * (TICK + 1));
    ck_assert_uint_le(latched(2), 0x64);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("pit", mode_3_does_not_drift, mode_2_period_and_reload, mode_0_and_gate, one_shots,
           bcd_latch_readback, refresh_bit_and_speaker, tiny_counts_are_bounded,
           loading_keeps_every_count, loading_keeps_a_waiting_count)
