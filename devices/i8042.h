/* devices/i8042.h: the PS/2 keyboard and mouse controller (ports 60h, 64h), with a 101/102-key
 * keyboard and a wheel mouse attached. IBM PS/2 Hardware Interface Technical Reference: keyboard
 * and auxiliary device controller; 101/102-key keyboard; Microsoft IntelliMouse protocol.
 *
 * Bytes of a device reach the output buffer one by one, some hundred microseconds after the guest
 * has read the one before, as over the real wire: software that reads port 60h twice for one
 * interrupt gets the same byte twice. */
#ifndef UMBRA_DEVICES_I8042_H
#define UMBRA_DEVICES_I8042_H

#include "devices/device.h"

enum { I8042_IRQ1, I8042_IRQ12, I8042_A20 };

extern const struct device_class i8042_class; /* config: none */

/* Keys are set-1 make codes (1..7Fh), or-ed with 100h for those with an E0 prefix. These two have
 * sequences of their own: */
#define I8042_KEY_PRINT 0x137 /* with Alt held it gives SysRq (54h) */
#define I8042_KEY_PAUSE 0x200 /* with Ctrl held it gives Break (E0 46) */

/* A key goes down (again, when it repeats) or up. Unknown codes are ignored. Lost, with the
 * keyboard's overrun code, when the guest does not read. */
void i8042_key(void *state, uint16_t key, bool down);

/* Is there room for some more keys? For pasting text. */
bool i8042_key_room(const void *state);

/* True when no key bytes wait anywhere and the guest has the keyboard enabled. For typing text. */
bool i8042_keyboard_idle(const void *state);

/* Bits of the lights the guest has set: 1 scroll, 2 num, 4 caps. */
uint8_t i8042_leds(const void *state);

/* The mouse moved by dx to the right, dy down, the wheel by dz (positive: towards the user).
 * buttons: bit 0 left, 1 right, 2 middle, 3 and 4 the side buttons. */
void i8042_mouse(void *state, int dx, int dy, int dz, unsigned buttons);

#endif
