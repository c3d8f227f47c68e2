/* frontend/symbols/symbols.c: the table (see symbols.h). Names stand in one block of text and are
 * named by their offset there, so that it may grow. by_address is the order of the array itself,
 * by_name an index. */
#include "frontend/symbols/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/symbols/table.h"

#define FILES_MAX   32
#define FILE_BYTES  (UINT64_C(1) << 30)
#define SYMBOLS_MAX 4000000u
#define REACH       (UINT64_C(1) << 20) /* of a symbol whose size is not known */

struct record {
    uint64_t address, size;
    uint32_t name; /* in text */
    uint8_t kind, file;
    bool local;
};

struct line {
    uint64_t address;
    uint32_t source, line;
};

struct loaded {
    char *path;
    const char *kind;
    int64_t offset;
    size_t symbols, lines;
};

struct symbols {
    struct record *record;
    size_t count, room;
    uint32_t *by_name;
    struct bytes text;
    struct line *line;
    size_t line_count, line_room;
    uint32_t *source; /* paths, in text */
    size_t source_count, source_room;
    uint32_t *source_hash; /* number + 1 by hash of the path, twice as many slots as source_room */
    struct loaded file[FILES_MAX];
    unsigned file_count;
};

struct symbols *symbols_create(void)
{
    return calloc(1, sizeof(struct symbols));
}

void symbols_clear(struct symbols *s)
{
    for (unsigned n = 0; n < s->file_count; n++)
        free(s->file[n].path);
    free(s->record);
    free(s->by_name);
    free(s->line);
    free(s->source);
    free(s->source_hash);
    bytes_free(&s->text);
    *s = (struct symbols){0};
}

void symbols_destroy(struct symbols *s)
{
    if (!s)
        return;
    symbols_clear(s);
    free(s);
}

/* --- Adding ----------------------------------------------------------------------------------- */

/* Room for one more; false when out of memory. */
static bool grow(void **array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 256;
    void *bigger = realloc(*array, more * size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = more;
    return true;
}

static uint32_t add_text(struct symbols *s, const char *text, size_t len)
{
    size_t at = s->text.len;
    bytes_append(&s->text, text, len);
    bytes_append(&s->text, "", 1);
    return (uint32_t)at;
}

static const char *text_at(const struct symbols *s, uint32_t at)
{
    return (const char *)s->text.data + at;
}

void table_add(struct symbols *s, const char *name, size_t len, uint64_t address, uint64_t size,
               enum symbol_kind kind, bool local)
{
    bool label = len > 1 && name[0] == '.' && name[1] == 'L';
    if (!len || len > 4096 || label || name[0] == '$' || s->count >= SYMBOLS_MAX ||
        s->text.len > UINT32_MAX / 2 ||
        !grow((void **)&s->record, &s->room, s->count, sizeof *s->record))
        return;
    s->record[s->count++] = (struct record){
        .address = address,
        .size = size,
        .name = add_text(s, name, len),
        .kind = (uint8_t)kind,
        .file = (uint8_t)s->file_count,
        .local = local,
    };
}

void table_line(struct symbols *s, uint64_t address, unsigned source, unsigned line)
{
    if (s->line_count >= 4 * (size_t)SYMBOLS_MAX ||
        !grow((void **)&s->line, &s->line_room, s->line_count, sizeof *s->line))
        return;
    s->line[s->line_count++] = (struct line){address, source, line};
}

static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

/* The slot of path, or the free one where it belongs. */
static uint32_t *source_slot(const struct symbols *s, const char *path)
{
    size_t mask = 2 * s->source_room - 1; /* source_room is a power of two */
    size_t n = hash_text(path) & mask;
    while (s->source_hash[n] && strcmp(text_at(s, s->source[s->source_hash[n] - 1]), path) != 0)
        n = (n + 1) & mask;
    return &s->source_hash[n];
}

static bool grow_sources(struct symbols *s)
{
    if (s->source_count < s->source_room)
        return true;
    if (!grow((void **)&s->source, &s->source_room, s->source_count, sizeof *s->source))
        return false;
    uint32_t *hash = calloc(2 * s->source_room, sizeof *hash);
    if (!hash) {
        s->source_room = s->source_count;
        return false;
    }
    free(s->source_hash);
    s->source_hash = hash;
    for (size_t n = 0; n < s->source_count; n++)
        *source_slot(s, text_at(s, s->source[n])) = (uint32_t)n + 1;
    return true;
}

unsigned table_source(struct symbols *s, const char *path)
{
    uint32_t *slot = s->source_hash ? source_slot(s, path) : NULL;
    if (slot && *slot)
        return *slot - 1;
    if (!grow_sources(s))
        return 0;
    s->source[s->source_count] = add_text(s, path, strlen(path));
    *source_slot(s, path) = (uint32_t)s->source_count + 1;
    return (unsigned)s->source_count++;
}

/* --- Sorting ---------------------------------------------------------------------------------- */

/* Constants last; at one address the best name last, which is the one that is shown. */
static int goodness(const struct record *r)
{
    return (r->kind == SYMBOL_CODE ? 4 : r->kind == SYMBOL_DATA ? 2 : 0) + !r->local;
}

static int compare_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    bool x_const = x->kind == SYMBOL_CONSTANT, y_const = y->kind == SYMBOL_CONSTANT;
    if (x_const != y_const)
        return x_const - y_const;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if (goodness(x) != goodness(y))
        return goodness(x) - goodness(y);
    return x->name < y->name ? -1 : x->name > y->name;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return !x->line != !y->line ? !!x->line - !!y->line : 0; /* a gap is filled by what follows */
}

static int compare_names(const void *a, const void *b, void *ctx)
{
    const struct symbols *s = ctx;
    const struct record *x = &s->record[*(const uint32_t *)a],
                        *y = &s->record[*(const uint32_t *)b];
    int order = strcmp(text_at(s, x->name), text_at(s, y->name));
    return order                  ? order
           : x->local != y->local ? x->local - y->local
                                  : (x->address > y->address) - (x->address < y->address);
}

static bool sort(struct symbols *s)
{
    uint32_t *by_name = realloc(s->by_name, (s->count ? s->count : 1) * sizeof *by_name);
    if (!by_name)
        return false;
    s->by_name = by_name;
    if (s->count)
        qsort(s->record, s->count, sizeof *s->record, compare_records);
    if (s->line_count)
        qsort(s->line, s->line_count, sizeof *s->line, compare_lines);
    for (size_t n = 0; n < s->count; n++)
        by_name[n] = (uint32_t)n;
    if (s->count)
        qsort_r(by_name, s->count, sizeof *by_name, compare_names, s);
    return true;
}

/* --- Loading ---------------------------------------------------------------------------------- */

static bool read_file(const char *path, struct bytes *out, char *error, size_t error_len)
{
    FILE *f = fopen(path, "rb");
    uint8_t chunk[65536];
    size_t n;
    if (!f) {
        snprintf(error, error_len, "%s: %s", path, strerror(errno));
        return false;
    }
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0 && out->len < FILE_BYTES)
        bytes_append(out, chunk, n);
    bool good = !ferror(f) && out->len < FILE_BYTES;
    fclose(f);
    if (!good)
        snprintf(error, error_len, "%s: cannot be read, or is too large", path);
    return good;
}

static const struct {
    const char *name;
    bool (*read)(struct symbols *s, const struct image *file, const char **error);
} readers[] = {
    {"ELF", read_elf},       {"NASM map", read_nasm_map}, {"GNU ld map", read_gnu_map},
    {"System.map", read_nm}, {"a.out", read_aout},
};

/* Has the first reader that knows the file read it. */
static const char *read_any(struct symbols *s, const struct image *file, const char **kind)
{
    for (size_t n = 0; n < ARRAY_LEN(readers); n++) {
        const char *error = NULL;
        *kind = readers[n].name;
        if (readers[n].read(s, file, &error))
            return NULL;
        if (error)
            return error;
    }
    return "no symbols: neither ELF, a.out, a map of NASM or GNU ld, nor System.map";
}

static void move(struct symbols *s, size_t symbols, size_t lines, int64_t offset)
{
    for (size_t n = symbols; n < s->count; n++) {
        if (s->record[n].kind != SYMBOL_CONSTANT)
            s->record[n].address += (uint64_t)offset;
    }
    for (size_t n = lines; n < s->line_count; n++)
        s->line[n].address += (uint64_t)offset;
}

bool symbols_load(struct symbols *s, const char *path, int64_t offset, char *error,
                  size_t error_len)
{
    struct bytes data = {0};
    size_t symbols = s->count, lines = s->line_count;
    const char *kind = NULL, *why = "too many files, or out of memory";
    if (!read_file(path, &data, error, error_len)) {
        bytes_free(&data);
        return false;
    }
    struct image file = {data.data, data.len, path};
    char *copy = s->file_count < FILES_MAX ? strdup(path) : NULL;
    if (copy)
        why = read_any(s, &file, &kind);
    if (!why) {
        move(s, symbols, lines, offset);
        why = sort(s) ? NULL : "out of memory";
    }
    bytes_free(&data);
    if (why) {
        snprintf(error, error_len, "%s: %s", path, why);
        s->count = symbols;
        s->line_count = lines;
        free(copy);
        return false;
    }
    s->file[s->file_count++] = (struct loaded){.path = copy,
                                               .kind = kind,
                                               .offset = offset,
                                               .symbols = s->count - symbols,
                                               .lines = s->line_count - lines};
    return true;
}

bool symbols_load_spec(struct symbols *s, const char *spec, char *error, size_t error_len)
{
    const char *at = strrchr(spec, '@');
    char path[4096], *end = NULL;
    if (!at || !at[1])
        return symbols_load(s, spec, 0, error, error_len);
    bool minus = at[1] == '-';
    uint64_t offset = strtoull(at + 1 + minus, &end, 16);
    if (*end || (size_t)(at - spec) >= sizeof path)
        return symbols_load(s, spec, 0, error, error_len); /* an @ of the name's own */
    snprintf(path, sizeof path, "%.*s", (int)(at - spec), spec);
    return symbols_load(s, path, (int64_t)(minus ? -offset : offset), error, error_len);
}

const char *symbols_file(const struct symbols *s, unsigned n)
{
    return n < s->file_count ? s->file[n].path : NULL;
}

void symbols_file_text(const struct symbols *s, unsigned n, struct bytes *out)
{
    char line[160];
    const struct loaded *f = &s->file[n];
    int len = snprintf(line, sizeof line, "%s, %zu symbols, %zu source lines", f->kind, f->symbols,
                       f->lines);
    bytes_append(out, line, (size_t)len);
    if (f->offset) {
        len = snprintf(line, sizeof line, ", moved by %s%llX", f->offset < 0 ? "-" : "",
                       (unsigned long long)llabs(f->offset));
        bytes_append(out, line, (size_t)len);
    }
}

/* --- Looking up ------------------------------------------------------------------------------- */

static struct symbol symbol_of(const struct symbols *s, const struct record *r)
{
    return (struct symbol){.name = text_at(s, r->name),
                           .address = r->address,
                           .size = r->size,
                           .kind = (enum symbol_kind)r->kind,
                           .local = r->local,
                           .file = r->file};
}

size_t symbols_count(const struct symbols *s)
{
    return s->count;
}

bool symbols_get(const struct symbols *s, size_t n, struct symbol *out)
{
    if (n >= s->count)
        return false;
    *out = symbol_of(s, &s->record[n]);
    return true;
}

size_t symbols_lower(const struct symbols *s, uint64_t address)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct record *r = &s->record[middle];
        if (r->kind != SYMBOL_CONSTANT && r->address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first name that is not less than name. */
static size_t lower_name(const struct symbols *s, const char *name)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(text_at(s, s->record[s->by_name[middle]].name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool symbols_find(const struct symbols *s, const char *name, struct symbol *out)
{
    size_t n = lower_name(s, name);
    if (n == s->count || strcmp(text_at(s, s->record[s->by_name[n]].name), name) != 0)
        return false;
    *out = symbol_of(s, &s->record[s->by_name[n]]);
    return true;
}

const char *symbols_complete(const struct symbols *s, const char *prefix, size_t n)
{
    size_t at = lower_name(s, prefix), len = strlen(prefix);
    const char *last = NULL;
    for (; at < s->count; at++) {
        const char *name = text_at(s, s->record[s->by_name[at]].name);
        if (strncmp(name, prefix, len) != 0)
            return NULL;
        if (last && strcmp(name, last) == 0)
            continue; /* a local one of the same name */
        last = name;
        if (n-- == 0)
            return name;
    }
    return NULL;
}

/* A symbol of unknown size ends where the next begins; one of known size may be followed by a gap,
 * and a small one may lie in a large one, which then is further back. */
bool symbols_at(const struct symbols *s, uint64_t address, struct symbol *out)
{
    size_t n = symbols_lower(s, address + 1);
    if (address == UINT64_MAX)
        return false;
    for (unsigned tries = 0; n > 0 && tries < 16; tries++) {
        const struct record *r = &s->record[--n];
        uint64_t into = address - r->address;
        if (r->size ? into < r->size : into < REACH) {
            *out = symbol_of(s, r);
            return true;
        }
        if (!r->size || into >= REACH)
            return false;
    }
    return false;
}

bool symbols_name(const struct symbols *s, uint64_t address, char *out, size_t len)
{
    struct symbol symbol;
    if (!symbols_at(s, address, &symbol))
        return false;
    uint64_t into = address - symbol.address;
    if (into)
        snprintf(out, len, "%s+%llX", symbol.name, (unsigned long long)into);
    else
        snprintf(out, len, "%s", symbol.name);
    return true;
}

/* --- Source lines ----------------------------------------------------------------------------- */

bool symbols_line(const struct symbols *s, uint64_t address, const char **file, unsigned *line)
{
    size_t low = 0, high = s->line_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->line[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || !s->line[low - 1].line || s->line[low - 1].source >= s->source_count)
        return false;
    *file = text_at(s, s->source[s->line[low - 1].source]);
    *line = s->line[low - 1].line;
    return true;
}

/* Is name the end of path, whole parts? */
static bool path_ends(const char *path, const char *name, size_t len)
{
    size_t all = strlen(path);
    return all >= len && memcmp(path + all - len, name, len) == 0 &&
           (all == len || path[all - len - 1] == '/');
}

bool symbols_line_address(const struct symbols *s, const char *place, uint64_t *address)
{
    const char *colon = strrchr(place, ':');
    char *end;
    unsigned long want = colon ? strtoul(colon + 1, &end, 10) : 0, best = 0;
    if (!colon || colon == place || !want || *end)
        return false;
    for (size_t n = 0; n < s->line_count; n++) {
        const struct line *l = &s->line[n];
        if (l->line < want || (best && l->line >= best) || l->source >= s->source_count ||
            !path_ends(text_at(s, s->source[l->source]), place, (size_t)(colon - place)))
            continue;
        best = l->line;
        *address = l->address; /* the lowest: they are in order */
    }
    return best != 0;
}

/* --- For the debug core ----------------------------------------------------------------------- */

static bool debug_find(void *ctx, const char *name, uint64_t *value)
{
    struct symbol symbol;
    if (!symbols_find(ctx, name, &symbol))
        return false;
    *value = symbol.address;
    return true;
}

static bool debug_name(void *ctx, uint64_t address, char *out, size_t len)
{
    return symbols_name(ctx, address, out, len);
}

struct expr_symbols symbols_for_debug(struct symbols *s)
{
    return (struct expr_symbols){.find = debug_find, .name = debug_name, .ctx = s};
}

struct symbols *symbols_of(const struct debug *d)
{
    return d->symbols.find == debug_find ? d->symbols.ctx : NULL;
}
