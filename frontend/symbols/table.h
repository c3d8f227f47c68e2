/* frontend/symbols/table.h: between the files' readers and the table (symbols.c). A reader adds;
 * the table sorts when all is there. */
#ifndef UMBRA_FRONTEND_SYMBOLS_TABLE_H
#define UMBRA_FRONTEND_SYMBOLS_TABLE_H

#include "frontend/symbols/symbols.h"

/* A file in memory. */
struct image {
    const uint8_t *data;
    size_t len;
    const char *path;
};

/* name of len bytes is copied. Silently leaves out what is no name. */
void table_add(struct symbols *s, const char *name, size_t len, uint64_t address, uint64_t size,
               enum symbol_kind kind, bool local);
/* From address on code is of that line; line 0: of none, a gap. file is a number from table_source.
 */
void table_line(struct symbols *s, uint64_t address, unsigned source, unsigned line);
unsigned table_source(struct symbols *s, const char *path);

/* Readers. True: it was of that kind, and perhaps empty; false with *error set: it is, but damaged;
 * false without: it is something else. */
bool read_elf(struct symbols *s, const struct image *file, const char **error);
bool read_aout(struct symbols *s, const struct image *file, const char **error);
bool read_nasm_map(struct symbols *s, const struct image *file, const char **error);
bool read_gnu_map(struct symbols *s, const struct image *file, const char **error);
bool read_nm(struct symbols *s, const struct image *file, const char **error); /* System.map too */

/* Source lines of an ELF file; nothing happens when it has none or there is no libdw. */
void read_dwarf(struct symbols *s, const struct image *file);

#endif
