/* frontend/control/verbs_symbols.c: names and source lines (frontend/symbols). */
#include <stdio.h>

#include "frontend/control/verbs.h"
#include "frontend/symbols/symbols.h"

#define NAMES_MOST 100

static struct symbols *table_of(struct command *k)
{
    struct symbols *s = symbols_of(k->debug);
    if (!s)
        answer_fail(k->answer, "there is no symbol table here");
    return s;
}

void verb_symbols_load(struct command *k)
{
    struct symbols *s = table_of(k);
    char error[512];
    uint64_t offset = 0;
    if (!s || !may_open(k, k->word[0]) || (k->count > 1 && !take_value(k, k->word[1], &offset)))
        return;
    if (!symbols_load(s, k->word[0], (int64_t)offset, error, sizeof error)) {
        answer_fail(k->answer, "%s", error);
        return;
    }
    unsigned n = 0;
    while (symbols_file(s, n + 1))
        n++;
    symbols_file_text(s, n, &k->answer->text);
    answer_text(k->answer, "\n");
    json_put_number(&k->answer->data, "symbols", symbols_count(s));
}

void verb_symbols_clear(struct command *k)
{
    struct symbols *s = table_of(k);
    if (s)
        symbols_clear(s);
}

static void put_files(struct command *k, const struct symbols *s)
{
    json_open(&k->answer->data, "files", '[');
    for (unsigned n = 0; symbols_file(s, n); n++) {
        answer_text(k->answer, "%s: ", symbols_file(s, n));
        symbols_file_text(s, n, &k->answer->text);
        answer_text(k->answer, "\n");
        json_put_string(&k->answer->data, NULL, symbols_file(s, n));
    }
    json_close(&k->answer->data, ']');
    json_put_number(&k->answer->data, "symbols", symbols_count(s));
    if (!symbols_file(s, 0))
        answer_text(k->answer, "none are loaded\n");
}

/* symbols [PREFIX] */
void verb_symbols(struct command *k)
{
    const struct symbols *s = table_of(k);
    const char *name;
    struct symbol one;
    if (!s)
        return;
    if (!k->count) {
        put_files(k, s);
        return;
    }
    json_open(&k->answer->data, "symbols", '[');
    for (size_t n = 0; n < NAMES_MOST && (name = symbols_complete(s, k->word[0], n)); n++) {
        if (!symbols_find(s, name, &one))
            continue;
        answer_text(k->answer, "%08llx  %s\n", (unsigned long long)one.address, name);
        json_open(&k->answer->data, NULL, '{');
        json_put_string(&k->answer->data, "name", name);
        json_put_number(&k->answer->data, "address", one.address);
        json_close(&k->answer->data, '}');
    }
    json_close(&k->answer->data, ']');
    if (!k->answer->text.len)
        answer_text(k->answer, "no name begins so\n");
}

/* Where an address stands: its symbol and source line. */
void verb_where(struct command *k)
{
    struct place place = {.address = debug_pc(k->vcpu)};
    if (k->count && !take_memory(k, k->word[0], &place))
        return;
    answer_text(k->answer, "%08llx  ", (unsigned long long)place.address);
    json_put_number(&k->answer->data, "address", place.address);
    if (!put_source(k->debug, k->answer, place.address, ""))
        answer_text(k->answer, "no symbol\n");
}

bool take_source_line(struct command *k, const char *text, uint64_t *address)
{
    const struct symbols *s = symbols_of(k->debug);
    const char *colon = strrchr(text, ':');
    return s && colon && colon > text && memchr(text, '.', (size_t)(colon - text)) &&
           symbols_line_address(s, text, address);
}

bool symbol_name(struct command *k, uint32_t address, char *name, size_t size)
{
    const struct symbols *s = symbols_of(k->debug);
    return s && symbols_name(s, address, name, size);
}
