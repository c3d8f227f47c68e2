/* Graphics: mode 13h set by its registers (there is no BIOS in protected mode), a plasma whose
 * colours are the DAC's, and the way back to text, font included. */
#include "kernel.h"

struct mode {
    uint8_t misc, seq[4], crtc[25], attr[21], gc[9];
};

static const struct mode mode_13h = {
    0x63,
    {1, 15, 0, 14},
    {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0,    0x41, 0,    0,   0,
     0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 15, 0, 0},
    {0, 0, 0, 0, 0, 0x40, 5, 15, 0xFF}};

static struct mode text_mode;
static uint8_t font[8192], colours[768];

static void indexed(uint16_t port, uint8_t index, uint8_t value)
{
    out16(port, (uint16_t)(value << 8 | index));
}

static uint8_t read_indexed(uint16_t port, uint8_t index)
{
    out8(port, index);
    return in8((uint16_t)(port + 1));
}

static void save_mode(struct mode *m)
{
    m->misc = in8(0x3CC);
    for (uint8_t i = 0; i < 4; i++)
        m->seq[i] = read_indexed(0x3C4, (uint8_t)(i + 1));
    for (uint8_t i = 0; i < 25; i++)
        m->crtc[i] = read_indexed(0x3D4, i);
    for (uint8_t i = 0; i < 21; i++) {
        in8(0x3DA);
        out8(0x3C0, i);
        m->attr[i] = in8(0x3C1);
    }
    in8(0x3DA);
    out8(0x3C0, 0x20);
    for (uint8_t i = 0; i < 9; i++)
        m->gc[i] = read_indexed(0x3CE, i);
}

static void set_mode(const struct mode *m)
{
    indexed(0x3C4, 0, 1);
    out8(0x3C2, m->misc);
    for (uint8_t i = 0; i < 4; i++)
        indexed(0x3C4, (uint8_t)(i + 1), m->seq[i]);
    indexed(0x3C4, 0, 3);
    indexed(0x3D4, 0x11, 0); /* CRTC 0 to 7 are locked by bit 7 of it */
    for (uint8_t i = 0; i < 25; i++)
        indexed(0x3D4, i, m->crtc[i]);
    for (uint8_t i = 0; i < 9; i++)
        indexed(0x3CE, i, m->gc[i]);
    in8(0x3DA);
    for (uint8_t i = 0; i < 21; i++) {
        out8(0x3C0, i);
        out8(0x3C0, m->attr[i]);
    }
    out8(0x3C0, 0x20);
}

/* The font lies in plane 2, at A0000 when the planes are taken apart. */
static void font_copy(bool save)
{
    volatile uint8_t *plane = (volatile uint8_t *)0xA0000;
    indexed(0x3C4, 2, 4);
    indexed(0x3C4, 4, 6);
    indexed(0x3CE, 4, 2);
    indexed(0x3CE, 5, 0);
    indexed(0x3CE, 6, 4);
    for (unsigned i = 0; i < sizeof font; i++) {
        if (save)
            font[i] = plane[i];
        else
            plane[i] = font[i];
    }
}

static void dac_copy(bool save)
{
    out8(save ? 0x3C7 : 0x3C8, 0);
    for (unsigned i = 0; i < sizeof colours; i++) {
        if (save)
            colours[i] = in8(0x3C9);
        else
            out8(0x3C9, colours[i]);
    }
}

enum { CORONA = 16 }; /* colours 0 to 15: black, then the corona's glow */

static void corona_colours(void)
{
    out8(0x3C8, 0);
    for (unsigned i = 0; i < CORONA; i++) {
        out8(0x3C9, (uint8_t)(i * 63 / 15));
        out8(0x3C9, (uint8_t)(i * i * 60 / 225));
        out8(0x3C9, (uint8_t)(i * i * i * 55 / 3375));
    }
}

/* A sine of 256 steps, 0 to 63: parabolas are near enough for the eye. */
static uint8_t wave(unsigned phase)
{
    unsigned p = phase & 127;
    unsigned y = p * (127 - p) * 32 / 4032;
    return (uint8_t)(phase & 128 ? 32 - y : 31 + y);
}

static void palette(unsigned shift)
{
    out8(0x3C8, CORONA); /* the colours below do not change */
    for (unsigned i = CORONA; i < 256; i++) {
        out8(0x3C9, (uint8_t)(wave(i + shift) / 3));
        out8(0x3C9, (uint8_t)(wave(i * 2 + shift + 85) / 4));
        out8(0x3C9, (uint8_t)(20 + wave(i + shift + 170) / 2));
    }
}

static void plasma(void)
{
    volatile uint8_t *at = (volatile uint8_t *)0xA0000;
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++)
            *at++ = (uint8_t)(CORONA +
                              (wave(x) + wave(y * 2) + wave(x + y) + wave((x * x + y * y) / 256)) %
                                  (256 - CORONA));
}

/* A dark disc before a bright ring: what a planet's umbra is. */
static void eclipse(void)
{
    volatile uint8_t *base = (volatile uint8_t *)0xA0000;
    for (int y = -84; y <= 84; y++) {
        for (int x = -84; x <= 84; x++) {
            int r = x * x + y * y;
            if (r < 70 * 70)
                base[(100 + y) * 320 + 160 + x] = 0;
            else if (r < 84 * 84)
                base[(100 + y) * 320 + 160 + x] =
                    (uint8_t)(15 - (r - 70 * 70) * 15 / (84 * 84 - 70 * 70));
        }
    }
}

void command_vga(const char *argument)
{
    (void)argument;
    print("Mode 13h, 320 x 200 in 256 colours, set by its registers: any key comes back.\n");
    wait_ticks(HZ);
    console_show(false);
    save_mode(&text_mode);
    dac_copy(true);
    font_copy(true);
    set_mode(&mode_13h);
    corona_colours();
    palette(0);
    plasma();
    eclipse();
    unsigned frame = 0;
    while (key_poll() < 0 && frame < 6 * HZ) {
        palette(frame / 2);
        wait_ticks(3);
        frame += 3;
    }
    font_copy(false);
    set_mode(&text_mode);
    dac_copy(false);
    console_show(true);
    print("Back in text: the same registers, the font put back into plane 2, and the\n"
          "screen redrawn from memory.\n");
}
