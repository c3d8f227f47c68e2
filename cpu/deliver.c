/* cpu/deliver.c: interrupt, trap and task gates (SDM vol. 3, 6.12; vol. 2, INT n). */
#include "cpu/deliver.h"

#include "cpu/access.h"
#include "cpu/flags.h"
#include "cpu/frame.h"
#include "cpu/task.h"

void deliver_real(struct vcpu *c, const struct event *e, uint32_t table, uint32_t limit)
{
    if (e->vector * 4u + 3 > limit)
        cpu_raise_error(c, VEC_GP, 0);
    uint32_t target = (uint32_t)linear_load_as(c, table + e->vector * 4u, 4, c->cpl == 3);
    struct frame f = frame_here(c, 2);
    frame_push(&f, e->flags);
    frame_push(&f, c->seg[SEG_CS].selector);
    frame_push(&f, e->return_eip);
    frame_check(c, &f);
    set_stack_pointer(c, frame_write(c, &f));
    segment_load_real(c, SEG_CS, (uint16_t)(target >> 16), vcpu_is_v86(c));
    c->eip = target & 0xFFFF;
    c->eflags &= ~(FLAG_TF | FLAG_RF | FLAG_AC);
}

/* Error code that names an IDT entry. */
_Noreturn static void raise_idt(struct vcpu *c, enum vector vector, const struct event *e)
{
    cpu_raise_error(c, vector, e->vector * 8u | 2 | c->fault_ext);
}

static struct descriptor read_gate(struct vcpu *c, const struct event *e)
{
    if (e->vector * 8u + 7 > c->idtr.limit)
        raise_idt(c, VEC_GP, e);
    uint64_t raw = linear_load(c, c->idtr.base + e->vector * 8u, 8);
    struct descriptor d = {.low = (uint32_t)raw, .high = (uint32_t)(raw >> 32)};
    unsigned type = descriptor_type(&d);
    bool is_gate = type == SYS_TASK_GATE || (type & 7) == SYS_INT16 || (type & 7) == SYS_TRAP16;
    if (descriptor_is_segment(&d) || !is_gate)
        raise_idt(c, VEC_GP, e);
    if (e->software && descriptor_dpl(&d) < c->cpl)
        raise_idt(c, VEC_GP, e);
    if (!descriptor_present(&d))
        raise_idt(c, VEC_NP, e);
    return d;
}

static void deliver_task(struct vcpu *c, const struct event *e, const struct descriptor *gate)
{
    uint16_t selector = gate_selector(gate);
    if (selector_is_null(selector))
        raise_selector(c, VEC_GP, 0);
    struct descriptor tss = task_descriptor(c, selector, TASK_INTERRUPT, VEC_GP);
    task_switch(c, selector, &tss, TASK_INTERRUPT, e->return_eip, e->flags);
    if (!e->has_error)
        return;
    struct frame f = frame_here(c, c->tr.attr & 8 ? 4 : 2);
    frame_push(&f, e->error);
    frame_check(c, &f);
    set_stack_pointer(c, frame_write(c, &f));
}

static struct descriptor read_target(struct vcpu *c, uint16_t selector)
{
    if (selector_is_null(selector))
        raise_selector(c, VEC_GP, 0);
    struct descriptor d = descriptor_read(c, selector, VEC_GP);
    if (!descriptor_is_code(&d) || descriptor_dpl(&d) > c->cpl)
        raise_selector(c, VEC_GP, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    return d;
}

static void push_return(const struct vcpu *c, struct frame *f, const struct event *e)
{
    frame_push(f, e->flags);
    frame_push(f, c->seg[SEG_CS].selector);
    frame_push(f, e->return_eip);
    if (e->has_error)
        frame_push(f, e->error);
}

static void check_offset(struct vcpu *c, const struct descriptor *gate,
                         const struct descriptor *code)
{
    if (gate_offset(gate) > descriptor_limit(code))
        cpu_raise_error(c, VEC_GP, c->fault_ext);
}

/* Flags and CS:EIP of the handler. */
static void enter_handler(struct vcpu *c, const struct descriptor *gate,
                          const struct descriptor *code, unsigned cpl)
{
    uint32_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;
    if (!(descriptor_type(gate) & 1))
        clear |= FLAG_IF;
    c->eflags &= ~clear;
    vcpu_set_cpl(c, cpl);
    segment_set(c, SEG_CS, (uint16_t)((gate_selector(gate) & 0xFFFC) | cpl), code);
    c->eip = gate_offset(gate);
}

/* To an inner level; from V86 mode the data segments are pushed too and become null. */
static void deliver_inner(struct vcpu *c, const struct event *e, const struct descriptor *gate,
                          struct descriptor *code)
{
    static const uint8_t data[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};
    bool v86 = vcpu_is_v86(c);
    unsigned cpl = descriptor_dpl(code);
    if (v86 && cpl != 0)
        raise_selector(c, VEC_GP, gate_selector(gate));
    uint16_t selector;
    uint32_t esp;
    task_inner_stack(c, cpl, &selector, &esp);
    struct descriptor stack = stack_descriptor(c, selector, cpl, VEC_TS);
    struct frame f = frame_on(&stack, selector, esp, cpl, descriptor_type(gate) & 8 ? 4 : 2);
    for (unsigned n = 0; v86 && n < ARRAY_LEN(data); n++)
        frame_push(&f, c->seg[data[n]].selector);
    frame_push(&f, c->seg[SEG_SS].selector);
    frame_push(&f, c->reg[ESP].d);
    push_return(c, &f, e);
    frame_check(c, &f);
    check_offset(c, gate, code);
    descriptor_touch(c, code);
    esp = frame_write(c, &f);
    enter_handler(c, gate, code, cpl);
    segment_set(c, SEG_SS, selector, &stack);
    set_stack_pointer(c, esp);
    for (unsigned n = 0; v86 && n < ARRAY_LEN(data); n++)
        segment_set_null(c, data[n], 0);
}

static void deliver_same(struct vcpu *c, const struct event *e, const struct descriptor *gate,
                         struct descriptor *code)
{
    if (vcpu_is_v86(c)) /* neither conforming code nor DPL 3 may handle V86's interrupts */
        raise_selector(c, VEC_GP, gate_selector(gate));
    struct frame f = frame_here(c, descriptor_type(gate) & 8 ? 4 : 2);
    push_return(c, &f, e);
    frame_check(c, &f);
    check_offset(c, gate, code);
    descriptor_touch(c, code);
    uint32_t esp = frame_write(c, &f);
    enter_handler(c, gate, code, c->cpl);
    set_stack_pointer(c, esp);
}

void deliver_event(struct vcpu *c, const struct event *e)
{
    if (vcpu_is_real(c)) {
        deliver_real(c, e, (uint32_t)c->idtr.base, c->idtr.limit);
        c->eflags &= ~FLAG_IF;
        return;
    }
    struct descriptor gate = read_gate(c, e);
    if (descriptor_type(&gate) == SYS_TASK_GATE) {
        deliver_task(c, e, &gate);
        return;
    }
    struct descriptor code = read_target(c, gate_selector(&gate));
    if (!descriptor_is_conforming(&code) && descriptor_dpl(&code) < c->cpl)
        deliver_inner(c, e, &gate, &code);
    else
        deliver_same(c, e, &gate, &code);
}
