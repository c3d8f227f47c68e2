/* frontend/control/lineread.h: lines from a file, a pipe or a terminal, for the console. On a
 * terminal with line editing, history and completion where the build has libedit. While it waits it
 * also watches a descriptor, so that whoever reads can be woken. One thread. */
#ifndef UMBRA_FRONTEND_CONTROL_LINEREAD_H
#define UMBRA_FRONTEND_CONTROL_LINEREAD_H

#include "base/bits.h"

struct lineread;

struct lineread_host {
    void *ctx;
    int wake; /* descriptor */
    /* It is readable. What it prints stands on lines of its own. False: read no more. */
    bool (*woken)(void *ctx);
    /* Calls found for each word that the last one of line may become. */
    void (*complete)(void *ctx, const char *line, void (*found)(void *ctx, const char *word),
                     void *found_ctx);
};

/* Reads fd; edit: it is a terminal, with out (stdout) beside it. NULL when out of memory. */
struct lineread *lineread_open(int fd, bool edit, const char *prompt, struct lineread_host host);
void lineread_close(struct lineread *r);

/* The next line without its end, valid until the next call; NULL: no more. */
const char *lineread_next(struct lineread *r);

#endif
