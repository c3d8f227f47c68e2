/* Exceptions and interrupts as the engine delivers them: frames, error codes, privilege changes,
 * V86 mode, double and triple faults, debug traps. */
#include "tests/cpu/harness.h"

/* Word n (from the top of stack on) of the current stack. */
static uint32_t stacked(struct machine *m, unsigned n)
{
    return get32(m, m->c->reg[ESP].d + 4 * n);
}

START_TEST(fault_pushes_its_own_address)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0x90, 0x0F, 0x0B); /* nop; ud2 */
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(stacked(&m, 0), CODE + 1);
    ck_assert_uint_eq(stacked(&m, 1), CODE0);
    ck_assert_uint_eq(stacked(&m, 2), FLAG_RF | FLAG_ONE);
    machine_destroy(&m);
}
END_TEST

START_TEST(fault_from_user_changes_stack)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    machine_to_user(&m, FLAG_IF | FLAG_CF | FLAG_ONE);
    PROGRAM(&m, CODE, 0x0F, 0x20, 0xC0); /* mov eax, cr0 */
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(m.c->cpl, 0);
    ck_assert_uint_eq(m.c->reg[ESP].d, STACK - 24);
    const uint32_t frame[6] = {0,      CODE, CODE3, FLAG_RF | FLAG_IF | FLAG_CF | FLAG_ONE,
                               STACK3, DATA3};
    ck_assert_mem_eq(m.ram + STACK - 24, frame, sizeof frame);
    ck_assert_uint_eq(m.c->eflags & FLAG_IF, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(software_interrupts)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    machine_to_user(&m, FLAG_ONE);
    PROGRAM(&m, CODE, 0xCD, 0x30); /* int 30h, gate's DPL is 0 */
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(stacked(&m, 0), 0x30 * 8 + 2);
    ck_assert_uint_eq(stacked(&m, 1), CODE);
    put_gate(&m, IDT + 8 * 0x30, CODE0, 0x5300, 0xEF, 0); /* trap gate, DPL 3 */
    machine_to_user(&m, FLAG_IF | FLAG_ONE);
    machine_run_to_handler(&m, 0x30);
    ck_assert_uint_eq(stacked(&m, 0), CODE + 2);
    ck_assert_uint_eq(m.c->eflags & FLAG_IF, FLAG_IF);    /* a trap gate leaves IF */
    put_gate(&m, IDT + 8 * 0x30, CODE0, 0x5300, 0x6F, 0); /* not present */
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_NP);
    ck_assert_uint_eq(stacked(&m, 0), 0x30 * 8 + 2);
    machine_destroy(&m);
}
END_TEST

START_TEST(gate_of_16_bits)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, IDT + 8 * 0x30, CODE0, 0x5300, 0x86, 0);
    PROGRAM(&m, CODE, 0xCD, 0x30);
    machine_run_to_handler(&m, 0x30);
    ck_assert_uint_eq(m.c->reg[ESP].d, 0x6F00 - 6);
    ck_assert_uint_eq(get16(&m, 0x6F00 - 6), CODE + 2);
    machine_destroy(&m);
}
END_TEST

START_TEST(external_interrupt_sets_ext)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, IDT + 8 * 0x20, CODE0, 0x5200, 0x0E, 0); /* not present */
    interrupt_deliver(m.c, 0x20);
    ck_assert_uint_eq(m.c->eip, 0x5000 + 16 * VEC_NP);
    ck_assert_uint_eq(stacked(&m, 0), 0x20 * 8 + 2 + 1);
    ck_assert_uint_eq(stacked(&m, 1), CODE);
    machine_destroy(&m);
}
END_TEST

START_TEST(double_fault)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, IDT + 8 * VEC_GP, CODE0, 0, 0x0E, 0); /* #GP's gate is not present: #NP in #GP */
    PROGRAM(&m, CODE, 0xCD, 0xFF);
    put_gate(&m, IDT + 8 * 0xFF, 0, 0, 0x8E, 0); /* a null selector: #GP */
    machine_run_to_handler(&m, VEC_DF);
    ck_assert_uint_eq(stacked(&m, 0), 0);
    ck_assert_uint_eq(stacked(&m, 1), CODE);
    machine_destroy(&m);
}
END_TEST

START_TEST(benign_fault_then_contributory_is_no_double_fault)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, IDT + 8 * VEC_UD, CODE0, 0, 0x0E, 0);
    PROGRAM(&m, CODE, 0x0F, 0x0B);
    machine_run_to_handler(&m, VEC_NP);
    ck_assert_uint_eq(stacked(&m, 0), VEC_UD * 8 + 2 + 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(triple_fault)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    m.c->idtr.limit = 0;
    PROGRAM(&m, CODE, 0x0F, 0x0B);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_SHUTDOWN);
    ck_assert_uint_eq(m.c->eip, CODE);
    machine_destroy(&m);
}
END_TEST

START_TEST(real_mode_interrupt_and_return)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, 0x8000, 0xF9, 0xFB, 0xCD, 0x40, 0xF4); /* stc; sti; int 40h; hlt */
    PROGRAM(&m, 0x8100, 0x9C, 0x58, 0xCF);             /* pushf; pop ax; iret */
    put(&m, 4 * 0x40, 0x08000100, 4);                  /* 0800:0100 */
    segment_load_real(c, SEG_CS, 0x0800, false);
    c->eip = 0;
    c->reg[ESP].d = 0x7000;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, 5);
    ck_assert_uint_eq(c->reg[EAX].w & (FLAG_IF | FLAG_CF), FLAG_CF);
    ck_assert_uint_eq(flags_get(c) & (FLAG_IF | FLAG_CF), FLAG_IF | FLAG_CF);
    ck_assert_uint_eq(c->reg[ESP].d, 0x7000);
    machine_destroy(&m);
}
END_TEST

/* Enters V86 mode at 0900:0000 by IRETD. */
static void machine_to_v86(struct machine *m, uint32_t eflags)
{
    const uint32_t frame[9] = {0,      0x0900, eflags | FLAG_VM, 0x8000, 0x0A00,
                               0x1111, 0x2222, 0x3333,           0x4444};
    m->c->reg[ESP].d = 0x6F00 - sizeof frame;
    memcpy(m->ram + m->c->reg[ESP].d, frame, sizeof frame);
    MUST_NOT_FAULT(m, interrupt_return(m->c, 4, 0));
    ck_assert(vcpu_is_v86(m->c));
    ck_assert_uint_eq(m->c->cpl, 3);
}

START_TEST(v86_monitor_round_trip)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    machine_to_v86(&m, FLAG_IF | FLAG_ONE);
    PROGRAM(&m, 0x9000, 0xCD, 0x21, 0xF4); /* int 21h; hlt: both are the monitor's */
    machine_run_to_handler(&m, VEC_GP);
    const uint32_t frame[10] = {0,      0,      0x0900, FLAG_VM | FLAG_RF | FLAG_IF | FLAG_ONE,
                                0x8000, 0x0A00, 0x1111, 0x2222,
                                0x3333, 0x4444};
    ck_assert_mem_eq(m.ram + c->reg[ESP].d, frame, sizeof frame);
    ck_assert_uint_eq(c->reg[ESP].d, STACK - 40);
    ck_assert(!vcpu_is_v86(c));
    ck_assert_uint_eq(c->seg[SEG_DS].selector, 0);
    MUST_FAULT(&m, load8(c, &m.insn, SEG_DS, 0), VEC_GP, 0);
    /* The monitor steps over the INT and goes back. */
    c->reg[ESP].d += 4;
    put(&m, c->reg[ESP].d, 2, 4);
    put(&m, 0x5000 + 16 * VEC_GP, 0xCF, 1);
    c->eip = 0x5000 + 16 * VEC_GP;
    ck_assert_int_eq(machine_run(&m, 1), EXIT_BUDGET);
    ck_assert(vcpu_is_v86(c));
    ck_assert_uint_eq(c->eip, 2);
    ck_assert_uint_eq(c->seg[SEG_GS].selector, 0x4444);
    ck_assert_uint_eq(c->seg[SEG_GS].base, 0x44440);
    put(&m, 0x5000 + 16 * VEC_GP, 0xF4, 1);
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(stacked(&m, 1), 2);
    machine_destroy(&m);
}
END_TEST

START_TEST(v86_with_iopl_3_uses_the_gate)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    put_gate(&m, IDT + 8 * 0x21, CODE0, 0x5210, 0xEE, 0);
    machine_to_v86(&m, FLAG_IOPL | FLAG_ONE);
    PROGRAM(&m, 0x9000, 0xFB, 0x9C, 0x58, 0xFA, 0xCD, 0x21); /* sti; pushf; pop ax; cli; int 21h */
    machine_run_to_handler(&m, 0x21);
    ck_assert_uint_eq(m.c->reg[EAX].w, FLAG_IOPL | FLAG_IF | FLAG_ONE);
    ck_assert_uint_eq(stacked(&m, 0), 6);
    machine_destroy(&m);
}
END_TEST

START_TEST(vme_redirects_and_virtualizes_if)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_VME));
    put(&m, TSS_A + 0x66, 0x100, 2);           /* I/O map; the redirection map is 32 bytes below */
    put(&m, 4 * 0x21, 0x0900 << 16 | 0x40, 4); /* the program's own INT 21h */
    machine_to_v86(&m, FLAG_IF | FLAG_ONE);
    PROGRAM(&m, 0x9000, 0xFB, 0xCD, 0x21, 0xF4);             /* sti; int 21h; hlt */
    PROGRAM(&m, 0x9040, 0x9C, 0x58, 0x83, 0xC3, 0x01, 0xCF); /* pushf; pop ax; add bx, 1; iret */
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(stacked(&m, 1), 3); /* at the HLT */
    ck_assert_uint_eq(c->reg[EBX].w, 1);
    ck_assert_uint_eq(c->reg[EAX].w & (FLAG_IOPL | FLAG_IF), FLAG_IOPL); /* VIF clear within */
    ck_assert_uint_eq(stacked(&m, 3) & (FLAG_VIF | FLAG_IF), FLAG_VIF | FLAG_IF);
    machine_destroy(&m);
}
END_TEST

START_TEST(single_step)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* push 102h; popfd; inc eax; inc eax: the trap comes after the instruction that follows POPF */
    PROGRAM(&m, CODE, 0x68, 0x02, 0x01, 0, 0, 0x9D, 0x40, 0x40);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(c->reg[EAX].d, 1);
    ck_assert_uint_eq(stacked(&m, 0), CODE + 7);
    ck_assert_uint_eq(stacked(&m, 2) & FLAG_TF, FLAG_TF);
    ck_assert_uint_eq(c->eflags & FLAG_TF, 0);
    ck_assert_uint_eq(c->dr[6], 0xFFFF4FF0);
    machine_destroy(&m);
}
END_TEST

START_TEST(code_breakpoint_and_rf)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x40, 0x40, 0x40, 0x0F, 0x0B); /* inc eax; inc eax; inc eax; ud2 */
    c->dr[2] = CODE + 1;
    c->dr[7] = 0x400 | 1 << 4;
    debug_update(c);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(c->reg[EAX].d, 1);
    ck_assert_uint_eq(stacked(&m, 0), CODE + 1);
    ck_assert_uint_eq(c->dr[6], 0xFFFF0FF4);
    /* Back with RF set, it runs on. */
    put(&m, c->reg[ESP].d + 8, FLAG_RF | FLAG_ONE, 4);
    put(&m, 0x5000 + 16 * VEC_DB, 0xCF, 1);
    c->eip = 0x5000 + 16 * VEC_DB;
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[EAX].d, 3);
    machine_destroy(&m);
}
END_TEST

START_TEST(data_breakpoint_traps_after)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0xA2, 0x00, 0x40, 0, 0, 0x40, 0x40); /* mov [4000h], al; inc eax; inc eax */
    c->dr[0] = 0x4000;
    c->dr[7] = 0x400 | 1 | 1 << 16;
    debug_update(c);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(stacked(&m, 0), CODE + 5);
    ck_assert_uint_eq(c->reg[EAX].d, 0);
    ck_assert_uint_eq(c->dr[6], 0xFFFF0FF1);
    machine_destroy(&m);
}
END_TEST

START_TEST(general_detect)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    PROGRAM(&m, CODE, 0x0F, 0x21, 0xF8); /* mov eax, dr7 */
    m.c->dr[7] = 0x2400;
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(stacked(&m, 0), CODE);
    ck_assert_uint_eq(m.c->dr[6], 0xFFFF2FF0);
    ck_assert_uint_eq(m.c->dr[7], 0x400);
    machine_destroy(&m);
}
END_TEST

START_TEST(sysenter_and_sysexit)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->sysenter_cs = CODE0;
    c->sysenter_esp = 0x6800;
    c->sysenter_eip = 0xB000;
    PROGRAM(&m, CODE, 0x0F, 0x34);               /* sysenter */
    PROGRAM(&m, 0xB000, 0xBA, 0x00, 0xC0, 0, 0,  /* mov edx, C000h */
            0xB9, 0x00, 0x9E, 0, 0, 0x0F, 0x35); /* mov ecx, 9E00h; sysexit */
    PROGRAM(&m, 0xC000, 0x0F, 0x0B);
    machine_to_user(&m, FLAG_IF | FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(stacked(&m, 0), 0xC000);
    ck_assert_uint_eq(stacked(&m, 1), CODE0 + 16 + 3);
    ck_assert_uint_eq(stacked(&m, 2) & FLAG_IF, 0);
    ck_assert_uint_eq(stacked(&m, 3), 0x9E00);
    ck_assert_uint_eq(stacked(&m, 4), CODE0 + 24 + 3);
    c->sysenter_cs = 0;
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

START_TEST(no_stack_for_a_fault_writes_nothing)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* A stack segment of 16 bytes: the frame of 12 does not fit at ESP 8. */
    put_segment(&m, GDT + 0x80, 0x6000, 15, 0x92, 4);
    MUST_NOT_FAULT(&m, segment_load(c, SEG_SS, 0x80));
    c->reg[ESP].d = 8;
    put(&m, 0x6000, UINT64_C(0x1122334455667788), 8);
    PROGRAM(&m, CODE, 0x0F, 0x0B);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_SHUTDOWN); /* #UD, #SS, #DF, none has a stack */
    ck_assert_uint_eq(load_le64(m.ram + 0x6000), UINT64_C(0x1122334455667788));
    ck_assert_uint_eq(c->reg[ESP].d, 8);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {fault_pushes_its_own_address,
                                  fault_from_user_changes_stack,
                                  software_interrupts,
                                  gate_of_16_bits,
                                  external_interrupt_sets_ext,
                                  double_fault,
                                  benign_fault_then_contributory_is_no_double_fault,
                                  triple_fault,
                                  real_mode_interrupt_and_return,
                                  v86_monitor_round_trip,
                                  v86_with_iopl_3_uses_the_gate,
                                  vme_redirects_and_virtualizes_if,
                                  single_step,
                                  code_breakpoint_and_rf,
                                  data_breakpoint_traps_after,
                                  general_detect,
                                  sysenter_and_sysexit,
                                  no_stack_for_a_fault_writes_nothing};
    return run_tests("exception", tests, ARRAY_LEN(tests));
}
