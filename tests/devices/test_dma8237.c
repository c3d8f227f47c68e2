/* The 8237 pair with a client that the test plays: counters, modes, pages, terminal count, and
 * addresses that are no RAM. */
#include "devices/dma8237.h"
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

#define RAM (UINT64_C(4) << 20)

/* A client with a counter: gives 0, 1, 2 ... or records what it is given. */
struct client {
    struct bus *bus;
    uint8_t next, taken[65536];
    size_t got, left; /* bytes it still wants to move; drops DRQ at 0 */
    unsigned terminal_counts, calls, denials;
};

static const char *client_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct client *)state)->bus = bus;
    return NULL;
}

static size_t client_dack(void *state, unsigned channel, struct dack *t)
{
    struct client *c = state;
    (void)channel;
    size_t n = t->len < c->left ? t->len : c->left;
    c->denials += t->denied;
    if (t->denied) { /* gives up */
        c->left = 0;
        bus_irq(c->bus, 0, false);
        return 0;
    }
    c->calls++;
    for (size_t i = 0; i < n; i++) {
        if (t->to_memory)
            t->buf[i] = c->next++;
        else
            c->taken[c->got++ % sizeof c->taken] = t->buf[i];
    }
    c->left -= n;
    c->terminal_counts += t->terminal_count && n == t->len;
    if (!c->left)
        bus_irq(c->bus, 0, false);
    return n;
}

static const struct field client_fields[] = {FIELD(struct client, next, "next byte"), FIELD_END};
static const char *const client_pins[] = {"DRQ"};
static const struct device_class client_class = {
    .name = "client",
    .title = "test client",
    .state_size = sizeof(struct client),
    .fields = client_fields,
    .outputs = client_pins,
    .output_count = 1,
    .init = client_init,
    .dack = client_dack,
};

struct machine {
    struct testbus *tb;
    struct bus *dma, *drq;
    struct client *client;
};

static struct machine power_on(unsigned channel)
{
    struct machine m = {.tb = testbus_create(RAM)};
    m.dma = testbus_add_dma(m.tb, &dma8237_class, NULL, (struct dma_limits){.address_bits = 24});
    m.drq = testbus_add(m.tb, &client_class, NULL);
    m.client = m.drq->state;
    testbus_wire(m.drq, 0, m.dma, DMA8237_DRQ0 + channel);
    testbus_dack(m.tb, channel, m.drq);
    tb_out8(m.tb, 0xd6, 0xc0); /* channel 4: cascade, open */
    tb_out8(m.tb, 0xd4, 0);
    return m;
}

static void request(struct machine m, size_t bytes)
{
    m.client->left = bytes;
    bus_irq(m.drq, 0, true);
}

static void out16(struct machine m, uint16_t port, uint32_t value)
{
    tb_out8(m.tb, port, (uint8_t)value);
    tb_out8(m.tb, port, (uint8_t)(value >> 8));
}

static uint16_t in16(struct machine m, uint16_t port)
{
    uint16_t low = tb_in8(m.tb, port);
    return (uint16_t)(low | tb_in8(m.tb, port) << 8);
}

static void program_1(struct machine m, uint8_t mode, uint8_t page, uint16_t address,
                      uint16_t count)
{
    tb_out8(m.tb, 0x0a, 5);
    tb_out8(m.tb, 0x0c, 0);
    tb_out8(m.tb, 0x0b, mode | 1);
    out16(m, 0x02, address);
    out16(m, 0x03, count);
    tb_out8(m.tb, 0x83, page);
    tb_out8(m.tb, 0x0a, 1);
}

static uint8_t ram(struct machine m, uint32_t gpa)
{
    uint8_t b;
    tb_peek(m.tb, gpa, &b, 1);
    return b;
}

START_TEST(counts_up_to_terminal_count)
{
    struct machine m = power_on(1);
    program_1(m, 0x44, 2, 0x1000, 999);
    request(m, 5000);
    ck_assert_uint_eq(m.client->left, 4000);
    ck_assert_uint_eq(m.client->terminal_counts, 1);
    ck_assert_uint_eq(ram(m, 0x21000 + 999), (uint8_t)999);
    ck_assert_uint_eq(ram(m, 0x21000 + 1000), 0);
    ck_assert_uint_eq(in16(m, 0x02), 0x1000 + 1000);
    ck_assert_uint_eq(in16(m, 0x03), 0xffff);
    ck_assert_uint_eq(tb_in8(m.tb, 0x08), 0x22);  /* DRQ1 still up, TC1 */
    ck_assert_uint_eq(tb_in8(m.tb, 0x08), 0x20);  /* TC is cleared by reading */
    ck_assert_uint_eq(tb_in8(m.tb, 0x0f) & 2, 2); /* masked itself */
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(autoinit_starts_again)
{
    struct machine m = power_on(1);
    program_1(m, 0x54, 2, 0x1000, 99);
    request(m, 250);
    ck_assert_uint_eq(m.client->left, 0);
    ck_assert_uint_eq(m.client->terminal_counts, 2);
    testbus_save_load(m.dma);
    ck_assert_uint_eq(in16(m, 0x02), 0x1000 + 50);
    ck_assert_uint_eq(in16(m, 0x03), 49);
    ck_assert_uint_eq(ram(m, 0x21000), 200);
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(counts_down)
{
    struct machine m = power_on(1);
    program_1(m, 0x64, 2, 0x1003, 3);
    request(m, 4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(ram(m, 0x21003 - i), i);
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(wraps_within_its_page)
{
    struct machine m = power_on(1);
    program_1(m, 0x44, 2, 0xfffe, 3);
    request(m, 4);
    ck_assert_uint_eq(ram(m, 0x2ffff), 1);
    ck_assert_uint_eq(ram(m, 0x20000), 2);
    ck_assert_uint_eq(ram(m, 0x20001), 3);
    ck_assert_uint_eq(ram(m, 0x30000), 0);
    testbus_destroy(m.tb);
}
END_TEST

/* Channel 5 moves words; its page register's lowest bit is ignored. */
START_TEST(word_channels)
{
    struct machine m = power_on(5);
    uint8_t data[8] = {9, 8, 7, 6, 5, 4, 3, 2};
    tb_poke(m.tb, 0x21000, data, 8);
    tb_out8(m.tb, 0xd8, 0);
    tb_out8(m.tb, 0xd6, 0x49); /* single, from memory */
    out16(m, 0xc4, 0x0800);
    out16(m, 0xc6, 3);
    tb_out8(m.tb, 0x8b, 3);
    tb_out8(m.tb, 0xd4, 1);
    request(m, 8);
    ck_assert_uint_eq(m.client->got, 8);
    ck_assert_mem_eq(m.client->taken, data, 8);
    ck_assert_uint_eq(tb_in8(m.tb, 0xd0) & 2, 2);
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(masks_disable_and_cascade_hold_it)
{
    struct machine m = power_on(1);
    program_1(m, 0x44, 2, 0, 99);
    tb_out8(m.tb, 0x0a, 5);
    request(m, 100);
    ck_assert_uint_eq(m.client->calls, 0);
    tb_out8(m.tb, 0x08, 4); /* controller disabled */
    tb_out8(m.tb, 0x0a, 1);
    ck_assert_uint_eq(m.client->calls, 0);
    tb_out8(m.tb, 0xd4, 4); /* cascade masked */
    tb_out8(m.tb, 0x08, 0);
    ck_assert_uint_eq(m.client->calls, 0);
    tb_out8(m.tb, 0xd4, 0);
    ck_assert_uint_eq(m.client->left, 0);
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(master_clear_masks_all)
{
    struct machine m = power_on(1);
    program_1(m, 0x44, 2, 0, 99);
    tb_out8(m.tb, 0x02, 1); /* flip-flop is now high */
    tb_out8(m.tb, 0x0d, 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x0f) & 15, 15);
    out16(m, 0x02, 0x1234);
    ck_assert_uint_eq(in16(m, 0x02), 0x1234);
    tb_out8(m.tb, 0x0e, 0);
    ck_assert_uint_eq(tb_in8(m.tb, 0x0f) & 15, 0);
    testbus_destroy(m.tb);
}
END_TEST

START_TEST(page_registers_hold)
{
    struct machine m = power_on(1);
    for (uint16_t port = 0x81; port <= 0x8f; port++)
        tb_out8(m.tb, port, (uint8_t)port);
    for (uint16_t port = 0x81; port <= 0x8f; port++)
        ck_assert_uint_eq(tb_in8(m.tb, port), port);
    testbus_destroy(m.tb);
}
END_TEST

/* Beyond RAM, in ROM, in MMIO and above 16 MB's end: memory is not touched, the client is told. */
START_TEST(what_is_no_ram_is_denied)
{
    struct machine m = power_on(1);
    physmap_map_rom(m.tb->pm, 0x30000, 0x1000, 0, NO_BACKING);
    physmap_unmap(m.tb->pm, 0xa0000, 0x20000);
    static const uint8_t pages[] = {0x40, 0x03, 0x0a, 0xff};
    for (unsigned i = 0; i < sizeof pages; i++) {
        struct dma_counters before = dma_domain_counters(m.dma->domain);
        program_1(m, 0x44, pages[i], 0, 99);
        request(m, 100);
        ck_assert_uint_eq(m.client->left, 0);
        ck_assert_uint_eq(m.client->denials, 2 * i + 1);
        struct dma_counters after = dma_domain_counters(m.dma->domain);
        ck_assert_uint_eq(after.denials, before.denials + 1);
        ck_assert_uint_eq(after.bytes_written, before.bytes_written);
        program_1(m, 0x48, pages[i], 0, 99); /* from memory: the client gets nothing */
        size_t got = m.client->got;
        request(m, 100);
        ck_assert_uint_eq(m.client->got, got);
        ck_assert_uint_eq(m.client->denials, 2 * i + 2);
    }
    testbus_destroy(m.tb);
}
END_TEST

CHECK_MAIN("dma8237", counts_up_to_terminal_count, autoinit_starts_again, counts_down,
           wraps_within_its_page, word_channels, masks_disable_and_cascade_hold_it,
           master_clear_masks_all, page_registers_hold, what_is_no_ram_is_denied)
