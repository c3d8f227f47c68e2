/* partition/expr_program.h: what an expression (expr.h) is parsed into, for expr_parse.c and
 * expr.c: a program for a stack machine. Jumps go forward only, so a program ends. */
#ifndef UMBRA_PARTITION_EXPR_PROGRAM_H
#define UMBRA_PARTITION_EXPR_PROGRAM_H

#include "partition/expr.h"

#define OPS_MAX 512

enum op {
    OP_NUMBER,
    OP_NAME,    /* arg: number of the name */
    OP_SEGBASE, /* arg: enum seg_reg */
    OP_SELBASE, /* selector -> base */
    OP_ADDRESS, /* base, offset -> linear address, 32 bits */
    OP_LINEAR,  /* linear address -> memory; arg: bytes | SIGNED */
    OP_PHYSICAL,
    OP_NEG,
    OP_NOT,
    OP_INV,
    OP_BINARY,    /* arg: enum binary */
    OP_JUMP,      /* arg: where to */
    OP_JUMP_ZERO, /* takes the value */
    OP_AND_SHORT, /* value 0: leave 0 and jump, else drop it */
    OP_OR_SHORT,  /* value not 0: leave 1 and jump, else drop it */
    OP_BOOL,
};
#define SIGNED 0x100

enum binary {
    BIN_OROR,
    BIN_ANDAND,
    BIN_OR,
    BIN_XOR,
    BIN_AND,
    BIN_EQ,
    BIN_NE,
    BIN_LE,
    BIN_GE,
    BIN_SHL,
    BIN_SHR,
    BIN_LT,
    BIN_GT,
    BIN_ADD,
    BIN_SUB,
    BIN_MUL,
    BIN_DIV,
    BIN_MOD,
};

struct step {
    uint8_t op;
    uint16_t arg;
    uint16_t column;
    int64_t value;
};

struct expr {
    unsigned count;
    struct step step[];
};

#endif
