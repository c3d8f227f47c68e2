/* translator/unit_moves.c: see unit_moves.h. */
#include "translator/unit_moves.h"

#include "translator/jumps.h"
#include "translator/unit_index.h"
#include "translator/unit_links.h"
#include "translator/units.h"

/* So many move at once. */
#define PARTY_MAX 16

/* So many of a ring are looked at. */
#define LOOKS 3

/* Units that move together. */
struct party {
    struct unit *unit[PARTY_MAX];
    unsigned count;
    uint32_t by; /* what their eip grows by */
};

bool unit_is_departed(const struct translator *t, const struct unit *u)
{
    struct vcpu *c = t->vcpu;
    struct walk_mode mode = c->walk;
    struct walk_page page;
    uint32_t error;
    mode.root = u->root;
    mode.pdpte[u->gva >> 30] = u->top;
    mode.memory_only = true; /* that table may be anything by now */
    if (!walk(c->physmap, &mode, u->gva, WALK_PEEK, &page, &error))
        return true;
    uint64_t offset = physmap_machine(c->physmap, physmap_find(c->physmap, page.gpa), page.gpa);
    return offset == NO_BACKING || physmap_host(c->physmap, offset) != u->code;
}

struct unit *unit_to_move(const struct translator *t, const uint8_t *code, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    if (!c->walk.paging || !(key & KEY_CODE_FLAT))
        return NULL;
    for (unsigned n = 0; n < LOOKS; n++) {
        struct unit *u = unit_oldest(t, code, key);
        if (!u || u->eip == (uint32_t)c->eip)
            return NULL;
        if (!u->stays && unit_is_departed(t, u))
            return u;
        unit_put_back(t, u);
    }
    return NULL;
}

static bool in_party(const struct party *p, const struct unit *u)
{
    for (unsigned n = 0; n < p->count; n++) {
        if (p->unit[n] == u)
            return true;
    }
    return false;
}

/* u and what it leads to, and what that leads to. */
static void gather(const struct translator *t, struct party *p, struct unit *u)
{
    p->unit[p->count++] = u;
    for (unsigned n = 0; n < p->count; n++) {
        for (unsigned k = 0; k < p->unit[n]->links && p->count < PARTY_MAX; k++) {
            struct unit *to = p->unit[n]->link[k].to;
            if (to && !to->stays && to->root == u->root && to->top == u->top && !in_party(p, to) &&
                !unit_stands(t, to->code, to->key, to->eip + p->by))
                p->unit[p->count++] = to;
        }
    }
}

static void move_one(struct translator *t, struct unit *u, uint32_t by)
{
    const struct vcpu *c = t->vcpu;
    jumps_forget(t, u);
    unit_index_leave(t, u);
    u->eip += by;
    u->gva += by;
    u->root = c->walk.root;
    u->top = c->walk.pdpte[u->gva >> 30];
    u->lent = 0;
    for (unsigned n = 0; n < u->links; n++)
        u->link[n].eip += by;
    unit_index_enter(t, u);
    backend_move(t, u, by);
}

/* The checker sees it as it was made: with links to its own exits. */
static bool is_refused(struct translator *t, struct unit *u)
{
    if (!t->emitted)
        return false;
    unit_cut_ways_out(t, u);
    return !unit_passes(t, u);
}

bool unit_move(struct translator *t, struct unit *u)
{
    struct party p = {.by = (uint32_t)t->vcpu->eip - u->eip};
    bool stands = true;
    gather(t, &p, u);
    for (unsigned n = 0; n < p.count; n++)
        move_one(t, p.unit[n], p.by);
    for (unsigned n = 0; n < p.count; n++)
        unit_cut_other_pages(t, p.unit[n]);
    t->counters.moved += p.count;
    for (unsigned n = 0; n < p.count; n++) {
        if (is_refused(t, p.unit[n])) {
            stands &= p.unit[n] != u;
            unit_drop(t, p.unit[n]);
        }
    }
    return stands;
}
