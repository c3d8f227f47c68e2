/* tests/translator/guest.h: a small guest (tests/cpu/harness.h's machine), run by one engine, or by
 * all of them and compared: registers, flags, tables, memory, the count of instructions. */
#ifndef UMBRA_TESTS_TRANSLATOR_GUEST_H
#define UMBRA_TESTS_TRANSLATOR_GUEST_H

#include <stdio.h>

#include "tests/cpu/harness.h"

#include "translator/translator.h"

struct guest {
    const uint8_t *code; /* stands at CODE; NULL: what prepare puts there */
    size_t bytes;
    /* Memory, mode and registers, before an engine is there. EIP is CODE, all registers but ESP are
     * 0. May be NULL. */
    void (*prepare)(struct machine *m, const void *ctx);
    const void *ctx;
    uint64_t insns; /* at most; 0: it has to come to a HLT */
    bool cold;      /* code is translated when it is hot; else when it first runs */
    uint64_t code_cache;
    bool (*emitted)(void *ctx, const struct unit_code *code); /* engine_tuning's; or NULL */
    void *emitted_ctx;
    /* The translator is there, and nothing has run. May be NULL. */
    void (*tune)(struct translator *t);
    /* A last look at the machine, with its translator there still. May be NULL. */
    void (*look)(struct machine *m, const void *ctx);
    /* What prepare made goes. May be NULL. */
    void (*finish)(struct machine *m, const void *ctx);
};

#define GUEST_CODE(...) \
    .code = (const uint8_t[]){__VA_ARGS__}, .bytes = sizeof((uint8_t[]){__VA_ARGS__})

struct outcome {
    enum vcpu_exit why;
    uint32_t reg[8], eip, flags;
    bool nmi_blocked;
    struct descriptor_table gdtr, idtr;
    uint64_t insns, memory; /* memory: a hash of it */
    /* Of the translator; zeros when the interpreter ran. */
    struct translator_counters counters;
    bool predicts_returns, has_windows;
    size_t code_used; /* bytes of host code */
};

/* CPL 3 at CODE, with flat data segments. */
static inline void machine_to_flat_user(struct machine *m)
{
    machine_to_user(m, 2);
    for (unsigned s = SEG_ES; s <= SEG_DS; s++) {
        if (s != SEG_CS && s != SEG_SS)
            MUST_NOT_FAULT(m, segment_load(m->c, s, DATA3));
    }
}

static inline uint64_t guest_memory_hash(const struct machine *m)
{
    uint64_t h = 0;
    for (uint32_t at = 0; at < RAM_SIZE; at += 8)
        h = (h ^ load_le64(m->ram + at)) * UINT64_C(0x9E3779B97F4A7C15) + (h >> 29);
    return h;
}

static inline struct outcome guest_run(const struct guest *g, const char *engine_name,
                                       enum shadow_form shadow)
{
    const struct engine *engine = engine_find(engine_name);
    const struct engine_tuning tuning = {.shadow = shadow,
                                         .eager = !g->cold,
                                         .code_cache = g->code_cache,
                                         .emitted = g->emitted,
                                         .emitted_ctx = g->emitted_ctx};
    struct machine m;
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].d = n == ESP ? c->reg[n].d : 0;
    c->eip = CODE;
    if (g->code)
        physmap_poke(m.pm, CODE, g->code, g->bytes);
    if (g->prepare)
        g->prepare(&m, g->ctx);
    ck_assert(!engine->attach || engine->attach(c, &tuning));
    if (g->tune && c->translated.translator)
        g->tune(c->translated.translator);
    struct outcome o = {.why = EXIT_BUDGET};
    for (unsigned slice = 0; o.why == EXIT_BUDGET && slice < (g->insns ? 1 : 100); slice++)
        o.why = engine->run(c, g->insns ? g->insns : 100000);
    ck_assert_msg(g->insns || o.why == EXIT_HALT, "%s: no HLT, but %d", engine_name, (int)o.why);
    for (unsigned n = 0; n < 8; n++)
        o.reg[n] = c->reg[n].d;
    o.eip = (uint32_t)c->eip;
    o.flags = flags_get(c);
    o.nmi_blocked = c->nmi_blocked;
    o.gdtr = c->gdtr;
    o.idtr = c->idtr;
    o.insns = vcpu_insns(c);
    o.memory = guest_memory_hash(&m);
    const struct translator *t = c->translated.translator;
    if (t) {
        o.counters = t->counters;
        o.predicts_returns = t->predicts_returns;
        o.has_windows = t->shadow != SHADOW_SOFT;
        o.code_used = t->code.used - t->code.keep;
        if (g->look)
            g->look(&m, g->ctx);
    }
    if (engine->detach)
        engine->detach(c);
    if (g->finish)
        g->finish(&m, g->ctx);
    machine_destroy(&m);
    return o;
}

/* Is all that the guest can tell the same? */
static inline bool outcome_same(const struct outcome *a, const struct outcome *b)
{
    return a->why == b->why && a->eip == b->eip && a->memory == b->memory && a->flags == b->flags &&
           a->insns == b->insns && !memcmp(a->reg, b->reg, sizeof a->reg) &&
           a->nmi_blocked == b->nmi_blocked;
}

/* Translated with that form of shadow map it does what it does interpreted. */
static inline struct outcome guest_compare_form(const struct guest *g, enum shadow_form shadow)
{
    struct outcome want = guest_run(g, "interp", SHADOW_AUTO);
    struct outcome is = guest_run(g, "translate", shadow);
    ck_assert_int_eq(is.why, want.why);
    for (unsigned n = 0; n < 8; n++)
        ck_assert_msg(is.reg[n] == want.reg[n], "register %u: %x, interpreted %x (shadow %d)", n,
                      is.reg[n], want.reg[n], (int)shadow);
    ck_assert_uint_eq(is.eip, want.eip);
    ck_assert_uint_eq(is.flags, want.flags);
    ck_assert_uint_eq(is.nmi_blocked, want.nmi_blocked);
    ck_assert_uint_eq(is.gdtr.base, want.gdtr.base);
    ck_assert_uint_eq(is.gdtr.limit, want.gdtr.limit);
    ck_assert_uint_eq(is.idtr.base, want.idtr.base);
    ck_assert_uint_eq(is.idtr.limit, want.idtr.limit);
    ck_assert_uint_eq(is.insns, want.insns);
    ck_assert_uint_eq(is.memory, want.memory);
    return is;
}

/* The forms of shadow map that a test goes through. */
static const enum shadow_form guest_forms[] = {SHADOW_WINDOW, SHADOW_SOFT};
#define GUEST_FORMS ARRAY_LEN(guest_forms)

/* The tests of a file that needs a translator. Returns main's status. */
static inline int run_translator_tests(const char *name, const TTest *const *tests, size_t count)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    return run_tests(name, tests, count);
}

#endif
