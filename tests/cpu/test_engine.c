/* The engine's own edges: budgets, requests from outside, saving and loading, the block cache when
 * pages are remapped under it, the models' ways of wrapping. */
#include "cpu/block.h"
#include "tests/cpu/harness.h"

#define DIRECTORY 0x100000u
#define TABLE     0x101000u

static void start(struct machine *m)
{
    machine_start(m, CPU_P4);
}

START_TEST(requests_from_outside)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0xEB, 0xFE); /* jmp $ */
    vcpu_attend(c, EVENT_STOP);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_STOP);
    ck_assert_uint_eq(c->insns, 0);
    vcpu_attend(c, EVENT_INIT | EVENT_STOP);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_RESET);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_STOP);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_BUDGET);
    ck_assert_uint_eq(c->insns, 100);
    machine_destroy(&m);
}
END_TEST

/* No instruction ever retires, yet the budget is used up: without that, virtual time would stand
 * still and a partition's run never end. */
START_TEST(endless_faults_use_up_the_budget)
{
    struct machine m;
    start(&m);
    PROGRAM(&m, CODE, 0x0F, 0x0B); /* ud2, and so is its handler */
    PROGRAM(&m, 0x5000 + 16 * VEC_UD, 0x0F, 0x0B);
    m.c->reg[ESP].d = 0x200000;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_BUDGET);
    ck_assert_uint_eq(m.c->insns, 100);
    ck_assert_uint_eq(m.c->reg[ESP].d, 0x200000 - 100 * 12);
    /* The same by a code breakpoint at the first instruction of #DB's handler. */
    m.c->eip = 0x5000 + 16 * VEC_DB;
    m.c->eflags &= ~FLAG_RF;
    m.c->dr[0] = 0x5000 + 16 * VEC_DB;
    m.c->dr[7] = DR7_ONES | 1;
    debug_update(m.c);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_BUDGET);
    ck_assert_uint_eq(m.c->insns, 200);
    machine_destroy(&m);
}
END_TEST

static void stop_at_out(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    struct machine *m = ctx;
    (void)port;
    (void)size;
    vcpu_limit_budget(m->c, value);
}

/* A device that arms a nearer timer cuts the budget; one that arms a later one changes nothing. */
START_TEST(budget_is_cut_from_within)
{
    static const struct {
        uint8_t cut;
        uint64_t insns;
    } cases[] = {{4, 7}, {200, 50}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        c->host = (struct vcpu_host){.ctx = &m, .port_write = stop_at_out};
        c->reg[EAX].d = cases[n].cut;
        PROGRAM(&m, CODE, 0x90, 0x90, 0x90, 0xE6, 0x10, 0xEB, 0xFE); /* 3 nops; out; jmp $ */
        ck_assert_int_eq(machine_run(&m, 50), EXIT_BUDGET);
        ck_assert_uint_eq(c->insns, cases[n].insns);
        machine_destroy(&m);
    }
    struct machine m;
    start(&m);
    PROGRAM(&m, CODE, 0xF4);
    m.c->insns = 1000;
    ck_assert_int_eq(machine_run(&m, UINT64_MAX), EXIT_HALT); /* no overflow of the budget's end */
    machine_destroy(&m);
}
END_TEST

START_TEST(saved_and_loaded)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0xB0, 0x80, 0x04, 0x80, 0xF4); /* mov al, 80h; add al, 80h; hlt */
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    vcpu_state_flush(c);
    ck_assert_uint_eq(c->eflags & FLAGS_ARITH, FLAG_CF | FLAG_OF | FLAG_ZF | FLAG_PF);
    /* What a loaded stream says of derived state is not believed. */
    c->reg[REG_NONE].q = 0x1234;
    c->cpl = 7;
    c->seg[SEG_DS].write_len = c->seg[SEG_DS].read_len = UINT64_MAX;
    c->seg[SEG_DS].limit = 0xFFF;
    c->dr[7] = 0x402;
    c->dr[0] = CODE;
    c->eflags &= ~FLAG_ZF;
    c->mxcsr = UINT32_MAX; /* the host's LDMXCSR refuses what the model's would */
    c->x87.top = 0xFF;
    vcpu_state_loaded(c);
    ck_assert_uint_eq(c->mxcsr, 0xFFFF);
    ck_assert_uint_eq(c->x87.top, 7);
    ck_assert_uint_eq(c->reg[REG_NONE].q, 0);
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->tlb_view, TLB_USER);
    ck_assert_uint_eq(c->seg[SEG_DS].read_len, 0x1000);
    ck_assert_uint_eq(c->code_breakpoints, 1);
    ck_assert_uint_eq(flags_arith(c), FLAG_CF | FLAG_OF | FLAG_PF);
    machine_destroy(&m);
}
END_TEST

static const char *first_mnemonic(struct machine *m, const uint8_t *code, char out[20])
{
    struct insn i;
    ck_assert_int_eq(decode_insn(block_cache_decoder(m->c->blocks), code, 15, true, &i), DECODE_OK);
    insn_mnemonic(&i, out);
    return out;
}

/* A device that counts how often it is read. */
static uint64_t counting_read(void *ctx, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    ++*(unsigned *)ctx;
    return TABLE | 1;
}

/* Page tables may lie in a device, for a CPU: to look at it from outside must not read it. */
START_TEST(the_debugger_reads_no_device)
{
    static const struct mmio_ops ops = {.read = counting_read};
    struct machine m;
    start(&m);
    unsigned reads = 0;
    uint64_t gpa;
    physmap_map_mmio(m.pm, 0xA0000, 0x1000, &ops, &reads);
    m.c->cr3 = 0xA0000;
    m.c->cr0 |= CR0_PG;
    vcpu_derive(m.c);
    ck_assert(!linear_peek(m.c, 0x12345, &gpa));
    ck_assert_uint_eq(reads, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(the_debugger_s_view)
{
    struct machine m;
    start(&m);
    char name[20];
    ck_assert_str_eq(first_mnemonic(&m, (const uint8_t[15]){0x66, 0x98}, name), "cbw");
    ck_assert_str_eq(first_mnemonic(&m, (const uint8_t[15]){0x98}, name), "cwde");
    uint64_t gpa;
    ck_assert(linear_peek(m.c, 0x12345, &gpa));
    ck_assert_uint_eq(gpa, 0x12345);
    put(&m, DIRECTORY, 0, 4);
    m.c->cr3 = DIRECTORY;
    m.c->cr0 |= CR0_PG;
    vcpu_derive(m.c);
    ck_assert(!linear_peek(m.c, 0x12345, &gpa));
    put(&m, DIRECTORY, TABLE | 1, 4);
    put(&m, TABLE + 4 * 0x12, 0x77000 | 1, 4);
    ck_assert(linear_peek(m.c, 0x12345, &gpa));
    ck_assert_uint_eq(gpa, 0x77345);
    ck_assert_uint_eq(get32(&m, TABLE + 4 * 0x12), 0x77001); /* a look leaves no trace */
    machine_destroy(&m);
}
END_TEST

static void enable_paging(struct machine *m)
{
    for (unsigned n = 0; n < 1024; n++)
        put(m, TABLE + 4 * n, n << 12 | 7, 4);
    put(m, DIRECTORY, TABLE | 7, 4);
    MUST_NOT_FAULT(m, control_write_cr3(m->c, DIRECTORY));
    MUST_NOT_FAULT(m, control_write_cr0(m->c, CR0_PE | CR0_PG));
}

static void set_page(struct machine *m, uint32_t page, uint32_t entry)
{
    put(m, TABLE + 4 * (page >> 12), entry, 4);
    tlb_flush_page(&m->c->tlb, page);
}

/* mov eax, imm32 across a page boundary: the second page is remapped, taken away, and changed. */
START_TEST(second_page_of_a_crossing_block)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    enable_paging(&m);
    PROGRAM(&m, 0x10FFD, 0xB8, 0x11, 0x22); /* mov eax, ..2211h */
    PROGRAM(&m, 0x11000, 0x33, 0x44, 0xF4); /* 4433h; hlt */
    PROGRAM(&m, 0x13000, 0x55, 0x66, 0xF4);
    static const struct {
        uint32_t frame, eax;
    } steps[] = {{0x11000, 0x44332211},
                 {0x11000, 0x44332211},
                 {0x13000, 0x66552211},
                 {0x11000, 0x44332211},
                 {0, 0},
                 {0x13000, 0x66552211}};
    for (unsigned n = 0; n < ARRAY_LEN(steps); n++) {
        set_page(&m, 0x11000, steps[n].frame ? steps[n].frame | 7 : 0);
        c->eip = 0x10FFD;
        c->reg[EAX].d = 0;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        if (steps[n].frame) {
            ck_assert_uint_eq(c->reg[EAX].d, steps[n].eax);
        } else {
            ck_assert_uint_eq(c->eip, 0x5000 + 16 * VEC_PF + 1);
            ck_assert_uint_eq(c->cr2, 0x11000);
            c->reg[ESP].d = 0x6F00;
        }
    }
    /* Code whose next page is the same frame: each byte of the second part is one of the first. */
    set_page(&m, 0x11000, 0x10007);
    PROGRAM(&m, 0x10000, 0x77, 0x88, 0xF4);
    c->eip = 0x10FFD;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EAX].d, 0x88772211);
    machine_destroy(&m);
}
END_TEST

/* Code remapped without a flush may be stale or not; after INVLPG it must be the new one, also in a
 * loop that jumps between two pages through the jump cache and links. */
START_TEST(remapped_code_runs_after_a_flush)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    enable_paging(&m);
    /* 10000h: inc eax; jmp 11000h. 11000h: add ebx, 1; dec ecx; jnz 10000h; hlt */
    PROGRAM(&m, 0x10000, 0x40, 0xE9, 0xFA, 0x0F, 0, 0);
    PROGRAM(&m, 0x11000, 0x83, 0xC3, 0x01, 0x49, 0x0F, 0x85, 0xF6, 0xEF, 0xFF, 0xFF, 0xF4);
    memcpy(m.ram + 0x13000, m.ram + 0x11000, 16);
    put(&m, 0x13002, 5, 1);
    c->reg[ECX].d = 100;
    c->eip = 0x10000;
    ck_assert_int_eq(machine_run(&m, 10000), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EBX].d, 100);
    set_page(&m, 0x11000, 0x13007);
    c->reg[ECX].d = 100;
    c->reg[EBX].d = 0;
    c->eip = 0x10000;
    ck_assert_int_eq(machine_run(&m, 10000), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EBX].d, 500);
    ck_assert_uint_eq(c->reg[EAX].d, 200);
    machine_destroy(&m);
}
END_TEST

/* A page that once held code and is now only written loses its mark, and gets it back. */
START_TEST(page_of_code_becomes_data_and_code_again)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    for (unsigned round = 0; round < 3; round++) {
        /* mov al, round; hlt at A000h; then 200 writes over it */
        const uint8_t code[3] = {0xB0, (uint8_t)round, 0xF4};
        for (unsigned n = 0; n < 200; n++)
            MUST_NOT_FAULT(&m, store8(c, &m.insn, SEG_DS, 0xA000 + n % 3, code[n % 3]));
        MUST_NOT_FAULT(&m, store8(c, &m.insn, SEG_DS, 0xA000, code[0]));
        MUST_NOT_FAULT(&m, store16(c, &m.insn, SEG_DS, 0xA001, load_le16(code + 1)));
        c->eip = 0xA000;
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        ck_assert_uint_eq(c->eip, 0xA003);
        ck_assert_uint_eq(c->reg[EAX].b.l, round);
    }
    machine_destroy(&m);
}
END_TEST

/* A store in each width and by each way onto the very next instruction. */
START_TEST(stores_onto_the_next_instruction)
{
    static const struct {
        const char *what;
        uint8_t code[4]; /* writes to [edi], which holds a NOP: becomes INC EDX (42h) */
    } cases[] = {
        {"mov [edi], al", {0x88, 0x07, 0x90, 0x90}},  {"xor [edi], cl", {0x30, 0x0F, 0x90, 0x90}},
        {"stosb", {0xAA, 0x90, 0x90, 0x90}},          {"movsb", {0xA4, 0x90, 0x90, 0x90}},
        {"xchg [edi], al", {0x86, 0x07, 0x90, 0x90}}, {"rep stosb", {0xF3, 0xAA, 0x90, 0x90}},
        {"rep movsb", {0xF3, 0xA4, 0x90, 0x90}},      {"pop [edi]", {0x66, 0x8F, 0x07, 0x90}},
        {"sub [edi], bl", {0x28, 0x1F, 0x90, 0x90}},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        for (unsigned run = 0; run < 2; run++) { /* the second time from the cache */
            struct machine m;
            start(&m);
            struct vcpu *c = m.c;
            physmap_poke(m.pm, CODE, cases[n].code, 4);
            PROGRAM(&m, CODE + 4, 0x90, 0xF4);
            if (run) {
                PROGRAM(&m, CODE + 0x40, 0xEB, 0xBE); /* jmp CODE */
            }
            c->eip = run ? CODE + 0x40 : CODE;
            c->reg[EDI].d = CODE + 4;
            c->reg[ESI].d = 0xA000;
            put(&m, 0xA000, 0x42, 1);
            c->reg[EAX].d = 0x42;
            c->reg[ECX].d = cases[n].code[0] == 0xF3 ? 1 : 0x90 ^ 0x42;
            c->reg[EBX].d = 0x90 - 0x42;
            put(&m, c->reg[ESP].d, 0xF442, 2);
            c->reg[EDX].d = 7;
            enum vcpu_exit why = machine_run(&m, 20);
            ck_assert_int_eq(why, EXIT_HALT);
            ck_assert_msg(c->reg[EDX].d == 8, "%s, run %u: EDX %u", cases[n].what, run,
                          c->reg[EDX].d);
            machine_destroy(&m);
        }
    }
}
END_TEST

/* An 8086 and an 80186 fetch on at offset 0 of the segment; a 286 faults. */
START_TEST(code_at_the_end_of_the_segment)
{
    for (unsigned model = CPU_8086; model <= CPU_386; model++) {
        struct machine m;
        machine_create(&m, (enum cpu_model)model);
        struct vcpu *c = m.c;
        for (unsigned v = 0; v < 256; v++)
            put(&m, 4 * v, 0x05000000 + 16 * v, 4);
        memset(m.ram + 0x5000, 0xF4, 0x1000);
        segment_load_real(c, SEG_CS, 0x1000, false);
        segment_load_real(c, SEG_SS, 0x0300, false);
        c->reg[ESP].d = 0x100;
        c->eip = 0xFFFE;
        PROGRAM(&m, 0x1FFFE, 0xB8, 0x11); /* mov ax, ..11h */
        PROGRAM(&m, 0x10000, 0x22, 0xF4);
        PROGRAM(&m, 0x20000, 0x33, 0xF4);
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        if (model <= CPU_186) {
            ck_assert_uint_eq(c->reg[EAX].w, 0x2211);
            ck_assert_uint_eq(c->eip, 2);
        } else {
            ck_assert_uint_eq(c->seg[SEG_CS].selector, 0x0500);
            ck_assert_uint_eq(c->eip, 16 * VEC_GP + 1);
        }
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(store_at_the_end_of_the_segment)
{
    struct machine m;
    machine_create(&m, CPU_8086);
    MUST_NOT_FAULT(&m, store16(m.c, &m.insn, SEG_DS, 0xFFFF, 0x1234));
    ck_assert_uint_eq(m.ram[0xFFFF], 0x34);
    ck_assert_uint_eq(m.ram[0], 0x12);
    ck_assert_uint_eq(m.ram[0x10000], 0);
    machine_destroy(&m);
    machine_create(&m, CPU_186);
    MUST_NOT_FAULT(&m, store16(m.c, &m.insn, SEG_DS, 0xFFFF, 0x1234));
    ck_assert_uint_eq(m.ram[0x10000], 0x12);
    ck_assert_uint_eq(m.ram[0], 0);
    machine_destroy(&m);
}
END_TEST

/* A block known under one limit of CS is not run beyond another's. */
START_TEST(code_limit_is_checked_for_known_blocks)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x40, 0x40, 0x40, 0x40, 0xF4);
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    put_segment(&m, GDT + 0x80, 0, CODE + 1, 0x9A, 4);
    MUST_NOT_FAULT(&m, far_jump(c, 0x80, CODE, 4, 0));
    c->reg[EAX].d = 0;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(c->reg[EAX].d, 2);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 4), CODE + 2);
    /* Entering beyond it. */
    put_segment(&m, GDT + 0x80, 0, CODE - 1, 0x9A, 4);
    c->seg[SEG_CS].limit = CODE - 1;
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

START_TEST(debug_exception_without_a_handler)
{
    struct machine m;
    start(&m);
    put_gate(&m, IDT + 8 * VEC_DB, CODE0, 0, 0x0E, 0); /* not present */
    PROGRAM(&m, CODE, 0x90, 0x90);
    m.c->eflags |= FLAG_TF;
    machine_run_to_handler(&m, VEC_NP);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), VEC_DB * 8 + 2 + 1);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d + 4), CODE + 1);
    machine_destroy(&m);
}
END_TEST

/* Every pair of exceptions that can follow one another: which make a double fault (SDM vol. 3,
 * table 6-5). The first is raised with a gate that raises the second. */
START_TEST(double_fault_matrix)
{
    struct machine m;
    start(&m);
    enable_paging(&m);
    static const struct {
        unsigned vector;
        bool contributory, page;
    } first[] = {{VEC_DE, true, false},  {VEC_UD, false, false}, {VEC_BR, false, false},
                 {VEC_NM, false, false}, {VEC_TS, true, false},  {VEC_NP, true, false},
                 {VEC_SS, true, false},  {VEC_GP, true, false},  {VEC_PF, false, true},
                 {VEC_AC, false, false}};
    for (unsigned n = 0; n < ARRAY_LEN(first); n++) {
        for (unsigned second = 0; second < 2; second++) { /* #NP, #PF */
            struct vcpu *c = m.c;
            for (unsigned v = 0; v < 32; v++)
                put_gate(&m, IDT + 8 * v, CODE0, 0x5000 + 16 * v, 0x8E, 0);
            if (second == 0)
                put_gate(&m, IDT + 8 * first[n].vector, CODE0, 0, 0x0E, 0);
            /* A selector whose descriptor lies in the absent page. */
            c->gdtr.limit = second ? 0xFFFF : GDT_SIZE - 1;
            if (second)
                put_gate(&m, IDT + 8 * first[n].vector, 0xF000, 0, 0x8E, 0);
            put(&m, TABLE + 4 * ((GDT + 0xF000) >> 12), second ? 0 : 7, 4);
            tlb_flush_all(&c->tlb);
            c->reg[ESP].d = 0x6F00;
            c->eip = CODE;
            c->fault.vector = (uint8_t)first[n].vector;
            c->fault.has_error = false;
            exception_deliver(c);
            bool df = first[n].contributory ? second == 0 : first[n].page;
            bool same = first[n].vector == (second ? VEC_PF : VEC_NP); /* its own gate is broken */
            unsigned want = df ? VEC_DF : second ? VEC_PF : VEC_NP;
            if (same && !df)
                continue;
            ck_assert_msg(c->eip == 0x5000 + 16 * want, "%u, then %u: at %X", first[n].vector,
                          second ? VEC_PF : VEC_NP, (unsigned)c->eip);
            if (df)
                ck_assert_uint_eq(get32(&m, c->reg[ESP].d), 0);
        }
    }
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {requests_from_outside,
                                  endless_faults_use_up_the_budget,
                                  budget_is_cut_from_within,
                                  saved_and_loaded,
                                  the_debugger_s_view,
                                  the_debugger_reads_no_device,
                                  second_page_of_a_crossing_block,
                                  remapped_code_runs_after_a_flush,
                                  page_of_code_becomes_data_and_code_again,
                                  stores_onto_the_next_instruction,
                                  code_at_the_end_of_the_segment,
                                  store_at_the_end_of_the_segment,
                                  code_limit_is_checked_for_known_blocks,
                                  debug_exception_without_a_handler,
                                  double_fault_matrix};
    return run_tests("engine", tests, ARRAY_LEN(tests));
}
