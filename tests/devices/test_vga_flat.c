/* Text and CGA memory kept as plain bytes (devices/vga/flat.c): when it is, that the planes have
 * everything whenever somebody looks at them, and that nobody can tell. */
#include "tests/check_main.h"

#include "devices/vga/vga.h"
#include "tests/devices/vga_modes.h"

#define FRAME 0xFD000000u /* where BAR 0 shows the planes */

static struct testbus *tb;
static struct bus *vga;

static struct bus *add_vga(struct testbus *to)
{
    struct bus *bus = testbus_add(to, &vga_class, NULL);
    vga_set_palette(to);
    tb_pci_write(bus, 0x10, 4, FRAME);
    tb_pci_write(bus, 4, 2, 3);
    return bus;
}

static void begin(const struct vga_mode *mode)
{
    tb = testbus_create(2 << 20);
    vga = add_vga(tb);
    vga_set_mode(tb, mode);
}

static void end(void)
{
    testbus_destroy(tb);
}

static bool is_memory(uint32_t gpa)
{
    return physmap_find(tb->pm, gpa)->kind == REGION_VRAM;
}

/* What a program does: enough to have it flat, if it may be. */
static void fill(uint32_t base)
{
    for (unsigned i = 0; i < 0x8000; i += 2)
        tb_write(tb, base + i, 2, 0x0700 + i / 2 % 251);
}

static uint8_t planes(unsigned plane, unsigned address)
{
    return (uint8_t)tb_read(tb, FRAME + address * 4 + plane, 1);
}

START_TEST(text_becomes_memory_and_goes_back_to_the_planes)
{
    begin(&vga_mode_03h);
    ck_assert(!is_memory(0xB8000));
    fill(0xB8000);
    ck_assert(is_memory(0xB8000));
    ck_assert(is_memory(0xBFFFF));
    ck_assert(!is_memory(0xB7FFF));
    ck_assert(!is_memory(FRAME));
    ck_assert(!is_memory(FRAME + 0x1FFFF));
    ck_assert(is_memory(FRAME + 0x20000));
    for (unsigned i = 0; i < 0x8000; i += 2)
        ck_assert_uint_eq(tb_read(tb, 0xB8000 + i, 2), 0x0700 + i / 2 % 251);
    tb_write(tb, 0xB8000 + 0x7FFE, 2, 0xA55A);
    vga_seq(tb, 2, 0xF); /* now a write reaches all planes */
    ck_assert(!is_memory(0xB8000));
    ck_assert(is_memory(FRAME));
    for (unsigned i = 0; i < 0x7FFE; i += 2) {
        ck_assert_uint_eq(planes(0, i), i / 2 % 251);
        ck_assert_uint_eq(planes(1, i), 7);
        ck_assert_uint_eq(planes(0, i + 1), 0);
        ck_assert_uint_eq(planes(1, i + 1), 0);
    }
    ck_assert_uint_eq(planes(0, 0x7FFE), 0x5A);
    ck_assert_uint_eq(planes(1, 0x7FFE), 0xA5);
    end();
}
END_TEST

START_TEST(what_the_planes_had_is_there)
{
    begin(&vga_mode_03h);
    for (unsigned i = 0; i < 0x8000; i += 2)
        tb_write(tb, FRAME + i * 4, 2, 0x1F00 + i % 253);
    for (unsigned i = 0; i < 0x8000; i += 2)
        ck_assert_uint_eq(tb_read(tb, 0xB8000 + i, 2), 0x1F00 + i % 253);
    ck_assert(is_memory(0xB8000));
    end();
}
END_TEST

START_TEST(frame_buffer_shows_and_changes_the_text)
{
    begin(&vga_mode_03h);
    fill(0xB8000);
    ck_assert(!is_memory(FRAME));
    ck_assert_uint_eq(tb_read(tb, FRAME + 8 * 5, 4), 0x0705); /* the fifth cell */
    ck_assert(is_memory(FRAME));
    fill(0xB8000);
    ck_assert(!is_memory(FRAME));
    tb_write(tb, FRAME + 8 * 6, 2, 0x4E58);
    ck_assert(is_memory(FRAME));
    ck_assert_uint_eq(tb_read(tb, 0xB8000 + 2 * 6, 2), 0x4E58);
    ck_assert_uint_eq(tb_read(tb, 0xB8000 + 2 * 7, 2), 0x0707);
    end();
}
END_TEST

/* The BAR moves while it is covered: the cover goes along. */
START_TEST(covered_frame_buffer_moves)
{
    begin(&vga_mode_03h);
    fill(0xB8000);
    tb_pci_write(vga, 0x10, 4, 0xFC000000);
    ck_assert_uint_eq(physmap_find(tb->pm, FRAME)->kind, REGION_HOLE);
    ck_assert(!is_memory(0xFC000000));
    ck_assert_uint_eq(tb_read(tb, 0xFC000000 + 8 * 9, 2), 0x0709);
    ck_assert(is_memory(0xFC000000));
    end();
}
END_TEST

static uint8_t stripes(unsigned c, unsigned y)
{
    return (uint8_t)(c * 3 + y);
}

START_TEST(fonts_are_loaded_between)
{
    begin(&vga_mode_03h);
    fill(0xB8000);
    vga_load_font(tb, 0, stripes);
    for (unsigned i = 0; i < 0x8000; i += 2)
        ck_assert_uint_eq(tb_read(tb, 0xB8000 + i, 2), 0x0700 + i / 2 % 251);
    ck_assert(is_memory(0xB8000));
    fill(0xB8000);
    for (unsigned c = 0; c < 256; c++)
        ck_assert_uint_eq(planes(2, c * 32 + 5), stripes(c, 5));
    end();
}
END_TEST

START_TEST(mono_text_and_cga_modes)
{
    begin(&vga_mode_03h);
    vga_gc(tb, 6, 0x0A); /* text at B0000h */
    fill(0xB0000);
    ck_assert(is_memory(0xB0000));
    ck_assert(!is_memory(0xB8000));
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 2), 0xFFFF);
    vga_gc(tb, 6, 0x0E); /* the same bytes, elsewhere */
    ck_assert(is_memory(0xB8000));
    ck_assert(!is_memory(0xB0000));
    ck_assert_uint_eq(tb_read(tb, 0xB8000 + 200, 2), 0x0700 + 100);
    ck_assert_uint_eq(planes(0, 200), 100);

    vga_set_mode(tb, &vga_mode_04h);
    fill(0xB8000);
    ck_assert(is_memory(0xB8000));
    ck_assert_uint_eq(planes(1, 200), 7);

    vga_set_mode(tb, &vga_mode_06h);
    fill(0xB8000);
    ck_assert(is_memory(0xB8000));
    ck_assert_uint_eq(planes(0, 202), 101);
    ck_assert_uint_eq(planes(0, 203), 7); /* plane 0 has odd addresses, too */
    end();
}
END_TEST

/* Registers that make it other than plain memory: one by one. */
START_TEST(anything_but_plain_stays_with_the_device)
{
    static const struct {
        uint16_t port;
        uint8_t index, value;
    } not_plain[] = {
        {0x3C4, 2, 0x1}, {0x3C4, 2, 0x7},  {0x3C4, 2, 0xF},  {0x3C4, 4, 0x6},  {0x3C4, 4, 0xA},
        {0x3CE, 1, 0x1}, {0x3CE, 3, 0x3},  {0x3CE, 3, 0x10}, {0x3CE, 4, 2},    {0x3CE, 5, 0x11},
        {0x3CE, 5, 0},   {0x3CE, 5, 0x18}, {0x3CE, 6, 0x02}, {0x3CE, 6, 0x06}, {0x3CE, 8, 0x7F},
    };
    for (unsigned i = 0; i < ARRAY_LEN(not_plain); i++) {
        begin(&vga_mode_03h);
        fill(0xB8000);
        ck_assert(is_memory(0xB8000));
        tb_out16(tb, not_plain[i].port, (uint16_t)(not_plain[i].value << 8 | not_plain[i].index));
        fill(0xB8000);
        ck_assert_msg(!is_memory(0xB8000), "state %u", i);
        end();
    }
    begin(&vga_mode_03h);
    fill(0xB8000);
    tb_out8(tb, 0x3C2, 0x65); /* video memory off the bus */
    fill(0xB8000);
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 2), 0xFFFF);
    tb_out8(tb, 0x3C2, 0x67);
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 2), 0x0700);
    end();
}
END_TEST

START_TEST(text_is_drawn_and_read_while_flat)
{
    static struct text_screen text;
    struct surface picture = {0};
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, stripes);
    vga_crtc(tb, 0x0A, 0x20); /* no cursor */
    fill(0xB8000);
    vga_render(vga->state, &picture);
    ck_assert_uint_eq(picture.dirty_end, 400);
    ck_assert(!vga_render(vga->state, &picture));
    tb_write(tb, 0xB8000 + (3 * 80 + 5) * 2, 2, 0x0F58);
    ck_assert(vga_render(vga->state, &picture));
    ck_assert_uint_eq(picture.dirty_first, 48);
    ck_assert_uint_eq(picture.dirty_end, 64);
    vga_text_screen(vga->state, &text);
    ck_assert_uint_eq(text.cells[3][5].character, 0x58);
    ck_assert_uint_eq(text.cells[3][5].attribute, 0x0F);
    ck_assert(is_memory(0xB8000));

    /* The same picture as the planes give. */
    struct surface again = {0};
    (void)tb_read(tb, FRAME, 1);
    ck_assert(!is_memory(0xB8000));
    vga_render_all(vga->state);
    vga_render(vga->state, &again);
    ck_assert_mem_eq(picture.pixels, again.pixels, 720 * 400 * sizeof *again.pixels);
    surface_free(&picture);
    surface_free(&again);
    end();
}
END_TEST

START_TEST(cga_rows_are_drawn_while_flat)
{
    struct surface picture = {0};
    begin(&vga_mode_06h);
    fill(0xB8000);
    vga_render(vga->state, &picture);
    tb_write(tb, 0xB8000 + 80 * 3 + 2, 1, 0xC3); /* row 6, pixels 16..23 */
    ck_assert(vga_render(vga->state, &picture));
    const uint32_t *row = picture.pixels + (size_t)6 * picture.width + 16;
    for (unsigned i = 1; i < 8; i++)
        ck_assert_int_eq(row[i] == row[0], 0xC3 >> (7 - i) & 1);
    surface_free(&picture);
    end();
}
END_TEST

START_TEST(a_vbe_mode_is_set_and_left)
{
    begin(&vga_mode_03h);
    fill(0xB8000);
    vga_dispi_mode(tb, 640, 480, 8, 0); /* clears what it shows: the text, too */
    ck_assert(!is_memory(0xB8000));
    ck_assert(is_memory(FRAME));
    for (unsigned i = 0; i < 0x8000; i++)
        ck_assert_uint_eq(tb_read(tb, FRAME + i * 4, 4), 0);
    vga_dispi(tb, 4, 0);
    fill(0xB8000);
    vga_dispi_mode(tb, 640, 480, 8, 0x80); /* this time it is kept */
    ck_assert_uint_eq(tb_read(tb, FRAME + 8 * 77, 2), 0x074D);
    end();
}
END_TEST

START_TEST(reset_and_saving)
{
    begin(&vga_mode_03h);
    fill(0xB8000);
    testbus_save_load(vga);
    ck_assert(is_memory(0xB8000));
    ck_assert(!is_memory(FRAME));
    tb_write(tb, 0xB8000 + 2, 2, 0x1122);
    ck_assert_uint_eq(planes(0, 2), 0x22);
    ck_assert_uint_eq(planes(0, 4), 2);
    testbus_save_load(vga);
    ck_assert(!is_memory(0xB8000));
    fill(0xB8000);
    vga_class.reset(vga->state);
    ck_assert(!is_memory(0xB8000));
    tb_pci_write(vga, 0x10, 4, FRAME);
    tb_pci_write(vga, 4, 2, 3);
    ck_assert_uint_eq(planes(0, 6), 3);
    end();
}
END_TEST

/* --- Two adapters, one of which never gets warm ------------------------------------------------
 */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static void change_registers(struct testbus *both[2])
{
    static const uint8_t gc[][2] = {
        {1, 0}, {1, 2},    {3, 0},    {3, 8},    {4, 0},    {4, 1},    {4, 2},    {5, 0x10},
        {5, 0}, {5, 0x11}, {5, 0x18}, {6, 0x0E}, {6, 0x0A}, {6, 0x06}, {8, 0xFF}, {8, 0x3C}};
    static const uint8_t seq[][2] = {{2, 3}, {2, 1}, {2, 15}, {2, 4}, {4, 2}, {4, 6}, {4, 14}};
    static const struct vga_mode *const modes[] = {&vga_mode_03h, &vga_mode_04h, &vga_mode_06h,
                                                   &vga_mode_12h, &vga_mode_13h};
    unsigned kind = below(4), g = below(ARRAY_LEN(gc)), s = below(ARRAY_LEN(seq)),
             m = below(ARRAY_LEN(modes));
    for (unsigned i = 0; i < 2; i++) {
        if (kind == 0)
            vga_gc(both[i], gc[g][0], gc[g][1]);
        else if (kind == 1)
            vga_seq(both[i], seq[s][0], seq[s][1]);
        else
            vga_set_mode(both[i], modes[m]);
    }
}

/* Changes what makes it flat, and back: what was gathered is forgotten. */
static void cool(struct testbus *t)
{
    tb_out8(t, 0x3CE, 8);
    uint8_t mask = tb_in8(t, 0x3CF);
    tb_out8(t, 0x3CF, mask ^ 1);
    tb_out8(t, 0x3CF, mask);
    tb_out8(t, 0x3CE, 5);
    uint8_t mode = tb_in8(t, 0x3CF);
    tb_out8(t, 0x3CF, mode ^ 3);
    tb_out8(t, 0x3CF, mode);
}

START_TEST(random_traffic_is_the_same_with_and_without)
{
    struct testbus *both[2];
    struct bus *adapter[2];
    unsigned flat = 0;
    seed = 99;
    for (unsigned i = 0; i < 2; i++) {
        both[i] = testbus_create(2 << 20);
        adapter[i] = add_vga(both[i]);
        vga_set_mode(both[i], &vga_mode_03h);
    }
    for (unsigned round = 0; round < 3000; round++) {
        /* Latches are loaded where they count: reads of flat memory do not. */
        for (unsigned i = 0; i < 2; i++)
            for (uint32_t gpa = 0xA0000; gpa < 0xC0000; gpa += 0x8000)
                tb_read(both[i], gpa + round, 1);
        unsigned count = below(200);
        uint32_t base = below(2) ? 0xB8000 : 0xB0000, at = below(0x7000);
        for (unsigned n = 0; n < count; n++) {
            unsigned size = 1u << below(3);
            uint32_t gpa = base + at + n * size % 0xFF0, value = below(UINT32_MAX);
            bool write = below(3);
            cool(both[1]);
            if (write) {
                tb_write(both[0], gpa, size, value);
                tb_write(both[1], gpa, size, value);
            } else {
                uint64_t got = tb_read(both[0], gpa, size);
                ck_assert_uint_eq(got, tb_read(both[1], gpa, size));
            }
            ck_assert_int_ne(physmap_find(both[1]->pm, 0xB8000)->kind, REGION_VRAM);
        }
        flat += physmap_find(both[0]->pm, base)->kind == REGION_VRAM;
        change_registers(both);
        if (round % 50 == 49)
            for (unsigned a = 0; a < 0x20000; a += 4)
                ck_assert_uint_eq(tb_read(both[0], FRAME + a, 4), tb_read(both[1], FRAME + a, 4));
    }
    ck_assert_uint_gt(flat, 200);
    for (unsigned i = 0; i < 2; i++)
        testbus_destroy(both[i]);
    (void)adapter;
}
END_TEST

CHECK_MAIN("vga_flat", text_becomes_memory_and_goes_back_to_the_planes,
           what_the_planes_had_is_there, frame_buffer_shows_and_changes_the_text,
           covered_frame_buffer_moves, fonts_are_loaded_between, mono_text_and_cga_modes,
           anything_but_plain_stays_with_the_device, text_is_drawn_and_read_while_flat,
           cga_rows_are_drawn_while_flat, a_vbe_mode_is_set_and_left, reset_and_saving,
           random_traffic_is_the_same_with_and_without)
