/* cpu/block_stops.c: where blocks end for a debugger's sake, and leaving a block in its middle. */
#include "cpu/block_cache.h"

#include "cpu/stops.h"

/* Drops the page's blocks that hold a byte whose bit is set. */
static void block_drop_any_of(struct block_cache *cache, struct code_page *p, const uint64_t *bits)
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
    code_page_rebuild(p, 0, PAGE_SIZE);
}

/* Takes over what a debugger has set in this page, as it is seen now. */
void block_split_page(struct vcpu *c, const struct block_source *s)
{
    struct block_cache *cache = c->blocks;
    uint64_t at[PAGE_SIZE / 64], fresh = 0;
    if (!stops_in_page(c, s->gva, s->offset, at))
        return;
    struct code_page *p = code_page_get(cache, s->offset >> PAGE_SHIFT);
    if (!p)
        return;
    p->split = true;
    for (unsigned n = 0; n < ARRAY_LEN(at); n++) {
        fresh |= at[n] &= ~p->splits[n];
        p->splits[n] |= at[n];
    }
    if (fresh)
        block_drop_any_of(cache, p, at);
}

void block_stops_changed(struct block_cache *cache)
{
    block_jump_cache_clear(cache);
    cache->vcpu->resume.block = NULL;
    for (unsigned n = 0; n < ARRAY_LEN(cache->pages); n++) {
        for (struct code_page *p = cache->pages[n]; p; p = p->next) {
            if (!p->split)
                continue;
            uint64_t all[PAGE_SIZE / 64];
            memset(all, 0xFF, sizeof all);
            block_drop_any_of(cache, p, all);
            p->split = false;
            memset(p->splits, 0, sizeof p->splits);
        }
    }
}

/* --- Cuts ------------------------------------------------------------------------------------- */

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
