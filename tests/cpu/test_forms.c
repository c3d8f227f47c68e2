/* What no host CPU of today can show, and forms that no other test reaches: the 8086's aliases, the
 * x87 environment in all four formats, pending x87 errors before MMX and WAIT, the approximations
 * of SSE, MASKMOVQ, CLFLUSH. */
#include <math.h>

#include "tests/cpu/harness.h"

/* --- The 8086 and 80186 ----------------------------------------------------------------------- */

static void real_start(struct machine *m, enum cpu_model model)
{
    machine_create(m, model);
    segment_load_real(m->c, SEG_CS, CODE >> 4, false);
    m->c->eip = 0;
    m->c->reg[ESP].d = 0x4000;
    for (unsigned v = 0; v < 256; v++)
        put(m, 4 * v, 0x05000000 + 16 * v, 4);
    memset(m->ram + 0x5000, 0xF4, 0x1000);
}

/* Is condition cc (as in Jcc's low nibble) true of these flags? */
static bool condition(unsigned cc, uint32_t flags)
{
    bool cf = flags & FLAG_CF, zf = flags & FLAG_ZF, sf = flags & FLAG_SF, of = flags & FLAG_OF,
         pf = flags & FLAG_PF;
    const bool holds[8] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};
    return holds[cc >> 1] != (cc & 1);
}

/* 60h to 6Fh are 70h to 7Fh once more. */
START_TEST(jcc_aliases_of_the_8086)
{
    static const uint32_t flag[] = {FLAG_CF, FLAG_PF, FLAG_ZF, FLAG_SF, FLAG_OF};
    struct machine m;
    real_start(&m, CPU_8086);
    for (unsigned n = 0; n < 16 * 32; n++) {
        unsigned cc = n & 15;
        uint32_t flags = 0;
        for (unsigned k = 0; k < 5; k++)
            flags |= n >> 4 >> k & 1 ? flag[k] : 0;
        const uint8_t code[8] = {(uint8_t)(0x60 + cc), 2, 0xF4, 0x90, 0xF4};
        physmap_poke(m.pm, CODE, code, sizeof code);
        m.c->eip = 0;
        flags_set(m.c, flags, FLAGS_ARITH);
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_msg(m.c->eip == (condition(cc, flags) ? 5 : 3), "%02X, flags %03X", 0x60 + cc,
                      flags);
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(ret_aliases_of_the_8086)
{
    struct machine m;
    real_start(&m, CPU_8086);
    struct vcpu *c = m.c;
    /* push ax (a parameter); call 10h; hlt */
    PROGRAM(&m, CODE, 0x50, 0xE8, 0x0C, 0x00, 0xF4);
    PROGRAM(&m, CODE + 0x10, 0xE8, 0x0D, 0x00, 0xC0, 0x02, 0x00); /* call 20h; ret 2 as C0 */
    PROGRAM(&m, CODE + 0x20, 0x42, 0xC1);                         /* inc dx; ret as C1 */
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->eip, 5);
    ck_assert_uint_eq(c->reg[EDX].w, 1);
    ck_assert_uint_eq(c->reg[ESP].w, 0x4000);
    machine_destroy(&m);
}
END_TEST

/* D0 to D3 /6 set all bits (SETMO, SETMOC with CL not 0). */
START_TEST(setmo_of_the_8086)
{
    struct machine m;
    real_start(&m, CPU_8086);
    struct vcpu *c = m.c;
    /* d0 /6 al; d1 /6 bx; d2 /6 dl; d3 /6 si; d0 /6 [di]; d1 /6 [di+2]; d2 /6 [di+4];
     * d3 /6 [di+6]; hlt */
    PROGRAM(&m, CODE, 0xD0, 0xF0, 0xD1, 0xF3, 0xD2, 0xF2, 0xD3, 0xF6, 0xD0, 0x35, 0xD1, 0x75, 0x02,
            0xD2, 0x75, 0x04, 0xD3, 0x75, 0x06, 0xF4);
    for (unsigned cl = 0; cl < 2; cl++) {
        c->eip = 0;
        c->reg[EAX].d = c->reg[EBX].d = c->reg[EDX].d = c->reg[ESI].d = 0;
        c->reg[EDI].d = 0xA000;
        c->reg[ECX].d = cl;
        put(&m, 0xA000, 0, 8);
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(c->reg[EAX].w, 0xFF);
        ck_assert_uint_eq(c->reg[EBX].w, 0xFFFF);
        ck_assert_uint_eq(c->reg[EDX].w, cl ? 0xFF : 0);
        ck_assert_uint_eq(c->reg[ESI].w, cl ? 0xFFFF : 0);
        ck_assert_uint_eq(load_le64(m.ram + 0xA000),
                          cl ? UINT64_C(0xFFFF00FFFFFF00FF) : UINT64_C(0xFFFF00FF));
        ck_assert_uint_eq(flags_arith(c) & (FLAG_SF | FLAG_ZF | FLAG_CF | FLAG_OF), FLAG_SF);
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(shift_counts_by_model)
{
    for (unsigned model = CPU_8086; model <= CPU_386; model++) {
        struct machine m;
        real_start(&m, (enum cpu_model)model);
        PROGRAM(&m, CODE, 0xD3, 0xE0, 0xF4); /* shl ax, cl; hlt */
        m.c->reg[EAX].d = 0x1234;
        m.c->reg[ECX].d = 0x21;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(m.c->reg[EAX].w, model == CPU_8086 ? 0 : 0x2468);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(push_sp_by_model)
{
    for (unsigned model = CPU_8086; model <= CPU_386; model++) {
        struct machine m;
        real_start(&m, (enum cpu_model)model);
        PROGRAM(&m, CODE, 0x54, 0xFF, 0xF4, 0x58, 0x5B,
                0xF4); /* push sp; push sp; pop ax; pop bx */
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(m.c->reg[EBX].w, model <= CPU_186 ? 0x3FFE : 0x4000);
        ck_assert_uint_eq(m.c->reg[EAX].w, model <= CPU_186 ? 0x3FFC : 0x3FFE);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(push_7_is_push)
{
    struct machine m;
    real_start(&m, CPU_8086);
    PROGRAM(&m, CODE, 0xFF, 0xF8, 0x5B, 0xF4); /* push ax as FF /7; pop bx; hlt */
    m.c->reg[EAX].w = 0x1234;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(m.c->reg[EBX].w, 0x1234);
    machine_destroy(&m);
}
END_TEST

/* AAA and AAS: the 8086 adds to AL and AH apart; later ones to AX. */
START_TEST(aaa_and_aas_by_model)
{
    for (unsigned model = CPU_8086; model <= CPU_P4; model++) {
        struct machine m;
        real_start(&m, (enum cpu_model)model);
        struct vcpu *c = m.c;
        PROGRAM(&m, CODE, 0x37, 0xF4); /* aaa */
        c->reg[EAX].d = 0x00FA;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(c->reg[EAX].w, model >= CPU_286 ? 0x0200 : 0x0100);
        ck_assert_uint_eq(flags_arith(c) & (FLAG_CF | FLAG_AF), FLAG_CF | FLAG_AF);
        PROGRAM(&m, CODE, 0x3F, 0xF4); /* aas */
        c->eip = 0;
        c->reg[EAX].d = 0x0301;
        flags_set(c, FLAG_AF, FLAGS_ARITH);
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(c->reg[EAX].w, model >= CPU_286 ? 0x010B : 0x020B);
        machine_destroy(&m);
    }
}
END_TEST

/* The 286 ignores a descriptor's last word, which holds more base and limit on a 386. */
START_TEST(last_word_of_a_descriptor)
{
    static const enum cpu_model models[] = {CPU_286, CPU_386};
    for (unsigned n = 0; n < 2; n++) {
        struct machine m;
        machine_create(&m, models[n]);
        struct vcpu *c = m.c;
        put_segment(&m, GDT + 0x80, 0x01020304, 0x51234, 0x92, 0x8);
        c->gdtr = (struct descriptor_table){.base = GDT, .limit = GDT_SIZE - 1};
        MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE));
        MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, 0x80));
        ck_assert_uint_eq(c->seg[SEG_DS].base, n ? 0x01020304 : 0x020304);
        ck_assert_uint_eq(c->seg[SEG_DS].limit, n ? 0x51234FFF : 0x1234);
        machine_destroy(&m);
    }
}
END_TEST

/* --- x87 -------------------------------------------------------------------------------------- */

static void fpu_start(struct machine *m, bool protect)
{
    if (protect) {
        machine_start(m, CPU_P4);
    } else {
        real_start(m, CPU_P4);
    }
    m->c->cr0 |= CR0_NE;
    m->c->cr4 |= CR4_OSFXSR;
    m->c->x87.control = 0x37F;
    m->c->x87.tag_empty = 0xFF;
}

/* FNSTENV, FLDENV, FNSTENV: the second image is the first, in each format. */
START_TEST(environment_round_trip)
{
    for (unsigned n = 0; n < 4; n++) {
        bool protect = n & 1, wide = n & 2, prefix = protect != wide;
        struct machine m;
        fpu_start(&m, protect);
        struct vcpu *c = m.c;
        uint8_t code[16] = {0};
        unsigned k = 0;
        static const uint8_t modrm[3] = {0x30, 0x20, 0x30}; /* fnstenv, fldenv [..], fnstenv */
        for (unsigned step = 0; step < 3; step++) {
            if (prefix)
                code[k++] = 0x66;
            code[k++] = 0xD9;
            code[k++] = protect ? (uint8_t)(modrm[step] | (step == 2 ? 7 : 6))  /* [esi], [edi] */
                                : (uint8_t)(modrm[step] | (step == 2 ? 5 : 4)); /* [si], [di] */
        }
        code[k] = 0xF4;
        physmap_poke(m.pm, CODE, code, sizeof code);
        c->reg[ESI].d = 0xA000;
        c->reg[EDI].d = 0xA100;
        c->x87.control = 0x1372;
        c->x87.status = 0x4500;
        c->x87.top = 5;
        c->x87.tag_empty = 0x5A;
        c->x87.last_ip = 0x12345;
        c->x87.last_dp = 0x2468A;
        c->x87.last_cs = protect ? 0x18 : 0;
        c->x87.last_ds = protect ? 0x20 : 0;
        c->x87.last_opcode = 0x3C1;
        for (unsigned r = 0; r < 8; r++)
            c->x87.reg[r] = (struct f80){F80_INTEGER_BIT, 16383};
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_mem_eq(m.ram + 0xA000, m.ram + 0xA100, wide ? 28 : 14);
        ck_assert_uint_eq(get16(&m, 0xA000), 0x1372);
        ck_assert_uint_eq(get16(&m, 0xA000 + (wide ? 4 : 2)), 0x6D00);
        ck_assert_uint_eq(get16(&m, 0xA000 + (wide ? 8 : 4)), 0x33CC);
        unsigned ip = wide ? 12 : 6;
        ck_assert_uint_eq(get16(&m, 0xA000 + ip), 0x2345);
        if (protect) {
            ck_assert_uint_eq(get16(&m, 0xA000 + ip + (wide ? 4 : 2)), 0x18);
            ck_assert_uint_eq(get16(&m, 0xA000 + ip + (wide ? 12 : 6)), 0x20);
            if (wide)
                ck_assert_uint_eq(get32(&m, 0xA000 + 12), 0x12345);
        } else {
            ck_assert_uint_eq(get16(&m, 0xA000 + ip + (wide ? 4 : 2)), 0x13C1);
            ck_assert_uint_eq(get16(&m, 0xA000 + ip + (wide ? 12 : 6)), 0x2000);
        }
        ck_assert_uint_eq(c->x87.top, 5);
        ck_assert_uint_eq(c->x87.tag_empty, 0x5A);
        ck_assert_uint_eq(c->x87.control, 0x137F); /* FNSTENV masks all */
        machine_destroy(&m);
    }
}
END_TEST

/* FLDENV of an image with an unmasked exception makes it pending. */
START_TEST(loaded_exceptions_are_pending)
{
    struct machine m;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    put(&m, 0xA000, 0x37B, 4); /* ZE unmasked */
    put(&m, 0xA004, 0x004, 4);
    PROGRAM(&m, CODE, 0xD9, 0x26, 0x90, 0xDB, 0xE2, 0x9B, 0xF4); /* fldenv [esi]; nop; fnclex... */
    c->reg[ESI].d = 0xA000;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 7);
    PROGRAM(&m, CODE, 0xD9, 0x26, 0x90, 0x9B); /* fldenv [esi]; nop; wait */
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_MF);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE + 3);
    machine_destroy(&m);
}
END_TEST

/* A pending x87 error is raised by MMX and by SSE instructions that touch MMX registers; those that
 * do not care run. */
START_TEST(pending_error_before_mmx)
{
    static const struct {
        uint8_t code[5];
        bool raises;
    } cases[] = {
        {{0x0F, 0x6F, 0xC1, 0xF4}, true},        /* movq mm0, mm1 */
        {{0x0F, 0xFC, 0xC1, 0xF4}, true},        /* paddb mm0, mm1 */
        {{0x0F, 0x77, 0xF4}, true},              /* emms */
        {{0x0F, 0x2A, 0xC1, 0xF4}, true},        /* cvtpi2ps xmm0, mm1 */
        {{0x0F, 0x2C, 0xC1, 0xF4}, true},        /* cvttps2pi mm0, xmm1 */
        {{0x66, 0x0F, 0x2A, 0xC1, 0xF4}, true},  /* cvtpi2pd xmm0, mm1 */
        {{0x66, 0x0F, 0x2A, 0x06, 0xF4}, false}, /* cvtpi2pd xmm0, [esi]: no MMX register */
        {{0xD9, 0xE8, 0xF4}, true},              /* fld1 */
        {{0x9B, 0xF4}, true},                    /* wait */
        {{0x0F, 0x28, 0xC1, 0xF4}, false},       /* movaps */
        {{0xDB, 0xE3, 0xF4}, false},             /* fninit */
        {{0xDF, 0xE0, 0xF4}, false},             /* fnstsw ax */
        {{0xDB, 0xE0, 0xF4}, false},             /* fneni: nothing */
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        fpu_start(&m, true);
        struct vcpu *c = m.c;
        c->x87.control = 0x37B;
        c->x87.status = 0x8084; /* ZE, ES, B */
        c->reg[ESI].d = 0xA000;
        physmap_poke(m.pm, CODE, cases[n].code, sizeof cases[n].code);
        if (cases[n].raises) {
            machine_run_to_handler(&m, VEC_MF);
            ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE);
        } else {
            ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
            ck_assert_msg(c->eip > CODE && c->eip < CODE + 8, "case %u", n);
        }
        machine_destroy(&m);
    }
}
END_TEST

static void ferr_line(void *ctx, bool level)
{
    *(int *)ctx = level;
}

/* Without CR0.NE the error goes out on FERR#; FNSAVE, which clears it, takes the line back. */
START_TEST(ferr_and_fnsave)
{
    struct machine m;
    int line = -1;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    c->cr0 &= ~CR0_NE;
    c->host = (struct vcpu_host){.ctx = &line, .ferr = ferr_line};
    c->x87.control = 0x37B;
    /* fldz; fld1; fdivrp: 1/0 is unmasked; hlt; fnsave [esi]; hlt */
    PROGRAM(&m, CODE, 0xD9, 0xEE, 0xD9, 0xE8, 0xDE, 0xF1, 0xF4, 0xDD, 0x36, 0xF4);
    c->reg[ESI].d = 0xA000;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_int_eq(line, 1);
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_int_eq(line, 0);
    machine_destroy(&m);
}
END_TEST

/* --- SSE and MMX ------------------------------------------------------------------------------ */

START_TEST(fxrstor_of_a_bad_mxcsr)
{
    struct machine m;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    put(&m, 0xA000 + 24, 0x10000, 4);
    put(&m, 0xA000, 0x27F, 2);
    PROGRAM(&m, CODE, 0x0F, 0xAE, 0x0E); /* fxrstor [esi] */
    c->reg[ESI].d = 0xA000;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(c->mxcsr, 0x1F80);
    ck_assert_uint_eq(c->x87.control, 0x37F);
    c->cr0 |= CR0_TS;
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_NM);
    machine_destroy(&m);
}
END_TEST

/* RCPPS and RSQRTPS: within 1.5 * 2^-12 of the true value, and the special cases exact. */
START_TEST(reciprocals)
{
    static const uint32_t special[][3] = {
        /* operand, RCP, RSQRT */
        {0x00000000, 0x7F800000, 0x7F800000}, {0x80000000, 0xFF800000, 0xFF800000},
        {0x00000001, 0x7F800000, 0x7F800000}, {0x80000001, 0xFF800000, 0xFF800000},
        {0x7F800000, 0x00000000, 0x00000000}, {0xFF800000, 0x80000000, 0xFFC00000},
        {0x7F800001, 0x7FC00001, 0x7FC00001}, {0xFFC01234, 0xFFC01234, 0xFFC01234},
        {0xBF800000, 0xBF800000, 0xFFC00000}, {0x7F000000, 0x00000000, 0x20000000}};
    struct machine m;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    c->mxcsr = 0; /* even unmasked: they raise nothing */
    PROGRAM(&m, CODE, 0x0F, 0x53, 0xC1, 0x0F, 0x52, 0xD1, 0xF3, 0x0F, 0x53, 0xD9, 0xF3, 0x0F, 0x52,
            0xE1, 0xF4); /* rcpps xmm0, xmm1; rsqrtps xmm2, xmm1; rcpss xmm3; rsqrtss xmm4 */
    for (unsigned n = 0; n < 256; n++) {
        for (unsigned k = 0; k < 4; k++) {
            unsigned s = (n + k) % ARRAY_LEN(special);
            c->xmm[1].d[k] = n < 16 ? special[s][0] : 0x30000000 + (n * 4 + k) * 0x00080001;
        }
        memset(&c->xmm[3], 0x55, 16);
        c->eip = CODE;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(c->mxcsr, 0);
        for (unsigned k = 0; k < 4; k++) {
            unsigned s = (n + k) % ARRAY_LEN(special);
            if (n < 16) {
                ck_assert_msg(c->xmm[0].d[k] == special[s][1] || s == 9, "rcp %08X: %08X",
                              special[s][0], c->xmm[0].d[k]);
                ck_assert_msg(c->xmm[2].d[k] == special[s][2] || s == 9, "rsqrt %08X: %08X",
                              special[s][0], c->xmm[2].d[k]);
                continue;
            }
            double x = c->xmm[1].f[k];
            ck_assert(fabs(c->xmm[0].f[k] * x - 1) < 0.0003662);
            ck_assert(fabs(c->xmm[2].f[k] * sqrt(x) - 1) < 0.0003662);
        }
        ck_assert_uint_eq(c->xmm[3].d[0], c->xmm[0].d[0]);
        ck_assert_uint_eq(c->xmm[3].d[1], 0x55555555);
        ck_assert_uint_eq(c->xmm[4].d[0], c->xmm[2].d[0]);
    }
    ck_assert_uint_eq(c->mxcsr, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(maskmovq_stores_what_the_mask_says)
{
    struct machine m;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x0F, 0xF7, 0xC1, 0xF4); /* maskmovq mm0, mm1: to DS:EDI */
    c->x87.top = 3;
    c->x87.reg[0].sig = UINT64_C(0x8877665544332211);
    c->x87.reg[1].sig = UINT64_C(0x80007F00FF01C080);
    put(&m, 0xA000, 0, 8);
    c->reg[EDI].d = 0xA000;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(load_le64(m.ram + 0xA000), UINT64_C(0x8800000044002211));
    ck_assert_uint_eq(c->x87.top, 0); /* it is an MMX instruction */
    ck_assert_uint_eq(c->x87.tag_empty, 0);
    /* Bytes whose mask is clear are not touched at all: they may lie beyond the limit. */
    put_segment(&m, GDT + 0x80, 0xA000, 6, 0x92, 4);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, 0x80));
    c->x87.reg[1].sig = UINT64_C(0x0080808080808080);
    c->reg[EDI].d = 0;
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(load_le64(m.ram + 0xA000), UINT64_C(0x8877665544332211));
    put(&m, 0xA000, 0, 8);
    c->x87.reg[1].sig = UINT64_MAX;
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(load_le64(m.ram + 0xA000), 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(clflush_checks_its_address)
{
    struct machine m;
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x0F, 0xAE, 0x3E, 0xF4); /* clflush [esi] */
    c->reg[ESI].d = 0xA000;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 4);
    segment_set_null(c, SEG_DS, 0);
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

static uint32_t port_32(void *ctx, uint16_t port, unsigned size)
{
    (void)ctx;
    return size == 4 ? 0xCAFE0000 | port : 0;
}

static void note_32(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    uint32_t *written = ctx;
    written[0] = port;
    written[1] = value;
    written[2] = size;
}

START_TEST(ports_of_32_bits)
{
    struct machine m;
    uint32_t written[3];
    fpu_start(&m, true);
    struct vcpu *c = m.c;
    c->host = (struct vcpu_host){.ctx = written, .port_read = port_32, .port_write = note_32};
    PROGRAM(&m, CODE, 0xE5, 0x60, 0x6D, 0x6F, 0xF4); /* in eax, 60h; insd; outsd; hlt */
    c->reg[EDX].d = 0x1F0;
    c->reg[EDI].d = 0xA000;
    c->reg[ESI].d = 0xA004;
    put(&m, 0xA004, 0x12345678, 4);
    c->eflags |= FLAG_DF;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EAX].d, 0xCAFE0060);
    ck_assert_uint_eq(get32(&m, 0xA000), 0xCAFE01F0);
    ck_assert_uint_eq(written[0], 0x1F0);
    ck_assert_uint_eq(written[1], 0x12345678);
    ck_assert_uint_eq(written[2], 4);
    ck_assert_uint_eq(c->reg[EDI].d, 0x9FFC);
    ck_assert_uint_eq(c->reg[ESI].d, 0xA000);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {jcc_aliases_of_the_8086,
                                  ret_aliases_of_the_8086,
                                  setmo_of_the_8086,
                                  shift_counts_by_model,
                                  push_sp_by_model,
                                  push_7_is_push,
                                  aaa_and_aas_by_model,
                                  last_word_of_a_descriptor,
                                  environment_round_trip,
                                  loaded_exceptions_are_pending,
                                  pending_error_before_mmx,
                                  ferr_and_fnsave,
                                  fxrstor_of_a_bad_mxcsr,
                                  reciprocals,
                                  maskmovq_stores_what_the_mask_says,
                                  clflush_checks_its_address,
                                  ports_of_32_bits};
    return run_tests("forms", tests, ARRAY_LEN(tests));
}
