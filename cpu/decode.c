#include "cpu/decode.h"

/* Each handlers column is expanded twice: to declarations, then to the table's entries. */
#define H1(x)   insn_handler op_##x;
#define HS(x)   insn_handler op_##x##16, op_##x##32;
#define HRM(x)  insn_handler op_##x##_r, op_##x##_m;
#define HRMS(x) insn_handler op_##x##_r16, op_##x##_r32, op_##x##_m16, op_##x##_m32;
#define ROW(id, map, opcode, form, prefix, mnemonic, operands, reads, writes, models, feature, \
            attrs, handlers)                                                                   \
    handlers
#include "cpu/opcodes.def"
#undef ROW
#undef H1
#undef HS
#undef HRM
#undef HRMS

#define H1(x)                          \
    {                                  \
        op_##x, op_##x, op_##x, op_##x \
    }
#define HS(x)                                          \
    {                                                  \
        op_##x##16, op_##x##32, op_##x##16, op_##x##32 \
    }
#define HRM(x)                                         \
    {                                                  \
        op_##x##_m, op_##x##_m, op_##x##_r, op_##x##_r \
    }
#define HRMS(x)                                                \
    {                                                          \
        op_##x##_m16, op_##x##_m32, op_##x##_r16, op_##x##_r32 \
    }
#define OPS0      \
    {             \
        OPND_NONE \
    }
#define OPS1(a)  \
    {            \
        OPND_##a \
    }
#define OPS2(a, b)         \
    {                      \
        OPND_##a, OPND_##b \
    }
#define OPS3(a, b, c)                \
    {                                \
        OPND_##a, OPND_##b, OPND_##c \
    }
#define SINCE(first)       CPU_##first, CPU_P4
#define RANGE(first, last) CPU_##first, CPU_##last
#define ROW(id, map, opcode, form, prefix, mnemonic, operands, reads, writes, models, feature, \
            attrs, handlers)                                                                   \
    {mnemonic, MAP_##map, opcode, prefix, attrs,   form,                                       \
     operands, models,    reads,  writes, feature, handlers},
static const struct opcode table[OPCODE_ROWS] = {
    {.mnemonic = "(bad)"},
#include "cpu/opcodes.def"
};

const struct opcode *opcode_row(unsigned row)
{
    return &table[row];
}
