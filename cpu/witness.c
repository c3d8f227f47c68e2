#include "cpu/witness.h"

#include <assert.h>

void witness_begin(struct vcpu *c, struct witness *w)
{
    assert(!c->stops && !c->watching);
    w->beyond = false;
    w->count = 0;
    c->witness = w;
    c->watching = true;
    tlb_flush_all(&c->tlb);
}

bool witness_end(struct vcpu *c)
{
    const struct witness *w = c->witness;
    c->witness = NULL;
    c->watching = false;
    for (unsigned n = 0; n < w->count; n++) {
        if (memcmp(w->word[n].at, &w->word[n].before, sizeof w->word[n].before) != 0)
            return false;
    }
    return !w->beyond;
}

static void keep(struct witness *w, uint8_t *at)
{
    for (unsigned n = 0; n < w->count; n++) {
        if (w->word[n].at == at)
            return;
    }
    if (w->count == WITNESS_WORDS) {
        w->beyond = true;
        return;
    }
    w->word[w->count].at = at;
    memcpy(&w->word[w->count++].before, at, sizeof w->word[0].before);
}

void witness_access(struct witness *w, uint8_t *host, unsigned size, bool write)
{
    if (!host)
        w->beyond = true;
    if (!write || w->beyond)
        return;
    uint8_t *end = host + size;
    for (uint8_t *at = host - (uintptr_t)host % 8; at < end; at += 8)
        keep(w, at);
}
