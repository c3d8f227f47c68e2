/* translator/narrow_levels.c: what goes from one privilege level of protected mode to another, to
 * V86 mode and back, and raises nothing: descriptors are present, accessed and, like the stacks and
 * the TSS, known to the TLB; no task gate, no parameters to copy, no debugger. All else is for the
 * general functions (cpu/deliver.c, iret.c, transfer.c). Nothing changes before all is known. */
#include "cpu/history.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "cpu/task.h"
#include "translator/narrow_descriptor.h"
#include "translator/narrow_frame.h"

/* --- Descriptors ------------------------------------------------------------------------------ */

/* A stack segment for level cpl. */
static bool find_stack(struct vcpu *c, uint16_t selector, unsigned cpl, struct descriptor *d)
{
    /* S, data, writable, accessed, present */
    return (selector & 3u) == cpl && narrow_find_descriptor(c, selector, d) &&
           (d->high & 0x9B00) == 0x9300 && descriptor_dpl(d) == cpl;
}

static bool is_usual(const struct vcpu *c)
{
    return !vcpu_is_real(c) && !c->stop_on && c->model != CPU_286;
}

/* --- Inward ----------------------------------------------------------------------------------- */

struct inner {
    struct descriptor code, stack;
    uint16_t ss;
    uint32_t sp;    /* the new one, below the frame */
    uint8_t *frame; /* bytes from there on */
};

/* The stack of level cpl, by the TSS, with room for a frame of so many bytes. */
static bool find_inner_stack(struct vcpu *c, unsigned cpl, uint32_t bytes, struct inner *in)
{
    bool wide = c->tr.attr & 8;
    unsigned at = wide ? 4 + 8 * cpl : 2 + 4 * cpl, size = wide ? 6 : 4;
    if (at + size - 1 > c->tr.limit)
        return false;
    uint32_t address = (uint32_t)c->tr.base + at;
    const uint8_t *p = tlb_lookup(&c->tlb, TLB_SUPERVISOR, TLB_READ, address, size);
    if (!p)
        return false;
    uint32_t sp = wide ? load_le32(p) : load_le16(p);
    in->ss = load_le16(p + size - 2);
    if (!find_stack(c, in->ss, cpl, &in->stack) || (in->stack.high & 0x400)) /* expand-down */
        return false;
    if (!(in->stack.high & 0x400000)) /* B */
        sp &= 0xFFFF;
    if (sp < bytes || sp - 1 > descriptor_limit(&in->stack))
        return false;
    in->sp = sp - bytes;
    uint32_t gva = descriptor_base(&in->stack) + in->sp;
    in->frame = tlb_lookup(&c->tlb, TLB_SUPERVISOR, TLB_WRITE, gva, bytes);
    return in->frame != NULL;
}

/* The next value of a frame, from its lower end on. */
static void put(uint8_t **p, uint32_t value, unsigned size)
{
    narrow_put(*p, value, size);
    *p += size;
}

static void enter_inner(struct vcpu *c, const struct inner *in, uint16_t selector, uint32_t eip)
{
    unsigned cpl = descriptor_dpl(&in->code);
    vcpu_set_cpl(c, cpl);
    segment_set(c, SEG_CS, (uint16_t)((selector & 0xFFFC) | cpl), &in->code);
    segment_set(c, SEG_SS, in->ss, &in->stack);
    set_stack_pointer(c, in->sp);
    c->eip = eip;
}

/* What is pushed for a handler. */
struct arrival {
    int64_t error; /* < 0: none */
    uint32_t eip, flags;
};

static bool arrive(struct vcpu *c, const struct descriptor *gate, const struct arrival *a)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    struct inner in;
    bool v86 = vcpu_is_v86(c);
    unsigned size = descriptor_type(gate) & 8 ? 4 : 2;
    uint32_t words = 5 + (a->error >= 0) + (v86 ? 4 : 0);
    if (!narrow_find_code(c, gate_selector(gate), gate_offset(gate), &in.code))
        return false;
    unsigned cpl = descriptor_dpl(&in.code);
    if (cpl >= c->cpl || (v86 && cpl != 0) || !find_inner_stack(c, cpl, words * size, &in))
        return false;
    uint8_t *p = in.frame;
    if (a->error >= 0)
        put(&p, (uint32_t)a->error, size);
    put(&p, a->eip, size);
    put(&p, c->seg[SEG_CS].selector, size);
    put(&p, a->flags, size);
    put(&p, c->reg[ESP].d, size);
    put(&p, c->seg[SEG_SS].selector, size);
    for (unsigned n = 0; v86 && n < ARRAY_LEN(data); n++)
        put(&p, c->seg[data[n]].selector, size);
    uint32_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;
    c->eflags &= ~(clear | (descriptor_type(gate) & 1 ? 0 : FLAG_IF));
    enter_inner(c, &in, gate_selector(gate), gate_offset(gate));
    for (unsigned n = 0; v86 && n < ARRAY_LEN(data); n++)
        segment_set_null(c, data[n], 0);
    return true;
}

bool narrow_int_inner(struct vcpu *c, uint8_t vector, uint32_t next)
{
    struct descriptor gate;
    struct arrival a = {.error = -1, .eip = next, .flags = vcpu_flags_image(c)};
    uint16_t from = c->seg[SEG_CS].selector;
    uint32_t eip = vcpu_eip(c);
    bool by_table = vcpu_is_v86(c) && (c->cr4 & CR4_VME); /* the redirection map decides */
    if (!is_usual(c) || by_table || !narrow_find_gate(c, vector, c->cpl, &gate) ||
        !arrive(c, &gate, &a))
        return false;
    c->events &= ~(uint32_t)EVENT_STEP;
    history_event(c, HISTORY_SOFTWARE, from, eip, vector, 0);
    return true;
}

bool narrow_fault_inner(struct vcpu *c, enum vector vector, int64_t error)
{
    struct descriptor gate;
    uint16_t from = c->seg[SEG_CS].selector;
    uint32_t eip = vcpu_eip(c);
    struct arrival a = {.error = error, .eip = eip, .flags = vcpu_flags_image(c) | FLAG_RF};
    if (!is_usual(c) || !narrow_find_gate(c, (uint8_t)vector, 0, &gate) || !arrive(c, &gate, &a))
        return false;
    c->faults[vector]++;
    c->fault_chain.count = 0;
    history_event(c, HISTORY_EXCEPTION, from, eip, (uint8_t)vector,
                  error >= 0 ? (uint32_t)error : 0);
    return true;
}

bool narrow_call_gate(struct vcpu *c, uint16_t selector, uint32_t next)
{
    struct descriptor gate;
    struct inner in;
    if (!vcpu_is_protected(c) || !is_usual(c) || !narrow_find_descriptor(c, selector, &gate))
        return false;
    unsigned dpl = descriptor_dpl(&gate), size = gate.high & 0x800 ? 4 : 2;
    bool is_gate = (gate.high & 0x9700) == 0x8400; /* P, S clear, type 4 or 12 */
    if (!is_gate || dpl < c->cpl || dpl < (selector & 3u) ||
        !narrow_find_code(c, gate_selector(&gate), gate_offset(&gate), &in.code))
        return false;
    unsigned cpl = descriptor_dpl(&in.code);
    uint8_t *p;
    if (cpl == c->cpl) {
        uint32_t sp = c->reg[ESP].d - 2 * size;
        p = narrow_new_frame(c, 2 * size);
        if (!p)
            return false;
        put(&p, next, size);
        put(&p, c->seg[SEG_CS].selector, size);
        set_stack_pointer(c, sp);
        segment_set(c, SEG_CS, (uint16_t)((gate_selector(&gate) & 0xFFFC) | cpl), &in.code);
        c->eip = gate_offset(&gate);
        return true;
    }
    if (cpl > c->cpl || (gate.high & 31) || !find_inner_stack(c, cpl, 4 * size, &in))
        return false;
    p = in.frame;
    put(&p, next, size);
    put(&p, c->seg[SEG_CS].selector, size);
    put(&p, c->reg[ESP].d, size);
    put(&p, c->seg[SEG_SS].selector, size);
    enter_inner(c, &in, gate_selector(&gate), gate_offset(&gate));
    return true;
}

/* --- Outward ---------------------------------------------------------------------------------- */

static uint32_t get(const uint8_t *frame, unsigned n, unsigned size)
{
    return narrow_load(frame + (size_t)n * size, size);
}

/* Top of the stack: at least so many bytes. */
static const uint8_t *stack_top(struct vcpu *c, unsigned bytes)
{
    return narrow_frame(c, bytes);
}

/* words: how many lie below SS:ESP. */
static bool leave(struct vcpu *c, const uint8_t *frame, unsigned size, unsigned words,
                  unsigned release)
{
    struct descriptor code, stack;
    uint32_t eip = get(frame, 0, size), esp = get(frame + release, words, size);
    uint16_t cs = (uint16_t)get(frame, 1, size),
             ss = (uint16_t)get(frame + release, words + 1, size);
    unsigned cpl = cs & 3;
    if (cpl <= c->cpl || !narrow_find_code(c, cs, eip, &code) || descriptor_dpl(&code) != cpl ||
        !find_stack(c, ss, cpl, &stack))
        return false;
    vcpu_set_cpl(c, cpl);
    segment_set(c, SEG_CS, cs, &code);
    segment_set(c, SEG_SS, ss, &stack);
    if (c->stack32 && size == 2)
        c->reg[ESP].d = (esp & 0xFFFF) + release; /* zero-extended */
    else
        set_stack_pointer(c, esp + release);
    segments_drop_inner(c);
    c->eip = eip;
    return true;
}

bool narrow_return_outer(struct vcpu *c, unsigned size, unsigned release)
{
    if (!vcpu_is_protected(c) || !is_usual(c) || release >= PAGE_SIZE / 2)
        return false;
    const uint8_t *frame = stack_top(c, 4 * size + release);
    return frame && leave(c, frame, size, 2, release);
}

bool narrow_iret_outer(struct vcpu *c, unsigned size)
{
    if (!vcpu_is_protected(c) || !is_usual(c))
        return false;
    const uint8_t *frame = stack_top(c, 5 * size);
    uint32_t flags = frame ? get(frame, 2, size) : 0;
    uint32_t rare = FLAG_TF | FLAG_NT | FLAG_VM | FLAG_AC | FLAG_ID | FLAG_VIF | FLAG_VIP;
    rare &= size == 2 ? 0xFFFF : UINT32_MAX;
    if (!frame || ((flags ^ c->eflags) & rare) || (c->eflags & (FLAG_TF | FLAG_NT)))
        return false;
    uint32_t mask = FLAGS_ARITH | FLAG_DF | (c->cpl <= bits(c->eflags, 13, 12) ? FLAG_IF : 0) |
                    (c->cpl == 0 ? FLAG_IOPL : 0) | (size == 4 ? FLAG_RF : 0);
    if (!leave(c, frame, size, 3, 0))
        return false;
    flags_set(c, flags, mask & cpu_model_info(c->model)->eflags_mask);
    c->nmi_blocked = false;
    return true;
}

bool narrow_iret_to_v86(struct vcpu *c, unsigned size)
{
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    if (!vcpu_is_protected(c) || !is_usual(c) || size != 4 || c->cpl != 0 || (c->eflags & FLAG_NT))
        return false;
    const uint8_t *frame = stack_top(c, 36);
    if (!frame)
        return false;
    uint32_t eip = get(frame, 0, 4), flags = get(frame, 2, 4);
    if (!(flags & FLAG_VM) || eip > 0xFFFF)
        return false;
    uint16_t selector[SEG_COUNT];
    selector[SEG_CS] = (uint16_t)get(frame, 1, 4);
    for (unsigned n = 0; n < ARRAY_LEN(order); n++)
        selector[order[n]] = (uint16_t)get(frame, 4 + n, 4);
    return_to_v86(c, eip, flags, get(frame, 3, 4), selector);
    c->nmi_blocked = false;
    return true;
}
