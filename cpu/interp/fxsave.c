/* FXSAVE and FXRSTOR (SDM vol. 2, table of the FXSAVE area, 32-bit format):
 *
 *       0  FCW  FSW  FTW(abridged: 1 = valid)  FOP   FIP(32)  FCS
 *      16  FDP(32)  FDS        MXCSR  MXCSR_MASK
 *      32  ST0..ST7, 16 bytes each            160  XMM0..XMM7
 */
#include "cpu/feature.h"
#include "cpu/interp/simd.h"
#include "cpu/interp/x87.h"
#include "cpu/segment.h"

#define IMAGE_SIZE 512

/* An address whose first four bytes pass the segment's limit comes first, as on an AMD Zen (of a
 * 16-byte operand alignment does). */
static void raise_misaligned(struct vcpu *c, const struct insn *i, uint32_t at)
{
    c->cur = i;
    segment_linear(c, i->seg, at, 1, false);
    segment_linear(c, i->seg, at + 3, 1, false);
    cpu_raise_error(c, VEC_GP, 0);
}

static uint32_t image_address(struct vcpu *c, const struct insn *i)
{
    if (c->cr0 & (CR0_EM | CR0_TS))
        x87_raise_nm(c, i);
    uint32_t at = insn_ea(c, i);
    if (((uint32_t)c->seg[i->seg].base + at) & 15)
        raise_misaligned(c, i, at);
    return at;
}

static bool has_sse_state(const struct vcpu *c)
{
    return (c->features & FEATURE_SSE) && (c->cr4 & CR4_OSFXSR);
}

HANDLER(fxsave)
{
    const struct x87 *f = &c->x87;
    uint32_t at = image_address(c, i);
    uint8_t image[288] = {0};
    unsigned used = 160;
    store_le16(image, f->control);
    store_le16(image + 2, x87_status(f));
    image[4] = (uint8_t)~f->tag_empty;
    struct x87_pointers last = x87_pointers(f);
    store_le16(image + 6, last.opcode);
    store_le32(image + 8, last.ip);
    store_le16(image + 12, last.cs);
    store_le32(image + 16, last.dp);
    store_le16(image + 20, last.ds);
    for (unsigned n = 0; n < 8; n++) {
        const struct f80 *r = &f->reg[(f->top + n) & 7];
        store_le64(image + 32 + 16 * n, r->sig);
        store_le16(image + 40 + 16 * n, r->se);
    }
    if (has_sse_state(c)) {
        store_le32(image + 24, c->mxcsr);
        store_le32(image + 28, mxcsr_mask(c->features));
        for (unsigned n = 0; n < 8; n++)
            memcpy(image + 160 + 16 * n, &c->xmm[n], 16);
        used = 288;
    }
    access_prepare_rmw(c, i, i->seg, at, 8); /* within at most two pages: both ends tell */
    access_prepare_rmw(c, i, i->seg, at + IMAGE_SIZE - 8, 8);
    for (unsigned n = 0; n < used; n += 8)
        store64(c, i, i->seg, at + n, load_le64(image + n));
}

HANDLER(fxrstor)
{
    struct x87 *f = &c->x87;
    uint32_t at = image_address(c, i);
    uint8_t image[288];
    bool sse = has_sse_state(c);
    (void)load64(c, i, i->seg, at + IMAGE_SIZE - 8);
    for (unsigned n = 0; n < (sse ? 288 : 160); n += 8)
        store_le64(image + n, load64(c, i, i->seg, at + n));
    if (sse) {
        uint32_t mxcsr = load_le32(image + 24);
        if (mxcsr & ~mxcsr_mask(c->features)) {
            c->cur = i;
            cpu_raise_error(c, VEC_GP, 0);
        }
        c->mxcsr = mxcsr;
        for (unsigned n = 0; n < 8; n++)
            memcpy(&c->xmm[n], image + 160 + 16 * n, 16);
    }
    f->control = x87_control(c, load_le16(image));
    f->tag_empty = (uint8_t)~image[4];
    f->last_opcode = load_le16(image + 6) & 0x7FF;
    f->last_ip = load_le32(image + 8);
    f->last_cs = load_le16(image + 12);
    f->last_dp = load_le32(image + 16);
    f->last_ds = load_le16(image + 20);
    x87_set_status(c, load_le16(image + 2));
    for (unsigned n = 0; n < 8; n++) {
        struct f80 *r = x87_st(f, n);
        r->sig = load_le64(image + 32 + 16 * n);
        r->se = load_le16(image + 40 + 16 * n);
    }
}
