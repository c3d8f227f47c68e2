/* frontend/session.h: a run of a guest, with all that shows it and steers it. For the files that
 * make it up:
 *
 *   run.c           the partition's thread and the main thread; the exit status
 *   session_open.c  putting it together from the options, taking it apart */
#ifndef UMBRA_FRONTEND_SESSION_H
#define UMBRA_FRONTEND_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "frontend/charport.h"
#include "frontend/control/console.h"
#include "frontend/control/control.h"
#include "frontend/control/server.h"
#include "frontend/debugger/debugger.h"
#include "frontend/display/display.h"
#include "frontend/gdbstub.h"
#include "frontend/media.h"
#include "frontend/messages.h"
#include "frontend/options.h"
#include "frontend/symbols/symbols.h"
#include "frontend/typist.h"
#include "frontend/verify.h"
#include "frontend/watch.h"

#define PORT_PARALLEL PC_SERIAL_PORTS
#define PORT_DEBUG    (PORT_PARALLEL + 1)
#define PORTS         (PORT_DEBUG + PC_DEBUG_PORTS)

struct session;

/* Lets --until and {until} see what a serial port writes. */
struct tap {
    struct session *session;
    unsigned stream;
};

struct session {
    const struct options *o;
    struct log *log;
    struct messages *messages; /* the log's lines come here */
    struct media media;
    struct partition *partition;
    struct charport ports[PORTS];
    struct tap taps[PC_SERIAL_PORTS];
    const struct display_ops *ops;
    struct display *display;   /* NULL: none */
    struct gdbstub *gdb;       /* NULL: none */
    struct symbols *symbols;   /* for debuggers; the partition's thread */
    struct debugger *debugger; /* its window, or NULL: the main thread's */
    struct control *control;
    struct control_server *server; /* NULL: none */
    struct console *console;       /* NULL: none */

    /* The partition's thread. */
    struct watch watch;
    struct typist typist;
    struct text_screen text; /* as of the last tick */
    struct verify *verify;   /* NULL: host code is not checked */
    enum partition_end end;
    uint64_t started, last_look, last_insns, last_virtual;
    uint64_t last_moved[3]; /* floppy, disk, CD: for the lights */

    /* Shared, under the lock. */
    pthread_mutex_t lock;
    struct surface surface;
    struct text_screen shown_text;
    struct display_status status;
    char *paste; /* on its way from the main thread to the typist */
    char *drop;  /* path of an image to put into a drive */

    atomic_bool finished, timed_out, killed, script_failed;
    atomic_bool over; /* the partition's thread has ended: the one for signals is to end as well */
};

/* --- session_open.c --- */
/* False: error says why. session_close is due in any case. */
bool session_open(struct session *s, char *error, size_t error_len);
/* The guest is over: its windows go, the terminal is given back. */
void session_close_display(struct session *s);
void session_close(struct session *s);
const char *session_guest_name(const struct session *s);
/* Its window; main thread. */
bool session_open_debugger(struct session *s, char *error, size_t error_len);

/* --- run.c: what the parts call; ctx is the session (of session_serial_tap: a tap) --- */
void session_serial_tap(void *ctx, const uint8_t *data, size_t len);
/* A unit of host code was made. */
bool session_unit_emitted(void *ctx, const struct unit_code *code);
/* The verb "type": behind what is still being typed. The partition's thread. */
bool session_type(void *ctx, const char *script, char *error, size_t error_len);
/* A debugger's user wants it to end: like closing the window, or like a signal. Any thread. */
void session_quit(void *ctx, bool kill);
/* The console's user wants the end, or its script has failed. */
void session_console_quit(void *ctx, bool failed);

#endif
