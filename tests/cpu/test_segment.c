/* Segment loads, limits and rights, far transfers and call gates. */
#include "tests/cpu/harness.h"

START_TEST(data_segment_checks)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, READ_ONLY));
    ck_assert_msg(m.ram[GDT + READ_ONLY + 5] & 1, "the accessed bit was not set");
    MUST_FAULT(&m, segment_load(c, SEG_DS, EXEC_ONLY), VEC_GP, EXEC_ONLY);
    MUST_FAULT(&m, segment_load(c, SEG_DS, ABSENT), VEC_NP, ABSENT);
    MUST_FAULT(&m, segment_load(c, SEG_DS, GDT_SIZE), VEC_GP, GDT_SIZE);
    MUST_FAULT(&m, segment_load(c, SEG_DS, 0x0C), VEC_GP, 0x0C); /* no LDT */
    MUST_FAULT(&m, segment_load(c, SEG_DS, SEL_TSS_B), VEC_GP, SEL_TSS_B);
    MUST_FAULT(&m, segment_load(c, SEG_DS, DATA0 | 3), VEC_GP, DATA0); /* RPL above DPL */
    MUST_FAULT(&m, segment_load(c, SEG_SS, 0), VEC_GP, 0);
    MUST_FAULT(&m, segment_load(c, SEG_SS, READ_ONLY), VEC_GP, READ_ONLY);
    MUST_FAULT(&m, segment_load(c, SEG_SS, DATA3), VEC_GP, DATA3 & ~3);
    put_segment(&m, GDT + ABSENT, 0, 0xFFFF, 0x12, 0);
    MUST_FAULT(&m, segment_load(c, SEG_SS, ABSENT), VEC_SS, ABSENT);
    ck_assert_uint_eq(c->seg[SEG_DS].selector, READ_ONLY);
    ck_assert_uint_eq(c->seg[SEG_SS].selector, DATA0);
    machine_destroy(&m);
}
END_TEST

START_TEST(access_checks)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, READ_ONLY));
    MUST_NOT_FAULT(&m, load32(c, &m.insn, SEG_DS, 0xFFFC));
    MUST_FAULT(&m, load32(c, &m.insn, SEG_DS, 0xFFFD), VEC_GP, 0);
    MUST_FAULT(&m, load32(c, &m.insn, SEG_DS, 0xFFFFFFFE), VEC_GP, 0);
    MUST_FAULT(&m, store8(c, &m.insn, SEG_DS, 0, 1), VEC_GP, 0);
    MUST_FAULT(&m, store8(c, &m.insn, SEG_CS, 0, 1), VEC_GP, 0);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, 3)); /* null with an RPL */
    MUST_FAULT(&m, load8(c, &m.insn, SEG_ES, 0), VEC_GP, 0);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, EXPAND_DOWN));
    MUST_FAULT(&m, load8(c, &m.insn, SEG_ES, 0xFFF), VEC_GP, 0);
    MUST_NOT_FAULT(&m, load8(c, &m.insn, SEG_ES, 0x1000));
    MUST_NOT_FAULT(&m, store16(c, &m.insn, SEG_ES, 0xFFFE, 1));
    MUST_FAULT(&m, store16(c, &m.insn, SEG_ES, 0xFFFF, 1), VEC_GP, 0);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_SS, EXPAND_DOWN));
    MUST_FAULT(&m, load8(c, &m.insn, SEG_SS, 0), VEC_SS, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(word_at_ffff)
{
    struct machine m;
    machine_create(&m, CPU_8086);
    put(&m, 0xFFFF, 0x11, 1);
    put(&m, 0x10000, 0x22, 1);
    put(&m, 0, 0x33, 1);
    ck_assert_uint_eq(load16(m.c, &m.insn, SEG_DS, 0xFFFF), 0x3311);
    machine_destroy(&m);
    machine_create(&m, CPU_186);
    put(&m, 0xFFFF, 0x11, 1);
    put(&m, 0x10000, 0x22, 1);
    ck_assert_uint_eq(load16(m.c, &m.insn, SEG_DS, 0xFFFF), 0x2211);
    machine_destroy(&m);
    machine_create(&m, CPU_286);
    MUST_FAULT(&m, load16(m.c, &m.insn, SEG_DS, 0xFFFF), VEC_GP, 0);
    MUST_FAULT(&m, load16(m.c, &m.insn, SEG_SS, 0xFFFF), VEC_GP, 0); /* as hardware vectors show */
    machine_destroy(&m);
    machine_create(&m, CPU_386);
    MUST_FAULT(&m, load16(m.c, &m.insn, SEG_SS, 0xFFFF), VEC_SS, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(unreal_mode_keeps_limits)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put(&m, 0x200010, 0xAB, 1);
    MUST_NOT_FAULT(&m, control_write_cr0(c, 0));
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, 1));
    MUST_NOT_FAULT(&m, ck_assert_uint_eq(load8(c, &m.insn, SEG_DS, 0x200000), 0xAB));
    machine_destroy(&m);
}
END_TEST

START_TEST(jump_checks)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_FAULT(&m, far_jump(c, 0, 0, 4, 0), VEC_GP, 0);
    MUST_FAULT(&m, far_jump(c, DATA0, 0, 4, 0), VEC_GP, DATA0);
    MUST_FAULT(&m, far_jump(c, CODE3, 0, 4, 0), VEC_GP, CODE3 & ~3);
    MUST_FAULT(&m, far_jump(c, EXEC_ONLY, 0x10000, 4, 0), VEC_GP, 0);
    MUST_NOT_FAULT(&m, far_jump(c, EXEC_ONLY, 0x1234, 4, 0));
    ck_assert_uint_eq(c->eip, 0x1234);
    ck_assert_uint_eq(c->code32, 0);
    machine_to_user(&m, 2);
    MUST_FAULT(&m, far_jump(c, CODE0, 0, 4, 0), VEC_GP, CODE0);
    MUST_NOT_FAULT(&m, far_jump(c, CONFORMING, 0x100, 4, 0));
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, CONFORMING | 3);
    machine_destroy(&m);
}
END_TEST

START_TEST(call_gate_copies_parameters)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put_gate(&m, GDT + GATE, CODE0, 0x4321, 0xEC, 2); /* 32-bit, DPL 3, two parameters */
    machine_to_user(&m, 2);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, DATA3));
    put(&m, STACK3, 0x11111111, 4);
    put(&m, STACK3 + 4, 0x22222222, 4);
    MUST_NOT_FAULT(&m, far_call(c, GATE | 3, 0xDEAD, 4, 0x8007));
    ck_assert_uint_eq(c->cpl, 0);
    ck_assert_uint_eq(c->eip, 0x4321);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, CODE0);
    ck_assert_uint_eq(c->seg[SEG_SS].selector, DATA0);
    ck_assert_uint_eq(c->reg[ESP].d, STACK - 24);
    const uint32_t expected[6] = {0x8007, CODE3, 0x11111111, 0x22222222, STACK3, DATA3};
    ck_assert_mem_eq(m.ram + STACK - 24, expected, sizeof expected);

    MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, DATA0));
    MUST_NOT_FAULT(&m, far_return(c, 4, 8));
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->eip, 0x8007);
    ck_assert_uint_eq(c->reg[ESP].d, STACK3 + 8);
    ck_assert_uint_eq(c->seg[SEG_ES].selector, 0); /* not for ring 3 */
    ck_assert_uint_eq(c->seg[SEG_DS].selector, DATA3);
    machine_destroy(&m);
}
END_TEST

START_TEST(call_gate_16_bit)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, GDT + GATE, CODE0, 0x4321, 0xE4, 1);
    machine_to_user(&m, 2);
    put(&m, STACK3, 0x5555, 2);
    MUST_NOT_FAULT(&m, far_call(m.c, GATE | 3, 0, 4, 0x8007));
    const uint16_t expected[5] = {0x8007, CODE3, 0x5555, STACK3, DATA3};
    ck_assert_uint_eq(m.c->reg[ESP].d, STACK - 10);
    ck_assert_mem_eq(m.ram + STACK - 10, expected, sizeof expected);
    machine_destroy(&m);
}
END_TEST

START_TEST(call_gate_faults_leave_all_as_it_was)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put_gate(&m, GDT + GATE, CODE0, 0x4321, 0x8C, 0); /* DPL 0 */
    machine_to_user(&m, 2);
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_GP, GATE);
    put_gate(&m, GDT + GATE, CODE0, 0x4321, 0x6C, 0); /* not present */
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_NP, GATE);
    put_gate(&m, GDT + GATE, DATA0, 0x4321, 0xEC, 0);
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_GP, DATA0);
    put_gate(&m, GDT + GATE, CODE0, 0x4321, 0xEC, 0);
    put(&m, TSS_A + 8, DATA3, 4); /* a stack of the wrong level */
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_TS, DATA3 & ~3);
    put(&m, TSS_A + 8, 0, 4);
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_TS, 0);
    put(&m, TSS_A + 8, ABSENT, 4);
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_SS, ABSENT);
    put_segment(&m, GDT + 0x80, 0, 0xFFF, 0x92, 4); /* a stack too short for the frame */
    put(&m, TSS_A + 8, 0x80, 4);
    MUST_FAULT(&m, far_call(c, GATE | 3, 0, 4, 0), VEC_SS, 0x80);
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->reg[ESP].d, STACK3);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, CODE3);
    ck_assert_uint_eq(c->seg[SEG_SS].selector, DATA3);
    machine_destroy(&m);
}
END_TEST

START_TEST(return_checks)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->reg[ESP].d = 0x6000;
    const uint32_t bad_stack[4] = {0x100, CODE3, 0x9000, DATA0};
    memcpy(m.ram + 0x6000, bad_stack, sizeof bad_stack);
    MUST_FAULT(&m, far_return(c, 4, 0), VEC_GP, DATA0);
    put(&m, 0x6004, 0, 4);
    MUST_FAULT(&m, far_return(c, 4, 0), VEC_GP, 0);
    put(&m, 0x6004, CODE3 & ~3, 4); /* RPL 0, DPL 3 */
    MUST_FAULT(&m, far_return(c, 4, 0), VEC_GP, CODE3 & ~3);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6000);
    machine_to_user(&m, 2);
    put(&m, STACK3, 0x100, 4);
    put(&m, STACK3 + 4, CODE0, 4); /* inwards */
    MUST_FAULT(&m, far_return(c, 4, 0), VEC_GP, CODE0);
    machine_destroy(&m);
}
END_TEST

START_TEST(alignment_check)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_AM));
    MUST_NOT_FAULT(&m, load32(c, &m.insn, SEG_SS, 0x101)); /* CPL 0 is exempt */
    machine_to_user(&m, 2 | FLAG_AC);
    MUST_NOT_FAULT(&m, load32(c, &m.insn, SEG_SS, 0x100));
    MUST_FAULT(&m, load32(c, &m.insn, SEG_SS, 0x101), VEC_AC, 0);
    MUST_FAULT(&m, store16(c, &m.insn, SEG_SS, 0x101, 0), VEC_AC, 0);
    MUST_NOT_FAULT(&m, load8(c, &m.insn, SEG_SS, 0x101));
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {data_segment_checks, access_checks,
                                  word_at_ffff,        unreal_mode_keeps_limits,
                                  jump_checks,         call_gate_copies_parameters,
                                  call_gate_16_bit,    call_gate_faults_leave_all_as_it_was,
                                  return_checks,       alignment_check};
    return run_tests("segment", tests, ARRAY_LEN(tests));
}
