/* Instructions that meet fresh pages one after another look in the soft TLB, for as long as they do
 * (translator/fresh.h): few signals, and the guest's accessed and dirty bits as ever. */
#include "tests/translator/guest.h"

#define ROOT     0x100000
#define TABLES   0x101000 /* two: 8 MiB */
#define STACK_AT 0x120000
#define SOURCE   0x130000
#define FRAME    0x140000 /* all of the fresh pages show it */
#define FRESH    0x400000
#define PAGES    600

/* A round of the loop: what meets a page, and what goes on to the next one. */
struct round {
    uint8_t code[24];
    uint8_t bytes;
};
#define ROUND(...)                                      \
    {                                                   \
        {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }
#define NEXT_PAGE 0x81, 0xC7, 0, 0x10, 0, 0 /* add edi, 1000h */

static const struct round rounds[] = {
    ROUND(0x8B, 0x07, NEXT_PAGE),       /* mov eax, [edi] */
    ROUND(0x89, 0x17, NEXT_PAGE),       /* mov [edi], edx */
    ROUND(0x01, 0x17, NEXT_PAGE),       /* add [edi], edx */
    ROUND(0x80, 0x07, 0x05, NEXT_PAGE), /* add byte [edi], 5 */
    ROUND(0x8B, 0x07, 0x01, 0xD0, 0x89, 0x07,
          NEXT_PAGE),                         /* mov eax, [edi] / add / mov [edi], eax */
    ROUND(0x0F, 0xC1, 0x17, NEXT_PAGE),       /* xadd [edi], edx */
    ROUND(0x8D, 0x67, 0x10, 0x52, NEXT_PAGE), /* lea esp, [edi + 10h] / push edx */
    ROUND(0xAB, NEXT_PAGE),                   /* stosd */
    ROUND(0xA4, NEXT_PAGE),                   /* movsb */
    ROUND(0x51, 0xB1, 0x08, 0xF3, 0xAB, 0x59,
          NEXT_PAGE),                   /* push ecx / mov cl, 8 / rep stosd / pop */
    ROUND(0xDD, 0x17, NEXT_PAGE),       /* fst qword [edi] */
    ROUND(0x0F, 0x11, 0x07, NEXT_PAGE), /* movups [edi], xmm0 */
};

/* mov cr3, ebx / mov eax, cr0 / or eax, 80000000h / mov cr0, eax, with EBX: ROOT */
#define PAGING 0x0F, 0x22, 0xDB, 0x0F, 0x20, 0xC0, 0x0D, 0, 0, 0, 0x80, 0x0F, 0x22, 0xC0

static void make_tables(struct machine *m)
{
    struct vcpu *c = m->c;
    for (uint32_t n = 0; n < 2; n++)
        put(m, ROOT + n * 4, (TABLES + n * 0x1000) | 3, 4);
    for (uint32_t page = 0; page < FRESH >> 12; page++)
        put(m, TABLES + page * 4, page << 12 | 3, 4);
    for (uint32_t page = 0; page < PAGES; page++)
        put(m, TABLES + ((FRESH >> 12) + page) * 4, FRAME | 3, 4);
    c->cr4 |= CR4_OSFXSR;
    c->reg[ESP].d = STACK_AT;
    c->reg[EBX].d = ROOT;
    c->reg[ECX].d = PAGES;
    c->reg[EDX].d = 3;
    c->reg[ESI].d = SOURCE;
    c->reg[EDI].d = FRESH;
}

static void prepare_rounds(struct machine *m, const void *ctx)
{
    const struct round *r = ctx;
    uint8_t code[64] = {PAGING};
    const uint8_t end[] = {0x49, 0x75, (uint8_t) - (r->bytes + 3), 0xF4}; /* dec ecx / jnz / hlt */
    memcpy(code + 14, r->code, r->bytes);
    memcpy(code + 14 + r->bytes, end, sizeof end);
    physmap_poke(m->pm, CODE, code, sizeof code);
    make_tables(m);
}

START_TEST(few_signals_for_many_pages)
{
    for (unsigned n = 0; n < ARRAY_LEN(rounds); n++) {
        const struct guest g = {.prepare = prepare_rounds, .ctx = &rounds[n]};
        guest_compare_form(&g, SHADOW_SOFT);
        struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
        if (!o.has_windows)
            continue;
        ck_assert_msg(o.counters.fresh_sites >= 1, "round %u", n);
        ck_assert_msg(o.counters.faults < PAGES / 2, "round %u: %u faults", n,
                      (unsigned)o.counters.faults);
    }
}
END_TEST

/* Pages that are absent, until the fault's handler says otherwise: after it, the store stands at
 * the beginning of another block. */
#define HANDLER 0x110000
#define IDT_AT  0x111000
#define GDT_AT  0x112000

static void prepare_absent(struct machine *m, const void *ctx)
{
    (void)ctx;
    static const uint8_t code[] = {
        PAGING, 0x40,                  /* at 14: inc eax */
        0x89,   0x17,                  /* mov [edi], edx */
        0x81,   0xC7, 0,   0x10, 0, 0, /* add edi, 1000h */
        0x49,                          /* dec ecx */
        0x75,   0xF4, 0xF4             /* jnz 14 / hlt */
    };
    static const uint8_t handler[] = {
        0x83, 0xC4, 0x04,       /* add esp, 4 */
        0x80, 0x4D, 0x00, 0x01, /* or byte [ebp], 1 */
        0x83, 0xC5, 0x04,       /* add ebp, 4 */
        0xCF                    /* iret */
    };
    struct vcpu *c = m->c;
    make_tables(m);
    c->reg[EBP].d = TABLES + (FRESH >> 12) * 4;
    for (uint32_t page = 0; page < PAGES; page++)
        put(m, c->reg[EBP].d + page * 4, FRAME | 2, 4);
    physmap_poke(m->pm, CODE, code, sizeof code);
    physmap_poke(m->pm, HANDLER, handler, sizeof handler);
    const uint64_t gate = A_GATE(8u, HANDLER, 0x8E), flat[] = {0, FLAT_CODE(0u), FLAT_DATA(0u)};
    physmap_poke(m->pm, IDT_AT + VEC_PF * 8, &gate, sizeof gate);
    physmap_poke(m->pm, GDT_AT, flat, sizeof flat);
    c->gdtr = (struct descriptor_table){.base = GDT_AT, .limit = sizeof flat - 1};
    c->idtr = (struct descriptor_table){.base = IDT_AT, .limit = 0x7FF};
    c->seg[SEG_CS].selector = 8;
}

START_TEST(faults_of_the_guest_take_few_signals)
{
    const struct guest g = {.prepare = prepare_absent};
    guest_compare_form(&g, SHADOW_SOFT);
    struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
    ck_assert_uint_eq(o.reg[EDI], FRESH + PAGES * 0x1000);
    if (o.has_windows)
        ck_assert_uint_lt(o.counters.faults, PAGES / 2);
}
END_TEST

/* The same store meets PAGES pages, and then one of them for a long time. In between a byte is
 * written: one of the store itself, which becomes SUB, or one that is no code. */
#define STORE     (CODE + 46)
#define LONG_TIME 100000
static const uint8_t two_phases[] = {
    PAGING, 0xB8, 0,    0x10, 0, 0, /* mov eax, 1000h */
    0xE8,   22,   0,    0,    0,    /* at 19: call STORE */
    0x01,   0xC7,                   /* add edi, eax */
    0x49,                           /* dec ecx */
    0x75,   0xF6,                   /* jnz 19 */
    0x31,   0xC0,                   /* xor eax, eax */
    0xBF,   0,    0,    0x40, 0,    /* mov edi, FRESH */
    0x87,   0xE9,                   /* xchg ecx, ebp: 0 the second time */
    0xC6,   0x06, 0x29,             /* mov byte [esi], 29h */
    0xE3,   0x02,                   /* jecxz end */
    0xEB,   0xE6,                   /* jmp 19 */
    0xF4,                           /* end: hlt */
    0x01,   0x17, 0xC3,             /* STORE: add [edi], edx / ret */
};

static void prepare_phases(struct machine *m, const void *ctx)
{
    make_tables(m);
    m->c->reg[EBP].d = LONG_TIME;
    m->c->reg[ESI].d = *(const uint32_t *)ctx;
}

static void looks_often(struct translator *t)
{
    t->fresh.period = 0;
}

static void no_lookups_are_left(struct machine *m, const void *ctx)
{
    (void)ctx;
    ck_assert_uint_eq(m->c->translated.translator->fresh.lookups, 0);
}

static void compare_phases(uint32_t written)
{
    const struct guest g = {.code = two_phases,
                            .bytes = sizeof two_phases,
                            .prepare = prepare_phases,
                            .ctx = &written,
                            .tune = looks_often,
                            .look = no_lookups_are_left};
    guest_compare_form(&g, SHADOW_SOFT);
    struct outcome o = guest_compare_form(&g, SHADOW_WINDOW);
    ck_assert_uint_eq(o.reg[EDI], FRESH);
    if (!o.has_windows)
        return;
    ck_assert_uint_ge(o.counters.fresh_sites, 1);
    ck_assert_uint_ge(o.counters.units_dropped, 2);
}

START_TEST(the_window_serves_again_when_they_are_over)
{
    compare_phases(SOURCE);
}
END_TEST

START_TEST(the_instruction_may_be_gone_by_then)
{
    compare_phases(STORE);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {few_signals_for_many_pages, faults_of_the_guest_take_few_signals,
                                  the_window_serves_again_when_they_are_over,
                                  the_instruction_may_be_gone_by_then};
    return run_translator_tests("fresh", tests, ARRAY_LEN(tests));
}
