/* frontend/control/console.h: the verbs as a prompt on stdin and stdout, or from a file. A thread
 * of its own reads and waits; a verb that lets the guest go waits for its next stop, unless the
 * line ends with &. */
#ifndef UMBRA_FRONTEND_CONTROL_CONSOLE_H
#define UMBRA_FRONTEND_CONTROL_CONSOLE_H

#include "frontend/control/control.h"

struct console;

struct console_config {
    struct control *control;
    struct partition *partition;
    struct log *log;
    const char *script; /* run this file first; NULL: none */
    bool prompt;        /* then read stdin */
    void *ctx;
    /* The user wants it to end, or (failed) the script did not get through. */
    void (*quit)(void *ctx, bool failed);
};

/* Opens the script. NULL with a sentence in error. */
struct console *console_open(const struct console_config *config, char *error, size_t error_len);

/* False when the host has no thread to give. */
must_use bool console_start(struct console *c);

/* Ctrl-C: the guest pauses. False: there is no terminal behind the console, the signal means what
 * it always does. Any thread. */
bool console_interrupt(struct console *c);

/* After control_ended. NULL is nothing. */
void console_close(struct console *c);

#endif
