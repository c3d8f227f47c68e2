/* cpu/interp/operand.h: operands of integer instructions: register parts, memory that is read and
 * written, and the stack.
 *
 * The macros at the end write one handler for each form of an operation: that is how the reference
 * interpreter gets a handler without a single test of operand kind or size in it. */
#ifndef UMBRA_CPU_INTERP_OPERAND_H
#define UMBRA_CPU_INTERP_OPERAND_H

#include "cpu/interp/handler.h"

#define force_inline static inline __attribute__((always_inline))

/* Byte register n: al cl dl bl ah ch dh bh. */
force_inline uint8_t *reg8(struct vcpu *c, unsigned n)
{
    return (uint8_t *)&c->reg[n & 3] + (n >> 2);
}

force_inline uint16_t *reg16(struct vcpu *c, unsigned n)
{
    return &c->reg[n].w;
}

force_inline uint32_t *reg32(struct vcpu *c, unsigned n)
{
    return &c->reg[n].d;
}

/* Whether a write of size bytes at offset would go through; raises if not. The host address when
 * memory may be used directly, NULL when load and store must be (they then do not fault). */
force_inline uint8_t *rmw_begin(struct vcpu *c, const struct insn *i, uint32_t offset,
                                unsigned size)
{
    const struct segment *s = &c->seg[i->seg];
    if (likely((uint64_t)offset + size <= s->write_len)) {
        uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_WRITE, (uint32_t)s->base + offset, size);
        if (likely(p != NULL))
            return p;
    }
    return access_prepare_rmw(c, i, i->seg, offset, size);
}

/* A memory operand that is read, then written: RMW_DEFINE gives rmw_load and rmw_store of each
 * width. ea is kept for the slow path. */
struct rmw {
    uint8_t *host;
    uint32_t ea;
};

#define RMW_DEFINE(bits)                                                                         \
    force_inline uint##bits##_t rmw_load##bits(struct vcpu *c, const struct insn *i,             \
                                               struct rmw *m)                                    \
    {                                                                                            \
        m->ea = insn_ea(c, i);                                                                   \
        m->host = rmw_begin(c, i, m->ea, bits / 8);                                              \
        if (unlikely(!m->host))                                                                  \
            return load##bits(c, i, i->seg, m->ea);                                              \
        uint##bits##_t v;                                                                        \
        memcpy(&v, m->host, sizeof v);                                                           \
        return v;                                                                                \
    }                                                                                            \
    force_inline void rmw_store##bits(struct vcpu *c, const struct insn *i, const struct rmw *m, \
                                      uint##bits##_t v)                                          \
    {                                                                                            \
        if (likely(m->host != NULL))                                                             \
            memcpy(m->host, &v, sizeof v);                                                       \
        else                                                                                     \
            store##bits(c, i, i->seg, m->ea, v);                                                 \
    }
RMW_DEFINE(8)
RMW_DEFINE(16)
RMW_DEFINE(32)

/* --- Stack: ESP moves after the access, so a fault leaves it --------------------------------- */

force_inline uint32_t stack_pointer(const struct vcpu *c)
{
    return c->stack32 ? c->reg[ESP].d : c->reg[ESP].w;
}

/* sp + delta, wrapped to the stack's address size. */
force_inline uint32_t stack_offset(const struct vcpu *c, uint32_t delta)
{
    return c->stack32 ? c->reg[ESP].d + delta : (uint16_t)(c->reg[ESP].w + delta);
}

force_inline void stack_set(struct vcpu *c, uint32_t sp)
{
    if (c->stack32)
        c->reg[ESP].d = sp;
    else
        c->reg[ESP].w = (uint16_t)sp;
}

force_inline void push16(struct vcpu *c, const struct insn *i, uint16_t v)
{
    uint32_t sp = stack_offset(c, (uint32_t)-2);
    store16(c, i, SEG_SS, sp, v);
    stack_set(c, sp);
}

force_inline void push32(struct vcpu *c, const struct insn *i, uint32_t v)
{
    uint32_t sp = stack_offset(c, (uint32_t)-4);
    store32(c, i, SEG_SS, sp, v);
    stack_set(c, sp);
}

force_inline uint16_t pop16(struct vcpu *c, const struct insn *i)
{
    uint16_t v = load16(c, i, SEG_SS, stack_pointer(c));
    stack_set(c, stack_offset(c, 2));
    return v;
}

force_inline uint32_t pop32(struct vcpu *c, const struct insn *i)
{
    uint32_t v = load32(c, i, SEG_SS, stack_pointer(c));
    stack_set(c, stack_offset(c, 4));
    return v;
}

/* --- Handlers by form. OP(c, width, a, b) returns the result and sets the flags --------------- */

/* dest = OP(dest, src), for one width; B, G, I are the letters of the names: eb/gb/ib or ev/gv/iv,
 * S the suffix (nothing, 16, 32). */
#define ALU_FORMS(name, OP, bits, E, G, I, S)                         \
    HANDLER(name##_##E##_##G##_r##S)                                  \
    {                                                                 \
        uint##bits##_t *d = reg##bits(c, i->rm);                      \
        *d = (uint##bits##_t)OP(c, bits, *d, *reg##bits(c, i->reg));  \
    }                                                                 \
    HANDLER(name##_##E##_##G##_m##S)                                  \
    {                                                                 \
        struct rmw m;                                                 \
        uint##bits##_t v = rmw_load##bits(c, i, &m);                  \
        v = (uint##bits##_t)OP(c, bits, v, *reg##bits(c, i->reg));    \
        rmw_store##bits(c, i, &m, v);                                 \
    }                                                                 \
    HANDLER(name##_##G##_##E##_r##S)                                  \
    {                                                                 \
        uint##bits##_t *d = reg##bits(c, i->reg);                     \
        *d = (uint##bits##_t)OP(c, bits, *d, *reg##bits(c, i->rm));   \
    }                                                                 \
    HANDLER(name##_##G##_##E##_m##S)                                  \
    {                                                                 \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i));   \
        uint##bits##_t *d = reg##bits(c, i->reg);                     \
        *d = (uint##bits##_t)OP(c, bits, *d, v);                      \
    }                                                                 \
    HANDLER(name##_##E##_##I##_r##S)                                  \
    {                                                                 \
        uint##bits##_t *d = reg##bits(c, i->rm);                      \
        *d = (uint##bits##_t)OP(c, bits, *d, (uint##bits##_t)i->imm); \
    }                                                                 \
    HANDLER(name##_##E##_##I##_m##S)                                  \
    {                                                                 \
        struct rmw m;                                                 \
        uint##bits##_t v = rmw_load##bits(c, i, &m);                  \
        v = (uint##bits##_t)OP(c, bits, v, (uint##bits##_t)i->imm);   \
        rmw_store##bits(c, i, &m, v);                                 \
    }

/* The same for operations that only set flags: CMP, TEST. */
#define COMPARE_FORMS(name, OP, bits, E, G, I, S)                   \
    HANDLER(name##_##E##_##G##_r##S)                                \
    {                                                               \
        OP(c, bits, *reg##bits(c, i->rm), *reg##bits(c, i->reg));   \
    }                                                               \
    HANDLER(name##_##E##_##G##_m##S)                                \
    {                                                               \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i)); \
        OP(c, bits, v, *reg##bits(c, i->reg));                      \
    }                                                               \
    HANDLER(name##_##E##_##I##_r##S)                                \
    {                                                               \
        OP(c, bits, *reg##bits(c, i->rm), (uint##bits##_t)i->imm);  \
    }                                                               \
    HANDLER(name##_##E##_##I##_m##S)                                \
    {                                                               \
        uint##bits##_t v = load##bits(c, i, i->seg, insn_ea(c, i)); \
        OP(c, bits, v, (uint##bits##_t)i->imm);                     \
    }

/* dest = OP(dest): one operand, register or memory. */
#define UNARY_FORMS(name, OP, bits, E, S)            \
    HANDLER(name##_##E##_r##S)                       \
    {                                                \
        uint##bits##_t *d = reg##bits(c, i->rm);     \
        *d = (uint##bits##_t)OP(c, bits, *d);        \
    }                                                \
    HANDLER(name##_##E##_m##S)                       \
    {                                                \
        struct rmw m;                                \
        uint##bits##_t v = rmw_load##bits(c, i, &m); \
        v = (uint##bits##_t)OP(c, bits, v);          \
        rmw_store##bits(c, i, &m, v);                \
    }

#define UNARY(name, OP)               \
    UNARY_FORMS(name, OP, 8, eb, )    \
    UNARY_FORMS(name, OP, 16, ev, 16) \
    UNARY_FORMS(name, OP, 32, ev, 32)

#endif
