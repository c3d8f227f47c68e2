/* MMX, SSE, SSE2 and SSE3 instructions of the interpreter against the host: every row of
 * cpu/opcodes_simd.def that can be compared, with register and memory operands, under all rounding
 * modes, DAZ and FTZ; results and MXCSR bit by bit. By hand: faults and unmasked exceptions. */
#include "tests/check_main.h"
#include "tests/cpu/nativefp.h"

#if defined(__x86_64__)

#define CASES 700

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

static void gen_state(struct rng *r, struct fp_state *s)
{
    memset(s, 0, sizeof *s);
    uint64_t v = rng_next(r);
    uint32_t mxcsr = 0x1F80;
    if (v & 1) /* half of the time as programs have it */
        mxcsr |= (uint32_t)(v >> 16) & 0xE07F;
    else
        mxcsr |= v & 2 ? 0x20 : 0;
    store_le16(s->fx, 0x37F);
    store_le16(s->fx + 2, (uint16_t)(v >> 32) & 0x3800);
    s->fx[4] = (uint8_t)(v >> 40);
    store_le32(s->fx + 24, mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        store_le64(s->fx + 32 + 16 * n, gen_bits(r));
        store_le16(s->fx + 40 + 16 * n, (uint16_t)rng_next(r));
        gen_vector(r, s->fx + 160 + 16 * n);
    }
    if (v & 0x100) /* equal operands, for comparisons */
        memcpy(s->fx + 160, s->fx + 176, 16);
    s->eax = (uint32_t)gen_bits(r);
    s->ecx = (uint32_t)gen_bits(r);
    s->edx = (uint32_t)rng_next(r);
    s->flags = (uint32_t)rng_next(r) & FLAGS_ARITH;
    gen_vector(r, s->data);
    gen_vector(r, s->data + 16);
}

static void print_state(const char *who, const struct fp_state *s)
{
    fprintf(stderr, "%-6s mxcsr %04x sw %04x valid %02x eax %08x ecx %08x edx %08x flags %03x\n",
            who, load_le32(s->fx + 24), load_le16(s->fx + 2), s->fx[4], s->eax, s->ecx, s->edx,
            s->flags);
    for (unsigned n = 0; n < 3; n++)
        fprintf(stderr, "  xmm%u %016llx %016llx  st%u %04x:%016llx\n", n,
                (unsigned long long)load_le64(s->fx + 168 + 16 * n),
                (unsigned long long)load_le64(s->fx + 160 + 16 * n), n,
                load_le16(s->fx + 40 + 16 * n), (unsigned long long)load_le64(s->fx + 32 + 16 * n));
    fprintf(stderr, "  data %016llx %016llx\n", (unsigned long long)load_le64(s->data + 8),
            (unsigned long long)load_le64(s->data));
}

static bool same_state(const struct fp_state *a, const struct fp_state *b)
{
    if (memcmp(a->fx, b->fx, 5) || load_le32(a->fx + 24) != load_le32(b->fx + 24))
        return false;
    for (unsigned n = 0; n < 8; n++)
        if (memcmp(a->fx + 32 + 16 * n, b->fx + 32 + 16 * n, 10))
            return false;
    return !memcmp(a->fx + 160, b->fx + 160, 128) && a->eax == b->eax && a->ecx == b->ecx &&
           a->edx == b->edx && a->flags == b->flags && !memcmp(a->data, b->data, 64);
}

static void compare_instruction(const uint8_t *code, const struct insn *insn)
{
    struct rng r = {insn->op * 4096u + insn->modrm};
    uint8_t bytes[16];
    memcpy(bytes, code, 16);
    for (unsigned n = 0; n < CASES; n++) {
        struct fp_state start, host, mine;
        if (n % 50 == 0) { /* another immediate */
            bytes[insn->len - 1] = opcode_row(insn->op)->operands[2] == OPND_Ib ||
                                           opcode_row(insn->op)->operands[1] == OPND_Ib
                                       ? (uint8_t)rng_next(&r)
                                       : code[insn->len - 1];
            guest_code(ram, bytes, insn->len);
            host_code(thunk, bytes, insn->len);
        }
        gen_state(&r, &start);
        if (!strcmp(opcode_row(insn->op)->mnemonic, "ldmxcsr"))
            store_le32(start.data, (load_le32(start.data) & 0xFFFF) | 0x1F80);
        host = mine = start;
        host_run(thunk, &host);
        guest_run(guest, ram, &mine);
        if (!same_state(&host, &mine)) {
            print_state("start", &start);
            print_state("host", &host);
            print_state("umbra", &mine);
            ck_abort_msg("%s (%02x %02x %02x %02x %02x), case %u", opcode_row(insn->op)->mnemonic,
                         bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], n);
        }
    }
}

/* SIMD rows, but not those whose result is the chip's choice, or whose operand is not [ebx];
 * predicates of CMPPS above 7 are reserved without AVX. */
static bool is_compared(const struct opcode *row)
{
    static const char *const left_out[] = {"rcpps",    "rcpss",      "rsqrtps", "rsqrtss",
                                           "maskmovq", "maskmovdqu", "fxsave",  "fxrstor"};
    if (!(row->feature & (FEATURE_MMX | FEATURE_SSE | FEATURE_SSE2 | FEATURE_SSE3)))
        return false;
    if (row->map != MAP_0F)
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(left_out); n++)
        if (!strcmp(row->mnemonic, left_out[n]))
            return false;
    return true;
}

static unsigned compare_opcode(const struct decoder *decoder, unsigned prefix, unsigned opcode)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xF3, 0xF2};
    unsigned compared = 0;
    for (unsigned m = 0; m < 0x100; m++) {
        /* [ebx]; registers 0..2 in ModRM.rm, and in .reg with the usual forms */
        bool memory = (m & 0xC7) == 3, registers = m >= 0xC0 && (m & 7) < 3;
        if (!memory && !registers)
            continue;
        uint8_t code[16] = {0};
        unsigned len = 0;
        if (prefix)
            code[len++] = prefixes[prefix];
        code[len++] = 0x0F;
        code[len++] = (uint8_t)opcode;
        code[len] = (uint8_t)m;
        struct insn insn;
        if (decode_insn(decoder, code, sizeof code, true, &insn) != DECODE_OK)
            continue;
        const struct opcode *row = opcode_row(insn.op);
        bool by_ext = row->form & 1 << 4;
        if (memory && !strcmp(row->mnemonic, "cvtpi2ps"))
            continue; /* Intel's chips go to MMX state, AMD's do not */
        if (!is_compared(row) || (!by_ext && (m >> 3 & 7) >= 3))
            continue;
        compare_instruction(code, &insn);
        compared++;
    }
    return compared;
}

START_TEST(all_forms)
{
    static struct decoder decoder;
    decoder_init(&decoder, CPU_P4, guest->features);
    unsigned compared = 0;
    for (unsigned opcode = 0; opcode < 0x100; opcode++)
        compared += compare_opcode(&decoder, (unsigned)_i, opcode);
    printf("prefix %u of none, 66, F3, F2: %u instructions compared, %u states each\n",
           (unsigned)_i, compared, CASES);
    ck_assert_uint_ge(compared, 100);
}
END_TEST

/* --- by hand ---------------------------------------------------------------------------------- */

/* Runs bytes at CODE to the fault that it must raise; there is no IDT. */
static void expect_fault(const char *bytes, size_t len, unsigned vector)
{
    guest_code(ram, (const uint8_t *)bytes, len);
    guest->idtr = (struct descriptor_table){0, 0};
    guest->eip = CODE;
    guest->halted = guest->shutdown = false;
    uint64_t before = guest->faults[vector];
    ck_assert_int_eq(interp_run(guest, 4), EXIT_SHUTDOWN);
    /* delivering it fails with #GP (no IDT), and the double fault as well */
    ck_assert_uint_eq(guest->faults[vector], before + (vector == VEC_GP ? 3 : 1));
}
#define EXPECT_FAULT(bytes, vector) expect_fault(bytes, sizeof bytes - 1, vector)

START_TEST(misaligned_operand_is_gp)
{
    guest->reg[EBX].d = DATA + 8;
    EXPECT_FAULT("\x0F\x28\x03", VEC_GP);     /* movaps xmm0, [ebx] */
    EXPECT_FAULT("\x0F\x58\x03", VEC_GP);     /* addps */
    EXPECT_FAULT("\x66\x0F\x7F\x03", VEC_GP); /* movdqa [ebx], xmm0 */
}
END_TEST

START_TEST(control_bits_deny)
{
    guest->reg[EBX].d = DATA;
    guest->cr4 &= ~CR4_OSFXSR;
    EXPECT_FAULT("\x0F\x58\xC1", VEC_UD);
    guest->cr4 |= CR4_OSFXSR;
    guest->cr0 |= CR0_TS;
    EXPECT_FAULT("\x0F\x58\xC1", VEC_NM);
    EXPECT_FAULT("\x0F\xFC\xC1", VEC_NM); /* paddb mm0, mm1 */
    guest->cr0 = (guest->cr0 & ~CR0_TS) | CR0_EM;
    EXPECT_FAULT("\x0F\x58\xC1", VEC_UD);
    EXPECT_FAULT("\x0F\xFC\xC1", VEC_UD);
}
END_TEST

/* An unmasked exception leaves the destination alone and sets the flag. */
START_TEST(unmasked_exception_is_xm)
{
    guest->mxcsr = 0x1D80; /* ZM clear */
    guest->xmm[0].q[0] = UINT64_C(0x3FF0000000000000);
    guest->xmm[1].q[0] = 0;
    EXPECT_FAULT("\xF2\x0F\x5E\xC1", VEC_XM); /* divsd xmm0, xmm1 */
    ck_assert_uint_eq(guest->mxcsr, 0x1D84);
    ck_assert_uint_eq(guest->xmm[0].q[0], UINT64_C(0x3FF0000000000000));
    guest->cr4 &= ~CR4_OSXMMEXCPT;
    EXPECT_FAULT("\xF2\x0F\x5E\xC1", VEC_UD);
}
END_TEST

START_TEST(reserved_mxcsr_bits_are_gp)
{
    guest->reg[EBX].d = DATA;
    store_le32(physmap_host(ram, DATA), 0x00011F80);
    EXPECT_FAULT("\x0F\xAE\x13", VEC_GP); /* ldmxcsr [ebx] */
    ck_assert_uint_eq(guest->mxcsr, 0x1F80);
}
END_TEST

START_TEST(masked_store)
{
    struct fp_state s;
    struct rng r = {5};
    gen_state(&r, &s);
    guest->reg[EDI].d = DATA + 3;
    for (unsigned n = 0; n < 16; n++)
        s.fx[176 + n] = n & 1 ? 0x80 : 0x7F; /* xmm1: the mask */
    uint8_t want[64];
    memcpy(want, s.data, 64);
    for (unsigned n = 1; n < 16; n += 2)
        want[3 + n] = s.fx[160 + n];
    guest_code(ram, (const uint8_t *)"\x66\x0F\xF7\xC1", 4); /* maskmovdqu xmm0, xmm1 */
    guest_run(guest, ram, &s);
    ck_assert_mem_eq(s.data, want, 64);
}
END_TEST

/* Within the error that the manual allows. */
START_TEST(approximations)
{
    struct fp_state s;
    struct rng r = {6};
    for (unsigned n = 0; n < 500; n++) {
        gen_state(&r, &s);
        float x = 0x1p-40f * (float)(rng_next(&r) >> 1 | 1), y;
        memcpy(s.fx + 176, &x, 4);
        guest_code(ram, (const uint8_t *)(n & 1 ? "\xF3\x0F\x53\xC1" : "\xF3\x0F\x52\xC1"), 4);
        guest_run(guest, ram, &s);
        memcpy(&y, s.fx + 160, 4);
        double product = n & 1 ? (double)x * y : (double)x * y * y;
        ck_assert_double_eq_tol(product, 1.0, 1e-3);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("simd");
    TCase *t = tcase_create("against the host");
    tcase_set_timeout(t, TEST_HANGS_SECONDS);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, all_forms, 0, 4);
    suite_add_tcase(s, t);
    t = tcase_create("by hand");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, misaligned_operand_is_gp);
    tcase_add_test(t, control_bits_deny);
    tcase_add_test(t, unmasked_exception_is_xm);
    tcase_add_test(t, reserved_mxcsr_bits_are_gp);
    tcase_add_test(t, masked_store);
    tcase_add_test(t, approximations);
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
    puts("SKIP: the host has no SSE to compare with");
    return 77;
}

#endif
