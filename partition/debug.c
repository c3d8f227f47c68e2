/* partition/debug.c: see debug.h. */
#include "partition/debug.h"

#include "cpu/access.h"
#include "cpu/block.h"

void debug_init(struct debug *d, struct vcpu *c, struct vclock *clock)
{
    *d = (struct debug){.vcpu = c, .clock = clock};
    stops_init(&d->stops, c);
}

void debug_free(struct debug *d)
{
    if (!d->vcpu)
        return;
    stops_remove_all(&d->stops);
    stops_free(&d->stops);
}

void debug_listen(struct debug *d, struct debug_listener *listener)
{
    listener->next = d->listeners;
    d->listeners = listener;
}

void debug_unlisten(struct debug *d, struct debug_listener *listener)
{
    struct debug_listener **at = &d->listeners;
    while (*at && *at != listener)
        at = &(*at)->next;
    if (*at)
        *at = listener->next;
}

static void stop(struct debug *d, enum debug_reason reason)
{
    d->stop.reason = reason;
    d->stopped_at = host_now();
    for (struct debug_listener *l = d->listeners; l; l = l->next) {
        if (l->stopped)
            l->stopped(l->ctx);
    }
}

void debug_pause(struct debug *d)
{
    if (debug_is_stopped(d))
        return;
    stops_cancel(&d->stops);
    d->stop.hit = (struct stop_hit){0};
    stop(d, DEBUG_PAUSED);
}

void debug_stopped_by_cpu(struct debug *d)
{
    d->stop.hit = d->stops.hit;
    stop(d, d->stop.hit.reason == STOP_WATCHPOINT   ? DEBUG_WATCHPOINT
            : d->stop.hit.reason == STOP_BREAKPOINT ? DEBUG_BREAKPOINT
                                                    : DEBUG_STEPPED);
}

bool debug_catches(struct debug *d, enum debug_reason reason)
{
    if (!d->listeners || d->caught)
        return false;
    stops_cancel(&d->stops);
    d->caught = reason == DEBUG_TRIPLE_FAULT;
    d->stop.hit = (struct stop_hit){0};
    stop(d, reason);
    return true;
}

static void resume(struct debug *d, bool step, const struct stop_place *run_to)
{
    if (!debug_is_stopped(d))
        return;
    stops_resume(&d->stops, step, run_to);
    d->stop = (struct debug_stop){.reason = DEBUG_RUNNING};
    d->caught &= d->vcpu->shutdown;
    vclock_stood_still(d->clock, host_now() - d->stopped_at);
    for (struct debug_listener *l = d->listeners; l; l = l->next) {
        if (l->resumed)
            l->resumed(l->ctx);
    }
}

void debug_continue(struct debug *d)
{
    resume(d, false, NULL);
}

void debug_step(struct debug *d)
{
    resume(d, true, NULL);
}

void debug_run_to(struct debug *d, struct stop_place place)
{
    resume(d, false, &place);
}

/* Does the instruction come back to the one behind it, or go round in itself? */
static bool is_stepped_over(const struct insn *i)
{
    const char *name = opcode_row(i->op)->mnemonic;
    return (i->prefixes & (PREFIX_REP | PREFIX_REPNE)) || strncmp(name, "call", 4) == 0 ||
           strncmp(name, "int", 3) == 0 || strncmp(name, "loop", 4) == 0;
}

void debug_step_over(struct debug *d)
{
    struct vcpu *c = d->vcpu;
    uint8_t bytes[INSN_MAX_LEN];
    struct insn i;
    uint32_t pc = (uint32_t)(c->seg[SEG_CS].base + c->eip);
    size_t len = debug_read(d, pc, bytes, sizeof bytes);
    if (decode_insn(block_cache_decoder(c->blocks), bytes, len, c->code32, &i) != DECODE_OK ||
        !is_stepped_over(&i)) {
        debug_step(d);
        return;
    }
    debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR, .address = (uint32_t)(pc + i.len)});
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The gpa of gva and the bytes left in its page, at most len; 0 when it is not mapped. */
static size_t locate(struct debug *d, uint32_t gva, size_t len, uint64_t *gpa)
{
    if (!linear_peek(d->vcpu, gva, gpa))
        return 0;
    size_t room = PAGE_SIZE - (gva & PAGE_MASK);
    return len < room ? len : room;
}

size_t debug_read(struct debug *d, uint32_t gva, void *buf, size_t len)
{
    uint64_t gpa;
    size_t done = 0, run;
    while (done < len && (run = locate(d, gva + (uint32_t)done, len - done, &gpa))) {
        physmap_peek(d->vcpu->physmap, gpa, (uint8_t *)buf + done, run);
        done += run;
    }
    return done;
}

size_t debug_write(struct debug *d, uint32_t gva, const void *buf, size_t len)
{
    uint64_t gpa;
    size_t done = 0, run;
    while (done < len && (run = locate(d, gva + (uint32_t)done, len - done, &gpa))) {
        physmap_poke(d->vcpu->physmap, gpa, (const uint8_t *)buf + done, run);
        done += run;
    }
    return done;
}
