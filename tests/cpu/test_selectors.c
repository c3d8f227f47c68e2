/* Selector queries over every descriptor type; loads and stores of segment registers and descriptor
 * tables; LOADALL of the 286. */
#include "tests/cpu/harness.h"

#define DATA 0xA000u /* where the programs' memory operands lie */

/* --- Questions about selectors ---------------------------------------------------------------- */

/* Every type at every DPL, RPL and CPL, against what the manual's tables say. */
START_TEST(selector_queries_over_all_descriptors)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* lar ebx, ax; setz [DATA]; lsl ecx, ax; setz [DATA+1]; verr ax; setz [DATA+2]; verw ax;
     * setz [DATA+3]; ud2, through ES, which holds a segment for ring 3 */
    PROGRAM(&m, CODE, 0x0F, 0x02, 0xD8, 0x26, 0x0F, 0x94, 0x05, 0x00, 0xA0, 0, 0, 0x0F, 0x03, 0xC8,
            0x26, 0x0F, 0x94, 0x05, 0x01, 0xA0, 0, 0, 0x0F, 0x00, 0xE0, 0x26, 0x0F, 0x94, 0x05,
            0x02, 0xA0, 0, 0, 0x0F, 0x00, 0xE8, 0x26, 0x0F, 0x94, 0x05, 0x03, 0xA0, 0, 0, 0x0F,
            0x0B);
    static const bool lar_system[16] = {0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0};
    static const bool lsl_system[16] = {0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0};
    for (unsigned n = 0; n < 2 * 4 * 4 * 32; n++) {
        unsigned type = n & 31, dpl = n >> 5 & 3, rpl = n >> 7 & 3;
        bool user = n >> 9, segment = type & 16;
        put_segment(&m, GDT + 0x80, 0x1000, 0x12345, (uint8_t)(0x80 | dpl << 5 | type), 8);
        if (user)
            machine_to_user(&m, FLAG_ONE);
        else
            machine_protect(&m);
        MUST_NOT_FAULT(&m, segment_load(c, SEG_ES, DATA3));
        put_segment(&m, GDT + 0x80, 0x1000, 0x12345, (uint8_t)(0x80 | dpl << 5 | type), 8);
        c->reg[EAX].d = 0x80 | rpl;
        c->reg[EBX].d = c->reg[ECX].d = 0x5A5A5A5A;
        c->eip = CODE;
        machine_run_to_handler(&m, VEC_UD);
        bool conforming = (type & 0x1C) == 0x1C;
        bool visible = conforming || (dpl >= rpl && dpl >= (user ? 3 : 0));
        bool lar = visible && (segment || lar_system[type]);
        bool lsl = visible && (segment || lsl_system[type]);
        bool verr = visible && segment && (!(type & 8) || (type & 2));
        bool verw = visible && segment && !(type & 8) && (type & 2);
        ck_assert_msg(m.ram[DATA] == lar && m.ram[DATA + 1] == lsl && m.ram[DATA + 2] == verr &&
                          m.ram[DATA + 3] == verw,
                      "type %X, DPL %u, RPL %u, %s", type, dpl, rpl, user ? "ring 3" : "ring 0");
        uint32_t rights = lar ? 0x808000 | dpl << 13 | type << 8 : 0x5A5A5A5A;
        ck_assert_uint_eq(c->reg[EBX].d, rights);
        ck_assert_uint_eq(c->reg[ECX].d, lsl ? 0x12345FFF : 0x5A5A5A5A);
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(arpl)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    PROGRAM(&m, CODE, 0x63, 0xC8, 0xF4);                                /* arpl ax, cx; hlt */
    PROGRAM(&m, CODE + 0x10, 0x63, 0x0D, 0x00, 0xA0, 0, 0, 0x90, 0xF4); /* arpl [DATA], cx; hlt */
    for (unsigned n = 0; n < 32; n++) {
        unsigned to = n & 3, from = n >> 2 & 3;
        bool memory = n >> 4, raised = to < from;
        c->reg[EAX].d = 0xABCD1230 | to;
        put(&m, DATA, 0xABCD1230 | to, 4);
        c->reg[ECX].d = 0x40 | from;
        c->eip = CODE + (memory ? 0x10 : 0);
        flags_set(c, raised ? 0 : FLAG_ZF, FLAGS_ARITH);
        ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
        uint32_t got = memory ? get32(&m, DATA) : c->reg[EAX].d;
        ck_assert_uint_eq(got, 0xABCD1230 | (raised ? from : to));
        ck_assert_uint_eq(flags_get(c) & FLAGS_ARITH, raised ? FLAG_ZF : 0);
    }
    machine_destroy(&m);
}
END_TEST

/* --- Tables and segment registers ------------------------------------------------------------- */

START_TEST(tables_round_trip)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put(&m, DATA, 0x123456780ABC, 6);
    /* sgdt [DATA+10h]; sidt [DATA+20h]; lidt [DATA]; sidt [DATA+30h]; o16 lidt [DATA];
     * sidt [DATA+40h]; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x01, 0x05, 0x10, 0xA0, 0, 0, 0x0F, 0x01, 0x0D, 0x20, 0xA0, 0, 0, 0x0F,
            0x01, 0x1D, 0x00, 0xA0, 0, 0, 0x0F, 0x01, 0x0D, 0x30, 0xA0, 0, 0, 0x66, 0x0F, 0x01,
            0x1D, 0x00, 0xA0, 0, 0, 0x0F, 0x01, 0x0D, 0x40, 0xA0, 0, 0, 0xF4);
    machine_run_program(&m);
    ck_assert_uint_eq(load_le64(m.ram + DATA + 0x10), (uint64_t)GDT << 16 | (GDT_SIZE - 1));
    ck_assert_uint_eq(load_le64(m.ram + DATA + 0x20), (uint64_t)IDT << 16 | 0x7FF);
    ck_assert_uint_eq(load_le64(m.ram + DATA + 0x30), UINT64_C(0x123456780ABC));
    ck_assert_uint_eq(load_le64(m.ram + DATA + 0x40), UINT64_C(0x3456780ABC)); /* 24 bits */
    ck_assert_uint_eq(c->idtr.limit, 0x0ABC);
    machine_destroy(&m);
}
END_TEST

START_TEST(ldt_and_tr)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put_segment(&m, LDT + 8, 0xA000, 0xFF, 0xF2, 0);
    /* lldt ax; sldt bx; mov ds, cx; str edx; ltr si; str [es:DATA]; hlt */
    PROGRAM(&m, CODE, 0x0F, 0x00, 0xD0, 0x66, 0x0F, 0x00, 0xC3, 0x8E, 0xD9, 0x0F, 0x00, 0xCA, 0x0F,
            0x00, 0xDE, 0x26, 0x0F, 0x00, 0x0D, 0x00, 0xA0, 0, 0, 0xF4);
    c->reg[EAX].d = SEL_LDT;
    c->reg[EBX].d = c->reg[EDX].d = 0xFFFFFFFF;
    c->reg[ECX].d = 0x0C; /* LDT entry 1 */
    c->reg[ESI].d = SEL_TSS_B;
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EBX].d, 0xFFFF0000 | SEL_LDT);
    ck_assert_uint_eq(c->reg[EDX].d, SEL_TSS_A);
    ck_assert_uint_eq(get16(&m, DATA), SEL_TSS_B);
    ck_assert_uint_eq(m.ram[GDT + SEL_TSS_B + 5], 0x8B); /* LTR marks it busy */
    ck_assert_uint_eq(c->tr.attr & 0xF, SYS_TSS32_BUSY);
    ck_assert_uint_eq(c->seg[SEG_DS].base, 0xA000);
    /* lldt of null: LDT selectors fault from now on */
    PROGRAM(&m, CODE, 0x0F, 0x00, 0xD0, 0x8E, 0xD9);
    c->reg[EAX].d = 3;
    c->eip = CODE;
    machine_run_to_handler(&m, VEC_GP);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d), 0x0C);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 4), CODE + 3);
    machine_destroy(&m);
}
END_TEST

START_TEST(segment_registers_move)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    /* mov fs, ax; mov gs, bx; mov ecx, fs; mov dx, gs; mov [DATA], ss; push fs; push gs; pop ds;
     * pop es; o16 push ds; mov esi, esp; o16 pop fs; push ss; pop ss; mov edi, ds; hlt */
    PROGRAM(&m, CODE, 0x8E, 0xE0, 0x8E, 0xEB, 0x8C, 0xE1, 0x66, 0x8C, 0xEA, 0x8C, 0x15, 0x00, 0xA0,
            0, 0, 0x0F, 0xA0, 0x0F, 0xA8, 0x1F, 0x07, 0x66, 0x1E, 0x89, 0xE6, 0x66, 0x0F, 0xA1,
            0x16, 0x17, 0x8C, 0xDF, 0xF4);
    c->reg[EAX].d = READ_ONLY;
    c->reg[EBX].d = DATA0;
    c->reg[ECX].d = c->reg[EDX].d = 0xFFFFFFFF;
    put(&m, DATA, 0xFFFFFFFF, 4);
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[ECX].d, READ_ONLY); /* a 32-bit register is filled with zeros */
    ck_assert_uint_eq(c->reg[EDX].d, 0xFFFF0000 | DATA0);
    ck_assert_uint_eq(get32(&m, DATA), 0xFFFF0000 | DATA0); /* memory always gets 16 bits */
    ck_assert_uint_eq(c->seg[SEG_ES].selector, READ_ONLY);
    ck_assert_uint_eq(c->reg[EDI].d, DATA0);
    ck_assert_uint_eq(c->reg[ESI].d, 0x6F00 - 2);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6F00);
    ck_assert_uint_eq(c->seg[SEG_FS].selector, DATA0);
    machine_destroy(&m);
}
END_TEST

START_TEST(far_pointers_load)
{
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    put(&m, DATA, 0x12345678, 4);
    put(&m, DATA + 4, DATA0, 2);
    put(&m, DATA + 8, 0x6E00, 4);
    put(&m, DATA + 12, DATA0, 2);
    put(&m, DATA + 16, DATA0 << 16 | 0xABCD, 4);
    /* les eax, [DATA]; lfs ecx, [DATA]; lgs edx, [DATA]; lss esp, [DATA+8]; o16 lds bx, [DATA+16];
     * hlt */
    PROGRAM(&m, CODE, 0xC4, 0x05, 0x00, 0xA0, 0, 0, 0x0F, 0xB4, 0x0D, 0x00, 0xA0, 0, 0, 0x0F, 0xB5,
            0x15, 0x00, 0xA0, 0, 0, 0x0F, 0xB2, 0x25, 0x08, 0xA0, 0, 0, 0x66, 0xC5, 0x1D, 0x10,
            0xA0, 0, 0, 0xF4);
    c->reg[EBX].d = 0xFFFFFFFF;
    for (unsigned s = SEG_ES; s < SEG_COUNT; s++) {
        if (s != SEG_CS && s != SEG_SS && s != SEG_DS)
            segment_set_null(c, s, 0);
    }
    machine_run_program(&m);
    ck_assert_uint_eq(c->reg[EAX].d, 0x12345678);
    ck_assert_uint_eq(c->reg[ECX].d, 0x12345678);
    ck_assert_uint_eq(c->reg[EDX].d, 0x12345678);
    ck_assert_uint_eq(c->reg[ESP].d, 0x6E00);
    ck_assert_uint_eq(c->reg[EBX].d, 0xFFFFABCD);
    ck_assert_uint_eq(c->seg[SEG_ES].selector, DATA0);
    ck_assert_uint_eq(c->seg[SEG_FS].selector, DATA0);
    ck_assert_uint_eq(c->seg[SEG_GS].selector, DATA0);
    machine_destroy(&m);
}
END_TEST

START_TEST(cs_loads_of_the_8086)
{
    struct machine m;
    machine_create(&m, CPU_8086);
    struct vcpu *c = m.c;
    segment_load_real(c, SEG_CS, CODE >> 4, false);
    c->eip = 0;
    c->reg[ESP].d = 0x4000;
    c->reg[EAX].w = 0x0900;
    PROGRAM(&m, CODE, 0x8E, 0xC8);                     /* mov cs, ax */
    PROGRAM(&m, 0x9002, 0xB8, 0x00, 0x0A, 0x50, 0x0F); /* mov ax, A00h; push ax; pop cs */
    PROGRAM(&m, 0xA007, 0xF4);                         /* hlt */
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, 0x0A00);
    ck_assert_uint_eq(c->eip, 8);
    ck_assert_uint_eq(c->reg[ESP].w, 0x4000);
    machine_destroy(&m);
}
END_TEST

START_TEST(loadall_of_the_286)
{
    struct machine m;
    machine_create(&m, CPU_286);
    struct vcpu *c = m.c;
    segment_load_real(c, SEG_CS, CODE >> 4, false);
    c->eip = 0;
    PROGRAM(&m, CODE, 0x0F, 0x05);
    memset(m.ram + 0x800, 0, 0x66);
    put(&m, 0x806, 0xFFF8, 2); /* MSW: TS, still real mode */
    put(&m, 0x816, 0x0028, 2); /* TR */
    put(&m, 0x818, FLAG_CF | FLAG_ZF | FLAG_ONE, 2);
    put(&m, 0x81A, 0x0004, 2); /* IP */
    put(&m, 0x81C, 0x0038, 2); /* LDTR */
    put(&m, 0x81E, 0x1111, 2); /* DS, SS, CS, ES */
    put(&m, 0x820, 0x2222, 2);
    put(&m, 0x822, 0x3333, 2);
    put(&m, 0x824, 0x4444, 2);
    for (unsigned n = 0; n < 8; n++) /* DI, SI, BP, SP, BX, DX, CX, AX */
        put(&m, 0x826 + 2 * n, 0xD100 + n, 2);
    static const struct {
        unsigned at;
        uint32_t base;
        uint16_t limit;
        uint8_t access;
    } caches[] = {
        {0x836, 0x120000, 0xFFFF, 0x93}, /* ES beyond 1 MiB: what HIMEM did with it */
        {0x83C, 0x00B000, 0xFFFF, 0x93}, {0x842, 0x006000, 0x7FFF, 0x93},
        {0x848, 0x130000, 0x8000, 0x93}, {0x84E, 0x001000, 0x00FF, 0},
        {0x854, 0x003400, 0x0077, 0x82}, {0x85A, 0x000000, 0x03FF, 0},
        {0x860, 0x003000, 0x0044, 0x81},
    };
    for (unsigned n = 0; n < ARRAY_LEN(caches); n++) {
        put(&m, caches[n].at, caches[n].base | (uint32_t)caches[n].access << 24, 4);
        put(&m, caches[n].at + 4, caches[n].limit, 2);
    }
    /* mov al, es:[0]; mov ah, [8000h]; hlt at the new CS:IP */
    PROGRAM(&m, 0xB004, 0x26, 0xA0, 0x00, 0x00, 0x8A, 0x26, 0x00, 0x80, 0xF4);
    put(&m, 0x120000, 0x5A, 1);
    put(&m, 0x138000, 0xA5, 1);
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(c->reg[EAX].w, 0xA55A);
    static const uint8_t order[7] = {EDI, ESI, EBP, ESP, EBX, EDX, ECX};
    for (unsigned n = 0; n < 7; n++)
        ck_assert_uint_eq(c->reg[order[n]].w, 0xD100 + n);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, 0x3333);
    ck_assert_uint_eq(c->seg[SEG_SS].selector, 0x2222);
    ck_assert_uint_eq(c->seg[SEG_SS].limit, 0x7FFF);
    ck_assert_uint_eq(c->seg[SEG_DS].limit, 0x8000);
    ck_assert_uint_eq(flags_get(c), FLAG_CF | FLAG_ZF | FLAG_ONE);
    ck_assert_uint_eq(c->cr0 & 0xF, CR0_TS);
    ck_assert_uint_eq(c->gdtr.base, 0x1000);
    ck_assert_uint_eq(c->idtr.limit, 0x3FF);
    ck_assert_uint_eq(c->ldtr.selector, 0x38);
    ck_assert_uint_eq(c->ldtr.base, 0x3400);
    ck_assert_uint_eq(c->tr.limit, 0x44);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {selector_queries_over_all_descriptors,
                                  arpl,
                                  tables_round_trip,
                                  ldt_and_tr,
                                  segment_registers_move,
                                  far_pointers_load,
                                  cs_loads_of_the_8086,
                                  loadall_of_the_286};
    return run_tests("selectors", tests, ARRAY_LEN(tests));
}
