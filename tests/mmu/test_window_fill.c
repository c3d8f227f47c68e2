/* mmu/window_fill: what is mapped, or marked as written, around a page that faults: no more than
 * changes nothing for the guest. */
#include "tests/mmu/window_space.h"

#define FRAMES MB(2)
#define PAGES  64
#define SEEN   (RIG_P | RIG_W | RIG_A | RIG_D)

/* 32-bit paging (or PAE); PAGES pages from GVA lie in a row from FRAMES, all accessed and dirty. */
static void open_row(struct rig *r, bool pae)
{
    ck_assert(rig_open(r, RAM, MB(1)));
    r->mode.paging = true;
    r->mode.pae = pae;
    r->mode.root = DIRECTORY;
    r->mode.pdpte[0] = DIRECTORY | RIG_P;
    rig_put32(r, DIRECTORY + (pae ? 16 : 4), TABLE | SEEN);
    for (uint32_t n = 0; n < PAGES; n++) {
        uint64_t at = FRAMES + n * PAGE_SIZE;
        rig_put32(r, TABLE + n * (pae ? 8 : 4), (uint32_t)at | SEEN);
        *physmap_host(r->pm, at) = (uint8_t)n;
        physmap_wrote(r->pm, at, 1);
    }
}

static uint32_t page(uint32_t n)
{
    return GVA + n * (uint32_t)PAGE_SIZE;
}

START_TEST(what_was_mapped_along_is_compared_as_well)
{
    for (unsigned pae = 0; pae < 2; pae++) {
        struct rig r;
        open_row(&r, pae);
        ck_assert_uint_eq(must_read(&r, GVA), 0);
        ck_assert(!is_unmapped(&r, page(40)));
        rig_put32(&r, TABLE + 40 * (pae ? 8 : 4), FRAMES | SEEN);
        windows_flush(r.w, true);
        ck_assert_uint_eq(must_read(&r, page(40)), 0);
        ck_assert_uint_eq(must_read(&r, page(41)), 41);
        rig_close(&r);
    }
}
END_TEST

START_TEST(reserved_bits_beside_it)
{
    uint8_t value;
    struct rig r;
    open_row(&r, true);
    store_le64(physmap_host(r.pm, TABLE + 8), (FRAMES + PAGE_SIZE) | SEEN | BIT(40));
    store_le64(physmap_host(r.pm, TABLE + 16), (FRAMES + 2 * PAGE_SIZE) | SEEN | BIT(63)); /* XD */
    must_read(&r, GVA);
    ck_assert(!rig_read(&r, page(1), &value));
    ck_assert(!rig_read(&r, page(2), &value));
    r.mode.nxe = true;
    windows_flush(r.w, true);
    must_read(&r, GVA);
    ck_assert(!rig_read(&r, page(1), &value));
    ck_assert_uint_eq(must_read(&r, page(2)), 2);
    rig_close(&r);
}
END_TEST

START_TEST(pages_that_are_shown_one_by_one_are_counted)
{
    struct rig r;
    open_row(&r, false);
    must_read(&r, GVA); /* and the others with it */
    ck_assert_uint_eq(windows_singles(r.w), 0);
    rig_put32(&r, TABLE + 4 * PAGES, (uint32_t)FRAMES | RIG_P | RIG_W);
    must_read(&r, page(PAGES)); /* fresh */
    ck_assert_uint_eq(windows_singles(r.w), 1);
    ck_assert(rig_write(&r, page(PAGES), 1)); /* and clean */
    ck_assert_uint_eq(windows_singles(r.w), 2);
    uint8_t value;
    ck_assert(!rig_read(&r, page(PAGES + 1), &value)); /* and absent */
    ck_assert_uint_eq(windows_singles(r.w), 3);
    rig_close(&r);
}
END_TEST

static bool watch_page(const void *ctx, uint32_t gva)
{
    return gva >> PAGE_SHIFT == *(const uint32_t *)ctx >> PAGE_SHIFT;
}

START_TEST(watched_pages_beside_it)
{
    const uint32_t where[] = {page(1) + 8, page(20) + 8}; /* of its group; of its run */
    for (unsigned n = 0; n < ARRAY_LEN(where); n++) {
        struct rig r;
        open_row(&r, false);
        windows_watch(r.w, watch_page, &where[n]);
        must_read(&r, GVA);
        ck_assert(is_unmapped(&r, where[n]));
        rig_close(&r);
    }
}
END_TEST

/* With paging off, or in a large page, a read maps all around it, ROM too, which was written when
 * it was loaded. */
START_TEST(rom_beside_it_stays_read_only)
{
    struct rig r;
    ck_assert(rig_open(&r, RAM, MB(1)));
    uint64_t rom = physmap_alloc(r.pm, 0x10000);
    physmap_map_rom(r.pm, 0xF0000, 0x10000, rom, NO_BACKING);
    uint8_t byte = 0x55;
    physmap_poke(r.pm, 0xF0000, &byte, 1);
    ck_assert(rig_write(&r, 0xE0000, 1));
    ck_assert_uint_eq(must_read(&r, 0xF0000), 0x55);
    ck_assert(!is_mapped(&r, 0xF0000, true));
    ck_assert(!rig_write(&r, 0xF0000, 1));
    ck_assert_uint_eq(*physmap_host(r.pm, rom), 0x55);
    rig_close(&r);
}
END_TEST

/* A write marks a block of pages dirty, but none beyond its region. */
START_TEST(regions_end_where_they_end)
{
    enum { END = 0x7FD000 };
    struct rig r;
    ck_assert(rig_open(&r, END, 0x20000));
    uint64_t vram = physmap_alloc(r.pm, 0x20000);
    ck_assert_uint_eq(vram, END);
    physmap_map_vram(r.pm, 0xE0000000, 0x20000, vram);
    ck_assert(rig_write(&r, END - 0x1000, 1));
    ck_assert_uint_eq(physmap_page_state(r.pm, END - 0x1000), PAGE_DIRTY);
    ck_assert_uint_eq(physmap_page_state(r.pm, vram), 0);
    rig_close(&r);
}
END_TEST

static void count_code(void *ctx, uint64_t offset, uint64_t len)
{
    (void)offset;
    (void)len;
    ++*(unsigned *)ctx;
}

/* ... and says nothing of pages with code, which nobody wrote to. */
START_TEST(code_beside_it_stays)
{
    struct rig r;
    unsigned told = 0;
    ck_assert(rig_open(&r, RAM, MB(1)));
    struct physmap_listener *listener = calloc(1, sizeof *listener); /* the map frees it */
    *listener = (struct physmap_listener){.ctx = &told, .code_written = count_code};
    physmap_listen(r.pm, listener);
    physmap_code_mark(r.pm, 0x103000);
    ck_assert(rig_write(&r, 0x102000, 1));
    ck_assert_uint_eq(told, 0);
    ck_assert(is_mapped(&r, 0x104000, true));
    ck_assert(!is_mapped(&r, 0x103000, true));
    rig_close(&r);
}
END_TEST

START_TEST(the_supervisor_is_told_of_pages_of_the_users)
{
    for (unsigned pae = 0; pae < 2; pae++) {
        struct rig r;
        open_row(&r, pae);
        for (unsigned users = 0; users < 4; users++) { /* bit 0: the directory, bit 1: the page */
            bool both = users == 3;
            rig_put32(&r, DIRECTORY + (pae ? 16 : 4), TABLE | SEEN | (users & 1 ? RIG_U : 0));
            rig_put32(&r, TABLE, FRAMES | SEEN | (users & 2 ? RIG_U : 0));
            windows_flush(r.w, true);
            r.view = TLB_SUPERVISOR;
            rig_enter(&r);
            ck_assert_int_eq(windows_fault(r.w, GVA, false), both ? WINDOW_STRAY : WINDOW_RETRY);
            r.view = TLB_USER;
            rig_enter(&r);
            ck_assert_int_eq(windows_fault(r.w, GVA, false), both ? WINDOW_RETRY : WINDOW_REFUSED);
        }
        rig_close(&r);
    }
}
END_TEST

START_TEST(the_supervisor_is_told_of_pages_that_come_and_go)
{
    for (unsigned view = TLB_SUPERVISOR; view <= TLB_USER; view++) {
        struct rig r;
        open_row(&r, false);
        r.view = (enum tlb_view)view;
        uint32_t users = view == TLB_USER ? RIG_U : 0;
        rig_put32(&r, DIRECTORY + 4, TABLE | SEEN | users);
        enum window_answer answer = WINDOW_REFUSED;
        for (uint32_t n = 0; n < 1000; n++) {
            rig_put32(&r, TABLE, (FRAMES + n % 2 * 0x1000) | SEEN | users);
            windows_flush_page(r.w, GVA);
            rig_enter(&r);
            answer = windows_fault(r.w, GVA, false);
            ck_assert_int_ne(answer, WINDOW_REFUSED);
            if (n < 500)
                ck_assert_int_eq(answer, WINDOW_RETRY);
        }
        ck_assert_int_eq(answer, view == TLB_USER ? WINDOW_RETRY : WINDOW_PASSING);
        rig_close(&r);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_was_mapped_along_is_compared_as_well,
                                  reserved_bits_beside_it,
                                  pages_that_are_shown_one_by_one_are_counted,
                                  watched_pages_beside_it,
                                  rom_beside_it_stays_read_only,
                                  regions_end_where_they_end,
                                  code_beside_it_stays,
                                  the_supervisor_is_told_of_pages_of_the_users,
                                  the_supervisor_is_told_of_pages_that_come_and_go};
    return run_window_tests("window_fill", tests, ARRAY_LEN(tests));
}
