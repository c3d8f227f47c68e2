/* frontend/display/sdlmodule.c: what umbra-window.so exports. */
#include "frontend/display/backends.h"
#include "frontend/display/module.h"

__attribute__((visibility("default"))) const struct window_module umbra_window = {
    .layout = WINDOW_LAYOUT,
    .display = &display_sdl,
#ifdef UMBRA_DEBUGGER_MISSING
    .debugger_missing = UMBRA_DEBUGGER_MISSING,
#else
    .debugger = &debugger_window,
#endif
};
