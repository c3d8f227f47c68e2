/* translator/fresh.c: see fresh.h. */
#include "translator/fresh.h"

#include "translator/units.h"

#define SOON     200000  /* host cycles from one such page to the next: 70 us */
#define PERIOD   3000000 /* from one look to the next: a millisecond */
#define ENOUGH   32      /* walks within that time that spared a signal each; */
#define VAIN     16      /* and others for each of them, at most: which a window would spare */
#define NEED     32      /* pages at first */
#define NEED_MAX 1024
#define LOOKS    32

void fresh_init(struct fresh *f)
{
    f->need = NEED;
    f->period = PERIOD;
}

/* In tests: each page makes for a lookup, and each look ends it. */
static bool is_restless(const struct fresh *f)
{
    return f->need == 1;
}

/* The site of i, or one that may become it: the one unused longest. NULL: all have lookups. */
static struct fresh_site *site_of(struct fresh *f, const struct insn *i)
{
    struct fresh_site *oldest = NULL;
    for (unsigned n = 0; n < FRESH_SITES; n++) {
        struct fresh_site *s = &f->site[n];
        if (s->insn == i)
            return s;
        if (!s->looks && (!oldest || s->met_at < oldest->met_at))
            oldest = s;
    }
    return oldest;
}

/* Walks that set A or D, or found no page: a window would have taken a signal for each. */
static uint64_t walks_that_paid(const struct tlb *tlb)
{
    const struct tlb_walks *w = tlb->walks;
    return w[TLB_USER].fresh + w[TLB_USER].faults + w[TLB_SUPERVISOR].fresh +
           w[TLB_SUPERVISOR].faults;
}

static uint64_t all_walks(const struct tlb *tlb)
{
    const struct tlb_walks *w = tlb->walks;
    return w[TLB_USER].walks + w[TLB_USER].faults + w[TLB_SUPERVISOR].walks +
           w[TLB_SUPERVISOR].faults;
}

static void begin_period(struct translator *t, uint64_t now)
{
    t->fresh.look_at = now + t->fresh.period;
    t->fresh.paid = walks_that_paid(&t->vcpu->tlb);
    t->fresh.walks = all_walks(&t->vcpu->tlb);
}

static bool pays(const struct translator *t)
{
    uint64_t paid = walks_that_paid(&t->vcpu->tlb) - t->fresh.paid;
    uint64_t others = all_walks(&t->vcpu->tlb) - t->fresh.walks - paid;
    return paid >= ENOUGH && others <= VAIN * paid;
}

bool fresh_met(struct translator *t, struct block *b, struct insn *i, uint64_t now)
{
    struct fresh *f = &t->fresh;
    struct fresh_site *s = site_of(f, i);
    if (!s || i->fresh)
        return false;
    if (s->insn != i || s->block != b || s->looks) { /* looks: of one that stood here before */
        f->lookups -= s->looks != 0;
        *s = (struct fresh_site){.block = b, .insn = i, .need = f->need};
    }
    s->met = (uint16_t)(now - s->met_at < SOON ? s->met + 1 : 1);
    s->met_at = now;
    if (s->met < s->need)
        return false;
    if (!f->lookups++)
        begin_period(t, now);
    t->policy.lookups = true;
    s->met = 0;
    s->looks = LOOKS;
    i->fresh = 1;
    t->counters.fresh_sites++;
    return true;
}

/* The block may have gone, and others stand in its place. */
static bool is_there(const struct fresh_site *s)
{
    const struct block *b = s->block;
    return b->live && s->insn >= b->insns && s->insn < b->insns + b->count && s->insn->fresh;
}

static void end_lookups(struct translator *t, struct fresh_site *s)
{
    t->fresh.lookups--;
    s->looks = 0;
    if (!is_there(s)) {
        *s = (struct fresh_site){0};
        return;
    }
    s->insn->fresh = 0;
    units_drop_with(t, s->block);
}

void fresh_look(struct translator *t)
{
    struct fresh *f = &t->fresh;
    if (likely(!f->lookups))
        return;
    uint64_t now = backend_cycles();
    if (now < f->look_at)
        return;
    bool enough = pays(t) && !is_restless(f);
    for (unsigned n = 0; n < FRESH_SITES; n++) {
        struct fresh_site *s = &f->site[n];
        if (!s->looks)
            continue;
        if (enough && --s->looks)
            continue;
        bool in_vain = !enough && s->looks == LOOKS && !is_restless(f);
        if (!in_vain)
            s->need = f->need;
        else if (s->need < NEED_MAX)
            s->need *= 2;
        end_lookups(t, s);
    }
    begin_period(t, now);
    t->policy.lookups = f->lookups != 0;
}

void fresh_forget(struct translator *t)
{
    t->fresh = (struct fresh){.need = t->fresh.need, .period = t->fresh.period};
    t->policy.lookups = false;
}
