/* devices/vga/render.c: pixels from a view, only those that changed.
 *
 * What was drawn last is kept: the view, the content of each text cell, the fonts. A different view
 * (a mode, palette, start address ...) draws everything. With the same view, text draws the cells
 * that differ, graphics the rows whose pages of video memory were written. Pages are told written
 * by the machine (writes that went past us, through a window or the frame buffer) and by our own
 * map (writes through the planes). */
#include <stdlib.h>

#include "devices/vga/view.h"

#define FONT_GLYPHS 256
#define GLYPH_SCANS 32
#define MAX_CHARS   258 /* fetched in a row: 256, one more when panned */

struct vga_picture {
    struct view view; /* as drawn; valid when drawn is */
    bool drawn;
    uint8_t font[2][FONT_GLYPHS * GLYPH_SCANS];
    uint32_t *cells; /* drawn cells, CELL_* packed, row after row */
    size_t cell_capacity;
    unsigned cell_pitch;
    uint8_t *page_dirty; /* a bit per page: to be drawn in this call */
};

/* What decides a cell's pixels beside fonts and view. */
#define CELL_CURSOR  0x10000u
#define CELL_HIDDEN  0x20000u /* blinking, in its dark phase */
#define CELL_NOTHING UINT32_MAX

void vga_picture_free(struct vga_picture *picture)
{
    if (!picture)
        return;
    free(picture->cells);
    free(picture->page_dirty);
    free(picture);
}

static size_t dirty_bytes(const struct vga *v)
{
    return v->vram_size / 4096 / 8;
}

static struct vga_picture *picture_of(struct vga *v)
{
    if (v->picture)
        return v->picture;
    struct vga_picture *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->page_dirty = calloc(1, dirty_bytes(v));
    if (!p->page_dirty) {
        free(p);
        return NULL;
    }
    return v->picture = p;
}

void vga_render_all(void *state)
{
    struct vga *v = state;
    if (v->picture)
        v->picture->drawn = false;
}

/* A page of flat memory stands for plane addresses as many, which are four pages. */
static bool take_flat_dirty(struct vga *v, struct vga_picture *p)
{
    _Static_assert(VGA_FLAT_BYTES / 4096 == 8, "a byte holds a bit for each page");
    uint8_t pages = 0;
    if (!v->flat || !bus_vram_dirty(v->bus, v->vram_size, VGA_FLAT_BYTES, &pages))
        return false;
    for (unsigned n = 0; n < 8; n++)
        p->page_dirty[n / 2] |= pages >> n & 1 ? 0xF << n % 2 * 4 : 0;
    return true;
}

/* Collects and clears the dirty maps. */
static bool take_dirty(struct vga *v, struct vga_picture *p)
{
    memset(p->page_dirty, 0, dirty_bytes(v));
    bool any = bus_vram_dirty(v->bus, 0, v->vram_size, p->page_dirty);
    any |= take_flat_dirty(v, p);
    for (size_t i = 0; i < dirty_bytes(v) / 8; i++) {
        if (!v->dirty[i])
            continue;
        uint64_t pages = load_le64(p->page_dirty + i * 8) | v->dirty[i];
        store_le64(p->page_dirty + i * 8, pages);
        v->dirty[i] = 0;
        any = true;
    }
    return any;
}

/* Was any byte of [first, last] of video memory written? */
static bool range_dirty(const struct vga_picture *p, uint32_t first, uint32_t last)
{
    for (uint32_t page = first >> 12; page <= last >> 12; page++)
        if (p->page_dirty[page / 8] >> (page % 8) & 1)
            return true;
    return false;
}

/* --- Text ---------------------------------------------------------------------------------- */

/* Copies both fonts out of plane 2; true when one changed. */
static bool fonts_changed(const struct vga *v, struct vga_picture *p, const struct view *w)
{
    bool changed = false;
    for (unsigned f = 0; f < 2; f++) {
        uint8_t now[sizeof p->font[0]];
        for (unsigned i = 0; i < sizeof now; i++)
            now[i] = v->vram[(size_t)((w->font[f] + i) & w->plane_mask) * 4 + 2];
        if (memcmp(now, p->font[f], sizeof now) != 0) {
            memcpy(p->font[f], now, sizeof now);
            changed = true;
        }
    }
    return changed;
}

/* The scans of a glyph as drawn in a cell of this attribute: a pixel per bit, leftmost in bit 8. */
static unsigned glyph_scan(const struct view *w, const struct vga_picture *p, uint32_t cell,
                           unsigned scan)
{
    uint8_t character = (uint8_t)cell, attribute = (uint8_t)(cell >> 8);
    if (cell & CELL_CURSOR && scan >= w->cursor_first && scan < w->cursor_end)
        return 0x1FF;
    if (cell & CELL_HIDDEN)
        return 0;
    if (scan == w->underline && (attribute & 0x77) == 0x01)
        return 0x1FF;
    unsigned dots = p->font[attribute >> 3 & 1][character * GLYPH_SCANS + scan] * 2u;
    if (w->line_graphics && character >= 0xC0 && character <= 0xDF)
        dots |= dots >> 1 & 1;
    return dots;
}

/* Draws scans [scan, scan + count) of a cell with its left edge at x (may lie left of the picture)
 * and the first of those scans in row y. */
static void draw_cell(const struct view *w, const struct vga_picture *p, struct surface *out,
                      uint32_t cell, int x, unsigned y, unsigned scan, unsigned count)
{
    uint8_t attribute = (uint8_t)(cell >> 8);
    uint32_t fore = w->colours[attribute & 15];
    uint32_t back = w->colours[attribute >> 4 & (w->blink ? 7 : 15)];
    int first = x < 0 ? -x : 0, end = (int)w->cell_width;
    if (x + end > (int)w->width)
        end = (int)w->width - x;
    for (unsigned i = 0; i < count; i++) {
        unsigned dots = glyph_scan(w, p, cell, scan + i);
        uint32_t *row = out->pixels + (size_t)(y + i) * out->width;
        for (int dot = first; dot < end; dot++)
            row[x + dot] = dots >> (8 - dot) & 1 ? fore : back;
    }
}

static bool reserve_cells(struct vga_picture *p, const struct view *w)
{
    size_t need = (size_t)MAX_CHARS * (w->height + 2);
    p->cell_pitch = MAX_CHARS;
    if (need <= p->cell_capacity)
        return true;
    uint32_t *cells = realloc(p->cells, need * sizeof *cells);
    if (!cells)
        return false;
    p->cells = cells;
    p->cell_capacity = need;
    return true;
}

struct text_band {
    uint32_t ma; /* counter value of the row's first cell */
    unsigned y, scan, count, pan;
    uint32_t *cells; /* as drawn */
};

/* Draws the cells of one band that differ from what was drawn. */
static bool draw_band(const struct vga *v, const struct view *w, struct vga_picture *p,
                      struct surface *out, const struct text_band *band, uint32_t cursor_at,
                      bool blink_dark)
{
    bool changed = false;
    unsigned columns = w->columns + (band->pan ? 1 : 0);
    for (unsigned i = 0; i < columns; i++) {
        uint32_t ma = (band->ma + i) & 0xFFFF;
        uint32_t cell = vga_planes_at(v, view_address(w, ma, 0)) & 0xFFFF;
        if (ma == cursor_at)
            cell |= CELL_CURSOR;
        if (blink_dark && cell & 0x8000)
            cell |= CELL_HIDDEN;
        if (band->cells[i] == cell)
            continue;
        band->cells[i] = cell;
        int x = (int)(i * w->cell_width) - (int)band->pan;
        draw_cell(w, p, out, cell, x, band->y, band->scan, band->count);
        changed = true;
    }
    return changed;
}

static void render_text(struct vga *v, const struct view *w, struct vga_picture *p,
                        struct surface *out, bool all, bool written)
{
    /* The cursor blinks with a period of 16 frames, characters with one of 32. */
    uint64_t frame = vga_frame_number(v);
    bool cursor_on = !(frame & 8) && w->cursor_first < w->cursor_end;
    uint32_t cursor_at = cursor_on ? vga_cursor_address(v) : UINT32_MAX;
    bool blink_dark = w->blink && frame & 16;
    if ((all || written) && fonts_changed(v, p, w))
        all = true;
    if (all)
        memset(p->cells, 0xFF, p->cell_capacity * sizeof *p->cells);

    struct text_band band = {
        .ma = w->start, .scan = w->first_scan, .pan = w->pan, .cells = p->cells};
    while (band.y < w->height) {
        unsigned end = w->height;
        if (band.y < w->split && w->split < end)
            end = w->split;
        band.count = w->cell_height - band.scan;
        if (band.count > end - band.y)
            band.count = end - band.y;
        if (draw_band(v, w, p, out, &band, cursor_at, blink_dark))
            surface_mark_rows(out, band.y, band.y + band.count);
        band.y += band.count;
        band.scan = 0;
        band.ma += w->row_step;
        band.cells += p->cell_pitch;
        if (band.y == w->split) {
            band.ma = 0;
            band.pan = w->pan_after_split;
        }
    }
}

/* --- Planes -------------------------------------------------------------------------------- */

/* Eight pixels, leftmost first, from one fetch of the four planes. */
static void planar_pixels(uint32_t planes, uint8_t *pixels)
{
    for (unsigned i = 0; i < 8; i++) {
        uint32_t bit = planes >> (7 - i);
        pixels[i] = (uint8_t)((bit & 1) | (bit >> 7 & 2) | (bit >> 14 & 4) | (bit >> 21 & 8));
    }
}

static void cga_pixels(uint32_t planes, uint8_t *pixels)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned low = i < 4 ? planes & 0xFF : planes >> 8 & 0xFF;
        unsigned high = i < 4 ? planes >> 16 & 0xFF : planes >> 24;
        unsigned shift = 6 - (i & 3) * 2;
        pixels[i] = (uint8_t)((low >> shift & 3) | (high >> shift & 3) << 2);
    }
}

/* One row of pixel values from counter value ma on. Returns how many stand in values. */
static unsigned fetch_row(const struct vga *v, const struct view *w, uint32_t ma, unsigned scan,
                          uint8_t *values, unsigned fetches)
{
    unsigned per_fetch = w->kind == VIEW_256 ? 4 : 8;
    for (unsigned i = 0; i < fetches; i++, values += per_fetch) {
        uint32_t planes = vga_planes_at(v, view_address(w, ma + i, scan));
        if (w->kind == VIEW_256)
            store_le32(values, planes);
        else if (w->kind == VIEW_CGA)
            cga_pixels(planes, values);
        else
            planar_pixels(planes, values);
    }
    return fetches * per_fetch;
}

/* Was anything of this row written? In word and double-word modes a row's addresses may wrap;
 * then the whole of the planes counts. */
static bool row_dirty(const struct view *w, const struct vga_picture *p, uint32_t ma, unsigned scan,
                      unsigned fetches)
{
    uint32_t first = view_address(w, ma, scan), last = view_address(w, ma + fetches - 1, scan);
    if (last < first || last - first > (fetches << w->address_shift)) {
        first = 0;
        last = w->plane_mask;
    }
    return range_dirty(p, first * 4, last * 4);
}

static void render_planes(struct vga *v, const struct view *w, struct vga_picture *p,
                          struct surface *out, bool all)
{
    uint8_t values[(DISPI_MAX_X > MAX_CHARS * 8 ? DISPI_MAX_X : MAX_CHARS * 8) + 16];
    unsigned per_fetch = w->kind == VIEW_256 ? 4 : 8;
    unsigned fetches = w->width / per_fetch + 1; /* one more for panning */
    uint32_t ma = w->start;
    unsigned scan = w->first_scan, pan = w->pan;
    for (unsigned y = 0; y < w->height; y++) {
        if (y == w->split) {
            ma = 0;
            scan = 0;
            pan = w->pan_after_split;
        }
        if (all || row_dirty(w, p, ma, scan, fetches)) {
            fetch_row(v, w, ma, scan, values, fetches);
            uint32_t *row = out->pixels + (size_t)y * out->width;
            for (unsigned x = 0; x < w->width; x++)
                row[x] = w->colours[values[x + pan]];
            surface_mark_rows(out, y, y + 1);
        }
        if (++scan >= w->scans_per_row) {
            scan = 0;
            ma += w->row_step;
        }
    }
}

/* --- VBE packed modes ---------------------------------------------------------------------- */

static uint32_t rgb555(uint16_t c)
{
    uint32_t r = c >> 10 & 31, g = c >> 5 & 31, b = c & 31;
    return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static uint32_t rgb565(uint16_t c)
{
    uint32_t r = c >> 11, g = c >> 5 & 63, b = c & 31;
    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static void packed_row(const struct view *w, const uint8_t *from, uint32_t *row)
{
    unsigned width = w->width;
    switch (w->bpp) {
    case 8:
        for (unsigned x = 0; x < width; x++)
            row[x] = w->colours[from[x]];
        break;
    case 15:
        for (unsigned x = 0; x < width; x++)
            row[x] = rgb555(load_le16(from + x * 2));
        break;
    case 16:
        for (unsigned x = 0; x < width; x++)
            row[x] = rgb565(load_le16(from + x * 2));
        break;
    case 24:
        for (unsigned x = 0; x < width; x++, from += 3)
            row[x] = from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16;
        break;
    default:
        for (unsigned x = 0; x < width; x++)
            row[x] = load_le32(from + x * 4) & 0xFFFFFF;
        break;
    }
}

static void render_packed(struct vga *v, const struct view *w, struct vga_picture *p,
                          struct surface *out, bool all)
{
    uint32_t row_bytes = w->width * ((w->bpp + 7) / 8);
    for (unsigned y = 0; y < w->height; y++) {
        uint64_t at = (uint64_t)w->start + (uint64_t)y * w->pitch;
        uint32_t *row = out->pixels + (size_t)y * out->width;
        if (at + row_bytes > v->vram_size) {
            /* Panned beyond the end of memory. */
            memset(row, 0, (size_t)w->width * sizeof *row);
            if (all)
                surface_mark_rows(out, y, y + 1);
            continue;
        }
        if (!all && !range_dirty(p, (uint32_t)at, (uint32_t)at + row_bytes - 1))
            continue;
        packed_row(w, v->vram + at, row);
        surface_mark_rows(out, y, y + 1);
    }
}

/* ------------------------------------------------------------------------------------------- */

static void render_blank(const struct view *w, struct surface *out, bool all)
{
    if (!all)
        return;
    memset(out->pixels, 0, (size_t)w->width * w->height * sizeof *out->pixels);
    surface_mark_rows(out, 0, w->height);
}

bool vga_render(void *state, struct surface *out)
{
    struct vga *v = state;
    struct vga_picture *p = picture_of(v);
    struct view w;
    vga_view(v, &w);
    out->dirty_first = out->dirty_end = 0;
    if (!p || (w.kind == VIEW_TEXT && !reserve_cells(p, &w)))
        return false;
    bool all = !p->drawn || memcmp(&w, &p->view, sizeof w) != 0 || out->width != w.width ||
               out->height != w.height;
    if (!surface_resize(out, w.width, w.height))
        return false;
    out->aspect_x = w.square_pixels ? w.width : 4;
    out->aspect_y = w.square_pixels ? w.height : 3;
    bool written = take_dirty(v, p);
    switch (w.kind) {
    case VIEW_TEXT:
        render_text(v, &w, p, out, all, written);
        break;
    case VIEW_PACKED:
        if (all || written)
            render_packed(v, &w, p, out, all);
        break;
    case VIEW_BLANK:
        render_blank(&w, out, all);
        break;
    default:
        if (all || written)
            render_planes(v, &w, p, out, all);
        break;
    }
    memcpy(&p->view, &w, sizeof w); /* padding too: views are compared whole */
    p->drawn = true;
    return out->dirty_first < out->dirty_end;
}
