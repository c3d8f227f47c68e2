/* frontend/gdb/session.h: one gdb that is attached: takes its packets, says what to answer. It
 * knows no sockets: the stub feeds it and sends what it leaves in out. One thread, not the
 * partition's, which it reaches through partition_call. */
#ifndef UMBRA_FRONTEND_GDB_SESSION_H
#define UMBRA_FRONTEND_GDB_SESSION_H

#include "frontend/control/control.h"
#include "frontend/gdb/packet.h"
#include "partition/partition.h"

#define GDB_POINTS 4096 /* break- and watchpoints of one gdb */

/* As Z0..Z4 number them. */
enum gdb_point_type { GDB_SOFTWARE, GDB_HARDWARE, GDB_WRITE, GDB_READ, GDB_ACCESS, GDB_TYPES };

struct gdb_point {
    uint8_t type; /* enum gdb_point_type */
    uint32_t address, len;
    unsigned id; /* in partition/breakpoints.h */
};

enum gdb_verdict { GDB_GO_ON, GDB_DETACHED, GDB_KILL };

struct gdb_session {
    struct partition *partition;
    struct debug_listener *listener;
    struct control_client monitor; /* what "monitor" may do */
    struct gdb_parser parser;
    struct bytes out;    /* to be sent; the stub takes it */
    struct bytes last;   /* the last packet, framed, for a NACK */
    struct bytes target; /* the description, made at attach */
    bool no_ack;         /* as agreed */
    bool running;        /* gdb waits for a stop */
    bool swbreak;        /* gdb knows stop reasons of that kind */
    struct gdb_point point[GDB_POINTS];
    unsigned point_count;
};

/* Stops the guest. listener is told of stops while gdb is attached; monitor is copied. False when
 * the partition has ended. */
must_use bool gdb_session_begin(struct gdb_session *s, struct partition *p,
                                struct debug_listener *listener,
                                const struct control_client *monitor);

/* The guest goes on without gdb's breakpoints (unless it did so already). */
void gdb_session_end(struct gdb_session *s);

/* One byte from gdb. GDB_KILL: the user killed the program. */
enum gdb_verdict gdb_session_take(struct gdb_session *s, uint8_t byte);

/* The listener was called: tells gdb if it waits for it. */
void gdb_session_stopped(struct gdb_session *s);

/* The run is over, with this exit status: tells gdb if it waits. */
void gdb_session_exited(struct gdb_session *s, int status);

/* --- Between session.c and commands.c */

/* A partition_call of one command: everything that happens on the partition's thread. */
struct gdb_command {
    struct gdb_session *session;
    const char *text; /* behind the command's letter or name */
    size_t len;
    struct bytes reply;
    enum gdb_verdict verdict;
    bool resumed; /* no reply: the guest runs */
};
void gdb_dispatch(struct gdb_command *command, const char *packet, size_t len);
/* The stop reply of a guest that is stopped. */
void gdb_put_stop(struct bytes *out, const struct gdb_session *s, struct partition *p);
void gdb_points_clear(struct gdb_session *s, struct partition *p);

#endif
