/* tests/translator/program.h: random programs for a whole machine (tests/partition/machine.h).
 *
 * A program is a list of items: one instruction each, from a seed, in one of the modes below. They
 * lean on what engines get wrong: memory operands of all forms at page ends, in holes, in read-only
 * pages, in video RAM and in the code itself; loops and calls; repeated string instructions;
 * faults, which a handler answers by going on with the next item (handlers.h); a timer that
 * interrupts every few hundred instructions; segment loads, page table changes, stack switches;
 * x87, MMX, SSE. Whatever the guest does is right by definition: what counts is that two engines
 * agree on it.
 *
 * Items can be dropped one by one (`dropped`), which is how a failing program is made small. */
#ifndef UMBRA_TESTS_TRANSLATOR_PROGRAM_H
#define UMBRA_TESTS_TRANSLATOR_PROGRAM_H

#include <stdio.h>

#include "tests/partition/machine.h"

#define PROGRAM_ITEMS  600
#define PROGRAM_MEMORY (UINT64_C(4) << 20)

/* clang-format off */
#define PROGRAM_MODES(X)                                         \
    X(FLAT,   "32-bit, supervisor, flat, no paging")             \
    X(PAGED,  "32-bit, supervisor, flat, paged")                 \
    X(PAE,    "32-bit, supervisor, flat, PAE")                   \
    X(USER,   "32-bit, user, flat, paged")                       \
    X(BASED,  "32-bit, user, segments with base and limit")      \
    X(CODE16, "16-bit protected, user, segments with base")      \
    X(REAL,   "real mode")                                       \
    X(V86,    "V86 mode, paged")
/* clang-format on */

enum program_mode {
#define X(name, text) PROGRAM_##name,
    PROGRAM_MODES(X)
#undef X
        PROGRAM_MODE_COUNT
};

/* What an item's last bytes say that depends on where the items lie. */
enum fix { FIX_NONE, FIX_REL8, FIX_REL, FIX_ADDRESS };

struct item {
    uint8_t bytes[16];
    uint8_t len;
    uint8_t fix;      /* enum fix */
    uint8_t fix_at;   /* FIX_ADDRESS: where in bytes the address of the target stands */
    uint8_t fix_size; /* FIX_ADDRESS: bytes of it; 0: the mode's */
    bool dropped;
    uint32_t fix_plus; /* FIX_ADDRESS: added to it */
    uint16_t target;   /* item */
};

struct program {
    uint64_t seed;
    enum program_mode mode;
    bool code32;
    struct item item[PROGRAM_ITEMS];
    unsigned count;
    uint32_t reg[8];
    uint32_t eflags;
    unsigned timer; /* divisor of the 1.19 MHz clock; 0: no timer */
    bool write_protect;
    bool align_check;     /* CR0.AM, and EFLAGS.AC */
    bool unreal;          /* real mode: data segments of 4 GiB */
    uint32_t start;       /* offset of the first item: the program crosses the end of a page */
    unsigned video;       /* what video memory is: program_load.c; 0: as after reset, it is off */
    unsigned inner_stack; /* what the stack of level 0 is: program_load.c; 0: flat */
    uint32_t cr4;         /* bits beyond those that SSE and PAE need */
};

#define PROGRAM_VIDEO_STATES 12

const char *program_mode_name(enum program_mode mode);

/* mode: PROGRAM_MODE_COUNT draws one. */
void program_generate(struct program *p, uint64_t seed, enum program_mode mode);

/* Puts it into a machine made with PROGRAM_MEMORY, a P4 and no_apic, ready to run. */
void program_load(const struct program *p, struct partition *machine);

/* The items that are not dropped, one a line. */
void program_print(const struct program *p, FILE *out);

#endif
