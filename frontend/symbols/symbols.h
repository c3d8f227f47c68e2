/* frontend/symbols/symbols.h: names and source lines of the guest's programs, from files that the
 * user names: ELF (symbol table; source lines from DWARF when built with libdw), a.out, the map
 * files of NASM and GNU ld, System.map and the output of nm. Each may be moved by an offset.
 *
 * The files are not trusted: what does not fit is refused or left out. Looking up is by binary
 * search. A table belongs to one thread, the partition's once a debugger looks names up in it. */
#ifndef UMBRA_FRONTEND_SYMBOLS_H
#define UMBRA_FRONTEND_SYMBOLS_H

#include "partition/debug.h"

enum symbol_kind { SYMBOL_CODE, SYMBOL_DATA, SYMBOL_OTHER, SYMBOL_CONSTANT /* no address */ };

struct symbol {
    const char *name; /* valid while the table is not changed */
    uint64_t address; /* linear, the offset added */
    uint64_t size;    /* 0: not known */
    enum symbol_kind kind;
    bool local;
    unsigned file; /* which of the loaded ones, from 0 */
};

struct symbols;

struct symbols *symbols_create(void); /* NULL when out of memory */
void symbols_destroy(struct symbols *s);

/* Adds what the file has, offset added to each address. False: error says why, nothing is added. */
must_use bool symbols_load(struct symbols *s, const char *path, int64_t offset, char *error,
                           size_t error_len);
/* As an option has it: "FILE" or "FILE@OFFSET", the offset in hexadecimal, perhaps negative. */
must_use bool symbols_load_spec(struct symbols *s, const char *spec, char *error, size_t error_len);
/* Forgets all. */
void symbols_clear(struct symbols *s);

size_t symbols_count(const struct symbols *s);
/* The n-th loaded file's path, NULL beyond the last. */
const char *symbols_file(const struct symbols *s, unsigned n);
/* "ELF, 4711 symbols, 1234 source lines", of the n-th file. */
void symbols_file_text(const struct symbols *s, unsigned n, struct bytes *out);

/* By name; a global one before a local one. */
bool symbols_find(const struct symbols *s, const char *name, struct symbol *out);
/* The symbol that address belongs to: the nearest at or below it, unless its size, or 1 MiB without
 * one, ends before. */
bool symbols_at(const struct symbols *s, uint64_t address, struct symbol *out);
/* The n-th in order of addresses; false beyond the last. */
bool symbols_get(const struct symbols *s, size_t n, struct symbol *out);
/* The first in order of addresses that lies at or above address: an index for symbols_get. */
size_t symbols_lower(const struct symbols *s, uint64_t address);
/* "name" or "name+1F"; false, out untouched, when there is none. */
bool symbols_name(const struct symbols *s, uint64_t address, char *out, size_t len);
/* The n-th name, in alphabetical order, that begins with prefix: for completion. NULL: no more. */
const char *symbols_complete(const struct symbols *s, const char *prefix, size_t n);

/* The source line that address belongs to. */
bool symbols_line(const struct symbols *s, uint64_t address, const char **file, unsigned *line);
/* "FILE:LINE": the lowest address of that line or, when it has no code, of the next one that has.
 * FILE may be the end of the path. */
bool symbols_line_address(const struct symbols *s, const char *place, uint64_t *address);
/* Were source lines to be read at all? */
bool symbols_have_dwarf(void);

/* The table as the debug core asks for it. */
struct expr_symbols symbols_for_debug(struct symbols *s);
/* The table that d asks, or NULL: there is none of this kind. */
struct symbols *symbols_of(const struct debug *d);

#endif
