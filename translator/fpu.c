/* translator/fpu.c: when the guest's FPU state moves between vCPU and host. See fpu.h.
 *
 * Moving the x87 state costs some 150 ns, a guard's fault 3 µs, XMM registers at each call to C
 * 10 ns. So the state is moved in ahead of use while the guest uses it, and given up when it has
 * gone unused, as far as is known, for CREDIT calls to C. */
#include "translator/fpu.h"

#include "cpu/feature.h"
#include "translator/translator.h"

#define CREDIT       4096
#define DENIED_LIMIT 256 /* uses denied by CR0, after which units are made without KEY_FPU */
#define STATUS_ES    0x80

static enum fpu_level allowed(const struct vcpu *c, const struct fpu *f)
{
    /* The 8087 and 80287 had other infinities, and an interrupt mask: hosts know neither. */
    if ((c->cr0 & (CR0_EM | CR0_TS)) || c->model <= CPU_286)
        return FPU_OFF;
    /* Without CR0.NE an error goes by way of FERR#, which the handlers drive. */
    if (!(c->cr0 & CR0_NE) && !f->in_host && (c->x87.status & STATUS_ES))
        return FPU_OFF;
    return (c->features & FEATURE_SSE) && (c->cr4 & CR4_OSFXSR) ? FPU_ALL : FPU_X87;
}

static void set_level(struct translator *t, enum fpu_level level)
{
    struct translated *d = &t->vcpu->translated;
    t->fpu.level = level;
    d->xmm_live = level == FPU_ALL;
    d->fpu_guard = (uint64_t)(uintptr_t)t->strip + ((uint64_t)level - 1) * FPU_GUARD_STEP;
}

void fpu_init(struct translator *t, bool exact)
{
    struct translated *d = &t->vcpu->translated;
    t->fpu.exact = exact;
    if (t->vcpu->model > CPU_286)
        t->form |= KEY_FPU;
    d->mxcsr_c = 0x1F80;
    d->mxcsr_none = ~mxcsr_mask(t->vcpu->features);
    set_level(t, FPU_OFF);
}

bool fpu_is_guard(const struct translator *t, uint64_t address)
{
    uint64_t below = (uint64_t)(uintptr_t)t->strip - address;
    return below == FPU_GUARD_STEP || below == 2 * FPU_GUARD_STEP;
}

static void raise_to(struct translator *t, enum fpu_level level)
{
    struct fpu *f = &t->fpu;
    if (!f->in_host) {
        if (!f->copy_holds || memcmp(&f->copy, &t->vcpu->x87, sizeof f->copy) != 0) {
            backend_x87_load(t);
            t->counters.fpu_loads++;
        }
        f->in_host = f->host_dirty = true;
        f->copy_holds = false;
    }
    set_level(t, level);
}

void fpu_review(struct translator *t)
{
    struct fpu *f = &t->fpu;
    if (!f->wanted)
        return;
    if (!--f->credit) {
        f->wanted = false;
        set_level(t, FPU_OFF);
        return;
    }
    enum fpu_level level = allowed(t->vcpu, f);
    if (level == f->level)
        return;
    if (level > f->level)
        raise_to(t, level);
    else
        set_level(t, level);
}

void fpu_want(struct translator *t)
{
    t->fpu.wanted = true;
    t->fpu.credit = CREDIT;
    fpu_review(t);
    if (t->fpu.level == FPU_OFF && ++t->fpu.denied > DENIED_LIMIT) {
        t->form &= ~KEY_FPU;
        t->fpu.denied = DENIED_LIMIT;
    }
}

void fpu_note_helped(struct translator *t)
{
    if (allowed(t->vcpu, &t->fpu) != FPU_OFF && --t->fpu.denied <= 0) {
        t->fpu.denied = 0;
        t->form |= KEY_FPU;
    }
}

bool fpu_take(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    struct fpu *f = &t->fpu;
    if (f->level != FPU_OFF)
        set_level(t, FPU_OFF);
    if (!f->in_host)
        return false;
    backend_x87_save(t);
    memcpy(&f->copy, &c->x87, sizeof f->copy);
    f->in_host = false;
    f->copy_holds = true;
    t->counters.fpu_saves++;
    bool error = (c->x87.status & STATUS_ES) && !(c->cr0 & CR0_NE);
    if (error && c->host.ferr)
        c->host.ferr(c->host.ctx, true);
    return error;
}

void fpu_leave(struct translator *t)
{
    (void)fpu_take(t);
    if (t->fpu.host_dirty)
        backend_x87_reset();
    t->fpu.host_dirty = t->fpu.copy_holds = false;
}
