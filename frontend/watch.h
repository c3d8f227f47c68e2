/* frontend/watch.h: --until: has the text come? Looks at what serial ports write, as a stream, and
 * at the text screen. Partition thread only. */
#ifndef UMBRA_FRONTEND_WATCH_H
#define UMBRA_FRONTEND_WATCH_H

#include "devices/display.h"

#define WATCH_STREAMS 4

struct watch {
    const char *text; /* NULL: watch for nothing */
    size_t len;
    bool seen;
    struct {
        char *tail; /* the last len - 1 bytes that came, then what comes */
        size_t used;
    } stream[WATCH_STREAMS];
};

/* False when out of memory. text is kept by reference. */
bool watch_init(struct watch *w, const char *text);
void watch_free(struct watch *w);

/* Returns how many of the bytes it took: all, unless the text ends among them. */
size_t watch_stream(struct watch *w, unsigned stream, const uint8_t *data, size_t len);
void watch_screen(struct watch *w, const struct text_screen *screen);

#endif
