/* cpu/block.c: the block cache (cpu/block.h has its rules).
 *
 * Lists: a block is in one hash chain and in the list of each page that it touches; a page's entry
 * holds the bitmap of its code bytes. Dropped blocks wait in `dead` until block_find, when none is
 * running, and then go to the free list of their size. */
#include "cpu/block.h"

#include <assert.h>
#include <stdlib.h>

#include "base/big.h"
#include "cpu/access.h"
#include "cpu/exception.h"
#include "cpu/stops.h"

#define HASH_BITS 17
#define PAGE_BITS 12

/* Memory for blocks comes in chunks. */
#define CHUNK_BYTES   (UINT64_C(4) << 20)
#define CHUNKS_MAX    512
#define BYTES_AT_MOST (UINT64_C(32) << 20) /* of an interpreter's blocks */

/* Instructions that fit a block of each size class, with the sentinel. */
static const uint8_t class_insns[] = {2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 25, BLOCK_MAX_INSNS + 1};
#define SIZE_CLASSES ARRAY_LEN(class_insns)

/* A page that lost all its blocks stays marked (marking flushes TLBs) until this many writes. */
#define UNMARK_AFTER 64

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
    unsigned idle_writes;            /* since it last had a block */
    unsigned rewrites;               /* writes that dropped blocks, up to REWRITTEN_OFTEN */
    bool split;                      /* some bit of splits is set */
    uint64_t *code;                  /* its part of physmap_code_bits */
    uint64_t splits[PAGE_SIZE / 64]; /* where a debugger's breakpoints stand */
};

struct block_cache {
    struct vcpu *vcpu;
    struct physmap *physmap;
    struct physmap_listener *listener;
    struct block_listener above;
    struct block_counters counters;
    uint64_t generation_high;   /* of the last jump-cache key: see block_refresh */
    uint8_t *chunk[CHUNKS_MAX]; /* made when first needed, kept over flushes */
    unsigned current;           /* the one that blocks are taken from */
    size_t current_used;
    uint64_t limit; /* bytes of all */
    struct block *free[SIZE_CLASSES], *dead;
    struct block *jump[JUMP_CACHE_SLOTS];
    struct block *hash[1 << HASH_BITS];
    struct code_page *pages[1 << PAGE_BITS];
    struct insn building[BLOCK_MAX_INSNS + 1];
    struct decoder decoder;
    _Alignas(struct block) uint8_t uncached[sizeof(struct block) + 2 * sizeof(struct insn)];
    _Alignas(struct block) uint8_t nothing[sizeof(struct block)]; /* empty jump-cache slots */
};

insn_handler op_block_end, op_block_dropped, op_block_left;

/* --- Pages ----------------------------------------------------------------------------------- */

static struct code_page **page_chain(struct block_cache *cache, uint64_t page)
{
    return &cache->pages[(page ^ (page >> PAGE_BITS)) & ((1 << PAGE_BITS) - 1)];
}

static struct code_page *page_find(struct block_cache *cache, uint64_t page)
{
    struct code_page *p = *page_chain(cache, page);
    while (p && p->page != page)
        p = p->next;
    return p;
}

static struct code_page *page_get(struct block_cache *cache, uint64_t page)
{
    struct code_page *p = page_find(cache, page);
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    struct code_page **chain = page_chain(cache, page);
    uint64_t *code = physmap_code_bits(cache->physmap) + page * (PAGE_SIZE / 64);
    *p = (struct code_page){.page = page, .next = *chain, .code = code};
    *chain = p;
    physmap_code_mark(cache->physmap, page << PAGE_SHIFT);
    return p;
}

static void bitmap_clear(struct code_page *p)
{
    memset(p->code, 0, PAGE_SIZE / 8);
}

static void page_forget(struct block_cache *cache, uint64_t page)
{
    struct code_page **at = page_chain(cache, page);
    while (*at && (*at)->page != page)
        at = &(*at)->next;
    struct code_page *p = *at;
    if (!p)
        return;
    *at = p->next;
    bitmap_clear(p);
    physmap_code_unmark(cache->physmap, page << PAGE_SHIFT);
    free(p);
}

/* Which of b's pages (0 first, 1 second) is this? */
static unsigned block_side(const struct block *b, uint64_t page)
{
    return b->offset >> PAGE_SHIFT != page;
}

/* The bytes of b that lie in the page of a side: [*from, *to) within the page. */
static void block_range(const struct block *b, unsigned side, unsigned *from, unsigned *to)
{
    unsigned start = (unsigned)(b->offset & PAGE_MASK);
    unsigned end = start + b->bytes;
    *from = side ? 0 : start;
    *to = side ? end - (unsigned)PAGE_SIZE : end < PAGE_SIZE ? end : (unsigned)PAGE_SIZE;
}

static void bitmap_set(struct code_page *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to;) {
        unsigned bit = n & 63, count = 64 - bit < to - n ? 64 - bit : to - n;
        p->code[n / 64] |= (UINT64_MAX >> (64 - count)) << bit;
        n += count;
    }
}

static bool bitmap_any(const struct code_page *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to;) {
        unsigned bit = n & 63, count = 64 - bit < to - n ? 64 - bit : to - n;
        if (p->code[n / 64] & (UINT64_MAX >> (64 - count)) << bit)
            return true;
        n += count;
    }
    return false;
}

static void bitmap_unset(struct code_page *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to;) {
        unsigned bit = n & 63, count = 64 - bit < to - n ? 64 - bit : to - n;
        p->code[n / 64] &= ~((UINT64_MAX >> (64 - count)) << bit);
        n += count;
    }
}

/* The lists of blocks that may hold some of the bytes [from, to): *first to *last. */
static void lines_of(const struct code_page *p, unsigned from, unsigned to, unsigned *first,
                     unsigned *last)
{
    *first = from >= p->longest ? (from + 1 - p->longest) >> LINE_SHIFT : 0;
    *last = (to - 1) >> LINE_SHIFT;
}

/* Blocks that held bytes [from, to) of the page went: the others that do say what is code. */
static void bitmap_rebuild(struct code_page *p, unsigned from, unsigned to)
{
    unsigned line, last, b_from, b_to;
    bitmap_unset(p, from, to);
    for (lines_of(p, from, to, &line, &last); line <= last; line++) {
        for (struct block *b = p->blocks[line]; b;) {
            unsigned side = block_side(b, p->page);
            block_range(b, side, &b_from, &b_to);
            if (b_from < to && from < b_to)
                bitmap_set(p, b_from, b_to);
            b = b->page_next[side];
        }
    }
}

/* --- Links ----------------------------------------------------------------------------------- */

static struct block *link_block(uintptr_t link)
{
    return (struct block *)(link & ~(uintptr_t)1);
}

static void unlink_successor(struct block *from, unsigned slot)
{
    struct block *to = from->succ[slot];
    if (!to)
        return;
    uintptr_t me = (uintptr_t)from | slot;
    uintptr_t *at = &to->linked_by;
    while (*at != me)
        at = &link_block(*at)->linked_by_next[*at & 1];
    *at = from->linked_by_next[slot];
    from->succ[slot] = NULL;
}

void block_link(struct vcpu *c, struct block *to)
{
    struct block *from = c->link_from;
    unsigned slot = c->link_slot;
    c->link_from = NULL;
    if (!from || !from->live || !to->live || from->succ[slot])
        return;
    if (from->crosses || to->crosses || to->stops || from->mode != to->mode ||
        from->offset >> PAGE_SHIFT != to->offset >> PAGE_SHIFT)
        return;
    from->succ[slot] = to;
    from->linked_by_next[slot] = to->linked_by;
    to->linked_by = (uintptr_t)from | slot;
}

/* --- Dropping -------------------------------------------------------------------------------- */

static struct block **hash_chain(struct block_cache *cache, uint64_t offset, unsigned mode)
{
    return &cache->hash[(offset ^ (offset >> HASH_BITS) ^ mode * 0x155) & ((1 << HASH_BITS) - 1)];
}

static void page_list_add(struct code_page *p, struct block *b)
{
    unsigned side = block_side(b, p->page), from, to;
    block_range(b, side, &from, &to);
    struct block **first = &p->blocks[from >> LINE_SHIFT], *next = *first;
    b->page_next[side] = next;
    b->page_at[side] = first;
    if (next)
        next->page_at[block_side(next, p->page)] = &b->page_next[side];
    *first = b;
    p->count++;
    if (p->longest < to - from)
        p->longest = to - from;
    bitmap_set(p, from, to);
}

static void page_list_remove(struct block_cache *cache, struct block *b, uint64_t page)
{
    unsigned side = block_side(b, page);
    struct block *next = b->page_next[side];
    *b->page_at[side] = next;
    if (next)
        next->page_at[block_side(next, page)] = b->page_at[side];
    page_find(cache, page)->count--;
}

/* Takes b out of everything. The running block's remaining instructions leave it when reached. */
static void block_drop(struct block_cache *cache, struct block *b)
{
    struct block **at = hash_chain(cache, b->offset, b->mode);
    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    page_list_remove(cache, b, b->offset >> PAGE_SHIFT);
    if (b->crosses)
        page_list_remove(cache, b, b->offset2 >> PAGE_SHIFT);
    unlink_successor(b, 0);
    unlink_successor(b, 1);
    while (b->linked_by)
        unlink_successor(link_block(b->linked_by), b->linked_by & 1);
    b->jump_key = JUMP_KEY_NONE;
    b->live = false;
    if (b->translations)
        cache->above.dropped(cache->above.ctx, b);
    struct vcpu *c = cache->vcpu;
    if (c->link_from == b)
        c->link_from = NULL;
    if (c->resume.block == b)
        c->resume.block = NULL;
    if (c->block == b) {
        for (unsigned n = 0; n <= b->count; n++)
            b->insns[n].run = op_block_dropped;
        vcpu_attend(c, EVENT_BLOCKS);
    }
    b->page_next[0] = cache->dead;
    cache->dead = b;
    cache->counters.dropped++;
}

/* The instruction of b that the written bytes [from, to) lie in, not at its start; or NULL. */
static struct insn *insn_written(struct block *b, unsigned from, unsigned to)
{
    unsigned start = (unsigned)(b->offset & PAGE_MASK), low = 0, high = b->count;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (start + b->insns[mid].offset <= from)
            low = mid;
        else
            high = mid;
    }
    struct insn *i = &b->insns[low];
    unsigned at = start + i->offset;
    return from > at && to <= at + i->len ? i : NULL;
}

/* An instruction as it is now, for all blocks that have it. */
struct rewritten {
    uint64_t at; /* machine offset */
    unsigned len;
    uint8_t mode;
    bool valid;
    struct insn insn;
};

/* Decodes the len bytes at machine offset at, unless *r has it. */
static bool decode_rewritten(struct block_cache *cache, struct rewritten *r, uint64_t at,
                             unsigned len, uint8_t mode)
{
    if (r->at != at || r->len != len || r->mode != mode) {
        *r = (struct rewritten){.at = at, .len = len, .mode = mode};
        r->valid = decode_insn(&cache->decoder, physmap_host(cache->physmap, at), len,
                               mode & BLOCK_CODE32, &r->insn) == DECODE_OK;
    }
    return r->valid;
}

/* Bytes [from, to) of b's page were written. True: they changed a constant only, and b has the new
 * one. */
static bool block_adapt(struct block_cache *cache, struct block *b, unsigned from, unsigned to,
                        struct rewritten *r)
{
    if (b->crosses || b->stops || cache->vcpu->block == b)
        return false;
    struct insn *i = insn_written(b, from, to);
    if (!i || !decode_rewritten(cache, r, b->offset + i->offset, i->len, b->mode))
        return false;
    struct insn now = r->insn;
    bool same = now.run == i->run && now.op == i->op && now.len == i->len &&
                now.modrm == i->modrm && now.reg == i->reg && now.rm == i->rm &&
                now.base == i->base && now.index == i->index && now.scale == i->scale &&
                now.seg == i->seg && now.osize == i->osize && now.asize == i->asize &&
                now.prefixes == i->prefixes;
    if (!same)
        return false;
    bool immediate = i->disp == now.disp;
    i->imm = now.imm;
    i->disp = now.disp;
    cache->counters.adapted++;
    if (immediate && cache->above.adapted &&
        cache->above.adapted(cache->above.ctx, b, (unsigned)(i - b->insns)))
        return true;
    if (b->translations)
        cache->above.dropped(cache->above.ctx, b);
    if (opcode_row(i->op)->attrs & ENDS) { /* it may lead elsewhere */
        unlink_successor(b, 0);
        unlink_successor(b, 1);
        if (cache->vcpu->link_from == b)
            cache->vcpu->link_from = NULL;
    }
    b->heat = 0;
    b->rewritten = true;
    return true;
}

/* physmap_listener: bytes of a page with code were written; they lie within one page. */
static void code_written(void *ctx, uint64_t offset, uint64_t len)
{
    struct block_cache *cache = ctx;
    struct code_page *p = page_find(cache, offset >> PAGE_SHIFT);
    if (!p)
        return;
    cache->counters.code_writes++;
    unsigned from = (unsigned)(offset & PAGE_MASK), to = from + (unsigned)len;
    if (!bitmap_any(p, from, to)) {
        if (!p->count && ++p->idle_writes >= UNMARK_AFTER)
            page_forget(cache, p->page);
        return;
    }
    p->idle_writes = 0;
    unsigned low = to, high = from; /* what the blocks dropped held */
    unsigned line, last, b_from, b_to;
    struct rewritten now = {0};
    bool dropped = false;
    for (lines_of(p, from, to, &line, &last); line <= last; line++) {
        for (struct block *b = p->blocks[line], *next; b; b = next) {
            unsigned side = block_side(b, p->page);
            next = b->page_next[side];
            block_range(b, side, &b_from, &b_to);
            if (b_from >= to || from >= b_to || block_adapt(cache, b, from, to, &now))
                continue;
            block_drop(cache, b);
            low = b_from < low ? b_from : low;
            high = b_to > high ? b_to : high;
            dropped = true;
        }
    }
    if (!dropped)
        return;
    p->rewrites += p->rewrites < REWRITTEN_OFTEN;
    bitmap_rebuild(p, low, high);
}

/* physmap_listener: jump-cache keys hold a generation that block_refresh renews; have the engine
 * do so before the next block. */
static void map_changed(void *ctx)
{
    struct block_cache *cache = ctx;
    vcpu_attend(cache->vcpu, EVENT_BLOCKS);
}

static void jump_cache_clear(struct block_cache *cache)
{
    struct block *nothing = (struct block *)cache->nothing;
    nothing->jump_key = JUMP_KEY_NONE;
    for (unsigned n = 0; n < JUMP_CACHE_SLOTS; n++)
        cache->jump[n] = nothing;
}

void block_cache_flush(struct block_cache *cache)
{
    cache->counters.flushes++;
    if (cache->above.flushed)
        cache->above.flushed(cache->above.ctx);
    jump_cache_clear(cache);
    memset(cache->hash, 0, sizeof cache->hash);
    for (unsigned n = 0; n < ARRAY_LEN(cache->pages); n++) {
        while (cache->pages[n])
            page_forget(cache, cache->pages[n]->page);
    }
    memset(cache->free, 0, sizeof cache->free);
    cache->dead = NULL;
    cache->current = 0;
    cache->current_used = 0;
    cache->vcpu->link_from = NULL;
    cache->vcpu->resume.block = NULL;
}

/* --- Life ------------------------------------------------------------------------------------ */

struct block_cache *block_cache_create(struct vcpu *c)
{
    struct block_cache *cache = big_alloc(sizeof *cache);
    struct physmap_listener *listener = calloc(1, sizeof *listener);
    uint8_t *chunk = big_alloc(CHUNK_BYTES);
    if (!cache || !listener || !chunk) {
        big_free(cache, sizeof *cache);
        free(listener);
        big_free(chunk, CHUNK_BYTES);
        return NULL;
    }
    cache->vcpu = c;
    cache->physmap = c->physmap;
    cache->chunk[0] = chunk;
    cache->limit = BYTES_AT_MOST;
    jump_cache_clear(cache);
    decoder_init(&cache->decoder, c->model, c->features);
    *listener = (struct physmap_listener){
        .ctx = cache, .map_changed = map_changed, .code_written = code_written};
    cache->listener = listener;
    physmap_listen(c->physmap, listener);
    c->jump_cache = cache->jump;
    return cache;
}

void block_cache_destroy(struct block_cache *cache)
{
    if (!cache)
        return;
    block_cache_flush(cache);
    cache->listener->map_changed = NULL; /* the physmap owns the listener and outlives us */
    cache->listener->code_written = NULL;
    for (unsigned n = 0; n < CHUNKS_MAX; n++)
        big_free(cache->chunk[n], CHUNK_BYTES);
    big_free(cache, sizeof *cache);
}

void block_cache_limit(struct block_cache *cache, uint64_t bytes)
{
    cache->limit = bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes;
}

uint64_t block_cache_bytes(const struct block_cache *cache)
{
    return cache->current * CHUNK_BYTES + cache->current_used;
}

void block_cache_listen(struct block_cache *cache, struct block_listener listener)
{
    cache->above = listener;
}

struct block_counters block_cache_counters(const struct block_cache *cache)
{
    return cache->counters;
}

const struct decoder *block_cache_decoder(const struct block_cache *cache)
{
    return &cache->decoder;
}

/* --- Making blocks ---------------------------------------------------------------------------- */

static void reclaim_dead(struct block_cache *cache)
{
    while (cache->dead) {
        struct block *b = cache->dead;
        cache->dead = b->page_next[0];
        b->page_next[0] = cache->free[b->size_class];
        cache->free[b->size_class] = b;
    }
}

/* Sees to it that the current chunk has room for bytes. False: the host has no memory for more. */
static bool chunk_for(struct block_cache *cache, size_t bytes)
{
    if (cache->current_used + bytes <= CHUNK_BYTES)
        return true;
    unsigned next = cache->current + 1;
    if (next < CHUNKS_MAX && !cache->chunk[next])
        cache->chunk[next] = big_alloc(CHUNK_BYTES);
    if (next == CHUNKS_MAX || !cache->chunk[next])
        return false;
    cache->current = next;
    cache->current_used = 0;
    return true;
}

static struct block *block_alloc(struct block_cache *cache, unsigned insns)
{
    unsigned class = 0;
    while (class_insns[class] < insns)
        class ++;
    struct block *b = cache->free[class];
    if (b) {
        cache->free[class] = b->page_next[0];
    } else {
        size_t bytes = sizeof *b + class_insns[class] * sizeof(struct insn);
        if (block_cache_bytes(cache) + bytes > cache->limit || !chunk_for(cache, bytes))
            block_cache_flush(cache);
        b = (struct block *)(cache->chunk[cache->current] + cache->current_used);
        cache->current_used += bytes;
    }
    memset(b, 0, sizeof *b);
    b->size_class = (uint8_t) class;
    b->jump_key = JUMP_KEY_NONE;
    return b;
}

static void add_sentinel(struct insn *at, unsigned bytes)
{
    *at = (struct insn){
        .run = op_block_end, .offset = (uint16_t)bytes, .base = REG_NONE, .index = REG_NONE};
}

/* One instruction fetched byte by byte: where code lies in MMIO, or reaches the code limit, or
 * wraps (8086, 186). Never kept. */
static struct block *uncached(struct vcpu *c, uint32_t eip)
{
    struct block_cache *cache = c->blocks;
    struct block *b = (struct block *)cache->uncached;
    uint8_t bytes[INSN_MAX_LEN + 1];
    enum decode_status status = DECODE_MORE;
    for (unsigned n = 0; status == DECODE_MORE && n < sizeof bytes; n++) {
        uint32_t at = eip + n;
        if (at >= c->code_len) {
            if (c->model > CPU_186)
                cpu_raise_error(c, VEC_GP, 0);
            at &= 0xFFFF;
        }
        bytes[n] = access_fetch(c, (uint32_t)c->seg[SEG_CS].base + at);
        status = decode_insn(&cache->decoder, bytes, n + 1, c->code32, &b->insns[0]);
    }
    memset(b, 0, sizeof *b);
    b->jump_key = JUMP_KEY_NONE;
    b->count = 1;
    b->bytes = b->insns[0].len;
    add_sentinel(&b->insns[1], b->bytes);
    return b;
}

/* Where code is fetched from. */
struct source {
    uint32_t eip, gva;
    const uint8_t *host; /* of the byte at gva */
    uint64_t offset;     /* its machine offset */
    unsigned mode;
};

static bool page_is_split(const struct code_page *p, uint64_t offset)
{
    unsigned at = (unsigned)(offset & PAGE_MASK);
    return p && p->split && (p->splits[at / 64] >> at % 64 & 1);
}

/* Decodes into cache->building what lies in one page and before its next split. Returns the
 * instructions, *bytes their length; 0 when the first does not end there. */
static unsigned decode_run(struct block_cache *cache, const struct source *s, uint64_t room,
                           const struct code_page *page, unsigned *bytes)
{
    unsigned max = s->mode & BLOCK_SINGLE ? 1 : BLOCK_MAX_INSNS, n = 0, pos = 0;
    while (n < max && !(n && page_is_split(page, s->offset + pos))) {
        struct insn *i = &cache->building[n];
        enum decode_status status =
            decode_insn(&cache->decoder, s->host + pos, room - pos, s->mode & BLOCK_CODE32, i);
        if (status == DECODE_MORE)
            break;
        i->offset = (uint16_t)pos;
        pos += i->len;
        n++;
        if (status != DECODE_OK || (opcode_row(i->op)->attrs & ENDS))
            break;
    }
    *bytes = pos;
    return n;
}

/* The instruction at s, which reaches into the next page: 1, or 0 when it must be fetched
 * uncached. *offset2 is the second page's. */
static unsigned decode_crossing(struct vcpu *c, const struct source *s, unsigned *bytes,
                                uint64_t *offset2)
{
    uint8_t buf[INSN_MAX_LEN];
    unsigned first = (unsigned)(PAGE_SIZE - (s->gva & PAGE_MASK));
    uint64_t limit = c->code_len - s->eip;
    unsigned all = limit < sizeof buf ? (unsigned)limit : (unsigned)sizeof buf;
    const uint8_t *host2;
    if (first >= all || !access_code_page(c, s->gva + first, &host2, offset2))
        return 0;
    host2 -= (uintptr_t)host2 & PAGE_MASK;
    *offset2 = align_down(*offset2, PAGE_SIZE);
    memcpy(buf, s->host, first);
    memcpy(buf + first, host2, all - first);
    struct insn *i = &c->blocks->building[0];
    enum decode_status status =
        decode_insn(&c->blocks->decoder, buf, all, s->mode & BLOCK_CODE32, i);
    if (status == DECODE_MORE)
        return 0;
    i->offset = 0;
    *bytes = i->len;
    return 1;
}

/* Puts b into page's list and bitmap; false when the host is out of memory. */
static bool page_add(struct block_cache *cache, struct block *b, uint64_t page)
{
    struct code_page *p = page_get(cache, page);
    if (!p)
        return false;
    page_list_add(p, b);
    b->rewritten |= p->rewrites >= REWRITTEN_OFTEN;
    p->idle_writes = 0;
    return true;
}

static struct block *build(struct vcpu *c, const struct source *s)
{
    struct block_cache *cache = c->blocks;
    uint64_t page_room = PAGE_SIZE - (s->gva & PAGE_MASK), limit = c->code_len - s->eip;
    unsigned bytes;
    uint64_t offset2 = NO_BACKING;
    const struct code_page *page = c->stops ? page_find(cache, s->offset >> PAGE_SHIFT) : NULL;
    unsigned n = decode_run(cache, s, page_room < limit ? page_room : limit, page, &bytes);
    bool stops = page_is_split(page, s->offset);
    if (!n && limit > page_room)
        n = decode_crossing(c, s, &bytes, &offset2);
    if (!n || offset2 == align_down(s->offset, PAGE_SIZE)) /* or a page that follows itself */
        return uncached(c, s->eip);
    struct block *b = block_alloc(cache, n + 1);
    memcpy(b->insns, cache->building, n * sizeof b->insns[0]);
    add_sentinel(&b->insns[n], bytes);
    b->count = (uint16_t)n;
    b->bytes = bytes;
    b->mode = (uint8_t)s->mode;
    b->offset = s->offset;
    b->offset2 = offset2;
    b->stops = stops;
    b->crosses = (s->offset & PAGE_MASK) + bytes > PAGE_SIZE;
    if (!page_add(cache, b, b->offset >> PAGE_SHIFT))
        return uncached(c, s->eip);
    struct block **chain = hash_chain(cache, b->offset, b->mode);
    b->hash_next = *chain;
    *chain = b;
    b->live = true;
    if (b->crosses && !page_add(cache, b, b->offset2 >> PAGE_SHIFT)) {
        b->crosses = false; /* so that only the first page's list is searched */
        block_drop(cache, b);
        return uncached(c, s->eip);
    }
    cache->counters.built++;
    return b;
}

/* --- Finding ---------------------------------------------------------------------------------- */

void block_refresh(struct vcpu *c)
{
    uint64_t len = (uint64_t)c->seg[SEG_CS].limit + 1;
    c->code_len = !c->code32 && len > 0x10000 ? 0x10000 : len;
    uint64_t generation = c->tlb.flushes + c->tlb.page_flushes;
    unsigned mode = (c->code32 ? 1u : 0) | (c->stack32 ? 2u : 0) | (c->tlb_view ? 4u : 0);
    c->code_key = (uint64_t)mode << 32 | generation << 35;
    if (unlikely(generation >> 29 != c->blocks->generation_high)) {
        c->blocks->generation_high = generation >> 29; /* the key's bits start over */
        jump_cache_clear(c->blocks);
    }
}

/* Does the instruction at s end in its page and before the code limit? */
static bool ends_in_page(struct vcpu *c, const struct source *s)
{
    struct insn i;
    uint64_t room = PAGE_SIZE - (s->gva & PAGE_MASK), limit = c->code_len - s->eip;
    return decode_insn(&c->blocks->decoder, s->host, room < limit ? room : limit,
                       s->mode & BLOCK_CODE32, &i) != DECODE_MORE;
}

/* Does the second page of a crossing block still lie where it did? Raises #PF. */
static bool second_page_holds(struct vcpu *c, const struct source *s, const struct block *b)
{
    const uint8_t *host;
    uint64_t offset;
    return access_code_page(c, align_down(s->gva, PAGE_SIZE) + PAGE_SIZE, &host, &offset) &&
           align_down(offset, PAGE_SIZE) == b->offset2;
}

/* Drops the page's blocks that hold a byte whose bit is set. */
static void drop_with_any_of(struct block_cache *cache, struct code_page *p, const uint64_t *bits)
{
    for (unsigned line = 0; line < LINES; line++) {
        for (struct block *b = p->blocks[line], *next; b; b = next) {
            unsigned side = block_side(b, p->page), from, to;
            next = b->page_next[side];
            block_range(b, side, &from, &to);
            bool hit = false;
            for (unsigned n = from; n < to; n++)
                hit |= bits[n / 64] >> n % 64 & 1;
            if (hit)
                block_drop(cache, b);
        }
    }
    bitmap_rebuild(p, 0, PAGE_SIZE);
}

/* Takes over what a debugger has set in this page, as it is seen now. */
static void split_page(struct vcpu *c, const struct source *s)
{
    struct block_cache *cache = c->blocks;
    uint64_t at[PAGE_SIZE / 64], fresh = 0;
    if (!stops_in_page(c, s->gva, s->offset, at))
        return;
    struct code_page *p = page_get(cache, s->offset >> PAGE_SHIFT);
    if (!p)
        return;
    p->split = true;
    for (unsigned n = 0; n < ARRAY_LEN(at); n++) {
        fresh |= at[n] &= ~p->splits[n];
        p->splits[n] |= at[n];
    }
    if (fresh)
        drop_with_any_of(cache, p, at);
}

void block_stops_changed(struct block_cache *cache)
{
    jump_cache_clear(cache);
    cache->vcpu->resume.block = NULL;
    for (unsigned n = 0; n < ARRAY_LEN(cache->pages); n++) {
        for (struct code_page *p = cache->pages[n]; p; p = p->next) {
            if (!p->split)
                continue;
            uint64_t all[PAGE_SIZE / 64];
            memset(all, 0xFF, sizeof all);
            drop_with_any_of(cache, p, all);
            p->split = false;
            memset(p->splits, 0, sizeof p->splits);
        }
    }
}

void block_cut(struct vcpu *c, uint64_t index)
{
    struct block *b = c->block;
    if (index >= b->count)
        return; /* the next block is not chained to */
    struct insn *at = &b->insns[index];
    if (c->cut.at) {
        if (c->cut.at <= at)
            return;
        block_uncut(c);
    }
    c->cut.at = at;
    c->cut.run = at->run;
    at->run = op_block_left;
}

void block_uncut(struct vcpu *c)
{
    if (c->cut.at)
        c->cut.at->run = c->cut.run;
    c->cut.at = NULL;
}

void block_leave(struct vcpu *c)
{
    if (!c->cur)
        return;
    uint64_t next = (uint64_t)(c->cur - c->block->insns) + 1, room = c->insns_end - c->insns;
    block_cut(c, c->wake & WAKE_EVENT || room < next ? next : room);
}

static struct block *find_slow(struct vcpu *c, uint32_t eip, uint32_t gva, unsigned single)
{
    struct block_cache *cache = c->blocks;
    reclaim_dead(cache);
    struct source s = {.eip = eip, .gva = gva};
    if (!access_code_page(c, gva, &s.host, &s.offset))
        return uncached(c, eip);
    s.host = s.host - ((uintptr_t)s.host & PAGE_MASK) + (gva & PAGE_MASK);
    s.offset = align_down(s.offset, PAGE_SIZE) | (gva & PAGE_MASK);
    s.mode = (c->code32 ? BLOCK_CODE32 : 0) | (c->stack32 ? BLOCK_STACK32 : 0) | single;
    if (unlikely(c->stops != NULL))
        split_page(c, &s);
    struct block *b = *hash_chain(cache, s.offset, s.mode);
    while (b && (b->offset != s.offset || b->mode != s.mode))
        b = b->hash_next;
    if (b && b->crosses && !second_page_holds(c, &s, b)) {
        block_drop(cache, b);
        b = NULL;
    }
    if (!b)
        b = build(c, &s);
    else if (eip + (uint64_t)b->bytes > c->code_len)
        return uncached(c, eip);
    bool segmented = c->stops && c->stops->segmented; /* the jump cache does not know CS */
    if (b->live && !single && !b->stops && !segmented) {
        block_refresh(c); /* making it may have flushed the TLB */
        b->jump_key = c->code_key | gva;
        *jump_cache_slot(c, gva) = b;
    }
    return b;
}

static struct block *find_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                                 uint32_t eip, bool make)
{
    struct block_cache *cache = c->blocks;
    uint32_t base = (uint32_t)c->seg[SEG_CS].base, gva = base + eip;
    if ((gva ^ (base + near_eip)) >> PAGE_SHIFT || eip >= c->code_len || near->crosses)
        return NULL;
    struct source s = {.eip = eip,
                       .gva = gva,
                       .offset = align_down(near->offset, PAGE_SIZE) | (gva & PAGE_MASK),
                       .mode = near->mode};
    s.host = physmap_host(c->physmap, s.offset);
    struct block *b = *hash_chain(cache, s.offset, s.mode);
    while (b && (b->offset != s.offset || b->mode != s.mode))
        b = b->hash_next;
    if (!b && make && ends_in_page(c, &s))
        b = build(c, &s);
    bool good = b && b->live && !b->crosses && !b->stops && eip + (uint64_t)b->bytes <= c->code_len;
    return good ? b : NULL;
}

struct block *block_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                           uint32_t eip)
{
    return find_beside(c, near, near_eip, eip, true);
}

struct block *block_warm_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                                uint32_t eip)
{
    struct block *b = find_beside(c, near, near_eip, eip, false);
    return b && b->heat ? b : NULL;
}

struct block *block_find(struct vcpu *c, unsigned single)
{
    uint32_t eip = (uint32_t)c->eip;
    if (unlikely(eip >= c->code_len))
        cpu_raise_error(c, VEC_GP, 0);
    uint32_t gva = (uint32_t)c->seg[SEG_CS].base + eip;
    struct block *b = *jump_cache_slot(c, gva);
    c->blocks->counters.found++;
    if (b->jump_key == (c->code_key | gva) && !single && eip + (uint64_t)b->bytes <= c->code_len)
        return b;
    return find_slow(c, eip, gva, single);
}
