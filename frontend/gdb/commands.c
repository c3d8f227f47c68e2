/* frontend/gdb/commands.c: the packets of gdb's remote protocol (gdb manual, appendix E). Every
 * handler takes any text: what it cannot read is an error reply, what it does not know an empty
 * one. All of it runs on the partition's thread. */
#include <stdlib.h>

#include "frontend/gdb/session.h"
#include "frontend/gdb/target.h"
#include "partition/registers.h"

#define MEMORY_MOST (GDB_PACKET_MAX / 2 - 16)

enum { SIGNAL_INT = 0x02, SIGNAL_TRAP = 0x05, SIGNAL_BUS = 0x0A, SIGNAL_SEGV = 0x0B }; /* gdb's */

static void reply_ok(struct gdb_command *k)
{
    gdb_put_text(&k->reply, "OK");
}

static void reply_error(struct gdb_command *k, unsigned number)
{
    k->reply.len = 0;
    gdb_put_text(&k->reply, "E%02x", number);
}
#define BAD_PACKET  0x16 /* EINVAL */
#define BAD_ADDRESS 0x0E /* EFAULT */

static struct partition *partition_of(struct gdb_command *k)
{
    return k->session->partition;
}

static struct vcpu *vcpu_of(struct gdb_command *k)
{
    return partition_vcpu(partition_of(k));
}

static struct debug *debug_of(struct gdb_command *k)
{
    return partition_debug(partition_of(k));
}

/* --- Stops ------------------------------------------------------------------------------------ */

static void put_watch(struct bytes *out, const struct stop_hit *hit)
{
    const struct stop_watch *w = &hit->watch;
    uint32_t at = (uint32_t)(hit->address - w->address) < w->len ? hit->address : w->address;
    gdb_put_text(out, "%s:%x;", !w->read ? "watch" : !w->write ? "rwatch" : "awatch", at);
}

static bool is_software(const struct gdb_session *s, uint64_t address)
{
    for (unsigned n = 0; n < s->point_count; n++) {
        if (s->point[n].type == GDB_SOFTWARE && s->point[n].address == address)
            return true;
    }
    return false;
}

void gdb_put_stop(struct bytes *out, const struct gdb_session *s, struct partition *p)
{
    static const uint8_t signal[] = {
        [DEBUG_RUNNING] = SIGNAL_TRAP,    [DEBUG_PAUSED] = SIGNAL_INT,
        [DEBUG_STEPPED] = SIGNAL_TRAP,    [DEBUG_BREAKPOINT] = SIGNAL_TRAP,
        [DEBUG_WATCHPOINT] = SIGNAL_TRAP, [DEBUG_TRIPLE_FAULT] = SIGNAL_SEGV,
        [DEBUG_DMA_DENIED] = SIGNAL_BUS,  [DEBUG_EVENT] = SIGNAL_TRAP,
        [DEBUG_RETURNED] = SIGNAL_TRAP,
    };
    const struct debug_stop *stop = &partition_debug(p)->stop;
    gdb_put_text(out, "T%02xthread:1;", signal[stop->reason]);
    if (stop->reason == DEBUG_WATCHPOINT)
        put_watch(out, &stop->hit);
    if (stop->reason == DEBUG_BREAKPOINT && s->swbreak && is_software(s, stop->hit.place.address))
        gdb_put_text(out, "swbreak:;");
}

static void do_question(struct gdb_command *k)
{
    gdb_put_stop(&k->reply, k->session, partition_of(k));
}

/* --- Registers -------------------------------------------------------------------------------- */

static void put_register(struct gdb_command *k, unsigned n)
{
    uint8_t value[REGISTER_BYTES];
    debug_register_read(vcpu_of(k), n, value);
    gdb_put_hex(&k->reply, value, debug_register(n)->gdb_bits / 8u);
}

static void do_read_all(struct gdb_command *k)
{
    for (unsigned n = 0; n < REGISTER_COUNT; n++)
        put_register(k, n);
}

/* Sets register n from hex text; false when the text is short or the value is refused. */
static bool set_register(struct gdb_command *k, unsigned n, const char *text)
{
    uint8_t value[REGISTER_BYTES] = {0};
    return gdb_hex_bytes(text, value, debug_register(n)->gdb_bits / 8u) &&
           debug_register_write(vcpu_of(k), n, value);
}

static void do_write_all(struct gdb_command *k)
{
    const char *text = k->text;
    bool good = true;
    for (unsigned n = 0; n < REGISTER_COUNT && *text; n++) {
        good &= set_register(k, n, text);
        size_t digits = debug_register(n)->gdb_bits / 4u, left = strlen(text);
        text += digits < left ? digits : left;
    }
    good ? reply_ok(k) : reply_error(k, BAD_PACKET);
}

static void do_read_one(struct gdb_command *k)
{
    uint64_t n;
    if (gdb_hex_number(&k->text, &n) && n < REGISTER_COUNT)
        put_register(k, (unsigned)n);
    else
        reply_error(k, BAD_PACKET);
}

static void do_write_one(struct gdb_command *k)
{
    uint64_t n;
    if (gdb_hex_number(&k->text, &n) && n < REGISTER_COUNT && *k->text == '=' &&
        set_register(k, (unsigned)n, k->text + 1))
        reply_ok(k);
    else
        reply_error(k, BAD_PACKET);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* "ADDRESS,LENGTH" and, if end is not 0, that character. The address space ends at 4 GiB. */
static bool take_range(struct gdb_command *k, uint32_t *address, size_t *len, char end)
{
    uint64_t a, n;
    const char *start = k->text;
    if (!gdb_hex_number(&k->text, &a) || *k->text++ != ',' || !gdb_hex_number(&k->text, &n) ||
        (end && *k->text++ != end) || a > UINT32_MAX || n > GDB_PACKET_MAX)
        return false;
    k->len -= (size_t)(k->text - start);
    *address = (uint32_t)a;
    *len = (size_t)n;
    return true;
}

static void do_read_memory(struct gdb_command *k)
{
    uint32_t address;
    size_t len;
    uint8_t data[MEMORY_MOST];
    if (!take_range(k, &address, &len, 0)) {
        reply_error(k, BAD_PACKET);
        return;
    }
    size_t got = debug_read(debug_of(k), address, data, len < sizeof data ? len : sizeof data);
    if (got || !len)
        gdb_put_hex(&k->reply, data, got);
    else
        reply_error(k, BAD_ADDRESS);
}

static void write_memory(struct gdb_command *k, uint32_t address, const void *data, size_t len)
{
    if (debug_write(debug_of(k), address, data, len) == len)
        reply_ok(k);
    else
        reply_error(k, BAD_ADDRESS);
}

static void do_write_memory(struct gdb_command *k)
{
    uint32_t address;
    size_t len;
    uint8_t data[MEMORY_MOST];
    if (take_range(k, &address, &len, ':') && len <= sizeof data &&
        gdb_hex_bytes(k->text, data, len))
        write_memory(k, address, data, len);
    else
        reply_error(k, BAD_PACKET);
}

static void do_write_binary(struct gdb_command *k)
{
    uint32_t address;
    size_t len;
    if (take_range(k, &address, &len, ':') && len <= k->len)
        write_memory(k, address, k->text, len);
    else
        reply_error(k, BAD_PACKET);
}

/* --- Break- and watchpoints ------------------------------------------------------------------- */

static bool is_code(const struct gdb_point *point)
{
    return point->type <= GDB_HARDWARE;
}

/* Ours are owned by the session: lists of the user's breakpoints don't show them. */
static struct break_spec spec_of(const struct gdb_session *s, const struct gdb_point *point)
{
    if (is_code(point))
        return (struct break_spec){.kind = BREAK_AT,
                                   .place = {.kind = STOP_LINEAR, .address = point->address},
                                   .owner = s};
    return (struct break_spec){.kind = BREAK_DATA,
                               .watch = {.address = point->address,
                                         .len = point->len,
                                         .read = point->type != GDB_WRITE,
                                         .write = point->type != GDB_READ},
                               .owner = s};
}

static bool same_point(const struct gdb_point *a, const struct gdb_point *b)
{
    return a->type == b->type && a->address == b->address && (is_code(a) || a->len == b->len);
}

/* "TYPE,ADDRESS,KIND"; kind is a watchpoint's length. False: *unknown says whether gdb asks for a
 * type that does not exist here. */
static bool take_point(struct gdb_command *k, struct gdb_point *point, bool *unknown)
{
    uint64_t type;
    size_t len;
    *unknown = false;
    if (!gdb_hex_number(&k->text, &type) || *k->text++ != ',' ||
        !take_range(k, &point->address, &len, 0))
        return false;
    *unknown = type >= GDB_TYPES;
    point->type = (uint8_t)type;
    point->len = len ? (uint32_t)len : 1;
    return !*unknown;
}

static struct gdb_point *find_point(struct gdb_session *s, const struct gdb_point *point)
{
    for (unsigned n = 0; n < s->point_count; n++) {
        if (same_point(&s->point[n], point))
            return &s->point[n];
    }
    return NULL;
}

static bool add_point(struct gdb_session *s, struct debug *d, struct gdb_point point)
{
    struct break_spec spec = spec_of(s, &point);
    struct expr_error error;
    if (find_point(s, &point))
        return true;
    if (s->point_count == GDB_POINTS || !(point.id = debug_break_add(d, &spec, &error)))
        return false;
    s->point[s->point_count++] = point;
    return true;
}

static void remove_point(struct gdb_session *s, struct debug *d, struct gdb_point *at)
{
    debug_break_remove(d, at->id);
    *at = s->point[--s->point_count];
}

void gdb_points_clear(struct gdb_session *s, struct partition *p)
{
    while (s->point_count)
        remove_point(s, partition_debug(p), &s->point[s->point_count - 1]);
}

static void do_insert(struct gdb_command *k)
{
    struct gdb_point point;
    bool unknown;
    if (!take_point(k, &point, &unknown)) {
        if (!unknown)
            reply_error(k, BAD_PACKET);
    } else if (add_point(k->session, debug_of(k), point)) {
        reply_ok(k);
    } else {
        reply_error(k, 0x0C); /* ENOMEM */
    }
}

static void do_remove(struct gdb_command *k)
{
    struct gdb_point point, *at;
    bool unknown;
    if (!take_point(k, &point, &unknown)) {
        if (!unknown)
            reply_error(k, BAD_PACKET);
        return;
    }
    at = find_point(k->session, &point);
    if (at)
        remove_point(k->session, debug_of(k), at);
    reply_ok(k);
}

/* --- Going on --------------------------------------------------------------------------------- */

/* An address at *text, if any, becomes the next instruction. */
static bool take_address(struct gdb_command *k, const char *text)
{
    uint64_t address;
    uint8_t value[REGISTER_BYTES] = {0};
    if (!*text)
        return true;
    if (!gdb_hex_number(&text, &address) || *text || address > UINT32_MAX)
        return false;
    store_le32(value, (uint32_t)address);
    return debug_register_write(vcpu_of(k), (unsigned)debug_register_find("eip"), value);
}

static void resume(struct gdb_command *k, bool step)
{
    if (step)
        debug_step(debug_of(k));
    else
        debug_continue(debug_of(k));
    k->resumed = true;
}

static void resume_at(struct gdb_command *k, const char *address, bool step)
{
    if (take_address(k, address))
        resume(k, step);
    else
        reply_error(k, BAD_ADDRESS);
}

static void do_continue(struct gdb_command *k)
{
    resume_at(k, k->text, false);
}

static void do_step(struct gdb_command *k)
{
    resume_at(k, k->text, true);
}

/* "SIGNAL[;ADDRESS]": there are no signals to deliver. */
static const char *behind_signal(struct gdb_command *k)
{
    const char *semicolon = strchr(k->text, ';');
    return semicolon ? semicolon + 1 : "";
}

static void do_continue_signal(struct gdb_command *k)
{
    resume_at(k, behind_signal(k), false);
}

static void do_step_signal(struct gdb_command *k)
{
    resume_at(k, behind_signal(k), true);
}

/* A thread id: 1 is the vCPU, 0 any, -1 all. */
static bool is_our_thread(const char *text)
{
    if (strncmp(text, "-1", 2) == 0)
        return true;
    uint64_t id;
    return gdb_hex_number(&text, &id) && id <= 1;
}

/* "START,END": steps until the pc leaves these addresses (END is not one of them). */
static bool resume_range(struct gdb_command *k, const char *text)
{
    uint64_t start, end;
    if (!gdb_hex_number(&text, &start) || *text++ != ',' || !gdb_hex_number(&text, &end) ||
        start > UINT32_MAX || end < start || end - start > UINT32_MAX)
        return false;
    debug_step_range(debug_of(k), (uint32_t)start, (uint32_t)(end - start));
    k->resumed = true;
    return true;
}

/* One action of vCont, without its thread. */
static bool do_action(struct gdb_command *k, const char *action)
{
    switch (*action) {
    case 'c':
    case 'C':
    case 's':
    case 'S':
        resume(k, *action == 's' || *action == 'S');
        return true;
    case 'r':
        return resume_range(k, action + 1);
    case 't':
        debug_pause(debug_of(k));
        reply_ok(k);
        return true;
    default:
        return false;
    }
}

/* ";ACTION[:THREAD];...": the first action that is for our thread. */
static void do_vcont(struct gdb_command *k)
{
    for (const char *at = k->text; *at == ';'; at += strcspn(at, ";")) {
        size_t len = strcspn(++at, ";");
        const char *colon = memchr(at, ':', len);
        if (colon && !is_our_thread(colon + 1))
            continue;
        if (!do_action(k, at))
            break;
        return;
    }
    reply_error(k, BAD_PACKET);
}

/* --- Threads ---------------------------------------------------------------------------------- */

static void do_thread_choose(struct gdb_command *k)
{
    if ((*k->text == 'g' || *k->text == 'c') && is_our_thread(k->text + 1))
        reply_ok(k);
    else
        reply_error(k, BAD_PACKET);
}

static void do_thread_alive(struct gdb_command *k)
{
    is_our_thread(k->text) ? reply_ok(k) : reply_error(k, BAD_PACKET);
}

static void do_thread_extra(struct gdb_command *k)
{
    const char *what = vcpu_of(k)->halted ? "CPU 0, halted" : "CPU 0";
    gdb_put_hex(&k->reply, what, strlen(what));
}

/* --- The rest --------------------------------------------------------------------------------- */

static void do_supported(struct gdb_command *k)
{
    k->session->swbreak = strstr(k->text, "swbreak+") != NULL;
    gdb_put_text(&k->reply,
                 "PacketSize=%x;qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+;"
                 "vContSupported+;swbreak+",
                 GDB_PACKET_MAX);
}

/* "OFFSET,LENGTH" of an object that is transferred in parts. */
static void put_part(struct gdb_command *k, const char *text, const struct bytes *object)
{
    uint64_t offset, len;
    if (!gdb_hex_number(&text, &offset) || *text++ != ',' || !gdb_hex_number(&text, &len) ||
        offset > object->len) {
        reply_error(k, BAD_PACKET);
        return;
    }
    uint64_t left = object->len - offset, most = MEMORY_MOST; /* every byte may need two */
    len = len < most ? len : most;
    bytes_append(&k->reply, len < left ? "m" : "l", 1);
    bytes_append(&k->reply, object->data + offset, (size_t)(len < left ? len : left));
}

static void do_features(struct gdb_command *k)
{
    const char *colon = strchr(k->text, ':');
    if (colon && strncmp(k->text, "target.xml:", 11) == 0)
        put_part(k, colon + 1, &k->session->target);
    else
        reply_error(k, 0);
}

static void do_memory_map(struct gdb_command *k)
{
    struct bytes map = {0};
    gdb_memory_map_xml(&map);
    if (*k->text == ':')
        put_part(k, k->text + 1, &map);
    else
        reply_error(k, 0);
    bytes_free(&map);
}

static void do_monitor(struct gdb_command *k)
{
    char line[GDB_PACKET_MAX / 2];
    size_t len = k->len / 2;
    struct answer answer = {0};
    if (len >= sizeof line || !gdb_hex_bytes(k->text, line, len)) {
        reply_error(k, BAD_PACKET);
        return;
    }
    line[len] = 0;
    control_run_line(&k->session->monitor, line, &answer);
    if (answer.failed)
        answer_text(&answer, "\n");
    size_t most = GDB_PACKET_MAX / 2 - 16; /* of text: gdb takes no more than a packet */
    if (answer.text.len)
        gdb_put_hex(&k->reply, answer.text.data, answer.text.len < most ? answer.text.len : most);
    else
        reply_ok(k);
    answer_free(&answer);
}

static void do_no_ack(struct gdb_command *k)
{
    k->session->no_ack = true;
    reply_ok(k);
}

static void do_detach(struct gdb_command *k)
{
    k->verdict = GDB_DETACHED;
    reply_ok(k);
}

static void do_kill(struct gdb_command *k)
{
    k->verdict = GDB_KILL;
}

static void do_vkill(struct gdb_command *k)
{
    k->verdict = GDB_KILL;
    reply_ok(k);
}

/* Packets by how they begin, longer ones before those that begin them. Those with a fixed answer
 * have no handler. */
static const struct packet {
    const char *name;
    void (*run)(struct gdb_command *k);
    const char *answer;
} packets[] = {
    {"qXfer:features:read:", do_features, NULL},
    {"qXfer:memory-map:read:", do_memory_map, NULL},
    {"qSupported", do_supported, NULL},
    {"qRcmd,", do_monitor, NULL},
    {"qAttached", NULL, "1"},
    {"qThreadExtraInfo,", do_thread_extra, NULL},
    {"qfThreadInfo", NULL, "m1"},
    {"qsThreadInfo", NULL, "l"},
    {"qSymbol::", NULL, "OK"},
    {"qC", NULL, "QC1"},
    {"QStartNoAckMode", do_no_ack, NULL},
    {"vCont?", NULL, "vCont;c;C;s;S;t;r"},
    {"vCont", do_vcont, NULL},
    {"vKill", do_vkill, NULL},
    {"?", do_question, NULL},
    {"g", do_read_all, NULL},
    {"G", do_write_all, NULL},
    {"p", do_read_one, NULL},
    {"P", do_write_one, NULL},
    {"m", do_read_memory, NULL},
    {"M", do_write_memory, NULL},
    {"X", do_write_binary, NULL},
    {"Z", do_insert, NULL},
    {"z", do_remove, NULL},
    {"c", do_continue, NULL},
    {"C", do_continue_signal, NULL},
    {"s", do_step, NULL},
    {"S", do_step_signal, NULL},
    {"H", do_thread_choose, NULL},
    {"T", do_thread_alive, NULL},
    {"D", do_detach, NULL},
    {"k", do_kill, NULL},
};

void gdb_dispatch(struct gdb_command *command, const char *packet, size_t len)
{
    for (size_t n = 0; n < ARRAY_LEN(packets); n++) {
        const struct packet *p = &packets[n];
        size_t name = strlen(p->name);
        if (len < name || memcmp(packet, p->name, name) != 0)
            continue;
        command->text = packet + name;
        command->len = len - name;
        if (p->run)
            p->run(command);
        else
            gdb_put_text(&command->reply, "%s", p->answer);
        return;
    }
}
