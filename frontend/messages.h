/* frontend/messages.h: where messages of Umbra's own go, and what guests write to a debug console
 * that has no file: to stderr, but not into the middle of the guest's screen. While a display has
 * the terminal that stderr is, too, they are held, and printed when it is given back. Any thread.
 */
#ifndef UMBRA_FRONTEND_MESSAGES_H
#define UMBRA_FRONTEND_MESSAGES_H

#include <pthread.h>
#include <stdbool.h>

#include "base/fields.h"
#include "base/log.h"

#define MESSAGES_HELD_MAX (64u << 10) /* bytes: what comes after that is lost, and said to be */
#define MESSAGES_TEXT_MAX                                                  \
    (MESSAGES_HELD_MAX / 2) /* of them for text: guests may write for ever \
                             */

struct messages {
    pthread_mutex_t lock;
    bool hold;
    struct bytes held;
    uint64_t lost; /* lines */
    uint64_t text; /* bytes of text that were held or lost */
};

void messages_init(struct messages *m);
/* Holds them from now on. */
void messages_hold(struct messages *m);
/* Prints what was held; from now on they are printed at once. */
void messages_release(struct messages *m);
/* A log_sink; ctx is the struct messages. */
void messages_sink(void *ctx, enum log_level level, const char *line);
/* Holds what a guest has written, to be printed as it is. False: nothing is held now, the caller is
 * to print it. */
must_use bool messages_hold_text(struct messages *m, const uint8_t *text, size_t len);
void messages_free(struct messages *m);

#endif
