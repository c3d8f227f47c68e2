/* Windows, rule by rule: A and D, rights, how stale a mapping may be, pages that become code, dirty
 * tracking, how much is mapped at once, page tables that are followed. test_window_spaces has which
 * window serves whom, test_window_random compares with the walker. */
#include "tests/mmu/window_space.h"

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

/* ... also when another page of the table was touched before the flush. */
START_TEST(rights_that_go_with_the_directorys_entry)
{
    struct rig r;
    open_paged(&r);
    r.view = TLB_USER;
    rig_put32(&r, TABLE + 400, FRAME_B | RIG_P | RIG_W | RIG_U);
    ck_assert(rig_write(&r, GVA, 1));
    rig_put32(&r, DIRECTORY + 4, rig_get32(&r, DIRECTORY + 4) & ~RIG_W);
    ck_assert_uint_eq(must_read(&r, GVA + 100 * 0x1000), 0xBB);
    windows_flush(r.w, true);
    ck_assert(!rig_write(&r, GVA, 2));
    ck_assert_uint_eq(must_read(&r, GVA), 1);
    rig_close(&r);
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
    for (uint32_t n = 0; n < 3; n++) /* three at once: the fourth stays */
        rig_put32(&r, TABLE + 4 * n, 0);
    windows_flush(r.w, true);
    for (uint32_t n = 0; n < 4; n++)
        ck_assert_int_eq(is_unmapped(&r, GVA + n * 0x1000), n < 3);
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
    const uint32_t frames[] = {MB(16), MB(12), MB(20), MB(14)}; /* not the bounds last */
    for (unsigned moved = 0; moved < ARRAY_LEN(frames); moved++) {
        struct rig r;
        open_paged(&r);
        uint64_t rom = physmap_alloc(r.pm, 0x1000);
        *physmap_host(r.pm, rom) = 0x99;
        for (uint32_t n = 0; n < ARRAY_LEN(frames); n++) {
            rig_put32(&r, TABLE + n * 400, frames[n] | RIG_P); /* pages 0, 100, ... */
            ck_assert_uint_eq(must_read(&r, GVA + n * 100 * 0x1000), 0);
        }
        physmap_map_rom(r.pm, frames[moved], 0x1000, rom, NO_BACKING);
        for (uint32_t n = 0; n < ARRAY_LEN(frames); n++)
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

START_TEST(tables_in_use_are_traced_from_the_time_it_is_asked_for)
{
    struct rig r;
    open_paged(&r);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    ck_assert(windows_trace(r.w, true, NULL, NULL));
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    physmap_write(r.pm, TABLE, FRAME_B | RIG_P | RIG_W | RIG_U, 4);
    ck_assert_uint_eq(must_read(&r, GVA), 0xBB);
    rig_put32(&r, TABLE + 0x1000, FRAME_A | RIG_P | RIG_W | RIG_U);
    physmap_write(r.pm, DIRECTORY + 4, (TABLE + 0x1000) | RIG_P | RIG_W | RIG_U, 4);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    rig_close(&r);
}
END_TEST

/* Half of an entry, all of a table, a run of directory entries: each write is compared whole. */
START_TEST(traced_writes_of_other_sizes)
{
    static const uint8_t zeros[PAGE_SIZE];
    struct rig r;
    uint8_t v;
    open_paged(&r);
    rig_put32(&r, TABLE + 4, FRAME_B | RIG_P | RIG_A);
    ck_assert(windows_trace(r.w, true, NULL, NULL));
    ck_assert_uint_eq(must_read(&r, GVA + 0x1000), 0xBB);
    physmap_write(r.pm, TABLE + 6, FRAME_A >> 16, 2); /* FRAME_A + 5000h is FRAME_B */
    physmap_write(r.pm, TABLE + 5, 0, 1);             /* and now FRAME_A */
    ck_assert_uint_eq(must_read(&r, GVA + 0x1000), 0xAA);
    ck_assert_uint_eq(must_read(&r, GVA), 0xAA);
    physmap_poke(r.pm, TABLE, zeros, sizeof zeros);
    ck_assert(!rig_read(&r, GVA, &v));
    ck_assert(!rig_read(&r, GVA + 0x1000, &v));
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

int main(void)
{
    const TTest *const tests[] = {
        a_read_sets_a_and_maps_for_reading,
        what_the_guest_faults_on_is_refused_and_changes_nothing,
        a_mapping_may_be_stale_until_the_flush_and_not_after,
        a_write_goes_where_the_entry_leads_when_it_faults,
        rights_that_go_are_gone_after_a_flush,
        rights_that_go_with_the_directorys_entry,
        neighbours_of_a_changed_entry,
        cleared_a_and_d_are_set_again_after_a_flush,
        a_large_page_is_mapped_at_once_and_goes_at_once,
        contiguous_pages_become_one_mapping,
        with_paging_off_ram_is_mapped_in_large_pieces,
        pages_marked_one_by_one_do_not_fault_one_by_one,
        a_page_that_becomes_code_is_read_only_at_once,
        code_is_found_after_thousands_of_changed_mappings,
        code_in_both_runs_of_a_leaf,
        code_in_a_large_page_splits_it_and_no_more,
        video_memory_is_mapped_and_its_writes_are_seen,
        a_map_change_drops_what_it_must,
        a_map_change_finds_all_pages_of_a_leaf,
        a_map_change_moves_page_tables_too,
        watched_pages_are_never_mapped,
        traced_tables_are_followed_until_they_hold_data,
        tables_in_use_are_traced_from_the_time_it_is_asked_for,
        traced_writes_of_other_sizes,
        tables_in_no_memory_are_refused,
    };
    return run_window_tests("window", tests, ARRAY_LEN(tests));
}
