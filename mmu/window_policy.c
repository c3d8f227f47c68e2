/* mmu/window_policy.c: which address spaces have earned a window.
 *
 * An address space begins in the soft TLB, where a page costs 0.2 us, and gets a window, where one
 * costs 10, when it has run for long enough to seem worth it. From then on an account is kept of
 * it in nanoseconds: what its instructions gained by the window, less what faults, system calls
 * and syncs cost. Who overdraws goes back to the soft TLB, and must run longer before the next try:
 *
 *               ran >= needed: an allowance of ALLOWANCE
 *       soft  ------------------------------------------>  window    balance += instructions * gain
 *             <------------------------------------------            balance -= faults, maps,
 * unmaps balance < 0: needed *= 2                             (never above BALANCE_MAX)
 *
 * So a storm costs BALANCE_MAX once and then an ever smaller share of the time. Accounts: one for
 * paging off and one for all supervisor views (one kernel runs under every root), both of which
 * begin with a window, since what they use is mapped in large pieces; for user views one by root. A
 * root most of whose tables have changed since is taken for a new process, and begins again. */
#include "mmu/window_state.h"

/* What a window gains, in ns for INSNS_PER_NS instructions: half of what the benchmarks show. */
#define INSNS_PER_NS 4

#define ALLOWANCE   1500000 /* ns */
#define BALANCE_MAX 3000000
#define NEEDED_MIN  (UINT64_C(8) << 20) /* instructions */
#define NEEDED_MAX  (UINT64_C(1) << 30)

/* ns, measured by bench-window (docs/mmu.md) */
#define COST_FAULT   3000
#define COST_MAP     6000
#define COST_PROTECT 2500
#define COST_UNMAP   4500
#define COST_SYNC    1000

/* Longer than any stay between two looks: the counter was set back (a snapshot was loaded). */
#define JUMP (UINT64_C(1) << 40)

static struct window_space *space_of(struct window_policy *p, const struct walk_mode *mode,
                                     enum tlb_view view)
{
    if (!mode->paging)
        return &p->flat;
    if (view == TLB_SUPERVISOR)
        return &p->supervisor;
    uint64_t id = mode->root | 1;
    if (mode->pae)
        id = (mode->pdpte[0] + mode->pdpte[1] * 3 + mode->pdpte[2] * 5 + mode->pdpte[3] * 7) | 1;
    struct window_space *s = &p->user[(id >> PAGE_SHIFT ^ id >> 20) % ARRAY_LEN(p->user)];
    if (s->id != id)
        *s = (struct window_space){.id = id, .needed = NEEDED_MIN};
    return s;
}

/* What ran since the last look ran in p->space. */
static void account_time(struct window_policy *p)
{
    uint64_t now = *p->insns, ran = now - p->last;
    struct window_space *s = p->space;
    p->last = now;
    if (!s || ran > JUMP)
        return;
    if (!s->window) {
        s->ran += ran;
        return;
    }
    s->balance += (int64_t)(ran / INSNS_PER_NS);
    if (s->balance > BALANCE_MAX) {
        s->balance = BALANCE_MAX;
        s->needed = NEEDED_MIN; /* it has proven itself */
    }
}

static int64_t system_calls_cost(const struct window_counters *c)
{
    return (int64_t)(c->maps * COST_MAP + c->protects * COST_PROTECT + c->unmaps * COST_UNMAP +
                     c->syncs * COST_SYNC + c->faults * COST_FAULT);
}

bool window_policy_enter(struct windows *w, const struct walk_mode *mode, enum tlb_view view)
{
    struct window_policy *p = &w->policy;
    if (!p->insns)
        return true;
    struct window_space *s = space_of(p, mode, view);
    p->space = s;
    if (!s->window && s->ran >= s->needed) {
        s->window = true;
        s->balance = ALLOWANCE;
        w->counters.promotions++;
    }
    return s->window;
}

void window_policy_tick(struct windows *w)
{
    if (w->policy.insns)
        account_time(&w->policy);
}

bool window_policy_pay(struct windows *w)
{
    struct window_policy *p = &w->policy;
    struct window_space *s = p->space;
    if (!p->insns)
        return true;
    int64_t cost = system_calls_cost(&w->counters);
    int64_t spent = cost - p->paid;
    p->paid = cost;
    if (!s || !s->window)
        return true;
    s->balance -= spent;
    if (s->balance >= 0 && !s->renewed)
        return true;
    bool renewed = s->renewed;
    s->window = s->renewed = false;
    s->ran = 0;
    s->needed = renewed || s->needed < NEEDED_MIN / 2 ? NEEDED_MIN
                : s->needed > NEEDED_MAX / 2          ? NEEDED_MAX
                                                      : s->needed * 2;
    w->ready[TLB_USER] = w->ready[TLB_SUPERVISOR] = NULL;
    w->counters.demotions++;
    return false;
}

void window_policy_renew(struct windows *w)
{
    struct window_space *s = w->policy.space;
    if (w->policy.insns && s)
        s->renewed = true;
}

void windows_choose(struct windows *w, const uint64_t *insns)
{
    w->policy = (struct window_policy){.insns = insns, .last = insns ? *insns : 0};
    w->policy.paid = system_calls_cost(&w->counters);
    w->ready[TLB_USER] = w->ready[TLB_SUPERVISOR] = NULL;
}
