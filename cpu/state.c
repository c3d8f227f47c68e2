/* cpu/state.c: life of a vCPU, its reset state, and what is saved of it. */
#include "cpu/state.h"

#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/debug.h"
#include "cpu/feature.h"
#include "cpu/flags.h"
#include "cpu/history.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "cpu/shadow.h"
#include "cpu/stops.h"

static void map_changed(void *ctx)
{
    struct vcpu *c = ctx;
    tlb_flush_all(&c->tlb);
    if (c->stops)
        stops_map_changed(c);
}

static void pages_changed(void *ctx, uint64_t offset, uint64_t len)
{
    struct vcpu *c = ctx;
    tlb_protect(&c->tlb, physmap_host(c->physmap, offset), len);
}

struct vcpu *vcpu_create(enum cpu_model model, struct physmap *physmap, struct log *log,
                         struct vcpu_host host)
{
    struct vcpu *c = calloc(1, sizeof *c);
    struct physmap_listener *listener = calloc(1, sizeof *listener);
    if (!c || !listener) {
        free(c);
        free(listener);
        return NULL;
    }
    c->model = model;
    c->features = cpu_model_info(model)->features;
    c->physmap = physmap;
    c->log = log;
    c->host = host;
    tlb_init(&c->tlb);
    *listener = (struct physmap_listener){
        .ctx = c, .map_changed = map_changed, .pages_changed = pages_changed};
    c->listener = listener;
    physmap_listen(physmap, listener);
    c->blocks = block_cache_create(c);
    c->history = history_create();
    if (!c->blocks || !c->history) {
        vcpu_destroy(c);
        return NULL;
    }
    vcpu_reset(c);
    return c;
}

void vcpu_destroy(struct vcpu *c)
{
    if (!c)
        return;
    c->listener->map_changed = NULL; /* the physmap owns it and outlives us */
    c->listener->pages_changed = NULL;
    block_cache_destroy(c->blocks);
    windows_destroy(c->windows);
    history_destroy(c->history);
    free(c);
}

static void reset_segments(struct vcpu *c)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        c->seg[s] = (struct segment){.attr = 0x93, .limit = 0xFFFF};
    /* The 286's and the 8086's first instruction is fetched through the ROM's alias below 1 MiB. */
    struct segment *cs = &c->seg[SEG_CS];
    cs->selector = c->model <= CPU_186 ? 0xFFFF : 0xF000;
    cs->base = c->model <= CPU_186 ? 0xFFFF0 : c->model == CPU_286 ? 0xF0000 : 0xFFFF0000;
    c->eip = c->model <= CPU_186 ? 0 : 0xFFF0;
    c->ldtr = (struct segment){.attr = 0x82, .limit = 0xFFFF};
    c->tr = (struct segment){.attr = c->model == CPU_286 ? 0x83 : 0x8B, .limit = 0xFFFF};
    c->gdtr = c->idtr = (struct descriptor_table){.limit = 0xFFFF};
    if (c->model <= CPU_286)
        c->idtr.limit = 0x3FF;
}

/* FNINIT is software's business: after RESET# the x87 holds zeros (SDM vol. 3, table 9-1). */
static void reset_fpu(struct vcpu *c)
{
    c->x87 = (struct x87){.pointers_hidden = c->x87.pointers_hidden};
    memset(c->xmm, 0, sizeof c->xmm);
    c->x87.control = 0x40;
    c->mxcsr = 0x1F80;
}

static void reset_msrs(struct vcpu *c)
{
    c->efer = 0;
    c->sysenter_cs = 0;
    c->sysenter_esp = c->sysenter_eip = 0;
    c->pat = UINT64_C(0x0007040600070406);
    c->mtrr_def_type = 0;
    memset(c->mtrr_phys, 0, sizeof c->mtrr_phys);
    memset(c->mtrr_fixed, 0, sizeof c->mtrr_fixed);
    c->misc_enable = 0x1801 | MISC_ENABLE_MONITOR; /* fast strings; no branch traces, no PEBS */
    c->debugctl = c->mcg_status = 0;
    c->tsc_offset = c->host.tsc ? -(int64_t)c->host.tsc(c->host.ctx) : 0;
}

void vcpu_reset(struct vcpu *c)
{
    history_event(c, HISTORY_RESET, c->seg[SEG_CS].selector, (uint32_t)c->eip, 0, 0);
    memset(c->reg, 0, sizeof c->reg);
    c->reg[EDX].d = cpu_model_info(c->model)->signature;
    c->cur = NULL;
    c->block = NULL;
    c->eflags = 0;
    flags_set_arith(c, 0);
    c->cpl = 0;
    reset_segments(c);
    c->cr0 = c->model >= CPU_486 ? CR0_CD | CR0_NW | CR0_ET : 0;
    c->cr2 = c->cr4 = 0;
    c->cr3 = 0;
    memset(c->pdpte, 0, sizeof c->pdpte);
    memset(c->dr, 0, sizeof c->dr);
    c->dr[6] = DR6_ONES;
    c->dr[7] = DR7_ONES;
    c->dr6_pending = 0;
    reset_msrs(c);
    reset_fpu(c);
    c->halted = c->nmi_blocked = c->shutdown = false;
    c->monitor.armed = c->monitor.waiting = false;
    c->inhibit = 0;
    c->events &= EVENT_INTR | EVENT_STOP; /* lines and requests from outside stay */
    debug_update(c);
    vcpu_derive(c);
}

void vcpu_update_alignment(struct vcpu *c)
{
    bool on = c->cpl == 3 && (c->cr0 & CR0_AM) && (c->eflags & FLAG_AC);
    if (likely(on == c->align_check))
        return;
    c->align_check = on;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        segment_update(c, s);
}

void vcpu_set_cpl(struct vcpu *c, unsigned cpl)
{
    c->cpl = (uint8_t)cpl;
    c->tlb_view = cpl == 3 ? TLB_USER : TLB_SUPERVISOR;
    vcpu_update_alignment(c);
}

void vcpu_update_paging(struct vcpu *c)
{
    const struct cpu_model_info *m = cpu_model_info(c->model);
    struct walk_mode *w = &c->walk;
    w->root = c->cr3 & 0xFFFFF000;
    memcpy(w->pdpte, c->pdpte, sizeof w->pdpte);
    w->linear_mask = m->physical_mask;
    w->phys_bits = m->phys_bits;
    w->paging = (c->cr0 & CR0_PG) && (c->cr0 & CR0_PE);
    w->pae = c->cr4 & CR4_PAE;
    w->pse = c->cr4 & CR4_PSE;
    w->pse36 = c->features & FEATURE_PSE36;
    w->pge = c->cr4 & CR4_PGE;
    w->wp = c->cr0 & CR0_WP;
    w->nxe = c->efer & BIT(11);
}

void vcpu_derive_mode(struct vcpu *c)
{
    vcpu_set_cpl(c, c->cpl);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        segment_update(c, s);
    vcpu_update_paging(c);
    vcpu_note_mode(c);
}

void vcpu_derive(struct vcpu *c)
{
    vcpu_derive_mode(c);
    shadow_flush_all(c);
}

/* --- What is saved -------------------------------------------------------------------------- */

static const struct field segment_fields[] = {
    FIELD(struct segment, selector, "selector"),
    FIELD(struct segment, attr, "descriptor bits 40..55"),
    FIELD(struct segment, limit, "last valid offset"),
    FIELD(struct segment, base, "linear base"),
    FIELD_END,
};

static const struct field table_fields[] = {
    FIELD(struct descriptor_table, base, "linear base"),
    FIELD(struct descriptor_table, limit, "last valid offset"),
    FIELD_END,
};

static const struct field f80_fields[] = {
    FIELD(struct f80, sig, "significand"),
    FIELD(struct f80, se, "sign and exponent"),
    FIELD_END,
};

static const struct field x87_fields[] = {
    FIELD_SUB(struct x87, reg, f80_fields, "registers by physical number"),
    FIELD(struct x87, control, "control word"),
    FIELD(struct x87, status, "status word without TOP"),
    FIELD(struct x87, top, "TOP"),
    FIELD(struct x87, tag_empty, "empty registers"),
    FIELD(struct x87, last_opcode, "last opcode"),
    FIELD(struct x87, last_cs, "last instruction's CS"),
    FIELD(struct x87, last_ds, "last operand's segment"),
    FIELD(struct x87, last_ip, "last instruction's offset"),
    FIELD(struct x87, last_dp, "last operand's offset"),
    FIELD_END,
};

const struct field vcpu_fields[] = {
    FIELD_ARRAY(struct vcpu, reg, "general registers"),
    FIELD(struct vcpu, eip, "instruction pointer"),
    FIELD(struct vcpu, eflags, "EFLAGS"),
    FIELD(struct vcpu, events, "pending events"),
    FIELD(struct vcpu, cpl, "privilege level"),
    FIELD_SUB(struct vcpu, seg, segment_fields, "segment registers"),
    FIELD_SUB1(struct vcpu, ldtr, segment_fields, "LDTR"),
    FIELD_SUB1(struct vcpu, tr, segment_fields, "TR"),
    FIELD_SUB1(struct vcpu, gdtr, table_fields, "GDTR"),
    FIELD_SUB1(struct vcpu, idtr, table_fields, "IDTR"),
    FIELD(struct vcpu, cr0, "CR0"),
    FIELD(struct vcpu, cr2, "CR2"),
    FIELD(struct vcpu, cr3, "CR3"),
    FIELD(struct vcpu, cr4, "CR4"),
    FIELD_ARRAY(struct vcpu, pdpte, "PAE directory pointers"),
    FIELD_ARRAY(struct vcpu, dr, "debug registers"),
    FIELD(struct vcpu, dr6_pending, "DR6 bits of a trap that is due"),
    FIELD(struct vcpu, efer, "EFER"),
    FIELD(struct vcpu, sysenter_cs, "SYSENTER_CS"),
    FIELD(struct vcpu, sysenter_esp, "SYSENTER_ESP"),
    FIELD(struct vcpu, sysenter_eip, "SYSENTER_EIP"),
    FIELD(struct vcpu, pat, "PAT"),
    FIELD(struct vcpu, mtrr_def_type, "MTRRdefType"),
    FIELD_ARRAY(struct vcpu, mtrr_phys, "variable-range MTRRs"),
    FIELD_ARRAY(struct vcpu, mtrr_fixed, "fixed-range MTRRs"),
    FIELD(struct vcpu, tsc_offset, "guest TSC minus virtual TSC"),
    FIELD(struct vcpu, microcode_rev, "microcode revision"),
    FIELD(struct vcpu, misc_enable, "IA32_MISC_ENABLE"),
    FIELD(struct vcpu, debugctl, "IA32_DEBUGCTL"),
    FIELD(struct vcpu, mcg_status, "IA32_MCG_STATUS"),
    FIELD(struct vcpu, halted, "in HLT"),
    FIELD(struct vcpu, ignne, "IGNNE# asserted"),
    FIELD(struct vcpu, monitor.armed, "MONITOR armed a line"),
    FIELD(struct vcpu, monitor.waiting, "in MWAIT"),
    FIELD(struct vcpu, monitor.offset, "machine offset of the monitored line"),
    FIELD_ARRAY(struct vcpu, monitor.line, "the monitored line when it was armed"),
    FIELD(struct vcpu, nmi_blocked, "in an NMI handler"),
    FIELD(struct vcpu, inhibit, "interrupts held off for one instruction"),
    FIELD(struct vcpu, shutdown, "shut down"),
    FIELD_SUB1(struct vcpu, x87, x87_fields, "x87"),
    FIELD_ARRAY(struct vcpu, xmm, "XMM registers"),
    FIELD(struct vcpu, mxcsr, "MXCSR"),
    FIELD(struct vcpu, insns, "instructions retired"),
    FIELD_END,
};

void vcpu_state_flush(struct vcpu *c)
{
    c->eflags = (c->eflags & ~FLAGS_ARITH) | flags_arith(c);
}

void vcpu_state_loaded(struct vcpu *c)
{
    flags_set_arith(c, c->eflags);
    c->reg[REG_NONE].q = 0; /* the stream is not trusted */
    c->cpl &= 3;
    c->x87.top &= 7;
    c->mxcsr &= mxcsr_mask(c->features); /* translated code loads it into the host's */
    c->cur = NULL;
    c->block = c->resume.block = c->link_from = NULL;
    uint64_t end = physmap_machine_size(c->physmap);
    if (c->monitor.offset >= end || end - c->monitor.offset < MONITOR_LINE)
        c->monitor.armed = c->monitor.waiting = false;
    c->wake |= WAKE_EVENT;
    debug_update(c);
    vcpu_derive(c);
    history_clear(c->history); /* it was another machine's */
}
