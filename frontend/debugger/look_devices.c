/* frontend/debugger/look_devices.c: devices by their field tables; DMA domains and denials. */
#include <stdio.h>

#include "frontend/debugger/look.h"
#include "partition/devices_view.h"

#define UNITS_SHOWN 64 /* of a long array */
#define ROW_BYTES   8

/* --- Devices ---------------------------------------------------------------------------------- */

static void take_value(void *ctx, const struct device_value *v)
{
    struct view_devices *out = ctx;
    unsigned count = v->count < UNITS_SHOWN ? v->count : UNITS_SHOWN;
    unsigned row_units = v->size && v->size < ROW_BYTES ? (unsigned)(ROW_BYTES / v->size) : 1;
    out->more |= count < v->count;
    for (unsigned n = 0; n < count; n += row_units) {
        if (out->field_count == VIEW_FIELDS || v->size > 8) {
            out->more = true;
            return;
        }
        struct view_field *row = &out->field[out->field_count++];
        *row = (struct view_field){.doc = v->doc,
                                   .index = v->count > row_units ? (int)n : -1,
                                   .size = (uint8_t)v->size,
                                   .is_bool = v->is_bool};
        snprintf(row->name, sizeof row->name, "%s", v->name);
        for (unsigned i = n; i < count && i < n + row_units; i++)
            row->value[row->count++] = device_value_get(v, i);
    }
}

static void count_accesses(const struct decoded_range *range, unsigned count, struct bus *bus,
                           uint64_t *reads, uint64_t *writes)
{
    for (unsigned i = 1; i < count; i++) {
        if (range[i].bus == bus) {
            *reads += range[i].reads;
            *writes += range[i].writes;
        }
    }
}

void look_at_devices(struct partition *p, unsigned shown, struct view_devices *out)
{
    const struct board *b = partition_board(p);
    out->count = out->field_count = out->pin_count = 0;
    out->more = false;
    out->shown = shown;
    for (unsigned i = 0; i < b->device_count && i < VIEW_DEVICES; i++) {
        struct bus *bus = b->device[i];
        struct view_device *d = &out->device[out->count++];
        *d = (struct view_device){.name = bus->cls->name, .title = bus->cls->title};
        count_accesses(b->ports, b->port_count, bus, &d->port_reads, &d->port_writes);
        count_accesses(b->mmio, b->mmio_count, bus, &d->mmio_reads, &d->mmio_writes);
    }
    if (shown >= out->count)
        return;
    const struct bus *bus = b->device[shown];
    device_values(bus, take_value, out);
    for (unsigned n = 0; n < bus->cls->output_count && n < ARRAY_LEN(out->pin); n++) {
        out->pin[n].name = bus->cls->outputs[n];
        out->pin[n].high = bus->output_levels >> n & 1;
        out->pin_count++;
    }
}

/* --- DMA -------------------------------------------------------------------------------------- */

static const char *policy_name(enum dma_policy policy)
{
    static const char *const names[] = {
        [DMA_POLICY_BLOCK] = "block", [DMA_POLICY_LOG] = "log", [DMA_POLICY_PAUSE] = "pause"};
    return (size_t)policy < ARRAY_LEN(names) ? names[policy] : "?";
}

void look_at_dma(struct partition *p, bool only_denied, struct view_dma *out)
{
    const struct board *b = partition_board(p);
    struct dma_check check[VIEW_CHECKS];
    out->domain_count = 0;
    for (unsigned i = 0; i < b->device_count && i < VIEW_DEVICES; i++) {
        const struct dma_domain *domain = b->device[i]->dma;
        struct dma_counters n = dma_domain_counters(domain);
        out->domain[out->domain_count++] =
            (struct view_domain){.name = dma_domain_name(domain),
                                 .policy = policy_name(dma_domain_policy_get(domain)),
                                 .restricted = dma_domain_is_restricted(domain),
                                 .reads = n.reads,
                                 .writes = n.writes,
                                 .bytes_read = n.bytes_read,
                                 .bytes_written = n.bytes_written,
                                 .denials = n.denials};
    }
    out->check_count = (unsigned)dma_recent(b, only_denied, check, VIEW_CHECKS);
    for (unsigned n = 0; n < out->check_count; n++)
        out->check[n] = (struct view_check){.time_ns = check[n].time_ns,
                                            .gpa = check[n].gpa,
                                            .len = check[n].len,
                                            .device = check[n].device,
                                            .reason = dma_reason_name(check[n].reason),
                                            .denied = check[n].reason != DMA_REASON_NONE,
                                            .done = check[n].done,
                                            .write = check[n].direction == DMA_WRITE};
}
