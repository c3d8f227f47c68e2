/* frontend/debugger/panel_tables.cpp: GDT, LDT, IDT and TSS, decoded as they stand in memory. */
#include <algorithm>
#include <cstdio>

#include "frontend/debugger/ui.h"

static void flags_text(const table_entry &e, char *out, size_t len)
{
    if (e.kind == ENTRY_CODE)
        snprintf(out, len, "%s-bit%s%s%s", e.wide ? "32" : "16", e.writable ? " readable" : "",
                 e.direction ? " conforming" : "", e.accessed ? " accessed" : "");
    else
        snprintf(out, len, "%s-bit%s%s%s%s", e.wide ? "32" : "16", e.writable ? " writable" : "",
                 e.direction ? " expand-down" : "", e.accessed ? " accessed" : "",
                 e.busy ? " busy" : "");
}

static void entry_row(Ui &ui, const view_entry &shown, int table)
{
    const table_entry &e = shown.e;
    bool empty = e.kind == ENTRY_EMPTY;
    char flags[64];
    bool idt = table == VIEW_IDT;
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    unsigned selector = e.index * 8 + (table == VIEW_LDT_TABLE ? 4 : 0);
    uint16_t mask = (uint16_t)~3u;
    bool used = false;
    for (int n = 0; n < VIEW_SEGMENTS && !idt; n++)
        used |= (ui.v->cpu.segment[n].selector & mask) == selector && selector;
    text(used ? colour::changed : colour::address, idt ? "%02x" : "%04x", idt ? e.index : selector);
    if (used)
        tip("a segment register holds it now");
    ImGui::TableNextColumn();
    if (!e.readable) {
        text(colour::bad, "not mapped");
        return;
    }
    text(empty       ? colour::dim
         : e.present ? colour::text
                     : colour::bad,
         "%s%s", shown.kind, e.present || empty ? "" : " (not present)");
    tip("at %08x: %016llx", e.address, (unsigned long long)e.raw);
    if (empty)
        return;
    ImGui::TableNextColumn();
    text(e.dpl == 3 ? colour::good : colour::dim, "%u", e.dpl);
    ImGui::TableNextColumn();
    if (shown.is_gate) {
        text(colour::dim, "%04x:%08x", e.selector, e.offset);
        ImGui::TableNextColumn();
        address_link(ui, shown.target, true);
    } else {
        address_link(ui, e.base, false);
        ImGui::TableNextColumn();
        text(colour::text, "%08x", e.limit);
    }
    ImGui::TableNextColumn();
    flags_text(e, flags, sizeof flags);
    text(colour::dim, "%s", flags);
}

static void entries(Ui &ui)
{
    TablesPanel &p = ui.tables;
    const view_tables &t = ui.v->tables;
    const view_cpu &c = ui.v->cpu;
    bool idt = p.table == VIEW_IDT, ldt = p.table == VIEW_LDT_TABLE;
    ImGui::SameLine(0, 2 * ui.character);
    ImGui::Checkbox("empty too", &p.empty);
    ImGui::SameLine(0, ui.character);
    if (ImGui::GetContentRegionAvail().x < 40 * ui.character)
        ImGui::NewLine();
    text(colour::dim, "base %08x  limit %04x  %u entries",
         idt   ? c.idt_base
         : ldt ? c.segment[VIEW_LDTR].base
               : c.gdt_base,
         idt   ? c.idt_limit
         : ldt ? c.segment[VIEW_LDTR].limit
               : c.gdt_limit,
         t.entries);
    if (t.entries > VIEW_ENTRIES) {
        ImGui::SameLine();
        if (button("<", p.first > 0, "earlier entries"))
            p.first = p.first > VIEW_ENTRIES ? p.first - VIEW_ENTRIES : 0;
        ImGui::SameLine();
        if (button(">", p.first + VIEW_ENTRIES < t.entries, "later entries"))
            p.first += VIEW_ENTRIES;
    }
    if (!t.entries)
        text(colour::dim, "no table is loaded");
    ImGuiTableFlags look = ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_RowBg |
                           ImGuiTableFlags_ScrollY | ImGuiTableFlags_BordersInnerV;
    if (!ImGui::BeginTable("entries", 6, look))
        return;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn(idt ? "vector" : "selector");
    ImGui::TableSetupColumn("kind", 0, 15 * ui.character);
    ImGui::TableSetupColumn("DPL");
    ImGui::TableSetupColumn(idt ? "selector:offset" : "base");
    ImGui::TableSetupColumn(idt ? "leads to" : "limit");
    ImGui::TableSetupColumn("");
    ImGui::TableHeadersRow();
    for (unsigned n = 0; n < t.count; n++) {
        if (t.table != p.table || (t.entry[n].e.kind == ENTRY_EMPTY && !p.empty))
            continue;
        ImGui::PushID((int)n);
        entry_row(ui, t.entry[n], p.table);
        ImGui::PopID();
    }
    ImGui::EndTable();
}

void panel_tables(Ui &ui)
{
    static const char *const names[VIEW_TABLES] = {"GDT", "LDT", "IDT", "TSS"};
    TablesPanel &p = ui.tables;
    for (int n = 0; n < VIEW_TABLES; n++) {
        if (n)
            ImGui::SameLine();
        if (ImGui::RadioButton(names[n], p.table == n)) {
            p.table = n;
            p.first = 0;
        }
    }
    ui.r->table = (uint8_t)p.table;
    ui.r->table_first = p.first;
    if (p.table == VIEW_TSS && ui.v->tables.table == VIEW_TSS)
        text(colour::text, "%s", ui.v->tables.tss);
    else if (p.table != VIEW_TSS)
        entries(ui);
}
