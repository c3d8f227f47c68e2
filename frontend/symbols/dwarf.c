/* frontend/symbols/dwarf.c: source lines from DWARF, read by libdw (elfutils), which all of the
 * distribution's tools use. Without it there are none. */
#include "frontend/symbols/table.h"

#ifdef UMBRA_HAVE_LIBDW

#include <elfutils/libdw.h>

bool symbols_have_dwarf(void)
{
    return true;
}

/* The rows of one unit's line table; a row's address is where its line begins. */
static void read_unit(struct symbols *s, Dwarf_Die *unit)
{
    Dwarf_Lines *lines;
    size_t count;
    if (dwarf_getsrclines(unit, &lines, &count) != 0)
        return;
    const char *last = NULL;
    unsigned source = 0;
    for (size_t n = 0; n < count; n++) {
        Dwarf_Line *row = dwarf_onesrcline(lines, n);
        Dwarf_Addr address;
        bool end = false;
        int line = 0;
        const char *path = dwarf_linesrc(row, NULL, NULL);
        if (!path || dwarf_lineaddr(row, &address) != 0 || dwarf_lineno(row, &line) != 0)
            continue;
        dwarf_lineendsequence(row, &end);
        if (path != last) {
            source = table_source(s, path);
            last = path;
        }
        if (end || line > 0) /* a row of line 0 belongs to no line: what comes before goes on */
            table_line(s, address, source, end ? 0 : (unsigned)line);
    }
}

void read_dwarf(struct symbols *s, const struct image *file)
{
    elf_version(EV_CURRENT);
    Elf *elf = elf_memory((char *)(uintptr_t)file->data, file->len);
    Dwarf *dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
    Dwarf_Off at = 0, next;
    size_t header;
    while (dwarf && dwarf_nextcu(dwarf, at, &next, &header, NULL, NULL, NULL) == 0) {
        Dwarf_Die unit;
        if (dwarf_offdie(dwarf, at + header, &unit))
            read_unit(s, &unit);
        at = next;
    }
    if (dwarf)
        dwarf_end(dwarf);
    if (elf)
        elf_end(elf);
}

#else

bool symbols_have_dwarf(void)
{
    return false;
}

void read_dwarf(struct symbols *s, const struct image *file)
{
    (void)s;
    (void)file;
}

#endif
