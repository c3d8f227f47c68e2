/* devices/dma8237.h: the two 8237A DMA controllers of a PC/AT with their page registers, as the
 * PIIX3 holds them. Channels 0-3 move bytes within 64 KiB pages, 5-7 move words within 128 KiB;
 * channel 4 is the cascade.
 *
 * Sources: Intel 8237A datasheet; Intel 82371SB datasheet 3.1 and 2.5.1.
 *
 * Wiring: input pins DRQ0..DRQ7 come from the clients; bus_dack reaches the client of a channel.
 * The board gives this device the DMA domain of 24 address bits. No configuration: init's config
 * is NULL. */
#ifndef UMBRA_DEVICES_DMA8237_H
#define UMBRA_DEVICES_DMA8237_H

#include "devices/bus.h"

enum { DMA8237_DRQ0, DMA8237_PINS = 8 }; /* input pin n is DRQn */

extern const struct device_class dma8237_class;

#endif
