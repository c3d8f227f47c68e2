/* frontend/debugger/panel_registers.cpp: every register of the CPU. What changed since the stop
 * before is orange; a click on a number edits it, a click on a flag flips it. */
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "frontend/debugger/ui.h"

static ImU32 ink(bool changed)
{
    return changed ? colour::changed : colour::text;
}

/* One editable register in the current line. */
static void value(Ui &ui, const char *name, uint64_t now, uint64_t before, int digits)
{
    uint64_t v = now;
    text(colour::dim, "%-3s", name);
    ImGui::SameLine(0, ui.character);
    if (edit_hex(name, &v, digits, ink(ui.stopped() && now != before)))
        ui.set_register(name, &v, sizeof v);
}

/* --- General ---------------------------------------------------------------------------------- */

static const char *const general[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

static void general_registers(Ui &ui)
{
    static const int order[8] = {VIEW_EAX, VIEW_ESI, VIEW_EBX, VIEW_EDI,
                                 VIEW_ECX, VIEW_EBP, VIEW_EDX, VIEW_ESP};
    const view_cpu &c = ui.v->cpu;
    float second = 21 * ui.character;
    for (int n = 0; n < 8; n++) {
        if (n & 1)
            ImGui::SameLine(second);
        int r = order[n];
        value(ui, general[r], c.gpr[r], ui.before.gpr[r], 8);
    }
    value(ui, "ip", c.eip, ui.before.eip, 8);
    ImGui::SameLine(second);
    text(colour::dim, "at  ");
    ImGui::SameLine(0, 0);
    address_link(ui, c.pc, true);
}

/* --- Bits ------------------------------------------------------------------------------------- */

struct BitName {
    int bit;
    const char *name, *what;
};

static const BitName eflags[] = {
    {11, "OF", "overflow"},
    {10, "DF", "string direction: down"},
    {9, "IF", "interrupts enabled"},
    {8, "TF", "single-step trap"},
    {7, "SF", "sign"},
    {6, "ZF", "zero"},
    {4, "AF", "carry of bit 3"},
    {2, "PF", "even parity"},
    {0, "CF", "carry"},
    {14, "NT", "nested task"},
    {16, "RF", "resume"},
    {17, "VM", "virtual-8086 mode"},
    {18, "AC", "alignment check"},
    {21, "ID", "CPUID can be used"},
};
static const BitName cr0[] = {
    {0, "PE", "protected mode"},
    {31, "PG", "paging"},
    {16, "WP", "write protect for the kernel too"},
    {1, "MP", "WAIT traps with TS"},
    {2, "EM", "no x87: trap"},
    {3, "TS", "task switched: x87 traps"},
    {5, "NE", "x87 errors as #MF"},
    {18, "AM", "alignment check allowed"},
    {30, "CD", "cache off"},
    {29, "NW", "no write-through"},
};
static const BitName cr4[] = {
    {0, "VME", "virtual-8086 extensions"}, {4, "PSE", "4 MiB pages"},
    {5, "PAE", "36-bit tables"},           {7, "PGE", "global pages"},
    {3, "DE", "debug extensions"},         {2, "TSD", "RDTSC in ring 0 only"},
    {9, "OSFXSR", "FXSAVE and SSE used"},  {10, "OSXMM", "#XM used"},
};

/* A row of bits, broken where the panel ends. */
template <size_t N>
static void bits(Ui &ui, const char *reg, const BitName (&table)[N], uint32_t now, uint32_t before)
{
    ImGui::PushID(reg);
    float right = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
    for (size_t n = 0; n < N; n++) {
        const BitName &b = table[n];
        float width = ImGui::CalcTextSize(b.name).x + 6;
        if (n && ImGui::GetItemRectMax().x + 2 + width < right)
            ImGui::SameLine(0, 2);
        if (bit(b.name, now >> b.bit & 1, ui.stopped() && (now ^ before) >> b.bit & 1, b.what)) {
            uint32_t v = now ^ 1u << b.bit;
            ui.set_register(reg, &v, sizeof v);
        }
    }
    ImGui::PopID();
}

static void flags(Ui &ui)
{
    const view_cpu &c = ui.v->cpu;
    value(ui, "eflags", c.eflags, ui.before.eflags, 8);
    ImGui::SameLine(0, 2 * ui.character);
    text(colour::dim, "IOPL");
    ImGui::SameLine(0, ui.character);
    text(ink(ui.stopped() && (c.eflags ^ ui.before.eflags) & 0x3000), "%u", c.eflags >> 12 & 3);
    bits(ui, "eflags", eflags, c.eflags, ui.before.eflags);
}

/* --- Segments --------------------------------------------------------------------------------- */

static void segment_kind(const view_segment &s, char *out, size_t len)
{
    static const char *const system[16] = {
        "-", "TSS16", "LDT", "TSS16b", "call16", "task", "int16", "trap16",
        "-", "TSS32", "-",   "TSS32b", "call32", "-",    "int32", "trap32"};
    unsigned dpl = s.attr >> 5 & 3;
    if (!(s.attr & 0x80))
        snprintf(out, len, "not present");
    else if (!(s.attr & 0x10))
        snprintf(out, len, "%s", system[s.attr & 15]);
    else if (s.attr & 8)
        snprintf(out, len, "code%s %s%s r%u", s.attr & 0x4000 ? "32" : "16",
                 s.attr & 2 ? "rx" : "x", s.attr & 4 ? " conf" : "", dpl);
    else
        snprintf(out, len, "data%s %s%s r%u", s.attr & 0x4000 ? "32" : "16",
                 s.attr & 2 ? "rw" : "r", s.attr & 4 ? " down" : "", dpl);
}

static void segments(Ui &ui)
{
    static const char *const names[VIEW_SEGMENTS] = {"es", "cs", "ss",   "ds",
                                                     "fs", "gs", "ldtr", "tr"};
    static const int order[VIEW_SEGMENTS] = {VIEW_CS, VIEW_SS, VIEW_DS,   VIEW_ES,
                                             VIEW_FS, VIEW_GS, VIEW_LDTR, VIEW_TR};
    const view_cpu &c = ui.v->cpu;
    if (!ImGui::BeginTable("segments", 5, ImGuiTableFlags_SizingFixedFit))
        return;
    for (int n : order) {
        const view_segment &s = c.segment[n], &old = ui.before.segment[n];
        char kind[32];
        uint64_t selector = s.selector;
        segment_kind(s, kind, sizeof kind);
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        text(colour::dim, "%s", names[n]);
        ImGui::TableNextColumn();
        if (edit_hex(names[n], &selector, 4, ink(ui.stopped() && s.selector != old.selector)))
            ui.set_register(names[n], &selector, sizeof selector);
        ImGui::TableNextColumn();
        text(ink(ui.stopped() && s.base != old.base), "%08x", s.base);
        tip("base");
        ImGui::TableNextColumn();
        text(ink(ui.stopped() && s.limit != old.limit), "%08x", s.limit);
        tip("limit: the last offset");
        ImGui::TableNextColumn();
        text(ink(ui.stopped() && s.attr != old.attr), "%s", kind);
        tip("the hidden part, as the CPU holds it: attributes %04x", s.attr);
    }
    ImGui::EndTable();
    text(colour::dim, "gdt %08x  limit %04x", c.gdt_base, c.gdt_limit);
    text(colour::dim, "idt %08x  limit %04x", c.idt_base, c.idt_limit);
}

/* --- x87 and SSE ------------------------------------------------------------------------------ */

/* An 80-bit number; what a double cannot hold is rounded. */
static double number(const uint8_t *b)
{
    uint64_t significand;
    uint16_t se;
    memcpy(&significand, b, 8);
    memcpy(&se, b + 8, 2);
    int exponent = se & 0x7FFF;
    double v = exponent == 0x7FFF ? (significand << 1 ? NAN : INFINITY)
                                  : ldexp((double)significand, exponent - 16383 - 63);
    return se & 0x8000 ? -v : v;
}

static void x87(Ui &ui)
{
    const view_cpu &c = ui.v->cpu;
    unsigned top = c.x87_status >> 11 & 7;
    text(colour::dim, "control %04x  status %04x  top %u", c.x87_control, c.x87_status, top);
    for (unsigned n = 0; n < 8; n++) {
        bool empty = (c.x87_tag >> 2 * ((top + n) & 7) & 3) == 3;
        bool changed = ui.stopped() && memcmp(c.st[n], ui.before.st[n], 10) != 0;
        text(colour::dim, "st%u", n);
        ImGui::SameLine(0, ui.character);
        if (empty)
            text(colour::dim, "empty");
        else
            text(ink(changed), "%.17g", number(c.st[n]));
        if (!empty)
            tip("%02x%02x %02x%02x%02x%02x%02x%02x%02x%02x", c.st[n][9], c.st[n][8], c.st[n][7],
                c.st[n][6], c.st[n][5], c.st[n][4], c.st[n][3], c.st[n][2], c.st[n][1], c.st[n][0]);
    }
}

static void sse(Ui &ui)
{
    const view_cpu &c = ui.v->cpu;
    text(colour::dim, "mxcsr %08x", c.mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        uint32_t d[4];
        float f[4];
        double lf[2];
        memcpy(d, c.xmm[n], 16);
        memcpy(f, c.xmm[n], 16);
        memcpy(lf, c.xmm[n], 16);
        text(colour::dim, "xmm%u", n);
        ImGui::SameLine(0, ui.character);
        text(ink(ui.stopped() && memcmp(c.xmm[n], ui.before.xmm[n], 16) != 0),
             "%08x %08x %08x %08x", d[3], d[2], d[1], d[0]);
        tip("float  %g %g %g %g\ndouble %g %g", f[3], f[2], f[1], f[0], lf[1], lf[0]);
    }
}

/* --- All -------------------------------------------------------------------------------------- */

static void control(Ui &ui)
{
    const view_cpu &c = ui.v->cpu, &b = ui.before;
    float second = 21 * ui.character;
    value(ui, "cr0", c.cr0, b.cr0, 8);
    ImGui::SameLine(second);
    value(ui, "cr2", c.cr2, b.cr2, 8);
    value(ui, "cr3", c.cr3, b.cr3, 8);
    ImGui::SameLine(second);
    value(ui, "cr4", c.cr4, b.cr4, 8);
    bits(ui, "cr0", cr0, c.cr0, b.cr0);
    bits(ui, "cr4", cr4, c.cr4, b.cr4);
}

static void debug_registers(Ui &ui)
{
    static const int order[6] = {0, 1, 2, 3, 6, 7};
    const view_cpu &c = ui.v->cpu;
    for (int n = 0; n < 6; n++) {
        if (n & 1)
            ImGui::SameLine(21 * ui.character);
        text(colour::dim, "dr%d", order[n]);
        ImGui::SameLine(0, ui.character);
        text(ink(ui.stopped() && c.dr[order[n]] != ui.before.dr[order[n]]), "%08x", c.dr[order[n]]);
    }
}

void panel_registers(Ui &ui)
{
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(6, 1));
    heading("General");
    general_registers(ui);
    heading("EFLAGS");
    flags(ui);
    heading("Segments");
    segments(ui);
    heading("Control");
    control(ui);
    heading("Debug");
    debug_registers(ui);
    heading("x87");
    x87(ui);
    if (ui.v->cpu.has_sse) {
        heading("SSE");
        sse(ui);
    }
    ImGui::PopStyleVar();
}
