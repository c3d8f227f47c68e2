/* translator/narrow_bits.c: BT, BTS, BTR, BTC with an offset in a register and an operand in
 * memory: the bit may lie far from the operand. */
#include "cpu/access.h"
#include "translator/narrow.h"

static const uint8_t *bit(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site);
    const struct insn *i = u->insn[n].insn;
    bool wide = i->osize == 4;
    int32_t index = wide ? (int32_t)c->reg[i->reg].d : (int16_t)c->reg[i->reg].w;
    uint32_t ea = insn_ea(c, i) + (wide ? (uint32_t)(index >> 5) * 4 : (uint32_t)(index >> 4) * 2);
    if (i->asize == 2)
        ea &= 0xFFFF;
    uint32_t mask = UINT32_C(1) << (index & (wide ? 31 : 15)), value;
    const uint8_t *p = narrow_reach(c, i->seg, ea, i->osize, TLB_READ);
    if (!p)
        return translator_help(c, site);
    value = wide ? load_le32(p) : load_le16(p);
    uint32_t cf = value & mask ? FLAG_CF : 0;
    if (i->op == OPROW_bts_ev_gv)
        value |= mask;
    else if (i->op == OPROW_btr_ev_gv)
        value &= ~mask;
    else if (i->op == OPROW_btc_ev_gv)
        value ^= mask;
    if (i->op != OPROW_bt_ev_gv && !narrow_store(c, u, n, i->seg, ea, value, i->osize))
        return translator_help(c, site);
    c->translated.flags = (c->translated.flags & ~(FLAG_CF << 8)) | cf << 8;
    return narrow_stored(c, u, n);
}

narrow_function *narrow_bits_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_bt_ev_gv:
    case OPROW_bts_ev_gv:
    case OPROW_btr_ev_gv:
    case OPROW_btc_ev_gv:
        return insn_is_mem(i) ? bit : NULL;
    default:
        return NULL;
    }
}
