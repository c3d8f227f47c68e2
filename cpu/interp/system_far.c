/* cpu/interp/system_far.c: far control transfer, software interrupts, SYSENTER, SYSEXIT. */
#include "cpu/interp/chain.h"
#include "cpu/interp/system.h"

HANDLER_LAST(jmp_ap)
{
    c->cur = i;
    far_jump(c, (uint16_t)i->disp, i->imm, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(call_ap)
{
    c->cur = i;
    far_call(c, (uint16_t)i->disp, i->imm, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(jmp_mp)
{
    struct far_pointer to = far_pointer_load(c, i);
    c->cur = i;
    far_jump(c, to.selector, to.offset, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(call_mp)
{
    struct far_pointer to = far_pointer_load(c, i);
    c->cur = i;
    far_call(c, to.selector, to.offset, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(retf)
{
    c->cur = i;
    far_return(c, i->osize, 0);
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(retf_iw)
{
    c->cur = i;
    far_return(c, i->osize, i->imm & 0xFFFF);
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(iret)
{
    c->cur = i;
    interrupt_return(c, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(int_ib)
{
    c->cur = i;
    interrupt_software(c, (uint8_t)i->imm, SOFT_INT_N, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(int3)
{
    c->cur = i;
    interrupt_software(c, VEC_BP, SOFT_INT3, next_eip(c, i));
}

HANDLER_LAST(int1)
{
    c->cur = i;
    interrupt_software(c, VEC_DB, SOFT_INT1, next_eip(c, i));
}

HANDLER_LAST(into)
{
    c->cur = i;
    if (flags_arith(c) & FLAG_OF)
        interrupt_software(c, VEC_OF, SOFT_INTO, next_eip(c, i));
    else
        c->eip = next_eip(c, i);
}

HANDLER_LAST(sysenter)
{
    c->cur = i;
    system_enter(c);
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(sysexit)
{
    c->cur = i;
    system_exit(c);
    CHAIN(c, chain_far(c));
}
