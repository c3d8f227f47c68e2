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

void watch_stream(struct watch *w, unsigned stream, const uint8_t *data, size_t len)
{
    if (!w->text || w->seen || stream >= WATCH_STREAMS)
        return;
    char *tail = w->stream[stream].tail;
    size_t *used = &w->stream[stream].used;
    while (len && !w->seen) {
        size_t n = len < CHUNK ? len : CHUNK;
        memcpy(tail + *used, data, n);
        *used += n;
        data += n;
        len -= n;
        w->seen = memmem(tail, *used, w->text, w->len) != NULL;
        size_t keep = *used < w->len - 1 ? *used : w->len - 1;
        memmove(tail, tail + *used - keep, keep);
        *used = keep;
    }
}

void watch_screen(struct watch *w, const struct text_screen *screen)
{
    if (w->text && !w->seen)
        w->seen = text_screen_contains(screen, w->text);
}
