/* cpu/segment.c: see segment.h. */
#include "cpu/segment.h"

#include "cpu/access.h"

static enum segment_class class_of(const struct segment *s)
{
    uint64_t len = s->read_len < s->write_len ? s->read_len : s->write_len;
    if (len > UINT32_MAX)
        return s->base == 0 ? SEGMENT_FLAT : SEGMENT_WIDE;
    return len >= 0x10000 ? SEGMENT_64K : SEGMENT_CHECK;
}

static bool is_8086_code(const struct vcpu *c, const struct segment *s)
{
    return !vcpu_is_protected(c) && s->attr == (vcpu_is_v86(c) ? 0xF3 : 0x93) &&
           s->limit == 0xFFFF && s->base == (uint32_t)s->selector << 4;
}

void segment_update(struct vcpu *c, unsigned seg)
{
    struct segment *s = &c->seg[seg];
    uint64_t len = (uint64_t)s->limit + 1;
    s->read_len = s->write_len = len;
    if (vcpu_is_protected(c)) {
        bool code = s->attr & SEG_ATTR_CODE;
        if (!(s->attr & SEG_ATTR_P) || (!code && (s->attr & SEG_ATTR_EXPDN)))
            s->read_len = 0;
        if (code && !(s->attr & SEG_ATTR_WR))
            s->read_len = 0;
        if (!s->read_len || code || !(s->attr & SEG_ATTR_WR))
            s->write_len = 0;
    }
    if (c->align_check) /* everything takes the slow path, where alignment is checked */
        s->read_len = s->write_len = 0;
    unsigned at = 2 * seg;
    c->segment_classes =
        (uint16_t)((c->segment_classes & ~(3u << at)) | (unsigned)class_of(s) << at);
    if (seg == SEG_CS) {
        c->code32 = !!(s->attr & SEG_ATTR_DB);
        c->code_8086 = is_8086_code(c, s);
        vcpu_note_mode(c);
    } else if (seg == SEG_SS) {
        c->stack32 = !!(s->attr & SEG_ATTR_DB);
    }
}

/* --- Descriptors ----------------------------------------------------------------------------- */

_Noreturn void raise_selector(struct vcpu *c, enum vector vector, uint16_t selector)
{
    cpu_raise_error(c, vector, (selector & 0xFFFCu) | c->fault_ext);
}

bool descriptor_find(struct vcpu *c, uint16_t selector, struct descriptor *d)
{
    uint64_t base = c->gdtr.base, limit = c->gdtr.limit;
    if (selector & 4) {
        if (!(c->ldtr.attr & SEG_ATTR_P))
            return false;
        base = c->ldtr.base;
        limit = c->ldtr.limit;
    }
    if ((selector | 7u) > limit)
        return false;
    d->address = (uint32_t)(base + (selector & 0xFFF8u));
    uint64_t raw = linear_load(c, d->address, 8);
    if (c->model == CPU_286) /* the last word is reserved */
        raw &= UINT64_C(0xFFFFFFFFFFFF);
    memcpy(d, &raw, sizeof raw); /* low and high; in one piece, as it may be copied at once */
    return true;
}

struct descriptor descriptor_read(struct vcpu *c, uint16_t selector, enum vector vector)
{
    struct descriptor d;
    if (!descriptor_find(c, selector, &d))
        raise_selector(c, vector, selector);
    return d;
}

void descriptor_touch(struct vcpu *c, struct descriptor *d)
{
    if (d->high & 0x100)
        return;
    d->high |= 0x100;
    linear_store(c, d->address + 5, d->high >> 8 & 0xFF, 1);
}

struct segment segment_from(const struct descriptor *d, uint16_t selector)
{
    return (struct segment){.selector = selector,
                            .attr = descriptor_attr(d),
                            .limit = descriptor_limit(d),
                            .base = descriptor_base(d)};
}

/* --- Loading --------------------------------------------------------------------------------- */

void segment_load_real(struct vcpu *c, unsigned seg, uint16_t selector, bool v86)
{
    struct segment *s = &c->seg[seg];
    s->selector = selector;
    s->base = (uint64_t)selector << 4;
    if (v86) {
        s->attr = 0xF3;
        s->limit = 0xFFFF;
    } else {
        /* Limit and size stay as protected mode left them ("unreal mode"). */
        s->attr = (s->attr & 0xFF00) | 0x93;
    }
    segment_update(c, seg);
}

void segment_set_null(struct vcpu *c, unsigned seg, uint16_t selector)
{
    c->seg[seg].selector = selector;
    c->seg[seg].attr &= SEG_ATTR_DB | SEG_ATTR_G;
    if (!vcpu_is_protected(c)) {
        segment_update(c, seg);
        return;
    }
    c->seg[seg].read_len = c->seg[seg].write_len = 0;
    c->segment_classes &= (uint16_t) ~(3u << 2 * seg); /* SEGMENT_CHECK */
}

void segments_load_v86(struct vcpu *c, const uint16_t selector[SEG_COUNT])
{
    uint64_t len = c->align_check ? 0 : 0x10000;
    uint16_t classes = 0;
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        struct segment *s = &c->seg[n];
        s->selector = selector[n];
        s->attr = 0xF3;
        s->limit = 0xFFFF;
        s->base = (uint64_t)selector[n] << 4;
        s->read_len = s->write_len = len;
        classes |= (uint16_t)((unsigned)(len ? SEGMENT_64K : SEGMENT_CHECK) << 2 * n);
    }
    c->segment_classes = classes;
    c->code32 = c->stack32 = 0;
    c->code_8086 = true;
    vcpu_note_mode(c);
}

struct descriptor stack_descriptor(struct vcpu *c, uint16_t selector, unsigned cpl,
                                   enum vector vector)
{
    if (selector_is_null(selector))
        raise_selector(c, vector, 0);
    struct descriptor d = descriptor_read(c, selector, vector);
    if ((selector & 3u) != cpl || !descriptor_is_writable_data(&d) || descriptor_dpl(&d) != cpl)
        raise_selector(c, vector, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_SS, selector);
    descriptor_touch(c, &d);
    return d;
}

void segment_load(struct vcpu *c, unsigned seg, uint16_t selector)
{
    if (!vcpu_is_protected(c)) {
        segment_load_real(c, seg, selector, vcpu_is_v86(c));
        return;
    }
    struct descriptor d;
    if (seg == SEG_SS) {
        d = stack_descriptor(c, selector, c->cpl, VEC_GP);
        segment_set(c, seg, selector, &d);
        return;
    }
    if (selector_is_null(selector)) {
        segment_set_null(c, seg, selector);
        return;
    }
    d = descriptor_read(c, selector, VEC_GP);
    if (!descriptor_is_readable(&d))
        raise_selector(c, VEC_GP, selector);
    unsigned dpl = descriptor_dpl(&d);
    if (!descriptor_is_conforming(&d) && ((selector & 3u) > dpl || c->cpl > dpl))
        raise_selector(c, VEC_GP, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    descriptor_touch(c, &d);
    segment_set(c, seg, selector, &d);
}

/* The descriptor of LLDT's or LTR's operand: in the GDT, of the right type, present. */
static struct descriptor read_system(struct vcpu *c, uint16_t selector, unsigned types)
{
    if (selector & 4)
        raise_selector(c, VEC_GP, selector);
    struct descriptor d = descriptor_read(c, selector, VEC_GP);
    if (descriptor_is_segment(&d) || !(types >> descriptor_type(&d) & 1))
        raise_selector(c, VEC_GP, selector);
    if (!descriptor_present(&d))
        raise_selector(c, VEC_NP, selector);
    return d;
}

void segment_load_ldtr(struct vcpu *c, uint16_t selector)
{
    if (selector_is_null(selector)) {
        c->ldtr.selector = selector;
        c->ldtr.attr = 0;
        return;
    }
    struct descriptor d = read_system(c, selector, 1 << SYS_LDT);
    c->ldtr = segment_from(&d, selector);
}

void segment_load_tr(struct vcpu *c, uint16_t selector)
{
    if (selector_is_null(selector))
        cpu_raise_error(c, VEC_GP, 0);
    struct descriptor d = read_system(c, selector, 1 << SYS_TSS16 | 1 << SYS_TSS32);
    d.high |= 0x200; /* busy */
    linear_store(c, d.address + 5, d.high >> 8 & 0xFF, 1);
    c->tr = segment_from(&d, selector);
}

void segments_drop_inner(struct vcpu *c)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned n = 0; n < ARRAY_LEN(data); n++) {
        struct segment *s = &c->seg[data[n]];
        bool conforming =
            (s->attr & (SEG_ATTR_CODE | SEG_ATTR_EXPDN)) == (SEG_ATTR_CODE | SEG_ATTR_EXPDN);
        if (!conforming && (s->attr & SEG_ATTR_P) && bits(s->attr, 6, 5) < c->cpl)
            segment_set_null(c, data[n], 0);
    }
}
