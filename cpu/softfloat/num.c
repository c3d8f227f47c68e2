/* Rounding, and the exact results of the basic operations. */
#include <math.h>

#include "cpu/softfloat/num.h"

static struct num overflow(struct fp_env *e, struct format f, struct cut c, int32_t exp, bool sign)
{
    e->raised |= FP_OE;
    if (!(e->masked & FP_OE)) {
        if (c.inexact)
            e->raised |= FP_PE | (c.up ? FP_C1 : 0);
        return (struct num){c.sig, exp - 24576, sign, KIND_FINITE, false};
    }
    e->raised |= FP_PE;
    bool to_inf = e->rounding == FP_NEAREST || (e->rounding == FP_UP && !sign) ||
                  (e->rounding == FP_DOWN && sign);
    if (to_inf) {
        e->raised |= FP_C1;
        return (struct num){TOP64, 0, sign, KIND_INF, false};
    }
    return (struct num){~UINT64_C(0) << (64 - f.bits), f.emax, sign, KIND_FINITE, false};
}

/* x is below the least normal number, also when rounded with an unbounded exponent. */
static struct num underflow(struct fp_env *e, struct format f, struct exact x, struct cut c,
                            int32_t exp)
{
    if (!(e->masked & FP_UE)) {
        e->raised |= FP_UE;
        if (c.inexact)
            e->raised |= FP_PE | (c.up ? FP_C1 : 0);
        return (struct num){c.sig, exp + 24576, x.sign, KIND_FINITE, false};
    }
    if (e->ftz) {
        e->raised |= FP_UE | FP_PE;
        return (struct num){0, 0, x.sign, KIND_ZERO, false};
    }
    u128 v = shift_right_sticky((u128)x.hi << 64 | x.lo, (uint32_t)(f.emin - x.exp));
    c = cut_at(e->rounding, x.sign, (uint64_t)(v >> 64), (uint64_t)v, f.bits);
    if (c.inexact)
        e->raised |= FP_UE | FP_PE | (c.up ? FP_C1 : 0);
    return (struct num){c.sig, f.emin, x.sign, c.sig ? KIND_FINITE : KIND_ZERO, false};
}

struct num num_round(struct fp_env *e, struct format f, struct exact x)
{
    struct cut c = cut_at(e->rounding, x.sign, x.hi, x.lo, f.bits);
    int32_t exp = x.exp;
    if (c.carry) {
        c.sig = TOP64;
        exp++;
    }
    if (unlikely(exp < f.emin))
        return underflow(e, f, x, c, exp);
    if (unlikely(exp > f.emax))
        return overflow(e, f, c, exp, x.sign);
    if (c.inexact)
        e->raised |= FP_PE | (c.up ? FP_C1 : 0);
    return (struct num){c.sig, exp, x.sign, KIND_FINITE, false};
}

struct f80 f80_pack_slow(struct fp_env *e, unsigned precision, struct exact x)
{
    static const uint8_t bits_of[4] = {24, 64, 53, 64};
    switch (x.kind) {
    case KIND_BAD:
        return F80_DEFAULT_NAN;
    case KIND_INF:
        return f80_infinity(x.sign);
    case KIND_ZERO:
        return f80_signed_zero(x.sign);
    }
    struct format f = {bits_of[precision & 3], 1, 0x7FFE};
    struct num r = num_round(e, f, x);
    if (unlikely(r.kind == KIND_FINITE && (r.exp < f.emin || r.exp > f.emax))) {
        /* FSCALE: out of range even with the wrapped exponent. The sign's infinity or zero. */
        e->raised = (e->raised & ~(uint32_t)FP_C1) | FP_PE | (r.exp > f.emax ? FP_C1 : 0);
        return r.exp > f.emax ? f80_infinity(r.sign) : f80_signed_zero(r.sign);
    }
    if (r.kind == KIND_INF)
        return f80_infinity(r.sign);
    if (r.kind == KIND_ZERO)
        return f80_signed_zero(r.sign);
    int32_t exp = r.sig & TOP64 ? r.exp : 0;
    return (struct f80){r.sig, (uint16_t)((r.sign << 15) | exp)};
}

static uint64_t ieee_pack(struct fp_env *e, struct exact x, struct format f, unsigned ebits,
                          unsigned fbits)
{
    uint64_t sign = (uint64_t)x.sign << (ebits + fbits);
    uint64_t exp_max = (UINT64_C(1) << ebits) - 1, inf = exp_max << fbits;
    if (x.kind == KIND_BAD)
        return UINT64_C(1) << (ebits + fbits) | inf | UINT64_C(1) << (fbits - 1);
    if (x.kind == KIND_INF)
        return sign | inf;
    if (x.kind == KIND_ZERO)
        return sign;
    struct num r = num_round(e, f, x);
    if (r.kind == KIND_INF)
        return sign | inf;
    if (r.kind == KIND_ZERO)
        return sign;
    uint64_t frac = (r.sig << 1) >> (64 - fbits);
    uint64_t exp = r.sig & TOP64 ? (uint64_t)(r.exp - f.emin + 1) & exp_max : 0;
    return sign | exp << fbits | frac;
}

uint32_t f32_pack(struct fp_env *e, struct exact x)
{
    return (uint32_t)ieee_pack(e, x, FORMAT_F32, 8, 23);
}

uint64_t f64_pack(struct fp_env *e, struct exact x)
{
    return ieee_pack(e, x, FORMAT_F64, 11, 52);
}

/* --- exact results ------------------------------------------------------------------------- */

static struct exact invalid(struct fp_env *e)
{
    e->raised |= FP_IE;
    return (struct exact){0, 0, 0, 1, KIND_BAD};
}

static void note_denormal(struct fp_env *e, struct num a, struct num b)
{
    if (a.denormal || b.denormal)
        e->raised |= FP_DE;
}

static struct exact exact_of(struct num a)
{
    return (struct exact){a.sig, 0, a.exp, a.sign, a.kind};
}

struct exact exact_add(struct fp_env *e, struct num a, struct num b)
{
    if (a.kind == KIND_INF && b.kind == KIND_INF && a.sign != b.sign)
        return invalid(e);
    note_denormal(e, a, b);
    if (a.kind == KIND_INF || b.kind == KIND_INF)
        return exact_of(a.kind == KIND_INF ? a : b);
    if (a.kind == KIND_ZERO || b.kind == KIND_ZERO) {
        struct exact r = exact_of(a.kind == KIND_ZERO ? b : a);
        if (a.kind == b.kind && a.sign != b.sign)
            r.sign = e->rounding == FP_DOWN;
        return r;
    }
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct num t = a;
        a = b;
        b = t;
    }
    struct exact r = {0, 0, 0, a.sign, KIND_FINITE};
    if (a.sign == b.sign) {
        magnitude_add(a, b, &r.exp, &r.hi, &r.lo);
    } else if (a.exp == b.exp && a.sig == b.sig) {
        r.kind = KIND_ZERO;
        r.sign = e->rounding == FP_DOWN;
    } else {
        magnitude_sub(a, b, &r.exp, &r.hi, &r.lo);
    }
    return r;
}

struct exact exact_mul(struct fp_env *e, struct num a, struct num b)
{
    struct exact r = {0, 0, 0, a.sign ^ b.sign, KIND_FINITE};
    if ((a.kind == KIND_INF && b.kind == KIND_ZERO) || (a.kind == KIND_ZERO && b.kind == KIND_INF))
        return invalid(e);
    note_denormal(e, a, b);
    if (a.kind == KIND_INF || b.kind == KIND_INF) {
        r.kind = KIND_INF;
    } else if (a.kind == KIND_ZERO || b.kind == KIND_ZERO) {
        r.kind = KIND_ZERO;
    } else {
        magnitude_mul(a.sig, b.sig, &r.exp, &r.hi, &r.lo);
        r.exp += a.exp + b.exp - BIAS;
    }
    return r;
}

struct exact exact_div(struct fp_env *e, struct num a, struct num b)
{
    struct exact r = {0, 0, 0, a.sign ^ b.sign, KIND_FINITE};
    if (a.kind == b.kind && (a.kind == KIND_INF || a.kind == KIND_ZERO))
        return invalid(e);
    if (b.kind == KIND_ZERO && a.kind != KIND_INF) {
        e->raised |= FP_ZE;
        r.kind = KIND_INF;
        return r;
    }
    note_denormal(e, a, b);
    if (a.kind == KIND_INF) {
        r.kind = KIND_INF;
    } else if (a.kind == KIND_ZERO || b.kind == KIND_INF) {
        r.kind = KIND_ZERO;
    } else {
        magnitude_div(a.sig, b.sig, &r.exp, &r.hi, &r.lo);
        r.exp += a.exp - b.exp + BIAS;
    }
    return r;
}

/* The root of n, of which one of the two top bits is set, rounded down: an estimate by the host,
 * one correction by Newton, and the last bit made sure of. */
static uint64_t root128(u128 n)
{
    double estimate = sqrt((double)(uint64_t)(n >> 64)) * 4294967296.0;
    uint64_t r =
        estimate >= 18446744073709549568.0 ? UINT64_C(0xFFFFFFFFFFFFF800) : (uint64_t)estimate;
    if (r < TOP64)
        r = TOP64;
    s128 rest = (s128)(n - (u128)r * r); /* fits: the estimate is good to 50 bits */
    double step = (double)rest / (2.0 * (double)r);
    s128 next = (s128)r + (int64_t)step;
    r = next > (s128)UINT64_MAX ? UINT64_MAX : (uint64_t)next;
    while ((u128)r * r > n)
        r--;
    while (r != UINT64_MAX && (u128)(r + 1) * (r + 1) <= n)
        r++;
    return r;
}

struct exact exact_sqrt(struct fp_env *e, struct num a)
{
    struct exact r = exact_of(a);
    if (a.kind == KIND_ZERO)
        return r;
    if (a.sign)
        return invalid(e);
    note_denormal(e, a, a);
    if (a.kind == KIND_INF)
        return r;
    /* Make the exponent even: value = n / 2^126 * 4^k, n in [2^126, 2^128). */
    int32_t power = a.exp - BIAS;
    bool odd = power & 1;
    u128 n = (u128)a.sig << (63 + odd);
    r.hi = root128(n);
    r.exp = (power - odd) / 2 + BIAS;
    u128 rest = n - (u128)r.hi * r.hi;
    r.lo = rest == 0 ? 0 : rest > r.hi ? TOP64 | 1 : 1;
    return r;
}

/* --- integers and comparison --------------------------------------------------------------- */

bool num_round_magnitude(struct fp_env *e, struct num a, uint64_t *out)
{
    *out = 0;
    if (a.kind == KIND_ZERO)
        return true;
    int32_t power = a.exp - BIAS;
    if (power > 63)
        return false;
    u128 v = power < -1 ? 1 : (u128)a.sig << 64 >> (63 - power);
    struct cut c = cut_at(e->rounding, a.sign, (uint64_t)(v >> 64), (uint64_t)v, 64);
    if (c.carry)
        return false;
    if (c.inexact)
        e->raised |= FP_PE | (c.up ? FP_C1 : 0);
    *out = c.sig;
    return true;
}

int64_t num_to_int(struct fp_env *e, struct num a, unsigned bits_)
{
    int64_t indefinite = (int64_t)(~UINT64_C(0) << (bits_ - 1));
    uint64_t limit = UINT64_C(1) << (bits_ - 1), m = 0;
    uint32_t before = e->raised;
    if (a.kind >= KIND_INF || !num_round_magnitude(e, a, &m) || m > limit - !a.sign) {
        e->raised = before | FP_IE;
        return indefinite;
    }
    return (int64_t)(a.sign ? 0 - m : m);
}

enum fp_relation num_compare(struct fp_env *e, struct num a, struct num b, bool quiet)
{
    if (a.kind >= KIND_QNAN || b.kind >= KIND_QNAN) {
        if (!quiet || a.kind > KIND_QNAN || b.kind > KIND_QNAN)
            e->raised |= FP_IE;
        return FP_UNORDERED;
    }
    note_denormal(e, a, b);
    if (a.kind == KIND_ZERO && b.kind == KIND_ZERO)
        return FP_EQUAL;
    if (a.kind == KIND_ZERO)
        return b.sign ? FP_GREATER : FP_LESS;
    if (b.kind == KIND_ZERO || a.sign != b.sign)
        return a.sign ? FP_LESS : FP_GREATER;
    if (a.kind == KIND_INF || b.kind == KIND_INF) {
        if (a.kind == b.kind)
            return FP_EQUAL;
        return (a.kind == KIND_INF) == (bool)a.sign ? FP_LESS : FP_GREATER;
    }
    if (a.exp == b.exp && a.sig == b.sig)
        return FP_EQUAL;
    bool smaller = a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig);
    return smaller == (bool)a.sign ? FP_GREATER : FP_LESS;
}
