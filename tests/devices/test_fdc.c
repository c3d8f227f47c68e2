/* The floppy controller together with the 8237: commands as a BIOS gives them, result bytes, DMA
 * and non-DMA transfers, disk change, and DMA to where no RAM is. */
#include "devices/dma8237.h"
#include "devices/fdc.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define RAM (UINT64_C(4) << 20)

struct machine {
    struct testbus *tb;
    struct bus *dma, *fdc;
    struct disk_image *disk;
};

static struct disk_image *make_disk(unsigned kb)
{
    struct disk_image *disk = disk_image_memory(NULL, 0, kb * 1024);
    for (uint32_t i = 0; i < kb * 2; i++) {
        uint8_t b[512];
        memset(b, (int)i, sizeof b);
        store_le32(b, i);
        ck_assert_int_eq(disk_image_write(disk, i, (struct span){b, 512}), DISK_OK);
    }
    return disk;
}

static void wait_ms(struct machine m, unsigned ms)
{
    testbus_advance(m.tb, ms * UINT64_C(1000000));
}

static struct machine power_on_with(unsigned kb)
{
    struct machine m = {.tb = testbus_create(RAM), .disk = make_disk(kb)};
    m.dma = testbus_add_dma(m.tb, &dma8237_class, NULL, (struct dma_limits){.address_bits = 24});
    struct fdc_config config = {.unit[0] = {FDC_1440K, m.disk}};
    m.fdc = testbus_add(m.tb, &fdc_class, &config);
    testbus_wire(m.fdc, FDC_PIN_DRQ2, m.dma, DMA8237_DRQ0 + 2);
    testbus_dack(m.tb, 2, m.fdc);
    tb_out8(m.tb, 0xd4, 0); /* open the cascade */
    tb_out8(m.tb, 0x3f2, 0x1c);
    wait_ms(m, 1);
    return m;
}

static void send(struct machine m, const uint8_t *bytes, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        ck_assert_uint_eq(tb_in8(m.tb, 0x3f4) & 0xc0, 0x80);
        tb_out8(m.tb, 0x3f5, bytes[i]);
    }
}
#define SEND(m, ...) send(m, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void expect(struct machine m, const uint8_t *bytes, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        ck_assert_uint_eq(tb_in8(m.tb, 0x3f4) & 0xd0, 0xd0);
        ck_assert_uint_eq(tb_in8(m.tb, 0x3f5), bytes[i]);
    }
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f4) & 0xd0, 0x80);
}
#define EXPECT(m, ...) \
    expect(m, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct machine power_on(void)
{
    struct machine m = power_on_with(1440);
    ck_assert(m.fdc->pin[FDC_PIN_IRQ6].level);
    for (unsigned i = 0; i < 4; i++) {
        SEND(m, 0x08);
        EXPECT(m, (uint8_t)(0xc0 | i), 0);
    }
    ck_assert(!m.fdc->pin[FDC_PIN_IRQ6].level);
    SEND(m, 0x03, 0xaf, 0x02);
    tb_out8(m.tb, 0x3f7, 0); /* 500 kbit/s */
    return m;
}

static void power_off(struct machine m)
{
    testbus_destroy(m.tb);
    disk_image_close(m.disk);
}

static void seek(struct machine m, uint8_t cylinder)
{
    SEND(m, 0x0f, 0x00, cylinder);
    wait_ms(m, 100);
    ck_assert(m.fdc->pin[FDC_PIN_IRQ6].level);
    SEND(m, 0x08);
    EXPECT(m, 0x20, cylinder);
}

/* Channel 2 for len bytes at gpa; mode 46h: to memory, 4Ah: from memory. */
static void set_dma(struct machine m, uint8_t mode, uint32_t gpa, uint32_t len)
{
    tb_out8(m.tb, 0x0a, 6);
    tb_out8(m.tb, 0x0c, 0);
    tb_out8(m.tb, 0x0b, mode);
    tb_out8(m.tb, 0x04, (uint8_t)gpa);
    tb_out8(m.tb, 0x04, (uint8_t)(gpa >> 8));
    tb_out8(m.tb, 0x81, (uint8_t)(gpa >> 16));
    tb_out8(m.tb, 0x05, (uint8_t)(len - 1));
    tb_out8(m.tb, 0x05, (uint8_t)((len - 1) >> 8));
    tb_out8(m.tb, 0x0a, 2);
}

START_TEST(reads_by_dma)
{
    struct machine m = power_on();
    uint8_t b[512];
    seek(m, 3);
    set_dma(m, 0x46, 0x20000, 3 * 512);
    SEND(m, 0xe6, 0x04, 3, 1, 5, 2, 18, 0x1b, 0xff);
    wait_ms(m, 1);
    testbus_save_load(m.fdc);
    testbus_save_load(m.dma);
    wait_ms(m, 100);
    ck_assert(m.fdc->pin[FDC_PIN_IRQ6].level);
    EXPECT(m, 0x04, 0, 0, 3, 1, 8, 2);
    ck_assert(!m.fdc->pin[FDC_PIN_IRQ6].level);
    for (unsigned i = 0; i < 3; i++) {
        tb_peek(m.tb, 0x20000 + i * 512, b, 512);
        ck_assert_uint_eq(load_le32(b), (3 * 2 + 1) * 18 + 4 + i);
    }
    ck_assert_uint_eq(tb_in8(m.tb, 0x08) & 4, 4); /* terminal count reached */
    power_off(m);
}
END_TEST

START_TEST(multi_track_goes_on_to_head_1)
{
    struct machine m = power_on();
    uint8_t b[4];
    set_dma(m, 0x46, 0x20000, 2 * 512);
    SEND(m, 0xe6, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x04, 0, 0, 0, 1, 2, 2);
    tb_peek(m.tb, 0x20200, b, 4);
    ck_assert_uint_eq(load_le32(b), 18);
    /* the last sector of the cylinder: the result names the next cylinder */
    set_dma(m, 0x46, 0x20000, 512);
    SEND(m, 0xe6, 0x04, 0, 1, 18, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x04, 0, 0, 1, 0, 1, 2);
    power_off(m);
}
END_TEST

/* As SeaBIOS does: EOT = first sector + count - 1, beyond the track. Without MT it is what the chip
 * says. */
START_TEST(eot_beyond_the_track_goes_on)
{
    struct machine m = power_on();
    uint8_t b[4];
    set_dma(m, 0x46, 0x20000, 3 * 512);
    SEND(m, 0xe6, 0x00, 0, 0, 17, 2, 19, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x04, 0, 0, 0, 1, 2, 2);
    tb_peek(m.tb, 0x20400, b, 4);
    ck_assert_uint_eq(load_le32(b), 18);
    set_dma(m, 0x46, 0x20000, 3 * 512); /* to the next cylinder */
    SEND(m, 0xe6, 0x04, 0, 1, 17, 2, 19, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x00, 0, 0, 1, 0, 2, 2);
    tb_peek(m.tb, 0x20400, b, 4);
    ck_assert_uint_eq(load_le32(b), 36);
    seek(m, 0);
    set_dma(m, 0x46, 0x20000, 3 * 512);
    SEND(m, 0x46, 0x00, 0, 0, 17, 2, 19, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x04, 0, 0, 0, 19, 2);
    power_off(m);
}
END_TEST

START_TEST(end_of_track_without_tc_is_abnormal)
{
    struct machine m = power_on();
    set_dma(m, 0x46, 0x20000, 4 * 512);
    SEND(m, 0x46, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x80, 0, 1, 0, 1, 2);
    power_off(m);
}
END_TEST

START_TEST(writes_by_dma)
{
    struct machine m = power_on();
    uint8_t b[1024];
    memset(b, 0xe7, sizeof b);
    tb_poke(m.tb, 0x20000, b, 600);
    set_dma(m, 0x4a, 0x20000, 600); /* the rest of the second sector is zeros */
    SEND(m, 0xc5, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0, 0, 0, 0, 0, 3, 2);
    ck_assert_int_eq(disk_image_read(m.disk, 0, (struct span){b, 1024}), DISK_OK);
    ck_assert_uint_eq(b[511], 0xe7);
    ck_assert_uint_eq(b[599], 0xe7);
    ck_assert_uint_eq(b[600], 0);
    power_off(m);
}
END_TEST

START_TEST(reads_without_dma)
{
    struct machine m = power_on();
    SEND(m, 0x03, 0xaf, 0x03);
    SEND(m, 0x46, 0x00, 0, 0, 2, 2, 2, 0x1b, 0xff);
    wait_ms(m, 5);
    for (unsigned i = 0; i < 512; i++) {
        ck_assert_uint_eq(tb_in8(m.tb, 0x3f4) & 0xf0, 0xf0);
        ck_assert(m.fdc->pin[FDC_PIN_IRQ6].level);
        ck_assert_uint_eq(tb_in8(m.tb, 0x3f5), i == 0 || i >= 4 ? 1 : 0);
    }
    wait_ms(m, 5);
    EXPECT(m, 0x40, 0x80, 0, 1, 0, 1, 2); /* no TC: end of cylinder */
    power_off(m);
}
END_TEST

START_TEST(formats_a_track)
{
    struct machine m = power_on();
    uint8_t ids[18 * 4], b[512];
    for (unsigned i = 0; i < 18; i++)
        memcpy(ids + i * 4, (uint8_t[]){0, 1, (uint8_t)(i + 1), 2}, 4);
    tb_poke(m.tb, 0x20000, ids, sizeof ids);
    set_dma(m, 0x4a, 0x20000, sizeof ids);
    SEND(m, 0x4d, 0x04, 2, 18, 0x6c, 0xf6);
    wait_ms(m, 100);
    EXPECT(m, 0x04, 0, 0, 0, 1, 18, 2);
    ck_assert_int_eq(disk_image_read(m.disk, 35, (struct span){b, 512}), DISK_OK);
    ck_assert_uint_eq(b[0], 0xf6);
    ck_assert_int_eq(disk_image_read(m.disk, 36, (struct span){b, 512}), DISK_OK);
    ck_assert_uint_eq(b[0], 36);
    power_off(m);
}
END_TEST

START_TEST(what_is_not_there_is_told)
{
    struct machine m = power_on();
    set_dma(m, 0x46, 0x20000, 512);
    SEND(m, 0x46, 0x00, 0, 0, 19, 2, 30, 0x1b, 0xff); /* no such sector */
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x04, 0, 0, 0, 19, 2);
    SEND(m, 0x46, 0x00, 5, 0, 1, 2, 18, 0x1b, 0xff); /* head is on cylinder 0 */
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x04, 0x10, 5, 0, 1, 2);
    tb_out8(m.tb, 0x3f7, 2); /* 250 kbit/s: no address mark is found */
    SEND(m, 0x4a, 0x00);
    wait_ms(m, 100);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f5), 0x40);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f5), 0x01);
    power_off(m);
}
END_TEST

START_TEST(host_errors_are_data_errors)
{
    struct machine m = power_on();
    disk_image_fail(m.disk, DISK_OP_READ, 1, DISK_IO_ERROR);
    set_dma(m, 0x46, 0x20000, 512);
    SEND(m, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x20, 0x20, 0, 0, 1, 2);
    disk_image_fail(m.disk, DISK_OP_WRITE, 1, DISK_NO_SPACE);
    set_dma(m, 0x4a, 0x20000, 512);
    SEND(m, 0x45, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x20, 0x20, 0, 0, 1, 2);
    power_off(m);
}
END_TEST

START_TEST(the_change_line_falls_with_a_step)
{
    struct machine m = power_on();
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f7) & 0x80, 0x80); /* from power-on */
    seek(m, 1);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f7) & 0x80, 0);
    ck_assert_ptr_eq(fdc_change_disk(m.fdc->state, 0, NULL), m.disk);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f7) & 0x80, 0x80);
    seek(m, 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f7) & 0x80, 0x80); /* no disk: stays */
    fdc_change_disk(m.fdc->state, 0, m.disk);
    seek(m, 1);
    ck_assert_uint_eq(tb_in8(m.tb, 0x3f7) & 0x80, 0);
    power_off(m);
}
END_TEST

START_TEST(small_commands)
{
    struct machine m = power_on();
    SEND(m, 0x10);
    EXPECT(m, 0x90);
    SEND(m, 0x94);
    EXPECT(m, 0x10);
    SEND(m, 0x14);
    EXPECT(m, 0x00);
    SEND(m, 0x04, 0x00);
    EXPECT(m, 0x38); /* track 0, two sides */
    SEND(m, 0x08);   /* nothing pending */
    EXPECT(m, 0x80);
    SEND(m, 0x1f);
    EXPECT(m, 0x80);
    SEND(m, 0x13, 0, 0x57, 0);
    SEND(m, 0x0e);
    EXPECT(m, 0, 0, 0, 0, 0xaf, 0x02, 0, 0, 0x57, 0);
    SEND(m, 0x07, 0x01); /* no second drive: track 0 is not found */
    wait_ms(m, 100);
    SEND(m, 0x08);
    EXPECT(m, 0x71, 0);
    power_off(m);
}
END_TEST

START_TEST(implied_seek)
{
    struct machine m = power_on();
    uint8_t b[4];
    SEND(m, 0x13, 0, 0x57, 0);
    set_dma(m, 0x46, 0x20000, 512);
    SEND(m, 0x46, 0x00, 40, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0, 0, 0, 40, 0, 2, 2);
    tb_peek(m.tb, 0x20000, b, 4);
    ck_assert_uint_eq(load_le32(b), 40 * 36);
    power_off(m);
}
END_TEST

START_TEST(a_masked_channel_ends_in_an_overrun)
{
    struct machine m = power_on();
    tb_out8(m.tb, 0x0a, 6);
    SEND(m, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 2000);
    EXPECT(m, 0x40, 0x10, 0, 0, 0, 1, 2);
    power_off(m);
}
END_TEST

/* 160 KB: one head, eight sectors, 250 kbit/s. */
START_TEST(single_sided_disks)
{
    struct machine m = power_on_with(160);
    uint8_t b[4];
    SEND(m, 0x03, 0xaf, 0x02);
    tb_out8(m.tb, 0x3f7, 2);
    tb_out8(m.tb, 0x3f5, 0x0f);
    tb_out8(m.tb, 0x3f5, 0);
    tb_out8(m.tb, 0x3f5, 2);
    wait_ms(m, 100);
    set_dma(m, 0x46, 0x20000, 512);
    SEND(m, 0x46, 0x00, 2, 0, 8, 2, 8, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0, 0, 0, 3, 0, 1, 2);
    tb_peek(m.tb, 0x20000, b, 4);
    ck_assert_uint_eq(load_le32(b), 2 * 8 + 7);
    SEND(m, 0x46, 0x04, 2, 1, 1, 2, 8, 0x1b, 0xff); /* no second side */
    wait_ms(m, 100);
    EXPECT(m, 0x44, 0x01, 0, 2, 1, 1, 2);
    power_off(m);
}
END_TEST

/* A denial is counted and ends the command: abnormal termination, overrun; nothing moves. */
START_TEST(dma_beyond_ram_is_denied)
{
    struct machine m = power_on();
    uint8_t b[512];
    struct dma_counters before = dma_domain_counters(m.dma->domain);
    set_dma(m, 0x46, 0xff0000, 512);
    SEND(m, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x10, 0, 0, 0, 2, 2);
    ck_assert_uint_eq(dma_domain_counters(m.dma->domain).denials, before.denials + 1);
    ck_assert_uint_eq(dma_domain_counters(m.dma->domain).bytes_written, before.bytes_written);
    physmap_map_rom(m.tb->pm, 0x30000, 0x1000, 0, NO_BACKING);
    set_dma(m, 0x46, 0x30000, 512);
    SEND(m, 0x46, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x10, 0, 0, 0, 3, 2);
    ck_assert_uint_eq(dma_domain_counters(m.dma->domain).denials, before.denials + 2);
    uint8_t old[512];
    ck_assert_int_eq(disk_image_read(m.disk, 1, (struct span){old, 512}), DISK_OK);
    set_dma(m, 0x4a, 0xff0000, 512); /* the disk stays as it is */
    SEND(m, 0x45, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
    wait_ms(m, 100);
    EXPECT(m, 0x40, 0x10, 0, 0, 0, 2, 2);
    ck_assert_int_eq(disk_image_read(m.disk, 1, (struct span){b, 512}), DISK_OK);
    ck_assert_int_eq(memcmp(b, old, 512), 0);
    power_off(m);
}
END_TEST

CHECK_MAIN("fdc", reads_by_dma, multi_track_goes_on_to_head_1, eot_beyond_the_track_goes_on,
           end_of_track_without_tc_is_abnormal, writes_by_dma, reads_without_dma, formats_a_track,
           what_is_not_there_is_told, host_errors_are_data_errors,
           the_change_line_falls_with_a_step, small_commands, implied_seek,
           a_masked_channel_ends_in_an_overrun, single_sided_disks, dma_beyond_ram_is_denied)
