/* translator/narrow_far.c: what goes to another code segment, privilege level or mode: far jumps,
 * calls and returns, INT and IRET, SYSENTER and SYSEXIT. The interpreter's functions do the work
 * and raise what is due; the way on is through the jump table of where they lead. */
#include "cpu/exception.h"
#include "cpu/segment.h"
#include "translator/narrow.h"

static uint32_t eip_of_next(const struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    return eip_behind(u, &u->insn[site_index(site)]);
}

/* The instruction has run. Its flags are still the host's, unless a task switch changed them: that
 * clears cur. */
static const uint8_t *gone(struct vcpu *c)
{
    c->insns++;
    return translator_cross(c->translated.translator, c->cur ? FLAGS_IN_HOST : FLAGS_IN_VCPU);
}

/* The same of what stayed at its privilege level. */
static const uint8_t *gone_near(struct vcpu *c, uint32_t key)
{
    c->insns++;
    return translator_stay_protected(c->translated.translator, key);
}

static const uint8_t *int_n(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    uint32_t key = site_unit(t, site)->key;
    if (c->code_8086 && narrow_int_8086(c, site))
        return translator_stay(t, key);
    if (narrow_is_monitored(c))
        return narrow_general_protection(c, site);
    const struct insn *i = narrow_begin(c, site);
    uint32_t next = eip_of_next(c, site);
    take_flags(c);
    if (narrow_int_same_level(c, i, next))
        return gone_near(c, key);
    if (!narrow_int_inner(c, (uint8_t)i->imm, next))
        interrupt_software(c, (uint8_t)i->imm, SOFT_INT_N, next);
    return gone(c);
}

static const uint8_t *iret(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    uint32_t key = site_unit(t, site)->key;
    if (c->code_8086 && narrow_iret_8086(c, site))
        return translator_stay(t, key);
    if (narrow_is_monitored(c))
        return narrow_general_protection(c, site);
    const struct insn *i = narrow_begin(c, site);
    if (narrow_iret_same_level(c, i->osize))
        return gone_near(c, key);
    take_flags(c);
    if (!narrow_iret_outer(c, i->osize) && !narrow_iret_to_v86(c, i->osize))
        interrupt_return(c, i->osize, eip_of_next(c, site));
    c->insns++;
    return translator_cross(t, FLAGS_IN_VCPU);
}

static const uint8_t *int3(struct vcpu *c, uint32_t site)
{
    narrow_begin(c, site);
    take_flags(c);
    interrupt_software(c, VEC_BP, SOFT_INT3, eip_of_next(c, site));
    return gone(c);
}

/* Far JMP and CALL. */
static const uint8_t *go_far(struct vcpu *c, uint32_t site)
{
    uint32_t key = site_unit(c->translated.translator, site)->key;
    const struct insn *i = narrow_begin(c, site);
    uint32_t next = eip_of_next(c, site);
    struct far_pointer to = {.selector = (uint16_t)i->disp, .offset = i->imm};
    bool call = i->op == OPROW_call_ap || i->op == OPROW_call_mp;
    if (i->op == OPROW_jmp_mp || i->op == OPROW_call_mp) {
        take_flags(c);
        to = far_pointer_load(c, i);
    }
    if (narrow_far_same_level(c, i, to, next))
        return gone_near(c, key);
    take_flags(c);
    if (call && narrow_call_gate(c, to.selector, next))
        ;
    else if (call)
        far_call(c, to.selector, to.offset, i->osize, next);
    else
        far_jump(c, to.selector, to.offset, i->osize, next);
    return gone(c);
}

static const uint8_t *return_far(struct vcpu *c, uint32_t site)
{
    uint32_t key = site_unit(c->translated.translator, site)->key;
    const struct insn *i = narrow_begin(c, site);
    unsigned release = i->op == OPROW_retf_iw ? i->imm & 0xFFFF : 0;
    if (narrow_return_same_level(c, i->osize, release))
        return gone_near(c, key);
    take_flags(c);
    if (!narrow_return_outer(c, i->osize, release))
        far_return(c, i->osize, release);
    return gone(c);
}

/* SYSENTER and SYSEXIT. Where they raise nothing (at these levels, set up so) and nobody looks,
 * only the count has to be current. */
static bool is_plain_system(const struct vcpu *c, unsigned cpl_max)
{
    return vcpu_is_protected(c) && (c->sysenter_cs & 0xFFFC) && c->cpl <= cpl_max && !c->stop_on;
}

static const uint8_t *system_gone(struct vcpu *c, uint32_t site, unsigned cpl_max,
                                  void (*go)(struct vcpu *c))
{
    struct translator *t = c->translated.translator;
    if (likely(is_plain_system(c, cpl_max))) {
        c->insns = retired(t, 0); /* it ends its block */
        go(c);
        return translator_cross(t, FLAGS_IN_HOST);
    }
    narrow_begin(c, site);
    take_flags(c);
    go(c);
    return gone(c);
}

static const uint8_t *sysenter(struct vcpu *c, uint32_t site)
{
    return system_gone(c, site, 3, system_enter);
}

static const uint8_t *sysexit(struct vcpu *c, uint32_t site)
{
    return system_gone(c, site, 0, system_exit);
}

narrow_function *narrow_far_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_int_ib:
        return int_n;
    case OPROW_iret:
        return iret;
    case OPROW_int3:
        return int3;
    case OPROW_jmp_ap:
    case OPROW_call_ap:
    case OPROW_jmp_mp:
    case OPROW_call_mp:
        return go_far;
    case OPROW_retf:
    case OPROW_retf_iw:
        return return_far;
    case OPROW_sysenter:
        return sysenter;
    case OPROW_sysexit:
        return sysexit;
    default:
        return NULL;
    }
}
