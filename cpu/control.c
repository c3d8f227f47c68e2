/* cpu/control.c: see control.h. */
#include "cpu/control.h"

#include "cpu/debug.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "cpu/shadow.h"
#include "cpu/stops.h"

static bool load_pdptes(struct vcpu *c, uint32_t cr3)
{
    return walk_load_pdptes(c->physmap, cr3, cpu_model_info(c->model)->phys_bits, c->pdpte);
}

void control_write_cr0(struct vcpu *c, uint32_t value)
{
    uint32_t mask = cpu_model_info(c->model)->cr0_mask;
    value &= mask;
    if (c->model >= CPU_486)
        value |= CR0_ET; /* wired */
    if (((value & CR0_PG) && !(value & CR0_PE)) ||
        (c->model >= CPU_486 && (value & CR0_NW) && !(value & CR0_CD)))
        cpu_raise_error(c, VEC_GP, 0);
    uint32_t changed = c->cr0 ^ value;
    if ((changed & value & CR0_PG) && (c->cr4 & CR4_PAE) && !load_pdptes(c, (uint32_t)c->cr3))
        cpu_raise_error(c, VEC_GP, 0);
    c->cr0 = value;
    if (changed & CR0_PE) {
        vcpu_derive(c);
        return;
    }
    if (changed & (CR0_PG | CR0_WP)) {
        vcpu_update_paging(c);
        vcpu_note_mode(c);
        shadow_flush_all(c);
    }
    if (changed & CR0_AM)
        vcpu_update_alignment(c);
}

static void set_cr3(struct vcpu *c, uint32_t value)
{
    if (unlikely(c->stop_on & STOP_ON_CR3) && (uint32_t)c->cr3 != value)
        stops_event(c, (struct stop_event){.kind = STOP_ON_CR3,
                                           .from_cs = c->seg[SEG_CS].selector,
                                           .from = vcpu_pc(c),
                                           .value = value,
                                           .old = (uint32_t)c->cr3});
    c->cr3 = value;
    c->walk.root = value & 0xFFFFF000;
    if (c->cr4 & CR4_PAE)
        memcpy(c->walk.pdpte, c->pdpte, sizeof c->pdpte);
    if (c->cr4 & CR4_PGE)
        shadow_flush_non_global(c);
    else
        shadow_flush_all(c);
}

void control_write_cr3(struct vcpu *c, uint32_t value)
{
    if ((c->cr4 & CR4_PAE) && (c->cr0 & CR0_PG) && !load_pdptes(c, value))
        cpu_raise_error(c, VEC_GP, 0);
    set_cr3(c, value);
}

void control_load_task_cr3(struct vcpu *c, uint32_t value)
{
    if ((c->cr4 & CR4_PAE) && !load_pdptes(c, value))
        raise_selector(c, VEC_TS, c->tr.selector);
    set_cr3(c, value);
}

void control_write_cr4(struct vcpu *c, uint32_t value)
{
    if (value & ~cpu_model_info(c->model)->cr4_mask)
        cpu_raise_error(c, VEC_GP, 0);
    uint32_t changed = c->cr4 ^ value;
    if ((changed & value & CR4_PAE) && (c->cr0 & CR0_PG) && !load_pdptes(c, (uint32_t)c->cr3))
        cpu_raise_error(c, VEC_GP, 0);
    c->cr4 = value;
    if (changed & (CR4_PSE | CR4_PAE | CR4_PGE)) {
        vcpu_update_paging(c);
        shadow_flush_all(c);
    }
    if (changed & CR4_DE)
        debug_update(c);
}
