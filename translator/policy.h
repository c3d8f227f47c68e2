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
 * change it gets its window. Each time that it lost one which was not worth its price it has to
 * earn more, and has less time to show its pages; when one was, it has to earn less again. What it
 * may lose to a storm is bounded, whatever it earned before.
 *
 * A user space is one page-table root. It begins in the soft TLB: most live shortly. All roots'
 * supervisor halves are one space, the kernel, which begins in its window on credit: it is the
 * same code and mostly the same memory under each. Where both have windows each visit changes GS,
 * there and back: that is charged to the one that earns less.
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
    uint64_t root;       /* of a user space */
    bool window;         /* it is to have one */
    uint8_t setbacks;    /* windows that were not worth while, less those that were; 0 to 3 */
    uint16_t refill;     /* walks that a flush brings about in the soft TLB */
    uint16_t stray;      /* the same in its window: of sites that look in the soft TLB there, too */
    int64_t credit;      /* host cycles: what it earned less what it cost */
    int64_t stay;        /* the same since it got its window, with no bound and no grant */
    uint64_t entry_took; /* cycles that bringing its window up to date takes, lately */
    /* Since its account was settled: */
    uint64_t cost;    /* cycles that faults of its window took */
    uint64_t entries; /* times that its window had to be brought up to date */
};

struct policy {
    /* What crossings look at: one line of the host's cache. */
    uint64_t settled;       /* insns when the accounts were settled */
    uint64_t wait;          /* until they are settled again: stretch, or 0 when it is due */
    uint64_t user_ran;      /* instructions of the user space since then; while it runs, less insns
                               when it began to */
    uint64_t visits;        /* of the user space, since then */
    uint8_t view;           /* that runs */
    bool window[TLB_VIEWS]; /* of[] has one */
    bool lookups;           /* some instructions look in the soft TLB for a while (fresh.h) */
    bool due;               /* the accounts are to be settled at once */
    /* The rest. */
    uint64_t stretch;            /* POLICY_STRETCH */
    uint64_t root;               /* of the user space */
    struct space *of[TLB_VIEWS]; /* the kernel; the user space that ran last */
    uint64_t flushes;            /* the TLB's counters then */
    struct tlb_walks walks[TLB_VIEWS];
    uint64_t to_window, to_soft; /* counters */
    struct space kernel, user[POLICY_SPACES];
};

void policy_init(struct policy *p);

/* From now on forms change for no reason, every few instructions: for tests. */
void policy_make_restless(struct policy *p);

/* Is it time to settle the accounts? */
static inline bool policy_is_due(const struct policy *p, uint64_t insns)
{
    return insns - p->settled >= p->wait;
}

/* view runs from now on; it may be the one that ran before. System calls come here twice: nothing
 * is decided. */
static inline void policy_cross(struct policy *p, unsigned view, uint64_t insns)
{
    if (p->view == view)
        return;
    p->user_ran += view == TLB_USER ? 0 - insns : insns;
    p->visits += view == TLB_USER;
    p->view = (uint8_t)view;
}

/* Paging is off: what runs is nobody's. */
static inline void policy_skip(struct policy *p, uint64_t insns)
{
    p->settled = insns;
    p->user_ran = p->visits = 0;
    p->kernel.cost = p->kernel.entries = 0;
    p->view = TLB_SUPERVISOR;
    p->due = false;
    p->wait = p->stretch;
}

/* For policy_choose: it is due, or the user space is another one. */
void policy_look(struct policy *p, uint64_t root, uint64_t insns, const struct tlb *tlb);

/* The space (root, view) runs on; insns is the vCPU's count, tlb has those of walks. True: it is to
 * have a window; that holds until it is due or the guest loads another root. */
static inline bool policy_choose(struct policy *p, uint64_t root, unsigned view, uint64_t insns,
                                 const struct tlb *tlb)
{
    policy_cross(p, view, insns);
    if (unlikely(policy_is_due(p, insns) || (view == TLB_USER && p->root != root)))
        policy_look(p, root, insns, tlb);
    return p->window[view];
}

/* The window in use took so many host cycles. When that is more than was earned it is due, and
 * host code is to be left soon. */
void policy_charge(struct policy *p, uint64_t cycles);

/* The window in use is to be brought up to date. True: the first time since its account was
 * settled: policy_entry_took is told what it takes, which stands for all of them. To time each
 * costs a tenth of what a guest does that loads CR3 all the time (docs/mmu.md). */
static inline bool policy_is_first_entry(struct policy *p)
{
    return p->of[p->view]->entries++ == 0;
}

void policy_entry_took(struct policy *p, uint64_t cycles);

#endif
