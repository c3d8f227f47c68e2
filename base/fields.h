/* base/fields.h: field tables. A struct's persistent members are named once; saving, loading, the
 * debugger's panels and the docs are all made from that one table.
 *
 *     static const struct field pit_fields[] = {
 *         FIELD(struct pit, gate, "gate inputs"),
 *         FIELD_ARRAY(struct pit, latch, "latched counts"),
 *         FIELD_SUB(struct pit, channel, channel_fields, "counters"),   (an array of structs)
 *         FIELD_END,
 *     };
 *
 * What is saved is a self-describing stream: per field its name, unit size and count, then the
 * bytes, little-endian. Loading checks every name and size, so a stream from an older or a damaged
 * snapshot is refused, never misread: nothing is written to the struct unless all of it fits. */
#ifndef UMBRA_BASE_FIELDS_H
#define UMBRA_BASE_FIELDS_H

#include "base/bits.h"

struct field {
    const char *name;        /* member name; NULL ends the table */
    const char *doc;         /* one phrase for debugger and docs */
    uint32_t offset;         /* of the first unit, in bytes */
    uint32_t size;           /* of one unit, in bytes: 1, 2, 4, 8, or a sub-struct's size */
    uint32_t count;          /* units */
    const struct field *sub; /* the table of a unit that is a struct, else NULL */
    bool is_bool;            /* a stream with another value than 0 and 1 is refused */
};

/* unit: an expression or a type. */
#define FIELD_IS_BOOL(unit) _Generic(*(__typeof__(unit) *)0, bool : true, default : false)
#define FIELD_AT(type, member, unit, n, table, text)                                         \
    {                                                                                        \
#member, text, offsetof(type, member), sizeof(unit), (n), table, FIELD_IS_BOOL(unit) \
    }
#define FIELD(type, member, text) FIELD_AT(type, member, ((type *)0)->member, 1, NULL, text)
#define FIELD_ARRAY(type, member, text)            \
    FIELD_AT(type, member, ((type *)0)->member[0], \
             sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]), NULL, text)
/* member is an array of structs (use FIELD_SUB1 for a single one). */
#define FIELD_SUB(type, member, table, text)       \
    FIELD_AT(type, member, ((type *)0)->member[0], \
             sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]), table, text)
#define FIELD_SUB1(type, member, table, text) \
    FIELD_AT(type, member, ((type *)0)->member, 1, table, text)
#define FIELD_END                        \
    {                                    \
        NULL, NULL, 0, 0, 0, NULL, false \
    }

/* A growing byte buffer. */
struct bytes {
    uint8_t *data;
    size_t len, capacity;
};

/* Appends len bytes. Aborts the process only when the host is out of memory. */
void bytes_append(struct bytes *to, const void *data, size_t len);
void bytes_free(struct bytes *b);

/* Appends the fields of *object to out. */
void fields_save(const struct field *table, const void *object, struct bytes *out);

/* Reads fields from data (len bytes) into *object. Returns the bytes consumed, or 0 when the
 * stream does not match the table; *object is then unchanged. */
must_use size_t fields_load(const struct field *table, void *object, const uint8_t *data,
                            size_t len);

#endif
