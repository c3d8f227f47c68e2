/* translator/narrow_divide.c: DIV and IDIV that have raised #DE before: a host fault costs
 * microseconds, and programs that measure or probe with one do it again (UNIT_SOFT_AFTER). Flags
 * stay as they are, as in the interpreter. */
#include "cpu/decode.h"
#include "cpu/model.h"
#include "translator/narrow.h"

/* EDX:EAX, DX:AX or AX. */
static uint64_t dividend(const struct vcpu *c, unsigned size)
{
    if (size == 1)
        return c->reg[EAX].w;
    if (size == 2)
        return (uint32_t)c->reg[EDX].w << 16 | c->reg[EAX].w;
    return (uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d;
}

static void set_result(struct vcpu *c, unsigned size, uint64_t quotient, uint64_t remainder)
{
    narrow_set_register(c, EAX, size, (uint32_t)quotient);
    narrow_set_register(c, size == 1 ? 4 : EDX, size, (uint32_t)remainder); /* 4: AH */
}

/* False: #DE. */
static bool divide(struct vcpu *c, unsigned size, uint64_t by)
{
    uint64_t n = dividend(c, size);
    if (!by || (n / by) >> (8 * size))
        return false;
    set_result(c, size, n / by, n % by);
    return true;
}

static int64_t extended(uint64_t value, unsigned bits)
{
    return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static bool divide_signed(struct vcpu *c, unsigned size, uint64_t by)
{
    int64_t n = extended(dividend(c, size), 16 * size), d = extended(by, 8 * size);
    if (!d || (n == INT64_MIN && d == -1) || extended((uint64_t)(n / d), 8 * size) != n / d)
        return false;
    set_result(c, size, (uint64_t)(n / d), (uint64_t)(n % d));
    return true;
}

static bool is_signed(const struct insn *i)
{
    return i->op == OPROW_idiv_eb || i->op == OPROW_idiv_ev;
}

static const uint8_t *division(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    bool bytes = i->op == OPROW_div_eb || i->op == OPROW_idiv_eb;
    unsigned size = bytes ? 1 : i->osize;
    uint64_t by;
    if (insn_is_mem(i)) {
        const uint8_t *p = narrow_reach(c, i->seg, insn_ea(c, i), size, TLB_READ);
        if (!p)
            return translator_help(c, site);
        by = size == 1 ? *p : size == 2 ? load_le16(p) : load_le32(p);
    } else {
        by = narrow_register(c, i->rm, size) & UINT32_MAX >> (32 - 8 * size);
    }
    if (is_signed(i) ? divide_signed(c, size, by) : divide(c, size, by))
        return u->start + ui->resume;
    return c->model <= CPU_186 ? translator_help(c, site) : narrow_fault(c, site, VEC_DE);
}

bool narrow_divides(const struct insn *i)
{
    return i->op == OPROW_div_eb || i->op == OPROW_div_ev || is_signed(i);
}

narrow_function *narrow_divide_for(const struct insn *i)
{
    return narrow_divides(i) && i->refusals >= UNIT_SOFT_AFTER ? division : NULL;
}
