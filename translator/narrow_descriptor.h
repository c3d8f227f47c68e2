/* translator/narrow_descriptor.h: descriptors that the TLB knows, for the functions that load or go
 * by one. Inline: writing a descriptor to memory and reading it back was some of the time that they
 * take. False: there is none, or it is not of that kind, or the general functions have to look. */
#ifndef UMBRA_TRANSLATOR_NARROW_DESCRIPTOR_H
#define UMBRA_TRANSLATOR_NARROW_DESCRIPTOR_H

#include "cpu/segment.h"
#include "translator/narrow.h"

#define NARROW_INLINE static inline __attribute__((always_inline))

NARROW_INLINE bool narrow_read_descriptor(struct vcpu *c, uint32_t address, struct descriptor *d)
{
    const uint8_t *p = tlb_lookup(&c->tlb, TLB_SUPERVISOR, TLB_READ, address, 8);
    if (!p)
        return false;
    d->low = load_le32(p);
    d->high = load_le32(p + 4);
    d->address = address;
    return true;
}

/* That of selector, which may be null: there is none, then. */
NARROW_INLINE bool narrow_find_descriptor(struct vcpu *c, uint16_t selector, struct descriptor *d)
{
    bool local = selector & 4;
    uint64_t base = local ? c->ldtr.base : c->gdtr.base;
    uint32_t limit = local ? c->ldtr.limit : c->gdtr.limit;
    if (selector_is_null(selector) || (local && !(c->ldtr.attr & SEG_ATTR_P)) ||
        (selector | 7u) > limit)
        return false;
    return narrow_read_descriptor(c, (uint32_t)(base + (selector & 0xFFF8u)), d);
}

/* A code segment, present, accessed and not conforming, that eip lies in. */
NARROW_INLINE bool narrow_find_code(struct vcpu *c, uint16_t selector, uint32_t eip,
                                    struct descriptor *d)
{
    /* S, code, not conforming, accessed, present */
    return narrow_find_descriptor(c, selector, d) && (d->high & 0x9D00) == 0x9900 &&
           eip <= descriptor_limit(d);
}

/* The interrupt or trap gate for vector, which INT of level cpl may use. */
NARROW_INLINE bool narrow_find_gate(struct vcpu *c, uint8_t vector, unsigned cpl,
                                    struct descriptor *d)
{
    if (vector * 8u + 7 > c->idtr.limit ||
        !narrow_read_descriptor(c, (uint32_t)c->idtr.base + vector * 8u, d))
        return false;
    /* P, S clear, type 6, 7, 14 or 15 */
    return (d->high & 0x9600) == 0x8600 && descriptor_dpl(d) >= cpl;
}

#endif
