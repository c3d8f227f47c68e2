/* mmu/explain: the story agrees with the walker: over random tables, modes and addresses, the walk
 * ends at the same place for the same reason, with the same rights; and telling it changes nothing.
 */
#include "mmu/explain.h"

#include "tests/check_main.h"

#define RAM (UINT64_C(1) << 20)

static uint32_t random32(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Entries that mostly point into RAM, with any rights; some are absent, large or reserved. */
static uint64_t random_entry(uint32_t *seed, bool wide)
{
    uint64_t e = random32(seed) & 0xFFFFF;
    if (random32(seed) % 8)
        e |= PTE_P;
    if (random32(seed) % 4)
        e &= ~PTE_PS;
    if (random32(seed) % 16 == 0)
        e |= random32(seed);
    if (wide && random32(seed) % 16 == 0)
        e |= (uint64_t)random32(seed) << 32;
    return e;
}

static void fill(struct physmap *pm, uint32_t *seed, bool wide)
{
    uint8_t *ram = physmap_host(pm, 0);
    for (uint64_t at = 0; at < RAM; at += wide ? 8 : 4) {
        uint64_t e = random_entry(seed, wide);
        if (wide)
            store_le64(ram + at, e);
        else
            store_le32(ram + at, (uint32_t)e);
    }
}

static void compare(struct physmap *pm, const struct walk_mode *m, uint32_t gva)
{
    static uint8_t before[RAM];
    uint8_t *ram = physmap_host(pm, 0);
    struct walk_story s;
    struct walk_page page;
    uint32_t error;
    memcpy(before, ram, RAM);
    walk_explain(pm, m, gva, &s);
    ck_assert_mem_eq(before, ram, RAM);
    bool mapped = walk(pm, m, gva, WALK_PEEK, &page, &error);
    ck_assert_int_eq(mapped, s.verdict == WALK_MAPPED);
    if (!mapped) {
        ck_assert_int_eq(!!(error & WALK_RESERVED), s.verdict == WALK_BAD_RESERVED);
        return;
    }
    ck_assert_uint_eq(page.gpa, s.gpa);
    ck_assert_int_eq(page.large, s.page_size > PAGE_SIZE);
    ck_assert_int_eq(page.global, s.global);
    static const struct {
        unsigned access;
        size_t right;
    } rights[] = {
        {WALK_USER, offsetof(struct walk_story, user)},
        {WALK_USER | WALK_WRITE, offsetof(struct walk_story, user_writable)},
        {WALK_WRITE, offsetof(struct walk_story, writable)},
        {WALK_FETCH, offsetof(struct walk_story, executable)},
    };
    for (size_t n = 0; n < ARRAY_LEN(rights); n++) {
        bool allowed = walk(pm, m, gva, rights[n].access, &page, &error);
        memcpy(ram, before, RAM);
        ck_assert_int_eq(allowed, *((const bool *)&s + rights[n].right));
    }
}

START_TEST(agrees_with_the_walker)
{
    uint32_t seed = 7;
    struct physmap *pm = physmap_create(RAM, 0, NULL);
    physmap_map_ram(pm, 0, RAM, 0);
    unsigned mapped = 0;
    for (unsigned round = 0; round < 24; round++) {
        struct walk_mode m = {
            .root = random32(&seed) & 0xFF000,
            .linear_mask = UINT32_MAX,
            .phys_bits = 36,
            .paging = true,
            .pae = round & 1,
            .pse = round & 2,
            .pse36 = round & 4,
            .pge = round & 8,
            .wp = random32(&seed) & 1,
            .nxe = random32(&seed) & 1,
        };
        for (unsigned n = 0; n < 4; n++)
            m.pdpte[n] = (random32(&seed) & 0xFF000) | (n ? PTE_P : 0);
        fill(pm, &seed, m.pae);
        for (unsigned n = 0; n < 100; n++) {
            uint32_t gva = random32(&seed);
            struct walk_story s;
            walk_explain(pm, &m, gva, &s);
            mapped += s.verdict == WALK_MAPPED;
            compare(pm, &m, gva);
        }
    }
    ck_assert_uint_gt(mapped, 400); /* both ways are tried */
    ck_assert_uint_lt(mapped, 2300);
    physmap_destroy(pm);
}
END_TEST

START_TEST(each_level_is_told)
{
    struct physmap *pm = physmap_create(RAM, 0, NULL);
    physmap_map_ram(pm, 0, RAM, 0);
    uint8_t *ram = physmap_host(pm, 0);
    struct walk_mode m = {.root = 0x1000, .phys_bits = 36, .paging = true, .pse = true};
    struct walk_story s;
    store_le32(ram + 0x1000 + 4 * 0x300, 0x2000 | 0x27);
    store_le32(ram + 0x2000 + 4 * 5, 0x9000 | 0x65);
    walk_explain(pm, &m, 0xC0005678, &s);
    ck_assert_uint_eq(s.levels, 2);
    ck_assert_str_eq(s.level[0].name, "PDE");
    ck_assert_uint_eq(s.level[0].gpa, 0x1C00);
    ck_assert_uint_eq(s.level[0].frame, 0x2000);
    ck_assert_uint_eq(s.level[1].index, 5);
    ck_assert_uint_eq(s.level[1].gpa, 0x2014);
    ck_assert(s.level[1].leaf && s.dirty && s.accessed && s.user && !s.user_writable);
    ck_assert_uint_eq(s.gpa, 0x9678);
    walk_explain(pm, &m, 0xC0006000, &s);
    ck_assert_int_eq(s.verdict, WALK_NOT_PRESENT);
    ck_assert_uint_eq(s.levels, 2);
    walk_explain(pm, &m, 0xC0400000, &s);
    ck_assert_int_eq(s.verdict, WALK_NOT_PRESENT);
    ck_assert_uint_eq(s.levels, 1);
    store_le32(ram + 0x1000 + 4 * 0x301, 0x200000 | 0x81);
    walk_explain(pm, &m, 0xC0400000, &s);
    ck_assert_int_eq(s.verdict, WALK_BAD_RESERVED);
    ck_assert_uint_eq(s.level[0].reserved, 0x200000);
    physmap_destroy(pm);
}
END_TEST

CHECK_MAIN("mmu/explain", agrees_with_the_walker, each_level_is_told)
