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
        fwrite(m->held.data, 1, m->held.len, stderr);
    if (m->lost)
        fprintf(stderr, "umbra: %" PRIu64 " messages more came meanwhile\n", m->lost);
    if (m->text > MESSAGES_TEXT_MAX)
        fprintf(stderr, "\numbra: the guest's debug console wrote %" PRIu64 " bytes more\n",
                m->text - MESSAGES_TEXT_MAX);
    bytes_free(&m->held);
    m->lost = m->text = 0;
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

bool messages_hold_text(struct messages *m, const uint8_t *text, size_t len)
{
    pthread_mutex_lock(&m->lock);
    bool hold = m->hold;
    if (hold) {
        size_t room = m->text < MESSAGES_TEXT_MAX ? MESSAGES_TEXT_MAX - (size_t)m->text : 0;
        bytes_append(&m->held, text, len < room ? len : room);
        m->text += len;
    }
    pthread_mutex_unlock(&m->lock);
    return hold;
}

void messages_free(struct messages *m)
{
    messages_release(m);
    pthread_mutex_destroy(&m->lock);
}
