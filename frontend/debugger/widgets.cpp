#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

void text(ImU32 colour, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    ImGui::TextV(format, args);
    ImGui::PopStyleColor();
    va_end(args);
}

void tip(const char *format, ...)
{
    if (!ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled))
        return;
    va_list args;
    va_start(args, format);
    ImGui::SetTooltipV(format, args);
    va_end(args);
}

void heading(const char *title)
{
    ImGui::Dummy(ImVec2(0, 2));
    text(colour::heading, "%s", title);
    ImGui::SameLine();
    ImVec2 at = ImGui::GetCursorScreenPos();
    float right = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
    float y = at.y + ImGui::GetTextLineHeight() / 2;
    if (right > at.x)
        ImGui::GetWindowDrawList()->AddLine(ImVec2(at.x, y), ImVec2(right, y),
                                            IM_COL32(70, 74, 92, 255));
    ImGui::NewLine();
}

/* An input field that looks like text until one types in it. */
static bool plain_input(const char *id, char *buffer, size_t size, float width, ImU32 colour,
                        ImGuiInputTextFlags flags)
{
    ImGui::PushID(id);
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    ImGui::PushStyleColor(ImGuiCol_FrameBg, IM_COL32(0, 0, 0, 0));
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(1, 0));
    ImGui::SetNextItemWidth(width);
    bool done = ImGui::InputText("##value", buffer, size,
                                 flags | ImGuiInputTextFlags_EnterReturnsTrue |
                                     ImGuiInputTextFlags_AutoSelectAll);
    ImGui::PopStyleVar();
    ImGui::PopStyleColor(2);
    ImGui::PopID();
    return done;
}

bool edit_hex(const char *id, uint64_t *value, int digits, ImU32 colour)
{
    char buffer[20];
    snprintf(buffer, sizeof buffer, "%0*llx", digits, (unsigned long long)*value);
    unsigned long long now;
    if (!plain_input(id, buffer, sizeof buffer, ImGui::CalcTextSize("0").x * (float)digits + 4,
                     colour, ImGuiInputTextFlags_CharsHexadecimal) ||
        sscanf(buffer, "%llx", &now) != 1)
        return false;
    *value = now;
    return true;
}

bool edit_text(const char *id, char *text, size_t size, int characters, ImU32 colour)
{
    return plain_input(id, text, size, ImGui::CalcTextSize("0").x * (float)characters, colour, 0);
}

/* The mouse or the keyboard is at the last item. */
static bool is_pointed_at()
{
    return ImGui::IsItemHovered() || (ImGui::IsItemFocused() && ImGui::GetIO().NavVisible);
}

void address_link(Ui &ui, uint32_t address, bool is_code)
{
    char label[12];
    snprintf(label, sizeof label, "%08x", address);
    ImVec2 low = ImGui::GetCursorScreenPos(), size = ImGui::CalcTextSize(label);
    ImGui::PushID((int)address);
    bool go = ImGui::InvisibleButton("##link", size);
    ImDrawList *draw = ImGui::GetWindowDrawList();
    draw->AddText(low, colour::address, label);
    if (is_pointed_at()) {
        draw->AddLine(ImVec2(low.x, low.y + size.y), ImVec2(low.x + size.x, low.y + size.y),
                      colour::address);
        ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    }
    tip("click: %s, Ctrl+click: %s, right click: its page walk", is_code ? "code" : "memory",
        is_code ? "memory" : "code");
    if (ImGui::IsItemClicked(ImGuiMouseButton_Right))
        ui.go_address(address);
    if (go) {
        if (is_code != ImGui::GetIO().KeyCtrl)
            ui.go_code(address);
        else
            ui.go_memory(address, false);
    }
    ImGui::PopID();
}

bool bit(const char *name, bool set, bool changed, const char *what)
{
    ImU32 ink = changed ? colour::changed : set ? colour::text : IM_COL32(86, 94, 110, 255);
    ImVec2 at = ImGui::GetCursorScreenPos(), size = ImGui::CalcTextSize(name);
    size.x += 6;
    ImGui::PushID(name);
    bool clicked = ImGui::InvisibleButton("##bit", size);
    ImGui::PopID();
    ImDrawList *draw = ImGui::GetWindowDrawList();
    if (set)
        draw->AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y), IM_COL32(58, 70, 98, 255), 3);
    if (is_pointed_at())
        draw->AddRect(at, ImVec2(at.x + size.x, at.y + size.y), colour::address, 3);
    draw->AddText(ImVec2(at.x + 3, at.y), ink, name);
    tip("%s: %d", what, set);
    return clicked;
}

bool button(const char *label, bool enabled, const char *what)
{
    ImGui::BeginDisabled(!enabled);
    bool pressed = ImGui::Button(label);
    ImGui::EndDisabled();
    tip("%s", what);
    return pressed;
}

std::string code_address(const view_cpu &cpu, uint32_t address)
{
    char out[16];
    uint32_t offset = address - cpu.segment[VIEW_CS].base;
    if ((cpu.mode == VIEW_REAL || cpu.mode == VIEW_V86) && offset <= 0xFFFF)
        snprintf(out, sizeof out, "%04x:%04x", cpu.segment[VIEW_CS].selector, offset);
    else
        snprintf(out, sizeof out, "%08x", address);
    return out;
}

/* --- What panels ask of one another ----------------------------------------------------------- */

view_action *Ui::act(view_action_kind kind)
{
    static_assert(VIEW_ACTIONS > 1, "room for what comes too late");
    if (r->action_count == VIEW_ACTIONS)
        r->action_count--; /* more than one frame can hold: the last one gives way */
    view_action *a = &r->action[r->action_count++];
    *a = view_action{};
    a->kind = (uint8_t)kind;
    return a;
}

void Ui::act_at(view_action_kind kind, uint64_t address)
{
    act(kind)->address = address;
}

void Ui::set_register(const char *name, const void *data, size_t len)
{
    view_action *a = act(ACTION_SET_REGISTER);
    snprintf(a->text, sizeof a->text, "%s", name);
    memcpy(a->data, data, len < sizeof a->data ? len : sizeof a->data);
}

void Ui::say(const char *what)
{
    snprintf(answer, sizeof answer, "%s", what);
    answer_until = ImGui::GetTime() + 6;
}

void Ui::go_code(uint32_t address)
{
    code.back.push_back(code.selected ? code.selected : code.top);
    code.top = code.selected = address;
    code.scroll = -4;
    code.placed = true;
    bring_up |= 1u << PANEL_CODE;
}

void Ui::go_memory(uint64_t address, bool physical)
{
    memory.base = address & ~UINT64_C(15);
    memory.cursor = address;
    memory.physical = physical;
    memory.follow = -1;
    memory.placed = true;
    bring_up |= 1u << PANEL_MEMORY;
}

const view_name *Ui::name(uint32_t address)
{
    if (!v->symbols)
        return nullptr;
    auto known = names.find(address);
    if (known != names.end())
        return *known->second.text ? &known->second : nullptr;
    if (r->name_count < VIEW_NAMES)
        r->name_at[r->name_count++] = address;
    return nullptr;
}

void Ui::go_address(uint32_t linear)
{
    address.segment = -1;
    address.offset = linear;
    address.follows = false;
    snprintf(address.where, sizeof address.where, "%08x", linear);
    bring_up |= 1u << PANEL_ADDRESS;
}

const view_break *Ui::break_at(uint32_t address) const
{
    for (unsigned i = 0; i < v->break_count; i++) {
        const view_break &b = v->breaks[i];
        if (b.kind == VIEW_BREAK_AT && b.is_linear && b.address == address)
            return &b;
    }
    return nullptr;
}
