/* cpu/block.h: the cache of decoded blocks.
 *
 * A block is a run of instructions that is entered at its first one and left at its end (or by a
 * fault). Its bytes lie within one page; an instruction that crosses a page is a block of its own,
 * so that the fault of its second page is raised when it is due.
 *
 * Keys. Blocks are found by machine offset of the first byte and mode (enum block_mode): remapping
 * makes none stale, and all address spaces share them. A crossing block also remembers the machine
 * offset of its second page. In front of that hash table stands the jump cache: a direct-mapped
 * table by linear address whose entries say nothing themselves; a block knows the key (linear
 * address, mode, privilege view, generation) under which it was last found. The generation counts
 * the TLB's flushes, so a block is never entered through a mapping that was flushed.
 *
 * Chains. A block whose successor lies in the same page links to it directly: same page, same
 * mapping, so nothing need be checked but the code limit. Links are undone when the target goes.
 *
 * Self-modifying code. Pages with blocks are marked in the physmap, which reports writes to them.
 * A bitmap of code bytes per page tells data from code; the blocks hit are dropped, and the running
 * one is emptied: its remaining instructions leave the block at once, so that even the next
 * instruction is decoded anew. A write that changes no more than an immediate or displacement of
 * one instruction in a block that does not run keeps the block, with that instruction brought up to
 * date: programs patch their inner loops that way. But not for ever where blocks overlap: each
 * return from an interrupt begins one in the middle of others, and the next write has one more to
 * look after.
 *
 * Cuts. An event or the end of the budget within a block takes effect at that very instruction
 * boundary: the instruction there gets a handler that leaves the block, until it is left
 * (vcpu.cut). The engine goes on in the middle of that same block (vcpu.resume), without looking
 * anything up: what a guest sees, stale translations too, does not depend on where its run was cut.
 *
 * Breakpoints. Where a debugger wants to stop (cpu/stops.h), blocks end before, and those that
 * start there are not linked to and stay out of the jump cache: only block_find, called by an
 * engine that has looked, leads to them. Which offsets these are is kept per page; it is brought up
 * to date whenever block_find looks a page up, under the linear address and CS used then.
 *
 * Memory is bounded: when the arena is used up everything is dropped. Only between blocks
 * (block_find) is memory of dropped blocks used again. */
#ifndef UMBRA_CPU_BLOCK_H
#define UMBRA_CPU_BLOCK_H

#include "cpu/decode.h"

#define BLOCK_MAX_INSNS  32
#define JUMP_CACHE_BITS  14
#define JUMP_CACHE_SLOTS (1u << JUMP_CACHE_BITS)
#define JUMP_KEY_NONE    UINT64_MAX

enum block_mode {
    BLOCK_CODE32 = 1,
    BLOCK_STACK32 = 2,
    BLOCK_SINGLE = 4, /* one instruction only: stepping, breakpoints, interrupt shadow */
    BLOCK_MODES = 8
};

struct block {
    uint64_t jump_key;           /* the key it was last found under; JUMP_KEY_NONE when dropped */
    struct block *succ[2];       /* linked successors: not taken (and only), taken */
    uintptr_t linked_by;         /* first link to this block: the linking block | its slot, or 0 */
    uintptr_t linked_by_next[2]; /* per own link: the next link to the same target */
    struct block *hash_next;
    struct block **page_at[2]; /* what points to it in the lists of its pages */
    /* --- what a write to its page looks at, together --- */
    struct block *page_next[2]; /* lists of the page(s) it lies in; [0] also chains free blocks */
    uint64_t offset, offset2;   /* machine offsets: first byte; second page */
    uint32_t bytes;             /* length of its code */
    uint16_t count;             /* instructions, without the sentinel */
    uint8_t mode;
    bool crosses;       /* into the page at offset2 */
    bool live;          /* in the cache: may be found and linked */
    bool stops;         /* a debugger's breakpoint is at its start: entered by the engine alone */
    bool rewritten;     /* the guest keeps writing to it, or to others in its page */
    bool translated;    /* the translator's: something it made once began with this block */
    uint16_t heat;      /* the translator's: times it was entered while it had no translation */
    uint16_t adapted;   /* writes that it was kept for, while other blocks had the same bytes */
    uint8_t adapted_at; /* the instruction that the last write changed */
    uint8_t size_class;
    void *translations;  /* the translator's: what it made with this block in it */
    struct insn insns[]; /* count of them, then the sentinel */
};

/* Whoever makes more of blocks (the translator) is told when they go. */
struct block_listener {
    void *ctx;
    void (*dropped)(void *ctx, struct block *b); /* one; it may be the one that runs */
    /* Instruction n of b, which does not run, got another immediate. False: what was made of it
     * goes. What was not made yet is asked about, too. NULL: always false. */
    bool (*adapted)(void *ctx, struct block *b, unsigned n);
    void (*flushed)(void *ctx); /* all, and their memory */
};

struct block_counters {
    uint64_t built, dropped, adapted, flushes, code_writes, found;
};

struct block_cache;

/* A cache for c, and the decoder for its model and features (set before). Listens to c->physmap and
 * sets c->jump_cache. NULL when out of memory. */
struct block_cache *block_cache_create(struct vcpu *c);
void block_cache_destroy(struct block_cache *cache);

/* Drops all blocks. Not while one is running. */
void block_cache_flush(struct block_cache *cache);

struct block_counters block_cache_counters(const struct block_cache *cache);
const struct decoder *block_cache_decoder(const struct block_cache *cache);

/* The block at c->eip in the current mode, SINGLE or 0 added to it; made if need be. c->cur must be
 * NULL. Raises what fetching raises (#PF, #GP at the code limit). */
struct block *block_find(struct vcpu *c, unsigned single);

/* The same without SINGLE, for code that ran rarely, if ever: the jump cache, which would lead to
 * some other block in cold memory, is not asked. */
struct block *block_find_cold(struct vcpu *c);

/* Blocks take at most so many bytes from now on (default 32 MiB, at least 4 MiB). When they would
 * take more, all are dropped. */
void block_cache_limit(struct block_cache *cache, uint64_t bytes);
uint64_t block_cache_bytes(const struct block_cache *cache);

void block_cache_listen(struct block_cache *cache, struct block_listener listener);

/* The block at eip, which lies in the same page as block near and in the same mode; made if need
 * be. Nothing is raised. NULL when there is none that may be kept: it crosses the page, or the
 * limit, or a debugger stops there. Looking it up may drop near when memory runs out: look at
 * near->live. */
struct block *block_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                           uint32_t eip);

/* The same, but only one that was entered before (by its heat): else NULL. */
struct block *block_warm_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                                uint32_t eip);

/* Links c->link_from, if set, to the block to that was found next, and clears it. */
void block_link(struct vcpu *c, struct block *to);

/* A debugger's breakpoints changed: drops the blocks of the pages that had any and has every page
 * looked up anew; the others keep their blocks. Not while a block is running. */
void block_stops_changed(struct block_cache *cache);

/* Has the running block left before its instruction index, if it has one and no earlier cut. */
void block_cut(struct vcpu *c, uint64_t index);

/* The block with a cut has been left. */
void block_uncut(struct vcpu *c);

/* The current mode as part of a jump-cache key, and the code limit: after anything that may have
 * changed them, before a block is entered. */
void block_refresh(struct vcpu *c);

static inline struct block **jump_cache_slot(const struct vcpu *c, uint32_t gva)
{
    return &c->jump_cache[(gva ^ (gva >> JUMP_CACHE_BITS)) & (JUMP_CACHE_SLOTS - 1)];
}

#endif
