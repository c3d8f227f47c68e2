#include "frontend/display/termkeys.h"

#include <stdlib.h>

#define ESC        0x1B
#define CTRL_RIGHT 0x1D /* Ctrl-] */

/* Final byte of CSI and SS3 sequences. */
static const struct {
    char final;
    uint16_t key;
} finals[] = {
    {'A', KEY_UP},  {'B', KEY_DOWN},  {'C', KEY_RIGHT}, {'D', KEY_LEFT}, {'H', KEY_HOME},
    {'F', KEY_END}, {'P', 0x3B},      {'Q', 0x3C},      {'R', 0x3D},     {'S', 0x3E},
    {'E', 0x4C},    {'M', KEY_ENTER}, {'Z', KEY_TAB},
};

/* Number of CSI n ~ sequences. */
static const struct {
    uint8_t number;
    uint16_t key;
} numbers[] = {
    {1, KEY_HOME},      {2, KEY_INSERT}, {3, KEY_DELETE}, {4, KEY_END}, {5, KEY_PAGE_UP},
    {6, KEY_PAGE_DOWN}, {7, KEY_HOME},   {8, KEY_END},    {11, 0x3B},   {12, 0x3C},
    {13, 0x3D},         {14, 0x3E},      {15, 0x3F},      {17, 0x40},   {18, 0x41},
    {19, 0x42},         {20, 0x43},      {21, 0x44},      {23, 0x57},   {24, 0x58},
};

static uint16_t key_of_final(char final)
{
    for (size_t i = 0; i < ARRAY_LEN(finals); i++)
        if (finals[i].final == final)
            return finals[i].key;
    return 0;
}

static uint16_t key_of_number(unsigned long number)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].number == number)
            return numbers[i].key;
    return 0;
}

/* One byte outside any sequence. */
static void plain_byte(struct term_keys *t, uint8_t byte, unsigned modifiers, struct key_steps *out)
{
    uint16_t key;
    unsigned own = 0;
    if (byte == CTRL_RIGHT) {
        t->quit = true;
        return;
    }
    if (byte == '\r' || byte == '\n') {
        key = KEY_ENTER;
    } else if (byte == 0x7F || byte == '\b') {
        key = KEY_BACKSPACE;
    } else if (byte == ESC) {
        key = KEY_ESC;
    } else if (byte == 0) {
        key = KEY_SPACE;
        own = MOD_CTRL;
    } else if (byte < 0x20 && byte != '\t') { /* Ctrl-A .. Ctrl-Z, Ctrl-\ ^ _ */
        if (!keys_for_char((char)(byte < 27 ? byte + 'a' - 1 : byte + '@'), &key, &own))
            return;
        own |= MOD_CTRL;
    } else if (!keys_for_char((char)byte, &key, &own)) {
        return; /* not on a US keyboard */
    }
    keys_press(out, key, modifiers | own);
}

/* The modifier number of xterm's sequences: 1 + set of 1 shift, 2 alt, 4 ctrl. */
static unsigned modifiers_of(unsigned long number)
{
    unsigned set = number ? (unsigned)(number - 1) : 0;
    return (set & 1 ? MOD_SHIFT : 0) | (set & 2 ? MOD_ALT : 0) | (set & 4 ? MOD_CTRL : 0);
}

/* A whole sequence stands in pending: ESC [ parameters final, or ESC O final. */
static void sequence(const struct term_keys *t, struct key_steps *out)
{
    char text[sizeof t->pending + 1];
    memcpy(text, t->pending, t->count);
    text[t->count] = 0;
    char final = text[t->count - 1];
    if (t->count == 4 && text[2] == '[') { /* Linux console: ESC [ [ A is F1 */
        if (final >= 'A' && final <= 'E')
            keys_press(out, key_function((unsigned)(final - 'A' + 1)), 0);
        return;
    }
    char *at = text + 2;
    unsigned long first = strtoul(at, &at, 10), second = *at == ';' ? strtoul(at + 1, &at, 10) : 0;
    uint16_t key = final == '~' ? key_of_number(first) : key_of_final(final);
    unsigned modifiers = modifiers_of(second);
    if (final == 'Z')
        modifiers |= MOD_SHIFT; /* back tab */
    if (key)
        keys_press(out, key, modifiers);
}

/* Is what stands in pending a whole sequence? */
static bool is_whole(const struct term_keys *t)
{
    uint8_t last = t->pending[t->count - 1];
    if (t->pending[1] == 'O')
        return t->count >= 3;
    if (t->count == 3 && last == '[')
        return false; /* Linux console's ESC [ [ */
    return t->count >= 3 && last >= 0x40 && last <= 0x7E;
}

void term_keys_byte(struct term_keys *t, uint8_t byte, struct key_steps *out)
{
    if (t->count == 0 && byte != ESC) {
        plain_byte(t, byte, 0, out);
        return;
    }
    if (t->count == 1 && byte != '[' && byte != 'O') {
        /* Alt with a character; ESC ESC: the first was the key, the second may begin something. */
        t->count = 0;
        if (byte == ESC) {
            keys_press(out, KEY_ESC, 0);
            t->pending[t->count++] = byte;
        } else {
            plain_byte(t, byte, MOD_ALT, out);
        }
        return;
    }
    t->pending[t->count++] = byte;
    if (t->count >= 3 && is_whole(t)) {
        sequence(t, out);
        t->count = 0;
    } else if (t->count == sizeof t->pending) {
        t->count = 0; /* nothing that we know is so long */
    }
}

void term_keys_idle(struct term_keys *t, struct key_steps *out)
{
    if (t->count == 1)
        keys_press(out, KEY_ESC, 0);
    else if (t->count == 2)
        plain_byte(t, t->pending[1], MOD_ALT, out);
    t->count = 0;
}
