/* The soft TLB: what it finds after fills, pushes, growth and each kind of flush. A model beside it
 * (an array by page) says what must never be found; what a real TLB may forget is not asserted but
 * where this one promises: just filled, pushed out a moment ago, global over a CR3 write. */
#include "mmu/tlb.h"

#include <stdlib.h>

#include "tests/cpu/fpgen.h"
#include "tests/cpu/harness.h"

static uint8_t memory[2][4096]; /* hosts; only their addresses matter */

static uint8_t *host_of(unsigned n)
{
    return memory[n & 1];
}

static struct tlb *make(void)
{
    struct tlb *tlb = calloc(1, sizeof *tlb);
    ck_assert_ptr_nonnull(tlb);
    tlb_init(tlb);
    return tlb;
}

static uint8_t *find(struct tlb *tlb, uint32_t gva)
{
    return tlb_lookup(tlb, TLB_USER, TLB_READ, gva, 1);
}

static void fill(struct tlb *tlb, uint32_t gva, bool global, bool large)
{
    tlb_fill(tlb, TLB_USER, TLB_READ, gva, host_of(gva >> 12), global, large);
}

#define FAR \
    (UINT32_C(1) << (12 + TLB_FIRST_BITS)) /* pages this far apart share an entry at first */

START_TEST(a_fill_is_found_by_its_view_and_kind_only)
{
    struct tlb *tlb = make();
    fill(tlb, 0x5000, false, false);
    ck_assert_ptr_eq(find(tlb, 0x5123), host_of(5) + 0x123);
    ck_assert_ptr_null(find(tlb, 0x6000));
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_USER, TLB_READ, 0x5FFE, 4)); /* crosses */
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_USER, TLB_WRITE, 0x5000, 1));
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_SUPERVISOR, TLB_READ, 0x5000, 1));
    free(tlb);
}
END_TEST

START_TEST(what_was_pushed_out_is_recalled)
{
    struct tlb *tlb = make();
    fill(tlb, 0x5000, false, false);
    fill(tlb, 0x5000 + FAR, false, false);
    ck_assert_ptr_null(find(tlb, 0x5000));
    ck_assert(!tlb_recall(tlb, TLB_USER, TLB_WRITE, 0x5000));
    ck_assert(!tlb_recall(tlb, TLB_SUPERVISOR, TLB_READ, 0x5000));
    ck_assert(tlb_recall(tlb, TLB_USER, TLB_READ, 0x5000));
    ck_assert_ptr_eq(find(tlb, 0x5000), host_of(5));
    ck_assert_ptr_null(find(tlb, 0x5000 + FAR));
    ck_assert(tlb_recall(tlb, TLB_USER, TLB_READ, 0x5000 + FAR)); /* and back */
    ck_assert_ptr_eq(find(tlb, 0x5000 + FAR), host_of(5));
    free(tlb);
}
END_TEST

START_TEST(flushes_reach_the_victims)
{
    struct {
        void (*flush)(struct tlb *);
        bool global_stays;
    } const kinds[] = {{tlb_flush_all, false}, {tlb_flush_non_global, true}};
    for (unsigned n = 0; n < ARRAY_LEN(kinds); n++) {
        struct tlb *tlb = make();
        fill(tlb, 0x5000, false, false);
        fill(tlb, 0x5000 + FAR, false, false);
        fill(tlb, 0x6000, true, false);
        fill(tlb, 0x6000 + FAR, false, false);
        kinds[n].flush(tlb);
        ck_assert(!tlb_recall(tlb, TLB_USER, TLB_READ, 0x5000));
        ck_assert_int_eq(tlb_recall(tlb, TLB_USER, TLB_READ, 0x6000), kinds[n].global_stays);
        free(tlb);
    }
    struct tlb *tlb = make();
    fill(tlb, 0x5000, true, false);
    fill(tlb, 0x5000 + FAR, false, false);
    tlb_flush_page(tlb, 0x5FFF);
    ck_assert(!tlb_recall(tlb, TLB_USER, TLB_READ, 0x5000));
    ck_assert_ptr_nonnull(find(tlb, 0x5000 + FAR));
    fill(tlb, 0x00405000, false, true); /* a piece of a 4 MiB page */
    fill(tlb, 0x00805000, false, true);
    tlb_flush_page(tlb, 0x00400000);
    ck_assert(!tlb_recall(tlb, TLB_USER, TLB_READ, 0x00405000));
    ck_assert_ptr_nonnull(find(tlb, 0x00805000));
    free(tlb);
}
END_TEST

/* Pages that now hold code: writes to them must be noted, victims or not. */
START_TEST(protection_reaches_the_victims)
{
    struct tlb *tlb = make();
    tlb_fill(tlb, TLB_USER, TLB_WRITE, 0x5000, memory[0], false, false);
    tlb_fill(tlb, TLB_USER, TLB_WRITE, 0x5000 + FAR, memory[1], false, false);
    tlb_protect(tlb, memory[0], 4096);
    ck_assert(!tlb_recall(tlb, TLB_USER, TLB_WRITE, 0x5000));
    ck_assert_ptr_nonnull(tlb_lookup(tlb, TLB_USER, TLB_WRITE, 0x5000 + FAR, 1));
    tlb_protect(tlb, memory[1], 4096);
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_USER, TLB_WRITE, 0x5000 + FAR, 1));
    free(tlb);
}
END_TEST

static uint8_t *lookup_or_recall(struct tlb *tlb, uint32_t gva)
{
    if (!tlb_lookup(tlb, TLB_USER, TLB_WRITE, gva, 1))
        (void)tlb_recall(tlb, TLB_USER, TLB_WRITE, gva);
    return tlb_lookup(tlb, TLB_USER, TLB_WRITE, gva, 1);
}

/* Pages become code in any order, while others are entered, pushed out and recalled: what is left
 * of one is found each time, and nothing of another is lost that was there. */
START_TEST(protection_finds_what_is_left)
{
    enum { HOSTS = 48, PAGES = 3 * 16 };
    struct tlb *tlb = make();
    uint8_t *hosts = aligned_alloc(4096, HOSTS * 4096);
    struct rng rng = {7};
    unsigned found = 0;
    ck_assert_ptr_nonnull(hosts);
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t random = (uint32_t)(rng_next(&rng) >> 16), page = random % PAGES;
        uint32_t gva = 0x5000 + (page / 3 << 12) + page % 3 * FAR; /* three share an entry */
        uint8_t *host = hosts + (random >> 8) % HOSTS * 4096;
        if (random >> 16 & 1) {
            enum tlb_kind kind = random >> 17 & 1 ? TLB_WRITE : TLB_BESIDE;
            tlb_fill(tlb, TLB_USER, kind, gva, host, false, false);
            continue;
        }
        uint8_t *before = random >> 18 & 1 ? lookup_or_recall(tlb, gva) : NULL;
        uint8_t *first = hosts + (random >> 20) % HOSTS * 4096;
        tlb_protect(tlb, first, 4096);
        tlb_protect(tlb, host, 4096);
        if (before && before != host && before != first) {
            ck_assert_ptr_eq(lookup_or_recall(tlb, gva), before);
            found++;
        }
        for (unsigned n = 0; n < PAGES; n++) {
            uint32_t other = 0x5000 + (n / 3 << 12) + n % 3 * FAR;
            ck_assert_ptr_ne(lookup_or_recall(tlb, other), host);
            ck_assert_ptr_ne(tlb_lookup(tlb, TLB_USER, TLB_BESIDE, other, 1), host);
        }
    }
    ck_assert_uint_gt(found, 1000);
    free(hosts);
    free(tlb);
}
END_TEST

/* A page that is entered as another kind, too, is so with all that is known of it. */
START_TEST(another_kind_of_the_same_page)
{
    struct tlb *tlb = make();
    for (unsigned global = 0; global < 2; global++) {
        uint32_t gva = 0x5000 + 0x1000 * global;
        tlb_fill(tlb, TLB_USER, TLB_WRITE, gva, memory[global], global, false);
        tlb_fill_also(tlb, TLB_USER, TLB_BESIDE, gva + 0x123, TLB_WRITE);
        ck_assert_ptr_eq(tlb_lookup(tlb, TLB_USER, TLB_BESIDE, gva + 4, 1), memory[global] + 4);
    }
    tlb_flush_non_global(tlb);
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_USER, TLB_BESIDE, 0x5000, 1));
    ck_assert_ptr_eq(tlb_lookup(tlb, TLB_USER, TLB_BESIDE, 0x6000, 1), memory[1]);
    tlb_protect(tlb, memory[1], 4096);
    ck_assert_ptr_null(tlb_lookup(tlb, TLB_USER, TLB_BESIDE, 0x6000, 1));
    free(tlb);
}
END_TEST

/* A guest that goes round in more pages than there are entries gets tables that hold them. */
START_TEST(it_grows_to_what_is_used)
{
    struct tlb *tlb = make();
    const unsigned pages = 3u << TLB_FIRST_BITS;
    unsigned missed = 0;
    for (unsigned round = 0; round < 8; round++) {
        missed = 0;
        for (unsigned n = 0; n < pages; n++) {
            if (find(tlb, n << 12))
                continue;
            missed++;
            fill(tlb, n << 12, false, false);
        }
    }
    ck_assert_uint_eq(missed, 0);
    ck_assert_uint_eq(tlb->grown, 2);
    for (unsigned n = 0; n < 1u << 17; n++) /* and no further than there is room */
        fill(tlb, n << 12, false, false);
    ck_assert_uint_eq(tlb->mask >> 12, TLB_ENTRIES - 1);
    free(tlb);
}
END_TEST

/* A guest had a large page here, and has small ones now: INVLPG costs what it costs elsewhere (it
 * forgot all jump targets, and looked through 4 MiB of entries, for the rest of the guest's life).
 */
START_TEST(a_large_page_is_forgotten_with_its_pieces)
{
    struct tlb *tlb = make();
    fill(tlb, 0x00400000, false, true);
    fill(tlb, 0x007FF000, false, true);
    tlb_flush_page(tlb, 0x00455000);
    ck_assert_uint_eq(tlb->flushed[0], TLB_FLUSHED_LARGE);
    ck_assert_ptr_null(find(tlb, 0x00400000));
    ck_assert_ptr_null(find(tlb, 0x007FF000));
    fill(tlb, 0x00401000, false, false);
    fill(tlb, 0x00402000, false, false);
    tlb_flush_page(tlb, 0x00401000);
    ck_assert_uint_eq(tlb->flushed[1], 0x401);
    ck_assert_ptr_null(find(tlb, 0x00401000));
    ck_assert_ptr_nonnull(find(tlb, 0x00402000));
    fill(tlb, 0x00403000, false, true); /* and is one again */
    tlb_flush_page(tlb, 0x00401000);
    ck_assert_uint_eq(tlb->flushed[2], TLB_FLUSHED_LARGE);
    ck_assert_ptr_null(find(tlb, 0x00403000));
    free(tlb);
}
END_TEST

static bool is_large(unsigned page)
{
    return (page >> 10 & 3) == 1;
}

/* Random fills and flushes: nothing is found that was flushed or never filled. Every fourth 4 MiB
 * is a large page. */
START_TEST(nothing_stale_is_found)
{
    enum { PAGES = 1 << 16, STEPS = 300000 };
    struct tlb *tlb = make();
    uint8_t *state = calloc(PAGES, 1); /* 0: must not be found; 1, 2: may be; 2: global */
    ck_assert_ptr_nonnull(state);
    uint64_t random = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned page = (random >> 33) % PAGES, what = (unsigned)(random >> 58);
        if (step % 4000 < 3000) /* mostly within few pages, so that they meet */
            page %= PAGES / 32;
        if (step % 30000 == 29999) {
            bool all = what & 1;
            (all ? tlb_flush_all : tlb_flush_non_global)(tlb);
            for (unsigned n = 0; n < PAGES; n++)
                state[n] = all || state[n] != 2 ? 0 : 2;
        } else if (what < 4) {
            tlb_flush_page(tlb, page << 12);
            state[page] = 0;
            if (is_large(page))
                memset(&state[page & ~1023u], 0, 1024);
        } else if (what < 32) {
            fill(tlb, page << 12, what & 1, is_large(page));
            state[page] = what & 1 ? 2 : 1;
            ck_assert_ptr_eq(find(tlb, page << 12), host_of(page));
        } else if (find(tlb, page << 12) || tlb_recall(tlb, TLB_USER, TLB_READ, page << 12)) {
            ck_assert_uint_ne(state[page], 0);
            ck_assert_ptr_eq(find(tlb, page << 12), host_of(page));
        }
    }
    ck_assert_uint_gt(tlb->recalled, 0);
    ck_assert_uint_gt(tlb->grown, 0);
    free(state);
    free(tlb);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_fill_is_found_by_its_view_and_kind_only,
                                  what_was_pushed_out_is_recalled,
                                  flushes_reach_the_victims,
                                  a_large_page_is_forgotten_with_its_pieces,
                                  protection_reaches_the_victims,
                                  protection_finds_what_is_left,
                                  another_kind_of_the_same_page,
                                  it_grows_to_what_is_used,
                                  nothing_stale_is_found};
    return run_tests("mmu/tlb", tests, ARRAY_LEN(tests));
}
