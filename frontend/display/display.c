#include "frontend/display/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontend/display/backends.h"
#include "frontend/display/module.h"

/* --- none: a machine without a monitor ----------------------------------------------------- */

struct display {
    char unused;
};

static struct display *none_open(const struct display_config *config, char *error, size_t error_len)
{
    (void)config;
    struct display *d = calloc(1, sizeof *d);
    if (!d)
        snprintf(error, error_len, "out of memory");
    return d;
}

static void none_frame(struct display *d, const struct surface *picture,
                       const struct text_screen *text, const struct display_status *status)
{
    (void)d, (void)picture, (void)text, (void)status;
}

static bool none_poll(struct display *d, struct display_event *event)
{
    (void)d, (void)event;
    return false;
}

static void none_close(struct display *d)
{
    free(d);
}

static const struct display_ops display_none = {"none", none_open, none_frame, none_poll,
                                                none_close};

/* ------------------------------------------------------------------------------------------- */

/* The window is in a module. */
static const struct display_ops *const displays[] = {
    &display_term,
    &display_none,
};

bool desktop_is_there(void)
{
    const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    const char *driver = getenv("SDL_VIDEODRIVER");
    return (x11 && *x11) || (wayland && *wayland) || (driver && *driver);
}

const struct display_ops *display_by_name(const char *name, char *error, size_t error_len)
{
    *error = 0;
    if (name ? strcmp(name, "sdl") == 0 : desktop_is_there()) {
        const struct window_module *module = window_module(error, error_len);
        if (module)
            return module->display;
        if (name) {
            size_t len = strlen(error);
            snprintf(error + len, error_len - len, "; --display term and none need none of this");
            return NULL;
        }
    }
    if (!name)
        name = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? "term" : "none";
    for (size_t i = 0; i < ARRAY_LEN(displays); i++)
        if (strcmp(displays[i]->name, name) == 0)
            return displays[i];
    snprintf(error, error_len, "there is no display '%s': sdl, term and none are known", name);
    return NULL;
}
