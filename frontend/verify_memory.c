/* frontend/verify_memory.c: which memory operands of host code --verify allows: in the window, in
 * the vCPU, or where a lookup in the soft TLB hit. */
#ifdef UMBRA_HAVE_CAPSTONE
#include "frontend/verify_state.h"

#include "translator/jumps.h"

bool verify_is_load(const cs_insn *i)
{
    return i->id == X86_INS_MOV && i->detail->x86.operands[1].type == X86_OP_MEM;
}

static unsigned view_of(const struct unit_code *code)
{
    return code->key & KEY_USER ? TLB_USER : TLB_SUPERVISOR;
}

/* [r15 + r9*8 + disp]: which table, and is it the addend? */
bool verify_tlb_operand(const struct verify *v, const cs_x86_op *o, int *table, bool *addend)
{
    int64_t at = o->mem.disp - (int64_t)offsetof(struct vcpu, tlb.entry);
    int64_t bytes = TLB_TABLE_BYTES;
    if (at < 0 || at >= TLB_VIEWS * TLB_KINDS * bytes || o->mem.scale != 8 ||
        !verify_indexed_by(v, v->now.value[R_9]))
        return false;
    *table = (int)(at / bytes);
    *addend = at % bytes == offsetof(struct tlb_entry, addend);
    unsigned kind = (unsigned)*table % TLB_KINDS;
    return (*addend ? o->size == 8
                    : at % bytes == offsetof(struct tlb_entry, negative) && o->size == 4) &&
           (unsigned)*table / TLB_KINDS == view_of(v->code) &&
           (kind == TLB_READ || kind == TLB_WRITE || kind == TLB_BESIDE);
}

/* Selector, base (its upper half stays 0) and type of a segment register, as 8086 code loads them:
 * what is reached through a base stays in the window or goes through a lookup, whatever it is. */
static bool is_8086_segment(const struct verify *v, const cs_x86_op *o)
{
    size_t at = (size_t)o->mem.disp - offsetof(struct vcpu, seg), of = at % sizeof(struct segment);
    return (v->code->key & KEY_8086) && o->mem.disp >= (int64_t)offsetof(struct vcpu, seg) &&
           at < sizeof((struct vcpu *)0)->seg &&
           ((of == offsetof(struct segment, selector) && o->size == 2) ||
            (of == offsetof(struct segment, base) && o->size == 4) ||
            (of == offsetof(struct segment, attr) && o->size == 1));
}

static const char *check_vcpu(const struct verify *v, const cs_insn *i, const cs_x86_op *o,
                              bool writes)
{
    int table;
    bool addend;
    if (o->mem.index != X86_REG_INVALID)
        return o->mem.index == X86_REG_R9 && verify_is_load(i) &&
                       verify_tlb_operand(v, o, &table, &addend)
                   ? NULL
                   : "an access beside the soft TLB's tables";
    int64_t disp = o->mem.disp;
    if (disp < 0 || disp + o->size > (int64_t)sizeof(struct vcpu))
        return "an access beyond the vCPU";
    bool own = disp == offsetof(struct vcpu, translated.spill) ||
               disp == offsetof(struct vcpu, translated.x87_linear) ||
               disp == offsetof(struct vcpu, translated.x87_base) ||
               disp == offsetof(struct vcpu, mxcsr) || disp == offsetof(struct vcpu, eflags);
    bool counts = disp == offsetof(struct vcpu, string_bytes) && o->size == 8;
    return writes && !(own && o->size == 4) && !counts && !is_8086_segment(v, o)
               ? "a write to the vCPU"
               : NULL;
}

/* Bytes that a memory operand takes: where Capstone 4 has it wrong, by the manual (SDM vol. 2). */
static unsigned operand_size(const cs_insn *i, const cs_x86_op *o)
{
    switch (i->id) {
    case X86_INS_PUNPCKLBW: /* mm, mm/m32 */
    case X86_INS_PUNPCKLWD:
    case X86_INS_PUNPCKLDQ:
        return o->size == 8 ? 4 : o->size;
    case X86_INS_COMISS:
        return 4;
    case X86_INS_COMISD:
        return 8;
    case X86_INS_FNSTSW:
        return 2;
    default:
        return o->size;
    }
}

static bool is_addend_of_hit(const struct verify *v, const struct value *addend)
{
    const struct state *s = &v->now;
    return s->has_hit && addend->kind == V_ADDEND && addend->imm == s->table &&
           verify_indexed_by(v, addend->a) == s->hit;
}

/* [r11 + rcx]: the bits that tell code, of a host address that a lookup found. */
static const char *check_code_bits(const struct verify *v, const cs_insn *i, const cs_x86_op *o)
{
    const struct value *eighth = verify_value_in(v, R_CX);
    bool bits =
        verify_is_load(i) && o->size == 4 && o->mem.index == X86_REG_RCX && o->mem.scale == 1 &&
        !o->mem.disp &&
        verify_is_field(verify_value_in(v, R_11), offsetof(struct vcpu, translated.code_bits)) &&
        eighth->kind == V_PEXT && eighth->bytes == 8 &&
        eighth->imm == offsetof(struct vcpu, translated.byte_mask);
    const struct value *at = &v->value[bits ? eighth->a : 0];
    return bits && at->kind == V_SUM && at->bytes == 8 && at->a == v->now.hit &&
                   is_addend_of_hit(v, &v->value[at->b])
               ? NULL
               : "an access beside the bits that tell code";
}

static const char *check_host(const struct verify *v, const cs_insn *i, const cs_x86_op *o,
                              bool writes)
{
    const struct state *s = &v->now;
    if (o->mem.scale != 1 || o->mem.disp || s->value[R_10] != s->hit || verify_is_wide(v, R_10) ||
        !is_addend_of_hit(v, verify_value_in(v, R_9)))
        return "an access without a lookup that hit";
    unsigned size = operand_size(i, o);
    if (!size || size > (unsigned)s->last + 1)
        return "an access larger than was looked up";
    unsigned kind = (unsigned)s->table % TLB_KINDS;
    if (writes && kind != TLB_WRITE && kind != TLB_BESIDE)
        return "a write where a lookup for reads hit";
    return NULL;
}

static const char *check_jump_table(const struct verify *v, const cs_insn *i, const cs_x86_op *o)
{
    bool based = (i->id == X86_INS_JMP || i->id == X86_INS_CALL) &&
                 verify_is_field(verify_value_in(v, R_9), offsetof(struct vcpu, translated.jumps));
    if (based && o->mem.index == X86_REG_INVALID)
        return o->mem.disp >= 0 && o->mem.disp < (int64_t)JUMP_SLOTS * 8 && !(o->mem.disp & 7)
                   ? NULL
                   : "a jump beside the jump table";
    if (based && o->mem.index == X86_REG_R11 && o->mem.scale == 8 && !o->mem.disp &&
        verify_value_in(v, R_11)->kind == V_LOW16)
        return NULL;
    return "a jump, but not through the jump table";
}

/* [rsi] or [rdi] of REP MOVS and STOS: in the window, for at most a round. */
static const char *check_string(const struct verify *v, const cs_x86_op *o)
{
    unsigned r = verify_register(o->mem.base);
    const struct value *at = verify_value_in(v, r);
    bool in_window = at->kind == V_SUM && at->bytes == 8 &&
                     verify_is_field(&v->value[at->b], offsetof(struct vcpu, translated.window)) &&
                     (v->code->key & KEY_WINDOW) && !(v->code->key & KEY_DF);
    if (!in_window)
        return "a string that is not in the window";
    return v->now.few && v->now.value[R_CX] == v->now.few && !verify_is_wide(v, R_CX)
               ? NULL
               : "a string of unknown length";
}

const char *verify_memory(const struct verify *v, const cs_insn *i, const struct host_opcode *ob,
                          const cs_x86_op *o)
{
    if (o->mem.segment == X86_REG_GS)
        return i->detail->x86.addr_size != 4 ? "a window access with 64 bits of address"
               : o->mem.base == X86_REG_RIP || o->mem.base == X86_REG_EIP
                   ? "a window access beside the instruction"
               : !(v->code->key & KEY_WINDOW) ? "a window access in a unit without a window"
                                              : NULL;
    if (ob->map == OPCODE_1B && ob->byte >= 0xA4 && ob->byte <= 0xAB && ob->rep &&
        (o->mem.base == X86_REG_RSI || o->mem.base == X86_REG_RDI))
        return check_string(v, o);
    if (o->mem.segment != X86_REG_INVALID || i->detail->x86.addr_size != 8)
        return "an access in a strange segment or with a short address";
    bool writes = opcode_writes(ob);
    bool bare = o->mem.index == X86_REG_INVALID && verify_is_load(i) && o->size == 4;
    switch (verify_register(o->mem.base)) {
    case R_15:
        return check_vcpu(v, i, o, writes);
    case R_14:
        return bare && o->mem.disp <= 0 && o->mem.disp >= -(int64_t)v->code->insns
                   ? NULL
                   : "an access that is no poll";
    case R_13:
        return bare && (o->mem.disp == 0 || o->mem.disp == -FPU_GUARD_STEP)
                   ? NULL
                   : "an access that is no guard's";
    case R_10:
        return o->mem.index == X86_REG_R9 ? check_host(v, i, o, writes)
                                          : "an access at a host address";
    case R_9:
        return check_jump_table(v, i, o);
    case R_11:
        return check_code_bits(v, i, o);
    default:
        return "an access at a host address";
    }
}

#endif
