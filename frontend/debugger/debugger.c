#include "frontend/debugger/debugger.h"

#include <stdio.h>
#include <stdlib.h>

#include "frontend/debugger/look.h"
#include "frontend/display/module.h"

/* After a step the guest is seen running for a moment; showing that would only flicker. */
#define STEP_SHOWN_NS UINT64_C(60000000)

struct debugger {
    struct partition *partition;
    struct control_client client;
    const struct window_ops *ops;
    struct window *window;
    struct view_request request;
    struct view view, fresh;
    struct debug_listener listener; /* the partition's thread; so is stops */
    uint64_t stops;
    uint64_t raised_at; /* stops, when the window was last brought to the front */
    uint64_t stepped_at;
    bool listening;
};

/* debug_listener, on the partition's thread. */
static void guest_stopped(void *ctx)
{
    struct debugger *d = ctx;
    d->stops++;
}

static void look(void *ctx, struct partition *p)
{
    struct debugger *d = ctx;
    if (!d->listening) {
        debug_listen(partition_debug(p), &d->listener);
        d->stops += debug_is_stopped(partition_debug(p));
        d->listening = true;
    }
    d->fresh.answer[0] = 0;
    d->fresh.place_found = false;
    for (unsigned i = 0; i < d->request.action_count; i++)
        debugger_act(p, &d->request.action[i], &d->fresh);
    d->fresh.stops = d->stops;
    debugger_look(p, &d->request, &d->fresh);
}

static void leave(void *ctx, struct partition *p)
{
    struct debugger *d = ctx;
    struct debug *debug = partition_debug(p);
    if (!d->listening)
        return;
    debug_unlisten(debug, &d->listener);
    d->listening = false;
    if (debug->listeners)
        return; /* gdb is there: breakpoints and the guest are its own */
    debug_break_remove_all(debug, NULL);
    debug_continue(debug);
}

/* --- The console panel ------------------------------------------------------------------------ */

static void run_command(void *ctx, const char *line, struct window *w)
{
    struct debugger *d = ctx;
    struct answer a = {0};
    if (control_call_line(&d->client, line, &a))
        d->ops->print(w, a.text.len ? (const char *)a.text.data : "", a.text.len, a.failed);
    else
        d->ops->print(w, "the guest has ended", 19, true);
    answer_free(&a);
}

static void complete(void *ctx, const char *line, void (*found)(void *ctx, const char *word),
                     void *found_ctx)
{
    struct debugger *d = ctx;
    control_complete(d->client.control, line, found, found_ctx);
}

/* ---------------------------------------------------------------------------------------------- */

/* The module's half of the window; NULL with a sentence in error. */
static const struct window_ops *window_half(char *error, size_t error_len)
{
    const struct window_module *module = window_module(error, error_len);
    if (module && !module->debugger)
        snprintf(error, error_len,
                 "this build has no debugger window: when it was made, these were not there: %s",
                 module->debugger_missing);
    return module ? module->debugger : NULL;
}

bool debugger_is_there(char *why_not, size_t why_not_len)
{
    if (desktop_is_there())
        return window_half(why_not, why_not_len) != NULL;
    snprintf(why_not, why_not_len, "there is no desktop here for the debugger's window");
    return false;
}

struct debugger *debugger_open(const struct debugger_config *config, char *error, size_t error_len)
{
    const struct window_ops *ops = window_half(error, error_len);
    struct debugger *d = ops ? calloc(1, sizeof *d) : NULL;
    if (!d) {
        if (ops)
            snprintf(error, error_len, "out of memory");
        return NULL;
    }
    d->ops = ops;
    d->partition = config->partition;
    d->client = config->client;
    d->listener = (struct debug_listener){.stopped = guest_stopped, .ctx = d};
    struct window_host host = {.ctx = d, .command = run_command, .complete = complete};
    d->window = ops->open(config->title, &host, error, error_len);
    if (d->window)
        return d;
    free(d);
    return NULL;
}

static bool is_step(const struct view_request *r)
{
    for (unsigned i = 0; i < r->action_count; i++) {
        uint8_t kind = r->action[i].kind;
        if (kind == ACTION_STEP || kind == ACTION_STEP_OVER || kind == ACTION_STEP_OUT ||
            kind == ACTION_RUN_TO || kind == ACTION_RUN_UNTIL)
            return true;
    }
    return false;
}

bool debugger_frame(struct debugger *d)
{
    if (!d->ops->poll(d->window))
        return false;
    if (!d->request.action_count && !d->ops->wants_frame(d->window))
        return true;
    if (is_step(&d->request))
        d->stepped_at = host_now();
    bool called = partition_call(d->partition, look, d);
    d->request.action_count = 0;
    if (called && (d->fresh.stopped || host_now() - d->stepped_at > STEP_SHOWN_NS)) {
        if (d->fresh.stops != d->raised_at && d->view.stops)
            d->ops->raise(d->window);
        d->raised_at = d->fresh.stops;
        d->view = d->fresh;
    } else if (called) {
        memcpy(d->view.answer, d->fresh.answer, sizeof d->view.answer);
    }
    d->ops->draw(d->window, &d->view, &d->request);
    return true;
}

void debugger_raise(struct debugger *d)
{
    d->ops->raise(d->window);
}

void debugger_close(struct debugger *d)
{
    if (!d)
        return;
    if (!partition_call(d->partition, leave, d))
        leave(d, d->partition); /* its thread will run the guest no more */
    d->ops->close(d->window);
    free(d);
}
