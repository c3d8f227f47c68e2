/* The longest host code that a guest can ask for fits the room of a unit: as many instructions as a
 * unit has, each with the most to do for its memory operands: limits, bases, the soft TLB. */
#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/translator.h"

#define DATA    0x100000
#define LIMITED 0x80 /* a selector */

struct form {
    const char *name;
    uint8_t bytes[10];
    unsigned len;
};

static const struct form forms[] = {
    {"movsd", {0xA5}, 1},
    {"cmpsw", {0x66, 0xA7}, 2},
    {"movsb with 16-bit addresses", {0x67, 0xA4}, 2},
    {"push [fs:ebx+ecx*8+disp]", {0x64, 0xFF, 0xB4, 0xCB, 0, 1, 0, 0}, 8},
    {"pop [ebx+ecx*8+disp]", {0x8F, 0x84, 0xCB, 0, 1, 0, 0}, 7},
    {"lock cmpxchg8b [ebx+disp]", {0xF0, 0x0F, 0xC7, 0x8B, 0, 1, 0, 0}, 8},
    {"xadd [ebx+disp], ah", {0x0F, 0xC0, 0xA3, 0, 1, 0, 0}, 7},
    {"add dword [ebx+ecx*8+disp], imm", {0x81, 0x84, 0xCB, 0, 1, 0, 0, 1, 2, 3}, 10},
    {"call [ebx]", {0xFF, 0x13}, 2},
    {"enter 16, 0", {0xC8, 16, 0, 0}, 4},
    {"fld tword [ebx+disp]", {0xDB, 0xAB, 0, 1, 0, 0}, 6},
    {"paddd xmm0, [ebx+disp]", {0x66, 0x0F, 0xFE, 0x83, 0, 1, 0, 0}, 8},
};

/* The size of the largest unit made of such instructions, in front of a HLT. */
static uint32_t largest_of(const struct form *f)
{
    const struct engine *engine = engine_find("translate");
    const struct engine_tuning tuning = {.shadow = SHADOW_SOFT, .eager = true};
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    c->cr4 |= CR4_OSFXSR;
    put_segment(&m, GDT + LIMITED, DATA, 0x7FFFF, 0x92, 4); /* neither flat nor 64 KiB */
    for (unsigned n = 0; n < 2 * UNIT_MAX_INSNS; n++)
        physmap_poke(m.pm, CODE + n * f->len, f->bytes, f->len);
    put(&m, CODE + 2 * UNIT_MAX_INSNS * f->len, 0xF4, 1);
    ck_assert(engine->attach(c, &tuning));
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        if (s != SEG_CS)
            MUST_NOT_FAULT(&m, segment_load(c, s, LIMITED));
    }
    c->eip = CODE;
    c->reg[ESP].d = 0x40000;
    c->reg[EBX].d = c->reg[ESI].d = 0x1000;
    c->reg[EDI].d = 0x2000;
    c->reg[ECX].d = 0;
    (void)engine->run(c, 1000);
    const struct translator *t = c->translated.translator;
    uint32_t largest = 0;
    for (uint32_t id = 0; id < t->unit_count; id++) {
        if (t->units[id] && t->units[id]->size > largest)
            largest = t->units[id]->size;
    }
    engine->detach(c);
    machine_destroy(&m);
    return largest;
}

START_TEST(the_longest_code_fits)
{
    const struct form *f = &forms[_i];
    uint32_t size = largest_of(f);
    printf("%6u bytes: %s\n", size, f->name);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_lt(size, BACKEND_UNIT_ROOM * 3 / 4);
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("large_units");
    TCase *tcase = tcase_create("large_units");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, the_longest_code_fits, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
