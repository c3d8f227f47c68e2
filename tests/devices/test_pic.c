/* 8259A pair: initialization, priorities, EOI forms, cascade, spurious interrupts, level mode. */
#include "devices/pic.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static struct testbus *tb;
static struct bus *pic;

static int inta(void)
{
    return pic->class->interrupt_ack(pic->state);
}

static void start(uint8_t icw4)
{
    tb = testbus_create(1 << 20);
    pic = testbus_add(tb, &pic_class, NULL);
    static const uint16_t base[] = {0x20, 0xA0};
    for (int i = 0; i < 2; i++) {
        tb_out8(tb, base[i], 0x11);
        tb_out8(tb, base[i] + 1, i ? 0x70 : 0x08);
        tb_out8(tb, base[i] + 1, i ? 2 : 4);
        tb_out8(tb, base[i] + 1, icw4);
    }
}

static uint8_t read_isr(uint16_t base)
{
    tb_out8(tb, base, 0x0B);
    return tb_in8(tb, base);
}

static uint8_t read_irr(uint16_t base)
{
    tb_out8(tb, base, 0x0A);
    return tb_in8(tb, base);
}

START_TEST(fixed_priority_and_eoi)
{
    start(1);
    ck_assert(!pic->pin[PIC_INTR].level);
    testbus_input(pic, 3, true);
    testbus_input(pic, 1, true);
    ck_assert(pic->pin[PIC_INTR].level);
    ck_assert_uint_eq(read_irr(0x20), 0x0A);
    ck_assert_int_eq(inta(), 0x09);
    ck_assert_uint_eq(read_isr(0x20), 0x02);
    ck_assert(!pic->pin[PIC_INTR].level); /* IRQ3 waits behind IRQ1 */
    testbus_input(pic, 0, true);          /* but IRQ0 nests */
    ck_assert_int_eq(inta(), 0x08);
    testbus_save_load(pic);
    tb_out8(tb, 0x20, 0x20);
    ck_assert_uint_eq(read_isr(0x20), 0x02);
    tb_out8(tb, 0x20, 0x61); /* specific */
    ck_assert(pic->pin[PIC_INTR].level);
    ck_assert_int_eq(inta(), 0x0B);
    testbus_destroy(tb);
}
END_TEST

START_TEST(cascade_and_spurious)
{
    start(1);
    testbus_input(pic, 12, true);
    ck_assert_uint_eq(read_irr(0x20), 0x04);
    ck_assert_int_eq(inta(), 0x74);
    ck_assert_uint_eq(read_isr(0x20), 0x04);
    ck_assert_uint_eq(read_isr(0xA0), 0x10);
    testbus_input(pic, 8, true); /* higher on the slave, blocked at the master (not SFNM) */
    ck_assert(!pic->pin[PIC_INTR].level);
    tb_out8(tb, 0x20, 0x20);
    ck_assert(pic->pin[PIC_INTR].level);
    ck_assert_int_eq(inta(), 0x70);
    tb_out8(tb, 0xA0, 0x20);
    tb_out8(tb, 0xA0, 0x20);
    tb_out8(tb, 0x20, 0x20);
    /* The line falls before INTA: spurious, and nothing in service. */
    testbus_input(pic, 5, true);
    testbus_input(pic, 5, false);
    ck_assert(!pic->pin[PIC_INTR].level);
    ck_assert_int_eq(inta(), 0x0F);
    ck_assert_uint_eq(read_isr(0x20), 0);
    testbus_destroy(tb);
}
END_TEST

START_TEST(edge_needs_a_new_edge_level_does_not)
{
    start(1);
    testbus_input(pic, 5, true);
    ck_assert_int_eq(inta(), 0x0D);
    tb_out8(tb, 0x20, 0x20);
    ck_assert(!pic->pin[PIC_INTR].level);
    tb_out8(tb, 0x4D0, 0xFF);
    ck_assert_uint_eq(tb_in8(tb, 0x4D0), 0xF8); /* IRQ0..2 cannot be level */
    tb_out8(tb, 0x4D1, 0xFF);
    ck_assert_uint_eq(tb_in8(tb, 0x4D1), 0xDE);
    ck_assert_int_eq(inta(), 0x0D); /* still high: a request again */
    tb_out8(tb, 0x20, 0x20);
    ck_assert(pic->pin[PIC_INTR].level);
    testbus_input(pic, 5, false);
    ck_assert(!pic->pin[PIC_INTR].level);
    testbus_destroy(tb);
}
END_TEST

START_TEST(mask_rotate_special_mask_poll_aeoi)
{
    start(1);
    tb_out8(tb, 0x21, 0x02);
    ck_assert_uint_eq(tb_in8(tb, 0x21), 0x02);
    testbus_input(pic, 1, true);
    ck_assert(!pic->pin[PIC_INTR].level);
    tb_out8(tb, 0x21, 0);
    ck_assert_int_eq(inta(), 0x09);
    tb_out8(tb, 0x20, 0xA0); /* rotate on EOI: IRQ1 is lowest now */
    testbus_input(pic, 0, true);
    testbus_input(pic, 6, true);
    ck_assert_int_eq(inta(), 0x0E); /* 2, 3, .. 7, 0, 1 */
    tb_out8(tb, 0x20, 0x20);
    ck_assert_int_eq(inta(), 0x08);
    tb_out8(tb, 0x20, 0xC7); /* set priority: 7 lowest */
    testbus_input(pic, 4, true);
    ck_assert(!pic->pin[PIC_INTR].level); /* IRQ0 is in service */
    tb_out8(tb, 0x20, 0x68);              /* special mask mode */
    tb_out8(tb, 0x21, 0x01);
    ck_assert(pic->pin[PIC_INTR].level);
    tb_out8(tb, 0x20, 0x0C); /* poll */
    ck_assert_uint_eq(tb_in8(tb, 0x20), 0x84);
    tb_out8(tb, 0x20, 0x0C);
    ck_assert_uint_eq(tb_in8(tb, 0x20), 0);
    testbus_destroy(tb);
    start(3); /* automatic EOI */
    testbus_input(pic, 4, true);
    ck_assert_int_eq(inta(), 0x0C);
    ck_assert_uint_eq(read_isr(0x20), 0);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("pic", fixed_priority_and_eoi, cascade_and_spurious,
           edge_needs_a_new_edge_level_does_not, mask_rotate_special_mask_poll_aeoi)
