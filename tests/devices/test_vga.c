/* The VGA's registers and memory as a CPU sees them: planes, latches, write and read modes,
 * chain-4, odd/even, the windows, DAC, VBE registers, retrace timing, saving. */
#include "tests/check_main.h"

#include "devices/vga/vga.h"
#include "tests/devices/vga_modes.h"

static struct testbus *tb;
static struct bus *vga;

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
    testbus_destroy(tb);
}

static void put(unsigned offset, uint8_t value)
{
    tb_write(tb, 0xA0000 + offset, 1, value);
}

static uint8_t get(unsigned offset)
{
    return (uint8_t)tb_read(tb, 0xA0000 + offset, 1);
}

/* Byte of one plane, by read mode 0. */
static uint8_t plane(unsigned n, unsigned offset)
{
    vga_gc(tb, 5, 0);
    vga_gc(tb, 4, (uint8_t)n);
    return get(offset);
}

#define ck_planes(offset, p0, p1, p2, p3)            \
    do {                                             \
        ck_assert_uint_eq(plane(0, (offset)), (p0)); \
        ck_assert_uint_eq(plane(1, (offset)), (p1)); \
        ck_assert_uint_eq(plane(2, (offset)), (p2)); \
        ck_assert_uint_eq(plane(3, (offset)), (p3)); \
    } while (0)

START_TEST(map_mask_picks_planes)
{
    begin(&vga_mode_12h);
    vga_seq(tb, 2, 0x5);
    put(10, 0xA7);
    ck_planes(10, 0xA7, 0, 0xA7, 0);
    vga_seq(tb, 2, 0x8);
    put(10, 0x3C);
    ck_planes(10, 0xA7, 0, 0xA7, 0x3C);
    end();
}
END_TEST

START_TEST(write_mode_0_rotates_sets_and_masks)
{
    begin(&vga_mode_12h);
    /* Fill: plane n holds 11h * (n + 1). */
    for (unsigned n = 0; n < 4; n++) {
        vga_seq(tb, 2, (uint8_t)(1 << n));
        put(0, (uint8_t)(0x11 * (n + 1)));
    }
    vga_seq(tb, 2, 0xF);
    get(0);              /* latches: 11 22 33 44 */
    vga_gc(tb, 0, 0x1);  /* set/reset: plane 0 one, plane 1 zero */
    vga_gc(tb, 1, 0x3);  /* for planes 0 and 1 */
    vga_gc(tb, 3, 0x04); /* rotate right by 4, replace */
    vga_gc(tb, 8, 0xF0); /* only the upper four pixels */
    put(0, 0x5A);        /* becomes A5 */
    ck_planes(0, 0xF1, 0x02, 0xA3, 0xA4);
    end();
}
END_TEST

START_TEST(logical_functions_use_the_latches)
{
    static const uint8_t expected[4] = {0x0F, 0x05, 0x5F, 0x5A};
    begin(&vga_mode_12h);
    for (unsigned function = 0; function < 4; function++) {
        vga_gc(tb, 3, 0);
        put(0, 0x55);
        vga_gc(tb, 5, 0);
        get(0);
        vga_gc(tb, 3, (uint8_t)(function << 3));
        put(0, 0x0F);
        ck_assert_uint_eq(plane(2, 0), expected[function]);
    }
    end();
}
END_TEST

START_TEST(write_mode_1_copies_latches)
{
    begin(&vga_mode_12h);
    for (unsigned n = 0; n < 4; n++) {
        vga_seq(tb, 2, (uint8_t)(1 << n));
        put(100, (uint8_t)(0x10 + n));
    }
    vga_seq(tb, 2, 0xF);
    vga_gc(tb, 5, 1);
    vga_gc(tb, 8, 0x00); /* the bit mask has no say here */
    get(100);
    put(200, 0xEE);
    ck_planes(200, 0x10, 0x11, 0x12, 0x13);
    end();
}
END_TEST

START_TEST(write_mode_2_spreads_a_colour)
{
    begin(&vga_mode_12h);
    put(0, 0xFF);
    get(0);
    vga_gc(tb, 5, 2);
    vga_gc(tb, 8, 0x18);
    put(0, 0x06);
    ck_planes(0, 0xE7, 0xFF, 0xFF, 0xE7);
    end();
}
END_TEST

START_TEST(write_mode_3_masks_with_the_data)
{
    begin(&vga_mode_12h);
    put(0, 0x00);
    get(0);
    vga_gc(tb, 5, 3);
    vga_gc(tb, 0, 0x9);
    vga_gc(tb, 8, 0x3C);
    put(0, 0x0F); /* mask 0F & 3C = 0C */
    ck_planes(0, 0x0C, 0x00, 0x00, 0x0C);
    end();
}
END_TEST

START_TEST(read_mode_1_compares_colours)
{
    begin(&vga_mode_12h);
    /* Pixels 0..7 (leftmost is bit 7): colours 0..7. */
    static const uint8_t planes[4] = {0x55, 0x33, 0x0F, 0x00};
    for (unsigned n = 0; n < 4; n++) {
        vga_seq(tb, 2, (uint8_t)(1 << n));
        put(0, planes[n]);
    }
    vga_gc(tb, 5, 8);
    vga_gc(tb, 7, 0xF);
    vga_gc(tb, 2, 5);
    ck_assert_uint_eq(get(0), 0x80 >> 5);
    vga_gc(tb, 7, 0x4); /* only plane 2 counts */
    ck_assert_uint_eq(get(0), 0x0F);
    vga_gc(tb, 7, 0);
    ck_assert_uint_eq(get(0), 0xFF);
    end();
}
END_TEST

START_TEST(wide_accesses_are_bytes_in_order)
{
    begin(&vga_mode_12h);
    tb_write(tb, 0xA0100, 4, 0x44332211);
    tb_write(tb, 0xA0104, 2, 0x6655);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(plane(3, 0x100 + i), 0x11 * (i + 1));
    ck_assert_uint_eq(tb_read(tb, 0xA0102, 2), 0x4433);
    ck_assert_uint_eq(tb_read(tb, 0xA0100, 4), 0x44332211);
    end();
}
END_TEST

START_TEST(text_memory_goes_to_planes_0_and_1)
{
    begin(&vga_mode_03h);
    tb_write(tb, 0xB8000, 2, 0x1F41);
    tb_write(tb, 0xB8002, 4, 0x4E431F42);
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 4), 0x1F421F41);
    ck_assert_uint_eq(tb_read(tb, 0xB8004, 2), 0x4E43);
    /* Outside the 32 KiB window nothing answers. */
    ck_assert_uint_eq(tb_read(tb, 0xA0000, 1), 0xFF);
    ck_assert_uint_eq(tb_read(tb, 0xB0000, 1), 0xFF);
    vga_seq(tb, 4, 6); /* planes, at A0000h */
    vga_gc(tb, 6, 5);
    ck_planes(0, 0x41, 0x1F, 0, 0);
    ck_planes(2, 0x42, 0x1F, 0, 0);
    ck_planes(4, 0x43, 0x4E, 0, 0);
    ck_planes(1, 0, 0, 0, 0);
    end();
}
END_TEST

START_TEST(chain4_is_plain_memory_and_shares_the_planes)
{
    begin(&vga_mode_13h);
    for (unsigned i = 0; i < 64; i += 4)
        tb_write(tb, 0xA0000 + i, 4, 0x03020100u + 0x04040404u * (i / 4));
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_VRAM);
    ck_assert_uint_eq(tb_read(tb, 0xA0007, 1), 7);
    vga_seq(tb, 4, 6);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_MMIO);
    ck_planes(3, 12, 13, 14, 15);
    end();
}
END_TEST

START_TEST(chain4_obeys_map_mask_and_alu)
{
    begin(&vga_mode_13h);
    tb_write(tb, 0xA0000, 4, 0);
    vga_seq(tb, 2, 0x2);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_MMIO);
    tb_write(tb, 0xA0000, 4, 0x04030201);
    ck_assert_uint_eq(tb_read(tb, 0xA0000, 4), 0x00000200);
    vga_seq(tb, 2, 0xF);
    vga_gc(tb, 8, 0x0F);
    tb_read(tb, 0xA0000, 1);
    tb_write(tb, 0xA0000, 1, 0xFF);
    ck_assert_uint_eq(tb_read(tb, 0xA0000, 1), 0x0F);
    vga_gc(tb, 8, 0xFF);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_VRAM);
    end();
}
END_TEST

START_TEST(memory_maps_and_ram_enable)
{
    static const struct {
        uint8_t map;
        uint32_t first, last;
    } maps[] = {
        {0, 0xA0000, 0xBFFFF}, {1, 0xA0000, 0xAFFFF}, {2, 0xB0000, 0xB7FFF}, {3, 0xB8000, 0xBFFFF}};
    begin(&vga_mode_12h);
    for (unsigned i = 0; i < ARRAY_LEN(maps); i++) {
        vga_gc(tb, 6, (uint8_t)(maps[i].map << 2 | 1));
        for (uint32_t at = 0xA0000; at < 0xC0000; at += 0x4000) {
            bool inside = at >= maps[i].first && at <= maps[i].last;
            tb_write(tb, at, 1, 0x77);
            ck_assert_uint_eq(tb_read(tb, at, 1), inside ? 0x77 : 0xFF);
        }
    }
    tb_out8(tb, 0x3C2, 0xE1); /* memory off */
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 1), 0xFF);
    end();
}
END_TEST

START_TEST(dac_reads_and_writes_in_threes)
{
    begin(&vga_mode_13h);
    vga_dac(tb, 200, 1, 2, 0xFF);
    tb_out8(tb, 0x3C7, 200);
    ck_assert_uint_eq(tb_in8(tb, 0x3C7) & 3, 3);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 1);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 2);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 0x3F);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 201 / 4); /* the index moved on */
    tb_out8(tb, 0x3C8, 255);
    ck_assert_uint_eq(tb_in8(tb, 0x3C7) & 3, 0);
    for (unsigned i = 0; i < 6; i++)
        tb_out8(tb, 0x3C9, 9); /* 255, then 0: the index wraps */
    ck_assert_uint_eq(tb_in8(tb, 0x3C8), 1);
    end();
}
END_TEST

START_TEST(attribute_flip_flop)
{
    begin(&vga_mode_12h);
    tb_in8(tb, 0x3DA);
    tb_out8(tb, 0x3C0, 0x05);
    tb_out8(tb, 0x3C0, 0x2A);
    tb_out8(tb, 0x3C0, 0x05);
    ck_assert_uint_eq(tb_in8(tb, 0x3C1), 0x2A);
    tb_in8(tb, 0x3DA); /* back to index */
    tb_out8(tb, 0x3C0, 0x25);
    tb_out8(tb, 0x3C0, 0x11);
    ck_assert_uint_eq(tb_in8(tb, 0x3C1), 0x11);
    ck_assert_uint_eq(tb_in8(tb, 0x3C0), 0x25);
    end();
}
END_TEST

START_TEST(crtc_protection_and_mono_ports)
{
    begin(&vga_mode_03h);
    vga_crtc(tb, 0, 0x11);
    ck_assert_uint_eq(vga_crtc_read(tb, 0), 0x5F);
    vga_crtc(tb, 7, 0x0F); /* only bit 4 (line compare) changes */
    ck_assert_uint_eq(vga_crtc_read(tb, 7), 0x0F);
    vga_crtc(tb, 7, 0xF0);
    ck_assert_uint_eq(vga_crtc_read(tb, 7), 0x1F);
    ck_assert_uint_eq(tb_in8(tb, 0x3B4), 0xFF);
    tb_out8(tb, 0x3C2, 0x66); /* to 3Bxh */
    ck_assert_uint_eq(tb_in8(tb, 0x3D4), 0xFF);
    tb_out8(tb, 0x3B4, 1);
    ck_assert_uint_eq(tb_in8(tb, 0x3B5), 0x4F);
    ck_assert_uint_eq(tb_in8(tb, 0x3CC), 0x66);
    end();
}
END_TEST

/* 449 lines of 900 dots at 28.322 MHz: 70.087 Hz. Mode 12h: 525 of 800 at 25.175: 59.940 Hz. */
START_TEST(retrace_follows_virtual_time)
{
    begin(&vga_mode_03h);
    ck_assert_uint_eq(vga_refresh_millihertz(vga->state) / 10, 7008);
    unsigned rises = 0, displaying = 0, samples = 0;
    uint8_t last = tb_in8(tb, 0x3DA);
    for (uint64_t t = 0; t < 1000000000; t += 10000, samples++) {
        testbus_advance(tb, 10000);
        uint8_t now = tb_in8(tb, 0x3DA);
        rises += (now & ~last & 8) != 0;
        displaying += !(now & 1);
        ck_assert(!(now & 8) || (now & 1)); /* retrace is never in the display time */
        last = now;
    }
    ck_assert_uint_ge(rises, 70);
    ck_assert_uint_le(rises, 71);
    /* 720 of 900 dots in 400 of 449 lines: 71 % */
    ck_assert_uint_ge(displaying * 100 / samples, 69);
    ck_assert_uint_le(displaying * 100 / samples, 73);
    vga_set_mode(tb, &vga_mode_12h);
    ck_assert_uint_eq(vga_refresh_millihertz(vga->state) / 10, 5994);
    end();
}
END_TEST

START_TEST(dispi_identifies_and_answers_caps)
{
    begin(NULL);
    ck_assert_uint_eq(vga_dispi_in(tb, 0), 0xB0C5);
    vga_dispi(tb, 0, 0xB0C0);
    ck_assert_uint_eq(vga_dispi_in(tb, 0), 0xB0C0);
    vga_dispi(tb, 0, 0x1234);
    ck_assert_uint_eq(vga_dispi_in(tb, 0), 0xB0C0);
    vga_dispi(tb, 4, 2);
    ck_assert_uint_eq(vga_dispi_in(tb, 1), 1920);
    ck_assert_uint_eq(vga_dispi_in(tb, 2), 1200);
    ck_assert_uint_eq(vga_dispi_in(tb, 3), 32);
    vga_dispi(tb, 4, 0);
    ck_assert_uint_eq(vga_dispi_in(tb, 10), 256);
    tb_out16(tb, 0x1CE, 10);
    ck_assert_uint_eq(tb_in16(tb, 0x1D0), 256); /* the aligned alias */
    end();
}
END_TEST

START_TEST(dispi_mode_banks_and_frame_buffer)
{
    begin(&vga_mode_03h);
    bus_vram_map(vga, 0xE0000000, true);
    vga_dispi_mode(tb, 800, 600, 32, 0x40);
    ck_assert_uint_eq(vga_dispi_in(tb, 4), 0x41);
    ck_assert_uint_eq(vga_dispi_in(tb, 6), 800);
    ck_assert_uint_eq(vga_dispi_in(tb, 7), (16 << 20) / 3200);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_VRAM);
    tb_write(tb, 0xE0000000 + 5 * 65536 + 4, 4, 0xCAFE);
    vga_dispi(tb, 5, 5);
    ck_assert_uint_eq(vga_dispi_in(tb, 5), 5);
    ck_assert_uint_eq(tb_read(tb, 0xA0004, 4), 0xCAFE);
    vga_dispi(tb, 5, 256); /* beyond video memory: refused */
    ck_assert_uint_eq(vga_dispi_in(tb, 5), 5);
    /* Separate banks: read 0, write 6. */
    vga_dispi(tb, 5, 0x8000);
    vga_dispi(tb, 5, 0x4006);
    tb_write(tb, 0xA0010, 2, 0xBEEF);
    ck_assert_uint_eq(tb_read(tb, 0xA0010, 2), 0);
    ck_assert_uint_eq(tb_read(tb, 0xE0060010, 2), 0xBEEF);
    vga_dispi(tb, 4, 0);
    tb_write(tb, 0xB8000, 2, 0x0741); /* text answers again */
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 2), 0x0741);
    end();
}
END_TEST

START_TEST(dispi_refuses_impossible_modes)
{
    static const struct {
        unsigned x, y, bpp;
    } bad[] = {{0, 0, 0},      {1921, 100, 8},     {640, 1201, 8},
               {640, 480, 17}, {65535, 65535, 32}, {4, 4, 8}};
    begin(&vga_mode_03h);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        vga_dispi_mode(tb, bad[i].x, bad[i].y, bad[i].bpp, 0x40);
        ck_assert_uint_eq(vga_dispi_in(tb, 4) & 1, 0);
    }
    vga_dispi_mode(tb, 1920, 1200, 32, 0x40);
    ck_assert_uint_eq(vga_dispi_in(tb, 4) & 1, 1);
    vga_dispi(tb, 6, 65535); /* a virtual width that memory cannot hold */
    ck_assert_uint_eq(vga_dispi_in(tb, 6), 1920);
    vga_dispi(tb, 1, 9999); /* refused while on */
    ck_assert_uint_eq(vga_dispi_in(tb, 1), 1920);
    end();
}
END_TEST

START_TEST(dispi_clears_unless_told_not_to)
{
    begin(NULL);
    bus_vram_map(vga, 0xE0000000, true);
    tb_write(tb, 0xE0000100, 4, 0x12345678);
    vga_dispi_mode(tb, 640, 480, 8, 0x80);
    ck_assert_uint_eq(tb_read(tb, 0xE0000100, 4), 0x12345678);
    vga_dispi_mode(tb, 640, 480, 8, 0);
    ck_assert_uint_eq(tb_read(tb, 0xE0000100, 4), 0);
    end();
}
END_TEST

START_TEST(dispi_planar_mode_reaches_beyond_64k_by_bank)
{
    begin(&vga_mode_12h);
    vga_dispi_mode(tb, 1024, 768, 4, 0);
    put(0, 0x81);
    vga_dispi(tb, 5, 1);
    ck_assert_uint_eq(get(0), 0);
    put(0, 0x42);
    ck_assert_uint_eq(get(0), 0x42);
    vga_dispi(tb, 5, 0);
    ck_assert_uint_eq(get(0), 0x81);
    end();
}
END_TEST

START_TEST(eight_bit_dac)
{
    begin(NULL);
    vga_dispi_mode(tb, 640, 480, 8, 0x20);
    vga_dac(tb, 3, 0xFE, 0x81, 0x03);
    tb_out8(tb, 0x3C7, 3);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 0xFE);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 0x81);
    vga_dispi(tb, 4, 1); /* back to six bits */
    tb_out8(tb, 0x3C7, 3);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 0x3F);
    end();
}
END_TEST

START_TEST(register_bar_mirrors_ports)
{
    begin(&vga_mode_13h);
    bus_mmio_map(vga, VGA_MMIO_REGISTERS, 0xE1000000, true);
    ck_assert_uint_eq(tb_read(tb, 0xE1000500, 2), 0xB0C5);
    tb_write(tb, 0xE1000502, 2, 1024);
    ck_assert_uint_eq(vga_dispi_in(tb, 1), 1024);
    tb_write(tb, 0xE1000404, 2, 0x0302); /* 3C4h: map mask 3 */
    tb_out8(tb, 0x3C4, 2);
    ck_assert_uint_eq(tb_in8(tb, 0x3C5), 3);
    ck_assert_uint_eq(tb_read(tb, 0xE1000604, 4), 0x1E1E1E1E);
    ck_assert_uint_eq(tb_read(tb, 0xE1000FFC, 4), 0xFFFFFFFF);
    end();
}
END_TEST

START_TEST(pci_function_places_its_bars)
{
    begin(&vga_mode_03h);
    ck_assert_uint_eq(tb_pci_read(vga, 0, 4), 0x11111234);
    ck_assert_uint_eq(tb_pci_read(vga, 8, 4) >> 8, 0x030000);
    tb_pci_write(vga, 0x10, 4, 0xFFFFFFFF);
    ck_assert_uint_eq(tb_pci_read(vga, 0x10, 4), 0xFF000008); /* 16 MiB, prefetchable */
    tb_pci_write(vga, 0x18, 4, 0xFFFFFFFF);
    ck_assert_uint_eq(tb_pci_read(vga, 0x18, 4), 0xFFFFF000);
    tb_pci_write(vga, 0x10, 4, 0xFD000000);
    tb_pci_write(vga, 0x18, 4, 0xFEBF0000);
    tb_write(tb, 0xFD000000, 4, 1);
    ck_assert_uint_eq(tb_read(tb, 0xFD000000, 4), 0xFFFFFFFF); /* memory decoding is off */
    tb_pci_write(vga, 4, 2, 3);
    tb_write(tb, 0xFD000000, 4, 0x0741);
    ck_assert_uint_eq(tb_read(tb, 0xB8000, 2), 0x0741); /* planes 0 and 1 of address 0 */
    ck_assert_uint_eq(tb_read(tb, 0xFEBF0500, 2), 0xB0C5);
    end();
}
END_TEST

START_TEST(expansion_rom)
{
    static const uint8_t rom[512] = {0x55, 0xAA, 1, [511] = 0x77};
    tb = testbus_create(2 << 20);
    vga = testbus_add(tb, &vga_class, &(struct vga_config){.rom = rom, .rom_size = sizeof rom});
    tb_pci_write(vga, 0x30, 4, 0xFFFFFFFE);
    ck_assert_uint_eq(tb_pci_read(vga, 0x30, 4), 0xFFFF0000); /* 64 KiB */
    tb_pci_write(vga, 0x30, 4, 0xFEBE0001);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE0000, 2), 0xFFFF); /* memory decoding is off */
    tb_pci_write(vga, 4, 2, 2);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE0000, 4), 0x0001AA55);
    tb_write(tb, 0xFEBE0000, 4, 0);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE0000, 2), 0xAA55);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE01FF, 1), 0x77);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE0200, 1), 0xFF);
    tb_pci_write(vga, 0x30, 4, 0xFEBE0000);
    ck_assert_uint_eq(tb_read(tb, 0xFEBE0000, 2), 0xFFFF);
    end();
    begin(NULL); /* without a ROM there is no BAR for one */
    tb_pci_write(vga, 0x30, 4, 0xFFFFFFFF);
    ck_assert_uint_eq(tb_pci_read(vga, 0x30, 4), 0);
    end();
}
END_TEST

/* Random register and memory accesses, with pictures between: no crash, nothing out of range (run
 * under the sanitizers), and a mode can be set afterwards. */
START_TEST(random_accesses_do_no_harm)
{
    static const uint16_t ports[] = {0x1CE, 0x1CF, 0x1D0, 0x3B4, 0x3B5, 0x3BA, 0x3C0,
                                     0x3C1, 0x3C2, 0x3C4, 0x3C5, 0x3C6, 0x3C7, 0x3C8,
                                     0x3C9, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3DA};
    static struct text_screen text;
    struct surface picture = {0};
    uint64_t seed = 12345;
    begin(&vga_mode_03h);
    tb_pci_write(vga, 0x10, 4, 0xFD000000);
    tb_pci_write(vga, 0x18, 4, 0xFEBF0000);
    tb_pci_write(vga, 4, 2, 3);
    for (unsigned i = 0; i < 60000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t r = (uint32_t)(seed >> 32), value = (uint32_t)(seed >> 16);
        unsigned size = 1u << (r & 3) % 3;
        switch (r >> 2 & 7) {
        case 0:
            tb_write(tb, 0xA0000 + (r >> 8) % 0x1FFF8, size, value);
            break;
        case 1:
            tb_read(tb, 0xA0000 + (r >> 8) % 0x1FFF8, size);
            break;
        case 2:
            vga_dispi(tb, (r >> 8) % 12, (uint16_t)(r & 0x40 ? value % 2048 : value));
            break;
        case 3:
            tb_write(tb, 0xFEBF0400 + (r >> 8) % 0x220, 2, value);
            break;
        case 4:
            tb_in(tb, ports[(r >> 8) % ARRAY_LEN(ports)], size);
            break;
        default:
            tb_out(tb, ports[(r >> 8) % ARRAY_LEN(ports)], size, value);
            break;
        }
        if (i % 100 == 99) {
            testbus_advance(tb, 3000000);
            vga_render(vga->state, &picture);
            vga_text_screen(vga->state, &text);
            ck_assert_uint_le(picture.dirty_end, picture.height);
        }
        if (i % 3000 == 2999)
            testbus_save_load(vga);
    }
    vga_dispi(tb, 4, 0);
    tb_out8(tb, 0x3C2, 0x67);
    vga_set_mode(tb, &vga_mode_03h);
    tb_out8(tb, 0x3C6, 0xFF);
    vga_render(vga->state, &picture);
    ck_assert_uint_eq(picture.width, 720);
    ck_assert_uint_eq(picture.height, 400);
    surface_free(&picture);
    end();
}
END_TEST

START_TEST(state_survives_saving)
{
    begin(&vga_mode_13h);
    tb_write(tb, 0xA0000, 4, 0x04030201);
    vga_dac(tb, 77, 1, 2, 3);
    testbus_save_load(vga);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_VRAM);
    ck_assert_uint_eq(tb_read(tb, 0xA0000, 4), 0x04030201);
    tb_out8(tb, 0x3C7, 77);
    ck_assert_uint_eq(tb_in8(tb, 0x3C9), 1);
    vga_seq(tb, 4, 6);
    vga_gc(tb, 8, 0x0F);
    testbus_save_load(vga);
    ck_assert_int_eq(physmap_find(tb->pm, 0xA0000)->kind, REGION_MMIO);
    get(0); /* latches 01 02 03 04 */
    put(0, 0xF0);
    ck_planes(0, 0x00, 0x00, 0x00, 0x00);
    end();
}
END_TEST

CHECK_MAIN("vga", map_mask_picks_planes, write_mode_0_rotates_sets_and_masks,
           logical_functions_use_the_latches, write_mode_1_copies_latches,
           write_mode_2_spreads_a_colour, write_mode_3_masks_with_the_data,
           read_mode_1_compares_colours, wide_accesses_are_bytes_in_order,
           text_memory_goes_to_planes_0_and_1, chain4_is_plain_memory_and_shares_the_planes,
           chain4_obeys_map_mask_and_alu, memory_maps_and_ram_enable,
           dac_reads_and_writes_in_threes, attribute_flip_flop, crtc_protection_and_mono_ports,
           retrace_follows_virtual_time, dispi_identifies_and_answers_caps,
           dispi_mode_banks_and_frame_buffer, dispi_refuses_impossible_modes,
           dispi_clears_unless_told_not_to, dispi_planar_mode_reaches_beyond_64k_by_bank,
           eight_bit_dac, register_bar_mirrors_ports, pci_function_places_its_bars, expansion_rom,
           random_accesses_do_no_harm, state_survives_saving)
