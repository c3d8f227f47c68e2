/* cpu/frame.c: see frame.h. */
#include "cpu/frame.h"

#include "cpu/access.h"
#include "cpu/debug.h"
#include "cpu/exception.h"
#include "cpu/segment.h"

/* Member by member: copying a segment that was just loaded stalls the host. */
static void frame_init(struct frame *f, uint32_t sp, unsigned cpl, unsigned size, uint16_t error)
{
    f->sp = sp;
    f->size = size;
    f->user = cpl == 3;
    f->error = error;
    f->count = 0;
    f->host = NULL;
}

struct frame frame_here(const struct vcpu *c, unsigned size)
{
    struct frame f;
    f.base = c->seg[SEG_SS].base;
    f.limit = c->seg[SEG_SS].limit;
    f.attr = c->seg[SEG_SS].attr;
    frame_init(&f, c->reg[ESP].d, c->cpl, size, 0);
    return f;
}

struct frame frame_on(const struct descriptor *stack, uint16_t selector, uint32_t sp, unsigned cpl,
                      unsigned size)
{
    struct frame f;
    f.base = descriptor_base(stack);
    f.limit = descriptor_limit(stack);
    f.attr = descriptor_attr(stack);
    frame_init(&f, sp, cpl, size, selector);
    return f;
}

/* Offset of push n, wrapped to the stack's size. */
static uint32_t offset_of(const struct frame *f, unsigned n)
{
    uint32_t offset = f->sp - (n + 1) * f->size;
    return f->attr & SEG_ATTR_DB ? offset : offset & 0xFFFF;
}

static bool within_limit(const struct vcpu *c, const struct frame *f, uint32_t offset)
{
    uint64_t last = (uint64_t)offset + f->size - 1;
    if (c->model <= CPU_186)
        return true;
    if (!vcpu_is_real(c) && (f->attr & SEG_ATTR_EXPDN)) {
        uint32_t top = f->attr & SEG_ATTR_DB ? UINT32_MAX : 0xFFFF;
        return offset > f->limit && last <= top;
    }
    return last <= f->limit || f->limit == UINT32_MAX;
}

/* The frame as one range: it does not wrap, and lies in one page. */
static bool is_simple(const struct frame *f, uint32_t *gva)
{
    uint32_t low = offset_of(f, f->count - 1), high = offset_of(f, 0) + f->size - 1;
    *gva = (uint32_t)f->base + low;
    uint32_t last = (uint32_t)f->base + high;
    return low <= high && *gva >> 12 == last >> 12;
}

/* Raises #SS unless every push lies within the limit. */
static void check_limit(struct vcpu *c, const struct frame *f, bool simple)
{
    if (simple && !(f->attr & SEG_ATTR_EXPDN)) { /* the highest push stands for all */
        if (!within_limit(c, f, offset_of(f, 0)))
            raise_selector(c, VEC_SS, f->error);
        return;
    }
    for (unsigned n = 0; n < f->count; n++) {
        if (!within_limit(c, f, offset_of(f, n)))
            raise_selector(c, VEC_SS, f->error);
    }
}

void frame_check(struct vcpu *c, struct frame *f)
{
    if (!f->count)
        return;
    uint32_t gva;
    bool simple = is_simple(f, &gva);
    check_limit(c, f, simple);
    if (unlikely(c->align_check) && f->user &&
        ((uint32_t)f->base + offset_of(f, 0)) & (f->size - 1))
        cpu_raise_error(c, VEC_AC, 0);
    if (simple) {
        enum tlb_view view = f->user ? TLB_USER : TLB_SUPERVISOR;
        f->host = tlb_lookup(&c->tlb, view, TLB_WRITE, gva, f->count * f->size);
        if (!f->host)
            linear_check_store(c, gva, 1, f->user);
        return;
    }
    for (unsigned n = 0; n < f->count; n++)
        linear_check_store(c, (uint32_t)f->base + offset_of(f, n), f->size, f->user);
}

uint32_t frame_write(struct vcpu *c, const struct frame *f)
{
    for (unsigned n = 0; n < f->count; n++) {
        uint8_t *direct = f->host ? f->host + (f->count - 1 - n) * f->size : NULL;
        if (!direct)
            linear_store_as(c, (uint32_t)f->base + offset_of(f, n), f->value[n], f->size, f->user);
        else if (f->size == 4)
            store_le32(direct, f->value[n]);
        else
            store_le16(direct, (uint16_t)f->value[n]);
        if (unlikely(c->data_breakpoints))
            debug_data_access(c, (uint32_t)f->base + offset_of(f, n), f->size, true);
    }
    uint32_t sp = f->sp - f->count * f->size;
    return f->attr & SEG_ATTR_DB ? sp : (f->sp & 0xFFFF0000) | (sp & 0xFFFF);
}
