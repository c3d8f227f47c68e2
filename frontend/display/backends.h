/* frontend/display/backends.h: the displays of this build, for display.c. */
#ifndef UMBRA_FRONTEND_DISPLAY_BACKENDS_H
#define UMBRA_FRONTEND_DISPLAY_BACKENDS_H

#include "frontend/display/display.h"

#ifdef UMBRA_HAVE_SDL
extern const struct display_ops display_sdl;
#endif
extern const struct display_ops display_term;

#endif
