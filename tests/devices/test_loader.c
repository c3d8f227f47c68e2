/* devices/loader: the segments reach RAM by DMA, and nothing else. */
#include "devices/loader.h"

#include "tests/check_main.h"
#include "tests/devices/testbus.h"

static uint8_t text[] = "kernel";

START_TEST(segments_and_zeros_reach_memory)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct loader_plan plan = {.value = {LOADER_MAGIC, LOADER_LINUX16}, .segment_count = 1};
    plan.segment[0] = (struct loader_segment){0x1000, text, sizeof text, 5000};
    testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    uint8_t dirty = 0xFF, back;
    for (uint64_t at = 0x1000; at < 0x1000 + sizeof text + 5001; at++)
        physmap_poke(tb->pm, at, &dirty, 1);
    tb_out(tb, LOADER_PORT + 4, 4, LOADER_REG_MAGIC);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT + 8, 4), LOADER_MAGIC);
    tb_out(tb, LOADER_PORT + 4, 4, 12345);
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
    testbus_destroy(tb);
}
END_TEST

START_TEST(what_is_not_ram_is_refused)
{
    struct testbus *tb = testbus_create(1 << 20);
    struct loader_plan plan = {.value = {LOADER_MAGIC}, .segment_count = 1};
    plan.segment[0] = (struct loader_segment){(1 << 20) - 3, text, sizeof text, 0};
    testbus_add(tb, &loader_class, &(struct loader_config){.plan = &plan});
    tb_out(tb, LOADER_PORT, 4, 1);
    ck_assert_uint_eq(tb_in(tb, LOADER_PORT, 4), LOADER_REFUSED);
    testbus_destroy(tb);
}
END_TEST

CHECK_MAIN("loader", segments_and_zeros_reach_memory, what_is_not_ram_is_refused)
