/* cpu/control.c: see control.h. */
#include "cpu/control.h"

#include "cpu/debug.h"
#include "cpu/model.h"
#include "cpu/run.h"
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
        vcpu_derive_mode(c);
    } else if (changed & (CR0_PG | CR0_WP)) {
        vcpu_update_paging(c);
        vcpu_note_mode(c);
    }
    /* With paging off before and after, each address is its own translation (SDM vol. 3, 4.10.4.1
     * names PG alone): programs that go to protected mode and back all the time keep theirs. */
    if ((changed & CR0_PG) || ((changed & CR0_WP) && (value & CR0_PG)))
        shadow_flush_all(c);
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
    shadow_flush_non_global(c); /* without CR4.PGE no page is global */
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

/* --- As instructions reach them --------------------------------------------------------------- */

static void require_cpl0(struct vcpu *c)
{
    if (c->cpl != 0)
        cpu_raise_error(c, VEC_GP, 0);
}

static void require_cr4(struct vcpu *c)
{
    if (!cpu_model_info(c->model)->cr4_mask)
        cpu_raise(c, VEC_UD);
}

uint32_t control_read(struct vcpu *c, unsigned n)
{
    require_cpl0(c);
    switch (n) {
    case 0:
        return c->cr0;
    case 2:
        return c->cr2;
    case 3:
        return (uint32_t)c->cr3;
    case 4:
        require_cr4(c);
        return c->cr4;
    default:
        cpu_raise(c, VEC_UD);
    }
}

void control_write(struct vcpu *c, unsigned n, uint32_t value)
{
    require_cpl0(c);
    switch (n) {
    case 0:
        control_write_cr0(c, value);
        break;
    case 2:
        c->cr2 = value;
        break;
    case 3:
        control_write_cr3(c, value);
        break;
    case 4:
        require_cr4(c);
        control_write_cr4(c, value);
        break;
    default:
        cpu_raise(c, VEC_UD);
    }
}

void control_clear_ts(struct vcpu *c)
{
    require_cpl0(c);
    c->cr0 &= ~CR0_TS;
}

/* PE, MP, EM and TS; it cannot leave protected mode. */
void control_write_msw(struct vcpu *c, uint32_t value)
{
    require_cpl0(c);
    control_write_cr0(c, (c->cr0 & ~UINT32_C(0xE)) | (value & 0xF));
}

void control_invalidate(struct vcpu *c, uint32_t gva)
{
    require_cpl0(c);
    shadow_flush_page(c, gva);
}

uint64_t vcpu_tsc(struct vcpu *c)
{
    uint64_t now = c->host.tsc ? c->host.tsc(c->host.ctx) : vcpu_insns(c);
    return now + (uint64_t)c->tsc_offset;
}

uint64_t control_read_tsc(struct vcpu *c)
{
    if ((c->cr4 & CR4_TSD) && c->cpl != 0)
        cpu_raise_error(c, VEC_GP, 0);
    return vcpu_tsc(c);
}
