/* Stacks of returns (translator/returns.h): a guest that recurses deeper than one holds, or calls
 * for ever, runs as it would elsewhere, and the host keeps no more than was set aside. */
#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/returns.h"

#define DEEP      50000
#define STACK_TOP 0x300000

struct result {
    uint32_t eax, ecx, esp;
    uint64_t insns, full;
};

/* Runs the program at CODE for so many instructions, or to its HLT. */
static struct result run(const uint8_t *program, size_t bytes, const char *engine_name,
                         enum shadow_form shadow, uint64_t insns)
{
    const struct engine *engine = engine_find(engine_name);
    const struct engine_tuning tuning = {.shadow = shadow, .eager = true};
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    physmap_poke(m.pm, CODE, program, bytes);
    ck_assert(!engine->attach || engine->attach(c, &tuning));
    c->eip = CODE;
    c->reg[ESP].d = STACK_TOP;
    enum vcpu_exit why = engine->run(c, insns);
    ck_assert(why == EXIT_HALT || why == EXIT_BUDGET);
    struct result r = {c->reg[EAX].d, c->reg[ECX].d, c->reg[ESP].d, vcpu_insns(c), 0};
    const struct translator *t = c->translated.translator;
    if (t) /* a host with shadow stacks has no use for them */
        r.full = t->predicts_returns ? t->counters.returns_full : UINT64_MAX;
    if (engine->detach)
        engine->detach(c);
    machine_destroy(&m);
    return r;
}

/* The same on the interpreter and in both forms of shadow map; how often a stack was full. */
static uint64_t compare(const uint8_t *program, size_t bytes, uint64_t insns, uint32_t *eax)
{
    static const enum shadow_form forms[] = {SHADOW_SOFT, SHADOW_WINDOW};
    struct result want = run(program, bytes, "interp", SHADOW_AUTO, insns);
    uint64_t full = UINT64_MAX;
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        struct result is = run(program, bytes, "translate", forms[n], insns);
        ck_assert_uint_eq(is.eax, want.eax);
        ck_assert_uint_eq(is.ecx, want.ecx);
        ck_assert_uint_eq(is.esp, want.esp);
        ck_assert_uint_eq(is.insns, want.insns);
        full = is.full < full ? is.full : full;
    }
    *eax = want.eax;
    return full;
}

START_TEST(deep_recursion_returns)
{
    /*      xor eax, eax        f: dec ecx
     *      mov ecx, DEEP          jz 1f
     *      call f                 call f
     *      hlt                 1: inc eax
     *                             ret          */
    static const uint8_t program[] = {0x31, 0xC0, 0xB9, DEEP & 0xFF, DEEP >> 8, 0,    0,    0xE8,
                                      1,    0,    0,    0,           0xF4,      0x49, 0x74, 0x05,
                                      0xE8, 0xF8, 0xFF, 0xFF,        0xFF,      0x40, 0xC3};
    uint32_t eax;
    uint64_t full = compare(program, sizeof program, UINT64_MAX, &eax);
    ck_assert_uint_eq(eax, DEEP);
    ck_assert_uint_ge(full, DEEP / 8192 - 1);
}
END_TEST

START_TEST(calls_for_ever)
{
    /* 1: mov esp, STACK_TOP
     *    inc eax
     *    call 1b               */
    static const uint8_t program[] = {0xBC, 0,    0,   STACK_TOP >> 16, 0, 0x40, 0xE8, 0xF5,
                                      0xFF, 0xFF, 0xFF};
    uint32_t eax;
    uint64_t full = compare(program, sizeof program, 3000000, &eax);
    ck_assert_uint_eq(eax, 1000000);
    ck_assert_uint_ge(full, 1000000 / 8192 - 1);
}
END_TEST

/* The stack lies beside code: what the host does not write there is pushed by the handler, and the
 * landing in C. */
START_TEST(calls_for_ever_with_a_stack_beside_code)
{
    static const uint8_t program[] = {0xBC, 0,   (CODE + 0x800) >> 8, 0, 0, 0x40, 0xE8, 0xF5, 0xFF,
                                      0xFF, 0xFF};
    uint32_t eax;
    uint64_t full = compare(program, sizeof program, 300000, &eax);
    ck_assert_uint_eq(eax, 100000);
    ck_assert_uint_ge(full, 100000 / 8192 - 1);
}
END_TEST

/* Each return address lies in two pages: the soft TLB does not serve that, and the handler pushes.
 */
START_TEST(calls_for_ever_by_the_handler)
{
    static const uint8_t program[] = {0xBC, 2,    0,   STACK_TOP >> 16, 0, 0x40, 0xE8, 0xF5,
                                      0xFF, 0xFF, 0xFF};
    uint32_t eax;
    uint64_t full = compare(program, sizeof program, 300000, &eax);
    ck_assert_uint_eq(eax, 100000);
    ck_assert_uint_ge(full, 100000 / 8192 - 1);
}
END_TEST

/* What is called changes the code that it was called from, and what it returns to. */
START_TEST(returns_to_code_that_changed)
{
    /*      mov ecx, 999            f: xor byte [1b], 68h       NOP, CLC in turn
     *      xor eax, eax               xor byte [2b], 8         INC EAX, DEC EAX
     *   1: nop                        ret
     *      call f
     *   2: inc eax
     *      dec ecx
     *      jnz 1b
     *      hlt       */
    static const uint8_t program[] = {
        0xB9, 0xE7, 0x03, 0,    0,    0x31, 0xC0,      0x90, 0xE8, 0x05, 0,
        0,    0,    0x40, 0x49, 0x75, 0xF6, 0xF4,      0x80, 0x35, 7,    CODE >> 8,
        0,    0,    0x68, 0x80, 0x35, 13,   CODE >> 8, 0,    0,    8,    0xC3};
    uint32_t eax;
    compare(program, sizeof program, UINT64_MAX, &eax);
    ck_assert_int_eq((int32_t)eax, -1); /* DEC comes first */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {deep_recursion_returns, calls_for_ever,
                                  calls_for_ever_with_a_stack_beside_code,
                                  calls_for_ever_by_the_handler, returns_to_code_that_changed};
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    return run_tests("returns", tests, ARRAY_LEN(tests));
}
