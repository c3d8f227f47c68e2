/* frontend/debugger/ui.h: what the panels share: the view they draw, the request they fill in, the
 * colours, and small widgets. One Ui belongs to one window; nothing is global but what Dear ImGui
 * itself keeps. */
#ifndef UMBRA_FRONTEND_DEBUGGER_UI_H
#define UMBRA_FRONTEND_DEBUGGER_UI_H

#include <imgui.h>

#include <map>
#include <string>
#include <vector>

#include "frontend/debugger/disasm.h"
#include "frontend/debugger/view.h"

/* Colours by meaning: the same thing has the same colour in every panel. */
namespace colour
{
constexpr ImU32 text = IM_COL32(214, 219, 228, 255);
constexpr ImU32 dim = IM_COL32(122, 132, 150, 255);     /* what is there but says little */
constexpr ImU32 address = IM_COL32(122, 172, 247, 255); /* addresses and links */
constexpr ImU32 changed = IM_COL32(255, 170, 84, 255);  /* since the last stop */
constexpr ImU32 good = IM_COL32(142, 204, 120, 255);
constexpr ImU32 bad = IM_COL32(247, 108, 108, 255);
constexpr ImU32 heading = IM_COL32(178, 160, 245, 255);
constexpr ImU32 symbol = IM_COL32(128, 214, 190, 255);
constexpr ImU32 jump = IM_COL32(240, 200, 110, 255);
constexpr ImU32 system = IM_COL32(232, 132, 200, 255); /* privileged, ports, interrupts */
constexpr ImU32 current = IM_COL32(52, 84, 60, 255);   /* row of the next instruction */
constexpr ImU32 selected = IM_COL32(52, 64, 92, 255);
constexpr ImU32 breakpoint = IM_COL32(226, 74, 74, 255);
constexpr ImU32 panel = IM_COL32(27, 30, 37, 255);
constexpr ImU32 stripe = IM_COL32(32, 36, 44, 255);
} // namespace colour

/* The four places of the window that hold panels, each with tabs. */
enum Area { AREA_MAIN, AREA_RIGHT, AREA_BOTTOM, AREA_CORNER, AREAS };

struct CodePanel {
    uint32_t top = 0;      /* first row shown, linear */
    uint32_t selected = 0; /* row the keyboard is at */
    uint64_t followed = 0; /* the stop that was scrolled to */
    int scroll = 0;        /* rows still to scroll when the bytes are there */
    bool follow = true, placed = false;
    std::vector<uint32_t> back; /* where "follow" came from */
    std::vector<uint8_t> bytes; /* what lines were made of */
    std::vector<uint32_t> starts;
    uint32_t bytes_base = 0;
    bool bytes32 = false;
    std::vector<Line> lines;
};

struct MemoryPanel {
    uint64_t base = 0, cursor = 0;
    bool physical = false, editing = false, placed = false, high = true;
    int follow = -1; /* a general register's number */
    uint8_t pending = 0;
    char search[64] = "";
};

struct StackPanel {
    bool follows = true;
    uint32_t base = 0;
};

struct BreakPanel {
    char place[96] = "", condition[VIEW_BREAK_TEXT] = "";
    int kind = 0;
};

struct AddressPanel {
    int segment = -1;
    char where[16] = "";
    bool follows = true; /* CS:EIP */
    uint32_t offset = 0;
    int tab = 0;
};

struct TablesPanel {
    int table = VIEW_GDT;
    unsigned first = 0;
    bool empty = false; /* show empty entries, too */
};

struct DevicesPanel {
    unsigned shown = 0;
    char filter[32] = "";
    std::vector<uint64_t> before; /* values a moment ago */
    unsigned before_of = ~0u;
    std::vector<double> changed_at;
};

struct TranslationPanel {
    bool follows = true, cold = false;
    uint32_t at = 0;
    int hover = -1; /* guest instruction under the mouse */
    std::vector<uint8_t> bytes;
    std::vector<Line> host;
    uint64_t host_address = 0;
};

struct ConsoleLine {
    ImU32 ink;
    std::string text;
};

struct ConsolePanel {
    char line[512] = "";
    std::vector<ConsoleLine> lines;
    std::vector<std::string> past, words;
    int browsing = -1; /* in past */
    bool bottom = true, take_focus = false;
    uint64_t told = 0; /* the stop told last */
};

/* A counter's rate over the last minute. */
struct Plot {
    const char *name, *unit;
    double scale;
    ImU32 ink;
    float at[240];
    uint64_t last;
};

struct TimePanel {
    std::vector<Plot> plots;
    int next = 0, filled = 0;
    uint64_t host_ns = 0, virtual_ns = 0, slept_ns = 0;
    float speed[240] = {}, idle[240] = {};
};

struct Ui {
    const view *v = nullptr;
    view_request *r = nullptr;

    view_cpu before{}; /* registers at the stop before this one */
    view_cpu last{};
    uint64_t last_stop = 0;

    float row = 0, character = 0; /* height of a line, width of a character, pixels */
    view_panel focus = PANEL_CODE;
    bool shown[PANELS] = {};        /* drawn in this frame */
    uint32_t bring_up = 0;          /* panels whose tabs are to come to the front */
    bool ask_address = false;       /* open "go to" */
    bool menu_active = false;       /* the keyboard is in the menu */
    bool search_memory = false;     /* to the search field of Memory */
    view_panel take_focus = PANELS; /* the keyboard goes there with the next picture */
    char go_to[96] = "";
    char answer[VIEW_MESSAGE] = "";
    double answer_until = 0;

    CodePanel code;
    MemoryPanel memory;
    StackPanel stack;
    BreakPanel breaks;
    AddressPanel address;
    TablesPanel tables;
    DevicesPanel devices;
    TranslationPanel translation;
    ConsolePanel console;
    TimePanel time;
    bool only_denied = false;
    std::map<uint32_t, view_name> names; /* what is known; an empty text: none */
    uint64_t names_of = 0;               /* how many symbols there were then */
    const window_host *host = nullptr;
    window *self = nullptr;

    bool stopped() const
    {
        return v->stopped;
    }
    view_action *act(view_action_kind kind);
    void act_at(view_action_kind kind, uint64_t address);
    void set_register(const char *name, const void *data, size_t len);
    /* A message in the status line, for a while. */
    void say(const char *what);
    void go_code(uint32_t address);
    void go_memory(uint64_t address, bool physical);
    void go_address(uint32_t linear);
    /* The symbol of an address, when it is known; else asks for it. */
    const view_name *name(uint32_t address);
    const view_break *break_at(uint32_t address) const;
};

/* --- Panels: each in its own file ------------------------------------------------------------- */

void panel_code(Ui &ui);
void panel_registers(Ui &ui);
void panel_memory(Ui &ui);
void panel_stack(Ui &ui);
void panel_breakpoints(Ui &ui);
void panel_address(Ui &ui);
void panel_tables(Ui &ui);
void panel_devices(Ui &ui);
void panel_translation(Ui &ui);
void panel_console(Ui &ui);
void panel_time(Ui &ui);
void panel_dma(Ui &ui);
void panel_history(Ui &ui);

/* F9 in Memory: watches writes to the byte at the cursor, or no longer. */
void memory_watch_toggle(Ui &ui);

/* Counts and samples, whether the panel is shown or not. */
void time_sample(Ui &ui);

/* --- Widgets (widgets.cpp) -------------------------------------------------------------------- */

void text(ImU32 colour, const char *format, ...) IM_FMTARGS(2);
void tip(const char *format, ...) IM_FMTARGS(1);

/* A small heading with a line behind it. */
void heading(const char *title);

/* An address that can be clicked: to the code, or with Ctrl to the memory. */
void address_link(Ui &ui, uint32_t address, bool is_code);

/* A number that can be edited in place: true when *value was changed by the user. */
bool edit_hex(const char *id, uint64_t *value, int digits, ImU32 colour);

/* The same for text of that many characters. */
bool edit_text(const char *id, char *text, size_t size, int characters, ImU32 colour);

/* One bit of a register: bright when set. True when clicked. */
bool bit(const char *name, bool set, bool changed, const char *what);

/* A button as wide as its text, dim when it does nothing now. */
bool button(const char *label, bool enabled, const char *what);

/* seg:off in real and V86 mode within CS, else linear. */
std::string code_address(const view_cpu &cpu, uint32_t address);

#endif
