/* devices/vga/text.c: the characters behind a text mode's picture: for --until, the terminal
 * display and copying. */
#include "devices/vga/view.h"

void vga_text_screen(void *state, struct text_screen *out)
{
    struct vga *v = state;
    struct view w;
    vga_view(v, &w);
    out->columns = out->rows = 0;
    out->cursor_column = out->cursor_row = UINT32_MAX;
    out->cursor_visible = false;
    if (w.kind != VIEW_TEXT)
        return;
    unsigned pitch = w.row_step;
    out->columns = w.columns < TEXT_MAX_COLUMNS ? w.columns : TEXT_MAX_COLUMNS;
    out->rows = w.height / w.cell_height;
    if (out->rows > TEXT_MAX_ROWS)
        out->rows = TEXT_MAX_ROWS;
    out->blink = w.blink;
    memcpy(out->colours, w.colours, sizeof out->colours);
    uint32_t cursor = vga_cursor_address(v);
    uint32_t ma = w.start;
    for (unsigned y = 0; y < out->rows; y++) {
        if (y * w.cell_height >= w.split && (y - 1) * w.cell_height < w.split)
            ma = 0;
        for (unsigned x = 0; x < out->columns; x++) {
            uint32_t at = vga_planes_at(v, view_address(&w, (ma + x) & 0xFFFF, 0));
            out->cells[y][x] = (struct text_cell){(uint8_t)at, (uint8_t)(at >> 8)};
            if (((ma + x) & 0xFFFF) == cursor) {
                out->cursor_column = x;
                out->cursor_row = y;
                out->cursor_visible = w.cursor_first < w.cursor_end;
            }
        }
        ma += pitch;
    }
}
