/* devices/lpt.h: a parallel port in compatibility (SPP) mode, with a printer that takes every byte
 * at once (IBM PC AT Technical Reference, "Parallel Adapter"). Registers from its base: data,
 * status, control. */
#ifndef UMBRA_DEVICES_LPT_H
#define UMBRA_DEVICES_LPT_H

#include "devices/chardev.h"
#include "devices/device.h"

struct lpt_config {
    struct char_backend out;
};

/* Ports 378h-37Ah, output pin "IRQ". config: struct lpt_config. */
extern const struct device_class lpt_class;

#endif
