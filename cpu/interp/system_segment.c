/* cpu/interp/system_segment.c: segment registers and descriptor tables (SDM vol. 2: MOV, PUSH, POP,
 * LDS.., LAR, LSL, VERR, ARPL, LGDT, LLDT, LTR and their stores). */
#include "cpu/interp/system.h"

HANDLER(mov_ew_sw)
{
    c->cur = i;
    store_ew(c, i, c->seg[i->reg].selector);
}

HANDLER(mov_sw_ew)
{
    uint16_t selector = load_ew(c, i);
    c->cur = i;
    segment_load(c, i->reg, selector);
}

/* MOV SS holds off interrupts and debug traps for one instruction (SDM vol. 3, 6.8.3). */
HANDLER_LAST(mov_ss_ew)
{
    uint16_t selector = load_ew(c, i);
    c->cur = i;
    segment_load(c, SEG_SS, selector);
    c->inhibit = INHIBIT_STACK;
    c->eip = next_eip(c, i);
}

/* The 8086 and 80186 can load CS: execution goes on at the next IP in the new segment. */
HANDLER_LAST(mov_cs_ew)
{
    uint16_t selector = load_ew(c, i);
    segment_load_real(c, SEG_CS, selector, false);
    c->eip = next_eip(c, i);
}

HANDLER_LAST(pop_cs)
{
    uint16_t selector = load16(c, i, SEG_SS, c->reg[ESP].w);
    c->reg[ESP].w += 2;
    segment_load_real(c, SEG_CS, selector, false);
    c->eip = next_eip(c, i);
}

#define PUSH_POP_SEGMENT(name, seg_reg)                                            \
    HANDLER(push_##name)                                                           \
    {                                                                              \
        push_value(c, i, c->seg[seg_reg].selector);                                \
    }                                                                              \
    HANDLER(pop_##name)                                                            \
    {                                                                              \
        uint16_t selector = load16(c, i, SEG_SS, stack_wrapped(c, c->reg[ESP].d)); \
        c->cur = i;                                                                \
        segment_load(c, seg_reg, selector);                                        \
        set_stack_pointer(c, c->reg[ESP].d + i->osize);                            \
    }
PUSH_POP_SEGMENT(es, SEG_ES)
PUSH_POP_SEGMENT(ds, SEG_DS)
PUSH_POP_SEGMENT(fs, SEG_FS)
PUSH_POP_SEGMENT(gs, SEG_GS)

HANDLER(push_cs)
{
    push_value(c, i, c->seg[SEG_CS].selector);
}

HANDLER(push_ss)
{
    push_value(c, i, c->seg[SEG_SS].selector);
}

HANDLER_LAST(pop_ss)
{
    uint16_t selector = load16(c, i, SEG_SS, stack_wrapped(c, c->reg[ESP].d));
    uint32_t sp = c->reg[ESP].d + i->osize;
    bool wide = c->stack32;
    c->cur = i;
    segment_load(c, SEG_SS, selector);
    if (wide) /* the stack pointer moves in the width of the old stack */
        c->reg[ESP].d = sp;
    else
        c->reg[ESP].w = (uint16_t)sp;
    c->inhibit = INHIBIT_STACK;
    c->eip = next_eip(c, i);
}

/* LES and its kin: offset, then selector; the register changes only after the segment loaded. */
static void load_far_pointer(struct vcpu *c, const struct insn *i, unsigned seg)
{
    uint32_t ea = insn_ea(c, i);
    uint32_t offset = i->osize == 2 ? load16(c, i, i->seg, ea) : load32(c, i, i->seg, ea);
    uint32_t at = ea + i->osize;
    uint16_t selector = load16(c, i, i->seg, i->asize == 2 ? at & 0xFFFF : at);
    c->cur = i;
    segment_load(c, seg, selector);
    set_reg(c, i->reg, i->osize, offset);
}

HANDLER(les)
{
    load_far_pointer(c, i, SEG_ES);
}

HANDLER(lds)
{
    load_far_pointer(c, i, SEG_DS);
}

HANDLER(lfs)
{
    load_far_pointer(c, i, SEG_FS);
}

HANDLER(lgs)
{
    load_far_pointer(c, i, SEG_GS);
}

HANDLER_LAST(lss)
{
    load_far_pointer(c, i, SEG_SS);
    c->eip = next_eip(c, i);
}

/* --- Questions about selectors: ZF says whether they apply --------------------------------- */

/* May the current code, with the selector's RPL, see what d describes? */
static bool is_visible(const struct vcpu *c, uint16_t selector, const struct descriptor *d)
{
    if (descriptor_is_conforming(d))
        return true;
    unsigned dpl = descriptor_dpl(d);
    return dpl >= c->cpl && dpl >= (selector & 3u);
}

/* Finds the descriptor of a selector operand if it may be seen; types: set of system types that
 * count. */
static bool find_visible(struct vcpu *c, uint16_t selector, unsigned types, struct descriptor *d)
{
    if (selector_is_null(selector) || !descriptor_find(c, selector, d))
        return false;
    if (!descriptor_is_segment(d) && !(types >> descriptor_type(d) & 1))
        return false;
    return is_visible(c, selector, d);
}

static void set_zf(struct vcpu *c, bool on)
{
    flags_set(c, on ? FLAG_ZF : 0, FLAG_ZF);
}

HANDLER(lar)
{
    require_protected(c, i);
    uint16_t selector = load_ew(c, i);
    struct descriptor d;
    c->cur = i;
    bool ok = find_visible(c, selector, 0x1A3E, &d); /* TSSs, LDT, call and task gates */
    if (ok)
        set_reg(c, i->reg, i->osize, d.high & (i->osize == 2 ? 0xFF00 : 0x00F0FF00));
    set_zf(c, ok);
}

HANDLER(lsl)
{
    require_protected(c, i);
    uint16_t selector = load_ew(c, i);
    struct descriptor d;
    c->cur = i;
    bool ok = find_visible(c, selector, 0x0A0E, &d); /* TSSs, LDT */
    if (ok)
        set_reg(c, i->reg, i->osize, descriptor_limit(&d));
    set_zf(c, ok);
}

HANDLER(verr)
{
    require_protected(c, i);
    uint16_t selector = load_ew(c, i);
    struct descriptor d;
    c->cur = i;
    set_zf(c, find_visible(c, selector, 0, &d) && descriptor_is_readable(&d));
}

HANDLER(verw)
{
    require_protected(c, i);
    uint16_t selector = load_ew(c, i);
    struct descriptor d;
    c->cur = i;
    set_zf(c, find_visible(c, selector, 0, &d) && descriptor_is_writable_data(&d));
}

HANDLER(arpl)
{
    require_protected(c, i);
    unsigned rpl = c->reg[i->reg].w & 3;
    if (!insn_is_mem(i)) {
        uint16_t *to = &c->reg[i->rm].w;
        bool raise = (*to & 3u) < rpl;
        if (raise)
            *to = (uint16_t)((*to & ~3u) | rpl);
        set_zf(c, raise);
        return;
    }
    uint32_t ea = insn_ea(c, i);
    uint16_t value = load16(c, i, i->seg, ea);
    bool raise = (value & 3u) < rpl;
    if (raise)
        store16(c, i, i->seg, ea, (uint16_t)((value & ~3u) | rpl));
    set_zf(c, raise);
}

/* --- Tables ---------------------------------------------------------------------------------- */

HANDLER(sldt)
{
    require_protected(c, i);
    store_ew(c, i, c->ldtr.selector);
}

HANDLER(str)
{
    require_protected(c, i);
    store_ew(c, i, c->tr.selector);
}

HANDLER(lldt)
{
    require_protected(c, i);
    require_cpl0(c, i);
    uint16_t selector = load_ew(c, i);
    c->cur = i;
    segment_load_ldtr(c, selector);
}

HANDLER(ltr)
{
    require_protected(c, i);
    require_cpl0(c, i);
    uint16_t selector = load_ew(c, i);
    c->cur = i;
    segment_load_tr(c, selector);
}

static struct descriptor_table load_table(struct vcpu *c, const struct insn *i)
{
    require_cpl0(c, i);
    uint32_t ea = insn_ea(c, i);
    uint32_t at = i->asize == 2 ? (ea + 2) & 0xFFFF : ea + 2;
    uint16_t limit = load16(c, i, i->seg, ea);
    uint32_t base = load32(c, i, i->seg, at);
    return (struct descriptor_table){.base = i->osize == 2 ? base & 0xFFFFFF : base,
                                     .limit = limit};
}

HANDLER(lgdt)
{
    c->gdtr = load_table(c, i);
}

HANDLER(lidt)
{
    c->idtr = load_table(c, i);
}

/* Six bytes, checked as a whole. The 286 fills the top byte with ones. */
static void store_table(struct vcpu *c, const struct insn *i, const struct descriptor_table *t)
{
    c->cur = i;
    bool user = c->cpl == 3;
    uint32_t gva = segment_linear(c, i->seg, insn_ea(c, i), 4, true);
    segment_linear(c, i->seg, insn_ea(c, i) + 2, 4, true);
    linear_check_store(c, gva, 6, user);
    linear_store_as(c, gva, t->limit, 2, user);
    linear_store_as(c, gva + 2, c->model == CPU_286 ? t->base | 0xFF000000 : t->base, 4, user);
}

HANDLER(sgdt)
{
    store_table(c, i, &c->gdtr);
}

HANDLER(sidt)
{
    store_table(c, i, &c->idtr);
}
