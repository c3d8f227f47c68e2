/* translator/unit_memory: rooms are zeros, apart from each other, and used again. */
#include "translator/unit_memory.h"

#include <string.h>

#include "tests/check_main.h"

#define LARGEST ((size_t)UNIT_LINE * UNIT_ROOM_LINES)

static struct unit_memory *new_memory(void)
{
    struct unit_memory *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    return m;
}

static void end(struct unit_memory *m)
{
    unit_memory_empty(m);
    free(m);
}

START_TEST(rooms_are_apart)
{
    struct unit_memory *m = new_memory();
    static uint8_t *room[1000];
    size_t used = 0;
    for (unsigned n = 0; n < 1000; n++) { /* some chunks of them, of all sizes */
        size_t bytes = 1 + n * 7919 % LARGEST;
        room[n] = unit_memory_take(m, bytes);
        ck_assert_uint_eq((uintptr_t)room[n] % UNIT_LINE, 0);
        memset(room[n], (int)n, bytes);
        used += bytes;
    }
    for (unsigned n = 0; n < 1000; n++) {
        size_t bytes = 1 + n * 7919 % LARGEST;
        for (size_t at = 0; at < bytes; at++)
            ck_assert_uint_eq(room[n][at], (uint8_t)n);
    }
    ck_assert_uint_gt(unit_memory_bytes(m), used);
    ck_assert_uint_lt(unit_memory_bytes(m), used + 1000 * UNIT_LINE + UNIT_CHUNK_BYTES / 8);
    end(m);
}
END_TEST

START_TEST(what_is_given_back_serves_the_next_of_its_size)
{
    struct unit_memory *m = new_memory();
    uint8_t *a = unit_memory_take(m, 200), *b = unit_memory_take(m, 200), zeros[200] = {0};
    uint64_t bytes = unit_memory_bytes(m);
    memset(a, 0xEE, 200);
    unit_memory_give(m, b, 200);
    unit_memory_give(m, a, 200);
    ck_assert_ptr_ne(unit_memory_take(m, 300), a); /* another size: one line more */
    ck_assert_ptr_eq(unit_memory_take(m, 193), a); /* the same in lines */
    ck_assert_mem_eq(a, zeros, 193);
    ck_assert_ptr_eq(unit_memory_take(m, 200), b);
    ck_assert_uint_eq(unit_memory_bytes(m), bytes + 320);
    end(m);
}
END_TEST

START_TEST(emptied_it_begins_anew)
{
    struct unit_memory *m = new_memory();
    for (unsigned n = 0; n < 2 * UNIT_CHUNK_BYTES / LARGEST; n++) {
        uint8_t *room = unit_memory_take(m, LARGEST);
        memset(room, 0xEE, LARGEST);
        if (n % 2)
            unit_memory_give(m, room, LARGEST);
    }
    unit_memory_empty(m);
    ck_assert_uint_eq(unit_memory_bytes(m), 0);
    const uint8_t *room = unit_memory_take(m, LARGEST);
    for (size_t at = 0; at < LARGEST; at++)
        ck_assert_uint_eq(room[at], 0);
    ck_assert_uint_eq(unit_memory_bytes(m), LARGEST);
    end(m);
}
END_TEST

CHECK_MAIN("unit_memory", rooms_are_apart, what_is_given_back_serves_the_next_of_its_size,
           emptied_it_begins_anew)
