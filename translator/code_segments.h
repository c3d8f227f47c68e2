/* translator/code_segments.h: numbers for the code segments of 16-bit protected mode.
 *
 * Programs there consist of many small code segments and call between them all the time, so they
 * share one jump table, as those of 8086 code do: a target's token (unit_token) is the number of
 * its segment and its IP. A segment is what the descriptor said, its base and limit, whatever
 * selector it was loaded by: so a number means the same for ever, and nothing has to be flushed
 * when a guest moves its segments. When there are no numbers left everything is translated anew
 * (unit_make). */
#ifndef UMBRA_TRANSLATOR_CODE_SEGMENTS_H
#define UMBRA_TRANSLATOR_CODE_SEGMENTS_H

#include <stdint.h>

#define CODE_SEGMENTS       4096
#define CODE_SEGMENT_PLACES 8192 /* a power of two, and more of them */

struct code_segment {
    uint32_t base, limit;
    uint32_t token; /* its number, spread over the upper half: unit_token of IP 0 */
};

struct code_segments {
    struct code_segment last; /* asked for; token 0: none */
    unsigned count;
    struct code_segment segment[CODE_SEGMENTS];
    uint16_t place[CODE_SEGMENT_PLACES]; /* by hash: index in segment, plus 1; 0: none */
};

/* The token of IP 0 in the segment; never 0 but when all numbers are in use. */
uint32_t code_segment_find(struct code_segments *s, uint32_t base, uint32_t limit);

static inline uint32_t code_segment_token(struct code_segments *s, uint32_t base, uint32_t limit)
{
    if (s->last.base == base && s->last.limit == limit && s->last.token)
        return s->last.token;
    return code_segment_find(s, base, limit);
}

/* No number is in use. */
void code_segments_forget(struct code_segments *s);

#endif
