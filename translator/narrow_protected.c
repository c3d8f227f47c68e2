/* translator/narrow_protected.c: far JMP, CALL and RET, INT and IRET of protected mode that stay at
 * their privilege level and raise nothing: descriptors are present, accessed and, like the stack,
 * known to the TLB; no gate but INT's; no debugger. All else is for the general functions. */
#include "cpu/history.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "translator/narrow_descriptor.h"
#include "translator/narrow_frame.h"

static bool is_usual(const struct vcpu *c)
{
    return vcpu_is_protected(c) && !c->stop_on && c->model != CPU_286;
}

static bool find_code(struct vcpu *c, uint16_t selector, uint32_t eip, struct descriptor *d)
{
    return narrow_find_code(c, selector, eip, d) && descriptor_dpl(d) == c->cpl;
}

static void enter(struct vcpu *c, uint16_t selector, const struct descriptor *d, uint32_t eip)
{
    segment_set(c, SEG_CS, (uint16_t)((selector & 0xFFFC) | c->cpl), d);
    c->eip = eip;
}

bool narrow_far_same_level(struct vcpu *c, const struct insn *i, struct far_pointer to,
                           uint32_t next)
{
    unsigned size = i->osize;
    struct descriptor d;
    uint32_t eip = size == 2 ? to.offset & 0xFFFF : to.offset;
    bool call = i->op == OPROW_call_ap || i->op == OPROW_call_mp;
    if (!is_usual(c) || (to.selector & 3u) > c->cpl || !find_code(c, to.selector, eip, &d))
        return false;
    if (call) {
        uint8_t *frame = narrow_new_frame(c, 2 * size);
        if (!frame)
            return false;
        narrow_put(frame, next, size);
        narrow_put(frame + size, c->seg[SEG_CS].selector, size);
        set_stack_pointer(c, c->reg[ESP].d - 2 * size);
    }
    enter(c, to.selector, &d, eip);
    return true;
}

bool narrow_return_same_level(struct vcpu *c, unsigned size, unsigned release)
{
    struct descriptor d;
    if (!is_usual(c))
        return false;
    const uint8_t *frame = narrow_frame(c, 2 * size);
    if (!frame)
        return false;
    uint32_t eip = narrow_load(frame, size);
    uint16_t selector = load_le16(frame + size);
    if ((selector & 3u) != c->cpl || !find_code(c, selector, eip, &d))
        return false;
    set_stack_pointer(c, c->reg[ESP].d + 2 * size + release);
    enter(c, selector, &d, eip);
    return true;
}

/* --- INT, IRET -------------------------------------------------------------------------------- */

/* Through a gate that is open to level dpl, with eip, flags and an error code (< 0: none) pushed.
 */
static bool arrive(struct vcpu *c, uint8_t vector, unsigned dpl, uint32_t eip, uint32_t flags,
                   int64_t error)
{
    struct descriptor gate, code;
    /* From level 3 gates lead to inner levels, nearly always. */
    if (c->cpl == 3 || !is_usual(c) || !narrow_find_gate(c, vector, dpl, &gate) ||
        !find_code(c, gate_selector(&gate), gate_offset(&gate), &code))
        return false;
    unsigned size = descriptor_type(&gate) & 8 ? 4 : 2;
    uint32_t bytes = (error >= 0 ? 4 : 3) * size;
    uint8_t *frame = narrow_new_frame(c, bytes);
    if (!frame)
        return false;
    if (error >= 0) {
        narrow_put(frame, (uint32_t)error, size);
        frame += size;
    }
    narrow_put(frame, eip, size);
    narrow_put(frame + size, c->seg[SEG_CS].selector, size);
    narrow_put(frame + 2 * size, flags, size);
    set_stack_pointer(c, c->reg[ESP].d - bytes);
    uint32_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;
    c->eflags &= ~(clear | (descriptor_type(&gate) & 1 ? 0 : FLAG_IF));
    enter(c, gate_selector(&gate), &code, gate_offset(&gate));
    return true;
}

bool narrow_int_same_level(struct vcpu *c, const struct insn *i, uint32_t next)
{
    uint16_t from = c->seg[SEG_CS].selector;
    uint32_t eip = vcpu_eip(c);
    uint8_t vector = (uint8_t)i->imm;
    if (!arrive(c, vector, c->cpl, next, vcpu_flags_image(c), -1))
        return false;
    history_event(c, HISTORY_SOFTWARE, from, eip, vector, 0);
    return true;
}

bool narrow_fault_same_level(struct vcpu *c, enum vector vector, int64_t error)
{
    uint16_t from = c->seg[SEG_CS].selector;
    uint32_t eip = vcpu_eip(c);
    if (!arrive(c, (uint8_t)vector, 0, eip, vcpu_flags_image(c) | FLAG_RF, error))
        return false;
    c->faults[vector]++;
    c->fault_chain.count = 0;
    history_event(c, HISTORY_EXCEPTION, from, eip, (uint8_t)vector,
                  error >= 0 ? (uint32_t)error : 0);
    return true;
}

bool narrow_iret_same_level(struct vcpu *c, unsigned size)
{
    struct descriptor d;
    if (!is_usual(c))
        return false;
    const uint8_t *frame = narrow_frame(c, 3 * size);
    if (!frame)
        return false;
    uint32_t eip = narrow_load(frame, size), flags = narrow_load(frame + 2 * size, size);
    uint16_t selector = load_le16(frame + size);
    uint32_t rare = FLAG_TF | FLAG_NT | FLAG_VM | FLAG_AC | FLAG_ID;
    rare &= size == 2 ? 0xFFFF : UINT32_MAX;
    if ((selector & 3u) != c->cpl || ((flags ^ c->eflags) & rare) ||
        (c->eflags & (FLAG_TF | FLAG_NT)) || !find_code(c, selector, eip, &d))
        return false;
    uint32_t mask = FLAG_DF | (c->cpl <= bits(c->eflags, 13, 12) ? FLAG_IF : 0);
    if (c->cpl == 0)
        mask |= FLAG_IOPL | (size == 4 ? FLAG_VIF | FLAG_VIP : 0);
    if (size == 4)
        mask |= FLAG_RF; /* set by each fault whose handler returns */
    mask &= cpu_model_info(c->model)->eflags_mask;
    set_stack_pointer(c, c->reg[ESP].d + 3 * size);
    enter(c, selector, &d, eip);
    c->eflags = (c->eflags & ~mask) | (flags & mask);
    c->translated.flags = (flags & 0xFF) << 8 | (flags & FLAG_OF ? 1 : 0);
    c->nmi_blocked = false;
    return true;
}
