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
#include "frontend/verify_state.h"

/* --- Violations ------------------------------------------------------------------------------- */

static uint32_t eip_at(const struct unit_code *code, uint32_t offset)
{
    uint32_t eip = code->eip;
    for (unsigned n = 0; n < code->insns && code->insn[n].host <= offset; n++)
        eip = code->eip + code->insn[n].at;
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

/* --- Jumps ------------------------------------------------------------------------------------ */

static bool leaves_no_way(const struct host_opcode *o)
{
    return o->map == OPCODE_1B && (o->byte == 0xE9 || o->byte == 0xEB || o->byte == 0xFF ||
                                   opcode_calls(o) || opcode_returns(o));
}

static const char *check_stub(const struct verify *v, unsigned stub)
{
    const struct value *site = verify_value_in(v, R_11);
    if (stub == STUB_MISS || stub == STUB_AGAIN)
        return NULL;
    if (site->kind != V_CONST || (uint64_t)site->imm >> SITE_SHIFT != v->code->id)
        return "a stub is asked about another unit";
    if (stub != STUB_LINK && (site->imm & ((1 << SITE_SHIFT) - 1)) >= v->code->insns)
        return "a stub is asked about an instruction that is not there";
    if (stub == STUB_NARROW && verify_value_in(v, R_10)->kind != V_CONST)
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
    if (negative->kind != V_NEGATIVE ||
        !verify_is_pext(page, offsetof(struct vcpu, translated.page_mask)))
        return;
    uint16_t first = verify_indexed_by(v, negative->a), last = page->a;
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

/* --- The walk --------------------------------------------------------------------------------- */

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
        unsigned reg = verify_register(r);
        const x86_op_mem *m = &x->operands[1].mem;
        bool counts = n == 0 && r == X86_REG_R14 && i->id == X86_INS_LEA &&
                      m->base == X86_REG_R14 && m->index == X86_REG_INVALID && m->disp < 0 &&
                      m->disp >= -(int64_t)v->code->insns;
        if ((reg == R_SP || (reg >= R_13 && reg <= R_15)) && !counts)
            return "a register that host code must leave alone";
    }
    return NULL;
}

/* What is known at offset, coming from the instruction before it or from jumps. */
static void arrive(struct verify *v, uint32_t offset)
{
    if (v->enters[offset]) {
        verify_forget(v);
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
    verify_forget(v);
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
            wrong = verify_memory(v, i, &o, &x->operands[n]);
    }
    if (wrong)
        return wrong;
    bool jump = opcode_jumps(&o);
    if (jump && x->op_count && x->operands[0].type == X86_OP_IMM)
        wrong = check_jump(v, i, offset);
    else if (jump && (v->now.wide & GUEST_REGISTERS))
        wrong = "a jump with more than 32 bits in a guest register";
    verify_apply(v, i);
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
    verify_forget(v);
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

/* --- Life ------------------------------------------------------------------------------------- */

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
