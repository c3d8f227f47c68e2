/* partition/pace.h: a guest that reads a clock over and over (the 8254's counter, the RTC, the PM
 * timer, a busy bit) waits for time to pass. On a PC each such read takes about a microsecond, the
 * cycle of a slow bus; here it takes a tenth of that, so a processor would be kept busy with ten
 * times as many reads, for nothing.
 *
 * So with the host's clock, and only in such a row, a read takes POLL_NS of virtual time. Virtual
 * time gets ahead of the host's that way; when that is half a millisecond, the thread sleeps until
 * the host's is there. The guest sees what it sees on a PC, delays last as long, and nothing is
 * known about its code. Reads that don't wait for time (a UART that is ready) are never slowed
 * down. */
#ifndef UMBRA_PARTITION_PACE_H
#define UMBRA_PARTITION_PACE_H

#include "base/bits.h"

#define POLL_ROW  64   /* so many reads in a row are waiting */
#define POLL_NEAR 256  /* instructions at most between two of a row */
#define POLL_NS   1000 /* what a read takes then */

struct pace {
    uint64_t last; /* instructions retired at the last read */
    uint32_t row;
    bool ahead; /* virtual time was moved since it was last compared with the host's */
};

/* A read that waits for time, at so many instructions. True: it is one of a row. */
static inline bool pace_polled(struct pace *p, uint64_t insns)
{
    bool near = insns - p->last <= POLL_NEAR;
    p->last = insns;
    p->row = near ? p->row + (p->row < POLL_ROW) : 0;
    p->ahead |= p->row >= POLL_ROW;
    return p->row >= POLL_ROW;
}

#endif
