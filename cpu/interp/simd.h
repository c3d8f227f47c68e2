/* cpu/interp/simd.h: what the MMX and SSE handlers share (SDM vol. 1, chapters 9 to 12).
 *
 * A handler: mmx_enter or sse_enter (may raise #UD, #NM, #MF), its loads (may fault), for MMX
 * mmx_begin, the operation, and the write. Lanes are computed on union xmm by value; an MMX operand
 * is its lower half. */
#ifndef UMBRA_CPU_INTERP_SIMD_H
#define UMBRA_CPU_INTERP_SIMD_H

#include "cpu/feature.h"
#include "cpu/interp/x87.h"

typedef union xmm V;

#define MXCSR_DAZ      0x0040
#define MXCSR_PM       0x1000
#define MXCSR_RC_SHIFT 13
#define MXCSR_RC       0x6000
#define MXCSR_FTZ      0x8000

/* Cold paths (sse_move.c). */
void simd_raise_denied(struct vcpu *c, const struct insn *i, bool sse);
void simd_raise_misaligned(struct vcpu *c, const struct insn *i);
V load128_slow(struct vcpu *c, const struct insn *i, uint32_t ea);
void store128_slow(struct vcpu *c, const struct insn *i, uint32_t ea, V v);

/* --- MMX ------------------------------------------------------------------------------------- */

static inline void mmx_enter(struct vcpu *c, const struct insn *i)
{
    if (unlikely(c->cr0 & (CR0_EM | CR0_TS)))
        simd_raise_denied(c, i, false);
    if (unlikely(c->x87.status & SW_ES))
        x87_raise_pending(c, i);
}

/* The move to MMX state: TOP is 0, all registers valid. After the last load. */
static inline void mmx_begin(struct vcpu *c)
{
    c->x87.top = 0;
    c->x87.tag_empty = 0;
}

static inline V mmx_read(const struct vcpu *c, unsigned n)
{
    return (V){.q = {c->x87.reg[n & 7].sig, 0}};
}

static inline void mmx_write(struct vcpu *c, unsigned n, uint64_t v)
{
    c->x87.reg[n & 7].sig = v;
    c->x87.reg[n & 7].se = 0xFFFF;
}

/* --- SSE ------------------------------------------------------------------------------------- */

static inline void sse_enter(struct vcpu *c, const struct insn *i)
{
    if (unlikely((c->cr0 & (CR0_EM | CR0_TS)) || !(c->cr4 & CR4_OSFXSR)))
        simd_raise_denied(c, i, true);
}

/* For those that work on MMX registers as well. */
static inline void sse_enter_mmx(struct vcpu *c, const struct insn *i)
{
    sse_enter(c, i);
    if (unlikely(c->x87.status & SW_ES))
        x87_raise_pending(c, i);
}

static inline V load128u(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    const struct segment *s = &c->seg[i->seg];
    if (likely((uint64_t)ea + 16 <= s->read_len)) {
        uint32_t gva = (uint32_t)s->base + ea;
        const uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_READ, gva, 16);
        if (likely(p != NULL)) {
            V v;
            memcpy(&v, p, 16);
            return v;
        }
    }
    return load128_slow(c, i, ea);
}

static inline void check_aligned(struct vcpu *c, const struct insn *i, uint32_t ea)
{
    if (unlikely(((uint32_t)c->seg[i->seg].base + ea) & 15))
        simd_raise_misaligned(c, i);
}

/* 16 bytes, #GP unless aligned: the memory operand of all but the "unaligned" moves. */
static inline V load128(struct vcpu *c, const struct insn *i)
{
    uint32_t ea = insn_ea(c, i);
    check_aligned(c, i, ea);
    return load128u(c, i, ea);
}

static inline void store128u(struct vcpu *c, const struct insn *i, uint32_t ea, V v)
{
    const struct segment *s = &c->seg[i->seg];
    if (likely((uint64_t)ea + 16 <= s->write_len)) {
        uint32_t gva = (uint32_t)s->base + ea;
        uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_WRITE, gva, 16);
        if (likely(p != NULL)) {
            memcpy(p, &v, 16);
            return;
        }
    }
    store128_slow(c, i, ea, v);
}

static inline void store128(struct vcpu *c, const struct insn *i, V v)
{
    uint32_t ea = insn_ea(c, i);
    check_aligned(c, i, ea);
    store128u(c, i, ea, v);
}

static inline uint32_t load_m32(struct vcpu *c, const struct insn *i)
{
    return load32(c, i, i->seg, insn_ea(c, i));
}

static inline uint64_t load_m64(struct vcpu *c, const struct insn *i)
{
    return load64(c, i, i->seg, insn_ea(c, i));
}

/* The ModRM.rm operand, register or memory, for handlers that serve both. */
static inline V operand128(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load128(c, i) : c->xmm[i->rm & 7];
}

static inline uint64_t operand64(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load_m64(c, i) : c->xmm[i->rm & 7].q[0];
}

static inline uint32_t operand32(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load_m32(c, i) : c->xmm[i->rm & 7].d[0];
}

static inline void sse_env(const struct vcpu *c, struct fp_env *e)
{
    uint32_t m = c->mxcsr;
    e->rounding = m >> MXCSR_RC_SHIFT & 3;
    e->precision = FP_PC64;
    e->masked = m >> 7 & FP_ALL;
    e->daz = m & MXCSR_DAZ;
    e->ftz = m & MXCSR_FTZ;
    e->raised = 0;
}

/* Raises #XM (#UD without CR4.OSXMMEXCPT) after setting MXCSR's flags. */
_Noreturn void sse_raise_unmasked(struct vcpu *c, const struct insn *i, uint32_t raised);

/* Before the result is written. */
static inline void sse_finish(struct vcpu *c, const struct insn *i, const struct fp_env *e)
{
    if (unlikely(e->raised & ~e->masked & FP_ALL))
        sse_raise_unmasked(c, i, e->raised);
    c->mxcsr |= e->raised & FP_ALL;
}

#endif
