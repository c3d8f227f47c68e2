/* frontend/debugger/window.cpp: the window itself: SDL's events and pictures, menus, keys, the
 * status line. Panels are in their own files, where they stand is layout.cpp's. */
#include <SDL.h>
#include <backends/imgui_impl_sdl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

#include "frontend/debugger/layout.h"
#include "frontend/debugger/render.h"

#define FONT_PIXELS   15
#define CONSOLE_LINES 5000

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
    window_host host{};
    Layout layout;
    Ui ui;
};

void window_print(struct window *w, const char *text, size_t len, bool failed)
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
static int sort_events(void *ctx, SDL_Event *e)
{
    window *w = (window *)ctx;
    if (window_of(*e) != SDL_GetWindowID(w->sdl))
        return 1;
    std::lock_guard<std::mutex> guard(w->lock);
    if (e->type == SDL_DROPFILE || e->type == SDL_DROPTEXT)
        SDL_free(e->drop.file);
    else
        w->events.push_back(*e);
    return 0;
}

static void style()
{
    ImGui::StyleColorsDark();
    ImGuiStyle &s = ImGui::GetStyle();
    s.WindowRounding = s.ChildRounding = 0;
    s.FrameRounding = s.TabRounding = s.PopupRounding = 3;
    s.FramePadding = ImVec2(7, 3);
    s.ItemSpacing = ImVec2(6, 3);
    s.CellPadding = ImVec2(6, 1);
    s.ScrollbarSize = 12;
    s.WindowPadding = ImVec2(6, 6);
    auto set = [&s](ImGuiCol which, ImU32 c) {
        s.Colors[which] = ImGui::ColorConvertU32ToFloat4(c);
    };
    set(ImGuiCol_Text, colour::text);
    set(ImGuiCol_WindowBg, IM_COL32(20, 22, 28, 255));
    set(ImGuiCol_ChildBg, colour::panel);
    set(ImGuiCol_PopupBg, IM_COL32(36, 40, 50, 250));
    set(ImGuiCol_Border, IM_COL32(52, 57, 70, 255));
    set(ImGuiCol_MenuBarBg, IM_COL32(30, 33, 41, 255));
    set(ImGuiCol_FrameBg, IM_COL32(42, 47, 58, 255));
    set(ImGuiCol_Button, IM_COL32(48, 56, 74, 255));
    set(ImGuiCol_ButtonHovered, IM_COL32(66, 80, 112, 255));
    set(ImGuiCol_ButtonActive, IM_COL32(82, 104, 152, 255));
    set(ImGuiCol_Header, colour::selected);
    set(ImGuiCol_HeaderHovered, IM_COL32(62, 76, 108, 255));
    set(ImGuiCol_HeaderActive, IM_COL32(74, 92, 134, 255));
    set(ImGuiCol_Tab, IM_COL32(34, 38, 47, 255));
    set(ImGuiCol_TabHovered, IM_COL32(70, 88, 128, 255));
    set(ImGuiCol_TabActive, IM_COL32(58, 72, 104, 255));
    set(ImGuiCol_TabUnfocused, IM_COL32(34, 38, 47, 255));
    set(ImGuiCol_TabUnfocusedActive, IM_COL32(58, 72, 104, 255));
    set(ImGuiCol_TableRowBgAlt, colour::stripe);
    set(ImGuiCol_TableHeaderBg, IM_COL32(38, 43, 54, 255));
    set(ImGuiCol_TableBorderLight, IM_COL32(44, 48, 60, 255));
    set(ImGuiCol_ScrollbarBg, IM_COL32(24, 27, 33, 255));
    set(ImGuiCol_NavHighlight, IM_COL32(90, 110, 160, 255));
}

/* The first monospaced font that is there; Dear ImGui's own where none is. */
static bool load_fonts(window *w)
{
    static const char *const paths[] = {
        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
        "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
        "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
        "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
        "/usr/share/fonts/truetype/freefont/FreeMono.ttf",
        "/System/Library/Fonts/Menlo.ttc",
    };
    static const ImWchar ranges[] = {0x20,   0x17F,  0x2010, 0x2027, 0x2190, 0x21FF,
                                     0x2260, 0x226F, 0x2500, 0x25FF, 0};
    ImFontAtlas *atlas = ImGui::GetIO().Fonts;
    atlas->Clear();
    bool found = false;
    for (const char *path : paths) {
        if (access(path, R_OK) == 0 &&
            atlas->AddFontFromFileTTF(path, (float)w->layout.font, nullptr, ranges)) {
            found = true;
            break;
        }
    }
    if (!found) {
        ImFontConfig config;
        config.SizePixels = (float)(w->layout.font < 20 ? 13 : 26);
        atlas->AddFontDefault(&config);
    }
    if (w->fonts)
        SDL_DestroyTexture(w->fonts);
    w->fonts = render_fonts(w->renderer);
    w->font_pixels = w->layout.font;
    return w->fonts != nullptr;
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
    w->sdl = SDL_CreateWindow(caption, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, width,
                              height, SDL_WINDOW_RESIZABLE);
    if (w->sdl)
        w->renderer = SDL_CreateRenderer(w->sdl, -1, 0);
    if (w->sdl && !w->renderer)
        w->renderer = SDL_CreateRenderer(w->sdl, -1, SDL_RENDERER_SOFTWARE);
    if (!w->renderer) {
        snprintf(error, error_len, "cannot open the debugger's window: %s", SDL_GetError());
        return false;
    }
    return true;
}

struct window *window_open(const char *title, const struct window_host *host, char *error,
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
        style();
        ok = load_fonts(w);
        w->platform = ok && ImGui_ImplSDL2_InitForSDLRenderer(w->sdl);
        ok = w->platform;
        if (!ok)
            snprintf(error, error_len, "cannot open the debugger's window: %s", SDL_GetError());
    }
    if (!ok) {
        window_close(w);
        return nullptr;
    }
    SDL_SetEventFilter(sort_events, w);
    return w;
}

void window_close(struct window *w)
{
    SDL_SetEventFilter(nullptr, nullptr);
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
    if (w->renderer)
        SDL_DestroyRenderer(w->renderer);
    if (w->sdl) {
        SDL_DestroyWindow(w->sdl);
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    }
    delete w;
}

void window_raise(struct window *w)
{
    SDL_RaiseWindow(w->sdl);
}

/* --- Input ------------------------------------------------------------------------------------ */

static void run_or_pause(Ui &ui)
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
        ui.focus = (view_panel)n;
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
    case SDLK_g:
        ui.ask_address = control;
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

bool window_poll(struct window *w)
{
    SDL_PumpEvents();
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
        /* A hotkey's letter or digit comes as text, too. */
        if (e.type == SDL_TEXTINPUT && w->no_text)
            continue;
        if (e.type == SDL_KEYDOWN)
            w->no_text = hotkey(w, e.key);
        if (e.type != SDL_KEYDOWN || !w->no_text)
            w->waiting.push_back(e);
    }
    return !w->closed;
}

/* Gives Dear ImGui the events of one frame. It sees only what is down when a frame begins: a key or
 * button that went down is let go in a later frame, or it would never have been pressed. */
static void feed_events(window *w)
{
    std::vector<SDL_Keycode> keys;
    bool buttons = false;
    size_t n = 0;
    for (; n < w->waiting.size(); n++) {
        const SDL_Event &e = w->waiting[n];
        if (e.type == SDL_KEYUP &&
            std::find(keys.begin(), keys.end(), e.key.keysym.sym) != keys.end())
            break;
        if (e.type == SDL_MOUSEBUTTONUP && buttons)
            break;
        if (e.type == SDL_KEYDOWN)
            keys.push_back(e.key.keysym.sym);
        buttons |= e.type == SDL_MOUSEBUTTONDOWN;
        ImGui_ImplSDL2_ProcessEvent(&e);
    }
    w->waiting.erase(w->waiting.begin(), w->waiting.begin() + (ptrdiff_t)n);
}

bool window_wants_frame(struct window *w)
{
    return !w->waiting.empty() || SDL_GetPerformanceCounter() >= w->next_frame;
}

/* --- Menus ------------------------------------------------------------------------------------ */

static void menu_action(Ui &ui, const char *label, const char *key, bool enabled,
                        view_action_kind kind, uint64_t address = 0)
{
    if (ImGui::MenuItem(label, key, false, enabled))
        ui.act_at(kind, address);
}

static void debug_menu(Ui &ui)
{
    bool stopped = ui.stopped();
    menu_action(ui, "Continue", "F5", stopped, ACTION_CONTINUE);
    menu_action(ui, "Pause", "F6", !stopped, ACTION_PAUSE);
    ImGui::Separator();
    menu_action(ui, "Step into", "F11", stopped, ACTION_STEP);
    menu_action(ui, "Step over", "F10", stopped, ACTION_STEP_OVER);
    menu_action(ui, "Step out", "Shift+F11", stopped, ACTION_STEP_OUT);
    menu_action(ui, "Run to cursor", "F4", stopped, ACTION_RUN_TO, ui.code.selected);
    ImGui::Separator();
    menu_action(ui, "Breakpoint at cursor", "F9", true, ACTION_BREAK_TOGGLE, ui.code.selected);
    menu_action(ui, "Remove all breakpoints", nullptr, ui.v->break_count, ACTION_BREAK_CLEAR);
    ImGui::Separator();
    menu_action(ui, "Reset the machine", nullptr, true, ACTION_RESET);
}

static void view_menu(window *w)
{
    for (int n = 0; n < PANELS; n++) {
        char key[24];
        snprintf(key, sizeof key, "Ctrl+%s%d", n < 10 ? "" : "Shift+", (n + 1) % 10);
        bool open = w->layout.place[n].open;
        if (ImGui::MenuItem(panel_table[n].name, key, open)) {
            if (open) {
                w->layout.place[n].open = false;
                w->layout.changed = true;
            } else {
                layout_show(w->layout, (view_panel)n);
            }
        }
        tip("%s", panel_table[n].what);
    }
    ImGui::Separator();
    if (ImGui::MenuItem("Larger text", "Ctrl++"))
        w->layout.font++;
    if (ImGui::MenuItem("Smaller text", "Ctrl+-") && w->layout.font > 9)
        w->layout.font--;
    if (ImGui::MenuItem("Layout as at first"))
        layout_default(w->layout);
}

static void menus(window *w)
{
    Ui &ui = w->ui;
    if (!ImGui::BeginMenuBar())
        return;
    if (ImGui::BeginMenu("Debug")) {
        debug_menu(ui);
        ImGui::EndMenu();
    }
    if (ImGui::BeginMenu("Go")) {
        if (ImGui::MenuItem("To address...", "Ctrl+G"))
            ui.ask_address = true;
        if (ImGui::MenuItem("To the next instruction", "Home")) {
            ui.code.followed = 0;
            ui.code.follow = true;
            ui.bring_up |= 1u << PANEL_CODE;
        }
        ImGui::EndMenu();
    }
    if (ImGui::BeginMenu("View")) {
        view_menu(w);
        ImGui::EndMenu();
    }
    if (ImGui::BeginMenu("Help")) {
        if (ImGui::MenuItem("Keys", "F1"))
            w->keys = true;
        ImGui::EndMenu();
    }
    ImGui::EndMenuBar();
}

static void toolbar(Ui &ui)
{
    bool stopped = ui.stopped();
    ImGui::SetCursorPosX(ImGui::GetCursorPosX() + 2);
    if (stopped ? button("▶ Continue F5", true, "let the guest go on")
                : button("■ Pause F6   ", true, "stop the guest here"))
        run_or_pause(ui);
    ImGui::SameLine(0, 2 * ui.character);
    if (button("Into F11", stopped, "one instruction"))
        ui.act(ACTION_STEP);
    ImGui::SameLine();
    if (button("Over F10", stopped, "one instruction, but run over calls, interrupts and repeats"))
        ui.act(ACTION_STEP_OVER);
    ImGui::SameLine();
    if (button("Out Shift+F11", stopped, "run to where this function or handler returns to"))
        ui.act(ACTION_STEP_OUT);
    ImGui::SameLine();
    if (button("To cursor F4", stopped, "run to the line selected in Code"))
        ui.act_at(ACTION_RUN_TO, ui.code.selected);
    ImGui::SameLine(0, 2 * ui.character);
    if (button("Go to Ctrl+G", true, "show an address"))
        ui.ask_address = true;
}

/* --- Status line ------------------------------------------------------------------------------ */

static const char *mode_name(const view_cpu &cpu)
{
    switch (cpu.mode) {
    case VIEW_REAL:
        return "real mode";
    case VIEW_V86:
        return "virtual-8086";
    case VIEW_PROTECTED16:
        return "protected, 16-bit";
    default:
        return "protected, 32-bit";
    }
}

static void status_line(Ui &ui)
{
    const view &v = *ui.v;
    ImGui::SetCursorPosX(8);
    ImGui::AlignTextToFramePadding();
    if (v.stopped)
        text(colour::jump, "■ %s", v.why);
    else
        text(colour::good, "▶ running%s", v.cpu.halted ? " (halted, waits for an interrupt)" : "");
    ImGui::SameLine(0, 2 * ui.character);
    text(colour::text, "%s, ring %u%s", mode_name(v.cpu), v.cpu.cpl,
         v.cpu.paging ? ", paging" : "");
    ImGui::SameLine(0, 2 * ui.character);
    text(colour::address, "%04x:%08x", v.cpu.segment[VIEW_CS].selector, v.cpu.eip);
    if (const view_name *name = ui.name(v.cpu.pc)) {
        ImGui::SameLine(0, ui.character);
        text(colour::symbol, "%s %s", name->text, name->line);
    }
    if (*v.answer) {
        snprintf(ui.answer, sizeof ui.answer, "%s", v.answer);
        ui.answer_until = ImGui::GetTime() + 6;
    }
    if (*ui.answer && ImGui::GetTime() < ui.answer_until) {
        ImGui::SameLine(0, 2 * ui.character);
        text(colour::bad, "%s", ui.answer);
    }
    char right[96];
    const TimePanel &t = ui.time;
    int last = (t.next + 239) % 240;
    if (v.stopped)
        snprintf(right, sizeof right, "%.6f s   %" PRIu64 " instructions",
                 (double)v.virtual_ns / 1e9, v.insns);
    else
        snprintf(right, sizeof right, "%.1f s   %.0f MIPS   %.0f %% of real time",
                 (double)v.virtual_ns / 1e9, t.filled ? t.plots[0].at[last] : 0.0f,
                 t.filled ? t.speed[last] : 0.0f);
    float at = ImGui::GetWindowWidth() - ImGui::CalcTextSize(right).x - 10;
    ImGui::SameLine();
    if (at < ImGui::GetCursorPosX())
        return; /* there is something longer to say */
    ImGui::SetCursorPosX(at);
    text(colour::dim, "%s", right);
}

/* --- Dialogs ---------------------------------------------------------------------------------- */

static void go_to_dialog(Ui &ui)
{
    if (ui.ask_address)
        ImGui::OpenPopup("Go to address");
    bool opened = ui.ask_address;
    ui.ask_address = false;
    ImVec2 size = ImGui::GetMainViewport()->Size;
    ImGui::SetNextWindowPos(ImVec2(size.x / 2, size.y / 3), ImGuiCond_Always, ImVec2(0.5f, 0.5f));
    if (!ImGui::BeginPopupModal("Go to address", nullptr,
                                ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoMove))
        return;
    if (opened)
        ImGui::SetKeyboardFocusHere();
    ImGui::SetNextItemWidth(32 * ui.character);
    bool enter =
        ImGui::InputText("##where", ui.go_to, sizeof ui.go_to,
                         ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll);
    text(colour::dim, "hex, SEG:OFFSET, a register, a sum: ss:esp+8");
    bool memory = ui.focus == PANEL_MEMORY;
    bool to_code = button("Code", true, "show it as instructions");
    ImGui::SameLine();
    bool to_memory = button("Memory", true, "show it as bytes");
    ImGui::SameLine();
    bool over =
        button("Cancel", true, "Esc") || ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Escape));
    if ((enter || to_code || to_memory) && *ui.go_to) {
        view_action *a = ui.act(ACTION_FIND);
        a->panel = to_memory || (enter && memory) ? PANEL_MEMORY : PANEL_CODE;
        snprintf(a->text, sizeof a->text, "%s", ui.go_to);
        over = true;
    }
    if (over)
        ImGui::CloseCurrentPopup();
    ImGui::EndPopup();
}

static void keys_dialog(window *w)
{
    static const char *const keys[][2] = {
        {"F5", "continue"},
        {"F6, Pause", "pause, continue"},
        {"F11", "step into: one instruction"},
        {"F10", "step over calls, interrupts and repeats"},
        {"Shift+F11", "step out of the function"},
        {"F4", "run to the selected line"},
        {"F9", "breakpoint at the selected line, or no longer"},
        {"Ctrl+G", "go to an address"},
        {"Ctrl+1 .. 0", "bring a panel to the front (Ctrl+Shift: the rest)"},
        {"Ctrl++  Ctrl+-", "larger, smaller text"},
        {"", ""},
        {"In Code:", ""},
        {"arrows, PgUp, PgDn", "move"},
        {"Enter", "follow the jump or call"},
        {"Backspace", "back from where one came"},
        {"Home", "to the next instruction"},
        {"", ""},
        {"In Memory:", ""},
        {"arrows, PgUp, PgDn", "move"},
        {"0-9 a-f", "change the byte"},
        {"", ""},
        {"Ctrl+Alt+D", "in the guest's window: open this window"},
    };
    if (!w->keys)
        return;
    ImVec2 size = ImGui::GetMainViewport()->Size;
    ImGui::SetNextWindowPos(ImVec2(size.x / 2, size.y / 2), ImGuiCond_Appearing,
                            ImVec2(0.5f, 0.5f));
    if (ImGui::Begin("Keys", &w->keys,
                     ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoCollapse) &&
        ImGui::BeginTable("keys", 2)) {
        for (auto &row : keys) {
            ImGui::TableNextRow();
            ImGui::TableNextColumn();
            text(colour::address, "%s", row[0]);
            ImGui::TableNextColumn();
            text(colour::text, "%s", row[1]);
        }
        ImGui::EndTable();
    }
    ImGui::End();
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
    menus(w);
    toolbar(ui);
    ImVec2 at = ImGui::GetCursorScreenPos();
    float status = ImGui::GetFrameHeight() + 2;
    layout_draw(w->layout, ui, at, ImVec2(size.x - 2 * at.x, size.y - at.y - status - 2));
    ImGui::SetCursorScreenPos(ImVec2(0, size.y - status - 1));
    status_line(ui);
    go_to_dialog(ui);
    ImGui::End();
    keys_dialog(w);
}

void window_draw(struct window *w, const struct view *view, struct view_request *request)
{
    Uint64 begin = SDL_GetPerformanceCounter();
    Ui &ui = w->ui;
    ui.v = view;
    ui.r = request;
    request->peek_count = request->name_count = 0;
    take_view(ui);
    time_sample(ui);
    if (w->layout.font != w->font_pixels)
        load_fonts(w);
    feed_events(w);
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
