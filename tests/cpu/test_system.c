/* System instructions through the engine: flags and IOPL, ports, CPUID, MSRs, selector queries,
 * control registers. */
#include "cpu/feature.h"
#include "cpu/model.h"
#include "tests/cpu/harness.h"

START_TEST(popf_obeys_iopl)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x68, 0xD7, 0x7E, 0x24, 0, 0x9D, 0x0F, 0x0B); /* push 247ED7h; popfd; ud2 */
    /* Without TF; with NT, IF, IOPL, AC and ID. At CPL 3 with IOPL 0 neither IF nor IOPL change. */
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 8), 0x254CD7);
    machine_to_user(&m, FLAG_ONE | FLAG_IOPL);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 8), 0x257ED7);
    machine_destroy(&m);
}
END_TEST

START_TEST(flags_tell_the_models_apart)
{
    static const struct {
        enum cpu_model model;
        uint16_t set, cleared; /* what PUSHF shows after POPF of FEFFh and of 0 */
    } cases[] = {{CPU_8086, 0xFED7, 0xF002},
                 {CPU_186, 0xFED7, 0xF002},
                 {CPU_286, 0x0ED7, 0x0002},
                 {CPU_386, 0x7ED7, 0x0002},
                 {CPU_P4, 0x7ED7, 0x0002}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        machine_create(&m, cases[n].model);
        struct vcpu *c = m.c;
        /* mov ax, FEFFh; push ax; popf; pushf; pop bx; mov ax, 0; push ax; popf; pushf; pop cx */
        PROGRAM(&m, 0x8000, 0xB8, 0xFF, 0xFE, 0x50, 0x9D, 0x9C, 0x5B, 0xB8, 0, 0, 0x50, 0x9D, 0x9C,
                0x59, 0xF4);
        segment_load_real(c, SEG_CS, 0x0800, false);
        c->eip = 0;
        c->reg[ESP].d = 0x7000;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        ck_assert_uint_eq(c->reg[EBX].w, cases[n].set);
        ck_assert_uint_eq(c->reg[ECX].w, cases[n].cleared);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(cli_sti_by_privilege)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0xFB, 0x0F, 0x0B); /* sti; ud2 */
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_GP);
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_PVI));
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 8), FLAG_RF | FLAG_VIF | FLAG_ONE);
    c->eflags &= ~FLAG_VIF;
    machine_to_user(&m, FLAG_ONE | FLAG_VIP);
    machine_run_to_handler(&m, VEC_GP); /* an interrupt is due: the monitor must see it */
    machine_destroy(&m);
}
END_TEST

/* Ports that count. */
struct ports {
    unsigned reads, writes;
    uint32_t last;
};

static uint32_t port_read(void *ctx, uint16_t port, unsigned size)
{
    struct ports *p = ctx;
    p->reads++;
    return port + p->reads + (size == 4 ? 0xABCD0000 : 0);
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    struct ports *p = ctx;
    (void)size;
    p->writes++;
    p->last = (uint32_t)port << 16 | value;
}

START_TEST(port_strings)
{
    struct machine m;
    struct ports ports = {0};
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->host = (struct vcpu_host){.ctx = &ports, .port_read = port_read, .port_write = port_write};
    c->reg[EDX].d = 0x100;
    c->reg[ECX].d = 5;
    c->reg[EDI].d = 0xA000;
    c->reg[ESI].d = 0xA000;
    PROGRAM(&m, CODE, 0xF3, 0x66, 0x6D, 0x6E, 0xF4); /* rep insw; outsb; hlt */
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    const uint16_t expected[5] = {0x101, 0x102, 0x103, 0x104, 0x105};
    ck_assert_mem_eq(m.ram + 0xA000, expected, sizeof expected);
    ck_assert_uint_eq(c->reg[ECX].d, 0);
    ck_assert_uint_eq(c->reg[EDI].d, 0xA00A);
    ck_assert_uint_eq(c->reg[ESI].d, 0xA001);
    ck_assert_uint_eq(ports.last, 0x01000001);
    machine_destroy(&m);
}
END_TEST

START_TEST(rep_ins_faults_between_iterations_without_losing_data)
{
    struct machine m;
    struct ports ports = {0};
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->host = (struct vcpu_host){.ctx = &ports, .port_read = port_read, .port_write = port_write};
    put_segment(&m, GDT + 0x80, 0xA000, 3, 0x92, 4); /* room for four bytes */
    MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, 0x80));
    c->reg[ECX].d = 6;
    c->reg[EDI].d = 0;
    PROGRAM(&m, CODE, 0xF3, 0x6C);
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(ports.reads, 4);
    ck_assert_uint_eq(c->reg[ECX].d, 2);
    ck_assert_uint_eq(c->reg[EDI].d, 4);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 4), CODE);
    machine_destroy(&m);
}
END_TEST

START_TEST(cpuid_by_model)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    struct cpuid_result r = cpuid_leaf(m.c, 0, 0);
    ck_assert_mem_eq(&r.ebx, "Genu", 4);
    r = cpuid_leaf(m.c, 1, 0);
    ck_assert_uint_eq(r.eax >> 8 & 15, 15);
    ck_assert(r.edx & FEATURE_SSE2);
    ck_assert(!(r.edx & FEATURE_APIC));
    m.c->host.has_apic = true;
    ck_assert(cpuid_leaf(m.c, 1, 0).edx & FEATURE_APIC);
    machine_destroy(&m);
    machine_start(&m, CPU_386);
    PROGRAM(&m, CODE, 0x0F, 0xA2);
    machine_run_to_handler(&m, VEC_UD);
    machine_destroy(&m);
}
END_TEST

START_TEST(msrs)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* mov ecx, 277h; rdmsr; hlt */
    PROGRAM(&m, CODE, 0xB9, 0x77, 0x02, 0, 0, 0x0F, 0x32, 0xF4);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EDX].d, 0x00070406);
    put(&m, CODE + 1, 0x12345, 4); /* no such MSR */
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    /* mov ecx, 277h; mov eax, 2 (a reserved type); wrmsr */
    PROGRAM(&m, CODE, 0xB9, 0x77, 0x02, 0, 0, 0xB8, 2, 0, 0, 0, 0x0F, 0x30);
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(c->pat, UINT64_C(0x0007040600070406));
    machine_destroy(&m);
}
END_TEST

START_TEST(selector_queries)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* lar ebx, eax; lsl ecx, eax; verr ax; setz dl; verw ax; setz dh; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x02, 0xD8, 0x0F, 0x03, 0xC8, 0x0F, 0x00, 0xE0, 0x0F, 0x94, 0xC2, 0x0F,
            0x00, 0xE8, 0x0F, 0x94, 0xC6, 0xF4);
    c->reg[EAX].d = READ_ONLY;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EBX].d, 0x9000);
    ck_assert_uint_eq(c->reg[ECX].d, 0xFFFF);
    ck_assert_uint_eq(c->reg[EDX].w, 0x0001);
    c->reg[EAX].d = DATA3;
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EBX].d, 0xC0F200);
    ck_assert_uint_eq(c->reg[ECX].d, 0xFFFFFFFF);
    ck_assert_uint_eq(c->reg[EDX].w, 0x0101);
    c->reg[EAX].d = 0; /* null: nothing is loaded, ZF is 0 */
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EBX].d, 0xC0F200);
    ck_assert_uint_eq(c->reg[EDX].w, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(control_register_rules)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_FAULT(&m, control_write_cr0(c, CR0_PG), VEC_GP, 0);
    MUST_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_NW), VEC_GP, 0);
    MUST_FAULT(&m, control_write_cr4(c, 0x80000000), VEC_GP, 0);
    ck_assert_uint_eq(c->cr0, CR0_PE | CR0_ET);
    PROGRAM(&m, CODE, 0x0F, 0x20, 0xC8); /* mov eax, cr1 */
    machine_run_to_handler(&m, VEC_UD);
    PROGRAM(&m, CODE, 0x0F, 0x01, 0xF0, 0xF4); /* lmsw ax: sets TS, cannot clear PE */
    c->reg[EAX].d = 8;
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->cr0, CR0_PE | CR0_ET | CR0_TS);
    machine_destroy(&m);
}
END_TEST

START_TEST(mode_switch_program)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    struct vcpu *c = m.c;
    put_standard_gdt(&m);
    put(&m, 0x0500, GDT_SIZE - 1, 2);
    put(&m, 0x0502, GDT, 4);
    /* lgdt [500h]; mov eax, cr0; or al, 1; mov cr0, eax; jmp CODE0:9000h (32-bit offset) */
    PROGRAM(&m, 0x8000, 0x0F, 0x01, 0x16, 0x00, 0x05, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22,
            0xC0, 0x66, 0xEA, 0x00, 0x90, 0, 0, CODE0, 0);
    /* mov ax, DATA0; mov ss, ax; mov ds, ax; mov dword [200000h], 12345678h; hlt */
    PROGRAM(&m, 0x9000, 0x66, 0xB8, DATA0, 0, 0x8E, 0xD0, 0x8E, 0xD8, 0xC7, 0x05, 0, 0, 0x20, 0,
            0x78, 0x56, 0x34, 0x12, 0xF4);
    segment_load_real(c, SEG_CS, 0, false);
    c->eip = 0x8000;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(c->eip, 0x9013);
    ck_assert_uint_eq(get32(&m, 0x200000), 0x12345678);
    ck_assert_uint_eq(c->code32, 1);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {popf_obeys_iopl,
                                  flags_tell_the_models_apart,
                                  cli_sti_by_privilege,
                                  port_strings,
                                  rep_ins_faults_between_iterations_without_losing_data,
                                  cpuid_by_model,
                                  msrs,
                                  selector_queries,
                                  control_register_rules,
                                  mode_switch_program};
    return run_tests("system", tests, ARRAY_LEN(tests));
}
