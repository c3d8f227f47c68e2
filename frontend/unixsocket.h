/* frontend/unixsocket.h: a UNIX socket to listen at, for gdb and the control socket. Its file can
 * be used by its owner only (0600), replaces one that a killed run left behind, and goes at the end
 * unless somebody else's has taken its place. */
#ifndef UMBRA_FRONTEND_UNIXSOCKET_H
#define UMBRA_FRONTEND_UNIXSOCKET_H

#include <sys/stat.h>
#include <sys/un.h>

#include "base/bits.h"

struct unix_socket {
    int fd; /* -1: not open; does not block */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    dev_t device;
    ino_t inode;
};

/* option names it in the sentence that error gets: "--gdb". Call it before there are threads: the
 * process's umask is changed for a moment. */
bool unix_socket_listen(struct unix_socket *s, const char *option, const char *path, char *error,
                        size_t error_len);
void unix_socket_close(struct unix_socket *s);

#endif
