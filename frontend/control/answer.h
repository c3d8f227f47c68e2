/* frontend/control/answer.h: what a verb has to say: lines of text for people, and the same as
 * members of a JSON object for programs. Writing JSON needs no library: json_put_* append to a
 * buffer and put the commas themselves. Any bytes may come (a guest's screen, a file name): what is
 * not UTF-8 becomes U+FFFD, so what is written is always valid JSON on one line. */
#ifndef UMBRA_FRONTEND_CONTROL_ANSWER_H
#define UMBRA_FRONTEND_CONTROL_ANSWER_H

#include "base/fields.h"
#include "partition/text.h"

struct answer {
    struct bytes text; /* whole lines; when failed: one sentence without line end */
    struct bytes data; /* members of an object, without its braces */
    bool failed;
};

void answer_free(struct answer *a);

/* Appends to text. */
void answer_text(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The verb could not do it: what was said so far is dropped, this is why. */
void answer_fail(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A member of the object that is open in out, or, with name NULL, an element of the open array. */
void json_put_number(struct bytes *out, const char *name, uint64_t value);
void json_put_signed(struct bytes *out, const char *name, int64_t value);
void json_put_bool(struct bytes *out, const char *name, bool value);
void json_put_string(struct bytes *out, const char *name, const char *value);
void json_put_bytes(struct bytes *out, const char *name, const void *value, size_t len);
void json_put_hex(struct bytes *out, const char *name, const void *value, size_t len);
void json_put_base64(struct bytes *out, const char *name, const void *value, size_t len);
/* raw is JSON already: one value. */
void json_put_raw(struct bytes *out, const char *name, const void *raw, size_t len);

/* what: '{' or '['. json_close takes the closing one. */
void json_open(struct bytes *out, const char *name, char what);
void json_close(struct bytes *out, char what);

#endif
