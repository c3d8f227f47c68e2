/* devices/chardev.h: where a port with a byte stream (serial, parallel, debug console) sends its
 * bytes on the host. A backend takes everything at once and reports its own errors. */
#ifndef UMBRA_DEVICES_CHARDEV_H
#define UMBRA_DEVICES_CHARDEV_H

#include <stddef.h>
#include <stdint.h>

/* write NULL: nobody listens. */
struct char_backend {
    void *ctx;
    void (*write)(void *ctx, const uint8_t *data, size_t len);
};

static inline void char_write(const struct char_backend *to, uint8_t byte)
{
    if (to->write)
        to->write(to->ctx, &byte, 1);
}

#endif
