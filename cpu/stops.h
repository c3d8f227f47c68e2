/* cpu/stops.h: where a debugger wants the vCPU to stop: breakpoints, watchpoints, events, the
 * single step, the step out.
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
 * the TLB, so that accesses to them take the slow path. Events: a bit of vcpu.stop_on that the few
 * places in C code test where such a thing happens; they are no concern of an engine that leaves
 * port instructions, mode changes and deliveries to cpu/. Step out: near calls and returns tell,
 * so an engine that emits these itself hands over to interp_run while vcpu.interpret is set.
 *
 * A watchpoint is hit by the CPU's own accesses to linear addresses, those of interrupt frames and
 * descriptor loads too; not by the page walker or by DMA. A stop is exact: the instruction that hit
 * is complete, the next one has not begun.
 *
 * The partition's thread only, and not while the engine runs (what accesses and events call aside).
 */
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
    uint32_t len;      /* bytes: the vCPU stops before any instruction that begins there; 0 is 1 */
    uint64_t address;
    uint64_t hits;   /* kept by the engine */
    uint64_t offset; /* STOP_PHYSICAL: machine offset of its first byte, derived */
    bool above;      /* run to: only when linear SS:ESP has reached stack, or SS is another */
    uint16_t stack_selector;
    uint32_t stack;
};

struct stop_watch {
    uint64_t address; /* linear, or a gpa (then whatever mapping is used counts) */
    uint32_t len;     /* bytes, at least 1 */
    bool read, write; /* which accesses hit */
    bool physical;
    uint64_t hits;
};

/* What may happen besides: a set of these is what a debugger wants to hear of. The stop comes when
 * the instruction is complete; after a delivery it stands at the handler's first instruction. */
enum stop_event_kind {
    STOP_ON_PORT = 1,         /* IN, OUT, INS, OUTS: port, size, write, value */
    STOP_ON_INTERRUPT = 2,    /* INTR or NMI was delivered: vector */
    STOP_ON_EXCEPTION = 4,    /* a fault or debug trap was delivered: vector, error, value = CR2 */
    STOP_ON_SOFTWARE = 8,     /* INT n, INT3, INTO, ICEBP: vector */
    STOP_ON_IRET = 16,        /* IRET was executed */
    STOP_ON_MODE = 32,        /* value and old: enum vcpu_mode bits */
    STOP_ON_CR3 = 64,         /* CR3 got another value: value and old */
    STOP_ON_DMA_DENIED = 128, /* told by the partition: address, size, write */
    STOP_ON_RETURN = 256,     /* the engine's own: calls and returns, for the step out */
};

struct stop_event {
    enum stop_event_kind kind;
    bool write, has_error;
    uint8_t vector;
    uint8_t size; /* bytes */
    uint16_t port;
    uint16_t from_cs; /* where it happened: the instruction */
    uint32_t from;    /* the same, linear */
    uint32_t error, value, old;
};

enum stop_reason {
    STOP_NOTHING,
    STOP_STEPPED,
    STOP_BREAKPOINT,
    STOP_WATCHPOINT,
    STOP_EVENT,
    STOP_RETURNED, /* the step out is done */
};

/* What a stop was. */
struct stop_hit {
    enum stop_reason reason;
    struct stop_place place; /* STOP_BREAKPOINT */
    struct stop_watch watch; /* STOP_WATCHPOINT */
    struct stop_event event; /* STOP_EVENT */
    uint32_t address;        /* STOP_WATCHPOINT: first byte accessed; else linear pc */
    uint8_t size;            /* STOP_WATCHPOINT: of the access, bytes */
    bool write;              /* STOP_WATCHPOINT: the access was a write */
    unsigned id;             /* for whoever says that it is wanted */
};

#define STOPS_PENDING 16  /* hits of one instruction that are kept */
#define STOPS_NESTED  256 /* calls under way: see stops_called */

struct stops {
    struct vcpu *vcpu;
    struct stop_place *place;
    struct stop_watch *watch;
    unsigned place_count, watch_count;
    unsigned segmented; /* places of that kind */
    uint32_t events;    /* set of enum stop_event_kind that are wanted */
    struct stop_hit hit;
    /* Asked before each stop of a place, watchpoint or event, between two instructions: false, and
     * the guest goes on as if nothing was. NULL: all are wanted. */
    bool (*wanted)(void *ctx, struct stop_hit *hit);
    void *wanted_ctx;
    struct stop_hit pending[STOPS_PENDING]; /* of the instruction being executed */
    unsigned pending_count;
    struct { /* the step out; active while vcpu.stop_on has STOP_ON_RETURN */
        uint32_t stack, reach, cr3;
        uint8_t cpl;
        bool done;
        uint32_t nested[STOPS_NESTED];
        unsigned nested_count;
    } out;
    bool once_set; /* run to: a breakpoint that goes at the next stop, whatever its reason */
    struct stop_place once;
    uint64_t resume_insns; /* the instruction at resume_pc was reported: not again before it ran */
    uint64_t step_mark;    /* what happened before the step (see stops.c) */
    uint32_t range_first, range_len; /* a step goes on while the pc is in here */
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
/* A set of enum stop_event_kind. */
void stops_want_events(struct stops *s, uint32_t events);

/* To be called before the vCPU goes on after a stop: the instruction at which it stands runs
 * without being reported again. step: stop after it. run_to, when not NULL: stop there, once. */
void stops_resume(struct stops *s, bool step, const struct stop_place *run_to);

/* As stops_resume with a step, and steps on until the next instruction lies outside of these len
 * bytes. A breakpoint in there stops as it does everywhere. */
void stops_resume_range(struct stops *s, uint32_t first, uint32_t len);

/* As stops_resume, and stops when the running procedure or interrupt handler has returned to its
 * caller. That is so when a return takes its address from at or above the present stack pointer and
 * no call made meanwhile put it there. Other privilege levels don't count, for a user program other
 * address spaces neither. In a kernel that switches stacks under the procedure, another task's
 * return may be taken for it. */
void stops_resume_out(struct stops *s);

/* The vCPU was stopped by other means: an unfinished step and run_to are over. */
void stops_cancel(struct stops *s);

/* --- For the engine, when vcpu.stops is not NULL ---------------------------------------------- */

/* EVENT_DEBUG is set, between two instructions. True: stop; what it was stands in hit. */
bool stops_after(struct vcpu *c);
bool stops_before(struct vcpu *c);

/* Sets the bits of at (by offset in the page) where blocks of the page at gva, machine offset
 * offset, must begin. False when there are none. */
bool stops_in_page(const struct vcpu *c, uint32_t gva, uint64_t offset,
                   uint64_t at[PAGE_SIZE / 64]);

/* For accesses, when vcpu.watching is set. Is something in the page of gva watched, by its linear
 * address or by the one it is mapped to now? */
bool stops_page_watched(const struct vcpu *c, uint32_t gva);
void stops_watched(struct vcpu *c, uint32_t gva, unsigned size, bool write);

/* Something happened that is in vcpu.stop_on. */
void stops_event(struct vcpu *c, struct stop_event event);

/* With STOP_ON_RETURN in vcpu.stop_on: a return address or an interrupt frame was pushed, and skip
 * bytes below it; a return is done that took its frame from linear address slot, at privilege
 * cpl. */
void stops_called(struct vcpu *c, unsigned skip);
void stops_returned(struct vcpu *c, uint32_t slot, uint8_t cpl);

/* vcpu.interpret follows what is asked for. */
void stops_update_engine(struct vcpu *c);

static inline uint32_t stops_slot(const struct vcpu *c)
{
    uint32_t esp = c->stack32 ? c->reg[ESP].d : c->reg[ESP].w;
    return (uint32_t)c->seg[SEG_SS].base + esp;
}

/* The physical map changed. */
void stops_map_changed(struct vcpu *c);

#endif
