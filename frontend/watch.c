#include "frontend/watch.h"

#include <stdlib.h>

#define CHUNK 256

bool watch_init(struct watch *w, const char *text)
{
    *w = (struct watch){.text = text, .len = text ? strlen(text) : 0};
    for (unsigned i = 0; text && i < WATCH_STREAMS; i++) {
        w->stream[i].tail = malloc(w->len + CHUNK);
        if (!w->stream[i].tail)
            return false;
    }
    return true;
}

void watch_free(struct watch *w)
{
    for (unsigned i = 0; i < WATCH_STREAMS; i++)
        free(w->stream[i].tail);
    *w = (struct watch){0};
}

size_t watch_stream(struct watch *w, unsigned stream, const uint8_t *data, size_t len)
{
    if (!w->text || w->seen || stream >= WATCH_STREAMS)
        return len;
    char *tail = w->stream[stream].tail;
    size_t *used = &w->stream[stream].used, taken = 0;
    while (taken < len && !w->seen) {
        size_t n = len - taken < CHUNK ? len - taken : CHUNK, before = *used;
        memcpy(tail + before, data + taken, n);
        *used += n;
        const char *found = memmem(tail, *used, w->text, w->len);
        w->seen = found != NULL;
        taken += found ? (size_t)(found + w->len - tail) - before : n;
        size_t keep = *used < w->len - 1 ? *used : w->len - 1;
        memmove(tail, tail + *used - keep, keep);
        *used = keep;
    }
    return taken;
}

void watch_screen(struct watch *w, const struct text_screen *screen)
{
    if (w->text && !w->seen)
        w->seen = text_screen_contains(screen, w->text);
}
