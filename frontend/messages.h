/* frontend/messages.h: where messages of Umbra's own go: to stderr, but not into the middle of the
 * guest's screen. While a display has the terminal that stderr is, too, they are held, and printed
 * when it is given back. Any thread. */
#ifndef UMBRA_FRONTEND_MESSAGES_H
#define UMBRA_FRONTEND_MESSAGES_H

#include <pthread.h>
#include <stdbool.h>

#include "base/fields.h"
#include "base/log.h"

#define MESSAGES_HELD_MAX (64u << 10) /* bytes: what comes after that is lost, and said to be */

struct messages {
    pthread_mutex_t lock;
    bool hold;
    struct bytes held;
    uint64_t lost; /* lines */
};

void messages_init(struct messages *m);
/* Holds them from now on. */
void messages_hold(struct messages *m);
/* Prints what was held; from now on they are printed at once. */
void messages_release(struct messages *m);
/* A log_sink; ctx is the struct messages. */
void messages_sink(void *ctx, enum log_level level, const char *line);
void messages_free(struct messages *m);

#endif
