/* The DMA checker: every reason for which it refuses, grants, policies, and code that DMA writes.
 */
#include "mmu/dma.h"
#include "mmu/physmap.h"
#include "tests/check_main.h"

#define RAM 0x100000

struct fixture {
    struct physmap *pm;
    struct dma_domain *d;
    uint64_t now;
    unsigned pauses, code_from, code_len;
};

static uint64_t now(void *ctx)
{
    return ((struct fixture *)ctx)->now;
}

static void denied(void *ctx, const struct dma_denial *denial, bool pause)
{
    (void)denial;
    ((struct fixture *)ctx)->pauses += pause;
}

static void code_written(void *ctx, uint64_t offset, uint64_t len)
{
    struct fixture *f = ctx;
    f->code_from = (unsigned)offset;
    f->code_len = (unsigned)len;
}

static void open_fixture(struct fixture *f, struct dma_limits limits)
{
    *f = (struct fixture){.pm = physmap_create(RAM, 0x10000, NULL)};
    physmap_map_ram(f->pm, 0, RAM, 0);
    f->d = dma_domain_create("test", f->pm, NULL, limits, (struct dma_host){f, now, denied});
    ck_assert(f->pm && f->d);
}

static void close_fixture(struct fixture *f)
{
    dma_domain_destroy(f->d);
    physmap_destroy(f->pm);
}

/* The reason for which len bytes to gpa are refused. */
static enum dma_reason why(struct fixture *f, uint64_t gpa, size_t len)
{
    static const uint8_t data[0x3000];
    struct dma_denial last = {0};
    if (dma_write(f->d, gpa, data, len) == DMA_OK)
        return DMA_REASON_NONE;
    ck_assert(dma_domain_denial(f->d, 0, &last));
    ck_assert_uint_eq(last.gpa, gpa);
    ck_assert_uint_eq(last.len, len);
    return last.reason;
}

START_TEST(every_reason)
{
    struct fixture f;
    open_fixture(&f, (struct dma_limits){.address_bits = 19,
                                         .boundary = 0x10000,
                                         .max_transfer = 0x2000,
                                         .bytes_per_second = 0x5000});
    physmap_map_rom(f.pm, 0x8000, 0x1000, RAM, NO_BACKING);
    ck_assert_int_eq(why(&f, 0x1000, 0x2000), DMA_REASON_NONE);
    ck_assert_int_eq(why(&f, UINT64_MAX - 1, 4), DMA_REASON_WRAP);
    ck_assert_int_eq(why(&f, 0x7FFFF, 2), DMA_REASON_WIDTH);
    ck_assert_int_eq(why(&f, 0x1FFFF, 2), DMA_REASON_BOUNDARY);
    ck_assert_int_eq(why(&f, 0x20000, 0x2001), DMA_REASON_LENGTH);
    ck_assert_int_eq(why(&f, 0x7FFF, 2), DMA_REASON_NOT_RAM);
    ck_assert_int_eq(why(&f, 0x20000, 0x2000), DMA_REASON_NONE);
    ck_assert_int_eq(why(&f, 0x20000, 0x1001), DMA_REASON_RATE);
    f.now = UINT64_C(1000000000);
    ck_assert_int_eq(why(&f, 0x20000, 0x1001), DMA_REASON_NONE);
    dma_domain_restrict(f.d);
    ck_assert_int_eq(why(&f, 0x20000, 1), DMA_REASON_DOMAIN);
    close_fixture(&f);
}
END_TEST

START_TEST(grants_are_by_page_and_direction)
{
    struct fixture f;
    uint8_t b[16];
    open_fixture(&f, (struct dma_limits){0});
    ck_assert(!dma_domain_grant(f.d, 0x1001, 0x1000, DMA_READ));
    ck_assert(dma_domain_grant(f.d, 0x1000, 0x1000, DMA_READ | DMA_WRITE));
    ck_assert(dma_domain_grant(f.d, 0x2000, 0x1000, DMA_READ));
    ck_assert_int_eq(dma_read(f.d, 0x1FF8, b, 16), DMA_OK);
    ck_assert_int_eq(dma_read(f.d, 0x2FF8, b, 16), DMA_DENIED);
    ck_assert_int_eq(why(&f, 0x1FF0, 16), DMA_REASON_NONE);
    ck_assert_int_eq(why(&f, 0x1FF8, 16), DMA_REASON_DOMAIN);
    close_fixture(&f);
}
END_TEST

START_TEST(policies)
{
    struct fixture f;
    open_fixture(&f, (struct dma_limits){0});
    dma_domain_restrict(f.d);
    dma_domain_policy(f.d, DMA_POLICY_LOG);
    ck_assert_int_eq(why(&f, 0x1000, 16), DMA_REASON_NONE); /* logged, and done */
    ck_assert_uint_eq(dma_domain_counters(f.d).denials, 1);
    ck_assert_int_eq(why(&f, RAM - 8, 16), DMA_REASON_NOT_RAM); /* never */
    ck_assert_uint_eq(f.pauses, 0);
    dma_domain_policy(f.d, DMA_POLICY_PAUSE);
    ck_assert_int_eq(why(&f, 0x1000, 16), DMA_REASON_DOMAIN);
    ck_assert_uint_eq(f.pauses, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(written_code_is_told)
{
    struct fixture f;
    open_fixture(&f, (struct dma_limits){0});
    struct physmap_listener *l = calloc(1, sizeof *l);
    *l = (struct physmap_listener){.ctx = &f, .code_written = code_written};
    physmap_listen(f.pm, l);
    physmap_code_mark(f.pm, 0x2000);
    ck_assert_int_eq(why(&f, 0x1FF0, 0x20), DMA_REASON_NONE);
    ck_assert_uint_eq(f.code_from, 0x2000);
    ck_assert_uint_eq(f.code_len, 0x10);
    close_fixture(&f);
}
END_TEST

/* Large transfers, into memory that is fresh, not fresh, and partly so, from and to odd addresses:
 * the bytes are there, and none beside them. */
START_TEST(large_writes_arrive_whole)
{
    enum { LEN = 50001, AT = 0x3001 };
    static uint8_t data[LEN], back[LEN + 2];
    struct fixture f;
    open_fixture(&f, (struct dma_limits){0});
    uint8_t old = 0xEE;
    physmap_poke(f.pm, 0x6000, &old, 1); /* in the midst of it */
    for (unsigned round = 0; round < 2; round++) {
        for (size_t n = 0; n < LEN; n++)
            data[n] = (uint8_t)(n * 5 + n / 256 + round);
        ck_assert_int_eq(dma_write(f.d, AT, data, LEN), DMA_OK);
        ck_assert_uint_eq(physmap_peek(f.pm, AT - 1, back, LEN + 2), LEN + 2);
        ck_assert_mem_eq(back + 1, data, LEN);
        ck_assert_uint_eq(back[0], 0);
        ck_assert_uint_eq(back[LEN + 1], 0);
        for (uint64_t at = AT & ~PAGE_MASK; at < AT + LEN; at += PAGE_SIZE)
            ck_assert(physmap_page_state(f.pm, at) & PAGE_DIRTY);
    }
    close_fixture(&f);
}
END_TEST

CHECK_MAIN("dma", large_writes_arrive_whole, every_reason, grants_are_by_page_and_direction,
           policies, written_code_is_told)
