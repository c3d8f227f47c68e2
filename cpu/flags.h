/* cpu/flags.h: EFLAGS, with the arithmetic bits kept lazily.
 *
 * An arithmetic instruction stores two words, from which every flag is read without knowing what
 * the instruction was:
 *
 *     flag_result   the result, sign-extended to 32 bits: ZF, SF, PF
 *     flag_aux       31    30         15..8          3     0
 *                  | CF | CF^OF | ... PF delta ... | AF | SF delta |
 *
 * Bits 31, 30 and 3 are those of the carry vector of an addition (the borrow vector of a
 * subtraction), moved to the top for narrow operands: CF is the carry out of the top bit, OF
 * differs from it by the carry into the top bit, AF is the carry out of bit 3. The deltas are zero
 * after arithmetic; flags_set_arith uses them for combinations that no result has, such as ZF
 * with SF. */
#ifndef UMBRA_CPU_FLAGS_H
#define UMBRA_CPU_FLAGS_H

#include "cpu/state.h"

#define AUX_CARRY  UINT32_C(0xC0000008) /* the bits that a carry vector gives */
#define AUX_CF_BIT 31
#define AUX_AF     UINT32_C(0x00000008)

/* --- Single flags, 0 or 1 ------------------------------------------------------------------ */

static inline uint32_t flag_cf(const struct vcpu *c)
{
    return c->flag_aux >> AUX_CF_BIT;
}

static inline uint32_t flag_of(const struct vcpu *c)
{
    return (c->flag_aux ^ (c->flag_aux << 1)) >> 31;
}

static inline uint32_t flag_zf(const struct vcpu *c)
{
    return c->flag_result == 0;
}

static inline uint32_t flag_sf(const struct vcpu *c)
{
    return (c->flag_result >> 31) ^ (c->flag_aux & 1);
}

static inline uint32_t flag_af(const struct vcpu *c)
{
    return (c->flag_aux >> 3) & 1;
}

static inline uint32_t flag_pf(const struct vcpu *c)
{
    uint32_t v = (c->flag_result ^ (c->flag_aux >> 8)) & 0xFF;
    v ^= v >> 4;
    return (0x9669u >> (v & 15)) & 1; /* bit n: n has an even number of ones */
}

/* SF != OF: "less" */
static inline uint32_t flag_less(const struct vcpu *c)
{
    uint32_t aux = c->flag_aux;
    return (c->flag_result ^ (aux << 31) ^ aux ^ (aux << 1)) >> 31;
}

/* --- The whole register ---------------------------------------------------------------------- */

/* The arithmetic bits, computed. */
static inline uint32_t flags_arith(const struct vcpu *c)
{
    return flag_cf(c) | flag_pf(c) << 2 | flag_af(c) << 4 | flag_zf(c) << 6 | flag_sf(c) << 7 |
           flag_of(c) << 11;
}

/* The whole register as PUSHFD sees it. */
static inline uint32_t flags_get(const struct vcpu *c)
{
    return (c->eflags & ~FLAGS_ARITH) | flags_arith(c) | FLAG_ONE;
}

/* Sets the arithmetic bits to those in value. */
static inline void flags_set_arith(struct vcpu *c, uint32_t value)
{
    uint32_t cf = value & FLAG_CF, of = (value & FLAG_OF) >> 11;
    uint32_t aux = cf << 31 | (cf ^ of) << 30 | (value & FLAG_AF) >> 1;
    aux |= value & FLAG_PF ? 0 : UINT32_C(1) << 8;
    if (value & FLAG_ZF) {
        c->flag_result = 0;
        aux |= (value & FLAG_SF) >> 7;
    } else {
        c->flag_result = value & FLAG_SF ? UINT32_C(0x80000000) : UINT32_C(0x40000000);
    }
    c->flag_aux = aux;
}

/* Replaces the bits of mask by those of value; no derived state (CPL, V86, trap) is updated. */
static inline void flags_set(struct vcpu *c, uint32_t value, uint32_t mask)
{
    if (mask & FLAGS_ARITH) {
        uint32_t arith = flags_arith(c);
        flags_set_arith(c, (arith & ~mask) | (value & mask));
    }
    mask &= ~FLAGS_ARITH;
    c->eflags = (c->eflags & ~mask) | (value & mask);
}

/* --- What arithmetic instructions leave ------------------------------------------------------ */

/* From a carry vector v of an operation of bits width (8, 16, 32) and its result. */
static inline void flags_carry(struct vcpu *c, unsigned width, uint32_t result, uint32_t vector)
{
    if (width == 32) {
        c->flag_result = result;
        c->flag_aux = vector & AUX_CARRY;
    } else {
        c->flag_result =
            width == 8 ? (uint32_t)(int32_t)(int8_t)result : (uint32_t)(int32_t)(int16_t)result;
        c->flag_aux = ((vector << (32 - width)) & UINT32_C(0xC0000000)) | (vector & AUX_AF);
    }
}

/* a + b (+ carry in) = r */
static inline void flags_add(struct vcpu *c, unsigned width, uint32_t a, uint32_t b, uint32_t r)
{
    flags_carry(c, width, r, (a & b) | ((a | b) & ~r));
}

/* a - b (- borrow in) = r */
static inline void flags_sub(struct vcpu *c, unsigned width, uint32_t a, uint32_t b, uint32_t r)
{
    flags_carry(c, width, r, (~a & b) | ((~a | b) & r));
}

/* AND, OR, XOR, TEST: CF, OF and AF are 0. */
static inline void flags_logic(struct vcpu *c, unsigned width, uint32_t r)
{
    flags_carry(c, width, r, 0);
}

/* A result with CF, OF and AF as given (each 0 or 1). */
static inline void flags_result(struct vcpu *c, unsigned width, uint32_t r, uint32_t cf,
                                uint32_t of, uint32_t af)
{
    flags_carry(c, width, r, 0);
    c->flag_aux = cf << 31 | (cf ^ of) << 30 | af << 3;
}

/* --- Conditions, as Jcc encodes them (SDM vol. 1, appendix B) --------------------------------- */

static inline bool flags_condition(const struct vcpu *c, unsigned cc)
{
    uint32_t v;
    switch ((cc >> 1) & 7) {
    case 0:
        v = flag_of(c);
        break;
    case 1:
        v = flag_cf(c);
        break;
    case 2:
        v = flag_zf(c);
        break;
    case 3:
        v = flag_cf(c) | flag_zf(c);
        break;
    case 4:
        v = flag_sf(c);
        break;
    case 5:
        v = flag_pf(c);
        break;
    case 6:
        v = flag_less(c);
        break;
    default:
        v = flag_less(c) | flag_zf(c);
        break;
    }
    return v ^ (cc & 1);
}

#endif
