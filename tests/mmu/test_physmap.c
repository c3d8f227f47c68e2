/* The physical map: what lies where after maps that overlap, what an access does there, the A20
 * gate, and the state of machine pages that all their aliases share. */
#include "mmu/physmap.h"
#include "tests/check_main.h"

#define RAM   0x400000
#define EXTRA 0x20000
#define KB(n) ((n)*UINT64_C(1024))

struct fixture {
    struct physmap *pm;
    unsigned map_changes, page_changes, code_writes;
    uint64_t pages_from, pages_len; /* that changed last */
    uint64_t code_from, code_len;
    uint64_t mmio_at, mmio_value; /* of the last access */
    unsigned mmio_size;
};

static uint64_t mmio_read(void *ctx, uint64_t offset, unsigned size)
{
    struct fixture *f = ctx;
    f->mmio_at = offset;
    f->mmio_size = size;
    return 0x5A;
}

static void mmio_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    struct fixture *f = ctx;
    f->mmio_at = offset;
    f->mmio_value = value;
    f->mmio_size = size;
}

static const struct mmio_ops ops = {mmio_read, mmio_write};

static void map_changed(void *ctx)
{
    ((struct fixture *)ctx)->map_changes++;
}

static void pages_changed(void *ctx, uint64_t offset, uint64_t len)
{
    struct fixture *f = ctx;
    f->page_changes++;
    f->pages_from = offset;
    f->pages_len = len;
}

static void code_written(void *ctx, uint64_t offset, uint64_t len)
{
    struct fixture *f = ctx;
    f->code_writes++;
    f->code_from = offset;
    f->code_len = len;
}

static void listen(struct fixture *f)
{
    struct physmap_listener *l = calloc(1, sizeof *l);
    ck_assert(l);
    *l = (struct physmap_listener){.ctx = f,
                                   .map_changed = map_changed,
                                   .pages_changed = pages_changed,
                                   .code_written = code_written};
    physmap_listen(f->pm, l);
}

/* RAM at 0, all of it; one listener. */
static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){.pm = physmap_create(RAM, EXTRA, NULL)};
    ck_assert(f->pm);
    physmap_map_ram(f->pm, 0, RAM, 0);
    listen(f);
}

static void close_fixture(struct fixture *f)
{
    physmap_destroy(f->pm);
}

/* The extents must tile without overlap, in ascending order, none empty. */
static void check_order(struct fixture *f)
{
    uint64_t end = 0;
    const struct region *r;
    for (size_t i = 0; (r = physmap_region(f->pm, i)); i++) {
        ck_assert_uint_ge(r->base, end);
        ck_assert_uint_gt(r->size, 0);
        end = r->base + r->size;
    }
}

static void check_region(struct fixture *f, uint64_t gpa, enum region_kind kind, uint64_t base,
                         uint64_t size)
{
    const struct region *r = physmap_find(f->pm, gpa);
    ck_assert_int_eq(r->kind, kind);
    ck_assert_uint_eq(r->base, base);
    ck_assert_uint_eq(r->size, size);
}

START_TEST(a_window_carves_what_it_covers)
{
    struct fixture f;
    open_fixture(&f);
    physmap_map_mmio(f.pm, KB(640), KB(128), &ops, &f);
    check_order(&f);
    check_region(&f, 0, REGION_RAM, 0, KB(640));
    check_region(&f, KB(640), REGION_MMIO, KB(640), KB(128));
    check_region(&f, KB(768) - 1, REGION_MMIO, KB(640), KB(128));
    check_region(&f, KB(768), REGION_RAM, KB(768), RAM - KB(768));
    ck_assert_uint_eq(physmap_find(f.pm, KB(768))->offset, KB(768)); /* the tail's own memory */
    /* Across both edges of the window: from RAM into it, and from it into RAM. */
    physmap_unmap(f.pm, KB(632), KB(16));
    physmap_unmap(f.pm, KB(760), KB(16));
    check_order(&f);
    check_region(&f, 0, REGION_RAM, 0, KB(632));
    check_region(&f, KB(640), REGION_HOLE, KB(632), KB(16));
    check_region(&f, KB(650), REGION_MMIO, KB(648), KB(112));
    check_region(&f, KB(770), REGION_HOLE, KB(760), KB(16));
    check_region(&f, KB(776), REGION_RAM, KB(776), RAM - KB(776));
    /* One map over all of them. */
    physmap_map_ram(f.pm, 0, RAM, 0);
    check_region(&f, KB(640), REGION_RAM, 0, RAM);
    ck_assert(!physmap_region(f.pm, 1));
    close_fixture(&f);
}
END_TEST

/* A device is told how far into its own window an access lies, whatever covers the beginning. */
START_TEST(mmio_offsets_count_from_the_window)
{
    struct fixture f;
    open_fixture(&f);
    physmap_map_mmio(f.pm, 0x800000, 0x4000, &ops, &f);
    physmap_map_ram(f.pm, 0x800000, 0x1000, 0);
    physmap_unmap(f.pm, 0x802000, 0x1000);
    ck_assert_uint_eq(physmap_read(f.pm, 0x801004, 4), 0x5A);
    ck_assert_uint_eq(f.mmio_at, 0x1004);
    ck_assert_uint_eq(f.mmio_size, 4);
    physmap_write(f.pm, 0x803010, 0x1234, 2);
    ck_assert_uint_eq(f.mmio_at, 0x3010);
    ck_assert_uint_eq(f.mmio_value, 0x1234);
    ck_assert_uint_eq(f.mmio_size, 2);
    close_fixture(&f);
}
END_TEST

START_TEST(a_hole_reads_ones_and_ignores_writes)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_uint_eq(physmap_read(f.pm, RAM, 1), 0xFF);
    ck_assert_uint_eq(physmap_read(f.pm, RAM, 2), 0xFFFF);
    ck_assert_uint_eq(physmap_read(f.pm, RAM, 4), 0xFFFFFFFF);
    ck_assert_uint_eq(physmap_read(f.pm, RAM, 8), UINT64_MAX);
    physmap_write(f.pm, RAM, 0, 8);
    ck_assert_uint_eq(physmap_read(f.pm, RAM, 8), UINT64_MAX);
    /* The last byte that a CPU can name is in a hole, too. */
    check_region(&f, BIT(GPA_BITS) - 1, REGION_HOLE, RAM, BIT(GPA_BITS + 1) - RAM);
    close_fixture(&f);
}
END_TEST

START_TEST(reads_have_their_size)
{
    struct fixture f;
    open_fixture(&f);
    physmap_write(f.pm, 0x1000, UINT64_C(0x8877665544332211), 8);
    ck_assert_uint_eq(physmap_read(f.pm, 0x1000, 1), 0x11);
    ck_assert_uint_eq(physmap_read(f.pm, 0x1001, 2), 0x3322);
    ck_assert_uint_eq(physmap_read(f.pm, 0x1004, 4), 0x88776655);
    physmap_write(f.pm, 0x1002, 0xAABBCC, 1); /* one byte of it */
    ck_assert_uint_eq(physmap_read(f.pm, 0x1000, 8), UINT64_C(0x8877665544CC2211));
    close_fixture(&f);
}
END_TEST

START_TEST(rom_drops_writes_or_sends_them_elsewhere)
{
    struct fixture f;
    open_fixture(&f);
    uint64_t rom = physmap_alloc(f.pm, 0x1000);
    memset(physmap_host(f.pm, rom), 0x42, 0x1000);
    physmap_map_rom(f.pm, 0xF0000, 0x1000, rom, NO_BACKING);
    physmap_write(f.pm, 0xF0000, 0x99, 1);
    ck_assert_uint_eq(physmap_read(f.pm, 0xF0000, 1), 0x42);
    ck_assert_uint_eq(physmap_page_state(f.pm, rom), 0);
    /* As a chipset shadows its BIOS: reads from ROM, writes to the RAM below. */
    physmap_map_rom(f.pm, 0xF0000, 0x1000, rom, 0xF0000);
    physmap_write(f.pm, 0xF0010, 0x99, 1);
    ck_assert_uint_eq(physmap_read(f.pm, 0xF0010, 1), 0x42);
    ck_assert_uint_eq(physmap_host(f.pm, 0xF0010)[0], 0x99);
    physmap_map_ram(f.pm, 0xF0000, 0x1000, 0xF0000);
    ck_assert_uint_eq(physmap_read(f.pm, 0xF0010, 1), 0x99);
    close_fixture(&f);
}
END_TEST

START_TEST(the_a20_gate_clears_one_bit)
{
    struct fixture f;
    open_fixture(&f);
    physmap_write(f.pm, 0x000500, 1, 1);
    physmap_write(f.pm, 0x100500, 2, 1);
    physmap_write(f.pm, 0x200500, 3, 1);
    ck_assert(physmap_a20(f.pm));
    unsigned changes = f.map_changes;
    physmap_set_a20(f.pm, false);
    ck_assert_uint_eq(f.map_changes, changes + 1);
    physmap_set_a20(f.pm, false); /* nothing new, nobody told */
    ck_assert_uint_eq(f.map_changes, changes + 1);
    ck_assert_uint_eq(physmap_gate(f.pm, 0xFFFFFF), 0xEFFFFF);
    ck_assert_uint_eq(physmap_read(f.pm, 0x100500, 1), 1);
    ck_assert_uint_eq(physmap_read(f.pm, 0x200500, 1), 3);
    ck_assert_uint_eq(physmap_read(f.pm, 0x300500, 1), 3);
    uint8_t byte = 0;
    physmap_peek(f.pm, 0x100500, &byte, 1);
    ck_assert_uint_eq(byte, 1);
    physmap_map_mmio(f.pm, 0x100000, 0x1000, &ops, &f);
    ck_assert_int_eq(physmap_find(f.pm, 0x100000)->kind, REGION_RAM);
    ck_assert_int_eq(physmap_find_ungated(f.pm, 0x100000)->kind, REGION_MMIO);
    physmap_set_a20(f.pm, true);
    ck_assert_int_eq(physmap_find(f.pm, 0x100000)->kind, REGION_MMIO);
    close_fixture(&f);
}
END_TEST

START_TEST(aliases_share_memory_and_page_state)
{
    struct fixture f;
    open_fixture(&f);
    physmap_map_ram(f.pm, 0x1000000, 0x2000, 0x5000);
    physmap_write(f.pm, 0x1001004, 0xBEEF, 2);
    ck_assert_uint_eq(physmap_read(f.pm, 0x6004, 2), 0xBEEF);
    ck_assert_uint_eq(physmap_page_state(f.pm, 0x6000), PAGE_DIRTY);
    ck_assert_uint_eq(physmap_page_state(f.pm, 0x5000), 0);
    physmap_code_mark(f.pm, 0x5FFF); /* written through either address */
    physmap_write(f.pm, 0x1000010, 1, 4);
    ck_assert_uint_eq(f.code_from, 0x5010);
    physmap_write(f.pm, 0x5020, 1, 4);
    ck_assert_uint_eq(f.code_from, 0x5020);
    ck_assert_uint_eq(f.code_writes, 2);
    close_fixture(&f);
}
END_TEST

START_TEST(code_pages_report_their_part_of_a_write)
{
    struct fixture f;
    open_fixture(&f);
    listen(&f); /* a second one: both are told */
    physmap_wrote(f.pm, 0x3000, 0x3000);
    ck_assert(page_state_writable(physmap_page_state(f.pm, 0x4000)));
    unsigned changes = f.map_changes;
    physmap_code_mark(f.pm, 0x4000); /* host pointers for writing must go, others stay */
    ck_assert_uint_eq(f.map_changes, changes);
    ck_assert_uint_eq(f.page_changes, 2);
    ck_assert_uint_eq(f.pages_from, 0x4000);
    ck_assert_uint_eq(f.pages_len, 0x1000);
    physmap_code_mark(f.pm, 0x8000); /* never written: nobody may have one */
    ck_assert_uint_eq(f.page_changes, 2);
    ck_assert(!page_state_writable(physmap_page_state(f.pm, 0x4000)));
    physmap_wrote(f.pm, 0x3800, 0x1000);
    ck_assert_uint_eq(f.code_writes, 2);
    ck_assert_uint_eq(f.code_from, 0x4000);
    ck_assert_uint_eq(f.code_len, 0x800);
    physmap_wrote(f.pm, 0x4000, 0);
    physmap_code_unmark(f.pm, 0x4000);
    physmap_wrote(f.pm, 0x4000, 1);
    ck_assert_uint_eq(f.code_writes, 2);
    close_fixture(&f);
}
END_TEST

START_TEST(dirty_pages_are_taken_once_by_each)
{
    struct fixture f;
    open_fixture(&f);
    uint8_t map[2] = {0};
    physmap_wrote(f.pm, 0x10FFF, 2); /* pages 16 and 17 */
    physmap_wrote(f.pm, 0x1A000, 1);
    ck_assert(physmap_take_dirty(f.pm, 0x10000, 0x10000, PAGE_DIRTY_DISPLAY, map));
    ck_assert_uint_eq(map[0], 0x03);
    ck_assert_uint_eq(map[1], 0x04);
    ck_assert_uint_eq(f.page_changes, 1); /* the next write must be seen again */
    ck_assert_uint_eq(f.pages_from, 0x10000);
    ck_assert_uint_eq(f.pages_len, 0xB000);
    ck_assert(!page_state_writable(physmap_page_state(f.pm, 0x10000)));
    ck_assert(!physmap_take_dirty(f.pm, 0x10000, 0x10000, PAGE_DIRTY_DISPLAY, map));
    ck_assert_uint_eq(f.page_changes, 1);
    /* The other reader has not looked yet. Two bytes can lie in two pages; none lie in none. */
    ck_assert(!physmap_take_dirty(f.pm, 0x10000, 0, PAGE_DIRTY_SNAPSHOT, NULL));
    ck_assert(physmap_take_dirty(f.pm, 0x10FFF, 2, PAGE_DIRTY_SNAPSHOT, NULL));
    ck_assert(!physmap_take_dirty(f.pm, 0x10000, 0x2000, PAGE_DIRTY_SNAPSHOT, NULL));
    ck_assert(physmap_take_dirty(f.pm, 0x1A000, 0x1000, PAGE_DIRTY_SNAPSHOT, NULL));
    close_fixture(&f);
}
END_TEST

/* Who keeps a host pointer for writing beside code (TLB_BESIDE) is told, too. */
START_TEST(pages_with_code_change_as_well)
{
    struct fixture f;
    open_fixture(&f);
    physmap_wrote(f.pm, 0x4000, 1);
    physmap_code_mark(f.pm, 0x4000);
    unsigned told = f.page_changes;
    physmap_code_mark(f.pm, 0x4800); /* the same page again: no news */
    ck_assert_uint_eq(f.page_changes, told);
    ck_assert(physmap_take_dirty(f.pm, 0x4000, 0x1000, PAGE_DIRTY_DISPLAY, NULL));
    ck_assert_uint_eq(f.page_changes, told + 1);
    physmap_wrote(f.pm, 0x4000, 1);
    physmap_table_mark(f.pm, 0x4000);
    ck_assert_uint_eq(f.page_changes, told + 2);
    close_fixture(&f);
}
END_TEST

START_TEST(peek_and_poke_reach_memory_only)
{
    struct fixture f;
    open_fixture(&f);
    uint64_t rom = physmap_alloc(f.pm, 0x1000);
    physmap_map_rom(f.pm, 0x9000, 0x1000, rom, NO_BACKING);
    physmap_map_mmio(f.pm, 0xA000, 0x1000, &ops, &f);
    static uint8_t out[0x3800], in[0x3800];
    memset(in, 0x77, sizeof in);
    f.mmio_at = UINT64_MAX;
    /* 800h bytes of RAM, a page of ROM, a page of a device, a page of RAM */
    ck_assert_uint_eq(physmap_poke(f.pm, 0x8800, in, sizeof in), 0x2800);
    ck_assert_uint_eq(physmap_peek(f.pm, 0x8800, out, sizeof out), 0x2800);
    ck_assert_uint_eq(f.mmio_at, UINT64_MAX); /* the device saw nothing */
    ck_assert_uint_eq(out[0x7FF], 0x77);
    ck_assert_uint_eq(out[0x800], 0x77); /* ROM can be poked */
    ck_assert_uint_eq(out[0x1800], 0xFF);
    ck_assert_uint_eq(out[0x27FF], 0xFF);
    ck_assert_uint_eq(out[0x2800], 0x77);
    ck_assert_uint_eq(physmap_host(f.pm, 0x9000)[0], 0); /* not the RAM behind it */
    ck_assert_uint_eq(physmap_peek(f.pm, RAM - 1, out, 2), 1);
    /* Poked code counts as written. */
    physmap_code_mark(f.pm, 0x2000);
    physmap_poke(f.pm, 0x2004, in, 8);
    ck_assert_uint_eq(f.code_from, 0x2004);
    ck_assert_uint_eq(f.code_len, 8);
    close_fixture(&f);
}
END_TEST

START_TEST(machine_memory_is_given_out_once)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_uint_eq(physmap_ram_size(f.pm), RAM);
    uint64_t a = physmap_alloc(f.pm, 1), b = physmap_alloc(f.pm, EXTRA - 0x1000);
    ck_assert_uint_eq(a, RAM);
    ck_assert_uint_eq(b, RAM + 0x1000);
    ck_assert_uint_eq(physmap_machine_size(f.pm), RAM + EXTRA);
    ck_assert_uint_eq(physmap_alloc(f.pm, 1), NO_BACKING);
    close_fixture(&f);
}
END_TEST

CHECK_MAIN("physmap", a_window_carves_what_it_covers, mmio_offsets_count_from_the_window,
           a_hole_reads_ones_and_ignores_writes, reads_have_their_size,
           rom_drops_writes_or_sends_them_elsewhere, the_a20_gate_clears_one_bit,
           aliases_share_memory_and_page_state, code_pages_report_their_part_of_a_write,
           dirty_pages_are_taken_once_by_each, pages_with_code_change_as_well,
           peek_and_poke_reach_memory_only, machine_memory_is_given_out_once)
