/* frontend/debugger/panel_stack.cpp: the stack from SS:ESP upwards, in units of what PUSH takes,
 * and the list of break- and watchpoints. */
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

static void stack_row(Ui &ui, uint32_t at, uint32_t value, int size)
{
    const view_cpu &c = ui.v->cpu;
    uint32_t ss = c.segment[VIEW_SS].base;
    ImGui::TableNextRow();
    if (at == ui.v->stack_frame)
        ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg0, colour::selected);
    ImGui::TableNextColumn();
    text(at == ss + (c.gpr[VIEW_ESP] & (c.stack32 ? UINT32_MAX : 0xFFFF)) ? colour::jump
                                                                          : colour::dim,
         "%0*x", c.stack32 ? 8 : 4, at - ss);
    ImGui::TableNextColumn();
    text(colour::text, "%0*x", 2 * size, value);
    ImGui::TableNextColumn();
    if (size == 2) {
        uint32_t code = c.segment[VIEW_CS].base + value;
        text(colour::dim, "cs:%04x", value);
        if (ImGui::IsItemClicked())
            ui.go_code(code);
        tip("click: code at %08x", code);
    } else if (value > 0xFFF) {
        address_link(ui, value, true);
    }
    if (at == ui.v->stack_frame) {
        ImGui::SameLine();
        text(colour::heading, "← %s", c.stack32 ? "ebp" : "bp");
    }
}

void panel_stack(Ui &ui)
{
    const view_cpu &c = ui.v->cpu;
    const view_bytes &s = ui.v->stack;
    int size = c.mode == VIEW_PROTECTED32 ? 4 : 2;
    ui.r->stack_follows = true;
    int rows = std::clamp((int)(ImGui::GetContentRegionAvail().y / ImGui::GetTextLineHeight()) + 1,
                          1, 512);
    ui.r->stack_len = (uint32_t)(rows * size);
    if (!ImGui::BeginTable("stack", 3, ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg))
        return;
    for (uint32_t at = 0; at + (uint32_t)size <= s.len; at += (uint32_t)size) {
        uint32_t value = 0;
        if (!view_valid(&s, at) || !view_valid(&s, at + (uint32_t)size - 1))
            break;
        memcpy(&value, s.data + at, (size_t)size);
        ImGui::PushID((int)at);
        stack_row(ui, (uint32_t)s.base + at, value, size);
        ImGui::PopID();
    }
    ImGui::EndTable();
}

/* --- Breakpoints ------------------------------------------------------------------------------ */

static void describe(const view_break &b, char *out, size_t len)
{
    switch (b.kind) {
    case VIEW_BREAK_LINEAR:
        snprintf(out, len, "code  %08x", (unsigned)b.address);
        break;
    case VIEW_BREAK_PHYSICAL:
        snprintf(out, len, "code  %09llx physical", (unsigned long long)b.address);
        break;
    case VIEW_BREAK_SEGMENTED:
        snprintf(out, len, "code  %04x:%04x", b.selector, (unsigned)b.address);
        break;
    default:
        snprintf(out, len, "%s %08x, %u byte%s",
                 b.read && b.write ? "access"
                 : b.read          ? "read "
                                   : "write",
                 (unsigned)b.address, b.len, b.len == 1 ? "" : "s");
        break;
    }
}

static void add_row(Ui &ui)
{
    static const char *const kinds[] = {"linear", "physical", "seg:off", "write", "read", "access"};
    BreakPanel &p = ui.breaks;
    ImGui::SetNextItemWidth(11 * ui.character);
    ImGui::Combo("##kind", &p.kind, kinds, IM_ARRAYSIZE(kinds));
    ImGui::SameLine();
    ImGui::SetNextItemWidth(14 * ui.character);
    bool enter = ImGui::InputTextWithHint("##place", p.kind == 2 ? "f000:fff0" : "hex", p.place,
                                          sizeof p.place, ImGuiInputTextFlags_EnterReturnsTrue);
    ImGui::SameLine();
    if (!(button("Add", *p.place, "set it") || enter) || !*p.place)
        return;
    view_break b{};
    unsigned long long address;
    unsigned selector;
    bool ok = p.kind == 2 ? sscanf(p.place, "%x:%llx", &selector, &address) == 2
                          : sscanf(p.place, "%llx", &address) == 1;
    if (!ok)
        return;
    b.address = address;
    b.selector = p.kind == 2 ? (uint16_t)selector : 0;
    b.kind = (uint8_t)(p.kind < 3 ? p.kind : VIEW_WATCH);
    b.len = 1;
    b.read = p.kind >= 4;
    b.write = p.kind == 3 || p.kind == 5;
    ui.act(ACTION_BREAK_ADD)->stop = b;
    p.place[0] = 0;
}

void panel_breakpoints(Ui &ui)
{
    add_row(ui);
    if (!ui.v->break_count) {
        text(colour::dim, "none: F9 sets one at the line selected in Code,");
        text(colour::dim, "a right click on a byte in Memory watches it");
        return;
    }
    if (!ImGui::BeginTable("breaks", 3, ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg))
        return;
    for (unsigned i = 0; i < ui.v->break_count; i++) {
        const view_break &b = ui.v->breaks[i];
        char what[64];
        describe(b, what, sizeof what);
        ImGui::PushID((int)i);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        if (ImGui::SmallButton("x"))
            ui.act(ACTION_BREAK_REMOVE)->stop = b;
        tip("remove it");
        ImGui::TableNextColumn();
        text(b.kind == VIEW_WATCH ? colour::changed : colour::breakpoint, "%s", what);
        if (ImGui::IsItemClicked() && b.kind == VIEW_BREAK_LINEAR)
            ui.go_code((uint32_t)b.address);
        if (ImGui::IsItemClicked() && b.kind == VIEW_WATCH)
            ui.go_memory(b.address, false);
        ImGui::TableNextColumn();
        text(colour::dim, "hit %llu", (unsigned long long)b.hits);
        ImGui::PopID();
    }
    ImGui::EndTable();
}
