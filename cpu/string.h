/* cpu/string.h: repeated string instructions, a round (cpu/run.h) at a time, for engines that have
 * a quicker way to them than their handlers. */
#ifndef UMBRA_CPU_STRING_H
#define UMBRA_CPU_STRING_H

#include "cpu/insn.h"

enum string_round {
    STRING_DONE, /* the instruction is finished, with this round */
    STRING_MORE, /* a round is done, more remain */
    STRING_SLOW, /* the rest of this round is for the handler: it touches what is not in the TLB */
};

/* Does one round of i. Raises nothing, looks at no event; registers and flags are up to date after
 * it. Only while nothing steps. */
typedef enum string_round string_rounds(struct vcpu *c, const struct insn *i);

/* What does i's rounds, or NULL when i is no repeated string instruction on memory alone. */
string_rounds *string_rounds_of(const struct insn *i);

#endif
