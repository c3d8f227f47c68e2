/* cpu/interp/integer_mov.c: moves: MOV, MOVZX, MOVSX, XCHG, LEA, CMOVcc, SETcc, BSWAP, XLAT, sign
 * extension and the flag moves. */
#include "cpu/interp/operand.h"

#define MOV_FORMS(bits, E, G, I, S)                                                 \
    HANDLER(mov_##E##_##G##_r##S)                                                   \
    {                                                                               \
        *reg##bits(c, i->rm) = *reg##bits(c, i->reg);                               \
    }                                                                               \
    HANDLER(mov_##E##_##G##_m##S)                                                   \
    {                                                                               \
        store##bits(c, i, i->seg, insn_ea(c, i), *reg##bits(c, i->reg));            \
    }                                                                               \
    HANDLER(mov_##G##_##E##_r##S)                                                   \
    {                                                                               \
        *reg##bits(c, i->reg) = *reg##bits(c, i->rm);                               \
    }                                                                               \
    HANDLER(mov_##G##_##E##_m##S)                                                   \
    {                                                                               \
        *reg##bits(c, i->reg) = load##bits(c, i, i->seg, insn_ea(c, i));            \
    }                                                                               \
    HANDLER(mov_##E##_##I##_r##S)                                                   \
    {                                                                               \
        *reg##bits(c, i->rm) = (uint##bits##_t)i->imm;                              \
    }                                                                               \
    HANDLER(mov_##E##_##I##_m##S)                                                   \
    {                                                                               \
        store##bits(c, i, i->seg, insn_ea(c, i), (uint##bits##_t)i->imm);           \
    }                                                                               \
    HANDLER(xchg_##E##_##G##_r##S)                                                  \
    {                                                                               \
        uint##bits##_t *a = reg##bits(c, i->rm), *b = reg##bits(c, i->reg), t = *a; \
        *a = *b;                                                                    \
        *b = t;                                                                     \
    }                                                                               \
    HANDLER(xchg_##E##_##G##_m##S)                                                  \
    {                                                                               \
        struct rmw m;                                                               \
        uint##bits##_t v = rmw_load##bits(c, i, &m);                                \
        rmw_store##bits(c, i, &m, *reg##bits(c, i->reg));                           \
        *reg##bits(c, i->reg) = v;                                                  \
    }
MOV_FORMS(8, eb, gb, ib, )
MOV_FORMS(16, ev, gv, iv, 16)
MOV_FORMS(32, ev, gv, iv, 32)

/* MOVZX, MOVSX: from width `from` to operand size `to`. */
#define EXTEND(name, E, from, to, type)                                                    \
    HANDLER(name##_gv_##E##_r##to)                                                         \
    {                                                                                      \
        *reg##to(c, i->reg) = (uint##to##_t)(type)(*reg##from(c, i->rm));                  \
    }                                                                                      \
    HANDLER(name##_gv_##E##_m##to)                                                         \
    {                                                                                      \
        *reg##to(c, i->reg) = (uint##to##_t)(type)load##from(c, i, i->seg, insn_ea(c, i)); \
    }
EXTEND(movzx, eb, 8, 16, uint8_t)
EXTEND(movzx, eb, 8, 32, uint8_t)
EXTEND(movzx, ew, 16, 16, uint16_t)
EXTEND(movzx, ew, 16, 32, uint16_t)
EXTEND(movsx, eb, 8, 16, int8_t)
EXTEND(movsx, eb, 8, 32, int8_t)
EXTEND(movsx, ew, 16, 16, int16_t)
EXTEND(movsx, ew, 16, 32, int16_t)

HANDLER(lea16)
{
    c->reg[i->reg].w = (uint16_t)insn_ea(c, i);
}

HANDLER(lea32)
{
    c->reg[i->reg].d = insn_ea(c, i);
}

HANDLER(xchg_zv_eax16)
{
    uint16_t t = c->reg[EAX].w;
    c->reg[EAX].w = c->reg[i->reg].w;
    c->reg[i->reg].w = t;
}

HANDLER(xchg_zv_eax32)
{
    uint32_t t = c->reg[EAX].d;
    c->reg[EAX].d = c->reg[i->reg].d;
    c->reg[i->reg].d = t;
}

HANDLER(nop)
{
    (void)c;
}

HANDLER(cbw16)
{
    c->reg[EAX].w = (uint16_t)(int8_t)c->reg[EAX].b.l;
}

HANDLER(cbw32)
{
    c->reg[EAX].d = (uint32_t)(int16_t)c->reg[EAX].w;
}

HANDLER(cwd16)
{
    c->reg[EDX].w = c->reg[EAX].w & 0x8000 ? 0xFFFF : 0;
}

HANDLER(cwd32)
{
    c->reg[EDX].d = c->reg[EAX].d >> 31 ? UINT32_MAX : 0;
}

HANDLER(xlat)
{
    uint32_t ea = c->reg[EBX].d + c->reg[EAX].b.l;
    c->reg[EAX].b.l = load8(c, i, i->seg, i->asize == 4 ? ea : ea & 0xFFFF);
}

/* The 16-bit form is undefined; processors store zero. */
HANDLER(bswap16)
{
    c->reg[i->reg].w = 0;
}

HANDLER(bswap32)
{
    c->reg[i->reg].d = __builtin_bswap32(c->reg[i->reg].d);
}

HANDLER(sahf)
{
    uint32_t of = flag_of(c) << 11;
    flags_set_arith(c, of | (c->reg[EAX].b.h & (FLAGS_ARITH & 0xFF)));
}

HANDLER(lahf)
{
    c->reg[EAX].b.h = (uint8_t)(flags_arith(c) | FLAG_ONE);
}

/* CF alone changes: bit 31, and bit 30 with it, since that holds CF ^ OF. */
HANDLER(clc)
{
    c->flag_aux ^= flag_cf(c) * UINT32_C(0xC0000000);
}

HANDLER(stc)
{
    c->flag_aux ^= (flag_cf(c) ^ 1) * UINT32_C(0xC0000000);
}

HANDLER(cmc)
{
    c->flag_aux ^= UINT32_C(0xC0000000);
}

HANDLER(cld)
{
    c->eflags &= ~FLAG_DF;
}

HANDLER(std)
{
    c->eflags |= FLAG_DF;
}

/* SALC, undocumented: AL = CF ? FFh : 0. */
HANDLER(salc)
{
    c->reg[EAX].b.l = (uint8_t)-flag_cf(c);
}

/* SETcc, CMOVcc: the memory operand of CMOV is read whatever the condition. */
#define CONDITIONAL(cc, number)                                          \
    HANDLER(set##cc##_r)                                                 \
    {                                                                    \
        *reg8(c, i->rm) = flags_condition(c, number);                    \
    }                                                                    \
    HANDLER(set##cc##_m)                                                 \
    {                                                                    \
        store8(c, i, i->seg, insn_ea(c, i), flags_condition(c, number)); \
    }                                                                    \
    HANDLER(cmov##cc##_r16)                                              \
    {                                                                    \
        if (flags_condition(c, number))                                  \
            c->reg[i->reg].w = c->reg[i->rm].w;                          \
    }                                                                    \
    HANDLER(cmov##cc##_r32)                                              \
    {                                                                    \
        if (flags_condition(c, number))                                  \
            c->reg[i->reg].d = c->reg[i->rm].d;                          \
    }                                                                    \
    HANDLER(cmov##cc##_m16)                                              \
    {                                                                    \
        uint16_t v = load16(c, i, i->seg, insn_ea(c, i));                \
        if (flags_condition(c, number))                                  \
            c->reg[i->reg].w = v;                                        \
    }                                                                    \
    HANDLER(cmov##cc##_m32)                                              \
    {                                                                    \
        uint32_t v = load32(c, i, i->seg, insn_ea(c, i));                \
        if (flags_condition(c, number))                                  \
            c->reg[i->reg].d = v;                                        \
    }
CONDITIONAL(o, 0)
CONDITIONAL(no, 1)
CONDITIONAL(b, 2)
CONDITIONAL(ae, 3)
CONDITIONAL(e, 4)
CONDITIONAL(ne, 5)
CONDITIONAL(be, 6)
CONDITIONAL(a, 7)
CONDITIONAL(s, 8)
CONDITIONAL(ns, 9)
CONDITIONAL(p, 10)
CONDITIONAL(np, 11)
CONDITIONAL(l, 12)
CONDITIONAL(ge, 13)
CONDITIONAL(le, 14)
CONDITIONAL(g, 15)
