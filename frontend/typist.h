/* frontend/typist.h: types a list of key steps at a human pace of virtual time: --type, pasting,
 * the verb "type". Partition thread only.
 *
 * {until TEXT} waits for TEXT on the text screen as it is when the step is reached, or in what the
 * serial ports have written since the TEXT of the until before it (or since the start): so nothing
 * is missed that comes while a key is still on its way. */
#ifndef UMBRA_FRONTEND_TYPIST_H
#define UMBRA_FRONTEND_TYPIST_H

#include "frontend/keys.h"
#include "frontend/watch.h"
#include "partition/partition.h"

struct typist {
    struct key_steps steps;
    size_t next;
    uint64_t not_before; /* virtual ns */
    size_t watched;      /* the step whose text is looked for in serial output; count: none */
    struct watch watch;
};

/* Appends a script (frontend/keys.h). False with a sentence in error. */
bool typist_add(struct typist *t, const char *script, char *error, size_t error_len);
/* Appends plain text; returns the characters that are on no key. */
size_t typist_paste(struct typist *t, const char *text);
void typist_free(struct typist *t);

/* Call often. Does what is due; a key waits until the guest has taken the one before. screen: as it
 * is now; may be NULL when typist_waits_for_text was false. */
void typist_tick(struct typist *t, struct partition *p, const struct text_screen *screen);

/* What serial port number stream has written. */
void typist_stream(struct typist *t, unsigned stream, const uint8_t *data, size_t len);

static inline bool typist_is_done(const struct typist *t)
{
    return t->next >= t->steps.count;
}

static inline bool typist_waits_for_text(const struct typist *t)
{
    return !typist_is_done(t) && t->steps.step[t->next].until;
}

#endif
