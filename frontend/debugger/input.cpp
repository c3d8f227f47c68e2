/* frontend/debugger/input.cpp: events: sorted from those of the guest's window, keys that are the
 * debugger's own, the rest for Dear ImGui. */
#include <SDL.h>
#include <backends/imgui_impl_sdl.h>

#include <algorithm>

#include "frontend/debugger/parts.h"

#define FOCUS_FRAMES 3 /* pictures until a panel or dialog that opens has the keyboard */

static Uint32 window_of(const SDL_Event &e)
{
    switch (e.type) {
    case SDL_WINDOWEVENT:
        return e.window.windowID;
    case SDL_KEYDOWN:
    case SDL_KEYUP:
        return e.key.windowID;
    case SDL_TEXTINPUT:
        return e.text.windowID;
    case SDL_TEXTEDITING:
        return e.edit.windowID;
    case SDL_MOUSEMOTION:
        return e.motion.windowID;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        return e.button.windowID;
    case SDL_MOUSEWHEEL:
        return e.wheel.windowID;
    case SDL_DROPFILE:
    case SDL_DROPTEXT:
    case SDL_DROPBEGIN:
    case SDL_DROPCOMPLETE:
        return e.drop.windowID;
    default:
        return 0;
    }
}

/* SDL has one queue for all windows, and the guest's display reads it: what is meant for this
 * window never gets there. */
static int input_sort(void *ctx, SDL_Event *e)
{
    window *w = (window *)ctx;
    if (window_of(*e) != SDL_GetWindowID(w->sdl))
        return 1;
    std::lock_guard<std::mutex> guard(w->lock);
    if (e->type == SDL_DROPFILE || e->type == SDL_DROPTEXT)
        SDL_free(e->drop.file);
    else
        w->events.push_back(*e);
    /* SDL's renderer hears of windows that are shown or resized from those that pass. */
    return e->type == SDL_WINDOWEVENT;
}

/* Those that passed need not stay in the queue: there may be nobody else to take them. */
static void drop_passed(window *w)
{
    SDL_Event e[64];
    int count = SDL_PeepEvents(e, 64, SDL_GETEVENT, SDL_WINDOWEVENT, SDL_WINDOWEVENT);
    for (int n = 0; n < count; n++) {
        if (window_of(e[n]) != SDL_GetWindowID(w->sdl))
            SDL_PeepEvents(&e[n], 1, SDL_ADDEVENT, SDL_FIRSTEVENT, SDL_LASTEVENT);
    }
}

/* What waits when a filter is set is thrown away: it is taken out before and put back behind. */
void input_filter(window *w, bool on)
{
    std::vector<SDL_Event> all(1024);
    SDL_PumpEvents();
    int count =
        SDL_PeepEvents(all.data(), (int)all.size(), SDL_GETEVENT, SDL_FIRSTEVENT, SDL_LASTEVENT);
    SDL_SetEventFilter(on ? input_sort : nullptr, w);
    for (int n = 0; n < count; n++) {
        if (!on || input_sort(w, &all[(size_t)n]))
            SDL_PeepEvents(&all[(size_t)n], 1, SDL_ADDEVENT, SDL_FIRSTEVENT, SDL_LASTEVENT);
    }
}

void run_or_pause(Ui &ui)
{
    ui.act(ui.stopped() ? ACTION_CONTINUE : ACTION_PAUSE);
}

/* Ctrl and a digit, with Shift those beyond the tenth. */
static bool panel_key(Ui &ui, const SDL_KeyboardEvent &e)
{
    if (e.keysym.scancode < SDL_SCANCODE_1 || e.keysym.scancode > SDL_SCANCODE_0)
        return false;
    int n = (int)e.keysym.scancode - SDL_SCANCODE_1 + (e.keysym.mod & KMOD_SHIFT ? 10 : 0);
    if (n < PANELS) {
        ui.bring_up |= 1u << n;
        ui.focus = ui.take_focus = (view_panel)n;
        ui.console.take_focus = n == PANEL_CONSOLE;
    }
    return true;
}

/* True when the key is one of the window's own, wherever the keyboard is. */
static bool hotkey(window *w, const SDL_KeyboardEvent &e)
{
    Ui &ui = w->ui;
    bool control = e.keysym.mod & KMOD_CTRL, shift = e.keysym.mod & KMOD_SHIFT;
    if (!ui.r)
        return false;
    switch (e.keysym.sym) {
    case SDLK_F5:
        ui.act(ACTION_CONTINUE);
        return true;
    case SDLK_F6:
    case SDLK_PAUSE:
        run_or_pause(ui);
        return true;
    case SDLK_F9:
        if (ui.focus == PANEL_MEMORY)
            memory_watch_toggle(ui);
        else
            ui.act_at(ACTION_BREAK_TOGGLE, ui.code.selected);
        return true;
    case SDLK_F10:
        ui.act(ACTION_STEP_OVER);
        return true;
    case SDLK_F11:
        ui.act(shift ? ACTION_STEP_OUT : ACTION_STEP);
        return true;
    case SDLK_F4:
        ui.act_at(ACTION_RUN_TO, ui.code.selected);
        return true;
    case SDLK_F1:
        w->keys = !w->keys;
        return true;
    case SDLK_ESCAPE:
        if (!w->keys)
            return false;
        w->keys = false;
        return true;
    case SDLK_g:
        ui.ask_address = control;
        return control;
    case SDLK_f:
        if (control) {
            ui.bring_up |= 1u << PANEL_MEMORY;
            ui.search_memory = true;
        }
        return control;
    case SDLK_PLUS:
    case SDLK_EQUALS:
    case SDLK_KP_PLUS:
    case SDLK_MINUS:
    case SDLK_KP_MINUS:
        if (control) {
            int by = e.keysym.sym == SDLK_MINUS || e.keysym.sym == SDLK_KP_MINUS ? -1 : 1;
            int size = w->layout.font + by;
            w->layout.font = size < 9 ? 9 : size > 40 ? 40 : size;
            w->layout.changed = true;
        }
        return control;
    default:
        return control && panel_key(ui, e);
    }
}

bool window_poll(window *w)
{
    SDL_PumpEvents();
    drop_passed(w);
    std::vector<SDL_Event> events;
    {
        std::lock_guard<std::mutex> guard(w->lock);
        events.swap(w->events);
    }
    for (const SDL_Event &e : events) {
        if (e.type == SDL_WINDOWEVENT && e.window.event == SDL_WINDOWEVENT_CLOSE)
            w->closed = true;
        if (e.type == SDL_WINDOWEVENT)
            w->picture = 0;
        w->waiting.push_back(e);
    }
    return !w->closed;
}

/* Dear ImGui's keyboard navigation activates by Space, Enter is for text fields alone: here both do
 * both, but where Enter has a meaning of its own. */
static SDL_Event with_enter(const window *w, SDL_Event e)
{
    bool key = e.type == SDL_KEYDOWN || e.type == SDL_KEYUP;
    bool enter = key && (e.key.keysym.sym == SDLK_RETURN || e.key.keysym.sym == SDLK_KP_ENTER);
    bool own = (w->ui.focus == PANEL_CODE || w->ui.focus == PANEL_MEMORY) && !w->ui.menu_active &&
               !ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup);
    if (!enter || own || ImGui::GetIO().WantTextInput)
        return e;
    e.key.keysym.sym = SDLK_SPACE;
    e.key.keysym.scancode = SDL_SCANCODE_SPACE;
    return e;
}

/* Is the keyboard about to go elsewhere? What is typed next is meant for there. */
static bool moves_focus(const Ui &ui)
{
    return ui.ask_address || ui.search_memory || ui.console.take_focus || ui.take_focus != PANELS;
}

static void feed(window *w, const SDL_Event &event)
{
    if (event.type == SDL_TEXTINPUT && w->no_text)
        return; /* a hotkey's letter or digit */
    if (event.type == SDL_KEYDOWN && (w->no_text = hotkey(w, event.key))) {
        w->hold = moves_focus(w->ui) ? FOCUS_FRAMES : 1; /* one: a step is done before the next */
        return;
    }
    SDL_Event e = with_enter(w, event);
    ImGui_ImplSDL2_ProcessEvent(&e);
    if (e.type != SDL_KEYDOWN && e.type != SDL_KEYUP)
        return;
    /* The backend asks for the modifiers as they are now, which may be those of a later event. */
    ImGuiIO &io = ImGui::GetIO();
    io.KeyCtrl = e.key.keysym.mod & KMOD_CTRL;
    io.KeyShift = e.key.keysym.mod & KMOD_SHIFT;
    io.KeyAlt = e.key.keysym.mod & KMOD_ALT;
}

/* A button goes down where the mouse was not in the last frame: a finger, or a pointer that jumps.
 * A tab is pressed only where it was pointed at before: that takes a frame. */
static bool must_point_first(window *w, const SDL_Event &e)
{
    if (e.type != SDL_MOUSEBUTTONDOWN)
        return false;
    ImVec2 at = ImGui::GetIO().MousePos;
    bool there = at.x == (float)e.button.x && at.y == (float)e.button.y;
    w->pointed = !there && !w->pointed;
    return w->pointed;
}

/* Dear ImGui sees only what is down when a frame begins: a key or a button changes once in a frame,
 * or it would never have been pressed, or never let go. */
void input_feed(window *w)
{
    std::vector<SDL_Keycode> keys;
    bool buttons = false;
    size_t n = 0;
    if (w->hold && w->hold--)
        return;
    for (; n < w->waiting.size() && !w->hold; n++) {
        const SDL_Event &e = w->waiting[n];
        if (e.type == SDL_KEYUP || e.type == SDL_KEYDOWN) {
            if (std::find(keys.begin(), keys.end(), e.key.keysym.sym) != keys.end())
                break;
            keys.push_back(e.key.keysym.sym);
        }
        if (e.type == SDL_MOUSEBUTTONUP || e.type == SDL_MOUSEBUTTONDOWN) {
            if (buttons || must_point_first(w, e))
                break;
            buttons = true;
        }
        feed(w, e);
    }
    w->waiting.erase(w->waiting.begin(), w->waiting.begin() + (ptrdiff_t)n);
}

bool window_wants_frame(window *w)
{
    return !w->waiting.empty() || w->hold || SDL_GetPerformanceCounter() >= w->next_frame;
}
