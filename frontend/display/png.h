/* frontend/display/png.h: a surface as a PNG file (ISO/IEC 15948), for --screenshot and tests. */
#ifndef UMBRA_FRONTEND_DISPLAY_PNG_H
#define UMBRA_FRONTEND_DISPLAY_PNG_H

#include "base/fields.h"
#include "devices/display.h"

/* Appends the picture as PNG, 8-bit RGB. False when it is empty or the host has no memory. */
must_use bool png_encode(const struct surface *s, struct bytes *out);

/* Writes the picture to path: first to a new file beside it, then renamed over it, so that path is
 * never half a picture. False with a sentence in error. */
must_use bool png_write(const char *path, const struct surface *s, char *error, size_t error_len);

#endif
