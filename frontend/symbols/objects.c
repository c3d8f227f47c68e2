/* frontend/symbols/objects.c: symbol tables of ELF (System V ABI, chapter 4) and a.out (the one of
 * i386 Linux and BSD). Every offset comes from the file and is checked against its length. */
#include <string.h>

#include "base/bits.h"
#include "frontend/symbols/table.h"

static bool within(const struct image *file, uint64_t at, uint64_t len)
{
    return at <= file->len && len <= file->len - at;
}

/* The length of the string at offset at of a table, or 0: it does not end within. */
static size_t string_at(const struct image *file, uint64_t table, uint64_t size, uint64_t at,
                        const char **out)
{
    if (at >= size)
        return 0;
    const char *start = (const char *)file->data + table + at;
    const char *end = memchr(start, 0, size - at);
    *out = start;
    return end ? (size_t)(end - start) : 0;
}

/* --- ELF -------------------------------------------------------------------------------------- */

#define SHT_SYMTAB 2
#define SHN_ABS    0xFFF1
#define SHF_EXEC   4

struct elf {
    const struct image *file;
    bool wide; /* ELF64 */
    uint64_t sections;
    unsigned section_size, section_count;
};

struct section {
    uint32_t type, link;
    uint64_t flags, offset, size, entry_size;
};

static bool section_get(const struct elf *e, unsigned n, struct section *out)
{
    uint64_t at = e->sections + (uint64_t)n * e->section_size;
    if (n >= e->section_count || !within(e->file, at, e->section_size))
        return false;
    const uint8_t *h = e->file->data + at;
    *out = e->wide ? (struct section){load_le32(h + 4),  load_le32(h + 40), load_le64(h + 8),
                                      load_le64(h + 24), load_le64(h + 32), load_le64(h + 56)}
                   : (struct section){load_le32(h + 4),  load_le32(h + 24), load_le32(h + 8),
                                      load_le32(h + 16), load_le32(h + 20), load_le32(h + 36)};
    return true;
}

static void elf_symbol(struct symbols *s, const struct elf *e, const uint8_t *raw,
                       const struct section *strings)
{
    uint64_t value = e->wide ? load_le64(raw + 8) : load_le32(raw + 4);
    uint64_t size = e->wide ? load_le64(raw + 16) : load_le32(raw + 8);
    uint8_t info = e->wide ? raw[4] : raw[12];
    uint16_t index = load_le16(raw + (e->wide ? 6 : 14));
    unsigned type = info & 15, binding = info >> 4;
    const char *name;
    size_t len = string_at(e->file, strings->offset, strings->size, load_le32(raw), &name);
    if (!len || !index || type > 2) /* undefined; a section, a file, thread-local */
        return;
    struct section in;
    bool code = type == 2 || (type == 0 && section_get(e, index, &in) && (in.flags & SHF_EXEC));
    table_add(s, name, len, value, size,
              code               ? SYMBOL_CODE
              : index == SHN_ABS ? SYMBOL_OTHER
                                 : SYMBOL_DATA,
              binding == 0);
}

static void elf_table(struct symbols *s, const struct elf *e, const struct section *table)
{
    struct section strings;
    uint64_t size = e->wide ? 24 : 16;
    if (!section_get(e, table->link, &strings) || table->entry_size != size ||
        !within(e->file, table->offset, table->size) ||
        !within(e->file, strings.offset, strings.size))
        return;
    for (uint64_t n = 1; (n + 1) * size <= table->size; n++)
        elf_symbol(s, e, e->file->data + table->offset + n * size, &strings);
}

bool read_elf(struct symbols *s, const struct image *file, const char **error)
{
    const uint8_t *h = file->data;
    if (file->len < 52 || memcmp(h, "\177ELF", 4) != 0)
        return false;
    bool wide = h[4] == 2;
    if ((wide && file->len < 64) || h[5] != 1) {
        *error = "a damaged ELF file, or one for a big-endian machine";
        return false;
    }
    struct elf e = {.file = file,
                    .wide = wide,
                    .sections = wide ? load_le64(h + 40) : load_le32(h + 32),
                    .section_size = load_le16(h + (wide ? 58 : 46)),
                    .section_count = load_le16(h + (wide ? 60 : 48))};
    struct section section;
    bool any = false;
    if (e.section_size < (wide ? 64u : 40u))
        e.section_count = 0;
    for (unsigned n = 0; section_get(&e, n, &section); n++) {
        if (section.type != SHT_SYMTAB)
            continue;
        any = true;
        elf_table(s, &e, &section);
    }
    if (!any)
        *error = "an ELF file without a symbol table (it is stripped)";
    if (any)
        read_dwarf(s, file);
    return any;
}

/* --- a.out ------------------------------------------------------------------------------------ */

#define OMAGIC 0407
#define NMAGIC 0410
#define ZMAGIC 0413
#define QMAGIC 0314

#define N_EXT  1
#define N_STAB 0xE0 /* any of these: for a debugger */
#define N_ABS  2
#define N_TEXT 4
#define N_DATA 6
#define N_BSS  8

/* Where the symbols begin when the text begins at text, or 0: they would not fit. */
static uint64_t aout_symbols(const struct image *file, uint64_t text)
{
    const uint8_t *h = file->data;
    uint64_t at =
        text + load_le32(h + 4) + load_le32(h + 8) + load_le32(h + 24) + load_le32(h + 28);
    uint64_t size = load_le32(h + 16);
    if (!size || size % 12 || !within(file, at, size + 4))
        return 0;
    uint64_t strings = load_le32(file->data + at + size);
    return strings >= 4 && within(file, at + size, strings) ? at : 0;
}

static void aout_symbol(struct symbols *s, const struct image *file, const uint8_t *raw,
                        uint64_t strings)
{
    unsigned type = raw[4] & ~N_EXT & 0x1F;
    const char *name;
    size_t len = string_at(file, strings, load_le32(file->data + strings), load_le32(raw), &name);
    if (len > 1 && *name == '_') /* C's names have one more */
        name++, len--;
    if (!len || (raw[4] & N_STAB) || type < N_ABS || type > N_BSS)
        return;
    table_add(s, name, len, load_le32(raw + 8), 0,
              type == N_TEXT  ? SYMBOL_CODE
              : type == N_ABS ? SYMBOL_OTHER
                              : SYMBOL_DATA,
              !(raw[4] & N_EXT));
}

/* The text of a ZMAGIC file begins at 1024 (Linux), 4096 or 32 (BSDs): where the symbols fit. */
bool read_aout(struct symbols *s, const struct image *file, const char **error)
{
    static const uint16_t begins[] = {1024, 32, 4096, 0};
    if (file->len < 32)
        return false;
    unsigned magic = load_le16(file->data);
    if (magic != OMAGIC && magic != NMAGIC && magic != ZMAGIC && magic != QMAGIC)
        return false;
    uint64_t at = 0, size = load_le32(file->data + 16);
    if (magic == OMAGIC || magic == NMAGIC)
        at = aout_symbols(file, 32);
    else if (magic == QMAGIC)
        at = aout_symbols(file, 0);
    for (size_t n = 0; magic == ZMAGIC && !at && n < ARRAY_LEN(begins); n++)
        at = aout_symbols(file, begins[n]);
    if (!at) {
        *error = "an a.out file without symbols, or a damaged one";
        return false;
    }
    for (uint64_t n = 0; n + 12 <= size; n += 12)
        aout_symbol(s, file, file->data + at + n, at + size);
    return true;
}
