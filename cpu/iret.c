/* cpu/iret.c: far RET and IRET, which share the way back to an outer level. */
#include "cpu/access.h"
#include "cpu/flags.h"
#include "cpu/model.h"
#include "cpu/stops.h"
#include "cpu/task.h"

/* Word n (of size bytes) above the stack pointer, skip bytes further up. */
static uint32_t stack_word(struct vcpu *c, unsigned n, unsigned size, unsigned skip)
{
    uint32_t offset = c->reg[ESP].d + n * size + skip;
    if (!c->stack32)
        offset &= 0xFFFF;
    return size == 4 ? load32(c, c->cur, SEG_SS, offset) : load16(c, c->cur, SEG_SS, offset);
}

static void check_offset(struct vcpu *c, uint32_t offset, uint32_t limit)
{
    if (offset > limit && c->model >= CPU_286)
        cpu_raise_error(c, VEC_GP, 0);
}

/* The code segment that RET or IRET goes back to; CPL becomes its RPL. */
static struct descriptor return_code(struct vcpu *c, uint16_t selector, uint32_t eip)
{
    if (selector_is_null(selector))
        cpu_raise_error(c, VEC_GP, 0);
    struct descriptor d = descriptor_read(c, selector, VEC_GP);
    unsigned rpl = selector & 3, dpl = descriptor_dpl(&d);
    if (rpl < c->cpl || !descriptor_is_code(&d) ||
        (descriptor_is_conforming(&d) ? dpl > rpl : dpl != rpl))
        raise_selector(c, VEC_GP, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    check_offset(c, eip, descriptor_limit(&d));
    descriptor_touch(c, &d);
    return d;
}

/* Back to cs:eip. words: how many of size bytes are on the stack below SS:ESP (when outer);
 * release: RET n. */
static void return_to(struct vcpu *c, uint16_t cs, uint32_t eip, unsigned size, unsigned words,
                      unsigned release)
{
    struct descriptor code = return_code(c, cs, eip);
    unsigned rpl = cs & 3;
    if (rpl == c->cpl) {
        set_stack_pointer(c, c->reg[ESP].d + words * size + release);
        segment_set(c, SEG_CS, cs, &code);
        c->eip = eip;
        return;
    }
    uint32_t esp = stack_word(c, words, size, release);
    uint16_t ss = (uint16_t)stack_word(c, words + 1, size, release);
    struct descriptor stack = stack_descriptor(c, ss, rpl, VEC_GP);
    vcpu_set_cpl(c, rpl);
    segment_set(c, SEG_CS, cs, &code);
    segment_set(c, SEG_SS, ss, &stack);
    if (c->stack32 && size == 2)
        c->reg[ESP].d = (esp & 0xFFFF) + release; /* zero-extended */
    else
        set_stack_pointer(c, esp + release);
    segments_drop_inner(c);
    c->eip = eip;
}

static void return_far(struct vcpu *c, unsigned size, unsigned release)
{
    uint32_t eip = stack_word(c, 0, size, 0);
    uint16_t cs = (uint16_t)stack_word(c, 1, size, 0);
    if (vcpu_is_protected(c)) {
        return_to(c, cs, eip, size, 2, release);
        return;
    }
    check_offset(c, eip, c->seg[SEG_CS].limit);
    set_stack_pointer(c, c->reg[ESP].d + 2 * size + release);
    segment_load_real(c, SEG_CS, cs, vcpu_is_v86(c));
    c->eip = eip;
}

void far_return(struct vcpu *c, unsigned size, unsigned release)
{
    uint32_t slot = stops_slot(c);
    uint8_t cpl = c->cpl;
    return_far(c, size, release);
    if (unlikely(c->stop_on & STOP_ON_RETURN))
        stops_returned(c, slot, cpl);
}

/* --- IRET ------------------------------------------------------------------------------------ */

/* Writes the bits of mask that exist on the model and have the operand size. */
static void return_flags(struct vcpu *c, uint32_t value, uint32_t mask, unsigned size)
{
    mask &= cpu_model_info(c->model)->eflags_mask;
    flags_set(c, value, size == 2 ? mask & 0xFFFF : mask);
    vcpu_update_alignment(c);
}

#define FLAGS_RETURN (FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_ID)

static void return_real(struct vcpu *c, unsigned size, uint32_t mask, bool virtual_if)
{
    uint32_t eip = stack_word(c, 0, size, 0);
    uint16_t cs = (uint16_t)stack_word(c, 1, size, 0);
    uint32_t flags = stack_word(c, 2, size, 0);
    check_offset(c, eip, c->seg[SEG_CS].limit);
    if (virtual_if) {
        if ((flags & FLAG_TF) || ((flags & FLAG_IF) && (c->eflags & FLAG_VIP)))
            cpu_raise_error(c, VEC_GP, 0);
        flags_set(c, flags & FLAG_IF ? FLAG_VIF : 0, FLAG_VIF);
    }
    set_stack_pointer(c, c->reg[ESP].d + 3 * size);
    segment_load_real(c, SEG_CS, cs, vcpu_is_v86(c));
    c->eip = eip;
    return_flags(c, flags, mask, size);
}

static void return_v86(struct vcpu *c, unsigned size)
{
    if ((c->eflags & FLAG_IOPL) == FLAG_IOPL)
        return_real(c, size, FLAGS_RETURN | FLAG_IF, false);
    else if ((c->cr4 & CR4_VME) && size == 2)
        return_real(c, size, FLAGS_RETURN & ~FLAG_TF, true);
    else
        cpu_raise_error(c, VEC_GP, 0);
}

/* IRETD at CPL 0 with VM set in the image: EIP CS EFLAGS ESP SS ES DS FS GS. */
static void return_v86_image(struct vcpu *c, uint32_t eip, uint16_t cs, uint32_t flags)
{
    static const uint8_t order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    uint32_t esp = stack_word(c, 3, 4, 0);
    uint16_t selector[SEG_COUNT];
    selector[SEG_CS] = cs;
    selector[SEG_SS] = (uint16_t)stack_word(c, 4, 4, 0);
    for (unsigned n = 0; n < 4; n++)
        selector[order[n]] = (uint16_t)stack_word(c, 5 + n, 4, 0);
    if (eip > 0xFFFF)
        cpu_raise_error(c, VEC_GP, 0);
    return_to_v86(c, eip, flags, esp, selector);
}

void return_to_v86(struct vcpu *c, uint32_t eip, uint32_t flags, uint32_t esp,
                   const uint16_t selector[SEG_COUNT])
{
    flags_set(c, flags,
              (FLAGS_RETURN | FLAG_IF | FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP) &
                  cpu_model_info(c->model)->eflags_mask);
    vcpu_set_cpl(c, 3);
    segments_load_v86(c, selector);
    c->reg[ESP].d = esp;
    c->eip = eip;
}

static void return_task(struct vcpu *c, uint32_t return_eip)
{
    uint16_t link = (uint16_t)linear_load(c, c->tr.base, 2);
    struct descriptor tss = task_descriptor(c, link, TASK_RETURN, VEC_TS);
    task_switch(c, link, &tss, TASK_RETURN, return_eip, flags_get(c));
}

static void return_protected(struct vcpu *c, unsigned size)
{
    uint32_t eip = stack_word(c, 0, size, 0);
    uint16_t cs = (uint16_t)stack_word(c, 1, size, 0);
    uint32_t flags = stack_word(c, 2, size, 0);
    if (size == 4 && (flags & FLAG_VM) && c->cpl == 0) {
        return_v86_image(c, eip, cs, flags);
        return;
    }
    uint32_t mask = FLAGS_RETURN;
    if (c->cpl <= bits(c->eflags, 13, 12))
        mask |= FLAG_IF;
    if (c->cpl == 0)
        mask |= FLAG_IOPL | FLAG_VIF | FLAG_VIP;
    return_to(c, cs, eip, size, 3, 0);
    return_flags(c, flags, mask, size);
}

void interrupt_return(struct vcpu *c, unsigned size, uint32_t return_eip)
{
    uint32_t slot = stops_slot(c), from = vcpu_pc(c);
    uint16_t from_cs = c->seg[SEG_CS].selector;
    uint8_t cpl = c->cpl;
    if (vcpu_is_real(c))
        return_real(c, size, FLAGS_RETURN | FLAG_IF | FLAG_IOPL, false);
    else if (vcpu_is_v86(c))
        return_v86(c, size);
    else if (c->eflags & FLAG_NT)
        return_task(c, return_eip);
    else
        return_protected(c, size);
    c->nmi_blocked = false;
    if (unlikely(c->stop_on & STOP_ON_IRET))
        stops_event(c, (struct stop_event){.kind = STOP_ON_IRET, .from_cs = from_cs, .from = from});
    if (unlikely(c->stop_on & STOP_ON_RETURN))
        stops_returned(c, slot, cpl);
}
