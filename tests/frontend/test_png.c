/* PNG files: read back by hand (chunks, CRCs, inflated rows), and what happens on errors. */
#include "tests/check_main.h"

#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "frontend/display/png.h"

static uint32_t be32(const uint8_t *p)
{
    return __builtin_bswap32(load_le32(p));
}

/* A picture whose pixels all differ. */
static struct surface picture(unsigned width, unsigned height)
{
    struct surface s = {0};
    ck_assert(surface_resize(&s, width, height));
    for (unsigned i = 0; i < width * height; i++)
        s.pixels[i] = (i * 0x010203u) & 0xFFFFFF;
    return s;
}

/* Finds a chunk, checking its CRC; returns its data. */
static const uint8_t *find_chunk(const struct bytes *png, const char *type, size_t *len)
{
    for (size_t at = 8; at + 12 <= png->len;) {
        *len = be32(png->data + at);
        ck_assert_uint_le(at + 12 + *len, png->len);
        ck_assert_uint_eq(be32(png->data + at + 8 + *len),
                          crc32(0, png->data + at + 4, (uInt)*len + 4));
        if (memcmp(png->data + at + 4, type, 4) == 0)
            return png->data + at + 8;
        at += 12 + *len;
    }
    return NULL;
}

static void check(const struct bytes *png, const struct surface *s)
{
    size_t len;
    ck_assert_mem_eq(png->data, "\x89PNG\r\n\x1A\n", 8);
    const uint8_t *header = find_chunk(png, "IHDR", &len);
    ck_assert_ptr_nonnull(header);
    ck_assert_uint_eq(len, 13);
    ck_assert_uint_eq(be32(header), s->width);
    ck_assert_uint_eq(be32(header + 4), s->height);
    ck_assert_uint_eq(header[8], 8);
    ck_assert_uint_eq(header[9], 2);
    const uint8_t *data = find_chunk(png, "IDAT", &len);
    ck_assert_ptr_nonnull(data);
    size_t row = s->width * 3 + 1;
    uLongf raw_len = (uLongf)(row * s->height + 100);
    uint8_t *raw = malloc(raw_len);
    ck_assert_int_eq(uncompress(raw, &raw_len, data, (uLong)len), Z_OK);
    ck_assert_uint_eq(raw_len, row * s->height);
    for (unsigned y = 0; y < s->height; y++)
        for (unsigned x = 0; x < s->width; x++) {
            const uint8_t *p = raw + y * row + 1 + x * 3;
            uint32_t rgb = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
            ck_assert_uint_eq(rgb, s->pixels[y * s->width + x]);
        }
    free(raw);
    ck_assert_ptr_nonnull(find_chunk(png, "IEND", &len));
}

START_TEST(pixels_come_back)
{
    static const unsigned sizes[][2] = {{1, 1}, {720, 400}, {3, 1200}, {1920, 2}};
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct surface s = picture(sizes[i][0], sizes[i][1]);
        struct bytes png = {0};
        ck_assert(png_encode(&s, &png));
        check(&png, &s);
        bytes_free(&png);
        surface_free(&s);
    }
}
END_TEST

START_TEST(a_file_is_replaced_whole)
{
    char folder[] = "/tmp/umbra-png-XXXXXX", path[64], error[256];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/shot.png", folder);
    struct surface s = picture(64, 48);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_msg(png_write(path, &s, error, sizeof error), "%s", error);
        static uint8_t buf[65536];
        FILE *f = fopen(path, "rb");
        ck_assert_ptr_nonnull(f);
        struct bytes png = {.data = buf, .len = fread(buf, 1, sizeof buf, f)};
        fclose(f);
        check(&png, &s);
    }
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left there */
    surface_free(&s);
}
END_TEST

START_TEST(failures_are_said)
{
    char error[256] = "";
    struct surface s = picture(4, 4), none = {0};
    ck_assert(!png_write("/nonexistent/shot.png", &s, error, sizeof error));
    ck_assert_str_eq(error, "cannot write /nonexistent/shot.png: No such file or directory");
    ck_assert(!png_write("/tmp/never.png", &none, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "no picture"));
    surface_free(&s);
}
END_TEST

CHECK_MAIN("png", pixels_come_back, a_file_is_replaced_whole, failures_are_said)
