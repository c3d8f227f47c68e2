/* frontend/display/module.h: the window, a module that is loaded when somebody asks for one.
 *
 *     build/umbra                     no desktop library; all that --display none and term need
 *       | dlopen, when a window is wanted
 *       v
 *     build/umbra-window.so           exports umbra_window, and takes nothing from the program
 *       display/sdl*.c                the guest's window
 *       debugger/ (its C++)           the debugger's window
 *         libSDL2 and, through it, X11, Wayland, sound ...; Dear ImGui, Capstone, libstdc++
 *
 * So a server needs none of these libraries, and a start does not read and relocate them
 * (docs/performance.md). A build without SDL2 makes no module; the program is the same. */
#ifndef UMBRA_FRONTEND_DISPLAY_MODULE_H
#define UMBRA_FRONTEND_DISPLAY_MODULE_H

#include "frontend/debugger/view.h"
#include "frontend/display/display.h"

/* What the two sides must agree on. A module that was left from another build has another one. */
struct window_layout {
    char version[16];
    uint32_t sizes[6];
};

#define WINDOW_LAYOUT                                                                      \
    {                                                                                      \
        UMBRA_VERSION,                                                                     \
        {                                                                                  \
            sizeof(struct display_config), sizeof(struct display_status),                  \
                sizeof(struct display_event), sizeof(struct surface), sizeof(struct view), \
                sizeof(struct view_request)                                                \
        }                                                                                  \
    }

struct window_module {
    struct window_layout layout;       /* first, whatever comes to stand behind it */
    const struct display_ops *display; /* --display sdl */
    const struct window_ops *debugger; /* the debugger's window; NULL: */
    const char *debugger_missing;      /* what was not there when the module was made */
};

/* The name of that struct in the module. */
#define WINDOW_MODULE_SYMBOL "umbra_window"
extern const struct window_module umbra_window;

/* The module that belongs to this binary: beside it (a build tree) or in ../lib/umbra (installed).
 * Loaded at the first call and kept to the end of the process. NULL with a sentence in error when
 * it is not there, lacks a library, or is of another build. Any thread. */
const struct window_module *window_module(char *error, size_t error_len);

/* The same from a file of that name. */
const struct window_module *window_module_open(const char *path, char *error, size_t error_len);

#endif
