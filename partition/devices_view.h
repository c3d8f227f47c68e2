/* partition/devices_view.h: the board's devices as names and values, made from their field tables
 * (base/fields.h), live: no device is called, so nothing changes by looking. And what their DMA
 * domains did. The partition's thread only. */
#ifndef UMBRA_PARTITION_DEVICES_VIEW_H
#define UMBRA_PARTITION_DEVICES_VIEW_H

#include "partition/board.h"

/* The n-th device, NULL beyond the last. */
const struct bus *device_at_index(const struct board *b, unsigned n);

struct device_value {
    char name[64];    /* "channel[1].count" */
    const char *doc;  /* one phrase */
    unsigned size;    /* bytes of a unit: 1, 2, 4, 8; others are shown as bytes */
    uint32_t count;   /* units: more than 1 for an array */
    const void *data; /* the device's own, valid until the guest runs */
    bool is_bool;
};

/* Calls fn for each register of the device, in its table's order. */
void device_values(const struct bus *device, void (*fn)(void *ctx, const struct device_value *v),
                   void *ctx);

/* Element n of a value as a number; n below count, size 1, 2, 4 or 8. */
uint64_t device_value_get(const struct device_value *v, uint32_t n);
/* Value as text: one number, or up to 16 of an array and how many more there are. */
void device_value_text(const struct device_value *v, struct bytes *out);

/* All of it, a line for each register; then its ports, memory windows and pins. */
void device_text(const struct bus *device, const struct board *b, struct bytes *out);

/* A line for each device: name, title, ports. */
void devices_text(const struct board *b, struct bytes *out);

/* The latest checks of all domains, newest first; only_denied: nothing else. Returns how many were
 * filled into out, at most most. */
size_t dma_recent(const struct board *b, bool only_denied, struct dma_check *out, size_t most);
/* "  1.000123 s  ide write gpa 00100000 len 512  denied: not RAM", one line, no line end. */
void dma_check_text(const struct dma_check *c, struct bytes *out);
/* A line for each domain: counters and grants. */
void dma_domains_text(const struct board *b, struct bytes *out);

#endif
