/* translator/translator.h: the translator of one vCPU. The engine "translate" (translator/engine.h)
 * runs a vCPU by it; the backend (translator/x86_64/) makes and runs host code.
 *
 * Control goes between three places:
 *
 *     translate_run  --enter-->  host code  --stub-->  one of the functions below  --> host code
 *          ^                                                   |
 *          '----------------------- NULL: leave ---------------'
 *
 * A stub has put the guest's registers and flags into the vCPU before it calls; what the function
 * returns is where host code goes on, or NULL: back to translate_run, with eip and insns current.
 */
#ifndef UMBRA_TRANSLATOR_TRANSLATOR_H
#define UMBRA_TRANSLATOR_TRANSLATOR_H

#include "cpu/access.h"
#include "translator/backend.h"
#include "translator/code_cache.h"
#include "translator/code_segments.h"
#include "translator/engine.h"
#include "translator/fpu.h"
#include "translator/fresh.h"
#include "translator/policy.h"
#include "translator/unit.h"
#include "translator/unit_memory.h"

#define NO_SITE         UINT32_MAX
#define SITE_SHIFT      8  /* a site is a unit's id << SITE_SHIFT | instruction (or link) */
#define JUMP_TABLES     16 /* see jumps.h */
#define UNITS_MAX       (1u << 18)
#define UNIT_CHAINS     (1u << 18)
#define UNIT_RINGS      (1u << 17)
#define BUDGET_STRIP    (UINT64_C(1) << 20) /* bytes of the strip that the counter points into */
#define CODE_CACHE_SIZE (UINT64_C(256) << 20)
#define BLOCKS_FREE     (UINT64_C(2) << 20) /* bytes of blocks that do not count as cache */

/* A chain of units. kinds has a bit for each in it (and of some that went): what is not there is
 * seen without a look at units, which lie in cold memory. */
struct unit_chain {
    struct unit *first; /* by hash_next */
    uint64_t kinds;
};

/* Where a unit's code begins in the cache; unit is NULL when it went. */
struct unit_address {
    uint32_t offset;
    struct unit *unit;
};

/* What the last transfer to a mode found. It holds while key_of, the form and the address space
 * (the TLB's flushes) are the same: system calls go back and forth between a few. */
struct way {
    uint32_t mode, key;         /* key_of then, or NO_MODE; the same with the form */
    uint32_t cs_base, cs_limit; /* of code that is neither flat nor 8086 */
    uint64_t flushes;
    struct jump_table *table;
};
#define NO_MODE UINT32_MAX
#define WAYS    80

struct translator_counters {
    uint64_t units, units_dropped, flushes; /* made; dropped for writes to code; all dropped */
    uint64_t moved;                         /* units that stand for another eip now */
    uint64_t lent;                          /* entries of soft units where there is a window */
    uint64_t entries, helped, linked, missed, polls, faults, refused, soft_sites, single;
    uint64_t fresh_sites;  /* times that an instruction got a lookup: fresh.h */
    uint64_t returns_full; /* times a stack of returns was full */
    uint64_t fpu_guards, fpu_loads,
        fpu_saves; /* faults of guards; x87 state moved to the host, back */
};

struct translator {
    /* Whom it serves, and how: set when it is made. */
    struct vcpu *vcpu;
    const struct mmio_quick *quick;      /* of the physmap: narrow_device.c */
    const struct windows_ready *ready;   /* of the windows: flow.c */
    enum shadow_form shadow;             /* SHADOW_SOFT, too, where the host has no windows */
    bool eager;                          /* nothing is cold */
    bool predicts_returns, loop_is_fast; /* what this host can */
    bool (*emitted)(void *ctx, const struct unit_code *code); /* engine_tuning's */
    void *emitted_ctx;

    /* Host code: where it lies, where it is made, what it calls. */
    struct code_cache code;
    uint8_t *scratch; /* BACKEND_UNIT_ROOM bytes */
    struct backend_stubs stubs;

    /* Units: found by id (from host code), by the guest's code (unit_index.h), and by the address
     * of their host code (when it faults). They go in two steps: see units_free_dead. */
    struct unit **units;             /* by id */
    uint32_t *free_ids;              /* stack */
    struct unit_chain *by_code;      /* UNIT_CHAINS: by code, key and eip */
    uint32_t *youngest;              /* UNIT_RINGS: of a unit, by code and key; 0: none */
    struct unit_address *by_address; /* in the order of their code */
    uint32_t *by_code_page;          /* per page of the cache: the first of those that begin there
                                        or behind; code_pages of them are known */
    uint32_t code_pages;
    uint32_t free_count, unit_count, by_address_count;
    struct unit_memory memory; /* counts towards the code cache's size, too */
    struct unit *dead;         /* to be freed when none of them runs */
    uint64_t epoch;            /* counts the times that everything was dropped */
    bool restart; /* everything was dropped: the next unit starts at the cache's beginning */

    /* The count of instructions while host code runs: flow.c. */
    uint8_t *strip; /* BUDGET_STRIP readable bytes after an inaccessible page */
    uint64_t end;   /* insns when the counter reaches the strip's start */

    /* Where control goes: the jump tables (jumps.h), the present one first; what transfers found
     * last (flow.c); the stacks of returns, one for each table (returns.h). */
    struct jump_table *current, *before; /* before: the one that was current before, or NULL */
    uint32_t current_key, before_key;
    struct jump_table *table[JUMP_TABLES];
    uint32_t table_key[JUMP_TABLES]; /* UINT32_MAX: never used */
    uint8_t table_hint[64];          /* where one may be: see jumps.c */
    uint64_t clock;                  /* of their use */
    struct code_segments segments;   /* of KEY_SMALL */
    struct way way[WAYS];            /* see way_of in flow.c */
    uint8_t *returns;
    uint64_t returns_sp[JUMP_TABLES]; /* where they end; of the one in use: in the vCPU */
    unsigned returns_of;              /* which is in use */
    struct unit *gone_to;             /* where translator_go_on led last */
    bool cold; /* what runs next has no unit, or is not hot yet: it is to be interpreted */

    /* What units are to be made for now: window or soft TLB (policy.h, SHADOW_AUTO), and whose FPU
     * registers the host's are (fpu.h). */
    uint32_t form;   /* KEY_WINDOW and KEY_FPU */
    uint8_t *window; /* base of the window that GS shows; NULL: none */
    struct policy policy;
    uint64_t stray_binding[64]; /* windows in which instructions last met users' pages */
    struct fresh fresh;
    struct fpu fpu;

    /* Instructions that their handlers run, and host faults that make them. */
    uint32_t fault_site;     /* the handler runs for a host fault at this site; or NO_SITE */
    struct unit *fault_unit; /* its unit, which may be dead */
    void *fault_stack;       /* the backend's: where its signal handler runs */
    uint64_t *helped_rows;   /* how often, by opcode row */

    struct translator_counters counters;

    /* A block of one instruction and what returns from it, for calling a handler. Last: a block has
     * no size of its own. */
    union {
        struct block block;
        uint8_t room[sizeof(struct block) + 2 * sizeof(struct insn)];
    } one;
};

/* The token of eip 0 in the present code segment (unit_token). In small code 0 is nobody's: there
 * are no numbers left. */
static inline uint32_t segment_here(struct translator *t)
{
    const struct vcpu *c = t->vcpu;
    const struct segment *cs = &c->seg[SEG_CS];
    if (c->code_8086)
        return (uint32_t)cs->base << 12;
    return code_is_small(c) ? code_segment_token(&t->segments, (uint32_t)cs->base, cs->limit) : 0;
}

static inline uint32_t token_here(struct translator *t)
{
    return segment_here(t) | (uint32_t)t->vcpu->eip;
}

/* NULL: the host lacks what it takes (log says what). */
struct translator *translator_create(struct vcpu *c, const struct engine_tuning *tuning);
void translator_destroy(struct translator *t);

/* The engine. */
enum vcpu_exit translate_run(struct vcpu *c, uint64_t insns);

/* --- Called from host code through stubs ---------------------------------------------------- */

/* Instruction n of u, whose lookup failed, has written at gva, beside code: where that goes on its
 * host code learns to tell code from data. */
void translator_wrote_beside(struct translator *t, struct unit *u, unsigned n, uint32_t gva);

/* Runs the instruction of site by its handler. */
const uint8_t *translator_help(struct vcpu *c, uint32_t site);
/* The same of instruction n of u, which may be dead: it has written to itself, and goes on as it
 * was.
 */
const uint8_t *translator_help_unit(struct vcpu *c, struct unit *u, unsigned n);
/* A link of site is taken for the first time, or again after its target went. */
const uint8_t *translator_link(struct vcpu *c, uint32_t site);
/* An indirect jump to a token found no unit. */
const uint8_t *translator_miss(struct vcpu *c, uint32_t unused, uint32_t token);
/* The budget ends in the unit of site. */
const uint8_t *translator_poll(struct vcpu *c, uint32_t site);

/* The guard before instruction n of site refused: see fpu.h. */
const uint8_t *translator_fpu(struct vcpu *c, uint32_t site);

/* --- For the backend ------------------------------------------------------------------------ */

/* The unit whose host code runs at address, or NULL. */
struct unit *translator_unit_at(struct translator *t, const uint8_t *address);

/* After a fault in host code, whose counter is so much: what it is to be. Less when the policy
 * wants to look, so that a unit that is begun soon finds its budget used up: a loop whose every
 * access faults may not leave host code by itself. */
uint64_t translator_hasten(struct translator *t, uint64_t counter);

#endif
