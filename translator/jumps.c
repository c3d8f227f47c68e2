/* translator/jumps.c: see jumps.h. */
#include "translator/jumps.h"

#include <stdlib.h>

#include "base/big.h"
#include "translator/returns.h"

#define SLOTS_BYTES (JUMP_SLOTS * sizeof(const uint8_t *))

/* The slots of all stand together, in as few of the host's large pages as it takes. */
bool jumps_init(struct translator *t)
{
    struct jump_table *all = calloc(JUMP_TABLES, sizeof *all);
    const uint8_t **slots = big_alloc(JUMP_TABLES * SLOTS_BYTES);
    if (!all || !slots) {
        free(all);
        big_free(slots, JUMP_TABLES * SLOTS_BYTES);
        return false;
    }
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        t->table[n] = &all[n];
        all[n].index = n;
        t->table_key[n] = UINT32_MAX;
        all[n].slot = slots + (size_t)n * JUMP_SLOTS;
    }
    return true;
}

void jumps_free(struct translator *t)
{
    if (!t->table[0])
        return;
    big_free(t->table[0]->slot, JUMP_TABLES * SLOTS_BYTES);
    free(t->table[0]);
}

/* --- Contents -------------------------------------------------------------------------------- */

/* Which bit of a table's pages is that of a page. Guests flush pages of data all the time. */
static unsigned page_bit(uint32_t page)
{
    return page * UINT32_C(0x9E3779B1) >> 18;
}

static void note_page(struct jump_table *table, uint32_t page)
{
    unsigned bit = page_bit(page);
    table->pages[bit / 64] |= BIT(bit % 64);
}

static bool has_page(const struct jump_table *table, uint32_t page)
{
    unsigned bit = page_bit(page);
    return table->pages[bit / 64] & BIT(bit % 64);
}

/* Empties the slots of one word of used that are in which. */
static void drop_slots(struct translator *t, struct jump_table *table, unsigned word,
                       uint64_t which)
{
    table->used[word] &= ~which;
    if (!table->used[word])
        table->used_words[word / 64] &= ~BIT(word % 64);
    for (; which; which &= which - 1)
        table->slot[word * 64 + (unsigned)__builtin_ctzll(which)] = t->stubs.miss;
}

static void forget_code_pages(struct jump_table *table)
{
    table->code_pages = 0;
    table->looked = table->noted = 0;
    memset(table->code_index, 0, sizeof table->code_index);
}

/* Empties it, but for targets in global pages if those are to be kept. */
static void clear(struct translator *t, struct jump_table *table, bool keep_global)
{
    for (unsigned group = 0; group < ARRAY_LEN(table->used_words); group++) {
        for (uint64_t words = table->used_words[group]; words; words &= words - 1) {
            unsigned word = group * 64 + (unsigned)__builtin_ctzll(words);
            drop_slots(t, table, word,
                       table->used[word] & ~(keep_global ? table->global[word] : 0));
        }
    }
    forget_code_pages(table);
    if (!keep_global)
        memset(table->pages, 0, sizeof table->pages);
}

/* What a table remembers of a target's page. Where slots are in order they say the rest. */
static uint8_t where_of(const struct jump_table *table, uint32_t page)
{
    return (uint8_t)(table->far ? page : page >> 4);
}

/* Of the slots in which of one word: those whose targets may stand in the page. */
static uint64_t in_page(const struct jump_table *table, unsigned word, uint64_t which,
                        uint32_t page)
{
    uint64_t hit = 0;
    for (; which; which &= which - 1) {
        if (table->where[word * 64 + (unsigned)__builtin_ctzll(which)] == where_of(table, page))
            hit |= which & -which;
    }
    return hit;
}

/* With many code segments any slot may be a page's. */
static void drop_far_range(struct translator *t, struct jump_table *table, uint32_t page)
{
    for (unsigned group = 0; group < ARRAY_LEN(table->used_words); group++) {
        for (uint64_t words = table->used_words[group]; words; words &= words - 1) {
            unsigned word = group * 64 + (unsigned)__builtin_ctzll(words);
            drop_slots(t, table, word, in_page(table, word, table->used[word], page));
        }
    }
}

/* Empties the slots of the page's targets from byte `from` of it on. */
static void drop_range(struct translator *t, struct jump_table *table, uint32_t page, uint32_t from)
{
    if (table->far) {
        drop_far_range(t, table, page);
        return;
    }
    uint32_t bytes = (uint32_t)PAGE_SIZE - from + 2; /* eip may carry into its upper half */
    uint32_t first = jump_slot((page << PAGE_SHIFT) + from - table->cs_base);
    for (uint32_t n = 0; n < bytes;) {
        uint32_t slot = (first + n) & (JUMP_SLOTS - 1), bit = slot % 64;
        uint32_t count = 64 - bit, left = bytes - n;
        if (count > left)
            count = left;
        unsigned word = slot / 64;
        uint64_t words = table->used_words[word / 64] >> word % 64;
        if (!words) { /* nor any other word of its group that follows */
            n += count + (63 - word % 64) * 64;
            continue;
        }
        uint64_t which = table->used[word] & (UINT64_MAX >> (64 - count)) << bit;
        which = in_page(table, word, which, page);
        if (which)
            drop_slots(t, table, word, which);
        n += count;
    }
}

/* --- Pages of code ---------------------------------------------------------------------------- */

/* The place in code_index of a page, or where it would be put. */
static uint16_t *code_index(struct jump_table *table, uint32_t page)
{
    unsigned at = page * UINT32_C(0x9E3779B1) >> (32 - JUMP_PAGE_BITS);
    for (;; at++) {
        uint16_t *n = &table->code_index[at % JUMP_PAGE_INDEX];
        if (!*n || table->code[*n - 1].page == page)
            return n;
    }
}

static void page_goes(struct translator *t, struct jump_table *table, struct jump_page *p)
{
    p->live = false;
    drop_range(t, table, p->page, 0);
}

/* u's page is one that the table leads to. */
static void note_code_page(struct translator *t, struct jump_table *table, const struct unit *u,
                           bool global)
{
    uint32_t page = u->gva >> PAGE_SHIFT;
    const uint8_t *host = u->code - (u->gva & PAGE_MASK);
    if (table->code_pages > JUMP_PAGES)
        return;
    uint16_t *n = code_index(table, page);
    if (!*n) {
        if (table->code_pages++ == JUMP_PAGES)
            return; /* too many: see look_again */
        *n = (uint16_t)table->code_pages;
        table->code[*n - 1] = (struct jump_page){.page = page};
    }
    struct jump_page *p = &table->code[*n - 1];
    if (p->live && p->host != host) /* it was mapped anew, and the guest has not said so yet */
        page_goes(t, table, p);
    if (!p->live)
        *p = (struct jump_page){.page = page,
                                .live = true,
                                .global = true,
                                .host = host,
                                .seen = access_code_seen(t->vcpu, u->gva)};
    p->global &= global || u->crosses;
    p->crosses |= u->crosses;
}

/* What stands in a page, or in an instruction that may reach into it from the one before. */
static void drop_page(struct translator *t, struct jump_table *table, uint32_t page)
{
    if (page == TLB_FLUSHED_LARGE) {
        clear(t, table, false);
        return;
    }
    if (!has_page(table, page))
        return;
    uint16_t *n = code_index(table, page);
    if (*n)
        table->code[*n - 1].live = false;
    drop_range(t, table, page, 0);
    drop_range(t, table, page - 1, PAGE_SIZE - INSN_MAX_LEN);
}

/* Does p lie where it did, by the page tables? */
static bool still_there(struct translator *t, const struct jump_table *table, struct jump_page *p)
{
    struct vcpu *c = t->vcpu;
    uint32_t gva = p->page << PAGE_SHIFT;
    if (!table->shared && access_code_stands(c, gva, &p->seen))
        return p->seen.host == p->host;
    p->seen = access_code_seen(c, gva);
    return p->seen.host == p->host;
}

/* All but global pages was flushed. The CPU may fill its TLB at any time with what the guest has
 * used before (SDM vol. 3, 4.10.2): so it does now with the pages of code that lie where they did;
 * the others go. Which of the pages are in use still, nobody knows. So when looking has cost as
 * much as noting all targets anew would, all go, and those in use come back. */
static void look_again(struct translator *t, struct jump_table *table)
{
    bool dear = table->code_pages > JUMP_FEW_PAGES && table->looked > table->noted * JUMP_LOOKS;
    if (dear || table->code_pages > JUMP_PAGES) {
        clear(t, table, true);
        return;
    }
    table->looked += table->code_pages;
    for (unsigned n = 0; n < table->code_pages; n++) {
        struct jump_page *p = &table->code[n];
        if (!p->live)
            continue;
        if (!p->global && !still_there(t, table, p))
            page_goes(t, table, p);
        else if (p->crosses)
            drop_range(t, table, p->page, PAGE_SIZE - INSN_MAX_LEN);
    }
}

/* Drops what was flushed since the table was used last. */
static void catch_up(struct translator *t, struct jump_table *table)
{
    const struct tlb *tlb = &t->vcpu->tlb;
    uint64_t pages = tlb->page_flushes - table->page_flushes;
    returns_empty(t, t->returns_of);
    if (table->all_flushes != tlb->all_flushes || pages > TLB_FLUSHED) {
        clear(t, table, false);
    } else {
        for (uint64_t n = table->page_flushes; n != tlb->page_flushes; n++)
            drop_page(t, table, tlb->flushed[n % TLB_FLUSHED]);
        if (table->flushes != tlb->flushes)
            look_again(t, table);
    }
    table->flushes = tlb->flushes;
    table->all_flushes = tlb->all_flushes;
    table->page_flushes = tlb->page_flushes;
}

void jumps_note(struct translator *t, struct unit *u)
{
    struct jump_table *table = t->current;
    const struct vcpu *c = t->vcpu;
    unsigned slot = jump_slot(unit_token(u, u->eip)), word = slot / 64;
    if (table->slot[slot] == u->indirect)
        return;
    bool global = !u->crosses && tlb_is_global(&c->tlb, c->tlb_view, TLB_EXEC, u->gva);
    note_code_page(t, table, u, global);
    table->noted++;
    table->slot[slot] = u->indirect;
    u->noted |= (uint16_t)(1u << table->index);
    table->where[slot] = where_of(table, u->gva >> PAGE_SHIFT);
    table->used[word] |= BIT(slot % 64);
    table->used_words[word / 64] |= BIT(word % 64);
    note_page(table, u->gva >> PAGE_SHIFT);
    if (u->crosses)
        note_page(table, (u->gva >> PAGE_SHIFT) + 1);
    if (global)
        table->global[word] |= BIT(slot % 64);
    else
        table->global[word] &= ~BIT(slot % 64);
}

void jumps_forget(struct translator *t, const struct unit *u)
{
    unsigned slot = jump_slot(unit_token(u, u->eip));
    for (unsigned tables = u->noted; tables; tables &= tables - 1) {
        const uint8_t **at = &t->table[__builtin_ctz(tables)]->slot[slot];
        if (*at == u->indirect)
            *at = t->stubs.miss;
    }
}

void jumps_forget_all(struct translator *t)
{
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        if (t->table_key[n] != UINT32_MAX)
            clear(t, t->table[n], false);
    }
    returns_empty_all(t);
}

/* --- Choice ---------------------------------------------------------------------------------- */

static bool is_shared(const struct vcpu *c)
{
    return c->tlb_view == TLB_SUPERVISOR && c->walk.paging && (c->cr4 & CR4_PGE);
}

static bool fits(const struct jump_table *table, const struct vcpu *c)
{
    return table->shared == is_shared(c) && (table->shared || table->root == c->walk.root) &&
           (table->far ||
            (table->cs_base == (uint32_t)c->seg[SEG_CS].base && table->code_len == c->code_len));
}

static bool serves(const struct translator *t, unsigned n, uint32_t key)
{
    return t->table_key[n] == key && fits(t->table[n], t->vcpu);
}

/* Where the table for key and the present mode and address space was last found. */
static uint8_t *hint_of(struct translator *t, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    uint32_t base = key & KEY_FAR ? 0 : (uint32_t)c->seg[SEG_CS].base;
    uint32_t h = (base >> 4 ^ key) * UINT32_C(0x9E3779B1);
    if (!is_shared(c))
        h ^= (uint32_t)(c->walk.root >> PAGE_SHIFT) * UINT32_C(0x85EBCA6B);
    return &t->table_hint[h >> 16 & (ARRAY_LEN(t->table_hint) - 1)];
}

/* The table for key, or the one to make it from: the first that was never used, so that few are in
 * use where few are needed; else the one unused longest. */
static unsigned place_of(const struct translator *t, uint32_t key)
{
    unsigned oldest = 0;
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        if (serves(t, n, key))
            return n;
        if (t->table[n]->used_at < t->table[oldest]->used_at)
            oldest = n;
    }
    return oldest;
}

static struct jump_table *take_over(struct translator *t, unsigned n, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    struct jump_table *table = t->table[n];
    if (t->table_key[n] == UINT32_MAX) { /* never used */
        for (unsigned slot = 0; slot < JUMP_SLOTS; slot++)
            table->slot[slot] = t->stubs.miss;
    }
    clear(t, table, false);
    if (t->before == table)
        t->before = NULL;
    for (unsigned way = 0; way < WAYS; way++) {
        if (t->way[way].table == table)
            t->way[way].mode = NO_MODE;
    }
    t->table_key[n] = key;
    returns_empty(t, n);
    table->shared = is_shared(c);
    table->root = c->walk.root;
    table->cs_base = (uint32_t)c->seg[SEG_CS].base;
    table->far = key & KEY_FAR;
    table->code_len = c->code_len;
    table->flushes = c->tlb.flushes;
    table->all_flushes = c->tlb.all_flushes;
    table->page_flushes = c->tlb.page_flushes;
    return table;
}

static void use(struct translator *t, struct jump_table *table, uint32_t key)
{
    t->before = t->current == table ? NULL : t->current;
    t->before_key = t->current_key;
    t->current = table;
    t->current_key = key;
    table->used_at = ++t->clock;
    returns_choose(t, table->index);
    t->vcpu->translated.jumps = table->slot;
}

void jumps_use(struct translator *t, struct jump_table *table, uint32_t key)
{
    if (table != t->current)
        use(t, table, key);
    if (table->page_flushes != t->vcpu->tlb.page_flushes)
        catch_up(t, table);
}

void jumps_choose(struct translator *t, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    if (t->current && t->current_key == key && fits(t->current, c)) {
        /* the usual case */
    } else if (t->before && t->before_key == key && fits(t->before, c)) {
        use(t, t->before, key); /* back from where it came: system calls */
    } else {
        uint8_t *hint = hint_of(t, key);
        if (!serves(t, *hint, key))
            *hint = (uint8_t)place_of(t, key);
        struct jump_table *table = t->table[*hint];
        if (!serves(t, *hint, key))
            table = take_over(t, *hint, key);
        use(t, table, key);
    }
    if (t->current->flushes != c->tlb.flushes || t->current->page_flushes != c->tlb.page_flushes)
        catch_up(t, t->current);
}
