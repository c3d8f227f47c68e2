/* devices/fpuirq.h: how a PC reports x87 errors when CR0.NE is 0 (82371SB, 2.5.5; SDM vol. 1,
 * appendix D). The CPU's FERR# latches IRQ 13; the handler writes port F0h, which drops IRQ 13 and
 * asserts IGNNE# until FERR# goes away, so that the handler's own x87 instructions run.
 *
 *   input FERR (high: asserted)     outputs IRQ13, IGNNE (high: asserted) */
#ifndef UMBRA_DEVICES_FPUIRQ_H
#define UMBRA_DEVICES_FPUIRQ_H

#include "devices/device.h"

enum { FPUIRQ_IRQ13, FPUIRQ_IGNNE };

extern const struct device_class fpuirq_class; /* config: none */

#endif
