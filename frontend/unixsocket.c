#include "frontend/unixsocket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Nobody listens at a socket file that a killed run has left behind. */
static bool is_left_over(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return dead;
}

static bool fail(struct unix_socket *s, const char *option, const char *path, const char *why,
                 char *error, size_t error_len)
{
    snprintf(error, error_len, "%s unix:%s: %s", option, path, why);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    return false;
}

bool unix_socket_listen(struct unix_socket *s, const char *option, const char *path, char *error,
                        size_t error_len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    *s = (struct unix_socket){.fd = -1};
    if (!*path || strlen(path) >= sizeof at.sun_path)
        return fail(s, option, path, "the path is empty or too long for a socket", error,
                    error_len);
    strcpy(at.sun_path, path);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd >= 0 && is_left_over(&at))
        unlink(path);
    mode_t before = umask(0177);
    bool bound = s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0;
    int why = errno;
    umask(before);
    if (!bound)
        return fail(s, option, path,
                    why == EADDRINUSE ? "somebody listens there, or a file is in the way"
                                      : strerror(why),
                    error, error_len);
    if (listen(s->fd, 64) < 0 || lstat(path, &st) < 0) {
        why = errno;
        unlink(path);
        return fail(s, option, path, strerror(why), error, error_len);
    }
    strcpy(s->path, path);
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return true;
}

void unix_socket_close(struct unix_socket *s)
{
    struct stat st;
    if (*s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
        unlink(s->path);
    if (*s->path)
        close(s->fd);
    *s = (struct unix_socket){.fd = -1};
}
