/* frontend/gdbstub.h: gdb attaches to a running guest over TCP or a UNIX socket. One gdb at a time;
 * a second one is refused. A thread of its own does the talking (frontend/gdb/session.h) and
 * reaches the guest through partition_call; nothing gdb sends can hurt the emulator. */
#ifndef UMBRA_FRONTEND_GDBSTUB_H
#define UMBRA_FRONTEND_GDBSTUB_H

#include "frontend/control/control.h"

struct gdbstub;

struct gdbstub_host {
    void *ctx;
    /* gdb's user said "kill": the emulator shall end. From the stub's thread. */
    void (*kill)(void *ctx);
    struct control_client monitor; /* what "monitor" may do */
};

/* Listens at where: HOST:PORT (an empty HOST: localhost; port 0: any, the log says which), or
 * unix:PATH. NULL with a sentence in error. */
struct gdbstub *gdbstub_open(const char *where, struct log *log, char *error, size_t error_len);

/* Lets gdb in. False when the host has no thread to give. */
must_use bool gdbstub_start(struct gdbstub *g, struct partition *p, struct gdbstub_host host);

/* After partition_close_calls: tells an attached gdb the exit status, and ends. NULL is nothing. */
void gdbstub_close(struct gdbstub *g, int status);

#endif
