/* translator/jumps.h: where indirect jumps, and jumps to other pages, go: host code by eip, or by
 * CS:IP (unit_token).
 *
 * There is a table for each code segment (one for all of 8086 code), address space and key met
 * lately. It is as good as a TLB: what the guest flushes is dropped from it before it is used
 * again. INVLPG drops that page's entries alone. At MOV CR3 a CPU may take up again at once what
 * the page tables say of pages that were accessed before: so a table remembers the pages of code
 * that it leads to, with their page table entries, and keeps those whose entries are as they were.
 * (A process that is switched to finds its code where it left it: two loads for each page in place
 * of a miss for each target.) With CR4.PGE the tables of supervisor code serve all address spaces,
 * as the TLB's global entries do: a kernel's code stays known over process switches.
 *
 * A table's index is the sum of the target's halves (jump_slot). There must be many: programs jump
 * to aligned addresses in many pages, and two targets that share an index take turns in missing. */
#ifndef UMBRA_TRANSLATOR_JUMPS_H
#define UMBRA_TRANSLATOR_JUMPS_H

#include "translator/translator.h"

#define JUMP_BITS       16 /* see jump_slot */
#define JUMP_SLOTS      (1u << JUMP_BITS)
#define JUMP_PAGES      1000 /* that are remembered: large programs run in hundreds */
#define JUMP_FEW_PAGES  64   /* looking at so many costs next to nothing */
#define JUMP_LOOKS      64   /* of a page cost as much as a target that is missed */
#define JUMP_PAGE_BITS  11
#define JUMP_PAGE_INDEX (1u << JUMP_PAGE_BITS) /* places in their index: more than pages */

/* A page of code that a jump table leads to. */
struct jump_page {
    uint32_t page;         /* linear address >> PAGE_SHIFT */
    bool live;             /* its slots are valid */
    bool global;           /* whoever looked said so */
    bool crosses;          /* a unit begins with an instruction that reaches into the next page */
    const uint8_t *host;   /* where its units' code lies in machine memory */
    struct code_seen seen; /* how it lies in machine memory */
};

/* Host code by token, for one mode and address space. */
struct jump_table {
    unsigned index;   /* of all tables */
    uint32_t cs_base; /* its code segment; with `far` it is for all */
    bool far;         /* for many code segments: KEY_FAR */
    bool shared;      /* by all address spaces: what is not global goes when the root changes */
    uint64_t root, code_len;
    uint64_t flushes, all_flushes, page_flushes; /* the TLB's, when it was brought up to date */
    unsigned code_pages;            /* in code; JUMP_PAGES + 1: there are others, too */
    uint64_t looked, noted;         /* pages looked at, and targets put in, since it was cleared */
    uint64_t used_at;               /* for replacing the one unused longer */
    uint64_t used[JUMP_SLOTS / 64]; /* bit per slot: leads to a unit */
    uint64_t global[JUMP_SLOTS / 64];          /* ... of a global page */
    uint64_t used_words[JUMP_SLOTS / 64 / 64]; /* bit per word of used: not zero */
    uint8_t where[JUMP_SLOTS]; /* used slots: which page, more or less (where_of in jumps.c) */
    uint64_t pages[256];       /* bit per hash of a page: a target may stand in it (jumps.c) */
    struct jump_page code[JUMP_PAGES];
    uint16_t code_index[JUMP_PAGE_INDEX]; /* by hash: number in code, plus 1 */
    const uint8_t **slot;                 /* JUMP_SLOTS */
};

/* The slot of a target: the halves of its token (unit_token) added up, so that what is aligned
 * alike in many pages does not share the few slots that are. Host code computes it, too
 * (emit_jump_slot). Within a page, and a code segment, slots are in the order of the targets. */
static inline unsigned jump_slot(uint32_t token)
{
    return (token + (token >> JUMP_BITS)) & (JUMP_SLOTS - 1);
}

must_use bool jumps_init(struct translator *t);
void jumps_free(struct translator *t);

/* Indirect jumps go through the table for key, address space and code segment from now on. */
void jumps_choose(struct translator *t, uint32_t key);

/* The same when that is table, which was chosen for key before, and nothing but single pages was
 * flushed since. */
void jumps_use(struct translator *t, struct jump_table *table, uint32_t key);

/* The table chosen leads to u from now on. */
void jumps_note(struct translator *t, struct unit *u);

/* u goes. */
void jumps_forget(struct translator *t, const struct unit *u);
void jumps_forget_all(struct translator *t);

#endif
