/* F2XM1, FYL2X, FYL2XP1. */
#include "cpu/softfloat/wide.h"

static struct f80 invalid(struct fp_env *e)
{
    e->raised |= FP_IE;
    return F80_DEFAULT_NAN;
}

/* 2^x - 1 for |x| <= 1/64 + a bit: x ln2 (1 + t/2 + t^2/6 ...). */
static struct wide exp2m1_small(struct wide x)
{
    struct wide t = wide_mul(x, wide_ln2);
    if (!t.sig)
        return t;
    u128 sum = series_sum(exp_series, 17, wide_fraction(t), t.sign);
    return wide_mul(t, wide_normal(sum, 0, false));
}

struct f80 f80_f2xm1(struct fp_env *e, struct f80 x)
{
    static const struct f80 minus_one = {TOP64, 0x8000 | BIAS};
    struct num n = num_from_f80(x);
    if (n.kind >= KIND_QNAN)
        return f80_nan(e, x, x);
    if (n.kind == KIND_INF)
        return n.sign ? minus_one : x;
    if (n.denormal)
        e->raised |= FP_DE;
    if (n.kind == KIND_ZERO)
        return x;
    int32_t power = n.exp - BIAS;
    if (power >= 0) { /* 1, -1, or outside of the defined range: then the operand stays */
        if (n.sig != TOP64 || power > 0)
            return x;
        return n.sign ? (struct f80){TOP64, 0x8000 | (BIAS - 1)} : x;
    }
    struct wide w = wide_from_num(n);
    if (power < -6)
        return wide_pack(e, exp2m1_small(w));
    /* x = k / 32 + r, |r| <= 1/64 */
    u128 fixed = w.sig >> -power; /* |x| * 2^127, exact */
    int32_t k = (int32_t)((fixed + ((u128)1 << 121)) >> 122);
    if (n.sign)
        k = -k;
    struct wide small = wide_add(w, wide_normal((u128)(n.sign ? -k : k), 127 - 5, !n.sign));
    struct wide base = exp2m1_table[k + 32], r = exp2m1_small(small);
    r = wide_add(r, wide_mul(r, base)); /* (1 + base) r */
    return wide_pack(e, wide_add(base, r));
}

/* log2((1 + s) / (1 - s)): 2 log2(e) s (1 + s^2/3 + s^4/5 ...), |s| < 2^-6. */
static struct wide log2_of_ratio(struct wide s)
{
    if (!s.sig)
        return s;
    u128 sum = series_sum(atan_series, 12, wide_fraction(wide_mul(s, s)), false);
    return wide_mul(wide_mul(s, wide_normal(sum, 0, false)), wide_two_log2e);
}

/* log2(m * 2^power), m in [1, 2) as Q1.127. */
static struct wide log2_wide(u128 m, int32_t power)
{
    if (m >= (u128)0xB5 << 120) { /* about the root of 2 and above: 2^power+1 times m/2 */
        m >>= 1;
        power++;
    }
    unsigned j = (unsigned)((m + ((u128)1 << 120)) >> 121); /* m * 64 */
    unsigned c = ((1u << 15) / j + 1) / 2;                  /* 256 / m, about */
    u128 mc = j == 64 ? m : (m >> 8) * c;
    bool below = mc < ONE_Q127;
    struct wide u = wide_normal(below ? ONE_Q127 - mc : mc - ONE_Q127, 0, below);
    struct wide r = log2_of_ratio(wide_div(u, wide_add(wide_from_int(2), u)));
    r = wide_add(log2_table[j - 45], r);
    return wide_add(wide_from_int(power), r);
}

struct f80 f80_yl2x(struct fp_env *e, struct f80 y, struct f80 x)
{
    struct num ny = num_from_f80(y), nx = num_from_f80(x);
    if (ny.kind >= KIND_QNAN || nx.kind >= KIND_QNAN)
        return f80_nan(e, x, y);
    if (nx.kind == KIND_ZERO) {
        if (ny.kind == KIND_ZERO)
            return invalid(e);
        if (ny.kind == KIND_FINITE)
            e->raised |= FP_ZE;
        return f80_infinity(!ny.sign);
    }
    if (nx.sign)
        return invalid(e);
    bool is_one = nx.kind == KIND_FINITE && nx.sig == TOP64 && nx.exp == BIAS;
    bool below_one = nx.kind == KIND_FINITE && nx.exp < BIAS;
    if ((nx.kind == KIND_INF && ny.kind == KIND_ZERO) || (ny.kind == KIND_INF && is_one))
        return invalid(e);
    if (nx.denormal || ny.denormal)
        e->raised |= FP_DE;
    if (nx.kind == KIND_INF || ny.kind == KIND_INF)
        return f80_infinity(ny.sign ^ below_one);
    if (ny.kind == KIND_ZERO || is_one)
        return f80_signed_zero(ny.sign ^ below_one);
    if (nx.sig == TOP64) { /* a power of two: y times an integer */
        struct exact r = exact_mul(e, ny, num_from_f80(f80_from_int(nx.exp - BIAS)));
        return f80_pack_slow(e, FP_PC64, r);
    }
    struct wide r = log2_wide((u128)nx.sig << 64, nx.exp - BIAS);
    return wide_pack(e, wide_mul(r, wide_from_num(ny)));
}

struct f80 f80_yl2xp1(struct fp_env *e, struct f80 y, struct f80 x)
{
    struct num ny = num_from_f80(y), nx = num_from_f80(x);
    if (ny.kind >= KIND_QNAN || nx.kind >= KIND_QNAN)
        return f80_nan(e, x, y);
    bool sign = ny.sign ^ nx.sign; /* log2(1 + x) has x's sign */
    if ((nx.kind == KIND_ZERO && ny.kind == KIND_INF) ||
        (nx.kind == KIND_INF && (nx.sign || ny.kind == KIND_ZERO)))
        return invalid(e);
    if (nx.kind == KIND_FINITE && nx.sign && nx.exp >= BIAS)
        return invalid(e); /* 1 + x is not positive */
    if (nx.denormal || ny.denormal)
        e->raised |= FP_DE;
    if (nx.kind == KIND_INF || ny.kind == KIND_INF)
        return f80_infinity(sign);
    if (nx.kind == KIND_ZERO || ny.kind == KIND_ZERO)
        return f80_signed_zero(sign);
    struct wide w = wide_from_num(nx), r;
    if (w.exp < -7) {
        r = log2_of_ratio(wide_div(w, wide_add(wide_from_int(2), w)));
    } else {
        struct wide sum = wide_add(wide_from_int(1), w);
        r = log2_wide(sum.sig, sum.exp);
    }
    return wide_pack(e, wide_mul(r, wide_from_num(ny)));
}
