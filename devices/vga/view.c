#include "devices/vga/view.h"

static uint32_t dac_colour(const struct vga *v, unsigned index)
{
    const uint8_t *c = v->dac + (index & v->dac_mask) * 3;
    if (vga_dispi_on(v) && v->dispi_enable & DISPI_8BIT_DAC)
        return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
    uint32_t rgb = 0;
    for (unsigned i = 0; i < 3; i++)
        rgb = rgb << 8 | (uint8_t)(c[i] << 2 | c[i] >> 4);
    return rgb;
}

/* A 4-bit pixel goes through the attribute controller's palette (IBM, "Attribute Controller"). */
static unsigned atc_colour(const struct vga *v, unsigned pixel)
{
    unsigned index = v->atc[pixel & v->atc[ATC_PLANES] & 15];
    unsigned select = v->atc[ATC_COLOUR_SELECT];
    if (v->atc[ATC_MODE] & 0x80)
        index = (index & 0x0F) | (select & 3) << 4;
    return index | (select & 0x0C) << 4;
}

static void fill_colours(const struct vga *v, struct view *w)
{
    bool direct = w->kind == VIEW_256 || (w->kind == VIEW_PACKED && w->bpp == 8);
    for (unsigned i = 0; i < (direct ? 256 : 16); i++)
        w->colours[i] = dac_colour(v, direct ? i : atc_colour(v, i));
}

static void view_dispi(const struct vga *v, struct view *w)
{
    w->width = v->dispi_x;
    w->height = v->dispi_y;
    w->bpp = v->dispi_bpp;
    w->square_pixels = true;
    w->pitch = vga_dispi_pitch(v);
    w->split = UINT32_MAX;
    w->scans_per_row = 1;
    if (v->dispi_bpp == 4) {
        w->kind = VIEW_PLANAR;
        w->width &= ~7u;
        w->row_step = w->pitch;
        w->plane_mask = v->vram_size / 4 - 1;
        w->start = v->dispi_y_offset * w->pitch + v->dispi_x_offset / 8u;
        w->pan = w->pan_after_split = v->dispi_x_offset % 8u;
        return;
    }
    w->kind = VIEW_PACKED;
    w->start = v->dispi_y_offset * w->pitch + v->dispi_x_offset * ((v->dispi_bpp + 7u) / 8);
}

static unsigned crtc_lines(const struct vga *v, uint8_t low, unsigned bit8, unsigned bit9)
{
    return low | (unsigned)(v->crtc[CRTC_OVERFLOW] >> bit8 & 1) << 8 | bit9 << 9;
}

static void view_text(const struct vga *v, struct view *w, unsigned chars)
{
    /* Character map select: which 8 KiB of plane 2 (IBM, "Character Map Select register"). */
    static const uint16_t font_at[8] = {0x0000, 0x4000, 0x8000, 0xC000,
                                        0x2000, 0x6000, 0xA000, 0xE000};
    uint8_t maps = v->seq[SEQ_FONT];
    w->font[0] = font_at[(maps & 3) | (maps >> 4 & 1) << 2];
    w->font[1] = font_at[(maps >> 2 & 3) | (maps >> 5 & 1) << 2];
    w->kind = VIEW_TEXT;
    w->columns = chars;
    w->cell_width = v->seq[SEQ_CLOCKING] & 1 ? 8 : 9;
    w->cell_height = w->scans_per_row;
    w->width = chars * w->cell_width;
    w->blink = v->atc[ATC_MODE] & 8;
    w->line_graphics = v->atc[ATC_MODE] & 4;
    w->underline = v->crtc[CRTC_UNDERLINE] & 0x1F;
    if (!(v->crtc[CRTC_CURSOR_START] & 0x20)) {
        w->cursor_first = v->crtc[CRTC_CURSOR_START] & 0x1F;
        w->cursor_end = (v->crtc[CRTC_CURSOR_END] & 0x1F) + 1;
        if (w->cursor_end > w->cell_height)
            w->cursor_end = w->cell_height;
    }
    /* 9-dot cells: panning 8 is none, 0 is one pixel. */
    unsigned pan = v->atc[ATC_PANNING];
    w->pan = w->cell_width == 9 ? (pan >= 8 ? 0 : pan + 1) : pan & 7;
}

static void view_graphics(const struct vga *v, struct view *w, unsigned chars)
{
    uint8_t mode = v->gc[GC_MODE];
    w->width = chars * 8;
    w->pan = v->atc[ATC_PANNING] & 7;
    if (mode & 0x40) {
        w->kind = VIEW_256;
        w->width = chars * 4;
        w->pan >>= 1;
    } else {
        w->kind = mode & 0x20 ? VIEW_CGA : VIEW_PLANAR;
    }
    w->scan_to_13 = !(v->crtc[CRTC_MODE] & 1);
    w->scan_to_14 = !(v->crtc[CRTC_MODE] & 2);
}

static void view_crtc(const struct vga *v, struct view *w)
{
    const uint8_t *crtc = v->crtc;
    unsigned chars = crtc[CRTC_HDISPLAY_END] + 1u;
    unsigned lines = crtc_lines(v, crtc[CRTC_VDISPLAY_END], 1, crtc[CRTC_OVERFLOW] >> 6 & 1) + 1;
    unsigned compare = crtc_lines(v, crtc[CRTC_LINE_COMPARE], 4, crtc[CRTC_MAX_SCAN] >> 6 & 1) + 1;
    unsigned repeat = crtc[CRTC_MAX_SCAN] & 0x80 ? 2 : 1;
    bool chain4 = v->seq[SEQ_MEMORY] & 8;

    w->scans_per_row = (crtc[CRTC_MAX_SCAN] & 0x1F) + 1u;
    w->first_scan = crtc[CRTC_PRESET_ROW_SCAN] & 0x1F;
    w->start = (uint32_t)crtc[CRTC_START_HIGH] << 8 | crtc[CRTC_START_LOW];
    w->start += crtc[CRTC_PRESET_ROW_SCAN] >> 5 & 3;
    w->row_step = crtc[CRTC_OFFSET] * 2u;
    w->plane_mask = VGA_PLANE_BYTES - 1;
    if (crtc[CRTC_UNDERLINE] & 0x40)
        w->address_shift = 2;
    else if (!(crtc[CRTC_MODE] & 0x40))
        w->address_shift = 1;
    w->wrap_bit = crtc[CRTC_MODE] & 0x20 ? 15 : 13;
    if (chain4) /* packed: see memory.c */
        w->address_shift = 0;

    if (v->gc[GC_MISC] & 1)
        view_graphics(v, w, chars);
    else
        view_text(v, w, chars);
    /* Graphics rows that only repeat are drawn once, in 13h for one: 400 lines show 200. */
    if (w->kind != VIEW_TEXT && !w->scan_to_13 && !w->scan_to_14) {
        repeat *= w->scans_per_row;
        w->scans_per_row = 1;
        w->first_scan = 0;
    }
    if (w->first_scan >= w->scans_per_row)
        w->first_scan = w->scans_per_row - 1;
    w->height = lines / repeat ? lines / repeat : 1;
    w->split = (compare + repeat - 1) / repeat;
    if (w->split > w->height)
        w->split = UINT32_MAX;
    w->pan_after_split = v->atc[ATC_MODE] & 0x20 ? 0 : w->pan;
    if (v->seq[SEQ_CLOCKING] & 0x20 || !(v->atc_index & 0x20))
        w->kind = VIEW_BLANK;
}

void vga_view(const struct vga *v, struct view *view)
{
    memset(view, 0, sizeof *view);
    if (vga_dispi_on(v))
        view_dispi(v, view);
    else
        view_crtc(v, view);
    if (view->kind != VIEW_BLANK)
        fill_colours(v, view);
}

uint32_t vga_cursor_address(const struct vga *v)
{
    return (uint32_t)v->crtc[CRTC_CURSOR_HIGH] << 8 | v->crtc[CRTC_CURSOR_LOW];
}
