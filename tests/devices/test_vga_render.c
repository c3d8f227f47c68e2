/* What the VGA shows: pixels of every kind of mode checked against the values that the drawing is
 * made of, and that only what changed is drawn. With UMBRA_DUMP=FOLDER set, each picture is also
 * written there as NAME.ppm, to be looked at. */
#include "tests/check_main.h"

#include <stdio.h>

#include "devices/vga/cp437.h"
#include "devices/vga/vga.h"
#include "tests/devices/vga_modes.h"

static struct testbus *tb;
static struct bus *vga;
static struct surface screen;

static void begin(const struct vga_mode *mode)
{
    tb = testbus_create(2 << 20);
    vga = testbus_add(tb, &vga_class, NULL);
    vga_set_palette(tb);
    if (mode)
        vga_set_mode(tb, mode);
}

static void end(void)
{
    surface_free(&screen);
    testbus_destroy(tb);
}

static bool draw(void)
{
    return vga_render(vga->state, &screen);
}

static uint32_t pixel(unsigned x, unsigned y)
{
    ck_assert_uint_lt(x, screen.width);
    ck_assert_uint_lt(y, screen.height);
    return screen.pixels[y * screen.width + x];
}

static void dump(const char *name)
{
    const char *folder = getenv("UMBRA_DUMP");
    if (!folder)
        return;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.ppm", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "P6 %u %u 255\n", screen.width, screen.height);
    for (size_t i = 0; i < (size_t)screen.width * screen.height; i++) {
        uint32_t c = screen.pixels[i];
        uint8_t rgb[3] = {c >> 16 & 0xFF, c >> 8 & 0xFF, c & 0xFF};
        fwrite(rgb, 3, 1, f);
    }
    fclose(f);
}

/* The BIOS's 16 colours of text and EGA modes, in 6-bit DAC values scaled to 8 bits. */
static uint32_t ega(unsigned i)
{
    static const uint32_t colours[16] = {0x000000, 0x0000AA, 0x00AA00, 0x00AAAA, 0xAA0000, 0xAA00AA,
                                         0xAA5500, 0xAAAAAA, 0x555555, 0x5555FF, 0x55FF55, 0x55FFFF,
                                         0xFF5555, 0xFF55FF, 0xFFFF55, 0xFFFFFF};
    return colours[i];
}

/* A glyph whose scan y is its own code rotated by y: no two cells or scans look alike. */
static uint8_t pattern(unsigned c, unsigned y)
{
    return (uint8_t)(c << (y & 7) | c >> (8 - (y & 7)));
}

static uint8_t pattern2(unsigned c, unsigned y)
{
    return (uint8_t)~pattern(c, y);
}

static void text(unsigned column, unsigned row, uint8_t c, uint8_t attribute)
{
    tb_write(tb, 0xB8000 + (row * 80 + column) * 2, 2, attribute << 8 | c);
}

static void cursor_off(void)
{
    vga_crtc(tb, 0x0A, 0x20);
}

/* Checks one 9 x 16 cell against pattern(). */
static void ck_cell(unsigned column, unsigned row, uint8_t c, uint32_t fore, uint32_t back,
                    uint8_t (*font)(unsigned, unsigned))
{
    for (unsigned y = 0; y < 16; y++) {
        for (unsigned x = 0; x < 9; x++) {
            bool on =
                x < 8 ? font(c, y) >> (7 - x) & 1 : c >= 0xC0 && c <= 0xDF && (font(c, y) & 1);
            ck_assert_uint_eq(pixel(column * 9 + x, row * 16 + y), on ? fore : back);
        }
    }
}

START_TEST(text_draws_cells_with_nine_dots)
{
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, pattern);
    cursor_off();
    text(0, 0, 0x41, 0x07);
    text(79, 24, 0xC5, 0x1E); /* line graphics: the ninth dot repeats the eighth */
    text(40, 12, 0xE5, 0x4F); /* not so above DFh */
    ck_assert(draw());
    ck_assert_uint_eq(screen.width, 720);
    ck_assert_uint_eq(screen.height, 400);
    ck_cell(0, 0, 0x41, ega(7), ega(0), pattern);
    ck_cell(79, 24, 0xC5, ega(14), ega(1), pattern);
    ck_cell(40, 12, 0xE5, ega(15), ega(4), pattern);
    ck_cell(1, 0, 0, ega(0), ega(0), pattern);
    dump("text");
    end();
}
END_TEST

START_TEST(second_font_by_attribute_bit_3)
{
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, pattern);
    vga_load_font(tb, 1, pattern2); /* at 4000h */
    cursor_off();
    vga_seq(tb, 3, 0x04); /* map A (bit 3 set): 1; map B: 0 */
    text(0, 0, 0x35, 0x07);
    text(1, 0, 0x35, 0x0F);
    draw();
    ck_cell(0, 0, 0x35, ega(7), ega(0), pattern);
    ck_cell(1, 0, 0x35, ega(15), ega(0), pattern2);
    end();
}
END_TEST

START_TEST(only_changed_cells_are_drawn)
{
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, pattern);
    cursor_off();
    ck_assert(draw());
    ck_assert(!draw());
    text(10, 5, 0x42, 0x07);
    ck_assert(draw());
    ck_assert_uint_eq(screen.dirty_first, 5 * 16);
    ck_assert_uint_eq(screen.dirty_end, 6 * 16);
    /* A cell drawn over in the surface stays so: nothing else is touched. */
    screen.pixels[0] = 0x123456;
    text(11, 5, 0x43, 0x07);
    draw();
    ck_assert_uint_eq(pixel(0, 0), 0x123456);
    vga_render_all(vga->state);
    draw();
    ck_assert_uint_eq(pixel(0, 0), 0);
    end();
}
END_TEST

START_TEST(cursor_and_characters_blink)
{
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, pattern);
    vga_crtc(tb, 0x0E, 0);
    vga_crtc(tb, 0x0F, 3);
    text(3, 0, 0, 0x07);
    text(4, 0, 0xFF, 0x8C); /* blinking: background is 0 */
    unsigned cursor_seen = 0, text_seen = 0;
    const unsigned frames = 320;
    for (unsigned i = 0; i < frames; i++) {
        draw();
        cursor_seen += pixel(3 * 9, 14) == ega(7);
        ck_assert_uint_eq(pixel(3 * 9, 12), ega(0)); /* cursor: scans 13 and 14 */
        ck_assert_uint_eq(pixel(3 * 9, 15), ega(0));
        text_seen += pixel(4 * 9, 0) == ega(12);
        testbus_advance(tb, 14268500); /* a frame */
    }
    ck_assert_uint_ge(cursor_seen, frames / 2 - 8);
    ck_assert_uint_le(cursor_seen, frames / 2 + 8);
    ck_assert_uint_ge(text_seen, frames / 2 - 16);
    ck_assert_uint_le(text_seen, frames / 2 + 16);
    vga_atc(tb, 0x10, 0x04); /* no blinking: bright background */
    draw();
    text(5, 0, 0, 0x8C);
    draw();
    ck_assert_uint_eq(pixel(5 * 9, 0), ega(8));
    end();
}
END_TEST

START_TEST(text_scrolls_by_start_address_and_pans)
{
    begin(&vga_mode_03h);
    vga_load_font(tb, 0, pattern);
    cursor_off();
    for (unsigned i = 0; i < 80 * 26; i++)
        text(i % 80, i / 80, (uint8_t)i, 0x07);
    vga_crtc(tb, 0x0D, 80); /* a row down */
    vga_crtc(tb, 0x08, 3);  /* and three scans */
    vga_atc(tb, 0x13, 1);   /* two pixels left (9-dot cells: n + 1) */
    draw();
    ck_assert_uint_eq(pixel(0, 0), pattern(80, 3) & 0x20 ? ega(7) : 0);
    ck_assert_uint_eq(pixel(7, 0), pattern(81, 3) & 0x80 ? ega(7) : 0);
    ck_assert_uint_eq(pixel(7, 13), pattern(161, 0) & 0x80 ? ega(7) : 0);
    /* The last two columns of pixels come from the cell beyond the 80th. */
    ck_assert_uint_eq(pixel(719, 0), pattern(160, 3) & 0x40 ? ega(7) : 0);
    end();
}
END_TEST

START_TEST(text_screen_gives_the_characters)
{
    static struct text_screen t;
    char row[TEXT_ROW_BYTES];
    begin(&vga_mode_03h);
    const char *words = "A: \x82t\x82 \xB0\xDB";
    for (unsigned i = 0; words[i]; i++)
        text(2 + i, 24, (uint8_t)words[i], 0x1F);
    text(79, 3, 'u', 7);
    text(0, 4, 'p', 7);
    vga_crtc(tb, 0x0E, (24 * 80 + 10) >> 8);
    vga_crtc(tb, 0x0F, (24 * 80 + 10) & 0xFF);
    vga_text_screen(vga->state, &t);
    ck_assert_uint_eq(t.columns, 80);
    ck_assert_uint_eq(t.rows, 25);
    ck_assert_uint_eq(t.cursor_column, 10);
    ck_assert_uint_eq(t.cursor_row, 24);
    ck_assert(t.cursor_visible);
    ck_assert_uint_eq(t.colours[4], ega(4));
    text_row_utf8(&t, 24, row);
    ck_assert_str_eq(row, "  A: \u00E9t\u00E9 \u2591\u2588");
    ck_assert(text_screen_contains(&t, "\u00E9t\u00E9"));
    ck_assert(text_screen_contains(&t, "up")); /* runs on over the end of row 3 */
    ck_assert(!text_screen_contains(&t, "down"));
    vga_set_mode(tb, &vga_mode_13h);
    vga_text_screen(vga->state, &t);
    ck_assert_uint_eq(t.columns, 0);
    end();
}
END_TEST

/* Draws colour (x + y) & 15 everywhere, through write mode 2 and the bit mask. */
static void planar_diagonals(unsigned width, unsigned height)
{
    vga_gc(tb, 5, 2);
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            uint64_t at = 0xA0000 + y * (width / 8) + x / 8;
            vga_gc(tb, 8, (uint8_t)(0x80 >> (x & 7)));
            tb_read(tb, at, 1);
            tb_write(tb, at, 1, (x + y) & 15);
        }
    }
    vga_gc(tb, 5, 0);
    vga_gc(tb, 8, 0xFF);
}

START_TEST(planar_640x480)
{
    begin(&vga_mode_12h);
    planar_diagonals(640, 480);
    ck_assert(draw());
    ck_assert_uint_eq(screen.width, 640);
    ck_assert_uint_eq(screen.height, 480);
    for (unsigned y = 0; y < 480; y++)
        for (unsigned x = 0; x < 640; x++)
            ck_assert_uint_eq(pixel(x, y), ega((x + y) & 15));
    dump("planar");
    /* One byte changes: only rows of its page of video memory (51 rows of 80 bytes at 1 KiB) */
    ck_assert(!draw());
    tb_write(tb, 0xA0000 + 200 * 80, 1, 0xFF);
    ck_assert(draw());
    ck_assert_uint_le(screen.dirty_first, 200);
    ck_assert_uint_gt(screen.dirty_end, 200);
    ck_assert_uint_le(screen.dirty_end - screen.dirty_first, 15);
    ck_assert_uint_eq(pixel(3, 200), ega(15));
    end();
}
END_TEST

START_TEST(planar_320x200_pans_and_splits)
{
    begin(&vga_mode_0dh);
    planar_diagonals(320, 200);
    draw();
    ck_assert_uint_eq(screen.width, 320);
    ck_assert_uint_eq(screen.height, 200); /* 400 lines, each shown twice */
    ck_assert_uint_eq(screen.aspect_x * 3, screen.aspect_y * 4);
    /* Start at row 10, pan 3; from line 300 (row 150) on, row 0 unpanned. */
    vga_crtc(tb, 0x0C, (10 * 40) >> 8);
    vga_crtc(tb, 0x0D, (10 * 40) & 0xFF);
    vga_atc(tb, 0x13, 3);
    vga_atc(tb, 0x10, 0x21);
    vga_crtc(tb, 0x18, 299 & 0xFF);
    vga_crtc(tb, 0x07, 0x1F);
    vga_crtc(tb, 0x09, 0x80);
    draw();
    /* In this palette colours 8 to 15 are the DAC's 8..15: dim variants. */
    for (unsigned y = 0; y < 200; y++) {
        for (unsigned x = 0; x < 310; x++) {
            unsigned colour = y < 150 ? (x + 3 + y + 10) & 15 : (x + y - 150) & 15;
            unsigned red = (colour >> 2 & 1) * 42, green = (colour >> 1 & 1) * 42,
                     blue = (colour & 1) * 42 + (colour >> 3 & 1) * 21;
            uint32_t rgb = (red << 2 | red >> 4) << 16 | (green << 2 | green >> 4) << 8 |
                           (blue << 2 | blue >> 4);
            ck_assert_uint_eq(pixel(x, y), rgb);
        }
    }
    end();
}
END_TEST

static uint32_t grey(unsigned index)
{
    unsigned v = index / 4;
    v = v << 2 | v >> 4;
    return v << 16 | v << 8 | v;
}

START_TEST(chain4_320x200)
{
    begin(&vga_mode_13h);
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++)
            tb_write(tb, 0xA0000 + y * 320 + x, 1, 64 + (x * 7 + y * 3) % 192);
    ck_assert(draw());
    ck_assert_uint_eq(screen.width, 320);
    ck_assert_uint_eq(screen.height, 200);
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++)
            ck_assert_uint_eq(pixel(x, y), grey(64 + (x * 7 + y * 3) % 192));
    dump("mode13h");
    ck_assert(!draw());
    tb_write(tb, 0xA0000 + 100 * 320, 1, 255); /* through the window */
    ck_assert(draw());
    ck_assert_uint_le(screen.dirty_end - screen.dirty_first, 15);
    vga_dac(tb, 255, 63, 0, 0);
    ck_assert(draw());
    ck_assert_uint_eq(pixel(0, 100), 0xFF0000);
    tb_out8(tb, 0x3C6, 0x7F); /* pixel mask */
    draw();
    ck_assert_uint_eq(pixel(0, 100), grey(127));
    end();
}
END_TEST

START_TEST(mode_x_flips_pages)
{
    begin(&vga_mode_x);
    for (unsigned page = 0; page < 2; page++)
        for (unsigned n = 0; n < 4; n++) {
            vga_seq(tb, 2, (uint8_t)(1 << n));
            for (unsigned at = 0; at < 80 * 200; at += 4)
                tb_write(tb, 0xA0000 + page * 16000 + at, 4, (64 + page * 64 + n) * 0x01010101u);
        }
    draw();
    for (unsigned x = 0; x < 320; x++)
        ck_assert_uint_eq(pixel(x, 199), grey(64 + x % 4));
    vga_crtc(tb, 0x0C, 16000 >> 8);
    vga_crtc(tb, 0x0D, 16000 & 0xFF);
    draw();
    for (unsigned x = 0; x < 320; x++)
        ck_assert_uint_eq(pixel(x, 0), grey(128 + x % 4));
    end();
}
END_TEST

START_TEST(cga_modes_interleave_rows)
{
    begin(&vga_mode_04h);
    /* Pixel (x, y) has colour (x + y) & 3; odd rows lie 2000h further on. */
    for (unsigned y = 0; y < 200; y++)
        for (unsigned b = 0; b < 80; b++) {
            unsigned byte = 0;
            for (unsigned i = 0; i < 4; i++)
                byte = byte << 2 | ((b * 4 + i + y) & 3);
            tb_write(tb, 0xB8000 + (y & 1) * 0x2000 + y / 2 * 80 + b, 1, byte);
        }
    static const uint8_t palette[4] = {0x00, 0x13, 0x15, 0x17};
    draw();
    ck_assert_uint_eq(screen.width, 320);
    ck_assert_uint_eq(screen.height, 200);
    dump("cga4");
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++) {
            unsigned c = palette[(x + y) & 3];
            unsigned rgb[3];
            for (unsigned n = 0; n < 3; n++) {
                unsigned v = (c >> (2 - n) & 1) * 42 + (c >> (5 - n) & 1) * 21;
                rgb[n] = v << 2 | v >> 4;
            }
            ck_assert_uint_eq(pixel(x, y), rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
        }
    vga_set_mode(tb, &vga_mode_06h);
    tb_write(tb, 0xB8000 + 0x2000 + 10 * 80, 1, 0x80); /* row 21 */
    tb_write(tb, 0xB8000 + 10 * 80, 1, 0x40);          /* row 20 */
    draw();
    ck_assert_uint_eq(screen.width, 640);
    ck_assert_uint_eq(pixel(0, 21), 0xAAFFAA); /* 17h in this DAC */
    ck_assert_uint_eq(pixel(1, 21), 0);
    ck_assert_uint_eq(pixel(1, 20), 0xAAFFAA);
    end();
}
END_TEST

START_TEST(vbe_depths)
{
    static const struct {
        unsigned bpp, raw;
        uint32_t rgb;
    } depths[] = {{8, 100, 0},
                  {15, 0x7C1F, 0xFF00FF},
                  {16, 0x07E1, 0x00FF08},
                  {24, 0x123456, 0x123456},
                  {32, 0xFF89ABCD, 0x89ABCD}};
    begin(NULL);
    bus_vram_map(vga, 0xE0000000, true);
    for (unsigned i = 0; i < ARRAY_LEN(depths); i++) {
        unsigned bytes = (depths[i].bpp + 7) / 8;
        vga_dispi_mode(tb, 640, 480, depths[i].bpp, 0x40);
        vga_dispi(tb, 6, 700); /* virtual width */
        vga_dispi(tb, 8, 5);   /* x offset */
        vga_dispi(tb, 9, 10);  /* y offset */
        uint64_t at = 0xE0000000 + ((20 + 10) * 700 + 30 + 5) * bytes;
        for (unsigned b = 0; b < bytes; b++)
            tb_write(tb, at + b, 1, depths[i].raw >> b * 8 & 0xFF);
        draw();
        ck_assert_uint_eq(screen.width, 640);
        ck_assert_uint_eq(screen.height, 480);
        ck_assert_uint_eq(screen.aspect_x, 640);
        uint32_t expected = depths[i].bpp == 8 ? grey(100) : depths[i].rgb;
        ck_assert_uint_eq(pixel(30, 20), expected);
        ck_assert_uint_eq(pixel(29, 20), 0);
        ck_assert_uint_eq(pixel(31, 20), 0);
    }
    end();
}
END_TEST

START_TEST(vbe_largest_mode_draws_only_rows_written)
{
    begin(NULL);
    bus_vram_map(vga, 0xE0000000, true);
    vga_dispi_mode(tb, 1920, 1200, 32, 0x40);
    ck_assert(draw());
    ck_assert(!draw());
    tb_write(tb, 0xE0000000 + (uint64_t)1199 * 7680 + 1919 * 4, 4, 0xABCDEF);
    ck_assert(draw());
    ck_assert_uint_eq(pixel(1919, 1199), 0xABCDEF);
    ck_assert_uint_ge(screen.dirty_first, 1198);
    vga_dispi(tb, 9, 60000); /* beyond video memory: black */
    draw();
    ck_assert_uint_eq(pixel(1919, 1199), 0);
    end();
}
END_TEST

START_TEST(blanked_screen_is_black)
{
    begin(&vga_mode_13h);
    for (unsigned i = 0; i < 64000; i += 4)
        tb_write(tb, 0xA0000 + i, 4, 0xFFFFFFFF);
    draw();
    ck_assert_uint_ne(pixel(100, 100), 0);
    vga_seq(tb, 1, 0x21);
    ck_assert(draw());
    ck_assert_uint_eq(pixel(100, 100), 0);
    vga_seq(tb, 1, 0x01);
    draw();
    ck_assert_uint_ne(pixel(100, 100), 0);
    end();
}
END_TEST

START_TEST(cp437_is_reversible)
{
    for (unsigned c = 1; c < 255; c++)
        ck_assert_int_eq(cp437_from_unicode(cp437_to_unicode((uint8_t)c)), (int)c);
    ck_assert_int_eq(cp437_from_unicode(0x4E2D), -1);
}
END_TEST

CHECK_MAIN("vga_render", text_draws_cells_with_nine_dots, second_font_by_attribute_bit_3,
           only_changed_cells_are_drawn, cursor_and_characters_blink,
           text_scrolls_by_start_address_and_pans, text_screen_gives_the_characters, planar_640x480,
           planar_320x200_pans_and_splits, chain4_320x200, mode_x_flips_pages,
           cga_modes_interleave_rows, vbe_depths, vbe_largest_mode_draws_only_rows_written,
           blanked_screen_is_black, cp437_is_reversible)
