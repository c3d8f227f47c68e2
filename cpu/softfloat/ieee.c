/* Single and double for SSE, in integers: what cpu/interp does when the host's own arithmetic does
 * not say all that is asked (exceptions, other rounding modes, NaNs, denormals). */
#include "cpu/softfloat/num.h"

/* The 32 and 64-bit functions differ in the constants only. */
#define IEEE_FUNCTIONS(F, T, QUIET_BIT, DEFAULT_NAN)                                            \
    /* The NaN of an operation: the first operand's, else the second's, made quiet (SDM vol. 1, \
     * table 4-7). */                                                                           \
    static T F##_nan(struct fp_env *e, T a, struct num na, T b, struct num nb)                  \
    {                                                                                           \
        if (na.kind == KIND_SNAN || nb.kind == KIND_SNAN)                                       \
            e->raised |= FP_IE;                                                                 \
        return (na.kind >= KIND_QNAN ? a : b) | (QUIET_BIT);                                    \
    }                                                                                           \
                                                                                                \
    /* MINPS, MAXPS: the second operand when either is a NaN or both are zeros. */              \
    static T F##_min_max(struct fp_env *e, bool max, T a, struct num na, T b, struct num nb)    \
    {                                                                                           \
        enum fp_relation r = num_compare(e, na, nb, false);                                     \
        bool first = max ? r == FP_GREATER : r == FP_LESS;                                      \
        struct num n = first ? na : nb;                                                         \
        T sign = (T)1 << (sizeof(T) * 8 - 1);                                                   \
        if (n.kind == KIND_ZERO) /* DAZ may have made it one */                                 \
            return n.sign ? sign : 0;                                                           \
        return first ? a : b;                                                                   \
    }                                                                                           \
                                                                                                \
    T F##_arith(struct fp_env *e, enum fp_op op, T a, T b)                                      \
    {                                                                                           \
        struct num na = num_from_##F(a, e->daz), nb = num_from_##F(b, e->daz);                  \
        if (op >= FP_MIN)                                                                       \
            return F##_min_max(e, op == FP_MAX, a, na, b, nb);                                  \
        if (na.kind >= KIND_QNAN || nb.kind >= KIND_QNAN)                                       \
            return F##_nan(e, a, na, b, nb);                                                    \
        switch (op) {                                                                           \
        case FP_SUB:                                                                            \
            nb.sign ^= 1;                                                                       \
            /* fall through */                                                                  \
        case FP_ADD:                                                                            \
            return F##_pack(e, exact_add(e, na, nb));                                           \
        case FP_MUL:                                                                            \
            return F##_pack(e, exact_mul(e, na, nb));                                           \
        default:                                                                                \
            return F##_pack(e, exact_div(e, na, nb));                                           \
        }                                                                                       \
    }                                                                                           \
                                                                                                \
    T F##_sqrt(struct fp_env *e, T a)                                                           \
    {                                                                                           \
        struct num n = num_from_##F(a, e->daz);                                                 \
        if (n.kind >= KIND_QNAN)                                                                \
            return F##_nan(e, a, n, a, n);                                                      \
        return F##_pack(e, exact_sqrt(e, n));                                                   \
    }                                                                                           \
                                                                                                \
    enum fp_relation F##_compare(struct fp_env *e, T a, T b, bool quiet)                        \
    {                                                                                           \
        return num_compare(e, num_from_##F(a, e->daz), num_from_##F(b, e->daz), quiet);         \
    }                                                                                           \
                                                                                                \
    int64_t F##_to_int(struct fp_env *e, T a, unsigned bits_)                                   \
    {                                                                                           \
        return num_to_int(e, num_from_##F(a, e->daz), bits_);                                   \
    }

IEEE_FUNCTIONS(f32, uint32_t, UINT32_C(0x00400000), F32_DEFAULT_NAN)
IEEE_FUNCTIONS(f64, uint64_t, UINT64_C(0x0008000000000000), F64_DEFAULT_NAN)

uint32_t f32_from_int(struct fp_env *e, int64_t a)
{
    if (a == 0)
        return 0;
    uint64_t m = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
    int shift = __builtin_clzll(m);
    return f32_pack(e, (struct exact){m << shift, 0, BIAS + 63 - shift, a < 0, KIND_FINITE});
}

uint64_t f64_from_f32(struct fp_env *e, uint32_t a)
{
    struct num n = num_from_f32(a, e->daz);
    if (n.kind >= KIND_QNAN) {
        if (n.kind == KIND_SNAN)
            e->raised |= FP_IE;
        return (uint64_t)n.sign << 63 | UINT64_C(0x7FF8000000000000) |
               (uint64_t)(a & 0x3FFFFF) << 29;
    }
    if (n.denormal)
        e->raised |= FP_DE;
    return f64_pack(e, (struct exact){n.sig, 0, n.exp, n.sign, n.kind});
}

uint32_t f32_from_f64(struct fp_env *e, uint64_t a)
{
    struct num n = num_from_f64(a, e->daz);
    if (n.kind >= KIND_QNAN) {
        if (n.kind == KIND_SNAN)
            e->raised |= FP_IE;
        return (uint32_t)n.sign << 31 | UINT32_C(0x7FC00000) |
               (uint32_t)((a & UINT64_C(0x0007FFFFFFFFFFFF)) >> 29);
    }
    if (n.denormal)
        e->raised |= FP_DE;
    return f32_pack(e, (struct exact){n.sig, 0, n.exp, n.sign, n.kind});
}
