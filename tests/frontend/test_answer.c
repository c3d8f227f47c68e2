/* What verbs say as JSON: valid whatever bytes come. */
#include "tests/check_main.h"

#include "frontend/control/answer.h"

static struct bytes out;

/* What was written since the last call. */
static const char *written(void)
{
    static char text[4096];
    ck_assert_uint_lt(out.len, sizeof text);
    memcpy(text, out.data, out.len);
    text[out.len] = 0;
    bytes_free(&out);
    out = (struct bytes){0};
    return text;
}

static const char *quoted(const char *text, size_t len)
{
    json_put_bytes(&out, NULL, text, len);
    return written();
}

START_TEST(members_and_elements_get_their_commas)
{
    json_open(&out, NULL, '{');
    json_put_number(&out, "a", UINT64_MAX);
    json_put_signed(&out, "b", INT64_MIN);
    json_open(&out, "c", '[');
    json_open(&out, NULL, '{');
    json_close(&out, '}');
    json_put_bool(&out, NULL, true);
    json_open(&out, NULL, '[');
    json_close(&out, ']');
    json_put_hex(&out, NULL, "\x00\xAB", 2);
    json_close(&out, ']');
    json_put_string(&out, "d", "");
    json_close(&out, '}');
    ck_assert_str_eq(written(), "{\"a\":18446744073709551615,\"b\":-9223372036854775808,"
                                "\"c\":[{},true,[],\"00ab\"],\"d\":\"\"}");
}
END_TEST

START_TEST(text_is_escaped)
{
    ck_assert_str_eq(quoted("a\"b\\c\n\t\x01\x7F", 9), "\"a\\\"b\\\\c\\n\\u0009\\u0001\\u007f\"");
    ck_assert_str_eq(quoted("x\0y", 3), "\"x\\u0000y\"");
    ck_assert_str_eq(quoted("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9),
                     "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}
END_TEST

START_TEST(what_is_no_utf8_is_replaced_byte_by_byte)
{
#define FFFD "\xEF\xBF\xBD"
    ck_assert_str_eq(quoted("\xFFz", 2), "\"" FFFD "z\"");
    ck_assert_str_eq(quoted("\xC0\xAF", 2), "\"" FFFD FFFD "\"");                   /* overlong */
    ck_assert_str_eq(quoted("\xED\xA0\x80", 3), "\"" FFFD FFFD FFFD "\"");          /* surrogate */
    ck_assert_str_eq(quoted("\xF4\x90\x80\x80", 4), "\"" FFFD FFFD FFFD FFFD "\""); /* > 10FFFF */
    ck_assert_str_eq(quoted("\xE2\x82", 2), "\"" FFFD FFFD "\"");                   /* cut off */
    ck_assert_str_eq(quoted("\xE2\x82\xAC", 2), "\"" FFFD FFFD "\""); /* by the length */
}
END_TEST

START_TEST(base64)
{
    static const char *const want[] = {"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\""};
    for (size_t n = 0; n < ARRAY_LEN(want); n++) { /* RFC 4648, 10 */
        json_put_base64(&out, NULL, "foobar", n);
        ck_assert_str_eq(written(), want[n]);
    }
}
END_TEST

START_TEST(a_failure_drops_what_was_said)
{
    struct answer a = {0};
    answer_text(&a, "half a table\n");
    json_put_number(&a.data, "x", 1);
    answer_fail(&a, "no page at %x", 0x1000);
    ck_assert(a.failed);
    ck_assert_uint_eq(a.data.len, 0);
    ck_assert_int_eq(memcmp(a.text.data, "no page at 1000", a.text.len), 0);
    answer_free(&a);
}
END_TEST

CHECK_MAIN("answer", members_and_elements_get_their_commas, text_is_escaped,
           what_is_no_utf8_is_replaced_byte_by_byte, base64, a_failure_drops_what_was_said)
