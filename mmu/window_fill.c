/* mmu/window_fill.c: faults in a window: what to map, and how much around it.
 *
 * The guest's walk decides about the access itself. What is then mapped comes from a plan for the
 * whole leaf, in which neighbours are entered as far as that changes nothing for the guest: pieces
 * of the same large page, or entries with A set already (and D, to be written). window_apply makes
 * as few host mappings of it as it can.
 *
 * Fresh RAM is not dirty. A write to it marks a block around the page dirty, the larger the more of
 * the leaf is written already, so that a guest that fills its memory does not fault on each page.
 * Elsewhere (video memory, which the display looks at; memory under page tables, whose dirty bits a
 * snapshot took) a page that follows one just written takes some more with it: a frame is drawn in
 * order. */
#include "mmu/window_state.h"

/* Entries on either side of a faulting page that are mapped with it when they continue its run;
 * and the aligned group of which they are mapped in any case. */
#define AROUND_RUN   64u
#define AROUND_GROUP 8u

/* Pages marked dirty ahead of a write that follows another. */
#define DIRTY_AHEAD 15u

/* One fault. */
struct fill {
    struct windows *w;
    struct window *win;
    uint32_t gva;
    bool write;
    struct walk_page page;
    uint64_t machine;  /* offset of the page */
    unsigned index, n; /* leaf, page in it */
    struct leaf *leaf;
    uint32_t want[LEAF_PAGES];
};

static bool is_memory(const struct region *r)
{
    return r->kind == REGION_RAM || r->kind == REGION_VRAM;
}

static uint32_t encode(uint64_t machine, bool writable)
{
    return (uint32_t)(machine >> PAGE_SHIFT) << 4 | MAP_MAPPED | (writable ? MAP_WRITE : 0);
}

static bool watched(const struct windows *w, uint32_t gva)
{
    return w->watched && w->watched(w->watched_ctx, gva);
}

/* The guest's rights of a page and what the physmap knows of it: the value for map[], or 0. */
static uint32_t plan_page(struct windows *w, uint64_t gpa, bool writable)
{
    const struct region *r = physmap_find(w->pm, gpa);
    uint64_t machine = physmap_machine(w->pm, r, gpa);
    if (machine == NO_BACKING)
        return 0;
    return encode(machine, writable && is_memory(r) &&
                               page_state_writable(physmap_page_state(w->pm, machine)));
}

/* Pages of RAM around f to mark as dirty, as log2: see above. */
static unsigned dirty_shift(const struct leaf *leaf)
{
    return leaf->writable >= 256 ? 9 : leaf->writable >= 64 ? 6 : 4;
}

/* The page is about to be written: notes that, and what is likely to be written next. */
static void mark_dirty(const struct fill *f, const struct region *r)
{
    struct windows *w = f->w;
    uint64_t from = f->machine, to = f->machine + PAGE_SIZE, end = r->offset + r->size;
    if (r->kind == REGION_RAM && f->leaf->kind == LEAF_FLAT) {
        uint64_t block = PAGE_SIZE << dirty_shift(f->leaf);
        from = align_down(f->machine, block);
        to = from + block;
        from = from > r->offset ? from : r->offset;
    } else if (f->n && f->leaf->map[f->n - 1] == encode(f->machine - PAGE_SIZE, true)) {
        to += DIRTY_AHEAD * PAGE_SIZE;
    }
    to = to < end ? to : end;
    for (; from < to; from += PAGE_SIZE) {
        if (!(physmap_page_state(w->pm, from) & PAGE_NOTED))
            physmap_wrote(w->pm, from, PAGE_SIZE);
    }
}

/* A large page, or paging off: gpa follows gva through the whole leaf. */
static void plan_flat(struct fill *f)
{
    const struct walk_mode *m = &f->win->mode;
    uint32_t start = f->index * LEAF_PAGES << PAGE_SHIFT;
    bool writable = f->page.writable && f->page.dirty;
    uint64_t gpa = (f->page.gpa & ~PAGE_MASK) - ((uint64_t)f->n << PAGE_SHIFT);
    for (unsigned n = 0; n < LEAF_PAGES; n++) {
        uint32_t gva = start + (n << PAGE_SHIFT);
        if (!m->paging)
            gpa = gva & m->linear_mask;
        if (!watched(f->w, gva))
            f->want[n] =
                plan_page(f->w, m->paging ? gpa + ((uint64_t)n << PAGE_SHIFT) : gpa, writable);
    }
}

/* The entry n of the leaf's table: as plan_page, if the guest has accessed it already. */
static uint32_t plan_entry(struct fill *f, unsigned n)
{
    const struct walk_mode *m = &f->win->mode;
    bool user = f->win->view == TLB_USER;
    uint64_t entry = window_load_entry(f->leaf->table + n * (m->pae ? 8 : 4), m->pae);
    uint64_t need = PTE_P | PTE_A | (user ? PTE_U : 0), all = entry & f->leaf->pde;
    uint64_t frame = m->pae ? BIT(m->phys_bits) - PAGE_SIZE : 0xFFFFF000;
    if ((all & need) != need || watched(f->w, (f->index * LEAF_PAGES + n) << PAGE_SHIFT))
        return 0;
    if (m->pae && (entry & ~(frame | PAGE_MASK | (m->nxe ? BIT(63) : 0))))
        return 0; /* reserved bits: the walker faults */
    bool rights = (all & PTE_W) || (!user && !m->wp);
    return plan_page(f->w, entry & frame, rights && (entry & PTE_D));
}

/* The copy is what a later sync compares; lines says where to look. */
static void copy_entries(struct fill *f)
{
    struct leaf *leaf = f->leaf;
    unsigned size = f->win->mode.pae ? 8 : 4;
    for (unsigned n = 0; n < LEAF_PAGES; n++) {
        if (!f->want[n])
            continue;
        memcpy(leaf->copy + n * size, leaf->table + n * size, size);
        leaf->lines |= BIT(n * size / LINE_BYTES);
    }
}

static void plan_table(struct fill *f)
{
    unsigned group = f->n & ~(AROUND_GROUP - 1);
    for (unsigned n = group; n < group + AROUND_GROUP; n++)
        f->want[n] = plan_entry(f, n);
    for (unsigned n = f->n + 1; n < LEAF_PAGES && n <= f->n + AROUND_RUN; n++) {
        uint32_t next = f->want[n] ? f->want[n] : plan_entry(f, n);
        if (next != f->want[n - 1] + MAP_NEXT)
            break;
        f->want[n] = next;
    }
    for (unsigned n = f->n; n-- && n + AROUND_RUN >= f->n;) {
        uint32_t next = f->want[n] ? f->want[n] : plan_entry(f, n);
        if (next + MAP_NEXT != f->want[n + 1])
            break;
        f->want[n] = next;
    }
}

/* The leaf with its directory entry and table as they are now; what it held under another
 * directory entry goes. False: the tables are not in memory, or the host is out of it. */
static bool bind_leaf(struct fill *f)
{
    struct window *win = f->win;
    const struct walk_mode *m = &win->mode;
    enum leaf_kind kind = m->paging && !f->page.large ? LEAF_TABLE : LEAF_FLAT;
    const uint8_t *directory = NULL, *table = NULL;
    uint64_t pde = 0;
    if (m->paging) {
        directory = window_directory(f->w, m, f->index);
        if (!directory)
            return false;
        pde = window_load_entry(directory, m->pae);
    }
    if (kind == LEAF_TABLE) {
        uint64_t frame = m->pae ? BIT(m->phys_bits) - PAGE_SIZE : 0xFFFFF000;
        table = window_table(f->w, pde & frame);
        if (!table)
            return false;
        table += m->pae ? 0 : (f->index & 1) * LEAF_PAGES * 4;
    }
    struct leaf *leaf = win->leaf[f->index];
    if (leaf &&
        (leaf->kind != kind || leaf->table != table || ((leaf->pde ^ pde) & ~(PTE_A | PTE_D))))
        window_unmap_leaf(f->w, win, f->index);
    leaf = window_leaf(win, f->index, kind == LEAF_FLAT ? 0 : m->pae ? 8 : 4);
    if (!leaf)
        return false;
    leaf->kind = kind;
    leaf->table = table;
    leaf->pde = pde;
    f->leaf = leaf;
    window_trace_leaf(f->w, win, f->index);
    return true;
}

/* Keeps the mappings within their limit: other windows go first, then this one. */
static void make_room(struct windows *w, struct window *win)
{
    while (w->mappings + LEAF_PAGES > w->limit && window_evict_other(w, win))
        continue;
    if (w->mappings + LEAF_PAGES > w->limit && win->boundaries) {
        w->counters.evictions++;
        window_empty(w, win);
    }
}

static enum window_answer how_lasting(const struct fill *f)
{
    const struct window *win = f->win;
    if (win->view != TLB_SUPERVISOR || !win->mode.paging)
        return WINDOW_RETRY;
    if (f->w->churn[f->index] >= LEAF_CHURN)
        return WINDOW_PASSING;
    return f->page.value[0] & f->page.value[1] & PTE_U ? WINDOW_STRAY : WINDOW_RETRY;
}

static enum window_answer fill(struct fill *f)
{
    struct windows *w = f->w;
    struct window *win = f->win;
    unsigned access = (win->view == TLB_USER ? WALK_USER : 0) | (f->write ? WALK_WRITE : 0);
    uint32_t error;
    if (watched(w, f->gva))
        return WINDOW_REFUSED;
    if (!walk(w->pm, &win->mode, f->gva, access, &f->page, &error)) {
        w->counters.singles++;
        return WINDOW_REFUSED;
    }
    const struct region *r = physmap_find(w->pm, f->page.gpa);
    if (r->offset == NO_BACKING || (f->write && !is_memory(r)))
        return WINDOW_REFUSED;
    f->machine = align_down(physmap_machine(w->pm, r, f->page.gpa), PAGE_SIZE);
    uint8_t state = physmap_page_state(w->pm, f->machine);
    if (f->write && (state & PAGE_NOTED))
        return WINDOW_REFUSED;
    struct region at = *r;
    make_room(w, win);
    if (!bind_leaf(f))
        return WINDOW_REFUSED;
    /* Also when it was just marked: the first store of a REP STOS is the handler's, which marks
     * that page alone. */
    if (f->write && (!page_state_writable(state) || f->leaf->kind == LEAF_FLAT))
        mark_dirty(f, &at);
    memset(f->want, 0, sizeof f->want);
    if (f->leaf->kind == LEAF_FLAT) {
        plan_flat(f);
    } else {
        plan_table(f);
        copy_entries(f);
    }
    uint64_t before = w->counters.pages_mapped;
    bool mapped = window_apply(w, win, f->index, f->want) &&
                  (window_entry(win, f->gva >> PAGE_SHIFT) & (f->write ? MAP_WRITE : MAP_MAPPED));
    if (win->leaf[f->index] && !win->leaf[f->index]->mapped)
        window_unmap_leaf(w, win, f->index);
    if (!mapped)
        return WINDOW_REFUSED;
    w->counters.singles += w->counters.pages_mapped == before + 1;
    return how_lasting(f);
}

enum window_answer windows_fault(struct windows *w, uint32_t gva, bool write)
{
    w->counters.faults++;
    struct fill f = {.w = w, .win = w->current, .gva = gva, .write = write};
    f.index = gva >> PAGE_SHIFT >> 9;
    f.n = gva >> PAGE_SHIFT & (LEAF_PAGES - 1);
    enum window_answer answer = w->current ? fill(&f) : WINDOW_REFUSED;
    w->counters.refused += answer == WINDOW_REFUSED;
    return answer;
}
