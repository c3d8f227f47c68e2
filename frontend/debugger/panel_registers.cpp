/* frontend/debugger/panel_registers.cpp: every register of the CPU. What changed since the stop
 * before is orange; a click on a number edits it, a click on a flag flips it. */
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frontend/debugger/ui.h"

static ImU32 ink(bool changed)
{
    return changed ? colour::changed : colour::text;
}

/* An editable register with a label of its own. */
static void labelled(Ui &ui, const char *label, const char *name, uint64_t now, uint64_t before,
                     int digits)
{
    uint64_t v = now;
    text(colour::dim, "%-3s", label);
    ImGui::SameLine(0, ui.character);
    if (edit_hex(name, &v, digits, ink(ui.stopped() && now != before)))
        ui.set_register(name, &v, sizeof v);
}

/* One editable register in the current line. */
static void value(Ui &ui, const char *name, uint64_t now, uint64_t before, int digits)
{
    labelled(ui, name, name, now, before, digits);
}

/* Four registers of eight digits side by side, or two. */
static int columns(const Ui &ui)
{
    return ImGui::GetContentRegionAvail().x >= 59 * ui.character ? 4 : 2;
}

/* The next one goes to column n. */
static void place(const Ui &ui, int n, int count)
{
    if (n % count)
        ImGui::SameLine(15.5f * ui.character * (float)(n % count) * (count == 2 ? 1.35f : 1));
}

/* --- General ---------------------------------------------------------------------------------- */

static const char *const general[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

static void general_registers(Ui &ui)
{
    static const int orders[2][8] = {
        {VIEW_EAX, VIEW_ESI, VIEW_EBX, VIEW_EDI, VIEW_ECX, VIEW_EBP, VIEW_EDX, VIEW_ESP},
        {VIEW_EAX, VIEW_EBX, VIEW_ECX, VIEW_EDX, VIEW_ESI, VIEW_EDI, VIEW_EBP, VIEW_ESP}};
    const view_cpu &c = ui.v->cpu;
    int count = columns(ui);
    for (int n = 0; n < 8; n++) {
        place(ui, n, count);
        int r = orders[count == 4][n];
        value(ui, general[r], c.gpr[r], ui.before.gpr[r], 8);
    }
    value(ui, "ip", c.eip, ui.before.eip, 8);
    place(ui, 1, count);
    text(colour::dim, "at  ");
    ImGui::SameLine(0, 0);
    address_link(ui, c.pc, true);
    if (const view_name *name = ui.name(c.pc)) {
        ImGui::SameLine(0, ui.character);
        text(colour::symbol, "%s", name->text);
    }
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
        "-", "TSS16", "LDT", "TSS16 busy", "call16", "task", "int16", "trap16",
        "-", "TSS32", "-",   "TSS32 busy", "call32", "-",    "int32", "trap32"};
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
    const view_cpu &old = ui.before;
    labelled(ui, "gdt", "gdt_base", c.gdt_base, old.gdt_base, 8);
    ImGui::SameLine(0, ui.character);
    labelled(ui, "limit", "gdt_limit", c.gdt_limit, old.gdt_limit, 4);
    if (columns(ui) == 4)
        ImGui::SameLine(31 * ui.character);
    labelled(ui, "idt", "idt_base", c.idt_base, old.idt_base, 8);
    ImGui::SameLine(0, ui.character);
    labelled(ui, "limit", "idt_limit", c.idt_limit, old.idt_limit, 4);
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

/* The other way. */
static void encode(double v, uint8_t out[10])
{
    int exponent = 0;
    double part = frexp(fabs(v), &exponent);
    uint64_t significand = v == 0 ? 0 : (uint64_t)ldexp(part, 64);
    uint16_t se = (uint16_t)(v == 0 ? 0 : exponent - 1 + 16383);
    if (std::isnan(v) || std::isinf(v)) {
        significand = std::isnan(v) ? UINT64_C(3) << 62 : UINT64_C(1) << 63;
        se = 0x7FFF;
    }
    se |= std::signbit(v) ? 0x8000 : 0;
    memcpy(out, &significand, 8);
    memcpy(out + 8, &se, 2);
}

/* What the user wrote for an x87 register: a number, or 0x and all its 20 digits. */
static bool parse_number(const char *text, uint8_t out[10])
{
    unsigned long long significand;
    unsigned se;
    int used = 0;
    char *end;
    if (sscanf(text, " 0x%4x%16llx%n", &se, &significand, &used) == 2 && used >= 22 &&
        !text[used]) {
        uint16_t high = (uint16_t)se;
        memcpy(out, &significand, 8);
        memcpy(out + 8, &high, 2);
        return true;
    }
    double v = strtod(text, &end);
    if (end == text || *end)
        return false;
    encode(v, out);
    return true;
}

static void x87_register(Ui &ui, unsigned n)
{
    const uint8_t *st = ui.v->cpu.st[n];
    bool changed = ui.stopped() && memcmp(st, ui.before.st[n], 10) != 0;
    char name[8], number_text[40];
    uint8_t now[16] = {};
    snprintf(name, sizeof name, "st%u", n);
    snprintf(number_text, sizeof number_text, "%.17g", number(st));
    if (edit_text(name, number_text, sizeof number_text, 26, ink(changed))) {
        if (parse_number(number_text, now))
            ui.set_register(name, now, sizeof now);
        else
            ui.say("a number like 3.25, or 0x and 20 digits");
    }
    tip("%02x%02x %02x%02x%02x%02x%02x%02x%02x%02x\nEnter another number, or 0x and 20 digits",
        st[9], st[8], st[7], st[6], st[5], st[4], st[3], st[2], st[1], st[0]);
}

static void x87(Ui &ui)
{
    const view_cpu &c = ui.v->cpu, &old = ui.before;
    unsigned top = c.x87_status >> 11 & 7;
    labelled(ui, "control", "fctrl", c.x87_control, old.x87_control, 4);
    ImGui::SameLine(0, ui.character);
    labelled(ui, "status", "fstat", c.x87_status, old.x87_status, 4);
    ImGui::SameLine(0, ui.character);
    labelled(ui, "tags", "ftag", c.x87_tag, old.x87_tag, 4);
    tip("two bits each: 3 is empty");
    ImGui::SameLine(0, ui.character);
    text(colour::dim, "top %u", top);
    for (unsigned n = 0; n < 8; n++) {
        bool empty = (c.x87_tag >> 2 * ((top + n) & 7) & 3) == 3;
        text(colour::dim, "st%u", n);
        ImGui::SameLine(0, ui.character);
        if (empty)
            text(colour::dim, "empty");
        else
            x87_register(ui, n);
    }
}

static void sse_register(Ui &ui, unsigned n)
{
    const uint8_t *now = ui.v->cpu.xmm[n];
    uint8_t value[16];
    uint32_t d[4], old[4];
    float f[4];
    double lf[2];
    char name[8];
    memcpy(d, now, 16);
    memcpy(old, ui.before.xmm[n], 16);
    memcpy(f, now, 16);
    memcpy(lf, now, 16);
    snprintf(name, sizeof name, "xmm%u", n);
    text(colour::dim, "%s", name);
    ImGui::PushID(name);
    for (unsigned part = 4; part-- > 0;) {
        static const char *const ids[] = {"0", "1", "2", "3"};
        uint64_t v = d[part];
        ImGui::SameLine(0, ui.character / 2);
        if (edit_hex(ids[part], &v, 8, ink(ui.stopped() && d[part] != old[part]))) {
            d[part] = (uint32_t)v;
            memcpy(value, d, 16);
            ui.set_register(name, value, sizeof value);
        }
        tip("float  %g %g %g %g\ndouble %g %g", f[3], f[2], f[1], f[0], lf[1], lf[0]);
    }
    ImGui::PopID();
}

static void sse(Ui &ui)
{
    value(ui, "mxcsr", ui.v->cpu.mxcsr, ui.before.mxcsr, 8);
    for (unsigned n = 0; n < 8; n++)
        sse_register(ui, n);
}

/* --- All -------------------------------------------------------------------------------------- */

static void control(Ui &ui)
{
    const view_cpu &c = ui.v->cpu, &b = ui.before;
    int count = columns(ui);
    value(ui, "cr0", c.cr0, b.cr0, 8);
    place(ui, 1, count);
    value(ui, "cr2", c.cr2, b.cr2, 8);
    place(ui, 2, count);
    value(ui, "cr3", c.cr3, b.cr3, 8);
    place(ui, 3, count);
    value(ui, "cr4", c.cr4, b.cr4, 8);
    bits(ui, "cr0", cr0, c.cr0, b.cr0);
    bits(ui, "cr4", cr4, c.cr4, b.cr4);
}

/* What the guest's own breakpoints wait for. */
static void debug_register_tip(const view_cpu &c, int n)
{
    static const char *const kinds[] = {"execution", "a write", "I/O", "an access"};
    static const int lengths[] = {1, 2, 8, 4};
    if (n > 3) {
        tip(n == 6 ? "which breakpoints were hit" : "which breakpoints are on, and for what");
        return;
    }
    uint32_t on = c.dr[7] >> 2 * n & 3, kind = c.dr[7] >> (16 + 4 * n) & 3,
             length = c.dr[7] >> (18 + 4 * n) & 3;
    if (on)
        tip("on: %s, %d bytes", kinds[kind], lengths[length]);
    else
        tip("off");
}

static void debug_registers(Ui &ui)
{
    static const char *const names[8] = {"dr0", "dr1", "dr2", "dr3", "", "", "dr6", "dr7"};
    static const int order[6] = {0, 1, 2, 3, 6, 7};
    const view_cpu &c = ui.v->cpu;
    int count = columns(ui);
    for (int n = 0; n < 6; n++) {
        int r = order[n];
        place(ui, n, count);
        value(ui, names[r], c.dr[r], ui.before.dr[r], 8);
        debug_register_tip(c, r);
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
