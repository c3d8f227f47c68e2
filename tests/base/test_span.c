/* Bounded views: no offset or length leads outside the parent. */
#include "base/span.h"
#include "tests/check_main.h"

START_TEST(slices_stay_inside)
{
    uint8_t data[10];
    struct span s = {data, sizeof data}, part = span_slice(s, 3, 4);
    ck_assert_ptr_eq(part.data, data + 3);
    ck_assert_uint_eq(part.len, 4);
    ck_assert_uint_eq(span_slice(s, 3, 100).len, 7);
    ck_assert_uint_eq(span_slice(s, 9, SIZE_MAX).len, 1);
    ck_assert_uint_eq(span_slice(s, 10, 1).len, 0);
    ck_assert_uint_eq(span_slice(s, SIZE_MAX, SIZE_MAX).len, 0);
    ck_assert_uint_eq(span_slice(part, 2, 5).len, 2); /* of the slice, not of its parent */
}
END_TEST

START_TEST(copies_take_the_shorter)
{
    uint8_t to[4] = "abcd", from[] = {1, 2, 3};
    ck_assert_uint_eq(span_copy((struct span){to, 4}, (struct span){from, 3}), 3);
    ck_assert_mem_eq(to, "\1\2\3d", 4);
    ck_assert_uint_eq(span_copy((struct span){to, 1}, (struct span){to + 3, 1}), 1);
    ck_assert_mem_eq(to, "d\2\3d", 4);
    ck_assert_uint_eq(span_copy((struct span){to + 1, 3}, (struct span){to, 3}), 3); /* overlap */
    ck_assert_mem_eq(to, "dd\2\3", 4);
    ck_assert_uint_eq(span_copy((struct span){NULL, 0}, (struct span){from, 3}), 0);
}
END_TEST

START_TEST(bytes_beyond_the_end)
{
    uint8_t data[3] = {7, 8, 9};
    struct span s = {data, 2};
    ck_assert_uint_eq(span_byte(s, 1), 8);
    ck_assert_uint_eq(span_byte(s, 2), 0);
    ck_assert(span_put(s, 1, 1));
    ck_assert(!span_put(s, 2, 1));
    ck_assert_mem_eq(data, "\7\1\11", 3);
}
END_TEST

CHECK_MAIN("span", slices_stay_inside, copies_take_the_shorter, bytes_beyond_the_end)
