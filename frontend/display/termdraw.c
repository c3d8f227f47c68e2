#include "frontend/display/termdraw.h"

#include <stdio.h>
#include <stdlib.h>

#include "devices/vga/cp437.h"

#define UPPER_HALF 0x2580
#define GREY       0xAAAAAA
#define MAX_SIDE   1000

bool term_screen_resize(struct term_screen *t, unsigned columns, unsigned rows)
{
    columns = columns < 1 ? 1 : columns > MAX_SIDE ? MAX_SIDE : columns;
    rows = rows < 1 ? 1 : rows > MAX_SIDE ? MAX_SIDE : rows;
    struct term_cell *want = calloc((size_t)columns * rows, sizeof *want);
    struct term_cell *shown = calloc((size_t)columns * rows, sizeof *shown);
    if (!want || !shown) {
        free(want);
        free(shown);
        return false;
    }
    term_screen_free(t);
    t->want = want;
    t->shown = shown;
    t->columns = columns;
    t->rows = rows;
    t->cursor_was_visible = true;
    return true;
}

void term_screen_free(struct term_screen *t)
{
    free(t->want);
    free(t->shown);
    t->want = t->shown = NULL;
    t->columns = t->rows = 0;
}

static void blank(struct term_screen *t, unsigned rows)
{
    for (size_t i = 0; i < (size_t)rows * t->columns; i++)
        t->want[i] = (struct term_cell){' ', GREY, 0};
    t->cursor_visible = false;
}

/* First row (column) shown of a text that does not fit: the one that keeps the cursor in sight. */
static unsigned scroll_to(unsigned cursor, unsigned length, unsigned room)
{
    if (length <= room || cursor >= length)
        return 0;
    return cursor < room ? 0 : cursor - room + 1;
}

void term_want_text(struct term_screen *t, const struct text_screen *text, unsigned rows)
{
    if (rows > t->rows)
        rows = t->rows;
    blank(t, rows);
    unsigned top = scroll_to(text->cursor_row, text->rows, rows);
    unsigned left = scroll_to(text->cursor_column, text->columns, t->columns);
    for (unsigned y = 0; y < rows && top + y < text->rows; y++) {
        for (unsigned x = 0; x < t->columns && left + x < text->columns; x++) {
            struct text_cell c = text->cells[top + y][left + x];
            struct term_cell *cell = &t->want[(size_t)y * t->columns + x];
            cell->code = cp437_to_unicode(c.character);
            if (cell->code == 0xA0)
                cell->code = ' ';
            cell->fore = text->colours[c.attribute & 15];
            cell->back = text->colours[c.attribute >> 4 & (text->blink ? 7 : 15)];
        }
    }
    t->cursor_row = text->cursor_row - top;
    t->cursor_column = text->cursor_column - left;
    t->cursor_visible = text->cursor_visible && text->cursor_row >= top &&
                        text->cursor_column >= left && t->cursor_row < rows &&
                        t->cursor_column < t->columns;
}

/* Mean colour of a rectangle of the picture: [x0, x1) x [y0, y1), at least one pixel. */
static uint32_t mean(const struct surface *s, unsigned x0, unsigned x1, unsigned y0, unsigned y1)
{
    uint64_t r = 0, g = 0, b = 0, n = 0;
    x1 = x1 > x0 ? x1 : x0 + 1;
    y1 = y1 > y0 ? y1 : y0 + 1;
    for (unsigned y = y0; y < y1 && y < s->height; y++) {
        for (unsigned x = x0; x < x1 && x < s->width; x++, n++) {
            uint32_t c = s->pixels[(size_t)y * s->width + x];
            r += c >> 16 & 255;
            g += c >> 8 & 255;
            b += c & 255;
        }
    }
    return n ? (uint32_t)(r / n << 16 | g / n << 8 | b / n) : 0;
}

void term_want_picture(struct term_screen *t, const struct surface *s, unsigned rows)
{
    if (rows > t->rows)
        rows = t->rows;
    blank(t, rows);
    if (!s->pixels || !s->width || !s->height)
        return;
    /* Dots of the terminal, half a cell high, are about square: fit the picture's shape. */
    unsigned aspect_x = s->aspect_x ? s->aspect_x : s->width;
    unsigned aspect_y = s->aspect_y ? s->aspect_y : s->height;
    unsigned width = t->columns, height = rows * 2;
    if ((uint64_t)width * aspect_y > (uint64_t)height * aspect_x)
        width = (unsigned)((uint64_t)height * aspect_x / aspect_y);
    else
        height = (unsigned)((uint64_t)width * aspect_y / aspect_x);
    width = width ? width : 1;
    height = height ? height : 1;
    unsigned left = (t->columns - width) / 2;
    for (unsigned y = 0; y < height; y++) {
        unsigned y0 = y * s->height / height, y1 = (y + 1) * s->height / height;
        for (unsigned x = 0; x < width; x++) {
            uint32_t c = mean(s, x * s->width / width, (x + 1) * s->width / width, y0, y1);
            struct term_cell *cell = &t->want[(size_t)(y / 2) * t->columns + left + x];
            if (y & 1) {
                cell->back = c;
            } else {
                *cell = (struct term_cell){UPPER_HALF, c, 0};
            }
        }
    }
}

void term_want_line(struct term_screen *t, unsigned row, const char *line)
{
    if (row >= t->rows)
        return;
    struct term_cell *cells = t->want + (size_t)row * t->columns;
    for (unsigned x = 0; x < t->columns; x++) {
        uint8_t c = *line ? (uint8_t)*line++ : ' ';
        cells[x] = (struct term_cell){c >= ' ' && c < 0x7F ? c : '?', 0, GREY};
    }
}

/* --- Bytes --------------------------------------------------------------------------------- */

static void put(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

/* The nearest of ANSI's 16 colours, as the IBM PC defined them. */
static unsigned nearest_ansi(uint32_t rgb)
{
    unsigned best = 0;
    uint32_t best_distance = UINT32_MAX;
    for (unsigned i = 0; i < 16; i++) {
        unsigned bright = i & 8 ? 0x55 : 0;
        int c[3] = {(int)((i & 1 ? 0xAA : 0) + bright), (int)((i & 2 ? 0xAA : 0) + bright),
                    (int)((i & 4 ? 0xAA : 0) + bright)};
        if (i == 3)
            c[1] = 0x55; /* brown */
        uint32_t distance = 0;
        for (unsigned n = 0; n < 3; n++) {
            int d = c[n] - (int)(rgb >> (16 - n * 8) & 255);
            distance += (uint32_t)(d * d);
        }
        if (distance < best_distance) {
            best_distance = distance;
            best = i;
        }
    }
    return best;
}

static void put_colours(const struct term_screen *t, struct bytes *out, uint32_t fore,
                        uint32_t back)
{
    char text[64];
    if (t->direct_colour) {
        snprintf(text, sizeof text, "\033[38;2;%u;%u;%u;48;2;%u;%u;%um", fore >> 16 & 255,
                 fore >> 8 & 255, fore & 255, back >> 16 & 255, back >> 8 & 255, back & 255);
    } else {
        unsigned f = nearest_ansi(fore), b = nearest_ansi(back);
        snprintf(text, sizeof text, "\033[%u;%um", (f < 8 ? 30 : 90) + (f & 7),
                 (b < 8 ? 40 : 100) + (b & 7));
    }
    put(out, text);
}

static void put_code(struct bytes *out, uint16_t u)
{
    char text[3];
    size_t len = 0;
    if (u < 0x80) {
        text[len++] = (char)u;
    } else if (u < 0x800) {
        text[len++] = (char)(0xC0 | u >> 6);
        text[len++] = (char)(0x80 | (u & 0x3F));
    } else {
        text[len++] = (char)(0xE0 | u >> 12);
        text[len++] = (char)(0x80 | (u >> 6 & 0x3F));
        text[len++] = (char)(0x80 | (u & 0x3F));
    }
    bytes_append(out, text, len);
}

static bool cells_equal(const struct term_cell *a, const struct term_cell *b)
{
    return a->code == b->code && a->fore == b->fore && a->back == b->back;
}

void term_draw(struct term_screen *t, struct bytes *out)
{
    const struct term_cell *pen = NULL; /* whose colours are set */
    size_t next = SIZE_MAX;             /* cell at which the terminal's cursor stands */
    char text[64];
    size_t start = out->len;
    for (size_t i = 0; i < (size_t)t->columns * t->rows; i++) {
        if (cells_equal(&t->want[i], &t->shown[i]))
            continue;
        if (out->len == start)
            put(out, "\033[?25l"); /* no cursor dancing over the screen */
        if (i != next || i % t->columns == 0) {
            snprintf(text, sizeof text, "\033[%zu;%zuH", i / t->columns + 1, i % t->columns + 1);
            put(out, text);
        }
        if (!pen || pen->fore != t->want[i].fore || pen->back != t->want[i].back)
            put_colours(t, out, t->want[i].fore, t->want[i].back);
        pen = &t->want[i];
        put_code(out, t->want[i].code);
        t->shown[i] = t->want[i];
        next = i + 1;
    }
    bool drawn = out->len != start;
    if (drawn)
        put(out, "\033[0m");
    if (t->cursor_visible) {
        snprintf(text, sizeof text, "\033[%u;%uH\033[?25h", t->cursor_row + 1,
                 t->cursor_column + 1);
        put(out, text);
    } else if (t->cursor_was_visible || drawn) {
        put(out, "\033[?25l");
    }
    t->cursor_was_visible = t->cursor_visible;
}
