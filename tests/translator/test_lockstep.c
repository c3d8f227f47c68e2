/* The engine under test against the interpreter on random programs (program.h), in lockstep
 * (partition/lockstep.h); and the harness itself: a difference that is planted must be found, and
 * named with the instruction that it follows.
 *
 *     test-translator-lockstep                        10^7 instructions, each time the same
 *     UMBRA_LOCKSTEP_INSNS=n                          so many instead
 *     UMBRA_LOCKSTEP_SEED=s                           from program s on
 *     UMBRA_LOCKSTEP_ENGINE=name                      not translate
 *     UMBRA_LOCKSTEP_SHADOW=auto|window|soft          else one after the other
 *     UMBRA_LOCKSTEP_VERBOSE=1                        a line per program, and what all reached
 *     test-translator-lockstep SEED [MODE [ENGINE]]   that one program; a failure is made small
 *
 * Without a translator in the build the interpreter is tested against itself, cut differently. */
#include "partition/lockstep.h"
#include "tests/check_main.h"
#include "tests/translator/coverage.h"
#include "tests/translator/layout.h"
#include "tests/translator/program.h"
#include "translator/translator.h"

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#define PROGRAM_INSNS 8000
#define STEP_MAX      400

struct setup {
    const struct program *program;
    const struct engine *engine;
    enum shadow_form shadow;
    uint64_t insns; /* the run is over after so many */
    struct machine *machine[LOCKSTEP_SIDES];
    uint64_t faults[32], interrupts;    /* of the reference, all runs */
    bool lost;                          /* the reference has lost its page tables */
    struct coverage *coverage;          /* or NULL */
    void (*plant)(struct partition *p); /* called on the tested side's ticks */
};

/* Every fourth program has an older CPU: less of it is an instruction. */
static enum cpu_model model_of(const struct program *p)
{
    uint64_t n = p->seed;
    return n % 4 ? CPU_P4 : (enum cpu_model)(CPU_386 + n / 4 % (CPU_P4 - CPU_386));
}

static struct partition *make(void *ctx, enum lockstep_side side, char *error, size_t error_len)
{
    struct setup *s = ctx;
    bool reference = side == LOCKSTEP_REFERENCE;
    struct machine_options o = {.memory = PROGRAM_MEMORY,
                                .cpu = model_of(s->program),
                                .no_apic = true,
                                .engine = reference ? engine_find("interp") : s->engine,
                                .tuning = {.shadow = s->shadow,
                                           .eager = s->program->seed / 3 % 2,
                                           .traced = s->program->seed / 24 % 2,
                                           .exact_fpu = true}};
    s->machine[side] = machine_new(&o);
    if (!s->machine[side]) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    program_load(s->program, s->machine[side]->p);
    struct translator *t = partition_vcpu(s->machine[side]->p)->translated.translator;
    if (t && s->program->seed / 6 % 2 == 0) /* with --shadow auto */
        policy_make_restless(&t->policy);
    if (t && s->program->seed / 12 % 2 == 0) {
        t->fresh.need = 1;
        t->fresh.period = 0;
    }
    return s->machine[side]->p;
}

/* A program that finds the address of a MOV CR3 on its stack may go there with anything in EAX.
 * Then it lives on global pages that the TLB still has, which engines need not agree about; without
 * such all is gone, for both. */
static bool has_lost_tables(const struct vcpu *c)
{
    return c->walk.paging && (c->cr4 & CR4_PGE) && c->cr3 != AT_PAGE_ROOT &&
           c->cr3 != AT_PAGE_ROOT + SPACE_SIZE;
}

static void unmake(void *ctx, enum lockstep_side side, struct partition *p)
{
    struct setup *s = ctx;
    const struct vcpu *c = partition_vcpu(p);
    for (unsigned n = 0; n < ARRAY_LEN(s->faults); n++)
        s->faults[n] += side == LOCKSTEP_REFERENCE ? c->faults[n] : 0;
    s->interrupts += side == LOCKSTEP_REFERENCE ? c->interrupts : 0;
    s->lost |= side == LOCKSTEP_REFERENCE && has_lost_tables(c);
    if (s->coverage && side == LOCKSTEP_REFERENCE)
        coverage_of_reference(s->coverage, s->program->mode, c);
    else if (s->coverage && c->translated.translator)
        coverage_of_tested(s->coverage, c->translated.translator);
    machine_end(s->machine[side]);
    s->machine[side] = NULL;
}

static void tick(void *ctx, enum lockstep_side side, struct partition *p)
{
    struct setup *s = ctx;
    if (s->plant && side == LOCKSTEP_TESTED)
        s->plant(p);
}

#ifdef UMBRA_HAVE_CAPSTONE
static void disassemble(void *ctx, const struct traced_insn *i, char *out, size_t out_len)
{
    (void)ctx;
    csh handle;
    cs_insn *insn;
    *out = 0;
    if (cs_open(CS_ARCH_X86, i->code32 ? CS_MODE_32 : CS_MODE_16, &handle) != CS_ERR_OK)
        return;
    if (cs_disasm(handle, i->bytes, i->len, i->eip, 1, &insn)) {
        snprintf(out, out_len, "%s %s", insn->mnemonic, insn->op_str);
        cs_free(insn, 1);
    }
    cs_close(&handle);
}
#endif

static enum lockstep_end run(struct setup *s, FILE *report, struct lockstep_result *result)
{
    struct lockstep_host host = {.ctx = s,
                                 .make = make,
                                 .unmake = unmake,
                                 .tick = tick,
#ifdef UMBRA_HAVE_CAPSTONE
                                 .disassemble = disassemble,
#endif
                                 .report = report};
    struct lockstep_options o = {.step_max = STEP_MAX,
                                 .check_insns = 1000,
                                 .insns = s->insns,
                                 .until_ns = s->insns * 4 * CLOCK_INSN_NS, /* it may halt */
                                 .seed = s->program->seed};
    return lockstep_run(&host, &o, result);
}

/* --- Making a failing program small ----------------------------------------------------------- */

static bool fails(struct setup *s)
{
    struct lockstep_result result;
    return run(s, NULL, &result) == LOCKSTEP_DIFFERENT;
}

static enum shadow_form shadow_of(const struct program *p)
{
    const char *name = getenv("UMBRA_LOCKSTEP_SHADOW");
    if (!name)
        return (enum shadow_form)(p->seed % 3);
    return strcmp(name, "soft") == 0     ? SHADOW_SOFT
           : strcmp(name, "window") == 0 ? SHADOW_WINDOW
                                         : SHADOW_AUTO;
}

/* Drops items, half of them at once down to single ones, as long as it fails without them. */
static void minimise(struct program *p, const struct engine *engine, uint64_t insns)
{
    struct setup s = {.program = p, .engine = engine, .shadow = shadow_of(p), .insns = insns};
    for (unsigned chunk = p->count / 2; chunk; chunk = chunk == 1 ? 0 : (chunk + 1) / 2) {
        for (unsigned at = 0; at < p->count; at += chunk) {
            struct program tried = *p;
            bool any = false;
            for (unsigned n = at; n < at + chunk && n < p->count; n++) {
                any |= !tried.item[n].dropped;
                tried.item[n].dropped = true;
            }
            s.program = &tried;
            if (any && fails(&s))
                *p = tried;
        }
    }
    struct program tried = *p;
    tried.timer = 0;
    s.program = &tried;
    if (fails(&s))
        *p = tried;
}

static bool one_program(uint64_t seed, enum program_mode mode, const struct engine *engine,
                        struct coverage *coverage, uint64_t *insns)
{
    struct program p;
    struct lockstep_result result;
    program_generate(&p, seed, mode);
    struct setup s = {.program = &p,
                      .engine = engine,
                      .shadow = shadow_of(&p),
                      .insns = PROGRAM_INSNS,
                      .coverage = coverage};
    enum lockstep_end end = run(&s, NULL, &result);
    *insns += result.insns;
    if (getenv("UMBRA_LOCKSTEP_VERBOSE")) {
        printf("program %llu, %s: %llu instructions, %llu interrupts, exceptions",
               (unsigned long long)seed, program_mode_name(p.mode),
               (unsigned long long)result.insns, (unsigned long long)s.interrupts);
        for (unsigned n = 0; n < ARRAY_LEN(s.faults); n++)
            if (s.faults[n])
                printf(" %u:%llu", n, (unsigned long long)s.faults[n]);
        printf("; end %d; undefined flags %llu, excused %llu, run again %llu\n", (int)result.end,
               (unsigned long long)result.undefined_flags, (unsigned long long)result.excused,
               (unsigned long long)result.traced_again);
    }
    s.coverage = NULL;
    coverage->programs++;
    coverage->ended += result.end != PARTITION_RUNNING;
    if (end == LOCKSTEP_SAME)
        return true;
    if (s.lost) {
        printf("program %llu has lost its page tables: not compared\n", (unsigned long long)seed);
        return true;
    }
    static const char *const forms[] = {"auto", "window", "soft"};
    printf("FAIL: program %llu with %s, shadow %s\n", (unsigned long long)seed, engine->name,
           forms[s.shadow]);
    for (unsigned n = 0; n < result.found.count && n < ARRAY_LEN(result.found.item); n++)
        printf("  seen first: %s: reference %s, tested %s\n", result.found.item[n].what,
               result.found.item[n].reference, result.found.item[n].tested);
    run(&s, stdout, &result);
    s.insns = result.insns + 1000;
    printf("the same program, made small:\n");
    minimise(&p, engine, s.insns);
    program_print(&p, stdout);
    run(&s, stdout, &result);
    fflush(stdout);
    return false;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static const struct engine *engine_under_test(void)
{
    const char *name = getenv("UMBRA_LOCKSTEP_ENGINE");
    const struct engine *e = engine_find(name ? name : "translate");
    return e ? e : engine_at(0);
}

START_TEST(engines_agree_on_random_programs)
{
    const struct engine *engine = engine_under_test();
    uint64_t wanted = from_environment("UMBRA_LOCKSTEP_INSNS", 10000000), insns = 0, failed = 0;
    uint64_t seed = from_environment("UMBRA_LOCKSTEP_SEED", 1), first = seed;
    struct coverage *coverage = calloc(1, sizeof *coverage);
    ck_assert_ptr_nonnull(coverage);
    for (; insns < wanted && failed < 5; seed++)
        failed += !one_program(seed, PROGRAM_MODE_COUNT, engine, coverage, &insns);
    if (getenv("UMBRA_LOCKSTEP_VERBOSE"))
        coverage_print(coverage, stdout);
    free(coverage);
    printf("%s: programs %llu to %llu, %llu instructions, %llu failed\n", engine->name,
           (unsigned long long)first, (unsigned long long)seed - 1, (unsigned long long)insns,
           (unsigned long long)failed);
    ck_assert_uint_eq(failed, 0);
}
END_TEST

/* A program that never ends: INC EAX; MOV [data], EAX; JMP back. */
static struct program counting_program(void)
{
    struct program p = {.mode = PROGRAM_FLAT, .code32 = true, .count = 2};
    p.item[0] = (struct item){.bytes = {0x40}, .len = 1};
    p.item[1] = (struct item){.bytes = {0xA3, 0x00, 0x00, 0x02, 0x00}, .len = 5};
    return p;
}

#define TO(n)        .target = (n), .fix = FIX_ADDRESS, .fix_at = 2
#define BYTES(...)   .bytes = {__VA_ARGS__}, .len = sizeof((uint8_t[]){__VA_ARGS__})
#define CHANGED_LOOP 13

/* Patches constants and opcodes of its own loop, writes some of them as they are, and has data
 * beside it, up to the first byte of code and from the last one on. */
static struct program changing_program(uint64_t seed)
{
    static const struct item items[] = {
        {BYTES(0x46)},                                                        /* INC ESI */
        {BYTES(0x89, 0x35, 0, 0, 0, 0), TO(CHANGED_LOOP + 0), .fix_plus = 1}, /* MOV [..], ESI */
        {BYTES(0x89, 0x35, 0, 0, 0, 0), TO(CHANGED_LOOP + 1), .fix_plus = 2},
        {BYTES(0x00, 0x1D, 0, 0, 0, 0), TO(CHANGED_LOOP + 2), .fix_plus = 2}, /* ADD [..], BL */
        {BYTES(0xC6, 0x05, 0, 0, 0, 0, 0x40), TO(CHANGED_LOOP + 3)},          /* as it is, mostly */
        {BYTES(0x88, 0x9F, 0, 0, 0, 0), TO(CHANGED_LOOP + 0), .fix_plus = 3}, /* MOV [EDI+..], BL */
        {BYTES(0xF7, 0xC6, 0x3F, 0, 0, 0)},                                   /* TEST ESI, 3Fh */
        {BYTES(0x75, 0x00), .fix = FIX_REL8, .target = 10},                   /* JNZ */
        {BYTES(0x80, 0x35, 0, 0, 0, 0, 0x08), TO(CHANGED_LOOP + 3)},          /* INC EAX, or DEC */
        {BYTES(0x81, 0xF7, 0x00, 0x0D, 0, 0)}, /* XOR EDI, 0D00h: into code, or beside */
        {BYTES(0xB9, 12, 0, 0, 0)},            /* MOV ECX, 12 */
        {BYTES(0xA2, 0, 0, 0, 0), .target = 22, .fix = FIX_ADDRESS, .fix_at = 1, .fix_plus = 7},
        {BYTES(0xA3, 0, 0, 0, 0), .target = 22, .fix = FIX_ADDRESS, .fix_at = 1, .fix_plus = 8},
        {BYTES(0x05, 0, 0, 0, 0)},                                    /* the loop: ADD EAX, .. */
        {BYTES(0x81, 0xF2, 0, 0, 0, 0)},                              /* XOR EDX, .. */
        {BYTES(0xC0, 0xC3, 0x03)},                                    /* ROL BL, .. */
        {BYTES(0x40)},                                                /* INC or DEC EAX */
        {BYTES(0x66, 0xBD, 0, 0)},                                    /* MOV BP, 0 */
        {BYTES(0x01, 0x05, 0x00, 0x0F, 0x01, 0x00)},                  /* ADD [10F00h], EAX */
        {BYTES(0x88, 0x9C, 0x0C, 0x00, 0x0E, 0x01, 0x00)},            /* MOV [ESP+ECX+10E00h], BL */
        {BYTES(0x87, 0x15, 0x07, 0x0F, 0x01, 0x00)},                  /* XCHG [10F07h], EDX */
        {BYTES(0x49)},                                                /* DEC ECX */
        {BYTES(0x75, 0x00), .fix = FIX_REL8, .target = CHANGED_LOOP}, /* JNZ; JMP of 5 follows */
    };
    struct program p = {
        .seed = seed, .mode = PROGRAM_FLAT, .code32 = true, .count = ARRAY_LEN(items)};
    memcpy(p.item, items, sizeof items);
    p.reg[ESP] = 0x40;
    p.reg[EBX] = 0x12345678;
    return p;
}

START_TEST(engines_agree_on_code_that_changes)
{
    struct program p = changing_program((uint64_t)_i);
    struct lockstep_result result;
    struct setup s = {
        .program = &p, .engine = engine_under_test(), .shadow = shadow_of(&p), .insns = 300000};
    if (run(&s, NULL, &result) != LOCKSTEP_SAME) {
        run(&s, stdout, &result);
        ck_abort_msg("they differ");
    }
    ck_assert_uint_ge(result.insns, 300000);
}
END_TEST

static void plant_register(struct partition *p)
{
    if (partition_now(p) > 50000)
        partition_vcpu(p)->reg[EDI].d ^= 4;
}

static void plant_memory(struct partition *p)
{
    uint8_t byte = 0x99;
    if (partition_now(p) > 50000)
        physmap_poke(partition_physmap(p), 0x2F123, &byte, 1);
}

static void plant_device(struct partition *p)
{
    if (partition_now(p) > 50000)
        board_port_write(partition_board(p), 0x71, 0x55, 1);
}

static void check_planted(void (*plant)(struct partition *p), const char *name)
{
    struct program p = counting_program();
    struct setup s = {.program = &p, .engine = engine_find("interp"), .plant = plant};
    struct lockstep_host host = {
        .ctx = &s, .make = make, .unmake = unmake, .tick = tick, .report = NULL};
    struct lockstep_options o = {
        .step_max = 1000, .check_insns = 10000, .insns = 4000000, .seed = 7};
    struct lockstep_result result;
    ck_assert_int_eq(lockstep_run(&host, &o, &result), LOCKSTEP_DIFFERENT);
    ck_assert(result.located);
    ck_assert_uint_ge(result.found.count, 1);
    ck_assert_msg(strstr(result.found.item[0].what, name), "found '%s', not '%s'",
                  result.found.item[0].what, name);
    /* Ticks come at 1/60 s: planted at the second, seen after the first instruction behind it. */
    ck_assert_uint_eq(result.at.insns, 1666667);
}

START_TEST(a_planted_difference_is_found)
{
    check_planted(plant_register, "edi");
    check_planted(plant_memory, "memory at 0002f123");
    check_planted(plant_device, "rtc");
}
END_TEST

static int one_by_hand(int argc, char **argv)
{
    uint64_t insns = 0;
    enum program_mode mode = argc > 2 ? (enum program_mode)atoi(argv[2]) : PROGRAM_MODE_COUNT;
    const struct engine *engine = argc > 3 ? engine_find(argv[3]) : engine_under_test();
    if (!engine) {
        printf("no such engine\n");
        return 2;
    }
    static struct coverage coverage;
    bool same = one_program(strtoull(argv[1], NULL, 0), mode, engine, &coverage, &insns);
    printf("%s, %llu instructions\n", same ? "the same" : "different", (unsigned long long)insns);
    return !same;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        return one_by_hand(argc, argv);
    Suite *suite = suite_create("lockstep");
    TCase *tc = tcase_create("lockstep");
    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, a_planted_difference_is_found);
    tcase_add_loop_test(tc, engines_agree_on_code_that_changes, 0, 6);
    tcase_add_test(tc, engines_agree_on_random_programs);
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}
