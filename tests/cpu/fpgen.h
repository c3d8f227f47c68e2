/* tests/cpu/fpgen.h: random floating-point operands that lean on the edges: zeros, denormals,
 * infinities, NaNs, unsupported encodings, neighbours in exponent, significands of few bits. */
#ifndef UMBRA_TESTS_FPGEN_H
#define UMBRA_TESTS_FPGEN_H

#include "cpu/softfloat/softfloat.h"

struct rng {
    uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->s += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* A significand's bits: random, few ones, few zeros, or cut short. */
static inline uint64_t gen_bits(struct rng *r)
{
    uint64_t v = rng_next(r);
    switch (rng_next(r) & 7) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << (v & 63);
    case 2:
        return ~(UINT64_C(1) << (v & 63));
    case 3:
        return ~UINT64_C(0) << (v & 63);
    case 4:
        return ~UINT64_C(0) >> (v & 63);
    case 5:
        return v & (~UINT64_C(0) << (rng_next(r) & 63));
    default:
        return v;
    }
}

static inline unsigned gen_exponent(struct rng *r, unsigned width)
{
    unsigned max = (1u << width) - 1, bias = max >> 1;
    uint64_t v = rng_next(r);
    switch (rng_next(r) & 15) {
    case 0:
        return 0;
    case 1:
        return max;
    case 2:
        return (unsigned)(v % 70) & max;
    case 3:
        return (max - (unsigned)(v % 70)) & max;
    case 4:
    case 5:
        return (unsigned)v & max;
    default: /* around 1 */
        return (bias - 40 + (unsigned)(v % 110)) & max;
    }
}

static inline struct f80 gen_f80(struct rng *r)
{
    struct f80 x;
    unsigned exp = gen_exponent(r, 15);
    uint64_t v = rng_next(r);
    if ((v & 15) == 0) /* where single and double end */
        exp =
            (unsigned)(16383 + ((v & 16) ? 1024 : 128) * ((v & 32) ? 1 : -1) + (int)(v >> 8) % 60);
    x.se = (uint16_t)((exp & 0x7FFF) | ((v >> 7) & 1) << 15);
    x.sig = gen_bits(r);
    if ((v >> 40 & 31) != 0) /* mostly a supported encoding */
        x.sig = exp ? x.sig | F80_INTEGER_BIT : x.sig & ~F80_INTEGER_BIT;
    return x;
}

static inline uint32_t gen_f32(struct rng *r)
{
    return (uint32_t)(gen_bits(r) >> 41) | gen_exponent(r, 8) << 23 |
           (uint32_t)(rng_next(r) & 1) << 31;
}

static inline uint64_t gen_f64(struct rng *r)
{
    return gen_bits(r) >> 12 | (uint64_t)gen_exponent(r, 11) << 52 | (rng_next(r) & 1) << 63;
}

/* 16 bytes: floats, doubles, extended, or integers. */
static inline void gen_vector(struct rng *r, uint8_t *at)
{
    struct f80 x = gen_f80(r);
    switch (rng_next(r) % 5) {
    case 0:
        for (unsigned n = 0; n < 4; n++)
            store_le32(at + 4 * n, gen_f32(r));
        break;
    case 1:
        for (unsigned n = 0; n < 2; n++)
            store_le64(at + 8 * n, gen_f64(r));
        break;
    case 2:
        for (unsigned n = 0; n < 2; n++)
            store_le64(at + 8 * n, gen_bits(r));
        break;
    case 3:
        store_le64(at, x.sig);
        store_le64(at + 8, x.se);
        break;
    default: /* small counts and integers */
        store_le64(at, rng_next(r) & 0x7F);
        store_le64(at + 8, rng_next(r) >> (rng_next(r) & 63));
    }
}

#endif
