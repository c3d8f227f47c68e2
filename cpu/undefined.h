/* cpu/undefined.h: what an instruction does to the arithmetic flags, those that it leaves undefined
 * set apart (SDM vol. 1, appendix A; vol. 2, "Flags Affected" of each).
 *
 * The opcode table's column `writes` counts undefined flags as written, which is right for whoever
 * asks what is lost. Who compares two CPUs must know more: an undefined flag may differ and nobody
 * is wrong. */
#ifndef UMBRA_CPU_UNDEFINED_H
#define UMBRA_CPU_UNDEFINED_H

#include "cpu/decode.h"

/* Sets of FLAGS_ARITH bits. */
struct flag_effect {
    uint32_t reads;        /* flags that what it does depends on */
    uint32_t writes;       /* flags that do not simply stay as they are, undefined ones included */
    uint32_t undefined;    /* of writes: any value is right */
    bool result_undefined; /* so is what it writes to its destination */
};

/* The effect of *i when run to its end on a CPU since the 286; ecx is ECX before it (shift and
 * repeat counts). A count of zero writes nothing. */
struct flag_effect insn_flag_effect(const struct insn *i, uint32_t ecx);

#endif
