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
        if (const view_name *name = value ? ui.name(code) : nullptr) {
            ImGui::SameLine();
            text(colour::symbol, "%s", name->text);
        }
    } else if (value > 0xFFF) {
        address_link(ui, value, true);
        const view_name *name = ui.name(value);
        if (name) {
            ImGui::SameLine();
            text(colour::symbol, "%s", name->text);
        }
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
