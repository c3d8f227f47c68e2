/* mmu/window_state.h: what the files of the windows share (window.h is the interface).
 *
 *   window.c       life, which window serves which address space, the budget of mappings, counters
 *   window_map.c   the host mappings: system calls, leaves, their count, the reverse map
 *   window_fill.c  faults: what is mapped, and how much around it
 *   window_sync.c  flushes: comparing copies with the guest's tables
 *   window_trace.c the policy that follows every write to them
 *
 * A window's 2^20 pages are kept in leaves of 512 (2 MiB: one page table of PAE, half a one of
 * 32-bit paging), which exist while one of their pages is mapped. A leaf has, for each page, the
 * mapping, and for guests that page a copy of the page-table entry that it was made from:
 *
 *      map[n]    |31      machine page     4| - - W M|     0: not mapped
 *
 * Two neighbours lie in one host mapping when the second's value is the first's plus MAP_NEXT;
 * so the host mappings of a window are counted by its pages alone. */
#ifndef UMBRA_MMU_WINDOW_STATE_H
#define UMBRA_MMU_WINDOW_STATE_H

#include "mmu/pte.h"
#include "mmu/window.h"

#define LEAF_PAGES   512u
#define LEAF_COUNT   2048u
#define WINDOW_PAGES (LEAF_COUNT * LEAF_PAGES)
#define LINE_BYTES   64u

#define MAP_MAPPED  1u
#define MAP_WRITE   2u
#define MAP_NEXT    16u
#define MAP_PAGE(m) ((uint64_t)((m) >> 4))

/* Windows at most. The supervisor's are few at first: a kernel's half is the same under every root,
 * so a window that is taken over by another root keeps it, and each page of code that becomes known
 * must be write-protected in each of them. There may be more when being taken over costs them much
 * (programs that run in ring 0 as a whole). */
#define MAX_USER_WINDOWS       64u
#define MIN_SUPERVISOR_WINDOWS 4u
#define MAX_SUPERVISOR_WINDOWS 32u
#define FLAT_WINDOWS           2u /* paging off: A20 on, off */
#define MAX_WINDOWS            (MAX_USER_WINDOWS + MAX_SUPERVISOR_WINDOWS + FLAT_WINDOWS)

enum leaf_kind {
    LEAF_FLAT,  /* paging off, or a large page: no page table */
    LEAF_TABLE, /* entries of a page table, copied */
};

struct leaf {
    enum leaf_kind kind;
    uint16_t mapped, writable; /* pages */
    uint32_t run; /* the run of machine pages that it is in the reverse map for, and 1; 0: none */
    uint32_t lowest, highest; /* machine pages that were ever in map[]: bounds */
    uint64_t pde;             /* copy of the directory entry; 0 with paging off */
    const uint8_t *table;     /* LEAF_TABLE: the guest's entries of this leaf, in host memory */
    uint64_t lines;           /* LEAF_TABLE: bit per 64 bytes of table: entries of mapped pages */
    uint32_t map[LEAF_PAGES];
    _Alignas(8) uint8_t copy[]; /* LEAF_TABLE: LEAF_PAGES entries of 4 or 8 bytes */
};

/* After so many pages of a leaf that INVLPG found changed, what a supervisor maps there does not
 * last: each page shown costs a signal and two system calls for a few accesses (Linux's kmap of
 * memory above 896 MB). */
#define LEAF_CHURN 512

struct window {
    uint8_t *base;
    unsigned id;      /* index in windows.window */
    bool bound;       /* mode and view mean something */
    uint64_t binding; /* how many windows had been bound then */
    enum tlb_view view;
    struct walk_mode mode;
    uint64_t epoch;      /* of the last sync */
    uint64_t stamp;      /* of the last use */
    uint64_t boundaries; /* between host mappings: their number less 1 */
    struct leaf *leaf[LEAF_COUNT];
    uint64_t leaf_used[LEAF_COUNT / 64]; /* bit per leaf that exists */
};

/* The reverse map: where machine pages are mapped for writing, page vpage of window id. Links are
 * numbers, 0 for none. A node may have outlived its mapping: who follows it looks.
 *
 * A leaf of a large page that maps a run of 512 machine pages in order has one node for all, in a
 * map of its own: kernels have all memory mapped so, under every root. */
struct rmap_node {
    uint32_t next;
    uint32_t where; /* id << 20 | vpage */
};

struct rmap {
    uint32_t *head; /* by machine page, or run of them */
    uint32_t heads;
    struct rmap_node *node;
    uint32_t used, room, free; /* node[1..used) were given out; free: list */
    uint32_t count;            /* in chains */
};

struct windows {
    struct physmap *pm;
    struct log *log;
    struct physmap_listener *listener;
    bool (*watched)(const void *ctx, uint32_t gva);
    const void *watched_ctx;
    struct window *ready[TLB_VIEWS]; /* up to date for the mode last entered; or NULL */
    struct window *current;
    struct windows_ready outside; /* the bases of both */
    uint64_t epoch;               /* flushes by the guest */
    uint64_t clock;               /* for stamps */
    bool a20;                     /* the gate's state when last told */
    uint64_t mappings, limit;
    uint64_t bindings;
    unsigned supervisors; /* windows that there may be for that view, as found out so far */
    uint64_t writable;    /* pages mapped for writing, in all windows */
    uint64_t runs_live;   /* leaves that have run set */
    struct window *window[MAX_WINDOWS];
    struct rmap rmap, runs; /* of single pages; of runs */
    struct tracer *tracer;  /* NULL: the lazy policy */
    void (*stale)(void *ctx, uint32_t gva);
    void *stale_ctx;
    struct window_counters counters;
    uint16_t
        churn[LEAF_COUNT]; /* such pages by leaf, in the supervisor's windows, up to LEAF_CHURN */
};

/* --- window_map.c -------------------------------------------------------------------------- */

/* Reserves a window's range; NULL when the host has no room. */
uint8_t *window_reserve(void);
void window_release(uint8_t *base);

/* The value in map[] of a page, 0 beyond the ends. */
static inline uint32_t window_entry(const struct window *win, uint32_t page)
{
    const struct leaf *leaf = page < WINDOW_PAGES ? win->leaf[page / LEAF_PAGES] : NULL;
    return leaf ? leaf->map[page % LEAF_PAGES] : 0;
}

/* The leaf, made when missing; entry_size 0, 4 or 8: of its copies. NULL when out of memory. */
struct leaf *window_leaf(struct window *win, unsigned index, unsigned entry_size);

/* Brings the pages of a leaf to what want says, where want is not 0; want has LEAF_PAGES values as
 * in map[]. False when the host refused (what was done before stays). */
must_use bool window_apply(struct windows *w, struct window *win, unsigned index,
                           const uint32_t *want);

/* Unmaps pages [first, first + count) of one leaf, which goes when it was the last. */
void window_unmap(struct windows *w, struct window *win, uint32_t first, uint32_t count);
void window_unmap_leaf(struct windows *w, struct window *win, unsigned index);

/* Unmaps all. */
void window_empty(struct windows *w, struct window *win);

/* physmap_listener: machine pages may no longer be written without a note. */
void window_pages_changed(void *ctx, uint64_t offset, uint64_t len);

/* physmap_listener: machine pages go from their places. */
void window_pages_moved(void *ctx, uint64_t offset, uint64_t len);

/* heads: machine pages, or runs of them. */
bool rmap_init(struct rmap *r, uint64_t heads);
void rmap_free(struct rmap *r);
/* Room for count more nodes: false when out of memory. */
must_use bool rmap_room(struct rmap *r, uint32_t count);
void rmap_insert(struct rmap *r, uint32_t page, uint32_t where);

/* --- window.c -------------------------------------------------------------------------------- */

/* Empties another window, least recently used first. False when there is none to empty. */
bool window_evict_other(struct windows *w, const struct window *keep);

/* The window belongs to no address space any more; what it maps is looked at when it gets one. */
void window_unbind(struct window *win);

/* --- window_sync.c --------------------------------------------------------------------------- */

/* The directory entry of leaf index under mode: where it lies in host memory, NULL when in none. */
const uint8_t *window_directory(struct windows *w, const struct walk_mode *mode, unsigned index);
/* The host address of the page of memory at gpa (gate applied), NULL when there is none. */
const uint8_t *window_table(struct windows *w, uint64_t gpa);

static inline uint64_t window_load_entry(const uint8_t *at, bool pae)
{
    return pae ? load_le64(at) : load_le32(at);
}

/* Unmaps what no longer stands so in the tables of win->mode. */
void window_sync(struct windows *w, struct window *win);
void window_sync_page(struct windows *w, struct window *win, uint32_t gva);
/* One entry of a leaf's table; false: it no longer held, and is unmapped (or was not mapped). */
bool window_sync_entry(struct windows *w, struct window *win, uint32_t page);
/* The leaf's directory entry; false: it no longer held, and the leaf is gone. */
bool window_sync_directory(struct windows *w, struct window *win, unsigned index);

/* --- window_trace.c -------------------------------------------------------------------------- */

/* From now on the leaf's table, and the window's directories, are followed, if that is on. */
void window_trace_leaf(struct windows *w, const struct window *win, unsigned index);
void window_trace_directory(struct windows *w, const struct window *win);
void window_table_written(void *ctx, uint64_t offset, uint64_t len);
void window_trace_stop(struct windows *w);
/* After a flush: when not all tables could be followed, starts anew. */
void window_trace_renew(struct windows *w);

#endif
