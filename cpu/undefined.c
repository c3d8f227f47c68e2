/* cpu/undefined.c: see undefined.h. The rows of one mnemonic have the same effect, so the table is
 * by mnemonic. */
#include "cpu/undefined.h"

/* What the mnemonic leaves undefined; also flags that the opcode table says are kept because
 * processors do keep them (BT and its kin). */
static const struct {
    const char *mnemonic;
    uint32_t flags;
} undefined[] = {
    {"mul", F_OSZAP & ~FLAG_OF},
    {"imul", F_OSZAP & ~FLAG_OF},
    {"div", F_OSZAPC},
    {"idiv", F_OSZAPC},
    {"and", F_A},
    {"or", F_A},
    {"xor", F_A},
    {"test", F_A},
    {"daa", F_O},
    {"das", F_O},
    {"aaa", F_SZO | F_P},
    {"aas", F_SZO | F_P},
    {"aam", F_O | F_AC},
    {"aad", F_O | F_AC},
    {"bsf", F_OSZAPC & ~F_Z},
    {"bsr", F_OSZAPC & ~F_Z},
    {"bt", F_O | F_S | F_A | F_P},
    {"bts", F_O | F_S | F_A | F_P},
    {"btr", F_O | F_S | F_A | F_P},
    {"btc", F_O | F_S | F_A | F_P},
};

static bool has_operand(const struct opcode *row, enum operand operand)
{
    return row->operands[0] == operand || row->operands[1] == operand ||
           row->operands[2] == operand;
}

static bool is_one_of(const char *m, const char *const *names, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        if (strcmp(m, names[n]) == 0)
            return true;
    }
    return false;
}

static unsigned shift_count(const struct insn *i, const struct opcode *row, uint32_t ecx)
{
    if (has_operand(row, OPND_One))
        return 1;
    return (has_operand(row, OPND_CL) ? ecx : i->imm) & 31;
}

static struct flag_effect shift_effect(const struct insn *i, const struct opcode *row, uint32_t ecx)
{
    struct flag_effect e = {0};
    unsigned count = shift_count(i, row, ecx);
    unsigned bits = has_operand(row, OPND_Eb) ? 8 : i->osize * 8u;
    const char *m = row->mnemonic;
    if (!count)
        return e;
    e.writes = row->writes;
    e.undefined = count == 1 ? 0 : FLAG_OF;
    if (m[0] == 'r') { /* rotates */
        e.reads = m[1] == 'c' ? FLAG_CF : 0;
        return e;
    }
    e.undefined |= FLAG_AF;
    if (m[3] == 'd' && count > bits) { /* SHLD, SHRD */
        e.undefined = F_OSZAPC;
        e.result_undefined = true;
    } else if (m[1] == 'h' && count >= bits) {
        e.undefined |= FLAG_CF;
    }
    return e;
}

struct flag_effect insn_flag_effect(const struct insn *i, uint32_t ecx)
{
    static const char *const shifts[] = {"rol", "ror", "rcl",  "rcr", "shl",
                                         "shr", "sar", "shld", "shrd"};
    static const char *const pushers[] = {"int", "int1", "int3", "into"};
    const struct opcode *row = opcode_row(i->op);
    const char *m = row->mnemonic;
    if (is_one_of(m, shifts, ARRAY_LEN(shifts)))
        return shift_effect(i, row, ecx);
    struct flag_effect e = {.reads = row->reads, .writes = row->writes};
    if (is_one_of(m, pushers, ARRAY_LEN(pushers)))
        e.reads = F_OSZAPC;
    if (i->prefixes & (PREFIX_REP | PREFIX_REPNE) && row->attrs & STRING &&
        !(i->asize == 2 ? ecx & 0xFFFF : ecx))
        e.writes = 0;
    e.result_undefined = i->osize == 2 && strcmp(m, "bswap") == 0;
    for (unsigned n = 0; n < ARRAY_LEN(undefined); n++) {
        if (strcmp(m, undefined[n].mnemonic) == 0) {
            e.undefined = undefined[n].flags;
            e.writes |= e.undefined;
        }
    }
    return e;
}
