/* cpu/stops.c: see stops.h.
 *
 * vcpu.stops is set exactly while there is a place, a watchpoint, a wanted event or an unfinished
 * step. What happens within an instruction waits in pending until the instruction is complete. */
#include "cpu/stops.h"

#include <stdlib.h>

#include "cpu/access.h"
#include "cpu/block.h"
#include "cpu/shadow.h"

static bool set_has(const uint64_t set[64], unsigned bit)
{
    return set[bit / 64] >> bit % 64 & 1;
}

static void set_add(uint64_t set[64], unsigned bit)
{
    set[bit / 64] |= BIT(bit % 64);
}

static unsigned hash_page(uint64_t address)
{
    uint64_t page = address >> PAGE_SHIFT;
    return (unsigned)((page ^ page >> 12) & 4095);
}

/* --- The list ------------------------------------------------------------------------------- */

static void place_locate(const struct stops *s, struct stop_place *p)
{
    if (p->kind != STOP_PHYSICAL)
        return;
    struct physmap *pm = s->vcpu->physmap;
    p->offset = physmap_machine(pm, physmap_find(pm, p->address), p->address);
}

static uint32_t place_len(const struct stop_place *p)
{
    return p->len ? p->len : 1;
}

#define FILTER_BITS 4096u

static void filter(struct stops *s, struct stop_place *p)
{
    uint32_t len = place_len(p);
    place_locate(s, p);
    if (p->kind == STOP_SEGMENTED) {
        s->segmented++;
        return;
    }
    for (uint32_t n = 0; n < len && n < FILTER_BITS; n++)
        set_add(s->low, (p->address + n) & PAGE_MASK);
    bool linear = p->kind == STOP_LINEAR;
    uint64_t first = linear ? p->address : p->offset;
    uint64_t pages = ((first & PAGE_MASK) + len + PAGE_MASK) >> PAGE_SHIFT;
    for (uint64_t n = 0; n < pages && n < FILTER_BITS; n++)
        set_add(linear ? s->linear : s->physical, hash_page(first + n * PAGE_SIZE));
}

static void filters_make(struct stops *s)
{
    memset(s->low, 0, sizeof s->low);
    memset(s->linear, 0, sizeof s->linear);
    memset(s->physical, 0, sizeof s->physical);
    s->segmented = 0;
    for (unsigned n = 0; n < s->place_count; n++)
        filter(s, &s->place[n]);
    if (s->once_set)
        filter(s, &s->once);
}

void stops_update_engine(struct vcpu *c)
{
    c->interpret = c->history_blocks || (c->stop_on & STOP_ON_RETURN);
}

static void activate(struct stops *s)
{
    struct vcpu *c = s->vcpu;
    c->stop_on = s->events | (c->stop_on & STOP_ON_RETURN);
    bool any = s->place_count || s->once_set || s->watch_count || c->stop_on || c->stepping;
    c->stops = any ? s : NULL;
    if (!any) { /* nobody looks at these any more */
        s->pending_count = 0;
        c->events &= ~(uint32_t)EVENT_DEBUG;
    }
    stops_update_engine(c);
}

static void places_changed(struct stops *s)
{
    filters_make(s);
    activate(s);
    block_stops_changed(s->vcpu->blocks);
}

static void watches_changed(struct stops *s)
{
    s->vcpu->watching = s->watch_count != 0;
    activate(s);
    shadow_watches_changed(s->vcpu);
    vcpu_attend(s->vcpu, EVENT_BLOCKS);
}

void stops_init(struct stops *s, struct vcpu *c)
{
    *s = (struct stops){.vcpu = c};
}

void stops_free(struct stops *s)
{
    free(s->place);
    free(s->watch);
    *s = (struct stops){.vcpu = s->vcpu};
}

static bool same_place(const struct stop_place *a, const struct stop_place *b)
{
    return a->kind == b->kind && a->address == b->address && place_len(a) == place_len(b) &&
           (a->kind != STOP_SEGMENTED || a->selector == b->selector);
}

static bool same_watch(const struct stop_watch *a, const struct stop_watch *b)
{
    return a->address == b->address && a->len == b->len && a->read == b->read &&
           a->write == b->write && a->physical == b->physical;
}

bool stops_break_add(struct stops *s, struct stop_place place)
{
    for (unsigned n = 0; n < s->place_count; n++) {
        if (same_place(&s->place[n], &place))
            return true;
    }
    struct stop_place *more = realloc(s->place, (s->place_count + 1) * sizeof *more);
    if (!more)
        return false;
    s->place = more;
    s->place[s->place_count++] = place;
    places_changed(s);
    return true;
}

bool stops_break_remove(struct stops *s, struct stop_place place)
{
    for (unsigned n = 0; n < s->place_count; n++) {
        if (!same_place(&s->place[n], &place))
            continue;
        s->place[n] = s->place[--s->place_count];
        places_changed(s);
        return true;
    }
    return false;
}

bool stops_watch_add(struct stops *s, struct stop_watch watch)
{
    for (unsigned n = 0; n < s->watch_count; n++) {
        if (same_watch(&s->watch[n], &watch))
            return true;
    }
    struct stop_watch *more = realloc(s->watch, (s->watch_count + 1) * sizeof *more);
    if (!more)
        return false;
    s->watch = more;
    s->watch[s->watch_count++] = watch;
    watches_changed(s);
    return true;
}

bool stops_watch_remove(struct stops *s, struct stop_watch watch)
{
    for (unsigned n = 0; n < s->watch_count; n++) {
        if (!same_watch(&s->watch[n], &watch))
            continue;
        s->watch[n] = s->watch[--s->watch_count];
        watches_changed(s);
        return true;
    }
    return false;
}

void stops_remove_all(struct stops *s)
{
    bool places = s->place_count || s->once_set, watches = s->watch_count;
    s->place_count = s->watch_count = 0;
    s->once_set = false;
    s->events = 0;
    s->pending_count = 0;
    if (places)
        places_changed(s);
    if (watches)
        watches_changed(s);
    activate(s);
}

void stops_want_events(struct stops *s, uint32_t events)
{
    s->events = events;
    activate(s);
}

void stops_map_changed(struct vcpu *c)
{
    filters_make(c->stops);
}

/* --- Going on and stopping -------------------------------------------------------------------- */

/* Grows with every instruction, every round of a repeated one, and every event delivered: a step is
 * one of these. */
static uint64_t progress(const struct vcpu *c)
{
    uint64_t sum = c->insns + c->interrupts;
    for (unsigned n = 0; n < ARRAY_LEN(c->faults); n++)
        sum += c->faults[n];
    return sum;
}

static uint32_t linear_pc(const struct vcpu *c)
{
    return (uint32_t)(c->seg[SEG_CS].base + c->eip);
}

void stops_resume(struct stops *s, bool step, const struct stop_place *run_to)
{
    struct vcpu *c = s->vcpu;
    stops_cancel(s);
    s->hit = (struct stop_hit){0};
    s->resume_insns = c->insns;
    s->resume_pc = linear_pc(c);
    s->range_len = 0;
    if (step) {
        c->stepping = true;
        s->step_mark = progress(c);
        vcpu_attend(c, EVENT_DEBUG);
    }
    if (run_to) {
        s->once_set = true;
        s->once = *run_to;
        places_changed(s);
    }
    activate(s);
}

void stops_resume_range(struct stops *s, uint32_t first, uint32_t len)
{
    stops_resume(s, true, NULL);
    s->range_first = first;
    s->range_len = len;
}

void stops_resume_out(struct stops *s)
{
    struct vcpu *c = s->vcpu;
    stops_resume(s, false, NULL);
    s->out.stack = stops_slot(c);
    s->out.reach = c->stack32 ? 1u << 20 : 1u << 16;
    s->out.cr3 = (uint32_t)c->cr3;
    s->out.cpl = c->cpl;
    s->out.nested_count = 0;
    c->stop_on |= STOP_ON_RETURN;
    activate(s);
}

void stops_cancel(struct stops *s)
{
    struct vcpu *c = s->vcpu;
    c->stepping = false;
    c->events &= ~(uint32_t)EVENT_DEBUG;
    c->stop_on &= ~(uint32_t)STOP_ON_RETURN;
    s->out.done = false;
    s->pending_count = 0;
    if (s->once_set) {
        s->once_set = false;
        places_changed(s);
    }
    activate(s);
}

static bool stop(struct stops *s, enum stop_reason reason)
{
    if (s->hit.reason == STOP_NOTHING)
        s->hit = (struct stop_hit){.reason = reason, .address = linear_pc(s->vcpu)};
    stops_cancel(s);
    return true;
}

static bool step_is_done(const struct vcpu *c)
{
    struct stops *s = c->stops;
    if (!c->stepping || progress(c) == s->step_mark)
        return false;
    if (linear_pc(c) - s->range_first >= s->range_len)
        return true;
    s->step_mark = progress(c); /* one more, in the range */
    return false;
}

static bool is_wanted(const struct stops *s, struct stop_hit *hit)
{
    return !s->wanted || s->wanted(s->wanted_ctx, hit);
}

/* The first write is what is told of an instruction, else what came first. */
static bool pending_stop(struct stops *s)
{
    struct vcpu *c = s->vcpu;
    const struct stop_hit *best = NULL;
    for (unsigned n = 0; n < s->pending_count; n++) {
        struct stop_hit *hit = &s->pending[n];
        if (is_wanted(s, hit) && (!best || (best->reason == STOP_WATCHPOINT && !best->write &&
                                            hit->reason == STOP_WATCHPOINT && hit->write)))
            best = hit;
    }
    s->pending_count = 0;
    if (best) {
        s->hit = *best;
        return stop(s, best->reason);
    }
    if (!c->stepping && !s->out.done)
        c->events &= ~(uint32_t)EVENT_DEBUG;
    return false;
}

bool stops_after(struct vcpu *c)
{
    struct stops *s = c->stops;
    if (s->pending_count && pending_stop(s))
        return true;
    if (s->out.done)
        return stop(s, STOP_RETURNED);
    return step_is_done(c) && stop(s, STOP_STEPPED);
}

static bool is_above(const struct vcpu *c, const struct stop_place *p)
{
    return !p->above || c->seg[SEG_SS].selector != p->stack_selector ||
           (int32_t)(stops_slot(c) - p->stack) >= 0;
}

static bool place_is_here(const struct vcpu *c, const struct stop_place *p, uint32_t pc)
{
    uint32_t len = place_len(p);
    uint64_t gpa;
    switch (p->kind) {
    case STOP_LINEAR:
        return pc - (uint32_t)p->address < len;
    case STOP_SEGMENTED:
        return p->selector == c->seg[SEG_CS].selector &&
               (uint32_t)c->eip - (uint32_t)p->address < len;
    case STOP_PHYSICAL:
        return (len > 1 || !((p->address ^ pc) & PAGE_MASK)) &&
               linear_peek((struct vcpu *)c, pc, &gpa) &&
               physmap_gate(c->physmap, gpa) - physmap_gate(c->physmap, p->address) < len;
    }
    return false;
}

/* The instruction at pc has been reported and has not run to its end since. RF says so of one that
 * faulted or was left between two repeats. */
static bool was_reported(const struct vcpu *c, uint32_t pc)
{
    const struct stops *s = c->stops;
    return pc == s->resume_pc && (c->insns == s->resume_insns || (c->eflags & FLAG_RF));
}

/* A place where the vCPU stands and should stop, or NULL. *hit is filled. */
static struct stop_place *place_here(struct stops *s, uint32_t pc, struct stop_hit *hit)
{
    struct vcpu *c = s->vcpu;
    for (unsigned n = 0; n < s->place_count; n++) {
        struct stop_place *p = &s->place[n];
        if (!place_is_here(c, p, pc))
            continue;
        p->hits++;
        *hit = (struct stop_hit){.reason = STOP_BREAKPOINT, .place = *p, .address = pc};
        if (is_wanted(s, hit))
            return p;
    }
    if (!s->once_set || !place_is_here(c, &s->once, pc) || !is_above(c, &s->once))
        return NULL;
    s->once.hits++;
    *hit = (struct stop_hit){.reason = STOP_BREAKPOINT, .place = s->once, .address = pc};
    return &s->once;
}

bool stops_before(struct vcpu *c)
{
    struct stops *s = c->stops;
    if (s->pending_count && pending_stop(s)) /* by an interrupt just delivered */
        return true;
    if (step_is_done(c))
        return stop(s, STOP_STEPPED);
    uint32_t pc = linear_pc(c);
    if ((!set_has(s->low, pc & PAGE_MASK) && !s->segmented) || was_reported(c, pc))
        return false;
    struct stop_hit hit;
    if (!place_here(s, pc, &hit))
        return false;
    s->hit = hit;
    return stop(s, STOP_BREAKPOINT);
}

/* Marks the bytes of p that lie in the page; false when there are none. */
static bool place_in_page(const struct vcpu *c, const struct stop_place *p, uint32_t gva,
                          uint64_t offset, uint64_t at[PAGE_SIZE / 64])
{
    /* Both in the same space: where the place begins, where the page does. */
    uint64_t start = (uint32_t)p->address, page = align_down(gva, (uint32_t)PAGE_SIZE);
    if (p->kind == STOP_PHYSICAL) {
        start = p->offset;
        page = align_down(offset, PAGE_SIZE);
    } else if (p->kind == STOP_SEGMENTED) {
        if (p->selector != c->seg[SEG_CS].selector)
            return false;
        start = (uint32_t)(p->address + c->seg[SEG_CS].base);
    }
    uint64_t end = start + place_len(p);
    if (end <= page || start >= page + PAGE_SIZE)
        return false;
    uint64_t first = start > page ? start - page : 0;
    for (uint64_t n = first; n < PAGE_SIZE && page + n < end; n++)
        set_add(at, (unsigned)n);
    return true;
}

bool stops_in_page(const struct vcpu *c, uint32_t gva, uint64_t offset, uint64_t at[PAGE_SIZE / 64])
{
    const struct stops *s = c->stops;
    if (!s->segmented && !set_has(s->linear, hash_page(gva)) &&
        !set_has(s->physical, hash_page(offset)))
        return false;
    bool any = false;
    memset(at, 0, PAGE_SIZE / 8);
    for (unsigned n = 0; n < s->place_count; n++)
        any |= place_in_page(c, &s->place[n], gva, offset, at);
    if (s->once_set)
        any |= place_in_page(c, &s->once, gva, offset, at);
    return any;
}

/* --- Within an instruction -------------------------------------------------------------------- */

static void pend(struct vcpu *c, const struct stop_hit *hit)
{
    struct stops *s = c->stops;
    if (s->pending_count < STOPS_PENDING)
        s->pending[s->pending_count++] = *hit;
    vcpu_attend(c, EVENT_DEBUG);
}

static bool overlaps(uint64_t at, uint64_t len, uint64_t other, uint64_t other_len)
{
    return other - at < len || at - other < other_len;
}

static bool overlaps_linear(const struct stop_watch *w, uint32_t gva, unsigned size)
{
    uint32_t at = (uint32_t)w->address;
    return (uint32_t)(gva - at) < w->len || at - gva < size;
}

bool stops_page_watched(const struct vcpu *c, uint32_t gva)
{
    const struct stops *s = c->stops;
    uint32_t page = align_down(gva, (uint32_t)PAGE_SIZE);
    uint64_t gpa;
    for (unsigned n = 0; n < s->watch_count; n++) {
        const struct stop_watch *w = &s->watch[n];
        if (w->physical ? linear_peek((struct vcpu *)c, page, &gpa) &&
                              overlaps(w->address, w->len, physmap_gate(c->physmap, gpa), PAGE_SIZE)
                        : overlaps_linear(w, page, PAGE_SIZE))
            return true;
    }
    return false;
}

/* By the page that each end lies in: an access touches two pages at most. */
static bool overlaps_physical(struct vcpu *c, const struct stop_watch *w, uint32_t gva,
                              unsigned size)
{
    unsigned room = (unsigned)(PAGE_SIZE - (gva & PAGE_MASK)), first = size < room ? size : room;
    uint64_t gpa;
    if (linear_peek(c, gva, &gpa) &&
        overlaps(w->address, w->len, physmap_gate(c->physmap, gpa), first))
        return true;
    return first < size && linear_peek(c, gva + first, &gpa) &&
           overlaps(w->address, w->len, physmap_gate(c->physmap, gpa), size - first);
}

void stops_watched(struct vcpu *c, uint32_t gva, unsigned size, bool write)
{
    struct stops *s = c->stops;
    for (unsigned n = 0; n < s->watch_count; n++) {
        struct stop_watch *w = &s->watch[n];
        if ((write ? !w->write : !w->read) ||
            !(w->physical ? overlaps_physical(c, w, gva, size) : overlaps_linear(w, gva, size)))
            continue;
        w->hits++;
        pend(c, &(struct stop_hit){.reason = STOP_WATCHPOINT,
                                   .watch = *w,
                                   .address = gva,
                                   .size = (uint8_t)size,
                                   .write = write});
    }
}

void stops_event(struct vcpu *c, struct stop_event event)
{
    pend(c, &(struct stop_hit){.reason = STOP_EVENT, .event = event, .address = event.from});
}

/* --- Step out --------------------------------------------------------------------------------- */

static bool take_nested(struct stops *s, uint32_t slot)
{
    for (unsigned n = s->out.nested_count; n-- > 0;) {
        if (s->out.nested[n] != slot)
            continue;
        s->out.nested_count--;
        memmove(&s->out.nested[n], &s->out.nested[n + 1],
                (s->out.nested_count - n) * sizeof s->out.nested[0]);
        return true;
    }
    return false;
}

/* Only frames at or above where the step out began can be taken for the caller's. */
void stops_called(struct vcpu *c, unsigned skip)
{
    struct stops *s = c->stops;
    uint32_t slot = stops_slot(c) + skip;
    if (c->cpl != s->out.cpl || slot - s->out.stack >= s->out.reach)
        return;
    if (!take_nested(s, slot) && s->out.nested_count == STOPS_NESTED)
        take_nested(s, s->out.nested[0]);
    s->out.nested[s->out.nested_count++] = slot;
}

void stops_returned(struct vcpu *c, uint32_t slot, uint8_t cpl)
{
    struct stops *s = c->stops;
    if (cpl != s->out.cpl || slot - s->out.stack >= s->out.reach || take_nested(s, slot) ||
        (cpl == 3 && (uint32_t)c->cr3 != s->out.cr3))
        return;
    s->out.done = true;
    vcpu_attend(c, EVENT_DEBUG);
}
