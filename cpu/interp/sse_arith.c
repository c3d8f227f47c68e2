/* SSE, SSE2, SSE3 floating-point arithmetic and comparison.
 *
 * Two ways to a result. The host's own float and double, when that is exactly what the guest asks:
 * rounding to nearest, the precision flag set already and masked (so that whether this result was
 * exact does not matter), both operands normal, and a result that stayed clear of overflow and
 * underflow: then no other flag can be raised. Everything else goes through cpu/softfloat. */
#include <float.h>
#include <math.h>

#include "cpu/interp/simd.h"

/* The host must evaluate float and double as such (not i387 excess precision). */
#define HOST_IEEE (FLT_EVAL_METHOD == 0)

static inline bool host_serves(const struct vcpu *c)
{
    return HOST_IEEE && (c->mxcsr & (MXCSR_RC | MXCSR_PM | FP_PE)) == (MXCSR_PM | FP_PE);
}

static inline bool is_normal64(uint64_t a)
{
    return (uint32_t)((a >> 52 & 0x7FF) - 1) < 0x7FE;
}

/* Normal, and not so near the ends that an exception may be due. */
static inline bool is_inner64(uint64_t a)
{
    return (uint32_t)((a >> 52 & 0x7FF) - 2) < 0x7FC;
}

static inline bool is_normal32(uint32_t a)
{
    return (a >> 23 & 0xFF) - 1 < 0xFE;
}

static inline bool is_inner32(uint32_t a)
{
    return (a >> 23 & 0xFF) - 2 < 0xFC;
}

static inline double as_double(uint64_t a)
{
    double d;
    memcpy(&d, &a, 8);
    return d;
}

static inline uint64_t double_bits(double d)
{
    uint64_t a;
    memcpy(&a, &d, 8);
    return a;
}

static inline float as_float(uint32_t a)
{
    float f;
    memcpy(&f, &a, 4);
    return f;
}

static inline uint32_t float_bits(float f)
{
    uint32_t a;
    memcpy(&a, &f, 4);
    return a;
}

/* The host's operation on normal operands; op is a constant, so one case is left. */
#define NATIVE(op, a, b)                        \
    ((op) == FP_ADD   ? (a) + (b)               \
     : (op) == FP_SUB ? (a) - (b)               \
     : (op) == FP_MUL ? (a) * (b)               \
     : (op) == FP_DIV ? (a) / (b)               \
     : (op) == FP_MIN ? ((a) < (b) ? (a) : (b)) \
                      : ((a) > (b) ? (a) : (b)))

/* Minimum and maximum round nothing: their results may lie anywhere. */
static inline bool result_fits64(enum fp_op op, uint64_t r)
{
    return op >= FP_MIN || is_inner64(r);
}

static __attribute__((noinline)) uint64_t slow64(struct vcpu *c, const struct insn *i,
                                                 enum fp_op op, uint64_t a, uint64_t b)
{
    struct fp_env e;
    sse_env(c, &e);
    uint64_t r = f64_arith(&e, op, a, b);
    sse_finish(c, i, &e);
    return r;
}

static inline __attribute__((always_inline)) uint64_t arith64(struct vcpu *c, const struct insn *i,
                                                              enum fp_op op, uint64_t a, uint64_t b)
{
    if (likely((op >= FP_MIN || host_serves(c)) && is_normal64(a) && is_normal64(b))) {
        uint64_t r = double_bits(NATIVE(op, as_double(a), as_double(b)));
        if (likely(result_fits64(op, r)))
            return r;
    }
    return slow64(c, i, op, a, b);
}

static __attribute__((noinline)) uint32_t slow32(struct vcpu *c, const struct insn *i,
                                                 enum fp_op op, uint32_t a, uint32_t b)
{
    struct fp_env e;
    sse_env(c, &e);
    uint32_t r = f32_arith(&e, op, a, b);
    sse_finish(c, i, &e);
    return r;
}

static inline __attribute__((always_inline)) uint32_t arith32(struct vcpu *c, const struct insn *i,
                                                              enum fp_op op, uint32_t a, uint32_t b)
{
    if (likely((op >= FP_MIN || host_serves(c)) && is_normal32(a) && is_normal32(b))) {
        uint32_t r = float_bits(NATIVE(op, as_float(a), as_float(b)));
        if (likely(op >= FP_MIN || is_inner32(r)))
            return r;
    }
    return slow32(c, i, op, a, b);
}

/* Packed: all lanes' exceptions are gathered before any is raised. */
static __attribute__((noinline)) V slow_packed64(struct vcpu *c, const struct insn *i,
                                                 enum fp_op op0, enum fp_op op1, V a, V b)
{
    struct fp_env e;
    sse_env(c, &e);
    V r;
    r.q[0] = f64_arith(&e, op0, a.q[0], b.q[0]);
    r.q[1] = f64_arith(&e, op1, a.q[1], b.q[1]);
    sse_finish(c, i, &e);
    return r;
}

static inline __attribute__((always_inline)) V packed64(struct vcpu *c, const struct insn *i,
                                                        enum fp_op op, V a, V b)
{
    if (likely((op >= FP_MIN || host_serves(c)) && is_normal64(a.q[0]) && is_normal64(a.q[1]) &&
               is_normal64(b.q[0]) && is_normal64(b.q[1]))) {
        V r;
        r.lf[0] = NATIVE(op, a.lf[0], b.lf[0]);
        r.lf[1] = NATIVE(op, a.lf[1], b.lf[1]);
        if (likely(result_fits64(op, r.q[0]) && result_fits64(op, r.q[1])))
            return r;
    }
    return slow_packed64(c, i, op, op, a, b);
}

static __attribute__((noinline)) V slow_packed32(struct vcpu *c, const struct insn *i,
                                                 enum fp_op even, enum fp_op odd, V a, V b)
{
    struct fp_env e;
    sse_env(c, &e);
    V r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = f32_arith(&e, k & 1 ? odd : even, a.d[k], b.d[k]);
    sse_finish(c, i, &e);
    return r;
}

/* Four lanes at once, by the compiler's vectors: the host's if it has them. */
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));

static inline f32x4 floats_of(V a)
{
    f32x4 v;
    memcpy(&v, &a, 16);
    return v;
}

static inline i32x4 exponents_of(f32x4 a)
{
    return (i32x4)a & 0x7F800000;
}

static inline bool all_set(i32x4 a)
{
    uint64_t q[2];
    memcpy(q, &a, 16);
    return (q[0] & q[1]) == UINT64_MAX;
}

static inline __attribute__((always_inline)) V packed32(struct vcpu *c, const struct insn *i,
                                                        enum fp_op op, V a, V b)
{
    if (likely(op >= FP_MIN || host_serves(c))) {
        f32x4 x = floats_of(a), y = floats_of(b), z;
        i32x4 ex = exponents_of(x), ey = exponents_of(y);
        i32x4 good = (ex > 0) & (ex < 0x7F800000) & (ey > 0) & (ey < 0x7F800000);
        if (op == FP_MIN || op == FP_MAX) {
            i32x4 first = op == FP_MIN ? (i32x4)(x < y) : (i32x4)(x > y);
            z = (f32x4)(((i32x4)x & first) | ((i32x4)y & ~first));
        } else {
            z = op == FP_ADD ? x + y : op == FP_SUB ? x - y : op == FP_MUL ? x * y : x / y;
            i32x4 ez = exponents_of(z);
            good &= (ez > 0x00800000) & (ez < 0x7F000000);
        }
        if (likely(all_set(good))) {
            V r;
            memcpy(&r, &z, 16);
            return r;
        }
    }
    return slow_packed32(c, i, op, op, a, b);
}

#define ARITH(name, op)                                                     \
    HANDLER(name##sd_r)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        uint64_t *d = &c->xmm[i->reg].q[0];                                 \
        *d = arith64(c, i, op, *d, c->xmm[i->rm].q[0]);                     \
    }                                                                       \
    HANDLER(name##sd_m)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        uint64_t b = load_m64(c, i), *d = &c->xmm[i->reg].q[0];             \
        *d = arith64(c, i, op, *d, b);                                      \
    }                                                                       \
    HANDLER(name##ss_r)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        uint32_t *d = &c->xmm[i->reg].d[0];                                 \
        *d = arith32(c, i, op, *d, c->xmm[i->rm].d[0]);                     \
    }                                                                       \
    HANDLER(name##ss_m)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        uint32_t b = load_m32(c, i), *d = &c->xmm[i->reg].d[0];             \
        *d = arith32(c, i, op, *d, b);                                      \
    }                                                                       \
    HANDLER(name##pd_r)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        c->xmm[i->reg] = packed64(c, i, op, c->xmm[i->reg], c->xmm[i->rm]); \
    }                                                                       \
    HANDLER(name##pd_m)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        V b = load128(c, i);                                                \
        c->xmm[i->reg] = packed64(c, i, op, c->xmm[i->reg], b);             \
    }                                                                       \
    HANDLER(name##ps_r)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        c->xmm[i->reg] = packed32(c, i, op, c->xmm[i->reg], c->xmm[i->rm]); \
    }                                                                       \
    HANDLER(name##ps_m)                                                     \
    {                                                                       \
        sse_enter(c, i);                                                    \
        V b = load128(c, i);                                                \
        c->xmm[i->reg] = packed32(c, i, op, c->xmm[i->reg], b);             \
    }
ARITH(add, FP_ADD)
ARITH(sub, FP_SUB)
ARITH(mul, FP_MUL)
ARITH(div, FP_DIV)
ARITH(min, FP_MIN)
ARITH(max, FP_MAX)

/* SSE3: subtract in even lanes and add in odd ones; add or subtract neighbours. */
HANDLER(addsubps)
{
    sse_enter(c, i);
    V b = operand128(c, i);
    c->xmm[i->reg] = slow_packed32(c, i, FP_SUB, FP_ADD, c->xmm[i->reg], b);
}

HANDLER(addsubpd)
{
    sse_enter(c, i);
    V b = operand128(c, i);
    c->xmm[i->reg] = slow_packed64(c, i, FP_SUB, FP_ADD, c->xmm[i->reg], b);
}

static void horizontal32(struct vcpu *c, const struct insn *i, enum fp_op op)
{
    V a = c->xmm[i->reg], b = operand128(c, i);
    V even = {.d = {a.d[0], a.d[2], b.d[0], b.d[2]}}, odd = {.d = {a.d[1], a.d[3], b.d[1], b.d[3]}};
    c->xmm[i->reg] = slow_packed32(c, i, op, op, even, odd);
}

static void horizontal64(struct vcpu *c, const struct insn *i, enum fp_op op)
{
    V a = c->xmm[i->reg], b = operand128(c, i);
    V even = {.q = {a.q[0], b.q[0]}}, odd = {.q = {a.q[1], b.q[1]}};
    c->xmm[i->reg] = slow_packed64(c, i, op, op, even, odd);
}

HANDLER(haddps)
{
    sse_enter(c, i);
    horizontal32(c, i, FP_ADD);
}

HANDLER(hsubps)
{
    sse_enter(c, i);
    horizontal32(c, i, FP_SUB);
}

HANDLER(haddpd)
{
    sse_enter(c, i);
    horizontal64(c, i, FP_ADD);
}

HANDLER(hsubpd)
{
    sse_enter(c, i);
    horizontal64(c, i, FP_SUB);
}

/* --- square roots and approximations
 * ----------------------------------------------------------------- */

static inline uint64_t root64(struct vcpu *c, struct fp_env *e, uint64_t a)
{
    if (likely(host_serves(c) && is_normal64(a) && !(a >> 63)))
        return double_bits(sqrt(as_double(a)));
    return f64_sqrt(e, a);
}

static inline uint32_t root32(struct vcpu *c, struct fp_env *e, uint32_t a)
{
    if (likely(host_serves(c) && is_normal32(a) && !(a >> 31)))
        return float_bits(sqrtf(as_float(a)));
    return f32_sqrt(e, a);
}

HANDLER(sqrtsd)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint64_t r = root64(c, &e, operand64(c, i));
    sse_finish(c, i, &e);
    c->xmm[i->reg].q[0] = r;
}

HANDLER(sqrtss)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint32_t r = root32(c, &e, operand32(c, i));
    sse_finish(c, i, &e);
    c->xmm[i->reg].d[0] = r;
}

HANDLER(sqrtpd)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 2; k++)
        r.q[k] = root64(c, &e, b.q[k]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

HANDLER(sqrtps)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = root32(c, &e, b.d[k]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

/* RCPPS, RSQRTPS: the manual allows a relative error of 1.5 * 2^-12; this is the correctly rounded
 * value. No exceptions; denormals count as zeros, tiny results become zeros. */
static uint32_t reciprocal(uint32_t a, bool of_root)
{
    uint32_t sign = a & UINT32_C(0x80000000), magnitude = a & 0x7FFFFFFF;
    if (magnitude > 0x7F800000)
        return a | 0x00400000;
    if (magnitude < 0x00800000)
        return sign | 0x7F800000;
    if (of_root && sign)
        return F32_DEFAULT_NAN;
    if (magnitude == 0x7F800000)
        return sign;
    struct fp_env e = {.rounding = FP_NEAREST, .masked = FP_ALL, .ftz = true};
    if (of_root)
        a = f32_sqrt(&e, a);
    return f32_arith(&e, FP_DIV, UINT32_C(0x3F800000), a);
}

#define APPROXIMATE(name, of_root)                                  \
    HANDLER(name##ss)                                               \
    {                                                               \
        sse_enter(c, i);                                            \
        c->xmm[i->reg].d[0] = reciprocal(operand32(c, i), of_root); \
    }                                                               \
    HANDLER(name##ps)                                               \
    {                                                               \
        sse_enter(c, i);                                            \
        V b = operand128(c, i);                                     \
        for (unsigned k = 0; k < 4; k++)                            \
            c->xmm[i->reg].d[k] = reciprocal(b.d[k], of_root);      \
    }
APPROXIMATE(rcp, false)
APPROXIMATE(rsqrt, true)

/* --- comparison
 * ---------------------------------------------------------------------------------------- */

/* COMISS and the like: ZF, PF, CF; the other arithmetic flags are cleared. */
static inline void report_eflags(struct vcpu *c, enum fp_relation r)
{
    static const uint8_t flags[] = {[FP_LESS] = FLAG_CF,
                                    [FP_EQUAL] = FLAG_ZF,
                                    [FP_GREATER] = 0,
                                    [FP_UNORDERED] = FLAG_ZF | FLAG_PF | FLAG_CF};
    flags_set_arith(c, flags[r]);
}

#define RELATION(a, b) ((a) < (b) ? FP_LESS : (a) > (b) ? FP_GREATER : FP_EQUAL)

static inline void compare64(struct vcpu *c, const struct insn *i, bool quiet)
{
    uint64_t b = operand64(c, i), a = c->xmm[i->reg].q[0];
    if (likely(is_normal64(a) && is_normal64(b))) {
        report_eflags(c, RELATION(as_double(a), as_double(b)));
        return;
    }
    struct fp_env e;
    sse_env(c, &e);
    enum fp_relation r = f64_compare(&e, a, b, quiet);
    sse_finish(c, i, &e);
    report_eflags(c, r);
}

static inline void compare32(struct vcpu *c, const struct insn *i, bool quiet)
{
    uint32_t b = operand32(c, i), a = c->xmm[i->reg].d[0];
    if (likely(is_normal32(a) && is_normal32(b))) {
        report_eflags(c, RELATION(as_float(a), as_float(b)));
        return;
    }
    struct fp_env e;
    sse_env(c, &e);
    enum fp_relation r = f32_compare(&e, a, b, quiet);
    sse_finish(c, i, &e);
    report_eflags(c, r);
}

HANDLER(ucomisd)
{
    sse_enter(c, i);
    compare64(c, i, true);
}

HANDLER(comisd)
{
    sse_enter(c, i);
    compare64(c, i, false);
}

HANDLER(ucomiss)
{
    sse_enter(c, i);
    compare32(c, i, true);
}

HANDLER(comiss)
{
    sse_enter(c, i);
    compare32(c, i, false);
}

/* CMPPS's predicates 0..7: EQ LT LE UNORD NEQ NLT NLE ORD. Bit n of the entry: true for relation n.
 * LT, LE and their negations signal on quiet NaNs. */
static inline bool predicate_holds(unsigned predicate, enum fp_relation r)
{
    static const uint8_t holds[8] = {
        1 << FP_EQUAL,
        1 << FP_LESS,
        1 << FP_LESS | 1 << FP_EQUAL,
        1 << FP_UNORDERED,
        0xF & ~(1 << FP_EQUAL),
        0xF & ~(1 << FP_LESS),
        0xF & ~(1 << FP_LESS | 1 << FP_EQUAL),
        0xF & ~(1 << FP_UNORDERED),
    };
    return holds[predicate] >> r & 1;
}

static inline bool predicate_quiet(unsigned predicate)
{
    return (predicate & 3) == 0 || (predicate & 3) == 3;
}

static inline uint64_t mask64(struct fp_env *e, unsigned p, uint64_t a, uint64_t b)
{
    return predicate_holds(p, f64_compare(e, a, b, predicate_quiet(p))) ? UINT64_MAX : 0;
}

static inline uint32_t mask32(struct fp_env *e, unsigned p, uint32_t a, uint32_t b)
{
    return predicate_holds(p, f32_compare(e, a, b, predicate_quiet(p))) ? UINT32_MAX : 0;
}

HANDLER(cmpsd_sse)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint64_t b = operand64(c, i), r = mask64(&e, i->imm & 7, c->xmm[i->reg].q[0], b);
    sse_finish(c, i, &e);
    c->xmm[i->reg].q[0] = r;
}

HANDLER(cmpss_sse)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    uint32_t b = operand32(c, i), r = mask32(&e, i->imm & 7, c->xmm[i->reg].d[0], b);
    sse_finish(c, i, &e);
    c->xmm[i->reg].d[0] = r;
}

HANDLER(cmppd_sse)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 2; k++)
        r.q[k] = mask64(&e, i->imm & 7, c->xmm[i->reg].q[k], b.q[k]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

HANDLER(cmpps_sse)
{
    sse_enter(c, i);
    struct fp_env e;
    sse_env(c, &e);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = mask32(&e, i->imm & 7, c->xmm[i->reg].d[k], b.d[k]);
    sse_finish(c, i, &e);
    c->xmm[i->reg] = r;
}

_Noreturn void sse_raise_unmasked(struct vcpu *c, const struct insn *i, uint32_t raised)
{
    uint32_t masked = c->mxcsr >> 7 & FP_ALL;
    if (raised & ~masked & FP_PRE) /* nothing was computed */
        raised &= FP_PRE;
    c->mxcsr |= raised & FP_ALL;
    c->cur = i;
    cpu_raise(c, c->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}
