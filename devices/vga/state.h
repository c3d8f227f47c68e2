/* devices/vga/state.h: the VGA's registers and what is derived from them. Private to devices/vga.
 *
 *   ports.c    registers behind 3B0h..3DFh          dispi.c   VBE extensions, PCI, BAR 2
 *   memory.c   A0000h..BFFFFh: planes and latches   timing.c  retrace, blinking
 *   flat.c     text and CGA memory as plain bytes
 *   view.c     registers -> description of the picture
 *   render.c   picture -> pixels                    text.c    picture -> characters
 *
 * Every register write that changes how the CPU reaches video memory ends in
 * vga_memory_update(), which picks the access functions and the linear window. */
#ifndef UMBRA_DEVICES_VGA_STATE_H
#define UMBRA_DEVICES_VGA_STATE_H

#include "devices/bus.h"
#include "devices/pci/config.h"
#include "devices/vga/vga.h"

#define VGA_PLANE_BYTES 0x10000u /* of one plane, as a VGA sees it */

/* Indices of CRTC registers, as the manual names them. */
enum {
    CRTC_HTOTAL = 0x00,
    CRTC_HDISPLAY_END = 0x01,
    CRTC_VTOTAL = 0x06,
    CRTC_OVERFLOW = 0x07,
    CRTC_PRESET_ROW_SCAN = 0x08,
    CRTC_MAX_SCAN = 0x09,
    CRTC_CURSOR_START = 0x0A,
    CRTC_CURSOR_END = 0x0B,
    CRTC_START_HIGH = 0x0C,
    CRTC_START_LOW = 0x0D,
    CRTC_CURSOR_HIGH = 0x0E,
    CRTC_CURSOR_LOW = 0x0F,
    CRTC_VRETRACE_START = 0x10,
    CRTC_VRETRACE_END = 0x11,
    CRTC_VDISPLAY_END = 0x12,
    CRTC_OFFSET = 0x13,
    CRTC_UNDERLINE = 0x14,
    CRTC_MODE = 0x17,
    CRTC_LINE_COMPARE = 0x18,
    CRTC_COUNT = 0x19,
};

enum { SEQ_CLOCKING = 1, SEQ_MAP_MASK = 2, SEQ_FONT = 3, SEQ_MEMORY = 4, SEQ_COUNT = 5 };

enum {
    GC_SET_RESET,
    GC_ENABLE_SET_RESET,
    GC_COMPARE,
    GC_ROTATE,
    GC_READ_MAP,
    GC_MODE,
    GC_MISC,
    GC_DONT_CARE,
    GC_BIT_MASK,
    GC_COUNT,
};

enum {
    ATC_MODE = 0x10,
    ATC_OVERSCAN = 0x11,
    ATC_PLANES = 0x12,
    ATC_PANNING = 0x13,
    ATC_COLOUR_SELECT = 0x14,
    ATC_COUNT = 0x15,
};

/* DISPI register 4 */
enum {
    DISPI_ENABLED = 0x01,
    DISPI_GETCAPS = 0x02,
    DISPI_8BIT_DAC = 0x20,
    DISPI_LFB = 0x40,
    DISPI_NOCLEAR = 0x80,
};

#define DISPI_MAX_X   1920u
#define DISPI_MAX_Y   1200u
#define DISPI_MAX_BPP 32u

/* What stands in vga.flat_bytes, in place of the same bytes of the planes: flat.c. */
enum vga_flat {
    FLAT_NONE,
    FLAT_PAIRS,   /* even addresses of plane 0 and 1 side by side: text, CGA with 4 colours */
    FLAT_PLANE_0, /* plane 0: CGA with 2 colours */
};

struct vga;
typedef quick_read_fn vga_read_fn;
typedef quick_write_fn vga_write_fn;

struct vga_picture; /* what was drawn last: render.c */

struct vga {
    struct bus *bus;
    uint8_t *vram;
    uint32_t vram_size; /* a power of two */
    struct pci_config pci;
    uint8_t *rom; /* VGA_ROM_MAX bytes, or NULL */

    uint8_t misc, feature, subsystem_enable;
    uint8_t seq_index, seq[SEQ_COUNT];
    uint8_t crtc_index, crtc[CRTC_COUNT];
    uint8_t gc_index, gc[GC_COUNT];
    uint8_t atc_index, atc[ATC_COUNT]; /* index bit 5: palette in use by the display */
    uint8_t atc_expects_data;          /* the flip-flop of port 3C0h */
    uint8_t dac[768], dac_mask, dac_read_index, dac_write_index, dac_component;
    uint8_t dac_latch[3];
    uint8_t dac_reading;
    uint32_t latch; /* one byte per plane, plane 0 lowest */

    uint16_t dispi_index, dispi_id, dispi_x, dispi_y, dispi_bpp, dispi_enable;
    uint16_t dispi_bank_read, dispi_bank_write; /* 64 KiB units */
    uint16_t dispi_virtual_x, dispi_x_offset, dispi_y_offset;
    uint8_t dispi_low_byte; /* of a 16-bit data write that came as two bytes */

    uint8_t flat;        /* enum vga_flat */
    uint8_t flat_heat;   /* bytes accessed while it could be flat and was not */
    uint8_t *flat_bytes; /* VGA_FLAT_BYTES, behind the video memory */

    /* Derived by vga_memory_update. */
    vga_read_fn *read;
    vga_write_fn *write;
    vga_read_fn *planes_read; /* the same, but for what flat.c wants to know */
    vga_write_fn *planes_write;
    uint8_t flat_wanted;                   /* enum vga_flat: what the registers allow */
    uint32_t aperture_base, aperture_size; /* offsets from A0000h */
    uint32_t plane_mask;                   /* of an address within a plane */
    uint32_t read_base, write_base;        /* added to the address (VBE banks) */
    uint32_t map_mask, bit_mask, set_reset, enable_set_reset; /* a byte per plane */
    uint32_t rotate;
    bool rom_on; /* the ROM is decoded, at rom_base */
    uint32_t rom_base;
    bool window_known; /* the machine was told */
    struct vga_window {
        bool on;
        uint32_t base, offset, size;
    } window;
    struct vga_quick {
        uint32_t base, size;
        vga_read_fn *read;
        vga_write_fn *write;
    } quick; /* the same */

    /* Derived by vga_timing_update. */
    uint32_t frame_ns, lines_total, dots_total, dots_shown, lines_shown, retrace_start, retrace_end;

    uint64_t *dirty; /* a bit per page of video memory that the device itself wrote */
    struct vga_picture *picture;
};

static inline bool vga_dispi_on(const struct vga *v)
{
    return v->dispi_enable & DISPI_ENABLED;
}

static inline bool vga_is_planar_dispi(const struct vga *v)
{
    return vga_dispi_on(v) && v->dispi_bpp == 4;
}

/* Notes that the device wrote video memory at byte offset. */
static inline void vga_mark_dirty(struct vga *v, uint32_t offset)
{
    v->dirty[offset >> 18] |= UINT64_C(1) << (offset >> 12 & 63);
}

/* The four planes at plane address a, plane 0 lowest. */
static inline uint32_t vga_planes_at(const struct vga *v, uint32_t a)
{
    uint32_t planes = load_le32(v->vram + (size_t)a * 4);
    if (likely(!v->flat) || a >= VGA_FLAT_BYTES)
        return planes;
    if (v->flat == FLAT_PLANE_0)
        return (planes & 0xFFFFFF00u) | v->flat_bytes[a];
    return a & 1 ? planes : (planes & 0xFFFF0000u) | load_le16(v->flat_bytes + a);
}

/* ports.c */
uint8_t vga_port_read8(struct vga *v, uint16_t port);
void vga_port_write8(struct vga *v, uint16_t port, uint8_t value);

/* memory.c */
void vga_memory_update(struct vga *v);
/* The map mask changed, or the bit mask did and neither it is all ones nor was. False: what it says
 * now may change how memory is reached, too. Programs write these for each pixel. */
must_use bool vga_masks_update(struct vga *v);

/* flat.c */
/* Picks read and write, with what the registers allow now. */
void vga_flat_update(struct vga *v, enum vga_flat allowed);
/* The planes have everything again. vga_memory_update follows. */
void vga_flat_leave(struct vga *v);
/* Puts flat in order; vga_memory_update follows. */
void vga_flat_loaded(struct vga *v);
/* BAR 0 where it is covered. */
uint32_t vga_frame_read(struct vga *v, uint32_t offset, unsigned size);
void vga_frame_write(struct vga *v, uint32_t offset, uint32_t value, unsigned size);

/* dispi.c */
uint16_t vga_dispi_read(struct vga *v, unsigned index);
void vga_dispi_write(struct vga *v, unsigned index, uint16_t value);
void vga_dispi_reset(struct vga *v);
/* Bytes from one row to the next; for 4 bits per pixel, of one plane. */
uint32_t vga_dispi_pitch(const struct vga *v);
bool vga_dispi_mode_valid(const struct vga *v);

/* timing.c */
void vga_timing_update(struct vga *v);
uint8_t vga_input_status1(struct vga *v);
/* Frames shown since power-on, for blinking. */
uint64_t vga_frame_number(struct vga *v);

/* render.c */
void vga_picture_free(struct vga_picture *picture);

#endif
