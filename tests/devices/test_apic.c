/* Local APIC and I/O APIC: priorities, EOI, timer, IPIs, errors, virtual wire, redirection. */
#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "devices/pic.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define LAPIC  UINT64_C(0xFEE00000)
#define IOAPIC UINT64_C(0xFEC00000)

enum { OUT_INTR, OUT_NMI, OUT_INIT };
enum { LINT0, LINT1 };

static struct testbus *tb;
static struct bus *lapic, *ioapic;

static void start(void)
{
    tb = testbus_create(1 << 20);
    lapic = testbus_add(tb, &lapic_class, NULL);
    ioapic = testbus_add(tb, &ioapic_class, NULL);
}

static uint32_t get(unsigned reg)
{
    return (uint32_t)tb_read(tb, LAPIC + reg, 4);
}

static void set(unsigned reg, uint32_t value)
{
    tb_write(tb, LAPIC + reg, 4, value);
}

static void route(unsigned pin, uint64_t entry)
{
    for (unsigned half = 2; half-- > 0;) {
        tb_write(tb, IOAPIC, 4, 0x10 + 2 * pin + half);
        tb_write(tb, IOAPIC + 0x10, 4, (uint32_t)(entry >> 32 * half));
    }
}

static uint32_t entry_low(unsigned pin)
{
    tb_write(tb, IOAPIC, 4, 0x10 + 2 * pin);
    return (uint32_t)tb_read(tb, IOAPIC + 0x10, 4);
}

static int inta(void)
{
    return lapic->class->interrupt_ack(lapic->state);
}

START_TEST(fixed_interrupts_by_priority)
{
    start();
    ck_assert_uint_eq(get(0x30) & 0xFF, 0x14);
    set(0xF0, 0x1FF);
    set(0x300, 0x40031); /* self */
    set(0x300, 0x40052);
    ck_assert(lapic->pin[OUT_INTR].level);
    ck_assert_uint_eq(get(0x210), 1u << 0x11); /* IRR 20h..3Fh */
    ck_assert_int_eq(inta(), 0x52);
    ck_assert_uint_eq(get(0xA0), 0x50);
    ck_assert(!lapic->pin[OUT_INTR].level);
    testbus_save_load(lapic);
    set(0xB0, 0);
    ck_assert(lapic->pin[OUT_INTR].level);
    set(0x80, 0x40); /* TPR holds class 3 back */
    ck_assert(!lapic->pin[OUT_INTR].level);
    set(0x80, 0x20);
    ck_assert_int_eq(inta(), 0x31);
    set(0xB0, 0);
    ck_assert_int_eq(inta(), 0xFF); /* spurious */
    testbus_destroy(tb);
}
END_TEST

START_TEST(timer_modes)
{
    start();
    set(0xF0, 0x1FF);
    set(0x3E0, 0xB); /* divide by 1: 10 ns */
    set(0x320, 0x20040);
    set(0x380, 100000); /* 1 ms */
    ck_assert_uint_eq(get(0x390), 100000);
    unsigned count = 0;
    for (int i = 0; i < 1000; i++) {
        testbus_advance(tb, 100000);
        if (lapic->pin[OUT_INTR].level) {
            ck_assert_int_eq(inta(), 0x40);
            set(0xB0, 0);
            count++;
        }
    }
    ck_assert_uint_eq(count, 100);
    set(0x320, 0x41); /* one shot */
    set(0x380, 1000);
    testbus_advance(tb, 5000);
    ck_assert_uint_eq(get(0x390), 500);
    testbus_advance(tb, 5000);
    ck_assert_int_eq(inta(), 0x41);
    set(0xB0, 0);
    testbus_advance(tb, 1000000);
    ck_assert(!lapic->pin[OUT_INTR].level);
    ck_assert_uint_eq(get(0x390), 0);
    testbus_destroy(tb);
}
END_TEST

/* The shortest periods must not cost an event for each: the host would not get anywhere. */
START_TEST(timer_events_are_bounded)
{
    start();
    set(0xF0, 0x1FF);
    set(0x3E0, 0xB);
    set(0x320, 0x20040);
    set(0x380, 1);
    uint64_t fires = lapic->timer_fires;
    testbus_advance(tb, 1000000);
    ck_assert_uint_le(lapic->timer_fires - fires, 1000);
    ck_assert_int_eq(inta(), 0x40);
    testbus_destroy(tb);
}
END_TEST

START_TEST(errors_nmi_and_base)
{
    uint64_t base;
    start();
    set(0xF0, 0x1FF);
    set(0x300, 0x40005); /* vector below 16 */
    set(0x280, 0);
    ck_assert_uint_eq(get(0x280) & 0x20, 0x20);
    set(0x280, 0);
    ck_assert_uint_eq(get(0x280), 0);
    testbus_input(lapic, LINT1, true);
    ck_assert_uint_eq(lapic->pin[OUT_NMI].rises, 1);
    ck_assert(lapic_msr_read(lapic->state, &base));
    ck_assert_uint_eq(base, LAPIC | 0x900);
    ck_assert(!lapic_msr_write(lapic->state, base | 1));
    ck_assert(lapic_msr_write(lapic->state, 0xFED00900));
    ck_assert_uint_eq(tb_read(tb, 0xFED00030, 4) & 0xFF, 0x14);
    ck_assert_uint_eq(tb_read(tb, LAPIC + 0x30, 4), 0xFFFFFFFF);
    testbus_destroy(tb);
}
END_TEST

START_TEST(virtual_wire)
{
    start();
    struct bus *pic = testbus_add(tb, &pic_class, NULL);
    testbus_wire(pic, PIC_INTR, lapic, LINT0);
    static const uint8_t icw[] = {0x08, 0x04, 0x01, 0x00};
    tb_out8(tb, 0x20, 0x11);
    for (unsigned i = 0; i < sizeof icw; i++)
        tb_out8(tb, 0x21, icw[i]);
    tb_out8(tb, 0xA1, 0xFF);
    testbus_input(pic, 1, true);
    ck_assert(lapic->pin[OUT_INTR].level); /* LINT0 is ExtINT after reset */
    ck_assert_int_eq(inta(), 0x09);
    ck_assert(!lapic->pin[OUT_INTR].level);
    testbus_destroy(tb);
}
END_TEST

START_TEST(ioapic_edge_and_level)
{
    start();
    set(0xF0, 0x1FF);
    tb_write(tb, IOAPIC, 4, 1);
    ck_assert_uint_eq(tb_read(tb, IOAPIC + 0x10, 4) & 0xFF00FF, 0x170011);
    tb_write(tb, IOAPIC, 1, 0); /* the index may be written as a byte, the data may not */
    ck_assert_uint_eq(tb_read(tb, IOAPIC, 4), 0);
    tb_write(tb, IOAPIC + 0x10, 1, 0xFF);
    tb_write(tb, IOAPIC + 1, 1, 0xFF);
    ck_assert_uint_eq(tb_read(tb, IOAPIC + 0x10, 4), 0);
    tb_write(tb, IOAPIC, 1, 1);
    ck_assert_uint_eq(tb_read(tb, IOAPIC + 0x10, 4) & 0xFF00FF, 0x170011);
    testbus_input(ioapic, 4, true); /* masked: an edge is lost */
    testbus_input(ioapic, 4, false);
    route(4, 0x34);
    ck_assert(!lapic->pin[OUT_INTR].level);
    testbus_input(ioapic, 4, true);
    ck_assert_int_eq(inta(), 0x34);
    set(0xB0, 0);
    ck_assert_uint_eq(tb->apic_eois, 0); /* edge: not broadcast */
    route(16, 0x8000 | 0x61);
    testbus_input(ioapic, 16, true);
    testbus_save_load(ioapic);
    ck_assert_int_eq(inta(), 0x61);
    ck_assert_uint_eq(entry_low(16) & 0x4000, 0x4000);
    set(0xB0, 0); /* still high: again */
    ck_assert_int_eq(inta(), 0x61);
    testbus_input(ioapic, 16, false);
    set(0xB0, 0);
    ck_assert_uint_eq(entry_low(16) & 0x4000, 0);
    ck_assert(!lapic->pin[OUT_INTR].level);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("apic", fixed_interrupts_by_priority, timer_modes, timer_events_are_bounded,
           errors_nmi_and_base, virtual_wire, ioapic_edge_and_level)
