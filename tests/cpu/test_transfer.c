/* Far transfers that succeed, and task switches that fail: gates to the same level and to
 * conforming code, 16-bit TSSs and frames, expand-down stacks, real mode; the faults that a new
 * task meets in its own context; page faults in the midst of transfers, which must leave all as it
 * was. */
#include "tests/cpu/harness.h"

#define FREE      0x80
#define FREE2     0x88
#define TASK_CODE 0xB000u

static void start(struct machine *m)
{
    machine_start(m, CPU_P4);
}

/* --- Gates and segments ----------------------------------------------------------------------- */

START_TEST(gate_to_the_same_level)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_gate(&m, GDT + FREE, CODE0, 0x9000, 0x8C, 5);
    put_gate(&m, GDT + FREE2, CODE0, 0x9100, 0x84, 0); /* 16 bits */
    PROGRAM(&m, CODE, 0x9A, 0, 0, 0, 0, FREE, 0, 0xF4);
    PROGRAM(&m, 0x9000, 0xEA, 0, 0, 0, 0, FREE2, 0); /* jumps through a gate push nothing */
    PROGRAM(&m, 0x9100, 0x89, 0xE0, 0xCB);           /* mov eax, esp; retf */
    ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 8);
    ck_assert_uint_eq(c->reg[EAX].d, 0x6F00 - 8); /* no parameters are copied */
    ck_assert_uint_eq(c->reg[ESP].d, 0x6F00);
    PROGRAM(&m, CODE, 0x9A, 0, 0, 0, 0, FREE2, 0, 0xF4);
    PROGRAM(&m, 0x9100, 0x89, 0xE0, 0x66, 0xCB); /* mov eax, esp; retf of 16 bits */
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EAX].d, 0x6F00 - 4);
    ck_assert_uint_eq(c->eip, CODE + 8);
    machine_destroy(&m);
}
END_TEST

START_TEST(gate_copies_31_parameters)
{
    for (unsigned size = 2; size <= 4; size += 2) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        put_gate(&m, GDT + FREE, CODE0, 0x9000, size == 4 ? 0xEC : 0xE4, 31);
        machine_to_user(&m, FLAG_ONE);
        c->reg[ESP].d = STACK3 - 31 * size;
        for (unsigned n = 0; n < 31; n++)
            put(&m, c->reg[ESP].d + n * size, 0x1000 + n, size);
        MUST_NOT_FAULT(&m, far_call(c, FREE | 3, 0, 4, CODE + 7));
        ck_assert_uint_eq(c->reg[ESP].d, STACK - 35 * size);
        for (unsigned n = 0; n < 31; n++)
            ck_assert_uint_eq(get16(&m, c->reg[ESP].d + (2 + n) * size), 0x1000 + n);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(gate_to_conforming_code_keeps_cpl)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_gate(&m, GDT + FREE, CONFORMING, 0x9000, 0xEC, 0);
    PROGRAM(&m, CODE, 0x9A, 0, 0, 0, 0, FREE, 0);
    PROGRAM(&m, 0x9000, 0x8C, 0xC8, 0x0F, 0x0B); /* mov eax, cs; ud2 */
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[EAX].d, CONFORMING | 3);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 12), STACK3 - 8); /* on the outer stack */
    ck_assert_uint_eq(get32(&m, STACK3 - 4), CODE3);
    machine_destroy(&m);
}
END_TEST

/* A descriptor counts only when all of its eight bytes lie within the table. */
START_TEST(descriptors_at_the_end_of_a_table)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_segment(&m, GDT + FREE, 0, 0xFFFF, 0x92, 0);
    put_segment(&m, LDT + 8, 0, 0xFFFF, 0x92, 0);
    c->ldtr = (struct segment){.selector = SEL_LDT, .attr = 0x82, .base = LDT};
    for (unsigned last = 0; last < 8; last++) {
        c->gdtr.limit = FREE + last;
        c->ldtr.limit = 8 + last;
        unsigned want = last == 7 ? NO_FAULT : VEC_GP;
        ck_assert_uint_eq(FAULT(&m, segment_load(c, SEG_ES, FREE)), want);
        ck_assert_uint_eq(FAULT(&m, segment_load(c, SEG_ES, 0x0C)), want);
        ck_assert_uint_eq(FAULT(&m, far_jump(c, 0x0C, 0, 4, 0)), VEC_GP);
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(far_call_and_back_within_the_level)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_segment(&m, GDT + FREE, 0x9000, 0xFFF, 0x9A, 4);
    /* push 0; call FREE:10h; hlt / there: push cs; pop eax; retf 4 */
    PROGRAM(&m, CODE, 0x6A, 0x00, 0x9A, 0x10, 0, 0, 0, FREE, 0, 0xF4);
    PROGRAM(&m, 0x9010, 0x0E, 0x58, 0xCA, 4, 0);
    ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 10);
    ck_assert_uint_eq(c->reg[EAX].d, FREE);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6F00);
    ck_assert_msg(m.ram[GDT + FREE + 5] == 0x9B, "the accessed bit");
    /* The same through memory: call far [esi], jmp far [edi]. */
    put(&m, 0xA000, 0x10, 4);
    put(&m, 0xA004, FREE, 2);
    put(&m, 0xA010, CODE + 0x20, 4);
    put(&m, 0xA014, CODE0, 2);
    c->reg[ESI].d = 0xA000;
    c->reg[EDI].d = 0xA010;
    PROGRAM(&m, CODE, 0x6A, 0x00, 0xFF, 0x1E, 0xFF, 0x2F);
    PROGRAM(&m, CODE + 0x20, 0xF4);
    c->eip = CODE;
    ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
    ck_assert_uint_eq(c->eip, CODE + 0x21);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6F00);
    machine_destroy(&m);
}
END_TEST

START_TEST(inner_stack_from_a_16_bit_tss)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    c->tr.attr = 0x83;
    put(&m, TSS_A + 2, 0x6800, 2);
    put(&m, TSS_A + 4, DATA0, 2);
    PROGRAM(&m, CODE, 0x0F, 0x0B);
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6800 - 20);
    ck_assert_uint_eq(c->seg[SEG_SS].selector, DATA0);
    c->tr.limit = 4; /* its last byte is missing */
    machine_to_user(&m, FLAG_ONE);
    MUST_FAULT(&m, interrupt_software(c, VEC_UD, SOFT_INT1, 0), VEC_TS, SEL_TSS_A + 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(return_to_a_wide_stack_with_a_16_bit_frame)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    const uint16_t frame[6] = {CODE, CODE3, 0, 0, 0x9E00, DATA3};
    c->reg[ESP].d = 0x6E00;
    memcpy(m.ram + 0x6E00, frame, sizeof frame);
    MUST_NOT_FAULT(&m, far_return(c, 2, 4)); /* RETF 4: two words of parameters on both stacks */
    ck_assert_uint_eq(c->cpl, 3);
    ck_assert_uint_eq(c->reg[ESP].d, 0x9E04); /* zero-extended */
    machine_destroy(&m);
}
END_TEST

/* A data segment of an inner level, or none at all, is lost on the way out; conforming code stays.
 */
START_TEST(segments_after_a_return_outwards)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    MUST_NOT_FAULT(&m, segment_load(c, SEG_DS, DATA0));
    MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, CONFORMING));
    MUST_NOT_FAULT(&m, segment_load(c, SEG_FS, DATA3));
    MUST_NOT_FAULT(&m, segment_load(c, SEG_GS, DATA1 & ~3));
    machine_to_user(&m, FLAG_ONE);
    ck_assert_uint_eq(c->seg[SEG_DS].selector, 0);
    ck_assert_uint_eq(c->seg[SEG_ES].selector, CONFORMING);
    ck_assert_uint_eq(c->seg[SEG_FS].selector, DATA3);
    ck_assert_uint_eq(c->seg[SEG_GS].selector, 0);
    MUST_FAULT(&m, load8(c, &m.insn, SEG_DS, 0), VEC_GP, 0);
    machine_destroy(&m);
}
END_TEST

/* IRET in ring 3 restores IF when IOPL allows it, IOPL itself never, VIF and VIP neither. */
START_TEST(iret_flags_by_privilege)
{
    static const struct {
        uint32_t before, image, after;
    } cases[] = {
        {FLAG_IOPL, FLAG_IF | FLAG_CF, FLAG_IOPL | FLAG_IF | FLAG_CF},
        {FLAG_IOPL | FLAG_IF, FLAG_CF, FLAG_IOPL | FLAG_CF},
        {0, FLAG_IF | FLAG_IOPL | FLAG_DF, FLAG_DF},
        {FLAG_IF, FLAG_AC | FLAG_ID, FLAG_IF | FLAG_AC | FLAG_ID},
        {FLAG_IF, FLAG_VIF | FLAG_VIP | FLAG_OF, FLAG_IF | FLAG_OF},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m);
        PROGRAM(&m, CODE, 0xCF);              /* iretd */
        PROGRAM(&m, CODE + 0x10, 0x0F, 0x0B); /* ud2 */
        machine_to_user(&m, cases[n].before | FLAG_ONE);
        const uint32_t frame[3] = {CODE + 0x10, CODE3, cases[n].image | FLAG_ONE};
        m.c->reg[ESP].d = STACK3 - 12;
        memcpy(m.ram + STACK3 - 12, frame, sizeof frame);
        machine_run_to_handler(&m, VEC_UD);
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d + 8), cases[n].after | FLAG_RF | FLAG_ONE);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(stack_switch_to_an_expand_down_segment)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put(&m, TSS_A + 4, 0x6800, 4);
    put(&m, TSS_A + 8, EXPAND_DOWN, 4); /* valid from 1000h on, 16 bits */
    PROGRAM(&m, CODE, 0x0F, 0x0B);
    machine_to_user(&m, FLAG_ONE);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[ESP].w, 0x6800 - 20);
    put(&m, TSS_A + 4, 0x1010, 4); /* the frame would reach below 1000h */
    machine_to_user(&m, FLAG_ONE);
    MUST_FAULT(&m, interrupt_software(c, VEC_UD, SOFT_INT1, 0), VEC_SS, EXPAND_DOWN + 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(real_mode_transfers)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    struct vcpu *c = m.c;
    segment_load_real(c, SEG_CS, CODE >> 4, false);
    c->eip = 0;
    c->reg[ESP].d = 0x7000;
    /* call 0900:0010; hlt / mov ax, cs; retf 0 / call far [bx], 32-bit operand */
    PROGRAM(&m, CODE, 0x9A, 0x10, 0, 0, 0x09, 0x66, 0xFF, 0x1F, 0xF4);
    PROGRAM(&m, 0x9010, 0x8C, 0xC8, 0xCA, 0, 0);
    PROGRAM(&m, 0x9020, 0x8C, 0xC9, 0x66, 0xCB); /* mov cx, cs; o32 retf */
    put(&m, 0xA000, 0x20, 4);
    put(&m, 0xA004, 0x0900, 2);
    c->reg[EBX].w = 0xA000;
    ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EAX].w, 0x0900);
    ck_assert_uint_eq(c->reg[ECX].w, 0x0900);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, CODE >> 4);
    ck_assert_uint_eq(c->eip, 9);
    ck_assert_uint_eq(c->reg[ESP].d, 0x7000);
    /* Beyond the limit, and beyond the vector table: #GP. */
    MUST_FAULT(&m, far_jump(c, 0x900, 0x10000, 4, 0), VEC_GP, 0);
    MUST_FAULT(&m, far_call(c, 0x900, 0x10000, 4, 0), VEC_GP, 0);
    put(&m, 0x7000, 0x10000, 4);
    MUST_FAULT(&m, far_return(c, 4, 0), VEC_GP, 0);
    MUST_FAULT(&m, interrupt_return(c, 4, 0), VEC_GP, 0);
    c->idtr.limit = 4 * 0x21 + 2;
    MUST_FAULT(&m, interrupt_software(c, 0x21, SOFT_INT_N, 0), VEC_GP, 0);
    ck_assert_uint_eq(c->reg[ESP].d, 0x7000);
    machine_destroy(&m);
}
END_TEST

START_TEST(near_transfers_beyond_the_limit)
{
    static const uint8_t codes[][8] = {
        {0xE9, 0xFB, 0x0F, 0, 0},       /* jmp 1000h */
        {0xE8, 0xFB, 0x0F, 0, 0},       /* call */
        {0x0F, 0x85, 0xFA, 0x0F, 0, 0}, /* jnz */
        {0xFF, 0xE0},                   /* jmp eax */
        {0xFF, 0xD0},                   /* call eax */
        {0xFF, 0x23},                   /* jmp [ebx] */
        {0xC3},                         /* ret */
        {0xC2, 4, 0},                   /* ret 4 */
    };
    for (unsigned n = 0; n < ARRAY_LEN(codes); n++) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        put_segment(&m, GDT + FREE, CODE, 0xFFF, 0x9A, 4);
        MUST_NOT_FAULT(&m, far_jump(c, FREE, 0, 4, 0));
        physmap_poke(m.pm, CODE, codes[n], sizeof codes[n]);
        c->reg[EAX].d = 0x1000;
        c->reg[EBX].d = 0xA000;
        put(&m, 0xA000, 0x1000, 4);
        put(&m, c->reg[ESP].d, 0x1000, 4);
        flags_set(c, 0, FLAGS_ARITH);
        machine_run_to_handler(&m, VEC_GP);
        ck_assert_uint_eq(get32(&m, c->reg[ESP].d), 0);
        ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 4), 0); /* at the transfer itself */
        ck_assert_uint_eq(c->reg[ESP].d, 0x6F00 - 16);
        machine_destroy(&m);
    }
}
END_TEST

/* --- Tasks ------------------------------------------------------------------------------------ */

static void put_task_b(struct machine *m)
{
    put(m, TSS_B + 0x20, TASK_CODE, 4);
    put(m, TSS_B + 0x24, FLAG_ONE, 4);
    put(m, TSS_B + 0x38, 0xBF00, 4);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        put(m, TSS_B + 0x48 + 4 * s, s == SEG_CS ? CODE0 : DATA0, 4);
    put(m, TSS_B + 0x60, 0, 4);
    put(m, TSS_B + 0x64, 0x00680000, 4);
}

/* What is wrong with a new task's selectors is the new task's fault (SDM vol. 3, table 7-1). */
START_TEST(faults_of_the_new_task)
{
    static const struct {
        const char *what;
        unsigned at; /* in the TSS */
        uint32_t value;
        uint8_t free_access; /* of FREE, when it is not 0 */
        unsigned vector, error;
    } cases[] = {
        {"LDT in the LDT", 0x60, 4, 0, VEC_TS, 4},
        {"LDT is no LDT", 0x60, DATA0, 0, VEC_TS, DATA0},
        {"LDT absent", 0x60, FREE, 0x02, VEC_TS, FREE},
        {"CS null", 0x4C, 0, 0, VEC_TS, 0},
        {"CS is data", 0x4C, DATA0, 0, VEC_TS, DATA0},
        {"CS: RPL is not DPL", 0x4C, CODE3 & ~3, 0, VEC_TS, CODE3 & ~3},
        {"CS: conforming, DPL above RPL", 0x4C, FREE, 0xFE, VEC_TS, FREE},
        {"CS absent", 0x4C, FREE, 0x1A, VEC_NP, FREE},
        {"SS null", 0x50, 0, 0, VEC_TS, 0},
        {"SS: DPL", 0x50, DATA3 & ~3, 0, VEC_TS, DATA3 & ~3},
        {"SS absent", 0x50, FREE, 0x12, VEC_SS, FREE},
        {"DS: execute-only", 0x54, EXEC_ONLY, 0, VEC_TS, EXEC_ONLY},
        {"ES: DPL below RPL", 0x48, DATA0 | 1, 0, VEC_TS, DATA0},
        {"FS absent", 0x58, FREE, 0x12, VEC_NP, FREE},
        {"GS beyond the GDT", 0x5C, 0x100, 0, VEC_TS, 0x100},
        {"EIP beyond the limit", 0x4C, EXEC_ONLY, 0, VEC_GP, 0},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        put_task_b(&m);
        put_segment(&m, GDT + FREE, 0, 0xFFFFF, cases[n].free_access, 0xC);
        put(&m, TSS_B + cases[n].at, cases[n].value, 4);
        if (cases[n].vector == VEC_GP)
            put(&m, TSS_B + 0x20, 0x10000, 4);
        unsigned vector = FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, CODE + 7));
        ck_assert_msg(vector == cases[n].vector, "%s: vector %u", cases[n].what, vector);
        ck_assert_msg(c->fault.error == cases[n].error, "%s: %X", cases[n].what, c->fault.error);
        ck_assert_msg(c->tr.selector == SEL_TSS_B, "%s: not the new task's", cases[n].what);
        ck_assert_uint_eq(get32(&m, TSS_A + 0x20), CODE + 7); /* the old one is saved */
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(task_gate_by_jump_call_and_interrupt)
{
    for (unsigned n = 0; n < 3; n++) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        put_task_b(&m);
        put_gate(&m, GDT + FREE, SEL_TSS_B, 0, 0x85, 0);
        put_gate(&m, IDT + 8 * 0x30, SEL_TSS_B, 0, 0x85, 0);
        static const uint8_t codes[3][8] = {
            {0xEA, 0, 0, 0, 0, FREE, 0}, {0x9A, 0, 0, 0, 0, FREE, 0}, {0xCD, 0x30}};
        physmap_poke(m.pm, CODE, codes[n], sizeof codes[n]);
        PROGRAM(&m, TASK_CODE, 0x9C, 0x58, 0xF4); /* pushfd; pop eax; hlt */
        ck_assert_int_eq(machine_run(&m, 20), EXIT_HALT);
        ck_assert_uint_eq(c->tr.selector, SEL_TSS_B);
        ck_assert_uint_eq(c->reg[EAX].d & FLAG_NT, n ? FLAG_NT : 0);
        if (n)
            ck_assert_uint_eq(get16(&m, TSS_B), SEL_TSS_A);
        ck_assert_uint_eq(m.ram[GDT + SEL_TSS_A + 5] & 2, n ? 2 : 0);
        ck_assert_uint_eq(get32(&m, TSS_A + 0x20), CODE + (n == 2 ? 2 : 7));
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(local_breakpoints_end_with_the_task)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_task_b(&m);
    c->dr[0] = c->dr[1] = TASK_CODE + 1;
    c->dr[7] = 0x400 | 1 | 8; /* L0, G1 */
    debug_update(c);
    PROGRAM(&m, CODE, 0xEA, 0, 0, 0, 0, SEL_TSS_B, 0);
    PROGRAM(&m, TASK_CODE, 0x90, 0x90);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(c->dr[6] & 15, 2);
    ck_assert_uint_eq(c->dr[7], 0x408);
    machine_destroy(&m);
}
END_TEST

/* --- With paging: a fault in the midst changes nothing
 * ----------------------------------------------- */

#define DIRECTORY 0x100000u
#define TABLE     0x101000u

static void enable_paging(struct machine *m, uint32_t cr4)
{
    for (unsigned n = 0; n < 1024; n++)
        put(m, TABLE + 4 * n, n << 12 | 7, 4);
    put(m, DIRECTORY, TABLE | 7, 4);
    MUST_NOT_FAULT(m, control_write_cr4(m->c, cr4));
    MUST_NOT_FAULT(m, control_write_cr3(m->c, DIRECTORY));
    MUST_NOT_FAULT(m, control_write_cr0(m->c, CR0_PE | CR0_PG | CR0_WP));
}

/* What stands at an address from now on: its page's entry becomes bits, the TLB forgets it. */
static void set_page(struct machine *m, uint32_t page, uint32_t bits)
{
    put(m, TABLE + 4 * (page >> 12), page | bits, 4);
    tlb_flush_page(&m->c->tlb, page);
}

START_TEST(interrupt_frame_across_pages)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    enable_paging(&m, 0);
    set_page(&m, 0x10000, 3);
    set_page(&m, 0x11000, 3);
    for (unsigned missing = 0; missing < 2; missing++) {
        put(&m, TSS_A + 4, 0x1100C, 4); /* three words in one page, two below */
        set_page(&m, 0x10000, missing ? 2 : 3);
        set_page(&m, 0x11000, missing ? 3 : 0);
        memset(m.ram + 0x10FE0, 0x77, 0x40);
        machine_to_user(&m, FLAG_ONE);
        MUST_FAULT(&m, interrupt_software(c, VEC_UD, SOFT_INT1, CODE), VEC_PF, 2);
        ck_assert_uint_eq(c->cr2 >> 12, missing ? 0x10 : 0x11);
        for (unsigned n = 0; n < 0x40; n++)
            ck_assert_uint_eq(m.ram[0x10FE0 + n], 0x77);
        ck_assert_uint_eq(c->cpl, 3);
        ck_assert_uint_eq(c->reg[ESP].d, STACK3);
        c->fault_ext = 0;
        c->reg[ESP].d = 0x6F00;
        vcpu_set_cpl(c, 0);
        MUST_NOT_FAULT(&m, segment_load(c, SEG_SS, DATA0));
        MUST_NOT_FAULT(&m, far_jump(c, CODE0, CODE, 4, 0));
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(instructions_that_cross_into_a_missing_page)
{
    static const struct {
        const char *what;
        uint8_t code[8];
        bool write;
    } cases[] = {
        {"mov [ebx], eax", {0x89, 0x03}, true},
        {"add [ebx], eax", {0x01, 0x03}, true},
        {"xchg [ebx], eax", {0x87, 0x03}, true},
        {"cmpxchg [ebx], ecx", {0x0F, 0xB1, 0x0B}, true},
        {"xadd [ebx], ecx", {0x0F, 0xC1, 0x0B}, true},
        {"cmpxchg8b [ebx]", {0x0F, 0xC7, 0x0B}, true},
        {"not [ebx]", {0xF7, 0x13}, true},
        {"shl [ebx], 1", {0xD1, 0x23}, true},
        {"bts [ebx], 0", {0x0F, 0xBA, 0x2B, 0}, true},
        {"push at esp", {0x50}, true},
        {"stosd", {0xAB}, true},
        {"rep movsd", {0xF3, 0xA5}, true},
        {"fstp qword [ebx]", {0xDD, 0x1B}, true},
        {"fstp tbyte [ebx]", {0xDB, 0x3B}, true},
        {"fnsave [ebx]", {0xDD, 0x33}, true},
        {"movups [ebx], xmm0", {0x0F, 0x11, 0x03}, true},
        {"sgdt [ebx]", {0x0F, 0x01, 0x03}, true},
        {"mov eax, [ebx]", {0x8B, 0x03}, false},
        {"lodsd", {0xAD}, false},
        {"pop eax", {0x58}, false},
        {"les eax, [ebx]", {0xC4, 0x03}, false},
        {"lgdt [ebx]", {0x0F, 0x01, 0x13}, false},
        {"jmp [ebx]", {0xFF, 0x23}, false},
        {"jmp far [ebx]", {0xFF, 0x2B}, false},
        {"popa", {0x61}, false},
        {"movups xmm0, [ebx]", {0x0F, 0x10, 0x03}, false},
        {"frstor [ebx]", {0xDD, 0x23}, false},
        {"cmp [ebx], eax", {0x39, 0x03}, false},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m);
        struct vcpu *c = m.c;
        enable_paging(&m, CR4_OSFXSR);
        set_page(&m, 0x10000, 3);
        set_page(&m, 0x11000, 0);
        c->x87.control = 0x37F;
        c->x87.tag_empty = 0;
        physmap_poke(m.pm, CODE, cases[n].code, sizeof cases[n].code);
        memset(m.ram + 0x10F00, 0x77, 0x200);
        bool pushes = cases[n].code[0] == 0x50,
             pops = cases[n].code[0] == 0x58 || cases[n].code[0] == 0x61;
        c->reg[EBX].d = c->reg[ESI].d = c->reg[EDI].d = 0x10FFD;
        if (cases[n].code[0] == 0xF3)
            c->reg[ESI].d = 0xA000;
        c->reg[ECX].d = 2;
        MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG));
        if (pushes || pops)
            c->reg[ESP].d = pushes ? 0x11001 : 0x10FFD;
        uint32_t esp = c->reg[ESP].d;
        union gpr_value before[8];
        memcpy(before, c->reg, sizeof before);
        struct x87 x87 = c->x87;
        struct descriptor_table gdtr = c->gdtr;
        /* The handler is a task of its own: a stack that is missing needs no delivery on it. */
        put_task_b(&m);
        put(&m, TSS_B + 0x1C, DIRECTORY, 4);
        put(&m, TASK_CODE, 0xF4, 1);
        put_gate(&m, IDT + 8 * VEC_PF, SEL_TSS_B, 0, 0x85, 0);
        ck_assert_int_eq(machine_run(&m, 4), EXIT_HALT);
        ck_assert_msg(c->tr.selector == SEL_TSS_B, "%s: no fault", cases[n].what);
        ck_assert_msg(get32(&m, c->reg[ESP].d) == (cases[n].write ? 2 : 0), "%s: error %X",
                      cases[n].what, get32(&m, c->reg[ESP].d));
        ck_assert_msg(c->cr2 == 0x11000, "%s: CR2 %X", cases[n].what, c->cr2);
        for (unsigned k = 0; k < 0x200; k++)
            ck_assert_msg(m.ram[0x10F00 + k] == 0x77, "%s: wrote %X", cases[n].what, 0x10F00 + k);
        ck_assert_uint_eq(get32(&m, TSS_A + 0x20), CODE);
        for (unsigned k = 0; k < 8; k++)
            ck_assert_msg(get32(&m, TSS_A + 0x28 + 4 * k) == before[k].d, "%s: register %u",
                          cases[n].what, k);
        ck_assert_uint_eq(get32(&m, TSS_A + 0x38), esp);
        ck_assert_msg(memcmp(&x87, &c->x87, offsetof(struct x87, last_opcode)) == 0, "%s: x87",
                      cases[n].what);
        ck_assert_uint_eq(c->gdtr.base, gdtr.base);
        machine_destroy(&m);
    }
}
END_TEST

/* A read-modify-write of a read-only page faults as a write, before anything is written. */
START_TEST(rmw_of_a_read_only_page)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    enable_paging(&m, 0);
    set_page(&m, 0x10000, 1);
    PROGRAM(&m, CODE, 0xFF, 0x03); /* inc dword [ebx] */
    c->reg[EBX].d = 0x10000;
    put(&m, 0x10000, 5, 4);
    machine_run_to_handler(&m, VEC_PF);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), 3);
    ck_assert_uint_eq(get32(&m, 0x10000), 5);
    ck_assert_uint_eq(get32(&m, TABLE + 4 * 0x10) & 0x60, 0); /* neither A nor D */
    /* A CMPXCHG that fails writes back what it read: it needs the right all the same. */
    PROGRAM(&m, CODE, 0x0F, 0xB1, 0x0B);
    c->reg[EAX].d = 6;
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_PF);
    ck_assert_uint_eq(c->reg[EAX].d, 6);
    machine_destroy(&m);
}
END_TEST

/* INVLPG, CR3 and PGE by the instructions themselves. */
START_TEST(what_flushes_the_tlb)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    enable_paging(&m, CR4_PGE);
    put(&m, 0x10000, 0xAAAA, 4);
    put(&m, 0x12000, 0xBBBB, 4);
    /* mov eax, [10000h]; mov dword [TABLE+40h], 12003h; mov ebx, [10000h]; <flush>; mov ecx,
     * [10000h]; hlt */
    PROGRAM(&m, CODE, 0xA1, 0, 0, 1, 0, 0xC7, 0x05, 0x40, 0x10, 0x10, 0, 0x03, 0x20, 0x01, 0, 0x8B,
            0x1D, 0, 0, 1, 0, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x8B, 0x0D, 0, 0, 1, 0,
            0xF4);
    static const struct {
        const char *what;
        uint8_t code[7];
        bool global, flushes;
    } cases[] = {
        {"nothing", {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, false, false},
        {"invlpg [10000h]", {0x0F, 0x01, 0x3D, 0, 0, 1, 0}, false, true},
        {"invlpg [10FFFh]", {0x0F, 0x01, 0x3D, 0xFF, 0x0F, 1, 0}, false, true},
        {"invlpg [11000h]", {0x0F, 0x01, 0x3D, 0, 0x10, 1, 0}, false, false},
        {"invlpg of a global page", {0x0F, 0x01, 0x3D, 0, 0, 1, 0}, true, true},
        {"mov cr3, edx", {0x0F, 0x22, 0xDA, 0x90, 0x90, 0x90, 0x90}, false, true},
        {"mov cr3, edx: global", {0x0F, 0x22, 0xDA, 0x90, 0x90, 0x90, 0x90}, true, false},
        {"mov cr4, esi: PGE off", {0x0F, 0x22, 0xE6, 0x90, 0x90, 0x90, 0x90}, true, true},
        {"mov cr0, edi: WP changes", {0x0F, 0x22, 0xC7, 0x90, 0x90, 0x90, 0x90}, true, true},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        MUST_NOT_FAULT(&m, control_write_cr4(c, 0));
        MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_PGE));
        MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG | CR0_WP));
        put(&m, TABLE + 4 * 0x10, 0x10003 | (cases[n].global ? 0x100 : 0), 4);
        tlb_flush_all(&c->tlb);
        physmap_poke(m.pm, CODE + 21, cases[n].code, sizeof cases[n].code);
        c->reg[EDX].d = DIRECTORY;
        c->reg[ESI].d = 0;
        c->reg[EDI].d = CR0_PE | CR0_PG;
        c->eip = CODE;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        ck_assert_uint_eq(c->reg[EAX].d, 0xAAAA);
        ck_assert_msg(c->reg[EBX].d == 0xAAAA, "%s: flushed by the write", cases[n].what);
        ck_assert_msg(c->reg[ECX].d == (cases[n].flushes ? 0xBBBB : 0xAAAA), "%s", cases[n].what);
    }
    machine_destroy(&m);
}
END_TEST

/* A PAE task's CR3 with bad entries: #TS, in the new task. */
START_TEST(task_with_bad_page_directory_pointers)
{
    struct machine m;
    start(&m);
    struct vcpu *c = m.c;
    put_task_b(&m);
    put(&m, DIRECTORY, 0x102000 | 1, 8);
    put(&m, 0x102000, 0x83, 8); /* the first 2 MiB */
    put(&m, 0x103000, 0x102007, 8);
    MUST_NOT_FAULT(&m, control_write_cr4(c, CR4_PAE));
    MUST_NOT_FAULT(&m, control_write_cr3(c, DIRECTORY));
    MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE | CR0_PG));
    put(&m, TSS_B + 0x1C, 0x103000, 4);
    MUST_FAULT(&m, far_jump(c, SEL_TSS_B, 0, 4, 0), VEC_TS, SEL_TSS_B);
    ck_assert_uint_eq(c->cr3, DIRECTORY);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gate_to_the_same_level,
                                  gate_copies_31_parameters,
                                  gate_to_conforming_code_keeps_cpl,
                                  descriptors_at_the_end_of_a_table,
                                  far_call_and_back_within_the_level,
                                  inner_stack_from_a_16_bit_tss,
                                  return_to_a_wide_stack_with_a_16_bit_frame,
                                  segments_after_a_return_outwards,
                                  iret_flags_by_privilege,
                                  stack_switch_to_an_expand_down_segment,
                                  real_mode_transfers,
                                  near_transfers_beyond_the_limit,
                                  faults_of_the_new_task,
                                  task_gate_by_jump_call_and_interrupt,
                                  local_breakpoints_end_with_the_task,
                                  interrupt_frame_across_pages,
                                  instructions_that_cross_into_a_missing_page,
                                  rmw_of_a_read_only_page,
                                  what_flushes_the_tlb,
                                  task_with_bad_page_directory_pointers};
    return run_tests("transfer", tests, ARRAY_LEN(tests));
}
