/* tests/cpu/hostguest.h: a guest that is set up as host32.h sets up the host, and the comparison of
 * the two: the same segments, the same pages, ring 3; whatever is raised ends at a HLT in ring 0.
 *
 * compare_on_engines runs a comparison on the interpreter, then on the translator with each form of
 * shadow map, where encodings are a tenth: what is new there is how they are emitted.
 *     UMBRA_HOST_CASES=n      n states per encoding
 *     UMBRA_HOST_ONLY=call    only the rows of that mnemonic
 *     UMBRA_HOST_SEED=n       other encodings and states
 *     UMBRA_HOST_ENGINE=interp|soft|window   only that one, with all encodings */
#ifndef UMBRA_TESTS_HOSTGUEST_H
#define UMBRA_TESTS_HOSTGUEST_H

#include <stdio.h>
#include <stdlib.h>

#include "cpu/run.h"
#include "cpu/segment.h"
#include "mmu/physmap.h"
#include "tests/cpu/host32.h"
#include "tests/cpu/hostgen.h"
#include "tests/descriptors.h"
#include "translator/engine.h"

/* Of the test itself. */
static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "the test failed: %s\n", what);
    abort();
}

/* --- The interpreter -------------------------------------------------------------------------- */

/* Guest physical layout: the data segment's pages, the code page, tables, ring 0. */
enum {
    GPA_CODE = 0x10000,
    GPA_PD = 0x20000,
    GPA_PT_DATA = 0x21000,
    GPA_PT_CODE = 0x22000,
    GPA_PT_LOW = 0x23000,
    LOW = 0x30000, /* supervisor pages, linear = physical */
    GDT = LOW,
    IDT = LOW + 0x1000,
    TSS = LOW + 0x2000,
    HANDLERS = LOW + 0x3000,
    RING0_STACK = LOW + 0x5000,
    RAM_SIZE = 0x40000
};

static struct vcpu *guest;
static struct physmap *ram;
static const struct engine *guest_engine; /* what runs it */
static bool guest_unshared;               /* it has yet to install its signal handlers */
static struct segment user_segments[HOST_FLAT + 1][SEG_COUNT];

static void put32(uint32_t at, uint32_t value)
{
    physmap_poke(ram, at, &value, 4);
}

static void put64(uint32_t at, uint64_t value)
{
    physmap_poke(ram, at, &value, 8);
}

static void put_tables(void)
{
    put32(GPA_PD + (HOST_DATA >> 22) * 4, GPA_PT_DATA | 7);
    put32(GPA_PD, GPA_PT_LOW | 3);
    for (uint32_t page = 0; page < HOST_DATA_PAGES; page++) {
        uint32_t rights = DATA_RW(page) ? 7 : DATA_RO(page) ? 5 : 0;
        put32(GPA_PT_DATA + page * 4, rights ? page * 4096 | rights : 0);
    }
    put32(GPA_PT_DATA + (HOST_CODE >> 12 & 0x3FF) * 4, GPA_CODE | 5);
    for (uint32_t page = LOW >> 12; page < RAM_SIZE >> 12; page++)
        put32(GPA_PT_LOW + page * 4, page << 12 | 3);
    put64(GDT + 8, FLAT_CODE(0));
    put64(GDT + 16, FLAT_DATA(0));
    for (uint32_t v = 0; v < 32; v++) { /* interrupt gates to HLTs; INT3 from ring 3 too */
        put64(IDT + v * 8, A_GATE(8, HANDLERS + v, v == VEC_BP ? 0xEE : 0x8E));
        physmap_poke(ram, HANDLERS + v, "\xF4", 1);
    }
    put32(TSS + 4, RING0_STACK);
    put32(TSS + 8, 0x10);
}

static void make_segments(void)
{
    for (unsigned kind = 0; kind <= HOST_FLAT; kind++) {
        bool flat = kind == HOST_FLAT;
        for (unsigned s = 0; s < SEG_COUNT; s++) {
            bool code = s == SEG_CS;
            user_segments[kind][s] =
                (struct segment){.selector = flat   ? (code ? USER_CS32 : USER_SS)
                                             : code ? LDT_SELECTOR(0)
                                                    : LDT_SELECTOR(1),
                                 .attr = (flat ? 0xC0F3 : 0x40F3) | (code ? 8 : 0),
                                 .limit = flat ? UINT32_MAX : HOST_LIMIT,
                                 .base = flat   ? 0
                                         : code ? HOST_CODE
                                                : HOST_DATA};
        }
    }
    user_segments[HOST_16][SEG_CS].attr &= (uint16_t)~SEG_ATTR_DB;
    for (unsigned kind = 0; kind < HOST_FLAT; kind++) /* execute-only */
        user_segments[kind][SEG_CS].attr &= (uint16_t)~SEG_ATTR_WR;
}

/* engine: its name, NULL for the interpreter. False: the host has no such engine. */
static bool guest_open(const char *engine, const struct engine_tuning *tuning)
{
    ram = physmap_create(RAM_SIZE, 0, NULL);
    must(ram != NULL, "memory");
    physmap_map_ram(ram, 0, RAM_SIZE, 0);
    guest = vcpu_create(CPU_P4, ram, NULL, (struct vcpu_host){0});
    must(guest != NULL, "memory");
    put_tables();
    struct vcpu *c = guest;
    c->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_WP | CR0_ET;
    c->cr3 = GPA_PD;
    c->gdtr = (struct descriptor_table){.base = GDT, .limit = 0x17};
    c->idtr = (struct descriptor_table){.base = IDT, .limit = 0xFF};
    c->tr = (struct segment){.selector = 0x18, .attr = 0x8B, .limit = 0x67, .base = TSS};
    c->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    make_segments();
    memcpy(c->seg, user_segments[HOST_32], sizeof c->seg);
    c->cpl = 3;
    vcpu_derive(c);
    memset(physmap_host(ram, GPA_CODE), 0xCC, 4096);
    guest_engine = engine_find(engine ? engine : "interp");
    guest_unshared = engine != NULL;
    return guest_engine && (!guest_engine->attach || guest_engine->attach(c, tuning));
}

static void guest_close(void)
{
    if (guest_engine->detach)
        guest_engine->detach(guest);
    vcpu_destroy(guest);
    physmap_destroy(ram);
}

static void guest_code(uint32_t at, const uint8_t *code, size_t len)
{
    static uint32_t dirty;
    uint8_t *page = physmap_host(ram, GPA_CODE);
    for (uint32_t n = dirty; n < dirty + 16 && n < 4096; n++)
        page[n] = 0xCC;
    for (size_t n = 0; n < len && at + n < 4096; n++)
        page[at + n] = code[n];
    dirty = at;
    physmap_wrote(ram, GPA_CODE, 4096);
}

static void load_fpu(struct vcpu *c, const uint8_t *fx)
{
    struct x87 *f = &c->x87;
    *f = (struct x87){.control = load_le16(fx),
                      .status = load_le16(fx + 2) & 0xC7FF,
                      .top = load_le16(fx + 2) >> 11 & 7,
                      .tag_empty = (uint8_t)~fx[4]};
    c->mxcsr = load_le32(fx + 24);
    for (unsigned n = 0; n < 8; n++) {
        f->reg[(f->top + n) & 7] =
            (struct f80){load_le64(fx + 32 + 16 * n), load_le16(fx + 40 + 16 * n)};
        memcpy(&c->xmm[n], fx + 160 + 16 * n, 16);
    }
}

static void store_fpu(const struct vcpu *c, uint8_t *fx)
{
    const struct x87 *f = &c->x87;
    memset(fx, 0, 416);
    store_le16(fx, f->control);
    store_le16(fx + 2, (uint16_t)(f->status | f->top << 11));
    fx[4] = (uint8_t)~f->tag_empty;
    store_le16(fx + 6, f->last_opcode);
    store_le32(fx + 8, f->last_ip);
    store_le32(fx + 16, f->last_dp);
    store_le32(fx + 24, c->mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        const struct f80 *r = &f->reg[(f->top + n) & 7];
        store_le64(fx + 32 + 16 * n, r->sig);
        store_le16(fx + 40 + 16 * n, r->se);
        memcpy(fx + 160 + 16 * n, &c->xmm[n], 16);
    }
}

static void guest_run(struct host32_state *s, enum host32_kind kind)
{
    struct vcpu *c = guest;
    memcpy(c->seg, user_segments[kind], sizeof c->seg);
    c->code32 = kind != HOST_16;
    c->stack32 = 1;
    vcpu_set_cpl(c, 3);
    for (unsigned n = 0; n < SEG_COUNT; n++)
        segment_update(c, n);
    vcpu_note_mode(c);
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].d = s->reg[n];
    c->eflags = FLAG_ONE | FLAG_IF | (s->eflags & FLAG_DF);
    flags_set_arith(c, s->eflags);
    c->eip = s->eip;
    c->halted = false;
    if (s->fx)
        load_fpu(c, s->fx);
    enum vcpu_exit why = guest_engine->run(c, 1 << 20);
    if (guest_unshared)
        host32_share_signals(); /* the engine has installed its own by now */
    guest_unshared = false;
    must(why == EXIT_HALT, "the guest reaches a handler");
    s->vector = (uint32_t)c->eip - 1 - HANDLERS;
    must(s->vector < 32, "the guest reaches a handler");
    const uint8_t *frame = physmap_host(ram, c->reg[ESP].d);
    s->error = RING0_STACK - c->reg[ESP].d == 24 ? load_le32(frame) : 0;
    frame = physmap_host(ram, RING0_STACK - 20);
    s->eip = load_le32(frame);
    s->eflags = load_le32(frame + 8);
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = n == ESP ? load_le32(frame + 12) : c->reg[n].d;
    s->cr2 = c->cr2;
    if (s->fx)
        store_fpu(c, s->fx);
}

static bool pushes_error(unsigned vector)
{
    return vector == VEC_GP || vector == VEC_SS || vector == VEC_PF;
}

/* The first thing that differs, or NULL. */
static const char *difference(const struct host32_state *a, const struct host32_state *b,
                              uint32_t flags)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    if (a->vector != b->vector)
        return "vector";
    if (a->eip != b->eip)
        return "eip";
    uint32_t left_out = 16; /* fetch: only with NX */
    if (a->vector == VEC_PF && a->cr2 - LOW < RAM_SIZE - LOW)
        left_out |= 1; /* the guest has pages of its supervisor there */
    if (pushes_error(a->vector) && (a->error ^ b->error) & ~left_out)
        return "error code";
    if (a->vector == VEC_PF && a->cr2 != b->cr2)
        return "cr2";
    for (unsigned n = 0; n < 8; n++)
        if (a->reg[n] != b->reg[n])
            return names[n];
    return (a->eflags ^ b->eflags) & flags ? "flags" : NULL;
}

static bool same_memory(void)
{
    for (unsigned page = 0; page < HOST_DATA_PAGES; page++) {
        if (DATA_RW(page) && memcmp((uint8_t *)(uintptr_t)(HOST_DATA + page * 4096),
                                    physmap_host(ram, page * 4096), 4096))
            return false;
    }
    return true;
}

static void copy_memory(bool all)
{
    for (unsigned page = 0; page < HOST_DATA_PAGES; page++) {
        if (DATA_RW(page) || (all && DATA_RO(page)))
            memcpy((uint8_t *)(uintptr_t)(HOST_DATA + page * 4096), physmap_host(ram, page * 4096),
                   4096);
    }
}

static void print_state(const char *who, const struct host32_state *s)
{
    fprintf(stderr, "  %-6s", who);
    for (unsigned n = 0; n < 8; n++)
        fprintf(stderr, " %08x", s->reg[n]);
    fprintf(stderr, " eip %04x flags %03x vector %u error %x cr2 %08x\n", s->eip,
            s->eflags & (FLAGS_ARITH | FLAG_DF), s->vector, s->error, s->cr2);
}

struct totals {
    uint64_t cases, skipped, raised[32];
    unsigned rows, encodings, failed;
    unsigned failed_of_row, row; /* only the first of each row are printed */
};

/* True: the caller may print more about it. */
static bool report(struct totals *t, const struct encoding *e, const char *what,
                   const struct host32_state s[3])
{
    static const char *const kinds[] = {"16-bit", "32-bit", "flat"};
    char name[20];
    insn_mnemonic(&e->insn, name);
    t->failed++;
    if (t->row != e->insn.op)
        t->failed_of_row = 0;
    t->row = e->insn.op;
    if (t->failed_of_row++ >= 2)
        return false;
    fprintf(stderr, "%s differs: %s, %s code:", what, name, kinds[e->kind]);
    for (unsigned n = 0; n < e->len; n++)
        fprintf(stderr, " %02x", e->bytes[n]);
    fprintf(stderr,
            "\n         eax      ecx      edx      ebx      esp      ebp      esi      edi\n");
    print_state("before", &s[0]);
    print_state("host", &s[1]);
    print_state("umbra", &s[2]);
    return true;
}

struct comparison {
    const uint16_t *rows; /* of the opcode table */
    unsigned count, states;
    void (*fill)(struct rng *r, uint8_t *page);
    /* False when the bytes made turn out to be another row. */
    bool (*gen)(struct rng *r, unsigned op, struct encoding *e);
    void (*compare)(struct rng *r, const struct encoding *e, unsigned states, struct totals *t);
};

#define ENCODINGS 100 /* per row */

static void compare_rows(const struct comparison *what, unsigned encodings, struct rng *r,
                         struct totals *t)
{
    const char *only = getenv("UMBRA_HOST_ONLY"), *cases = getenv("UMBRA_HOST_CASES");
    unsigned states = cases ? (unsigned)strtoul(cases, NULL, 0) : what->states;
    for (unsigned k = 0; k < what->count; k++) {
        unsigned made = 0, op = what->rows[k];
        const struct opcode *row = opcode_row(op);
        if (row->last_model != CPU_P4 || (only && strcmp(only, row->mnemonic) != 0))
            continue;
        t->rows++;
        for (unsigned tries = 0; made < encodings && tries < 4 * ENCODINGS; tries++) {
            struct encoding e;
            if (!what->gen(r, op, &e))
                continue;
            what->compare(r, &e, states, t);
            made++;
        }
        if (!made) {
            fprintf(stderr, "no encoding found of %s\n", opcode_row(op)->mnemonic);
            t->failed++;
        }
    }
}

/* False when it failed. */
static bool compare_on(const char *name, const struct comparison *what, unsigned encodings)
{
    const char *seed = getenv("UMBRA_HOST_SEED");
    bool translate = strcmp(name, "interp") != 0;
    struct engine_tuning tuning = {
        .shadow = strcmp(name, "soft") == 0 ? SHADOW_SOFT : SHADOW_WINDOW, .eager = true};
    struct totals t = {0};
    struct rng r = {seed ? strtoull(seed, NULL, 0) : 1};
    if (!guest_open(translate ? "translate" : NULL, &tuning)) {
        printf("SKIP of %s: this host has no translator\n", name);
        return true;
    }
    decoder_init(&decoder, CPU_P4, guest->features);
    for (unsigned page = 0; page < 3; page++) /* with edge values to load */
        what->fill(&r, physmap_host(ram, page * 4096));
    mprotect((void *)(uintptr_t)(HOST_DATA + 0x2000), 4096, PROT_READ | PROT_WRITE);
    copy_memory(true);
    mprotect((void *)(uintptr_t)(HOST_DATA + 0x2000), 4096, PROT_READ);
    compare_rows(what, encodings, &r, &t);
    printf("%s: %llu cases of %u encodings of %u rows, %llu skipped, %u encodings differ; raised:",
           name, (unsigned long long)t.cases, t.encodings, t.rows, (unsigned long long)t.skipped,
           t.failed);
    for (unsigned v = 0; v < 32; v++)
        if (t.raised[v])
            printf(" %u:%llu", v, (unsigned long long)t.raised[v]);
    printf("\n");
    guest_close();
    return !t.failed;
}

/* main's result. */
static int compare_on_engines(const struct comparison *what)
{
    static const char *const names[] = {"interp", "soft", "window"};
    const char *why, *one = getenv("UMBRA_HOST_ENGINE");
    bool good = true;
    if (!host32_open(&why)) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
        if (!one || !strcmp(one, names[n]))
            good &= compare_on(names[n], what, one || n == 0 ? ENCODINGS : ENCODINGS / 10);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
