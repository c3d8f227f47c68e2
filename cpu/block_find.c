/* cpu/block_find.c: looks blocks up: the jump cache, behind it the hash table, behind that
 * block_build. */
#include "cpu/block_cache.h"

#include "cpu/access.h"
#include "cpu/exception.h"
#include "cpu/stops.h"

void block_refresh(struct vcpu *c)
{
    uint64_t len = (uint64_t)c->seg[SEG_CS].limit + 1;
    c->code_len = !c->code32 && len > 0x10000 ? 0x10000 : len;
    uint64_t generation = c->tlb.flushes + c->tlb.page_flushes;
    unsigned mode = (c->code32 ? 1u : 0) | (c->stack32 ? 2u : 0) | (c->tlb_view ? 4u : 0);
    c->code_key = (uint64_t)mode << 32 | generation << 35;
    if (unlikely(generation >> 29 != c->blocks->generation_high)) {
        c->blocks->generation_high = generation >> 29; /* the key's bits start over */
        block_jump_cache_clear(c->blocks);
    }
}

/* Does the second page of a crossing block still lie where it did? Raises #PF. */
static bool second_page_holds(struct vcpu *c, const struct block_source *s, const struct block *b)
{
    const uint8_t *host;
    uint64_t offset;
    return access_code_page(c, align_down(s->gva, PAGE_SIZE) + PAGE_SIZE, &host, &offset) &&
           align_down(offset, PAGE_SIZE) == b->offset2;
}

static struct block *find_slow(struct vcpu *c, uint32_t eip, uint32_t gva, unsigned single)
{
    struct block_cache *cache = c->blocks;
    block_reclaim_dead(cache);
    struct block_source s = {.eip = eip, .gva = gva};
    if (!access_code_page(c, gva, &s.host, &s.offset))
        return block_uncached(c, eip);
    s.host = s.host - ((uintptr_t)s.host & PAGE_MASK) + (gva & PAGE_MASK);
    s.offset = align_down(s.offset, PAGE_SIZE) | (gva & PAGE_MASK);
    s.mode = (c->code32 ? BLOCK_CODE32 : 0) | (c->stack32 ? BLOCK_STACK32 : 0) | single;
    if (unlikely(c->stops != NULL))
        block_split_page(c, &s);
    struct block *b = block_hash_find(cache, s.offset, s.mode);
    if (b && b->crosses && !second_page_holds(c, &s, b)) {
        block_drop(cache, b);
        b = NULL;
    }
    if (!b)
        b = block_build(c, &s);
    else if (eip + (uint64_t)b->bytes > c->code_len)
        return block_uncached(c, eip);
    bool segmented = c->stops && c->stops->segmented; /* the jump cache does not know CS */
    if (b->live && !single && !b->stops && !segmented) {
        block_refresh(c); /* making it may have flushed the TLB */
        b->jump_key = c->code_key | gva;
        *jump_cache_slot(c, gva) = b;
    }
    return b;
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

struct block *block_find_cold(struct vcpu *c)
{
    uint32_t eip = (uint32_t)c->eip;
    if (unlikely(eip >= c->code_len))
        cpu_raise_error(c, VEC_GP, 0);
    c->blocks->counters.found++;
    return find_slow(c, eip, (uint32_t)c->seg[SEG_CS].base + eip, 0);
}

/* --- The neighbours that a unit is made with -------------------------------------------------- */

/* Does the instruction at s end in its page and before the code limit? */
static bool ends_in_page(struct vcpu *c, const struct block_source *s)
{
    struct insn i;
    uint64_t room = PAGE_SIZE - (s->gva & PAGE_MASK), limit = c->code_len - s->eip;
    return decode_insn(&c->blocks->decoder, s->host, room < limit ? room : limit,
                       s->mode & BLOCK_CODE32, &i) != DECODE_MORE;
}

static struct block *find_beside(struct vcpu *c, const struct block *near, uint32_t near_eip,
                                 uint32_t eip, bool make)
{
    struct block_cache *cache = c->blocks;
    uint32_t base = (uint32_t)c->seg[SEG_CS].base, gva = base + eip;
    if ((gva ^ (base + near_eip)) >> PAGE_SHIFT || eip >= c->code_len || near->crosses)
        return NULL;
    struct block_source s = {.eip = eip,
                             .gva = gva,
                             .offset = align_down(near->offset, PAGE_SIZE) | (gva & PAGE_MASK),
                             .mode = near->mode};
    s.host = physmap_host(c->physmap, s.offset);
    struct block *b = block_hash_find(cache, s.offset, s.mode);
    if (!b && make && ends_in_page(c, &s))
        b = block_build(c, &s);
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
