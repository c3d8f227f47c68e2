#include "mmu/dma.h"

#include <stdlib.h>

#include "mmu/physmap.h"

#define MAX_GRANTS   64
#define DENIALS_KEPT 64
#define CHECKS_KEPT  64

struct grant {
    uint64_t base, end;
    unsigned directions;
};

struct dma_domain {
    const char *name;
    struct physmap *pm;
    struct log *log;
    struct dma_limits limits;
    struct dma_host host;
    enum dma_policy policy;
    bool restricted;
    struct grant grants[MAX_GRANTS];
    unsigned grant_count;
    uint64_t window_start, window_bytes; /* the current second, for bytes_per_second */
    struct dma_counters counters;
    struct dma_denial denials[DENIALS_KEPT]; /* ring; denial n stands at n % DENIALS_KEPT */
    uint64_t check_count;
    struct dma_check checks[CHECKS_KEPT]; /* the same */
};

static const char *const reason_names[] = {
    [DMA_REASON_NONE] = "none",
    [DMA_REASON_WRAP] = "wraps around the address space",
    [DMA_REASON_WIDTH] = "beyond the device's address width",
    [DMA_REASON_BOUNDARY] = "crosses the device's boundary",
    [DMA_REASON_LENGTH] = "too long",
    [DMA_REASON_NOT_RAM] = "not RAM",
    [DMA_REASON_DOMAIN] = "not in the device's domain",
    [DMA_REASON_RATE] = "above the device's rate",
};

const char *dma_reason_name(enum dma_reason reason)
{
    return reason_names[reason];
}

struct dma_domain *dma_domain_create(const char *name, struct physmap *pm, struct log *log,
                                     struct dma_limits limits, struct dma_host host)
{
    struct dma_domain *domain = calloc(1, sizeof *domain);
    if (!domain)
        return NULL;
    domain->name = name;
    domain->pm = pm;
    domain->log = log;
    domain->limits = limits;
    domain->host = host;
    return domain;
}

void dma_domain_destroy(struct dma_domain *domain)
{
    free(domain);
}

void dma_domain_policy(struct dma_domain *domain, enum dma_policy policy)
{
    domain->policy = policy;
}

void dma_domain_restrict(struct dma_domain *domain)
{
    domain->restricted = true;
}

bool dma_domain_grant(struct dma_domain *domain, uint64_t gpa, uint64_t len, unsigned directions)
{
    if ((gpa | len) & PAGE_MASK || gpa + len < gpa || domain->grant_count == MAX_GRANTS)
        return false;
    domain->restricted = true;
    domain->grants[domain->grant_count++] = (struct grant){gpa, gpa + len, directions};
    return true;
}

/* Is [gpa, end) RAM throughout? DMA does not pass the A20 gate: the gate sits at the CPU. */
static bool range_is_ram(struct physmap *pm, uint64_t gpa, uint64_t end)
{
    for (size_t i = 0; gpa < end; i++) {
        const struct region *r = physmap_region(pm, i);
        if (!r)
            return false;
        if (r->base + r->size <= gpa)
            continue;
        if (r->base > gpa || r->kind != REGION_RAM)
            return false;
        gpa = r->base + r->size;
    }
    return true;
}

/* Page by page: each page of [gpa, end) must lie in a grant for this direction. */
static bool range_is_granted(const struct dma_domain *domain, uint64_t gpa, uint64_t end,
                             enum dma_direction direction)
{
    while (gpa < end) {
        uint64_t next = gpa;
        for (unsigned i = 0; i < domain->grant_count; i++) {
            const struct grant *g = &domain->grants[i];
            if (g->directions & direction && g->base <= gpa && gpa < g->end && g->end > next)
                next = g->end;
        }
        if (next == gpa)
            return false;
        gpa = next;
    }
    return true;
}

static bool rate_allows(struct dma_domain *domain, uint64_t len)
{
    uint64_t now = domain->host.now ? domain->host.now(domain->host.ctx) : 0;
    if (now - domain->window_start >= UINT64_C(1000000000)) {
        domain->window_start = now;
        domain->window_bytes = 0;
    }
    if (len > domain->limits.bytes_per_second - domain->window_bytes)
        return false;
    domain->window_bytes += len;
    return true;
}

/* *hard is set when no policy may let the transfer pass. */
static enum dma_reason check(struct dma_domain *domain, uint64_t gpa, uint64_t len,
                             enum dma_direction direction, bool *hard)
{
    const struct dma_limits *lim = &domain->limits;
    *hard = true;
    if (gpa + len < gpa)
        return DMA_REASON_WRAP;
    if (!range_is_ram(domain->pm, gpa, gpa + len))
        return lim->address_bits && gpa + len > BIT(lim->address_bits) ? DMA_REASON_WIDTH
                                                                       : DMA_REASON_NOT_RAM;
    *hard = false;
    if (lim->address_bits && gpa + len > BIT(lim->address_bits))
        return DMA_REASON_WIDTH;
    if (lim->boundary && len && gpa / lim->boundary != (gpa + len - 1) / lim->boundary)
        return DMA_REASON_BOUNDARY;
    if (lim->max_transfer && len > lim->max_transfer)
        return DMA_REASON_LENGTH;
    if (domain->restricted && !range_is_granted(domain, gpa, gpa + len, direction))
        return DMA_REASON_DOMAIN;
    if (lim->bytes_per_second && !rate_allows(domain, len))
        return DMA_REASON_RATE;
    return DMA_REASON_NONE;
}

static void note_denial(struct dma_domain *domain, uint64_t gpa, uint64_t len,
                        enum dma_direction direction, enum dma_reason reason)
{
    struct dma_denial denial = {
        .time_ns = domain->host.now ? domain->host.now(domain->host.ctx) : 0,
        .device = domain->name,
        .gpa = gpa,
        .len = len,
        .direction = direction,
        .reason = reason,
    };
    domain->denials[domain->counters.denials++ % DENIALS_KEPT] = denial;
    log_once(domain->log, gpa >> PAGE_SHIFT ^ (uint64_t)reason << 56,
             "DMA denied at %llu ns: device %s, gpa %llx, %llu bytes, %s: %s",
             (unsigned long long)denial.time_ns, domain->name, (unsigned long long)gpa,
             (unsigned long long)len, direction == DMA_READ ? "read" : "write",
             dma_reason_name(reason));
    if (domain->host.denied)
        domain->host.denied(domain->host.ctx, &denial, domain->policy == DMA_POLICY_PAUSE);
}

static bool allowed(struct dma_domain *domain, uint64_t gpa, uint64_t len,
                    enum dma_direction direction)
{
    bool hard;
    enum dma_reason reason = check(domain, gpa, len, direction, &hard);
    bool done = reason == DMA_REASON_NONE || (domain->policy == DMA_POLICY_LOG && !hard);
    domain->checks[domain->check_count++ % CHECKS_KEPT] = (struct dma_check){
        .time_ns = domain->host.now ? domain->host.now(domain->host.ctx) : 0,
        .device = domain->name,
        .gpa = gpa,
        .len = len,
        .direction = direction,
        .reason = reason,
        .done = done,
    };
    if (reason != DMA_REASON_NONE)
        note_denial(domain, gpa, len, direction, reason);
    return done;
}

/* The region of machine memory behind gpa, found without the A20 gate. */
static const struct region *ram_at(struct physmap *pm, uint64_t gpa)
{
    for (size_t i = 0;; i++) {
        const struct region *r = physmap_region(pm, i);
        if (!r || gpa - r->base < r->size)
            return r;
    }
}

enum dma_status dma_read(struct dma_domain *from, uint64_t gpa, void *buf, size_t len)
{
    if (!allowed(from, gpa, len, DMA_READ))
        return DMA_DENIED;
    from->counters.reads++;
    from->counters.bytes_read += len;
    for (size_t done = 0; done < len;) {
        const struct region *r = ram_at(from->pm, gpa + done);
        uint64_t at = gpa + done - r->base;
        size_t run = r->size - at < len - done ? r->size - at : len - done;
        memcpy((uint8_t *)buf + done, physmap_host(from->pm, r->offset + at), run);
        done += run;
    }
    return DMA_OK;
}

enum dma_status dma_write(struct dma_domain *to, uint64_t gpa, const void *buf, size_t len)
{
    if (!allowed(to, gpa, len, DMA_WRITE))
        return DMA_DENIED;
    to->counters.writes++;
    to->counters.bytes_written += len;
    for (size_t done = 0; done < len;) {
        const struct region *r = ram_at(to->pm, gpa + done);
        uint64_t at = gpa + done - r->base;
        size_t run = r->size - at < len - done ? r->size - at : len - done;
        physmap_store(to->pm, r->offset + at, (const uint8_t *)buf + done, run);
        done += run;
    }
    return DMA_OK;
}

const char *dma_domain_name(const struct dma_domain *domain)
{
    return domain->name;
}

struct dma_counters dma_domain_counters(const struct dma_domain *domain)
{
    return domain->counters;
}

bool dma_domain_denial(const struct dma_domain *domain, unsigned index, struct dma_denial *out)
{
    if (index >= DENIALS_KEPT || index >= domain->counters.denials)
        return false;
    *out = domain->denials[(domain->counters.denials - 1 - index) % DENIALS_KEPT];
    return true;
}

bool dma_domain_check(const struct dma_domain *domain, unsigned index, struct dma_check *out)
{
    if (index >= CHECKS_KEPT || index >= domain->check_count)
        return false;
    *out = domain->checks[(domain->check_count - 1 - index) % CHECKS_KEPT];
    return true;
}

enum dma_policy dma_domain_policy_get(const struct dma_domain *domain)
{
    return domain->policy;
}

bool dma_domain_is_restricted(const struct dma_domain *domain)
{
    return domain->restricted;
}

struct dma_limits dma_domain_limits(const struct dma_domain *domain)
{
    return domain->limits;
}

bool dma_domain_grant_get(const struct dma_domain *domain, unsigned index, uint64_t *gpa,
                          uint64_t *len, unsigned *directions)
{
    if (index >= domain->grant_count)
        return false;
    const struct grant *g = &domain->grants[index];
    *gpa = g->base;
    *len = g->end - g->base;
    *directions = g->directions;
    return true;
}
