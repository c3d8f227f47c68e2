/* partition/address.h: one address through all levels: segment, page tables, guest physical
 * address, machine memory or device, and what the shadow maps hold of it. Nothing is changed by
 * looking: no device notices, no accessed bit is set. The partition's thread only. */
#ifndef UMBRA_PARTITION_ADDRESS_H
#define UMBRA_PARTITION_ADDRESS_H

#include "mmu/explain.h"
#include "partition/partition.h"

struct address_view {
    /* The segment; when the address was given as one with a segment. */
    bool segmented;
    bool segment_known; /* the selector names a segment */
    uint16_t selector;
    uint32_t offset, base, limit; /* limit: last valid offset */
    bool within_limit;            /* expand-down segments considered */
    /* The linear address and its walk. */
    uint32_t gva;
    struct walk_story walk;
    /* When it is mapped: where gpa lies. */
    bool a20;              /* the gate is open */
    uint64_t gpa;          /* after the gate */
    enum region_kind kind; /* of the region */
    uint64_t region_base, region_size;
    uint64_t machine;   /* offset in machine memory, or NO_BACKING */
    uint8_t page_state; /* enum page_state set, when there is machine memory */
    const char *device; /* MMIO and video RAM: whose; else NULL */
    /* Soft TLB: what it holds of the page, by view and kind. */
    bool tlb[TLB_VIEWS][TLB_KINDS];
    bool windows; /* the vCPU has windows */
    bool window_mapped, window_writable;
    bool watched; /* a watchpoint keeps the page out of the shadow maps */
};

void address_explain(struct partition *p, uint32_t gva, struct address_view *out);
/* By segment register (its hidden part, as an instruction would). */
void address_explain_register(struct partition *p, enum seg_reg seg, uint32_t offset,
                              struct address_view *out);
/* By selector and offset, as the tables stand now. */
void address_explain_selector(struct partition *p, uint16_t selector, uint32_t offset,
                              struct address_view *out);

/* Several lines. */
void address_text(const struct address_view *a, struct bytes *out);
/* The walk alone, a line for each level, indented by indent. */
void walk_text(const struct walk_story *s, unsigned indent, struct bytes *out);

const char *region_kind_name(enum region_kind kind);

/* A run of linear addresses that are mapped alike. */
struct mapped_range {
    uint32_t first, last; /* gva, inclusive */
    uint64_t gpa;         /* of first; pages follow each other there */
    bool user, user_writable, writable, executable, global, large;
};
/* The first mapped range at or above gva; false when there is none. Large address spaces are walked
 * entry by entry, so go on from last + 1 rather than page by page. */
bool mapped_next(struct partition *p, uint64_t gva, struct mapped_range *out);

#endif
