/* cpu/interp/system_flags.c: PUSHF, POPF, CLI, STI, HLT: with IOPL, V86 mode, VME and PVI (SDM
 * vol. 3, 20.3 and 20.4). */
#include "cpu/interp/system.h"
#include "cpu/monitor.h"

static bool iopl_allows(const struct vcpu *c)
{
    return c->cpl <= bits(c->eflags, 13, 12);
}

HANDLER(pushf)
{
    c->cur = i;
    uint32_t image = vcpu_flags_image(c) & ~(FLAG_RF | FLAG_VM);
    if (vcpu_is_v86(c) && !iopl_allows(c)) {
        if (!(c->cr4 & CR4_VME) || i->osize != 2)
            cpu_raise_error(c, VEC_GP, 0);
        image = (image & ~FLAG_IF) | FLAG_IOPL | (c->eflags & FLAG_VIF ? FLAG_IF : 0);
    }
    push_value(c, i, image);
}

/* V86 below IOPL 3 with VME: the popped IF goes to VIF. */
static void popf_virtual(struct vcpu *c, const struct insn *i, uint32_t value)
{
    if (!(c->cr4 & CR4_VME) || i->osize != 2 || (value & FLAG_TF) ||
        ((value & FLAG_IF) && (c->eflags & FLAG_VIP)))
        cpu_raise_error(c, VEC_GP, 0);
    flags_set(c, value & FLAG_IF ? FLAG_VIF : 0, FLAG_VIF);
}

HANDLER_LAST(popf)
{
    c->cur = i;
    uint32_t mask = FLAGS_ARITH | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;
    bool virtual_if = vcpu_is_v86(c) && !iopl_allows(c);
    if (virtual_if && (!(c->cr4 & CR4_VME) || i->osize != 2))
        cpu_raise_error(c, VEC_GP, 0);
    uint32_t value = stack_top(c, i);
    c->cur = i;
    if (virtual_if) {
        popf_virtual(c, i, value);
    } else {
        mask |= FLAG_TF;
        if (iopl_allows(c))
            mask |= FLAG_IF;
        if (c->cpl == 0)
            mask |= FLAG_IOPL;
    }
    if (c->model == CPU_286 && vcpu_is_real(c))
        mask &= ~(FLAG_IOPL | FLAG_NT); /* always clear there */
    mask &= cpu_model_info(c->model)->eflags_mask;
    flags_set(c, value, i->osize == 2 ? mask & 0xFFFF : mask);
    c->eflags &= ~FLAG_RF;
    vcpu_update_alignment(c);
    set_stack_pointer(c, c->reg[ESP].d + i->osize);
    c->eip = next_eip(c, i);
}

/* Do CLI and STI work on VIF: V86 mode with VME, CPL 3 with PVI? Raises #GP(0) when on neither. */
static bool uses_vif(struct vcpu *c)
{
    if (vcpu_is_real(c) || iopl_allows(c))
        return false;
    if (vcpu_is_v86(c) ? c->cr4 & CR4_VME : c->cpl == 3 && (c->cr4 & CR4_PVI))
        return true;
    cpu_raise_error(c, VEC_GP, 0);
}

HANDLER(cli)
{
    c->cur = i;
    c->eflags &= uses_vif(c) ? ~FLAG_VIF : ~FLAG_IF;
}

HANDLER_LAST(sti)
{
    c->cur = i;
    if (uses_vif(c)) {
        if (c->eflags & FLAG_VIP)
            cpu_raise_error(c, VEC_GP, 0);
        c->eflags |= FLAG_VIF;
    } else {
        if (!(c->eflags & FLAG_IF))
            c->inhibit = INHIBIT_INTERRUPTS;
        c->eflags |= FLAG_IF;
    }
    c->eip = next_eip(c, i);
}

/* No extensions or hints are known: ECX must be 0. */
static void require_monitor(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    if (c->cpl != 0 || !(c->misc_enable & MISC_ENABLE_MONITOR))
        cpu_raise(c, VEC_UD);
    if (c->reg[ECX].d != 0)
        cpu_raise_error(c, VEC_GP, 0);
}

HANDLER(monitor)
{
    require_monitor(c, i);
    uint32_t offset = i->asize == 2 ? c->reg[EAX].w : c->reg[EAX].d;
    load8(c, i, i->seg, offset);
    monitor_arm(c, (uint32_t)c->seg[i->seg].base + offset);
}

HANDLER_LAST(mwait)
{
    require_monitor(c, i);
    if (c->monitor.armed && !monitor_was_written(c))
        vcpu_halt(c, true);
    c->monitor.armed = false;
    c->eip = next_eip(c, i);
}

HANDLER_LAST(hlt)
{
    require_cpl0(c, i);
    vcpu_halt(c, false);
    c->eip = next_eip(c, i);
}
