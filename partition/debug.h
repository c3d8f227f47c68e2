/* partition/debug.h: the debug core: stop, go on, step, look and change. All debuggers (gdb stub,
 * console, control socket, windows) stand on it.
 *
 * While the guest is stopped virtual time stands still, no input enters and no device works;
 * partition_run returns PARTITION_DEBUG_STOP and partition_wait serves calls. Breakpoints and
 * watchpoints are those of cpu/stops.h: any number, invisible to the guest, no cost when none is
 * set. They may be changed while the guest runs.
 *
 * A step is one instruction, one round of a repeated one, or one event delivered (interrupt,
 * exception): what is due at an instruction boundary is a step of its own, so no instruction is
 * passed over unseen. A step in HLT lasts until something wakes the CPU.
 *
 * Breakpoints with numbers, conditions and counts are in partition/breakpoints.h. What happened and
 * why, in words: debug_stop_text, partition/explain.h.
 *
 * Everything here: the partition's thread only. Other threads come through partition_call. */
#ifndef UMBRA_PARTITION_DEBUG_H
#define UMBRA_PARTITION_DEBUG_H

#include "partition/breakpoints.h"
#include "partition/clock.h"

enum debug_reason {
    DEBUG_RUNNING, /* not stopped */
    DEBUG_PAUSED,  /* debug_pause */
    DEBUG_STEPPED,
    DEBUG_BREAKPOINT,   /* or the end of debug_run_to: hit.place */
    DEBUG_WATCHPOINT,   /* hit.watch; the access is done */
    DEBUG_TRIPLE_FAULT, /* going on ends the run */
    DEBUG_DMA_DENIED,   /* by a domain with policy pause */
    DEBUG_EVENT,        /* hit.event: what a breakpoint of another kind waited for */
    DEBUG_RETURNED,     /* the end of debug_step_out */
    DEBUG_REASONS
};

struct dma_denial;

struct debug_stop {
    enum debug_reason reason;
    struct stop_hit hit;
    unsigned id;               /* of the user's breakpoint whose hit it is, or 0 */
    struct expr_error trouble; /* text not empty: its condition has no value, and this is why */
};

/* A debugger. While there is one, a triple fault and a denied DMA stop the guest and don't end the
 * run at once. */
struct debug_listener {
    void (*stopped)(void *ctx); /* the guest has stopped; may be NULL */
    void (*resumed)(void *ctx); /* it goes on, or does a step; may be NULL */
    void *ctx;
    struct debug_listener *next; /* owned by the debug core once added */
};

struct debug {
    struct vcpu *vcpu;
    struct vclock *clock;
    struct stops stops;
    struct breakpoints breaks;
    struct expr_symbols symbols; /* set by the front end; its find may be NULL */
    struct expr_error trouble;   /* of the hit asked about last; private */
    struct debug_stop stop;
    uint64_t stopped_at; /* host ns */
    bool caught;         /* the end of the run was shown: the next time it is the end */
    struct debug_listener *listeners;
};

void debug_init(struct debug *d, struct vcpu *c, struct vclock *clock);
void debug_free(struct debug *d);

void debug_listen(struct debug *d, struct debug_listener *listener);
void debug_unlisten(struct debug *d, struct debug_listener *listener);

static inline bool debug_is_stopped(const struct debug *d)
{
    return d->stop.reason != DEBUG_RUNNING;
}

/* Stops the guest here, if it runs. */
void debug_pause(struct debug *d);

/* Let a stopped guest go on; no effect on a running one. debug_run_to stops at a place, or at what
 * comes first. */
void debug_continue(struct debug *d);
void debug_step(struct debug *d);
/* Steps until the next instruction lies outside of the len bytes at linear address first, or what
 * comes first. */
void debug_step_range(struct debug *d, uint32_t first, uint32_t len);
void debug_run_to(struct debug *d, struct stop_place place);

/* Steps, but runs over calls, interrupts and repeated instructions to the instruction behind. A
 * call is over when it is back on the same stack: recursion is run over, too. */
void debug_step_over(struct debug *d);

/* Runs until the procedure or interrupt handler returns to its caller (cpu/stops.h says how that is
 * known), in 16- and 32-bit code. */
void debug_step_out(struct debug *d);

/* Runs until what spec describes happens, or what comes first: a temporary breakpoint. False, error
 * filled: see debug_break_add; the guest stays stopped. */
must_use bool debug_run_until(struct debug *d, const struct break_spec *spec,
                              struct expr_error *error);

/* What the stop was, for people: "breakpoint 2 at 0060:C0101234", one line, no line end. */
void debug_stop_text(const struct debug *d, struct bytes *out);

/* Guest memory by linear address under the current page tables, without the guest or a device
 * noticing: no accessed bits, MMIO reads as FFh and takes no writes, ROM can be written, code
 * written to is decoded anew. Return the bytes up to the first page that is not mapped. */
size_t debug_read(struct debug *d, uint32_t gva, void *buf, size_t len);
size_t debug_write(struct debug *d, uint32_t gva, const void *buf, size_t len);

/* --- For the partition */

/* The engine returned EXIT_DEBUG. */
void debug_stopped_by_cpu(struct debug *d);
/* The run is about to end for reason. True: a debugger is there and sees it stopped first. */
bool debug_catches(struct debug *d, enum debug_reason reason);
/* A domain refused a transfer. */
void debug_dma_denied(struct debug *d, const struct dma_denial *denial);

#endif
