/* translator/x86_64/own.c: instructions whose encoding or effect differs in 64-bit mode: the stack,
 * one-byte INC and DEC, absolute addresses, LEA, bit strings, PUSHF. */
#include "cpu/model.h"
#include "translator/x86_64/emit.h"

static bool o16(const struct emit *e)
{
    return e->i->osize == 2;
}

/* --- Stack ----------------------------------------------------------------------------------- */

static void push_reg(struct emit *e, unsigned host)
{
    int32_t size = e->i->osize;
    struct place to = emit_memory(e, stack_place(e, -size), (unsigned)size, true);
    asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = o16(e)}, host, to);
    move_stack(e, -size);
}

static void push_imm(struct emit *e, uint32_t imm)
{
    int32_t size = e->i->osize;
    struct place to = emit_memory(e, stack_place(e, -size), (unsigned)size, true);
    struct form mov = {.opcode = 0xC7, .o16 = o16(e), .imm_size = (uint8_t)size, .imm = imm};
    asm_modrm(&e->code, &mov, 0, to);
    move_stack(e, -size);
}

static void load_sized(struct emit *e, unsigned host, struct place from)
{
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = o16(e)}, host, from);
}

static void push_ev(struct emit *e)
{
    if (!insn_is_mem(e->i)) {
        push_reg(e, host_reg(e->i->rm));
        return;
    }
    /* Two accesses: the value waits in the vCPU, no register is free beside a lookup. */
    struct place from = emit_memory(e, insn_place(e->i), e->i->osize, false);
    load_sized(e, R11, from);
    if (stack_is_direct(e)) {
        push_reg(e, R11);
        return;
    }
    asm_store32(&e->code, FIELD_OF(translated.spill), R11);
    int32_t size = e->i->osize;
    struct place to = emit_memory(e, stack_place(e, -size), (unsigned)size, true);
    asm_load32(&e->code, R11, FIELD_OF(translated.spill));
    asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = o16(e)}, R11, to);
    move_stack(e, -size);
}

static void pop_reg(struct emit *e, unsigned guest)
{
    int32_t size = e->i->osize;
    struct place from = emit_memory(e, stack_place(e, 0), (unsigned)size, false);
    if (guest != ESP) {
        load_sized(e, guest, from);
        move_stack(e, size);
        return;
    }
    load_sized(e, R11, from); /* the value popped wins */
    move_stack(e, size);
    settle_stack(e);
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = o16(e)}, R8, place_reg(R11));
}

static void emit_leave(struct emit *e)
{
    int32_t size = e->i->osize;
    bool stack32 = e->u->key & KEY_STACK32;
    struct ea frame = {.base = EBP, .index = REG_NONE, .asize = stack32 ? 4 : 2, .seg = SEG_SS};
    struct place from = emit_memory(e, frame, (unsigned)size, false);
    load_sized(e, R11, from);
    if (stack32) {
        asm_lea32(&e->code, R8, place_mem(RBP, size));
    } else {
        asm_lea32(&e->code, R12, place_mem(RBP, size));
        asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, R8, place_reg(R12));
    }
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = o16(e)}, RBP, place_reg(R11));
}

/* --- Moves ----------------------------------------------------------------------------------- */

/* MOV between the accumulator and an absolute offset. */
static void mov_absolute(struct emit *e, bool store, unsigned size)
{
    struct place at = emit_memory(e, insn_place(e->i), size, store);
    unsigned opcode = (store ? 0x88u : 0x8Au) | (size > 1);
    asm_modrm(&e->code, &(struct form){.opcode = (uint8_t)opcode, .o16 = size == 2}, RAX, at);
}

static void emit_lea(struct emit *e)
{
    struct ea ea = insn_place(e->i);
    unsigned to = host_reg(e->i->reg);
    if (!o16(e)) {
        emit_offset(e, to, ea);
        return;
    }
    emit_offset(e, R10, ea);
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, to, place_reg(R10));
}

static void emit_xlat(struct emit *e)
{
    /* AL is an index, and is zero-extended by way of r11. */
    asm_modrm(&e->code, &(struct form){.map = ASM_0F, .opcode = 0xB6}, R11, place_reg(RAX));
    asm_lea32(&e->code, R10, place_indexed(RBX, R11, 0, 0));
    if (e->i->asize == 2)
        asm_movzx16(&e->code, R10, R10);
    struct place at = emit_memory_r10(e, e->i->seg, e->i->asize, 1, false);
    asm_modrm(&e->code, &(struct form){.opcode = 0x8A}, RAX, at);
}

/* BT with a register offset reaches memory far from its operand: natively in registers only. */
static void emit_bits(struct emit *e)
{
    if (insn_is_mem(e->i))
        emit_help(e);
    else
        emit_plain(e, LOWER_NONE);
}

static void emit_bswap(struct emit *e)
{
    unsigned r = host_reg(e->i->reg);
    if (o16(e)) { /* undefined: as the handler has it */
        emit_help(e);
        return;
    }
    if (r & 8)
        asm_8(&e->code, 0x41);
    asm_8(&e->code, 0x0F);
    asm_8(&e->code, 0xC8 | (r & 7));
}

static void load_selector(struct emit *e, unsigned seg)
{
    size_t field = offsetof(struct vcpu, seg) + seg * sizeof(struct segment) +
                   offsetof(struct segment, selector);
    asm_modrm(&e->code, &(struct form){.map = ASM_0F, .opcode = 0xB7}, R11, vcpu_field(field));
}

static void push_segment(struct emit *e, unsigned seg)
{
    int32_t size = e->i->osize;
    struct place to = emit_memory(e, stack_place(e, -size), (unsigned)size, true);
    load_selector(e, seg);
    asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = o16(e)}, R11, to);
    move_stack(e, -size);
}

/* Memory gets 16 bits, a register the operand size. */
static void store_segment(struct emit *e)
{
    const struct insn *i = e->i;
    bool memory = insn_is_mem(i);
    struct place to = memory ? emit_memory(e, insn_place(i), 2, true) : place_reg(host_reg(i->rm));
    load_selector(e, i->reg);
    asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = memory || o16(e)}, R11, to);
}

/* What pushes or pops. False: it does not. */
static bool emit_stack(struct emit *e)
{
    const struct insn *i = e->i;
    switch (i->op) {
    case OPROW_push_zv:
        push_reg(e, host_reg(i->reg));
        break;
    case OPROW_push_iv:
    case OPROW_push_ib:
        push_imm(e, i->imm);
        break;
    case OPROW_push_ev:
    case OPROW_push_ev_7:
        push_ev(e);
        break;
    case OPROW_pop_zv:
        pop_reg(e, i->reg);
        break;
    case OPROW_pop_ev:
        if (insn_is_mem(i))
            emit_help(e); /* its address is formed with the ESP after the pop */
        else
            pop_reg(e, i->rm);
        break;
    case OPROW_push_es:
        push_segment(e, SEG_ES);
        break;
    case OPROW_push_cs:
        push_segment(e, SEG_CS);
        break;
    case OPROW_push_ss:
        push_segment(e, SEG_SS);
        break;
    case OPROW_push_ds:
        push_segment(e, SEG_DS);
        break;
    case OPROW_push_fs:
        push_segment(e, SEG_FS);
        break;
    case OPROW_push_gs:
        push_segment(e, SEG_GS);
        break;
    case OPROW_leave:
        emit_leave(e);
        break;
    case OPROW_pushf:
        if (!emit_push_flags(e))
            emit_help(e);
        break;
    default:
        return false;
    }
    return true;
}

void emit_own(struct emit *e)
{
    const struct insn *i = e->i;
    if (emit_stack(e))
        return;
    struct form one = {.opcode = 0xFF, .o16 = o16(e)};
    switch (i->op) {
    case OPROW_inc_zv:
        asm_modrm(&e->code, &one, 0, place_reg(host_reg(i->reg)));
        break;
    case OPROW_dec_zv:
        asm_modrm(&e->code, &one, 1, place_reg(host_reg(i->reg)));
        break;
    case OPROW_xchg_zv_eax:
        asm_modrm(&e->code, &(struct form){.opcode = 0x87, .o16 = o16(e)}, RAX,
                  place_reg(host_reg(i->reg)));
        break;
    case OPROW_mov_zb_ib:
        asm_8(&e->code, 0xB0 | i->reg);
        asm_8(&e->code, i->imm & 0xFF);
        e->u->insn[e->n].imm_size = 1;
        break;
    case OPROW_mov_zv_iv:
        if (o16(e))
            asm_modrm(&e->code,
                      &(struct form){.opcode = 0xC7, .o16 = true, .imm_size = 2, .imm = i->imm}, 0,
                      place_reg(host_reg(i->reg)));
        else
            asm_mov_imm32(&e->code, host_reg(i->reg), i->imm);
        e->u->insn[e->n].imm_size = i->osize;
        break;
    case OPROW_mov_al_ob:
        mov_absolute(e, false, 1);
        break;
    case OPROW_mov_eax_ov:
        mov_absolute(e, false, i->osize);
        break;
    case OPROW_mov_ob_al:
        mov_absolute(e, true, 1);
        break;
    case OPROW_mov_ov_eax:
        mov_absolute(e, true, i->osize);
        break;
    case OPROW_lea:
        emit_lea(e);
        break;
    case OPROW_xlat:
        emit_xlat(e);
        break;
    case OPROW_bswap:
        emit_bswap(e);
        break;
    case OPROW_bt_ev_gv:
    case OPROW_bts_ev_gv:
    case OPROW_btr_ev_gv:
    case OPROW_btc_ev_gv:
        emit_bits(e);
        break;
    case OPROW_mov_ew_s0:
    case OPROW_mov_ew_s1:
    case OPROW_mov_ew_s2:
    case OPROW_mov_ew_s3:
    case OPROW_mov_ew_s4:
    case OPROW_mov_ew_s5:
        store_segment(e);
        break;
    case OPROW_cli:
        emit_cli(e);
        break;
    default: /* NOP and hints */
        break;
    }
}
