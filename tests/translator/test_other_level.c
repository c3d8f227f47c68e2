/* What keeps transfers between privilege levels from being as usual (translator/narrow_levels.c): a
 * selector, a descriptor, a gate, a stack, a flag. Each is tried four times, so that all pages are
 * known to the TLB and the code is translated when it matters. The interpreter says what comes of
 * it.
 *
 *    level 3:   1: int 52h                           the TLB knows the page of level 1's stack
 *                  and byte [..], FEh
 *                  mov edi, NEXT
 *                  int 50h, or call GATE, to level 1       or int 51h, to level 0, which returns by
 *                                                          the frame at FRAME, of IRET or RETF
 *             NEXT: push what the registers are now
 *                  dec ebp / jnz 1b / int 60h
 *
 * A fault's handler adds up what it finds and goes on at NEXT. */
#include "tests/translator/guest.h"

#include "tests/descriptors.h"

#define TARGET   0x9000 /* at level 1: adds up what it finds; IRET or RET, of the gate's size */
#define TARGET16 0x9100
#define RETURN   0x9200
#define RETURN16 0x9300
#define STUB     0x9400
#define HANDLER  0x9600
#define FRAME    0x120000
#define STACK_3  0x130000
#define WARM     0x9800
#define STACK_1  0x40000
#define ROUNDS   4
#define NOTHING  0xFFFFFFFF

enum { /* selectors: of level 1 and 3 */
       SHORT1 = 0x80 | 1,
       STACK16_1 = 0x88 | 1,
       DOWN1 = 0x90 | 1,
       TINY1 = 0x98 | 1,
       ABSENT1 = 0xA0 | 1,
       READ1 = 0xA8 | 1,
       FRESH1 = 0xB0 | 1,
       ABSENT_CODE1 = 0xB8 | 1,
       ABSENT3 = 0xC0 | 3,
       STACK16_3 = 0xC8 | 3,
       READ3 = 0xD0 | 3,
       ABSENT_CODE3 = 0xD8 | 3,
       SHORT3 = 0xE0 | 3,
       TO1 = 0xE8, /* a call gate */
       CONFORMS1 = 0xF0 | 1,
       FRESH_STACK1 = 0xF8 | 1,
       FRESH_STACK3 = 0x100 | 3,
       FRESH3 = 0x108 | 3,
       DOWN_FAR1 = 0x110 | 1,
       CLOSE1 = 0x118 | 1,
       BASED1 = 0x120 | 1,
       END = 0x128,
};

/* What is not as usual: bytes of memory; or of the frame, at 1000000h and on. A selector of a
 * descriptor that is not accessed: each round clears that bit anew. */
struct odd {
    uint32_t at, value;
    uint8_t size;
};
#define AT_GATE   (IDT + 8 * 0x50)
#define AT_CALL   (GDT + TO1)
#define IN_FRAME  0x1000000
#define EFLAGS_AT 0x2000000 /* the program's own */
#define TR_LIMIT  0x3000000
#define TR_BRIEF  0x4000000 /* a TSS of the 286, with that SP of level 1 */
#define NESTED    0x6000000 /* IRET with NT, in the frame, too */
#define INNER     0x5000000 /* SS of level 1, and on: ESP */

static const struct odd inward[] = {
    {NOTHING, 0, 0},
    {AT_GATE + 5, 0x6E, 1}, /* not present */
    {AT_GATE + 5, 0x8E, 1}, /* for level 0 */
    {AT_GATE + 5, 0xCE, 1}, /* for level 2 */
    {AT_GATE + 5, 0xEF, 1}, /* a trap gate */
    {AT_GATE + 5, 0xE5, 1}, /* a task gate, to no task */
    {AT_GATE + 5, 0xEC, 1}, /* a call gate */
    {AT_GATE + 5, 0xFE, 1}, /* a segment */
    {AT_GATE + 2, 0, 2},
    {AT_GATE + 2, 3, 2},
    {AT_GATE + 2, CODE1 & ~3, 2},
    {AT_GATE + 2, CODE1 | 3, 2},
    {AT_GATE + 2, SHORT1, 2},
    {AT_GATE + 2, FRESH1, 2},
    {AT_GATE + 2, CODE3, 2},
    {AT_GATE + 2, CONFORMS1, 2},
    {AT_GATE + 2, DATA1, 2},
    {AT_GATE + 2, ABSENT_CODE1, 2},
    {AT_GATE + 2, END, 2},
    {AT_GATE + 2, SEL_LDT | 4, 2},
    {AT_CALL + 5, 0x6C, 1},
    {AT_CALL + 5, 0xAC, 1},
    {AT_CALL + 5, 0xE5, 1},
    {AT_CALL + 5, 0xEE, 1},
    {AT_CALL + 4, 2, 1}, /* parameters */
    {AT_CALL + 2, 0, 2},
    {AT_CALL + 2, SHORT1, 2},
    {AT_CALL + 2, FRESH1, 2},
    {AT_CALL + 2, CODE3, 2},
    {AT_CALL + 2, CONFORMS1, 2},
    {AT_CALL + 2, DATA1, 2},
    {AT_CALL + 2, ABSENT_CODE1, 2},
    {AT_CALL + 2, END, 2},
    {TSS_A + 16, 0, 2}, /* SS of level 1 */
    {TSS_A + 16, DATA0, 2},
    {TSS_A + 16, DATA1 & ~3, 2},
    {TSS_A + 16, DATA3, 2},
    {TSS_A + 16, CODE1, 2},
    {TSS_A + 16, STACK16_1, 2},
    {TSS_A + 16, DOWN1, 2},
    {TSS_A + 16, TINY1, 2},
    {TSS_A + 16, ABSENT1, 2},
    {TSS_A + 16, READ1, 2},
    {TSS_A + 16, END | 1, 2},
    {TSS_A + 16, FRESH_STACK1, 2},
    {TSS_A + 12, 0, 4}, /* ESP */
    {TSS_A + 12, 4, 4},
    {TSS_A + 12, 0x12345678, 4},
    {TSS_A + 12, STACK_1 + 0x3, 4},
    {TSS_A + 12, 1, 4},
    {INNER + DOWN_FAR1, STACK_1, 4},
    {INNER + CLOSE1, STACK_1, 4},
    {INNER + CLOSE1, STACK_1 - 4, 4},
    {INNER + BASED1, 4, 4},
    {INNER + STACK16_1, STACK_1 - 0x100, 4}, /* FF00h */
    {TR_LIMIT, 12, 4},
    {TR_LIMIT, 15, 4},
    {TR_LIMIT, 16, 4},
    {TR_LIMIT, 17, 4},
    {TR_BRIEF, 0x6000, 2},
    {TR_BRIEF, 6, 2},
    {EFLAGS_AT, FLAG_NT, 4},
    {EFLAGS_AT, FLAG_AC | FLAG_ID, 4},
    {EFLAGS_AT, FLAG_IF | FLAG_DF, 4},
};

static const struct odd outward[] = {
    {NOTHING, 0, 0},
    {IN_FRAME + 4, 0, 2}, /* CS */
    {IN_FRAME + 4, 3, 2},
    {IN_FRAME + 4, CODE0, 2},
    {IN_FRAME + 4, CODE1, 2},
    {IN_FRAME + 4, CODE1 | 3, 2},
    {IN_FRAME + 4, CODE3 & ~3, 2},
    {IN_FRAME + 4, CONFORMING | 3, 2},
    {IN_FRAME + 4, DATA3, 2},
    {IN_FRAME + 4, ABSENT_CODE3, 2},
    {IN_FRAME + 4, SHORT3, 2},
    {IN_FRAME + 4, END | 3, 2},
    {IN_FRAME + 4, FRESH3, 2},
    {IN_FRAME + 8, 2 | FLAG_TF, 4}, /* EFLAGS */
    {IN_FRAME + 8, 2 | FLAG_NT, 4},
    {IN_FRAME + 8, 2 | FLAG_IF, 4},
    {IN_FRAME + 8, 2 | FLAG_IOPL, 4},
    {IN_FRAME + 8, 2 | FLAG_DF, 4},
    {IN_FRAME + 8, 2 | FLAG_AC, 4},
    {IN_FRAME + 8, 2 | FLAG_ID, 4},
    {IN_FRAME + 8, 2 | FLAG_RF, 4},
    {IN_FRAME + 8, 2 | FLAG_VIF | FLAG_VIP, 4},
    {IN_FRAME + 8, 0xFFFCFED7, 4},
    {IN_FRAME + 16, 0, 2}, /* SS */
    {IN_FRAME + 16, 3, 2},
    {IN_FRAME + 16, DATA0, 2},
    {IN_FRAME + 16, DATA3 & ~3, 2},
    {IN_FRAME + 16, CODE3, 2},
    {IN_FRAME + 16, STACK16_3, 2},
    {IN_FRAME + 16, READ3, 2},
    {IN_FRAME + 16, ABSENT3, 2},
    {IN_FRAME + 16, DATA1, 2},
    {IN_FRAME + 16, END | 3, 2},
    {IN_FRAME + 16, FRESH_STACK3, 2},
    {IN_FRAME + 12, 0xFFFF0010, 4}, /* ESP */
    {EFLAGS_AT, FLAG_NT, 4},
    {EFLAGS_AT, FLAG_AC | FLAG_ID, 4},
    {NESTED, 2 | FLAG_NT, 4},
};

enum transfer { BY_INT, BY_CALL, BY_IRET, BY_RETF, BY_RETF_N, WAYS_THERE };

struct trial {
    enum transfer way;
    bool narrow; /* 16 bits */
    const struct odd *odd;
};

static void put_segments(struct machine *m)
{
    static const struct {
        uint16_t selector;
        uint8_t access, flags;
        uint32_t limit;
    } segments[] = {{SHORT1, 0xBB, 4, TARGET - 1},
                    {STACK16_1, 0xB3, 0, 0xFFFFF},
                    {DOWN1, 0xB7, 4, 0xFFF},
                    {TINY1, 0xB3, 4, 10},
                    {ABSENT1, 0x33, 0xC, 0xFFFFF},
                    {READ1, 0xB1, 0xC, 0xFFFFF},
                    {FRESH1, 0xBA, 0xC, 0xFFFFF},
                    {ABSENT_CODE1, 0x3B, 0xC, 0xFFFFF},
                    {ABSENT3, 0x73, 0xC, 0xFFFFF},
                    {STACK16_3, 0xF3, 0, 0xFFFFF},
                    {READ3, 0xF1, 0xC, 0xFFFFF},
                    {ABSENT_CODE3, 0x7B, 0xC, 0xFFFFF},
                    {SHORT3, 0xFB, 4, CODE - 1},
                    {CONFORMS1, 0xBF, 0xC, 0xFFFFF},
                    {FRESH_STACK1, 0xB2, 0xC, 0xFFFFF},
                    {FRESH_STACK3, 0xF2, 0xC, 0xFFFFF},
                    {FRESH3, 0xFA, 0xC, 0xFFFFF},
                    {DOWN_FAR1, 0xB7, 4, STACK_1}};
    for (unsigned n = 0; n < ARRAY_LEN(segments); n++)
        put_segment(m, GDT + (segments[n].selector & ~7u), 0, segments[n].limit, segments[n].access,
                    segments[n].flags);
    put_segment(m, GDT + (CODE1 & ~7u), 0, 0xFFFFF, 0xBB, 0xC); /* accessed */
    put_segment(m, GDT + (DATA1 & ~7u), 0, 0xFFFFF, 0xB3, 0xC);
    put_segment(m, GDT + (CLOSE1 & ~7u), 0, STACK_1 - 5, 0xB3, 4);
    put_segment(m, GDT + (BASED1 & ~7u), STACK_1 - 0x800, 0xFFF, 0xB3, 4);
    m->c->gdtr.limit = END - 1;
}

/* push v / jmp HANDLER; where the CPU pushes no error code: push 0 before it. */
static void put_entry(struct machine *m, unsigned v, bool error)
{
    uint8_t code[9] = {0x6A, 0, 0x6A, (uint8_t)v, 0xE9};
    uint32_t at = 0x5000 + 16 * v;
    store_le32(code + 5, HANDLER - (at + (error ? 7u : 9u)));
    physmap_poke(m->pm, at, code + (error ? 2 : 0), error ? 7 : 9);
}

static void put_system(struct machine *m)
{
    /* add up ESP, SS, CS and the flags */
#define SUM 0x01, 0xE3, 0x8C, 0xD0, 0x01, 0xC3, 0x8C, 0xC8, 0x01, 0xC3, 0x9C, 0x58, 0x01, 0xC3
    PROGRAM(m, TARGET, SUM, 0xCF);
    PROGRAM(m, TARGET16, SUM, 0x66, 0xCF);
    PROGRAM(m, RETURN, SUM, 0xCB);
    PROGRAM(m, RETURN16, SUM, 0x66, 0xCB);
    PROGRAM(m, HANDLER, 0x58, 0x01, 0xC3, 0x8D, 0x1C, 0x5B, 0x58, 0x01, 0xC3, /* vector, error */
            0x8D, 0x1C, 0x5B, 0x58, 0x01, 0xC3, 0x58, 0x01, 0xC3, 0x58, 0x01,
            0xC3, /* EIP, CS, .. */
            0xB8, DATA0, 0, 0, 0, 0x8E, 0xD0, 0xBC, STACK & 0xFF, STACK >> 8, 0, 0, 0x6A, DATA3,
            0x68, 0, 0, STACK_3 >> 16, 0, 0x6A, 2, 0x6A, CODE3, 0x57, 0xCF);
    PROGRAM(m, WARM, 0x80, 0x35, 0, 0xF0, STACK_1 / 0x10000 - 1, 0, 0, 0xCF); /* xor byte [], 0 */
    static const uint8_t with_error[] = {VEC_TS, VEC_NP, VEC_SS, VEC_GP};
    for (unsigned n = 0; n < ARRAY_LEN(with_error); n++)
        put_entry(m, with_error[n], true);
    put_entry(m, VEC_UD, false);
    put_entry(m, VEC_DB, false);
    put_gate(m, IDT + 8 * 0x51, CODE0, STUB, 0xEE, 0);
    put_gate(m, IDT + 8 * 0x52, CODE0, WARM, 0xEE, 0);
    put_gate(m, IDT + 8 * 0x60, CODE0, 0x5800, 0xEE, 0); /* to a HLT */
    put(m, TSS_A + 12, STACK_1, 4);
    put(m, TSS_A + 16, DATA1, 4);
}

/* Segment registers of all kinds; the frame, word by word; and the return. */
static void put_stub(struct machine *m, const struct trial *t)
{
    static const uint8_t segments[] = {0xB8, DATA0, 0,          0, 0, 0x8E, 0xC0, 0x8E,
                                       0xE8, 0xB8,  CONFORMING, 0, 0, 0,    0x8E, 0xE0};
    static const uint8_t iret[] = {16, 12, 8, 4, 0}, retf[] = {16, 12, 4, 0},
                         retf_n[] = {16, 12, 8, 8, 4, 0};
    const uint8_t *words = t->way == BY_IRET ? iret : t->way == BY_RETF ? retf : retf_n;
    unsigned count = t->way == BY_IRET ? 5 : t->way == BY_RETF ? 4 : 6;
    uint32_t at = STUB;
    physmap_poke(m->pm, at, segments, sizeof segments);
    at += sizeof segments;
    if (t->odd->at == NESTED) { /* push 4002h / popfd */
        physmap_poke(m->pm, at, "\x68\x02\x40\x00\x00\x9D", 6);
        at += 6;
    }
    for (unsigned n = 0; n < count; n++) {
        uint8_t push[] = {0x66, 0xFF, 0x35, words[n], 0, FRAME >> 16, 0};
        physmap_poke(m->pm, at, push + !t->narrow, sizeof push - !t->narrow);
        at += (uint32_t)(sizeof push - !t->narrow);
    }
    uint8_t end[] = {0x66, 0xCF, 0, 0};
    if (t->way == BY_RETF)
        end[1] = 0xCB;
    if (t->way == BY_RETF_N)
        end[1] = 0xCA, end[2] = t->narrow ? 4 : 8;
    physmap_poke(m->pm, at, end + !t->narrow, sizeof end - !t->narrow);
}

static bool is_fresh(uint16_t selector)
{
    return selector == FRESH1 || selector == FRESH3 || selector == FRESH_STACK1 ||
           selector == FRESH_STACK3;
}

/* int 52h / and byte [..], FEh / mov edi, NEXT / .. */
static uint32_t put_program(struct machine *m, const struct trial *t)
{
    static const uint8_t ways[WAYS_THERE][7] = {{0xCD, 0x50, 0x90, 0x90, 0x90, 0x90, 0x90},
                                                {0x9A, 0, 0, 0, 0, TO1 | 3, 0},
                                                {0xCD, 0x51, 0x90, 0x90, 0x90, 0x90, 0x90},
                                                {0xCD, 0x51, 0x90, 0x90, 0x90, 0x90, 0x90},
                                                {0xCD, 0x51, 0x90, 0x90, 0x90, 0x90, 0x90}};
    uint8_t code[] = {0xCD, 0x52, 0x80, 0x25, 0,    0,    0,    0,    0xFE, 0xBF, 0,    0,    0,
                      0,    0,    0,    0,    0,    0,    0,    0,    0x1E, 0x06, 0x0F, 0xA0, 0x0F,
                      0xA8, 0x9C, 0x0E, 0x16, 0x54, 0x53, 0x4D, 0x75, 0,    0xCD, 0x60};
    uint32_t next = CODE + 21, fresh = FRAME + 0x100;
    if (t->odd->size == 2 && is_fresh((uint16_t)t->odd->value))
        fresh = GDT + (t->odd->value & ~7u) + 5;
    store_le32(code + 4, fresh);
    store_le32(code + 10, next);
    memcpy(code + 14, ways[t->way], 7);
    code[34] = (uint8_t)-35;
    physmap_poke(m->pm, CODE, code, sizeof code);
    return next;
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *t = ctx;
    const struct odd *o = t->odd;
    struct vcpu *c = m->c;
    put_segments(m);
    put_system(m);
    put_stub(m, t);
    uint32_t next = put_program(m, t);
    put_gate(m, AT_GATE, CODE1, t->narrow ? TARGET16 : TARGET, t->narrow ? 0xE6 : 0xEE, 0);
    put_gate(m, AT_CALL, CODE1, t->narrow ? RETURN16 : RETURN, t->narrow ? 0xE4 : 0xEC, 0);
    const uint32_t frame[] = {next, CODE3, 2, STACK_3 - 0x100, DATA3};
    for (unsigned n = 0; n < ARRAY_LEN(frame); n++)
        put(m, FRAME + 4 * n, frame[n], 4);
    if (o->at >= IN_FRAME && o->at < EFLAGS_AT)
        put(m, FRAME + (o->at - IN_FRAME), o->value, o->size);
    else if (o->at < IN_FRAME)
        put(m, o->at, o->value, o->size);
    machine_to_flat_user(m);
    if (o->at == NESTED)
        put(m, FRAME + 8, o->value, 4);
    c->eflags |= o->at == EFLAGS_AT ? o->value : FLAG_IF;
    if (o->at == TR_LIMIT)
        c->tr.limit = o->value;
    if (o->at == TR_BRIEF) {
        c->tr.attr &= (uint16_t)~8u;
        put(m, TSS_A + 2, STACK | (uint32_t)DATA0 << 16, 4);
        put(m, TSS_A + 6, o->value | (uint32_t)DATA1 << 16, 4);
    }
    if (o->at >= INNER && o->at < NESTED) {
        put(m, TSS_A + 12, o->value, 4);
        put(m, TSS_A + 16, o->at - INNER, 2);
    }
    c->nmi_blocked = true;
    c->eip = CODE;
    c->reg[EBP].d = ROUNDS;
    c->reg[ESP].d = STACK_3;
    vcpu_state_loaded(c);
}

static void check(const struct trial *t, const char *which, unsigned number)
{
    const struct guest g = {.prepare = prepare, .ctx = t, .insns = 1000};
    struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
    struct outcome is = guest_run(&g, "translate", SHADOW_SOFT); /* no form of its own here */
    ck_assert_msg(outcome_same(&is, &want),
                  "way %u, narrow %u, %s %u: eip %x, interpreted %x; ebx %x, interpreted %x",
                  (unsigned)t->way, t->narrow, which, number, is.eip, want.eip, is.reg[EBX],
                  want.reg[EBX]);
    if (t->odd->at == NOTHING && !t->narrow)
        ck_assert_int_eq(want.why, EXIT_HALT);
}

START_TEST(what_is_not_as_usual)
{
    bool in = _i <= BY_CALL;
    const struct odd *odds = in ? inward : outward;
    for (unsigned n = 0; n < (in ? ARRAY_LEN(inward) : ARRAY_LEN(outward)); n++) {
        for (unsigned narrow = 0; narrow < 2; narrow++) {
            const struct trial t = {(enum transfer)_i, narrow, &odds[n]};
            check(&t, in ? "inward" : "outward", n);
        }
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("other_level");
    TCase *tc = tcase_create("other_level");
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tc, what_is_not_as_usual, 0, WAYS_THERE);
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}
