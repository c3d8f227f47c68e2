/* frontend/debugger/debugger.h: the debugger's window (SDL2, Dear ImGui), beside the guest's own.
 *
 *     struct debugger *d = debugger_open(&config, error, sizeof error);
 *     once per display frame:  if (!debugger_frame(d)) ... the user closed it
 *     debugger_close(d);
 *
 * One thread, the one that drives the display. It never waits for the guest longer than one call
 * takes (partition_call, some 1 ms): the guest runs on at full speed with the window open. This
 * header is all that the rest of the frontend knows of the folder; the C++ in it knows view.h and
 * nothing of the emulator. */
#ifndef UMBRA_FRONTEND_DEBUGGER_DEBUGGER_H
#define UMBRA_FRONTEND_DEBUGGER_DEBUGGER_H

#include "frontend/control/control.h"

struct debugger;

struct debugger_config {
    struct partition *partition;
    struct control_client client; /* what the console panel may do */
    const char *title;            /* of the guest */
};

/* Could the window be opened here? False with a sentence in why_not. */
bool debugger_is_there(char *why_not, size_t why_not_len);

/* NULL with a sentence in error: no desktop, or no module that has the window
 * (frontend/display/module.h). */
struct debugger *debugger_open(const struct debugger_config *config, char *error, size_t error_len);

/* Takes the user's input, looks at the guest and draws. False: the user closed the window. */
bool debugger_frame(struct debugger *d);

/* Brings the window to the front. */
void debugger_raise(struct debugger *d);

/* Removes breakpoints and lets the guest go. NULL is nothing. */
void debugger_close(struct debugger *d);

#endif
