/* frontend/lockstep.c: see lockstep.h. Images are opened as snapshots, once per machine. There is
 * no display; --type and --until work as ever, the latter on the reference. Serial ports write to
 * stdout when they are on stdio, else nowhere, and take no input: what a person types cannot come
 * at the same instant twice. */
#include "frontend/lockstep.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#include "cpu/run.h"
#include "frontend/keys.h"
#include "frontend/media.h"
#include "frontend/typist.h"
#include "frontend/watch.h"
#include "partition/lockstep.h"

struct side;

/* A serial port of one side. */
struct tap {
    struct side *side;
    unsigned port;
};

struct side {
    struct both *both;
    bool is_reference;
    struct tap tap[PC_SERIAL_PORTS];
    struct media media;
    struct log *log;
    struct typist typist;
};

struct both {
    struct options options; /* of the machines: with --snapshot */
    struct side side[LOCKSTEP_SIDES];
    struct watch watch;
    struct text_screen text;
    uint64_t started; /* host ns */
    bool timed_out;
};

static void drop_line(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

/* Each side's typist hears its own ports; --until and the user hear the reference's. */
static void serial_wrote(void *ctx, const uint8_t *data, size_t len)
{
    struct tap *tap = ctx;
    struct both *b = tap->side->both;
    const char *where = b->options.serial[tap->port];
    typist_stream(&tap->side->typist, tap->port, data, len);
    if (!tap->side->is_reference)
        return;
    if (where && strcmp(where, "stdio") == 0) {
        fwrite(data, 1, len, stdout);
        fflush(stdout);
    }
    watch_stream(&b->watch, tap->port, data, len);
}

/* The same ports on both sides, but only the reference's are heard. */
static void connect_ports(struct both *b, enum lockstep_side side, struct pc_config *pc)
{
    const struct options *o = &b->options;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        b->side[side].tap[i] = (struct tap){&b->side[side], i};
        pc->serial[i] = (struct char_backend){&b->side[side].tap[i], serial_wrote};
    }
    unsigned n = 0;
    for (; n < o->debugcon_count; n++)
        pc->debug.console[n].port = o->debugcon[n].port;
    pc->debug.console[n++].port = 0xE9;
    pc->debug.console[n].port = 0x402;
    pc->debug.exit_port = o->debug_exit;
}

static struct partition *make(void *ctx, enum lockstep_side number, char *error, size_t error_len)
{
    struct both *b = ctx;
    struct side *s = &b->side[number];
    const struct options *o = &b->options;
    bool reference = number == LOCKSTEP_REFERENCE;
    struct partition_config config = {
        .memory = o->memory,
        .cpu = o->cpu,
        .engine = reference ? engine_find("interp") : o->engine,
        .tuning = {.shadow = o->tuning.shadow, .exact_fpu = true},
        .clock = CLOCK_INSNS,
        .no_reboot = o->no_reboot,
        .wall_clock_start = UINT64_C(946684800000000000), /* 2000-01-01 */
        .pc.has_apic = !o->no_apic,
    };
    *s = (struct side){.both = b, .is_reference = reference};
    s->log = log_create(o->verbose ? LOG_DEBUG : LOG_INFO, reference ? NULL : drop_line, NULL);
    config.log = s->log;
    connect_ports(b, number, &config.pc);
    if ((o->type && !typist_add(&s->typist, o->type, error, error_len)) ||
        !media_open(&s->media, o, &config.pc, s->log, error, error_len))
        return NULL;
    return partition_create(&config, error, error_len);
}

static void unmake(void *ctx, enum lockstep_side number, struct partition *p)
{
    struct both *b = ctx;
    struct side *s = &b->side[number];
    partition_destroy(p);
    media_close(&s->media, s->log);
    typist_free(&s->typist);
    log_destroy(s->log);
    *s = (struct side){0};
}

static void tick(void *ctx, enum lockstep_side number, struct partition *p)
{
    struct both *b = ctx;
    struct typist *typist = &b->side[number].typist;
    if (typist_waits_for_text(typist))
        vga_text_screen(partition_pc(p)->vga->state, &b->text);
    typist_tick(typist, p, &b->text);
    if (number != LOCKSTEP_REFERENCE || !b->options.until)
        return;
    vga_text_screen(partition_pc(p)->vga->state, &b->text);
    watch_screen(&b->watch, &b->text);
}

static bool is_over(void *ctx)
{
    struct both *b = ctx;
    if (b->options.timeout > 0)
        b->timed_out = (double)(host_now() - b->started) > b->options.timeout * 1e9;
    return b->watch.seen || b->timed_out;
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
    size_t n = cs_disasm(handle, i->bytes, i->len, i->eip, 1, &insn);
    if (n) {
        snprintf(out, out_len, "%s %s", insn->mnemonic, insn->op_str);
        cs_free(insn, n);
    }
    cs_close(&handle);
}
#endif

static void print_summary(const struct lockstep_result *r, double seconds)
{
    fprintf(stderr,
            "lockstep: %llu instructions in %llu steps, %llu times all compared, %.1f s\n"
            "lockstep: undefined flags differed after %llu steps and in %llu pushed bytes; %llu "
            "steps were run again to tell; %llu other differences came from undefined flags; x87 "
            "pointers differed after %llu steps\n",
            (unsigned long long)r->insns, (unsigned long long)r->steps,
            (unsigned long long)r->checks, seconds, (unsigned long long)r->undefined_flags,
            (unsigned long long)r->pushed_flags, (unsigned long long)r->traced_again,
            (unsigned long long)r->excused, (unsigned long long)r->fpu_pointers);
}

static int exit_status(const struct both *b, enum lockstep_end end, const struct lockstep_result *r)
{
    if (end == LOCKSTEP_FAILED)
        return EXIT_NOT_STARTED;
    if (end == LOCKSTEP_DIFFERENT)
        return EXIT_DIFFERENT;
    if (b->watch.seen)
        return EXIT_FINE;
    if (b->timed_out) {
        fprintf(stderr, "umbra: timed out after %g seconds\n", b->options.timeout);
        return EXIT_TIMED_OUT;
    }
    if (r->end == PARTITION_TRIPLE_FAULT)
        return EXIT_KILLED;
    return b->options.until ? EXIT_TIMED_OUT : EXIT_FINE;
}

int run_lockstep(const struct options *options)
{
    struct both *b = calloc(1, sizeof *b);
    if (!b || !watch_init(&b->watch, options->until)) {
        fprintf(stderr, "umbra: out of memory\n");
        free(b);
        return EXIT_NOT_STARTED;
    }
    b->options = *options;
    b->options.snapshot = true;
    b->started = host_now();
    struct lockstep_host host = {.ctx = b,
                                 .make = make,
                                 .unmake = unmake,
                                 .tick = tick,
                                 .is_over = is_over,
#ifdef UMBRA_HAVE_CAPSTONE
                                 .disassemble = disassemble,
#endif
                                 .report = stderr};
    struct lockstep_options lo = {.step_max = options->lockstep,
                                  .check_insns = UINT64_C(2000000),
                                  .insns = UINT64_MAX,
                                  .seed = 1};
    struct lockstep_result result;
    enum lockstep_end end = lockstep_run(&host, &lo, &result);
    print_summary(&result, (double)(host_now() - b->started) / 1e9);
    int status = exit_status(b, end, &result);
    watch_free(&b->watch);
    free(b);
    return status;
}
