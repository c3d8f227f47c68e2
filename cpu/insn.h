/* cpu/insn.h: a decoded instruction. The decoder makes it from guest bytes; nothing else looks at
 * raw guest bytes. 32 bytes, so that two share a cache line.
 *
 *   legacy prefixes | opcode (1-3) | ModRM | SIB | displacement | immediate      (SDM vol. 2, 2.1)
 *                                    mod reg rm    scale index base
 *                                    7 6 5 3 2 0   7 6   5   3 2  0 */
#ifndef UMBRA_CPU_INSN_H
#define UMBRA_CPU_INSN_H

#include "base/bits.h"

struct vcpu;
struct insn;

/* Executes *i and, by a tail call, those after it in its block. */
typedef void insn_handler(struct vcpu *c, const struct insn *i);

#define INSN_MAX_LEN 15 /* longer raises #GP(0) */
#define REG_NONE     16 /* base or index: no register (reads as 0 in vcpu.reg) */

enum insn_prefix {
    PREFIX_LOCK = 1,
    PREFIX_REPNE = 2, /* F2 */
    PREFIX_REP = 4,   /* F3 */
    PREFIX_OSIZE = 8, /* 66 */
    PREFIX_ASIZE = 16,
    PREFIX_SEG = 32, /* a segment override was given; it stands in seg */
};

struct insn {
    insn_handler *run; /* the interpreter's handler for this form */
    uint32_t imm;      /* immediate or branch displacement, sign-extended to 32 bits */
    uint32_t disp;     /* address displacement, sign-extended; or the second immediate:
                          ENTER's level, a far pointer's selector */
    uint16_t op;       /* row of the opcode table (enum opcode_row) */
    uint16_t offset;   /* of the first byte, from the start of the block */
    uint8_t len;       /* bytes, 1..15 */
    uint8_t modrm;     /* ModRM byte (mod is 3 where it is ignored), 0 when there is none */
    uint8_t reg;       /* ModRM.reg, or the register encoded in the opcode */
    uint8_t rm;        /* ModRM.rm when mod is 3 */
    uint8_t base;      /* 0..7 or REG_NONE; both 16 and 32-bit addressing */
    uint8_t index;     /* 0..7 or REG_NONE */
    uint8_t scale;     /* shift count, 0..3 */
    uint8_t seg;       /* segment of the memory operand, overrides applied (enum seg_reg) */
    uint8_t osize;     /* operand size in bytes: 2, 4 (8 in long mode) */
    uint8_t asize;     /* address size in bytes: 2, 4 (8) */
    uint8_t prefixes;  /* set of enum insn_prefix */
    uint8_t refusals : 3, fresh : 1, strays : 4; /* the translator's: what its accesses met (unit.h
                                                    there, fresh.h) */
};
_Static_assert(sizeof(struct insn) == 32, "struct insn is sized for the cache");

static inline bool insn_is_mem(const struct insn *i)
{
    return i->modrm < 0xC0;
}

#endif
