/* cpu/block.c: the block cache itself (cpu/block.h has its rules, cpu/block_cache.h its parts): its
 * life, memory for blocks, the links between them, dropping them. */
#include "cpu/block_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "base/big.h"

#define BYTES_AT_MOST (UINT64_C(32) << 20) /* of an interpreter's blocks */

static const uint8_t class_insns[] = {2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 25, BLOCK_MAX_INSNS + 1};
static_assert(ARRAY_LEN(class_insns) == SIZE_CLASSES, "one list of free blocks each");

/* --- Links ------------------------------------------------------------------------------------ */

static struct block *link_block(uintptr_t link)
{
    return (struct block *)(link & ~(uintptr_t)1);
}

void block_unlink(struct block *from, unsigned slot)
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

/* --- Dropping --------------------------------------------------------------------------------- */

/* Takes b out of everything. The running block's remaining instructions leave it when reached. */
void block_drop(struct block_cache *cache, struct block *b)
{
    struct block_chain *chain = block_hash_chain(cache, b->offset, b->mode);
    struct block **at = &chain->first;
    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    if (!chain->first)
        chain->kinds = 0;
    code_page_remove(cache, b, b->offset >> PAGE_SHIFT);
    if (b->crosses)
        code_page_remove(cache, b, b->offset2 >> PAGE_SHIFT);
    block_unlink(b, 0);
    block_unlink(b, 1);
    while (b->linked_by)
        block_unlink(link_block(b->linked_by), b->linked_by & 1);
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

/* physmap_listener: jump-cache keys hold a generation that block_refresh renews; have the engine
 * do so before the next block. */
static void map_changed(void *ctx)
{
    struct block_cache *cache = ctx;
    vcpu_attend(cache->vcpu, EVENT_BLOCKS);
}

void block_jump_cache_clear(struct block_cache *cache)
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
    block_jump_cache_clear(cache);
    memset(cache->hash, 0, sizeof cache->hash);
    for (unsigned n = 0; n < ARRAY_LEN(cache->pages); n++) {
        while (cache->pages[n])
            code_page_forget(cache, cache->pages[n]->page);
    }
    memset(cache->free, 0, sizeof cache->free);
    cache->dead = NULL;
    cache->current = 0;
    cache->current_used = 0;
    cache->flushed = true;
    cache->vcpu->link_from = NULL;
    cache->vcpu->resume.block = NULL;
}

/* --- Memory ----------------------------------------------------------------------------------- */

void block_reclaim_dead(struct block_cache *cache)
{
    while (cache->dead) {
        struct block *b = cache->dead;
        cache->dead = b->page_next[0];
        b->page_next[0] = cache->free[b->size_class];
        cache->free[b->size_class] = b;
    }
    for (unsigned n = cache->current + 1; cache->flushed && n < CHUNKS_MAX && cache->chunk[n];
         n++) {
        big_free(cache->chunk[n], CHUNK_BYTES);
        cache->chunk[n] = NULL;
    }
    cache->flushed = false;
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

struct block *block_alloc(struct block_cache *cache, unsigned insns)
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

/* --- Life ------------------------------------------------------------------------------------- */

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
    block_jump_cache_clear(cache);
    decoder_init(&cache->decoder, c->model, c->features);
    *listener = (struct physmap_listener){
        .ctx = cache, .map_changed = map_changed, .code_written = block_code_written};
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
