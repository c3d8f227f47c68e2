/* frontend/display/backends.h: the displays: of the program for display.c, of the window's module
 * (frontend/display/module.h) for sdlmodule.c. */
#ifndef UMBRA_FRONTEND_DISPLAY_BACKENDS_H
#define UMBRA_FRONTEND_DISPLAY_BACKENDS_H

#include "frontend/display/display.h"

extern const struct display_ops display_term;
extern const struct display_ops display_sdl; /* in the module */

#endif
