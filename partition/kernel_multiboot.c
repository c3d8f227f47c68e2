/* Multiboot 1 kernels (Multiboot Specification 0.6.96): ELF32, or any file with the "a.out kludge"
 * addresses in its header. The machine state of 3.2 is made by the ROM, which also fills in the
 * memory sizes and the map:
 *
 *   kernel     where its headers say, also over the BIOS's vectors and data
 *   after the kernel, at 1 MiB or above, page by page: information structure and memory map,
 *   strings and the module table, the modules */
#include <stdlib.h>

#include "partition/kernel_parse.h"

enum { SEARCH = 8192, ALIGN_MODULES = 1, KLUDGE = 0x10000, UNKNOWN = 0xFFF8 };
enum { INFO_PAGE = 4096, MAP_OFFSET = 0x80, MAP_ENTRY = 24 };
enum info_offset {
    INFO_FLAGS = 0,
    INFO_CMDLINE = 16,
    INFO_MODS_COUNT = 20,
    INFO_MODS_ADDR = 24,
    INFO_MAP_ADDR = 48,
    INFO_NAME = 64,
    INFO_SIZE = 116,
};
enum { MAX_MODULES = 32 };

bool kernel_is_multiboot(struct span file, size_t *header)
{
    size_t end = file.len < SEARCH ? file.len : SEARCH;
    for (size_t at = 0; at + 12 <= end; at += 4) {
        uint32_t magic = load_le32(file.data + at);
        uint32_t flags = load_le32(file.data + at + 4);
        if (magic == 0x1BADB002 && magic + flags + load_le32(file.data + at + 8) == 0) {
            *header = at;
            return true;
        }
    }
    return false;
}

static bool is_elf(struct span file)
{
    return file.len >= 52 && !memcmp(file.data, "\177ELF", 4);
}

bool kernel_multiboot_loads(struct span file, size_t header)
{
    return load_le32(file.data + header + 4) & KLUDGE || is_elf(file);
}

struct multiboot {
    uint64_t end;           /* first byte after what is loaded */
    uint32_t entry;         /* physical */
    uint32_t virtual_entry; /* ELF's */
};

/* len bytes of the kernel's file from offset at, then zeros. */
static bool add_part(struct kernel_load *k, struct multiboot *m, uint64_t gpa, size_t at,
                     size_t len, uint64_t zeros)
{
    uint64_t end = gpa + len + zeros;
    if (gpa < 0x100000 && end > 0xA0000)
        return kernel_fail(k, "%s: would be loaded over the video memory (%#llx to %#llx)", k->path,
                           (unsigned long long)gpa, (unsigned long long)end);
    if (end > m->end)
        m->end = end;
    return kernel_add_part(k, gpa, k->source, at, len, zeros);
}

static bool load_kludge(struct kernel_load *k, struct multiboot *m, struct span file, size_t at)
{
    if (at + 32 > file.len)
        return kernel_fail(k, "%s: truncated inside its multiboot header", k->path);
    const uint8_t *h = file.data + at;
    uint32_t header = load_le32(h + 12), load = load_le32(h + 16);
    uint64_t load_end = load_le32(h + 20), bss_end = load_le32(h + 24);
    m->entry = load_le32(h + 28);
    if (header < load || header - load > at)
        return kernel_fail(k, "%s: the multiboot header's addresses contradict each other",
                           k->path);
    size_t offset = at - (header - load);
    uint64_t len = load_end ? load_end - load : file.len - offset;
    if (load_end && load_end < load)
        return kernel_fail(k, "%s: the multiboot header ends its text before it begins", k->path);
    if (len > file.len - offset)
        return kernel_fail(k, "%s: truncated: %zu bytes, its header says %llu", k->path, file.len,
                           (unsigned long long)(offset + len));
    uint64_t end = load + len;
    return add_part(k, m, load, offset, (size_t)len, bss_end > end ? bss_end - end : 0);
}

static bool load_elf_part(struct kernel_load *k, struct multiboot *m, struct span file,
                          const uint8_t *ph)
{
    uint32_t offset = load_le32(ph + 4), vaddr = load_le32(ph + 8), paddr = load_le32(ph + 12);
    uint32_t filesz = load_le32(ph + 16), memsz = load_le32(ph + 20);
    if (offset > file.len || filesz > file.len - offset)
        return kernel_fail(k, "%s: truncated: a segment lies beyond the end of the file", k->path);
    if (memsz < filesz)
        return kernel_fail(k, "%s: damaged: a segment is larger in the file than in memory",
                           k->path);
    if (!memsz)
        return true;
    if (m->virtual_entry >= vaddr && m->virtual_entry - vaddr < memsz)
        m->entry = m->virtual_entry - vaddr + paddr;
    return add_part(k, m, paddr, offset, filesz, memsz - filesz);
}

static bool load_elf(struct kernel_load *k, struct multiboot *m, struct span file)
{
    if (!is_elf(file))
        return kernel_fail(k, "%s: a multiboot kernel that is neither ELF nor gives addresses",
                           k->path);
    if (file.data[4] != 1 || file.data[5] != 1 || load_le16(file.data + 18) != 3)
        return kernel_fail(k, "%s: is ELF, but not for a 32-bit x86", k->path);
    m->entry = m->virtual_entry = load_le32(file.data + 24);
    uint32_t table = load_le32(file.data + 28);
    unsigned size = load_le16(file.data + 42), count = load_le16(file.data + 44);
    if (size < 32 || table > file.len || (uint64_t)size * count > file.len - table)
        return kernel_fail(k, "%s: damaged: its program headers lie outside the file", k->path);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *ph = file.data + table + (size_t)size * i;
        if (load_le32(ph) == 1 && !load_elf_part(k, m, file, ph))
            return false;
    }
    return m->end || kernel_fail(k, "%s: is ELF without anything to load", k->path);
}

/* The strings and the module table behind the kernel, built before their address is final. */
struct extras {
    uint32_t info; /* gpa of the information structure */
    uint64_t gpa;
    struct bytes bytes;
    uint8_t table[MAX_MODULES * 16];
    unsigned modules;
};

static uint32_t add_string(struct extras *e, const char *text, size_t len)
{
    uint32_t gpa = (uint32_t)(e->gpa + e->bytes.len);
    bytes_append(&e->bytes, text, len);
    bytes_append(&e->bytes, "", 1);
    return gpa;
}

/* One "FILE ARGUMENTS" of len characters: loaded at *next, page by page. */
static bool load_module(struct kernel_load *k, struct extras *e, const char *text, size_t len,
                        uint64_t *next)
{
    size_t name_len = 0;
    while (name_len < len && text[name_len] != ' ')
        name_len++;
    char *name = strndup(text, name_len);
    if (e->modules >= MAX_MODULES || !name) {
        free(name);
        return kernel_fail(k, "more than %d modules", MAX_MODULES);
    }
    size_t size;
    struct loader_source *file = kernel_open(k, name, &size);
    free(name);
    if (!file)
        return false;
    uint8_t *entry = e->table + (size_t)e->modules++ * 16;
    bool good = kernel_add_part(k, *next, file, 0, size, 0);
    store_le32(entry, (uint32_t)*next);
    store_le32(entry + 4, (uint32_t)(*next + size));
    store_le32(entry + 8, add_string(e, text, len));
    *next = align_up(*next + size, 4096);
    return good;
}

/* Strings take as many bytes as the texts they come from; so the modules' place is known first. */
static bool load_modules(struct kernel_load *k, struct extras *e)
{
    const char *text = k->initrd_path ? k->initrd_path : "";
    uint64_t next = align_up(e->gpa + e->bytes.len + 2 * strlen(text) + sizeof e->table + 16, 4096);
    while (*text) {
        size_t len = strcspn(text, ",");
        if (len && !load_module(k, e, text, len, &next))
            return false;
        text += len + (text[len] == ',');
    }
    return true;
}

static bool load_extras(struct kernel_load *k, struct extras *e)
{
    uint8_t info[INFO_SIZE] = {0};
    size_t path_len = strlen(k->path);
    store_le32(info + INFO_CMDLINE, add_string(e, k->path, path_len));
    if (*k->cmdline) {
        e->bytes.data[path_len] = ' ';
        bytes_append(&e->bytes, k->cmdline, strlen(k->cmdline) + 1);
    }
    store_le32(info + INFO_NAME, add_string(e, "Umbra", 5));
    if (!load_modules(k, e))
        return false;
    while (e->bytes.len & 3)
        bytes_append(&e->bytes, "", 1);
    /* memory sizes, command line, modules, memory map, loader's name */
    store_le32(info + INFO_FLAGS, 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    store_le32(info + INFO_MODS_COUNT, e->modules);
    store_le32(info + INFO_MODS_ADDR, (uint32_t)(e->gpa + e->bytes.len));
    store_le32(info + INFO_MAP_ADDR, e->info + MAP_OFFSET);
    bytes_append(&e->bytes, e->table, e->modules * 16);
    return kernel_add(k, e->gpa, (struct span){e->bytes.data, e->bytes.len}, 0) &&
           kernel_add(k, e->info, (struct span){info, sizeof info}, 0);
}

bool kernel_load_multiboot(struct kernel_load *k, struct span file, size_t header)
{
    uint32_t flags = load_le32(file.data + header + 4);
    struct multiboot m = {0};
    if (flags & UNKNOWN)
        return kernel_fail(k, "%s: wants multiboot features %#x, which are unknown", k->path,
                           flags & UNKNOWN);
    if (!(flags & KLUDGE ? load_kludge(k, &m, file, header) : load_elf(k, &m, file)))
        return false;
    uint64_t behind = align_up(m.end < 0x100000 ? 0x100000 : m.end, 4096);
    struct extras e = {.info = (uint32_t)behind, .gpa = behind + INFO_PAGE};
    bool good = load_extras(k, &e);
    bytes_free(&e.bytes);
    k->plan->value[LOADER_REG_KIND] = LOADER_MULTIBOOT;
    k->plan->value[LOADER_REG_ENTRY] = m.entry;
    k->plan->value[LOADER_REG_INFO] = e.info;
    k->plan->value[LOADER_REG_MEMORY_MAP] = e.info + MAP_OFFSET;
    k->plan->value[LOADER_REG_MAP_ENTRIES] = (INFO_PAGE - MAP_OFFSET) / MAP_ENTRY;
    return good;
}
