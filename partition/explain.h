/* partition/explain.h: what happened and how it came to that, in words: the triple fault, and the
 * history of blocks and events. Lines of text; looking has no side effects. The partition's thread
 * only. */
#ifndef UMBRA_PARTITION_EXPLAIN_H
#define UMBRA_PARTITION_EXPLAIN_H

#include "cpu/history.h"
#include "partition/debug.h"

/* The faults that led to the shutdown, in turn, with what each delivery met: the IDT entry, the
 * code segment, the stack from the TSS, the page walk that failed. To be called while the vCPU is
 * shut down: the tables are read as they are now. */
void explain_triple_fault(struct vcpu *c, struct bytes *out);

/* "write to a page that is not present", "selector 0018 of the GDT": an error code in words. */
void explain_error(unsigned vector, uint32_t error, struct bytes *out);

/* How did it get here: the last count events, and blocks if they are recorded (cpu/history.h),
 * newest last. */
void explain_history(const struct debug *d, unsigned count, struct bytes *out);
/* One of them, no line end. */
void history_text(const struct debug *d, const struct history_entry *e, struct bytes *out);

#endif
