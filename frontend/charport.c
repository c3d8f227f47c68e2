#include "frontend/charport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static bool open_tcp(struct charport *port, const char *where, char *error, size_t error_len)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int status = getaddrinfo(*host ? host : "localhost", colon + 1, &hints, &list);
    if (status) {
        snprintf(error, error_len, "--serial tcp:%s: %s", where, gai_strerror(status));
        return false;
    }
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        snprintf(error, error_len, "--serial tcp:%s: cannot connect: %s", where, strerror(errno));
        return false;
    }
    port->in = port->out = fd;
    port->owned = true;
    return true;
}

/* Keys reach the guest one by one and unechoed; Ctrl-C still ends Umbra. */
static void make_raw(struct charport *port)
{
    struct termios t;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t) < 0)
        return;
    port->saved = t;
    port->raw = true;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    t.c_iflag &= ~(tcflag_t)(ICRNL | IXON | INLCR | ISTRIP);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

void charport_init(struct charport *port)
{
    *port = (struct charport){.in = -1, .out = -1, .wake = {-1, -1}};
}

bool charport_open(struct charport *port, const char *where, struct log *log, char *error,
                   size_t error_len)
{
    charport_init(port);
    port->log = log;
    if (!where || strcmp(where, "null") == 0 || strcmp(where, "none") == 0)
        return true;
    if (strcmp(where, "stdio") == 0) {
        port->in = STDIN_FILENO;
        port->out = STDOUT_FILENO;
        make_raw(port);
        return true;
    }
    if (strcmp(where, "stderr") == 0) {
        port->out = STDERR_FILENO;
        return true;
    }
    if (strncmp(where, "tcp:", 4) == 0)
        return open_tcp(port, where + 4, error, error_len);
    const char *path = strncmp(where, "file:", 5) == 0 ? where + 5 : where;
    port->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    port->owned = true;
    if (port->out < 0) {
        snprintf(error, error_len, "%s: cannot write it: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static void write_out(struct charport *port, const uint8_t *data, size_t len)
{
    if (port->messages && messages_hold_text(port->messages, data, len))
        return;
    while (port->out >= 0 && len) {
        ssize_t n = write(port->out, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd fd = {.fd = port->out, .events = POLLOUT};
            poll(&fd, 1, 1000);
            continue;
        }
        if (n < 0) {
            if (!port->failed)
                log_msg(port->log, LOG_ERROR, "serial output is lost: %s", strerror(errno));
            port->failed = true;
            return;
        }
        data += n;
        len -= (size_t)n;
    }
}

void charport_flush(struct charport *port)
{
    size_t len = port->held_count;
    port->held_count = 0;
    if (len)
        write_out(port, port->held, len);
}

static void port_write(void *ctx, const uint8_t *data, size_t len)
{
    struct charport *port = ctx;
    if (port->tap)
        port->tap(port->tap_ctx, data, len);
    for (size_t n = 0; port->out >= 0 && n < len; n++) {
        port->held[port->held_count++] = data[n];
        if (data[n] == '\n' || port->held_count == sizeof port->held)
            charport_flush(port);
    }
}

struct char_backend charport_backend(struct charport *port)
{
    return (struct char_backend){.ctx = port, .write = port_write};
}

static void *reader_thread(void *ctx)
{
    struct charport *port = ctx;
    for (;;) {
        struct pollfd fds[2] = {{.fd = port->in, .events = POLLIN},
                                {.fd = port->wake[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        if (!fds[0].revents)
            continue;
        uint8_t data[256];
        ssize_t n = read(port->in, data, sizeof data);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return NULL;
        for (ssize_t i = 0; i < n; i++) {
            struct partition_event e = {
                .kind = PARTITION_SERIAL, .port = (uint8_t)port->number, .byte = data[i]};
            while (!partition_post(port->partition, e)) {
                struct pollfd wake = {.fd = port->wake[0], .events = POLLIN};
                if (poll(&wake, 1, 10) > 0)
                    return NULL;
            }
        }
    }
}

void charport_start(struct charport *port, struct partition *p, unsigned number)
{
    port->partition = p;
    port->number = number;
    if (port->in < 0 || pipe2(port->wake, O_CLOEXEC) < 0)
        return;
    port->reading = pthread_create(&port->reader, NULL, reader_thread, port) == 0;
}

void charport_stop(struct charport *port)
{
    if (port->wake[1] >= 0)
        close(port->wake[1]);
    if (port->reading)
        pthread_join(port->reader, NULL);
    if (port->wake[0] >= 0)
        close(port->wake[0]);
    port->wake[0] = port->wake[1] = -1;
    port->reading = false;
}

void charport_close(struct charport *port)
{
    charport_stop(port);
    charport_flush(port);
    if (port->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &port->saved);
    if (port->owned && port->out >= 0)
        close(port->out);
    charport_init(port);
}
