/* translator/policy.h: which form of shadow map an address space gets, with --shadow auto.
 *
 * A window makes memory accesses some 1.5 cycles an instruction cheaper than the soft TLB, but each
 * page costs microseconds: a signal, a mapping, later an unmapping; and code that is translated for
 * one form is translated anew for the other. So a space has an account. In its window it has to
 * earn what faults, mappings and flushes cost, measured in host cycles; when it does not (fault
 * storms) it goes to the soft TLB. There it earns its window back by running long, and by walks of
 * its page tables that a window would spare, against the pages that it touches for the first time
 * (those walks set A or D); each time it has to earn more.
 *
 * A new space begins in its window, on credit, unless those before it lost theirs.
 *
 * A space is one page-table root in one privilege view. With paging off there is no doubt: one
 * window shows physical memory for good. */
#ifndef UMBRA_TRANSLATOR_POLICY_H
#define UMBRA_TRANSLATOR_POLICY_H

#include "base/bits.h"
#include "mmu/tlb.h"

#define POLICY_SPACES 512

struct space {
    uint64_t root;
    bool known, window;
    bool given;             /* it began in its window and has not shown yet that it is worth it */
    uint8_t view, setbacks; /* times it went back to the soft TLB */
    int64_t credit;         /* host cycles: what it earned less what it cost */
};

struct policy {
    struct space space[POLICY_SPACES];
    struct space *now, *before;   /* the one that runs, and that did before */
    uint64_t insns, walks, fresh; /* at the last account */
    uint64_t cost;                /* cycles that windows took since then */
    int incline[TLB_VIEWS];       /* below 0: new spaces begin in the soft TLB */
    uint64_t to_window, to_soft;  /* counters */
};

/* The space (root, view) runs on; insns is the vCPU's count, tlb has those of walks. Settles what
 * the one before earned. True: it is to have a window. */
bool policy_choose(struct policy *p, uint64_t root, unsigned view, uint64_t insns,
                   const struct tlb *tlb);

/* The window in use took so many host cycles. */
void policy_charge(struct policy *p, uint64_t cycles);

#endif
