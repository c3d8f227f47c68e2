/* mmu/window_map.c: the host mappings of windows: every system call, and the books kept of them.
 *
 * Invariant: leaf->map[] says exactly what the host has mapped (a call that fails changes neither),
 * windows.mappings counts all boundaries, and each page mapped for writing has a node in the
 * reverse map. */
#include "mmu/window_state.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RMAP_FIRST 4096u

/* Runs of pages that the guest has accessed before, up to this long, are given to the host's page
 * table at once: 0.3 us a page where its own fault costs 1 us. Others might never be touched, and
 * would cost memory. */
#define POPULATE_MAX 160u

/* --- The reserve ---------------------------------------------------------------------------- */

uint8_t *window_reserve(void)
{
    const uint64_t need = WINDOW_SIZE + 2 * WINDOW_GUARD, room = need + WINDOW_SIZE;
    uint8_t *at = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    uint64_t base = align_up((uint64_t)(uintptr_t)at + WINDOW_GUARD, WINDOW_SIZE);
    uint64_t before = base - WINDOW_GUARD - (uintptr_t)at;
    if (before)
        munmap(at, before);
    munmap(at + before + need, room - need - before);
    return at + before + WINDOW_GUARD;
}

void window_release(uint8_t *base)
{
    munmap(base - WINDOW_GUARD, WINDOW_SIZE + 2 * WINDOW_GUARD);
}

/* --- The reverse map ------------------------------------------------------------------------ */

bool rmap_init(struct rmap *r, uint64_t heads)
{
    *r = (struct rmap){.heads = (uint32_t)heads, .used = 1, .room = RMAP_FIRST};
    r->head = calloc(heads, sizeof r->head[0]);
    r->node = calloc(RMAP_FIRST, sizeof r->node[0]);
    return r->head && r->node;
}

void rmap_free(struct rmap *r)
{
    free(r->head);
    free(r->node);
}

bool rmap_room(struct rmap *r, uint32_t count)
{
    if (r->used + count <= r->room)
        return true;
    uint32_t room = 2 * r->room + count;
    struct rmap_node *node = realloc(r->node, room * sizeof *node);
    if (!node)
        return false;
    r->node = node;
    r->room = room;
    return true;
}

void rmap_insert(struct rmap *r, uint32_t machine, uint32_t where)
{
    uint32_t n = r->free ? r->free : r->used++;
    if (r->free)
        r->free = r->node[n].next;
    r->node[n] = (struct rmap_node){r->head[machine], where};
    r->head[machine] = n;
    r->count++;
}

static void rmap_clear(struct rmap *r)
{
    memset(r->head, 0, r->heads * sizeof r->head[0]);
    r->used = 1;
    r->free = r->count = 0;
}

/* Page vpage of win is now mapped for writing. */
static void note_writable(struct windows *w, struct window *win, uint32_t vpage)
{
    struct leaf *leaf = win->leaf[vpage / LEAF_PAGES];
    uint32_t machine = leaf->map[vpage % LEAF_PAGES] >> 4, run = machine / LEAF_PAGES + 1;
    bool in_order = leaf->kind == LEAF_FLAT && machine % LEAF_PAGES == vpage % LEAF_PAGES;
    if (!in_order || (leaf->run && leaf->run != run)) {
        rmap_insert(&w->rmap, machine, win->id << 20 | vpage);
    } else if (!leaf->run) {
        leaf->run = run;
        w->runs_live++;
        rmap_insert(&w->runs, run - 1, win->id << 20 | (vpage & ~(LEAF_PAGES - 1)));
    }
}

/* Makes all chains anew from what the windows map: without the nodes that outlived a mapping. */
static void rmap_rebuild(struct windows *w)
{
    rmap_clear(&w->rmap);
    rmap_clear(&w->runs);
    w->runs_live = 0;
    for (unsigned id = 0; id < MAX_WINDOWS; id++) {
        for (unsigned n = 0; w->window[id] && n < LEAF_COUNT; n++) {
            struct leaf *leaf = w->window[id]->leaf[n];
            if (leaf)
                leaf->run = 0;
            for (unsigned p = 0; leaf && leaf->writable && p < LEAF_PAGES; p++) {
                if (leaf->map[p] & MAP_WRITE)
                    note_writable(w, w->window[id], n * LEAF_PAGES + p);
            }
        }
    }
}

/* Room for a leaf's nodes. Memory stays within a small multiple of the pages mapped. */
static bool rmap_reserve(struct windows *w)
{
    if (w->rmap.count > 2 * w->writable + RMAP_FIRST ||
        w->runs.count > 2 * w->runs_live + RMAP_FIRST)
        rmap_rebuild(w);
    return rmap_room(&w->rmap, LEAF_PAGES) && rmap_room(&w->runs, 1);
}

/* --- Pages and their mappings ---------------------------------------------------------------- */

/* Boundaries between host mappings at and within pages [from, to) of win. */
static uint64_t boundaries(const struct window *win, uint32_t from, uint32_t to)
{
    uint64_t n = 0;
    uint32_t last = from ? window_entry(win, from - 1) : 0;
    for (uint32_t page = from; page <= to; page++) {
        uint32_t here = window_entry(win, page);
        n += here != (last ? last + MAP_NEXT : 0);
        last = here;
    }
    return n;
}

static void count_boundaries(struct windows *w, struct window *win, uint64_t before, uint64_t after)
{
    win->boundaries += after - before;
    w->mappings += after - before;
}

struct leaf *window_leaf(struct window *win, unsigned index, unsigned entry_size)
{
    if (!win->leaf[index]) {
        win->leaf[index] = calloc(1, sizeof(struct leaf) + LEAF_PAGES * entry_size);
        if (win->leaf[index]) {
            win->leaf_used[index / 64] |= BIT(index % 64);
            win->leaf[index]->lowest = UINT32_MAX;
        }
    }
    return win->leaf[index];
}

static void leaf_free(struct windows *w, struct window *win, unsigned index)
{
    w->runs_live -= win->leaf[index]->run != 0;
    free(win->leaf[index]);
    win->leaf[index] = NULL;
    win->leaf_used[index / 64] &= ~BIT(index % 64);
}

/* Writes value (and those that follow it in its run) into the books. */
static void note_pages(struct windows *w, struct window *win, uint32_t page, uint32_t count,
                       uint32_t value)
{
    struct leaf *leaf = win->leaf[page / LEAF_PAGES];
    if (value) {
        uint32_t low = value >> 4, high = low + count - 1;
        leaf->lowest = low < leaf->lowest ? low : leaf->lowest;
        leaf->highest = high > leaf->highest ? high : leaf->highest;
    }
    for (uint32_t n = 0; n < count; n++) {
        uint32_t *at = &leaf->map[(page + n) % LEAF_PAGES];
        uint32_t now = value ? value + n * MAP_NEXT : 0;
        leaf->mapped += !!now - !!*at;
        leaf->writable += !!(now & MAP_WRITE) - !!(*at & MAP_WRITE);
        w->writable += (uint64_t) !!(now & MAP_WRITE) - !!(*at & MAP_WRITE);
        bool opened = (now & MAP_WRITE) && now != *at;
        *at = now;
        if (opened)
            note_writable(w, win, page + n);
    }
}

/* One call to the host for a run: pages [page, page + count) become value and what follows it. */
static bool host_map(struct windows *w, struct window *win, uint32_t page, uint32_t count,
                     uint32_t value)
{
    uint8_t *at = win->base + ((uint64_t)page << PAGE_SHIFT);
    size_t len = (size_t)count << PAGE_SHIFT;
    int prot = PROT_READ | (value & MAP_WRITE ? PROT_WRITE : 0), flags = MAP_SHARED | MAP_FIXED;
    if (count <= POPULATE_MAX && win->leaf[page / LEAF_PAGES]->kind == LEAF_TABLE)
        flags |= MAP_POPULATE;
    bool same = true;
    for (uint32_t n = 0; n < count && same; n++)
        same = (window_entry(win, page + n) | MAP_WRITE) == ((value + n * MAP_NEXT) | MAP_WRITE);
    do {
        if (same) {
            w->counters.protects++;
            if (!mprotect(at, len, prot))
                return true;
        } else {
            w->counters.maps++;
            if (mmap(at, len, prot, flags, physmap_fd(w->pm),
                     (off_t)(MAP_PAGE(value) << PAGE_SHIFT)) != MAP_FAILED)
                return true;
        }
        w->counters.exhausted++;
    } while (window_evict_other(w, win));
    return false;
}

bool window_apply(struct windows *w, struct window *win, unsigned index, const uint32_t *want)
{
    const struct leaf *leaf = win->leaf[index];
    const uint32_t first = index * LEAF_PAGES;
    if (!rmap_reserve(w))
        return false;
    for (uint32_t from = 0, to; from < LEAF_PAGES; from = to) {
        to = from + 1;
        if (!want[from] || want[from] == leaf->map[from])
            continue;
        while (to < LEAF_PAGES && want[to] == want[to - 1] + MAP_NEXT && want[to] != leaf->map[to])
            to++;
        uint64_t before = boundaries(win, first + from, first + to);
        if (!host_map(w, win, first + from, to - from, want[from]))
            return false;
        note_pages(w, win, first + from, to - from, want[from]);
        count_boundaries(w, win, before, boundaries(win, first + from, first + to));
        w->counters.pages_mapped += to - from;
    }
    return true;
}

/* Makes [page, page + count) inaccessible again. It may split a mapping, so it can fail for want of
 * them; then the window is emptied as a whole. */
static bool host_unmap(struct windows *w, struct window *win, uint32_t page, uint64_t count)
{
    w->counters.unmaps++;
    return mmap(win->base + ((uint64_t)page << PAGE_SHIFT), count << PAGE_SHIFT, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void window_unmap(struct windows *w, struct window *win, uint32_t first, uint32_t count)
{
    unsigned index = first / LEAF_PAGES;
    struct leaf *leaf = win->leaf[index];
    uint64_t before = boundaries(win, first, first + count);
    if (!host_unmap(w, win, first, count)) {
        window_empty(w, win);
        return;
    }
    w->counters.pages_unmapped += leaf->mapped;
    note_pages(w, win, first, count, 0);
    w->counters.pages_unmapped -= leaf->mapped;
    count_boundaries(w, win, before, boundaries(win, first, first + count));
    if (!leaf->mapped)
        leaf_free(w, win, index);
}

void window_unmap_leaf(struct windows *w, struct window *win, unsigned index)
{
    const struct leaf *leaf = win->leaf[index];
    uint32_t from = 0, to = LEAF_PAGES;
    while (from < to && !leaf->map[from])
        from++;
    while (to > from && !leaf->map[to - 1])
        to--;
    if (from < to)
        window_unmap(w, win, index * LEAF_PAGES + from, to - from);
    else
        leaf_free(w, win, index);
}

void window_empty(struct windows *w, struct window *win)
{
    bool any = false;
    for (unsigned word = 0; word < ARRAY_LEN(win->leaf_used); word++) {
        while (win->leaf_used[word]) {
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(win->leaf_used[word]);
            w->writable -= win->leaf[index]->writable;
            w->counters.pages_unmapped += win->leaf[index]->mapped;
            leaf_free(w, win, index);
            any = true;
        }
    }
    if (!any)
        return;
    /* Near vm.max_map_count the kernel refuses even a mapping that would make them fewer. */
    if (!host_unmap(w, win, 0, WINDOW_PAGES)) {
        int status = mprotect(win->base, WINDOW_SIZE, PROT_NONE);
        assert(status == 0);
        (void)status;
    }
    w->mappings -= win->boundaries;
    win->boundaries = 0;
}

/* --- Protection ----------------------------------------------------------------------------- */

/* Makes the pages around vpage that map [from, to) of machine memory for writing read-only: as many
 * neighbours as lie in the range, with one call. */
static void downgrade(struct windows *w, struct window *win, uint32_t vpage, uint32_t from,
                      uint32_t to)
{
    struct leaf *leaf = win->leaf[vpage / LEAF_PAGES];
    if (!leaf)
        return;
    const uint32_t *map = leaf->map;
    uint32_t at = vpage % LEAF_PAGES, end = at + 1;
    if (!(map[at] & MAP_WRITE) || map[at] >> 4 < from || map[at] >> 4 >= to)
        return; /* the node outlived its mapping */
    while (at && map[at - 1] + MAP_NEXT == map[at] && map[at - 1] >> 4 >= from)
        at--;
    while (end < LEAF_PAGES && map[end] == map[end - 1] + MAP_NEXT && map[end] >> 4 < to)
        end++;
    uint32_t page = vpage - vpage % LEAF_PAGES + at, count = end - at;
    uint64_t before = boundaries(win, page, page + count);
    w->counters.protects++;
    if (mprotect(win->base + ((uint64_t)page << PAGE_SHIFT), (size_t)count << PAGE_SHIFT,
                 PROT_READ)) {
        w->counters.exhausted++;
        window_empty(w, win); /* no room to split a mapping: this cannot fail */
        return;
    }
    note_pages(w, win, page, count, map[at] & ~MAP_WRITE);
    count_boundaries(w, win, before, boundaries(win, page, page + count));
    w->counters.downgrades += count;
}

void window_pages_changed(void *ctx, uint64_t offset, uint64_t len)
{
    struct windows *w = ctx;
    struct rmap *r = &w->rmap;
    uint32_t from = (uint32_t)(offset >> PAGE_SHIFT);
    uint32_t to = (uint32_t)((offset + len - 1) >> PAGE_SHIFT) + 1;
    for (uint32_t machine = from; machine < to; machine++) {
        while (r->head[machine]) {
            uint32_t n = r->head[machine], where = r->node[n].where;
            r->head[machine] = r->node[n].next;
            r->node[n].next = r->free;
            r->free = n;
            r->count--;
            if (w->window[where >> 20])
                downgrade(w, w->window[where >> 20], where & (WINDOW_PAGES - 1), from, to);
        }
        for (uint32_t n = w->runs.head[machine / LEAF_PAGES]; n; n = w->runs.node[n].next) {
            uint32_t where = w->runs.node[n].where | machine % LEAF_PAGES;
            if (w->window[where >> 20])
                downgrade(w, w->window[where >> 20], where & (WINDOW_PAGES - 1), from, to);
        }
    }
}

/* Unmaps the pages of a leaf that are among machine pages [from, to). */
static void unmap_machine(struct windows *w, struct window *win, unsigned index, uint32_t from,
                          uint32_t to)
{
    const struct leaf *leaf = win->leaf[index];
    for (uint32_t n = 0; n < LEAF_PAGES && win->leaf[index] == leaf; n++) {
        uint32_t end = n;
        while (end < LEAF_PAGES && leaf->map[end] && leaf->map[end] >> 4 >= from &&
               leaf->map[end] >> 4 < to)
            end++;
        if (end > n)
            window_unmap(w, win, index * LEAF_PAGES + n, end - n);
        n = end;
    }
}

/* Was the leaf made from a page table in host memory [host, host + len)? */
static bool table_moved(const struct leaf *leaf, const uint8_t *host, uint64_t len)
{
    return leaf->kind == LEAF_TABLE && (uintptr_t)leaf->table - (uintptr_t)host < len;
}

void window_pages_moved(void *ctx, uint64_t offset, uint64_t len)
{
    struct windows *w = ctx;
    const uint8_t *host = physmap_host(w->pm, offset);
    uint32_t from = (uint32_t)(offset >> PAGE_SHIFT);
    uint32_t to = (uint32_t)((offset + len) >> PAGE_SHIFT);
    for (unsigned id = 0; id < MAX_WINDOWS; id++) {
        struct window *win = w->window[id];
        for (unsigned word = 0; win && word < ARRAY_LEN(win->leaf_used); word++) {
            for (uint64_t used = win->leaf_used[word]; used; used &= used - 1) {
                unsigned index = word * 64 + (unsigned)__builtin_ctzll(used);
                const struct leaf *leaf = win->leaf[index];
                if (leaf && table_moved(leaf, host, len))
                    window_unmap_leaf(w, win, index);
                else if (leaf && leaf->lowest < to && leaf->highest >= from)
                    unmap_machine(w, win, index, from, to);
            }
        }
    }
}
