/* MONITOR and MWAIT: what ends the wait, what does not let it begin, and who may use them. */
#include "cpu/model.h"
#include "tests/cpu/harness.h"

#define LINE 0xA040u

/* monitor; mwait; hlt, with EAX at the line. */
static void start(struct machine *m)
{
    machine_start(m, CPU_P4);
    PROGRAM(m, CODE, 0x0F, 0x01, 0xC8, 0x0F, 0x01, 0xC9, 0xF4);
    m->c->reg[EAX].d = LINE + 5;
    m->c->reg[ECX].d = m->c->reg[EDX].d = 0;
}

/* Goes on after a halt, without waking. */
static enum vcpu_exit go_on(struct machine *m)
{
    return interp_run(m->c, 100);
}

START_TEST(a_write_by_a_device_ends_the_wait)
{
    struct machine m;
    start(&m);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 6);
    ck_assert_uint_eq(m.c->insns, 2);
    put(&m, LINE - 1, 1, 1); /* beside the line */
    put(&m, LINE + 64, 1, 1);
    ck_assert_int_eq(go_on(&m), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 6);
    put(&m, LINE + 63, 1, 1);
    ck_assert_int_eq(go_on(&m), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 7);
    machine_destroy(&m);
}
END_TEST

START_TEST(an_interrupt_ends_the_wait)
{
    struct machine m;
    start(&m);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    vcpu_attend(m.c, EVENT_INTR); /* IF is clear */
    ck_assert_int_eq(go_on(&m), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 6);
    vcpu_attend(m.c, EVENT_NMI);
    ck_assert_int_eq(go_on(&m), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, 0x5000 + 16 * VEC_NMI + 1);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), CODE + 6);
    put(&m, LINE, 1, 1); /* the handler's HLT is none of the monitor's */
    ck_assert_int_eq(go_on(&m), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, 0x5000 + 16 * VEC_NMI + 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(no_wait_without_an_armed_line)
{
    struct machine m;
    start(&m);
    m.c->eip = CODE + 3; /* mwait alone */
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 7);
    machine_destroy(&m);
    start(&m); /* monitor; inc byte [LINE]; mwait; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x01, 0xC8, 0xFE, 0x05, 0x40, 0xA0, 0, 0, 0x0F, 0x01, 0xC9, 0xF4);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 13);
    machine_destroy(&m);
}
END_TEST

START_TEST(faults)
{
    struct machine m;
    start(&m); /* no extensions are known */
    m.c->reg[ECX].d = 1;
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
    start(&m);
    m.c->reg[ECX].d = 1;
    m.c->eip = CODE + 3;
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
    start(&m); /* only for ring 0 */
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    machine_destroy(&m);
    start(&m); /* switched off */
    m.c->misc_enable &= ~MISC_ENABLE_MONITOR;
    ck_assert_uint_eq(cpuid_leaf(m.c, 1, 0).ecx, 1);
    machine_run_to_handler(&m, VEC_UD);
    machine_destroy(&m);
    start(&m); /* the operand is read */
    m.c->seg[SEG_DS].limit = 0xFFF;
    segment_update(m.c, SEG_DS);
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_write_by_a_device_ends_the_wait, an_interrupt_ends_the_wait,
                                  no_wait_without_an_armed_line, faults};
    return run_tests("monitor", tests, ARRAY_LEN(tests));
}
