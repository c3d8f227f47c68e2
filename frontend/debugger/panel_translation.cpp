/* frontend/debugger/panel_translation.cpp: guest instructions beside the host code made from them,
 * with the flags that each reads and writes, and which of those anybody waits for. */
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

/* Lines of host code; 64-bit, at the addresses where it runs. */
static void refresh_host(TranslationPanel &p, const view_translation &t, uint32_t len)
{
    if (p.host_address == t.host_address && p.bytes.size() == len &&
        (!len || memcmp(p.bytes.data(), t.host, len) == 0))
        return;
    p.bytes.assign(t.host, t.host + len);
    p.host_address = t.host_address;
    p.host = disassemble_host(t.host, len, t.host_address);
}

/* OSZAPC: bright when it is written and wanted, dim when written for nobody; an underline reads. */
static void flags(const view_unit_insn &i)
{
    static const struct {
        uint16_t bit;
        char letter;
    } all[] = {{0x800, 'O'}, {0x80, 'S'}, {0x40, 'Z'}, {0x10, 'A'}, {0x4, 'P'}, {0x1, 'C'}};
    float w = ImGui::CalcTextSize("0").x;
    ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList *draw = ImGui::GetWindowDrawList();
    for (int n = 0; n < 6; n++) {
        char letter[2] = {all[n].letter, 0};
        bool writes = i.writes & all[n].bit, live = i.live & all[n].bit,
             reads = i.reads & all[n].bit;
        ImVec2 here(at.x + (float)n * w, at.y);
        ImU32 ink = live ? colour::good : writes ? IM_COL32(96, 104, 122, 255) : colour::jump;
        if (writes || reads)
            draw->AddText(here, ink, letter);
        if (reads)
            draw->AddLine(ImVec2(here.x, here.y + ImGui::GetTextLineHeight()),
                          ImVec2(here.x + w - 1, here.y + ImGui::GetTextLineHeight()), colour::jump,
                          2);
    }
    ImGui::Dummy(ImVec2(6 * w, ImGui::GetTextLineHeight()));
    tip("green: written, and something waits for it; grey: written for nobody;\n"
        "underlined: read");
}

/* The table leaves so many pixels below. */
static void guest(Ui &ui, float below)
{
    TranslationPanel &p = ui.translation;
    const view_translation &t = ui.v->translation;
    view_bytes b{};
    p.hover = -1;
    if (!ImGui::BeginTable("guest", 4,
                           ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_ScrollY |
                               ImGuiTableFlags_RowBg,
                           ImVec2(0, -below)))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    for (const char *name : {"guest", "flags", "size", "instruction"})
        ImGui::TableSetupColumn(name);
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < t.count; n++) {
        const view_unit_insn &i = t.insn[n];
        b.base = i.address;
        b.len = i.length;
        b.pages_valid = 3;
        memcpy(b.data, i.bytes, sizeof i.bytes);
        auto lines = disassemble(b, i.address, 1, t.code32, ui.v->cpu.segment[VIEW_CS].base);
        ImGui::PushID((int)n);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        char label[16];
        snprintf(label, sizeof label, "%08x", i.address);
        ImGui::PushStyleColor(ImGuiCol_Text, colour::address);
        ImGui::Selectable(label, false, ImGuiSelectableFlags_SpanAllColumns);
        ImGui::PopStyleColor();
        if (ImGui::IsItemHovered() || (ImGui::IsItemFocused() && ImGui::GetIO().NavVisible))
            p.hover = (int)n;
        ImGui::TableNextColumn();
        flags(i);
        ImGui::TableNextColumn();
        if (t.found)
            text(i.soft ? colour::changed : colour::dim, "%u", i.host_end - i.host);
        if (t.found)
            tip(i.soft ? "bytes of host code; its memory access goes through the soft TLB"
                       : "bytes of host code");
        ImGui::TableNextColumn();
        if (!lines.empty())
            text(colour::text, "%-6s %s", lines[0].mnemonic.c_str(), lines[0].operands.c_str());
        ImGui::PopID();
    }
    ImGui::EndTable();
}

/* Where the unit goes from here, and whether straight or through the core. */
static void exits(Ui &ui)
{
    const view_translation &t = ui.v->translation;
    heading("Exits");
    if (!t.link_count)
        text(colour::dim, "to where a register or memory says");
    for (unsigned n = 0; n < t.link_count; n++) {
        ImGui::PushID((int)n);
        address_link(ui, t.link[n].eip + ui.v->cpu.segment[VIEW_CS].base, true);
        ImGui::SameLine(0, ui.character);
        text(t.link[n].linked ? colour::good : colour::dim,
             t.link[n].linked ? "chained" : "not taken yet: by the core");
        tip(t.link[n].linked ? "the host code jumps straight into the next unit"
                             : "the first time through the core, which then patches the jump");
        ImGui::PopID();
    }
}

static int insn_of(const view_translation &t, uint32_t offset)
{
    for (unsigned n = 0; n < t.count; n++) {
        if (offset >= t.insn[n].host && offset < t.insn[n].host_end)
            return (int)n;
    }
    return -1;
}

/* Where a jump goes: within the unit by offset, else out of it. */
static std::string host_operands(const view_translation &t, const Line &line)
{
    unsigned long long target;
    int used = 0;
    if ((line.kind != LineKind::jump && line.kind != LineKind::branch &&
         line.kind != LineKind::call) ||
        sscanf(line.operands.c_str(), "0x%llx%n", &target, &used) != 1 ||
        line.operands[(size_t)used])
        return line.operands;
    uint64_t offset = target - t.host_address;
    char out[40];
    if (offset < t.host_len)
        snprintf(out, sizeof out, "%s+%04x", offset < t.hot_len ? "" : "cold ", (unsigned)offset);
    else
        snprintf(out, sizeof out, "out, to %llx", target);
    return out;
}

static void host(Ui &ui)
{
    static const ImU32 shades[2] = {IM_COL32(34, 39, 50, 255), IM_COL32(27, 30, 37, 255)};
    TranslationPanel &p = ui.translation;
    const view_translation &t = ui.v->translation;
    refresh_host(p, t, p.cold ? t.host_len : t.hot_len);
    if (!ImGui::BeginTable("host", 2, ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_ScrollY))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("at");
    ImGui::TableSetupColumn("host code");
    ImGui::TableHeadersRow();
    for (const Line &line : p.host) {
        uint32_t offset = line.address;
        int n = insn_of(t, offset);
        ImGui::TableNextRow();
        ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg0,
                               n >= 0 && n == p.hover ? colour::selected : shades[n & 1]);
        ImGui::TableNextColumn();
        text(colour::dim, "+%04x", offset);
        ImGui::TableNextColumn();
        ImU32 ink = offset >= t.hot_len                                            ? colour::dim
                    : line.kind == LineKind::jump || line.kind == LineKind::branch ? colour::jump
                    : line.kind == LineKind::call                                  ? colour::good
                    : n < 0                                                        ? colour::heading
                                                                                   : colour::text;
        text(ink, "%-6s %s", line.mnemonic.c_str(), host_operands(t, line).c_str());
        if (n < 0)
            tip(offset < t.hot_len ? "entry, poll and exits: of no single instruction"
                                   : "cold part: slow paths and exits");
    }
    ImGui::EndTable();
}

void panel_translation(Ui &ui)
{
    TranslationPanel &p = ui.translation;
    const view_translation &t = ui.v->translation;
    ImGui::Checkbox("follow", &p.follows);
    tip("the unit at the next instruction; else that at the line selected in Code");
    if (p.follows)
        p.at = ui.v->cpu.pc;
    ImGui::SameLine();
    if (button("Selected line", true, "the unit that holds the line selected in Code")) {
        p.at = ui.code.selected;
        p.follows = false;
    }
    ui.r->translation_at = p.at;
    ImGui::SameLine(0, 2 * ui.character);
    if (!t.found) {
        text(colour::dim, "%s: %u instructions, interpreted", t.engine ? t.engine : "", t.count);
    } else {
        ImGui::Checkbox("cold part", &p.cold);
        ImGui::SameLine(0, 2 * ui.character);
        text(colour::dim, "%u instructions: %u + %u bytes, %u exits", t.count, t.hot_len,
             t.host_len - t.hot_len, t.link_count);
        tip("host code: the part that runs, the cold part; jumps to other units");
    }
    float width = t.found ? ImGui::GetContentRegionAvail().x * 0.5f : 0;
    ImGui::BeginChild("guest", ImVec2(width, 0), false, ImGuiWindowFlags_NavFlattened);
    float below = t.found ? (float)(std::max(t.link_count, 1u) + 2) * ui.row : 0;
    guest(ui, std::min(below, ImGui::GetContentRegionAvail().y / 2));
    if (t.found)
        exits(ui);
    ImGui::EndChild();
    if (!t.found)
        return;
    ImGui::SameLine();
    ImGui::BeginChild("host", ImVec2(0, 0), false, ImGuiWindowFlags_NavFlattened);
    host(ui);
    ImGui::EndChild();
}
