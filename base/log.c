#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Pairs seen by log_once: an open-addressed table. When it is full the oldest knowledge is dropped
 * and pairs may repeat; memory stays bounded whatever the guest does. */
#define SEEN_SLOTS   1024
#define LINE_MAX_LEN 1024
#define SITES        512 /* places that log what guests do: more than there are */

struct site {
    const char *format;
    uint64_t lines; /* printed or not */
};

struct log {
    enum log_level level;
    log_sink *sink;
    void *ctx;
    pthread_mutex_t lock;
    uint64_t counts[LOG_DEBUG + 1];
    uint64_t seen[SEEN_SLOTS];
    unsigned seen_used;
    struct site site[SITES];
};

static void sink_stderr(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
    fprintf(stderr, "umbra: %s%s\n", prefix[level], line);
}

struct log *log_create(enum log_level level, log_sink *sink, void *ctx)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->level = level;
    log->sink = sink ? sink : sink_stderr;
    log->ctx = ctx;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void log_destroy(struct log *log)
{
    if (!log)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void log_line(struct log *log, enum log_level level, const char *format, va_list args)
{
    char line[LINE_MAX_LEN];
    vsnprintf(line, sizeof line, format, args);
    log->counts[level]++;
    log->sink(log->ctx, level, line);
}

void log_msg(struct log *log, enum log_level level, const char *format, ...)
{
    if (!log || level > log->level)
        return;
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&log->lock);
    log_line(log, level, format, args);
    pthread_mutex_unlock(&log->lock);
    va_end(args);
}

/* The site's count, this line included. When there are more sites than slots the last ones share.
 */
static uint64_t site_count(struct log *log, const char *format)
{
    unsigned at = (unsigned)((uintptr_t)format / 8 % SITES), tried = 0;
    while (log->site[at].format && log->site[at].format != format && ++tried < SITES)
        at = (at + 1) % SITES;
    log->site[at].format = format;
    return ++log->site[at].lines;
}

/* A line that a guest can repeat. */
static void guest_line(struct log *log, enum log_level level, const char *format, va_list args)
{
    uint64_t n = site_count(log, format);
    if (n <= LOG_SHOWN) {
        log_line(log, level, format, args);
    } else if (!(n & (n - 1))) {
        char line[LINE_MAX_LEN], counted[LINE_MAX_LEN + 64];
        vsnprintf(line, sizeof line, format, args);
        snprintf(counted, sizeof counted, "%s (%llu such lines so far)", line,
                 (unsigned long long)n);
        log->counts[level]++;
        log->sink(log->ctx, level, counted);
    }
}

void log_guest(struct log *log, enum log_level level, const char *format, ...)
{
    if (!log || level > log->level)
        return;
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&log->lock);
    guest_line(log, level, format, args);
    pthread_mutex_unlock(&log->lock);
    va_end(args);
}

/* Notes the pair; true when it was not seen before. */
static bool seen_add(struct log *log, uint64_t hash)
{
    if (log->seen_used > SEEN_SLOTS / 2) {
        log->seen_used = 0;
        for (unsigned i = 0; i < SEEN_SLOTS; i++)
            log->seen[i] = 0;
    }
    for (unsigned i = hash % SEEN_SLOTS;; i = (i + 1) % SEEN_SLOTS) {
        if (log->seen[i] == hash)
            return false;
        if (!log->seen[i]) {
            log->seen[i] = hash;
            log->seen_used++;
            return true;
        }
    }
}

void log_once(struct log *log, uint64_t key, const char *format, ...)
{
    if (!log || LOG_WARN > log->level)
        return;
    uint64_t hash = ((uint64_t)(uintptr_t)format * 31 + key) * UINT64_C(0x9E3779B97F4A7C15) | 1;
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&log->lock);
    if (seen_add(log, hash))
        guest_line(log, LOG_WARN, format, args);
    pthread_mutex_unlock(&log->lock);
    va_end(args);
}

uint64_t log_count(const struct log *log, enum log_level level)
{
    return log->counts[level];
}
