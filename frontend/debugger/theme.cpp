/* frontend/debugger/theme.cpp: colours, spacing and fonts of the whole window. Those of meaning are
 * in ui.h. */
#include <unistd.h>

#include "frontend/debugger/parts.h"
#include "frontend/debugger/render.h"

void theme_colours()
{
    ImGui::StyleColorsDark();
    ImGuiStyle &s = ImGui::GetStyle();
    s.WindowRounding = s.ChildRounding = 0;
    s.FrameRounding = s.TabRounding = s.PopupRounding = 3;
    s.FramePadding = ImVec2(7, 3);
    s.ItemSpacing = ImVec2(6, 3);
    s.CellPadding = ImVec2(6, 1);
    s.ScrollbarSize = 12;
    s.WindowPadding = ImVec2(6, 6);
    auto set = [&s](ImGuiCol which, ImU32 c) {
        s.Colors[which] = ImGui::ColorConvertU32ToFloat4(c);
    };
    set(ImGuiCol_Text, colour::text);
    set(ImGuiCol_WindowBg, IM_COL32(20, 22, 28, 255));
    set(ImGuiCol_ChildBg, colour::panel);
    set(ImGuiCol_PopupBg, IM_COL32(36, 40, 50, 250));
    set(ImGuiCol_Border, IM_COL32(52, 57, 70, 255));
    set(ImGuiCol_MenuBarBg, IM_COL32(30, 33, 41, 255));
    set(ImGuiCol_FrameBg, IM_COL32(42, 47, 58, 255));
    set(ImGuiCol_Button, IM_COL32(48, 56, 74, 255));
    set(ImGuiCol_ButtonHovered, IM_COL32(66, 80, 112, 255));
    set(ImGuiCol_ButtonActive, IM_COL32(82, 104, 152, 255));
    set(ImGuiCol_Header, colour::selected);
    set(ImGuiCol_HeaderHovered, IM_COL32(62, 76, 108, 255));
    set(ImGuiCol_HeaderActive, IM_COL32(74, 92, 134, 255));
    set(ImGuiCol_Tab, IM_COL32(34, 38, 47, 255));
    set(ImGuiCol_TabHovered, IM_COL32(70, 88, 128, 255));
    set(ImGuiCol_TabActive, IM_COL32(58, 72, 104, 255));
    set(ImGuiCol_TabUnfocused, IM_COL32(34, 38, 47, 255));
    set(ImGuiCol_TabUnfocusedActive, IM_COL32(58, 72, 104, 255));
    set(ImGuiCol_TableRowBgAlt, colour::stripe);
    set(ImGuiCol_TableHeaderBg, IM_COL32(38, 43, 54, 255));
    set(ImGuiCol_TableBorderLight, IM_COL32(44, 48, 60, 255));
    set(ImGuiCol_ScrollbarBg, IM_COL32(24, 27, 33, 255));
    set(ImGuiCol_NavHighlight, IM_COL32(90, 110, 160, 255));
}

/* The first monospaced font that is there; Dear ImGui's own where none is. */
bool theme_fonts(window *w)
{
    static const char *const paths[] = {
        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
        "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
        "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
        "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
        "/usr/share/fonts/truetype/freefont/FreeMono.ttf",
        "/System/Library/Fonts/Menlo.ttc",
    };
    static const ImWchar ranges[] = {0x20,   0x17F,  0x2010, 0x2027, 0x2190, 0x21FF,
                                     0x2260, 0x226F, 0x2500, 0x25FF, 0};
    ImFontAtlas *atlas = ImGui::GetIO().Fonts;
    atlas->Clear();
    bool found = false;
    for (const char *path : paths) {
        if (access(path, R_OK) == 0 &&
            atlas->AddFontFromFileTTF(path, (float)w->layout.font, nullptr, ranges)) {
            found = true;
            break;
        }
    }
    if (!found) {
        ImFontConfig config;
        config.SizePixels = (float)(w->layout.font < 20 ? 13 : 26);
        atlas->AddFontDefault(&config);
    }
    if (w->fonts)
        SDL_DestroyTexture(w->fonts);
    w->fonts = render_fonts(w->renderer);
    w->font_pixels = w->layout.font;
    return w->fonts != nullptr;
}
