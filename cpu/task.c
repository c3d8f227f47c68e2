/* cpu/task.c: see task.h. */
#include "cpu/task.h"

#include "cpu/access.h"
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/model.h"

static bool tr_is_32(const struct vcpu *c)
{
    return c->tr.attr & 8;
}

void task_inner_stack(struct vcpu *c, unsigned cpl, uint16_t *ss, uint32_t *esp)
{
    bool wide = tr_is_32(c);
    unsigned at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    if (at + (wide ? 5 : 3) > c->tr.limit)
        raise_selector(c, VEC_TS, c->tr.selector);
    if (wide) {
        *esp = (uint32_t)linear_load(c, c->tr.base + at, 4);
        *ss = (uint16_t)linear_load(c, c->tr.base + at + 4, 2);
    } else {
        *esp = (uint32_t)linear_load(c, c->tr.base + at, 2);
        *ss = (uint16_t)linear_load(c, c->tr.base + at + 2, 2);
    }
}

static unsigned io_map_base(struct vcpu *c)
{
    if (!tr_is_32(c) || !(c->tr.attr & SEG_ATTR_P) || c->tr.limit < 0x67)
        return UINT32_MAX;
    return (unsigned)linear_load(c, c->tr.base + 0x66, 2);
}

static bool io_map_allows(struct vcpu *c, uint16_t port, unsigned size)
{
    unsigned base = io_map_base(c);
    /* Two bytes are read, whatever the size (SDM vol. 1, 19.5.2). */
    if (base == UINT32_MAX || base + port / 8 + 1 > c->tr.limit)
        return false;
    unsigned map = (unsigned)linear_load(c, c->tr.base + base + port / 8, 2);
    return !(map >> (port & 7) & ((1u << size) - 1));
}

bool io_is_allowed(struct vcpu *c, uint16_t port, unsigned size)
{
    if (vcpu_is_real(c) || (!vcpu_is_v86(c) && c->cpl <= bits(c->eflags, 13, 12)))
        return true;
    return io_map_allows(c, port, size);
}

void io_check(struct vcpu *c, uint16_t port, unsigned size)
{
    if (!io_is_allowed(c, port, size))
        cpu_raise_error(c, VEC_GP, 0);
}

bool task_redirects(struct vcpu *c, uint8_t vector)
{
    unsigned base = io_map_base(c);
    /* The 32 bytes of the redirection map lie just below the I/O map. */
    if (base == UINT32_MAX || base < 32 || base - 32 + vector / 8 > c->tr.limit)
        return false;
    return !(linear_load(c, c->tr.base + base - 32 + vector / 8, 1) >> (vector & 7) & 1);
}

struct descriptor task_descriptor(struct vcpu *c, uint16_t selector, enum task_source source,
                                  enum vector vector)
{
    if (selector & 4)
        raise_selector(c, vector, selector);
    struct descriptor d = descriptor_read(c, selector, vector);
    unsigned type = descriptor_type(&d), busy = source == TASK_RETURN ? 2 : 0;
    if (descriptor_is_segment(&d) || (type != (SYS_TSS16 | busy) && type != (SYS_TSS32 | busy)))
        raise_selector(c, vector, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    return d;
}

/* What a TSS holds of a task, in either format. */
struct task_image {
    uint32_t cr3, eip, eflags, reg[8];
    uint16_t seg[SEG_COUNT], ldt;
    bool trap;
};

static struct task_image image_read(struct vcpu *c, uint32_t base, bool wide)
{
    struct task_image t = {0};
    if (wide) {
        t.cr3 = (uint32_t)linear_load(c, base + 0x1C, 4);
        t.eip = (uint32_t)linear_load(c, base + 0x20, 4);
        t.eflags = (uint32_t)linear_load(c, base + 0x24, 4);
        for (unsigned n = 0; n < 8; n++)
            t.reg[n] = (uint32_t)linear_load(c, base + 0x28 + 4 * n, 4);
        for (unsigned n = 0; n < SEG_COUNT; n++)
            t.seg[n] = (uint16_t)linear_load(c, base + 0x48 + 4 * n, 2);
        t.ldt = (uint16_t)linear_load(c, base + 0x60, 2);
        t.trap = linear_load(c, base + 0x64, 1) & 1;
        return t;
    }
    t.eip = (uint32_t)linear_load(c, base + 0x0E, 2);
    t.eflags = (uint32_t)linear_load(c, base + 0x10, 2);
    for (unsigned n = 0; n < 8; n++)
        t.reg[n] = (uint32_t)linear_load(c, base + 0x12 + 2 * n, 2) |
                   (c->model >= CPU_386 ? 0xFFFF0000 : 0);
    for (unsigned n = 0; n < 4; n++)
        t.seg[n] = (uint16_t)linear_load(c, base + 0x22 + 2 * n, 2);
    t.ldt = (uint16_t)linear_load(c, base + 0x2A, 2);
    return t;
}

static void image_write(struct vcpu *c, uint32_t base, bool wide, uint32_t eip, uint32_t eflags)
{
    if (wide) {
        linear_store(c, base + 0x20, eip, 4);
        linear_store(c, base + 0x24, eflags, 4);
        for (unsigned n = 0; n < 8; n++)
            linear_store(c, base + 0x28 + 4 * n, c->reg[n].d, 4);
        for (unsigned n = 0; n < SEG_COUNT; n++)
            linear_store(c, base + 0x48 + 4 * n, c->seg[n].selector, 2);
        return;
    }
    linear_store(c, base + 0x0E, eip & 0xFFFF, 2);
    linear_store(c, base + 0x10, eflags & 0xFFFF, 2);
    for (unsigned n = 0; n < 8; n++)
        linear_store(c, base + 0x12 + 2 * n, c->reg[n].w, 2);
    for (unsigned n = 0; n < 4; n++)
        linear_store(c, base + 0x22 + 2 * n, c->seg[n].selector, 2);
}

/* Sets or clears the busy bit of the TSS descriptor at address. */
static void set_busy(struct vcpu *c, uint32_t address, bool busy)
{
    uint64_t rights = linear_load(c, address + 5, 1);
    linear_store(c, address + 5, busy ? rights | 2 : rights & ~UINT64_C(2), 1);
}

/* Raises in the old task what the saving or the loading would raise. */
static void check_pages(struct vcpu *c, uint32_t old_base, bool old_wide, uint32_t new_base,
                        bool new_wide, bool links)
{
    linear_check_store(c, old_base + (old_wide ? 0x20 : 0x0E), 1, false);
    linear_check_store(c, old_base + (old_wide ? 0x5D : 0x29), 1, false);
    if (links)
        linear_check_store(c, new_base, 2, false);
    linear_load(c, new_base, 1);
    linear_load(c, new_base + (new_wide ? 0x67 : 0x2B), 1);
}

/* Registers and selectors of the new task; descriptors follow, checked in its own context. */
static void load_image(struct vcpu *c, const struct task_image *t, bool wide)
{
    c->eip = t->eip;
    uint32_t mask =
        FLAGS_286 | (wide ? FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID : 0);
    c->eflags &= ~(FLAG_VM | FLAG_RF);
    flags_set(c, t->eflags, mask & cpu_model_info(c->model)->eflags_mask);
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].d = t->reg[n];
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        c->seg[n].selector = t->seg[n];
        c->seg[n].attr &= SEG_ATTR_DB | SEG_ATTR_G; /* unusable until its descriptor is loaded */
    }
    c->ldtr.selector = t->ldt;
    c->ldtr.attr = 0;
}

static void load_task_ldt(struct vcpu *c, uint16_t selector)
{
    if (selector_is_null(selector))
        return;
    if (selector & 4)
        raise_selector(c, VEC_TS, selector);
    struct descriptor d = descriptor_read(c, selector, VEC_TS);
    if (descriptor_is_segment(&d) || descriptor_type(&d) != SYS_LDT || !descriptor_present(&d))
        raise_selector(c, VEC_TS, selector);
    c->ldtr = segment_from(&d, selector);
}

static void load_task_cs(struct vcpu *c, uint16_t selector)
{
    if (selector_is_null(selector))
        raise_selector(c, VEC_TS, 0);
    struct descriptor d = descriptor_read(c, selector, VEC_TS);
    unsigned rpl = selector & 3, dpl = descriptor_dpl(&d);
    if (!descriptor_is_code(&d) || (descriptor_is_conforming(&d) ? dpl > rpl : dpl != rpl))
        raise_selector(c, VEC_TS, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    descriptor_touch(c, &d);
    segment_set(c, SEG_CS, selector, &d);
}

static void load_task_data(struct vcpu *c, unsigned seg, uint16_t selector)
{
    if (selector_is_null(selector)) {
        segment_set_null(c, seg, selector);
        return;
    }
    struct descriptor d = descriptor_read(c, selector, VEC_TS);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_readable(&d) ||
        (!descriptor_is_conforming(&d) && ((selector & 3u) > dpl || c->cpl > dpl)))
        raise_selector(c, VEC_TS, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    descriptor_touch(c, &d);
    segment_set(c, seg, selector, &d);
}

/* Descriptors of the new task. A fault here is the new task's (SDM vol. 3, 7.3). */
static void load_segments(struct vcpu *c, const struct task_image *t)
{
    bool v86 = vcpu_is_v86(c);
    vcpu_set_cpl(c, v86 ? 3 : t->seg[SEG_CS] & 3u);
    for (unsigned n = 0; n < SEG_COUNT; n++)
        segment_update(c, n);
    load_task_ldt(c, t->ldt);
    if (v86) {
        for (unsigned n = 0; n < SEG_COUNT; n++)
            segment_load_real(c, n, t->seg[n], true);
        return;
    }
    load_task_cs(c, t->seg[SEG_CS]);
    struct descriptor ss = stack_descriptor(c, t->seg[SEG_SS], c->cpl, VEC_TS);
    segment_set(c, SEG_SS, t->seg[SEG_SS], &ss);
    load_task_data(c, SEG_ES, t->seg[SEG_ES]);
    load_task_data(c, SEG_DS, t->seg[SEG_DS]);
    load_task_data(c, SEG_FS, t->seg[SEG_FS]);
    load_task_data(c, SEG_GS, t->seg[SEG_GS]);
}

void task_switch(struct vcpu *c, uint16_t selector, const struct descriptor *d,
                 enum task_source source, uint32_t return_eip, uint32_t eflags)
{
    bool wide = descriptor_type(d) & 8, old_wide = tr_is_32(c);
    bool links = source == TASK_CALL || source == TASK_INTERRUPT;
    uint32_t base = descriptor_base(d), old_base = (uint32_t)c->tr.base;
    uint16_t old_selector = c->tr.selector;
    if (descriptor_limit(d) < (wide ? 0x67 : 0x2B))
        raise_selector(c, VEC_TS, selector);
    check_pages(c, old_base, old_wide, base, wide, links);
    struct task_image t = image_read(c, base, wide);

    if (source == TASK_RETURN)
        eflags &= ~FLAG_NT;
    if (!links)
        set_busy(c, (uint32_t)c->gdtr.base + (old_selector & 0xFFF8u), false);
    image_write(c, old_base, old_wide, return_eip, eflags);
    if (links) {
        linear_store(c, base, old_selector, 2);
        t.eflags |= FLAG_NT;
    }
    if (source != TASK_RETURN)
        set_busy(c, d->address, true);

    /* Committed: from here on all is the new task's. */
    c->cur = NULL;
    c->tr = segment_from(d, selector);
    c->tr.attr |= 2;
    c->cr0 |= CR0_TS;
    load_image(c, &t, wide);
    if (wide && (c->cr0 & CR0_PG))
        control_load_task_cr3(c, t.cr3);
    c->dr[7] &= ~(uint64_t)(DR7_LOCAL | DR7_LE); /* they belong to the old task */
    debug_update(c);
    load_segments(c, &t);
    if (c->eip > c->seg[SEG_CS].limit)
        cpu_raise_error(c, VEC_GP, c->fault_ext);
    if (t.trap) {
        c->dr6_pending |= DR6_BT;
        vcpu_attend(c, EVENT_TRAP);
    }
}
