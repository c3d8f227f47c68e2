#include "translator/policy.h"

/* Host cycles, from measurements (docs/performance.md). */
#define GAIN_HALVES 3     /* half cycles an instruction that a window saves */
#define WALK_GAIN   400   /* for each page-table walk that it saves */
#define PAGE_COST   15000 /* to show a page, and to take it away again */
#define START_CREDIT                                                                             \
    3000000                 /* given with a window, or to be earned for one: what changing costs \
                             */
#define CHARGE_MAX   300000 /* more than that, and the host did something else meanwhile */
#define CREDIT_MAX   (INT64_C(1) << 26)
#define SETBACKS_MAX 6
#define INCLINE_MAX  4
#define INCLINE_LOST 2 /* for a space that lost what it was given */

static void incline(struct policy *p, const struct space *s, int by)
{
    int *i = &p->incline[s->view];
    *i += by;
    *i = *i > INCLINE_MAX ? INCLINE_MAX : *i < -INCLINE_MAX ? -INCLINE_MAX : *i;
}

static struct space *find(struct policy *p, uint64_t root, unsigned view)
{
    uint64_t hash = (root >> 12) * UINT64_C(0x9E3779B97F4A7C15);
    struct space *s = &p->space[((hash >> 40) * 2 + view) % POLICY_SPACES];
    if (!s->known || s->root != root || s->view != view) {
        bool window = p->incline[view] >= 0;
        *s = (struct space){.root = root,
                            .view = (uint8_t)view,
                            .known = true,
                            .window = window,
                            .given = window,
                            .credit = window ? START_CREDIT : 0};
    }
    return s;
}

void policy_charge(struct policy *p, uint64_t cycles)
{
    p->cost += cycles < CHARGE_MAX ? cycles : CHARGE_MAX;
}

static void settle(struct policy *p, uint64_t insns, const struct tlb *tlb)
{
    struct space *s = p->now;
    if (s) {
        int64_t gain = (int64_t)(insns - p->insns) * GAIN_HALVES / 2;
        int64_t cost = (int64_t)p->cost;
        if (!s->window) {
            uint64_t fresh = tlb->fresh - p->fresh, again = tlb->walks - p->walks - fresh;
            gain += (int64_t)again * WALK_GAIN;
            cost = (int64_t)fresh * PAGE_COST;
        }
        s->credit += gain - cost;
        if (s->credit > CREDIT_MAX)
            s->credit = CREDIT_MAX;
        if (!s->window && s->credit < -START_CREDIT)
            s->credit = -START_CREDIT;
    }
    p->insns = insns;
    p->walks = tlb->walks;
    p->fresh = tlb->fresh;
    p->cost = 0;
}

bool policy_choose(struct policy *p, uint64_t root, unsigned view, uint64_t insns,
                   const struct tlb *tlb)
{
    settle(p, insns, tlb);
    struct space *s = p->now;
    if (!s || s->root != root || s->view != view) {
        struct space *before = p->before; /* back from where it came: system calls */
        bool back = before && before->root == root && before->view == view;
        p->before = s;
        s = p->now = back ? before : find(p, root, view);
    }
    if (!s->window && s->credit > (int64_t)START_CREDIT << s->setbacks) {
        s->window = true;
        incline(p, s, 1);
        p->to_window++;
    } else if (s->window && s->credit < 0) {
        s->window = false;
        s->setbacks += s->setbacks < SETBACKS_MAX;
        if (s->given)
            incline(p, s, -INCLINE_LOST);
        s->given = false;
        p->to_soft++;
    } else if (s->given && s->credit > 2 * START_CREDIT) {
        s->given = false;
        incline(p, s, 1);
    }
    return s->window;
}
