/* translator/narrow_system.c: segment and table loads and flag instructions in their usual cases:
 * nothing raised, descriptors and stack in the TLB, no event waiting. The unit goes on when nothing
 * that is built into it (its key) changed. */
#include "cpu/exception.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "translator/flow.h"
#include "translator/narrow_descriptor.h"
#include "translator/narrow_frame.h"
#include "translator/units.h"

/* --- Going on --------------------------------------------------------------------------------- */

/* Behind the instruction, which has run. */
static const uint8_t *next(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    bool same = !((key_of(c) ^ u->key) & ~KEY_FORM);
    return same ? u->start + ui->resume : narrow_leave(c, u, site_index(site));
}

/* The same when it has loaded a data segment, and the classes of all were these before. All that
 * the key holds of it is its class; units of small code do not look at that. */
static const uint8_t *loaded(struct vcpu *c, uint32_t site, uint16_t classes)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    if (likely(c->segment_classes == classes || (u->key & KEY_SMALL)))
        return u->start + u->insn[site_index(site)].resume;
    return narrow_leave(c, u, site_index(site));
}

static const struct insn *site_insn(const struct vcpu *c, uint32_t site)
{
    return site_unit(c->translated.translator, site)->insn[site_index(site)].insn;
}

/* --- Segment registers ------------------------------------------------------------------------ */

/* A data segment with nothing to raise or to mark in its descriptor. False: by the handler. */
static bool load_protected(struct vcpu *c, unsigned seg, uint16_t selector)
{
    struct descriptor d;
    if (selector_is_null(selector)) {
        segment_set_null(c, seg, selector);
        return true;
    }
    if (c->model == CPU_286 || !narrow_find_descriptor(c, selector, &d))
        return false;
    unsigned dpl = descriptor_dpl(&d);
    bool outranked = !descriptor_is_conforming(&d) && ((selector & 3u) > dpl || c->cpl > dpl);
    if (!descriptor_is_readable(&d) || outranked || !descriptor_present(&d) || !(d.high & 0x100))
        return false;
    segment_set(c, seg, selector, &d);
    return true;
}

static bool load_segment(struct vcpu *c, unsigned seg, uint16_t selector)
{
    if (vcpu_is_protected(c))
        return load_protected(c, seg, selector);
    segment_load_real(c, seg, selector, vcpu_is_v86(c));
    return true;
}

static const uint8_t *mov_segment(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    uint16_t selector = c->reg[i->rm].w;
    if (insn_is_mem(i)) {
        const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), 2, TLB_READ);
        if (!p)
            return translator_help(c, site);
        selector = load_le16(p);
    }
    uint16_t classes = c->segment_classes;
    return load_segment(c, i->reg, selector) ? loaded(c, site, classes) : translator_help(c, site);
}

static unsigned popped_segment(const struct insn *i)
{
    switch (i->op) {
    case OPROW_pop_es:
        return SEG_ES;
    case OPROW_pop_ds:
        return SEG_DS;
    case OPROW_pop_fs:
        return SEG_FS;
    default:
        return SEG_GS;
    }
}

static const uint8_t *pop_segment(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    const uint8_t *p = narrow_reach(c, SEG_SS, narrow_stack_offset(c, 0), 2, TLB_READ);
    uint16_t classes = c->segment_classes;
    if (!p || !load_segment(c, popped_segment(i), load_le16(p)))
        return translator_help(c, site);
    set_stack_pointer(c, c->reg[ESP].d + i->osize);
    return loaded(c, site, classes);
}

static unsigned far_segment(const struct insn *i)
{
    switch (i->op) {
    case OPROW_les:
        return SEG_ES;
    case OPROW_lds:
        return SEG_DS;
    case OPROW_lfs:
        return SEG_FS;
    default:
        return SEG_GS;
    }
}

static const uint8_t *far_pointer(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), i->osize, TLB_READ);
    const uint8_t *q = narrow_reach(c, i->seg, narrow_operand_offset(c, i, i->osize), 2, TLB_READ);
    if (!p || !q)
        return translator_help(c, site);
    uint32_t offset = narrow_load(p, i->osize);
    uint16_t classes = c->segment_classes;
    if (!load_segment(c, far_segment(i), load_le16(q)))
        return translator_help(c, site);
    if (i->osize == 2)
        c->reg[i->reg].w = (uint16_t)offset;
    else
        c->reg[i->reg].d = offset;
    return loaded(c, site, classes);
}

/* --- SS ----------------------------------------------------------------------------------------
 *
 * What MOV and POP SS hold off for one instruction needs no keeping while nothing waits, if the
 * next one surely runs: it is in the unit, whose budget is known to last. */

/* A segment for SS with nothing to raise or to mark: writable data of this level. */
static bool load_stack_protected(struct vcpu *c, uint16_t selector)
{
    struct descriptor d;
    if (selector_is_null(selector) || (selector & 3u) != c->cpl || c->model == CPU_286 ||
        !narrow_find_descriptor(c, selector, &d))
        return false;
    /* P, S, data, writable, accessed */
    if ((d.high & 0x9B00) != 0x9300 || descriptor_dpl(&d) != c->cpl)
        return false;
    segment_set(c, SEG_SS, selector, &d);
    return true;
}

/* Loads SS, or raises; false: what waits has to be held off. */
static bool load_stack(struct vcpu *c, uint32_t site, uint16_t selector)
{
    if (c->events && (c->events != EVENT_INTR || (c->eflags & FLAG_IF)))
        return false;
    if (!vcpu_is_protected(c)) {
        segment_load_real(c, SEG_SS, selector, vcpu_is_v86(c));
        return true;
    }
    if (load_stack_protected(c, selector))
        return true;
    narrow_begin(c, site);
    take_flags(c);
    segment_load(c, SEG_SS, selector);
    c->cur = NULL;
    return true;
}

/* Instruction n of u has loaded SS; it may have marked a descriptor in a page with code. */
static const uint8_t *stack_loaded(struct vcpu *c, const struct unit *u, unsigned n, bool holds)
{
    if (!((key_of(c) ^ u->key) & ~KEY_FORM) && n + 1u < u->insns)
        return narrow_stored(c, u, n);
    c->inhibit = holds ? INHIBIT_STACK : INHIBIT_NONE;
    return narrow_leave(c, u, n);
}

static const uint8_t *mov_ss(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = site_insn(c, site);
    uint16_t selector = c->reg[i->rm].w;
    if (insn_is_mem(i)) {
        const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), 2, TLB_READ);
        if (!p)
            return translator_help(c, site);
        selector = load_le16(p);
    }
    if (!load_stack(c, site, selector))
        return translator_help(c, site);
    return stack_loaded(c, u, site_index(site), true);
}

/* The stack pointer moves in the width of the old stack. */
static const uint8_t *pop_ss(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = site_insn(c, site);
    const uint8_t *p = narrow_reach(c, SEG_SS, narrow_stack_offset(c, 0), 2, TLB_READ);
    uint32_t sp = c->reg[ESP].d + i->osize;
    bool wide = c->stack32;
    if (!p || !load_stack(c, site, load_le16(p)))
        return translator_help(c, site);
    if (wide)
        c->reg[ESP].d = sp;
    else
        c->reg[ESP].w = (uint16_t)sp;
    return stack_loaded(c, u, site_index(site), true);
}

static const uint8_t *lss(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = site_insn(c, site);
    const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), i->osize, TLB_READ);
    const uint8_t *q = narrow_reach(c, i->seg, narrow_operand_offset(c, i, i->osize), 2, TLB_READ);
    uint32_t offset = p && q ? narrow_load(p, i->osize) : 0;
    if (!p || !q || !load_stack(c, site, load_le16(q)))
        return translator_help(c, site);
    if (i->osize == 2)
        c->reg[i->reg].w = (uint16_t)offset;
    else
        c->reg[i->reg].d = offset;
    return stack_loaded(c, u, site_index(site), false);
}

/* --- LGDT, LIDT ------------------------------------------------------------------------------- */

static const uint8_t *load_table(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    const uint8_t *limit = narrow_reach(c, i->seg, insn_ea(c, i), 2, TLB_READ);
    const uint8_t *base = narrow_reach(c, i->seg, narrow_operand_offset(c, i, 2), 4, TLB_READ);
    if (c->cpl != 0 || !limit || !base)
        return translator_help(c, site);
    struct descriptor_table *t = i->op == OPROW_lgdt ? &c->gdtr : &c->idtr;
    *t = (struct descriptor_table){
        .base = load_le32(base) & (i->osize == 2 ? 0xFFFFFF : UINT32_MAX),
        .limit = load_le16(limit),
    };
    return next(c, site);
}

/* --- Flags ------------------------------------------------------------------------------------ */

static bool iopl_allows(const struct vcpu *c)
{
    return c->cpl <= bits(c->eflags, 13, 12);
}

static const uint8_t *pushf(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    if (narrow_is_monitored(c))
        return narrow_general_protection(c, site);
    uint8_t *p =
        narrow_reach_write(c, SEG_SS, narrow_stack_offset(c, -(int32_t)i->osize), i->osize);
    if (!p || (vcpu_is_v86(c) && !iopl_allows(c)))
        return translator_help(c, site);
    take_flags(c);
    uint32_t image = vcpu_flags_image(c) & ~(FLAG_RF | FLAG_VM);
    if (i->osize == 2)
        store_le16(p, (uint16_t)image);
    else
        store_le32(p, image);
    set_stack_pointer(c, c->reg[ESP].d - i->osize);
    return next(c, site);
}

/* Only what changes no more than arithmetic flags, IF and IOPL. */
static const uint8_t *popf(struct vcpu *c, uint32_t site)
{
    const struct insn *i = site_insn(c, site);
    if (narrow_is_monitored(c))
        return narrow_general_protection(c, site);
    const uint8_t *p = narrow_reach(c, SEG_SS, narrow_stack_offset(c, 0), i->osize, TLB_READ);
    if (!p || (vcpu_is_v86(c) && !iopl_allows(c)))
        return translator_help(c, site);
    uint32_t value = narrow_load(p, i->osize);
    uint32_t rare = FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;
    uint32_t changes = cpu_model_info(c->model)->eflags_mask;
    rare &= i->osize == 2 ? changes & 0xFFFF : changes;
    if (((value ^ c->eflags) & rare) || ((value & FLAG_IF) && c->events) || c->model == CPU_286)
        return translator_help(c, site);
    uint32_t mask = (iopl_allows(c) ? FLAG_IF : 0) | (c->cpl == 0 ? FLAG_IOPL : 0);
    mask &= changes;
    c->eflags = (c->eflags & ~mask) | (value & mask);
    c->translated.flags = (value & 0xFF) << 8 | (value & FLAG_OF ? 1 : 0);
    set_stack_pointer(c, c->reg[ESP].d + i->osize);
    return next(c, site);
}

static bool works_on_if(const struct vcpu *c)
{
    return vcpu_is_real(c) || iopl_allows(c);
}

/* CLI and STI where IOPL does not allow them, nor a virtual IF (SDM vol. 3, 20.3 and 20.4). */
static bool if_is_protected(const struct vcpu *c)
{
    if (works_on_if(c) || vcpu_is_v86(c))
        return narrow_is_monitored(c);
    return c->cpl != 3 || !(c->cr4 & CR4_PVI);
}

static const uint8_t *cli(struct vcpu *c, uint32_t site)
{
    if (if_is_protected(c))
        return narrow_general_protection(c, site);
    if (!works_on_if(c))
        return translator_help(c, site);
    c->eflags &= ~FLAG_IF;
    return next(c, site);
}

/* The interrupt shadow needs no keeping while nothing waits, if the next instruction surely runs:
 * it is in the unit, whose budget is known to last. */
static const uint8_t *sti(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    if (if_is_protected(c))
        return narrow_general_protection(c, site);
    if (!works_on_if(c) || c->events || site_index(site) + 1u >= u->insns)
        return translator_help(c, site);
    c->eflags |= FLAG_IF;
    return next(c, site);
}

static const uint8_t *direction(struct vcpu *c, uint32_t site)
{
    bool down = site_insn(c, site)->op == OPROW_std;
    c->eflags = (c->eflags & ~FLAG_DF) | (down ? FLAG_DF : 0);
    return next(c, site);
}

narrow_function *narrow_system_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_mov_s0_ew:
    case OPROW_mov_s3_ew:
    case OPROW_mov_s4_ew:
    case OPROW_mov_s5_ew:
        return mov_segment;
    case OPROW_pop_es:
    case OPROW_pop_ds:
    case OPROW_pop_fs:
    case OPROW_pop_gs:
        return pop_segment;
    case OPROW_les:
    case OPROW_lds:
    case OPROW_lfs:
    case OPROW_lgs:
        return far_pointer;
    case OPROW_mov_s2_ew:
        return mov_ss;
    case OPROW_pop_ss:
        return pop_ss;
    case OPROW_lss:
        return lss;
    case OPROW_lgdt:
    case OPROW_lidt:
        return load_table;
    case OPROW_pushf:
        return pushf;
    case OPROW_popf:
        return popf;
    case OPROW_cli:
        return cli;
    case OPROW_sti:
        return sti;
    case OPROW_cld:
    case OPROW_std:
        return direction;
    default:
        return NULL;
    }
}
