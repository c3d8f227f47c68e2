/* partition/spin.c: see spin.h. */
#include "partition/spin.h"

#include "cpu/model.h"
#include "cpu/witness.h"
#include "partition/partition_state.h"

#define STEPS_MOST   2048
#define STEP_NS      100 /* about what following one instruction takes */
#define FIRST_NS     UINT64_C(10000000)
#define SELDOM_NS    UINT64_C(320000000)
#define SOON_NS      UINT64_C(50000)
#define NO_ROOM_NS   UINT64_C(200000)
#define EXPECT_TRIES 6

/* Where the CPU stands. The system part is what lies in struct vcpu from ldtr up to walk. */
#define SYSTEM_AT   offsetof(struct vcpu, ldtr)
#define SYSTEM_SIZE (offsetof(struct vcpu, walk) - SYSTEM_AT)

struct point {
    uint64_t eip;
    uint32_t flags;
    union gpr_value reg[8];
    struct segment seg[SEG_COUNT];
    uint8_t system[SYSTEM_SIZE];
};

/* What the machine beside the CPU and its memory was asked, and what it did. */
static uint64_t activity(const struct partition *p)
{
    return p->board->port_reads + p->board->port_writes + p->time_asked + p->vcpu->interrupts;
}

static void take_point(const struct vcpu *c, struct point *at)
{
    at->eip = c->eip;
    at->flags = vcpu_flags_image(c);
    memcpy(at->reg, c->reg, sizeof at->reg);
    memcpy(at->seg, c->seg, sizeof at->seg);
    memcpy(at->system, (const uint8_t *)c + SYSTEM_AT, SYSTEM_SIZE);
}

static bool is_at(const struct vcpu *c, const struct point *at)
{
    return c->eip == at->eip && !memcmp(c->reg, at->reg, sizeof at->reg) &&
           vcpu_flags_image(c) == at->flags && !memcmp(c->seg, at->seg, sizeof at->seg) &&
           !memcmp((const uint8_t *)c + SYSTEM_AT, at->system, SYSTEM_SIZE);
}

static enum vcpu_exit step(struct partition *p)
{
    p->running = true;
    enum vcpu_exit exit = interp_run(p->vcpu, 1);
    p->running = false;
    return exit;
}

/* Follows the guest until it is back at at, most instructions at most: *round is how many it was, 0
 * when it did not come back or asked a device. */
static enum vcpu_exit follow(struct partition *p, const struct point *at, unsigned most,
                             unsigned *round)
{
    uint64_t before = activity(p);
    *round = 0;
    for (unsigned n = 1; n <= most; n++) {
        enum vcpu_exit exit = step(p);
        if (exit != EXIT_BUDGET || activity(p) != before)
            return exit;
        if (is_at(p->vcpu, at)) {
            *round = n;
            return exit;
        }
    }
    return EXIT_BUDGET;
}

void spin_init(struct spin *s)
{
    *s = (struct spin){.interval = FIRST_NS, .steps = STEPS_MOST};
}

static void found_nothing(struct spin *s)
{
    if (s->tries && --s->tries == 0) {
        s->steps = STEPS_MOST;
        s->interval = FIRST_NS;
        return;
    }
    s->interval = min_u64(2 * s->interval, SELDOM_NS);
}

static void found(struct spin *s, unsigned round)
{
    s->found++;
    s->tries = EXPECT_TRIES;
    s->steps = 2 * round + 16;
    s->interval = SOON_NS + UINT64_C(20) * s->steps * STEP_NS;
}

enum vcpu_exit spin_look(struct partition *p, uint64_t deadline_ns)
{
    struct spin *s = &p->spin;
    struct vcpu *c = p->vcpu;
    uint64_t now = partition_now(p);
    bool watched = c->stops || c->history_blocks || run_must_be_single(c);
    if (p->clock.mode != CLOCK_HOST || now < s->due || watched)
        return EXIT_BUDGET;
    if (vclock_insns_until(&p->clock, clock_work(p), deadline_ns, UINT32_MAX) < 2 * s->steps) {
        s->due = now + NO_ROOM_NS;
        return EXIT_BUDGET;
    }
    struct point at;
    struct witness witness;
    unsigned round, again = 0;
    s->looks++;
    take_point(c, &at);
    enum vcpu_exit exit = follow(p, &at, s->steps, &round);
    if (round) {
        witness_begin(c, &witness);
        exit = follow(p, &at, round, &again);
        if (!witness_end(c))
            again = 0;
    }
    if (again) {
        found(s, round);
        exit = EXIT_HALT;
    } else {
        found_nothing(s);
    }
    s->due = partition_now(p) + s->interval;
    return exit;
}

void spin_waited(struct partition *p)
{
    if (p->spin.tries)
        p->spin.due = partition_now(p) + p->spin.interval;
}
