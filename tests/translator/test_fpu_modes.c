/* When host code may use the FPU and when not: CR0.TS and EM, CR4.OSFXSR, errors that go by way of
 * FERR#, MXCSR bits that the guest's CPU lacks, two guests in one thread. */
#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/translator.h"

#define DATA 0x20000

static const struct engine *engine; /* set once */

/* A protected-mode machine under the translator; its program stands at CODE. */
static void start(struct machine *m, enum cpu_model model)
{
    static const struct engine_tuning tuning = {.shadow = SHADOW_SOFT, .eager = true};
    engine = engine_find("translate");
    machine_start(m, model);
    m->c->cr0 |= CR0_NE;
    if (model >= CPU_P3)
        m->c->cr4 |= CR4_OSFXSR;
    m->c->x87.control = 0x37F;
    m->c->x87.tag_empty = 0xFF;
    ck_assert(engine->attach(m->c, &tuning));
}

static void finish(struct machine *m)
{
    engine->detach(m->c);
    machine_destroy(m);
}

static struct translator *translator_of(const struct machine *m)
{
    return m->c->translated.translator;
}

/* From CODE to a HLT. */
static void run(struct machine *m)
{
    m->c->eip = CODE;
    m->c->halted = false;
    m->c->reg[ESP].d = 0x6F00;
    ck_assert_int_eq(engine->run(m->c, 100000), EXIT_HALT);
}

static bool stopped_in_handler(const struct machine *m, unsigned vector)
{
    return m->c->eip == 0x5000 + 16 * vector + 1;
}

/* fld1; fadd st0, st0; hlt */
#define ONE_AND_ONE 0xD9, 0xE8, 0xD8, 0xC0, 0xF4

START_TEST(results_are_in_the_vcpu_after_a_run)
{
    struct machine m;
    start(&m, CPU_386);
    PROGRAM(&m, CODE, ONE_AND_ONE);
    run(&m);
    const struct x87 *f = &m.c->x87;
    ck_assert_uint_eq(f->top, 7);
    ck_assert_uint_eq(f->tag_empty, 0x7F);
    ck_assert_uint_eq(f->reg[7].se, 0x4000);
    ck_assert_uint_eq(f->reg[7].sig, F80_INTEGER_BIT);
    ck_assert_uint_eq(translator_of(&m)->counters.fpu_guards, 1);
    ck_assert_uint_eq(translator_of(&m)->counters.helped, 1); /* HLT */
    finish(&m);
}
END_TEST

START_TEST(ts_and_em_raise_nm)
{
    static const uint32_t bits[] = {CR0_TS, CR0_EM};
    for (unsigned n = 0; n < 2; n++) {
        struct machine m;
        start(&m, CPU_P4);
        PROGRAM(&m, CODE, ONE_AND_ONE);
        run(&m);
        m.c->cr0 |= bits[n];
        run(&m);
        ck_assert(stopped_in_handler(&m, VEC_NM));
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), CODE);
        ck_assert_uint_eq(m.c->x87.top, 7);
        m.c->cr0 &= ~bits[n];
        run(&m);
        ck_assert_uint_eq(m.c->eip, CODE + 5);
        ck_assert_uint_eq(m.c->x87.top, 6);
        finish(&m);
    }
}
END_TEST

/* The state stays in the host while TS is set and cleared. mov eax, cr0; or al, 8; mov cr0, eax;
 * inc ecx; clts; fadd st0, st0; dec ebx; jnz; hlt */
START_TEST(clts_in_the_guest)
{
    struct machine m;
    start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0xD9, 0xE8, 0x0F, 0x20, 0xC0, 0x0C, 0x08, 0x0F, 0x22, 0xC0, 0x41, 0x0F, 0x06,
            0xD8, 0xC0, 0x4B, 0x75, 0xF0, 0xF4);
    m.c->reg[EBX].d = 100;
    m.c->reg[ECX].d = 0;
    run(&m);
    ck_assert_uint_eq(m.c->reg[ECX].d, 100);
    ck_assert_uint_eq(m.c->x87.reg[7].se, 0x3FFF + 100);
    ck_assert_uint_eq(translator_of(&m)->counters.fpu_loads, 1);
    finish(&m);
}
END_TEST

/* A task switch sets CR0.TS: the FPU is another task's each time, also when all that it leads to
 * was gone through before. */
START_TEST(task_switches_take_it_away)
{
    enum { ROUNDS = 50, TASK = 0xB000 };
    struct machine m;
    start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0xB9, ROUNDS, 0, 0, 0,        /* mov ecx, ROUNDS */
            0xD9, 0xE8, 0xDD, 0xD8,                 /* 1: fld1, fstp st0 */
            0x9A, 0, 0, 0, 0, SEL_TSS_B, 0,         /* call the other task */
            0x49, 0x75, 0xF2, 0xF4);                /* dec ecx, jnz 1b, hlt */
    PROGRAM(&m, TASK, 0xD9, 0xE8, 0xDD, 0xD8, 0xCF, /* fld1, fstp st0, iret */
            0xEB, 0xF9);                            /* jmp TASK */
    PROGRAM(&m, 0x5000 + 16 * VEC_NM, 0x0F, 0x06,   /* clts */
            0xFF, 0x05, 0, 0, 2, 0, 0xCF);          /* inc dword [DATA], iret */
    const uint32_t fields[] = {TASK,   2,     0,     0,     0,     0,
                               0x6800, 0,     0,     0, /* from EIP to EDI */
                               DATA0,  CODE0, DATA0, DATA0, DATA0, DATA0};
    for (unsigned n = 0; n < ARRAY_LEN(fields); n++)
        put(&m, TSS_B + 32 + 4 * n, fields[n], 4);
    run(&m);
    ck_assert(!stopped_in_handler(&m, VEC_GP));
    ck_assert_uint_eq(get32(&m, DATA), 2 * ROUNDS - 1); /* all but the first FLD1 */
    finish(&m);
}
END_TEST

/* A guest that emulates an FPU: CR0.EM is set and #NM goes on behind the instruction. Units are
 * made without KEY_FPU then, and with it again when EM goes. */
START_TEST(an_emulator_of_the_fpu)
{
    struct machine m;
    start(&m, CPU_P4);
    /* fld1; dec ecx; jnz; hlt. The handler: add dword [esp], 2; iret */
    PROGRAM(&m, CODE, 0xD9, 0xE8, 0x49, 0x75, 0xFB, 0xF4);
    PROGRAM(&m, 0x5000 + 16 * VEC_NM, 0x83, 0x04, 0x24, 0x02, 0xCF);
    m.c->cr0 |= CR0_EM;
    m.c->reg[ECX].d = 2000;
    run(&m);
    ck_assert_uint_eq(m.c->eip, CODE + 6);
    ck_assert_uint_eq(m.c->x87.tag_empty, 0xFF);
    ck_assert_uint_eq(m.c->faults[VEC_NM], 2000);
    ck_assert_uint_lt(translator_of(&m)->counters.fpu_guards, 1000);
    m.c->cr0 &= ~CR0_EM;
    m.c->reg[ECX].d = 2000;
    uint64_t helped = translator_of(&m)->counters.helped;
    run(&m);
    ck_assert_uint_eq(m.c->x87.tag_empty, 0);
    ck_assert_uint_lt(translator_of(&m)->counters.helped - helped, 1000);
    finish(&m);
}
END_TEST

/* SSE without CR4.OSFXSR is #UD; MMX and x87 go on. */
START_TEST(osfxsr)
{
    struct machine m;
    start(&m, CPU_P4);
    /* fld1; movq mm0, mm1; addps xmm0, xmm1; hlt */
    PROGRAM(&m, CODE, 0xD9, 0xE8, 0x0F, 0x6F, 0xC1, 0x0F, 0x58, 0xC1, 0xF4);
    run(&m);
    ck_assert_uint_eq(m.c->eip, CODE + 9);
    m.c->cr4 &= ~CR4_OSFXSR;
    run(&m);
    ck_assert(stopped_in_handler(&m, VEC_UD));
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), CODE + 5);
    m.c->cr4 |= CR4_OSFXSR;
    run(&m);
    ck_assert_uint_eq(m.c->eip, CODE + 9);
    finish(&m);
}
END_TEST

/* LDMXCSR of bits that the model lacks is #GP, whatever the host's CPU has: DAZ came with SSE2. */
START_TEST(mxcsr_by_model)
{
    static const struct {
        enum cpu_model model;
        uint32_t value;
        bool fits;
    } cases[] = {
        {CPU_P3, 0x1F80, true}, {CPU_P3, 0x1FC0, false},  {CPU_P4, 0x1FC0, true},
        {CPU_P4, 0xFFBF, true}, {CPU_P4, 0x11F80, false}, {CPU_P4, 0x21F80, false},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m, cases[n].model);
        /* ldmxcsr [DATA]; stmxcsr [DATA + 4]; hlt */
        PROGRAM(&m, CODE, 0x0F, 0xAE, 0x15, 0x00, 0x00, 0x02, 0x00, 0x0F, 0xAE, 0x1D, 0x04, 0x00,
                0x02, 0x00, 0xF4);
        put(&m, DATA, cases[n].value, 8);
        run(&m);
        ck_assert_uint_eq(stopped_in_handler(&m, VEC_GP), !cases[n].fits);
        ck_assert_uint_eq(m.c->mxcsr, cases[n].fits ? cases[n].value : 0x1F80);
        ck_assert_uint_eq(get32(&m, DATA + 4), cases[n].fits ? cases[n].value : 0);
        finish(&m);
    }
}
END_TEST

/* Images of the state are the handlers': they see what host code computed, and it what they load.
 * fld1; fldz; paddd xmm0, xmm0; fxsave [DATA]; fninit; pxor xmm0, xmm0; fxrstor [DATA];
 * fadd st0, st1; fnsave [DATA]; frstor [DATA]; paddd xmm0, xmm0; hlt */
START_TEST(images_of_the_state)
{
    struct machine m;
    start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0xD9, 0xE8, 0xD9, 0xEE, 0x66, 0x0F, 0xFE, 0xC0, 0x0F, 0xAE, 0x05, 0, 0, 2, 0,
            0xDB, 0xE3, 0x66, 0x0F, 0xEF, 0xC0, 0x0F, 0xAE, 0x0D, 0, 0, 2, 0, 0xD8, 0xC1, 0xDD,
            0x35, 0, 0, 2, 0, 0xDD, 0x25, 0, 0, 2, 0, 0x66, 0x0F, 0xFE, 0xC0, 0xF4);
    m.c->xmm[0].q[0] = m.c->xmm[0].q[1] = 3;
    run(&m);
    ck_assert_uint_eq(m.c->eip, CODE + 47);
    ck_assert_uint_eq(m.c->x87.top, 6);
    ck_assert_uint_eq(m.c->x87.tag_empty, 0x3F);
    ck_assert_uint_eq(m.c->x87.reg[6].se, 0x3FFF);
    ck_assert_uint_eq(m.c->x87.reg[7].se, 0x3FFF);
    ck_assert_uint_eq(m.c->xmm[0].q[1], 12);
    ck_assert_uint_eq(get32(&m, DATA + 160), 6);
    finish(&m);
}
END_TEST

struct ferr {
    struct vcpu *c;
    unsigned on, off;
};

static void on_ferr(void *ctx, bool level)
{
    struct ferr *f = ctx;
    *(level ? &f->on : &f->off) += 1;
    if (level)
        vcpu_attend(f->c, EVENT_INTR);
    else
        f->c->events &= ~(uint32_t)EVENT_INTR;
}

static int irq_13(void *ctx)
{
    struct ferr *f = ctx;
    f->c->events &= ~(uint32_t)EVENT_INTR;
    return 0x75;
}

/* Without CR0.NE an unmasked error drives FERR#, and IRQ 13 comes before the next instruction that
 * would wait for it. */
/* Rounding as C libraries have it: the environment is kept, FNSTENV having masked all exceptions,
 * and comes back, while the state stays in the host; what becomes pending raises #MF in the
 * handler. */
START_TEST(the_environment_comes_and_goes)
{
    struct machine m;
    start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0xDB, 0xE3,               /* fninit */
            0xD9, 0x2D, 0x80, 0x00, 0x02, 0x00, /* fldcw [DATA + 80h]: divide by zero unmasked */
            0xD9, 0xEB, 0xD9, 0xEE,             /* fldpi; fldz */
            0xB9, 40, 0, 0, 0,                  /* mov ecx, 40 */
            0xD9, 0x35, 0x00, 0x00, 0x02, 0x00, /* again: fnstenv [DATA] */
            0xD9, 0x3D, 0x84, 0x00, 0x02, 0x00, /* fnstcw [DATA + 84h] */
            0xD9, 0xC9, 0xD9, 0xFC, 0xD9, 0xC9, /* fxch; frndint; fxch: inexact, the first time */
            0xD9, 0x25, 0x00, 0x00, 0x02, 0x00, /* fldenv [DATA] */
            0xE2, 0xE6,                         /* loop again */
            0xF4);
    put(&m, DATA + 0x80, 0x37B, 4);
    run(&m);
    const struct x87 *f = &m.c->x87;
    ck_assert_uint_eq(get32(&m, DATA), 0xFFFF037B);
    ck_assert_uint_eq(get32(&m, DATA + 4), 0xFFFF3000);
    ck_assert_uint_eq(get32(&m, DATA + 8), 0xFFFF1FFF); /* +0 in R6, 3 in R7 */
    ck_assert_uint_eq(get16(&m, DATA + 0x84), 0x37F);
    ck_assert_uint_eq(f->control, 0x37B);
    ck_assert_uint_eq(f->status, 0);
    ck_assert_uint_eq(f->top, 6);
    ck_assert_uint_eq(f->tag_empty, 0x3F);
    ck_assert_uint_eq(f->reg[7].sig, UINT64_C(0xC000000000000000));
    ck_assert_uint_lt(translator_of(&m)->counters.helped, 8);
    finish(&m);
}
END_TEST

START_TEST(what_an_environment_makes_pending_is_raised)
{
    struct machine m;
    start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0xDB, 0xE3,                                 /* fninit */
            0xD9, 0xE8,                                           /* fld1 */
            0xD9, 0x35, 0x00, 0x00, 0x02, 0x00,                   /* fnstenv [DATA] */
            0xC7, 0x05, 0x00, 0x00, 0x02, 0x00, 0x7B, 0x03, 0, 0, /* control: ZE unmasked */
            0xC7, 0x05, 0x04, 0x00, 0x02, 0x00, 0x04, 0x38, 0, 0, /* status: ZE, TOP 7 */
            0xD9, 0x25, 0x00, 0x00, 0x02, 0x00,                   /* fldenv [DATA] */
            0xD9, 0xE8,                                           /* fld1 */
            0xF4);
    run(&m);
    ck_assert(stopped_in_handler(&m, VEC_MF));
    ck_assert_uint_eq(m.c->x87.status, 0x8084);
    finish(&m);
}
END_TEST

START_TEST(errors_by_ferr)
{
    struct machine m;
    start(&m, CPU_486);
    struct ferr f = {.c = m.c};
    m.c->host.ctx = &f;
    m.c->host.ferr = on_ferr;
    m.c->host.interrupt_ack = irq_13;
    m.c->cr0 &= ~CR0_NE;
    m.c->eflags |= FLAG_IF;
    m.c->x87.control = 0x37B; /* division by zero is unmasked */
    /* fldz; fld1; fdiv st0, st1; inc ecx; fadd st0, st0; inc edx; hlt. The handler: fnstsw ax;
     * fnclex; iret */
    PROGRAM(&m, CODE, 0xD9, 0xEE, 0xD9, 0xE8, 0xD8, 0xF1, 0x41, 0xD8, 0xC0, 0x42, 0xF4);
    PROGRAM(&m, 0x5000 + 16 * 0x75, 0xDF, 0xE0, 0xDB, 0xE2, 0xCF);
    m.c->reg[EAX].d = m.c->reg[ECX].d = m.c->reg[EDX].d = 0;
    run(&m);
    ck_assert_uint_eq(m.c->eip, CODE + 11);
    ck_assert_uint_eq(f.on, 1);
    ck_assert_uint_eq(f.off, 1);
    ck_assert_uint_eq(m.c->reg[EAX].d & 0x80FF, 0x8084); /* B, ES, ZE */
    ck_assert_uint_eq(m.c->reg[ECX].d, 1);
    ck_assert_uint_eq(m.c->reg[EDX].d, 1);
    ck_assert_uint_eq(m.c->x87.reg[6].se, 0x4000); /* 1 + 1, once */
    finish(&m);
}
END_TEST

/* Two guests take turns in one thread; neither sees the other's state. */
START_TEST(two_guests)
{
    struct machine m[2];
    for (unsigned n = 0; n < 2; n++) {
        start(&m[n], CPU_P4);
        /* fld1; fadd st0, st0; paddd xmm0, xmm1; jmp back to fadd */
        PROGRAM(&m[n], CODE, 0xD9, 0xE8, 0xD8, 0xC0, 0x66, 0x0F, 0xFE, 0xC1, 0xEB, 0xF8);
        m[n].c->xmm[0].q[0] = m[n].c->xmm[0].q[1] = 0;
        m[n].c->xmm[1].q[0] = m[n].c->xmm[1].q[1] = n + 1;
        m[n].c->eip = CODE;
        ck_assert_int_eq(engine->run(m[n].c, 1), EXIT_BUDGET);
    }
    for (unsigned turn = 0; turn < 100; turn++) {
        for (unsigned n = 0; n < 2; n++)
            ck_assert_int_eq(engine->run(m[n].c, 3 * (7 + n)), EXIT_BUDGET);
    }
    for (unsigned n = 0; n < 2; n++) {
        ck_assert_uint_eq(m[n].c->x87.reg[7].se, 0x3FFF + 100 * (7 + n));
        ck_assert_uint_eq(m[n].c->xmm[0].q[1], 100 * (7 + n) * (n + 1));
        finish(&m[n]);
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        puts("SKIP: this host has no translator");
        return 77;
    }
    const TTest *const tests[] = {results_are_in_the_vcpu_after_a_run,
                                  ts_and_em_raise_nm,
                                  clts_in_the_guest,
                                  task_switches_take_it_away,
                                  an_emulator_of_the_fpu,
                                  osfxsr,
                                  mxcsr_by_model,
                                  images_of_the_state,
                                  the_environment_comes_and_goes,
                                  what_an_environment_makes_pending_is_raised,
                                  errors_by_ferr,
                                  two_guests};
    return run_tests("fpu_modes", tests, ARRAY_LEN(tests));
}
