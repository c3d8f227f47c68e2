/* Windows against the page walker, on random tables: 32-bit, with large pages, and PAE; every mix
 * of rights, view and CR0.WP; several roots that share tables; pages that become code, or have
 * their dirty bits taken; and a host that gives few mappings. After each access the same one is
 * walked from the same tables: what was reached, A and D, and what faults must be the same. */
#include "tests/mmu/window_rig.h"

#include "tests/check_main.h"

#define RAM       (UINT64_C(8) << 20)
#define TABLES    0x10000u /* directories and tables: 20h pages from here on */
#define FRAMES    0x100000u
#define FRAME_NUM 1200u
#define ROOTS     3u
#define DEVICE    0xA00000u /* MMIO; above it a hole */
#define ROM       0xB00000u

struct fuzz {
    struct rig r;
    uint64_t seed;
    bool traced; /* writes to tables are noted, and nothing is flushed */
    unsigned accesses, refused, reached;
};

static uint32_t pick(struct fuzz *f, uint32_t below)
{
    f->seed = f->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)((f->seed >> 33) % below);
}

static uint64_t no_read(void *ctx, uint64_t offset, unsigned size)
{
    (void)ctx, (void)offset, (void)size;
    return 0;
}

static void no_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    (void)ctx, (void)offset, (void)value, (void)size;
}

static const struct mmio_ops device = {no_read, no_write};

/* Where tables lie: directories of the roots first (PAE: four pages each), then page tables. */
static uint32_t directory(const struct fuzz *f, unsigned root)
{
    return TABLES + root * (f->r.mode.pae ? 4 : 1) * 0x1000;
}

static uint32_t table(const struct fuzz *f, unsigned n)
{
    return directory(f, ROOTS) + n * 0x1000;
}

#define TABLE_NUM 5u
/* The directory entries in use (2 or 4 MiB each) and the table entries: few, so that they meet. */
static uint32_t some_pde(struct fuzz *f)
{
    static const uint32_t at32[] = {0, 1, 2, 511, 1023}, pae[] = {0, 1, 3, 1024, 2047};
    uint32_t n = pick(f, 5);
    return f->r.mode.pae ? pae[n] : at32[n];
}

static uint32_t some_pte(struct fuzz *f)
{
    uint32_t n = pick(f, 4) ? pick(f, 20) : pick(f, 1024);
    return f->r.mode.pae ? n & 511 : n;
}

static uint32_t gva_of(const struct fuzz *f, uint32_t pde, uint32_t pte)
{
    return f->r.mode.pae ? pde << 21 | pte << 12 : pde << 22 | pte << 12;
}

static uint64_t some_frame(struct fuzz *f, uint32_t near)
{
    switch (pick(f, 16)) {
    case 0:
        return DEVICE;
    case 1:
        return DEVICE + 0x100000 * (1 + pick(f, 2)); /* ROM, hole */
    case 2:
    case 3:
    case 4:
        return FRAMES + near % FRAME_NUM * 0x1000; /* neighbours follow each other */
    default:
        return FRAMES + pick(f, FRAME_NUM) * 0x1000;
    }
}

static uint64_t some_rights(struct fuzz *f)
{
    uint64_t e = pick(f, 8) ? RIG_P : 0;
    e |= (pick(f, 4) ? RIG_W : 0) | (pick(f, 4) ? RIG_U : 0);
    return e | (pick(f, 2) ? RIG_A : 0) | (pick(f, 2) ? RIG_D : 0) | (pick(f, 2) ? RIG_G : 0);
}

static void put_entry(struct fuzz *f, uint32_t gpa, uint64_t entry)
{
    if (f->r.mode.pae)
        rig_put64(&f->r, gpa, entry);
    else
        rig_put32(&f->r, gpa, (uint32_t)entry);
    if (f->traced)
        physmap_wrote(f->r.pm, gpa, f->r.mode.pae ? 8 : 4);
}

static void change_pte(struct fuzz *f, bool flush)
{
    uint32_t t = pick(f, TABLE_NUM), n = some_pte(f);
    put_entry(f, table(f, t) + n * (f->r.mode.pae ? 8 : 4), some_frame(f, n) | some_rights(f));
    if (!flush || f->traced)
        return;
    if (pick(f, 2)) { /* INVLPG for every place where the table may stand */
        for (uint32_t pde = 0; pde < (f->r.mode.pae ? 2048u : 1024u); pde++)
            windows_flush_page(f->r.w, gva_of(f, pde, n));
    } else {
        windows_flush(f->r.w, true);
    }
}

static void change_pde(struct fuzz *f)
{
    bool pae = f->r.mode.pae;
    uint32_t pde = some_pde(f);
    uint64_t entry = table(f, pick(f, TABLE_NUM)) | some_rights(f);
    if ((f->r.mode.pse || pae) && !pick(f, 3))
        entry = (pae && pick(f, 2) ? 0x200000 : 0) | some_rights(f) | RIG_L;
    unsigned root = pick(f, ROOTS);
    put_entry(f, directory(f, root) + pde * (pae ? 8 : 4), entry);
    if (pick(f, 2)) /* the kernel's half is the same in all */
        for (unsigned n = 0; n < ROOTS && pde > 4; n++)
            put_entry(f, directory(f, n) + pde * (pae ? 8 : 4), entry);
    if (!f->traced)
        windows_flush(f->r.w, true);
}

static void choose_root(struct fuzz *f)
{
    unsigned root = pick(f, ROOTS);
    f->r.mode.root = directory(f, root);
    for (unsigned n = 0; n < 4; n++)
        f->r.mode.pdpte[n] = (directory(f, root) + n * 0x1000) | RIG_P;
    f->r.mode.wp = pick(f, 2);
    f->r.mode.paging = pick(f, 20) != 0;
    windows_flush(f->r.w, pick(f, 2));
}

/* May this access be refused though the guest's tables allow it? */
static bool refusal_is_due(struct fuzz *f, uint64_t gpa, bool write)
{
    const struct region *at = physmap_find(f->r.pm, gpa);
    if (at->kind == REGION_MMIO || at->kind == REGION_HOLE)
        return true;
    uint64_t machine = at->offset + (gpa - at->base);
    return write &&
           (at->kind == REGION_ROM || (physmap_page_state(f->r.pm, machine) & PAGE_HAS_CODE));
}

#define TABLE_BYTES 0x20000u

static void access_and_compare(struct fuzz *f)
{
    static uint8_t before[TABLE_BYTES], after[TABLE_BYTES];
    struct rig *r = &f->r;
    bool write = pick(f, 2);
    uint32_t gva = gva_of(f, some_pde(f), some_pte(f)) + pick(f, 4096);
    if (!r->mode.paging) /* any page of memory but the tables: they are compared */
        gva = pick(f, 2) ? FRAMES + pick(f, 0x700000) : DEVICE + pick(f, 0x150000);
    r->view = pick(f, 2);
    uint8_t *tables = physmap_host(r->pm, TABLES);
    uint8_t value = (uint8_t)pick(f, 256), seen = value;
    struct walk_page page;
    uint32_t error;
    if (walk(r->pm, &r->mode, gva, WALK_PEEK, &page, &error) && page.gpa < FRAMES)
        write = false; /* a large page has the tables in it */
    memcpy(before, tables, TABLE_BYTES);
    bool reached = write ? rig_write(r, gva, value) : rig_read(r, gva, &seen);
    unsigned as = (r->view == TLB_USER ? WALK_USER : 0) | (write ? WALK_WRITE : 0);
    if (!reached && !walk(r->pm, &r->mode, gva, as, &page, &error))
        error = 0; /* the slow way finds the fault */
    memcpy(after, tables, TABLE_BYTES);
    memcpy(tables, before, TABLE_BYTES);
    bool allowed = walk(r->pm, &r->mode, gva, as, &page, &error);
    ck_assert_msg(!memcmp(after, tables, TABLE_BYTES), "A or D differ at %x, write %d", gva, write);
    f->accesses++;
    f->refused += !reached;
    f->reached += reached;
    if (!reached) {
        ck_assert_msg(!allowed || refusal_is_due(f, page.gpa, write), "refused at %x", gva);
        return;
    }
    ck_assert_msg(allowed && !refusal_is_due(f, page.gpa, write), "reached %x, write %d, view %d",
                  gva, write, r->view);
    const struct region *at = physmap_find(r->pm, page.gpa);
    uint64_t machine = at->offset + (page.gpa - at->base);
    ck_assert_uint_eq(*physmap_host(r->pm, machine), seen);
    if (write)
        ck_assert((physmap_page_state(r->pm, machine) & PAGE_DIRTY) == PAGE_DIRTY);
}

static void touch_page_state(struct fuzz *f)
{
    uint64_t frame = FRAMES + pick(f, FRAME_NUM) * 0x1000;
    switch (pick(f, 3)) {
    case 0:
        physmap_code_mark(f->r.pm, frame);
        break;
    case 1:
        physmap_code_unmark(f->r.pm, frame);
        break;
    default:
        physmap_take_dirty(f->r.pm, frame, pick(f, 0x20000), PAGE_DIRTY_DISPLAY, NULL);
    }
}

/* What the kernel has mapped in the windows must be what their books say. */
static void check_mappings(struct fuzz *f)
{
    struct window_counters n = windows_counters(f->r.w);
    uint64_t found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps)
        return;
    while (fgets(line, sizeof line, maps))
        found += strstr(line, "umbra-machine-memory") != NULL;
    fclose(maps);
    /* Each boundary begins or ends a mapping of the memfd; one mapping is the physmap's own. */
    ck_assert_msg(found - 1 <= n.mappings, "%lu mapped, %lu counted", (unsigned long)found,
                  (unsigned long)n.mappings);
    ck_assert_uint_le(n.mappings, 2 * found + n.windows);
}

static void run(bool pae, bool pse, uint64_t limit, unsigned steps, uint64_t seed, bool traced)
{
    static struct fuzz fuzz;
    struct fuzz *f = &fuzz;
    *f = (struct fuzz){.seed = seed, .traced = traced};
    ck_assert(rig_open(&f->r, RAM, 0x10000));
    physmap_map_mmio(f->r.pm, DEVICE, 0x100000, &device, NULL);
    physmap_map_rom(f->r.pm, ROM, 0x10000, physmap_alloc(f->r.pm, 0x10000), NO_BACKING);
    f->r.mode.pae = pae;
    f->r.mode.pse = pse;
    f->r.mode.pge = true;
    if (limit)
        windows_limit(f->r.w, limit);
    ck_assert(windows_trace(f->r.w, traced, NULL, NULL));
    for (uint64_t at = FRAMES; at < RAM; at++)
        *physmap_host(f->r.pm, at) = (uint8_t)(at * 31 >> 7);
    choose_root(f);
    for (unsigned n = 0; n < 200; n++) {
        change_pde(f);
        for (unsigned k = 0; k < 8; k++)
            change_pte(f, false);
    }
    windows_flush(f->r.w, true);
    for (unsigned n = 0; n < steps; n++) {
        switch (pick(f, 64)) {
        case 0:
            choose_root(f);
            break;
        case 1:
            change_pde(f);
            break;
        case 2:
        case 3:
        case 4:
            change_pte(f, true);
            break;
        case 5:
            touch_page_state(f);
            break;
        default:
            access_and_compare(f);
        }
        if (n % 4096 == 0)
            check_mappings(f);
    }
    check_mappings(f);
    struct window_counters c = windows_counters(f->r.w);
    ck_assert_uint_gt(f->reached, steps / 8);
    ck_assert_uint_gt(f->refused, steps / 100);
    ck_assert_uint_gt(c.entries_changed, 0);
    ck_assert_uint_gt(c.downgrades, 0);
    ck_assert(!limit || c.evictions > 0);
    ck_assert(!traced || c.traced_writes > 0);
    rig_close(&f->r);
}

START_TEST(tables_of_32_bits)
{
    run(false, false, 0, 25000, 1, false);
}
END_TEST

START_TEST(large_pages)
{
    run(false, true, 0, 25000, 2, false);
}
END_TEST

START_TEST(pae)
{
    run(true, false, 0, 25000, 3, false);
}
END_TEST

START_TEST(few_mappings)
{
    run(false, true, 600, 15000, 4, false);
    run(true, true, 600, 15000, 5, false);
}
END_TEST

/* Nothing is flushed but at a change of root: each write to a table is followed. */
START_TEST(traced)
{
    run(false, true, 0, 25000, 6, true);
    run(true, true, 600, 15000, 7, true);
}
END_TEST

CHECK_MAIN("window_random", tables_of_32_bits, large_pages, pae, few_mappings, traced)
