/* partition/breakpoints.h: the table of breakpoints that all debuggers of a partition share: each
 * has a number, may be off, may have a condition (partition/expr.h) and an ignore count.
 *
 * It stands on cpu/stops.h, which finds the places; here it is decided whether a hit is one. A
 * condition is asked between two instructions: for a place before the instruction, else after it;
 * one that has no value (a page that is not mapped) stops, and the stop says so.
 *
 * The partition's thread only. May be changed while the guest runs. */
#ifndef UMBRA_PARTITION_BREAKPOINTS_H
#define UMBRA_PARTITION_BREAKPOINTS_H

#include "cpu/stops.h"
#include "partition/expr.h"

struct debug;

enum break_kind {
    BREAK_AT,        /* the next instruction is at place */
    BREAK_DATA,      /* an access hit watch */
    BREAK_PORT,      /* IN, OUT of a port in first..last */
    BREAK_INTERRUPT, /* INTR or NMI with a vector of the set */
    BREAK_EXCEPTION, /* a fault or trap with a vector of the set */
    BREAK_SOFTWARE,  /* INT n with a vector of the set */
    BREAK_IRET,
    BREAK_MODE,       /* real, protected, V86, 16-bit and 32-bit code, paging: a change of these */
    BREAK_CR3,        /* another address space ("process switch") */
    BREAK_DMA_DENIED, /* the DMA checker refused a device's transfer */
    BREAK_KINDS
};

/* "at", "data", "port" ...: as commands spell it. */
const char *break_kind_name(enum break_kind kind);

/* What is asked for. Zero means: any vector, no condition. */
struct break_spec {
    enum break_kind kind;
    struct stop_place place; /* BREAK_AT: kind, selector, address */
    struct stop_watch watch; /* BREAK_DATA: address, len, read, write, physical */
    uint16_t first, last;    /* BREAK_PORT */
    bool read, write;        /* BREAK_PORT; both false means both */
    uint64_t vectors[4];     /* a set of vectors, bit n % 64 of word n / 64; all zero: any */
    const char *condition;   /* NULL or empty: none */
    uint64_t ignore;         /* hits that pass unseen first */
    bool disabled;
    bool temporary;    /* goes at the next stop, whatever its reason */
    const void *owner; /* NULL: the user's; a stub's own are hidden from lists */
};

static inline void break_vector(struct break_spec *s, uint8_t vector)
{
    s->vectors[vector / 64] |= UINT64_C(1) << vector % 64;
}

struct breakpoint {
    unsigned id; /* from 1; never given twice */
    struct break_spec spec;
    char *condition; /* spec.condition points here */
    struct expr *expr;
    uint64_t reached; /* whatever its condition said: "hits" in an expression */
    uint64_t hits;    /* with the condition true */
    bool enabled;
};

struct breakpoints {
    struct breakpoint *at; /* in the order of their numbers */
    unsigned count, last_id;
};

/* The new one's number, or 0, error filled: a condition that is wrong (its column is told), out of
 * memory. */
unsigned debug_break_add(struct debug *d, const struct break_spec *spec, struct expr_error *error);
/* False: there is none of that number. */
bool debug_break_remove(struct debug *d, unsigned id);
bool debug_break_enable(struct debug *d, unsigned id, bool on);
bool debug_break_ignore(struct debug *d, unsigned id, uint64_t count);
/* text NULL or empty takes the condition away. False, error filled: no such number, or no
 * expression; the old condition stays. */
bool debug_break_condition(struct debug *d, unsigned id, const char *text,
                           struct expr_error *error);
/* All of one owner. */
void debug_break_remove_all(struct debug *d, const void *owner);

const struct breakpoint *debug_break_find(const struct debug *d, unsigned id);
/* The index-th of an owner, NULL beyond the last. */
const struct breakpoint *debug_break_at(const struct debug *d, const void *owner, unsigned index);
/* The enabled one of this kind at a place or NULL: for the mark beside a line of code. */
const struct breakpoint *debug_break_at_place(const struct debug *d, struct stop_place place);

/* "at 0060:C0101234 if eax == 3", one line, no line end. */
void break_text(const struct breakpoint *b, struct bytes *out);
/* "2 on at 00007C00 hits 3 if ax == 0", the line of a list. */
void break_line(const struct breakpoint *b, struct bytes *out);

/* Reads a place: "ADDRESS" (linear), "SEG:OFFSET", "phys ADDRESS"; each part an expression. With
 * "..LAST" behind, a range. */
must_use bool debug_parse_place(struct debug *d, const char *text, struct stop_place *out,
                                struct expr_error *error);

/* --- For partition/debug.c */

void breakpoints_init(struct debug *d);
void breakpoints_free(struct debug *d);
void breakpoints_stopped(struct debug *d); /* temporary ones go */
/* Is there a breakpoint that this hit is for? Called by cpu/stops.h for each; hit->id becomes its
 * number, 0 for a temporary one. */
bool breakpoints_wanted(void *ctx, struct stop_hit *hit);

#endif
