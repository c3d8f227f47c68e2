/* frontend/debugger/panel_code.cpp: disassembly. Each row is
 *
 *     (breakpoint) (jump arrows) address  bytes  mnemonic operands   ; values
 *
 * Rows are drawn by hand: a fixed grid, so that nothing moves when something changes. */
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

#define BEFORE 192 /* bytes asked for before the first row, to scroll up over */

static ImU32 ink_of(LineKind kind)
{
    switch (kind) {
    case LineKind::jump:
    case LineKind::branch:
        return colour::jump;
    case LineKind::call:
    case LineKind::back:
        return colour::good;
    case LineKind::system:
        return colour::system;
    case LineKind::bad:
        return colour::dim;
    default:
        return colour::text;
    }
}

/* --- Which rows ------------------------------------------------------------------------------- */

static bool in_code(const Ui &ui, uint32_t from, uint32_t len)
{
    const view_bytes &b = ui.v->code;
    uint32_t at = from - (uint32_t)b.base;
    return at < b.len && at + len <= b.len;
}

/* Moves the first row by whole instructions, once the bytes for that are there. */
static void scroll(Ui &ui)
{
    CodePanel &p = ui.code;
    const view_bytes &b = ui.v->code;
    if (!p.scroll || !in_code(ui, p.top - BEFORE, BEFORE + 64))
        return;
    for (; p.scroll < 0; p.scroll++) {
        uint32_t before = line_before(b, p.top, ui.v->cpu.code32);
        if (!in_code(ui, before, 1) || !view_valid(&b, before - (uint32_t)b.base))
            break;
        p.top = before;
    }
    if (p.scroll > 0) {
        auto lines = disassemble(b, p.top, (unsigned)p.scroll + 1, ui.v->cpu.code32,
                                 ui.v->cpu.segment[VIEW_CS].base);
        if (!lines.empty())
            p.top = lines.back().address;
    }
    p.scroll = 0;
}

/* A new stop: the next instruction is brought into view. */
static void follow(Ui &ui, int rows)
{
    CodePanel &p = ui.code;
    uint32_t pc = ui.v->cpu.pc;
    /* The guest runs and has unmapped what was shown: there is more to see where it is. */
    if (!ui.stopped() && !p.lines.empty() && p.lines[0].mnemonic == "??" &&
        p.lines[0].address == p.top)
        p.placed = false;
    if (!p.placed || (ui.stopped() && p.followed != ui.v->stops)) {
        p.followed = ui.v->stops;
        p.selected = pc;
        p.placed = true;
        bool seen = false;
        for (int n = 0; n < (int)p.lines.size() && n < rows - 3; n++)
            seen |= p.lines[(size_t)n].address == pc;
        if (!seen) {
            p.top = pc;
            p.scroll = -(rows / 4);
        }
    }
}

static void refresh(Ui &ui, unsigned rows)
{
    CodePanel &p = ui.code;
    const view_bytes &b = ui.v->code;
    if (!in_code(ui, p.top, 1))
        return;
    size_t from = p.top - (uint32_t)b.base, len = b.len - from;
    std::vector<uint32_t> starts = {ui.v->cpu.pc, p.selected};
    for (unsigned n = 0; n < ui.v->break_count; n++) {
        if (ui.v->breaks[n].kind == VIEW_BREAK_AT && ui.v->breaks[n].is_linear)
            starts.push_back(ui.v->breaks[n].address);
    }
    if (!ui.stopped())
        starts[0] = p.selected;
    bool same = starts == p.starts && p.bytes_base == p.top && p.bytes.size() == len &&
                p.bytes32 == ui.v->cpu.code32 && p.lines.size() >= rows &&
                memcmp(p.bytes.data(), b.data + from, len) == 0;
    if (same)
        return;
    p.bytes.assign(b.data + from, b.data + from + len);
    p.starts = starts;
    p.bytes_base = p.top;
    p.bytes32 = ui.v->cpu.code32;
    p.lines = disassemble(b, p.top, rows, p.bytes32, ui.v->cpu.segment[VIEW_CS].base, starts);
}

/* --- Values ----------------------------------------------------------------------------------- */

static uint32_t effective(const view_cpu &cpu, const Operand &m)
{
    uint64_t at = (uint64_t)m.displacement;
    if (m.base >= 0)
        at += cpu.gpr[m.base];
    if (m.index >= 0)
        at += (uint64_t)cpu.gpr[m.index] * (unsigned)m.scale;
    return (uint32_t)at & (m.wide ? UINT32_MAX : 0xFFFFu);
}

static void add_value(std::string &out, const char *name, uint64_t value, unsigned digits)
{
    char item[64];
    snprintf(item, sizeof item, "%s%s=%0*" PRIx64, out.empty() ? "" : "  ", name, (int)digits,
             value);
    out += item;
}

/* What the operands of the next instruction hold. Memory comes with the next look. */
static std::string values(Ui &ui, const Line &line)
{
    static const char *const names[2][8] = {
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"}};
    const view_cpu &cpu = ui.v->cpu;
    std::string out;
    for (int n = 0; n < 8; n++) {
        if (line.registers >> n & 1)
            add_value(out, names[cpu.code32 || cpu.gpr[n] > 0xFFFF][n], cpu.gpr[n],
                      cpu.code32 || cpu.gpr[n] > 0xFFFF ? 8 : 4);
    }
    for (const Operand &m : line.memory) {
        uint32_t offset = effective(cpu, m), at = cpu.segment[m.segment].base + offset;
        unsigned size = m.size < 8 ? m.size : 8;
        if (m.is_lea || !size)
            continue;
        if (ui.r->peek_count < VIEW_PEEKS) {
            view_peek &want = ui.r->peek[ui.r->peek_count++];
            want.address = at;
            want.len = (uint8_t)size;
        }
        char name[24];
        snprintf(name, sizeof name, "[%08x]", at);
        for (const view_peek &have : ui.v->peek) {
            uint64_t value = 0;
            if (have.address != at || have.len != size)
                continue;
            memcpy(&value, have.data, size);
            add_value(out, name, value, 2 * size);
            break;
        }
    }
    return out;
}

/* Will the branch be taken? By EFLAGS, for conditions that depend on them. */
static const char *verdict(const view_cpu &cpu, const Line &line)
{
    if (line.kind != LineKind::branch || line.mnemonic.size() < 2 || line.mnemonic[0] != 'j' ||
        line.mnemonic.find("cx") != std::string::npos)
        return "";
    uint32_t f = cpu.eflags;
    bool c = f & 1, p = f & 4, z = f & 0x40, s = f & 0x80, o = f & 0x800;
    std::string n = line.mnemonic.substr(1);
    bool negate = n[0] == 'n' && n.size() > 1;
    if (negate)
        n = n.substr(1);
    bool yes = n == "o"    ? o
               : n == "b"  ? c
               : n == "ae" ? !c
               : n == "e"  ? z
               : n == "be" ? c || z
               : n == "a"  ? !c && !z
               : n == "s"  ? s
               : n == "p"  ? p
               : n == "l"  ? s != o
               : n == "ge" ? s == o
               : n == "le" ? z || s != o
                           : !z && s == o;
    return yes != negate ? "taken" : "not taken";
}

/* --- Drawing ---------------------------------------------------------------------------------- */

struct Grid {
    ImDrawList *draw;
    ImVec2 at;
    float row, character, width;
    int rows;
    float arrows, address, bytes, code, notes; /* columns, pixels from at.x */
};

static Grid grid_of(Ui &ui)
{
    Grid g{};
    g.draw = ImGui::GetWindowDrawList();
    g.at = ImGui::GetCursorScreenPos();
    ImVec2 room = ImGui::GetContentRegionAvail();
    g.row = ImGui::GetTextLineHeight() + 2;
    g.character = ui.character;
    g.width = room.x;
    g.rows = (int)(room.y / g.row);
    if (g.rows < 1)
        g.rows = 1;
    if (g.rows > 200)
        g.rows = 200;
    bool bytes = g.width > 74 * g.character;
    g.arrows = 3.4f * g.character;
    g.address = g.arrows + 4.2f * g.character;
    g.bytes = g.address + 10.5f * g.character;
    g.code = g.bytes + (bytes ? 21 * g.character : 0);
    g.notes = g.code + 38 * g.character;
    return g;
}

static void draw_marker(const Grid &g, Ui &ui, float y, uint32_t address)
{
    ImVec2 middle(g.at.x + 0.8f * g.character, y + g.row / 2);
    float size = g.row * 0.32f;
    const view_break *b = ui.break_at(address);
    if (b && b->enabled)
        g.draw->AddCircleFilled(middle, size, colour::breakpoint);
    else if (b)
        g.draw->AddCircle(middle, size, colour::breakpoint);
    if (address == ui.v->cpu.pc) {
        middle.x += 1.6f * g.character;
        ImVec2 tip(middle.x + size * 1.1f, middle.y);
        g.draw->AddTriangleFilled(ImVec2(middle.x - size * 0.7f, middle.y - size),
                                  ImVec2(middle.x - size * 0.7f, middle.y + size), tip,
                                  ui.stopped() ? IM_COL32(255, 220, 90, 255) : colour::good);
    }
}

static float w_of(const Grid &g, const std::string &s)
{
    return g.character * (float)(s.size() + 2);
}

/* "; main:" where a function begins, or the source line. */
static void draw_label(const Grid &g, Ui &ui, float y, const Line &line, float x, bool is_next)
{
    const view_name *name = ui.name(line.address);
    if (!name || is_next)
        return;
    bool begins = !strchr(name->text, '+');
    char label[100];
    snprintf(label, sizeof label, "%s%s%s", begins ? name->text : "", begins ? ":  " : "",
             name->line);
    g.draw->AddText(ImVec2(g.at.x + x, y + 1), begins ? colour::symbol : colour::dim, label);
}

/* Zeros: memory that nobody has filled, not code. */
static bool is_filler(const view_bytes &b, const Line &line)
{
    uint32_t from = line.address - (uint32_t)b.base;
    for (unsigned i = 0; i < line.length; i++) {
        if (b.data[(from + i) % VIEW_BYTES])
            return false;
    }
    return true;
}

static void draw_row(const Grid &g, Ui &ui, int n, const Line &line)
{
    float y = g.at.y + (float)n * g.row;
    bool is_next = line.address == ui.v->cpu.pc && ui.stopped();
    ImVec2 low(g.at.x, y), high(g.at.x + g.width, y + g.row);
    if (is_next)
        g.draw->AddRectFilled(low, high, colour::current);
    if (line.address == ui.code.selected)
        g.draw->AddRect(low, high, IM_COL32(96, 116, 168, 255));
    draw_marker(g, ui, y, line.address);
    auto put = [&](float x, ImU32 ink, const char *s) {
        g.draw->AddText(ImVec2(g.at.x + x, y + 1), ink, s);
    };
    put(g.address, colour::address, code_address(ui.v->cpu, line.address).c_str());
    if (g.code > g.bytes) {
        char hex[24] = "";
        const view_bytes &b = ui.v->code;
        uint32_t from = line.address - (uint32_t)b.base;
        for (unsigned i = 0; i < line.length && i < 6 && line.mnemonic != "??"; i++)
            snprintf(hex + 3 * i, sizeof hex - 3 * i, "%02x ", b.data[(from + i) % VIEW_BYTES]);
        put(g.bytes, colour::dim, hex);
        if (line.length > 6)
            put(g.bytes + 18 * g.character, colour::dim, "…");
    }
    bool filler = is_filler(ui.v->code, line) && !is_next;
    put(g.code, filler ? colour::dim : ink_of(line.kind), line.mnemonic.c_str());
    float operands = g.code + std::max(7.0f, (float)line.mnemonic.size() + 1) * g.character;
    ImU32 ink = line.kind == LineKind::bad || filler ? colour::dim : colour::text;
    float after = operands + w_of(g, line.operands);
    const view_name *target = line.has_target ? ui.name(line.target) : nullptr;
    if (target)
        put(operands, colour::symbol, target->text);
    else if (line.has_target)
        put(operands, colour::address, code_address(ui.v->cpu, line.target).c_str());
    else
        put(operands, ink, line.operands.c_str());
    draw_label(g, ui, y, line, std::max(g.notes, after), is_next);
    if (!is_next)
        return;
    std::string note = values(ui, line);
    const char *taken = verdict(ui.v->cpu, line);
    note += note.empty() || !*taken ? "" : "  ";
    note += taken;
    float end = operands + g.character * (float)(line.operands.size() + 2);
    float room = g.width - g.character * (float)note.size();
    put(std::max(end, std::min(g.notes, room)), colour::symbol, note.c_str());
}

/* Arrows from jumps to targets that are on the screen (or over its edge), nested by lanes. */
static void draw_arrows(const Grid &g, Ui &ui)
{
    const auto &lines = ui.code.lines;
    int count = std::min((int)lines.size(), g.rows);
    std::vector<int> lane((size_t)count, 0);
    for (int n = 0; n < count; n++) {
        const Line &line = lines[(size_t)n];
        if (!line.has_target || line.kind == LineKind::call)
            continue;
        int to = -1;
        for (int m = 0; m < count; m++) {
            if (lines[(size_t)m].address == line.target)
                to = m;
        }
        if (to < 0)
            continue;
        int low = std::min(n, to), high = std::max(n, to), deep = 0;
        for (int m = low; m <= high; m++)
            deep = std::max(deep, lane[(size_t)m]);
        if (deep >= 4)
            continue;
        for (int m = low; m <= high; m++)
            lane[(size_t)m] = deep + 1;
        float right = g.at.x + g.address - 4, x = right - 7 - 7 * (float)deep;
        float y0 = g.at.y + ((float)n + 0.5f) * g.row, y1 = g.at.y + ((float)to + 0.5f) * g.row;
        bool hot = line.address == ui.code.selected || line.address == ui.v->cpu.pc;
        ImU32 ink = hot ? colour::jump : IM_COL32(120, 108, 76, 255);
        g.draw->AddLine(ImVec2(right, y0), ImVec2(x, y0), ink);
        g.draw->AddLine(ImVec2(x, y0), ImVec2(x, y1), ink);
        g.draw->AddLine(ImVec2(x, y1), ImVec2(right - 3, y1), ink);
        g.draw->AddTriangleFilled(ImVec2(right + 1, y1), ImVec2(right - 5, y1 - 4),
                                  ImVec2(right - 5, y1 + 4), ink);
    }
}

/* --- Keyboard and mouse ----------------------------------------------------------------------- */

static void go_back(Ui &ui)
{
    CodePanel &p = ui.code;
    if (p.back.empty())
        return;
    uint32_t to = p.back.back();
    p.back.pop_back();
    p.top = p.selected = to;
    p.scroll = -4;
}

static void follow_line(Ui &ui)
{
    for (const Line &line : ui.code.lines) {
        if (line.address == ui.code.selected && line.has_target)
            ui.go_code(uint32_t(line.target));
    }
}

static void move(Ui &ui, int by, int rows)
{
    CodePanel &p = ui.code;
    int at = -1, count = std::min((int)p.lines.size(), rows);
    for (int n = 0; n < count; n++) {
        if (p.lines[(size_t)n].address == p.selected)
            at = n;
    }
    int to = at < 0 ? 0 : at + by;
    if (to < 0 || to >= count) {
        p.scroll += to < 0 ? to : to - count + 1;
        to = std::clamp(to, 0, count - 1);
    }
    if (to >= 0 && to < count)
        p.selected = p.lines[(size_t)to].address;
}

static void keyboard(Ui &ui, int rows)
{
    auto pressed = [](ImGuiKey key) { return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key)); };
    if (pressed(ImGuiKey_DownArrow))
        move(ui, 1, rows);
    if (pressed(ImGuiKey_UpArrow))
        move(ui, -1, rows);
    if (pressed(ImGuiKey_PageDown))
        ui.code.scroll += rows - 2;
    if (pressed(ImGuiKey_PageUp))
        ui.code.scroll -= rows - 2;
    if (pressed(ImGuiKey_Enter))
        follow_line(ui);
    if (pressed(ImGuiKey_Backspace))
        go_back(ui);
    if (pressed(ImGuiKey_Home)) {
        ui.code.top = ui.code.selected = ui.v->cpu.pc;
        ui.code.scroll = -rows / 4;
    }
}

static void line_menu(Ui &ui, const Line *line)
{
    if (!ImGui::BeginPopup("line"))
        return;
    uint32_t at = ui.code.selected;
    if (ImGui::MenuItem("Breakpoint", "F9", ui.break_at(at) != nullptr))
        ui.act_at(ACTION_BREAK_TOGGLE, at);
    if (ImGui::MenuItem("Run to here", "F4", false, ui.stopped()))
        ui.act_at(ACTION_RUN_TO, at);
    if (ImGui::MenuItem("Go on from here", nullptr, false, ui.stopped()))
        ui.set_register("eip", &at, sizeof at);
    if (ImGui::MenuItem("Follow", "Enter", false, line && line->has_target))
        follow_line(ui);
    if (ImGui::MenuItem("Back", "Backspace", false, !ui.code.back.empty()))
        go_back(ui);
    if (ImGui::MenuItem("Show as memory"))
        ui.go_memory(at, false);
    ImGui::EndPopup();
}

static void mouse(Ui &ui, const Grid &g)
{
    ImGuiIO &io = ImGui::GetIO();
    int n = (int)((io.MousePos.y - g.at.y) / g.row);
    const Line *line =
        n >= 0 && n < (int)ui.code.lines.size() ? &ui.code.lines[(size_t)n] : nullptr;
    float x = io.MousePos.x - g.at.x;
    if (ImGui::IsItemHovered() && io.MouseWheel != 0)
        ui.code.scroll -= (int)(3 * io.MouseWheel);
    if (ImGui::IsItemHovered() && x < g.arrows)
        ImGui::SetTooltip("click: breakpoint (F9)");
    if (line && ImGui::IsItemClicked(ImGuiMouseButton_Left)) {
        ui.code.selected = line->address;
        if (x < g.arrows)
            ui.act_at(ACTION_BREAK_TOGGLE, line->address);
    }
    if (line && ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(0) && x >= g.address)
        follow_line(ui);
    if (line && ImGui::IsItemClicked(ImGuiMouseButton_Right)) {
        ui.code.selected = line->address;
        ImGui::OpenPopup("line");
    }
    line_menu(ui, line);
}

void panel_code(Ui &ui)
{
    Grid g = grid_of(ui);
    CodePanel &p = ui.code;
    follow(ui, g.rows);
    scroll(ui);
    ui.r->code_base = p.top - BEFORE;
    ui.r->code_len = std::min<uint32_t>(VIEW_BYTES, BEFORE + 15u * (uint32_t)g.rows + 64);
    refresh(ui, (unsigned)g.rows);
    ImGui::PushAllowKeyboardFocus(false);
    ImGui::InvisibleButton("code", ImVec2(g.width, std::max(1.0f, (float)g.rows * g.row)),
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
    ImGui::PopAllowKeyboardFocus();
    for (int n = 0; n < g.rows && n < (int)p.lines.size(); n++)
        draw_row(g, ui, n, p.lines[(size_t)n]);
    draw_arrows(g, ui);
    if (ui.focus == PANEL_CODE && !ui.menu_active && !ImGui::GetIO().WantTextInput &&
        !ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup))
        keyboard(ui, g.rows);
    mouse(ui, g);
}
