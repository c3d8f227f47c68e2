/* base/span.h: a bounded view of bytes. Device models slice buffers with these functions instead of
 * hand-made indices: every slice lies inside its parent, whatever the guest asked for. */
#ifndef UMBRA_BASE_SPAN_H
#define UMBRA_BASE_SPAN_H

#include "base/bits.h"

struct span {
    uint8_t *data;
    size_t len;
};

/* The part of s from offset on, at most len bytes; empty when offset lies beyond the end. */
static inline struct span span_slice(struct span s, size_t offset, size_t len)
{
    if (offset >= s.len)
        return (struct span){s.data, 0};
    size_t rest = s.len - offset;
    return (struct span){s.data + offset, len < rest ? len : rest};
}

/* Copies as much of from as fits into to; returns the bytes copied. */
static inline size_t span_copy(struct span to, struct span from)
{
    size_t len = to.len < from.len ? to.len : from.len;
    if (len)
        memmove(to.data, from.data, len);
    return len;
}

/* Byte i, or 0 beyond the end. */
static inline uint8_t span_byte(struct span s, size_t i)
{
    return i < s.len ? s.data[i] : 0;
}

/* Stores at byte i; false, and nothing stored, beyond the end. */
static inline bool span_put(struct span s, size_t i, uint8_t byte)
{
    if (i >= s.len)
        return false;
    s.data[i] = byte;
    return true;
}

#endif
