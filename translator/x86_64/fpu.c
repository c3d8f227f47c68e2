/* translator/x86_64/fpu.c: x87, MMX and SSE instructions: emitted as they are, on the host's
 * registers of the same kind. Before the first of a unit stands a guard (translator/fpu.h).
 *
 * What works on more than its operands stays with the handlers: images of the whole state, stores
 * under a mask to DS:EDI. */
#include "translator/x86_64/emit.h"

enum kind {
    NOT_FPU,
    FPU_HANDLER, /* of the x87 or MMX, but by its handler */
    FPU_X,       /* x87 or MMX */
    FPU_SSE,     /* SSE, on XMM registers alone */
    FPU_BOTH,    /* SSE, on an MMX register too */
};

static bool is_escape(const struct opcode *row)
{
    return row->map == MAP_1B && (row->opcode & 0xF8) == 0xD8;
}

static bool is_mmx_operand(unsigned o)
{
    return o == OPND_Pd || o == OPND_Pq || o == OPND_Qd || o == OPND_Qq || o == OPND_Nq;
}

static bool is_xmm_operand(unsigned o)
{
    return o >= OPND_Vd && o <= OPND_Udq;
}

static enum kind kind_of(unsigned op)
{
    switch (op) {
    case OPROW_x87_d9_m4: /* FLDENV, FNSTENV, FRSTOR, FNSAVE */
    case OPROW_x87_d9_m6:
    case OPROW_x87_dd_m4:
    case OPROW_x87_dd_m6:
    case OPROW_x87_db_r40: /* FNENI, FNDISI, FNSETPM */
    case OPROW_x87_db_r41:
    case OPROW_x87_db_r44:
    case OPROW_fxsave:
    case OPROW_fxrstor:
    case OPROW_maskmovq:
        return FPU_HANDLER;
    case OPROW_maskmovdqu:
        return NOT_FPU;
    case OPROW_fwait:
    case OPROW_emms:
        return FPU_X;
    case OPROW_ldmxcsr:
    case OPROW_stmxcsr:
        return FPU_SSE;
    default:
        break;
    }
    const struct opcode *row = opcode_row(op);
    if (is_escape(row))
        return FPU_X;
    if (row->map == MAP_1B) /* which has no others */
        return NOT_FPU;
    bool mmx = false, xmm = false;
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        mmx |= is_mmx_operand(row->operands[n]);
        xmm |= is_xmm_operand(row->operands[n]);
    }
    return mmx && xmm ? FPU_BOTH : mmx ? FPU_X : xmm ? FPU_SSE : NOT_FPU;
}

bool backend_uses_x87(const struct insn *i)
{
    enum kind k = kind_of(i->op);
    return k == FPU_HANDLER || k == FPU_X || k == FPU_BOTH;
}

bool backend_x87_notes_operand(const struct insn *i)
{
    const struct opcode *row = opcode_row(i->op);
    if (!is_escape(row) || !insn_is_mem(i))
        return false;
    unsigned escape = row->opcode & 7;
    return !(escape == 1 && i->reg >= 4) && !(escape == 5 && (i->reg & 4)); /* D9 /4-7, DD /4-7 */
}

/* Those whose results differ from chip to chip: approximations; and whether an unmasked exception
 * of a conversion to an MMX register comes before the move to MMX state. */
static bool differs_by_chip(unsigned op)
{
    switch (op) {
    case OPROW_cvtpi2ps:
    case OPROW_cvtps2pi:
    case OPROW_cvttps2pi:
    case OPROW_cvtpd2pi:
    case OPROW_cvttpd2pi:
    case OPROW_x87_d9_r60: /* F2XM1, FYL2X, FPTAN, FPATAN */
    case OPROW_x87_d9_r61:
    case OPROW_x87_d9_r62:
    case OPROW_x87_d9_r63:
    case OPROW_x87_d9_r71: /* FYL2XP1, FSINCOS, FSIN, FCOS */
    case OPROW_x87_d9_r73:
    case OPROW_x87_d9_r76:
    case OPROW_x87_d9_r77:
    case OPROW_rcpps:
    case OPROW_rcpss:
    case OPROW_rsqrtps:
    case OPROW_rsqrtss:
        return true;
    default:
        return false;
    }
}

/* The memory operand is written. x87: by escape, a set of ModRM.reg. */
static bool writes_memory(const struct opcode *row, const struct insn *i)
{
    static const uint8_t stores[8] = {
        [1] = 1 << 2 | 1 << 3 | 1 << 7,          /* D9: FST, FSTP, FNSTCW */
        [3] = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7, /* DB: FISTTP, FIST, FISTP, FSTP */
        [5] = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7, /* DD: FISTTP, FST, FSTP, FNSTSW */
        [7] =
            1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7, /* DF: FISTTP, FIST, FISTP, FBSTP, FISTP */
    };
    if (is_escape(row))
        return stores[row->opcode & 7] >> i->reg & 1;
    switch (row->operands[0]) {
    case OPND_Ed:
    case OPND_Qq:
    case OPND_Wd:
    case OPND_Wq:
    case OPND_Wdq:
    case OPND_Mq:
    case OPND_Mdq:
        return true;
    default:
        return i->op == OPROW_stmxcsr;
    }
}

static void put_guard(struct emit *e, enum fpu_level level)
{
    if (e->fpu >= level)
        return;
    e->fpu = level;
    int32_t at = level == FPU_ALL ? -FPU_GUARD_STEP : 0;
    asm_load32(&e->code, R11, place_mem(FPU_GUARD, at));
}

/* The value goes by way of the vCPU: it must have no bits that the guest's CPU lacks, whatever the
 * host's has. */
static void put_ldmxcsr(struct emit *e)
{
    asm_load32(&e->code, R11, emit_memory(e, insn_place(e->i), 4, false));
    asm_mov32(&e->code, R12, RCX);
    asm_pext32(&e->code, RCX, R11, FIELD_OF(translated.mxcsr_none));
    uint8_t *well = asm_jecxz(&e->code);
    emit_slow(e, asm_jmp(&e->code, NULL), true);
    asm_land8(&e->code, well);
    asm_mov32(&e->code, RCX, R12);
    asm_store32(&e->code, FIELD_OF(mxcsr), R11);
    asm_modrm(&e->code, &(struct form){.map = ASM_0F, .opcode = 0xAE}, 2, FIELD_OF(mxcsr));
}

static uint8_t prefix_of(const struct opcode *row)
{
    return row->prefix == PFX_66   ? 0x66
           : row->prefix == PFX_F2 ? 0xF2
           : row->prefix == PFX_F3 ? 0xF3
                                   : 0;
}

/* What the host's data pointer does not tell of the operand: see note_operand. */
static void put_operand_note(struct emit *e, const struct insn *i, struct place p)
{
    if (!p.window)
        asm_store32(&e->code, FIELD_OF(translated.x87_linear), R10);
    if (key_segment(e->u->key, i->seg) == SEGMENT_FLAT)
        return;
    size_t base = offsetof(struct vcpu, seg) + i->seg * sizeof(struct segment) +
                  offsetof(struct segment, base);
    asm_load32(&e->code, R11, vcpu_field(base));
    asm_store32(&e->code, FIELD_OF(translated.x87_base), R11);
}

static void put_as_it_is(struct emit *e)
{
    const struct insn *i = e->i;
    const struct opcode *row = opcode_row(i->op);
    struct form f = {
        .map = row->map, .opcode = row->opcode, .prefix = prefix_of(row), .imm = i->imm};
    unsigned reg = i->reg, rm = i->rm;
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        unsigned o = row->operands[n];
        if (o == OPND_Ib)
            f.imm_size = 1;
        else if (o == OPND_Gd)
            reg = host_reg(i->reg);
        else if (o == OPND_Ed || o == OPND_Rd)
            rm = host_reg(i->rm);
    }
    struct place p = place_reg(rm);
    if (insn_is_mem(i))
        p = emit_memory(e, insn_place(i), memory_size(i), writes_memory(row, i));
    asm_modrm(&e->code, &f, reg, p);
    if (backend_x87_notes_operand(i))
        put_operand_note(e, i, p);
}

unsigned backend_sse_accesses_memory(const struct insn *i, bool *writes)
{
    *writes = writes_memory(opcode_row(i->op), i);
    return kind_of(i->op) == FPU_SSE && insn_is_mem(i) ? memory_size(i) : 0;
}

unsigned backend_fpu_writes_memory(const struct insn *i)
{
    enum kind k = kind_of(i->op);
    bool native = k == FPU_X || k == FPU_SSE || k == FPU_BOTH;
    return native && insn_is_mem(i) && writes_memory(opcode_row(i->op), i) ? memory_size(i) : 0;
}

bool emit_fpu(struct emit *e)
{
    unsigned op = e->i->op;
    enum kind k = kind_of(op);
    /* Intel's move to MMX state also when this one's operand is in memory, AMD's do not. */
    bool other_state = op == OPROW_cvtpi2ps && insn_is_mem(e->i);
    if (k == NOT_FPU || k == FPU_HANDLER || other_state || !(e->u->key & KEY_FPU) ||
        (e->t->fpu.exact && differs_by_chip(op)))
        return false;
    put_guard(e, k == FPU_X ? FPU_X87 : FPU_ALL);
    if (op == OPROW_fwait)
        asm_8(&e->code, 0x9B);
    else if (op == OPROW_emms)
        asm_bytes(&e->code, "\x0F\x77", 2);
    else if (op == OPROW_ldmxcsr)
        put_ldmxcsr(e);
    else
        put_as_it_is(e);
    return true;
}
