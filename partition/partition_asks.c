/* partition/partition_asks.c: what the vCPU and the board ask of their partition: the time, ports,
 * interrupts, reset. */
#include "partition/partition_state.h"

#include "devices/apic/lapic.h"

#define TIME_ASKED 16 /* each so many times that the time is asked for, the host is, too */

/* Who asks for the time may wait for it to pass, in a loop of reads that take a hundred times as
 * long as other instructions: then the slice that was reckoned with the speed before would last for
 * a tenth of a second. So the two times are compared here, too. */
static void review_slice(struct partition *p)
{
    if (p->clock.mode != CLOCK_HOST || ++p->time_asked % TIME_ASKED)
        return;
    uint64_t work = clock_work(p);
    if (!vclock_sync(&p->clock, work))
        return;
    uint64_t until = min_u64(p->board->timers.soonest, vclock_now(&p->clock, work) + SLICE_NS);
    vcpu_limit_budget(p->vcpu, vclock_insns_until(&p->clock, work, until, UINT32_MAX));
}

#define PACED_REVIEW 16 /* each so many reads that take time the slice is cut */

static void host_polled(void *ctx)
{
    struct partition *p = ctx;
    if (p->clock.mode != CLOCK_HOST || !p->running || !pace_polled(&p->pace, vcpu_insns(p->vcpu)))
        return;
    vclock_add(&p->clock, POLL_NS);
    if (++p->paced % PACED_REVIEW)
        return;
    uint64_t until = min_u64(p->board->timers.soonest, p->slice_end);
    vcpu_limit_budget(p->vcpu, vclock_insns_until(&p->clock, clock_work(p), until, UINT32_MAX));
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
    uint64_t work = clock_work(p);
    vcpu_limit_budget(p->vcpu, vclock_insns_until(&p->clock, work, deadline_ns, UINT32_MAX));
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

struct vcpu_host partition_vcpu_host(struct partition *p)
{
    return (struct vcpu_host){
        .ctx = p,
        .port_read = host_port_read,
        .port_write = host_port_write,
        .interrupt_ack = host_interrupt_ack,
        .tsc = host_tsc,
        .ferr = host_ferr,
        .msr_read = host_msr_read,
        .msr_write = host_msr_write,
    };
}

struct board_host partition_board_host(struct partition *p)
{
    return (struct board_host){
        .ctx = p,
        .now = host_virtual_now,
        .wall_clock = host_wall_clock,
        .timer_armed = host_timer_armed,
        .machine = host_machine,
        .debug_exit = host_debug_exit,
        .guest_pc = host_guest_pc,
        .polled = host_polled,
        .dma_denied = host_dma_denied,
    };
}
