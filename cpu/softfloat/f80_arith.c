/* 80-bit add, subtract, multiply, divide, square root, compare. Normal operands take a short way;
 * everything else (zeros, denormals, infinities, NaNs, unsupported encodings) is taken apart. */
#include "cpu/softfloat/num.h"

static bool is_nan(struct num n)
{
    return n.kind == KIND_QNAN || n.kind == KIND_SNAN;
}

static struct f80 quieted(struct f80 a)
{
    a.sig |= TOP64 >> 1;
    return a;
}

struct f80 f80_nan(struct fp_env *e, struct f80 a, struct f80 b)
{
    struct num na = num_from_f80(a), nb = num_from_f80(b);
    if (na.kind == KIND_BAD || nb.kind == KIND_BAD) {
        e->raised |= FP_IE;
        return F80_DEFAULT_NAN;
    }
    if (na.kind == KIND_SNAN || nb.kind == KIND_SNAN)
        e->raised |= FP_IE;
    if (!is_nan(nb))
        return quieted(a);
    if (!is_nan(na))
        return quieted(b);
    if (na.kind != nb.kind) /* one of each: the quiet one */
        return na.kind == KIND_QNAN ? a : b;
    a = quieted(a);
    b = quieted(b);
    if (a.sig != b.sig)
        return a.sig > b.sig ? a : b;
    return a.se < b.se ? a : b; /* the same significand: the positive one */
}

typedef struct exact exact_op(struct fp_env *, struct num, struct num);

static struct f80 arith_slow(struct fp_env *e, struct f80 a, struct f80 b, exact_op *op,
                             bool negate_b)
{
    struct num na = num_from_f80(a), nb = num_from_f80(b);
    if (na.kind >= KIND_QNAN || nb.kind >= KIND_QNAN)
        return f80_nan(e, a, b);
    nb.sign ^= negate_b;
    struct exact r = op(e, na, nb);
    if (r.kind != KIND_FINITE)
        return f80_pack_slow(e, e->precision, r);
    return f80_pack_finite(e, e->precision, r.sign, r.exp, r.hi, r.lo);
}

static inline struct num normal_num(struct f80 a)
{
    return (struct num){a.sig, a.se & 0x7FFF, a.se >> 15, KIND_FINITE, false};
}

static inline struct f80 add_signed(struct fp_env *e, struct f80 a, struct f80 b, bool negate_b)
{
    if (unlikely(!f80_is_normal(a) || !f80_is_normal(b)))
        return arith_slow(e, a, b, exact_add, negate_b);
    struct num na = normal_num(a), nb = normal_num(b);
    nb.sign ^= negate_b;
    if (na.exp < nb.exp || (na.exp == nb.exp && na.sig < nb.sig)) {
        struct num t = na;
        na = nb;
        nb = t;
    }
    int32_t exp;
    uint64_t hi, lo;
    if (na.sign == nb.sign) {
        magnitude_add(na, nb, &exp, &hi, &lo);
    } else {
        if (na.exp == nb.exp && na.sig == nb.sig)
            return f80_signed_zero(e->rounding == FP_DOWN);
        magnitude_sub(na, nb, &exp, &hi, &lo);
    }
    return f80_pack_finite(e, e->precision, na.sign, exp, hi, lo);
}

struct f80 f80_add(struct fp_env *e, struct f80 a, struct f80 b)
{
    return add_signed(e, a, b, false);
}

struct f80 f80_sub(struct fp_env *e, struct f80 a, struct f80 b)
{
    return add_signed(e, a, b, true);
}

struct f80 f80_mul(struct fp_env *e, struct f80 a, struct f80 b)
{
    if (unlikely(!f80_is_normal(a) || !f80_is_normal(b)))
        return arith_slow(e, a, b, exact_mul, false);
    int32_t exp;
    uint64_t hi, lo;
    magnitude_mul(a.sig, b.sig, &exp, &hi, &lo);
    exp += (a.se & 0x7FFF) + (b.se & 0x7FFF) - BIAS;
    return f80_pack_finite(e, e->precision, (a.se ^ b.se) >> 15, exp, hi, lo);
}

struct f80 f80_div(struct fp_env *e, struct f80 a, struct f80 b)
{
    if (unlikely(!f80_is_normal(a) || !f80_is_normal(b)))
        return arith_slow(e, a, b, exact_div, false);
    int32_t exp;
    uint64_t hi, lo;
    magnitude_div(a.sig, b.sig, &exp, &hi, &lo);
    exp += (a.se & 0x7FFF) - (b.se & 0x7FFF) + BIAS;
    return f80_pack_finite(e, e->precision, (a.se ^ b.se) >> 15, exp, hi, lo);
}

struct f80 f80_sqrt(struct fp_env *e, struct f80 a)
{
    struct num n = num_from_f80(a);
    if (n.kind >= KIND_QNAN)
        return f80_nan(e, a, a);
    struct exact r = exact_sqrt(e, n);
    if (r.kind != KIND_FINITE)
        return f80_pack_slow(e, e->precision, r);
    return f80_pack_finite(e, e->precision, r.sign, r.exp, r.hi, r.lo);
}

enum fp_relation f80_compare(struct fp_env *e, struct f80 a, struct f80 b, bool quiet)
{
    if (likely(f80_is_normal(a) && f80_is_normal(b))) {
        bool negative = a.se >> 15;
        if (negative != b.se >> 15)
            return negative ? FP_LESS : FP_GREATER;
        if (a.se == b.se && a.sig == b.sig)
            return FP_EQUAL;
        bool smaller = a.se < b.se || (a.se == b.se && a.sig < b.sig);
        return smaller != negative ? FP_LESS : FP_GREATER;
    }
    return num_compare(e, num_from_f80(a), num_from_f80(b), quiet);
}

enum fp_class f80_classify(struct f80 a)
{
    struct num n = num_from_f80(a);
    switch (n.kind) {
    case KIND_ZERO:
        return FP_CLASS_ZERO;
    case KIND_FINITE:
        return n.denormal ? FP_CLASS_DENORMAL : FP_CLASS_NORMAL;
    case KIND_INF:
        return FP_CLASS_INFINITY;
    case KIND_BAD:
        return FP_CLASS_UNSUPPORTED;
    default:
        return FP_CLASS_NAN;
    }
}
