/* translator/units.c: making units from blocks, and dropping them. */
#include "translator/units.h"

#include <stdalign.h>

#include "translator/faults.h"
#include "translator/jumps.h"
#include "translator/narrow.h"
#include "translator/returns.h"
#include "translator/unit_index.h"
#include "translator/unit_links.h"
#include "translator/unit_moves.h"

/* --- Dropping --------------------------------------------------------------------------------- */

static void leave_block_lists(struct unit *u)
{
    for (unsigned n = 0; n < u->parts; n++) {
        struct unit_part *p = &u->part[n];
        *p->at = p->next;
        if (p->next)
            p->next->at = p->at;
    }
}

void unit_drop(struct translator *t, struct unit *u)
{
    unit_disconnect(t, u);
    jumps_forget(t, u);
    leave_block_lists(u);
    unit_index_leave(t, u);
    u->dead = true;
    t->units[u->id] = NULL;
    t->free_ids[t->free_count++] = u->id;
    u->next_dead = t->dead;
    t->dead = u;
}

static void block_dropped(void *ctx, struct block *b)
{
    struct translator *t = ctx;
    while (b->translations) {
        struct unit_part *part = b->translations;
        unit_drop(t, part->unit);
        t->counters.units_dropped++;
    }
}

void units_drop_with(struct translator *t, struct block *b)
{
    block_dropped(t, b);
}

void units_free_dead(struct translator *t)
{
    while (t->dead) {
        struct unit *u = t->dead;
        t->dead = u->next_dead;
        if (u->address_index < t->by_address_count && t->by_address[u->address_index].unit == u)
            t->by_address[u->address_index].unit = NULL;
        unit_memory_give(&t->memory, u, u->bytes);
    }
}

/* The code cache starts over. The unit that runs, if any, stays readable until the next one is
 * made, and its host code as it was until then. */
void units_drop_all(struct translator *t)
{
    for (uint32_t id = 0; id < t->unit_count; id++) {
        struct unit *u = t->units[id];
        if (!u)
            continue;
        leave_block_lists(u);
        u->dead = true;
        t->units[id] = NULL;
        u->next_dead = t->dead;
        t->dead = u;
    }
    unit_index_empty(t);
    t->unit_count = t->free_count = 0;
    jumps_forget_all(t);
    t->restart = true;
    t->epoch++;
    t->counters.flushes++;
}

static void blocks_flushed(void *ctx)
{
    struct translator *t = ctx;
    for (uint32_t id = 0; id < t->unit_count; id++) {
        if (t->units[id])
            t->units[id]->parts = 0; /* their blocks are gone */
    }
    units_drop_all(t);
    fresh_forget(t);
}

/* Where instruction n of p's block stands in p's unit. */
static const struct unit_insn *insn_of_part(const struct unit_part *p, unsigned n)
{
    const struct unit *u = p->unit;
    for (const struct unit_part *before = u->part; before != p; before++)
        n += before->block->count;
    return &u->insn[n];
}

/* Programs patch their inner loops: so is the host code. */
static bool block_adapted(void *ctx, struct block *b, unsigned n)
{
    struct translator *t = ctx;
    if (!backend_keeps_immediate(&b->insns[n]))
        return false;
    for (const struct unit_part *p = b->translations; p; p = p->next) {
        if (!insn_of_part(p, n)->imm_size)
            return false;
    }
    for (const struct unit_part *p = b->translations; p; p = p->next) {
        const struct unit_insn *ui = insn_of_part(p, n);
        backend_put_immediate(t, p->unit, (unsigned)(ui - p->unit->insn));
    }
    return true;
}

void units_listen(struct translator *t)
{
    block_cache_listen(t->vcpu->blocks, (struct block_listener){.ctx = t,
                                                                .dropped = block_dropped,
                                                                .adapted = block_adapted,
                                                                .flushed = blocks_flushed});
}

/* --- Making ----------------------------------------------------------------------------------- */

/* What a unit will be made of. */
struct plan {
    struct block *block[UNIT_MAX_BLOCKS];
    uint32_t eip[UNIT_MAX_BLOCKS];
    unsigned blocks, insns;
};

static uint32_t wrap(const struct vcpu *c, uint32_t eip)
{
    return c->code32 ? eip : eip & 0xFFFF;
}

/* STI and loads of SS hold interrupts off over the next instruction: host code can do that when it
 * is in the same unit. */
static bool holds_off(const struct insn *i)
{
    return i->op == OPROW_sti || i->op == OPROW_mov_s2_ew || i->op == OPROW_pop_ss;
}

/* Follows the path on which no branch is taken, as far as it was taken before and until a unit
 * begins: code that never runs, or stands in many units, only fills the cache. False: everything
 * was dropped on the way. */
static bool make_plan(struct translator *t, struct block *b, uint32_t eip, uint32_t key,
                      struct plan *plan)
{
    struct vcpu *c = t->vcpu;
    uint64_t epoch = t->epoch;
    while (plan->blocks < UNIT_MAX_BLOCKS && plan->insns + b->count <= UNIT_MAX_INSNS) {
        plan->block[plan->blocks] = b;
        plan->eip[plan->blocks++] = eip;
        plan->insns += b->count;
        if (b->crosses || !backend_goes_on(&b->insns[b->count - 1]))
            break;
        uint32_t next = wrap(c, eip + b->bytes);
        bool seen = next < eip; /* wrapped around, or back at a block that is there */
        if (seen)
            break;
        bool go_on = t->eager || holds_off(&b->insns[b->count - 1]);
        struct block *follower =
            go_on ? block_beside(c, b, eip, next) : block_warm_beside(c, b, eip, next);
        if (t->epoch != epoch)
            return false;
        if (!follower || (!go_on && unit_begins(t, follower, next, key)))
            break;
        b = follower;
        eip = next;
    }
    return true;
}

/* One allocation: a Linux has tens of thousands of units. The links stand last, with room for the
 * most that there can be: see give_back_links. */
static struct unit *unit_alloc(struct translator *t, const struct plan *plan)
{
    if (!t->free_count && t->unit_count == UNITS_MAX)
        return NULL;
    unsigned links = unit_link_room(plan->blocks);
    size_t parts_at = sizeof(struct unit) + plan->insns * sizeof(struct unit_insn);
    parts_at = (parts_at + alignof(struct unit_part) - 1) & ~(alignof(struct unit_part) - 1);
    size_t fixes_at = parts_at + plan->blocks * sizeof(struct unit_part);
    size_t links_at = fixes_at + unit_fix_room(links) * sizeof(struct unit_fix);
    links_at = (links_at + alignof(struct unit_link) - 1) & ~(alignof(struct unit_link) - 1);
    size_t bytes = links_at + links * sizeof(struct unit_link);
    uint8_t *room = unit_memory_take(&t->memory, bytes);
    if (!room)
        return NULL;
    struct unit *u = (struct unit *)room;
    *u = (struct unit){0};
    u->bytes = (uint16_t)bytes;
    u->part = (struct unit_part *)(room + parts_at);
    u->link = (struct unit_link *)(room + links_at);
    u->fix = (struct unit_fix *)(room + fixes_at);
    u->link_room = (uint8_t)links;
    u->id = t->free_count ? t->free_ids[--t->free_count] : t->unit_count++;
    t->units[u->id] = u;
    return u;
}

static void give_back_links(struct translator *t, struct unit *u)
{
    uint16_t bytes = (uint16_t)((uint8_t *)&u->link[u->links] - (uint8_t *)u);
    if (unit_memory_shorten(&t->memory, u, u->bytes, bytes))
        u->bytes = bytes;
}

/* Does its memory access go through the soft TLB in whatever form? */
static bool looks_up(const struct insn *i)
{
    return i->refusals >= UNIT_SOFT_AFTER || i->fresh;
}

static void fill(struct unit *u, const struct plan *plan)
{
    for (unsigned n = 0; n < plan->blocks; n++) {
        struct block *b = plan->block[n];
        struct unit_part **list = (struct unit_part **)&b->translations, *p = &u->part[n];
        *p = (struct unit_part){.unit = u, .block = b, .next = *list, .at = list};
        if (p->next)
            p->next->at = &p->next;
        *list = p;
        for (unsigned k = 0; k < b->count; k++) {
            u->insn[u->insns++] =
                (struct unit_insn){.insn = &b->insns[k],
                                   .at = (uint16_t)(plan->eip[n] - u->eip + b->insns[k].offset),
                                   .into = (uint8_t)k,
                                   .rest = (uint8_t)(b->count - k - 1u),
                                   .x87 = backend_uses_x87(&b->insns[k]),
                                   .access = (uint8_t)narrow_access(&b->insns[k]),
                                   .device = (uint8_t)narrow_device_form(&b->insns[k]),
                                   .soft = looks_up(&b->insns[k]),
                                   .beside = b->insns[k].refusals >= UNIT_BESIDE_AFTER};
        }
    }
    u->parts = (uint8_t)plan->blocks;
}

bool unit_passes(struct translator *t, const struct unit *u)
{
    const struct backend_stubs *s = &t->stubs;
    struct unit_code code = {.start = u->start,
                             .stub = {s->help, s->link, s->miss, s->narrow, s->again},
                             .size = u->size,
                             .hot_size = u->hot_size,
                             .indirect = (uint32_t)(u->indirect - u->start),
                             .entry = (uint32_t)(u->entry - u->start),
                             .id = u->id,
                             .key = u->key,
                             .eip = u->eip,
                             .insns = u->insns,
                             .insn = u->insn};
    return t->emitted(t->emitted_ctx, &code);
}

/* Host code, units and blocks share one bound; some blocks are free of charge. */
static bool cache_is_full(const struct translator *t)
{
    uint64_t blocks = block_cache_bytes(t->vcpu->blocks);
    uint64_t used = t->code.used + unit_memory_bytes(&t->memory) + BACKEND_UNIT_ROOM;
    return used + (blocks > BLOCKS_FREE ? blocks - BLOCKS_FREE : 0) > t->code.size ||
           t->by_address_count == UNITS_MAX;
}

#define DEPARTED_LOOKS 8 /* so many of a block's units are looked at */

/* A unit for key that begins with b is to be made for another address: libraries lie elsewhere in
 * each process. Those of processes that are gone make room: one's host code is where the new one's
 * may go. Returns it, dead, or NULL. */
static const struct unit *drop_departed(struct translator *t, const struct block *b, uint32_t key)
{
    struct unit_part *p = b->translations, *next;
    const struct unit *departed = NULL;
    for (unsigned n = 0; t->vcpu->walk.paging && p && n < DEPARTED_LOOKS; n++, p = next) {
        struct unit *u = p->unit;
        next = p->next;
        if (u->part[0].block == b && u->key == key && unit_is_departed(t, u)) {
            unit_drop(t, u);
            t->counters.units_dropped++;
            departed = u;
        }
    }
    if (departed)
        returns_empty_all(t); /* they may lead into its host code */
    return departed;
}

/* Host code of the one that departed is replaced, or stands behind all other. */
static void enter_address(struct translator *t, struct unit *u, const struct unit *departed)
{
    uint32_t offset = (uint32_t)(u->start - t->code.run);
    if (departed && u->start == departed->start) {
        u->address_index = departed->address_index;
    } else {
        u->address_index = t->by_address_count++;
        while (t->code_pages <= offset >> PAGE_SHIFT)
            t->by_code_page[t->code_pages++] = u->address_index;
    }
    t->by_address[u->address_index] = (struct unit_address){offset, u};
}

static struct unit *unit_make(struct translator *t, struct block *b, uint32_t eip, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    if (t->restart) {
        t->dead = NULL; /* nor is there any other */
        unit_memory_empty(&t->memory);
        t->restart = false;
        t->by_address_count = t->code_pages = 0;
        t->code.used = t->code.keep;
    }
    uint32_t segment = segment_here(t);
    bool numbered = segment || !(key & KEY_SMALL);
    if (cache_is_full(t) || !numbered) {
        block_cache_flush(c->blocks); /* and the units with them */
        code_segments_forget(&t->segments);
        return NULL;
    }
    code_cache_reach(&t->code, t->code.used + BACKEND_UNIT_ROOM);
    struct plan plan = {0};
    if (!make_plan(t, b, eip, key, &plan))
        return NULL;
    const struct unit *departed = drop_departed(t, b, key);
    struct unit *u = unit_alloc(t, &plan);
    if (!u)
        return NULL;
    u->key = key;
    u->eip = eip;
    u->root = c->walk.root;
    u->top = c->walk.pdpte[((uint32_t)c->seg[SEG_CS].base + eip) >> 30];
    u->gva = (uint32_t)c->seg[SEG_CS].base + eip;
    u->limit = (uint32_t)(c->code_len - 1);
    u->segment = segment;
    fill(u, &plan);
    u->code = physmap_host(c->physmap, b->offset);
    u->crosses = b->crosses;
    u->stays = b->crosses || !c->walk.paging || !(key & KEY_CODE_FLAT);
    unit_index_enter(t, u);
    if (departed) {
        u->start = departed->start;
        u->room = departed->room;
    }
    backend_emit(t, u);
    give_back_links(t, u);
    enter_address(t, u, departed);
    t->counters.units++;
    uint64_t used = t->code.used + unit_memory_bytes(&t->memory);
    block_cache_limit(c->blocks, BLOCKS_FREE + t->code.size - (used < t->code.size ? used : 0));
    if (t->emitted && !unit_passes(t, u)) {
        unit_drop(t, u);
        return NULL;
    }
    return u;
}

/* A block is translated when it is entered a second time: much of what runs once is never entered
 * again. Making a unit takes as long as interpreting its code some 20 times; but each time that
 * host code is left for the interpreter and entered again costs as much, for all that has to be
 * looked up in cold memory (measured: docs/performance.md). Each further unit, for another mode or
 * another address (each start of a program has its libraries elsewhere), has to be earned anew.
 * What the guest keeps writing has to prove more. */
#define HEAT_FIRST     1
#define HEAT_AGAIN     4
#define HEAT_REWRITTEN 128

bool block_is_cold(struct block *b)
{
    unsigned enough = b->rewritten ? HEAT_REWRITTEN : b->translated ? HEAT_AGAIN : HEAT_FIRST;
    return b->heat < enough && b->heat++ < UINT16_MAX;
}

/* A unit that looks in the soft TLB is as right where there is a window. So for some entries it
 * serves there, too, before the code is translated anew: much of it does not run again. What runs
 * a third time most often goes on. */
#define LENT_MAX 2

/* A unit for key of this code, which stands at c->eip: one that is there, or moves there. */
static struct unit *ready(struct translator *t, const uint8_t *code, uint32_t key)
{
    struct unit *u = unit_find(t, code, key);
    if (u)
        return u;
    u = unit_to_move(t, code, key);
    return u && unit_move(t, u) ? u : NULL;
}

struct unit *unit_for(struct translator *t, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    const uint8_t *code = unit_code_here(t);
    struct unit *u = code ? ready(t, code, key) : NULL, *soft = NULL;
    if (u && !u->crosses)
        return u;
    if (!code && !c->stops && c->eip < c->code_len)
        return NULL; /* a device's memory is read once, by who runs it */
    struct block *b = block_find_cold(c);
    if (!b->live || b->stops)
        return NULL;
    if (!code || b->crosses)
        u = ready(t, physmap_host(c->physmap, b->offset), key);
    if (u)
        return u;
    if (key & KEY_WINDOW)
        soft = unit_at(t, b, key & ~KEY_WINDOW);
    if (soft && soft->lent < LENT_MAX) {
        soft->lent++;
        t->counters.lent++;
        unit_cut_ways_out(t, soft); /* else all that it leads to would go on without the window */
        return soft;
    }
    if (!t->eager && !soft && block_is_cold(b))
        return NULL;
    b->heat = 1;
    b->translated = true;
    if (t->dead && !t->restart)
        units_free_dead(t);
    return unit_make(t, b, (uint32_t)c->eip, key);
}

struct unit *translator_unit_at(struct translator *t, const uint8_t *address)
{
    if (!code_cache_holds(&t->code, address))
        return NULL;
    uint32_t offset = (uint32_t)(address - t->code.run), page = offset >> PAGE_SHIFT;
    uint32_t low = page < t->code_pages ? t->by_code_page[page] : t->by_address_count;
    uint32_t high = page + 1 < t->code_pages ? t->by_code_page[page + 1] : t->by_address_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (t->by_address[mid].offset <= offset)
            low = mid + 1;
        else
            high = mid;
    }
    struct unit *u = low ? t->by_address[low - 1].unit : NULL;
    return u && address < u->start + u->size ? u : NULL;
}
