/* POST's output: text through INT 10h, so that it works with any video ROM, and as a copy on the
 * debug console when there is no video ROM at all. */
#include "services.h"

static u8 attribute = 0x07;

int video_present(void)
{
    return peek32(0, 0x40) != ((u32)ROM_SEG << 16 | 0xF065);
}

void put_color(u8 a)
{
    attribute = a;
}

void put_char(char c)
{
    struct regs r = {0};
    if (!video_present()) {
        out8(0xE9, (u8)c);
        return;
    }
    if (c == '\n') {
        r.ax = 0x0E0D;
        call_int16(&r, 0x10);
    } else {
        r.ax = (u16)(0x0900 | (u8)c);
        r.bx = attribute;
        r.cx = 1;
        call_int16(&r, 0x10);
    }
    r.ax = (u16)(0x0E00 | (u8)c);
    r.bx = 7;
    call_int16(&r, 0x10);
}

void put(const char *s)
{
    for (; *s; s++)
        put_char(*s);
}

void put_n(const char *s, u32 n)
{
    for (; n && *s; n--)
        put_char(*s++);
}

void put_dec(u32 n)
{
    char text[11];
    u32 at = sizeof text;
    text[--at] = 0;
    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put(text + at);
}

void put_hex(u32 n, u32 digits)
{
    while (digits--)
        put_char("0123456789ABCDEF"[n >> (digits * 4) & 15]);
}
