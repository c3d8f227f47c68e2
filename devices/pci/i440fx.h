/* devices/pci/i440fx.h: the 82441FX host bridge, PCI function 00:00.0 (datasheet 290549):
 * configuration mechanism 1 (CF8h/CFCh), reset control (CF9h), and the PAM registers that say
 * whether RAM or ROM answers in C0000h-FFFFFh. */
#ifndef UMBRA_DEVICES_PCI_I440FX_H
#define UMBRA_DEVICES_PCI_I440FX_H

#include "devices/device.h"

/* No config. */
extern const struct device_class i440fx_class;

#endif
