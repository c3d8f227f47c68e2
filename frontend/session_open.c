/* frontend/session_open.c: from options to a session, and the end of it. */
#include "frontend/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cpu/history.h"

const char *session_guest_name(const struct session *s)
{
    const struct options *o = s->o;
    const char *path = o->image           ? o->image
                       : o->kernel        ? o->kernel
                       : s->media.is_demo ? "the built-in guest"
                                          : disk_image_path(s->media.images[0]);
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool session_open_debugger(struct session *s, char *error, size_t error_len)
{
    struct debugger_config config = {.partition = s->partition,
                                     .client = {.control = s->control, .trusted = true},
                                     .title = session_guest_name(s)};
    s->debugger = debugger_open(&config, error, error_len);
    return s->debugger != NULL;
}

static bool open_debug_console(struct session *s, struct charport *port, const char *where,
                               char *error, size_t error_len)
{
    if (!charport_open(port, where, s->log, error, error_len))
        return false;
    if (port->out == STDERR_FILENO)
        port->messages = s->messages;
    return true;
}

static bool open_ports(struct session *s, struct pc_config *pc, char *error, size_t error_len)
{
    const struct options *o = s->o;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (!charport_open(&s->ports[i], o->serial[i], s->log, error, error_len))
            return false;
        s->taps[i] = (struct tap){s, i};
        s->ports[i].tap = session_serial_tap;
        s->ports[i].tap_ctx = &s->taps[i];
        pc->serial[i] = charport_backend(&s->ports[i]);
    }
    if (!charport_open(&s->ports[PORT_PARALLEL], o->parallel, s->log, error, error_len))
        return false;
    pc->parallel = charport_backend(&s->ports[PORT_PARALLEL]);
    bool own_e9 = false, own_402 = false;
    unsigned n = 0;
    for (; n < o->debugcon_count; n++) {
        struct charport *port = &s->ports[PORT_DEBUG + n];
        if (!open_debug_console(s, port, o->debugcon[n].path, error, error_len))
            return false;
        pc->debug.console[n].port = o->debugcon[n].port;
        pc->debug.console[n].out = charport_backend(port);
        own_e9 |= o->debugcon[n].port == 0xE9;
        own_402 |= o->debugcon[n].port == 0x402;
    }
    const uint16_t defaults[2] = {own_e9 ? 0 : 0xE9, own_402 ? 0 : 0x402};
    for (unsigned i = 0; i < 2; i++) {
        struct charport *port = &s->ports[PORT_DEBUG + n];
        if (!defaults[i] || !open_debug_console(s, port, "stderr", error, error_len))
            continue;
        pc->debug.console[n].port = defaults[i];
        pc->debug.console[n++].out = charport_backend(port);
    }
    pc->debug.exit_port = o->debug_exit;
    return true;
}

/* umbra debug opens the debugger's window, where there can be one. */
static bool wants_window(const struct options *o)
{
    char why_not[512];
    return o->debug && !o->console && !o->console_script &&
           debugger_is_there(why_not, sizeof why_not);
}

/* Does the session need the terminal for the console? umbra debug has one when nobody else is there
 * to debug. */
static bool wants_prompt(const struct options *o)
{
    return o->console ||
           (o->debug && !o->gdb && !o->control && !o->console_script && !wants_window(o));
}

static bool open_console(struct session *s, bool prompt, char *error, size_t error_len)
{
    const struct options *o = s->o;
    struct console_config config = {.control = s->control,
                                    .partition = s->partition,
                                    .log = s->log,
                                    .script = o->console_script,
                                    .prompt = prompt,
                                    .ctx = s,
                                    .quit = session_console_quit};
    if (!prompt && !o->console_script)
        return true;
    s->console = console_open(&config, error, error_len);
    return s->console != NULL;
}

static bool open_display(struct session *s, char *error, size_t error_len)
{
    const struct options *o = s->o;
    const char *name = o->display;
    const char *stdio = options_use_stdio(o);
    s->ops = display_by_name(name, error, error_len);
    if (!s->ops)
        return false;
    if (*error)
        log_msg(s->log, LOG_WARN, "no window: %s", error);
    *error = 0;
    bool prompt = wants_prompt(o);
    if (!name && (stdio || prompt) && strcmp(s->ops->name, "term") == 0)
        s->ops = display_by_name("none", error, error_len); /* the terminal is taken */
    if (prompt && (stdio || strcmp(s->ops->name, "term") == 0)) {
        snprintf(error, error_len,
                 "the console and %s both want the terminal (the verb 'screen' "
                 "shows a text screen)",
                 stdio ? stdio : "--display term");
        return false;
    }
    if (!open_console(s, prompt, error, error_len))
        return false;
    if (strcmp(s->ops->name, "none") == 0) {
        if (!name && !stdio && !prompt)
            log_msg(s->log, LOG_INFO, "no window and no terminal here: running without a display");
        return true;
    }
    struct display_config config = {.title = session_guest_name(s), .fullscreen = o->fullscreen};
    s->display = s->ops->open(&config, error, error_len);
    if (s->display && strcmp(s->ops->name, "term") == 0 && isatty(STDERR_FILENO))
        messages_hold(s->messages);
    return s->display != NULL;
}

/* Names for all debuggers, and the record of blocks. */
static bool open_debug_aids(struct session *s, char *error, size_t error_len)
{
    const struct options *o = s->o;
    struct debug *d = partition_debug(s->partition);
    s->symbols = symbols_create();
    if (!s->symbols || (o->history && !history_blocks_on(d->vcpu, true))) {
        snprintf(error, error_len, "out of memory");
        return false;
    }
    for (unsigned n = 0; n < o->symbols_count; n++) {
        if (!symbols_load_spec(s->symbols, o->symbols[n], error, error_len))
            return false;
    }
    d->symbols = symbols_for_debug(s->symbols);
    return true;
}

/* partition_config.settle. */
static void settle(void *ctx)
{
    struct session *s = ctx;
    for (unsigned i = 0; i < PORTS; i++)
        charport_flush(&s->ports[i]);
}

bool session_open(struct session *s, char *error, size_t error_len)
{
    const struct options *o = s->o;
    struct partition_config config = {
        .memory = o->memory,
        .cpu = o->cpu,
        .engine = o->engine,
        .tuning = o->tuning,
        .clock = o->clock,
        .no_reboot = o->no_reboot,
        .log = s->log,
        .pc.has_apic = !o->no_apic,
        .settle = settle,
        .settle_ctx = s,
    };
    if (o->verify) {
        if (!(s->verify = verify_create(error, error_len)))
            return false;
        config.tuning.emitted = session_unit_emitted;
        config.tuning.emitted_ctx = s;
        config.tuning.eager = true; /* all that runs is to be checked */
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    config.wall_clock_start = o->clock == CLOCK_INSNS
                                  ? UINT64_C(946684800000000000) /* 2000-01-01: same every run */
                                  : (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (o->type && !typist_add(&s->typist, o->type, error, error_len))
        return false;
    if (!watch_init(&s->watch, o->until)) {
        snprintf(error, error_len, "out of memory");
        return false;
    }
    if (!media_open(&s->media, o, &config.pc, s->log, error, error_len) ||
        !open_ports(s, &config.pc, error, error_len))
        return false;
    s->partition = partition_create(&config, error, error_len);
    if (!s->partition)
        return false;
    struct control_config control = {.partition = s->partition,
                                     .media = &s->media,
                                     .options = o,
                                     .log = s->log,
                                     .ctx = s,
                                     .quit = session_quit,
                                     .type = session_type};
    s->control = control_create(&control);
    if (!s->control) {
        snprintf(error, error_len, "out of memory");
        return false;
    }
    if (!open_debug_aids(s, error, error_len))
        return false;
    if (o->stopped)
        debug_pause(partition_debug(s->partition));
    if (o->gdb && !(s->gdb = gdbstub_open(o->gdb, s->log, error, error_len)))
        return false;
    if (o->control && !(s->server = control_server_open(o->control, o->control_trusted, s->log,
                                                        error, error_len)))
        return false;
    if (!open_display(s, error, error_len))
        return false;
    if (wants_window(o))
        return session_open_debugger(s, error, error_len);
    if (o->debug && wants_prompt(o) && !o->console) {
        char why_not[512] = "";
        debugger_is_there(why_not, sizeof why_not);
        log_msg(s->log, LOG_INFO, "%s: here is the console", why_not);
    }
    return true;
}

void session_close_display(struct session *s)
{
    debugger_close(s->debugger);
    s->debugger = NULL;
    if (s->display)
        s->ops->close(s->display);
    s->display = NULL;
    messages_release(s->messages);
}

void session_close(struct session *s)
{
    gdbstub_close(s->gdb, EXIT_NOT_STARTED);
    console_close(s->console);
    control_server_close(s->server);
    session_close_display(s);
    for (unsigned i = 0; i < PORTS; i++)
        charport_close(&s->ports[i]);
    control_destroy(s->control);
    partition_destroy(s->partition);
    verify_destroy(s->verify);
    symbols_destroy(s->symbols);
    watch_free(&s->watch);
    typist_free(&s->typist);
    surface_free(&s->surface);
    free(s->paste);
    free(s->drop);
    pthread_mutex_destroy(&s->lock);
}
