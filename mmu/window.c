/* mmu/window.c: life of the windows, which of them serves which address space, and the budget.
 *
 * Slots: user windows, then supervisor windows, then those for paging off. A slot's reserve is
 * made when it is first needed and kept. When all are in use the one unused longest is taken over:
 * a user window is emptied, a supervisor window is compared with the new root's tables as after any
 * flush, so that what both have in common (most of a kernel) stays mapped. */
#include "mmu/window_state.h"

#include <stdio.h>
#include <stdlib.h>

#define SUPERVISOR_SLOT MAX_USER_WINDOWS
#define FLAT_SLOT       (MAX_USER_WINDOWS + MAX_SUPERVISOR_WINDOWS)

/* A supervisor window that loses more pages than this by being taken over: there are too few. */
#define TAKEN_PAGES 16u

/* Less than any kernel's default; used when it does not say. */
#define MAP_COUNT_DEFAULT 65530u

static void need_sync(struct windows *w)
{
    w->epoch++;
    w->ready[TLB_SUPERVISOR] = w->ready[TLB_USER] = NULL;
    w->outside.base[TLB_SUPERVISOR] = w->outside.base[TLB_USER] = NULL;
}

/* The A20 gate. With paging off there is a window for each of its states: real-mode programs that
 * use memory above 1 MiB turn it on and off all the time. */
static void map_changed(void *ctx)
{
    struct windows *w = ctx;
    if (w->a20 == physmap_a20(w->pm))
        return;
    w->a20 = physmap_a20(w->pm);
    for (unsigned n = 0; n < FLAT_SLOT; n++) {
        if (w->window[n])
            window_empty(w, w->window[n]);
    }
    w->counters.drops++;
    need_sync(w);
}

/* How many mappings the host gives a process. */
static uint64_t read_map_count(void)
{
    unsigned long long count = MAP_COUNT_DEFAULT;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    if (!f)
        return count;
    if (fscanf(f, "%llu", &count) != 1)
        count = MAP_COUNT_DEFAULT;
    fclose(f);
    return count;
}

static struct window *window_create(struct windows *w, unsigned id)
{
    struct window *win = calloc(1, sizeof *win);
    if (!win)
        return NULL;
    win->base = window_reserve();
    if (!win->base) {
        free(win);
        return NULL;
    }
    win->id = id;
    w->window[id] = win;
    w->counters.windows++;
    return win;
}

struct windows *windows_create(struct physmap *pm, struct log *log)
{
    if (sizeof(void *) < 8 || physmap_memory_size(pm) >> PAGE_SHIFT > UINT32_MAX / MAP_NEXT) {
        log_msg(log, LOG_INFO, "no windows: the host's or the guest's memory does not suit them");
        return NULL;
    }
    struct windows *w = calloc(1, sizeof *w);
    struct physmap_listener *listener = calloc(1, sizeof *listener);
    if (!w || !listener) {
        free(w);
        free(listener);
        return NULL;
    }
    w->pm = pm;
    w->log = log;
    w->limit = read_map_count() / 3;
    w->supervisors = MIN_SUPERVISOR_WINDOWS;
    w->a20 = physmap_a20(pm);
    uint64_t pages = physmap_memory_size(pm) >> PAGE_SHIFT;
    if (!rmap_init(&w->rmap, pages) || !rmap_init(&w->runs, pages / LEAF_PAGES + 1) ||
        !window_create(w, FLAT_SLOT)) {
        log_msg(log, LOG_INFO, "no windows: the host does not give 4 GiB of address space");
        rmap_free(&w->rmap);
        rmap_free(&w->runs);
        free(w);
        free(listener);
        return NULL;
    }
    *listener = (struct physmap_listener){.ctx = w,
                                          .map_changed = map_changed,
                                          .pages_moved = window_pages_moved,
                                          .pages_changed = window_pages_changed,
                                          .table_written = window_table_written};
    w->listener = listener;
    physmap_listen(pm, listener);
    return w;
}

void windows_destroy(struct windows *w)
{
    if (!w)
        return;
    w->listener->map_changed = NULL; /* the physmap owns it and outlives us */
    w->listener->pages_changed = w->listener->pages_moved = NULL;
    w->listener->table_written = NULL;
    for (unsigned n = 0; n < MAX_WINDOWS; n++) {
        if (!w->window[n])
            continue;
        window_empty(w, w->window[n]);
        window_release(w->window[n]->base);
        free(w->window[n]);
    }
    window_trace_stop(w);
    rmap_free(&w->rmap);
    rmap_free(&w->runs);
    free(w);
}

/* --- Which window ---------------------------------------------------------------------------- */

/* Do the two read page tables in the same way? */
static bool same_format(const struct walk_mode *a, const struct walk_mode *b, enum tlb_view view)
{
    return a->pae == b->pae && a->pse == b->pse && a->nxe == b->nxe && a->pse36 == b->pse36 &&
           a->phys_bits == b->phys_bits && (view == TLB_USER || a->wp == b->wp);
}

static bool same_space(const struct walk_mode *a, const struct walk_mode *b)
{
    return a->pae ? !memcmp(a->pdpte, b->pdpte, sizeof a->pdpte) : a->root == b->root;
}

static struct window *flat_window(struct windows *w, const struct walk_mode *mode)
{
    unsigned slot = FLAT_SLOT + !w->a20;
    struct window *win = w->window[slot] ? w->window[slot] : window_create(w, slot);
    if (win && win->bound && win->mode.linear_mask != mode->linear_mask)
        window_empty(w, win);
    return win;
}

/* The window bound to mode and view, or the one to take for it: a new one, while there may be
 * more, or the one not used for the longest time. */
static struct window *paged_window(struct windows *w, const struct walk_mode *mode,
                                   enum tlb_view view)
{
    unsigned from = view == TLB_USER ? 0 : SUPERVISOR_SLOT;
    unsigned to = view == TLB_USER ? SUPERVISOR_SLOT : SUPERVISOR_SLOT + w->supervisors;
    struct window *oldest = NULL;
    unsigned vacant = to;
    for (unsigned n = from; n < to; n++) {
        struct window *win = w->window[n];
        if (!win) {
            vacant = vacant < n ? vacant : n;
            continue;
        }
        if (win->bound && same_space(&win->mode, mode) && same_format(&win->mode, mode, view))
            return win;
        if (!oldest || win->stamp < oldest->stamp)
            oldest = win;
    }
    struct window *made = vacant < to ? window_create(w, vacant) : NULL;
    struct window *win = made ? made : oldest;
    w->counters.binds++;
    if (win && (view == TLB_USER || !same_format(&win->mode, mode, view)))
        window_empty(w, win);
    if (win)
        window_unbind(win);
    return win;
}

void window_unbind(struct window *win)
{
    win->bound = false;
}

/* The window is to be bound to an address space; another one had it, or nobody. */
static void bind(struct windows *w, struct window *win, const struct walk_mode *mode,
                 enum tlb_view view)
{
    win->mode = *mode;
    win->view = view;
    win->bound = true;
    win->binding = ++w->bindings;
    window_trace_directory(w, win);
    uint64_t before = w->counters.pages_unmapped;
    window_sync(w, win);
    bool many = w->counters.pages_unmapped - before > TAKEN_PAGES;
    if (many && view == TLB_SUPERVISOR && w->supervisors < MAX_SUPERVISOR_WINDOWS)
        w->supervisors++;
}

uint64_t windows_singles(const struct windows *w)
{
    return w->counters.singles;
}

uint64_t windows_binding(const struct windows *w)
{
    return w->current ? w->current->binding : 0;
}

const struct windows_ready *windows_ready(const struct windows *w)
{
    return &w->outside;
}

static void set_current(struct windows *w, struct window *win)
{
    w->current = win;
    w->outside.entered = win ? win->base : NULL;
}

uint8_t *windows_enter(struct windows *w, const struct walk_mode *mode, enum tlb_view view)
{
    struct window *ready = w->ready[view];
    if (likely(ready != NULL)) {
        set_current(w, ready);
        return ready->base;
    }
    w->counters.enters++;
    window_trace_renew(w);
    struct window *win = mode->paging ? paged_window(w, mode, view) : flat_window(w, mode);
    set_current(w, win);
    w->ready[view] = win;
    if (!win)
        return NULL;
    w->outside.base[view] = win->base;
    win->stamp = ++w->clock;
    if (!win->bound) {
        bind(w, win, mode, view);
    } else {
        win->mode = *mode;
        win->view = view;
        if (win->epoch != w->epoch && !w->tracer)
            window_sync(w, win);
    }
    return win->base;
}

/* --- Flushes --------------------------------------------------------------------------------- */

void windows_flush(struct windows *w, bool globals_too)
{
    (void)globals_too; /* to compare global pages as well is always right */
    w->counters.flushes++;
    need_sync(w);
}

void windows_flush_page(struct windows *w, uint32_t gva)
{
    w->counters.page_flushes++;
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        if (w->ready[view]) /* the others are compared when entered */
            window_sync_page(w, w->ready[view], gva);
    }
}

void windows_drop(struct windows *w)
{
    for (unsigned n = 0; n < MAX_WINDOWS; n++) {
        if (w->window[n])
            window_empty(w, w->window[n]);
    }
    w->counters.drops++;
    need_sync(w);
}

void windows_watch(struct windows *w, bool (*watched)(const void *ctx, uint32_t gva),
                   const void *ctx)
{
    w->watched = watched;
    w->watched_ctx = ctx;
}

/* --- The budget ------------------------------------------------------------------------------ */

bool window_evict_other(struct windows *w, const struct window *keep)
{
    struct window *oldest = NULL;
    for (unsigned n = 0; n < MAX_WINDOWS; n++) {
        struct window *win = w->window[n];
        if (win && win != keep && win->boundaries && (!oldest || win->stamp < oldest->stamp))
            oldest = win;
    }
    if (!oldest)
        return false;
    w->counters.evictions++;
    window_empty(w, oldest);
    return true;
}

void windows_limit(struct windows *w, uint64_t mappings)
{
    w->limit = mappings;
}

struct window_counters windows_counters(const struct windows *w)
{
    struct window_counters n = w->counters;
    n.mappings = w->mappings + n.windows;
    n.mappings_limit = w->limit;
    return n;
}

bool windows_lookup(const struct windows *w, uint32_t gva, uint64_t *machine, bool *writable)
{
    uint32_t entry = w->current ? window_entry(w->current, gva >> PAGE_SHIFT) : 0;
    if (!entry)
        return false;
    *machine = (MAP_PAGE(entry) << PAGE_SHIFT) + (gva & PAGE_MASK);
    *writable = entry & MAP_WRITE;
    return true;
}
