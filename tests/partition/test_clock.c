/* Virtual time keeps step with the host's (partition/clock.h) on a host that is fast and slow by
 * turns. The host's clock is the test's own: it goes on by so many ns for each instruction that
 * the guest retires, so nothing depends on how fast the real host is.
 *
 * The guest runs plain code for a while and then reads a timer's counter over and over, as
 * code does that waits for time to pass. On a real host such a read takes some hundred times as
 * long as other instructions, or, where the code before was slow, much less: the slice that the
 * partition reckoned with the speed before would last far too long, or far too short. */
#include "tests/check_main.h"
#include "tests/partition/machine.h"

#define PLAIN_INSNS 4000000
#define WAIT_INSNS  1000000

/* The most that the two times may be apart while the guest looks at the clock: the partition
 * compares them each half millisecond, and what was lost before takes some time to catch up with.
 */
#define MOST_NS 1500000

struct host {
    struct partition *p;
    uint64_t plain_cost, wait_cost; /* ns for an instruction of each */
    uint64_t waited;                /* ns that the partition's thread slept */
    uint64_t asked, behind, ahead;  /* while the guest waits: times; ns, the most */
};

static uint64_t insns_of(const struct host *h)
{
    return h->p ? vcpu_insns(partition_vcpu(h->p)) : 0;
}

static uint64_t now(void *ctx)
{
    struct host *h = ctx;
    uint64_t insns = insns_of(h);
    uint64_t plain = insns < PLAIN_INSNS ? insns : PLAIN_INSNS;
    uint64_t at = plain * h->plain_cost + (insns - plain) * h->wait_cost + h->waited;
    if (insns > PLAIN_INSNS) {
        uint64_t guest = partition_now(h->p);
        h->asked++;
        h->behind = at > guest && at - guest > h->behind ? at - guest : h->behind;
        h->ahead = guest > at && guest - at > h->ahead ? guest - at : h->ahead;
    }
    return at;
}

static uint64_t cpu(void *ctx)
{
    return now(ctx) - ((struct host *)ctx)->waited;
}

static void wait_for(void *ctx, uint64_t ns)
{
    ((struct host *)ctx)->waited += ns;
}

/*      mov ecx, PLAIN_INSNS / 2
 * 1:   dec ecx
 *      jnz 1b
 * 2:   in al, 40h
 *      jmp 2b                    16-bit code at 0:7C00h */
static const uint8_t guest[] = {0x66,
                                0xB9,
                                PLAIN_INSNS / 2 & 0xFF,
                                PLAIN_INSNS / 2 >> 8 & 0xFF,
                                PLAIN_INSNS / 2 >> 16,
                                0,
                                0x66,
                                0x49,
                                0x75,
                                0xFC,
                                0xE4,
                                0x40,
                                0xEB,
                                0xFC};

static struct host run(uint64_t plain_cost, uint64_t wait_cost)
{
    struct host h = {.plain_cost = plain_cost, .wait_cost = wait_cost};
    struct machine_options o = {
        .memory = 1 << 20,
        .cpu = CPU_486,
        .host_clock = {.now = now, .cpu = cpu, .wait = wait_for, .ctx = &h}};
    struct machine *m = machine_new(&o);
    ck_assert_ptr_nonnull(m);
    physmap_poke(partition_physmap(m->p), 0x7C00, guest, sizeof guest);
    h.p = m->p;
    while (insns_of(&h) < PLAIN_INSNS + WAIT_INSNS)
        ck_assert_int_eq(partition_run(m->p, partition_now(m->p) + 1000000, NULL, NULL),
                         PARTITION_RUNNING);
    machine_end(m);
    return h;
}

START_TEST(waiting_on_a_host_that_gets_slower)
{
    struct host h = run(2, 400);
    ck_assert_uint_le(h.behind, MOST_NS);
    ck_assert_uint_le(h.ahead, MOST_NS);
}
END_TEST

START_TEST(waiting_on_a_host_that_gets_faster)
{
    struct host h = run(400, 2);
    ck_assert_uint_le(h.behind, MOST_NS);
    ck_assert_uint_le(h.ahead, MOST_NS);
}
END_TEST

/* --- What takes how long, to the guest that measures it --------------------------------------- */

static uint64_t now_by_work(void *ctx)
{
    struct host *h = ctx;
    return h->p ? vcpu_work(partition_vcpu(h->p)) : 0;
}

#define COPIES     20000
#define COPY_BYTES 4000
#define RESULT     0x600

/*      ...into flat protected mode
 *      mov ebx, COPIES
 * 1:   mov esi, 10000h
 *      mov edi, 20000h
 *      rdtsc
 *      mov ebp, eax
 *      mov ecx, COPY_BYTES / 4
 *      rep movsd
 *      rdtsc
 *      sub eax, ebp
 *      mov [RESULT], eax
 *      dec ebx
 *      jnz 1b
 *      hlt                       at 0:7C00h */
static const uint8_t copies[] = {
    0xFA, 0x0F, 0x01, 0x16, 0x16, 0x7C, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0, 0x66,
    0xEA, 0x34, 0x7C, 0x00, 0x00, 0x08, 0x00, 0x17, 0x00, 0x1C, 0x7C, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x9A, 0xCF, 0x00, 0xFF,
    0xFF, 0x00, 0x00, 0x00, 0x92, 0xCF, 0x00, 0x66, 0xB8, 0x10, 0x00, 0x8E, 0xD8, 0x8E, 0xC0,
    0xBB, 0x20, 0x4E, 0x00, 0x00, 0xBE, 0x00, 0x00, 0x01, 0x00, 0xBF, 0x00, 0x00, 0x02, 0x00,
    0x0F, 0x31, 0x89, 0xC5, 0xB9, 0xE8, 0x03, 0x00, 0x00, 0xF3, 0xA5, 0x0F, 0x31, 0x29, 0xE8,
    0xA3, 0x00, 0x06, 0x00, 0x00, 0x4B, 0x75, 0xDF, 0xF4};

static void measure_copies(const struct engine *engine, enum shadow_form shadow)
{
    struct host h = {0};
    struct machine_options o = {.memory = 1 << 20,
                                .cpu = CPU_P4,
                                .host_clock = {.now = now_by_work, .ctx = &h},
                                .engine = engine,
                                .tuning = {.shadow = shadow}};
    struct machine *m = machine_new(&o);
    ck_assert_ptr_nonnull(m);
    physmap_poke(partition_physmap(m->p), 0x7C00, copies, sizeof copies);
    h.p = m->p;
    while (!partition_vcpu(m->p)->halted)
        ck_assert_int_eq(partition_run(m->p, partition_now(m->p) + 100000, NULL, NULL),
                         PARTITION_RUNNING);
    uint8_t took[4];
    physmap_peek(partition_physmap(m->p), RESULT, took, sizeof took);
    ck_assert_uint_ge(load_le32(took), COPY_BYTES / 32 / 2);
    ck_assert_uint_le(load_le32(took), COPY_BYTES);

    struct bytes saved = {0};
    partition_save(m->p, &saved);
    uint64_t before = partition_now(m->p);
    h.p = NULL;
    struct machine *other = machine_new(&o);
    ck_assert_ptr_nonnull(other);
    h.p = other->p;
    ck_assert(partition_load(other->p, saved.data, saved.len));
    ck_assert_uint_eq(partition_now(other->p), before);
    bytes_free(&saved);
    machine_end(other);
    machine_end(m);
}

/* One repeated instruction counts as one, but a guest that measures a copy must not find that it
 * took no time: memtest86 4.3.7 divides by it. */
START_TEST(a_copy_takes_time)
{
    for (unsigned n = 0; engine_at(n); n++) {
        measure_copies(engine_at(n), SHADOW_AUTO);
        measure_copies(engine_at(n), SHADOW_SOFT);
    }
}
END_TEST

CHECK_MAIN("partition/clock", waiting_on_a_host_that_gets_slower,
           waiting_on_a_host_that_gets_faster, a_copy_takes_time)
