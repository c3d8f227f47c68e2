/* Hardware task switching: JMP, CALL, IRET, task gates, 16-bit TSSs, faults on the way, and the I/O
 * permission bitmap. Task A runs in TSS_A from the start; task B is at TSS_B. */
#include "tests/cpu/harness.h"

#define TASK_B_CODE  0xB000u
#define TASK_B_STACK 0xBF00u

static uint8_t tss_access(struct machine *m, uint16_t selector)
{
    return m->ram[GDT + (selector & ~7u) + 5];
}

/* Task B: ring 0, at TASK_B_CODE, EAX = B0B0B0B0h. */
static void put_task_b(struct machine *m)
{
    put(m, TSS_B + 0x20, TASK_B_CODE, 4);
    put(m, TSS_B + 0x24, FLAG_ONE | FLAG_CF, 4);
    put(m, TSS_B + 0x28, 0xB0B0B0B0, 4);
    put(m, TSS_B + 0x38, TASK_B_STACK, 4);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        put(m, TSS_B + 0x48 + 4 * s, s == SEG_CS ? CODE0 : DATA0, 4);
    put(m, TSS_B + 0x60, 0, 4);
    put(m, TSS_B + 0x64, 0x00680000, 4);
}

static void task_machine(struct machine *m)
{
    machine_start(m, CPU_P4);
    put_task_b(m);
    m->c->reg[EAX].d = 0xA0A0A0A0;
}

START_TEST(jump_saves_and_loads)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    flags_set(c, FLAG_ZF, FLAGS_ARITH);
    MUST_NOT_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, CODE + 7));
    ck_assert_uint_eq(c->eip, TASK_B_CODE);
    ck_assert_uint_eq(c->reg[EAX].d, 0xB0B0B0B0);
    ck_assert_uint_eq(c->reg[ESP].d, TASK_B_STACK);
    ck_assert_uint_eq(flags_get(c), FLAG_ONE | FLAG_CF);
    ck_assert_uint_eq(c->tr.selector, SEL_TSS_B);
    ck_assert(c->cr0 & CR0_TS);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_A), 0x89); /* available again */
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_B), 0x8B);
    ck_assert_uint_eq(get32(&m, TSS_A + 0x20), CODE + 7);
    ck_assert_uint_eq(get32(&m, TSS_A + 0x24), FLAG_ONE | FLAG_ZF);
    ck_assert_uint_eq(get32(&m, TSS_A + 0x28), 0xA0A0A0A0);
    ck_assert_uint_eq(get16(&m, TSS_A + 0x48 + 4 * SEG_CS), CODE0);
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0), VEC_GP, SEL_TSS_B); /* busy */
    machine_destroy(&m);
}
END_TEST

START_TEST(call_nests_and_iret_returns)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x9A, 0, 0, 0, 0, SEL_TSS_B, 0, 0xF4); /* call far TSS_B; hlt */
    PROGRAM(&m, TASK_B_CODE, 0x40, 0xCF, 0x40, 0xF4);        /* inc eax; iret; inc eax; hlt */
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 8);
    ck_assert_uint_eq(c->reg[EAX].d, 0xA0A0A0A0);
    ck_assert_uint_eq(c->tr.selector, SEL_TSS_A);
    ck_assert_uint_eq(c->eflags & FLAG_NT, 0);
    ck_assert_uint_eq(get16(&m, TSS_B), SEL_TSS_A);
    ck_assert_uint_eq(get32(&m, TSS_B + 0x28), 0xB0B0B0B1);
    ck_assert_uint_eq(get32(&m, TSS_B + 0x20), TASK_B_CODE + 2);
    ck_assert_uint_eq(get32(&m, TSS_B + 0x24) & FLAG_NT, 0);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_A), 0x8B);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_B), 0x89);
    /* Called again it goes on behind its IRET, with NT set and the link to A. */
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, TASK_B_CODE + 4);
    ck_assert_uint_eq(c->eflags & FLAG_NT, FLAG_NT);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_A), 0x8B); /* both busy */
    machine_destroy(&m);
}
END_TEST

START_TEST(exception_through_task_gate)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put_gate(&m, IDT + 8 * VEC_GP, SEL_TSS_B, 0, 0x85, 0);
    PROGRAM(&m, CODE, 0xCD, 0xFF);
    put_gate(&m, IDT + 8 * 0xFF, CODE0, 0, 0x8C, 0); /* a call gate in the IDT: #GP */
    PROGRAM(&m, TASK_B_CODE, 0xF4);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->tr.selector, SEL_TSS_B);
    ck_assert_uint_eq(c->reg[ESP].d, TASK_B_STACK - 4);
    ck_assert_uint_eq(get32(&m, TASK_B_STACK - 4), 0xFF * 8 + 2);
    ck_assert_uint_eq(get32(&m, TSS_A + 0x20), CODE);
    ck_assert(get32(&m, TSS_A + 0x24) & FLAG_RF); /* a fault: its own breakpoint is not met again */
    ck_assert_uint_eq(c->eflags & FLAG_RF, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(faults_before_the_switch_leave_the_old_task)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put_segment(&m, GDT + SEL_TSS_B, TSS_B, 0x66, 0x89, 0); /* too short */
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0), VEC_TS, SEL_TSS_B);
    put_segment(&m, GDT + SEL_TSS_B, TSS_B, 0x67, 0x09, 0); /* not present */
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0), VEC_NP, SEL_TSS_B);
    put_segment(&m, GDT + SEL_TSS_B, TSS_B, 0x67, 0x89, 0);
    machine_to_user(&m, FLAG_ONE);
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B | 3, 0, 4, 0), VEC_GP, SEL_TSS_B);
    ck_assert_uint_eq(c->tr.selector, SEL_TSS_A);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_A), 0x8B);
    machine_destroy(&m);
}
END_TEST

START_TEST(faults_after_the_switch_are_the_new_tasks)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put(&m, TSS_B + 0x48 + 4 * SEG_DS, ABSENT, 4);
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0), VEC_NP, ABSENT);
    ck_assert_uint_eq(c->tr.selector, SEL_TSS_B);
    ck_assert_uint_eq(c->eip, TASK_B_CODE);
    ck_assert_ptr_null(c->cur);
    machine_destroy(&m);

    task_machine(&m);
    put(&m, TSS_B + 0x48 + 4 * SEG_SS, DATA3, 4);
    MUST_FAULT(&m, far_jump(m.c, SEL_TSS_B, 0, 4, 0), VEC_TS, DATA3 & ~3);
    machine_destroy(&m);

    task_machine(&m);
    put(&m, TSS_B + 0x60, SEL_TSS_A, 4); /* not an LDT */
    MUST_FAULT(&m, far_jump(m.c, SEL_TSS_B, 0, 4, 0), VEC_TS, SEL_TSS_A);
    machine_destroy(&m);
}
END_TEST

/* INC EAX three times, then a jump into a task whose DS is absent; the handler halts. */
static uint64_t insns_to_the_handler(uint64_t slice)
{
    struct machine m;
    task_machine(&m);
    put(&m, TSS_B + 0x48 + 4 * SEG_DS, ABSENT, 4);
    PROGRAM(&m, CODE, 0x40, 0x40, 0x40, 0xEA, 0, 0, 0, 0, SEL_TSS_B, 0);
    enum vcpu_exit why = EXIT_BUDGET;
    for (unsigned n = 0; n < 20 && why == EXIT_BUDGET; n++)
        why = interp_run(m.c, slice);
    ck_assert_int_eq(why, EXIT_HALT);
    ck_assert_uint_eq(get32(&m, TSS_A + 0x28), 0xA0A0A0A3);
    uint64_t insns = vcpu_insns(m.c);
    machine_destroy(&m);
    return insns;
}

/* Three INCs, the fault, HLT; however the run is cut. The jump is not finished: it is the fault. */
START_TEST(faults_after_the_switch_count_what_ran_before)
{
    for (uint64_t slice = 1; slice < 8; slice++)
        ck_assert_uint_eq(insns_to_the_handler(slice), 5);
}
END_TEST

START_TEST(task_with_ldt_and_page_tables)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    for (unsigned n = 0; n < 1024; n++) {
        put(&m, 0x100000 + 4 * n, n << 22 | 0x87, 4); /* 4 MiB pages, each to itself */
        put(&m, 0x101000 + 4 * n, n << 22 | 0x87, 4);
    }
    put(&m, 0x101004, 0x87, 4); /* in B's space 400000h is 0 */
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_PSE));
    MUST_NOT_FAULT(&m, control_write_cr3(c, 0x100000));
    MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG));
    put(&m, TSS_B + 0x1C, 0x101000, 4);
    put_segment(&m, LDT + 8, 0x400000, 0xFFF, 0x92, 4);
    put(&m, TSS_B + 0x60, SEL_LDT, 4);
    put(&m, TSS_B + 0x48 + 4 * SEG_FS, 0x0C, 4); /* LDT entry 1 */
    put(&m, 0x10, 0x77, 1);
    MUST_NOT_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0));
    ck_assert_uint_eq(c->cr3, 0x101000);
    MUST_NOT_FAULT(&m, ck_assert_uint_eq(load8(c, &m.insn, SEG_FS, 0x10), 0x77));
    machine_destroy(&m);
}
END_TEST

START_TEST(task_of_the_286)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put_segment(&m, GDT + SEL_TSS_B, TSS_B, 0x2B, 0x81, 0);
    memset(m.ram + TSS_B, 0, 0x68);
    put(&m, TSS_B + 0x0E, TASK_B_CODE, 2);
    put(&m, TSS_B + 0x10, FLAG_ONE, 2);
    put(&m, TSS_B + 0x12, 0x1234, 2);
    put(&m, TSS_B + 0x22 + 2, CODE0, 2);
    put(&m, TSS_B + 0x22 + 4, DATA0, 2);
    MUST_NOT_FAULT(&m, far_call(c, SEL_TSS_B, 0, 4, CODE + 7));
    ck_assert_uint_eq(c->reg[EAX].w, 0x1234);
    ck_assert_uint_eq(c->eip, TASK_B_CODE);
    ck_assert_uint_eq(tss_access(&m, SEL_TSS_B), 0x83);
    ck_assert_uint_eq(get16(&m, TSS_B), SEL_TSS_A);
    MUST_NOT_FAULT(&m, interrupt_return(c, 4, TASK_B_CODE + 1));
    ck_assert_uint_eq(c->eip, CODE + 7);
    ck_assert_uint_eq(get16(&m, TSS_B + 0x0E), TASK_B_CODE + 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(trap_bit)
{
    struct machine m;
    task_machine(&m);
    put(&m, TSS_B + 0x64, 1, 1);
    PROGRAM(&m, CODE, 0xEA, 0, 0, 0, 0, SEL_TSS_B, 0); /* jmp far TSS_B */
    PROGRAM(&m, TASK_B_CODE, 0x40, 0x40);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), TASK_B_CODE);
    ck_assert_uint_eq(m.c->dr[6], 0xFFFF8FF0);
    machine_destroy(&m);
}
END_TEST

START_TEST(task_in_v86_mode)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put(&m, TSS_B + 0x24, FLAG_VM | FLAG_ONE, 4);
    put(&m, TSS_B + 0x20, 0x10, 4);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        put(&m, TSS_B + 0x48 + 4 * s, 0x1000 + s, 4);
    MUST_NOT_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0));
    ck_assert(vcpu_is_v86(c));
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->seg[SEG_CS].base, 0x10010);
    ck_assert_uint_eq(c->eip, 0x10);
    machine_destroy(&m);
}
END_TEST

START_TEST(io_permission_bitmap)
{
    struct machine m;
    task_machine(&m);
    struct vcpu *c = m.c;
    put(&m, TSS_A + 0x66, 0x68, 2);
    memset(m.ram + TSS_A + 0x68, 0xFF, 0x100);
    m.ram[TSS_A + 0x68 + 0x60 / 8] = 0xEE;    /* ports 60h and 64h are open */
    MUST_NOT_FAULT(&m, io_check(c, 0x61, 1)); /* CPL 0 */
    machine_to_user(&m, FLAG_ONE);
    MUST_NOT_FAULT(&m, io_check(c, 0x60, 1));
    MUST_NOT_FAULT(&m, io_check(c, 0x64, 1));
    MUST_FAULT(&m, io_check(c, 0x61, 1), VEC_GP, 0);
    MUST_FAULT(&m, io_check(c, 0x60, 2), VEC_GP, 0);
    c->tr.limit = 0x68 + 0x60 / 8; /* the second byte read lies beyond */
    MUST_FAULT(&m, io_check(c, 0x60, 1), VEC_GP, 0);
    c->tr.limit = 0x1FF;
    MUST_FAULT(&m, io_check(c, 0xFFFF, 1), VEC_GP, 0);
    c->eflags |= FLAG_IOPL;
    MUST_NOT_FAULT(&m, io_check(c, 0x61, 1));
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {jump_saves_and_loads,
                                  call_nests_and_iret_returns,
                                  exception_through_task_gate,
                                  faults_before_the_switch_leave_the_old_task,
                                  faults_after_the_switch_are_the_new_tasks,
                                  faults_after_the_switch_count_what_ran_before,
                                  task_with_ldt_and_page_tables,
                                  task_of_the_286,
                                  trap_bit,
                                  task_in_v86_mode,
                                  io_permission_bitmap};
    return run_tests("task", tests, ARRAY_LEN(tests));
}
