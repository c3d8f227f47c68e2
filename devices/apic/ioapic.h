/* devices/apic/ioapic.h: the 82093AA I/O APIC at FEC00000h (datasheet 290566): 24 inputs "IN0" ..
 * "IN23", each with an entry of the redirection table:
 *
 *   63..56 destination | 16 masked | 15 level | 14 remote IRR | 13 active low | 12 pending
 *   11 logical | 10..8 delivery mode | 7..0 vector */
#ifndef UMBRA_DEVICES_APIC_IOAPIC_H
#define UMBRA_DEVICES_APIC_IOAPIC_H

#include "devices/device.h"

#define IOAPIC_PINS 24

/* No config. */
extern const struct device_class ioapic_class;

#endif
