/* translator/narrow_8086.c: INT and IRET of real mode, and IRET of V86 mode with IOPL 3, where
 * nothing is raised and nobody looks: the frame and the vector in the TLB, no debugger. */
#include "cpu/history.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "translator/narrow.h"
#include "translator/narrow_frame.h"

/* Its rights are as they are (vcpu.code_8086). */
static void go_to(struct vcpu *c, uint16_t selector, uint16_t ip)
{
    c->seg[SEG_CS].selector = selector;
    c->seg[SEG_CS].base = (uint32_t)selector << 4;
    c->eip = ip;
}

bool narrow_int_8086(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    uint8_t vector = (uint8_t)ui->insn->imm;
    if (!c->code_8086 || vcpu_is_v86(c) || c->stop_on || vector * 4u + 3 > c->idtr.limit)
        return false;
    uint32_t entry = (uint32_t)c->idtr.base + vector * 4u;
    const uint8_t *to = tlb_lookup(&c->tlb, c->tlb_view, TLB_READ, entry, 4);
    uint8_t *frame = to ? narrow_new_frame(c, 6) : NULL;
    if (!frame)
        return false;
    narrow_begin(c, site);
    take_flags(c);
    uint32_t target = load_le32(to), eip = insn_eip(u, ui);
    uint16_t from = c->seg[SEG_CS].selector;
    store_le16(frame, (uint16_t)eip_behind(u, ui));
    store_le16(frame + 2, from);
    store_le16(frame + 4, (uint16_t)vcpu_flags_image(c));
    set_stack_pointer(c, c->reg[ESP].d - 6);
    c->eflags &= ~(FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC);
    go_to(c, (uint16_t)(target >> 16), (uint16_t)target);
    history_event(c, HISTORY_SOFTWARE, from, eip, vector, 0);
    c->insns++;
    return true;
}

bool narrow_iret_8086(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct insn *i = site_unit(t, site)->insn[site_index(site)].insn;
    bool v86 = vcpu_is_v86(c);
    if (!c->code_8086 || i->osize != 2 || c->stop_on || c->model <= CPU_286 ||
        (v86 && (c->eflags & FLAG_IOPL) != FLAG_IOPL))
        return false;
    const uint8_t *frame = narrow_frame(c, 6);
    uint32_t flags = frame ? load_le16(frame + 4) : 0;
    if (!frame || ((flags | c->eflags) & (FLAG_TF | FLAG_NT)))
        return false;
    uint32_t mask = FLAG_IF | FLAG_DF | (v86 ? 0 : FLAG_IOPL);
    c->insns = retired(t, 0); /* it ends its block */
    go_to(c, load_le16(frame + 2), load_le16(frame));
    set_stack_pointer(c, c->reg[ESP].d + 6);
    c->eflags = (c->eflags & ~mask) | (flags & mask);
    c->translated.flags = (flags & 0xFF) << 8 | (flags & FLAG_OF ? 1 : 0);
    c->nmi_blocked = false;
    return true;
}
