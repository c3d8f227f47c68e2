/* frontend/keys.h: text as key presses on a US keyboard: for --type, for pasting, and for the
 * terminal's input.
 *
 * A key is its scan code of set 1, with 100h for the codes that follow E0h: 1Eh is A, 148h the
 * up arrow. Pause, whose sequence is of its own kind (E1 1D 45), is 200h: as devices/i8042.h. */
#ifndef UMBRA_FRONTEND_KEYS_H
#define UMBRA_FRONTEND_KEYS_H

#include "base/bits.h"

#define KEY_E0          0x100
#define KEY_ESC         0x01
#define KEY_BACKSPACE   0x0E
#define KEY_TAB         0x0F
#define KEY_ENTER       0x1C
#define KEY_LEFT_CTRL   0x1D
#define KEY_LEFT_SHIFT  0x2A
#define KEY_LEFT_ALT    0x38
#define KEY_SPACE       0x39
#define KEY_UP          (KEY_E0 | 0x48)
#define KEY_DOWN        (KEY_E0 | 0x50)
#define KEY_LEFT        (KEY_E0 | 0x4B)
#define KEY_RIGHT       (KEY_E0 | 0x4D)
#define KEY_HOME        (KEY_E0 | 0x47)
#define KEY_END         (KEY_E0 | 0x4F)
#define KEY_PAGE_UP     (KEY_E0 | 0x49)
#define KEY_PAGE_DOWN   (KEY_E0 | 0x51)
#define KEY_INSERT      (KEY_E0 | 0x52)
#define KEY_DELETE      (KEY_E0 | 0x53)
#define KEY_RIGHT_CTRL  (KEY_E0 | 0x1D)
#define KEY_RIGHT_ALT   (KEY_E0 | 0x38)
#define KEY_LEFT_WIN    (KEY_E0 | 0x5B)
#define KEY_RIGHT_WIN   (KEY_E0 | 0x5C)
#define KEY_MENU        (KEY_E0 | 0x5D)
#define KEY_PRINT       (KEY_E0 | 0x37)
#define KEY_PAUSE       0x200
#define KEY_RIGHT_SHIFT 0x36
#define KEY_CAPS_LOCK   0x3A
#define KEY_NUM_LOCK    0x45
#define KEY_SCROLL_LOCK 0x46

/* Function key n, 1 to 12. */
uint16_t key_function(unsigned n);

/* Held while a key is pressed. */
enum key_modifiers { MOD_SHIFT = 1, MOD_CTRL = 2, MOD_ALT = 4 };

struct key_step {
    bool wait; /* wait_ms of virtual time; else a key goes up or down, or: */
    bool down;
    bool seen; /* by the typist */
    uint16_t key;
    uint32_t wait_ms;
    char *until; /* wait for this text; NULL: not that */
};

/* A list of steps. Zero it before use, keys_free it after. */
struct key_steps {
    struct key_step *step;
    size_t count, capacity;
};

void keys_free(struct key_steps *steps);

/* Appends presses and releases of key with modifiers (set of enum key_modifiers) around it. */
void keys_press(struct key_steps *steps, uint16_t key, unsigned modifiers);

/* The key and modifiers that give an ASCII character; false when the keyboard has none. */
bool keys_for_char(char c, uint16_t *key, unsigned *modifiers);

/* Appends text as it is typed; line ends become Enter. Returns how many characters (UTF-8) there
 * was no key for. */
size_t keys_from_text(struct key_steps *steps, const char *text);

/* Appends a script, the argument of --type: text in which
 *
 *     \n \t \b \e \\        Enter, Tab, Backspace, Esc, a backslash
 *     {f1} {esc} {enter}    a key by name; {kp5}: of the numeric keypad
 *     {ctrl-c} {alt-f4} {ctrl-alt-del} {shift-tab}
 *     {down 3}              pressed three times (1 to 1000)
 *     {wait 2} {wait 0.5}   seconds of virtual time, up to 3600
 *     {until login:}        wait until that text is on the text screen or came out of a serial port
 *     {{ }}                 braces
 *
 * False, with *steps unchanged and a sentence in error, when something in it is not known. */
bool keys_from_script(struct key_steps *steps, const char *script, char *error, size_t error_len);

#endif
