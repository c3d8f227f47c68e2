/* frontend/debugger/menus.cpp: what stands above and below the panels: menus, buttons, the status
 * line. */
#include <imgui_internal.h>

#include <cinttypes>
#include <cstdio>

#include "frontend/debugger/parts.h"

static void menu_action(Ui &ui, const char *label, const char *key, bool enabled,
                        view_action_kind kind, uint64_t address = 0)
{
    if (ImGui::MenuItem(label, key, false, enabled))
        ui.act_at(kind, address);
}

/* What the guest may run to: the kinds that need no address. */
static void event_menu(Ui &ui)
{
    static const struct {
        view_break_kind kind;
        const char *name;
    } events[] = {
        {VIEW_BREAK_INTERRUPT, "interrupt"}, {VIEW_BREAK_EXCEPTION, "exception"},
        {VIEW_BREAK_SOFTWARE, "INT n"},      {VIEW_BREAK_IRET, "IRET"},
        {VIEW_BREAK_PORT, "port access"},    {VIEW_BREAK_MODE, "mode change"},
        {VIEW_BREAK_CR3, "CR3 change"},      {VIEW_BREAK_DMA_DENIED, "DMA denial"},
    };
    for (auto &e : events) {
        if (ImGui::MenuItem(e.name))
            ui.act(ACTION_RUN_UNTIL)->panel = (uint8_t)e.kind;
    }
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
    if (ImGui::BeginMenu("Run to the next", stopped)) {
        event_menu(ui);
        ImGui::EndMenu();
    }
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

void menu_bar(window *w)
{
    Ui &ui = w->ui;
    ui.menu_active = ImGui::GetCurrentContext()->NavLayer == ImGuiNavLayer_Menu;
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

void toolbar(window *w)
{
    Ui &ui = w->ui;
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
    ImGui::SameLine(0, 2 * ui.character);
    if (button("Keys F1", true, "everything that a key does"))
        w->keys = !w->keys;
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

void status_line(Ui &ui)
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
    if (!v.stopped) { /* else "why" has it */
        ImGui::SameLine(0, 2 * ui.character);
        text(colour::address, "%04x:%08x", v.cpu.segment[VIEW_CS].selector, v.cpu.eip);
    }
    if (const view_name *name = ui.name(v.cpu.pc)) {
        ImGui::SameLine(0, ui.character);
        text(colour::symbol, "%s %s", name->text, name->line);
    }
    if (*v.answer)
        ui.say(v.answer);
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
