/* frontend/debugger/look_machine.c: counters, descriptor tables, history. */
#include <stdio.h>

#include "cpu/block.h"
#include "cpu/history.h"
#include "frontend/debugger/look.h"
#include "mmu/window.h"
#include "partition/tables.h"
#include "partition/text.h"
#include "translator/translator.h"

void look_at_counters(struct partition *p, struct view_counters *out)
{
    const struct vcpu *c = partition_vcpu(p);
    const struct board *b = partition_board(p);
    struct block_counters blocks = block_cache_counters(c->blocks);
    *out = (struct view_counters){.insns = vcpu_insns(c),
                                  .interrupts = c->interrupts,
                                  .tlb_fills = c->tlb.fills,
                                  .tlb_flushes = c->tlb.flushes,
                                  .tlb_page_flushes = c->tlb.page_flushes,
                                  .port_reads = b->port_reads,
                                  .port_writes = b->port_writes,
                                  .blocks_built = blocks.built,
                                  .blocks_dropped = blocks.dropped,
                                  .code_writes = blocks.code_writes,
                                  .slept_ns = partition_slept_ns(p),
                                  .host_ns = host_now(),
                                  .has_windows = c->windows != NULL,
                                  .has_translator = c->translated.translator != NULL};
    memcpy(out->faults, c->faults, sizeof out->faults);
    for (unsigned i = 0; i < b->device_count; i++) {
        struct dma_counters n = dma_domain_counters(b->device[i]->dma);
        out->dma_bytes += n.bytes_read + n.bytes_written;
        out->dma_denials += n.denials;
    }
    if (out->has_windows) {
        struct window_counters w = windows_counters(c->windows);
        out->window_faults = w.faults;
        out->window_maps = w.maps;
        out->window_unmaps = w.unmaps;
        out->window_mappings = w.mappings;
    }
    if (out->has_translator) {
        const struct translator_counters *t = &c->translated.translator->counters;
        out->units = t->units;
        out->unit_entries = t->entries;
        out->unit_helped = t->helped;
        out->unit_polls = t->polls;
        out->unit_missed = t->missed;
    }
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void add_gate(struct vcpu *c, struct view_entry *out)
{
    const struct table_entry *e = &out->e;
    uint32_t base = 0;
    bool leads = e->kind == ENTRY_CALL_GATE || e->kind == ENTRY_INTERRUPT_GATE ||
                 e->kind == ENTRY_TRAP_GATE || e->kind == ENTRY_VECTOR;
    if (leads)
        (void)selector_base(c, e->selector, &base);
    out->kind = entry_kind_name(e->kind);
    out->is_gate = leads || e->kind == ENTRY_TASK_GATE;
    out->target = base + e->offset;
}

static void look_at_tss(struct vcpu *c, struct view_tables *out)
{
    struct tss_view tss;
    struct bytes lines = {0};
    if (!tss_current(c, &tss)) {
        snprintf(out->tss, sizeof out->tss,
                 "TR names no TSS: the CPU is not in protected mode yet");
        return;
    }
    tss_text(&tss, &lines);
    snprintf(out->tss, sizeof out->tss, "%.*s", (int)lines.len,
             lines.len ? (const char *)lines.data : "");
    bytes_free(&lines);
}

void look_at_tables(struct partition *p, const struct view_request *r, struct view_tables *out)
{
    static const enum table_kind kinds[] = {TABLE_GDT, TABLE_LDT, TABLE_IDT};
    struct vcpu *c = partition_vcpu(p);
    out->table = r->table;
    out->entries = out->count = 0;
    out->first = r->table_first;
    if (r->table >= ARRAY_LEN(kinds)) {
        look_at_tss(c, out);
        return;
    }
    out->entries = table_entries(c, kinds[r->table]);
    while (out->count < VIEW_ENTRIES &&
           table_entry(c, kinds[r->table], out->first + out->count, &out->entry[out->count].e))
        add_gate(c, &out->entry[out->count++]);
}

/* --- History ---------------------------------------------------------------------------------- */

void look_at_history(struct partition *p, struct view_history *out)
{
    const struct history *h = partition_vcpu(p)->history;
    struct history_cursor at = {0};
    struct history_entry e;
    _Static_assert(sizeof out->delivered == sizeof h->delivered, "the same kinds");
    memcpy(out->delivered, h->delivered, sizeof out->delivered);
    out->count = 0;
    while (out->count < VIEW_EVENTS && history_next(h, &at, &e)) {
        out->event[out->count++] = (struct view_event){.insns = e.insns,
                                                       .from_eip = e.from_eip,
                                                       .to_eip = e.to_eip,
                                                       .detail = e.detail,
                                                       .cr2 = e.cr2,
                                                       .from_cs = e.from_cs,
                                                       .to_cs = e.to_cs,
                                                       .kind = e.kind,
                                                       .vector = e.vector,
                                                       .mode = e.mode};
    }
    for (unsigned n = 0; n < ARRAY_LEN(out->vector_name); n++) {
        out->vector_name[n] = vector_mnemonic(n);
        out->vector_title[n] = vector_title(n);
    }
}
