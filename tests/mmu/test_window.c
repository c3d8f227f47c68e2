/* Windows, rule by rule: A and D, views and rights, how stale a mapping may be, address spaces
 * that stay warm, pages that become code, dirty tracking, how much is mapped at once, and that no
 * number of roots or mappings runs the host dry. test_window_random compares with the walker. */
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
static void open_paged(struct rig *r)
{
    ck_assert(rig_open(r, RAM, MB(1)));
    r->mode.paging = r->mode.pse = true;
    r->mode.root = DIRECTORY;
    rig_put32(r, DIRECTORY + 4, TABLE | RIG_P | RIG_W | RIG_U);
    rig_put32(r, TABLE, FRAME_A | RIG_P | RIG_W | RIG_U);
    *physmap_host(r->pm, FRAME_A) = 0xAA;
    *physmap_host(r->pm, FRAME_B) = 0xBB;
}

static uint8_t must_read(struct rig *r, uint32_t gva)
{
    uint8_t value = 0;
    ck_assert_msg(rig_read(r, gva, &value), "read of %x refused", gva);
    return value;
}

static bool is_mapped(struct rig *r, uint32_t gva, bool writable)
{
    uint64_t machine;
    bool may_write;
    rig_enter(r);
    return windows_lookup(r->w, gva, &machine, &may_write) && may_write == writable;
}

static bool is_unmapped(struct rig *r, uint32_t gva)
{
    return !is_mapped(r, gva, false) && !is_mapped(r, gva, true);
}

/* A switch to another root and what it costs in syncs. */
static void switch_to(struct rig *r, uint32_t root)
{
    r->mode.root = root;
    windows_flush(r->w, true);
    rig_enter(r);
}

START_TEST(a_read_sets_a_and_maps_for_reading)
{
    struct rig r;
    open_paged(&r);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    ck_assert_uint_eq(rig_get32(&r, TABLE) & (RIG_A | RIG_D), RIG_A);
    ck_assert(rig_get32(&r, DIRECTORY + 4) & RIG_A);
    ck_assert(is_mapped(&r, GVA, false));
    ck_assert(rig_write(&r, GVA, 0x11));
    ck_assert_uint_eq(rig_get32(&r, TABLE) & (RIG_A | RIG_D), RIG_A | RIG_D);
    ck_assert(is_mapped(&r, GVA, true));
    ck_assert_uint_eq(*physmap_host(r.pm, FRAME_A), 0x11);
    ck_assert_uint_eq(physmap_page_state(r.pm, FRAME_A), PAGE_DIRTY);
    rig_close(&r);
}
END_TEST

START_TEST(what_the_guest_faults_on_is_refused_and_changes_nothing)
{
    struct rig r;
    uint8_t v;
    open_paged(&r);
    rig_put32(&r, TABLE, FRAME_A | RIG_P); /* supervisor, read-only */
    r.view = TLB_USER;
    ck_assert(!rig_read(&r, GVA, &v));
    ck_assert_uint_eq(rig_get32(&r, TABLE), FRAME_A | RIG_P);
    r.view = TLB_SUPERVISOR;
    ck_assert(rig_write(&r, GVA, 1)); /* CR0.WP is clear */
    r.mode.wp = true;
    windows_flush(r.w, true);
    ck_assert(!rig_write(&r, GVA, 1));
    ck_assert(rig_read(&r, GVA, &v));
    ck_assert(!rig_read(&r, GVA + 0x1000, &v)); /* not present */
    ck_assert(!rig_read(&r, MB(64), &v));       /* nor its table */
    rig_close(&r);
}
END_TEST

START_TEST(a_mapping_may_be_stale_until_the_flush_and_not_after)
{
    struct rig r;
    open_paged(&r);
    must_read(&r, GVA);
    rig_put32(&r, TABLE, FRAME_B | RIG_P | RIG_W | RIG_U);
    windows_flush_page(r.w, GVA + 0x1000); /* another page */
    windows_flush_page(r.w, GVA + 0xFFF);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    rig_put32(&r, TABLE, 0);
    windows_flush(r.w, true);
    uint8_t v;
    ck_assert(!rig_read(&r, GVA, &v));
    rig_put32(&r, TABLE, FRAME_A | RIG_P | RIG_U); /* from absent to present: no flush needed */
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    ck_assert(!rig_write(&r, GVA, 1) || r.view == TLB_SUPERVISOR);
    rig_put32(&r, DIRECTORY + 4, 0);
    windows_flush_page(r.w, GVA); /* the directory entry goes with it */
    ck_assert(!rig_read(&r, GVA, &v));
    rig_close(&r);
}
END_TEST

/* Without a flush a read may see the old page, but a write that faults the one that is there now.
 */
START_TEST(a_write_goes_where_the_entry_leads_when_it_faults)
{
    struct rig r;
    open_paged(&r);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    rig_put32(&r, TABLE, FRAME_B | RIG_P | RIG_W | RIG_U);
    ck_assert(rig_write(&r, GVA, 0x77));
    ck_assert_uint_eq(*physmap_host(r.pm, FRAME_A), 0xAA);
    ck_assert_uint_eq(*physmap_host(r.pm, FRAME_B), 0x77);
    ck_assert_uint_eq(must_read(&r, GVA), 0x77);
    rig_close(&r);
}
END_TEST

/* Rights that the guest takes away, in the page's entry or the table's. */
START_TEST(rights_that_go_are_gone_after_a_flush)
{
    static const uint32_t places[] = {TABLE, DIRECTORY + 4}, rights[] = {RIG_U, RIG_W};
    for (unsigned place = 0; place < 2; place++) {
        for (unsigned right = 0; right < 2; right++) {
            struct rig r;
            uint8_t v;
            open_paged(&r);
            r.view = TLB_USER;
            ck_assert(rig_write(&r, GVA, 1));
            rig_put32(&r, places[place], rig_get32(&r, places[place]) & ~rights[right]);
            windows_flush(r.w, true);
            ck_assert(!rig_write(&r, GVA, 2));
            ck_assert_int_eq(rig_read(&r, GVA, &v), rights[right] == RIG_W);
            rig_close(&r);
        }
    }
}
END_TEST

/* Entries that stand side by side are compared again when one of them has changed. */
START_TEST(neighbours_of_a_changed_entry)
{
    struct rig r;
    open_paged(&r);
    for (uint32_t n = 0; n < 4; n++)
        rig_put32(&r, TABLE + 4 * n, (FRAME_A + n * 0x2000) | RIG_P | RIG_A);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    for (uint32_t n = 0; n < 4; n++) {
        rig_put32(&r, TABLE + 4 * n, FRAME_B | RIG_P | RIG_A);
        windows_flush(r.w, true);
        ck_assert(is_unmapped(&r, GVA + n * 0x1000));
    }
    ck_assert_uint_eq(must_read(&r, GVA + 0x3000), 0xBB);
    rig_close(&r);
}
END_TEST

START_TEST(cleared_a_and_d_are_set_again_after_a_flush)
{
    struct rig r;
    open_paged(&r);
    ck_assert(rig_write(&r, GVA, 1));
    rig_put32(&r, TABLE, rig_get32(&r, TABLE) & ~RIG_D);
    windows_flush_page(r.w, GVA);
    ck_assert(rig_write(&r, GVA, 2));
    ck_assert(rig_get32(&r, TABLE) & RIG_D);
    rig_put32(&r, TABLE, rig_get32(&r, TABLE) & ~(RIG_A | RIG_D));
    windows_flush(r.w, true);
    must_read(&r, GVA);
    ck_assert_uint_eq(rig_get32(&r, TABLE) & (RIG_A | RIG_D), RIG_A);
    rig_close(&r);
}
END_TEST

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

START_TEST(a_large_page_is_mapped_at_once_and_goes_at_once)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, DIRECTORY + 8, MB(8) | RIG_P | RIG_W | RIG_U | RIG_L | RIG_A | RIG_D);
    *physmap_host(r.pm, MB(8) + 0x123456) = 0x77;
    ck_assert_uint_eq(must_read(&r, MB(8) + 0x123456), 0x77);
    ck_assert(is_mapped(&r, MB(8), false));
    must_read(&r, MB(11));
    ck_assert_uint_le(windows_counters(r.w).maps, 2);
    ck_assert_uint_le(windows_counters(r.w).mappings, 4);
    rig_put32(&r, DIRECTORY + 8, MB(16) | RIG_P | RIG_W | RIG_U | RIG_L);
    *physmap_host(r.pm, MB(16) + 0x123456) = 0x78;
    windows_flush_page(r.w, MB(8)); /* any address of it means all of it */
    ck_assert(is_unmapped(&r, MB(8) + 0x3FFFFF));
    ck_assert_uint_eq(must_read(&r, MB(8) + 0x123456), 0x78);
    rig_close(&r);
}
END_TEST

START_TEST(contiguous_pages_become_one_mapping)
{
    struct rig r;
    open_paged(&r);
    for (uint32_t n = 0; n < 64; n++)
        rig_put32(&r, TABLE + 4 * n, (MB(4) + n * 0x1000) | RIG_P | RIG_U | RIG_A);
    rig_put32(&r, TABLE + 4 * 40, (MB(4) + 40 * 0x1000) | RIG_P | RIG_U); /* not accessed yet */
    must_read(&r, GVA + 0x10000);
    struct window_counters c = windows_counters(r.w);
    ck_assert_uint_eq(c.faults, 1);
    ck_assert_uint_eq(c.maps, 1);
    ck_assert(is_mapped(&r, GVA, false));
    ck_assert(is_mapped(&r, GVA + 39 * 0x1000, false));
    ck_assert(is_unmapped(&r, GVA + 40 * 0x1000)); /* its A must be set by an access */
    must_read(&r, GVA + 40 * 0x1000);
    ck_assert(is_mapped(&r, GVA + 63 * 0x1000, false));
    ck_assert_uint_le(windows_counters(r.w).mappings, 4);
    rig_close(&r);
}
END_TEST

START_TEST(with_paging_off_ram_is_mapped_in_large_pieces)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    for (uint32_t at = 0; at < RAM; at += 0x1000)
        ck_assert(rig_write(&r, at, (uint8_t)(at >> 12)));
    struct window_counters c = windows_counters(r.w);
    ck_assert_uint_le(c.faults, RAM / 0x1000 / 16); /* 8192 pages */
    ck_assert_uint_le(c.mappings, 4);
    for (uint32_t at = 0; at < RAM; at += 0x1000)
        ck_assert_uint_eq(*physmap_host(r.pm, at), (uint8_t)(at >> 12));
    uint8_t v;
    ck_assert(!rig_read(&r, RAM, &v)); /* a hole */
    rig_close(&r);
}
END_TEST

/* REP STOS by its handler marks a page dirty before host code writes the rest of it. */
START_TEST(pages_marked_one_by_one_do_not_fault_one_by_one)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    ck_assert_uint_eq(must_read(&r, 0), 0); /* it is mapped for reading */
    for (uint32_t at = 0; at < RAM; at += 0x1000) {
        physmap_wrote(r.pm, at, 4);
        ck_assert(rig_write(&r, at + 4, (uint8_t)(at >> 12)));
    }
    ck_assert_uint_le(windows_counters(r.w).faults, RAM / 0x1000 / 16);
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

START_TEST(a_page_that_becomes_code_is_read_only_at_once)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, TABLE + 4, FRAME_A | RIG_P | RIG_W | RIG_U); /* an alias */
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        r.view = view;
        ck_assert(rig_write(&r, GVA, 1));
        ck_assert(rig_write(&r, GVA + 0x1000, 2));
    }
    uint64_t unmapped = windows_counters(r.w).pages_unmapped;
    physmap_code_mark(r.pm, FRAME_A + 0x123);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        r.view = view;
        ck_assert(is_mapped(&r, GVA, false));
        ck_assert_uint_eq(must_read(&r, GVA + 0x1000), 2);
        ck_assert(!rig_write(&r, GVA, 3));
        ck_assert(!rig_write(&r, GVA + 0x1000, 3));
    }
    ck_assert_uint_eq(windows_counters(r.w).pages_unmapped, unmapped);
    physmap_code_unmark(r.pm, FRAME_A);
    ck_assert(rig_write(&r, GVA, 3));
    rig_close(&r);
}
END_TEST

/* The reverse map's nodes outlive their mappings, and are made anew from time to time. */
START_TEST(code_is_found_after_thousands_of_changed_mappings)
{
    struct rig r;
    open_paged(&r);
    rig_put32(&r, DIRECTORY + 8, MB(8) | RIG_P | RIG_W | RIG_L);
    ck_assert(rig_write(&r, MB(8), 1));
    for (uint32_t n = 0; n < 10000; n++) {
        rig_put32(&r, TABLE, (n & 1 ? FRAME_A : FRAME_B) | RIG_P | RIG_W);
        windows_flush_page(r.w, GVA);
        ck_assert(rig_write(&r, GVA, (uint8_t)n));
    }
    physmap_code_mark(r.pm, MB(8));
    ck_assert(!rig_write(&r, MB(8), 2));
    physmap_code_mark(r.pm, FRAME_A);
    ck_assert(!rig_write(&r, GVA, 2));
    rig_close(&r);
}
END_TEST

/* 2 MiB of which the second half lies elsewhere, at a like place. */
START_TEST(code_in_both_runs_of_a_leaf)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    physmap_map_ram(r.pm, MB(3), MB(1), MB(5));
    ck_assert(rig_write(&r, MB(2), 1));
    ck_assert(rig_write(&r, MB(3), 2));
    ck_assert_uint_eq(*physmap_host(r.pm, MB(5)), 2);
    physmap_code_mark(r.pm, MB(2));
    physmap_code_mark(r.pm, MB(5));
    ck_assert(!rig_write(&r, MB(2), 3));
    ck_assert(!rig_write(&r, MB(3), 3));
    rig_close(&r);
}
END_TEST

START_TEST(code_in_a_large_page_splits_it_and_no_more)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    for (uint32_t at = 0; at < MB(4); at += 0x1000)
        ck_assert(rig_write(&r, at, 1));
    for (uint32_t at = 0x100000; at < 0x110000; at += 0x1000)
        physmap_code_mark(r.pm, at);
    ck_assert(!rig_write(&r, 0x108000, 2));
    uint64_t faults = windows_counters(r.w).faults;
    ck_assert(rig_write(&r, 0xFF000, 2));
    ck_assert(rig_write(&r, 0x110000, 2));
    ck_assert_uint_eq(windows_counters(r.w).faults, faults);
    ck_assert_uint_le(windows_counters(r.w).mappings, 6);
    rig_close(&r);
}
END_TEST

START_TEST(video_memory_is_mapped_and_its_writes_are_seen)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    uint64_t offset = physmap_alloc(r.pm, 0x20000);
    physmap_map_vram(r.pm, 0xE0000000, 0x20000, offset);
    uint8_t bitmap[4] = {0};
    ck_assert(rig_write(&r, 0xE0003000, 0x5A));
    ck_assert_uint_eq(*physmap_host(r.pm, offset + 0x3000), 0x5A);
    ck_assert(physmap_take_dirty(r.pm, offset, 0x20000, PAGE_DIRTY_DISPLAY, bitmap));
    ck_assert_uint_eq(bitmap[0], 0x08);
    ck_assert(is_mapped(&r, 0xE0003000, false));
    ck_assert(!physmap_take_dirty(r.pm, offset, 0x20000, PAGE_DIRTY_DISPLAY, NULL));
    ck_assert(rig_write(&r, 0xE0003004, 0x5B));
    ck_assert(physmap_take_dirty(r.pm, offset, 0x20000, PAGE_DIRTY_DISPLAY, NULL));
    rig_close(&r);
}
END_TEST

START_TEST(a_map_change_drops_what_it_must)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    ck_assert(rig_write(&r, 0xC0000, 0x12));
    uint64_t rom = physmap_alloc(r.pm, 0x10000);
    *physmap_host(r.pm, rom) = 0x99;
    physmap_map_rom(r.pm, 0xC0000, 0x10000, rom, NO_BACKING);
    ck_assert(is_unmapped(&r, 0xCFFFF));
    ck_assert(is_mapped(&r, 0xD0000, false)); /* its neighbours stay */
    ck_assert_uint_eq(must_read(&r, 0xC0000), 0x99);
    ck_assert(!rig_write(&r, 0xC0000, 0x12));
    physmap_unmap(r.pm, 0xC0000, 0x1000);
    uint8_t v;
    ck_assert(!rig_read(&r, 0xC0000, &v));
    ck_assert_uint_eq(must_read(&r, 0xC1000), 0);
    rig_close(&r);
}
END_TEST

START_TEST(a_map_change_finds_all_pages_of_a_leaf)
{
    const uint32_t frames[] = {MB(16), MB(12), MB(20)};
    for (unsigned moved = 0; moved < 3; moved++) {
        struct rig r;
        open_paged(&r);
        uint64_t rom = physmap_alloc(r.pm, 0x1000);
        *physmap_host(r.pm, rom) = 0x99;
        for (uint32_t n = 0; n < 3; n++) {
            rig_put32(&r, TABLE + n * 400, frames[n] | RIG_P); /* pages 0, 100, 200 */
            ck_assert_uint_eq(must_read(&r, GVA + n * 100 * 0x1000), 0);
        }
        physmap_map_rom(r.pm, frames[moved], 0x1000, rom, NO_BACKING);
        for (uint32_t n = 0; n < 3; n++)
            ck_assert_uint_eq(must_read(&r, GVA + n * 100 * 0x1000), n == moved ? 0x99 : 0);
        rig_close(&r);
    }
}
END_TEST

START_TEST(a_map_change_moves_page_tables_too)
{
    struct rig r;
    open_paged(&r);
    must_read(&r, GVA);
    uint64_t copy = physmap_alloc(r.pm, 0x1000);
    store_le32(physmap_host(r.pm, copy), FRAME_B | RIG_P | RIG_W | RIG_U | RIG_A);
    physmap_map_rom(r.pm, TABLE, 0x1000, copy, NO_BACKING);
    windows_flush(r.w, true);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    rig_close(&r);
}
END_TEST

static bool watch_page(const void *ctx, uint32_t gva)
{
    return gva >> 12 == *(const uint32_t *)ctx >> 12;
}

START_TEST(watched_pages_are_never_mapped)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    uint32_t where = 0x5008;
    must_read(&r, 0x5000);
    windows_watch(r.w, watch_page, &where);
    windows_drop(r.w);
    uint8_t v;
    ck_assert(!rig_read(&r, 0x5000, &v));
    ck_assert(rig_write(&r, 0x6000, 1));
    ck_assert(rig_write(&r, 0x4000, 1));
    ck_assert(!rig_read(&r, 0x5FFF, &v));
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

static void note_stale(void *ctx, uint32_t gva)
{
    *(uint32_t *)ctx = gva;
}

START_TEST(traced_tables_are_followed_until_they_hold_data)
{
    struct rig r;
    open_paged(&r);
    uint32_t last = 0;
    ck_assert(windows_trace(r.w, true, note_stale, &last));
    must_read(&r, GVA);
    physmap_write(r.pm, TABLE, FRAME_B | RIG_P | RIG_W | RIG_U, 4); /* no flush */
    ck_assert_uint_eq(last, GVA);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    ck_assert(physmap_page_state(r.pm, TABLE) & PAGE_TRACED);
    ck_assert(physmap_page_state(r.pm, DIRECTORY) & PAGE_TRACED);
    rig_put32(&r, TABLE + 4, TABLE | RIG_P | RIG_W | RIG_U | RIG_A | RIG_D);
    ck_assert(!rig_write(&r, GVA + 0x1000, 1)); /* the table itself: read-only in the window */
    physmap_write(r.pm, DIRECTORY + 4, 0, 4);
    uint8_t v;
    ck_assert(!rig_read(&r, GVA, &v));
    physmap_write(r.pm, TABLE + 12, 0, 4); /* nobody's table now */
    ck_assert(!(physmap_page_state(r.pm, TABLE) & PAGE_TRACED));
    /* A directory that the guest freed while its window is kept. */
    r.mode.root = 0x20000;
    rig_put32(&r, 0x20000 + 4, TABLE | RIG_P | RIG_W | RIG_U);
    switch_to(&r, 0x20000);
    for (unsigned n = 0; n < 70; n++)
        physmap_write(r.pm, DIRECTORY + 0x800, n, 4);
    ck_assert(!(physmap_page_state(r.pm, DIRECTORY) & PAGE_TRACED));
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    ck_assert(windows_trace(r.w, false, NULL, NULL));
    ck_assert(!(physmap_page_state(r.pm, TABLE) & PAGE_TRACED));
    rig_close(&r);
}
END_TEST

START_TEST(tables_in_no_memory_are_refused)
{
    struct rig r;
    uint8_t v;
    open_paged(&r);
    rig_put32(&r, DIRECTORY + 4, MB(64) | RIG_P | RIG_W | RIG_U); /* reads as all ones */
    ck_assert(!rig_read(&r, GVA, &v));
    r.mode.root = MB(512);
    windows_flush(r.w, true);
    ck_assert(!rig_read(&r, GVA, &v));
    rig_close(&r);
}
END_TEST

/* A host that cannot reserve address space (or an emulated one) has no windows to test. */
int main(void)
{
    struct rig r;
    if (!rig_open(&r, RAM, 0)) {
        puts("SKIP: this host gives no windows");
        return 77;
    }
    rig_close(&r);
    const TTest *const tests[] = {
        a_read_sets_a_and_maps_for_reading,
        what_the_guest_faults_on_is_refused_and_changes_nothing,
        a_mapping_may_be_stale_until_the_flush_and_not_after,
        a_write_goes_where_the_entry_leads_when_it_faults,
        rights_that_go_are_gone_after_a_flush,
        neighbours_of_a_changed_entry,
        cleared_a_and_d_are_set_again_after_a_flush,
        an_address_space_that_comes_back_is_warm,
        a_supervisor_window_taken_over_keeps_the_kernels_half,
        a_large_page_is_mapped_at_once_and_goes_at_once,
        contiguous_pages_become_one_mapping,
        with_paging_off_ram_is_mapped_in_large_pieces,
        pages_marked_one_by_one_do_not_fault_one_by_one,
        the_a20_gate_and_short_address_buses_are_mappings_too,
        the_a20_gate_moves_what_page_tables_name,
        pae_on_and_off,
        large_pages_on_and_off,
        execute_disable_on_and_off,
        a_page_that_becomes_code_is_read_only_at_once,
        code_is_found_after_thousands_of_changed_mappings,
        code_in_both_runs_of_a_leaf,
        code_in_a_large_page_splits_it_and_no_more,
        video_memory_is_mapped_and_its_writes_are_seen,
        a_map_change_drops_what_it_must,
        a_map_change_finds_all_pages_of_a_leaf,
        a_map_change_moves_page_tables_too,
        watched_pages_are_never_mapped,
        pae_roots_are_told_apart_by_their_pdptes,
        thousands_of_roots_cost_no_more_than_dozens,
        the_window_used_least_lately_goes_first,
        supervisor_windows_grow_in_number_where_being_taken_over_costs,
        scattered_pages_never_use_up_the_hosts_mappings,
        traced_tables_are_followed_until_they_hold_data,
        tables_in_no_memory_are_refused,
    };
    Suite *suite = suite_create("window");
    TCase *tc = tcase_create("window");
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    suite_add_tcase(suite, tc);
    for (size_t n = 0; n < ARRAY_LEN(tests); n++)
        tcase_add_test(tc, tests[n]);
    return suite_status(suite);
}
