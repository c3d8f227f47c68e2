/* translator/narrow_port.c: IN and OUT. The unit goes on behind them unless the device asked for
 * the engine's attention. */
#include "cpu/port.h"
#include "cpu/task.h"
#include "translator/narrow.h"

/* Nothing can be raised, and no debugger is told. */
static bool is_free(const struct vcpu *c)
{
    bool allowed = vcpu_is_real(c) || (!vcpu_is_v86(c) && c->cpl <= bits(c->eflags, 13, 12));
    return allowed && !c->io_breakpoints && !c->stop_on;
}

/* opcode E4h..E7h, ECh..EFh:   | 1  1  1  0 | by DX | 1 | out | wide | */
static inline const uint8_t *transfer(struct vcpu *c, uint32_t site,
                                      void (*move)(struct vcpu *, uint16_t, unsigned))
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = narrow_begin(c, site);
    unsigned opcode = opcode_row(i->op)->opcode, size = opcode & 1 ? i->osize : 1;
    uint16_t port = opcode & 8 ? c->reg[EDX].w : i->imm & 0xFF;
    if (!is_free(c)) {
        take_flags(c);
        if (!io_is_allowed(c, port, size)) /* which may have marked its page: u may be dead */
            return narrow_general_protection_of(c, u, site_index(site));
    }
    move(c, port, size);
    c->insns++;
    return translator_behind_device(c->translated.translator, u, site_index(site));
}

static const uint8_t *in(struct vcpu *c, uint32_t site)
{
    return transfer(c, site, port_in_allowed);
}

static const uint8_t *out(struct vcpu *c, uint32_t site)
{
    return transfer(c, site, port_out_allowed);
}

narrow_function *narrow_port_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_in_al_ib:
    case OPROW_in_eax_ib:
    case OPROW_in_al_dx:
    case OPROW_in_eax_dx:
        return in;
    case OPROW_out_ib_al:
    case OPROW_out_ib_eax:
    case OPROW_out_dx_al:
    case OPROW_out_dx_eax:
        return out;
    default:
        return NULL;
    }
}
