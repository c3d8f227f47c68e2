/* translator/unit_memory.c: see unit_memory.h. */
#include "translator/unit_memory.h"

#include <assert.h>

#include "base/big.h"
#include "base/bits.h"

static size_t lines_of(size_t bytes)
{
    return (bytes + UNIT_LINE - 1) / UNIT_LINE;
}

/* Sees to it that the current chunk has room for bytes. */
static bool chunk_for(struct unit_memory *m, size_t bytes)
{
    unsigned n = m->current;
    if (m->chunk[n] && m->current_used + bytes <= UNIT_CHUNK_BYTES)
        return true;
    n += m->chunk[n] != NULL;
    if (n < UNIT_CHUNKS && !m->chunk[n])
        m->chunk[n] = big_alloc(UNIT_CHUNK_BYTES);
    if (n == UNIT_CHUNKS || !m->chunk[n])
        return false;
    m->current = n;
    m->current_used = 0;
    return true;
}

void *unit_memory_take(struct unit_memory *m, size_t bytes)
{
    size_t lines = lines_of(bytes);
    assert(lines <= UNIT_ROOM_LINES);
    struct unit_room *room = m->free[lines];
    if (room) {
        m->free[lines] = room->next;
    } else {
        if (!chunk_for(m, lines * UNIT_LINE))
            return NULL;
        room = (struct unit_room *)(m->chunk[m->current] + m->current_used);
        m->current_used += lines * UNIT_LINE;
    }
    return room;
}

bool unit_memory_shorten(struct unit_memory *m, const void *room, size_t bytes, size_t to)
{
    size_t lines = lines_of(bytes);
    if ((const uint8_t *)room + lines * UNIT_LINE != m->chunk[m->current] + m->current_used)
        return false;
    m->current_used -= (lines - lines_of(to)) * UNIT_LINE;
    return true;
}

void unit_memory_give(struct unit_memory *m, void *room, size_t bytes)
{
    struct unit_room *r = room;
    r->next = m->free[lines_of(bytes)];
    m->free[lines_of(bytes)] = r;
}

void unit_memory_empty(struct unit_memory *m)
{
    for (unsigned n = 0; n < UNIT_CHUNKS && m->chunk[n]; n++)
        big_free(m->chunk[n], UNIT_CHUNK_BYTES);
    *m = (struct unit_memory){0};
}
