/* frontend/debugger/panel_time.cpp: how fast the guest runs, what interrupts it, and what the
 * emulator has to do for it: rates over the last minute, and what fired how often. */
#include <algorithm>
#include <cstdio>

#include "frontend/debugger/ui.h"

#define SAMPLES  240
#define EVERY_NS 250000000u

static uint64_t counter(const view_counters &c, int n)
{
    uint64_t faults = 0;
    for (uint64_t f : c.faults)
        faults += f;
    switch (n) {
    case 0:
        return c.insns;
    case 1:
        return c.interrupts;
    case 2:
        return faults;
    case 3:
        return c.port_reads + c.port_writes;
    case 4:
        return c.tlb_fills + c.window_faults;
    case 5:
        return c.dma_bytes;
    case 6:
        return c.blocks_built + c.units;
    case 7:
        return c.unit_entries;
    default:
        return c.unit_helped;
    }
}

static void make_plots(TimePanel &p)
{
    p.plots = {
        {"instructions", "M/s", 1e-6, colour::good, {}, 0},
        {"interrupts", "/s", 1, colour::address, {}, 0},
        {"faults", "/s", 1, colour::bad, {}, 0},
        {"port accesses", "/s", 1, colour::system, {}, 0},
        {"shadow fills", "/s", 1, colour::heading, {}, 0},
        {"DMA", "KiB/s", 1 / 1024.0, colour::changed, {}, 0},
        {"code made", "/s", 1, colour::symbol, {}, 0},
        {"exits", "/s", 1, colour::text, {}, 0},
        {"interpreter helps", "/s", 1, colour::jump, {}, 0},
    };
}

void time_sample(Ui &ui)
{
    TimePanel &p = ui.time;
    const view_counters &c = ui.v->counters;
    if (p.plots.empty())
        make_plots(p);
    if (!p.host_ns || c.host_ns < p.host_ns) {
        p.host_ns = c.host_ns;
        p.virtual_ns = ui.v->virtual_ns;
        p.slept_ns = c.slept_ns;
        for (int n = 0; n < (int)p.plots.size(); n++)
            p.plots[(size_t)n].last = counter(c, n);
        return;
    }
    uint64_t passed = c.host_ns - p.host_ns;
    if (passed < EVERY_NS)
        return;
    double seconds = (double)passed / 1e9;
    for (int n = 0; n < (int)p.plots.size(); n++) {
        Plot &plot = p.plots[(size_t)n];
        uint64_t now = counter(c, n);
        plot.at[p.next] = (float)((double)(now - plot.last) * plot.scale / seconds);
        plot.last = now;
    }
    p.speed[p.next] = (float)((double)(ui.v->virtual_ns - p.virtual_ns) / (double)passed * 100);
    p.idle[p.next] = (float)((double)(c.slept_ns - p.slept_ns) / (double)passed * 100);
    p.host_ns = c.host_ns;
    p.virtual_ns = ui.v->virtual_ns;
    p.slept_ns = c.slept_ns;
    p.next = (p.next + 1) % SAMPLES;
    p.filled = std::min(p.filled + 1, SAMPLES);
}

static void number_text(double v, char *out, size_t len)
{
    if (v >= 1e6)
        snprintf(out, len, "%.1fM", v / 1e6);
    else if (v >= 1e4)
        snprintf(out, len, "%.0fk", v / 1e3);
    else
        snprintf(out, len, v < 10 && v > 0 ? "%.1f" : "%.0f", v);
}

static void draw_plot(const TimePanel &p, const char *name, const char *unit, ImU32 ink,
                      const float *at, ImVec2 size)
{
    ImVec2 low = ImGui::GetCursorScreenPos(), high(low.x + size.x, low.y + size.y);
    ImDrawList *draw = ImGui::GetWindowDrawList();
    float most = 0, row = ImGui::GetTextLineHeight();
    for (int n = 0; n < SAMPLES; n++)
        most = std::max(most, at[n]);
    draw->AddRectFilled(low, high, IM_COL32(22, 25, 31, 255), 4);
    float top = low.y + row + 4, height = size.y - row - 7, step = size.x / (SAMPLES - 1);
    ImVec2 before{};
    for (int n = 0; n < p.filled && most > 0; n++) {
        int from = (p.next - p.filled + n + SAMPLES) % SAMPLES;
        ImVec2 here(high.x - (float)(p.filled - 1 - n) * step,
                    top + height * (1 - at[from] / most));
        if (n) {
            draw->AddQuadFilled(ImVec2(before.x, top + height), before, here,
                                ImVec2(here.x, top + height), (ink & 0x00FFFFFF) | 0x30000000);
            draw->AddLine(before, here, ink, 1.5f);
        }
        before = here;
    }
    char now[16], peak[16], label[96];
    number_text(p.filled ? at[(p.next + SAMPLES - 1) % SAMPLES] : 0, now, sizeof now);
    number_text(most, peak, sizeof peak);
    draw->PushClipRect(low, high, true);
    draw->AddText(ImVec2(low.x + 6, low.y + 2), colour::dim, name);
    snprintf(label, sizeof label, "%s %s", now, unit);
    float width = ImGui::CalcTextSize(label).x;
    draw->AddText(ImVec2(high.x - width - 6, low.y + 2), ink, label);
    draw->PopClipRect();
    ImGui::Dummy(size);
    tip("%s: %s %s now, at most %s in the last minute", name, now, unit, peak);
}

static void plots(Ui &ui)
{
    TimePanel &p = ui.time;
    float room = ImGui::GetContentRegionAvail().x, high = ImGui::GetContentRegionAvail().y;
    int columns = room > 75 * ui.character ? 3 : 2, count = (int)p.plots.size() + 1;
    if (!ui.v->counters.has_translator)
        count -= 2; /* the last two are the translator's */
    int rows = (count + columns - 1) / columns;
    ImVec2 size((room - 6.0f * (float)(columns - 1)) / (float)columns,
                std::max((high - 4.0f * (float)rows) / (float)rows, 2.4f * ui.row));
    for (int n = 0; n < count; n++) {
        if (n % columns)
            ImGui::SameLine(0, 6);
        if (n == 1) {
            draw_plot(p, "virtual time", "% real", colour::jump, p.speed, size);
            continue;
        }
        const Plot &plot = p.plots[(size_t)(n ? n - 1 : 0)];
        draw_plot(p, plot.name, plot.unit, plot.ink, plot.at, size);
    }
}

static void fired(Ui &ui)
{
    static const char *const kinds[3] = {"interrupt", "exception", "INT"};
    static const ImU32 inks[3] = {colour::good, colour::bad, colour::address};
    const view_history &h = ui.v->history;
    if (!ImGui::BeginTable("fired", 3,
                           ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                               ImGuiTableFlags_ScrollY))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("fired");
    ImGui::TableSetupColumn("vector");
    ImGui::TableSetupColumn("times");
    ImGui::TableHeadersRow();
    for (int kind = 0; kind < 3; kind++) {
        for (int n = 0; n < 256; n++) {
            if (!h.delivered[kind][n])
                continue;
            const char *name = kind == 1 && n < 32 ? h.vector_name[n] : nullptr;
            ImGui::TableNextRow();
            ImGui::TableNextColumn();
            text(inks[kind], "%s", kinds[kind]);
            ImGui::TableNextColumn();
            text(colour::text, name ? "%02x %s" : "%02x", n, name);
            ImGui::TableNextColumn();
            text(colour::text, "%llu", (unsigned long long)h.delivered[kind][n]);
        }
    }
    ImGui::EndTable();
}

void panel_time(Ui &ui)
{
    float right = 26 * ui.character;
    ImGui::BeginChild("plots", ImVec2(ImGui::GetContentRegionAvail().x - right - 6, 0), false);
    plots(ui);
    ImGui::EndChild();
    ImGui::SameLine();
    ImGui::BeginChild("fired", ImVec2(0, 0), false);
    fired(ui);
    ImGui::EndChild();
}
