/* The terminal display: what keys arrive from which bytes, what is drawn, and that the terminal is
 * given back, even when the process is killed. Runs on a pseudo-terminal of its own. */
#include "tests/check_main.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "frontend/display/display.h"
#include "frontend/display/termdraw.h"
#include "frontend/display/termkeys.h"

/* --- Keys ---------------------------------------------------------------------------------- */

static struct term_keys keys;

static const char *typed(const char *bytes, size_t len)
{
    static char out[512];
    struct key_steps steps = {0};
    size_t at = 0;
    memset(&keys, 0, sizeof keys);
    for (size_t i = 0; i < len; i++)
        term_keys_byte(&keys, (uint8_t)bytes[i], &steps);
    term_keys_idle(&keys, &steps);
    out[0] = 0;
    for (size_t i = 0; i < steps.count && at < sizeof out - 8; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%c%02X", i ? " " : "",
                               steps.step[i].down ? '+' : '-', steps.step[i].key);
    keys_free(&steps);
    return out;
}
#define TYPED(literal) typed(literal, sizeof(literal) - 1)

START_TEST(bytes_become_keys)
{
    ck_assert_str_eq(TYPED("a"), "+1E -1E");
    ck_assert_str_eq(TYPED("A"), "+2A +1E -1E -2A");
    ck_assert_str_eq(TYPED("\r"), "+1C -1C");
    ck_assert_str_eq(TYPED("\177"), "+0E -0E");
    ck_assert_str_eq(TYPED("\t"), "+0F -0F");
    ck_assert_str_eq(TYPED("\003"), "+1D +2E -2E -1D"); /* Ctrl-C */
    ck_assert_str_eq(TYPED("\034"), "+1D +2B -2B -1D"); /* Ctrl-\ */
    ck_assert_str_eq(TYPED("\0"), "+1D +39 -39 -1D");
    ck_assert_str_eq(TYPED("\033"), "+01 -01");
    ck_assert_str_eq(TYPED("\033x"), "+38 +2D -2D -38"); /* Alt-X */
    ck_assert_str_eq(TYPED("\033\033"), "+01 -01 +01 -01");
    ck_assert_str_eq(TYPED("\303\251"), ""); /* not on a US keyboard */
}
END_TEST

START_TEST(escape_sequences_become_keys)
{
    ck_assert_str_eq(TYPED("\033[A"), "+148 -148");
    ck_assert_str_eq(TYPED("\033OB"), "+150 -150");
    ck_assert_str_eq(TYPED("\033[1;5C"), "+1D +14D -14D -1D"); /* Ctrl-Right */
    ck_assert_str_eq(TYPED("\033[3~"), "+153 -153");
    ck_assert_str_eq(TYPED("\033[15~\033[24~"), "+3F -3F +58 -58");
    ck_assert_str_eq(TYPED("\033OP"), "+3B -3B");
    ck_assert_str_eq(TYPED("\033[[C"), "+3D -3D");           /* Linux console F3 */
    ck_assert_str_eq(TYPED("\033[1;3S"), "+38 +3E -3E -38"); /* Alt-F4 */
    ck_assert_str_eq(TYPED("\033[Z"), "+2A +0F -0F -2A");
    ck_assert_str_eq(TYPED("\033[?1;2cA"), "+2A +1E -1E -2A"); /* an answer is no key */
    ck_assert_str_eq(TYPED("\033[999999999999999999999~b"), "+30 -30");
}
END_TEST

START_TEST(random_bytes_do_no_harm)
{
    struct key_steps steps = {0};
    uint32_t seed = 1;
    memset(&keys, 0, sizeof keys);
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t byte = (seed >> 28) < 6 ? 0x1B : (seed >> 28) < 9 ? '[' : (uint8_t)(seed >> 20);
        term_keys_byte(&keys, byte, &steps);
        ck_assert_uint_lt(keys.count, sizeof keys.pending);
        if (!(i % 64)) {
            term_keys_idle(&keys, &steps);
            steps.count = 0;
        }
    }
    ck_assert(keys.quit); /* Ctrl-] was among them */
    keys_free(&steps);
}
END_TEST

/* --- Drawing ------------------------------------------------------------------------------- */

static struct text_screen text;

static void fill_text(void)
{
    memset(&text, 0, sizeof text);
    text.columns = 80;
    text.rows = 25;
    text.blink = true;
    text.colours[7] = 0xAAAAAA;
    text.colours[1] = 0x0000AA;
    for (unsigned y = 0; y < 25; y++)
        for (unsigned x = 0; x < 80; x++)
            text.cells[y][x] = (struct text_cell){' ', 7};
}

static char *drawn(struct term_screen *t)
{
    static char copy[1 << 16];
    struct bytes out = {0};
    term_draw(t, &out);
    ck_assert_uint_lt(out.len, sizeof copy);
    if (out.len)
        memcpy(copy, out.data, out.len);
    copy[out.len] = 0;
    bytes_free(&out);
    return copy;
}

START_TEST(only_changes_are_sent)
{
    struct term_screen t = {.direct_colour = true};
    ck_assert(term_screen_resize(&t, 80, 26));
    fill_text();
    text.cells[3][5] = (struct text_cell){0xC9, 0x17};
    term_want_text(&t, &text, 25);
    char *first = drawn(&t);
    ck_assert_ptr_nonnull(strstr(first, "\033[38;2;170;170;170;48;2;0;0;170m\u2554"));
    term_want_text(&t, &text, 25);
    ck_assert_str_eq(drawn(&t), "");
    text.cells[24][79].character = 'x';
    term_want_text(&t, &text, 25);
    ck_assert_str_eq(drawn(&t), "\033[?25l\033[25;80H\033[38;2;170;170;170;48;2;0;0;0mx\033[0m"
                                "\033[?25l");
    term_screen_free(&t);
}
END_TEST

START_TEST(a_small_terminal_follows_the_cursor)
{
    struct term_screen t = {0};
    ck_assert(term_screen_resize(&t, 40, 10));
    fill_text();
    text.cells[24][60].character = '$';
    text.cursor_row = 24;
    text.cursor_column = 61;
    text.cursor_visible = true;
    term_want_text(&t, &text, 10);
    ck_assert_uint_eq(t.want[9 * 40 + 38].code, '$');
    ck_assert(t.cursor_visible);
    ck_assert_uint_eq(t.cursor_row, 9);
    ck_assert_uint_eq(t.cursor_column, 39);
    ck_assert_ptr_nonnull(strstr(drawn(&t), "\033[10;40H\033[?25h"));
    ck_assert(term_screen_resize(&t, 1, 1));
    term_want_text(&t, &text, 1);
    drawn(&t);
    term_screen_free(&t);
}
END_TEST

START_TEST(pictures_are_half_blocks)
{
    struct term_screen t = {0};
    struct surface s = {0};
    ck_assert(surface_resize(&s, 320, 200));
    s.aspect_x = 4, s.aspect_y = 3;
    for (unsigned i = 0; i < 320 * 200; i++)
        s.pixels[i] = i < 320 * 100 ? 0xFF0000 : 0x0000FF;
    ck_assert(term_screen_resize(&t, 80, 30));
    term_want_picture(&t, &s, 30); /* 80 x 60 dots: exactly 4:3 */
    ck_assert_uint_eq(t.want[0].code, 0x2580);
    ck_assert_uint_eq(t.want[0].fore, 0xFF0000);
    ck_assert_uint_eq(t.want[29 * 80 + 79].back, 0x0000FF);
    ck_assert(term_screen_resize(&t, 200, 5));
    term_want_picture(&t, &s, 5);
    ck_assert_uint_eq(t.want[0].code, ' '); /* bars at the sides */
    ck_assert_uint_eq(t.want[100].code, 0x2580);
    term_screen_free(&t);
    surface_free(&s);
}
END_TEST

/* --- On a pseudo-terminal ------------------------------------------------------------------- */

#define HANGS_MS 60000 /* what takes longer never comes */

/* Reads what comes until text is in it, or nothing more comes. */
static void read_until(int fd, const char *text, char *buf, size_t size)
{
    size_t len = strlen(buf);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!strstr(buf, text) && len + 1 < size && poll(&p, 1, HANGS_MS) > 0) {
        ssize_t got = read(fd, buf + len, size - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        buf[len] = 0;
    }
}

/* Starts a process with the display open on a new pseudo-terminal. It shows one text screen and
 * waits for Ctrl-]. */
static pid_t start(int *master, int *slave)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(*master, 0);
    ck_assert_int_eq(grantpt(*master), 0);
    ck_assert_int_eq(unlockpt(*master), 0);
    *slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(*slave, 0);
    struct winsize size = {.ws_row = 30, .ws_col = 90};
    ioctl(*slave, TIOCSWINSZ, &size);
    pid_t child = fork();
    if (child)
        return child;
    dup2(*slave, 0);
    dup2(*slave, 1);
    close(*master);
    char error[256];
    const struct display_ops *ops = display_by_name("term", error, sizeof error);
    struct display *d = ops->open(&(struct display_config){.title = "test"}, error, sizeof error);
    if (!d)
        _exit(9);
    fill_text();
    memcpy(text.cells[0], (struct text_cell[]){{'h', 7}, {'i', 7}}, 4);
    struct surface none = {0};
    for (unsigned i = 0; i < 12000; i++) {
        struct display_status status = {.mips = 42, .percent = 100, .host_ns = i * 10000000ull};
        ops->frame(d, &none, &text, &status);
        struct display_event event;
        while (ops->poll(d, &event)) {
            if (event.kind == DISPLAY_QUIT) {
                ops->close(d);
                _exit(7);
            }
        }
        usleep(10000);
    }
    _exit(8);
}

static void check_terminal(bool killed)
{
    static char seen[1 << 16];
    struct termios before, during, after;
    int master, slave, status;
    seen[0] = 0;
    pid_t child = start(&master, &slave);
    tcgetattr(slave, &before); /* may be raw already: what matters is the canonical flag later */
    static const char *const shown[] = {"\033[?1049h", "hi", "42 MIPS"};
    for (unsigned n = 0; n < ARRAY_LEN(shown); n++) {
        read_until(master, shown[n], seen, sizeof seen);
        ck_assert_ptr_nonnull(strstr(seen, shown[n]));
    }
    tcgetattr(slave, &during);
    ck_assert(!(during.c_lflag & (ICANON | ECHO | ISIG)));
    if (killed)
        kill(child, SIGKILL);
    else
        ck_assert_int_eq(write(master, "\035", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!killed)
        ck_assert_int_eq(WEXITSTATUS(status), 7);
    read_until(master, "\033[?1049l", seen, sizeof seen);
    ck_assert_ptr_nonnull(strstr(seen, "\033[?1049l"));
    for (unsigned ms = 0; ms < HANGS_MS; ms += 10) { /* the guardian is at it */
        tcgetattr(slave, &after);
        if (after.c_lflag & ICANON)
            break;
        usleep(10000);
    }
    ck_assert_uint_eq(after.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
    close(master);
    close(slave);
}

START_TEST(the_terminal_is_given_back)
{
    check_terminal(false);
}
END_TEST

START_TEST(the_terminal_is_given_back_after_kill)
{
    check_terminal(true);
}
END_TEST

START_TEST(no_terminal_no_display)
{
    char error[256] = "";
    const struct display_ops *ops = display_by_name("term", error, sizeof error);
    ck_assert_ptr_nonnull(ops);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    ck_assert_ptr_null(ops->open(&(struct display_config){0}, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "needs a terminal"));
    ck_assert_ptr_null(display_by_name("vnc", error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "'vnc'"));
    ck_assert_str_eq(display_by_name("none", error, sizeof error)->name, "none");
}
END_TEST

CHECK_MAIN("term", bytes_become_keys, escape_sequences_become_keys, random_bytes_do_no_harm,
           only_changes_are_sent, a_small_terminal_follows_the_cursor, pictures_are_half_blocks,
           the_terminal_is_given_back, the_terminal_is_given_back_after_kill,
           no_terminal_no_display)
