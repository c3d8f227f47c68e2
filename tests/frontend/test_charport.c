/* frontend/charport: what a guest's port sends reaches the host whole and in order: lines at once,
 * the rest when it is flushed. */
#include "frontend/charport.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/check_main.h"

static char path[64];
static struct charport port;

static struct char_backend open_port(void)
{
    char error[256], where[80];
    snprintf(path, sizeof path, "/tmp/umbra-charport-%d", (int)getpid());
    snprintf(where, sizeof where, "file:%s", path);
    ck_assert_msg(charport_open(&port, where, NULL, error, sizeof error), "%s", error);
    return charport_backend(&port);
}

static void send(struct char_backend to, const char *text)
{
    for (; *text; text++)
        char_write(&to, (uint8_t)*text);
}

/* All that has reached the file. */
static void expect(const char *text)
{
    char back[2048];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t len = fread(back, 1, sizeof back - 1, f);
    fclose(f);
    back[len] = 0;
    ck_assert_str_eq(back, text);
}

START_TEST(lines_go_at_once_the_rest_when_flushed)
{
    struct char_backend to = open_port();
    send(to, "login: ");
    expect("");
    charport_flush(&port);
    expect("login: ");
    charport_flush(&port);
    expect("login: ");
    send(to, "root\r\n# ");
    expect("login: root\r\n");
    charport_close(&port);
    expect("login: root\r\n# ");
    unlink(path);
}
END_TEST

static size_t seen;

static void count(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)data;
    seen += len;
}

START_TEST(what_is_held_back_is_bounded_and_seen)
{
    struct char_backend to = open_port();
    port.tap = count;
    for (unsigned n = 0; n < sizeof port.held; n++) {
        expect("");
        char_write(&to, 'x');
    }
    ck_assert_uint_eq(seen, sizeof port.held);
    ck_assert_uint_eq(port.held_count, 0);
    charport_close(&port);
    unlink(path);
}
END_TEST

START_TEST(long_lines_do_not_wait_for_their_end)
{
    char text[1001];
    for (unsigned n = 0; n < 1000; n++)
        text[n] = (char)('a' + n % 26);
    text[1000] = 0;
    struct char_backend to = open_port();
    send(to, text);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    ck_assert_int_ge(ftell(f), 1000 - (long)sizeof port.held);
    fclose(f);
    charport_close(&port);
    expect(text);
    unlink(path);
}
END_TEST

CHECK_MAIN("charport", lines_go_at_once_the_rest_when_flushed,
           what_is_held_back_is_bounded_and_seen, long_lines_do_not_wait_for_their_end)
