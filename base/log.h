/* base/log.h: messages of Umbra's own.
 *
 * There is no global log: each partition owns one and hands it to its parts, so that two partitions
 * in one process never mix. A message is one line, without the line end.
 *
 * What a guest can bring about again and again goes by log_guest or log_once, so that it cannot
 * flood the terminal, whatever it does: of the lines of one site (its format) the first LOG_SHOWN
 * are printed, then the 64th, 128th and so on, each with the count, some 90 at the very most.
 * log_once, for behaviour of the guest that we do not implement, prints each (site, key) pair once
 * beside. Thread-safe: one mutex guards the sink and the tables. */
#ifndef UMBRA_BASE_LOG_H
#define UMBRA_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log;

/* Receives each finished line. level is one of enum log_level. */
typedef void log_sink(void *ctx, enum log_level level, const char *line);

/* A log that passes lines up to and including level to sink; sink NULL writes "umbra: LINE" to
 * stderr. Returns NULL when out of memory. */
struct log *log_create(enum log_level level, log_sink *sink, void *ctx);
void log_destroy(struct log *log);

/* A NULL log drops the message: parts under test need none. */
void log_msg(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As log_msg, for what a guest can repeat without end. */
#define LOG_SHOWN 32
void log_guest(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As log_guest, at LOG_WARN, once per (format, key). key is most often the guest's address. */
void log_once(struct log *log, uint64_t key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Lines passed to the sink so far, by level (LOG_ERROR..LOG_DEBUG); for tests and --stats. */
uint64_t log_count(const struct log *log, enum log_level level);

#endif
