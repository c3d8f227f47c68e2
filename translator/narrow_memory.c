/* translator/narrow_memory.c: accesses that the soft TLB did not serve.
 *
 *     what                what is done
 *     a page not in it    the page tables are walked, and the instruction's host code runs again
 *     a page with code    MOV and PUSH write it here: programs keep data, or their stack, there
 *     a device            narrow_device.c
 *     all else            the handler: so do faults that come before the access
 */
#include "cpu/access.h"
#include "cpu/run.h"
#include "cpu/segment.h"
#include "translator/narrow.h"

unsigned narrow_access(const struct insn *i)
{
    switch (i->op) {
    case OPROW_push_zv:
    case OPROW_push_iv:
    case OPROW_push_ib:
    case OPROW_push_es:
    case OPROW_push_cs:
    case OPROW_push_ss:
    case OPROW_push_ds:
    case OPROW_push_fs:
    case OPROW_push_gs:
        return i->osize | ACCESS_WRITE | ACCESS_STACK;
    case OPROW_pop_zv:
    case OPROW_ret:
    case OPROW_ret_iw:
        return i->osize | ACCESS_STACK;
    case OPROW_push_ev:
    case OPROW_push_ev_7:
        return insn_is_mem(i) || i->rm == ESP ? 0 : i->osize | ACCESS_WRITE | ACCESS_STACK;
    case OPROW_mov_ew_s0:
    case OPROW_mov_ew_s1:
    case OPROW_mov_ew_s2:
    case OPROW_mov_ew_s3:
    case OPROW_mov_ew_s4:
    case OPROW_mov_ew_s5:
        return insn_is_mem(i) ? 2 | ACCESS_WRITE : 0;
    case OPROW_mov_al_ob:
        return 1;
    case OPROW_mov_ob_al:
        return 1 | ACCESS_WRITE;
    case OPROW_mov_eax_ov:
        return i->osize;
    case OPROW_mov_ov_eax:
        return i->osize | ACCESS_WRITE;
    default:
        break;
    }
    bool write;
    unsigned size = backend_accesses_memory(i, &write);
    if (size)
        return size | (write ? ACCESS_WRITE : 0);
    size = backend_sse_accesses_memory(i, &write);
    return size ? size | ACCESS_SSE | (write ? ACCESS_WRITE : 0) : 0;
}

/* Where it lies. */
struct location {
    uint32_t offset, gva, seg, size;
    bool write, stack;
};

static inline struct location locate(const struct vcpu *c, const struct unit_insn *ui)
{
    struct location at;
    at.size = ui->access & ACCESS_SIZE;
    at.write = ui->access & ACCESS_WRITE;
    at.stack = ui->access & ACCESS_STACK;
    if (at.stack) {
        uint32_t sp = c->reg[ESP].d - (at.write ? at.size : 0u);
        at.seg = SEG_SS;
        at.offset = stack_wrapped(c, sp);
    } else {
        at.seg = ui->insn->seg;
        at.offset = insn_ea(c, ui->insn);
    }
    at.gva = (uint32_t)c->seg[at.seg].base + at.offset;
    return at;
}

static unsigned pushed_segment(unsigned op)
{
    switch (op) {
    case OPROW_push_es:
        return SEG_ES;
    case OPROW_push_cs:
        return SEG_CS;
    case OPROW_push_ss:
        return SEG_SS;
    case OPROW_push_ds:
        return SEG_DS;
    case OPROW_push_fs:
        return SEG_FS;
    default:
        return SEG_GS;
    }
}

/* What a store moves. False: it is not a plain one. */
static bool stored_value(const struct vcpu *c, const struct insn *i, uint32_t *value)
{
    switch (i->op) {
    case OPROW_mov_eb_gb:
    case OPROW_mov_ob_al:
        *value = narrow_register(c, i->op == OPROW_mov_ob_al ? EAX : i->reg, 1);
        return true;
    case OPROW_mov_ev_gv:
    case OPROW_push_zv:
        *value = c->reg[i->reg].d;
        return true;
    case OPROW_mov_ov_eax:
        *value = c->reg[EAX].d;
        return true;
    case OPROW_push_ev:
    case OPROW_push_ev_7:
        *value = c->reg[i->rm].d;
        return true;
    case OPROW_push_es:
    case OPROW_push_cs:
    case OPROW_push_ss:
    case OPROW_push_ds:
    case OPROW_push_fs:
    case OPROW_push_gs:
        *value = c->seg[pushed_segment(i->op)].selector;
        return true;
    case OPROW_mov_ew_s0:
    case OPROW_mov_ew_s1:
    case OPROW_mov_ew_s2:
    case OPROW_mov_ew_s3:
    case OPROW_mov_ew_s4:
    case OPROW_mov_ew_s5:
        *value = c->seg[i->reg].selector;
        return true;
    case OPROW_mov_eb_ib:
    case OPROW_mov_ev_iv:
    case OPROW_push_iv:
    case OPROW_push_ib:
        *value = i->imm;
        return true;
    default:
        return false;
    }
}

/* --- Pages with code -------------------------------------------------------------------------- */

bool narrow_store_noted(struct vcpu *c, struct unit *u, unsigned n, unsigned seg, uint32_t offset,
                        uint32_t value, unsigned size)
{
    enum store_noted met = access_store_noted(c, seg, offset, value, size);
    if (met == STORE_BESIDE)
        translator_wrote_beside(c->translated.translator, u, n,
                                (uint32_t)c->seg[seg].base + offset);
    return met != STORE_NOT_NOTED;
}

bool narrow_store(struct vcpu *c, struct unit *u, unsigned n, unsigned seg, uint32_t offset,
                  uint32_t value, unsigned size)
{
    uint8_t *p = narrow_reach(c, seg, offset, size, TLB_WRITE);
    if (!p)
        return narrow_store_noted(c, u, n, seg, offset, value, size);
    if (size == 4)
        store_le32(p, value);
    else if (size == 2)
        store_le16(p, (uint16_t)value);
    else
        *p = (uint8_t)value;
    return true;
}

const uint8_t *narrow_stored(struct vcpu *c, const struct unit *u, unsigned n)
{
    if (u->dead || c->wake)
        return narrow_leave(c, u, n);
    return narrow_resume(c, u, &u->insn[n]);
}

/* False: it is not such a page, or not a plain store. */
static bool store(struct vcpu *c, uint32_t site, const struct location *at, const uint8_t **host)
{
    struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site);
    uint32_t value;
    if (!stored_value(c, u->insn[n].insn, &value) ||
        !narrow_store_noted(c, u, n, at->seg, at->offset, value, at->size))
        return false;
    if (at->stack)
        set_stack_pointer(c, c->reg[ESP].d - at->size);
    *host = narrow_stored(c, u, n);
    return true;
}

/* --- The TLB ---------------------------------------------------------------------------------- */

/* The page was entered: the host code of instruction n of u runs again. The walk may have written
 * to the page tables, and they may be code of u: then the instruction goes on as it was. */
static const uint8_t *again(struct vcpu *c, struct unit *u, unsigned n)
{
    const struct unit_insn *ui = &u->insn[n];
    if (unlikely(u->dead || c->wake))
        return translator_help_unit(c, u, n);
    c->reg[ESP].q = c->reg[ESP].d - (uint32_t)ui->esp_before;
    return u->start + ui->host;
}

/* Might the instruction raise something before it accesses memory? */
static bool may_raise_first(const struct translator *t, const struct unit_insn *ui,
                            const struct location *at)
{
    return (ui->access & ACCESS_SSE) &&
           (t->fpu.level < FPU_ALL || (at->size == 16 && (at->gva & 15)));
}

const uint8_t *narrow_missed(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    struct location at = locate(c, &u->insn[site_index(site)]);
    enum tlb_kind device = at.write ? TLB_DEVICE_WRITE : TLB_DEVICE_READ;
    uint64_t gpa = (uintptr_t)tlb_lookup(&c->tlb, c->tlb_view, device, at.gva, at.size);
    const struct segment *s = &c->seg[at.seg];
    if (gpa && at.offset + (uint64_t)at.size <= (at.write ? s->write_len : s->read_len))
        return narrow_ask(c, site, gpa);
    return narrow_no_device(c, site);
}

static bool is_beside(struct vcpu *c, const struct location *at)
{
    return tlb_lookup(&c->tlb, c->tlb_view, TLB_BESIDE, at->gva, at->size);
}

/* Has the TLB what the lookup of an instruction that writes beside code is after: any page that may
 * be written so, with code or without. */
static enum access_answer enter_beside(struct vcpu *c, const struct location *at, uint32_t *error)
{
    if (is_beside(c, at)) /* the bytes are code */
        return ACCESS_SLOW;
    access_enter_beside(c, at->gva);
    if (is_beside(c, at))
        return ACCESS_ENTERED;
    if (access_enter(c, at->gva, true, error) == ACCESS_FAULTS)
        return ACCESS_FAULTS;
    access_enter_beside(c, at->gva);
    return is_beside(c, at) ? ACCESS_ENTERED : ACCESS_SLOW;
}

const uint8_t *narrow_no_device(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    unsigned n = site_index(site);
    const struct unit_insn *ui = &u->insn[n];
    struct location at = locate(c, ui);
    const struct segment *s = &c->seg[at.seg];
    if (at.offset + (uint64_t)at.size > (at.write ? s->write_len : s->read_len))
        return translator_help(c, site);
    const uint8_t *host;
    if (at.write && store(c, site, &at, &host))
        return host;
    /* What the TLB has the lookup would have found, or it was not after it. */
    enum tlb_kind kind = at.write ? TLB_WRITE : TLB_READ;
    bool beside = at.write && ui->beside, crosses = (at.gva & PAGE_MASK) + at.size > PAGE_SIZE;
    if (crosses || may_raise_first(t, ui, &at) ||
        (!beside && tlb_lookup(&c->tlb, c->tlb_view, kind, at.gva, at.size)))
        return translator_help(c, site);
    uint32_t error;
    switch (beside ? enter_beside(c, &at, &error) : access_enter(c, at.gva, at.write, &error)) {
    case ACCESS_ENTERED:
        return again(c, u, n);
    case ACCESS_FAULTS: /* such a walk writes nothing */
        return narrow_page_fault(c, site, at.gva, error);
    default:
        return translator_help_unit(c, u, n);
    }
}

narrow_function *narrow_memory_for(const struct insn *i)
{
    if (narrow_device_form(i))
        return narrow_device;
    return narrow_access(i) ? narrow_missed : NULL;
}
