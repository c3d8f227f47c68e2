/* mmu/explain.h: the page walk as a story, for debuggers: each entry that is read, where it lies,
 * and where and why the walk ends. It agrees with walk (mmu/walk.h) and has no side effects: no A
 * and D bits, no device is read. */
#ifndef UMBRA_MMU_EXPLAIN_H
#define UMBRA_MMU_EXPLAIN_H

#include "mmu/pte.h"

#define EXPLAIN_LEVELS 3
#define IN_REGISTER    UINT64_MAX

struct walk_level {
    const char *name;  /* "PDPTE", "PDE", "PTE" */
    uint32_t index;    /* in its table */
    unsigned size;     /* bytes of an entry: 4, 8 */
    uint64_t gpa;      /* of the entry; IN_REGISTER for a PDPTE, which the CPU holds */
    uint64_t value;    /* PTE_ bits */
    uint64_t reserved; /* bits that must be zero and are not */
    uint64_t frame;    /* gpa that it points to: the next table or the page */
    bool leaf;         /* it maps the page */
};

enum walk_verdict {
    WALK_MAPPED,
    WALK_NOT_PRESENT,  /* level[levels - 1] */
    WALK_BAD_RESERVED, /* the same: reserved bits are set */
};

struct walk_story {
    bool paging; /* else gpa is gva, and there are no levels */
    uint64_t root;
    unsigned levels;
    struct walk_level level[EXPLAIN_LEVELS];
    enum walk_verdict verdict;
    /* When it is mapped. */
    uint64_t gpa;
    uint64_t page_size; /* 4 KiB, 2 MiB, 4 MiB */
    bool user;          /* CPL 3 may read it */
    bool user_writable; /* and write it */
    bool writable;      /* the supervisor may write it, CR0.WP considered */
    bool executable, global, accessed, dirty;
};

void walk_explain(struct physmap *pm, const struct walk_mode *mode, uint32_t gva,
                  struct walk_story *out);

#endif
