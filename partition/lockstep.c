/* partition/lockstep.c: see lockstep.h. A pair is two machines at the same point of the run; that
 * point is a number of steps, from which all else follows, so that a new pair can be brought to the
 * same point. */
#include "partition/lockstep.h"

#include "cpu/flags.h"
#include "partition/lockstep_report.h"

#define TICK_NS       UINT64_C(16666667)
#define TAIL_INSNS    24 /* traced at the end of each of the reference's steps */
#define REFERENCE     LOCKSTEP_REFERENCE
#define TESTED        LOCKSTEP_TESTED
#define LOCATE_ROUNDS 24
#define ALONE_MAX     1024

struct pair {
    struct partition *p[LOCKSTEP_SIDES];
    enum partition_end end[LOCKSTEP_SIDES];
    uint64_t step; /* steps done */
    uint64_t next_tick;
    uint64_t next_check; /* instructions at which memory and devices are looked at again */
    uint64_t checked;    /* step up to which memory and devices are known to be equal */
    struct trace trace;  /* of the reference's last step, or of its end */
};

struct lockstep {
    const struct lockstep_host *host;
    const struct lockstep_options *o;
    struct lockstep_result *result;
    struct pair pair;
    /* Steps that undefined flags made differ: taken instruction by instruction, with equal flags,
     * whenever they are run again. In ascending order. */
    uint64_t alone[ALONE_MAX];
    unsigned alone_count;
    /* Steps first to last - 1 were run again and all of them checked: likewise. */
    struct {
        uint64_t first, last;
    } careful[ALONE_MAX];
    unsigned careful_count;
};

/* --- Pairs ------------------------------------------------------------------------------------ */

static void pair_unmake(struct lockstep *l)
{
    for (unsigned side = 0; side < LOCKSTEP_SIDES; side++) {
        if (l->pair.p[side])
            l->host->unmake(l->host->ctx, side, l->pair.p[side]);
        l->pair.p[side] = NULL;
    }
}

static bool pair_make(struct lockstep *l)
{
    char error[512] = "";
    pair_unmake(l);
    memset(&l->pair, 0, sizeof l->pair);
    for (unsigned side = 0; side < LOCKSTEP_SIDES; side++) {
        l->pair.p[side] = l->host->make(l->host->ctx, side, error, sizeof error);
        if (!l->pair.p[side]) {
            if (l->host->report)
                fprintf(l->host->report, "lockstep: no machine: %s\n", error);
            return false;
        }
        partition_vcpu(l->pair.p[side])->x87.pointers_hidden = true;
    }
    return true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = a * UINT64_C(0x9E3779B97F4A7C15) + b;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* Virtual time at which the next step ends. Short steps are as likely as long ones of a decade. */
static uint64_t step_end(const struct lockstep *l)
{
    uint64_t draw = mix(l->o->seed, l->pair.step);
    uint64_t max = l->o->step_max ? l->o->step_max : 1;
    if (draw & 1)
        max = min_u64(max, 1 + max / 16);
    uint64_t insns = 1 + (draw >> 8) % max;
    return min_u64(partition_now(l->pair.p[REFERENCE]) + insns * CLOCK_INSN_NS, l->pair.next_tick);
}

static void give_ticks(struct lockstep *l)
{
    if (partition_now(l->pair.p[REFERENCE]) < l->pair.next_tick)
        return;
    for (unsigned side = 0; side < LOCKSTEP_SIDES; side++) {
        if (l->host->tick)
            l->host->tick(l->host->ctx, side, l->pair.p[side]);
    }
    l->pair.next_tick += TICK_NS;
}

/* The reference, in two pieces cut at random and the tail traced; or traced from start to end. */
static void run_reference(struct lockstep *l, uint64_t until, bool traced)
{
    struct pair *pair = &l->pair;
    struct partition *p = pair->p[REFERENCE];
    trace_start(&pair->trace, traced);
    uint64_t now = partition_now(p), tail = TAIL_INSNS * CLOCK_INSN_NS;
    enum partition_end end = PARTITION_RUNNING;
    if (!traced && until > now + tail) {
        uint64_t cut = now + mix(l->o->seed + 1, pair->step) % (until - now);
        end = partition_run(p, min_u64(cut, until - tail), NULL, NULL);
        if (end == PARTITION_RUNNING)
            end = partition_run(p, until - tail, NULL, NULL);
    }
    if (end == PARTITION_RUNNING)
        end = trace_run(&pair->trace, p, until);
    pair->end[REFERENCE] = end;
}

static void run_tested(struct lockstep *l, uint64_t until)
{
    l->pair.end[TESTED] = partition_run(l->pair.p[TESTED], until, NULL, NULL);
}

/* --- Judging ---------------------------------------------------------------------------------- */

enum verdict { EQUAL, DIFFERENT, UNSURE };

static void make_flags_equal(struct lockstep *l)
{
    struct vcpu *a = partition_vcpu(l->pair.p[REFERENCE]), *b = partition_vcpu(l->pair.p[TESTED]);
    flags_set_arith(b, flags_arith(a));
}

/* After both ran to the same time. full: memory and devices too. UNSURE: flags differ, and the
 * trace does not tell whether they may. */
static enum verdict judge(struct lockstep *l, bool full, struct differences *d)
{
    struct pair *pair = &l->pair;
    *d = (struct differences){0};
    compare_vcpus(pair->p[REFERENCE], pair->p[TESTED], d);
    if (full) {
        compare_devices(pair->p[REFERENCE], pair->p[TESTED], d);
        compare_memory(pair->p[REFERENCE], pair->p[TESTED], !d->count, d);
        pair->checked = pair->step;
        l->result->checks++;
    }
    compare_ends(pair->end[REFERENCE], pair->end[TESTED], d);
    l->result->fpu_pointers += d->fpu_pointers;
    l->result->pushed_flags += d->pushed_flags;
    if (d->count || (d->flags & pair->trace.known & ~pair->trace.undefined))
        return DIFFERENT;
    if (!d->flags)
        return EQUAL;
    if (d->flags & ~pair->trace.known)
        return UNSURE;
    l->result->undefined_flags++;
    make_flags_equal(l);
    return EQUAL;
}

/* Each time that so many instructions are full, whatever was checked before. */
static bool is_check_due(struct lockstep *l)
{
    uint64_t insns = partition_vcpu(l->pair.p[REFERENCE])->insns;
    if (insns < l->pair.next_check)
        return false;
    l->pair.next_check =
        l->o->check_insns ? (insns / l->o->check_insns + 1) * l->o->check_insns : 0;
    return true;
}

/* One step and its verdict. */
static enum verdict step(struct lockstep *l, bool traced, bool full, struct differences *d)
{
    struct pair *pair = &l->pair;
    give_ticks(l);
    uint64_t until = step_end(l);
    run_reference(l, until, traced);
    run_tested(l, until);
    pair->step++;
    bool ended = pair->end[REFERENCE] != PARTITION_RUNNING;
    bool due = is_check_due(l);
    return judge(l, full || ended || due, d);
}

/* --- Locating --------------------------------------------------------------------------------- */

/* Both, instruction by instruction with equal flags, through the step that is next. full: memory
 * and devices are compared after each, too. */
static enum verdict single_steps(struct lockstep *l, bool full, struct differences *d)
{
    struct pair *pair = &l->pair;
    give_ticks(l);
    uint64_t until = step_end(l);
    trace_start(&pair->trace, true);
    enum verdict v = EQUAL;
    pair->end[REFERENCE] = pair->end[TESTED] = PARTITION_RUNNING;
    while (v == EQUAL && pair->end[REFERENCE] == PARTITION_RUNNING &&
           partition_now(pair->p[REFERENCE]) < until) {
        pair->end[REFERENCE] = trace_insn(&pair->trace, pair->p[REFERENCE], until);
        bool ended = pair->end[REFERENCE] != PARTITION_RUNNING; /* in no time at all, perhaps */
        run_tested(l, ended ? until : min_u64(partition_now(pair->p[REFERENCE]), until));
        v = judge(l, full, d);
    }
    pair->step++;
    return v;
}

static bool is_alone(const struct lockstep *l, uint64_t number)
{
    for (unsigned n = 0; n < l->alone_count; n++) {
        if (l->alone[n] == number)
            return true;
    }
    return false;
}

/* Compares all between two steps, so that what undefined flags left in memory is equal too. */
static bool settle(struct lockstep *l)
{
    struct differences d;
    trace_start(&l->pair.trace, true);
    l->pair.end[REFERENCE] = l->pair.end[TESTED] = PARTITION_RUNNING;
    return judge(l, true, &d) == EQUAL;
}

static bool is_careful(const struct lockstep *l, uint64_t number)
{
    for (unsigned n = 0; n < l->careful_count; n++) {
        if (number >= l->careful[n].first && number < l->careful[n].last)
            return true;
    }
    return false;
}

/* All was compared before it. */
static bool is_careful_start(const struct lockstep *l, uint64_t number)
{
    for (unsigned n = 0; n < l->careful_count; n++) {
        if (number == l->careful[n].first)
            return true;
    }
    return false;
}

static void take_located(struct lockstep *l, const struct differences *d)
{
    l->result->found = *d;
    l->result->located = true;
    const struct trace *t = &l->pair.trace;
    if (t->count)
        l->result->at = t->insn[(t->count - 1) % TRACE_KEPT];
}

/* A new pair, run as the old one was up to the start of step number to. False: the report says why.
 * Where the first run was unsure of flags it went on with equal ones. */
static bool pair_again(struct lockstep *l, uint64_t to)
{
    struct differences d;
    if (!pair_make(l))
        return false;
    while (l->pair.step < to) {
        bool alone = is_alone(l, l->pair.step), careful = is_careful(l, l->pair.step);
        bool settled = !(alone || is_careful_start(l, l->pair.step)) || settle(l);
        enum verdict v = !settled ? DIFFERENT
                         : alone  ? single_steps(l, false, &d)
                                  : step(l, careful, careful, &d);
        if (v == DIFFERENT) {
            take_located(l, &d);
            l->result->located = false;
            report_difference(l->host, l->pair.p, &l->pair.trace, &d,
                              "earlier when run a second time (a run has more than one course)");
            return false;
        }
        if (v == UNSURE)
            make_flags_equal(l);
    }
    return settle(l);
}

/* The shortest uncut run from the start of step number at that shows the difference, by bisection;
 * the pair is left at its end. False: none does any more. */
static bool shortest_run(struct lockstep *l, uint64_t at, struct differences *found)
{
    uint64_t low = 0, high = UINT64_MAX; /* instructions: low is fine, high is not */
    for (unsigned round = 0; round < LOCATE_ROUNDS && high - low > 1; round++) {
        if (!pair_again(l, at))
            return false;
        give_ticks(l);
        uint64_t start = partition_now(l->pair.p[REFERENCE]);
        uint64_t whole = (step_end(l) - start + CLOCK_INSN_NS - 1) / CLOCK_INSN_NS;
        uint64_t n = high == UINT64_MAX ? whole : low + (high - low) / 2;
        struct differences d;
        run_reference(l, start + n * CLOCK_INSN_NS, true);
        run_tested(l, start + n * CLOCK_INSN_NS);
        if (judge(l, true, &d) == EQUAL) {
            if (n == whole)
                return false;
            low = n;
        } else {
            high = n;
            *found = d;
        }
    }
    /* Once more, so that the machines stand where it shows. */
    if (high == UINT64_MAX || !pair_again(l, at))
        return false;
    give_ticks(l);
    uint64_t end = partition_now(l->pair.p[REFERENCE]) + high * CLOCK_INSN_NS;
    run_reference(l, end, true);
    run_tested(l, end);
    return judge(l, true, found) != EQUAL;
}

/* Step number at differs, traced or not. EQUAL: it was undefined flags, and the pair stands behind
 * the step, equal. */
static enum verdict locate_in_step(struct lockstep *l, uint64_t at, uint64_t undefined_reads)
{
    struct differences d;
    if (!pair_again(l, at))
        return DIFFERENT;
    if (single_steps(l, true, &d) != EQUAL) {
        take_located(l, &d);
        report_difference(l->host, l->pair.p, &l->pair.trace, &d, "after this instruction");
        return DIFFERENT;
    }
    if (undefined_reads && l->alone_count < ALONE_MAX) {
        l->alone[l->alone_count++] = at;
        l->result->excused++;
        return EQUAL;
    }
    if (shortest_run(l, at, &d)) {
        take_located(l, &d);
        report_difference(l->host, l->pair.p, &l->pair.trace, &d,
                          "after the shortest uncut run that shows it (not in single steps)");
        return DIFFERENT;
    }
    return DIFFERENT;
}

/* Runs the steps from first on again up to last, all of them traced and checked, as each later pair
 * does from now on: what is checked is made equal where undefined flags were pushed. *clean: memory
 * and devices were equal before the first. */
static enum verdict run_checked(struct lockstep *l, uint64_t first, uint64_t last, bool *clean)
{
    struct differences d;
    *clean = pair_again(l, first);
    if (!*clean || l->careful_count == ALONE_MAX)
        return DIFFERENT;
    l->careful[l->careful_count].first = first;
    l->careful[l->careful_count++].last = last;
    while (l->pair.step < last) {
        uint64_t at = l->pair.step;
        bool alone = is_alone(l, at);
        if ((alone ? single_steps(l, false, &d) : step(l, true, true, &d)) == EQUAL)
            continue;
        if (locate_in_step(l, at, l->pair.trace.undefined_reads) != EQUAL) {
            if (!l->result->located && pair_again(l, at) && step(l, true, true, &d) != EQUAL)
                report_difference(l->host, l->pair.p, &l->pair.trace, &d,
                                  "after this step, but not after the same instructions otherwise");
            return DIFFERENT;
        }
    }
    return EQUAL;
}

/* The pair differs as seen, or may, after step number last - 1; memory and devices were equal after
 * step number checked - 1. EQUAL: it was nothing, and the pair stands there again, equal. */
static enum verdict locate(struct lockstep *l, uint64_t checked, uint64_t last, bool unsure,
                           const struct differences *seen)
{
    uint64_t excused = l->result->excused, pushed = l->result->pushed_flags;
    uint64_t first = unsure ? last - 1 : checked;
    bool clean = true;
    l->result->traced_again++;
    enum verdict v = run_checked(l, first, last, &clean);
    if (!clean) { /* it is older than its sign */
        first = checked;
        v = run_checked(l, first, last, &clean);
    }
    if (!clean)
        v = DIFFERENT;
    bool explained = unsure || l->result->excused != excused || l->result->pushed_flags != pushed;
    if (v == EQUAL && explained) {
        l->result->excused += l->result->excused == excused && !unsure;
        return EQUAL;
    }
    if (v != EQUAL)
        return v;
    if (l->host->report)
        fprintf(l->host->report,
                "lockstep: seen at first, but not when the steps from %llu to %llu were run again "
                "with each of them checked:\n",
                (unsigned long long)checked, (unsigned long long)last);
    report_list(l->host, seen);
    return DIFFERENT;
}

/* --- The run ---------------------------------------------------------------------------------- */

static bool is_over(const struct lockstep *l)
{
    const struct partition *p = l->pair.p[REFERENCE];
    return vcpu_insns(partition_vcpu(l->pair.p[REFERENCE])) >= l->o->insns ||
           (l->o->until_ns && partition_now(p) >= l->o->until_ns) ||
           (l->host->is_over && l->host->is_over(l->host->ctx));
}

enum lockstep_end lockstep_run(const struct lockstep_host *host,
                               const struct lockstep_options *options,
                               struct lockstep_result *result)
{
    struct lockstep l = {.host = host, .o = options, .result = result};
    *result = (struct lockstep_result){0};
    enum lockstep_end end = LOCKSTEP_FAILED;
    bool more = pair_make(&l);
    while (more) {
        struct differences d;
        uint64_t checked = l.pair.checked;
        enum verdict v = step(&l, false, false, &d);
        if (v != EQUAL) {
            result->found = d;
            v = locate(&l, checked, l.pair.step, v == UNSURE, &d);
        }
        end = v == EQUAL ? LOCKSTEP_SAME : LOCKSTEP_DIFFERENT;
        more = v == EQUAL && l.pair.end[REFERENCE] == PARTITION_RUNNING && !is_over(&l);
        result->steps = l.pair.step;
        if (l.pair.p[REFERENCE]) {
            result->insns = partition_vcpu(l.pair.p[REFERENCE])->insns;
            result->end = l.pair.end[REFERENCE];
        }
    }
    pair_unmake(&l);
    return end;
}
