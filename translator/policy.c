/* translator/policy.c: see policy.h. */
#include "translator/policy.h"

/* Host cycles, from measurements (docs/performance.md, docs/mmu.md). */
#define GAIN_KERNEL  3 /* an instruction that a window saves: by 0.9 to 3.3 on programs */
#define GAIN_USER    2
#define WALK_GAIN    400     /* for each page-table walk that it saves */
#define PAGE_COST    15000   /* to show a page, and to take it away again */
#define FAULT_COST   30000   /* the same where the guest faults first: two signals */
#define VISIT_COST   120     /* GS changed twice */
#define PRICE        3000000 /* of a change of form: code is translated anew, pages are shown */
#define GRANT        (3 * PRICE)
#define CHARGE_MAX   300000 /* more than that, and the host did something else meanwhile */
#define CREDIT_MAX   (16 * PRICE)
#define SETBACKS_MAX 3
#define RAN_MAX      (UINT64_C(1) << 32) /* more, and the count was set back: a snapshot */

void policy_init(struct policy *p)
{
    *p = (struct policy){.kernel = {.window = true, .credit = GRANT}, .stretch = POLICY_STRETCH};
    p->of[TLB_SUPERVISOR] = p->now = &p->kernel;
    p->of[TLB_USER] = &p->user[0];
}

void policy_make_restless(struct policy *p)
{
    p->stretch = POLICY_RESTLESS_STRETCH;
}

void policy_charge(struct policy *p, uint64_t cycles)
{
    p->now->cost += cycles < CHARGE_MAX ? cycles : CHARGE_MAX;
    p->settled -= p->stretch; /* it is time to look */
}

/* What the space earned and what it cost. */
static void account(struct policy *p, unsigned view, const struct tlb *tlb)
{
    struct space *s = p->of[view];
    const struct tlb_walks *was = &p->walks[view], *is = &tlb->walks[view];
    int64_t each = view == TLB_USER ? GAIN_USER : GAIN_KERNEL;
    int64_t gain = s->ran < RAN_MAX ? (int64_t)s->ran * each : 0;
    int64_t cost = (int64_t)s->cost;
    if (!s->window) {
        uint64_t fresh = is->fresh - was->fresh, faults = is->faults - was->faults;
        gain += (int64_t)(is->walks - was->walks - fresh) * WALK_GAIN;
        cost = (int64_t)(fresh * PAGE_COST + faults * FAULT_COST);
    }
    if (view == TLB_SUPERVISOR)
        cost += (int64_t)p->visits * VISIT_COST;
    s->credit += gain - cost;
    s->credit = s->credit > CREDIT_MAX ? CREDIT_MAX : s->credit;
    s->ran = s->cost = 0;
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
    p->now->ran += insns - p->insns;
    p->insns = insns;
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        account(p, view, tlb);
        decide(p, p->of[view]);
        p->walks[view] = tlb->walks[view];
    }
    p->visits = 0;
    p->settled = insns;
}

void policy_switch(struct policy *p, uint64_t root, uint64_t insns, const struct tlb *tlb)
{
    policy_settle(p, insns, tlb);
    uint64_t hash = (root >> 12) * UINT64_C(0x9E3779B97F4A7C15);
    struct space *s = &p->user[(hash >> 40) % POLICY_SPACES];
    if (s->root != root)
        *s = (struct space){.root = root};
    p->of[TLB_USER] = s;
}
