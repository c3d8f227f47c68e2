#include "partition/clock.h"

#include <time.h>

#define RATE_ONE       (UINT64_C(1) << 32)
#define RATE_FIXED     (CLOCK_INSN_NS * RATE_ONE)
#define RATE_START     (5 * RATE_ONE)
#define RATE_MIN       (RATE_ONE / 16)   /* 16 instructions a ns: no host is faster */
#define RATE_MAX       (2000 * RATE_ONE) /* 0.5 million a second */
#define SYNC_MIN_NS    UINT64_C(500000)
#define LAG_DROPPED_NS 300000000 /* further behind than this, time is given up */

uint64_t host_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t vclock_host_now(const struct vclock *k)
{
    return k->host.now ? k->host.now(k->host.ctx) : host_now();
}

void vclock_init(struct vclock *k, enum clock_mode mode, struct host_clock host)
{
    *k = (struct vclock){.mode = mode, .host = host};
    k->rate = mode == CLOCK_HOST ? RATE_START : RATE_FIXED;
    k->host_base = k->sync_host = vclock_host_now(k);
}

uint64_t vclock_now(const struct vclock *k, uint64_t insns)
{
    return k->anchor_ns + (uint64_t)((unsigned __int128)(insns - k->anchor_insns) * k->rate >> 32);
}

uint64_t vclock_insns_until(const struct vclock *k, uint64_t insns, uint64_t deadline_ns,
                            uint64_t limit)
{
    uint64_t now = vclock_now(k, insns);
    if (deadline_ns <= now)
        return 1;
    unsigned __int128 n = (((unsigned __int128)(deadline_ns - now) << 32) + k->rate - 1) / k->rate;
    return n > limit ? limit : n < 1 ? 1 : (uint64_t)n;
}

static void re_anchor(struct vclock *k, uint64_t insns)
{
    k->anchor_ns = vclock_now(k, insns);
    k->anchor_insns = insns;
}

void vclock_skip_to(struct vclock *k, uint64_t insns, uint64_t now_ns)
{
    re_anchor(k, insns);
    if (now_ns > k->anchor_ns)
        k->anchor_ns = now_ns;
}

void vclock_renumber(struct vclock *k, uint64_t work, uint64_t insns)
{
    if (work == insns)
        return; /* saving must leave no trace in a repeatable run's state */
    re_anchor(k, work);
    k->anchor_insns = insns;
    k->sync_insns -= work - insns;
}

void vclock_stood_still(struct vclock *k, uint64_t host_ns)
{
    k->host_base += host_ns;
    k->sync_host += host_ns;
}

uint64_t vclock_host_target(const struct vclock *k)
{
    return vclock_host_now(k) - k->host_base;
}

/* The rate is what the host achieved of late, leaned by up to a half towards closing the gap
 * between the two times within some 20 ms. A sample that is slower than the rate may be of a
 * preempted host: it counts for a quarter. One that is faster is true: it counts at once, however
 * short it was, or virtual time would run away when code that waits for devices is done. */
bool vclock_sync(struct vclock *k, uint64_t insns, bool busy)
{
    if (k->mode != CLOCK_HOST)
        return false;
    uint64_t host = vclock_host_now(k);
    uint64_t elapsed = host - k->sync_host;
    uint64_t ran = insns - k->sync_insns;
    bool runs_away = (unsigned __int128)ran * k->rate >> 32 > elapsed + SYNC_MIN_NS;
    if (busy && elapsed < SYNC_MIN_NS && !runs_away)
        return false;
    k->sync_host = host;
    k->sync_insns = insns;
    if (!busy || ran == 0)
        return false;
    re_anchor(k, insns);
    int64_t behind = (int64_t)(host - k->host_base) - (int64_t)k->anchor_ns;
    if (behind > LAG_DROPPED_NS) {
        k->host_base += (uint64_t)behind;
        k->dropped_ns += (uint64_t)behind;
        behind = 0;
    }
    unsigned __int128 achieved = ((unsigned __int128)elapsed << 32) / ran;
    int64_t lean = behind / 40; /* millionths: half a million (a half) at 20 ms */
    lean = lean > 500000 ? 500000 : lean < -500000 ? -500000 : lean;
    unsigned __int128 rate = achieved * (uint64_t)(1000000 + lean) / 1000000;
    if (rate > k->rate)
        rate = ((unsigned __int128)k->rate * 3 + rate) / 4;
    k->rate = rate < RATE_MIN ? RATE_MIN : rate > RATE_MAX ? RATE_MAX : (uint64_t)rate;
    return true;
}

void vclock_resume(struct vclock *k, uint64_t insns)
{
    k->sync_host = vclock_host_now(k);
    k->sync_insns = insns;
    k->host_base = k->sync_host - vclock_now(k, insns);
}

bool vclock_is_sound(const struct vclock *k, uint64_t insns)
{
    return k->rate >= RATE_MIN && k->rate <= RATE_MAX && k->anchor_insns <= insns &&
           k->anchor_ns < BIT(63) && insns - k->anchor_insns < BIT(48);
}
