/* cpu/interp/integer_muldiv.c: MUL IMUL DIV IDIV and decimal adjustment. */
#include "cpu/interp/operand.h"

/* CF and OF say that the upper half matters; SF, ZF and PF, undefined, come from the lower one. */
force_inline void flags_mul(struct vcpu *c, unsigned width, uint32_t low, bool wide)
{
    flags_result(c, width, low, wide, wide, 0);
}

static void mul8(struct vcpu *c, uint8_t v)
{
    uint16_t r = (uint16_t)(c->reg[EAX].b.l * v);
    c->reg[EAX].w = r;
    flags_mul(c, 8, r & 0xFF, r >> 8 != 0);
}

static void mul16(struct vcpu *c, uint16_t v)
{
    uint32_t r = (uint32_t)c->reg[EAX].w * v;
    c->reg[EAX].w = (uint16_t)r;
    c->reg[EDX].w = (uint16_t)(r >> 16);
    flags_mul(c, 16, r & 0xFFFF, r >> 16 != 0);
}

force_inline void mul32(struct vcpu *c, uint32_t v)
{
    uint64_t r = (uint64_t)c->reg[EAX].d * v;
    c->reg[EAX].d = (uint32_t)r;
    c->reg[EDX].d = (uint32_t)(r >> 32);
    flags_mul(c, 32, (uint32_t)r, r >> 32 != 0);
}

static void imul8(struct vcpu *c, uint8_t v)
{
    int r = (int8_t)c->reg[EAX].b.l * (int8_t)v;
    c->reg[EAX].w = (uint16_t)r;
    flags_mul(c, 8, (uint8_t)r, r != (int8_t)r);
}

static void imul16(struct vcpu *c, uint16_t v)
{
    int32_t r = (int16_t)c->reg[EAX].w * (int16_t)v;
    c->reg[EAX].w = (uint16_t)r;
    c->reg[EDX].w = (uint16_t)((uint32_t)r >> 16);
    flags_mul(c, 16, (uint16_t)r, r != (int16_t)r);
}

force_inline void imul32(struct vcpu *c, uint32_t v)
{
    int64_t r = (int64_t)(int32_t)c->reg[EAX].d * (int32_t)v;
    c->reg[EAX].d = (uint32_t)r;
    c->reg[EDX].d = (uint32_t)((uint64_t)r >> 32);
    flags_mul(c, 32, (uint32_t)r, r != (int32_t)r);
}

/* #DE: a zero divisor or a quotient that does not fit. */
_Noreturn static void divide_error(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    cpu_raise(c, VEC_DE);
}

static void div8(struct vcpu *c, const struct insn *i, uint8_t v)
{
    unsigned a = c->reg[EAX].w;
    if (!v || a / v > 0xFF)
        divide_error(c, i);
    c->reg[EAX].b.l = (uint8_t)(a / v);
    c->reg[EAX].b.h = (uint8_t)(a % v);
}

static void div16(struct vcpu *c, const struct insn *i, uint16_t v)
{
    uint32_t a = (uint32_t)c->reg[EDX].w << 16 | c->reg[EAX].w;
    if (!v || a / v > 0xFFFF)
        divide_error(c, i);
    c->reg[EAX].w = (uint16_t)(a / v);
    c->reg[EDX].w = (uint16_t)(a % v);
}

static void div32(struct vcpu *c, const struct insn *i, uint32_t v)
{
    uint64_t a = (uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d;
    if (v <= c->reg[EDX].d) /* v is zero, or the quotient needs a 33rd bit */
        divide_error(c, i);
    c->reg[EAX].d = (uint32_t)(a / v);
    c->reg[EDX].d = (uint32_t)(a % v);
}

/* The 8086 and 186 also refuse the most negative quotient (iAPX 86/88 User's Manual, IDIV). */
force_inline bool quotient_fits(const struct vcpu *c, int64_t q, int64_t min, int64_t max)
{
    return q <= max && q >= (c->model <= CPU_186 ? min + 1 : min);
}

static void idiv8(struct vcpu *c, const struct insn *i, uint8_t v)
{
    int a = (int16_t)c->reg[EAX].w, d = (int8_t)v;
    if (!d || !quotient_fits(c, a / d, INT8_MIN, INT8_MAX))
        divide_error(c, i);
    c->reg[EAX].b.l = (uint8_t)(a / d);
    c->reg[EAX].b.h = (uint8_t)(a % d);
}

static void idiv16(struct vcpu *c, const struct insn *i, uint16_t v)
{
    int64_t a = (int32_t)((uint32_t)c->reg[EDX].w << 16 | c->reg[EAX].w), d = (int16_t)v;
    if (!d || !quotient_fits(c, a / d, INT16_MIN, INT16_MAX))
        divide_error(c, i);
    c->reg[EAX].w = (uint16_t)(a / d);
    c->reg[EDX].w = (uint16_t)(a % d);
}

static void idiv32(struct vcpu *c, const struct insn *i, uint32_t v)
{
    int64_t a = (int64_t)((uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d), d = (int32_t)v;
    if (!d || (a == INT64_MIN && d == -1) || !quotient_fits(c, a / d, INT32_MIN, INT32_MAX))
        divide_error(c, i);
    c->reg[EAX].d = (uint32_t)(a / d);
    c->reg[EDX].d = (uint32_t)(a % d);
}

#define MUL_FORMS(name, bits, E, S)                             \
    HANDLER(name##_##E##_r##S)                                  \
    {                                                           \
        name##bits(c, *reg##bits(c, i->rm));                    \
    }                                                           \
    HANDLER(name##_##E##_m##S)                                  \
    {                                                           \
        name##bits(c, load##bits(c, i, i->seg, insn_ea(c, i))); \
    }
#define DIV_FORMS(name, bits, E, S)                                \
    HANDLER(name##_##E##_r##S)                                     \
    {                                                              \
        name##bits(c, i, *reg##bits(c, i->rm));                    \
    }                                                              \
    HANDLER(name##_##E##_m##S)                                     \
    {                                                              \
        name##bits(c, i, load##bits(c, i, i->seg, insn_ea(c, i))); \
    }
MUL_FORMS(mul, 8, eb, )
MUL_FORMS(mul, 16, ev, 16)
MUL_FORMS(mul, 32, ev, 32)
MUL_FORMS(imul, 8, eb, )
MUL_FORMS(imul, 16, ev, 16)
MUL_FORMS(imul, 32, ev, 32)
DIV_FORMS(div, 8, eb, )
DIV_FORMS(div, 16, ev, 16)
DIV_FORMS(div, 32, ev, 32)
DIV_FORMS(idiv, 8, eb, )
DIV_FORMS(idiv, 16, ev, 16)
DIV_FORMS(idiv, 32, ev, 32)

/* IMUL with two and three operands. */
force_inline uint32_t multiply(struct vcpu *c, unsigned width, uint32_t a, uint32_t b)
{
    if (width == 16) {
        int32_t r = (int16_t)a * (int16_t)b;
        flags_mul(c, 16, (uint16_t)r, r != (int16_t)r);
        return (uint16_t)r;
    }
    int64_t r = (int64_t)(int32_t)a * (int32_t)b;
    flags_mul(c, 32, (uint32_t)r, r != (int32_t)r);
    return (uint32_t)r;
}

#define IMUL_FORMS(bits)                                                                         \
    HANDLER(imul_gv_ev_r##bits)                                                                  \
    {                                                                                            \
        uint##bits##_t *d = reg##bits(c, i->reg);                                                \
        *d = (uint##bits##_t)multiply(c, bits, *d, *reg##bits(c, i->rm));                        \
    }                                                                                            \
    HANDLER(imul_gv_ev_m##bits)                                                                  \
    {                                                                                            \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i));                              \
        uint##bits##_t *d = reg##bits(c, i->reg);                                                \
        *d = (uint##bits##_t)multiply(c, bits, *d, v);                                           \
    }                                                                                            \
    HANDLER(imul_gv_ev_iv_r##bits)                                                               \
    {                                                                                            \
        *reg##bits(c, i->reg) = (uint##bits##_t)multiply(c, bits, *reg##bits(c, i->rm), i->imm); \
    }                                                                                            \
    HANDLER(imul_gv_ev_iv_m##bits)                                                               \
    {                                                                                            \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i));                              \
        *reg##bits(c, i->reg) = (uint##bits##_t)multiply(c, bits, v, i->imm);                    \
    }
IMUL_FORMS(16)
IMUL_FORMS(32)

/* --- Decimal adjustment (SDM vol. 2, the pseudocode of each) ---------------------------------- */

HANDLER(aam)
{
    uint8_t base = (uint8_t)i->imm, al = c->reg[EAX].b.l;
    if (!base)
        divide_error(c, i);
    c->reg[EAX].b.h = al / base;
    c->reg[EAX].b.l = al % base;
    flags_logic(c, 8, c->reg[EAX].b.l);
}

HANDLER(aad)
{
    uint8_t al = (uint8_t)(c->reg[EAX].b.l + c->reg[EAX].b.h * i->imm);
    c->reg[EAX].w = al;
    flags_logic(c, 8, al);
}

HANDLER(daa)
{
    uint8_t al = c->reg[EAX].b.l, r = al;
    uint32_t cf = flag_cf(c), af = flag_af(c);
    bool low = (al & 15) > 9 || af, high = al > 0x99 || cf;
    if (low)
        r = (uint8_t)(r + 6);
    if (high)
        r = (uint8_t)(r + 0x60);
    c->reg[EAX].b.l = r;
    flags_result(c, 8, r, high, (uint8_t)(r & ~al) >> 7, low);
}

HANDLER(das)
{
    uint8_t al = c->reg[EAX].b.l, r = al;
    uint32_t cf = flag_cf(c), af = flag_af(c);
    bool low = (al & 15) > 9 || af, high = al > 0x99 || cf;
    bool carry = high || (low && al < 6);
    if (low)
        r = (uint8_t)(r - 6);
    if (high)
        r = (uint8_t)(r - 0x60);
    c->reg[EAX].b.l = r;
    flags_result(c, 8, r, carry, (uint8_t)(al & ~r) >> 7, low);
}

/* The 286 and later add to AX, so that AL's carry goes into AH; the 8086 and 186 adjust AL and AH
 * each by itself. */
HANDLER(aaa)
{
    bool adjust = (c->reg[EAX].b.l & 15) > 9 || flag_af(c);
    uint8_t before = c->reg[EAX].b.l;
    if (adjust && c->model >= CPU_286) {
        c->reg[EAX].w = (uint16_t)(c->reg[EAX].w + 0x106);
    } else if (adjust) {
        c->reg[EAX].b.l = (uint8_t)(before + 6);
        c->reg[EAX].b.h++;
    }
    uint8_t sum = c->reg[EAX].b.l;
    c->reg[EAX].b.l &= 15;
    flags_result(c, 8, c->reg[EAX].b.l, adjust, (uint8_t)(sum & ~before) >> 7, adjust);
}

HANDLER(aas)
{
    bool adjust = (c->reg[EAX].b.l & 15) > 9 || flag_af(c);
    uint8_t before = c->reg[EAX].b.l;
    if (adjust && c->model >= CPU_286) {
        c->reg[EAX].w = (uint16_t)(c->reg[EAX].w - 0x106);
    } else if (adjust) {
        c->reg[EAX].b.l = (uint8_t)(before - 6);
        c->reg[EAX].b.h--;
    }
    uint8_t difference = c->reg[EAX].b.l;
    c->reg[EAX].b.l &= 15;
    flags_result(c, 8, c->reg[EAX].b.l, adjust, (uint8_t)(before & ~difference) >> 7, adjust);
}
