/* The IDE controller with ATA disks: PIO and DMA transfers, interrupts, addresses, errors, and what
 * the bus master does with hostile descriptor tables. */
#include "devices/ide/ide.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define RAM      (UINT64_C(4) << 20)
#define SECTORS  8192
#define BM       0xc000
#define PRD      0x10000
#define DMA_DATA 0x20000

enum { BSY = 0x80, DRDY = 0x40, DF = 0x20, DRQ = 0x08, ERR = 0x01 };

struct machine {
    struct testbus *tb;
    struct bus *ide;
    struct disk_image *image;
};

/* Sector n begins with the number n and is otherwise filled with its low byte. */
static struct machine power_on(void)
{
    struct machine m = {.tb = testbus_create(RAM)};
    m.image = disk_image_memory(NULL, 0, SECTORS * 512);
    for (uint32_t i = 0; i < SECTORS; i++) {
        uint8_t b[512];
        memset(b, (int)i, sizeof b);
        store_le32(b, i);
        ck_assert_int_eq(disk_image_write(m.image, i, (struct span){b, 512}), DISK_OK);
    }
    struct ide_config config = {.unit[0] = {IDE_DISK, m.image}};
    m.ide = testbus_add(m.tb, &ide_class, &config);
    tb_pci_write(m.ide, 0x20, 4, BM | 1);
    tb_pci_write(m.ide, 4, 2, 5);
    return m;
}

static void power_off(struct machine m)
{
    testbus_destroy(m.tb);
    disk_image_close(m.image);
}

static void command(struct machine m, uint8_t device, uint32_t lba, uint8_t count, uint8_t cmd)
{
    tb_out8(m.tb, 0x1f6, device | (lba >> 24 & 15));
    tb_out8(m.tb, 0x1f2, count);
    tb_out8(m.tb, 0x1f3, (uint8_t)lba);
    tb_out8(m.tb, 0x1f4, (uint8_t)(lba >> 8));
    tb_out8(m.tb, 0x1f5, (uint8_t)(lba >> 16));
    tb_out8(m.tb, 0x1f7, cmd);
}

/* Lets time pass until the drive is not busy; returns the status and clears the interrupt. */
static uint8_t wait_ready(struct machine m)
{
    for (unsigned i = 0; i < 100000 && tb_in8(m.tb, 0x3f6) & BSY; i++)
        ck_assert(testbus_next(m.tb));
    return tb_in8(m.tb, 0x1f7);
}

static uint8_t finish(struct machine m)
{
    while (testbus_next(m.tb))
        ;
    return tb_in8(m.tb, 0x1f7);
}

static void read_data(struct machine m, uint8_t *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        store_le16(to + i, tb_in16(m.tb, 0x1f0));
}

START_TEST(identify_tells_size_and_geometry)
{
    struct machine m = power_on();
    uint8_t id[512];
    command(m, 0xa0, 0, 0, 0xec);
    ck_assert(tb_in8(m.tb, 0x3f6) & BSY);
    ck_assert_uint_eq(wait_ready(m) & (DRDY | DRQ | ERR), DRDY | DRQ);
    ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ14].rises, 1);
    for (unsigned i = 0; i < 512; i += 4)
        store_le32(id + i, tb_in(m.tb, 0x1f0, 4));
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f7) & (DRQ | BSY), 0);
    ck_assert_uint_eq(load_le32(id + 120), SECTORS);
    ck_assert_uint_eq(load_le64(id + 200), SECTORS);
    ck_assert_uint_eq(load_le16(id + 2), SECTORS / (16 * 63));
    ck_assert_mem_eq(id + 54, "MURB AAHDRIDKS", 14);
    power_off(m);
}
END_TEST

START_TEST(pio_read_interrupts_once_a_sector)
{
    struct machine m = power_on();
    uint8_t b[512];
    command(m, 0xe0, 1000, 3, 0x20);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(!m.ide->pin[IDE_PIN_IRQ14].level);
        ck_assert_uint_eq(wait_ready(m) & (DRQ | ERR), DRQ);
        ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ14].rises, i + 1);
        if (i == 1)
            testbus_save_load(m.ide); /* in mid-transfer */
        read_data(m, b, 512);
        ck_assert_uint_eq(load_le32(b), 1000 + i);
        ck_assert_uint_eq(b[511], (uint8_t)(1000 + i));
    }
    ck_assert_uint_eq(finish(m), DRDY | 0x10);
    ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ14].rises, 3);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f2), 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f3), (1002) & 0xff);
    power_off(m);
}
END_TEST

START_TEST(pio_write_reaches_the_image)
{
    struct machine m = power_on();
    uint8_t b[512];
    command(m, 0xe0, 50, 2, 0x30);
    ck_assert(!m.ide->pin[IDE_PIN_IRQ14].level); /* the first block comes without an interrupt */
    for (unsigned s = 0; s < 2; s++) {
        ck_assert_uint_eq(wait_ready(m) & (DRQ | ERR), DRQ);
        for (unsigned i = 0; i < 256; i++)
            tb_out16(m.tb, 0x1f0, (uint16_t)(0x4000 + s));
        ck_assert(tb_in8(m.tb, 0x3f6) & BSY);
    }
    ck_assert_uint_eq(wait_ready(m) & (DRQ | ERR), 0);
    ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ14].rises, 2);
    ck_assert_int_eq(disk_image_read(m.image, 51, (struct span){b, 512}), DISK_OK);
    ck_assert_uint_eq(load_le16(b + 510), 0x4001);
    power_off(m);
}
END_TEST

START_TEST(multiple_moves_blocks)
{
    struct machine m = power_on();
    uint8_t b[4096];
    command(m, 0xe0, 0, 3, 0xc4);
    ck_assert_uint_eq(wait_ready(m) & ERR, ERR); /* not set yet */
    command(m, 0xe0, 0, 3, 0xc6);
    ck_assert_uint_eq(wait_ready(m) & ERR, ERR); /* no power of two */
    command(m, 0xe0, 0, 8, 0xc6);
    ck_assert_uint_eq(wait_ready(m) & ERR, 0);
    unsigned before = m.ide->pin[IDE_PIN_IRQ14].rises;
    command(m, 0xe0, 100, 10, 0xc4);
    wait_ready(m);
    read_data(m, b, 4096);
    ck_assert_uint_eq(load_le32(b + 7 * 512), 107);
    wait_ready(m);
    read_data(m, b, 1024);
    ck_assert_uint_eq(load_le32(b + 512), 109);
    ck_assert_uint_eq(finish(m) & (DRQ | ERR), 0);
    ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ14].rises - before, 2);
    power_off(m);
}
END_TEST

/* Firmware sets it once; a driver's SRST must not break READ MULTIPLE under it. */
START_TEST(multiple_outlives_a_soft_reset)
{
    struct machine m = power_on();
    command(m, 0xe0, 0, 8, 0xc6);
    wait_ready(m);
    tb_out8(m.tb, 0x3f6, 0x0c);
    tb_out8(m.tb, 0x3f6, 0x08);
    wait_ready(m);
    command(m, 0xe0, 0, 8, 0xc4);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DRQ), DRQ);
    power_off(m);
}
END_TEST

START_TEST(chs_follows_the_translation)
{
    struct machine m = power_on();
    uint8_t b[512];
    tb_out8(m.tb, 0x1f6, 0xa0 | 3); /* 4 heads, 17 sectors */
    tb_out8(m.tb, 0x1f2, 17);
    tb_out8(m.tb, 0x1f7, 0x91);
    wait_ready(m);
    /* cylinder 2, head 3, sector 5 */
    command(m, 0xa3, 5 | 2 << 8, 1, 0x20);
    ck_assert_uint_eq(wait_ready(m) & ERR, 0);
    read_data(m, b, 512);
    ck_assert_uint_eq(load_le32(b), (2 * 4 + 3) * 17 + 4);
    command(m, 0xa3, 18 | 2 << 8, 1, 0x20); /* no such sector */
    ck_assert_uint_eq(wait_ready(m) & ERR, ERR);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f1), 0x10);
    power_off(m);
}
END_TEST

START_TEST(lba48_uses_both_bytes)
{
    struct machine m = power_on();
    uint8_t b[512];
    tb_out8(m.tb, 0x1f6, 0xe0);
    tb_out8(m.tb, 0x1f2, 0);
    tb_out8(m.tb, 0x1f2, 1);
    for (unsigned reg = 0x1f3; reg <= 0x1f5; reg++)
        tb_out8(m.tb, (uint16_t)reg, 0);
    tb_out8(m.tb, 0x1f3, 0x34);
    tb_out8(m.tb, 0x1f4, 0x12);
    tb_out8(m.tb, 0x1f5, 0);
    tb_out8(m.tb, 0x1f7, 0x24);
    ck_assert_uint_eq(wait_ready(m) & ERR, 0);
    read_data(m, b, 512);
    ck_assert_uint_eq(load_le32(b), 0x1234);
    tb_out8(m.tb, 0x3f6, 0x80); /* HOB */
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f3), 0);
    power_off(m);
}
END_TEST

START_TEST(beyond_the_end_is_idnf)
{
    struct machine m = power_on();
    uint8_t b[512];
    command(m, 0xe0, SECTORS, 1, 0x20);
    ck_assert_uint_eq(wait_ready(m) & ERR, ERR);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f1), 0x10);
    command(m, 0xe0, SECTORS - 1, 2, 0x20); /* the first is there */
    ck_assert_uint_eq(wait_ready(m) & (ERR | DRQ), DRQ);
    read_data(m, b, 512);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DRQ), ERR);
    power_off(m);
}
END_TEST

START_TEST(host_errors_reach_the_guest)
{
    struct machine m = power_on();
    disk_image_fail(m.image, DISK_OP_READ, 1, DISK_IO_ERROR);
    command(m, 0xe0, 7, 1, 0x20);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DRQ), ERR);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f1), 0x40); /* UNC */
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f3), 7);
    disk_image_fail(m.image, DISK_OP_WRITE, 1, DISK_NO_SPACE);
    command(m, 0xe0, 7, 1, 0x30);
    for (unsigned i = 0; i < 256; i++)
        tb_out16(m.tb, 0x1f0, 1);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DF), ERR | DF);
    disk_image_fail(m.image, DISK_OP_FLUSH, 1, DISK_IO_ERROR);
    command(m, 0xe0, 0, 0, 0xe7);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DF), ERR | DF);
    command(m, 0xe0, 0, 0, 0xe7);
    ck_assert_uint_eq(wait_ready(m) & (ERR | DF), 0);
    ck_assert_uint_eq(disk_image_counters(m.image).flushes, 2);
    power_off(m);
}
END_TEST

START_TEST(unknown_commands_abort)
{
    struct machine m = power_on();
    static const uint8_t commands[] = {0x00, 0xa0, 0xa1, 0x08, 0xf9, 0xff, 0x92};
    for (unsigned i = 0; i < sizeof commands; i++) {
        command(m, 0xe0, 0, 1, commands[i]);
        ck_assert_uint_eq(wait_ready(m) & ERR, ERR);
        ck_assert_uint_eq(tb_in8(m.tb, 0x1f1), 0x04);
    }
    power_off(m);
}
END_TEST

START_TEST(reset_and_absent_drives)
{
    struct machine m = power_on();
    tb_out8(m.tb, 0x3f6, 0x04);
    ck_assert(tb_in8(m.tb, 0x3f6) & BSY);
    tb_out8(m.tb, 0x3f6, 0x00);
    wait_ready(m);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f1), 1);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f2), 1);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f3), 1);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f4), 0);
    tb_out8(m.tb, 0x1f6, 0xb0);
    tb_out8(m.tb, 0x1f2, 0x55);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f2), 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f7), 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x177), 0);
    power_off(m);
}
END_TEST

START_TEST(nien_holds_the_interrupt_back)
{
    struct machine m = power_on();
    tb_out8(m.tb, 0x3f6, 0x02);
    command(m, 0xe0, 0, 1, 0x40);
    while (testbus_next(m.tb))
        ;
    ck_assert(!m.ide->pin[IDE_PIN_IRQ14].level);
    tb_out8(m.tb, 0x3f6, 0x00);
    ck_assert(m.ide->pin[IDE_PIN_IRQ14].level);
    tb_in8(m.tb, 0x3f6);
    ck_assert(m.ide->pin[IDE_PIN_IRQ14].level);
    tb_in8(m.tb, 0x1f7);
    ck_assert(!m.ide->pin[IDE_PIN_IRQ14].level);
    power_off(m);
}
END_TEST

/* --- Bus master ---------------------------------------------------------------------------- */

static void put_prd(struct machine m, unsigned n, uint32_t address, uint32_t count)
{
    uint8_t d[8];
    store_le32(d, address);
    store_le32(d + 4, count);
    tb_poke(m.tb, PRD + n * 8, d, 8);
}

#define EOT 0x80000000u

/* Runs a DMA command to its end, or until nothing more happens. Returns the bus master's status. */
static uint8_t dma(struct machine m, bool to_memory, uint32_t lba, uint8_t count)
{
    tb_out(m.tb, BM + 4, 4, PRD);
    tb_out8(m.tb, BM + 2, 0x06);
    tb_out8(m.tb, BM, to_memory ? 8 : 0);
    command(m, 0xe0, lba, count, to_memory ? 0xc8 : 0xca);
    tb_out8(m.tb, BM, to_memory ? 9 : 1);
    while (testbus_next(m.tb))
        ;
    uint8_t status = tb_in8(m.tb, BM + 2);
    tb_out8(m.tb, BM, 0);
    return status;
}

START_TEST(dma_scatters_and_gathers)
{
    struct machine m = power_on();
    uint8_t b[512];
    put_prd(m, 0, DMA_DATA, 0x300);
    put_prd(m, 1, DMA_DATA + 0x20000, 0x10000 - 0x300);
    put_prd(m, 2, DMA_DATA + 0x300, 0x10000 | EOT);
    ck_assert_uint_eq(dma(m, true, 0, 0), 0x04); /* 256 sectors: interrupt, no more active */
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f7) & (ERR | DRQ | BSY), 0);
    tb_peek(m.tb, DMA_DATA + 0x20000 + 0x100, b, 4);
    ck_assert_uint_eq(load_le32(b), 2); /* at byte 400h of the data */
    tb_peek(m.tb, DMA_DATA + 0x300 + 0xfe00, b, 512);
    ck_assert_uint_eq(load_le32(b), 255);

    memset(b, 0xc3, sizeof b);
    tb_poke(m.tb, DMA_DATA, b, 512);
    put_prd(m, 0, DMA_DATA, 512 | EOT);
    ck_assert_uint_eq(dma(m, false, 4000, 1), 0x04);
    ck_assert_int_eq(disk_image_read(m.image, 4000, (struct span){b, 512}), DISK_OK);
    ck_assert_uint_eq(b[511], 0xc3);
    power_off(m);
}
END_TEST

START_TEST(a_short_table_stalls_until_restarted)
{
    struct machine m = power_on();
    uint8_t b[4];
    put_prd(m, 0, DMA_DATA, 512 | EOT);
    ck_assert_uint_eq(dma(m, true, 10, 2), 0x00); /* neither active nor interrupt */
    ck_assert_uint_eq(tb_in8(m.tb, 0x1f7) & (BSY | DRQ), DRQ);
    testbus_save_load(m.ide);
    put_prd(m, 0, DMA_DATA + 0x1000, 512 | EOT);
    tb_out8(m.tb, BM, 9);
    while (testbus_next(m.tb))
        ;
    ck_assert_uint_eq(tb_in8(m.tb, BM + 2), 0x04);
    tb_peek(m.tb, DMA_DATA + 0x1000, b, 4);
    ck_assert_uint_eq(load_le32(b), 11);
    power_off(m);
}
END_TEST

START_TEST(a_long_table_stays_active)
{
    struct machine m = power_on();
    put_prd(m, 0, DMA_DATA, 0x1000 | EOT);
    ck_assert_uint_eq(dma(m, true, 10, 1), 0x05);
    power_off(m);
}
END_TEST

/* Whatever the table says, the command ends with an error and nothing else happens. */
START_TEST(hostile_tables_end_in_errors)
{
    struct machine m = power_on();
    static const struct {
        uint32_t address, count;
    } bad[] = {
        {RAM, 512 | EOT},           /* beyond RAM */
        {RAM - 256, 512 | EOT},     /* over its end */
        {0xfffffe00, 0x1000 | EOT}, /* wraps past 4 GiB */
        {0xfee00000, 512 | EOT},    /* no RAM there */
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        for (unsigned read = 0; read < 2; read++) {
            uint64_t denials = dma_domain_counters(m.ide->domain).denials;
            put_prd(m, 0, bad[i].address, bad[i].count);
            ck_assert_uint_eq(dma(m, read, 10, 2), 0x06);
            ck_assert_uint_eq(tb_in8(m.tb, 0x1f7) & (ERR | BSY | DRQ), ERR);
            ck_assert_uint_eq(dma_domain_counters(m.ide->domain).denials, denials + 1);
        }
    }
    ck_assert_uint_eq(ide_activity(m.ide->state, 0).dma_denied, 8);
    /* the table itself beyond RAM */
    tb_out(m.tb, BM + 4, 4, 0xfffffff8);
    command(m, 0xe0, 0, 1, 0xc8);
    tb_out8(m.tb, BM, 9);
    while (testbus_next(m.tb))
        ;
    ck_assert(tb_in8(m.tb, BM + 2) & 2);
    power_off(m);
}
END_TEST

/* 8192 descriptors of two bytes without an end: the walk stops after one round. */
START_TEST(an_endless_table_is_left)
{
    struct machine m = power_on();
    for (unsigned i = 0; i < 8192; i++)
        put_prd(m, i, DMA_DATA, 2);
    ck_assert_uint_eq(dma(m, true, 0, 64), 0x06);
    ck_assert(testbus_logged(m.tb, "has no end"));
    power_off(m);
}
END_TEST

START_TEST(rom_and_mmio_are_no_targets)
{
    struct machine m = power_on();
    uint8_t b[4];
    physmap_map_rom(m.tb->pm, 0x3f0000, 4096, 0, NO_BACKING); /* shows RAM's first page */
    put_prd(m, 0, 0x3f0000, 512 | EOT);
    ck_assert_uint_eq(dma(m, true, 10, 1), 0x06);
    tb_peek(m.tb, 0, b, 4);
    ck_assert_uint_eq(load_le32(b), 0);
    power_off(m);
}
END_TEST

CHECK_MAIN("ide", identify_tells_size_and_geometry, pio_read_interrupts_once_a_sector,
           pio_write_reaches_the_image, multiple_moves_blocks, multiple_outlives_a_soft_reset,
           chs_follows_the_translation, lba48_uses_both_bytes, beyond_the_end_is_idnf,
           host_errors_reach_the_guest, unknown_commands_abort, reset_and_absent_drives,
           nien_holds_the_interrupt_back, dma_scatters_and_gathers,
           a_short_table_stalls_until_restarted, a_long_table_stays_active,
           hostile_tables_end_in_errors, an_endless_table_is_left, rom_and_mmio_are_no_targets)
