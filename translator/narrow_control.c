/* translator/narrow_control.c: control registers, INVLPG, CPUID, RDTSC. What may change where code
 * lies goes on as a jump does; after all else the unit goes on. */
#include "cpu/access.h"
#include "cpu/control.h"
#include "cpu/model.h"
#include "translator/jumps.h"
#include "translator/narrow.h"

/* The instruction has run; it cannot have dropped its unit. */
static const uint8_t *done(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    return narrow_done(c, u, site_index(site), FLAGS_IN_HOST);
}

static const uint8_t *read_control(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    unsigned n = ui->insn->reg, to = ui->insn->modrm & 7;
    if (likely(c->cpl == 0 && n <= 3 && n != 1)) { /* which raises nothing */
        c->reg[to].d = control_read(c, n);
        return narrow_resume(c, u, ui);
    }
    narrow_begin(c, site);
    take_flags(c);
    c->reg[to].d = control_read(c, n);
    return done(c, site);
}

/* Did the instruction, begun at `flushes` and `page_flushes`, flush the translation of its own
 * page? One that crosses into the next page is a unit of its own. */
static bool moved_code(const struct vcpu *c, const struct unit *u, uint64_t flushes,
                       uint64_t page_flushes)
{
    if (c->tlb.flushes != flushes)
        return true;
    if (c->tlb.page_flushes == page_flushes)
        return false;
    uint32_t page = c->tlb.flushed[(c->tlb.page_flushes - 1) % TLB_FLUSHED];
    return page == TLB_FLUSHED_LARGE || page - (u->gva >> PAGE_SHIFT) <= 1;
}

static inline const uint8_t *change(struct vcpu *c, uint32_t site,
                                    void (*run)(struct vcpu *, const struct insn *))
{
    struct translator *t = c->translated.translator;
    const struct unit *u = site_unit(t, site);
    uint64_t flushes = c->tlb.flushes, page_flushes = c->tlb.page_flushes;
    const struct insn *i = narrow_begin(c, site);
    take_flags(c); /* something may be raised */
    run(c, i);
    if (!moved_code(c, u, flushes, page_flushes)) {
        jumps_choose(t, t->current_key); /* it must hear of the page */
        return narrow_done(c, u, site_index(site), FLAGS_IN_HOST);
    }
    c->insns++;
    c->eip = eip_behind(u, &u->insn[site_index(site)]);
    return translator_transfer(t, FLAGS_IN_HOST);
}

static void run_write(struct vcpu *c, const struct insn *i)
{
    control_write(c, i->reg, c->reg[i->modrm & 7].d);
}

static const uint8_t *write_control(struct vcpu *c, uint32_t site)
{
    return change(c, site, run_write);
}

static void run_lmsw(struct vcpu *c, const struct insn *i)
{
    control_write_msw(c, c->reg[i->rm].w);
}

static const uint8_t *lmsw(struct vcpu *c, uint32_t site)
{
    return change(c, site, run_lmsw);
}

static void run_clts(struct vcpu *c, const struct insn *i)
{
    (void)i;
    control_clear_ts(c);
}

static const uint8_t *clts(struct vcpu *c, uint32_t site)
{
    return change(c, site, run_clts);
}

/* The usual one, which raises nothing and names a page without the code that runs: of all that host
 * code relies on only the jump table has to hear of it. */
static const uint8_t *flush_page(struct vcpu *c, const struct unit *u, const struct unit_insn *ui,
                                 uint32_t gva)
{
    struct translator *t = c->translated.translator;
    uint64_t flushes = c->tlb.flushes, page_flushes = c->tlb.page_flushes;
    control_invalidate(c, gva);
    if (moved_code(c, u, flushes, page_flushes) || u->dead || c->wake)
        return NULL;
    jumps_use(t, t->current, t->current_key);
    return narrow_resume(c, u, ui);
}

static void run_invlpg(struct vcpu *c, const struct insn *i)
{
    control_invalidate(c, (uint32_t)c->seg[i->seg].base + insn_ea(c, i));
}

static const uint8_t *invlpg(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    uint32_t gva = (uint32_t)c->seg[ui->insn->seg].base + insn_ea(c, ui->insn);
    const uint8_t *host = c->cpl == 0 ? flush_page(c, u, ui, gva) : NULL;
    /* Otherwise it runs, maybe once more: that flushes what is flushed. */
    return likely(host != NULL) ? host : change(c, site, run_invlpg);
}

static const uint8_t *cpuid(struct vcpu *c, uint32_t site)
{
    struct cpuid_result r = cpuid_leaf(c, c->reg[EAX].d, c->reg[ECX].d);
    narrow_begin(c, site);
    c->reg[EAX].d = r.eax;
    c->reg[EBX].d = r.ebx;
    c->reg[ECX].d = r.ecx;
    c->reg[EDX].d = r.edx;
    return done(c, site);
}

static const uint8_t *rdtsc(struct vcpu *c, uint32_t site)
{
    narrow_begin(c, site);
    if (c->cpl != 0)
        take_flags(c);
    uint64_t tsc = control_read_tsc(c);
    c->reg[EAX].d = (uint32_t)tsc;
    c->reg[EDX].d = (uint32_t)(tsc >> 32);
    return done(c, site);
}

narrow_function *narrow_control_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_mov_rd_cd:
        return read_control;
    case OPROW_mov_cd_rd:
        return write_control;
    case OPROW_lmsw:
        return insn_is_mem(i) ? NULL : lmsw;
    case OPROW_clts:
        return clts;
    case OPROW_invlpg:
        return invlpg;
    case OPROW_cpuid:
        return cpuid;
    case OPROW_rdtsc:
        return rdtsc;
    default:
        return NULL;
    }
}
