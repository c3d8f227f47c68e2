/* devices/pci/piix3.h: the 82371SB PCI-to-ISA bridge, PCI function 00:01.0 (datasheet 290550):
 * routes the PCI interrupt lines to ISA IRQs. Inputs "slot0-inta" .. "slot31-intd" are named by
 * piix3_input; slot s pin p (0 = INTA#) drives PIRQ line (s + p - 1) mod 4. Outputs:
 * "IRQ0".."IRQ15" for the 8259s, "PIRQA".."PIRQD" for the I/O APIC. */
#ifndef UMBRA_DEVICES_PCI_PIIX3_H
#define UMBRA_DEVICES_PCI_PIIX3_H

#include "devices/device.h"

/* No config. */
extern const struct device_class piix3_class;

/* The number of the input pin for a PCI slot's INT line (0 A .. 3 D). */
static inline unsigned piix3_input(unsigned slot, unsigned line)
{
    return (slot & 31) * 4 + (line & 3);
}

#endif
