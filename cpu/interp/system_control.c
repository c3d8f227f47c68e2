/* cpu/interp/system_control.c: control and debug registers, CPUID, RDTSC, cache and TLB control,
 * LOADALL of the 286. */
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/interp/system.h"
#include "cpu/shadow.h"

HANDLER(mov_rd_cd)
{
    c->cur = i;
    c->reg[i->modrm & 7].d = control_read(c, i->reg);
}

HANDLER_LAST(mov_cd_rd)
{
    c->cur = i;
    control_write(c, i->reg, c->reg[i->modrm & 7].d);
    c->eip = next_eip(c, i);
}

/* The register that a MOV DR names, after its checks: DR4 and DR5 are DR6 and DR7 unless CR4.DE;
 * DR7.GD makes any access #DB. */
static unsigned debug_register(struct vcpu *c, const struct insn *i)
{
    unsigned n = i->reg & 7;
    if ((n == 4 || n == 5) && (c->cr4 & CR4_DE))
        cpu_raise(c, VEC_UD);
    require_cpl0(c, i);
    if (c->dr[7] & DR7_GD) {
        c->dr[6] |= DR6_BD;
        c->dr[7] &= ~(uint64_t)DR7_GD;
        cpu_raise(c, VEC_DB);
    }
    return n == 4 || n == 5 ? n + 2 : n;
}

HANDLER(mov_rd_dd)
{
    c->cur = i;
    c->reg[i->modrm & 7].d = (uint32_t)c->dr[debug_register(c, i)];
}

HANDLER_LAST(mov_dd_rd)
{
    c->cur = i;
    unsigned n = debug_register(c, i);
    debug_set(c, n, c->reg[i->modrm & 7].d);
    c->eip = next_eip(c, i);
}

HANDLER(clts)
{
    c->cur = i;
    control_clear_ts(c);
}

HANDLER(smsw)
{
    c->cur = i;
    uint32_t cr0 = c->model == CPU_286 ? c->cr0 | 0xFFF0 : c->cr0;
    store_ew(c, i, cr0);
}

HANDLER_LAST(lmsw)
{
    require_cpl0(c, i);
    uint32_t value = load_ew(c, i);
    c->cur = i;
    control_write_msw(c, value);
    c->eip = next_eip(c, i);
}

HANDLER_LAST(invlpg)
{
    c->cur = i;
    control_invalidate(c, (uint32_t)c->seg[i->seg].base + insn_ea(c, i));
    c->eip = next_eip(c, i);
}

/* WBINVD, INVD: the caches are not modelled. */
HANDLER(wbinvd)
{
    require_cpl0(c, i);
}

HANDLER(cpuid)
{
    c->cur = i;
    struct cpuid_result r = cpuid_leaf(c, c->reg[EAX].d, c->reg[ECX].d);
    c->reg[EAX].d = r.eax;
    c->reg[EBX].d = r.ebx;
    c->reg[ECX].d = r.ecx;
    c->reg[EDX].d = r.edx;
}

HANDLER(rdtsc)
{
    c->cur = i;
    uint64_t tsc = control_read_tsc(c);
    c->reg[EAX].d = (uint32_t)tsc;
    c->reg[EDX].d = (uint32_t)(tsc >> 32);
}

/* Performance counters exist and count nothing. */
HANDLER(rdpmc)
{
    c->cur = i;
    uint32_t counters = c->model == CPU_P4 ? 18 : 2;
    if ((c->cpl != 0 && !(c->cr4 & CR4_PCE)) || (c->reg[ECX].d & 0x7FFFFFFF) >= counters)
        cpu_raise_error(c, VEC_GP, 0);
    c->reg[EAX].d = c->reg[EDX].d = 0;
}

/* --- LOADALL of the 286: the whole state from physical 800h (undocumented; Robert Collins) ---- */

static uint16_t loadall_word(struct vcpu *c, unsigned at)
{
    return (uint16_t)physmap_read(c->physmap, 0x800 + at, 2);
}

/* A descriptor cache image: base (3 bytes), access, limit. */
static void loadall_segment(struct vcpu *c, struct segment *s, uint16_t selector, unsigned at)
{
    s->selector = selector;
    s->base = loadall_word(c, at) | (loadall_word(c, at + 2) & 0xFFu) << 16;
    s->attr = loadall_word(c, at + 2) >> 8;
    s->limit = loadall_word(c, at + 4);
}

static struct descriptor_table loadall_table(struct vcpu *c, unsigned at)
{
    return (struct descriptor_table){.base = loadall_word(c, at) | (loadall_word(c, at + 2) & 0xFFu)
                                                                       << 16,
                                     .limit = loadall_word(c, at + 4)};
}

HANDLER_LAST(loadall286)
{
    require_cpl0(c, i);
    uint32_t msw = loadall_word(c, 0x06);
    c->cr0 = (c->cr0 & CR0_PE) | (msw & 0xF);
    flags_set(c, loadall_word(c, 0x18), FLAGS_286);
    c->eip = loadall_word(c, 0x1A);
    static const uint8_t order[8] = {EDI, ESI, EBP, ESP, EBX, EDX, ECX, EAX};
    for (unsigned n = 0; n < 8; n++)
        c->reg[order[n]].w = loadall_word(c, 0x26 + 2 * n);
    loadall_segment(c, &c->seg[SEG_ES], loadall_word(c, 0x24), 0x36);
    loadall_segment(c, &c->seg[SEG_CS], loadall_word(c, 0x22), 0x3C);
    loadall_segment(c, &c->seg[SEG_SS], loadall_word(c, 0x20), 0x42);
    loadall_segment(c, &c->seg[SEG_DS], loadall_word(c, 0x1E), 0x48);
    c->gdtr = loadall_table(c, 0x4E);
    loadall_segment(c, &c->ldtr, loadall_word(c, 0x1C), 0x54);
    c->idtr = loadall_table(c, 0x5A);
    loadall_segment(c, &c->tr, loadall_word(c, 0x16), 0x60);
    c->cpl = c->cr0 & CR0_PE ? (uint8_t)bits(c->seg[SEG_SS].attr, 6, 5) : 0;
    vcpu_derive(c);
}
