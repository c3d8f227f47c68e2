/* partition/trace.h: one instruction of a machine at a time, and what is known of it: for lockstep
 * (partition/lockstep.h), which has to know what ran when two engines disagree. The machine's clock
 * counts instructions (CLOCK_INSNS). */
#ifndef UMBRA_PARTITION_TRACE_H
#define UMBRA_PARTITION_TRACE_H

#include "partition/partition.h"

#define TRACE_KEPT 64

struct traced_insn {
    uint64_t insns; /* retired before it */
    uint16_t cs;
    uint32_t eip, pc; /* pc: linear */
    bool code32;
    uint8_t len; /* 0: it could not be fetched or decoded */
    uint8_t bytes[15];
    bool faulted;     /* it raised an exception, which was delivered */
    bool interrupted; /* an interrupt was delivered first: what ran is its handler's first */
};

struct trace {
    struct traced_insn insn[TRACE_KEPT]; /* a ring: the latest is insn[(count - 1) % TRACE_KEPT] */
    uint64_t count;
    /* Arithmetic flags, by what was traced so far. */
    uint32_t known;            /* written: the bits below tell */
    uint32_t undefined;        /* written last by an instruction that leaves them undefined */
    uint64_t undefined_reads;  /* instructions and events that depended on undefined flags */
    uint32_t undefined_reader; /* pc of the last of these */
};

/* Nothing traced. all_known: the flags as they are count as written, and defined. */
void trace_start(struct trace *t, bool all_known);

/* Runs one instruction of p and notes it. */
enum partition_end trace_insn(struct trace *t, struct partition *p, uint64_t until_ns);

/* Runs p to virtual time until_ns, noting everything. */
enum partition_end trace_run(struct trace *t, struct partition *p, uint64_t until_ns);

#endif
