/* frontend/debugger/panel_history.cpp: how did it get here: the last interrupts, exceptions and
 * mode changes, the latest first. */
#include <cstdio>

#include "frontend/debugger/ui.h"

static void mode_change(const view_event &e, char *out, size_t len)
{
    auto name = [](unsigned mode) {
        return !(mode & 1) ? "real" : mode & 2 ? "V86" : mode & 4 ? "32-bit" : "16-bit";
    };
    auto paging = [](unsigned mode) { return mode & 8 ? "+paging" : ""; };
    unsigned from = e.detail >> 8 & 255, to = e.detail & 255;
    snprintf(out, len, "%s%s → %s%s", name(from), paging(from), name(to), paging(to));
}

static ImU32 describe(const Ui &ui, const view_event &e, char *out, size_t len)
{
    const char *name = e.vector < 32 ? ui.v->history.vector_name[e.vector] : nullptr;
    switch (e.kind) {
    case VIEW_HISTORY_INTERRUPT:
        snprintf(out, len, "interrupt %02x", e.vector);
        return colour::good;
    case VIEW_HISTORY_EXCEPTION:
        if (e.vector == 14)
            snprintf(out, len, "#PF at %08x, error %x", e.cr2, e.detail);
        else
            snprintf(out, len, "%s, error %x", name ? name : "exception", e.detail);
        return colour::bad;
    case VIEW_HISTORY_SOFTWARE:
        snprintf(out, len, "INT %02x", e.vector);
        return colour::address;
    case VIEW_HISTORY_MODE:
        mode_change(e, out, len);
        return colour::heading;
    case VIEW_HISTORY_RESET:
        snprintf(out, len, "reset");
        return colour::changed;
    default:
        snprintf(out, len, "block");
        return colour::dim;
    }
}

/* Where it was, as far as it can be known without the segment's base: 32-bit segments are taken as
 * flat. */
static uint32_t linear(const view_event &e, uint16_t cs, uint32_t eip)
{
    bool flat = (e.mode & 1) && !(e.mode & 2);
    return flat ? eip : ((uint32_t)cs << 4) + eip;
}

void panel_history(Ui &ui)
{
    const view_history &h = ui.v->history;
    ImGuiTableFlags look =
        ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg | ImGuiTableFlags_ScrollY;
    if (!ImGui::BeginTable("history", 3, look))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("insns ago");
    ImGui::TableSetupColumn("what", 0, 20 * ui.character);
    ImGui::TableSetupColumn("at");
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < h.count; n++) {
        const view_event &e = h.event[n];
        char what[64];
        ImU32 ink = describe(ui, e, what, sizeof what);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        text(colour::dim, "%llu", (unsigned long long)(ui.v->insns - e.insns));
        ImGui::TableNextColumn();
        text(ink, "%s", what);
        if (e.kind == VIEW_HISTORY_EXCEPTION && e.vector < 32 && h.vector_title[e.vector])
            tip("%s", h.vector_title[e.vector]);
        ImGui::TableNextColumn();
        ImGui::PushID((int)n);
        text(colour::dim, "%04x:", e.from_cs);
        tip("it went on at %04x:%08x", e.to_cs, e.to_eip);
        ImGui::SameLine(0, 0);
        address_link(ui, linear(e, e.from_cs, e.from_eip), true);
        ImGui::PopID();
    }
    ImGui::EndTable();
}
