/* cpu/interp/integer_bits.c: bit tests and scans, CMPXCHG, XADD, CMPXCHG8B. */
#include "cpu/interp/operand.h"

/* CF becomes cf; the other flags stay (hardware: OF, SF, AF, PF are undefined, ZF stays). */
force_inline void set_cf(struct vcpu *c, uint32_t cf)
{
    c->flag_aux ^= (flag_cf(c) ^ cf) * UINT32_C(0xC0000000);
}

/* The bit string that a register bit index reaches into starts at the operand and goes both ways:
 * the unit that holds the bit. */
force_inline uint32_t bit_string_ea(const struct vcpu *c, const struct insn *i, unsigned width)
{
    int32_t index = width == 16 ? (int16_t)c->reg[i->reg].w : (int32_t)c->reg[i->reg].d;
    uint32_t ea = insn_ea(c, i);
    ea += width == 16 ? (uint32_t)(index >> 4) * 2 : (uint32_t)(index >> 5) * 4;
    return i->asize == 4 ? ea : ea & 0xFFFF;
}

#define BIT_SET(v, m)    ((v) | (m))
#define BIT_RESET(v, m)  ((v) & ~(m))
#define BIT_TOGGLE(v, m) ((v) ^ (m))

#define BIT_TEST_FORMS(bits)                                                      \
    HANDLER(bt_ev_gv_r##bits)                                                     \
    {                                                                             \
        set_cf(c, *reg##bits(c, i->rm) >> (c->reg[i->reg].b.l & (bits - 1)) & 1); \
    }                                                                             \
    HANDLER(bt_ev_gv_m##bits)                                                     \
    {                                                                             \
        uint##bits##_t v = load##bits(c, i, i->seg, bit_string_ea(c, i, bits));   \
        set_cf(c, v >> (c->reg[i->reg].b.l & (bits - 1)) & 1);                    \
    }                                                                             \
    HANDLER(bt_ev_ib_r##bits)                                                     \
    {                                                                             \
        set_cf(c, *reg##bits(c, i->rm) >> (i->imm & (bits - 1)) & 1);             \
    }                                                                             \
    HANDLER(bt_ev_ib_m##bits)                                                     \
    {                                                                             \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i));               \
        set_cf(c, v >> (i->imm & (bits - 1)) & 1);                                \
    }
BIT_TEST_FORMS(16)
BIT_TEST_FORMS(32)

#define BIT_CHANGE_FORMS(name, OP, bits)                                    \
    HANDLER(name##_ev_gv_r##bits)                                           \
    {                                                                       \
        unsigned n = c->reg[i->reg].b.l & (bits - 1);                       \
        uint##bits##_t *d = reg##bits(c, i->rm), v = *d;                    \
        *d = (uint##bits##_t)OP(v, UINT32_C(1) << n);                       \
        set_cf(c, v >> n & 1);                                              \
    }                                                                       \
    HANDLER(name##_ev_gv_m##bits)                                           \
    {                                                                       \
        unsigned n = c->reg[i->reg].b.l & (bits - 1);                       \
        uint32_t ea = bit_string_ea(c, i, bits);                            \
        struct rmw m = {.host = rmw_begin(c, i, ea, bits / 8), .ea = ea};   \
        uint##bits##_t v = load##bits(c, i, i->seg, ea);                    \
        rmw_store##bits(c, i, &m, (uint##bits##_t)OP(v, UINT32_C(1) << n)); \
        set_cf(c, v >> n & 1);                                              \
    }                                                                       \
    HANDLER(name##_ev_ib_r##bits)                                           \
    {                                                                       \
        unsigned n = i->imm & (bits - 1);                                   \
        uint##bits##_t *d = reg##bits(c, i->rm), v = *d;                    \
        *d = (uint##bits##_t)OP(v, UINT32_C(1) << n);                       \
        set_cf(c, v >> n & 1);                                              \
    }                                                                       \
    HANDLER(name##_ev_ib_m##bits)                                           \
    {                                                                       \
        unsigned n = i->imm & (bits - 1);                                   \
        struct rmw m;                                                       \
        uint##bits##_t v = rmw_load##bits(c, i, &m);                        \
        rmw_store##bits(c, i, &m, (uint##bits##_t)OP(v, UINT32_C(1) << n)); \
        set_cf(c, v >> n & 1);                                              \
    }
BIT_CHANGE_FORMS(bts, BIT_SET, 16)
BIT_CHANGE_FORMS(bts, BIT_SET, 32)
BIT_CHANGE_FORMS(btr, BIT_RESET, 16)
BIT_CHANGE_FORMS(btr, BIT_RESET, 32)
BIT_CHANGE_FORMS(btc, BIT_TOGGLE, 16)
BIT_CHANGE_FORMS(btc, BIT_TOGGLE, 32)

/* BSF, BSR: a source of zero sets ZF and leaves the destination, as Intel's processors do. */
force_inline bool scan(struct vcpu *c, unsigned width, uint32_t v)
{
    flags_result(c, width, v, 0, 0, 0);
    return v != 0;
}

#define SCAN_FORMS(bits)                                                     \
    HANDLER(bsf_r##bits)                                                     \
    {                                                                        \
        uint32_t v = *reg##bits(c, i->rm);                                   \
        if (scan(c, bits, v))                                                \
            *reg##bits(c, i->reg) = (uint##bits##_t)__builtin_ctz(v);        \
    }                                                                        \
    HANDLER(bsf_m##bits)                                                     \
    {                                                                        \
        uint32_t v = load##bits(c, i, i->seg, insn_ea(c, i));                \
        if (scan(c, bits, v))                                                \
            *reg##bits(c, i->reg) = (uint##bits##_t)__builtin_ctz(v);        \
    }                                                                        \
    HANDLER(bsr_r##bits)                                                     \
    {                                                                        \
        uint32_t v = *reg##bits(c, i->rm);                                   \
        if (scan(c, bits, v))                                                \
            *reg##bits(c, i->reg) = (uint##bits##_t)(31 - __builtin_clz(v)); \
    }                                                                        \
    HANDLER(bsr_m##bits)                                                     \
    {                                                                        \
        uint32_t v = load##bits(c, i, i->seg, insn_ea(c, i));                \
        if (scan(c, bits, v))                                                \
            *reg##bits(c, i->reg) = (uint##bits##_t)(31 - __builtin_clz(v)); \
    }
SCAN_FORMS(16)
SCAN_FORMS(32)

/* CMPXCHG writes its memory operand in either case (SDM vol. 2). */
#define EXCHANGE_FORMS(bits, E, G, S)                                               \
    HANDLER(cmpxchg_##E##_##G##_r##S)                                               \
    {                                                                               \
        uint##bits##_t *d = reg##bits(c, i->rm), *a = reg##bits(c, EAX), v = *d;    \
        uint32_t r = (uint32_t)*a - v;                                              \
        flags_sub(c, bits, *a, v, r);                                               \
        if ((uint##bits##_t)r == 0)                                                 \
            *d = *reg##bits(c, i->reg);                                             \
        else                                                                        \
            *a = v;                                                                 \
    }                                                                               \
    HANDLER(cmpxchg_##E##_##G##_m##S)                                               \
    {                                                                               \
        struct rmw m;                                                               \
        uint##bits##_t v = rmw_load##bits(c, i, &m), *a = reg##bits(c, EAX);        \
        uint32_t r = (uint32_t)*a - v;                                              \
        flags_sub(c, bits, *a, v, r);                                               \
        if ((uint##bits##_t)r == 0) {                                               \
            rmw_store##bits(c, i, &m, *reg##bits(c, i->reg));                       \
        } else {                                                                    \
            rmw_store##bits(c, i, &m, v);                                           \
            *a = v;                                                                 \
        }                                                                           \
    }                                                                               \
    HANDLER(xadd_##E##_##G##_r##S)                                                  \
    {                                                                               \
        uint##bits##_t *d = reg##bits(c, i->rm), *s = reg##bits(c, i->reg), v = *d; \
        uint32_t r = (uint32_t)v + *s;                                              \
        flags_add(c, bits, v, *s, r);                                               \
        *s = v;                                                                     \
        *d = (uint##bits##_t)r;                                                     \
    }                                                                               \
    HANDLER(xadd_##E##_##G##_m##S)                                                  \
    {                                                                               \
        struct rmw m;                                                               \
        uint##bits##_t v = rmw_load##bits(c, i, &m), *s = reg##bits(c, i->reg);     \
        uint32_t r = (uint32_t)v + *s;                                              \
        flags_add(c, bits, v, *s, r);                                               \
        rmw_store##bits(c, i, &m, (uint##bits##_t)r);                               \
        *s = v;                                                                     \
    }
EXCHANGE_FORMS(8, eb, gb, )
EXCHANGE_FORMS(16, ev, gv, 16)
EXCHANGE_FORMS(32, ev, gv, 32)

HANDLER(cmpxchg8b)
{
    uint32_t ea = insn_ea(c, i);
    rmw_begin(c, i, ea, 8);
    uint64_t v = load64(c, i, i->seg, ea);
    uint64_t expected = (uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d;
    uint32_t flags = flags_arith(c) & ~FLAG_ZF;
    if (v == expected) {
        store64(c, i, i->seg, ea, (uint64_t)c->reg[ECX].d << 32 | c->reg[EBX].d);
        flags |= FLAG_ZF;
    } else {
        store64(c, i, i->seg, ea, v);
        c->reg[EAX].d = (uint32_t)v;
        c->reg[EDX].d = (uint32_t)(v >> 32);
    }
    flags_set_arith(c, flags);
}
