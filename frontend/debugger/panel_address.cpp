/* frontend/debugger/panel_address.cpp: one address through all levels, drawn:
 *
 *     segment + offset -> linear address, its bits -> tables, entry by entry -> guest physical
 *     address -> machine memory or a device; and what the shadow maps hold of it
 *
 * and the table of what is mapped. */
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

static const char *const segment_names[] = {"es", "cs", "ss", "ds", "fs", "gs"};

/* --- Boxes and arrows ------------------------------------------------------------------------- */

struct Box {
    ImDrawList *draw;
    ImVec2 at, size;
    float y, row;

    Box(Ui &ui, ImVec2 where, ImVec2 extent, const char *title, ImU32 edge)
        : draw(ImGui::GetWindowDrawList()), at(where), size(extent), y(where.y + 4), row(ui.row)
    {
        ImVec2 end(at.x + size.x, at.y + size.y);
        draw->AddRectFilled(at, end, IM_COL32(34, 38, 48, 255), 5);
        draw->AddRect(at, end, edge, 5, 0, 1.5f);
        draw->PushClipRect(at, end, true);
        draw->AddText(ImVec2(at.x + 8, y), edge, title);
        y += row + 1;
    }
    ~Box()
    {
        draw->PopClipRect();
    }
    void line(ImU32 ink, const char *format, ...) IM_FMTARGS(3)
    {
        char out[96];
        va_list args;
        va_start(args, format);
        vsnprintf(out, sizeof out, format, args);
        va_end(args);
        draw->AddText(ImVec2(at.x + 8, y), ink, out);
        y += row;
    }
};

static void arrow(ImVec2 from, ImVec2 to, ImU32 ink)
{
    ImDrawList *draw = ImGui::GetWindowDrawList();
    draw->AddLine(from, ImVec2(to.x - 5, to.y), ink, 1.5f);
    draw->AddTriangleFilled(to, ImVec2(to.x - 8, to.y - 5), ImVec2(to.x - 8, to.y + 5), ink);
}

/* --- Segment and linear address --------------------------------------------------------------- */

/* The bits of the linear address, cut where the tables cut them. */
static void ruler(const Ui &ui, ImVec2 at, const view_address &a)
{
    struct Part {
        int high, low;
        const char *name;
    };
    static const Part small[] = {{31, 22, "dir"}, {21, 12, "table"}, {11, 0, "offset"}};
    static const Part large[] = {{31, 22, "dir"}, {21, 0, "offset in 4 MiB page"}};
    static const Part pae[] = {
        {31, 30, "PDPT"}, {29, 21, "dir"}, {20, 12, "table"}, {11, 0, "offset"}};
    static const Part pae_large[] = {
        {31, 30, "PDPT"}, {29, 21, "dir"}, {20, 0, "offset in 2 MiB page"}};
    static const Part none[] = {{31, 0, "no paging: this is the physical address"}};
    static const ImU32 inks[] = {colour::jump, colour::good, colour::address, colour::symbol};
    const Part *parts = !a.paging ? none
                        : a.pae   ? (a.large ? pae_large : pae)
                        : a.large ? large
                                  : small;
    int count = !a.paging ? 1 : a.pae ? (a.large ? 3 : 4) : a.large ? 2 : 3;
    ImDrawList *draw = ImGui::GetWindowDrawList();
    float w = ui.character, x = at.x;
    for (int n = 0; n < count; n++) {
        char bits[36] = "", label[64];
        int used = 0;
        for (int b = parts[n].high; b >= parts[n].low; b--)
            bits[used++] = (char)('0' + (a.linear >> b & 1));
        bits[used] = 0;
        ImU32 ink = inks[a.pae || !a.paging ? n : n + 1];
        float width = (float)used * w;
        draw->AddText(ImVec2(x, at.y), ink, bits);
        draw->AddLine(ImVec2(x, at.y + ui.row), ImVec2(x + width, at.y + ui.row), ink, 2);
        uint32_t value = parts[n].high == 31 && parts[n].low == 0
                             ? a.linear
                             : a.linear >> parts[n].low & ((1u << (used)) - 1);
        snprintf(label, sizeof label, n == count - 1 ? "%s %x" : "%s %u", parts[n].name, value);
        if (used < 4)
            snprintf(label, sizeof label, "%u", value);
        draw->AddText(ImVec2(x, at.y + ui.row + 3), ink, label);
        x += width + w;
    }
}

static float draw_linear(Ui &ui, ImVec2 at, const view_address &a)
{
    const float w = ui.character, height = 3.4f * ui.row + 8;
    float left = 24 * w;
    {
        bool linear = a.segment < 0;
        Box box(ui, at, ImVec2(left, height), linear ? "No segment" : "Segment",
                a.within_limit ? colour::heading : colour::bad);
        if (linear) {
            box.line(colour::dim, "given as a linear");
            box.line(colour::dim, "address");
        } else {
            const view_segment &s = ui.v->cpu.segment[a.segment];
            box.line(colour::text, "%s %04x base %08x", segment_names[a.segment], s.selector,
                     s.base);
            box.line(a.within_limit ? colour::text : colour::bad, "%s %08x %s %08x", "off",
                     a.offset, a.within_limit ? "≤" : ">", s.limit);
        }
    }
    ImVec2 second(at.x + left + 26, at.y);
    arrow(ImVec2(at.x + left, at.y + height / 2), ImVec2(second.x, at.y + height / 2), colour::dim);
    char title[40];
    snprintf(title, sizeof title, "Linear address %08x", a.linear);
    Box box(ui, second, ImVec2(40 * w, height), title, colour::address);
    ruler(ui, ImVec2(second.x + 8, box.y), a);
    return height;
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void rights_of(uint64_t raw, bool leaf, char *out, size_t len)
{
    snprintf(out, len, "%s %s %s%s%s%s", raw & 1 ? "P" : "-", raw & 2 ? "W" : "R",
             raw & 4 ? "U" : "S", raw & 0x20 ? " A" : "", leaf && raw & 0x40 ? " D" : "",
             raw & 0x100 && leaf ? " G" : "");
}

static float draw_levels(Ui &ui, ImVec2 at, const view_address &a)
{
    const float w = ui.character, height = 5.2f * ui.row + 6, gap = a.pae ? 16 : 22;
    float width = (a.pae ? 18 : 22) * w, x = at.x;
    if (!a.paging)
        return 0;
    for (unsigned n = 0; n < a.level_count; n++) {
        const view_level &l = a.level[n];
        bool present = l.raw & 1, last = n + 1 == a.level_count;
        bool leaf = l.leaf;
        char title[40], rights[40];
        snprintf(title, sizeof title, "%s %u", l.name, l.index);
        rights_of(l.raw, leaf, rights, sizeof rights);
        {
            Box box(ui, ImVec2(x, at.y), ImVec2(width, height), title,
                    present ? colour::good : colour::bad);
            if (l.gpa == UINT64_MAX)
                box.line(colour::dim, "in a register");
            else
                box.line(colour::dim, "at %09llx", (unsigned long long)l.gpa);
            box.line(l.reserved ? colour::bad : colour::text, l.bytes == 8 ? "%016llx" : "%08llx",
                     (unsigned long long)l.raw);
            box.line(present ? colour::jump : colour::bad, "%s", present ? rights : "not present");
            if (last && a.large)
                box.line(colour::heading, "%s page", a.pae ? "2 MiB" : "4 MiB");
            else if (present)
                box.line(colour::dim, "→ %09llx", (unsigned long long)l.frame);
        }
        ImVec2 from(x + width, at.y + height / 2);
        x += width + gap;
        if (!last || a.mapped)
            arrow(from, ImVec2(x, from.y), present ? colour::dim : colour::bad);
    }
    Box box(ui, ImVec2(x, at.y), ImVec2((a.pae ? 19 : 21) * w, height),
            a.mapped ? "Allowed" : "Page fault", a.mapped ? colour::address : colour::bad);
    if (!a.mapped) {
        box.line(colour::bad, "an access here");
        box.line(colour::bad, "raises #PF");
        return height;
    }
    box.line(colour::good, "kernel: read%s", a.writable ? ", write" : "");
    box.line(a.user ? colour::good : colour::dim, "user:   %s",
             a.user ? (a.user_writable ? "read, write" : "read") : "nothing");
    box.line(colour::dim, "%s",
             ui.v->cpu.cr0 & 0x10000 ? "WP: kernel obeys W" : "no WP: kernel writes");
    return height;
}

/* --- Physical and machine --------------------------------------------------------------------- */

static float draw_physical(Ui &ui, ImVec2 at, const view_address &a)
{
    const float w = ui.character, height = 4.2f * ui.row + 6, gap = 16;
    float width = 23 * w;
    bool backed = a.machine != UINT64_MAX;
    {
        Box box(ui, at, ImVec2(width, height), "Guest physical (gpa)", colour::symbol);
        box.line(colour::text, "%09llx%s", (unsigned long long)a.gpa, a.a20 ? "" : "  (A20 off)");
        box.line(backed ? colour::good : colour::changed, "%s%s%s", a.region, a.device ? ": " : "",
                 a.device ? a.device : "");
        box.line(colour::dim, "%09llx..%09llx", (unsigned long long)a.region_base,
                 (unsigned long long)(a.region_base + a.region_size - 1));
    }
    ImVec2 second(at.x + width + gap, at.y);
    arrow(ImVec2(at.x + width, at.y + height / 2), ImVec2(second.x, at.y + height / 2),
          colour::dim);
    {
        Box box(ui, second, ImVec2(23 * w, height), "Machine memory",
                backed ? colour::changed : colour::dim);
        if (backed) {
            box.line(colour::text, "offset %09llx", (unsigned long long)a.machine);
            box.line(colour::dim, "%s%s", a.dirty ? "dirty" : "clean",
                     a.has_code ? ", holds code" : "");
            char bytes[32] = "";
            for (unsigned n = 0; n < a.byte_count && n < 7; n++)
                snprintf(bytes + 3 * n, sizeof bytes - 3 * n, "%02x ", a.bytes[n]);
            box.line(colour::text, "%s", bytes);
        } else {
            box.line(colour::dim, "none: %s", a.device ? "the device answers" : "reads as ones");
        }
    }
    ImVec2 third(second.x + 23 * w + gap, at.y);
    Box box(ui, third, ImVec2(25 * w, height), "Shadow of this page", colour::heading);
    static const char *const kinds[3] = {"read", "write", "fetch"};
    static const char *const views[2] = {"user  ", "kernel"};
    for (int v = 0; v < 2; v++) {
        char held[40] = "";
        for (int k = 0; k < 3; k++) {
            if (a.tlb[v][k])
                snprintf(held + strlen(held), sizeof held - strlen(held), " %s", kinds[k]);
        }
        box.line(*held ? colour::good : colour::dim, "%s%s", views[v], *held ? held : " -");
    }
    if (a.watched)
        box.line(colour::changed, "kept out: watched");
    else if (a.has_window)
        box.line(a.in_window ? colour::good : colour::dim, "window %s",
                 !a.in_window        ? "-"
                 : a.window_writable ? "read write"
                                     : "read");
    else
        box.line(colour::dim, "soft TLB only");
    return height;
}

/* --- Toolbar and the map ---------------------------------------------------------------------- */

static void toolbar(Ui &ui)
{
    AddressPanel &p = ui.address;
    const view_cpu &c = ui.v->cpu;
    ImGui::SetNextItemWidth(11 * ui.character);
    if (ImGui::BeginCombo("##segment", p.segment < 0 ? "linear" : segment_names[p.segment])) {
        for (int n = -1; n < 6; n++) {
            if (ImGui::Selectable(n < 0 ? "linear" : segment_names[n], n == p.segment)) {
                p.segment = n;
                p.follows = false;
            }
        }
        ImGui::EndCombo();
    }
    ImGui::SameLine();
    ImGui::SetNextItemWidth(12 * ui.character);
    if (ImGui::InputText("##offset", p.where, sizeof p.where,
                         ImGuiInputTextFlags_CharsHexadecimal)) {
        unsigned long value = 0;
        p.follows = false;
        if (sscanf(p.where, "%lx", &value) == 1)
            p.offset = (uint32_t)value;
    }
    tip("an offset, or a linear address, in hex");
    auto take = [&](const char *label, int segment, uint32_t offset, const char *what) {
        ImGui::SameLine();
        if (!button(label, true, what))
            return;
        p.segment = segment;
        p.offset = offset;
        p.follows = false;
        snprintf(p.where, sizeof p.where, "%x", offset);
    };
    take("cs:eip", VIEW_CS, c.eip, "the next instruction");
    take("ss:esp", VIEW_SS, c.gpr[VIEW_ESP], "the top of the stack");
    take("cr2", -1, c.cr2, "where the last page fault was");
    take("gdt", -1, c.gdt_base, "the descriptor table");
    ImGui::SameLine(0, ui.character);
    if (ImGui::RadioButton("walk", p.tab == 0))
        p.tab = 0;
    ImGui::SameLine(0, ui.character);
    if (ImGui::RadioButton("mapped", p.tab == 1)) {
        p.tab = 1;
        ui.act(ACTION_SCAN_MAP);
    }
    tip("the whole address space: what is mapped where");
    if (p.follows) {
        p.segment = VIEW_CS;
        p.offset = c.eip;
        snprintf(p.where, sizeof p.where, "%x", c.eip);
    }
}

static void size_text(uint64_t size, char *out, size_t len)
{
    if (size >= 1u << 20)
        snprintf(out, len, "%.6g MiB", (double)size / (1 << 20));
    else
        snprintf(out, len, "%llu KiB", (unsigned long long)size >> 10);
}

static void mapped_ranges(Ui &ui)
{
    const view_map &m = ui.v->map;
    if (!ImGui::BeginTable("ranges", 4,
                           ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                               ImGuiTableFlags_ScrollY))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    for (const char *name : {"linear", "size", "guest physical", "rights"})
        ImGui::TableSetupColumn(name);
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < m.range_count; n++) {
        const view_range &r = m.range[n];
        char size[24];
        size_text(r.size, size, sizeof size);
        ImGui::PushID((int)n);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        address_link(ui, (uint32_t)r.gva, false);
        ImGui::TableNextColumn();
        text(colour::text, "%s", size);
        ImGui::TableNextColumn();
        text(colour::dim, "%09llx", (unsigned long long)r.gpa);
        ImGui::TableNextColumn();
        text(r.user ? colour::good : colour::dim, "%s %s%s", r.user ? "user  " : "kernel",
             r.writable ? "rw" : "r-", r.large ? " large" : "");
        ImGui::PopID();
    }
    ImGui::EndTable();
}

static void regions(Ui &ui)
{
    const view_map &m = ui.v->map;
    if (!ImGui::BeginTable("regions", 3,
                           ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                               ImGuiTableFlags_ScrollY))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    for (const char *name : {"guest physical", "size", "what"})
        ImGui::TableSetupColumn(name);
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < m.region_count; n++) {
        const view_region &r = m.region[n];
        char size[24];
        size_text(r.size, size, sizeof size);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        text(colour::address, "%09llx", (unsigned long long)r.base);
        if (ImGui::IsItemClicked())
            ui.go_memory(r.base, true);
        ImGui::TableNextColumn();
        text(colour::text, "%s", size);
        ImGui::TableNextColumn();
        text(r.machine == UINT64_MAX ? colour::changed : colour::good, "%s%s%s", r.kind,
             r.device ? ": " : "", r.device ? r.device : "");
        if (r.machine != UINT64_MAX)
            tip("machine offset %09llx", (unsigned long long)r.machine);
    }
    ImGui::EndTable();
}

static void draw_map(Ui &ui)
{
    if (button("Look again", true, "read the tables as they are now"))
        ui.act(ACTION_SCAN_MAP);
    ImGui::SameLine();
    const view_map &m = ui.v->map;
    text(colour::dim,
         !ui.v->cpu.paging ? "paging is off: linear is physical"
         : m.more          ? "CR3 %08x; too many ranges: the first %d are shown"
                           : "CR3 %08x",
         m.cr3, VIEW_RANGES);
    float width = ImGui::GetContentRegionAvail().x * 0.56f;
    ImGui::BeginChild("mapped", ImVec2(width, 0), false, ImGuiWindowFlags_NavFlattened);
    mapped_ranges(ui);
    ImGui::EndChild();
    ImGui::SameLine();
    ImGui::BeginChild("physical", ImVec2(0, 0), false, ImGuiWindowFlags_NavFlattened);
    regions(ui);
    ImGui::EndChild();
}

void panel_address(Ui &ui)
{
    toolbar(ui);
    ui.r->address_segment = ui.address.segment;
    ui.r->address_offset = ui.address.offset;
    if (ui.address.tab == 1) {
        draw_map(ui);
        return;
    }
    const view_address &a = ui.v->address;
    const float gap = 14;
    ImGui::BeginChild("walk", ImVec2(0, 0), false, ImGuiWindowFlags_HorizontalScrollbar);
    ImVec2 at = ImGui::GetCursorScreenPos();
    float top = at.y;
    at.x += 2;
    at.y += 6;
    at.y += draw_linear(ui, at, a) + gap;
    float levels = draw_levels(ui, at, a);
    at.y += levels ? levels + gap : 0;
    if (a.mapped)
        at.y += draw_physical(ui, at, a) + gap;
    ImGui::Dummy(ImVec2(74 * ui.character, at.y - top));
    const view_counters &n = ui.v->counters;
    text(colour::dim, "soft TLB: %llu fills, %llu flushes, %llu pages flushed",
         (unsigned long long)n.tlb_fills, (unsigned long long)n.tlb_flushes,
         (unsigned long long)n.tlb_page_flushes);
    if (n.has_windows)
        text(colour::dim, "windows:  %llu faults, %llu maps, %llu unmaps, %llu mappings now",
             (unsigned long long)n.window_faults, (unsigned long long)n.window_maps,
             (unsigned long long)n.window_unmaps, (unsigned long long)n.window_mappings);
    ImGui::EndChild();
}
