/* cpu/task.h: task state segments and hardware task switching (SDM vol. 3, chapter 7).
 *
 *   TSS32  00 link  04 ESP0 08 SS0 .. 18 SS2  1C CR3  20 EIP  24 EFLAGS  28 EAX .. 44 EDI
 *          48 ES .. 5C GS  60 LDT  64 T(0), 66 I/O map base   (limit at least 67h)
 *   TSS16  00 link  02 SP0 04 SS0 .. 0C SS2  0E IP  10 FLAGS  12 AX .. 20 DI  22 ES .. 28 DS
 *          2A LDT                                             (limit at least 2Bh) */
#ifndef UMBRA_CPU_TASK_H
#define UMBRA_CPU_TASK_H

#include "cpu/segment.h"

enum task_source { TASK_JUMP, TASK_CALL, TASK_INTERRUPT, TASK_RETURN };

/* Switches to the task of TSS selector, whose descriptor d the caller has checked for type and
 * privilege. return_eip and eflags (NT apart) are saved in the old task. Raises in the old task
 * what is found before the switch is committed, in the new one what is found after; c->cur is NULL
 * then. Leaves c->eip set.
 */
void task_switch(struct vcpu *c, uint16_t selector, const struct descriptor *d,
                 enum task_source source, uint32_t return_eip, uint32_t eflags);

/* Checks a task gate's or a direct TSS selector: it must name an available TSS (a busy one for
 * TASK_RETURN) in the GDT. Raises vector(selector), #NP when not present. */
struct descriptor task_descriptor(struct vcpu *c, uint16_t selector, enum task_source source,
                                  enum vector vector);

/* The stack of an inner level from the current TSS; #TS(TR) when it lies beyond its limit. */
void task_inner_stack(struct vcpu *c, unsigned cpl, uint16_t *ss, uint32_t *esp);

/* May the current code access size ports from port? By CPL, IOPL and the TSS's I/O permission
 * bitmap; raises #GP(0) when not. */
void io_check(struct vcpu *c, uint16_t port, unsigned size);
/* The same as an answer; may raise #PF. */
must_use bool io_is_allowed(struct vcpu *c, uint16_t port, unsigned size);

/* V86 with CR4.VME: does INT n go to the program's own handler? (SDM vol. 3, 20.3.3) */
bool task_redirects(struct vcpu *c, uint8_t vector);

#endif
