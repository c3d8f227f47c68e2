/* tests/cpu/fpcompare.h: what a comparison with the host's FPU may let differ: the last place of
 * transcendental results, and operands for which the manual defines none. */
#ifndef UMBRA_TESTS_FPCOMPARE_H
#define UMBRA_TESTS_FPCOMPARE_H

#include "cpu/softfloat/softfloat.h"

/* Is it F2XM1, FYL2X, FPTAN, FPATAN, FYL2XP1, FSINCOS, FSIN or FCOS? */
static inline bool is_transcendental(const uint8_t *code)
{
    return code[0] == 0xD9 && code[1] && strchr("\xF0\xF1\xF2\xF3\xF9\xFB\xFE\xFF", code[1]);
}

/* Distance of two extended numbers in memory in units of the last place; huge when they are not
 * neighbours. */
static inline uint64_t ulps(const uint8_t *a, const uint8_t *b)
{
    uint64_t x = load_le64(a), y = load_le64(b);
    uint16_t se = load_le16(a + 8), other = load_le16(b + 8);
    if (se == other)
        return x > y ? x - y : y - x;
    if ((se ^ other) & 0x8000 || (se - other != 1 && other - se != 1))
        return UINT64_MAX;
    uint64_t low = se < other ? x : y, high = se < other ? y : x;
    return high == F80_INTEGER_BIT ? 0 - low : UINT64_MAX; /* across a power of two */
}

/* Does the manual define the result of D9 opcode in this state, as FXSAVE stores it? */
static inline bool is_defined(uint8_t opcode, const uint8_t *fx)
{
    unsigned exp = load_le16(fx + 40) & 0x7FFF;
    if (exp == 0x7FFF || !(fx[4] >> (load_le16(fx + 2) >> 11 & 7) & 1))
        return true;
    if (opcode == 0xF0) /* F2XM1: |x| <= 1 */
        return exp < 16383 || (exp == 16383 && load_le64(fx + 32) == F80_INTEGER_BIT);
    if (opcode == 0xF9) /* FYL2XP1: |x| < 1 - 1/sqrt(2) */
        return exp < 16381;
    return true;
}

#endif
