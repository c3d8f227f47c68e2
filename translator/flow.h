/* translator/flow.h: the state between vCPU and host code, for the functions that host code calls.
 *
 * While host code runs, the guest's flags and the count of instructions are kept its way; these
 * turn one into the other. */
#ifndef UMBRA_TRANSLATOR_FLOW_H
#define UMBRA_TRANSLATOR_FLOW_H

#include "cpu/flags.h"
#include "cpu/run.h"
#include "translator/translator.h"

/* Flags as SETO and LAHF left them become the vCPU's. */
static inline void take_flags(struct vcpu *c)
{
    uint32_t f = c->translated.flags;
    flags_set_arith(c, (f >> 8 & (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF)) |
                           (f & 1 ? FLAG_OF : 0));
}

static inline void give_flags(struct vcpu *c)
{
    uint32_t f = flags_arith(c);
    c->translated.flags = (f & 0xFF) << 8 | 0x200 | (f & FLAG_OF ? 1 : 0);
}

/* Instructions that are left of the budget behind the running block. */
static inline uint64_t budget_left(const struct translator *t)
{
    return t->vcpu->translated.counter - (uint64_t)(uintptr_t)t->strip;
}

/* Instructions retired when `ahead` of those that the counter has counted have not run yet. */
static inline uint64_t retired(const struct translator *t, unsigned ahead)
{
    return t->end - budget_left(t) - ahead;
}

static inline struct unit *site_unit(const struct translator *t, uint32_t site)
{
    return t->units[site >> SITE_SHIFT];
}

static inline unsigned site_index(uint32_t site)
{
    return site & ((1u << SITE_SHIFT) - 1);
}

/* The eip of what follows ui, as the unit's code has it. */
static inline uint32_t eip_behind(const struct unit *u, const struct unit_insn *ui)
{
    uint32_t eip = insn_eip(u, ui) + ui->insn->len;
    return u->key & KEY_CODE32 ? eip : eip & 0xFFFF;
}

/* Has something to be looked at before the next instruction runs in host code? */
static inline bool engine_is_wanted(const struct vcpu *c)
{
    if (unlikely(c->events) && !(c->events == EVENT_INTR && !(c->eflags & FLAG_IF)))
        return true;
    return c->wake | c->halted | c->shutdown | c->inhibit | run_must_be_single(c);
}

/* Where the guest's arithmetic flags are current when a C function is done. */
enum flags_place {
    FLAGS_IN_HOST, /* in translated.flags, as host code left them */
    FLAGS_IN_VCPU, /* see cpu/flags.h */
};

/* Where host code goes on at c->eip, with insns and flags in the vCPU current; or NULL: the engine
 * has to look. */
const uint8_t *translator_go_on(struct translator *t);

/* The same, fast, behind what leads elsewhere time and again (far jumps, INT, IRET). */
const uint8_t *translator_transfer(struct translator *t, enum flags_place flags);

/* The same behind an instruction that host code has counted as its block's last: insns is what
 * retired(t, 0) says. */
const uint8_t *translator_cross(struct translator *t, enum flags_place flags);

/* The same, with flags in translated.flags, behind an instruction of 8086 code, of a unit for key,
 * that changed no more than CS:IP, flags and memory. */
const uint8_t *translator_stay(struct translator *t, uint32_t key);

/* The same behind what stays at its privilege level of protected mode (narrow_protected.c). */
const uint8_t *translator_stay_protected(struct translator *t, uint32_t key);

/* The same behind instruction n of u, which may be dead: it has run and is counted in insns. The
 * unit goes on when nothing that is built into it changed; what it did to the mapping of its own
 * page is for the caller to know. */
const uint8_t *translator_behind(struct translator *t, const struct unit *u, unsigned n,
                                 enum flags_place flags);

/* The same when it did no more than to ask a device: the mode is as it was. */
const uint8_t *translator_behind_device(struct translator *t, const struct unit *u, unsigned n);

#endif
