/* translator/narrow.c: see narrow.h. */
#include "translator/narrow.h"

#include "cpu/access.h"
#include "cpu/decode.h"
#include "cpu/segment.h"
#include "cpu/string.h"
#include "translator/flow.h"

const uint8_t *narrow_leave(struct vcpu *c, const struct unit *u, unsigned n)
{
    struct translator *t = c->translated.translator;
    const struct unit_insn *ui = &u->insn[n];
    c->translated.counter += ui->rest;
    c->insns = retired(t, 0);
    c->eip = eip_behind(u, ui);
    return translator_cross(t, FLAGS_IN_HOST);
}

const struct insn *narrow_begin(struct vcpu *c, uint32_t site)
{
    return narrow_begin_at(c, site_unit(c->translated.translator, site), site_index(site));
}

const uint8_t *narrow_done(struct vcpu *c, const struct unit *u, unsigned n, enum flags_place flags)
{
    c->insns++;
    return translator_behind(c->translated.translator, u, n, flags);
}

static void fault_begins(struct vcpu *c, const struct unit *u, unsigned n)
{
    narrow_begin_at(c, u, n);
    take_flags(c);
    c->translated.counter += u->insn[n].rest;
}

static const uint8_t *fault_gone(struct vcpu *c)
{
    return translator_cross(c->translated.translator, FLAGS_IN_VCPU);
}

/* As run_land_fault has it: the fault counts. */
static bool land(struct vcpu *c, enum vector vector, int64_t error)
{
    if (!narrow_fault_same_level(c, vector, error) && !narrow_fault_inner(c, vector, error))
        return false;
    c->insns++;
    c->cur = NULL;
    return true;
}

const uint8_t *narrow_general_protection_of(struct vcpu *c, const struct unit *u, unsigned n)
{
    fault_begins(c, u, n);
    if (!land(c, VEC_GP, 0))
        run_fault_error(c, VEC_GP, 0);
    return fault_gone(c);
}

const uint8_t *narrow_general_protection(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    return narrow_general_protection_of(c, u, site_index(site));
}

const uint8_t *narrow_fault(struct vcpu *c, uint32_t site, enum vector vector)
{
    fault_begins(c, site_unit(c->translated.translator, site), site_index(site));
    if (!land(c, vector, -1))
        run_fault(c, vector);
    return fault_gone(c);
}

const uint8_t *narrow_page_fault(struct vcpu *c, uint32_t site, uint32_t gva, uint32_t error)
{
    fault_begins(c, site_unit(c->translated.translator, site), site_index(site));
    c->cr2 = gva;
    if (!land(c, VEC_PF, error))
        run_page_fault(c, gva, error);
    return fault_gone(c);
}

uint8_t *narrow_reach_write(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size)
{
    uint8_t *p = narrow_reach(c, seg, offset, size, TLB_WRITE);
    if (likely(p != NULL))
        return p;
    uint32_t gva = (uint32_t)c->seg[seg].base + offset;
    if (offset + (uint64_t)size > c->seg[seg].write_len || !access_is_beside_code(c, gva, size))
        return NULL;
    access_enter_beside(c, gva); /* when the page may be written so at all */
    return tlb_lookup(&c->tlb, c->tlb_view, TLB_BESIDE, gva, size);
}

/* --- Repeated string instructions ------------------------------------------------------------ */

/* Each round but the last is one more instruction than host code counts; the budget must also
 * reach over the rest of the unit. */
static const uint8_t *string_rounds_run(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    string_rounds *rounds = string_rounds_of(i);
    bool compares = opcode_row(i->op)->writes & F_OSZAPC;
    if (compares)
        take_flags(c);
    enum string_round what = STRING_MORE;
    while (what == STRING_MORE && budget_left(t) > u->insns) {
        what = rounds(c, i);
        c->translated.counter -= what == STRING_MORE;
    }
    if (compares)
        give_flags(c);
    if (what == STRING_DONE)
        return narrow_stored(c, u, site_index(site));
    return translator_help_unit(c, u, site_index(site)); /* dead: it wrote to itself */
}

/* --- Which ------------------------------------------------------------------------------------ */

narrow_function *narrow_for(const struct insn *i)
{
    if (string_rounds_of(i))
        return string_rounds_run;
    static narrow_function *(*const others[])(const struct insn *) = {
        narrow_selectors_for, narrow_divide_for, narrow_memory_for, narrow_system_for,
        narrow_far_for,       narrow_port_for,   narrow_stack_for,  narrow_control_for,
        narrow_bits_for,      narrow_fpu_for,    narrow_plain_for,  narrow_string_for,
    };
    narrow_function *found = NULL;
    for (unsigned n = 0; n < ARRAY_LEN(others) && !found; n++)
        found = others[n](i);
    return found;
}
