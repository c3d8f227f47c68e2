/* 80-bit from and to the other formats: single, double, integers, packed BCD. */
#include "cpu/softfloat/num.h"

static struct f80 from_num(struct fp_env *e, struct num n)
{
    uint16_t sign = (uint16_t)(n.sign << 15);
    switch (n.kind) {
    case KIND_ZERO:
        return f80_signed_zero(n.sign);
    case KIND_INF:
        return f80_infinity(n.sign);
    case KIND_SNAN:
        e->raised |= FP_IE;
        /* fall through */
    case KIND_QNAN:
        return (struct f80){n.sig | TOP64 >> 1, sign | 0x7FFF};
    default:
        if (n.denormal)
            e->raised |= FP_DE;
        return (struct f80){n.sig, (uint16_t)(sign | n.exp)};
    }
}

struct f80 f80_from_f32(struct fp_env *e, uint32_t a)
{
    uint32_t exp = (a >> 23) & 0xFF;
    if (likely(exp - 1 < 0xFE))
        return (struct f80){TOP64 | (uint64_t)a << 40,
                            (uint16_t)((a >> 31) << 15 | (exp + BIAS - 127))};
    return from_num(e, num_from_f32(a, false));
}

struct f80 f80_from_f64(struct fp_env *e, uint64_t a)
{
    uint32_t exp = (uint32_t)(a >> 52) & 0x7FF;
    if (likely(exp - 1 < 0x7FE))
        return (struct f80){TOP64 | a << 11, (uint16_t)((a >> 63) << 15 | (exp + BIAS - 1023))};
    return from_num(e, num_from_f64(a, false));
}

static struct f80 widen(struct num n, bool *denormal)
{
    struct fp_env quiet = {0};
    *denormal = n.denormal;
    if (n.kind == KIND_SNAN)
        return (struct f80){n.sig, (uint16_t)(n.sign << 15 | 0x7FFF)};
    return from_num(&quiet, n);
}

struct f80 f80_widen_f32(uint32_t a, bool *denormal)
{
    return widen(num_from_f32(a, false), denormal);
}

struct f80 f80_widen_f64(uint64_t a, bool *denormal)
{
    return widen(num_from_f64(a, false), denormal);
}

/* The bits of a NaN that fit fbits of fraction, quiet; the sign at bit 63. */
static uint64_t nan_fraction(struct fp_env *e, struct f80 a, unsigned fbits, bool *negative)
{
    a = f80_nan(e, a, a);
    *negative = a.se >> 15;
    return (a.sig << 1) >> (64 - fbits);
}

uint32_t f80_to_f32(struct fp_env *e, struct f80 a)
{
    struct num n = num_from_f80(a);
    if (n.kind >= KIND_QNAN) {
        bool negative;
        uint32_t frac = (uint32_t)nan_fraction(e, a, 23, &negative);
        return (uint32_t)negative << 31 | UINT32_C(0x7F800000) | frac;
    }
    return f32_pack(e, (struct exact){n.sig, 0, n.exp, n.sign, n.kind});
}

uint64_t f80_to_f64(struct fp_env *e, struct f80 a)
{
    /* The common case: normal, and normal in double as well, rounding to nearest. */
    int32_t exp = (a.se & 0x7FFF) - BIAS + 1023;
    if (likely((a.sig & TOP64) && (uint32_t)(exp - 1) < 0x7FD && e->rounding == FP_NEAREST)) {
        uint64_t tail = a.sig & 0x7FF;
        uint64_t up = tail > 0x400 || (tail == 0x400 && (a.sig & 0x800));
        if (tail)
            e->raised |= FP_PE | (uint32_t)up << 9;
        /* A carry out of the fraction goes into the exponent, as it must. */
        uint64_t magnitude = ((uint64_t)exp << 52 | (a.sig << 1) >> 12) + up;
        return (uint64_t)(a.se >> 15) << 63 | magnitude;
    }
    struct num n = num_from_f80(a);
    if (n.kind >= KIND_QNAN) {
        bool negative;
        uint64_t frac = nan_fraction(e, a, 52, &negative);
        return (uint64_t)negative << 63 | UINT64_C(0x7FF0000000000000) | frac;
    }
    return f64_pack(e, (struct exact){n.sig, 0, n.exp, n.sign, n.kind});
}

int64_t f80_to_int(struct fp_env *e, struct f80 a, unsigned bits_)
{
    return num_to_int(e, num_from_f80(a), bits_);
}

struct f80 f80_from_bcd(const uint8_t bcd[10])
{
    uint64_t m = 0;
    for (int byte = 8; byte >= 0; byte--)
        m = m * 100 + (bcd[byte] >> 4) * 10u + (bcd[byte] & 15);
    struct f80 r = f80_from_int((int64_t)m); /* at most 15/9 * 10^18: it fits */
    r.se |= (uint16_t)((bcd[9] & 0x80) << 8);
    return r;
}

void f80_to_bcd(struct fp_env *e, struct f80 a, uint8_t bcd[10])
{
    struct num n = num_from_f80(a);
    uint32_t before = e->raised;
    uint64_t m = 0;
    if (n.kind >= KIND_INF || !num_round_magnitude(e, n, &m) || m > UINT64_C(999999999999999999)) {
        static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
        e->raised = before | FP_IE;
        memcpy(bcd, indefinite, 10);
        return;
    }
    for (int byte = 0; byte < 9; byte++) {
        unsigned two = (unsigned)(m % 100);
        bcd[byte] = (uint8_t)(two / 10 << 4 | two % 10);
        m /= 100;
    }
    bcd[9] = n.sign ? 0x80 : 0;
}
