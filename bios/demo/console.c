/* The console: a text screen between two bars, and the same text, plain, on COM1. */
#include "kernel.h"

enum { COLUMNS = 80, TOP = 1, BOTTOM = 23, COM1 = 0x3F8 };

static uint16_t shadow[25 * COLUMNS]; /* what the screen shows, also while it is in graphics */
static unsigned row, column;
static uint8_t attribute;
static bool visible;

static volatile uint16_t *screen(void)
{
    return (volatile uint16_t *)0xB8000;
}

static void cell(unsigned at_row, unsigned at_column, uint8_t c, uint8_t attr)
{
    unsigned at = at_row * COLUMNS + at_column;
    shadow[at] = (uint16_t)(attr << 8 | c);
    if (visible)
        screen()[at] = shadow[at];
}

static void cursor(void)
{
    unsigned at = row * COLUMNS + column;
    if (!visible)
        return;
    out16(0x3D4, (uint16_t)((at & 0xFF00) | 0x0E));
    out16(0x3D4, (uint16_t)((at & 0xFF) << 8 | 0x0F));
}

/* Code page 437 has lines and blocks; a serial terminal gets the nearest ASCII. */
static char plain(uint8_t c)
{
    if (c < 0x80)
        return (char)c;
    if (c == 0xB3 || c == 0xBA)
        return '|';
    if (c == 0xC4 || c == 0xCD)
        return '-';
    if (c >= 0xB0 && c <= 0xB2)
        return '.';
    if (c == 0xDB || c == 0xDC || c == 0xDF || c == 0xFE)
        return '#';
    return c == 0xFA ? '.' : '+';
}

static void serial_put(char c)
{
    for (unsigned i = 0; i < 100000 && !(in8(COM1 + 5) & 0x20); i++)
        ;
    out8(COM1, (uint8_t)c);
}

static void scroll(void)
{
    for (unsigned at = TOP * COLUMNS; at < BOTTOM * COLUMNS; at++)
        shadow[at] = shadow[at + COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        shadow[BOTTOM * COLUMNS + i] = 0x0720;
    if (visible)
        for (unsigned at = TOP * COLUMNS; at < (BOTTOM + 1) * COLUMNS; at++)
            screen()[at] = shadow[at];
    row = BOTTOM;
}

void put_char(char c)
{
    if (c == '\n') {
        column = 0;
        row++;
        serial_put('\r');
    } else if (c == '\b') {
        if (column)
            column--;
    } else {
        cell(row, column, (uint8_t)c, attribute);
        if (++column == COLUMNS) {
            column = 0;
            row++;
        }
    }
    if (row > BOTTOM)
        scroll();
    serial_put((unsigned char)c == 0x1A || (unsigned char)c == 0x10 ? '>' : plain((uint8_t)c));
}

void colour_set(unsigned value)
{
    attribute = (uint8_t)value;
}

void clear_screen(void)
{
    for (unsigned r = TOP; r <= BOTTOM; r++)
        for (unsigned c = 0; c < COLUMNS; c++)
            cell(r, c, ' ', GREY);
    row = TOP;
    column = 0;
    cursor();
}

void console_redraw(void)
{
    for (unsigned at = 0; at < 25 * COLUMNS; at++)
        screen()[at] = shadow[at];
    cursor();
}

void console_show(bool show)
{
    visible = show;
    if (show)
        console_redraw();
}

void console_init(void)
{
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 0x80); /* 115200 bit/s, 8N1 */
    out8(COM1 + 0, 1);
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);
    out8(COM1 + 2, 7);
    out8(COM1 + 4, 0x0B);
    visible = true;
    attribute = GREY;
    for (unsigned c = 0; c < COLUMNS; c++) {
        cell(0, c, ' ', 0x1F);
        cell(24, c, ' ', 0x30);
    }
    clear_screen();
}

/* --- A small printf: %c %s %d %u %x, with width, zero padding and '-' --- */

typedef void put_function(void *ctx, char c);

static void put_padded(put_function *put, void *ctx, const char *text, unsigned len, int width,
                       char pad)
{
    for (int i = (int)len; i < width; i++)
        put(ctx, pad);
    for (unsigned i = 0; i < len; i++)
        put(ctx, text[i]);
    for (int i = (int)len; i < -width; i++)
        put(ctx, ' ');
}

static unsigned digits_of(char *end, uint32_t value, uint32_t base)
{
    unsigned len = 0;
    do {
        *--end = "0123456789ABCDEF"[value % base];
        value /= base;
        len++;
    } while (value);
    return len;
}

static void format_to(put_function *put, void *ctx, const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(ctx, *f);
            continue;
        }
        bool left = *++f == '-';
        f += left;
        char pad = *f == '0' ? '0' : ' ';
        int width = 0;
        while (*f >= '0' && *f <= '9')
            width = width * 10 + *f++ - '0';
        if (left)
            width = -width;
        char text[12];
        if (*f == 's') {
            const char *s = va_arg(args, const char *);
            unsigned len = 0;
            while (s[len])
                len++;
            put_padded(put, ctx, s, len, width, ' ');
        } else if (*f == 'c') {
            text[0] = (char)va_arg(args, int);
            put_padded(put, ctx, text, 1, width, ' ');
        } else if (*f == 'd' || *f == 'u' || *f == 'x') {
            uint32_t value = va_arg(args, uint32_t);
            bool minus = *f == 'd' && (int32_t)value < 0;
            unsigned len = digits_of(text + 12, minus ? -value : value, *f == 'x' ? 16 : 10);
            if (minus)
                text[11 - len++] = '-';
            put_padded(put, ctx, text + 12 - len, len, width, pad);
        } else {
            put(ctx, *f);
        }
    }
}

static void put_console(void *ctx, char c)
{
    (void)ctx;
    put_char(c);
}

void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_to(put_console, NULL, format, args);
    va_end(args);
    cursor();
}

void say(unsigned colour, const char *format, ...)
{
    uint8_t before = attribute;
    va_list args;
    attribute = (uint8_t)colour;
    va_start(args, format);
    format_to(put_console, NULL, format, args);
    va_end(args);
    attribute = before;
    cursor();
}

struct place {
    unsigned row, column;
    uint8_t attribute;
};

static void put_bar(void *ctx, char c)
{
    struct place *p = ctx;
    if (p->column < COLUMNS)
        cell(p->row, p->column++, (uint8_t)c, p->attribute);
}

/* Text at a fixed place; on the screen only. */
void bar(unsigned at_row, unsigned at_column, unsigned attr, const char *format, ...)
{
    struct place p = {at_row, at_column, (uint8_t)attr};
    va_list args;
    va_start(args, format);
    format_to(put_bar, &p, format, args);
    va_end(args);
}

void frame_line(void)
{
    colour_set(BLUE | BRIGHT);
    for (unsigned i = 0; i < 72; i++)
        put_char('\xC4');
    print("\n");
    colour_set(GREY);
}
