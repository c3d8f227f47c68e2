/* devices/display.h: what a display adapter shows, as plain values: pixels, and the text screen
 * behind them when there is one. Adapters fill these; frontends, --until and screenshots read them.
 * Not the guest's business: nothing here changes the adapter's state that a guest can see. */
#ifndef UMBRA_DEVICES_DISPLAY_H
#define UMBRA_DEVICES_DISPLAY_H

#include "base/bits.h"

/* A picture owned by the caller. Zero it before the first use, surface_free it after the last. Row
 * y starts at pixels + y * width; a pixel is 00RRGGBBh. */
struct surface {
    uint32_t *pixels;
    unsigned width, height;
    unsigned aspect_x, aspect_y; /* shape of the whole picture on a monitor: 4:3, or width:height */
    unsigned dirty_first, dirty_end; /* rows changed by the latest render: first, one past last; and
                                        those that surface_mark_rows added */
    size_t capacity;                 /* pixels allocated */
};

/* Gives the surface this size. The content is lost (black) when the size changes. False when the
 * host has no memory; the surface is then unchanged. */
must_use bool surface_resize(struct surface *s, unsigned width, unsigned height);
void surface_free(struct surface *s);

/* Rows first to end - 1, too, have changed. Rows that there are not don't matter. */
void surface_mark_rows(struct surface *s, unsigned first, unsigned end);

#define TEXT_MAX_COLUMNS 200
#define TEXT_MAX_ROWS    100

struct text_cell {
    uint8_t character; /* code page 437 */
    uint8_t attribute; /* foreground 3:0, background 6:4 (or 7:4), blink 7 */
};

/* A text screen. columns is 0 while a graphics mode is shown. */
struct text_screen {
    unsigned columns, rows;
    unsigned cursor_column, cursor_row; /* beyond the screen when not on it */
    bool cursor_visible;                /* enabled; blinking does not change it */
    bool blink;                         /* attribute bit 7 blinks; else bright background */
    uint32_t colours[16];               /* 00RRGGBBh for each attribute nibble */
    struct text_cell cells[TEXT_MAX_ROWS][TEXT_MAX_COLUMNS];
};

/* Bytes that the longest row needs in UTF-8, with the terminating zero. */
#define TEXT_ROW_BYTES (TEXT_MAX_COLUMNS * 3 + 1)

/* Row in UTF-8, without trailing blanks, zero-terminated. Returns the length. Empty beyond the
 * screen. */
size_t text_row_utf8(const struct text_screen *screen, unsigned row, char out[TEXT_ROW_BYTES]);

/* True when text (UTF-8 or ASCII, one row's worth) stands on some row of the screen. A text that
 * is longer than a row may also run on over row ends. */
bool text_screen_contains(const struct text_screen *screen, const char *text);

#endif
