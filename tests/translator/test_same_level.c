/* Far transfers and INT of protected mode that stay at their level are short functions while
 * nothing is raised (translator/narrow_protected.c): three rounds that are so, and a fourth with a
 * selector, a descriptor or a gate that is not. The interpreter says what comes of it. */
#include "tests/translator/guest.h"

#include "tests/descriptors.h"

#define TARGET   0x6800
#define POINTERS 0x100000 /* four of 8 bytes: far pointers, or gates */
#define STACK_AT 0x120000
#define VECTOR   0x40

enum { /* selectors */
       GOOD = 0x100,
       CONFORMS = 0x108,
       FRESH = 0x110, /* not accessed */
       GONE = 0x118,
       OUTER = 0x120,
       BRIEF = 0x128, /* ends before the target */
       EXACT = 0x130, /* ends with its first byte */
       DATA = 0x138,
       LOCAL = 0x04,
       TO = 0x140, /* call gates: */
       TO3 = 0x148,
       TO_GONE = 0x150,
       TO16 = 0x158,
       CUT = 0x160, /* the table's limit is within it */
};

struct form {
    const char *name;
    uint8_t code[24], bytes;
    uint8_t target[4];
    bool gates;
    unsigned word; /* bytes of an offset */
};

#define CODE_OF(...) .code = {__VA_ARGS__}, .bytes = sizeof((uint8_t[]){__VA_ARGS__})
static const struct form forms[] = {
    {"call", CODE_OF(0xFF, 0x1E), .target = {0x42, 0xCB}, .word = 4},
    {"call, 16 bits", CODE_OF(0x66, 0xFF, 0x1E), .target = {0x42, 0x66, 0xCB}, .word = 2},
    {"jmp", CODE_OF(0xFF, 0x2E), .target = {0x42, 0xFF, 0xE5}, .word = 4},
    {"jmp, 16 bits", CODE_OF(0x66, 0xFF, 0x2E), .target = {0x42, 0xFF, 0xE5}, .word = 2},
    /* push dword [esi+4] / push dword [esi] / retf; with more to release */
    {"retf", CODE_OF(0xFF, 0x76, 4, 0xFF, 0x36, 0xCB), .target = {0x42, 0xFF, 0xE5}, .word = 4},
    {"retf 8", CODE_OF(0x6A, 1, 0x6A, 2, 0xFF, 0x76, 4, 0xFF, 0x36, 0xCA, 8, 0),
     .target = {0x42, 0xFF, 0xE5}, .word = 4},
    /* push dword [esi] / retf of 16 bits */
    {"retf, 16 bits", CODE_OF(0xFF, 0x36, 0x66, 0xCB), .target = {0x42, 0xFF, 0xE5}, .word = 2},
    /* push ebx, flags / push dword [esi+4] / push dword [esi] / iret */
    {"iret", CODE_OF(0x53, 0xFF, 0x76, 4, 0xFF, 0x36, 0xCF), .target = {0x42, 0xFF, 0xE5},
     .word = 4},
    /* mov eax, [esi] / mov [edi], eax / mov eax, [esi+4] / mov [edi+4], eax / int VECTOR */
    {"int", CODE_OF(0x8B, 0x06, 0x89, 0x07, 0x8B, 0x46, 4, 0x89, 0x47, 4, 0xCD, VECTOR),
     .target = {0x42, 0xCF}, .gates = true},
    {"int, 16 bits", CODE_OF(0x8B, 0x06, 0x89, 0x07, 0x8B, 0x46, 4, 0x89, 0x47, 4, 0xCD, VECTOR),
     .target = {0x42, 0x66, 0xCF}, .gates = true, .word = 2},
};

/* The fourth round's. */
struct last {
    uint16_t selector;
    uint8_t access; /* of a gate; 0: as the others */
    bool beyond;    /* the offset has bits that 16-bit forms leave out */
};

static const struct last lasts[] = {
    {GOOD, 0, false},    {GOOD | 1, 0, false},  {GOOD | 3, 0, false},  {0, 0, false},
    {3, 0, false},       {CONFORMS, 0, false},  {FRESH, 0, false},     {GONE, 0, false},
    {OUTER, 0, false},   {OUTER | 3, 0, false}, {BRIEF, 0, false},     {EXACT, 0, false},
    {DATA, 0, false},    {LOCAL, 0, false},     {LOCAL | 8, 0, false}, {CUT, 0, false},
    {0x8000, 0, false},  {GOOD, 0, true},       {GOOD, 0x0E, false},   {GOOD, 0x8F, false},
    {GOOD, 0x86, false}, {GOOD, 0x87, false},   {GOOD, 0x8C, false},   {GOOD, 0x9E, false},
    {GOOD, 0xEE, false}, {GOOD, 0x8B, false},   {TO, 0, false},        {TO | 3, 0, false},
    {TO3, 0, false},     {TO3 | 3, 0, false},   {TO_GONE, 0, false},   {TO16, 0, false},
};

struct trial {
    const struct form *form;
    const struct last *last;
    uint32_t flags; /* EFLAGS at the start */
    uint32_t image; /* EBX: what IRET loads */
    bool ldt;
    uint16_t idt_limit; /* 0: all */
};

static void put_pointer(struct machine *m, const struct trial *trial, unsigned n,
                        const struct last *l)
{
    const struct form *f = trial->form;
    uint32_t at = POINTERS + n * 8, offset = TARGET | (l->beyond ? 0x120000 : 0);
    unsigned access = l->access ? l->access : f->word == 2 ? 0x86 : 0x8E;
    if (f->gates)
        put_gate(m, at, l->selector, offset, (uint8_t)access, 0);
    else
        put(m, at,
            f->word == 2 ? (uint64_t)l->selector << 16 | TARGET
                         : (uint64_t)l->selector << 32 | offset,
            8);
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *trial = ctx;
    const struct form *f = trial->form;
    const struct last good = {.selector = GOOD};
    struct vcpu *c = m->c;
    machine_protect(m);
    const struct {
        uint16_t selector;
        uint8_t access;
        uint32_t limit;
    } code[] = {{GOOD, 0x9B, 0xFFFFF}, {CONFORMS, 0x9F, 0xFFFFF}, {FRESH, 0x9A, 0xFFFFF},
                {GONE, 0x1B, 0xFFFFF}, {OUTER, 0xFB, 0xFFFFF},    {BRIEF, 0x9B, TARGET - 1},
                {EXACT, 0x9B, TARGET}, {DATA, 0x93, 0xFFFFF},     {CUT, 0x9B, 0xFFFFF}};
    for (unsigned n = 0; n < ARRAY_LEN(code); n++)
        put_segment(m, GDT + code[n].selector, 0, code[n].limit, code[n].access,
                    code[n].limit == 0xFFFFF ? 0xC : 4);
    put_gate(m, GDT + TO, GOOD, TARGET, 0x8C, 0);
    put_gate(m, GDT + TO3, GOOD, TARGET, 0xEC, 0);
    put_gate(m, GDT + TO_GONE, GOOD, TARGET, 0x0C, 0);
    put_gate(m, GDT + TO16, GOOD, TARGET, 0x84, 0);
    put_segment(m, LDT, 0, 0xFFFFF, 0x9B, 0xC);
    c->gdtr.limit = CUT + 3;
    if (trial->ldt)
        c->ldtr = (struct segment){.selector = SEL_LDT, .attr = 0x82, .limit = 7, .base = LDT};
    if (trial->idt_limit)
        c->idtr.limit = trial->idt_limit;
    for (unsigned n = 0; n < 4; n++)
        put_pointer(m, trial, n, n < 3 ? &good : trial->last);
    const uint8_t end[] = {0x83, 0xC6, 8, 0x49, 0x75, (uint8_t) - (f->bytes + 6), 0xF4};
    physmap_poke(m->pm, CODE, f->code, f->bytes);
    physmap_poke(m->pm, CODE + f->bytes, end, sizeof end); /* add esi, 8 / dec ecx / jnz / hlt */
    physmap_poke(m->pm, TARGET, f->target, sizeof f->target);
    c->eip = CODE;
    c->reg[ESP].d = STACK_AT;
    c->reg[EBP].d = CODE + f->bytes;
    c->reg[ESI].d = POINTERS;
    c->reg[EDI].d = IDT + 8 * VECTOR;
    c->reg[EBX].d = trial->image;
    c->reg[ECX].d = 4;
    c->eflags = (c->eflags & FLAGS_ARITH) | trial->flags | FLAG_ONE;
    c->nmi_blocked = true;
}

static void check(const struct trial *trial)
{
    const struct guest g = {.prepare = prepare, .ctx = trial};
    struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
    struct outcome is = guest_run(&g, "translate", SHADOW_SOFT); /* no form of its own here */
    ck_assert_msg(outcome_same(&is, &want),
                  "%s, selector %x, gate %x, flags %x, image %x: eip %x, interpreted %x; "
                  "flags %x, interpreted %x",
                  trial->form->name, trial->last->selector, trial->last->access, trial->flags,
                  trial->image, is.eip, want.eip, is.flags, want.flags);
}

START_TEST(descriptors_and_gates)
{
    const struct form *f = &forms[_i];
    for (unsigned n = 0; n < ARRAY_LEN(lasts); n++) {
        if (lasts[n].access && !f->gates)
            continue;
        for (unsigned ldt = 0; ldt < (lasts[n].selector & 4 ? 2 : 1); ldt++) {
            struct trial trial = {.form = f, .last = &lasts[n], .ldt = ldt, .image = FLAG_ONE};
            check(&trial);
        }
    }
}
END_TEST

START_TEST(flags)
{
    static const uint32_t bits[] = {0,       FLAG_IF,  FLAG_DF,  FLAG_NT, FLAG_IOPL,  FLAG_AC,
                                    FLAG_ID, FLAG_VIF, FLAG_VIP, FLAG_RF, FLAGS_ARITH};
    const struct form *f = &forms[_i];
    bool loads = f->code[f->bytes - 1] == 0xCF; /* IRET */
    for (unsigned n = 0; n < (loads || f->gates ? ARRAY_LEN(bits) : 0); n++) {
        for (unsigned image = 0; image < (loads ? ARRAY_LEN(bits) : 1); image++) {
            struct trial trial = {
                .form = f, .last = &lasts[0], .flags = bits[n], .image = bits[image] | FLAG_ONE};
            check(&trial);
        }
    }
}
END_TEST

START_TEST(the_interrupt_table_ends)
{
    for (unsigned n = 0; n < 9; n++) {
        struct trial trial = {
            .form = &forms[_i], .last = &lasts[0], .idt_limit = (uint16_t)(VECTOR * 8 + n)};
        if (trial.form->gates)
            check(&trial);
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("same_level");
    TCase *tc = tcase_create("same_level");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, descriptors_and_gates, 0, ARRAY_LEN(forms));
    tcase_add_loop_test(tc, flags, 0, ARRAY_LEN(forms));
    tcase_add_loop_test(tc, the_interrupt_table_ends, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}
