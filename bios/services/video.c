/* INT 10h before, or without, a video ROM; and INT 05h, which prints the screen. */
#include "services.h"

void c_int10(struct regs *r);
void c_print_screen(struct regs *r);

/* With no video ROM there is nothing to show on: text goes to the debug console. */
void c_int10(struct regs *r)
{
    switch (r->ah) {
    case 0x03:
        r->cx = 0x0607;
        r->dx = 0;
        break;
    case 0x0E:
        out8(0xE9, r->al);
        break;
    case 0x0F:
        r->al = bda8(BDA_VIDEO_MODE);
        r->ah = bda8(BDA_COLUMNS);
        r->bh = 0;
        break;
    default:
        break;
    }
}

static int print_char(u8 c)
{
    struct regs r = {0};
    r.ax = c;
    call_int16(&r, 0x17);
    return !(r.ah & 0x29);
}

/* 50:00 is 1 while printing, FFh after an error (IBM AT Technical Reference, INT 05h). */
void c_print_screen(struct regs *caller)
{
    (void)caller;
    if (peek8(0x50, 0) == 1)
        return;
    poke8(0x50, 0, 1);
    struct regs r = {0};
    r.ax = 0x0F00;
    call_int16(&r, 0x10);
    u8 columns = r.ah, page = r.bh, rows = bda8(BDA_ROWS) ? bda8(BDA_ROWS) : 24;
    r.ax = 0x0300;
    r.bh = page;
    call_int16(&r, 0x10);
    u16 cursor = r.dx;
    int fine = print_char('\r') && print_char('\n');
    for (u32 y = 0; fine && y <= rows; y++) {
        for (u32 x = 0; fine && x < columns; x++) {
            r.ax = 0x0200;
            r.bh = page;
            r.dx = (u16)(y << 8 | x);
            call_int16(&r, 0x10);
            r.ax = 0x0800;
            call_int16(&r, 0x10);
            fine = print_char(r.al ? r.al : ' ');
        }
        fine = fine && print_char('\r') && print_char('\n');
    }
    r.ax = 0x0200;
    r.bh = page;
    r.dx = cursor;
    call_int16(&r, 0x10);
    poke8(0x50, 0, fine ? 0 : 0xFF);
}
