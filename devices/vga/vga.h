/* devices/vga/vga.h: a VGA with Bochs-style VBE extensions (the "DISPI" interface), as PCI device
 * 1234:1111. Sources: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem (1992);
 * the Bochs VBE DISPI description (ports 1CEh/1CFh, id B0C5h).
 *
 * Video memory holds the four planes interleaved: byte a of plane p lies at 4 * a + p. So a latch
 * load is one 32-bit read, chain-4 memory is linear, and so is every VBE packed mode.
 *
 * BAR 0: linear frame buffer (the whole video memory). BAR 2: 4 KiB of registers: 400h the ports
 * 3C0h..3DFh, 500h the DISPI registers, 16 bits each, 604h the byte order of the frame buffer
 * (1E1E1E1Eh, little-endian; writes are ignored). Expansion ROM BAR: the video BIOS, for a system
 * BIOS that copies it to C0000h itself (SeaBIOS); the board shows it there too. */
#ifndef UMBRA_DEVICES_VGA_VGA_H
#define UMBRA_DEVICES_VGA_VGA_H

#include "devices/device.h"
#include "devices/display.h"

struct vga_config {
    uint32_t vram_size; /* bytes: a power of two, 1 to 64 MiB; 0 gives 16 MiB */
    const uint8_t *rom; /* video BIOS behind the expansion ROM BAR, copied; may be NULL */
    size_t rom_size;    /* up to VGA_ROM_MAX */
};
#define VGA_ROM_MAX 0x10000u

/* Memory that the adapter takes beside vram_size: what B8000h or B0000h shows while it is plain
 * bytes (devices/vga/flat.c). */
#define VGA_FLAT_BYTES 0x8000u

extern const struct device_class vga_class;

/* The descriptor's ranges, by index: A0000h..BFFFFh; BAR 2; ROM BAR; the start of BAR 0, where it
 * is not memory for a while (devices/vga/flat.c). */
enum { VGA_MMIO_LEGACY, VGA_MMIO_REGISTERS, VGA_MMIO_ROM, VGA_MMIO_FRAME };

/* Brings the surface up to date with the adapter's picture, drawing only what changed since the
 * last call. The surface must be the one passed last time; after a change of surface call
 * vga_render_all first. Returns true when anything changed (out->dirty_first..dirty_end says which
 * rows); false also when the host has no memory for the picture. */
bool vga_render(void *state, struct surface *out);

/* Forgets what was drawn: the next vga_render draws everything. */
void vga_render_all(void *state);

/* The text screen as it stands now; columns is 0 in graphics modes. */
void vga_text_screen(void *state, struct text_screen *out);

/* The refresh rate of the current mode in mHz (70087 for text modes), and ns per frame. */
unsigned vga_refresh_millihertz(void *state);

#endif
