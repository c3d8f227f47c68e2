/* x87 arithmetic and comparison, in all operand forms.
 *
 * Every one is dest = operation(dest, source). The forms: ST0 with a memory operand (m32, m64,
 * mi16, mi32), ST0 with STi, STi with ST0, and that with a pop. */
#include "cpu/interp/x87.h"

/* A source from memory: its value, and whether it was a denormal of its own format. */
struct source {
    struct f80 v;
    bool denormal;
};

static inline struct source source_m32(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    uint32_t a = load32(c, i, i->seg, ea), exp = a >> 23 & 0xFF;
    struct source s = {.denormal = false};
    if (likely(exp - 1 < 0xFE))
        s.v = (struct f80){F80_INTEGER_BIT | (uint64_t)a << 40,
                           (uint16_t)((a >> 31) << 15 | (exp + 16383 - 127))};
    else
        s.v = f80_widen_f32(a, &s.denormal);
    return s;
}

static inline struct source source_m64(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    uint64_t a = load64(c, i, i->seg, ea);
    uint32_t exp = (uint32_t)(a >> 52) & 0x7FF;
    struct source s = {.denormal = false};
    if (likely(exp - 1 < 0x7FE))
        s.v = (struct f80){F80_INTEGER_BIT | a << 11,
                           (uint16_t)((a >> 63) << 15 | (exp + 16383 - 1023))};
    else
        s.v = f80_widen_f64(a, &s.denormal);
    return s;
}

static inline struct source source_mi16(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    return (struct source){f80_from_int((int16_t)load16(c, i, i->seg, ea)), false};
}

static inline struct source source_mi32(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    return (struct source){f80_from_int((int32_t)load32(c, i, i->seg, ea)), false};
}

/* A denormal that lost its looks when it was widened: DE, unless something of higher priority was
 * found (SDM vol. 1, 4.9.2). */
static void note_denormal(struct fp_env *e, struct f80 other)
{
    if (!(e->raised & (FP_IE | FP_ZE)) && f80_classify(other) != FP_CLASS_NAN)
        e->raised |= FP_DE;
}

static inline bool is_infinity(struct f80 v)
{
    return (v.se & 0x7FFF) == 0x7FFF && v.sig == F80_INTEGER_BIT;
}

/* The 8087 and 287 know one infinity without a sign unless the control word says otherwise (80287
 * data sheet; SDM vol. 1, 22.18): it equals itself, has no order, cannot be added to itself and has
 * no root. */
static inline bool is_projective(const struct vcpu *c)
{
    return unlikely(c->model <= CPU_286) && !(c->x87.control & CW_IC);
}

static inline struct f80 add(const struct vcpu *c, struct fp_env *e, struct f80 a, struct f80 b)
{
    if (is_projective(c) && is_infinity(a) && is_infinity(b))
        b.se = a.se ^ 0x8000; /* invalid in any mode */
    return f80_add(e, a, b);
}

static inline struct f80 subtract(const struct vcpu *c, struct fp_env *e, struct f80 a,
                                  struct f80 b)
{
    if (is_projective(c) && is_infinity(a) && is_infinity(b))
        b.se = a.se;
    return f80_sub(e, a, b);
}

static inline struct f80 root(const struct vcpu *c, struct fp_env *e, struct f80 a)
{
    if (is_projective(c) && is_infinity(a))
        a.se |= 0x8000;
    return f80_sqrt(e, a);
}

/* dest of STn was computed as v. */
static inline bool put_result(struct vcpu *c, const struct fp_env *e, unsigned n, struct f80 v)
{
    bool store = x87_finish(c, e);
    if (likely(store))
        *x87_st(&c->x87, n) = v;
    return store;
}

static __attribute__((noinline)) bool underflow(struct vcpu *c, unsigned dest)
{
    bool masked = x87_stack_fault(c, false);
    if (masked)
        x87_write(&c->x87, dest, F80_DEFAULT_NAN);
    return masked;
}

#define ARITH_MEM(name, operation, form, escape)                    \
    HANDLER(name##_##form)                                          \
    {                                                               \
        x87_enter(c, i);                                            \
        uint32_t ea = insn_ea(c, i);                                \
        struct source s = source_##form(c, i, ea);                  \
        x87_note_mem(c, i, escape, ea);                             \
        if (unlikely(x87_is_empty(&c->x87, 0))) {                   \
            underflow(c, 0);                                        \
            return;                                                 \
        }                                                           \
        struct fp_env env, *e = &env;                               \
        x87_env(c, e);                                              \
        struct f80 a = x87_get(&c->x87, 0), b = s.v, r = operation; \
        if (unlikely(s.denormal))                                   \
            note_denormal(e, a);                                    \
        put_result(c, e, 0, r);                                     \
    }

/* dest and source are stack positions. */
#define ARITH_REG(name, operation, escape, dest, source, pop)         \
    HANDLER(name)                                                     \
    {                                                                 \
        struct x87 *f = &c->x87;                                      \
        x87_enter(c, i);                                              \
        x87_note(c, i, escape);                                       \
        bool done;                                                    \
        if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, i->rm))) { \
            done = underflow(c, dest);                                \
        } else {                                                      \
            struct fp_env env, *e = &env;                             \
            x87_env(c, e);                                            \
            struct f80 a = x87_get(f, dest), b = x87_get(f, source);  \
            done = put_result(c, e, dest, operation);                 \
        }                                                             \
        if (pop && done)                                              \
            x87_pop(f);                                               \
    }

#define ARITH(name, operation)                              \
    ARITH_MEM(name, operation, m32, 0xD8)                   \
    ARITH_MEM(name, operation, m64, 0xDC)                   \
    ARITH_MEM(name, operation, mi32, 0xDA)                  \
    ARITH_MEM(name, operation, mi16, 0xDE)                  \
    ARITH_REG(name##_st0, operation, 0xD8, 0, i->rm, false) \
    ARITH_REG(name##_sti, operation, 0xDC, i->rm, 0, false) \
    ARITH_REG(name##p, operation, 0xDE, i->rm, 0, true)

ARITH(fadd, add(c, e, a, b))
ARITH(fmul, f80_mul(e, a, b))
ARITH(fsub, subtract(c, e, a, b))
ARITH(fsubr, subtract(c, e, b, a))
ARITH(fdiv, f80_div(e, a, b))
ARITH(fdivr, f80_div(e, b, a))

/* --- comparison ------------------------------------------------------------------------------ */

static void set_codes(struct vcpu *c, enum fp_relation r)
{
    static const uint16_t codes[] = {
        [FP_LESS] = SW_C0, [FP_EQUAL] = SW_C3, [FP_GREATER] = 0, [FP_UNORDERED] = SW_CC};
    c->x87.status = (uint16_t)((c->x87.status & ~SW_CC) | codes[r]);
}

static void set_eflags(struct vcpu *c, enum fp_relation r)
{
    static const uint8_t flags[] = {[FP_LESS] = FLAG_CF,
                                    [FP_EQUAL] = FLAG_ZF,
                                    [FP_GREATER] = 0,
                                    [FP_UNORDERED] = FLAG_ZF | FLAG_PF | FLAG_CF};
    flags_set_arith(c, flags[r]);
}

/* Compares ST0 with b. The codes are set whatever is unmasked, as chips do it, though the manual
 * has it otherwise; true when the pops are done. other: STn that must not be empty; 0 for a memory
 * operand. */
static bool compare(struct vcpu *c, struct f80 b, bool denormal, unsigned other, bool quiet,
                    void (*report)(struct vcpu *, enum fp_relation))
{
    struct x87 *f = &c->x87;
    if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, other))) {
        report(c, FP_UNORDERED);
        return x87_stack_fault(c, false);
    }
    struct fp_env e;
    x87_env(c, &e);
    uint16_t c1 = f->status & SW_C1; /* those that set EFLAGS leave it alone */
    struct f80 a = x87_get(f, 0);
    enum fp_relation r = f80_compare(&e, a, b, quiet);
    if (unlikely(denormal))
        note_denormal(&e, a);
    if (is_projective(c) && r != FP_UNORDERED && (is_infinity(a) || is_infinity(b))) {
        r = is_infinity(a) && is_infinity(b) ? FP_EQUAL : FP_UNORDERED;
        e.raised |= r == FP_UNORDERED ? FP_IE : 0;
    }
    report(c, r);
    bool done = x87_finish(c, &e);
    if (report == set_eflags)
        f->status |= c1;
    return done;
}

#define COMPARE_MEM(name, form, escape, pop)                         \
    HANDLER(name##_##form)                                           \
    {                                                                \
        x87_enter(c, i);                                             \
        uint32_t ea = insn_ea(c, i);                                 \
        struct source s = source_##form(c, i, ea);                   \
        x87_note_mem(c, i, escape, ea);                              \
        if (compare(c, s.v, s.denormal, 0, false, set_codes) && pop) \
            x87_pop(&c->x87);                                        \
    }
COMPARE_MEM(fcom, m32, 0xD8, false)
COMPARE_MEM(fcom, m64, 0xDC, false)
COMPARE_MEM(fcom, mi32, 0xDA, false)
COMPARE_MEM(fcom, mi16, 0xDE, false)
COMPARE_MEM(fcomp, m32, 0xD8, true)
COMPARE_MEM(fcomp, m64, 0xDC, true)
COMPARE_MEM(fcomp, mi32, 0xDA, true)
COMPARE_MEM(fcomp, mi16, 0xDE, true)

#define COMPARE_REG(name, escape, quiet, report, pops)                         \
    HANDLER(name)                                                              \
    {                                                                          \
        x87_enter(c, i);                                                       \
        x87_note(c, i, escape);                                                \
        if (!compare(c, x87_get(&c->x87, i->rm), false, i->rm, quiet, report)) \
            return;                                                            \
        for (int n = 0; n < pops; n++)                                         \
            x87_pop(&c->x87);                                                  \
    }
COMPARE_REG(fcom_st, 0xD8, false, set_codes, 0)
COMPARE_REG(fcomp_st, 0xD8, false, set_codes, 1)
COMPARE_REG(fcom_st_dc, 0xDC, false, set_codes, 0) /* aliases: their own last opcode */
COMPARE_REG(fcomp_st_dc, 0xDC, false, set_codes, 1)
COMPARE_REG(fcomp_st_de, 0xDE, false, set_codes, 1)
COMPARE_REG(fcompp, 0xDE, false, set_codes, 2)
COMPARE_REG(fucom, 0xDD, true, set_codes, 0)
COMPARE_REG(fucomp, 0xDD, true, set_codes, 1)
COMPARE_REG(fucompp, 0xDA, true, set_codes, 2)
COMPARE_REG(fcomi, 0xDB, false, set_eflags, 0)
COMPARE_REG(fcomip, 0xDF, false, set_eflags, 1)
COMPARE_REG(fucomi, 0xDB, true, set_eflags, 0)
COMPARE_REG(fucomip, 0xDF, true, set_eflags, 1)

HANDLER(ftst)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    (void)compare(c, (struct f80){0, 0}, false, 0, false, set_codes);
}

/* --- one operand, in place ------------------------------------------------------------------- */

HANDLER(fchs)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(&c->x87, 0))) {
        underflow(c, 0);
        return;
    }
    c->x87.status &= (uint16_t)~SW_C1;
    x87_st(&c->x87, 0)->se ^= 0x8000;
}

HANDLER(fabs)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(&c->x87, 0))) {
        underflow(c, 0);
        return;
    }
    c->x87.status &= (uint16_t)~SW_C1;
    x87_st(&c->x87, 0)->se &= 0x7FFF;
}

#define UNARY(name, operation)                    \
    HANDLER(name)                                 \
    {                                             \
        x87_enter(c, i);                          \
        x87_note(c, i, 0xD9);                     \
        if (unlikely(x87_is_empty(&c->x87, 0))) { \
            underflow(c, 0);                      \
            return;                               \
        }                                         \
        struct fp_env env, *e = &env;             \
        x87_env(c, e);                            \
        struct f80 a = x87_get(&c->x87, 0);       \
        put_result(c, e, 0, operation);           \
    }
UNARY(fsqrt, root(c, e, a))
UNARY(frndint, f80_round_to_int(e, a))

HANDLER(fscale)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, 1))) {
        underflow(c, 0);
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    put_result(c, &e, 0, f80_scale(&e, x87_get(f, 0), x87_get(f, 1)));
}

/* FPREM, FPREM1: C2 is "not complete"; C0, C3, C1 are the quotient's bits 2, 1, 0. */
static void remainder_step(struct vcpu *c, const struct insn *i, bool nearest)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, 1))) {
        underflow(c, 0);
        f->status &= (uint16_t)~SW_C2;
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    uint64_t q;
    bool partial;
    struct f80 r = f80_remainder(&e, x87_get(f, 0), x87_get(f, 1), nearest, &q, &partial);
    if (!put_result(c, &e, 0, r) || f80_classify(r) == FP_CLASS_NAN) {
        f->status &= (uint16_t)~SW_C2; /* there is no quotient: C0 and C3 stay, as on chips */
        return;
    }
    unsigned status = f->status & ~(SW_CC | SW_C1);
    status |= partial ? SW_C2 : (q & 1) << 9 | (q & 2) << 13 | (q & 4) << 6;
    f->status = (uint16_t)status;
}

HANDLER(fprem)
{
    remainder_step(c, i, false);
}

HANDLER(fprem1)
{
    remainder_step(c, i, true);
}

HANDLER(fxtract)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(f, 0) || !x87_is_empty(f, 7))) {
        if (x87_stack_fault(c, !x87_is_empty(f, 0))) {
            x87_write(f, 0, F80_DEFAULT_NAN);
            x87_push(f, F80_DEFAULT_NAN);
        }
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    struct f80 significand, exponent = f80_extract(&e, x87_get(f, 0), &significand);
    if (put_result(c, &e, 0, exponent))
        x87_push(f, significand);
}
