/* partition/stats.c: all counters as one JSON object, for --stats. Flat where it can be, so that a
 * script needs no library to find a number. */
#include <stdarg.h>
#include <stdio.h>

#include "partition/partition.h"
#include "translator/translator.h"

static void put(struct bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct bytes *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bytes_append(out, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static unsigned long long u(uint64_t v)
{
    return v;
}

static void put_vcpu(struct bytes *out, const struct vcpu *c)
{
    put(out, "\"instructions\": %llu,\n  \"interrupts\": %llu,\n  \"faults\": {", u(vcpu_insns(c)),
        u(c->interrupts));
    bool first = true;
    for (unsigned v = 0; v < ARRAY_LEN(c->faults); v++) {
        if (!c->faults[v])
            continue;
        put(out, "%s\"%u\": %llu", first ? "" : ", ", v, u(c->faults[v]));
        first = false;
    }
    struct tlb_walks n = c->tlb.walks[TLB_SUPERVISOR], user = c->tlb.walks[TLB_USER];
    n.walks += user.walks;
    n.fresh += user.fresh;
    n.faults += user.faults;
    put(out,
        "},\n  \"tlb_fills\": %llu,\n  \"tlb_flushes\": %llu,\n  \"tlb_page_flushes\": %llu,"
        "\n  \"tlb_data_walks\": %llu,\n  \"tlb_fresh_walks\": %llu,\n  \"tlb_grown\": %llu,\n  "
        "\"tlb_recalled\": %llu,\n  \"tlb_data_faults\": %llu",
        u(c->tlb.fills), u(c->tlb.flushes), u(c->tlb.page_flushes), u(n.walks), u(n.fresh),
        u(c->tlb.grown), u(c->tlb.recalled), u(n.faults));
}

/* The windows, the form of shadow map held in the host's MMU: docs/mmu.md explains the counters. */
static void put_windows(struct bytes *out, const struct vcpu *c)
{
    struct window_counters n = windows_counters(c->windows);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"faults", n.faults},
        {"refused", n.refused},
        {"singles", n.singles},
        {"maps", n.maps},
        {"protects", n.protects},
        {"unmaps", n.unmaps},
        {"pages_mapped", n.pages_mapped},
        {"pages_unmapped", n.pages_unmapped},
        {"flushes", n.flushes},
        {"page_flushes", n.page_flushes},
        {"syncs", n.syncs},
        {"entries_changed", n.entries_changed},
        {"downgrades", n.downgrades},
        {"traced_writes", n.traced_writes},
        {"enters", n.enters},
        {"binds", n.binds},
        {"evictions", n.evictions},
        {"drops", n.drops},
        {"exhausted", n.exhausted},
        {"mappings", n.mappings},
        {"mappings_limit", n.mappings_limit},
        {"windows", n.windows},
    };
    put(out, ",\n  \"windows\": {");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put(out, "%s\n    \"%s\": %llu", i ? "," : "", rows[i].name, u(rows[i].value));
    put(out, "\n  }");
}

/* The translator's work; helped: how often an instruction ran in its handler after all. */
static void put_translator(struct bytes *out, const struct translator *t)
{
    const struct translator_counters *n = &t->counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"units", n->units},
        {"units_dropped", n->units_dropped},
        {"flushes", n->flushes},
        {"entries", n->entries},
        {"units_moved", n->moved},
        {"units_lent", n->lent},
        {"links", n->linked},
        {"jumps_missed", n->missed},
        {"polls", n->polls},
        {"returns_full", n->returns_full},
        {"faults", n->faults},
        {"faults_refused", n->refused},
        {"soft_sites", n->soft_sites},
        {"fresh_sites", n->fresh_sites},
        {"interpreted_blocks", n->single},
        {"fpu_guards", n->fpu_guards},
        {"fpu_loads", n->fpu_loads},
        {"fpu_saves", n->fpu_saves},
        {"spaces_to_window", t->policy.to_window},
        {"spaces_to_soft", t->policy.to_soft},
        {"helped_all", n->helped},
    };
    put(out, ",\n  \"translator\": {");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put(out, "\n    \"%s\": %llu,", rows[i].name, u(rows[i].value));
    put(out, "\n    \"helped\": {");
    bool first = true;
    for (unsigned row = 0; row < OPCODE_ROWS; row++) {
        if (!t->helped_rows[row])
            continue;
        const struct opcode *o = opcode_row(row);
        put(out, "%s\n      \"%s %s%02x #%u\": %llu", first ? "" : ",", o->mnemonic,
            o->map == MAP_1B ? "" : "0f ", o->opcode, row, u(t->helped_rows[row]));
        first = false;
    }
    put(out, "}\n  }");
}

static void put_dma(struct bytes *out, const struct board *b)
{
    bool first = true;
    for (unsigned i = 0; i < b->device_count; i++) {
        struct dma_counters n = dma_domain_counters(b->device[i]->dma);
        if (!n.reads && !n.writes && !n.denials)
            continue;
        put(out,
            "%s\n    \"%s\": {\"reads\": %llu, \"bytes_read\": %llu, \"writes\": %llu, "
            "\"bytes_written\": %llu, \"denials\": %llu}",
            first ? "" : ",", b->device[i]->cls->name, u(n.reads), u(n.bytes_read), u(n.writes),
            u(n.bytes_written), u(n.denials));
        first = false;
    }
}

static void put_ranges(struct bytes *out, const struct decoded_range *range, unsigned count)
{
    bool first = true;
    for (unsigned i = 1; i < count; i++) {
        const struct decoded_range *r = &range[i];
        if (!r->reads && !r->writes)
            continue;
        put(out, "%s\n    \"%s %llx\": {\"reads\": %llu, \"writes\": %llu}", first ? "" : ",",
            r->bus->cls->name, u(r->base), u(r->reads), u(r->writes));
        first = false;
    }
}

void partition_stats(struct partition *p, struct bytes *out)
{
    const struct board *b = partition_board(p);
    put(out, "{\n  ");
    put_vcpu(out, partition_vcpu(p));
    if (partition_vcpu(p)->windows)
        put_windows(out, partition_vcpu(p));
    if (partition_vcpu(p)->translated.translator)
        put_translator(out, partition_vcpu(p)->translated.translator);
    put(out,
        ",\n  \"virtual_ns\": %llu,\n  \"resets\": %llu,\n  \"slept_ns\": %llu,"
        "\n  \"dropped_ns\": %llu",
        u(partition_now(p)), u(partition_resets(p)), u(partition_slept_ns(p)),
        u(partition_dropped_ns(p)));
    put(out, ",\n  \"port_reads\": %llu,\n  \"port_writes\": %llu", u(b->port_reads),
        u(b->port_writes));
    put(out, ",\n  \"dma\": {");
    put_dma(out, b);
    put(out, "},\n  \"ports\": {");
    put_ranges(out, b->ports, b->port_count);
    put(out, "},\n  \"mmio\": {");
    put_ranges(out, b->mmio, b->mmio_count);
    put(out, "}\n}");
}
