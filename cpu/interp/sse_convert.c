/* SSE, SSE2 conversions. T in a name: truncation, whatever MXCSR says. */
#include "cpu/interp/simd.h"

static inline uint64_t mmx_operand(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load_m64(c, i) : mmx_read(c, i->rm).q[0];
}

static inline uint32_t gpr_operand(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load_m32(c, i) : c->reg[i->rm].d;
}

static inline void env_truncating(const struct vcpu *c, struct fp_env *e, bool truncate)
{
    sse_env(c, e);
    if (truncate)
        e->rounding = FP_TRUNCATE;
}

/* --- from integers ---------------------------------------------------------------------------- */

HANDLER(cvtsi2sd)
{
    sse_enter(c, i);
    double r = (int32_t)gpr_operand(c, i); /* always exact */
    c->xmm[i->reg].lf[0] = r;
}

HANDLER(cvtsi2ss)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint32_t r = f32_from_int(&e, (int32_t)gpr_operand(c, i));
    sse_finish(c, i, &e);
    c->xmm[i->reg].d[0] = r;
}

HANDLER(cvtpi2ps)
{
    sse_enter_mmx(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint64_t v = mmx_operand(c, i);
    V r = c->xmm[i->reg];
    r.d[0] = f32_from_int(&e, (int32_t)v);
    r.d[1] = f32_from_int(&e, (int32_t)(v >> 32));
    sse_finish(c, i, &e);
    mmx_begin(c);
    c->xmm[i->reg] = r;
}

HANDLER(cvtpi2pd)
{
    sse_enter(c, i);
    if (!insn_is_mem(i) && (c->x87.status & SW_ES))
        x87_raise_pending(c, i);
    uint64_t v = mmx_operand(c, i);
    if (!insn_is_mem(i)) /* with a memory operand there is no move to MMX state (SDM vol. 2) */
        mmx_begin(c);
    c->xmm[i->reg] = (V){.lf = {(int32_t)v, (int32_t)(v >> 32)}};
}

HANDLER(cvtdq2ps)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = f32_from_int(&e, (int32_t)b.d[k]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

HANDLER(cvtdq2pd)
{
    sse_enter(c, i);
    uint64_t v = operand64(c, i);
    c->xmm[i->reg] = (V){.lf = {(int32_t)v, (int32_t)(v >> 32)}};
}

/* --- to integers
 * ----------------------------------------------------------------------------------- */

#define TO_GPR(name, T, operand, convert, truncate) \
    HANDLER(name)                                   \
    {                                               \
        sse_enter(c, i);                            \
        struct fp_env e;                            \
        env_truncating(c, &e, truncate);            \
        T b = operand(c, i);                        \
        uint32_t r = (uint32_t)convert(&e, b, 32);  \
        sse_finish(c, i, &e);                       \
        c->reg[i->reg].d = r;                       \
    }
TO_GPR(cvtss2si, uint32_t, operand32, f32_to_int, false)
TO_GPR(cvttss2si, uint32_t, operand32, f32_to_int, true)
TO_GPR(cvtsd2si, uint64_t, operand64, f64_to_int, false)
TO_GPR(cvttsd2si, uint64_t, operand64, f64_to_int, true)

static inline void packed_single_to_mmx(struct vcpu *c, const struct insn *i, bool truncate)
{
    sse_enter_mmx(c, i);
    struct fp_env e;
    env_truncating(c, &e, truncate);
    uint64_t b = operand64(c, i);
    uint32_t low = (uint32_t)f32_to_int(&e, (uint32_t)b, 32);
    uint32_t high = (uint32_t)f32_to_int(&e, (uint32_t)(b >> 32), 32);
    sse_finish(c, i, &e);
    mmx_begin(c);
    mmx_write(c, i->reg, (uint64_t)high << 32 | low);
}

HANDLER(cvtps2pi)
{
    packed_single_to_mmx(c, i, false);
}

HANDLER(cvttps2pi)
{
    packed_single_to_mmx(c, i, true);
}

/* Two doubles to two integers in the lower half of the result. */
static inline uint64_t doubles_to_ints(struct vcpu *c, const struct insn *i, bool truncate)
{
    struct fp_env e;
    env_truncating(c, &e, truncate);
    V b = operand128(c, i);
    uint32_t low = (uint32_t)f64_to_int(&e, b.q[0], 32);
    uint32_t high = (uint32_t)f64_to_int(&e, b.q[1], 32);
    sse_finish(c, i, &e);
    return (uint64_t)high << 32 | low;
}

#define PD_TO_MMX(name, truncate)                     \
    HANDLER(name)                                     \
    {                                                 \
        sse_enter_mmx(c, i);                          \
        uint64_t r = doubles_to_ints(c, i, truncate); \
        mmx_begin(c);                                 \
        mmx_write(c, i->reg, r);                      \
    }
PD_TO_MMX(cvtpd2pi, false)
PD_TO_MMX(cvttpd2pi, true)

#define PD_TO_DQ(name, truncate)                      \
    HANDLER(name)                                     \
    {                                                 \
        sse_enter(c, i);                              \
        uint64_t r = doubles_to_ints(c, i, truncate); \
        c->xmm[i->reg] = (V){.q = {r, 0}};            \
    }
PD_TO_DQ(cvtpd2dq, false)
PD_TO_DQ(cvttpd2dq, true)

#define PS_TO_DQ(name, truncate)                           \
    HANDLER(name)                                          \
    {                                                      \
        sse_enter(c, i);                                   \
        struct fp_env e;                                   \
        env_truncating(c, &e, truncate);                   \
        V b = operand128(c, i), r;                         \
        for (unsigned k = 0; k < 4; k++)                   \
            r.d[k] = (uint32_t)f32_to_int(&e, b.d[k], 32); \
        sse_finish(c, i, &e);                              \
        c->xmm[i->reg] = r;                                \
    }
PS_TO_DQ(cvtps2dq, false)
PS_TO_DQ(cvttps2dq, true)

/* --- between single and double
 * ----------------------------------------------------------------------- */

HANDLER(cvtss2sd)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint64_t r = f64_from_f32(&e, operand32(c, i));
    sse_finish(c, i, &e);
    c->xmm[i->reg].q[0] = r;
}

HANDLER(cvtsd2ss)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint32_t r = f32_from_f64(&e, operand64(c, i));
    sse_finish(c, i, &e);
    c->xmm[i->reg].d[0] = r;
}

HANDLER(cvtps2pd)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint64_t b = operand64(c, i);
    V r;
    r.q[0] = f64_from_f32(&e, (uint32_t)b);
    r.q[1] = f64_from_f32(&e, (uint32_t)(b >> 32));
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

HANDLER(cvtpd2ps)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r = {.q = {0, 0}};
    r.d[0] = f32_from_f64(&e, b.q[0]);
    r.d[1] = f32_from_f64(&e, b.q[1]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}
