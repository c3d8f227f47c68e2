/* translator/code_segments.c: see code_segments.h. */
#include "translator/code_segments.h"

#include <string.h>

/* Functions begin at much the same IPs in all segments: their tokens' slots in a jump table
 * (jump_slot) must not. Odd, so each number has a token of its own. */
#define SPREAD 0x9E37u

uint32_t code_segment_find(struct code_segments *s, uint32_t base, uint32_t limit)
{
    uint32_t h = (base >> 4 ^ base << 16 ^ limit) * UINT32_C(0x9E3779B1);
    for (uint32_t at = h >> 19;; at++) {
        uint16_t *place = &s->place[at % CODE_SEGMENT_PLACES];
        if (!*place) {
            if (s->count == CODE_SEGMENTS)
                return 0;
            uint32_t token = (s->count + 1) * SPREAD << 16;
            s->segment[s->count] =
                (struct code_segment){.base = base, .limit = limit, .token = token};
            *place = (uint16_t)++s->count;
        }
        const struct code_segment *found = &s->segment[*place - 1];
        if (found->base == base && found->limit == limit) {
            s->last = *found;
            return found->token;
        }
    }
}

void code_segments_forget(struct code_segments *s)
{
    s->last.token = 0;
    s->count = 0;
    memset(s->place, 0, sizeof s->place);
}
