/* devices/ps2/mouse.h: the PS/2 mouse at the 8042's auxiliary wire: standard, IntelliMouse (wheel)
 * and Explorer (wheel and five buttons) protocols. Part of the i8042 device. */
#ifndef UMBRA_DEVICES_PS2_MOUSE_H
#define UMBRA_DEVICES_PS2_MOUSE_H

#include "base/fifo.h"

struct ps2_mouse {
    struct fifo packets, replies;
    uint8_t command; /* command that waits for its parameter, or 0 */
    uint8_t id;      /* 0 standard, 3 wheel, 4 wheel and five buttons */
    uint8_t rate;    /* samples per second */
    uint8_t resolution;
    uint8_t rates[3]; /* the last sampling rates set, newest last: the knock for id 3 and 4 */
    bool streaming;   /* data reporting enabled */
    bool remote, wrap, scaling;
    int32_t dx, dy, dz; /* moved since the last packet; dy up, dz towards the user */
    uint8_t buttons, sent_buttons;
    uint8_t last;
};

extern const struct field ps2_mouse_fields[];

void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_loaded(struct ps2_mouse *m);
void ps2_mouse_command(struct ps2_mouse *m, uint8_t byte);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons);
/* In stream mode: is there something to report, and does it want a packet now? */
bool ps2_mouse_wants_packet(const struct ps2_mouse *m);
/* Queues one packet of what happened since the last. */
void ps2_mouse_packet(struct ps2_mouse *m);
bool ps2_mouse_has_byte(const struct ps2_mouse *m);
uint8_t ps2_mouse_byte(struct ps2_mouse *m);

#endif
