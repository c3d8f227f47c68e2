/* translator/policy.c: see policy.h. */
#include "translator/policy.h"

/* Host cycles, from measurements (docs/performance.md, docs/mmu.md). */
#define GAIN_KERNEL  3 /* an instruction that a window saves: by 0.9 to 3.3 on programs */
#define GAIN_USER    2
#define WALK_GAIN    400   /* for each page-table walk that it saves */
#define PAGE_COST    15000 /* to show a page, and to take it away again */
#define FAULT_COST   30000 /* the same where the guest faults first: two signals */
#define VISIT_COST   120   /* GS changed twice */
#define FORM_COST    10    /* one has a window, the other not: GS stays */
#define REFILL       4     /* walks after a flush, before any were counted */
#define REFILL_MAX   256
#define PRICE        3000000 /* of a change of form: code is translated anew, pages are shown */
#define GRANT        (3 * PRICE)
#define CHARGE_MAX   300000 /* more than that, and the host did something else meanwhile */
#define CREDIT_MAX   (16 * PRICE)
#define SETBACKS_MAX 3
#define RAN_MAX      (UINT64_C(1) << 32) /* more, and the count was set back: a snapshot */

void policy_init(struct policy *p)
{
    *p = (struct policy){.user_since = POLICY_NEVER,
                         .stretch = POLICY_STRETCH,
                         .window[TLB_SUPERVISOR] = true,
                         .kernel = {.window = true, .refill = REFILL, .credit = GRANT}};
    p->of[TLB_SUPERVISOR] = &p->kernel;
    p->of[TLB_USER] = &p->user[0];
}

void policy_make_restless(struct policy *p)
{
    p->stretch = POLICY_RESTLESS_STRETCH;
}

void policy_charge(struct policy *p, uint64_t cycles)
{
    struct space *s = p->of[p->user_since == POLICY_NEVER ? TLB_SUPERVISOR : TLB_USER];
    s->cost += cycles < CHARGE_MAX ? cycles : CHARGE_MAX;
    p->settled -= p->stretch; /* it is time to look */
}

/* Learns what the soft TLB has to look up again after a flush, which a window spares it. */
static void learn_refill(struct space *s, uint64_t flushes, uint64_t walks)
{
    uint64_t each = walks / flushes;
    s->refill = (uint16_t)((3u * s->refill + (each < REFILL_MAX ? each : REFILL_MAX) + 3) / 4);
}

/* What the space earned in so many instructions, and what it cost. */
static void account(struct policy *p, unsigned view, uint64_t ran, const struct tlb *tlb)
{
    struct space *s = p->of[view];
    const struct tlb_walks *was = &p->walks[view], *is = &tlb->walks[view];
    int64_t each = view == TLB_USER ? GAIN_USER : GAIN_KERNEL;
    int64_t gain = ran < RAN_MAX ? (int64_t)ran * each : 0;
    int64_t cost = 0;
    uint64_t flushes = tlb->flushes - p->flushes;
    if (s->window) {
        cost += (int64_t)s->cost;
        gain += (int64_t)(flushes * s->refill) * WALK_GAIN;
    } else {
        uint64_t fresh = is->fresh - was->fresh, faults = is->faults - was->faults;
        uint64_t again = is->walks - was->walks - fresh;
        cost += (int64_t)(fresh * PAGE_COST + faults * FAULT_COST);
        gain += (int64_t)again * WALK_GAIN;
        if (flushes)
            learn_refill(s, flushes, again);
    }
    if (view == TLB_SUPERVISOR)
        cost += (int64_t)p->visits * (p->window[TLB_USER] ? VISIT_COST : FORM_COST);
    else if (!p->kernel.window)
        cost += (int64_t)p->visits * FORM_COST;
    s->credit += gain - cost;
    s->credit = s->credit > CREDIT_MAX ? CREDIT_MAX : s->credit;
    s->cost = 0;
}

static void decide(struct policy *p, struct space *s)
{
    if (unlikely(p->stretch == POLICY_RESTLESS_STRETCH)) {
        s->window = (p->insns * UINT64_C(0x9E3779B97F4A7C15) + s->root) >> 40 & 1;
        return;
    }
    if (!s->window && s->credit > (int64_t)PRICE << s->setbacks) {
        s->window = true;
        s->credit += GRANT; /* for what it has to show first */
        p->to_window++;
    } else if (s->window && s->credit < 0) {
        s->window = false;
        s->setbacks += s->setbacks < SETBACKS_MAX;
        p->to_soft++;
    } else if (!s->window && s->credit < -PRICE) {
        s->credit = -PRICE;
    }
}

void policy_settle(struct policy *p, uint64_t insns, const struct tlb *tlb)
{
    if (p->user_since != POLICY_NEVER) {
        p->user_ran += insns - p->user_since;
        p->user_since = insns;
    }
    account(p, TLB_USER, p->user_ran, tlb);
    account(p, TLB_SUPERVISOR, insns - p->insns - p->user_ran, tlb);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        decide(p, p->of[view]);
        p->window[view] = p->of[view]->window;
        p->walks[view] = tlb->walks[view];
    }
    p->user_ran = p->visits = 0;
    p->flushes = tlb->flushes;
    p->insns = p->settled = insns;
}

void policy_switch(struct policy *p, uint64_t root, uint64_t insns, const struct tlb *tlb)
{
    policy_settle(p, insns, tlb);
    uint64_t hash = (root >> 12) * UINT64_C(0x9E3779B97F4A7C15);
    struct space *s = &p->user[(hash >> 40) % POLICY_SPACES];
    if (s->root != root)
        *s = (struct space){.root = root, .refill = REFILL};
    p->root = root;
    p->of[TLB_USER] = s;
    p->window[TLB_USER] = s->window;
}
