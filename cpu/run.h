/* cpu/run.h: running a vCPU. The interpreter's entry; the translator's engine has the same shape
 * (translator/engine.h). */
#ifndef UMBRA_CPU_RUN_H
#define UMBRA_CPU_RUN_H

#include "cpu/state.h"

/* Runs until something of enum vcpu_exit happens. At most insns instructions are retired, to
 * within one block. Delivers interrupts while EVENT_INTR is set and EFLAGS.IF allows. */
enum vcpu_exit interp_run(struct vcpu *c, uint64_t insns);

/* Instructions retired, exact at any moment, also from within a port or MMIO callback: virtual time
 * is made from it. */
uint64_t vcpu_insns(const struct vcpu *c);

/* Ends the current run early: after at most insns further instructions. */
void vcpu_limit_budget(struct vcpu *c, uint64_t insns);

#endif
