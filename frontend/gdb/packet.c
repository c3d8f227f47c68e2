#include "frontend/gdb/packet.h"

#include <stdarg.h>
#include <stdio.h>

void gdb_parser_init(struct gdb_parser *p)
{
    p->state = GDB_IDLE;
    p->len = 0;
}

static void begin(struct gdb_parser *p)
{
    p->state = GDB_BODY;
    p->sum = 0;
    p->bad = false;
    p->len = 0;
}

static void put(struct gdb_parser *p, uint8_t byte)
{
    if (p->len < GDB_PACKET_MAX)
        p->body[p->len++] = (char)byte;
    else
        p->bad = true;
}

static enum gdb_event idle(struct gdb_parser *p, uint8_t byte)
{
    switch (byte) {
    case '$':
        begin(p);
        return GDB_NOTHING;
    case '+':
        return GDB_ACK;
    case '-':
        return GDB_NACK;
    case 3:
        return GDB_INTERRUPT;
    default:
        return GDB_NOTHING; /* noise */
    }
}

static void in_body(struct gdb_parser *p, uint8_t byte)
{
    if (byte == '$') { /* a packet was cut off and starts over */
        begin(p);
        return;
    }
    if (byte == '#') {
        p->state = GDB_SUM_HIGH;
        return;
    }
    p->sum = (uint8_t)(p->sum + byte);
    if (p->state == GDB_ESCAPED) {
        p->state = GDB_BODY;
        put(p, byte ^ 0x20);
    } else if (byte == '}') {
        p->state = GDB_ESCAPED;
    } else {
        put(p, byte);
    }
}

enum gdb_event gdb_parse(struct gdb_parser *p, uint8_t byte)
{
    int digit = gdb_hex_digit((char)byte);
    switch (p->state) {
    case GDB_IDLE:
        return idle(p, byte);
    case GDB_BODY:
    case GDB_ESCAPED:
        in_body(p, byte);
        return GDB_NOTHING;
    case GDB_SUM_HIGH:
        p->bad |= digit < 0;
        p->sum_given = digit < 0 ? 0 : (uint8_t)(digit << 4);
        p->state = GDB_SUM_LOW;
        return GDB_NOTHING;
    case GDB_SUM_LOW:
        p->state = GDB_IDLE;
        p->body[p->len] = 0;
        if (p->bad || digit < 0 || (p->sum_given | digit) != p->sum)
            return GDB_BAD;
        return GDB_PACKET;
    }
    return GDB_NOTHING;
}

void gdb_frame(struct bytes *out, const void *body, size_t len)
{
    const uint8_t *from = body;
    uint8_t sum = 0;
    bytes_append(out, "$", 1);
    for (size_t n = 0; n < len; n++) {
        uint8_t escaped[2] = {'}', from[n] ^ 0x20};
        bool special = from[n] == '$' || from[n] == '#' || from[n] == '}' || from[n] == '*';
        const uint8_t *put = special ? escaped : &from[n];
        size_t count = special ? 2 : 1;
        for (size_t k = 0; k < count; k++)
            sum = (uint8_t)(sum + put[k]);
        bytes_append(out, put, count);
    }
    char end[4];
    snprintf(end, sizeof end, "#%02x", sum);
    bytes_append(out, end, 3);
}

int gdb_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool gdb_hex_number(const char **text, uint64_t *value)
{
    unsigned digits = 0;
    uint64_t v = 0;
    for (int d; (d = gdb_hex_digit(**text)) >= 0; (*text)++, digits++) {
        if (digits == 16)
            return false;
        v = v << 4 | (unsigned)d;
    }
    *value = v;
    return digits > 0;
}

bool gdb_hex_bytes(const char *text, void *to, size_t len)
{
    uint8_t *bytes = to;
    for (size_t n = 0; n < len; n++) {
        int high = gdb_hex_digit(text[2 * n]);
        int low = high < 0 ? -1 : gdb_hex_digit(text[2 * n + 1]);
        if (low < 0)
            return false;
        bytes[n] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void gdb_put_hex(struct bytes *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = data;
    for (size_t n = 0; n < len; n++) {
        char pair[2] = {digits[from[n] >> 4], digits[from[n] & 15]};
        bytes_append(out, pair, 2);
    }
}

void gdb_put_text(struct bytes *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0)
        bytes_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}
