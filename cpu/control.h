/* cpu/control.h: writing control registers, with all that follows from it (SDM vol. 3, 2.5). */
#ifndef UMBRA_CPU_CONTROL_H
#define UMBRA_CPU_CONTROL_H

#include "cpu/state.h"

/* Raise #GP(0) for values that the manual forbids; nothing is changed then. */
void control_write_cr0(struct vcpu *c, uint32_t value);
void control_write_cr3(struct vcpu *c, uint32_t value);
void control_write_cr4(struct vcpu *c, uint32_t value);

/* CR3 from a TSS: as MOV CR3, but #TS(TR) for bad PDPTEs. */
void control_load_task_cr3(struct vcpu *c, uint32_t value);

#endif
