/* Packed integer arithmetic, MMX and SSE2: the same lanes at 8 and at 16 bytes (SDM vol. 1, 9.4 and
 * 11.4.2). PACKED(name, statement) makes the four handlers of an instruction; the statement
 * computes r from a (destination) and b (source) over bytes bytes. */
#include "cpu/interp/simd.h"

#define EACH(field) for (unsigned k = 0; k < bytes / sizeof r.field[0]; k++)

#define PACKED_MMX(name, mmx_load)                                          \
    HANDLER(name##_mmx_r)                                                   \
    {                                                                       \
        mmx_enter(c, i);                                                    \
        V b = mmx_read(c, i->rm);                                           \
        mmx_begin(c);                                                       \
        mmx_write(c, i->reg, lanes_##name(mmx_read(c, i->reg), b, 8).q[0]); \
    }                                                                       \
    HANDLER(name##_mmx_m)                                                   \
    {                                                                       \
        mmx_enter(c, i);                                                    \
        V b = {.q = {mmx_load(c, i), 0}};                                   \
        mmx_begin(c);                                                       \
        mmx_write(c, i->reg, lanes_##name(mmx_read(c, i->reg), b, 8).q[0]); \
    }

#define PACKED_SSE(name)                                                  \
    HANDLER(name##_sse_r)                                                 \
    {                                                                     \
        sse_enter(c, i);                                                  \
        c->xmm[i->reg] = lanes_##name(c->xmm[i->reg], c->xmm[i->rm], 16); \
    }                                                                     \
    HANDLER(name##_sse_m)                                                 \
    {                                                                     \
        sse_enter(c, i);                                                  \
        V b = load128(c, i);                                              \
        c->xmm[i->reg] = lanes_##name(c->xmm[i->reg], b, 16);             \
    }

#define LANES(name, statement)                                                            \
    static inline __attribute__((always_inline)) V lanes_##name(V a, V b, unsigned bytes) \
    {                                                                                     \
        V r = {.q = {0, 0}};                                                              \
        statement;                                                                        \
        return r;                                                                         \
    }

#define PACKED(name, statement) \
    LANES(name, statement)      \
    PACKED_MMX(name, load_m64)  \
    PACKED_SSE(name)

static inline uint8_t sat_s8(int v)
{
    return (uint8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

static inline uint8_t sat_u8(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline uint16_t sat_s16(int v)
{
    return (uint16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
}

static inline uint16_t sat_u16(int v)
{
    return (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
}

#define S8(x)  ((int8_t)(x))
#define S16(x) ((int16_t)(x))
#define S32(x) ((int32_t)(x))

PACKED(paddb, EACH(b) r.b[k] = a.b[k] + b.b[k])
PACKED(paddw, EACH(w) r.w[k] = a.w[k] + b.w[k])
PACKED(paddd, EACH(d) r.d[k] = a.d[k] + b.d[k])
PACKED(paddq, EACH(q) r.q[k] = a.q[k] + b.q[k])
PACKED(psubb, EACH(b) r.b[k] = a.b[k] - b.b[k])
PACKED(psubw, EACH(w) r.w[k] = a.w[k] - b.w[k])
PACKED(psubd, EACH(d) r.d[k] = a.d[k] - b.d[k])
PACKED(psubq, EACH(q) r.q[k] = a.q[k] - b.q[k])
PACKED(paddsb, EACH(b) r.b[k] = sat_s8(S8(a.b[k]) + S8(b.b[k])))
PACKED(paddsw, EACH(w) r.w[k] = sat_s16(S16(a.w[k]) + S16(b.w[k])))
PACKED(paddusb, EACH(b) r.b[k] = sat_u8(a.b[k] + b.b[k]))
PACKED(paddusw, EACH(w) r.w[k] = sat_u16(a.w[k] + b.w[k]))
PACKED(psubsb, EACH(b) r.b[k] = sat_s8(S8(a.b[k]) - S8(b.b[k])))
PACKED(psubsw, EACH(w) r.w[k] = sat_s16(S16(a.w[k]) - S16(b.w[k])))
PACKED(psubusb, EACH(b) r.b[k] = sat_u8(a.b[k] - b.b[k]))
PACKED(psubusw, EACH(w) r.w[k] = sat_u16(a.w[k] - b.w[k]))

PACKED(pcmpeqb, EACH(b) r.b[k] = a.b[k] == b.b[k] ? 0xFF : 0)
PACKED(pcmpeqw, EACH(w) r.w[k] = a.w[k] == b.w[k] ? 0xFFFF : 0)
PACKED(pcmpeqd, EACH(d) r.d[k] = a.d[k] == b.d[k] ? UINT32_MAX : 0)
PACKED(pcmpgtb, EACH(b) r.b[k] = S8(a.b[k]) > S8(b.b[k]) ? 0xFF : 0)
PACKED(pcmpgtw, EACH(w) r.w[k] = S16(a.w[k]) > S16(b.w[k]) ? 0xFFFF : 0)
PACKED(pcmpgtd, EACH(d) r.d[k] = S32(a.d[k]) > S32(b.d[k]) ? UINT32_MAX : 0)

PACKED(pminub, EACH(b) r.b[k] = a.b[k] < b.b[k] ? a.b[k] : b.b[k])
PACKED(pmaxub, EACH(b) r.b[k] = a.b[k] > b.b[k] ? a.b[k] : b.b[k])
PACKED(pminsw, EACH(w) r.w[k] = S16(a.w[k]) < S16(b.w[k]) ? a.w[k] : b.w[k])
PACKED(pmaxsw, EACH(w) r.w[k] = S16(a.w[k]) > S16(b.w[k]) ? a.w[k] : b.w[k])
PACKED(pavgb, EACH(b) r.b[k] = (uint8_t)((a.b[k] + b.b[k] + 1) >> 1))
PACKED(pavgw, EACH(w) r.w[k] = (uint16_t)((a.w[k] + b.w[k] + 1) >> 1))

PACKED(pand, EACH(q) r.q[k] = a.q[k] & b.q[k])
PACKED(pandn, EACH(q) r.q[k] = ~a.q[k] & b.q[k])
PACKED(por, EACH(q) r.q[k] = a.q[k] | b.q[k])
PACKED(pxor, EACH(q) r.q[k] = a.q[k] ^ b.q[k])

PACKED(pmullw, EACH(w) r.w[k] = (uint16_t)(S16(a.w[k]) * S16(b.w[k])))
PACKED(pmulhw, EACH(w) r.w[k] = (uint16_t)((uint32_t)(S16(a.w[k]) * S16(b.w[k])) >> 16))
PACKED(pmulhuw, EACH(w) r.w[k] = (uint16_t)(((uint32_t)a.w[k] * b.w[k]) >> 16))
PACKED(pmuludq, EACH(q) r.q[k] = (uint64_t)a.d[2 * k] * b.d[2 * k])
PACKED(pmaddwd, EACH(d) r.d[k] = (uint32_t)(S16(a.w[2 * k]) * S16(b.w[2 * k])) +
                                 (uint32_t)(S16(a.w[2 * k + 1]) * S16(b.w[2 * k + 1])))

static inline unsigned distance(uint8_t a, uint8_t b)
{
    return a > b ? (unsigned)(a - b) : (unsigned)(b - a);
}

PACKED(
    psadbw, EACH(q) {
        unsigned sum = 0;
        for (unsigned n = 0; n < 8; n++)
            sum += distance(a.b[8 * k + n], b.b[8 * k + n]);
        r.q[k] = sum;
    })

/* Pack: the destination's lanes, then the source's. */
#define PACK(name, to, from, saturate)                                         \
    PACKED(                                                                    \
        name, for (unsigned n = bytes / sizeof r.from[0], k = 0; k < n; k++) { \
            r.to[k] = saturate(a.from[k]);                                     \
            r.to[n + k] = saturate(b.from[k]);                                 \
        })
#define PACKSSWB(x) sat_s8(S16(x))
#define PACKUSWB(x) sat_u8(S16(x))
#define PACKSSDW(x) sat_s16(S32(x))
PACK(packsswb, b, w, PACKSSWB)
PACK(packuswb, b, w, PACKUSWB)
PACK(packssdw, w, d, PACKSSDW)

/* Interleave the lower or the upper halves. The MMX forms of the lower ones read 4 bytes only. */
#define UNPACK_LANES(name, field, high)                                                   \
    LANES(                                                                                \
        name, for (unsigned half = bytes / sizeof r.field[0] / 2, k = 0; k < half; k++) { \
            r.field[2 * k] = a.field[k + (high ? half : 0)];                              \
            r.field[2 * k + 1] = b.field[k + (high ? half : 0)];                          \
        })                                                                                \
    PACKED_SSE(name)
#define UNPACK(name, field, high, mmx_load) \
    UNPACK_LANES(name, field, high)         \
    PACKED_MMX(name, mmx_load)
UNPACK(punpcklbw, b, false, load_m32)
UNPACK(punpcklwd, w, false, load_m32)
UNPACK(punpckldq, d, false, load_m32)
UNPACK(punpckhbw, b, true, load_m64)
UNPACK(punpckhwd, w, true, load_m64)
UNPACK(punpckhdq, d, true, load_m64)
UNPACK_LANES(punpcklqdq, q, false)
UNPACK_LANES(punpckhqdq, q, true)

/* --- shifts: all lanes by the source's lower 64 bits, or by an immediate ---------------------- */

#define SHIFT(name, field, width, shifted, overshifted)                   \
    PACKED(name, {                                                        \
        uint64_t n = b.q[0];                                              \
        EACH(field) r.field[k] = n < width ? shifted : overshifted;       \
    })                                                                    \
    HANDLER(name##_mmx_imm)                                               \
    {                                                                     \
        mmx_enter(c, i);                                                  \
        mmx_begin(c);                                                     \
        V b = {.q = {i->imm & 0xFF, 0}};                                  \
        mmx_write(c, i->rm, lanes_##name(mmx_read(c, i->rm), b, 8).q[0]); \
    }                                                                     \
    HANDLER(name##_sse_imm)                                               \
    {                                                                     \
        sse_enter(c, i);                                                  \
        V b = {.q = {i->imm & 0xFF, 0}};                                  \
        c->xmm[i->rm] = lanes_##name(c->xmm[i->rm], b, 16);               \
    }
SHIFT(psrlw, w, 16, (uint16_t)(a.w[k] >> n), 0)
SHIFT(psrld, d, 32, a.d[k] >> n, 0)
SHIFT(psrlq, q, 64, a.q[k] >> n, 0)
SHIFT(psllw, w, 16, (uint16_t)(a.w[k] << n), 0)
SHIFT(pslld, d, 32, a.d[k] << n, 0)
SHIFT(psllq, q, 64, a.q[k] << n, 0)
SHIFT(psraw, w, 16, (uint16_t)(S16(a.w[k]) >> n), (uint16_t)(S16(a.w[k]) >> 15))
SHIFT(psrad, d, 32, (uint32_t)(S32(a.d[k]) >> n), (uint32_t)(S32(a.d[k]) >> 31))

/* Whole registers by bytes. */
HANDLER(psrldq)
{
    sse_enter(c, i);
    unsigned n = i->imm & 0xFF;
    V a = c->xmm[i->rm], r = {.q = {0, 0}};
    for (unsigned k = 0; k + n < 16; k++)
        r.b[k] = a.b[k + n];
    c->xmm[i->rm] = r;
}

HANDLER(pslldq)
{
    sse_enter(c, i);
    unsigned n = i->imm & 0xFF;
    V a = c->xmm[i->rm], r = {.q = {0, 0}};
    for (unsigned k = n; k < 16; k++)
        r.b[k] = a.b[k - n];
    c->xmm[i->rm] = r;
}

/* --- shuffles, words in and out, masks -------------------------------------------------------- */

static inline V shuffle_words(V a, unsigned from, unsigned imm)
{
    V r = a;
    for (unsigned k = 0; k < 4; k++)
        r.w[from + k] = a.w[from + (imm >> (2 * k) & 3)];
    return r;
}

HANDLER(pshufw)
{
    mmx_enter(c, i);
    V b = {.q = {insn_is_mem(i) ? load_m64(c, i) : mmx_read(c, i->rm).q[0], 0}};
    mmx_begin(c);
    mmx_write(c, i->reg, shuffle_words(b, 0, i->imm).q[0]);
}

HANDLER(pshufd)
{
    sse_enter(c, i);
    V b = operand128(c, i), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = b.d[i->imm >> (2 * k) & 3];
    c->xmm[i->reg] = r;
}

HANDLER(pshuflw)
{
    sse_enter(c, i);
    c->xmm[i->reg] = shuffle_words(operand128(c, i), 0, i->imm);
}

HANDLER(pshufhw)
{
    sse_enter(c, i);
    c->xmm[i->reg] = shuffle_words(operand128(c, i), 4, i->imm);
}

static inline uint16_t word_operand(struct vcpu *c, const struct insn *i)
{
    return insn_is_mem(i) ? load16(c, i, i->seg, insn_ea(c, i)) : c->reg[i->rm].w;
}

HANDLER(pinsrw_mmx)
{
    mmx_enter(c, i);
    uint16_t w = word_operand(c, i);
    mmx_begin(c);
    V a = mmx_read(c, i->reg);
    a.w[i->imm & 3] = w;
    mmx_write(c, i->reg, a.q[0]);
}

HANDLER(pinsrw_sse)
{
    sse_enter(c, i);
    uint16_t w = word_operand(c, i);
    c->xmm[i->reg].w[i->imm & 7] = w;
}

HANDLER(pextrw_mmx)
{
    mmx_enter(c, i);
    mmx_begin(c);
    c->reg[i->reg].d = mmx_read(c, i->rm).w[i->imm & 3];
}

HANDLER(pextrw_sse)
{
    sse_enter(c, i);
    c->reg[i->reg].d = c->xmm[i->rm].w[i->imm & 7];
}

static inline uint32_t byte_signs(V a, unsigned bytes)
{
    uint32_t mask = 0;
    for (unsigned k = 0; k < bytes; k++)
        mask |= (uint32_t)(a.b[k] >> 7) << k;
    return mask;
}

HANDLER(pmovmskb_mmx)
{
    mmx_enter(c, i);
    mmx_begin(c);
    c->reg[i->reg].d = byte_signs(mmx_read(c, i->rm), 8);
}

HANDLER(pmovmskb_sse)
{
    sse_enter(c, i);
    c->reg[i->reg].d = byte_signs(c->xmm[i->rm], 16);
}
