/* x87 control instructions: words, stack pointer, tags, initialisation, WAIT. */
#include "cpu/interp/x87.h"

HANDLER(fldcw)
{
    x87_enter(c, i);
    uint16_t control = load16(c, i, i->seg, insn_ea(c, i));
    c->x87.control = x87_control(c, control);
    x87_update_summary(c);
}

HANDLER(fnstcw)
{
    x87_enter_nowait(c, i);
    store16(c, i, i->seg, insn_ea(c, i), c->x87.control);
}

HANDLER(fnstsw)
{
    x87_enter_nowait(c, i);
    store16(c, i, i->seg, insn_ea(c, i), x87_status(&c->x87));
}

HANDLER(fnstsw_ax)
{
    x87_enter_nowait(c, i);
    c->reg[EAX].w = x87_status(&c->x87);
}

HANDLER(fnclex)
{
    x87_enter_nowait(c, i);
    c->x87.status &= (uint16_t) ~(FP_ALL | SW_SF);
    x87_update_summary(c);
}

HANDLER(fninit)
{
    x87_enter_nowait(c, i);
    c->x87.status &= (uint16_t) ~(FP_ALL | SW_SF);
    x87_update_summary(c);
    x87_init(c);
}

HANDLER(fincstp)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    c->x87.top = (c->x87.top + 1) & 7;
    c->x87.status &= (uint16_t)~SW_C1;
}

HANDLER(fdecstp)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    c->x87.top = (c->x87.top - 1) & 7;
    c->x87.status &= (uint16_t)~SW_C1;
}

HANDLER(ffree)
{
    x87_enter(c, i);
    x87_note(c, i, 0xDD);
    c->x87.status &= (uint16_t)~SW_C1;
    c->x87.tag_empty |= (uint8_t)(1u << ((c->x87.top + i->rm) & 7));
}

HANDLER(ffreep)
{
    x87_enter(c, i);
    x87_note(c, i, 0xDF);
    c->x87.status &= (uint16_t)~SW_C1;
    c->x87.tag_empty |= (uint8_t)(1u << ((c->x87.top + i->rm) & 7));
    x87_pop(&c->x87);
}

HANDLER(fnop)
{
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
}

/* The 8087's interrupt enable mask; later ones ignore it, as they do the 287's FSETPM (SDM vol. 1,
 * 8.1). */
HANDLER(fneni)
{
    x87_enter_nowait(c, i);
    c->x87.control &= (uint16_t)~CW_IEM;
    x87_update_summary(c);
}

HANDLER(fndisi)
{
    x87_enter_nowait(c, i);
    if (x87_is_8087(c))
        c->x87.control |= CW_IEM;
    x87_update_summary(c);
}

HANDLER(fnsetpm)
{
    x87_enter_nowait(c, i);
}

HANDLER(fwait)
{
    if (unlikely((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)))
        x87_raise_nm(c, i);
    if (unlikely(c->x87.status & SW_ES))
        x87_raise_pending(c, i);
}

HANDLER(fxam)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    unsigned k = x87_is_empty(f, 0) ? FP_CLASS_EMPTY : f80_classify(x87_get(f, 0));
    unsigned status = f->status & ~(SW_CC | SW_C1);
    status |= (k & 4) << 12 | (k & 2) << 9 | (k & 1) << 8 | (x87_st(f, 0)->se >> 15) << 9;
    f->status = (uint16_t)status;
}

static inline void exchange(struct vcpu *c, const struct insn *i, unsigned escape)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, escape);
    if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, i->rm))) {
        if (!x87_stack_fault(c, false))
            return;
        if (x87_is_empty(f, 0))
            x87_write(f, 0, F80_DEFAULT_NAN);
        if (x87_is_empty(f, i->rm))
            x87_write(f, i->rm, F80_DEFAULT_NAN);
    } else {
        f->status &= (uint16_t)~SW_C1;
    }
    struct f80 a = x87_get(f, 0), b = x87_get(f, i->rm);
    *x87_st(f, 0) = b;
    *x87_st(f, i->rm) = a;
}

HANDLER(fxch)
{
    exchange(c, i, 0xD9);
}

HANDLER(fxch_dd) /* aliases: their own last opcode */
{
    exchange(c, i, 0xDD);
}

HANDLER(fxch_df)
{
    exchange(c, i, 0xDF);
}

/* The condition is in the opcode: DA/DB bit 0 negates, ModRM.reg 0..3 is B, E, BE, U. */
#define FCMOV(name, escape, condition)                                \
    HANDLER(name)                                                     \
    {                                                                 \
        struct x87 *f = &c->x87;                                      \
        x87_enter(c, i);                                              \
        x87_note(c, i, escape);                                       \
        if (unlikely(x87_is_empty(f, 0) || x87_is_empty(f, i->rm))) { \
            if (x87_stack_fault(c, false))                            \
                x87_write(f, 0, F80_DEFAULT_NAN);                     \
            return;                                                   \
        }                                                             \
        if (flags_condition(c, condition))                            \
            x87_write(f, 0, x87_get(f, i->rm));                       \
    }
FCMOV(fcmovb, 0xDA, 2)
FCMOV(fcmove, 0xDA, 4)
FCMOV(fcmovbe, 0xDA, 6)
FCMOV(fcmovu, 0xDA, 10)
FCMOV(fcmovnb, 0xDB, 3)
FCMOV(fcmovne, 0xDB, 5)
FCMOV(fcmovnbe, 0xDB, 7)
FCMOV(fcmovnu, 0xDB, 11)
