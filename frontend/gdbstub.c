#include "frontend/gdbstub.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/gdb/session.h"
#include "frontend/unixsocket.h"

#define SEND_MS    5000 /* a gdb that takes nothing for so long is gone */
#define HANG_UP_MS 300  /* how long a gdb that was told of the end may take to go */

struct gdbstub {
    struct log *log;
    struct partition *partition;
    struct gdbstub_host host;
    int listener, client, wake; /* client: -1 for none; wake: eventfd */
    struct unix_socket file;    /* the listener, when it is one */
    struct debug_listener stops;
    struct gdb_session session;
    atomic_bool ending;
    int status;
    pthread_t thread;
    bool started;
};

/* --- Listening -------------------------------------------------------------------------------- */

static bool fail(char *error, size_t error_len, const char *where, const char *why)
{
    snprintf(error, error_len, "--gdb %s: %s", where, why);
    return false;
}

static bool listen_unix(struct gdbstub *g, const char *path, char *error, size_t error_len)
{
    if (!unix_socket_listen(&g->file, "--gdb", path, error, error_len))
        return false;
    g->listener = g->file.fd;
    log_msg(g->log, LOG_INFO, "gdb can attach: target remote %s", path);
    return true;
}

static int listen_at(const struct addrinfo *a)
{
    int one = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 4) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void tell_port(struct gdbstub *g, const char *host)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char port[NI_MAXSERV] = "";
    if (getsockname(g->listener, (struct sockaddr *)&at, &len) == 0)
        getnameinfo((struct sockaddr *)&at, len, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    log_msg(g->log, LOG_INFO, "gdb can attach: target remote %s:%s", host, port);
}

static bool listen_tcp(struct gdbstub *g, const char *where, char *error, size_t error_len)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    if (!colon || !colon[1])
        return fail(error, error_len, where, "write HOST:PORT or unix:PATH");
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    if (!*host)
        strcpy(host, "localhost");
    /* IPv4 first: what gdb's "localhost:1234" tries first. */
    struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list;
    int status = getaddrinfo(host, colon + 1, &hints, &list);
    if (status) {
        hints.ai_family = AF_UNSPEC;
        status = getaddrinfo(host, colon + 1, &hints, &list);
    }
    if (status)
        return fail(error, error_len, where, gai_strerror(status));
    for (struct addrinfo *a = list; a && g->listener < 0; a = a->ai_next)
        g->listener = listen_at(a);
    int why = errno;
    freeaddrinfo(list);
    if (g->listener < 0)
        return fail(error, error_len, where, strerror(why));
    tell_port(g, host);
    return true;
}

struct gdbstub *gdbstub_open(const char *where, struct log *log, char *error, size_t error_len)
{
    struct gdbstub *g = calloc(1, sizeof *g);
    if (!g) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    g->log = log;
    g->listener = g->client = g->file.fd = -1;
    g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = g->wake >= 0 || fail(error, error_len, where, strerror(errno));
    if (strncmp(where, "tcp:", 4) == 0)
        where += 4;
    if (ok)
        ok = strncmp(where, "unix:", 5) == 0 ? listen_unix(g, where + 5, error, error_len)
                                             : listen_tcp(g, where, error, error_len);
    if (ok)
        return g;
    gdbstub_close(g, 0);
    return NULL;
}

/* --- Talking ---------------------------------------------------------------------------------- */

static void wake(struct gdbstub *g)
{
    uint64_t one = 1;
    ssize_t n = write(g->wake, &one, sizeof one);
    (void)n; /* a full counter is readable, which is all we want */
}

/* debug_listener, on the partition's thread. */
static void guest_stopped(void *ctx)
{
    wake(ctx);
}

/* Sends what the session has left. False: gdb is gone. */
static bool flush(struct gdbstub *g)
{
    struct bytes *out = &g->session.out;
    size_t sent = 0;
    while (sent < out->len) {
        ssize_t n = send(g->client, out->data + sent, out->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        struct pollfd fd = {.fd = g->client, .events = POLLOUT};
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || poll(&fd, 1, SEND_MS) <= 0)
            return false;
    }
    out->len = 0;
    return true;
}

static void drop_client(struct gdbstub *g, const char *why)
{
    gdb_session_end(&g->session);
    close(g->client);
    g->client = -1;
    log_msg(g->log, LOG_INFO, "gdb %s; the guest goes on", why);
}

static void take_client(struct gdbstub *g)
{
    int one = 1, fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (g->client >= 0) {
        log_msg(g->log, LOG_WARN, "a second gdb is refused: one is attached");
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on UNIX sockets: fine */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (!gdb_session_begin(&g->session, g->partition, &g->stops, &g->host.monitor)) {
        close(fd);
        return;
    }
    g->client = fd;
    log_msg(g->log, LOG_INFO, "gdb is attached; the guest is stopped");
}

/* What gdb sent. */
static void take_bytes(struct gdbstub *g)
{
    uint8_t data[4096];
    ssize_t n = recv(g->client, data, sizeof data, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        drop_client(g, "has gone away");
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        enum gdb_verdict verdict = gdb_session_take(&g->session, data[i]);
        if (g->session.out.len && !flush(g)) {
            drop_client(g, "does not listen");
            return;
        }
        if (verdict == GDB_GO_ON)
            continue;
        drop_client(g, "has detached");
        if (verdict == GDB_KILL)
            g->host.kill(g->host.ctx);
        return;
    }
}

static void take_wake(struct gdbstub *g)
{
    uint64_t count;
    ssize_t n = read(g->wake, &count, sizeof count);
    (void)n;
    if (g->client < 0)
        return;
    gdb_session_stopped(&g->session);
    if (!flush(g))
        drop_client(g, "does not listen");
}

/* A socket closed while something of gdb's waits unread is reset, and takes with it what gdb has
 * not read yet: the end that it is told of. So gdb hangs up first, if it does so soon. */
static void let_hang_up(int fd)
{
    char unread[256];
    shutdown(fd, SHUT_WR);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    for (unsigned n = 0; n < 100 && poll(&poller, 1, HANG_UP_MS) > 0; n++) {
        if (recv(fd, unread, sizeof unread, MSG_DONTWAIT) <= 0)
            break;
    }
}

static void *stub_thread(void *ctx)
{
    struct gdbstub *g = ctx;
    while (!atomic_load(&g->ending)) {
        struct pollfd fds[3] = {{.fd = g->wake, .events = POLLIN},
                                {.fd = g->listener, .events = POLLIN},
                                {.fd = g->client, .events = POLLIN}};
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            take_wake(g);
        if (fds[2].revents && g->client >= 0)
            take_bytes(g);
        if (fds[1].revents)
            take_client(g);
    }
    if (g->client >= 0) {
        gdb_session_exited(&g->session, g->status);
        if (flush(g))
            let_hang_up(g->client);
        gdb_session_end(&g->session);
        close(g->client);
        g->client = -1;
    }
    return NULL;
}

bool gdbstub_start(struct gdbstub *g, struct partition *p, struct gdbstub_host host)
{
    g->partition = p;
    g->host = host;
    g->stops = (struct debug_listener){.stopped = guest_stopped, .ctx = g};
    g->started = pthread_create(&g->thread, NULL, stub_thread, g) == 0;
    return g->started;
}

void gdbstub_close(struct gdbstub *g, int status)
{
    if (!g)
        return;
    if (g->started) {
        g->status = status;
        atomic_store(&g->ending, true);
        wake(g);
        pthread_join(g->thread, NULL);
    }
    if (g->listener >= 0 && g->listener != g->file.fd)
        close(g->listener);
    unix_socket_close(&g->file);
    if (g->wake >= 0)
        close(g->wake);
    free(g);
}
