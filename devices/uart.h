/* devices/uart.h: the 16550A serial port. National PC16550D datasheet.
 *
 * Transmitted bytes reach the backend at once. The transmitter then stays busy for a few
 * microseconds a byte, not for the baud rate's time: interrupts come in the order and number of the
 * real chip, only sooner. */
#ifndef UMBRA_DEVICES_UART_H
#define UMBRA_DEVICES_UART_H

#include "devices/chardev.h"
#include "devices/device.h"

enum { UART_IRQ };

struct uart_config {
    uint16_t base; /* 3F8h, 2F8h .. */
    struct char_backend out;
};

extern const struct device_class uart_class; /* config: struct uart_config */

/* Bytes arrive on the line. Returns how many were taken; the caller keeps the rest and tries again
 * (the receiver never overruns). */
size_t uart_receive(void *state, const uint8_t *data, size_t len);

/* How many bytes uart_receive would take now. */
size_t uart_room(const void *state);

/* A break condition arrives. */
void uart_receive_break(void *state);

#endif
