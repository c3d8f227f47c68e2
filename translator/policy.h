/* translator/policy.h: which form of shadow map an address space gets, with --shadow auto.
 *
 * A window makes memory accesses some 1 to 3 cycles an instruction cheaper than the soft TLB, but
 * each page costs microseconds: a signal, a mapping, later an unmapping; and code that is
 * translated for one form is translated anew for the other. So a space has an account, in host
 * cycles.
 *
 * In its window a space has to earn what faults, mappings and flushes really cost; when it does not
 * (fault storms) it goes to the soft TLB. There its account says what a window would have earned
 * and cost: walks of its page tables are lookups that a window would spare; walks that set A or D,
 * or find no page, stand for pages that it would have to show. When it has earned the price of a
 * change it gets its window; each time that it lost one it has to earn more.
 *
 * A user space is one page-table root. It begins in the soft TLB: most live shortly. All roots'
 * supervisor halves are one space, the kernel, which begins in its window on credit: it is the
 * same code and mostly the same memory under each. Each visit to it from a user space in a window
 * changes windows, there and back, unless the kernel is in the soft TLB: that is the kernel's cost.
 *
 * With paging off there is no doubt: one window shows physical memory for good. */
#ifndef UMBRA_TRANSLATOR_POLICY_H
#define UMBRA_TRANSLATOR_POLICY_H

#include "base/bits.h"
#include "mmu/tlb.h"

#define POLICY_SPACES           512
#define POLICY_STRETCH          16384 /* instructions between two looks at the accounts */
#define POLICY_RESTLESS_STRETCH 64

struct space {
    uint64_t root;    /* of a user space */
    bool window;      /* it is to have one */
    uint8_t setbacks; /* times it went back to the soft TLB */
    uint16_t refill;  /* walks that a flush brings about in the soft TLB */
    int64_t credit;   /* host cycles: what it earned less what it cost */
    uint64_t cost;    /* cycles that its window took since its account was settled */
};

#define POLICY_NEVER UINT64_MAX

struct policy {
    /* What crossings look at: one line of the host's cache. */
    uint64_t root;          /* of the user space */
    uint64_t user_since;    /* insns when it was entered; POLICY_NEVER: the kernel runs */
    uint64_t user_ran;      /* its instructions since the accounts were settled, up to then */
    uint64_t visits;        /* of it to the kernel, since then */
    uint64_t settled;       /* insns when it is time for that again, less stretch */
    uint64_t stretch;       /* POLICY_STRETCH */
    bool window[TLB_VIEWS]; /* of[] has one */
    /* The rest. */
    struct space *of[TLB_VIEWS]; /* the kernel; the user space that ran last */
    uint64_t insns;              /* when the accounts were settled */
    uint64_t flushes;            /* the TLB's counters then */
    struct tlb_walks walks[TLB_VIEWS];
    uint64_t to_window, to_soft; /* counters */
    struct space kernel, user[POLICY_SPACES];
};

void policy_init(struct policy *p);

/* From now on forms change for no reason, every few instructions: for tests. */
void policy_make_restless(struct policy *p);

/* Looks at the accounts of the kernel and the user space of root. For policy_choose. */
void policy_settle(struct policy *p, uint64_t insns, const struct tlb *tlb);
/* The user space is another one now. */
void policy_switch(struct policy *p, uint64_t root, uint64_t insns, const struct tlb *tlb);

/* The space (root, view) runs on; insns is the vCPU's count, tlb has those of walks. True: it is to
 * have a window. Between two looks at the accounts this costs next to nothing: system calls come
 * here twice. */
static inline bool policy_choose(struct policy *p, uint64_t root, unsigned view, uint64_t insns,
                                 const struct tlb *tlb)
{
    if (view == TLB_USER) {
        if (unlikely(p->root != root))
            policy_switch(p, root, insns, tlb);
        if (p->user_since == POLICY_NEVER)
            p->user_since = insns;
    } else if (p->user_since != POLICY_NEVER) {
        p->user_ran += insns - p->user_since;
        p->user_since = POLICY_NEVER;
        p->visits++;
    }
    if (unlikely(insns - p->settled >= p->stretch))
        policy_settle(p, insns, tlb);
    return p->window[view];
}

/* The window in use took so many host cycles. */
void policy_charge(struct policy *p, uint64_t cycles);

#endif
