/* translator/x86_64/8086.c: segment loads and far transfers of real and V86 mode (KEY_8086).
 *
 * A selector loaded there is base << 4 and no more: limit and rights stay. So what a unit's key
 * says of the segments stays true when its register holds 64 KiB before, and the unit goes on. (In
 * a register of another class, as "unreal mode" has them, a load may change the class: a C function
 * sees to it.)
 *
 *     retf       mov r10d, [ss:sp]         CS:IP in one word: it is the token, too
 *                mov cs.selector, cs.base
 *                ret                       predicted as near returns are: translator/returns.h
 *
 * Flags stay as they are, as everywhere (emit.h). */
#include "translator/x86_64/emit.h"

static struct place segment_field(unsigned seg, size_t member)
{
    return vcpu_field(offsetof(struct vcpu, seg) + seg * sizeof(struct segment) + member);
}

static void put16(struct emit *e, struct place to, unsigned from)
{
    asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = true}, from, to);
}

static void store_imm(struct emit *e, struct place to, unsigned size, uint32_t imm)
{
    struct form mov = {
        .opcode = size == 1 ? 0xC6 : 0xC7, .o16 = size == 2, .imm_size = (uint8_t)size, .imm = imm};
    asm_modrm(&e->code, &mov, 0, to);
}

static void get16(struct emit *e, unsigned to, struct place from)
{
    asm_modrm(&e->code, &(struct form){.map = ASM_0F, .opcode = 0xB7}, to, from);
}

/* --- Data segments and SS --------------------------------------------------------------------- */

/* Loads seg with the selector in r11d. */
static void load_selector(struct emit *e, unsigned seg)
{
    put16(e, segment_field(seg, offsetof(struct segment, selector)), R11);
    asm_lea32(&e->code, R11, place_indexed(NO_REG, R11, 3, 0));
    asm_lea32(&e->code, R11, place_indexed(R11, R11, 0, 0));
    asm_store32(&e->code, segment_field(seg, offsetof(struct segment, base)), R11);
    if (!(e->u->key & KEY_USER)) /* real mode: it may be what protected mode left */
        store_imm(e, segment_field(seg, offsetof(struct segment, attr)), 1, 0x93);
}

/* A load of SS holds off what waits for one instruction. If nothing does, that is done with the
 * next one, which surely runs. INTR alone waits only while IF is clear: else host code is left. */
static bool may_load(struct emit *e, unsigned seg)
{
    return key_segment(e->u->key, seg) == SEGMENT_64K && (seg != SEG_SS || e->n + 1u < e->u->insns);
}

_Static_assert(EVENT_INTR == 1 && EVENT_DEBUG < 0x10000, "as expect_no_events has it");

static void expect_no_events(struct emit *e, unsigned seg)
{
    if (seg != SEG_SS)
        return;
    asm_mov32(&e->code, R12, RCX);
    asm_load32(&e->code, RCX, FIELD_OF(events));
    asm_rorx32(&e->code, RCX, RCX, 1); /* without INTR, bit 0; all have 16 bits */
    asm_movzx16(&e->code, RCX, RCX);
    emit_check_zero(e);
}

static bool mov_segment(struct emit *e, unsigned seg)
{
    const struct insn *i = e->i;
    if (!may_load(e, seg))
        return false;
    expect_no_events(e, seg);
    get16(e, R11,
          insn_is_mem(i) ? emit_memory(e, insn_place(i), 2, false) : place_reg(host_reg(i->rm)));
    load_selector(e, seg);
    return true;
}

static bool pop_segment(struct emit *e, unsigned seg)
{
    if (!may_load(e, seg))
        return false;
    expect_no_events(e, seg);
    get16(e, R11, emit_memory(e, stack_place(e, 0), 2, false));
    load_selector(e, seg);
    move_stack(e, e->i->osize);
    return true;
}

static bool load_pointer(struct emit *e, unsigned seg)
{
    const struct insn *i = e->i;
    if (!may_load(e, seg) || i->osize != 2)
        return false;
    expect_no_events(e, seg);
    asm_load32(&e->code, R11, emit_memory(e, insn_place(i), 4, false));
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, host_reg(i->reg),
              place_reg(R11));
    asm_rorx64(&e->code, R11, R11, 16);
    load_selector(e, seg);
    return true;
}

/* --- Far transfers ---------------------------------------------------------------------------- */

static uint32_t next_of(const struct emit *e)
{
    return (insn_eip(e->u, &e->u->insn[e->n]) + e->i->len) & 0xFFFF;
}

/* CS of a token. Its rights are as they were, or the unit would not have its key. */
static void set_code_segment(struct emit *e, uint32_t token)
{
    store_imm(e, segment_field(SEG_CS, offsetof(struct segment, selector)), 2, token >> 16);
    store_imm(e, segment_field(SEG_CS, offsetof(struct segment, base)), 4, token >> 16 << 4);
}

/* The same for the token in r10. Uses r11. */
static void set_code_segment_r10(struct emit *e)
{
    asm_rorx64(&e->code, R11, R10, 16);
    put16(e, segment_field(SEG_CS, offsetof(struct segment, selector)), R11);
    asm_lea32(&e->code, R11, place_indexed(NO_REG, R11, 3, 0));
    asm_lea32(&e->code, R11, place_indexed(R11, R11, 0, 0));
    asm_store32(&e->code, segment_field(SEG_CS, offsetof(struct segment, base)), R11);
}

/* CS:IP of what follows: a token is what a far CALL pushes. */
static void push_return(struct emit *e)
{
    struct place to = emit_memory(e, stack_place(e, -4), 4, true);
    store_imm(e, to, 4, unit_token(e->u, next_of(e)));
    move_stack(e, -4);
}

static uint32_t target_of(const struct insn *i)
{
    return i->disp << 16 | (i->imm & 0xFFFF);
}

static void call_memory(struct emit *e)
{
    asm_load32(&e->code, R10, emit_memory(e, insn_place(e->i), 4, false));
    asm_store32(&e->code, FIELD_OF(translated.spill), R10);
    push_return(e);
    asm_load32(&e->code, R10, FIELD_OF(translated.spill));
    set_code_segment_r10(e);
    emit_indirect_call(e, next_of(e));
}

static void far_return(struct emit *e, uint32_t release)
{
    asm_load32(&e->code, R10, emit_memory(e, stack_place(e, 0), 4, false));
    move_stack(e, 4 + (int32_t)(release & 0xFFFF));
    set_code_segment_r10(e);
    settle_stack(e);
    emit_return(e);
}

static bool transfer(struct emit *e)
{
    const struct insn *i = e->i;
    if (i->osize != 2)
        return false;
    switch (i->op) {
    case OPROW_jmp_ap:
        set_code_segment(e, target_of(i));
        emit_far_jump(e, target_of(i));
        return true;
    case OPROW_call_ap:
        push_return(e);
        set_code_segment(e, target_of(i));
        emit_far_call(e, target_of(i), next_of(e));
        return true;
    case OPROW_jmp_mp:
        asm_load32(&e->code, R10, emit_memory(e, insn_place(i), 4, false));
        set_code_segment_r10(e);
        emit_indirect(e);
        return true;
    case OPROW_call_mp:
        call_memory(e);
        return true;
    case OPROW_retf:
        far_return(e, 0);
        return true;
    case OPROW_retf_iw:
        far_return(e, i->imm);
        return true;
    default:
        return false;
    }
}

bool emit_8086(struct emit *e)
{
    if (!(e->u->key & KEY_8086))
        return false;
    switch (e->i->op) {
    case OPROW_mov_s0_ew:
        return mov_segment(e, SEG_ES);
    case OPROW_mov_s2_ew:
        return mov_segment(e, SEG_SS);
    case OPROW_mov_s3_ew:
        return mov_segment(e, SEG_DS);
    case OPROW_mov_s4_ew:
        return mov_segment(e, SEG_FS);
    case OPROW_mov_s5_ew:
        return mov_segment(e, SEG_GS);
    case OPROW_pop_es:
        return pop_segment(e, SEG_ES);
    case OPROW_pop_ss:
        return pop_segment(e, SEG_SS);
    case OPROW_pop_ds:
        return pop_segment(e, SEG_DS);
    case OPROW_pop_fs:
        return pop_segment(e, SEG_FS);
    case OPROW_pop_gs:
        return pop_segment(e, SEG_GS);
    case OPROW_les:
        return load_pointer(e, SEG_ES);
    case OPROW_lds:
        return load_pointer(e, SEG_DS);
    case OPROW_lss:
        return load_pointer(e, SEG_SS);
    case OPROW_lfs:
        return load_pointer(e, SEG_FS);
    case OPROW_lgs:
        return load_pointer(e, SEG_GS);
    default:
        return transfer(e);
    }
}
