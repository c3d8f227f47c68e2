/* cpu/transfer.c: far JMP and CALL, through code segments, call gates, task gates and TSSs;
 * SYSENTER and SYSEXIT (SDM vol. 3, 5.8; vol. 2, the instructions' pseudocode). Nothing changes
 * before all checks are done. */
#include "cpu/access.h"
#include "cpu/flags.h"
#include "cpu/frame.h"
#include "cpu/stops.h"
#include "cpu/task.h"

/* The offset must lie within the code segment: #GP(0). */
static void check_offset(struct vcpu *c, uint32_t offset, uint32_t limit)
{
    if (offset > limit && c->model >= CPU_286)
        cpu_raise_error(c, VEC_GP, 0);
}

static void enter_code(struct vcpu *c, uint16_t selector, const struct descriptor *d, unsigned cpl,
                       uint32_t offset)
{
    if (cpl != c->cpl)
        vcpu_set_cpl(c, cpl);
    segment_set(c, SEG_CS, (uint16_t)((selector & 0xFFFC) | cpl), d);
    c->eip = offset;
}

static void transfer_real(struct vcpu *c, uint16_t selector, uint32_t offset)
{
    segment_load_real(c, SEG_CS, selector, vcpu_is_v86(c));
    c->eip = offset;
}

/* A code segment as the direct target of a far JMP or CALL. */
static void check_code_target(struct vcpu *c, uint16_t selector, struct descriptor *d,
                              uint32_t offset)
{
    unsigned dpl = descriptor_dpl(d);
    if (!descriptor_is_code(d))
        raise_selector(c, VEC_GP, selector);
    if (descriptor_is_conforming(d) ? dpl > c->cpl : (selector & 3u) > c->cpl || dpl != c->cpl)
        raise_selector(c, VEC_GP, selector);
    if (!descriptor_present(d))
        raise_selector(c, VEC_NP, selector);
    check_offset(c, offset, descriptor_limit(d));
    descriptor_touch(c, d);
}

/* A gate or TSS must be at least as unprivileged as CPL and RPL. */
static void check_gate_privilege(struct vcpu *c, uint16_t selector, const struct descriptor *d)
{
    unsigned dpl = descriptor_dpl(d);
    if (dpl < c->cpl || dpl < (selector & 3u))
        raise_selector(c, VEC_GP, selector);
}

static void transfer_task(struct vcpu *c, uint16_t selector, const struct descriptor *d,
                          enum task_source source, uint32_t return_eip)
{
    check_gate_privilege(c, selector, d);
    if (descriptor_type(d) == SYS_TASK_GATE) {
        if (!descriptor_present(d))
            raise_selector(c, VEC_NP, selector);
        selector = gate_selector(d);
        struct descriptor tss = task_descriptor(c, selector, source, VEC_GP);
        task_switch(c, selector, &tss, source, return_eip, flags_get(c));
        return;
    }
    struct descriptor tss = task_descriptor(c, selector, source, VEC_GP);
    task_switch(c, selector, &tss, source, return_eip, flags_get(c));
}

/* The gate's own checks and those of its target code segment. Returns the target. */
static struct descriptor check_call_gate(struct vcpu *c, uint16_t selector,
                                         const struct descriptor *gate, bool jump)
{
    check_gate_privilege(c, selector, gate);
    if (!descriptor_present(gate))
        raise_selector(c, VEC_NP, selector);
    uint16_t target = gate_selector(gate);
    if (selector_is_null(target))
        cpu_raise_error(c, VEC_GP, 0);
    struct descriptor d = descriptor_read(c, target, VEC_GP);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_code(&d) || dpl > c->cpl ||
        (jump && !descriptor_is_conforming(&d) && dpl != c->cpl))
        raise_selector(c, VEC_GP, target);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, target);
    return d;
}

void far_jump(struct vcpu *c, uint16_t selector, uint32_t offset, unsigned size,
              uint32_t return_eip)
{
    if (size == 2)
        offset &= 0xFFFF;
    if (!vcpu_is_protected(c)) {
        check_offset(c, offset, c->seg[SEG_CS].limit);
        transfer_real(c, selector, offset);
        return;
    }
    if (selector_is_null(selector))
        cpu_raise_error(c, VEC_GP, 0);
    struct descriptor d = descriptor_read(c, selector, VEC_GP), target;
    if (descriptor_is_segment(&d)) {
        check_code_target(c, selector, &d, offset);
        enter_code(c, selector, &d, c->cpl, offset);
        return;
    }
    switch (descriptor_type(&d)) {
    case SYS_CALL16:
    case SYS_CALL32:
        target = check_call_gate(c, selector, &d, true);
        check_offset(c, gate_offset(&d), descriptor_limit(&target));
        descriptor_touch(c, &target);
        enter_code(c, gate_selector(&d), &target, c->cpl, gate_offset(&d));
        return;
    case SYS_TASK_GATE:
    case SYS_TSS16:
    case SYS_TSS32:
    case SYS_TSS16_BUSY:
    case SYS_TSS32_BUSY:
        transfer_task(c, selector, &d, TASK_JUMP, return_eip);
        return;
    default:
        raise_selector(c, VEC_GP, selector);
    }
}

/* CALL without a change of level: pushes CS and the return address on the current stack. */
static struct frame call_frame(struct vcpu *c, unsigned size, uint32_t return_eip)
{
    struct frame f = frame_here(c, size);
    frame_push(&f, c->seg[SEG_CS].selector);
    frame_push(&f, return_eip);
    frame_check(c, &f);
    return f;
}

/* CALL through a gate to an inner level: its stack from the TSS, SS:ESP and the parameters copied
 * from the old one, then CS:EIP. */
static void call_inner(struct vcpu *c, const struct descriptor *gate, struct descriptor *target,
                       uint32_t return_eip)
{
    unsigned cpl = descriptor_dpl(target), size = descriptor_type(gate) == SYS_CALL32 ? 4 : 2;
    uint16_t selector;
    uint32_t esp;
    task_inner_stack(c, cpl, &selector, &esp);
    struct descriptor stack = stack_descriptor(c, selector, cpl, VEC_TS);
    struct frame f = frame_on(&stack, selector, esp, cpl, size);
    frame_push(&f, c->seg[SEG_SS].selector);
    frame_push(&f, c->reg[ESP].d);
    for (unsigned n = gate->high & 31; n-- > 0;) {
        uint32_t at = c->reg[ESP].d + n * size;
        at = segment_linear(c, SEG_SS, stack_wrapped(c, at), size, false);
        frame_push(&f, (uint32_t)linear_load_as(c, at, size, c->cpl == 3));
    }
    frame_push(&f, c->seg[SEG_CS].selector);
    frame_push(&f, return_eip);
    frame_check(c, &f);
    check_offset(c, gate_offset(gate), descriptor_limit(target));
    descriptor_touch(c, target);
    esp = frame_write(c, &f);
    enter_code(c, gate_selector(gate), target, cpl, gate_offset(gate));
    segment_set(c, SEG_SS, selector, &stack);
    set_stack_pointer(c, esp);
}

static void call_gate(struct vcpu *c, uint16_t selector, const struct descriptor *gate,
                      uint32_t return_eip)
{
    struct descriptor target = check_call_gate(c, selector, gate, false);
    if (!descriptor_is_conforming(&target) && descriptor_dpl(&target) < c->cpl) {
        call_inner(c, gate, &target, return_eip);
        return;
    }
    struct frame f = call_frame(c, descriptor_type(gate) == SYS_CALL32 ? 4 : 2, return_eip);
    check_offset(c, gate_offset(gate), descriptor_limit(&target));
    descriptor_touch(c, &target);
    uint32_t esp = frame_write(c, &f);
    enter_code(c, gate_selector(gate), &target, c->cpl, gate_offset(gate));
    set_stack_pointer(c, esp);
}

static void call_far(struct vcpu *c, uint16_t selector, uint32_t offset, unsigned size,
                     uint32_t return_eip)
{
    if (size == 2)
        offset &= 0xFFFF;
    if (!vcpu_is_protected(c)) {
        struct frame f = call_frame(c, size, return_eip);
        check_offset(c, offset, c->seg[SEG_CS].limit);
        set_stack_pointer(c, frame_write(c, &f));
        transfer_real(c, selector, offset);
        return;
    }
    if (selector_is_null(selector))
        cpu_raise_error(c, VEC_GP, 0);
    struct descriptor d = descriptor_read(c, selector, VEC_GP);
    if (descriptor_is_segment(&d)) {
        check_code_target(c, selector, &d, offset);
        struct frame f = call_frame(c, size, return_eip);
        set_stack_pointer(c, frame_write(c, &f));
        enter_code(c, selector, &d, c->cpl, offset);
        return;
    }
    switch (descriptor_type(&d)) {
    case SYS_CALL16:
    case SYS_CALL32:
        call_gate(c, selector, &d, return_eip);
        return;
    case SYS_TASK_GATE:
    case SYS_TSS16:
    case SYS_TSS32:
    case SYS_TSS16_BUSY:
    case SYS_TSS32_BUSY:
        transfer_task(c, selector, &d, TASK_CALL, return_eip);
        return;
    default:
        raise_selector(c, VEC_GP, selector);
    }
}

void far_call(struct vcpu *c, uint16_t selector, uint32_t offset, unsigned size,
              uint32_t return_eip)
{
    call_far(c, selector, offset, size, return_eip);
    if (unlikely(c->stop_on & STOP_ON_RETURN))
        stops_called(c, 0);
}

struct far_pointer far_pointer_load(struct vcpu *c, const struct insn *i)
{
    uint32_t ea = insn_ea(c, i);
    uint32_t at = ea + i->osize;
    uint32_t offset = i->osize == 2 ? load16(c, i, i->seg, ea) : load32(c, i, i->seg, ea);
    uint16_t selector = load16(c, i, i->seg, i->asize == 2 ? at & 0xFFFF : at);
    return (struct far_pointer){offset, selector};
}

/* --- SYSENTER and SYSEXIT (SDM vol. 2): flat segments, no descriptor table is read ------------ */

static void set_flat(struct vcpu *c, unsigned seg, uint16_t selector, bool code)
{
    unsigned attr = 0xC090 | (selector & 3u) << 5 | (code ? 0xB : 0x3);
    segment_fill(c, seg, selector, (uint16_t)attr, 0, UINT32_MAX);
}

static void enter_flat(struct vcpu *c, uint16_t cs, uint16_t ss, uint32_t eip, uint32_t esp)
{
    vcpu_set_cpl(c, cs & 3u);
    set_flat(c, SEG_CS, cs, true);
    set_flat(c, SEG_SS, ss, false);
    c->reg[ESP].d = esp;
    c->eip = eip;
}

void system_enter(struct vcpu *c)
{
    if (vcpu_is_real(c) || !(c->sysenter_cs & 0xFFFC))
        cpu_raise_error(c, VEC_GP, 0);
    c->eflags &= ~(FLAG_VM | FLAG_IF | FLAG_RF);
    uint16_t cs = c->sysenter_cs & 0xFFFC;
    enter_flat(c, cs, (uint16_t)(cs + 8), (uint32_t)c->sysenter_eip, (uint32_t)c->sysenter_esp);
}

void system_exit(struct vcpu *c)
{
    if (c->cpl != 0 || vcpu_is_real(c) || !(c->sysenter_cs & 0xFFFC))
        cpu_raise_error(c, VEC_GP, 0);
    uint16_t cs = c->sysenter_cs & 0xFFFC;
    if (unlikely(c->stop_on & STOP_ON_RETURN))
        stops_returned(c, stops_slot(c), c->cpl);
    enter_flat(c, (uint16_t)((cs + 16) | 3), (uint16_t)((cs + 24) | 3), c->reg[EDX].d,
               c->reg[ECX].d);
}
