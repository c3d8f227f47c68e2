/* partition/spin.h: a guest that waits in a loop, without HLT, for an interrupt or for what its
 * handler leaves in memory: `jmp $`, while (ticks == before), a scheduler that finds nothing to do.
 *
 * Now and then, with the host's clock, some instructions are followed one by one. When the CPU
 * comes back to the very state it was in (all registers, and all memory that was written has what
 * it had), no device was asked and no interrupt taken on the way, then what follows is the same
 * round again, for ever, until something comes from outside: a timer, input. That is what a halted
 * CPU waits for, too, so the partition sleeps as it does then; the guest cannot tell. A loop that
 * counts, or that reads a clock (see pace.h), is none.
 *
 * A look that finds nothing is made ever more seldom, so that it costs a thousandth of the time. */
#ifndef UMBRA_PARTITION_SPIN_H
#define UMBRA_PARTITION_SPIN_H

#include "cpu/run.h"

struct partition;

struct spin {
    uint64_t due;      /* virtual ns of the next look */
    uint64_t interval; /* from one look to the next, ns */
    unsigned steps;    /* instructions of a round at most */
    unsigned tries;    /* looks left that expect the loop found last */
    uint64_t looks, found;
};

void spin_init(struct spin *s);

/* Looks, if it is time to, between two runs of the engine; the guest goes on meanwhile. Returns as
 * the engine does, and EXIT_HALT when the guest spins. Nothing is due before deadline_ns. */
enum vcpu_exit spin_look(struct partition *p, uint64_t deadline_ns);

/* The guest has waited: the next look is soon. */
void spin_waited(struct partition *p);

#endif
