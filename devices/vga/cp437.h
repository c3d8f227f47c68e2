/* devices/vga/cp437.h: the PC's character set (code page 437), as the VGA's fonts draw it. */
#ifndef UMBRA_DEVICES_VGA_CP437_H
#define UMBRA_DEVICES_VGA_CP437_H

#include "base/bits.h"

/* Unicode code point of character c, with the graphics of 01h..1Fh; 00h and FFh are blanks. */
uint16_t cp437_to_unicode(uint8_t c);

/* Writes c in UTF-8 (1 to 3 bytes, no terminator); returns the bytes written. */
size_t cp437_to_utf8(uint8_t c, char *out);

/* The character that shows code point, or -1. */
int cp437_from_unicode(uint32_t code_point);

#endif
