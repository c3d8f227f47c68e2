/* cpu/interp/control.c: near jumps, calls, returns and loops; the ends of blocks. */
#include "cpu/interp/chain.h"
#include "cpu/stops.h"

/* The sentinel after a block whose last instruction does not end it: retired, go on behind it. */
HANDLER_LAST(block_end)
{
    uint32_t eip = (uint32_t)c->block_eip + i->offset;
    CHAIN(c, chain_direct(c, c->code32 ? eip : eip & 0xFFFF, 0));
}

/* What the rest of a dropped block runs: leave at once, to be decoded anew. */
HANDLER_LAST(block_dropped)
{
    chain_leave(c, i);
}

/* Stands for an instruction before which its block is to be left. */
HANDLER_LAST(block_left)
{
    chain_leave(c, i);
}

HANDLER_LAST(undefined)
{
    c->cur = i;
    cpu_raise(c, VEC_UD);
}

HANDLER_LAST(too_long)
{
    c->cur = i;
    cpu_raise_error(c, VEC_GP, 0);
}

/* The target of a relative branch of operand size bits. With a 16-bit operand size EIP is cut to
 * 16 bits; in 16-bit code with a 32-bit one it is not, and may lie beyond the limit. */
#define TARGET(bits) ((uint##bits##_t)(next_eip(c, i) + i->imm))

#define BRANCH(name, bits, condition)                 \
    HANDLER_LAST(name##bits)                          \
    {                                                 \
        if (condition) {                              \
            uint32_t to = TARGET(bits);               \
            check_target(c, i, to);                   \
            CHAIN(c, chain_direct(c, to, 1));         \
        }                                             \
        CHAIN(c, chain_direct(c, next_eip(c, i), 0)); \
    }
#define JCC(cc, condition)       \
    BRANCH(j##cc, 16, condition) \
    BRANCH(j##cc, 32, condition)

JCC(mp, true)
JCC(o, flag_of(c))
JCC(no, !flag_of(c))
JCC(b, flag_cf(c))
JCC(ae, !flag_cf(c))
JCC(e, flag_zf(c))
JCC(ne, !flag_zf(c))
JCC(be, flag_cf(c) | flag_zf(c))
JCC(a, !(flag_cf(c) | flag_zf(c)))
JCC(s, flag_sf(c))
JCC(ns, !flag_sf(c))
JCC(p, flag_pf(c))
JCC(np, !flag_pf(c))
JCC(l, flag_less(c))
JCC(ge, !flag_less(c))
JCC(le, flag_less(c) | flag_zf(c))
JCC(g, !(flag_less(c) | flag_zf(c)))

/* CX or ECX, by address size. */
force_inline uint32_t count_register(const struct vcpu *c, const struct insn *i)
{
    return i->asize == 4 ? c->reg[ECX].d : c->reg[ECX].w;
}

force_inline void count_set(struct vcpu *c, const struct insn *i, uint32_t n)
{
    if (i->asize == 4)
        c->reg[ECX].d = n;
    else
        c->reg[ECX].w = (uint16_t)n;
}

BRANCH(jcxz, 16, count_register(c, i) == 0)
BRANCH(jcxz, 32, count_register(c, i) == 0)

/* LOOP, LOOPE, LOOPNE: the count changes only when the target is good. */
#define LOOP(name, bits, condition)                   \
    HANDLER_LAST(name##bits)                          \
    {                                                 \
        uint32_t n = count_register(c, i) - 1;        \
        if (i->asize != 4)                            \
            n &= 0xFFFF;                              \
        if (n != 0 && (condition)) {                  \
            uint32_t to = TARGET(bits);               \
            check_target(c, i, to);                   \
            count_set(c, i, n);                       \
            CHAIN(c, chain_direct(c, to, 1));         \
        }                                             \
        count_set(c, i, n);                           \
        CHAIN(c, chain_direct(c, next_eip(c, i), 0)); \
    }
LOOP(loop, 16, true)
LOOP(loop, 32, true)
LOOP(loope, 16, flag_zf(c))
LOOP(loope, 32, flag_zf(c))
LOOP(loopne, 16, !flag_zf(c))
LOOP(loopne, 32, !flag_zf(c))

/* For a debugger's step out. */
#define CALLED(c)                                    \
    do {                                             \
        if (unlikely((c)->stop_on & STOP_ON_RETURN)) \
            stops_called(c, 0);                      \
    } while (0)
#define RETURNED(c, popped)                                                  \
    do {                                                                     \
        if (unlikely((c)->stop_on & STOP_ON_RETURN))                         \
            stops_returned(c, stops_slot(c) - (uint32_t)(popped), (c)->cpl); \
    } while (0)

#define NEAR_FORMS(bits)                                          \
    HANDLER_LAST(call_jv##bits)                                   \
    {                                                             \
        uint32_t to = TARGET(bits);                               \
        check_target(c, i, to);                                   \
        push##bits(c, i, (uint##bits##_t)next_eip(c, i));         \
        CALLED(c);                                                \
        CHAIN(c, chain_direct(c, to, 1));                         \
    }                                                             \
    HANDLER_LAST(call_ev_r##bits)                                 \
    {                                                             \
        uint32_t to = *reg##bits(c, i->rm);                       \
        check_target(c, i, to);                                   \
        push##bits(c, i, (uint##bits##_t)next_eip(c, i));         \
        CALLED(c);                                                \
        CHAIN(c, chain_indirect(c, to));                          \
    }                                                             \
    HANDLER_LAST(call_ev_m##bits)                                 \
    {                                                             \
        uint32_t to = load##bits(c, i, i->seg, insn_ea(c, i));    \
        check_target(c, i, to);                                   \
        push##bits(c, i, (uint##bits##_t)next_eip(c, i));         \
        CALLED(c);                                                \
        CHAIN(c, chain_indirect(c, to));                          \
    }                                                             \
    HANDLER_LAST(jmp_ev_r##bits)                                  \
    {                                                             \
        uint32_t to = *reg##bits(c, i->rm);                       \
        check_target(c, i, to);                                   \
        CHAIN(c, chain_indirect(c, to));                          \
    }                                                             \
    HANDLER_LAST(jmp_ev_m##bits)                                  \
    {                                                             \
        uint32_t to = load##bits(c, i, i->seg, insn_ea(c, i));    \
        check_target(c, i, to);                                   \
        CHAIN(c, chain_indirect(c, to));                          \
    }                                                             \
    HANDLER_LAST(ret##bits)                                       \
    {                                                             \
        uint32_t to = load##bits(c, i, SEG_SS, stack_pointer(c)); \
        check_target(c, i, to);                                   \
        stack_set(c, stack_offset(c, bits / 8));                  \
        RETURNED(c, bits / 8);                                    \
        CHAIN(c, chain_indirect(c, to));                          \
    }                                                             \
    HANDLER_LAST(ret_iw##bits)                                    \
    {                                                             \
        uint32_t to = load##bits(c, i, SEG_SS, stack_pointer(c)); \
        check_target(c, i, to);                                   \
        stack_set(c, stack_offset(c, bits / 8 + i->imm));         \
        RETURNED(c, bits / 8 + i->imm);                           \
        CHAIN(c, chain_indirect(c, to));                          \
    }
NEAR_FORMS(16)
NEAR_FORMS(32)
