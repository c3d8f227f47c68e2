/* translator/narrow_plain.c: instructions on registers and flags alone that raise nothing: their
 * handlers, without what surrounds handlers (translator_help). The decimal adjustments have no
 * encoding in the host's 64-bit mode. */
#include "translator/flow.h"
#include "translator/narrow.h"

static const uint8_t *plain(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    struct insn *one = t->one.block.insns; /* behind it stands op_unit_return */
    take_flags(c);
    *one = *ui->insn;
    one->run(c, one);
    give_flags(c);
    return u->start + ui->resume;
}

narrow_function *narrow_plain_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_daa:
    case OPROW_das:
    case OPROW_aaa:
    case OPROW_aas:
    case OPROW_aad:
        return plain;
    case OPROW_aam:
        return i->imm & 0xFF ? plain : NULL;
    default:
        return NULL;
    }
}
