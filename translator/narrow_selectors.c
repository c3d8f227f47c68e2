/* translator/narrow_selectors.c: LAR, LSL, VERR and VERW of selectors whose descriptors the TLB
 * knows: 16-bit programs ask for the size of a segment before they use it. */
#include "cpu/model.h"
#include "cpu/segment.h"
#include "translator/narrow_descriptor.h"

#define HOST_ZF (0x40u << 8) /* in translated.flags */

#define GATES_TOO 0x1A3Eu /* system types that LAR knows: TSSs, LDT, call and task gates */
#define SIZED     0x0A0Eu /* those with a limit */

/* May the code that runs, by the selector's RPL, see what d describes? */
static bool is_visible(const struct vcpu *c, uint16_t selector, const struct descriptor *d,
                       unsigned types)
{
    if (!descriptor_is_segment(d) && !(types >> descriptor_type(d) & 1))
        return false;
    unsigned dpl = descriptor_dpl(d);
    return descriptor_is_conforming(d) || (dpl >= c->cpl && dpl >= (selector & 3u));
}

/* The answer; *value is LAR's and LSL's. */
static bool answer(const struct vcpu *c, const struct insn *i, uint16_t selector,
                   const struct descriptor *d, uint32_t *value)
{
    switch (i->op) {
    case OPROW_lar:
        *value = d->high & (i->osize == 2 ? 0xFF00 : 0x00F0FF00);
        return is_visible(c, selector, d, GATES_TOO);
    case OPROW_lsl:
        *value = descriptor_limit(d);
        return is_visible(c, selector, d, SIZED);
    case OPROW_verr:
        return is_visible(c, selector, d, 0) && descriptor_is_readable(d);
    default:
        return is_visible(c, selector, d, 0) && descriptor_is_writable_data(d);
    }
}

static const uint8_t *question(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    bool usual = vcpu_is_protected(c) && c->model != CPU_286;
    uint16_t selector = c->reg[i->rm].w;
    if (usual && insn_is_mem(i)) {
        const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), 2, TLB_READ);
        usual = p != NULL;
        selector = p ? load_le16(p) : 0;
    }
    struct descriptor d;
    if (!usual || !narrow_find_descriptor(c, selector, &d))
        return translator_help(c, site);
    uint32_t value = 0;
    bool yes = answer(c, i, selector, &d, &value);
    if (yes && (i->op == OPROW_lar || i->op == OPROW_lsl))
        narrow_set_register(c, i->reg, i->osize, value);
    c->translated.flags = (c->translated.flags & ~HOST_ZF) | (yes ? HOST_ZF : 0);
    return u->start + ui->resume;
}

narrow_function *narrow_selectors_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_lar:
    case OPROW_lsl:
    case OPROW_verr:
    case OPROW_verw:
        return question;
    default:
        return NULL;
    }
}
