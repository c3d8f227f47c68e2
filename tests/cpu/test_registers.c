/* System registers as programs see them: what can be written, what reads back, model by model. */
#include "cpu/feature.h"
#include "cpu/model.h"
#include "tests/cpu/harness.h"

#define DATA 0xA000u /* where the programs' memory operands lie */

/* --- CR0..CR4 -------------------------------------------------------------------------------- */

START_TEST(control_registers_round_trip)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* mov cr2, eax; mov ebx, cr2; mov cr3, ecx; mov esi, cr3; mov cr4, edx; mov edi, cr4; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x22, 0xD0, 0x0F, 0x20, 0xD3, 0x0F, 0x22, 0xD9, 0x0F, 0x20, 0xDE, 0x0F,
            0x22, 0xE2, 0x0F, 0x20, 0xE7, 0xF4);
    c->reg[EAX].d = 0x12345678;
    c->reg[ECX].d = 0x00103018;
    c->reg[EDX].d = CR4_VME | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_OSFXSR;
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EBX].d, 0x12345678);
    ck_assert_uint_eq(c->reg[ESI].d, 0x00103018);
    ck_assert_uint_eq(c->reg[EDI].d, c->reg[EDX].d);
    /* mov cr0, eax; mov ebx, cr0; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x22, 0xC0, 0x0F, 0x20, 0xC3, 0xF4);
    c->reg[EAX].d = CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_AM | CR0_CD | CR0_NW;
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EBX].d, c->reg[EAX].d | CR0_ET);
    machine_destroy(&m);
}
END_TEST

START_TEST(cr4_exists_from_the_pentium_on)
{
    for (unsigned model = CPU_386; model < CPU_MODELS; model++) {
        for (unsigned write = 0; write < 2; write++) {
            struct machine m;
            machine_start(&m, (enum cpu_model)model);
            PROGRAM(&m, CODE, 0x0F, 0x20, 0xE0, 0xF4); /* mov eax, cr4; hlt */
            put(&m, CODE + 1, write ? 0x22 : 0x20, 1);
            m.c->reg[EAX].d = 0;
            m.c->eip = CODE;
            if (model < CPU_PENTIUM)
                machine_run_to_handler(&m, VEC_UD);
            else
                machine_run_program(&m);
            machine_destroy(&m);
        }
    }
}
END_TEST

START_TEST(cr4_bits_by_model)
{
    static const struct {
        enum cpu_model model;
        uint32_t bits;
    } cases[] = {{CPU_PENTIUM, 0x05F}, {CPU_P2, 0x3FF}, {CPU_P3, 0x7FF}, {CPU_P4, 0x7FF}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        machine_start(&m, cases[n].model);
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t value = UINT32_C(1) << bit;
            unsigned vector = FAULT(&m, control_write_cr4(m.c, value));
            unsigned want = cases[n].bits & value ? NO_FAULT : VEC_GP;
            ck_assert_msg(vector == want, "%s: CR4 bit %u", cpu_model_name(cases[n].model), bit);
        }
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(cr0_faults)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_FAULT(&m, control_write_cr0(c, CR0_PG), VEC_GP, 0);
    MUST_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_NW), VEC_GP, 0);
    /* PAE: the four entries at CR3 are checked when paging goes on, on CR3, and on CR4. */
    put(&m, 0x100000, 0x6, 8); /* not present: its other bits do not matter */
    put(&m, 0x100020, 0x7, 8); /* present, reserved bits set */
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_PAE));
    MUST_NOT_FAULT(&m, control_write_cr3(c, 0x100020));
    MUST_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG), VEC_GP, 0);
    ck_assert_uint_eq(c->cr0 & CR0_PG, 0);
    for (unsigned n = 0; n < 1024; n++) /* 4 KiB paging, one to one */
        put(&m, 0x101000 + 4 * n, n << 12 | 7, 4);
    MUST_NOT_FAULT(&m, control_write_cr4(c, 0));
    put(&m, 0x102000, 0x101007, 4);
    put(&m, 0x102004, 0, 4);
    MUST_NOT_FAULT(&m, control_write_cr3(c, 0x102000));
    MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG));
    MUST_FAULT(&m, control_write_cr4(c, CR4_PAE), VEC_GP, 0); /* 101007h has reserved bits */
    ck_assert_uint_eq(c->cr4, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(smsw_lmsw_clts)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->cr0 |= CR0_TS | CR0_WP;
    /* smsw eax; smsw bx; smsw [DATA]; clts; smsw cx; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x01, 0xE0, 0x66, 0x0F, 0x01, 0xE3, 0x0F, 0x01, 0x25, 0, 0xA0, 0, 0,
            0x0F, 0x06, 0x66, 0x0F, 0x01, 0xE1, 0xF4);
    c->reg[EBX].d = 0xFFFFFFFF;
    put(&m, DATA, 0xFFFFFFFF, 4);
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EAX].d, CR0_PE | CR0_ET | CR0_TS | CR0_WP);
    ck_assert_uint_eq(c->reg[EBX].d, 0xFFFF0000 | CR0_PE | CR0_ET | CR0_TS);
    ck_assert_uint_eq(get32(&m, DATA), 0xFFFF0000 | CR0_PE | CR0_ET | CR0_TS);
    ck_assert_uint_eq(c->reg[ECX].w, CR0_PE | CR0_ET);
    /* lmsw [DATA]: MP, EM, TS change, PE stays */
    PROGRAM(&m, CODE, 0x0F, 0x01, 0x35, 0, 0xA0, 0, 0, 0xF4);
    put(&m, DATA, 0xFFFE, 2);
    machine_run_program(&m);
    ck_assert_uint_eq(c->cr0, CR0_PE | CR0_ET | CR0_TS | CR0_MP | CR0_EM | CR0_WP);
    machine_destroy(&m);
}
END_TEST

/* --- Debug registers -------------------------------------------------------------------------- */

START_TEST(debug_registers_round_trip)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* mov dr0, eax; mov ebx, dr0; mov dr6, eax; mov ecx, dr4; mov dr5, edx; mov esi, dr7; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x23, 0xC0, 0x0F, 0x21, 0xC3, 0x0F, 0x23, 0xF0, 0x0F, 0x21, 0xE1, 0x0F,
            0x23, 0xEA, 0x0F, 0x21, 0xFE, 0xF4);
    c->reg[EAX].d = 0xFFFFFFFF;
    c->reg[EDX].d = 0xFFFFDF00; /* nothing enabled, GD clear */
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EBX].d, 0xFFFFFFFF);
    ck_assert_uint_eq(c->reg[ECX].d, 0xFFFFEFFF);
    ck_assert_uint_eq(c->reg[ESI].d, 0xFFFF0700);
    machine_destroy(&m);
}
END_TEST

START_TEST(io_breakpoints)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_DE));
    c->dr[3] = 0x60;
    c->dr[7] = 0x400 | 0x80 | 0x6u << 28; /* G3: I/O, two bytes */
    debug_update(c);
    PROGRAM(&m, CODE, 0xE4, 0x5F, 0xE4, 0x61, 0x90); /* in al, 5Fh; in al, 61h; nop */
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE + 4); /* a trap, after it */
    ck_assert_uint_eq(c->dr[6], 0xFFFF0FF8);
    PROGRAM(&m, CODE, 0xE7, 0x5E, 0x90); /* out 5Eh, eax: reaches 61h */
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE + 2);
    /* Without DE the encoding matches nothing. */
    MUST_NOT_FAULT(&m, control_write_cr4(c, 0));
    PROGRAM(&m, CODE, 0xE7, 0x60, 0xF4);
    machine_run_program(&m);
    machine_destroy(&m);
}
END_TEST

START_TEST(breakpoint_lengths)
{
    static const struct {
        unsigned len, kind; /* the fields of DR7 */
        uint32_t at;        /* DR0 */
        uint32_t address;   /* of a two-byte access */
        bool write, hit;
    } cases[] = {
        {0, 1, 0xA004, 0xA003, true, true},   {0, 1, 0xA004, 0xA002, true, false},
        {0, 1, 0xA004, 0xA004, false, false}, {0, 3, 0xA004, 0xA004, false, true},
        {1, 1, 0xA005, 0xA003, true, true},   {1, 1, 0xA005, 0xA006, true, false},
        {2, 1, 0xA00C, 0xA007, true, true},   {2, 1, 0xA00C, 0xA010, true, false},
        {3, 3, 0xA006, 0xA003, false, true},  {3, 3, 0xA006, 0xA008, false, false},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        machine_start(&m, CPU_P4);
        struct vcpu *c = m.c;
        c->dr[0] = cases[n].at;
        c->dr[7] = 0x401 | cases[n].kind << 16 | cases[n].len << 18;
        debug_update(c);
        PROGRAM(&m, CODE, 0x66, 0x8B, 0x03, 0xF4); /* mov ax, [ebx]; hlt */
        put(&m, CODE + 1, cases[n].write ? 0x89 : 0x8B, 1);
        c->reg[EBX].d = cases[n].address;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        bool hit = c->eip == 0x5000 + 16 * VEC_DB + 1;
        ck_assert_msg(hit == cases[n].hit, "case %u", n);
        if (hit)
            ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE + 3);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(general_detect_faults_with_rf)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x0F, 0x23, 0xC0); /* mov dr0, eax */
    c->reg[EAX].d = 0x1234;
    c->dr[7] = 0x2400;
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), CODE);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 8) & FLAG_RF, FLAG_RF);
    ck_assert_uint_eq(c->dr[0], 0);
    machine_destroy(&m);
}
END_TEST

/* --- CPUID, TSC, counters, MSRs --------------------------------------------------------------- */

START_TEST(cpuid_instruction)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x0F, 0xA2, 0xF4);
    static const struct {
        uint32_t leaf, eax, ebx, ecx, edx;
    } leaves[] = {
        {0, 5, 0x756E6547, 0x6C65746E, 0x49656E69},
        {1, 0xF41, 0x800, 9, 0x078BF9BF & ~FEATURE_APIC},
        {2, 0x605B5001, 0, 0, 0x007C7040},
        {3, 0, 0, 0, 0},
        {4, 0x121, 0x01C0003F, 31, 0}, /* subleaf 0 */
        {5, 64, 64, 0, 0},
        {6, 64, 64, 0, 0}, /* beyond: as the highest */
        {0x80000000, 0x80000008, 0, 0, 0},
        {0x80000001, 0, 0, 0, 1u << 20},
        {0x80000005, 0, 0, 0, 0},
        {0x80000006, 0, 0, 0x04006040, 0},
        {0x80000008, 0x2024, 0, 0, 0},
    };
    for (unsigned n = 0; n < ARRAY_LEN(leaves); n++) {
        c->reg[EAX].d = leaves[n].leaf;
        c->reg[ECX].d = 0;
        machine_run_program(&m);
        ck_assert_msg(c->reg[EAX].d == leaves[n].eax, "%X: EAX %X", leaves[n].leaf, c->reg[EAX].d);
        ck_assert_msg(c->reg[EBX].d == leaves[n].ebx, "%X: EBX %X", leaves[n].leaf, c->reg[EBX].d);
        ck_assert_msg(c->reg[ECX].d == leaves[n].ecx, "%X: ECX %X", leaves[n].leaf, c->reg[ECX].d);
        if (leaves[n].leaf != 1)
            ck_assert_msg(c->reg[EDX].d == leaves[n].edx, "%X: EDX", leaves[n].leaf);
    }
    char brand[49] = {0};
    for (unsigned n = 0; n < 3; n++) {
        c->reg[EAX].d = 0x80000002 + n;
        machine_run_program(&m);
        const uint32_t part[4] = {c->reg[EAX].d, c->reg[EBX].d, c->reg[ECX].d, c->reg[EDX].d};
        memcpy(brand + 16 * n, part, sizeof part);
    }
    ck_assert_str_eq(brand, cpu_model_info(CPU_P4)->brand);
    ck_assert_uint_eq(cpuid_leaf(c, 4, 1).ecx, 2047); /* 1 MiB: 2,048 sets of 8 lines */
    ck_assert_uint_eq(cpuid_leaf(c, 4, 2).eax, 0);
    c->misc_enable |= MISC_ENABLE_LIMIT_CPUID;
    ck_assert_uint_eq(cpuid_leaf(c, 0, 0).eax, 3);
    ck_assert_uint_eq(cpuid_leaf(c, 5, 0).eax, 0);
    machine_destroy(&m);
    machine_start(&m, CPU_P3);
    ck_assert_uint_eq(cpuid_leaf(m.c, 0x80000000, 0).eax, 0x03020101); /* as leaf 2 */
    machine_destroy(&m);
}
END_TEST

/* Each model has exactly its features, and the instructions that they promise. */
START_TEST(features_by_model)
{
    static const uint32_t edx[CPU_MODELS] = {
        [CPU_486] = 0x1,       [CPU_PENTIUM] = 0x1BF, [CPU_P2] = 0x0183F9FF,
        [CPU_P3] = 0x0383F9FF, [CPU_P4] = 0x078BF9FF,
    };
    for (unsigned model = CPU_486; model < CPU_MODELS; model++) {
        struct machine m;
        machine_start(&m, (enum cpu_model)model);
        ck_assert_msg(cpuid_leaf(m.c, 1, 0).edx == (edx[model] & ~(uint32_t)FEATURE_APIC), "%s: %X",
                      cpu_model_name((enum cpu_model)model), cpuid_leaf(m.c, 1, 0).edx);
        ck_assert_uint_eq(cpuid_leaf(m.c, 1, 0).ecx, model == CPU_P4 ? 9 : 0); /* SSE3, MONITOR */
        machine_destroy(&m);
    }
}
END_TEST

static const struct {
    const char *what;
    uint8_t code[8];
    enum cpu_model since;
} arrivals[] = {
    {"pusha", {0x60, 0xF4}, CPU_186},
    {"push 1", {0x6A, 0x01, 0xF4}, CPU_186},
    {"shl al, 3", {0xC0, 0xE0, 0x03, 0xF4}, CPU_186},
    {"leave", {0xC9, 0xF4}, CPU_186},
    {"smsw ax", {0x0F, 0x01, 0xE0, 0xF4}, CPU_286},
    {"clts", {0x0F, 0x06, 0xF4}, CPU_286},
    {"movzx ax, al", {0x0F, 0xB6, 0xC0, 0xF4}, CPU_386},
    {"push fs", {0x0F, 0xA0, 0xF4}, CPU_386},
    {"mov eax, cr0", {0x0F, 0x20, 0xC0, 0xF4}, CPU_386},
    {"bswap eax", {0x0F, 0xC8, 0xF4}, CPU_486},
    {"xadd al, al", {0x0F, 0xC0, 0xC0, 0xF4}, CPU_486},
    {"invd", {0x0F, 0x08, 0xF4}, CPU_486},
    {"cpuid", {0x0F, 0xA2, 0xF4}, CPU_486},
    {"rdtsc", {0x0F, 0x31, 0xF4}, CPU_PENTIUM},
    {"cmpxchg8b [si]", {0x0F, 0xC7, 0x0C, 0xF4}, CPU_PENTIUM},
    {"cmovz ax, ax", {0x0F, 0x44, 0xC0, 0xF4}, CPU_P2},
    {"fcomi st, st", {0xDB, 0xF0, 0xF4}, CPU_P2},
    {"rdpmc", {0x0F, 0x33, 0xF4}, CPU_P2},
    {"emms", {0x0F, 0x77, 0xF4}, CPU_P2},
    {"sfence", {0x0F, 0xAE, 0xF8, 0xF4}, CPU_P3},
    {"mfence", {0x0F, 0xAE, 0xF0, 0xF4}, CPU_P4},
};

/* Run in real mode, where every model starts; 80186 and later raise #UD for what they lack. */
START_TEST(instructions_arrive_with_their_model)
{
    for (unsigned n = 0; n < ARRAY_LEN(arrivals); n++) {
        for (unsigned model = CPU_186; model < CPU_MODELS; model++) {
            struct machine m;
            machine_create(&m, (enum cpu_model)model);
            memset(m.ram + 0x5000, 0xF4, 0x1000);
            for (unsigned v = 0; v < 256; v++)
                put(&m, 4 * v, 0x05000000 + 16 * v, 4);
            physmap_poke(m.pm, CODE, arrivals[n].code, sizeof arrivals[n].code);
            segment_load_real(m.c, SEG_CS, CODE >> 4, false);
            m.c->eip = 0;
            m.c->reg[ESP].d = 0x4000;
            m.c->reg[ECX].d = 0;
            m.c->reg[ESI].d = DATA;
            ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
            bool has = m.c->seg[SEG_CS].selector == CODE >> 4;
            ck_assert_msg(has == (model >= arrivals[n].since), "%s on %s", arrivals[n].what,
                          cpu_model_name((enum cpu_model)model));
            if (!has)
                ck_assert_uint_eq(m.c->eip, 16 * VEC_UD + 1);
            machine_destroy(&m);
        }
    }
}
END_TEST

START_TEST(models_have_names)
{
    for (unsigned model = 0; model < CPU_MODELS; model++) {
        enum cpu_model found;
        ck_assert(cpu_model_find(cpu_model_name((enum cpu_model)model), &found));
        ck_assert_uint_eq(found, model);
    }
    enum cpu_model none = CPU_186;
    ck_assert(!cpu_model_find("z80", &none));
    ck_assert_uint_eq(none, CPU_186);
}
END_TEST

static uint64_t some_tsc(void *ctx)
{
    (void)ctx;
    return UINT64_C(0x1122334455667788);
}

START_TEST(tsc_and_counters)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->host.tsc = some_tsc;
    c->tsc_offset = 8;
    PROGRAM(&m, CODE, 0x0F, 0x31, 0xF4); /* rdtsc; hlt */
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EDX].d, 0x11223344);
    ck_assert_uint_eq(c->reg[EAX].d, 0x55667790);
    c->cr4 |= CR4_TSD; /* ring 0 may all the same */
    machine_run_program(&m);
    /* wrmsr of the TSC, ecx = 10h; rdtsc; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x30, 0x0F, 0x31, 0xF4);
    c->reg[ECX].d = 0x10;
    c->reg[EDX].d = 5;
    c->reg[EAX].d = 6;
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EDX].d, 5);
    ck_assert_uint_eq(c->reg[EAX].d, 6);
    PROGRAM(&m, CODE, 0x0F, 0x33, 0xF4); /* rdpmc; hlt */
    c->reg[ECX].d = 17;
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EAX].d | c->reg[EDX].d, 0);
    c->reg[ECX].d = 18; /* a P4 has 18 */
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    PROGRAM(&m, CODE, 0x0F, 0x33, 0x0F, 0x0B); /* rdpmc; ud2 in ring 3, with PCE */
    c->reg[ECX].d = 0;
    c->cr4 |= CR4_PCE;
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    machine_destroy(&m);
}
END_TEST

static bool board_msr_read(void *ctx, uint32_t msr, uint64_t *value)
{
    (void)ctx;
    *value = 0xFEE00900;
    return msr == 0x1B;
}

static bool board_msr_write(void *ctx, uint32_t msr, uint64_t value)
{
    uint64_t *written = ctx;
    *written = value;
    return msr == 0x1B;
}

/* Writes value, reads it back through the instructions. Returns the vector of a fault, if any. */
static unsigned write_and_read(struct machine *m, uint32_t msr, uint64_t value, uint64_t *out)
{
    struct vcpu *c = m->c;
    PROGRAM(m, CODE, 0x0F, 0x30, 0x31, 0xC0, 0x31, 0xD2, 0x0F, 0x32, 0xF4);
    c->reg[ECX].d = msr; /* wrmsr; xor eax, eax; xor edx, edx; rdmsr; hlt */
    c->reg[EAX].d = (uint32_t)value;
    c->reg[EDX].d = (uint32_t)(value >> 32);
    c->eip = CODE;
    ck_assert_int_eq(machine_run(m, 100), EXIT_HALT);
    *out = (uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d;
    return c->eip < CODE ? (unsigned)((c->eip - 1 - 0x5000) / 16) : NO_FAULT;
}

START_TEST(msrs_by_model)
{
    static const struct {
        uint32_t msr;
        enum cpu_model since, until; /* #GP on others */
        uint64_t value, reads;
    } cases[] = {
        {0x000, CPU_PENTIUM, CPU_P4, 7, 0}, /* inert */
        {0x017, CPU_P2, CPU_P4, 7, 0},
        {0x02A, CPU_P2, CPU_P4, 7, 0},
        {0x079, CPU_P2, CPU_P4, 7, 0},
        {0x08B, CPU_P2, CPU_P4, 7, 0}, /* the write only clears it for CPUID to fill */
        {0x0C1, CPU_P2, CPU_P3, 7, 0},
        {0x187, CPU_P2, CPU_P3, 7, 0},
        {0x174, CPU_P2, CPU_P4, 8, 8},
        {0x175, CPU_P2, CPU_P4, 0x1234, 0x1234},
        {0x176, CPU_P2, CPU_P4, 0x5678, 0x5678},
        {0x179, CPU_P2, CPU_P4, 7, 0},
        {0x17A, CPU_P2, CPU_P4, 4, 4},
        {0x1A0, CPU_P4, CPU_P4, 0x1800, 0x1800},
        {0x1D9, CPU_P2, CPU_P4, 1, 1},
        {0x200, CPU_P2, CPU_P4, 0xA0000001, 0xA0000001},
        {0x20F, CPU_P2, CPU_P4, UINT64_C(0xFF0000800), UINT64_C(0xFF0000800)},
        {0x210, CPU_MODELS, CPU_P4, 0, 0},
        {0x250, CPU_P2, CPU_P4, 0x0606060606060606, 0x0606060606060606},
        {0x259, CPU_P2, CPU_P4, 1, 1},
        {0x26F, CPU_P2, CPU_P4, 5, 5},
        {0x277, CPU_P2, CPU_P4, 0x0001040506070001, 0x0001040506070001},
        {0x2FF, CPU_P2, CPU_P4, 0xC06, 0xC06},
        {0xC0000080, CPU_P4, CPU_P4, 0x800, 0x800},
    };
    for (unsigned model = CPU_PENTIUM; model < CPU_MODELS; model++) {
        struct machine m;
        machine_start(&m, (enum cpu_model)model);
        for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
            uint64_t reads;
            unsigned vector = write_and_read(&m, cases[n].msr, cases[n].value, &reads);
            bool has = model >= cases[n].since && model <= cases[n].until;
            ck_assert_msg(vector == (has ? NO_FAULT : VEC_GP), "MSR %X on %s: %u", cases[n].msr,
                          cpu_model_name((enum cpu_model)model), vector);
            if (has)
                ck_assert_msg(reads == cases[n].reads, "MSR %X", cases[n].msr);
        }
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(msr_values_that_fault)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    uint64_t reads, board = 0;
    ck_assert_uint_eq(write_and_read(&m, 0x277, 0x0202020202020202, &reads), VEC_GP);
    ck_assert_uint_eq(write_and_read(&m, 0x277, 0x0303030303030303, &reads), VEC_GP);
    ck_assert_uint_eq(write_and_read(&m, 0x277, 0x0808080808080808, &reads), VEC_GP);
    ck_assert_uint_eq(write_and_read(&m, 0xC0000080, 0x100, &reads), VEC_GP); /* LME */
    ck_assert_uint_eq(m.c->efer, 0);
    ck_assert_uint_eq(write_and_read(&m, 0x1B, 0, &reads), VEC_GP); /* no APIC on the board */
    m.c->host =
        (struct vcpu_host){.ctx = &board, .msr_read = board_msr_read, .msr_write = board_msr_write};
    ck_assert_uint_eq(write_and_read(&m, 0x1B, 0xFEE00800, &reads), NO_FAULT);
    ck_assert_uint_eq(board, 0xFEE00800);
    ck_assert_uint_eq(reads, 0xFEE00900);
    /* rdmsr alone: the read-only one, and one that no one knows */
    PROGRAM(&m, CODE, 0xB9, 0xFE, 0, 0, 0, 0x0F, 0x32, 0xF4);
    machine_run_program(&m);
    ck_assert_uint_eq(m.c->reg[EAX].d, 0x508);
    put(&m, CODE + 1, 0x5555, 4);
    m.c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(write_and_read(&m, 0xFE, 0, &reads), VEC_GP);
    machine_destroy(&m);
}
END_TEST

START_TEST(nxe_takes_effect_at_once)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    uint64_t reads;
    ck_assert(!m.c->walk.nxe);
    ck_assert_uint_eq(write_and_read(&m, 0xC0000080, 0x800, &reads), NO_FAULT);
    ck_assert(m.c->walk.nxe);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {control_registers_round_trip,
                                  cr4_exists_from_the_pentium_on,
                                  cr4_bits_by_model,
                                  cr0_faults,
                                  smsw_lmsw_clts,
                                  debug_registers_round_trip,
                                  io_breakpoints,
                                  breakpoint_lengths,
                                  general_detect_faults_with_rf,
                                  cpuid_instruction,
                                  features_by_model,
                                  instructions_arrive_with_their_model,
                                  models_have_names,
                                  tsc_and_counters,
                                  msrs_by_model,
                                  msr_values_that_fault,
                                  nxe_takes_effect_at_once};
    return run_tests("registers", tests, ARRAY_LEN(tests));
}
