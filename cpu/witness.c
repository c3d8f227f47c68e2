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
        if (memcmp(w->write[n].at, w->write[n].before, w->write[n].size) != 0)
            return false;
    }
    return !w->beyond;
}

/* A place is kept with its first write. Where later ones overlap it in part, what they find is kept
 * as well: that can only make a loop that does nothing look like one that does something. */
void witness_access(struct witness *w, uint8_t *host, unsigned size, bool write)
{
    if (!host) {
        w->beyond = true;
        return;
    }
    if (!write || w->beyond)
        return;
    for (unsigned n = 0; n < w->count; n++) {
        if (w->write[n].at == host && w->write[n].size == size)
            return;
    }
    if (w->count == WITNESS_WRITES || size > sizeof w->write[0].before) {
        w->beyond = true;
        return;
    }
    w->write[w->count].at = host;
    w->write[w->count].size = (uint8_t)size;
    memcpy(w->write[w->count++].before, host, size);
}
