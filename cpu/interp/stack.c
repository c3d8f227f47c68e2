/* cpu/interp/stack.c: PUSH, POP, PUSHA, POPA, ENTER, LEAVE, BOUND. Registers change after the last
 * access that can fault. */
#include "cpu/interp/operand.h"

/* The 8086 and 186 push SP as it is after the push (80286 Programmer's Reference, appendix C). */
HANDLER(push_zv16)
{
    uint16_t v = c->reg[i->reg].w;
    if (unlikely(i->reg == ESP && c->model <= CPU_186))
        v = (uint16_t)(v - 2);
    push16(c, i, v);
}

HANDLER(push_zv32)
{
    push32(c, i, c->reg[i->reg].d);
}

HANDLER(pop_zv16)
{
    uint16_t v = pop16(c, i);
    c->reg[i->reg].w = v;
}

HANDLER(pop_zv32)
{
    uint32_t v = pop32(c, i);
    c->reg[i->reg].d = v;
}

HANDLER(push_iv16)
{
    push16(c, i, (uint16_t)i->imm);
}

HANDLER(push_iv32)
{
    push32(c, i, i->imm);
}

/* An address that uses ESP is computed after ESP was incremented (SDM vol. 2, POP). */
force_inline uint32_t pop_ea(const struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t ea = insn_ea(c, i) + (i->base == ESP ? size : 0);
    return i->asize == 4 ? ea : ea & 0xFFFF;
}

#define STACK_FORMS(bits)                                                                       \
    HANDLER(push_ev_r##bits)                                                                    \
    {                                                                                           \
        uint##bits##_t v = *reg##bits(c, i->rm);                                                \
        if (unlikely(i->rm == ESP && c->model <= CPU_186))                                      \
            v = (uint##bits##_t)(v - 2);                                                        \
        push##bits(c, i, v);                                                                    \
    }                                                                                           \
    HANDLER(push_ev_m##bits)                                                                    \
    {                                                                                           \
        push##bits(c, i, load##bits(c, i, i->seg, insn_ea(c, i)));                              \
    }                                                                                           \
    HANDLER(pop_ev_r##bits)                                                                     \
    {                                                                                           \
        uint##bits##_t v = pop##bits(c, i);                                                     \
        *reg##bits(c, i->rm) = v;                                                               \
    }                                                                                           \
    HANDLER(pop_ev_m##bits)                                                                     \
    {                                                                                           \
        uint##bits##_t v = load##bits(c, i, SEG_SS, stack_pointer(c));                          \
        store##bits(c, i, i->seg, pop_ea(c, i, bits / 8), v);                                   \
        stack_set(c, stack_offset(c, bits / 8));                                                \
    }                                                                                           \
    /* AX CX DX BX SP BP SI DI, from the top down; all are checked before the first write. */   \
    HANDLER(pusha##bits)                                                                        \
    {                                                                                           \
        const unsigned size = bits / 8;                                                         \
        for (unsigned n = 1; n <= 8; n++)                                                       \
            access_prepare_rmw(c, i, SEG_SS, stack_offset(c, -n *size), size);                  \
        for (unsigned n = 0; n < 8; n++)                                                        \
            store##bits(c, i, SEG_SS, stack_offset(c, -(n + 1) * size), *reg##bits(c, n));      \
        stack_set(c, stack_offset(c, (uint32_t)-8 * size));                                     \
    }                                                                                           \
    HANDLER(popa##bits)                                                                         \
    {                                                                                           \
        const unsigned size = bits / 8;                                                         \
        uint##bits##_t v[8];                                                                    \
        for (unsigned n = 0; n < 8; n++)                                                        \
            v[n] = load##bits(c, i, SEG_SS, stack_offset(c, n * size));                         \
        for (unsigned n = 0; n < 8; n++) {                                                      \
            if (n != 7 - ESP)                                                                   \
                *reg##bits(c, 7 - n) = v[n];                                                    \
        }                                                                                       \
        stack_set(c, stack_offset(c, 8 * size));                                                \
    }                                                                                           \
    HANDLER(leave##bits)                                                                        \
    {                                                                                           \
        uint32_t bp = c->stack32 ? c->reg[EBP].d : c->reg[EBP].w;                               \
        uint##bits##_t v = load##bits(c, i, SEG_SS, bp);                                        \
        stack_set(c, bp + bits / 8);                                                            \
        *reg##bits(c, EBP) = v;                                                                 \
    }                                                                                           \
    /* ENTER (SDM vol. 2): push BP, copy level - 1 outer frame pointers, push the new one, make \
     * room for locals. The last word of the room is probed as the manual says; all that may    \
     * fault is checked in that order before the first write. */                                \
    static void enter_check##bits(struct vcpu *c, const struct insn *i, uint32_t end)           \
    {                                                                                           \
        const unsigned size = bits / 8, level = i->disp & 31;                                   \
        access_prepare_rmw(c, i, SEG_SS, stack_offset(c, (uint32_t)-1 * size), size);           \
        for (unsigned n = 1; n < level; n++) {                                                  \
            uint32_t from = c->reg[EBP].d - n * size;                                           \
            load##bits(c, i, SEG_SS, c->stack32 ? from : from & 0xFFFF);                        \
            access_prepare_rmw(c, i, SEG_SS, stack_offset(c, -(n + 1) * size), size);           \
        }                                                                                       \
        if (level)                                                                              \
            access_prepare_rmw(c, i, SEG_SS, stack_offset(c, -(level + 1) * size), size);       \
        access_prepare_rmw(c, i, SEG_SS, end, size);                                            \
    }                                                                                           \
    HANDLER(enter##bits)                                                                        \
    {                                                                                           \
        const unsigned size = bits / 8, level = i->disp & 31;                                   \
        uint32_t frame = stack_offset(c, (uint32_t)-1 * size), sp = frame;                      \
        uint32_t end = stack_offset(c, (uint32_t)-1 * size * (level + 1) - i->imm);             \
        enter_check##bits(c, i, end);                                                           \
        store##bits(c, i, SEG_SS, sp, *reg##bits(c, EBP));                                      \
        for (unsigned n = 1; n < level; n++) {                                                  \
            uint32_t from = c->reg[EBP].d - n * size;                                           \
            uint##bits##_t v = load##bits(c, i, SEG_SS, c->stack32 ? from : from & 0xFFFF);     \
            sp = stack_offset(c, -(n + 1) * size);                                              \
            store##bits(c, i, SEG_SS, sp, v);                                                   \
        }                                                                                       \
        if (!c->stack32) /* of ESP, even where only SP moves */                                 \
            frame |= c->reg[ESP].d & 0xFFFF0000;                                                \
        if (level)                                                                              \
            store##bits(c, i, SEG_SS, stack_offset(c, -(level + 1) * size),                     \
                        (uint##bits##_t)frame);                                                 \
        *reg##bits(c, EBP) = (uint##bits##_t)frame;                                             \
        stack_set(c, end);                                                                      \
    }                                                                                           \
    HANDLER(bound##bits)                                                                        \
    {                                                                                           \
        uint32_t ea = insn_ea(c, i), upper = ea + bits / 8;                                     \
        int##bits##_t lo = (int##bits##_t)load##bits(c, i, i->seg, ea);                         \
        int##bits##_t hi =                                                                      \
            (int##bits##_t)load##bits(c, i, i->seg, i->asize == 4 ? upper : upper & 0xFFFF);    \
        int##bits##_t v = (int##bits##_t) * reg##bits(c, i->reg);                               \
        if (v < lo || v > hi) {                                                                 \
            c->cur = i;                                                                         \
            cpu_raise(c, VEC_BR);                                                               \
        }                                                                                       \
    }
STACK_FORMS(16)
STACK_FORMS(32)
