/* 128-bit floating point: see wide.h. */
#include "cpu/softfloat/wide.h"

struct wide wide_mul(struct wide a, struct wide b)
{
    if (!a.sig || !b.sig)
        return (struct wide){0, 0, a.sign ^ b.sign};
    return wide_normal(mul_high(a.sig, b.sig), a.exp + b.exp + 1, a.sign ^ b.sign);
}

struct wide wide_add(struct wide a, struct wide b)
{
    if (!a.sig || !b.sig)
        return a.sig ? a : b;
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct wide t = a;
        a = b;
        b = t;
    }
    uint32_t d = (uint32_t)(a.exp - b.exp);
    u128 small = d >= 128 ? 0 : b.sig >> d;
    if (a.sign != b.sign)
        return wide_normal(a.sig - small, a.exp, a.sign);
    u128 sum = a.sig + small;
    if (sum < a.sig)
        return (struct wide){sum >> 1 | ONE_Q127, a.exp + 1, a.sign};
    return (struct wide){sum, a.exp, a.sign};
}

/* By the reciprocal x = 2^254 / b: a 64-bit division, then one step of Newton's. */
struct wide wide_div(struct wide a, struct wide b)
{
    if (!a.sig)
        return (struct wide){0, 0, a.sign ^ b.sign};
    uint64_t b_high = (uint64_t)(b.sig >> 64);
    u128 x = (~(u128)0 / b_high) << 62;
    u128 one = (u128)1 << 126, product = mul_high(x, b.sig);
    if (product < one)
        x += mul_high(x, (one - product) << 2);
    else
        x -= mul_high(x, (product - one) << 2);
    return wide_normal(mul_high(a.sig, x), a.exp - b.exp + 1, a.sign ^ b.sign);
}

struct wide wide_from_int(int32_t v)
{
    return wide_normal((u128)(uint32_t)(v < 0 ? -v : v), 127, v < 0);
}
