#include "frontend/gdb/target.h"

#include "frontend/gdb/packet.h"

struct flag {
    const char *name;
    unsigned first, last;
};

static const struct flag eflags[] = {
    {"CF", 0, 0},     {"", 1, 1},      {"PF", 2, 2},   {"AF", 4, 4},   {"ZF", 6, 6},
    {"SF", 7, 7},     {"TF", 8, 8},    {"IF", 9, 9},   {"DF", 10, 10}, {"OF", 11, 11},
    {"IOPL", 12, 13}, {"NT", 14, 14},  {"RF", 16, 16}, {"VM", 17, 17}, {"AC", 18, 18},
    {"VIF", 19, 19},  {"VIP", 20, 20}, {"ID", 21, 21},
};
static const struct flag cr0[] = {
    {"PE", 0, 0},   {"MP", 1, 1},   {"EM", 2, 2},   {"TS", 3, 3},   {"ET", 4, 4},   {"NE", 5, 5},
    {"WP", 16, 16}, {"AM", 18, 18}, {"NW", 29, 29}, {"CD", 30, 30}, {"PG", 31, 31},
};
static const struct flag cr4[] = {
    {"VME", 0, 0}, {"PVI", 1, 1},    {"TSD", 2, 2},          {"DE", 3, 3},
    {"PSE", 4, 4}, {"PAE", 5, 5},    {"MCE", 6, 6},          {"PGE", 7, 7},
    {"PCE", 8, 8}, {"OSFXSR", 9, 9}, {"OSXMMEXCPT", 10, 10},
};
static const struct flag mxcsr[] = {
    {"IE", 0, 0},   {"DE", 1, 1},   {"ZE", 2, 2},   {"OE", 3, 3},   {"UE", 4, 4},
    {"PE", 5, 5},   {"DAZ", 6, 6},  {"IM", 7, 7},   {"DM", 8, 8},   {"ZM", 9, 9},
    {"OM", 10, 10}, {"UM", 11, 11}, {"PM", 12, 12}, {"RC", 13, 14}, {"FZ", 15, 15},
};

static void put_flags(struct bytes *out, const char *id, const struct flag *flag, size_t count)
{
    gdb_put_text(out, "<flags id=\"%s\" size=\"4\">\n", id);
    for (size_t n = 0; n < count; n++)
        gdb_put_text(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n", flag[n].name,
                     flag[n].first, flag[n].last);
    gdb_put_text(out, "</flags>\n");
}

static void put_vectors(struct bytes *out)
{
    static const struct {
        const char *name, *type;
        unsigned count;
    } view[] = {{"v4f", "ieee_single", 4}, {"v2d", "ieee_double", 2}, {"v16i8", "int8", 16},
                {"v8i16", "int16", 8},     {"v4i32", "int32", 4},     {"v2i64", "int64", 2}};
    static const char *const field[] = {"v4_float", "v2_double", "v16_int8",
                                        "v8_int16", "v4_int32",  "v2_int64"};
    for (size_t n = 0; n < ARRAY_LEN(view); n++)
        gdb_put_text(out, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>\n", view[n].name,
                     view[n].type, view[n].count);
    gdb_put_text(out, "<union id=\"vec128\">\n");
    for (size_t n = 0; n < ARRAY_LEN(view); n++)
        gdb_put_text(out, "<field name=\"%s\" type=\"%s\"/>\n", field[n], view[n].name);
    gdb_put_text(out, "<field name=\"uint128\" type=\"uint128\"/>\n</union>\n");
}

static void put_types(struct bytes *out, enum register_group group)
{
    if (group == REGISTERS_CORE) {
        put_flags(out, "i386_eflags", eflags, ARRAY_LEN(eflags));
    } else if (group == REGISTERS_SSE) {
        put_vectors(out);
        put_flags(out, "i386_mxcsr", mxcsr, ARRAY_LEN(mxcsr));
    } else {
        put_flags(out, "umbra_cr0", cr0, ARRAY_LEN(cr0));
        put_flags(out, "umbra_cr4", cr4, ARRAY_LEN(cr4));
    }
}

void gdb_target_xml(struct bytes *out, bool code16)
{
    static const char *const feature[] = {"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse",
                                          "org.umbra.i386.system"};
    int group = -1;
    gdb_put_text(out,
                 "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                 "<target version=\"1.0\">\n<architecture>%s</architecture>\n<osabi>none</osabi>\n",
                 code16 ? "i8086" : "i386");
    const struct debug_register *r;
    for (unsigned n = 0; (r = debug_register(n)); n++) {
        if ((int)r->group != group) {
            gdb_put_text(out, "%s<feature name=\"%s\">\n", group < 0 ? "" : "</feature>\n",
                         feature[r->group]);
            put_types(out, r->group);
            group = (int)r->group;
        }
        gdb_put_text(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"%s/>\n",
                     r->name, r->gdb_bits, r->type, n,
                     r->group == REGISTERS_SYSTEM ? " group=\"system\"" : "");
    }
    gdb_put_text(out, "</feature>\n</target>\n");
}

void gdb_memory_map_xml(struct bytes *out)
{
    gdb_put_text(out, "<?xml version=\"1.0\"?>\n"
                      "<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\""
                      " \"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n"
                      "<memory-map><memory type=\"ram\" start=\"0x0\" length=\"0x100000000\"/>"
                      "</memory-map>\n");
}
