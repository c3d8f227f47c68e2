/* Stacks of returns (translator/returns.h): a guest that recurses deeper than one holds, or calls
 * for ever, runs as it would elsewhere, and the host keeps no more than was set aside. */
#include "tests/translator/guest.h"

#include "translator/returns.h"

#define DEEP      50000
#define STACK_TOP 0x300000

static void set_stack(struct machine *m, const void *ctx)
{
    (void)ctx;
    m->c->reg[ESP].d = STACK_TOP;
}

/* Compared in both forms of shadow map, for so many instructions (0: to its HLT); EAX in the end. A
 * stack was full so often at least. */
static uint32_t compare(const uint8_t *program, size_t bytes, uint64_t insns, uint64_t full)
{
    const struct guest g = {.code = program, .bytes = bytes, .prepare = set_stack, .insns = insns};
    uint32_t eax = 0;
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        if (o.predicts_returns) /* a host with shadow stacks has no use for them */
            ck_assert_uint_ge(o.counters.returns_full, full);
        eax = o.reg[EAX];
    }
    return eax;
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
    ck_assert_uint_eq(compare(program, sizeof program, 0, DEEP / 8192 - 1), DEEP);
}
END_TEST

START_TEST(calls_for_ever)
{
    /* 1: mov esp, STACK_TOP
     *    inc eax
     *    call 1b               */
    static const uint8_t program[] = {0xBC, 0,    0,   STACK_TOP >> 16, 0, 0x40, 0xE8, 0xF5,
                                      0xFF, 0xFF, 0xFF};
    ck_assert_uint_eq(compare(program, sizeof program, 3000000, 1000000 / 8192 - 1), 1000000);
}
END_TEST

/* The stack lies beside code: what the host does not write there is pushed by the handler, and the
 * landing in C. */
START_TEST(calls_for_ever_with_a_stack_beside_code)
{
    static const uint8_t program[] = {0xBC, 0,   (CODE + 0x800) >> 8, 0, 0, 0x40, 0xE8, 0xF5, 0xFF,
                                      0xFF, 0xFF};
    ck_assert_uint_eq(compare(program, sizeof program, 300000, 100000 / 8192 - 1), 100000);
}
END_TEST

/* Each return address lies in two pages: the soft TLB does not serve that, and the handler pushes.
 */
START_TEST(calls_for_ever_by_the_handler)
{
    static const uint8_t program[] = {0xBC, 2,    0,   STACK_TOP >> 16, 0, 0x40, 0xE8, 0xF5,
                                      0xFF, 0xFF, 0xFF};
    ck_assert_uint_eq(compare(program, sizeof program, 300000, 100000 / 8192 - 1), 100000);
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
    ck_assert_int_eq((int32_t)compare(program, sizeof program, 0, 0), -1); /* DEC comes first */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {deep_recursion_returns, calls_for_ever,
                                  calls_for_ever_with_a_stack_beside_code,
                                  calls_for_ever_by_the_handler, returns_to_code_that_changed};
    return run_translator_tests("returns", tests, ARRAY_LEN(tests));
}
