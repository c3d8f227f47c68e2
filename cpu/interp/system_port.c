/* cpu/interp/system_port.c: IN, OUT, INS, OUTS.
 *
 * Each ends its block, so that what the device did (an interrupt, a reset, A20) is seen at once:
 * any of these wakes the engine. */
#include "cpu/debug.h"
#include "cpu/interp/chain.h"
#include "cpu/interp/system.h"
#include "cpu/port.h"
#include "cpu/stops.h"
#include "cpu/task.h"

/* A debugger hears of it when the instruction is complete. */
static void port_event(struct vcpu *c, uint16_t port, uint32_t value, unsigned size, bool write)
{
    stops_event(c, (struct stop_event){.kind = STOP_ON_PORT,
                                       .write = write,
                                       .size = (uint8_t)size,
                                       .port = port,
                                       .from_cs = c->seg[SEG_CS].selector,
                                       .from = vcpu_pc(c),
                                       .value = value});
}

static uint32_t port_read(struct vcpu *c, uint16_t port, unsigned size)
{
    if (c->io_breakpoints)
        debug_io_access(c, port, size);
    uint32_t value = c->host.port_read ? c->host.port_read(c->host.ctx, port, size) : UINT32_MAX;
    if (unlikely(c->stop_on & STOP_ON_PORT))
        port_event(c, port, value & (UINT32_MAX >> (32 - 8 * size)), size, false);
    return value;
}

static void port_write(struct vcpu *c, uint16_t port, uint32_t value, unsigned size)
{
    if (c->io_breakpoints)
        debug_io_access(c, port, size);
    if (unlikely(c->stop_on & STOP_ON_PORT))
        port_event(c, port, value, size, true);
    if (c->host.port_write)
        c->host.port_write(c->host.ctx, port, value, size);
}

void port_in_allowed(struct vcpu *c, uint16_t port, unsigned size)
{
    uint32_t value = port_read(c, port, size);
    if (size == 1)
        c->reg[EAX].b.l = (uint8_t)value;
    else
        set_reg(c, EAX, size, value);
}

void port_out_allowed(struct vcpu *c, uint16_t port, unsigned size)
{
    uint32_t value = c->reg[EAX].d & (UINT32_MAX >> (32 - 8 * size));
    port_write(c, port, value, size);
}

void port_in(struct vcpu *c, uint16_t port, unsigned size)
{
    io_check(c, port, size);
    port_in_allowed(c, port, size);
}

void port_out(struct vcpu *c, uint16_t port, unsigned size)
{
    io_check(c, port, size);
    port_out_allowed(c, port, size);
}

HANDLER_LAST(in_al_ib)
{
    c->cur = i;
    port_in(c, i->imm & 0xFF, 1);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(in_eax_ib)
{
    c->cur = i;
    port_in(c, i->imm & 0xFF, i->osize);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(in_al_dx)
{
    c->cur = i;
    port_in(c, c->reg[EDX].w, 1);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(in_eax_dx)
{
    c->cur = i;
    port_in(c, c->reg[EDX].w, i->osize);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(out_ib_al)
{
    c->cur = i;
    port_out(c, i->imm & 0xFF, 1);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(out_ib_eax)
{
    c->cur = i;
    port_out(c, i->imm & 0xFF, i->osize);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(out_dx_al)
{
    c->cur = i;
    port_out(c, c->reg[EDX].w, 1);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

HANDLER_LAST(out_dx_eax)
{
    c->cur = i;
    port_out(c, c->reg[EDX].w, i->osize);
    CHAIN(c, chain_direct(c, next_eip(c, i), 0));
}

/* --- String forms ---------------------------------------------------------------------------- */

static uint32_t index_value(const struct vcpu *c, const struct insn *i, unsigned reg)
{
    return i->asize == 2 ? c->reg[reg].w : c->reg[reg].d;
}

static void index_step(struct vcpu *c, const struct insn *i, unsigned reg, unsigned size)
{
    uint32_t step = c->eflags & FLAG_DF ? -size : size;
    set_reg(c, reg, i->asize, c->reg[reg].d + step);
}

/* The destination is checked before the device is asked: its data would be lost to a fault. */
static void ins_once(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t offset = index_value(c, i, EDI);
    access_prepare_rmw(c, i, SEG_ES, offset, size);
    uint32_t value = port_read(c, c->reg[EDX].w, size);
    if (size == 1)
        store8(c, i, SEG_ES, offset, (uint8_t)value);
    else if (size == 2)
        store16(c, i, SEG_ES, offset, (uint16_t)value);
    else
        store32(c, i, SEG_ES, offset, value);
    index_step(c, i, EDI, size);
}

static void outs_once(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t offset = index_value(c, i, ESI), value;
    if (size == 1)
        value = load8(c, i, i->seg, offset);
    else if (size == 2)
        value = load16(c, i, i->seg, offset);
    else
        value = load32(c, i, i->seg, offset);
    c->cur = i;
    port_write(c, c->reg[EDX].w, value, size);
    index_step(c, i, ESI, size);
}

typedef void transfer(struct vcpu *c, const struct insn *i, unsigned size);

/* A repeated transfer's rounds are of one element (cpu/run.h): the device sees time pass, and what
 * it asks for is seen at once. */
static inline void run_string(struct vcpu *c, const struct insn *i, unsigned size, transfer *once)
{
    c->cur = i;
    uint32_t here = vcpu_eip(c);
    io_check(c, c->reg[EDX].w, size);
    c->eip = next_eip(c, i);
    if (!(i->prefixes & (PREFIX_REP | PREFIX_REPNE))) {
        once(c, i, size);
        return;
    }
    for (uint32_t count = index_value(c, i, ECX); count;) {
        once(c, i, size);
        set_reg(c, ECX, i->asize, --count);
        if (count && (c->wake || vcpu_insns(c) + 1 >= c->insns_end)) {
            c->eip = here;
            leave_repeated(c);
            return;
        }
        c->insns += count != 0; /* the last one is counted with the block */
    }
}

HANDLER_LAST(insb)
{
    run_string(c, i, 1, ins_once);
}

HANDLER_LAST(insv)
{
    run_string(c, i, i->osize, ins_once);
}

HANDLER_LAST(outsb)
{
    run_string(c, i, 1, outs_once);
}

HANDLER_LAST(outsv)
{
    run_string(c, i, i->osize, outs_once);
}
