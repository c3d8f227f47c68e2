/* cpu/flags.h: EFLAGS, with the arithmetic bits kept lazily.
 *
 * An arithmetic instruction stores its result and operands (flag_result, flag_a, flag_b) and what
 * it was (flag_op); CF, PF, AF, ZF, SF and OF are computed from them when something reads them.
 * With FLAG_OP_NONE the bits stand in eflags themselves. */
#ifndef UMBRA_CPU_FLAGS_H
#define UMBRA_CPU_FLAGS_H

#include "cpu/state.h"

enum flag_op { FLAG_OP_NONE };

/* The arithmetic bits, computed. */
static inline uint32_t flags_arith(const struct vcpu *c)
{
    return c->eflags & FLAGS_ARITH;
}

/* The whole register as PUSHFD sees it. */
static inline uint32_t flags_get(const struct vcpu *c)
{
    return (c->eflags & ~FLAGS_ARITH) | flags_arith(c) | FLAG_ONE;
}

/* Sets the arithmetic bits to those in value. */
static inline void flags_set_arith(struct vcpu *c, uint32_t value)
{
    c->flag_op = FLAG_OP_NONE;
    c->eflags = (c->eflags & ~FLAGS_ARITH) | (value & FLAGS_ARITH);
}

/* Replaces the bits of mask by those of value; no derived state (CPL, V86, trap) is updated. */
static inline void flags_set(struct vcpu *c, uint32_t value, uint32_t mask)
{
    uint32_t arith = flags_arith(c);
    flags_set_arith(c, (arith & ~mask) | (value & mask));
    mask &= ~FLAGS_ARITH;
    c->eflags = (c->eflags & ~mask) | (value & mask);
}

#endif
