/* Units that go with their code to another address (translator/unit_moves.h): a library of two
 * pages is mapped at another place in each round; its code says where it stands, by what its CALLs
 * push. The interpreter says what is right. */
#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/translator.h"

#define ROUNDS   200
#define ROOT     0x100000 /* page directories, each followed by two tables: for the first 4 MiB, */
#define ROOTS    3        /* and for the 4 MiB at HIGH */
#define HIGH     0x10000000
#define LIBRARY  0x110000
#define OTHER    0x112000 /* another page of code: adds 1000h to EDX and returns */
#define STACK_AT 0x120000
#define PLACE    0x200000 /* where the library is mapped first */

/* Calls within the page, to the other page and back from there; forward, backward, conditional. */
static const uint8_t first_page[] = {
    /* 00 */ 0xE8, 0x3B, 0,    0,    0,          /* call 40 */
    /* 05 */ 0x42,                               /* inc edx */
    /* 06 */ 0xF6, 0xC1, 0x01,                   /* test cl, 1 */
    /* 09 */ 0x0F, 0x84, 0xF1, 0x0F, 0,    0,    /* jz 1000 */
    /* 0F */ 0xE8, 0x0C, 0x10, 0,    0,          /* call 1020 */
    /* 14 */ 0xF6, 0xC1, 0x02,                   /* test cl, 2 */
    /* 17 */ 0x75, 0x01,                         /* jnz 1A */
    /* 19 */ 0xC3,                               /* ret */
    /* 1A */ 0x81, 0xC2, 0,    0,    0x01, 0x00, /* add edx, 10000h */
    /* 20 */ 0xC3,                               /* ret */
};
static const uint8_t where_am_i[] = {0x58, 0x50, 0x01, 0xC2, 0xC3}; /* pop eax / push eax /
                                                                       add edx, eax / ret */
static const uint8_t near_pair[] = {
    /* 60 */ 0xEB, 0x02,                   /* jmp 64 */
    /* 62 */ 0xF4, 0xF4,                   /* */
    /* 64 */ 0xE8, 0xD7, 0xFF, 0xFF, 0xFF, /* call 40 */
    /* 69 */ 0xC3,                         /* ret */
};
static const uint8_t second_page[] = {
    /* 1000 */ 0x83, 0xC2, 0x10,             /* add edx, 10h */
    /* 1003 */ 0xE9, 0x07, 0xF0, 0xFF, 0xFF, /* jmp 0F */
};
static const uint8_t other_page[] = {0x81, 0xC2, 0, 0x10, 0, 0, 0xC3};

/* What becomes of the library's old place. */
enum old_place { UNMAPPED, OTHER_CODE, STILL_THERE };

struct result {
    uint32_t edx;
    uint64_t insns, units, moved, missed, shown;
};

struct shown {
    uint64_t count, refuse_from; /* that one and all that follow */
    const struct vcpu *vcpu;
};

static bool show(void *ctx, const struct unit_code *code)
{
    struct shown *s = ctx;
    const struct translator *t = s->vcpu->translated.translator;
    const struct unit *u = t->units[code->id];
    for (unsigned n = 0; n < u->links; n++)
        ck_assert_ptr_null(u->link[n].to);
    return ++s->count < s->refuse_from;
}

static void poke32(struct machine *m, uint32_t at, uint32_t value)
{
    physmap_poke(m->pm, at, &value, sizeof value);
}

static uint32_t root(unsigned space)
{
    return ROOT + space * 0x3000;
}

/* Where the page table entry of a linear address is kept. */
static uint32_t entry_at(unsigned space, uint32_t gva)
{
    return root(space) + (gva < HIGH ? 0x1000 : 0x2000) + (gva >> 12 & 0x3FF) * 4;
}

static void prepare(struct machine *m)
{
    for (unsigned space = 0; space < ROOTS; space++) {
        poke32(m, root(space), (root(space) + 0x1000) | 3);
        poke32(m, root(space) + (HIGH >> 22) * 4, (root(space) + 0x2000) | 3);
        for (uint32_t gva = 0; gva < PLACE; gva += 0x1000)
            poke32(m, entry_at(space, gva), gva | 3);
    }
    physmap_poke(m->pm, LIBRARY, first_page, sizeof first_page);
    physmap_poke(m->pm, LIBRARY + 0x40, where_am_i, sizeof where_am_i);
    physmap_poke(m->pm, LIBRARY + 0x60, near_pair, sizeof near_pair);
    physmap_poke(m->pm, LIBRARY + 0x1000, second_page, sizeof second_page);
    physmap_poke(m->pm, LIBRARY + 0x1020, where_am_i, sizeof where_am_i);
    physmap_poke(m->pm, OTHER, other_page, sizeof other_page);
}

/* EBP: the library. EDI: the entries of its place. ESI: what the old place's entry becomes. */
static const uint8_t program[] = {
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0x0F,
    0x20,
    0xC0, /* mov eax, cr0 */
    0x0D,
    0,
    0,
    0,
    0x80, /* or eax, 80000000h */
    0x0F,
    0x22,
    0xC0, /* mov cr0, eax */
    /* 14: */
    0xC7,
    0x07,
    0x03,
    0,
    0x11,
    0, /* mov [edi], LIBRARY | 3 */
    0xC7,
    0x47,
    0x04,
    0x03,
    0x10,
    0x11, /* mov [edi + 4], LIBRARY + 1000h | 3 */
    0,    /* */
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0xFF,
    0xD5, /* call ebp */
    0xFF,
    0xD5, /* call ebp */
    0x85,
    0xF6, /* test esi, esi */
    0x78,
    0x0E, /* js 52: it stays */
    0x89,
    0x37, /* mov [edi], esi */
    0x89,
    0x77,
    0x04, /* mov [edi + 4], esi */
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0x85,
    0xF6, /* test esi, esi */
    0x74,
    0x02, /* jz 52 */
    0xFF,
    0xD5, /* call ebp */
    /* 52: */
    0x83,
    0xC7,
    0x08, /* add edi, 8 */
    0x81,
    0xC5,
    0,
    0x20,
    0,
    0,    /* add ebp, 2000h */
    0x49, /* dec ecx */
    0x75,
    0xCE, /* jnz 14 */
    0xF4,
};

/* Runs the bytes at CODE to their HLT. */
static struct result run_code(const char *engine_name, struct engine_tuning tuning,
                              const uint8_t *code, size_t bytes, enum old_place old,
                              unsigned rounds)
{
    const struct engine *engine = engine_find(engine_name);
    struct shown *shown = tuning.emitted_ctx;
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    if (shown)
        shown->vcpu = c;
    prepare(&m);
    physmap_poke(m.pm, CODE, code, bytes);
    ck_assert(!engine->attach || engine->attach(c, &tuning));
    c->eip = CODE;
    c->reg[ESP].d = STACK_AT;
    c->reg[EDX].d = 0;
    c->reg[ECX].d = rounds;
    c->reg[EBX].d = ROOT;
    c->reg[EBP].d = PLACE;
    c->reg[ESI].d = old == UNMAPPED ? 0 : old == OTHER_CODE ? OTHER | 3 : UINT32_MAX;
    c->reg[EDI].d = ROOT + 0x1000 + (PLACE >> 12) * 4;
    ck_assert_int_eq(engine->run(c, 200 * rounds), EXIT_HALT);
    struct result r = {.edx = c->reg[EDX].d, .insns = vcpu_insns(c)};
    const struct translator *t = c->translated.translator;
    if (t) {
        r.units = t->counters.units;
        r.moved = t->counters.moved;
        r.missed = t->counters.missed;
        r.shown = shown ? shown->count : 0;
    }
    if (engine->detach)
        engine->detach(c);
    machine_destroy(&m);
    return r;
}

static struct result run(const char *engine_name, struct engine_tuning tuning, enum old_place old,
                         unsigned rounds)
{
    return run_code(engine_name, tuning, program, sizeof program, old, rounds);
}

static struct result compare(struct engine_tuning tuning, enum old_place old, unsigned rounds)
{
    struct result want = run("interp", (struct engine_tuning){0}, old, rounds);
    struct result is = run("translate", tuning, old, rounds);
    ck_assert_uint_eq(is.edx, want.edx);
    ck_assert_uint_eq(is.insns, want.insns);
    return is;
}

START_TEST(units_move_with_what_they_lead_to)
{
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++) {
        struct engine_tuning tuning = {.shadow = form, .eager = true};
        for (enum old_place old = UNMAPPED; old <= OTHER_CODE; old++) {
            struct result is = compare(tuning, old, ROUNDS);
            ck_assert_uint_gt(is.moved, ROUNDS * 4);
            ck_assert_uint_lt(is.missed, ROUNDS * 5);
            /* That other code is entered at a new place each time, and stays at the old ones. */
            ck_assert_uint_lt(is.units, 60 + (old == OTHER_CODE ? ROUNDS : 0));
        }
    }
}
END_TEST

START_TEST(code_that_is_still_there_keeps_its_units)
{
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++) {
        struct engine_tuning tuning = {.shadow = form, .eager = true};
        struct result is = compare(tuning, STILL_THERE, 20);
        ck_assert_uint_eq(is.moved, 0);
        ck_assert_uint_gt(is.units, 20 * 4);
    }
}
END_TEST

START_TEST(what_is_not_hot_moves_too)
{
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++) {
        struct engine_tuning tuning = {.shadow = form};
        struct result is = compare(tuning, UNMAPPED, ROUNDS);
        ck_assert_uint_gt(is.moved, ROUNDS * 4);
    }
}
END_TEST

START_TEST(the_checker_sees_units_that_moved)
{
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++) {
        struct shown all = {.refuse_from = UINT64_MAX};
        struct engine_tuning tuning = {
            .shadow = form, .eager = true, .emitted = show, .emitted_ctx = &all};
        struct result is = compare(tuning, UNMAPPED, ROUNDS);
        ck_assert_uint_gt(is.moved, 0);
        ck_assert_uint_eq(is.shown, is.units + is.moved);
    }
}
END_TEST

START_TEST(what_the_checker_refuses_does_not_run)
{
    struct shown some = {.refuse_from = 40};
    struct engine_tuning tuning = {
        .shadow = SHADOW_SOFT, .eager = true, .emitted = show, .emitted_ctx = &some};
    struct result is = compare(tuning, UNMAPPED, ROUNDS);
    ck_assert_uint_ge(is.shown, 40);
}
END_TEST

/* --- Several address spaces ------------------------------------------------------------------- */

/* A program without branches of its own. */
struct script {
    uint8_t code[4096];
    size_t bytes;
};

static void append(struct script *s, const uint8_t *bytes, size_t count)
{
    memcpy(s->code + s->bytes, bytes, count);
    s->bytes += count;
}

static void append32(struct script *s, uint32_t value)
{
    append(s, (const uint8_t *)&value, sizeof value);
}

static void start(struct script *s)
{
    s->bytes = 0;
    append(s, program, 14); /* paging, with the first space */
}

static void finish(struct script *s)
{
    append(s, (const uint8_t[]){0xF4}, 1);
}

/* mov dword [entry], page | 3 */
static void map(struct script *s, unsigned space, uint32_t gva, uint32_t page)
{
    append(s, (const uint8_t[]){0xC7, 0x05}, 2);
    append32(s, entry_at(space, gva));
    append32(s, page ? page | 3 : 0);
}

/* mov eax, root / mov cr3, eax / mov eax, gva / call eax */
static void call(struct script *s, unsigned space, uint32_t gva)
{
    append(s, (const uint8_t[]){0xB8}, 1);
    append32(s, root(space));
    append(s, (const uint8_t[]){0x0F, 0x22, 0xD8, 0xB8}, 4);
    append32(s, gva);
    append(s, (const uint8_t[]){0xFF, 0xD0}, 2);
}

static struct result compare_script(const struct script *s, enum shadow_form form)
{
    struct engine_tuning tuning = {.shadow = form, .eager = true};
    struct result want =
        run_code("interp", (struct engine_tuning){0}, s->code, s->bytes, UNMAPPED, 1000);
    struct result is = run_code("translate", tuning, s->code, s->bytes, UNMAPPED, 1000);
    ck_assert_uint_eq(is.edx, want.edx);
    ck_assert_uint_eq(is.insns, want.insns);
    return is;
}

#define WHERE    0x40 /* in the library: the function that adds where it was called from */
#define PAIR     0x60 /* two units of which the second calls that */
#define SECOND   0x64
#define LOW_AT   0x201000
#define LOW_SLOT 0x10200000 /* has the same slot in a jump table (jump_slot) */

START_TEST(no_other_space_finds_it_at_the_new_place)
{
    struct script s;
    start(&s);
    map(&s, 0, LOW_AT, LIBRARY);
    map(&s, 1, LOW_AT, LIBRARY);
    map(&s, 1, LOW_SLOT, OTHER);
    map(&s, 2, LOW_SLOT, LIBRARY);
    call(&s, 0, LOW_AT + WHERE);
    call(&s, 1, LOW_AT + WHERE); /* its jump table has it now */
    map(&s, 0, LOW_AT, 0);
    call(&s, 2, LOW_SLOT + WHERE); /* it moves */
    map(&s, 1, LOW_SLOT + 0x1000, LIBRARY);
    append(&s, (const uint8_t[]){0xC7, 0x05}, 2); /* OTHER + WHERE: ret */
    append32(&s, OTHER + WHERE);
    append32(&s, 0xC3C3C3C3);
    call(&s, 1, LOW_SLOT + WHERE); /* other code */
    call(&s, 1, LOW_AT + WHERE);
    finish(&s);
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++)
        ck_assert_uint_ge(compare_script(&s, form).moved, 1);
}
END_TEST

START_TEST(what_stays_behind_does_not_lead_to_it)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE, LIBRARY);
    map(&s, 2, HIGH, LIBRARY);
    for (unsigned n = 0; n < 3; n++)
        call(&s, 0, PLACE + PAIR); /* its first leads to its second by a link */
    map(&s, 0, PLACE, 0);
    call(&s, 2, HIGH + SECOND); /* moves, its first does not */
    for (unsigned n = 0; n < 3; n++)
        call(&s, 1, PLACE + PAIR);
    finish(&s);
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++)
        ck_assert_uint_ge(compare_script(&s, form).moved, 1);
}
END_TEST

START_TEST(it_does_not_lead_to_what_stays_behind)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE, LIBRARY);
    map(&s, 2, HIGH, LIBRARY);
    call(&s, 1, PLACE + SECOND); /* is of a space that goes on */
    for (unsigned n = 0; n < 3; n++)
        call(&s, 0, PLACE + PAIR);
    map(&s, 0, PLACE, 0);
    for (unsigned n = 0; n < 3; n++)
        call(&s, 2, HIGH + PAIR);
    finish(&s);
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++)
        ck_assert_uint_eq(compare_script(&s, form).moved, 1);
}
END_TEST

START_TEST(one_that_is_gone_is_found_among_others)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE + 0x2000, LIBRARY);
    map(&s, 2, PLACE + 0x4000, LIBRARY);
    call(&s, 0, PLACE + WHERE); /* the oldest */
    call(&s, 1, PLACE + 0x2000 + WHERE);
    map(&s, 1, PLACE + 0x2000, 0);
    call(&s, 2, PLACE + 0x4000 + WHERE);
    finish(&s);
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++)
        ck_assert_uint_eq(compare_script(&s, form).moved, 1);
}
END_TEST

START_TEST(two_that_live_do_not_take_it_in_turn)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE + 0x2000, LIBRARY);
    map(&s, 2, PLACE + 0x4000, LIBRARY);
    call(&s, 0, PLACE + WHERE);
    map(&s, 0, PLACE, 0);
    for (unsigned n = 0; n < 20; n++) {
        call(&s, 1, PLACE + 0x2000 + WHERE);
        call(&s, 2, PLACE + 0x4000 + WHERE);
    }
    finish(&s);
    for (enum shadow_form form = SHADOW_WINDOW; form <= SHADOW_SOFT; form++)
        ck_assert_uint_eq(compare_script(&s, form).moved, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {units_move_with_what_they_lead_to,
                                  code_that_is_still_there_keeps_its_units,
                                  what_is_not_hot_moves_too,
                                  the_checker_sees_units_that_moved,
                                  what_the_checker_refuses_does_not_run,
                                  no_other_space_finds_it_at_the_new_place,
                                  what_stays_behind_does_not_lead_to_it,
                                  it_does_not_lead_to_what_stays_behind,
                                  one_that_is_gone_is_found_among_others,
                                  two_that_live_do_not_take_it_in_turn};
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    return run_tests("moves", tests, ARRAY_LEN(tests));
}
