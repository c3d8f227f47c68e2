/* A guest whose code does not fit the code cache, round after round: all is dropped each time that
 * the cache is full, is made anew, and runs as on the interpreter. */
#include "tests/translator/guest.h"

#define FUNCTIONS 0x100000 /* where they stand, 16 bytes each */
#define COUNT     10000
#define ROUNDS    8

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

static void prepare(struct machine *m, const void *ctx)
{
    (void)ctx;
    put_functions(m);
    put_loop(m);
}

static void look(struct machine *m, const void *ctx)
{
    (void)ctx;
    const struct translator *t = m->c->translated.translator;
    ck_assert_uint_le(t->code.used, t->code.size);
    ck_assert_uint_eq(m->c->eip, CODE + 27);
}

static struct translator_counters compare(enum shadow_form shadow, bool cold)
{
    const struct guest g = {
        .prepare = prepare, .look = look, .cold = cold, .code_cache = CODE_CACHE_MIN};
    return guest_compare_form(&g, shadow).counters;
}

START_TEST(code_that_never_fits)
{
    static const enum shadow_form forms[] = {SHADOW_SOFT, SHADOW_WINDOW, SHADOW_AUTO};
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++) {
        struct translator_counters r = compare(forms[n], false);
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
    struct translator_counters r = compare(SHADOW_AUTO, true);
    ck_assert_uint_le(r.flushes, (uint64_t)COUNT * ROUNDS / 300);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {code_that_never_fits, code_that_never_fits_by_its_heat};
    return run_translator_tests("cache_full", tests, ARRAY_LEN(tests));
}
