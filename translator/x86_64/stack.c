/* translator/x86_64/stack.c: ESP while instructions push and pop.
 *
 * With a flat stack in a window a push is one host instruction, since what it takes from ESP waits:
 *
 *     push ebp         mov gs:[r8-4], ebp           e->esp -4
 *     push ebx         mov gs:[r8-8], ebx                  -8
 *     mov eax,[esp+8]  mov eax, gs:[r8]                    -8
 *     sub esp, 8       lea r8d,[r8-8] / sub r8d, 8          0
 *
 * The guest's ESP is r8 + e->esp. Instructions that have no use for ESP but as an address leave
 * that as it is; before all others, and where a unit is left, r8 is brought up to date. Each
 * instruction of the unit remembers what waited before and behind it (unit_insn): a fault's handler
 * sets r8 right, and what goes on behind an instruction that a handler ran sets it as the code has
 * it. */
#include "translator/x86_64/emit.h"

bool stack_is_direct(const struct emit *e)
{
    return (e->u->key & KEY_WINDOW) && (e->u->key & KEY_STACK32) &&
           key_segment(e->u->key, SEG_SS) == SEGMENT_FLAT && !e->u->insn[e->n].soft;
}

struct ea stack_place(const struct emit *e, int32_t disp)
{
    return (struct ea){.base = ESP,
                       .index = REG_NONE,
                       .asize = e->u->key & KEY_STACK32 ? 4 : 2,
                       .disp = (uint32_t)disp,
                       .seg = SEG_SS};
}

void move_stack(struct emit *e, int32_t n)
{
    if (e->u->key & KEY_STACK32) {
        e->esp += n;
        if (!stack_is_direct(e))
            settle_stack(e);
        return;
    }
    asm_lea32(&e->code, R12, place_mem(R8, n));
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, R8, place_reg(R12));
}

void settle_stack(struct emit *e)
{
    if (e->esp)
        asm_lea32(&e->code, R8, place_mem(R8, e->esp));
    e->esp = 0;
}

bool place_is_direct(const struct emit *e)
{
    const struct insn *i = e->i;
    return (e->u->key & KEY_WINDOW) && !e->u->insn[e->n].soft && i->asize == 4 &&
           key_segment(e->u->key, i->seg) == SEGMENT_FLAT;
}

bool stack_may_wait(const struct emit *e)
{
    const struct insn *i = e->i;
    if (e->esp <= -STACK_WAITS || e->esp >= STACK_WAITS)
        return false;
    switch (i->op) {
    case OPROW_push_iv:
    case OPROW_push_ib:
        return stack_is_direct(e);
    case OPROW_push_zv:
    case OPROW_pop_zv:
        return stack_is_direct(e) && i->reg != ESP;
    case OPROW_inc_zv:
    case OPROW_dec_zv:
    case OPROW_mov_zv_iv:
        return i->reg != ESP;
    case OPROW_mov_zb_ib:
        return true;
    case OPROW_lea:
        return i->reg != ESP && i->asize == 4 && i->osize == 4;
    case OPROW_ret:
    case OPROW_ret_iw:
    case OPROW_call_jv:
        return stack_is_direct(e) && (e->u->key & KEY_CODE_FLAT);
    case OPROW_call_ev:
        return stack_is_direct(e) && (e->u->key & KEY_CODE_FLAT) &&
               (insn_is_mem(i) ? place_is_direct(e) : i->rm != ESP);
    default:
        return emitted_as_is(i) && !plain_names_esp(i) && (!insn_is_mem(i) || place_is_direct(e));
    }
}
