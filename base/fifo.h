/* base/fifo.h: the one byte queue of fixed capacity that device models use. Never overflows, never
 * reads what was not written; a guest's indices never reach it. Plain data: put the struct in the
 * device's state and fifo_fields, by FIELD_SUB1, in its field table. */
#ifndef UMBRA_BASE_FIFO_H
#define UMBRA_BASE_FIFO_H

#include "base/fields.h"

#define FIFO_CAPACITY 256

struct fifo {
    uint8_t data[FIFO_CAPACITY];
    uint16_t head;  /* index of the oldest byte, below FIFO_CAPACITY */
    uint16_t count; /* bytes held, at most limit */
    uint16_t limit; /* the device's capacity, 1..FIFO_CAPACITY */
};

/* Empties the queue and sets how many bytes it may hold (1..FIFO_CAPACITY). */
static inline void fifo_init(struct fifo *f, unsigned limit)
{
    memset(f, 0, sizeof *f);
    f->limit = (uint16_t)(limit < 1 ? 1 : limit > FIFO_CAPACITY ? FIFO_CAPACITY : limit);
}

static inline void fifo_clear(struct fifo *f)
{
    f->head = f->count = 0;
}

static inline bool fifo_is_full(const struct fifo *f)
{
    return f->count >= f->limit;
}

/* False, and nothing stored, when full. */
static inline bool fifo_push(struct fifo *f, uint8_t byte)
{
    if (fifo_is_full(f) || f->count >= FIFO_CAPACITY)
        return false;
    f->data[(f->head + f->count) % FIFO_CAPACITY] = byte;
    f->count++;
    return true;
}

/* The oldest byte, removed; 0 when empty. */
static inline uint8_t fifo_pop(struct fifo *f)
{
    if (!f->count)
        return 0;
    uint8_t byte = f->data[f->head % FIFO_CAPACITY];
    f->head = (uint16_t)((f->head + 1) % FIFO_CAPACITY);
    f->count--;
    return byte;
}

/* The byte at distance i from the oldest; 0 beyond the end. */
static inline uint8_t fifo_peek(const struct fifo *f, unsigned i)
{
    return i < f->count ? f->data[(f->head + i) % FIFO_CAPACITY] : 0;
}

extern const struct field fifo_fields[]; /* for FIELD_SUB1 */

#endif
