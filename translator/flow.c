/* translator/flow.c: where host code goes on.
 *
 * Before it does, what it relies on is brought up to date: the window that GS shows, the jump table
 * and the stack of returns of the mode and address space, the FPU's level, and the counter.
 *
 * The counter. A host address in a strip of readable memory counts instructions down: counter -
 * strip are left, t->end is what vcpu.insns will be at 0. Each block begins by subtracting its
 * instructions; each unit begins with a load from [counter - its instructions], which faults
 * below the strip, so a unit is only begun when all of it may run. No flag is needed for that. What
 * remains of a budget runs in the interpreter, to the instruction. */
#include "translator/flow.h"

#include "translator/jumps.h"
#include "translator/returns.h"
#include "translator/units.h"

/* Lets the counter run from now on: insns is current, `ahead` instructions more are counted
 * already. Returns the instructions left. */
static uint64_t set_counter(struct translator *t, unsigned ahead)
{
    struct vcpu *c = t->vcpu;
    uint64_t left = c->insns < c->insns_end ? c->insns_end - c->insns : 0;
    if (left > BUDGET_STRIP - 2 * UNIT_MAX_INSNS)
        left = BUDGET_STRIP - 2 * UNIT_MAX_INSNS;
    t->end = c->insns + left;
    c->translated.counter = (uint64_t)(uintptr_t)t->strip + left - ahead;
    return left;
}

uint64_t translator_hasten(struct translator *t, uint64_t counter)
{
    uint64_t left = counter - (uint64_t)(uintptr_t)t->strip;
    if (!t->policy.due || left <= UNIT_MAX_INSNS || left > BUDGET_STRIP)
        return counter;
    t->end -= left - UNIT_MAX_INSNS;
    return counter - (left - UNIT_MAX_INSNS);
}

/* --- Mode and address space ------------------------------------------------------------------ */

/* When the window has to be brought up to date, or made: that is what windows cost. */
static uint8_t *enter_window(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    bool timed = !t->ready->base[c->tlb_view] && policy_is_first_entry(&t->policy);
    uint64_t before = timed ? backend_cycles() : 0;
    uint8_t *base = windows_enter(c->windows, &c->walk, c->tlb_view);
    if (timed)
        policy_entry_took(&t->policy, backend_cycles() - before);
    return base;
}

static bool change_window(struct translator *t)
{
    uint8_t *base = enter_window(t);
    if (base && base != t->window) {
        t->window = base;
        t->vcpu->translated.window = (uint64_t)(uintptr_t)base;
        backend_set_window(base);
    }
    return base != NULL;
}

/* Has GS show the window of the present address space and privilege. False: there is none. */
static inline bool show_window(struct translator *t)
{
    const uint8_t *base = t->ready->base[t->vcpu->tlb_view];
    if (likely(base == t->window && base == t->ready->entered && base != NULL))
        return true;
    return change_window(t);
}

static inline bool window_is_wanted(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    if (t->shadow != SHADOW_AUTO)
        return t->shadow == SHADOW_WINDOW;
    if (!c->walk.paging) {
        policy_skip(&t->policy, c->insns);
        return true;
    }
    uint64_t root = c->walk.pae ? c->cr3 : c->walk.root;
    return policy_choose(&t->policy, root, c->tlb_view, c->insns, &c->tlb);
}

static inline uint32_t present_key(struct translator *t)
{
    bool window = window_is_wanted(t) && show_window(t);
    t->form = (t->form & ~KEY_WINDOW) | (window ? KEY_WINDOW : 0);
    return key_of(t->vcpu) | t->form;
}

/* --- Going on --------------------------------------------------------------------------------- */

const uint8_t *translator_go_on(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    if (engine_is_wanted(c) || c->insns >= c->insns_end)
        return NULL;
    block_refresh(c);
    uint32_t key = present_key(t);
    c->block = NULL;
    c->cur = NULL;
    struct unit *u = unit_for(t, key);
    t->cold = !u; /* else a unit with the same slot would be asked again and again */
    if (!u || c->wake)
        return NULL;
    jumps_choose(t, key);
    if (likely(u->key == key)) /* else it is lent, for this time */
        jumps_note(t, u);
    if (set_counter(t, 0) < u->insns)
        return NULL;
    c->eflags &= ~FLAG_RF; /* there is no breakpoint that it would hold off */
    fpu_review(t);
    give_flags(c);
    t->gone_to = u;
    return u->entry;
}

/* Where the way to a mode is kept: kernels differ from their users in the level and in what FS is,
 * which their entries change apart; STD and CLD go back and forth, too. */
static inline struct way *way_of(struct translator *t, uint32_t mode)
{
    unsigned fs = (unsigned)key_segment(mode, SEG_FS);
    if (!(mode & KEY_CODE_FLAT)) {
        uint32_t base = mode & KEY_FAR ? 0 : (uint32_t)t->vcpu->seg[SEG_CS].base;
        uint32_t h = (base ^ mode) * UINT32_C(0x9E3779B1);
        return &t->way[16 + (h >> 26)];
    }
    return &t->way[4 * fs + 2 * !!(mode & KEY_DF) + !!(mode & KEY_USER)];
}

/* May w be gone by now? Then the window is as it has it. The root is the same, so the policy has
 * nothing to decide before its time. */
static inline bool way_is_open(struct translator *t, const struct way *w, uint32_t mode)
{
    const struct vcpu *c = t->vcpu;
    if (mode != w->mode || c->tlb.flushes != w->flushes || ((t->form ^ w->key) & KEY_FPU))
        return false;
    const struct segment *cs = &c->seg[SEG_CS];
    if (!(mode & KEY_ONE_TABLE) && ((uint32_t)cs->base != w->cs_base || cs->limit != w->cs_limit))
        return false;
    bool window = w->key & KEY_WINDOW;
    if (t->shadow == SHADOW_AUTO && c->walk.paging) {
        struct policy *p = &t->policy;
        if (policy_is_due(p, c->insns) || p->window[c->tlb_view] != window)
            return false;
        policy_cross(p, c->tlb_view, c->insns);
    }
    return !window || show_window(t);
}

/* The way just gone, which the next transfer to this mode may take. (Flat and 8086 code have one
 * table for all code segments.) */
static inline void note_way(struct translator *t)
{
    uint32_t key = t->current_key, mode = key & ~KEY_FORM;
    *way_of(t, mode) = (struct way){.mode = mode,
                                    .key = key,
                                    .cs_base = (uint32_t)t->vcpu->seg[SEG_CS].base,
                                    .cs_limit = t->vcpu->seg[SEG_CS].limit,
                                    .flushes = t->vcpu->tlb.flushes,
                                    .table = t->current};
}

/* Can what eip names run at all? Else it has no token. */
static inline bool has_token(const struct vcpu *c)
{
    return c->eip < c->code_len;
}

/* The jump table knows most targets; a unit's own look at R10 (the stub loads eip there) says
 * whether it is the right one. Where a debugger wants to stop only block_find learns. */
const uint8_t *translator_transfer(struct translator *t, enum flags_place flags)
{
    struct vcpu *c = t->vcpu;
    c->cur = NULL;
    block_refresh(c);
    if (likely(!engine_is_wanted(c) && !c->stops && c->insns < c->insns_end && has_token(c))) {
        jumps_choose(t, present_key(t));
        c->translated.token = token_here(t);
        const uint8_t *host = t->current->slot[jump_slot(c->translated.token)];
        if (likely(host != t->stubs.miss && set_counter(t, 0) >= UNIT_MAX_INSNS)) {
            c->eflags &= ~FLAG_RF;
            fpu_review(t);
            note_way(t);
            if (flags == FLAGS_IN_VCPU)
                give_flags(c);
            return host;
        }
    }
    if (flags == FLAGS_IN_HOST)
        take_flags(c);
    return translator_go_on(t);
}

/* The counter runs on as it is. */
const uint8_t *translator_cross(struct translator *t, enum flags_place flags)
{
    struct vcpu *c = t->vcpu;
    uint32_t mode = key_of(c);
    const struct way *w = way_of(t, mode);
    bool lasts = c->insns < c->insns_end && c->insns_end >= t->end;
    block_refresh(c);
    bool wanted = engine_is_wanted(c) || c->stops || !has_token(c);
    if (unlikely(wanted || !lasts || !way_is_open(t, w, mode)))
        return translator_transfer(t, flags);
    t->form = w->key & KEY_FORM;
    jumps_use(t, w->table, w->key);
    c->translated.token = token_here(t);
    const uint8_t *host = w->table->slot[jump_slot(c->translated.token)];
    if (unlikely(host == t->stubs.miss))
        return translator_transfer(t, flags);
    c->cur = NULL;
    c->eflags &= ~FLAG_RF;
    if (t->fpu.wanted)
        fpu_review(t);
    if (flags == FLAGS_IN_VCPU)
        give_flags(c);
    return host;
}

/* Where the present jump table leads, which serves the present mode, too; or NULL. */
static inline const uint8_t *stay(struct translator *t, bool same_mode)
{
    struct vcpu *c = t->vcpu;
    bool lasts = c->insns < c->insns_end && c->insns_end >= t->end;
    if (unlikely(!same_mode || !lasts || engine_is_wanted(c) || c->stops || t->policy.due))
        return NULL;
    c->translated.token = token_here(t);
    const uint8_t *host = t->current->slot[jump_slot(c->translated.token)];
    if (unlikely(host == t->stubs.miss))
        return NULL;
    c->cur = NULL;
    c->eflags &= ~FLAG_RF;
    if (t->fpu.wanted)
        fpu_review(t);
    return host;
}

const uint8_t *translator_stay(struct translator *t, uint32_t key)
{
    bool same = t->current_key == key && !(t->vcpu->eflags & FLAG_DF) == !(key & KEY_DF);
    const uint8_t *host = stay(t, same);
    return likely(host) ? host : translator_cross(t, FLAGS_IN_HOST);
}

const uint8_t *translator_stay_protected(struct translator *t, uint32_t key)
{
    struct vcpu *c = t->vcpu;
    bool same = t->current_key == key && (key & KEY_ONE_TABLE) && !((key_of(c) ^ key) & ~KEY_FORM);
    block_refresh(c);
    const uint8_t *host = stay(t, same && has_token(c));
    return likely(host) ? host : translator_cross(t, FLAGS_IN_HOST);
}

const uint8_t *translator_behind(struct translator *t, const struct unit *u, unsigned n,
                                 enum flags_place flags)
{
    struct vcpu *c = t->vcpu;
    const struct unit_insn *ui = &u->insn[n];
    c->cur = NULL;
    bool other =
        u->dead || c->wake || c->inhibit || t->policy.due || ((key_of(c) ^ u->key) & ~KEY_FORM);
    if (likely(!other && (!(u->key & KEY_WINDOW) || show_window(t)))) {
        fpu_review(t);
        bool fits = ui->fpu <= t->fpu.level && !((u->key ^ t->form) & KEY_FPU);
        if (likely(fits && set_counter(t, ui->rest) >= u->insns - n - 1u)) {
            if (flags == FLAGS_IN_VCPU)
                give_flags(c);
            c->reg[ESP].q = c->reg[ESP].d - (uint32_t)ui->esp_behind;
            return u->start + ui->resume;
        }
    }
    if (flags == FLAGS_IN_HOST)
        take_flags(c);
    c->eip = eip_behind(u, ui);
    return translator_go_on(t);
}

const uint8_t *translator_behind_device(struct translator *t, const struct unit *u, unsigned n)
{
    struct vcpu *c = t->vcpu;
    bool same = !u->dead && !c->wake && c->insns_end >= t->end;
    if (likely(same && (!(u->key & KEY_WINDOW) || show_window(t)))) {
        c->cur = NULL;
        c->reg[ESP].q = c->reg[ESP].d - (uint32_t)u->insn[n].esp_behind;
        return u->start + u->insn[n].resume;
    }
    return translator_behind(t, u, n, FLAGS_IN_HOST);
}
