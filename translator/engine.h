/* translator/engine.h: an engine runs a vCPU: the interpreter, and the binary translator where the
 * host has a backend. The partition knows engines only by this table. */
#ifndef UMBRA_TRANSLATOR_ENGINE_H
#define UMBRA_TRANSLATOR_ENGINE_H

#include "cpu/run.h"

enum shadow_form { SHADOW_AUTO, SHADOW_WINDOW, SHADOW_SOFT };

#define CODE_CACHE_MIN (UINT64_C(1) << 20)
#define CODE_CACHE_MAX (UINT64_C(1) << 30)

/* Host code just made for a unit (translator/unit.h), for whoever checks it. */
enum { STUB_HELP, STUB_LINK, STUB_MISS, STUB_NARROW, STUB_AGAIN, UNIT_STUBS };
struct unit_insn;
struct unit_code {
    const uint8_t *start;            /* where it runs; readable there */
    const uint8_t *stub[UNIT_STUBS]; /* all that it may jump to beside itself */
    uint32_t size, hot_size;         /* bytes; before the cold part */
    uint32_t indirect, entry;        /* offsets where others enter */
    uint32_t id, key, eip;
    unsigned insns;
    const struct unit_insn *insn;
};

/* How an engine is to work; all zeros: as it thinks best. */
struct engine_tuning {
    /* Called in the vCPU's thread for each unit made, before it runs; NULL: nobody asks. False: it
     * must not run (the interpreter runs those instructions). */
    bool (*emitted)(void *ctx, const struct unit_code *code);
    void *emitted_ctx;
    enum shadow_form shadow; /* how translated code reaches guest memory */
    bool traced;             /* windows follow each write to the guest's page tables */
    uint64_t code_cache; /* bytes for host code, units and blocks (but the first 2 MiB of these),
                            CODE_CACHE_MIN..CODE_CACHE_MAX; 0: 256 MiB */
    bool eager;          /* code is translated when it first runs, not when it is hot: for tests */
    bool exact_fpu;      /* approximations (FSIN, RCPPS) as the interpreter computes them */
};

struct engine {
    const char *name; /* as --engine spells it */
    enum vcpu_exit (*run)(struct vcpu *c, uint64_t insns);
    /* Before the first run and after the last; NULL: nothing to do. attach returns false when the
     * host cannot run it (the vCPU's log says why). */
    bool (*attach)(struct vcpu *c, const struct engine_tuning *tuning);
    void (*detach)(struct vcpu *c);
};

/* The engine of that name, or NULL. The default is the first of engine_at. */
const struct engine *engine_find(const char *name);

/* All engines of this build, best first; NULL beyond the last. */
const struct engine *engine_at(unsigned index);

#endif
