/* The byte queue: order, limits, wrap-around, and a state from a hostile snapshot. */
#include "base/fifo.h"
#include "tests/check_main.h"

START_TEST(first_in_first_out_within_the_limit)
{
    struct fifo f;
    fifo_init(&f, 3);
    ck_assert_uint_eq(fifo_pop(&f), 0); /* empty */
    ck_assert(fifo_push(&f, 1) && fifo_push(&f, 2) && fifo_push(&f, 3));
    ck_assert(fifo_is_full(&f));
    ck_assert(!fifo_push(&f, 4));
    ck_assert_uint_eq(fifo_peek(&f, 2), 3);
    ck_assert_uint_eq(fifo_peek(&f, 3), 0);
    ck_assert_uint_eq(fifo_pop(&f), 1);
    ck_assert(fifo_push(&f, 5));
    ck_assert_uint_eq(fifo_pop(&f), 2);
    ck_assert_uint_eq(fifo_pop(&f), 3);
    ck_assert_uint_eq(fifo_pop(&f), 5);
    ck_assert_uint_eq(f.count, 0);
    fifo_push(&f, 6);
    fifo_clear(&f);
    ck_assert_uint_eq(f.count, 0);
    ck_assert_uint_eq(f.limit, 3);
}
END_TEST

START_TEST(limits_are_clamped)
{
    struct fifo f;
    fifo_init(&f, 0);
    ck_assert_uint_eq(f.limit, 1);
    fifo_init(&f, 100000);
    ck_assert_uint_eq(f.limit, FIFO_CAPACITY);
}
END_TEST

/* A thousand bytes through a full queue: every place of the buffer is the seam at some time. */
START_TEST(wraps_around)
{
    struct fifo f;
    fifo_init(&f, FIFO_CAPACITY);
    for (unsigned i = 0; i < FIFO_CAPACITY; i++)
        ck_assert(fifo_push(&f, (uint8_t)(i * 7)));
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_uint_eq(fifo_peek(&f, 255), (uint8_t)((i + 255) * 7));
        ck_assert_uint_eq(fifo_pop(&f), (uint8_t)(i * 7));
        ck_assert(fifo_push(&f, (uint8_t)((i + 256) * 7)));
    }
}
END_TEST

/* Fields are loaded as they are: no value of them may lead outside the buffer. */
START_TEST(wild_state_stays_inside)
{
    struct {
        struct fifo f;
        uint8_t guard[256];
    } s;
    memset(&s, 0xFF, sizeof s);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(!fifo_push(&s.f, 0));
        fifo_peek(&s.f, 65534);
        fifo_pop(&s.f);
    }
    for (unsigned i = 0; i < sizeof s.guard; i++)
        ck_assert_uint_eq(s.guard[i], 0xFF);
}
END_TEST

START_TEST(is_saved_whole)
{
    struct fifo f, g;
    struct bytes saved = {0};
    fifo_init(&f, 16);
    fifo_init(&g, 1);
    for (unsigned i = 0; i < 20; i++) {
        fifo_push(&f, (uint8_t)i);
        if (i % 3 == 0)
            fifo_pop(&f);
    }
    fields_save(fifo_fields, &f, &saved);
    ck_assert_uint_eq(fields_load(fifo_fields, &g, saved.data, saved.len), saved.len);
    ck_assert_mem_eq(&f, &g, sizeof f);
    bytes_free(&saved);
}
END_TEST

CHECK_MAIN("fifo", first_in_first_out_within_the_limit, limits_are_clamped, wraps_around,
           wild_state_stays_inside, is_saved_whole)
