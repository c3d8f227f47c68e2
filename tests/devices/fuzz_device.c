#include "tests/devices/fuzz_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RAM_SIZE    (UINT64_C(1) << 20)
#define SHORT_STEPS 20000
#define SHORT_SEEDS 3

struct fuzz {
    const struct fuzz_target *target;
    struct fuzz_random random;
    struct testbus *tb;
    struct bus *bus;
    uint64_t last_read;
    uint64_t reads_hash;
};

uint64_t fuzz_next(struct fuzz_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t fuzz_below(struct fuzz_random *r, uint64_t n)
{
    return n ? fuzz_next(r) % n : 0;
}

/* Values that devices find interesting: small, all ones, single bits, addresses, what was read. */
static uint64_t some_value(struct fuzz *f)
{
    uint64_t v = fuzz_next(&f->random);
    switch (fuzz_below(&f->random, 8)) {
    case 0:
        return v & 15;
    case 1:
        return v & 0xFF;
    case 2:
        return UINT64_C(1) << (v & 63);
    case 3:
        return UINT64_MAX;
    case 4:
        return v % RAM_SIZE;
    case 5:
        return f->last_read;
    default:
        return v;
    }
}

static void note_read(struct fuzz *f, uint64_t value)
{
    f->last_read = value;
    f->reads_hash = (f->reads_hash ^ value) * UINT64_C(0x100000001B3);
}

static void port_step(struct fuzz *f, bool write)
{
    unsigned n = (unsigned)fuzz_below(&f->random, f->bus->class->port_count);
    if (!f->bus->class->port_count || !f->bus->port[n].enabled)
        return;
    unsigned size = 1u << fuzz_below(&f->random, 3);
    uint16_t port =
        (uint16_t)(f->bus->port[n].base + fuzz_below(&f->random, f->bus->class->ports[n].count));
    if (write)
        tb_out(f->tb, port, size, (uint32_t)some_value(f));
    else
        note_read(f, tb_in(f->tb, port, size));
}

static void mmio_step(struct fuzz *f, bool write)
{
    unsigned n = (unsigned)fuzz_below(&f->random, f->bus->class->mmio_count);
    if (!f->bus->class->mmio_count || !f->bus->mmio[n].enabled)
        return;
    unsigned size = 1u << fuzz_below(&f->random, 4);
    uint64_t offset = fuzz_below(&f->random, f->bus->class->mmio[n].size) & ~(uint64_t)(size - 1);
    if (fuzz_below(&f->random, 2))
        offset &= ~UINT64_C(15);
    uint64_t gpa = f->bus->mmio[n].base + offset;
    if (write)
        tb_write(f->tb, gpa, size, some_value(f));
    else
        note_read(f, tb_read(f->tb, gpa, size));
}

static void pci_step(struct fuzz *f, bool write)
{
    unsigned size = 1u << fuzz_below(&f->random, 3);
    unsigned reg = (unsigned)fuzz_below(&f->random, 256) & ~(size - 1);
    if (write)
        tb_pci_write(f->bus, reg, size, (uint32_t)some_value(f));
    else
        note_read(f, tb_pci_read(f->bus, reg, size));
}

static void storm(const struct fuzz *f, uint64_t ns)
{
    fprintf(stderr, "fuzz: %s fires timers without end: within %llu ns\n", f->target->class->name,
            (unsigned long long)ns);
    abort();
}

/* Timers may fire once a microsecond on average, and some hundred times at once. */
static void time_step(struct fuzz *f)
{
    uint64_t ns = fuzz_next(&f->random) >> (32 + fuzz_below(&f->random, 30));
    uint64_t end = f->tb->now + ns, fires = f->bus->timer_fires;
    while (testbus_next_deadline(f->tb) <= end) {
        testbus_next(f->tb);
        if (f->bus->timer_fires - fires > ns / 1000 + 200)
            storm(f, ns);
    }
    f->tb->now = end > f->tb->now ? end : f->tb->now;
}

static void dack_step(struct fuzz *f)
{
    uint8_t buf[64] = {0};
    struct dack d = {
        .buf = buf,
        .len = fuzz_below(&f->random, sizeof buf + 1),
        .to_memory = fuzz_below(&f->random, 2),
        .terminal_count = fuzz_below(&f->random, 2),
        .denied = fuzz_below(&f->random, 4) == 0,
    };
    if (f->bus->class->dack && f->bus->class->dack(f->bus->state, 2, &d) > d.len) {
        fprintf(stderr, "fuzz: %s moved more bytes than asked for\n", f->target->class->name);
        abort();
    }
}

static void fabric_step(struct fuzz *f)
{
    const struct device_class *class = f->bus->class;
    uint64_t v = fuzz_next(&f->random);
    struct apic_message m = {
        .vector = (uint8_t)v,
        .delivery_mode = v >> 8 & 7,
        .destination = (uint8_t)(v >> 16),
        .logical = v >> 24 & 1,
        .level = v >> 25 & 1,
        .assert_level = v >> 26 & 1,
    };
    if (class->interrupt_ack)
        note_read(f, (uint64_t) class->interrupt_ack(f->bus->state));
    if (class->apic_message)
        class->apic_message(f->bus->state, &m);
    if (class->apic_eoi)
        class->apic_eoi(f->bus->state, (uint8_t)v);
    dack_step(f);
}

/* Overwrites single values in a saved stream, as a damaged file would, but leaves names and sizes:
 * those are fields_load's own matter. */
static void damage(struct fuzz *f, const struct field *table, uint8_t *object)
{
    for (const struct field *t = table; t->name; t++) {
        for (uint32_t i = 0; i < t->count; i++) {
            uint8_t *unit = object + t->offset + (size_t)i * t->size;
            if (t->sub) {
                damage(f, t->sub, unit);
            } else if (!fuzz_below(&f->random, 8)) {
                uint64_t v = some_value(f);
                if (t->is_bool)
                    v &= 1;
                memcpy(unit, &v, t->size < 8 ? t->size : 8);
            }
        }
    }
}

static void snapshot_step(struct fuzz *f)
{
    const struct device_class *class = f->bus->class;
    if (!class->fields)
        return;
    if (f->target->damage_snapshots && !fuzz_below(&f->random, 3)) {
        damage(f, class->fields, f->bus->state);
        if (class->loaded)
            class->loaded(f->bus->state);
        return;
    }
    testbus_save_load(f->bus);
}

static void step(struct fuzz *f)
{
    const struct device_class *class = f->bus->class;
    uint64_t v = fuzz_next(&f->random);
    switch (fuzz_below(&f->random, 16)) {
    case 0:
    case 1:
    case 2:
        port_step(f, false);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        port_step(f, true);
        break;
    case 7:
    case 8:
        mmio_step(f, false);
        mmio_step(f, true);
        break;
    case 9:
        if (class->pci_write)
            pci_step(f, v & 1);
        break;
    case 10:
        if (class->input_count && class->input)
            testbus_input(f->bus, (unsigned)(v >> 8) % class->input_count, v & 1);
        break;
    case 11:
    case 12:
        time_step(f);
        break;
    case 13:
        fabric_step(f);
        break;
    case 14:
        if (f->target->host)
            f->target->host(f->bus->state, &f->random);
        break;
    default:
        if (v % 64 == 0)
            snapshot_step(f);
        else if (v % 512 == 1 && class->reset)
            class->reset(f->bus->state);
    }
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint64_t final_hash(const struct fuzz *f)
{
    struct bytes saved = {0};
    uint64_t hash = f->reads_hash;
    if (f->bus->class->fields)
        fields_save(f->bus->class->fields, f->bus->state, &saved);
    hash = hash_bytes(hash, saved.data, saved.len);
    for (unsigned i = 0; i < f->bus->class->output_count; i++)
        hash = hash * 31 + f->bus->pin[i].level;
    bytes_free(&saved);
    return hash;
}

uint64_t fuzz_run(const struct fuzz_target *target, uint64_t seed, unsigned steps)
{
    struct fuzz f = {.target = target, .random = {seed}};
    if (target->rewind)
        target->rewind(target->config);
    f.tb = testbus_create(RAM_SIZE);
    f.tb->wall_start = UINT64_C(1700000000000000000);
    for (uint64_t at = 0; at < RAM_SIZE; at += 64) {
        uint64_t words[8];
        for (unsigned i = 0; i < 8; i++)
            words[i] = some_value(&f);
        tb_poke(f.tb, at, words, sizeof words);
    }
    f.bus = testbus_add_dma(f.tb, target->class, target->config, target->limits);
    for (unsigned i = 0; i < steps; i++)
        step(&f);
    uint64_t hash = final_hash(&f);
    testbus_destroy(f.tb);
    return hash;
}

static bool run_twice(const struct fuzz_target *target, uint64_t seed, unsigned steps)
{
    printf("%s seed %llu\n", target->class->name, (unsigned long long)seed);
    fflush(stdout);
    if (fuzz_run(target, seed, steps) == fuzz_run(target, seed, steps))
        return true;
    printf("%s: two runs with seed %llu differ\n", target->class->name, (unsigned long long)seed);
    return false;
}

int fuzz_main(int argc, char **argv, const struct fuzz_target *targets, unsigned count)
{
    bool fine = true;
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 0);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    for (unsigned round = 0; argc > 1 ? time(NULL) < end : round < SHORT_SEEDS; round++, seed++)
        for (unsigned i = 0; i < count; i++)
            fine &= run_twice(&targets[i], seed, SHORT_STEPS);
    return fine ? 0 : 1;
}
