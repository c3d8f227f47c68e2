#include "partition/partition.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/apic/lapic.h"
#include "devices/i8042.h"
#include "devices/uart.h"
#include "partition/inbox.h"

#define SLICE_NS        UINT64_C(1000000)  /* at most this long between looks at the host clock */
#define TICK_NS         UINT64_C(16666667) /* 60 a second */
#define IDLE_MAX_NS     UINT64_C(100000000)
#define TIME_ASKED      16 /* each so many times that the time is asked for, the host is, too */
#define SERIAL_WAITING  65536
#define SERIAL_RETRY_NS UINT64_C(20000) /* between looks whether a full UART has room again */

struct serial_queue {
    uint8_t data[SERIAL_WAITING];
    unsigned head, count;
};

struct partition {
    struct log *log;
    struct physmap *pm;
    struct vcpu *vcpu;
    struct board *board;
    struct pc pc;
    const struct engine *engine;
    struct vclock clock;
    uint64_t wall_clock_start;
    struct inbox inbox;
    struct calls calls;
    struct debug debug;
    atomic_bool stop;
    struct serial_queue serial[PC_SERIAL_PORTS];
    unsigned serial_timer; /* of board->timers */
    unsigned time_asked;   /* times that it was, for review_slice */
    bool running;          /* the engine runs */
    bool no_reboot;
    bool reset_due, power_off_due, debug_exit_due, dma_pause_due;
    uint32_t exit_value;
    uint64_t next_tick;
    uint64_t slept_ns, resets;
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- What vCPU and board ask for --------------------------------------------------------- */

/* Who asks for the time may wait for it to pass, in a loop of reads that take a hundred times as
 * long as other instructions: then the slice that was reckoned with the speed before would last for
 * a tenth of a second. So the two times are compared here, too. */
static void review_slice(struct partition *p)
{
    if (p->clock.mode != CLOCK_HOST || ++p->time_asked % TIME_ASKED)
        return;
    uint64_t insns = vcpu_insns(p->vcpu);
    if (!vclock_sync(&p->clock, insns, true))
        return;
    uint64_t until = min_u64(p->board->timers.soonest, vclock_now(&p->clock, insns) + SLICE_NS);
    vcpu_limit_budget(p->vcpu, vclock_insns_until(&p->clock, insns, until, UINT32_MAX));
}

static uint64_t host_virtual_now(void *ctx)
{
    struct partition *p = ctx;
    if (!p->vcpu)
        return 0; /* the vCPU's own making asks for the time */
    if (p->running)
        review_slice(p);
    return partition_now(p);
}

static uint64_t host_wall_clock(void *ctx)
{
    struct partition *p = ctx;
    return p->wall_clock_start + host_virtual_now(p);
}

static void host_timer_armed(void *ctx, uint64_t deadline_ns)
{
    struct partition *p = ctx;
    uint64_t insns = vcpu_insns(p->vcpu);
    vcpu_limit_budget(p->vcpu, vclock_insns_until(&p->clock, insns, deadline_ns, UINT32_MAX));
}

static void host_machine(void *ctx, enum machine_request request)
{
    struct partition *p = ctx;
    if (request == MACHINE_RESET)
        p->reset_due = true;
    else
        p->power_off_due = true;
    vcpu_attend(p->vcpu, EVENT_STOP);
}

static void host_debug_exit(void *ctx, uint32_t value)
{
    struct partition *p = ctx;
    p->exit_value = value;
    p->debug_exit_due = true;
    vcpu_attend(p->vcpu, EVENT_STOP);
}

static uint64_t host_guest_pc(void *ctx)
{
    struct partition *p = ctx;
    return vcpu_pc(p->vcpu);
}

static void host_dma_denied(void *ctx, const struct dma_denial *denial, bool pause)
{
    struct partition *p = ctx;
    debug_dma_denied(&p->debug, denial);
    if (!pause)
        return;
    p->dma_pause_due = true;
    vcpu_attend(p->vcpu, EVENT_STOP);
}

static uint32_t host_port_read(void *ctx, uint16_t port, unsigned size)
{
    struct partition *p = ctx;
    return board_port_read(p->board, port, size);
}

static void host_port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    struct partition *p = ctx;
    board_port_write(p->board, port, value, size);
}

/* The LAPIC answers INTA; in virtual wire mode it passes the cycle on to the 8259. */
static int host_interrupt_ack(void *ctx)
{
    struct partition *p = ctx;
    struct bus *chip = p->board->lapic ? p->board->lapic : p->board->pic;
    return chip->cls->interrupt_ack(chip->state);
}

/* The time stamp counter runs at 1 GHz of virtual time. */
static uint64_t host_tsc(void *ctx)
{
    return host_virtual_now(ctx);
}

static void host_ferr(void *ctx, bool level)
{
    struct partition *p = ctx;
    struct net *net = &p->board->net[board_net(p->board, "FERR")];
    if (!!net->high == level)
        return;
    net->high = level;
    for (unsigned i = 0; i < net->sink_count; i++)
        net->sink[i].fn(net->sink[i].ctx, net->sink[i].pin, level);
}

#define MSR_APIC_BASE 0x1B

static bool host_msr_read(void *ctx, uint32_t msr, uint64_t *value)
{
    struct partition *p = ctx;
    return msr == MSR_APIC_BASE && p->pc.lapic && lapic_msr_read(p->pc.lapic->state, value);
}

static bool host_msr_write(void *ctx, uint32_t msr, uint64_t value)
{
    struct partition *p = ctx;
    return msr == MSR_APIC_BASE && p->pc.lapic && lapic_msr_write(p->pc.lapic->state, value);
}

/* --- Making ------------------------------------------------------------------------------ */

static timer_fn feed_serial;

static bool create_parts(struct partition *p, const struct partition_config *config,
                         const char **why)
{
    *why = "out of memory";
    p->pm = physmap_create(config->memory, pc_extra_memory(), p->log);
    if (!p->pm) {
        *why = "the host cannot give that much memory; use a smaller -m";
        return false;
    }
    struct vcpu_host vcpu_host = {
        .ctx = p,
        .port_read = host_port_read,
        .port_write = host_port_write,
        .interrupt_ack = host_interrupt_ack,
        .tsc = host_tsc,
        .ferr = host_ferr,
        .msr_read = host_msr_read,
        .msr_write = host_msr_write,
        .has_apic = config->pc.has_apic && config->cpu >= CPU_PENTIUM,
    };
    p->vcpu = vcpu_create(config->cpu, p->pm, p->log, vcpu_host);
    struct board_host board_host = {
        .ctx = p,
        .now = host_virtual_now,
        .wall_clock = host_wall_clock,
        .timer_armed = host_timer_armed,
        .machine = host_machine,
        .debug_exit = host_debug_exit,
        .guest_pc = host_guest_pc,
        .dma_denied = host_dma_denied,
    };
    p->board = board_create(p->pm, p->log, board_host);
    if (!p->vcpu || !p->board)
        return false;
    *why = pc_build(&p->pc, p->board, &config->pc, p->vcpu);
    p->serial_timer = timers_add(&p->board->timers, feed_serial, p, 0);
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
    inbox_init(&p->inbox);
    calls_init(&p->calls);
    vclock_init(&p->clock, config->clock);
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

/* --- Input ------------------------------------------------------------------------------- */

bool partition_post(struct partition *p, struct partition_event event)
{
    return inbox_put(&p->inbox, &event);
}

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

static void serial_push(struct serial_queue *q, uint8_t byte)
{
    if (q->count < SERIAL_WAITING)
        q->data[(q->head + q->count++) % SERIAL_WAITING] = byte;
}

static void take_event(struct partition *p, const struct partition_event *e)
{
    switch (e->kind) {
    case PARTITION_KEY:
        i8042_key(p->pc.i8042->state, e->key, e->down);
        break;
    case PARTITION_MOUSE:
        i8042_mouse(p->pc.i8042->state, e->dx, e->dy, e->dz, e->buttons);
        break;
    case PARTITION_SERIAL:
        if (e->port < PC_SERIAL_PORTS)
            serial_push(&p->serial[e->port], e->byte);
        break;
    case PARTITION_POWER_BUTTON:
        pc_power_button(&p->pc);
        break;
    case PARTITION_RESET:
        p->reset_due = true;
        break;
    }
}

/* Hands waiting bytes to the UARTs as far as their FIFOs have room; the rest at a later virtual
 * time, not when the partition happens to look. */
static void feed_serial(void *ctx, unsigned arg, uint64_t now_ns)
{
    struct partition *p = ctx;
    bool more = false;
    (void)arg;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        struct serial_queue *q = &p->serial[i];
        while (q->count && p->pc.uart[i] &&
               uart_receive(p->pc.uart[i]->state, &q->data[q->head], 1) == 1) {
            q->head = (q->head + 1) % SERIAL_WAITING;
            q->count--;
        }
        more |= q->count && p->pc.uart[i];
    }
    if (more)
        timers_arm(&p->board->timers, p->serial_timer, now_ns + SERIAL_RETRY_NS);
}

static void take_input(struct partition *p)
{
    struct partition_event event;
    bool serial = false;
    while (inbox_take(&p->inbox, &event)) {
        take_event(p, &event);
        serial |= event.kind == PARTITION_SERIAL;
    }
    if (serial)
        feed_serial(p, 0, partition_now(p));
}

bool partition_keyboard_idle(struct partition *p)
{
    return inbox_is_empty(&p->inbox) && i8042_keyboard_idle(p->pc.i8042->state);
}

/* --- Running ----------------------------------------------------------------------------- */

/* The CPU is halted: nothing happens before deadline unless input comes. */
static void idle(struct partition *p, uint64_t deadline, bool has_tick)
{
    uint64_t insns = vcpu_insns(p->vcpu);
    if (p->clock.mode == CLOCK_INSNS) {
        if (deadline != TIMER_NEVER)
            vclock_skip_to(&p->clock, insns, deadline);
        else
            inbox_wait(&p->inbox, IDLE_MAX_NS);
        return;
    }
    uint64_t target = vclock_host_target(&p->clock);
    uint64_t most = has_tick ? TICK_NS : IDLE_MAX_NS;
    if (target < deadline) {
        uint64_t before = host_now();
        inbox_wait(&p->inbox, min_u64(deadline - target, most));
        p->slept_ns += host_now() - before;
        target = vclock_host_target(&p->clock);
    }
    vclock_skip_to(&p->clock, insns, min_u64(target, deadline));
    (void)vclock_sync(&p->clock, insns, false);
}

static bool tick_is_due(struct partition *p)
{
    uint64_t now =
        p->clock.mode == CLOCK_HOST ? host_now() : vclock_now(&p->clock, vcpu_insns(p->vcpu));
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
        log_msg(p->log, LOG_INFO, "the guest is reset");
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
        inbox_wait(&p->inbox, TICK_NS);
    }
}

enum partition_end partition_run(struct partition *p, uint64_t until_ns,
                                 void (*tick)(void *ctx, struct partition *p), void *ctx)
{
    enum partition_end end;
    for (;;) {
        calls_serve(&p->calls, p);
        if (debug_is_stopped(&p->debug))
            return PARTITION_DEBUG_STOP;
        take_input(p);
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
        uint64_t deadline = min_u64(p->board->timers.soonest, until_ns);
        uint64_t insns = vcpu_insns(p->vcpu);
        uint64_t budget =
            vclock_insns_until(&p->clock, insns, min_u64(deadline, now + SLICE_NS), UINT32_MAX);
        p->vcpu->events &= ~(uint32_t)EVENT_STOP;
        p->running = true;
        enum vcpu_exit exit = p->engine->run(p->vcpu, budget);
        p->running = false;
        if (exit == EXIT_SHUTDOWN)
            return ended(p, PARTITION_TRIPLE_FAULT);
        if (exit == EXIT_DEBUG)
            debug_stopped_by_cpu(&p->debug);
        if (exit == EXIT_RESET)
            p->reset_due = true;
        if (exit == EXIT_HALT && !p->reset_due && !p->power_off_due && !p->debug_exit_due)
            idle(p, min_u64(p->board->timers.soonest, until_ns), tick != NULL);
        else
            (void)vclock_sync(&p->clock, vcpu_insns(p->vcpu), true);
    }
}

uint32_t partition_exit_value(const struct partition *p)
{
    return p->exit_value;
}

uint64_t partition_now(const struct partition *p)
{
    return vclock_now(&p->clock, vcpu_insns(p->vcpu));
}

uint64_t partition_resets(const struct partition *p)
{
    return p->resets;
}

uint64_t partition_slept_ns(const struct partition *p)
{
    return p->slept_ns;
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

/* --- State ------------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t h, const uint8_t *data, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        h = (h ^ load_le64(data + i)) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    for (; i < len; i++)
        h = (h ^ data[i]) * UINT64_C(0x100000001B3);
    return h;
}

uint64_t partition_state_hash(struct partition *p)
{
    struct bytes state = {0};
    vcpu_state_flush(p->vcpu);
    fields_save(vcpu_fields, p->vcpu, &state);
    board_save(p->board, &state);
    uint64_t h = hash_bytes(1, state.data, state.len);
    bytes_free(&state);
    return hash_bytes(h, physmap_host(p->pm, 0), physmap_ram_size(p->pm));
}

/* What a snapshot says first: a stream of another machine is refused by it. */
struct shape {
    uint64_t version, ram_size, machine_size;
    bool a20;
};
#define SNAPSHOT_VERSION 1

static const struct field shape_fields[] = {
    FIELD(struct shape, version, "of the stream"),
    FIELD(struct shape, ram_size, "bytes"),
    FIELD(struct shape, machine_size, "bytes of RAM, ROM and video RAM"),
    FIELD(struct shape, a20, "the A20 gate is open"),
    FIELD_END,
};

static const struct field serial_fields[] = {
    FIELD_ARRAY(struct serial_queue, data, "bytes that the UART has no room for yet"),
    FIELD(struct serial_queue, head, "index of the oldest"),
    FIELD(struct serial_queue, count, "bytes held"),
    FIELD_END,
};

static const struct field partition_fields[] = {
    FIELD(struct partition, clock.anchor_ns, "virtual time at anchor_insns"),
    FIELD(struct partition, clock.anchor_insns, "instructions"),
    FIELD(struct partition, clock.rate, "ns per instruction, 32.32"),
    FIELD(struct partition, wall_clock_start, "ns since 1970 at power-on"),
    FIELD_SUB(struct partition, serial, serial_fields, "bytes on their way to the UARTs"),
    FIELD(struct partition, reset_due, "the machine is to be reset"),
    FIELD(struct partition, power_off_due, "the machine is to be switched off"),
    FIELD(struct partition, debug_exit_due, "the guest asked for the end"),
    FIELD(struct partition, dma_pause_due, "a denied transfer asked for a pause"),
    FIELD(struct partition, exit_value, "the guest's"),
    FIELD_END,
};

static struct shape shape_of(const struct partition *p)
{
    return (struct shape){SNAPSHOT_VERSION, physmap_ram_size(p->pm), physmap_machine_size(p->pm),
                          physmap_a20(p->pm)};
}

static bool page_is_zero(const uint8_t *page)
{
    return !page[0] && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

/* Each page that is not all zeros: its number (8 bytes) and its bytes; then all ones. */
static void save_memory(struct partition *p, struct bytes *out)
{
    const uint64_t end = UINT64_MAX;
    for (uint64_t n = 0; n < physmap_machine_size(p->pm) >> PAGE_SHIFT; n++) {
        const uint8_t *page = physmap_host(p->pm, n << PAGE_SHIFT);
        if (page_is_zero(page))
            continue;
        bytes_append(out, &n, sizeof n);
        bytes_append(out, page, PAGE_SIZE);
    }
    bytes_append(out, &end, sizeof end);
}

static bool load_memory(struct partition *p, const uint8_t *data, size_t len)
{
    uint64_t pages = physmap_machine_size(p->pm) >> PAGE_SHIFT, at = 0;
    size_t used = 0;
    for (;;) {
        if (len - used < 8)
            return false;
        uint64_t n = load_le64(data + used);
        used += 8;
        uint64_t to = n == UINT64_MAX ? pages : n;
        if (to < at || to > pages || (n == UINT64_MAX && used != len))
            return false;
        for (; at < to; at++) {
            uint8_t *page = physmap_host(p->pm, at << PAGE_SHIFT);
            if (!page_is_zero(page)) /* an untouched page costs the host nothing: leave it so */
                memset(page, 0, PAGE_SIZE);
        }
        if (n == UINT64_MAX)
            break;
        if (n == pages || len - used < PAGE_SIZE)
            return false;
        memcpy(physmap_host(p->pm, n << PAGE_SHIFT), data + used, PAGE_SIZE);
        used += PAGE_SIZE;
        at++;
    }
    physmap_wrote(p->pm, 0, physmap_machine_size(p->pm)); /* drops blocks, marks all dirty */
    return true;
}

void partition_save(struct partition *p, struct bytes *out)
{
    struct shape shape = shape_of(p);
    struct bytes board = {0};
    fields_save(shape_fields, &shape, out);
    fields_save(partition_fields, p, out);
    vcpu_state_flush(p->vcpu);
    fields_save(vcpu_fields, p->vcpu, out);
    board_save(p->board, &board);
    uint64_t board_len = board.len;
    bytes_append(out, &board_len, sizeof board_len);
    bytes_append(out, board.data, board.len);
    bytes_free(&board);
    save_memory(p, out);
}

/* What was loaded may come from anywhere: only sound numbers are used. */
static bool loaded_is_sound(const struct partition *p)
{
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (p->serial[i].head >= SERIAL_WAITING || p->serial[i].count > SERIAL_WAITING)
            return false;
    }
    return vclock_is_sound(&p->clock, vcpu_insns(p->vcpu));
}

bool partition_load(struct partition *p, const uint8_t *data, size_t len)
{
    struct shape want = shape_of(p), is;
    size_t used = fields_load(shape_fields, &is, data, len);
    if (!used || is.version != want.version || is.ram_size != want.ram_size ||
        is.machine_size != want.machine_size)
        return false;
    size_t n = fields_load(partition_fields, p, data + used, len - used);
    used += n;
    size_t m = n ? fields_load(vcpu_fields, p->vcpu, data + used, len - used) : 0;
    used += m;
    if (!m || !loaded_is_sound(p) || len - used < 8)
        return false;
    uint32_t events = p->vcpu->events; /* the rest of loading may raise some */
    uint64_t board_len = load_le64(data + used);
    used += 8;
    if (board_len > len - used ||
        !load_memory(p, data + used + board_len, len - used - board_len) ||
        !board_load(p->board, data + used, board_len))
        return false;
    physmap_set_a20(p->pm, is.a20);
    p->vcpu->events = events;
    vcpu_state_loaded(p->vcpu);
    vclock_resume(&p->clock, vcpu_insns(p->vcpu));
    return true;
}
