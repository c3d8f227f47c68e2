/* mmu/dma.h: the only way from a device to guest memory.
 *
 * A device names a guest physical address and a length; the checker decides. A denied
 * transfer moves nothing, is counted and logged, and returns DMA_DENIED: the device
 * reports a bus error to its guest. RAM only: ROM, video memory, MMIO and holes are denied in every
 * domain, so a device can never be re-entered through its own DMA. A transfer is checked whole
 * before its first byte moves. A write to a page with translated code drops its blocks.
 *
 * A domain belongs to one device and is owned by the partition. */
#ifndef UMBRA_MMU_DMA_H
#define UMBRA_MMU_DMA_H

#include "base/bits.h"
#include "base/log.h"

enum dma_status { DMA_OK, DMA_DENIED };
enum dma_direction { DMA_READ = 1, DMA_WRITE = 2 }; /* seen from the device */

enum dma_policy {
    DMA_POLICY_BLOCK, /* what fails is not done (default) */
    DMA_POLICY_LOG,   /* what fails only the domain's own rules is logged and done */
    DMA_POLICY_PAUSE, /* as BLOCK, and the partition stops */
};

enum dma_reason {
    DMA_REASON_NONE,
    DMA_REASON_WRAP,     /* address + length runs over the end of the address space */
    DMA_REASON_WIDTH,    /* beyond the device's address width */
    DMA_REASON_BOUNDARY, /* crosses a boundary that the device cannot cross */
    DMA_REASON_LENGTH,   /* longer than the device may have in flight */
    DMA_REASON_NOT_RAM,  /* ROM, video memory, MMIO or a hole */
    DMA_REASON_DOMAIN,   /* not in the device's domain, or not in that direction */
    DMA_REASON_RATE,     /* above the bytes per second allowed */
};
const char *dma_reason_name(enum dma_reason reason);

struct dma_limits {
    unsigned address_bits;     /* 8237: 24; 0: no limit of the device's own */
    uint64_t boundary;         /* 8237: 64 KiB or 128 KiB; a power of two, 0: none */
    uint64_t max_transfer;     /* bytes in one call, 0: none */
    uint64_t bytes_per_second; /* of virtual time, 0: none */
};

/* One denial, as the log keeps it. */
struct dma_denial {
    uint64_t time_ns; /* virtual */
    const char *device;
    uint64_t gpa, len;
    enum dma_direction direction;
    enum dma_reason reason;
};

/* One check, passed (DMA_REASON_NONE) or not, as the log keeps it. */
struct dma_check {
    uint64_t time_ns; /* virtual */
    const char *device;
    uint64_t gpa, len;
    enum dma_direction direction;
    enum dma_reason reason;
    bool done; /* it was moved: passed, or refused by a rule that only logs */
};

struct dma_counters {
    uint64_t reads, writes, bytes_read, bytes_written, denials;
};

struct physmap;
struct dma_domain;

/* What the checker asks of the partition. */
struct dma_host {
    void *ctx;
    uint64_t (*now)(void *ctx);                                       /* virtual time, ns */
    void (*denied)(void *ctx, const struct dma_denial *, bool pause); /* may be NULL */
};

/* A domain that reaches all RAM. name is kept by reference. NULL when out of memory. */
struct dma_domain *dma_domain_create(const char *name, struct physmap *pm, struct log *log,
                                     struct dma_limits limits, struct dma_host host);
void dma_domain_destroy(struct dma_domain *domain);

void dma_domain_policy(struct dma_domain *domain, enum dma_policy policy);

/* From now on only granted ranges are reached. */
void dma_domain_restrict(struct dma_domain *domain);

/* Grants (revokes) whole pages of [gpa, gpa + len) for a set of directions, and restricts the
 * domain. False when the domain's table is full (64 ranges) or the range is not whole pages. */
bool dma_domain_grant(struct dma_domain *domain, uint64_t gpa, uint64_t len, unsigned directions);

/* Copies len bytes from guest memory at gpa into buf. */
must_use enum dma_status dma_read(struct dma_domain *from, uint64_t gpa, void *buf, size_t len);
/* Copies len bytes from buf to guest memory at gpa. */
must_use enum dma_status dma_write(struct dma_domain *to, uint64_t gpa, const void *buf,
                                   size_t len);

const char *dma_domain_name(const struct dma_domain *domain);
struct dma_counters dma_domain_counters(const struct dma_domain *domain);

/* The latest denials, newest first; false beyond the oldest kept (the last 64). */
bool dma_domain_denial(const struct dma_domain *domain, unsigned index, struct dma_denial *out);

/* The latest checks, passed ones too, newest first; false beyond the oldest kept (the last 64). */
bool dma_domain_check(const struct dma_domain *domain, unsigned index, struct dma_check *out);

/* What was set: for those who show it. The index-th grant; false beyond the last. */
enum dma_policy dma_domain_policy_get(const struct dma_domain *domain);
bool dma_domain_is_restricted(const struct dma_domain *domain);
struct dma_limits dma_domain_limits(const struct dma_domain *domain);
bool dma_domain_grant_get(const struct dma_domain *domain, unsigned index, uint64_t *gpa,
                          uint64_t *len, unsigned *directions);

#endif
