/* tests/devices/vga_modes.h: sets a VGA's modes as a video BIOS does. The register values are those
 * of the IBM VGA's parameter table (IBM PS/2 and PC BIOS Technical Reference, INT 10h). */
#ifndef UMBRA_TESTS_DEVICES_VGA_MODES_H
#define UMBRA_TESTS_DEVICES_VGA_MODES_H

#include "tests/devices/testbus.h"

struct vga_mode {
    uint8_t misc, seq[5], crtc[25], atc[21], gc[9];
};

extern const struct vga_mode vga_mode_03h; /* text 80 x 25, 9 x 16 cells */
extern const struct vga_mode vga_mode_04h; /* 320 x 200, 4 colours, CGA memory layout */
extern const struct vga_mode vga_mode_06h; /* 640 x 200, 2 colours, CGA memory layout */
extern const struct vga_mode vga_mode_0dh; /* 320 x 200, 16 colours, planes */
extern const struct vga_mode vga_mode_12h; /* 640 x 480, 16 colours, planes */
extern const struct vga_mode vga_mode_13h; /* 320 x 200, 256 colours, chain-4 */
extern const struct vga_mode vga_mode_x;   /* 320 x 200, 256 colours, unchained */

void vga_set_mode(struct testbus *tb, const struct vga_mode *mode);

void vga_seq(struct testbus *tb, uint8_t index, uint8_t value);
void vga_gc(struct testbus *tb, uint8_t index, uint8_t value);
void vga_crtc(struct testbus *tb, uint8_t index, uint8_t value);
void vga_atc(struct testbus *tb, uint8_t index, uint8_t value);
void vga_dac(struct testbus *tb, uint8_t index, uint8_t r, uint8_t g, uint8_t b);
uint8_t vga_crtc_read(struct testbus *tb, uint8_t index);

/* The 64 colours that the BIOS loads for 16-colour modes (rgbRGB), and a grey ramp above them. */
void vga_set_palette(struct testbus *tb);

/* Writes 8 x 16 glyphs to plane 2 as the BIOS does, leaving text mode's registers as set by
 * vga_mode_03h. Glyph c's scan y is made by pattern(c, y). */
void vga_load_font(struct testbus *tb, unsigned map, uint8_t (*pattern)(unsigned c, unsigned y));

/* VBE registers. */
void vga_dispi(struct testbus *tb, uint16_t index, uint16_t value);
uint16_t vga_dispi_in(struct testbus *tb, uint16_t index);
void vga_dispi_mode(struct testbus *tb, unsigned x, unsigned y, unsigned bpp, unsigned flags);

#endif
