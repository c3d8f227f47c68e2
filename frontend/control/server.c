/* frontend/control/server.c: see server.h. The server's thread owns the clients; only their out
 * buffers are shared with the partition's thread, which puts events there, under the lock. */
#include "frontend/control/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/control/request.h"
#include "frontend/unixsocket.h"

#define CLIENTS       16
#define LINE_MOST     (256u << 10) /* bytes of a request */
#define OUT_PAUSE     (1u << 20)   /* bytes unsent: no more requests are taken */
#define OUT_MOST      (8u << 20)   /* bytes unsent: the client is dropped */
#define GOODBYE_MS    2000
#define LINES_AT_ONCE 64 /* of one client, before the others have their turn */

struct client {
    int fd;
    struct control_client as;
    struct bytes in;
    size_t taken;     /* bytes of in that are done */
    bool skipping;    /* the rest of a line that is too long */
    bool ended;       /* it will send no more: gone when all is answered */
    struct bytes out; /* under the lock */
    size_t sent;      /* bytes of out that are done, under the lock */
};

struct control_server {
    struct log *log;
    struct unix_socket listener;
    int wake; /* eventfd */
    bool trusted, listening;
    struct control *control;
    struct partition *partition;
    struct control_listener events;
    struct client *client[CLIENTS]; /* changed by the server's thread, under the lock */
    unsigned count;
    pthread_mutex_t lock;
    atomic_bool ending;
    pthread_t thread;
    bool started;
};

struct control_server *control_server_open(const char *where, bool trusted, struct log *log,
                                           char *error, size_t error_len)
{
    if (strncmp(where, "unix:", 5) != 0) {
        snprintf(error, error_len, "--control %s: write unix:PATH", where);
        return NULL;
    }
    if (!request_available()) {
        snprintf(error, error_len,
                 "--control: this build has no control socket (libjansson was not there)");
        return NULL;
    }
    struct control_server *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    s->log = log;
    s->trusted = trusted;
    s->listener.fd = -1;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        snprintf(error, error_len, "--control %s: %s", where, strerror(errno));
    else if (unix_socket_listen(&s->listener, "--control", where + 5, error, error_len))
        return s;
    control_server_close(s);
    return NULL;
}

static void wake(struct control_server *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->wake, &one, sizeof one);
    (void)n; /* a full counter is readable, which is all we want */
}

/* --- What is said ----------------------------------------------------------------------------- */

static void say(struct control_server *s, struct client *c, const struct bytes *line)
{
    pthread_mutex_lock(&s->lock);
    bytes_append(&c->out, line->data, line->len);
    pthread_mutex_unlock(&s->lock);
}

static void end_line(struct bytes *line)
{
    json_close(line, '}');
    bytes_append(line, "\n", 1);
}

static void put_event(struct bytes *line, const char *name, const struct bytes *data)
{
    json_open(line, NULL, '{');
    json_put_string(line, "event", name);
    if (data->len) {
        bytes_append(line, ",", 1);
        bytes_append(line, data->data, data->len);
    }
    end_line(line);
}

/* control_listener: on the partition's thread, or when that has ended. */
static void tell_event(void *ctx, const char *name, const struct bytes *text,
                       const struct bytes *data)
{
    struct control_server *s = ctx;
    struct bytes line = {0};
    (void)text;
    put_event(&line, name, data);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->count; i++) {
        struct client *c = s->client[i];
        if (c->out.len - c->sent <= OUT_MOST) /* beyond: it will be dropped */
            bytes_append(&c->out, line.data, line.len);
    }
    pthread_mutex_unlock(&s->lock);
    bytes_free(&line);
    wake(s);
}

static void answer_request(struct control_server *s, struct client *c, const char *id,
                           const struct answer *a)
{
    struct bytes line = {0};
    json_open(&line, NULL, '{');
    json_put_raw(&line, "id", id ? id : "null", strlen(id ? id : "null"));
    json_put_bool(&line, "ok", !a->failed);
    if (a->failed) {
        json_put_bytes(&line, "error", a->text.data, a->text.len);
    } else {
        json_open(&line, "result", '{');
        bytes_append(&line, a->data.data, a->data.len);
        json_close(&line, '}');
        if (a->text.len)
            json_put_bytes(&line, "text", a->text.data, a->text.len);
    }
    end_line(&line);
    say(s, c, &line);
    bytes_free(&line);
}

/* --- Requests --------------------------------------------------------------------------------- */

static void take_line(struct control_server *s, struct client *c, const char *text, size_t len)
{
    struct request r;
    struct answer a = {0};
    char error[300];
    if (len && text[len - 1] == '\r')
        len--;
    if (!len)
        return;
    bool known = request_parse(&r, text, len, error, sizeof error);
    if (!known)
        answer_fail(&a, "%s", error);
    else if (!(r.count ? control_call_words(&c->as, r.count, r.word, &a)
                       : control_call_line(&c->as, r.line, &a)))
        answer_fail(&a, "the run has ended");
    answer_request(s, c, r.id, &a);
    answer_free(&a);
    request_free(&r);
}

static void take_too_long(struct control_server *s, struct client *c)
{
    struct answer a = {0};
    answer_fail(&a, "a request has at most %u bytes", LINE_MOST);
    answer_request(s, c, NULL, &a);
    answer_free(&a);
    c->skipping = true;
}

/* One whole line of what came. False: there is none. */
static bool take_next(struct control_server *s, struct client *c)
{
    uint8_t *start = c->in.data + c->taken;
    size_t left = c->in.len - c->taken;
    uint8_t *end = left ? memchr(start, '\n', left) : NULL;
    if (!end) {
        if (left > LINE_MOST && !c->skipping)
            take_too_long(s, c);
        if (c->skipping)
            c->taken = c->in.len;
        return false;
    }
    size_t len = (size_t)(end - start);
    c->taken += len + 1;
    if (!c->skipping && len > LINE_MOST)
        take_too_long(s, c);
    else if (!c->skipping)
        take_line(s, c, (const char *)start, len);
    c->skipping = false;
    return true;
}

static size_t unsent(struct control_server *s, struct client *c)
{
    pthread_mutex_lock(&s->lock);
    size_t n = c->out.len - c->sent;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Lines that are there already; true: some may be left for the next round. */
static bool take_lines(struct control_server *s, struct client *c)
{
    bool more = true;
    for (unsigned n = 0; n < LINES_AT_ONCE && more && unsent(s, c) < OUT_PAUSE; n++)
        more = take_next(s, c);
    if (c->taken) {
        memmove(c->in.data, c->in.data + c->taken, c->in.len - c->taken);
        c->in.len -= c->taken;
        c->taken = 0;
    }
    return more;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static void receive(struct client *c)
{
    uint8_t data[16384];
    ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    if (n > 0) {
        bytes_append(&c->in, data, (size_t)n);
        return;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    bytes_append(&c->in, "\n", 1); /* the last line may lack its end */
    c->ended = true;
}

/* False when the client is gone. */
static bool send_out(struct control_server *s, struct client *c)
{
    bool alive = true;
    pthread_mutex_lock(&s->lock);
    while (c->sent < c->out.len) {
        ssize_t n =
            send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            c->sent += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        alive = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        break;
    }
    if (c->sent == c->out.len) {
        c->out.len = c->sent = 0;
    } else if (c->sent > OUT_PAUSE) {
        memmove(c->out.data, c->out.data + c->sent, c->out.len - c->sent);
        c->out.len -= c->sent;
        c->sent = 0;
    }
    if (c->out.len - c->sent > OUT_MOST) {
        log_msg(s->log, LOG_WARN, "a control client that does not read is dropped");
        alive = false;
    }
    pthread_mutex_unlock(&s->lock);
    return alive;
}

/* --- Clients ---------------------------------------------------------------------------------- */

static void listen_to_events(void *ctx, struct partition *p)
{
    struct control_server *s = ctx;
    (void)p;
    control_listen(s->control, &s->events);
}

static void unlisten(void *ctx, struct partition *p)
{
    struct control_server *s = ctx;
    (void)p;
    control_unlisten(s->control, &s->events);
}

struct greeting {
    struct control_server *server;
    struct answer answer;
};

static void greet(void *ctx, struct partition *p)
{
    struct greeting *g = ctx;
    (void)p;
    control_describe(g->server->control, &g->answer);
}

/* The first line that a client gets. */
static void say_hello(struct control_server *s, struct client *c)
{
    struct greeting g = {.server = s};
    struct bytes data = {0}, line = {0};
    partition_call(s->partition, greet, &g);
    json_put_string(&data, "umbra", UMBRA_VERSION);
    json_put_number(&data, "protocol", 1);
    if (g.answer.data.len) {
        bytes_append(&data, ",", 1);
        bytes_append(&data, g.answer.data.data, g.answer.data.len);
    }
    put_event(&line, "hello", &data);
    say(s, c, &line);
    answer_free(&g.answer);
    bytes_free(&data);
    bytes_free(&line);
}

static void refuse(int fd)
{
    if (fd < 0)
        return;
    static const char why[] = "{\"event\":\"refused\",\"why\":\"there are too many clients\"}\n";
    uint8_t drop[4096];
    ssize_t n = send(fd, why, sizeof why - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n;
    /* What is left unread would take what was sent with it. */
    for (unsigned i = 0; i < 64 && recv(fd, drop, sizeof drop, MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
}

static int accept_client(struct control_server *s)
{
    return accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void take_client(struct control_server *s, int fd)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c) {
        refuse(fd);
        return;
    }
    *c = (struct client){.fd = fd, .as = {.control = s->control, .trusted = s->trusted}};
    if (!s->listening)
        s->listening = partition_call(s->partition, listen_to_events, s);
    say_hello(s, c);
    pthread_mutex_lock(&s->lock);
    s->client[s->count++] = c;
    pthread_mutex_unlock(&s->lock);
}

static void drop_client(struct control_server *s, unsigned i)
{
    struct client *c = s->client[i];
    pthread_mutex_lock(&s->lock);
    s->client[i] = s->client[--s->count];
    pthread_mutex_unlock(&s->lock);
    close(c->fd);
    bytes_free(&c->in);
    bytes_free(&c->out);
    free(c);
    if (!s->count && s->listening) {
        partition_call(s->partition, unlisten, s); /* refused: the partition has ended */
        s->listening = false;
    }
}

/* One turn of a client, about which poll said events. False: it is gone. *more: lines wait that are
 * here already. */
static bool serve(struct control_server *s, struct client *c, short events, bool *more)
{
    if (events & POLLIN)
        receive(c);
    else if (events & (POLLERR | POLLNVAL | POLLHUP))
        return false;
    bool rest = take_lines(s, c);
    if (!send_out(s, c))
        return false;
    size_t waiting = unsent(s, c);
    *more |= rest && waiting < OUT_PAUSE;
    return !c->ended || rest || waiting;
}

static void clear_wake(struct control_server *s)
{
    uint64_t count;
    ssize_t n = read(s->wake, &count, sizeof count);
    (void)n;
}

static void *server_thread(void *ctx)
{
    struct control_server *s = ctx;
    bool more = false; /* lines wait that are here already */
    while (!atomic_load(&s->ending)) {
        struct pollfd fds[2 + CLIENTS] = {{.fd = s->wake, .events = POLLIN},
                                          {.fd = s->listener.fd, .events = POLLIN}};
        unsigned count = s->count;
        for (unsigned i = 0; i < count; i++) {
            const struct client *c = s->client[i];
            size_t waiting = unsent(s, s->client[i]);
            bool listens = waiting < OUT_PAUSE && !c->ended;
            fds[2 + i] = (struct pollfd){
                .fd = c->fd, .events = (short)((listens ? POLLIN : 0) | (waiting ? POLLOUT : 0))};
        }
        if (poll(fds, 2 + count, more ? 0 : -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            clear_wake(s);
        more = false;
        bool quiet = count == CLIENTS;       /* all are there, and none of them is just leaving */
        for (unsigned i = count; i-- > 0;) { /* downwards: dropping moves the last one here */
            quiet &= !fds[2 + i].revents;
            if (!serve(s, s->client[i], fds[2 + i].revents, &more))
                drop_client(s, i);
        }
        for (int fd; fds[1].revents && s->count < CLIENTS && (fd = accept_client(s)) >= 0;)
            take_client(s, fd);
        if (fds[1].revents && quiet && s->count == CLIENTS)
            refuse(accept_client(s));
    }
    return NULL;
}

bool control_server_start(struct control_server *s, struct control *control, struct partition *p)
{
    s->control = control;
    s->partition = p;
    s->events = (struct control_listener){.event = tell_event, .ctx = s};
    s->started = pthread_create(&s->thread, NULL, server_thread, s) == 0;
    if (s->started)
        log_msg(s->log, LOG_INFO, "the control socket is %s", s->listener.path);
    return s->started;
}

/* The last events get some time to go out. */
static void say_goodbye(struct control_server *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct pollfd fd = {.fd = s->client[i]->fd, .events = POLLOUT};
        while (send_out(s, s->client[i]) && unsent(s, s->client[i]) && poll(&fd, 1, GOODBYE_MS) > 0)
            ;
    }
}

void control_server_close(struct control_server *s)
{
    if (!s)
        return;
    if (s->started) {
        atomic_store(&s->ending, true);
        wake(s);
        pthread_join(s->thread, NULL);
        say_goodbye(s);
        while (s->count)
            drop_client(s, s->count - 1);
    }
    unix_socket_close(&s->listener);
    if (s->wake >= 0)
        close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
