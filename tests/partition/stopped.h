/* tests/partition/stopped.h: a bare machine, stopped, for tests of the debug core: no firmware,
 * real-mode code at 0:1000, the vCPU set to it. */
#ifndef UMBRA_TESTS_PARTITION_STOPPED_H
#define UMBRA_TESTS_PARTITION_STOPPED_H

#include "partition/debug.h"
#include "partition/partition.h"
#include "partition/registers.h"
#include "tests/check_main.h"
#include "tests/descriptors.h"

#define CODE 0x1000

static inline struct partition *make(enum clock_mode clock)
{
    static const uint8_t bios[65536]; /* zeros: nothing runs from it */
    struct partition_config config = {
        .memory = 4 << 20,
        .cpu = CPU_P4,
        .clock = clock,
        .pc.bios = {bios, sizeof bios},
    };
    const char *engine = getenv("UMBRA_ENGINE"); /* to try another than the default */
    if (engine)
        config.engine = engine_find(engine);
    const char *shadow = getenv("UMBRA_SHADOW");
    if (shadow)
        config.tuning.shadow = strcmp(shadow, "window") == 0 ? SHADOW_WINDOW
                               : strcmp(shadow, "soft") == 0 ? SHADOW_SOFT
                                                             : SHADOW_AUTO;
    config.tuning.eager = getenv("UMBRA_EAGER"); /* few tests run hot */
    char error[256];
    struct partition *p = partition_create(&config, error, sizeof error);
    ck_assert_msg(p, "%s", error);
    debug_pause(partition_debug(p));
    return p;
}

static inline void set(struct partition *p, const char *name, uint32_t v)
{
    uint8_t value[REGISTER_BYTES] = {0};
    store_le32(value, v);
    int n = debug_register_find(name);
    ck_assert_int_ge(n, 0);
    ck_assert(debug_register_write(partition_vcpu(p), (unsigned)n, value));
}

static inline uint32_t get(struct partition *p, const char *name)
{
    uint8_t value[REGISTER_BYTES];
    int n = debug_register_find(name);
    ck_assert_int_ge(n, 0);
    debug_register_read(partition_vcpu(p), (unsigned)n, value);
    return load_le32(value);
}

static inline void put(struct partition *p, uint32_t at, const void *bytes, size_t len)
{
    ck_assert_uint_eq(debug_write(partition_debug(p), at, bytes, len), len);
}

/* A machine about to run code at 0:1000 with a stack below. */
static inline struct partition *with_code(const uint8_t *code, size_t len)
{
    struct partition *p = make(CLOCK_INSNS);
    put(p, CODE, code, len);
    set(p, "cs", 0);
    set(p, "ip", CODE);
    set(p, "ss", 0);
    set(p, "esp", 0xF00);
    return p;
}

/* The same, about to run a loop of five rounds that is run for ever. */
static inline struct partition *counting_machine(void)
{
    static const uint8_t counting[] = {
        0xB9, 5,    0, /* 1000: mov cx, 5 */
        0x40,          /* 1003: inc ax */
        0x49,          /* 1004: dec cx */
        0x75, 0xFC,    /* 1005: jnz 1003 */
        0xEB, 0xF7,    /* 1007: jmp 1000 */
    };
    return with_code(counting, sizeof counting);
}

/* value: of tests/descriptors.h. */
static inline void descriptor(struct partition *p, uint32_t at, uint64_t value)
{
    put(p, at, &value, 8);
}

/* What was written into b holds part. */
#define SHOWS(b, part)                                                                      \
    do {                                                                                    \
        bytes_append((b), "", 1);                                                           \
        ck_assert_msg(strstr((char *)(b)->data, part), "no '%s' in:\n%s", part, (b)->data); \
    } while (0)

static inline void on(struct partition *p, enum stop_place_kind kind, uint16_t selector,
                      uint64_t address)
{
    ck_assert(stops_break_add(
        &partition_debug(p)->stops,
        (struct stop_place){.kind = kind, .selector = selector, .address = address}));
}

static inline void break_at(struct partition *p, uint64_t address)
{
    on(p, STOP_LINEAR, 0, address);
}

/* Runs to a stop; 1 is enough: a second of virtual time. */
static inline enum debug_reason run(struct partition *p)
{
    enum partition_end end = partition_run(p, partition_now(p) + 1000000000u, NULL, NULL);
    ck_assert_int_eq(end, PARTITION_DEBUG_STOP);
    return partition_debug(p)->stop.reason;
}

static inline enum debug_reason go(struct partition *p)
{
    debug_continue(partition_debug(p));
    return run(p);
}

static inline enum debug_reason step(struct partition *p)
{
    debug_step(partition_debug(p));
    return run(p);
}

#endif
