/* The keyboard: IRQ 1 turns scan codes of set 1 into INT 16h's key codes in the ring buffer of the
 * BIOS data area. Key codes: IBM PS/2 and PC BIOS Interface Technical Reference, INT 16h. */
#include "services.h"

enum {
    SHIFT_RIGHT = 1,
    SHIFT_LEFT = 2,
    CTRL = 4,
    ALT = 8,
    SCROLL = 16,
    NUM = 32,
    CAPS = 64,
    INS = 128
};

/* What c_key wants done outside C; int09 of entry.asm knows these numbers. */
enum action {
    ACT_NONE,
    ACT_PRINT,
    ACT_BREAK,
    ACT_PAUSE,
    ACT_RESET,
    ACT_SYSREQ_DOWN,
    ACT_SYSREQ_UP
};

struct key {
    u16 normal, shift, ctrl, alt;
};

#define LETTER(sc, c)                                                          \
    {                                                                          \
        (sc) << 8 | (c), (sc) << 8 | ((c)-32), (sc) << 8 | ((c)-96), (sc) << 8 \
    }
#define FKEY(n)                                                                    \
    {                                                                              \
        (0x3B + (n)) << 8, (0x54 + (n)) << 8, (0x5E + (n)) << 8, (0x68 + (n)) << 8 \
    }

/* By scan code from 1. 0: the combination gives no key. */
static const struct key keys[0x58] = {
    {0x011B, 0x011B, 0x011B, 0x0100},
    {0x0231, 0x0221, 0, 0x7800},
    {0x0332, 0x0340, 0x0300, 0x7900},
    {0x0433, 0x0423, 0, 0x7A00},
    {0x0534, 0x0524, 0, 0x7B00},
    {0x0635, 0x0625, 0, 0x7C00},
    {0x0736, 0x075E, 0x071E, 0x7D00},
    {0x0837, 0x0826, 0, 0x7E00},
    {0x0938, 0x092A, 0, 0x7F00},
    {0x0A39, 0x0A28, 0, 0x8000},
    {0x0B30, 0x0B29, 0, 0x8100},
    {0x0C2D, 0x0C5F, 0x0C1F, 0x8200},
    {0x0D3D, 0x0D2B, 0, 0x8300},
    {0x0E08, 0x0E08, 0x0E7F, 0x0E00},
    {0x0F09, 0x0F00, 0x9400, 0xA500},
    LETTER(0x10, 'q'),
    LETTER(0x11, 'w'),
    LETTER(0x12, 'e'),
    LETTER(0x13, 'r'),
    LETTER(0x14, 't'),
    LETTER(0x15, 'y'),
    LETTER(0x16, 'u'),
    LETTER(0x17, 'i'),
    LETTER(0x18, 'o'),
    LETTER(0x19, 'p'),
    {0x1A5B, 0x1A7B, 0x1A1B, 0x1A00},
    {0x1B5D, 0x1B7D, 0x1B1D, 0x1B00},
    {0x1C0D, 0x1C0D, 0x1C0A, 0x1C00},
    {0, 0, 0, 0},
    LETTER(0x1E, 'a'),
    LETTER(0x1F, 's'),
    LETTER(0x20, 'd'),
    LETTER(0x21, 'f'),
    LETTER(0x22, 'g'),
    LETTER(0x23, 'h'),
    LETTER(0x24, 'j'),
    LETTER(0x25, 'k'),
    LETTER(0x26, 'l'),
    {0x273B, 0x273A, 0, 0x2700},
    {0x2827, 0x2822, 0, 0x2800},
    {0x2960, 0x297E, 0, 0x2900},
    {0, 0, 0, 0},
    {0x2B5C, 0x2B7C, 0x2B1C, 0x2B00},
    LETTER(0x2C, 'z'),
    LETTER(0x2D, 'x'),
    LETTER(0x2E, 'c'),
    LETTER(0x2F, 'v'),
    LETTER(0x30, 'b'),
    LETTER(0x31, 'n'),
    LETTER(0x32, 'm'),
    {0x332C, 0x333C, 0, 0x3300},
    {0x342E, 0x343E, 0, 0x3400},
    {0x352F, 0x353F, 0, 0x3500},
    {0, 0, 0, 0},
    {0x372A, 0x372A, 0x9600, 0x3700},
    {0, 0, 0, 0},
    {0x3920, 0x3920, 0x3920, 0x3920},
    {0, 0, 0, 0},
    FKEY(0),
    FKEY(1),
    FKEY(2),
    FKEY(3),
    FKEY(4),
    FKEY(5),
    FKEY(6),
    FKEY(7),
    FKEY(8),
    FKEY(9),
    {0, 0, 0, 0},
    {0, 0, 0, 0},
    {0x4700, 0x4737, 0x7700, 0},
    {0x4800, 0x4838, 0x8D00, 0},
    {0x4900, 0x4939, 0x8400, 0},
    {0x4A2D, 0x4A2D, 0x8E00, 0x4A00},
    {0x4B00, 0x4B34, 0x7300, 0},
    {0x4CF0, 0x4C35, 0x8F00, 0},
    {0x4D00, 0x4D36, 0x7400, 0},
    {0x4E2B, 0x4E2B, 0x9000, 0x4E00},
    {0x4F00, 0x4F31, 0x7500, 0},
    {0x5000, 0x5032, 0x9100, 0},
    {0x5100, 0x5133, 0x7600, 0},
    {0x5200, 0x5230, 0x9200, 0},
    {0x5300, 0x532E, 0x9300, 0},
    {0, 0, 0, 0},
    {0, 0, 0, 0},
    {0x565C, 0x567C, 0x561C, 0x5600},
    {0x8500, 0x8700, 0x8900, 0x8B00},
    {0x8600, 0x8800, 0x8A00, 0x8C00},
};

/* --- the controller --- */

static int kbc_wait_write(void)
{
    struct deadline d = deadline_us(50000);
    while (in8(0x64) & 2)
        if (deadline_over(&d))
            return 0;
    return 1;
}

int kbc_command(u8 command)
{
    if (!kbc_wait_write())
        return 0;
    out8(0x64, command);
    return 1;
}

int kbc_write_data(u8 v)
{
    if (!kbc_wait_write())
        return 0;
    out8(0x60, v);
    return 1;
}

int kbc_read(void)
{
    struct deadline d = deadline_us(50000);
    while (!(in8(0x64) & 1))
        if (deadline_over(&d))
            return -1;
    return in8(0x60);
}

/* F12 pressed before the keyboard is reset asks for the boot menu all the same. */
u8 early_f12;

static void kbc_drain(void)
{
    for (u32 i = 0; i < 32 && (in8(0x64) & 1); i++)
        if (in8(0x60) == 0x58)
            early_f12 = 1;
}

static void update_leds(void)
{
    u8 leds = bda8(BDA_KBD_FLAGS) >> 4 & 7;
    if ((bda8(BDA_KBD_LEDS) & 7) == leds)
        return;
    set_bda8(BDA_KBD_LEDS, (u8)((bda8(BDA_KBD_LEDS) & 0xF8) | leds));
    kbc_command(0xAD);
    if (kbc_write_data(0xED) && kbc_read() == 0xFA) {
        kbc_write_data(leds);
        kbc_read();
    }
    kbc_command(0xAE);
}

void keyboard_init(void)
{
    set_bda16(BDA_KBD_START, 0x1E);
    set_bda16(BDA_KBD_END, 0x3E);
    set_bda16(BDA_KBD_HEAD, 0x1E);
    set_bda16(BDA_KBD_TAIL, 0x1E);
    set_bda8(BDA_KBD_MODE, 0x10); /* an enhanced keyboard */
    set_bda8(BDA_KBD_LEDS, 0);
    kbc_command(0xAD);
    kbc_command(0xA7);
    kbc_drain();
    kbc_command(0xAA);
    kbc_read();
    kbc_command(0xAB);
    kbc_read();
    kbc_command(0xAE);
    kbc_write_data(0xFF);
    if (kbc_read() == 0xFA)
        kbc_read(); /* AAh: self test passed */
    kbc_write_data(0xF4);
    kbc_read();
    kbc_command(0x60);
    kbc_write_data(0x65); /* translate, auxiliary port off, system flag, keyboard interrupt */
    kbc_drain();
}

/* --- the ring buffer --- */

static u16 advance(u16 at)
{
    at = (u16)(at + 2);
    return at >= bda16(BDA_KBD_END) ? bda16(BDA_KBD_START) : at;
}

static int enqueue(u16 key)
{
    u16 tail = bda16(BDA_KBD_TAIL), next = advance(tail);
    if (next == bda16(BDA_KBD_HEAD))
        return 0;
    set_bda16(tail, key);
    set_bda16(BDA_KBD_TAIL, next);
    return 1;
}

/* --- IRQ 1 --- */

static u8 lock_bit(u8 code)
{
    return code == 0x3A ? CAPS : code == 0x45 ? NUM : code == 0x46 ? SCROLL : 0;
}

/* The key code of the cursor block, which has E0h where the number pad has 0. */
static u16 grey_key(u8 code, u8 flags)
{
    static const u8 alt_codes[] = {0x97, 0x98, 0x99, 0,    0x9B, 0,   0x9D,
                                   0,    0x9F, 0xA0, 0xA1, 0xA2, 0xA3};
    if (code == 0x1C)
        return flags & ALT ? 0xA600 : flags & CTRL ? 0xE00A : 0xE00D;
    if (code == 0x35)
        return flags & ALT ? 0xA400 : flags & CTRL ? 0x9500 : 0xE02F;
    if (code < 0x47 || code > 0x53)
        return 0;
    if (flags & ALT)
        return (u16)(alt_codes[code - 0x47] << 8);
    if (flags & CTRL)
        return (u16)((keys[code - 1].ctrl & 0xFF00) | 0xE0);
    return (u16)(code << 8 | 0xE0);
}

static u16 plain_key(u8 code, u8 flags)
{
    const struct key *k = &keys[code - 1];
    int shift = flags & (SHIFT_LEFT | SHIFT_RIGHT);
    int letter = k->normal && (k->normal & 0xFF) >= 'a' && (k->normal & 0xFF) <= 'z';
    int pad = code >= 0x47 && code <= 0x53 && code != 0x4A && code != 0x4E;
    if (flags & ALT) {
        if (pad) { /* Alt and digits of the number pad: a character by its number */
            static const u8 digit[] = {7, 8, 9, 0, 4, 5, 6, 0, 1, 2, 3, 0};
            if (code != 0x53)
                set_bda8(BDA_ALT_NUMBER, (u8)(bda8(BDA_ALT_NUMBER) * 10 + digit[code - 0x47]));
            return 0;
        }
        return k->alt;
    }
    if (flags & CTRL)
        return k->ctrl;
    if (letter && (flags & CAPS))
        shift = !shift;
    if (pad && (flags & NUM))
        shift = !shift;
    return shift ? k->shift : k->normal;
}

/* A shift key went down or up: the two flag bytes and, with E0h, the right-hand bits of 40:96. */
static int shift_key(u8 code, int up, int e0)
{
    u8 flags = bda8(BDA_KBD_FLAGS), flags2 = bda8(BDA_KBD_FLAGS2), mode = bda8(BDA_KBD_MODE);
    u8 bit = 0, bit2 = 0, right = 0;
    switch (code) {
    case 0x2A:
        if (e0)
            return 1; /* the false shift around grey keys */
        bit = SHIFT_LEFT;
        break;
    case 0x36:
        if (e0)
            return 1;
        bit = SHIFT_RIGHT;
        break;
    case 0x1D:
        bit = CTRL;
        bit2 = e0 ? 0 : 1;
        right = e0 ? 4 : 0;
        break;
    case 0x38:
        bit = ALT;
        bit2 = e0 ? 0 : 2;
        right = e0 ? 8 : 0;
        break;
    default:
        return 0;
    }
    if (!up) {
        flags |= bit;
        flags2 |= bit2;
        mode |= right;
    } else {
        flags2 &= (u8)~bit2;
        mode &= (u8)~right;
        /* Ctrl and Alt stay down as long as one of the two keys is. */
        int other = code == 0x1D   ? (flags2 & 1) || (mode & 4)
                    : code == 0x38 ? (flags2 & 2) || (mode & 8)
                                   : 0;
        if (!other)
            flags &= (u8)~bit;
    }
    set_bda8(BDA_KBD_FLAGS, flags);
    set_bda8(BDA_KBD_FLAGS2, flags2);
    set_bda8(BDA_KBD_MODE, mode);
    if (up && code == 0x38 && !(flags & ALT) && bda8(BDA_ALT_NUMBER)) {
        enqueue(bda8(BDA_ALT_NUMBER));
        set_bda8(BDA_ALT_NUMBER, 0);
    }
    return 1;
}

static enum action lock_key(u8 code, int up, int e0, u8 flags)
{
    u8 bit = lock_bit(code), held = bda8(BDA_KBD_FLAGS2);
    if (code == 0x45 && !up && ((flags & CTRL) || (bda8(BDA_KBD_MODE) & 1))) {
        set_bda8(BDA_KBD_FLAGS2, held | 8); /* Pause */
        return ACT_PAUSE;
    }
    if (code == 0x46 && !up && ((flags & CTRL) || e0)) { /* Break */
        set_bda8(BDA_BREAK, 0x80);
        set_bda16(BDA_KBD_HEAD, bda16(BDA_KBD_START));
        set_bda16(BDA_KBD_TAIL, bda16(BDA_KBD_START));
        enqueue(0);
        return ACT_BREAK;
    }
    if (up) {
        set_bda8(BDA_KBD_FLAGS2, held & (u8)~bit);
    } else if (!(held & bit)) {
        set_bda8(BDA_KBD_FLAGS2, held | bit);
        set_bda8(BDA_KBD_FLAGS, flags ^ bit);
        update_leds();
    }
    return ACT_NONE;
}

static enum action key_down(u8 code, int e0)
{
    u8 flags = bda8(BDA_KBD_FLAGS), held = bda8(BDA_KBD_FLAGS2);
    if (code == 0x53 && (flags & (CTRL | ALT)) == (CTRL | ALT)) {
        set_bda16(BDA_RESET, 0x1234);
        return ACT_RESET;
    }
    if (held & 8) { /* any key ends a pause */
        set_bda8(BDA_KBD_FLAGS2, held & (u8)~8);
        return ACT_NONE;
    }
    if (code == 0x37 && !(flags & (ALT | CTRL)) && (e0 || (flags & (SHIFT_LEFT | SHIFT_RIGHT))))
        return ACT_PRINT;
    if (code == 0x37 && (flags & CTRL) && e0) {
        enqueue(0x7200);
        return ACT_NONE;
    }
    if (code == 0x54) {
        set_bda8(BDA_KBD_FLAGS2, held | 4);
        return ACT_SYSREQ_DOWN;
    }
    if (code == 0x52 && !(flags & (ALT | CTRL)) && !(held & INS)) {
        int digit = !e0 && (!(flags & NUM) != !(flags & (SHIFT_LEFT | SHIFT_RIGHT)));
        set_bda8(BDA_KBD_FLAGS2, held | INS);
        if (!digit)
            set_bda8(BDA_KBD_FLAGS, flags ^ INS);
    }
    if (code == 0 || code > 0x58)
        return ACT_NONE;
    u16 key = e0 ? grey_key(code, flags) : plain_key(code, flags);
    if (key)
        enqueue(key);
    return ACT_NONE;
}

void c_key(struct regs *r);
void c_key(struct regs *r)
{
    u8 scan = r->al, mode = bda8(BDA_KBD_MODE);
    int up = scan & 0x80, e0 = mode & 2;
    u8 code = scan & 0x7F;
    enum action act = ACT_NONE;

    if (scan == 0xE0 || scan == 0xE1) {
        set_bda8(BDA_KBD_MODE, mode | (scan == 0xE0 ? 2 : 1));
        r->ax = ACT_NONE;
        return;
    }
    if (scan == 0xFA || scan == 0xFE || scan == 0xEE) {
        r->ax = ACT_NONE;
        return;
    }
    int e1 = mode & 1;
    if (e1 && code == 0x1D) { /* E1 1D 45: wait for the 45 */
        r->ax = ACT_NONE;
        return;
    }
    if (shift_key(code, up, e0))
        ;
    else if (lock_bit(code))
        act = lock_key(code, up, e0, bda8(BDA_KBD_FLAGS));
    else if (!up)
        act = key_down(code, e0);
    else if (code == 0x52)
        set_bda8(BDA_KBD_FLAGS2, bda8(BDA_KBD_FLAGS2) & (u8)~INS);
    else if (code == 0x54) {
        set_bda8(BDA_KBD_FLAGS2, bda8(BDA_KBD_FLAGS2) & (u8)~4);
        act = ACT_SYSREQ_UP;
    }
    set_bda8(BDA_KBD_MODE, bda8(BDA_KBD_MODE) & (u8)~3);
    r->ax = (u16)act;
}

/* --- INT 16h --- */

/* Functions 00h and 01h show an older keyboard: no E0h, and keypad Enter and / as the main ones. */
static u16 old_key(u16 key)
{
    u8 ascii = (u8)key, scan = (u8)(key >> 8);
    if (scan == 0xE0)
        return (u16)((ascii == '/' ? 0x3500 : 0x1C00) | ascii);
    return ascii == 0xE0 && scan ? (u16)(scan << 8) : key;
}

static int peek_key(u16 *key)
{
    u16 head = bda16(BDA_KBD_HEAD);
    if (head == bda16(BDA_KBD_TAIL))
        return 0;
    *key = bda16(head);
    return 1;
}

static u16 extended_key(u16 key)
{
    return (key & 0xFF) == 0xF0 && key >> 8 ? (u16)(key & 0xFF00) : key;
}

u16 keyboard_poll(void)
{
    u16 key;
    if (!peek_key(&key))
        return 0;
    set_bda16(BDA_KBD_HEAD, advance(bda16(BDA_KBD_HEAD)));
    return key;
}

/* For functions 00h and 01h: keys that an 84-key keyboard cannot give (scan codes above 84h, and
 * F0h for "only function 10h") are taken away before they are seen. */
static void drop_new_keys(void)
{
    u16 key;
    while (peek_key(&key)) {
        u8 scan = (u8)(key >> 8);
        if (scan == 0xE0 || (scan <= 0x84 && ((key & 0xFF) != 0xF0 || !scan)))
            return;
        keyboard_poll();
    }
}

static void set_typematic(const struct regs *r)
{
    if (r->al != 5)
        return;
    kbc_command(0xAD);
    if (kbc_write_data(0xF3) && kbc_read() == 0xFA) {
        kbc_write_data((u8)((r->bh & 3) << 5 | (r->bl & 0x1F)));
        kbc_read();
    }
    kbc_command(0xAE);
}

/* All functions but 02h; 01h and 11h when there may be a key: int16 of entry.asm does those. */
void c_int16(struct regs *r);
void c_int16(struct regs *r)
{
    u16 key;
    switch (r->ah) {
    case 0x00:
    case 0x10: /* ZF: nothing yet; int16 of entry.asm waits and asks again */
        update_leds();
        if (!(r->ah & 0x10))
            drop_new_keys();
        if (!peek_key(&key)) {
            r->flags |= FLAG_ZF;
            return;
        }
        keyboard_poll();
        r->ax = r->ah ? extended_key(key) : old_key(key);
        r->flags &= (u16)~FLAG_ZF;
        break;
    case 0x01:
    case 0x11:
        update_leds();
        if (!(r->ah & 0x10))
            drop_new_keys();
        if (!peek_key(&key)) {
            r->flags |= FLAG_ZF;
            return;
        }
        r->ax = r->ah == 0x11 ? extended_key(key) : old_key(key);
        r->flags &= (u16)~FLAG_ZF;
        break;
    case 0x03:
        set_typematic(r);
        break;
    case 0x05:
        r->al = !enqueue(r->cx);
        break;
    case 0x09:
        r->al = 0x30; /* 0Ah, 10h to 12h and typematic setting exist */
        break;
    case 0x0A:
        r->bx = 0x41AB; /* translated MF II keyboard */
        break;
    case 0x12: {
        u8 held = bda8(BDA_KBD_FLAGS2), mode = bda8(BDA_KBD_MODE);
        r->al = bda8(BDA_KBD_FLAGS);
        r->ah = (u8)((held & 0x73) | (held & 4 ? 0x80 : 0) | (mode & 0x0C));
        break;
    }
    default:
        break;
    }
}
