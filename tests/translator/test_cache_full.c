/* A guest whose code does not fit the code cache, round after round: all is dropped each time that
 * the cache is full, is made anew, and runs as on the interpreter. */
#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/translator.h"

#define FUNCTIONS 0x100000 /* where they stand, 16 bytes each */
#define COUNT     10000
#define ROUNDS    8

struct result {
    uint32_t eax;
    uint64_t insns, units, flushes, interpreted;
};

/* Function n: add eax, n / rol eax, 5 / jnc 1f / inc eax / 1: ret */
static void put_functions(struct machine *m)
{
    for (uint32_t n = 0; n < COUNT; n++) {
        uint8_t code[] = {0x05, 0, 0, 0, 0, 0xC1, 0xC0, 5, 0x73, 1, 0x40, 0xC3};
        memcpy(code + 1, &n, sizeof n);
        physmap_poke(m->pm, FUNCTIONS + 16 * n, code, sizeof code);
    }
}

/*      mov ebp, ROUNDS
 * 1:   mov esi, FUNCTIONS
 * 2:   call esi
 *      add esi, 16
 *      cmp esi, FUNCTIONS + 16 * COUNT
 *      jb 2b
 *      dec ebp
 *      jnz 1b
 *      hlt       */
static void put_loop(struct machine *m)
{
    static const uint8_t code[] = {
        0xBD, ROUNDS, 0,    0,    0,    0xBE, 0,    0,    FUNCTIONS >> 16,
        0,    0xFF,   0xD6, 0x83, 0xC6, 16,   0x81, 0xFE, 0,
        0,    0,      0,    0x72, 0xF3, 0x4D, 0x75, 0xEB, 0xF4};
    const uint32_t end = FUNCTIONS + 16 * COUNT;
    physmap_poke(m->pm, CODE, code, sizeof code);
    physmap_poke(m->pm, CODE + 17, &end, sizeof end);
}

static struct result run(const char *name, struct engine_tuning tuning)
{
    const struct engine *engine = engine_find(name);
    struct machine m;
    machine_start(&m, CPU_P4);
    put_functions(&m);
    put_loop(&m);
    ck_assert(!engine->attach || engine->attach(m.c, &tuning));
    m.c->eip = CODE;
    m.c->reg[EAX].d = 0;
    enum vcpu_exit why = EXIT_BUDGET;
    while (why == EXIT_BUDGET)
        why = engine->run(m.c, 100000);
    ck_assert_int_eq(why, EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 27);
    struct result r = {.eax = m.c->reg[EAX].d, .insns = vcpu_insns(m.c)};
    const struct translator *t = m.c->translated.translator;
    if (t) {
        ck_assert_uint_le(t->code.used, t->code.size);
        r.units = t->counters.units;
        r.flushes = t->counters.flushes;
        r.interpreted = t->counters.single;
    }
    if (engine->detach)
        engine->detach(m.c);
    machine_destroy(&m);
    return r;
}

static struct result compare(enum shadow_form shadow, bool eager)
{
    struct result want = run("interp", (struct engine_tuning){0});
    struct result is =
        run("translate",
            (struct engine_tuning){.shadow = shadow, .eager = eager, .code_cache = CODE_CACHE_MIN});
    ck_assert_uint_eq(is.eax, want.eax);
    ck_assert_uint_eq(is.insns, want.insns);
    return is;
}

START_TEST(code_that_never_fits)
{
    static const enum shadow_form forms[] = {SHADOW_SOFT, SHADOW_WINDOW, SHADOW_AUTO};
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        struct result r = compare(forms[n], true);
        /* Each function is translated in each round; a full cache holds hundreds of them. */
        ck_assert_uint_ge(r.units, (uint64_t)COUNT * ROUNDS);
        ck_assert_uint_ge(r.flushes, ROUNDS);
        ck_assert_uint_le(r.flushes, (uint64_t)COUNT * ROUNDS / 300);
    }
}
END_TEST

/* As guests run: what was dropped is cold again, so some of it is interpreted. */
START_TEST(code_that_never_fits_by_its_heat)
{
    struct result r = compare(SHADOW_AUTO, false);
    ck_assert_uint_le(r.flushes, (uint64_t)COUNT * ROUNDS / 300);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {code_that_never_fits, code_that_never_fits_by_its_heat};
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    return run_tests("cache_full", tests, ARRAY_LEN(tests));
}
