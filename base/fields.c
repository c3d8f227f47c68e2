#include "base/fields.h"

#include <assert.h>
#include <stdlib.h>

void bytes_append(struct bytes *to, const void *data, size_t len)
{
    if (to->capacity - to->len < len) {
        size_t capacity = to->capacity ? to->capacity : 256;
        while (capacity - to->len < len)
            capacity *= 2;
        to->data = realloc(to->data, capacity);
        assert(to->data && "host out of memory");
        to->capacity = capacity;
    }
    if (len)
        memcpy(to->data + to->len, data, len);
    to->len += len;
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* A field's header in the stream:
 *   name length (1) | name | unit size (4) | count (4) | units
 * A table ends with a zero byte. A unit with a sub-table is itself a table. */
void fields_save(const struct field *table, const void *object, struct bytes *out)
{
    for (const struct field *f = table; f->name; f++) {
        uint8_t name_len = (uint8_t)strlen(f->name);
        bytes_append(out, &name_len, 1);
        bytes_append(out, f->name, name_len);
        bytes_append(out, &f->size, 4);
        bytes_append(out, &f->count, 4);
        const uint8_t *unit = (const uint8_t *)object + f->offset;
        if (!f->sub) {
            bytes_append(out, unit, (size_t)f->size * f->count);
            continue;
        }
        for (uint32_t i = 0; i < f->count; i++)
            fields_save(f->sub, unit + (size_t)i * f->size, out);
    }
    bytes_append(out, "", 1);
}

/* Walks stream and table together; copies only when object is not NULL. */
static size_t load_pass(const struct field *table, void *object, const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (const struct field *f = table; f->name; f++) {
        size_t name_len = strlen(f->name);
        if (len - at < 1 + name_len + 8 || data[at] != name_len ||
            memcmp(data + at + 1, f->name, name_len) != 0)
            return 0;
        at += 1 + name_len;
        if (load_le32(data + at) != f->size || load_le32(data + at + 4) != f->count)
            return 0;
        at += 8;
        uint8_t *unit = object ? (uint8_t *)object + f->offset : NULL;
        if (!f->sub) {
            size_t size = (size_t)f->size * f->count;
            if (len - at < size)
                return 0;
            for (size_t i = 0; f->is_bool && i < size; i++)
                if (data[at + i] > 1)
                    return 0;
            if (unit)
                memcpy(unit, data + at, size);
            at += size;
            continue;
        }
        for (uint32_t i = 0; i < f->count; i++) {
            size_t used =
                load_pass(f->sub, unit ? unit + (size_t)i * f->size : NULL, data + at, len - at);
            if (!used)
                return 0;
            at += used;
        }
    }
    if (len - at < 1 || data[at] != 0)
        return 0;
    return at + 1;
}

size_t fields_load(const struct field *table, void *object, const uint8_t *data, size_t len)
{
    if (!load_pass(table, NULL, data, len))
        return 0;
    return load_pass(table, object, data, len);
}
