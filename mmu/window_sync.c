/* mmu/window_sync.c: bringing windows up to date with the guest's tables.
 *
 * Each leaf keeps a copy of the directory entry and of the page-table entries that its mappings
 * were made from. When the guest flushes, copies and tables are compared, in lines of 64 bytes and
 * only those that hold an entry of a mapped page:
 *
 *     directory  [pde][pde][pde]...            leaf: copy of one pde (32-bit: two leaves have it)
 *                  |
 *     table       [line 0][line 1]...[line 63]  leaf.lines: which are looked at
 *     copy        [line 0][line 1]...[line 63]
 *
 * An entry holds when all that the mapping relies on is the same. A and D may have been set since
 * (by another window, or the soft TLB); cleared, they must be seen to be set again. */
#include "mmu/window_state.h"

/* What no mapping relies on: available bits, and the caching attributes PWT and PCD. */
#define ENTRY_IGNORED UINT64_C(0xE18)

static bool entry_holds(uint64_t old, uint64_t now)
{
    uint64_t changed = (old ^ now) & ~ENTRY_IGNORED;
    return !(changed & (~(PTE_A | PTE_D) | old));
}

const uint8_t *window_table(struct windows *w, uint64_t gpa)
{
    uint64_t machine = physmap_machine(w->pm, physmap_find(w->pm, gpa), gpa);
    return machine == NO_BACKING ? NULL : physmap_host(w->pm, align_down(machine, PAGE_SIZE));
}

const uint8_t *window_directory(struct windows *w, const struct walk_mode *mode, unsigned index)
{
    if (!mode->pae) {
        const uint8_t *table = window_table(w, mode->root);
        return table ? table + index / 2 * 4 : NULL;
    }
    uint64_t pdpte = mode->pdpte[index >> 9], frame = BIT(mode->phys_bits) - PAGE_SIZE;
    const uint8_t *table = pdpte & PTE_P ? window_table(w, pdpte & frame) : NULL;
    return table ? table + index % 512 * 8 : NULL;
}

/* Does an entry of a leaf's table still stand as its mapping needs it? The copy follows. */
static bool table_entry_holds(struct leaf *leaf, unsigned n, unsigned size)
{
    uint64_t old = 0, now = 0;
    memcpy(&old, leaf->copy + n * size, size);
    memcpy(&now, leaf->table + n * size, size);
    bool holds = !leaf->map[n] || entry_holds(old, now);
    memcpy(leaf->copy + n * size, &now, size);
    return holds;
}

/* One line of a leaf's table differs from its copy. False: the leaf is gone. */
static bool sync_line(struct windows *w, struct window *win, unsigned index, unsigned line)
{
    struct leaf *leaf = win->leaf[index];
    unsigned size = win->mode.pae ? 8 : 4, count = LINE_BYTES / size;
    unsigned first = line * count, bad_from = 0, bad = 0, left = 0;
    uint32_t was[LINE_BYTES / 4];
    bool holds[LINE_BYTES / 4];
    for (unsigned n = 0; n < count; n++) {
        was[n] = leaf->map[first + n];
        holds[n] = table_entry_holds(leaf, first + n, size);
        left += was[n] && holds[n];
        w->counters.entries_changed += !holds[n];
    }
    if (!left)
        leaf->lines &= ~BIT(line);
    for (unsigned n = 0; n <= count; n++) { /* runs of what goes */
        if (n < count && was[n] && !holds[n]) {
            bad_from = bad++ ? bad_from : n;
            continue;
        }
        if (bad)
            window_unmap(w, win, index * LEAF_PAGES + first + bad_from, bad);
        if (win->leaf[index] != leaf)
            return false;
        bad = 0;
    }
    return true;
}

bool window_sync_directory(struct windows *w, struct window *win, unsigned index)
{
    struct leaf *leaf = win->leaf[index];
    const uint8_t *at = window_directory(w, &win->mode, index);
    uint64_t now = at ? window_load_entry(at, win->mode.pae) : 0;
    uint64_t irrelevant = leaf->kind == LEAF_TABLE ? PTE_D : 0;
    if (entry_holds(leaf->pde & ~irrelevant, now & ~irrelevant)) {
        leaf->pde = now;
        return true;
    }
    w->counters.entries_changed++;
    window_unmap_leaf(w, win, index);
    return false;
}

static void sync_leaf(struct windows *w, struct window *win, unsigned index)
{
    if (!window_sync_directory(w, win, index))
        return;
    struct leaf *leaf = win->leaf[index];
    if (leaf->kind != LEAF_TABLE)
        return;
    for (uint64_t lines = leaf->lines; lines; lines &= lines - 1) {
        unsigned line = (unsigned)__builtin_ctzll(lines);
        if (memcmp(leaf->copy + line * LINE_BYTES, leaf->table + line * LINE_BYTES, LINE_BYTES) &&
            !sync_line(w, win, index, line))
            return;
    }
}

void window_sync(struct windows *w, struct window *win)
{
    win->epoch = w->epoch;
    if (!win->mode.paging)
        return;
    w->counters.syncs++;
    for (unsigned word = 0; word < ARRAY_LEN(win->leaf_used); word++) {
        for (uint64_t used = win->leaf_used[word]; used; used &= used - 1) {
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(used);
            if (win->leaf[index]) /* a failed unmapping may have emptied the window */
                sync_leaf(w, win, index);
        }
    }
}

bool window_sync_entry(struct windows *w, struct window *win, uint32_t page)
{
    struct leaf *leaf = win->leaf[page / LEAF_PAGES];
    unsigned n = page % LEAF_PAGES;
    bool was_mapped = leaf->map[n];
    if (table_entry_holds(leaf, n, win->mode.pae ? 8 : 4))
        return was_mapped;
    w->counters.entries_changed++;
    window_unmap(w, win, page, 1);
    return false;
}

void window_sync_page(struct windows *w, struct window *win, uint32_t gva)
{
    uint32_t page = gva >> PAGE_SHIFT;
    unsigned index = page / LEAF_PAGES;
    if (!win->mode.paging)
        return;
    /* INVLPG of any address of a 4 MiB page means all of it: both of its leaves. */
    if (!win->mode.pae && win->leaf[index ^ 1])
        window_sync_directory(w, win, index ^ 1);
    if (!win->leaf[index] || !window_sync_directory(w, win, index))
        return;
    if (win->leaf[index]->kind != LEAF_TABLE || !win->leaf[index]->map[page % LEAF_PAGES])
        return;
    bool stands = window_sync_entry(w, win, page);
    if (!stands && win->view == TLB_SUPERVISOR && w->churn[index] < LEAF_CHURN)
        w->churn[index]++;
}
