/* cpu/block_pages.c: pages with code. A bitmap (in physmap_code_bits, where translated stores look,
 * too) says which bytes some block holds; lists by the 64-byte line that a block begins in find
 * them. */
#include "cpu/block_cache.h"

#include <stdlib.h>

struct code_page *code_page_get(struct block_cache *cache, uint64_t page)
{
    struct code_page *p = code_page_find(cache, page);
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    struct code_page **chain = code_page_chain(cache, page);
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

void code_page_forget(struct block_cache *cache, uint64_t page)
{
    struct code_page **at = code_page_chain(cache, page);
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

static void bitmap_set(struct code_page *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to;) {
        unsigned bit = n & 63, count = 64 - bit < to - n ? 64 - bit : to - n;
        p->code[n / 64] |= (UINT64_MAX >> (64 - count)) << bit;
        n += count;
    }
}

bool code_page_any(const struct code_page *p, unsigned from, unsigned to)
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
void code_page_lines(const struct code_page *p, unsigned from, unsigned to, unsigned *first,
                     unsigned *last)
{
    *first = from >= p->longest ? (from + 1 - p->longest) >> LINE_SHIFT : 0;
    *last = (to - 1) >> LINE_SHIFT;
}

/* Blocks that held bytes [from, to) of the page went: the others that do say what is code. */
void code_page_rebuild(struct code_page *p, unsigned from, unsigned to)
{
    unsigned line, last, b_from, b_to;
    bitmap_unset(p, from, to);
    for (code_page_lines(p, from, to, &line, &last); line <= last; line++) {
        for (struct block *b = p->blocks[line]; b;) {
            unsigned side = block_side(b, p->page);
            block_range(b, side, &b_from, &b_to);
            if (b_from < to && from < b_to)
                bitmap_set(p, b_from, b_to);
            b = b->page_next[side];
        }
    }
}

void code_page_add(struct code_page *p, struct block *b)
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

void code_page_remove(struct block_cache *cache, struct block *b, uint64_t page)
{
    unsigned side = block_side(b, page);
    struct block *next = b->page_next[side];
    *b->page_at[side] = next;
    if (next)
        next->page_at[block_side(next, page)] = b->page_at[side];
    code_page_find(cache, page)->count--;
}
