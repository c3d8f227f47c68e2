/* devices/vga/view.h: the picture that the registers describe, free of register details. Two equal
 * views of the same memory give the same pixels: that is how render.c knows what changed. Private
 * to devices/vga. */
#ifndef UMBRA_DEVICES_VGA_VIEW_H
#define UMBRA_DEVICES_VGA_VIEW_H

#include "devices/vga/state.h"

enum view_kind {
    VIEW_BLANK,
    VIEW_TEXT,
    VIEW_PLANAR, /* a bit of a pixel in each plane */
    VIEW_CGA,    /* two bits of a pixel side by side: shift register interleave */
    VIEW_256,    /* a byte per pixel, planes in turn */
    VIEW_PACKED, /* VBE, 8 to 32 bits per pixel */
};

struct view {
    enum view_kind kind;
    unsigned width, height; /* pixels; rows that the CRTC shows twice count once */
    bool square_pixels;     /* VBE: else the picture fills a 4:3 monitor */

    /* The CRTC's walk through memory, in units of its address counter. */
    uint32_t start, row_step, plane_mask;
    unsigned address_shift;          /* 0 byte, 1 word, 2 double-word mode */
    unsigned wrap_bit;               /* of the counter, that becomes bit 0 in word mode */
    uint32_t scan_to_13, scan_to_14; /* row scan bits replace address bits (CGA, Hercules) */
    unsigned scans_per_row;          /* rows of pixels that share a counter row */
    unsigned split;                  /* first row of pixels after line compare */
    unsigned first_scan;             /* preset row scan */
    unsigned pan, pan_after_split;   /* pixels shifted left */

    /* Text */
    unsigned columns, cell_width, cell_height;
    uint32_t font[2];                  /* plane 2 addresses; [1] for attribute bit 3 */
    unsigned cursor_first, cursor_end; /* scans of a cell; first >= end: no cursor */
    unsigned underline;                /* scan of a cell, beyond it: none */
    bool blink, line_graphics;

    /* VBE */
    unsigned bpp;
    uint32_t pitch; /* bytes; start counts bytes too */

    uint32_t colours[256]; /* of pixel values, or of text attributes' nibbles */
};

/* Fills *view; every byte of it is defined, so that views can be compared with memcmp. */
void vga_view(const struct vga *v, struct view *view);

/* The plane address that the CRTC shows at counter value ma in row scan scan. */
static inline uint32_t view_address(const struct view *w, uint32_t ma, unsigned scan)
{
    uint32_t a = ma;
    if (w->address_shift == 1)
        a = ma << 1 | (ma >> w->wrap_bit & 1);
    else if (w->address_shift == 2)
        a = ma << 2 | (ma >> 14 & 3);
    if (w->scan_to_13)
        a = (a & ~0x2000u) | (scan & 1) << 13;
    if (w->scan_to_14)
        a = (a & ~0x4000u) | (scan >> 1 & 1) << 14;
    return a & w->plane_mask;
}

/* The counter value of the text cursor, and whether it is shown at this moment. */
uint32_t vga_cursor_address(const struct vga *v);

#endif
