/* devices/port92.h: port 92h, system control port A (IBM PS/2 Hardware Interface Technical
 * Reference; 82371SB, 2.5.4): bit 1 opens the A20 gate, a rising bit 0 resets the machine. The
 * gate is open when this output or the keyboard controller's is high: the board joins both. */
#ifndef UMBRA_DEVICES_PORT92_H
#define UMBRA_DEVICES_PORT92_H

#include "devices/device.h"

enum { PORT92_A20 };

extern const struct device_class port92_class; /* config: none */

#endif
