/* translator/unit_memory.h: memory for units, which are many, small and found all over: in large
 * pages, by chunks. What is given back serves the next of its size; all of it is given back at
 * once when the code cache starts over. */
#ifndef UMBRA_TRANSLATOR_UNIT_MEMORY_H
#define UMBRA_TRANSLATOR_UNIT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_LINE        64 /* bytes: rooms begin at a line of the host's cache */
#define UNIT_ROOM_LINES  96 /* of the largest */
#define UNIT_CHUNK_BYTES (UINT64_C(2) << 20)
#define UNIT_CHUNKS      2048

struct unit_room {
    struct unit_room *next;
};

struct unit_memory {
    uint8_t *chunk[UNIT_CHUNKS]; /* made when first needed */
    unsigned current;            /* the one that rooms are taken from */
    size_t current_used;
    struct unit_room *free[UNIT_ROOM_LINES + 1]; /* by lines */
};

/* NULL when there is no memory. bytes: at most UNIT_ROOM_LINES lines. */
void *unit_memory_take(struct unit_memory *m, size_t bytes);
/* What was taken, with so many bytes, needs fewer. False: it keeps all, since something was taken
 * behind it or it served before. */
bool unit_memory_shorten(struct unit_memory *m, const void *room, size_t bytes, size_t to);
/* What was taken, with bytes as then (or as shortened). */
void unit_memory_give(struct unit_memory *m, void *room, size_t bytes);
/* All that was taken is given back, and goes to the host: what blocks and host code take next time
 * may be more, and units less. */
void unit_memory_empty(struct unit_memory *m);

/* Bytes in use, and those that wait to be used again. */
static inline uint64_t unit_memory_bytes(const struct unit_memory *m)
{
    return m->current * UNIT_CHUNK_BYTES + m->current_used;
}

#endif
