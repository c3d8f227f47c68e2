/* frontend/messages.c: see messages.h. */
#include "frontend/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void messages_init(struct messages *m)
{
    *m = (struct messages){0};
    pthread_mutex_init(&m->lock, NULL);
}

void messages_hold(struct messages *m)
{
    pthread_mutex_lock(&m->lock);
    m->hold = true;
    pthread_mutex_unlock(&m->lock);
}

void messages_release(struct messages *m)
{
    pthread_mutex_lock(&m->lock);
    if (m->held.len)
        fprintf(stderr, "%.*s", (int)m->held.len, (const char *)m->held.data);
    if (m->lost)
        fprintf(stderr, "umbra: %" PRIu64 " messages more came meanwhile\n", m->lost);
    bytes_free(&m->held);
    m->lost = 0;
    m->hold = false;
    pthread_mutex_unlock(&m->lock);
}

void messages_sink(void *ctx, enum log_level level, const char *line)
{
    struct messages *m = ctx;
    static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
    pthread_mutex_lock(&m->lock);
    if (!m->hold) {
        fprintf(stderr, "umbra: %s%s\n", prefix[level], line);
    } else if (m->held.len + strlen(line) + 32 > MESSAGES_HELD_MAX) {
        m->lost++;
    } else {
        const char *part[] = {"umbra: ", prefix[level], line, "\n"};
        for (unsigned n = 0; n < ARRAY_LEN(part); n++)
            bytes_append(&m->held, part[n], strlen(part[n]));
    }
    pthread_mutex_unlock(&m->lock);
}

void messages_free(struct messages *m)
{
    messages_release(m);
    pthread_mutex_destroy(&m->lock);
}
