/* partition/timers.h: the event queue: what is due at which virtual time. Each timer has a fixed
 * slot (its index), so arming, re-arming and cancelling need no search. Earlier armed comes
 * first among equals, so that the order of events never depends on chance. Partition thread only.
 */
#ifndef UMBRA_PARTITION_TIMERS_H
#define UMBRA_PARTITION_TIMERS_H

#include "base/bits.h"

#define TIMERS_MAX  128
#define TIMER_NEVER UINT64_MAX

typedef void timer_fn(void *ctx, unsigned arg, uint64_t now_ns);

struct timer {
    timer_fn *fn;
    void *ctx;
    unsigned arg;
    uint64_t deadline; /* TIMER_NEVER: not armed */
    uint64_t sequence;
};

struct timers {
    struct timer slot[TIMERS_MAX];
    unsigned count;
    uint64_t next_sequence;
    uint64_t soonest; /* smallest deadline, TIMER_NEVER when none is armed */
};

void timers_init(struct timers *t);

/* A new, unarmed timer; its index. Called while the board is put together only. */
unsigned timers_add(struct timers *t, timer_fn *fn, void *ctx, unsigned arg);

void timers_arm(struct timers *t, unsigned index, uint64_t deadline_ns);
void timers_cancel(struct timers *t, unsigned index);

/* Calls all that are due at now_ns, each disarmed first; at most a bounded number, so that a device
 * that re-arms itself for the past cannot hang the host (the rest is due next time). */
void timers_run(struct timers *t, uint64_t now_ns);

#endif
