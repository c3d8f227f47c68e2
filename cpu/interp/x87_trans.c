/* x87 transcendental instructions. */
#include "cpu/interp/x87.h"

/* True when the operands are there; else the stack fault was dealt with: dest is ST0, or ST1 with a
 * pop. */
static bool has_operands(struct vcpu *c, unsigned count)
{
    struct x87 *f = &c->x87;
    if (likely(!x87_is_empty(f, 0) && !x87_is_empty(f, count - 1)))
        return true;
    if (x87_stack_fault(c, false)) {
        x87_write(f, count - 1, F80_DEFAULT_NAN);
        if (count == 2)
            x87_pop(f);
    }
    return false;
}

HANDLER(f2xm1)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (!has_operands(c, 1))
        return;
    struct fp_env e;
    x87_env(c, &e);
    struct f80 r = f80_f2xm1(&e, x87_get(&c->x87, 0));
    if (x87_finish(c, &e))
        *x87_st(&c->x87, 0) = r;
}

/* ST1 = function(ST1, ST0), pop. */
#define BINARY(name, function)                                     \
    HANDLER(name)                                                  \
    {                                                              \
        struct x87 *f = &c->x87;                                   \
        x87_enter(c, i);                                           \
        x87_note(c, i, 0xD9);                                      \
        if (!has_operands(c, 2))                                   \
            return;                                                \
        struct fp_env e;                                           \
        x87_env(c, &e);                                            \
        struct f80 r = function(&e, x87_get(f, 1), x87_get(f, 0)); \
        if (x87_finish(c, &e)) {                                   \
            *x87_st(f, 1) = r;                                     \
            x87_pop(f);                                            \
        }                                                          \
    }
BINARY(fyl2x, f80_yl2x)
BINARY(fyl2xp1, f80_yl2xp1)
BINARY(fpatan, f80_atan2)

/* The angle is 2^63 or more: C2, and the operand stays. Else C2 is cleared, also where an unmasked
 * exception keeps the result back. */
static void set_out_of_range(struct x87 *f, bool out)
{
    f->status = (uint16_t)((f->status & ~SW_C2) | (out ? SW_C2 : 0));
}

static void sine_or_cosine(struct vcpu *c, const struct insn *i, bool cosine)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (!has_operands(c, 1)) {
        set_out_of_range(f, false);
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    struct f80 r;
    bool out;
    f80_sin_cos(&e, x87_get(f, 0), cosine ? NULL : &r, cosine ? &r : NULL, &out);
    set_out_of_range(f, out);
    if (x87_finish(c, &e) && !out)
        *x87_st(f, 0) = r;
}

HANDLER(fsin)
{
    sine_or_cosine(c, i, false);
}

HANDLER(fcos)
{
    sine_or_cosine(c, i, true);
}

/* FSINCOS, FPTAN: ST0 becomes the first result, and the second is pushed. */
static void two_results(struct vcpu *c, const struct insn *i, bool tangent)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    if (unlikely(x87_is_empty(f, 0) || !x87_is_empty(f, 7))) {
        if (x87_stack_fault(c, !x87_is_empty(f, 0))) {
            x87_write(f, 0, F80_DEFAULT_NAN);
            x87_push(f, F80_DEFAULT_NAN);
        }
        set_out_of_range(f, false);
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    struct f80 first, second = {F80_INTEGER_BIT, 16383};
    bool out;
    if (tangent)
        first = f80_tan(&e, x87_get(f, 0), &out);
    else
        f80_sin_cos(&e, x87_get(f, 0), &first, &second, &out);
    set_out_of_range(f, out);
    if (!x87_finish(c, &e) || out)
        return;
    if (tangent && f80_classify(first) == FP_CLASS_NAN)
        second = first; /* a NaN takes the place of 1.0 as well */
    *x87_st(f, 0) = first;
    x87_push(f, second);
}

HANDLER(fsincos)
{
    two_results(c, i, false);
}

HANDLER(fptan)
{
    two_results(c, i, true);
}
