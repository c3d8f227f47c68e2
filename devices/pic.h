/* devices/pic.h: the two 8259A interrupt controllers of a PC, as the 82371SB (PIIX3) has them, with
 * the edge/level control registers (4D0h, 4D1h). Intel 8259A datasheet; 82371SB datasheet, 2.5.
 *
 * Input pins 0..15 are IRQ0..IRQ15; IRQ2 is the cascade and is not connected. Output PIC_INTR goes
 * to the CPU (or LAPIC LINT0). class->interrupt_ack is the INTA cycle: it always gives a vector
 * (the spurious one of IRQ7 or IRQ15 when the request has gone). */
#ifndef UMBRA_DEVICES_PIC_H
#define UMBRA_DEVICES_PIC_H

#include "devices/device.h"

enum { PIC_INTR };
#define PIC_INPUTS 16

extern const struct device_class pic_class; /* config: none */

#endif
