/* cpu/softfloat/wide.h: 128-bit floating point for the transcendental functions. Truncating,
 * without special values: some 120 good bits where 64 are asked. */
#ifndef UMBRA_CPU_SOFTFLOAT_WIDE_H
#define UMBRA_CPU_SOFTFLOAT_WIDE_H

#include "cpu/softfloat/num.h"

/* sig / 2^127 * 2^exp, sig's top bit set; zero when sig is 0. */
struct wide {
    u128 sig;
    int32_t exp;
    uint8_t sign;
};

extern const u128 sin_series[18], cos_series[18], atan_series[12], exp_series[17];
extern const struct wide atan_table[33];
extern const struct wide log2_table[47]; /* of j - 45, see make_tables.py */
extern const struct wide exp2m1_table[65];
extern const struct wide wide_pi, wide_ln2, wide_two_log2e;

#define ONE_Q127 ((u128)1 << 127)

static inline u128 mul_high(u128 a, u128 b)
{
    uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a, bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
    u128 mid1 = (u128)ah * bl, mid2 = (u128)al * bh, low = (u128)al * bl;
    u128 carry = (low >> 64) + (uint64_t)mid1 + (uint64_t)mid2;
    return (u128)ah * bh + (mid1 >> 64) + (mid2 >> 64) + (carry >> 64);
}

static inline struct wide wide_normal(u128 sig, int32_t exp, bool sign)
{
    if (sig == 0)
        return (struct wide){0, 0, sign};
    uint64_t hi = (uint64_t)(sig >> 64);
    int shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)sig);
    return (struct wide){sig << shift, exp - shift, sign};
}

static inline struct wide wide_from_num(struct num n)
{
    if (n.kind == KIND_ZERO)
        return (struct wide){0, 0, n.sign};
    return (struct wide){(u128)n.sig << 64, n.exp - BIAS, n.sign};
}

static inline struct wide wide_negated(struct wide a)
{
    a.sign ^= 1;
    return a;
}

struct wide wide_mul(struct wide a, struct wide b);
struct wide wide_add(struct wide a, struct wide b);
struct wide wide_div(struct wide a, struct wide b); /* b is not 0 */
struct wide wide_from_int(int32_t v);

/* |a| as Q0.128; a is below 1. */
static inline u128 wide_fraction(struct wide a)
{
    int32_t shift = -(a.exp + 1);
    return shift >= 128 ? 0 : a.sig >> shift;
}

/* sum of (+-1)^k series[k] t^k in Q1.127, t in Q0.128. An alternating sum that comes out as 1 is
 * told as just below it, so that rounding goes the right way. */
static inline u128 series_sum(const u128 *series, int terms, u128 t, bool alternating)
{
    u128 sum = series[terms - 1];
    for (int k = terms - 2; k >= 0; k--) {
        u128 p = mul_high(sum, t);
        sum = alternating ? series[k] - p : series[k] + p;
    }
    return alternating && sum == ONE_Q127 ? ONE_Q127 - 1 : sum;
}

/* Rounds to 80 bits as an inexact result. */
static inline struct f80 wide_pack(struct fp_env *e, struct wide a)
{
    struct exact x = {(uint64_t)(a.sig >> 64), (uint64_t)a.sig | 1, a.exp + BIAS, a.sign,
                      a.sig ? KIND_FINITE : KIND_ZERO};
    return f80_pack_slow(e, FP_PC64, x);
}

#endif
