#include "partition/clock.h"

#include <time.h>

#define RATE_ONE       (UINT64_C(1) << 32)
#define RATE_FIXED     (CLOCK_INSN_NS * RATE_ONE)
#define RATE_START     (5 * RATE_ONE)
#define RATE_MIN       (RATE_ONE / 16)   /* 16 instructions a ns: no host is faster */
#define RATE_MAX       (2000 * RATE_ONE) /* 0.5 million a second */
#define SYNC_MIN_NS    UINT64_C(500000)
#define SAMPLE_MIN_NS  UINT64_C(100000) /* of the processor's time */
#define LAG_DROPPED_NS 300000000        /* further behind than this, time is given up */
#define RUSH_MOST      32 /* virtual time goes at most so many times as fast as the CPU */

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

static uint64_t vclock_cpu_now(const struct vclock *k)
{
    if (k->host.now)
        return (k->host.cpu ? k->host.cpu : k->host.now)(k->host.ctx);
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void vclock_init(struct vclock *k, enum clock_mode mode, struct host_clock host)
{
    *k = (struct vclock){.mode = mode, .host = host};
    k->rate = k->speed = mode == CLOCK_HOST ? RATE_START : RATE_FIXED;
    k->host_base = k->sync_host = vclock_host_now(k);
    k->sync_cpu = vclock_cpu_now(k);
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

/* Time that is further behind than can be caught up with (the host was stopped) is given up. */
static int64_t behind_after_drop(struct vclock *k, uint64_t host)
{
    int64_t behind = (int64_t)(host - k->host_base) - (int64_t)k->anchor_ns;
    if (behind <= LAG_DROPPED_NS)
        return behind;
    k->host_base += (uint64_t)behind;
    k->dropped_ns += (uint64_t)behind;
    return 0;
}

/* How much faster than the processor virtual time goes, in 1024ths, to close a gap:
 *
 *     behind, ms    -30    -1     0     1     5    10    20    30    50
 *     times        0.25  0.96     1  1.04   1.4   2.3   5.5    11    27     at most RUSH_MOST
 *
 * So on a quiet host, where the gap is a fraction of a millisecond, it goes evenly; and one that
 * has the thread wait for a processor for most of the time is kept up with at a gap of some tens
 * of ms. No tick gets lost, since none is leapt over, nor do those that are due come as a storm: a
 * guest gets at least 1/RUSH_MOST of the time between them. */
static uint64_t rush(int64_t behind)
{
    int64_t us = behind / 1000;
    if (us > 100000)
        return RUSH_MOST * 1024;
    int64_t times = 1024 + us * 1024 / 40000 + (us > 0 ? us * us / 10000 * 1024 / 10000 : 0);
    return times < 256 ? 256 : times > RUSH_MOST * 1024 ? RUSH_MOST * 1024 : (uint64_t)times;
}

static uint64_t within_rates(unsigned __int128 rate)
{
    return rate < RATE_MIN ? RATE_MIN : rate > RATE_MAX ? RATE_MAX : (uint64_t)rate;
}

/* What an instruction takes of the processor's time: not of the host's, which passes as well while
 * others have the processor. A sample that is slower than those before may be of something rare
 * (the host's own work on the thread's behalf): it counts for a quarter. One that is faster counts
 * at once, however short it was, or virtual time would run away when code that waits for devices is
 * done. Samples that are too short are added up, for guests that halt time and again. */
static void measure(struct vclock *k, uint64_t host, uint64_t insns, bool now)
{
    uint64_t elapsed = host - k->sync_host, cpu = vclock_cpu_now(k), ran = cpu - k->sync_cpu;
    /* It was in another thread than before: what is known is that it was not more. */
    k->sample_cpu += ran && ran <= elapsed ? ran : elapsed;
    k->sample_insns += insns - k->sync_insns;
    k->sync_host = host;
    k->sync_cpu = cpu;
    k->sync_insns = insns;
    if (!k->sample_insns || (!now && k->sample_cpu < SAMPLE_MIN_NS))
        return;
    uint64_t achieved = within_rates(((unsigned __int128)k->sample_cpu << 32) / k->sample_insns);
    k->speed = achieved < k->speed ? achieved : (k->speed * 3 + achieved) / 4;
    k->sample_cpu = k->sample_insns = 0;
}

static void steer(struct vclock *k, uint64_t host, uint64_t insns)
{
    re_anchor(k, insns);
    int64_t behind = behind_after_drop(k, host);
    k->rate = within_rates((unsigned __int128)k->speed * rush(behind) >> 10);
}

bool vclock_sync(struct vclock *k, uint64_t insns)
{
    if (k->mode != CLOCK_HOST)
        return false;
    uint64_t host = vclock_host_now(k), elapsed = host - k->sync_host;
    uint64_t ran = insns - k->sync_insns;
    bool runs_away = (unsigned __int128)ran * k->rate >> 32 > elapsed + SYNC_MIN_NS;
    if (elapsed < SYNC_MIN_NS && !runs_away)
        return false;
    measure(k, host, insns, true);
    steer(k, host, insns);
    return true;
}

void vclock_pause(struct vclock *k, uint64_t insns)
{
    if (k->mode == CLOCK_HOST)
        measure(k, vclock_host_now(k), insns, false);
}

void vclock_go_on(struct vclock *k, uint64_t insns, uint64_t now_ns)
{
    vclock_skip_to(k, insns, now_ns);
    if (k->mode != CLOCK_HOST)
        return;
    k->sync_host = vclock_host_now(k);
    k->sync_cpu = vclock_cpu_now(k);
    k->sync_insns = insns;
    steer(k, k->sync_host, insns);
}

void vclock_resume(struct vclock *k, uint64_t insns)
{
    k->sync_host = vclock_host_now(k);
    k->sync_cpu = vclock_cpu_now(k);
    k->sync_insns = insns;
    k->sample_cpu = k->sample_insns = 0;
    k->speed = k->rate;
    k->host_base = k->sync_host - vclock_now(k, insns);
}

bool vclock_is_sound(const struct vclock *k, uint64_t insns)
{
    return k->rate >= RATE_MIN && k->rate <= RATE_MAX && k->anchor_insns <= insns &&
           k->anchor_ns < BIT(63) && insns - k->anchor_insns < BIT(48);
}
