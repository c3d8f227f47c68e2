/* cpu/exception.h: raising and delivering exceptions and interrupts (SDM vol. 3, chapter 6).
 *
 * Raising unwinds (longjmp) to the engine's loop, which delivers. Before it, c->cur must name the
 * instruction. Faults restart it; traps (#BP, #OF by INT3/INTO, INT n) are delivered by their
 * handlers with the address of the next one. */
#ifndef UMBRA_CPU_EXCEPTION_H
#define UMBRA_CPU_EXCEPTION_H

#include "cpu/state.h"

/* Nothing is raised: the instruction waits for an interrupt, and begins anew after it. */
_Noreturn void cpu_freeze(struct vcpu *c);

/* A fault without (with) an error code. cpu_raise(c, VEC_GP) is wrong: #GP has a code. */
_Noreturn void cpu_raise(struct vcpu *c, enum vector vector);
_Noreturn void cpu_raise_error(struct vcpu *c, enum vector vector, uint32_t error);
/* #PF: sets CR2. error: P, W/R, U/S, RSVD, I/D bits (SDM vol. 3, 4.7). */
_Noreturn void cpu_raise_page_fault(struct vcpu *c, uint64_t gva, uint32_t error);

/* Delivers what was raised last (c->fault), with #DF and shutdown rules (SDM vol. 3, 6.15).
 * c->eip must be the faulting instruction's. Called by the engine after an unwind; never unwinds.
 */
void exception_deliver(struct vcpu *c);

/* Delivers a debug trap (#DB after an instruction) with these DR6 bits. Never unwinds. */
void exception_deliver_debug_trap(struct vcpu *c, uint32_t dr6_bits);

/* Delivers an external interrupt or NMI at an instruction boundary. Never unwinds: a fault on the
 * way is delivered in its place. */
void interrupt_deliver(struct vcpu *c, uint8_t vector);

enum soft_int { SOFT_INT_N, SOFT_INT3, SOFT_INTO, SOFT_INT1 };
/* INT n, INT3, INTO, ICEBP: gate DPL checks, V86 redirection; return_eip is pushed.
 * May raise; c->cur is set. */
void interrupt_software(struct vcpu *c, uint8_t vector, enum soft_int kind, uint32_t return_eip);

#endif
