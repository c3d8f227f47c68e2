/* cpu/history.h: how did it get here: rings of what the vCPU did last.
 *
 * Deliveries (interrupts, exceptions, INT n), mode changes and resets are always kept, the last
 * HISTORY_EVENTS of them: a store of 32 bytes beside work that is far longer. Blocks entered are
 * kept when vcpu.history_blocks is set, the last HISTORY_BLOCKS.
 *
 * Contract for engines. Events are recorded by cpu/, where all of them happen. While
 * vcpu.history_blocks is set, an engine calls history_block for each block that it enters, with eip
 * current; one that chains blocks without coming back must not do so then. The flag changes only
 * between two runs, and vcpu.interpret is set with it: an engine that hands over to interp_run
 * while that is set has nothing else to do.
 *
 * Not part of the machine's state: nothing of it is saved, nothing the guest sees depends on it. */
#ifndef UMBRA_CPU_HISTORY_H
#define UMBRA_CPU_HISTORY_H

#include "cpu/state.h"

#define HISTORY_EVENTS 1024u
#define HISTORY_BLOCKS 4096u

enum history_kind {
    HISTORY_INTERRUPT, /* INTR or NMI: vector */
    HISTORY_EXCEPTION, /* vector, detail: error code or 0, cr2 of a page fault */
    HISTORY_SOFTWARE,  /* INT n and its like: vector */
    HISTORY_MODE,      /* detail: the old mode in bits 15..8, the new one in 7..0 */
    HISTORY_RESET,
    HISTORY_BLOCK, /* from: where the block begins */
};

struct history_entry {
    uint64_t insns; /* retired before it */
    uint32_t from_eip, to_eip;
    uint16_t from_cs, to_cs;
    uint8_t kind, vector;
    uint8_t mode; /* enum vcpu_mode, afterwards */
    uint32_t detail, cr2;
};

struct history_block {
    uint64_t insns;
    uint32_t eip;
    uint16_t cs;
    uint8_t mode;
};

struct history {
    uint64_t events, blocks;                       /* recorded so far */
    uint64_t delivered[HISTORY_SOFTWARE + 1][256]; /* by kind and vector */
    struct history_entry event[HISTORY_EVENTS];
    struct history_block *block; /* HISTORY_BLOCKS, or NULL: never asked for */
};

/* NULL when out of memory. */
struct history *history_create(void);
void history_destroy(struct history *h);
void history_clear(struct history *h);

/* Turns the recording of blocks on or off; not while the engine runs. False when out of memory. */
must_use bool history_blocks_on(struct vcpu *c, bool on);

/* Entry number n, 0 the latest, events and blocks merged by time; false beyond the oldest. Reading
 * all of them is linear in their number when n grows by one each time. */
struct history_cursor {
    uint64_t event, block; /* how many of each are behind us */
};
bool history_next(const struct history *h, struct history_cursor *at, struct history_entry *out);

/* --- For cpu/ and engines */

void history_event(struct vcpu *c, enum history_kind kind, uint16_t from_cs, uint32_t from_eip,
                   uint8_t vector, uint32_t detail);

static inline void history_block(struct vcpu *c)
{
    struct history *h = c->history;
    h->block[h->blocks++ % HISTORY_BLOCKS] = (struct history_block){
        c->insns, (uint32_t)c->eip, c->seg[SEG_CS].selector, (uint8_t)c->mode};
}

#endif
