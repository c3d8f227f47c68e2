#include "frontend/debugger/layout.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

const PanelInfo panel_table[PANELS] = {
    {PANEL_CODE, "Code", "disassembly, breakpoints", AREA_MAIN, true, panel_code},
    {PANEL_REGISTERS, "Registers", "all registers of the CPU", AREA_RIGHT, true, panel_registers},
    {PANEL_MEMORY, "Memory", "hex and ASCII", AREA_BOTTOM, true, panel_memory},
    {PANEL_STACK, "Stack", "what SS:ESP points at", AREA_CORNER, true, panel_stack},
    {PANEL_BREAKPOINTS, "Breakpoints", "break- and watchpoints", AREA_CORNER, true,
     panel_breakpoints},
    {PANEL_ADDRESS, "Address", "one address through all levels; what is mapped", AREA_MAIN, true,
     panel_address},
    {PANEL_TABLES, "Tables", "GDT, LDT, IDT, TSS", AREA_MAIN, true, panel_tables},
    {PANEL_DEVICES, "Devices", "every device's registers, live", AREA_MAIN, true, panel_devices},
    {PANEL_TRANSLATION, "Translation", "guest code beside the host code made from it", AREA_MAIN,
     true, panel_translation},
    {PANEL_CONSOLE, "Console", "every command as text", AREA_BOTTOM, true, panel_console},
    {PANEL_TIME, "Time", "what fired when; speed", AREA_BOTTOM, true, panel_time},
    {PANEL_DMA, "DMA", "domains, checks, denials", AREA_BOTTOM, true, panel_dma},
    {PANEL_HISTORY, "History", "how it got here", AREA_CORNER, true, panel_history},
};

void layout_default(Layout &l)
{
    l.across = 0.60f;
    l.left = 0.60f;
    l.right = 0.64f;
    bool seen[AREAS] = {};
    for (int n = 0; n < PANELS; n++) {
        const PanelInfo &p = panel_table[n];
        l.place[n] = {p.home, p.open, n};
        if (p.open && !seen[p.home])
            l.front[p.home] = n;
        seen[p.home] |= p.open;
    }
    for (bool &c : l.chosen)
        c = true;
    l.changed = true;
}

/* --- Kept between runs ------------------------------------------------------------------------ */

static std::string state_folder(bool make)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    std::string path;
    if (state && *state == '/')
        path = state;
    else if (home && *home == '/')
        path = std::string(home) + "/.local/state";
    else
        return "";
    path += "/umbra";
    for (size_t at = 1; make && at != std::string::npos;) {
        at = path.find('/', at + 1);
        mkdir(path.substr(0, at).c_str(), 0700);
    }
    return path;
}

static int panel_named(const char *name)
{
    for (int n = 0; n < PANELS; n++) {
        if (strcmp(panel_table[n].name, name) == 0)
            return n;
    }
    return -1;
}

static float part(float v)
{
    return std::clamp(v, 0.15f, 0.9f);
}

/* A line that is not understood is passed over: the file is from another version. */
void layout_load(Layout &l)
{
    layout_default(l);
    l.changed = false;
    FILE *f = fopen((state_folder(false) + "/debugger.ini").c_str(), "r");
    char line[128], name[32];
    int area, open, front, width, height, font;
    float across, left, right;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "borders=%f %f %f", &across, &left, &right) == 3) {
            l.across = part(across);
            l.left = part(left);
            l.right = part(right);
        } else if (sscanf(line, "window=%d %d", &width, &height) == 2) {
            l.width = std::clamp(width, 640, 16384);
            l.height = std::clamp(height, 400, 16384);
        } else if (sscanf(line, "font=%d", &font) == 1) {
            l.font = std::clamp(font, 8, 48);
        } else if (sscanf(line, "panel=%31s area=%d open=%d front=%d", name, &area, &open,
                          &front) == 4) {
            int n = panel_named(name);
            if (n < 0 || area < 0 || area >= AREAS)
                continue;
            l.place[n].area = (Area)area;
            l.place[n].open = open;
            if (front)
                l.front[area] = n;
        }
    }
    if (f)
        fclose(f);
}

void layout_save(const Layout &l)
{
    std::string folder = state_folder(true), path = folder + "/debugger.ini";
    FILE *f = folder.empty() ? nullptr : fopen((path + ".new").c_str(), "w");
    if (!f)
        return;
    fprintf(f, "borders=%.4f %.4f %.4f\nwindow=%d %d\nfont=%d\n", l.across, l.left, l.right,
            l.width, l.height, l.font);
    for (int n = 0; n < PANELS; n++)
        fprintf(f, "panel=%s area=%d open=%d front=%d\n", panel_table[n].name, l.place[n].area,
                l.place[n].open, l.front[l.place[n].area] == n);
    if (fclose(f) == 0)
        rename((path + ".new").c_str(), path.c_str());
}

/* --- Drawing ---------------------------------------------------------------------------------- */

void layout_show(Layout &l, view_panel panel)
{
    Area area = l.place[panel].area;
    l.place[panel].open = true;
    l.front[area] = panel;
    l.chosen[area] = true;
    l.changed = true;
}

static void tab_menu(Layout &l, int n)
{
    static const char *const names[AREAS] = {"top left", "top right", "bottom left",
                                             "bottom right"};
    if (!ImGui::BeginPopupContextItem())
        return;
    for (int a = 0; a < AREAS; a++) {
        char label[32];
        snprintf(label, sizeof label, "Move %s", names[a]);
        if (ImGui::MenuItem(label, nullptr, l.place[n].area == a, l.place[n].area != a)) {
            l.place[n].area = (Area)a;
            layout_show(l, (view_panel)n);
        }
    }
    ImGui::Separator();
    if (ImGui::MenuItem("Close")) {
        l.place[n].open = false;
        l.changed = true;
    }
    ImGui::EndPopup();
}

static void draw_panel(Ui &ui, int n)
{
    ui.shown[n] = true;
    if (ui.take_focus == n) {
        ImGui::SetNextWindowFocus();
        ui.take_focus = PANELS;
    }
    ImGui::BeginChild(panel_table[n].name, ImVec2(0, 0), false,
                      n == PANEL_CODE || n == PANEL_MEMORY ? ImGuiWindowFlags_NoNavInputs
                                                           : ImGuiWindowFlags_None);
    if (ImGui::IsWindowFocused(ImGuiFocusedFlags_ChildWindows))
        ui.focus = (view_panel)n;
    panel_table[n].draw(ui);
    ImGui::EndChild();
}

static void draw_area(Layout &l, Ui &ui, Area area, ImVec2 at, ImVec2 size)
{
    ImGui::SetCursorScreenPos(at);
    ImGui::PushID(area);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(6, 4));
    ImGui::BeginChild("area", size, true, ImGuiWindowFlags_NoScrollbar);
    ImGui::PopStyleVar();
    bool any = false;
    if (ImGui::BeginTabBar("tabs",
                           ImGuiTabBarFlags_Reorderable | ImGuiTabBarFlags_FittingPolicyScroll)) {
        for (int n = 0; n < PANELS; n++) {
            if (!l.place[n].open || l.place[n].area != area)
                continue;
            any = true;
            bool open = true;
            ImGuiTabItemFlags flags = l.chosen[area] && l.front[area] == n
                                          ? ImGuiTabItemFlags_SetSelected
                                          : ImGuiTabItemFlags_None;
            bool front = ImGui::BeginTabItem(panel_table[n].name, &open, flags);
            tab_menu(l, n);
            if (front) {
                if (!l.chosen[area] && l.front[area] != n) {
                    l.front[area] = n;
                    l.changed = true;
                }
                draw_panel(ui, n);
                ImGui::EndTabItem();
            }
            if (!open) {
                l.place[n].open = false;
                l.changed = true;
            }
        }
        ImGui::EndTabBar();
    }
    l.chosen[area] = false;
    if (!any)
        text(colour::dim, "no panel here: see the View menu");
    ImGui::EndChild();
    ImGui::PopID();
}

/* A border that can be dragged: moves *where, a part of length pixels. */
static void border(Layout &l, const char *id, bool upright, ImVec2 at, ImVec2 size, float *where,
                   float length)
{
    ImGui::SetCursorScreenPos(at);
    ImGui::InvisibleButton(id, size);
    bool hot = ImGui::IsItemHovered() || ImGui::IsItemActive();
    if (hot)
        ImGui::SetMouseCursor(upright ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
    if (ImGui::IsItemActive()) {
        ImVec2 moved = ImGui::GetIO().MouseDelta;
        *where = part(*where + (upright ? moved.x : moved.y) / length);
        l.changed = true;
    }
    if (hot)
        ImGui::GetWindowDrawList()->AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y),
                                                  IM_COL32(90, 110, 160, 255));
}

static bool has_panels(const Layout &l, Area area)
{
    for (const PanelPlace &p : l.place) {
        if (p.open && p.area == area)
            return true;
    }
    return false;
}

/* One column: its upper and lower area, or the one that has panels. */
static void draw_column(Layout &l, Ui &ui, Area upper, Area lower, float *where, ImVec2 at,
                        ImVec2 size, const char *id)
{
    const float gap = 5;
    if (!has_panels(l, lower) || !has_panels(l, upper)) {
        draw_area(l, ui, has_panels(l, upper) || !has_panels(l, lower) ? upper : lower, at, size);
        return;
    }
    float height = (size.y - gap) * *where;
    draw_area(l, ui, upper, at, ImVec2(size.x, height));
    border(l, id, false, ImVec2(at.x, at.y + height), ImVec2(size.x, gap), where, size.y);
    draw_area(l, ui, lower, ImVec2(at.x, at.y + height + gap),
              ImVec2(size.x, size.y - height - gap));
}

void layout_draw(Layout &l, Ui &ui, ImVec2 at, ImVec2 size)
{
    const float gap = 5;
    for (int n = 0; n < PANELS; n++) {
        if (ui.bring_up >> n & 1)
            layout_show(l, (view_panel)n);
    }
    ui.bring_up = 0;
    memset(ui.shown, 0, sizeof ui.shown);
    bool right = has_panels(l, AREA_RIGHT) || has_panels(l, AREA_CORNER);
    float width = right ? (size.x - gap) * l.across : size.x;
    draw_column(l, ui, AREA_MAIN, AREA_BOTTOM, &l.left, at, ImVec2(width, size.y), "left");
    if (!right)
        return;
    border(l, "across", true, ImVec2(at.x + width, at.y), ImVec2(gap, size.y), &l.across, size.x);
    draw_column(l, ui, AREA_RIGHT, AREA_CORNER, &l.right, ImVec2(at.x + width + gap, at.y),
                ImVec2(size.x - width - gap, size.y), "right");
}
