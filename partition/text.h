/* partition/text.h: text for people, appended to a byte buffer. */
#ifndef UMBRA_PARTITION_TEXT_H
#define UMBRA_PARTITION_TEXT_H

#include "base/fields.h"

/* As printf; a line may be up to 1023 characters. */
void text_put(struct bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "#PF page fault", "IRQ or INT 20h": the name of an exception's vector, or NULL beyond 19. */
const char *vector_mnemonic(unsigned vector); /* "#PF" */
const char *vector_title(unsigned vector);    /* "page fault" */

/* "32-bit protected mode with paging": of a set of enum vcpu_mode. */
const char *mode_text(unsigned mode);

#endif
