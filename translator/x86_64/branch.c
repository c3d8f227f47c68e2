/* translator/x86_64/branch.c: near jumps, calls, returns and loops.
 *
 * A branch whose target lies in the unit's page is a jump that the translator links to the target's
 * unit: same page, same mapping. All others go through the jump table of the address space. Targets
 * that may lie beyond the code limit are left to the handler, which raises #GP at the branch. */
#include "translator/x86_64/emit.h"

/* A target known now: within the code limit? The unit is for this one only. */
static bool target_fits(const struct emit *e, uint32_t eip)
{
    return (e->u->key & KEY_CODE_FLAT) || eip < e->t->vcpu->code_len;
}

/* The same for a target that is known when the guest runs: the code looks at r10. */
static void check_target(struct emit *e)
{
    if (!(e->u->key & KEY_CODE_FLAT) && !(e->i->osize == 2 && target_fits(e, 0xFFFF)))
        emit_check_length(e, offsetof(struct vcpu, code_len), 1);
}

static uint32_t next_of(const struct emit *e)
{
    uint32_t eip = insn_eip(e->u, &e->u->insn[e->n]) + e->i->len;
    return e->u->key & KEY_CODE32 ? eip : eip & 0xFFFF;
}

static uint32_t target_of(const struct emit *e)
{
    uint32_t eip = next_of(e) + e->i->imm;
    if (e->i->osize == 4)
        return eip;
    e->u->stays = true; /* it is no distance */
    return eip & 0xFFFF;
}

/* --- The count ------------------------------------------------------------------------------- */

/* CX or ECX zero: goes on at the returned displacement; else falls through. ECX is as before on
 * both ways when asize is 4; with 2 it is in r12 and the caller restores it on both. */
static uint8_t *skip_if_zero(struct emit *e)
{
    if (e->i->asize == 2) {
        asm_mov32(&e->code, R12, RCX);
        asm_movzx16(&e->code, RCX, RCX);
    }
    return asm_jecxz(&e->code);
}

static void restore_count(struct emit *e)
{
    if (e->i->asize == 2)
        asm_mov32(&e->code, RCX, R12);
}

static void emit_jcxz(struct emit *e)
{
    uint32_t to = target_of(e);
    uint8_t *zero = skip_if_zero(e);
    restore_count(e);
    asm_8(&e->code, 0xEB);
    uint8_t *over = e->code.at++;
    asm_land8(&e->code, zero);
    restore_count(e);
    emit_link_jump(e, to);
    asm_land8(&e->code, over);
}

static void emit_loop(struct emit *e)
{
    uint32_t to = target_of(e);
    if (e->i->asize == 4) {
        asm_lea32(&e->code, RCX, place_mem(RCX, -1));
    } else {
        asm_lea32(&e->code, R12, place_mem(RCX, -1));
        asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, RCX, place_reg(R12));
    }
    uint8_t *zero = skip_if_zero(e);
    restore_count(e);
    if (e->i->op == OPROW_loop)
        emit_link_jump(e, to);
    else
        emit_link_jcc(e, e->i->op == OPROW_loope ? 4 : 5, to);
    uint8_t *over = NULL;
    if (e->i->asize == 2 && e->i->op != OPROW_loop) {
        asm_8(&e->code, 0xEB);
        over = e->code.at++;
    }
    asm_land8(&e->code, zero);
    restore_count(e);
    if (over)
        asm_land8(&e->code, over);
}

/* --- Calls and returns ------------------------------------------------------------------------ */

static void push_return(struct emit *e)
{
    int32_t size = e->i->osize;
    struct place to = emit_memory(e, stack_place(e, -size), (unsigned)size, true);
    struct form mov = {
        .opcode = 0xC7, .o16 = size == 2, .imm_size = (uint8_t)size, .imm = next_of(e)};
    asm_modrm(&e->code, &mov, 0, to);
    if (size == 4)
        emit_note_eip(e);
    else
        e->u->stays = true;
    move_stack(e, -size);
}

/* MOV or MOVZX r10d, from */
static void load_target(struct emit *e, struct place from)
{
    if (e->i->osize == 2)
        asm_modrm(&e->code, &(struct form){.map = ASM_0F, .opcode = 0xB7}, R10, from);
    else
        asm_load32(&e->code, R10, from);
}

static void load_operand(struct emit *e)
{
    if (insn_is_mem(e->i))
        load_target(e, emit_memory(e, insn_place(e->i), e->i->osize, false));
    else
        load_target(e, place_reg(host_reg(e->i->rm)));
}

static void emit_call_indirect(struct emit *e)
{
    load_operand(e);
    check_target(e);
    emit_token(e);
    if (stack_is_direct(e)) {
        push_return(e);
        settle_stack(e);
    } else {
        asm_store32(&e->code, FIELD_OF(translated.spill), R10);
        push_return(e);
        asm_load32(&e->code, R10, FIELD_OF(translated.spill));
    }
    emit_indirect_call(e, next_of(e));
}

static void emit_ret(struct emit *e, uint32_t release)
{
    int32_t size = e->i->osize;
    load_target(e, emit_memory(e, stack_place(e, 0), (unsigned)size, false));
    check_target(e);
    emit_token(e);
    move_stack(e, size + (int32_t)(release & 0xFFFF));
    settle_stack(e);
    emit_return(e);
}

/* The condition in a Jcc's opcode. */
static unsigned condition_of(const struct insn *i)
{
    return opcode_row(i->op)->opcode & 15;
}

static bool is_relative(unsigned op)
{
    return op != OPROW_call_ev && op != OPROW_jmp_ev && op != OPROW_ret && op != OPROW_ret_iw;
}

void emit_branch(struct emit *e)
{
    const struct insn *i = e->i;
    if (is_relative(i->op) && !target_fits(e, target_of(e))) {
        emit_help(e);
        return;
    }
    switch (i->op) {
    case OPROW_jmp_jb:
    case OPROW_jmp_jv:
        emit_link_jump(e, target_of(e));
        break;
    case OPROW_jcxz:
        emit_jcxz(e);
        break;
    case OPROW_loop:
    case OPROW_loope:
    case OPROW_loopne:
        emit_loop(e);
        break;
    case OPROW_call_jv:
        push_return(e);
        settle_stack(e);
        emit_link_call(e, target_of(e), next_of(e));
        break;
    case OPROW_call_ev:
        emit_call_indirect(e);
        break;
    case OPROW_jmp_ev:
        load_operand(e);
        check_target(e);
        emit_token(e);
        emit_indirect(e);
        break;
    case OPROW_ret:
        emit_ret(e, 0);
        break;
    case OPROW_ret_iw:
        emit_ret(e, i->imm);
        break;
    default:
        emit_link_jcc(e, condition_of(i), target_of(e));
        break;
    }
}
