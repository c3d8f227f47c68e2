/* translator/unit_index.c: see unit_index.h. */
#include "translator/unit_index.h"

#include "cpu/access.h"

static struct unit **chain_of(const struct translator *t, const uint8_t *code, uint32_t key,
                              uint32_t eip)
{
    uint64_t h = ((uint64_t)(uintptr_t)code ^ (uint64_t)key << 32) + (eip >> PAGE_SHIFT);
    return &t->by_code[h * UINT64_C(0x9E3779B97F4A7C15) >> 40 & (UNIT_CHAINS - 1)];
}

struct unit *unit_find(const struct translator *t, const uint8_t *code, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    uint32_t eip = (uint32_t)c->eip, gva = (uint32_t)c->seg[SEG_CS].base + eip;
    struct unit *u = *chain_of(t, code, key, eip);
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
 * age. Its youngest is found by a table of ids; two rings that share a place there have one of
 * them forgotten, until units are entered in it again. */
static uint32_t *youngest_of(const struct translator *t, const uint8_t *code, uint32_t key)
{
    uint64_t h = (uint64_t)(uintptr_t)code ^ (uint64_t)key << 32;
    return &t->youngest[h * UINT64_C(0x9E3779B97F4A7C15) >> 40 & (UNIT_RINGS - 1)];
}

static struct unit *youngest(const struct translator *t, const uint8_t *code, uint32_t key)
{
    uint32_t id = *youngest_of(t, code, key);
    struct unit *u = id ? t->units[id - 1] : NULL;
    return u && u->code == code && u->key == key ? u : NULL;
}

struct unit *unit_oldest(const struct translator *t, const uint8_t *code, uint32_t key)
{
    struct unit *u = youngest(t, code, key);
    return u ? u->newer : NULL; /* around the ring */
}

void unit_put_back(const struct translator *t, const struct unit *u)
{
    *youngest_of(t, u->code, u->key) = u->id + 1;
}

static void enter_ring(struct translator *t, struct unit *u)
{
    struct unit *older = youngest(t, u->code, u->key);
    u->older = older ? older : u;
    u->newer = older ? older->newer : u;
    u->older->newer = u;
    u->newer->older = u;
    *youngest_of(t, u->code, u->key) = u->id + 1;
}

static void leave_ring(struct translator *t, const struct unit *u)
{
    uint32_t *id = youngest_of(t, u->code, u->key);
    if (*id == u->id + 1)
        *id = u->older == u ? 0 : u->older->id + 1;
    u->older->newer = u->newer;
    u->newer->older = u->older;
}

void unit_index_enter(struct translator *t, struct unit *u)
{
    struct unit **chain = chain_of(t, u->code, u->key, u->eip);
    u->hash_next = *chain;
    *chain = u;
    enter_ring(t, u);
}

void unit_index_leave(struct translator *t, const struct unit *u)
{
    struct unit **at = chain_of(t, u->code, u->key, u->eip);
    while (*at != u)
        at = &(*at)->hash_next;
    *at = u->hash_next;
    leave_ring(t, u);
}

void unit_index_empty(struct translator *t)
{
    memset(t->by_code, 0, UNIT_CHAINS * sizeof t->by_code[0]);
    memset(t->youngest, 0, UNIT_RINGS * sizeof t->youngest[0]);
}

bool unit_stands(const struct translator *t, const uint8_t *code, uint32_t key, uint32_t eip)
{
    const struct unit *u = *chain_of(t, code, key, eip);
    while (u && (u->code != code || u->key != key || u->eip != eip))
        u = u->hash_next;
    return u != NULL;
}

bool unit_begins(const struct translator *t, const struct block *b, uint32_t eip, uint32_t key)
{
    return unit_stands(t, physmap_host(t->vcpu->physmap, b->offset), key, eip);
}
