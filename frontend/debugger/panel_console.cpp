/* frontend/debugger/panel_console.cpp: the console: the verbs of docs/control.md, with completion
 * (Tab) and what was typed before (up, down). */
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/parts.h"

static void add_word(void *ctx, const char *word)
{
    ((ConsolePanel *)ctx)->words.push_back(word);
}

/* Tab: as much as all candidates have in common; more than one are listed. */
static void complete(Ui &ui, ImGuiInputTextCallbackData *data)
{
    ConsolePanel &p = ui.console;
    p.words.clear();
    ui.host->complete(ui.host->ctx, data->Buf, add_word, &p);
    if (p.words.empty())
        return;
    std::string common = p.words[0];
    for (const std::string &w : p.words) {
        size_t same = 0;
        while (same < common.size() && same < w.size() && common[same] == w[same])
            same++;
        common.resize(same);
    }
    int from = data->BufTextLen;
    while (from > 0 && data->Buf[from - 1] != ' ')
        from--;
    if ((int)common.size() > data->BufTextLen - from) {
        data->DeleteChars(from, data->BufTextLen - from);
        data->InsertChars(from, common.c_str());
    }
    if (p.words.size() == 1) {
        data->InsertChars(data->BufTextLen, " ");
        return;
    }
    std::string all;
    for (const std::string &w : p.words)
        all += w + "  ";
    window_print(ui.self, all.c_str(), all.size(), false);
}

static void browse(Ui &ui, ImGuiInputTextCallbackData *data)
{
    ConsolePanel &p = ui.console;
    int count = (int)p.past.size();
    int to = p.browsing < 0 ? count : p.browsing;
    to += data->EventKey == ImGuiKey_UpArrow ? -1 : 1;
    to = std::clamp(to, 0, count);
    p.browsing = to == count ? -1 : to;
    data->DeleteChars(0, data->BufTextLen);
    if (to < count)
        data->InsertChars(0, p.past[(size_t)to].c_str());
}

static int on_key(ImGuiInputTextCallbackData *data)
{
    Ui &ui = *(Ui *)data->UserData;
    if (data->EventFlag == ImGuiInputTextFlags_CallbackCompletion)
        complete(ui, data);
    else
        browse(ui, data);
    return 0;
}

static void run(Ui &ui)
{
    ConsolePanel &p = ui.console;
    p.lines.push_back({colour::address, std::string("> ") + p.line});
    if (p.past.empty() || p.past.back() != p.line)
        p.past.push_back(p.line);
    p.browsing = -1;
    if (strcmp(p.line, "clear") == 0)
        p.lines.clear();
    else
        ui.host->command(ui.host->ctx, p.line, ui.self);
    p.line[0] = 0;
    p.bottom = p.take_focus = true;
}

/* Of a triple fault: the faults in red, what each met plain. */
static void tell_story(Ui &ui)
{
    for (const char *at = ui.v->story; *at;) {
        size_t len = strcspn(at, "\n");
        ui.console.lines.push_back(
            {strncmp(at, "     ", 5) == 0 ? colour::text : colour::bad, std::string(at, len)});
        at += len + (at[len] == '\n');
    }
}

void panel_console(Ui &ui)
{
    ConsolePanel &p = ui.console;
    if (p.lines.empty())
        p.lines.push_back({colour::dim, "Type help for the list of verbs, Tab completes."});
    if (ui.stopped() && p.told != ui.v->stops) {
        if (p.told)
            p.lines.push_back({colour::jump, ui.v->why});
        if (*ui.v->story) {
            tell_story(ui);
            ui.bring_up |= 1u << PANEL_CONSOLE;
        }
        p.told = ui.v->stops;
        p.bottom = true;
    }
    float input = ImGui::GetFrameHeightWithSpacing();
    ImGui::BeginChild("lines", ImVec2(0, -input), false, ImGuiWindowFlags_NoNavInputs);
    ImGui::PushTextWrapPos(0);
    for (const ConsoleLine &line : p.lines)
        text(line.ink, "%s", line.text.c_str());
    ImGui::PopTextWrapPos();
    if (p.bottom)
        ImGui::SetScrollHereY(1);
    p.bottom = false;
    ImGui::EndChild();
    text(colour::address, ">");
    ImGui::SameLine();
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x);
    if (p.take_focus || (ImGui::IsWindowAppearing() && ui.focus == PANEL_CONSOLE))
        ImGui::SetKeyboardFocusHere();
    p.take_focus = false;
    ImGuiInputTextFlags flags = ImGuiInputTextFlags_EnterReturnsTrue |
                                ImGuiInputTextFlags_CallbackCompletion |
                                ImGuiInputTextFlags_CallbackHistory;
    if (ImGui::InputText("##line", p.line, sizeof p.line, flags, on_key, &ui) && *p.line)
        run(ui);
}
