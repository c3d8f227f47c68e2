/* Memory for units: what is given back is used again, and so is the end that one did not need. */
#include "translator/unit_memory.h"

#include <string.h>

#include "tests/cpu/harness.h"

#define LINES(n) ((n) * (size_t)UNIT_LINE)

static struct unit_memory memory;

START_TEST(the_end_of_the_last_one_is_used_again)
{
    uint8_t *a = unit_memory_take(&memory, LINES(5) - 1);
    uint8_t *b = unit_memory_take(&memory, LINES(9));
    ck_assert_ptr_eq(b, a + LINES(5));
    ck_assert(!unit_memory_shorten(&memory, a, LINES(5) - 1, LINES(2))); /* b stands behind it */
    uint64_t before = unit_memory_bytes(&memory);
    ck_assert(unit_memory_shorten(&memory, b, LINES(9), LINES(3) + 1));
    ck_assert_uint_eq(unit_memory_bytes(&memory), before - LINES(5));
    ck_assert_ptr_eq(unit_memory_take(&memory, 1), b + LINES(4));
    unit_memory_empty(&memory);
}
END_TEST

START_TEST(what_was_shortened_serves_others_of_that_size)
{
    uint8_t *a = unit_memory_take(&memory, LINES(7));
    ck_assert(unit_memory_shorten(&memory, a, LINES(7), LINES(4)));
    uint8_t *b = unit_memory_take(&memory, LINES(7));
    memset(b, 0xCC, LINES(7));
    unit_memory_give(&memory, a, LINES(4));
    ck_assert_ptr_ne(unit_memory_take(&memory, LINES(7)), a);
    ck_assert_ptr_eq(unit_memory_take(&memory, LINES(4)), a);
    memset(a, 0xAA, LINES(4));
    ck_assert_uint_eq(b[0], 0xCC);
    unit_memory_empty(&memory);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_end_of_the_last_one_is_used_again,
                                  what_was_shortened_serves_others_of_that_size};
    return run_tests("translator/unit_memory", tests, ARRAY_LEN(tests));
}
