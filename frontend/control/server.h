/* frontend/control/server.h: --control: programs steer the machine over a UNIX socket, a JSON
 * object a line each way (docs/control.md). Up to 16 clients at once, served by one thread; none
 * can hold up the guest or the others: who sends without reading is not read from, who does not
 * read events is dropped. */
#ifndef UMBRA_FRONTEND_CONTROL_SERVER_H
#define UMBRA_FRONTEND_CONTROL_SERVER_H

#include "frontend/control/control.h"

struct control_server;

/* Listens at where: unix:PATH. Before there are threads. NULL with a sentence in error. */
struct control_server *control_server_open(const char *where, bool trusted, struct log *log,
                                           char *error, size_t error_len);

/* Lets clients in. False when the host has no thread to give. */
must_use bool control_server_start(struct control_server *s, struct control *control,
                                   struct partition *p);

/* After control_ended: sends what is left to say, for some seconds at most, and ends. NULL is
 * nothing. */
void control_server_close(struct control_server *s);

#endif
