/* x87 loads and stores: real, integer, BCD; constants; register copies. */
#include "cpu/interp/x87.h"

/* A loaded value is pushed even when it raised an unmasked denormal exception. */
static inline void push_loaded(struct vcpu *c, const struct fp_env *e, struct f80 v)
{
    if (unlikely(e->raised & ~e->masked & FP_DE) && x87_is_empty(&c->x87, 7)) {
        x87_unmasked(c, FP_DE);
        x87_push(&c->x87, v);
    } else {
        x87_push_result(c, e, v);
    }
}

#define LOAD(name, escape, T, load, convert) \
    HANDLER(name)                            \
    {                                        \
        x87_enter(c, i);                     \
        uint32_t ea = insn_ea(c, i);         \
        T v = (T)load(c, i, i->seg, ea);     \
        x87_note_mem(c, i, escape, ea);      \
        struct fp_env env, *e = &env;        \
        x87_env(c, e);                       \
        (void)e;                             \
        struct f80 r = convert;              \
        push_loaded(c, &env, r);             \
    }
LOAD(fld_m32, 0xD9, uint32_t, load32, f80_from_f32(e, v))
LOAD(fld_m64, 0xDD, uint64_t, load64, f80_from_f64(e, v))
LOAD(fild_m16, 0xDF, int16_t, load16, f80_from_int(v))
LOAD(fild_m32, 0xDB, int32_t, load32, f80_from_int(v))
LOAD(fild_m64, 0xDF, int64_t, load64, f80_from_int(v))

HANDLER(fld_m80)
{
    struct f80 v;
    x87_enter(c, i);
    uint32_t ea = insn_ea(c, i);
    v.sig = load64(c, i, i->seg, ea);
    v.se = load16(c, i, i->seg, ea + 8);
    x87_note_mem(c, i, 0xDB, ea);
    struct fp_env e;
    x87_env(c, &e);
    x87_push_result(c, &e, v);
}

HANDLER(fbld)
{
    uint8_t bcd[10];
    x87_enter(c, i);
    uint32_t ea = insn_ea(c, i);
    store_le64(bcd, load64(c, i, i->seg, ea));
    store_le16(bcd + 8, load16(c, i, i->seg, ea + 8));
    x87_note_mem(c, i, 0xDF, ea);
    struct fp_env e;
    x87_env(c, &e);
    x87_push_result(c, &e, f80_from_bcd(bcd));
}

HANDLER(fld_st)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    struct f80 v = x87_get(f, i->rm);
    if (unlikely(x87_is_empty(f, i->rm))) {
        if (x87_stack_fault(c, false))
            x87_push(f, F80_DEFAULT_NAN);
        return;
    }
    struct fp_env e;
    x87_env(c, &e);
    x87_push_result(c, &e, v);
}

#define CONSTANT(name, value)          \
    HANDLER(name)                      \
    {                                  \
        x87_enter(c, i);               \
        x87_note(c, i, 0xD9);          \
        struct fp_env e;               \
        x87_env(c, &e);                \
        x87_push_result(c, &e, value); \
    }
CONSTANT(fld1, ((struct f80){F80_INTEGER_BIT, 16383}))
CONSTANT(fldz, ((struct f80){0, 0}))
CONSTANT(fldl2t, f80_constant(&e, FP_LOG2_10))
CONSTANT(fldl2e, f80_constant(&e, FP_LOG2_E))
CONSTANT(fldpi, f80_constant(&e, FP_PI))
CONSTANT(fldlg2, f80_constant(&e, FP_LOG10_2))
CONSTANT(fldln2, f80_constant(&e, FP_LN_2))

/* --- stores ---------------------------------------------------------------------------------- */

/* An unmasked exception other than precision leaves memory alone, and nothing is popped. */
static inline bool is_stored(const struct fp_env *e)
{
    return !(e->raised & ~e->masked & (FP_ALL & ~FP_PE));
}

/* After the store: flags, pop. What was not stored was not rounded either. */
static inline void finish_store(struct vcpu *c, struct fp_env *e, bool pop)
{
    bool stored = is_stored(e);
    if (unlikely(!stored))
        e->raised &= ~(uint32_t)(FP_PE | FP_C1);
    x87_finish(c, e);
    if (pop && likely(stored))
        x87_pop(&c->x87);
}

/* What is not stored for an unmasked exception must still be a place that can be written: that
 * fault comes first (SDM vol. 3, table 6-2; AMD's chips do so). */
static void check_store(struct vcpu *c, const struct insn *i, uint32_t ea, unsigned size)
{
    if (size > 10) /* sizeof(struct f80) */
        size = 10;
    access_prepare_rmw(c, i, i->seg, ea, size < 8 ? size : 8);
    if (size == 10)
        access_prepare_rmw(c, i, i->seg, ea + 8, 2);
}

/* ST0 is empty: stores indefinite when that is masked. The memory write may still fault, so it
 * comes before the state changes. */
#define STORE(name, escape, T, store, convert, indefinite, pop) \
    HANDLER(name)                                               \
    {                                                           \
        struct x87 *f = &c->x87;                                \
        x87_enter(c, i);                                        \
        uint32_t ea = insn_ea(c, i);                            \
        if (unlikely(x87_is_empty(f, 0))) {                     \
            bool masked = f->control & FP_IE;                   \
            if (masked)                                         \
                store(c, i, i->seg, ea, indefinite);            \
            else                                                \
                check_store(c, i, ea, sizeof(T));               \
            x87_note_mem(c, i, escape, ea);                     \
            x87_stack_fault(c, false);                          \
            if (pop && masked)                                  \
                x87_pop(f);                                     \
            return;                                             \
        }                                                       \
        struct fp_env env, *e = &env;                           \
        x87_env(c, e);                                          \
        struct f80 a = x87_get(f, 0);                           \
        T v = (T)convert;                                       \
        if (likely(is_stored(e)))                               \
            store(c, i, i->seg, ea, v);                         \
        else                                                    \
            check_store(c, i, ea, sizeof(T));                   \
        x87_note_mem(c, i, escape, ea);                         \
        finish_store(c, e, pop);                                \
    }

static inline struct fp_env *truncating(struct fp_env *e)
{
    e->rounding = FP_TRUNCATE;
    return e;
}

STORE(fst_m32, 0xD9, uint32_t, store32, f80_to_f32(e, a), F32_DEFAULT_NAN, false)
STORE(fstp_m32, 0xD9, uint32_t, store32, f80_to_f32(e, a), F32_DEFAULT_NAN, true)
STORE(fst_m64, 0xDD, uint64_t, store64, f80_to_f64(e, a), F64_DEFAULT_NAN, false)
STORE(fstp_m64, 0xDD, uint64_t, store64, f80_to_f64(e, a), F64_DEFAULT_NAN, true)
STORE(fist_m16, 0xDF, uint16_t, store16, f80_to_int(e, a, 16), 0x8000, false)
STORE(fistp_m16, 0xDF, uint16_t, store16, f80_to_int(e, a, 16), 0x8000, true)
STORE(fisttp_m16, 0xDF, uint16_t, store16, f80_to_int(truncating(e), a, 16), 0x8000, true)
STORE(fist_m32, 0xDB, uint32_t, store32, f80_to_int(e, a, 32), UINT32_C(0x80000000), false)
STORE(fistp_m32, 0xDB, uint32_t, store32, f80_to_int(e, a, 32), UINT32_C(0x80000000), true)
STORE(fisttp_m32, 0xDB, uint32_t, store32, f80_to_int(truncating(e), a, 32), UINT32_C(0x80000000),
      true)
STORE(fistp_m64, 0xDF, uint64_t, store64, f80_to_int(e, a, 64), F80_INTEGER_BIT, true)
STORE(fisttp_m64, 0xDD, uint64_t, store64, f80_to_int(truncating(e), a, 64), F80_INTEGER_BIT, true)

/* Both parts are checked before either is stored. */
static void store80(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t ea, struct f80 v)
{
    check_store(c, i, ea, sizeof v);
    store64(c, i, seg, ea, v.sig);
    store16(c, i, seg, ea + 8, v.se);
}

static struct f80 bcd_of(struct fp_env *e, struct f80 a)
{
    uint8_t bcd[10];
    f80_to_bcd(e, a, bcd);
    return (struct f80){load_le64(bcd), load_le16(bcd + 8)};
}

#define BCD_INDEFINITE ((struct f80){UINT64_C(0xC000000000000000), 0xFFFF})
#define IDENTITY(x)    x
STORE(fstp_m80, 0xDB, struct f80, store80, IDENTITY(a), F80_DEFAULT_NAN, true)
STORE(fbstp, 0xDF, struct f80, store80, bcd_of(e, a), BCD_INDEFINITE, true)

static inline void store_register(struct vcpu *c, const struct insn *i, unsigned escape, bool pop)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, escape);
    struct f80 v = x87_get(f, 0);
    if (unlikely(x87_is_empty(f, 0))) {
        if (!x87_stack_fault(c, false))
            return;
        v = F80_DEFAULT_NAN;
    } else {
        f->status &= (uint16_t)~SW_C1;
    }
    x87_write(f, i->rm, v);
    if (pop)
        x87_pop(f);
}

HANDLER(fst_st)
{
    store_register(c, i, 0xDD, false);
}

HANDLER(fstp_st)
{
    store_register(c, i, 0xDD, true);
}

HANDLER(fstp_st_df) /* an alias: its own last opcode */
{
    store_register(c, i, 0xDF, true);
}

/* D9 D8+i, undocumented: as FSTP, but an empty ST0 is no stack fault and is just popped (as an AMD
 * Zen does). */
HANDLER(fstp1)
{
    struct x87 *f = &c->x87;
    x87_enter(c, i);
    x87_note(c, i, 0xD9);
    f->status &= (uint16_t)~SW_C1;
    if (!x87_is_empty(f, 0))
        x87_write(f, i->rm, x87_get(f, 0));
    x87_pop(f);
}
