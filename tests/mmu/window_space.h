/* tests/mmu/window_space.h: one address space in a rig, for tests of windows. */
#ifndef UMBRA_TESTS_MMU_WINDOW_SPACE_H
#define UMBRA_TESTS_MMU_WINDOW_SPACE_H

#include "tests/mmu/window_rig.h"

#include "tests/check_main.h"

#define MB(n)     ((n)*0x100000u)
#define RAM       MB(32)
#define DIRECTORY 0x10000u
#define TABLE     0x11000u
#define FRAME_A   MB(2)
#define FRAME_B   (MB(2) + 0x5000)
#define GVA       MB(4)

/* 32-bit paging; the 4 MiB at GVA through TABLE, whose first entry is FRAME_A. */
static inline void open_paged(struct rig *r)
{
    ck_assert(rig_open(r, RAM, MB(1)));
    r->mode.paging = r->mode.pse = true;
    r->mode.root = DIRECTORY;
    rig_put32(r, DIRECTORY + 4, TABLE | RIG_P | RIG_W | RIG_U);
    rig_put32(r, TABLE, FRAME_A | RIG_P | RIG_W | RIG_U);
    *physmap_host(r->pm, FRAME_A) = 0xAA;
    *physmap_host(r->pm, FRAME_B) = 0xBB;
}

static inline uint8_t must_read(struct rig *r, uint32_t gva)
{
    uint8_t value = 0;
    ck_assert_msg(rig_read(r, gva, &value), "read of %x refused", gva);
    return value;
}

static inline bool is_mapped(struct rig *r, uint32_t gva, bool writable)
{
    uint64_t machine;
    bool may_write;
    rig_enter(r);
    return windows_lookup(r->w, gva, &machine, &may_write) && may_write == writable;
}

static inline bool is_unmapped(struct rig *r, uint32_t gva)
{
    return !is_mapped(r, gva, false) && !is_mapped(r, gva, true);
}

/* A switch to another root and what it costs in syncs. */
static inline void switch_to(struct rig *r, uint32_t root)
{
    r->mode.root = root;
    windows_flush(r->w, true);
    rig_enter(r);
}

/* The tests of a file: skipped on a host that cannot reserve address space. Returns main's status.
 */
static inline int run_window_tests(const char *name, const TTest *const *tests, size_t count)
{
    struct rig r;
    if (!rig_open(&r, RAM, 0)) {
        puts("SKIP: this host gives no windows");
        return 77;
    }
    rig_close(&r);
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    suite_add_tcase(suite, tc);
    for (size_t n = 0; n < count; n++)
        tcase_add_test(tc, tests[n]);
    return suite_status(suite);
}

#endif
