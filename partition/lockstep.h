/* partition/lockstep.h: two engines run the same guest side by side and must agree.
 *
 *     reference   the interpreter, cut into other pieces and traced where need be
 *     tested      the engine under test, uncut
 *
 * Both are partitions made from the same configuration, with the clock that counts instructions
 * (CLOCK_INSNS), so that each has one course only. They run in steps: the same number of
 * instructions, random but from a seed, up to the same virtual time; input enters both at the same
 * instants. After each step the vCPUs are compared, every check_insns memory and devices too.
 *
 * A difference is then located by running both again from the start: first to the step, then to the
 * instruction, or, when it goes away in single steps, to the shortest uncut run that shows it.
 *
 * Flags that the manual leaves undefined may differ (cpu/undefined.h): the tested machine then gets
 * the reference's. What ran last in the step is traced to know which they are; where that does not
 * tell, the step is run again with all of it traced. A difference in anything else is excused only
 * when the guest consumed undefined flags in that step (pushed them, or had an interrupt push them)
 * and nothing differs when both are stepped with equal flags; how often is counted in the result.
 *
 * One thread drives both. Nothing here is used when guests run in earnest. */
#ifndef UMBRA_PARTITION_LOCKSTEP_H
#define UMBRA_PARTITION_LOCKSTEP_H

#include <stdio.h>

#include "partition/compare.h"
#include "partition/trace.h"

enum lockstep_side { LOCKSTEP_REFERENCE, LOCKSTEP_TESTED, LOCKSTEP_SIDES };

/* Who calls makes the machines and looks after them. */
struct lockstep_host {
    void *ctx;
    /* A machine in its power-on state; may be called again after unmake, to run from the start.
     * NULL: it cannot be made, error says why. */
    struct partition *(*make)(void *ctx, enum lockstep_side side, char *error, size_t error_len);
    void (*unmake)(void *ctx, enum lockstep_side side, struct partition *p);
    /* 60 times a second of virtual time, on both sides: may post input. NULL: none. */
    void (*tick)(void *ctx, enum lockstep_side side, struct partition *p);
    /* Looked at after each step; true ends the run. NULL: never. */
    bool (*is_over)(void *ctx);
    /* One instruction as text into out, for the report. NULL: mnemonics only. */
    void (*disassemble)(void *ctx, const struct traced_insn *insn, char *out, size_t out_len);
    /* What the engine under test has to say about its code at pc, to the report. NULL: nothing. */
    void (*explain)(void *ctx, struct partition *tested, uint32_t pc, FILE *report);
    FILE *report; /* differences are told here; NULL: nowhere */
};

struct lockstep_options {
    uint64_t step_max;    /* instructions in a step: 1 to so many */
    uint64_t check_insns; /* about so many between looks at memory and devices; 0: each step */
    uint64_t insns;       /* the run is over after so many, */
    uint64_t until_ns;    /* or at this virtual time; 0: none */
    uint64_t seed;        /* of the steps' lengths */
};

struct lockstep_result {
    uint64_t steps, insns, checks;
    uint64_t undefined_flags; /* steps after which undefined flags differed */
    uint64_t traced_again;    /* steps run again because the trace did not tell */
    uint64_t fpu_pointers;    /* steps after which these differed */
    uint64_t pushed_flags;    /* bytes of memory that differed as undefined flags do */
    uint64_t excused;         /* other differences that came from undefined flags */
    enum partition_end end;   /* of both; PARTITION_RUNNING: the run was over first */
    struct differences found; /* LOCKSTEP_DIFFERENT: the first */
    struct traced_insn at;    /* LOCKSTEP_DIFFERENT: the instruction after which, when located */
    bool located;
};

enum lockstep_end {
    LOCKSTEP_SAME,
    LOCKSTEP_DIFFERENT,
    LOCKSTEP_FAILED, /* a machine could not be made: the report says why */
};

enum lockstep_end lockstep_run(const struct lockstep_host *host,
                               const struct lockstep_options *options,
                               struct lockstep_result *result);

#endif
