/* cpu/softfloat/softfloat.h: x87 and SSE arithmetic in integers, the same on every host.
 *
 * Three formats: the x87's 80-bit extended (struct f80), and IEEE single and double as raw bits
 * (uint32_t, uint64_t). Every operation takes an environment that says how to round and which
 * exceptions are masked; what happened is or-ed into its raised set and nothing is ever trapped:
 * the instruction's handler decides whether the result is used.
 *
 *     f80.se |15|14        0|    f80.sig |63|62            0|          value, exponent not 0:
 *            | s | exponent |            | j | fraction     |   (-1)^s * j.fraction * 2^(exp-16383)
 *
 * Results with an unmasked overflow or underflow have the exponent wrapped by 24576 in 80-bit
 * format (SDM vol. 1, 8.5.4), and mean nothing in the other formats, where such a result is not
 * stored. */
#ifndef UMBRA_CPU_SOFTFLOAT_H
#define UMBRA_CPU_SOFTFLOAT_H

#include "base/bits.h"

struct f80 {
    uint64_t sig;
    uint16_t se;
};

/* As in the x87 status word and in MXCSR. FP_C1 is the status word's C1: rounded up. */
enum fp_flag {
    FP_IE = 0x01,
    FP_DE = 0x02,
    FP_ZE = 0x04,
    FP_OE = 0x08,
    FP_UE = 0x10,
    FP_PE = 0x20,
    FP_C1 = 0x200,
};
#define FP_ALL 0x3F
/* Those found before anything is computed: unmasked, they leave the destination as it was. */
#define FP_PRE (FP_IE | FP_DE | FP_ZE)

enum fp_rounding { FP_NEAREST, FP_DOWN, FP_UP, FP_TRUNCATE }; /* as RC encodes it */
enum fp_precision { FP_PC24, FP_PC_RESERVED, FP_PC53, FP_PC64 };

struct fp_env {
    uint8_t rounding;  /* enum fp_rounding */
    uint8_t precision; /* enum fp_precision: f80 add, sub, mul, div and sqrt only */
    uint8_t masked;    /* set of enum fp_flag */
    bool daz;          /* f32, f64: denormal operands are zeros */
    bool ftz;          /* f32, f64: tiny results are zeros (when FP_UE is masked) */
    uint32_t raised;   /* set of enum fp_flag */
};

#define F32_DEFAULT_NAN UINT32_C(0xFFC00000)
#define F64_DEFAULT_NAN UINT64_C(0xFFF8000000000000)
#define F80_DEFAULT_NAN ((struct f80){UINT64_C(0xC000000000000000), 0xFFFF})
#define F80_INTEGER_BIT UINT64_C(0x8000000000000000)

enum fp_relation { FP_LESS, FP_EQUAL, FP_GREATER, FP_UNORDERED };

/* FXAM's classes; the value is C3, C2, C0 as bits 2, 1, 0. */
enum fp_class {
    FP_CLASS_UNSUPPORTED = 0,
    FP_CLASS_NAN = 1,
    FP_CLASS_NORMAL = 2,
    FP_CLASS_INFINITY = 3,
    FP_CLASS_ZERO = 4,
    FP_CLASS_EMPTY = 5,
    FP_CLASS_DENORMAL = 6,
};

/* --- 80-bit (x87) --------------------------------------------------------------------------- */

struct f80 f80_add(struct fp_env *e, struct f80 a, struct f80 b);
struct f80 f80_sub(struct fp_env *e, struct f80 a, struct f80 b); /* a - b */
struct f80 f80_mul(struct fp_env *e, struct f80 a, struct f80 b);
struct f80 f80_div(struct fp_env *e, struct f80 a, struct f80 b); /* a / b */
struct f80 f80_sqrt(struct fp_env *e, struct f80 a);
struct f80 f80_round_to_int(struct fp_env *e, struct f80 a);
struct f80 f80_scale(struct fp_env *e, struct f80 a, struct f80 by); /* FSCALE */
/* FXTRACT: the exponent; *significand gets the other half. */
struct f80 f80_extract(struct fp_env *e, struct f80 a, struct f80 *significand);

/* FPREM (nearest false) and FPREM1 (true), SDM vol. 2. *quotient gets the quotient's low bits;
 * *partial is set when the remainder is not complete (C2) and *quotient then means nothing. */
struct f80 f80_remainder(struct fp_env *e, struct f80 a, struct f80 b, bool nearest,
                         uint64_t *quotient, bool *partial);

/* quiet: only signalling NaNs are invalid (FUCOM). */
enum fp_relation f80_compare(struct fp_env *e, struct f80 a, struct f80 b, bool quiet);
enum fp_class f80_classify(struct f80 a);

struct f80 f80_from_f32(struct fp_env *e, uint32_t a);
struct f80 f80_from_f64(struct fp_env *e, uint64_t a);
struct f80 f80_from_int(int64_t a);
/* The same as an operand of arithmetic: a signalling NaN stays one, and a denormal is told instead
 * of raised. */
struct f80 f80_widen_f32(uint32_t a, bool *denormal);
struct f80 f80_widen_f64(uint64_t a, bool *denormal);
uint32_t f80_to_f32(struct fp_env *e, struct f80 a);
uint64_t f80_to_f64(struct fp_env *e, struct f80 a);
/* To a signed integer of bits (16, 32, 64) bits; the integer indefinite and FP_IE when it does not
 * fit. */
int64_t f80_to_int(struct fp_env *e, struct f80 a, unsigned bits);

/* Packed BCD: 18 digits in bytes 0..8, the sign in bit 7 of byte 9. */
struct f80 f80_from_bcd(const uint8_t bcd[10]);
void f80_to_bcd(struct fp_env *e, struct f80 a, uint8_t bcd[10]);

/* Constants as FLDPI and the like load them, rounded as e says. */
enum fp_constant { FP_LOG2_10, FP_LOG2_E, FP_PI, FP_LOG10_2, FP_LN_2 };
struct f80 f80_constant(const struct fp_env *e, enum fp_constant which);

/* Transcendental functions: the error is below 1 ulp of the 64-bit result. Trigonometric ones
 * reduce with the x87's own 66-bit pi; their argument must be below 2^63 in magnitude, else
 * *out_of_range is set and nothing else (C2). */
struct f80 f80_f2xm1(struct fp_env *e, struct f80 x);
struct f80 f80_yl2x(struct fp_env *e, struct f80 y, struct f80 x);
struct f80 f80_yl2xp1(struct fp_env *e, struct f80 y, struct f80 x);
struct f80 f80_atan2(struct fp_env *e, struct f80 y, struct f80 x);
/* Sine and/or cosine: a NULL result is not computed. */
void f80_sin_cos(struct fp_env *e, struct f80 x, struct f80 *sine, struct f80 *cosine,
                 bool *out_of_range);
struct f80 f80_tan(struct fp_env *e, struct f80 x, bool *out_of_range);

/* --- single and double (SSE, SSE2) ---------------------------------------------------------- */

enum fp_op { FP_ADD, FP_SUB, FP_MUL, FP_DIV, FP_MIN, FP_MAX };

uint32_t f32_arith(struct fp_env *e, enum fp_op op, uint32_t a, uint32_t b);
uint64_t f64_arith(struct fp_env *e, enum fp_op op, uint64_t a, uint64_t b);
uint32_t f32_sqrt(struct fp_env *e, uint32_t a);
uint64_t f64_sqrt(struct fp_env *e, uint64_t a);
enum fp_relation f32_compare(struct fp_env *e, uint32_t a, uint32_t b, bool quiet);
enum fp_relation f64_compare(struct fp_env *e, uint64_t a, uint64_t b, bool quiet);
uint64_t f64_from_f32(struct fp_env *e, uint32_t a);
uint32_t f32_from_f64(struct fp_env *e, uint64_t a);
uint32_t f32_from_int(struct fp_env *e, int64_t a);
/* bits is 32 or 64; as f80_to_int. */
int64_t f32_to_int(struct fp_env *e, uint32_t a, unsigned bits);
int64_t f64_to_int(struct fp_env *e, uint64_t a, unsigned bits);

#endif
