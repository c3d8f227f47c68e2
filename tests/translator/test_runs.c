/* REP MOVS and REP STOS upward in a page that holds code (cpu/interp/string.c): in one piece, with
 * the result of one element after the other, also where a copy reads what it has written; and code
 * that a run writes is what runs next. What is right is computed here, since both engines share the
 * function.
 *
 *    mov ebx, ROUNDS
 * 1: mov esi, [RUNS + ebx*..]   mov edi, ..   mov ecx, ..
 *    the string instruction
 *    mov esi, [RUNS + ebx*.. ]  mov edi, F    mov ecx, 3   rep movsb      one of two functions
 *    call F                     add edx, eax
 *    dec ebx   jnz 1b   hlt                                                                      */
#include "tests/translator/guest.h"

#define PAGE      0x100000
#define F         0x100800 /* mov al, 1 or 2 / ret */
#define FUNCTIONS 0x120000
#define RUNS      0x121000
#define ROUNDS    250

struct form {
    const char *name;
    uint8_t insn[3];
    uint8_t size;
    bool moves;
};

static const struct form forms[] = {
    {"rep movsb", {0xF3, 0xA4, 0x90}, 1, true},  {"rep movsw", {0x66, 0xF3, 0xA5}, 2, true},
    {"rep movsd", {0xF3, 0xA5, 0x90}, 4, true},  {"rep stosb", {0xF3, 0xAA, 0x90}, 1, false},
    {"rep stosw", {0x66, 0xF3, 0xAB}, 2, false}, {"rep stosd", {0xF3, 0xAB, 0x90}, 4, false},
};

struct run {
    uint32_t from, to, count, function;
};

static uint32_t mixed(uint32_t n)
{
    n = (n ^ n >> 15) * UINT32_C(0x2C1B3C6D);
    n = (n ^ n >> 12) * UINT32_C(0x297A2D39);
    return n ^ n >> 15;
}

/* Within the bytes below F, or above it and into the next page; often near to one another. */
static struct run run_of(const struct form *f, uint32_t round)
{
    uint32_t r = mixed(round * 8 + f->size), low = r & 1 ? PAGE : F + 16;
    uint32_t from = low + (r >> 1) % 0x300, to = low + (r >> 11) % 0x300;
    if (r & 0x400000)
        to = from + (r >> 23) % 12;
    if (low != PAGE && (r & 0x80000000)) {
        from += 0x500; /* it crosses the end of the page */
        to += 0x500;
    }
    return (struct run){from, to, mixed(r) % (0x400 / f->size), FUNCTIONS + (r >> 5 & 1) * 4};
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct form *f = ctx;
    static const uint8_t functions[] = {0xB0, 1, 0xC3, 0x90, 0xB0, 2, 0xC3};
    uint8_t code[] = {
        0xBB,       ROUNDS,     0,          0,    0,          /* mov ebx, ROUNDS */
        0x89,       0xDD,       0xC1,       0xE5, 4,          /* 1: mov ebp, ebx / shl ebp, 4 */
        0x8B,       0xB5,       0x00,       0x10, 0x12, 0,    /* mov esi, [RUNS + ebp] */
        0x8B,       0xBD,       0x04,       0x10, 0x12, 0,    /* mov edi, .. */
        0x8B,       0x8D,       0x08,       0x10, 0x12, 0,    /* mov ecx, .. */
        f->insn[0], f->insn[1], f->insn[2],                   /* it */
        0x01,       0xFA,       0x01,       0xF2, 0x01, 0xCA, /* add edx, edi / esi / ecx */
        0x8B,       0xB5,       0x0C,       0x10, 0x12, 0,    /* mov esi, .. */
        0xBF,       0x00,       0x08,       0x10, 0,    0xB9, 3,
        0,          0,          0,                               /* mov edi, F / mov ecx, 3 */
        0xF3,       0xA4,       0xB8,       0x00, 0x08, 0x10, 0, /* rep movsb / mov eax, F */
        0xFF,       0xD0,       0x01,       0xC2,                /* call eax / add edx, eax */
        0x4B,       0x75,       0,                               /* dec ebx / jnz 1b */
        0xF4};
    code[sizeof code - 2] = (uint8_t)(5 - (sizeof code - 1));
    physmap_poke(m->pm, CODE, code, sizeof code);
    physmap_poke(m->pm, FUNCTIONS, functions, sizeof functions);
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        struct run r = run_of(f, n);
        physmap_poke(m->pm, RUNS + 16 * n, &r, sizeof r);
    }
    for (uint32_t at = 0; at < 0x2000; at++)
        m->ram[PAGE + at] = (uint8_t)mixed(at);
    physmap_poke(m->pm, F, functions, 3);
}

/* What EAX holds when round's run begins. */
static uint32_t value_before(const struct form *f, uint32_t round)
{
    if (round == ROUNDS)
        return 0;
    return (F & 0xFFFFFF00) | (run_of(f, round + 1).function == FUNCTIONS ? 1 : 2);
}

static void do_run(uint8_t *ram, const struct form *f, const struct run *r, uint32_t value)
{
    for (uint32_t n = 0; n < r->count; n++) {
        uint8_t element[4];
        store_le32(element, value);
        if (f->moves)
            memcpy(element, ram + r->from + n * f->size, f->size);
        memcpy(ram + r->to + n * f->size, element, f->size);
    }
}

static void expect(struct machine *m, const void *ctx)
{
    const struct form *f = ctx;
    static uint8_t ram[RAM_SIZE];
    uint32_t edx = 0;
    for (uint32_t at = 0; at < 0x2000; at++)
        ram[PAGE + at] = (uint8_t)mixed(at);
    for (uint32_t round = ROUNDS; round; round--) {
        struct run r = run_of(f, round);
        uint32_t bytes = r.count * f->size;
        do_run(ram, f, &r, value_before(f, round));
        edx += r.to + bytes + r.from + (f->moves ? bytes : 0);
        edx += (F & 0xFFFFFF00) | (r.function == FUNCTIONS ? 1 : 2);
    }
    memcpy(ram + F, m->ram + F, 3);
    ck_assert_msg(!memcmp(ram + PAGE, m->ram + PAGE, 0x2000), "%s: memory", f->name);
    ck_assert_uint_eq(m->c->reg[EDX].d, edx);
}

START_TEST(runs_into_pages_with_code)
{
    const struct guest g = {.prepare = prepare, .finish = expect, .ctx = &forms[_i]};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_compare_form(&g, guest_forms[n]);
}
END_TEST

/* A run over itself and what follows: what was there is not run again.
 *
 *    mov esi, copy   mov edi, here   mov ecx, n   rep movsb
 * here (behind REP MOVSB): inc edx / hlt     becomes: dec edx / dec edx / hlt */
START_TEST(a_run_over_what_comes_next)
{
    const struct guest g = {GUEST_CODE(0xBE, 0x18, 0x80, 0, 0, /* mov esi, copy */
                                       0xBF, 0x0F, 0x80, 0, 0, /* mov edi, REP MOVSB itself */
                                       0xB9, 5, 0, 0, 0,       /* mov ecx, 5 */
                                       0xF3, 0xA4, 0x42, 0xF4, 0xF4, 0xF4, 0xF4, 0xF4,
                                       0xF4, /* inc edx / hlt */
                                       0xF3, 0xA4, 0x4A, 0x4A, 0xF4)};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.reg[EDX], (uint32_t)-2);
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("runs");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, runs_into_pages_with_code, 0, ARRAY_LEN(forms));
    tcase_add_test(tcase, a_run_over_what_comes_next);
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
