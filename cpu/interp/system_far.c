/* cpu/interp/system_far.c: far control transfer, software interrupts, SYSENTER, SYSEXIT. */
#include "cpu/interp/chain.h"
#include "cpu/interp/system.h"
#include "cpu/stops.h"

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

/* The far pointer that a memory operand names: offset, then selector. */
static uint32_t load_pointer(struct vcpu *c, const struct insn *i, uint16_t *selector)
{
    uint32_t ea = insn_ea(c, i);
    uint32_t at = ea + i->osize;
    uint32_t offset = i->osize == 2 ? load16(c, i, i->seg, ea) : load32(c, i, i->seg, ea);
    *selector = load16(c, i, i->seg, i->asize == 2 ? at & 0xFFFF : at);
    c->cur = i;
    return offset;
}

HANDLER_LAST(jmp_mp)
{
    uint16_t selector;
    uint32_t offset = load_pointer(c, i, &selector);
    far_jump(c, selector, offset, i->osize, next_eip(c, i));
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(call_mp)
{
    uint16_t selector;
    uint32_t offset = load_pointer(c, i, &selector);
    far_call(c, selector, offset, i->osize, next_eip(c, i));
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

/* A flat segment as SYSENTER and SYSEXIT make it, without looking at a descriptor table. */
static void set_flat(struct vcpu *c, unsigned seg, uint16_t selector, bool code)
{
    unsigned dpl = selector & 3;
    c->seg[seg] = (struct segment){.selector = selector,
                                   .attr = (uint16_t)(0xC090 | dpl << 5 | (code ? 0xB : 0x3)),
                                   .limit = UINT32_MAX};
    segment_update(c, seg);
}

static void enter_flat(struct vcpu *c, uint16_t cs, uint16_t ss, uint32_t eip, uint32_t esp)
{
    vcpu_set_cpl(c, cs & 3u);
    set_flat(c, SEG_CS, cs, true);
    set_flat(c, SEG_SS, ss, false);
    c->reg[ESP].d = esp;
    c->eip = eip;
}

HANDLER_LAST(sysenter)
{
    c->cur = i;
    if (vcpu_is_real(c) || !(c->sysenter_cs & 0xFFFC))
        cpu_raise_error(c, VEC_GP, 0);
    c->eflags &= ~(FLAG_VM | FLAG_IF | FLAG_RF);
    uint16_t cs = c->sysenter_cs & 0xFFFC;
    enter_flat(c, cs, (uint16_t)(cs + 8), (uint32_t)c->sysenter_eip, (uint32_t)c->sysenter_esp);
    CHAIN(c, chain_far(c));
}

HANDLER_LAST(sysexit)
{
    require_cpl0(c, i);
    if (vcpu_is_real(c) || !(c->sysenter_cs & 0xFFFC))
        cpu_raise_error(c, VEC_GP, 0);
    uint16_t cs = c->sysenter_cs & 0xFFFC;
    if (unlikely(c->stop_on & STOP_ON_RETURN))
        stops_returned(c, stops_slot(c), c->cpl);
    enter_flat(c, (uint16_t)((cs + 16) | 3), (uint16_t)((cs + 24) | 3), c->reg[EDX].d,
               c->reg[ECX].d);
    CHAIN(c, chain_far(c));
}
