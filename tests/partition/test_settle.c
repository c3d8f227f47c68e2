/* Backends that hold output back hear in time when it is to go out: while the guest goes on
 * running, before it waits, and when a run ends. And who looks at the machine now and then is
 * called as often when the guest waits as when it runs. */
#include "partition/debug.h"
#include "tests/check_main.h"
#include "tests/partition/machine.h"

struct seen {
    unsigned sent;    /* bytes by the guest */
    unsigned settled; /* of them, when it was last called */
};

static void sent(void *ctx, const uint8_t *data, size_t len)
{
    (void)data;
    ((struct seen *)ctx)->sent += (unsigned)len;
}

static void settle(void *ctx)
{
    struct seen *s = ctx;
    s->settled = s->sent;
}

/* A machine that runs code at 0000:7C00. */
static struct machine *running(const void *code, size_t len, struct seen *s)
{
    struct machine_options o = {
        .memory = 1 << 20, .cpu = CPU_486, .serial = {s, sent}, .settle = settle, .settle_ctx = s};
    struct machine *m = machine_new(&o);
    ck_assert_ptr_nonnull(m);
    physmap_poke(partition_physmap(m->p), 0x7C00, code, len);
    return m;
}

/* Called about 60 times a second: by then what was sent before has long been settled. */
static void is_settled(void *ctx, struct partition *p)
{
    struct seen *s = ctx;
    if (partition_now(p) < 1000000)
        return;
    ck_assert_uint_eq(s->sent, 1);
    ck_assert_uint_eq(s->settled, 1);
    partition_stop(p);
}

static const uint8_t spins[] = {0xBA, 0xF8, 0x03,                    /* mov dx, 3F8h */
                                0xEE,                                /* out dx, al */
                                0xEB, 0xFE};                         /* jmp $ */
static const uint8_t halts[] = {0xBA, 0xF8, 0x03, 0xEE, 0xFA, 0xF4}; /* the same, cli, hlt */

START_TEST(while_the_guest_runs)
{
    struct seen s = {0};
    struct machine *m = running(spins, sizeof spins, &s);
    ck_assert_int_eq(partition_run(m->p, UINT64_MAX, is_settled, &s), PARTITION_STOPPED);
    machine_end(m);
}
END_TEST

START_TEST(when_the_run_ends)
{
    struct seen s = {0};
    struct machine *m = running(spins, sizeof spins, &s);
    (void)partition_run(m->p, 20000, NULL, NULL); /* sooner than it would be called anyway */
    ck_assert_uint_eq(s.sent, 1);
    ck_assert_uint_eq(s.settled, 1);
    machine_end(m);
}
END_TEST

/* The CPU waits until 20 ms; is_settled is called before anything else is done then. */
START_TEST(before_it_waits)
{
    struct seen s = {0};
    struct machine *m = running(halts, sizeof halts, &s);
    ck_assert_int_eq(partition_run(m->p, 20000000, is_settled, &s), PARTITION_STOPPED);
    machine_end(m);
}
END_TEST

static void count(void *ctx, struct partition *p)
{
    (void)p;
    (*(unsigned *)ctx)++;
}

/* Time counted in instructions goes on in leaps while the CPU is halted: from timer to timer, but
 * not past a tick, of which there are 60 a second of virtual time. */
START_TEST(ticks_come_while_the_guest_waits)
{
    struct seen s = {0};
    struct machine *m = running(halts, sizeof halts, &s);
    unsigned ticks = 0;
    ck_assert_int_eq(partition_run(m->p, UINT64_C(1000000000), count, &ticks), PARTITION_RUNNING);
    ck_assert_uint_ge(ticks, 59);
    ck_assert_uint_le(ticks, 61);
    machine_end(m);
}
END_TEST

START_TEST(when_a_snapshot_brings_back_an_earlier_time)
{
    struct seen s = {0};
    struct bytes start = {0};
    struct machine *m = running(spins, sizeof spins, &s);
    partition_save(m->p, &start);
    (void)partition_run(m->p, 50000000, NULL, NULL);
    ck_assert(partition_load(m->p, start.data, start.len));
    bytes_free(&start);
    s = (struct seen){0};
    ck_assert_int_eq(partition_run(m->p, 40000000, is_settled, &s), PARTITION_STOPPED);
    machine_end(m);
}
END_TEST

/* Sends a byte itself; the next time it has gone out. */
static void sends(void *ctx, struct partition *p)
{
    struct seen *s = ctx;
    if (!s->sent) {
        board_port_write(partition_board(p), 0x3F8, 'x', 1);
        return;
    }
    ck_assert_uint_eq(s->settled, s->sent);
    partition_stop(p);
}

START_TEST(while_a_debugger_holds_the_machine)
{
    struct seen s = {0};
    struct machine *m = running(spins, sizeof spins, &s);
    debug_pause(partition_debug(m->p));
    ck_assert_int_eq(partition_wait(m->p, sends, &s), PARTITION_STOPPED);
    machine_end(m);
}
END_TEST

CHECK_MAIN("settle", while_the_guest_runs, when_the_run_ends, before_it_waits,
           when_a_snapshot_brings_back_an_earlier_time, while_a_debugger_holds_the_machine,
           ticks_come_while_the_guest_waits)
