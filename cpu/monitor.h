/* cpu/monitor.h: what MONITOR arms and MWAIT waits for: a write to one line of memory, by whomever.
 *
 * There is one CPU, so only devices write while it waits, and the engine is asked to go on after
 * each thing they do: the line is compared then with what it was when it was armed. A write that
 * changes nothing goes unseen; MWAIT may end early at any time, so that software looks again
 * (SDM vol. 2, MWAIT), and whatever it waits for changes. */
#ifndef UMBRA_CPU_MONITOR_H
#define UMBRA_CPU_MONITOR_H

#include "cpu/state.h"

/* Arms the line of linear address gva, which may be read; not when it is no memory. */
void monitor_arm(struct vcpu *c, uint32_t gva);

/* Has the armed line changed? */
bool monitor_was_written(const struct vcpu *c);

#endif
