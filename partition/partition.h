/* partition/partition.h: one guest machine and the isolation boundary around it: its vCPU, memory,
 * devices, clock and event queue. Nothing here is global: any number of partitions live in one
 * process, each driven by one thread. Only partition_post, partition_stop and partition_call may be
 * called from other threads. */
#ifndef UMBRA_PARTITION_PARTITION_H
#define UMBRA_PARTITION_PARTITION_H

#include "base/log.h"
#include "cpu/state.h"
#include "devices/bus.h"
#include "mmu/dma.h"
#include "partition/board.h"
#include "partition/calls.h"
#include "partition/clock.h"
#include "partition/debug.h"
#include "partition/inbox.h"
#include "partition/pc.h"
#include "translator/engine.h"

struct partition;

struct partition_config {
    uint64_t memory; /* bytes of RAM, 1 MiB .. PARTITION_MEMORY_MAX */
    enum cpu_model cpu;
    const struct engine *engine; /* NULL: the best of this build */
    struct engine_tuning tuning;
    enum clock_mode clock;
    struct host_clock host_clock; /* what CLOCK_HOST follows */
    bool no_reboot;               /* a reset by the guest ends the run */
    uint64_t wall_clock_start;    /* guest's time at power-on, ns since 1970 (UTC) */
    struct pc_config pc;
    struct log *log;
    /* The devices' backends may hold output back until this is called: before the partition waits,
     * when a run ends, and else every quarter of a millisecond of virtual time. May be NULL. */
    void (*settle)(void *ctx);
    void *settle_ctx;
};
#define PARTITION_MEMORY_MAX (UINT64_C(3584) << 20)

/* Why partition_run came back. */
enum partition_end {
    PARTITION_RUNNING,      /* the time given is over */
    PARTITION_STOPPED,      /* partition_stop was called */
    PARTITION_POWERED_OFF,  /* by the guest */
    PARTITION_TRIPLE_FAULT, /* by the guest */
    PARTITION_DEBUG_EXIT,   /* the guest wrote to the debug-exit port: see partition_exit_value */
    PARTITION_REBOOTED,     /* the guest reset the machine and no_reboot is set */
    PARTITION_DMA_PAUSED,   /* a domain with policy pause denied a transfer */
    PARTITION_DEBUG_STOP,   /* a debugger's stop, see partition/debug.h: partition_wait is next */
};

/* Puts a machine together and resets it. NULL on failure; error (of error_len) then says why, for
 * the user. */
struct partition *partition_create(const struct partition_config *config, char *error,
                                   size_t error_len);
void partition_destroy(struct partition *p);

/* Runs until virtual time until_ns (UINT64_MAX: for ever) or until something ends it. tick, when
 * not NULL, is called about 60 times a second of host time (CLOCK_HOST) or of virtual time
 * (CLOCK_INSNS), between instructions. */
enum partition_end partition_run(struct partition *p, uint64_t until_ns,
                                 void (*tick)(void *ctx, struct partition *p), void *ctx);

/* While a debugger has the guest stopped: serves calls and ticks, virtual time stands still.
 * PARTITION_RUNNING: it was let go, call partition_run again. PARTITION_STOPPED: partition_stop. */
enum partition_end partition_wait(struct partition *p, void (*tick)(void *ctx, struct partition *p),
                                  void *ctx);

/* Thread-safe, but not for the partition's own thread: has fn called on that thread, between two
 * instructions of the guest, running or stopped, and waits for it: some 1 ms. False, fn not called:
 * partition_close_calls was. */
bool partition_call(struct partition *p, partition_fn *fn, void *ctx);
/* The partition's thread will not call partition_run or partition_wait again. */
void partition_close_calls(struct partition *p);

/* Thread-safe. False when the queue (4096 events) is full: try again later. */
bool partition_post(struct partition *p, struct partition_event event);
/* Thread-safe, and safe in a signal handler: the run ends soon. */
void partition_stop(struct partition *p);

/* The reset button, at once. The partition's thread. */
void partition_reset(struct partition *p);

uint32_t partition_exit_value(const struct partition *p);
uint64_t partition_now(const struct partition *p);

uint64_t partition_resets(const struct partition *p);   /* by the guest */
uint64_t partition_slept_ns(const struct partition *p); /* host time spent waiting, HLT */
/* Host time that the guest's clock did not follow: the host was stopped. */
uint64_t partition_dropped_ns(const struct partition *p);

struct debug *partition_debug(struct partition *p);
struct vcpu *partition_vcpu(struct partition *p);
struct board *partition_board(struct partition *p);
struct physmap *partition_physmap(struct partition *p);
struct pc *partition_pc(struct partition *p);

/* Is the keyboard ready for the next key? (Nothing waits in queue or controller.) For typists. */
bool partition_keyboard_idle(struct partition *p);

/* A hash over the whole guest-visible state: RAM, registers, devices. Equal runs have equal hashes.
 */
uint64_t partition_state_hash(struct partition *p);

/* Appends the whole machine to out: clock, vCPU, devices, machine memory (pages of zeros take no
 * room). Not what lies outside it: the contents of disks, and input that was posted but not yet
 * taken. Call between runs.
 *
 * partition_load puts it into a partition made from the same configuration; false when the stream
 * does not fit that, or is damaged: the partition may then be part old and part new, and is good
 * for partition_destroy only. */
void partition_save(struct partition *p, struct bytes *out);
must_use bool partition_load(struct partition *p, const uint8_t *data, size_t len);

/* All counters as one JSON object. */
void partition_stats(struct partition *p, struct bytes *out);

#endif
