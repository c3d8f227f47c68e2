/* translator/narrow.c: see narrow.h. */
#include "translator/narrow.h"

#include "cpu/access.h"
#include "cpu/decode.h"
#include "cpu/segment.h"
#include "cpu/string.h"
#include "translator/flow.h"

static const uint8_t *behind(const struct unit *u, unsigned n)
{
    return u->start + u->insn[n].resume;
}

const uint8_t *narrow_leave(struct vcpu *c, const struct unit *u, unsigned n)
{
    struct translator *t = c->translated.translator;
    const struct unit_insn *ui = &u->insn[n];
    take_flags(c);
    c->insns = retired(t, ui->rest);
    c->eip = eip_behind(u, ui);
    return translator_go_on(t);
}

const struct insn *narrow_begin(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit_insn *ui = &site_unit(t, site)->insn[site_index(site)];
    c->insns = retired(t, ui->rest + 1u);
    c->eip = ui->eip;
    c->cur = ui->insn;
    c->block_eip = (uint64_t)ui->eip - ui->insn->offset;
    return ui->insn;
}

const uint8_t *narrow_done(struct vcpu *c, uint32_t site, enum flags_place flags)
{
    struct translator *t = c->translated.translator;
    c->insns++;
    return translator_behind(t, site_unit(t, site), site_index(site), flags);
}

/* --- Stores into pages with code ---------------------------------------------------------------
 *
 * Programs keep data, or their stack, beside their code; or they write code. */

static uint32_t register_part(const struct vcpu *c, unsigned n, unsigned size)
{
    if (size > 1)
        return c->reg[n].d;
    return n < 4 ? c->reg[n].b.l : c->reg[n & 3].b.h;
}

/* c has stored; it may have stored into this very unit. */
static const uint8_t *stored(struct vcpu *c, struct unit *u, unsigned n, uint32_t gva,
                             unsigned size)
{
    translator_wrote(c->translated.translator, u, n, gva, size);
    return u->dead || c->wake ? narrow_leave(c, u, n) : behind(u, n);
}

static const uint8_t *store(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = u->insn[site_index(site)].insn;
    bool immediate = i->op == OPROW_mov_eb_ib || i->op == OPROW_mov_ev_iv;
    unsigned size = i->op == OPROW_mov_eb_ib || i->op == OPROW_mov_eb_gb ? 1 : i->osize;
    uint32_t value = immediate ? i->imm : register_part(c, i->reg, size);
    uint32_t offset = insn_ea(c, i);
    if (!access_store_noted(c, i->seg, offset, value, size))
        return translator_help(c, site);
    return stored(c, u, site_index(site), (uint32_t)c->seg[i->seg].base + offset, size);
}

static const uint8_t *push(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    const struct insn *i = u->insn[site_index(site)].insn;
    uint32_t sp = c->reg[ESP].d - i->osize;
    uint32_t value = i->op == OPROW_push_zv ? c->reg[i->reg].d : i->imm;
    uint32_t offset = c->stack32 ? sp : sp & 0xFFFF;
    if (!access_store_noted(c, SEG_SS, offset, value, i->osize))
        return translator_help(c, site);
    set_stack_pointer(c, sp);
    return stored(c, u, site_index(site), (uint32_t)c->seg[SEG_SS].base + offset, i->osize);
}

/* --- Repeated string instructions ------------------------------------------------------------ */

/* Each round but the last is one more instruction than host code counts; the budget must also
 * reach over the rest of the unit. */
static const uint8_t *string_rounds_run(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    const struct insn *i = u->insn[site_index(site)].insn;
    string_rounds *rounds = string_rounds_of(i);
    bool compares = opcode_row(i->op)->writes & F_OSZAPC;
    if (c->eflags & FLAG_DF)
        return translator_help(c, site);
    if (compares)
        take_flags(c);
    enum string_round what = STRING_MORE;
    while (what == STRING_MORE && budget_left(t) > u->insns) {
        what = rounds(c, i);
        c->translated.counter -= what == STRING_MORE;
    }
    if (compares)
        give_flags(c);
    return what == STRING_DONE ? behind(u, site_index(site)) : translator_help(c, site);
}

/* --- Which --------------------------------------------------------------------------------------
 */

narrow_function *narrow_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_mov_eb_gb:
    case OPROW_mov_ev_gv:
    case OPROW_mov_eb_ib:
    case OPROW_mov_ev_iv:
        return insn_is_mem(i) ? store : NULL;
    case OPROW_push_zv:
    case OPROW_push_iv:
    case OPROW_push_ib:
        return push;
    default:
        break;
    }
    if (string_rounds_of(i))
        return string_rounds_run;
    static narrow_function *(*const others[])(const struct insn *) = {
        narrow_system_for, narrow_far_for, narrow_port_for, narrow_control_for};
    narrow_function *found = NULL;
    for (unsigned n = 0; n < ARRAY_LEN(others) && !found; n++)
        found = others[n](i);
    return found;
}
