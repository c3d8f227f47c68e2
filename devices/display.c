#include "devices/display.h"

#include <stdlib.h>

#include "devices/vga/cp437.h"

bool surface_resize(struct surface *s, unsigned width, unsigned height)
{
    if (s->width == width && s->height == height && s->pixels)
        return true;
    size_t need = (size_t)width * height;
    if (need > s->capacity || !s->pixels) {
        uint32_t *pixels = realloc(s->pixels, (need ? need : 1) * sizeof *pixels);
        if (!pixels)
            return false;
        s->pixels = pixels;
        s->capacity = need;
    }
    memset(s->pixels, 0, need * sizeof *s->pixels);
    s->width = width;
    s->height = height;
    return true;
}

void surface_free(struct surface *s)
{
    free(s->pixels);
    *s = (struct surface){0};
}

void surface_mark_rows(struct surface *s, unsigned first, unsigned end)
{
    end = end < s->height ? end : s->height;
    if (first >= end)
        return;
    bool none = s->dirty_first >= s->dirty_end;
    s->dirty_first = none || first < s->dirty_first ? first : s->dirty_first;
    s->dirty_end = none || end > s->dirty_end ? end : s->dirty_end;
}

/* Columns of a row up to the last one that is not blank. */
static unsigned used_columns(const struct text_screen *screen, unsigned row)
{
    unsigned used = screen->columns;
    while (used) {
        uint8_t c = screen->cells[row][used - 1].character;
        if (c != 0 && c != ' ' && c != 0xFF)
            break;
        used--;
    }
    return used;
}

static size_t row_utf8(const struct text_screen *screen, unsigned row, unsigned columns, char *out)
{
    size_t len = 0;
    for (unsigned i = 0; i < columns; i++)
        len += cp437_to_utf8(screen->cells[row][i].character, out + len);
    out[len] = 0;
    return len;
}

size_t text_row_utf8(const struct text_screen *screen, unsigned row, char out[TEXT_ROW_BYTES])
{
    out[0] = 0;
    if (row >= screen->rows)
        return 0;
    return row_utf8(screen, row, used_columns(screen, row), out);
}

bool text_screen_contains(const struct text_screen *screen, const char *text)
{
    char row[TEXT_ROW_BYTES];
    for (unsigned y = 0; y < screen->rows; y++) {
        row_utf8(screen, y, screen->columns, row);
        if (strstr(row, text))
            return true;
    }
    if (strlen(text) < 2 || !screen->columns)
        return false;
    /* A text that wraps: all rows in one string. */
    char *all = malloc((size_t)screen->rows * (TEXT_ROW_BYTES - 1) + 1);
    if (!all)
        return false;
    size_t len = 0;
    for (unsigned y = 0; y < screen->rows; y++)
        len += row_utf8(screen, y, screen->columns, all + len);
    bool found = len && strstr(all, text);
    free(all);
    return found;
}
