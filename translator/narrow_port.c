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

enum port_from { PORT_OF_IMMEDIATE, PORT_OF_DX };

static inline __attribute__((always_inline)) const uint8_t *
transfer(struct vcpu *c, uint32_t site, enum port_from from, bool wide,
         void (*move)(struct vcpu *, uint16_t, unsigned))
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    unsigned n = site_index(site);
    const struct insn *i = narrow_begin_at(c, u, n);
    unsigned size = wide ? i->osize : 1;
    uint16_t port = from == PORT_OF_DX ? c->reg[EDX].w : i->imm & 0xFF;
    if (!is_free(c)) {
        take_flags(c);
        if (!io_is_allowed(c, port, size)) /* which may have marked its page: u may be dead */
            return narrow_general_protection_of(c, u, n);
    }
    move(c, port, size);
    c->insns++;
    return translator_behind_device(t, u, n);
}

/* A function for each row, which knows what it does. */
#define TRANSFER(row, from, wide, move)                                        \
    static const uint8_t *row(struct vcpu *c, uint32_t site)                   \
    {                                                                          \
        return transfer(c, site, PORT_OF_##from, wide, port_##move##_allowed); \
    }
TRANSFER(in_al_ib, IMMEDIATE, false, in)
TRANSFER(in_eax_ib, IMMEDIATE, true, in)
TRANSFER(in_al_dx, DX, false, in)
TRANSFER(in_eax_dx, DX, true, in)
TRANSFER(out_ib_al, IMMEDIATE, false, out)
TRANSFER(out_ib_eax, IMMEDIATE, true, out)
TRANSFER(out_dx_al, DX, false, out)
TRANSFER(out_dx_eax, DX, true, out)

narrow_function *narrow_port_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_in_al_ib:
        return in_al_ib;
    case OPROW_in_eax_ib:
        return in_eax_ib;
    case OPROW_in_al_dx:
        return in_al_dx;
    case OPROW_in_eax_dx:
        return in_eax_dx;
    case OPROW_out_ib_al:
        return out_ib_al;
    case OPROW_out_ib_eax:
        return out_ib_eax;
    case OPROW_out_dx_al:
        return out_dx_al;
    case OPROW_out_dx_eax:
        return out_dx_eax;
    default:
        return NULL;
    }
}
