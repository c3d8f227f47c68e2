/* The ATAPI CD-ROM: signature, packets by PIO and DMA, sense, tables of contents, change of disc.
 */
#include "devices/ide/ide.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define RAM    (UINT64_C(4) << 20)
#define BLOCKS 400
#define BM     0xc000
#define PRD    0x10000
#define BUFFER 0x20000
#define UNIT   2 /* secondary master */

enum { BSY = 0x80, DRQ = 0x08, ERR = 0x01 };

struct machine {
    struct testbus *tb;
    struct bus *ide;
    struct disk_image *disc;
};

static struct disk_image *make_disc(uint32_t blocks)
{
    struct disk_image *disc = disk_image_memory(NULL, 0, blocks * 2048);
    for (uint32_t i = 0; i < blocks; i++) {
        uint8_t b[2048];
        memset(b, (int)i, sizeof b);
        store_le32(b, i);
        ck_assert_int_eq(disk_image_write(disc, i * 4, (struct span){b, sizeof b}), DISK_OK);
    }
    return disc;
}

static struct machine power_on(void)
{
    struct machine m = {.tb = testbus_create(RAM), .disc = make_disc(BLOCKS)};
    struct ide_config config = {.unit[UNIT] = {IDE_CDROM, m.disc}};
    m.ide = testbus_add(m.tb, &ide_class, &config);
    tb_pci_write(m.ide, 0x20, 4, BM | 1);
    tb_pci_write(m.ide, 4, 2, 5);
    tb_out8(m.tb, 0x176, 0xa0);
    return m;
}

static void power_off(struct machine m)
{
    testbus_destroy(m.tb);
    disk_image_close(m.disc);
}

static uint8_t wait_ready(struct machine m)
{
    for (unsigned i = 0; i < 100000 && tb_in8(m.tb, 0x376) & BSY; i++)
        ck_assert(testbus_next(m.tb));
    return tb_in8(m.tb, 0x177);
}

/* Sends a packet; the status when the drive is ready for data, or done. */
static uint8_t packet(struct machine m, uint8_t features, uint16_t limit, const uint8_t *bytes,
                      unsigned len)
{
    uint8_t p[12] = {0};
    memcpy(p, bytes, len);
    tb_out8(m.tb, 0x171, features);
    tb_out8(m.tb, 0x174, (uint8_t)limit);
    tb_out8(m.tb, 0x175, (uint8_t)(limit >> 8));
    tb_out8(m.tb, 0x177, 0xa0);
    ck_assert_uint_eq(wait_ready(m) & (DRQ | ERR), DRQ);
    ck_assert_uint_eq(tb_in8(m.tb, 0x172) & 3, 1); /* a command is wanted */
    for (unsigned i = 0; i < 12; i += 2)
        tb_out16(m.tb, 0x170, load_le16(p + i));
    return features & 1 ? 0 : wait_ready(m);
}
#define PACKET(m, limit, ...) \
    packet(m, 0, limit, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Takes all data blocks of an answer; returns the bytes. The final status is left in *status. */
static unsigned take(struct machine m, uint8_t *to, unsigned room, uint8_t *status)
{
    unsigned total = 0;
    while ((*status = wait_ready(m)) & DRQ) {
        unsigned n = tb_in8(m.tb, 0x174) | tb_in8(m.tb, 0x175) << 8;
        ck_assert_uint_eq(tb_in8(m.tb, 0x172) & 3, 2); /* data to the host */
        ck_assert_uint_le(total + n, room);
        for (unsigned i = 0; i < n; i += 2) {
            uint16_t w = tb_in16(m.tb, 0x170);
            memcpy(to + total + i, &w, n - i < 2 ? 1 : 2);
        }
        total += n;
    }
    ck_assert_uint_eq(tb_in8(m.tb, 0x172) & 3, 3);
    return total;
}

static void expect_sense(struct machine m, uint8_t key, uint8_t asc)
{
    uint8_t b[18], status;
    PACKET(m, 18, 0x03, 0, 0, 0, 18);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 18);
    ck_assert_uint_eq(status & ERR, 0);
    ck_assert_uint_eq(b[0], 0x70);
    ck_assert_uint_eq(b[2], key);
    ck_assert_uint_eq(b[12], asc);
}

START_TEST(signature_and_identify)
{
    struct machine m = power_on();
    uint8_t id[512];
    ck_assert_uint_eq(tb_in8(m.tb, 0x174), 0x14);
    ck_assert_uint_eq(tb_in8(m.tb, 0x175), 0xeb);
    tb_out8(m.tb, 0x177, 0xec);
    ck_assert_uint_eq(wait_ready(m) & ERR, ERR);
    ck_assert_uint_eq(tb_in8(m.tb, 0x174), 0x14);
    tb_out8(m.tb, 0x177, 0xa1);
    ck_assert_uint_eq(wait_ready(m) & (DRQ | ERR), DRQ);
    for (unsigned i = 0; i < 512; i += 2)
        store_le16(id + i, tb_in16(m.tb, 0x170));
    ck_assert_uint_eq(load_le16(id) & 0xc000, 0x8000);
    ck_assert_uint_eq(tb_in8(m.tb, 0x177) & DRQ, 0);
    tb_out8(m.tb, 0x174, 0);
    tb_out8(m.tb, 0x177, 0x08); /* DEVICE RESET */
    wait_ready(m);
    ck_assert_uint_eq(tb_in8(m.tb, 0x174), 0x14);
    power_off(m);
}
END_TEST

START_TEST(reads_blocks_within_the_byte_limit)
{
    struct machine m = power_on();
    static uint8_t b[20 * 2048];
    uint8_t status;
    unsigned before = m.ide->pin[IDE_PIN_IRQ15].rises;
    PACKET(m, 2048, 0x28, 0, 0, 0, 0, 50, 0, 0, 20);
    testbus_save_load(m.ide); /* in mid-transfer */
    ck_assert_uint_eq(take(m, b, sizeof b, &status), sizeof b);
    ck_assert_uint_eq(status & ERR, 0);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_uint_eq(load_le32(b + i * 2048), 50 + i);
    ck_assert_uint_eq(m.ide->pin[IDE_PIN_IRQ15].rises - before, 21); /* 20 blocks and the end */
    PACKET(m, 0xffff, 0xa8, 0, 0, 0, 0, 1, 0, 0, 0, 2);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 4096);
    ck_assert_uint_eq(load_le32(b + 2048), 2);
    power_off(m);
}
END_TEST

START_TEST(reads_by_dma)
{
    struct machine m = power_on();
    uint8_t prd[8], b[4];
    store_le32(prd, BUFFER);
    store_le32(prd + 4, 20 * 2048 | 0x80000000u);
    tb_poke(m.tb, PRD, prd, 8);
    tb_out(m.tb, BM + 12, 4, PRD);
    tb_out8(m.tb, BM + 10, 6);
    packet(m, 1, 0, (const uint8_t[]){0x28, 0, 0, 0, 0, 7, 0, 0, 20}, 9);
    tb_out8(m.tb, BM + 8, 9);
    while (testbus_next(m.tb))
        ;
    ck_assert_uint_eq(tb_in8(m.tb, BM + 10), 4);
    ck_assert_uint_eq(tb_in8(m.tb, 0x177) & (ERR | DRQ | BSY), 0);
    tb_peek(m.tb, BUFFER + 19 * 2048, b, 4);
    ck_assert_uint_eq(load_le32(b), 26);
    power_off(m);
}
END_TEST

START_TEST(denied_dma_aborts_the_packet)
{
    struct machine m = power_on();
    uint8_t prd[8];
    store_le32(prd, 0xfffff000);
    store_le32(prd + 4, 0x80000000u); /* 64 KiB, over 4 GiB */
    tb_poke(m.tb, PRD, prd, 8);
    tb_out(m.tb, BM + 12, 4, PRD);
    packet(m, 1, 0, (const uint8_t[]){0x28, 0, 0, 0, 0, 7, 0, 0, 20}, 9);
    tb_out8(m.tb, BM + 8, 9);
    while (testbus_next(m.tb))
        ;
    ck_assert_uint_eq(tb_in8(m.tb, BM + 10), 6);
    ck_assert_uint_eq(tb_in8(m.tb, 0x177) & (ERR | DRQ | BSY), ERR);
    tb_out8(m.tb, BM + 8, 0);
    ck_assert_uint_eq(dma_domain_counters(m.ide->domain).denials, 1);
    expect_sense(m, 0x0b, 0);
    power_off(m);
}
END_TEST

START_TEST(capacity_and_toc)
{
    struct machine m = power_on();
    uint8_t b[64], status;
    PACKET(m, 8, 0x25);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 8);
    ck_assert_mem_eq(b, ((uint8_t[]){0, 0, 1, 0x8f, 0, 0, 8, 0}), 8);
    PACKET(m, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 20);
    ck_assert_uint_eq(b[1], 18);
    ck_assert_uint_eq(b[6], 1);
    ck_assert_uint_eq(b[14], 0xaa);
    ck_assert_uint_eq(b[18] << 8 | b[19], BLOCKS);
    PACKET(m, 64, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64); /* MSF, lead-out only */
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 12);
    ck_assert_mem_eq(b + 8, ((uint8_t[]){0, 0, 7, 25}), 4); /* 550 frames */
    PACKET(m, 64, 0x43, 0, 2, 0, 0, 0, 0, 0, 64);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 48);
    power_off(m);
}
END_TEST

START_TEST(answers_are_cut_to_the_allocation)
{
    struct machine m = power_on();
    uint8_t b[64], status;
    PACKET(m, 64, 0x12, 0, 0, 0, 5);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 5);
    ck_assert_uint_eq(b[0], 5);
    ck_assert_uint_eq(b[1], 0x80);
    ck_assert_uint_eq(PACKET(m, 64, 0x12, 0, 0, 0, 0) & (DRQ | ERR), 0);
    power_off(m);
}
END_TEST

START_TEST(raw_sectors)
{
    struct machine m = power_on();
    static uint8_t b[2352];
    uint8_t status;
    PACKET(m, 2352, 0xbe, 0, 0, 0, 0, 3, 0, 0, 1, 0xf8);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 2352);
    ck_assert_mem_eq(b, ((uint8_t[]){0, 0xff, 0xff}), 3);
    ck_assert_mem_eq(b + 12, ((uint8_t[]){0, 2, 3, 1}), 4);
    ck_assert_uint_eq(load_le32(b + 16), 3);
    PACKET(m, 2048, 0xbe, 0, 0, 0, 0, 3, 0, 0, 1, 0x10);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 2048);
    ck_assert_uint_eq(load_le32(b), 3);
    power_off(m);
}
END_TEST

START_TEST(errors_leave_sense)
{
    struct machine m = power_on();
    ck_assert_uint_eq(PACKET(m, 2048, 0x28, 0, 0, 0, 1, 0x90, 0, 0, 1) & (ERR | DRQ), ERR);
    ck_assert_uint_eq(tb_in8(m.tb, 0x171) >> 4, 5);
    expect_sense(m, 5, 0x21);
    expect_sense(m, 0, 0); /* only once */
    ck_assert_uint_eq(PACKET(m, 2048, 0xff) & ERR, ERR);
    expect_sense(m, 5, 0x20);
    disk_image_fail(m.disc, DISK_OP_READ, 1, DISK_IO_ERROR);
    ck_assert_uint_eq(PACKET(m, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1) & ERR, ERR);
    expect_sense(m, 3, 0x11);
    power_off(m);
}
END_TEST

START_TEST(a_new_disc_is_a_unit_attention)
{
    struct machine m = power_on();
    uint8_t b[8], status;
    struct disk_image *other = make_disc(16);
    ck_assert_uint_eq(PACKET(m, 0, 0x00) & ERR, 0);
    ck_assert_ptr_eq(ide_change_disc(m.ide->state, UNIT, NULL), m.disc);
    ck_assert_uint_eq(PACKET(m, 0, 0x00) & ERR, ERR);
    expect_sense(m, 2, 0x3a);
    ck_assert_ptr_null(ide_change_disc(m.ide->state, UNIT, other));
    PACKET(m, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
    ck_assert_uint_eq(take(m, b, sizeof b, &status), 8);
    ck_assert_uint_eq(b[4], 2); /* new media */
    ck_assert_uint_eq(b[5], 2);
    ck_assert_uint_eq(PACKET(m, 0, 0x00) & ERR, ERR);
    expect_sense(m, 6, 0x28);
    ck_assert_uint_eq(PACKET(m, 0, 0x00) & ERR, 0);
    PACKET(m, 8, 0x25);
    take(m, b, sizeof b, &status);
    ck_assert_uint_eq(b[3], 15);
    PACKET(m, 0, 0x1e, 0, 0, 0, 1);
    ck_assert(ide_disc_is_locked(m.ide->state, UNIT));
    ck_assert_uint_eq(PACKET(m, 0, 0x1b, 0, 0, 0, 2) & ERR, ERR);
    expect_sense(m, 5, 0x53);
    ide_change_disc(m.ide->state, UNIT, m.disc);
    disk_image_close(other);
    power_off(m);
}
END_TEST

START_TEST(a_disc_taken_out_in_mid_read)
{
    struct machine m = power_on();
    static uint8_t b[64 * 2048];
    uint8_t status;
    PACKET(m, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 64);
    ide_change_disc(m.ide->state, UNIT, NULL);
    ck_assert_uint_lt(take(m, b, sizeof b, &status), sizeof b);
    ide_change_disc(m.ide->state, UNIT, m.disc);
    power_off(m);
}
END_TEST

CHECK_MAIN("atapi", signature_and_identify, reads_blocks_within_the_byte_limit, reads_by_dma,
           denied_dma_aborts_the_packet, capacity_and_toc, answers_are_cut_to_the_allocation,
           raw_sectors, errors_leave_sense, a_new_disc_is_a_unit_attention,
           a_disc_taken_out_in_mid_read)
