/* frontend/run.c: the partition runs in a thread of its own; the main thread shows the picture and
 * collects input. They share the session: the picture and the numbers under its lock, everything
 * else belongs to one of them. Pictures are drawn by the partition's thread (only it may touch
 * devices), about 60 times a second, and only what changed. */
#include "frontend/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "frontend/display/png.h"
#include "frontend/session.h"
#include "partition/explain.h"

#define FRAME_MS 16

/* --- The partition's thread ------------------------------------------------------------------- */

static void look_at_speed(struct session *s)
{
    uint64_t now = host_now();
    if (now - s->last_look < 500000000u)
        return;
    uint64_t insns = vcpu_insns(partition_vcpu(s->partition));
    uint64_t virtual = partition_now(s->partition);
    double seconds = (double)(now - s->last_look) / 1e9;
    s->status.mips = (double)(insns - s->last_insns) / 1e6 / seconds;
    s->status.percent = (double)(virtual - s->last_virtual) / 1e7 / seconds;
    s->last_look = now;
    s->last_insns = insns;
    s->last_virtual = virtual;
}

static void look_at_lights(struct session *s)
{
    struct pc *pc = partition_pc(s->partition);
    uint64_t moved[3] = {fdc_activity(pc->fdc->state, 0) + fdc_activity(pc->fdc->state, 1)};
    for (unsigned i = 0; i < PC_IDE_DRIVES; i++)
        moved[pc->config.ide[i].kind == IDE_CDROM ? 2 : 1] +=
            ide_activity(pc->ide->state, i).activity;
    static const unsigned light[3] = {LIGHT_FLOPPY, LIGHT_DISK, LIGHT_CD};
    for (unsigned i = 0; i < 3; i++) {
        if (moved[i] != s->last_moved[i])
            s->status.lights |= light[i];
        s->last_moved[i] = moved[i];
    }
}

/* Pasted text goes behind what is still being typed. */
static void take_paste(struct session *s)
{
    if (!s->paste)
        return;
    size_t unknown = typist_paste(&s->typist, s->paste);
    if (unknown)
        log_msg(s->log, LOG_WARN, "%zu of the pasted characters are on no key", unknown);
    free(s->paste);
    s->paste = NULL;
}

/* A disk image was dropped on the window: into the floppy or CD drive with it. */
static void take_drop(struct session *s)
{
    if (!s->drop)
        return;
    media_insert(&s->media, partition_pc(s->partition), s->drop, s->o, s->log);
    free(s->drop);
    s->drop = NULL;
}

/* A unit of host code was made. */
bool session_unit_emitted(void *ctx, const struct unit_code *code)
{
    struct session *s = ctx;
    bool fine = verify_unit(s->verify, code);
    if (!fine)
        partition_stop(s->partition);
    return fine;
}

/* The main thread may be slower than the ticks: what it has not shown yet stays to be shown. */
static void render(struct session *s, void *vga)
{
    unsigned first = s->surface.dirty_first, end = s->surface.dirty_end;
    vga_render(vga, &s->surface);
    surface_mark_rows(&s->surface, first, end);
}

/* The window's share of a tick. A frame that is being shown may wait for the X server: then this
 * waits for the next tick, not the guest for the window. */
static void tick_window(struct session *s, void *vga)
{
    if (pthread_mutex_trylock(&s->lock) != 0)
        return;
    take_paste(s);
    take_drop(s);
    s->shown_text = s->text;
    render(s, vga);
    look_at_lights(s);
    look_at_speed(s);
    pthread_mutex_unlock(&s->lock);
}

/* About 60 times a second, between two instructions of the guest. */
static void tick(void *ctx, struct partition *p)
{
    struct session *s = ctx;
    void *vga = partition_pc(p)->vga->state;
    if (s->display || s->o->until || typist_waits_for_text(&s->typist))
        vga_text_screen(vga, &s->text);
    if (s->display)
        tick_window(s, vga);
    typist_tick(&s->typist, p, &s->text);
    if (s->o->until)
        watch_screen(&s->watch, &s->text);
    if (s->o->timeout > 0 && (double)(host_now() - s->started) > s->o->timeout * 1e9)
        atomic_store(&s->timed_out, true);
    control_tick(s->control);
    if (s->watch.seen || atomic_load(&s->timed_out) || atomic_load(&s->killed))
        partition_stop(p);
}

void session_serial_tap(void *ctx, const uint8_t *data, size_t len)
{
    struct tap *tap = ctx;
    struct session *s = tap->session;
    watch_stream(&s->watch, tap->stream, data, len);
    typist_stream(&s->typist, tap->stream, data, len);
    if (s->watch.seen)
        partition_stop(s->partition);
}

static void *partition_thread(void *ctx)
{
    struct session *s = ctx;
    do {
        s->end = partition_run(s->partition, UINT64_MAX, tick, s);
        if (s->end == PARTITION_DEBUG_STOP)
            s->end = partition_wait(s->partition, tick, s);
    } while (s->end == PARTITION_RUNNING);
    partition_close_calls(s->partition);
    atomic_store(&s->finished, true);
    return NULL;
}

/* --- The main thread -------------------------------------------------------------------------- */

static void post(struct session *s, struct partition_event event)
{
    if (!partition_post(s->partition, event))
        log_guest(s->log, LOG_WARN, "the guest does not take its input: some of it is lost");
}

/* The key for it was pressed in the guest's window. */
static void show_debugger(struct session *s)
{
    char error[512];
    if (s->debugger)
        debugger_raise(s->debugger);
    else if (!session_open_debugger(s, error, sizeof error))
        log_msg(s->log, LOG_ERROR, "%s", error);
}

static void debugger_turn(struct session *s)
{
    if (debugger_frame(s->debugger))
        return;
    debugger_close(s->debugger);
    s->debugger = NULL;
    if (!s->display) /* that was the last window */
        atomic_store(&s->finished, true);
}

static void take_display_event(struct session *s, struct display_event *e)
{
    switch (e->kind) {
    case DISPLAY_KEY:
        post(s, (struct partition_event){.kind = PARTITION_KEY, .key = e->key, .down = e->down});
        break;
    case DISPLAY_MOUSE:
        post(s, (struct partition_event){.kind = PARTITION_MOUSE,
                                         .dx = (int16_t)e->dx,
                                         .dy = (int16_t)e->dy,
                                         .dz = (int16_t)e->dz,
                                         .buttons = (uint8_t)e->buttons});
        break;
    case DISPLAY_PASTE:
        pthread_mutex_lock(&s->lock);
        free(s->paste);
        s->paste = e->text;
        pthread_mutex_unlock(&s->lock);
        break;
    case DISPLAY_DROP:
        pthread_mutex_lock(&s->lock);
        free(s->drop);
        s->drop = e->text;
        pthread_mutex_unlock(&s->lock);
        break;
    case DISPLAY_DEBUG:
        show_debugger(s);
        break;
    case DISPLAY_QUIT:
        atomic_store(&s->finished, true);
        break;
    }
}

static void show_frame(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    s->status.host_ns = host_now();
    s->ops->frame(s->display, &s->surface, &s->shown_text, &s->status);
    s->status.lights = 0;
    s->surface.dirty_first = s->surface.dirty_end = 0;
    pthread_mutex_unlock(&s->lock);
}

/* Until the partition has ended or the user closes the last window. */
static void main_loop(struct session *s)
{
    while (!atomic_load(&s->finished)) {
        struct timespec pause = {.tv_nsec = FRAME_MS * 1000000L};
        nanosleep(&pause, NULL);
        if (s->debugger)
            debugger_turn(s);
        if (!s->display)
            continue;
        show_frame(s);
        struct display_event e;
        while (s->ops->poll(s->display, &e))
            take_display_event(s, &e);
    }
}

/* SIGINT, SIGTERM and SIGHUP end the run in good order; a thread waits for them, so that nothing is
 * interrupted half way. */
static void *signal_thread(void *ctx)
{
    struct session *s = ctx;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int number;
    do
        sigwait(&set, &number);
    while (number == SIGINT && s->console && console_interrupt(s->console));
    if (atomic_load(&s->over))
        return NULL;
    atomic_store(&s->killed, true);
    partition_stop(s->partition);
    return NULL;
}

/* The verb "type": behind what is still being typed. The partition's thread. */
bool session_type(void *ctx, const char *script, char *error, size_t error_len)
{
    struct session *s = ctx;
    return typist_add(&s->typist, script, error, error_len);
}

/* A debugger's user wants it to end: like closing the window, or like a signal. Any thread. */
void session_quit(void *ctx, bool kill)
{
    struct session *s = ctx;
    atomic_store(kill ? &s->killed : &s->finished, true);
    partition_stop(s->partition);
}

static void gdb_kill(void *ctx)
{
    session_quit(ctx, true);
}

/* The console's user wants the end, or its script has failed. */
void session_console_quit(void *ctx, bool failed)
{
    struct session *s = ctx;
    if (failed)
        atomic_store(&s->script_failed, true);
    session_quit(s, false);
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void run_threads(struct session *s)
{
    pthread_t guest, signals;
    s->started = s->last_look = host_now();
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        charport_start(&s->ports[i], s->partition, i);
    struct gdbstub_host gdb_host = {
        s,
        gdb_kill,
        {.control = s->control, .trusted = s->o->control_trusted, .may_not_run = true}};
    if (s->gdb && !gdbstub_start(s->gdb, s->partition, gdb_host))
        log_msg(s->log, LOG_ERROR, "cannot start a thread for gdb");
    if (s->server && !control_server_start(s->server, s->control, s->partition))
        log_msg(s->log, LOG_ERROR, "cannot start a thread for the control socket");
    if (s->console && !console_start(s->console))
        log_msg(s->log, LOG_ERROR, "cannot start a thread for the console");
    bool have_signals = pthread_create(&signals, NULL, signal_thread, s) == 0;
    if (pthread_create(&guest, NULL, partition_thread, s) != 0) {
        log_msg(s->log, LOG_ERROR, "cannot start a thread");
        atomic_store(&s->killed, true);
        partition_close_calls(s->partition);
    } else {
        if (s->display || s->debugger) { /* else there is nothing to do but wait */
            main_loop(s);
            partition_stop(s->partition);
        }
        pthread_join(guest, NULL);
    }
    if (have_signals) {
        /* Not pthread_cancel: it would load a library for unwinding. */
        atomic_store(&s->over, true);
        pthread_kill(signals, SIGTERM);
        pthread_join(signals, NULL);
    }
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        charport_stop(&s->ports[i]);
}

/* --- The end ---------------------------------------------------------------------------------- */

static bool write_screenshot(struct session *s)
{
    char error[512];
    void *vga = partition_pc(s->partition)->vga->state;
    vga_render_all(vga);
    vga_render(vga, &s->surface);
    if (png_write(s->o->screenshot, &s->surface, error, sizeof error))
        return true;
    fprintf(stderr, "umbra: %s\n", error);
    return false;
}

static void explain_shutdown(struct session *s)
{
    struct vcpu *c = partition_vcpu(s->partition);
    struct bytes text = {0};
    fprintf(stderr, "umbra: the guest triple-faulted (shutdown) at %04x:%08x\n",
            c->seg[SEG_CS].selector, (unsigned)c->eip);
    explain_triple_fault(c, &text);
    fprintf(stderr, "%.*s", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

static int exit_status(struct session *s)
{
    const struct options *o = s->o;
    if (atomic_load(&s->script_failed) || (s->verify && verify_violation(s->verify)))
        return EXIT_NOT_STARTED;
    if (s->watch.seen)
        return EXIT_FINE;
    if (atomic_load(&s->killed))
        return EXIT_KILLED;
    if (atomic_load(&s->timed_out)) {
        fprintf(stderr, "umbra: timed out after %g seconds\n", o->timeout);
        return EXIT_TIMED_OUT;
    }
    switch (s->end) {
    case PARTITION_TRIPLE_FAULT:
        explain_shutdown(s);
        return EXIT_KILLED;
    case PARTITION_DEBUG_EXIT:
        return (int)((partition_exit_value(s->partition) << 1 | 1) & 0xFF);
    case PARTITION_DMA_PAUSED:
        return EXIT_KILLED;
    default:
        break;
    }
    if (o->until) {
        fprintf(stderr, "umbra: the guest ended before the text '%s' came\n", o->until);
        return EXIT_TIMED_OUT;
    }
    return EXIT_FINE;
}

/* In a word, for those who steered it. */
static const char *end_name(struct session *s)
{
    static const char *const names[] = {
        [PARTITION_RUNNING] = "closed",          [PARTITION_STOPPED] = "quit",
        [PARTITION_POWERED_OFF] = "powered-off", [PARTITION_TRIPLE_FAULT] = "triple-fault",
        [PARTITION_DEBUG_EXIT] = "debug-exit",   [PARTITION_REBOOTED] = "rebooted",
        [PARTITION_DMA_PAUSED] = "dma-denied",   [PARTITION_DEBUG_STOP] = "quit",
    };
    return s->watch.seen                ? "text-seen"
           : atomic_load(&s->killed)    ? "killed"
           : atomic_load(&s->timed_out) ? "timed-out"
           : s->end < ARRAY_LEN(names)  ? names[s->end]
                                        : "ended";
}

static void print_stats(struct session *s)
{
    struct bytes json = {0};
    partition_stats(s->partition, &json);
    fprintf(stderr, "%.*s\n", (int)json.len, (const char *)json.data);
    bytes_free(&json);
}

static void print_verified(const struct session *s)
{
    const char *violation = verify_violation(s->verify);
    if (violation)
        fprintf(stderr, "umbra: %s\n", violation);
    fprintf(stderr, "umbra: --verify: %llu units of host code checked, %s\n",
            (unsigned long long)verify_units(s->verify),
            violation ? "stopped at the first violation" : "no violation");
}

int run_guest(const struct options *options)
{
    struct messages messages;
    messages_init(&messages);
    struct session *s = calloc(1, sizeof *s);
    struct log *log = log_create(options->verbose ? LOG_DEBUG : LOG_INFO, messages_sink, &messages);
    if (!s || !log) {
        fprintf(stderr, "umbra: out of memory\n");
        free(s);
        log_destroy(log);
        return EXIT_NOT_STARTED;
    }
    s->o = options;
    s->log = log;
    s->messages = &messages;
    for (unsigned i = 0; i < PORTS; i++)
        charport_init(&s->ports[i]);
    pthread_mutex_init(&s->lock, NULL);
    block_signals();
    char error[1024] = "";
    int status = EXIT_NOT_STARTED;
    if (session_open(s, error, sizeof error)) {
        run_threads(s);
        session_close_display(s);
        status = exit_status(s);
        control_ended(s->control, end_name(s), status);
        console_close(s->console);
        s->console = NULL;
        control_server_close(s->server);
        s->server = NULL;
        gdbstub_close(s->gdb, status);
        s->gdb = NULL;
        if (options->screenshot && !write_screenshot(s))
            status = status ? status : EXIT_NOT_STARTED;
        if (options->stats)
            print_stats(s);
        if (s->verify)
            print_verified(s);
    }
    session_close(s);
    if (*error)
        fprintf(stderr, "umbra: %s\n", error);
    if (!media_close(&s->media, log) && status == EXIT_FINE)
        status = EXIT_NOT_STARTED;
    free(s);
    log_destroy(log);
    messages_free(&messages);
    return status;
}
