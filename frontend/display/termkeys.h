/* frontend/display/termkeys.h: what a terminal sends, as key presses.
 *
 * A terminal tells characters and escape sequences (ECMA-48, xterm's control sequences), not keys
 * going up and down: so each is a press and a release, with the modifiers that it implies. A lone
 * ESC is the Esc key when nothing follows it within the same burst of input. Ctrl-] is ours: quit.
 */
#ifndef UMBRA_FRONTEND_DISPLAY_TERMKEYS_H
#define UMBRA_FRONTEND_DISPLAY_TERMKEYS_H

#include "frontend/keys.h"

struct term_keys {
    uint8_t pending[32]; /* an escape sequence that has begun */
    unsigned count;
    bool quit; /* Ctrl-] came */
};

/* Takes one byte of input. Appends the keys that it completes. */
void term_keys_byte(struct term_keys *t, uint8_t byte, struct key_steps *out);

/* No more input for now: an ESC that waits for more was the Esc key, or Alt with what follows. */
void term_keys_idle(struct term_keys *t, struct key_steps *out);

#endif
