/* translator/narrow_fpu.c: FNSTENV and FLDENV while the x87's state is in the host, where it stays:
 * C libraries round with them (floor, nearbyint, feholdexcept). What is pending goes to the
 * handlers, which raise it. */
#include "cpu/decode.h"
#include "cpu/x87.h"
#include "translator/flow.h"
#include "translator/narrow.h"

#define X87_EXCEPTIONS 0x3F
#define X87_SUMMARY    0x80

/* Is the state in the host, and nothing pending there? */
static bool is_ready(const struct translator *t, const struct unit *u)
{
    return (u->key & KEY_FPU) && t->fpu.in_host && t->fpu.level != FPU_OFF &&
           !(backend_x87_status() & X87_SUMMARY);
}

static const uint8_t *store_environment(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    unsigned size = i->osize;
    uint8_t *p = narrow_reach_write(c, i->seg, insn_ea(c, i), X87_ENVIRONMENT_FIELDS * size);
    if (!p || !is_ready(t, u))
        return translator_help(c, site);
    uint32_t field[X87_ENVIRONMENT_FIELDS];
    backend_x87_save(t);
    x87_environment(c, size, field);
    for (unsigned n = 0; n < X87_ENVIRONMENT_FIELDS; n++) {
        if (size == 2)
            store_le16(p + (size_t)n * 2, (uint16_t)field[n]);
        else
            store_le32(p + (size_t)n * 4, field[n]);
    }
    backend_x87_set_control(c->x87.control | X87_EXCEPTIONS);
    return u->start + ui->resume;
}

static const uint8_t *load_environment(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    unsigned size = i->osize;
    const uint8_t *p =
        narrow_reach(c, i->seg, insn_ea(c, i), X87_ENVIRONMENT_FIELDS * size, TLB_READ);
    if (!p || !is_ready(t, u))
        return translator_help(c, site);
    uint32_t field[X87_ENVIRONMENT_FIELDS];
    for (unsigned n = 0; n < X87_ENVIRONMENT_FIELDS; n++)
        field[n] = size == 2 ? load_le16(p + (size_t)n * 2) : load_le32(p + (size_t)n * 4);
    if (field[1] & ~field[0] & X87_EXCEPTIONS) /* pending from now on */
        return translator_help(c, site);
    c->x87.status = 0; /* what was the host's: nothing pending */
    x87_set_environment(c, size, field);
    backend_x87_set_environment(c->x87.control, (uint16_t)(c->x87.status | c->x87.top << 11),
                                (uint16_t)field[2]);
    return u->start + ui->resume;
}

narrow_function *narrow_fpu_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_x87_d9_m4:
        return load_environment;
    case OPROW_x87_d9_m6:
        return store_environment;
    default:
        return NULL;
    }
}
