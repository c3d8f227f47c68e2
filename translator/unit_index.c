/* translator/unit_index.c: see unit_index.h. */
#include "translator/unit_index.h"

#include "cpu/access.h"

static uint64_t hash_of(const uint8_t *code, uint32_t key, uint32_t page)
{
    return (((uint64_t)(uintptr_t)code ^ (uint64_t)key << 32) + page) *
           UINT64_C(0x9E3779B97F4A7C15);
}

static struct unit_chain *chain_of(const struct translator *t, uint64_t hash)
{
    return &t->by_code[hash >> 40 & (UNIT_CHAINS - 1)];
}

/* The bit in a chain's kinds. */
static uint64_t kind_of(uint64_t hash)
{
    return BIT(hash >> 58);
}

/* The first of those that may be of this code, key and eip. */
static struct unit *first_of(const struct translator *t, const uint8_t *code, uint32_t key,
                             uint32_t eip)
{
    uint64_t hash = hash_of(code, key, eip >> PAGE_SHIFT);
    const struct unit_chain *chain = chain_of(t, hash);
    return chain->kinds & kind_of(hash) ? chain->first : NULL;
}

struct unit *unit_find(const struct translator *t, const uint8_t *code, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    uint32_t eip = (uint32_t)c->eip, gva = (uint32_t)c->seg[SEG_CS].base + eip;
    struct unit *u = first_of(t, code, key, eip);
    while (u && (u->code != code || u->key != key || u->eip != eip || u->gva != gva ||
                 u->limit != (uint32_t)(c->code_len - 1)))
        u = u->hash_next;
    return u;
}

struct unit *unit_at(const struct translator *t, const struct block *b, uint32_t key)
{
    if (!b->translations)
        return NULL;
    return unit_find(t, physmap_host(t->vcpu->physmap, b->offset), key);
}

const uint8_t *unit_code_here(const struct translator *t)
{
    struct vcpu *c = t->vcpu;
    uint32_t gva = (uint32_t)(c->seg[SEG_CS].base + c->eip);
    if (c->stops || c->eip >= c->code_len)
        return NULL;
    const uint8_t *code = tlb_lookup(&c->tlb, c->tlb_view, TLB_EXEC, gva, 1), *page;
    uint64_t offset;
    if (!code && access_code_page(c, gva, &page, &offset))
        code = page + (gva & PAGE_MASK);
    return code;
}

/* Units of the same code and key, for different addresses, stand in a ring, in the order of their
 * age. Its youngest is found by a table: two rings that share a place there have one of them
 * forgotten, until units are entered in it again. A place holds id + 1 and, above, some more bits
 * of the hash: most code has no ring, which is so seen without a look at another's unit. */
#define RING_ID_BITS 19
static_assert(UNITS_MAX < 1u << RING_ID_BITS, "id + 1 has room in a place of the table");

static uint32_t *ring_place(const struct translator *t, uint64_t hash)
{
    return &t->youngest[hash >> 40 & (UNIT_RINGS - 1)];
}

static uint32_t ring_bits(uint64_t hash)
{
    return (uint32_t)(hash >> 57) << RING_ID_BITS;
}

static void set_youngest(const struct translator *t, const struct unit *u)
{
    uint64_t hash = hash_of(u->code, u->key, 0);
    *ring_place(t, hash) = ring_bits(hash) | (u->id + 1);
}

static struct unit *youngest(const struct translator *t, const uint8_t *code, uint32_t key)
{
    uint64_t hash = hash_of(code, key, 0);
    uint32_t place = *ring_place(t, hash), id = place & (BIT(RING_ID_BITS) - 1);
    if (!id || place >> RING_ID_BITS << RING_ID_BITS != ring_bits(hash))
        return NULL;
    struct unit *u = t->units[id - 1];
    return u && u->code == code && u->key == key ? u : NULL;
}

struct unit *unit_oldest(const struct translator *t, const uint8_t *code, uint32_t key)
{
    struct unit *u = youngest(t, code, key);
    return u ? u->newer : NULL; /* around the ring */
}

void unit_put_back(const struct translator *t, const struct unit *u)
{
    set_youngest(t, u);
}

static void enter_ring(struct translator *t, struct unit *u)
{
    struct unit *older = youngest(t, u->code, u->key);
    u->older = older ? older : u;
    u->newer = older ? older->newer : u;
    u->older->newer = u;
    u->newer->older = u;
    set_youngest(t, u);
}

static void leave_ring(struct translator *t, const struct unit *u)
{
    if (youngest(t, u->code, u->key) == u) {
        if (u->older != u)
            set_youngest(t, u->older);
        else
            *ring_place(t, hash_of(u->code, u->key, 0)) = 0;
    }
    u->older->newer = u->newer;
    u->newer->older = u->older;
}

void unit_index_enter(struct translator *t, struct unit *u)
{
    uint64_t hash = hash_of(u->code, u->key, u->eip >> PAGE_SHIFT);
    struct unit_chain *chain = chain_of(t, hash);
    u->hash_next = chain->first;
    chain->first = u;
    chain->kinds |= kind_of(hash);
    enter_ring(t, u);
}

void unit_index_leave(struct translator *t, const struct unit *u)
{
    struct unit_chain *chain = chain_of(t, hash_of(u->code, u->key, u->eip >> PAGE_SHIFT));
    struct unit **at = &chain->first;
    while (*at != u)
        at = &(*at)->hash_next;
    *at = u->hash_next;
    if (!chain->first)
        chain->kinds = 0;
    leave_ring(t, u);
}

void unit_index_empty(struct translator *t)
{
    memset(t->by_code, 0, UNIT_CHAINS * sizeof t->by_code[0]);
    memset(t->youngest, 0, UNIT_RINGS * sizeof t->youngest[0]);
}

bool unit_stands(const struct translator *t, const uint8_t *code, uint32_t key, uint32_t eip)
{
    const struct unit *u = first_of(t, code, key, eip);
    while (u && (u->code != code || u->key != key || u->eip != eip))
        u = u->hash_next;
    return u != NULL;
}

bool unit_begins(const struct translator *t, const struct block *b, uint32_t eip, uint32_t key)
{
    return unit_stands(t, physmap_host(t->vcpu->physmap, b->offset), key, eip);
}
