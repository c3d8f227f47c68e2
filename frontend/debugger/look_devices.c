/* frontend/debugger/look_devices.c: devices by their field tables; DMA domains and denials. */
#include <stdlib.h>

#include "frontend/debugger/look.h"

#define UNITS_SHOWN   64 /* of a long array */
#define STRUCTS_SHOWN 32
#define ROW_UNITS     8
#define DEPTH_MOST    4

/* --- Devices ---------------------------------------------------------------------------------- */

static struct view_field *new_row(struct view_devices *out, const struct field *f, unsigned depth)
{
    if (out->field_count == VIEW_FIELDS) {
        out->more = true;
        return NULL;
    }
    struct view_field *row = &out->field[out->field_count++];
    *row = (struct view_field){.name = f->name,
                               .doc = f->doc,
                               .index = -1,
                               .depth = (uint8_t)depth,
                               .size = (uint8_t)(f->sub ? 0 : f->size),
                               .is_bool = f->is_bool,
                               .is_struct = f->sub != NULL};
    return row;
}

static uint64_t unit(const uint8_t *at, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, at, size < sizeof v ? size : sizeof v);
    return v;
}

static void take_units(const struct field *f, const uint8_t *at, unsigned depth,
                       struct view_devices *out)
{
    unsigned count = f->count < UNITS_SHOWN ? f->count : UNITS_SHOWN;
    out->more |= count < f->count;
    for (unsigned n = 0; n < count; n += ROW_UNITS) {
        struct view_field *row = new_row(out, f, depth);
        if (!row)
            return;
        row->index = f->count > ROW_UNITS ? (int)n : -1;
        for (unsigned i = n; i < count && i < n + ROW_UNITS; i++)
            row->value[row->count++] = unit(at + (size_t)i * f->size, f->size);
    }
}

static void take_fields(const struct field *table, const uint8_t *object, unsigned depth,
                        struct view_devices *out)
{
    for (const struct field *f = table; f->name; f++) {
        const uint8_t *at = object + f->offset;
        if (!f->sub) {
            take_units(f, at, depth, out);
            continue;
        }
        unsigned count = f->count < STRUCTS_SHOWN ? f->count : STRUCTS_SHOWN;
        out->more |= count < f->count;
        for (unsigned n = 0; n < count; n++) {
            struct view_field *row = new_row(out, f, depth);
            if (!row || depth >= DEPTH_MOST)
                return;
            row->index = f->count > 1 ? (int)n : -1;
            take_fields(f->sub, at + (size_t)n * f->size, depth + 1, out);
        }
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
    if (bus->cls->fields)
        take_fields(bus->cls->fields, bus->state, 0, out);
    for (unsigned n = 0; n < bus->cls->output_count && n < ARRAY_LEN(out->pin); n++) {
        out->pin[n].name = bus->cls->outputs[n];
        out->pin[n].high = bus->output_levels >> n & 1;
        out->pin_count++;
    }
}

/* --- DMA -------------------------------------------------------------------------------------- */

static int newer(const void *a, const void *b)
{
    const struct view_denial *x = a, *y = b;
    return x->time_ns < y->time_ns ? 1 : x->time_ns > y->time_ns ? -1 : 0;
}

static void take_denials(const struct dma_domain *domain, struct view_dma *out)
{
    struct dma_denial denial;
    for (unsigned n = 0; out->denial_count < VIEW_DENIALS && dma_domain_denial(domain, n, &denial);
         n++)
        out->denial[out->denial_count++] =
            (struct view_denial){.time_ns = denial.time_ns,
                                 .gpa = denial.gpa,
                                 .len = denial.len,
                                 .device = denial.device,
                                 .reason = dma_reason_name(denial.reason),
                                 .write = denial.direction == DMA_WRITE};
}

void look_at_dma(struct partition *p, struct view_dma *out)
{
    const struct board *b = partition_board(p);
    out->domain_count = out->denial_count = 0;
    for (unsigned i = 0; i < b->device_count && i < VIEW_DEVICES; i++) {
        const struct dma_domain *domain = b->device[i]->dma;
        struct dma_counters n = dma_domain_counters(domain);
        out->domain[out->domain_count++] = (struct view_domain){.name = dma_domain_name(domain),
                                                                .reads = n.reads,
                                                                .writes = n.writes,
                                                                .bytes_read = n.bytes_read,
                                                                .bytes_written = n.bytes_written,
                                                                .denials = n.denials};
        take_denials(domain, out);
    }
    qsort(out->denial, out->denial_count, sizeof out->denial[0], newer);
}
