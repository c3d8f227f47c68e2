/* frontend/display/sdl.c: the guest's screen in a window (SDL2).
 *
 * Ctrl+Alt and a key are ours: G releases the mouse, F switches full screen, S between whole
 * multiples of a pixel and filling the window, V types the clipboard, D opens the debugger.
 * Everything else is the guest's. A click grabs the mouse. When the window loses the focus, all
 * keys the guest thinks down go up. */
#include <SDL.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/display/backends.h"
#include "frontend/display/sdlkeys.h"
#include "frontend/keys.h"

#define TITLE_EVERY_NS UINT64_C(500000000)
#define KEYS           0x201 /* codes, with the E0 and Pause bits */

struct display {
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int texture_width, texture_height;
    int natural_width, natural_height; /* window size that we chose for the picture */
    unsigned aspect_x, aspect_y;
    bool fullscreen, grabbed, whole_pixels, stale; /* stale: what is in the window must be drawn */
    unsigned buttons, lights;
    uint64_t titled_at;
    char title[80];
    uint8_t key_down[KEYS / 8 + 1];
    unsigned releasing; /* next key to look at while keys are let go; KEYS: none */
};

static void sdl_close(struct display *d)
{
    if (d->texture)
        SDL_DestroyTexture(d->texture);
    if (d->renderer)
        SDL_DestroyRenderer(d->renderer);
    if (d->window)
        SDL_DestroyWindow(d->window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    free(d);
}

/* With no desktop SDL may choose a driver that shows nothing. Those who want that say so. */
static bool shows_nothing(void)
{
    const char *wanted = getenv("SDL_VIDEODRIVER"), *driver = SDL_GetCurrentVideoDriver();
    bool blind = driver && (!strcmp(driver, "offscreen") || !strcmp(driver, "dummy"));
    return blind && !(wanted && *wanted);
}

static struct display *sdl_open(const struct display_config *config, char *error, size_t error_len)
{
    struct display *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); /* signals are main's business */
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
    SDL_SetMainReady();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO) != 0) {
        snprintf(error, error_len, "cannot open a window: %s (use --display term or none)",
                 SDL_GetError());
        free(d);
        return NULL;
    }
    if (shows_nothing()) {
        snprintf(error, error_len,
                 "cannot open a window: there is no desktop here (use --display term or none)");
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
        free(d);
        return NULL;
    }
    snprintf(d->title, sizeof d->title, "%s", config->title ? config->title : "Umbra");
    d->natural_width = 720;
    d->natural_height = 400;
    d->whole_pixels = true;
    d->fullscreen = config->fullscreen;
    d->releasing = KEYS;
    d->window = SDL_CreateWindow(d->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                 d->natural_width, d->natural_height,
                                 SDL_WINDOW_RESIZABLE |
                                     (d->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
    if (d->window)
        d->renderer = SDL_CreateRenderer(d->window, -1, 0);
    if (d->window && !d->renderer)
        d->renderer = SDL_CreateRenderer(d->window, -1, SDL_RENDERER_SOFTWARE);
    if (!d->renderer) {
        snprintf(error, error_len, "cannot open a window: %s", SDL_GetError());
        sdl_close(d);
        return NULL;
    }
    SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
    return d;
}

/* --- Picture ------------------------------------------------------------------------------- */

/* A window size of whole pixels, of which 320 x 200 is 640 x 400. */
static void choose_window_size(struct display *d, const struct surface *s)
{
    int width = (int)s->width, height = (int)s->height;
    int x = width <= 400 ? 2 : 1, y = height <= 300 ? 2 : 1;
    int old_width, old_height;
    SDL_GetWindowSize(d->window, &old_width, &old_height);
    bool ours = old_width == d->natural_width && old_height == d->natural_height;
    d->natural_width = width * x;
    d->natural_height = height * y;
    if (ours && !d->fullscreen)
        SDL_SetWindowSize(d->window, d->natural_width, d->natural_height);
}

static bool fit_texture(struct display *d, const struct surface *s)
{
    if (d->texture && d->texture_width == (int)s->width && d->texture_height == (int)s->height)
        return true;
    if (d->texture)
        SDL_DestroyTexture(d->texture);
    d->texture = SDL_CreateTexture(d->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   (int)s->width, (int)s->height);
    d->texture_width = (int)s->width;
    d->texture_height = (int)s->height;
    choose_window_size(d, s);
    if (!d->texture)
        return false;
    SDL_UpdateTexture(d->texture, NULL, s->pixels, (int)(s->width * sizeof *s->pixels));
    d->stale = true;
    return true;
}

/* Where the picture stands in the window: the largest multiple of whole pixels, or the largest
 * rectangle in the monitor's shape. */
static SDL_Rect place(const struct display *d)
{
    int width, height;
    SDL_GetRendererOutputSize(d->renderer, &width, &height);
    SDL_Rect r = {0, 0, width, height};
    int unit_x = d->texture_width * (d->texture_width <= 400 && d->texture_height > 300 ? 2 : 1);
    int unit_y = d->texture_height * (d->texture_width > 400 && d->texture_height <= 300 ? 2 : 1);
    int times = width / unit_x < height / unit_y ? width / unit_x : height / unit_y;
    if (d->whole_pixels && times >= 1) {
        r.w = unit_x * times;
        r.h = unit_y * times;
    } else if ((int64_t)width * d->aspect_y > (int64_t)height * d->aspect_x) {
        r.w = (int)((int64_t)height * d->aspect_x / d->aspect_y);
    } else {
        r.h = (int)((int64_t)width * d->aspect_y / d->aspect_x);
    }
    r.x = (width - r.w) / 2;
    r.y = (height - r.h) / 2;
    SDL_SetTextureScaleMode(d->texture, d->whole_pixels && times >= 1 ? SDL_ScaleModeNearest
                                                                      : SDL_ScaleModeBest);
    return r;
}

static void update_title(struct display *d, const struct display_status *status)
{
    d->lights |= status->lights;
    if (status->host_ns - d->titled_at < TITLE_EVERY_NS)
        return;
    d->titled_at = status->host_ns;
    char line[256];
    /* ASCII only: in the C locale X11 takes nothing else. */
    const char *notice = d->grabbed       ? "Ctrl+Alt+G releases the mouse"
                         : status->notice ? status->notice
                                          : "";
    snprintf(line, sizeof line, "%s - %.0f MIPS, %.0f %%%s%s%s%s%s", d->title, status->mips,
             status->percent, d->lights & LIGHT_FLOPPY ? " [floppy]" : "",
             d->lights & LIGHT_DISK ? " [disk]" : "", d->lights & LIGHT_CD ? " [CD]" : "",
             *notice ? " - " : "", notice);
    d->lights = 0;
    SDL_SetWindowTitle(d->window, line);
}

static void sdl_frame(struct display *d, const struct surface *s, const struct text_screen *text,
                      const struct display_status *status)
{
    (void)text;
    update_title(d, status);
    if (!s->pixels || !s->width || !s->height || !fit_texture(d, s))
        return;
    d->aspect_x = s->aspect_x ? s->aspect_x : s->width;
    d->aspect_y = s->aspect_y ? s->aspect_y : s->height;
    if (s->dirty_first < s->dirty_end && s->dirty_end <= s->height) {
        SDL_Rect rows = {0, (int)s->dirty_first, (int)s->width,
                         (int)(s->dirty_end - s->dirty_first)};
        SDL_UpdateTexture(d->texture, &rows, s->pixels + (size_t)s->dirty_first * s->width,
                          (int)(s->width * sizeof *s->pixels));
        d->stale = true;
    }
    if (!d->stale)
        return;
    d->stale = false;
    SDL_Rect r = place(d);
    SDL_SetRenderDrawColor(d->renderer, 0, 0, 0, 255);
    SDL_RenderClear(d->renderer);
    SDL_RenderCopy(d->renderer, d->texture, NULL, &r);
    SDL_RenderPresent(d->renderer);
}

/* --- Input --------------------------------------------------------------------------------- */

static void grab(struct display *d, bool on)
{
    d->grabbed = on;
    d->titled_at = 0;
    SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowGrab(d->window, on ? SDL_TRUE : SDL_FALSE);
}

static bool paste(struct display_event *event)
{
    char *text = SDL_GetClipboardText();
    bool some = text && *text;
    if (some) {
        event->kind = DISPLAY_PASTE;
        event->text = strdup(text);
        some = event->text != NULL;
    }
    SDL_free(text);
    return some;
}

/* Ctrl+Alt+key. True when the key is ours; *is_event when it makes an event. */
static bool hotkey(struct display *d, SDL_Scancode key, struct display_event *event, bool *is_event)
{
    *is_event = false;
    switch (key) {
    case SDL_SCANCODE_G:
        grab(d, !d->grabbed);
        return true;
    case SDL_SCANCODE_F:
        d->fullscreen = !d->fullscreen;
        SDL_SetWindowFullscreen(d->window, d->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        d->stale = true;
        return true;
    case SDL_SCANCODE_S:
        d->whole_pixels = !d->whole_pixels;
        d->stale = true;
        return true;
    case SDL_SCANCODE_V:
        d->releasing = 0; /* or Ctrl and Alt would mix with what is typed */
        *is_event = paste(event);
        return true;
    case SDL_SCANCODE_D:
        if (d->grabbed)
            grab(d, false);
        d->releasing = 0;
        *event = (struct display_event){.kind = DISPLAY_DEBUG};
        *is_event = true;
        return true;
    default:
        return false;
    }
}

static bool key_event(struct display *d, const SDL_KeyboardEvent *e, struct display_event *event)
{
    bool down = e->type == SDL_KEYDOWN, is_event;
    unsigned both = e->keysym.mod;
    if (down && both & KMOD_CTRL && both & KMOD_ALT && !e->repeat &&
        hotkey(d, e->keysym.scancode, event, &is_event))
        return is_event;
    uint16_t key = sdl_key(e->keysym.scancode);
    if (!key)
        return false;
    bool was_down = d->key_down[key / 8] >> (key % 8) & 1;
    if (!down && !was_down)
        return false; /* of a hotkey, or let go already */
    d->key_down[key / 8] &= (uint8_t) ~(1u << key % 8);
    d->key_down[key / 8] |= (uint8_t)(down << key % 8);
    *event = (struct display_event){.kind = DISPLAY_KEY, .key = key, .down = down};
    return true;
}

/* The next key that the guest thinks down goes up. */
static bool release_key(struct display *d, struct display_event *event)
{
    for (; d->releasing < KEYS; d->releasing++) {
        unsigned key = d->releasing;
        if (d->key_down[key / 8] >> (key % 8) & 1) {
            d->key_down[key / 8] &= (uint8_t) ~(1u << key % 8);
            *event = (struct display_event){.kind = DISPLAY_KEY, .key = (uint16_t)key};
            return true;
        }
    }
    return false;
}

static bool mouse_event(struct display *d, const SDL_Event *e, struct display_event *event)
{
    static const uint8_t button_bit[] = {[SDL_BUTTON_LEFT] = 1,
                                         [SDL_BUTTON_MIDDLE] = 4,
                                         [SDL_BUTTON_RIGHT] = 2,
                                         [SDL_BUTTON_X1] = 8,
                                         [SDL_BUTTON_X2] = 16};
    bool is_button = e->type == SDL_MOUSEBUTTONDOWN || e->type == SDL_MOUSEBUTTONUP;
    if (!d->grabbed) {
        if (e->type == SDL_MOUSEBUTTONDOWN)
            grab(d, true); /* this click is not the guest's */
        return false;
    }
    *event = (struct display_event){.kind = DISPLAY_MOUSE};
    if (is_button) {
        unsigned bit = e->button.button < sizeof button_bit ? button_bit[e->button.button] : 0;
        if (e->type == SDL_MOUSEBUTTONDOWN)
            d->buttons |= bit;
        else
            d->buttons &= ~bit;
    } else if (e->type == SDL_MOUSEMOTION) {
        event->dx = e->motion.xrel;
        event->dy = e->motion.yrel;
    } else {
        event->dz = -e->wheel.y;
    }
    event->buttons = d->buttons;
    return true;
}

/* True when the user has closed the window. */
static bool window_event(struct display *d, const SDL_WindowEvent *e)
{
    if (e->windowID != SDL_GetWindowID(d->window))
        return false; /* the debugger's */
    d->stale = true;
    if (e->event != SDL_WINDOWEVENT_FOCUS_LOST)
        return e->event == SDL_WINDOWEVENT_CLOSE;
    d->releasing = 0;
    if (d->grabbed)
        grab(d, false);
    return false;
}

static bool sdl_poll(struct display *d, struct display_event *event)
{
    *event = (struct display_event){0};
    SDL_Event e;
    for (;;) {
        /* A paste is typed by the frontend later: the keys that made it go up first. */
        if (release_key(d, event))
            return true;
        if (!SDL_PollEvent(&e))
            return false;
        switch (e.type) {
        case SDL_QUIT:
            event->kind = DISPLAY_QUIT;
            return true;
        case SDL_KEYDOWN:
        case SDL_KEYUP:
            if (key_event(d, &e.key, event))
                return true;
            break;
        case SDL_MOUSEMOTION:
        case SDL_MOUSEBUTTONDOWN:
        case SDL_MOUSEBUTTONUP:
        case SDL_MOUSEWHEEL:
            if (mouse_event(d, &e, event))
                return true;
            break;
        case SDL_DROPFILE:
            event->kind = DISPLAY_DROP;
            event->text = strdup(e.drop.file);
            SDL_free(e.drop.file);
            if (event->text)
                return true;
            break;
        case SDL_WINDOWEVENT:
            if (window_event(d, &e.window)) { /* SDL_QUIT comes with the last one */
                event->kind = DISPLAY_QUIT;
                return true;
            }
            break;
        default:
            break;
        }
    }
}

const struct display_ops display_sdl = {"sdl", sdl_open, sdl_frame, sdl_poll, sdl_close};
