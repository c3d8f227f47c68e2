/* translator/jumps.c: see jumps.h. */
#include "translator/jumps.h"

#include <stdlib.h>

bool jumps_init(struct translator *t)
{
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        t->table[n] = calloc(1, sizeof *t->table[n]);
        if (!t->table[n])
            return false;
        t->table_key[n] = UINT32_MAX;
    }
    return true;
}

void jumps_free(struct translator *t)
{
    for (unsigned n = 0; n < JUMP_TABLES; n++)
        free(t->table[n]);
}

/* --- Contents -------------------------------------------------------------------------------- */

static void clear(struct translator *t, struct jump_table *table)
{
    if (table->filled <= JUMP_FILLS) {
        for (unsigned n = 0; n < table->filled; n++)
            table->slot[table->fill[n].slot] = t->stubs.miss;
    } else {
        for (unsigned n = 0; n < JUMP_SLOTS; n++)
            table->slot[n] = t->stubs.miss;
    }
    table->filled = 0;
}

/* What stands in a page, or in an instruction that may reach into it from the one before. */
static void drop_page(struct translator *t, struct jump_table *table, uint32_t page)
{
    if (table->filled > JUMP_FILLS || page == TLB_FLUSHED_LARGE) {
        clear(t, table);
        return;
    }
    for (unsigned n = 0; n < table->filled; n++) {
        if (page - table->fill[n].page <= 1)
            table->slot[table->fill[n].slot] = t->stubs.miss;
    }
}

/* Drops what was flushed since the table was used last. */
static void catch_up(struct translator *t, struct jump_table *table)
{
    const struct tlb *tlb = &t->vcpu->tlb;
    uint64_t pages = tlb->page_flushes - table->page_flushes;
    if (table->flushes != tlb->flushes || pages > TLB_FLUSHED) {
        clear(t, table);
    } else {
        for (uint64_t n = table->page_flushes; n != tlb->page_flushes; n++)
            drop_page(t, table, tlb->flushed[n % TLB_FLUSHED]);
    }
    table->flushes = tlb->flushes;
    table->page_flushes = tlb->page_flushes;
}

void jumps_note(struct translator *t, const struct unit *u)
{
    struct jump_table *table = t->current;
    unsigned slot = u->eip & (JUMP_SLOTS - 1);
    if (table->slot[slot] == u->indirect)
        return;
    table->slot[slot] = u->indirect;
    if (table->filled < JUMP_FILLS)
        table->fill[table->filled++] = (struct jump_fill){u->gva >> PAGE_SHIFT, slot};
    else
        table->filled = JUMP_FILLS + 1;
}

void jumps_forget(struct translator *t, const struct unit *u)
{
    unsigned slot = u->eip & (JUMP_SLOTS - 1);
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        if (t->table_key[n] == u->key && t->table[n]->slot[slot] == u->indirect)
            t->table[n]->slot[slot] = t->stubs.miss;
    }
}

void jumps_forget_all(struct translator *t)
{
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        if (t->table_key[n] != UINT32_MAX)
            clear(t, t->table[n]);
    }
}

/* --- Choice ---------------------------------------------------------------------------------- */

static bool fits(const struct jump_table *table, const struct vcpu *c)
{
    return table->root == c->walk.root && table->cs_base == (uint32_t)c->seg[SEG_CS].base &&
           table->code_len == c->code_len;
}

/* Each may stand in one of two places. */
static unsigned place_of(const struct vcpu *c, uint32_t key)
{
    uint32_t h = ((uint32_t)c->seg[SEG_CS].base >> 4 ^ key) * UINT32_C(0x9E3779B1);
    h ^= (uint32_t)(c->walk.root >> PAGE_SHIFT) * UINT32_C(0x85EBCA6B);
    return h >> 16 & (JUMP_TABLES - 1);
}

static struct jump_table *take_over(struct translator *t, unsigned n, uint32_t key)
{
    const struct vcpu *c = t->vcpu;
    struct jump_table *table = t->table[n];
    if (t->table_key[n] == UINT32_MAX)
        table->filled = JUMP_FILLS + 1; /* never used: all of it */
    clear(t, table);
    t->table_key[n] = key;
    table->root = c->walk.root;
    table->cs_base = (uint32_t)c->seg[SEG_CS].base;
    table->code_len = c->code_len;
    table->flushes = c->tlb.flushes;
    table->page_flushes = c->tlb.page_flushes;
    return table;
}

void jumps_choose(struct translator *t, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    if (!t->current || t->current_key != key || !fits(t->current, c)) {
        unsigned n = place_of(c, key);
        for (unsigned try = 0; try < 2; try++) {
            if (t->table_key[n ^ try] == key && fits(t->table[n ^ try], c)) {
                n ^= try;
                break;
            }
        }
        struct jump_table *table = t->table[n];
        if (t->table_key[n] != key || !fits(table, c)) {
            if (t->table[n ^ 1]->used_at < table->used_at)
                n ^= 1;
            table = take_over(t, n, key);
        }
        table->used_at = ++t->clock;
        t->current = table;
        t->current_key = key;
        c->translated.jumps = table->slot;
    }
    if (t->current->flushes != c->tlb.flushes || t->current->page_flushes != c->tlb.page_flushes)
        catch_up(t, t->current);
}
