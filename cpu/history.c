/* cpu/history.c: see history.h. */
#include "cpu/history.h"

#include <stdlib.h>

#include "cpu/run.h"
#include "cpu/stops.h"

struct history *history_create(void)
{
    return calloc(1, sizeof(struct history));
}

void history_destroy(struct history *h)
{
    if (!h)
        return;
    free(h->block);
    free(h);
}

void history_clear(struct history *h)
{
    h->events = h->blocks = 0;
    memset(h->delivered, 0, sizeof h->delivered);
}

bool history_blocks_on(struct vcpu *c, bool on)
{
    struct history *h = c->history;
    if (on && !h->block && !(h->block = calloc(HISTORY_BLOCKS, sizeof *h->block)))
        return false;
    c->history_blocks = on;
    stops_update_engine(c);
    vcpu_attend(c, EVENT_BLOCKS);
    return true;
}

void history_event(struct vcpu *c, enum history_kind kind, uint16_t from_cs, uint32_t from_eip,
                   uint8_t vector, uint32_t detail)
{
    struct history *h = c->history;
    if (kind <= HISTORY_SOFTWARE)
        h->delivered[kind][vector]++;
    h->event[h->events++ % HISTORY_EVENTS] = (struct history_entry){
        .insns = vcpu_insns(c),
        .from_eip = from_eip,
        .to_eip = (uint32_t)c->eip,
        .from_cs = from_cs,
        .to_cs = c->seg[SEG_CS].selector,
        .kind = (uint8_t)kind,
        .vector = vector,
        .mode = (uint8_t)c->mode,
        .detail = detail,
        .cr2 = c->cr2,
    };
}

/* The event that is next, going back; NULL when there is none left. */
static const struct history_entry *event_at(const struct history *h, uint64_t behind)
{
    if (behind >= h->events || behind >= HISTORY_EVENTS)
        return NULL;
    return &h->event[(h->events - 1 - behind) % HISTORY_EVENTS];
}

static const struct history_block *block_at(const struct history *h, uint64_t behind)
{
    if (behind >= h->blocks || behind >= HISTORY_BLOCKS)
        return NULL;
    return &h->block[(h->blocks - 1 - behind) % HISTORY_BLOCKS];
}

bool history_next(const struct history *h, struct history_cursor *at, struct history_entry *out)
{
    const struct history_entry *event = event_at(h, at->event);
    const struct history_block *block = block_at(h, at->block);
    if (!event && !block)
        return false;
    /* A delivery comes before the handler's first block, which has the same count. */
    if (event && (!block || event->insns > block->insns)) {
        *out = *event;
        at->event++;
        return true;
    }
    *out = (struct history_entry){.insns = block->insns,
                                  .from_eip = block->eip,
                                  .to_eip = block->eip,
                                  .from_cs = block->cs,
                                  .to_cs = block->cs,
                                  .kind = HISTORY_BLOCK,
                                  .mode = block->mode};
    at->block++;
    return true;
}

void vcpu_mode_changed(struct vcpu *c, uint32_t mode)
{
    uint32_t old = c->mode;
    c->mode = mode;
    history_event(c, HISTORY_MODE, c->seg[SEG_CS].selector, vcpu_eip(c), 0, old << 8 | mode);
    if (unlikely(c->stop_on & STOP_ON_MODE))
        stops_event(c, (struct stop_event){.kind = STOP_ON_MODE,
                                           .from_cs = c->seg[SEG_CS].selector,
                                           .from = vcpu_pc(c),
                                           .value = mode,
                                           .old = old});
}
