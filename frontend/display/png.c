#include "frontend/display/png.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

static void put_be32(uint8_t *at, uint32_t v)
{
    store_le32(at, __builtin_bswap32(v));
}

/* A chunk: length, type, data, CRC of type and data. */
static void chunk(struct bytes *out, const char *type, const uint8_t *data, size_t len)
{
    uint8_t word[4];
    put_be32(word, (uint32_t)len);
    bytes_append(out, word, 4);
    size_t start = out->len;
    bytes_append(out, type, 4);
    bytes_append(out, data, len);
    put_be32(word, (uint32_t)crc32(0, out->data + start, (uInt)(len + 4)));
    bytes_append(out, word, 4);
}

/* Rows of RGB, each after the byte that names its filter: 0, none. */
static uint8_t *raw_rows(const struct surface *s, size_t row)
{
    uint8_t *raw = malloc(row * s->height);
    if (!raw)
        return NULL;
    uint8_t *at = raw;
    for (unsigned y = 0; y < s->height; y++) {
        *at++ = 0;
        const uint32_t *pixels = s->pixels + (size_t)y * s->width;
        for (unsigned x = 0; x < s->width; x++) {
            *at++ = (uint8_t)(pixels[x] >> 16);
            *at++ = (uint8_t)(pixels[x] >> 8);
            *at++ = (uint8_t)pixels[x];
        }
    }
    return raw;
}

bool png_encode(const struct surface *s, struct bytes *out)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (!s->pixels || !s->width || !s->height)
        return false;
    size_t row = (size_t)s->width * 3 + 1;
    uint8_t *raw = raw_rows(s, row);
    uLongf packed_len = compressBound((uLong)(row * s->height));
    uint8_t *packed = malloc(packed_len);
    bool ok =
        raw && packed && compress2(packed, &packed_len, raw, (uLong)(row * s->height), 6) == Z_OK;
    if (ok) {
        uint8_t header[13] = {[8] = 8, [9] = 2}; /* 8 bits, RGB */
        put_be32(header, s->width);
        put_be32(header + 4, s->height);
        bytes_append(out, signature, sizeof signature);
        chunk(out, "IHDR", header, sizeof header);
        chunk(out, "IDAT", packed, packed_len);
        chunk(out, "IEND", NULL, 0);
    }
    free(raw);
    free(packed);
    return ok;
}

static bool write_file(const char *path, const struct bytes *data)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    bool ok = fwrite(data->data, 1, data->len, f) == data->len;
    int error = errno;
    if (fclose(f) != 0)
        return false;
    errno = error;
    return ok;
}

bool png_write(const char *path, const struct surface *s, char *error, size_t error_len)
{
    struct bytes png = {0};
    if (!png_encode(s, &png)) {
        snprintf(error, error_len, "no picture to write to %s", path);
        bytes_free(&png);
        return false;
    }
    size_t len = strlen(path) + 16;
    char *beside = malloc(len);
    bool ok = false;
    if (beside) {
        snprintf(beside, len, "%s.%ld", path, (long)getpid());
        ok = write_file(beside, &png) && rename(beside, path) == 0;
        int why = errno;
        if (!ok)
            unlink(beside);
        errno = why;
    }
    if (!ok)
        snprintf(error, error_len, "cannot write %s: %s", path, strerror(errno));
    free(beside);
    bytes_free(&png);
    return ok;
}
