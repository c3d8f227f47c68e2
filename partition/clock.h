/* partition/clock.h: virtual time, the partition's only clock.
 *
 * Virtual time is a function of the instructions retired:
 *
 *     now = anchor_ns + (insns - anchor_insns) * rate          rate: ns per instruction, 32.32
 *
 * With the host clock (CLOCK_HOST) the partition moves the anchor and the rate now and then, so
 * that virtual time keeps step with real time, and repeated string instructions count as several by
 * what they move (vcpu_work), or a guest that measures one would find that it takes no time; with
 * CLOCK_INSNS all that stays fixed, and the same guest with the same input takes the same course
 * every time. Time never goes back. Partition thread only. */
#ifndef UMBRA_PARTITION_CLOCK_H
#define UMBRA_PARTITION_CLOCK_H

#include "base/bits.h"

enum clock_mode { CLOCK_HOST, CLOCK_INSNS };

#define CLOCK_INSN_NS 10 /* ns per instruction with CLOCK_INSNS: 100 million a second */

/* The host's clocks, ns, monotonic: the time, and what of it the partition's thread had a processor
 * (cpu NULL: all of it). now NULL: the real ones (a test may have some of its own). */
struct host_clock {
    uint64_t (*now)(void *ctx);
    uint64_t (*cpu)(void *ctx);
    void (*wait)(void *ctx, uint64_t ns); /* instead of waiting for so long; NULL: really wait */
    void *ctx;
};

struct vclock {
    enum clock_mode mode;
    struct host_clock host;
    uint64_t anchor_ns, anchor_insns;
    uint64_t rate;                  /* ns per instruction, 32.32 fixed point */
    uint64_t speed;                 /* processor ns per instruction of late, the same */
    uint64_t host_base;             /* host ns at virtual time 0 */
    uint64_t sync_host, sync_insns; /* at the last sync that measured the speed */
    uint64_t sync_cpu;
    uint64_t sample_cpu, sample_insns; /* ran since the last sample of the speed */
    uint64_t dropped_ns; /* real time that virtual time gave up on (host too slow or stopped) */
};

/* Host monotonic time in ns. */
uint64_t host_now(void);

void vclock_init(struct vclock *k, enum clock_mode mode, struct host_clock host);

/* The host's time as this clock sees it, ns. */
uint64_t vclock_host_now(const struct vclock *k);

uint64_t vclock_now(const struct vclock *k, uint64_t insns);

/* Instructions until virtual time reaches deadline_ns, at least 1, at most limit. */
uint64_t vclock_insns_until(const struct vclock *k, uint64_t insns, uint64_t deadline_ns,
                            uint64_t limit);

/* Time goes on by ns beside the instructions: one of them took so long. */
static inline void vclock_add(struct vclock *k, uint64_t ns)
{
    k->anchor_ns += ns;
}

/* Jumps forward to now_ns (the CPU slept); earlier times are ignored. */
void vclock_skip_to(struct vclock *k, uint64_t insns, uint64_t now_ns);

/* Steers virtual towards host time, by how fast instructions were of late; gives up what cannot be
 * caught up with. Does nothing when the last time is not long ago. True: the rate changed, so what
 * was reckoned with it (vclock_insns_until) is to be reckoned anew. */
bool vclock_sync(struct vclock *k, uint64_t insns);

/* The CPU is about to sleep; and it goes on, at now_ns (see vclock_skip_to). */
void vclock_pause(struct vclock *k, uint64_t insns);
void vclock_go_on(struct vclock *k, uint64_t insns, uint64_t now_ns);

/* Host time went by while virtual time stood still, ns: the two keep step from here on. */
void vclock_stood_still(struct vclock *k, uint64_t host_ns);

/* The count that all is reckoned from goes on from another number: insns now has been work before.
 */
void vclock_renumber(struct vclock *k, uint64_t work, uint64_t insns);

/* After loading: goes on from the virtual time that anchor and rate say, whatever time it is now
 * on the host. */
void vclock_resume(struct vclock *k, uint64_t insns);
/* Are anchor and rate such as this clock itself would make? For what was loaded. */
bool vclock_is_sound(const struct vclock *k, uint64_t insns);

/* Where virtual time should be now according to the host, ns (CLOCK_HOST). */
uint64_t vclock_host_target(const struct vclock *k);

#endif
