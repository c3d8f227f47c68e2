/* Field tables: what is saved comes back, and nothing else is taken for it. */
#include "base/fields.h"
#include "tests/check_main.h"

struct inner {
    uint8_t a;
    uint64_t b; /* seven bytes of padding before it */
};

struct outer {
    uint32_t word;
    bool flag;
    uint16_t array[3];
    struct inner many[2], one;
    void *host; /* no field: neither saved nor loaded */
};

static const struct field inner_fields[] = {
    FIELD(struct inner, a, "a byte"),
    FIELD(struct inner, b, "eight bytes"),
    FIELD_END,
};

static const struct field outer_fields[] = {
    FIELD(struct outer, word, "a word"),
    FIELD(struct outer, flag, "a truth value"),
    FIELD_ARRAY(struct outer, array, "an array"),
    FIELD_SUB(struct outer, many, inner_fields, "structs"),
    FIELD_SUB1(struct outer, one, inner_fields, "a struct"),
    FIELD_END,
};

/* The example's values; every byte that is no field is fill. */
static void make(struct outer *o, uint8_t fill, void *host)
{
    memset(o, fill, sizeof *o);
    o->word = 0x12345678;
    o->flag = true;
    for (unsigned i = 0; i < 3; i++)
        o->array[i] = (uint16_t)(i + 100);
    for (unsigned i = 0; i < 2; i++) {
        o->many[i].a = (uint8_t)(i + 1);
        o->many[i].b = UINT64_C(1) << (40 + i);
    }
    o->one.a = 9;
    o->one.b = 10;
    o->host = host;
}

static struct bytes saved(const struct outer *o)
{
    struct bytes b = {0};
    fields_save(outer_fields, o, &b);
    return b;
}

START_TEST(what_is_saved_comes_back)
{
    struct outer a, b;
    make(&a, 0, &a);
    memset(&b, 0, sizeof b);
    b.host = &b;
    struct bytes s = saved(&a);
    bytes_append(&s, "rest", 4); /* of the next table in a stream */
    ck_assert_uint_eq(fields_load(outer_fields, &b, s.data, s.len), s.len - 4);
    ck_assert_ptr_eq(b.host, &b);
    b.host = &a;
    ck_assert_mem_eq(&a, &b, sizeof a);
    bytes_free(&s);
}
END_TEST

/* Equal members give equal streams, whatever lies between them: states are compared by hash. */
START_TEST(padding_is_not_saved)
{
    struct outer a, b;
    make(&a, 0x00, NULL);
    make(&b, 0xFF, &b);
    struct bytes x = saved(&a), y = saved(&b);
    ck_assert_uint_eq(x.len, y.len);
    ck_assert_mem_eq(x.data, y.data, x.len);
    bytes_free(&x);
    bytes_free(&y);
}
END_TEST

/* Streams cut short anywhere are refused, and the object stays as it was. */
START_TEST(short_streams_are_refused)
{
    struct outer a, b, untouched;
    make(&a, 0, NULL);
    memset(&b, 0x33, sizeof b);
    memcpy(&untouched, &b, sizeof b);
    struct bytes s = saved(&a);
    for (size_t len = 0; len < s.len; len++) {
        uint8_t *copy = malloc(len + 1); /* its own block: sanitizers see a read beyond it */
        ck_assert(copy);
        memcpy(copy, s.data, len);
        ck_assert_uint_eq(fields_load(outer_fields, &b, copy, len), 0);
        free(copy);
    }
    ck_assert_mem_eq(&b, &untouched, sizeof b);
    bytes_free(&s);
}
END_TEST

/* Another name, size, count or truth value is refused; another value is not. */
START_TEST(other_layouts_are_refused)
{
    struct outer a, b;
    make(&a, 0, NULL);
    struct bytes s = saved(&a);
    size_t size_at = 1 + strlen("word"), count_at = size_at + 4, value_at = count_at + 4;
    size_t flag_at = value_at + 4 + 1 + strlen("flag") + 8;
    ck_assert_uint_eq(s.data[flag_at], 1);
    const size_t refused[] = {0, 1, size_at, count_at, flag_at, s.len - 1};
    for (unsigned i = 0; i < ARRAY_LEN(refused); i++) {
        s.data[refused[i]] ^= 2;
        memset(&b, 0x33, sizeof b);
        ck_assert_msg(!fields_load(outer_fields, &b, s.data, s.len), "byte %zu", refused[i]);
        ck_assert_uint_eq(b.word, 0x33333333);
        s.data[refused[i]] ^= 2;
    }
    s.data[value_at] ^= 2;
    ck_assert_uint_eq(fields_load(outer_fields, &b, s.data, s.len), s.len);
    ck_assert_uint_eq(b.word, 0x12345678 ^ 2);
    bytes_free(&s);
}
END_TEST

START_TEST(bytes_grow)
{
    struct bytes b = {0};
    for (unsigned i = 0; i < 5000; i++)
        bytes_append(&b, &(uint8_t){(uint8_t)(i % 251)}, 1);
    bytes_append(&b, NULL, 0);
    ck_assert_uint_eq(b.len, 5000);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_uint_eq(b.data[i], i % 251);
    bytes_free(&b);
    ck_assert(!b.data && !b.len);
}
END_TEST

CHECK_MAIN("fields", what_is_saved_comes_back, padding_is_not_saved, short_streams_are_refused,
           other_layouts_are_refused, bytes_grow)
