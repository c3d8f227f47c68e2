/* frontend/debugger/look.c: fills in the view: registers, code, memory, stack, breakpoints. */
#include "frontend/debugger/look.h"

#include <stdio.h>

#include "cpu/feature.h"
#include "cpu/flags.h"
#include "frontend/symbols/symbols.h"
#include "partition/explain.h"
#include "partition/registers.h"
#include "partition/tables.h"

/* --- Registers -------------------------------------------------------------------------------- */

static uint32_t word(struct vcpu *c, const char *name)
{
    uint8_t value[REGISTER_BYTES];
    debug_register_read(c, (unsigned)debug_register_find(name), value);
    return load_le32(value);
}

static struct view_segment segment(const struct segment *s)
{
    return (struct view_segment){s->selector, s->attr, s->limit, (uint32_t)s->base};
}

static void look_at_floats(struct vcpu *c, struct view_cpu *v)
{
    uint8_t value[REGISTER_BYTES];
    unsigned st0 = (unsigned)debug_register_find("st0"),
             xmm0 = (unsigned)debug_register_find("xmm0");
    for (unsigned n = 0; n < 8; n++) {
        debug_register_read(c, st0 + n, value);
        memcpy(v->st[n], value, 10);
        debug_register_read(c, xmm0 + n, v->xmm[n]);
    }
    v->x87_control = (uint16_t)word(c, "fctrl");
    v->x87_status = (uint16_t)word(c, "fstat");
    v->x87_tag = (uint16_t)word(c, "ftag");
    v->mxcsr = c->mxcsr;
}

static void look_at_cpu(struct vcpu *c, struct view_cpu *v)
{
    for (unsigned n = 0; n < 8; n++) {
        v->gpr[n] = c->reg[n].d;
        v->dr[n] = (uint32_t)c->dr[n];
    }
    for (unsigned n = 0; n < SEG_COUNT; n++)
        v->segment[n] = segment(&c->seg[n]);
    v->segment[VIEW_LDTR] = segment(&c->ldtr);
    v->segment[VIEW_TR] = segment(&c->tr);
    v->eip = (uint32_t)c->eip;
    v->pc = debug_pc(c);
    v->eflags = flags_get(c);
    v->cr0 = c->cr0;
    v->cr2 = c->cr2;
    v->cr3 = (uint32_t)c->cr3;
    v->cr4 = c->cr4;
    v->gdt_base = (uint32_t)c->gdtr.base;
    v->gdt_limit = c->gdtr.limit;
    v->idt_base = (uint32_t)c->idtr.base;
    v->idt_limit = c->idtr.limit;
    v->cpl = c->cpl;
    v->code32 = c->code32;
    v->stack32 = c->stack32;
    v->paging = c->walk.paging;
    v->halted = c->halted;
    v->mode = vcpu_is_real(c)  ? VIEW_REAL
              : vcpu_is_v86(c) ? VIEW_V86
              : c->code32      ? VIEW_PROTECTED32
                               : VIEW_PROTECTED16;
}

/* --- Memory ----------------------------------------------------------------------------------- */

void look_at_bytes(struct partition *p, bool physical, uint64_t base, uint32_t len,
                   struct view_bytes *out)
{
    out->base = base;
    out->len = len < VIEW_BYTES ? len : VIEW_BYTES;
    out->pages_valid = 0;
    uint32_t at = 0;
    for (unsigned page = 0; at < out->len; page++) {
        uint64_t from = base + at;
        uint32_t run = (uint32_t)(PAGE_SIZE - (from & PAGE_MASK));
        if (run > out->len - at)
            run = out->len - at;
        bool there;
        if (physical) {
            enum region_kind kind = physmap_find_ungated(partition_physmap(p), from)->kind;
            there = kind != REGION_HOLE && kind != REGION_MMIO;
            physmap_peek(partition_physmap(p), from, out->data + at, run);
        } else {
            there = debug_read(partition_debug(p), (uint32_t)from, out->data + at, run) == run;
        }
        out->pages_valid |= (uint8_t)(there << page);
        at += run;
    }
}

static void look_at_stack(struct partition *p, const struct view_request *r, struct view *v)
{
    struct vcpu *c = partition_vcpu(p);
    uint32_t mask = c->stack32 ? UINT32_MAX : 0xFFFF, base = (uint32_t)c->seg[SEG_SS].base;
    uint32_t at = r->stack_follows ? base + (c->reg[ESP].d & mask) : r->stack_base;
    look_at_bytes(p, false, at, r->stack_len, &v->stack);
    v->stack_frame = base + (c->reg[EBP].d & mask);
}

static void look_at_peeks(struct partition *p, const struct view_request *r, struct view *v)
{
    memset(v->peek, 0, sizeof v->peek);
    for (unsigned i = 0; i < r->peek_count && i < VIEW_PEEKS; i++) {
        struct view_peek *to = &v->peek[i];
        to->address = r->peek[i].address;
        uint8_t len = r->peek[i].len < sizeof to->data ? r->peek[i].len : sizeof to->data;
        if (debug_read(partition_debug(p), to->address, to->data, len) == len)
            to->len = len;
    }
}

/* --- Stops ------------------------------------------------------------------------------------ */

static void copy(char *to, size_t size, const struct bytes *from)
{
    snprintf(to, size, "%.*s", (int)from->len, from->len ? (const char *)from->data : "");
}

static void look_at_break(struct debug *d, const struct breakpoint *b, struct view_break *out)
{
    uint32_t base = 0;
    struct bytes what = {0};
    struct breakpoint bare = *b; /* without its condition, which stands apart */
    bare.condition = NULL;
    bare.spec.condition = NULL;
    *out = (struct view_break){
        .id = b->id, .kind = (uint8_t)b->spec.kind, .enabled = b->enabled, .hits = b->hits};
    if (b->spec.kind == BREAK_AT && b->spec.place.kind != STOP_PHYSICAL) {
        out->is_linear = b->spec.place.kind == STOP_LINEAR ||
                         selector_base(d->vcpu, b->spec.place.selector, &base);
        out->address = base + (uint32_t)b->spec.place.address;
    } else if (b->spec.kind == BREAK_DATA && !b->spec.watch.physical) {
        out->is_linear = true;
        out->address = (uint32_t)b->spec.watch.address;
        out->len = b->spec.watch.len;
    }
    break_text(&bare, &what);
    copy(out->text, sizeof out->text, &what);
    snprintf(out->condition, sizeof out->condition, "%s", b->condition ? b->condition : "");
    bytes_free(&what);
}

static void look_at_breaks(struct debug *d, struct view *v)
{
    const struct breakpoint *b;
    v->break_count = 0;
    for (unsigned n = 0; v->break_count < VIEW_BREAKS && (b = debug_break_at(d, NULL, n)); n++)
        look_at_break(d, b, &v->breaks[v->break_count++]);
}

static void tell_why(const struct debug *d, struct view *v)
{
    struct bytes text = {0};
    v->why[0] = 0;
    if (!debug_is_stopped(d))
        return;
    debug_stop_text(d, &text);
    copy(v->why, sizeof v->why, &text);
    bytes_free(&text);
    v->story[0] = 0;
    if (d->stop.reason != DEBUG_TRIPLE_FAULT)
        return;
    text = (struct bytes){0};
    explain_triple_fault(d->vcpu, &text);
    copy(v->story, sizeof v->story, &text);
    bytes_free(&text);
}

/* --- Names ------------------------------------------------------------------------------------ */

void look_at_names(struct partition *p, const struct view_request *r, struct view *v)
{
    const struct symbols *s = symbols_of(partition_debug(p));
    v->symbols = s ? symbols_count(s) : 0;
    v->name_count = 0;
    for (unsigned n = 0; v->symbols && n < r->name_count && n < VIEW_NAMES; n++) {
        struct view_name *to = &v->name[v->name_count++];
        const char *file;
        unsigned line;
        *to = (struct view_name){.address = r->name_at[n]};
        if (!symbols_name(s, to->address, to->text, sizeof to->text))
            to->text[0] = 0;
        if (!symbols_line(s, to->address, &file, &line))
            continue;
        const char *slash = strrchr(file, '/');
        snprintf(to->line, sizeof to->line, "%s:%u", slash ? slash + 1 : file, line);
    }
}

static bool wants(const struct view_request *r, enum view_panel panel)
{
    return r->panels >> panel & 1;
}

void debugger_look(struct partition *p, const struct view_request *r, struct view *v)
{
    struct debug *d = partition_debug(p);
    struct vcpu *c = partition_vcpu(p);
    v->stopped = debug_is_stopped(d);
    v->virtual_ns = partition_now(p);
    v->insns = vcpu_insns(c);
    tell_why(d, v);
    look_at_cpu(c, &v->cpu);
    look_at_counters(p, &v->counters); /* plots go on while their panel is hidden */
    look_at_breaks(d, v);
    look_at_peeks(p, r, v);
    look_at_names(p, r, v);
    v->cpu.has_sse = c->features & FEATURE_SSE;
    if (wants(r, PANEL_REGISTERS) || v->stopped) /* stopped: to tell later what has changed */
        look_at_floats(c, &v->cpu);
    if (wants(r, PANEL_CODE))
        look_at_bytes(p, false, r->code_base, r->code_len, &v->code);
    if (wants(r, PANEL_MEMORY))
        look_at_bytes(p, r->memory_physical, r->memory_base, r->memory_len, &v->memory);
    if (wants(r, PANEL_STACK))
        look_at_stack(p, r, v);
    if (wants(r, PANEL_TABLES))
        look_at_tables(p, r, &v->tables);
    if (wants(r, PANEL_HISTORY) || wants(r, PANEL_TIME))
        look_at_history(p, &v->history);
    if (wants(r, PANEL_DEVICES))
        look_at_devices(p, r->device, &v->devices);
    if (wants(r, PANEL_DMA))
        look_at_dma(p, r->dma_only_denied, &v->dma);
    if (wants(r, PANEL_ADDRESS))
        look_at_address(p, r, &v->address);
    if (wants(r, PANEL_TRANSLATION))
        look_at_translation(p, r, &v->translation);
}
