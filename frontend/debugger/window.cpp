/* frontend/debugger/window.cpp: the window itself: opens, draws and closes it. What it is made of
 * is told in parts.h, the panels are in files of their own. */
#include <SDL.h>
#include <backends/imgui_impl_sdl.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "frontend/debugger/parts.h"
#include "frontend/debugger/render.h"

#define FONT_PIXELS   15
#define CONSOLE_LINES 5000

void window_print(window *w, const char *text, size_t len, bool failed)
{
    auto &lines = w->ui.console.lines;
    while (len) {
        const char *end = (const char *)memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        lines.push_back({failed ? colour::bad : colour::text, std::string(text, line)});
        size_t used = line + (end != nullptr);
        text += used;
        len -= used;
    }
    if (lines.size() > CONSOLE_LINES)
        lines.erase(lines.begin(), lines.end() - CONSOLE_LINES);
    w->ui.console.bottom = true;
}

/* --- Opening and closing ---------------------------------------------------------------------- */

static bool make_window(window *w, const char *caption, int width, int height, Uint32 flags)
{
    w->sdl = SDL_CreateWindow(caption, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, width,
                              height, SDL_WINDOW_RESIZABLE | SDL_WINDOW_HIDDEN);
    if (w->sdl)
        w->renderer = SDL_CreateRenderer(w->sdl, -1, flags);
    return w->renderer != nullptr;
}

static void unmake_window(window *w)
{
    if (w->renderer)
        SDL_DestroyRenderer(w->renderer);
    if (w->sdl)
        SDL_DestroyWindow(w->sdl);
    w->renderer = nullptr;
    w->sdl = nullptr;
}

/* OpenGL on the CPU: SDL's own drawing takes half the processor time there, and under Xvfb a second
 * window by Mesa's llvmpipe beside the guest's sometimes stays black. */
static bool is_slow(SDL_Renderer *renderer)
{
    SDL_RendererInfo info;
    if (SDL_GetRendererInfo(renderer, &info) != 0 || strncmp(info.name, "opengl", 6) != 0)
        return false;
    auto get = (const unsigned char *(*)(unsigned))SDL_GL_GetProcAddress("glGetString");
    const char *name = get ? (const char *)get(0x1F01) : nullptr; /* GL_RENDERER */
    for (const char *slow : {"llvmpipe", "softpipe", "Software", "SwiftShader", "swrast"}) {
        if (name && strstr(name, slow))
            return true;
    }
    return false;
}

static bool open_sdl(window *w, const char *title, char *error, size_t error_len)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    SDL_SetMainReady();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO) != 0) {
        snprintf(error, error_len,
                 "cannot open the debugger's window: %s. Without a desktop: umbra debug --console "
                 "(docs/control.md), or gdb: umbra run -S --gdb localhost:1234 (docs/gdb.md)",
                 SDL_GetError());
        return false;
    }
    char caption[128];
    snprintf(caption, sizeof caption, "Umbra debugger - %s", title);
    SDL_Rect screen;
    int width = w->layout.width ? w->layout.width : 1280,
        height = w->layout.height ? w->layout.height : 800;
    if (SDL_GetDisplayUsableBounds(0, &screen) == 0) {
        width = width < screen.w ? width : screen.w;
        height = height < screen.h ? height : screen.h;
    }
    bool made = make_window(w, caption, width, height, 0);
    if (!made || is_slow(w->renderer)) {
        unmake_window(w);
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION,
                    "0"); /* or the picture goes through OpenGL */
        made = make_window(w, caption, width, height, SDL_RENDERER_SOFTWARE);
    }
    if (!made) {
        snprintf(error, error_len, "cannot open the debugger's window: %s", SDL_GetError());
        return false;
    }
    return true;
}

static void window_close(window *w);

static window *window_open(const char *title, const window_host *host, char *error,
                           size_t error_len)
{
    window *w = new (std::nothrow) window;
    if (!w) {
        snprintf(error, error_len, "out of memory");
        return nullptr;
    }
    IMGUI_CHECKVERSION();
    w->host = *host;
    w->ui.host = &w->host;
    w->ui.self = w;
    w->ui.take_focus = PANEL_CODE;
    layout_load(w->layout);
    if (!w->layout.font)
        w->layout.font = FONT_PIXELS;
    bool ok = open_sdl(w, title, error, error_len);
    if (ok) {
        w->imgui = ImGui::CreateContext();
        ImGuiIO &io = ImGui::GetIO();
        io.IniFilename = nullptr; /* layout.cpp keeps what is worth keeping */
        io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
        io.ConfigWindowsMoveFromTitleBarOnly = true;
        theme_colours();
        SDL_RendererInfo info;
        if (SDL_GetRendererInfo(w->renderer, &info) == 0 && info.flags & SDL_RENDERER_SOFTWARE)
            ImGui::GetStyle().AntiAliasedLines = false; /* SDL would blur them */
        ok = theme_fonts(w);
        w->platform = ok && ImGui_ImplSDL2_InitForSDLRenderer(w->sdl);
        ok = w->platform;
        if (!ok)
            snprintf(error, error_len, "cannot open the debugger's window: %s", SDL_GetError());
    }
    if (!ok) {
        window_close(w);
        return nullptr;
    }
    SDL_ShowWindow(w->sdl);
    input_filter(w, true);
    return w;
}

static void window_close(window *w)
{
    if (w->sdl)
        input_filter(w, false);
    if (w->sdl && w->platform) {
        SDL_GetWindowSize(w->sdl, &w->layout.width, &w->layout.height);
        layout_save(w->layout);
    }
    if (w->platform)
        ImGui_ImplSDL2_Shutdown();
    if (w->fonts)
        SDL_DestroyTexture(w->fonts);
    if (w->imgui)
        ImGui::DestroyContext(w->imgui);
    bool opened = w->sdl;
    unmake_window(w);
    if (opened)
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    delete w;
}

static void window_raise(window *w)
{
    SDL_RaiseWindow(w->sdl);
}

/* --- One picture ------------------------------------------------------------------------------ */

/* What changed since the stop before, and where a search came out. */
static void take_view(Ui &ui)
{
    const view &v = *ui.v;
    if (v.stopped && v.stops != ui.last_stop) {
        ui.before = ui.last_stop ? ui.last : v.cpu;
        ui.last = v.cpu;
        ui.last_stop = v.stops;
    }
    if (v.symbols != ui.names_of || ui.names.size() > 20000)
        ui.names.clear();
    ui.names_of = v.symbols;
    for (unsigned n = 0; n < v.name_count; n++)
        ui.names[v.name[n].address] = v.name[n];
    if (v.place_found && v.place_panel == PANEL_MEMORY)
        ui.go_memory(v.place, v.place_physical);
    else if (v.place_found)
        ui.go_code((uint32_t)v.place);
}

static void draw_all(window *w)
{
    Ui &ui = w->ui;
    ui.row = ImGui::GetTextLineHeightWithSpacing();
    ui.character = ImGui::CalcTextSize("0").x;
    ImVec2 size = ImGui::GetMainViewport()->Size;
    ImGui::SetNextWindowPos(ImVec2(0, 0));
    ImGui::SetNextWindowSize(size);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(4, 4));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
    ImGui::Begin("Umbra", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_MenuBar |
                     ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoScrollWithMouse);
    ImGui::PopStyleVar(2);
    menu_bar(w);
    toolbar(w);
    ImVec2 at = ImGui::GetCursorScreenPos();
    float status = ImGui::GetFrameHeight() + 2;
    layout_draw(w->layout, ui, at, ImVec2(size.x - 2 * at.x, size.y - at.y - status - 2));
    ImGui::SetCursorScreenPos(ImVec2(0, size.y - status - 1));
    status_line(ui);
    go_to_dialog(ui);
    ImGui::End();
    keys_dialog(w);
}

static void window_draw(window *w, const struct view *view, view_request *request)
{
    Uint64 begin = SDL_GetPerformanceCounter();
    Ui &ui = w->ui;
    ui.v = view;
    ui.r = request;
    request->peek_count = request->name_count = 0;
    take_view(ui);
    time_sample(ui);
    if (w->layout.font != w->font_pixels)
        theme_fonts(w);
    input_feed(w);
    ImGui_ImplSDL2_NewFrame();
    ImGui::NewFrame();
    draw_all(w);
    ImGui::Render();
    request->panels = 0;
    for (int n = 0; n < PANELS; n++)
        request->panels |= (uint32_t)ui.shown[n] << n;
    uint64_t picture = render_hash(ImGui::GetDrawData());
    if (picture != w->picture)
        render(w->renderer, ImGui::GetDrawData());
    w->picture = picture;
    if (w->layout.changed && !ImGui::IsAnyMouseDown()) {
        SDL_GetWindowSize(w->sdl, &w->layout.width, &w->layout.height);
        layout_save(w->layout);
        w->layout.changed = false;
    }
    /* Where drawing is slow (no GPU) it takes a third of this thread's time at most. */
    Uint64 end = SDL_GetPerformanceCounter();
    w->next_frame = begin + 3 * (end - begin);
}

const struct window_ops debugger_window = {window_open,  window_close, window_raise,
                                           window_print, window_poll,  window_wants_frame,
                                           window_draw};
