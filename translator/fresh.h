/* translator/fresh.h: instructions that meet fresh pages, one after another.
 *
 * A window shows a page when it is accessed, for writing when it is written, since that sets A and
 * D in the guest's table: a signal and a mapping each time, 5 to 10 us. A lookup in the soft TLB
 * takes a walk there, 0.2 us, and 1 to 2 ns for each access behind it. So an instruction that has a
 * window show page by page, or meets faults of the guest's, in quick succession, is made anew with
 * such a lookup: insn.fresh.
 *
 * From time to time all that are so are looked at. When few walks set A or D any more, or found no
 * page, they use the window again, which by now shows many pages at once; and after so many looks
 * each does so in any case: which of them still needs it, it proves soon. Who looked it up in vain
 * has to prove more the next time. */
#ifndef UMBRA_TRANSLATOR_FRESH_H
#define UMBRA_TRANSLATOR_FRESH_H

#include "cpu/block.h"

struct translator;

#define FRESH_SITES 16

/* An instruction that had single pages shown; insn.fresh is set while it looks in the soft TLB. */
struct fresh_site {
    struct block *block; /* whose the instruction is; NULL: nobody's */
    struct insn *insn;
    uint64_t met_at;    /* host cycles, when it last met one */
    uint16_t met, need; /* how many, and how many there have to be */
    uint8_t looks;      /* that it has left */
};

struct fresh {
    struct fresh_site site[FRESH_SITES];
    uint16_t need;        /* pages that make for a lookup, at first */
    uint64_t period;      /* host cycles from one look to the next */
    unsigned lookups;     /* sites with insn.fresh set */
    uint64_t look_at;     /* host cycles */
    uint64_t paid, walks; /* at the look before: walks that spared a signal, all walks */
};

void fresh_init(struct fresh *f);

/* i, of b, had its window show a page and no other, or met a page fault of the guest's, just now.
 * True: it is to look in the soft TLB from now on (insn.fresh is set; its units have yet to be
 * dropped). */
must_use bool fresh_met(struct translator *t, struct block *b, struct insn *i, uint64_t now);

/* Looks at those that do, if there are any and it is time. While no host code runs. */
void fresh_look(struct translator *t);

/* The blocks are gone. */
void fresh_forget(struct translator *t);

#endif
