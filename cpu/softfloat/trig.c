/* FSIN, FCOS, FSINCOS, FPTAN, FPATAN.
 *
 * The argument is reduced exactly, modulo the x87's own pi/2, of 66 bits (SDM vol. 1, 8.3.8):
 * pi = C90FDAA22168C234C (hex) * 2^-66. What is left is below pi/4 and has at most 66 bits. */
#include "cpu/softfloat/wide.h"

#define HALF_PI_Q65 ((u128)0x3 << 64 | UINT64_C(0x243F6A8885A308D3)) /* pi/2 * 2^65 */

struct reduced {
    struct wide r;     /* |r| <= pi/4 */
    unsigned quadrant; /* x = r + quadrant * pi/2, modulo 2 pi */
};

/* n is finite and below 2^63. */
static struct reduced reduce(struct num n)
{
    int32_t power = n.exp - BIAS;
    if (power < -1) /* below 1/2 */
        return (struct reduced){wide_from_num(n), 0};
    u128 rest = n.sig; /* times 2^(power + 2), in units of 2^-65 */
    uint64_t q = 0;
    if (power < 0) /* 1/2 <= x < 1: pi/2 is not in it, but pi/4 may be */
        rest <<= 1;
    for (int32_t k = 0; k < power + 2 && power >= 0; k++) {
        rest <<= 1;
        q <<= 1;
        if (rest >= HALF_PI_Q65) {
            rest -= HALF_PI_Q65;
            q |= 1;
        }
    }
    bool sign = n.sign;
    if (2 * rest > HALF_PI_Q65) {
        rest = HALF_PI_Q65 - rest;
        q++;
        sign = !sign;
    }
    unsigned quadrant = (unsigned)q & 3;
    return (struct reduced){wide_normal(rest, 127 - 65, sign),
                            n.sign ? (4 - quadrant) & 3 : quadrant};
}

static struct wide sine_of(struct wide r)
{
    u128 t = wide_fraction(wide_mul(r, r));
    return wide_mul(r, wide_normal(series_sum(sin_series, 18, t, true), 0, false));
}

static struct wide cosine_of(struct wide r)
{
    u128 t = r.sig ? wide_fraction(wide_mul(r, r)) : 0;
    return wide_normal(series_sum(cos_series, 18, t, true), 0, false);
}

/* True when the operand was dealt with: *special is then the result for sine and tangent, and
 * *special_cosine that for the cosine. */
static bool trig_special(struct fp_env *e, struct f80 x, struct num n, struct f80 *special,
                         struct f80 *special_cosine)
{
    switch (n.kind) {
    case KIND_ZERO:
        *special = x;
        *special_cosine = (struct f80){TOP64, BIAS};
        return true;
    case KIND_INF:
        e->raised |= FP_IE;
        *special = *special_cosine = F80_DEFAULT_NAN;
        return true;
    case KIND_FINITE:
        if (n.denormal)
            e->raised |= FP_DE;
        return false;
    default:
        *special = *special_cosine = f80_nan(e, x, x);
        return true;
    }
}

void f80_sin_cos(struct fp_env *e, struct f80 x, struct f80 *sine, struct f80 *cosine,
                 bool *out_of_range)
{
    struct num n = num_from_f80(x);
    struct f80 special, special_cosine;
    *out_of_range = n.kind == KIND_FINITE && n.exp >= BIAS + 63;
    if (*out_of_range)
        return;
    if (trig_special(e, x, n, &special, &special_cosine)) {
        if (sine)
            *sine = special;
        if (cosine)
            *cosine = special_cosine;
        return;
    }
    struct reduced a = reduce(n);
    for (unsigned which = 0; which < 2; which++) { /* sine, cosine = sine a quadrant on */
        struct f80 *out = which ? cosine : sine;
        if (!out)
            continue;
        unsigned q = (a.quadrant + which) & 3;
        struct wide v = q & 1 ? cosine_of(a.r) : sine_of(a.r);
        if (q & 2)
            v.sign ^= 1;
        *out = wide_pack(e, v);
    }
}

struct f80 f80_tan(struct fp_env *e, struct f80 x, bool *out_of_range)
{
    struct num n = num_from_f80(x);
    struct f80 special, special_cosine;
    *out_of_range = n.kind == KIND_FINITE && n.exp >= BIAS + 63;
    if (*out_of_range)
        return x;
    if (trig_special(e, x, n, &special, &special_cosine))
        return special;
    struct reduced a = reduce(n);
    struct wide s = sine_of(a.r), c = cosine_of(a.r);
    if (a.quadrant & 1) /* r is not 0: pi/2 is no multiple of any operand */
        return wide_pack(e, wide_negated(wide_div(c, s)));
    return wide_pack(e, wide_div(s, c));
}

/* atan(a / b) for 0 < a <= b, b not 0: the nearest k / 32 is taken out first. */
static struct wide atan_quotient(struct wide a, struct wide b)
{
    int32_t d = b.exp - a.exp;
    unsigned k = 0;
    if (d < 7) {
        double z = (double)(uint64_t)(a.sig >> 64) / (double)(uint64_t)(b.sig >> 64);
        k = (unsigned)(z * 32.0 / (double)(1 << d) + 0.5);
    }
    struct wide z;
    if (k == 0) {
        z = wide_div(a, b);
    } else {
        /* (a - c b) / (b + c a), c = k / 32: exact, both have at most 64 bits */
        u128 fa = a.sig >> (d + 2), fb = b.sig >> 2, ca = (fa >> 5) * k, cb = (fb >> 5) * k;
        bool negative = fa < cb;
        struct wide top = wide_normal(negative ? cb - fa : fa - cb, 0, negative);
        z = wide_div(top, wide_normal(fb + ca, 0, false));
    }
    if (!z.sig)
        return atan_table[k];
    u128 t = wide_fraction(wide_mul(z, z));
    struct wide r = wide_mul(z, wide_normal(series_sum(atan_series, 12, t, true), 0, false));
    return wide_add(atan_table[k], r);
}

/* Multiples of pi/4 for zeros and infinities. */
static struct f80 quarter_pis(struct fp_env *e, int32_t n, bool sign)
{
    struct wide a = wide_mul(wide_pi, wide_from_int(n));
    a.exp -= 2;
    a.sign = sign;
    return wide_pack(e, a);
}

struct f80 f80_atan2(struct fp_env *e, struct f80 y, struct f80 x)
{
    struct num ny = num_from_f80(y), nx = num_from_f80(x);
    if (ny.kind >= KIND_QNAN || nx.kind >= KIND_QNAN)
        return f80_nan(e, y, x);
    if (ny.denormal || nx.denormal)
        e->raised |= FP_DE;
    if (ny.kind == KIND_INF)
        return quarter_pis(e, nx.kind != KIND_INF ? 2 : nx.sign ? 3 : 1, ny.sign);
    if (nx.kind == KIND_INF || ny.kind == KIND_ZERO)
        return nx.sign ? quarter_pis(e, 4, ny.sign) : f80_signed_zero(ny.sign);
    if (nx.kind == KIND_ZERO)
        return quarter_pis(e, 2, ny.sign);

    struct wide a = wide_from_num(ny), b = wide_from_num(nx), r;
    a.sign = b.sign = 0;
    if (a.exp < b.exp || (a.exp == b.exp && a.sig <= b.sig)) {
        r = atan_quotient(a, b);
    } else {
        struct wide half_pi = wide_pi;
        half_pi.exp--;
        r = wide_add(half_pi, wide_negated(atan_quotient(b, a)));
    }
    if (nx.sign)
        r = wide_add(wide_pi, wide_negated(r));
    r.sign = ny.sign;
    return wide_pack(e, r);
}
