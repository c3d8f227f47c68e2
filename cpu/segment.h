/* cpu/segment.h: segment registers, descriptors and privilege (SDM vol. 3, chapters 3 and 5).
 *
 *   descriptor   63     56 55 54 53 52 51  48 47 46 45 44 43  40 39     32
 *               |base31..24|G |D |L |A |lim  |P |DPL  |S |type  |base23..16|
 *               |          base 15..0        |         limit 15..0         |
 *                31                        16 15                          0
 *   gate        |      offset 31..16         |P |DPL  |0 |type  |params    |
 *               |      selector              |        offset 15..0         |
 *
 * Functions that load check everything first and change the register last, so that a fault on the
 * way leaves it as it was. */
#ifndef UMBRA_CPU_SEGMENT_H
#define UMBRA_CPU_SEGMENT_H

#include "cpu/exception.h"
#include "cpu/state.h"

/* --- Derived state --------------------------------------------------------------------------- */

/* Recomputes read_len and write_len, and code32 or stack32, of one segment register. */
void segment_update(struct vcpu *c, unsigned seg);

/* Sets CPL and what follows from it: the TLB view and alignment checking. */
void vcpu_set_cpl(struct vcpu *c, unsigned cpl);

/* Recomputes align_check after EFLAGS.AC, CR0.AM or CPL changed. */
void vcpu_update_alignment(struct vcpu *c);

/* Recomputes the walker's mode after CR0, CR3, CR4, EFER or the PDPTEs changed. */
void vcpu_update_paging(struct vcpu *c);

/* Checks limit and rights of a data access (any size up to 4096) and returns the linear address.
 * Raises #GP(0), #SS(0) or #AC(0). */
uint32_t segment_linear(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size, bool write);

/* --- Descriptors ----------------------------------------------------------------------------- */

enum system_type { /* type field of a descriptor with S = 0 */
                   SYS_TSS16 = 1,
                   SYS_LDT = 2,
                   SYS_TSS16_BUSY = 3,
                   SYS_CALL16 = 4,
                   SYS_TASK_GATE = 5,
                   SYS_INT16 = 6,
                   SYS_TRAP16 = 7,
                   SYS_TSS32 = 9,
                   SYS_TSS32_BUSY = 11,
                   SYS_CALL32 = 12,
                   SYS_INT32 = 14,
                   SYS_TRAP32 = 15,
};

struct descriptor {
    uint32_t low, high;
    uint32_t address; /* linear, of its first byte */
};

static inline unsigned descriptor_type(const struct descriptor *d)
{
    return (d->high >> 8) & 15;
}

static inline unsigned descriptor_dpl(const struct descriptor *d)
{
    return (d->high >> 13) & 3;
}

static inline bool descriptor_present(const struct descriptor *d)
{
    return d->high & 0x8000;
}

/* S = 1: a code or data segment. */
static inline bool descriptor_is_segment(const struct descriptor *d)
{
    return d->high & 0x1000;
}

static inline bool descriptor_is_code(const struct descriptor *d)
{
    return (d->high & 0x1800) == 0x1800;
}

static inline bool descriptor_is_conforming(const struct descriptor *d)
{
    return (d->high & 0x1C00) == 0x1C00;
}

static inline bool descriptor_is_writable_data(const struct descriptor *d)
{
    return (d->high & 0x1A00) == 0x1200;
}

static inline bool descriptor_is_readable(const struct descriptor *d)
{
    return (d->high & 0x1000) && (!(d->high & 0x800) || (d->high & 0x200));
}

static inline uint32_t descriptor_base(const struct descriptor *d)
{
    return d->low >> 16 | (d->high & 0xFF) << 16 | (d->high & 0xFF000000);
}

/* Granularity applied. */
static inline uint32_t descriptor_limit(const struct descriptor *d)
{
    uint32_t limit = (d->low & 0xFFFF) | (d->high & 0xF0000);
    return d->high & 0x800000 ? limit << 12 | 0xFFF : limit;
}

/* As struct segment has it. */
static inline uint16_t descriptor_attr(const struct descriptor *d)
{
    return (uint16_t)(d->high >> 8 & 0xF0FF);
}

/* Of a gate. */
static inline uint16_t gate_selector(const struct descriptor *d)
{
    return (uint16_t)(d->low >> 16);
}

static inline uint32_t gate_offset(const struct descriptor *d)
{
    uint32_t low = d->low & 0xFFFF;
    return descriptor_type(d) & 8 ? low | (d->high & 0xFFFF0000) : low;
}

static inline bool selector_is_null(uint16_t selector)
{
    return !(selector & 0xFFFC);
}

/* A fault whose error code names a selector (its RPL cleared), EXT added. */
_Noreturn void raise_selector(struct vcpu *c, enum vector vector, uint16_t selector);

/* Reads the descriptor that selector (not null) names. False when it lies beyond its table. May
 * raise #PF. */
must_use bool descriptor_find(struct vcpu *c, uint16_t selector, struct descriptor *d);

/* The same, raising vector(selector) when it lies beyond. */
struct descriptor descriptor_read(struct vcpu *c, uint16_t selector, enum vector vector);

/* Sets the accessed bit, in the table and in *d. May raise #PF. */
void descriptor_touch(struct vcpu *c, struct descriptor *d);

/* The register contents for selector and a descriptor; read_len and write_len are not set. */
struct segment segment_from(const struct descriptor *d, uint16_t selector);

/* --- Loading --------------------------------------------------------------------------------- */

/* Loads a data segment register or SS, in any mode, with all checks. SS does not start the
 * interrupt shadow: the instruction does. */
void segment_load(struct vcpu *c, unsigned seg, uint16_t selector);

/* Puts what a checked descriptor says into a segment register. */
static inline void segment_fill(struct vcpu *c, unsigned seg, uint16_t selector, uint16_t attr,
                                uint32_t base, uint32_t limit)
{
    struct segment *s = &c->seg[seg];
    /* What is derived holds on when nothing but selector and DPL changes: most loads, and all that
     * lead between the levels of a flat system, are so. */
    bool same = s->base == base && s->limit == limit && !((s->attr ^ attr) & ~SEG_ATTR_DPL);
    s->selector = selector;
    s->attr = attr;
    if (same)
        return;
    s->limit = limit;
    s->base = base;
    segment_update(c, seg);
}
/* Field by field: copying what was just written in smaller pieces stalls the host. */
static inline void segment_set(struct vcpu *c, unsigned seg, uint16_t selector,
                               const struct descriptor *d)
{
    segment_fill(c, seg, selector, descriptor_attr(d), descriptor_base(d), descriptor_limit(d));
}

/* Loads a segment register as real mode (also V86 mode: v86 true) does: base is selector << 4. */
void segment_load_real(struct vcpu *c, unsigned seg, uint16_t selector, bool v86);

/* All of them, as IRET to V86 mode does: EFLAGS and CPL are those of V86 mode already. */
void segments_load_v86(struct vcpu *c, const uint16_t selector[SEG_COUNT]);

/* A null selector: unusable in protected mode; base and limit stay for real mode. */
void segment_set_null(struct vcpu *c, unsigned seg, uint16_t selector);

/* Load LDTR and TR as LLDT and LTR do, with the checks of the descriptor (not those of mode and
 * CPL). TR's descriptor becomes busy. */
void segment_load_ldtr(struct vcpu *c, uint16_t selector);
void segment_load_tr(struct vcpu *c, uint16_t selector);

/* After a return to an outer level: data segments that the new CPL may not use become null. */
void segments_drop_inner(struct vcpu *c);

/* Checks a stack segment for privilege level cpl as gates, returns and task switches do: vector
 * (#TS or #GP) for what is wrong, #SS when not present. Marks it accessed. */
struct descriptor stack_descriptor(struct vcpu *c, uint16_t selector, unsigned cpl,
                                   enum vector vector);

/* sp as an offset into the stack segment: 32 or 16 bits of it, by SS.B. */
static inline uint32_t stack_wrapped(const struct vcpu *c, uint32_t sp)
{
    return c->stack32 ? sp : sp & 0xFFFF;
}

/* Sets the stack pointer: ESP or SP by SS.B. */
static inline void set_stack_pointer(struct vcpu *c, uint32_t value)
{
    if (c->stack32)
        c->reg[ESP].d = value;
    else
        c->reg[ESP].w = (uint16_t)value;
}

/* The end of IRET to V86 mode at CPL 0, with all checked that may be raised: to eip (at most
 * FFFFh), with flags and ESP as the image has them. */
void return_to_v86(struct vcpu *c, uint32_t eip, uint32_t flags, uint32_t esp,
                   const uint16_t selector[SEG_COUNT]);

/* --- Far transfers (cpu/transfer.c, cpu/iret.c): set CS, eip, the stack; end their block. size is
 * the operand size, 2 or 4; return_eip is that of the next instruction. c->cur is set. */
void far_jump(struct vcpu *c, uint16_t selector, uint32_t offset, unsigned size,
              uint32_t return_eip);
void far_call(struct vcpu *c, uint16_t selector, uint32_t offset, unsigned size,
              uint32_t return_eip);
void far_return(struct vcpu *c, unsigned size, unsigned release);
void interrupt_return(struct vcpu *c, unsigned size, uint32_t return_eip);
void system_enter(struct vcpu *c); /* SYSENTER */
void system_exit(struct vcpu *c);

/* The far pointer that i's memory operand names. */
struct far_pointer {
    uint32_t offset;
    uint16_t selector;
};
struct far_pointer far_pointer_load(struct vcpu *c, const struct insn *i);

#endif
