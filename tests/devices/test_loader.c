/* devices/loader: the segments reach RAM by DMA, and nothing else. */
#include "devices/loader.h"

#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static uint8_t text[] = "kernel";

/* Byte n of what is loaded: no two places look alike, also where whole chunks lie between them. */
static uint8_t ramp(uint64_t n)
{
    return (uint8_t)((uint32_t)n * UINT32_C(0x9E3779B1) >> 24);
}

START_TEST(segments_and_zeros_reach_memory)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct loader_plan plan = {.value = {LOADER_MAGIC, LOADER_LINUX16}, .segment_count = 1};
    plan.segment[0] =
        (struct loader_segment){.gpa = 0x1000, .bytes = text, .len = sizeof text, .zeros = 5000};
    struct bus *loader = testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    uint8_t dirty = 0xFF, back;
    for (uint64_t at = 0x1000; at < 0x1000 + sizeof text + 5001; at++)
        physmap_poke(tb->pm, at, &dirty, 1);
    tb_out(tb, LOADER_PORT + 4, 4, LOADER_REG_MAGIC);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT + 8, 4), LOADER_MAGIC);
    tb_out(tb, LOADER_PORT + 4, 4, 12345);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT + 8, 4), 0);
    tb_out(tb, LOADER_PORT + 4, 4, LOADER_REGISTERS);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT + 8, 4), 0);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_IDLE);
    tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_DONE);
    for (uint64_t at = 0; at < sizeof text; at++) {
        physmap_peek(tb->pm, 0x1000 + at, &back, 1);
        ck_assert_uint_eq(back, text[at]);
    }
    physmap_peek(tb->pm, 0x1000 + sizeof text + 4999, &back, 1);
    ck_assert_uint_eq(back, 0);
    physmap_peek(tb->pm, 0x1000 + sizeof text + 5000, &back, 1);
    ck_assert_uint_eq(back, 0xFF);
    loader->class->reset(loader->state);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_IDLE);
    testbus_destroy(tb);
}
END_TEST

START_TEST(long_segments_arrive_whole)
{
    enum { LEN = 150000 };
    static uint8_t bytes[LEN], back[LEN];
    for (unsigned n = 0; n < LEN; n++)
        bytes[n] = ramp(n);
    struct testbus *tb = testbus_create(1 << 20);
    struct loader_plan plan = {.value = {LOADER_MAGIC}, .segment_count = 1};
    plan.segment[0] = (struct loader_segment){.gpa = 0x1234, .bytes = bytes, .len = LEN};
    testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_DONE);
    physmap_peek(tb->pm, 0x1234, back, LEN);
    ck_assert_mem_eq(back, bytes, LEN);
    testbus_destroy(tb);
}
END_TEST

START_TEST(what_is_not_ram_is_refused)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct loader_plan plan = {.value = {LOADER_MAGIC}, .segment_count = 1};
    plan.segment[0] =
        (struct loader_segment){.gpa = (1 << 20) - 3, .bytes = text, .len = sizeof text};
    testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_REFUSED);
    unsigned lines = tb->log_lines;
    ck_assert_uint_gt(lines, 0);
    for (unsigned n = 0; n < 100; n++) /* the guest goes on asking */
        tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb->log_lines, lines);
    testbus_destroy(tb);
}
END_TEST

/* A source of bytes that each tell their offset, until it fails. */
struct ramp_source {
    struct loader_source source;
    const char *why;
};

static const char *ramp_read(struct loader_source *source, uint64_t at, void *to, size_t len)
{
    for (size_t n = 0; n < len; n++)
        ((uint8_t *)to)[n] = ramp(at + n);
    return ((struct ramp_source *)source)->why;
}

START_TEST(segments_are_read_anew_each_time)
{
    enum { AT = 5, LEN = 200001 }; /* some chunks, whole and not */
    struct testbus *tb = testbus_create(1 << 20);
    struct ramp_source from = {.source = {.read = ramp_read}};
    struct loader_plan plan = {.value = {LOADER_MAGIC}, .segment_count = 1};
    plan.segment[0] = (struct loader_segment){
        .gpa = 0x1000, .len = LEN, .zeros = 1, .source = &from.source, .at = AT};
    testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    uint8_t back = 0xFF;
    physmap_poke(tb->pm, 0x1000 + LEN, &back, 1);
    for (unsigned time = 0; time < 2; time++) {
        tb_out(tb, LOADER_PORT, 4, 1);
        ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_DONE);
        for (uint64_t at = 0; at <= LEN; at++) {
            physmap_peek(tb->pm, 0x1000 + at, &back, 1);
            ck_assert_uint_eq(back, at < LEN ? ramp(at + AT) : 0);
        }
        uint8_t spoilt = 0xEE; /* by the guest, before it is loaded again */
        physmap_poke(tb->pm, 0x1000 + 70000, &spoilt, 1);
    }
    from.why = "it is gone";
    tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_UNREADABLE);
    unsigned lines = tb->log_lines;
    ck_assert_uint_gt(lines, 0);
    for (unsigned n = 0; n < 4; n++) { /* the guest goes on asking; now and then it succeeds */
        from.why = n % 2 ? "it is gone" : NULL;
        tb_out(tb, LOADER_PORT, 4, 1);
        ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), n % 2 ? LOADER_UNREADABLE : LOADER_DONE);
    }
    ck_assert_uint_eq(tb->log_lines, lines);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("loader", segments_and_zeros_reach_memory, long_segments_arrive_whole,
           what_is_not_ram_is_refused, segments_are_read_anew_each_time)
