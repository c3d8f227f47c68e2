/* cpu/stops.h: where a debugger wants the vCPU to stop: breakpoints, watchpoints, the single step.
 *
 * They stand apart from DR0..DR7: the guest cannot see, use up or change them, and there may be any
 * number. The engine asks at two points:
 *
 *     stops_after   EVENT_DEBUG is set: is a step complete, or did an access hit a watchpoint?
 *     stops_before  the next instruction: does a breakpoint stand there?
 *
 * What it costs. Nothing set: vcpu.stops is NULL, one test each time the engine looks for a block.
 * Breakpoints: blocks end before them, and blocks that start at one are never chained to, so the
 * engine gets to look there and nowhere else (cpu/block.h). Watchpoints: their pages stay out of
 * the TLB, so that accesses to them take the slow path.
 *
 * A watchpoint is hit by the CPU's own accesses to linear addresses, those of interrupt frames and
 * descriptor loads too; not by the page walker or by DMA. A stop is exact: the instruction that hit
 * is complete, the next one has not begun.
 *
 * The partition's thread only, and not while the engine runs (stops_watched aside). */
#ifndef UMBRA_CPU_STOPS_H
#define UMBRA_CPU_STOPS_H

#include "cpu/state.h"

enum stop_place_kind {
    STOP_LINEAR,    /* address is linear */
    STOP_PHYSICAL,  /* address is a gpa: met through whatever mapping */
    STOP_SEGMENTED, /* CS is selector and EIP is address, in any mode */
};

struct stop_place {
    enum stop_place_kind kind;
    uint16_t selector; /* STOP_SEGMENTED */
    uint64_t address;
    uint64_t hits;   /* kept by the engine */
    uint64_t offset; /* STOP_PHYSICAL: machine offset, derived */
};

struct stop_watch {
    uint32_t address; /* linear */
    uint32_t len;     /* bytes, at least 1 */
    bool read, write; /* which accesses hit */
    uint64_t hits;
};

enum stop_reason { STOP_NOTHING, STOP_STEPPED, STOP_BREAKPOINT, STOP_WATCHPOINT };

/* What a stop was. */
struct stop_hit {
    enum stop_reason reason;
    struct stop_place place; /* STOP_BREAKPOINT */
    struct stop_watch watch; /* STOP_WATCHPOINT */
    uint32_t address;        /* STOP_WATCHPOINT: first byte accessed; else linear pc */
    bool write;              /* STOP_WATCHPOINT: the access was a write */
};

struct stops {
    struct vcpu *vcpu;
    struct stop_place *place;
    struct stop_watch *watch;
    unsigned place_count, watch_count;
    unsigned segmented; /* places of that kind */
    struct stop_hit hit;
    bool once_set; /* run to: a breakpoint that goes at the next stop, whatever its reason */
    struct stop_place once;
    uint64_t resume_insns; /* the instruction at resume_pc was reported: not again before it ran */
    uint64_t step_mark;    /* what happened before the step (see stops.c) */
    uint32_t resume_pc;
    uint64_t low[64];      /* filters, bit sets: bits 11..0 of linear and physical places */
    uint64_t linear[64];   /* linear pages, hashed */
    uint64_t physical[64]; /* machine pages, hashed */
};

void stops_init(struct stops *s, struct vcpu *c);
void stops_free(struct stops *s);

/* Adds a place or a watchpoint; one that is there already stays alone. False when out of memory.
 * kind, selector and address (address, len, read, write) say which it is. */
must_use bool stops_break_add(struct stops *s, struct stop_place place);
must_use bool stops_watch_add(struct stops *s, struct stop_watch watch);
/* False when it is not there. */
bool stops_break_remove(struct stops *s, struct stop_place place);
bool stops_watch_remove(struct stops *s, struct stop_watch watch);
void stops_remove_all(struct stops *s);

/* To be called before the vCPU goes on after a stop: the instruction at which it stands runs
 * without being reported again. step: stop after it. run_to, when not NULL: stop there, once. */
void stops_resume(struct stops *s, bool step, const struct stop_place *run_to);

/* The vCPU was stopped by other means: an unfinished step and run_to are over. */
void stops_cancel(struct stops *s);

/* --- For the engine, when vcpu.stops is not NULL ------------------------------------------------
 */

/* EVENT_DEBUG is set, between two instructions. True: stop; what it was stands in hit. */
bool stops_after(struct vcpu *c);
bool stops_before(struct vcpu *c);

/* Sets the bits of at (by offset in the page) where blocks of the page at gva, machine offset
 * offset, must begin. False when there are none. */
bool stops_in_page(const struct vcpu *c, uint32_t gva, uint64_t offset,
                   uint64_t at[PAGE_SIZE / 64]);

/* For accesses, when vcpu.watching is set. */
bool stops_page_watched(const struct vcpu *c, uint32_t gva);
void stops_watched(struct vcpu *c, uint32_t gva, unsigned size, bool write);

/* The physical map changed. */
void stops_map_changed(struct vcpu *c);

#endif
