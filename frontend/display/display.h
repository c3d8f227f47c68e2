/* frontend/display/display.h: where the guest's screen is shown and where its input comes from: a
 * window, the terminal, or nowhere. The frontend owns one display and drives it from one thread:
 *
 *     struct display *d = ops->open(&config, error, sizeof error);
 *     60 times a second:  ops->frame(d, &surface, &text, &status);
 *                         while (ops->poll(d, &event)) ...
 *     ops->close(d);
 *
 * None of the calls blocks for long. A display keeps no pointer from one call to the next. */
#ifndef UMBRA_FRONTEND_DISPLAY_DISPLAY_H
#define UMBRA_FRONTEND_DISPLAY_DISPLAY_H

#include "base/log.h"
#include "devices/display.h"

struct display;

struct display_config {
    const char *title; /* of the guest: file name of its image, for one */
    bool fullscreen;
};

/* Drives that have a light. */
enum display_light { LIGHT_FLOPPY = 1, LIGHT_DISK = 2, LIGHT_CD = 4 };

struct display_status {
    double mips;        /* million guest instructions per second of late */
    double percent;     /* virtual time's speed, of real time */
    unsigned lights;    /* set of enum display_light: used since the last frame */
    uint64_t host_ns;   /* host's monotonic time */
    const char *notice; /* one line for the user, or NULL */
};

enum display_event_kind {
    DISPLAY_KEY,   /* key (frontend/keys.h), down */
    DISPLAY_MOUSE, /* dx right, dy down, dz wheel towards the user; buttons: 1 left, 2 right, 4 mid
                    */
    DISPLAY_PASTE, /* text: to be typed */
    DISPLAY_DROP,  /* text: path of a file that was dropped on the window */
    DISPLAY_DEBUG, /* the user wants the debugger */
    DISPLAY_QUIT,  /* the user wants to end */
};

struct display_event {
    enum display_event_kind kind;
    uint16_t key;
    bool down;
    int dx, dy, dz;
    unsigned buttons;
    char *text; /* malloc'ed; the receiver frees it */
};

struct display_ops {
    const char *name; /* as --display takes it */
    /* NULL on failure; error then holds a sentence for the user. */
    struct display *(*open)(const struct display_config *config, char *error, size_t error_len);
    /* Shows the picture. text->columns is not 0 when the picture is a text screen. */
    void (*frame)(struct display *d, const struct surface *picture, const struct text_screen *text,
                  const struct display_status *status);
    /* The next event; false when there is none. */
    bool (*poll)(struct display *d, struct display_event *event);
    void (*close)(struct display *d);
};

/* Could a window be opened, by what the environment says? */
bool desktop_is_there(void);

/* The display of that name ("sdl", "term", "none"); NULL, with a sentence in error, when there is
 * none of that name or, for "sdl", its module can't be loaded (frontend/display/module.h). name
 * NULL chooses: a window where there is a desktop, else the terminal, else none; error is empty
 * then, or says why there is no window on this desktop. */
const struct display_ops *display_by_name(const char *name, char *error, size_t error_len);

#endif
