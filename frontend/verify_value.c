/* frontend/verify_value.c: what --verify knows about each register: a value, that is a formula over
 * others (`struct value`), and what an instruction makes of it. */
#ifdef UMBRA_HAVE_CAPSTONE
#include "frontend/verify_state.h"

/* The register that a name of any width is a part of; R_NONE: none of the general ones. */
unsigned verify_register(x86_reg r)
{
    static const x86_reg names[R_COUNT][5] = {
        {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
        {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
        {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
        {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
        {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
        {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
        {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
        {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
        {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
        {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
        {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
        {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
        {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
        {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
        {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
        {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
    };
    for (unsigned n = 0; n < R_COUNT; n++) {
        for (unsigned k = 0; k < 5; k++) {
            if (r != X86_REG_INVALID && names[n][k] == r)
                return n;
        }
    }
    return R_NONE;
}

static uint16_t verify_new(struct verify *v, struct value value)
{
    if (v->values == VALUES) /* only reached by code that fails elsewhere: nothing is known of it */
        return 0;
    v->value[v->values] = value;
    return (uint16_t)v->values++;
}

/* Nothing is known but that guest registers have 32 bits. */
void verify_forget(struct verify *v)
{
    v->values = 1; /* 0 is never equal to what is asked for */
    v->value[0] = (struct value){0};
    v->pendings = 0;
    v->now = (struct state){.reached = true, .wide = (uint16_t)~GUEST_REGISTERS};
    for (unsigned r = 0; r < R_COUNT; r++)
        v->now.value[r] = verify_new(v, (struct value){0});
}

const struct value *verify_value_in(const struct verify *v, unsigned r)
{
    return &v->value[v->now.value[r]];
}

static void set(struct verify *v, unsigned r, unsigned bytes, struct value value)
{
    value.bytes = (uint8_t)bytes;
    v->now.value[r] = verify_new(v, value);
    if (bytes == 8)
        v->now.wide |= (uint16_t)(1u << r);
    else if (bytes == 4)
        v->now.wide &= (uint16_t) ~(1u << r);
}

bool verify_is_wide(const struct verify *v, unsigned r)
{
    return v->now.wide >> r & 1;
}

bool verify_is_field(const struct value *value, size_t offset)
{
    return value->kind == V_FIELD && value->bytes == 8 && value->imm == (int64_t)offset;
}

bool verify_is_pext(const struct value *value, size_t mask)
{
    return value->kind == V_PEXT && value->bytes == 4 && value->imm == (int64_t)mask;
}

/* The value whose page's entry an index (times two) finds; 0: it is no such index. */
uint16_t verify_indexed_by(const struct verify *v, uint16_t index)
{
    const struct value *twice = &v->value[index];
    if (twice->kind != V_DOUBLE || twice->bytes != 4)
        return 0;
    const struct value *pext = &v->value[twice->a];
    return verify_is_pext(pext, offsetof(struct vcpu, tlb.mask)) ? pext->a : 0;
}

/* --- Effects ---------------------------------------------------------------------------------- */

/* The value that LEA forms. With 64 bits a sum begins with a 32-bit address. */
static struct value lea_value(const struct verify *v, const x86_op_mem *m, unsigned bytes)
{
    unsigned base = verify_register(m->base), index = verify_register(m->index);
    if (base == R_NONE)
        return (struct value){0};
    uint16_t a = v->now.value[base];
    if (index == R_NONE)
        return (struct value){.kind = V_PLUS, .a = a, .imm = m->disp};
    if (m->disp || m->scale != 1 || (bytes == 8 && verify_is_wide(v, base)))
        return (struct value){0};
    if (base == index)
        return (struct value){.kind = V_DOUBLE, .a = a};
    return (struct value){.kind = V_SUM, .a = a, .b = v->now.value[index]};
}

static struct value load_value(const struct verify *v, const cs_x86_op *from)
{
    int table;
    bool addend;
    if (from->mem.base != X86_REG_R15)
        return (struct value){0};
    if (from->mem.index == X86_REG_INVALID)
        return (struct value){.kind = V_FIELD, .imm = from->mem.disp};
    if (!verify_tlb_operand(v, from, &table, &addend))
        return (struct value){0};
    return (struct value){
        .kind = addend ? V_ADDEND : V_NEGATIVE, .a = v->now.value[R_9], .imm = table};
}

/* SHRX of count + 4095 by 13, the count having 32 bits. */
static struct value shrx_value(const struct verify *v, const cs_x86_op *op)
{
    unsigned from = verify_register(op[1].reg), by = verify_register(op[2].reg);
    if (from == R_NONE || by == R_NONE)
        return (struct value){0};
    const struct value *sum = verify_value_in(v, from), *count = verify_value_in(v, by);
    if (sum->kind != V_PLUS || sum->bytes != 8 || sum->imm != REP_ROUND - 1 ||
        count->kind != V_CONST || count->imm != 13)
        return (struct value){0};
    return (struct value){.kind = V_ROUNDS, .a = sum->a};
}

/* What instruction i, with a register as first operand, puts there. *bytes may be made less. */
static struct value result_of(const struct verify *v, const cs_insn *i, unsigned *bytes)
{
    const cs_x86_op *op = i->detail->x86.operands;
    unsigned count = i->detail->x86.op_count;
    switch (i->id) {
    case X86_INS_LEA:
        return lea_value(v, &op[1].mem, *bytes);
    case X86_INS_MOV:
    case X86_INS_MOVABS:
        if (op[1].type == X86_OP_MEM && *bytes >= 4)
            return load_value(v, &op[1]);
        if (op[1].type == X86_OP_IMM && *bytes >= 4)
            return (struct value){.kind = V_CONST, .imm = op[1].imm};
        break;
    case X86_INS_PEXT:
        if (count == 3 && op[1].type == X86_OP_REG && op[2].type == X86_OP_MEM &&
            op[2].mem.base == X86_REG_R15 && verify_register(op[1].reg) != R_NONE && *bytes >= 4)
            return (struct value){.kind = V_PEXT,
                                  .a = v->now.value[verify_register(op[1].reg)],
                                  .imm = op[2].mem.disp};
        break;
    case X86_INS_MOVZX:
        if (op[1].type == X86_OP_REG && op[1].size == 2 && *bytes >= 4)
            return (struct value){.kind = V_LOW16};
        break;
    case X86_INS_SHRX: {
        struct value rounds = shrx_value(v, op);
        if (rounds.kind == V_ROUNDS)
            *bytes = 4; /* 33 bits less 13 */
        return rounds;
    }
    default:
        break;
    }
    return (struct value){0};
}

void verify_apply(struct verify *v, const cs_insn *i)
{
    cs_regs read, written;
    uint8_t reads = 0, writes = 0;
    const cs_x86 *x = &i->detail->x86;
    unsigned first = x->op_count && x->operands[0].type == X86_OP_REG
                         ? verify_register(x->operands[0].reg)
                         : R_NONE;
    unsigned bytes = first != R_NONE ? x->operands[0].size : 0;
    bool is_copy = i->id == X86_INS_MOV && x->operands[1].type == X86_OP_REG && bytes >= 4;
    unsigned from = is_copy ? verify_register(x->operands[1].reg) : R_NONE;
    if (from != R_NONE && first != R_NONE && (bytes == 8 || !verify_is_wide(v, from))) {
        v->now.value[first] = v->now.value[from];
        bool wide = bytes == 8 && verify_is_wide(v, from);
        v->now.wide = (uint16_t)((v->now.wide & ~(1u << first)) | (unsigned)wide << first);
        return;
    }
    struct value result = first != R_NONE ? result_of(v, i, &bytes) : (struct value){0};
    if (cs_regs_access(v->capstone, i, read, &reads, written, &writes) == CS_ERR_OK) {
        for (unsigned n = 0; n < writes; n++) {
            unsigned r = verify_register(written[n]);
            if (r != R_NONE)
                set(v, r, 0, (struct value){0});
        }
    }
    for (unsigned n = 1; n < x->op_count; n++) { /* XCHG, XADD */
        unsigned r =
            x->operands[n].type == X86_OP_REG ? verify_register(x->operands[n].reg) : R_NONE;
        if (r != R_NONE && (i->id == X86_INS_XCHG || i->id == X86_INS_XADD))
            set(v, r, x->operands[n].size, (struct value){0});
    }
    if (first != R_NONE)
        set(v, first, bytes, result);
}

#endif
