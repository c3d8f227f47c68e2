/* cpu/block_written.c: self-modifying code. A write drops the blocks whose bytes it changes, or,
 * where it changes no more than a constant in a block that does not run, brings that block up to
 * date. */
#include "cpu/block_cache.h"

/* A page that lost all its blocks stays marked (marking flushes TLBs) until it was written so much,
 * in bytes; a write counts for some more than it has. One that clears the page is enough: what an
 * operating system gives to a program next is data, mostly. */
#define UNMARK_AFTER 2048
#define WRITE_WEIGHT 28

/* Blocks that have the same bytes are kept for so many writes to them. Those that still run are
 * made anew at once, which takes as long as a hundred writes; the others are gone. */
#define ADAPTED_ENOUGH 1024

/* The instruction of b that the written bytes [from, to) lie in, not at its start; or NULL. Code
 * is mostly written in order: the next one or the one after it is tried before the search. */
static struct insn *insn_written(struct block *b, unsigned from, unsigned to)
{
    unsigned start = (unsigned)(b->offset & PAGE_MASK), low = b->adapted_at, high = b->count;
    if (start + b->insns[low].offset > from)
        low = 0;
    else if (low + 3u < high && start + b->insns[low + 3].offset > from)
        high = low + 3;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (start + b->insns[mid].offset <= from)
            low = mid;
        else
            high = mid;
    }
    struct insn *i = &b->insns[low];
    unsigned at = start + i->offset;
    b->adapted_at = (uint8_t)low;
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
        r->at = at;
        r->len = len;
        r->mode = mode;
        r->valid = decode_insn(&cache->decoder, physmap_host(cache->physmap, at), len,
                               mode & BLOCK_CODE32, &r->insn) == DECODE_OK;
    }
    return r->valid;
}

/* Bytes [from, to) of b's page were written, within instruction i. True: they changed a constant
 * only, and i has the new one. */
static bool insn_adapt(struct block_cache *cache, struct block *b, struct insn *i, unsigned from,
                       struct rewritten *r)
{
    uint64_t at = b->offset + i->offset;
    unsigned within = from - (unsigned)(at & PAGE_MASK);
    if (decode_immediate(&cache->decoder, physmap_host(cache->physmap, at), within, i))
        return true;
    if (!decode_rewritten(cache, r, at, i->len, b->mode))
        return false;
    const struct insn *now = &r->insn;
    bool same = now->run == i->run && now->op == i->op && now->len == i->len &&
                now->modrm == i->modrm && now->reg == i->reg && now->rm == i->rm &&
                now->base == i->base && now->index == i->index && now->scale == i->scale &&
                now->seg == i->seg && now->osize == i->osize && now->asize == i->asize &&
                now->prefixes == i->prefixes;
    if (!same)
        return false;
    i->imm = now->imm;
    i->disp = now->disp;
    return true;
}

/* Bytes [from, to) of b's page were written. True: they changed a constant only, and b has the new
 * one. */
static bool block_adapt(struct block_cache *cache, struct block *b, unsigned from, unsigned to,
                        struct rewritten *r)
{
    if (b->crosses || b->stops || cache->vcpu->block == b)
        return false;
    struct insn *i = insn_written(b, from, to);
    uint32_t disp = i ? i->disp : 0;
    if (!i || !insn_adapt(cache, b, i, from, r))
        return false;
    cache->counters.adapted++;
    if (i->disp == disp && cache->above.adapted &&
        cache->above.adapted(cache->above.ctx, b, (unsigned)(i - b->insns)))
        return true;
    if (b->translations)
        cache->above.dropped(cache->above.ctx, b);
    if (opcode_row(i->op)->attrs & ENDS) { /* it may lead elsewhere */
        block_unlink(b, 0);
        block_unlink(b, 1);
        if (cache->vcpu->link_from == b)
            cache->vcpu->link_from = NULL;
    }
    b->heat = 0;
    b->rewritten = true;
    return true;
}

/* Is b, which the written bytes [from, to) lie in, to be kept? alone: no block before it was. */
static bool keep(struct block_cache *cache, struct block *b, unsigned from, unsigned to,
                 struct rewritten *r, bool alone)
{
    if (!alone && ++b->adapted >= ADAPTED_ENOUGH)
        return false;
    return block_adapt(cache, b, from, to, r);
}

/* len bytes of p were written, which has no blocks. */
static void written_idle(struct block_cache *cache, struct code_page *p, uint64_t len)
{
    p->idle += (unsigned)len + WRITE_WEIGHT;
    if (p->idle >= UNMARK_AFTER)
        code_page_forget(cache, p->page);
}

/* physmap_listener: bytes of a page with code were written; they lie within one page. */
void block_code_written(void *ctx, uint64_t offset, uint64_t len)
{
    struct block_cache *cache = ctx;
    struct code_page *p = code_page_find(cache, offset >> PAGE_SHIFT);
    if (!p)
        return;
    cache->counters.code_writes++;
    unsigned from = (unsigned)(offset & PAGE_MASK), to = from + (unsigned)len;
    if (!code_page_any(p, from, to)) {
        if (!p->count)
            written_idle(cache, p, len);
        return;
    }
    p->idle = 0;
    unsigned low = to, high = from; /* what the blocks dropped held */
    unsigned line, last, b_from, b_to;
    struct rewritten now;
    now.len = 0;
    bool dropped = false, alone = true;
    for (code_page_lines(p, from, to, &line, &last); line <= last; line++) {
        for (struct block *b = p->blocks[line], *next; b; b = next) {
            unsigned side = block_side(b, p->page);
            next = b->page_next[side];
            block_range(b, side, &b_from, &b_to);
            if (b_from >= to || from >= b_to)
                continue;
            if (keep(cache, b, from, to, &now, alone)) {
                alone = false;
                continue;
            }
            block_drop(cache, b);
            low = b_from < low ? b_from : low;
            high = b_to > high ? b_to : high;
            dropped = true;
        }
    }
    if (!dropped)
        return;
    p->rewrites += p->rewrites < REWRITTEN_OFTEN;
    code_page_rebuild(p, low, high);
    if (!p->count)
        written_idle(cache, p, len);
}
