/* cpu/interp/system.h: what the system instructions' handlers share. */
#ifndef UMBRA_CPU_INTERP_SYSTEM_H
#define UMBRA_CPU_INTERP_SYSTEM_H

#include "cpu/interp/handler.h"
#include "cpu/model.h"
#include "cpu/segment.h"

/* Privileged instructions: #GP(0) unless CPL is 0. Sets c->cur. */
static inline void require_cpl0(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    if (c->cpl != 0)
        cpu_raise_error(c, VEC_GP, 0);
}

/* Instructions that real and V86 mode do not know: #UD. Sets c->cur. */
static inline void require_protected(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    if (!vcpu_is_protected(c))
        cpu_raise(c, VEC_UD);
}

/* A 16-bit source operand, register or memory. */
static inline uint16_t load_ew(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load16(c, i, i->seg, insn_ea(c, i)) : c->reg[i->rm].w;
}

/* A register, by operand size. */
static inline void set_reg(struct vcpu *c, unsigned reg, unsigned size, uint32_t value)
{
    if (size == 2)
        c->reg[reg].w = (uint16_t)value;
    else
        c->reg[reg].d = value;
}

/* A selector or MSW: memory always gets 16 bits, a register the operand size. */
static inline void store_ew(struct vcpu *c, const struct insn *i, uint32_t value)
{
    if (insn_is_mem(i))
        store16(c, i, i->seg, insn_ea(c, i), (uint16_t)value);
    else
        set_reg(c, i->rm, i->osize, value);
}

/* Pushes value with the operand size. */
static inline void push_value(struct vcpu *c, const struct insn *i, uint32_t value)
{
    uint32_t sp = c->reg[ESP].d - i->osize;
    if (i->osize == 2)
        store16(c, i, SEG_SS, stack_wrapped(c, sp), (uint16_t)value);
    else
        store32(c, i, SEG_SS, stack_wrapped(c, sp), value);
    set_stack_pointer(c, sp);
}

/* Reads the top of the stack with the operand size; the pointer stays. */
static inline uint32_t stack_top(struct vcpu *c, const struct insn *i)
{
    uint32_t offset = stack_wrapped(c, c->reg[ESP].d);
    return i->osize == 2 ? load16(c, i, SEG_SS, offset) : load32(c, i, SEG_SS, offset);
}

#endif
