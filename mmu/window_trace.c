/* mmu/window_trace.c: the policy "traced": windows follow every write to the guest's page tables.
 *
 * Some guests change an entry and forget the flush, which small TLBs forgave. With this policy each
 * page that serves a window as directory or table is marked in the physmap (PAGE_TRACED): it is
 * read-only in every window, and each write to it is told here, after it was done. The entries
 * written are compared with their copies at once, so that a flush finds nothing left to do.
 *
 *     chain of a machine page:  window 3, leaf 17 -> window 64, leaf 17 -> window 3, directory -> .
 *
 * Chains are the reverse map's kind: a link may have outlived what it says, who follows it looks.
 * A page whose chain comes out empty, or whose writes keep hitting nothing that is mapped (it was
 * freed and holds data now), is let go. */
#include <stdlib.h>

#include "mmu/window_state.h"

/* Set in rmap_node.where: the page is the directory from the leaf on that the rest names. */
#define WHERE_DIRECTORY 0x80000u

/* Writes to a traced page that hit nothing mapped until the page is let go. */
#define IDLE_WRITES 64u

/* Links at most: a guest that goes through tables without end is followed lazily from there to the
 * next flush, where all starts anew. */
#define LINKS_MAX (1u << 18)

struct tracer {
    struct rmap pages;
    uint8_t *idle; /* by machine page: writes that changed nothing */
    bool full;     /* some table is not followed */
};

static uint32_t machine_page(struct windows *w, const uint8_t *table)
{
    return (uint32_t)((uint64_t)(table - physmap_host(w->pm, 0)) >> PAGE_SHIFT);
}

static void trace(struct windows *w, const uint8_t *table, uint32_t where)
{
    struct rmap *r = &w->tracer->pages;
    uint32_t page = machine_page(w, table);
    for (uint32_t n = r->head[page]; n; n = r->node[n].next) {
        if (r->node[n].where == where)
            return;
    }
    if (r->count >= LINKS_MAX || !rmap_room(r, 1)) {
        w->tracer->full = true;
        return;
    }
    rmap_insert(r, page, where);
    w->tracer->idle[page] = 0;
    physmap_table_mark(w->pm, (uint64_t)page << PAGE_SHIFT);
}

void window_trace_leaf(struct windows *w, const struct window *win, unsigned index)
{
    if (w->tracer && win->leaf[index]->kind == LEAF_TABLE)
        trace(w, win->leaf[index]->table, win->id << 20 | index);
}

void window_trace_directory(struct windows *w, const struct window *win)
{
    unsigned step = win->mode.pae ? LEAF_COUNT / 4 : LEAF_COUNT;
    for (unsigned index = 0; w->tracer && win->mode.paging && index < LEAF_COUNT; index += step) {
        const uint8_t *at = window_directory(w, &win->mode, index);
        if (at)
            trace(w, at, win->id << 20 | WHERE_DIRECTORY | index);
    }
}

/* --- A write ---------------------------------------------------------------------------------- */

struct write {
    uint32_t page;     /* machine page */
    unsigned from, to; /* bytes in it */
    bool hit;          /* something mapped relied on an entry written */
    bool let_go;       /* the page is a table no more, it seems */
};

static void stale(struct windows *w, const struct window *win, uint32_t gva)
{
    if (w->stale && (w->ready[TLB_USER] == win || w->ready[TLB_SUPERVISOR] == win))
        w->stale(w->stale_ctx, gva);
}

/* False: the leaf is none of this table's. */
static bool table_written(struct windows *w, struct window *win, unsigned index, struct write *s)
{
    struct leaf *leaf = win->leaf[index];
    if (!leaf || leaf->kind != LEAF_TABLE || machine_page(w, leaf->table) != s->page)
        return false;
    if (s->let_go) {
        window_unmap_leaf(w, win, index);
        return false;
    }
    unsigned size = win->mode.pae ? 8 : 4, start = (unsigned)((uintptr_t)leaf->table & PAGE_MASK);
    for (unsigned n = 0; n < LEAF_PAGES; n++) {
        if (start + (n + 1) * size <= s->from || start + n * size >= s->to)
            continue;
        uint32_t page = index * LEAF_PAGES + n;
        s->hit |= leaf->map[n] != 0;
        if (!window_sync_entry(w, win, page))
            stale(w, win, page << PAGE_SHIFT);
        if (win->leaf[index] != leaf)
            break;
    }
    return true;
}

/* False: the page is no directory of the window. */
static bool directory_written(struct windows *w, struct window *win, unsigned first,
                              struct write *s)
{
    const uint8_t *at = win->mode.paging ? window_directory(w, &win->mode, first) : NULL;
    if (!at || machine_page(w, at) != s->page)
        return false;
    bool current = w->ready[TLB_USER] == win || w->ready[TLB_SUPERVISOR] == win;
    if (s->let_go && !current) {
        window_empty(w, win);
        window_unbind(win);
        return false;
    }
    unsigned size = win->mode.pae ? 8 : 4, leaves = win->mode.pae ? 1 : 2;
    unsigned from = first + s->from / size * leaves, to = first + ((s->to - 1) / size + 1) * leaves;
    for (unsigned index = from; index < to; index++) {
        s->hit |= win->leaf[index] != NULL;
        if (win->leaf[index] && !window_sync_directory(w, win, index))
            stale(w, win, index * LEAF_PAGES << PAGE_SHIFT);
    }
    return true;
}

static bool written(struct windows *w, uint32_t where, struct write *s)
{
    struct window *win = w->window[where >> 20];
    if (!win || !win->bound)
        return false;
    unsigned index = where & (LEAF_COUNT - 1);
    return where & WHERE_DIRECTORY ? directory_written(w, win, index, s)
                                   : table_written(w, win, index, s);
}

/* Tells all users of the page; those that are none any more leave its chain. */
static void tell(struct windows *w, struct write *s)
{
    struct rmap *r = &w->tracer->pages;
    for (uint32_t *at = &r->head[s->page]; *at;) {
        uint32_t n = *at;
        if (written(w, r->node[n].where, s)) {
            at = &r->node[n].next;
            continue;
        }
        *at = r->node[n].next;
        r->node[n].next = r->free;
        r->free = n;
        r->count--;
    }
    if (!r->head[s->page])
        physmap_table_unmark(w->pm, (uint64_t)s->page << PAGE_SHIFT);
}

void window_table_written(void *ctx, uint64_t offset, uint64_t len)
{
    struct windows *w = ctx;
    if (!w->tracer)
        return;
    w->counters.traced_writes++;
    struct write s = {.page = (uint32_t)(offset >> PAGE_SHIFT)};
    s.from = (unsigned)(offset & PAGE_MASK);
    s.to = s.from + (unsigned)len;
    tell(w, &s);
    uint8_t *idle = &w->tracer->idle[s.page];
    *idle = s.hit ? 0 : (uint8_t)(*idle + 1);
    if (*idle < IDLE_WRITES)
        return;
    *idle = 0;
    s.let_go = true;
    tell(w, &s);
}

/* --- On and off ------------------------------------------------------------------------------- */

static void tracer_free(struct tracer *t)
{
    if (!t)
        return;
    rmap_free(&t->pages);
    free(t->idle);
    free(t);
}

/* Lets go of all pages. */
static void forget_all(struct windows *w)
{
    struct rmap *r = &w->tracer->pages;
    uint64_t pages = physmap_memory_size(w->pm) >> PAGE_SHIFT;
    for (uint64_t page = 0; page < pages; page++) {
        if (r->head[page])
            physmap_table_unmark(w->pm, page << PAGE_SHIFT);
        r->head[page] = 0;
    }
    r->used = 1;
    r->free = r->count = 0;
    w->tracer->full = false;
}

void window_trace_renew(struct windows *w)
{
    if (!w->tracer || !w->tracer->full)
        return;
    windows_drop(w);
    for (unsigned n = 0; n < MAX_WINDOWS; n++) {
        if (w->window[n])
            window_unbind(w->window[n]); /* each is traced again from its next binding on */
    }
    forget_all(w);
}

void window_trace_stop(struct windows *w)
{
    if (w->tracer)
        forget_all(w);
    tracer_free(w->tracer);
    w->tracer = NULL;
}

bool windows_trace(struct windows *w, bool on, void (*stale)(void *ctx, uint32_t gva), void *ctx)
{
    w->stale = stale;
    w->stale_ctx = ctx;
    if (on == (w->tracer != NULL))
        return true;
    windows_drop(w);
    window_trace_stop(w);
    if (!on)
        return true;
    struct tracer *t = calloc(1, sizeof *t);
    if (!t)
        return false;
    t->idle = calloc(physmap_memory_size(w->pm) >> PAGE_SHIFT, 1);
    if (!t->idle || !rmap_init(&t->pages, physmap_memory_size(w->pm) >> PAGE_SHIFT)) {
        tracer_free(t);
        return false;
    }
    w->tracer = t;
    t->full = true; /* to begin with */
    window_trace_renew(w);
    return true;
}
