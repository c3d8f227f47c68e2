/* x87 instructions of the interpreter against the host's x87: every form of every instruction but
 * the transcendental ones (test_softfloat has them) and environment images, from random states with
 * all exceptions masked; and by hand what the host cannot show: unmasked exceptions, images,
 * faults. */
#include "tests/check_main.h"
#include "tests/cpu/fpcompare.h"
#include "tests/cpu/nativefp.h"

#if defined(__x86_64__)

#define CASES 2500

static struct vcpu *guest;
static struct physmap *ram;
static uint8_t *thunk;

static void setup(void)
{
    guest = guest_create(&ram);
    thunk = thunk_create();
}

static void teardown(void)
{
    vcpu_destroy(guest);
    physmap_destroy(ram);
    munmap(thunk, 4096);
}

/* Numbers in memory: a float, a double, an extended, or an integer. */
static void gen_data(struct rng *r, uint8_t *at)
{
    struct f80 x = gen_f80(r);
    switch (rng_next(r) & 3) {
    case 0:
        store_le32(at, gen_f32(r));
        break;
    case 1:
        store_le64(at, gen_f64(r));
        break;
    case 2:
        store_le64(at, x.sig);
        store_le16(at + 8, x.se);
        break;
    default:
        store_le64(at, gen_bits(r) >> (rng_next(r) & 63));
    }
}

static void gen_state(struct rng *r, struct fp_state *s)
{
    static const uint16_t precision[] = {0x300, 0x300, 0x200, 0};
    memset(s, 0, sizeof *s);
    uint64_t v = rng_next(r);
    unsigned masks = v & 16 ? 0x3F : (unsigned)rng_next(r) & 0x3F;
    store_le16(s->fx, (uint16_t)(0x40 | masks | precision[v & 3] | (v >> 2 & 3) << 10));
    /* condition codes, flags and TOP at random, but nothing pending */
    store_le16(s->fx + 2, (uint16_t)(v >> 8) & (0x7F40 | masks));
    s->fx[4] = v >> 32 & 3 ? 0xFF : (uint8_t)(v >> 40);
    store_le32(s->fx + 24, 0x1F80);
    for (unsigned n = 0; n < 8; n++) {
        struct f80 x = gen_f80(r);
        store_le64(s->fx + 32 + 16 * n, x.sig);
        store_le16(s->fx + 40 + 16 * n, x.se);
    }
    if (v >> 48 & 1) /* make room for pushes */
        s->fx[4] &= (uint8_t) ~(1u << (((v >> 19 & 7) - 1) & 7));
    s->eax = (uint32_t)rng_next(r);
    s->flags = (uint32_t)rng_next(r) & FLAGS_ARITH;
    gen_data(r, s->data);
}

static void print_state(const char *who, const struct fp_state *s)
{
    fprintf(stderr, "%-6s cw %04x sw %04x valid %02x eax %08x flags %03x data", who,
            load_le16(s->fx), load_le16(s->fx + 2), s->fx[4], s->eax, s->flags);
    for (unsigned n = 10; n-- > 0;)
        fprintf(stderr, "%s%02x", n == 9 ? " " : "", s->data[n]);
    for (unsigned n = 0; n < 8; n++)
        fprintf(stderr, "%s%04x:%016llx", n & 3 ? " " : "\n       ", load_le16(s->fx + 40 + 16 * n),
                (unsigned long long)load_le64(s->fx + 32 + 16 * n));
    fprintf(stderr, "\n");
}

/* Status bits that chips leave differently. */
static uint16_t ignored_status(const uint8_t *code, const struct fp_state *host)
{
    bool remainder = code[0] == 0xD9 && (code[1] == 0xF8 || code[1] == 0xF5);
    uint16_t se = load_le16(host->fx + 40);
    if (remainder && (se & 0x7FFF) == 0x7FFF)
        return 0x4700; /* quotient bits of an invalid operation */
    return 0;
}

static bool same_state(const struct fp_state *a, const struct fp_state *b, uint16_t ignored)
{
    if (load_le16(a->fx) != load_le16(b->fx) || a->fx[4] != b->fx[4] ||
        (load_le16(a->fx + 2) ^ load_le16(b->fx + 2)) & ~ignored)
        return false;
    for (unsigned n = 0; n < 8; n++)
        if (memcmp(a->fx + 32 + 16 * n, b->fx + 32 + 16 * n, 10))
            return false;
    return a->eax == b->eax && a->flags == b->flags && !memcmp(a->data, b->data, 64);
}

static void compare_instruction(const uint8_t *code, size_t len)
{
    struct rng r = {code[0] * 256u + code[1]};
    guest_code(ram, code, len);
    host_code(thunk, code, len);
    for (unsigned n = 0; n < CASES; n++) {
        struct fp_state start, host, mine;
        gen_state(&r, &start);
        host = mine = start;
        host_run(thunk, &host);
        guest_run(guest, ram, &mine);
        if (code[0] == 0xD9 && (code[1] == 0xF8 || code[1] == 0xF5) && host.fx[3] & 4)
            continue; /* how far a partial remainder gets is the chip's choice */
        if (!same_state(&host, &mine, ignored_status(code, &host))) {
            print_state("start", &start);
            print_state("host", &host);
            print_state("umbra", &mine);
            ck_abort_msg("%02x %02x, case %u", code[0], code[1], n);
        }
    }
}

/* Images and FLDENV hold addresses; transcendental results differ by an ulp. */
static bool is_compared(const uint8_t *code)
{
    unsigned reg = code[1] >> 3 & 7;
    if (code[1] < 0xC0)
        return !(code[0] == 0xD9 && (reg == 4 || reg == 6)) &&
               !(code[0] == 0xDD && (reg == 4 || reg == 6));
    if (code[0] != 0xD9)
        return true;
    return !is_transcendental(code);
}

START_TEST(all_forms)
{
    static struct decoder decoder;
    decoder_init(&decoder, CPU_P4, guest->features);
    uint8_t escape = (uint8_t)(0xD8 + _i);
    unsigned compared = 0;
    for (unsigned m = 0; m < 0x100; m++) {
        uint8_t code[16] = {escape, (uint8_t)m};
        struct insn insn;
        if (m < 0xC0 && (m & 0xC7) != 3) /* memory: [ebx] only */
            continue;
        if (decode_insn(&decoder, code, sizeof code, true, &insn) != DECODE_OK)
            continue;
        if (!is_compared(code))
            continue;
        compare_instruction(code, 2);
        compared++;
    }
    printf("%02X: %u instructions compared, %u states each\n", escape, compared, CASES);
    ck_assert_uint_ge(compared, 20);
}
END_TEST

/* --- Transcendental instructions -------------------------------------------------------------- */

/* All but C1, the precision and the underflow flag, and the last place, as the host has it. */
static void compare_transcendental(uint8_t opcode)
{
    const uint8_t code[2] = {0xD9, opcode};
    struct rng r = {opcode};
    guest_code(ram, code, 2);
    host_code(thunk, code, 2);
    for (unsigned n = 0; n < 4 * CASES; n++) {
        struct fp_state start, host, mine;
        gen_state(&r, &start);
        start.fx[0] |= 0x3F;
        if (n & 1) { /* operands of a usual size */
            store_le16(start.fx + 40, (uint16_t)(16383 - (rng_next(&r) & 15) + (n & 2)));
            start.fx[39] |= 0x80;
        }
        if (!is_defined(opcode, start.fx))
            continue;
        host = mine = start;
        host_run(thunk, &host);
        guest_run(guest, ram, &mine);
        for (unsigned k = 0; k < 2; k++) {
            if (ulps(host.fx + 32 + 16 * k, mine.fx + 32 + 16 * k) <= 1)
                memcpy(mine.fx + 32 + 16 * k, host.fx + 32 + 16 * k, 10);
        }
        if (!same_state(&host, &mine, 0x0200 | FP_PE | FP_UE)) {
            print_state("start", &start);
            print_state("host", &host);
            print_state("umbra", &mine);
            ck_abort_msg("d9 %02x, case %u", opcode, n);
        }
    }
}

START_TEST(transcendental_forms)
{
    static const uint8_t opcodes[] = {0xF0, 0xF1, 0xF2, 0xF3, 0xF9, 0xFB, 0xFE, 0xFF};
    compare_transcendental(opcodes[_i]);
}
END_TEST

/* --- by hand ---------------------------------------------------------------------------------- */

static void start(struct fp_state *s)
{
    memset(s, 0, sizeof *s);
    store_le16(s->fx, 0x37F);
    store_le32(s->fx + 24, 0x1F80);
}

static void set_st(struct fp_state *s, unsigned n, struct f80 v)
{
    store_le64(s->fx + 32 + 16 * n, v.sig);
    store_le16(s->fx + 40 + 16 * n, v.se);
    s->fx[4] |= (uint8_t)(1u << ((n + (load_le16(s->fx + 2) >> 11)) & 7));
}

static void run(struct fp_state *s, const char *bytes, size_t len)
{
    guest_code(ram, (const uint8_t *)bytes, len);
    guest_run(guest, ram, s);
}
#define RUN(s, bytes) run(s, bytes, sizeof bytes - 1)

static const struct f80 one = {F80_INTEGER_BIT, 16383}, zero = {0, 0};

/* 1/0 with ZE unmasked: operands stay, nothing is popped, ES and B are set. */
START_TEST(unmasked_divide_by_zero)
{
    struct fp_state s;
    start(&s);
    store_le16(s.fx, 0x37B);
    set_st(&s, 0, zero);
    set_st(&s, 1, one);
    RUN(&s, "\xDE\xF9"); /* fdivp st1, st0 */
    ck_assert_uint_eq(load_le16(s.fx + 2), 0x8084);
    ck_assert_uint_eq(s.fx[4], 3);
    ck_assert_uint_eq(load_le64(s.fx + 48), one.sig);
}
END_TEST

/* A pending exception is raised by the next waiting instruction, as #MF with CR0.NE. */
START_TEST(pending_exception_is_mf)
{
    struct fp_state s;
    start(&s);
    store_le16(s.fx, 0x37B);
    set_st(&s, 0, zero);
    set_st(&s, 1, one);
    uint64_t before = guest->faults[VEC_MF];
    guest_code(ram, (const uint8_t *)"\xDE\xF9\xD9\xE8", 4); /* fdivp; fld1 */
    /* No IDT: delivery ends in a shutdown, but the fault was counted. */
    guest->x87.control = 0x37B;
    guest->x87.status = 0;
    guest->x87.top = 0;
    guest->x87.tag_empty = 0xFC;
    guest->x87.reg[0] = zero;
    guest->x87.reg[1] = one;
    guest->idtr = (struct descriptor_table){0, 0};
    guest->eip = CODE;
    guest->halted = false;
    ck_assert_int_eq(interp_run(guest, 10), EXIT_SHUTDOWN);
    ck_assert_uint_eq(guest->faults[VEC_MF], before + 1);
    ck_assert_uint_eq(guest->x87.top, 0); /* fld1 did nothing */
}
END_TEST

static unsigned ferr_changes;
static bool ferr_level;

static void note_ferr(void *ctx, bool level)
{
    (void)ctx;
    ferr_changes++;
    ferr_level = level;
}

/* With CR0.NE clear the error goes out on FERR#, and FNCLEX takes it back. */
START_TEST(ferr_with_ne_clear)
{
    struct fp_state s;
    start(&s);
    guest->cr0 &= ~CR0_NE;
    guest->host.ferr = note_ferr;
    ferr_changes = 0;
    store_le16(s.fx, 0x37B);
    set_st(&s, 0, zero);
    set_st(&s, 1, one);
    RUN(&s, "\xDE\xF9");
    ck_assert_uint_eq(ferr_changes, 1);
    ck_assert(ferr_level);
    RUN(&s, "\xDB\xE2"); /* fnclex */
    ck_assert(!ferr_level);
}
END_TEST

/* Unmasked overflow to memory stores nothing and does not pop. */
START_TEST(unmasked_overflow_store)
{
    struct fp_state s;
    start(&s);
    store_le16(s.fx, 0x377);
    set_st(&s, 0, (struct f80){F80_INTEGER_BIT, 0x7000});
    memset(s.data, 0xAA, 8);
    RUN(&s, "\xDD\x1B"); /* fstp qword [ebx] */
    ck_assert_uint_eq(s.data[0], 0xAA);
    ck_assert_uint_eq(s.fx[4], 1);
    ck_assert_uint_eq(load_le16(s.fx + 2) & 0x80BF, 0x8088);
}
END_TEST

START_TEST(stack_overflow_and_underflow)
{
    struct fp_state s;
    start(&s);
    for (unsigned n = 0; n < 8; n++)
        set_st(&s, n, one);
    RUN(&s, "\xD9\xE8"); /* fld1 */
    ck_assert_uint_eq(load_le16(s.fx + 2), 0x3A41);
    ck_assert_uint_eq(load_le64(s.fx + 32), UINT64_C(0xC000000000000000));
    start(&s);
    RUN(&s, "\xD9\xE0"); /* fchs */
    ck_assert_uint_eq(load_le16(s.fx + 2), 0x0041);
    ck_assert_uint_eq(load_le16(s.fx + 40), 0xFFFF);
}
END_TEST

/* FNSAVE, then FRSTOR: the same state; between them that of FNINIT. 32-bit protected format. */
START_TEST(save_and_restore)
{
    struct fp_state s;
    uint8_t *image = physmap_host(ram, DATA);
    start(&s);
    store_le16(s.fx, 0x1372);
    store_le16(s.fx + 2, 0x3800);
    set_st(&s, 0, one);
    set_st(&s, 1, (struct f80){F80_INTEGER_BIT, 0x7FFF});
    RUN(&s, "\xDD\x33"); /* fnsave [ebx] */
    ck_assert_uint_eq(load_le16(s.fx), 0x37F);
    ck_assert_uint_eq(s.fx[4], 0);
    ck_assert_uint_eq(load_le32(image), 0xFFFF1372);
    ck_assert_uint_eq(load_le32(image + 4), 0xFFFF3800);
    ck_assert_uint_eq(load_le32(image + 8), 0xFFFF3FFE); /* r7 valid, r0 special */
    ck_assert_uint_eq(load_le64(image + 28), one.sig);
    ck_assert_uint_eq(load_le16(image + 36), one.se);
    guest_code(ram, (const uint8_t *)"\xDD\x23", 2); /* frstor [ebx] */
    guest->halted = false;
    guest->eip = CODE;
    ck_assert_int_eq(interp_run(guest, 4), EXIT_HALT);
    ck_assert_uint_eq(guest->x87.control, 0x1372);
    ck_assert_uint_eq(guest->x87.top, 7);
    ck_assert_uint_eq(guest->x87.tag_empty, 0x7E);
    ck_assert_uint_eq(guest->x87.reg[7].sig, one.sig);
}
END_TEST

/* The environment's pointers, 32-bit protected format. */
START_TEST(environment_pointers)
{
    struct fp_state s;
    uint8_t *image = physmap_host(ram, DATA);
    start(&s);
    set_st(&s, 0, one);
    RUN(&s, "\xD8\x43\x20\xD9\x33"); /* fadd dword [ebx+20h]; fnstenv [ebx] */
    ck_assert_uint_eq(load_le32(image + 12), CODE);
    ck_assert_uint_eq(load_le32(image + 16), 0x00430008); /* opcode D8 43, CS */
    ck_assert_uint_eq(load_le32(image + 20), DATA + 0x20);
    ck_assert_uint_eq(load_le32(image + 24) & 0xFFFF, 8);
    ck_assert_uint_eq(load_le16(s.fx), 0x37F);
}
END_TEST

/* Real mode: 16-bit and 32-bit formats with linear addresses. Instruction prefixes choose them, for
 * the code segment stays 32-bit (as "unreal mode" leaves it). */
START_TEST(environment_in_real_mode)
{
    struct fp_state s;
    uint8_t *image = physmap_host(ram, DATA);
    guest->cr0 &= ~CR0_PE;
    guest->seg[SEG_CS].selector = 0x1000; /* the image says 10000h + offset */
    guest->seg[SEG_DS].selector = 0x2000;
    vcpu_derive(guest);
    start(&s);
    set_st(&s, 0, one);
    RUN(&s, "\xD8\x43\x20\x66\xD9\x33"); /* fadd dword [ebx+20h]; o16 fnstenv [ebx] */
    ck_assert_uint_eq(load_le16(image), 0x37F);
    ck_assert_uint_eq(load_le16(image + 4), 0xFFFC);
    ck_assert_uint_eq(load_le16(image + 6), CODE);
    ck_assert_uint_eq(load_le16(image + 8), 0x1043); /* IP 19..16, opcode D8 43 */
    ck_assert_uint_eq(load_le16(image + 10), DATA + 0x20);
    ck_assert_uint_eq(load_le16(image + 12), 0x2000);
    RUN(&s, "\xD8\x43\x20\xD9\x33");
    ck_assert_uint_eq(load_le32(image + 12), 0xFFFF0000 | CODE);
    ck_assert_uint_eq(load_le32(image + 16), 0x00001043);
    ck_assert_uint_eq(load_le32(image + 20), 0xFFFF0000 | (DATA + 0x20));
    ck_assert_uint_eq(load_le32(image + 24), 0x00002000);
}
END_TEST

/* A store that faults in its second part leaves memory, stack and status alone. */
START_TEST(faulting_store_changes_nothing)
{
    static const struct {
        const char *code;
        unsigned len, size;
    } stores[] = {{"\xDB\x3B", 2, 10}, /* fstp tbyte [ebx] */
                  {"\xDF\x33", 2, 10}, /* fbstp [ebx] */
                  {"\xDD\x1B", 2, 8},  /* fstp qword [ebx] */
                  {"\xDD\x33", 2, 108},
                  {"\xD9\x33", 2, 28}};
    for (unsigned n = 0; n < ARRAY_LEN(stores); n++) {
        uint8_t *data = physmap_host(ram, DATA);
        memset(data, 0xAA, 128);
        guest->seg[SEG_DS].limit = DATA + stores[n].size - 2; /* the last byte is outside */
        vcpu_derive(guest);
        guest->x87.tag_empty = 0xFE;
        guest->x87.top = 0;
        guest->x87.status = 0;
        guest->x87.control = 0x37E;
        guest->x87.reg[0] = (struct f80){F80_INTEGER_BIT | 1, 16383}; /* inexact when stored */
        guest_code(ram, (const uint8_t *)stores[n].code, stores[n].len);
        guest->idtr = (struct descriptor_table){0, 0};
        guest->reg[EBX].d = DATA;
        guest->eip = CODE;
        guest->halted = guest->shutdown = false;
        ck_assert_int_eq(interp_run(guest, 4), EXIT_SHUTDOWN);
        ck_assert_uint_eq(guest->x87.status, 0);
        ck_assert_uint_eq(guest->x87.control, 0x37E);
        ck_assert_uint_eq(guest->x87.tag_empty, 0xFE);
        for (unsigned k = 0; k < 128; k++)
            ck_assert_uint_eq(data[k], 0xAA);
    }
}
END_TEST

static struct f80 get_st(const struct fp_state *s, unsigned n)
{
    return (struct f80){load_le64(s->fx + 32 + 16 * n), load_le16(s->fx + 40 + 16 * n)};
}

/* The functions themselves are tested in test_softfloat: here their stack effects. */
START_TEST(transcendental_stack_effects)
{
    static const struct f80 two = {F80_INTEGER_BIT, 16384},
                            three = {F80_INTEGER_BIT | F80_INTEGER_BIT >> 1, 16384};
    struct fp_state s;
    start(&s);
    set_st(&s, 0, zero);
    RUN(&s, "\xD9\xFB"); /* fsincos: cosine on top */
    ck_assert_uint_eq(get_st(&s, 0).se, one.se);
    ck_assert_uint_eq(get_st(&s, 1).sig, 0);
    ck_assert_uint_eq(load_le16(s.fx + 2) >> 11 & 7, 7);
    start(&s);
    set_st(&s, 0, zero);
    RUN(&s, "\xD9\xF2"); /* fptan: 1.0 on top */
    ck_assert_uint_eq(get_st(&s, 0).sig, one.sig);
    ck_assert_uint_eq(get_st(&s, 1).sig, 0);
    start(&s);
    set_st(&s, 0, two);
    set_st(&s, 1, three);
    RUN(&s, "\xD9\xF1"); /* fyl2x: 3 * log2(2), popped */
    ck_assert_uint_eq(get_st(&s, 0).sig, three.sig);
    ck_assert_uint_eq(s.fx[4], 2);
    start(&s);
    set_st(&s, 0, (struct f80){F80_INTEGER_BIT, 16383 + 63});
    RUN(&s, "\xD9\xFE"); /* fsin of 2^63: C2, the operand stays */
    ck_assert_uint_eq(load_le16(s.fx + 2), 0x0400);
    ck_assert_uint_eq(get_st(&s, 0).se, 16383 + 63);
}
END_TEST

START_TEST(device_not_available)
{
    static const uint32_t bits[] = {CR0_EM, CR0_TS};
    for (unsigned n = 0; n < 2; n++) {
        guest->cr0 |= bits[n];
        guest->idtr = (struct descriptor_table){0, 0};
        guest_code(ram, (const uint8_t *)"\xDB\xE3", 2);
        guest->eip = CODE;
        guest->halted = guest->shutdown = false;
        uint64_t before = guest->faults[VEC_NM];
        ck_assert_int_eq(interp_run(guest, 4), EXIT_SHUTDOWN);
        ck_assert_uint_eq(guest->faults[VEC_NM], before + 1);
        guest->cr0 &= ~bits[n];
    }
}
END_TEST

/* FXSAVE and FXRSTOR against the host's layout. */
START_TEST(fxsave_layout)
{
    struct fp_state s;
    struct rng r = {77};
    uint8_t *image = physmap_host(ram, DATA);
    gen_state(&r, &s);
    for (unsigned n = 160; n < 288; n++)
        s.fx[n] = (uint8_t)rng_next(&r);
    RUN(&s, "\x0F\xAE\x03"); /* fxsave [ebx] */
    ck_assert_mem_eq(image, s.fx, 6);
    ck_assert_mem_eq(image + 24, s.fx + 24, 4);
    ck_assert_mem_eq(image + 32, s.fx + 32, 256);
    memset(guest->xmm, 0, sizeof guest->xmm);
    memset(&guest->x87, 0, sizeof guest->x87);
    guest_code(ram, (const uint8_t *)"\x0F\xAE\x0B", 3); /* fxrstor [ebx] */
    guest->halted = false;
    guest->eip = CODE;
    ck_assert_int_eq(interp_run(guest, 4), EXIT_HALT);
    ck_assert_mem_eq(guest->xmm, s.fx + 160, 128);
    ck_assert_uint_eq(guest->x87.control, load_le16(s.fx));
    ck_assert_uint_eq(guest->x87.top, load_le16(s.fx + 2) >> 11 & 7);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("x87");
    TCase *t = tcase_create("against the host");
    tcase_set_timeout(t, TEST_HANGS_SECONDS);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, all_forms, 0, 8);
    tcase_add_loop_test(t, transcendental_forms, 0, 8);
    suite_add_tcase(s, t);
    t = tcase_create("by hand");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, unmasked_divide_by_zero);
    tcase_add_test(t, pending_exception_is_mf);
    tcase_add_test(t, ferr_with_ne_clear);
    tcase_add_test(t, unmasked_overflow_store);
    tcase_add_test(t, stack_overflow_and_underflow);
    tcase_add_test(t, save_and_restore);
    tcase_add_test(t, environment_pointers);
    tcase_add_test(t, environment_in_real_mode);
    tcase_add_test(t, faulting_store_changes_nothing);
    tcase_add_test(t, transcendental_stack_effects);
    tcase_add_test(t, device_not_available);
    tcase_add_test(t, fxsave_layout);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_status(suite());
}

#else

int main(void)
{
    puts("SKIP: the host has no x87 to compare with");
    return 77;
}

#endif
