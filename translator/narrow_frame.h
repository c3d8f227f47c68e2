/* translator/narrow_frame.h: stack frames and memory operands of 16 or 32 bits, for the functions
 * that reach guest memory through the TLB (narrow_reach, narrow_reach_write) and then move words
 * themselves. Inline, for they are a few instructions each. size is 2 or 4. */
#ifndef UMBRA_TRANSLATOR_NARROW_FRAME_H
#define UMBRA_TRANSLATOR_NARROW_FRAME_H

#include "cpu/access.h"
#include "cpu/segment.h"
#include "translator/narrow.h"

/* The offset of what lies disp bytes above the top of the stack (below it, if negative). */
static inline uint32_t narrow_stack_offset(const struct vcpu *c, int32_t disp)
{
    return stack_wrapped(c, c->reg[ESP].d + (uint32_t)disp);
}

/* The host address of so many bytes on top of the stack, as narrow_reach has it; NULL, too, where
 * SP wraps among them: its words do not lie side by side then. */
static inline const uint8_t *narrow_frame(struct vcpu *c, unsigned bytes)
{
    uint32_t offset = narrow_stack_offset(c, 0);
    if (!c->stack32 && offset + bytes > 0x10000)
        return NULL;
    return narrow_reach(c, SEG_SS, offset, bytes, TLB_READ);
}

/* The same of a frame that is to be pushed, as narrow_reach_write has it. */
static inline uint8_t *narrow_new_frame(struct vcpu *c, unsigned bytes)
{
    uint32_t offset = narrow_stack_offset(c, -(int32_t)bytes);
    if (!c->stack32 && offset + bytes > 0x10000)
        return NULL;
    return narrow_reach_write(c, SEG_SS, offset, bytes);
}

/* The offset of what lies disp bytes behind the start of i's memory operand. */
static inline uint32_t narrow_operand_offset(const struct vcpu *c, const struct insn *i,
                                             uint32_t disp)
{
    uint32_t ea = insn_ea(c, i) + disp;
    return i->asize == 4 ? ea : ea & 0xFFFF;
}

static inline uint32_t narrow_load(const uint8_t *p, unsigned size)
{
    return size == 2 ? load_le16(p) : load_le32(p);
}

static inline void narrow_put(uint8_t *p, uint32_t value, unsigned size)
{
    if (size == 2)
        store_le16(p, (uint16_t)value);
    else
        store_le32(p, value);
}

#endif
