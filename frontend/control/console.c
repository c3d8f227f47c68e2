/* frontend/control/console.c: see console.h. Events come from the partition's thread: they are
 * queued under the lock and printed by the console's, so that lines never mix. */
#include "frontend/control/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "frontend/control/lineread.h"

struct console {
    struct console_config config;
    struct control_client client;
    struct control_listener events;
    int wake, script; /* script: -1 for none */
    bool terminal;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    struct bytes said; /* events to be printed; under the lock */
    uint64_t stops;    /* seen so far; under the lock */
    bool is_over;      /* the run has ended; under the lock */
    atomic_bool ending;
};

struct console *console_open(const struct console_config *config, char *error, size_t error_len)
{
    struct console *c = calloc(1, sizeof *c);
    int script = -1;
    if (!c) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    if (config->script && (script = open(config->script, O_RDONLY | O_CLOEXEC)) < 0) {
        snprintf(error, error_len, "--console-script %s: %s", config->script, strerror(errno));
        free(c);
        return NULL;
    }
    c->config = *config;
    c->client = (struct control_client){.control = config->control, .trusted = true};
    c->script = script;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->terminal = config->prompt && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

/* --- Events ----------------------------------------------------------------------------------- */

static void wake(struct console *c)
{
    uint64_t one = 1;
    ssize_t n = write(c->wake, &one, sizeof one);
    (void)n; /* a full counter is readable, which is all we want */
}

/* control_listener */
static void event(void *ctx, const char *name, const struct bytes *text, const struct bytes *data)
{
    struct console *c = ctx;
    (void)data;
    pthread_mutex_lock(&c->lock);
    c->stops += strcmp(name, "stopped") == 0;
    c->is_over |= strcmp(name, "ended") == 0;
    if (strcmp(name, "resumed") != 0 && strcmp(name, "ended") != 0)
        bytes_append(&c->said, text->data, text->len);
    pthread_mutex_unlock(&c->lock);
    wake(c);
}

static void print(const struct bytes *text)
{
    if (text->len)
        fwrite(text->data, 1, text->len, stdout);
    fflush(stdout);
}

/* Prints what was said. lineread_host.woken: false when it is over. */
static bool print_events(void *ctx)
{
    struct console *c = ctx;
    struct bytes said;
    uint64_t count;
    ssize_t n = read(c->wake, &count, sizeof count);
    (void)n;
    pthread_mutex_lock(&c->lock);
    said = c->said;
    c->said = (struct bytes){0};
    bool over = c->is_over;
    pthread_mutex_unlock(&c->lock);
    print(&said);
    bytes_free(&said);
    return !over && !atomic_load(&c->ending);
}

static uint64_t stops_seen(struct console *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t n = c->stops;
    pthread_mutex_unlock(&c->lock);
    return n;
}

static void look_if_stopped(void *ctx, struct partition *p)
{
    *(bool *)ctx = debug_is_stopped(partition_debug(p));
}

static bool guest_is_stopped(struct console *c)
{
    bool stopped = false;
    partition_call(c->config.partition, look_if_stopped, &stopped);
    return stopped;
}

/* Until a stop comes that is not among the first `seen`, or ns have passed (UINT64_MAX: no limit).
 * False: it is all over. */
static bool wait_for_stop(struct console *c, uint64_t seen, uint64_t ns)
{
    uint64_t start = host_now();
    bool going = true;
    while (going && stops_seen(c) == seen) {
        uint64_t gone = host_now() - start;
        if (gone >= ns)
            break;
        int ms = ns == UINT64_MAX ? -1 : (int)((ns - gone) / 1000000u + 1);
        struct pollfd fd = {.fd = c->wake, .events = POLLIN};
        poll(&fd, 1, ms);
        if (fd.revents)
            going = print_events(c);
    }
    return print_events(c) && going;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* "wait [SECONDS]", the one verb that is the console's own. False: line is another. */
static bool is_wait(const char *line, double *seconds)
{
    char rest[64] = "";
    if (strncmp(line, "wait", 4) != 0 || (line[4] && line[4] != ' '))
        return false;
    *seconds = -1;
    snprintf(rest, sizeof rest, "%s", line + 4);
    char *end;
    double value = strtod(rest, &end);
    if (end > rest && value >= 0 && value < 1e6)
        *seconds = value;
    return true;
}

/* Takes the & from the end of line. */
static bool in_background(char *line)
{
    size_t len = strlen(line);
    while (len && strchr(" \t\r", line[len - 1]))
        line[--len] = 0;
    if (!len || line[len - 1] != '&' || (len > 1 && line[len - 2] == '&'))
        return false;
    line[len - 1] = 0;
    return true;
}

enum outcome { LINE_DONE, LINE_FAILED, LINE_OVER };

static enum outcome run_line(struct console *c, const char *text, const char *where)
{
    struct answer a = {0};
    double seconds;
    char *line = strdup(text + strspn(text, " \t"));
    if (!line)
        return LINE_OVER;
    uint64_t seen = stops_seen(c);
    bool background = in_background(line), going = true;
    if (is_wait(line, &seconds)) {
        if (!guest_is_stopped(c))
            going = wait_for_stop(c, seen, seconds < 0 ? UINT64_MAX : (uint64_t)(seconds * 1e9));
        free(line);
        return going ? LINE_DONE : LINE_OVER;
    }
    going = control_call_line(&c->client, line, &a);
    bool failed = a.failed;
    if (failed)
        fprintf(where ? stderr : stdout, "%s%s%.*s\n", where ? where : "", where ? ": " : "",
                (int)a.text.len, (const char *)a.text.data);
    else
        print(&a.text);
    answer_free(&a);
    if (going && !failed && !background && control_line_resumes(line))
        going = wait_for_stop(c, seen, UINT64_MAX);
    free(line);
    return !going ? LINE_OVER : failed ? LINE_FAILED : LINE_DONE;
}

static void complete(void *ctx, const char *line, void (*found)(void *ctx, const char *word),
                     void *found_ctx)
{
    struct console *c = ctx;
    control_complete(c->config.control, line, found, found_ctx);
}

/* Runs all lines of fd. name: of the script, or NULL: a prompt, which goes on after errors. */
static enum outcome run_lines(struct console *c, int fd, const char *name)
{
    struct lineread_host host = {c, c->wake, print_events, complete};
    struct lineread *r = lineread_open(fd, !name && c->terminal, "umbra> ", host);
    enum outcome outcome = r ? LINE_DONE : LINE_OVER;
    const char *line;
    for (unsigned n = 1; outcome == LINE_DONE && (line = lineread_next(r)); n++) {
        char where[512];
        if (name)
            snprintf(where, sizeof where, "%s:%u", name, n);
        outcome = run_line(c, line, name ? where : NULL);
        if (!name && outcome == LINE_FAILED)
            outcome = LINE_DONE;
    }
    lineread_close(r);
    return outcome;
}

static void listen_to_events(void *ctx, struct partition *p)
{
    struct console *c = ctx;
    (void)p;
    control_listen(c->config.control, &c->events);
}

static void unlisten(void *ctx, struct partition *p)
{
    struct console *c = ctx;
    (void)p;
    control_unlisten(c->config.control, &c->events);
}

/* The lines are at their end: who could let a stopped guest go now? */
static void at_end(struct console *c)
{
    if (c->terminal)
        fputs("\n", stdout);
    if (c->terminal || guest_is_stopped(c))
        c->config.quit(c->config.ctx, false);
    partition_call(c->config.partition, unlisten, c);
}

static void *console_thread(void *ctx)
{
    struct console *c = ctx;
    enum outcome outcome = LINE_DONE;
    if (!partition_call(c->config.partition, listen_to_events, c))
        return NULL;
    if (c->terminal) {
        puts("'help' lists the verbs, Ctrl-C pauses the guest, 'quit' ends it.");
        run_line(c, "status", NULL);
    }
    if (c->script >= 0)
        outcome = run_lines(c, c->script, c->config.script);
    if (outcome == LINE_DONE && c->config.prompt)
        outcome = run_lines(c, STDIN_FILENO, NULL);
    if (outcome == LINE_FAILED)
        c->config.quit(c->config.ctx, true);
    else if (outcome == LINE_DONE)
        at_end(c);
    return NULL;
}

bool console_start(struct console *c)
{
    c->events = (struct control_listener){.event = event, .ctx = c};
    c->started = pthread_create(&c->thread, NULL, console_thread, c) == 0;
    return c->started;
}

static void pause_guest(void *ctx, struct partition *p)
{
    (void)ctx;
    debug_pause(partition_debug(p));
}

bool console_interrupt(struct console *c)
{
    if (!c->terminal)
        return false;
    partition_call(c->config.partition, pause_guest, NULL);
    return true;
}

void console_close(struct console *c)
{
    if (!c)
        return;
    if (c->started) {
        atomic_store(&c->ending, true);
        wake(c);
        pthread_join(c->thread, NULL);
        print_events(c);
    }
    if (c->script >= 0)
        close(c->script);
    if (c->wake >= 0)
        close(c->wake);
    bytes_free(&c->said);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
