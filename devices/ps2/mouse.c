#include "devices/ps2/mouse.h"

#define MOVE_LIMIT 100000 /* what a host may pile up before the guest looks */

enum { ACK = 0xFA, RESEND = 0xFE, ERROR_CODE = 0xFC, SELF_TEST_OK = 0xAA };

const struct field ps2_mouse_fields[] = {
    FIELD_SUB1(struct ps2_mouse, packets, fifo_fields, "movement packets"),
    FIELD_SUB1(struct ps2_mouse, replies, fifo_fields, "answers"),
    FIELD(struct ps2_mouse, command, "command waiting for its parameter"),
    FIELD(struct ps2_mouse, id, "protocol: 0 standard, 3 wheel, 4 five buttons"),
    FIELD(struct ps2_mouse, rate, "samples per second"),
    FIELD(struct ps2_mouse, resolution, "resolution code"),
    FIELD_ARRAY(struct ps2_mouse, rates, "last sampling rates set"),
    FIELD(struct ps2_mouse, streaming, "data reporting enabled"),
    FIELD(struct ps2_mouse, remote, "remote mode"),
    FIELD(struct ps2_mouse, wrap, "wrap mode"),
    FIELD(struct ps2_mouse, scaling, "2:1 scaling"),
    FIELD(struct ps2_mouse, dx, "movement to the right"),
    FIELD(struct ps2_mouse, dy, "movement up"),
    FIELD(struct ps2_mouse, dz, "wheel"),
    FIELD(struct ps2_mouse, buttons, "buttons held"),
    FIELD(struct ps2_mouse, sent_buttons, "buttons last reported"),
    FIELD(struct ps2_mouse, last, "last byte sent"),
    FIELD_END,
};

static void set_defaults(struct ps2_mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->streaming = m->remote = m->wrap = m->scaling = false;
    m->dx = m->dy = m->dz = 0;
    fifo_clear(&m->packets);
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    uint8_t buttons = m->buttons & 0x1F;
    memset(m, 0, sizeof *m);
    fifo_init(&m->packets, 16);
    fifo_init(&m->replies, 16);
    set_defaults(m);
    m->buttons = m->sent_buttons = buttons;
}

static int32_t limit(int64_t v, int32_t low, int32_t high)
{
    return (int32_t)(v < low ? low : v > high ? high : v);
}

void ps2_mouse_loaded(struct ps2_mouse *m)
{
    if (m->packets.limit != 16 || m->packets.count > 16)
        fifo_init(&m->packets, 16);
    if (m->replies.limit != 16 || m->replies.count > 16)
        fifo_init(&m->replies, 16);
    if (!m->rate)
        m->rate = 100;
    if (m->id != 3 && m->id != 4)
        m->id = 0;
    m->dx = limit(m->dx, -MOVE_LIMIT, MOVE_LIMIT);
    m->dy = limit(m->dy, -MOVE_LIMIT, MOVE_LIMIT);
    m->dz = limit(m->dz, -MOVE_LIMIT, MOVE_LIMIT);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    m->dx = limit((int64_t)m->dx + dx, -MOVE_LIMIT, MOVE_LIMIT);
    m->dy = limit((int64_t)m->dy - dy, -MOVE_LIMIT, MOVE_LIMIT);
    m->dz = limit((int64_t)m->dz + dz, -MOVE_LIMIT, MOVE_LIMIT);
    m->buttons = buttons & 0x1F;
}

/* Buttons that the protocol in use can tell. */
static uint8_t visible(const struct ps2_mouse *m, uint8_t buttons)
{
    return buttons & (m->id == 4 ? 0x1F : 0x07);
}

bool ps2_mouse_wants_packet(const struct ps2_mouse *m)
{
    return m->streaming && !m->remote && !m->wrap && !m->packets.count &&
           (m->dx || m->dy || (m->dz && m->id) ||
            visible(m, m->buttons) != visible(m, m->sent_buttons));
}

/* 2:1 scaling, in stream mode (IBM PS/2 mouse reference). */
static int32_t scale(int32_t v)
{
    static const int8_t small[] = {0, 1, 1, 3, 6, 9};
    int32_t a = v < 0 ? -v : v;
    a = a < 6 ? small[a] : a * 2;
    return v < 0 ? -a : a;
}

/*      7     6     5     4     3     2     1     0
 *   | Yovf | Xovf | Ysgn | Xsgn |  1  | mid | right | left |   dx   |   dy   | [ dz, buttons 4, 5 ]
 * Movement beyond a byte stays for the next packet. */
static void queue_packet(struct ps2_mouse *m, struct fifo *to, bool scaled)
{
    int32_t dx = limit(m->dx, -255, 255), dy = limit(m->dy, -255, 255);
    int32_t dz = limit(m->dz, m->id == 4 ? -8 : -128, m->id == 4 ? 7 : 127);
    m->dx -= dx;
    m->dy -= dy;
    m->dz -= dz;
    if (scaled) {
        dx = limit(scale(dx), -255, 255);
        dy = limit(scale(dy), -255, 255);
    }
    m->sent_buttons = m->buttons;
    fifo_push(to, (uint8_t)(0x08 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)));
    fifo_push(to, (uint8_t)dx);
    fifo_push(to, (uint8_t)dy);
    if (m->id == 3)
        fifo_push(to, (uint8_t)dz);
    else if (m->id == 4)
        fifo_push(to, (uint8_t)((dz & 15) | (m->buttons & 0x18) << 1));
    if (!m->id)
        m->dz = 0;
}

void ps2_mouse_packet(struct ps2_mouse *m)
{
    queue_packet(m, &m->packets, m->scaling);
}

static void reply(struct ps2_mouse *m, uint8_t byte)
{
    fifo_push(&m->replies, byte);
}

static void set_rate(struct ps2_mouse *m, uint8_t rate)
{
    m->rate = rate ? rate : 1;
    m->rates[0] = m->rates[1];
    m->rates[1] = m->rates[2];
    m->rates[2] = rate;
    if (m->rates[0] == 200 && m->rates[1] == 100 && m->rates[2] == 80 && m->id == 0)
        m->id = 3;
    if (m->rates[0] == 200 && m->rates[1] == 200 && m->rates[2] == 80)
        m->id = 4;
}

static void send_status(struct ps2_mouse *m)
{
    uint8_t buttons =
        (uint8_t)((m->buttons & 1) << 2 | (m->buttons & 2) >> 1 | (m->buttons & 4) >> 1);
    reply(m, (uint8_t)((m->remote ? 0x40 : 0) | (m->streaming ? 0x20 : 0) |
                       (m->scaling ? 0x10 : 0) | buttons));
    reply(m, m->resolution);
    reply(m, m->rate);
}

static void command(struct ps2_mouse *m, uint8_t byte)
{
    reply(m, ACK);
    switch (byte) {
    case 0xE6:
        m->scaling = false;
        break;
    case 0xE7:
        m->scaling = true;
        break;
    case 0xE8: /* resolution */
    case 0xF3: /* sampling rate */
        m->command = byte;
        break;
    case 0xE9:
        send_status(m);
        break;
    case 0xEA:
        m->remote = m->wrap = false;
        break;
    case 0xEB:
        queue_packet(m, &m->replies, false);
        break;
    case 0xEC:
        m->wrap = false;
        break;
    case 0xEE:
        m->wrap = true;
        break;
    case 0xF0:
        m->remote = true;
        break;
    case 0xF2:
        reply(m, m->id);
        break;
    case 0xF4:
        m->streaming = true;
        m->dx = m->dy = m->dz = 0;
        break;
    case 0xF5:
        m->streaming = false;
        break;
    case 0xF6:
        set_defaults(m);
        break;
    case 0xFF:
        ps2_mouse_reset(m);
        reply(m, ACK);
        reply(m, SELF_TEST_OK);
        reply(m, 0);
        break;
    default:
        fifo_clear(&m->replies);
        reply(m, RESEND);
    }
}

void ps2_mouse_command(struct ps2_mouse *m, uint8_t byte)
{
    uint8_t waiting = m->command;
    if (m->wrap && byte != 0xFF && byte != 0xEC) {
        reply(m, byte);
        return;
    }
    if (byte == 0xFE && !waiting) {
        reply(m, m->last);
        return;
    }
    m->command = 0;
    fifo_clear(&m->replies);
    fifo_clear(&m->packets); /* a packet cut short is not resumed */
    if (waiting == 0xF3 && byte != 0xFF) {
        set_rate(m, byte);
        reply(m, ACK);
    } else if (waiting == 0xE8 && byte != 0xFF) {
        if (byte < 4)
            m->resolution = byte;
        reply(m, byte < 4 ? ACK : ERROR_CODE);
    } else {
        command(m, byte);
    }
}

bool ps2_mouse_has_byte(const struct ps2_mouse *m)
{
    return m->replies.count || (m->packets.count && !m->command);
}

uint8_t ps2_mouse_byte(struct ps2_mouse *m)
{
    m->last = fifo_pop(m->replies.count ? &m->replies : &m->packets);
    return m->last;
}
