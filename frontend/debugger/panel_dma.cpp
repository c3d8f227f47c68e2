/* frontend/debugger/panel_dma.cpp: what each device moved by DMA, and what the checker denied. */
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

/* What happens to what is denied: a button that offers the others. */
static void policy(Ui &ui, const view_domain &d)
{
    static const char *const policies[] = {"block", "log", "pause"};
    char label[32];
    snprintf(label, sizeof label, "%s%s", d.policy, d.restricted ? "*" : "");
    ImGui::PushID(d.name);
    if (ImGui::SmallButton(label))
        ImGui::OpenPopup("policy");
    tip("what happens to what is denied: click to choose%s",
        d.restricted ? "\n*: it reaches only what it was granted" : "");
    if (ImGui::BeginPopup("policy")) {
        for (int n = 0; n < 3; n++) {
            if (!ImGui::MenuItem(policies[n]))
                continue;
            view_action *a = ui.act(ACTION_DMA_POLICY);
            snprintf(a->text, sizeof a->text, "%s", d.name);
            a->len = (uint8_t)n;
        }
        ImGui::EndPopup();
    }
    ImGui::PopID();
}

static void domain_row(Ui &ui, const view_domain &d)
{
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text(d.denials ? colour::bad : d.reads + d.writes ? colour::text : colour::dim, "%s", d.name);
    const uint64_t numbers[2][2] = {{d.bytes_read, d.reads}, {d.bytes_written, d.writes}};
    for (auto &n : numbers) {
        ImGui::TableNextColumn();
        text(n[0] ? colour::text : colour::dim, "%llu", (unsigned long long)n[0]);
        tip("bytes, in %llu transfers", (unsigned long long)n[1]);
    }
    ImGui::TableNextColumn();
    text(d.denials ? colour::bad : colour::dim, "%llu", (unsigned long long)d.denials);
    ImGui::TableNextColumn();
    policy(ui, d);
}

static void domains(Ui &ui)
{
    const view_dma &d = ui.v->dma;
    ImGuiTableFlags look =
        ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg | ImGuiTableFlags_ScrollY;
    if (!ImGui::BeginTable("domains", 5, look))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    for (const char *name : {"domain", "read", "written", "denied", "policy"})
        ImGui::TableSetupColumn(name);
    ImGui::TableHeadersRow();
    for (int active = 1; active >= 0; active--) {
        for (unsigned n = 0; n < d.domain_count; n++) {
            bool used = d.domain[n].reads + d.domain[n].writes + d.domain[n].denials;
            if (used == (active == 1))
                domain_row(ui, d.domain[n]);
        }
    }
    ImGui::EndTable();
}

static void check_row(Ui &ui, const view_check &e)
{
    ImU32 ink = e.denied ? colour::bad : colour::text;
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text(colour::dim, "%.6f", (double)e.time_ns / 1e9);
    ImGui::TableNextColumn();
    text(ink, "%08llx", (unsigned long long)e.gpa);
    if (ImGui::IsItemClicked())
        ui.go_memory(e.gpa, true);
    ImGui::TableNextColumn();
    if (e.denied)
        text(colour::bad, "%s%s", e.reason, e.done ? " (done)" : "");
    else
        text(colour::good, "ok");
    ImGui::TableNextColumn();
    text(ink, "%s", e.device);
    ImGui::TableNextColumn();
    text(ink, "%s %llu", e.write ? "write" : "read", (unsigned long long)e.len);
    tip("bytes, seen from the device");
}

static void checks(Ui &ui)
{
    const view_dma &d = ui.v->dma;
    ImGui::Checkbox("only what was denied", &ui.only_denied);
    if (!d.check_count) {
        text(colour::good, ui.only_denied ? "nothing was denied" : "no device has used DMA yet");
        ImGui::PushTextWrapPos();
        text(colour::dim, "Every transfer of a device is checked: RAM only, within the device's "
                          "reach and its domain.");
        ImGui::PopTextWrapPos();
        return;
    }
    ImGuiTableFlags look = ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                           ImGuiTableFlags_ScrollY | ImGuiTableFlags_ScrollX;
    if (!ImGui::BeginTable("checks", 5, look))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    static const struct {
        const char *name;
        int width;
    } columns[] = {{"at, s", 8}, {"gpa", 8}, {"verdict", 16}, {"device", 8}, {"bytes", 10}};
    for (auto &column : columns)
        ImGui::TableSetupColumn(column.name, ImGuiTableColumnFlags_WidthFixed,
                                (float)column.width * ui.character);
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < d.check_count; n++)
        check_row(ui, d.check[n]);
    ImGui::EndTable();
}

void panel_dma(Ui &ui)
{
    ui.r->dma_only_denied = ui.only_denied;
    float width = ImGui::GetContentRegionAvail().x * 0.53f;
    ImGui::BeginChild("domains", ImVec2(width, 0), false, ImGuiWindowFlags_NavFlattened);
    domains(ui);
    ImGui::EndChild();
    ImGui::SameLine();
    ImGui::BeginChild("checks", ImVec2(0, 0), false, ImGuiWindowFlags_NavFlattened);
    checks(ui);
    ImGui::EndChild();
}
