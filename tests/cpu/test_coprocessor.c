/* The x87 as a chip beside the CPU: FERR#, IGNNE# and the wait for IRQ 13 where CR0.NE is clear;
 * what the 8087 and 287 have that later ones have not. */
#include "tests/cpu/harness.h"

#define IRQ13 0x75u

/* What stands around the CPU: FERR#'s rising edge latches IRQ 13, port F0h asserts IGNNE#. */
struct board {
    struct machine m;
    bool ferr;
};

static void ferr(void *ctx, bool level)
{
    struct board *b = ctx;
    if (level && !b->ferr)
        vcpu_attend(b->m.c, EVENT_INTR);
    else if (!level)
        b->m.c->events &= ~(uint32_t)EVENT_INTR;
    b->ferr = level;
}

static int acknowledge(void *ctx)
{
    struct board *b = ctx;
    b->m.c->events &= ~(uint32_t)EVENT_INTR;
    return IRQ13;
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    struct board *b = ctx;
    (void)value;
    (void)size;
    b->m.c->ignne |= port == 0xF0;
}

static void start(struct board *b)
{
    struct machine *m = &b->m;
    b->ferr = false;
    machine_start(m, CPU_486);
    m->c->host = (struct vcpu_host){
        .ctx = b, .ferr = ferr, .interrupt_ack = acknowledge, .port_write = port_write};
    m->c->cr0 &= ~CR0_NE;
    /* fninit; push 33Bh; fldcw [esp]; fld1; fldz; fdivp (1/0); nop; fld1; hlt */
    PROGRAM(m, CODE, 0xDB, 0xE3, 0x68, 0x3B, 3, 0, 0, 0xD9, 0x2C, 0x24, 0xD9, 0xE8, 0xD9, 0xEE,
            0xDE, 0xF9, 0x90, 0xD9, 0xE8, 0xF4);
}
#define AT_NOP  (CODE + 16)
#define AT_FLD1 (CODE + 17)

/* With interrupts off the next waiting instruction waits; when they come on, IRQ 13's handler finds
 * it as the one to return to, and with IGNNE# asserted it runs. */
START_TEST(the_next_instruction_waits_for_irq_13)
{
    struct board b;
    start(&b);
    struct vcpu *c = b.m.c;
    PROGRAM(&b.m, 0x5000 + 16 * IRQ13, 0xE6, 0xF0, 0xCF); /* out F0h, al; iret */
    ck_assert_int_eq(machine_run(&b.m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, AT_FLD1);
    ck_assert_int_eq(machine_run(&b.m, 100), EXIT_HALT); /* still */
    ck_assert_uint_eq(c->eip, AT_FLD1);
    ck_assert_uint_eq(c->x87.top, 6); /* neither divided nor popped */
    c->eflags |= FLAG_IF;
    vcpu_attend(c, 0);
    ck_assert_int_eq(machine_run(&b.m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 20);
    ck_assert_uint_eq(c->interrupts, 1);
    ck_assert_uint_eq(c->x87.top, 5);
    machine_destroy(&b.m);
}
END_TEST

/* With interrupts on the error interrupts right behind the instruction that made it, in the middle
 * of a block. */
START_TEST(irq_13_comes_at_once)
{
    struct board b;
    start(&b);
    b.m.c->eflags |= FLAG_IF;
    machine_run_to_handler(&b.m, IRQ13);
    ck_assert_uint_eq(get32(&b.m, b.m.c->reg[ESP].d), AT_NOP);
    machine_destroy(&b.m);
}
END_TEST

START_TEST(non_waiting_instructions_do_not_wait)
{
    struct board b;
    start(&b);
    PROGRAM(&b.m, AT_NOP, 0xDF, 0xE0, 0xDB, 0xE2, 0xD9, 0xE8,
            0xF4); /* fnstsw ax; fnclex; fld1; hlt */
    ck_assert_int_eq(machine_run(&b.m, 100), EXIT_HALT);
    ck_assert_uint_eq(b.m.c->eip, AT_NOP + 7);
    ck_assert_uint_eq(b.m.c->reg[EAX].w & 0x80FF, 0x8084);
    ck_assert_uint_eq(b.m.c->events & EVENT_INTR, 0);
    machine_destroy(&b.m);
}
END_TEST

/* A real-mode program that ends in HLT. */
static void run_real(enum cpu_model model, const uint8_t *code, size_t len, struct machine *m)
{
    machine_create(m, model);
    physmap_poke(m->pm, CODE, code, len);
    segment_load_real(m->c, SEG_CS, 0, false);
    segment_load_real(m->c, SEG_DS, 0, false);
    segment_load_real(m->c, SEG_SS, 0, false);
    m->c->eip = CODE;
    m->c->reg[ESP].d = 0x7000;
    ck_assert_int_eq(machine_run(m, 100), EXIT_HALT);
    ck_assert_uint_eq(m->c->eip, CODE + len);
}
#define RUN_REAL(model, m, ...)                       \
    do {                                              \
        static const uint8_t code_[] = {__VA_ARGS__}; \
        run_real(model, code_, sizeof code_, m);      \
    } while (0)

/* How programs tell an 8087 from a 287: FDISI sets the interrupt mask bit of the control word. */
START_TEST(interrupt_mask_of_the_8087)
{
    static const struct {
        enum cpu_model model;
        uint16_t initial, cleared, disabled;
    } cases[] = {{CPU_8086, 0x3FF, 0x37F, 0x3FF},
                 {CPU_186, 0x3FF, 0x37F, 0x3FF},
                 {CPU_286, 0x37F, 0x37F, 0x37F},
                 {CPU_386, 0x37F, 0x37F, 0x37F}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        /* fninit; fnstcw [A000h]; fneni; fnstcw [A002h]; fndisi; fnstcw [A004h]; hlt */
        RUN_REAL(cases[n].model, &m, 0xDB, 0xE3, 0xD9, 0x3E, 0x00, 0xA0, 0xDB, 0xE0, 0xD9, 0x3E,
                 0x02, 0xA0, 0xDB, 0xE1, 0xD9, 0x3E, 0x04, 0xA0, 0xF4);
        ck_assert_uint_eq(get16(&m, 0xA000), cases[n].initial);
        ck_assert_uint_eq(get16(&m, 0xA002), cases[n].cleared);
        ck_assert_uint_eq(get16(&m, 0xA004), cases[n].disabled);
        machine_destroy(&m);
    }
}
END_TEST

/* How programs tell a 287 from a 387: to it, plus and minus infinity are one. */
START_TEST(projective_infinity)
{
    for (enum cpu_model model = CPU_8086; model <= CPU_486; model++) {
        bool old = model <= CPU_286;
        struct machine m;
        /* fninit; fld1; fldz; fdivp; fld st0; fchs; fcompp; fnstsw [A000h]; hlt */
        RUN_REAL(model, &m, 0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0xD9, 0xC0, 0xD9, 0xE0,
                 0xDE, 0xD9, 0xDD, 0x3E, 0x00, 0xA0, 0xF4);
        ck_assert_uint_eq(get16(&m, 0xA000), old ? 0x4004 : 0x0104);
        machine_destroy(&m);
        /* the same with fldcw [A010h] of affine infinity behind fninit: words are zero: set first
         * mov word [A010h], 137Fh */
        RUN_REAL(model, &m, 0xC7, 0x06, 0x10, 0xA0, 0x7F, 0x13, 0xDB, 0xE3, 0xD9, 0x2E, 0x10, 0xA0,
                 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0xD9, 0xC0, 0xD9, 0xE0, 0xDE, 0xD9, 0xDD, 0x3E,
                 0x00, 0xA0, 0xF4);
        ck_assert_uint_eq(get16(&m, 0xA000), 0x0104);
        machine_destroy(&m);
        /* infinity against 1: fninit; fld1; fld1; fldz; fdivp; fcompp; fnstsw: no order, invalid */
        RUN_REAL(model, &m, 0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0xDE, 0xD9,
                 0xDD, 0x3E, 0x00, 0xA0, 0xF4);
        ck_assert_uint_eq(get16(&m, 0xA000), old ? 0x4505 : 0x0004);
        machine_destroy(&m);
        /* infinity + infinity, its root: fninit; fld1; fldz; fdivp; fld st0; fadd st0, st1;
         * fnstsw [A000h]; fnclex; fld st1; fsqrt; fnstsw [A002h]; hlt */
        RUN_REAL(model, &m, 0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0xD9, 0xC0, 0xD8, 0xC1,
                 0xDD, 0x3E, 0x00, 0xA0, 0xDB, 0xE2, 0xD9, 0xC1, 0xD9, 0xFA, 0xDD, 0x3E, 0x02, 0xA0,
                 0xF4);
        ck_assert_uint_eq(get16(&m, 0xA000) & FP_IE, old ? FP_IE : 0);
        ck_assert_uint_eq(get16(&m, 0xA002) & FP_IE, old ? FP_IE : 0);
        machine_destroy(&m);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_next_instruction_waits_for_irq_13, irq_13_comes_at_once,
                                  non_waiting_instructions_do_not_wait, interrupt_mask_of_the_8087,
                                  projective_infinity};
    return run_tests("coprocessor", tests, ARRAY_LEN(tests));
}
