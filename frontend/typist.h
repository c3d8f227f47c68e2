/* frontend/typist.h: types a list of key steps at a human pace of virtual time: --type and pasting.
 * Partition thread only. */
#ifndef UMBRA_FRONTEND_TYPIST_H
#define UMBRA_FRONTEND_TYPIST_H

#include "frontend/keys.h"
#include "partition/partition.h"

struct typist {
    struct key_steps steps;
    size_t next;
    uint64_t not_before; /* virtual ns */
};

/* Call often. Does what is due; a key waits until the guest has taken the one before. */
void typist_tick(struct typist *t, struct partition *p);

static inline bool typist_is_done(const struct typist *t)
{
    return t->next >= t->steps.count;
}

#endif
