/* MC146818: time formats, setting, leap years, the three interrupts, UIP, initial CMOS contents. */
#include "devices/rtc.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define SECOND UINT64_C(1000000000)

static struct testbus *tb;
static struct bus *rtc;

static void start_at(uint64_t unix_seconds, const struct rtc_config *config)
{
    tb = testbus_create(1 << 20);
    tb->wall_start = unix_seconds * SECOND - tb->now;
    rtc = testbus_add(tb, &rtc_class, config);
}

static uint8_t get(uint8_t index)
{
    tb_out8(tb, 0x70, index);
    return tb_in8(tb, 0x71);
}

static void set(uint8_t index, uint8_t value)
{
    tb_out8(tb, 0x70, index);
    tb_out8(tb, 0x71, value);
}

START_TEST(reads_the_date)
{
    start_at(1709210096, NULL); /* Thu 2024-02-29 12:34:56 */
    ck_assert_uint_eq(get(0), 0x56);
    ck_assert_uint_eq(get(2), 0x34);
    ck_assert_uint_eq(get(4), 0x12);
    ck_assert_uint_eq(get(6), 5);
    ck_assert_uint_eq(get(7), 0x29);
    ck_assert_uint_eq(get(8), 0x02);
    ck_assert_uint_eq(get(9), 0x24);
    ck_assert_uint_eq(get(0x32), 0x20);
    ck_assert_uint_eq(get(13), 0x80);
    set(11, 0x04); /* binary, 12 hours */
    ck_assert_uint_eq(get(4), 0x80 | 12);
    ck_assert_uint_eq(get(0), 56);
    testbus_advance(tb, 12 * 3600 * SECOND);
    ck_assert_uint_eq(get(4), 12);
    ck_assert_uint_eq(get(7), 1);
    ck_assert_uint_eq(get(8), 3);
    testbus_destroy(tb);
}
END_TEST

START_TEST(is_set_by_the_guest)
{
    start_at(1709210096, NULL);
    set(11, 0x82);
    static const uint8_t when[][2] = {{0, 0x59}, {2, 0x59}, {4, 0x23}, {6, 6},
                                      {7, 0x31}, {8, 0x12}, {9, 0x99}, {0x32, 0x19}};
    for (unsigned i = 0; i < ARRAY_LEN(when); i++)
        set(when[i][0], when[i][1]);
    testbus_advance(tb, 10 * SECOND);
    ck_assert_uint_eq(get(0), 0x59); /* stopped */
    ck_assert_uint_eq(get(10) & 0x80, 0);
    set(11, 0x02);
    ck_assert_uint_eq(get(0), 0x59);
    testbus_save_load(rtc);
    testbus_advance(tb, SECOND);
    ck_assert_uint_eq(get(0), 0);
    ck_assert_uint_eq(get(4), 0);
    ck_assert_uint_eq(get(9), 0);
    ck_assert_uint_eq(get(0x32), 0x20);
    ck_assert_uint_eq(get(6), 7);
    set(2, 0x30); /* without SET: at once */
    ck_assert_uint_eq(get(2), 0x30);
    testbus_destroy(tb);
}
END_TEST

START_TEST(update_interrupt_and_uip)
{
    start_at(1000000000, NULL);
    set(11, 0x12);
    testbus_advance(tb, SECOND - 3000000);
    ck_assert_uint_eq(get(10), 0x26);
    testbus_advance(tb, 1000000);
    ck_assert_uint_eq(get(10), 0xA6);
    ck_assert(!rtc->pin[RTC_IRQ8].level);
    testbus_advance(tb, 2000000);
    ck_assert_uint_eq(get(10), 0x26);
    ck_assert(rtc->pin[RTC_IRQ8].level);
    ck_assert_uint_eq(get(12), 0xD0); /* PF is set too, though not enabled */
    ck_assert(!rtc->pin[RTC_IRQ8].level);
    ck_assert_uint_eq(get(12), 0);
    testbus_advance(tb, 10 * SECOND); /* not acknowledged: one edge */
    ck_assert_uint_eq(rtc->pin[RTC_IRQ8].rises, 2);
    testbus_destroy(tb);
}
END_TEST

START_TEST(periodic_rate)
{
    start_at(1000000000, NULL);
    set(11, 0x42);
    unsigned count = 0;
    uint64_t end = tb->now + SECOND;
    while (testbus_next(tb) && tb->now <= end) {
        count++;
        ck_assert_uint_eq(get(12) & 0xC0, 0xC0);
    }
    ck_assert_uint_eq(count, 1024);
    testbus_destroy(tb);
}
END_TEST

START_TEST(alarm_fires_once_a_day)
{
    start_at(1709210096, NULL);
    set(1, 0x00);
    set(3, 0x35);
    set(5, 0xC0); /* any hour */
    set(11, 0x22);
    testbus_advance(tb, 3 * SECOND);
    ck_assert(!rtc->pin[RTC_IRQ8].level);
    testbus_advance(tb, 2 * SECOND);
    ck_assert(rtc->pin[RTC_IRQ8].level);
    ck_assert_uint_eq(get(12) & 0xA0, 0xA0);
    testbus_advance(tb, 3600 * SECOND);
    ck_assert_uint_eq(get(12) & 0xA0, 0xA0);
    /* Polled without an interrupt enabled. */
    set(11, 0x02);
    testbus_advance(tb, 3601 * SECOND);
    ck_assert_uint_eq(get(12) & 0xB0, 0x30);
    testbus_destroy(tb);
}
END_TEST

START_TEST(cmos_contents)
{
    struct rtc_config config = {
        .ram_below_4g = 64 << 20,
        .floppy = {4, 0},
        .disk = {{2000, 16, 63}},
        .boot = {RTC_BOOT_CD, RTC_BOOT_DISK, RTC_BOOT_FLOPPY},
        .fpu = true,
        .cpus = 1,
    };
    start_at(0, &config);
    ck_assert_uint_eq(get(0x10), 0x40);
    ck_assert_uint_eq(get(0x14), 0x07);
    ck_assert_uint_eq(get(0x15) | get(0x16) << 8, 640);
    ck_assert_uint_eq(get(0x17) | get(0x18) << 8, 63 * 1024);
    ck_assert_uint_eq(get(0x34) | get(0x35) << 8, 48 * 16);
    ck_assert_uint_eq(get(0x12), 0xF0);
    ck_assert_uint_eq(get(0x39), 1);
    ck_assert_uint_eq(get(0x3D), 0x23);
    ck_assert_uint_eq(get(0x38), 0x10);
    unsigned sum = 0;
    for (uint8_t i = 0x10; i <= 0x2D; i++)
        sum += get(i);
    ck_assert_uint_eq(get(0x2E) << 8 | get(0x2F), sum);
    set(0x40, 0x5A); /* RAM */
    ck_assert_uint_eq(get(0x40), 0x5A);
    ck_assert(rtc->pin[RTC_NMI_ENABLE].level);
    tb_out8(tb, 0x70, 0x8F);
    ck_assert(!rtc->pin[RTC_NMI_ENABLE].level);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("rtc", reads_the_date, is_set_by_the_guest, update_interrupt_and_uip, periodic_rate,
           alarm_fires_once_a_day, cmos_contents)
