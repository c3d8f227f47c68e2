/* translator/unit_index.c: see unit_index.h. */
#include "translator/unit_index.h"

static struct unit **chain_of(const struct translator *t, const uint8_t *code, uint32_t key,
                              uint32_t eip)
{
    uint64_t h = ((uint64_t)(uintptr_t)code ^ (uint64_t)key << 32) + (eip >> PAGE_SHIFT);
    return &t->by_code[h * UINT64_C(0x9E3779B97F4A7C15) >> 40 & (UNIT_CHAINS - 1)];
}

static struct unit *find_by_code(const struct translator *t, const uint8_t *code, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    uint32_t eip = (uint32_t)c->eip, gva = (uint32_t)c->seg[SEG_CS].base + eip;
    struct unit *u = *chain_of(t, code, key, eip);
    while (u && (u->code != code || u->key != key || u->eip != eip || u->gva != gva ||
                 u->end_eip > c->code_len))
        u = u->hash_next;
    return u;
}

struct unit *unit_at(const struct translator *t, const struct block *b, uint32_t key)
{
    if (!b->translations)
        return NULL;
    return find_by_code(t, physmap_host(t->vcpu->physmap, b->offset), key);
}

struct unit *unit_find_quickly(const struct translator *t, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    uint32_t gva = (uint32_t)(c->seg[SEG_CS].base + c->eip);
    const uint8_t *code = tlb_lookup(&c->tlb, c->tlb_view, TLB_EXEC, gva, 1);
    if (!code || c->stops || c->eip >= c->code_len)
        return NULL;
    struct unit *u = find_by_code(t, code, key);
    return u && !u->crosses ? u : NULL;
}

void unit_index_enter(struct translator *t, struct unit *u)
{
    struct unit **chain = chain_of(t, u->code, u->key, u->eip);
    u->hash_next = *chain;
    *chain = u;
}

void unit_index_leave(struct translator *t, const struct unit *u)
{
    struct unit **at = chain_of(t, u->code, u->key, u->eip);
    while (*at != u)
        at = &(*at)->hash_next;
    *at = u->hash_next;
}

bool unit_begins(const struct translator *t, const struct block *b, uint32_t eip, uint32_t key)
{
    const uint8_t *code = physmap_host(t->vcpu->physmap, b->offset);
    const struct unit *u = *chain_of(t, code, key, eip);
    while (u && (u->code != code || u->key != key || u->eip != eip))
        u = u->hash_next;
    return u != NULL;
}
