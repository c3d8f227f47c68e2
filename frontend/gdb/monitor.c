#include "frontend/gdb/monitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "frontend/gdb/packet.h"
#include "partition/registers.h"

#define XP_MOST 4096 /* bytes shown at once */

struct command {
    const char *name, *args, *help;
    enum monitor_result (*run)(struct partition *p, const char *args, struct bytes *out);
};

static enum monitor_result run_help(struct partition *p, const char *args, struct bytes *out);

static uint32_t word(struct vcpu *c, const char *name)
{
    uint8_t value[REGISTER_BYTES];
    debug_register_read(c, (unsigned)debug_register_find(name), value);
    return load_le32(value);
}

static void put_segment(struct bytes *out, const char *name, const struct segment *s)
{
    gdb_put_text(out, "%-4s %04x  base %08x  limit %08x  attributes %04x\n", name, s->selector,
                 (unsigned)s->base, s->limit, s->attr);
}

static enum monitor_result run_registers(struct partition *p, const char *args, struct bytes *out)
{
    static const char *const names[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "ebp",
                                        "esp", "cr0", "cr2", "cr3", "cr4", "dr6", "dr7"};
    static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    struct vcpu *c = partition_vcpu(p);
    (void)args;
    for (size_t n = 0; n < ARRAY_LEN(names); n++)
        gdb_put_text(out, "%s %08x%s", names[n], word(c, names[n]), n % 4 == 3 ? "\n" : "  ");
    gdb_put_text(out, "\ncs:eip %04x:%08x (linear %08x)  eflags %08x  cpl %u  %s%s\n",
                 c->seg[SEG_CS].selector, (unsigned)c->eip, debug_pc(c), word(c, "eflags"), c->cpl,
                 vcpu_is_real(c)  ? "real mode"
                 : vcpu_is_v86(c) ? "virtual-8086 mode"
                 : c->code32      ? "32-bit protected mode"
                                  : "16-bit protected mode",
                 c->halted ? ", halted" : "");
    for (unsigned n = 0; n < SEG_COUNT; n++)
        put_segment(out, segments[n], &c->seg[n]);
    put_segment(out, "ldtr", &c->ldtr);
    put_segment(out, "tr", &c->tr);
    gdb_put_text(out, "gdt  base %08x  limit %04x\nidt  base %08x  limit %04x\n",
                 (unsigned)c->gdtr.base, c->gdtr.limit, (unsigned)c->idtr.base, c->idtr.limit);
    return MONITOR_DONE;
}

/* "/16" before the address: how many bytes. */
static enum monitor_result run_xp(struct partition *p, const char *args, struct bytes *out)
{
    uint8_t data[16];
    uint64_t count = 64;
    char *end;
    if (*args == '/') {
        count = strtoull(args + 1, &end, 0);
        args = end + strspn(end, " xb");
    }
    uint64_t gpa = strtoull(args, &end, 16);
    if (end == args || *end || !count || count > XP_MOST) {
        gdb_put_text(out, "xp [/BYTES] ADDRESS: up to %d bytes, the address in hex\n", XP_MOST);
        return MONITOR_DONE;
    }
    for (uint64_t at = 0; at < count; at += sizeof data) {
        size_t len = count - at < sizeof data ? (size_t)(count - at) : sizeof data;
        physmap_peek(partition_physmap(p), gpa + at, data, len);
        gdb_put_text(out, "%09llx ", (unsigned long long)(gpa + at));
        for (size_t n = 0; n < len; n++)
            gdb_put_text(out, " %02x", data[n]);
        gdb_put_text(out, "\n");
    }
    return MONITOR_DONE;
}

static enum monitor_result run_reset(struct partition *p, const char *args, struct bytes *out)
{
    (void)args;
    partition_reset(p);
    gdb_put_text(out, "the machine is reset; 'maintenance flush register-cache' shows it\n");
    return MONITOR_DONE;
}

static enum monitor_result run_quit(struct partition *p, const char *args, struct bytes *out)
{
    (void)p;
    (void)args;
    (void)out;
    return MONITOR_QUIT;
}

/* A name that begins another's comes behind it. */
static const struct command commands[] = {
    {"help", "", "this list", run_help},
    {"info registers", "", "all registers, with the hidden parts of segments", run_registers},
    {"xp", "[/BYTES] ADDRESS", "physical memory; no device notices", run_xp},
    {"reset", "", "reset the machine, as its button does", run_reset},
    {"quit", "", "end the emulator", run_quit},
};

static enum monitor_result run_help(struct partition *p, const char *args, struct bytes *out)
{
    (void)p;
    (void)args;
    for (size_t n = 0; n < ARRAY_LEN(commands); n++) {
        char left[48];
        snprintf(left, sizeof left, "%s %s", commands[n].name, commands[n].args);
        gdb_put_text(out, "%-24s %s\n", left, commands[n].help);
    }
    return MONITOR_DONE;
}

enum monitor_result monitor_run(struct partition *p, const char *line, struct bytes *out)
{
    line += strspn(line, " \t");
    for (size_t n = 0; n < ARRAY_LEN(commands); n++) {
        size_t len = strlen(commands[n].name);
        if (strncmp(line, commands[n].name, len) == 0 && (line[len] == ' ' || !line[len]))
            return commands[n].run(p, line + len + strspn(line + len, " "), out);
    }
    gdb_put_text(out, "there is no command '%.100s'; 'monitor help' lists them\n", line);
    return MONITOR_DONE;
}
