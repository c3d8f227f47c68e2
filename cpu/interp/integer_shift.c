/* cpu/interp/integer_shift.c: shifts and rotates.
 *
 * A count of zero leaves everything. The 8086 uses the whole count, later processors its low 5
 * bits. OF is defined for a count of 1 only; for others it gets what the same formula gives, as
 * hardware does. */
#include "cpu/interp/operand.h"

force_inline unsigned count_cl(const struct vcpu *c)
{
    return unlikely(c->model == CPU_8086) ? c->reg[ECX].b.l : c->reg[ECX].b.l & 31;
}

/* CF and OF change, the other flags stay: rotates. */
force_inline void set_cf_of(struct vcpu *c, uint32_t cf, uint32_t of)
{
    c->flag_aux = (c->flag_aux & UINT32_C(0x3FFFFFFF)) | cf << 31 | (cf ^ of) << 30;
}

force_inline uint32_t width_mask(unsigned width)
{
    return UINT32_MAX >> (32 - width);
}

/* In each: v is the zero-extended operand, n is 1..31 (1..255 on the 8086). */
force_inline uint32_t shift_shl(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    uint64_t r = (uint64_t)v << (n > 40 ? 40 : n); /* beyond 32 all is shifted out */
    uint32_t cf = (uint32_t)(r >> width) & 1;
    uint32_t low = (uint32_t)r & width_mask(width);
    flags_result(c, width, low, cf, cf ^ (low >> (width - 1)), 0);
    return low;
}

force_inline uint32_t shift_shr(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    uint64_t wide = v;
    n = n > 40 ? 40 : n;
    uint32_t r = (uint32_t)(wide >> n);
    flags_result(c, width, r, (uint32_t)(wide >> (n - 1)) & 1, ((r << 1 ^ r) >> (width - 1)) & 1,
                 0);
    return r;
}

force_inline uint32_t shift_sar(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    int64_t wide = (int32_t)(v << (32 - width)) >> (32 - width);
    n = n > 40 ? 40 : n;
    uint32_t r = (uint32_t)(wide >> n);
    flags_result(c, width, r, (uint32_t)(wide >> (n - 1)) & 1, 0, 0);
    return r;
}

force_inline uint32_t shift_rol(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    unsigned k = n & (width - 1);
    uint32_t r = k ? (v << k | v >> (width - k)) & width_mask(width) : v;
    uint32_t cf = r & 1;
    set_cf_of(c, cf, cf ^ (r >> (width - 1)));
    return r;
}

force_inline uint32_t shift_ror(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    unsigned k = n & (width - 1);
    uint32_t r = k ? (v >> k | v << (width - k)) & width_mask(width) : v;
    set_cf_of(c, r >> (width - 1), ((r ^ r << 1) >> (width - 1)) & 1);
    return r;
}

/* Through carry: a rotate of width + 1 bits with CF on top. */
force_inline uint32_t shift_rcl(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    unsigned k = n % (width + 1);
    uint64_t all = (uint64_t)flag_cf(c) << width | v;
    if (k)
        all = all << k | all >> (width + 1 - k);
    uint32_t r = (uint32_t)all & width_mask(width), cf = (uint32_t)(all >> width) & 1;
    set_cf_of(c, cf, cf ^ (r >> (width - 1)));
    return r;
}

force_inline uint32_t shift_rcr(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    unsigned k = n % (width + 1);
    uint64_t all = (uint64_t)flag_cf(c) << width | v;
    if (k)
        all = all >> k | all << (width + 1 - k);
    uint32_t r = (uint32_t)all & width_mask(width), cf = (uint32_t)(all >> width) & 1;
    set_cf_of(c, cf, ((r ^ r << 1) >> (width - 1)) & 1);
    return r;
}

/* The 8086's undocumented /6: all ones. */
force_inline uint32_t shift_setmo(struct vcpu *c, unsigned width, uint32_t v, unsigned n)
{
    (void)v;
    (void)n;
    flags_logic(c, width, UINT32_MAX);
    return UINT32_MAX;
}

#define SHIFT_COUNT(name, OP, bits, E, S, suffix, count) \
    HANDLER(name##_##E##_##suffix##_r##S)                \
    {                                                    \
        unsigned n = count;                              \
        uint##bits##_t *d = reg##bits(c, i->rm);         \
        if (likely(n))                                   \
            *d = (uint##bits##_t)OP(c, bits, *d, n);     \
    }                                                    \
    HANDLER(name##_##E##_##suffix##_m##S)                \
    {                                                    \
        unsigned n = count;                              \
        struct rmw m;                                    \
        uint##bits##_t v = rmw_load##bits(c, i, &m);     \
        if (likely(n))                                   \
            v = (uint##bits##_t)OP(c, bits, v, n);       \
        rmw_store##bits(c, i, &m, v);                    \
    }

#define SHIFT_IB(name, OP)                               \
    SHIFT_COUNT(name, OP, 8, eb, , ib, (i->imm & 31))    \
    SHIFT_COUNT(name, OP, 16, ev, 16, ib, (i->imm & 31)) \
    SHIFT_COUNT(name, OP, 32, ev, 32, ib, (i->imm & 31))
#define SHIFT_1_CL(name, OP)                           \
    SHIFT_COUNT(name, OP, 8, eb, , 1, 1)               \
    SHIFT_COUNT(name, OP, 16, ev, 16, 1, 1)            \
    SHIFT_COUNT(name, OP, 32, ev, 32, 1, 1)            \
    SHIFT_COUNT(name, OP, 8, eb, , cl, count_cl(c))    \
    SHIFT_COUNT(name, OP, 16, ev, 16, cl, count_cl(c)) \
    SHIFT_COUNT(name, OP, 32, ev, 32, cl, count_cl(c))
#define SHIFT(name, OP) SHIFT_IB(name, OP) SHIFT_1_CL(name, OP)

SHIFT(rol, shift_rol)
SHIFT(ror, shift_ror)
SHIFT(rcl, shift_rcl)
SHIFT(rcr, shift_rcr)
SHIFT(shl, shift_shl)
SHIFT(shr, shift_shr)
SHIFT(sar, shift_sar)
SHIFT_1_CL(setmo, shift_setmo)

/* --- SHLD, SHRD. Counts above 16 with 16-bit operands are undefined; like hardware, we shift the
 * 48-bit string dest:src:dest. n is 1..31 ------------------------------------------------------ */

force_inline uint32_t double_shl(struct vcpu *c, unsigned width, uint32_t d, uint32_t s, unsigned n)
{
    uint32_t r, cf;
    if (width == 32) {
        r = d << n | s >> (32 - n);
        cf = (d >> (32 - n)) & 1;
    } else {
        uint64_t all = (uint64_t)d << 32 | (uint64_t)s << 16 | d;
        r = (uint32_t)(all << n >> 32) & 0xFFFF;
        cf = (uint32_t)(all >> (48 - n)) & 1;
    }
    flags_result(c, width, r, cf, ((r ^ d) >> (width - 1)) & 1, 0);
    return r;
}

force_inline uint32_t double_shr(struct vcpu *c, unsigned width, uint32_t d, uint32_t s, unsigned n)
{
    uint64_t all = width == 32 ? (uint64_t)s << 32 | d : (uint64_t)d << 32 | (uint64_t)s << 16 | d;
    uint32_t r = (uint32_t)(all >> n) & width_mask(width);
    flags_result(c, width, r, (uint32_t)(all >> (n - 1)) & 1, ((r ^ d) >> (width - 1)) & 1, 0);
    return r;
}

#define DOUBLE_SHIFT(name, OP, bits, suffix, count)                         \
    HANDLER(name##_##suffix##_r##bits)                                      \
    {                                                                       \
        unsigned n = count;                                                 \
        uint##bits##_t *d = reg##bits(c, i->rm);                            \
        if (likely(n))                                                      \
            *d = (uint##bits##_t)OP(c, bits, *d, *reg##bits(c, i->reg), n); \
    }                                                                       \
    HANDLER(name##_##suffix##_m##bits)                                      \
    {                                                                       \
        unsigned n = count;                                                 \
        struct rmw m;                                                       \
        uint##bits##_t v = rmw_load##bits(c, i, &m);                        \
        if (likely(n))                                                      \
            v = (uint##bits##_t)OP(c, bits, v, *reg##bits(c, i->reg), n);   \
        rmw_store##bits(c, i, &m, v);                                       \
    }
DOUBLE_SHIFT(shld, double_shl, 16, ib, (i->imm & 31))
DOUBLE_SHIFT(shld, double_shl, 32, ib, (i->imm & 31))
DOUBLE_SHIFT(shld, double_shl, 16, cl, (c->reg[ECX].b.l & 31))
DOUBLE_SHIFT(shld, double_shl, 32, cl, (c->reg[ECX].b.l & 31))
DOUBLE_SHIFT(shrd, double_shr, 16, ib, (i->imm & 31))
DOUBLE_SHIFT(shrd, double_shr, 32, ib, (i->imm & 31))
DOUBLE_SHIFT(shrd, double_shr, 16, cl, (c->reg[ECX].b.l & 31))
DOUBLE_SHIFT(shrd, double_shr, 32, cl, (c->reg[ECX].b.l & 31))
