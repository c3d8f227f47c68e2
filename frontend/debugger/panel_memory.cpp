/* frontend/debugger/panel_memory.cpp: memory in hex and ASCII, linear or physical. A click puts the
 * cursor on a byte, 0-9 a-f change it, a right click offers a watchpoint. Looking has no side
 * effect on devices: their registers show as dashes. */
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

static const char *const general[8] = {"EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"};

/* Where a register points at, through the segment that it goes with. */
static uint32_t pointed_at(const view_cpu &c, int reg)
{
    int segment = reg == VIEW_ESP || reg == VIEW_EBP ? VIEW_SS : VIEW_DS;
    bool wide = segment == VIEW_SS ? c.stack32 : c.mode == VIEW_PROTECTED32;
    return c.segment[segment].base + (c.gpr[reg] & (wide ? UINT32_MAX : 0xFFFF));
}

/* "48 65 6c" or "Hello": the bytes to look for. */
static void start_search(Ui &ui)
{
    MemoryPanel &p = ui.memory;
    uint8_t out[32];
    size_t len = 0;
    unsigned byte;
    int used;
    const char *at = p.search;
    while (len < sizeof out && sscanf(at, " %2x%n", &byte, &used) == 1) {
        out[len++] = (uint8_t)byte;
        at += used;
    }
    if (at[strspn(at, " ")] || !len) {
        len = std::min(strlen(p.search), sizeof out);
        memcpy(out, p.search, len);
    }
    if (!len)
        return;
    view_action *a = ui.act(ACTION_SEARCH);
    a->address = p.cursor + 1;
    a->physical = p.physical;
    a->panel = PANEL_MEMORY;
    a->len = (uint8_t)len;
    memcpy(a->data, out, len);
}

static void toolbar(Ui &ui)
{
    MemoryPanel &p = ui.memory;
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(5, 1));
    int kind = p.physical;
    ImGui::RadioButton("linear", &kind, 0);
    ImGui::SameLine();
    ImGui::RadioButton("physical", &kind, 1);
    p.physical = kind;
    ImGui::SameLine(0, 2 * ui.character);
    if (button("Go to", true, "Ctrl+G")) {
        ui.ask_address = true;
        ui.focus = PANEL_MEMORY;
    }
    ImGui::SameLine();
    ImGui::SetNextItemWidth(12 * ui.character);
    if (ImGui::BeginCombo("##follow", p.follow < 0 ? "stay" : general[p.follow])) {
        if (ImGui::Selectable("stay", p.follow < 0))
            p.follow = -1;
        for (int n = 0; n < 8; n++) {
            char label[24];
            snprintf(label, sizeof label, "follow %s", general[n]);
            if (ImGui::Selectable(label, p.follow == n))
                p.follow = n;
        }
        ImGui::EndCombo();
    }
    tip("follow what a register points at");
    ImGui::SameLine(0, 2 * ui.character);
    ImGui::SetNextItemWidth(23 * ui.character);
    if (ui.search_memory)
        ImGui::SetKeyboardFocusHere();
    ui.search_memory = false;
    if (ImGui::InputTextWithHint("##search", "search: 55 aa, or text", p.search, sizeof p.search,
                                 ImGuiInputTextFlags_EnterReturnsTrue))
        start_search(ui);
    tip("Enter: the next place, from the cursor on");
    ImGui::PopStyleVar();
}

static void put_digit(Ui &ui, unsigned digit)
{
    MemoryPanel &p = ui.memory;
    if (p.high) {
        p.pending = (uint8_t)(digit << 4);
        p.high = false;
        return;
    }
    view_action *a = ui.act(ACTION_SET_MEMORY);
    a->address = p.cursor;
    a->physical = p.physical;
    a->data[0] = (uint8_t)(p.pending | digit);
    a->len = 1;
    p.high = true;
    p.cursor++;
}

static void keyboard(Ui &ui, int rows)
{
    MemoryPanel &p = ui.memory;
    auto pressed = [](ImGuiKey key) { return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key)); };
    int64_t by = 0;
    by += pressed(ImGuiKey_RightArrow) - pressed(ImGuiKey_LeftArrow);
    by += 16 * (pressed(ImGuiKey_DownArrow) - pressed(ImGuiKey_UpArrow));
    by += 16 * (int64_t)(rows - 1) * (pressed(ImGuiKey_PageDown) - pressed(ImGuiKey_PageUp));
    if (by) {
        p.cursor += (uint64_t)by;
        p.high = true;
        p.follow = -1;
    }
    for (ImWchar c : ImGui::GetIO().InputQueueCharacters) {
        if (c < 128 && isxdigit(c))
            put_digit(ui, isdigit(c) ? c - '0' : (unsigned)tolower(c) - 'a' + 10);
    }
    if (pressed(ImGuiKey_Escape))
        p.high = true;
    uint64_t row = p.cursor & ~UINT64_C(15);
    if (row < p.base)
        p.base = row;
    if (row >= p.base + 16 * (uint64_t)rows)
        p.base = row - 16 * (uint64_t)(rows - 1);
}

static void watch(Ui &ui, bool read, bool write)
{
    view_action *a = ui.act(ACTION_BREAK_ADD);
    a->panel = VIEW_BREAK_DATA;
    a->len = 1;
    a->read = read;
    a->write = write;
    snprintf(a->text, sizeof a->text, "%s%llx", ui.memory.physical ? "phys 0x" : "",
             (unsigned long long)ui.memory.cursor);
}

void memory_watch_toggle(Ui &ui)
{
    for (unsigned i = 0; i < ui.v->break_count; i++) {
        const view_break &b = ui.v->breaks[i];
        if (b.kind != VIEW_BREAK_DATA || ui.memory.physical || !b.is_linear ||
            ui.memory.cursor - b.address >= b.len)
            continue;
        ui.act_at(ACTION_BREAK_REMOVE, b.id);
        return;
    }
    watch(ui, false, true);
}

static void byte_menu(Ui &ui)
{
    MemoryPanel &p = ui.memory;
    if (!ImGui::BeginPopup("byte"))
        return;
    static const struct {
        const char *label;
        bool read, write;
    } kinds[] = {
        {"Watch writes", false, true}, {"Watch reads", true, false}, {"Watch both", true, true}};
    for (auto &k : kinds) {
        if (ImGui::MenuItem(k.label, k.write && !k.read ? "F9" : nullptr))
            watch(ui, k.read, k.write);
    }
    ImGui::Separator();
    if (ImGui::MenuItem("Show as code", nullptr, false, !p.physical))
        ui.go_code((uint32_t)p.cursor);
    const view_bytes &m = ui.v->memory;
    uint32_t at = (uint32_t)(p.cursor - m.base), pointer;
    if (view_valid(&m, at) && at + 4 <= m.len) {
        memcpy(&pointer, m.data + at, 4);
        char label[40];
        snprintf(label, sizeof label, "Go to %08x (pointer here)", pointer);
        if (ImGui::MenuItem(label))
            ui.go_memory(pointer, p.physical);
    }
    ImGui::EndPopup();
}

static bool is_watched(const Ui &ui, uint64_t at)
{
    for (unsigned i = 0; i < ui.v->break_count; i++) {
        const view_break &b = ui.v->breaks[i];
        if (b.kind == VIEW_BREAK_DATA && b.is_linear && at - b.address < b.len)
            return true;
    }
    return false;
}

static void draw_rows(Ui &ui, ImVec2 at, int rows, float row, float hex, float ascii)
{
    MemoryPanel &p = ui.memory;
    const view_bytes &m = ui.v->memory;
    ImDrawList *draw = ImGui::GetWindowDrawList();
    float w = ui.character;
    for (int y = 0; y < rows; y++) {
        uint64_t line = p.base + 16 * (uint64_t)y;
        float top = at.y + (float)y * row;
        char label[24];
        snprintf(label, sizeof label, "%0*llx", p.physical ? 9 : 8, (unsigned long long)line);
        draw->AddText(ImVec2(at.x, top), colour::address, label);
        for (int x = 0; x < 16; x++) {
            uint64_t byte = line + (uint64_t)x;
            uint32_t from = (uint32_t)(byte - m.base);
            bool there = byte >= m.base && view_valid(&m, from);
            uint8_t value = there ? m.data[from] : 0;
            ImVec2 h(at.x + hex + (float)(3 * x + x / 8) * w, top),
                a(at.x + ascii + (float)x * w, top);
            if (!p.physical && is_watched(ui, byte))
                draw->AddRectFilled(h, ImVec2(h.x + 2 * w, top + row - 1),
                                    IM_COL32(110, 44, 44, 255));
            if (byte == p.cursor) {
                draw->AddRectFilled(h, ImVec2(h.x + 2 * w, top + row - 1), colour::selected);
                draw->AddRectFilled(a, ImVec2(a.x + w, top + row - 1), colour::selected);
            }
            char hexes[4], letter[2] = {(char)(value >= 32 && value < 127 ? value : '.'), 0};
            snprintf(hexes, sizeof hexes, there ? "%02x" : "--", value);
            if (byte == p.cursor && !p.high)
                snprintf(hexes, sizeof hexes, "%x_", p.pending >> 4);
            ImU32 ink = !there || !value ? IM_COL32(86, 94, 110, 255) : colour::text;
            draw->AddText(h, ink, hexes);
            draw->AddText(a, letter[0] == '.' ? IM_COL32(86, 94, 110, 255) : colour::good,
                          there ? letter : " ");
        }
    }
}

static void draw_hint(ImVec2 at, const char *hint)
{
    ImDrawList *draw = ImGui::GetWindowDrawList();
    ImVec2 size = ImGui::CalcTextSize(hint);
    draw->AddRectFilled(ImVec2(at.x, at.y - 4), ImVec2(at.x + size.x, at.y + size.y + 4),
                        colour::stripe, 4);
    draw->AddText(at, colour::text, hint);
}

void panel_memory(Ui &ui)
{
    MemoryPanel &p = ui.memory;
    toolbar(ui);
    if (!p.placed) {
        p.base = p.cursor = ui.v->cpu.segment[VIEW_DS].base;
        p.placed = true;
    }
    if (p.follow >= 0) {
        p.cursor = pointed_at(ui.v->cpu, p.follow);
        p.base = p.cursor & ~UINT64_C(15);
        p.physical = false;
    }
    ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    float row = ImGui::GetTextLineHeight() + 1, w = ui.character;
    float hex = (p.physical ? 10.5f : 9.5f) * w, ascii = hex + 49.5f * w;
    int rows = std::clamp((int)(room.y / row), 1, VIEW_BYTES / 16);
    ui.r->memory_base = p.base;
    ui.r->memory_len = (uint32_t)(16 * rows);
    ui.r->memory_physical = p.physical;
    ImGui::PushAllowKeyboardFocus(false);
    ImGui::InvisibleButton("memory", ImVec2(std::max(room.x, 1.0f), (float)rows * row),
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
    ImGui::PopAllowKeyboardFocus();
    ImVec2 mouse = ImGui::GetIO().MousePos;
    if (ImGui::IsItemHovered() && ImGui::GetIO().MouseWheel != 0)
        p.base -= (uint64_t)((int64_t)(3 * ImGui::GetIO().MouseWheel) * 16);
    bool left = ImGui::IsItemClicked(ImGuiMouseButton_Left);
    bool right = ImGui::IsItemClicked(ImGuiMouseButton_Right);
    if (left || right) {
        int y = (int)((mouse.y - at.y) / row);
        float x = mouse.x - at.x;
        int column = x >= ascii ? (int)((x - ascii) / w)
                                : (int)((x - hex - (x > hex + 24.5f * w ? w : 0)) / (3 * w));
        p.cursor = p.base + 16 * (uint64_t)y + (uint64_t)std::clamp(column, 0, 15);
        p.high = true;
        ui.focus = PANEL_MEMORY;
    }
    if (right)
        ImGui::OpenPopup("byte");
    byte_menu(ui);
    if (ui.focus == PANEL_MEMORY && !ui.menu_active && !ImGui::GetIO().WantTextInput &&
        !ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup))
        keyboard(ui, rows);
    draw_rows(ui, at, rows, row, hex, ascii);
    if (!ui.v->memory.pages_valid && ui.v->memory.base == p.base)
        draw_hint(ImVec2(at.x + hex + 3 * w, at.y + 3 * row),
                  p.physical ? " no memory here: Ctrl+G goes elsewhere "
                             : " not mapped now: Ctrl+G goes elsewhere, e.g. ss:esp ");
}
