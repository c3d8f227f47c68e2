/* partition/partition.c: making a partition, and its main loop (partition.h). */
#include "partition/partition_state.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_NS     UINT64_C(16666667) /* 60 a second */
#define IDLE_MAX_NS UINT64_C(100000000)
#define AHEAD_MOST_NS                                                         \
    UINT64_C(500000) /* before the guest is made to wait for the host's clock \
                      */

/* --- Making ----------------------------------------------------------------------------------- */

static bool create_parts(struct partition *p, const struct partition_config *config,
                         const char **why)
{
    *why = "out of memory";
    p->pm = physmap_create(config->memory, pc_extra_memory(), p->log);
    if (!p->pm) {
        *why = "the host cannot give that much memory; use a smaller -m";
        return false;
    }
    struct vcpu_host vcpu_host = partition_vcpu_host(p);
    vcpu_host.has_apic = config->pc.has_apic && config->cpu >= CPU_PENTIUM;
    p->vcpu = vcpu_create(config->cpu, p->pm, p->log, vcpu_host);
    p->board = board_create(p->pm, p->log, partition_board_host(p));
    if (!p->vcpu || !p->board)
        return false;
    *why = pc_build(&p->pc, p->board, &config->pc, p->vcpu);
    p->serial_timer = timers_add(&p->board->timers, partition_feed_serial, p, 0);
    return !*why;
}

static void machine_reset(struct partition *p)
{
    board_reset(p->board);
    vcpu_reset(p->vcpu);
}

struct partition *partition_create(const struct partition_config *config, char *error,
                                   size_t error_len)
{
    struct partition *p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    p->log = config->log;
    p->engine = config->engine ? config->engine : engine_at(0);
    p->wall_clock_start = config->wall_clock_start;
    p->no_reboot = config->no_reboot;
    p->settle = config->settle;
    p->settle_ctx = config->settle_ctx;
    inbox_init(&p->inbox);
    calls_init(&p->calls);
    spin_init(&p->spin);
    vclock_init(&p->clock, config->clock, config->host_clock);
    const char *why;
    if (!create_parts(p, config, &why)) {
        snprintf(error, error_len, "%s", why);
        partition_destroy(p);
        return NULL;
    }
    if (p->engine->attach && !p->engine->attach(p->vcpu, &config->tuning))
        p->engine = engine_find("interp");
    debug_init(&p->debug, p->vcpu, &p->clock);
    machine_reset(p);
    return p;
}

void partition_destroy(struct partition *p)
{
    if (!p)
        return;
    debug_free(&p->debug);
    board_destroy(p->board);
    if (p->vcpu && p->engine->detach)
        p->engine->detach(p->vcpu);
    vcpu_destroy(p->vcpu);
    physmap_destroy(p->pm);
    inbox_destroy(&p->inbox);
    calls_destroy(&p->calls);
    free(p);
}

void partition_reset(struct partition *p)
{
    p->resets++;
    machine_reset(p);
}

/* --- Running ---------------------------------------------------------------------------------- */

void partition_stop(struct partition *p)
{
    atomic_store(&p->stop, true);
    inbox_wake(&p->inbox);
}

bool partition_call(struct partition *p, partition_fn *fn, void *ctx)
{
    return calls_make(&p->calls, &p->inbox, fn, ctx);
}

void partition_close_calls(struct partition *p)
{
    calls_close(&p->calls);
}

static void settle(struct partition *p)
{
    if (p->settle)
        p->settle(p->settle_ctx);
}

/* Waits on the host: for ns, or until something comes in. */
static void wait_for(struct partition *p, uint64_t ns)
{
    uint64_t before = vclock_host_now(&p->clock);
    if (p->clock.host.wait)
        p->clock.host.wait(p->clock.host.ctx, ns);
    else
        inbox_wait(&p->inbox, ns);
    p->slept_ns += vclock_host_now(&p->clock) - before;
}

/* Polls took time that the host's clock has yet to make up (pace.h). */
static void pace(struct partition *p)
{
    if (!p->pace.ahead)
        return;
    uint64_t now = partition_now(p), target = vclock_host_target(&p->clock);
    if (now < target + AHEAD_MOST_NS)
        return;
    vclock_pause(&p->clock, clock_work(p));
    settle(p);
    wait_for(p, now - target);
    vclock_go_on(&p->clock, clock_work(p), now);
    p->pace.ahead = false;
}

/* The CPU is halted: nothing happens before deadline unless input comes. */
static void idle(struct partition *p, uint64_t deadline, bool has_tick)
{
    uint64_t work = clock_work(p);
    vclock_pause(&p->clock, work);
    settle(p);
    if (p->clock.mode == CLOCK_INSNS) {
        if (deadline == TIMER_NEVER)
            inbox_wait(&p->inbox, has_tick ? TICK_NS : IDLE_MAX_NS);
        if (has_tick) /* which is due by virtual time: keys are typed, texts looked for */
            deadline = min_u64(deadline, p->next_tick);
        if (deadline != TIMER_NEVER)
            vclock_skip_to(&p->clock, work, deadline);
        return;
    }
    uint64_t target = vclock_host_target(&p->clock);
    uint64_t most = has_tick ? TICK_NS : IDLE_MAX_NS;
    if (target < deadline) {
        wait_for(p, min_u64(deadline - target, most));
        target = vclock_host_target(&p->clock);
    }
    vclock_go_on(&p->clock, work, min_u64(target, deadline));
}

static bool tick_is_due(struct partition *p)
{
    uint64_t now = p->clock.mode == CLOCK_HOST ? vclock_host_now(&p->clock)
                                               : vclock_now(&p->clock, clock_work(p));
    if (now < p->next_tick)
        return false;
    p->next_tick = now + TICK_NS;
    return true;
}

/* What devices asked for while the CPU ran. True when it ends the run. */
static bool requests(struct partition *p, enum partition_end *end)
{
    if (p->power_off_due || p->debug_exit_due || p->dma_pause_due) {
        *end = p->power_off_due    ? PARTITION_POWERED_OFF
               : p->debug_exit_due ? PARTITION_DEBUG_EXIT
                                   : PARTITION_DMA_PAUSED;
        p->power_off_due = p->debug_exit_due = p->dma_pause_due = false;
        return true;
    }
    if (p->reset_due) {
        p->reset_due = false;
        p->resets++;
        if (p->no_reboot) {
            *end = PARTITION_REBOOTED;
            return true;
        }
        log_guest(p->log, LOG_INFO, "the guest is reset");
        machine_reset(p);
    }
    return false;
}

/* The run would end like this; a debugger that is there wants to have a look first. */
static enum partition_end ended(struct partition *p, enum partition_end end)
{
    enum debug_reason reason = end == PARTITION_TRIPLE_FAULT ? DEBUG_TRIPLE_FAULT
                               : end == PARTITION_DMA_PAUSED ? DEBUG_DMA_DENIED
                                                             : DEBUG_RUNNING;
    return reason != DEBUG_RUNNING && debug_catches(&p->debug, reason) ? PARTITION_DEBUG_STOP : end;
}

enum partition_end partition_wait(struct partition *p, void (*tick)(void *ctx, struct partition *p),
                                  void *ctx)
{
    for (;;) {
        calls_serve(&p->calls, p);
        if (atomic_exchange(&p->stop, false))
            return PARTITION_STOPPED;
        if (!debug_is_stopped(&p->debug))
            return PARTITION_RUNNING;
        if (tick)
            tick(ctx, p);
        settle(p);
        inbox_wait(&p->inbox, TICK_NS);
    }
}

static enum partition_end run(struct partition *p, uint64_t until_ns,
                              void (*tick)(void *ctx, struct partition *p), void *ctx)
{
    enum partition_end end;
    for (;;) {
        calls_serve(&p->calls, p);
        if (debug_is_stopped(&p->debug))
            return PARTITION_DEBUG_STOP;
        partition_take_input(p);
        timers_run(&p->board->timers, partition_now(p));
        if (requests(p, &end))
            return ended(p, end);
        if (tick && tick_is_due(p))
            tick(ctx, p);
        if (atomic_exchange(&p->stop, false))
            return PARTITION_STOPPED;
        uint64_t now = partition_now(p);
        if (now >= until_ns)
            return PARTITION_RUNNING;
        if (now - p->settled_at >= SETTLE_NS) { /* or a snapshot brought back an earlier time */
            settle(p);
            p->settled_at = now;
        }
        uint64_t deadline = min_u64(p->board->timers.soonest, until_ns);
        uint64_t work = clock_work(p);
        p->slice_end = min_u64(until_ns, now + SLICE_NS);
        if (p->clock.mode ==
            CLOCK_HOST) /* not at a timer's time: a look wants some room before it */
            p->slice_end = min_u64(p->slice_end, max_u64(p->spin.due, now + SLICE_NS / 50));
        uint64_t budget =
            vclock_insns_until(&p->clock, work, min_u64(deadline, p->slice_end), UINT32_MAX);
        p->vcpu->events &= ~(uint32_t)EVENT_STOP;
        p->running = true;
        enum vcpu_exit exit = p->engine->run(p->vcpu, budget);
        p->running = false;
        if (exit == EXIT_BUDGET)
            exit = spin_look(p, min_u64(p->board->timers.soonest, until_ns));
        if (exit == EXIT_SHUTDOWN)
            return ended(p, PARTITION_TRIPLE_FAULT);
        if (exit == EXIT_DEBUG)
            debug_stopped_by_cpu(&p->debug);
        if (exit == EXIT_RESET)
            p->reset_due = true;
        if (exit == EXIT_HALT && !p->reset_due && !p->power_off_due && !p->debug_exit_due) {
            idle(p, min_u64(p->board->timers.soonest, until_ns), tick != NULL);
            spin_waited(p);
        } else
            (void)vclock_sync(&p->clock, clock_work(p));
        pace(p);
    }
}

enum partition_end partition_run(struct partition *p, uint64_t until_ns,
                                 void (*tick)(void *ctx, struct partition *p), void *ctx)
{
    enum partition_end end = run(p, until_ns, tick, ctx);
    settle(p);
    return end;
}

/* --- Looking ---------------------------------------------------------------------------------- */

uint32_t partition_exit_value(const struct partition *p)
{
    return p->exit_value;
}

uint64_t partition_now(const struct partition *p)
{
    return vclock_now(&p->clock, clock_work(p));
}

uint64_t partition_resets(const struct partition *p)
{
    return p->resets;
}

uint64_t partition_slept_ns(const struct partition *p)
{
    return p->slept_ns;
}

uint64_t partition_dropped_ns(const struct partition *p)
{
    return p->clock.dropped_ns;
}

struct debug *partition_debug(struct partition *p)
{
    return &p->debug;
}

struct vcpu *partition_vcpu(struct partition *p)
{
    return p->vcpu;
}

struct board *partition_board(struct partition *p)
{
    return p->board;
}

struct physmap *partition_physmap(struct partition *p)
{
    return p->pm;
}

struct pc *partition_pc(struct partition *p)
{
    return &p->pc;
}
