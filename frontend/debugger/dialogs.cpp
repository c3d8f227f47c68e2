/* frontend/debugger/dialogs.cpp: "go to address" and the list of keys. */
#include <cstdio>

#include "frontend/debugger/parts.h"

void go_to_dialog(Ui &ui)
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

void keys_dialog(window *w)
{
    static const char *const keys[][2] = {
        {"F5", "continue"},
        {"F6, Pause", "pause, continue"},
        {"F11", "step into: one instruction"},
        {"F10", "step over calls, interrupts and repeats"},
        {"Shift+F11", "step out of the function"},
        {"F4", "run to the selected line"},
        {"F9", "breakpoint at the selected line, or no longer; in Memory: a watchpoint"},
        {"Ctrl+G", "go to an address"},
        {"Ctrl+F", "search in memory"},
        {"Ctrl+1 .. 0", "bring a panel to the front (Ctrl+Shift: the rest)"},
        {"Ctrl++  Ctrl+-", "larger, smaller text"},
        {"Alt", "the menu; arrows, Enter"},
        {"", ""},
        {"In all panels:", ""},
        {"arrows, Tab", "go to what can be clicked or edited"},
        {"Enter, Space", "click it, edit it, go into a list"},
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
