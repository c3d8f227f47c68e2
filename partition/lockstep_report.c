/* partition/lockstep_report.c: see lockstep_report.h. */
#include "partition/lockstep_report.h"

#include "cpu/flags.h"
#include "partition/registers.h"

static void print_flags(FILE *out, uint32_t flags)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{FLAG_OF, "OF"}, {FLAG_SF, "SF"}, {FLAG_ZF, "ZF"},
                 {FLAG_AF, "AF"}, {FLAG_PF, "PF"}, {FLAG_CF, "CF"}};
    for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
        if (flags & names[n].bit)
            fprintf(out, " %s", names[n].name);
    }
}

void report_list(const struct lockstep_host *host, const struct differences *d)
{
    FILE *out = host->report;
    if (!out)
        return;
    for (unsigned n = 0; n < d->count && n < DIFFERENCES_KEPT; n++)
        fprintf(out, "  %-34s reference %s, tested %s\n", d->item[n].what, d->item[n].reference,
                d->item[n].tested);
    if (d->count > DIFFERENCES_KEPT)
        fprintf(out, "  and %u more\n", d->count - DIFFERENCES_KEPT);
    if (d->flags) {
        fprintf(out, "  flags that differ:");
        print_flags(out, d->flags);
        fprintf(out, "\n");
    }
}

/* A register of both; those of no interest only when they differ. */
static void print_register(FILE *out, struct partition *const p[2], unsigned n)
{
    const struct debug_register *r = debug_register(n);
    uint8_t value[2][REGISTER_BYTES] = {{0}, {0}};
    for (unsigned side = 0; side < 2; side++)
        debug_register_read(partition_vcpu(p[side]), n, value[side]);
    bool differs = memcmp(value[0], value[1], sizeof value[0]) != 0;
    if (!differs && r->group != REGISTERS_CORE)
        return;
    char text[2][2 * REGISTER_BYTES + 1];
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned byte = 0; byte < r->bits / 8u; byte++)
            snprintf(text[side] + 2 * byte, 3, "%02x", value[side][r->bits / 8u - 1 - byte]);
    }
    fprintf(out, "  %-8s %-34s %s%s\n", r->name, text[0], text[1], differs ? "   <--" : "");
}

static void print_insn(const struct lockstep_host *host, const struct traced_insn *i)
{
    char text[128] = "(not in memory)";
    if (i->len && host->disassemble)
        host->disassemble(host->ctx, i, text, sizeof text);
    else if (i->len)
        text[0] = 0;
    char hex[31] = "";
    for (unsigned n = 0; n < i->len; n++)
        snprintf(hex + 2 * n, 3, "%02x", i->bytes[n]);
    fprintf(host->report, "  %10llu  %04x:%08x  %-24s %s%s%s\n", (unsigned long long)i->insns,
            i->cs, i->eip, hex, text, i->faulted ? "   (raised an exception)" : "",
            i->interrupted ? "   (interrupted; its handler's first ran)" : "");
}

void report_difference(const struct lockstep_host *host, struct partition *const p[2],
                       const struct trace *trace, const struct differences *d, const char *how)
{
    FILE *out = host->report;
    if (!out || !p[0] || !p[1])
        return;
    fprintf(out,
            "lockstep: the engines differ %s\n  at %llu ns of virtual time, %llu instructions\n",
            how, (unsigned long long)partition_now(p[0]),
            (unsigned long long)partition_vcpu(p[0])->insns);
    report_list(host, d);
    if (d->flags & trace->undefined) {
        fprintf(out, "  of these undefined:");
        print_flags(out, d->flags & trace->undefined);
        fprintf(out, "\n");
    }
    fprintf(out, "\n  %-8s %-34s %s\n", "", "reference", "tested");
    for (unsigned n = 0; debug_register(n); n++)
        print_register(out, p, n);
    fprintf(out, "\n  what ran last (instructions before it, address, code):\n");
    uint64_t from = trace->count > TRACE_KEPT ? trace->count - TRACE_KEPT : 0;
    for (uint64_t n = from; n < trace->count; n++)
        print_insn(host, &trace->insn[n % TRACE_KEPT]);
    if (host->explain && trace->count)
        host->explain(host->ctx, p[1], trace->insn[(trace->count - 1) % TRACE_KEPT].pc, out);
    fflush(out);
}
