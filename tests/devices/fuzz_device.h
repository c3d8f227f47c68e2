/* tests/devices/fuzz_device.h: hammers one device model with random port, MMIO, PCI, pin, timer,
 * DMA and INTA traffic on the fake machine, resets it, saves and loads it, also from damaged
 * snapshots. What must not happen is a crash, a sanitizer finding, a write outside the device's
 * pins or ranges (the test bus aborts), a storm of timers, or a course that depends on anything but
 * the seed. */
#ifndef UMBRA_TESTS_DEVICES_FUZZ_DEVICE_H
#define UMBRA_TESTS_DEVICES_FUZZ_DEVICE_H

#include "tests/devices/testbus.h"

struct fuzz_random {
    uint64_t state;
};

/* The next 64 random bits; below(n) gives 0..n-1. */
uint64_t fuzz_next(struct fuzz_random *r);
uint64_t fuzz_below(struct fuzz_random *r, uint64_t n);

struct fuzz_target {
    const struct device_class *class;
    const void *config;
    struct dma_limits limits;
    bool damage_snapshots; /* also load snapshots with random field values */
    /* Input from the host (keys, received bytes ...), may be NULL. */
    void (*host)(void *state, struct fuzz_random *r);
    /* Before each run: rewinds what config refers to (disk contents ...), may be NULL. */
    void (*rewind)(const void *config);
};

/* One run of so many steps. Returns a hash of the device's final state, registers and pins: two
 * runs with the same seed must agree. */
uint64_t fuzz_run(const struct fuzz_target *target, uint64_t seed, unsigned steps);

/* The main function of a fuzz program: without arguments a short run over all targets; with
 * "SECONDS [SEED]" seeds are tried for so long. Prints target and seed before each run, so that an
 * abort can be repeated. Returns the exit status. */
int fuzz_main(int argc, char **argv, const struct fuzz_target *targets, unsigned count);

#endif
