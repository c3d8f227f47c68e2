/* x87, MMX and SSE in host code against the interpreter, whose arithmetic the tests of tests/cpu
 * hold against the host's: random programs of all forms, from random states, must leave the same
 * registers, status, tags, flags, memory and exceptions. Left out are the last instruction's
 * pointers, and the instructions that store them. */
#include "tests/cpu/fpgen.h"
#include "tests/cpu/harness.h"

#include <stdio.h>

#include "cpu/decode.h"
#include "translator/translator.h"

#define DATA       0x20000
#define DATA_BYTES 0x1100 /* over a page's end */
#define PROGRAMS   12000
#define INSNS      16

struct pair {
    struct machine reference, tested;
    const struct engine *engine;
    struct rng rng;
    uint8_t code[INSNS * 16];
    size_t len;
};

/* --- Making programs ------------------------------------------------------------------------- */

static bool has_fpu_operand(const struct opcode *row)
{
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        if (row->operands[n] >= OPND_ST0)
            return true;
    }
    return false;
}

static bool stores_pointers(unsigned row)
{
    return row == OPROW_x87_d9_m6 || row == OPROW_x87_dd_m6 || row == OPROW_fxsave;
}

static bool is_tested(unsigned n)
{
    const struct opcode *row = opcode_row(n);
    bool escape = row->map == MAP_1B && (row->opcode & 0xF8) == 0xD8;
    return (escape || has_fpu_operand(row) || n == OPROW_emms || n == OPROW_ldmxcsr ||
            n == OPROW_stmxcsr || n == OPROW_fxrstor || n == OPROW_fwait) &&
           !stores_pointers(n) && row->map <= MAP_0F;
}

static unsigned below(struct pair *p, unsigned n)
{
    return (unsigned)(rng_next(&p->rng) % n);
}

static void put8(struct pair *p, unsigned byte)
{
    p->code[p->len++] = (uint8_t)byte;
}

/* ModRM and an address in DATA: mostly aligned. */
static void put_operand(struct pair *p, const struct opcode *row)
{
    unsigned mod = row->form >> 2 & 3, v = below(p, 64);
    bool memory = mod == 1 || (mod == 0 && v & 1);
    unsigned reg = row->form & 1 << 4 ? row->form >> 5 & 7 : v >> 1 & 7;
    unsigned rm = row->form & 1 << 8 ? row->form >> 9 & 7 : below(p, 8);
    if (!memory) {
        put8(p, 0xC0 | reg << 3 | rm);
        return;
    }
    uint32_t at = DATA + below(p, DATA_BYTES - 32);
    if (below(p, 8))
        at &= ~15u;
    put8(p, reg << 3 | 5);
    for (unsigned n = 0; n < 4; n++)
        put8(p, at >> 8 * n & 0xFF);
}

static void put_insn(struct pair *p, unsigned n)
{
    static const uint8_t prefix[] = {[PFX_66] = 0x66, [PFX_F3] = 0xF3, [PFX_F2] = 0xF2};
    const struct opcode *row = opcode_row(n);
    if (row->prefix >= PFX_66)
        put8(p, prefix[row->prefix]);
    if (row->map == MAP_0F)
        put8(p, 0x0F);
    put8(p, row->opcode);
    if (row->form & MODRM)
        put_operand(p, row);
    for (unsigned k = 0; k < ARRAY_LEN(row->operands); k++) {
        if (row->operands[k] == OPND_Ib)
            put8(p, below(p, 256));
    }
}

static void make_program(struct pair *p, const uint16_t *rows, unsigned count)
{
    p->len = 0;
    for (unsigned n = 0; n < INSNS; n++) {
        if (below(p, 8) == 0)
            put8(p, 0x40 + below(p, 4)); /* INC: integer code between, and flags */
        else
            put_insn(p, rows[below(p, count)]);
    }
    put8(p, 0xF4);
}

/* --- States ---------------------------------------------------------------------------------- */

static uint64_t random_value(struct pair *p)
{
    uint64_t v = rng_next(&p->rng);
    switch (v & 7) {
    case 0:
    case 1:
    case 2:
        return gen_f64(&p->rng);
    case 3:
    case 4:
        return (uint64_t)gen_f32(&p->rng) << 32 | gen_f32(&p->rng);
    case 5:
        return UINT64_C(0x1234567890123456) & v;
    case 6:
        return gen_f80(&p->rng).sig;
    default:
        return v;
    }
}

/* Masked for the most part; sometimes an exception is unmasked, or pending. */
static void random_state(struct pair *p, struct vcpu *c)
{
    struct rng *r = &p->rng;
    bool masked = below(p, 8) != 0;
    c->x87.control =
        (uint16_t)(0x40 | (rng_next(r) & 0x1F00) | (masked ? 0x3F : rng_next(r) & 0x3F));
    c->x87.status = (uint16_t)(rng_next(r) & 0x477F);
    if (masked || below(p, 2))
        c->x87.status &= 0x4740;
    if (c->x87.status & ~c->x87.control & 0x3F)
        c->x87.status |= 0x8080;
    c->x87.top = (uint8_t)below(p, 8);
    c->x87.tag_empty = below(p, 3) ? (uint8_t)(rng_next(r) & rng_next(r)) : (uint8_t)rng_next(r);
    for (unsigned n = 0; n < 8; n++) {
        c->x87.reg[n] = gen_f80(r);
        c->xmm[n].q[0] = random_value(p);
        c->xmm[n].q[1] = random_value(p);
        if (n != ESP)
            c->reg[n].q = (uint32_t)random_value(p);
    }
    c->reg[EDI].q = DATA + below(p, DATA_BYTES - 32); /* where MASKMOVQ writes */
    c->mxcsr = (uint32_t)(rng_next(r) & 0xE07F) | 0x1F80;
    if (!below(p, 8))
        c->mxcsr = (uint32_t)(rng_next(r) & 0xFFFF);
    if (below(p, 2))
        c->mxcsr &= 0x1FBF; /* as most programs have it */
    flags_set(c, (uint32_t)rng_next(r) & FLAGS_ARITH, FLAGS_ARITH);
    c->reg[ESP].q = 0x6F00;
    c->eip = CODE;
    c->halted = false;
    c->cur = NULL;
}

static void copy_state(struct vcpu *to, const struct vcpu *from)
{
    to->x87 = from->x87;
    memcpy(to->xmm, from->xmm, sizeof to->xmm);
    to->mxcsr = from->mxcsr;
    memcpy(to->reg, from->reg, sizeof to->reg);
    flags_set_arith(to, flags_arith(from));
    to->eip = from->eip;
    to->halted = false;
    to->cur = NULL;
}

static void randomize(struct pair *p)
{
    for (uint32_t at = 0; at < DATA_BYTES; at += 8) {
        uint64_t v = random_value(p);
        put(&p->reference, DATA + at, v, 8);
        put(&p->tested, DATA + at, v, 8);
    }
    random_state(p, p->reference.c);
    copy_state(p->tested.c, p->reference.c);
}

/* --- Comparing ------------------------------------------------------------------------------- */

static void describe(const struct pair *p, char *out, size_t size)
{
    struct decoder *d = calloc(1, sizeof *d);
    decoder_init(d, CPU_P4, p->tested.c->features);
    size_t n = 0;
    for (size_t at = 0; at < p->len && n + 40 < size;) {
        struct insn i;
        char name[20];
        if (decode_insn(d, p->code + at, p->len - at, true, &i) != DECODE_OK)
            break;
        insn_mnemonic(&i, name);
        n += (size_t)snprintf(out + n, size - n, " %s%s", name, insn_is_mem(&i) ? "[]" : "");
        at += i.len;
    }
    free(d);
}

static void fail_with(const struct pair *p, const char *what, uint64_t reference, uint64_t tested)
{
    char text[1000] = "";
    describe(p, text, sizeof text);
    ck_abort_msg("%s: %llx, translated %llx; eip %x, %x; after%s", what,
                 (unsigned long long)reference, (unsigned long long)tested,
                 (unsigned)p->reference.c->eip, (unsigned)p->tested.c->eip, text);
}

#define SAME(what, a, b)                  \
    do {                                  \
        if ((a) != (b))                   \
            fail_with(p, what, (a), (b)); \
    } while (0)

static void compare(const struct pair *p)
{
    const struct vcpu *a = p->reference.c, *b = p->tested.c;
    SAME("eip", a->eip, b->eip);
    SAME("instructions", a->insns, b->insns);
    SAME("eflags", flags_arith(a), flags_arith(b));
    SAME("control", a->x87.control, b->x87.control);
    SAME("status", a->x87.status, b->x87.status);
    SAME("top", a->x87.top, b->x87.top);
    SAME("tags", a->x87.tag_empty, b->x87.tag_empty);
    SAME("mxcsr", a->mxcsr, b->mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        SAME("reg", a->reg[n].d, b->reg[n].d);
        SAME("significand", a->x87.reg[n].sig, b->x87.reg[n].sig);
        SAME("exponent", a->x87.reg[n].se, b->x87.reg[n].se);
        SAME("xmm low", a->xmm[n].q[0], b->xmm[n].q[0]);
        SAME("xmm high", a->xmm[n].q[1], b->xmm[n].q[1]);
    }
    for (uint32_t at = 0; at < DATA_BYTES; at += 8)
        SAME("memory", load_le64(p->reference.ram + DATA + at),
             load_le64(p->tested.ram + DATA + at));
}

static void pair_create(struct pair *p, enum shadow_form shadow)
{
    *p = (struct pair){.rng.s = 1, .engine = engine_find("translate")};
    const struct engine_tuning tuning = {.shadow = shadow, .eager = true, .exact_fpu = true};
    machine_create(&p->reference, CPU_P4);
    machine_create(&p->tested, CPU_P4);
    machine_protect(&p->reference);
    machine_protect(&p->tested);
    struct machine *both[] = {&p->reference, &p->tested};
    for (unsigned n = 0; n < 2; n++) {
        both[n]->c->cr0 |= CR0_NE;
        both[n]->c->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    }
    ck_assert(p->engine->attach(p->tested.c, &tuning));
}

static void pair_destroy(struct pair *p)
{
    p->engine->detach(p->tested.c);
    machine_destroy(&p->reference);
    machine_destroy(&p->tested);
}

static void run_both(struct pair *p)
{
    physmap_poke(p->reference.pm, CODE, p->code, p->len);
    physmap_poke(p->tested.pm, CODE, p->code, p->len);
    ck_assert_int_eq(interp_run(p->reference.c, 1000), EXIT_HALT);
    enum vcpu_exit why; /* at once, or in pieces */
    do {
        why = p->engine->run(p->tested.c, 1 + below(p, 2) * below(p, 2) * 1000 + below(p, INSNS));
    } while (why == EXIT_BUDGET);
    ck_assert_int_eq(why, EXIT_HALT);
    compare(p);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void random_programs(enum shadow_form shadow, bool x87_alone)
{
    struct pair p;
    pair_create(&p, shadow);
    uint16_t rows[OPCODE_ROWS];
    unsigned count = 0;
    for (unsigned n = 0; n < OPCODE_ROWS; n++) {
        bool escape = opcode_row(n)->map == MAP_1B;
        if (is_tested(n) && (!x87_alone || escape))
            rows[count++] = (uint16_t)n;
    }
    ck_assert_uint_gt(count, x87_alone ? 100 : 300);
    for (unsigned n = 0; n < PROGRAMS; n++) {
        randomize(&p);
        make_program(&p, rows, count);
        run_both(&p);
    }
    const struct translator *t = p.tested.c->translated.translator;
    ck_assert_uint_gt(t->counters.fpu_loads, PROGRAMS / 4);
    ck_assert_uint_lt(t->counters.helped, PROGRAMS * INSNS / 3);
    pair_destroy(&p);
}

START_TEST(x87_through_the_soft_tlb)
{
    random_programs(SHADOW_SOFT, true);
}
END_TEST

START_TEST(all_through_the_soft_tlb)
{
    random_programs(SHADOW_SOFT, false);
}
END_TEST

START_TEST(all_through_windows)
{
    random_programs(SHADOW_WINDOW, false);
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        puts("SKIP: this host has no translator");
        return 77;
    }
    const TTest *const tests[] = {x87_through_the_soft_tlb, all_through_the_soft_tlb,
                                  all_through_windows};
    return run_tests("fpu", tests, ARRAY_LEN(tests));
}
