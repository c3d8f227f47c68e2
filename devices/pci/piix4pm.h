/* devices/pci/piix4pm.h: the power management function of the 82371AB, PCI function 00:01.3
 * (datasheet 290562, chapter 7; ACPI 1.0b, 4.7): PM1 event and control blocks, the 3.579545 MHz
 * timer, general-purpose events, the SMI command port B2h by which ACPI is switched on, soft-off,
 * and an SMBus host with nothing behind it. Output "SCI" (IRQ 9); input "IRQ8", by which the
 * real-time clock's alarm sets RTC_STS. */
#ifndef UMBRA_DEVICES_PCI_PIIX4PM_H
#define UMBRA_DEVICES_PCI_PIIX4PM_H

#include "devices/device.h"

/* No config. */
extern const struct device_class piix4pm_class;

/* The user presses the power button. */
void piix4pm_power_button(void *state);

#endif
