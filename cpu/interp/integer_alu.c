/* cpu/interp/integer_alu.c: ADD OR ADC SBB AND SUB XOR CMP, TEST, INC DEC NOT NEG. */
#include "cpu/interp/operand.h"

force_inline uint32_t alu_add(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    uint32_t r = a + b;
    flags_add(c, width, a, b, r);
    return r;
}

force_inline uint32_t alu_adc(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    uint32_t r = a + b + flag_cf(c);
    flags_add(c, width, a, b, r);
    return r;
}

force_inline uint32_t alu_sub(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    uint32_t r = a - b;
    flags_sub(c, width, a, b, r);
    return r;
}

force_inline uint32_t alu_sbb(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    uint32_t r = a - b - flag_cf(c);
    flags_sub(c, width, a, b, r);
    return r;
}

force_inline uint32_t alu_and(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    flags_logic(c, width, a & b);
    return a & b;
}

force_inline uint32_t alu_or(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    flags_logic(c, width, a | b);
    return a | b;
}

force_inline uint32_t alu_xor(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    flags_logic(c, width, a ^ b);
    return a ^ b;
}

/* INC and DEC leave CF: the new aux keeps it, and its bit 30 is CF ^ OF. */
force_inline uint32_t alu_inc(struct vcpu *c, unsigned width, uint32_t a)
{
    uint32_t cf = flag_cf(c), r = a + 1;
    flags_add(c, width, a, 1, r);
    c->flag_aux = cf << 31 | (cf ^ flag_of(c)) << 30 | (c->flag_aux & AUX_AF);
    return r;
}

force_inline uint32_t alu_dec(struct vcpu *c, unsigned width, uint32_t a)
{
    uint32_t cf = flag_cf(c), r = a - 1;
    flags_sub(c, width, a, 1, r);
    c->flag_aux = cf << 31 | (cf ^ flag_of(c)) << 30 | (c->flag_aux & AUX_AF);
    return r;
}

force_inline uint32_t alu_neg(struct vcpu *c, unsigned width, uint32_t a)
{
    return alu_sub(c, width, 0, a);
}

force_inline uint32_t alu_not(struct vcpu *c, unsigned width, uint32_t a)
{
    (void)c;
    (void)width;
    return ~a;
}

#define ALU(name, OP)                       \
    ALU_FORMS(name, OP, 8, eb, gb, ib, )    \
    ALU_FORMS(name, OP, 16, ev, gv, iv, 16) \
    ALU_FORMS(name, OP, 32, ev, gv, iv, 32)

ALU(add, alu_add)
ALU(or, alu_or)
ALU(adc, alu_adc)
ALU(sbb, alu_sbb)
ALU(and, alu_and)
ALU(sub, alu_sub)
ALU(xor, alu_xor)

COMPARE_FORMS(cmp, alu_sub, 8, eb, gb, ib, )
COMPARE_FORMS(cmp, alu_sub, 16, ev, gv, iv, 16)
COMPARE_FORMS(cmp, alu_sub, 32, ev, gv, iv, 32)
COMPARE_FORMS(test, alu_and, 8, eb, gb, ib, )
COMPARE_FORMS(test, alu_and, 16, ev, gv, iv, 16)
COMPARE_FORMS(test, alu_and, 32, ev, gv, iv, 32)

/* CMP reg, r/m */
#define COMPARE_REVERSED(bits, E, G, S)                                \
    HANDLER(cmp_##G##_##E##_r##S)                                      \
    {                                                                  \
        alu_sub(c, bits, *reg##bits(c, i->reg), *reg##bits(c, i->rm)); \
    }                                                                  \
    HANDLER(cmp_##G##_##E##_m##S)                                      \
    {                                                                  \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i));    \
        alu_sub(c, bits, *reg##bits(c, i->reg), v);                    \
    }
COMPARE_REVERSED(8, eb, gb, )
COMPARE_REVERSED(16, ev, gv, 16)
COMPARE_REVERSED(32, ev, gv, 32)

UNARY(inc, alu_inc)
UNARY(dec, alu_dec)
UNARY(neg, alu_neg)
UNARY(not, alu_not)
