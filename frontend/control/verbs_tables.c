/* frontend/control/verbs_tables.c: GDT, LDT, IDT and TSS, decoded by partition/tables.h; history.
 */
#include "frontend/control/verbs.h"
#include "partition/explain.h"
#include "partition/tables.h"

static void json_entry(struct answer *a, const struct table_entry *e, unsigned shown)
{
    json_open(&a->data, NULL, '{');
    json_put_number(&a->data, "index", shown);
    json_put_string(&a->data, "kind", entry_kind_name(e->kind));
    json_put_bool(&a->data, "present", e->present);
    json_put_number(&a->data, "dpl", e->dpl);
    json_put_bool(&a->data, "wide", e->wide);
    switch (e->kind) {
    case ENTRY_CALL_GATE:
    case ENTRY_INTERRUPT_GATE:
    case ENTRY_TRAP_GATE:
    case ENTRY_TASK_GATE:
    case ENTRY_VECTOR:
        json_put_number(&a->data, "selector", e->selector);
        json_put_number(&a->data, "offset", e->offset);
        break;
    default:
        json_put_number(&a->data, "base", e->base);
        json_put_number(&a->data, "limit", e->limit);
        break;
    }
    json_close(&a->data, '}');
}

static void put_entry(struct answer *a, const struct table_entry *e, unsigned shown)
{
    if (!e->readable) {
        answer_text(a, "%04x at %08x: no page is mapped here\n", shown, e->address);
        return;
    }
    table_entry_text(e, &a->text);
    answer_text(a, "\n");
    json_entry(a, e, shown);
}

/* step: what one entry adds to the number that is shown: selectors count in eights. */
static void put_table(struct command *k, enum table_kind table, const char *name, unsigned step)
{
    struct answer *a = k->answer;
    struct table_entry e;
    unsigned count = table_entries(k->vcpu, table);
    uint64_t one = 0;
    if (k->count && !take_value(k, k->word[0], &one))
        return;
    if (!count || one / step >= count) {
        answer_fail(a, count ? "the %s has %u entries only" : "there is no %s now", name, count);
        return;
    }
    json_put_number(&a->data, "count", count);
    json_open(&a->data, "entries", '[');
    for (unsigned n = (unsigned)(one / step); n < count; n++) {
        if (!table_entry(k->vcpu, table, n, &e))
            break;
        if (k->count || !e.readable || e.kind != ENTRY_EMPTY)
            put_entry(a, &e, n * step);
        if (k->count || !e.readable) /* a page that is not mapped: 512 lines say no more than one */
            break;
    }
    json_close(&a->data, ']');
}

void verb_gdt(struct command *k)
{
    put_table(k, TABLE_GDT, "GDT", 8);
}

void verb_ldt(struct command *k)
{
    put_table(k, TABLE_LDT, "LDT", 8);
}

void verb_idt(struct command *k)
{
    put_table(k, TABLE_IDT, "IDT", 1);
}

void verb_tss(struct command *k)
{
    struct tss_view t;
    struct bytes *data = &k->answer->data;
    if (!tss_current(k->vcpu, &t)) {
        answer_fail(k->answer, "there is no TSS now");
        return;
    }
    tss_text(&t, &k->answer->text);
    json_put_bool(data, "wide", t.wide);
    json_put_number(data, "base", t.base);
    json_put_number(data, "limit", t.limit);
    json_put_number(data, "link", t.link);
    json_put_number(data, "cr3", t.cr3);
    json_put_number(data, "eip", t.eip);
    json_put_number(data, "eflags", t.eflags);
    json_put_number(data, "iomap", t.iomap);
    json_open(data, "stacks", '[');
    for (unsigned i = 0; i < 3; i++) {
        json_open(data, NULL, '{');
        json_put_number(data, "ss", t.ss[i]);
        json_put_number(data, "esp", t.esp[i]);
        json_close(data, '}');
    }
    json_close(data, ']');
}

/* --- History ---------------------------------------------------------------------------------- */

static void put_history(struct answer *a, const struct debug *d, const struct history_entry *e)
{
    static const char *const kinds[] = {
        [HISTORY_INTERRUPT] = "interrupt", [HISTORY_EXCEPTION] = "exception",
        [HISTORY_SOFTWARE] = "int",        [HISTORY_MODE] = "mode",
        [HISTORY_RESET] = "reset",         [HISTORY_BLOCK] = "block",
    };
    struct bytes *data = &a->data;
    bool vectored = e->kind <= HISTORY_SOFTWARE;
    history_text(d, e, &a->text);
    answer_text(a, "\n");
    json_open(data, NULL, '{');
    json_put_number(data, "instructions", e->insns);
    json_put_string(data, "kind", kinds[e->kind]);
    json_put_number(data, "cs", e->from_cs);
    json_put_number(data, "eip", e->from_eip);
    if (vectored)
        json_put_number(data, "vector", e->vector);
    json_close(data, '}');
}

void verb_history_blocks(struct command *k)
{
    bool on = strcmp(k->word[0], "on") == 0;
    if (!on && strcmp(k->word[0], "off") != 0)
        answer_fail(k->answer, "on or off");
    else if (!history_blocks_on(k->vcpu, on))
        answer_fail(k->answer, "out of memory");
}

void verb_history(struct command *k)
{
    uint64_t count = 20;
    struct history_cursor at = {0};
    struct history_entry e;
    if (k->count && !take_value(k, k->word[0], &count))
        return;
    if (!count || count > HISTORY_EVENTS + HISTORY_BLOCKS) {
        answer_fail(k->answer, "1 to %u entries", HISTORY_EVENTS + HISTORY_BLOCKS);
        return;
    }
    json_open(&k->answer->data, "entries", '[');
    for (; count && history_next(k->vcpu->history, &at, &e); count--)
        put_history(k->answer, k->debug, &e);
    json_close(&k->answer->data, ']');
}
