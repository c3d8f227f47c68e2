/* 16-bit code of protected mode (KEY_SMALL): many code segments, which share one jump table by
 * their numbers (translator/code_segments.h). The interpreter says what is right. */
#include "tests/translator/guest.h"

#include "translator/code_segments.h"

#define MAIN             0x400 /* selectors: code at CODE */
#define CALLEE           0x408 /* and those of what it calls */
#define CALLEES          250
#define AREA             0x50000
#define ROUNDS           40
#define CODE16           0x9B  /* accessed, so that nothing is written to the table */
#define TABLE            0xFFF /* the GDT's limit: up to the IDT */
#define IN_GDT(selector) (GDT + (selector))

/* To 16-bit code at CODE, with all that lies in the GDT in reach. */
static void to_small_code(struct machine *m)
{
    put_segment(m, IN_GDT(MAIN), CODE, 0xFFFF, CODE16, 0);
    m->c->gdtr.limit = TABLE;
    MUST_NOT_FAULT(m, far_jump(m->c, MAIN, 0, 4, 0));
}

static void put_bytes(struct machine *m, uint32_t *at, const uint8_t *code, size_t bytes)
{
    physmap_poke(m->pm, *at, code, bytes);
    *at += (uint32_t)bytes;
}
#define PUT(m, at, ...) \
    put_bytes(m, at, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void put_far_call(struct machine *m, uint32_t *at, uint16_t selector)
{
    PUT(m, at, 0x9A, 0, 0, (uint8_t)selector, (uint8_t)(selector >> 8));
}

/* add ax, n / jmp $+2 / retf, in a segment that ends with it */
static void put_callee(struct machine *m, unsigned n)
{
    uint32_t base = AREA + 16 * n, at = base;
    PUT(m, &at, 0x05, (uint8_t)n, (uint8_t)(n >> 8), 0xEB, 0x00, 0xCB);
    put_segment(m, IN_GDT(CALLEE + 8 * n), base, at - base - 1, CODE16, 0);
}

/*    mov cx, ROUNDS
 * 1: call far to each, in some order
 *    dec cx
 *    jnz 1b
 *    call far to the one whose RETF lies beyond its limit: #GP, and a HLT there */
static void prepare_many(struct machine *m, const void *ctx)
{
    (void)ctx;
    uint32_t at = CODE;
    for (unsigned n = 0; n < CALLEES; n++)
        put_callee(m, n);
    PUT(m, &at, 0xB9, ROUNDS, 0);
    uint32_t loop = at;
    for (unsigned n = 0; n < CALLEES; n++)
        put_far_call(m, &at, (uint16_t)(CALLEE + 8 * (n * 77 % CALLEES)));
    uint32_t back = loop - (at + 5);
    PUT(m, &at, 0x49, 0x0F, 0x85, (uint8_t)back, (uint8_t)(back >> 8));
    put_segment(m, IN_GDT(CALLEE + 8 * CALLEES), AREA + 16 * 5, 4, CODE16, 0);
    put_far_call(m, &at, CALLEE + 8 * CALLEES);
    to_small_code(m);
}

START_TEST(many_code_segments_share_a_jump_table)
{
    const struct guest g = {.prepare = prepare_many};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.eip, 0x5000 + 16 * VEC_GP + 1);
        ck_assert_uint_lt(o.counters.missed, 8 * CALLEES); /* of ROUNDS times as many */
    }
}
END_TEST

/* One descriptor, whose base the guest moves through AREA, where functions stand side by side: each
 * place is a segment of its own. There are more of them than numbers. */
#define MOVES (CODE_SEGMENTS + 1500)

/*    mov cx, MOVES
 * 1: add word [base of CALLEE], 8
 *    call far to it: inc ax / nop .. / retf
 *    dec cx
 *    jnz 1b
 *    hlt */
static void prepare_moving(struct machine *m, const void *ctx)
{
    (void)ctx;
    static const uint8_t function[8] = {0x40, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xCB};
    uint32_t at = CODE, base = IN_GDT(CALLEE) + 2;
    for (uint32_t n = 0; n < 0x10000; n += 8)
        physmap_poke(m->pm, AREA + n, function, 8);
    put_segment(m, IN_GDT(CALLEE), AREA, 7, CODE16, 0);
    PUT(m, &at, 0xB9, MOVES & 0xFF, MOVES >> 8);
    PUT(m, &at, 0x83, 0x06, (uint8_t)base, (uint8_t)(base >> 8), 8);
    put_far_call(m, &at, CALLEE);
    PUT(m, &at, 0x49, 0x75, 0xF3, 0xF4);
    to_small_code(m);
}

START_TEST(numbers_of_code_segments_run_out)
{
    const struct guest g = {.prepare = prepare_moving};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.reg[EAX], MOVES);
        ck_assert_uint_ge(o.counters.flushes, 1);
    }
}
END_TEST

/* A segment that changes its limit while its base stays is another one: what ran in it may not now.
 *
 *    mov cx, 60
 * 1: call far CALLEE
 *    dec cx
 *    jnz 1b
 *    mov byte [limit of CALLEE], 2
 *    call far CALLEE: #GP at its RETF */
static void prepare_shrinking(struct machine *m, const void *ctx)
{
    (void)ctx;
    uint32_t at = CODE, limit = IN_GDT(CALLEE);
    put_callee(m, 0);
    PUT(m, &at, 0xB9, 60, 0);
    put_far_call(m, &at, CALLEE);
    PUT(m, &at, 0x49, 0x75, 0xF8);
    PUT(m, &at, 0xC6, 0x06, (uint8_t)limit, (uint8_t)(limit >> 8), 2);
    put_far_call(m, &at, CALLEE);
    PUT(m, &at, 0xF4);
    to_small_code(m);
}

START_TEST(a_segment_that_shrinks_is_another)
{
    const struct guest g = {.prepare = prepare_shrinking};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.eip, 0x5000 + 16 * VEC_GP + 1);
    }
}
END_TEST

START_TEST(numbers_stand_for_base_and_limit)
{
    static struct code_segments s;
    uint32_t a = code_segment_token(&s, 0x1000, 0xFFFF), b = code_segment_token(&s, 0x1000, 0xFFFE);
    uint32_t d = code_segment_token(&s, 0x1010, 0xFFFF);
    ck_assert(a && b && d && a != b && a != d && b != d);
    ck_assert_uint_eq(a & 0xFFFF, 0);
    ck_assert_uint_eq(code_segment_token(&s, 0x1000, 0xFFFF), a);
    for (uint32_t n = 3; n < CODE_SEGMENTS; n++)
        ck_assert_uint_ne(code_segment_token(&s, 0x100000 + n, 0xFFFF), 0);
    ck_assert_uint_eq(code_segment_token(&s, 0x200000, 0xFFFF), 0); /* none is left */
    ck_assert_uint_eq(code_segment_token(&s, 0x1010, 0xFFFF), d);
    code_segments_forget(&s);
    ck_assert_uint_ne(code_segment_token(&s, 0x200000, 0xFFFF), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        many_code_segments_share_a_jump_table,
        numbers_of_code_segments_run_out,
        a_segment_that_shrinks_is_another,
        numbers_stand_for_base_and_limit,
    };
    return run_translator_tests("small", tests, ARRAY_LEN(tests));
}
