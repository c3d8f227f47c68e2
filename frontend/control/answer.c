#include "frontend/control/answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void answer_free(struct answer *a)
{
    bytes_free(&a->text);
    bytes_free(&a->data);
    *a = (struct answer){0};
}

static void append_format(struct bytes *out, const char *format, va_list args)
{
    char line[1024];
    int n = vsnprintf(line, sizeof line, format, args);
    if (n > 0)
        bytes_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void answer_text(struct answer *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_format(&a->text, format, args);
    va_end(args);
}

void answer_fail(struct answer *a, const char *format, ...)
{
    va_list args;
    a->text.len = a->data.len = 0;
    a->failed = true;
    va_start(args, format);
    append_format(&a->text, format, args);
    va_end(args);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void put(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

/* Length of the UTF-8 sequence at s (Unicode 15, table 3-7), 0 when it is none. */
static size_t utf8_len(const uint8_t *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
               : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
               : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                              : 0;
    if (!n || n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    bool bad = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
               (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F);
    return bad ? 0 : n;
}

static void put_quoted(struct bytes *out, const uint8_t *s, size_t len)
{
    put(out, "\"");
    for (size_t i = 0; i < len;) {
        size_t n = utf8_len(s + i, len - i);
        if (!n) {
            put(out, "\xEF\xBF\xBD");
            i++;
            continue;
        }
        if (s[i] == '"' || s[i] == '\\')
            text_put(out, "\\%c", s[i]);
        else if (s[i] == '\n')
            put(out, "\\n");
        else if (s[i] < 0x20 || s[i] == 0x7F)
            text_put(out, "\\u%04x", s[i]);
        else
            bytes_append(out, s + i, n);
        i += n;
    }
    put(out, "\"");
}

/* What stands before a value: the comma, the name. */
static void begin(struct bytes *out, const char *name)
{
    uint8_t last = out->len ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[')
        put(out, ",");
    if (name) {
        put_quoted(out, (const uint8_t *)name, strlen(name));
        put(out, ":");
    }
}

void json_put_number(struct bytes *out, const char *name, uint64_t value)
{
    begin(out, name);
    text_put(out, "%" PRIu64, value);
}

void json_put_signed(struct bytes *out, const char *name, int64_t value)
{
    begin(out, name);
    text_put(out, "%" PRId64, value);
}

void json_put_bool(struct bytes *out, const char *name, bool value)
{
    begin(out, name);
    put(out, value ? "true" : "false");
}

void json_put_string(struct bytes *out, const char *name, const char *value)
{
    json_put_bytes(out, name, value, strlen(value));
}

void json_put_bytes(struct bytes *out, const char *name, const void *value, size_t len)
{
    begin(out, name);
    put_quoted(out, value, len);
}

void json_put_hex(struct bytes *out, const char *name, const void *value, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = value;
    begin(out, name);
    put(out, "\"");
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {digits[from[i] >> 4], digits[from[i] & 15]};
        bytes_append(out, pair, 2);
    }
    put(out, "\"");
}

void json_put_base64(struct bytes *out, const char *name, const void *value, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = value;
    begin(out, name);
    put(out, "\"");
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)from[i] << 16 | (n > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                     (n > 2 ? from[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                        n > 2 ? digits[v & 63] : '='};
        bytes_append(out, four, 4);
    }
    put(out, "\"");
}

void json_put_raw(struct bytes *out, const char *name, const void *raw, size_t len)
{
    begin(out, name);
    bytes_append(out, raw, len);
}

void json_open(struct bytes *out, const char *name, char what)
{
    begin(out, name);
    bytes_append(out, &what, 1);
}

void json_close(struct bytes *out, char what)
{
    bytes_append(out, &what, 1);
}
