/* frontend/display/termdraw.h: a picture as a terminal's cells, and the bytes that bring a terminal
 * from the cells it shows to the cells wanted. No terminal is touched here: bytes in, bytes out. */
#ifndef UMBRA_FRONTEND_DISPLAY_TERMDRAW_H
#define UMBRA_FRONTEND_DISPLAY_TERMDRAW_H

#include "base/fields.h"
#include "devices/display.h"

struct term_cell {
    uint16_t code; /* Unicode */
    uint32_t fore, back;
};

struct term_screen {
    unsigned columns, rows;
    struct term_cell *want, *shown; /* rows * columns; a shown code of 0 is not known */
    bool direct_colour;             /* 24-bit colours; else the 16 of ANSI */
    unsigned cursor_column, cursor_row;
    bool cursor_visible, cursor_was_visible;
};

/* Gives the screen a size and forgets what is shown. False when out of memory. */
must_use bool term_screen_resize(struct term_screen *t, unsigned columns, unsigned rows);
void term_screen_free(struct term_screen *t);

/* Fills t->want. A text screen larger than the terminal shows the part with the cursor. */
void term_want_text(struct term_screen *t, const struct text_screen *text, unsigned rows);
/* Fills t->want with the picture, scaled down, two pixels of it in each cell. */
void term_want_picture(struct term_screen *t, const struct surface *picture, unsigned rows);
/* One line of ASCII in reverse at a row of the terminal. */
void term_want_line(struct term_screen *t, unsigned row, const char *line);

/* Appends what makes the terminal show t->want. */
void term_draw(struct term_screen *t, struct bytes *out);

#endif
