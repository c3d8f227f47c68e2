/* translator/narrow_stack.c: what pushes or pops and has more to do than one access: CALL, and PUSH
 * and POP of a memory operand, which have host code of their own for the usual case (this is for
 * stacks beside code, which is how small programs have them); PUSHA, POPA, ENTER. */
#include "cpu/access.h"
#include "cpu/segment.h"
#include "translator/narrow.h"
#include "translator/narrow_frame.h"
#include "translator/returns.h"

/* CALL near relative. */
static const uint8_t *call(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    unsigned n = site_index(site);
    const struct insn *i = u->insn[n].insn;
    uint32_t next = eip_behind(u, &u->insn[n]), to = next + i->imm;
    uint32_t sp = c->reg[ESP].d - i->osize;
    if (i->osize == 2)
        to &= 0xFFFF;
    if (to > c->seg[SEG_CS].limit || c->stop_on ||
        !narrow_store(c, u, n, SEG_SS, stack_wrapped(c, sp), next, i->osize))
        return translator_help(c, site);
    set_stack_pointer(c, sp);
    if (u->landing && n + 1u == u->insns)
        returns_push(t, u);
    c->insns = retired(t, u->insn[n].rest);
    c->eip = to;
    return translator_transfer(t, FLAGS_IN_HOST);
}

static const uint8_t *push_memory(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site);
    const struct insn *i = u->insn[n].insn;
    uint32_t sp = c->reg[ESP].d - i->osize;
    const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), i->osize, TLB_READ);
    if (!p ||
        !narrow_store(c, u, n, SEG_SS, stack_wrapped(c, sp), narrow_load(p, i->osize), i->osize))
        return translator_help(c, site);
    set_stack_pointer(c, sp);
    return narrow_stored(c, u, n);
}

/* An address that uses ESP is formed after ESP was incremented (SDM vol. 2, POP). */
static const uint8_t *pop_memory(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site);
    const struct insn *i = u->insn[n].insn;
    const uint8_t *p = narrow_reach(c, SEG_SS, narrow_stack_offset(c, 0), i->osize, TLB_READ);
    uint32_t to = narrow_operand_offset(c, i, i->base == ESP ? i->osize : 0u);
    if (!p || !narrow_store(c, u, n, i->seg, to, narrow_load(p, i->osize), i->osize))
        return translator_help(c, site);
    set_stack_pointer(c, c->reg[ESP].d + i->osize);
    return narrow_stored(c, u, n);
}

/* PUSHA and POPA on a stack that does not wrap or leave its page on the way. */
static const uint8_t *pusha(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    unsigned size = ui->insn->osize;
    uint32_t sp = c->reg[ESP].d - 8 * size;
    uint8_t *p = narrow_new_frame(c, 8 * size);
    if (!p)
        return translator_help(c, site);
    for (unsigned n = 0; n < 8; n++) {
        narrow_put(p + (size_t)(7 - n) * size, c->reg[n].d, size);
    }
    set_stack_pointer(c, sp);
    return u->start + ui->resume;
}

static const uint8_t *popa(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    unsigned size = ui->insn->osize;
    uint32_t sp = c->reg[ESP].d;
    const uint8_t *p = narrow_frame(c, 8 * size);
    if (!p)
        return translator_help(c, site);
    for (unsigned n = 0; n < 8; n++) {
        if (n == ESP)
            continue;
        if (size == 2)
            c->reg[n].w = load_le16(p + (size_t)(7 - n) * 2);
        else
            c->reg[n].d = load_le32(p + (size_t)(7 - n) * 4);
    }
    set_stack_pointer(c, sp + 8 * size);
    return u->start + ui->resume;
}

/* ENTER without outer frames to copy. The last word of the room is probed, as the manual says. */
static const uint8_t *enter(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    unsigned size = i->osize;
    bool nested = i->disp & 31; /* the frame itself is pushed, too */
    uint32_t frame = c->reg[ESP].d - size, end = frame - (nested ? size : 0) - i->imm;
    uint8_t *saved = narrow_reach_write(c, SEG_SS, stack_wrapped(c, frame), size);
    uint8_t *display = narrow_reach_write(c, SEG_SS, stack_wrapped(c, frame - size), size);
    if (!saved || (nested && !display) ||
        !narrow_reach_write(c, SEG_SS, stack_wrapped(c, end), size))
        return translator_help(c, site);
    uint32_t pointer = c->stack32 ? frame : (frame & 0xFFFF) | (c->reg[ESP].d & 0xFFFF0000);
    if (size == 2) {
        store_le16(saved, c->reg[EBP].w);
        if (nested)
            store_le16(display, (uint16_t)pointer);
        c->reg[EBP].w = (uint16_t)pointer;
    } else {
        store_le32(saved, c->reg[EBP].d);
        if (nested)
            store_le32(display, pointer);
        c->reg[EBP].d = pointer;
    }
    set_stack_pointer(c, end);
    return u->start + ui->resume;
}

narrow_function *narrow_stack_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_call_jv:
        return call;
    case OPROW_push_ev:
    case OPROW_push_ev_7:
        return insn_is_mem(i) ? push_memory : NULL;
    case OPROW_pop_ev:
        return insn_is_mem(i) ? pop_memory : NULL;
    case OPROW_pusha:
        return pusha;
    case OPROW_popa:
        return popa;
    case OPROW_enter:
        return (i->disp & 31) < 2 ? enter : NULL;
    default:
        return NULL;
    }
}
