/* MMX and SSE moves, shuffles of floats, logic, MXCSR, cache hints and fences. */
#include "cpu/interp/simd.h"

void simd_raise_denied(struct vcpu *c, const struct insn *i, bool sse)
{
    c->cur = i;
    if ((c->cr0 & CR0_EM) || (sse && !(c->cr4 & CR4_OSFXSR)))
        cpu_raise(c, VEC_UD);
    cpu_raise(c, VEC_NM);
}

void simd_raise_misaligned(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    cpu_raise_error(c, VEC_GP, 0);
}

V load128_slow(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    V v;
    v.q[0] = load64(c, i, i->seg, ea);
    v.q[1] = load64(c, i, i->seg, ea + 8);
    return v;
}

/* Both halves are checked before either is stored. */
void store128_slow(struct vcpu *c, const struct insn *i, uint32_t ea, V v)
{
    access_prepare_rmw(c, i, i->seg, ea, 8);
    access_prepare_rmw(c, i, i->seg, ea + 8, 8);
    store64(c, i, i->seg, ea, v.q[0]);
    store64(c, i, i->seg, ea + 8, v.q[1]);
}

/* --- MMX moves ------------------------------------------------------------------------------- */

HANDLER(movd_mmx_from)
{
    mmx_enter(c, i);
    uint32_t v = insn_is_mem(i) ? load_m32(c, i) : c->reg[i->rm].d;
    mmx_begin(c);
    mmx_write(c, i->reg, v);
}

HANDLER(movd_mmx_to)
{
    mmx_enter(c, i);
    uint32_t v = mmx_read(c, i->reg).d[0];
    if (insn_is_mem(i))
        store32(c, i, i->seg, insn_ea(c, i), v);
    else
        c->reg[i->rm].d = v;
    mmx_begin(c);
}

HANDLER(movq_mmx_from)
{
    mmx_enter(c, i);
    uint64_t v = insn_is_mem(i) ? load_m64(c, i) : mmx_read(c, i->rm).q[0];
    mmx_begin(c);
    mmx_write(c, i->reg, v);
}

HANDLER(movq_mmx_to)
{
    mmx_enter(c, i);
    uint64_t v = mmx_read(c, i->reg).q[0];
    if (insn_is_mem(i))
        store64(c, i, i->seg, insn_ea(c, i), v);
    mmx_begin(c);
    if (!insn_is_mem(i))
        mmx_write(c, i->rm, v);
}

HANDLER(emms)
{
    mmx_enter(c, i);
    c->x87.top = 0;
    c->x87.tag_empty = 0xFF;
}

/* MASKMOVQ, MASKMOVDQU: the bytes of ModRM.reg whose mask byte's sign is set go to DS:(E)DI. */
static void store_masked(struct vcpu *c, const struct insn *i, V v, V mask, unsigned bytes)
{
    uint32_t address_mask = i->asize == 4 ? UINT32_MAX : 0xFFFF;
    uint32_t ea = c->reg[EDI].d;
    for (unsigned k = 0; k < bytes; k++) /* nothing is stored when a byte cannot be */
        if (mask.b[k] & 0x80)
            access_prepare_rmw(c, i, i->seg, (ea + k) & address_mask, 1);
    for (unsigned k = 0; k < bytes; k++)
        if (mask.b[k] & 0x80)
            store8(c, i, i->seg, (ea + k) & address_mask, v.b[k]);
}

HANDLER(maskmovq)
{
    mmx_enter(c, i);
    store_masked(c, i, mmx_read(c, i->reg), mmx_read(c, i->rm), 8);
    mmx_begin(c);
}

HANDLER(maskmovdqu)
{
    sse_enter(c, i);
    store_masked(c, i, c->xmm[i->reg], c->xmm[i->rm], 16);
}

/* --- whole registers ------------------------------------------------------------------------- */

HANDLER(mov128_r)
{
    sse_enter(c, i);
    c->xmm[i->reg] = c->xmm[i->rm];
}

HANDLER(mov128_m)
{
    sse_enter(c, i);
    c->xmm[i->reg] = load128(c, i);
}

HANDLER(mov128u_r)
{
    sse_enter(c, i);
    c->xmm[i->reg] = c->xmm[i->rm];
}

HANDLER(mov128u_m)
{
    sse_enter(c, i);
    c->xmm[i->reg] = load128u(c, i, insn_ea(c, i));
}

HANDLER(mov128_to_r)
{
    sse_enter(c, i);
    c->xmm[i->rm] = c->xmm[i->reg];
}

HANDLER(mov128_to_m)
{
    sse_enter(c, i);
    store128(c, i, c->xmm[i->reg]);
}

HANDLER(mov128u_to_r)
{
    sse_enter(c, i);
    c->xmm[i->rm] = c->xmm[i->reg];
}

HANDLER(mov128u_to_m)
{
    sse_enter(c, i);
    store128u(c, i, insn_ea(c, i), c->xmm[i->reg]);
}

/* --- parts: scalars from memory clear the rest, from a register they keep it ------------------ */

HANDLER(movss_r)
{
    sse_enter(c, i);
    c->xmm[i->reg].d[0] = c->xmm[i->rm].d[0];
}

HANDLER(movss_m)
{
    sse_enter(c, i);
    c->xmm[i->reg] = (V){.d = {load_m32(c, i), 0, 0, 0}};
}

HANDLER(movss_to_r)
{
    sse_enter(c, i);
    c->xmm[i->rm].d[0] = c->xmm[i->reg].d[0];
}

HANDLER(movss_to_m)
{
    sse_enter(c, i);
    store32(c, i, i->seg, insn_ea(c, i), c->xmm[i->reg].d[0]);
}

HANDLER(movsd_r)
{
    sse_enter(c, i);
    c->xmm[i->reg].q[0] = c->xmm[i->rm].q[0];
}

HANDLER(movsd_m)
{
    sse_enter(c, i);
    c->xmm[i->reg] = (V){.q = {load_m64(c, i), 0}};
}

HANDLER(movsd_to_r)
{
    sse_enter(c, i);
    c->xmm[i->rm].q[0] = c->xmm[i->reg].q[0];
}

HANDLER(movsd_to_m)
{
    sse_enter(c, i);
    store64(c, i, i->seg, insn_ea(c, i), c->xmm[i->reg].q[0]);
}

/* MOVLPS/MOVLPD from memory; MOVHLPS. */
HANDLER(movlps_m)
{
    sse_enter(c, i);
    c->xmm[i->reg].q[0] = load_m64(c, i);
}

HANDLER(movlps_r)
{
    sse_enter(c, i);
    c->xmm[i->reg].q[0] = c->xmm[i->rm].q[1];
}

/* MOVHPS/MOVHPD; MOVLHPS. */
HANDLER(movhps_m)
{
    sse_enter(c, i);
    c->xmm[i->reg].q[1] = load_m64(c, i);
}

HANDLER(movhps_r)
{
    sse_enter(c, i);
    c->xmm[i->reg].q[1] = c->xmm[i->rm].q[0];
}

HANDLER(movhps_to_m)
{
    sse_enter(c, i);
    store64(c, i, i->seg, insn_ea(c, i), c->xmm[i->reg].q[1]);
}

HANDLER(movd_sse_from)
{
    sse_enter(c, i);
    uint32_t v = insn_is_mem(i) ? load_m32(c, i) : c->reg[i->rm].d;
    c->xmm[i->reg] = (V){.d = {v, 0, 0, 0}};
}

HANDLER(movd_sse_to)
{
    sse_enter(c, i);
    uint32_t v = c->xmm[i->reg].d[0];
    if (insn_is_mem(i))
        store32(c, i, i->seg, insn_ea(c, i), v);
    else
        c->reg[i->rm].d = v;
}

/* MOVQ xmm, xmm/m64 clears the upper half in both forms. */
HANDLER(movq_sse_from)
{
    sse_enter(c, i);
    c->xmm[i->reg] = (V){.q = {operand64(c, i), 0}};
}

HANDLER(movq_sse_to)
{
    sse_enter(c, i);
    uint64_t v = c->xmm[i->reg].q[0];
    if (insn_is_mem(i))
        store64(c, i, i->seg, insn_ea(c, i), v);
    else
        c->xmm[i->rm] = (V){.q = {v, 0}};
}

HANDLER(movq2dq)
{
    sse_enter_mmx(c, i);
    mmx_begin(c);
    c->xmm[i->reg] = mmx_read(c, i->rm);
}

HANDLER(movdq2q)
{
    sse_enter_mmx(c, i);
    mmx_begin(c);
    mmx_write(c, i->reg, c->xmm[i->rm].q[0]);
}

/* A non-temporal store: there is no cache to go round. */
HANDLER(movntq)
{
    mmx_enter(c, i);
    store64(c, i, i->seg, insn_ea(c, i), mmx_read(c, i->reg).q[0]);
    mmx_begin(c);
}

HANDLER(movddup)
{
    sse_enter(c, i);
    uint64_t v = operand64(c, i);
    c->xmm[i->reg] = (V){.q = {v, v}};
}

HANDLER(movsldup)
{
    sse_enter(c, i);
    V b = operand128(c, i);
    c->xmm[i->reg] = (V){.d = {b.d[0], b.d[0], b.d[2], b.d[2]}};
}

HANDLER(movshdup)
{
    sse_enter(c, i);
    V b = operand128(c, i);
    c->xmm[i->reg] = (V){.d = {b.d[1], b.d[1], b.d[3], b.d[3]}};
}

/* --- shuffles and masks of floats ------------------------------------------------------------- */

HANDLER(unpcklps)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    c->xmm[i->reg] = (V){.d = {a.d[0], b.d[0], a.d[1], b.d[1]}};
}

HANDLER(unpckhps)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    c->xmm[i->reg] = (V){.d = {a.d[2], b.d[2], a.d[3], b.d[3]}};
}

HANDLER(unpcklpd)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    c->xmm[i->reg] = (V){.q = {a.q[0], b.q[0]}};
}

HANDLER(unpckhpd)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    c->xmm[i->reg] = (V){.q = {a.q[1], b.q[1]}};
}

HANDLER(shufps)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    unsigned s = i->imm;
    c->xmm[i->reg] = (V){.d = {a.d[s & 3], a.d[s >> 2 & 3], b.d[s >> 4 & 3], b.d[s >> 6 & 3]}};
}

HANDLER(shufpd)
{
    sse_enter(c, i);
    V a = c->xmm[i->reg], b = operand128(c, i);
    c->xmm[i->reg] = (V){.q = {a.q[i->imm & 1], b.q[i->imm >> 1 & 1]}};
}

HANDLER(movmskps)
{
    sse_enter(c, i);
    V a = c->xmm[i->rm];
    c->reg[i->reg].d =
        a.d[0] >> 31 | (a.d[1] >> 31) << 1 | (a.d[2] >> 31) << 2 | (a.d[3] >> 31) << 3;
}

HANDLER(movmskpd)
{
    sse_enter(c, i);
    V a = c->xmm[i->rm];
    c->reg[i->reg].d = (uint32_t)(a.q[0] >> 63 | (a.q[1] >> 63) << 1);
}

/* --- MXCSR, hints, fences
 * -------------------------------------------------------------------------- */

HANDLER(ldmxcsr)
{
    sse_enter(c, i);
    uint32_t v = load_m32(c, i);
    if (v & ~mxcsr_mask(c->features)) {
        c->cur = i;
        cpu_raise_error(c, VEC_GP, 0);
    }
    c->mxcsr = v;
}

HANDLER(stmxcsr)
{
    sse_enter(c, i);
    store32(c, i, i->seg, insn_ea(c, i), c->mxcsr);
}

/* PREFETCHh, LFENCE, MFENCE, SFENCE: accesses are in order and uncached here. */
HANDLER(simd_hint)
{
    (void)c;
    (void)i;
}

HANDLER(clflush)
{
    access_touch(c, i, i->seg, insn_ea(c, i));
}
