/* The Linux/x86 boot protocol, from the boot loader's side (Documentation/arch/x86/boot.rst of the
 * kernel):
 *
 *   10000 (90000 before 2.02)  boot sector + setup, entered at 20:0 of that segment
 *    ...up to 1FFF0            its heap and stack
 *   20000 (9A000 - length)     command line
 *   28000                      a seed for random numbers (2.09)
 *   100000 (10000 for zImage)  the protected-mode part
 *   high, below initrd_addr_max and the top of RAM: the initrd, page-aligned
 *
 * Kernels from before protocol 2.00 (Linux to 1.3.72, memtest86 to 5.01) have no header: they are
 * known by a boot sector whose sizes account for the whole file. Here they are version 1.00. */
#include <stdlib.h>

#include "partition/kernel_parse.h"

enum header_offset {
    SETUP_SECTS = 0x1F1,
    SYSSIZE = 0x1F4,
    VID_MODE = 0x1FA,
    BOOT_FLAG = 0x1FE,
    MAGIC = 0x202,
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21C,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22C,
    CMDLINE_SIZE = 0x238,
    HEADER_END = 0x23C, /* as far as this loader reads */
    SETUP_DATA = 0x250,
};

/* struct setup_data: next (8 bytes), type, len, then the data. */
enum { SETUP_DATA_HEAD = 16, SETUP_RNG_SEED = 9, SETUP_DATA_GPA = 0x28000 };

enum { CMDLINE_ROOM = 0x8000 }; /* bytes from 20000 to the seed: with the 0 at its end */
enum { NO_HEADER = 0x100 };     /* struct linux_layout's version then */
enum { LOADED_HIGH = 1, CAN_USE_HEAP = 0x80 };
enum { OLD_CMD_LINE_MAGIC = 0x20, OLD_CMD_LINE_OFFSET = 0x22 };

struct linux_layout {
    unsigned version;
    bool high;
    uint32_t setup_gpa, cmdline_gpa, kernel_gpa;
    size_t setup_len;
};

static bool has_header(struct span file)
{
    return !memcmp(file.data + MAGIC, "HdrS", 4);
}

static size_t setup_length(struct span file)
{
    unsigned sectors = file.data[SETUP_SECTS];
    return ((sectors ? sectors : 4) + 1) * 512;
}

bool kernel_is_linux(struct span file)
{
    if (file.len < HEADER_END || load_le16(file.data + BOOT_FLAG) != 0xAA55)
        return false;
    if (has_header(file))
        return true;
    size_t size = (size_t)load_le16(file.data + SYSSIZE) * 16;
    return size && setup_length(file) + size == align_up(file.len, 16);
}

static struct linux_layout layout_of(struct span file, size_t cmdline_len)
{
    struct linux_layout l = {.version = NO_HEADER, .setup_len = setup_length(file)};
    if (has_header(file)) {
        l.version = load_le16(file.data + VERSION);
        l.high = file.data[LOADFLAGS] & LOADED_HIGH;
    }
    l.setup_gpa = 0x10000;
    l.cmdline_gpa = 0x20000;
    if (!l.high || l.version < 0x202) {
        l.setup_gpa = 0x90000;
        l.cmdline_gpa = (uint32_t)align_down(0x9A000 - cmdline_len, 16);
    }
    l.kernel_gpa = l.high ? 0x100000 : 0x10000;
    return l;
}

/* The value of "vga=" in the command line: what vid_mode means by words and numbers. */
static uint16_t video_mode(const char *cmdline)
{
    const char *at = strstr(cmdline, "vga=");
    if (!at || (at != cmdline && at[-1] != ' '))
        return 0xFFFF;
    at += 4;
    if (!strncmp(at, "normal", 6))
        return 0xFFFF;
    if (!strncmp(at, "ext", 3))
        return 0xFFFE;
    if (!strncmp(at, "ask", 3))
        return 0xFFFD;
    return (uint16_t)strtoul(at, NULL, 0);
}

static bool check_lengths(struct kernel_load *k, struct span file, const struct linux_layout *l,
                          size_t cmdline_len)
{
    if (has_header(file) && (l->version < 0x200 || l->version > 0x2FF))
        return kernel_fail(k, "%s: boot protocol %x.%02x is unknown", k->path, l->version >> 8,
                           l->version & 0xFF);
    if (l->setup_len >= file.len)
        return kernel_fail(k, "%s: truncated: %zu bytes, its setup code alone has %zu", k->path,
                           file.len, l->setup_len);
    /* syssize counts paragraphs; before 2.04 only its low half is certain. */
    uint64_t size = (uint64_t)load_le32(file.data + SYSSIZE) * 16;
    if (l->version >= 0x204 && l->setup_len + size > align_up(file.len, 16) + 512)
        return kernel_fail(k, "%s: truncated: %zu bytes, its header says %llu", k->path, file.len,
                           (unsigned long long)(l->setup_len + size));
    if (!l->high && file.len - l->setup_len > 0x80000)
        return kernel_fail(k, "%s: a zImage of more than 512 KB cannot be loaded low", k->path);
    uint32_t most = l->version >= 0x206 ? load_le32(file.data + CMDLINE_SIZE) : 255;
    if (most > CMDLINE_ROOM - 1)
        most = CMDLINE_ROOM - 1;
    if (cmdline_len - 1 > most)
        return kernel_fail(k, "the command line has %zu characters, this kernel takes %u",
                           cmdline_len - 1, most);
    return true;
}

/* Opens the initrd, places it and tells the setup header. */
static bool load_initrd(struct kernel_load *k, uint8_t *header, const struct linux_layout *l,
                        uint64_t kernel_end)
{
    size_t len;
    if (l->version < 0x200)
        return kernel_fail(k, "%s: a kernel as old as this takes no initrd", k->path);
    struct loader_source *initrd = kernel_open(k, k->initrd_path, &len);
    if (!initrd)
        return false;
    uint64_t top = l->version >= 0x203 ? load_le32(header + INITRD_ADDR_MAX) : 0x37FFFFFF;
    uint64_t ram = k->ram > 0x20000 ? k->ram - 0x20000 : 0; /* the BIOS keeps its tables there */
    top = top + 1 < ram ? top + 1 : ram;
    if (top < len || align_down(top - len, 4096) < align_up(kernel_end, 4096))
        return kernel_fail(
            k, "%s: %zu KB do not fit between the kernel and the top of %llu MB of memory",
            k->initrd_path, len >> 10, (unsigned long long)(k->ram >> 20));
    uint64_t gpa = align_down(top - len, 4096);
    store_le32(header + RAMDISK_IMAGE, (uint32_t)gpa);
    store_le32(header + RAMDISK_SIZE, (uint32_t)len);
    return kernel_add_part(k, gpa, initrd, 0, len, 0);
}

static void fill_header(struct kernel_load *k, uint8_t *header, const struct linux_layout *l,
                        uint32_t stack)
{
    store_le16(header + VID_MODE, video_mode(k->cmdline));
    if (l->version >= 0x200)
        header[TYPE_OF_LOADER] = 0xFF; /* a loader without a number */
    if (l->version >= 0x201) {
        header[LOADFLAGS] |= CAN_USE_HEAP;
        store_le16(header + HEAP_END_PTR, (uint16_t)(stack - 0x200));
    }
    if (l->version >= 0x202) {
        store_le32(header + CMD_LINE_PTR, l->cmdline_gpa);
    } else {
        store_le16(header + OLD_CMD_LINE_MAGIC, 0xA33F);
        store_le16(header + OLD_CMD_LINE_OFFSET, (uint16_t)(l->cmdline_gpa - l->setup_gpa));
    }
}

/* The seed as the only node of the kernel's list of setup data, behind a command line of any
 * length.
 */
static bool add_seed(struct kernel_load *k, struct span file, const struct linux_layout *l)
{
    uint8_t node[SETUP_DATA_HEAD + KERNEL_SEED_MAX] = {0};
    if (!k->seed.len || k->seed.len > KERNEL_SEED_MAX || l->version < 0x209 || !l->high ||
        file.len < SETUP_DATA + 8)
        return true;
    store_le32(node + 8, SETUP_RNG_SEED);
    store_le32(node + 12, (uint32_t)k->seed.len);
    memcpy(node + SETUP_DATA_HEAD, k->seed.data, k->seed.len);
    store_le32(file.data + SETUP_DATA, SETUP_DATA_GPA);
    store_le32(file.data + SETUP_DATA + 4, 0);
    return kernel_add(k, SETUP_DATA_GPA, (struct span){node, SETUP_DATA_HEAD + k->seed.len}, 0);
}

bool kernel_load_linux(struct kernel_load *k, struct span file)
{
    size_t cmdline_len = strlen(k->cmdline) + 1;
    struct linux_layout l =
        layout_of(file, cmdline_len < CMDLINE_ROOM ? cmdline_len : CMDLINE_ROOM);
    if (!check_lengths(k, file, &l, cmdline_len))
        return false;
    size_t kernel_len = file.len - l.setup_len;
    uint32_t stack = (l.cmdline_gpa - l.setup_gpa - 16) & 0xFFF0;
    if (l.setup_len + 0x400 > stack)
        return kernel_fail(k, "%s: its setup code leaves no room for a stack", k->path);
    fill_header(k, file.data, &l, stack); /* in our copy of the file */
    if (k->initrd_path && !load_initrd(k, file.data, &l, l.kernel_gpa + kernel_len))
        return false;
    if (!add_seed(k, file, &l))
        return false;
    k->plan->value[LOADER_REG_KIND] = LOADER_LINUX16;
    k->plan->value[LOADER_REG_SEGMENT] = l.setup_gpa >> 4;
    k->plan->value[LOADER_REG_STACK] = stack;
    struct span cmdline = {(uint8_t *)(uintptr_t)k->cmdline, cmdline_len};
    return kernel_add(k, l.setup_gpa, span_slice(file, 0, l.setup_len), 0) &&
           kernel_add(k, l.cmdline_gpa, cmdline, 0) &&
           kernel_add_part(k, l.kernel_gpa, k->source, l.setup_len, kernel_len, 0);
}
