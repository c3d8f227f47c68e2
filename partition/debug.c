/* partition/debug.c: see debug.h. */
#include "partition/debug.h"

#include "cpu/access.h"
#include "cpu/block.h"
#include "mmu/dma.h"
#include "partition/tables.h"
#include "partition/text.h"

void debug_init(struct debug *d, struct vcpu *c, struct vclock *clock)
{
    *d = (struct debug){.vcpu = c, .clock = clock};
    stops_init(&d->stops, c);
    breakpoints_init(d);
}

void debug_free(struct debug *d)
{
    if (!d->vcpu)
        return;
    breakpoints_free(d);
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
    d->stopped_at = vclock_host_now(d->clock);
    breakpoints_stopped(d);
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
    static const uint8_t reasons[] = {
        [STOP_NOTHING] = DEBUG_STEPPED,       [STOP_STEPPED] = DEBUG_STEPPED,
        [STOP_BREAKPOINT] = DEBUG_BREAKPOINT, [STOP_WATCHPOINT] = DEBUG_WATCHPOINT,
        [STOP_EVENT] = DEBUG_EVENT,           [STOP_RETURNED] = DEBUG_RETURNED,
    };
    const struct stop_hit *hit = &d->stops.hit;
    bool of_table = hit->reason == STOP_BREAKPOINT || hit->reason == STOP_WATCHPOINT ||
                    hit->reason == STOP_EVENT;
    d->stop.hit = *hit;
    d->stop.id = hit->id;
    if (of_table)
        d->stop.trouble = d->trouble;
    stop(d, (enum debug_reason)reasons[hit->reason]);
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

/* The vCPU was told how to go on. */
static void resumed(struct debug *d)
{
    d->stop = (struct debug_stop){.reason = DEBUG_RUNNING};
    d->caught &= d->vcpu->shutdown;
    vclock_stood_still(d->clock, vclock_host_now(d->clock) - d->stopped_at);
    for (struct debug_listener *l = d->listeners; l; l = l->next) {
        if (l->resumed)
            l->resumed(l->ctx);
    }
}

static void resume(struct debug *d, bool step, const struct stop_place *run_to)
{
    if (!debug_is_stopped(d))
        return;
    stops_resume(&d->stops, step, run_to);
    resumed(d);
}

void debug_continue(struct debug *d)
{
    resume(d, false, NULL);
}

void debug_step(struct debug *d)
{
    resume(d, true, NULL);
}

void debug_step_range(struct debug *d, uint32_t first, uint32_t len)
{
    if (!debug_is_stopped(d))
        return;
    stops_resume_range(&d->stops, first, len);
    resumed(d);
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
    bool call = strncmp(opcode_row(i.op)->mnemonic, "call", 4) == 0;
    debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR,
                                        .address = (uint32_t)(pc + i.len),
                                        .above = call,
                                        .stack = stops_slot(c),
                                        .stack_selector = c->seg[SEG_SS].selector});
}

void debug_step_out(struct debug *d)
{
    if (!debug_is_stopped(d))
        return;
    stops_resume_out(&d->stops);
    resumed(d);
}

bool debug_run_until(struct debug *d, const struct break_spec *spec, struct expr_error *error)
{
    struct break_spec temporary = *spec;
    temporary.temporary = true;
    if (!debug_break_add(d, &temporary, error))
        return false;
    debug_continue(d);
    return true;
}

void debug_dma_denied(struct debug *d, const struct dma_denial *denial)
{
    struct vcpu *c = d->vcpu;
    if (!(c->stop_on & STOP_ON_DMA_DENIED))
        return;
    uint64_t size = denial->len < UINT8_MAX ? denial->len : UINT8_MAX;
    stops_event(c, (struct stop_event){.kind = STOP_ON_DMA_DENIED,
                                       .write = denial->direction == DMA_WRITE,
                                       .size = (uint8_t)size,
                                       .from_cs = c->seg[SEG_CS].selector,
                                       .from = vcpu_pc(c),
                                       .value = (uint32_t)denial->gpa});
}

/* --- In words --------------------------------------------------------------------------------- */

static void put_event(const struct stop_event *e, struct bytes *out)
{
    const char *mnemonic = vector_mnemonic(e->vector);
    switch (e->kind) {
    case STOP_ON_PORT:
        text_put(out, e->write ? "out %04Xh, %0*X" : "in %04Xh: %0*X", e->port, 2 * e->size,
                 e->value);
        break;
    case STOP_ON_INTERRUPT:
        text_put(out, "interrupt %02Xh", e->vector);
        break;
    case STOP_ON_SOFTWARE:
        text_put(out, "int %02Xh", e->vector);
        break;
    case STOP_ON_EXCEPTION:
        text_put(out, "exception %u %s", e->vector, mnemonic ? mnemonic : "");
        if (e->has_error)
            text_put(out, " error %04X", e->error);
        if (e->vector == VEC_PF)
            text_put(out, " cr2 %08X", e->value);
        break;
    case STOP_ON_IRET:
        text_put(out, "iret");
        break;
    case STOP_ON_MODE:
        text_put(out, "mode change: %s, ", mode_text(e->old));
        text_put(out, "now %s", mode_text(e->value));
        break;
    case STOP_ON_CR3:
        text_put(out, "CR3 %08X, now %08X", e->old, e->value);
        break;
    case STOP_ON_DMA_DENIED:
        text_put(out, "DMA denied: %s at gpa %08X", e->write ? "write" : "read", e->value);
        break;
    case STOP_ON_RETURN:
        break;
    }
    text_put(out, ", by the instruction at %08X", e->from);
}

void debug_stop_text(const struct debug *d, struct bytes *out)
{
    static const char *const texts[DEBUG_REASONS] = {
        [DEBUG_RUNNING] = "running",
        [DEBUG_PAUSED] = "paused",
        [DEBUG_STEPPED] = "stepped",
        [DEBUG_BREAKPOINT] = "breakpoint",
        [DEBUG_WATCHPOINT] = "data breakpoint",
        [DEBUG_TRIPLE_FAULT] = "triple fault",
        [DEBUG_DMA_DENIED] = "DMA denied",
        [DEBUG_EVENT] = "breakpoint",
        [DEBUG_RETURNED] = "returned",
    };
    const struct debug_stop *s = &d->stop;
    const struct vcpu *c = d->vcpu;
    bool reached = s->reason == DEBUG_BREAKPOINT && !s->id;
    text_put(out, "%s", reached ? "reached" : texts[s->reason]);
    if (s->id)
        text_put(out, " %u", s->id);
    if (s->reason == DEBUG_RUNNING)
        return;
    text_put(out, " at %04X:%08X", c->seg[SEG_CS].selector, (uint32_t)c->eip);
    if (s->reason == DEBUG_WATCHPOINT)
        text_put(out, ": %u bytes %s at %08X", s->hit.size, s->hit.write ? "written" : "read",
                 s->hit.address);
    if (s->reason == DEBUG_EVENT) {
        text_put(out, ": ");
        put_event(&s->hit.event, out);
    }
    if (s->trouble.text[0])
        text_put(out, " (its condition has no value: %s)", s->trouble.text);
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
    return peek_linear(d->vcpu, gva, buf, len);
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
