/* frontend/verify_opcode.h: which x86-64 instructions host code may consist of, by opcode. */
#ifndef UMBRA_FRONTEND_VERIFY_OPCODE_H
#define UMBRA_FRONTEND_VERIFY_OPCODE_H

#include "base/bits.h"

enum opcode_space { OPCODE_1B, OPCODE_0F, OPCODE_VEX };

struct host_opcode {
    uint8_t map;         /* enum opcode_space */
    uint8_t byte, modrm; /* not set for VEX */
    bool rep, w;         /* F3, REX.W */
};

/* bytes: one instruction (at least 15 can be read, or it is known to be one). */
void opcode_split(const uint8_t *bytes, struct host_opcode *o);

/* Is it one that host code has a use for? (VEX: never; the caller knows more of those.) Prefixes
 * other than 65, 66, 67, F0, F2, F3 and REX are refused as opcodes. */
bool opcode_allowed(const struct host_opcode *o);

/* The rest is for allowed ones. A memory operand, if there is one, is written. */
bool opcode_writes(const struct host_opcode *o);
/* It is a jump, of whatever kind; a CALL, or a RET. */
bool opcode_jumps(const struct host_opcode *o);
bool opcode_calls(const struct host_opcode *o);
bool opcode_returns(const struct host_opcode *o);

#endif
