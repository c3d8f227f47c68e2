/* cpu/softfloat/num.h: what the softfloat files share: numbers taken apart, exact results, and the
 * one place where they are rounded.
 *
 * A struct num is an operand of any format: value = sig / 2^63 * 2^(exp - BIAS), sig normalised
 * (bit 63 set) when it is finite and not zero, exp in the 80-bit format's bias and of any range.
 * A struct exact is a result before rounding: 128 bits of significand, the last one sticky. */
#ifndef UMBRA_CPU_SOFTFLOAT_NUM_H
#define UMBRA_CPU_SOFTFLOAT_NUM_H

#include "cpu/softfloat/softfloat.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

#define BIAS  16383
#define TOP64 UINT64_C(0x8000000000000000)

enum num_kind {
    KIND_ZERO,
    KIND_FINITE,
    KIND_INF,
    KIND_QNAN,
    KIND_SNAN,
    KIND_BAD, /* an encoding that the 387 and later refuse; as a result: invalid */
};

struct num {
    uint64_t sig;
    int32_t exp;
    uint8_t sign;
    uint8_t kind; /* enum num_kind */
    bool denormal;
};

struct exact {
    uint64_t hi, lo;
    int32_t exp;
    uint8_t sign;
    uint8_t kind; /* KIND_ZERO, KIND_FINITE, KIND_INF or KIND_BAD */
};

/* Where rounding cuts and which exponents there are, in the 80-bit bias. */
struct format {
    unsigned bits;
    int32_t emin, emax;
};
#define FORMAT_F32 ((struct format){24, 1 - 127 + BIAS, 254 - 127 + BIAS})
#define FORMAT_F64 ((struct format){53, 1 - 1023 + BIAS, 2046 - 1023 + BIAS})

static inline bool f80_is_normal(struct f80 x)
{
    return (x.sig & TOP64) && (x.se & 0x7FFF) - 1u < 0x7FFE;
}

static inline struct num num_from_f80(struct f80 x)
{
    struct num n = {x.sig, x.se & 0x7FFF, x.se >> 15, KIND_FINITE, false};
    if (n.exp == 0) {
        if (!x.sig) {
            n.kind = KIND_ZERO;
        } else { /* denormal; pseudo-denormal when bit 63 is set */
            unsigned shift = (unsigned)__builtin_clzll(x.sig);
            n.sig <<= shift;
            n.exp = 1 - (int32_t)shift;
            n.denormal = true;
        }
    } else if (!(x.sig & TOP64)) {
        n.kind = KIND_BAD;
    } else if (n.exp == 0x7FFF) {
        if (x.sig == TOP64)
            n.kind = KIND_INF;
        else
            n.kind = x.sig & (TOP64 >> 1) ? KIND_QNAN : KIND_SNAN;
    }
    return n;
}

/* An IEEE number of the interchange formats: exponent field of ebits, fraction of fbits. */
static inline struct num num_from_ieee(uint64_t bits_, unsigned ebits, unsigned fbits, bool daz)
{
    uint32_t exp_max = (1u << ebits) - 1;
    uint32_t exp = (uint32_t)(bits_ >> fbits) & exp_max;
    uint64_t frac = (bits_ & ((UINT64_C(1) << fbits) - 1)) << (63 - fbits);
    struct num n = {frac | TOP64, (int32_t)exp + BIAS - (int32_t)(exp_max >> 1),
                    (uint8_t)(bits_ >> (ebits + fbits)) & 1, KIND_FINITE, false};
    if (exp == 0) {
        if (!frac || daz) {
            n.kind = KIND_ZERO;
            n.sig = 0;
        } else {
            unsigned shift = (unsigned)__builtin_clzll(frac);
            n.sig = frac << shift;
            n.exp += 1 - (int32_t)shift;
            n.denormal = true;
        }
    } else if (exp == exp_max) {
        n.kind = !frac ? KIND_INF : frac & (TOP64 >> 1) ? KIND_QNAN : KIND_SNAN;
    }
    return n;
}

static inline struct num num_from_f32(uint32_t x, bool daz)
{
    return num_from_ieee(x, 8, 23, daz);
}

static inline struct num num_from_f64(uint64_t x, bool daz)
{
    return num_from_ieee(x, 11, 52, daz);
}

/* Right shift that keeps a 1 in the last bit for every 1 shifted out. */
static inline u128 shift_right_sticky(u128 v, uint32_t n)
{
    if (n == 0)
        return v;
    if (n >= 128)
        return v != 0;
    return (v >> n) | ((v << (128 - n)) != 0);
}

static inline bool round_away(unsigned rounding, bool sign, bool odd, bool guard, bool sticky)
{
    switch (rounding) {
    case FP_NEAREST:
        return guard && (sticky || odd);
    case FP_DOWN:
        return sign && (guard || sticky);
    case FP_UP:
        return !sign && (guard || sticky);
    default:
        return false;
    }
}

/* hi:lo cut to its upper bits (1..64). */
struct cut {
    uint64_t sig;
    bool carry; /* rounded up to the next power of two: sig is 0 above the cut */
    bool inexact, up;
};

static inline struct cut cut_at(unsigned rounding, bool sign, uint64_t hi, uint64_t lo,
                                unsigned bits_)
{
    struct cut r = {hi, false, false, false};
    uint64_t unit = UINT64_C(1) << (64 - bits_);
    bool guard, sticky;
    if (bits_ == 64) {
        guard = lo >> 63;
        sticky = lo << 1;
    } else {
        guard = hi & (unit >> 1);
        sticky = (hi & ((unit >> 1) - 1)) || lo;
    }
    r.sig &= ~(unit - 1);
    r.inexact = guard || sticky;
    r.up = round_away(rounding, sign, r.sig & unit, guard, sticky);
    if (r.up) {
        r.sig += unit;
        r.carry = r.sig == 0;
    }
    return r;
}

/* Rounds a finite x to format f: exponent range, denormals, overflow (num.c). wrap: unmasked
 * overflow and underflow wrap the exponent. The result's kind is KIND_FINITE (then sig's bit 63
 * is clear for a denormal, whose exp is f.emin), KIND_ZERO or KIND_INF. */
struct num num_round(struct fp_env *e, struct format f, struct exact x);

struct f80 f80_pack_slow(struct fp_env *e, unsigned precision, struct exact x);
uint32_t f32_pack(struct fp_env *e, struct exact x);
uint64_t f64_pack(struct fp_env *e, struct exact x);

/* Rounds and packs hi:lo (bit 63 of hi set). The inline part is the common case. */
static inline struct f80 f80_pack_finite(struct fp_env *e, unsigned precision, bool sign,
                                         int32_t exp, uint64_t hi, uint64_t lo)
{
    if (likely(precision == FP_PC64 && e->rounding == FP_NEAREST && (uint32_t)(exp - 1) < 0x7FFD)) {
        uint64_t up = (lo >> 63) & ((lo << 1 != 0) | (hi & 1));
        hi += up;
        if (unlikely(hi < up)) {
            hi = TOP64;
            exp++;
        }
        if (lo)
            e->raised |= FP_PE | (uint32_t)up << 9;
        return (struct f80){hi, (uint16_t)((sign << 15) | exp)};
    }
    return f80_pack_slow(e, precision, (struct exact){hi, lo, exp, sign, KIND_FINITE});
}

static inline struct f80 f80_signed_zero(bool sign)
{
    return (struct f80){0, (uint16_t)(sign << 15)};
}

static inline struct f80 f80_infinity(bool sign)
{
    return (struct f80){TOP64, (uint16_t)((sign << 15) | 0x7FFF)};
}

/* The result for operands of which one at least is a NaN or unsupported (SDM vol. 1, table 4-7).
 * For one operand pass it twice. */
struct f80 f80_nan(struct fp_env *e, struct f80 a, struct f80 b);

/* Exact results of operands that are no NaNs. They raise FP_IE, FP_ZE and FP_DE. */
struct exact exact_add(struct fp_env *e, struct num a, struct num b);
struct exact exact_mul(struct fp_env *e, struct num a, struct num b);
struct exact exact_div(struct fp_env *e, struct num a, struct num b);
struct exact exact_sqrt(struct fp_env *e, struct num a);

/* To an integer of bits bits; see f80_to_int. */
int64_t num_to_int(struct fp_env *e, struct num a, unsigned bits_);
/* The magnitude of a finite a rounded to an integer; false when it does not fit 64 bits. */
bool num_round_magnitude(struct fp_env *e, struct num a, uint64_t *out);
enum fp_relation num_compare(struct fp_env *e, struct num a, struct num b, bool quiet);

/* sig:0 shifted right, the last bit sticky. */
static inline u128 align_right(uint64_t sig, uint32_t n)
{
    if (likely(n < 64)) /* nothing falls off */
        return (u128)(sig >> n) << 64 | (sig << 1) << (63 - n);
    return shift_right_sticky((u128)sig << 64, n);
}

/* Finite results' parts, for the fast paths: a.exp >= b.exp, or for sub |a| > |b|. */
static inline void magnitude_add(struct num a, struct num b, int32_t *exp, uint64_t *hi,
                                 uint64_t *lo)
{
    u128 bb = align_right(b.sig, (uint32_t)(a.exp - b.exp));
    uint64_t l = (uint64_t)bb, h = a.sig + (uint64_t)(bb >> 64);
    *exp = a.exp;
    if (h < a.sig) {
        l = (l >> 1) | (l & 1) | (h << 63);
        h = (h >> 1) | TOP64;
        ++*exp;
    }
    *hi = h;
    *lo = l;
}

static inline void magnitude_sub(struct num a, struct num b, int32_t *exp, uint64_t *hi,
                                 uint64_t *lo)
{
    u128 d = ((u128)a.sig << 64) - align_right(b.sig, (uint32_t)(a.exp - b.exp));
    uint64_t h = (uint64_t)(d >> 64);
    unsigned shift =
        h ? (unsigned)__builtin_clzll(h) : 64u + (unsigned)__builtin_clzll((uint64_t)d);
    d <<= shift;
    *exp = a.exp - (int32_t)shift;
    *hi = (uint64_t)(d >> 64);
    *lo = (uint64_t)d;
}

static inline void magnitude_mul(uint64_t a, uint64_t b, int32_t *exp, uint64_t *hi, uint64_t *lo)
{
    u128 p = (u128)a * b;
    unsigned shift = !(uint64_t)(p >> 127);
    p <<= shift;
    *exp = 1 - (int32_t)shift;
    *hi = (uint64_t)(p >> 64);
    *lo = (uint64_t)p;
}

static inline void magnitude_div(uint64_t a, uint64_t b, int32_t *exp, uint64_t *hi, uint64_t *lo)
{
    bool less = a < b;
    u128 n = (u128)a << (63 + less);
    uint64_t q = (uint64_t)(n / b), r = (uint64_t)n - q * b;
    *exp = -(int32_t)less;
    *hi = q;
    /* The rest of the quotient is r / b: half or more is the guard bit. */
    *lo = r == 0 ? 0 : r > b - r ? TOP64 | 1 : r == b - r ? TOP64 : 1;
}

#endif
