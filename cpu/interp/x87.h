/* cpu/interp/x87.h: what the x87 handlers share (SDM vol. 1, chapter 8).
 *
 * A handler: x87_enter (may raise #NM, #MF), its memory loads (may fault), x87_note (the last
 * instruction's pointers), the operation under an env from x87_env, x87_finish. Memory is stored to
 * before any state changes. Unmasked exceptions are raised by the *next* waiting instruction. */
#ifndef UMBRA_CPU_INTERP_X87_H
#define UMBRA_CPU_INTERP_X87_H

#include "cpu/interp/handler.h"
#include "cpu/x87.h"

#define SW_SF 0x0040 /* stack fault */
#define SW_ES 0x0080 /* error summary: an unmasked exception is pending */
#define SW_C0 0x0100
#define SW_C1 0x0200
#define SW_C2 0x0400
#define SW_C3 0x4000
#define SW_B  0x8000
#define SW_CC (SW_C0 | SW_C2 | SW_C3)

/* The control word's bits that can be set, and the one that always is. */
#define CW_MASK          0x1F3F
#define CW_ONES          0x0040
#define CW_IEM           0x0080 /* the 8087's interrupt enable mask */
#define CW_IC            0x1000 /* infinity control: 8087 and 287 */
#define X87_CONTROL_INIT 0x037F

static inline bool x87_is_8087(const struct vcpu *c)
{
    return c->model <= CPU_186;
}

/* A control word as it is kept. */
static inline uint16_t x87_control(const struct vcpu *c, uint32_t v)
{
    return (uint16_t)((v & (x87_is_8087(c) ? CW_MASK | CW_IEM : CW_MASK)) | CW_ONES);
}

/* Cold paths (x87_state.c). */
void x87_raise_nm(struct vcpu *c, const struct insn *i);
/* ES is set: #MF; where CR0.NE is clear FERR#, and the instruction waits for the interrupt that
 * makes unless IGNNE# is asserted (SDM vol. 1, appendix D; the 286 and 386 have BUSY# held by the
 * board). An 8087's CPU goes on. */
void x87_raise_pending(struct vcpu *c, const struct insn *i);
/* Takes note of raised exceptions of which some are unmasked; true when the result is stored. */
bool x87_unmasked(struct vcpu *c, uint32_t raised);
/* Sets IE and SF. True when IE is masked: the default NaN is the result. */
bool x87_stack_fault(struct vcpu *c, bool overflow);
/* ES and B from the exception flags and masks; drives FERR#. */
void x87_update_summary(struct vcpu *c);
/* The status word with TOP. */
uint16_t x87_status(const struct x87 *f);
void x87_set_status(struct vcpu *c, uint16_t status);
uint16_t x87_tag_word(const struct x87 *f);

/* For instructions that do not wait (FNSTSW and the like). */
static inline void x87_enter_nowait(struct vcpu *c, const struct insn *i)
{
    c->cur = i; /* for FERR# */
    if (unlikely(c->cr0 & (CR0_EM | CR0_TS)))
        x87_raise_nm(c, i);
}

static inline void x87_enter(struct vcpu *c, const struct insn *i)
{
    x87_enter_nowait(c, i);
    if (unlikely(c->x87.status & SW_ES))
        x87_raise_pending(c, i);
}

/* The last instruction's pointers. escape: the low 3 bits of its first byte, D8..DF. */
static inline void x87_note(struct vcpu *c, const struct insn *i, unsigned escape)
{
    struct x87 *f = &c->x87;
    f->last_opcode = (uint16_t)((escape & 7) << 8 | i->modrm);
    f->last_cs = c->seg[SEG_CS].selector;
    f->last_ip = (uint32_t)c->block_eip + i->offset;
}

static inline void x87_note_mem(struct vcpu *c, const struct insn *i, unsigned escape, uint32_t ea)
{
    x87_note(c, i, escape);
    c->x87.last_ds = c->seg[i->seg].selector;
    c->x87.last_dp = ea;
}

static inline struct f80 *x87_st(struct x87 *f, unsigned n)
{
    return &f->reg[(f->top + n) & 7];
}

/* The value of STn. Copied by members: a load of 16 bytes stalls when sig and se were just stored
 * one by one. */
static inline struct f80 x87_get(const struct x87 *f, unsigned n)
{
    const struct f80 *r = &f->reg[(f->top + n) & 7];
    return (struct f80){r->sig, r->se};
}

static inline bool x87_is_empty(const struct x87 *f, unsigned n)
{
    return f->tag_empty >> ((f->top + n) & 7) & 1;
}

static inline void x87_pop(struct x87 *f)
{
    f->tag_empty |= (uint8_t)(1u << f->top);
    f->top = (f->top + 1) & 7;
}

static inline void x87_push(struct x87 *f, struct f80 v)
{
    f->top = (f->top - 1) & 7;
    f->tag_empty &= (uint8_t) ~(1u << f->top);
    f->reg[f->top] = v;
}

static inline void x87_write(struct x87 *f, unsigned n, struct f80 v)
{
    unsigned r = (f->top + n) & 7;
    f->reg[r] = v;
    f->tag_empty &= (uint8_t) ~(1u << r);
}

/* The environment of add, sub, mul, div and sqrt; precision control counts for those alone. */
static inline void x87_env(const struct vcpu *c, struct fp_env *e)
{
    unsigned cw = c->x87.control;
    e->rounding = cw >> 10 & 3; /* member by member: a copied struct costs a stalled load */
    e->precision = cw >> 8 & 3;
    e->masked = cw & FP_ALL;
    e->daz = e->ftz = false;
    e->raised = 0;
}

static inline bool x87_finish(struct vcpu *c, const struct fp_env *e)
{
    struct x87 *f = &c->x87;
    if (unlikely(e->raised & ~e->masked & FP_ALL))
        return x87_unmasked(c, e->raised);
    f->status = (uint16_t)((f->status & ~SW_C1) | e->raised); /* FP_C1 is SW_C1 */
    return true;
}

/* Pushes the result of an operation with environment e. */
static inline void x87_push_result(struct vcpu *c, const struct fp_env *e, struct f80 v)
{
    if (unlikely(!x87_is_empty(&c->x87, 7))) {
        if (x87_stack_fault(c, true))
            x87_push(&c->x87, F80_DEFAULT_NAN);
        return;
    }
    if (likely(x87_finish(c, e)))
        x87_push(&c->x87, v);
}

#endif
