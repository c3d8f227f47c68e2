/* Address spaces and host code (translator/jumps.h, units.h): what jump tables keep over MOV CR3 is
 * what the page tables say then, and units of code that is mapped elsewhere by now go there. */
#include "tests/translator/guest.h"

#define ROUNDS  1000
#define SPACE_A 0x100000 /* page directories, each followed by its one table */
#define SPACE_B 0x102000
#define LIBRARY 0x110000 /* pages of code: the n-th adds 1 << 8 * n to EDX and returns; the */
                         /* one at 3000h ends with ADD EDX, whose imm32 begins the n-th behind */
#define STACK_AT 0x120000
#define PLACE    0x200000 /* where one of them is mapped, and pages behind it */

static void make_space(struct machine *m, uint32_t root, uint32_t library)
{
    put(m, root, (root + 0x1000) | 3, 4);
    for (uint32_t page = 0; page < PLACE >> 12; page++)
        put(m, root + 0x1000 + page * 4, page << 12 | 3, 4);
    put(m, root + 0x1000 + (PLACE >> 12) * 4, library | 3, 4);
    put(m, root + 0x1000 + (PLACE >> 12) * 4 + 4, (LIBRARY + 0x3000) | 3, 4);
    put(m, root + 0x1000 + (PLACE >> 12) * 4 + 8, (library + 0x4000) | 3, 4);
}

static void prepare(struct machine *m, const void *ctx)
{
    (void)ctx;
    struct vcpu *c = m->c;
    for (unsigned n = 0; n < 3; n++) { /* add edx, 1 << 8 * n / ret */
        const uint8_t library[] = {0x81, 0xC2, n == 0, n == 1, n == 2, 0, 0xC3};
        physmap_poke(m->pm, LIBRARY + n * 0x1000, library, sizeof library);
        physmap_poke(m->pm, LIBRARY + 0x4000 + n * 0x1000, library + 2, sizeof library - 2);
        physmap_poke(m->pm, LIBRARY + 0x3FFE, library, 2);
    }
    make_space(m, SPACE_A, LIBRARY);
    make_space(m, SPACE_B, LIBRARY + 0x1000);
    c->reg[ESP].d = STACK_AT;
    c->reg[ECX].d = ROUNDS;
    c->reg[EBX].d = SPACE_A;
    c->reg[ESI].d = SPACE_B;
    c->reg[EBP].d = PLACE;
    c->reg[EDI].d = SPACE_A + 0x1000 + (PLACE >> 12) * 4; /* its entry */
}

static struct outcome compare(const uint8_t *program, size_t bytes, uint32_t edx,
                              enum shadow_form shadow)
{
    const struct guest g = {.code = program, .bytes = bytes, .prepare = prepare};
    struct outcome o = guest_compare_form(&g, shadow);
    ck_assert_uint_eq(o.reg[EDX], edx);
    ck_assert_uint_eq(o.reg[ECX], 0);
    return o;
}

/* mov eax, cr0 / or eax, 80000000h / mov cr0, eax, with EBX in CR3 */
#define PAGING 0x0F, 0x22, 0xDB, 0x0F, 0x20, 0xC0, 0x0D, 0, 0, 0, 0x80, 0x0F, 0x22, 0xC0

START_TEST(targets_outlive_a_switch)
{
    static const uint8_t program[] = {PAGING,             /* at 14: */
                                      0x0F,   0x22, 0xDB, /* mov cr3, ebx */
                                      0xFF,   0xD5,       /* call ebp */
                                      0x0F,   0x22, 0xDE, /* mov cr3, esi */
                                      0xFF,   0xD5,       /* call ebp */
                                      0x49,               /* dec ecx */
                                      0x75,   0xF3,       /* jnz 14 */
                                      0xF4};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome is = compare(program, sizeof program, ROUNDS * 0x101, guest_forms[n]);
        ck_assert_uint_lt(is.counters.missed, 100); /* of 4000 calls and returns */
    }
}
END_TEST

START_TEST(a_switch_shows_what_was_mapped_before_it)
{
    static const uint8_t program[] = {PAGING,                         /* at 14: */
                                      0x0F,   0x22, 0xDB,             /* mov cr3, ebx */
                                      0xFF,   0xD5,                   /* call ebp */
                                      0x0F,   0x22, 0xDE,             /* mov cr3, esi */
                                      0x81,   0x37, 0,    0x20, 0, 0, /* xor [edi], 2000h */
                                      0x49,                           /* dec ecx */
                                      0x75,   0xEF,                   /* jnz 14 */
                                      0xF4};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        compare(program, sizeof program, ROUNDS / 2 * 0x10001, guest_forms[n]);
}
END_TEST

START_TEST(an_instruction_across_pages_ends_as_its_space_has_it)
{
    static const uint8_t program[] = {PAGING, 0x81, 0xC5, 0xFE, 0x1F, 0, 0, /* add ebp, 1FFEh */
                                      /* at 20: */
                                      0x0F, 0x22, 0xDB, /* mov cr3, ebx */
                                      0xFF, 0xD5,       /* call ebp */
                                      0x0F, 0x22, 0xDE, /* mov cr3, esi */
                                      0xFF, 0xD5,       /* call ebp */
                                      0x49,             /* dec ecx */
                                      0x75, 0xF3,       /* jnz 20 */
                                      0xF4};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        compare(program, sizeof program, ROUNDS * 0x101, guest_forms[n]);
}
END_TEST

START_TEST(units_go_with_their_code)
{
    static const uint8_t program[] = {PAGING, 0x81, 0xE9, 0, 0x03, 0, 0, /* sub ecx, 300h */
                                      /* at 20: */
                                      0xFF, 0xD5,                   /* call ebp */
                                      0xC7, 0x07, 0, 0, 0, 0,       /* mov [edi], 0 */
                                      0x83, 0xC7, 0x04,             /* add edi, 4 */
                                      0xC7, 0x07, 0x03, 0, 0x11, 0, /* mov [edi], LIBRARY | 3 */
                                      0x81, 0xC5, 0, 0x10, 0, 0,    /* add ebp, 1000h */
                                      0x0F, 0x22, 0xDB,             /* mov cr3, ebx */
                                      0x49,                         /* dec ecx */
                                      0x75, 0xE3,                   /* jnz 20 */
                                      0xF4};
    const unsigned rounds = ROUNDS - 0x300;
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome is = compare(program, sizeof program, rounds, guest_forms[n]);
        ck_assert_uint_ge(is.counters.moved, rounds - 2);
        ck_assert_uint_lt(is.counters.units, 20);
        ck_assert_uint_lt(is.code_used, 8192);
    }
}
END_TEST

static void never_for_a_while(struct translator *t)
{
    t->fresh.need = UINT16_MAX;
}

START_TEST(where_the_supervisor_keeps_mapping_pages_it_looks_them_up)
{
    static const uint8_t program[] = {PAGING,                         /* at 14: */
                                      0x0F,   0x01, 0x7D, 0,          /* invlpg [ebp] */
                                      0x03,   0x55, 0x04,             /* add edx, [ebp + 4] */
                                      0x81,   0x37, 0,    0x10, 0, 0, /* xor [edi], 1000h */
                                      0x49,                           /* dec ecx */
                                      0x75,   0xF0,                   /* jnz 14 */
                                      0xF4};
    const struct guest g = {
        .code = program, .bytes = sizeof program, .prepare = prepare, .tune = never_for_a_while};
    struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
    ck_assert_uint_eq(o.reg[ECX], 0);
    if (!o.has_windows)
        return;
    ck_assert_uint_gt(o.counters.faults, 400);
    ck_assert_uint_lt(o.counters.faults, 600);
}
END_TEST

#define PROCESSES 40
#define PROCESS   0x140000 /* their page directories, all with the table of SPACE_A */

/* 200 pages of the users from PLACE on, none accessed before, in many spaces. */
static void prepare_users(struct machine *m, const void *ctx)
{
    prepare(m, ctx);
    for (unsigned n = 0; n < PROCESSES; n++)
        put(m, PROCESS + n * 0x1000, (SPACE_A + 0x1000) | 7, 4);
    for (unsigned n = 0; n < 200; n++)
        put(m, SPACE_A + 0x1000 + ((PLACE >> 12) + n) * 4, LIBRARY | 7, 4);
    m->c->reg[EBX].d = PROCESS;
    m->c->reg[ECX].d = *(const uint32_t *)ctx;
}

/* Each process has pages of its own: where a kernel reads those it looks them up, after some. */
START_TEST(where_the_supervisor_reads_of_many_users_it_looks_up)
{
    static const uint8_t program[] = {PAGING,                         /* at 14: */
                                      0x0F,   0x22, 0xDB,             /* mov cr3, ebx */
                                      0x03,   0x55, 0,                /* add edx, [ebp] */
                                      0x81,   0xC3, 0,    0x10, 0, 0, /* add ebx, 1000h */
                                      0x49,                           /* dec ecx */
                                      0x75,   0xF1,                   /* jnz 14 */
                                      0xF4};
    const uint32_t rounds = PROCESSES;
    const struct guest g = {
        .code = program, .bytes = sizeof program, .prepare = prepare_users, .ctx = &rounds};
    struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
    if (!o.has_windows)
        return;
    ck_assert_uint_eq(o.counters.soft_sites, 1);
    ck_assert_uint_lt(o.counters.faults, PROCESSES / 2);
}
END_TEST

/* But what a kernel of one space touches first, if all its pages are the users', stays as it is. */
START_TEST(a_space_that_touches_many_pages_keeps_its_window)
{
    static const uint8_t program[] = {PAGING,                      /* at 14: */
                                      0x03,   0x55, 0,             /* add edx, [ebp] */
                                      0x81,   0xC5, 0, 0x10, 0, 0, /* add ebp, 1000h */
                                      0x49,                        /* dec ecx */
                                      0x75,   0xF4,                /* jnz 14 */
                                      0xF4};
    const uint32_t rounds = 200;
    const struct guest g = {
        .code = program, .bytes = sizeof program, .prepare = prepare_users, .ctx = &rounds};
    struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
    if (!o.has_windows)
        return;
    ck_assert_uint_eq(o.counters.soft_sites, 0);
}
END_TEST

START_TEST(a_space_that_gets_its_window_runs_in_it)
{
    static const uint8_t program[] = {PAGING,       /* at 14: */
                                      0x42,         /* inc edx */
                                      0xEB,   0,    /* jmp 17 */
                                      0x49,         /* at 17: dec ecx */
                                      0x75,   0xFA, /* jnz 14: each unit leads to the other */
                                      0xF4};
    const struct engine *engine = engine_find("translate");
    const struct engine_tuning tuning = {.shadow = SHADOW_AUTO, .eager = true};
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    physmap_poke(m.pm, CODE, program, sizeof program);
    make_space(&m, SPACE_A, LIBRARY);
    ck_assert(engine->attach(c, &tuning));
    struct translator *t = c->translated.translator;
    if (t->shadow != SHADOW_AUTO) { /* a host without windows */
        engine->detach(c);
        machine_destroy(&m);
        return;
    }
    c->eip = CODE;
    c->reg[EDX].d = 0;
    c->reg[ECX].d = 2 * ROUNDS;
    c->reg[EBX].d = SPACE_A;
    t->policy.window[TLB_SUPERVISOR] = t->policy.kernel.window = false;
    t->policy.kernel.credit = 0;
    ck_assert_int_eq(engine->run(c, 4 * ROUNDS), EXIT_BUDGET);
    ck_assert(!(t->form & KEY_WINDOW));
    uint64_t units = t->counters.units;
    t->policy.window[TLB_SUPERVISOR] = t->policy.kernel.window = true;
    t->policy.kernel.credit = INT32_MAX;
    ck_assert_int_eq(engine->run(c, 100 * ROUNDS), EXIT_HALT);
    ck_assert_uint_ge(t->counters.units, units + 2); /* both have theirs, in the one slice */
    ck_assert_uint_lt(t->counters.lent, 50);
    ck_assert_uint_eq(c->reg[EDX].d, 2 * ROUNDS);
    engine->detach(c);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {targets_outlive_a_switch,
                                  a_switch_shows_what_was_mapped_before_it,
                                  units_go_with_their_code,
                                  an_instruction_across_pages_ends_as_its_space_has_it,
                                  where_the_supervisor_keeps_mapping_pages_it_looks_them_up,
                                  where_the_supervisor_reads_of_many_users_it_looks_up,
                                  a_space_that_touches_many_pages_keeps_its_window,
                                  a_space_that_gets_its_window_runs_in_it};
    return run_translator_tests("spaces", tests, ARRAY_LEN(tests));
}
