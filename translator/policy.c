/* translator/policy.c: see policy.h. */
#include "translator/policy.h"

/* Host cycles, from measurements (docs/performance.md, docs/mmu.md). */
#define GAIN_KERNEL  3 /* an instruction that a window saves: by 0.9 to 3.3 on programs */
#define GAIN_USER    2
#define WALK_GAIN    400   /* for each page-table walk that it saves */
#define PAGE_COST    15000 /* to show a page, and to take it away again */
#define FAULT_COST   30000 /* the same where the guest faults first: two signals */
#define VISIT_COST   120   /* GS changed twice */
#define FORM_COST    10    /* the user has a window, the kernel not: GS stays */
#define REFILL       4     /* walks after a flush, before any were counted */
#define REFILL_MAX   256
#define ENTRY_COST   1000    /* to bring a window up to date, while little is known */
#define ENTRY_MEMORY 64      /* that is forgotten in the soft TLB after so many */
#define PRICE        3000000 /* of a change of form: code is translated anew, pages are shown */
#define GRANT        (3 * PRICE)
#define CHARGE_MAX   300000 /* more than that, and the host did something else meanwhile */
#define KERNEL_START (GRANT / 2)
#define CREDIT_USER  (4 * PRICE) /* a storm loses no more, whatever was earned before it */
#define CREDIT_MAX   (16 * PRICE)
#define SETBACKS_MAX 3
#define GRANTS_LESS  2                   /* setbacks that halve the grant */
#define RAN_MAX      (UINT64_C(1) << 32) /* more, and the count was set back: a snapshot */

void policy_init(struct policy *p)
{
    *p = (struct policy){.view = TLB_SUPERVISOR,
                         .stretch = POLICY_STRETCH,
                         .wait = POLICY_STRETCH,
                         .window[TLB_SUPERVISOR] = true,
                         .kernel = {.window = true, .refill = REFILL, .credit = KERNEL_START}};
    p->of[TLB_SUPERVISOR] = &p->kernel;
    p->of[TLB_USER] = &p->user[0];
}

void policy_make_restless(struct policy *p)
{
    p->stretch = p->wait = POLICY_RESTLESS_STRETCH;
}

static uint64_t charged(uint64_t cycles)
{
    return cycles < CHARGE_MAX ? cycles : CHARGE_MAX;
}

void policy_charge(struct policy *p, uint64_t cycles)
{
    struct space *s = p->of[p->view];
    s->cost += charged(cycles);
    if ((int64_t)s->cost <= s->credit)
        return;
    p->due = true;
    p->wait = 0;
}

void policy_entry_took(struct policy *p, uint64_t cycles)
{
    struct space *s = p->of[p->view];
    /* More is an interrupt of the host, or a trend. */
    uint64_t most = ENTRY_COST + 4 * s->entry_took;
    s->entry_took = (3 * s->entry_took + (cycles < most ? cycles : most)) / 4;
}

/* Learns how many walks a flush brings about. */
static void learn(uint16_t *each, uint64_t flushes, uint64_t walks)
{
    uint64_t now = walks / flushes;
    *each = (uint16_t)((3u * *each + (now < REFILL_MAX ? now : REFILL_MAX) + 2) / 4);
}

/* What instructions earn by a window. */
static int64_t gain_of(uint64_t ran, int64_t each)
{
    return ran < RAN_MAX ? (int64_t)ran * each : 0;
}

/* What crossings cost either side, or would if it had a window. Between two windows GS changes,
 * twice for each visit; one side in the soft TLB is enough, so that which earns less pays. */
static void take_toll(const struct policy *p, int64_t gain[TLB_VIEWS])
{
    int64_t visits = (int64_t)p->visits;
    unsigned less =
        gain[TLB_USER] - visits * FORM_COST > gain[TLB_SUPERVISOR] ? TLB_SUPERVISOR : TLB_USER;
    if (p->window[!less])
        gain[less] -= visits * VISIT_COST;
    if (!p->window[TLB_SUPERVISOR])
        gain[TLB_USER] -= visits * FORM_COST;
}

/* A kernel keeps more: it is much code to translate anew. */
static void limit_credit(const struct policy *p, struct space *s)
{
    int64_t most = s == &p->kernel ? CREDIT_MAX : CREDIT_USER;
    if (s->window && s->credit > most)
        s->credit = most;
}

/* gain: of its instructions. */
static void account(struct policy *p, unsigned view, int64_t gain, const struct tlb *tlb)
{
    struct space *s = p->of[view];
    const struct tlb_walks *was = &p->walks[view], *is = &tlb->walks[view];
    uint64_t flushes = tlb->flushes - p->flushes, fresh = is->fresh - was->fresh;
    uint64_t again = is->walks - was->walks - fresh;
    int64_t cost = 0;
    if (flushes && !(s->window && p->lookups))
        learn(s->window ? &s->stray : &s->refill, flushes, again);
    if (s->window) {
        uint64_t spares = s->refill > s->stray ? s->refill - s->stray : 0;
        cost += (int64_t)(s->cost + s->entries * s->entry_took);
        gain += (int64_t)(flushes * spares) * WALK_GAIN;
    } else {
        uint64_t faults = is->faults - was->faults, stray = flushes * s->stray;
        cost += (int64_t)(fresh * PAGE_COST + faults * FAULT_COST + flushes * s->entry_took);
        gain += (int64_t)(again > stray ? again - stray : 0) * WALK_GAIN;
        if (flushes)
            s->entry_took -= s->entry_took / ENTRY_MEMORY;
    }
    s->credit += gain - cost;
    s->stay += gain - cost;
    limit_credit(p, s);
    s->cost = s->entries = 0;
}

/* What a space gets with its window, for what it has to show first. Some of that is still there
 * from the time before; and who lost before is trusted less. */
static int64_t grant(const struct space *s)
{
    return GRANT >> (s->setbacks < GRANTS_LESS ? s->setbacks : GRANTS_LESS);
}

static void decide(struct policy *p, struct space *s)
{
    if (unlikely(p->stretch == POLICY_RESTLESS_STRETCH)) {
        s->window = (p->settled * UINT64_C(0x9E3779B97F4A7C15) + s->root) >> 40 & 1;
        return;
    }
    if (!s->window && s->credit > (int64_t)PRICE << s->setbacks) {
        s->window = true;
        s->credit = PRICE + grant(s);
        s->stay = 0;
        limit_credit(p, s);
        p->to_window++;
    } else if (s->window && s->credit < 0) {
        s->window = false;
        if (s->stay > PRICE) /* it was worth while */
            s->setbacks -= s->setbacks > 0;
        else
            s->setbacks += s->setbacks < SETBACKS_MAX;
        p->to_soft++;
    } else if (!s->window && s->credit < -PRICE) {
        s->credit = -PRICE;
    }
}

static void settle(struct policy *p, uint64_t insns, const struct tlb *tlb)
{
    uint64_t now = p->view == TLB_USER ? insns : 0, user = p->user_ran + now;
    int64_t gain[TLB_VIEWS] = {
        [TLB_SUPERVISOR] = gain_of(insns - p->settled - user, GAIN_KERNEL),
        [TLB_USER] = gain_of(user, GAIN_USER),
    };
    take_toll(p, gain);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        account(p, view, gain[view], tlb);
        decide(p, p->of[view]);
        p->walks[view] = tlb->walks[view];
    }
    p->settled = insns;
    p->user_ran = 0 - now;
    p->visits = 0;
    p->flushes = tlb->flushes;
    p->due = false;
    p->wait = p->stretch;
}

void policy_look(struct policy *p, uint64_t root, uint64_t insns, const struct tlb *tlb)
{
    settle(p, insns, tlb);
    if (p->view == TLB_USER && p->root != root) {
        uint64_t hash = (root >> 12) * UINT64_C(0x9E3779B97F4A7C15);
        struct space *s = &p->user[(hash >> 40) % POLICY_SPACES];
        if (s->root != root)
            *s = (struct space){.root = root, .refill = REFILL};
        p->root = root;
        p->of[TLB_USER] = s;
    }
    for (unsigned view = 0; view < TLB_VIEWS; view++)
        p->window[view] = p->of[view]->window;
}
