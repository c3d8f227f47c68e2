/* frontend/display/term.c: the guest's screen in the terminal that Umbra was started from.
 *
 * The terminal's state is saved by open and given back by close. So that it is also given back
 * when this process dies (a crash, SIGKILL), open starts a guardian: a child that does nothing but
 * wait on a pipe. The pipe closes with this process, however it ends; if close has not told the
 * guardian that all is well, it restores the terminal. No signal handler, no global state.
 *
 * Keys that make signals (Ctrl-C, Ctrl-Z, Ctrl-\) go to the guest; Ctrl-] ends Umbra. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "frontend/display/backends.h"
#include "frontend/display/termdraw.h"
#include "frontend/display/termkeys.h"

#define ESC_IDLE_NS    UINT64_C(40000000)  /* an ESC that nothing follows so long is the key */
#define PICTURE_NS     UINT64_C(50000000)  /* between two pictures of graphics modes */
#define STATUS_NS      UINT64_C(500000000) /* between two changes of the status line */
#define ENTER_SEQUENCE "\033[?1049h\033[2J\033[?25l"
#define LEAVE_SEQUENCE "\033[0m\033[?25h\033[?1049l"

struct display {
    struct termios saved;
    int guardian_pipe; /* we write one byte when all is well */
    pid_t guardian;
    struct term_screen screen;
    struct bytes out;
    size_t out_sent; /* of out, already in the terminal */
    struct term_keys keys;
    struct key_steps steps;
    size_t steps_taken;
    uint64_t now, input_at, picture_at, status_at;
    bool input_closed, quit_told, clear;
    unsigned lights;
    char title[80], line[256];
};

/* Puts the terminal back as it was. Async-signal-safe. */
static void restore(const struct termios *saved)
{
    static const char leave[] = LEAVE_SEQUENCE;
    ssize_t ignored = write(STDOUT_FILENO, leave, sizeof leave - 1);
    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, saved);
}

/* The guardian's whole life. After fork, so only async-signal-safe calls. */
static _Noreturn void guard(int pipe_end, const struct termios *saved)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGTTIN};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
    char byte;
    ssize_t got;
    do
        got = read(pipe_end, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        restore(saved);
    _exit(0);
}

static bool start_guardian(struct display *d)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    d->guardian = fork();
    if (d->guardian == 0) {
        close(ends[1]);
        guard(ends[0], &d->saved);
    }
    close(ends[0]);
    d->guardian_pipe = ends[1];
    if (d->guardian > 0)
        return true;
    close(ends[1]);
    return false;
}

static bool terminal_knows_colours(void)
{
    const char *colours = getenv("COLORTERM");
    return colours && (strcmp(colours, "truecolor") == 0 || strcmp(colours, "24bit") == 0);
}

static bool fit_terminal(struct display *d)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row) {
        size.ws_col = 80;
        size.ws_row = 24;
    }
    if (d->screen.want && d->screen.columns == size.ws_col && d->screen.rows == size.ws_row)
        return true;
    d->clear = true;
    return term_screen_resize(&d->screen, size.ws_col, size.ws_row);
}

static struct display *term_open(const struct display_config *config, char *error, size_t error_len)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(error, error_len,
                 "--display term needs a terminal: standard input and output are "
                 "not both one");
        return NULL;
    }
    struct display *d = calloc(1, sizeof *d);
    if (!d || tcgetattr(STDIN_FILENO, &d->saved) != 0 || !start_guardian(d)) {
        snprintf(error, error_len, "cannot set up the terminal: %s", strerror(errno));
        free(d);
        return NULL;
    }
    struct termios raw = d->saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    d->screen.direct_colour = terminal_knows_colours();
    snprintf(d->title, sizeof d->title, "%s", config->title ? config->title : "Umbra");
    bytes_append(&d->out, ENTER_SEQUENCE, sizeof ENTER_SEQUENCE - 1);
    return d;
}

static void term_close(struct display *d)
{
    restore(&d->saved);
    ssize_t ignored = write(d->guardian_pipe, "", 1);
    (void)ignored;
    close(d->guardian_pipe);
    waitpid(d->guardian, NULL, 0);
    term_screen_free(&d->screen);
    bytes_free(&d->out);
    keys_free(&d->steps);
    free(d);
}

/* Sends as much of out as the terminal takes now; true when all of it is sent. */
static bool flush_out(struct display *d)
{
    while (d->out_sent < d->out.len) {
        struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
        if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
            return false;
        size_t len = d->out.len - d->out_sent;
        ssize_t sent = write(STDOUT_FILENO, d->out.data + d->out_sent, len < 1024 ? len : 1024);
        if (sent <= 0)
            return false;
        d->out_sent += (size_t)sent;
    }
    d->out.len = d->out_sent = 0;
    return true;
}

static void status_line(struct display *d, const struct display_status *status)
{
    d->lights |= status->lights;
    if (d->now - d->status_at >= STATUS_NS || !d->line[0]) {
        d->status_at = d->now;
        snprintf(d->line, sizeof d->line, " %s  %.0f MIPS  %.0f %%  %s%s%s  Ctrl-] quits  %s",
                 d->title, status->mips, status->percent,
                 d->lights & LIGHT_FLOPPY ? "[floppy]" : "", d->lights & LIGHT_DISK ? "[disk]" : "",
                 d->lights & LIGHT_CD ? "[CD]" : "", status->notice ? status->notice : "");
        d->lights = 0;
    }
    term_want_line(&d->screen, d->screen.rows - 1, d->line);
}

static void term_frame(struct display *d, const struct surface *picture,
                       const struct text_screen *text, const struct display_status *status)
{
    d->now = status->host_ns;
    if (!flush_out(d) || !fit_terminal(d))
        return;
    if (d->clear) {
        bytes_append(&d->out, "\033[0m\033[2J", 8);
        d->clear = false;
    }
    /* The last row is ours when the guest's text leaves it free. */
    bool with_status = d->screen.rows > (text->columns ? text->rows : 1);
    unsigned rows = d->screen.rows - with_status;
    if (text->columns) {
        term_want_text(&d->screen, text, rows);
        d->picture_at = 0;
    } else if (d->now - d->picture_at >= PICTURE_NS) {
        d->picture_at = d->now;
        term_want_picture(&d->screen, picture, rows);
    }
    if (with_status)
        status_line(d, status);
    term_draw(&d->screen, &d->out);
    flush_out(d);
}

static void read_input(struct display *d)
{
    uint8_t buf[256];
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&p, 1, 0) > 0) {
        ssize_t got = read(STDIN_FILENO, buf, sizeof buf);
        if (got <= 0 && (p.revents & (POLLHUP | POLLERR)))
            d->input_closed = true; /* the terminal went away */
        for (ssize_t i = 0; i < got; i++)
            term_keys_byte(&d->keys, buf[i], &d->steps);
        d->input_at = d->now;
    } else if (d->keys.count && d->now - d->input_at >= ESC_IDLE_NS) {
        term_keys_idle(&d->keys, &d->steps);
    }
}

static bool term_poll(struct display *d, struct display_event *event)
{
    if (d->steps_taken == d->steps.count) {
        d->steps.count = d->steps_taken = 0;
        read_input(d);
    }
    if ((d->keys.quit || d->input_closed) && !d->quit_told) {
        d->quit_told = true;
        *event = (struct display_event){.kind = DISPLAY_QUIT};
        return true;
    }
    if (d->steps_taken == d->steps.count)
        return false;
    struct key_step step = d->steps.step[d->steps_taken++];
    *event = (struct display_event){.kind = DISPLAY_KEY, .key = step.key, .down = step.down};
    return true;
}

const struct display_ops display_term = {"term", term_open, term_frame, term_poll, term_close};
