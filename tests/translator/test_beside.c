/* Stores beside code (docs/translator.md, "Code that changes"): programs keep data, or their stack,
 * in pages that hold code. An instruction that goes on doing so is made anew to look at the bits of
 * the bytes it writes: those beside code are written without a word, and those of code never are.
 *
 * Each round of a loop stores in the page of the function f, mostly beside it, now and then into
 * it, or in a page without code, and calls f:
 *
 *              EDI, other each round                  f: xor al, 1 / nop / ret
 *     ..... [ store of 1 to 108 bytes ] ............. | 34 01 90 C3 | ...........
 *
 * What is stored is made of the bytes 04 01 90 C3, so that what f becomes is code, too. */
#include "cpu/stops.h"
#include "tests/translator/guest.h"

#define F         0x100800
#define F_BYTES   4
#define PLACES    0x120000 /* EDI of each round, the last one first */
#define ELSEWHERE 0x50000  /* so far behind, in a page without code, in a quarter of the rounds */
#define SOURCE    0x121000 /* operands: see prepare */
#define STACK_1   0x130000
#define ROUNDS    400
#define CALM      20 /* rounds at the start and the end that store beside f only */
#define OFTEN     60 /* times that the handler may run: at first, and when f changes */

/* What runs the store once it is known to be beside code. */
enum how { IN_HOST_CODE, IN_C, BY_HANDLER };

struct form {
    const char *name;
    enum how how;
    unsigned op;   /* its row */
    unsigned size; /* bytes that it writes from EDI on */
    unsigned align;
    uint8_t before[16], before_len; /* instructions that come before it in each round */
    uint8_t insn[8], insn_len;      /* it, and what follows */
    bool other;                     /* it does not write the bytes of SOURCE, but ends with: */
    uint8_t last[4];                /* NO: anything */
    bool user;                      /* a program may do it */
};

#define BEFORE(...)    .before = {__VA_ARGS__}, .before_len = sizeof((uint8_t[]){__VA_ARGS__})
#define INSN(...)      .insn = {__VA_ARGS__}, .insn_len = sizeof((uint8_t[]){__VA_ARGS__})
#define LAST(...)      .other = true, .last = {__VA_ARGS__}
#define NO             0xF4
#define AT_SOURCE(n)   (n), 0x10, 0x12, 0x00
#define STACK_AT(n)    0x8D, 0x67, (n)                    /* lea esp, [edi+n] */
#define EDX_IS_PATTERN 0xBA, 0x04, 0x01, 0x90, 0xC3       /* mov edx, C3900104h */
#define TO_PATTERN     0xC7, 0x07, 0x04, 0x01, 0x90, 0xC3 /* mov dword [edi], C3900104h */
#define TO_PATTERN_4   0x66, 0xC7, 0x47, 0x04, 0x04, 0x01 /* mov word [edi+4], 104h */
#define ECX_IS_PATTERN 0x89, 0xCB, 0xB9, 0x04, 0x01, 0x90, 0xC3
/* mov edx, ecx / and edx, 30h / or dl, 4 / mov [imm], dl: that of what follows */
#define CONSTANT_CHANGES                                                            \
    0x89, 0xCA, 0x83, 0xE2, 0x30, 0x80, 0xCA, 0x04, 0x88, 0x15, (CODE + 33) & 0xFF, \
        CODE >> 8 & 0xFF, CODE >> 16 & 0xFF, 0
#define XMM_LOADED  BEFORE(0x0F, 0x10, 0x05, AT_SOURCE(0)) /* movups xmm0, [SOURCE] */
#define MMX_LOADED  BEFORE(0x0F, 0x6F, 0x05, AT_SOURCE(0)) /* movq mm0, [SOURCE] */
#define ECX_KEPT(n) 0x89, 0xCB, 0xB9, (n), 0, 0, 0         /* mov ebx, ecx / mov ecx, n */
#define LOAD(e, n)  BEFORE(e, (n) << 3 | 5, AT_SOURCE(0))  /* fld, fild */
#define EMMS        0x0F, 0x77
#define FPOP        0xDD, 0xD8
#define ECX_BACK    0x89, 0xD9

static const struct form forms[] = {
    /* clang-format off */
    {"mov [edi], dl", IN_HOST_CODE, OPROW_mov_eb_gb, 1, 1, BEFORE(EDX_IS_PATTERN), INSN(0x88, 0x17), .user = true},
    {"mov [edi], dx", IN_HOST_CODE, OPROW_mov_ev_gv, 2, 1, BEFORE(EDX_IS_PATTERN), INSN(0x66, 0x89, 0x17), .user = true},
    {"mov [edi], edx", IN_HOST_CODE, OPROW_mov_ev_gv, 4, 1, BEFORE(EDX_IS_PATTERN), INSN(0x89, 0x17), .user = true},
    {"mov [edi], cl", IN_HOST_CODE, OPROW_mov_eb_gb, 1, 1, BEFORE(ECX_IS_PATTERN), INSN(0x88, 0x0F, ECX_BACK), .user = true},
    {"mov [edi], ch", IN_HOST_CODE, OPROW_mov_eb_gb, 1, 1, BEFORE(ECX_IS_PATTERN), INSN(0x88, 0x2F, ECX_BACK), LAST(NO, NO, NO, 0x01), .user = true},
    {"mov [edi], dh", IN_HOST_CODE, OPROW_mov_eb_gb, 1, 1, BEFORE(EDX_IS_PATTERN), INSN(0x88, 0x37), LAST(NO, NO, NO, 0x01), .user = true},
    {"mov [edi], cx", IN_HOST_CODE, OPROW_mov_ev_gv, 2, 1, BEFORE(ECX_IS_PATTERN), INSN(0x66, 0x89, 0x0F, ECX_BACK), .user = true},
    {"mov [edi], ecx", IN_HOST_CODE, OPROW_mov_ev_gv, 4, 1, BEFORE(ECX_IS_PATTERN), INSN(0x89, 0x0F, ECX_BACK), .user = true},
    {"mov [edi], esp", IN_HOST_CODE, OPROW_mov_ev_gv, 4, 1, BEFORE(0xBC, 0x04, 0x01, 0x90, 0xC3), INSN(0x89, 0x27), .user = true},
    {"mov [edi], imm8", IN_HOST_CODE, OPROW_mov_eb_ib, 1, 1, BEFORE(0x90), INSN(0xC6, 0x07, 0x04), .user = true},
    {"mov [edi], imm16", IN_HOST_CODE, OPROW_mov_ev_iv, 2, 1, BEFORE(0x90), INSN(0x66, 0xC7, 0x07, 0x04, 0x01), .user = true},
    {"mov [edi], imm32", IN_HOST_CODE, OPROW_mov_ev_iv, 4, 1, BEFORE(0x90), INSN(TO_PATTERN), .user = true},
    {"mov [edi], imm32 that changes", IN_HOST_CODE, OPROW_mov_ev_iv, 4, 1, BEFORE(CONSTANT_CHANGES), INSN(TO_PATTERN), .user = true},
    {"mov [edi], ds", IN_HOST_CODE, OPROW_mov_ew_s3, 2, 1, INSN(0x8C, 0x1F), LAST(NO, NO, NO, 0), .user = true},
    {"setc [edi]", IN_HOST_CODE, OPROW_setb, 1, 1, BEFORE(0xF9), INSN(0x0F, 0x92, 0x07), LAST(NO, NO, NO, 1), .user = true},
    {"add [edi], edx", IN_HOST_CODE, OPROW_add_ev_gv, 4, 1, BEFORE(EDX_IS_PATTERN), INSN(0x01, 0x17), LAST(NO, NO, NO, NO), .user = true},
    {"xchg [edi], edx", IN_HOST_CODE, OPROW_xchg_ev_gv, 4, 1, BEFORE(EDX_IS_PATTERN), INSN(0x87, 0x17), .user = true},
    {"bts [edi], ecx", IN_C, OPROW_bts_ev_gv, 80, 1, INSN(0x0F, 0xAB, 0x0F), LAST(NO, NO, NO, NO), .user = true},
    {"push edx", IN_HOST_CODE, OPROW_push_zv, 4, 1, BEFORE(EDX_IS_PATTERN, STACK_AT(4)), INSN(0x52), .user = true},
    {"push dx", IN_HOST_CODE, OPROW_push_zv, 2, 1, BEFORE(EDX_IS_PATTERN, STACK_AT(2)), INSN(0x66, 0x52), .user = true},
    {"push imm", IN_HOST_CODE, OPROW_push_iv, 4, 1, BEFORE(STACK_AT(4)), INSN(0x68, 0x04, 0x01, 0x90, 0xC3), .user = true},
    {"push [SOURCE]", IN_HOST_CODE, OPROW_push_ev, 4, 1, BEFORE(STACK_AT(4)), INSN(0xFF, 0x35, AT_SOURCE(0)), .user = true},
    {"pop [edi]", IN_C, OPROW_pop_ev, 4, 1, BEFORE(0xFF, 0x35, AT_SOURCE(0)), INSN(0x8F, 0x07), .user = true},
    {"pushfd", IN_C, OPROW_pushf, 4, 1, BEFORE(STACK_AT(4)), INSN(0x9C), LAST(NO, NO, 0, 0), .user = true},
    {"call", IN_HOST_CODE, OPROW_call_jv, 4, 1, BEFORE(STACK_AT(4)), INSN(0xE8, 1, 0, 0, 0, 0x90), LAST(NO, NO, 0, 0), .user = true},
    {"pusha", IN_C, OPROW_pusha, 32, 1, BEFORE(STACK_AT(32)), INSN(0x60), LAST(NO, 0x01, 0x90, 0xC3), .user = true},
    {"pusha, 16 bits", IN_C, OPROW_pusha, 16, 1, BEFORE(STACK_AT(16)), INSN(0x66, 0x60), LAST(NO, NO, NO, 0x01), .user = true},
    {"popa", IN_C, OPROW_popa, 32, 1, BEFORE(STACK_AT(32), 0x60), INSN(0x61), LAST(NO, 0x01, 0x90, 0xC3), .user = true},
    {"popa, 16 bits", IN_C, OPROW_popa, 16, 1, BEFORE(STACK_AT(16), 0x66, 0x60), INSN(0x66, 0x61), LAST(NO, NO, NO, 0x01), .user = true},
    {"lgdt", IN_C, OPROW_lgdt, 6, 1, BEFORE(TO_PATTERN, TO_PATTERN_4), INSN(0x0F, 0x01, 0x17)},
    {"lgdt, 16 bits", IN_C, OPROW_lgdt, 6, 1, BEFORE(TO_PATTERN, TO_PATTERN_4), INSN(0x66, 0x0F, 0x01, 0x17)},
    {"lidt", IN_C, OPROW_lidt, 6, 1, BEFORE(TO_PATTERN, TO_PATTERN_4), INSN(0x0F, 0x01, 0x1F)},
    {"sgdt", BY_HANDLER, OPROW_sgdt, 6, 1, INSN(0x0F, 0x01, 0x07), LAST(NO, NO, NO, 0), .user = true},
    {"sidt", BY_HANDLER, OPROW_sidt, 6, 1, INSN(0x0F, 0x01, 0x0F), LAST(NO, NO, NO, 0), .user = true},
    {"stosd", IN_HOST_CODE, OPROW_stosv, 4, 1, INSN(0xAB), LAST(NO, 0x01, 0x90, 0xC3), .user = true},
    {"movsd", IN_HOST_CODE, OPROW_movsv, 4, 1, BEFORE(0xBE, AT_SOURCE(0)), INSN(0xA5), .user = true},
    {"rep stosd", BY_HANDLER, OPROW_stosv, 16, 1, BEFORE(ECX_KEPT(4)), INSN(0xF3, 0xAB, ECX_BACK), LAST(NO, 0x01, 0x90, 0xC3), .user = true},
    {"rep movsb", BY_HANDLER, OPROW_movsb, 9, 1, BEFORE(0xBE, AT_SOURCE(0), ECX_KEPT(9)), INSN(0xF3, 0xA4, ECX_BACK), .user = true},
    {"fst dword", IN_HOST_CODE, OPROW_x87_d9_m2, 4, 1, LOAD(0xD9, 0), INSN(0xD9, 0x17, FPOP), .user = true},
    {"fstp dword", IN_HOST_CODE, OPROW_x87_d9_m3, 4, 1, LOAD(0xD9, 0), INSN(0xD9, 0x1F), .user = true},
    {"fst qword", IN_HOST_CODE, OPROW_x87_dd_m2, 8, 1, LOAD(0xDD, 0), INSN(0xDD, 0x17, FPOP), .user = true},
    {"fstp qword", IN_HOST_CODE, OPROW_x87_dd_m3, 8, 1, LOAD(0xDD, 0), INSN(0xDD, 0x1F), .user = true},
    {"fstp tword", IN_HOST_CODE, OPROW_x87_db_m7, 10, 1, LOAD(0xDB, 5), INSN(0xDB, 0x3F), .user = true},
    {"fistp word", IN_HOST_CODE, OPROW_x87_df_m3, 2, 1, LOAD(0xDF, 0), INSN(0xDF, 0x1F), .user = true},
    {"fist dword", IN_HOST_CODE, OPROW_x87_db_m2, 4, 1, LOAD(0xDB, 0), INSN(0xDB, 0x17, FPOP), .user = true},
    {"fistp qword", IN_HOST_CODE, OPROW_x87_df_m7, 8, 1, LOAD(0xDF, 5), INSN(0xDF, 0x3F), .user = true},
    {"fbstp", IN_HOST_CODE, OPROW_x87_df_m6, 10, 1, BEFORE(0xDF, 0x25, AT_SOURCE(16)), INSN(0xDF, 0x37), LAST(NO, NO, NO, 0), .user = true},
    {"fnstcw", IN_HOST_CODE, OPROW_x87_d9_m7, 2, 1, BEFORE(0xD9, 0x2D, AT_SOURCE(32)), INSN(0xD9, 0x3F), LAST(NO, NO, NO, 0x04), .user = true},
    {"fnstsw", IN_HOST_CODE, OPROW_x87_dd_m7, 2, 1, INSN(0xDD, 0x3F), LAST(NO, NO, NO, 0), .user = true},
    {"fnsave", BY_HANDLER, OPROW_x87_dd_m6, 108, 1, BEFORE(0xDB, 0xE3), INSN(0xDD, 0x37), LAST(NO, NO, NO, 0), .user = true},
    {"movd [edi], mm0", IN_HOST_CODE, OPROW_movd_mmx_to, 4, 1, MMX_LOADED, INSN(0x0F, 0x7E, 0x07, EMMS), .user = true},
    {"movq [edi], mm0", IN_HOST_CODE, OPROW_movq_mmx_to, 8, 1, MMX_LOADED, INSN(0x0F, 0x7F, 0x07, EMMS), .user = true},
    {"movss", IN_HOST_CODE, OPROW_movss_to, 4, 1, XMM_LOADED, INSN(0xF3, 0x0F, 0x11, 0x07), .user = true},
    {"movsd [edi], xmm0", IN_HOST_CODE, OPROW_movsd_to, 8, 1, XMM_LOADED, INSN(0xF2, 0x0F, 0x11, 0x07), .user = true},
    {"movhps", IN_HOST_CODE, OPROW_movhps_to, 8, 1, XMM_LOADED, INSN(0x0F, 0x17, 0x07), .user = true},
    {"movd [edi], xmm0", IN_HOST_CODE, OPROW_movd_sse_to, 4, 1, XMM_LOADED, INSN(0x66, 0x0F, 0x7E, 0x07), .user = true},
    {"movq [edi], xmm0", IN_HOST_CODE, OPROW_movq_sse_to, 8, 1, XMM_LOADED, INSN(0x66, 0x0F, 0xD6, 0x07), .user = true},
    {"movups", IN_HOST_CODE, OPROW_movups_to, 16, 1, XMM_LOADED, INSN(0x0F, 0x11, 0x07), .user = true},
    {"movaps", IN_HOST_CODE, OPROW_movaps_to, 16, 16, XMM_LOADED, INSN(0x0F, 0x29, 0x07), .user = true},
    {"movdqu", IN_HOST_CODE, OPROW_movdqu_to, 16, 1, XMM_LOADED, INSN(0xF3, 0x0F, 0x7F, 0x07), .user = true},
    {"stmxcsr", IN_HOST_CODE, OPROW_stmxcsr, 4, 1, INSN(0x0F, 0xAE, 0x1F), LAST(NO, NO, NO, 0), .user = true},
    /* clang-format on */
};

struct setting {
    const struct form *form;
    bool user;
};

static const uint8_t pattern[] = {0x04, 0x01, 0x90, 0xC3};
static const uint8_t function[F_BYTES] = {0x34, 0x01, 0x90, 0xC3};

/* --- Where to store --------------------------------------------------------------------------- */

/* Byte n of what the form stores; NO: nobody knows. */
static uint8_t stored(const struct form *f, unsigned n)
{
    if (!f->other)
        return pattern[n % 4];
    return n + 4 >= f->size ? f->last[n + 4 - f->size] : NO;
}

/* Is this a function still that changes AL or memory at ECX? */
static bool is_function(const uint8_t *code)
{
    if (code[0] == 0xC3 || (code[0] == 0x90 && code[1] == 0xC3))
        return true; /* ret; nop / ret */
    if (code[2] != 0x90 || code[3] != 0xC3)
        return false;
    return (code[0] & 0xC7) == 0x04 || (code[0] <= 1 && code[1] == 1); /* op al, n; add [ecx], .. */
}

/* May the form store at `at`? */
static bool place_is_good(const struct form *f, uint32_t at)
{
    uint8_t code[F_BYTES];
    memcpy(code, function, sizeof code);
    for (unsigned n = 0; n < F_BYTES; n++) {
        if (F + n >= at && F + n - at < f->size)
            code[n] = stored(f, F + n - at);
    }
    return at % f->align == 0 && is_function(code);
}

static bool reaches_f(const struct form *f, uint32_t at)
{
    return at < F + F_BYTES && at + f->size > F;
}

static void put_places(struct machine *m, const struct form *f)
{
    struct rng {
        uint64_t s;
    } r = {f->op * 2 + 1};
    for (unsigned round = 1; round <= ROUNDS;) {
        r.s = r.s * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t at = F - f->size - 12 + (uint32_t)(r.s >> 33) % (f->size + F_BYTES + 24);
        bool ends = round <= CALM || round > ROUNDS - CALM, calm = ends || round % 16;
        if (!ends && calm && round % 4 == 0)
            at += ELSEWHERE;
        if (!place_is_good(f, at) || (calm && reaches_f(f, at)))
            continue;
        put(m, PLACES + 4 * round++, at, 4);
    }
}

/* --- The guest -------------------------------------------------------------------------------- */

/* 1: mov dword [F], ..      back to what it was
 *    mov edi, [PLACES + ecx*4]
 *    before, insn
 *    mov esp, STACK_1
 *    call F
 *    lea ebp, [ebp+ebp*2]
 *    add ebp, eax
 *    dec ecx
 *    jnz 1b
 *    hlt                    */
static void put_loop(struct machine *m, const struct form *f)
{
    static const uint8_t start[] = {0xC7, 0x05, 0x00, 0x08, 0x10, 0x00, 0x34, 0x01, 0x90,
                                    0xC3, 0x8B, 0x3C, 0x8D, 0x00, 0x00, 0x12, 0x00};
    uint8_t end[] = {0xBC, 0x00, 0x00, 0x13, 0x00, 0xE8, 0,    0, 0, 0, 0x8D, 0x6C,
                     0x6D, 0x00, 0x01, 0xC5, 0x49, 0x0F, 0x85, 0, 0, 0, 0,    0xF4};
    uint32_t at = CODE;
    physmap_poke(m->pm, at, start, sizeof start);
    physmap_poke(m->pm, at += sizeof start, f->before, f->before_len);
    physmap_poke(m->pm, at += f->before_len, f->insn, f->insn_len);
    at += f->insn_len;
    store_le32(end + 6, F - (at + 10));
    store_le32(end + 19, CODE - (at + 23));
    physmap_poke(m->pm, at, end, sizeof end);
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct setting *s = ctx;
    static const uint8_t digits[10] = {0x04, 0x01, 0x90, 0x43, 0x04, 0x01, 0x90, 0x43, 0x04, 0};
    struct vcpu *c = m->c;
    put_loop(m, s->form);
    physmap_poke(m->pm, F, function, sizeof function);
    put_places(m, s->form);
    for (unsigned n = 0; n < 16; n += 4)
        physmap_poke(m->pm, SOURCE + n, pattern, sizeof pattern);
    physmap_poke(m->pm, SOURCE + 16, digits, sizeof digits);
    put(m, SOURCE + 32, 0x47F, 2); /* a control word */
    c->cr0 |= CR0_NE;
    c->cr4 |= CR4_OSFXSR;
    c->x87.control = 0x37F;
    c->x87.tag_empty = 0xFF;
    if (s->user)
        machine_to_flat_user(m);
    c->reg[EAX].d = 0xC3900100;
    c->reg[ECX].d = ROUNDS;
    c->reg[ESP].d = STACK_1;
}

/* Is the form's instruction made to look at the bits? */
static bool looks_beside(const struct translator *t, unsigned op)
{
    for (uint32_t id = 0; id < t->unit_count; id++) {
        const struct unit *u = t->units[id];
        for (unsigned n = 0; u && n < u->insns; n++) {
            if (u->insn[n].insn->op == op && u->insn[n].beside)
                return true;
        }
    }
    return false;
}

static void look(struct machine *m, const void *ctx)
{
    const struct setting *s = ctx;
    const struct form *f = s->form;
    struct vcpu *c = m->c;
    const struct translator *t = c->translated.translator;
    uint64_t helped = t->helped_rows[f->op];
    if (f->how != BY_HANDLER)
        ck_assert_msg(helped <= OFTEN, "%s: %d times by its handler", f->name, (int)helped);
    if (f->how == IN_HOST_CODE) {
        ck_assert_msg(looks_beside(t, f->op), "%s: not made anew", f->name);
        ck_assert_ptr_nonnull(
            tlb_lookup(&c->tlb, s->user ? TLB_USER : TLB_SUPERVISOR, TLB_BESIDE, F, 1));
    }
}

static void check(const struct form *f, bool user)
{
    const struct setting s = {.form = f, .user = user};
    const struct guest g = {.prepare = prepare, .look = look, .ctx = &s};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_compare_form(&g, guest_forms[n]);
}

START_TEST(a_store_beside_code)
{
    check(&forms[_i], false);
}
END_TEST

START_TEST(a_store_beside_code_by_a_program)
{
    if (forms[_i].user)
        check(&forms[_i], true);
}
END_TEST

/* --- What has to be noted of a page with code nevertheless ------------------------------------ */

#define WATCHED (F - 16)

static void run_again(struct machine *m)
{
    struct vcpu *c = m->c;
    c->eip = CODE;
    c->halted = false;
    c->reg[ECX].d = CALM; /* the last of the places: beside F */
    ck_assert_int_eq(engine_find("translate")->run(c, 100000), EXIT_HALT);
}

static void count_table_writes(void *ctx, uint64_t offset, uint64_t len)
{
    (void)offset;
    (void)len;
    ++*(unsigned *)ctx;
}

static void take_and_trace(struct machine *m, const void *ctx)
{
    unsigned told = 0;
    look(m, ctx);
    ck_assert(physmap_take_dirty(m->pm, F, 1, PAGE_DIRTY_DISPLAY, NULL));
    run_again(m);
    ck_assert(physmap_page_state(m->pm, F) & PAGE_DIRTY_DISPLAY);
    run_again(m);
    struct physmap_listener *listener = calloc(1, sizeof *listener); /* the map frees it */
    *listener = (struct physmap_listener){.ctx = &told, .table_written = count_table_writes};
    physmap_listen(m->pm, listener);
    physmap_table_mark(m->pm, F); /* a page of page tables, too, with --traced */
    run_again(m);
    ck_assert_uint_ge(told, CALM / 2); /* what was there already is no write */
    listener->table_written = NULL;
}

START_TEST(dirty_bits_and_page_tables)
{
    const struct setting s = {.form = &forms[2]}; /* mov [edi], edx */
    const struct guest g = {.prepare = prepare, .look = take_and_trace, .ctx = &s};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_run(&g, "translate", guest_forms[n]);
}
END_TEST

/* An instruction that has written beside code goes on in pages without any: the TLB is filled for
 * it, and its handler has nothing to do. */
#define PLAIN       0x150000
#define PLAIN_PAGES 64

/* The last places are in pages without code. */
static void prepare_plain(struct machine *m, const void *ctx)
{
    prepare(m, ctx);
    for (unsigned n = 1; n <= PLAIN_PAGES; n++)
        put(m, PLACES + 4 * n, PLAIN + 4096 * n + 256, 4);
}

static void look_at_plain(struct machine *m, const void *ctx)
{
    const struct setting *s = ctx;
    const struct translator *t = m->c->translated.translator;
    uint64_t helped = t->helped_rows[s->form->op];
    for (unsigned n = 1; n <= PLAIN_PAGES; n++)
        ck_assert_uint_eq(get32(m, PLAIN + 4096 * n + 256), 0xC3900104);
    struct vcpu *c = m->c;
    for (unsigned again = 0; again < 4; again++) {
        tlb_flush_all(&c->tlb);
        c->eip = CODE;
        c->halted = false;
        c->reg[ECX].d = PLAIN_PAGES;
        ck_assert_int_eq(engine_find("translate")->run(c, 100000), EXIT_HALT);
    }
    ck_assert_uint_le(t->helped_rows[s->form->op] - helped, PLAIN_PAGES / 2);
}

START_TEST(pages_without_code)
{
    static const unsigned ops[] = {OPROW_mov_ev_gv, OPROW_xchg_ev_gv, OPROW_movss_to};
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        bool wanted = forms[n].size == 4 && !forms[n].other;
        for (unsigned k = 0; k < ARRAY_LEN(ops) && wanted; k++) {
            if (forms[n].op != ops[k])
                continue;
            const struct setting s = {.form = &forms[n]};
            const struct guest g = {.prepare = prepare_plain, .look = look_at_plain, .ctx = &s};
            for (unsigned form = 0; form < GUEST_FORMS; form++)
                guest_run(&g, "translate", guest_forms[form]);
        }
    }
}
END_TEST

/* A debugger watches a byte that some of the rounds write, and counts them. */
#define HITS 0x140000

static bool count_hit(void *ctx, struct stop_hit *hit)
{
    struct machine *m = ctx;
    (void)hit;
    put(m, HITS, get32(m, HITS) + 1, 4);
    return false; /* no need to stop */
}

static void prepare_watched(struct machine *m, const void *ctx)
{
    static struct stops stops; /* of one machine at a time */
    prepare(m, ctx);
    stops_init(&stops, m->c);
    stops.wanted = count_hit;
    stops.wanted_ctx = m;
    ck_assert(
        stops_watch_add(&stops, (struct stop_watch){.address = WATCHED, .len = 1, .write = true}));
}

static void finish_watched(struct machine *m, const void *ctx)
{
    (void)ctx;
    stops_free(m->c->stops);
}

static void look_at_count(struct machine *m, const void *ctx)
{
    (void)ctx;
    ck_assert_uint_gt(get32(m, HITS), ROUNDS / 40);
}

START_TEST(watched_bytes)
{
    const struct setting s = {.form = &forms[2]};
    const struct guest g = {
        .prepare = prepare_watched, .look = look_at_count, .finish = finish_watched, .ctx = &s};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_compare_form(&g, guest_forms[n]);
}
END_TEST

/* --- A stack that ends beside code ---------------------------------------------------------------
 *
 *    mov ecx, 4
 * 1: mov esp, [esi] / add esi, 4
 *    the form
 *    dec ecx / jnz 1b / int 80h */

#define STACK_ENDS (CODE + 0xF00)
#define LIMITED    (0x80 | 3) /* a selector */

struct brief {
    uint8_t form[4], bytes;
    uint32_t esp; /* the last round's */
};

static void prepare_brief(struct machine *m, const void *ctx)
{
    const struct brief *b = ctx;
    const uint8_t start[] = {0xB9, 4, 0, 0, 0, 0x8B, 0x26, 0x83, 0xC6, 4};
    const uint8_t end[] = {0x49, 0x75, (uint8_t) - (b->bytes + 8), 0xCD, 0x80};
    physmap_poke(m->pm, CODE, start, sizeof start);
    physmap_poke(m->pm, CODE + sizeof start, b->form, b->bytes);
    physmap_poke(m->pm, CODE + sizeof start + b->bytes, end, sizeof end);
    for (uint32_t n = 0; n < 4; n++)
        put(m, PLACES + 4 * n, n < 3 ? STACK_ENDS - 0x100 : b->esp, 4);
    put_segment(m, GDT + (LIMITED & ~7), 0, STACK_ENDS - 1, 0xF3, 4);
    put_gate(m, IDT + 8 * 0x80, CODE0, 0x5800, 0xEE, 0); /* to a HLT */
    machine_to_flat_user(m);
    MUST_NOT_FAULT(m, segment_load(m->c, SEG_SS, LIMITED));
    m->c->reg[ESI].d = PLACES;
}

START_TEST(a_stack_ends_beside_code)
{
    static const struct brief forms[] = {{{0x9C}, 1, 0},           /* pushfd */
                                         {{0x60}, 1, 0},           /* pushad */
                                         {{0x50}, 1, 0},           /* push eax */
                                         {{0xC8, 0, 0, 0}, 4, 0}}; /* enter 0, 0 */
    for (unsigned n = 0; n < ARRAY_LEN(forms) * 6; n++) {
        struct brief b = forms[n / 6];
        b.esp = STACK_ENDS + n % 6;
        const struct guest g = {.prepare = prepare_brief, .ctx = &b};
        for (unsigned k = 0; k < GUEST_FORMS; k++)
            guest_compare_form(&g, guest_forms[k]);
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("beside");
    TCase *tcase = tcase_create("beside");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, a_store_beside_code, 0, ARRAY_LEN(forms));
    tcase_add_loop_test(tcase, a_store_beside_code_by_a_program, 0, ARRAY_LEN(forms));
    tcase_add_test(tcase, dirty_bits_and_page_tables);
    tcase_add_test(tcase, watched_bytes);
    tcase_add_test(tcase, pages_without_code);
    tcase_add_test(tcase, a_stack_ends_beside_code);
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
