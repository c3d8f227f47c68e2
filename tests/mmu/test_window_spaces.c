/* Which window serves which address space: roots that come back, modes of paging, the A20 gate,
 * windows that are taken over, and that no number of roots or mappings runs the host dry. */
#include "tests/mmu/window_space.h"

START_TEST(an_address_space_that_comes_back_is_warm)
{
    struct rig r;
    open_paged(&r);
    const uint32_t other = 0x20000;
    rig_put32(&r, other + 4, TABLE | RIG_P | RIG_W | RIG_U | RIG_A);
    r.view = TLB_USER;
    must_read(&r, GVA);
    switch_to(&r, other);
    must_read(&r, GVA);
    uint64_t faults = windows_counters(r.w).faults;
    for (unsigned n = 0; n < 100; n++) {
        switch_to(&r, n & 1 ? other : DIRECTORY);
        must_read(&r, GVA);
    }
    ck_assert_uint_eq(windows_counters(r.w).faults, faults);
    rig_put32(&r, TABLE, FRAME_B | RIG_P | RIG_U); /* seen in both, each at its turn */
    switch_to(&r, other);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    switch_to(&r, DIRECTORY);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    ck_assert_uint_gt(windows_counters(r.w).faults, faults);
    rig_close(&r);
}
END_TEST

/* What the translator looks at in place of calling windows_enter. */
START_TEST(who_asks_sees_which_windows_are_ready_and_which_was_entered)
{
    struct rig r;
    open_paged(&r);
    const struct windows_ready *ready = windows_ready(r.w);
    uint8_t *base[TLB_VIEWS];
    for (r.view = 0; r.view < TLB_VIEWS; r.view++) {
        ck_assert_ptr_null(ready->base[r.view]);
        rig_enter(&r);
        base[r.view] = r.base;
        ck_assert_ptr_eq(ready->base[r.view], r.base);
        ck_assert_ptr_eq(ready->entered, r.base);
    }
    ck_assert_ptr_ne(base[TLB_USER], base[TLB_SUPERVISOR]);
    r.view = TLB_SUPERVISOR;
    rig_enter(&r);
    ck_assert_ptr_eq(ready->entered, base[TLB_SUPERVISOR]);
    ck_assert_ptr_eq(ready->base[TLB_USER], base[TLB_USER]);
    windows_flush_page(r.w, GVA);
    ck_assert_ptr_eq(ready->base[TLB_SUPERVISOR], base[TLB_SUPERVISOR]);
    windows_flush(r.w, true);
    ck_assert_ptr_null(ready->base[TLB_SUPERVISOR]);
    ck_assert_ptr_null(ready->base[TLB_USER]);
    rig_close(&r);
}
END_TEST

START_TEST(a_supervisor_window_taken_over_keeps_the_kernels_half)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, DIRECTORY + 0xC00, MB(0) | RIG_P | RIG_W | RIG_L); /* C0000000: a large page */
    must_read(&r, 0xC0000000);
    for (uint32_t n = 1; n <= 40; n++) {
        uint32_t root = MB(1) + n * 0x1000;
        rig_put32(&r, root + 4, TABLE | RIG_P | RIG_U);
        rig_put32(&r, root + 0xC00, rig_get32(&r, DIRECTORY + 0xC00));
        switch_to(&r, root);
        must_read(&r, 0xC0000000);
    }
    struct window_counters c = windows_counters(r.w);
    ck_assert_uint_le(c.faults, 8); /* one for each window that there may be, not for each root */
    rig_put32(&r, TABLE + 4, FRAME_B | RIG_P | RIG_U);
    ck_assert_uint_eq(must_read(&r, GVA + 0x1000), 0xBB);
    rig_close(&r);
}
END_TEST

START_TEST(the_a20_gate_and_short_address_buses_are_mappings_too)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    ck_assert(rig_write(&r, MB(1) + 5, 0x42));
    ck_assert_uint_eq(must_read(&r, 5), 0);
    physmap_set_a20(r.pm, false);
    ck_assert_uint_eq(must_read(&r, MB(1) + 5), 0);
    ck_assert(rig_write(&r, MB(1) + 5, 0x43));
    ck_assert_uint_eq(must_read(&r, 5), 0x43);
    physmap_set_a20(r.pm, true);
    ck_assert_uint_eq(must_read(&r, MB(1) + 5), 0x42);
    uint64_t faults = windows_counters(r.w).faults;
    for (unsigned n = 0; n < 100; n++) {
        physmap_set_a20(r.pm, n & 1);
        ck_assert_uint_eq(must_read(&r, MB(1) + 5), n & 1 ? 0x42 : 0x43);
    }
    ck_assert_uint_eq(windows_counters(r.w).faults, faults); /* both stay warm */
    r.mode.linear_mask = 0xFFFFF;                            /* an 8086 */
    windows_flush(r.w, true);
    ck_assert_uint_eq(must_read(&r, MB(1) + 5), 0x43);
    rig_close(&r);
}
END_TEST

START_TEST(the_a20_gate_moves_what_page_tables_name)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, TABLE, (MB(1) + 0x5000) | RIG_P | RIG_W | RIG_U);
    *physmap_host(r.pm, MB(1) + 0x5000) = 0x51;
    *physmap_host(r.pm, 0x5000) = 0x50;
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        r.view = view;
        for (unsigned on = 0; on < 2; on++) {
            physmap_set_a20(r.pm, on);
            ck_assert_uint_eq(must_read(&r, GVA), on ? 0x51 : 0x50);
        }
    }
    rig_close(&r);
}
END_TEST

/* The same root may mean other tables by CR4 and EFER. */
START_TEST(pae_on_and_off)
{
    struct rig r;
    open_paged(&r);
    r.mode.pdpte[0] = DIRECTORY | RIG_P; /* one page is the directory of both */
    rig_put64(&r, DIRECTORY + 16, rig_get32(&r, DIRECTORY + 4));
    rig_put32(&r, TABLE + 8, FRAME_B | RIG_P | RIG_U | RIG_A); /* page 2; with PAE page 1 */
    rig_put64(&r, TABLE + 16, FRAME_A | RIG_P | RIG_U | RIG_A);
    for (unsigned n = 0; n < 8; n++) {
        r.view = n / 4;
        r.mode.pae = n & 1;
        for (uint32_t k = 0; !r.mode.pae && k < 8;
             k++) { /* others take all windows that there are */
            rig_put32(&r, MB(8) + k * 0x1000 + 4, rig_get32(&r, DIRECTORY + 4));
            switch_to(&r, MB(8) + k * 0x1000);
            ck_assert_uint_eq(must_read(&r, GVA + 0x2000), 0xBB);
        }
        switch_to(&r, DIRECTORY);
        ck_assert_uint_eq(must_read(&r, GVA + 0x2000), n & 1 ? 0xAA : 0xBB);
    }
    rig_close(&r);
}
END_TEST

START_TEST(large_pages_on_and_off)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, DIRECTORY + 8, MB(8) | RIG_P | RIG_W | RIG_U | RIG_L); /* or a table there */
    rig_put32(&r, MB(8), FRAME_B | RIG_P | RIG_U | RIG_A);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        r.view = view;
        for (unsigned n = 0; n < 4; n++) {
            r.mode.pse = n & 1;
            windows_flush(r.w, true);
            ck_assert_uint_eq(must_read(&r, MB(8)), n & 1 ? RIG_P | RIG_U | RIG_A : 0xBB);
        }
    }
    rig_close(&r);
}
END_TEST

START_TEST(execute_disable_on_and_off)
{
    struct rig r;
    uint8_t v;
    ck_assert(rig_open(&r, RAM, MB(1)));
    r.mode.paging = r.mode.pae = true;
    r.mode.pdpte[0] = DIRECTORY | RIG_P;
    rig_put64(&r, DIRECTORY + 16, TABLE | RIG_P | RIG_W);
    rig_put64(&r, TABLE, FRAME_A | RIG_P | RIG_W | BIT(63)); /* reserved while it is off */
    for (unsigned n = 0; n < 4; n++) {
        r.mode.nxe = n & 1;
        windows_flush(r.w, true);
        ck_assert_int_eq(rig_read(&r, GVA, &v), n & 1);
    }
    rig_close(&r);
}
END_TEST

START_TEST(pae_roots_are_told_apart_by_their_pdptes)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    r.mode.paging = r.mode.pae = true;
    for (uint32_t n = 0; n < 2; n++) { /* both PDPTs in one page: CR3 differs below bit 12 */
        uint32_t directory = 0x20000 + n * 0x1000, table = 0x30000 + n * 0x1000;
        rig_put64(&r, directory, table | RIG_P | RIG_W);
        rig_put64(&r, table, (n ? FRAME_B : FRAME_A) | RIG_P | RIG_W);
    }
    *physmap_host(r.pm, FRAME_A) = 0xAA;
    *physmap_host(r.pm, FRAME_B) = 0xBB;
    for (unsigned n = 0; n < 6; n++) {
        r.mode.pdpte[0] = (0x20000 + (n & 1) * 0x1000) | RIG_P;
        windows_flush(r.w, true);
        ck_assert_uint_eq(must_read(&r, 0), n & 1 ? 0xBB : 0xAA);
    }
    ck_assert_uint_eq(windows_counters(r.w).faults, 2);
    rig_close(&r);
}
END_TEST

START_TEST(thousands_of_roots_cost_no_more_than_dozens)
{
    struct rig r;
    open_paged(&r);
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t root = MB(8) + round * 0x1000;
        rig_put32(&r, root + 4, TABLE | RIG_P | RIG_W | RIG_U);
        r.view = round & 1;
        switch_to(&r, root);
        ck_assert_ptr_nonnull(r.base);
        ck_assert_uint_eq((uintptr_t)r.base % WINDOW_SIZE, 0);
        ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    }
    ck_assert_uint_le(windows_counters(r.w).windows, 80);
    rig_close(&r);
}
END_TEST

/* A program that is switched to time and again keeps its window among many that come and go. */
START_TEST(the_window_used_least_lately_goes_first)
{
    struct rig r;
    open_paged(&r);
    r.view = TLB_USER;
    must_read(&r, GVA);
    for (unsigned n = 0; n < 300; n++) {
        uint32_t root = MB(8) + n * 0x1000;
        rig_put32(&r, root + 4, TABLE | RIG_P | RIG_W | RIG_U);
        switch_to(&r, root);
        must_read(&r, GVA);
        switch_to(&r, DIRECTORY);
        must_read(&r, GVA);
    }
    ck_assert_uint_eq(windows_counters(r.w).faults, 301);
    rig_close(&r);
}
END_TEST

/* Programs that run in ring 0 have little in common: they get more windows than kernels do. */
START_TEST(supervisor_windows_grow_in_number_where_being_taken_over_costs)
{
    enum { ROOTS = 12, PAGES = 40 };
    struct rig r;
    open_paged(&r);
    for (uint32_t n = 0; n < ROOTS; n++) {
        uint32_t root = MB(8) + n * 0x2000, table = root + 0x1000;
        rig_put32(&r, root + 4, table | RIG_P | RIG_W);
        for (uint32_t page = 0; page < PAGES; page++) {
            uint32_t frame = MB(16) + (n * PAGES + page) * 0x2000;
            rig_put32(&r, table + 4 * page, frame | RIG_P);
            *physmap_host(r.pm, frame) = (uint8_t)(n + page);
        }
    }
    uint64_t before = 0;
    for (unsigned round = 0; round < 20; round++) {
        before = windows_counters(r.w).faults;
        for (uint32_t n = 0; n < ROOTS; n++) {
            switch_to(&r, MB(8) + n * 0x2000);
            for (uint32_t page = 0; page < PAGES; page++)
                ck_assert_uint_eq(must_read(&r, GVA + page * 0x1000), (uint8_t)(n + page));
        }
    }
    ck_assert_uint_eq(windows_counters(r.w).faults, before);
    rig_close(&r);
}
END_TEST

START_TEST(scattered_pages_never_use_up_the_hosts_mappings)
{
    struct rig r;
    open_paged(&r);
    const uint32_t pages = 1024;
    for (uint32_t n = 0; n < 6; n++) /* 6 tables, in each every page one before the last one */
        for (uint32_t k = 0; k < pages; k++) {
            rig_put32(&r, DIRECTORY + 4 * n, (0x40000 + n * 0x1000) | RIG_P | RIG_U);
            rig_put32(&r, 0x40000 + n * 0x1000 + 4 * k,
                      (MB(8) + (pages - k) * 0x1000) | RIG_P | RIG_U);
        }
    windows_limit(r.w, 2000);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t n = 0; n < 6 * pages; n++) {
            uint32_t k = n * 37 % (6 * pages);
            *physmap_host(r.pm, MB(8) + (pages - k % pages) * 0x1000) = (uint8_t)k;
            ck_assert_uint_eq(must_read(&r, k << 12), (uint8_t)k);
            ck_assert_uint_le(windows_counters(r.w).mappings, 2000 + 8);
        }
    }
    ck_assert_uint_gt(windows_counters(r.w).evictions, 0);
    rig_close(&r);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_address_space_that_comes_back_is_warm,
        who_asks_sees_which_windows_are_ready_and_which_was_entered,
        a_supervisor_window_taken_over_keeps_the_kernels_half,
        the_a20_gate_and_short_address_buses_are_mappings_too,
        the_a20_gate_moves_what_page_tables_name,
        pae_on_and_off,
        large_pages_on_and_off,
        execute_disable_on_and_off,
        pae_roots_are_told_apart_by_their_pdptes,
        thousands_of_roots_cost_no_more_than_dozens,
        the_window_used_least_lately_goes_first,
        supervisor_windows_grow_in_number_where_being_taken_over_costs,
        scattered_pages_never_use_up_the_hosts_mappings,
    };
    return run_window_tests("window_spaces", tests, ARRAY_LEN(tests));
}
