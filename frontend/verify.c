/* frontend/verify.c: see verify.h.
 *
 * One walk over the instructions, in order, with what is known about each register: a value, that
 * is a formula over others (`struct value`). What is known is forgotten wherever a unit can be
 * entered: at its entry and where a guest instruction begins or ends. Jumps within a unit go
 * forward, so all that lead to a place are known when the walk gets there; with one alone, what was
 * known there holds on. */
#include "frontend/verify.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone.h>

#include "cpu/run.h"
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

/* --- Registers and values --------------------------------------------------------------------- */

/* The register that a name of any width is a part of; R_NONE: none of the general ones. */
static unsigned register_of(x86_reg r)
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

static uint16_t new_value(struct verify *v, struct value value)
{
    if (v->values == VALUES) /* only reached by code that fails elsewhere: nothing is known of it */
        return 0;
    v->value[v->values] = value;
    return (uint16_t)v->values++;
}

/* Nothing is known but that guest registers have 32 bits. */
static void forget(struct verify *v)
{
    v->values = 1; /* 0 is never equal to what is asked for */
    v->value[0] = (struct value){0};
    v->pendings = 0;
    v->now = (struct state){.reached = true, .wide = (uint16_t)~GUEST_REGISTERS};
    for (unsigned r = 0; r < R_COUNT; r++)
        v->now.value[r] = new_value(v, (struct value){0});
}

static const struct value *value_in(const struct verify *v, unsigned r)
{
    return &v->value[v->now.value[r]];
}

static void set(struct verify *v, unsigned r, unsigned bytes, struct value value)
{
    value.bytes = (uint8_t)bytes;
    v->now.value[r] = new_value(v, value);
    if (bytes == 8)
        v->now.wide |= (uint16_t)(1u << r);
    else if (bytes == 4)
        v->now.wide &= (uint16_t) ~(1u << r);
}

static bool is_wide(const struct verify *v, unsigned r)
{
    return v->now.wide >> r & 1;
}

static bool is_field(const struct value *value, size_t offset)
{
    return value->kind == V_FIELD && value->bytes == 8 && value->imm == (int64_t)offset;
}

static bool is_pext(const struct value *value, size_t mask)
{
    return value->kind == V_PEXT && value->bytes == 4 && value->imm == (int64_t)mask;
}

/* The value whose page's entry an index (times two) finds; 0: it is no such index. */
static uint16_t indexed_by(const struct verify *v, uint16_t index)
{
    const struct value *twice = &v->value[index];
    if (twice->kind != V_DOUBLE || twice->bytes != 4)
        return 0;
    const struct value *pext = &v->value[twice->a];
    return is_pext(pext, offsetof(struct vcpu, tlb.mask)) ? pext->a : 0;
}

/* --- Violations ------------------------------------------------------------------------------- */

static uint32_t eip_at(const struct unit_code *code, uint32_t offset)
{
    uint32_t eip = code->eip;
    for (unsigned n = 0; n < code->insns && code->insn[n].host <= offset; n++)
        eip = code->insn[n].eip;
    return eip;
}

/* i: NULL when no instruction is there. */
static bool violation(struct verify *v, uint32_t offset, const cs_insn *i, const char *what)
{
    const struct unit_code *code = v->code;
    if (*v->violation)
        return false;
    char bytes[3 * 16 + 1] = "";
    uint32_t count = i ? i->size : code->size - offset;
    for (uint32_t n = 0; n < count && n < 16; n++)
        snprintf(bytes + 3 * n, 4, " %02x", code->start[offset + n]);
    snprintf(v->violation, sizeof v->violation,
             "--verify: %s\n  guest eip %08x, in the unit of %08x (key %x), %u bytes in\n"
             "  host code%s: %s %s",
             what, (unsigned)eip_at(code, offset), (unsigned)code->eip, (unsigned)code->key,
             (unsigned)offset, bytes, i ? i->mnemonic : "(no instruction)", i ? i->op_str : "");
    return false;
}

/* --- Memory operands -------------------------------------------------------------------------- */

static bool is_load(const cs_insn *i)
{
    return i->id == X86_INS_MOV && i->detail->x86.operands[1].type == X86_OP_MEM;
}

static unsigned view_of(const struct unit_code *code)
{
    return code->key & KEY_USER ? TLB_USER : TLB_SUPERVISOR;
}

/* [r15 + r9*8 + disp]: which table, and is it the addend? */
static bool tlb_operand(const struct verify *v, const cs_x86_op *o, int *table, bool *addend)
{
    int64_t at = o->mem.disp - (int64_t)offsetof(struct vcpu, tlb.entry);
    int64_t bytes = TLB_TABLE_BYTES;
    if (at < 0 || at >= TLB_VIEWS * TLB_KINDS * bytes || o->mem.scale != 8 ||
        !indexed_by(v, v->now.value[R_9]))
        return false;
    *table = (int)(at / bytes);
    *addend = at % bytes == offsetof(struct tlb_entry, addend);
    unsigned kind = (unsigned)*table % TLB_KINDS;
    return (*addend ? o->size == 8
                    : at % bytes == offsetof(struct tlb_entry, negative) && o->size == 4) &&
           (unsigned)*table / TLB_KINDS == view_of(v->code) &&
           (kind == TLB_READ || kind == TLB_WRITE || kind == TLB_BESIDE);
}

static const char *check_vcpu(const struct verify *v, const cs_insn *i, const cs_x86_op *o,
                              bool writes)
{
    int table;
    bool addend;
    if (o->mem.index != X86_REG_INVALID)
        return o->mem.index == X86_REG_R9 && is_load(i) && tlb_operand(v, o, &table, &addend)
                   ? NULL
                   : "an access beside the soft TLB's tables";
    int64_t disp = o->mem.disp;
    if (disp < 0 || disp + o->size > (int64_t)sizeof(struct vcpu))
        return "an access beyond the vCPU";
    bool own = disp == offsetof(struct vcpu, translated.spill) ||
               disp == offsetof(struct vcpu, translated.x87_linear) ||
               disp == offsetof(struct vcpu, translated.x87_base) ||
               disp == offsetof(struct vcpu, mxcsr);
    return writes && !(own && o->size == 4) ? "a write to the vCPU" : NULL;
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
           indexed_by(v, addend->a) == s->hit;
}

/* [r11 + rcx]: the bits that tell code, of a host address that a lookup found. */
static const char *check_code_bits(const struct verify *v, const cs_insn *i, const cs_x86_op *o)
{
    const struct value *eighth = value_in(v, R_CX);
    bool bits = is_load(i) && o->size == 4 && o->mem.index == X86_REG_RCX && o->mem.scale == 1 &&
                !o->mem.disp &&
                is_field(value_in(v, R_11), offsetof(struct vcpu, translated.code_bits)) &&
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
    if (o->mem.scale != 1 || o->mem.disp || s->value[R_10] != s->hit || is_wide(v, R_10) ||
        !is_addend_of_hit(v, value_in(v, R_9)))
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
                 is_field(value_in(v, R_9), offsetof(struct vcpu, translated.jumps));
    if (based && o->mem.index == X86_REG_INVALID)
        return o->mem.disp >= 0 && o->mem.disp < (int64_t)JUMP_SLOTS * 8 && !(o->mem.disp & 7)
                   ? NULL
                   : "a jump beside the jump table";
    if (based && o->mem.index == X86_REG_R11 && o->mem.scale == 8 && !o->mem.disp &&
        value_in(v, R_11)->kind == V_LOW16)
        return NULL;
    return "a jump, but not through the jump table";
}

/* [rsi] or [rdi] of REP MOVS and STOS: in the window, for at most a round. */
static const char *check_string(const struct verify *v, const cs_x86_op *o)
{
    unsigned r = register_of(o->mem.base);
    const struct value *at = value_in(v, r);
    bool in_window = at->kind == V_SUM && at->bytes == 8 &&
                     is_field(&v->value[at->b], offsetof(struct vcpu, translated.window)) &&
                     (v->code->key & KEY_WINDOW) && !(v->code->key & KEY_DF);
    if (!in_window)
        return "a string that is not in the window";
    return v->now.few && v->now.value[R_CX] == v->now.few && !is_wide(v, R_CX)
               ? NULL
               : "a string of unknown length";
}

static const char *check_memory(const struct verify *v, const cs_insn *i,
                                const struct host_opcode *ob, const cs_x86_op *o)
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
    bool bare = o->mem.index == X86_REG_INVALID && is_load(i) && o->size == 4;
    switch (register_of(o->mem.base)) {
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

/* --- Jumps ------------------------------------------------------------------------------------ */

static bool leaves_no_way(const struct host_opcode *o)
{
    return o->map == OPCODE_1B && (o->byte == 0xE9 || o->byte == 0xEB || o->byte == 0xFF ||
                                   opcode_calls(o) || opcode_returns(o));
}

static const char *check_stub(const struct verify *v, unsigned stub)
{
    const struct value *site = value_in(v, R_11);
    if (stub == STUB_MISS || stub == STUB_AGAIN)
        return NULL;
    if (site->kind != V_CONST || (uint64_t)site->imm >> SITE_SHIFT != v->code->id)
        return "a stub is asked about another unit";
    if (stub != STUB_LINK && (site->imm & ((1 << SITE_SHIFT) - 1)) >= v->code->insns)
        return "a stub is asked about an instruction that is not there";
    if (stub == STUB_NARROW && value_in(v, R_10)->kind != V_CONST)
        return "a function is called that is no constant";
    return NULL;
}

/* What is known where JECXZ goes: ecx is zero. */
static void learn_zero(struct verify *v, struct state *s)
{
    const struct value *ecx = &v->value[s->value[R_CX]];
    if (ecx->kind == V_ROUNDS)
        s->few = ecx->a;
    if (ecx->kind != V_SUM || ecx->bytes != 4)
        return;
    const struct value *negative = &v->value[ecx->a], *page = &v->value[ecx->b];
    if (negative->kind != V_NEGATIVE || !is_pext(page, offsetof(struct vcpu, translated.page_mask)))
        return;
    uint16_t first = indexed_by(v, negative->a), last = page->a;
    int64_t between = 0;
    if (last != first && v->value[last].kind == V_PLUS && v->value[last].bytes == 4 &&
        v->value[last].a == first)
        between = v->value[last].imm;
    else if (last != first)
        return;
    if (!first || between < 0 || between >= 4096)
        return;
    s->has_hit = true;
    s->hit = first;
    s->last = (int)between;
    s->table = (int)negative->imm;
}

/* MOV ECX, r12d: LOOP leaves more than 32 bits in RCX, and goes back to where this stands only. */
static const uint8_t restores_ecx[] = {0x41, 0x8B, 0xCC};

static const char *check_jump(struct verify *v, const cs_insn *i, uint32_t offset)
{
    if (v->now.wide & GUEST_REGISTERS)
        return "a jump with more than 32 bits in a guest register";
    uint64_t to = (uint64_t)i->detail->x86.operands[0].imm;
    for (unsigned n = 0; n < UNIT_STUBS; n++) {
        if ((uintptr_t)v->code->stub[n] == to)
            return check_stub(v, n);
    }
    uint64_t at = to - (uintptr_t)v->code->start;
    if (at >= v->code->size)
        return "a jump out of the unit, but not to a stub";
    if (!v->starts[at])
        return "a jump into the middle of an instruction";
    if (at <= offset && i->id == X86_INS_LOOP)
        return at == 0 && memcmp(v->code->start, restores_ecx, sizeof restores_ecx) == 0 ? NULL
                                                                                         : "a loop";
    if (at <= offset)
        return at == v->code->entry ? NULL : "a jump back, but not to the entry";
    if (v->incoming[at] < 255)
        v->incoming[at]++;
    if (v->pendings < PENDING) {
        struct state s = v->now;
        if (i->id == X86_INS_JECXZ)
            learn_zero(v, &s);
        if (i->id == X86_INS_LOOP) {
            s.value[R_CX] = 0;
            s.wide |= 1u << R_CX;
        }
        v->pending[v->pendings].to = (uint32_t)at;
        v->pending[v->pendings++].state = s;
    } else {
        v->incoming[at] = 255; /* too many: nothing is known there */
    }
    return NULL;
}

/* --- Effects ---------------------------------------------------------------------------------- */

/* The value that LEA forms. With 64 bits a sum begins with a 32-bit address. */
static struct value lea_value(const struct verify *v, const x86_op_mem *m, unsigned bytes)
{
    unsigned base = register_of(m->base), index = register_of(m->index);
    if (base == R_NONE)
        return (struct value){0};
    uint16_t a = v->now.value[base];
    if (index == R_NONE)
        return (struct value){.kind = V_PLUS, .a = a, .imm = m->disp};
    if (m->disp || m->scale != 1 || (bytes == 8 && is_wide(v, base)))
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
    if (!tlb_operand(v, from, &table, &addend))
        return (struct value){0};
    return (struct value){
        .kind = addend ? V_ADDEND : V_NEGATIVE, .a = v->now.value[R_9], .imm = table};
}

/* SHRX of count + 4095 by 13, the count having 32 bits. */
static struct value shrx_value(const struct verify *v, const cs_x86_op *op)
{
    unsigned from = register_of(op[1].reg), by = register_of(op[2].reg);
    if (from == R_NONE || by == R_NONE)
        return (struct value){0};
    const struct value *sum = value_in(v, from), *count = value_in(v, by);
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
            op[2].mem.base == X86_REG_R15 && register_of(op[1].reg) != R_NONE && *bytes >= 4)
            return (struct value){
                .kind = V_PEXT, .a = v->now.value[register_of(op[1].reg)], .imm = op[2].mem.disp};
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

static void apply_writes(struct verify *v, const cs_insn *i)
{
    cs_regs read, written;
    uint8_t reads = 0, writes = 0;
    const cs_x86 *x = &i->detail->x86;
    unsigned first =
        x->op_count && x->operands[0].type == X86_OP_REG ? register_of(x->operands[0].reg) : R_NONE;
    unsigned bytes = first != R_NONE ? x->operands[0].size : 0;
    bool is_copy = i->id == X86_INS_MOV && x->operands[1].type == X86_OP_REG && bytes >= 4;
    unsigned from = is_copy ? register_of(x->operands[1].reg) : R_NONE;
    if (from != R_NONE && first != R_NONE && (bytes == 8 || !is_wide(v, from))) {
        v->now.value[first] = v->now.value[from];
        bool wide = bytes == 8 && is_wide(v, from);
        v->now.wide = (uint16_t)((v->now.wide & ~(1u << first)) | (unsigned)wide << first);
        return;
    }
    struct value result = first != R_NONE ? result_of(v, i, &bytes) : (struct value){0};
    if (cs_regs_access(v->capstone, i, read, &reads, written, &writes) == CS_ERR_OK) {
        for (unsigned n = 0; n < writes; n++) {
            unsigned r = register_of(written[n]);
            if (r != R_NONE)
                set(v, r, 0, (struct value){0});
        }
    }
    for (unsigned n = 1; n < x->op_count; n++) { /* XCHG, XADD */
        unsigned r = x->operands[n].type == X86_OP_REG ? register_of(x->operands[n].reg) : R_NONE;
        if (r != R_NONE && (i->id == X86_INS_XCHG || i->id == X86_INS_XADD))
            set(v, r, x->operands[n].size, (struct value){0});
    }
    if (first != R_NONE)
        set(v, first, bytes, result);
}

static bool vex_allowed(const cs_insn *i)
{
    return i->id == X86_INS_PEXT || i->id == X86_INS_RORX || i->id == X86_INS_SHRX;
}

/* RSP, R13, R14, R15 are no operands, but R14 of its LEA. */
static const char *check_registers(const struct verify *v, const cs_insn *i)
{
    const cs_x86 *x = &i->detail->x86;
    for (unsigned n = 0; n < x->op_count; n++) {
        if (x->operands[n].type != X86_OP_REG)
            continue;
        x86_reg r = x->operands[n].reg;
        if ((r >= X86_REG_CR0 && r <= X86_REG_DR15) || r == X86_REG_CS || r == X86_REG_DS ||
            r == X86_REG_ES || r == X86_REG_FS || r == X86_REG_GS || r == X86_REG_SS)
            return "a system register";
        unsigned reg = register_of(r);
        const x86_op_mem *m = &x->operands[1].mem;
        bool counts = n == 0 && r == X86_REG_R14 && i->id == X86_INS_LEA &&
                      m->base == X86_REG_R14 && m->index == X86_REG_INVALID && m->disp < 0 &&
                      m->disp >= -(int64_t)v->code->insns;
        if ((reg == R_SP || (reg >= R_13 && reg <= R_15)) && !counts)
            return "a register that host code must leave alone";
    }
    return NULL;
}

/* --- The walk --------------------------------------------------------------------------------- */

/* What is known at offset, coming from the instruction before it or from jumps. */
static void arrive(struct verify *v, uint32_t offset)
{
    if (v->enters[offset]) {
        forget(v);
        return;
    }
    if (!v->incoming[offset] && v->now.reached)
        return;
    if (v->incoming[offset] == 1 && !v->now.reached) {
        for (unsigned n = 0; n < v->pendings; n++) {
            if (v->pending[n].to == offset) {
                v->now = v->pending[n].state;
                return;
            }
        }
    }
    forget(v);
}

static const char *check_insn(struct verify *v, const cs_insn *i, uint32_t offset)
{
    struct host_opcode o;
    const cs_x86 *x = &i->detail->x86;
    opcode_split(i->bytes, &o);
    if (!(o.map == OPCODE_VEX ? vex_allowed(i) : opcode_allowed(&o)))
        return "an instruction that host code has no use for";
    const char *wrong = check_registers(v, i);
    for (unsigned n = 0; n < x->op_count && !wrong; n++) {
        if (x->operands[n].type == X86_OP_MEM && i->id != X86_INS_LEA)
            wrong = check_memory(v, i, &o, &x->operands[n]);
    }
    if (wrong)
        return wrong;
    bool jump = opcode_jumps(&o);
    if (jump && x->op_count && x->operands[0].type == X86_OP_IMM)
        wrong = check_jump(v, i, offset);
    else if (jump && (v->now.wide & GUEST_REGISTERS))
        wrong = "a jump with more than 32 bits in a guest register";
    apply_writes(v, i);
    if (leaves_no_way(&o) && jump)
        v->now.reached = false;
    return wrong;
}

/* Marks where instructions start. False: not all bytes are instructions. */
static bool find_starts(struct verify *v)
{
    const struct unit_code *code = v->code;
    const uint8_t *at = code->start;
    uint64_t address = (uintptr_t)at;
    size_t left = code->size;
    memset(v->starts, 0, code->size + 1);
    memset(v->enters, 0, code->size + 1);
    memset(v->incoming, 0, code->size + 1);
    while (left) {
        uint32_t offset = (uint32_t)(at - code->start);
        struct host_opcode o;
        v->starts[offset] = 1;
        if (!cs_disasm_iter(v->capstone, &at, &left, &address, v->insn))
            return violation(v, offset, NULL, "bytes that are no instruction");
        opcode_split(v->insn->bytes, &o);
        v->enters[at - code->start] |= opcode_calls(&o);
    }
    v->enters[0] = v->enters[code->indirect] = v->enters[code->entry] = 1;
    v->enters[code->hot_size] = 1;
    for (unsigned n = 0; n < code->insns; n++)
        v->enters[code->insn[n].host] = v->enters[code->insn[n].resume] = 1;
    for (uint32_t n = 0; n < code->size; n++) {
        if (v->enters[n] && !v->starts[n])
            return violation(v, n, NULL, "the unit can be entered within an instruction");
    }
    return true;
}

static bool check_all(struct verify *v)
{
    const struct unit_code *code = v->code;
    const uint8_t *at = code->start;
    uint64_t address = (uintptr_t)at;
    size_t left = code->size;
    forget(v);
    while (left) {
        uint32_t offset = (uint32_t)(at - code->start);
        bool joined = v->enters[offset] || v->incoming[offset];
        if (v->now.reached && joined && (v->now.wide & GUEST_REGISTERS))
            return violation(v, offset, NULL, "more than 32 bits in a guest register");
        arrive(v, offset);
        if (!cs_disasm_iter(v->capstone, &at, &left, &address, v->insn))
            return violation(v, offset, NULL, "bytes that are no instruction");
        const char *wrong = check_insn(v, v->insn, offset);
        if (wrong)
            return violation(v, offset, v->insn, wrong);
    }
    return !v->now.reached || violation(v, code->size, NULL, "the unit's end can be reached");
}

bool verify_unit(void *ctx, const struct unit_code *code)
{
    struct verify *v = ctx;
    v->code = code;
    v->units++;
    bool sane = code->size && code->size <= UNIT_MAX_BYTES && code->hot_size <= code->size &&
                code->entry < code->hot_size && code->indirect <= code->entry;
    for (unsigned n = 0; n < code->insns; n++)
        sane &= code->insn[n].host <= code->size && code->insn[n].resume <= code->size;
    if (!sane)
        return violation(v, 0, NULL, "a unit of strange sizes");
    return find_starts(v) && check_all(v);
}

struct verify *verify_create(char *error, size_t error_len)
{
    struct verify *v = calloc(1, sizeof *v);
    if (v && cs_open(CS_ARCH_X86, CS_MODE_64, &v->capstone) == CS_ERR_OK) {
        cs_option(v->capstone, CS_OPT_DETAIL, CS_OPT_ON);
        v->insn = cs_malloc(v->capstone);
    }
    if (v && v->insn)
        return v;
    verify_destroy(v);
    snprintf(error, error_len, "out of memory");
    return NULL;
}

void verify_destroy(struct verify *v)
{
    if (v && v->insn)
        cs_free(v->insn, 1);
    if (v && v->capstone)
        cs_close(&v->capstone);
    free(v);
}

const char *verify_violation(const struct verify *v)
{
    return *v->violation ? v->violation : NULL;
}

uint64_t verify_units(const struct verify *v)
{
    return v->units;
}

#else /* no Capstone */

struct verify *verify_create(char *error, size_t error_len)
{
    snprintf(error, error_len, "--verify: this build has no Capstone (libcapstone-dev)");
    return NULL;
}

void verify_destroy(struct verify *v)
{
    (void)v;
}

bool verify_unit(void *ctx, const struct unit_code *code)
{
    (void)ctx;
    (void)code;
    return true;
}

const char *verify_violation(const struct verify *v)
{
    (void)v;
    return NULL;
}

uint64_t verify_units(const struct verify *v)
{
    (void)v;
    return 0;
}
#endif
