/* partition/devices_view.c: see devices_view.h. */
#include "partition/devices_view.h"

#include <stdio.h>

#include "partition/text.h"

#define SHOWN       16 /* elements of an array */
#define NAME_PREFIX 48

const struct bus *device_at_index(const struct board *b, unsigned n)
{
    return n < b->device_count ? b->device[n] : NULL;
}

/* --- Registers -------------------------------------------------------------------------------- */

typedef void value_fn(void *ctx, const struct device_value *v);

/* Tables nest one or two levels deep; what is deeper than the prefix has room is cut. */
static void walk_fields(const struct field *table, const uint8_t *object, const char *prefix,
                        value_fn *fn, void *ctx)
{
    for (const struct field *f = table; f && f->name; f++) {
        const uint8_t *unit = object + f->offset;
        if (!f->sub) {
            struct device_value v = {.doc = f->doc,
                                     .size = f->size,
                                     .count = f->count,
                                     .data = unit,
                                     .is_bool = f->is_bool};
            snprintf(v.name, sizeof v.name, "%s%.*s", prefix, 60, f->name);
            fn(ctx, &v);
            continue;
        }
        for (uint32_t n = 0; n < f->count; n++) {
            char inner[NAME_PREFIX];
            if (f->count > 1)
                snprintf(inner, sizeof inner, "%s%s[%u].", prefix, f->name, n);
            else
                snprintf(inner, sizeof inner, "%s%s.", prefix, f->name);
            walk_fields(f->sub, unit + (size_t)n * f->size, inner, fn, ctx);
        }
    }
}

void device_values(const struct bus *device, value_fn *fn, void *ctx)
{
    walk_fields(device->cls->fields, device->state, "", fn, ctx);
}

uint64_t device_value_get(const struct device_value *v, uint32_t n)
{
    const uint8_t *at = (const uint8_t *)v->data + (size_t)n * v->size;
    switch (v->size) {
    case 1:
        return *at;
    case 2:
        return load_le16(at);
    case 4:
        return load_le32(at);
    case 8:
        return load_le64(at);
    default:
        return 0;
    }
}

static bool is_number(const struct device_value *v)
{
    return v->size == 1 || v->size == 2 || v->size == 4 || v->size == 8;
}

void device_value_text(const struct device_value *v, struct bytes *out)
{
    struct device_value as_bytes = *v;
    if (!is_number(v)) {
        as_bytes.size = 1;
        as_bytes.count = v->size * v->count;
        v = &as_bytes;
    }
    for (uint32_t n = 0; n < v->count && n < SHOWN; n++) {
        unsigned long long x = device_value_get(v, n);
        if (v->is_bool)
            text_put(out, "%s%s", n ? " " : "", x ? "yes" : "no");
        else
            text_put(out, "%s%0*llX", n ? " " : "", (int)v->size * 2, x);
    }
    if (v->count > SHOWN)
        text_put(out, " ... %u more", v->count - SHOWN);
}

static void put_value(void *ctx, const struct device_value *v)
{
    struct bytes *out = ctx;
    size_t before = out->len;
    text_put(out, "%-24s ", v->name);
    device_value_text(v, out);
    size_t width = out->len - before;
    text_put(out, "%*s%s\n", width < 48 ? (int)(48 - width) : 2, "", v->doc ? v->doc : "");
}

/* --- Where it sits ---------------------------------------------------------------------------- */

static void put_ports(const struct bus *device, const struct board *b, struct bytes *out)
{
    const char *before = "";
    for (unsigned n = 1; n < b->port_count; n++) {
        const struct decoded_range *r = &b->ports[n];
        if (r->bus != device || !r->enabled)
            continue;
        text_put(out, "%s%04llX", before, (unsigned long long)r->base);
        if (r->size > 1)
            text_put(out, "-%04llX", (unsigned long long)(r->base + r->size - 1));
        before = " ";
    }
}

static void put_windows(const struct bus *device, const struct board *b, struct bytes *out)
{
    for (unsigned n = 1; n < b->mmio_count; n++) {
        const struct decoded_range *r = &b->mmio[n];
        if (r->bus != device || !r->enabled)
            continue;
        text_put(out, "memory   %08llX-%08llX%s\n", (unsigned long long)r->base,
                 (unsigned long long)(r->base + r->size - 1), r->mapped ? "" : " (hidden)");
    }
    if (device->vram_shown)
        text_put(out, "video RAM %08llX-%08llX\n", (unsigned long long)device->vram_base,
                 (unsigned long long)(device->vram_base + device->vram_size - 1));
}

void device_text(const struct bus *device, const struct board *b, struct bytes *out)
{
    text_put(out, "%s: %s\nports    ", device->cls->name, device->cls->title);
    put_ports(device, b, out);
    text_put(out, "\n");
    put_windows(device, b, out);
    for (unsigned n = 0; n < device->cls->output_count; n++)
        text_put(out, "%s%s %s", n ? ", " : "pins     ", device->cls->outputs[n],
                 device->output_levels >> n & 1 ? "high" : "low");
    text_put(out, "%s", device->cls->output_count ? "\n" : "");
    device_values(device, put_value, out);
}

void devices_text(const struct board *b, struct bytes *out)
{
    for (unsigned n = 0; n < b->device_count; n++) {
        const struct bus *device = b->device[n];
        text_put(out, "%-10s %-40s ", device->cls->name, device->cls->title);
        put_ports(device, b, out);
        text_put(out, "\n");
    }
}

/* --- DMA -------------------------------------------------------------------------------------- */

/* The newest of all domains, skipping what was taken; each domain's log is in order. */
size_t dma_recent(const struct board *b, bool only_denied, struct dma_check *out, size_t most)
{
    unsigned taken[BOARD_MAX_DEVICES] = {0};
    size_t count = 0;
    while (count < most) {
        struct dma_check best = {0};
        int from = -1;
        for (unsigned n = 0; n < b->device_count; n++) {
            struct dma_check c;
            while (dma_domain_check(b->device[n]->dma, taken[n], &c) && only_denied &&
                   c.reason == DMA_REASON_NONE)
                taken[n]++;
            if (dma_domain_check(b->device[n]->dma, taken[n], &c) &&
                (from < 0 || c.time_ns > best.time_ns)) {
                best = c;
                from = (int)n;
            }
        }
        if (from < 0)
            break;
        taken[from]++;
        out[count++] = best;
    }
    return count;
}

void dma_check_text(const struct dma_check *c, struct bytes *out)
{
    text_put(out, "%12.6f s  %-8s %-5s gpa %08llX len %-6llu %s%s", (double)c->time_ns / 1e9,
             c->device, c->direction == DMA_READ ? "read" : "write", (unsigned long long)c->gpa,
             (unsigned long long)c->len, c->reason == DMA_REASON_NONE ? "ok" : "denied: ",
             c->reason == DMA_REASON_NONE ? "" : dma_reason_name(c->reason));
    if (c->done && c->reason != DMA_REASON_NONE)
        text_put(out, " (logged only, done)");
}

static void put_grants(const struct dma_domain *d, struct bytes *out)
{
    uint64_t gpa, len;
    unsigned directions;
    for (unsigned n = 0; dma_domain_grant_get(d, n, &gpa, &len, &directions); n++)
        text_put(out, "           %08llX-%08llX %s%s\n", (unsigned long long)gpa,
                 (unsigned long long)(gpa + len - 1), directions & DMA_READ ? "r" : "",
                 directions & DMA_WRITE ? "w" : "");
}

void dma_domains_text(const struct board *b, struct bytes *out)
{
    static const char *const policies[] = {
        [DMA_POLICY_BLOCK] = "block", [DMA_POLICY_LOG] = "log", [DMA_POLICY_PAUSE] = "pause"};
    for (unsigned n = 0; n < b->device_count; n++) {
        const struct dma_domain *d = b->device[n]->dma;
        struct dma_counters c = dma_domain_counters(d);
        struct dma_limits limits = dma_domain_limits(d);
        if (!c.reads && !c.writes && !c.denials && !dma_domain_is_restricted(d))
            continue;
        text_put(out, "%-10s %s, policy %s", dma_domain_name(d),
                 dma_domain_is_restricted(d) ? "granted ranges only" : "all RAM",
                 policies[dma_domain_policy_get(d)]);
        if (limits.address_bits)
            text_put(out, ", %u address bits", limits.address_bits);
        text_put(out, ": %llu reads (%llu bytes), %llu writes (%llu bytes), %llu denied\n",
                 (unsigned long long)c.reads, (unsigned long long)c.bytes_read,
                 (unsigned long long)c.writes, (unsigned long long)c.bytes_written,
                 (unsigned long long)c.denials);
        put_grants(d, out);
    }
}
