/* SMBIOS 2.4: what this machine is, and no more than is true. Source: DSP0134 2.4. */
#include "post.h"

struct entry_point {
    char anchor[4];
    u8 checksum, length, major, minor;
    u16 largest;
    u8 revision, formatted[5];
    char dmi[5];
    u8 dmi_checksum;
    u16 table_length;
    u32 table;
    u16 count;
    u8 bcd;
} packed;
_Static_assert(sizeof(struct entry_point) == 31, "SMBIOS 2.x entry point");

/* One structure: the formatted part, then strings, each with its 0, and one more 0. strings holds
 * them separated by '\n'. */
static void add(struct entry_point *e, struct tables *t, const void *fixed, const char *strings)
{
    u8 length = ((const u8 *)fixed)[1];
    u8 *start = table_bytes(t, length);
    memcpy(start, fixed, length);
    start[2] = (u8)e->count; /* the handle: its number */
    if (!*strings)
        table_bytes(t, 1);
    for (; *strings; strings++)
        *(u8 *)table_bytes(t, 1) = *strings == '\n' ? 0 : (u8)*strings;
    if (table_end(t) - (u32)start > length + 1u)
        table_bytes(t, 1);
    table_bytes(t, 1);
    u32 size = table_end(t) - (u32)start;
    if (size > e->largest)
        e->largest = (u16)size;
    e->count++;
}

static void add_memory(struct entry_point *e, struct tables *t, const struct machine *m)
{
    u64 total = 0;
    for (u32 i = 0; i < m->map_count; i++)
        if (m->map[i].type != E820_RESERVED && m->map[i].base >= 0x100000)
            total += m->map[i].length;
    u32 kb = (u32)(total >> 10) + 1024, mb = kb >> 10;
    u16 array_handle = e->count;
    /* 16: array on the board, system memory, no error correction, one device */
    struct {
        u8 type, length;
        u16 handle;
        u8 location, use, correction;
        u32 capacity_kb;
        u16 error, devices;
    } packed array = {16, sizeof array, 0, 3, 3, 3, kb, 0xFFFE, 1};
    add(e, t, &array, "");
    /* 17: widths unknown, size in MiB, form factor and type unknown */
    struct {
        u8 type, length;
        u16 handle, array, error, total_width, data_width, size_mb;
        u8 form, set, locator, bank, kind;
        u16 detail;
    } packed device = {17,     sizeof device,
                       0,      array_handle,
                       0xFFFE, 0xFFFF,
                       0xFFFF, (u16)(mb > 0x7FFE ? 0x7FFE : mb),
                       2,      0,
                       1,      0,
                       2,      4};
    add(e, t, &device, "RAM");
    struct {
        u8 type, length;
        u16 handle;
        u32 start_kb, end_kb;
        u16 array;
        u8 width;
    } packed mapped = {19, sizeof mapped, 0, 0, kb - 1, array_handle, 1};
    add(e, t, &mapped, "");
}

void smbios_build(const struct machine *m, struct tables *t)
{
    struct entry_point *e = table_space(t, sizeof *e);
    t->next = (t->next + 15) & ~15u;
    u32 start = table_end(t);

    /* 0: PCI, shadowed, boots from CD, selectable boot, EDD; ACPI */
    struct {
        u8 type, length;
        u16 handle;
        u8 vendor, version;
        u16 segment;
        u8 date, rom_size;
        u64 features;
        u8 extended[2], major, minor, ec[2];
    } packed bios = {0,          sizeof bios,  0, 1, 2,           0xE000, 3, 1,
                     0x00099080, {0x01, 0x04}, 0, 1, {0xFF, 0xFF}};
    add(e, t, &bios, "Umbra\n" UMBRA_VERSION "\n11/22/2026");
    struct {
        u8 type, length;
        u16 handle;
        u8 maker, product, version, serial, uuid[16], wake, sku, family;
    } packed system = {1, sizeof system, 0, 1, 2, 3, 0, {0}, 6, 0, 0};
    add(e, t, &system, "Umbra\nUmbra PC (i440FX + PIIX3)\n" UMBRA_VERSION);
    struct {
        u8 type, length;
        u16 handle;
        u8 maker, kind, version, serial, tag, boot, power, thermal, security;
    } packed chassis = {3, sizeof chassis, 0, 1, 1, 0, 0, 0, 3, 3, 3, 2};
    add(e, t, &chassis, "Umbra");
    struct {
        u8 type, length;
        u16 handle;
        u8 socket, kind, family, maker;
        u32 id[2];
        u8 version, voltage;
        u16 external, maximum, current;
        u8 status, upgrade;
        u16 caches[3];
    } packed cpu = {4, sizeof cpu, 0, 1, 3, 2,    2, {m->cpu_signature, m->cpu_features},
                    0, 0,          0, 0, 0, 0x41, 2, {0xFFFF, 0xFFFF, 0xFFFF}};
    char names[32] = "CPU 0\n";
    memcpy(names + 6, m->cpu_name[0] ? m->cpu_name : "unknown", m->cpu_name[0] ? 12 : 8);
    add(e, t, &cpu, names);
    add_memory(e, t, m);
    static const u8 boot[] = {32, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    add(e, t, boot, "");
    static const u8 end[] = {127, 4, 0, 0};
    add(e, t, end, "");

    sign(e->anchor, "\xA0SM_", 4);
    e->length = sizeof *e;
    e->major = 2;
    e->minor = 4;
    sign(e->dmi,
         "\xA0"
         "DMI_",
         5);
    e->table_length = (u16)(table_end(t) - start);
    e->table = start;
    e->bcd = 0x24;
    e->dmi_checksum = checksum(e->dmi, 15);
    e->checksum = checksum(e, sizeof *e);
}
