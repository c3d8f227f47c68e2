/* Messages: levels, counts, lines said once, and bounds whatever a guest does. */
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#include "tests/check_main.h"

struct seen {
    unsigned lines;
    enum log_level level;
    char last[2048];
};

static void sink(void *ctx, enum log_level level, const char *line)
{
    struct seen *s = ctx;
    s->lines++;
    s->level = level;
    snprintf(s->last, sizeof s->last, "%s", line);
}

START_TEST(levels_up_to_the_chosen_one)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_WARN, sink, &s);
    log_msg(log, LOG_ERROR, "port %x", 0x3F8u);
    ck_assert_str_eq(s.last, "port 3f8");
    ck_assert_int_eq(s.level, LOG_ERROR);
    log_msg(log, LOG_WARN, "a warning");
    log_msg(log, LOG_INFO, "not wanted");
    log_msg(log, LOG_DEBUG, "not wanted");
    ck_assert_uint_eq(s.lines, 2);
    ck_assert_str_eq(s.last, "a warning");
    ck_assert_uint_eq(log_count(log, LOG_ERROR), 1);
    ck_assert_uint_eq(log_count(log, LOG_WARN), 1);
    ck_assert_uint_eq(log_count(log, LOG_INFO), 0);
    log_destroy(log);
}
END_TEST

static void unknown_port(struct log *log, unsigned port)
{
    log_once(log, port, "no port %x", port);
}

START_TEST(once_per_place_and_key)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_DEBUG, sink, &s);
    for (unsigned i = 0; i < 1000; i++) {
        unknown_port(log, 0x10);
        unknown_port(log, 0x11);
        log_once(log, 0x10, "no memory at %x", 0x10u);
    }
    ck_assert_uint_eq(s.lines, 3);
    ck_assert_int_eq(s.level, LOG_WARN);
    log_destroy(log);
}
END_TEST

/* Two partitions in one process: what one has said, the other still says. */
START_TEST(logs_do_not_share)
{
    struct seen a = {0}, b = {0};
    struct log *x = log_create(LOG_WARN, sink, &a), *y = log_create(LOG_WARN, sink, &b);
    unknown_port(x, 1);
    unknown_port(y, 1);
    ck_assert_uint_eq(a.lines, 1);
    ck_assert_uint_eq(b.lines, 1);
    log_destroy(x);
    log_destroy(y);
}
END_TEST

/* Below the level a line is neither said nor counted as said. */
START_TEST(once_needs_the_level)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_ERROR, sink, &s);
    unknown_port(log, 1);
    ck_assert_uint_eq(s.lines, 0);
    ck_assert_uint_eq(log_count(log, LOG_WARN), 0);
    log_destroy(log);
}
END_TEST

/* More keys than the table holds: the first are said, the 4096th with its count, and it ends. */
START_TEST(many_keys_end)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_WARN, sink, &s);
    for (unsigned port = 0; port < 5000; port++)
        unknown_port(log, port);
    ck_assert_uint_eq(s.lines, LOG_SHOWN + 7);
    ck_assert_str_eq(s.last, "no port fff (4096 such lines so far)");
    log_once(log, 1, "another site is not affected");
    ck_assert_uint_eq(s.lines, LOG_SHOWN + 8);
    log_destroy(log);
}
END_TEST

START_TEST(what_a_guest_repeats_is_bounded)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_INFO, sink, &s);
    for (unsigned i = 0; i < 1000000; i++)
        log_guest(log, LOG_INFO, "reset %u", i);
    ck_assert_uint_eq(s.lines, LOG_SHOWN + 14);
    ck_assert_str_eq(s.last, "reset 524287 (524288 such lines so far)");
    log_guest(log, LOG_DEBUG, "below the level");
    for (unsigned i = 0; i < 1000; i++) /* what the user does is always said */
        log_msg(log, LOG_INFO, "disk %u is in the drive", i);
    ck_assert_uint_eq(s.lines, LOG_SHOWN + 14 + 1000);
    log_destroy(log);
}
END_TEST

START_TEST(long_lines_are_cut)
{
    struct seen s = {0};
    struct log *log = log_create(LOG_WARN, sink, &s);
    char *text = malloc(100001);
    ck_assert(text);
    memset(text, 'x', 100000);
    text[100000] = 0;
    log_msg(log, LOG_WARN, "%s", text);
    ck_assert_uint_eq(strlen(s.last), 1023);
    free(text);
    log_destroy(log);
}
END_TEST

START_TEST(no_log_is_fine)
{
    log_msg(NULL, LOG_ERROR, "dropped");
    log_once(NULL, 1, "dropped");
    log_guest(NULL, LOG_ERROR, "dropped");
    log_destroy(NULL);
}
END_TEST

CHECK_MAIN("log", levels_up_to_the_chosen_one, once_per_place_and_key, logs_do_not_share,
           once_needs_the_level, many_keys_end, what_a_guest_repeats_is_bounded, long_lines_are_cut,
           no_log_is_fine)
