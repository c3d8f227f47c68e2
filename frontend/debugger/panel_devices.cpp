/* frontend/debugger/panel_devices.cpp: every device's registers, from its field table, live. What
 * changed within the last second is orange. And the DMA domains with their denials. */
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

static bool matches(const char *text, const char *part)
{
    if (!*part)
        return true;
    std::string low;
    for (; *text; text++)
        low += (char)tolower((unsigned char)*text);
    return low.find(part) != std::string::npos;
}

static void list(Ui &ui, float width)
{
    DevicesPanel &p = ui.devices;
    const view_devices &d = ui.v->devices;
    ImGui::BeginChild("list", ImVec2(width, 0), false, ImGuiWindowFlags_NavFlattened);
    for (unsigned n = 0; n < d.count; n++) {
        const view_device &device = d.device[n];
        bool used = device.port_reads + device.port_writes + device.mmio_reads + device.mmio_writes;
        ImGui::PushID((int)n);
        ImGui::PushStyleColor(ImGuiCol_Text, used ? colour::text : colour::dim);
        if (ImGui::Selectable(device.name, n == p.shown))
            p.shown = n;
        ImGui::PopStyleColor();
        tip("%s\nports: %llu reads, %llu writes; memory: %llu, %llu", device.title,
            (unsigned long long)device.port_reads, (unsigned long long)device.port_writes,
            (unsigned long long)device.mmio_reads, (unsigned long long)device.mmio_writes);
        ImGui::PopID();
    }
    ImGui::EndChild();
}

/* When value number n last changed, in ImGui's seconds; keeps what it was. */
static bool fresh(DevicesPanel &p, size_t n, uint64_t value)
{
    if (n >= p.before.size()) {
        p.before.push_back(value);
        p.changed_at.push_back(-10);
    }
    if (p.before[n] != value) {
        p.before[n] = value;
        p.changed_at[n] = ImGui::GetTime();
    }
    return ImGui::GetTime() - p.changed_at[n] < 1;
}

static void field_row(DevicesPanel &p, const view_field &f, size_t &n, float character)
{
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    if (f.index > 0)
        text(colour::dim, "%s[%d]", f.name, f.index);
    else
        text(colour::text, "%s", f.name);
    tip("%s", f.doc);
    ImGui::TableNextColumn();
    for (int i = 0; i < f.count; i++) {
        bool changed = fresh(p, n++, f.value[i]);
        ImU32 ink = changed ? colour::changed : f.value[i] ? colour::text : colour::dim;
        if (i)
            ImGui::SameLine(0, character);
        if (f.is_bool)
            text(changed      ? colour::changed
                 : f.value[i] ? colour::good
                              : colour::dim,
                 f.count > 1  ? "%d"
                 : f.value[i] ? "yes"
                              : "no",
                 f.value[i] != 0);
        else
            text(ink, "%0*llx", 2 * f.size, (unsigned long long)f.value[i]);
        if (!f.is_bool)
            tip("%llu", (unsigned long long)f.value[i]);
    }
    ImGui::TableNextColumn();
    if (f.index <= 0)
        text(colour::dim, "%s", f.doc);
}

static void registers(Ui &ui)
{
    DevicesPanel &p = ui.devices;
    const view_devices &d = ui.v->devices;
    if (d.shown != p.shown || d.shown >= d.count)
        return;
    if (p.before_of != p.shown) {
        p.before.clear();
        p.changed_at.clear();
        p.before_of = p.shown;
    }
    const view_device &device = d.device[d.shown];
    text(colour::heading, "%s", device.title);
    if (d.pin_count) {
        text(colour::dim, "pins");
        for (unsigned n = 0; n < d.pin_count; n++) {
            ImGui::SameLine(0, 4);
            if (ImGui::GetContentRegionAvail().x < ImGui::CalcTextSize(d.pin[n].name).x + 12)
                ImGui::NewLine();
            bit(d.pin[n].name, d.pin[n].high, false, "output pin");
        }
    }
    ImGui::SetNextItemWidth(24 * ui.character);
    ImGui::InputTextWithHint("##filter", "find a register", p.filter, sizeof p.filter);
    ImGuiTableFlags look = ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                           ImGuiTableFlags_ScrollY | ImGuiTableFlags_ScrollX;
    float below = d.more ? ImGui::GetTextLineHeightWithSpacing() : 0;
    if (!ImGui::BeginTable("fields", 3, look, ImVec2(0, -below)))
        return;
    size_t n = 0;
    for (unsigned i = 0; i < d.field_count; i++) {
        const view_field &f = d.field[i];
        if (matches(f.name, p.filter) || matches(f.doc, p.filter))
            field_row(p, f, n, ui.character);
        else
            for (int k = 0; k < f.count; k++)
                fresh(p, n++, f.value[k]);
    }
    ImGui::EndTable();
    if (d.more)
        text(colour::dim, "long arrays are cut short");
}

void panel_devices(Ui &ui)
{
    ui.r->device = ui.devices.shown;
    list(ui, 11 * ui.character);
    ImGui::SameLine();
    ImGui::BeginChild("registers", ImVec2(0, 0), false, ImGuiWindowFlags_NavFlattened);
    registers(ui);
    ImGui::EndChild();
}
