/* frontend/symbols: each kind of file gives its names, addresses and lines; damaged ones are
 * refused or give less, and never crash. */
#include "frontend/symbols/symbols.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/check_main.h"

struct scratch {
    char dir[64];
    char path[128];
};

static struct scratch scratch_new(void)
{
    struct scratch t;
    snprintf(t.dir, sizeof t.dir, "/tmp/umbra-symbols-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.dir));
    snprintf(t.path, sizeof t.path, "%s/file", t.dir);
    return t;
}

static void scratch_free(struct scratch *t)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", t->dir);
    ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    fclose(f);
}

static struct symbols *load(const void *data, size_t len, int64_t offset)
{
    struct scratch t = scratch_new();
    struct symbols *s = symbols_create();
    char error[256];
    write_file(t.path, data, len);
    ck_assert_msg(symbols_load(s, t.path, offset, error, sizeof error), "%s", error);
    scratch_free(&t);
    return s;
}

static uint64_t address_of(const struct symbols *s, const char *name)
{
    struct symbol symbol;
    ck_assert_msg(symbols_find(s, name, &symbol), "no %s", name);
    return symbol.address;
}

static const char *name_at(const struct symbols *s, uint64_t address)
{
    static char name[64];
    return symbols_name(s, address, name, sizeof name) ? name : "";
}

static const char system_map[] = "c0100000 T _text\n"
                                 "c0100000 T startup_32\n"
                                 "c0100100 t helper\n"
                                 "c0100200 T start_kernel\n"
                                 "c0200000 D jiffies\n"
                                 "c0200000 d other\n"
                                 "c0300000 b helper\n"
                                 "00000010 A a_constant\n"
                                 "c8000000 t in_module\t[floppy]\n";

START_TEST(system_maps)
{
    struct symbols *s = load(system_map, sizeof system_map - 1, 0);
    ck_assert_uint_eq(address_of(s, "start_kernel"), 0xC0100200);
    ck_assert_uint_eq(address_of(s, "helper"), 0xC0100100);
    ck_assert_str_eq(name_at(s, 0xC0100200), "start_kernel");
    ck_assert_str_eq(name_at(s, 0xC0100234), "start_kernel+34");
    ck_assert_str_eq(name_at(s, 0xC01001FF), "helper+FF");
    ck_assert_str_eq(name_at(s, 0xC0200001), "jiffies+1"); /* a global one before a local one */
    ck_assert_str_eq(name_at(s, 0xC8000004), "in_module+4");
    ck_assert_str_eq(name_at(s, 0xC7000000), ""); /* too far from anything */
    ck_assert_str_eq(name_at(s, 0xBFFFFFFF), "");
    ck_assert_str_eq(symbols_complete(s, "sta", 0), "start_kernel");
    ck_assert_str_eq(symbols_complete(s, "sta", 1), "startup_32");
    ck_assert_ptr_null(symbols_complete(s, "sta", 2));
    ck_assert_str_eq(symbols_complete(s, "help", 0), "helper");
    ck_assert_ptr_null(symbols_complete(s, "help", 1));
    symbols_destroy(s);
    s = load(system_map, sizeof system_map - 1, -0xC0000000LL);
    ck_assert_uint_eq(address_of(s, "start_kernel"), 0x100200);
    symbols_destroy(s);
}
END_TEST

static const char nasm_map[] =
    "\n- NASM Map file ---------------------------------------------------------------\n\n"
    "Source file:  x.asm\nOutput file:  x.bin\n\n-- Program origin ----\n\n00007C00\n\n"
    "-- Symbols -----------------------------------------------------------------\n\n"
    "---- No Section ---------------------------------------------------------------\n\n"
    "Value     Name\n00000055  limit\n\n"
    "---- Section .text ------------------------------------------------------------\n\n"
    "Real              Virtual           Name\n"
    "            7C00              7C00  start\n"
    "            7C03              7C03  start.loop\n\n"
    "---- Section .data ------------------------------------------------------------\n\n"
    "Real              Virtual           Name\n"
    "            7C08              9000  msg\n";

START_TEST(nasm_maps)
{
    struct symbols *s = load(nasm_map, sizeof nasm_map - 1, 0x10);
    ck_assert_uint_eq(address_of(s, "start"), 0x7C10);
    ck_assert_uint_eq(address_of(s, "msg"), 0x9010);
    ck_assert_uint_eq(address_of(s, "limit"), 0x55); /* EQU: no address, not moved */
    ck_assert_str_eq(name_at(s, 0x7C14), "start.loop+1");
    ck_assert_str_eq(name_at(s, 0x56), "");
    symbols_destroy(s);
}
END_TEST

static const char gnu_map[] =
    "\nDiscarded input sections\n\n .note\n                0x00000000        0x0 /tmp/y.o\n\n"
    "Memory Configuration\n\nName Origin Length\n\nLinker script and memory map\n\n"
    "LOAD y.o\n"
    "                [!provide]                        PROVIDE (hidden = 0)\n"
    "                0x080480f4                        . = (SEGMENT_START ())\n"
    ".text           0x00100000       0x57\n"
    " *(.text.unlikely)\n"
    " .text          0x00100000       0x57 y.o\n"
    "                0x00100010                work\n"
    "                0x00100045                _start\n"
    "                0x00100057                PROVIDE (etext = .)\n"
    ".data           0x00101000        0x4\n"
    "                0x00101000                counter\n"
    "                0x00101004                _end = .\n";

START_TEST(gnu_maps)
{
    struct symbols *s = load(gnu_map, sizeof gnu_map - 1, 0);
    struct symbol symbol;
    ck_assert_uint_eq(symbols_count(s), 5);
    ck_assert_uint_eq(address_of(s, "_start"), 0x100045);
    ck_assert_uint_eq(address_of(s, "_end"), 0x101004);
    ck_assert_uint_eq(address_of(s, "etext"), 0x100057);
    ck_assert(symbols_at(s, 0x100011, &symbol));
    ck_assert_str_eq(symbol.name, "work");
    ck_assert_int_eq(symbol.kind, SYMBOL_CODE);
    symbols_destroy(s);
}
END_TEST

/* ELF32 with a symbol table of four: a function of 16 bytes, a datum, a local one, an undefined. */
static size_t make_elf(uint8_t out[512])
{
    static const char strings[] = "\0main\0data\0inner\0missing";
    static const struct {
        uint32_t name, value, size;
        uint8_t info;
        uint16_t section;
    } symbols[] = {{0, 0, 0, 0, 0},
                   {1, 0x1000, 16, 0x12, 1},
                   {6, 0x2000, 4, 0x11, 1},
                   {11, 0x1008, 2, 0x02, 1},
                   {17, 0, 0, 0x10, 0}};
    memset(out, 0, 512);
    memcpy(out, "\177ELF\1\1\1", 7);
    store_le16(out + 16, 2);
    store_le16(out + 18, 3);
    store_le32(out + 32, 0x40);
    store_le16(out + 46, 40);
    store_le16(out + 48, 4);
    uint8_t *text = out + 0x40 + 40, *table = text + 40, *names = table + 40;
    store_le32(text + 4, 1);
    store_le32(text + 8, 6);
    store_le32(table + 4, 2);
    store_le32(table + 16, 0x100);
    store_le32(table + 20, sizeof symbols / sizeof symbols[0] * 16);
    store_le32(table + 24, 3);
    store_le32(table + 36, 16);
    store_le32(names + 4, 3);
    store_le32(names + 16, 0x180);
    store_le32(names + 20, sizeof strings);
    for (size_t n = 0; n < ARRAY_LEN(symbols); n++) {
        uint8_t *at = out + 0x100 + n * 16;
        store_le32(at, symbols[n].name);
        store_le32(at + 4, symbols[n].value);
        store_le32(at + 8, symbols[n].size);
        at[12] = symbols[n].info;
        store_le16(at + 14, symbols[n].section);
    }
    memcpy(out + 0x180, strings, sizeof strings);
    return 0x1A0;
}

START_TEST(elf_tables)
{
    uint8_t elf[512];
    size_t len = make_elf(elf);
    struct symbols *s = load(elf, len, 0);
    ck_assert_uint_eq(symbols_count(s), 3);
    ck_assert_uint_eq(address_of(s, "main"), 0x1000);
    ck_assert_str_eq(name_at(s, 0x1009), "inner+1");
    ck_assert_str_eq(name_at(s, 0x100A), "main+A"); /* the inner one has ended */
    ck_assert_str_eq(name_at(s, 0x1010), "");
    ck_assert_str_eq(name_at(s, 0x2003), "data+3");
    symbols_destroy(s);
}
END_TEST

/* A NMAGIC a.out: header, 8 bytes of text, three symbols, one of them for a debugger. */
static size_t make_aout(uint8_t out[256])
{
    static const char strings[] = "_start\0_count\0x.c";
    static const struct {
        uint32_t name, value;
        uint8_t type;
    } symbols[] = {{4, 0x1000, 5}, {11, 0x2000, 8}, {18, 0x1000, 0x64}};
    memset(out, 0, 256);
    store_le32(out, 0410);
    store_le32(out + 4, 8);
    store_le32(out + 16, 36);
    for (size_t n = 0; n < 3; n++) {
        store_le32(out + 40 + 12 * n, symbols[n].name);
        out[40 + 12 * n + 4] = symbols[n].type;
        store_le32(out + 40 + 12 * n + 8, symbols[n].value);
    }
    store_le32(out + 76, 4 + sizeof strings);
    memcpy(out + 80, strings, sizeof strings);
    return 80 + sizeof strings;
}

START_TEST(aout_tables)
{
    uint8_t aout[256];
    size_t len = make_aout(aout);
    struct symbols *s = load(aout, len, 0);
    ck_assert_uint_eq(symbols_count(s), 2);
    ck_assert_uint_eq(address_of(s, "start"), 0x1000);
    ck_assert_uint_eq(address_of(s, "count"), 0x2000);
    symbols_destroy(s);
}
END_TEST

START_TEST(source_lines)
{
    static const char source[] = "int counter;\n"
                                 "int work(int n)\n"
                                 "{\n"
                                 "    counter += n;\n"
                                 "\n"
                                 "    return counter;\n"
                                 "}\n";
    struct scratch t = scratch_new();
    char path[160], command[600], error[256];
    snprintf(path, sizeof path, "%s/work.c", t.dir);
    write_file(path, source, sizeof source - 1);
    snprintf(command, sizeof command,
             "cc -m32 -g -O0 -fno-pie -no-pie -ffreestanding -nostdlib -Wl,-Ttext=0x100000,-ework "
             "'%s' -o '%s' 2>/dev/null",
             path, t.path);
    if (!symbols_have_dwarf() || system(command) != 0) {
        printf("SKIP source_lines: no libdw, or no 32-bit compiler\n");
        scratch_free(&t);
        return;
    }
    struct symbols *s = symbols_create();
    char spec[160];
    snprintf(spec, sizeof spec, "%s@1000", t.path);
    ck_assert_msg(symbols_load_spec(s, spec, error, sizeof error), "%s", error);
    struct symbol work;
    uint64_t address, next;
    const char *file;
    unsigned line;
    ck_assert(symbols_find(s, "work", &work));
    ck_assert_uint_eq(work.address, 0x101000);
    ck_assert(symbols_line(s, work.address, &file, &line));
    ck_assert_uint_eq(line, 3);
    ck_assert_ptr_nonnull(strstr(file, "work.c"));
    ck_assert(symbols_line_address(s, "work.c:4", &address));
    ck_assert(symbols_line(s, address, &file, &line));
    ck_assert_uint_eq(line, 4);
    ck_assert_uint_gt(address, work.address);
    ck_assert(symbols_line_address(s, "work.c:5", &next)); /* no code: the next line's */
    ck_assert(symbols_line(s, next, &file, &line));
    ck_assert_uint_eq(line, 6);
    ck_assert(!symbols_line_address(s, "ork.c:4", &address));
    ck_assert(!symbols_line_address(s, "work.c", &address));
    ck_assert(!symbols_line_address(s, "work.c:99", &address));
    ck_assert(!symbols_line(s, work.address + work.size + 64, &file, &line));
    symbols_destroy(s);
    scratch_free(&t);
}
END_TEST

START_TEST(what_cannot_be_read_is_told)
{
    struct symbols *s = symbols_create();
    struct scratch t = scratch_new();
    char error[256];
    ck_assert(!symbols_load(s, "/nonexistent/file", 0, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
    write_file(t.path, "just text\n", 10);
    ck_assert(!symbols_load(s, t.path, 0, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "neither ELF"));
    ck_assert(!symbols_load(s, t.dir, 0, error, sizeof error));
    ck_assert_uint_eq(symbols_count(s), 0);
    ck_assert_ptr_null(symbols_file(s, 0));
    symbols_destroy(s);
    scratch_free(&t);
}
END_TEST

/* Two files together; the first stays when a third is refused. */
START_TEST(several_files)
{
    struct symbols *s = symbols_create();
    struct scratch t = scratch_new();
    char error[256];
    write_file(t.path, nasm_map, sizeof nasm_map - 1);
    ck_assert(symbols_load(s, t.path, 0, error, sizeof error));
    write_file(t.path, system_map, sizeof system_map - 1);
    ck_assert(symbols_load(s, t.path, 0, error, sizeof error));
    size_t count = symbols_count(s);
    write_file(t.path, "nothing", 7);
    ck_assert(!symbols_load(s, t.path, 0, error, sizeof error));
    ck_assert_uint_eq(symbols_count(s), count);
    ck_assert_uint_eq(address_of(s, "start"), 0x7C00);
    ck_assert_uint_eq(address_of(s, "jiffies"), 0xC0200000);
    struct bytes text = {0};
    symbols_file_text(s, 0, &text);
    ck_assert_mem_eq(text.data, "NASM map, 4 symbols", 19);
    bytes_free(&text);
    symbols_destroy(s);
    scratch_free(&t);
}
END_TEST

static void look_around(struct symbols *s)
{
    struct symbol symbol;
    const char *file;
    unsigned line;
    for (uint64_t a = 0; a < 0x10000; a += 0x777) {
        symbols_at(s, a, &symbol);
        symbols_line(s, a, &file, &line);
    }
    for (size_t n = 0; symbols_get(s, n, &symbol); n++)
        ck_assert(symbols_find(s, symbol.name, &symbol));
}

START_TEST(damaged_files)
{
    uint8_t elf[512], aout[256], copy[4096];
    const struct {
        const void *data;
        size_t len;
    } files[] = {{elf, make_elf(elf)},
                 {aout, make_aout(aout)},
                 {nasm_map, sizeof nasm_map - 1},
                 {gnu_map, sizeof gnu_map - 1},
                 {system_map, sizeof system_map - 1}};
    struct scratch t = scratch_new();
    uint32_t seed = 99;
    char error[256];
    for (unsigned round = 0; round < 2000; round++) {
        size_t k = round % ARRAY_LEN(files), len = files[k].len;
        memcpy(copy, files[k].data, len);
        for (unsigned n = 0; n < 1 + round % 4; n++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % len] = (uint8_t)((seed & 0x80) ? 0xFF : seed >> 24);
        }
        if (round % 7 == 0)
            len = (seed >> 4) % (len + 1);
        write_file(t.path, copy, len);
        struct symbols *s = symbols_create();
        if (symbols_load(s, t.path, 0, error, sizeof error))
            look_around(s);
        symbols_destroy(s);
    }
    scratch_free(&t);
}
END_TEST

CHECK_MAIN("frontend/symbols", system_maps, nasm_maps, gnu_maps, elf_tables, aout_tables,
           source_lines, what_cannot_be_read_is_told, several_files, damaged_files)
