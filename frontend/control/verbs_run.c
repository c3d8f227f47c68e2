/* frontend/control/verbs_run.c: going, stopping, ending. */
#include <stdio.h>

#include "frontend/control/verbs.h"
#include "frontend/symbols/symbols.h"
#include "partition/explain.h"

/* --- Where it stands -------------------------------------------------------------------------- */

static const char *reason_name(enum debug_reason reason)
{
    static const char *const names[] = {
        [DEBUG_RUNNING] = "running",       [DEBUG_PAUSED] = "paused",
        [DEBUG_STEPPED] = "stepped",       [DEBUG_BREAKPOINT] = "breakpoint",
        [DEBUG_WATCHPOINT] = "watchpoint", [DEBUG_TRIPLE_FAULT] = "triple-fault",
        [DEBUG_DMA_DENIED] = "dma-denied", [DEBUG_EVENT] = "event",
        [DEBUG_RETURNED] = "returned",
    };
    return reason < ARRAY_LEN(names) && names[reason] ? names[reason] : "stopped";
}

/* What a program wants to know of a stop. */
static void json_stop(struct bytes *out, const struct debug_stop *stop)
{
    const struct stop_event *e = &stop->hit.event;
    json_put_string(out, "reason", reason_name(stop->reason));
    if (stop->id)
        json_put_number(out, "breakpoint", stop->id);
    if (stop->trouble.text[0])
        json_put_string(out, "condition_error", stop->trouble.text);
    if (stop->reason == DEBUG_WATCHPOINT) {
        json_put_string(out, "access", stop->hit.write ? "write" : "read");
        json_put_number(out, "address", stop->hit.address);
        json_put_number(out, "size", stop->hit.size);
    }
    if (stop->reason != DEBUG_EVENT)
        return;
    if (e->kind == STOP_ON_PORT) {
        json_put_number(out, "port", e->port);
        json_put_number(out, "size", e->size);
        json_put_number(out, "value", e->value);
        json_put_string(out, "access", e->write ? "write" : "read");
    } else if (e->kind == STOP_ON_INTERRUPT || e->kind == STOP_ON_EXCEPTION ||
               e->kind == STOP_ON_SOFTWARE) {
        json_put_number(out, "vector", e->vector);
        if (e->has_error)
            json_put_number(out, "error", e->error);
    }
}

bool put_source(const struct debug *d, struct answer *a, uint64_t address, const char *before)
{
    const struct symbols *s = symbols_of(d);
    const char *file;
    unsigned line;
    char name[256];
    bool named = s && symbols_name(s, address, name, sizeof name);
    bool placed = s && symbols_line(s, address, &file, &line);
    if (!named && !placed)
        return false;
    answer_text(a, "%s", before);
    if (named) {
        answer_text(a, "%s", name);
        json_put_string(&a->data, "symbol", name);
    }
    if (placed) {
        answer_text(a, "%s%s:%u", named ? " at " : "", file, line);
        json_put_string(&a->data, "file", file);
        json_put_number(&a->data, "line", line);
    }
    answer_text(a, "\n");
    return true;
}

void control_describe(struct control *c, struct answer *a)
{
    struct partition *p = c->config.partition;
    struct vcpu *v = partition_vcpu(p);
    const struct debug_stop *stop = &partition_debug(p)->stop;
    bool running = stop->reason == DEBUG_RUNNING;
    uint64_t now = partition_now(p);
    json_put_bool(&a->data, "running", running);
    json_put_number(&a->data, "time_ns", now);
    json_put_number(&a->data, "instructions", vcpu_insns(v));
    if (running) {
        answer_text(a, "running, virtual time %llu.%06llu s%s\n",
                    (unsigned long long)(now / 1000000000u),
                    (unsigned long long)(now / 1000u % 1000000u), v->halted ? ", halted" : "");
        return;
    }
    debug_stop_text(partition_debug(p), &a->text);
    answer_text(a, ", linear %08x, virtual time %llu.%06llu s%s\n", debug_pc(v),
                (unsigned long long)(now / 1000000000u),
                (unsigned long long)(now / 1000u % 1000000u), v->halted ? ", halted" : "");
    put_source(partition_debug(p), a, debug_pc(v), "  in ");
    if (stop->reason == DEBUG_TRIPLE_FAULT) {
        struct bytes why = {0};
        explain_triple_fault(v, &why);
        bytes_append(&a->text, why.data, why.len);
        json_put_bytes(&a->data, "explanation", why.data, why.len);
        bytes_free(&why);
    }
    json_stop(&a->data, stop);
    json_put_number(&a->data, "pc", debug_pc(v));
    json_put_number(&a->data, "cs", v->seg[SEG_CS].selector);
    json_put_number(&a->data, "eip", v->eip);
}

void verb_status(struct command *k)
{
    control_describe(k->control, k->answer);
}

/* --- Going and stopping ----------------------------------------------------------------------- */

static bool is_stopped(struct command *k)
{
    if (debug_is_stopped(k->debug))
        return true;
    answer_fail(k->answer, "the guest is running: pause first");
    return false;
}

void verb_pause(struct command *k)
{
    bool running = !debug_is_stopped(k->debug);
    k->control->steps_left = 0;
    debug_pause(k->debug);
    if (!running)
        control_describe(k->control, k->answer);
}

void verb_continue(struct command *k)
{
    if (is_stopped(k))
        debug_continue(k->debug);
}

void verb_step(struct command *k)
{
    uint64_t count = 1;
    if (!is_stopped(k) || (k->count && !take_value(k, k->word[0], &count)))
        return;
    if (!count) {
        answer_fail(k->answer, "0 steps are none");
        return;
    }
    k->control->steps_left = count;
    debug_step(k->debug);
}

void verb_over(struct command *k)
{
    if (is_stopped(k))
        debug_step_over(k->debug);
}

void verb_out(struct command *k)
{
    if (is_stopped(k))
        debug_step_out(k->debug);
}

void verb_until(struct command *k)
{
    struct place place;
    if (!is_stopped(k) || !take_place(k, k->word[0], &place))
        return;
    debug_run_to(k->debug, stop_place_of(&place));
}

/* The console does it by itself: the partition's thread cannot wait. */
void verb_wait(struct command *k)
{
    answer_fail(k->answer, "wait is for the console; programs are told of stops");
}

/* --- The machine's buttons -------------------------------------------------------------------- */

void verb_reset(struct command *k)
{
    partition_reset(k->partition);
    answer_text(k->answer, "the machine is reset\n");
}

void verb_power(struct command *k)
{
    struct partition_event e = {.kind = PARTITION_POWER_BUTTON};
    if (!partition_post(k->partition, e))
        answer_fail(k->answer, "the guest does not take its input");
}

void verb_quit(struct command *k)
{
    if (k->control->config.quit)
        k->control->config.quit(k->control->config.ctx, false);
}
