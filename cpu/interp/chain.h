/* cpu/interp/chain.h: going from a block to the next without returning to the engine.
 *
 * A handler that ends its block asks for the next instruction to run: chain_direct when the target
 * is fixed (it follows the block's links, see cpu/block.h), chain_indirect when it is not (jump
 * cache). Both retire the block and set c->eip; NULL means: return to the engine, which looks
 * closer. That is so when an event is pending or the budget does not reach over the whole block,
 * too. c->block is then NULL, which tells the engine that the block has been counted. */
#ifndef UMBRA_CPU_INTERP_CHAIN_H
#define UMBRA_CPU_INTERP_CHAIN_H

#include "cpu/block.h"
#include "cpu/interp/operand.h"

/* Chained blocks need real tail calls, or the host's stack would grow without bound. */
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define CHAIN_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHAIN_BLOCKS 0
#else
#define CHAIN_BLOCKS 1
#endif
#else
#define CHAIN_BLOCKS 1
#endif

/* Ends the handler: runs next, or returns to the engine. */
#define CHAIN(c, next)                            \
    do {                                          \
        const struct insn *chain_to = next;       \
        if (likely(chain_to != NULL))             \
            TAIL_CALL chain_to->run(c, chain_to); \
        return;                                   \
    } while (0)

/* May block b, already known to be the right one, be entered at eip without the engine? */
force_inline bool chain_open(const struct vcpu *c, const struct block *b, uint32_t eip)
{
    return CHAIN_BLOCKS && !c->wake && c->insns + b->count <= c->insns_end &&
           eip + (uint64_t)b->bytes <= c->code_len;
}

force_inline const struct insn *chain_enter(struct vcpu *c, struct block *b, uint32_t eip)
{
    c->block = b;
    c->block_eip = eip;
    return b->insns;
}

/* Instruction first of block b at eip is next: the engine need not look it up. */
force_inline void chain_note(struct vcpu *c, struct block *b, unsigned first, uint32_t eip)
{
    c->resume.block = b;
    c->resume.first = first;
    c->resume.key = c->code_key | (uint32_t)(c->seg[SEG_CS].base + eip);
}

/* The running block has been retired; eip is next. */
force_inline const struct insn *chain_lookup(struct vcpu *c, uint32_t eip)
{
    uint32_t gva = (uint32_t)c->seg[SEG_CS].base + eip;
    struct block *b = *jump_cache_slot(c, gva);
    if (likely(b->jump_key == (c->code_key | gva) && chain_open(c, b, eip)))
        return chain_enter(c, b, eip);
    c->block = NULL;
    return NULL;
}

/* The running block ends here; eip is next. */
force_inline const struct insn *chain_indirect(struct vcpu *c, uint32_t eip)
{
    c->insns += c->block->count;
    c->eip = eip;
    return chain_lookup(c, eip);
}

/* After an instruction that set eip itself, and perhaps CS, the mode or EFLAGS: goes on at c->eip
 * unless single steps, breakpoints or an event that is no longer masked need the engine. */
force_inline const struct insn *chain_far(struct vcpu *c)
{
    c->insns += c->block->count;
    bool masked = !c->events || (c->events == EVENT_INTR && !(c->eflags & FLAG_IF));
    if (CHAIN_BLOCKS && masked && !c->wake && !(c->eflags & (FLAG_TF | FLAG_RF)) &&
        !(c->code_breakpoints | c->data_breakpoints)) {
        block_refresh(c);
        return chain_lookup(c, (uint32_t)c->eip);
    }
    c->block = NULL;
    return NULL;
}

/* The same for a fixed target; slot is 1 for a branch taken, else 0. */
force_inline const struct insn *chain_direct(struct vcpu *c, uint32_t eip, unsigned slot)
{
    struct block *from = c->block, *to = from->succ[slot];
    if (likely(to != NULL)) {
        c->insns += from->count;
        c->eip = eip;
        if (likely(chain_open(c, to, eip)))
            return chain_enter(c, to, eip);
        chain_note(c, to, 0, eip);
        c->block = NULL;
        return NULL;
    }
    uint32_t base = (uint32_t)c->seg[SEG_CS].base;
    if (((base + eip) ^ (base + (uint32_t)c->block_eip)) >> 12)
        return chain_indirect(c, eip);
    c->insns += from->count;
    c->eip = eip;
    c->link_from = from->live ? from : NULL; /* the engine links it to the block that it finds */
    c->link_slot = (uint8_t)slot;
    c->block = NULL;
    return NULL;
}

/* Leaves the block at instruction i, which is to run (again) next, with those before it retired. */
force_inline void chain_leave(struct vcpu *c, const struct insn *i)
{
    uint32_t eip = (uint32_t)c->block_eip + i->offset;
    unsigned retired = (unsigned)(i - c->block->insns);
    c->eip = c->code32 ? eip : eip & 0xFFFF;
    c->insns += retired;
    if (c->block->live && !(c->block->mode & BLOCK_SINGLE))
        chain_note(c, c->block, retired, (uint32_t)c->eip);
    c->block = NULL;
}

/* A near transfer beyond the code limit faults at the instruction that makes it. */
force_inline void check_target(struct vcpu *c, const struct insn *i, uint32_t eip)
{
    if (unlikely(eip > c->seg[SEG_CS].limit)) {
        c->cur = i;
        cpu_raise_error(c, VEC_GP, 0);
    }
}

#endif
