/* partition/partition_state.h: a partition from inside. For the files that make it up:
 *
 *   partition.c           making, running
 *   partition_asks.c      what the vCPU and the board ask of it
 *   spin.c                noticing that the guest waits in a loop
 *   partition_input.c     what comes from outside
 *   partition_snapshot.c  saving, loading, hashing its state */
#ifndef UMBRA_PARTITION_PARTITION_STATE_H
#define UMBRA_PARTITION_PARTITION_STATE_H

#include <stdatomic.h>

#include "partition/pace.h"
#include "partition/partition.h"
#include "partition/spin.h"

#define SLICE_NS       UINT64_C(1000000) /* at most this long between looks at the host clock */
#define SETTLE_NS      UINT64_C(250000)  /* output is held back no longer */
#define SERIAL_WAITING 65536

struct serial_queue {
    uint8_t data[SERIAL_WAITING];
    unsigned head, count;
};

struct partition {
    struct log *log;
    struct physmap *pm;
    struct vcpu *vcpu;
    struct board *board;
    struct pc pc;
    const struct engine *engine;
    struct vclock clock;
    uint64_t wall_clock_start;
    struct inbox inbox;
    struct calls calls;
    struct debug debug;
    atomic_bool stop;
    struct serial_queue serial[PC_SERIAL_PORTS];
    unsigned serial_timer; /* of board->timers */
    unsigned time_asked;   /* times that it was, for review_slice */
    uint64_t slice_end;    /* virtual time at which the engine is to come back */
    struct pace pace;
    struct spin spin;
    unsigned paced; /* reads that were */
    bool running;   /* the engine runs */
    bool no_reboot;
    bool reset_due, power_off_due, debug_exit_due, dma_pause_due;
    uint32_t exit_value;
    uint64_t next_tick;
    void (*settle)(void *ctx); /* partition_config's */
    void *settle_ctx;
    uint64_t settled_at;
    uint64_t slept_ns, resets;
};

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What virtual time is a function of: exact instructions, or about what the host has done. */
static inline uint64_t clock_work(const struct partition *p)
{
    return p->clock.mode == CLOCK_INSNS ? vcpu_insns(p->vcpu) : vcpu_work(p->vcpu);
}

/* --- partition_asks.c --- */
struct vcpu_host partition_vcpu_host(struct partition *p);
struct board_host partition_board_host(struct partition *p);

/* --- partition_input.c --- */
/* Timer: hands waiting bytes to the UARTs as far as their FIFOs have room. */
timer_fn partition_feed_serial;
/* What waits in the inbox enters the machine. */
void partition_take_input(struct partition *p);

#endif
