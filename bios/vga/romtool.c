/* romtool: the build-time helper of the option ROMs (host code, never part of the emulator).
 *
 *     romtool font LABEL HEIGHT FONT.hex OUT.inc   a glyph table as nasm source
 *     romtool rom IN.bin OUT.bin                   pad to the size in byte 2, fill in the checksums
 *
 * A font file holds a line for each of 256 codes: the code, then HEIGHT rows, all in hex, then a
 * name that is not read; '#' begins a comment. Anything else is an error with its line number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEIGHT = 32, ROM_MAX = 128 * 1024, ROM_BLOCK = 512 };

static int fail(const char *what, const char *name, int line)
{
    if (line)
        fprintf(stderr, "romtool: %s:%d: %s\n", name, line, what);
    else
        fprintf(stderr, "romtool: %s: %s\n", name, what);
    return 1;
}

/* Reads "CC R0 R1 ..." into rows; the code, or -1 when the line is not of that form. */
static int parse_glyph(const char *line, int height, unsigned char *rows)
{
    char *end;
    long code = strtol(line, &end, 16);
    if (end == line || code < 0 || code > 255)
        return -1;
    for (int i = 0; i < height; i++) {
        const char *at = end;
        long row = strtol(at, &end, 16);
        if (end == at || row < 0 || row > 255)
            return -1;
        rows[i] = (unsigned char)row;
    }
    return (int)code;
}

static int write_font(FILE *out, const char *label, int height,
                      unsigned char glyphs[256][MAX_HEIGHT])
{
    fprintf(out, "; made by romtool, not to be edited\n%s:\n", label);
    for (int c = 0; c < 256; c++) {
        for (int y = 0; y < height; y++)
            fprintf(out, "%s0x%02X", y ? "," : "db ", (unsigned)glyphs[c][y]);
        fprintf(out, " ; %02X\n", (unsigned)c);
    }
    return ferror(out) ? -1 : 0;
}

static int font(const char *label, int height, const char *in_name, const char *out_name)
{
    unsigned char glyphs[256][MAX_HEIGHT] = {{0}};
    char seen[256] = {0};
    char line[512];
    int number = 0, count = 0;
    FILE *in = fopen(in_name, "r");
    if (!in)
        return fail("cannot be read", in_name, 0);
    while (fgets(line, sizeof line, in)) {
        unsigned char rows[MAX_HEIGHT];
        number++;
        if (line[0] == '#' || line[strspn(line, " \t\r\n")] == 0)
            continue;
        int code = parse_glyph(line, height, rows);
        if (code < 0 || seen[code]) {
            fclose(in);
            return fail(code < 0 ? "not a glyph" : "glyph given twice", in_name, number);
        }
        seen[code] = 1;
        count++;
        memcpy(glyphs[code], rows, (size_t)height);
    }
    fclose(in);
    if (count != 256)
        return fail("does not have 256 glyphs", in_name, 0);
    FILE *out = fopen(out_name, "w");
    if (!out)
        return fail("cannot be written", out_name, 0);
    int bad = write_font(out, label, height, glyphs);
    if (fclose(out) || bad)
        return fail("cannot be written", out_name, 0);
    return 0;
}

/* Makes the bytes [at, at + len) sum to zero by setting byte field. */
static void fix_sum(unsigned char *rom, size_t at, size_t len, size_t field)
{
    unsigned char sum = 0;
    rom[field] = 0;
    for (size_t i = 0; i < len; i++)
        sum = (unsigned char)(sum + rom[at + i]);
    rom[field] = (unsigned char)-sum;
}

static int rom(const char *in_name, const char *out_name)
{
    static unsigned char image[ROM_MAX + 1];
    FILE *in = fopen(in_name, "rb");
    if (!in)
        return fail("cannot be read", in_name, 0);
    size_t used = fread(image, 1, sizeof image, in);
    fclose(in);
    if (used < 0x1C || image[0] != 0x55 || image[1] != 0xAA)
        return fail("is no option ROM", in_name, 0);
    size_t size = image[2] * (size_t)ROM_BLOCK;
    if (size > ROM_MAX || used > size)
        return fail("is larger than its header says", in_name, 0);
    size_t pnp = image[0x1A] | (size_t)image[0x1B] << 8;
    if (pnp && pnp + 0x20 <= used && !memcmp(image + pnp, "$PnP", 4))
        fix_sum(image, pnp, 0x20, pnp + 9);
    fix_sum(image, 0, size, 6); /* after the near jump in bytes 3 to 5 */
    FILE *out = fopen(out_name, "wb");
    if (!out)
        return fail("cannot be written", out_name, 0);
    size_t done = fwrite(image, 1, size, out);
    if (fclose(out) || done != size)
        return fail("cannot be written", out_name, 0);
    printf("%s: %zu of %zu bytes used\n", out_name, used, size);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[1], "font")) {
        int height = atoi(argv[3]);
        if (height >= 1 && height <= MAX_HEIGHT)
            return font(argv[2], height, argv[4], argv[5]);
    }
    if (argc == 4 && !strcmp(argv[1], "rom"))
        return rom(argv[2], argv[3]);
    fprintf(stderr, "usage: romtool font LABEL HEIGHT FONT.hex OUT.inc\n"
                    "       romtool rom IN.bin OUT.bin\n");
    return 2;
}
