/* cpu/control.h: writing control registers, with all that follows from it (SDM vol. 3, 2.5). */
#ifndef UMBRA_CPU_CONTROL_H
#define UMBRA_CPU_CONTROL_H

#include "cpu/state.h"

/* Raise #GP(0) for values that the manual forbids; nothing is changed then. */
void control_write_cr0(struct vcpu *c, uint32_t value);
void control_write_cr3(struct vcpu *c, uint32_t value);
void control_write_cr4(struct vcpu *c, uint32_t value);

/* MOV to and from CRn, as any privilege level tries it: #GP(0) unless CPL is 0, #UD where there is
 * no such register. c->cur is set. */
uint32_t control_read(struct vcpu *c, unsigned n);
void control_write(struct vcpu *c, unsigned n, uint32_t value);

/* CLTS and LMSW: the same. */
void control_clear_ts(struct vcpu *c);
void control_write_msw(struct vcpu *c, uint32_t value);

/* INVLPG of a linear address: the same. */
void control_invalidate(struct vcpu *c, uint32_t gva);

/* The time stamp counter as RDTSC sees it; #GP(0) where CR4.TSD forbids. */
uint64_t control_read_tsc(struct vcpu *c);
/* ... as it is. */
uint64_t vcpu_tsc(struct vcpu *c);

/* CR3 from a TSS: as MOV CR3, but #TS(TR) for bad PDPTEs. */
void control_load_task_cr3(struct vcpu *c, uint32_t value);

#endif
