/* 80-bit remainder, scaling, rounding to an integer, and constants. */
#include "cpu/softfloat/num.h"

struct f80 f80_round_to_int(struct fp_env *e, struct f80 a)
{
    struct num n = num_from_f80(a);
    if (n.kind >= KIND_QNAN)
        return f80_nan(e, a, a);
    if (n.kind != KIND_FINITE || n.exp >= BIAS + 63)
        return a;
    if (n.denormal)
        e->raised |= FP_DE;
    uint64_t m;
    (void)num_round_magnitude(e, n, &m); /* below 2^63: it always fits */
    if (m == 0)
        return f80_signed_zero(n.sign);
    unsigned shift = (unsigned)__builtin_clzll(m);
    return (struct f80){m << shift, (uint16_t)((n.sign << 15) | (BIAS + 63 - (int)shift))};
}

static struct f80 invalid(struct fp_env *e)
{
    e->raised |= FP_IE;
    return F80_DEFAULT_NAN;
}

/* The integer part of n, held within +-65536: beyond that every scaling overflows. */
static int32_t scale_count(struct num n)
{
    int32_t power = n.exp - BIAS;
    if (n.kind == KIND_ZERO || power < 0)
        return 0;
    int32_t m = power >= 16 ? 65536 : (int32_t)(n.sig >> (63 - power));
    return n.sign ? -m : m;
}

struct f80 f80_scale(struct fp_env *e, struct f80 a, struct f80 by)
{
    struct num na = num_from_f80(a), nb = num_from_f80(by);
    if (na.kind >= KIND_QNAN || nb.kind >= KIND_QNAN)
        return f80_nan(e, a, by);
    if (nb.kind == KIND_INF) {
        if ((na.kind == KIND_ZERO && !nb.sign) || (na.kind == KIND_INF && nb.sign))
            return invalid(e);
        if (na.denormal)
            e->raised |= FP_DE;
        return nb.sign                ? f80_signed_zero(na.sign)
               : na.kind == KIND_ZERO ? a
                                      : f80_infinity(na.sign);
    }
    if (na.denormal || nb.denormal)
        e->raised |= FP_DE;
    if (na.kind != KIND_FINITE)
        return a;
    struct exact r = {na.sig, 0, na.exp + scale_count(nb), na.sign, KIND_FINITE};
    return f80_pack_slow(e, FP_PC64, r);
}

struct f80 f80_from_int(int64_t a)
{
    if (a == 0)
        return f80_signed_zero(false);
    uint64_t m = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
    unsigned shift = (unsigned)__builtin_clzll(m);
    return (struct f80){m << shift, (uint16_t)((a < 0 ? 0x8000 : 0) | (BIAS + 63 - (int)shift))};
}

struct f80 f80_extract(struct fp_env *e, struct f80 a, struct f80 *significand)
{
    struct num n = num_from_f80(a);
    *significand = a;
    switch (n.kind) {
    case KIND_QNAN:
    case KIND_SNAN:
    case KIND_BAD:
        return *significand = f80_nan(e, a, a);
    case KIND_ZERO:
        e->raised |= FP_ZE;
        return f80_infinity(true);
    case KIND_INF:
        return f80_infinity(false);
    }
    if (n.denormal)
        e->raised |= FP_DE;
    *significand = (struct f80){n.sig, (uint16_t)((n.sign << 15) | BIAS)};
    return f80_from_int(n.exp - BIAS);
}

/* One step of a remainder whose quotient has more than 64 bits: the largest multiple of
 * |b| * 2^(d - n) is taken away, n from 32 to 63 (SDM vol. 2, FPREM: it depends on the chip). */
static struct f80 remainder_step(struct fp_env *e, struct num a, struct num b)
{
    int32_t d = a.exp - b.exp, n = (d & 31) | 32;
    uint64_t r = (uint64_t)(((u128)a.sig << n) % b.sig);
    if (r == 0)
        return f80_signed_zero(a.sign);
    unsigned shift = (unsigned)__builtin_clzll(r);
    struct exact x = {r << shift, 0, a.exp - n - (int32_t)shift, a.sign, KIND_FINITE};
    return f80_pack_slow(e, FP_PC64, x);
}

struct f80 f80_remainder(struct fp_env *e, struct f80 a, struct f80 b, bool nearest,
                         uint64_t *quotient, bool *partial)
{
    struct num na = num_from_f80(a), nb = num_from_f80(b);
    *quotient = 0;
    *partial = false;
    if (na.kind >= KIND_QNAN || nb.kind >= KIND_QNAN)
        return f80_nan(e, a, b);
    if (na.kind == KIND_INF || nb.kind == KIND_ZERO)
        return invalid(e);
    if (na.denormal || nb.denormal)
        e->raised |= FP_DE;
    if (na.kind == KIND_ZERO)
        return a;
    struct exact x = {na.sig, 0, na.exp, na.sign, KIND_FINITE};
    if (nb.kind == KIND_INF)
        return f80_pack_slow(e, FP_PC64, x);

    int32_t d = na.exp - nb.exp;
    if (d >= 64) {
        *partial = true;
        return remainder_step(e, na, nb);
    }
    if (d < -1 || (d < 0 && !nearest))
        return f80_pack_slow(e, FP_PC64, x);

    /* In units of b's last bit, or of half of it when a is the smaller. */
    u128 n = d < 0 ? na.sig : (u128)na.sig << d;
    u128 m = d < 0 ? (u128)nb.sig << 1 : nb.sig;
    uint64_t q = (uint64_t)(n / m);
    u128 r = n % m;
    if (nearest && (2 * r > m || (2 * r == m && (q & 1)))) {
        q++;
        r = m - r;
        x.sign ^= 1;
    }
    *quotient = q;
    if (r == 0)
        return f80_signed_zero(na.sign);
    /* r is below 2^64: it is at most half of m when m has 65 bits. */
    unsigned shift = (unsigned)__builtin_clzll((uint64_t)r);
    x.hi = (uint64_t)r << shift;
    x.exp = nb.exp - (d < 0) - (int32_t)shift;
    return f80_pack_slow(e, FP_PC64, x);
}

struct f80 f80_constant(const struct fp_env *e, enum fp_constant which)
{
    static const struct {
        uint64_t sig, tail; /* the next 64 bits: what directed rounding looks at */
        uint16_t exp;
    } table[] = {
        [FP_LOG2_10] = {UINT64_C(0xD49A784BCD1B8AFE), UINT64_C(0x492BF6FF4DAFDB4C), 0x4000},
        [FP_LOG2_E] = {UINT64_C(0xB8AA3B295C17F0BB), UINT64_C(0xBE87FED0691D3E88), 0x3FFF},
        [FP_PI] = {UINT64_C(0xC90FDAA22168C234), UINT64_C(0xC4C6628B80DC1CD1), 0x4000},
        [FP_LOG10_2] = {UINT64_C(0x9A209A84FBCFF798), UINT64_C(0x8F8959AC0B7C9178), 0x3FFD},
        [FP_LN_2] = {UINT64_C(0xB17217F7D1CF79AB), UINT64_C(0xC9E3B39803F2F6AF), 0x3FFE},
    };
    struct cut c = cut_at(e->rounding, false, table[which].sig, table[which].tail, 64);
    return (struct f80){c.sig, table[which].exp};
}
