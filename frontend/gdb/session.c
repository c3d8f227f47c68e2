#include "frontend/gdb/session.h"

#include "frontend/gdb/target.h"

static void send_packet(struct gdb_session *s, const struct bytes *body)
{
    s->last.len = 0;
    gdb_frame(&s->last, body->data, body->len);
    bytes_append(&s->out, s->last.data, s->last.len);
}

/* --- Begin and end ---------------------------------------------------------------------------- */

static void attach(void *ctx, struct partition *p)
{
    struct gdb_session *s = ctx;
    debug_listen(partition_debug(p), s->listener);
    debug_pause(partition_debug(p));
    gdb_target_xml(&s->target, !partition_vcpu(p)->code32);
}

static void detach(void *ctx, struct partition *p)
{
    struct gdb_session *s = ctx;
    gdb_points_clear(s, p);
    debug_unlisten(partition_debug(p), s->listener);
    debug_continue(partition_debug(p));
}

bool gdb_session_begin(struct gdb_session *s, struct partition *p, struct debug_listener *listener,
                       const struct control_client *monitor)
{
    *s = (struct gdb_session){.partition = p, .listener = listener, .monitor = *monitor};
    gdb_parser_init(&s->parser);
    return partition_call(p, attach, s);
}

void gdb_session_end(struct gdb_session *s)
{
    partition_call(s->partition, detach, s); /* refused: the partition has ended, no more to do */
    bytes_free(&s->out);
    bytes_free(&s->last);
    bytes_free(&s->target);
}

/* --- Packets ---------------------------------------------------------------------------------- */

struct dispatch {
    struct gdb_command command;
    const char *packet;
    size_t len;
};

static void dispatch(void *ctx, struct partition *p)
{
    struct dispatch *d = ctx;
    (void)p;
    gdb_dispatch(&d->command, d->packet, d->len);
}

static enum gdb_verdict take_packet(struct gdb_session *s)
{
    struct dispatch d = {.command.session = s, .packet = s->parser.body, .len = s->parser.len};
    bool no_ack = s->no_ack;
    if (!no_ack)
        bytes_append(&s->out, "+", 1);
    if (!partition_call(s->partition, dispatch, &d))
        return GDB_GO_ON; /* the end of the run is told by gdb_session_exited */
    if (d.command.resumed)
        s->running = true;
    else if (d.command.verdict != GDB_KILL || d.command.reply.len) /* k has no answer */
        send_packet(s, &d.command.reply);
    bytes_free(&d.command.reply);
    return d.command.verdict;
}

static void pause_guest(void *ctx, struct partition *p)
{
    (void)ctx;
    debug_pause(partition_debug(p));
}

enum gdb_verdict gdb_session_take(struct gdb_session *s, uint8_t byte)
{
    switch (gdb_parse(&s->parser, byte)) {
    case GDB_PACKET:
        return take_packet(s);
    case GDB_BAD:
        if (!s->no_ack)
            bytes_append(&s->out, "-", 1);
        break;
    case GDB_NACK:
        if (!s->no_ack)
            bytes_append(&s->out, s->last.data, s->last.len);
        break;
    case GDB_INTERRUPT:
        if (s->running)
            partition_call(s->partition, pause_guest, NULL); /* the listener says when */
        break;
    case GDB_ACK:
    case GDB_NOTHING:
        break;
    }
    return GDB_GO_ON;
}

struct stop_reply {
    const struct gdb_session *session;
    struct bytes reply;
};

static void put_stop(void *ctx, struct partition *p)
{
    struct stop_reply *r = ctx;
    if (debug_is_stopped(partition_debug(p)))
        gdb_put_stop(&r->reply, r->session, p);
}

void gdb_session_stopped(struct gdb_session *s)
{
    struct stop_reply r = {.session = s};
    if (!s->running || !partition_call(s->partition, put_stop, &r))
        return;
    if (r.reply.len) {
        s->running = false;
        send_packet(s, &r.reply);
    }
    bytes_free(&r.reply);
}

void gdb_session_exited(struct gdb_session *s, int status)
{
    struct bytes reply = {0};
    if (!s->running)
        return;
    s->running = false;
    gdb_put_text(&reply, "W%02x", status & 0xFF);
    send_packet(s, &reply);
    bytes_free(&reply);
}
