/* A guest's clock follows the host's (partition/clock.h) also when others have the processor for
 * most of the time, or the host stood still for a while; no tick of its timer gets lost then, and
 * those that are late do not come as a storm.
 *
 * The host's clocks are the test's own: an instruction takes CPU_NS of the processor's time, and
 * after each stretch of it the host's time goes on alone. So nothing depends on the real host. */
#include "partition/pace.h"
#include "tests/check_main.h"
#include "tests/partition/machine.h"

#define CPU_NS    100
#define MS        UINT64_C(1000000)
#define RUSH_MOST 32 /* partition/clock.c */

/* After has of the processor's time it is gone for away, both ns. */
struct share {
    uint64_t has, away;
};

struct host {
    struct partition *p;
    struct share share;
    uint64_t waited; /* while the thread had nothing to do, ns */
    uint64_t stood;  /* the host stood still for so long, ns */
};

static uint64_t cpu(void *ctx)
{
    const struct host *h = ctx;
    return h->p ? vcpu_insns(partition_vcpu(h->p)) * CPU_NS : 0;
}

static uint64_t now(void *ctx)
{
    const struct host *h = ctx;
    uint64_t ran = cpu(ctx);
    return ran + (h->share.away ? ran / h->share.has * h->share.away : 0) + h->waited + h->stood;
}

static void wait_for(void *ctx, uint64_t ns)
{
    ((struct host *)ctx)->waited += ns;
}

/* Counts the ticks of the 8254, 1000 a second, at TICKS; 16-bit code at 0:7C00h:
 *
 *       cli                         mov al, 0FEh
 *       xor ax, ax                  out 21h, al
 *       mov ds, ax                  mov al, 34h
 *       mov ss, ax                  out 43h, al
 *       mov sp, 7C00h               mov ax, 1193
 *       mov word [20h], tick        out 40h, al
 *       mov [22h], ax               mov al, ah
 *       mov al, 11h                 out 40h, al
 *       out 20h, al                 sti
 *       mov al, 8                   jmp body
 *       out 21h, al         tick:   inc dword [TICKS]
 *       mov al, 4                   push ax
 *       out 21h, al                 mov al, 20h
 *       mov al, 1                   out 20h, al
 *       out 21h, al                 pop ax
 *                                   iret                 */
static const uint8_t counts_ticks[] = {
    0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xD0, 0xBC, 0x00, 0x7C, 0xC7, 0x06, 0x20, 0x00,
    0x37, 0x7C, 0xA3, 0x22, 0x00, 0xB0, 0x11, 0xE6, 0x20, 0xB0, 0x08, 0xE6, 0x21, 0xB0,
    0x04, 0xE6, 0x21, 0xB0, 0x01, 0xE6, 0x21, 0xB0, 0xFE, 0xE6, 0x21, 0xB0, 0x34, 0xE6,
    0x43, 0xB8, 0xA9, 0x04, 0xE6, 0x40, 0x88, 0xE0, 0xE6, 0x40, 0xFB, 0xEB, 0x0C, 0x66,
    0xFF, 0x06, 0x00, 0x06, 0x50, 0xB0, 0x20, 0xE6, 0x20, 0x58, 0xCF,
};

/* The same for the RTC's periodic interrupt, 1024 a second:
 *
 *       cli                         out 21h, al
 *       xor ax, ax                  mov al, 0FEh
 *       mov ds, ax                  out 0A1h, al
 *       mov ss, ax                  mov al, 0Bh
 *       mov sp, 7C00h               out 70h, al
 *       mov word [1C0h], tick       mov al, 42h
 *       mov [1C2h], ax              out 71h, al
 *       mov al, 11h                 mov al, 0Ch
 *       out 20h, al                 out 70h, al
 *       out 0A0h, al                in al, 71h
 *       mov al, 8                   sti
 *       out 21h, al                 jmp body
 *       mov al, 70h         tick:   push ax
 *       out 0A1h, al                in al, 71h
 *       mov al, 4                   inc dword [TICKS]
 *       out 21h, al                 mov al, 20h
 *       mov al, 2                   out 0A0h, al
 *       out 0A1h, al                out 20h, al
 *       mov al, 1                   pop ax
 *       out 21h, al                 iret
 *       out 0A1h, al
 *       mov al, 0FBh                                     */
static const uint8_t counts_rtc_ticks[] = {
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xc7, 0x06, 0xc0, 0x01, 0x48,
    0x7c, 0xa3, 0xc2, 0x01, 0xb0, 0x11, 0xe6, 0x20, 0xe6, 0xa0, 0xb0, 0x08, 0xe6, 0x21, 0xb0,
    0x70, 0xe6, 0xa1, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x02, 0xe6, 0xa1, 0xb0, 0x01, 0xe6, 0x21,
    0xe6, 0xa1, 0xb0, 0xfb, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0xa1, 0xb0, 0x0b, 0xe6, 0x70, 0xb0,
    0x42, 0xe6, 0x71, 0xb0, 0x0c, 0xe6, 0x70, 0xe4, 0x71, 0xfb, 0xeb, 0x10, 0x50, 0xe4, 0x71,
    0x66, 0xff, 0x06, 0x00, 0x06, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf,
};
#define TICKS 0x600

struct timer_code {
    const uint8_t *code;
    size_t len;
    uint64_t ns; /* of 2^20 ticks */
};
static const struct timer_code timer_8254 = {counts_ticks, sizeof counts_ticks,
                                             (UINT64_C(1193) * 1000000000 << 20) / 1193182};
static const struct timer_code timer_rtc = {counts_rtc_ticks, sizeof counts_rtc_ticks,
                                            UINT64_C(1000000000) << 10};

static uint64_t ticks_in(const struct timer_code *t, uint64_t ns)
{
    return (uint64_t)(((unsigned __int128)ns << 20) / t->ns);
}

struct body {
    uint8_t code[20];
    bool waits; /* halts or spins: what it has to catch up with takes it no time */
};

/* 1: inc esi / mov eax, [TICKS] / cmp eax, [604h] / je 1b / mov [604h], eax / jmp 1b */
static const struct body watches_memory = {.code = {0x66, 0x46, 0x66, 0xA1, 0x00, 0x06, 0x66, 0x3B,
                                                    0x06, 0x04, 0x06, 0x74, 0xF3, 0x66, 0xA3, 0x04,
                                                    0x06, 0xEB, 0xED}};
/* 1: mov al, 0 / out 43h, al / in al, 40h / in al, 40h / jmp 1b */
static const struct body watches_8254 = {
    .code = {0xB0, 0x00, 0xE6, 0x43, 0xE4, 0x40, 0xE4, 0x40, 0xEB, 0xF6}};
/* 1: mov al, 0 / out 70h, al / in al, 71h / jmp 1b */
static const struct body watches_rtc = {.code = {0xB0, 0x00, 0xE6, 0x70, 0xE4, 0x71, 0xEB, 0xF8}};
/* 1: hlt / jmp 1b */
static const struct body halts = {.code = {0xF4, 0xEB, 0xFD}, .waits = true};

static struct machine *start(struct host *h, const struct timer_code *timer,
                             const struct body *body, const struct engine *engine)
{
    struct machine_options o = {.memory = 1 << 20,
                                .cpu = CPU_486,
                                .host_clock = {.now = now, .cpu = cpu, .wait = wait_for, .ctx = h},
                                .engine = engine};
    struct machine *m = machine_new(&o);
    ck_assert_ptr_nonnull(m);
    physmap_poke(partition_physmap(m->p), 0x7C00, timer->code, timer->len);
    physmap_poke(partition_physmap(m->p), 0x7C00 + timer->len, body, sizeof *body);
    h->p = m->p;
    return m;
}

static uint32_t ticks(const struct machine *m)
{
    uint8_t count[4];
    physmap_peek(partition_physmap(m->p), TICKS, count, sizeof count);
    return load_le32(count);
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* For so much of the host's time. */
static void run_for(struct machine *m, struct host *h, uint64_t host_ns)
{
    uint64_t end = now(h) + host_ns;
    while (now(h) < end)
        ck_assert_int_eq(partition_run(m->p, partition_now(m->p) + 20 * MS, NULL, NULL),
                         PARTITION_RUNNING);
}

/* The same for a guest that never halts: its time never goes faster than RUSH_MOST times what the
 * processor's does (and what its reads of a clock take, the thread sleeps, and one look at the
 * host's clock may be wrong by). */
static void run_evenly(struct machine *m, struct host *h, uint64_t host_ns)
{
    uint64_t end = now(h) + host_ns;
    while (now(h) < end) {
        struct host was = *h;
        uint64_t before = partition_now(m->p), cpu_before = cpu(h);
        run_for(m, h, 1);
        ck_assert_uint_le(partition_now(m->p) - before,
                          (cpu(h) - cpu_before) * (RUSH_MOST + POLL_NS / CPU_NS) + h->waited -
                              was.waited + 2 * MS);
    }
}

static void follows(const struct timer_code *timer, const struct body *body,
                    const struct engine *engine, struct share share, uint64_t most_apart)
{
    struct host h = {.share = share};
    struct machine *m = start(&h, timer, body, engine);
    void (*run)(struct machine *, struct host *, uint64_t) = body->waits ? run_for : run_evenly;
    run(m, &h, 500 * MS); /* until it has found its pace */
    uint64_t host = now(&h), guest = partition_now(m->p), count = ticks(m);
    uint64_t dropped = partition_dropped_ns(m->p);
    run(m, &h, 1500 * MS);
    host = now(&h) - host;
    guest = partition_now(m->p) - guest;
    count = ticks(m) - count;
    ck_assert_uint_le(apart(guest, host), most_apart);
    ck_assert_uint_le(apart(count, ticks_in(timer, guest)), 2);
    ck_assert_uint_eq(partition_dropped_ns(m->p), dropped);
    machine_end(m);
}

static void all_follow(struct share share, uint64_t most_apart)
{
    for (unsigned n = 0; engine_at(n); n++) {
        follows(&timer_8254, &watches_memory, engine_at(n), share, most_apart);
        follows(&timer_8254, &watches_8254, engine_at(n), share, most_apart);
        follows(&timer_8254, &watches_rtc, engine_at(n), share, most_apart);
        follows(&timer_rtc, &watches_memory, engine_at(n), share, most_apart);
        follows(&timer_rtc, &watches_8254, engine_at(n), share, most_apart);
    }
}

START_TEST(with_a_processor_of_its_own)
{
    all_follow((struct share){.has = MS, .away = 0}, 2 * MS);
}
END_TEST

START_TEST(with_two_fifths_of_one)
{
    all_follow((struct share){.has = 4 * MS, .away = 6 * MS}, 12 * MS);
}
END_TEST

START_TEST(with_a_twentieth)
{
    all_follow((struct share){.has = 2 * MS, .away = 38 * MS}, 60 * MS);
}
END_TEST

START_TEST(gone_for_tens_of_ms_now_and_then)
{
    all_follow((struct share){.has = 200 * MS, .away = 80 * MS}, 90 * MS);
}
END_TEST

/* Who waits for interrupts alone is not measured, but steered as well. */
START_TEST(a_stopped_host_leaves_no_storm)
{
    const struct body *const guest[] = {&watches_memory, &watches_8254, &halts};
    for (unsigned i = 0; i < ARRAY_LEN(guest); i++) {
        struct host h = {0};
        struct machine *m = start(&h, &timer_8254, guest[i], NULL);
        run_for(m, &h, 300 * MS);
        uint64_t count = ticks(m), host = now(&h);
        h.stood = 60000 * MS;
        run_for(m, &h, 300 * MS);
        count = ticks(m) - count;
        uint64_t ran = now(&h) - host - h.stood;
        ck_assert_uint_le(apart(count, ticks_in(&timer_8254, ran)), 4);
        ck_assert_uint_le(apart(partition_dropped_ns(m->p), h.stood), 2 * MS);
        machine_end(m);
    }
}
END_TEST

/* 1: mov dx, 3FDh / in al, dx / jmp 1b */
static const struct body watches_uart = {.code = {0xBA, 0xFD, 0x03, 0xEC, 0xEB, 0xFA}};

/* 1: mov eax, [TICKS] / cmp eax, [604h] / je 1b / mov [604h], eax / jmp 1b */
static const struct body spins = {.code = {0x66, 0xA1, 0x00, 0x06, 0x66, 0x3B, 0x06, 0x04, 0x06,
                                           0x74, 0xF5, 0x66, 0xA3, 0x04, 0x06, 0xEB, 0xEF},
                                  .waits = true};
/* 1: push ax / push ax / add sp, 4 / push ebx / inc word [604h] / dec word [604h] / pop ecx / jmp
 * 1b: the stack holds now this, now that, but the same after each round */
static const struct body spins_with_writes = {.code = {0x50, 0x50, 0x83, 0xC4, 0x04, 0x66, 0x53,
                                                       0xFF, 0x06, 0x04, 0x06, 0xFF, 0x0E, 0x04,
                                                       0x06, 0x66, 0x59, 0xEB, 0xED},
                                              .waits = true};
/* 1: call 2f / jmp 1b / 2: inc word [604h] / cmp ax, ax / ret: memory alone tells the rounds apart
 */
static const struct body counts_in_memory = {
    .code = {0xE8, 0x02, 0x00, 0xEB, 0xFB, 0xFF, 0x06, 0x04, 0x06, 0x39, 0xC0, 0xC3}};

static uint64_t waited_in_a_second(const struct body *body, const struct engine *engine)
{
    struct host h = {0};
    struct machine *m = start(&h, &timer_8254, body, engine);
    run_for(m, &h, 1000 * MS);
    machine_end(m);
    return h.waited;
}

/* A read of a clock, over and over, takes the time that it takes on a PC: it is slept. One of a
 * device that is ready takes what it takes here, or what depends on it would be slow for nothing.
 */
START_TEST(who_polls_a_clock_leaves_the_processor)
{
    for (unsigned n = 0; engine_at(n); n++) {
        ck_assert_uint_ge(waited_in_a_second(&watches_8254, engine_at(n)), 600 * MS);
        ck_assert_uint_ge(waited_in_a_second(&watches_rtc, engine_at(n)), 600 * MS);
        ck_assert_uint_eq(waited_in_a_second(&watches_uart, engine_at(n)), 0);
        ck_assert_uint_eq(waited_in_a_second(&watches_memory, engine_at(n)), 0);
    }
}
END_TEST

/* A loop in which nothing changes is as good as HLT (partition/spin.h): all ticks come, and what
 * the guest sees is what it would see. */
START_TEST(who_spins_leaves_the_processor)
{
    for (unsigned n = 0; engine_at(n); n++) {
        ck_assert_uint_ge(waited_in_a_second(&spins, engine_at(n)), 700 * MS);
        ck_assert_uint_ge(waited_in_a_second(&spins_with_writes, engine_at(n)), 500 * MS);
        ck_assert_uint_eq(waited_in_a_second(&counts_in_memory, engine_at(n)), 0);
    }
}
END_TEST

START_TEST(who_spins_gets_every_tick)
{
    const struct share own = {.has = MS}, two_fifths = {4 * MS, 6 * MS};
    for (unsigned n = 0; engine_at(n); n++) {
        follows(&timer_8254, &spins, engine_at(n), own, 2 * MS);
        follows(&timer_rtc, &spins, engine_at(n), two_fifths, 12 * MS);
        follows(&timer_8254, &spins_with_writes, engine_at(n), own, 2 * MS);
        follows(&timer_8254, &halts, engine_at(n), (struct share){2 * MS, 38 * MS}, 60 * MS);
    }
}
END_TEST

CHECK_MAIN("partition/clock_share", who_spins_leaves_the_processor, who_spins_gets_every_tick,
           who_polls_a_clock_leaves_the_processor, with_a_processor_of_its_own,
           with_two_fifths_of_one, with_a_twentieth, gone_for_tens_of_ms_now_and_then,
           a_stopped_host_leaves_no_storm)
