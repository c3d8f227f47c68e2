/* The x87's status, exceptions, environment and image formats (SDM vol. 1, 8.1). */
#include "cpu/x87.h"

#include "cpu/interp/x87.h"

void x87_raise_nm(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    cpu_raise(c, VEC_NM);
}

void x87_raise_pending(struct vcpu *c, const struct insn *i)
{
    c->cur = i;
    if (c->cr0 & CR0_NE)
        cpu_raise(c, VEC_MF);
    if (!c->host.ferr)
        return;
    c->host.ferr(c->host.ctx, !(c->x87.control & CW_IEM));
    if (c->model >= CPU_286 && !c->ignne)
        cpu_freeze(c);
}

void x87_update_summary(struct vcpu *c)
{
    struct x87 *f = &c->x87;
    bool before = f->status & SW_ES, now = f->status & ~f->control & FP_ALL;
    f->status &= (uint16_t) ~(SW_ES | SW_B);
    if (now)
        f->status |= SW_ES | SW_B;
    bool changed = before != now || x87_is_8087(c); /* FENI and FDISI change it alone */
    if (changed && !(c->cr0 & CR0_NE) && c->host.ferr)
        c->host.ferr(c->host.ctx, now && !(f->control & CW_IEM));
}

bool x87_unmasked(struct vcpu *c, uint32_t raised)
{
    struct x87 *f = &c->x87;
    bool store = true;
    f->status &= (uint16_t)~SW_C1;
    if (raised & ~f->control & FP_PRE) { /* nothing was computed */
        raised &= FP_PRE;
        store = false;
    }
    f->status |= (uint16_t)raised;
    x87_update_summary(c);
    return store;
}

bool x87_stack_fault(struct vcpu *c, bool overflow)
{
    struct x87 *f = &c->x87;
    f->status = (uint16_t)((f->status & ~SW_C1) | SW_SF | FP_IE | (overflow ? SW_C1 : 0));
    x87_update_summary(c);
    return f->control & FP_IE;
}

void x87_init(struct vcpu *c)
{
    struct x87 *f = &c->x87;
    f->control = x87_control(c, X87_CONTROL_INIT | CW_IEM);
    f->status = 0;
    f->top = 0;
    f->tag_empty = 0xFF;
    f->last_opcode = f->last_cs = f->last_ds = 0;
    f->last_ip = f->last_dp = 0;
}

uint16_t x87_status(const struct x87 *f)
{
    return (uint16_t)(f->status | f->top << 11);
}

void x87_set_status(struct vcpu *c, uint16_t status)
{
    c->x87.top = status >> 11 & 7;
    /* ES as it was, so that a change of it drives FERR# */
    c->x87.status = (uint16_t)((status & ~(0x3800 | SW_ES | SW_B)) | (c->x87.status & SW_ES));
    x87_update_summary(c);
}

uint16_t x87_tag_word(const struct x87 *f)
{
    uint16_t tags = 0;
    for (unsigned r = 0; r < 8; r++) {
        unsigned tag = 2;
        if (f->tag_empty >> r & 1)
            tag = 3;
        else if (f80_classify(f->reg[r]) == FP_CLASS_ZERO)
            tag = 1;
        else if (f80_classify(f->reg[r]) == FP_CLASS_NORMAL)
            tag = 0;
        tags |= (uint16_t)(tag << (2 * r));
    }
    return tags;
}

static void set_tag_word(struct x87 *f, uint16_t tags)
{
    f->tag_empty = 0;
    for (unsigned r = 0; r < 8; r++)
        if ((tags >> (2 * r) & 3) == 3)
            f->tag_empty |= (uint8_t)(1u << r);
}

/* The environment's seven fields, in memory's order; each is a word (16-bit format) or a dword.
 * The real and V86 format holds linear addresses:
 *
 *     protected:  CW SW TW | IP | CS, opcode (32-bit: bits 16..26) | DP | DS
 *     real:       CW SW TW | IP 15..0 | IP 31..16 << 12, opcode    | DP 15..0 | DP 31..16 << 12
 */
void x87_environment(const struct vcpu *c, unsigned size, uint32_t field[7])
{
    const struct x87 *f = &c->x87;
    struct x87_pointers last = x87_pointers(f);
    uint32_t ones = size == 4 ? UINT32_C(0xFFFF0000) : 0, opcode = last.opcode;
    field[0] = ones | f->control;
    field[1] = ones | x87_status(f);
    field[2] = ones | x87_tag_word(f);
    if (vcpu_is_protected(c)) {
        field[3] = last.ip;
        field[4] = last.cs | opcode << 16;
        field[5] = last.dp;
        field[6] = ones | last.ds;
    } else {
        uint32_t ip = ((uint32_t)last.cs << 4) + last.ip;
        uint32_t dp = ((uint32_t)last.ds << 4) + last.dp;
        field[3] = ones | (ip & 0xFFFF);
        field[4] = ip >> 16 << 12 | opcode;
        field[5] = ones | (dp & 0xFFFF);
        field[6] = dp >> 16 << 12;
    }
}

void x87_set_environment(struct vcpu *c, unsigned size, const uint32_t field[7])
{
    struct x87 *f = &c->x87;
    f->control = x87_control(c, field[0]);
    set_tag_word(f, (uint16_t)field[2]);
    x87_set_status(c, (uint16_t)field[1]);
    if (vcpu_is_protected(c)) {
        f->last_ip = size == 4 ? field[3] : field[3] & 0xFFFF;
        f->last_cs = (uint16_t)field[4];
        if (size == 4)
            f->last_opcode = field[4] >> 16 & 0x7FF;
        f->last_dp = size == 4 ? field[5] : field[5] & 0xFFFF;
        f->last_ds = (uint16_t)field[6];
    } else {
        uint32_t high = size == 4 ? UINT32_C(0x0FFFF000) : 0xF000;
        f->last_ip = (field[3] & 0xFFFF) | (field[4] & high) << 4;
        f->last_dp = (field[5] & 0xFFFF) | (field[6] & high) << 4;
        f->last_cs = f->last_ds = 0;
        f->last_opcode = field[4] & 0x7FF;
    }
}

static void store_field(struct vcpu *c, const struct insn *i, uint32_t at, uint32_t v)
{
    if (i->osize == 2)
        store16(c, i, i->seg, at, (uint16_t)v);
    else
        store32(c, i, i->seg, at, v);
}

/* Nothing is stored unless all of [at, at + len) can be. Shorter than a page: both ends tell. */
static void check_image(struct vcpu *c, const struct insn *i, uint32_t at, uint32_t len)
{
    access_prepare_rmw(c, i, i->seg, at, i->osize);
    access_prepare_rmw(c, i, i->seg, at + len - 2, 2);
}

static void store_environment(struct vcpu *c, const struct insn *i, uint32_t at)
{
    uint32_t field[7];
    x87_environment(c, i->osize, field);
    for (unsigned n = 0; n < 7; n++)
        store_field(c, i, at + n * i->osize, field[n]);
}

static void load_environment(struct vcpu *c, const struct insn *i, uint32_t at, uint32_t field[7])
{
    for (unsigned n = 0; n < 7; n++)
        field[n] =
            i->osize == 2 ? load16(c, i, i->seg, at + n * 2) : load32(c, i, i->seg, at + n * 4);
}

/* All exceptions masked, as FNSTENV and FNSAVE leave it. */
HANDLER(fnstenv)
{
    x87_enter_nowait(c, i);
    uint32_t at = insn_ea(c, i);
    check_image(c, i, at, 7u * i->osize);
    store_environment(c, i, at);
    c->x87.control |= FP_ALL;
    x87_update_summary(c);
}

HANDLER_OUTLINE(fldenv)
{
    uint32_t field[7];
    x87_enter(c, i);
    load_environment(c, i, insn_ea(c, i), field);
    x87_set_environment(c, i->osize, field);
}

HANDLER(fnsave)
{
    x87_enter_nowait(c, i);
    uint32_t at = insn_ea(c, i), regs = at + 7u * i->osize;
    check_image(c, i, at, 7u * i->osize + 80);
    store_environment(c, i, at);
    for (unsigned n = 0; n < 8; n++) {
        const struct f80 *r = x87_st(&c->x87, n);
        store64(c, i, i->seg, regs + n * 10, r->sig);
        store16(c, i, i->seg, regs + n * 10 + 8, r->se);
    }
    bool pending = c->x87.status & SW_ES;
    x87_init(c);
    if (pending && !(c->cr0 & CR0_NE) && c->host.ferr)
        c->host.ferr(c->host.ctx, false);
}

HANDLER_OUTLINE(frstor)
{
    uint32_t field[7];
    struct f80 reg[8];
    x87_enter(c, i);
    uint32_t at = insn_ea(c, i), regs = at + 7u * i->osize;
    load_environment(c, i, at, field);
    for (unsigned n = 0; n < 8; n++) {
        reg[n].sig = load64(c, i, i->seg, regs + n * 10);
        reg[n].se = load16(c, i, i->seg, regs + n * 10 + 8);
    }
    x87_set_environment(c, i->osize, field);
    for (unsigned n = 0; n < 8; n++)
        *x87_st(&c->x87, n) = reg[n];
}
