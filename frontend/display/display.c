#include "frontend/display/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontend/display/backends.h"

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

static const struct display_ops *const displays[] = {
#ifdef UMBRA_HAVE_SDL
    &display_sdl,
#endif
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
    if (!name) {
        name = desktop_is_there() ? "sdl" : "term";
#ifndef UMBRA_HAVE_SDL
        name = "term";
#endif
        if (strcmp(name, "term") == 0 && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
            name = "none";
    }
    for (size_t i = 0; i < ARRAY_LEN(displays); i++)
        if (strcmp(displays[i]->name, name) == 0)
            return displays[i];
    if (strcmp(name, "sdl") == 0)
        snprintf(error, error_len,
                 "this build has no window (SDL2 was not there): use --display "
                 "term or none");
    else
        snprintf(error, error_len, "there is no display '%s': sdl, term and none are known", name);
    return NULL;
}
