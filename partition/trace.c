/* partition/trace.c: see trace.h. */
#include "partition/trace.h"

#include "cpu/block.h"
#include "cpu/undefined.h"

void trace_start(struct trace *t, bool all_known)
{
    t->count = 0;
    t->known = all_known ? FLAGS_ARITH : 0;
    t->undefined = 0;
    t->undefined_reads = 0;
    t->undefined_reader = 0;
}

static uint64_t faults_so_far(const struct vcpu *c)
{
    uint64_t sum = 0;
    for (unsigned n = 0; n < ARRAY_LEN(c->faults); n++)
        sum += c->faults[n];
    return sum;
}

/* The instruction that is next. False when it cannot be decoded from memory. */
static bool fetch(struct partition *p, struct traced_insn *out, struct insn *insn)
{
    struct vcpu *c = partition_vcpu(p);
    *out = (struct traced_insn){.insns = vcpu_insns(c),
                                .cs = c->seg[SEG_CS].selector,
                                .eip = (uint32_t)c->eip,
                                .pc = vcpu_pc(c),
                                .code32 = c->code32};
    size_t got = debug_read(partition_debug(p), out->pc, out->bytes, sizeof out->bytes);
    if (decode_insn(block_cache_decoder(c->blocks), out->bytes, got, c->code32, insn) != DECODE_OK)
        return false;
    out->len = insn->len;
    return true;
}

static void note_read(struct trace *t, uint32_t reads, uint32_t pc)
{
    if (!(t->undefined & reads))
        return;
    t->undefined_reads++;
    t->undefined_reader = pc;
}

/* A task switch stores the flags in memory and loads others. A fault leaves the flags as they were,
 * but a division's (SDM vol. 2: undefined). */
static void note_flags(struct trace *t, const struct traced_insn *ran, const struct insn *insn,
                       uint32_t ecx, bool switched)
{
    if (switched)
        note_read(t, FLAGS_ARITH, ran->pc);
    if (ran->interrupted) {
        note_read(t, FLAGS_ARITH, ran->pc);
        t->known = 0; /* the handler's first instruction was not looked at */
        return;
    }
    struct flag_effect e = {0};
    if (ran->len)
        e = insn_flag_effect(insn, ecx);
    if (ran->faulted) {
        if (e.undefined == FLAGS_ARITH)
            t->undefined |= e.undefined;
        note_read(t, FLAGS_ARITH, ran->pc);
        return;
    }
    note_read(t, e.reads, ran->pc);
    t->undefined = (t->undefined & ~e.writes) | e.undefined;
    t->known |= e.writes;
    if (switched) {
        t->undefined = 0;
        t->known = FLAGS_ARITH;
    }
}

enum partition_end trace_insn(struct trace *t, struct partition *p, uint64_t until_ns)
{
    struct vcpu *c = partition_vcpu(p);
    uint64_t to = partition_now(p) + CLOCK_INSN_NS;
    to = to < until_ns ? to : until_ns;
    bool wakes = (c->events & EVENT_NMI) || ((c->events & EVENT_INTR) && (c->eflags & FLAG_IF));
    if (c->halted && !wakes) { /* time passes */
        uint64_t timer = partition_board(p)->timers.soonest;
        timer = timer < until_ns ? timer : until_ns;
        return partition_run(p, timer > to ? timer : to, NULL, NULL);
    }
    struct traced_insn *ran = &t->insn[t->count++ % TRACE_KEPT];
    struct insn insn = {0};
    fetch(p, ran, &insn);
    uint64_t faults = faults_so_far(c), interrupts = c->interrupts;
    uint32_t ecx = c->reg[ECX].d, task = c->tr.selector;
    enum partition_end end = partition_run(p, to, NULL, NULL);
    ran->interrupted = c->interrupts != interrupts;
    ran->faulted = faults_so_far(c) != faults;
    note_flags(t, ran, &insn, ecx, c->tr.selector != task);
    return end;
}

enum partition_end trace_run(struct trace *t, struct partition *p, uint64_t until_ns)
{
    enum partition_end end = PARTITION_RUNNING;
    while (end == PARTITION_RUNNING && partition_now(p) < until_ns)
        end = trace_insn(t, p, until_ns);
    return end;
}
