/* cpu/exception.c: raising, and delivery with the rules for faults during delivery. The passage
 * through the gate itself stands in deliver.c. */
#include "cpu/exception.h"

#include "cpu/debug.h"
#include "cpu/deliver.h"
#include "cpu/history.h"
#include "cpu/model.h"
#include "cpu/segment.h"
#include "cpu/stops.h"
#include "cpu/task.h"

_Noreturn static void unwind(struct vcpu *c)
{
    if (c->fault.vector < ARRAY_LEN(c->faults))
        c->faults[c->fault.vector]++;
    longjmp(*c->unwind, 1);
}

_Noreturn void cpu_freeze(struct vcpu *c)
{
    c->frozen = true;
    longjmp(*c->unwind, 1);
}

_Noreturn void cpu_raise(struct vcpu *c, enum vector vector)
{
    c->fault.vector = (uint8_t)vector;
    c->fault.has_error = false;
    c->fault.error = 0;
    unwind(c);
}

_Noreturn void cpu_raise_error(struct vcpu *c, enum vector vector, uint32_t error)
{
    c->fault.vector = (uint8_t)vector;
    c->fault.has_error = true;
    c->fault.error = error;
    unwind(c);
}

_Noreturn void cpu_raise_page_fault(struct vcpu *c, uint64_t gva, uint32_t error)
{
    c->cr2 = (uint32_t)gva;
    cpu_raise_error(c, VEC_PF, error);
}

/* e went through the gate from cs:eip: history and debugger hear of it. */
static void delivered(struct vcpu *c, const struct event *e, enum history_kind kind, uint16_t cs,
                      uint32_t eip, uint32_t linear)
{
    static const uint16_t stop_on[] = {[HISTORY_INTERRUPT] = STOP_ON_INTERRUPT,
                                       [HISTORY_EXCEPTION] = STOP_ON_EXCEPTION,
                                       [HISTORY_SOFTWARE] = STOP_ON_SOFTWARE};
    history_event(c, kind, cs, eip, e->vector, e->has_error ? e->error : 0);
    if (likely(!c->stop_on))
        return;
    if (c->stop_on & stop_on[kind])
        stops_event(c, (struct stop_event){.kind = (enum stop_event_kind)stop_on[kind],
                                           .has_error = e->has_error,
                                           .vector = e->vector,
                                           .error = e->error,
                                           .value = c->cr2,
                                           .from_cs = cs,
                                           .from = linear});
    if (c->stop_on & STOP_ON_RETURN)
        stops_called(c, !e->has_error || vcpu_is_real(c) ? 0 : c->code32 ? 4 : 2);
}

/* One attempt. False: c->fault holds what was raised on the way. */
static bool try_deliver(struct vcpu *c, const struct event *e, enum history_kind kind)
{
    uint16_t cs = c->seg[SEG_CS].selector;
    uint32_t eip = (uint32_t)c->eip, linear = (uint32_t)c->seg[SEG_CS].base + eip;
    jmp_buf here, *outer = c->unwind;
    c->fault_ext = e->external;
    c->unwind = &here;
    if (setjmp(here) == 0) {
        deliver_event(c, e);
        delivered(c, e, kind, cs, eip, linear);
        c->unwind = outer;
        c->fault_ext = 0;
        return true;
    }
    c->unwind = outer;
    c->fault_ext = 0;
    return false;
}

/* #DE, #TS, #NP, #SS, #GP (SDM vol. 3, table 6-4). */
static bool is_contributory(unsigned vector)
{
    return vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP);
}

static bool makes_double_fault(unsigned first, unsigned second)
{
    if (is_contributory(first))
        return is_contributory(second);
    return first == VEC_PF && (second == VEC_PF || is_contributory(second));
}

/* EFLAGS as a fault pushes it: RF is set, so that the restarted instruction is not stopped again by
 * its own breakpoint (SDM vol. 3, 17.3.1.1). */
static uint32_t fault_flags(const struct vcpu *c, unsigned vector)
{
    uint32_t flags = vcpu_flags_image(c);
    if (vector != VEC_DF && c->model >= CPU_386)
        flags |= FLAG_RF;
    return flags;
}

/* c->fault as an event. The 8086 to 286 and real mode push no error codes; deliver_real ignores
 * it. */
static struct event fault_event(const struct vcpu *c)
{
    return (struct event){.vector = c->fault.vector,
                          .external = true,
                          .has_error = c->fault.has_error,
                          .error = c->fault.error,
                          .return_eip = (uint32_t)c->eip,
                          .flags = fault_flags(c, c->fault.vector)};
}

static void shut_down(struct vcpu *c)
{
    log_guest(c->log, LOG_WARN, "triple fault at %04X:%08X (CR0 %08X, CR2 %08X, CR3 %08X)",
              c->seg[SEG_CS].selector, (uint32_t)c->eip, c->cr0, c->cr2, (uint32_t)c->cr3);
    c->shutdown = true;
}

static void chain_add(struct vcpu *c, unsigned during)
{
    struct fault_chain *f = &c->fault_chain;
    if (f->count == FAULT_CHAIN)
        return;
    f->fault[f->count].vector = c->fault.vector;
    f->fault[f->count].has_error = c->fault.has_error;
    f->fault[f->count].error = c->fault.error;
    f->fault[f->count].cr2 = c->cr2;
    f->fault[f->count++].during = (uint16_t)during;
}

/* during: the vector whose delivery raised what is due now, or FAULT_FIRST. */
static void deliver_fault(struct vcpu *c, unsigned during)
{
    c->cur = NULL;
    c->fault_chain.count = 0;
    c->fault_chain.insns = c->insns;
    chain_add(c, during);
    unsigned first = c->fault.vector;
    /* Bounded: each round is a fault that is worse than or follows the one before; a guest whose
     * benign faults raise one another for ever is a shutdown too. */
    for (unsigned round = 0; round < 8; round++) {
        struct event e = fault_event(c);
        if (try_deliver(c, &e, HISTORY_EXCEPTION))
            return;
        unsigned second = c->fault.vector;
        chain_add(c, e.vector);
        if (first == VEC_DF && (is_contributory(second) || second == VEC_PF))
            break;
        if (makes_double_fault(first, second)) {
            c->fault.vector = VEC_DF;
            c->fault.has_error = true;
            c->fault.error = 0;
            c->faults[VEC_DF]++;
        }
        first = c->fault.vector;
    }
    shut_down(c);
}

void exception_deliver(struct vcpu *c)
{
    deliver_fault(c, FAULT_FIRST);
}

void exception_deliver_debug_trap(struct vcpu *c, uint32_t dr6_bits)
{
    c->cur = NULL;
    c->halted = false;
    c->dr[6] |= dr6_bits;
    c->dr[7] &= ~(uint64_t)DR7_GD;
    c->faults[VEC_DB]++;
    struct event e = {.vector = VEC_DB,
                      .external = true,
                      .return_eip = (uint32_t)c->eip,
                      .flags = vcpu_flags_image(c)};
    if (!try_deliver(c, &e, HISTORY_EXCEPTION))
        deliver_fault(c, VEC_DB);
}

void interrupt_deliver(struct vcpu *c, uint8_t vector)
{
    c->cur = NULL;
    c->halted = false;
    c->interrupts++;
    struct event e = {.vector = vector,
                      .external = true,
                      .return_eip = (uint32_t)c->eip,
                      .flags = vcpu_flags_image(c)};
    if (!try_deliver(c, &e, HISTORY_INTERRUPT))
        deliver_fault(c, vector);
}

/* INT n in V86 mode (SDM vol. 3, table 20-2). True when it was handled here: by the 8086 program's
 * own vector table. */
static bool redirect_v86(struct vcpu *c, struct event *e)
{
    bool iopl3 = (c->eflags & FLAG_IOPL) == FLAG_IOPL;
    if ((c->cr4 & CR4_VME) && task_redirects(c, e->vector)) {
        if (iopl3) {
            deliver_real(c, e, 0, UINT32_MAX);
            c->eflags &= ~FLAG_IF;
            return true;
        }
        /* The program sees IOPL 3 and its virtual interrupt flag. */
        e->flags = (e->flags & ~FLAG_IF) | FLAG_IOPL | (c->eflags & FLAG_VIF ? FLAG_IF : 0);
        deliver_real(c, e, 0, UINT32_MAX);
        c->eflags &= ~FLAG_VIF;
        return true;
    }
    if (!iopl3)
        cpu_raise_error(c, VEC_GP, 0);
    return false;
}

/* Where INT stands, for those who hear of it once it is done. */
struct origin {
    uint16_t cs;
    uint32_t eip, linear;
};

static void software_done(struct vcpu *c, const struct event *e, const struct origin *from)
{
    delivered(c, e, HISTORY_SOFTWARE, from->cs, from->eip, from->linear);
    c->events &= ~(uint32_t)EVENT_STEP;
}

void interrupt_software(struct vcpu *c, uint8_t vector, enum soft_int kind, uint32_t return_eip)
{
    struct origin from = {c->seg[SEG_CS].selector, vcpu_eip(c), vcpu_pc(c)};
    struct event e = {.vector = vector,
                      .software = kind != SOFT_INT1,
                      .external = kind == SOFT_INT1,
                      .return_eip = return_eip,
                      .flags = vcpu_flags_image(c)};
    /* INT3 and INTO are not sensitive to IOPL, nor redirected (SDM vol. 3, 20.2.7). */
    if (vcpu_is_v86(c) && kind == SOFT_INT_N && redirect_v86(c, &e)) {
        software_done(c, &e, &from);
        return;
    }
    c->fault_ext = e.external;
    deliver_event(c, &e);
    c->fault_ext = 0;
    software_done(c, &e, &from);
}
