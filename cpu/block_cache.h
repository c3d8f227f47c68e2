/* cpu/block_cache.h: what the files of the block cache (cpu/block*.c) share; nobody else includes
 * it.
 *
 *   block.c          the cache: its life, memory for blocks, links between them, dropping one
 *   block_pages.c    pages with code: which of their bytes are code, which blocks lie in them
 *   block_build.c    guest bytes to blocks
 *   block_find.c     looking blocks up, the jump cache
 *   block_written.c  writes to code
 *   block_stops.c    breakpoints, and leaving a block in its middle
 *
 * Lists: a block is in one hash chain and in the list of each page that it touches; a page's entry
 * holds the bitmap of its code bytes. Dropped blocks wait in `dead` until block_find, when none is
 * running, and then go to the free list of their size. */
#ifndef UMBRA_CPU_BLOCK_CACHE_H
#define UMBRA_CPU_BLOCK_CACHE_H

#include "cpu/block.h"
#include "cpu/state.h"

#define HASH_BITS 17
#define PAGE_BITS 12

/* Memory for blocks comes in chunks. */
#define CHUNK_BYTES (UINT64_C(4) << 20)
#define CHUNKS_MAX  512

/* Instructions that fit a block of each size class, with the sentinel: class_insns in block.c. */
#define SIZE_CLASSES 12

/* A page whose code was written over so many times is one that keeps being. */
#define REWRITTEN_OFTEN 32

#define LINE_SHIFT 6
#define LINES      (1u << (PAGE_SHIFT - LINE_SHIFT))

struct code_page {
    uint64_t page; /* machine offset >> PAGE_SHIFT */
    struct code_page *next;
    struct block *blocks[LINES];     /* by the line that they begin in; chained by page_next */
    unsigned count;                  /* of blocks */
    unsigned longest;                /* bytes of the page that a block has, or had, at most */
    unsigned idle;                   /* written since it last had a block: UNMARK_AFTER */
    unsigned rewrites;               /* writes that dropped blocks, up to REWRITTEN_OFTEN */
    bool split;                      /* some bit of splits is set */
    uint64_t *code;                  /* its part of physmap_code_bits */
    uint64_t splits[PAGE_SIZE / 64]; /* where a debugger's breakpoints stand */
};

/* A hash chain. kinds has a bit for each block in it (and of some that went): most that is asked
 * for is not there, which is so seen without a look at blocks, which lie in cold memory. */
struct block_chain {
    struct block *first; /* by hash_next */
    uint64_t kinds;
};

struct block_cache {
    struct vcpu *vcpu;
    struct physmap *physmap;
    struct physmap_listener *listener;
    struct block_listener above;
    struct block_counters counters;
    uint64_t generation_high;   /* of the last jump-cache key: see block_refresh */
    uint8_t *chunk[CHUNKS_MAX]; /* made when first needed */
    unsigned current;           /* the one that blocks are taken from */
    bool flushed;               /* chunks beyond it go when no block of theirs can be running */
    size_t current_used;
    uint64_t limit; /* bytes of all */
    struct block *free[SIZE_CLASSES], *dead;
    struct block *jump[JUMP_CACHE_SLOTS];
    struct block_chain hash[1 << HASH_BITS];
    struct code_page *pages[1 << PAGE_BITS];
    struct insn building[BLOCK_MAX_INSNS + 1];
    struct decoder decoder;
    _Alignas(struct block) uint8_t uncached[sizeof(struct block) + 2 * sizeof(struct insn)];
    _Alignas(struct block) uint8_t nothing[sizeof(struct block)]; /* empty jump-cache slots */
};

insn_handler op_block_end, op_block_dropped, op_block_left;

/* --- Pages (block_pages.c) -------------------------------------------------------------------- */

static inline struct code_page **code_page_chain(struct block_cache *cache, uint64_t page)
{
    return &cache->pages[(page ^ (page >> PAGE_BITS)) & ((1 << PAGE_BITS) - 1)];
}

static inline struct code_page *code_page_find(struct block_cache *cache, uint64_t page)
{
    struct code_page *p = *code_page_chain(cache, page);
    while (p && p->page != page)
        p = p->next;
    return p;
}

/* Which of b's pages (0 first, 1 second) is this? */
static inline unsigned block_side(const struct block *b, uint64_t page)
{
    return b->offset >> PAGE_SHIFT != page;
}

/* The bytes of b that lie in the page of a side: [*from, *to) within the page. */
static inline void block_range(const struct block *b, unsigned side, unsigned *from, unsigned *to)
{
    unsigned start = (unsigned)(b->offset & PAGE_MASK);
    unsigned end = start + b->bytes;
    *from = side ? 0 : start;
    *to = side ? end - (unsigned)PAGE_SIZE : end < PAGE_SIZE ? end : (unsigned)PAGE_SIZE;
}

/* The page's entry, made if need be; NULL when the host is out of memory. */
struct code_page *code_page_get(struct block_cache *cache, uint64_t page);
/* Drops the entry of a page without blocks. */
void code_page_forget(struct block_cache *cache, uint64_t page);
/* Puts b into the page's list, its bytes into the bitmap. */
void code_page_add(struct code_page *p, struct block *b);
/* Takes b out of the page's list; the bitmap stays. */
void code_page_remove(struct block_cache *cache, struct block *b, uint64_t page);
/* Is any of the bytes [from, to) of the page code? */
bool code_page_any(const struct code_page *p, unsigned from, unsigned to);
/* Blocks that held bytes [from, to) of the page went: the others that do say what is code. */
void code_page_rebuild(struct code_page *p, unsigned from, unsigned to);
/* The lists of blocks that may hold some of the bytes [from, to): *first to *last. */
void code_page_lines(const struct code_page *p, unsigned from, unsigned to, unsigned *first,
                     unsigned *last);

/* --- Blocks (block.c) ------------------------------------------------------------------------- */

static inline struct block_chain *block_hash_chain(struct block_cache *cache, uint64_t offset,
                                                   unsigned mode)
{
    return &cache->hash[(offset ^ (offset >> HASH_BITS) ^ mode * 0x155) & ((1 << HASH_BITS) - 1)];
}

/* The bit in a chain's kinds. */
static inline uint64_t block_kind(uint64_t offset, unsigned mode)
{
    return BIT(((offset >> HASH_BITS) + mode) * UINT64_C(0x9E3779B97F4A7C15) >> 58);
}

/* The block at offset, or NULL. */
static inline struct block *block_hash_find(struct block_cache *cache, uint64_t offset,
                                            unsigned mode)
{
    const struct block_chain *chain = block_hash_chain(cache, offset, mode);
    struct block *b = chain->kinds & block_kind(offset, mode) ? chain->first : NULL;
    while (b && (b->offset != offset || b->mode != mode))
        b = b->hash_next;
    return b;
}

/* Memory for a block of so many instructions, with the sentinel. May flush the cache. */
struct block *block_alloc(struct block_cache *cache, unsigned insns);
/* Takes b out of everything. The running block's remaining instructions leave it when reached. */
void block_drop(struct block_cache *cache, struct block *b);
/* Dropped blocks' memory may be used again: none is running. */
void block_reclaim_dead(struct block_cache *cache);
void block_unlink(struct block *from, unsigned slot);
void block_jump_cache_clear(struct block_cache *cache);

/* --- Making them (block_build.c) -------------------------------------------------------------- */

/* Where code is fetched from. */
struct block_source {
    uint32_t eip, gva;
    const uint8_t *host; /* of the byte at gva */
    uint64_t offset;     /* its machine offset */
    unsigned mode;
};

/* The block at s, made and entered in the cache. */
struct block *block_build(struct vcpu *c, const struct block_source *s);
/* One instruction fetched byte by byte: where code lies in MMIO, or reaches the code limit, or
 * wraps (8086, 186). Never kept. Raises what fetching raises. */
struct block *block_uncached(struct vcpu *c, uint32_t eip);

/* --- Writes and breakpoints ------------------------------------------------------------------- */

/* physmap_listener: bytes of a page with code were written; they lie within one page. */
void block_code_written(void *ctx, uint64_t offset, uint64_t len);

/* Is a debugger's breakpoint known to be at this machine offset of the page (or NULL)? */
static inline bool code_page_is_split(const struct code_page *p, uint64_t offset)
{
    unsigned at = (unsigned)(offset & PAGE_MASK);
    return p && p->split && (p->splits[at / 64] >> at % 64 & 1);
}

/* Takes over what a debugger has set in this page, as it is seen now. */
void block_split_page(struct vcpu *c, const struct block_source *s);

#endif
