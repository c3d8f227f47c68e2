/* cpu/run.h: running a vCPU. The interpreter's entry; the translator's engine has the same shape
 * (translator/engine.h). */
#ifndef UMBRA_CPU_RUN_H
#define UMBRA_CPU_RUN_H

#include "cpu/state.h"

/* Runs until something of enum vcpu_exit happens. At most insns instructions are retired, to
 * within one block. Delivers interrupts while EVENT_INTR is set and EFLAGS.IF allows. */
enum vcpu_exit interp_run(struct vcpu *c, uint64_t insns);

/* --- Parts of an engine, for the interpreter's and the translator's ------------------------------
 */

/* Lands a raised exception after longjmp to c->unwind: what ran before it is retired, and it is
 * delivered. */
void run_land_fault(struct vcpu *c);

/* Looks at all that may keep the next instruction from running. True: return *why. */
must_use bool run_attend(struct vcpu *c, enum vcpu_exit *why);

/* Must the next instruction run alone: TF, breakpoints, the shadow of STI? Then run_single does it,
 * with all that belongs to it. */
bool run_must_be_single(const struct vcpu *c);
void run_single(struct vcpu *c);

/* Runs the block at c->eip, or one instruction of it when the budget ends within. */
void run_plain(struct vcpu *c);

/* Instructions retired, exact at any moment, also from within a port or MMIO callback: virtual time
 * is made from it. */
uint64_t vcpu_insns(const struct vcpu *c);

/* Ends the current run early: after at most insns further instructions. */
void vcpu_limit_budget(struct vcpu *c, uint64_t insns);

#endif
