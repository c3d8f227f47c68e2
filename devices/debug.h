/* devices/debug.h: ports that a guest's programmer talks to:
 *
 *   debug console   every byte written goes to a host stream; reading gives E9h, by which guests
 *                   (Bochs's convention at E9h, SeaBIOS's at 402h) tell that it is there
 *   debug exit      a write of V ends the run with status (V << 1) | 1
 *   POST port 80h   the last code written, for the debugger; also what old code writes as a delay
 */
#ifndef UMBRA_DEVICES_DEBUG_H
#define UMBRA_DEVICES_DEBUG_H

#include "devices/chardev.h"
#include "devices/device.h"

#define DEBUG_CONSOLES 8

struct debug_config {
    struct {
        uint16_t port; /* 0: unused */
        struct char_backend out;
    } console[DEBUG_CONSOLES];
    uint16_t exit_port; /* 0: none */
};

/* config: struct debug_config. */
extern const struct device_class debug_class;

#endif
