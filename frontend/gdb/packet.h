/* frontend/gdb/packet.h: the framing of gdb's remote protocol: $body#xx, acknowledgements, Ctrl-C.
 * Bytes come in one by one and from anybody: every state takes every byte, and a body is bounded.
 */
#ifndef UMBRA_FRONTEND_GDB_PACKET_H
#define UMBRA_FRONTEND_GDB_PACKET_H

#include "base/fields.h"

#define GDB_PACKET_MAX 0x4000 /* bytes of a body, as told by qSupported */

enum gdb_event {
    GDB_NOTHING,   /* more bytes are needed */
    GDB_PACKET,    /* body and len hold a packet, unescaped, closed by a 0 */
    GDB_BAD,       /* a packet with a wrong checksum, or too long */
    GDB_ACK,       /* + */
    GDB_NACK,      /* - */
    GDB_INTERRUPT, /* Ctrl-C */
};

enum gdb_framing { GDB_IDLE, GDB_BODY, GDB_ESCAPED, GDB_SUM_HIGH, GDB_SUM_LOW };

struct gdb_parser {
    enum gdb_framing state;
    uint8_t sum, sum_given;
    bool bad; /* too long, or a checksum that is no number */
    size_t len;
    char body[GDB_PACKET_MAX + 1];
};

void gdb_parser_init(struct gdb_parser *p);
enum gdb_event gdb_parse(struct gdb_parser *p, uint8_t byte);

/* Appends $body#xx, with what must be escaped escaped. */
void gdb_frame(struct bytes *out, const void *body, size_t len);

/* -1 when c is no hex digit. */
int gdb_hex_digit(char c);
/* Reads a number of at most 16 hex digits at *text and moves *text behind it; false when there is
 * none, or a longer one. */
bool gdb_hex_number(const char **text, uint64_t *value);
/* Reads exactly len bytes in hex; false when text has fewer. */
bool gdb_hex_bytes(const char *text, void *to, size_t len);
void gdb_put_hex(struct bytes *out, const void *data, size_t len);
void gdb_put_text(struct bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
