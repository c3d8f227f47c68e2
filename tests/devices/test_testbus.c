/* The fake machine itself: splitting of accesses, order of timers, wiring, DMA checks. */
#include "tests/check_main.h"
#include "tests/devices/testbus.h"

struct probe {
    struct bus *bus;
    unsigned reads, writes, last_size, last_offset;
    uint32_t last_value;
    uint64_t fired[2];
    uint8_t in_level;
};

static const char *probe_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct probe *)state)->bus = bus;
    return NULL;
}

static uint32_t probe_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct probe *p = state;
    (void)range;
    p->reads++;
    p->last_size = size;
    p->last_offset = offset;
    return 0x11223344u + offset;
}

static void probe_write(void *state, unsigned range, unsigned offset, uint32_t value, unsigned size)
{
    struct probe *p = state;
    (void)range;
    p->writes++;
    p->last_size = size;
    p->last_offset = offset;
    p->last_value = value;
}

static uint64_t probe_mmio_read(void *state, unsigned range, uint64_t offset, unsigned size)
{
    return probe_read(state, range, (unsigned)offset, size);
}

static void probe_timer(void *state, unsigned timer, uint64_t now_ns)
{
    ((struct probe *)state)->fired[timer] = now_ns;
}

static void probe_input(void *state, unsigned pin, bool level)
{
    (void)pin;
    ((struct probe *)state)->in_level = level;
}

static const struct field probe_fields[] = {
    FIELD(struct probe, in_level, "input"),
    FIELD_END,
};
static const struct port_range probe_ports[] = {{0x300, 4, SIZE_1 | SIZE_2}};
static const struct mmio_range probe_mmio[] = {{0x200000, 4096, SIZE_1 | SIZE_4}};
static const char *const probe_pins[] = {"out"};
static const struct device_class probe_class = {
    .name = "probe",
    .title = "test probe",
    .state_size = sizeof(struct probe),
    .fields = probe_fields,
    .ports = probe_ports,
    .port_count = 1,
    .mmio = probe_mmio,
    .mmio_count = 1,
    .outputs = probe_pins,
    .output_count = 1,
    .inputs = probe_pins,
    .input_count = 1,
    .timer_count = 2,
    .init = probe_init,
    .port_read = probe_read,
    .port_write = probe_write,
    .mmio_read = probe_mmio_read,
    .input = probe_input,
    .timer = probe_timer,
};

START_TEST(splits_accesses)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct probe *p = testbus_add(tb, &probe_class, NULL)->state;
    ck_assert_uint_eq(tb_in(tb, 0x300, 4), 0x33463344);
    ck_assert_uint_eq(p->reads, 2);
    tb_out(tb, 0x303, 2, 0xAABB); /* the second byte falls off the device's end */
    ck_assert_uint_eq(p->writes, 1);
    ck_assert_uint_eq(p->last_value, 0xBB);
    ck_assert_uint_eq(tb_in(tb, 0x305, 2), 0xFFFF);
    ck_assert_uint_eq(tb_read(tb, 0x200004, 4), 0x11223348);
    ck_assert_uint_eq(tb_read(tb, 0x200004, 2), 0x4948);
    testbus_destroy(tb);
}
END_TEST

START_TEST(timers_fire_in_order)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct bus *bus = testbus_add(tb, &probe_class, NULL);
    struct probe *p = bus->state;
    uint64_t start = tb->now;
    bus_timer(bus, 0, start + 500);
    bus_timer(bus, 1, start + 100);
    testbus_advance(tb, 200);
    ck_assert_uint_eq(p->fired[1], start + 100);
    ck_assert_uint_eq(p->fired[0], 0);
    ck_assert(testbus_next(tb));
    ck_assert_uint_eq(tb->now, start + 500);
    ck_assert(!testbus_next(tb));
    testbus_destroy(tb);
}
END_TEST

START_TEST(wires_and_dma)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct bus *a = testbus_add(tb, &probe_class, NULL), *b = testbus_add(tb, &probe_class, NULL);
    testbus_wire(a, 0, b, 0);
    bus_irq(a, 0, true);
    bus_irq(a, 0, true);
    ck_assert(((struct probe *)b->state)->in_level);
    ck_assert_uint_eq(a->pin[0].rises, 1);
    testbus_save_load(b);
    ck_assert(((struct probe *)b->state)->in_level);
    uint32_t v = 0xCAFEF00D, r = 0;
    ck_assert(bus_dma_write(a, 0x1000, &v, 4));
    tb_peek(tb, 0x1000, &r, 4);
    ck_assert_uint_eq(r, v);
    ck_assert(!bus_dma_write(a, 1 << 20, &v, 4));
    ck_assert(testbus_logged(tb, "DMA denied"));
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("testbus", splits_accesses, timers_fire_in_order, wires_and_dma)
