/* cpu/segment.c: see segment.h. */
#include "cpu/segment.h"

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
    if (seg == SEG_CS)
        c->code32 = !!(s->attr & SEG_ATTR_DB);
    else if (seg == SEG_SS)
        c->stack32 = !!(s->attr & SEG_ATTR_DB);
}

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
        s->attr = (s->attr & (SEG_ATTR_G | SEG_ATTR_DB | SEG_ATTR_AVL)) | 0x93;
    }
    segment_update(c, seg);
}
