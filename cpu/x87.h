/* cpu/x87.h: the x87's environment, as FNSTENV and FLDENV have it, for engines that have a quicker
 * way to them than their handlers. */
#ifndef UMBRA_CPU_X87_H
#define UMBRA_CPU_X87_H

#include "cpu/state.h"

#define X87_ENVIRONMENT_FIELDS 7

/* The fields in memory's order, for a format with fields of size bytes (2, 4), by the present mode:
 * control, status, tags, instruction pointer (2), operand pointer (2). */
void x87_environment(const struct vcpu *c, unsigned size, uint32_t field[X87_ENVIRONMENT_FIELDS]);
/* The other way. Drives FERR# when that changes; the registers stay. */
void x87_set_environment(struct vcpu *c, unsigned size,
                         const uint32_t field[X87_ENVIRONMENT_FIELDS]);

/* As FNINIT leaves it, but for FERR#. */
void x87_init(struct vcpu *c);

#endif
