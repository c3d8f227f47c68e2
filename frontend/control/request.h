/* frontend/control/request.h: one line from a client of the control socket, read as JSON:
 *
 *     {"id": 7, "verb": "mem read", "args": ["0x7c00", 16]}
 *     {"id": 7, "line": "mem read 0x7c00 16"}
 *
 * id may be a number, a string or absent; it comes back with the answer. */
#ifndef UMBRA_FRONTEND_CONTROL_REQUEST_H
#define UMBRA_FRONTEND_CONTROL_REQUEST_H

#include "frontend/control/verbs.h"

struct request {
    char *id;                        /* as JSON; "null" when there is none */
    unsigned count;                  /* words, or, when 0: */
    const char *word[CONTROL_WORDS]; /* the verb's name (one or two) and its arguments */
    const char *line;
    void *tree;                 /* holds all that */
    char *texts[CONTROL_WORDS]; /* words that were made here */
    unsigned text_count;
};

/* Does this build have the control socket? (It takes a JSON library.) */
bool request_available(void);

/* False with a sentence in error when the line is no request; r->id is set all the same. Always
 * followed by request_free. */
must_use bool request_parse(struct request *r, const char *line, size_t len, char *error,
                            size_t error_len);
void request_free(struct request *r);

#endif
