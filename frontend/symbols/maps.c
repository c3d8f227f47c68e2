/* frontend/symbols/maps.c: symbols from text: NASM's and GNU ld's map files, System.map (nm). A
 * line that does not look like one of a symbol is passed over. */
#include <ctype.h>
#include <string.h>

#include "frontend/symbols/table.h"

/* One line of the file, without its end. */
struct cursor {
    const char *at, *end;
};

static bool next_line(struct cursor *c, const char **line, size_t *len)
{
    if (c->at == c->end)
        return false;
    const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
    *line = c->at;
    *len = (size_t)((newline ? newline : c->end) - c->at);
    c->at = newline ? newline + 1 : c->end;
    if (*len && (*line)[*len - 1] == '\r')
        --*len;
    return true;
}

static struct cursor cursor_of(const struct image *file)
{
    return (struct cursor){(const char *)file->data, (const char *)file->data + file->len};
}

#define WORDS 5

/* The words of a line; at most WORDS, the count says how many there are. */
struct words {
    const char *at[WORDS];
    size_t len[WORDS];
    unsigned count;
};

static struct words split(const char *line, size_t len)
{
    struct words w = {.count = 0};
    for (size_t n = 0; n < len;) {
        while (n < len && isspace((unsigned char)line[n]))
            n++;
        size_t start = n;
        while (n < len && !isspace((unsigned char)line[n]))
            n++;
        if (n > start && w.count < WORDS) {
            w.at[w.count] = line + start;
            w.len[w.count] = n - start;
        }
        w.count += n > start;
    }
    return w;
}

/* All of word n is hexadecimal, perhaps after 0x. */
static bool hex_word(const struct words *w, unsigned n, uint64_t *value)
{
    if (n >= w->count || n >= WORDS)
        return false;
    const char *at = w->at[n];
    size_t len = w->len[n];
    if (len > 2 && at[0] == '0' && at[1] == 'x')
        at += 2, len -= 2;
    if (!len || len > 16)
        return false;
    *value = 0;
    for (size_t k = 0; k < len; k++) {
        int c = tolower((unsigned char)at[k]);
        if (!isxdigit(c))
            return false;
        *value = *value << 4 | (unsigned)(isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool word_is(const struct words *w, unsigned n, const char *text)
{
    return n < w->count && n < WORDS && w->len[n] == strlen(text) &&
           memcmp(w->at[n], text, w->len[n]) == 0;
}

static bool begins(const char *line, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static bool contains(const char *line, size_t len, const char *text)
{
    return memmem(line, len, text, strlen(text)) != NULL;
}

/* --- NASM ------------------------------------------------------------------------------------- */

/*  ---- Section .text ----            Real  Virtual  Name      (three words: two are numbers)
 *  ---- No Section ----               Value  Name              (equ: constants) */
bool read_nasm_map(struct symbols *s, const struct image *file, const char **error)
{
    struct cursor c = cursor_of(file);
    const char *line;
    size_t len;
    bool is_map = false, symbols = false, code = false;
    (void)error;
    while (next_line(&c, &line, &len)) {
        struct words w = split(line, len);
        uint64_t real, value;
        is_map |= begins(line, len, "- NASM Map file");
        if (!is_map && w.count)
            return false;
        if (begins(line, len, "-- "))
            symbols = contains(line, len, "-- Symbols -");
        if (begins(line, len, "---- "))
            code = contains(line, len, "text") || contains(line, len, "code");
        if (!symbols)
            continue;
        if (w.count == 3 && hex_word(&w, 0, &real) && hex_word(&w, 1, &value))
            table_add(s, w.at[2], w.len[2], value, 0, code ? SYMBOL_CODE : SYMBOL_DATA, false);
        else if (w.count == 2 && hex_word(&w, 0, &value))
            table_add(s, w.at[1], w.len[1], value, 0, SYMBOL_CONSTANT, false);
    }
    return is_map;
}

/* --- GNU ld ----------------------------------------------------------------------------------- */

static bool is_name(const char *at, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        if (!isalnum((unsigned char)at[n]) && !strchr("_.$@", at[n]))
            return false;
    }
    return len && !isdigit((unsigned char)at[0]) && !(len == 1 && at[0] == '.');
}

/*   0x00100010                work               a symbol: an address, a name, perhaps "= ..."
 *   0x00100000     0x57 y.o                      no symbol: a piece of a section
 *   0x00101000                PROVIDE (end = .)  */
static void gnu_symbol(struct symbols *s, const struct words *w, enum symbol_kind kind)
{
    uint64_t address, size;
    if (w->len[0] < 3 || w->at[0][1] != 'x' || !hex_word(w, 0, &address) || hex_word(w, 1, &size))
        return;
    if (word_is(w, 1, "PROVIDE") && w->count >= 3 && w->len[2] > 1 && w->at[2][0] == '(')
        table_add(s, w->at[2] + 1, w->len[2] - 1, address, 0, SYMBOL_OTHER, false);
    else if (is_name(w->at[1], w->len[1]) && (w->count == 2 || word_is(w, 2, "=")))
        table_add(s, w->at[1], w->len[1], address, 0, kind, false);
}

bool read_gnu_map(struct symbols *s, const struct image *file, const char **error)
{
    struct cursor c = cursor_of(file);
    const char *line;
    size_t len;
    bool is_map = false, body = false;
    enum symbol_kind kind = SYMBOL_OTHER;
    (void)error;
    while (next_line(&c, &line, &len)) {
        if (begins(line, len, "Linker script and memory map")) {
            is_map = body = true;
            continue;
        }
        if (begins(line, len, "Cross Reference Table"))
            body = false;
        if (!body)
            continue;
        struct words w = split(line, len);
        if (len && line[0] == '.') /* an output section */
            kind = begins(line, len, ".text") || begins(line, len, ".init") ? SYMBOL_CODE
                                                                            : SYMBOL_DATA;
        else if (w.count >= 2)
            gnu_symbol(s, &w, kind);
    }
    return is_map;
}

/* --- nm, System.map, /proc/kallsyms ----------------------------------------------------------- */

static enum symbol_kind nm_kind(char letter)
{
    switch (tolower((unsigned char)letter)) {
    case 't':
    case 'w':
        return SYMBOL_CODE;
    case 'd':
    case 'b':
    case 'r':
    case 'g':
    case 's':
        return SYMBOL_DATA;
    default:
        return SYMBOL_OTHER;
    }
}

/* "c0100000 T _stext", perhaps "[module]" behind. The first line must be one. */
bool read_nm(struct symbols *s, const struct image *file, const char **error)
{
    struct cursor c = cursor_of(file);
    const char *line;
    size_t len, found = 0;
    (void)error;
    while (next_line(&c, &line, &len)) {
        struct words w = split(line, len);
        uint64_t address;
        if (!w.count || word_is(&w, 0, "U") || word_is(&w, 0, "w"))
            continue;
        bool good = w.count >= 3 && w.len[1] == 1 && isalpha((unsigned char)w.at[1][0]) &&
                    w.len[0] >= 8 && hex_word(&w, 0, &address);
        if (!good && !found)
            return false;
        if (!good)
            continue;
        char letter = w.at[1][0];
        found++;
        if (letter != 'a' && letter != 'N')
            table_add(s, w.at[2], w.len[2], address, 0, nm_kind(letter),
                      islower((unsigned char)letter));
    }
    return found != 0;
}
