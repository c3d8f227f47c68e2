/* Keys from the keyboard (IRQ 1) and from COM1 (IRQ 4), in one queue. */
#include "kernel.h"

enum { QUEUE = 128, COM1 = 0x3F8 };

static volatile uint16_t queue[QUEUE];
static volatile unsigned head, tail;
static bool shift, capitals, extended;

static const char normal[] =
    "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
    "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static void push(unsigned key)
{
    if ((head + 1) % QUEUE != tail) {
        queue[head] = (uint16_t)key;
        head = (head + 1) % QUEUE;
    }
}

void keyboard_interrupt(void)
{
    uint8_t code = in8(0x60); /* set 1, translated by the controller */
    if (code == 0xE0) {
        extended = true;
        return;
    }
    bool was_extended = extended;
    extended = false;
    if ((code & 0x7F) == 0x2A || (code & 0x7F) == 0x36) {
        if (!was_extended)
            shift = !(code & 0x80);
        return;
    }
    if (code & 0x80)
        return;
    if (code == 0x48 || code == 0x50) {
        push(code == 0x48 ? KEY_UP : KEY_DOWN);
        return;
    }
    if (code == 0x3A)
        capitals = !capitals;
    if (code == 0x1C)
        push('\n');
    if (code == 0x1C || code >= sizeof normal - 1 || (was_extended && code != 0x35))
        return;
    char c = shift ? shifted[code] : normal[code];
    if (capitals && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
        c ^= 32;
    if (c)
        push((uint8_t)c);
}

void serial_interrupt(void)
{
    for (unsigned i = 0; i < 64 && (in8(COM1 + 5) & 1); i++) {
        uint8_t c = in8(COM1);
        push(c == '\r' ? '\n' : c == 127 ? '\b' : c);
    }
    in8(COM1 + 2);
}

void input_init(void)
{
    while (in8(0x64) & 1)
        in8(0x60);
    out8(COM1 + 1, 1); /* receive interrupt */
}

int key_poll(void)
{
    if (head == tail)
        return -1;
    int key = queue[tail];
    tail = (tail + 1) % QUEUE;
    return key;
}

int key_wait(void)
{
    for (;;) {
        int key = key_poll();
        if (key >= 0)
            return key;
        __asm__ volatile("hlt");
    }
}
