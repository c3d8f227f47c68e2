/* translator/narrow_fpu.c: FNSTENV, FLDENV, FNSAVE and FRSTOR while the x87's state is in the host,
 * where it stays: C libraries round with them (floor, nearbyint, feholdexcept), handlers of
 * interrupts and task switchers put it aside. What is pending goes to the handlers, which raise it.
 */
#include "cpu/decode.h"
#include "cpu/x87.h"
#include "translator/flow.h"
#include "translator/narrow.h"
#include "translator/narrow_frame.h"

#define X87_EXCEPTIONS 0x3F
#define X87_SUMMARY    0x80

/* Is the state in the host, and nothing pending there? */
static bool is_ready(const struct translator *t, const struct unit *u)
{
    return (u->key & KEY_FPU) && t->fpu.in_host && t->fpu.level != FPU_OFF &&
           !(backend_x87_status() & X87_SUMMARY);
}

static void put_environment(const struct vcpu *c, uint8_t *p, unsigned size)
{
    uint32_t field[X87_ENVIRONMENT_FIELDS];
    x87_environment(c, size, field);
    for (unsigned n = 0; n < X87_ENVIRONMENT_FIELDS; n++)
        narrow_put(p + (size_t)n * size, field[n], size);
}

/* False: there is something pending from then on. */
static bool get_environment(const uint8_t *p, unsigned size, uint32_t field[X87_ENVIRONMENT_FIELDS])
{
    for (unsigned n = 0; n < X87_ENVIRONMENT_FIELDS; n++)
        field[n] = narrow_load(p + (size_t)n * size, size);
    return !(field[1] & ~field[0] & X87_EXCEPTIONS);
}

static const uint8_t *store_environment(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    uint8_t *p = narrow_reach_write(c, i->seg, insn_ea(c, i), X87_ENVIRONMENT_FIELDS * i->osize);
    if (!p || !is_ready(t, u))
        return translator_help(c, site);
    backend_x87_save(t);
    put_environment(c, p, i->osize);
    backend_x87_set_control(c->x87.control | X87_EXCEPTIONS);
    return u->start + ui->resume;
}

static const uint8_t *load_environment(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    const uint8_t *p =
        narrow_reach(c, i->seg, insn_ea(c, i), X87_ENVIRONMENT_FIELDS * i->osize, TLB_READ);
    uint32_t field[X87_ENVIRONMENT_FIELDS];
    if (!p || !is_ready(t, u) || !get_environment(p, i->osize, field))
        return translator_help(c, site);
    c->x87.status = 0; /* what was the host's: nothing pending */
    x87_set_environment(c, i->osize, field);
    backend_x87_set_environment(c->x87.control, (uint16_t)(c->x87.status | c->x87.top << 11),
                                (uint16_t)field[2]);
    return u->start + ui->resume;
}

/* --- FNSAVE, FRSTOR: the environment, and the registers in the order of the stack --------------
 */

#define REGISTER_BYTES 10

static unsigned state_bytes(const struct insn *i)
{
    return X87_ENVIRONMENT_FIELDS * i->osize + 8 * REGISTER_BYTES;
}

static struct f80 *stack_register(struct vcpu *c, unsigned n)
{
    return &c->x87.reg[(c->x87.top + n) & 7];
}

static const uint8_t *save_state(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), state_bytes(i), TLB_WRITE);
    if (!p || !is_ready(t, u))
        return translator_help(c, site);
    backend_x87_save(t);
    put_environment(c, p, i->osize);
    p += X87_ENVIRONMENT_FIELDS * i->osize;
    for (unsigned n = 0; n < 8; n++, p += REGISTER_BYTES) {
        store_le64(p, stack_register(c, n)->sig);
        store_le16(p + 8, stack_register(c, n)->se);
    }
    x87_init(c);
    backend_x87_load(t);
    return u->start + ui->resume;
}

static const uint8_t *restore_state(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), state_bytes(i), TLB_READ);
    uint32_t field[X87_ENVIRONMENT_FIELDS];
    if (!p || !is_ready(t, u) || !get_environment(p, i->osize, field))
        return translator_help(c, site);
    c->x87.status = 0; /* what was the host's: nothing pending */
    x87_set_environment(c, i->osize, field);
    p += X87_ENVIRONMENT_FIELDS * i->osize;
    for (unsigned n = 0; n < 8; n++, p += REGISTER_BYTES)
        *stack_register(c, n) = (struct f80){.sig = load_le64(p), .se = load_le16(p + 8)};
    backend_x87_load(t);
    return u->start + ui->resume;
}

narrow_function *narrow_fpu_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_x87_d9_m4:
        return load_environment;
    case OPROW_x87_d9_m6:
        return store_environment;
    case OPROW_x87_dd_m4:
        return restore_state;
    case OPROW_x87_dd_m6:
        return save_state;
    default:
        return NULL;
    }
}
