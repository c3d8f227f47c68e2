/* What jump tables (translator/jumps.h) and ways (flow.c) remember, and what makes them forget it:
 * code that is mapped elsewhere from one round of a loop to the next, and each way to say so. */
#include "tests/translator/guest.h"
#include "translator/jumps.h"

#define ROUNDS  200
#define SPACE_A 0x100000 /* page directories, each followed by its two tables: 0 and PLACE */
#define SPACE_B 0x104000
#define LIBRARY 0x110000 /* pages of code: the n-th adds 1 << 8 * n to EDX and returns */
#define TAILS   0x114000 /* pages that end an instruction of LIBRARY: see make_crossing */
#define PLACE   0x400000 /* where one of them is mapped */
#define DEVICE  0xE00000

/* A loop at CODE, which runs ROUNDS times. EBX is SPACE_A, ESI SPACE_B. */
struct test {
    const uint8_t *body;
    size_t bytes;
    uint32_t place;   /* EBP: what is called */
    uint32_t second;  /* ESI, if not SPACE_B */
    uint32_t changes; /* EDI: an entry of the page tables, mostly */
    uint32_t cr4;
    const uint8_t *handler; /* of INT 80h, 16 bytes: the body runs at CPL 3 */
    bool v86;               /* and in V86 mode, with CS 0 */
    uint32_t edx;           /* in the end */
    unsigned rounds;        /* if not ROUNDS */
    void (*prepare)(struct machine *m);
};

#define BODY(...) .body = (const uint8_t[]){__VA_ARGS__}, .bytes = sizeof((uint8_t[]){__VA_ARGS__})
#define HANDLER(...)               \
    .handler = (const uint8_t[16]) \
    {                              \
        __VA_ARGS__                \
    }
#define CALL_PLACE 0xFF, 0xD5              /* call ebp */
#define OTHER_PAGE 0x81, 0x37, 0, 16, 0, 0 /* xor dword [edi], 1000h: the next one of LIBRARY */
#define CR3_A      0x0F, 0x22, 0xDB        /* mov cr3, ebx */
#define CR3_B      0x0F, 0x22, 0xDE        /* mov cr3, esi */
#define INVLPG     0x0F, 0x01, 0x7D        /* invlpg [ebp+..] */

static void make_space(struct machine *m, uint32_t root, uint32_t library)
{
    put(m, root, (root + 0x1000) | 7, 4);
    put(m, root + 4, (root + 0x2000) | 7, 4);
    for (uint32_t page = 0; page < 1024; page++)
        put(m, root + 0x1000 + page * 4, page << 12 | 7, 4);
    put(m, root + 0x2000, library | 7, 4);
}

static void make_memory(struct machine *m, const struct test *test)
{
    for (unsigned n = 0; n < 3; n++) { /* add edx, 1 << 8 * n / ret */
        const uint8_t code[] = {0x81, 0xC2, n == 0, n == 1, n == 2, 0, 0xC3};
        physmap_poke(m->pm, LIBRARY + n * 0x1000, code, sizeof code);
        physmap_poke(m->pm, LIBRARY + n * 0x1000 + 0xFF8, code, sizeof code);
    }
    make_space(m, SPACE_A, LIBRARY);
    make_space(m, SPACE_B, LIBRARY + 0x1000);
    const uint8_t end[] = {0x49, 0x75, (uint8_t) - (test->bytes + 3), 0xF4}; /* dec ecx, jnz, hlt */
    physmap_poke(m->pm, CODE, test->body, test->bytes);
    physmap_poke(m->pm, CODE + test->bytes, end, sizeof end);
    if (test->handler) {
        put_gate(m, IDT + 8 * 0x80, CODE0, 0x5800, 0xEE, 0);
        physmap_poke(m->pm, 0x5800, test->handler, 16);
    }
    if (test->prepare)
        test->prepare(m);
}

static void to_v86(struct vcpu *c)
{
    c->eflags |= FLAG_VM | FLAG_IOPL;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        segment_load_real(c, s, s == SEG_SS ? 0x8000 : 0, true);
    c->reg[ESP].d = 0x1000;
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct test *test = ctx;
    struct vcpu *c = m->c;
    make_memory(m, test);
    MUST_NOT_FAULT(m, control_write(c, 4, test->cr4));
    MUST_NOT_FAULT(m, control_write(c, 3, SPACE_A));
    MUST_NOT_FAULT(m, control_write_cr0(c, CR0_PE | CR0_PG));
    if (test->handler)
        machine_to_flat_user(m);
    if (test->v86)
        to_v86(c);
    c->reg[ECX].d = test->rounds ? test->rounds : ROUNDS;
    c->reg[EBX].d = SPACE_A;
    c->reg[ESI].d = test->second ? test->second : SPACE_B;
    c->reg[EBP].d = test->place;
    c->reg[EDI].d = test->changes;
}

/* In both forms of shadow map. Returns how many units were dropped, or moved. */
static uint64_t check(struct test test)
{
    const struct guest g = {.prepare = prepare, .ctx = &test};
    uint64_t dropped = 0;
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.reg[ECX], 0);
        ck_assert_uint_eq(o.reg[EDX], test.edx);
        dropped += o.counters.units_dropped + o.counters.moved;
    }
    return dropped;
}

/* --- By MOV CR3 ------------------------------------------------------------------------------- */

START_TEST(page_table_moves)
{
    check((struct test){BODY(CR3_A, CALL_PLACE, 0x81, 0x37, 0, 0x40, 0, 0), /* xor [edi], 4000h */
                        .place = PLACE, .changes = SPACE_A + 4, /* to the other space's table */
                        .edx = ROUNDS / 2 * 0x101});
}
END_TEST

static void make_pae(struct machine *m)
{
    for (uint32_t n = 0; n < 2; n++) { /* SPACE_A is the pointers' table */
        uint32_t directory = SPACE_B + n * 0x2000;
        put(m, directory, 0x83, 8);
        put(m, directory + 8, 0x200083, 8);
        put(m, directory + 16, (directory + 0x1000) | 3, 8);
        put(m, directory + 0x1000, (LIBRARY + n * 0x1000) | 3, 8);
    }
    put(m, SPACE_A, SPACE_B | 1, 8);
    put(m, SPACE_A + 8, 0, 8);
    put(m, SPACE_A + 16, 0, 8);
    put(m, SPACE_A + 24, 0, 8);
}

START_TEST(page_directory_moves)
{
    check((struct test){BODY(CALL_PLACE, 0x81, 0x37, 0, 0x20, 0, 0, CR3_A), /* xor [edi], 2000h */
                        .place = PLACE, .changes = SPACE_A, .cr4 = CR4_PAE,
                        .edx = ROUNDS / 2 * 0x101, .prepare = make_pae});
}
END_TEST

START_TEST(kernels_page_moves)
{
    check((struct test){BODY(CALL_PLACE, OTHER_PAGE, CR3_A), .place = PLACE + 0xFF8,
                        .changes = SPACE_A + 0x2000,
                        .cr4 = CR4_PGE, /* one table for all address spaces */
                        .edx = ROUNDS / 2 * 0x101});
}
END_TEST

/* More of them than a table looks at one by one; the last one moves. */
static void map_many(struct machine *m)
{
    _Static_assert(JUMP_PAGES + 8 <= 1024, "one page table has them all");
    for (uint32_t n = 0; n < 1024; n++)
        put(m, SPACE_A + 0x2000 + 4 * n, LIBRARY | 7, 4);
}

START_TEST(one_of_many_pages_moves)
{
    enum { PAGES = JUMP_PAGES + 8 };
    check(
        (struct test){BODY(0xBE, 0, 0, PLACE >> 16, 0, /* mov esi, PLACE */
                           0xFF, 0xD6,                 /* 1: call esi */
                           0x81, 0xC6, 0, 0x10, 0, 0,  /* add esi, 1000h */
                           0x81, 0xFE, 0, PAGES % 16 * 16, PLACE / 65536 + PAGES / 16, 0, /* cmp */
                           0x72, 0xF0, /* jb 1b */
                           OTHER_PAGE, CR3_A),
                      .changes = SPACE_A + 0x2000 + 4 * (PAGES - 1),
                      .edx = 10 * (2 * PAGES - 1 + 0x100), .rounds = 20, .prepare = map_many});
}
END_TEST

/* A program of more pages than fit in a processor's TLB: its targets stay known over MOV CR3. */
#define MANY 600
#define LAST (PLACE + (MANY - 1) * 0x1000)

START_TEST(many_pages_stay)
{
    const struct test test = {BODY(0xBE, 0, 0, PLACE >> 16, 0,   /* mov esi, PLACE */
                                   0xFF, 0xD6,                   /* 1: call esi */
                                   0x81, 0xC6, 0, 0x10, 0, 0,    /* add esi, 1000h */
                                   0x81, 0xFE, 0, 0x80, 0x65, 0, /* cmp esi, LAST + 1000h */
                                   0x72, 0xF0,                   /* jb 1b */
                                   CR3_A),
                              .edx = 20 * MANY, .rounds = 20, .prepare = map_many};
    _Static_assert(LAST + 0x1000 == 0x658000, "the code above says so");
    const struct guest g = {.prepare = prepare, .ctx = &test};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.reg[EDX], test.edx);
        ck_assert_uint_lt(o.counters.missed, 4 * MANY); /* of 20 times as many calls */
    }
}
END_TEST

static void look_for_few_pages(struct machine *m, const void *ctx)
{
    (void)ctx;
    ck_assert_uint_lt(m->c->translated.translator->current->code_pages, MANY / 5);
}

START_TEST(pages_no_longer_called_go)
{
    const struct test test = {BODY(0xFF, 0xD6,                   /* call esi */
                                   0x81, 0xC6, 0, 0x10, 0, 0,    /* add esi, 1000h */
                                   0x81, 0xFE, 0, 0x80, 0x65, 0, /* cmp esi, LAST + 1000h */
                                   0x72, 5,                      /* jb 1f */
                                   0xBE, 0, 0x70, 0x65, 0,       /* mov esi, LAST */
                                   CR3_A),                       /* 1: */
                              .edx = 3 * MANY, .second = PLACE, .rounds = 3 * MANY,
                              .prepare = map_many};
    const struct guest g = {.prepare = prepare, .ctx = &test, .look = look_for_few_pages};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n]).reg[EDX], test.edx);
}
END_TEST

/* What a table looks at is not the guest's access: A stays clear until the next call. */
START_TEST(looking_leaves_no_trace)
{
    check((struct test){BODY(CALL_PLACE, 0x83, 0x27, 0xDF, /* and dword [edi], ~20h */
                             CR3_A, 0x8B, 0x07,            /* mov eax, [edi] */
                             0x83, 0xE0, 0x20,             /* and eax, 20h */
                             0xC1, 0xE0, 0x0B,             /* shl eax, 11 */
                             0x01, 0xC2),                  /* add edx, eax */
                        .place = PLACE, .changes = SPACE_A + 0x2000, .edx = ROUNDS});
}
END_TEST

/* --- By INVLPG and CR4 ------------------------------------------------------------------------ */

START_TEST(page_is_flushed)
{
    static const uint32_t offsets[] = {0, 0xFF8};
    for (unsigned n = 0; n < ARRAY_LEN(offsets); n++) {
        check((struct test){BODY(CALL_PLACE, OTHER_PAGE, INVLPG, 0), .place = PLACE + offsets[n],
                            .changes = SPACE_A + 0x2000, .edx = ROUNDS / 2 * 0x101});
    }
}
END_TEST

static void base_of_fs(struct machine *m)
{
    m->c->seg[SEG_FS].base = PLACE;
}

START_TEST(page_is_flushed_by_way_of_a_segment)
{
    check((struct test){BODY(CALL_PLACE, OTHER_PAGE, 0x64, 0x0F, 0x01, 0x3D, 0, 0, 0, 0),
                        .place = PLACE, .changes = SPACE_A + 0x2000, .edx = ROUNDS / 2 * 0x101,
                        .prepare = base_of_fs});
}
END_TEST

/* What runs is in a page, or a large one, that moves and flushes itself: on in the other one.
 * LIBRARY has: ADD EDX, .. / XOR [EDI], EAX / INVLPG [EBP] / ADD EDX, .. / RET. */
static void make_flushing(struct machine *m)
{
    for (unsigned n = 0; n < 2; n++) { /* edx = edx * 3 + 1, edx * 5 + 2 */
        const uint8_t code[] = {0x8D, 0x54, n ? 0x92 : 0x52, n + 1, 0x31, 0x07, INVLPG, 0,
                                0x8D, 0x54, n ? 0x92 : 0x52, n + 1, 0xC3};
        physmap_poke(m->pm, LIBRARY + n * 0x1000, code, sizeof code);
    }
}

static uint32_t sum_of_flushing(void)
{
    uint32_t edx = 0, page = 0;
    for (uint32_t n = 0; n < 2 * ROUNDS; n++) {
        edx = page ? edx * 5 + 2 : edx * 3 + 1;
        page ^= n % 2 == 0;
    }
    return edx;
}

START_TEST(page_that_runs_is_flushed)
{
    check((struct test){BODY(0xB8, 0, 0x10, 0, 0, CALL_PLACE), /* mov eax, 1000h */
                        .place = PLACE, .changes = SPACE_A + 0x2000, .edx = sum_of_flushing(),
                        .prepare = make_flushing});
}
END_TEST

/* PLACE is all memory in a large page, or a page table in which LIBRARY's pages lie the other way
 * round. */
static void make_flushing_large(struct machine *m)
{
    make_flushing(m);
    for (uint32_t page = 0; page < 1024; page++)
        put(m, SPACE_A + 0x2000 + page * 4, (page == LIBRARY >> 12 ? page + 1 : page) << 12 | 0x67,
            4);
    put(m, SPACE_A + 4, 0xE7, 4);
}

START_TEST(large_page_that_runs_is_flushed)
{
    /* mov eax, .. / mov ebp, PLACE + LIBRARY / call ebp */
    check((struct test){BODY(0xB8, 0x80 ^ 0, (SPACE_A + 0x2000) >> 8 & 0xFF,
                             (SPACE_A + 0x2000) >> 16, 0, CALL_PLACE),
                        .place = PLACE + LIBRARY, .changes = SPACE_A + 4, .cr4 = CR4_PSE,
                        .edx = sum_of_flushing(), .prepare = make_flushing_large});
}
END_TEST

static void make_global(struct machine *m)
{
    put(m, SPACE_A + 0x2000, LIBRARY | 0x107, 4);
}

START_TEST(global_pages_are_flushed)
{
    check((struct test){BODY(CALL_PLACE, OTHER_PAGE, 0x31, 0xC0, /* xor eax, eax */
                             0x0F, 0x22, 0xE0,                   /* mov cr4, eax */
                             0xB0, CR4_PGE,                      /* mov al, .. */
                             0x0F, 0x22, 0xE0),
                        .place = PLACE, .changes = SPACE_A + 0x2000, .cr4 = CR4_PGE,
                        .edx = ROUNDS / 2 * 0x101, .prepare = make_global});
}
END_TEST

/* --- An instruction in two pages, of which the second one moves --------------------------------
 */

/* add edx, 1 or 101h, with three bytes of it in PLACE's page. */
static void make_crossing(struct machine *m)
{
    for (uint8_t n = 0; n < 2; n++) {
        const uint8_t head[] = {0x81, 0xC2, 1}, tail[] = {n, 0, 0, 0xC3};
        physmap_poke(m->pm, LIBRARY + 0xFFD, head, sizeof head);
        physmap_poke(m->pm, TAILS + n * 0x1000, tail, sizeof tail);
    }
    put(m, SPACE_A + 0x2004, TAILS | 7, 4);
}

START_TEST(second_page_is_flushed)
{
    check((struct test){BODY(CALL_PLACE, OTHER_PAGE, INVLPG, 3), .place = PLACE + 0xFFD,
                        .changes = SPACE_A + 0x2004, .edx = ROUNDS / 2 * 0x102,
                        .prepare = make_crossing});
}
END_TEST

/* RET n alone, with n in the second page: nothing else there is ever run. */
static void make_crossing_ret(struct machine *m)
{
    for (uint8_t n = 0; n < 2; n++) {
        const uint8_t tail[] = {(uint8_t)(4 * n), 0};
        physmap_poke(m->pm, LIBRARY + 0xFFF, "\xC2", 1);
        physmap_poke(m->pm, TAILS + n * 0x1000, tail, sizeof tail);
    }
    put(m, SPACE_A + 0x2004, TAILS | 7, 4);
}

START_TEST(second_page_of_nothing_else_is_flushed)
{
    check((struct test){BODY(0x89, 0xE0, 0x6A, 0, CALL_PLACE,    /* mov eax, esp / push 0 */
                             0x29, 0xE0, 0x01, 0xC2,             /* sub eax, esp / add edx, eax */
                             0x01, 0xC4, OTHER_PAGE, INVLPG, 1), /* add esp, eax */
                        .place = PLACE + 0xFFF, .changes = SPACE_A + 0x2004, .edx = ROUNDS / 2 * 4,
                        .prepare = make_crossing_ret});
}
END_TEST

START_TEST(second_page_moves)
{
    check((struct test){BODY(CALL_PLACE, OTHER_PAGE, CR3_A), .place = PLACE + 0xFFD,
                        .changes = SPACE_A + 0x2004, .edx = ROUNDS / 2 * 0x102,
                        .prepare = make_crossing});
}
END_TEST

/* --- By somebody else ---------------------------------------------------------------------------
 */

#define INT_80 0xCD, 0x80

START_TEST(kernel_flushes_the_users_page)
{
    check((struct test){BODY(CALL_PLACE, INT_80), HANDLER(OTHER_PAGE, INVLPG, 0, 0xCF), /* iret */
                        .place = PLACE, .changes = SPACE_A + 0x2000, .edx = ROUNDS / 2 * 0x101});
}
END_TEST

START_TEST(kernel_moves_the_users_page)
{
    check((struct test){BODY(CALL_PLACE, INT_80), HANDLER(OTHER_PAGE, CR3_A, 0xCF), .place = PLACE,
                        .changes = SPACE_A + 0x2000, .edx = ROUNDS / 2 * 0x101});
}
END_TEST

/* In V86 mode one table is for all code segments: 50000h is called as 5000:0 and as 4FF0:100. The
 * kernel has null in DS. */
#define CALL_FAR(segment, at) 0x9A, (at)&0xFF, (at) >> 8, (segment)&0xFF, (segment) >> 8
#define CALL_BOTH             CALL_FAR(0x5000, 0), CALL_FAR(0x4FF0, 0x100)

static void map_far(struct machine *m)
{
    for (unsigned n = 0; n < 2; n++) { /* add edx, 1 << 8 * n / retf */
        const uint8_t code[] = {0x66, 0x81, 0xC2, n == 0, n == 1, 0, 0, 0xCB};
        physmap_poke(m->pm, LIBRARY + n * 0x1000, code, sizeof code);
    }
    put(m, SPACE_A + 0x1000 + 4 * 0x50, LIBRARY | 7, 4);
}

START_TEST(kernel_flushes_a_page_of_v86_code)
{
    check((struct test){BODY(CALL_BOTH, INT_80), HANDLER(0x36, OTHER_PAGE, INVLPG, 0, 0xCF),
                        .v86 = true, .place = 0x50000, .changes = SPACE_A + 0x1000 + 4 * 0x50,
                        .edx = ROUNDS / 2 * 0x202, .prepare = map_far});
}
END_TEST

START_TEST(kernel_moves_a_page_of_v86_code)
{
    check((struct test){BODY(CALL_BOTH, INT_80), HANDLER(0x36, OTHER_PAGE, CR3_A, 0xCF),
                        .v86 = true, .place = 0x50000, .changes = SPACE_A + 0x1000 + 4 * 0x50,
                        .edx = ROUNDS / 2 * 0x202, .prepare = map_far});
}
END_TEST

/* What is called moves the page that it returns to, each second time. LIBRARY has CALL 1f / LEA EDX
 * / RET, and at 200h 1: MOV EAX, ECX / AND EAX, 1 / SHL EAX, 12 / XOR [EDI], EAX / MOV CR3 / RET.
 */
static void make_calling(struct machine *m)
{
    for (unsigned n = 0; n < 2; n++) { /* edx = edx * 3 + 1, edx * 5 + 2 */
        const uint8_t calls[] = {0xE8, 0xFB, 1, 0, 0, 0x8D, 0x54, n ? 0x92 : 0x52, n + 1, 0xC3};
        const uint8_t moves[] = {0x89, 0xC8, 0x83, 0xE0, 1,     0xC1,
                                 0xE0, 12,   0x31, 0x07, CR3_A, 0xC3};
        physmap_poke(m->pm, LIBRARY + n * 0x1000, calls, sizeof calls);
        physmap_poke(m->pm, LIBRARY + n * 0x1000 + 0x200, moves, sizeof moves);
    }
}

START_TEST(page_returned_to_moves)
{
    uint32_t edx = 0, page = 0;
    for (uint32_t ecx = ROUNDS; ecx; ecx--) {
        page ^= ecx & 1;
        edx = page ? edx * 5 + 2 : edx * 3 + 1;
    }
    check((struct test){BODY(CALL_PLACE), .place = PLACE, .changes = SPACE_A + 0x2000, .edx = edx,
                        .prepare = make_calling});
}
END_TEST

/* --- Code segments that have their code at the same EIP ------------------------------------------
 */

#define SEGMENTS    (JUMP_TABLES + 4) /* more than there are tables */
#define SELECTOR(n) (0x100 + 8 * (n))
#define JMP_FAR(to) 0xEA, 0, CODE >> 8, 0, 0, (uint8_t)(to), (uint8_t)((to) >> 8)

/* ADD EDX, n + 1 / JMP FAR next:CODE */
static void make_segment(struct machine *m, uint32_t n, uint16_t next)
{
    uint32_t base = 0x40000 + n * 0x1010;
    const uint8_t code[] = {0x83, 0xC2, (uint8_t)(n + 1), JMP_FAR(next)};
    put_segment(m, GDT + SELECTOR(n), base, 0xFFFFF, 0x9A, 0xC);
    physmap_poke(m->pm, base + CODE, code, sizeof code);
}

/* Segments that go to the next one, the last to CODE0. */
static void make_chain(struct machine *m, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        make_segment(m, n, n + 1 < count ? SELECTOR(n + 1) : CODE0);
    make_segment(m, SEGMENTS, CODE0); /* one that returns at once */
    m->c->gdtr.limit = SELECTOR(SEGMENTS + 1) - 1;
    const uint8_t loop[] = {0x49, /* dec ecx */
                            0x74,
                            19, /* jz 2f */
                            0xF6,
                            0xC1,
                            3, /* test cl, 3 */
                            0x74,
                            7,                           /* jz 1f */
                            JMP_FAR(SELECTOR(SEGMENTS)), /* 1: */
                            JMP_FAR(SELECTOR(0)),
                            0xF4}; /* 2: hlt */
    physmap_poke(m->pm, CODE, loop, sizeof loop);
}

static void make_short_chain(struct machine *m)
{
    make_chain(m, 3);
}

static void make_long_chain(struct machine *m)
{
    make_chain(m, SEGMENTS);
}

static void make_long_chain_of_global_pages(struct machine *m)
{
    make_chain(m, SEGMENTS);
    for (uint32_t page = 0; page < 1024; page++)
        put(m, SPACE_A + 0x1000 + page * 4, page << 12 | 0x107, 4);
}

/* Three rounds of four visit the one that returns, the fourth all others. */
static uint32_t sum_of_visits(uint32_t count)
{
    uint32_t long_rounds = (ROUNDS - 1) / 4, short_rounds = ROUNDS - 1 - long_rounds;
    return short_rounds * (SEGMENTS + 1) + long_rounds * (count * (count + 1) / 2);
}

START_TEST(segments_take_turns)
{
    check((struct test){BODY(0x90), .edx = sum_of_visits(3), .prepare = make_short_chain});
}
END_TEST

START_TEST(more_segments_than_tables_take_turns)
{
    check((struct test){BODY(0x90), .edx = sum_of_visits(SEGMENTS), .prepare = make_long_chain});
}
END_TEST

START_TEST(more_segments_than_tables_in_global_pages)
{
    check((struct test){BODY(0x90), .cr4 = CR4_PGE, .edx = sum_of_visits(SEGMENTS),
                        .prepare = make_long_chain_of_global_pages});
}
END_TEST

/* --- Units of address spaces that are gone
 * -------------------------------------------------------- */

/* The same code at two addresses: in the second space at the page behind PLACE. */
static void map_behind(struct machine *m)
{
    put(m, SPACE_B + 0x2004, LIBRARY | 7, 4);
}

#define CALL_BEHIND 0x8D, 0x85, 0, 0x10, 0, 0, 0xFF, 0xD0 /* lea eax, [ebp+1000h] / call eax */

START_TEST(units_of_those_that_live_stay)
{
    uint64_t dropped =
        check((struct test){BODY(CR3_A, CALL_PLACE, CR3_B, CALL_BEHIND), .place = PLACE,
                            .edx = 2 * ROUNDS, .prepare = map_behind});
    ck_assert_uint_eq(dropped, 0);
}
END_TEST

/* The same with two tables of pointers in one page. */
static void make_two_pae(struct machine *m)
{
    make_pae(m);
    for (uint32_t n = 0; n < 4; n++)
        put(m, SPACE_A + 0x20 + 8 * n, n ? 0 : (SPACE_B + 0x2000) | 1, 8);
    put(m, SPACE_B + 0x3008, LIBRARY | 3, 8);
}

START_TEST(units_of_those_that_live_stay_with_pae)
{
    uint64_t dropped = check((struct test){BODY(CR3_A, CALL_PLACE, CR3_B, CALL_BEHIND),
                                           .place = PLACE, .second = SPACE_A + 0x20, .cr4 = CR4_PAE,
                                           .edx = 2 * ROUNDS, .prepare = make_two_pae});
    ck_assert_uint_eq(dropped, 0);
}
END_TEST

static void never_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    (void)offset;
    (void)value;
    (void)size;
    ++*(unsigned *)ctx;
}

static uint64_t never_read(void *ctx, uint64_t offset, unsigned size)
{
    never_write(ctx, offset, 0, size);
    return 0;
}

static unsigned device_accesses;

static void map_device(struct machine *m)
{
    static const struct mmio_ops ops = {.read = never_read, .write = never_write};
    map_behind(m);
    physmap_map_mmio(m->pm, DEVICE, 0x1000, &ops, &device_accesses);
}

/* What was the first space's page table is a device's by now: nobody may look. */
START_TEST(devices_are_no_page_tables)
{
    device_accesses = 0;
    check((struct test){BODY(CR3_A, CALL_PLACE, CR3_B, /* mov dword [edi], DEVICE */
                             0xC7, 0x07, 7, 0, DEVICE >> 16, 0, CALL_BEHIND),
                        .place = PLACE, .changes = SPACE_A + 4, .edx = 2, .rounds = 1,
                        .prepare = map_device});
    ck_assert_uint_eq(device_accesses, 0);
}
END_TEST

#define CARD 0x800000 /* a device with code: INC EDX, HLT at 7F80h */

static uint64_t read_card(void *ctx, uint64_t offset, unsigned size)
{
    (void)ctx;
    (void)size;
    return offset == 0x7F80 ? 0x42 : 0xF4;
}

static void map_card(struct machine *m, const void *ctx)
{
    (void)ctx;
    static const struct mmio_ops ops = {.read = read_card, .write = never_write};
    physmap_map_mmio(m->pm, CARD, 0x10000, &ops, &device_accesses);
}

/* Code that is no memory has no unit, and the slot in the jump table that it would have is another
 * unit's: that is asked once. */
START_TEST(code_of_a_device_with_the_slot_of_other_code)
{
    ck_assert_uint_eq(jump_slot(CARD + 0x7F80), jump_slot(CODE));
    const struct guest g = {GUEST_CODE(0xB8, 0x80, 0x7F, 0x80, 0x00, /* mov eax, CARD + 7F80h */
                                       0xFF, 0xE0),                  /* jmp eax */
                            .prepare = map_card};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n]).reg[EDX], 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {page_table_moves,
                                  page_directory_moves,
                                  kernels_page_moves,
                                  one_of_many_pages_moves,
                                  many_pages_stay,
                                  pages_no_longer_called_go,
                                  looking_leaves_no_trace,
                                  page_is_flushed,
                                  page_is_flushed_by_way_of_a_segment,
                                  page_that_runs_is_flushed,
                                  large_page_that_runs_is_flushed,
                                  global_pages_are_flushed,
                                  second_page_is_flushed,
                                  second_page_of_nothing_else_is_flushed,
                                  second_page_moves,
                                  kernel_flushes_the_users_page,
                                  kernel_moves_the_users_page,
                                  kernel_flushes_a_page_of_v86_code,
                                  kernel_moves_a_page_of_v86_code,
                                  page_returned_to_moves,
                                  segments_take_turns,
                                  more_segments_than_tables_take_turns,
                                  more_segments_than_tables_in_global_pages,
                                  units_of_those_that_live_stay,
                                  units_of_those_that_live_stay_with_pae,
                                  devices_are_no_page_tables,
                                  code_of_a_device_with_the_slot_of_other_code};
    return run_translator_tests("jumps", tests, ARRAY_LEN(tests));
}
