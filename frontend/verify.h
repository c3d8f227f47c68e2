/* frontend/verify.h: --verify: proves of each unit of host code, before it runs, that it reaches
 * nothing but the guest's memory and its own vCPU, and goes nowhere but to itself and its stubs.
 *
 * What is proved, from the bytes alone (Capstone decodes them; the translator's own tables are not
 * asked):
 *   - they are instructions from end to end, each of a kind that host code has a use for: no stack
 *     but for CALL and RET, no system calls, no I/O, no segment loads;
 *   - memory operands are one of
 *
 *     gs:[..] with a 32-bit address, in units for a window
 *
 *     [r15 + n] in the vCPU; written are `spill`, `x87_linear`, `x87_base`, `mxcsr`, `eflags`;
 *     by 8086 code also selectors, bases and types of segments
 *
 *     [r15 + r9*8 + n]: an entry of the soft TLB's tables of this privilege view
 *
 *     [r11 + rcx]: the bits that tell code, of a host address after a lookup
 *
 *     [r10 + r9]: a host address, after a lookup that hit, of a table for this kind of access, with
 *     room for the operand
 *
 *     [r13], [r13 - 64], [r14 - n]: loads, the FPU's guard and the poll
 *
 *     [r9 + r11*8], [r9 + n]: jumps and calls through the jump table
 *
 *     [rsi], [rdi]: REP MOVS and STOS in the window, at most 4096 elements
 *
 *   - jumps and calls go to instructions of the unit, forward or to its entry, or to its stubs,
 * with a site of this unit; nothing is taken for known behind a call;
 *   - r13, r15 and rsp are never written, r14 by counting; guest registers have 32 bits whenever
 *     the unit is left or can be entered.
 * Not looked at: that the code does what the guest's means (--lockstep does), and jumps that are
 * linked later (their targets are units' entries). */
#ifndef UMBRA_FRONTEND_VERIFY_H
#define UMBRA_FRONTEND_VERIFY_H

#include "base/bits.h"
#include "translator/engine.h"

struct verify;

/* NULL: this build has no Capstone, or out of memory; error says which. */
struct verify *verify_create(char *error, size_t error_len);
void verify_destroy(struct verify *v);

/* Checks a unit: true when all is well, else verify_violation tells of the first. For
 * engine_tuning.emitted; ctx is a struct verify. */
bool verify_unit(void *ctx, const struct unit_code *code);

/* The first violation as text of some lines, or NULL. */
const char *verify_violation(const struct verify *v);

/* Units checked. */
uint64_t verify_units(const struct verify *v);

#endif
