/* cpu/run.h: running a vCPU. The interpreter's entry; the translator's engine has the same shape
 * (translator/engine.h). */
#ifndef UMBRA_CPU_RUN_H
#define UMBRA_CPU_RUN_H

#include "cpu/state.h"

struct block;

/* A repeated string instruction works in rounds of at most so many elements. Each round, and one of
 * a count of 0, is one instruction retired; after a round with elements left eip stays at the
 * instruction, and events and the budget are looked at. A round is one element while
 * single-stepping; a data breakpoint ends it. One of INS and OUTS is always one element. What the
 * TLB holds changes nothing of this. */
#define REP_ROUND 4096

/* Runs until something of enum vcpu_exit happens. EXIT_BUDGET: exactly insns instructions were
 * retired; what was pending then is looked at by the next run. Delivers interrupts while EVENT_INTR
 * is set and EFLAGS.IF allows.
 *
 * A run does not depend on how it is cut: whoever runs n and then m instructions, with nothing from
 * outside between, is where n + m lead. Events that an instruction causes (by a device that it
 * reached, a write to code) are looked at before the next one, wherever its block ends. */
enum vcpu_exit interp_run(struct vcpu *c, uint64_t insns);

/* --- Parts of an engine, for the interpreter's and the translator's --------------------------- */

/* Lands a raised exception after longjmp to *c->unwind: what ran before it is retired, and it is
 * delivered. */
void run_land_fault(struct vcpu *c);

/* Looks at all that may keep the next instruction from running. True: return *why. */
must_use bool run_attend(struct vcpu *c, enum vcpu_exit *why);

/* A fault of the instruction that runs, delivered as run_land_fault does, for one who has not to
 * unwind for it; run_fault: with no error code. */
void run_fault(struct vcpu *c, enum vector vector);
void run_fault_error(struct vcpu *c, enum vector vector, uint32_t error);
void run_page_fault(struct vcpu *c, uint32_t gva, uint32_t error);

/* Must the next instruction run alone: TF, breakpoints, the shadow of STI? Then run_single does it,
 * with all that belongs to it. */
static inline bool run_must_be_single(const struct vcpu *c)
{
    return (c->eflags & FLAG_TF) | c->code_breakpoints | c->data_breakpoints | c->stepping |
           (c->inhibit && c->events);
}
void run_single(struct vcpu *c);

/* Goes on at c->eip: with the block that was left there, or the one that begins there, up to the
 * end of the budget. */
void run_plain(struct vcpu *c);

/* The same for a block that block_find gave for c->eip; c->resume.block must be NULL. */
void run_found(struct vcpu *c, struct block *b);

/* Instructions retired, exact at any moment, also from within a port or MMIO callback: virtual time
 * is made from it. */
uint64_t vcpu_insns(const struct vcpu *c);

/* Instructions retired, and one for each 32 bytes that repeated string instructions touched: about
 * what a guest took of the host's time. Not exact to the byte, and not the same for every engine;
 * never goes back. */
uint64_t vcpu_work(const struct vcpu *c);

/* Ends the current run early: when insns further instructions are retired. From within an
 * instruction it is the first of them, and insns at least 1. */
void vcpu_limit_budget(struct vcpu *c, uint64_t insns);

#endif
