#include "partition/timers.h"

#include <assert.h>

#define RUN_MOST 1024

void timers_init(struct timers *t)
{
    *t = (struct timers){.soonest = TIMER_NEVER};
}

unsigned timers_add(struct timers *t, timer_fn *fn, void *ctx, unsigned arg)
{
    assert(t->count < TIMERS_MAX);
    t->slot[t->count] = (struct timer){.fn = fn, .ctx = ctx, .arg = arg, .deadline = TIMER_NEVER};
    return t->count++;
}

static void find_soonest(struct timers *t)
{
    t->soonest = TIMER_NEVER;
    for (unsigned i = 0; i < t->count; i++) {
        if (t->slot[i].deadline < t->soonest)
            t->soonest = t->slot[i].deadline;
    }
}

void timers_arm(struct timers *t, unsigned index, uint64_t deadline_ns)
{
    struct timer *timer = &t->slot[index];
    bool was_soonest = timer->deadline == t->soonest;
    timer->deadline = deadline_ns == TIMER_NEVER ? TIMER_NEVER - 1 : deadline_ns;
    timer->sequence = t->next_sequence++;
    if (timer->deadline <= t->soonest)
        t->soonest = timer->deadline;
    else if (was_soonest)
        find_soonest(t);
}

void timers_cancel(struct timers *t, unsigned index)
{
    struct timer *timer = &t->slot[index];
    bool was_soonest = timer->deadline == t->soonest;
    timer->deadline = TIMER_NEVER;
    if (was_soonest)
        find_soonest(t);
}

static struct timer *first_due(struct timers *t, uint64_t now_ns)
{
    struct timer *due = NULL;
    for (unsigned i = 0; i < t->count; i++) {
        struct timer *x = &t->slot[i];
        if (x->deadline > now_ns)
            continue;
        if (!due || x->deadline < due->deadline ||
            (x->deadline == due->deadline && x->sequence < due->sequence))
            due = x;
    }
    return due;
}

void timers_run(struct timers *t, uint64_t now_ns)
{
    for (unsigned n = 0; n < RUN_MOST && t->soonest <= now_ns; n++) {
        struct timer *timer = first_due(t, now_ns);
        if (!timer)
            break;
        timer->deadline = TIMER_NEVER;
        find_soonest(t);
        timer->fn(timer->ctx, timer->arg, now_ns);
    }
}
