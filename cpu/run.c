/* cpu/run.c: the interpreter's engine: finds blocks, runs them, and between them looks at events.
 *
 * Faults unwind to interp_run: registers are as before the instruction, its address becomes eip,
 * and the exception is delivered from there. Between blocks c->cur and c->block are NULL and eip is
 * current. */
#include "cpu/run.h"

#include "cpu/block.h"
#include "cpu/debug.h"
#include "cpu/exception.h"
#include "cpu/flags.h"
#include "cpu/history.h"
#include "cpu/monitor.h"
#include "cpu/stops.h"

/* Within a block without a current instruction: a task switch went half through. What switches
 * tasks ends its block. */
uint64_t vcpu_insns(const struct vcpu *c)
{
    if (!c->block)
        return c->insns;
    return c->insns + (c->cur ? (uint64_t)(c->cur - c->block->insns) : c->block->count - 1u);
}

uint64_t vcpu_work(const struct vcpu *c)
{
    return vcpu_insns(c) + c->string_bytes / 32;
}

void vcpu_limit_budget(struct vcpu *c, uint64_t insns)
{
    uint64_t end = vcpu_insns(c) + insns;
    if (end >= c->insns_end)
        return;
    c->insns_end = end;
    if (c->block)
        block_leave(c);
}

static void between_blocks(struct vcpu *c)
{
    block_uncut(c);
    c->cur = NULL;
    c->block = NULL;
    c->events &= ~(uint32_t)EVENT_STEP;
}

/* A handler raised an exception: the instructions before it are retired. Delivering it counts as
 * one, too: virtual time must pass for a guest whose exception handlers fault for ever. */
void run_land_fault(struct vcpu *c)
{
    c->insns = vcpu_insns(c);
    c->eip = vcpu_eip(c);
    c->link_from = NULL;
    between_blocks(c);
    if (c->frozen) {
        c->frozen = false;
        vcpu_halt(c, false);
        return;
    }
    c->insns++;
    exception_deliver(c);
}

static void raise_and_land(struct vcpu *c, enum vector vector, bool has_error, uint32_t error)
{
    c->fault.vector = (uint8_t)vector;
    c->fault.has_error = has_error;
    c->fault.error = error;
    c->faults[vector]++;
    run_land_fault(c);
}

void run_fault(struct vcpu *c, enum vector vector)
{
    raise_and_land(c, vector, false, 0);
}

void run_fault_error(struct vcpu *c, enum vector vector, uint32_t error)
{
    raise_and_land(c, vector, true, error);
}

void run_page_fault(struct vcpu *c, uint32_t gva, uint32_t error)
{
    c->cr2 = gva;
    run_fault_error(c, VEC_PF, error);
}

/* NMI before INTR (SDM vol. 3, table 6-2); a delivered one wakes a halted CPU. */
static void take_interrupt(struct vcpu *c)
{
    if ((c->events & EVENT_NMI) && !c->nmi_blocked) {
        c->events &= ~(uint32_t)EVENT_NMI;
        interrupt_deliver(c, VEC_NMI);
        c->nmi_blocked = true;
    } else if ((c->events & EVENT_INTR) && (c->eflags & FLAG_IF)) {
        int vector = c->host.interrupt_ack ? c->host.interrupt_ack(c->host.ctx) : -1;
        if (vector >= 0)
            interrupt_deliver(c, (uint8_t)vector);
    }
}

/* A single-step or data-breakpoint trap that is due. */
static void take_trap(struct vcpu *c)
{
    if (!(c->events & EVENT_TRAP))
        return;
    c->events &= ~(uint32_t)EVENT_TRAP;
    uint32_t bits = c->dr6_pending;
    c->dr6_pending = 0;
    if (bits)
        exception_deliver_debug_trap(c, bits);
}

/* Looks at all that may keep the next instruction from running. True: return *why. What the
 * partition or a debugger asked for comes before the end of the budget, what the guest would see of
 * events after it: the next run begins with that. */
bool run_attend(struct vcpu *c, enum vcpu_exit *why)
{
    uint8_t inhibit = c->inhibit;
    c->events &= ~(uint32_t)(EVENT_BLOCKS | EVENT_STEP);
    if ((c->events & EVENT_DEBUG) && c->stops && stops_after(c)) {
        *why = EXIT_DEBUG;
        return true;
    }
    if (c->events & EVENT_INIT) {
        c->events &= ~(uint32_t)EVENT_INIT;
        *why = EXIT_RESET;
        return true;
    }
    if (c->events & EVENT_STOP) {
        c->events &= ~(uint32_t)EVENT_STOP;
        *why = EXIT_STOP;
        return true;
    }
    if (c->insns >= c->insns_end) {
        *why = EXIT_BUDGET;
        return true;
    }
    if (inhibit != INHIBIT_STACK)
        take_trap(c);
    if (!inhibit && !c->shutdown) {
        take_interrupt(c);
        take_trap(c); /* its frame hit a breakpoint */
    }
    if (c->halted && c->monitor.waiting && monitor_was_written(c))
        c->halted = false;
    if (c->shutdown || c->halted) {
        *why = c->shutdown ? EXIT_SHUTDOWN : EXIT_HALT;
        return true;
    }
    c->wake = c->history_blocks ? WAKE_ALONE : 0; /* what is left in events is masked */
    return false;
}

/* An enabled code breakpoint at the next instruction is a fault before it. */
static bool code_breakpoint(struct vcpu *c)
{
    if (likely(!c->code_breakpoints) || (c->eflags & FLAG_RF) || c->inhibit == INHIBIT_STACK)
        return false;
    uint32_t bits = debug_code_match(c, (uint32_t)(c->seg[SEG_CS].base + c->eip));
    if (!bits)
        return false;
    c->insns++; /* as any fault */
    exception_deliver_debug_trap(c, bits);
    return true;
}

/* Runs b from its instruction first on, which stands at eip, and what is chained to it. */
static void run_block(struct vcpu *c, struct block *b, unsigned first)
{
    c->block = b;
    c->cur = &b->insns[first];
    c->block_eip = c->eip - c->cur->offset;
    c->insns -= first;
    if (unlikely(c->insns_end - c->insns < b->count))
        block_cut(c, c->insns_end - c->insns);
    c->cur->run(c, c->cur);
    if (c->block) /* a handler that does not chain ended it */
        c->insns += c->block->count;
    block_uncut(c);
    c->cur = NULL;
    c->block = NULL;
}

/* One instruction, then whatever was asked for by TF, a breakpoint or the interrupt shadow. No trap
 * follows a software interrupt, which cleared EVENT_STEP with TF, or a stack load. */
void run_single(struct vcpu *c)
{
    if (code_breakpoint(c))
        return;
    bool trap = c->eflags & FLAG_TF;
    block_refresh(c);
    struct block *b = block_find(c, BLOCK_SINGLE);
    c->inhibit = 0;
    c->eflags &= ~FLAG_RF;
    c->link_from = NULL;
    c->resume.block = NULL;
    c->events &= ~(uint32_t)EVENT_BLOCKS;
    vcpu_attend(c, EVENT_STEP);
    if (unlikely(c->history_blocks))
        history_block(c);
    run_block(c, b, 0);
    trap = trap && (c->events & EVENT_STEP) && c->inhibit != INHIBIT_STACK;
    c->events &= ~(uint32_t)EVENT_STEP;
    c->link_from = NULL;
    if (trap && !c->shutdown) {
        c->dr6_pending |= DR6_BS;
        vcpu_attend(c, EVENT_TRAP);
    }
}

/* The block that was left, if it leads on from here: NULL or where *first is next. */
static struct block *resumed(struct vcpu *c, unsigned *first)
{
    struct block *b = c->resume.block;
    c->resume.block = NULL;
    if (!b || c->resume.key != (c->code_key | (uint32_t)(c->seg[SEG_CS].base + c->eip)))
        return NULL;
    *first = c->resume.first;
    return c->eip - b->insns[*first].offset + b->bytes <= c->code_len ? b : NULL;
}

void run_plain(struct vcpu *c)
{
    unsigned first = 0;
    c->inhibit = 0;
    c->eflags &= ~FLAG_RF;
    block_refresh(c);
    struct block *b = resumed(c, &first);
    if (!b) {
        first = 0;
        b = block_find(c, 0);
    }
    c->events &= ~(uint32_t)EVENT_BLOCKS;
    if (c->link_from)
        block_link(c, b);
    if (unlikely(c->history_blocks) && !first)
        history_block(c);
    run_block(c, b, first);
}

void run_found(struct vcpu *c, struct block *b)
{
    c->inhibit = 0;
    c->eflags &= ~FLAG_RF;
    c->events &= ~(uint32_t)EVENT_BLOCKS;
    run_block(c, b, 0);
}

enum vcpu_exit interp_run(struct vcpu *c, uint64_t insns)
{
    enum vcpu_exit why;
    jmp_buf landing;
    c->insns_end = c->insns + insns;
    if (c->insns_end < c->insns)
        c->insns_end = UINT64_MAX;
    c->unwind = &landing;
    if (setjmp(landing))
        run_land_fault(c);
    for (;;) {
        if (unlikely(c->events || c->wake || c->halted || c->shutdown) && run_attend(c, &why))
            return why;
        if (unlikely(c->insns >= c->insns_end))
            return EXIT_BUDGET;
        if (unlikely(c->stops != NULL) && stops_before(c))
            return EXIT_DEBUG;
        if (likely(!run_must_be_single(c)))
            run_plain(c);
        else
            run_single(c);
    }
}
