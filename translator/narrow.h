/* translator/narrow.h: instructions that are frequent, but too much for host code of their own: a C
 * function does the usual case without the ceremony of a handler (cur, unwinding, lazy flags); all
 * else it leaves to translator_help. */
#ifndef UMBRA_TRANSLATOR_NARROW_H
#define UMBRA_TRANSLATOR_NARROW_H

#include "cpu/exception.h"
#include "translator/flow.h"

/* Called from host code through the narrow stub, as translator_help is through its own: guest
 * registers and translated.flags are current. Returns where host code goes on, or NULL. */
typedef const uint8_t *narrow_function(struct vcpu *c, uint32_t site);

/* Each for some opcodes, or NULL. */
narrow_function *narrow_memory_for(const struct insn *i);  /* what the soft TLB did not serve */
narrow_function *narrow_system_for(const struct insn *i);  /* segments and flags */
narrow_function *narrow_far_for(const struct insn *i);     /* INT, IRET, far jumps, SYSENTER */
narrow_function *narrow_port_for(const struct insn *i);    /* IN, OUT */
narrow_function *narrow_control_for(const struct insn *i); /* control registers, INVLPG, RDTSC .. */

narrow_function *narrow_stack_for(const struct insn *i);     /* CALL, PUSH and POP of memory, .. */
narrow_function *narrow_bits_for(const struct insn *i);      /* BT and its kin in memory */
narrow_function *narrow_fpu_for(const struct insn *i);       /* FNSTENV, FLDENV */
narrow_function *narrow_plain_for(const struct insn *i);     /* DAA and its kin */
narrow_function *narrow_selectors_for(const struct insn *i); /* LAR, LSL, VERR, VERW */
bool narrow_divides(const struct insn *i);                   /* is it DIV or IDIV? */
narrow_function *narrow_divide_for(const struct insn *i);    /* DIV, IDIV that raise #DE often */
narrow_function *narrow_string_for(const struct insn *i);    /* a single MOVS, STOS, LODS */

/* The host address of size bytes that the TLB has for such an access, or NULL. */
static inline uint8_t *narrow_reach(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size,
                                    enum tlb_kind kind)
{
    const struct segment *s = &c->seg[seg];
    uint64_t len = kind == TLB_WRITE ? s->write_len : s->read_len;
    if (offset + (uint64_t)size > len)
        return NULL;
    return tlb_lookup(&c->tlb, c->tlb_view, kind, (uint32_t)s->base + offset, size);
}

/* The same for writing; NULL, too, where code is among them. Up to 32 bytes. For stacks in pages
 * with code, which is where small programs have them. */
uint8_t *narrow_reach_write(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size);

/* Stores size bytes (1, 2, 4) where the TLB knows memory, with code or without, on behalf of
 * instruction n of u. False: nothing was done. Then ends by narrow_stored. */
must_use bool narrow_store(struct vcpu *c, struct unit *u, unsigned n, unsigned seg,
                           uint32_t offset, uint32_t value, unsigned size);
/* The same in pages with code alone, as most that the lookup failed for are. */
must_use bool narrow_store_noted(struct vcpu *c, struct unit *u, unsigned n, unsigned seg,
                                 uint32_t offset, uint32_t value, unsigned size);
/* Behind instruction ui of u, which changed nothing that host code relies on: registers, memory
 * without code. */
static inline const uint8_t *narrow_resume(struct vcpu *c, const struct unit *u,
                                           const struct unit_insn *ui)
{
    c->reg[ESP].q = c->reg[ESP].d - (uint32_t)ui->esp_behind;
    return u->start + ui->resume;
}
/* Behind instruction n of u, which has stored, maybe into u; flags are the host's. */
const uint8_t *narrow_stored(struct vcpu *c, const struct unit *u, unsigned n);

/* Of i's one memory operand: unit_insn.access. */
unsigned narrow_access(const struct insn *i);
/* What the soft TLB did not serve. */
narrow_function narrow_missed;
/* The same, where the TLB has said that the operand is no device's. */
narrow_function narrow_no_device;
/* What narrow_device can do of i: unit_insn.device. */
unsigned narrow_device_form(const struct insn *i);
/* The same, if there is such a form: a quick device first. */
narrow_function narrow_device;
/* The instruction of site accesses another device, at gpa with its one memory operand. */
const uint8_t *narrow_ask(struct vcpu *c, uint32_t site, uint64_t gpa);

static inline uint32_t narrow_register(const struct vcpu *c, unsigned n, unsigned size)
{
    if (size > 1)
        return c->reg[n].d;
    return n < 4 ? c->reg[n].b.l : c->reg[n & 3].b.h;
}

static inline void narrow_set_register(struct vcpu *c, unsigned n, unsigned size, uint32_t value)
{
    if (size == 4)
        c->reg[n].d = value;
    else if (size == 2)
        c->reg[n].w = (uint16_t)value;
    else if (n < 4)
        c->reg[n].b.l = (uint8_t)value;
    else
        c->reg[n & 3].b.h = (uint8_t)value;
}

/* Makes the vCPU what the interpreter's functions and devices expect during the instruction of
 * site: cur, eip and insns are its own. Flags are not: take_flags, where they are looked at or
 * something may be raised. Ends by translator_transfer or translator_behind. */
const struct insn *narrow_begin(struct vcpu *c, uint32_t site);
/* The same for instruction n of u. */
static inline const struct insn *narrow_begin_at(struct vcpu *c, const struct unit *u, unsigned n)
{
    struct translator *t = c->translated.translator;
    const struct unit_insn *ui = &u->insn[n];
    c->insns = retired(t, ui->rest + 1u);
    c->eip = insn_eip(u, ui);
    c->cur = ui->insn;
    c->block_eip = c->eip - ui->insn->offset;
    return ui->insn;
}

/* Instruction n of u, begun so, has run: translator_behind. u was found before it ran: it may be
 * dead now, and the site leads nowhere. */
const uint8_t *narrow_done(struct vcpu *c, const struct unit *u, unsigned n,
                           enum flags_place flags);

/* Instruction n of u, which may be dead, has run, with flags as they are in translated.flags; but
 * the unit must not go on. */
const uint8_t *narrow_leave(struct vcpu *c, const struct unit *u, unsigned n);

/* The instruction of site raises a fault, #GP(0) or one without an error code, before it did
 * anything: on to the guest's handler. The fault counts as the instruction did; those behind it in
 * its block have not run. */
const uint8_t *narrow_general_protection(struct vcpu *c, uint32_t site);
const uint8_t *narrow_fault(struct vcpu *c, uint32_t site, enum vector vector);
/* #GP(0) of instruction n of u, which may be dead. */
const uint8_t *narrow_general_protection_of(struct vcpu *c, const struct unit *u, unsigned n);
/* The same of a page fault at gva. */
const uint8_t *narrow_page_fault(struct vcpu *c, uint32_t site, uint32_t gva, uint32_t error);
/* Is it the monitor's to do what depends on IOPL in the V86 code that runs? */
static inline bool narrow_is_monitored(const struct vcpu *c)
{
    return vcpu_is_v86(c) && (c->eflags & FLAG_IOPL) != FLAG_IOPL && !(c->cr4 & CR4_VME);
}

/* INT or IRET of 8086 code at site has run, counted in insns, with the flags in translated.flags.
 * False: it is not that simple, and nothing was done. */
must_use bool narrow_int_8086(struct vcpu *c, uint32_t site);
must_use bool narrow_iret_8086(struct vcpu *c, uint32_t site);

/* The same in protected mode, within a privilege level, for what narrow_begin has begun; insns is
 * the caller's to count. Far JMP and CALL of i to `to`; far RET, and IRET, of operand size size;
 * INT. next: eip of the next instruction. */
struct far_pointer;
must_use bool narrow_far_same_level(struct vcpu *c, const struct insn *i, struct far_pointer to,
                                    uint32_t next);
must_use bool narrow_return_same_level(struct vcpu *c, unsigned size, unsigned release);
must_use bool narrow_int_same_level(struct vcpu *c, const struct insn *i, uint32_t next);
must_use bool narrow_iret_same_level(struct vcpu *c, unsigned size);
/* A fault with an error code or without (error < 0), of the instruction at eip. */
must_use bool narrow_fault_same_level(struct vcpu *c, enum vector vector, int64_t error);

/* The same between privilege levels (narrow_levels.c): CALL through a call gate (to this level,
 * too); INT, from V86 mode, too; a fault with an error code or without (error < 0) of the
 * instruction at eip; far RET and IRET to an outer level; IRET to V86 mode. Flags are the vCPU's,
 * before and behind. */
must_use bool narrow_call_gate(struct vcpu *c, uint16_t selector, uint32_t next);
must_use bool narrow_int_inner(struct vcpu *c, uint8_t vector, uint32_t next);
must_use bool narrow_fault_inner(struct vcpu *c, enum vector vector, int64_t error);
must_use bool narrow_return_outer(struct vcpu *c, unsigned size, unsigned release);
must_use bool narrow_iret_outer(struct vcpu *c, unsigned size);
must_use bool narrow_iret_to_v86(struct vcpu *c, unsigned size);

/* The one for i, or NULL. */
narrow_function *narrow_for(const struct insn *i);

#endif
