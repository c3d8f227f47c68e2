/* frontend/debugger/panel_breakpoints.cpp: break- and watchpoints, and the events that the guest
 * can be stopped at. */
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

struct Kind {
    view_break_kind kind;
    bool read, write;
    const char *name, *hint;
};

static const Kind kinds[] = {
    {VIEW_BREAK_AT, false, false, "code at", "7c00, cs:ip+2, a symbol"},
    {VIEW_BREAK_DATA, false, true, "write to", "address, phys 0x9000"},
    {VIEW_BREAK_DATA, true, false, "read of", "address, phys 0x9000"},
    {VIEW_BREAK_DATA, true, true, "access to", "address, phys 0x9000"},
    {VIEW_BREAK_PORT, true, true, "port", "60, or 3f0-3f7"},
    {VIEW_BREAK_INTERRUPT, false, false, "interrupt", "vector, or any"},
    {VIEW_BREAK_EXCEPTION, false, false, "exception", "e is #PF; or any"},
    {VIEW_BREAK_SOFTWARE, false, false, "INT n", "13, or any"},
    {VIEW_BREAK_IRET, false, false, "IRET", nullptr},
    {VIEW_BREAK_MODE, false, false, "mode change", nullptr},
    {VIEW_BREAK_CR3, false, false, "CR3 change", nullptr},
    {VIEW_BREAK_DMA_DENIED, false, false, "DMA denial", nullptr},
};

static void add_row(Ui &ui)
{
    BreakPanel &p = ui.breaks;
    const Kind &k = kinds[p.kind];
    ImGui::SetNextItemWidth(15 * ui.character);
    if (ImGui::BeginCombo("##kind", k.name, ImGuiComboFlags_HeightLargest)) {
        for (int n = 0; n < IM_ARRAYSIZE(kinds); n++) {
            if (ImGui::Selectable(kinds[n].name, n == p.kind))
                p.kind = n;
        }
        ImGui::EndCombo();
    }
    ImGui::SameLine();
    float room = ImGui::GetContentRegionAvail().x;
    ImGui::SetNextItemWidth(room);
    bool enter = false;
    if (k.hint)
        enter = ImGui::InputTextWithHint("##place", k.hint, p.place, sizeof p.place,
                                         ImGuiInputTextFlags_EnterReturnsTrue);
    else
        text(colour::dim, "any");
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - 7 * ui.character);
    enter |= ImGui::InputTextWithHint("##if", "if: ax == 3 && cf   (may be empty)", p.condition,
                                      sizeof p.condition, ImGuiInputTextFlags_EnterReturnsTrue);
    ImGui::SameLine();
    bool ready = *p.place || !k.hint || k.kind >= VIEW_BREAK_INTERRUPT;
    if (!(button("Add", ready, "set it") || enter) || !ready)
        return;
    view_action *a = ui.act(ACTION_BREAK_ADD);
    a->panel = (uint8_t)k.kind;
    a->len = 1;
    a->read = k.read;
    a->write = k.write;
    snprintf(a->text, sizeof a->text, "%s", k.hint ? p.place : "");
    snprintf(a->condition, sizeof a->condition, "%s", p.condition);
    p.place[0] = p.condition[0] = 0;
}

static void break_row(Ui &ui, const view_break &b)
{
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    bool on = b.enabled;
    if (ImGui::Checkbox("##on", &on)) {
        view_action *a = ui.act(ACTION_BREAK_ENABLE);
        a->address = b.id;
        a->len = on;
    }
    tip("%u: on or off", b.id);
    ImGui::TableNextColumn();
    ImU32 ink = !b.enabled                ? colour::dim
                : b.kind == VIEW_BREAK_AT ? colour::breakpoint
                                          : colour::changed;
    text(ink, "%s", b.text);
    if (ImGui::IsItemClicked() && b.is_linear && b.kind == VIEW_BREAK_AT)
        ui.go_code(b.address);
    else if (ImGui::IsItemClicked() && b.is_linear)
        ui.go_memory(b.address, false);
    if (*b.condition)
        text(colour::symbol, "  if %s", b.condition);
    ImGui::TableNextColumn();
    text(b.hits ? colour::text : colour::dim, "%llu", (unsigned long long)b.hits);
    tip("hits");
    ImGui::TableNextColumn();
    if (ImGui::SmallButton("x"))
        ui.act_at(ACTION_BREAK_REMOVE, b.id);
    tip("remove it");
}

void panel_breakpoints(Ui &ui)
{
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(5, 1));
    add_row(ui);
    if (!ui.v->break_count) {
        text(colour::dim, "none yet. F9: at the line selected in Code;");
        text(colour::dim, "right click on a byte in Memory: watch it");
    }
    if (ui.v->break_count &&
        ImGui::BeginTable("breaks", 4, ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg)) {
        ImGui::TableSetupColumn("on");
        ImGui::TableSetupColumn("what", ImGuiTableColumnFlags_WidthStretch);
        for (unsigned i = 0; i < ui.v->break_count; i++) {
            ImGui::PushID((int)ui.v->breaks[i].id);
            break_row(ui, ui.v->breaks[i]);
            ImGui::PopID();
        }
        ImGui::EndTable();
    }
    ImGui::PopStyleVar();
}
