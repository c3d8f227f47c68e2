/* partition/explain.c: see explain.h. */
#include "partition/explain.h"

#include "cpu/history.h"
#include "mmu/explain.h"
#include "partition/address.h"
#include "partition/tables.h"
#include "partition/text.h"

/* --- Error codes ------------------------------------------------------------------------------ */

static void put_page_fault(uint32_t error, struct bytes *out)
{
    text_put(out, "%s by %s, %s",
             error & WALK_WRITE   ? "write"
             : error & WALK_FETCH ? "fetch"
                                  : "read",
             error & WALK_USER ? "user code" : "the kernel",
             error & WALK_RESERVED  ? "a reserved bit is set in an entry"
             : error & WALK_PRESENT ? "the page's rights forbid it"
                                    : "the page is not present");
}

void explain_error(unsigned vector, uint32_t error, struct bytes *out)
{
    if (vector == VEC_PF) {
        put_page_fault(error, out);
        return;
    }
    if (!error) {
        text_put(out, "no selector is named");
        return;
    }
    if (error & 2)
        text_put(out, "entry %02X of the IDT", error >> 3);
    else
        text_put(out, "selector %04X of the %s", error & 0xFFFC, error & 4 ? "LDT" : "GDT");
    if (error & 1)
        text_put(out, ", while something else was delivered");
}

/* --- What a delivery goes through ------------------------------------------------------------- */

static void put_entry(const struct table_entry *e, const char *what, struct bytes *out)
{
    text_put(out, "     %-12s at %08X: ", what, e->address);
    table_entry_text(e, out);
    text_put(out, "\n");
}

static void put_selector(struct vcpu *c, uint16_t selector, const char *what, struct bytes *out)
{
    struct table_entry e;
    if (!(selector & 0xFFFC))
        text_put(out, "     %-12s selector %04X is null\n", what, selector);
    else if (!table_entry_by_selector(c, selector, &e))
        text_put(out, "     %-12s selector %04X lies beyond the limit of the %s\n", what, selector,
                 selector & 4 ? "LDT" : "GDT");
    else
        put_entry(&e, what, out);
}

static void put_walk(struct vcpu *c, uint32_t gva, struct bytes *out)
{
    struct walk_story s;
    walk_explain(c->physmap, &c->walk, gva, &s);
    text_put(out, "     page walk of %08X:\n", gva);
    walk_text(&s, 7, out);
}

/* The stack that the handler would get: of the TSS when its level is an inner one. */
static void put_stack(struct vcpu *c, const struct table_entry *gate, struct bytes *out)
{
    struct table_entry code;
    struct tss_view tss;
    if (!table_entry_by_selector(c, gate->selector, &code) || !code.readable ||
        code.kind != ENTRY_CODE)
        return;
    if (code.direction || code.dpl >= c->cpl) {
        text_put(out, "     stack        %04X:%08X, the present one\n", c->seg[SEG_SS].selector,
                 c->reg[ESP].d);
        return;
    }
    put_selector(c, c->tr.selector, "TSS", out);
    if (!tss_current(c, &tss) || code.dpl > 2)
        return;
    text_put(out, "     stack        %04X:%08X, of the TSS for level %u\n", tss.ss[code.dpl],
             tss.esp[code.dpl], code.dpl);
    put_selector(c, tss.ss[code.dpl], "its segment", out);
}

/* What became of a delivery, as far as its tables tell. */
enum delivery {
    DELIVERY_FINE, /* nothing is wrong with the tables: it was the stack or the handler's page */
    DELIVERY_NO_ENTRY,   /* beyond the IDT's limit */
    DELIVERY_UNREADABLE, /* the IDT lies in a page that is not mapped */
    DELIVERY_NO_GATE,
    DELIVERY_BAD_CODE, /* the gate's selector names no code segment that is present */
};

static bool is_usable_code(struct vcpu *c, uint16_t selector)
{
    struct table_entry code;
    return table_entry_by_selector(c, selector, &code) && code.readable &&
           code.kind == ENTRY_CODE && code.present;
}

static enum delivery judge_delivery(struct vcpu *c, unsigned vector)
{
    struct table_entry gate;
    if (!table_entry(c, TABLE_IDT, vector, &gate))
        return DELIVERY_NO_ENTRY;
    if (!gate.readable)
        return DELIVERY_UNREADABLE;
    switch (gate.kind) {
    case ENTRY_INTERRUPT_GATE:
    case ENTRY_TRAP_GATE:
        if (!gate.present)
            return DELIVERY_NO_GATE;
        return is_usable_code(c, gate.selector) ? DELIVERY_FINE : DELIVERY_BAD_CODE;
    case ENTRY_TASK_GATE:
    case ENTRY_VECTOR:
        return DELIVERY_FINE;
    default:
        return DELIVERY_NO_GATE;
    }
}

static void put_delivery(struct vcpu *c, unsigned vector, struct bytes *out)
{
    struct table_entry gate;
    if (!table_entry(c, TABLE_IDT, vector, &gate)) {
        text_put(out, "     IDT entry    %02X lies beyond the limit: base %08X limit %04X\n",
                 vector, (uint32_t)c->idtr.base, c->idtr.limit);
        return;
    }
    put_entry(&gate, "IDT entry", out);
    if (!gate.readable) {
        put_walk(c, gate.address, out);
        return;
    }
    switch (gate.kind) {
    case ENTRY_INTERRUPT_GATE:
    case ENTRY_TRAP_GATE:
        put_selector(c, gate.selector, "code segment", out);
        put_stack(c, &gate, out);
        break;
    case ENTRY_TASK_GATE:
        put_selector(c, gate.selector, "task", out);
        break;
    case ENTRY_VECTOR:
        text_put(out, "     stack        %04X:%08X\n", c->seg[SEG_SS].selector, c->reg[ESP].d);
        break;
    default:
        text_put(out, "     that is no gate\n");
        break;
    }
}

/* --- The triple fault ------------------------------------------------------------------------- */

static void put_name(unsigned vector, struct bytes *out)
{
    if (vector_mnemonic(vector))
        text_put(out, "%s %s (vector %u)", vector_mnemonic(vector), vector_title(vector), vector);
    else
        text_put(out, "interrupt %02Xh", vector);
}

static void put_fault(struct vcpu *c, unsigned n, struct bytes *out)
{
    const struct fault_chain *f = &c->fault_chain;
    unsigned vector = f->fault[n].vector;
    text_put(out, "%2u.  ", n + 1);
    put_name(vector, out);
    if (f->fault[n].has_error) {
        text_put(out, ", error code %04X: ", f->fault[n].error);
        explain_error(vector, f->fault[n].error, out);
    }
    text_put(out, "\n");
    if (vector == VEC_PF) {
        text_put(out, "     CR2          %08X\n", f->fault[n].cr2);
        put_walk(c, f->fault[n].cr2, out);
    }
}

/* A last word for who sees this for the first time: what went wrong first, and where to look. */
static void put_advice(struct vcpu *c, unsigned vector, struct bytes *out)
{
    const char *name = vector_mnemonic(vector) ? vector_mnemonic(vector) : "the interrupt";
    text_put(out, "so: ");
    switch (judge_delivery(c, vector)) {
    case DELIVERY_NO_ENTRY:
        text_put(out,
                 "the IDT (base %08X, limit %04X) ends before entry %02X: the CPU found no handler "
                 "for %s. Was LIDT done, with the limit in bytes?\n",
                 (uint32_t)c->idtr.base, c->idtr.limit, vector, name);
        break;
    case DELIVERY_UNREADABLE:
        text_put(out,
                 "the IDT itself is not mapped: %s could not even be looked up. The page tables "
                 "(CR3 %08X) must map it before paging is on\n",
                 name, (uint32_t)c->cr3);
        break;
    case DELIVERY_NO_GATE:
        text_put(
            out,
            "IDT entry %02X holds no gate that is present: the system has no handler for "
            "%s%s\n",
            vector, name,
            !c->idtr.base && c->idtr.limit == 0x3FF
                ? ". This is still real mode's vector table: protected mode needs an IDT (LIDT)"
                : "");
        break;
    case DELIVERY_BAD_CODE:
        text_put(out,
                 "IDT entry %02X leads to a segment that is no code or not present: does the GDT "
                 "have what the gate names?\n",
                 vector);
        break;
    case DELIVERY_FINE:
        text_put(out,
                 "the handler of %s is there, but it could not be entered: look at the stack and "
                 "at the handler's page\n",
                 name);
        break;
    }
}

void explain_triple_fault(struct vcpu *c, struct bytes *out)
{
    const struct fault_chain *f = &c->fault_chain;
    text_put(out, "triple fault at %04X:%08X (linear %08X), in %s, CPL %u\n",
             c->seg[SEG_CS].selector, (uint32_t)c->eip, vcpu_pc(c), mode_text(c->mode), c->cpl);
    if (f->count && f->fault[0].during != FAULT_FIRST) {
        text_put(out, "     the delivery of ");
        put_name(f->fault[0].during, out);
        text_put(out, ":\n");
        put_delivery(c, f->fault[0].during, out);
    }
    for (unsigned n = 0; n < f->count; n++) {
        put_fault(c, n, out);
        if (n + 1 == f->count)
            break;
        unsigned next = f->fault[n + 1].during;
        bool doubled = next == VEC_DF && f->fault[n].vector != VEC_DF;
        text_put(out, doubled
                          ? "     these two make a double fault; the delivery of #DF (vector 8):\n"
                          : "     its delivery:\n");
        put_delivery(c, next, out);
    }
    text_put(out, "     a fault while a double fault is delivered: the CPU shuts down\n");
    if (f->count)
        put_advice(c, f->fault[0].during != FAULT_FIRST ? f->fault[0].during : f->fault[0].vector,
                   out);
}

/* --- History ---------------------------------------------------------------------------------- */

/* As far as it can be known without the segment's base: a protected-mode segment is taken as flat.
 */
static void put_place(const struct debug *d, uint16_t cs, uint32_t eip, unsigned mode,
                      struct bytes *out)
{
    char name[128];
    bool flat = (mode & MODE_PROTECTED) && !(mode & MODE_V86);
    uint32_t linear = flat ? eip : ((uint32_t)cs << 4) + eip;
    text_put(out, "%04X:%08X", cs, eip);
    if (d->symbols.name && d->symbols.name(d->symbols.ctx, linear, name, sizeof name))
        text_put(out, " <%s>", name);
}

void history_text(const struct debug *d, const struct history_entry *e, struct bytes *out)
{
    text_put(out, "%12llu  ", (unsigned long long)e->insns);
    switch ((enum history_kind)e->kind) {
    case HISTORY_BLOCK:
        put_place(d, e->from_cs, e->from_eip, e->mode, out);
        return;
    case HISTORY_INTERRUPT:
        text_put(out, "interrupt %02Xh at ", e->vector);
        break;
    case HISTORY_SOFTWARE:
        text_put(out, "int %02Xh at ", e->vector);
        break;
    case HISTORY_EXCEPTION:
        text_put(out, "%s", vector_mnemonic(e->vector) ? vector_mnemonic(e->vector) : "exception");
        if (e->detail)
            text_put(out, " error %04X", e->detail);
        if (e->vector == VEC_PF)
            text_put(out, " cr2 %08X", e->cr2);
        text_put(out, " at ");
        break;
    case HISTORY_MODE:
        text_put(out, "mode: %s, ", mode_text(e->detail >> 8));
        text_put(out, "now %s", mode_text(e->detail & 0xFF));
        return;
    case HISTORY_RESET:
        text_put(out, "reset");
        return;
    }
    put_place(d, e->from_cs, e->from_eip, e->mode, out);
    text_put(out, " -> ");
    put_place(d, e->to_cs, e->to_eip, e->mode, out);
}

void explain_history(const struct debug *d, unsigned count, struct bytes *out)
{
    const struct history *h = d->vcpu->history;
    struct history_cursor at = {0, 0};
    struct history_entry e;
    struct bytes newest_first = {0};
    for (unsigned n = 0; n < count && history_next(h, &at, &e); n++)
        bytes_append(&newest_first, &e, sizeof e);
    for (size_t end = newest_first.len; end; end -= sizeof e) {
        memcpy(&e, newest_first.data + end - sizeof e, sizeof e);
        history_text(d, &e, out);
        text_put(out, "\n");
    }
    bytes_free(&newest_first);
}
