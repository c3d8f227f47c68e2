/* The soft-float code against the host's own x87: every operation, millions of operands that lean
 * on the edges, all rounding and precision controls; results, exception flags and C1 bit by bit.
 * The transcendental functions are compared within an ulp: real chips differ by that much. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/check_main.h"
#include "tests/cpu/fpgen.h"

#if defined(__x86_64__) || defined(__i386__)

#define CASES 60000

typedef long double host_f80;

static host_f80 to_host(struct f80 a)
{
    host_f80 r = 0;
    memcpy(&r, &a.sig, 8);
    memcpy((char *)&r + 8, &a.se, 2);
    return r;
}

static struct f80 from_host(host_f80 a)
{
    struct f80 r;
    memcpy(&r.sig, &a, 8);
    memcpy(&r.se, (char *)&a + 8, 2);
    return r;
}

static bool same(struct f80 a, struct f80 b)
{
    return a.sig == b.sig && a.se == b.se;
}

/* Runs the instruction text on the host: st0 = a, st1 = b; one result is left. The status word. */
#define HOST2(text, a, b, control, result)                                                 \
    ({                                                                                     \
        uint16_t cw_ = (control), old_, sw_;                                               \
        host_f80 a_ = to_host(a), b_ = to_host(b), r_;                                     \
        __asm__ volatile("fnstcw %2\n\tfnclex\n\tfldt %5\n\tfldt %4\n\tfldcw %3\n\t" text  \
                         "\n\tfnstsw %1\n\tfnclex\n\tfldcw %2\n\tfstp %%st(1)\n\tfstpt %0" \
                         : "=m"(r_), "=a"(sw_), "=m"(old_)                                 \
                         : "m"(cw_), "m"(a_), "m"(b_)                                      \
                         : "st", "st(1)", "st(2)", "st(3)", "cc");                         \
        *(result) = from_host(r_);                                                         \
        sw_;                                                                               \
    })

static struct fp_env env_of(uint16_t control)
{
    return (struct fp_env){
        .rounding = control >> 10 & 3, .precision = control >> 8 & 3, .masked = control & 0x3F};
}

static uint16_t random_control(struct rng *r)
{
    static const uint16_t pc[] = {0x300, 0x300, 0x200, 0x000};
    uint64_t v = rng_next(r);
    return (uint16_t)(0x3F | pc[v & 3] | (v >> 2 & 3) << 10);
}

#define FLAGS_AND_C1 (FP_ALL | FP_C1)

static void explain(const char *what, uint16_t control, struct f80 a, struct f80 b, struct f80 got,
                    uint32_t got_flags, struct f80 want, uint32_t want_flags)
{
    ck_abort_msg("%s cw %04x a %04x:%016llx b %04x:%016llx\n got %04x:%016llx flags %03x, host "
                 "%04x:%016llx flags %03x",
                 what, control, a.se, (unsigned long long)a.sig, b.se, (unsigned long long)b.sig,
                 got.se, (unsigned long long)got.sig, got_flags & FLAGS_AND_C1, want.se,
                 (unsigned long long)want.sig, want_flags & FLAGS_AND_C1);
}

/* Operand b: unrelated, or near a so that digits cancel. */
static struct f80 gen_second(struct rng *r, struct f80 a)
{
    struct f80 b = gen_f80(r);
    uint64_t v = rng_next(r);
    if ((v & 7) == 0) {
        b.se = (uint16_t)((a.se ^ (v >> 8 & 0x8000)) + (v >> 32) % 3);
        b.sig = (v & 8) ? a.sig + (v >> 40) % 5 : b.sig | F80_INTEGER_BIT;
    }
    return b;
}

#define CHECK2(name, text, call)                                            \
    START_TEST(name)                                                        \
    {                                                                       \
        struct rng r = {__LINE__};                                          \
        for (int n = 0; n < CASES; n++) {                                   \
            struct f80 a = gen_f80(&r), b = gen_second(&r, a), want, got;   \
            uint16_t control = random_control(&r);                          \
            uint32_t flags = HOST2(text, a, b, control, &want);             \
            struct fp_env env = env_of(control), *e = &env;                 \
            got = call;                                                     \
            if (!same(got, want) || (env.raised ^ flags) & FLAGS_AND_C1)    \
                explain(text, control, a, b, got, env.raised, want, flags); \
        }                                                                   \
    }                                                                       \
    END_TEST

CHECK2(add, "fadd %%st(1), %%st", f80_add(e, a, b))
CHECK2(sub, "fsub %%st(1), %%st", f80_sub(e, a, b))
CHECK2(sub_reversed, "fsubr %%st(1), %%st", f80_sub(e, b, a))
CHECK2(mul, "fmul %%st(1), %%st", f80_mul(e, a, b))
CHECK2(divide, "fdiv %%st(1), %%st", f80_div(e, a, b))
CHECK2(square_root, "fsqrt", f80_sqrt(e, a))
CHECK2(round_int, "frndint", f80_round_to_int(e, a))
CHECK2(scale, "fscale", f80_scale(e, a, b))
CHECK2(extract_exponent, "fxtract\n\tfstp %%st(0)", (f80_extract(e, a, &b)))

START_TEST(extract_significand)
{
    struct rng r = {8};
    for (int n = 0; n < CASES; n++) {
        struct f80 a = gen_f80(&r), b = gen_f80(&r), want, got;
        HOST2("fxtract\n\tfstp %%st(1)", a, b, 0x37F, &want);
        struct fp_env e = env_of(0x37F);
        f80_extract(&e, a, &got);
        if (!same(got, want))
            explain("fxtract", 0x37F, a, b, got, e.raised, want, 0);
    }
}
END_TEST

/* Remainders: complete ones bit by bit with their quotient bits; for partial ones only that they
 * are partial (by how much is the chip's choice), and that repeating them gets to the host's end.
 */
static void check_remainder(bool nearest)
{
    struct rng r = {9 + nearest};
    for (int n = 0; n < CASES * 2; n++) {
        struct f80 a = gen_f80(&r), b = gen_second(&r, a), want, got;
        uint16_t control = random_control(&r);
        if ((n & 3) == 0)
            b.se = (uint16_t)((a.se - rng_next(&r) % 70) & 0x7FFF);
        uint32_t sw =
            nearest ? HOST2("fprem1", a, b, control, &want) : HOST2("fprem", a, b, control, &want);
        struct fp_env e = env_of(control);
        uint64_t q;
        bool partial;
        got = f80_remainder(&e, a, b, nearest, &q, &partial);
        uint32_t c = (uint32_t)((q & 1) << 9 | (q & 2) << 13 | (q & 4) << 6);
        ck_assert_msg(partial == !!(sw & 0x400), "partial: a %04x:%016llx b %04x:%016llx", a.se,
                      (unsigned long long)a.sig, b.se, (unsigned long long)b.sig);
        if (partial)
            continue;
        if ((want.se & 0x7FFF) == 0x7FFF)
            c = sw; /* a NaN: the quotient bits mean nothing */
        if (!same(got, want) || (e.raised ^ sw) & FP_ALL || (c ^ sw) & 0x4300)
            explain(nearest ? "fprem1" : "fprem", control, a, b, got, e.raised | c << 16, want, sw);
    }
}

START_TEST(remainder_truncated)
{
    check_remainder(false);
}
END_TEST
START_TEST(remainder_nearest)
{
    check_remainder(true);
}
END_TEST

/* A partial remainder repeated until it is complete. */
START_TEST(remainder_repeated)
{
    struct rng r = {11};
    for (int n = 0; n < 3000; n++) {
        struct f80 a = gen_f80(&r), b = gen_f80(&r), want;
        a.sig |= F80_INTEGER_BIT;
        b.sig |= F80_INTEGER_BIT;
        uint32_t sw =
            HOST2("1: fprem\n\tfnstsw %%ax\n\ttestb $4, %%ah\n\tjnz 1b", a, b, 0x37F, &want);
        struct fp_env e = env_of(0x37F);
        uint64_t q;
        bool partial;
        struct f80 got = a;
        int steps = 0;
        do
            got = f80_remainder(&e, got, b, false, &q, &partial);
        while (partial && ++steps < 2000);
        if (!same(got, want))
            explain("fprem loop", 0x37F, a, b, got, e.raised, want, sw);
    }
}
END_TEST

START_TEST(compare)
{
    static const uint32_t codes[] = {0x100, 0x4000, 0, 0x4500}; /* C0; C3; none; C3 C2 C0 */
    struct rng r = {12};
    for (int n = 0; n < CASES * 2; n++) {
        struct f80 a = gen_f80(&r), b = gen_second(&r, a), junk;
        bool quiet = n & 1;
        uint32_t sw = quiet ? HOST2("fucom %%st(1)", a, b, 0x37F, &junk)
                            : HOST2("fcom %%st(1)", a, b, 0x37F, &junk);
        struct fp_env e = env_of(0x37F);
        uint32_t got = codes[f80_compare(&e, a, b, quiet)];
        if ((sw ^ got) & 0x4500 || (sw ^ e.raised) & FP_ALL)
            explain("fcom", 0x37F, a, b, junk, e.raised | got << 16, junk, sw);
    }
}
END_TEST

START_TEST(classify)
{
    struct rng r = {13};
    for (int n = 0; n < CASES; n++) {
        struct f80 a = gen_f80(&r), junk;
        uint32_t sw = HOST2("fxam", a, a, 0x37F, &junk);
        unsigned c = f80_classify(a);
        uint32_t got = (c & 4) << 12 | (c & 2) << 9 | (c & 1) << 8 | (a.se >> 15) << 9;
        if ((sw ^ got) & 0x4700)
            explain("fxam", 0x37F, a, a, junk, got, junk, sw);
    }
}
END_TEST

/* Stores op's operand type from st0. */
#define HOST_STORE(text, a, control, out)                                      \
    ({                                                                         \
        uint16_t cw_ = (control), old_, sw_;                                   \
        host_f80 a_ = to_host(a);                                              \
        __asm__ volatile("fnstcw %2\n\tfnclex\n\tfldt %4\n\tfldcw %3\n\t" text \
                         " %0\n\tfnstsw %1\n\tfnclex\n\tfldcw %2"              \
                         : "=m"(*(out)), "=a"(sw_), "=m"(old_)                 \
                         : "m"(cw_), "m"(a_)                                   \
                         : "st", "st(1)", "cc");                               \
        sw_;                                                                   \
    })
#define HOST_LOAD(text, in, control, result)                                  \
    ({                                                                        \
        uint16_t cw_ = (control), old_, sw_;                                  \
        host_f80 r_;                                                          \
        __asm__ volatile("fnstcw %2\n\tfnclex\n\tfldcw %3\n\t" text           \
                         " %4\n\tfnstsw %1\n\tfnclex\n\tfldcw %2\n\tfstpt %0" \
                         : "=m"(r_), "=a"(sw_), "=m"(old_)                    \
                         : "m"(cw_), "m"(*(in))                               \
                         : "st", "st(1)", "cc");                              \
        *(result) = from_host(r_);                                            \
        sw_;                                                                  \
    })

#define CHECK_STORE(name, text, T, call)                                                       \
    START_TEST(name)                                                                           \
    {                                                                                          \
        struct rng r = {__LINE__};                                                             \
        for (int n = 0; n < CASES; n++) {                                                      \
            struct f80 a = gen_f80(&r);                                                        \
            uint16_t control = random_control(&r);                                             \
            T want;                                                                            \
            uint32_t sw = HOST_STORE(text, a, control, &want);                                 \
            struct fp_env env = env_of(control), *e = &env;                                    \
            T got = (T)call;                                                                   \
            if (got != want || (sw ^ env.raised) & FLAGS_AND_C1)                               \
                ck_abort_msg("%s cw %04x a %04x:%016llx got %llx flags %x host %llx flags %x", \
                             text, control, a.se, (unsigned long long)a.sig,                   \
                             (unsigned long long)got, env.raised, (unsigned long long)want,    \
                             sw &FLAGS_AND_C1);                                                \
        }                                                                                      \
    }                                                                                          \
    END_TEST

CHECK_STORE(store_f32, "fstps", uint32_t, f80_to_f32(e, a))
CHECK_STORE(store_f64, "fstpl", uint64_t, f80_to_f64(e, a))
CHECK_STORE(store_i16, "fistps", int16_t, f80_to_int(e, a, 16))
CHECK_STORE(store_i32, "fistpl", int32_t, f80_to_int(e, a, 32))
CHECK_STORE(store_i64, "fistpll", int64_t, f80_to_int(e, a, 64))

#define CHECK_LOAD(name, text, T, gen, call)                                                      \
    START_TEST(name)                                                                              \
    {                                                                                             \
        struct rng r = {__LINE__};                                                                \
        for (int n = 0; n < CASES; n++) {                                                         \
            T a = gen;                                                                            \
            struct f80 want;                                                                      \
            uint32_t sw = HOST_LOAD(text, &a, 0x37F, &want);                                      \
            struct fp_env env = env_of(0x37F), *e = &env;                                         \
            (void)e;                                                                              \
            struct f80 got = call;                                                                \
            if (!same(got, want) || (sw ^ env.raised) & FP_ALL)                                   \
                ck_abort_msg("%s %llx got %04x:%016llx host %04x:%016llx", text,                  \
                             (unsigned long long)a, got.se, (unsigned long long)got.sig, want.se, \
                             (unsigned long long)want.sig);                                       \
        }                                                                                         \
    }                                                                                             \
    END_TEST

CHECK_LOAD(load_f32, "flds", uint32_t, gen_f32(&r), f80_from_f32(e, a))
CHECK_LOAD(load_f64, "fldl", uint64_t, gen_f64(&r), f80_from_f64(e, a))
CHECK_LOAD(load_i64, "fildll", int64_t, (int64_t)gen_bits(&r), f80_from_int(a))

START_TEST(bcd)
{
    struct rng r = {20};
    for (int n = 0; n < CASES; n++) {
        struct f80 a = gen_f80(&r), b, c;
        uint16_t control = random_control(&r);
        uint8_t want[10], got[10];
        uint32_t sw = HOST_STORE("fbstp", a, control, &want);
        struct fp_env e = env_of(control);
        f80_to_bcd(&e, a, got);
        if (memcmp(want, got, 10) || (sw ^ e.raised) & FLAGS_AND_C1)
            explain("fbstp", control, a, a, a, e.raised, a, sw);
        if (e.raised & FP_IE)
            continue;
        HOST_LOAD("fbld", &want, control, &b);
        c = f80_from_bcd(want);
        if (!same(b, c))
            explain("fbld", control, a, a, c, 0, b, 0);
    }
}
END_TEST

START_TEST(constants)
{
    for (unsigned rc = 0; rc < 4; rc++) {
        uint16_t control = (uint16_t)(0x37F | rc << 10);
        struct fp_env e = env_of(control);
        struct f80 z = {0, 0}, want;
#define CONSTANT(text, which)                             \
    HOST2(text "\n\tfstp %%st(1)", z, z, control, &want); \
    ck_assert_msg(same(want, f80_constant(&e, which)), "%s rc %u", text, rc)
        CONSTANT("fldpi", FP_PI);
        CONSTANT("fldl2t", FP_LOG2_10);
        CONSTANT("fldl2e", FP_LOG2_E);
        CONSTANT("fldlg2", FP_LOG10_2);
        CONSTANT("fldln2", FP_LN_2);
    }
}
END_TEST

/* Unmasked overflow and underflow: the wrapped exponent stays in the register. */
START_TEST(wrapped_exponents)
{
    struct rng r = {21};
    for (int n = 0; n < CASES; n++) {
        struct f80 a = gen_f80(&r), b = gen_f80(&r), want;
        a.se |= 0x4000;
        a.sig |= F80_INTEGER_BIT;
        b.sig |= F80_INTEGER_BIT;
        b.se = n & 1 ? b.se | 0x4000 : b.se & ~0x4000;
        uint16_t control = (uint16_t)(random_control(&r) & ~(FP_OE | FP_UE));
        if ((a.se & 0x7FFF) == 0x7FFF || (b.se & 0x7FFF) == 0x7FFF || !(b.se & 0x7FFF))
            continue;
        struct fp_env e = env_of(control);
        /* no waiting instruction may follow, so the result is stored by FNSAVE */
        uint8_t image[108];
        uint16_t old, sw;
        host_f80 ha = to_host(a), hb = to_host(b);
        __asm__ volatile("fnstcw %2\n\tfnclex\n\tfldt %5\n\tfldt %4\n\tfldcw %3\n\tfdiv %%st(1), "
                         "%%st\n\tfnstsw %1\n\tfnsave %0\n\tfldcw %2"
                         : "=m"(image), "=a"(sw), "=m"(old)
                         : "m"(control), "m"(ha), "m"(hb)
                         : "st", "st(1)", "cc");
        memcpy(&want.sig, image + 28, 8);
        memcpy(&want.se, image + 36, 2);
        struct f80 got = f80_div(&e, a, b);
        if (!same(got, want) || (e.raised ^ sw) & FLAGS_AND_C1)
            explain("fdiv unmasked", control, a, b, got, e.raised, want, sw);
    }
}
END_TEST

/* --- transcendental functions: within an ulp of the host's ----------------------------------- */

/* Distance in units of the last place; large when they are not alike at all. */
static uint64_t ulps(struct f80 a, struct f80 b)
{
    if (same(a, b))
        return 0;
    if ((a.se ^ b.se) & 0x8000 || (a.se & 0x7FFF) == 0x7FFF)
        return UINT64_MAX;
    if (a.se == b.se)
        return a.sig > b.sig ? a.sig - b.sig : b.sig - a.sig;
    struct f80 big = a.se > b.se ? a : b, small = a.se > b.se ? b : a;
    if (big.se - small.se > 1)
        return UINT64_MAX;
    return (big.sig - F80_INTEGER_BIT) * 2 + (0 - small.sig);
}

/* A number with an exponent of low..high around 1, normal. */
static struct f80 gen_between(struct rng *r, int low, int high)
{
    uint64_t v = rng_next(r);
    int exp = 16383 + low + (int)(v % (uint64_t)(high - low + 1));
    return (struct f80){gen_bits(r) | F80_INTEGER_BIT, (uint16_t)(exp | (v >> 63) << 15)};
}

#define CHECK_ULPS(name, text, gen_a, gen_b, call)                                        \
    START_TEST(name)                                                                      \
    {                                                                                     \
        struct rng r = {__LINE__};                                                        \
        for (int n = 0; n < 20000; n++) {                                                 \
            struct f80 a = gen_a, b = gen_b, want, got;                                   \
            bool out = false;                                                             \
            (void)out;                                                                    \
            uint16_t control = (uint16_t)(0x37F | (rng_next(&r) & 3) << 10);              \
            uint32_t flags = HOST2(text, a, b, control, &want);                           \
            struct fp_env env = env_of(control), *e = &env;                               \
            got = call;                                                                   \
            if (ulps(got, want) > 1 || (env.raised ^ flags) & (FP_ALL & ~FP_PE & ~FP_UE)) \
                explain(text, control, a, b, got, env.raised, want, flags);               \
        }                                                                                 \
    }                                                                                     \
    END_TEST

static struct f80 sine(struct fp_env *e, struct f80 a, bool cosine)
{
    struct f80 r = a;
    bool out;
    f80_sin_cos(e, a, cosine ? NULL : &r, cosine ? &r : NULL, &out);
    return r;
}

static struct f80 positive(struct f80 a)
{
    a.se &= 0x7FFF;
    return a;
}

CHECK_ULPS(f2xm1, "f2xm1", gen_between(&r, -70, -1), gen_f80(&r), f80_f2xm1(e, a))
CHECK_ULPS(yl2x, "fyl2x\n\tfldz\n\tfxch", positive(gen_between(&r, -70, 70)),
           gen_between(&r, -70, 70), f80_yl2x(e, b, a))
CHECK_ULPS(yl2x_edges, "fyl2x\n\tfldz\n\tfxch", gen_f80(&r), gen_f80(&r), f80_yl2x(e, b, a))
CHECK_ULPS(yl2xp1, "fyl2xp1\n\tfldz\n\tfxch", gen_between(&r, -70, -3), gen_between(&r, -70, 70),
           f80_yl2xp1(e, b, a))
CHECK_ULPS(atan2_usual, "fpatan\n\tfldz\n\tfxch", gen_between(&r, -40, 40),
           gen_between(&r, -40, 40), f80_atan2(e, b, a))
CHECK_ULPS(atan2_edges, "fpatan\n\tfldz\n\tfxch", gen_f80(&r), gen_f80(&r), f80_atan2(e, b, a))
CHECK_ULPS(sin_usual, "fsin", gen_between(&r, -70, 10), gen_f80(&r), sine(e, a, false))
CHECK_ULPS(cos_usual, "fcos", gen_between(&r, -70, 10), gen_f80(&r), sine(e, a, true))
CHECK_ULPS(sin_large, "fsin", gen_between(&r, 10, 62), gen_f80(&r), sine(e, a, false))
CHECK_ULPS(tan_usual, "fptan\n\tfstp %%st(0)", gen_between(&r, -70, 62), gen_f80(&r),
           f80_tan(e, a, &out))

static Suite *suite(void)
{
    Suite *s = suite_create("softfloat");
    TCase *t = tcase_create("against the host's x87");
    tcase_set_timeout(t, TEST_HANGS_SECONDS);
    tcase_add_test(t, add);
    tcase_add_test(t, sub);
    tcase_add_test(t, sub_reversed);
    tcase_add_test(t, mul);
    tcase_add_test(t, divide);
    tcase_add_test(t, square_root);
    tcase_add_test(t, round_int);
    tcase_add_test(t, scale);
    tcase_add_test(t, extract_exponent);
    tcase_add_test(t, extract_significand);
    tcase_add_test(t, remainder_truncated);
    tcase_add_test(t, remainder_nearest);
    tcase_add_test(t, remainder_repeated);
    tcase_add_test(t, compare);
    tcase_add_test(t, classify);
    tcase_add_test(t, store_f32);
    tcase_add_test(t, store_f64);
    tcase_add_test(t, store_i16);
    tcase_add_test(t, store_i32);
    tcase_add_test(t, store_i64);
    tcase_add_test(t, load_f32);
    tcase_add_test(t, load_f64);
    tcase_add_test(t, load_i64);
    tcase_add_test(t, bcd);
    tcase_add_test(t, constants);
    tcase_add_test(t, wrapped_exponents);
    tcase_add_test(t, f2xm1);
    tcase_add_test(t, yl2x);
    tcase_add_test(t, yl2x_edges);
    tcase_add_test(t, yl2xp1);
    tcase_add_test(t, atan2_usual);
    tcase_add_test(t, atan2_edges);
    tcase_add_test(t, sin_usual);
    tcase_add_test(t, cos_usual);
    tcase_add_test(t, sin_large);
    tcase_add_test(t, tan_usual);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_status(suite());
}

#else

int main(void)
{
    puts("SKIP: the host has no x87 to compare with");
    return 77;
}

#endif
