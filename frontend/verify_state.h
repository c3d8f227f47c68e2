/* frontend/verify_state.h: what the files of the checker (frontend/verify*.c) share; nobody else
 * includes it.
 *
 *   verify.c         the walk over a unit, jumps
 *   verify_value.c   what is known of registers, and what an instruction does to it
 *   verify_memory.c  which memory operands are allowed
 *   verify_opcode.c  which instructions are
 *
 * Only where there is Capstone. */
#ifndef UMBRA_FRONTEND_VERIFY_STATE_H
#define UMBRA_FRONTEND_VERIFY_STATE_H

#include <capstone.h>

#include "cpu/run.h"
#include "frontend/verify.h"
#include "frontend/verify_opcode.h"
#include "translator/translator.h"

#define UNIT_MAX_BYTES 65536
#define VALUES         4096
#define PENDING        64 /* jumps out of one guest instruction, mostly to slow paths */

enum host_register {
    R_AX,
    R_CX,
    R_DX,
    R_BX,
    R_SP,
    R_BP,
    R_SI,
    R_DI,
    R_8,
    R_9,
    R_10,
    R_11,
    R_12,
    R_13,
    R_14,
    R_15,
    R_COUNT,
    R_NONE = 0xFF
};
#define GUEST_REGISTERS 0x01EF /* eax..edi but esp, which is r8 */

enum value_kind {
    V_UNKNOWN,
    V_CONST,    /* imm */
    V_FIELD,    /* of the vCPU, at offset imm */
    V_PEXT,     /* of a, by the mask in the vCPU at offset imm */
    V_PLUS,     /* a + imm */
    V_SUM,      /* a + b */
    V_DOUBLE,   /* a + a */
    V_LOW16,    /* below 65536 */
    V_ROUNDS,   /* (a + REP_ROUND - 1) >> 13 */
    V_NEGATIVE, /* of entry a (V_DOUBLE of its index) of TLB table imm */
    V_ADDEND,   /* the same */
};

struct value {
    uint8_t kind, bytes; /* bytes: 4 or 8 it was cut to; else unknown */
    uint16_t a, b;
    int64_t imm;
};

struct state {
    bool reached;
    uint16_t value[R_COUNT];
    uint16_t wide; /* registers whose upper half may not be zero */
    /* A lookup hit: table's entry for the page of value hit holds hit + last, too. */
    bool has_hit;
    uint16_t hit;
    int last, table;
    uint16_t few; /* a value that is at most REP_ROUND; 0: none */
};

struct verify {
    csh capstone;
    cs_insn *insn;
    const struct unit_code *code;
    uint8_t starts[UNIT_MAX_BYTES + 1];   /* an instruction begins here */
    uint8_t enters[UNIT_MAX_BYTES + 1];   /* the unit may be entered here */
    uint8_t incoming[UNIT_MAX_BYTES + 1]; /* jumps that go here, as far as seen; at most 255 */
    struct state now;
    struct value value[VALUES];
    unsigned values;
    struct {
        uint32_t to;
        struct state state;
    } pending[PENDING];
    unsigned pendings;
    uint64_t units;
    char violation[1024];
};

/* --- Registers and values (verify_value.c) ---------------------------------------------------- */

/* The register that a name of any width is a part of; R_NONE: none of the general ones. */
unsigned verify_register(x86_reg r);
/* Nothing is known but that guest registers have 32 bits. */
void verify_forget(struct verify *v);
const struct value *verify_value_in(const struct verify *v, unsigned r);
/* May the upper half of r not be zero? */
bool verify_is_wide(const struct verify *v, unsigned r);
bool verify_is_field(const struct value *value, size_t offset);
bool verify_is_pext(const struct value *value, size_t mask);
/* The value whose page's entry an index (times two) finds; 0: it is no such index. */
uint16_t verify_indexed_by(const struct verify *v, uint16_t index);
/* What is known after i. */
void verify_apply(struct verify *v, const cs_insn *i);

/* --- Memory operands (verify_memory.c) -------------------------------------------------------- */

bool verify_is_load(const cs_insn *i);
/* [r15 + r9*8 + disp]: which table, and is it the addend? */
bool verify_tlb_operand(const struct verify *v, const cs_x86_op *o, int *table, bool *addend);
/* What is wrong about operand o of i, of opcode ob; NULL: nothing. */
const char *verify_memory(const struct verify *v, const cs_insn *i, const struct host_opcode *ob,
                          const cs_x86_op *o);

#endif
