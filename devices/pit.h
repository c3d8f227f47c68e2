/* devices/pit.h: the 8254 interval timer with port 61h (system control port B: speaker gate,
 * refresh toggle, NMI enables). Intel 8254 datasheet; 82371SB datasheet, 2.4 and 2.8.
 *
 * Nothing ticks. Counters are functions of virtual time; only the edges of counter 0's output are
 * events. The input clock is 105/88 MHz (1.193181.. MHz) exactly, so there is no drift. */
#ifndef UMBRA_DEVICES_PIT_H
#define UMBRA_DEVICES_PIT_H

#include "devices/device.h"

enum { PIT_OUT0 }; /* to IRQ0 */

extern const struct device_class pit_class; /* config: none */

/* What the speaker plays: a square wave of *hz when true; silence, or a level set directly by
 * bit 1 of port 61h, when false. */
bool pit_speaker_tone(const void *state, unsigned *hz);

#endif
