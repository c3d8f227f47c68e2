/* frontend/debugger/parts.h: the window, for the files that make it up: window.cpp opens, draws and
 * closes it, theme.cpp has its colours and fonts, input.cpp its events and keys, menus.cpp what
 * stands above and below the panels, dialogs.cpp what opens over them. */
#ifndef UMBRA_FRONTEND_DEBUGGER_PARTS_H
#define UMBRA_FRONTEND_DEBUGGER_PARTS_H

#include <SDL.h>

#include <mutex>

#include "frontend/debugger/layout.h"

struct window {
    SDL_Window *sdl = nullptr;
    SDL_Renderer *renderer = nullptr;
    SDL_Texture *fonts = nullptr;
    ImGuiContext *imgui = nullptr;
    bool platform = false, closed = false;
    std::mutex lock; /* of events: SDL may be given some by another thread */
    std::vector<SDL_Event> events;
    std::vector<SDL_Event> waiting; /* for Dear ImGui, some for a later frame */
    Uint64 next_frame = 0;          /* performance counter */
    uint64_t picture = 0;           /* hash of the last one */
    int font_pixels = 0;            /* of the fonts that are loaded */
    bool keys = false;
    bool no_text = false; /* the last key was ours */
    int hold = 0;         /* frames in which input waits: the keyboard is on its way elsewhere */
    bool pointed = false; /* a frame was drawn so that the mouse is where a button goes down */
    window_host host{};
    Layout layout;
    Ui ui;
};

/* --- window.cpp */

/* Of struct window_ops, as are two of input.cpp. */
void window_print(window *w, const char *text, size_t len, bool failed);

/* --- theme.cpp */

void theme_colours();
/* The fonts in layout.font pixels, with their texture. False: SDL says why. */
bool theme_fonts(window *w);

/* --- input.cpp */

/* Begins and ends taking what is meant for this window out of SDL's queue, which is one for all. */
void input_filter(window *w, bool on);
bool window_poll(window *w);
bool window_wants_frame(window *w);
/* Gives Dear ImGui the events of one frame. */
void input_feed(window *w);
/* Continue, or pause. */
void run_or_pause(Ui &ui);

/* --- menus.cpp */

void menu_bar(window *w);
void toolbar(window *w);
void status_line(Ui &ui);

/* --- dialogs.cpp */

void go_to_dialog(Ui &ui);
void keys_dialog(window *w);

#endif
