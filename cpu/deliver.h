/* cpu/deliver.h: one passage through the IDT or the real-mode vector table. */
#ifndef UMBRA_CPU_DELIVER_H
#define UMBRA_CPU_DELIVER_H

#include "cpu/state.h"

struct event {
    uint8_t vector;
    bool software;  /* INT n, INT3, INTO: the gate's DPL is checked */
    bool external;  /* not the program's doing: EXT in the error codes of faults on the way */
    bool has_error; /* an error code is pushed */
    uint32_t error;
    uint32_t return_eip;
    uint32_t flags; /* EFLAGS image to push */
};

/* Delivers e; raises what goes wrong on the way, with nothing changed (but for task gates, see
 * task_switch). */
void deliver_event(struct vcpu *c, const struct event *e);

/* The real-mode way, also for V86 redirection: FLAGS, CS, IP pushed as words, the target from the
 * vector table at linear address table. flags is the image to push. */
void deliver_real(struct vcpu *c, const struct event *e, uint32_t table, uint32_t limit);

#endif
