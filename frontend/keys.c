#include "frontend/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define MAX_REPEAT    1000
#define MAX_WAIT_S    3600
#define NAME_LEN      24
#define MODIFIER_KEYS 3

/* Characters by scan code, without and with shift (US layout). */
static const struct {
    uint8_t code;
    char plain, shifted;
} layout[] = {
    {0x02, '1', '!'},   {0x03, '2', '@'},   {0x04, '3', '#'},   {0x05, '4', '$'},
    {0x06, '5', '%'},   {0x07, '6', '^'},   {0x08, '7', '&'},   {0x09, '8', '*'},
    {0x0A, '9', '('},   {0x0B, '0', ')'},   {0x0C, '-', '_'},   {0x0D, '=', '+'},
    {0x10, 'q', 'Q'},   {0x11, 'w', 'W'},   {0x12, 'e', 'E'},   {0x13, 'r', 'R'},
    {0x14, 't', 'T'},   {0x15, 'y', 'Y'},   {0x16, 'u', 'U'},   {0x17, 'i', 'I'},
    {0x18, 'o', 'O'},   {0x19, 'p', 'P'},   {0x1A, '[', '{'},   {0x1B, ']', '}'},
    {0x1E, 'a', 'A'},   {0x1F, 's', 'S'},   {0x20, 'd', 'D'},   {0x21, 'f', 'F'},
    {0x22, 'g', 'G'},   {0x23, 'h', 'H'},   {0x24, 'j', 'J'},   {0x25, 'k', 'K'},
    {0x26, 'l', 'L'},   {0x27, ';', ':'},   {0x28, '\'', '"'},  {0x29, '`', '~'},
    {0x2B, '\\', '|'},  {0x2C, 'z', 'Z'},   {0x2D, 'x', 'X'},   {0x2E, 'c', 'C'},
    {0x2F, 'v', 'V'},   {0x30, 'b', 'B'},   {0x31, 'n', 'N'},   {0x32, 'm', 'M'},
    {0x33, ',', '<'},   {0x34, '.', '>'},   {0x35, '/', '?'},   {0x39, ' ', ' '},
    {0x1C, '\n', '\n'}, {0x0F, '\t', '\t'}, {0x0E, '\b', '\b'}, {0x01, '\033', '\033'},
};

static const struct {
    const char *name;
    uint16_t key;
} names[] = {
    {"esc", KEY_ESC},
    {"escape", KEY_ESC},
    {"enter", KEY_ENTER},
    {"return", KEY_ENTER},
    {"ret", KEY_ENTER},
    {"tab", KEY_TAB},
    {"space", KEY_SPACE},
    {"spc", KEY_SPACE},
    {"backspace", KEY_BACKSPACE},
    {"bs", KEY_BACKSPACE},
    {"up", KEY_UP},
    {"down", KEY_DOWN},
    {"left", KEY_LEFT},
    {"right", KEY_RIGHT},
    {"home", KEY_HOME},
    {"end", KEY_END},
    {"pgup", KEY_PAGE_UP},
    {"pageup", KEY_PAGE_UP},
    {"pgdn", KEY_PAGE_DOWN},
    {"pagedown", KEY_PAGE_DOWN},
    {"ins", KEY_INSERT},
    {"insert", KEY_INSERT},
    {"del", KEY_DELETE},
    {"delete", KEY_DELETE},
    {"ctrl", KEY_LEFT_CTRL},
    {"alt", KEY_LEFT_ALT},
    {"altgr", KEY_RIGHT_ALT},
    {"shift", KEY_LEFT_SHIFT},
    {"win", KEY_LEFT_WIN},
    {"menu", KEY_MENU},
    {"print", KEY_PRINT},
    {"pause", KEY_PAUSE},
    {"caps", KEY_CAPS_LOCK},
    {"capslock", KEY_CAPS_LOCK},
    {"numlock", KEY_NUM_LOCK},
    {"scrolllock", KEY_SCROLL_LOCK},
    {"kp0", 0x52},
    {"kp1", 0x4F},
    {"kp2", 0x50},
    {"kp3", 0x51},
    {"kp4", 0x4B},
    {"kp5", 0x4C},
    {"kp6", 0x4D},
    {"kp7", 0x47},
    {"kp8", 0x48},
    {"kp9", 0x49},
    {"kp.", 0x53},
    {"kp+", 0x4E},
    {"kp-", 0x4A},
    {"kp*", 0x37},
    {"kp/", KEY_E0 | 0x35},
    {"kpenter", KEY_E0 | 0x1C},
};

static const struct {
    const char *prefix;
    enum key_modifiers modifier;
    uint16_t key;
} modifier_keys[MODIFIER_KEYS] = {
    {"ctrl-", MOD_CTRL, KEY_LEFT_CTRL},
    {"alt-", MOD_ALT, KEY_LEFT_ALT},
    {"shift-", MOD_SHIFT, KEY_LEFT_SHIFT},
};

uint16_t key_function(unsigned n)
{
    if (n >= 11)
        return (uint16_t)(n == 11 ? 0x57 : 0x58);
    return (uint16_t)(0x3B + n - 1);
}

void keys_free(struct key_steps *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        free(steps->step[i].until);
    free(steps->step);
    *steps = (struct key_steps){0};
}

static void append(struct key_steps *steps, struct key_step step)
{
    if (steps->count == steps->capacity) {
        size_t capacity = steps->capacity ? steps->capacity * 2 : 64;
        struct key_step *grown = realloc(steps->step, capacity * sizeof *grown);
        if (!grown) {
            free(step.until);
            return; /* out of memory: the rest is not typed */
        }
        steps->step = grown;
        steps->capacity = capacity;
    }
    steps->step[steps->count++] = step;
}

static void append_key(struct key_steps *steps, uint16_t key, bool down)
{
    append(steps, (struct key_step){.key = key, .down = down});
}

void keys_press(struct key_steps *steps, uint16_t key, unsigned modifiers)
{
    for (unsigned i = 0; i < MODIFIER_KEYS; i++)
        if (modifiers & modifier_keys[i].modifier)
            append_key(steps, modifier_keys[i].key, true);
    append_key(steps, key, true);
    append_key(steps, key, false);
    for (unsigned i = MODIFIER_KEYS; i-- > 0;)
        if (modifiers & modifier_keys[i].modifier)
            append_key(steps, modifier_keys[i].key, false);
}

bool keys_for_char(char c, uint16_t *key, unsigned *modifiers)
{
    for (size_t i = 0; i < ARRAY_LEN(layout); i++) {
        if (c != layout[i].plain && c != layout[i].shifted)
            continue;
        *key = layout[i].code;
        *modifiers = c == layout[i].plain ? 0 : MOD_SHIFT;
        return true;
    }
    return false;
}

size_t keys_from_text(struct key_steps *steps, const char *text)
{
    size_t skipped = 0;
    for (const char *c = text; *c; c++) {
        uint16_t key;
        unsigned modifiers;
        if (*c == '\r') {
            if (c[1] != '\n')
                keys_press(steps, KEY_ENTER, 0);
        } else if (keys_for_char(*c, &key, &modifiers)) {
            keys_press(steps, key, modifiers);
        } else if ((*c & 0xC0) != 0x80) { /* a whole UTF-8 sequence counts once */
            skipped++;
        }
    }
    return skipped;
}

/* --- Scripts ------------------------------------------------------------------------------- */

/* A key by its name in braces: a name of the table, fN, or a single character. */
static bool key_by_name(const char *name, uint16_t *key, unsigned *modifiers)
{
    if (name[0] && !name[1])
        return keys_for_char(name[0], key, modifiers);
    *modifiers = 0;
    char *end;
    if (name[0] == 'f' && isdigit((unsigned char)name[1])) {
        unsigned long n = strtoul(name + 1, &end, 10);
        *key = key_function((unsigned)n);
        return !*end && n >= 1 && n <= 12;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            *key = names[i].key;
            return true;
        }
    }
    return false;
}

/* {wait SECONDS} */
static bool append_wait(struct key_steps *steps, const char *amount)
{
    char *end;
    double seconds = strtod(amount, &end);
    if (end == amount || *end || !(seconds >= 0) || seconds > MAX_WAIT_S)
        return false;
    append(steps, (struct key_step){.wait = true, .wait_ms = (uint32_t)(seconds * 1000)});
    return true;
}

/* {until TEXT} */
static bool append_until(struct key_steps *steps, const char *text, size_t len)
{
    char *copy = len ? strndup(text, len) : NULL;
    if (copy)
        append(steps, (struct key_step){.until = copy});
    return copy != NULL;
}

/* Skips modifiers before a key's name, in any order; returns their set. */
static unsigned take_modifiers(const char **name)
{
    unsigned held = 0, i = 0;
    while (i < MODIFIER_KEYS) {
        size_t len = strlen(modifier_keys[i].prefix);
        if (strncmp(*name, modifier_keys[i].prefix, len) == 0 && (*name)[len]) {
            held |= modifier_keys[i].modifier;
            *name += len;
            i = 0;
        } else {
            i++;
        }
    }
    return held;
}

/* {MODIFIER-...-NAME} or {NAME COUNT} */
static bool append_named(struct key_steps *steps, const char *name, const char *count)
{
    unsigned own, held = take_modifiers(&name);
    uint16_t key;
    if (!key_by_name(name, &key, &own))
        return false;
    unsigned long n = 1;
    if (count) {
        char *end;
        n = strtoul(count, &end, 10);
        if (!isdigit((unsigned char)count[0]) || *end || n < 1 || n > MAX_REPEAT)
            return false;
    }
    while (n--)
        keys_press(steps, key, held | own);
    return true;
}

/* What stands in braces; text points behind the opening one. Returns what follows the closing one,
 * NULL (with error written) when it is no command. */
static const char *braces(struct key_steps *steps, const char *text, char *error, size_t error_len)
{
    const char *close = text[0] == '}' && text[1] == '}' ? text + 1 : strchr(text, '}');
    if (!close) {
        snprintf(error, error_len, "'{%.20s': the closing brace is missing ({{ types a brace)",
                 text);
        return NULL;
    }
    char name[NAME_LEN] = "";
    size_t len = (size_t)(close - text);
    if (strncasecmp(text, "until ", 6) == 0 && append_until(steps, text + 6, len - 6))
        return close + 1;
    if (len < sizeof name)
        for (size_t i = 0; i < len; i++)
            name[i] = (char)(len > 1 ? tolower((unsigned char)text[i]) : text[i]);
    char *argument = strchr(name, ' ');
    if (argument && argument > name)
        *argument++ = 0;
    bool known = strcmp(name, "wait") == 0 ? argument && append_wait(steps, argument)
                                           : name[0] && append_named(steps, name, argument);
    if (known)
        return close + 1;
    snprintf(error, error_len,
             "'{%.*s}' is no key (known: {f1} {esc} {enter} {tab} {up} {pgdn} {ctrl-c} {alt-f4} "
             "{ctrl-alt-del} {down 3} {wait 2} {until text} and the like)",
             (int)(len < 40 ? len : 40), text);
    return NULL;
}

/* The character after a backslash, or 0. */
static char escape(char c)
{
    static const char from[] = "ntbe\\", to[] = "\n\t\b\033\\";
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : 0;
}

static bool parse(struct key_steps *steps, const char *text, char *error, size_t error_len)
{
    while (*text) {
        char c = *text++;
        if (c == '{' && *text != '{') {
            text = braces(steps, text, error, error_len);
            if (!text)
                return false;
            continue;
        }
        if (c == '{' || (c == '}' && *text == '}')) {
            text++;
        } else if (c == '\\') {
            c = escape(*text);
            if (!c) {
                snprintf(error, error_len, "'\\%.1s' is not known (\\n \\t \\b \\e \\\\ are)",
                         text);
                return false;
            }
            text++;
        } else if (c == '\r') {
            c = '\n';
        }
        uint16_t key;
        unsigned modifiers;
        if (!keys_for_char(c, &key, &modifiers)) {
            snprintf(error, error_len, "there is no key for '%.4s' on a US keyboard", text - 1);
            return false;
        }
        keys_press(steps, key, modifiers);
    }
    return true;
}

bool keys_from_script(struct key_steps *steps, const char *script, char *error, size_t error_len)
{
    size_t before = steps->count;
    if (parse(steps, script, error, error_len))
        return true;
    while (steps->count > before)
        free(steps->step[--steps->count].until);
    return false;
}
