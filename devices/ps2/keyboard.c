#include "devices/ps2/keyboard.h"

#include "devices/i8042.h"

#define KEYS_LIMIT 64 /* a real keyboard holds 16 or 17 bytes */

enum { ACK = 0xFA, RESEND = 0xFE, ECHO = 0xEE, SELF_TEST_OK = 0xAA };

const struct field ps2_keyboard_fields[] = {
    FIELD_SUB1(struct ps2_keyboard, keys, fifo_fields, "scan codes"),
    FIELD_SUB1(struct ps2_keyboard, replies, fifo_fields, "answers"),
    FIELD(struct ps2_keyboard, command, "command waiting for its parameter"),
    FIELD(struct ps2_keyboard, set, "scan code set"),
    FIELD(struct ps2_keyboard, leds, "lights"),
    FIELD(struct ps2_keyboard, rate, "typematic rate and delay"),
    FIELD(struct ps2_keyboard, last, "last byte sent"),
    FIELD(struct ps2_keyboard, scanning, "scanning"),
    FIELD(struct ps2_keyboard, overrun, "overrun code sent"),
    FIELD(struct ps2_keyboard, held, "modifier keys held"),
    FIELD(struct ps2_keyboard, last_down, "key last pressed"),
    FIELD_ARRAY(struct ps2_keyboard, key_type, "set 3 key types"),
    FIELD_END,
};

/* Set 2 code -> set 1 code, as the 8042's ROM has it (IBM PS/2 technical reference, "scan code
 * translation"). 80h and above pass unchanged but for 83h (F7) and 84h (SysRq). */
static const uint8_t translation[128] = {
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59,
    0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B,
    0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F,
    0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61,
    0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F,
    0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54,
};

uint8_t ps2_translate(uint8_t set2)
{
    if (set2 < 0x80)
        return translation[set2];
    return set2 == 0x83 ? 0x41 : set2 == 0x84 ? 0x54 : set2;
}

/* The inverse: the set 2 code of a set 1 make code, 0 when there is none. */
static uint8_t set2_of(uint8_t set1)
{
    if (set1 == 0x41)
        return 0x83;
    if (set1 == 0x54)
        return 0x84;
    for (unsigned i = 1; i < 128; i++)
        if (translation[i] == set1)
            return (uint8_t)i;
    return 0;
}

/* Set 3 codes by set 1 code: mostly those of set 2, but one byte for every key. */
static const uint8_t set3_plain[0x59] = {
    [0x01] = 0x08, [0x3B] = 0x07, [0x3C] = 0x0F, [0x3D] = 0x17, [0x3E] = 0x1F, [0x3F] = 0x27,
    [0x40] = 0x2F, [0x41] = 0x37, [0x42] = 0x3F, [0x43] = 0x47, [0x44] = 0x4F, [0x57] = 0x56,
    [0x58] = 0x5E, [0x46] = 0x5F, [0x45] = 0x76, [0x37] = 0x7E, [0x4A] = 0x84, [0x4E] = 0x7C,
    [0x3A] = 0x14, [0x1D] = 0x11, [0x38] = 0x19, [0x2B] = 0x5C, [0x56] = 0x13, [0x54] = 0x57,
};

struct pair {
    uint8_t from, to;
};
static const struct pair set3_extended[] = {
    {0x1C, 0x79}, {0x1D, 0x58}, {0x35, 0x77}, {0x37, 0x57}, {0x38, 0x39}, {0x47, 0x6E},
    {0x48, 0x63}, {0x49, 0x6F}, {0x4B, 0x61}, {0x4D, 0x6A}, {0x4F, 0x65}, {0x50, 0x60},
    {0x51, 0x6D}, {0x52, 0x67}, {0x53, 0x64}, {0x5B, 0x8B}, {0x5C, 0x8C}, {0x5D, 0x8D},
};

static uint8_t set3_of(uint16_t key)
{
    uint8_t code = (uint8_t)key;
    if (key == I8042_KEY_PAUSE)
        return 0x62;
    if (!(key & 0x100))
        return code < sizeof set3_plain && set3_plain[code] ? set3_plain[code] : set2_of(code);
    for (unsigned i = 0; i < ARRAY_LEN(set3_extended); i++)
        if (set3_extended[i].from == code)
            return set3_extended[i].to;
    return 0;
}

/* Set 3 as after power-on: characters repeat, Shift, Ctrl, Alt and Caps Lock have break codes, the
 * others only make codes. */
static void default_key_types(struct ps2_keyboard *k)
{
    static const uint8_t make_break[] = {0x11, 0x12, 0x14, 0x19, 0x59};
    static const uint8_t make_only[] = {0x07, 0x08, 0x0F, 0x17, 0x1F, 0x27, 0x2F, 0x37, 0x39, 0x3F,
                                        0x47, 0x4F, 0x56, 0x57, 0x58, 0x5E, 0x5F, 0x62, 0x65, 0x67,
                                        0x69, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x73, 0x74,
                                        0x75, 0x76, 0x77, 0x79, 0x7A, 0x7D, 0x7E, 0x84};
    memset(k->key_type, PS2_TYPEMATIC, sizeof k->key_type);
    for (unsigned i = 0; i < sizeof make_break; i++)
        k->key_type[make_break[i]] = PS2_BREAK;
    for (unsigned i = 0; i < sizeof make_only; i++)
        k->key_type[make_only[i]] = 0;
}

static void set_defaults(struct ps2_keyboard *k)
{
    k->rate = 0x2B;
    k->set = 2;
    k->last_down = 0;
    default_key_types(k);
    fifo_clear(&k->keys);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    memset(k, 0, sizeof *k);
    fifo_init(&k->keys, KEYS_LIMIT);
    fifo_init(&k->replies, 16);
    set_defaults(k);
    k->scanning = true;
}

void ps2_keyboard_loaded(struct ps2_keyboard *k)
{
    if (k->set < 1 || k->set > 3)
        k->set = 2;
    if (k->keys.limit != KEYS_LIMIT || k->keys.count > KEYS_LIMIT)
        fifo_init(&k->keys, KEYS_LIMIT);
    if (k->replies.limit != 16 || k->replies.count > 16)
        fifo_init(&k->replies, 16);
}

/* --- Keys ---------------------------------------------------------------------------------- */

/* Puts a whole sequence into the buffer, or none of it: then the overrun code, once. */
static void send_keys(struct ps2_keyboard *k, const uint8_t *bytes, unsigned count)
{
    if (k->keys.count + count >= k->keys.limit) {
        if (!k->overrun)
            fifo_push(&k->keys, k->set == 1 ? 0xFF : 0x00);
        k->overrun = true;
        return;
    }
    k->overrun = false;
    for (unsigned i = 0; i < count; i++)
        fifo_push(&k->keys, bytes[i]);
}

/* Appends one code of set 1 or 2 to out; returns its length. */
static unsigned emit(const struct ps2_keyboard *k, uint8_t *out, bool extended, uint8_t code,
                     bool down)
{
    unsigned n = 0;
    if (extended)
        out[n++] = 0xE0;
    if (k->set == 1) {
        out[n++] = (uint8_t)(code | (down ? 0 : 0x80));
        return n;
    }
    if (!down)
        out[n++] = 0xF0;
    out[n++] = set2_of(code);
    return n;
}

static void key_set3(struct ps2_keyboard *k, uint16_t key, bool down)
{
    uint8_t code = set3_of(key), out[2] = {0xF0, code};
    if (!code)
        return;
    uint8_t type = k->key_type[code];
    if (down && (key != k->last_down || type & PS2_TYPEMATIC))
        send_keys(k, &code, 1);
    else if (!down && type & PS2_BREAK)
        send_keys(k, out, 2);
}

static void key_pause(struct ps2_keyboard *k, bool down)
{
    uint8_t out[16]; /* set 2: E1 14 77 E1 F0 14 F0 77 */
    unsigned n = 0;
    if (!down)
        return; /* sent with the make */
    if (k->held & PS2_CTRL) {
        n += emit(k, out, true, 0x46, true);
        n += emit(k, out + n, true, 0x46, false);
    } else {
        out[n++] = 0xE1;
        n += emit(k, out + n, false, 0x1D, true);
        n += emit(k, out + n, false, 0x45, true);
        out[n++] = 0xE1;
        n += emit(k, out + n, false, 0x1D, false);
        n += emit(k, out + n, false, 0x45, false);
    }
    send_keys(k, out, n);
}

/* Print Screen brings a shift of its own (IBM 101-key layout), unless Shift or Ctrl is held. */
static void key_print(struct ps2_keyboard *k, bool down)
{
    uint8_t out[8];
    unsigned n = 0;
    bool shift = !(k->held & (PS2_SHIFT | PS2_CTRL));
    if (k->held & PS2_ALT) {
        n = emit(k, out, false, 0x54, down);
        send_keys(k, out, n);
        return;
    }
    if (shift && down)
        n += emit(k, out + n, true, 0x2A, true);
    n += emit(k, out + n, true, 0x37, down);
    if (shift && !down)
        n += emit(k, out + n, true, 0x2A, false);
    send_keys(k, out, n);
}

static void note_modifier(struct ps2_keyboard *k, uint16_t key, bool down)
{
    uint8_t code = (uint8_t)(key & 0x7F);
    uint8_t bit = code == 0x2A || code == 0x36 ? PS2_SHIFT
                  : code == 0x1D               ? PS2_CTRL
                  : code == 0x38               ? PS2_ALT
                                               : 0;
    if (key == I8042_KEY_PAUSE)
        return;
    k->held = (uint8_t)(down ? k->held | bit : k->held & ~bit);
}

void ps2_keyboard_key(struct ps2_keyboard *k, uint16_t key, bool down)
{
    uint8_t out[4];
    bool known = key == I8042_KEY_PAUSE || ((key & ~0x17Fu) == 0 && set2_of(key & 0x7F));
    if (!known)
        return;
    note_modifier(k, key, down);
    if (k->scanning) {
        if (k->set == 3)
            key_set3(k, key, down);
        else if (key == I8042_KEY_PAUSE)
            key_pause(k, down);
        else if (key == I8042_KEY_PRINT)
            key_print(k, down);
        else
            send_keys(k, out, emit(k, out, key & 0x100, key & 0x7F, down));
    }
    k->last_down = down ? key : 0;
}

/* --- Commands ------------------------------------------------------------------------------ */

static void reply(struct ps2_keyboard *k, uint8_t byte)
{
    fifo_push(&k->replies, byte);
}

static void parameter(struct ps2_keyboard *k, uint8_t command, uint8_t byte)
{
    if (command >= 0xFB && command <= 0xFD) { /* one key's type; ends with the next command */
        k->key_type[byte] = command == 0xFB ? PS2_TYPEMATIC : command == 0xFC ? PS2_BREAK : 0;
        k->command = command;
        reply(k, ACK);
        return;
    }
    if (command == 0xF0 && byte > 3) {
        reply(k, RESEND);
        return;
    }
    reply(k, ACK);
    if (command == 0xED)
        k->leds = byte & 7;
    else if (command == 0xF3)
        k->rate = byte & 0x7F;
    else if (byte == 0)
        reply(k, k->set);
    else
        k->set = byte;
}

void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte)
{
    uint8_t command = k->command;
    k->command = 0;
    if (command && byte < 0xED) {
        parameter(k, command, byte);
        return;
    }
    if (byte != RESEND)
        fifo_clear(&k->replies);
    switch (byte) {
    case 0xED: /* lights */
    case 0xF0: /* scan code set */
    case 0xF3: /* typematic rate */
    case 0xFB:
    case 0xFC:
    case 0xFD:
        k->command = byte;
        break;
    case 0xEE:
        reply(k, ECHO);
        return;
    case 0xF2: /* identify */
        reply(k, ACK);
        reply(k, 0xAB);
        reply(k, 0x83);
        return;
    case 0xF4:
        fifo_clear(&k->keys);
        k->scanning = true;
        break;
    case 0xF5:
    case 0xF6:
        set_defaults(k);
        k->scanning = byte == 0xF6;
        break;
    case 0xF7:
        memset(k->key_type, PS2_TYPEMATIC, sizeof k->key_type);
        break;
    case 0xF8:
        memset(k->key_type, PS2_BREAK, sizeof k->key_type);
        break;
    case 0xF9:
        memset(k->key_type, 0, sizeof k->key_type);
        break;
    case 0xFA:
        memset(k->key_type, PS2_TYPEMATIC | PS2_BREAK, sizeof k->key_type);
        break;
    case 0xFE:
        reply(k, k->last);
        return;
    case 0xFF: {
        uint8_t held = k->held;
        ps2_keyboard_reset(k);
        k->held = held;
        reply(k, ACK);
        reply(k, SELF_TEST_OK);
        return;
    }
    default:
        reply(k, RESEND);
        return;
    }
    reply(k, ACK);
}

bool ps2_keyboard_has_byte(const struct ps2_keyboard *k)
{
    return k->replies.count || (k->keys.count && !k->command);
}

uint8_t ps2_keyboard_byte(struct ps2_keyboard *k)
{
    k->last = fifo_pop(k->replies.count ? &k->replies : &k->keys);
    return k->last;
}
