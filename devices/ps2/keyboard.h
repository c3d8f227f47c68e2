/* devices/ps2/keyboard.h: the PS/2 keyboard at the other end of the 8042's first wire. Part of the
 * i8042 device; plain functions over plain state. */
#ifndef UMBRA_DEVICES_PS2_KEYBOARD_H
#define UMBRA_DEVICES_PS2_KEYBOARD_H

#include "base/fifo.h"

struct ps2_keyboard {
    struct fifo keys;    /* scan codes */
    struct fifo replies; /* answers to commands; sent first */
    uint8_t command;     /* command that waits for its parameter, or 0 */
    uint8_t set;         /* scan code set, 1..3 */
    uint8_t leds, rate;
    uint8_t last; /* last byte sent, for FEh */
    bool scanning, overrun;
    uint8_t held;          /* modifiers: enum ps2_held */
    uint16_t last_down;    /* key that repeats */
    uint8_t key_type[256]; /* set 3: PS2_TYPEMATIC and PS2_BREAK of each code */
};

enum { PS2_TYPEMATIC = 1, PS2_BREAK = 2 };
enum ps2_held { PS2_SHIFT = 1, PS2_CTRL = 2, PS2_ALT = 4 };

extern const struct field ps2_keyboard_fields[];

/* Power-on state: set 2, scanning. */
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte);
void ps2_keyboard_key(struct ps2_keyboard *k, uint16_t key, bool down);
bool ps2_keyboard_has_byte(const struct ps2_keyboard *k);
uint8_t ps2_keyboard_byte(struct ps2_keyboard *k);
void ps2_keyboard_loaded(struct ps2_keyboard *k);

/* The 8042's translation of one set 2 code into set 1 (F0h is the caller's business). */
uint8_t ps2_translate(uint8_t set2);

#endif
