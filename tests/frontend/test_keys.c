/* Text and --type scripts as key presses. */
#include "tests/check_main.h"

#include <stdio.h>

#include "frontend/keys.h"

static struct key_steps steps;
static char error[256];

/* The steps as text: "+1E -1E" are A pressed and released, "w500" half a second. */
static const char *shown(void)
{
    static char out[4096];
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < steps.count && len < sizeof out - 16; i++) {
        const struct key_step *s = &steps.step[i];
        const char *gap = i ? " " : "";
        if (s->until)
            len += (size_t)snprintf(out + len, sizeof out - len, "%su(%s)", gap, s->until);
        else if (s->wait)
            len += (size_t)snprintf(out + len, sizeof out - len, "%sw%u", gap, s->wait_ms);
        else
            len += (size_t)snprintf(out + len, sizeof out - len, "%s%c%02X", gap,
                                    s->down ? '+' : '-', s->key);
    }
    return out;
}

static const char *script(const char *text)
{
    keys_free(&steps);
    ck_assert_msg(keys_from_script(&steps, text, error, sizeof error), "%s: %s", text, error);
    return shown();
}

static const char *refusal(const char *text)
{
    keys_free(&steps);
    error[0] = 0;
    ck_assert_msg(!keys_from_script(&steps, text, error, sizeof error), "%s was taken", text);
    ck_assert_uint_eq(steps.count, 0);
    return error;
}

START_TEST(plain_text)
{
    ck_assert_str_eq(script("aB"), "+1E -1E +2A +30 -30 -2A");
    ck_assert_str_eq(script("1!\\n"), "+02 -02 +2A +02 -02 -2A +1C -1C");
    ck_assert_str_eq(script("\\\\ \\t"), "+2B -2B +39 -39 +0F -0F");
    ck_assert_str_eq(script(""), "");
    ck_assert_str_eq(script("{{}}"), "+2A +1A -1A -2A +2A +1B -1B -2A");
    keys_free(&steps);
}
END_TEST

START_TEST(every_printable_character_has_a_key)
{
    for (char c = ' '; c < 0x7F; c++) {
        uint16_t key;
        unsigned modifiers;
        ck_assert_msg(keys_for_char(c, &key, &modifiers), "%c", c);
    }
}
END_TEST

START_TEST(named_keys)
{
    ck_assert_str_eq(script("{f1}{F10}{f11}{f12}"), "+3B -3B +44 -44 +57 -57 +58 -58");
    ck_assert_str_eq(script("{up}{esc}"), "+148 -148 +01 -01");
    ck_assert_str_eq(script("{ctrl-c}"), "+1D +2E -2E -1D");
    ck_assert_str_eq(script("{ctrl-alt-del}"), "+1D +38 +153 -153 -38 -1D");
    ck_assert_str_eq(script("{alt-ctrl-del}"), "+1D +38 +153 -153 -38 -1D");
    ck_assert_str_eq(script("{alt-f4}"), "+38 +3E -3E -38");
    keys_free(&steps);
}
END_TEST

START_TEST(counts_and_waits)
{
    ck_assert_str_eq(script("{down 3}"), "+150 -150 +150 -150 +150 -150");
    ck_assert_str_eq(script("a{wait 2}b{wait 0.25}"), "+1E -1E w2000 +30 -30 w250");
    ck_assert_str_eq(script("{wait 0}"), "w0");
    ck_assert_str_eq(script("{until A> ready}b{Until x}"), "u(A> ready) +30 -30 u(x)");
    keys_free(&steps);
}
END_TEST

START_TEST(mistakes_are_named)
{
    ck_assert_ptr_nonnull(strstr(refusal("abc{foo}"), "'{foo}' is no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{f1"), "closing brace"));
    ck_assert_ptr_nonnull(strstr(refusal("{f13}"), "'{f13}'"));
    ck_assert_ptr_nonnull(strstr(refusal("{wait}"), "'{wait}'"));
    ck_assert_ptr_nonnull(strstr(refusal("{until }"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{until x}{nokey}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{until x"), "closing brace"));
    ck_assert_ptr_nonnull(strstr(refusal("{wait -1}"), "'{wait -1}'"));
    ck_assert_ptr_nonnull(strstr(refusal("{wait 9e9}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{wait nan}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{down 0}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{down 9999999}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("{ctrl-}"), "no key"));
    ck_assert_ptr_nonnull(strstr(refusal("a\\qb"), "'\\q'"));
    ck_assert_ptr_nonnull(strstr(refusal("a\\"), "not known"));
    ck_assert_ptr_nonnull(strstr(refusal("\u00E9"), "no key for"));
}
END_TEST

START_TEST(a_refused_script_adds_nothing)
{
    keys_free(&steps);
    ck_assert(keys_from_script(&steps, "x", error, sizeof error));
    size_t before = steps.count;
    ck_assert(!keys_from_script(&steps, "yyy{nope}", error, sizeof error));
    ck_assert_uint_eq(steps.count, before);
    keys_free(&steps);
}
END_TEST

START_TEST(pasted_text_skips_what_has_no_key)
{
    keys_free(&steps);
    ck_assert_uint_eq(keys_from_text(&steps, "a\r\n{\u00E9\u2592"), 2);
    ck_assert_str_eq(shown(), "+1E -1E +1C -1C +2A +1A -1A -2A");
    keys_free(&steps);
    ck_assert_uint_eq(keys_from_text(&steps, "\r"), 0);
    ck_assert_str_eq(shown(), "+1C -1C");
    keys_free(&steps);
}
END_TEST

CHECK_MAIN("keys", plain_text, every_printable_character_has_a_key, named_keys, counts_and_waits,
           mistakes_are_named, a_refused_script_adds_nothing, pasted_text_skips_what_has_no_key)
