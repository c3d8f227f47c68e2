/* i440FX, PIIX3 and PIIX4 power management: configuration mechanism 1, PAM, interrupt routing,
 * BARs, PM timer, soft-off, SCI, resets. */
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/pci/piix4pm.h"
#include "devices/pic.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static struct testbus *tb;
static struct bus *host, *isa, *pm;

static void start(void)
{
    tb = testbus_create(1 << 20);
    host = testbus_add(tb, &i440fx_class, NULL);
    isa = testbus_add(tb, &piix3_class, NULL);
    pm = testbus_add(tb, &piix4pm_class, NULL);
    testbus_pci(host, 0x00);
    testbus_pci(isa, 0x08);
    testbus_pci(pm, 0x0B);
}

static uint32_t config(unsigned devfn, unsigned reg, unsigned size)
{
    tb_out(tb, 0xCF8, 4, 0x80000000u | devfn << 8 | (reg & ~3u));
    return tb_in(tb, (uint16_t)(0xCFC + (reg & 3)), size);
}

static void set_config(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    tb_out(tb, 0xCF8, 4, 0x80000000u | devfn << 8 | (reg & ~3u));
    tb_out(tb, (uint16_t)(0xCFC + (reg & 3)), size, value);
}

START_TEST(mechanism_1)
{
    start();
    ck_assert_uint_eq(config(0x00, 0, 4), 0x12378086);
    ck_assert_uint_eq(config(0x00, 2, 2), 0x1237);
    ck_assert_uint_eq(config(0x00, 3, 1), 0x12);
    ck_assert_uint_eq(config(0x08, 0, 4), 0x70008086);
    ck_assert_uint_eq(config(0x08, 0x0E, 1), 0x80);
    ck_assert_uint_eq(config(0x0B, 0, 4), 0x71138086);
    ck_assert_uint_eq(config(0x20, 0, 4), 0xFFFFFFFF); /* nobody */
    ck_assert_uint_eq(config(0x00, 0x2C, 4), 0x11001AF4);
    ck_assert_uint_eq(tb_in(tb, 0xCF8, 4), 0x8000002C);
    tb_out(tb, 0xCF8, 4, 0x2C); /* not enabled */
    ck_assert_uint_eq(tb_in(tb, 0xCFC, 4), 0xFFFFFFFF);
    set_config(0x00, 0, 4, 0); /* read-only */
    ck_assert_uint_eq(config(0x00, 0, 4), 0x12378086);
    tb_out8(tb, 0xCF9, 2);
    tb_out8(tb, 0xCF9, 6);
    ck_assert_uint_eq(tb->resets, 1);
    testbus_destroy(tb);
}
END_TEST

START_TEST(pam)
{
    start();
    set_config(0x00, 0x59, 1, 0x30);
    ck_assert(tb->pam_read[12] && tb->pam_write[12]);
    set_config(0x00, 0x5A, 1, 0x21); /* C0000: read RAM; C4000: write RAM */
    ck_assert(tb->pam_read[0] && !tb->pam_write[0]);
    ck_assert(!tb->pam_read[1] && tb->pam_write[1]);
    set_config(0x00, 0x5F, 1, 0x30); /* EC000 */
    ck_assert(tb->pam_read[11] && !tb->pam_read[10]);
    testbus_save_load(host);
    ck_assert_uint_eq(config(0x00, 0x5A, 1), 0x21);
    testbus_destroy(tb);
}
END_TEST

/* Two slots share a line: the IRQ stays up until both have let go. */
START_TEST(interrupt_routing)
{
    start();
    set_config(0x08, 0x62, 1, 11); /* PIRQC */
    ck_assert_uint_eq(config(0x08, 0x62, 1), 11);
    testbus_input(isa, piix3_input(3, 0), true);
    ck_assert(isa->pin[11].level);
    testbus_input(isa, piix3_input(2, 1), true);
    testbus_input(isa, piix3_input(3, 0), false);
    ck_assert(isa->pin[11].level);
    set_config(0x08, 0x62, 1, 0x80);
    ck_assert(!isa->pin[11].level);
    ck_assert(isa->pin[16 + 2].level);
    set_config(0x08, 0x62, 1, 8); /* IRQ 8 is not routable */
    ck_assert(!isa->pin[8].level);
    testbus_input(isa, piix3_input(2, 1), false);
    ck_assert(!isa->pin[16 + 2].level);
    testbus_destroy(tb);
}
END_TEST

START_TEST(power_management)
{
    start();
    ck_assert_uint_eq(tb_in(tb, 0x608, 4), 0xFFFFFFFF);
    set_config(0x0B, 0x40, 4, 0x601);
    ck_assert_uint_eq(config(0x0B, 0x40, 4), 0x601);
    set_config(0x0B, 0x80, 1, 1);
    uint32_t before = tb_in(tb, 0x608, 4);
    testbus_advance(tb, 1000000000);
    uint32_t ticks = (tb_in(tb, 0x608, 4) - before) & 0xFFFFFF;
    ck_assert_uint_ge(ticks, 3579544);
    ck_assert_uint_le(ticks, 3579546);
    tb_out16(tb, 0x602, 0x0101);
    piix4pm_power_button(pm->state);
    ck_assert(!pm->pin[0].level); /* not in ACPI mode yet */
    tb_out8(tb, 0xB2, 0xF1);
    ck_assert_uint_eq(tb_in16(tb, 0x604) & 1, 1);
    ck_assert(pm->pin[0].level);
    testbus_save_load(pm);
    tb_out16(tb, 0x600, 0x0100);
    ck_assert(!pm->pin[0].level);
    testbus_advance(tb, UINT64_C(5000000000)); /* the 24-bit timer has overflowed */
    ck_assert(pm->pin[0].level);
    ck_assert_uint_eq(tb_in16(tb, 0x600), 1);
    tb_out16(tb, 0x600, 1);
    ck_assert(!pm->pin[0].level);
    tb_out16(tb, 0x604, 0x2001);
    ck_assert_uint_eq(tb->power_offs, 1);
    testbus_destroy(tb);
}
END_TEST

/* The clock's alarm reaches a sleeping system by the SCI: IRQ8 itself is masked then. */
START_TEST(rtc_alarm_wakes)
{
    start();
    set_config(0x0B, 0x40, 4, 0x601);
    set_config(0x0B, 0x80, 1, 1);
    tb_out8(tb, 0xB2, 0xF1);
    testbus_input(pm, 0, true);
    ck_assert_uint_eq(tb_in16(tb, 0x600), 0x0400);
    ck_assert(!pm->pin[0].level); /* nobody asked for the event */
    tb_out16(tb, 0x602, 0x0400);
    ck_assert(pm->pin[0].level);
    testbus_save_load(pm);
    ck_assert(pm->pin[0].level);
    tb_out16(tb, 0x600, 0x0400); /* cleared, though the line is still up: the edge counts */
    ck_assert(!pm->pin[0].level);
    testbus_save_load(pm);
    ck_assert_uint_eq(tb_in16(tb, 0x600), 0);
    testbus_input(pm, 0, false);
    ck_assert_uint_eq(tb_in16(tb, 0x600), 0);
    testbus_input(pm, 0, true);
    ck_assert(pm->pin[0].level);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("pci", mechanism_1, pam, interrupt_routing, power_management, rtc_alarm_wakes)
